-- sim.lua: starts `moonpool sim` as a child process for a spec, and talks to its control pages.
--
--   local clusters = sim.start{ clusters = 2, endpoints = 2, pods = 20 }
--   clusters.kubeconfig                               -- path of the file
--   clusters.clusters[1].endpoints                    -- URLs; the kubeconfig names the first. Also name, server, token
--   clusters:faults("sim-2", { { type = "refuse" } }) -- see lua/moonpool/sim/faults.lua; {} clears
--   clusters:faults("sim-2/1", { { type = "die" } })  -- of one endpoint
--   clusters:stats("sim-1").connections.accepted      -- and of its endpoints: .endpoints[2].probes.readyz, monotonic ms
--   clusters:signal "STOP"                            -- and "CONT"
--   clusters:kill(); clusters:restart()               -- kill -9; the same clusters on the same ports again, their objects as at first
--   clusters:stop()

local core = require("moonpool.core")
local process = require "spec.support.process"

local sim = {}

local Clusters = {}
Clusters.__index = Clusters
Clusters.__close = function(self) self:stop() end

local function run(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read("a")
end

--- Whether the process runs, be it stopped.
function Clusters:runs() return process.running(self.pid) end

--- Whether it can be asked something.
function Clusters:answers() return self:runs() and process.state(self.pid) ~= "T" end

local function launch(self)
  local program = os.getenv("MOONPOOL") or "/proc/$PPID/exe"
  -- The shell stays as its parent, so that closing the pipe waits for both, and no dead process is left to somebody else.
  self.pipe = assert(io.popen(("program=$(readlink %s || echo %s); \"$program\" sim %s >%s 2>&1 & echo $!; wait"):format(
    program, program, table.concat(self.arguments, " "), self.log)))
  self.pid = self.pipe:read("l")
  local function started() return process.readAll(self.kubeconfig) and process.readAll(self.log):find("Interrupt", 1, true) end
  process.waitUntil(function() return started() or not self:runs() end, "moonpool sim", 30)
  if started() then return true end
  self.pipe:close()
  return false
end

--- Starts the program under test (this very one, unless MOONPOOL names another) as `moonpool sim`, with a control listener: faults do not
--- stand in the way of what is asked there.
---@param options moonpool.sim.Options?
function sim.start(options)
  local base = os.tmpname()
  local self = setmetatable({ kubeconfig = base .. ".kubeconfig", credentials = base .. ".credentials", log = base }, Clusters)
  self.arguments = { "--control", "--users", "--kubeconfig " .. self.kubeconfig, "--credentials " .. self.credentials }
  for name, value in pairs(options or {}) do
    if value then self.arguments[#self.arguments + 1] = value == true and "--" .. name or ("--%s %s"):format(name, value) end
  end
  -- Ports that are known beforehand, so that a restart gets the same. They follow one another, and one may be taken: try others.
  local port = #self.arguments + 1
  for attempt = 1, 10 do
    self.arguments[port] = "--port " .. run("scripts/dev/free-ports 1"):match("%d+")
    if launch(self) then break end
    if attempt == 10 then error("moonpool sim did not start: " .. process.readAll(self.log), 2) end
  end
  self.controlUrl = process.readAll(self.log):match("control pages: (%S+)")
  self.clusters = {}
  local text = process.readAll(self.kubeconfig)
  for name, server in text:gmatch("%- name: (%S+)\n  cluster:\n    server: (%S+)") do
    local token = text:match("%- name: " .. name:gsub("%-", "%%-") .. "%-token\n  user:\n    token: (%S+)")
    self.clusters[#self.clusters + 1] = { name = name, server = server, token = token }
  end
  for index, one in ipairs(self:control(nil, "GET", "clusters").clusters) do
    self.clusters[index].endpoints = one.endpoints
  end
  return self
end

--- Asks a control page.
---@param subject string? the cluster that it is about, or the endpoint: "sim-1", "sim-1/2"; nil for "clusters" and "clear"
---@param method string
---@param page string "clusters", "clear", "faults", "stats", "drop", "compact", "endWatches"
---@param body table?
---@return table
function Clusters:control(subject, method, page, body)
  subject = subject or self.clusters[1].name
  local cluster, endpoint = subject:match("^(.*)/(%d+)$")
  local query = "cluster=" .. (cluster or subject) .. (endpoint and "&endpoint=" .. endpoint or "")
  local data = body and (" --data-binary '%s'"):format((assert(core.json.encode(body)):gsub("'", "'\\''"))) or ""
  local answer = run(("curl -sk -m 10 -X %s -H 'Authorization: Bearer %s'%s '%s%s?%s'"):format(
    method, self.clusters[1].token, data, self.controlUrl, page, query))
  local value = assert(core.json.decode(answer))
  if value.kind == "Status" then error(value.message, 2) end
  return value
end

---@param cluster string or an endpoint
---@param list table[] all the faults that it is to have
function Clusters:faults(cluster, list) return self:control(cluster, "PUT", "faults", { faults = core.json.array(list) }) end

--- One more fault.
function Clusters:addFault(cluster, fault) return self:control(cluster, "POST", "faults", fault) end

--- Counts: connections.accepted, connections.open, requests["GET /path"], total; those of an endpoint also probes.readyz, when it was
--- asked for. Those of a cluster are sums, and have endpoints.
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
  assert(launch(self), process.readAll(self.log))
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
