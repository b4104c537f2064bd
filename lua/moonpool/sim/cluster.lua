-- cluster.lua: one simulated cluster: its objects, its users, its faults, and what controllers would do where nobody else does it
-- (emptying deleted namespaces, ending deleted pods, establishing custom resources, bringing deployments to their replicas).

local core = require("moonpool.core")
local faults = require("moonpool.sim.faults")
local resources = require("moonpool.sim.resources")
local rest = require("moonpool.sim.rest")
local routes = require("moonpool.sim.routes")
local seed = require("moonpool.sim.seed")
local store = require("moonpool.sim.store")
local values = require("moonpool.sim.values")
local watch = require("moonpool.sim.watch")

local cluster = {}

local EMPTY_NAMESPACE_AFTER_MS = 20
local ROLL_OUT_AFTER_MS = 50
local PODS_PER_NODE = 110

---@class moonpool.sim.Cluster
---@field name string
---@field endpoints moonpool.sim.Endpoint[]
---@field urls string[] of the endpoints
---@field store moonpool.sim.Store
---@field router moonpool.sim.Router
---@field faults moonpool.sim.Faults
---@field watchers table<string, table<moonpool.sim.Watcher, true>>
---@field random fun(n: integer): integer 1..n, the same row of numbers for the same seed
---@field chance fun(n: integer): integer likewise, for faults
local Cluster = {}
Cluster.__index = Cluster

--- A generator of its own (xorshift64*), so that scripts' use of math.random does not disturb it.
local function generator(start)
  local state = start * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D
  if state == 0 then state = 1 end
  return function(n)
    state = state ~ state >> 12
    state = state ~ state << 25
    state = state ~ state >> 27
    return (state * 0x2545F4914F6CDD1D >> 33) % n + 1
  end
end

local function uidMaker(random)
  return function()
    return ("%04x%04x-%04x-4%03x-%04x-%04x%04x%04x"):format(random(65536) - 1, random(65536) - 1, random(65536) - 1, random(4096) - 1,
      0x8000 + random(0x4000) - 1, random(65536) - 1, random(65536) - 1, random(65536) - 1)
  end
end

---@param laterSeconds integer?
local function timestamp(laterSeconds) return os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + (laterSeconds or 0)) end

---@param options { name: string, seed: integer, pods: integer, nodes: integer, namespaces: integer, troubles: boolean }
---@return moonpool.sim.Cluster
function cluster.new(options)
  local self = setmetatable({ name = options.name, options = options, store = store.new(), watchers = {}, timestamp = timestamp }, Cluster)
  self.random = generator(options.seed)
  self.uid = uidMaker(self.random)
  self.router = routes.new(resources.builtins())
  self.chance = generator(options.seed + 1)
  self.endpoints, self.urls = {}, {}
  self.faults = faults.new(self.chance, function()
    for _, each in ipairs(self.endpoints) do each:faultsChanged() end
  end)
  return self
end

--- Fills the cluster on first use: hundreds of clusters start at once, and most are never asked for their pods.
function Cluster:fill()
  if self.filled then return end
  self.filled = true
  seed.fill(self, self.options)
  self.store.onChange = function(collection, event) watch.changed(self, collection, event) end
end

---@param group string
---@param plural string
---@return moonpool.sim.Resource
function Cluster:resource(group, plural)
  for _, byName in pairs(self.router.groups[group] or {}) do
    if byName[plural] then return byName[plural] end
  end
  error("no resource " .. plural .. " in group " .. group)
end

--- Calls fn after so many ms, unless the cluster is stopped by then.
function Cluster:later(ms, fn)
  core.after(ms, function()
    if not self.stopped then fn() end
  end)
end

---@return table connections (sums), requests (sums), total, and all of it for each of the endpoints (see endpoint.lua)
function Cluster:stats()
  local sum = { connections = { accepted = 0, open = 0 }, requests = {}, total = 0, endpoints = {} }
  for index, each in ipairs(self.endpoints) do
    local stats = each:stats()
    sum.endpoints[index] = stats
    sum.total = sum.total + stats.total
    for name, value in pairs(stats.connections) do sum.connections[name] = sum.connections[name] + value end
    for what, count in pairs(stats.requests) do sum.requests[what] = (sum.requests[what] or 0) + count end
  end
  return sum
end

function Cluster:resetStats()
  for _, each in ipairs(self.endpoints) do each:resetStats() end
end

--- Lifts all faults, those of its endpoints too.
function Cluster:clearFaults()
  self.faults:clear()
  for _, each in ipairs(self.endpoints) do each.faults:clear() end
end

--- Resets every connection.
function Cluster:dropConnections()
  for _, each in ipairs(self.endpoints) do each:dropConnections() end
end

function Cluster:stop()
  if self.stopped then return end
  self.stopped = true
  self:clearFaults()
  for _, each in ipairs(self.endpoints) do each.listener:close() end
end

---@return moonpool.sim.Record?
function Cluster:namespace(name) return self.store:get(self:resource("", "namespaces"), name) end

-- ---------------------------------------------------------------------------------------------------- what follows a change

---@param resource moonpool.sim.Resource
---@param record moonpool.sim.Record
function Cluster:created(resource, record)
  if resource.kind == "Deployment" then return self:rollOut(resource, record) end
  if resource.kind ~= "CustomResourceDefinition" then return end
  self:defineCustom(record.object)
  self:later(0, function() self:establish(resource, record.key) end)
end

function Cluster:updated(resource, record, old)
  if resource.kind == "Deployment" and record.object.metadata.generation ~= old.object.metadata.generation then
    return self:rollOut(resource, record)
  end
  if resource.kind ~= "CustomResourceDefinition" or values.equal(record.object.spec, old.object.spec) then return end
  self:undefineCustom(old.object)
  self:defineCustom(record.object)
end

function Cluster:defineCustom(definition)
  self.targets = nil
  for _, resource in ipairs(resources.custom(definition)) do self.router:add(resource) end
end

function Cluster:undefineCustom(definition)
  self.targets = nil
  for _, resource in ipairs(resources.custom(definition)) do
    local known = self.router:find(resource.group, resource.version, resource.plural)
    if known then self.router:remove(known) end
  end
end

--- The status that a deployment has, a moment later, once its pods are there: as many as the nodes have room for. The pods themselves are
--- not made.
function Cluster:rollOut(resource, record)
  local key, uid = record.key, record.object.metadata.uid
  self:later(ROLL_OUT_AFTER_MS, function()
    local current = self.store:get(resource, key)
    if not current or current.object.metadata.uid ~= uid then return end
    local object = values.copy(current.object)
    local replicas = object.spec.replicas
    local available = math.min(replicas, PODS_PER_NODE * self.options.nodes)
    local complete, now = available == replicas, timestamp()
    object.status = { observedGeneration = object.metadata.generation, replicas = replicas, updatedReplicas = replicas,
      readyReplicas = available, availableReplicas = available, unavailableReplicas = not complete and replicas - available or nil,
      conditions = { { type = "Available", status = complete and "True" or "False", lastUpdateTime = now, lastTransitionTime = now,
        reason = complete and "MinimumReplicasAvailable" or "MinimumReplicasUnavailable",
        message = complete and "Deployment has minimum availability." or "Deployment does not have minimum availability." } } }
    self.store:put(resource, key, object)
  end)
end

--- What the controller of definitions does: accepts the names, and says so.
function Cluster:establish(resource, key)
  local record = self.store:get(resource, key)
  if not record then return end
  local object = values.copy(record.object)
  local now = timestamp()
  object.status.acceptedNames = values.copy(object.spec.names)
  object.status.conditions = {
    { type = "NamesAccepted", status = "True", lastTransitionTime = now, reason = "NoConflicts", message = "no conflicts found" },
    { type = "Established", status = "True", lastTransitionTime = now, reason = "InitialNamesAccepted",
      message = "the initial names have been accepted" },
  }
  self.store:put(resource, key, object)
end

-- ---------------------------------------------------------------------------------------------------- removal

local function inNamespace(self, name)
  local found = {}
  for _, collection in pairs(self.store.collections) do
    if collection.resource.namespaced then
      local first, last = collection:range(name .. "/")
      for index = first, last do found[#found + 1] = collection.records[collection.keys[index]] end
    end
  end
  return found
end

--- Whether an object that is being deleted has to wait for more than its finalizers.
function Cluster:mustWait(resource, object)
  if resource.kind == "Namespace" and resource.group == "" then
    return not object.metadata.deletionTimestamp or #inNamespace(self, object.metadata.name) > 0
  end
  return resource.kind == "CustomResourceDefinition" and not object.metadata.deletionTimestamp
end

--- Takes an object out of the store, with what depends on it.
---@return moonpool.sim.Record last
function Cluster:remove(resource, key)
  local last = self.store:remove(resource, key)
  if resource.kind == "CustomResourceDefinition" then
    for _, custom in ipairs(resources.custom(last.object)) do
      local collection = self.store:collection(custom)
      for _, each in ipairs(table.move(collection.keys, 1, #collection.keys, 1, {})) do self.store:remove(custom, each) end
    end
    self:undefineCustom(last.object)
  elseif resource.namespaced then
    self:finishNamespace(last.object.metadata.namespace)
  end
  return last
end

--- Deletes everything in a namespace, a moment later, and then the namespace.
function Cluster:emptyNamespace(name)
  self:later(EMPTY_NAMESPACE_AFTER_MS, function()
    for _, record in ipairs(inNamespace(self, name)) do
      rest.deleteRecord(self, record.resource, record, { gracePeriodSeconds = 0 })
    end
    self:finishNamespace(name)
  end)
end

--- Removes a namespace that is being deleted, once it is empty and has no finalizers of its own.
function Cluster:finishNamespace(name)
  local record = self:namespace(name)
  local metadata = record and record.object.metadata
  if not metadata or not metadata.deletionTimestamp or #(metadata.finalizers or {}) > 0 or #inNamespace(self, name) > 0 then return end
  self.store:remove(record.resource, name)
end

--- Ends the deletion of an object that was marked: the kubelet's part for pods, the controller's for definitions.
function Cluster:finishDeletion(resource, key, uid)
  local record = self.store:get(resource, key)
  if not record or record.object.metadata.uid ~= uid or #(record.object.metadata.finalizers or {}) > 0 then return end
  self:remove(resource, key)
end

return cluster
