-- kinds.lua: the kinds that every Kubernetes cluster has, so that calls on them need no question to the cluster first.
--
-- One line a kind: name, plural, scope (n: namespaced, c: cluster), short names, subresources; "-" where there is none.
-- A group's lines are read when the group is first used. Everything else, and other versions, comes from discovery.lua.

---@class moonpool.Kind  One kind as a cluster serves it.
---@field group string "" for the core group
---@field version string
---@field kind string "Deployment"
---@field plural string "deployments"
---@field namespaced boolean
---@field shortNames string[]
---@field subresources table<string, boolean>
---@field builtin boolean one of Kubernetes' own groups (accepts strategic merge patches)

local kinds = {}

---@class moonpool.Group
---@field name string "apps", "rbac.authorization.k8s.io"
---@field class string as in AppsV1Api: "Apps"
---@field alias string as in client.apps: "apps"
---@field version string the version that this library prefers
---@field lines string?

---@type moonpool.Group[]
kinds.groups = {
  { name = "", class = "Core", alias = "core", version = "v1", lines = [[
Binding bindings n - -
ComponentStatus componentstatuses c cs -
ConfigMap configmaps n cm -
Endpoints endpoints n ep -
Event events n ev -
LimitRange limitranges n limits -
Namespace namespaces c ns finalize,status
Node nodes c no proxy,status
PersistentVolume persistentvolumes c pv status
PersistentVolumeClaim persistentvolumeclaims n pvc status
Pod pods n po attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status
PodTemplate podtemplates n - -
ReplicationController replicationcontrollers n rc scale,status
ResourceQuota resourcequotas n quota status
Secret secrets n - -
Service services n svc proxy,status
ServiceAccount serviceaccounts n sa token
]] },
  { name = "apps", class = "Apps", alias = "apps", version = "v1", lines = [[
ControllerRevision controllerrevisions n - -
DaemonSet daemonsets n ds status
Deployment deployments n deploy scale,status
ReplicaSet replicasets n rs scale,status
StatefulSet statefulsets n sts scale,status
]] },
  { name = "batch", class = "Batch", alias = "batch", version = "v1", lines = [[
CronJob cronjobs n cj status
Job jobs n - status
]] },
  { name = "networking.k8s.io", class = "Networking", alias = "networking", version = "v1", lines = [[
IPAddress ipaddresses c ip -
Ingress ingresses n ing status
IngressClass ingressclasses c - -
NetworkPolicy networkpolicies n netpol status
ServiceCIDR servicecidrs c - status
]] },
  { name = "rbac.authorization.k8s.io", class = "RbacAuthorization", alias = "rbac", version = "v1", lines = [[
ClusterRole clusterroles c - -
ClusterRoleBinding clusterrolebindings c - -
Role roles n - -
RoleBinding rolebindings n - -
]] },
  { name = "policy", class = "Policy", alias = "policy", version = "v1", lines = [[
PodDisruptionBudget poddisruptionbudgets n pdb status
PodSecurityPolicy podsecuritypolicies c psp -
]] },
  { name = "autoscaling", class = "Autoscaling", alias = "autoscaling", version = "v2", lines = [[
HorizontalPodAutoscaler horizontalpodautoscalers n hpa status
]] },
  { name = "storage.k8s.io", class = "Storage", alias = "storage", version = "v1", lines = [[
CSIDriver csidrivers c - -
CSINode csinodes c - -
CSIStorageCapacity csistoragecapacities n - -
StorageClass storageclasses c sc -
VolumeAttachment volumeattachments c - status
]] },
  { name = "coordination.k8s.io", class = "Coordination", alias = "coordination", version = "v1", lines = [[
Lease leases n - -
]] },
  { name = "events.k8s.io", class = "Events", alias = "events", version = "v1", lines = [[
Event events n ev -
]] },
  { name = "apiextensions.k8s.io", class = "Apiextensions", alias = "apiextensions", version = "v1", lines = [[
CustomResourceDefinition customresourcedefinitions c crd,crds status
]] },
  { name = "apiregistration.k8s.io", class = "Apiregistration", alias = "apiregistration", version = "v1", lines = [[
APIService apiservices c - status
]] },
  { name = "admissionregistration.k8s.io", class = "Admissionregistration", alias = "admissionregistration",
    version = "v1", lines = [[
MutatingWebhookConfiguration mutatingwebhookconfigurations c - -
ValidatingAdmissionPolicy validatingadmissionpolicies c - status
ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings c - -
ValidatingWebhookConfiguration validatingwebhookconfigurations c - -
]] },
  { name = "discovery.k8s.io", class = "Discovery", alias = "discovery", version = "v1", lines = [[
EndpointSlice endpointslices n - -
]] },
  { name = "scheduling.k8s.io", class = "Scheduling", alias = "scheduling", version = "v1", lines = [[
PriorityClass priorityclasses c pc -
]] },
  { name = "certificates.k8s.io", class = "Certificates", alias = "certificates", version = "v1", lines = [[
CertificateSigningRequest certificatesigningrequests c csr approval,status
]] },
  { name = "authentication.k8s.io", class = "Authentication", alias = "authentication", version = "v1", lines = [[
SelfSubjectReview selfsubjectreviews c - -
TokenReview tokenreviews c - -
]] },
  { name = "authorization.k8s.io", class = "Authorization", alias = "authorization", version = "v1", lines = [[
LocalSubjectAccessReview localsubjectaccessreviews n - -
SelfSubjectAccessReview selfsubjectaccessreviews c - -
SelfSubjectRulesReview selfsubjectrulesreviews c - -
SubjectAccessReview subjectaccessreviews c - -
]] },
  { name = "node.k8s.io", class = "Node", alias = "node", version = "v1", lines = [[
RuntimeClass runtimeclasses c - -
]] },
  { name = "flowcontrol.apiserver.k8s.io", class = "FlowcontrolApiserver", alias = "flowcontrol", version = "v1",
    lines = [[
FlowSchema flowschemas c - status
PriorityLevelConfiguration prioritylevelconfigurations c - status
]] },
  { name = "internal.apiserver.k8s.io", class = "InternalApiserver", alias = "internalApiserver",
    version = "v1alpha1", lines = [[
StorageVersion storageversions c - status
]] },
  -- Only clusters before 1.22 have it.
  { name = "extensions", class = "Extensions", alias = "extensions", version = "v1beta1", lines = [[
Ingress ingresses n ing status
]] },
}

local byName, byClass, byAlias = {}, {}, {}
for _, group in ipairs(kinds.groups) do
  byName[group.name], byClass[group.class], byAlias[group.alias] = group, group, group
end
kinds.byGroupName, kinds.byClass, kinds.byAlias = byName, byClass, byAlias

local function words(text)
  local list = {}
  if text ~= "-" then
    for word in text:gmatch("[^,]+") do list[#list + 1] = word end
  end
  return list
end

local function setOf(list)
  local set = {}
  for _, item in ipairs(list) do set[item] = true end
  return set
end

local loaded = {} ---@type table<string, table<string, moonpool.Kind>> group name -> kind -> entry

--- The kinds of a built-in group by name; empty for other groups.
---@param groupName string
---@return table<string, moonpool.Kind>
function kinds.ofGroup(groupName)
  local set = loaded[groupName]
  if set then return set end
  set = {}
  local group = byName[groupName]
  if group then
    for kind, plural, scope, short, subresources in group.lines:gmatch("(%S+) (%S+) (%S+) (%S+) (%S+)\n") do
      set[kind] = { group = group.name, version = group.version, kind = kind, plural = plural, namespaced = scope == "n",
        shortNames = words(short), subresources = setOf(words(subresources)), builtin = true }
    end
  end
  loaded[groupName] = set
  return set
end

local index ---@type table<string, moonpool.Kind>? lower-case kind, plural and short names

--- A built-in kind by any of its names ("pod", "Pods", "po"); the first group that has it wins, as in kubectl.
---@param name string
---@return moonpool.Kind?
function kinds.named(name)
  if not index then
    index = {}
    for _, group in ipairs(kinds.groups) do
      for _, entry in pairs(kinds.ofGroup(group.name)) do
        local names = { entry.kind:lower(), entry.plural, table.unpack(entry.shortNames) }
        for _, known in ipairs(names) do index[known] = index[known] or entry end
      end
    end
  end
  return index[name:lower()]
end

--- The same kind in another version of its group.
---@param entry moonpool.Kind
---@param version string
---@return moonpool.Kind
function kinds.inVersion(entry, version)
  if entry.version == version then return entry end
  local copy = {}
  for key, value in pairs(entry) do copy[key] = value end
  copy.version = version
  return copy
end

--- "/api/v1" or "/apis/apps/v1".
---@param groupName string
---@param version string
---@return string
function kinds.basePath(groupName, version)
  if groupName == "" then return "/api/" .. version end
  return ("/apis/%s/%s"):format(groupName, version)
end

--- "v1" or "apps/v1".
---@param entry moonpool.Kind
---@return string
function kinds.apiVersion(entry)
  return entry.group == "" and entry.version or entry.group .. "/" .. entry.version
end

return kinds
