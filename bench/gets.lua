-- gets.lua AT_ONCE REQUESTS: that many small GETs with that many tasks. Prints requests per second, and this process's
-- CPU microseconds per request (all threads: the reactor's too).

local moonpool = require "moonpool"
local core = require "moonpool.core"

local atOnce, requests = math.tointeger(arg[1]), math.tointeger(arg[2])
local client = assert(moonpool.KubernetesClient())

local function get(count)
  for _ = 1, count do
    local namespace = assert(client.core.readNamespace("default"))
    assert(namespace.status.phase == "Active")
  end
end

local function run(total)
  local tasks = {}
  for index = 1, atOnce do tasks[index] = moonpool.spawn(get, total // atOnce) end
  for _, task in ipairs(tasks) do task:join() end
end

run(math.max(1000, atOnce)) -- connections made, first tables grown
local begin, cpu = core.now(), os.clock()
run(requests)
local seconds, cpuSeconds = (core.now() - begin) / 1000, os.clock() - cpu
print(("%.0f %.2f"):format(requests / seconds, cpuSeconds / requests * 1e6))
client:dispose()
