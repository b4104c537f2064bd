-- fleet.lua: many simulated clusters, outside of this process, each of which can die, hang, fail and come back alone: for specs of
-- managers, strategies, fail-over, endpoints and fan-out.
--
--   local fleet = require "spec.support.fleet"
--   local clusters <close> = fleet.start { clusters = 3, endpoints = 2 }
--   local clusters <close> = fleet.start { clusters = 3, apart = true }  -- a process each: what is killed or stopped really is
--
-- Options are those of moonpool.sim (clusters: default 3; pods: default 0), and `apart`. Clusters are called sim-1, sim-2, ...
-- (option name: "prod" gives prod-1, ...); WHERE below is such a name, or an endpoint of one: "sim-2/1" (from 1).
--
--   clusters.names                       { "sim-1", "sim-2", "sim-3" }
--   clusters.kubeconfig                  path of a kubeconfig with all of them: contexts sim-1 (administrator by certificate), sim-1-token
--                                        (administrator by token), sim-1-nobody (no rights, but it may ask for /readyz)
--   clusters:path "sim-2"                path of a kubeconfig of sim-2 alone, whose current context is sim-2
--   clusters:endpoints "sim-2"           its URLs, that of the kubeconfig first
--
--   clusters:kill(WHERE)                 apart: kill -9 of its process. Else: its ports are closed and its connections reset (fault die)
--   clusters:restart(WHERE)              what was killed is back, on the same ports. Apart: its objects are as at first, its counts 0
--   clusters:stop(WHERE)                 apart: SIGSTOP. Else: its ports and connections fall silent (fault freeze)
--   clusters:cont(WHERE)                 it goes on
--                                        (one endpoint of a cluster, "sim-2/1", is always killed and stopped by a fault)
--   clusters:fault(WHERE, fault, ...)    lays faults, beside those that there are: see lua/moonpool/sim/faults.lua, for example
--       { type = "status", code = 503 }                                     every request; also 500, 502, 504, 401, 403
--       { type = "status", code = 429, retryAfter = 1, path = "/api/*" }    with path, method, probability, count
--       { type = "latency", ms = 200, jitter = 50 }                         slow
--       { type = "hang", path = "/api/*" }                                  those requests are never answered
--       { type = "notReady", check = "etcd" }                               only /readyz fails: 500 with the list of checks
--       { type = "die" }, { type = "freeze" }                               also while `apart`, as fault
--       { type = "refuse" }, { type = "stall" }, { type = "badCertificate" }  new connections only
--       { type = "die", onMs = 300, offMs = 300, times = 5 }                flaps; any fault can, and can have forMs
--   clusters:clear(WHERE), clusters:clear()   takes the faults of WHERE away (those of its endpoints are faults of their own), or all of
--                                        those that can be asked
--   clusters:drop(WHERE)                 resets its connections, once
--   clusters:endWatches(WHERE)           ends its watches, as a server that shuts down does
--   clusters:stats(WHERE)                { connections = { accepted, open }, requests = { ["GET /path"] = n }, total = n, and for a cluster
--                                        endpoints = { { name, url, connections, requests, total, probes }, ... } }, for an endpoint
--                                        probes = { readyz = { ms, ... }, livez = ... }: when it was asked, as core.now() counts
--   clusters:probes(WHERE)               the times at which /readyz was asked for, sorted
--   clusters:resetStats(WHERE)           or of all: clusters:resetStats()
--   clusters:pid "sim-2"                 of its process
--   clusters:close()                     ends all of them
--
-- Faults, counts and kill need no cooperation of a cluster that is faulty: they go by a listener of its process that has no faults; but
-- a process that was killed or stopped answers nothing. All of these block until they have worked (10 to 20 ms).
local core = require "moonpool.core"
local sim = require "spec.support.sim"

local fleet = {}

---@class spec.Fleet
---@field names string[]
---@field kubeconfig string
local Fleet = {}
Fleet.__index = Fleet
Fleet.__close = function(self) self:close() end

local function readAll(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local SECTIONS = { "clusters", "users", "contexts" }

--- The entries of a kubeconfig that a simulator wrote: by section, and there by the cluster that they belong to.
local function readEntries(path)
  local found = {}
  for index, text in ipairs { readAll(path):match "\nclusters:\n(.-)\nusers:\n(.-)\ncontexts:\n(.-)\ncurrent%-context:" } do
    local byName = {}
    found[SECTIONS[index]] = byName
    for entry in ("\n" .. text):gsub("\n%- ", "\0- "):gmatch "%z([^%z]+)" do
      local name = entry:match("^%- name: (%S+)"):gsub("%-%a+$", "") -- sim-1, sim-1-admin, sim-1-token
      byName[name] = (byName[name] and byName[name] .. "\n" or "") .. entry
    end
  end
  return found
end

local function writeKubeconfig(self, path, names)
  local lines = { "apiVersion: v1\nkind: Config" }
  for _, section in ipairs(SECTIONS) do
    lines[#lines + 1] = section .. ":"
    for _, name in ipairs(names) do lines[#lines + 1] = self.byName[name].entries[section][name] end
  end
  lines[#lines + 1] = ('current-context: "%s"\n'):format(names[1])
  assert(core.writePrivateFile(path, table.concat(lines, "\n")))
end

--- Starts simulated clusters.
---@param options moonpool.sim.Options|{ apart: boolean? }?
---@return spec.Fleet
function fleet.start(options)
  local wanted = { clusters = 3, pods = 0 }
  for name, value in pairs(options or {}) do wanted[name] = value end
  local processes = 1
  if wanted.apart then processes, wanted.clusters = wanted.clusters, 1 end
  local self = setmetatable({ apart = wanted.apart, processes = {}, names = {}, byName = {}, base = os.tmpname() }, Fleet)
  wanted.apart = nil
  self.kubeconfig = self.base .. ".kubeconfig"
  for index = 1, processes do
    if self.apart then wanted.first = index end
    local process = sim.start(wanted)
    self.processes[index] = process
    local entries = readEntries(process.kubeconfig)
    for _, one in ipairs(process.clusters) do
      self.names[#self.names + 1] = one.name
      self.byName[one.name] = { process = process, endpoints = one.endpoints, entries = entries }
    end
  end
  writeKubeconfig(self, self.kubeconfig, self.names)
  return self
end

--- The cluster of a name, or of an endpoint's.
local function find(self, where)
  local endpoint = where:match "/(%d+)$"
  local one = self.byName[where:match "^[^/]+"]
  if not one or (endpoint and not one.endpoints[tonumber(endpoint)]) then
    error(("no cluster or endpoint %s: there are %s"):format(where, table.concat(self.names, ", ")), 3)
  end
  return one, endpoint ~= nil
end

---@param name string
---@return string
function Fleet:path(name)
  local one = find(self, name)
  if not one.path then
    one.path = ("%s.%s.kubeconfig"):format(self.base, name)
    writeKubeconfig(self, one.path, { name })
  end
  return one.path
end

---@param name string
---@return string[] urls
function Fleet:endpoints(name) return find(self, name).endpoints end

---@param name string
---@return integer
function Fleet:pid(name) return math.tointeger(tonumber(find(self, name).process.pid)) end

-- ---------------------------------------------------------------------------------------------------- faults

---@param where string
---@param ... table
function Fleet:fault(where, ...)
  local process = find(self, where).process
  for _, fault in ipairs { ... } do process:addFault(where, fault) end
end

---@param where string? default: all, with their endpoints
function Fleet:clear(where)
  if where then return find(self, where).process:faults(where, {}) end
  for _, process in ipairs(self.processes) do
    if process:answers() then process:control(nil, "POST", "clear") end
  end
end

--- Takes the faults of one type away.
local function lift(process, where, type)
  local left = {}
  for _, fault in ipairs(process:control(where, "GET", "faults").faults) do
    if fault.type ~= type then left[#left + 1] = fault end
  end
  process:faults(where, left)
end

---@param where string
function Fleet:kill(where)
  local one, isEndpoint = find(self, where)
  if self.apart and not isEndpoint then return one.process:kill() end
  one.process:addFault(where, { type = "die" })
end

---@param where string
function Fleet:restart(where)
  local one, isEndpoint = find(self, where)
  if self.apart and not isEndpoint then return one.process:restart() end
  lift(one.process, where, "die")
end

---@param where string
function Fleet:stop(where)
  local one, isEndpoint = find(self, where)
  if self.apart and not isEndpoint then return one.process:signal "STOP" end
  one.process:addFault(where, { type = "freeze" })
end

---@param where string
function Fleet:cont(where)
  local one, isEndpoint = find(self, where)
  if self.apart and not isEndpoint then return one.process:signal "CONT" end
  lift(one.process, where, "freeze")
end

---@param where string
function Fleet:drop(where) find(self, where).process:control(where, "POST", "drop") end

---@param where string
function Fleet:endWatches(where) find(self, where).process:control(where, "POST", "endWatches") end

-- ---------------------------------------------------------------------------------------------------- statistics

---@param where string
function Fleet:stats(where) return find(self, where).process:stats(where) end

---@param where string
---@return integer[] ms
function Fleet:probes(where)
  local stats, all = self:stats(where), {}
  for _, endpoint in ipairs(stats.endpoints or { stats }) do
    for _, ms in ipairs(endpoint.probes.readyz or {}) do all[#all + 1] = ms end
  end
  table.sort(all)
  return all
end

---@param where string? default: all
function Fleet:resetStats(where)
  for _, name in ipairs(where and { where } or self.names) do find(self, name).process:resetStats(name) end
end

function Fleet:close()
  for _, process in ipairs(self.processes) do process:stop() end
  for _, one in pairs(self.byName) do
    if one.path then os.remove(one.path) end
  end
  os.remove(self.kubeconfig)
  os.remove(self.base)
end

return fleet
