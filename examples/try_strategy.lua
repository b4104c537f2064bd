-- try_strategy.lua: reads from several clusters for a while, and shows which of them the strategy chose.
--
--   moonpool --context '*' --strategy examples.strategies.cost examples/try_strategy.lua [READS]
--   moonpool --context 'prod-*' --strategy weighted examples/try_strategy.lua 1000
--
-- `clusters` is the manager that the program makes of --context and --strategy.
local moonpool = require "moonpool"
local tables = require "moonpool.tables"

local reads = tonumber((...)) or 200
local manager = clusters

local client = assert(manager:client())
local answers, failures = {}, 0
local numbers = {}
for i = 1, reads do numbers[i] = i end

moonpool.map(numbers, function(i)
  local namespaces, err, answer = client.core.listNamespace { key = "tenant-" .. i % 10 }
  if not namespaces then
    failures = failures + 1
    io.stderr:write(tostring(err), "\n")
    return
  end
  answers[answer.cluster] = (answers[answer.cluster] or 0) + 1
end, { concurrency = 16 })

local rows = {}
for name, stats in pairs(manager:getStats()) do
  rows[#rows + 1] = { name, answers[name] or 0, ("%.0f %%"):format(100 * (answers[name] or 0) / reads),
    ("%.1f"):format(stats.latency), stats.state }
end
table.sort(rows, function(a, b) return a[1] < b[1] end)
io.write(tables.render(rows, { { title = "CLUSTER" }, { title = "READS" }, { title = "SHARE", align = "right" },
  { title = "LATENCY MS" }, { title = "STATE" } }))
if failures > 0 then print(failures .. " reads failed") end
manager:dispose()
