-- watch.lua: the changes of a set of objects, as a sequence that does not end by itself.
--
-- Without a resourceVersion it lists first (page by page), reports what is there as ADDED, and watches from there. A watch
-- that ends, breaks or falls silent goes on from the last resourceVersion seen, bookmarks included. It is no longer limited than
-- the script says; but servers send a bookmark every minute where nothing else happens, so one over which nothing comes for longer
-- than that is not to be trusted: nobody can tell it from one whose connection is dead. When the server has forgotten that
-- version (410) the set is listed again and the differences are reported, so that nothing is missed: what appeared as ADDED,
-- what changed as MODIFIED, what vanished as DELETED (with its metadata only). For that it keeps the resourceVersion of
-- every object seen, not the objects.
local core = require "moonpool.core"
local errors = require "moonpool.errors"
local lines = require "moonpool.lines"
local public = require "moonpool.public"
local request = require "moonpool.request"

local pageSize = 500
local backoffFirst, backoffMost = 800, 30000 -- ms, before jitter
local defaults = request.watchDefaults

-- Troubles that pass: a watch that has begun outlives them.
local passing = { connect = true, timeout = true, server = true, tooManyRequests = true, protocol = true,
  acquireTimeout = true }

---@class moonpool.WatchEvent
---@field type string "ADDED", "MODIFIED", "DELETED"; "BOOKMARK" when allowWatchBookmarks was asked for
---@field object table of a DELETED one sometimes only its metadata

--- The changes of a set of objects: `for event in watcher do`. It outlives connections, servers that end it and forgotten versions.
--- `close`, or leaving the loop, ends it.
---@class moonpool.Watcher
---@field private session moonpool.Session
---@field private operation moonpool.Operation
---@field private deadline integer? ms of core.now()
---@field private resourceVersion string? nil: list first
---@field private continue string? the next page of the list under way
---@field private round integer counts lists; an object not seen in the latest one has vanished
---@field private known table<string, { version: string, round: integer, namespace: string?, name: string }> by uid
---@field private begun boolean the server has answered once
local Watcher = { __name = "moonpool.Watcher" }
Watcher.__index = Watcher
public.classes["moonpool.Watcher"] = Watcher

local watch = {}

--- Does not wait: the first event is asked for when it is wanted.
---@param session moonpool.Session
---@param operation moonpool.Operation with verb "watch"; options as there, and `timeout`: ms after which the watch ends; default:
---   never. `idleTimeout`: ms of silence after which it is asked for again; default 90000; 0: never
---@param settings { bookmarks: boolean?, marks: boolean? }? marks: an event of type "SYNCED" after each list
---@return moonpool.Watcher iterator
---@return nil
---@return nil
---@return moonpool.Watcher closing value of a generic `for`
function watch.open(session, operation, settings)
  local options = {}
  for name, value in pairs(operation.options or {}) do options[name] = value end
  operation.options = options
  request.build(operation) -- raises now, where the script called, if anything is wrong
  local start = options.resourceVersion
  local self = setmetatable({
    session = session:pinned(), operation = operation, known = {}, round = 0, begun = false, failures = 0,
    bookmarks = options.allowWatchBookmarks, marks = settings and settings.marks,
    deadline = options.timeout and options.timeout > 0 and core.now() + options.timeout or nil,
    resourceVersion = start ~= "" and start ~= "0" and start or nil, fromCache = start == "0",
    pending = {}, first = 1,
  }, Watcher)
  if operation.name then
    local only = "metadata.name=" .. operation.name
    local selector = options.fieldSelector and request.selector(operation.label, options.fieldSelector, true)
    options.fieldSelector = selector and selector .. "," .. only or only
    operation.name = nil
  end
  options.timeout = nil
  return self, nil, nil, self
end

---@private
function Watcher:push(kind, object)
  self.pending[#self.pending + 1] = { type = kind, object = object }
end

---@private
function Watcher:remaining()
  return self.deadline and math.max(1, self.deadline - core.now())
end

-- ------------------------------------------------------------------------------------------------------------- listing
-- An operation like the watch's, with other options.
---@private
function Watcher:derive(verb, options)
  local operation = {}
  for name, value in pairs(self.operation) do operation[name] = value end
  for name, value in pairs(self.operation.options) do
    if options[name] == nil and request.knownOptions[verb][name] then options[name] = value end
  end
  operation.verb, operation.options = verb, options
  return operation
end

---@private
function Watcher:compare(item)
  local meta = item.metadata
  local id = meta.uid or (meta.namespace or "") .. "/" .. meta.name
  local known = self.known[id]
  if not known then
    self:push("ADDED", item)
  elseif known.version ~= meta.resourceVersion then
    self:push("MODIFIED", item)
  end
  self.known[id] = { version = meta.resourceVersion, round = self.round, namespace = meta.namespace, name = meta.name }
end

---@private
function Watcher:finishList(version)
  for id, known in pairs(self.known) do
    if known.round ~= self.round then
      self.known[id] = nil
      local entry = self.operation.entry
      self:push("DELETED", { apiVersion = entry.group == "" and entry.version or entry.group .. "/" .. entry.version,
        kind = entry.kind, metadata = { namespace = known.namespace, name = known.name, uid = id } })
    end
  end
  self.resourceVersion, self.continue, self.fromCache = version, nil, false
  if self.marks then self:push("SYNCED") end
end

-- Fetches one page.
---@private
function Watcher:listPage()
  if not self.continue then self.round = self.round + 1 end
  local operation = self:derive("list", { limit = pageSize, continue = self.continue, timeout = self:remaining() })
  operation.options.resourceVersion = self.fromCache and not self.continue and "0" or nil
  operation.options.resourceVersionMatch, operation.options.timeoutSeconds = nil, nil
  local list, err = self.session:perform(operation)
  if not list then
    if err.kind == "gone" and self.continue then
      self.continue = nil -- begin the list again; what was reported already is known
      return true
    end
    return nil, err
  end
  self.operation.entry = operation.entry
  for _, item in ipairs(list.items ~= core.null and list.items or {}) do
    item.apiVersion = item.apiVersion or list.apiVersion
    item.kind = item.kind or (list.kind or ""):gsub("List$", "")
    self:compare(item)
  end
  self.continue = list.metadata.continue
  if self.continue == "" then self.continue = nil end
  if not self.continue then self:finishList(list.metadata.resourceVersion) end
  return true
end

-- ------------------------------------------------------------------------------------------------------------ watching
---@private
function Watcher:openStream()
  local options = self.operation.options
  local operation = self:derive("watch", { resourceVersion = self.resourceVersion, allowWatchBookmarks = true,
    timeoutSeconds = options.timeoutSeconds or math.random(300, 600), timeout = self:remaining() or 0,
    idleTimeout = options.idleTimeout or defaults.idleTimeout, firstByteTimeout = options.firstByteTimeout or defaults.firstByteTimeout })
  operation.options.resourceVersionMatch = nil
  local stream, err = self.session:stream(request.build(operation))
  if not stream then return nil, err end
  self.lines, self.openedAt, self.eventful = lines.of(stream), core.now(), false
  return true
end

---@private
function Watcher:closeStream()
  if self.lines then
    self.lines:close()
    self.lines = nil
  end
end

---@private
function Watcher:take(event)
  local object = event.object
  if event.type == "ERROR" then return nil, errors.fromStatus(object, self.session.info) end
  local meta = object.metadata
  self.resourceVersion, self.eventful, self.failures = meta.resourceVersion, true, 0
  if event.type == "BOOKMARK" then
    if self.bookmarks then self.pending[#self.pending + 1] = event end
    return true
  end
  local id = meta.uid or (meta.namespace or "") .. "/" .. meta.name
  self.known[id] = event.type ~= "DELETED" and { version = meta.resourceVersion, round = self.round,
    namespace = meta.namespace, name = meta.name } or nil
  self.pending[#self.pending + 1] = event
  return true
end

---@private
function Watcher:readEvent()
  local line, err = self.lines:read()
  if err then return nil, err end
  if not line then
    -- The server ended it. When it does so at once and without an event, asking again at once would be a storm.
    local brief = not self.eventful and core.now() - self.openedAt < 1000
    self:closeStream()
    return not brief or nil, brief and errors.new("server", "the watch ended at once", self.session.info) or nil
  end
  local event, problem = core.json.decode(line)
  if type(event) ~= "table" or type(event.object) ~= "table"
    or (event.type ~= "ERROR" and type(event.object.metadata) ~= "table") then
    return nil, errors.new("protocol", "a watch event cannot be read: " .. tostring(problem or "it has no object"),
      self.session.info)
  end
  return self:take(event)
end

-- What to do about an error: true to go on, nil and the error to give up.
---@private
function Watcher:recover(err)
  local silent = self.lines and err.kind == "timeout"
  self:closeStream()
  if err.kind == "gone" then
    self.resourceVersion, self.continue = nil, nil
    return true
  end
  if not (self.begun and passing[err.kind]) then return nil, err end
  if silent then return true end -- nothing may have happened
  self.failures = self.failures + 1
  local pause = math.min(backoffMost, backoffFirst * 2 ^ math.min(self.failures - 1, 10)) * (1 + math.random()) // 1
  pause = math.tointeger(math.max(pause, err.retryAfter or 0))
  core.sleep(math.min(pause, self:remaining() or pause))
  return true
end

--- The next event; nil when the watch has ended (closed, or its time is over); nil and an error when it cannot go on. Waits.
---@return moonpool.WatchEvent?
---@return moonpool.Error?
function Watcher:next()
  while true do
    local event = self.pending[self.first]
    if event then
      self.pending[self.first] = nil
      self.first = self.first + 1
      return event
    end
    self.pending, self.first = {}, 1
    if self.closed then return nil, self.err end
    if self.deadline and core.now() >= self.deadline then
      self:close()
      return nil
    end
    local ok, err
    if not self.resourceVersion then
      ok, err = self:listPage()
    elseif not self.lines then
      ok, err = self:openStream()
    else
      ok, err = self:readEvent()
    end
    if ok then
      self.begun = true
    elseif not self.closed and not (self.deadline and core.now() >= self.deadline) then
      ok, err = self:recover(err)
      if not ok then
        self.err = err
        self:close()
        return nil, err
      end
    end
  end
end

--- For a generic `for`: raises the error object when the watch cannot go on.
function Watcher:__call()
  local event, err = self:next()
  if err then error(err, 0) end
  return event
end

--- Ends the watch. Twice is fine.
function Watcher:close()
  self.closed = true
  self:closeStream()
end
Watcher.__close = Watcher.close

return watch
