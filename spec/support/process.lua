-- process.lua: what specs need that start other programs: files read, processes looked at, things waited for, all without
-- the scheduler.
local process = {}

---@param path string
---@return string? text nil when it cannot be read
function process.readAll(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

--- "T": stopped; "Z": ended, and nobody has waited for it; nil: gone.
---@param pid string|integer
---@return string?
function process.state(pid)
  local stat = process.readAll(("/proc/%s/stat"):format(pid))
  return stat and stat:match "%) (%a) "
end

---@param pid string|integer
---@return boolean
function process.running(pid)
  local state = process.state(pid)
  return state ~= nil and state ~= "Z"
end

--- Looks every 10 ms, for `seconds` at most (default 10).
---@param condition fun(): any
---@param what string
---@param seconds integer?
function process.waitUntil(condition, what, seconds)
  for _ = 1, 100 * (seconds or 10) do
    if condition() then return end
    os.execute "sleep 0.01"
  end
  error(("waited %d s for %s"):format(seconds or 10, what), 3)
end

return process
