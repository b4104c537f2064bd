-- event_log.lua: everything that happens to several clusters and their connections, a line of JSON each: something to feed a
-- log collector with.
--
--   moonpool --context '*' examples/event_log.lua [SECONDS]     until then; without: until Ctrl-C
local moonpool = require "moonpool"

local seconds = tonumber((...))
local manager = clusters

local function write(event, fields)
  fields.event = event
  fields.time = os.date "!%Y-%m-%dT%H:%M:%SZ"
  print(assert(moonpool.json.encode(fields)))
end

-- Connections: who they are, and what became of them. The cluster is always the last argument.
for _, event in ipairs { "connectionCreated", "connectionAcquired", "connectionReleased" } do
  manager:on(event, function(conn, cluster)
    write(event, { cluster = cluster, connection = conn.id, useCount = conn.useCount })
  end)
end
for _, event in ipairs { "connectionRemoved", "connectionUnhealthy", "connectionLeaked" } do
  manager:on(event, function(conn, reason, cluster)
    write(event, { cluster = cluster, connection = conn.id, useCount = conn.useCount, reason = reason })
  end)
end
manager:on("acquireTimeout", function(message, cluster) write("acquireTimeout", { cluster = cluster, reason = message }) end)

-- Clusters: their health, and where requests went instead.
for _, event in ipairs { "clusterAdded", "clusterRemoved", "clusterHealthy" } do
  manager:on(event, function(cluster) write(event, { cluster = cluster }) end)
end
manager:on("clusterUnhealthy", function(cluster, reason) write("clusterUnhealthy", { cluster = cluster, reason = reason }) end)
manager:on("failover", function(from, to, reason) write("failover", { cluster = from, to = to, reason = reason }) end)
manager:on("strategyError", function(message) write("strategyError", { reason = message }) end)

-- Something to happen: a read a second.
local client = assert(manager:client())
local reader = moonpool.every(1000, function()
  local _, err = client.core.listNamespace { limit = 1 }
  if err then write("readFailed", { cluster = err.cluster, reason = err.message }) end
end)

if seconds then
  moonpool.sleep(seconds * 1000)
  reader:stop()
  manager:dispose()
end
