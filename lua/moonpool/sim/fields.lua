-- fields.lua: sets of fields of an object, as managedFields holds them (FieldsV1), and what server-side apply does with them.
--
-- A set is a tree of tables. A member of an object is "f:NAME", an element of a list that is merged by key 'k:{"name":"c"}', an element of
-- a list of plain values 'v:"x"'; "." stands for the object or element itself. A leaf, an empty table, is a field that is owned as a whole.

local core = require("moonpool.core")
local patch = require("moonpool.sim.patch")
local values = require("moonpool.sim.values")

local fields = {}

local function encode(value) return assert(core.json.encode(value)) end

--- Metadata that nobody owns.
local NOT_OWNED = { name = true, namespace = true, uid = true, resourceVersion = true, creationTimestamp = true, generation = true,
  managedFields = true, selfLink = true, deletionTimestamp = true, deletionGracePeriodSeconds = true }

--- Members of the built-in kinds that are objects and still owned, and replaced, as a whole.
local ATOMIC = { selector = true, nodeSelector = true }

local function isAtomic(resource, name) return not resource.custom and ATOMIC[name] end

--- The name of an element in a set, when the list is merged by key (or as a set of plain values); nil when it is owned as a whole.
local function elementName(resource, field, element)
  local key = not resource.custom and patch.mergeKeyOf(resource, field)
  if not key then return nil end
  if key == "" then return "v:" .. encode(element) end
  if type(element) ~= "table" or element[key] == nil then return nil end
  return "k:" .. encode({ [key] = element[key] })
end

--- Every element's name, or nil when one has none: the list is then owned as a whole.
local function elementNames(resource, field, list)
  local names = {}
  for index, element in ipairs(list) do
    names[index] = elementName(resource, field, element)
    if not names[index] then return nil end
  end
  return #names > 0 and names or nil
end

local setOf

local function setOfList(resource, field, list)
  local names = elementNames(resource, field, list)
  if not names then return {} end
  local set = {}
  for index, element in ipairs(list) do
    set[names[index]] = type(element) == "table" and setOf(resource, element) or {}
    if type(element) == "table" then set[names[index]]["."] = {} end
  end
  return set
end

function setOf(resource, object)
  local set = {}
  for name, value in pairs(object) do
    local field = "f:" .. name
    if values.isArray(value) then
      set[field] = setOfList(resource, name, value)
    elseif type(value) == "table" and next(value) ~= nil and not isAtomic(resource, name) then
      set[field] = setOf(resource, value)
    else
      set[field] = {}
    end
  end
  return set
end

--- The fields of an object that can be owned.
---@param resource moonpool.sim.Resource
---@param object table
---@return table set
function fields.of(resource, object)
  local owned, metadata = {}, {}
  for name, value in pairs(object) do
    if name ~= "kind" and name ~= "apiVersion" and name ~= "metadata" then owned[name] = value end
  end
  for name, value in pairs(object.metadata or {}) do
    if not NOT_OWNED[name] then metadata[name] = value end
  end
  if next(metadata) then owned.metadata = metadata end
  return setOf(resource, owned)
end

local function isLeaf(set) return next(set) == nil end

--- The element of a list that a name of a set stands for.
local function findElement(list, name)
  local wanted = assert(core.json.decode(name:sub(3)))
  for index, element in ipairs(values.isArray(list) and list or {}) do
    if name:sub(1, 2) == "v:" then
      if values.equal(element, wanted) then return index end
    elseif type(element) == "table" then
      local key, value = next(wanted)
      if values.equal(element[key], value) then return index end
    end
  end
end

--- What a name of a set stands for in a value.
local function step(value, name)
  if name == "." then return value ~= nil or nil end
  if type(value) ~= "table" then return nil end
  if name:sub(1, 2) == "f:" then return value[name:sub(3)] end
  local index = findElement(value, name)
  return index and value[index]
end

local function pathOf(path, name)
  if name:sub(1, 2) == "f:" then return path .. "." .. name:sub(3) end
  local key, value = name:match('^k:{"([^"]*)":(.*)}$')
  if key then return ("%s[%s=%s]"):format(path, key, value) end
  return ("%s[=%s]"):format(path, name:sub(3))
end

--- The fields that are in both sets and whose values differ: adds their paths to `found`.
function fields.clashes(mine, theirs, live, applied, path, found)
  for name, below in pairs(mine) do
    local other = theirs[name]
    if other and name ~= "." then
      local now, wanted = step(live, name), step(applied, name)
      local wantsNothing = values.isObject(wanted) and next(wanted) == nil and values.isObject(now)
      if isLeaf(below) or isLeaf(other) then
        if not wantsNothing and not values.equal(now, wanted) then found[#found + 1] = pathOf(path, name) end
      else
        fields.clashes(below, other, now, wanted, pathOf(path, name), found)
      end
    end
  end
end

--- A set without those fields of another for which `goes(name, value in a, value in b)` is true.
---@param goes fun(name: string, inA: any, inB: any): boolean
function fields.without(set, other, a, b, goes)
  local result = {}
  for name, below in pairs(set) do
    local taken = other[name]
    if not taken then
      result[name] = below
    elseif isLeaf(below) or isLeaf(taken) then
      if not goes(name, step(a, name), step(b, name)) then result[name] = below end
    else
      local left = fields.without(below, taken, step(a, name), step(b, name), goes)
      if next(left) then result[name] = left end
    end
  end
  return result
end

--- Both sets together.
function fields.union(a, b)
  local result = {}
  for name, below in pairs(a) do result[name] = b[name] and fields.union(below, b[name]) or below end
  for name, below in pairs(b) do result[name] = result[name] or below end
  return result
end

--- Takes from `value` what was in `before`, is not in `after`, and is in none of `others`.
function fields.prune(value, before, after, others)
  if type(value) ~= "table" then return end
  for name, below in pairs(before) do
    if name ~= "." then
      local kept, rest = after[name], {}
      for _, other in ipairs(others) do rest[#rest + 1] = other[name] end
      if kept or #rest > 0 then
        fields.prune(step(value, name), below, kept or {}, rest)
      elseif name:sub(1, 2) == "f:" then
        value[name:sub(3)] = nil
      else
        local index = findElement(value, name)
        if index then table.remove(value, index) end
        if #value == 0 then values.array(value) end
      end
    end
  end
end

--- An applied configuration laid over an object: members and elements by key are merged, the rest is replaced.
function fields.merge(resource, live, applied)
  local result = values.isObject(live) and values.copy(live) or {}
  for name, value in pairs(applied) do
    if values.isObject(value) and not isAtomic(resource, name) then
      result[name] = fields.merge(resource, result[name], value)
    elseif values.isArray(value) and elementNames(resource, name, value) and values.isArray(result[name]) then
      local list = values.copy(result[name])
      for _, element in ipairs(value) do
        local index = findElement(list, elementName(resource, name, element))
        list[index or #list + 1] = index and type(element) == "table" and fields.merge(resource, list[index], element)
          or values.copy(element)
      end
      result[name] = list
    else
      result[name] = values.copy(value)
    end
  end
  return result
end

return fields
