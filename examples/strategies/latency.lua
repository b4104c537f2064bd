-- latency.lua: the cluster that has answered fastest lately, by a moving average of this strategy's own.
--
--   manager:setStrategy(require "examples.strategies.latency")     or        moonpool --strategy examples.strategies.latency ...
--
-- A strategy that learns is a table: `select` chooses, `onResult` hears how each request went, `onClusterChange` who came,
-- left, fell ill or recovered.

local weightOfTheNew = 0.2 -- how fast the average follows
local curiosity = 0.02     -- now and then somebody else is asked, or a slow cluster would never be seen to be fast again

local average = {} -- ms, by the cluster's name

local latency = {}

function latency:select(clusters)
  if math.random() < curiosity then return clusters[math.random(#clusters)] end
  local best, shortest
  for _, cluster in ipairs(clusters) do
    local known = average[cluster.name]
    if not known then return cluster end -- never asked: find out
    local expected = known * (cluster.inFlight + 1)
    if not shortest or expected < shortest then best, shortest = cluster, expected end
  end
  return best
end

function latency:onResult(cluster, outcome)
  local sample = outcome.ok and outcome.duration or outcome.duration + 1000 -- a failure is worth a second
  local known = average[cluster]
  average[cluster] = known and known + weightOfTheNew * (sample - known) or sample
end

function latency:onClusterChange(cluster, change)
  if change ~= "unhealthy" then average[cluster] = nil end -- begins anew
end

return latency
