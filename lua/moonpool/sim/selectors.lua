-- selectors.lua: label and field selectors: text in, a function that accepts or refuses out. Errors are those of a real API server.

local status = require("moonpool.sim.status")

local selectors = {}

-- ---------------------------------------------------------------------------------------------------- labels

--- Splits a label selector into tokens: words and ( ) , ! = == != < >.
local function tokens(text)
  local list, position = {}, 1
  while true do
    position = text:find("%S", position)
    if not position then break end
    local token = text:match("^[=!]=", position) or text:match("^[%(%),!=<>]", position) or text:match("^[^%s%(%),!=<>]+", position)
    list[#list + 1] = token
    position = position + #token
  end
  return list
end

local function isWord(token) return token ~= nil and not token:find("^[%(%),!=<>]") end

local Parser = {}
Parser.__index = Parser

function Parser:peek() return self.tokens[self.position] end

function Parser:take()
  local token = self.tokens[self.position]
  self.position = self.position + 1
  return token
end

local function fail(message) error(status.badRequest(message), 0) end

local function expected(token, what)
  fail(("unable to parse requirement: found '%s', expected: %s"):format(token or "", what))
end

--- "(a, b)" as a set.
function Parser:valueSet()
  if self:peek() ~= "(" then fail(("unable to parse requirement: found '%s' expected: '('"):format(self:peek() or "")) end
  self:take()
  local set = {}
  if self:peek() == ")" then set[""] = true end
  while self:peek() ~= ")" do
    if isWord(self:peek()) then
      set[self:take()] = true
    elseif self:peek() == "," then
      set[""] = true
    else
      expected(self:peek(), "',', ')' or identifier")
    end
    if self:peek() == "," then
      self:take()
      if self:peek() == ")" then set[""] = true end
    elseif self:peek() ~= ")" then
      expected(self:peek(), "',' or ')'")
    end
  end
  self:take()
  return set
end

local function checkKey(key)
  local prefix, name = key:match("^(.*)/([^/]*)$")
  name = name or key
  if #name > 63 or not (name:find("^%w[%w%-_%.]*%w$") or name:find("^%w$")) or (prefix and not prefix:find("^[a-z0-9][a-z0-9%-%.]*$")) then
    fail(("unable to parse requirement: invalid label key \"%s\": name part must consist of alphanumeric characters, '-', '_' or '.', "
      .. "and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
      .. "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"):format(key))
  end
end

--- One requirement: a function of the labels.
function Parser:requirement()
  local absent = self:peek() == "!"
  if absent then self:take() end
  if not isWord(self:peek()) then expected(self:peek(), "identifier") end
  local key = self:take()
  checkKey(key)
  local operator = self:peek()
  if absent then
    return function(labels) return labels[key] == nil end
  elseif operator == nil or operator == "," then
    return function(labels) return labels[key] ~= nil end
  end
  self:take()
  if operator == "in" or operator == "notin" then
    local set = self:valueSet()
    if operator == "in" then
      return function(labels) return labels[key] ~= nil and set[labels[key]] == true end
    end
    return function(labels) return labels[key] == nil or not set[labels[key]] end
  end
  local value = ""
  if self:peek() ~= nil and self:peek() ~= "," then
    if not isWord(self:peek()) then expected(self:peek(), "identifier") end
    value = self:take()
  end
  if operator == "=" or operator == "==" then
    return function(labels) return labels[key] == value end
  elseif operator == "!=" then
    return function(labels) return labels[key] ~= value end
  elseif operator == "<" or operator == ">" then
    local limit = math.tointeger(tonumber(value))
    if not limit then fail("unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer") end
    return function(labels)
      local number = math.tointeger(tonumber(labels[key]))
      if not number then return false end
      if operator == "<" then return number < limit end
      return number > limit
    end
  end
  fail(("unable to parse requirement: found '%s', expected: '=', '!=', '==', 'in', notin'"):format(operator))
end

--- Parses a label selector. Raises a failure (400) when it is wrong.
---@param text string?
---@return fun(labels: table<string, string>): boolean|nil accepts nil for a selector that takes everything
function selectors.labels(text)
  if not text or text == "" then return nil end
  local parser = setmetatable({ tokens = tokens(text), position = 1 }, Parser)
  if #parser.tokens == 0 then return nil end
  local requirements = {}
  if not isWord(parser:peek()) and parser:peek() ~= "!" then
    fail(("found '%s', expected: !, identifier, or 'end of string'"):format(parser:peek()))
  end
  repeat
    requirements[#requirements + 1] = parser:requirement()
    local separator = parser:take()
    if separator == "," and not (isWord(parser:peek()) or parser:peek() == "!") then
      fail(("found '%s', expected: identifier after ','"):format(parser:peek() or ""))
    elseif separator and separator ~= "," then
      fail(("found '%s', expected: ',' or 'end of string'"):format(separator))
    end
  until not separator
  return function(labels)
    for _, accepts in ipairs(requirements) do
      if not accepts(labels) then return false end
    end
    return true
  end
end

-- ---------------------------------------------------------------------------------------------------- fields

--- Splits at commas that no backslash protects.
local function terms(text)
  local list, current, index = {}, "", 1
  while index <= #text do
    local char = text:sub(index, index)
    if char == "\\" then
      current, index = current .. text:sub(index, index + 1), index + 1
    elseif char == "," then
      list[#list + 1], current = current, ""
    else
      current = current .. char
    end
    index = index + 1
  end
  list[#list + 1] = current
  return list
end

--- Parses a field selector for a resource, whose `fields` say how to read what it knows. Raises a failure (400) when it is wrong.
---@param text string?
---@param resource moonpool.sim.Resource
---@return (fun(object: table): boolean)? accepts nil for a selector that takes everything
---@return string? name the only name that it accepts, if it names one
function selectors.fields(text, resource)
  if not text or text == "" then return nil end
  local requirements, onlyName = {}, nil
  for _, term in ipairs(terms(text)) do
    if term ~= "" then
      local field, operator, value = term:match("^([^=!]*)([!=]=)(.*)$")
      if not field then field, operator, value = term:match("^([^=!]*)(=)(.*)$") end
      if not field then fail(("invalid selector: '%s'; can't understand '%s'"):format(text, term)) end
      local read = resource.fields[field]
      if not read then
        fail(resource.fieldMessage and resource.fieldMessage:format(field) or "field label not supported: " .. field)
      end
      value = value:gsub("\\(.)", "%1")
      local wanted = operator ~= "!="
      if wanted and field == "metadata.name" then onlyName = value end
      requirements[#requirements + 1] = function(object) return (read(object) == value) == wanted end
    end
  end
  return function(object)
    for _, accepts in ipairs(requirements) do
      if not accepts(object) then return false end
    end
    return true
  end, onlyName
end

--- Both selectors of a query as one function of an object; nil when everything is accepted.
---@param query table<string, string>
---@param resource moonpool.sim.Resource
---@return (fun(object: table): boolean)? accepts
function selectors.fromQuery(query, resource)
  local byLabels = selectors.labels(query.labelSelector)
  local byFields = selectors.fields(query.fieldSelector, resource)
  local none = {}
  if byLabels and byFields then
    return function(object) return byLabels(object.metadata.labels or none) and byFields(object) end
  elseif byLabels then
    return function(object) return byLabels(object.metadata.labels or none) end
  end
  return byFields
end

return selectors
