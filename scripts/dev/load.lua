-- load.lua FILE: creates the pods of a PodList (see bench/podlist.lua) on the cluster of the current context, with the
-- nodes and namespaces they need, and gives each the status that its kubelet would. For measuring on a real API server.

local moonpool = require "moonpool"

local function readFile(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

local client = assert(moonpool.KubernetesClient())
local pods = assert(moonpool.json.decode(readFile(assert(arg[1], "usage: load.lua FILE")))).items

--- What a create call answered; that the object is there already is fine.
local function created(object, err)
  if not object and err.reason ~= "AlreadyExists" then error(err) end
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

for _, name in ipairs(nodes) do created(client.core.createNode { metadata = { name = name } }) end
for _, name in ipairs(namespaces) do created(client.core.createNamespace { metadata = { name = name } }) end
for _, name in ipairs(namespaces) do
  -- pods are refused until the controller manager has made the namespace's service account
  local tries = 0
  while not client.core.readNamespacedServiceAccount("default", name) do
    tries = tries + 1
    assert(tries < 300, "no service account in namespace " .. name)
    moonpool.sleep(100)
  end
end

forEach(pods, function(pod)
  local meta, spec = pod.metadata, pod.spec
  -- an owner that does not exist would have the pod collected; the rest is the server's to set
  meta.ownerReferences, meta.managedFields, meta.uid, meta.resourceVersion, meta.creationTimestamp = nil, nil, nil, nil, nil
  spec.serviceAccountName, spec.serviceAccount, spec.priority, spec.preemptionPolicy = nil, nil, nil, nil
  created(client.core.createNamespacedPod(meta.namespace, pod))
  assert(client.core.patchNamespacedPodStatus(meta.name, meta.namespace, { status = pod.status }))
  return true
end)
print(("%d pods in %d namespaces on %d nodes"):format(#pods, #namespaces, #nodes))
client:dispose()
