-- HTTP/2 as API servers speak it: many calls on few connections, limits, GOAWAY. The simulated cluster speaks HTTP/1.1; nghttpx
-- in front of it speaks HTTP/2.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local nghttpx = require "spec.support.nghttpx"
local sim = require "spec.support.sim"

describe("over HTTP/2", function()
  local clusters, proxy, client

  local function open(pool, ...)
    proxy = nghttpx.start(clusters, "sim-1", ...)
    client = assert(moonpool.KubernetesClient { kubeConfigPath = proxy.kubeconfig, context = proxy.context,
      connectionPoolConfig = pool })
    assert(client.core.listNamespace())
    clusters:resetStats "sim-1"
    return client
  end

  -- So many reads in so many tasks; gives all errors.
  local function reads(tasks, each, options)
    local errors, running = {}, {}
    for i = 1, tasks do
      running[i] = moonpool.spawn(function()
        for _ = 1, each do
          local ok, err = client.core.readNamespace("default", options)
          if not ok then errors[#errors + 1] = tostring(err) end
        end
      end)
    end
    for _, task in ipairs(running) do task:join() end
    return errors
  end

  lazy_setup(function() clusters = sim.start { clusters = 2, pods = 20 } end)
  lazy_teardown(function() clusters:stop() end)
  after_each(function()
    clusters:faults("sim-1", {})
    if client then client:dispose() end
    if proxy then proxy:stop() end
    client, proxy = nil, nil
  end)

  it("64 calls at once ride few connections, each on a stream of its own", function()
    open { minConnections = 1, maxConnections = 2 }
    clusters:faults("sim-1", { { type = "latency", ms = 300, path = "/api/v1/*" } })
    local before = proxy:connections()
    local start = core.now()
    assert.same({}, reads(64, 1))
    -- One after the other, or one at a time on each connection, they would take 10 s and more.
    assert.is_true(core.now() - start < 2000, core.now() - start)
    assert.is_true(proxy:connections() - before <= 2)
    assert.is_true(client:getPoolStats().created <= 2)
    assert.equal(64, clusters:stats("sim-1").requests["GET /api/v1/namespaces/default"])
  end)

  it("cancelling some of many calls harms no other", function()
    open { minConnections = 1, maxConnections = 1 }
    clusters:faults("sim-1", { { type = "latency", ms = 100, jitter = 90, path = "/api/v1/*" } })
    local kept, cancelled = {}, {}
    for i = 1, 60 do
      local task = moonpool.spawn(function()
        local object, err = client.core.readNamespace("default", { retries = 0 })
        if not object then error(err) end
        return object.metadata.name
      end)
      local list = i % 3 == 0 and cancelled or kept
      list[#list + 1] = task
    end
    moonpool.sleep(60)
    for _, task in ipairs(cancelled) do task:cancel() end
    for _, task in ipairs(kept) do assert.equal("default", (task:join())) end
    local stats = client:getPoolStats()
    assert.same({ 1, 0 }, { stats.created, stats.inUse })
  end)

  it("a limit of the server that is smaller than ours costs no error, not even on connections just made", function()
    local names = {}
    for i = 1, 60 do names[i] = "limited-" .. i end
    open({ minConnections = 1, maxConnections = 3 }, "--frontend-http2-max-concurrent-streams=5")
    clusters:faults("sim-1", { { type = "latency", ms = 20, path = "/api/v1/*" } })
    local writing = moonpool.spawn(function()
      return moonpool.map(names, function(name)
        assert(client.core.createNamespacedConfigMap("default", { metadata = { name = name } }))
      end, { concurrency = 30 })
    end)
    assert.same({}, reads(64, 3, { retries = 0 }))
    assert(writing:join())
    local requests = clusters:stats("sim-1").requests
    assert.same({ 192, 60 }, { requests["GET /api/v1/namespaces/default"], requests["POST /api/v1/namespaces/default/configmaps"] })
    assert.is_true(client:getPoolStats().total <= 3)
  end)

  it("GOAWAY fails no read, and doubles no write", function()
    open { minConnections = 2, maxConnections = 4 }
    local over, created, failed = false, 0, {}
    local tasks = {}
    for i = 1, 4 do
      tasks[i] = moonpool.spawn(function()
        local n = 0
        while not over do
          n = n + 1
          local made, err = client.core.createNamespacedConfigMap("default", { metadata = { name = ("goaway-%d-%d"):format(i, n) } })
          if made then created = created + 1 else failed[#failed + 1] = tostring(err) end
        end
      end)
    end
    local errors = {}
    for round = 1, 4 do
      local reader = moonpool.spawn(function() return reads(8, 60) end)
      moonpool.sleep(30)
      proxy:signal "HUP"
      for _, problem in ipairs(reader:join()) do errors[#errors + 1] = ("round %d: %s"):format(round, problem) end
    end
    over = true
    for _, task in ipairs(tasks) do task:join() end
    assert.same({}, errors)
    for _, problem in ipairs(failed) do assert.matches("the outcome is unknown", problem, 1, true) end
    assert.is_true(created > 20, created)
    local posts = clusters:stats("sim-1").requests["POST /api/v1/namespaces/default/configmaps"]
    assert.is_true(posts >= created and posts <= created + #failed, ("%d arrived, %d made, %d failed"):format(posts, created, #failed))
    assert.is_true(client:getPoolStats().removed.lifetime > 0)
  end)

  it("watches share few connections of their own, which go when the last has ended", function()
    open { minConnections = 1, maxConnections = 1, maxIdleTime = 300 }
    local begun, tasks = 0, {}
    local function watch()
      tasks[#tasks + 1] = moonpool.spawn(function()
        for event in client.resources.namespace.watch() do
          if event.object.metadata.name == "default" then begun = begun + 1 end
        end
      end)
    end
    watch()
    eventually(3000, "the first watch", function() return begun == 1 and client:getPoolStats().streams.acquired == 1 end)
    moonpool.sleep(100) -- its headers are there, and with them the server's limit
    for _ = 1, 19 do watch() end
    eventually(3000, "the watches", function() return begun == 20 and client:getPoolStats().streams.acquired == 20 end)
    assert.same({}, reads(20, 5))
    local stats = client:getPoolStats()
    assert.same({ 1, 1, 1 }, { stats.created, stats.streams.created, stats.streams.inUse })
    for _, task in ipairs(tasks) do task:cancel() end
    eventually(3000, "the connection to go", function() return client:getPoolStats().streams.total == 0 end)
    assert.equal(1, client:getPoolStats().total)
  end)

  it("a watch and 500 reads one after the other get along", function()
    open { minConnections = 1, maxConnections = 2 }
    local seen = 0
    local watching = moonpool.spawn(function()
      for event in client.resources.configmap.watch { namespace = "default" } do
        if event.type == "ADDED" and event.object.metadata.name:find "^beside%-" then seen = seen + 1 end
      end
    end)
    moonpool.sleep(100)
    for i = 1, 500 do
      assert(client.core.readNamespace("default", { retries = 0 }))
      if i % 50 == 0 then assert(client.core.createNamespacedConfigMap("default", { metadata = { name = "beside-" .. i } })) end
    end
    eventually(3000, "the events", function() return seen == 10 end)
    watching:cancel()
    watching:join()
    assert.is_true(client:getPoolStats().created <= 2)
    eventually(1000, "the watch to be closed", function() return client:getPoolStats().streams.inUse == 0 end)
    assert(client.core.listNamespace { retries = 0 })
  end)
end)
