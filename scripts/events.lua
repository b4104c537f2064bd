-- events.lua: what happened lately, in the order in which it did, across clusters
--
--   moonpool run events --clusters 'prod-*' --warnings --since 2h
local script = require "moonpool.script"
local convert = require("moonpool.arguments").convert

local run = script.new("events", "What happened lately, oldest first, across all selected clusters.", { namespaced = true })
run.parser:flag("-w --warnings", "Only warnings.")
run.parser:option("--since", "How far back: 90s, 15m, 2h."):argname("DURATION"):default("1h"):convert(convert.duration)
run.parser:option("--about", "Only about objects whose name holds this text."):argname "NAME"
local options = run:parse()

--- When an event was last seen: the fields differ by who wrote it.
local function timeOf(event)
  return script.seconds(event.series and event.series.lastObservedTime) or script.seconds(event.lastTimestamp)
    or script.seconds(event.eventTime) or script.seconds(event.metadata.creationTimestamp) or 0
end

local now = os.time()
local earliest = now - options.since // 1000

run:collect(function(client, add)
  for event in client.resources.event.each(run:scope { fieldSelector = options.warnings and "type=Warning" or nil }) do
    local when, about = timeOf(event), event.involvedObject or {}
    if when >= earliest and (not options.about or tostring(about.name):find(options.about, 1, true)) then
      add { time = when, ago = script.age(now - when), type = event.type, reason = event.reason, namespace = about.namespace,
        kind = about.kind, name = about.name, object = ("%s/%s"):format(tostring(about.kind):lower(), about.name),
        count = event.series and event.series.count or event.count or 1, message = event.message }
    end
  end
end)

table.sort(run.rows, function(a, b)
  if a.time ~= b.time then return a.time < b.time end
  if a.cluster ~= b.cluster then return a.cluster < b.cluster end
  return a.object < b.object
end)
run:show({ "ago", "cluster", "namespace", "type", "reason", "object", "count", "message" }, "no events")
