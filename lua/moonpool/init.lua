-- init.lua: the module table that `require "moonpool"` returns. What a script may use stands here; the work is elsewhere.
local core = require "moonpool.core"
local api = require "moonpool.api"
local check = require "moonpool.check"
local client = require "moonpool.client"
local concurrency = require "moonpool.concurrency"
local kinds = require "moonpool.kinds"
local log = require "moonpool.log"
local pool = require "moonpool.pool"

---@class moonpool
---@field CoreV1Api moonpool.ApiClass
---@field AppsV1Api moonpool.ApiClass
---@field BatchV1Api moonpool.ApiClass
---@field ConnectionManager fun(options: moonpool.ManagerOptions?): moonpool.ConnectionManager
---@field LoadBalancingStrategy moonpool.LoadBalancingStrategy
---@field strategies { register: fun(name: string, strategy: moonpool.Strategy|function) } strategies to choose by name
local moonpool = {
  version = core.version, ---@type string
  KubernetesClient = client.KubernetesClient,
  ConnectionPool = pool.ConnectionPool,
  --- An empty kubeconfig: loadFromFile(path), loadFromString(text), loadFromDefault(), loadFromCluster(),
  --- setCurrentContext(name), getCurrentContext(), getContexts(), getClusters(), getUsers(), makeApiClient(class).
  KubeConfig = core.KubeConfig,

  --- decode(text) -> value | nil, err; encode(value, { indent = n }?) -> text | nil, err. Loses nothing: 64-bit integers, [] and
  --- {}, null in lists.
  json = core.json,
  yaml = core.yaml,
  --- JSON's null, only needed where leaving a field out would mean something else.
  null = core.null,
  --- Marks a table as a list, so that it is written as [] when it is empty; returns it.
  array = core.json.array,
  log = log,

  spawn = core.spawn,
  sleep = core.sleep,
  every = concurrency.every,
  map = concurrency.map,
  --- Delivers what is ready (events, tasks, timers), for at most this many ms.
  poll = core.poll,
  --- Runs until no task and no timer is left.
  run = core.run,
}

for _, group in ipairs(kinds.groups) do
  local name = group.class .. group.version:gsub("^v", "V") .. "Api"
  moonpool[name] = api.class(name)
end

-- What a script that talks to one cluster does not need is loaded when it is used.
local onDemand = {
  ConnectionManager = function() return require("moonpool.manager").ConnectionManager end,
  LoadBalancingStrategy = function() return require("moonpool.strategies").LoadBalancingStrategy end,
  strategies = function() return require "moonpool.strategies" end,
}

local function names()
  local all = check.keys(moonpool)
  for name in pairs(onDemand) do all[#all + 1] = name end
  return all
end

-- Other versions on demand too: moonpool.BatchV1beta1Api, moonpool.AppsApi (the best version that the cluster serves).
return setmetatable(moonpool, { __names = names, __index = function(_, name)
  if type(name) ~= "string" or name:find("^_") then return nil end
  if onDemand[name] then
    moonpool[name] = onDemand[name]()
    return moonpool[name]
  end
  return api.class(name) or check.misuse('moonpool has no "%s"%s', name, check.hint(name, names()))
end })
