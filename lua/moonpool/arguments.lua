-- arguments.lua: the command lines of subcommands and scripts: argparse, with the program's exit code for wrong usage.
local argparse = require "argparse"

local arguments = {}

local describing = false -- a command runs only to have its command line described

--- "--clusters" of "-c --clusters"; an argument's name.
local function titleOf(element)
  local longest = element._aliases and "" or element._name
  for _, alias in ipairs(element._aliases or {}) do
    if #alias > #longest then longest = alias end
  end
  return longest
end

--- "-c, --clusters PATTERN" for the help, in place of a line for each name.
local function labelOf(option)
  local names = table.concat(option._public_aliases, ", ")
  return { table.concat({ names, table.unpack(option:_get_argument_list()) }, " ") }
end

--- Lets what a converter says begin with whose value it is.
local function nameMistakes(elements)
  for _, element in ipairs(elements) do
    local convert = element._convert
    if type(convert) == "function" then
      element._convert = function(text)
        local value, problem = convert(text)
        if value == nil and problem then return nil, ("%s: %s"):format(titleOf(element), problem) end
        return value
      end
    end
  end
end

--- A parser whose mistakes end the program with 2, and that knows --help.
---@param name string as it is called: "moonpool doctor"
---@param description string
---@param epilog string?
---@return table parser see argparse
function arguments.parser(name, description, epilog)
  local parser = argparse(name, description, epilog):help_max_width(110):help_description_margin(28):usage_max_width(110)
  function parser.error(_, message)
    io.stderr:write(("%s: %s\nTry '%s --help'.\n"):format(name, message, name))
    os.exit(2)
  end
  local parse = parser.parse
  function parser.parse(self, given)
    if describing then error(self, 0) end
    nameMistakes(self._options)
    nameMistakes(self._arguments)
    for _, option in ipairs(self._options) do option._get_label_lines = labelOf end
    return parse(self, given)
  end
  return parser
end

--- Converters for options: a value, or nil and what is wrong with it.
arguments.convert = {}

--- An integer from `least` up.
---@param least integer
function arguments.convert.integer(least)
  return function(text)
    local number = math.tointeger(tonumber(text))
    if number and number >= least then return number end
    return nil, ("expected an integer of %d or more, got '%s'"):format(least, text)
  end
end

local UNITS = { ms = 1, s = 1000, m = 60000, h = 3600000, d = 86400000 }

--- A duration in ms from "500ms", "90s", "15m", "2h", "7d".
---@param text string
---@return integer?
---@return string? problem
function arguments.convert.duration(text)
  local number, unit = text:match "^(%d+%.?%d*)(%a+)$"
  if not number or not UNITS[unit] then return nil, ("expected a duration such as 90s, 15m, 2h or 7d, got '%s'"):format(text) end
  return math.floor(tonumber(number) * UNITS[unit])
end

local wordsOf = setmetatable({}, { __mode = "k" }) ---@type table<function, string[]>

--- One of these words.
---@param words string[]
function arguments.convert.oneOf(words)
  local function convert(text)
    for _, word in ipairs(words) do
      if text == word then return text end
    end
    return nil, ("expected %s, got '%s'"):format(table.concat(words, ", "):gsub(", ([^,]+)$", " or %1"), text)
  end
  wordsOf[convert] = words
  return convert
end

-- ---------------------------------------------------------------------------------------------------- what there is to say

-- What values are, for completion, by what they are called: the same everywhere.
local KINDS = { FILE = "file", PATH = "file", PATTERN = "context" }

---@class moonpool.CommandLine  what can be said to a command; see moonpool.core.Option
---@field text string
---@field epilog string? lines that are indented are to stay so
---@field usage string? how it is called, where options and positionals do not say that: "[options] [-- COMMAND]"
---@field options moonpool.core.Option[]
---@field positionals { argument: string, text: string, kind: string?, words: string[]?, repeats: boolean, optional: boolean }[]

local function describeOption(option)
  local one = { repeats = option._maxcount > 1, text = option._description, words = wordsOf[option._convert] }
  for _, alias in ipairs(option._public_aliases) do
    if alias:find "^%-%-" then one.name = alias:sub(3) else one.letter = alias:sub(2) end
  end
  if option._maxargs > 0 then
    one.argument = option._argname or (one.name or one.letter):upper()
    one.kind = KINDS[one.argument]
    local default = tostring(option._default or option._init or "")
    one.default = default ~= "" and type(option._init) ~= "table" and default or nil
  end
  return one
end

local function describePositional(argument)
  local name = argument._argname or argument._name
  return { argument = name, text = argument._description, kind = KINDS[name], words = wordsOf[argument._convert],
    repeats = argument._maxargs > 1, optional = argument._minargs == 0 }
end

--- What can be said to a command. It is run as far as to where it reads its command line, which has to be the first that it does.
---@param command fun()
---@return moonpool.CommandLine
function arguments.describe(command)
  describing = true
  local _, parser = pcall(command)
  describing = false
  assert(type(parser) == "table" and parser._options, "the command did not read its command line")
  local usage = parser._usage and parser._usage:gsub("^Usage: " .. parser._name:gsub("%p", "%%%0") .. " *", "")
  local line = { text = parser._description, epilog = parser._epilog, usage = usage, options = {}, positionals = {} }
  for index, option in ipairs(parser._options) do line.options[index] = describeOption(option) end
  for index, argument in ipairs(parser._arguments) do line.positionals[index] = describePositional(argument) end
  return line
end

return arguments
