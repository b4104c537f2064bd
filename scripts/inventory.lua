-- inventory.lua: what each cluster is and has: version, nodes, deployments, pods, capacity
--
--   moonpool run inventory --clusters '*'
local script = require "moonpool.script"

local run = script.new("inventory", "What each cluster is and has: version, nodes that are ready, deployments that are complete, pods, "
  .. "pods that do not run, and what the nodes offer.")
run:parse()

--- How many there are, for the price of one.
local function count(resource)
  local page = assert(resource.list { limit = 1 })
  return #page.items + (page.metadata.remainingItemCount or 0)
end

local SUFFIXES = { m = 1e-3, k = 1e3, M = 1e6, G = 1e9, T = 1e12, Ki = 2 ^ 10, Mi = 2 ^ 20, Gi = 2 ^ 30, Ti = 2 ^ 40 }

--- A quantity such as "250m" or "65840724Ki" as a number.
local function quantity(text)
  local number, suffix = tostring(text or 0):match "^([%d.]+)(%a*)$"
  return (tonumber(number) or 0) * (SUFFIXES[suffix] or 1)
end

local function isReady(node)
  for _, condition in ipairs(node.status.conditions or {}) do
    if condition.type == "Ready" then return condition.status == "True" end
  end
  return false
end

run:collect(function(client, add)
  local version = assert(client:request { path = "/version" })
  local resources = client.resources
  local nodes, ready, cpu, memory = 0, 0, 0, 0
  for node in resources.node.each() do
    nodes, ready = nodes + 1, ready + (isReady(node) and 1 or 0)
    cpu = cpu + quantity(node.status.allocatable and node.status.allocatable.cpu)
    memory = memory + quantity(node.status.allocatable and node.status.allocatable.memory)
  end
  local deployments, complete = 0, 0
  for deployment in resources.deployment.each() do
    deployments = deployments + 1
    if (deployment.status.availableReplicas or 0) >= (deployment.spec.replicas or 1) then complete = complete + 1 end
  end
  local idle = 0
  for _ in resources.pod.each { fieldSelector = "status.phase!=Running,status.phase!=Succeeded" } do idle = idle + 1 end
  add { version = version.gitVersion, nodes = ("%d/%d"):format(ready, nodes), cpu = math.floor(cpu + 0.5),
    memoryGi = math.floor(memory / 2 ^ 30 + 0.5), namespaces = count(resources.namespace),
    deployments = ("%d/%d"):format(complete, deployments), pods = count(resources.pod), notRunning = idle }
end)

run:show { "cluster", "version", "nodes", "cpu", "memoryGi", "namespaces", "deployments", "pods", "notRunning" }
