-- values.lua: JSON values in Lua tables: telling arrays from objects, copying, comparing, walking.

local core = require("moonpool.core")

local values = {}

local arrayMeta = getmetatable(core.json.array({}))
local null = core.null
values.null = null

--- An empty array that is written as `[]`.
function values.array(t) return core.json.array(t or {}) end

---@return boolean
function values.isArray(value)
  return type(value) == "table" and (value[1] ~= nil or getmetatable(value) == arrayMeta)
end

---@return boolean
function values.isObject(value) return type(value) == "table" and not values.isArray(value) end

--- A deep copy. Tables that stand for more than their entries (arrays, numbers kept exactly) keep their metatable.
function values.copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, item in next, value do result[key] = values.copy(item) end
  return setmetatable(result, getmetatable(value))
end

--- Equal as JSON values.
---@return boolean
function values.equal(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" or values.isArray(a) ~= values.isArray(b) then return false end
  for key, item in next, a do
    if not values.equal(item, b[key]) then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

--- The value at a path of object keys, nil where the path ends early.
function values.at(value, ...)
  for index = 1, select("#", ...) do
    if type(value) ~= "table" then return nil end
    value = value[(select(index, ...))]
  end
  if value == null then return nil end
  return value
end

--- Removes the members that are null, as decoding into a typed object does.
function values.dropNulls(value)
  if type(value) ~= "table" then return value end
  for key, item in next, value do
    if item == null then
      if not values.isArray(value) then value[key] = nil end
    else
      values.dropNulls(item)
    end
  end
  return value
end

--- The keys of an object, sorted.
---@return string[]
function values.sortedKeys(object)
  local keys = {}
  for key in pairs(object) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

return values
