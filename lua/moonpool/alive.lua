-- alive.lua: the managers of this process, and its pools that are no manager's, for who looks at it from outside (moonpool.console).
-- Being listed here keeps nothing from being collected.
local alive = {}

---@class moonpool.Alive
---@field object table
---@field number integer in the order of making, from 1
---@field name string? what the program calls it, where it said so

local function newList() return { last = 0, entries = setmetatable({}, { __mode = "k" }) } end
local managers, pools = newList(), newList()
local watchers = {} ---@type table<fun(manager: moonpool.ConnectionManager), true>

local function add(list, object, isOver)
  list.last = list.last + 1
  list.entries[object] = { number = list.last, isOver = isOver }
end

local function all(list)
  local found = {}
  for object, entry in pairs(list.entries) do
    if not entry.isOver() then found[#found + 1] = { object = object, number = entry.number, name = entry.name } end
  end
  table.sort(found, function(a, b) return a.number < b.number end)
  return found
end

---@param manager moonpool.ConnectionManager
---@param isOver fun(): boolean whether it was disposed of
function alive.addManager(manager, isOver)
  add(managers, manager, isOver)
  for watcher in pairs(watchers) do watcher(manager) end
end

---@param pool moonpool.OpenPool
---@param isOver fun(): boolean
function alive.addPool(pool, isOver) add(pools, pool, isOver) end

--- What the program calls one of its managers.
---@param manager moonpool.ConnectionManager
---@param name string
function alive.name(manager, name) managers.entries[manager].name = name end

--- Those that were not disposed of, in the order of making.
---@return moonpool.Alive[]
function alive.managers() return all(managers) end

---@return moonpool.Alive[]
function alive.pools() return all(pools) end

--- Calls fn for every manager that is made from now on, until unwatch(fn).
---@param fn fun(manager: moonpool.ConnectionManager)
function alive.watch(fn) watchers[fn] = true end

---@param fn fun(manager: moonpool.ConnectionManager)
function alive.unwatch(fn) watchers[fn] = nil end

return alive
