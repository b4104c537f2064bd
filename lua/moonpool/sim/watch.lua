-- watch.lua: streams of changes. A watcher belongs to one exchange; it is told of every change of its collection and writes those that its
-- namespace and selectors let through, as an object enters, changes within, or leaves what they select.

local core = require("moonpool.core")
local selectors = require("moonpool.sim.selectors")
local rest = require("moonpool.sim.rest")
local status = require("moonpool.sim.status")

local watch = {}

local BOOKMARK_EVERY_MS = 60000
local MAX_BACKLOG = 16 * 1024 * 1024 -- a client that reads slower than things change is cut off

---@class moonpool.sim.Watcher
local Watcher = {}
Watcher.__index = Watcher

local function line(kind, object) return ('{"type":"%s","object":%s}\n'):format(kind, object) end

--- The change as this watcher sees it; nil: it does not concern it.
function Watcher:translate(event)
  if self.prefix ~= "" and event.key:sub(1, #self.prefix) ~= self.prefix then return nil end
  if not self.accepts then return event.type end
  local was = event.old and event.type ~= "ADDED" and self.accepts(event.old.object)
  local is = event.type ~= "DELETED" and self.accepts(event.record.object)
  if is then return was and "MODIFIED" or "ADDED" end
  return was and "DELETED" or nil
end

function Watcher:tell(event)
  local kind = self:translate(event)
  if not kind then return end
  self.exchange:write(line(kind, event.record:fullJson()))
  if self.exchange:backlog() > MAX_BACKLOG then self.exchange:reset() end
end

function Watcher:bookmark(annotations)
  local resource = self.resource
  self.exchange:write(line("BOOKMARK", assert(core.json.encode({
    kind = resource.kind, apiVersion = resource.groupVersion,
    metadata = { resourceVersion = tostring(self.cluster.store.rv), creationTimestamp = core.null, annotations = annotations },
  }))))
end

function Watcher:bookmarkLater(ms)
  self.nextBookmark = core.after(ms, function()
    self:bookmark()
    self:bookmarkLater(BOOKMARK_EVERY_MS)
  end)
end

function Watcher:stop()
  self.cluster.watchers[self.resource.id][self] = nil
  self.ending:cancel()
  if self.nextBookmark then self.nextBookmark:cancel() end
end

--- The objects that are there, as ADDED.
local function initial(cluster, info, watcher)
  local collection = cluster.store:collection(info.resource)
  local first, last = collection:range(watcher.prefix)
  for index = first, last do
    local record = collection.records[collection.keys[index]]
    if not watcher.accepts or watcher.accepts(record.object) then watcher.exchange:write(line("ADDED", record:fullJson())) end
  end
end

--- Starts to stream. Raises a failure when the request is wrong; what is too old is told inside the stream, as a real server does.
---@param cluster moonpool.sim.Cluster
---@param info moonpool.sim.RequestInfo
---@param query table<string, string>
---@param exchange moonpool.core.HttpExchange
---@param endpoint moonpool.sim.Endpoint over which it was asked for
function watch.start(cluster, info, query, exchange, endpoint)
  local resource = info.resource
  local accepts = selectors.fromQuery(query, resource)
  local rv = rest.versionOf(query, cluster)
  local seconds = rest.numberOf(query, "timeoutSeconds") or 1800 + cluster.random(1800)
  local watcher = setmetatable({
    cluster = cluster, resource = resource, exchange = exchange, endpoint = endpoint, prefix = rest.prefixOf(info), accepts = accepts,
  }, Watcher)
  local collection = cluster.store:collection(resource)
  exchange:stream(200, "", "application/json")
  if rv and rv > 0 and rv < collection.compacted then
    local failure = status.expired(("too old resource version: %d (%d)"):format(rv, collection.compacted))
    exchange:write(line("ERROR", assert(core.json.encode(failure.body))))
    return exchange:finish()
  end
  if not rv or rv == 0 then
    initial(cluster, info, watcher)
  else
    collection:eachSince(rv, function(event) watcher:tell(event) end)
  end
  if query.sendInitialEvents == "true" then watcher:bookmark({ ["k8s.io/initial-events-end"] = "true" }) end

  local watchers = cluster.watchers[resource.id] or {}
  cluster.watchers[resource.id] = watchers
  watchers[watcher] = true
  watcher.ending = core.after(seconds * 1000, function() exchange:finish() end)
  if query.allowWatchBookmarks == "true" or query.allowWatchBookmarks == "1" then
    watcher:bookmarkLater(math.max(1000, math.min(BOOKMARK_EVERY_MS, (seconds - 2) * 1000)))
  end
  exchange:onClose(function() watcher:stop() end)
end

--- Tells a cluster's watchers of a change.
function watch.changed(cluster, collection, event)
  for watcher in pairs(cluster.watchers[collection.resource.id] or {}) do watcher:tell(event) end
end

--- Ends every watch of a cluster, as a server that restarts does; with an endpoint, those that go over it.
---@param cluster moonpool.sim.Cluster
---@param endpoint moonpool.sim.Endpoint?
function watch.endAll(cluster, endpoint)
  for _, watchers in pairs(cluster.watchers) do
    for watcher in pairs(watchers) do
      if not endpoint or watcher.endpoint == endpoint then watcher.exchange:finish() end
    end
  end
end

return watch
