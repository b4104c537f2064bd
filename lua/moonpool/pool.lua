-- pool.lua: ConnectionPool, and what a script can do with a leased connection. The pool itself is the core's; here are the
-- kubeconfig factory, the events, and the API objects over a connection.
local core = require "moonpool.core"
local api = require "moonpool.api"
local check = require "moonpool.check"
local emitter = require "moonpool.emitter"
local errors = require "moonpool.errors"
local public = require "moonpool.public"
local session = require "moonpool.session"

local pool = {}

---@class moonpool.PoolOptions
---@field maxConnections integer? at most so many, 1 or more; watches and followed logs have further ones
---@field minConnections integer? at least so many, kept up in the background; at most maxConnections
---@field maxIdleTime integer? ms after which an idle connection is closed, never below minConnections; 0: off
---@field acquireTimeout integer? ms that a caller waits for a connection
---@field healthCheckInterval integer? ms between checks of an idle connection; 0: off. Keep it below the 90 s after which API servers
--- close idle connections
---@field healthCheckRetries integer? further checks after one that failed, before the connection is replaced
---@field enableWarmup boolean? minConnections are made when the pool is; false: when one is wanted first
---@field maxLifetime integer? ms after which a connection is replaced, for each 10 % more or less; 0: off
---@field connectTimeout integer? ms for name resolution, TCP and TLS together
---@field healthCheckTimeout integer? ms that a check may take
---@field maxStreamsPerConnection integer? calls that share a connection at a time; on HTTP/1.1 always 1
---@field maxConnecting integer? how many connections are made at once, beyond warm-up
---@field leakDetectionThreshold integer? ms after which a lease that was not given back is told as connectionLeaked; 0: off
check.declare("moonpool.PoolOptions", core.defaults.pool, core.defaults.pool)

--- `connection` is a moonpool.Connection with the values of the moment of the event.
---@alias moonpool.PoolEvent
---| "connectionCreated" # (connection) one was established, TLS included
---| "connectionAcquired" # (connection) it was leased, or a call was put on it
---| "connectionReleased" # (connection) it was given back, or the call is over
---| "connectionRemoved" # (connection, reason) it was closed; reason: "idle", "lifetime", "unhealthy", "error", "stale", "closed"
---| "connectionUnhealthy" # (connection, text) a check failed; it is checked again, and not handed out meanwhile
---| "connectionLeaked" # (connection, place) a lease is out for longer than leakDetectionThreshold; place: the line that acquired it
---| "acquireTimeout" # (text) somebody waited acquireTimeout for nothing
---| "poolReady" # (text) warm-up is over; text: nil, or why there are fewer than minConnections
---| "poolDrained" # () the pool was disposed of, and its last connection is closed
---| "error" # (raised, event) a handler of that event raised an error
local eventNames = { "connectionCreated", "connectionAcquired", "connectionReleased", "connectionRemoved",
  "connectionUnhealthy", "connectionLeaked", "acquireTimeout", "poolReady", "poolDrained" }
pool.eventNames = eventNames

-- A pool's session, for makeApiClient of its connections. Weak: neither keeps the other.
local sessionOf = setmetatable({}, { __mode = "k" }) ---@type table<moonpool.core.Pool, moonpool.Session>

--- The session of a pool; made when there is none yet.
---@param handle moonpool.core.Pool
---@param guard fun()?
---@param observe moonpool.CallObserver?
---@return moonpool.Session
function pool.sessionOf(handle, guard, observe)
  sessionOf[handle] = sessionOf[handle] or session.new(handle, guard, observe)
  return sessionOf[handle]
end

--- What a client and a ConnectionPool have in common: a pool of the core, its events and its session.
---@class moonpool.OpenPool
---@field handle moonpool.core.Pool
---@field emitter moonpool.Emitter
---@field session moonpool.Session
---@field label string how errors call it
local OpenPool = {}
OpenPool.__index = OpenPool

---@param kind string "ConnectionPool" or "KubernetesClient"
---@param name string?
---@param kubeConfig moonpool.KubeConfig
---@param context string?
---@param options moonpool.PoolOptions?
---@param pooling boolean?
---@return moonpool.OpenPool?, moonpool.Error?
function pool.open(kind, name, kubeConfig, context, options, pooling)
  local several = core.selectedContexts
  if not context and several and #several > 1 then
    return nil, errors.new("config", ("%s: --context selects %d contexts: name one of them (context = %q), or use `clusters`")
      :format(kind, #several, several[1]))
  end
  local handle, err = core.pool(name, kubeConfig, context, options, pooling)
  if not handle then return nil, err end
  local self = setmetatable({ handle = handle }, OpenPool)
  self.label = ("%s %s"):format(kind, handle:info().name)
  self.session = pool.sessionOf(handle, function()
    if handle:isDisposed() then check.misuse("%s was disposed", self.label) end
  end)
  self.emitter = emitter.new(self.label, eventNames)
  local listener = self.emitter:listener()
  self.emitter.onInterest = function(wanted) handle:setListener(wanted and listener or nil) end
  require("moonpool.alive").addPool(self, function() return handle:isDisposed() end)
  return self
end

function OpenPool:checkUsable()
  if self.handle:isDisposed() then check.misuse("%s was disposed", self.label) end
end

---@return table
function OpenPool:getStats() return self.handle:getStats() end

---@return table
function OpenPool:info() return self.handle:info() end

---@return boolean
function OpenPool:isDisposed() return self.handle:isDisposed() end

function OpenPool:dispose() self.handle:dispose() end

---@return boolean
function OpenPool:off(subscription) return self.emitter:off(subscription) end

---@return moonpool.Subscription
function OpenPool:on(event, handler)
  self:checkUsable()
  return self.emitter:on(event, handler)
end

---@return moonpool.Subscription
function OpenPool:once(event, handler)
  self:checkUsable()
  return self.emitter:once(event, handler)
end

-- ---------------------------------------------------------------------------------------------------------- kubeconfig
local function isKubeConfig(value)
  return type(value) == "userdata" and value.getCurrentContext ~= nil and value.loadFromFile ~= nil
end
pool.isKubeConfig = isKubeConfig

--- Runs a script's factory; what it raises becomes an error of kind config.
---@param where string how misuse calls the place
---@param name string what the kubeconfig is for, as errors call it
---@param factory fun(): moonpool.KubeConfig
---@return moonpool.KubeConfig?, moonpool.Error?
function pool.kubeConfigFrom(where, name, factory)
  local ok, kubeConfig, problem = pcall(factory)
  if not ok then
    if errors.is(kubeConfig) then return nil, kubeConfig end
    return nil, errors.new("config", "the kubeConfigFactory failed: " .. tostring(kubeConfig), { name = name })
  end
  if kubeConfig == nil and errors.is(problem) then return nil, problem end
  if not isKubeConfig(kubeConfig) then
    check.misuse("%s: the kubeConfigFactory returned %s; expected a moonpool.KubeConfig%s", where, check.describe(kubeConfig),
      kubeConfig == nil and " (does it end with `return`?)" or "")
  end
  return kubeConfig
end

-- ------------------------------------------------------------------------------------------------------ ConnectionPool
--- A pool of connections to one cluster. Methods are called with a colon; `<close>` disposes of it.
---@class moonpool.ConnectionPool
---@field private open moonpool.OpenPool
local methods = {}
local ConnectionPool = { __name = "moonpool.ConnectionPool", __index = methods }
public.classes["moonpool.ConnectionPool"] = methods
public.classes["moonpool.Connection"], public.classes["moonpool.KubeConfig"] = core.connectionMethods, core.kubeConfigMethods

setmetatable(methods, { __index = function(_, name)
  if type(name) ~= "string" or name:find("^_") then return nil end
  check.misuse('ConnectionPool has no method "%s"%s', name, check.hint(name, check.keys(methods)))
end })

--- The pool that a method is called on.
local function of(self, call)
  if getmetatable(self) ~= ConnectionPool then check.self(self, ConnectionPool, call) end
  return self.open
end

--- A pool of connections to the cluster of one context. Starts warm-up; waits for no network.
---@param context string the context of the kubeconfig to use
---@param kubeConfigFactory fun(): moonpool.KubeConfig called once, here
---@param options moonpool.PoolOptions?
---@return moonpool.ConnectionPool?, moonpool.Error?
function pool.ConnectionPool(context, kubeConfigFactory, options)
  check.value("ConnectionPool: argument 1 (context)", context, "string")
  if isKubeConfig(kubeConfigFactory) then
    check.misuse("ConnectionPool: argument 2 (kubeConfigFactory): expected a function that returns a moonpool.KubeConfig, "
      .. "got a moonpool.KubeConfig")
  end
  check.value("ConnectionPool: argument 2 (kubeConfigFactory)", kubeConfigFactory, "function")
  if options ~= nil then check.value("ConnectionPool: argument 3 (options)", options, "table") end
  local kubeConfig, err = pool.kubeConfigFrom("ConnectionPool " .. context, context, kubeConfigFactory)
  if not kubeConfig then return nil, err end
  local opened
  opened, err = pool.open("ConnectionPool", context, kubeConfig, context, options, true)
  if not opened then return nil, err end
  return setmetatable({ open = opened }, ConnectionPool)
end

--- Leases a connection for exclusive use. Give it back with `release`, or declare it `local conn <close>`.
--- Waits up to acquireTimeout.
---@return moonpool.Connection?, moonpool.Error?
function methods:acquire()
  local open = of(self, "pool:acquire()")
  open:checkUsable()
  return open.handle:acquire()
end

--- Gives a lease back; raises when it was given back already or is another pool's.
---@param connection moonpool.Connection
function methods:release(connection)
  local open = of(self, "pool:release()")
  if type(connection) ~= "userdata" then
    check.misuse("release: argument 1: expected a connection, got %s", check.describe(connection))
  end
  open.handle:release(connection)
end

---@class moonpool.Durations
---@field p50 number ms: half of them took no longer
---@field p99 number ms: 99 of 100 took no longer
---@field max number ms
---@field count integer

---@class moonpool.PoolStats
---@field total integer connections: idle, inUse and unhealthy together
---@field idle integer
---@field inUse integer leased, or with a call on them
---@field unhealthy integer a check failed, and they are checked again
---@field connecting integer being made
---@field waitQueueLength integer callers that wait for one
---@field created integer so far
---@field removed table<string, integer> so far, by reason: idle, lifetime, unhealthy, error, stale, closed
---@field acquired integer so far
---@field released integer so far
---@field timeouts integer callers that waited acquireTimeout for nothing, so far
---@field leaked integer leases that were out for longer than leakDetectionThreshold, so far
---@field waitTime moonpool.Durations from asking for a connection to getting it
---@field useTime moonpool.Durations from getting it to giving it back; of a shared one from its first call to the last
---@field retries integer? further attempts of calls, so far
---@field retriesDenied integer? attempts that were put off, because a fifth of the calls under way were being tried again
---@field streams moonpool.PoolStats? the same of the connections for watches and followed logs, of which there are up to 1,000 beside
--- maxConnections, each for as long as it is needed

--- How the pool is.
---@return moonpool.PoolStats
function methods:getStats() return of(self, "pool:getStats()").handle:getStats() end

--- Calls handler(...) for every event of that name, from now on. Handlers may do whatever a script may.
---@param event moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function methods:on(event, handler) return of(self, "pool:on()"):on(event, handler) end

--- The same for the next such event only.
---@param event moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function methods:once(event, handler) return of(self, "pool:once()"):once(event, handler) end

--- Ends a subscription: its handler is not called any more, also not for what was queued.
---@param subscription moonpool.Subscription
---@return boolean # false: it was over already
function methods:off(subscription) return of(self, "pool:off()").emitter:off(subscription) end

--- Closes the pool: waiters get "closed", watches and followed logs end, leases have 5 s to come back. Waits until it is drained.
--- Twice is fine.
function methods:dispose() of(self, "pool:dispose()").handle:dispose() end
ConnectionPool.__close = methods.dispose

function ConnectionPool:__tostring()
  local stats = self.open.handle:isDisposed() and "disposed"
    or ("%d connections, %d in use"):format(self:getStats().total, self:getStats().inUse)
  return ("moonpool.ConnectionPool (%s: %s)"):format(self.open.session.info.name, stats)
end

-- --------------------------------------------------------------------------------------- methods of the core's handles
--- The methods of an API group over this very connection.
---@param class moonpool.ApiClass moonpool.CoreV1Api, moonpool.AppsV1Api, ...
---@return moonpool.Api
function core.connectionMethods:makeApiClient(class)
  if api.isClass(self) then check.misuse("connection:makeApiClient() is called with a colon, not with a dot") end
  if not api.isClass(class) then
    check.misuse("makeApiClient: argument 1: expected an API class such as moonpool.CoreV1Api, got %s", check.describe(class))
  end
  return api.new(class, pool.sessionOf(core.poolOf(self)):over(self))
end

--- An API object over a pool of its own, for the current context. The pool lives as long as the object.
---@param class moonpool.ApiClass
---@return moonpool.Api?, moonpool.Error?
function core.kubeConfigMethods:makeApiClient(class)
  if not api.isClass(class) then
    check.misuse("makeApiClient: argument 1: expected an API class such as moonpool.CoreV1Api, got %s", check.describe(class))
  end
  local opened, err = pool.open("KubeConfig", nil, self, nil, nil, true)
  if not opened then return nil, err end
  return api.new(class, opened.session)
end

return pool
