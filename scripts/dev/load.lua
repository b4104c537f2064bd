-- load.lua FILE: creates the pods of a PodList (see bench/podlist.lua) on the cluster of the current context, with the
-- nodes and namespaces they need, and gives each the status that its kubelet would. For measuring on a real API server.

local moonpool = require "moonpool"

local function readFile(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

local client = assert(moonpool.KubernetesClient())
local pods = assert(moonpool.json.decode(readFile(assert(arg[1], "usage: load.lua FILE")))).items

--- Calls `create` until the object is there. "Try again", or "no such service account", is what the server says of
--- pods until it has seen what the controller manager makes for their namespace.
local function ensure(create, ...)
  for _ = 1, 300 do
    local object, err = create(...)
    if object or err.reason == "AlreadyExists" then return end
    if err.reason ~= "ServerTimeout" and err.reason ~= "Forbidden" then error(err) end
    moonpool.sleep(100)
  end
  error("the server goes on to refuse " .. tostring(select(-1, ...).metadata.name))
end

local function forEach(list, fn)
  for _, outcome in ipairs(moonpool.map(list, fn, { concurrency = 32 })) do assert(outcome) end
end

--- The distinct values of a field of all pods.
local function distinct(field)
  local seen, list = {}, {}
  for _, pod in ipairs(pods) do
    local value = field(pod)
    if not seen[value] then
      seen[value] = true
      list[#list + 1] = value
    end
  end
  return list
end

local nodes = distinct(function(pod) return pod.spec.nodeName end)
local namespaces = distinct(function(pod) return pod.metadata.namespace end)

for _, name in ipairs(nodes) do ensure(client.core.createNode, { metadata = { name = name } }) end
for _, name in ipairs(namespaces) do ensure(client.core.createNamespace, { metadata = { name = name } }) end
forEach(pods, function(pod)
  local meta, spec = pod.metadata, pod.spec
  -- an owner that does not exist would have the pod collected; the rest is the server's to set
  meta.ownerReferences, meta.managedFields, meta.uid, meta.resourceVersion, meta.creationTimestamp = nil, nil, nil, nil, nil
  spec.serviceAccountName, spec.serviceAccount, spec.priority, spec.preemptionPolicy = nil, nil, nil, nil
  ensure(client.core.createNamespacedPod, meta.namespace, pod)
  assert(client.core.patchNamespacedPodStatus(meta.name, meta.namespace, { status = pod.status }))
  return true
end)
print(("%d pods in %d namespaces on %d nodes"):format(#pods, #namespaces, #nodes))
client:dispose()
