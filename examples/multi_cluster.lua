-- multi_cluster.lua: several clusters behind one manager: pods counted in each, and their health watched.
--
--   moonpool examples/multi_cluster.lua [KUBECONFIG [CONTEXT ...]]
--
-- Without arguments: the default kubeconfig, and all of its contexts. MONITOR_INTERVAL (ms, default 60000) and ROUNDS (default 1)
-- say how often health is printed and how many times the pods are counted.
local moonpool = require "moonpool"

local kubeConfigPath = ...
local contexts = { select(2, ...) }
local interval = tonumber(os.getenv "MONITOR_INTERVAL") or 60000
local rounds = tonumber(os.getenv "ROUNDS") or 1

local function loadKubeConfig(context)
  local kubeConfig = moonpool.KubeConfig()
  assert(kubeConfigPath and kubeConfig:loadFromFile(kubeConfigPath) or kubeConfig:loadFromDefault())
  if context then assert(kubeConfig:setCurrentContext(context)) end
  return kubeConfig
end

if #contexts == 0 then
  for _, context in ipairs(loadKubeConfig():getContexts()) do contexts[#contexts + 1] = context.name end
end

local function setupMultiCluster()
  local manager = moonpool.ConnectionManager {
    loadBalancingStrategy = moonpool.LoadBalancingStrategy.LEAST_CONNECTIONS,
    enableFailover = true,
    clusterHealthCheckInterval = 30000,
    defaultPoolConfig = {
      minConnections = 3,
      maxConnections = 15,
    },
  }

  -- Add multiple clusters
  for _, context in ipairs(contexts) do
    assert(manager:addCluster {
      name = "cluster-" .. context,
      kubeConfigFactory = function() return loadKubeConfig(context) end,
    })
  end

  -- Perform operations across clusters
  local function listPodsAcrossClusters()
    local results = {}
    for _, context in ipairs(contexts) do
      local preferred = "cluster-" .. context
      local cluster, connection = manager:acquire(preferred)
      if cluster then
        local api = connection:makeApiClient(moonpool.CoreV1Api)
        local pods, err = api.listPodForAllNamespaces()
        manager:release(cluster, connection)
        results[cluster] = pods and #pods.items
        if err then io.stderr:write(("Failed to list pods in %s: %s\n"):format(context, err)) end
        if cluster ~= preferred then -- enableFailover: a connection of another cluster, where the preferred one has none
          io.stderr:write(("Failed to list pods in %s: it cannot be reached, %s answered instead\n"):format(context, cluster))
        end
      else
        io.stderr:write(("Failed to list pods in %s: %s\n"):format(context, connection)) -- no cluster: then this is the error
      end
    end
    return results
  end

  -- Monitor cluster health
  local monitor = moonpool.every(interval, function()
    for cluster, stat in pairs(manager:getStats()) do
      print(("%s: %s (%d/%d)"):format(cluster, stat.healthy and "✓" or "✗", stat.poolStats.idle, stat.poolStats.total))
    end
  end)

  return manager, listPodsAcrossClusters, monitor
end

local manager, listPodsAcrossClusters, monitor = setupMultiCluster()
for _ = 1, rounds do
  for cluster, count in pairs(listPodsAcrossClusters()) do print(("%s: %d pods"):format(cluster, count)) end
  if rounds > 1 then moonpool.sleep(interval) end
end
monitor:stop()
manager:dispose()
