-- fragment.lua FILE: runs a piece of a script out of a document, which takes some names for granted: the module, a client of the current
-- context, a manager of all selected ones, a pool, a connection's kubeconfig. Each is made when it is first used.
local moonpool = require "moonpool"

local clusters = rawget(_G, "clusters")
local made = {}
local makers = {}

function makers.client() return assert(moonpool.KubernetesClient { context = clusters:clusters()[1] }) end

function makers.manager()
  local manager = moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 1 } }
  for _, name in ipairs(clusters:clusters()) do assert(manager:addCluster { name = name, context = name }) end
  return manager
end

function makers.kubeConfigFactory()
  return function()
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromDefault())
    return kubeConfig
  end
end

function makers.pool()
  return assert(moonpool.ConnectionPool(clusters:clusters()[1], makers.kubeConfigFactory(), { minConnections = 1 }))
end

setmetatable(_G, { __index = function(_, name)
  if not makers[name] then return nil end
  local value = makers[name]()
  if type(value) ~= "function" then made[#made + 1] = value end
  rawset(_G, name, value)
  return value
end })

rawset(_G, "moonpool", moonpool)
local path = arg[1]
rawset(_G, "arg", { [0] = path })
assert(loadfile(path))()
for _, one in ipairs(made) do one:dispose() end
