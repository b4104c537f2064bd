-- statistics_spec.lua: what a pool counts, each field by something that changes it.
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local oneCluster = require "spec.support.one_cluster"

local LONG = 10000 -- ms for what should take a moment: machines are busy

describe("the statistics of a pool", function()
  local here

  lazy_setup(function() here = oneCluster.start() end)
  lazy_teardown(function() here:stop() end)
  before_each(function() here:reset() end)

  it("have these fields, all of them from the beginning, and are the same from a client", function()
    here.faults:set { { type = "stall" } }
    local zero = { count = 0, p50 = 0.0, p99 = 0.0, max = 0.0 }
    local function fields(connecting)
      return { total = 0, idle = 0, inUse = 0, unhealthy = 0, waitQueueLength = 0, connecting = connecting, created = 0,
        acquired = 0, released = 0, timeouts = 0, leaked = 0, waitTime = zero, useTime = zero,
        removed = { idle = 0, lifetime = 0, unhealthy = 0, error = 0, stale = 0, closed = 0 } }
    end
    local expected = fields(1) -- the first of the warm-up
    expected.retries, expected.retriesDenied = 0, 0
    expected.streams = fields(0) -- of the connections for watches and followed logs, of which none is made beforehand
    local pool <close> = here:pool()
    assert.same(expected, pool:getStats())
    local client <close> = here:client { enableConnectionPooling = true }
    assert.same(expected, client:getPoolStats())
  end)

  it("add up while connections are made, used, waited for and closed", function()
    local pool = here:pool { minConnections = 1, maxConnections = 2, acquireTimeout = 200 }
    eventually(LONG, "warm-up", function() return pool:getStats().idle == 1 end)
    local first = assert(pool:acquire())
    local second
    eventually(LONG, "a second connection", function()
      second = pool:acquire()
      return second
    end)
    local timeouts = pool:getStats().timeouts -- on a busy machine
    local waiter = moonpool.spawn(pool.acquire, pool)
    moonpool.sleep(1)
    local stats = pool:getStats()
    assert.same({ 2, 0, 2, 0, 0, 1 }, { stats.total, stats.idle, stats.inUse, stats.unhealthy, stats.connecting, stats.waitQueueLength })
    assert.same({ 2, 2, 0 }, { stats.created, stats.acquired, stats.released })
    local _, err = waiter:join()
    assert.equal("acquireTimeout", err.kind)
    assert.equal(timeouts + 1, pool:getStats().timeouts)
    assert.equal(0, pool:getStats().waitQueueLength)
    moonpool.sleep(50)
    pool:release(first)
    pool:release(second)
    stats = pool:getStats()
    assert.same({ 2, 2, 0, 2 }, { stats.total, stats.idle, stats.inUse, stats.released })
    pool:dispose()
    stats = pool:getStats()
    assert.same({ 0, 0, 2 }, { stats.total, stats.idle, stats.removed.closed })
  end)

  it("tell how long callers waited and how long they used connections, in milliseconds", function()
    local pool <close> = here:pool { minConnections = 1, maxConnections = 1 }
    eventually(LONG, "warm-up", function() return pool:getStats().idle == 1 end)
    for _ = 1, 98 do pool:release(assert(pool:acquire())) end
    local held = assert(pool:acquire())
    local waiter = moonpool.spawn(pool.acquire, pool)
    moonpool.sleep(100)
    pool:release(held)
    pool:release(assert(waiter:join()))
    local stats = pool:getStats()
    for _, times in ipairs { stats.waitTime, stats.useTime } do
      assert.equal(100, times.count)
      assert.is_true(times.p50 < 50, times.p50)
      assert.is_true(times.max >= 95 and times.max < 5000, times.max)
      assert.is_true(times.p99 <= times.max and times.p50 <= times.p99)
    end
  end)

  it("count removed connections by their reason", function()
    local function removedAfter(options, act)
      local pool <close> = here:pool(options)
      eventually(LONG, "warm-up", function() return pool:getStats().idle >= 1 end)
      act(pool)
      eventually(LONG, "a removed connection", function()
        for _, count in pairs(pool:getStats().removed) do
          if count > 0 then return true end
        end
      end)
      local reasons = {}
      for reason, count in pairs(pool:getStats().removed) do
        if count > 0 then reasons[#reasons + 1] = reason end
      end
      here.faults:clear()
      return table.concat(reasons, " ")
    end
    local one = { minConnections = 1 }
    assert.equal("error", removedAfter(one, function() here.cluster:dropConnections() end))
    assert.equal("closed", removedAfter(one, function(pool) pool:dispose() end))
    assert.equal("lifetime", removedAfter({ minConnections = 1, maxLifetime = 30 }, function() end))
    assert.equal("unhealthy", removedAfter({ minConnections = 1, healthCheckInterval = 20, healthCheckRetries = 0 }, function()
      here.faults:set { { type = "status", code = 503, path = "/livez" } }
    end))
    assert.equal("idle", removedAfter({ minConnections = 1, maxIdleTime = 20 }, function(pool)
      local a = assert(pool:acquire())
      pool:release(assert(pool:acquire()))
      pool:release(a)
    end))
  end)
end)
