-- sim.lua: starts `moonpool sim` as a child process for a spec, and talks to its control pages.
--
--   local clusters = sim.start{ clusters = 2, pods = 20 }
--   clusters.kubeconfig                               -- path of the file
--   clusters:faults("sim-2", { { type = "refuse" } }) -- see lua/moonpool/sim/faults.lua; {} clears
--   clusters:stats("sim-1").connections.accepted
--   clusters:signal "STOP"                            -- and "CONT"
--   clusters:kill(); clusters:restart()               -- kill -9; the same clusters on the same ports again, their objects as at first
--   clusters:stop()

local core = require("moonpool.core")

local sim = {}

local Clusters = {}
Clusters.__index = Clusters
Clusters.__close = function(self) self:stop() end

local function run(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read("a")
end

local function readAll(path)
  local file <close> = io.open(path)
  return file and file:read("a")
end

local function waitUntil(condition, what)
  for _ = 1, 3000 do
    if condition() then return end
    os.execute("sleep 0.01")
  end
  error("waited 30 s for " .. what, 3)
end

--- Whether the process runs; one that has ended and that nobody has waited for does not.
function Clusters:runs()
  local stat = readAll(("/proc/%s/stat"):format(self.pid))
  return stat ~= nil and not stat:find("%) Z ")
end

local function launch(self)
  local program = os.getenv("MOONPOOL") or "/proc/$PPID/exe"
  -- The shell stays as its parent, so that closing the pipe waits for both, and no dead process is left to somebody else.
  self.pipe = assert(io.popen(("program=$(readlink %s || echo %s); \"$program\" sim %s >%s 2>&1 & echo $!; wait"):format(
    program, program, table.concat(self.arguments, " "), self.log)))
  self.pid = self.pipe:read("l")
  waitUntil(function() return readAll(self.kubeconfig) or not self:runs() end, "moonpool sim")
  if readAll(self.kubeconfig) then return true end
  self.pipe:close()
  return false
end

--- Starts the program under test (this very one, unless MOONPOOL names another) as `moonpool sim`.
---@param options { clusters: integer?, pods: integer?, nodes: integer?, namespaces: integer?, seed: integer?, name: string? }?
function sim.start(options)
  local base = os.tmpname()
  local self = setmetatable({ kubeconfig = base .. ".kubeconfig", credentials = base .. ".credentials", log = base }, Clusters)
  self.arguments = { "--kubeconfig " .. self.kubeconfig, "--credentials " .. self.credentials }
  for name, value in pairs(options or {}) do self.arguments[#self.arguments + 1] = ("--%s %s"):format(name, value) end
  -- Ports that are known beforehand, so that a restart gets the same. They follow one another, and one may be taken: try others.
  local port = #self.arguments + 1
  for attempt = 1, 10 do
    self.arguments[port] = "--port " .. run("scripts/dev/free-ports 1"):match("%d+")
    if launch(self) then break end
    if attempt == 10 then error("moonpool sim did not start: " .. readAll(self.log), 2) end
  end
  self.clusters = {}
  local text = readAll(self.kubeconfig)
  for name, server in text:gmatch("%- name: (%S+)\n  cluster:\n    server: (%S+)") do
    local token = text:match("%- name: " .. name:gsub("%-", "%%-") .. "%-token\n  user:\n    token: (%S+)")
    self.clusters[#self.clusters + 1] = { name = name, server = server, token = token }
  end
  return self
end

--- Asks a control page, by way of another cluster if there is one, so that faults do not stand in the way.
---@param cluster string the cluster that it is about
---@param method string
---@param page string "faults", "stats", "drop", "compact", "endWatches"
---@param body table?
---@return table
function Clusters:control(cluster, method, page, body)
  local by = self.clusters[1].name == cluster and self.clusters[2] or self.clusters[1]
  local data = body and (" --data-binary '%s'"):format((assert(core.json.encode(body)):gsub("'", "'\\''"))) or ""
  local answer = run(("curl -sk -m 10 -X %s -H 'Authorization: Bearer %s'%s '%s/_sim/%s?cluster=%s'"):format(
    method, by.token, data, by.server, page, cluster))
  local value = assert(core.json.decode(answer))
  if value.kind == "Status" then error(value.message, 2) end
  return value
end

---@param list table[] all the faults that the cluster is to have
function Clusters:faults(cluster, list) return self:control(cluster, "PUT", "faults", { faults = core.json.array(list) }) end

--- Counts: connections.accepted, connections.open, requests["GET /path"], total.
function Clusters:stats(cluster) return self:control(cluster, "GET", "stats") end

function Clusters:resetStats(cluster) return self:control(cluster, "DELETE", "stats") end

--- Sends a signal: KILL, STOP, CONT.
function Clusters:signal(name) os.execute(("kill -%s %s 2>/dev/null"):format(name, self.pid)) end

--- kill -9.
function Clusters:kill()
  self:signal("KILL")
  self.pipe:close()
end

--- Starts them again after kill.
function Clusters:restart()
  os.remove(self.kubeconfig)
  assert(launch(self), readAll(self.log))
end

function Clusters:stop()
  if self.stopped then return end
  self.stopped = true
  self:signal("CONT")
  self:signal("INT")
  if io.type(self.pipe) == "file" then self.pipe:close() end
  for _, path in ipairs { self.kubeconfig, self.credentials, self.log } do os.remove(path) end
end

return sim
