-- annotations.lua: reads the LuaLS annotations (`---` comments) of Lua files: classes with their fields and functions, aliases with
-- their values, and functions by the name under which they are declared. For reference.lua.
--
-- A block of `---` lines belongs to what follows it. Text before the first tag is about the whole; text after a tag is about that
-- tag, also when it goes on in the next line. Functions belong to the class that the variable was annotated with which they are
-- fields of. What is marked @private is left out.

local annotations = {}

---@class Annotated.Function
---@field name string
---@field separator string "." or ":"
---@field arguments string[] as declared, "..." included
---@field text string
---@field parameters table<string, { type: string, text: string }>
---@field returns { type: string, name: string?, text: string }[]
---@field place string file and line

---@class Annotated.Field
---@field name string
---@field type string
---@field text string
---@field expression string? what the field is set to, in a constructor

---@class Annotated.Class
---@field name string
---@field parents string[]
---@field text string
---@field fields Annotated.Field[]
---@field functions Annotated.Function[]

local closing = { ["("] = ")", ["{"] = "}", ["<"] = ">" }

--- Where the bracket that opens at `from` is closed.
local function closed(text, from)
  local open = text:sub(from, from)
  local depth = 0
  for position = from, #text do
    local char = text:sub(position, position)
    if char == open then depth = depth + 1 elseif char == closing[open] then depth = depth - 1 end
    if depth == 0 then return position end
  end
  error(("unbalanced %s in %q"):format(open, text))
end

--- Reads a type at the beginning of a text; returns it and the rest.
---@param text string
---@return string type
---@return string rest
local function readType(text)
  local at = 1
  local function part()
    local char = text:sub(at, at)
    if char == "(" or char == "{" then
      at = closed(text, at) + 1
    elseif char == '"' then
      at = text:find('"', at + 1, true) + 1
    else
      local _, last = text:find("^[%w_%.%*%-]+", at)
      at = (last or error(("no type in %q"):format(text))) + 1
      local isFunction = text:sub(1, at - 1):find "fun$"
      if text:find("^[%(<]", at) and (isFunction or text:sub(at, at) == "<") then at = closed(text, at) + 1 end
      if isFunction and text:find("^: ", at) then
        at = at + 2
        part()
        while text:find("^, ", at) do
          at = at + 2
          part()
        end
      end
    end
    while true do -- what may follow
      local _, last = text:find("^%[%]", at)
      if not last then _, last = text:find("^%?", at) end
      if not last then break end
      at = last + 1
    end
    if text:sub(at, at) == "|" then
      at = at + 1
      part()
    end
  end
  part()
  return text:sub(1, at - 1), text:sub(at)
end

local function joined(text, more)
  if text == "" then return more end
  return text .. (text:find "\n$" and "" or " ") .. more
end

--- Lines of text as paragraphs: lines of one are joined, code between fences is kept.
local function paragraphs(lines)
  local out, fenced, current = {}, false, ""
  local function flush()
    if current ~= "" then out[#out + 1] = current end
    current = ""
  end
  for _, line in ipairs(lines) do
    if line:find "^```" then
      if not fenced then flush() end
      fenced = not fenced
      current = fenced and line or current .. "\n" .. line
      if not fenced then flush() end
    elseif fenced then
      current = current .. "\n" .. line
    elseif line == "" then
      flush()
    else
      current = joined(current, line)
    end
  end
  flush()
  return table.concat(out, "\n\n")
end

local tags = {}

function tags.class(block, rest)
  local name, more = rest:match "^([%w_%.]+)(.*)$"
  local parents, text = {}, more
  if more:find "^: " then
    local list
    list, text = more:match "^: (.-)  (.*)$"
    list = list or more:sub(3)
    text = text or ""
    if list:find "^{" then parents[1] = list
    else
      for parent in list:gmatch "[%w_%.]+" do parents[#parents + 1] = parent end
    end
  end
  block.class = { name = name, parents = parents, fields = {}, functions = {}, lines = { (text:gsub("^%s+", "")) } }
  return function(line) table.insert(block.class.lines, line) end
end

function tags.field(block, rest)
  local private, name, more = rest:match "^(private )", rest:gsub("^private ", ""):match "^(%S+)%s+(.*)$"
  local kind, text = readType(more)
  local field = { name = name, type = kind, text = (text:gsub("^%s+", "")) }
  if not private then table.insert(block.class.fields, field) end
  return function(line) field.text = joined(field.text, line) end
end

function tags.param(block, rest)
  local name, optional, more = rest:match "^([%w_%.]+)(%??)%s+(.*)$"
  local kind, text = readType(more)
  local parameter = { type = kind .. optional, text = (text:gsub("^%s+", "")) }
  block.parameters[name] = parameter
  return function(line) parameter.text = joined(parameter.text, line) end
end

tags["return"] = function(block, rest)
  local last
  repeat
    local kind, more = readType(rest)
    local name, text = more:match "^ ([%w_%.]+)%s*(.*)$"
    if more:find "^ # " then name, text = nil, more:sub(4) end
    last = { type = kind, name = name, text = text or "" }
    table.insert(block.returns, last)
    rest = name and text or more
    local another = rest:match "^, (.*)$"
    if another then last.text, rest = "", another end
  until not another
  return function(line) last.text = joined(last.text, line) end
end

function tags.alias(block, rest)
  local name, more = rest:match "^([%w_%.]+)%s*(.*)$"
  block.alias = { name = name, type = more ~= "" and more or nil, values = {} }
  return function() end
end

tags["|"] = function(block, rest)
  local value, text = rest:match '^"([^"]*)"%s*#?%s*(.*)$'
  local entry = { value = value, text = text }
  table.insert(block.alias.values, entry)
  return function(line) entry.text = joined(entry.text, line) end
end

function tags.private(block)
  block.private = true
  return function() end
end
tags.package = tags.private

local function newBlock() return { lines = {}, parameters = {}, returns = {} } end

--- Reads the lines of a block.
local function readBlock(lines, place)
  local block = newBlock()
  local continue
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^@(%a+)%s*(.*)$"
    if not tag and line:find "^| " then tag, rest = "|", line:sub(3) end
    if tag and tags[tag] then
      local ok, result = pcall(tags[tag], block, rest)
      if not ok then error(("%s: @%s %s: %s"):format(place, tag, rest, result), 0) end
      continue = result
    elseif not tag then
      local text = line:gsub("^%s", ""):gsub("%s+$", "")
      if continue then continue((text:gsub("^%s+", ""))) else table.insert(block.lines, text) end
    end
  end
  return block
end

---@class Annotated
---@field classes table<string, Annotated.Class>
---@field aliases table<string, { name: string, type: string?, text: string, values: { value: string, text: string }[] }>
---@field private table<string, string[]> functions of a class that are marked so
---@field functions table<string, Annotated.Function> by the name under which they are declared: "concurrency.map"

local function addClass(found, class, text)
  local known = found.classes[class.name]
  local all = { text }
  for _, line in ipairs(class.lines) do all[#all + 1] = line end
  class.text, class.lines = paragraphs(all), nil
  if not known then
    found.classes[class.name] = class
    return class
  end
  known.text = known.text ~= "" and known.text or class.text
  for _, field in ipairs(class.fields) do table.insert(known.fields, field) end
  return known
end

local function readFunction(block, line, place)
  local name, arguments = line:match "^function ([%w_%.:]+)(%b())"
  if not name then return nil end
  local owner, separator, own = name:match "^(.*)([%.:])([%w_]+)$"
  if not owner then return nil end
  local list = {}
  for argument in arguments:sub(2, -2):gmatch "[%w_%.]+" do list[#list + 1] = argument end
  return { name = own, owner = owner, separator = separator, arguments = list, text = paragraphs(block.lines), place = place,
    parameters = block.parameters, returns = block.returns }
end

local function readFile(found, path)
  local variables = {} -- of this file: the class of each
  local pending, constructor, number = nil, nil, 0
  local function take(block, line)
    local place = ("%s:%d"):format(path, number)
    if block.alias then
      block.alias.text = paragraphs(block.lines)
      found.aliases[block.alias.name] = block.alias
      return
    end
    if block.class then
      local class = addClass(found, block.class, paragraphs(block.lines))
      local variable = line:match "^local ([%w_]+) =" or line:match "^([%w_%.]+) ="
      if variable then variables[variable] = class end
      constructor = line:find "= {$" and class or nil
      return
    end
    local fn = readFunction(block, line, place)
    local class = fn and (variables[fn.owner] or found.variables[fn.owner])
    if fn and block.private then
      if class then
        found.private[class.name] = found.private[class.name] or {}
        table.insert(found.private[class.name], fn.name)
      end
      return
    end
    if fn then
      if class then table.insert(class.functions, fn) end
      found.functions[fn.owner .. fn.separator .. fn.name] = fn
      return
    end
    if not constructor then
      local variable, value = line:match "^([%w_]+%.[%w_]+) = ([%w_]+)$"
      if variable and variables[value] then found.variables[variable] = variables[value] end
      return
    end
    local name, expression = line:match "^  ([%a_][%w_]*) = (.*)$"
    if not name then return end
    local type = expression:match "%-%-%-@type (.*)$"
    expression = expression:gsub("%s*%-%-.*$", ""):gsub(",$", "")
    table.insert(constructor.fields, { name = name, type = type, text = paragraphs(block.lines), expression = expression })
  end
  for line in io.lines(path) do
    number = number + 1
    local comment = line:match "^%s*%-%-%-(.*)$"
    if comment and not comment:find "^%-" then
      pending = pending or {}
      table.insert(pending, comment)
    else
      local block = pending and readBlock(pending, ("%s:%d"):format(path, number)) or newBlock()
      pending = nil
      take(block, line)
      if line:find "^}" then constructor = nil end
    end
  end
end

--- Reads files. Those that hold the names of others' methods ("core.connectionMethods") come first.
---@param paths string[]
---@return Annotated
function annotations.read(paths)
  local found = { classes = {}, aliases = {}, functions = {}, variables = {}, private = {} }
  for _, path in ipairs(paths) do readFile(found, path) end
  return found
end

return annotations
