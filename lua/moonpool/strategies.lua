-- strategies.lua: which cluster a manager chooses: the strategies that are built in, by name, and those of scripts: a function, or a
-- table with select and, optionally, onResult and onClusterChange; given as they are, or registered under a name.
local check = require "moonpool.check"
local public = require "moonpool.public"

--- Strategies to choose by name.
---@class moonpool.strategies
local strategies = {}
public.classes["moonpool.strategies"] = strategies

--- What a strategy chooses among. The same tables come for every selection; what a strategy changes in them is undone before the next.
---@class moonpool.Candidate
---@field name string
---@field weight number
---@field labels table<string, string> read only
---@field zone string? nil: none was given
---@field priority integer lower numbers first
---@field inUse integer connections that are leased or carry a call
---@field idle integer connections
---@field waiting integer callers that wait for a connection
---@field inFlight integer leases and calls, those that wait included
---@field latency number ms until an answer begins (peak EWMA); 0: not known
---@field failures integer requests in a row that failed
---@field endpoints integer API servers that can be used now

---@class moonpool.StrategyRequest  What it chooses for.
---@field kind string "lease", "read", "write", "watch"
---@field method string? nil for a lease
---@field path string?
---@field key string? as the script gave it
---@field cluster string? the preferred cluster, which cannot be used now

---@class moonpool.StrategyOutcome
---@field ok boolean
---@field err moonpool.Error?
---@field duration number ms
---@field method string
---@field path string with its query

--- Healthy, enabled candidates only, in the order in which they were added. `select` returns one of them, its name, or nil: then
--- round-robin chooses. It has 10 ms of the processor and cannot wait.
---@class moonpool.Strategy
---@field select fun(self: any, clusters: moonpool.Candidate[], request: moonpool.StrategyRequest): moonpool.Candidate|string|nil
---@field onResult fun(self: moonpool.Strategy, cluster: string, outcome: moonpool.StrategyOutcome)? after each call
---@field onClusterChange fun(self: moonpool.Strategy, cluster: string, change: string)? "added", "removed", "healthy", "unhealthy"

--- The strategies that are built in.
---@class moonpool.LoadBalancingStrategy
---@field ROUND_ROBIN string in sequence, evenly; weights are ignored
---@field LEAST_CONNECTIONS string the fewest leases and calls under way; ties in turn
---@field WEIGHTED string by weight, smoothly interleaved
---@field RANDOM string
---@field PEAK_EWMA string the lowest latency of late, by what is under way there
---@field RENDEZVOUS string the same cluster for the same key
---@field PRIORITY string the lowest priority number; ties in turn
local members = { ROUND_ROBIN = "round-robin", LEAST_CONNECTIONS = "least-connections", WEIGHTED = "weighted", RANDOM = "random",
  PEAK_EWMA = "peak-ewma", RENDEZVOUS = "rendezvous", PRIORITY = "priority" }

strategies.LoadBalancingStrategy = setmetatable({}, {
  __name = "moonpool.LoadBalancingStrategy",
  __index = function(_, name)
    return members[name] or check.misuse('LoadBalancingStrategy has no member "%s"%s', tostring(name),
      check.hint(tostring(name), check.keys(members)))
  end,
  __newindex = function(_, name)
    check.misuse('LoadBalancingStrategy: the member "%s" cannot be set; see moonpool.strategies.register', tostring(name))
  end,
  __pairs = function() return next, members, nil end,
})

local builtin = {} ---@type table<string, boolean>
for _, name in pairs(members) do builtin[name] = true end

local registered = {} ---@type table<string, moonpool.Strategy|function>

local hooks = { "select", "onResult", "onClusterChange" }

local function checkStrategy(where, strategy)
  if type(strategy) == "function" then return end
  if type(strategy) ~= "table" then
    check.misuse("%s: expected a function, or a table with the function select, got %s", where, check.describe(strategy))
  end
  for _, hook in ipairs(hooks) do
    local value = strategy[hook]
    if type(value) ~= "function" and (value ~= nil or hook == "select") then
      check.misuse("%s: %s: expected a function, got %s", where, hook, check.describe(value))
    end
  end
end

--- Makes a strategy usable by name. A second one of that name replaces the first, for managers that choose it from then on.
---@param name string
---@param strategy moonpool.Strategy|fun(clusters: moonpool.Candidate[], request: moonpool.StrategyRequest): moonpool.Candidate|string|nil
function strategies.register(name, strategy)
  check.value("strategies.register: argument 1 (name)", name, "string")
  if builtin[name] then check.misuse('strategies.register: "%s" is built in; choose another name', name) end
  checkStrategy("strategies.register: argument 2 (strategy)", strategy)
  registered[name] = strategy
end

--- The names that can be given instead of a strategy, sorted.
---@return string[]
function strategies.names()
  local names = check.keys(registered)
  for name in pairs(builtin) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- What a script means by a strategy, for a manager to use.
---@class moonpool.ChosenStrategy
---@field name string how messages call it
---@field builtin boolean
---@field select function?
---@field own table? the first argument of its functions
---@field onResult function?
---@field onClusterChange function?

---@private
---@param where string
---@param strategy any
---@return moonpool.ChosenStrategy
function strategies.choose(where, strategy)
  local name = type(strategy) == "string" and strategy or nil
  if name then
    if builtin[name] then return { name = name, builtin = true } end
    strategy = registered[name]
    if not strategy then
      check.misuse('%s: there is no strategy "%s"%s', where, name, check.hint(name, strategies.names()))
    end
  end
  checkStrategy(where, strategy)
  local fn = type(strategy) == "function" and strategy or strategy.select
  local info = debug.getinfo(fn, "S")
  local chosen = { builtin = false, select = fn, name = name and ('"%s"'):format(name)
    or info.what == "C" and "(a C function)" or ("(%s:%d)"):format(info.short_src, info.linedefined) }
  if strategy ~= fn then
    chosen.own, chosen.onResult, chosen.onClusterChange = strategy, strategy.onResult, strategy.onClusterChange
  end
  return chosen
end

--- The strategy that a name stands for: one that is built in or registered, else what a module of that name returns (a function, a
--- table), or registers under its own name. For the program's --strategy.
---@private
---@param name string
---@return string|moonpool.Strategy|function?
---@return string? problem
function strategies.find(name)
  if builtin[name] or registered[name] then return name end
  local ok, result = pcall(require, name)
  if not ok then
    local missing = tostring(result):find(("module '%s' not found"):format(name), 1, true)
    if missing then
      return nil, ('there is no strategy "%s", and no module of that name%s'):format(name, check.hint(name, strategies.names()))
    end
    return nil, (tostring(result):gsub("%s*\n%s*", " ")) -- it names the module
  end
  if type(result) == "function" or (type(result) == "table" and type(result.select) == "function") then return result end
  if registered[name] then return name end
  return nil, ("the module %s is no strategy: it returns %s, and registers none under that name"):format(name,
    type(result) == "table" and "a table without the function select" or check.describe(result))
end

return strategies
