-- session.lua: what API calls run over: a pool (any of its connections) or one leased connection, with what is known of
-- the cluster behind it. The API objects, the resources and discovery all call the cluster through here.
local log = require "moonpool.log"
local request = require "moonpool.request"
local discovery = require "moonpool.discovery"

---@class moonpool.Session
---@field handle moonpool.core.Pool|moonpool.Connection
---@field discovery moonpool.Discovery shared by all sessions of a pool
---@field info table facts of the pool: name, context, cluster, namespace, server, user
---@field guard (fun())? raises when the session must not be used any more
---@field warned table<string, boolean>
local Session = {}
Session.__index = Session

local session = {}

---@param handle moonpool.core.Pool
---@param guard fun()?
---@return moonpool.Session
function session.new(handle, guard)
  local self = setmetatable({ handle = handle, guard = guard, info = handle:info(), warned = {} }, Session)
  self.discovery = discovery.new(self)
  return self
end

--- The same cluster over one connection.
---@param connection moonpool.Connection
---@return moonpool.Session
function Session:over(connection)
  return setmetatable({ handle = connection, discovery = self.discovery, info = self.info, warned = self.warned }, Session)
end

--- Runs a request. Waits.
---@param message moonpool.core.Request
---@return any body nil on failure
---@return moonpool.Error? err
---@return { status: integer, headers: table<string, string> }? answer
function Session:call(message)
  if self.guard then self.guard() end
  local body, status, headers = self.handle:call(message)
  if body == nil and type(status) ~= "number" then return nil, status end
  local warning = headers and headers.warning
  if warning and not self.warned[warning] then
    self.warned[warning] = true
    log.warn(("%s: %s"):format(self.info.name, warning:match('^299 %S+ "(.*)"$') or warning))
  end
  if body == nil then body = "" end
  return body, nil, { status = status, headers = headers }
end

-- A 404 that does not name an object says that the server does not know the path.
local function isUnknownPath(err)
  return err.kind == "notFound" and not (type(err.details) == "table" and err.details.name)
end

--- Runs an operation. Where this library's guess of a version is not what the cluster serves (CronJob is batch/v1beta1 on
--- old ones), finds out and runs it there; the 404 proves that nothing was done yet. Waits.
---@param operation moonpool.Operation
---@return any body nil on failure
---@return moonpool.Error?
function Session:perform(operation)
  if operation.anyVersion then operation.entry = self.discovery:current(operation.entry) end
  local body, err = self:call(request.build(operation))
  if body == nil and operation.anyVersion and isUnknownPath(err) then
    local other = self.discovery:replacementFor(operation.entry)
    if other then
      operation.entry = other
      body, err = self:call(request.build(operation))
    end
  end
  return body, err
end

--- Opens a streaming answer. Waits for its headers.
---@param message moonpool.core.Request
---@return moonpool.core.Stream?, moonpool.Error?
function Session:stream(message)
  if self.guard then self.guard() end
  return self.handle:stream(message)
end

return session
