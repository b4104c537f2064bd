-- sticky.lua: whoever comes with the same key goes to the same cluster, until that is not there any more.
--
--   manager:setStrategy(require "examples.strategies.sticky")      or        moonpool --strategy examples.strategies.sticky ...
--   manager:acquire { key = "tenant-7" }     client.core.listNamespacedPod("default", { key = "tenant-7" })
--
-- It remembers each key's cluster and spreads new keys evenly. (The built-in RENDEZVOUS gets by without a memory: there the
-- key alone decides. This one never moves a key while its cluster is well, also when clusters are added.)

local home = {} -- cluster's name, by key
local keys = {} -- how many keys live in a cluster, by its name

local sticky = {}

function sticky:select(clusters, request)
  if not request.key then return nil end -- no matter: the fall-back chooses
  local fewest
  for _, cluster in ipairs(clusters) do
    if cluster.name == home[request.key] then return cluster end
    if not fewest or (keys[cluster.name] or 0) < (keys[fewest.name] or 0) then fewest = cluster end
  end
  local before = home[request.key]
  if before then keys[before] = keys[before] - 1 end
  home[request.key] = fewest.name
  keys[fewest.name] = (keys[fewest.name] or 0) + 1
  return fewest
end

return sticky
