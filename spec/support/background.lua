-- background.lua: a program that runs beside a spec, and is ended by its id.
--
--   local serving <close> = background.start("build/moonpool serve.lua")
--   serving:out()            -- what it has printed so far; serving:err() likewise
--   serving:waitFor "ready"  -- until it has printed what matches
--   serving:memory()         -- KiB that it has in memory
--   serving:signal "KILL"
--   serving:wait()           -- until it has ended: its exit code
local process = require "spec.support.process"

local background = {}

local Background = {}
Background.__index = Background

---@param command string of the shell, a single one
function background.start(command)
  local self = setmetatable({ base = os.tmpname() }, Background)
  -- The shell waits for it, so that no dead process is left to somebody else.
  self.pipe = assert(io.popen(("%s >%s 2>%s.err </dev/null & echo $!; wait $! 2>/dev/null; echo $? >%s.code"):format(command, self.base,
    self.base, self.base)))
  self.pid = self.pipe:read "l"
  return self
end

function Background:out() return process.readAll(self.base) or "" end
function Background:err() return process.readAll(self.base .. ".err") or "" end
function Background:runs() return process.running(self.pid) end

---@param pattern string
function Background:waitFor(pattern)
  process.waitUntil(function()
    if self:out():find(pattern) then return true end
    if not self:runs() then error(("it ended before it printed %s: %s%s"):format(pattern, self:out(), self:err()), 0) end
  end, pattern, 20)
end

---@return integer KiB
function Background:memory()
  return math.tointeger(tonumber(process.readAll(("/proc/%s/status"):format(self.pid)):match "VmRSS:%s*(%d+)"))
end

---@param name string "TERM", "KILL", "STOP", "CONT"
function Background:signal(name) os.execute(("kill -%s %s 2>/dev/null"):format(name, self.pid)) end

---@return integer code
function Background:wait()
  process.waitUntil(function() return process.readAll(self.base .. ".code") end, "its end", 20)
  return math.tointeger(tonumber(process.readAll(self.base .. ".code")))
end

function Background:close()
  if self:runs() then
    self:signal "CONT"
    self:signal "KILL"
  end
  self.pipe:close()
  os.execute(("rm -f %s %s.err %s.code"):format(self.base, self.base, self.base))
end
Background.__close = Background.close

return background
