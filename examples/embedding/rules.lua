-- rules.lua: what host.c runs: once a second it sets a gauge of the host for each cluster, the number of pods that do not run.
-- `setGauge` and `clusters` are the host's.
local moonpool = require "moonpool"

--- Pods of a cluster that neither run nor have ended well.
local function broken(client)
  local pods, err = client.core.listPodForAllNamespaces()
  if not pods then return nil, err end
  local count = 0
  for _, pod in ipairs(pods.items) do
    if pod.status.phase ~= "Running" and pod.status.phase ~= "Succeeded" then count = count + 1 end
  end
  return count
end

local function look()
  local failed = 0
  for name, result in pairs(assert(clusters:each(broken, { timeout = 5000 }))) do
    if result.ok then
      setGauge("broken." .. name, result.value)
    else
      failed = failed + 1
      moonpool.log.warn("cannot look at " .. name .. ": " .. result.err.message)
    end
  end
  setGauge("clusters.failed", failed) -- a cluster that cannot be asked keeps its last gauge, and this one says that it is old
end

look()
moonpool.every(1000, look)
