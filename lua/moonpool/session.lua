-- session.lua: what API calls run over: a pool (any of its connections) or one leased connection, with what is known of
-- the cluster behind it. The API objects, the resources and discovery all call the cluster through here. Sessions over several
-- clusters (balanced.lua) have the same methods.
local core = require "moonpool.core"
local check = require "moonpool.check"
local log = require "moonpool.log"
local request = require "moonpool.request"
local discovery = require "moonpool.discovery"

---@class moonpool.Session
---@field handle moonpool.core.Pool|moonpool.Connection
---@field discovery moonpool.Discovery shared by all sessions of a pool
---@field info table facts of the pool: name, context, cluster, namespace, server, user
---@field guard (fun())? raises when the session must not be used any more
---@field warned table<string, boolean>
---@field observe moonpool.CallObserver? of a manager's cluster
local Session = {}
Session.__index = Session

local session = {}

--- Is told how each call ended.
---@alias moonpool.CallObserver fun(cluster: string, message: moonpool.core.Request, err: moonpool.Error?, duration: number)

--- Is asked before a call that may change something; nil: go on, else the error that the call ends with. May wait, and may approve of
--- the message. `protected`: the clusters among those that it may go to that refuse writes which nobody approved of.
---@type (fun(cluster: string, message: moonpool.core.Request, protected: string[]): moonpool.Error?)?
session.beforeWrite = nil

--- Why a call is not to be made.
---@param over moonpool.Session|moonpool.BalancedSession
---@param cluster string how messages call where it goes
---@param message moonpool.core.Request
---@return moonpool.Error?
function session.objection(over, cluster, message)
  if session.beforeWrite and core.mayChange(message) then return session.beforeWrite(cluster, message, over:protectedNames()) end
end

-- What useNamespace overrides: the facts of each session, and the namespace that its context has.
local namespaces = setmetatable({}, { __mode = "k" }) ---@type table<table, string|false>
local override ---@type string?

--- The namespace of calls that name none, in all sessions; nil: each context's own again.
---@param name string?
function session.useNamespace(name)
  override = name
  for info, own in pairs(namespaces) do info.namespace = name or own or nil end
end

---@param handle moonpool.core.Pool
---@param guard fun()?
---@param observe moonpool.CallObserver?
---@return moonpool.Session
function session.new(handle, guard, observe)
  local self = setmetatable({ handle = handle, guard = guard, observe = observe, info = handle:info(), warned = {} }, Session)
  self.discovery = discovery.new(self)
  namespaces[self.info] = self.info.namespace or false
  if override then self.info.namespace = override end
  return self
end

--- The same cluster over one connection.
---@param connection moonpool.Connection
---@return moonpool.Session
function Session:over(connection)
  return setmetatable({ handle = connection, discovery = self.discovery, info = self.info, warned = self.warned,
    observe = self.observe }, Session)
end

--- The same, guarded otherwise.
---@param guard fun()
---@return moonpool.Session
function Session:guarded(guard)
  local copy = {}
  for name, value in pairs(self) do copy[name] = value end
  copy.guard = guard
  return setmetatable(copy, Session)
end

--- For what must stay in one cluster from its first request on: the session itself, which has only one.
---@return moonpool.Session
function Session:pinned() return self end

local underWay = setmetatable({}, { __mode = "k" }) ---@type table<thread, moonpool.core.Request>

--- The call that a coroutine waits for.
---@param co thread
---@return moonpool.core.Request?
function session.underWay(co) return underWay[co] end

-- The options of calls over several clusters.
local function checkOptions(self, message)
  if message.cluster and message.cluster ~= self.info.name then
    check.misuse('option cluster: this client is for the cluster "%s", not for "%s"', self.info.name, message.cluster)
  elseif message.key then
    check.misuse("option key goes with a client that chooses among several clusters")
  end
end

--- The cluster's name, if it is protected.
---@return string[]
function Session:protectedNames() return { self.info.protected and self.info.name or nil } end

--- Logs a server's warning, once.
---@param headers table<string, string>
function Session:noteWarning(headers)
  local warning = headers.warning
  if warning and not self.warned[warning] then
    self.warned[warning] = true
    log.warn(("%s: %s"):format(self.info.name, warning:match('^299 %S+ "(.*)"$') or warning))
  end
end

--- Runs a request. Waits.
---@param message moonpool.core.Request
---@return any body nil on failure
---@return moonpool.Error? err
---@return { status: integer, headers: table<string, string> }? answer
function Session:call(message)
  if self.guard then self.guard() end
  checkOptions(self, message)
  local objection = session.objection(self, self.info.name, message)
  if objection then return nil, objection end
  local observe = self.observe
  local start = observe and core.clock()
  local co = coroutine.running()
  underWay[co] = message
  local body, status, headers = self.handle:call(message)
  underWay[co] = nil
  local failed = body == nil and type(status) ~= "number"
  if observe then observe(self.info.name, message, failed and status or nil, core.clock() - start) end
  if failed then return nil, status end
  self:noteWarning(headers)
  if body == nil then body = "" end
  return body, nil, { status = status, headers = headers }
end

--- A 404 that does not name an object says that the server does not know the path.
---@param err moonpool.Error
---@return boolean
function session.isUnknownPath(err)
  return err.kind == "notFound" and not (type(err.details) == "table" and err.details.name)
end

--- Runs an operation. Where this library's guess of a version is not what the cluster serves (CronJob is batch/v1beta1 on
--- old ones), finds out and runs it there; the 404 proves that nothing was done yet. Waits.
---@param operation moonpool.Operation
---@return any body nil on failure
---@return moonpool.Error?
---@return { status: integer, headers: table<string, string> }? answer
function Session:performAnswered(operation)
  if operation.anyVersion then operation.entry = self.discovery:current(operation.entry) end
  local body, err, answer = self:call(request.build(operation))
  if body == nil and operation.anyVersion and session.isUnknownPath(err) then
    local other = self.discovery:replacementFor(operation.entry)
    if other then
      operation.entry = other
      body, err, answer = self:call(request.build(operation))
    end
  end
  return body, err, answer
end

--- The same, without the answer's circumstances.
---@param operation moonpool.Operation
---@return any body nil on failure
---@return moonpool.Error?
function Session:perform(operation)
  local body, err = self:performAnswered(operation)
  return body, err
end

--- Opens a streaming answer. Waits for its headers.
---@param message moonpool.core.Request
---@return moonpool.core.Stream?, moonpool.Error?
function Session:stream(message)
  if self.guard then self.guard() end
  checkOptions(self, message)
  return self.handle:stream(message)
end

return session
