-- What a script sees when its server is killed, stopped, or comes back.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local sim = require "spec.support.sim"

local function removedBy(stats)
  local sum = 0
  for _, count in pairs(stats.removed) do sum = sum + count end
  return sum
end

describe("when its server", function()
  local clusters, client

  local function open(pool)
    pool.minConnections = pool.minConnections or 3
    client = assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1", connectionPoolConfig = pool })
    eventually(5000, "warm-up", function() return client:getPoolStats().idle >= pool.minConnections end)
    return client
  end

  local function readyAgain(min)
    return eventually(2000, "the connections to be back", function()
      local stats = client:getPoolStats()
      return stats.idle + stats.inUse >= min
    end)
  end

  local function assertAddsUp()
    local stats = client:getPoolStats()
    assert.equal(stats.total, stats.created - removedBy(stats))
    assert.equal(stats.total, stats.idle + stats.inUse + stats.unhealthy)
    assert.equal(0, stats.inUse)
    assert.equal(0, stats.waitQueueLength)
  end

  -- Runs `count` tasks that call until `stopped()`; gives every failure with the time that its call took.
  local function callers(count, timeout, stopped)
    local failures, tasks, calls = {}, {}, 0
    for i = 1, count do
      tasks[i] = moonpool.spawn(function()
        while not stopped() do
          local start = core.now()
          local ok, err = client.core.listNamespace { timeout = timeout }
          calls = calls + 1
          if not ok then
            failures[#failures + 1] = { err = err, took = core.now() - start }
            moonpool.sleep(20)
          end
        end
      end)
    end
    return failures, function()
      for _, task in ipairs(tasks) do task:join() end
      return calls
    end
  end

  before_each(function() clusters = sim.start { clusters = 1, pods = 0 } end)
  after_each(function()
    if client then client:dispose() end
    clusters:stop()
    client = nil
  end)

  describe("is killed and started again", function()
    it("calls fail within their time and say what happened, and the connections come back by themselves", function()
      open { connectTimeout = 1000 }
      for _ = 1, 2 do
        local over = false
        local failures, join = callers(8, 1000, function() return over end)
        moonpool.sleep(50)
        clusters:kill()
        moonpool.sleep(300)
        assert.equal(0, client:getPoolStats().idle)
        over = true
        join()
        assert.is_true(#failures > 0)
        for _, failure in ipairs(failures) do
          assert.is_true(failure.took < 1500, ("a call with a limit of 1000 ms took %d ms"):format(failure.took))
          assert.equal("connect", failure.err.kind)
          assert.equal("sim-1", failure.err.cluster)
          assert.is_true(failure.err.message:find("^https://127%.0%.0%.1:%d+: connection refused %(nothing listens on that port%)$") ~= nil
            or failure.err.message:find("the connection was lost", 1, true) ~= nil
            or failure.err.message:find("it was reset as soon as it was accepted", 1, true) ~= nil, failure.err.message)
        end
        clusters:restart()
        readyAgain(3)
        assert(client.core.listNamespace())
        assertAddsUp()
      end
    end)

    it("an idle pool notices at once, not at its next use", function()
      open {}
      clusters:kill()
      eventually(500, "the pool to notice", function() return client:getPoolStats().idle == 0 end)
      assert.is_true(client:getPoolStats().removed.error >= 3)
      clusters:restart()
      readyAgain(3)
      assertAddsUp()
    end)

    it("a leased connection says that it was lost, and is replaced", function()
      open {}
      local pool = assert(moonpool.ConnectionPool("sim-1", function()
        local kubeConfig = moonpool.KubeConfig()
        assert(kubeConfig:loadFromFile(clusters.kubeconfig))
        return kubeConfig
      end, { minConnections = 1, maxConnections = 1 }))
      local lease = assert(pool:acquire())
      local api = lease:makeApiClient(moonpool.CoreV1Api)
      assert(api.listNamespace())
      clusters:kill()
      local _, err = api.listNamespace { timeout = 1000 }
      assert.is_true(err.kind == "connect" or err.kind == "closed", err.kind)
      pool:release(lease)
      clusters:restart()
      eventually(2000, "another connection", function() return pool:getStats().idle == 1 end)
      local another <close> = assert(pool:acquire())
      assert.is_true(another.id > lease.id)
      assert(another:makeApiClient(moonpool.CoreV1Api).listNamespace())
      another:release()
      pool:dispose()
    end)

    it("a watch goes on with what it missed", function()
      open {}
      local names = {}
      local task = moonpool.spawn(function()
        for event in client.resources.namespace.watch() do names[#names + 1] = event.object and event.object.metadata.name end
      end)
      eventually(2000, "the first events", function() return #names >= 3 end)
      clusters:kill()
      clusters:restart()
      readyAgain(3)
      assert(client.core.createNamespace { metadata = { name = "after-the-restart" } })
      eventually(5000, "the event of after the restart", function()
        for _, name in ipairs(names) do
          if name == "after-the-restart" then return true end
        end
        return false
      end)
      task:cancel()
      task:join()
    end)
  end)

  describe("is stopped (SIGSTOP)", function()
    it("calls end when their time is over, and all is well when it goes on", function()
      open {}
      clusters:signal "STOP"
      local over = false
      local failures, join = callers(8, 300, function() return over end)
      moonpool.sleep(500)
      over = true
      join()
      assert.is_true(#failures >= 8)
      for _, failure in ipairs(failures) do
        -- The answer did not come, or (on HTTP/1.1) no connection on which to ask.
        assert.is_true(failure.err.kind == "timeout" or failure.err.kind == "acquireTimeout", failure.err.kind)
        assert.is_true(failure.took >= 290 and failure.took < 800, ("a call with a limit of 300 ms took %d ms"):format(failure.took))
        assert.is_true(failure.err.message:find("GET https://127%.0%.0%.1:%d+/api/v1/namespaces: no answer within %d+ ms$") ~= nil
          or failure.err.message:find("no connection became free in %d+ ms %b(); the server is slow to take connections, ") ~= nil,
          failure.err.message)
      end
      clusters:signal "CONT"
      assert(client.core.listNamespace())
      readyAgain(3)
      assertAddsUp()
    end)

    it("connecting ends at connectTimeout and says how far it came", function()
      open {}
      clusters:signal "STOP"
      local late = assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1",
        connectionPoolConfig = { connectTimeout = 200 } })
      local start = core.now()
      local _, err = late.core.listNamespace()
      assert.is_true(core.now() - start < 1000)
      assert.equal("timeout", err.kind)
      assert.matches("^https://127%.0%.0%.1:%d+: not connected within 200 ms: TCP connected, but the TLS handshake was not answered$",
        err.message)
      clusters:signal "CONT"
      eventually(2500, "the connections", function() return late:getPoolStats().idle >= 2 end)
      late:dispose()
    end)

    it("health checks take the connections out, and the pool is full again when it goes on", function()
      open { healthCheckInterval = 100, healthCheckTimeout = 150, healthCheckRetries = 1, connectTimeout = 300 }
      local removed = {}
      client:on("connectionRemoved", function(_, reason) removed[#removed + 1] = reason end)
      clusters:signal "STOP"
      eventually(2000, "the removal of all", function() return client:getPoolStats().removed.unhealthy >= 3 end)
      assert.equal(0, client:getPoolStats().idle)
      clusters:signal "CONT"
      readyAgain(3)
      assert(client.core.listNamespace())
      assertAddsUp()
      assert.same({ "unhealthy", "unhealthy", "unhealthy" }, table.move(removed, 1, 3, 1, {}))
    end)
  end)
end)
