-- program.lua: what the program's options and configuration (config.lua) mean to scripts: which contexts were selected, and the
-- global `clusters`, a ConnectionManager over them, which is made when it is first used.
local core = require "moonpool.core"
local config = require "moonpool.config"

local program = {}

local kubeConfig ---@type moonpool.KubeConfig? read once
local settings ---@type moonpool.Settings? nil: not the program
local strategy ---@type string|function|table|nil
local manager ---@type moonpool.ConnectionManager?
local patternsInUse = {} ---@type string[] what selected the clusters
local broken = {} ---@type { name: string, err: moonpool.Error }[] contexts that could not become clusters

local function loadKubeConfig()
  if kubeConfig then return kubeConfig end
  local fresh = core.KubeConfig()
  local ok, err = fresh:loadFromDefault()
  if not ok then return nil, err end
  kubeConfig = fresh
  return fresh
end

-- ---------------------------------------------------------------------------------------------------- --context

local function matching(selector, names)
  local found = {}
  for _, name in ipairs(names) do
    if selector:matches(name) then found[#found + 1] = name end
  end
  return found
end

--- The contexts that the patterns select. Each pattern has to select something (or is an exclusion): one that does not is a
--- mistake.
---@return string[]? names
---@return string? problem
local function select(patterns, names)
  local there = #names == 0 and "; the kubeconfig has no contexts" or "; there are: " .. table.concat(names, ", ")
  for _, pattern in ipairs(patterns) do
    local selector, err = core.selector(pattern)
    if not selector then return nil, err.message end
    if not pattern:find "^%^" and #matching(selector, names) == 0 then
      local near = core.nearest(pattern, names)
      return nil, ("no context matches '%s'%s%s"):format(pattern, near and ("; did you mean '%s'?"):format(near) or "", there)
    end
  end
  local found = matching(assert(core.selector(patterns)), names)
  if #found == 0 then return nil, ("'%s' leaves no context%s"):format(table.concat(patterns, "' '"), there) end
  return found
end

--- The names of all contexts there are.
---@return string[]?, moonpool.Error?
function program.contexts()
  local loaded, err = loadKubeConfig()
  if not loaded then return nil, err end
  local names = {}
  for index, context in ipairs(loaded:getContexts()) do names[index] = context.name end
  return names
end

--- The program's --context, all of them. A single context that they select is the default of whatever takes a context; where there
--- are several, whoever takes one has to name it.
---@param patterns string[]
---@param option string? who says so, for messages; default "--context"
---@return true?
---@return string? problem
function program.selectContexts(patterns, option)
  option = option or "--context"
  if #patterns == 0 then return true end
  local names, err = program.contexts()
  if not names then return nil, option .. ": " .. err.message end
  local selected, problem = select(patterns, names)
  if not selected then return nil, option .. ": " .. problem end
  core.selectedContexts, patternsInUse = selected, patterns
  if #selected == 1 then core.defaultContext = selected[1] end
  return true
end

-- ---------------------------------------------------------------------------------------------------- settings
local defaults = {}
for _, key in ipairs(config.keys) do defaults[key.name] = key.default end

--- What holds for a key of the configuration.
---@param name string see config.keys
---@return any
function program.setting(name)
  if settings and settings[name] ~= nil then return settings[name] end
  return defaults[name]
end

--- Who said so, for messages: "--strategy", "moonpool.yaml:3: strategy".
local function originOf(name) return settings and settings.origins[name] end

--- One that is named has to be there.
local function useKubeConfig()
  local path = config.kubeConfigPath(settings)
  if not path then return true end
  local file <close>, problem = io.open(path)
  if not file then
    return nil, ("%s: cannot read '%s': %s"):format(originOf "kubeconfig", path, (problem:gsub("^.*: ", "")))
  end
  core.defaultKubeConfigPath = path
  return true
end

local protected, allowed ---@type moonpool.core.Selector?, moonpool.core.Selector?
local allowedPatterns = {} ---@type string[]

--- From now on clusters that are made refuse writes if they are protected, but for those that these patterns, and those that were given
--- before, select.
---@param patterns string[]
---@return true?
---@return string? problem
function program.allowProtected(patterns)
  table.move(patterns, 1, #patterns, #allowedPatterns + 1, allowedPatterns)
  local err
  if #allowedPatterns > 0 then
    allowed, err = core.selector(allowedPatterns)
    if not allowed then return nil, "--allow-protected: " .. err.message end
  end
  local list = program.setting "protected"
  protected = list and #list > 0 and assert(core.selector(list)) or nil
  core.protect(protected, allowed)
  return true
end

--- Whether writes to a cluster of this name are refused.
---@param name string
---@return boolean
function program.isProtected(name)
  return protected ~= nil and protected:matches(name) and not (allowed and allowed:matches(name))
end

--- Begins with what the program was given (see core.givenOptions): reads the configuration.
---@param given table
---@return true?
---@return string? problem
function program.start(given)
  local needs = core.subcommand and require("moonpool.cli").needs[core.subcommand]
  if needs == "nothing" then -- but they log, too
    core.setLogLevel(given["log-level"] or defaults["log.level"])
    core.setLogFormat(given["log-format"] or defaults["log.format"])
    return true
  end
  local problem
  settings, problem = config.load(given)
  if not settings then return nil, problem end
  core.setLogLevel(program.setting "log.level")
  core.setLogFormat(program.setting "log.format")
  if program.setting "readOnly" then
    core.isReadOnly = true
    core.refuseWrites()
  end
  if needs == "settings" then return true end
  local ok
  ok, problem = useKubeConfig()
  if ok then ok, problem = program.allowProtected(given["allow-protected"] or {}) end
  if ok then ok, problem = program.selectContexts(settings.contexts or {}, originOf "contexts") end
  return ok, problem
end

--- What the clusters are called together: the pattern, or the one context.
---@return string
function program.label()
  if #patternsInUse > 0 then return table.concat(patternsInUse, " ") end
  local loaded = loadKubeConfig()
  return loaded and loaded:getCurrentContext() or "moonpool"
end

-- ---------------------------------------------------------------------------------------------------- --strategy

--- The strategy that was chosen: the name of one that there is by now, or of a module that returns or registers one.
---@return true?
---@return string? problem
function program.useStrategy()
  local name = settings and settings.strategy
  if not name then return true end
  local found, problem = require("moonpool.strategies").find(name)
  if not found then return nil, ("%s: %s"):format(originOf "strategy", problem) end
  strategy = found
  if manager then manager:setStrategy(found) end
  return true
end

-- ---------------------------------------------------------------------------------------------------- clusters

--- What cannot become a cluster (its certificate cannot be read, say) is told once and fails in every fan-out; the others work.
local function add(kubeconfig, name)
  local options = settings and config.clusterOptions(settings, name) or {}
  options.name, options.kubeConfig, options.context = name, kubeconfig, name
  local fine, ok, err = pcall(manager.addCluster, manager, options)
  if fine and ok then return end
  if not fine then err = core.newError { kind = "config", message = tostring(ok), cluster = name } end
  broken[#broken + 1] = { name = name, err = err }
  require("moonpool.log").warn("clusters: " .. tostring(err))
end

--- As the manager's own fan-out, which does not know those.
local function each(_, fn, options)
  local all = require("moonpool.manager").fanoutClusters(manager)
  return require("moonpool.fanout").each({
    names = function(selector)
      local names = all.names(selector)
      for _, one in ipairs(broken) do
        if not selector or selector:matches(one.name) then names[#names + 1] = one.name end
      end
      return names
    end,
    client = function(name)
      for _, one in ipairs(broken) do
        if one.name == name then return nil, one.err end
      end
      return all.client(name)
    end,
  }, fn, options)
end

local function open()
  if manager then return manager end
  local loaded, err = loadKubeConfig()
  if not loaded then error(err, 0) end
  local names = core.selectedContexts or { loaded:getCurrentContext() }
  if #loaded:getContexts() == 0 then
    local path, variable = core.defaultKubeConfigPath, os.getenv "KUBECONFIG"
    error(core.newError { kind = "config", message = ("there is no context to choose from in %s"):format(path
      or variable and ("$KUBECONFIG (%s)"):format(variable) or "~/.kube/config") }, 0)
  end
  if #names == 0 then
    error(core.newError { kind = "config", message = "the kubeconfig has no current context: choose with --context" }, 0)
  end
  manager = require("moonpool").ConnectionManager {
    loadBalancingStrategy = strategy,
    enableFailover = program.setting "enableFailover",
    failoverWrites = program.setting "failoverWrites",
    clusterHealthCheckInterval = program.setting "clusterHealthCheckInterval",
    -- Most scripts have one or two requests for each cluster.
    defaultPoolConfig = config.merged({ minConnections = 0 }, program.setting "pool"),
  }
  require("moonpool.alive").name(manager, "clusters")
  for _, name in ipairs(names) do add(loaded, name) end
  return manager
end

--- The names of the clusters that are chosen, opened or not.
---@return string[]
function program.clusterNames()
  if core.selectedContexts then return core.selectedContexts end
  local loaded = loadKubeConfig()
  return { loaded and loaded:getCurrentContext() or nil }
end

--- A client of the clusters.
---@return moonpool.KubernetesClient?, moonpool.Error?
function program.client()
  local names = open():clusters()
  return manager:client(#names == 1 and names[1] or nil)
end

--- From now on these contexts; clusters that are in use already stay as they are.
---@param patterns string[]
---@return string[]? names
---@return string? problem
function program.use(patterns)
  local all, err = program.contexts()
  if not all then return nil, tostring(err) end
  local names, problem = select(patterns, all)
  if not names then return nil, problem end
  core.selectedContexts, patternsInUse = names, patterns
  core.defaultContext = #names == 1 and names[1] or nil
  if not manager then return names end
  local wanted, there = {}, {}
  for _, name in ipairs(names) do wanted[name] = true end
  for name in pairs(manager:getStats()) do
    there[name] = true
    if not wanted[name] then core.spawn(manager.removeCluster, manager, name) end
  end
  broken = {}
  local loaded = loadKubeConfig()
  for _, name in ipairs(names) do
    if not there[name] then add(loaded, name) end
  end
  return names
end

-- A manager in all but its making: reading a field, which calling a method begins with, makes the real one.
local clusters = setmetatable({}, {
  __name = "moonpool.ConnectionManager",
  __names = function() return require("moonpool.check").keys(require("moonpool.manager").methods) end,
  __index = function(self, name)
    local field = open()[name]
    if name == "each" and #broken > 0 then field = each end
    if type(field) ~= "function" then return field end
    local function method(object, ...)
      if object == self then object = manager end
      return field(object, ...)
    end
    require("moonpool.public").standsFor[method] = field
    rawset(self, name, method)
    return method
  end,
  __tostring = function() return manager and tostring(manager) or "moonpool.ConnectionManager (not used yet)" end,
  __close = function() if manager then manager:dispose() end end,
})

program.clusters = clusters ---@type moonpool.ConnectionManager over what is selected; a C host makes it a global as well
if core.isProgram then rawset(_G, "clusters", clusters) end

-- ---------------------------------------------------------------------------------------------------- the namespace

local namespace ---@type string?

--- The namespace of calls that name none, in place of the contexts' own; nil: those again.
---@param name string?
function program.setNamespace(name)
  namespace = name
  require("moonpool.session").useNamespace(name)
end

---@return string?
function program.namespace() return namespace end

return program
