-- endpoint.lua: one API server of a simulated cluster: a TLS listener, its own faults beside the cluster's, and what it counted. All
-- endpoints of a cluster have the same objects and users.

local core = require("moonpool.core")
local faults = require("moonpool.sim.faults")

local endpoint = {}

local MAX_BODY = 3 * 1024 * 1024
local MAX_COUNTED_PATHS = 1000 -- paths that the request log tells apart
local MAX_PROBES = 1000        -- times of the latest probes that are kept

endpoint.MAX_BODY = MAX_BODY

---@class moonpool.sim.Endpoint
---@field name string "sim-1/2": the cluster's name and the number of the endpoint
---@field cluster moonpool.sim.Cluster
---@field faults moonpool.sim.Faults those that concern this endpoint alone
---@field address string host:port
---@field url string
---@field listener moonpool.core.HttpServer
local Endpoint = {}
Endpoint.__index = Endpoint

--- Starts to listen. Raises when the port cannot be had.
---@param cluster moonpool.sim.Cluster
---@param number integer
---@param options { address: string, port: integer, certificate: string[], badCertificate: function, authority: string, handler: function }
---@return moonpool.sim.Endpoint
function endpoint.new(cluster, number, options)
  local self = setmetatable({ name = ("%s/%d"):format(cluster.name, number), cluster = cluster, listening = "accept",
    certificate = options.certificate, shown = options.certificate, badCertificate = options.badCertificate }, Endpoint)
  self.faults = faults.new(cluster.chance, function() self:faultsChanged() end)
  self:resetStats()
  local handler = options.handler
  self.listener = assert(core.http.listen({
    address = options.address, port = options.port, certificate = options.certificate[1], key = options.certificate[2],
    clientCa = options.authority, maxBody = MAX_BODY, idleTimeout = 90,
    handler = function(exchange, method, target, body) return handler(self, exchange, method, target, body) end,
  }))
  self.port = self.listener:port()
  self.address = ("%s:%d"):format(options.address, self.port)
  self.url = "https://" .. self.address
  return self
end

-- ---------------------------------------------------------------------------------------------------- faults

--- Whether a fault of this type is on, here or in the whole cluster.
---@param type string
---@return boolean
function Endpoint:has(type) return self.faults:has(type) or self.cluster.faults:has(type) end

--- Does what faults do to the listener and to connections that are open.
function Endpoint:faultsChanged()
  local cluster = self.cluster
  if cluster.stopped then return end
  if cluster.answering then return cluster:later(0, function() self:faultsChanged() end) end
  local dead = self:has("die")
  local how = (dead or self:has("refuse")) and "refuse" or self:has("freeze") and "freeze" or self:has("stall") and "stall" or "accept"
  local certificate = self:has("badCertificate") and self.badCertificate() or self.certificate
  if how ~= self.listening then
    local ok, problem = self.listener:setListening(how)
    if not ok then core.log("error", ("simulated cluster %s: %s"):format(self.name, problem)) end
    self.listening = ok and how
  end
  if dead and not self.dead then self.listener:dropConnections() end
  self.dead = dead
  if certificate ~= self.shown then
    assert(self.listener:setCertificate(certificate[1], certificate[2]))
    self.shown = certificate
  end
end

function Endpoint:dropConnections() self.listener:dropConnections() end

--- What happens to a request: a delay in ms, and the fault that takes the answer's place, if any.
---@param method string
---@param path string
---@return integer delayMs
---@return table? fault
function Endpoint:meet(method, path)
  local delay, fault = self.cluster.faults:meet(method, path)
  if fault then return delay, fault end
  local more, own = self.faults:meet(method, path)
  return delay + more, own
end

--- The checks of /readyz that fail: a set of names.
---@return table<string, true>
function Endpoint:failingChecks()
  local names = {}
  self.cluster.faults:failingChecks(names)
  self.faults:failingChecks(names)
  return names
end

-- ---------------------------------------------------------------------------------------------------- statistics

--- Notes a request; `probe` is "readyz", "livez" or "healthz" when it asks for such a page.
---@param method string
---@param path string
---@param probe string?
function Endpoint:count(method, path, probe)
  self.total = self.total + 1
  if probe then
    local times = self.probes[probe]
    if not times then
      times = {}
      self.probes[probe] = times
    end
    if #times >= MAX_PROBES then table.remove(times, 1) end
    times[#times + 1] = core.now()
  end
  local key = method .. " " .. path
  local seen = self.requests[key]
  if not seen then
    if self.paths >= MAX_COUNTED_PATHS then return end
    self.paths = self.paths + 1
  end
  self.requests[key] = (seen or 0) + 1
end

--- connections: accepted and open; requests by "METHOD /path", and their total; probes: when each page of health was asked for, in
--- monotonic ms, the latest last.
function Endpoint:stats()
  return { name = self.name, url = self.url, connections = self.listener:stats(), requests = self.requests, total = self.total,
    probes = self.probes }
end

function Endpoint:resetStats() self.requests, self.total, self.paths, self.probes = {}, 0, 0, {} end

return endpoint
