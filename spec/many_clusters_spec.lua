-- many_clusters_spec.lua: hundreds of clusters, a tenth of them down, added, probed, asked and removed again and again: all are
-- named in the answer, those that are down hold up nobody, and nothing is left behind.
local moonpool = require "moonpool"
local core = require "moonpool.core"
local descriptors = require "spec.support.descriptors"
local eventually = require "spec.support.eventually"
local fleet = require "spec.support.fleet"
local program = require "spec.support.program"

local rounds = 3
-- Instrumented code is many times slower, and its memory says nothing.
local isInstrumented = program.path:find("sanitize", 1, true) ~= nil
local count = isInstrumented and 20 or 300
local timeout = isInstrumented and 6000 or 2000

local function residentMiB()
  collectgarbage()
  local file <close> = assert(io.open "/proc/self/statm")
  local _, pages = file:read("n", "n")
  return pages * 4 / 1024
end

describe(("%d clusters, a tenth of them down"):format(count), function()
  local clusters, kubeConfig
  local down = {} -- every tenth: dead, or so silent that only a timeout tells

  setup(function()
    clusters = fleet.start { clusters = count }
    kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromFile(clusters.kubeconfig))
    for number = 10, count, 10 do
      local name = "sim-" .. number
      down[#down + 1] = name
      clusters:fault(name, { type = number % 20 == 0 and "die" or "freeze" })
    end
  end)
  teardown(function() clusters:close() end)

  --- Calls fn; adds the milliseconds that it took to the list.
  local function timed(list, fn, ...)
    local start = core.now()
    local results = table.pack(fn(...))
    list[#list + 1] = core.now() - start
    return table.unpack(results, 1, results.n)
  end

  local function round(took)
    local manager = moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 0, connectTimeout = 60000 } }
    timed(took, function()
      for _, name in ipairs(clusters.names) do
        assert(manager:addCluster { name = name, kubeConfig = kubeConfig, context = name })
      end
    end)
    timed(took, manager.checkHealth, manager)
    local results = timed(took, manager.each, manager, function(client)
      local list, err = client.core.listNamespace()
      return list and #list.items, err
    end, { timeout = timeout })
    timed(took, function()
      for _, name in ipairs(clusters.names) do assert(manager:removeCluster(name)) end
    end)
    assert.same({}, manager:clusters())
    manager:dispose()
    return results
  end

  it("are all named in the results, within about one timeout, and leave nothing behind", function()
    -- One that stays keeps the threads, whose descriptors are no cluster's.
    local keeper <close> = moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 0 }, clusterHealthCheckInterval = 0 }
    assert(keeper:addCluster { name = "kept", kubeConfig = kubeConfig, context = "sim-1" })
    assert(keeper:client("kept").core.listNamespace())
    local before = descriptors()
    local memory, took = {}, {}
    for number = 1, rounds do
      local times = {}
      local results = round(times)
      took[number] = table.concat(times, " + ")
      assert.equal(count, results.total)
      assert.same(down, results.failed)
      for _, name in ipairs(down) do assert.equal(name, results[name].err.cluster, name) end
      -- One after the other, the silent ones alone would take 15 timeouts. A busy machine gets some more than one.
      assert.is_true(times[3] < 5 * timeout, ("the fan-out took %d ms"):format(times[3]))
      memory[number] = residentMiB()
    end
    eventually(10000, "the descriptors to be as many as at first", function() return descriptors() <= before end)
    print(("# %d clusters: add + probe + fan out + remove: %s ms; %.0f, %.0f, %.0f MiB resident"):format(count,
      table.concat(took, ", "), table.unpack(memory)))
    -- What the first round needed, the others use again.
    if not isInstrumented then assert.is_true(memory[rounds] < memory[1] * 1.2 + 10, "memory grows") end
  end)
end)
