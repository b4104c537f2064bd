-- help.lua: help(x): what a value is and has, how a function is called, what an option, an event, an error kind, a command or a kind
-- means. The texts are those of the reference (reference.lua, made from the annotations); values find theirs by what they are
-- (public.lua), words by their name.
local core = require "moonpool.core"
local api = require "moonpool.api"
local check = require "moonpool.check"
local complete = require "moonpool.repl.complete"
local kinds = require "moonpool.kinds"
local public = require "moonpool.public"
local reference = require "moonpool.reference"
local request = require "moonpool.request"
local tables = require "moonpool.tables"

local help = {}

local narrow = 100 -- columns, where nobody says how many there are
local allTold = 4 -- of more entries of one name, each gets a line

---@class moonpool.repl.Entry  Something with a name.
---@field title string a line of its own
---@field brief string what it is, in a line
---@field render fun(width: integer): string

-- ---------------------------------------------------------------------------------------------------- text
--- In lines of words, each with an indent.
local function wrapped(text, width, indent)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if line ~= "" and tables.width(line) + tables.width(word) + 1 + indent > width then
      lines[#lines + 1] = line
      line = ""
    end
    line = line == "" and word or line .. " " .. word
  end
  if line ~= "" then lines[#lines + 1] = line end
  return (" "):rep(indent) .. table.concat(lines, "\n" .. (" "):rep(indent))
end

--- Paragraphs, and code between fences as it is.
local function prose(text, width)
  local parts = {}
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n\n" do
    local code = paragraph:match "^```%a*\n(.*)\n```$"
    parts[#parts + 1] = code and "    " .. code:gsub("\n", "\n    ") or wrapped(paragraph, width, 0)
  end
  return table.concat(parts, "\n\n")
end

--- Names on the left, wrapped texts on the right.
local function listed(rows, width)
  local left, lines = 0, {}
  for _, row in ipairs(rows) do left = math.max(left, #row[1]) end
  left = math.min(left, 30)
  for _, row in ipairs(rows) do
    local text = wrapped(row[2], width, left + 4)
    local fits = #row[1] <= left
    lines[#lines + 1] = "  " .. row[1] .. (fits and text:sub(#row[1] + 3) or "\n" .. text)
  end
  return (table.concat(lines, "\n"):gsub(" +\n", "\n"):gsub(" +$", ""))
end

local function joined(...)
  local parts = {}
  for _, part in ipairs { ... } do
    if part ~= "" then parts[#parts + 1] = part end
  end
  return table.concat(parts, "\n\n")
end

local function firstSentence(text) return text:match "^([^\n]-%.)%s" or text:match "^[^\n]*" end

-- ---------------------------------------------------------------------------------------------------- classes and functions
--- "integer, default 30000 (30 s): ms that a caller waits"
local function fieldText(field, isOption)
  local kind = isOption and field.type:gsub("%?$", "") or field.type
  local text = kind:gsub("moonpool%.", "") .. (field.default and ", default " .. field.default or "")
  return field.text ~= "" and text .. ": " .. field.text or text
end

--- Its options, and those of its parents after them.
local function optionRows(name, rows, seen)
  local class = reference.classes[name]
  for _, other in ipairs(class.otherDefaults or {}) do seen[other.name] = seen[other.name] or { default = other.default } end
  for _, field in ipairs(class.fields) do
    local before = seen[field.name]
    if before == nil or before.default then
      rows[#rows + 1] = { field.name, fieldText(before and setmetatable(before, { __index = field }) or field, true) }
      seen[field.name] = {}
    end
  end
  for _, parent in ipairs(class.parents) do
    if reference.classes[parent] then optionRows(parent, rows, seen) end
  end
  return rows
end

local function optionsText(names, width)
  local rows, seen = {}, {}
  for _, name in ipairs(names) do optionRows(name, rows, seen) end
  return #rows > 0 and "options:\n" .. listed(rows, width) or ""
end

--- The classes of options and the lists that a type names.
local function optionsIn(type)
  local names = {}
  for name in type:gmatch "moonpool%.[%w_]+" do
    if reference.classes[name] and reference.classes[name].isOptions then names[#names + 1] = name end
  end
  return names
end

local function valuesText(type, width)
  local rows = {}
  for name in type:gmatch "moonpool%.[%w_]+" do
    local list = reference.lists[name]
    for _, value in ipairs(list and list.values or {}) do rows[#rows + 1] = { value.value, value.text } end
  end
  return #rows > 0 and "events:\n" .. listed(rows, width) or ""
end

local function functionText(fn, width)
  local rows, further = {}, {}
  for _, parameter in ipairs(fn.parameters) do
    local type = parameter.type:gsub("moonpool%.", "")
    rows[#rows + 1] = { parameter.name, parameter.text ~= "" and ("%s: %s"):format(type, parameter.text) or type }
    further[#further + 1] = optionsText(optionsIn(parameter.type), width)
    further[#further + 1] = valuesText(parameter.type, width)
  end
  local returns = {}
  for _, value in ipairs(fn.returns) do
    returns[#returns + 1] = ("%s%s"):format(value.name and value.name .. ": " or "", (value.type:gsub("moonpool%.", "")))
      .. (value.text ~= "" and " (" .. value.text .. ")" or "")
  end
  return joined(prose(fn.text, width), #rows > 0 and listed(rows, width) or "",
    #returns > 0 and wrapped("returns " .. table.concat(returns, ", "), width, 0) or "", table.unpack(further))
end

local function classText(name, width)
  local class = reference.classes[name]
  local rows = {}
  for _, fn in ipairs(class.functions) do rows[#rows + 1] = { fn.call, firstSentence(fn.text) } end
  local fields = {}
  if not class.isOptions then
    for _, field in ipairs(class.fields) do fields[#fields + 1] = { field.name, fieldText(field) } end
  end
  return joined(prose(class.text, width), class.isOptions and optionsText({ name }, width) or "",
    #fields > 0 and listed(fields, width) or "", #rows > 0 and listed(rows, width) or "")
end

-- ---------------------------------------------------------------------------------------------------- the index
local index ---@type table<string, moonpool.repl.Entry[]>? by every name that something goes by, lower case
local written = {} ---@type table<string, string> how such a name is written
local entryOf = {} ---@type table<function, moonpool.repl.Entry>

local function add(entry, ...)
  for _, name in ipairs { ... } do
    local key = name:lower()
    written[key] = written[key] or name
    local entries = index[key] or {}
    index[key] = entries
    if entries[#entries] ~= entry then entries[#entries + 1] = entry end
  end
end

local function indexClass(name, class)
  local short = name:gsub("^moonpool%.", "")
  add({ title = name, brief = firstSentence(class.text), render = function(width) return classText(name, width) end }, name, short)
  for _, fn in ipairs(class.functions) do
    local entry = { title = fn.call, brief = firstSentence(fn.text), render = function(width) return functionText(fn, width) end }
    local bare = fn.call:match "^[^(]*"
    local names = { bare, fn.name, short .. "." .. fn.name, short .. ":" .. fn.name }
    if bare:find ":" then names[#names + 1] = bare:gsub(":", ".") end
    add(entry, table.unpack(names))
    local value = public.classes[name] and rawget(public.classes[name], fn.name)
    if value then entryOf[value] = entry end
  end
  for _, field in ipairs(class.fields) do
    local word = class.isOptions and "an option of" or "a field of"
    local function render(width) return wrapped(fieldText(field, class.isOptions), width, 0) end
    local entry = { title = ("%s, %s %s"):format(field.name, word, name), brief = fieldText(field, class.isOptions), render = render }
    add(entry, field.name, short .. "." .. field.name, (class.word or short) .. "." .. field.name)
    local value = public.classes[name] and name ~= "moonpool" and rawget(public.classes[name], field.name)
    if type(value) == "function" then entryOf[value] = entry end
  end
end

local function indexList(name, list)
  local what = ({ ["moonpool.PoolEvent"] = "an event of pools, and of managers with the cluster's name as last argument",
    ["moonpool.ManagerEvent"] = "an event of managers", ["moonpool.ErrorKind"] = "an error kind" })[name] or "of " .. name
  for _, value in ipairs(list.values) do
    add({ title = ("%s, %s"):format(value.value, what), brief = value.text, render = function(width)
      local arguments, rest = value.text:match "^(%b()) ?(.*)$"
      return wrapped(arguments and ("handler%s: %s"):format(arguments, rest) or value.text, width, 0)
    end }, value.value)
  end
  add({ title = name, brief = list.text, render = function(width)
    local rows = {}
    for _, value in ipairs(list.values) do rows[#rows + 1] = { value.value, value.text } end
    return joined(prose(list.text, width), listed(rows, width))
  end }, name, (name:gsub("^moonpool%.", "")))
end

local function indexPrompt()
  for _, command in ipairs(require("moonpool.repl.commands").rows()) do
    local function render(width) return wrapped(command.text, width, 0) end
    local name = command.usage:match "^:%a+"
    add({ title = command.usage, brief = command.text, render = render }, name, name:sub(2))
  end
end

--- What the program can be told, where this is the program.
local function indexProgram()
  for _, option in ipairs(core.describeProgram and core.describeProgram().options or {}) do
    local title = ("%s%s, an option of the program"):format(option.name and "--" .. option.name or "-" .. option.letter,
      option.argument and " " .. option.argument or "")
    add({ title = title, brief = option.text, render = function(width) return wrapped(option.text, width, 0) end },
      option.name and "--" .. option.name or "-" .. option.letter, option.name)
  end
end

--- The keys of moonpool.yaml, and the variables of the environment.
local function indexConfiguration()
  local config = require "moonpool.config"
  for _, key in ipairs(config.keys) do
    local ways = { key.option and "--" .. key.option }
    ways[#ways + 1] = key.variable and "$" .. key.variable
    local default = key.default ~= nil and ", default " .. tostring(key.default):gsub("%.0$", "") or ""
    local text = ("%s%s: %s%s"):format(key.means, default, key.text, #ways > 0 and ". Also " .. table.concat(ways, ", ") or "")
    add({ title = key.name .. ", a key of moonpool.yaml", brief = text, render = function(width) return wrapped(text, width, 0) end },
      key.name, key.name:match "[^%.]*$", key.variable)
  end
  for _, variable in ipairs(config.variables) do
    local names = {}
    for name in variable.name:gmatch "[%w_]+" do names[#names + 1] = name end
    add({ title = variable.name .. ", in the environment", brief = variable.text,
      render = function(width) return wrapped(variable.text, width, 0) end }, table.unpack(names))
  end
end

local function build()
  if index then return end
  index = {}
  for _, name in ipairs(check.keys(reference.classes)) do
    -- What a script does not need is loaded when it is used; here its functions are wanted.
    local loader = package.preload[name]
    if loader and not public.classes[name] then pcall(require, name) end
  end
  for _, module in ipairs { "manager", "watch", "resources" } do require("moonpool." .. module) end
  for _, name in ipairs(check.keys(reference.classes)) do indexClass(name, reference.classes[name]) end
  for _, name in ipairs(check.keys(reference.lists)) do indexList(name, reference.lists[name]) end
  indexPrompt()
  indexProgram()
  indexConfiguration()
end

-- ---------------------------------------------------------------------------------------------------- words
--- A method of the API by its name.
local function apiMethod(name, width)
  for _, group in ipairs(kinds.groups) do
    local described = api.describeIn(group, name)
    if described and described.entry then
      local arguments = { table.unpack(described.arguments) }
      arguments[#arguments + 1] = "options"
      return joined(("client.%s.%s(%s)\n%s of %s, %s"):format(group.alias, name, table.concat(arguments, ", "), described.verb,
        described.entry.kind, kinds.apiVersion(described.entry)), optionsText({ request.optionsClass(described.verb) }, width))
    end
  end
end

local function kindText(word)
  local entry = kinds.named(word)
  return entry and ("%s (%s, %s%s)\nclient.resources.%s, client.%s.list%s%s"):format(entry.kind, kinds.apiVersion(entry),
    entry.namespaced and "namespaced" or "not namespaced",
    #entry.shortNames > 0 and ", short: " .. table.concat(entry.shortNames, ", ") or "", entry.plural,
    kinds.byGroupName[entry.group].alias, entry.namespaced and "Namespaced" or "", entry.kind)
end

local function unknown(word)
  local near = core.nearest(word:lower(), check.keys(index))
  return ('nothing is known of "%s"%s; help(x) says what a value has'):format(tables.clean(word),
    near and (', did you mean "%s"?'):format(written[near]) or "")
end

local function wordText(word, width)
  local entries = index[word:lower()] or {}
  if #entries == 0 then return apiMethod(word, width) or kindText(word) or unknown(word) end
  if #entries > allTold then
    local parts = {}
    for _, entry in ipairs(entries) do parts[#parts + 1] = entry.title .. "\n" .. wrapped(entry.brief, width, 2) end
    return table.concat(parts, "\n")
  end
  local parts = {}
  for _, entry in ipairs(entries) do parts[#parts + 1] = entry.title .. "\n" .. entry.render(width):gsub("([^\n]+)", "  %1") end
  parts[#parts + 1] = kindText(word)
  return table.concat(parts, "\n\n")
end

-- ---------------------------------------------------------------------------------------------------- values
local function functionHelp(fn, width)
  local stands = public.standsFor[fn] or fn
  if type(stands) == "string" then return apiMethod(stands, width) or stands end
  local entry = entryOf[stands]
  if entry then return entry.title .. "\n\n" .. entry.render(width) end
  local info = debug.getinfo(fn, "S")
  return info.what == "C" and "a function in C" or ("a function (%s:%d)"):format(info.short_src, info.linedefined)
end

local function errorText(err, width)
  local rows = {}
  for _, field in ipairs(reference.classes["moonpool.Error"].fields) do
    local value = rawget(err, field.name)
    if value ~= nil and type(value) ~= "table" then rows[#rows + 1] = { field.name, tables.clean(value) } end
  end
  local meaning = ""
  for _, kind in ipairs(reference.lists["moonpool.ErrorKind"].values) do
    if kind.value == err.kind then meaning = ("%s: %s"):format(kind.value, kind.text) end
  end
  return joined(tables.clean(tostring(err)), wrapped(meaning, width, 0), listed(rows, width))
end

--- In lines of words.
local function filled(words, width)
  table.sort(words)
  local seen, unique = {}, {}
  for _, word in ipairs(words) do
    if not seen[word] then unique[#unique + 1] = tables.clean(word):gsub(" ", "\0") end
    seen[word] = true
  end
  return #unique > 0 and (wrapped(table.concat(unique, " "), width, 2):gsub("%z", " ")) or ""
end

local function valueText(value, width)
  if getmetatable(value) == core.errorMeta then return errorText(value, width) end
  local meta = getmetatable(value)
  local name = type(meta) == "table" and type(meta.__name) == "string" and meta.__name
    or type(value) == "userdata" and tostring(value):match "^moonpool%.%a+" or nil
  for class, methods in pairs(public.classes) do
    if rawequal(methods, value) then name = class end
  end
  local class = name and reference.classes[name]
  local own = class and #class.functions > 0 and "" or filled(complete.fieldsOf(value), width)
  return joined(name or type(value), class and classText(name, width) or "", own)
end

--- What is to be said of a value, or of a word.
---@param what any
---@param width integer? columns that there are
---@return string
function help.text(what, width)
  width = width or narrow
  if what == nil then return require("moonpool.repl.commands").help() end
  build()
  if type(what) == "string" then return wordText(what, width) end
  return type(what) == "function" and functionHelp(what, width) or valueText(what, width)
end

return help
