-- resources.lua: the kinds that a simulated cluster knows: their names, what can be selected by field, what is special about them.
-- Custom resources are made from their definitions by resources.custom.

local values = require("moonpool.sim.values")

local resources = {}

local at = values.at

---@class moonpool.sim.Resource
---@field id string "pods", "deployments.apps"
---@field group string "" for the core group
---@field version string
---@field groupVersion string "v1", "apps/v1"
---@field plural string
---@field singular string
---@field kind string
---@field listKind string
---@field namespaced boolean
---@field shortNames string[]?
---@field categories string[]?
---@field subresources table<string, true>
---@field noCollectionDelete boolean?
---@field label boolean? names are labels (no dots)
---@field generation boolean? counts changes of the spec
---@field mustGiveVersion boolean? an update without resourceVersion is refused
---@field returnsDeleted boolean? a deletion answers with the object
---@field fields table<string, fun(object: table): string>
---@field fieldMessage string? what to say about other fields
---@field mergeKeys table<string, string>? list keys of strategic merge patches that differ from the usual
---@field custom boolean?
---@field schema table? of a custom resource
---@field jsonHead string? what goes before the rest of an object that stands alone

--- Reads a field as text, as field selectors compare it.
local function field(...)
  local path = { ... }
  return function(object)
    local value = at(object, table.unpack(path))
    return value == nil and "" or tostring(value)
  end
end

local function common(namespaced)
  return {
    ["metadata.name"] = field("metadata", "name"),
    ["metadata.namespace"] = namespaced and field("metadata", "namespace") or nil,
  }
end

--- Fields given as "a.b.c".
local function fieldsOf(namespaced, names)
  local fields = common(namespaced)
  for _, name in ipairs(names) do
    local path = {}
    for part in name:gmatch("[^.]+") do path[#path + 1] = part end
    fields[name] = field(table.unpack(path))
  end
  return fields
end

local plainFieldMessage = '"%s" is not a known field selector: only "metadata.name", "metadata.namespace"'

local function complete(resource)
  resource.id = resource.group == "" and resource.plural or resource.plural .. "." .. resource.group
  resource.groupVersion = resource.group == "" and resource.version or resource.group .. "/" .. resource.version
  resource.listKind = resource.listKind or resource.kind .. "List"
  resource.singular = resource.singular or resource.kind:lower()
  resource.subresources = resource.subresources or {}
  if not resource.custom then
    resource.jsonHead = ('{"kind":"%s","apiVersion":"%s",'):format(resource.kind, resource.groupVersion)
  end
  if not resource.fields then
    resource.fields = common(true)
    resource.fieldMessage = plainFieldMessage
  end
  return resource
end

local function builtin(group, version, plural, kind, namespaced, more)
  local resource = { group = group, version = version, plural = plural, kind = kind, namespaced = namespaced }
  for key, value in pairs(more or {}) do resource[key] = value end
  if resource.selectable then
    resource.fields = fieldsOf(namespaced, resource.selectable)
    resource.fields["spec.unschedulable"] = resource.fields["spec.unschedulable"]
      and function(object) return tostring(at(object, "spec", "unschedulable") or false) end
  end
  return complete(resource)
end

local withStatus = { status = true }
local withScale = { status = true, scale = true }
local all = { "all" }

--- A fresh list of the built-in resources.
---@return moonpool.sim.Resource[]
function resources.builtins()
  return {
    builtin("", "v1", "configmaps", "ConfigMap", true, { shortNames = { "cm" } }),
    builtin("", "v1", "endpoints", "Endpoints", true, { shortNames = { "ep" } }),
    builtin("", "v1", "events", "Event", true, { shortNames = { "ev" }, selectable = {
      "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
      "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "source", "type" } }),
    builtin("", "v1", "limitranges", "LimitRange", true, { shortNames = { "limits" } }),
    builtin("", "v1", "namespaces", "Namespace", false, { shortNames = { "ns" }, subresources = { status = true, finalize = true },
      noCollectionDelete = true, label = true, returnsDeleted = true, selectable = { "status.phase" } }),
    builtin("", "v1", "nodes", "Node", false, { shortNames = { "no" }, subresources = withStatus,
      selectable = { "spec.unschedulable" } }),
    builtin("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, { shortNames = { "pvc" }, subresources = withStatus }),
    builtin("", "v1", "persistentvolumes", "PersistentVolume", false, { shortNames = { "pv" }, subresources = withStatus }),
    builtin("", "v1", "pods", "Pod", true, { shortNames = { "po" }, categories = all, subresources = withStatus, returnsDeleted = true,
      selectable = { "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
        "status.podIP", "status.nominatedNodeName" } }),
    builtin("", "v1", "replicationcontrollers", "ReplicationController", true, { shortNames = { "rc" }, categories = all,
      subresources = withScale, generation = true, selectable = { "status.replicas" } }),
    builtin("", "v1", "resourcequotas", "ResourceQuota", true, { shortNames = { "quota" }, subresources = withStatus }),
    builtin("", "v1", "secrets", "Secret", true, { selectable = { "type" } }),
    builtin("", "v1", "serviceaccounts", "ServiceAccount", true, { shortNames = { "sa" } }),
    builtin("", "v1", "services", "Service", true, { shortNames = { "svc" }, categories = all, subresources = withStatus,
      noCollectionDelete = true, mergeKeys = { ports = "port" } }),
    builtin("apps", "v1", "daemonsets", "DaemonSet", true, { shortNames = { "ds" }, categories = all, subresources = withStatus,
      generation = true }),
    builtin("apps", "v1", "deployments", "Deployment", true, { shortNames = { "deploy" }, categories = all, subresources = withScale,
      generation = true }),
    builtin("apps", "v1", "replicasets", "ReplicaSet", true, { shortNames = { "rs" }, categories = all, subresources = withScale,
      generation = true, selectable = { "status.replicas" } }),
    builtin("apps", "v1", "statefulsets", "StatefulSet", true, { shortNames = { "sts" }, categories = all, subresources = withScale,
      generation = true }),
    builtin("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true, { shortNames = { "hpa" }, categories = all,
      subresources = withStatus }),
    builtin("batch", "v1", "cronjobs", "CronJob", true, { shortNames = { "cj" }, categories = all, subresources = withStatus,
      generation = true }),
    builtin("batch", "v1", "jobs", "Job", true, { categories = all, subresources = withStatus, selectable = { "status.successful" } }),
    builtin("coordination.k8s.io", "v1", "leases", "Lease", true, { mustGiveVersion = true }),
    builtin("networking.k8s.io", "v1", "ingresses", "Ingress", true, { shortNames = { "ing" }, subresources = withStatus,
      generation = true }),
    builtin("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true, { shortNames = { "netpol" }, generation = true }),
    builtin("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true, { shortNames = { "pdb" }, subresources = withStatus,
      generation = true }),
    builtin("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false),
    builtin("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
    builtin("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true),
    builtin("rbac.authorization.k8s.io", "v1", "roles", "Role", true),
    builtin("storage.k8s.io", "v1", "storageclasses", "StorageClass", false, { shortNames = { "sc" } }),
    builtin("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false,
      { shortNames = { "crd", "crds" }, subresources = withStatus, generation = true, mustGiveVersion = true, returnsDeleted = true }),
  }
end

--- The resources that a CustomResourceDefinition defines, one for each served version.
---@param definition table
---@return moonpool.sim.Resource[]
function resources.custom(definition)
  local spec, list = definition.spec, {}
  for _, version in ipairs(spec.versions) do
    if version.served then
      local subresources = {}
      for name in pairs(version.subresources or {}) do subresources[name] = true end
      local resource = complete({
        group = spec.group, version = version.name, plural = spec.names.plural, singular = spec.names.singular, kind = spec.names.kind,
        listKind = spec.names.listKind, namespaced = spec.scope == "Namespaced", shortNames = spec.names.shortNames,
        categories = spec.names.categories, subresources = subresources, generation = true, mustGiveVersion = true, custom = true,
        schema = at(version, "schema", "openAPIV3Schema"), scalePaths = at(version, "subresources", "scale"),
        fields = common(spec.scope == "Namespaced"),
      })
      list[#list + 1] = resource
    end
  end
  return list
end

--- The verbs of a resource, or of one of its subresources.
---@param resource moonpool.sim.Resource
---@param subresource string?
---@return string[]
function resources.verbs(resource, subresource)
  if subresource == "finalize" then return { "update" } end
  if subresource then return { "get", "patch", "update" } end
  local verbs = { "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch" }
  if resource.noCollectionDelete then table.remove(verbs, 3) end
  return verbs
end

return resources
