-- The events of a pool, in their order, beside what the server counted.
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local sim = require "spec.support.sim"

local NAMES = { "connectionCreated", "connectionAcquired", "connectionReleased", "connectionRemoved" }

describe("the events of a pool", function()
  local clusters

  local function open(pool, pooling)
    local client = assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1",
      enableConnectionPooling = pooling, connectionPoolConfig = pool })
    local history, counts = {}, {}
    for _, name in ipairs(NAMES) do
      counts[name] = 0
      client:on(name, function(connection, reason)
        counts[name] = counts[name] + 1
        local events = history[connection.id] or {}
        history[connection.id] = events
        events[#events + 1] = { name = name, useCount = connection.useCount, reason = reason }
      end)
    end
    return client, counts, history
  end

  -- Each: created, then as many releases as acquisitions (never more so far), then removed, once, with nothing after it.
  local function assertInOrder(history)
    for id, events in pairs(history) do
      local users, uses = 0, 0
      for index, event in ipairs(events) do
        local where = ("connection %d, event %d of %d: %s"):format(id, index, #events, event.name)
        assert.equal(index == 1, event.name == "connectionCreated", where)
        assert.equal(index == #events, event.name == "connectionRemoved", where)
        if event.name == "connectionAcquired" then
          users, uses = users + 1, uses + 1
          assert.equal(uses, event.useCount, where)
        elseif event.name == "connectionReleased" then
          users = users - 1
          assert.is_true(users >= 0, where)
        elseif event.name == "connectionRemoved" then
          assert.equal(0, users, where)
          assert.equal(uses, event.useCount, where)
          assert.is_string(event.reason, where)
        end
      end
    end
  end

  local function drained(counts)
    eventually(2000, "the last events", function()
      return counts.connectionRemoved == counts.connectionCreated and counts.connectionReleased == counts.connectionAcquired
    end)
  end

  lazy_setup(function() clusters = sim.start { clusters = 2, pods = 0 } end)
  lazy_teardown(function() clusters:stop() end)
  after_each(function() clusters:faults("sim-1", {}) end)

  it("tell the whole life of each connection in order, whatever goes wrong", function()
    local client, counts, history = open { minConnections = 2, maxConnections = 6, healthCheckInterval = 100, maxIdleTime = 300,
      maxLifetime = 1000, connectTimeout = 300 }
    local list = "/api/v1/namespaces"
    clusters:faults("sim-1", { { type = "reset", path = list, probability = 0.2 }, { type = "hang", path = list, probability = 0.05 },
      { type = "latency", path = list, ms = 5, jitter = 5 } })
    local over = false
    local tasks = {}
    for i = 1, 12 do
      tasks[i] = moonpool.spawn(function()
        while not over do client.core.listNamespace { timeout = 150 } end
      end)
    end
    for round = 1, 6 do
      moonpool.sleep(200)
      if round % 2 == 0 then clusters:control("sim-1", "POST", "drop") end
      local cancelled = moonpool.spawn(function() client.core.listNamespace() end)
      moonpool.sleep(1)
      cancelled:cancel()
    end
    over = true
    for _, task in ipairs(tasks) do task:join() end
    local stats = client:getPoolStats()
    client:dispose()
    drained(counts)
    assertInOrder(history)
    assert.is_true(counts.connectionCreated > 20, counts.connectionCreated)
    assert.is_true(stats.created <= counts.connectionCreated)
    local after = client:getPoolStats()
    assert.same({ counts.connectionCreated, counts.connectionAcquired }, { after.created, after.acquired })
    local removed = 0
    for _, count in pairs(after.removed) do removed = removed + count end
    assert.equal(counts.connectionRemoved, removed)
  end)

  it("count as many connections as the server accepted, and 1,000 calls one after the other open no further one", function()
    local accepted = clusters:stats("sim-1").connections.accepted
    local client, counts = open { minConnections = 2 }
    eventually(2000, "warm-up", function() return counts.connectionCreated == 2 end)
    for _ = 1, 1000 do assert(client.core.readNamespace "default") end
    assert.equal(2, clusters:stats("sim-1").connections.accepted - accepted)
    moonpool.sleep(20)
    assert.same({ 2, 1000, 1000, 0 }, { counts.connectionCreated, counts.connectionAcquired, counts.connectionReleased,
      counts.connectionRemoved })
    client:dispose()
    drained(counts)
    assert.equal(2, counts.connectionRemoved)
  end)

  it("show a connection for each call without pooling", function()
    local accepted = clusters:stats("sim-1").connections.accepted
    local client, counts, history = open({}, false)
    moonpool.sleep(50)
    assert.equal(0, counts.connectionCreated) -- nothing is kept ready
    for call = 1, 10 do
      assert(client.core.listNamespace())
      eventually(1000, "its connection to be closed", function() return client:getPoolStats().total == 0 end)
      assert.equal(call, clusters:stats("sim-1").connections.accepted - accepted)
    end
    client:dispose()
    drained(counts)
    assertInOrder(history)
    assert.equal(10, counts.connectionCreated)
    for _, events in pairs(history) do
      assert.equal(4, #events)
      assert.equal("closed", events[4].reason)
    end
  end)
end)
