-- Long streams (watches) beside calls, over HTTP/1.1, where each of them needs a connection.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local sim = require "spec.support.sim"

describe("long streams", function()
  local clusters, client
  local watches = {}

  local function open(pool, pooling)
    client = assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1",
      enableConnectionPooling = pooling, connectionPoolConfig = pool })
  end

  -- The core's pool, of which a stream can be asked that does not begin again.
  local function corePool(options)
    local config = core.KubeConfig()
    assert(config:loadFromFile(clusters.kubeconfig))
    return assert(core.pool(nil, config, "sim-1", options))
  end

  -- Begins so many watches, and waits until all have told what is there and are waiting for more. Each task returns the error
  -- that ends it.
  local function watch(count)
    local synced = 0
    for _ = 1, count do
      watches[#watches + 1] = moonpool.spawn(function()
        local watcher <close> = client.resources.namespace.watch()
        while true do
          local event, err = watcher:next()
          if not event then return err end
          if event.object.metadata.name == "default" then synced = synced + 1 end
        end
      end)
    end
    eventually(5000, "the watches", function()
      return synced == count and client:getPoolStats().streams.inUse >= #watches
    end)
  end

  local function endWatches()
    for _, task in ipairs(watches) do task:cancel() end
    watches = {}
  end

  local function accepted() return clusters:stats("sim-1").connections.accepted end

  lazy_setup(function() clusters = sim.start { clusters = 2, pods = 0 } end)
  lazy_teardown(function() clusters:stop() end)
  after_each(function()
    endWatches()
    if client then client:dispose() end
    client = nil
  end)

  it("never use up the connections of calls: 8 watches leave both of 2 to 200 calls", function()
    open { minConnections = 2, maxConnections = 2, acquireTimeout = 2000 }
    watch(8)
    eventually(2000, "the last list's connection to come back", function() return client:getPoolStats().inUse == 0 end)
    local before = client:getPoolStats()
    for _ = 1, 200 do assert(client.core.readNamespace("default", { retries = 0 })) end
    local after = client:getPoolStats()
    assert.same({ 2, 0, 200, 0 }, { after.total, after.inUse, after.acquired - before.acquired, after.timeouts })
    -- Nobody waited: what took longest to be had is what it was before the calls (the first connection was waited for).
    assert.equal(before.waitTime.max, after.waitTime.max)
    assert.same({ 8, 8, 0 }, { after.streams.total, after.streams.inUse, after.streams.waitQueueLength })
  end)

  it("ride connections that are told and counted as any other", function()
    local before = accepted()
    open { minConnections = 2, maxConnections = 2 }
    local ids, created, removed, last = {}, 0, 0, nil
    client:on("connectionCreated", function(connection)
      assert.is_nil(ids[connection.id], "an id of two connections")
      ids[connection.id], created = true, created + 1
    end)
    client:on("connectionRemoved", function() removed = removed + 1 end)
    client:on("poolDrained", function() last = removed end)
    watch(5)
    assert(client.core.listNamespace())
    eventually(2000, "the events", function()
      local stats = client:getPoolStats()
      return created == stats.created + stats.streams.created
    end)
    assert.is_true(created >= 7, created)
    client:dispose()
    eventually(2000, "the end", function() return last end)
    assert.equal(created, accepted() - before)
    assert.equal(created, last) -- all were removed before the pool was drained
  end)

  it("end at once when their client is disposed", function()
    open { minConnections = 1 }
    watch(3)
    local begin = core.now()
    client:dispose()
    assert.is_true(core.now() - begin < 2000, core.now() - begin)
    eventually(2000, "the sockets to close", function() return clusters:stats("sim-1").connections.open == 0 end)
    for _, task in ipairs(watches) do
      assert.equal("closed", task:join().kind)
    end
  end)

  it("leave nothing behind: their connections go when they are idle, whatever minConnections says", function()
    local pool <close> = corePool { minConnections = 3, maxIdleTime = 200 }
    local stream <close> = assert(pool:stream { path = "/api/v1/namespaces?watch=1&timeoutSeconds=1" })
    assert.equal(1, pool:getStats().streams.total)
    repeat
      local bytes, err = stream:read()
      assert.is_nil(err)
    until not bytes
    eventually(2000, "the idle connection to go", function() return pool:getStats().streams.total == 0 end)
    local stats = pool:getStats()
    assert.same({ 3, 1 }, { stats.total, stats.streams.removed.idle })
  end)

  it("stay on a leased connection that they were asked of", function()
    local pool <close> = corePool { minConnections = 0, maxConnections = 1 }
    local lease <close> = assert(pool:acquire())
    local stream <close> = assert(lease:stream { path = "/api/v1/namespaces?watch=1" })
    assert.is_string(stream:read())
    local stats = pool:getStats()
    assert.same({ 1, 1, 0 }, { stats.total, stats.inUse, stats.streams.created })
  end)

  it("open and close a connection each without pooling", function()
    open({ maxConnections = 1 }, false)
    watch(2)
    assert(client.core.listNamespace())
    assert.equal(2, client:getPoolStats().streams.total)
    endWatches()
    eventually(2000, "the connections to close", function() return client:getPoolStats().streams.total == 0 end)
  end)

  it("fail as calls do, with the cluster's name, while no connection can be made", function()
    local pool <close> = corePool { minConnections = 0 }
    clusters:faults("sim-1", { { type = "refuse" } })
    local stream, err = pool:stream { path = "/api/v1/namespaces?watch=1", retries = 0 }
    clusters:faults("sim-1", {})
    assert.is_nil(stream)
    assert.same({ "connect", "sim-1" }, { err.kind, err.cluster })
  end)
end)
