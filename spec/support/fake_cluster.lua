-- fake_cluster.lua: stands in for a pool under the Lua side: records every request, and answers from a table or a function.
-- For specs of what is asked; what a cluster really answers is the business of spec/api.
local core = require "moonpool.core"
local session = require "moonpool.session"

local fake = {}

---@class fake.Handle
---@field requests table[] every request, in order
---@field streams table[] chunks of the streams to come, one list each

--- `answer(request)` gives body, status, headers as Pool:call does, or nil and an error; or a table "METHOD path" -> body.
---@param answer table|function|nil
---@return moonpool.Session session, fake.Handle handle
function fake.session(answer)
  local handle = { requests = {}, streams = {} }

  function handle.info() -- luacheck: no unused args
    return { name = "fake", context = "fake", cluster = "fake", namespace = "team", server = "https://fake" }
  end

  function handle:call(request)
    self.requests[#self.requests + 1] = request
    if type(answer) == "function" then return answer(request) end
    local body = answer and answer[request.method .. " " .. request.path]
    if answer and body == nil then return nil, fake.failure("notFound", 404) end
    return body or {}, 200, {}
  end

  function handle:stream(request)
    self.requests[#self.requests + 1] = request
    local chunks = table.remove(self.streams, 1)
    if not chunks then return nil, fake.failure("closed") end
    if chunks.kind then return nil, chunks end
    return {
      read = function()
        local chunk = table.remove(chunks, 1)
        if type(chunk) == "table" then return nil, chunk end
        return chunk
      end,
      close = function() handle.closed = (handle.closed or 0) + 1 end,
    }
  end

  return session.new(handle), handle
end

--- An error object as the core makes them.
function fake.failure(kind, status, fields)
  local err = { kind = kind, message = "made up for this test", status = status, cluster = "fake" }
  for name, value in pairs(fields or {}) do err[name] = value end
  return core.newError(err)
end

return fake
