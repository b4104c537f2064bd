-- strategies.lua: prints the nanoseconds that a strategy in Lua takes to choose among 8 clusters: a simple one that looks at one
-- number of each candidate. What is measured is leasing through a manager, less the same where the core's round-robin chooses.

local moonpool = require "moonpool"

local manager = moonpool.ConnectionManager { clusterHealthCheckInterval = 0, defaultPoolConfig = { minConnections = 1 } }
for number = 1, 8 do assert(manager:addCluster { name = "bench-" .. number, labels = { env = "bench" } }) end
for number = 1, 8 do manager:release(assert(manager:acquire("bench-" .. number))) end

local function leastInFlight(clusters)
  local best = clusters[1]
  for i = 2, #clusters do
    if clusters[i].inFlight < best.inFlight then best = clusters[i] end
  end
  return best
end

local function measure(strategy)
  manager:setStrategy(strategy)
  local rounds = 50000
  local begin = os.clock()
  for _ = 1, rounds do manager:release(manager:acquire()) end
  return (os.clock() - begin) / rounds * 1e9
end

-- In turn, and the least of each, so that what else the machine does hits neither alone.
local with, without = math.huge, math.huge
for _ = 1, 5 do
  without = math.min(without, measure(moonpool.LoadBalancingStrategy.ROUND_ROBIN))
  with = math.min(with, measure(leastInFlight))
end
print(("%.1f"):format(with - without))
manager:dispose()
