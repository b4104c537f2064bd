-- scope.lua: what a session works on: which clusters `client` is for, and what the prompt says of that. The prompt of this process
-- works on the program's contexts; one that is attached to a running program, on the managers that the program has made.
local alive = require "moonpool.alive"
local check = require "moonpool.check"
local program = require "moonpool.program"

local scope = {}

---@class moonpool.repl.Scope
---@field what string it chooses from: "context" or "cluster"
---@field label fun(self): string what calls go to, as the prompt says it
---@field namespace fun(self): string? of calls that name none, where one was chosen
---@field setNamespace fun(self, name: string?): true?, string?
---@field client fun(self): moonpool.KubernetesClient?, any
---@field clusterNames fun(self): string[]
---@field choices fun(self): string[]?, any what use() can choose from
---@field use fun(self, patterns: string[]): string[]?, any works on these from now on; returns them

-- ----------------------------------------------------------------------------------------------------------- the program's own
local own = { what = "context" }

function own:label() return program.label() end
function own:namespace() return program.namespace() end
function own:setNamespace(name)
  program.setNamespace(name)
  return true
end
function own:client() return program.client() end
function own:clusterNames() return program.clusterNames() end
function own:choices() return program.contexts() end
function own:use(patterns) return program.use(patterns) end

--- The contexts that the program's options, or :use, have selected.
---@type moonpool.repl.Scope
scope.own = own

-- ----------------------------------------------------------------------------------------------------------- a running program's
---@class moonpool.repl.ProgramScope: moonpool.repl.Scope
---@field name string of the program
---@field globals table
---@field patterns string[]?
---@field manager moonpool.ConnectionManager?
local Running = { what = "cluster" }
Running.__index = Running

---@param name string of the program
---@param globals table its names, besides _G
---@return moonpool.repl.Scope
function scope.ofProgram(name, globals) return setmetatable({ name = name, globals = globals }, Running) end

--- A manager's name: the global that it is in, or its number.
---@param entry moonpool.Alive
---@param globals table
---@return string
function scope.nameOf(entry, globals)
  if entry.name then return entry.name end
  for _, names in ipairs { globals, _G } do
    for _, name in ipairs(check.keys(names)) do
      if rawequal(rawget(names, name), entry.object) then return name end
    end
  end
  return "manager " .. entry.number
end

function Running:label()
  return self.name .. (self.patterns and " " .. table.concat(self.patterns, " ") or "")
end

function Running:namespace() end

function Running:setNamespace()
  return nil, "a running program's calls keep their namespaces: name it in the call, { namespace = ... }"
end

--- The manager that is meant.
function Running:chosen()
  if self.manager then return self.manager end
  local all = alive.managers()
  if #all == 1 then return all[1].object end
  if #all == 0 then return nil, "the program has no ConnectionManager" end
  local names = {}
  for i, entry in ipairs(all) do names[i] = scope.nameOf(entry, self.globals) end
  return nil, ("the program has %d managers: %s; `:use CLUSTER` chooses the one that has it"):format(#all, table.concat(names, ", "))
end

function Running:client()
  local pools = alive.pools()
  if #alive.managers() == 0 and #pools == 1 then return require("moonpool.client").over(pools[1].object) end
  local manager, problem = self:chosen()
  if not manager then return nil, problem end
  local names = manager:clusters(self.patterns)
  return manager:client(self.patterns or names and #names == 1 and names[1] or nil)
end

function Running:clusterNames()
  local names, seen = {}, {}
  for _, entry in ipairs(alive.managers()) do
    for _, name in ipairs(entry.object:clusters() or {}) do
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
  end
  return names
end
Running.choices = Running.clusterNames

function Running:use(patterns)
  local found, manager, several
  for _, entry in ipairs(alive.managers()) do
    local names, err = entry.object:clusters(patterns)
    if not names then return nil, err end
    if #names > 0 then
      several = manager ~= nil
      found, manager = names, entry.object
      if several then break end
    end
  end
  local text = table.concat(patterns, " ")
  if not manager then return nil, ("no cluster matches '%s'; there are: %s"):format(text, table.concat(self:clusterNames(), ", ")) end
  if several then return nil, ("several managers have clusters that match '%s': use manager:client(...)"):format(text) end
  self.manager, self.patterns = manager, patterns
  return found
end

return scope
