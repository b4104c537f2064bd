-- log.lua: where log lines go: standard error (the core's own way: as text or JSON), or the loggers that scripts gave. A line is a
-- message and fields, which are data until somebody writes them. At level debug each attempt of a request has a line, "request".
--
-- A logger is any table with debug/info/warn/error(self, message, fields). While at least one is attached, every line of
-- the runtime goes to the attached ones and not to standard error. One that raises is reported once and taken away.
local core = require "moonpool.core"
local check = require "moonpool.check"
local public = require "moonpool.public"

--- Any table with these: where log lines go instead of standard error.
---@class moonpool.Logger
---@field debug fun(self: moonpool.Logger, message: string, fields: table?)
---@field info fun(self: moonpool.Logger, message: string, fields: table?)
---@field warn fun(self: moonpool.Logger, message: string, fields: table?)
---@field error fun(self: moonpool.Logger, message: string, fields: table?)

--- Log lines of scripts and of the runtime: to standard error, or to loggers.
---@class moonpool.log
---@field debug fun(message: string, fields: table?) a line of this level; `fields` are names and values
---@field info fun(message: string, fields: table?) a line of this level
---@field warn fun(message: string, fields: table?) a line of this level
---@field error fun(message: string, fields: table?) a line of this level
local log = {}
public.classes["moonpool.log"] = log

local levels = { "debug", "info", "warn", "error" }
local attached = {} ---@type moonpool.Logger[] a logger is here once for every attach

--- Writes a line to standard error, its fields in order.
local function print(level, message, fields)
  local flat = {}
  for _, key in ipairs(check.keys(fields or {})) do
    flat[#flat + 1] = key
    flat[#flat + 1] = fields[key]
  end
  core.log(level, message, table.unpack(flat))
end

local deliver

local function removeAll(logger)
  for i = #attached, 1, -1 do
    if attached[i] == logger then table.remove(attached, i) end
  end
  if #attached == 0 then core.setLogger(nil) end
end

--- Hands one line to every attached logger once, or to standard error when there is none.
function deliver(level, message, fields)
  local loggers, told = { table.unpack(attached) }, {}
  for _, logger in ipairs(loggers) do
    if not told[logger] then
      told[logger] = true
      local ok, problem = pcall(logger[level], logger, message, fields)
      if not ok then
        removeAll(logger)
        deliver("error", ("the logger raised an error and is not used any more: %s"):format(tostring(problem)))
        if #attached == 0 then print(level, message, fields) end
      end
    end
  end
  if #loggers == 0 then print(level, message, fields) end
end

for _, level in ipairs(levels) do
  log[level] = function(message, fields)
    check.value(("log.%s: argument 1 (message)"):format(level), message, "text")
    if fields ~= nil then check.value(("log.%s: argument 2 (fields)"):format(level), fields, "table") end
    if core.isLogged(level) then deliver(level, message, fields) end
  end
end

--- Lines below this level are not shown: "debug", "info", "warn" (the default), "error" or "off".
---@param level string
function log.setLevel(level)
  if level ~= "off" and not log[level] or not (level == "off" or level:find("^[diwe]")) then
    check.misuse('log.setLevel: expected debug, info, warn, error or off, got "%s"', tostring(level))
  end
  core.setLogLevel(level)
end

--- How lines look on standard error: "text" (the default), `moonpool: warn: message name=value`, or "json", an object a line:
--- `{"time":"2026-01-31T08:30:00.123Z","level":"warn","message":"...","fields":{...}}`.
---@param format "text"|"json"
function log.setFormat(format)
  if format ~= "text" and format ~= "json" then
    check.misuse('log.setFormat: expected text or json, got "%s"', tostring(format))
  end
  core.setLogFormat(format)
end

--- Fields as text, " name=value name=value"; "" when there are none.
---@param fields table?
---@return string
function log.fieldText(fields)
  local parts = {}
  for _, key in ipairs(check.keys(fields or {})) do
    local value = tostring(fields[key])
    parts[#parts + 1] = (" %s=%s"):format(key, (value == "" or value:find '[%s"=]') and ("%q"):format(value) or value)
  end
  return table.concat(parts)
end

--- Raises unless the table can be a logger.
---@private
---@param where string
---@param logger any
function log.checkLogger(where, logger)
  check.value(where, logger, "table")
  for _, level in ipairs(levels) do
    if type(logger[level]) ~= "function" then
      check.misuse("%s: expected a table with the functions debug, info, warn and error; %s is %s", where, level,
        check.describe(logger[level]))
    end
  end
end

--- Gives every line to this logger too. While one is attached, nothing goes to standard error.
---@param logger moonpool.Logger
function log.attach(logger)
  attached[#attached + 1] = logger
  if #attached == 1 then
    core.setLogger(deliver)
  end
end

--- Takes back one attach.
---@param logger moonpool.Logger
function log.detach(logger)
  for i, known in ipairs(attached) do
    if known == logger then
      table.remove(attached, i)
      break
    end
  end
  if #attached == 0 then core.setLogger(nil) end
end

-- ------------------------------------------------------------------------------------------------------------ requests
local followers = {} ---@type table<fun(fields: table), true>

local function tellFollowers(_, _, fields)
  local told = {}
  for follower in pairs(followers) do told[#told + 1] = follower end
  for _, follower in ipairs(told) do
    local ok, problem = pcall(follower, fields)
    if not ok then
      log.unfollow(follower)
      log.error(("a follower of requests raised an error and is not called any more: %s"):format(tostring(problem)))
    end
  end
end

--- Calls fn after each attempt of a request, whatever the log's level, with the fields of its line in the log: cluster, connection,
--- endpoint, method, path, status, attempt, duration (ms), bytes (of the answer's body), error.
---@param fn fun(fields: table)
function log.follow(fn)
  followers[fn] = true
  core.followRequests(tellFollowers)
end

--- Does not call fn any more.
---@param fn fun(fields: table)
function log.unfollow(fn)
  followers[fn] = nil
  if not next(followers) then core.followRequests(nil) end
end

return log
