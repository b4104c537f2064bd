-- config.lua: what the program moonpool is told beside its command line: moonpool.yaml, and the environment. One table describes every
-- key; reading, checking, merging, the reference and the man page go by it:
--
--   config.keys       moonpool.ConfigKey[]: every key of the file, in the order to tell of them. A key within another one is named with a
--                     dot ("log.level"); "clusters.*.weight" is a key of each entry of `clusters`
--   config.variables  { name, text }[]: further variables of the environment, which stand for no key
--
-- Where a value is given several times, the option goes before the variable, the variable before the file, and the file before the
-- default. What is wrong is told with its place: `moonpool.yaml:3: unknown key "protectd"; did you mean "protected"?`.
local core = require "moonpool.core"
local check = require "moonpool.check"

local config = {}

local mostBytes = 4 << 20
local arrayMeta = getmetatable(core.json.array {})

---@class moonpool.ConfigKey
---@field name string
---@field type string one of those below, such as "patterns"
---@field means string what its value is, for people: "a list of patterns"
---@field text string what it is for
---@field default any what holds where nothing is said; nil: the text says it, or there is none
---@field values string[]? all that it may be
---@field variable string? of the environment
---@field option string? of the program, without "--"

local levels = { "debug", "info", "warn", "error", "off" }
local formats = { "table", "json", "yaml", "name" }

---@type moonpool.ConfigKey[]
config.keys = {
  { name = "kubeconfig", type = "path", option = "kubeconfig",
    text = "The kubeconfig to use where $KUBECONFIG is not set. A path that is not absolute begins at the folder of moonpool.yaml; ~/ is "
      .. "the home folder. Default: as kubectl, ~/.kube/config" },
  { name = "contexts", type = "patterns", option = "context", variable = "MOONPOOL_CONTEXT",
    text = "The contexts to work on. Default: the current one. In the variable they are separated by commas" },
  { name = "groups", type = "groups",
    text = 'Names for patterns. "@eu" stands for them wherever patterns are taken: in --context, :use, clusters:each, --clusters of the '
      .. 'shipped scripts, and in other keys; "^@eu" is all others' },
  { name = "clusters", type = "clusters",
    text = "How `clusters` has its clusters, by patterns of their contexts. Where several fit, later ones go before earlier ones, and one "
      .. "that is the context's very name before all; labels and pool options add up" },
  { name = "clusters.*.labels", type = "labels",
    text = "Labels, to select by (labels = \"env=prod\", --labels) and for strategies" },
  { name = "clusters.*.weight", type = "weight", default = core.defaults.cluster.weight,
    text = "Its share, under the strategy weighted and some others; 0: only while nothing else is left" },
  { name = "clusters.*.zone", type = "text", text = "For strategies" },
  { name = "clusters.*.priority", type = "integer", default = core.defaults.cluster.priority,
    text = "For the strategy priority: lower numbers first" },
  { name = "clusters.*.endpoints", type = "urls",
    text = "URLs of its API servers. Default: the kubeconfig's server" },
  { name = "clusters.*.resolveEndpoints", type = "boolean", default = core.defaults.cluster.resolveEndpoints,
    text = "Every address of a server's name is an API server of its own" },
  { name = "clusters.*.pool", type = "pool", text = "Options of its pool, over those of the key pool" },
  { name = "protected", type = "patterns",
    text = "Contexts in which nothing is changed by accident. At the prompt, a write to one of them asks for its name; elsewhere it fails "
      .. "with the kind forbidden, unless the program runs with --allow-protected. Dry runs are no writes" },
  { name = "strategy", type = "text", default = "round-robin", option = "strategy", variable = "MOONPOOL_STRATEGY",
    text = "How `clusters` balances: the name of a strategy, or of a module that returns or registers one" },
  { name = "enableFailover", type = "boolean", default = core.defaults.manager.enableFailover,
    text = "Leases and reads through `clusters` go to another cluster when theirs fails" },
  { name = "failoverWrites", type = "boolean", default = core.defaults.manager.failoverWrites,
    text = "Writes do so too, where that is safe" },
  { name = "clusterHealthCheckInterval", type = "milliseconds", default = core.defaults.manager.clusterHealthCheckInterval,
    text = "Time between probes of a healthy cluster of `clusters`; 0: only clusters whose requests fail are probed" },
  { name = "pool", type = "pool",
    text = "Options of the pools of `clusters`, named as in a script. Default: those of a pool, but minConnections is 0" },
  { name = "output", type = "word", values = formats, default = "table", option = "output", variable = "MOONPOOL_OUTPUT",
    text = "What the prompt and the shipped scripts write" },
  { name = "readOnly", type = "boolean", default = false, option = "read-only", variable = "MOONPOOL_READ_ONLY",
    text = "Calls that would change something in a cluster fail, whatever makes them. Dry runs are no such calls" },
  { name = "confirm", type = "boolean", default = true,
    text = "At the prompt, writes to several clusters ask first (:set confirm)" },
  { name = "history", type = "boolean", default = true,
    text = "The prompt keeps what is typed, for the next one" },
  { name = "log.level", type = "word", values = levels, default = "warn", option = "log-level", variable = "MOONPOOL_LOG_LEVEL",
    text = "From which level on lines are logged" },
  { name = "log.format", type = "word", values = { "text", "json" }, default = "text", option = "log-format",
    variable = "MOONPOOL_LOG_FORMAT", text = "How: for people, or a JSON object a line" },
}

config.variables = {
  { name = "MOONPOOL_CONFIG", text = "The file to read in place of moonpool.yaml in $XDG_CONFIG_HOME/moonpool or ~/.config/moonpool. It "
    .. "must be there; /dev/null is none" },
  { name = "KUBECONFIG", text = "Kubeconfigs, separated by colons, as for kubectl" },
  { name = "MOONPOOL_EXEC_TIMEOUT", text = "How long a credential plugin may take, in ms. Default: 60000" },
  { name = "MOONPOOL_IO_THREADS", text = "How many threads run connections. Default: 1" },
  { name = "HTTPS_PROXY, HTTP_PROXY, NO_PROXY", text = "As for kubectl, also in lower case" },
  { name = "XDG_STATE_HOME", text = "The prompt's history is in $XDG_STATE_HOME/moonpool. Default: ~/.local/state" },
  { name = "PAGER", text = "What the prompt shows long results with. Default: less" },
}

-- ---------------------------------------------------------------------------------------------------- where, and what is wrong
---@class moonpool.ConfigSource  Something that gives values.
---@field name string the file, or the variable
---@field lines table<table, table<string|integer, integer>> of a file: see yaml.decodeWithLines

--- Where a value stands: in a table of the source (nil: it is all there is), under a key.
---@class moonpool.ConfigPlace
---@field source moonpool.ConfigSource
---@field line integer? nil: of no file
---@field name string of the key, for messages

local Wrong = {} -- what is raised, and caught at the door

--- Ends the reading: "moonpool.yaml:7: contexts: expected ...".
local function wrong(at, text, ...)
  local place = at.line and ("%s:%d"):format(at.source.name, at.line) or at.source.name
  local name = at.name and at.line and at.name .. ": " or ""
  error(setmetatable({ ("%s: %s%s"):format(place, name, text:format(...)) }, Wrong), 0)
end

local function expected(at, what, value)
  local got = type(value) == "table" and (getmetatable(value) == arrayMeta and "a list" or "an object") or value == core.null and "nothing"
    or type(value) == "string" and ('"%s"'):format(value) or check.describe(value)
  wrong(at, "expected %s, got %s", what, got)
end

--- The place of a member; `name` is what messages call it.
local function within(at, holder, key, name)
  local lines = at.source.lines[holder]
  return { source = at.source, line = lines and lines[key] or at.line, name = name }
end

-- ---------------------------------------------------------------------------------------------------- kinds of values
local kinds = {} ---@type table<string, { means: string, read: fun(value: any, at: moonpool.ConfigPlace, key: moonpool.ConfigKey): any }>

local function isObject(value) return type(value) == "table" and getmetatable(value) ~= arrayMeta end

--- A kind that a test is enough for.
local function plain(name, means, test)
  kinds[name] = { means = means, read = function(value, at)
    if not test(value) then expected(at, means, value) end
    return value
  end }
end

plain("boolean", "true or false", function(value) return type(value) == "boolean" end)
plain("integer", "a whole number", function(value) return math.type(value) == "integer" end)
plain("milliseconds", "milliseconds, a whole number of 0 or more", function(value) return math.type(value) == "integer" and value >= 0 end)
plain("weight", "a number of 0 or more", function(value) return type(value) == "number" and value >= 0 and value < math.huge end)
plain("text", "a text", function(value) return type(value) == "string" and value ~= "" end)

kinds.word = { means = "one of its words", read = function(value, at, key)
  for _, word in ipairs(key.values) do
    if value == word then return value end
  end
  local near = type(value) == "string" and core.nearest(value, key.values)
  expected(at, table.concat(key.values, ", ") .. (near and (' (did you mean "%s"?)'):format(near) or ""), value)
end }

kinds.path = { means = "a path", read = function(value, at)
  if type(value) ~= "string" or value == "" then expected(at, "a path", value) end
  local home = os.getenv "HOME"
  if value:find "^~/" and home then return home .. value:sub(2) end
  local folder = at.source.name:match "^(.*/)[^/]*$"
  return not value:find "^/" and folder and folder .. value or value
end }

--- Raises for a text that is no pattern.
local function checkPattern(value, at)
  if type(value) ~= "string" then expected(at, "a pattern", value) end
  local selector, err = core.selector(value)
  if not selector then wrong(at, "%s", err.message) end
end

local function readList(value, at, means, checkOne)
  if type(value) == "string" then value = { value }
  elseif type(value) ~= "table" or isObject(value) and next(value) then expected(at, means, value) end
  for index, one in ipairs(value) do checkOne(one, within(at, value, index, at.name)) end
  return value
end

kinds.patterns = { means = "a pattern, or a list of patterns", read = function(value, at)
  return readList(value, at, kinds.patterns.means, checkPattern)
end }

kinds.urls = { means = "a list of URLs", read = function(value, at)
  return readList(value, at, kinds.urls.means, function(one, where)
    if type(one) ~= "string" or not one:find "^https?://[^/]" then expected(where, 'a URL such as "https://10.0.0.1:6443"', one) end
  end)
end }

kinds.labels = { means = "an object of labels", read = function(value, at)
  if not isObject(value) then expected(at, kinds.labels.means, value) end
  for key, one in pairs(value) do
    local where = within(at, value, key, ("%s: %s"):format(at.name, key))
    if type(one) == "number" or type(one) == "boolean" then
      wrong(where, 'a label is a text: write "%s", in quotes', tostring(one))
    elseif type(one) ~= "string" or one == "" then
      expected(where, "a text", one)
    end
  end
  return value
end }

--- What the core says of pool options: one of a wrong type, or two that contradict each other.
local function checkPool(options, at)
  local ok, problem = pcall(core.checkPoolOptions, options)
  if ok then return end
  local text = tostring(problem):gsub("^.-pool options: ", "")
  local key = text:match "^%a+"
  wrong(options[key] ~= nil and within(at, options, key, at.name) or at, "%s", text)
end

kinds.pool = { means = "an object of pool options", read = function(value, at)
  if not isObject(value) then expected(at, kinds.pool.means, value) end
  for key, one in pairs(value) do
    local where = within(at, value, key, at.name)
    if core.defaults.pool[key] == nil then
      wrong(where, 'unknown key "%s"%s', key, check.hint(key, check.keys(core.defaults.pool)))
    elseif one == core.null then
      expected({ source = where.source, line = where.line, name = ("%s: %s"):format(at.name, key) }, "a value", one)
    end
  end
  checkPool(value, at)
  return value
end }

-- ---------------------------------------------------------------------------------------------------- groups
--- Defines a group, and those that it speaks of before. `state`: name -> true: done, false: begun.
local function defineGroup(name, groups, at, state)
  if state[name] then return end
  if state[name] == false then wrong(within(at, groups, name, "groups"), 'the group "%s" is part of itself', name) end
  state[name] = false
  local where = within(at, groups, name, ("groups: %s"):format(name))
  if not name:find "^[%w_.-]+$" then wrong(where, "a group's name has letters, digits, '_', '-' and '.' only") end
  local list = readList(groups[name], where, kinds.patterns.means, function(pattern, place)
    local other = type(pattern) == "string" and pattern:match "^%^?@(.*)$"
    if other and groups[other] ~= nil then defineGroup(other, groups, at, state) end
    checkPattern(pattern, place)
  end)
  if #list == 0 then wrong(where, "a group needs at least one pattern") end
  core.defineGroup(name, assert(core.selector(list)))
  config.groups[name] = list
  state[name] = true
end

--- The groups that are defined: name -> patterns.
---@type table<string, string[]>
config.groups = {}

kinds.groups = { means = "an object of names and patterns", read = function(value, at)
  if not isObject(value) then expected(at, kinds.groups.means, value) end
  local state = {}
  for _, name in ipairs(check.keys(value)) do defineGroup(name, value, at, state) end
  return value
end }

--- "@eu" for every group there is.
---@return string[]
function config.groupNames()
  local names = check.keys(config.groups)
  for index, name in ipairs(names) do names[index] = "@" .. name end
  return names
end

-- ---------------------------------------------------------------------------------------------------- objects
--- The keys within one: its own name -> key. "" is the file itself.
local function keysWithin(prefix)
  local found = {}
  for _, key in ipairs(config.keys) do
    local rest = key.name:sub(1, #prefix) == prefix and key.name:sub(#prefix + 1) or ""
    local own, more = rest:match "^([^.]+)(.*)$"
    if own and more == "" then
      found[own] = key
    elseif own then
      found[own] = found[own] or { name = prefix .. own, type = "object" }
    end
  end
  return found
end

--- Checks the members of an object in the order of the file; groups first, which others may speak of.
local function readObject(value, at, prefix)
  local known, read = keysWithin(prefix), {}
  local names, lines = check.keys(value), at.source.lines[value] or {}
  local function rank(name) return name == "groups" and 0 or lines[name] or math.huge end
  table.sort(names, function(a, b) return rank(a) < rank(b) or rank(a) == rank(b) and a < b end)
  for _, name in ipairs(names) do
    local where = within(at, value, name, at.name)
    local key = known[name]
    if not key then wrong(where, 'unknown key "%s"%s', name, check.hint(name, check.keys(known))) end
    where.name = at.name and ("%s: %s"):format(at.name, name) or name
    if value[name] ~= core.null then read[name] = kinds[key.type].read(value[name], where, key) end -- nothing behind it: nothing is said
  end
  return read
end

kinds.object = { means = "an object", read = function(value, at, key)
  if not isObject(value) then expected(at, "an object", value) end
  return readObject(value, at, key.name .. ".")
end }

--- A list of { pattern, place, selector, options }, in the order of the file.
kinds.clusters = { means = "an object of patterns and what holds for them", read = function(value, at)
  if not isObject(value) then expected(at, kinds.clusters.means, value) end
  local entries = {}
  for _, pattern in ipairs(check.keys(value)) do
    local where = within(at, value, pattern, ("clusters: %s"):format(pattern))
    checkPattern(pattern, where)
    if not isObject(value[pattern]) then expected(where, "an object", value[pattern]) end
    local selector = assert(core.selector(pattern))
    entries[#entries + 1] = { pattern = pattern, place = where, selector = selector, isName = selector:single() ~= nil,
      options = readObject(value[pattern], where, "clusters.*.") }
  end
  table.sort(entries, function(a, b)
    if a.isName ~= b.isName then return b.isName end
    if a.place.line ~= b.place.line then return a.place.line < b.place.line end
    return a.pattern < b.pattern
  end)
  return entries
end }

for _, key in ipairs(config.keys) do
  key.means = key.values and "one of " .. table.concat(key.values, ", ") or kinds[key.type].means
end

-- ---------------------------------------------------------------------------------------------------- the file
--- The file to read, and whether it has to be there.
local function location(given)
  local variable = os.getenv "MOONPOOL_CONFIG"
  if given then return given, "--config" end
  if variable and variable ~= "" then return variable, "MOONPOOL_CONFIG" end
  local folder, home = os.getenv "XDG_CONFIG_HOME", os.getenv "HOME"
  if not (folder and folder:find "^/") then folder = home and home ~= "" and home .. "/.config" or nil end
  return folder and folder .. "/moonpool/moonpool.yaml"
end

local noSuchFile <const>, notAFolder <const> = 2, 20 -- errno

--- The text of the file; nil: it is not there, and need not be.
local function readFile(path, asked)
  local name = asked and asked ~= "--config" and ("%s: %s"):format(asked, path) or path
  local at = { source = { name = asked == "--config" and "--config: " .. path or name } }
  local file <close>, problem, code = io.open(path, "rb")
  if not file then
    if not asked and (code == noSuchFile or code == notAFolder) then return nil end
    wrong(at, "%s", (problem:gsub("^.*: ", "")))
  end
  local text, why = file:read(mostBytes + 1)
  if not text and why then wrong(at, "%s", why) end
  if text and #text > mostBytes then wrong(at, "larger than %d MiB", mostBytes >> 20) end
  return text or ""
end

local function decode(path, text)
  local value, lines = core.yaml.decodeWithLines(text)
  local source = { name = path, lines = lines }
  if value == nil then
    local line, rest = lines.message:match "^not YAML: line (%d+), (.*)$"
    wrong({ source = source, line = math.tointeger(tonumber(line)) }, "%s", rest or lines.message)
  end
  return value, { source = source, line = 1 }
end

-- ---------------------------------------------------------------------------------------------------- variables
--- What a variable's text stands for.
local fromText = {}

function fromText.boolean(text)
  local value = ({ ["true"] = true, ["1"] = true, yes = true, on = true, ["false"] = false, ["0"] = false, no = false, off = false })
    [text:lower()]
  if value == nil then return text end
  return value
end

function fromText.patterns(text)
  local list = core.json.array {}
  for one in text:gmatch "[^,]+" do list[#list + 1] = one:match "^%s*(.-)%s*$" end
  return list
end

local function readVariable(key)
  local text = os.getenv(key.variable)
  if not text or text == "" then return nil end
  local convert, value = fromText[key.type], text ---@type any
  if convert then value = convert(text) end
  return kinds[key.type].read(value, { source = { name = key.variable, lines = {} } }, key)
end

-- ---------------------------------------------------------------------------------------------------- all together
--- The members of both; those of `over` go before.
---@param base table?
---@param over table?
---@return table
function config.merged(base, over)
  local all = {}
  for name, value in pairs(base or {}) do all[name] = value end
  for name, value in pairs(over or {}) do all[name] = value end
  return all
end

--- What the entries of `clusters` say of one context, as options of addCluster.
---@param settings moonpool.Settings
---@param context string
---@return table
function config.clusterOptions(settings, context)
  local options = {}
  for _, entry in ipairs(settings.clusters or {}) do
    if entry.selector:matches(context) then
      local labels, pool = config.merged(options.labels, entry.options.labels), config.merged(options.poolConfig, entry.options.pool)
      options = config.merged(options, entry.options)
      options.labels, options.poolConfig, options.pool = labels, pool, nil
    end
  end
  return options
end

---@class moonpool.Settings  The values by the keys' names ("log.level"), of those that were given anywhere; see config.value.
---@field origins table<string, string> who gave them: "--strategy", "MOONPOOL_STRATEGY", "/etc/moonpool.yaml:3: strategy"

local function fromFile(settings, path, value, at)
  if value == core.null then return end -- an empty file
  if not isObject(value) then expected(at, "an object", value) end
  local read = readObject(value, at, "")
  for _, key in ipairs(config.keys) do
    local holder, source, last = read, value, nil
    if not key.name:find("*", 1, true) then
      for part in key.name:gmatch "[^.]+" do
        if last then holder, source = holder[last] or {}, source[last] or {} end
        last = part
      end
      if holder[last] ~= nil then
        settings[key.name] = holder[last]
        local lines = at.source.lines[source]
        settings.origins[key.name] = ("%s:%d: %s"):format(path, lines and lines[last] or 1, key.name)
      end
    end
  end
end

local function fromElsewhere(settings, given)
  for _, key in ipairs(config.keys) do
    local value = key.variable and readVariable(key)
    if value ~= nil then settings[key.name], settings.origins[key.name] = value, key.variable end
    value = key.option and given[key.option]
    if value ~= nil then settings[key.name], settings.origins[key.name] = value, "--" .. key.option end
  end
end

local function checkContradictions(settings)
  if settings.failoverWrites and settings.enableFailover == false then
    wrong({ source = { name = settings.origins.failoverWrites } }, "true contradicts enableFailover: false")
  end
  for _, entry in ipairs(settings.clusters or {}) do
    if entry.options.pool then checkPool(config.merged(settings.pool, entry.options.pool), entry.place) end
  end
end

--- The kubeconfig that is meant; nil: what kubectl would read. The file's own does not go before $KUBECONFIG.
---@param settings moonpool.Settings
---@return string?
function config.kubeConfigPath(settings)
  local variable = os.getenv "KUBECONFIG"
  if settings.origins.kubeconfig ~= "--kubeconfig" and variable and variable ~= "" then return nil end
  return settings.kubeconfig
end

--- Reads all there is.
---@param given table the program's options (core.givenOptions)
---@return moonpool.Settings?
---@return string? problem
function config.load(given)
  local settings = { origins = {} }
  local ok, problem = pcall(function()
    local path, asked = location(given.config)
    local text = path and readFile(path, asked)
    if text then fromFile(settings, path, decode(path, text)) end
    fromElsewhere(settings, given)
    checkContradictions(settings)
  end)
  if ok then return settings end
  if getmetatable(problem) ~= Wrong then error(problem, 0) end
  return nil, problem[1]
end

return config
