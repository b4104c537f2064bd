-- client.lua: KubernetesClient: one cluster, its API groups as fields, over a pool of connections; or, made by a manager, several.
--
-- `client.core`, `client.apps`, ... are API objects (api.lua) made on first use; `client["example.com"]` and
-- `client["example.com/v1"]` any other group; `client.resources` finds kinds by their everyday names.
local core = require "moonpool.core"
local api = require "moonpool.api"
local check = require "moonpool.check"
local kinds = require "moonpool.kinds"
local log = require "moonpool.log"
local pool = require "moonpool.pool"
local public = require "moonpool.public"
local request = require "moonpool.request"

local client = {}

---@class moonpool.ClientOptions
---@field kubeConfigPath string? only this file; default: $KUBECONFIG, ~/.kube/config, in-cluster
---@field kubeConfig moonpool.KubeConfig? instead of a path
---@field context string? default: the current context
---@field enableConnectionPooling boolean? false: a connection per call
---@field connectionPoolConfig moonpool.PoolOptions? of its pool
---@field logger moonpool.Logger? gets what the runtime would log to standard error
local known = check.declare("moonpool.ClientOptions", { kubeConfigPath = "string", kubeConfig = "any", context = "string",
  enableConnectionPooling = "boolean", connectionPoolConfig = "table", logger = "any" }, { enableConnectionPooling = true })

local Client = { __name = "moonpool.KubernetesClient" }
--- Calls to one cluster over a pool of connections; or, made by a manager, to several. API groups are fields: client.core,
--- client.apps, client.batch, client.networking, ..., any other by its full name, as in client["example.com"] or
--- client["example.com/v1"]. Its own methods are called with a colon; `<close>` disposes of it.
---@class moonpool.KubernetesClient
---@field core moonpool.CoreV1Api the group without a name: pods, nodes, secrets, ...
---@field apps moonpool.AppsV1Api deployments, daemon sets, ...
---@field batch moonpool.BatchV1Api jobs and cron jobs
---@field resources moonpool.Resources kinds by their everyday names: client.resources.pods.list()
---@field custom moonpool.CustomObjectsApi for scripts that name group, version and plural themselves
local methods = {}
public.classes["moonpool.KubernetesClient"] = methods

-- What a client keeps; its own fields are only what scripts see.
---@type table<moonpool.KubernetesClient, { open: moonpool.OpenPool|moonpool.ManagedClient, logger: moonpool.Logger? }>
local state = setmetatable({}, { __mode = "k" })

--- What a client keeps, when a method is called on one.
local function of(self, method)
  check.self(self, Client, ("client:%s()"):format(method))
  return state[self]
end

--- The kubeconfig that options name: kubeConfig, kubeConfigPath, or the default.
---@param where string
---@param options { kubeConfig: moonpool.KubeConfig?, kubeConfigPath: string? }
---@return moonpool.KubeConfig?, moonpool.Error?
function client.loadKubeConfig(where, options)
  if options.kubeConfig ~= nil then
    if not pool.isKubeConfig(options.kubeConfig) then
      check.misuse("%s: option kubeConfig: expected a moonpool.KubeConfig, got %s; a file's path goes into kubeConfigPath",
        where, check.describe(options.kubeConfig))
    elseif options.kubeConfigPath then
      check.misuse("%s: kubeConfig and kubeConfigPath exclude each other", where)
    end
    return options.kubeConfig
  end
  local kubeConfig = core.KubeConfig()
  local ok, err
  if options.kubeConfigPath then
    ok, err = kubeConfig:loadFromFile(options.kubeConfigPath)
  else
    ok, err = kubeConfig:loadFromDefault()
  end
  if not ok then return nil, err end
  return kubeConfig
end

--- Makes a client. Reads the kubeconfig and starts the pool's warm-up; waits for no network.
---
--- ```lua
--- local client <close> = assert(moonpool.KubernetesClient {
---   context = "prod-eu", connectionPoolConfig = { maxConnections = 20 },
--- })
--- print(#assert(client.core.listNamespace()).items)
--- ```
---@param options moonpool.ClientOptions?
---@return moonpool.KubernetesClient?, moonpool.Error?
function client.KubernetesClient(options)
  options = options or {}
  if type(options) == "string" then
    check.misuse("KubernetesClient: expected a table of options, such as { kubeConfigPath = %q }, got a string", options)
  end
  check.options("KubernetesClient", options, known)
  if options.logger ~= nil then log.checkLogger("KubernetesClient: option logger", options.logger) end
  local kubeConfig, err = client.loadKubeConfig("KubernetesClient", options)
  if not kubeConfig then return nil, err end
  if options.logger then log.attach(options.logger) end
  local opened
  opened, err = pool.open("KubernetesClient", nil, kubeConfig, options.context, options.connectionPoolConfig,
    options.enableConnectionPooling ~= false)
  if not opened then
    if options.logger then log.detach(options.logger) end
    return nil, err
  end
  return client.over(opened, options.logger)
end

--- A client over what is open.
---@param open moonpool.OpenPool|moonpool.ManagedClient
---@param logger moonpool.Logger?
---@return moonpool.KubernetesClient
function client.over(open, logger)
  local self = setmetatable({}, Client)
  state[self] = { open = open, logger = logger }
  return self
end

--- How its pool is, as ConnectionPool:getStats. A client over several clusters has none: see ConnectionManager:getStats.
---@return moonpool.PoolStats
function methods:getPoolStats() return of(self, "getPoolStats").open:getStats() end

---@class moonpool.ClientInfo
---@field name string
---@field context string?
---@field cluster string? as the kubeconfig calls it
---@field namespace string? the context's: of calls on `resources` that name none
---@field server string?
---@field user string?
---@field clusters string[]? of a client over several: their names

--- Whom it talks to, and as whom.
---@return moonpool.ClientInfo
function methods:info() return of(self, "info").open:info() end

--- Events of its pool, as ConnectionPool:on. A manager's client has none: the manager has them.
---@param event moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function methods:on(event, handler) return of(self, "on").open:on(event, handler) end

--- The same for the next such event only.
---@param event moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function methods:once(event, handler) return of(self, "once").open:once(event, handler) end

--- Ends a subscription: its handler is not called any more, also not for what was queued.
---@param subscription moonpool.Subscription
---@return boolean # false: it was over already
function methods:off(subscription) return of(self, "off").open:off(subscription) end

--- Any request: `client:request { path = "/version" }`. Waits.
---@param fields moonpool.RawRequest
---@return any body decoded, where it is JSON; nil on failure
---@return moonpool.Error? err
---@return { status: integer, headers: table<string, string> }? answer
function methods:request(fields)
  return of(self, "request").open.session:call(request.raw(fields), fields.body)
end

--- Closes the pool (of a manager's client: only this client). Calls that wait for a connection get "closed", those under way have 5 s
--- to end and leases to come back, watches and followed logs end. Waits until it is drained. Twice is fine.
function methods:dispose()
  local mine = of(self, "dispose")
  mine.open:dispose()
  if mine.logger then
    log.detach(mine.logger)
    mine.logger = nil
  end
end
Client.__close = methods.dispose

-- A client that nobody can reach any more: its pool closes itself when it is collected; its logger must be let go here.
function Client:__gc()
  local mine = state[self]
  if mine and mine.logger then log.detach(mine.logger) end
end

function Client:__tostring()
  local open = state[self].open
  local info = open.session.info
  return ("moonpool.KubernetesClient (%s%s%s)"):format(info.name, info.server and ", " .. info.server or "",
    open:isDisposed() and ", disposed" or "")
end

local function makeField(self, name)
  local session = state[self].open.session
  local group = kinds.byAlias[name]
  if group then return api.new(api.class(group.class .. "Api"), session) end
  if name == "resources" then return require("moonpool.resources").new(session) end
  if name == "custom" then return require("moonpool.custom").new(session) end
  local groupName, version = name:match("^([^/]+%.[^/]+)/?(.*)$")
  if groupName then return api.new(api.classOfGroup(groupName, version ~= "" and version or nil), session) end
end

--- The names of all fields, for messages and completion; groups of custom resources have others.
---@return string[]
function Client.__names()
  local names = check.keys(methods)
  for alias in pairs(kinds.byAlias) do names[#names + 1] = alias end
  names[#names + 1], names[#names + 2] = "resources", "custom"
  return names
end

function Client.__index(self, name)
  local method = methods[name]
  if method then return method end
  if type(name) ~= "string" or name:find("^_") then return nil end
  local field = makeField(self, name)
  if not field then
    local names = check.keys(methods)
    for alias in pairs(kinds.byAlias) do names[#names + 1] = alias end
    names[#names + 1], names[#names + 2] = "resources", "custom"
    local near = core.nearest(name, names)
    if near then check.misuse('KubernetesClient has no field "%s"; did you mean "%s"?', name, near) end
    check.misuse('KubernetesClient has no field "%s"; it has the methods %s, the API groups core, apps, batch and others, '
      .. 'resources and custom; groups of custom resources go by their full name, as in client["example.com"]',
      name, table.concat(check.keys(methods), ", "))
  end
  rawset(self, name, field)
  return field
end

function Client.__newindex(_, name)
  check.misuse('KubernetesClient: the field "%s" cannot be set', tostring(name))
end

return client
