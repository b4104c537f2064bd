-- defaults.lua: what a real API server fills into objects that people leave short. Each function changes the object that it is given.

local core = require("moonpool.core")
local values = require("moonpool.sim.values")

local defaults = {}

local at = values.at

local function set(object, name, value)
  if object[name] == nil then object[name] = value end
end

local function sub(object, name)
  if type(object[name]) ~= "table" then object[name] = {} end
  return object[name]
end

local function pullPolicy(image)
  local tag = type(image) == "string" and image:match(":([^/:@]+)$")
  if type(image) == "string" and image:find("@", 1, true) then return "IfNotPresent" end
  return (not tag or tag == "latest") and "Always" or "IfNotPresent"
end

local function containers(list)
  for _, container in ipairs(type(list) == "table" and list or {}) do
    if type(container) == "table" then
      set(container, "terminationMessagePath", "/dev/termination-log")
      set(container, "terminationMessagePolicy", "File")
      set(container, "imagePullPolicy", pullPolicy(container.image))
      set(container, "resources", {})
      for _, port in ipairs(container.ports or {}) do set(port, "protocol", "TCP") end
    end
  end
end

---@param spec table of a pod or a template
function defaults.podSpec(spec)
  containers(spec.containers)
  containers(spec.initContainers)
  set(spec, "restartPolicy", "Always")
  set(spec, "terminationGracePeriodSeconds", 30)
  set(spec, "dnsPolicy", "ClusterFirst")
  set(spec, "securityContext", {})
  set(spec, "schedulerName", "default-scheduler")
end

local function template(object)
  local spec = sub(sub(sub(object, "spec"), "template"), "spec")
  defaults.podSpec(spec)
end

local function qosClass(spec)
  local guaranteed, any = true, false
  for _, container in ipairs(spec.containers or {}) do
    local requests, limits = at(container, "resources", "requests") or {}, at(container, "resources", "limits") or {}
    if next(requests) or next(limits) then any = true end
    for _, name in ipairs({ "cpu", "memory" }) do
      if not limits[name] or (requests[name] and requests[name] ~= limits[name]) then guaranteed = false end
    end
  end
  return not any and "BestEffort" or guaranteed and "Guaranteed" or "Burstable"
end

local function address(uid, first)
  local sum = 0
  for byte in uid:gmatch("%x%x") do sum = (sum * 31 + tonumber(byte, 16)) % 65536 end
  return ("%s.%d.%d"):format(first, sum // 256, sum % 254 + 1)
end

local byKind = {
  Pod = function(object)
    local spec = sub(object, "spec")
    defaults.podSpec(spec)
    set(spec, "serviceAccountName", "default")
    set(spec, "serviceAccount", spec.serviceAccountName)
    set(spec, "enableServiceLinks", true)
    set(spec, "priority", 0)
    set(spec, "preemptionPolicy", "PreemptLowerPriority")
    set(spec, "tolerations", {
      { key = "node.kubernetes.io/not-ready", operator = "Exists", effect = "NoExecute", tolerationSeconds = 300 },
      { key = "node.kubernetes.io/unreachable", operator = "Exists", effect = "NoExecute", tolerationSeconds = 300 },
    })
    local status = sub(object, "status")
    set(status, "phase", "Pending")
    set(status, "qosClass", qosClass(spec))
  end,
  Deployment = function(object)
    template(object)
    local spec = object.spec
    set(spec, "replicas", 1)
    local strategy = sub(spec, "strategy")
    set(strategy, "type", "RollingUpdate")
    if strategy.type == "RollingUpdate" then
      local rolling = sub(strategy, "rollingUpdate")
      set(rolling, "maxUnavailable", "25%")
      set(rolling, "maxSurge", "25%")
    end
    set(spec, "revisionHistoryLimit", 10)
    set(spec, "progressDeadlineSeconds", 600)
    sub(object, "status")
  end,
  ReplicaSet = function(object)
    template(object)
    set(object.spec, "replicas", 1)
    set(sub(object, "status"), "replicas", 0)
  end,
  StatefulSet = function(object)
    template(object)
    set(object.spec, "replicas", 1)
    set(object.spec, "podManagementPolicy", "OrderedReady")
    set(object.spec, "revisionHistoryLimit", 10)
    set(object.spec, "updateStrategy", { type = "RollingUpdate", rollingUpdate = { partition = 0 } })
    set(sub(object, "status"), "replicas", 0)
  end,
  DaemonSet = function(object)
    template(object)
    set(object.spec, "revisionHistoryLimit", 10)
    set(object.spec, "updateStrategy", { type = "RollingUpdate", rollingUpdate = { maxUnavailable = 1 } })
    local status = sub(object, "status")
    for _, name in ipairs({ "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady" }) do
      set(status, name, 0)
    end
  end,
  Job = function(object)
    template(object)
    local spec, uid = object.spec, object.metadata.uid
    set(spec, "parallelism", 1)
    set(spec, "completions", 1)
    set(spec, "backoffLimit", 6)
    if not spec.manualSelector and uid then
      set(spec, "selector", { matchLabels = { ["controller-uid"] = uid } })
      for _, metadata in ipairs({ object.metadata, sub(spec.template, "metadata") }) do
        local labels = sub(metadata, "labels")
        set(labels, "controller-uid", uid)
        set(labels, "job-name", object.metadata.name)
      end
    end
    sub(object, "status")
  end,
  CronJob = function(object)
    local spec = sub(object, "spec")
    set(spec, "concurrencyPolicy", "Allow")
    set(spec, "suspend", false)
    set(spec, "successfulJobsHistoryLimit", 3)
    set(spec, "failedJobsHistoryLimit", 1)
    sub(object, "status")
  end,
  Namespace = function(object)
    set(sub(object, "spec"), "finalizers", { "kubernetes" })
    set(sub(object, "status"), "phase", "Active")
  end,
  Node = function(object)
    sub(object, "spec")
    local status = sub(object, "status")
    set(status, "daemonEndpoints", { kubeletEndpoint = { Port = 0 } })
    if not status.nodeInfo then
      status.nodeInfo = {}
      for _, name in ipairs({ "machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion",
        "kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture" }) do
        status.nodeInfo[name] = ""
      end
    end
  end,
  Service = function(object)
    local spec = sub(object, "spec")
    set(spec, "type", "ClusterIP")
    set(spec, "sessionAffinity", "None")
    if spec.type ~= "ExternalName" and object.metadata.uid then
      set(spec, "clusterIP", address(object.metadata.uid, "10.96"))
      set(spec, "clusterIPs", { spec.clusterIP })
    end
    for _, port in ipairs(spec.ports or {}) do
      set(port, "protocol", "TCP")
      set(port, "targetPort", port.port)
    end
    set(sub(object, "status"), "loadBalancer", {})
  end,
  Secret = function(object)
    set(object, "type", "Opaque")
    if object.stringData then
      local data = sub(object, "data")
      for key, text in pairs(object.stringData) do data[key] = core.base64(text) end
      object.stringData = nil
    end
  end,
  Event = function(object)
    set(object, "source", {})
    set(object, "reportingComponent", "")
    set(object, "reportingInstance", "")
    for _, name in ipairs({ "firstTimestamp", "lastTimestamp", "eventTime" }) do set(object, name, core.null) end
  end,
  CustomResourceDefinition = function(object)
    local names = sub(sub(object, "spec"), "names")
    if type(names.kind) == "string" then
      set(names, "singular", names.kind:lower())
      set(names, "listKind", names.kind .. "List")
    end
    set(object.spec, "conversion", { strategy = "None" })
    local status = sub(object, "status")
    set(status, "conditions", values.array())
    set(status, "acceptedNames", { plural = "", kind = "" })
    if not status.storedVersions then
      for _, version in ipairs(type(object.spec.versions) == "table" and object.spec.versions or {}) do
        if version.storage then status.storedVersions = { version.name } end
      end
    end
  end,
}

---@param resource moonpool.sim.Resource
---@param object table
function defaults.apply(resource, object)
  local fill = not resource.custom and byKind[resource.kind]
  if fill then fill(object) end
end

return defaults
