-- arguments.lua: the command lines of subcommands and scripts: argparse, with the program's exit code for wrong usage.
local argparse = require "argparse"

local arguments = {}

--- A parser whose mistakes end the program with 2, and that knows --help.
---@param name string as it is called: "moonpool doctor"
---@param description string
---@param epilog string?
---@return table parser see argparse
function arguments.parser(name, description, epilog)
  local parser = argparse(name, description, epilog)
  function parser.error(_, message)
    io.stderr:write(("%s: %s\nTry '%s --help'.\n"):format(name, message, name))
    os.exit(2)
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

--- One of these words.
---@param words string[]
function arguments.convert.oneOf(words)
  return function(text)
    for _, word in ipairs(words) do
      if text == word then return text end
    end
    return nil, ("expected %s, got '%s'"):format(table.concat(words, ", "):gsub(", ([^,]+)$", " or %1"), text)
  end
end

return arguments
