-- options.lua: what the reference (moonpool.reference) knows of a call's arguments: the options that a table in it may have. For
-- completion.
local options = {}

--- The class of a value, as the reference calls it.
---@param value any
---@return string?
local function classOf(value)
  local classes = require("moonpool.reference").classes
  local meta = getmetatable(value)
  local name = type(meta) == "table" and meta.__name
  if classes[name] then return name end
  for class in pairs(classes) do -- moonpool, moonpool.log: modules
    if package.loaded[class] == value then return class end
  end
end

--- What a type such as "moonpool.EachOptions?" names that is a table of options.
local function optionsIn(typeName)
  local classes = require("moonpool.reference").classes
  for name in typeName:gmatch "moonpool%.%a+" do
    if classes[name] and classes[name].isOptions then return name end
  end
end

local function named(list, name)
  for _, one in ipairs(list or {}) do
    if one.name == name then return one end
  end
end

--- The class of the table that a function or method takes at a position.
---@param object any what it is a field of
---@param name string
---@param position integer
---@return string?
function options.ofArgument(object, name, position)
  local class = require("moonpool.reference").classes[classOf(object)]
  local fn = class and named(class.functions, name)
  local parameter = fn and fn.parameters[position]
  return parameter and optionsIn(parameter.type)
end

--- The class of the table that an option of such a table is.
---@param class string
---@param name string
---@return string?
function options.ofOption(class, name)
  local option = named(options.fields(class), name)
  return option and optionsIn(option.type)
end

--- The options of such a table, those that it takes over included.
---@param class string
---@return { name: string, type: string, text: string }[]
function options.fields(class)
  local classes = require("moonpool.reference").classes
  local found = {}
  for _, name in ipairs { class, table.unpack(classes[class].parents) } do
    for _, field in ipairs(name == class and classes[name].fields or classes[name] and options.fields(name) or {}) do
      found[#found + 1] = field
    end
  end
  return found
end

return options
