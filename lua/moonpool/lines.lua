-- lines.lua: a streaming answer as lines: the logs of a pod that is followed, the events of a watch.
local errors = require "moonpool.errors"
local public = require "moonpool.public"

local lines = {}

local silence = 600000 -- ms; a container may have nothing to say for long, and dead connections are mostly noticed sooner

--- A streaming answer as lines: `for line in lines do`. Closing it (also by `<close>`) ends the stream.
---@class moonpool.Lines
---@field private stream moonpool.core.Stream
---@field private pieces string[] what came of the line under way
---@field private ready string[] complete lines, not handed out yet
---@field private first integer
---@field private over boolean
---@field private followed boolean? a log, whose silence may be the container's own
local Lines = { __name = "moonpool.Lines" }
Lines.__index = Lines
public.classes["moonpool.Lines"] = Lines

---@private
function Lines:take(bytes)
  local from = 1
  while true do
    local stop = bytes:find("\n", from, true)
    if not stop then break end
    local rest = bytes:sub(from, stop - 1)
    if #self.pieces > 0 then
      self.pieces[#self.pieces + 1] = rest
      rest = table.concat(self.pieces)
      self.pieces = {}
    end
    self.ready[#self.ready + 1] = rest
    from = stop + 1
  end
  if from <= #bytes then self.pieces[#self.pieces + 1] = bytes:sub(from) end
end

--- The next line without its newline; nil at the end, nil and an error when the stream broke. Waits.
---@return string?, moonpool.Error?
function Lines:read()
  while true do
    local line = self.ready[self.first]
    if line then
      self.first = self.first + 1
      return line
    end
    if self.over then return nil, self.err end
    self.ready, self.first = {}, 1
    local bytes, err = self.stream:read()
    if bytes then
      self:take(bytes)
    else
      if err and err.kind == "timeout" and self.followed then
        err = errors.new("timeout", err.message .. "; the container may have said nothing, or the connection is dead (idleTimeout is "
          .. "how long to wait, 0 for ever)", { name = err.cluster })
      end
      self.over, self.err = true, err
      if #self.pieces > 0 and not err then
        self.ready, self.pieces = { table.concat(self.pieces) }, {}
      end
    end
  end
end

--- For `for line in lines`: raises the error object when the stream broke, as io.lines does.
function Lines:__call()
  local line, err = self:read()
  if err then error(err, 0) end
  return line
end

--- Ends the stream. Twice is fine.
function Lines:close()
  self.over = true
  self.stream:close()
end
Lines.__close = Lines.close

---@param stream moonpool.core.Stream
---@return moonpool.Lines
function lines.of(stream)
  return setmetatable({ stream = stream, pieces = {}, ready = {}, first = 1, over = false }, Lines)
end

--- Opens a stream and gives its lines: `for line in assert(core.readNamespacedPodLog(name, ns, { follow = true })) do`.
---@param session moonpool.Session
---@param request moonpool.core.Request
---@return moonpool.Lines?, moonpool.Error?
function lines.follow(session, request)
  request.timeout = request.timeout or 0 -- a stream has no end of its own
  request.idleTimeout = request.idleTimeout or silence
  local stream, err, answer = session:stream(request)
  if not stream then return nil, err end
  local followed = lines.of(stream)
  followed.followed = true
  if answer then return followed, nil, answer end
  return followed
end

return lines
