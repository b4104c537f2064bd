-- script.lua: what the shipped scripts have in common, and any script may use: a command line with --help, the choice of clusters,
-- the same work in each of them, a table of what came of it, and an end that names every cluster that failed.
local core = require "moonpool.core"
local arguments = require "moonpool.arguments"
local errors = require "moonpool.errors"
local program = require "moonpool.program"
local public = require "moonpool.public"
local tables = require "moonpool.tables"

--- A command line with --help, the same work in every selected cluster, a table of what came of it, and an end that names every cluster
--- that failed:
---
--- ```lua
--- local run = require("moonpool.script").new("pods", "Counts the pods of each cluster.")
--- run:parse()
--- run:collect(function(client, add) add { pods = #assert(client.core.listPodForAllNamespaces()).items } end)
--- run:show { "cluster", "pods" }
--- ```
---@class moonpool.script
local script = {}
public.classes["moonpool.script"] = script

local convert = arguments.convert

--- One script and its run.
---@class moonpool.Script
---@field name string
---@field writes boolean? it changes something
---@field parser table argparse's: for options of the script's own, before parse
---@field options table what was given; see Script:parse
---@field rows table[] what was collected
---@field clusters { name: string, err: moonpool.Error?, namespaceMissing: boolean? }[] those that were asked
local Script = {}
Script.__index = Script
public.classes["moonpool.Script"] = Script

local EXIT_CODES = "Exit code: 0 all well, 1 the script failed%s, 2 usage, 3 some of the clusters failed, 4 all of them failed."

---@class moonpool.ScriptFeatures
---@field namespaced boolean? has --namespace and --selector
---@field writes boolean? has --dry-run
---@field check string? has --check: exit code 1 when there are rows; says what they are: "something is stuck"
---@field timeout string? what --timeout is that is not given; default "30s"

--- A script of this name.
---@param name string
---@param description string
---@param features moonpool.ScriptFeatures?
---@return moonpool.Script
function script.new(name, description, features)
  features = features or {}
  local parser = arguments.parser("moonpool run " .. name, description,
    EXIT_CODES:format(features.check and (" (or, with --check, %s)"):format(features.check) or ""))
  parser:option("-c --clusters", "Contexts to work on: a name, a glob ('prod-*'; '*': all), '/a regular expression/', or '^' before one of "
    .. "these: not those. May be given several times. Default: those of moonpool's own --context, else the current one.")
    :argname("PATTERN"):count("*"):target("clusters")
  parser:option("--labels", "Only clusters with these labels: 'env=prod,tier!=db'."):argname("LABELS")
  parser:option("-o --output", "table, json, yaml, or name: a line for each, CLUSTER/NAMESPACE/KIND/NAME."):argname("FORMAT")
    :default(program.setting "output"):convert(convert.oneOf { "table", "json", "yaml", "name" })
  parser:option("--timeout", "For each cluster: 90s, 15m, 2h."):argname("DURATION"):default(features.timeout or "30s")
    :convert(convert.duration)
  if features.namespaced then
    parser:option("-n --namespace", "Only in this namespace. Default: in all."):argname("NAME")
    parser:option("-l --selector", "Only objects with these labels: 'app=web,tier!=db'."):argname("LABELS")
  end
  if features.writes then
    parser:flag("--dry-run", "Have the servers check everything, and change nothing.")
    parser:option("--allow-protected", "Change something also in these contexts, which the configuration protects."):argname("PATTERN")
      :count("*"):target("allowProtected")
  end
  if features.check then parser:flag("--check", ("End with 1 when %s."):format(features.check)) end
  return setmetatable({ name = name, parser = parser, writes = features.writes, rows = {}, clusters = {} }, Script)
end

--- Each cluster that failed, and why, for people; "": none did.
local function failuresText(self)
  local causes, namesOf, failed = {}, {}, 0 -- clusters that say the same share a line
  for _, one in ipairs(self.clusters) do
    local cause = one.err and tables.clean(one.err.message)
    if cause and one.err.kind == "cancelled" then cause = cause:gsub(" %(first .*%)$", "") end -- that one has a line of its own
    if cause and not namesOf[cause] then
      causes[#causes + 1] = cause
      namesOf[cause] = {}
    end
    if cause then
      failed = failed + 1
      table.insert(namesOf[cause], one.name)
    end
  end
  if failed == 0 then return "" end
  local total, lines = #self.clusters, {}
  for index, cause in ipairs(causes) do lines[index] = ("  %s: %s\n"):format(table.concat(namesOf[cause], ", "), cause) end
  return ("%d of %d cluster%s failed:\n%s"):format(failed, total, total == 1 and "" or "s", table.concat(lines))
end

--- Ends the program for a mistake in how the script was called.
---@param message string
function Script:usage(message) self.parser:error(message) end

--- Ends the program for what is wrong with the clusters or what is in them, after the clusters that failed.
---@param message string
function Script:fail(message)
  io.stderr:write(failuresText(self), ("moonpool run %s: %s\n"):format(self.name, message))
  os.exit(1)
end

--- Reads the command line, and selects the clusters that it names. Ends the program when it is wrong.
---@return table options
function Script:parse()
  local options = self.parser:parse()
  self.options = options
  if options.allowProtected and #options.allowProtected > 0 then
    local ok, problem = program.allowProtected(options.allowProtected)
    if not ok then self:usage(problem) end
  end
  if #options.clusters == 0 then options.clusters = options.labels and not core.selectedContexts and { "*" } or nil end
  if options.clusters and not core.selectedContexts then
    local ok, problem = program.selectContexts(options.clusters, "--clusters")
    if not ok then self:usage(problem) end
  end
  return options
end

--- The namespace and the selector that were given, as options of an API call, with `more`.
---@param more table?
---@return table
function Script:scope(more)
  local scope = { namespace = self.options.namespace, labelSelector = self.options.selector }
  for name, value in pairs(more or {}) do scope[name] = value end
  return scope
end

local function nameOf(row)
  local parts = { row.cluster }
  for _, part in ipairs { row.namespace or false, row.kind and row.kind:lower() or false, row.name or false } do
    if part then parts[#parts + 1] = part end
  end
  return tables.clean(table.concat(parts, "/"))
end

--- Who interrupts changes is told how far they got: nothing else will.
local function tellChanges(self, rowsOf)
  local lines = {}
  for _, rows in pairs(rowsOf) do
    for _, row in ipairs(rows) do lines[#lines + 1] = ("  %s: %s\n"):format(nameOf(row), tables.clean(row.result)) end
  end
  table.sort(lines)
  io.stderr:write(("moonpool run %s: interrupted, %s\n%s"):format(self.name, #lines > 0 and "after this:" or "before any change",
    table.concat(lines)))
end

--- True when there is no such namespace: then that there is nothing in it says little.
local function lacksNamespace(client, namespace)
  if not namespace then return false end
  local _, err = client.core.readNamespace(namespace)
  return err ~= nil and err.kind == "notFound"
end

--- The manager of the clusters. That there can be none is nothing to show the way to in the script.
local function manager(self)
  local clusters = rawget(_G, "clusters")
  local fine, err = pcall(function() return clusters:clusters() end)
  if not fine then self:fail(errors.is(err) and err.message or err) end
  return clusters
end

--- Ends a script that is about to change something, before it has changed anything, where it may not in one of the clusters.
local function refuseProtected(self, names)
  for _, name in ipairs(names) do
    if program.isProtected(name) then
      self:fail(("nothing was changed: %s is protected; to change something in it, start with: moonpool --allow-protected '%s' run %s")
        :format(name, name, self.name))
    end
  end
end

--- Calls fn(client, add, name) for every selected cluster, all at a time; add(row) adds a row, whose field `cluster` is set. What fn
--- raises, or returns after nil, is why the cluster failed; rows that it had added stay. Rows about changes say in `result` how far
--- each is.
---@param fn fun(client: moonpool.KubernetesClient, add: fun(row: table), name: string): any, any
---@param more moonpool.EachOptions? waves, for example
---@return table[] rows in the order of the clusters
function Script:collect(fn, more)
  local options = { clusters = self.options.clusters, labels = self.options.labels, timeout = self.options.timeout }
  for name, value in pairs(more or {}) do options[name] = value end
  local rowsOf, namespaceMissing, results, err = {}, {}, nil, nil
  local _ <close> = setmetatable({}, { __close = function()
    if self.writes and not results and not err then tellChanges(self, rowsOf) end
  end })
  local clusters = manager(self)
  if self.writes and not self.options.dry_run then refuseProtected(self, clusters:clusters(options.clusters, options.labels) or {}) end
  results, err = clusters:each(function(client, name)
    local rows = {}
    rowsOf[name] = rows
    local _, problem = fn(client, function(row)
      row.cluster = name
      rows[#rows + 1] = row
    end, name)
    if problem ~= nil then return nil, problem end
    namespaceMissing[name] = #rows == 0 and lacksNamespace(client, self.options.namespace)
    return true
  end, options)
  if not results then self:usage(err.message) end
  for name, result in pairs(results) do
    self.clusters[#self.clusters + 1] = { name = name, err = result.err, namespaceMissing = namespaceMissing[name] }
    table.move(rowsOf[name] or {}, 1, #(rowsOf[name] or {}), #self.rows + 1, self.rows)
  end
  return self.rows
end

-- ---------------------------------------------------------------------------------------------------- the end

--- "daysLeft" -> "DAYS LEFT"
local function titleOf(key) return (key:gsub("%u", " %0"):upper()) end

local formats = {}

function formats.table(self, columns)
  if #self.rows == 0 then return "" end
  local list = {}
  for index, key in ipairs(columns) do list[index] = type(key) == "table" and key or { title = titleOf(key), key = key } end
  return tables.render(self.rows, list)
end

function formats.name(self)
  local lines = {}
  for index, row in ipairs(self.rows) do lines[index] = nameOf(row) .. "\n" end
  return table.concat(lines)
end

local function document(self)
  local clusters = {}
  for index, one in ipairs(self.clusters) do
    local err = one.err
    clusters[index] = { name = one.name, ok = not err, error = err and err.message, kind = err and err.kind }
  end
  return { items = core.json.array(self.rows), clusters = core.json.array(clusters) }
end

function formats.json(self) return assert(core.json.encode(document(self), { indent = 2 })) .. "\n" end

function formats.yaml(self) return assert(core.yaml.encode(document(self))) end

--- True when none of the clusters that answered has the namespace that was asked for: a slip of the pen, most likely.
local function isNamespaceMissing(self)
  local missing = 0
  for _, one in ipairs(self.clusters) do
    if not one.err and not one.namespaceMissing then return false end
    missing = missing + (one.err and 0 or 1)
  end
  return missing > 0
end

--- Writes to standard output, at once; ends the program when that cannot be done (a full disk).
---@param text string
function Script:write(text)
  local ok, problem = io.stdout:write(text)
  if ok then ok, problem = io.stdout:flush() end
  if not ok then self:fail("cannot write: " .. problem) end
end

--- Writes the rows as --output says, and ends the program with 1 when --check is on and there are any, or when there is no such
--- namespace as was asked for. The codes 3 and 4 follow by
--- themselves from the clusters that failed.
---@param columns (string|moonpool.Column)[] keys of the rows, which titles are made from, for the table
---@param nothing string? what a table without rows means: "nothing is stuck"
function Script:show(columns, nothing)
  self:write(formats[self.options.output](self, columns))
  local failures, missing = failuresText(self), isNamespaceMissing(self)
  io.stderr:write(failures)
  if missing then
    io.stderr:write(('moonpool run %s: no cluster that answered has a namespace "%s"\n'):format(self.name, self.options.namespace))
  elseif failures == "" and #self.rows == 0 and self.options.output == "table" then
    io.stderr:write(("%s in %d cluster%s\n"):format(nothing or "nothing", #self.clusters, #self.clusters == 1 and "" or "s"))
  end
  if failures == "" and (missing or self.options.check and #self.rows > 0) then os.exit(1) end
end

--- A row by itself, as a line or a document of its own.
local function single(self, row, lineOf)
  local format = self.options.output
  if format == "json" then return assert(core.json.encode(row)) .. "\n" end
  if format == "yaml" then return "---\n" .. assert(core.yaml.encode(row)) end
  return (format == "name" and nameOf(row) or tables.clean(lineOf(row))) .. "\n"
end

--- In place of show: writes the rows so far, and then those that fn(client, add, name) adds, at once. It is called for every cluster
--- that has not failed before, and may go on for ever.
---@param lineOf fun(row: table): string a row as a line for people
---@param fn fun(client: moonpool.KubernetesClient, add: fun(row: table), name: string)
function Script:stream(lineOf, fn)
  for _, row in ipairs(self.rows) do self:write(single(self, row, lineOf)) end
  io.stderr:write(failuresText(self))
  local names = {}
  for _, one in ipairs(self.clusters) do
    if not one.err then names[#names + 1] = one.name end
  end
  if #names == 0 then return end
  manager(self):each(function(client, name)
    local fine, err = pcall(fn, client, function(row)
      row.cluster = name
      self:write(single(self, row, lineOf))
    end, name)
    if fine then return true end
    if not (errors.is(err) and err.kind == "cancelled") then
      io.stderr:write(("moonpool run %s: %s is left out from now on: %s\n"):format(self.name, name, tables.clean(err)))
    end
    error(err, 0)
  end, { clusters = names, timeout = 0, concurrency = #names, progress = false })
end

-- ---------------------------------------------------------------------------------------------------- times and quantities

--- Seconds since 1970 of a timestamp of Kubernetes; nil: it is none.
---@param text any
---@return integer?
function script.seconds(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)"
  if not year then return nil end
  local y, m = tonumber(year), tonumber(month)
  if m <= 2 then y = y - 1 end -- days from a calendar whose years begin in March
  local days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * ((m + 9) % 12) + 2) // 5 + tonumber(day) - 719469
  return ((days * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60 + tonumber(second)
end

--- When an event was last seen, in seconds since 1970: the fields differ by who wrote it.
---@param event table
---@return integer
function script.eventTime(event)
  return script.seconds(event.series and event.series.lastObservedTime) or script.seconds(event.lastTimestamp)
    or script.seconds(event.eventTime) or script.seconds(event.metadata.creationTimestamp) or 0
end

--- "45s", "12m", "5h", "3d": how long ago, or how long, in two or three characters.
---@param seconds integer?
---@return string
function script.age(seconds)
  if not seconds then return "" end
  local size = math.abs(seconds)
  for _, unit in ipairs { { 172800, 86400, "d" }, { 7200, 3600, "h" }, { 120, 60, "m" } } do
    if size >= unit[1] then return ("%s%d%s"):format(seconds < 0 and "-" or "", size // unit[2], unit[3]) end
  end
  return ("%ds"):format(seconds)
end

--- Whether a text is as a glob says: * is any text, ? one character.
---@param text string
---@param glob string
---@return boolean
function script.like(text, glob)
  local pattern = glob:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".")
  return text:find("^" .. pattern .. "$") ~= nil
end

return script
