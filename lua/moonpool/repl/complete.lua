-- complete.lua: what may follow what is typed: commands, globals, fields, API methods, kinds, options, and inside quotes the names of
-- clusters, namespaces, events and objects. Code is not run for it: a call's result is unknown.
local api = require "moonpool.api"
local optionTables = require "moonpool.repl.options"
local request = require "moonpool.request"
local resources = require "moonpool.resources"

local complete = {}

---@class moonpool.repl.Sources  Where names come from that are not in Lua.
---@field objects fun(kind: string, entry: moonpool.Kind?, namespace: string?): string[]
---@field namespaces fun(): string[]
---@field namespace fun(): string? of calls that name none
---@field clusters fun(): string[]
---@field patterns fun(): string[] the clusters, and groups of them
---@field choices fun(): string[] what :use takes
---@field events fun(): string[]

local keywords = { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not",
  "or", "repeat", "return", "then", "true", "until", "while" }

-- ----------------------------------------------------------------------------------------------------------- reading the line
---@class moonpool.repl.Opener
---@field char string "(", "{" or "["
---@field at integer
---@field commas integer behind it, at its level

--- What is open at the end of a text: brackets, and perhaps a string.
---@param text string
---@return moonpool.repl.Opener[]
---@return integer? quote where the string begins
local function openAt(text)
  local stack, quote, position = {}, nil, 1
  while position <= #text do
    local char = text:sub(position, position)
    if quote then
      if char == "\\" then position = position + 1
      elseif char == text:sub(quote, quote) then quote = nil end
    elseif char == '"' or char == "'" then quote = position
    elseif char:find "[%(%[{]" then stack[#stack + 1] = { char = char, at = position, commas = 0 }
    elseif char:find "[%)%]}]" then stack[#stack] = nil
    elseif char == "," and stack[#stack] then stack[#stack].commas = stack[#stack].commas + 1 end
    position = position + 1
  end
  return stack, quote
end

--- The names that a text ends with: `a.b["c"].items[1]:d` is { "a", "b", "c", "items", 1, "d" }; nil when they hang on a call.
---@param text string
---@return (string|integer)[]?
local function chainAt(text)
  local keys, rest = {}, text
  while true do
    local before, index = rest:match "^(.*)%[(%d+)%]$"
    if not before then before, index = rest:match "^(.*)%[[\"']([^\"']*)[\"']%]$" end
    if before then
      table.insert(keys, 1, math.tointeger(tonumber(index)) or index)
      rest = before
    else
      local name = rest:match "[%a_][%w_]*$"
      if not name then return nil end
      table.insert(keys, 1, name)
      rest = rest:sub(1, -#name - 1)
      if not rest:find "[.:]$" or rest:find "%.%.$" then return keys end
      rest = rest:sub(1, -2)
    end
  end
end

--- The value of such names, from the globals.
local function valueOf(keys, globals)
  local value = globals
  for _, key in ipairs(keys) do
    local ok, field = pcall(function() return value[key] end)
    if not ok or field == nil then return nil end
    value = field
  end
  return value
end

--- The names of a value's fields.
---@param value any
---@return string[]
function complete.fieldsOf(value)
  local found, meta = {}, getmetatable(value)
  if type(meta) == "table" and meta.__names then found = meta.__names(value) end
  for _ = 1, 10 do -- a table, and what it inherits from
    if type(value) == "table" then
      for key in next, value do
        if type(key) == "string" and not key:find "^__" then found[#found + 1] = key end
      end
    end
    meta = getmetatable(value)
    local parent = type(meta) == "table" and rawget(meta, "__index")
    if type(parent) ~= "table" then break end
    value = parent
  end
  return found
end

--- What is called: the function's name, and what api and resources say of it.
local function calleeAt(text, globals)
  local keys = chainAt((text:gsub("%s+$", "")))
  if not keys then return nil end
  local name = table.remove(keys)
  local object = #keys > 0 and valueOf(keys, globals) or nil
  if type(object) ~= "table" or type(name) ~= "string" then return { name = name } end
  local described = resources.describe(object, name)
  local ofApi = not described and api.describe(object, name)
  return { name = name, resource = described, api = ofApi or nil }
end

-- ----------------------------------------------------------------------------------------------------------- candidates
local clusterArguments = { acquire = true, lease = true, release = true, checkHealth = true, removeCluster = true,
  setWeight = true, enableCluster = true, disableCluster = true }

--- Inside quotes.
local function texts(text, stack, quote, globals, sources)
  local before = text:sub(1, quote - 1)
  local option = before:match "([%a_][%w_]*)%s*=%s*$"
  if option == "namespace" then return sources.namespaces() end
  if option == "clusters" then return sources.patterns() end
  if option == "cluster" or option == "context" then return sources.clusters() end
  local opener = stack[#stack]
  if not opener then return {} end
  if opener.char == "[" then
    local keys = chainAt(text:sub(1, opener.at - 1))
    local value = keys and valueOf(keys, globals)
    return value ~= nil and complete.fieldsOf(value) or {}
  end
  local call = stack[#stack].char == "{" and stack[#stack - 1] or opener -- patterns may be a list
  if not call or call.char ~= "(" then return {} end
  local callee = calleeAt(text:sub(1, call.at - 1), globals)
  if not callee then return {} end
  local position = call.commas + 1
  local about = callee.resource or callee.api
  local argument = about and about.arguments[position]
  if argument == "namespace" then return sources.namespaces() end
  if argument == "name" and callee.resource then return sources.objects(about.name, about.entry, sources.namespace()) end
  if argument == "name" and about.entry then return sources.objects(about.entry.plural, about.entry, nil) end
  if position == 1 and (callee.name == "client" or callee.name == "clusters") then return sources.patterns() end
  if position == 1 and clusterArguments[callee.name] then return sources.clusters() end
  if position == 1 and (callee.name == "on" or callee.name == "once") then return sources.events() end
  return {}
end

--- The class of the options in a table that is open: of a call's argument, or of an option that is a table itself.
local function classOfTable(text, stack, index, globals)
  local opener, outer = stack[index], stack[index - 1]
  local before = text:sub(1, opener.at - 1)
  if outer and outer.char == "{" then
    local name = before:match "([%a_][%w_]*)%s*=%s*$"
    local class = name and classOfTable(text, stack, index - 1, globals)
    return class and optionTables.ofOption(class, name)
  end
  local position = 1
  if outer and outer.char == "(" and before:find "[%(,]%s*$" then
    before, position = text:sub(1, outer.at - 1), outer.commas + 1
  end
  local keys = chainAt((before:gsub("%s+$", "")))
  if not keys or #keys < 2 then return nil end
  local name = table.remove(keys)
  local object = valueOf(keys, globals)
  return object ~= nil and optionTables.ofArgument(object, name, position) or nil
end

--- The options of the call in whose table a word begins.
local function options(text, stack, partial, globals)
  local opener = stack[#stack]
  if not opener or opener.char ~= "{" or not text:sub(1, #text - #partial):find "[{,]%s*$" then return nil end
  local call = stack[#stack - 1]
  local callee = calleeAt(text:sub(1, (call and call.char == "(" and call.at or opener.at) - 1), globals)
  local known = callee and callee.resource and callee.resource.options or callee and callee.api and request.knownOptions[callee.api.verb]
  local found = {}
  for name in pairs(known or {}) do found[#found + 1] = name .. " = " end
  for _, name in ipairs(known and callee.api and callee.api.arguments or {}) do found[#found + 1] = name .. " = " end
  local class = not known and classOfTable(text, stack, #stack, globals)
  for _, option in ipairs(class and optionTables.fields(class) or {}) do found[#found + 1] = option.name .. " = " end
  return (known or class) and found or nil
end

--- Names in code.
local function words(text, stack, partial, globals)
  local known = options(text, stack, partial, globals)
  if known then return known end
  local before = text:sub(1, #text - #partial)
  if not before:find "[.:]$" or before:find "%.%.$" then
    local found = complete.fieldsOf(globals)
    found[#found + 1] = "client"
    for _, word in ipairs(keywords) do found[#found + 1] = word end
    return found
  end
  local keys = chainAt(before:sub(1, -2))
  local value = keys and valueOf(keys, globals)
  return value ~= nil and complete.fieldsOf(value) or {}
end

local function fitting(candidates, partial)
  local found, seen = {}, {}
  for _, candidate in ipairs(candidates) do
    if not seen[candidate] and candidate:sub(1, #partial) == partial then
      seen[candidate] = true
      found[#found + 1] = candidate
    end
  end
  table.sort(found)
  return found
end

--- What fits at the end of Lua code: whole words, and what of them is typed already.
---@param text string
---@param globals table
---@param sources moonpool.repl.Sources
---@return string[]
---@return string partial
---@return string closing what follows a word that is the only one
function complete.code(text, globals, sources)
  local stack, quote = openAt(text)
  if quote then
    local partial = text:sub(quote + 1)
    return fitting(texts(text, stack, quote, globals, sources), partial), partial, text:sub(quote, quote)
  end
  local partial = text:match "[%a_][%w_]*$" or ""
  return fitting(words(text, stack, partial, globals), partial), partial, ""
end

local onOff = { "on", "off" }

--- The same for a line, which may be a command.
---@param line string
---@param globals table
---@param sources moonpool.repl.Sources
function complete.line(line, globals, sources)
  local commands = require "moonpool.repl.commands"
  local command, rest = line:match "^%s*:(%a*)%s+(.*)$"
  if not command then
    local name = line:match "^%s*:(%a*)$"
    if name then return fitting(commands.names, name), name, " " end
    return complete.code(line, globals, sources)
  end
  if command == "watch" or command == "time" then return complete.code(rest, globals, sources) end
  local partial = rest:match "%S*$"
  local list = {}
  if command == "use" then list = sources.choices()
  elseif command == "ns" then list = sources.namespaces()
  elseif command == "events" or command == "trace" then list = onOff
  elseif command == "set" then list = commands.settings[rest:match "^(%S+)%s"] or { "output", "confirm" } end
  return fitting(list, partial), partial, command == "set" and partial == rest and " " or ""
end

--- What all of them begin with.
---@param candidates string[]
---@return string
function complete.common(candidates)
  local common = candidates[1] or ""
  for _, candidate in ipairs(candidates) do
    while candidate:sub(1, #common) ~= common do
      common = common:sub(1, (utf8.offset(common, -1) or 1) - 1)
    end
  end
  return common
end

return complete
