-- balanced.lua: clients over the clusters of a manager: sessions that choose a cluster for every call, sessions that choose once and
-- stay, and what stands behind a KubernetesClient of a manager.
--
-- What belongs to one cluster stays there: a list that is read page by page, a watch and a wait run over a pinned session. A
-- request that carries a place of one cluster's history (a continue token, a resourceVersion) without naming the cluster is misuse.
local core = require "moonpool.core"
local check = require "moonpool.check"
local errors = require "moonpool.errors"
local request = require "moonpool.request"
local session = require "moonpool.session"

local balanced = {}

--- One cluster of a manager.
---@class moonpool.Member
---@field name string
---@field handle moonpool.core.Pool
---@field session moonpool.Session
---@field labels table<string, string>?
---@field zone string?

--- What clients of a manager share with it.
---@class moonpool.Membership
---@field handle moonpool.core.Manager
---@field members table<string, moonpool.Member>
---@field observe moonpool.CallObserver
---@field guard fun() raises once the manager was disposed

---@class moonpool.BalancedSession
---@field membership moonpool.Membership
---@field selector moonpool.core.Selector?
---@field info table name, and the namespace that all the contexts agree on
---@field discovery moonpool.BalancedDiscovery
---@field last string? the cluster that answered last
local Balanced = {}
Balanced.__index = Balanced

-- ------------------------------------------------------------------------------------------------------------ one cluster
--- The member that a call names, or nil and the error.
function Balanced:memberNamed(name)
  check.value("option cluster", name, "string")
  local member = self.membership.members[name]
  if not member then
    local _, err = self.membership.handle:cluster(name)
    return nil, err
  end
  if self.selector and not self.selector:matches(name, member.labels) then
    return nil, errors.new("config", ('the cluster "%s" is none of %s'):format(name, self.info.name), member)
  end
  return member
end

local function place(path, parameter)
  return path:match("[?&]" .. parameter .. "=([^&]*)")
end

local function refusePlaces(message, body)
  local token, version = place(message.path, "continue"), place(message.path, "resourceVersion")
  local meta = type(body) == "table" and type(body.metadata) == "table" and body.metadata
  local ofBody = meta and meta.resourceVersion
  if token and token ~= "" then
    check.misuse("continue goes on with the list of one cluster: name that, as in { cluster = answer.cluster }")
  elseif (version and version ~= "" and version ~= "0") or (ofBody and ofBody ~= "") then
    check.misuse("a resourceVersion means something in one cluster only: name that, as in { cluster = answer.cluster }")
  end
end

--- The call in one cluster: that cluster's own errors, and never another's data.
local function callIn(member, message)
  message.cluster, message.key = nil, nil
  local body, err, answer = member.session:call(message)
  if answer then answer.cluster = member.name end
  return body, err, answer
end

local function performIn(member, operation)
  local copy, options = {}, {}
  for name, value in pairs(operation) do copy[name] = value end
  for name, value in pairs(operation.options or {}) do options[name] = value end
  copy.options, options.cluster, options.key = options, nil, nil
  local body, err, answer = member.session:performAnswered(copy)
  if answer then answer.cluster = member.name end
  return body, err, answer
end

local function streamIn(member, message)
  message.cluster, message.key = nil, nil
  local stream, err = member.session:stream(message)
  return stream, err, stream and { cluster = member.name }
end

-- -------------------------------------------------------------------------------------------------------- several clusters
-- The namespace for what names none: the one that all contexts have.
local function sharedNamespace(self)
  local found, of
  for _, name in ipairs(self.membership.handle:names(self.selector)) do
    local member = self.membership.members[name]
    local namespace = member and member.session.info.namespace
    if found and namespace and namespace ~= found then
      check.misuse('name the namespace: the context of "%s" has "%s", that of "%s" has "%s"', of, found, name, namespace)
    end
    if not found then found, of = namespace, name end
  end
  return found or "default"
end

---@param membership moonpool.Membership
---@param selector moonpool.core.Selector?
---@param label string how errors call the clusters
---@param guard fun()
---@return moonpool.BalancedSession
local function newSession(membership, selector, label, guard)
  local self = setmetatable({ membership = membership, selector = selector, guard = guard }, Balanced)
  self.info = setmetatable({ name = label }, { __index = function(_, name)
    return name == "namespace" and sharedNamespace(self) or nil
  end })
  self.selection = { among = selector }
  self.discovery = balanced.discovery(self)
  return self
end

--- The protected ones among those that it chooses from.
---@return string[]
function Balanced:protectedNames()
  local found = {}
  for _, name in ipairs(self.membership.handle:names(self.selector)) do
    local member = self.membership.members[name]
    if member and member.session.info.protected then found[#found + 1] = name end
  end
  return found
end

--- Runs a request in whichever cluster the manager chooses; the third value says in which. Waits.
---@param message moonpool.core.Request
---@param object any what the body was made from
---@return any body nil on failure
---@return moonpool.Error? err
---@return { cluster: string, status: integer, headers: table<string, string> }? answer
function Balanced:call(message, object)
  self.guard()
  if message.cluster then
    local member, err = self:memberNamed(message.cluster)
    if not member then return nil, err end
    return callIn(member, message)
  end
  refusePlaces(message, object)
  local objection = session.objection(self, "any of " .. self.info.name, message)
  if objection then return nil, objection end
  local membership, selection = self.membership, self.selection
  selection.key = message.key
  local start = core.clock()
  local body, status, headers, cluster = membership.handle:call(message, selection)
  local err = body == nil and type(status) ~= "number" and status or nil
  cluster = cluster or (err and err.cluster)
  if cluster then
    membership.observe(cluster, message, err, core.clock() - start)
    self.last = cluster
  end
  if err then return nil, err end
  local member = membership.members[cluster]
  if member then member.session:noteWarning(headers) end
  if body == nil then body = "" end
  return body, nil, { cluster = cluster, status = status, headers = headers }
end

--- Runs an operation. Where the cluster that was chosen does not know the path, it is done there as that cluster has it. Waits.
---@param operation moonpool.Operation
function Balanced:perform(operation)
  local name = operation.options and operation.options.cluster
  if name then
    self.guard()
    local member, err = self:memberNamed(name)
    if not member then return nil, err end
    return performIn(member, operation)
  end
  local body, err, answer = self:call(request.build(operation), operation.body)
  if err and operation.anyVersion and session.isUnknownPath(err) then
    local member = self.membership.members[err.cluster]
    if member then return performIn(member, operation) end
  end
  return body, err, answer
end

---@param message moonpool.core.Request
---@return moonpool.core.Stream?, moonpool.Error?, { cluster: string }?
function Balanced:stream(message)
  self.guard()
  if message.cluster then
    local member, err = self:memberNamed(message.cluster)
    if not member then return nil, err end
    return streamIn(member, message)
  end
  refusePlaces(message)
  self.selection.key = message.key
  local stream, err, cluster = self.membership.handle:stream(message, self.selection)
  if not stream then return nil, err end
  self.last = cluster
  return stream, nil, { cluster = cluster }
end

-- ------------------------------------------------------------------------------------------------------------------ pinned
---@class moonpool.PinnedSession  Chooses with its first request, and stays.
---@field from moonpool.BalancedSession
---@field member moonpool.Member? nil: nothing was answered yet
---@field info table
---@field discovery moonpool.Discovery|moonpool.BalancedDiscovery
local Pinned = {}
Pinned.__index = Pinned

---@return moonpool.PinnedSession
function Balanced:pinned()
  return setmetatable({ from = self, info = self.info, discovery = self.discovery }, Pinned)
end

function Pinned:pinned() return self end

local inCluster = { call = callIn, perform = performIn, stream = streamIn }

-- The first that is answered decides.
local function pinnedMethod(method)
  return function(self, what)
    self.from.guard()
    if self.member then return inCluster[method](self.member, what) end
    local result, err, answer = self.from[method](self.from, what)
    local member = answer and self.from.membership.members[answer.cluster]
    if member then self.member, self.info, self.discovery = member, member.session.info, member.session.discovery end
    return result, err, answer
  end
end

for method in pairs(inCluster) do Pinned[method] = pinnedMethod(method) end

-- --------------------------------------------------------------------------------------------------------------- discovery
---@class moonpool.BalancedDiscovery  Asks the cluster that answered last, then the others.
local Discovery = {}
Discovery.__index = Discovery

---@param of moonpool.BalancedSession
---@return moonpool.BalancedDiscovery
function balanced.discovery(of)
  return setmetatable({ session = of }, Discovery)
end

-- What is not there in one cluster may be in another; so may what cannot be asked.
local function ask(self, method, ...)
  local membership, first = self.session.membership, self.session.last
  local names, notFound, failure = membership.handle:names(self.session.selector), nil, nil
  table.sort(names, function(a, b) return a == first and b ~= first end)
  for _, name in ipairs(names) do
    local member = membership.members[name]
    if member then
      local discovery = member.session.discovery
      local result, err = discovery[method](discovery, ...)
      if result then return result end
      if err and err.kind == "notFound" then notFound = notFound or err else failure = failure or err end
    end
  end
  return nil, notFound or failure
    or errors.new("noHealthyCluster", ("no cluster to ask: %s selects none"):format(self.session.info.name))
end

function Discovery:kind(...) return ask(self, "kind", ...) end
function Discovery:find(...) return ask(self, "find", ...) end
function Discovery:versionsOf(...) return ask(self, "versionsOf", ...) end

-- ------------------------------------------------------------------------------------------------------------ for clients
---@class moonpool.ManagedClient  What stands behind a KubernetesClient of a manager.
---@field session moonpool.Session|moonpool.BalancedSession
---@field label string
---@field manager moonpool.ConnectionManager so that it lives as long as its clients
---@field membership moonpool.Membership
---@field selector moonpool.core.Selector?
---@field member moonpool.Member? nil: it chooses among several
---@field disposed boolean
local ManagedClient = {}
ManagedClient.__index = ManagedClient

local function newClient(manager, membership, label)
  local self = setmetatable({ manager = manager, membership = membership, label = label, disposed = false }, ManagedClient)
  local function guard()
    membership.guard()
    if self.disposed then check.misuse("KubernetesClient %s was disposed", label) end
  end
  return self, guard
end

--- A client of one cluster: its own errors, never another's data.
---@param manager moonpool.ConnectionManager
---@param membership moonpool.Membership
---@param member moonpool.Member
---@return moonpool.ManagedClient
function balanced.strict(manager, membership, member)
  local self, guard = newClient(manager, membership, member.name)
  self.member = member
  self.session = member.session:guarded(guard)
  return self
end

--- A client that chooses a cluster for every call.
---@param manager moonpool.ConnectionManager
---@param membership moonpool.Membership
---@param selector moonpool.core.Selector?
---@param label string
---@return moonpool.ManagedClient
function balanced.among(manager, membership, selector, label)
  local self, guard = newClient(manager, membership, label)
  self.selector = selector
  self.session = newSession(membership, selector, label, guard)
  return self
end

---@return table
function ManagedClient:getStats()
  if not self.member then
    check.misuse("getPoolStats: this client is for several clusters; see getStats() of its manager")
  end
  return self.member.handle:getStats()
end

---@return table
function ManagedClient:info()
  if self.member then return self.member.handle:info() end
  return { name = self.label, clusters = self.membership.handle:names(self.selector) }
end

---@return boolean
function ManagedClient:isDisposed() return self.disposed or self.membership.handle:isDisposed() end

-- Its pools are the manager's.
function ManagedClient:dispose() self.disposed = true end

for _, method in ipairs { "on", "once", "off" } do
  ManagedClient[method] = function()
    check.misuse("%s: a client of a manager has no events of its own; listen to the manager, whose events name the cluster", method)
  end
end

return balanced
