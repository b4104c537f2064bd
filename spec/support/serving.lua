-- serving.lua: a program that serves 200 reads a second over clusters, by weight, and has a console.
--
--   local server <close> = serving.start(kubeconfig, { "sim-1", "sim-2" })
--   server.path                       -- of its console
--   server:value "stats.failed"       -- what the code gives there, as text; it must go well
--   server:number "stats.failed"
--   server:shares(100)                -- how many of the next 100 reads each cluster answers
--   server:goesOn()                   -- waits for more reads, and fails when one has failed
--   server:finish()                   -- ends it: what it has printed
local background = require "spec.support.background"
local process = require "spec.support.process"
local program = require "spec.support.program"

local serving = {}

-- Of its console's statements, in ms: help() takes long when it is instrumented.
serving.limit = program.path:find("sanitize", 1, true) and 500 or 100

-- Until it is told to finish; its last line says how many reads failed.
local script = [[
local moonpool = require "moonpool"
local path, kubeconfig, names, limit = table.unpack(arg)
names = load("return " .. names)()
manager = moonpool.ConnectionManager { loadBalancingStrategy = "weighted" }
for _, name in ipairs(names) do assert(manager:addCluster { name = name, kubeConfigPath = kubeconfig, context = name, weight = 1 }) end
stats = { begun = 0, done = 0, failed = 0, by = {} }
local client, begin = assert(manager:client()), nil
local function read()
  local list, err, where = client.core.listNamespace { limit = 1 }
  stats.done = stats.done + 1
  if not list then
    stats.failed = stats.failed + 1
    io.stderr:write(tostring(err), "\n")
  else
    stats.by[where.cluster] = (stats.by[where.cluster] or 0) + 1
  end
end
local console = assert(moonpool.console.listen(path, { globals = { served = stats }, limit = tonumber(limit) }))
function report() print("reads", stats.failed == 0 and "all well" or "some failed") io.write "in " io.write "parts\n" end
moonpool.every(50, function() print "the program's own line" end)
assert(client.core.listNamespace())
begin = moonpool.spawn(function()
  local start = os.time()
  while not finish do
    moonpool.sleep(5)
    stats.begun = stats.begun + 1
    moonpool.spawn(read)
  end
end)
print "ready"
begin:join()
while stats.done < stats.begun do moonpool.sleep(5) end
print("failed: " .. stats.failed)
os.exit(0)
]]

local Server = {}
Server.__index = Server

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Runs code in the program whose console is there.
---@param path string
---@param code string
---@return { code: integer, out: string, err: string }
function serving.attach(path, code)
  return program.shell(("timeout 20 %s attach %s -e %s"):format(program.path, path, quote(code)))
end

---@param kubeconfig string
---@param names string[] contexts
function serving.start(kubeconfig, names)
  local self = setmetatable({ path = os.tmpname(), script = os.tmpname(), names = names }, Server)
  os.remove(self.path)
  do
    local file <close> = assert(io.open(self.script, "w"))
    file:write(script)
  end
  local list = ("{'%s'}"):format(table.concat(names, "','"))
  self.process = background.start(("exec %s %s %s %s %s %d"):format(program.path, self.script, self.path, kubeconfig, quote(list),
    serving.limit))
  self.process:waitFor "ready"
  return self
end

function Server:value(code)
  local result = serving.attach(self.path, code)
  if result.code ~= 0 or result.err ~= "" then error(("%s: %d, %s"):format(code, result.code, result.err), 2) end
  return (result.out:gsub("\n$", ""))
end

function Server:number(code) return assert(tonumber(self:value(code))) end

---@param count integer
---@return table<string, integer>
function Server:shares(count)
  local text = self:value(([[
    local before, texts, wanted = {}, {}, stats.done + %d
    for name, n in pairs(stats.by) do before[name] = n end
    while stats.done < wanted do moonpool.sleep(5) end
    for name, n in pairs(stats.by) do texts[#texts + 1] = name .. "=" .. n - (before[name] or 0) end
    return table.concat(texts, " ")]]):format(count))
  local shares = {}
  for _, name in ipairs(self.names) do shares[name] = 0 end
  for name, n in text:gmatch "(%S+)=(%d+)" do shares[name] = math.tointeger(tonumber(n)) end
  return shares
end

function Server:goesOn()
  local before = self:number "stats.done"
  process.waitUntil(function() return self:number "stats.done" > before + 20 end, "more reads")
  if self:number "stats.failed" ~= 0 then error(self.process:err(), 2) end
end

function Server:finish()
  pcall(self.value, self, "finish = true") -- it may be gone before it has answered
  assert(self.process:wait() == 0)
  return self.process:out()
end

function Server:close()
  self.process:close()
  os.remove(self.script)
  os.remove(self.path)
end
Server.__close = Server.close

return serving
