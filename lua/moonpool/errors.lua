-- errors.lua: error objects made on the Lua side, of the same kinds as the core's.
local core = require "moonpool.core"

local errors = {}

local kindOfStatus = { [401] = "unauthorized", [403] = "forbidden", [404] = "notFound", [409] = "conflict", [410] = "gone",
  [429] = "tooManyRequests" }

--- An error from a Status object that came inside an answer of 200 (a watch's ERROR event).
---@param status table
---@param info table facts of the pool
---@return moonpool.Error
function errors.fromStatus(status, info)
  local code = math.tointeger(status.code) or 500
  local details = type(status.details) == "table" and status.details or nil
  return core.newError {
    kind = kindOfStatus[code] or (code >= 500 and "server" or "invalid"),
    message = type(status.message) == "string" and status.message or ("the server reported status %d"):format(code),
    status = code,
    reason = type(status.reason) == "string" and status.reason or nil,
    details = details,
    retryAfter = details and math.tointeger(details.retryAfterSeconds) and details.retryAfterSeconds * 1000 or nil,
    cluster = info.name,
  }
end

---@param kind string
---@param message string
---@param info table? facts of the pool
---@return moonpool.Error
function errors.new(kind, message, info)
  return core.newError { kind = kind, message = message, cluster = info and info.name }
end

---@return boolean
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == core.errorMeta
end

return errors
