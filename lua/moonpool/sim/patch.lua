-- patch.lua: the three ways to change an object by a part of it: JSON patch (RFC 6902), merge patch (RFC 7386) and Kubernetes'
-- strategic merge patch. Each function returns a new value and leaves its arguments alone; wrong patches raise a failure.

local status = require("moonpool.sim.status")
local values = require("moonpool.sim.values")

local patch = {}

local null, copy, isArray, isObject = values.null, values.copy, values.isArray, values.isObject

-- ---------------------------------------------------------------------------------------------------- JSON patch

--- A real server hides what was wrong with a JSON patch that does not fit the object.
local function refuse()
  error(status.failure(422, "Invalid", "the server rejected our request due to an error in our request", {}), 0)
end

--- "/a/b~1c" -> { "a", "b/c" }
local function pointer(path)
  if type(path) ~= "string" or (path ~= "" and path:sub(1, 1) ~= "/") then refuse() end
  local parts = {}
  for part in path:gmatch("/([^/]*)") do parts[#parts + 1] = part:gsub("~1", "/"):gsub("~0", "~") end
  return parts
end

--- The place of `part` in an array: 1-based; `extra` allows the place behind the last.
local function arrayIndex(array, part, extra)
  if part == "-" and extra then return #array + 1 end
  local index = part:find("^%d+$") and not part:find("^0%d") and math.tointeger(tonumber(part))
  if not index or index + 1 > #array + (extra and 1 or 0) then refuse() end
  return index + 1
end

local function get(value, parts, count)
  for index = 1, count do
    if isArray(value) then
      value = value[arrayIndex(value, parts[index], false)]
    elseif type(value) == "table" then
      value = value[parts[index]]
    else
      value = nil
    end
    if value == nil then refuse() end
  end
  return value
end

local function add(document, parts, value)
  if #parts == 0 then return value end
  local parent, last = get(document, parts, #parts - 1), parts[#parts]
  if isArray(parent) then
    table.insert(parent, arrayIndex(parent, last, true), value)
  elseif type(parent) == "table" then
    parent[last] = value
  else
    refuse()
  end
  return document
end

local function remove(document, parts)
  if #parts == 0 then refuse() end
  local parent, last = get(document, parts, #parts - 1), parts[#parts]
  if isArray(parent) then
    table.remove(parent, arrayIndex(parent, last, false))
    if #parent == 0 then values.array(parent) end
  else
    if type(parent) ~= "table" or parent[last] == nil then refuse() end
    parent[last] = nil
  end
  return document
end

local operations = {
  add = function(document, step) return add(document, pointer(step.path), copy(step.value)) end,
  remove = function(document, step) return remove(document, pointer(step.path)) end,
  replace = function(document, step)
    local parts = pointer(step.path)
    if #parts == 0 then return copy(step.value) end
    local parent, last = get(document, parts, #parts - 1), parts[#parts]
    -- As in a real server, a member that is not there yet is added; an element is not.
    if isArray(parent) then last = arrayIndex(parent, last, false) elseif type(parent) ~= "table" then refuse() end
    parent[last] = copy(step.value)
    return document
  end,
  move = function(document, step)
    local from = pointer(step.from)
    local value = get(document, from, #from)
    return add(remove(document, from), pointer(step.path), value)
  end,
  copy = function(document, step)
    local from = pointer(step.from)
    return add(document, pointer(step.path), copy(get(document, from, #from)))
  end,
  test = function(document, step)
    local parts = pointer(step.path)
    if not values.equal(get(document, parts, #parts), step.value) then refuse() end
    return document
  end,
}

---@param document any
---@param steps any the decoded patch
---@return any
function patch.json(document, steps)
  if not isArray(steps) then
    error(status.badRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch"), 0)
  end
  document = copy(document)
  for _, step in ipairs(steps) do
    local operation = type(step) == "table" and operations[step.op]
    if not operation or (step.value == nil and (step.op == "add" or step.op == "replace" or step.op == "test")) then refuse() end
    document = operation(document, step)
  end
  return document
end

-- ---------------------------------------------------------------------------------------------------- merge patch

---@param document any
---@param change any
---@return any
function patch.merge(document, change)
  if not isObject(change) then return copy(change) end
  local result = isObject(document) and copy(document) or {}
  for key, value in pairs(change) do
    if value == null then
      result[key] = nil
    else
      result[key] = patch.merge(result[key], value)
    end
  end
  return result
end

-- ---------------------------------------------------------------------------------------------------- strategic merge patch

local mergeStrategic

--- How lists of the built-in kinds are merged: field name -> the member that identifies an element; "" for lists of plain values.
--- What is not here is replaced as a whole.
local mergeKeys = {
  containers = "name", initContainers = "name", ephemeralContainers = "name", env = "name", volumes = "name", volumeMounts = "mountPath",
  volumeDevices = "devicePath", imagePullSecrets = "name", hostAliases = "ip", conditions = "type", ownerReferences = "uid",
  finalizers = "", secrets = "name", addresses = "type", topologySpreadConstraints = "topologyKey", podIPs = "ip", ports = "containerPort",
  taints = "key",
}

--- The member that identifies an element of a list; "": it is a set of plain values; nil: the list is replaced as a whole.
---@param resource moonpool.sim.Resource
---@param field string
---@return string?
function patch.mergeKeyOf(resource, field)
  return resource.mergeKeys and resource.mergeKeys[field] or mergeKeys[field]
end

local function elementWith(list, key, value)
  for index, element in ipairs(list) do
    if type(element) == "table" and values.equal(element[key], value) then return index end
  end
end

local function valueIn(list, value)
  for index, element in ipairs(list) do
    if values.equal(element, value) then return index end
  end
end

local function sealed(list)
  return #list == 0 and values.array(list) or list
end

local function mergeList(resource, field, list, change)
  for _, element in ipairs(change) do
    if type(element) == "table" and element["$patch"] == "replace" then
      local result = {}
      for _, other in ipairs(change) do
        if other ~= element then result[#result + 1] = copy(other) end
      end
      return sealed(result)
    end
  end
  local key = patch.mergeKeyOf(resource, field)
  if not key or not isArray(list) then
    return patch.withoutDirectives(change)
  end
  local result = copy(list)
  for _, element in ipairs(change) do
    if key == "" then
      if not valueIn(result, element) then result[#result + 1] = copy(element) end
    else
      local id = type(element) == "table" and element[key]
      if not id then
        error(status.failure(500, nil, ("map: %s does not contain declared merge key: %s"):format(field, key)), 0)
      end
      local index = elementWith(result, key, id)
      if element["$patch"] == "delete" then
        if index then table.remove(result, index) end
      elseif index then
        result[index] = mergeStrategic(resource, result[index], element)
      else
        result[#result + 1] = patch.withoutDirectives(element)
      end
    end
  end
  return sealed(result)
end

--- Puts the elements that `order` names into its order; others keep their places behind them.
local function reorder(resource, field, list, order)
  local key = patch.mergeKeyOf(resource, field)
  if not isArray(list) or not key then return list end
  local rest, result = copy(list), {}
  for _, wanted in ipairs(order) do
    local index
    if key == "" then index = valueIn(rest, wanted) else index = type(wanted) == "table" and elementWith(rest, key, wanted[key]) end
    if index then result[#result + 1] = table.remove(rest, index) end
  end
  table.move(rest, 1, #rest, #result + 1, result)
  return sealed(result)
end

local function deleteFromList(list, unwanted)
  local result = {}
  for _, element in ipairs(isArray(list) and list or {}) do
    if not valueIn(unwanted, element) then result[#result + 1] = element end
  end
  return sealed(result)
end

--- A copy without `$patch` and its kin, and without members set to null.
function patch.withoutDirectives(value)
  if type(value) ~= "table" then return value end
  local result = setmetatable({}, getmetatable(value))
  if isArray(value) then
    for _, element in ipairs(value) do
      if not (type(element) == "table" and element["$patch"]) then result[#result + 1] = patch.withoutDirectives(element) end
    end
    return sealed(result)
  end
  for key, item in pairs(value) do
    if item ~= null and not key:find("^%$") then result[key] = patch.withoutDirectives(item) end
  end
  return result
end

function mergeStrategic(resource, document, change)
  if change["$patch"] == "replace" then return patch.withoutDirectives(change) end
  if change["$patch"] == "delete" then return {} end
  local result = isObject(document) and copy(document) or {}
  for key, value in pairs(change) do
    local directive, field = key:match("^%$(%a+)/(.+)$")
    if directive == "deleteFromPrimitiveList" then
      result[field] = deleteFromList(result[field], value)
    elseif key == "$retainKeys" then
      local kept = {}
      for _, name in ipairs(value) do kept[name] = result[name] end
      result = kept
    end
  end
  for key, value in pairs(change) do
    if not key:find("^%$") then
      if value == null then
        result[key] = nil
      elseif isArray(value) then
        result[key] = mergeList(resource, key, result[key], value)
      elseif isObject(value) then
        result[key] = mergeStrategic(resource, result[key], value)
      else
        result[key] = value
      end
    end
  end
  for key, order in pairs(change) do
    local field = key:match("^%$setElementOrder/(.+)$")
    if field then result[field] = reorder(resource, field, result[field], order) end
  end
  return result
end

---@param resource moonpool.sim.Resource
---@param document table
---@param change any
---@return table
function patch.strategic(resource, document, change)
  if not isObject(change) then error(status.badRequest("error decoding patch: expected an object"), 0) end
  return mergeStrategic(resource, document, change)
end

return patch
