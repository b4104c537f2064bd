-- report.lua SAMPLES: the table. One row per measurement: ours, the floor of the same run (or what one would use instead), the
-- ratio, the aim, the verdict.
--
-- An aim is a ratio to the floor wherever there is one, so that it means the same on every machine. The aims come from
-- measuring, on one 2-core machine, what else one could use: client-go takes 552 ms for 5,000 pods where curl takes 36,
-- so "half of client-go" is 7.7 times curl; it makes 6.1, 16 and 20 thousand small requests a second where h2load makes
-- 13, 118 and 145, so "ahead of client-go" is 0.47, 0.14 and 0.14 of h2load. A bare mutex and list takes 27 ns. A selection
-- looks at each cluster once, as its floor does; weighted adds up the weights first, peak-ewma divides for each cluster, and
-- rendezvous reads each one's name.

---@class Row
---@field title string
---@field ours string name of the samples
---@field floor string? name of the floor's samples
---@field unit string
---@field aim number ratio to the floor, or the figure itself where there is no floor
---@field more boolean? more is better
---@field because string? what a measurement said of a miss by more than a quarter; to be measured again when the figure changes
local rows = {
  { title = "cold start: list namespaces, exit", ours = "cold.moonpool", floor = "cold.curl", unit = "ms", aim = 1.15,
    because = "half a millisecond to load modules; the rest to start threads, and to hand the request to one and back" },
  { title = "the prompt, 50 contexts, 10 dead", ours = "prompt.moonpool", unit = "ms", aim = 50 },
  { title = "  beside lua5.4 -i", ours = "prompt.moonpool", floor = "prompt.lua", unit = "ms", aim = 5 },
  { title = "small GETs, 1 at once", ours = "get1.moonpool", floor = "get1.h2load", unit = "/s", aim = 0.47, more = true,
    because = "a request is handed to the reactor's thread and back: two wake-ups, 52 us of CPU for each" },
  { title = "small GETs, 16 at once", ours = "get16.moonpool", floor = "get16.h2load", unit = "/s", aim = 0.14, more = true },
  { title = "small GETs, 64 at once", ours = "get64.moonpool", floor = "get64.h2load", unit = "/s", aim = 0.14, more = true },
  { title = "  CPU of one, 16 at once", ours = "get16.cpu", unit = "us", aim = 35,
    because = "of 48 us, libc takes 22 % (mostly malloc), the kernel 21, libcurl 18, Lua 16, nghttp2 6, our code 5" },
  { title = "  CPU of one, 64 at once", ours = "get64.cpu", unit = "us", aim = 35,
    because = "as at 16 at once" },
  { title = "namespaces of 20 clusters", ours = "fanout.moonpool", floor = "fanout.kubectl", unit = "ms", aim = 0.2 },
  { title = "  beside Python's client", ours = "fanout.moonpool", floor = "fanout.python", unit = "ms", aim = 0.5 },
  { title = "5,000 pods, static server", ours = "pods.moonpool", floor = "pods.curl", unit = "ms", aim = 7.7 },
  { title = "  peak memory, whole", ours = "pods.memory", unit = "MiB", aim = 110 },
  { title = "  peak memory, page by page", ours = "pages.memory", unit = "MiB", aim = 25 },
  { title = "5,000 pods, real API server", ours = "real.moonpool", floor = "real.curl", unit = "ms", aim = 1.25 },
  { title = "acquire + release from C", ours = "acquire.c", floor = "acquire.floor", unit = "ns", aim = 2.2 },
  { title = "  two callers at once", ours = "acquire2.c", floor = "acquire2.floor", unit = "ns", aim = 2.2 },
  { title = "acquire + release from Lua", ours = "acquire.lua", floor = "acquire.floor", unit = "ns", aim = 9.3,
    because = "the handles of the C module alone take 214 ns of 500; the rest is the Lua object around them, which checks its arguments" },
  { title = "select among 100 clusters, C", ours = "select.round-robin", floor = "select.floor", unit = "ns", aim = 2 },
  { title = "  weighted", ours = "select.weighted", floor = "select.floor", unit = "ns", aim = 4 },
  { title = "  least-connections", ours = "select.least-connections", floor = "select.floor", unit = "ns", aim = 2 },
  { title = "  peak-ewma", ours = "select.peak-ewma", floor = "select.floor", unit = "ns", aim = 5 },
  { title = "  priority", ours = "select.priority", floor = "select.floor", unit = "ns", aim = 2 },
  { title = "  random", ours = "select.random", floor = "select.floor", unit = "ns", aim = 1 },
  { title = "  rendezvous, by a key", ours = "select.rendezvous", floor = "select.floor", unit = "ns", aim = 20 },
  { title = "  allocations of all of them", ours = "select.allocations", unit = "", aim = 0 },
  { title = "select among 8 clusters, in Lua", ours = "select.lua", unit = "ns", aim = 3000 },
}

local samples = {}
for line in io.lines(arg[1]) do
  local name, value = line:match("^(%S+) ([%d.]+)$")
  assert(name, "not a sample: " .. line)
  samples[name] = samples[name] or {}
  table.insert(samples[name], tonumber(value))
end

local function median(name)
  local values = samples[name]
  if not values then return nil end
  table.sort(values)
  return values[(#values + 1) // 2]
end

local function number(value, unit)
  return (value >= 100 and "%.0f %s" or "%.1f %s"):format(value, unit)
end

-- A busy machine makes the figures worse and less even; let the reader see it.
local load = io.open("/proc/loadavg"):read("l"):match("%S+ (%S+)")
print(("Medians. Load average of the last five minutes: %s. An aim is a ratio to the floor where there is one.\n"):format(load))

local layout = "%-36s %12s %12s %8s %8s  %s"
print(layout:format("", "moonpool", "floor", "ratio", "aim", ""))
local misses = {}
for _, row in ipairs(rows) do
  local ours, floor = median(row.ours), row.floor and median(row.floor)
  if ours then
    local figure = floor and ours / floor or ours
    local missed = row.more and row.aim / figure or figure / row.aim -- above 1: the aim is missed by that factor
    if figure == row.aim then missed = 1 end -- also where both are 0
    local verdict = missed <= 1 and "within" or ("misses it by %.0f %%"):format((missed - 1) * 100)
    if missed > 1.25 then misses[#misses + 1] = row end
    print(layout:format(row.title, number(ours, row.unit), floor and number(floor, row.unit) or "",
      floor and ("%.2f"):format(figure) or "", floor and ("%.2f"):format(row.aim) or number(row.aim, row.unit), verdict))
  else
    print(layout:format(row.title, "not measured", "", "", "", ""))
  end
end
for _, row in ipairs(misses) do print(("%s: %s"):format(row.title:match("%S.*"), row.because or "not explained yet")) end
