-- check.lua: how misuse is reported: one sentence that names the argument, what was expected and what came, placed at the
-- script's own line. Nothing here knows what the options mean; callers describe them in a table `name -> type`.
local core = require "moonpool.core"

local check = {}

-- The chunk names of this library's modules differ from this one's only in what follows this prefix.
local ownPrefix = debug.getinfo(1, "S").source:match("^(.*moonpool.)check") or "@moonpool/"

--- The level of the first function outside this library, seen from the caller of the caller.
local function scriptLevel()
  local level = 3
  while true do
    local info = debug.getinfo(level, "S")
    if not info then return 2 end
    if info.what ~= "C" and info.source:sub(1, #ownPrefix) ~= ownPrefix then return level - 1 end
    level = level + 1
  end
end

--- Raises, at the line of the script that called into the library.
---@param format string
function check.misuse(format, ...)
  error(format:format(...), scriptLevel())
end

--- `; did you mean "x"?`, or what there is, or nothing.
---@param word string
---@param candidates string[]
---@return string
function check.hint(word, candidates)
  local near = core.nearest(word, candidates)
  if near then return ('; did you mean "%s"?'):format(near) end
  if #candidates == 0 or #candidates > 20 then return "" end
  table.sort(candidates)
  return "; known: " .. table.concat(candidates, ", ")
end

--- A value as an error names it: its type, and the value where that helps and cannot be a secret.
---@return string
function check.describe(value)
  local kind = type(value)
  if kind == "number" or kind == "boolean" then return kind .. " " .. tostring(value) end
  if value == "" then return "an empty string" end
  return kind
end

---@return string[] sorted
function check.keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

local function isCallable(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__call ~= nil
end

-- What a type name means: a test, and how an error calls it.
local types = {
  string = { function(v) return type(v) == "string" and v ~= "" end, "a string" },
  text = { function(v) return type(v) == "string" end, "a string" },
  boolean = { function(v) return type(v) == "boolean" end, "a boolean" },
  integer = { function(v) return math.type(v) == "integer" end, "an integer" },
  count = { function(v) return math.type(v) == "integer" and v >= 0 end, "an integer of 0 or more" },
  positive = { function(v) return math.type(v) == "integer" and v >= 1 end, "an integer of 1 or more" },
  weight = { function(v) return type(v) == "number" and v >= 0 and v < math.huge end, "a number of 0 or more" },
  milliseconds = { function(v) return math.type(v) == "integer" and v >= 0 end, "milliseconds, an integer of 0 or more" },
  table = { function(v) return type(v) == "table" end, "a table" },
  ["function"] = { isCallable, "a function" },
  body = { function(v) return type(v) == "table" or (type(v) == "string" and v ~= "") end, "a table (or its text)" },
  selector = { function(v) return type(v) == "string" or type(v) == "table" end, "a string or a table" },
  flag = { function(v) return type(v) == "boolean" or type(v) == "string" end, 'true or "All"' },
  any = { function() return true end, "a value" },
}

--- Raises unless the value has the type: "<where>: expected <a string>, got <nil>".
---@param where string
---@param value any
---@param typeName string one of the names above
function check.value(where, value, typeName)
  local rule = types[typeName]
  if not rule[1](value) then check.misuse("%s: expected %s, got %s", where, rule[2], check.describe(value)) end
end

--- Raises unless `self` is the object that a method was called on: `object.method()` where `object:method()` was meant.
---@param self any
---@param meta table the object's metatable
---@param call string how it is called: "pool:acquire()"
function check.self(self, meta, call)
  if getmetatable(self) ~= meta then check.misuse("%s is called with a colon, not with a dot", call) end
end

--- The options that there are, by the class of their table as it is annotated: what the reference is checked with, and what can be
--- completed.
check.optionTables = {} ---@type table<string, { known: table<string, string>, defaults: table<string, any> }>

--- Says which options a table of that class may have, for check.options.
---@param class string
---@param known table<string, string>
---@param defaults table<string, any>? what an option is that is not given, as the code has it
---@return table<string, string> known
function check.declare(class, known, defaults)
  check.optionTables[class] = { known = known, defaults = defaults or {} }
  return known
end

--- Checks a table of options against `known` (name -> type name). An unknown option raises and names the nearest one.
---@param where string
---@param options table
---@param known table<string, string>
function check.options(where, options, known)
  if type(options) ~= "table" then check.misuse("%s: expected a table of options, got %s", where, check.describe(options)) end
  for name, value in pairs(options) do
    local typeName = known[name]
    if not typeName then
      check.misuse('%s: unknown option "%s"%s', where, tostring(name), check.hint(tostring(name), check.keys(known)))
    end
    check.value(where .. ": option " .. name, value, typeName)
  end
end

return check
