-- manager.lua: ConnectionManager: several clusters behind one, and leases of their connections. Choosing, health and fail-over are
-- the core's; here are the options, the kubeconfig factories, the events, and the clients.
local core = require "moonpool.core"
local alive = require "moonpool.alive"
local balanced = require "moonpool.balanced"
local check = require "moonpool.check"
local client = require "moonpool.client"
local emitter = require "moonpool.emitter"
local errors = require "moonpool.errors"
local fanout = require "moonpool.fanout"
local log = require "moonpool.log"
local pool = require "moonpool.pool"
local public = require "moonpool.public"
local strategies = require "moonpool.strategies"

local manager = {}

---@class moonpool.ManagerOptions
---@field loadBalancingStrategy string|moonpool.Strategy|function|nil which cluster a call or lease gets: a member of
--- LoadBalancingStrategy, a registered name, or a strategy of one's own
---@field enableFailover boolean? leases and reads go to another cluster when theirs fails
---@field failoverWrites boolean? writes too, where that is safe
---@field clusterHealthCheckInterval integer? ms between probes of a healthy cluster; 0: only clusters whose requests fail are probed
---@field defaultPoolConfig moonpool.PoolOptions? for the pools of all clusters
---@field logger moonpool.Logger? gets what the runtime would log to standard error
local managerOptions = check.declare("moonpool.ManagerOptions", { loadBalancingStrategy = "any", enableFailover = "boolean",
  failoverWrites = "boolean", clusterHealthCheckInterval = "milliseconds", defaultPoolConfig = "table", logger = "any" },
  core.defaults.manager)

---@class moonpool.ClusterOptions
---@field name string how everything calls it: unique in its manager
---@field kubeConfigFactory (fun(): moonpool.KubeConfig)? called once; or:
---@field kubeConfigPath string? only this file; or:
---@field kubeConfig moonpool.KubeConfig? or none of them: $KUBECONFIG, ~/.kube/config, in-cluster
---@field context string? default: the current context
---@field endpoints string[]? URLs of its API servers; default: the kubeconfig's server
---@field resolveEndpoints boolean? true: every address of a name is an API server of its own; looked up again every 30 s
---@field weight number? its share under the weighted and some other strategies, 0 or more; 0: only while nothing else is left
---@field labels table<string, string>? to select by, and for strategies
---@field zone string? for strategies
---@field priority integer? lower numbers first, under the priority strategy
---@field poolConfig moonpool.PoolOptions? of its pool, over defaultPoolConfig
local clusterOptions = check.declare("moonpool.ClusterOptions", { name = "string", kubeConfigFactory = "function",
  kubeConfigPath = "string", kubeConfig = "any", context = "string", endpoints = "table", resolveEndpoints = "boolean",
  weight = "weight", labels = "table", zone = "string", priority = "integer", poolConfig = "table" }, core.defaults.cluster)

--- Beside these, a manager tells of each event of its pools, with the cluster's name as a further last argument.
---@alias moonpool.ManagerEvent
---| "clusterAdded" # (name) addCluster has added one
---| "clusterRemoved" # (name) removeCluster has taken one out, and nothing of it is left
---| "clusterHealthy" # (name) it is back in the rotation
---| "clusterUnhealthy" # (name, reason) it left the rotation
---| "failover" # (from, to, reason) a call or a lease goes on in another cluster
---| "strategyError" # (message) a strategy of the script's raised, took too long or returned no candidate; the fall-back chose
local eventNames = { "clusterAdded", "clusterRemoved", "clusterHealthy", "clusterUnhealthy", "failover", "strategyError",
  table.unpack(pool.eventNames) }
manager.eventNames = eventNames

--- Several clusters behind one: chooses one for every call and lease, watches their health, fails over. Methods are called with a
--- colon; `<close>` disposes of it.
---@class moonpool.ConnectionManager
local methods = {}
local ConnectionManager = { __name = "moonpool.ConnectionManager", __index = methods }
manager.methods = methods
public.classes["moonpool.ConnectionManager"] = methods

setmetatable(methods, { __index = function(_, name)
  if type(name) ~= "string" or name:find("^_") then return nil end
  check.misuse('ConnectionManager has no method "%s"%s', name, check.hint(name, check.keys(methods)))
end })

-- What a manager keeps: the core's manager and what its clients need (moonpool.Membership), its events, its strategy.
local state = setmetatable({}, { __mode = "k" })

--- What a manager keeps, when a method is called on one.
local function of(self, method)
  if getmetatable(self) ~= ConnectionManager then check.self(self, ConnectionManager, ("manager:%s()"):format(method)) end
  return state[self]
end

--- The same for methods that a disposed manager does not have any more. (Of those that are the core's, it says so itself.)
local function usable(self, method)
  local mine = of(self, method)
  mine.guard()
  return mine
end

-- ---------------------------------------------------------------------------------------------------------------- strategies
--- Calls a hook of a strategy; what it raises is told as an event.
local function callHook(mine, strategy, hook, ...)
  local ok, problem = pcall(strategy[hook], strategy.own, ...)
  if not ok then
    mine.handle:noteStrategyError(("the strategy %s raised an error in %s: %s"):format(strategy.name, hook, tostring(problem)))
  end
end

local changes = { clusterAdded = "added", clusterRemoved = "removed", clusterHealthy = "healthy", clusterUnhealthy = "unhealthy" }

local function useStrategy(mine, where, wanted)
  local strategy = strategies.choose(where, wanted)
  for _, subscription in ipairs(mine.hooks) do mine.emitter:off(subscription) end
  mine.strategy, mine.hooks = strategy, {}
  assert(mine.handle:useStrategy(strategy.builtin and strategy.name or "round-robin")) -- what chooses where a script cannot
  mine.handle:setSelect(strategy.select, strategy.own, strategy.name)
  if not strategy.onClusterChange then return end
  for event, change in pairs(changes) do
    mine.hooks[#mine.hooks + 1] = mine.emitter:on(event, function(name)
      callHook(mine, strategy, "onClusterChange", name, change)
    end)
  end
end

-- -------------------------------------------------------------------------------------------------------------------- making
--- Several clusters behind one. Clusters are added afterwards.
---
--- ```lua
--- local manager <close> = moonpool.ConnectionManager {
---   loadBalancingStrategy = moonpool.LoadBalancingStrategy.LEAST_CONNECTIONS,
--- }
--- assert(manager:addCluster { name = "eu", context = "prod-eu", weight = 3, labels = { env = "prod" } })
--- ```
---@param options moonpool.ManagerOptions?
---@return moonpool.ConnectionManager
function manager.ConnectionManager(options)
  options = options or {}
  check.options("ConnectionManager", options, managerOptions)
  if options.logger ~= nil then log.checkLogger("ConnectionManager: option logger", options.logger) end
  if options.failoverWrites and options.enableFailover == false then
    check.misuse("ConnectionManager: failoverWrites = true contradicts enableFailover = false")
  end
  local mine = { members = {}, order = {}, hooks = {}, defaultPoolConfig = options.defaultPoolConfig, logger = options.logger }
  mine.handle = core.manager { enableFailover = options.enableFailover, failoverWrites = options.failoverWrites,
    clusterHealthCheckInterval = options.clusterHealthCheckInterval, defaultPoolConfig = options.defaultPoolConfig }
  function mine.guard()
    if mine.handle:isDisposed() then check.misuse("ConnectionManager was disposed") end
  end
  function mine.observe(cluster, message, err, duration)
    local strategy = mine.strategy
    if not strategy.onResult then return end
    callHook(mine, strategy, "onResult", cluster, { ok = err == nil, err = err, duration = duration,
      method = message.method or "GET", path = message.path })
  end
  mine.emitter = emitter.new("ConnectionManager", eventNames)
  local listener = mine.emitter:listener()
  mine.emitter.onInterest = function(wanted) mine.handle:setListener(wanted and listener or nil) end
  useStrategy(mine, "ConnectionManager: option loadBalancingStrategy", options.loadBalancingStrategy or "round-robin")
  if options.logger then log.attach(options.logger) end
  local self = setmetatable({}, ConnectionManager)
  state[self] = mine
  alive.addManager(self, function() return mine.handle:isDisposed() end)
  return self
end

-- ------------------------------------------------------------------------------------------------------------------ clusters
local function kubeConfigOf(options, where)
  local given = {}
  for _, name in ipairs { "kubeConfigFactory", "kubeConfigPath", "kubeConfig" } do
    if options[name] ~= nil then given[#given + 1] = name end
  end
  if #given > 1 then check.misuse("%s: %s and %s exclude each other", where, given[1], given[2]) end
  if options.kubeConfigFactory then return pool.kubeConfigFrom(where, options.name, options.kubeConfigFactory) end
  return client.loadKubeConfig(where, options)
end

local function checkTexts(where, name, list)
  local count = 0
  for key, value in pairs(list) do
    count = count + 1
    if type(value) ~= "string" or value == "" then
      check.misuse("%s: option %s: %s: expected a string, got %s", where, name, tostring(key), check.describe(value))
    end
  end
  return count
end

local function checkCluster(options)
  if type(options) == "string" then
    check.misuse("addCluster: expected a table of options, such as { name = %q }, got a string", options)
  end
  check.options("addCluster", options, clusterOptions)
  check.value("addCluster: option name", options.name, "string")
  local where = ("addCluster %s"):format(options.name)
  if options.endpoints then
    local count = checkTexts(where, "endpoints", options.endpoints)
    if count == 0 or count ~= #options.endpoints then
      check.misuse('%s: option endpoints: expected a list of URLs, such as { "https://10.0.0.1:6443" }', where)
    end
  end
  if options.labels then
    checkTexts(where, "labels", options.labels)
    if #options.labels > 0 then check.misuse('%s: option labels: expected names and values, such as { env = "prod" }', where) end
  end
  return where
end

local function merged(base, over)
  if not (base and over) then return over or base end
  local all = {}
  for name, value in pairs(base) do all[name] = value end
  for name, value in pairs(over) do all[name] = value end
  return all
end

--- Adds a cluster. Reads its kubeconfig, starts its pool and its health checks; waits for no network.
---@param options moonpool.ClusterOptions
---@return true?, moonpool.Error?
function methods:addCluster(options)
  local mine = usable(self, "addCluster")
  local where = checkCluster(options)
  local name = options.name
  local kubeConfig, err = kubeConfigOf(options, where)
  if not kubeConfig then
    err.cluster = err.cluster or name
    return nil, err
  end
  local ok
  ok, err = mine.handle:addCluster { name = name, kubeConfig = kubeConfig, context = options.context,
    endpoints = options.endpoints, resolveEndpoints = options.resolveEndpoints, weight = options.weight, labels = options.labels,
    zone = options.zone, priority = options.priority, poolConfig = merged(mine.defaultPoolConfig, options.poolConfig) }
  if not ok then return nil, err end
  local handle = assert(mine.handle:cluster(name))
  local labels = {}
  for key, value in pairs(options.labels or {}) do labels[key] = value end
  mine.members[name] = { name = name, handle = handle, labels = labels, zone = options.zone,
    session = pool.sessionOf(handle, mine.guard, mine.observe) }
  mine.order[#mine.order + 1] = name
  return true
end

--- Takes a cluster out: who waits for it gets "closed", leases and calls have 5 s to end. Waits until nothing of it is left.
---@param name string
---@return true?, moonpool.Error?
function methods:removeCluster(name)
  local mine = usable(self, "removeCluster")
  check.value("removeCluster: argument 1 (name)", name, "string")
  mine.members[name] = nil
  for i, known in ipairs(mine.order) do
    if known == name then
      table.remove(mine.order, i)
      break
    end
  end
  return mine.handle:removeCluster(name)
end

--- Lets a cluster be chosen again.
---@param name string
---@return true?, moonpool.Error?
function methods:enableCluster(name)
  check.value("enableCluster: argument 1 (name)", name, "string")
  return usable(self, "enableCluster").handle:setEnabled(name, true)
end

--- Lets a cluster not be chosen any more. It is still checked, and what runs on it goes on.
---@param name string
---@return true?, moonpool.Error?
function methods:disableCluster(name)
  check.value("disableCluster: argument 1 (name)", name, "string")
  return usable(self, "disableCluster").handle:setEnabled(name, false)
end

--- Changes a cluster's weight, for what is chosen from then on.
---@param name string
---@param weight number 0 or more; 0: only while nothing else is left
---@return true?, moonpool.Error?
function methods:setWeight(name, weight)
  check.value("setWeight: argument 1 (name)", name, "string")
  check.value("setWeight: argument 2 (weight)", weight, "weight")
  return usable(self, "setWeight").handle:setWeight(name, weight)
end

--- Changes the strategy, for what is chosen from then on: a LoadBalancingStrategy, a registered name, a function,
--- or a table with select (see moonpool.Strategy).
---
--- ```lua
--- manager:setStrategy(function(clusters)
---   table.sort(clusters, function(a, b) return a.inFlight < b.inFlight end)
---   return clusters[1]
--- end)
--- ```
---@param strategy string|moonpool.Strategy|function
function methods:setStrategy(strategy)
  useStrategy(usable(self, "setStrategy"), "setStrategy", strategy)
end

--- The names of the clusters that match, in the order in which they were added. Disabled ones only when they are named.
---@param patterns string|string[]|nil names, globs, /regular expressions/, ^exclusions; nil: all
---@param labels string|table<string, string>|nil only those with these labels: "env=prod,tier!=db" or { env = "prod" }
---@return string[]?, moonpool.Error?
function methods:clusters(patterns, labels)
  local mine = usable(self, "clusters")
  local selector, err = core.selector(patterns, labels)
  if not selector then return nil, err end
  return mine.handle:names(selector)
end

-- -------------------------------------------------------------------------------------------------------------------- leases
---@class moonpool.AcquireOptions
---@field cluster string? the preferred one
---@field key string? what the strategy goes by, where it does
local acquireOptions = check.declare("moonpool.AcquireOptions", { cluster = "string", key = "string" })

local function acquire(mine, method, wanted)
  if wanted == nil then return mine.handle:acquire() end
  if type(wanted) == "string" then
    check.value(method .. ": argument 1 (cluster)", wanted, "string")
    return mine.handle:acquire(wanted)
  end
  if type(wanted) ~= "table" then
    check.misuse("%s: expected the name of a cluster or a table of options, got %s", method, check.describe(wanted))
  end
  check.options(method, wanted, acquireOptions)
  return mine.handle:acquire(wanted.cluster, wanted.key)
end

--- Leases a connection of some cluster; the preferred one while it can be used. Give it back with release(cluster, connection).
--- Waits up to the acquireTimeout of the cluster's pool.
---@param preferred string|moonpool.AcquireOptions|nil
---@return string? cluster
---@return moonpool.Connection|moonpool.Error connection
function methods:acquire(preferred)
  return acquire(of(self, "acquire"), "acquire", preferred)
end

--- Gives a lease back; raises when it was given back already, or when it is of another cluster.
---@param cluster string
---@param connection moonpool.Connection
function methods:release(cluster, connection)
  local mine = of(self, "release")
  check.value("release: argument 1 (cluster)", cluster, "string")
  if type(connection) ~= "userdata" then
    check.misuse("release: argument 2: expected a connection, got %s", check.describe(connection))
  end
  mine.handle:release(cluster, connection)
end

---@class moonpool.Lease  Declare it `local lease <close>`: released at the end of its block, if it was not before.
---@field cluster string its cluster's name
---@field connection moonpool.Connection
local Lease = { __name = "moonpool.Lease" }
Lease.__index = Lease
public.classes["moonpool.Lease"] = Lease

--- Gives it back; raises when it was given back already.
function Lease:release()
  check.self(self, Lease, "lease:release()")
  self.connection:release()
end

function Lease:__close() getmetatable(self.connection).__close(self.connection) end

function Lease:__tostring() return ("moonpool.Lease (%s: %s)"):format(self.cluster, self.connection) end

--- As acquire, but in one value.
---
--- ```lua
--- local lease <close> = assert(manager:lease())
--- local api = lease.connection:makeApiClient(moonpool.CoreV1Api)
--- ```
---@param preferred string|moonpool.AcquireOptions|nil
---@return moonpool.Lease?, moonpool.Error?
function methods:lease(preferred)
  local cluster, connection = acquire(of(self, "lease"), "lease", preferred)
  if not cluster then return nil, connection end
  return setmetatable({ cluster = cluster, connection = connection }, Lease)
end

-- ------------------------------------------------------------------------------------------------------------------- clients
local function labelOf(patterns)
  if patterns == nil then return "all clusters" end
  return "clusters " .. (type(patterns) == "table" and table.concat(patterns, ", ") or patterns)
end

--- For that cluster only.
local function strictClient(self, mine, name)
  if mine.members[name] then return client.over(balanced.strict(self, mine, mine.members[name])) end
  local _, problem = mine.handle:cluster(name)
  return nil, problem
end

--- A KubernetesClient. Of one name: for that cluster only. Otherwise (a glob, a list of patterns, nothing: all clusters) it chooses
--- a cluster for every call, with fail-over; its calls return a third value, { cluster = name, status = n }, and take the options
--- cluster (that one only) and key.
---@param clusters string|string[]|nil
---@return moonpool.KubernetesClient?, moonpool.Error?
function methods:client(clusters)
  local mine = usable(self, "client")
  local selector, err = core.selector(clusters)
  if not selector then return nil, err end
  local single = selector:single()
  if single then return strictClient(self, mine, single) end
  return client.over(balanced.among(self, mine, selector, labelOf(clusters)))
end

--- A manager's clusters as a fan-out sees them.
---@param self moonpool.ConnectionManager
---@return moonpool.FanoutClusters
function manager.fanoutClusters(self)
  local mine = usable(self, "each")
  return {
    names = function(selector) return mine.handle:names(selector) end,
    client = function(name) return strictClient(self, mine, name) end,
  }
end

--- Calls fn(client, name) for many clusters at a time, each with a client for that cluster only. Waits for all. The results have an
--- entry for every cluster that was selected: { ok = true, value } or { ok = false, err }, with duration (ms) and attempts. Nothing
--- selected: nil and an error.
---
--- ```lua
--- local results = assert(manager:each(function(client)
---   return #assert(client.core.listNode()).items
--- end, { clusters = "prod-*" }))
--- for name, result in pairs(results) do print(name, result.ok and result.value or result.err) end
--- ```
---@param fn fun(client: moonpool.KubernetesClient, name: string): any, any
---@param options moonpool.EachOptions?
---@return moonpool.EachResults?, moonpool.Error?
function methods:each(fn, options)
  return fanout.each(manager.fanoutClusters(self), fn, options)
end

-- ---------------------------------------------------------------------------------------------------------------- statistics
---@class moonpool.EndpointStats  One API server of a cluster.
---@field url string
---@field address string? where the name was looked up (resolveEndpoints)
---@field state string "unknown", "healthy", "suspect", "unhealthy", "probing"
---@field connections integer of the pool
---@field streams integer connections for watches and followed logs
---@field inFlight integer calls that are under way there
---@field latency number ms until an answer begins; 0: not known
---@field failures integer probes in a row that failed
---@field lastError string?

---@class moonpool.ClusterStats
---@field healthy boolean its state is "healthy" or "suspect"
---@field state string "unknown" (never probed), "healthy", "suspect", "unhealthy", "probing"
---@field enabled boolean
---@field unauthorized boolean it answers, but not to these credentials
---@field overloaded boolean it answered a probe with 429
---@field weight number as given
---@field share number how much of its usual load it gets, 0.1 to 1: less than 1 in the 30 s after a recovery
---@field priority integer
---@field zone string?
---@field labels table<string, string>
---@field inFlight integer leases and calls, those that wait included
---@field latency number ms until an answer begins (peak EWMA); 0: not known
---@field failures integer requests in a row that failed
---@field selected integer how often it was chosen
---@field lastError string? why the last probe or request failed
---@field certificateExpiry integer? of the client certificate, seconds since 1970
---@field poolStats moonpool.PoolStats
---@field endpoints moonpool.EndpointStats[]

--- How each cluster is, by its name.
---@return table<string, moonpool.ClusterStats>
function methods:getStats()
  local mine = of(self, "getStats")
  local all = {}
  for _, name in ipairs(mine.order) do
    local stats = mine.handle:getStats(name)
    if stats then
      local labels = {}
      for key, value in pairs(mine.members[name].labels) do labels[key] = value end
      stats.labels, stats.zone = labels, mine.members[name].zone
      all[name] = stats
    end
  end
  return all
end

--- Checks a cluster, or all, now, and waits for the answers. Of one: whether it counts as healthy then (a single bad answer, or a
--- single good one of a cluster that was down, does not change that yet), and if not, why. Of all: a table of names, each with true
--- or false.
---@param name string?
---@return boolean|table<string, boolean>|nil
---@return moonpool.Error?
function methods:checkHealth(name)
  local mine = usable(self, "checkHealth")
  if name ~= nil then check.value("checkHealth: argument 1 (name)", name, "string") end
  local ok, err = mine.handle:checkHealth(name)
  if not ok then return nil, err end
  if not name then
    local all = self:getStats()
    for each, stats in pairs(all) do all[each] = stats.healthy end
    return all
  end
  local stats = mine.handle:getStats(name)
  if stats and stats.healthy then return true end
  local why = stats and stats.lastError or stats and "it answers again, and is used again once it has answered well twice"
  return false, errors.new("noHealthyCluster", ('cluster "%s" %s'):format(name,
    stats and ("is %s: %s"):format(stats.state, why) or "was removed meanwhile"), { name = name })
end

-- -------------------------------------------------------------------------------------------------------------------- events
--- Calls handler(...) for every event of that name, from now on. Those of its pools have the cluster's name as a further last
--- argument.
---@param event moonpool.ManagerEvent|moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function methods:on(event, handler) return usable(self, "on").emitter:on(event, handler) end

--- The same for the next such event only.
---@param event moonpool.ManagerEvent|moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function methods:once(event, handler) return usable(self, "once").emitter:once(event, handler) end

--- Ends a subscription: its handler is not called any more, also not for what was queued.
---@param subscription moonpool.Subscription
---@return boolean # false: it was over already
function methods:off(subscription) return of(self, "off").emitter:off(subscription) end

-- ------------------------------------------------------------------------------------------------------------------- the end
local function forgetLogger(mine)
  if mine.logger then log.detach(mine.logger) end
  mine.logger = nil
end

--- Closes everything: as removeCluster of each cluster. Waits until it is drained. Twice is fine.
function methods:dispose()
  local mine = of(self, "dispose")
  mine.handle:dispose()
  mine.members, mine.order = {}, {}
  forgetLogger(mine)
end
ConnectionManager.__close = methods.dispose

-- One that nobody can reach any more: the core closes its clusters when its handle is collected; its logger must be let go here.
function ConnectionManager:__gc() forgetLogger(state[self]) end

function ConnectionManager:__tostring()
  local mine = state[self]
  if mine.handle:isDisposed() then return "moonpool.ConnectionManager (disposed)" end
  local healthy = 0
  for _, stats in pairs(self:getStats()) do healthy = healthy + (stats.healthy and 1 or 0) end
  return ("moonpool.ConnectionManager (%d cluster%s, %d healthy, %s)"):format(#mine.order, #mine.order == 1 and "" or "s", healthy,
    mine.strategy.name)
end

return manager
