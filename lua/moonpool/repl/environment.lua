-- environment.lua: what the names of a session's statements mean. Its own (`_`, `_1` ... `_9`, `client`) are not those of other
-- sessions; everything else is the program's: what a statement assigns is a global of the program.
local check = require "moonpool.check"

local environment = {}

local remembered = 9 -- results before the last one: _1 to _9

local isOwn = { _ = true, client = true }
for i = 1, remembered do isOwn["_" .. i] = true end

---@class moonpool.repl.Names
---@field own table<string, any> the session's, before everything else
---@field globals table<string, any> further ones that the program shows
---@field lazy table<string, fun(): any> what is made when it is first used, where there is nothing else of the name

local function lookUp(names, name)
  local value = names.own[name]
  if value == nil then value = names.globals[name] end
  if value == nil then value = _G[name] end
  if value == nil and names.lazy[name] then
    value = names.lazy[name]()
    names.own[name] = value
  end
  return value
end

local function assign(names, name, value)
  if names.own[name] ~= nil or isOwn[name] and rawget(_G, name) == nil then names.own[name] = value
  elseif names.globals[name] ~= nil then names.globals[name] = value
  else _G[name] = value end
end

---@param names moonpool.repl.Names
---@return table environment of chunks
function environment.new(names)
  return setmetatable({}, {
    __index = function(_, name) return lookUp(names, name) end,
    __newindex = function(_, name, value) assign(names, name, value) end,
    __names = function()
      local all = {}
      for _, some in ipairs { names.own, names.globals, names.lazy, _G } do
        for _, name in ipairs(check.keys(some)) do
          if not name:find "^__" then all[#all + 1] = name end
        end
      end
      return all
    end,
  })
end

--- The last result becomes `_`, and the one before it `_1`.
---@param names moonpool.repl.Names
---@param value any
function environment.remember(names, value)
  local own = names.own
  for i = remembered, 2, -1 do own["_" .. i] = own["_" .. (i - 1)] end
  own._1 = own._
  own._ = value
end

return environment
