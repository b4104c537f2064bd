-- managed.lua: simulated clusters in this process with a manager over them, for specs of managers.
--
--   local here = managed.start { clusters = 3 }
--   local manager <close> = here:manager({ loadBalancingStrategy = "weighted" }, { ["sim-1"] = { weight = 7 } })
--   here.byName["sim-1"].faults:set { { type = "refuse" } }
--   here:stop()
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"

local managed = {}

---@class spec.Managed
---@field names string[]
---@field byName table<string, table> the simulated clusters
local Managed = {}
Managed.__index = Managed

---@param options moonpool.sim.Options?
---@return spec.Managed
function managed.start(options)
  local wanted = { clusters = 3, pods = 0 }
  for name, value in pairs(options or {}) do wanted[name] = value end
  local group = require("moonpool.sim").start(wanted)
  local self = setmetatable({ group = group, names = {}, byName = group.byName, text = group:kubeconfig() }, Managed)
  for index, cluster in ipairs(group.clusters) do self.names[index] = cluster.name end
  return self
end

function Managed:kubeConfig()
  local kubeConfig = moonpool.KubeConfig()
  assert(kubeConfig:loadFromString(self.text))
  return kubeConfig
end

--- The options to add a cluster with.
---@param name string
---@param more moonpool.ClusterOptions?
---@return moonpool.ClusterOptions
function Managed:cluster(name, more)
  local options = { name = name, kubeConfig = self:kubeConfig(), context = name }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

--- A manager of all the clusters, each healthy and with a connection. `each`: further options of addCluster by name.
---@param options moonpool.ManagerOptions?
---@param each table<string, moonpool.ClusterOptions>?
---@return moonpool.ConnectionManager
function Managed:manager(options, each)
  local wanted = { clusterHealthCheckInterval = 100, defaultPoolConfig = { minConnections = 1 } }
  for key, value in pairs(options or {}) do wanted[key] = value end
  local manager = moonpool.ConnectionManager(wanted)
  for _, name in ipairs(self.names) do assert(manager:addCluster(self:cluster(name, each and each[name]))) end
  self.settled(manager)
  return manager
end

--- Waits until every cluster is healthy and has an idle connection.
---@param manager moonpool.ConnectionManager
function Managed.settled(manager)
  eventually(10000, "healthy clusters", function()
    for _, stats in pairs(manager:getStats()) do
      if not stats.healthy or stats.poolStats.idle == 0 then return false end
    end
    return true
  end)
end

--- Waits until a cluster is in one of the states.
---@param manager moonpool.ConnectionManager
---@param name string
---@param ... string
function Managed.awaitState(manager, name, ...)
  local states = {}
  for _, state in ipairs { ... } do states[state] = true end
  eventually(15000, name .. " to be " .. table.concat({ ... }, " or "), function()
    return states[manager:getStats()[name].state]
  end)
end

--- Makes a cluster fail everything, for new connections and for those that there are, and waits until the manager knows.
---@param manager moonpool.ConnectionManager
---@param name string
function Managed:down(manager, name)
  self.byName[name].faults:set { { type = "die" } }
  self.awaitState(manager, name, "unhealthy")
end

function Managed:clear()
  for _, cluster in pairs(self.byName) do cluster:clearFaults() end
end

function Managed:stop() self.group:stop() end

return managed
