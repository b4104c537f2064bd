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

local Started = {}
Started.__index = Started

--- Starts a command, of one program, in the background.
---@param command string
---@return { pid: string, command: string, text: fun(self): string, stop: fun(self): integer }
function process.start(command)
  local self = setmetatable({ command = command, log = os.tmpname() }, Started)
  local script = ("exec %s"):format(command):gsub("'", "'\\''")
  self.pipe = assert(io.popen(("bash -c '%s' >%s 2>&1 & echo $!; wait $!; echo $?"):format(script, self.log)))
  self.pid = self.pipe:read "l"
  return self
end

--- What it has written so far, errors too.
function Started:text() return process.readAll(self.log) end

--- Ends it as Ctrl-C does, or by force when it does not end.
---@return integer code
function Started:stop()
  os.execute(("kill -INT %s 2>/dev/null"):format(self.pid))
  pcall(process.waitUntil, function() return not process.running(self.pid) end, self.command)
  os.execute(("kill -KILL %s 2>/dev/null"):format(self.pid))
  local code = math.tointeger(tonumber(self.pipe:read "l"))
  self.pipe:close()
  self.last = self:text()
  os.remove(self.log)
  return code
end

return process
