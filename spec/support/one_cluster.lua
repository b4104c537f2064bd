-- one_cluster.lua: a simulated cluster in this process, at hand: its faults, what it counted, and pools and clients of it.
--
--   local here = oneCluster.start()
--   here.faults:set { { type = "refuse" } }
--   here.cluster.endpoints[2].faults:set { { type = "die" } }  -- with option endpoints = 2
--   local pool <close> = here:pool { minConnections = 1 }
--   here:stop()
local core = require "moonpool.core"
local moonpool = require "moonpool"

local oneCluster = {}

---@class spec.OneCluster
---@field faults moonpool.sim.Faults
---@field kubeconfig string its text
local OneCluster = {}
OneCluster.__index = OneCluster

---@param options moonpool.sim.Options?
---@return spec.OneCluster
function oneCluster.start(options)
  local wanted = { clusters = 1, pods = 0 }
  for name, value in pairs(options or {}) do wanted[name] = value end
  local group = require("moonpool.sim").start(wanted)
  local cluster = group.clusters[1]
  return setmetatable({ group = group, cluster = cluster, faults = cluster.faults, kubeconfig = group:kubeconfig() }, OneCluster)
end

function OneCluster:kubeConfig()
  local kubeConfig = moonpool.KubeConfig()
  assert(kubeConfig:loadFromString(self.kubeconfig))
  return kubeConfig
end

---@param options moonpool.PoolOptions?
---@return moonpool.ConnectionPool
function OneCluster:pool(options)
  return assert(moonpool.ConnectionPool(self.cluster.name, function() return self:kubeConfig() end, options))
end

---@param options moonpool.ClientOptions?
---@return moonpool.KubernetesClient
function OneCluster:client(options)
  local all = { kubeConfig = self:kubeConfig() }
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(moonpool.KubernetesClient(all))
end

--- How many connections the cluster has accepted.
---@return integer
function OneCluster:accepted() return self.cluster:stats().connections.accepted end

--- How many requests "METHOD /path" it has seen.
---@return integer
function OneCluster:requests(what) return self.cluster:stats().requests[what] or 0 end

--- No fault, no count.
function OneCluster:reset()
  self.cluster:clearFaults()
  self.cluster:resetStats()
end

function OneCluster:stop() self.group:stop() end

--- Calls fn; gives the milliseconds that it took, then its results.
function oneCluster.timed(fn, ...)
  local start = core.now()
  local results = table.pack(fn(...))
  return core.now() - start, table.unpack(results, 1, results.n)
end

return oneCluster
