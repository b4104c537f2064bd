-- eventually.lua: waits, as a task does, until something is true, and says how long it took.
local core = require "moonpool.core"
local moonpool = require "moonpool"

---@param limit integer ms
---@param what string what is waited for, as an error says it
---@param condition fun(): boolean
---@return integer ms
return function(limit, what, condition)
  local start = core.now()
  while not condition() do
    if core.now() - start > limit then error(("waited %d ms for %s"):format(limit, what), 2) end
    moonpool.sleep(10)
  end
  return core.now() - start
end
