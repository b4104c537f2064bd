-- show.lua: values as text for a person: lists of objects as tables, with a CLUSTER column where they come from several clusters; an
-- object short; other tables as Lua writes them, to a depth that can be read. Or, for a pipe and a clipboard: json, yaml, name.
--
-- What comes from a cluster is cleaned: it cannot talk to the terminal.
local core = require "moonpool.core"
local errors = require "moonpool.errors"
local tables = require "moonpool.tables"

local show = {}

---@class moonpool.repl.View
---@field width integer columns of the window
---@field now integer seconds since 1970
---@field output string? "table" (default), "json", "yaml", "name"

-- ----------------------------------------------------------------------------------------------------------- small things
--- Text with its lines, but without other control characters.
local function cleanLines(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = tables.clean((line:gsub("\t", "        "))) end
  return table.concat(lines, "\n")
end
show.cleanLines = cleanLines

local function isSet(value) return value ~= nil and value ~= core.null end
local function at(value, ...)
  for _, key in ipairs { ... } do
    if type(value) ~= "table" then return nil end
    value = rawget(value, key)
  end
  if value ~= core.null then return value end
end

local function seconds(text)
  local year, month, day, hour, minute, second = tostring(text):match "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)"
  if not year then return nil end
  -- os.time takes local time: the difference of two readings of the same moment is the zone's.
  local moment = os.time { year = year, month = month, day = day, hour = hour, min = minute, sec = second, isdst = false }
  local utc = os.date("!*t", moment)
  utc.isdst = false
  return moment + (moment - os.time(utc))
end

--- "5s", "12m", "3h", "14d".
---@param text string? a time as Kubernetes writes it
---@param now integer
---@return string?
function show.age(text, now)
  local then_ = text and seconds(text)
  if not then_ then return nil end
  local age = math.max(0, now - then_)
  if age < 120 then return age .. "s" end
  if age < 7200 then return age // 60 .. "m" end
  if age < 172800 then return age // 3600 .. "h" end
  return age // 86400 .. "d"
end

local function isObject(value)
  return type(value) == "table" and type(at(value, "metadata")) == "table" and type(at(value, "metadata", "name")) == "string"
end

local function isList(value)
  return type(value) == "table" and type(at(value, "items")) == "table" and type(at(value, "kind")) == "string"
end

local arrayMeta = getmetatable(core.json.array {})

local function isPlain(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(value) == "table" and not (meta and meta ~= arrayMeta and (meta.__tostring or meta.__name))
end

-- ----------------------------------------------------------------------------------------------------------- tables of objects
local function count(t)
  local n = 0
  for _ in pairs(type(t) == "table" and t or {}) do n = n + 1 end
  return n
end

local function containers(pod, ready)
  local n = 0
  for _, status in ipairs(at(pod, "status", "containerStatuses") or {}) do
    if ready == nil then n = n + (at(status, "restartCount") or 0) elseif at(status, "ready") then n = n + 1 end
  end
  return n
end

-- A waiting container says more than the pod's phase.
local function podStatus(pod)
  if at(pod, "metadata", "deletionTimestamp") then return "Terminating" end
  for _, status in ipairs(at(pod, "status", "containerStatuses") or {}) do
    local reason = at(status, "state", "waiting", "reason") or at(status, "state", "terminated", "reason")
    if reason and reason ~= "Completed" then return reason end
  end
  return at(pod, "status", "reason") or at(pod, "status", "phase")
end

local function condition(object, kind)
  for _, one in ipairs(at(object, "status", "conditions") or {}) do
    if at(one, "type") == kind then return at(one, "status") end
  end
end

local function field(...)
  local path = { ... }
  return function(object) return at(object, table.unpack(path)) end
end

local function ports(service)
  local list = {}
  for _, port in ipairs(at(service, "spec", "ports") or {}) do
    list[#list + 1] = ("%s/%s"):format(tostring(at(port, "port")), at(port, "protocol") or "TCP")
  end
  return table.concat(list, ",")
end

local function replicas(object)
  return ("%d/%d"):format(at(object, "status", "readyReplicas") or 0, at(object, "spec", "replicas") or 1)
end

local function column(title, value) return { title = title, value = value } end

-- What stands between name and age.
local columnsOf = {
  Pod = { column("READY", function(pod) return ("%d/%d"):format(containers(pod, true), #(at(pod, "spec", "containers") or {})) end),
    column("STATUS", podStatus), column("RESTARTS", function(pod) return containers(pod) end), column("NODE", field("spec", "nodeName")) },
  Deployment = { column("READY", replicas), column("UP-TO-DATE", function(o) return at(o, "status", "updatedReplicas") or 0 end),
    column("AVAILABLE", function(o) return at(o, "status", "availableReplicas") or 0 end) },
  StatefulSet = { column("READY", replicas) },
  ReplicaSet = { column("READY", replicas) },
  DaemonSet = { column("DESIRED", field("status", "desiredNumberScheduled")), column("READY", field("status", "numberReady")) },
  Job = { column("SUCCEEDED", function(o) return at(o, "status", "succeeded") or 0 end),
    column("FAILED", function(o) return at(o, "status", "failed") or 0 end) },
  CronJob = { column("SCHEDULE", field("spec", "schedule")),
    column("SUSPEND", function(o) return tostring(at(o, "spec", "suspend") or false) end) },
  Node = { column("STATUS", function(node)
    local status = condition(node, "Ready") == "True" and "Ready" or "NotReady"
    return at(node, "spec", "unschedulable") and status .. ",SchedulingDisabled" or status
  end), column("VERSION", field("status", "nodeInfo", "kubeletVersion")) },
  Namespace = { column("STATUS", field("status", "phase")) },
  Service = { column("TYPE", field("spec", "type")), column("CLUSTER-IP", field("spec", "clusterIP")), column("PORTS", ports) },
  ConfigMap = { column("DATA", function(o) return count(at(o, "data")) end) },
  Secret = { column("TYPE", field("type")), column("DATA", function(o) return count(at(o, "data")) end) },
  Event = { column("TYPE", field("type")), column("REASON", field("reason")), column("OBJECT", function(event)
    return ("%s/%s"):format(at(event, "involvedObject", "kind") or "", at(event, "involvedObject", "name") or "")
  end), column("MESSAGE", field("message")) },
  PersistentVolumeClaim = { column("STATUS", field("status", "phase")), column("VOLUME", field("spec", "volumeName")) },
}

---@class moonpool.repl.Row
---@field object table
---@field kind string?
---@field cluster string?

local function objectTable(rows, kind, view)
  local columns, namespaced, clustered = {}, false, false
  for _, row in ipairs(rows) do
    namespaced = namespaced or at(row.object, "metadata", "namespace") ~= nil
    clustered = clustered or row.cluster ~= nil
  end
  if clustered then columns[1] = { title = "CLUSTER", key = "cluster" } end
  if namespaced then columns[#columns + 1] = column("NAMESPACE", function(row) return at(row.object, "metadata", "namespace") end) end
  if not kind then columns[#columns + 1] = { title = "KIND", key = "kind" } end
  columns[#columns + 1] = column("NAME", function(row) return at(row.object, "metadata", "name") end)
  for _, one in ipairs(columnsOf[kind] or {}) do
    columns[#columns + 1] = column(one.title, function(row) return one.value(row.object) end)
  end
  columns[#columns + 1] = column("AGE", function(row) return show.age(at(row.object, "metadata", "creationTimestamp"), view.now) end)
  return tables.render(rows, columns, { width = view.width })
end

local function kindOfAll(rows)
  local kind = rows[1] and rows[1].kind
  for _, row in ipairs(rows) do
    if row.kind ~= kind then return nil end
  end
  return kind
end

--- Adds a row for each; none, and false, when one is no object. `kind`: of those that do not say it, as in a list of Kubernetes.
local function addRows(rows, items, kind, cluster)
  for _, item in ipairs(items) do
    if not isObject(item) then return false end
  end
  for _, item in ipairs(items) do rows[#rows + 1] = { object = item, kind = at(item, "kind") or kind, cluster = cluster } end
  return true
end

local function listKind(list) return (at(list, "kind"):gsub("List$", "")) end

-- ----------------------------------------------------------------------------------------------------------- other tables
local word = "^[%a_][%w_]*$"

local function literal(value)
  if value == core.null then return "null" end
  if type(value) ~= "string" then return tables.clean(tostring(value)) end
  return '"' .. tables.clean((value:gsub("[\\\"]", "\\%0"):gsub("\n", "\\n"))) .. '"'
end

local function sortedKeys(t)
  local keys = {}
  for key in next, t do
    if not (math.type(key) == "integer" and key >= 1 and key <= #t) then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local maxDepth, maxItems = 5, 200

local inspect

local function parts(value, indent, view, seen)
  local out = {}
  for i = 1, math.min(#value, maxItems) do out[#out + 1] = { "", rawget(value, i) } end
  if #value > maxItems then out[#out + 1] = { ("... %d more"):format(#value - maxItems) } end
  for index, key in ipairs(sortedKeys(value)) do
    if index > maxItems then
      out[#out + 1] = { "..." }
      break
    end
    local name = type(key) == "string" and key:find(word) and key or "[" .. literal(key) .. "]"
    out[#out + 1] = { name .. " = ", rawget(value, key) }
  end
  for i, part in ipairs(out) do out[i] = part[1] .. (part[2] ~= nil and inspect(part[2], indent + 2, view, seen) or "") end
  return out
end

function inspect(value, indent, view, seen)
  if not isPlain(value) then return literal(value) end
  if seen[value] then return "{ see above }" end
  if next(value) == nil then return "{}" end
  if indent >= 2 * maxDepth then return ("{ %d fields }"):format(count(value)) end
  seen[value] = true
  local list = parts(value, indent, view, seen)
  seen[value] = nil
  local line = "{ " .. table.concat(list, ", ") .. " }"
  if not line:find "\n" and tables.width(line) + indent + 12 <= view.width then return line end
  local room, pad = math.max(20, view.width - indent - 3), (" "):rep(indent + 2)
  for i, text in ipairs(list) do
    list[i] = pad .. (text:find "\n" and text or tables.cut(text, room))
  end
  return "{\n" .. table.concat(list, ",\n") .. "\n" .. (" "):rep(indent) .. "}"
end

-- An object without what its controllers keep in it.
local function objectText(object, view)
  local copy = {}
  for key, value in next, object do copy[key] = value end
  local meta = {}
  for key, value in next, object.metadata do
    if key ~= "managedFields" and key ~= "uid" and key ~= "selfLink" and key ~= "generation" then meta[key] = value end
  end
  copy.metadata, copy.apiVersion, copy.kind = meta, nil, nil
  local namespace = at(object, "metadata", "namespace")
  return ("%s %s%s %s"):format(tables.clean(at(object, "kind") or "object"), namespace and tables.clean(namespace) .. "/" or "",
    tables.clean(object.metadata.name), inspect(copy, 0, view, {}))
end

-- ----------------------------------------------------------------------------------------------------------- what it is
-- The results of clusters:each.
local function isFanout(value)
  local name, entry = next(value)
  return type(name) == "string" and type(entry) == "table" and type(rawget(entry, "ok")) == "boolean" and rawget(entry, "attempts") ~= nil
end

local function isStatistics(value)
  local name, entry = next(value)
  return type(name) == "string" and type(entry) == "table" and rawget(entry, "poolStats") ~= nil and rawget(entry, "state") ~= nil
end

local function fanoutText(value, view)
  local names, rows, others = sortedKeys(value), {}, {}
  for _, name in ipairs(names) do
    local entry = value[name]
    local first = entry.value
    local shown = false
    if entry.ok and isList(first) then
      shown = addRows(rows, first.items, listKind(first), name)
    elseif entry.ok then
      shown = isObject(first) and addRows(rows, { first }, nil, name)
    end
    if not shown then
      local text = entry.ok and (isPlain(first) and inspect(first, 0, { width = 1000000 }, {}):gsub("\n%s*", " ") or tostring(first))
        or show.errorText(entry.err)
      others[#others + 1] = { CLUSTER = name, OK = entry.ok and "yes" or "no", RESULT = text, MS = math.floor(entry.duration or 0) }
    end
  end
  local text = #rows > 0 and objectTable(rows, kindOfAll(rows), view) or ""
  if #others > 0 then
    text = text .. (text ~= "" and "\n" or "") .. tables.render(others, { "CLUSTER", "OK", "MS", "RESULT" }, { width = view.width })
  end
  return text ~= "" and text or "nothing found"
end

--- What ConnectionManager:getStats() returns, a line for each cluster.
---@param stats table<string, table>
---@param view moonpool.repl.View
---@return string
function show.clusters(stats, view)
  local rows = {}
  for _, name in ipairs(sortedKeys(stats)) do
    local one = stats[name]
    rows[#rows + 1] = { name, one.state .. (one.enabled == false and ", disabled" or ""), one.weight, one.inFlight,
      one.latency and ("%.1f"):format(one.latency) or "", one.failures, one.lastError }
  end
  local columns = { "CLUSTER", "STATE", "WEIGHT", "IN FLIGHT", { title = "LATENCY MS", align = "right" }, "FAILURES", "LAST ERROR" }
  return tables.render(rows, columns, { width = view.width })
end

--- The pools of the same.
---@param stats table<string, table>
---@param view moonpool.repl.View
---@return string
function show.pools(stats, view)
  local rows = {}
  for _, name in ipairs(sortedKeys(stats)) do
    local pool = stats[name].poolStats
    rows[#rows + 1] = { name, pool.total, pool.idle, pool.inUse, pool.waitQueueLength, pool.connecting, pool.created, pool.timeouts }
  end
  return tables.render(rows, { "CLUSTER", "CONNECTIONS", "IDLE", "IN USE", "WAITING", "CONNECTING", "CREATED", "TIMEOUTS" },
    { width = view.width })
end

--- In one line.
---@param problem any
---@return string
function show.errorText(problem)
  return tables.clean(tostring(problem))
end

local function names(value)
  local lines = {}
  local function add(items, cluster)
    for _, item in ipairs(items) do
      if isObject(item) then
        local namespace = at(item, "metadata", "namespace")
        lines[#lines + 1] = tables.clean((cluster and cluster .. "/" or "") .. (namespace and namespace .. "/" or "") .. item.metadata.name)
      end
    end
  end
  if isList(value) then add(value.items)
  elseif isObject(value) then add { value }
  elseif isFanout(value) then
    for _, name in ipairs(sortedKeys(value)) do
      local entry = value[name]
      if entry.ok and isList(entry.value) then add(entry.value.items, name) end
    end
  else add(value) end
  return #lines > 0 and table.concat(lines, "\n") or nil
end

local function encoded(value, output)
  local text, problem
  if output == "json" then
    text, problem = core.json.encode(value, { indent = 2 })
  else
    text, problem = core.yaml.encode(value)
  end
  return text and (text:gsub("\n$", "")) or nil, problem
end

local function tableText(value, view)
  if isList(value) then
    local rows = {}
    if #value.items == 0 then return "no " .. tables.clean(listKind(value)) .. " found" end
    if addRows(rows, value.items, listKind(value)) then return objectTable(rows, kindOfAll(rows), view) end
  elseif isObject(value) then
    return objectText(value, view)
  elseif next(value) ~= nil then
    if isFanout(value) then return fanoutText(value, view) end
    if isStatistics(value) then return show.clusters(value, view) end
    local rows = {}
    if #value > 0 and addRows(rows, value) then return objectTable(rows, kindOfAll(rows), view) end
  end
  return inspect(value, 0, view, {})
end

--- A value as text, without a newline at its end.
---@param value any
---@param view moonpool.repl.View
---@return string
function show.text(value, view)
  local kind = type(value)
  if kind == "string" then return cleanLines(value) end
  if not isPlain(value) and not (kind == "table" and isSet(value) and next(value) ~= nil and isFanout(value)) then
    return cleanLines(errors.is(value) and show.errorText(value) or value == core.null and "null" or tostring(value))
  end
  local text
  if view.output == "name" then
    text = names(value)
  elseif view.output == "json" or view.output == "yaml" then
    text = encoded(value, view.output)
    text = text and cleanLines(text)
  end
  return ((text or tableText(value, view)):gsub("\n$", ""))
end

return show
