-- init.lua: the module table that `require "moonpool"` returns. What a script may use stands here; the work is elsewhere.
local core = require "moonpool.core"
local api = require "moonpool.api"
local check = require "moonpool.check"
local client = require "moonpool.client"
local concurrency = require "moonpool.concurrency"
local kinds = require "moonpool.kinds"
local log = require "moonpool.log"
local pool = require "moonpool.pool"
local public = require "moonpool.public"

--- What `require "moonpool"` returns. Beside what is listed it has a class for each API group and version, for makeApiClient:
--- CoreV1Api, AppsV1Api, BatchV1Api, NetworkingV1Api, ..., also other versions (BatchV1beta1Api) and the best one that the cluster
--- serves (BatchApi).
---@class moonpool
---@field CoreV1Api moonpool.ApiClass
---@field AppsV1Api moonpool.ApiClass
---@field BatchV1Api moonpool.ApiClass
local moonpool = {
  --- The version of moonpool.
  version = core.version, ---@type string
  KubernetesClient = client.KubernetesClient,
  ConnectionPool = pool.ConnectionPool,
  KubeConfig = core.KubeConfig,

  json = core.json, ---@type moonpool.json
  yaml = core.yaml, ---@type moonpool.yaml
  --- JSON's null, only needed where leaving a field out would mean something else.
  null = core.null, ---@type userdata
  array = core.json.array,
  log = log, ---@type moonpool.log

  spawn = core.spawn,
  sleep = core.sleep,
  every = concurrency.every,
  map = concurrency.map,
  poll = core.poll,
  run = core.run,
}

public.classes["moonpool"] = moonpool
public.classes["moonpool.Task"], public.classes["moonpool.json"], public.classes["moonpool.yaml"] = core.taskMethods, core.json, core.yaml

for _, group in ipairs(kinds.groups) do
  local name = group.class .. group.version:gsub("^v", "V") .. "Api"
  moonpool[name] = api.class(name)
end

-- What a script that talks to one cluster does not need is loaded when it is used.
local onDemand = {
  ConnectionManager = function() return require("moonpool.manager").ConnectionManager end,
  LoadBalancingStrategy = function() return require("moonpool.strategies").LoadBalancingStrategy end,
  strategies = function() return require "moonpool.strategies" end,
  http = function() return require "moonpool.http" end,
  console = function() return require "moonpool.console" end,
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
