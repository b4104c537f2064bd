-- What is left behind: nothing, counted in /proc/self/fd; and what a child process gets: nothing of ours.
local descriptors = require "spec.support.descriptors"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local program = require "spec.support.program"
local sim = require "spec.support.sim"

describe("no descriptor is left", function()
  local clusters, before

  local function open(pool)
    return assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1", connectionPoolConfig = pool })
  end

  -- The reactor closes behind our back: what counts is what is left in the end.
  local function assertNoneLeft()
    eventually(2000, "the descriptors to be closed", function() return descriptors() <= before end)
  end

  lazy_setup(function()
    clusters = sim.start { clusters = 2, pods = 0 }
    local client <close> = open {} -- makes what stays: the reactor and its loop
    assert(client.core.listNamespace())
  end)
  lazy_teardown(function() clusters:stop() end)
  before_each(function() before = descriptors() end)
  after_each(function() clusters:faults("sim-1", {}) end)

  it("after 200 clients were made and disposed of, in every state of warm-up", function()
    for round = 1, 200 do
      local client <close> = open { minConnections = round % 4, enableWarmup = round % 3 > 0 }
      if round % 2 == 0 then assert(client.core.listNamespace()) end
    end
    assertNoneLeft()
    assert.equal(0, clusters:stats("sim-1").connections.open)
  end)

  it("after calls were cancelled, timed out and reset", function()
    do
      local client <close> = open { maxConnections = 20, connectTimeout = 200 }
      local list = "/api/v1/namespaces"
      clusters:faults("sim-1", { { type = "hang", path = list, probability = 0.3 }, { type = "reset", path = list, probability = 0.3 } })
      local tasks = {}
      for i = 1, 100 do
        tasks[i] = moonpool.spawn(function() return client.core.listNamespace { timeout = 100 } end)
        if i % 3 == 0 then tasks[i - 1]:cancel() end
        if i % 10 == 0 then moonpool.sleep(5) end
      end
      for _, task in ipairs(tasks) do task:join() end
    end
    assertNoneLeft()
  end)

  it("after connecting failed in every way", function()
    for _, fault in ipairs { "refuse", "stall", "badCertificate" } do
      clusters:faults("sim-1", { { type = fault } })
      for _ = 1, 5 do
        local client <close> = open { connectTimeout = 50, minConnections = 3 }
        assert.is_nil((client.core.listNamespace()))
      end
    end
    assertNoneLeft()
  end)

  it("after clients were forgotten without dispose", function()
    for _ = 1, 20 do
      local client = open {}
      assert(client.core.listNamespace())
      client = nil -- luacheck: ignore
      collectgarbage()
    end
    collectgarbage()
    collectgarbage()
    assertNoneLeft()
  end)

  it("after leases and streams were forgotten", function()
    local function factory()
      local kubeConfig = moonpool.KubeConfig()
      assert(kubeConfig:loadFromFile(clusters.kubeconfig))
      return kubeConfig
    end
    do
      local pool <close> = assert(moonpool.ConnectionPool("sim-1", factory, { maxConnections = 3 }))
      for _ = 1, 30 do
        local lease = assert(pool:acquire())
        local api = lease:makeApiClient(moonpool.CoreV1Api)
        assert(api.listNamespace())
        lease, api = nil, nil -- luacheck: ignore
        collectgarbage()
        collectgarbage()
      end
      eventually(1000, "the leases to come back", function() return pool:getStats().inUse == 0 end)
      assert.is_true(pool:getStats().total <= 3)
    end
    assertNoneLeft()
  end)
end)

it("a child process gets no socket and no other descriptor of the runtime", function()
  local clusters = sim.start { clusters = 1, pods = 0 }
  -- A program of its own: what busted's parent left open does not count.
  local result = program.run("-e", ([[
    local moonpool = require "moonpool"
    local client <close> = assert(moonpool.KubernetesClient { kubeConfigPath = "%s", connectionPoolConfig = { minConnections = 4 } })
    local watching = moonpool.spawn(function() for _ in client.resources.namespace.watch() do end end)
    for _ = 1, 3 do assert(client.core.listNamespace()) end
    moonpool.sleep(100)
    local pipe <close> = io.popen "ls -l /proc/self/fd"
    io.write(pipe:read "a")
    print("live", client:getPoolStats().total)
    watching:cancel()
  ]]):format(clusters.kubeconfig))
  clusters:stop()
  assert.same({ "", 0 }, { result.err, result.code })
  assert.is_true(tonumber(result.out:match "live (%d+)" or result.out:match "live\t(%d+)") >= 4)
  assert.is_nil(result.out:find("socket:", 1, true), result.out)
  assert.is_nil(result.out:find("anon_inode:", 1, true), result.out)
end)
