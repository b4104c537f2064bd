-- failover.lua: fail-over to watch live. It reads from several clusters, 50 times a second, and shows once a second where the
-- answers came from.
--
--   moonpool examples/failover.lua                                  three simulated clusters; the second one dies, and comes back
--   moonpool examples/failover.lua KUBECONFIG [CONTEXT ...]         your own, until Ctrl-C: stop one of them meanwhile
--
-- SECONDS in the environment ends it earlier.
local moonpool = require "moonpool"

local kubeConfigPath = ...
local contexts = { select(2, ...) }

local kubeConfig = moonpool.KubeConfig()
local simulated
if kubeConfigPath then
  assert(kubeConfig:loadFromFile(kubeConfigPath))
else
  simulated = require("moonpool.sim").start { clusters = 3, pods = 5 }
  assert(kubeConfig:loadFromString(simulated:kubeconfig()))
  for _, cluster in ipairs(simulated.clusters) do contexts[#contexts + 1] = cluster.name end
end
if #contexts == 0 then
  for _, context in ipairs(kubeConfig:getContexts()) do contexts[#contexts + 1] = context.name end
end

local manager = moonpool.ConnectionManager {
  clusterHealthCheckInterval = 5000,
  defaultPoolConfig = { minConnections = 1 },
}
for _, context in ipairs(contexts) do
  assert(manager:addCluster { name = context, context = context, kubeConfig = kubeConfig })
end

local function say(...) print(os.date "%X", ...) end

manager:on("clusterUnhealthy", function(cluster, reason) say("✗", cluster .. " is out of the rotation: " .. reason) end)
manager:on("clusterHealthy", function(cluster) say("✓", cluster .. " is well") end)

local moved, answered, failed = 0, {}, 0
manager:on("failover", function() moved = moved + 1 end)

local client = assert(manager:client())
local reader = moonpool.every(20, function()
  local namespaces, err, answer = client.core.listNamespace { limit = 1 }
  if namespaces then
    answered[answer.cluster] = (answered[answer.cluster] or 0) + 1
  else
    failed = failed + 1
    say("!", tostring(err))
  end
end)

-- What happens to the second simulated cluster, and in which second.
local plan = simulated and {
  [3] = function()
    say("*", contexts[2] .. " dies: its port is closed, its connections are reset")
    simulated.byName[contexts[2]].faults:set { { type = "die" } }
  end,
  [10] = function()
    say("*", contexts[2] .. " comes back; it gets its part of the reads gently, over 30 s")
    simulated.byName[contexts[2]].faults:set {}
  end,
} or {}

for second = 1, tonumber(os.getenv "SECONDS") or simulated and 25 or math.huge do
  if plan[second] then plan[second]() end
  moonpool.sleep(1000)
  local parts = {}
  for _, name in ipairs(contexts) do parts[#parts + 1] = ("%s %2d"):format(name, answered[name] or 0) end
  say(" ", table.concat(parts, "   "), ("%d moved, %d failed"):format(moved, failed))
  answered, moved, failed = {}, 0, 0
end

reader:stop()
manager:dispose()
if simulated then simulated:stop() end
