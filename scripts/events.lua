-- events.lua: what happened lately, in the order in which it did, across clusters; and what happens from now on
--
--   moonpool run events --clusters 'prod-*' --warnings --since 2h
--   moonpool run events --clusters 'prod-*' --namespace shop --follow     # until Ctrl-C
local script = require "moonpool.script"
local convert = require("moonpool.arguments").convert

local run = script.new("events", "What happened lately, oldest first, across all selected clusters.", { namespaced = true })
run.parser:flag("-w --warnings", "Only warnings.")
run.parser:option("--since", "How far back: 90s, 15m, 2h."):argname("DURATION"):default("1h"):convert(convert.duration)
run.parser:option("--about", "Only about objects whose name holds this text."):argname "NAME"
run.parser:flag("-f --follow", "Go on with what happens, as it does, until interrupted (with -o json: a line for each).")
local options = run:parse()

local scope = run:scope { fieldSelector = options.warnings and "type=Warning" or nil }

--- The row of an event, if it is one that was asked for.
local function rowOf(event, earliest, now)
  local when, about = script.eventTime(event), event.involvedObject or {}
  if when < earliest or options.about and not tostring(about.name):find(options.about, 1, true) then return nil end
  return { time = when, ago = script.age(now - when), type = event.type, reason = event.reason, namespace = about.namespace,
    kind = about.kind, name = about.name, object = ("%s/%s"):format(tostring(about.kind):lower(), about.name),
    count = event.series and event.series.count or event.count or 1, message = event.message }
end

local now = os.time()
local earliest = now - options.since // 1000
local versions = {} -- where a watch goes on, by cluster

run:collect(function(client, add, cluster)
  local function keep(event)
    local row = rowOf(event, earliest, now)
    if row then add(row) end
  end
  if options.follow then
    local list = assert(client.resources.event.list(scope))
    versions[cluster] = list.metadata.resourceVersion
    for _, event in ipairs(list.items) do keep(event) end
  else
    for event in client.resources.event.each(scope) do keep(event) end
  end
end)

table.sort(run.rows, function(a, b)
  if a.time ~= b.time then return a.time < b.time end
  if a.cluster ~= b.cluster then return a.cluster < b.cluster end
  return a.object < b.object
end)

if not options.follow then
  return run:show({ "ago", "cluster", "namespace", "type", "reason", "object", "count", "message" }, "no events")
end

local function lineOf(row)
  local times = row.count > 1 and (" (%d times)"):format(row.count) or ""
  return ("%s  %s  %-7s  %s  %s%s: %s%s"):format(os.date("%H:%M:%S", row.time), row.cluster, row.type, row.reason,
    row.namespace and row.namespace .. "/" or "", row.object, row.message, times)
end

run:stream(lineOf, function(client, add, cluster)
  for event in client.resources.event.watch(run:scope { fieldSelector = scope.fieldSelector, resourceVersion = versions[cluster] }) do
    local row = event.type ~= "DELETED" and rowOf(event.object, 0, os.time())
    if row then add(row) end
  end
end)
