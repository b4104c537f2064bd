-- store.lua: what a simulated cluster remembers: objects by resource, one counter of resource versions, and the changes.
--
-- A collection holds the objects of one resource, sorted by key ("namespace/name", or the name), as etcd would. A record is one
-- version of one object; it and its object never change once stored: a change makes a new record. So lists of an older version can be
-- told from the current one by undoing the changes since (which is how a paged list stays consistent), and JSON is written once.
--
-- Changes are kept until they are compacted away; asking for something older is the caller's "410 Expired".

local core = require("moonpool.core")

local store = {}

local EVENTS_KEPT = 10000 -- per collection; more are compacted away

-- ---------------------------------------------------------------------------------------------------- records

---@class moonpool.sim.Record
---@field object table without kind and apiVersion, unless the resource is a custom one
---@field key string
---@field rv integer
---@field resource moonpool.sim.Resource
local Record = {}
Record.__index = Record

--- The object as it stands in a list.
---@return string
function Record:json()
  local text = self.text
  if not text then
    text = assert(core.json.encode(self.object))
    self.text = text
  end
  return text
end

--- The object as it stands alone, with kind and apiVersion.
---@return string
function Record:fullJson()
  local text = self.fullText
  if not text then
    text = self.resource.custom and self:json() or self.resource.jsonHead .. self:json():sub(2)
    self.fullText = text
  end
  return text
end

-- ---------------------------------------------------------------------------------------------------- collections

---@class moonpool.sim.Collection
---@field resource moonpool.sim.Resource
---@field keys string[] sorted
---@field records table<string, moonpool.sim.Record>
---@field rv integer of the last change
---@field events table[] changes in order: { rv, type, key, record, old }
---@field compacted integer changes up to this version are forgotten
---@field lists table<string, table> encoded lists, emptied by every change (see rest.lua)
local Collection = {}
Collection.__index = Collection

--- Where a key is, or would be.
local function place(keys, key)
  local low, high = 1, #keys + 1
  while low < high do
    local middle = (low + high) // 2
    if keys[middle] < key then low = middle + 1 else high = middle end
  end
  return low
end

--- The positions of the keys that start with `prefix` ("" : all): first, last.
function Collection:range(prefix, keys)
  keys = keys or self.keys
  if prefix == "" then return 1, #keys end
  local last = prefix:sub(1, -2) .. string.char(prefix:byte(-1) + 1)
  return place(keys, prefix), place(keys, last) - 1
end

---@return integer position of the first key after `key`
function Collection.after(keys, key)
  local position = place(keys, key)
  return keys[position] == key and position + 1 or position
end

--- The keys and records as they were at a version. Nil when that was compacted away.
---@return string[]? keys
---@return table<string, moonpool.sim.Record>? records
function Collection:at(rv)
  if rv >= self.rv then return self.keys, self.records end
  if rv < self.compacted then return nil end
  local records = setmetatable({}, { __index = self.records })
  local gone, back = {}, {}
  for index = #self.events, 1, -1 do
    local event = self.events[index]
    if event.rv <= rv then break end
    if event.old then
      records[event.key] = event.old
      gone[event.key] = nil
      back[event.key] = true
    else
      gone[event.key] = true
      back[event.key] = nil
    end
  end
  local keys = {}
  for _, key in ipairs(self.keys) do
    if not gone[key] then keys[#keys + 1] = key end
    back[key] = nil
  end
  for key in pairs(back) do table.insert(keys, place(keys, key), key) end
  return keys, records
end

--- Calls fn(event) for every change after `rv`, in order. False when some of them are forgotten.
function Collection:eachSince(rv, fn)
  if rv < self.compacted then return false end
  local first = #self.events + 1
  while first > 1 and self.events[first - 1].rv > rv do first = first - 1 end
  for index = first, #self.events do fn(self.events[index]) end
  return true
end

--- Forgets the changes up to `rv`.
function Collection:compact(rv)
  local kept = {}
  for _, event in ipairs(self.events) do
    if event.rv > rv then kept[#kept + 1] = event end
  end
  self.events = kept
  self.compacted = math.max(self.compacted, rv)
end

-- ---------------------------------------------------------------------------------------------------- the store

---@class moonpool.sim.Store
---@field rv integer the version of the last change anywhere
---@field collections table<string, moonpool.sim.Collection>
---@field onChange fun(collection: moonpool.sim.Collection, event: table)?
local Store = {}
Store.__index = Store

---@return moonpool.sim.Store
function store.new() return setmetatable({ rv = 1, collections = {}, compacted = 0 }, Store) end

---@param resource moonpool.sim.Resource
---@return moonpool.sim.Collection
function Store:collection(resource)
  local collection = self.collections[resource.id]
  if not collection then
    collection = setmetatable({ resource = resource, keys = {}, records = {}, rv = 0, events = {}, compacted = self.compacted, lists = {} },
      Collection)
    self.collections[resource.id] = collection
  end
  return collection
end

---@return moonpool.sim.Record?
function Store:get(resource, key) return self:collection(resource).records[key] end

local function add(self, collection, event)
  local events = collection.events
  events[#events + 1] = event
  collection.rv = event.rv
  if next(collection.lists) then collection.lists = {} end
  if #events > 2 * EVENTS_KEPT then collection:compact(events[EVENTS_KEPT].rv) end
  if self.onChange then self.onChange(collection, event) end
end

--- Stores an object that the caller no longer changes; sets its resourceVersion.
---@return moonpool.sim.Record
function Store:put(resource, key, object)
  local collection = self:collection(resource)
  self.rv = self.rv + 1
  object.metadata.resourceVersion = tostring(self.rv)
  local record = setmetatable({ object = object, key = key, rv = self.rv, resource = resource }, Record)
  local old = collection.records[key]
  if not old then table.insert(collection.keys, place(collection.keys, key), key) end
  collection.records[key] = record
  add(self, collection, { rv = self.rv, type = old and "MODIFIED" or "ADDED", key = key, record = record, old = old })
  return record
end

--- Takes an object away. The change carries its last state, with the version of the removal.
---@return moonpool.sim.Record? last
function Store:remove(resource, key)
  local collection = self:collection(resource)
  local old = collection.records[key]
  if not old then return nil end
  self.rv = self.rv + 1
  local object, metadata = {}, {}
  for name, value in pairs(old.object) do object[name] = value end
  for name, value in pairs(old.object.metadata) do metadata[name] = value end
  metadata.resourceVersion = tostring(self.rv)
  object.metadata = metadata
  local last = setmetatable({ object = object, key = key, rv = self.rv, resource = resource }, Record)
  collection.records[key] = nil
  table.remove(collection.keys, place(collection.keys, key))
  add(self, collection, { rv = self.rv, type = "DELETED", key = key, record = last, old = old })
  return last
end

--- Forgets every change up to now: older continue tokens and watches expire.
function Store:compact()
  self.compacted = self.rv
  for _, collection in pairs(self.collections) do collection:compact(self.rv) end
end

return store
