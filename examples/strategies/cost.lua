-- cost.lua: the cheapest cluster that has a connection to spare. What a cluster costs is its label `cost`, any number.
--
--   manager:setStrategy(require "examples.strategies.cost")        or        moonpool --strategy examples.strategies.cost ...
--
-- A strategy can be as little as a function: it gets the clusters that may be chosen and returns one of them.

local roomPerCluster = 8 -- requests at the same time, before the next dearer one is asked

return function(clusters)
  local cheapest, lowest
  for _, cluster in ipairs(clusters) do
    local cost = tonumber(cluster.labels.cost) or math.huge -- no label: only when nothing else is left
    if cluster.inFlight < roomPerCluster and (not lowest or cost < lowest) then cheapest, lowest = cluster, cost end
  end
  return cheapest -- nil when all are busy: then the fall-back chooses
end
