-- pool_options_spec.lua: every option of a pool, by what it does to the connections of a simulated cluster.
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local nghttpx = require "spec.support.nghttpx"
local oneCluster = require "spec.support.one_cluster"
local sim = require "spec.support.sim"

local LONG = 10000 -- ms for what should take a moment: machines are busy
local timed = oneCluster.timed

describe("the pool option", function()
  local here

  lazy_setup(function() here = oneCluster.start() end)
  lazy_teardown(function() here:stop() end)
  before_each(function() here:reset() end)

  --- Leases `count` connections; a list, and the error of the first that could not be had.
  local function lease(pool, count)
    local leases = {}
    for _ = 1, count do
      local connection, err = pool:acquire()
      if not connection then return leases, err end
      leases[#leases + 1] = connection
    end
    return leases
  end

  local function release(pool, leases)
    for _, connection in ipairs(leases) do pool:release(connection) end
  end

  it("maxConnections bounds the connections, 10 unless said", function()
    for _, most in ipairs { 3, 10 } do
      local before = here:accepted()
      local pool <close> = here:pool { maxConnections = most ~= 10 and most or nil, acquireTimeout = 200 }
      -- The time-out is for the one that is too many only.
      local leases = {}
      for _ = 1, most do
        eventually(LONG, "a connection", function()
          local connection = pool:acquire()
          leases[#leases + 1] = connection
          return connection
        end)
      end
      local none, err = pool:acquire()
      assert.is_nil(none)
      assert.equal("acquireTimeout", err.kind)
      assert.equal(most, pool:getStats().total)
      assert.equal(most, here:accepted() - before)
      release(pool, leases)
    end
  end)

  it("minConnections are there without being asked for, 2 unless said", function()
    for _, least in ipairs { 4, 0, 2 } do
      local pool <close> = here:pool { minConnections = least ~= 2 and least or nil }
      eventually(LONG, least .. " connections", function() return pool:getStats().idle == least end)
      moonpool.sleep(50)
      assert.equal(least, pool:getStats().total)
    end
  end)

  it("minConnections are kept up when connections are lost", function()
    local pool <close> = here:pool { minConnections = 3 }
    eventually(LONG, "connections", function() return pool:getStats().idle == 3 end)
    here.cluster:dropConnections()
    eventually(LONG, "new connections", function() return pool:getStats().removed.error == 3 and pool:getStats().idle == 3 end)
    assert.equal(6, pool:getStats().created)
  end)

  it("maxIdleTime closes what nobody used for so long, down to minConnections", function()
    local pool <close> = here:pool { minConnections = 1, maxIdleTime = 100 }
    local removed = {}
    pool:on("connectionRemoved", function(_, reason) removed[#removed + 1] = reason end)
    release(pool, lease(pool, 3))
    local took = eventually(LONG, "idle connections to go", function() return pool:getStats().total == 1 end)
    assert.is_true(took >= 80)
    moonpool.sleep(150)
    assert.equal(1, pool:getStats().total)
    assert.same({ "idle", "idle" }, removed)
  end)

  it("acquireTimeout is how long a caller waits for a connection", function()
    local pool <close> = here:pool { minConnections = 0, maxConnections = 1, acquireTimeout = 100 }
    local connection
    eventually(LONG, "a connection", function()
      connection = pool:acquire()
      return connection
    end)
    local took, none, err = timed(pool.acquire, pool)
    assert.is_nil(none)
    assert.equal("acquireTimeout", err.kind)
    assert.matches("no connection became free in %d+ ms .*1 in use.*raise maxConnections or release connections sooner", err.message)
    assert.is_true(took >= 100 and took < 5000)
    pool:release(connection)
  end)

  it("healthCheckInterval is how often idle connections are checked; 0 is never", function()
    local never <close> = here:pool { minConnections = 1, healthCheckInterval = 0 }
    eventually(LONG, "connections", function() return never:getStats().idle == 1 end)
    here:reset()
    moonpool.sleep(150)
    assert.equal(0, here:requests "GET /livez")
    local often <close> = here:pool { minConnections = 1, healthCheckInterval = 20 }
    eventually(LONG, "checks", function() return here:requests "GET /livez" >= 5 end)
    assert.equal(0, often:getStats().acquired)
  end)

  it("healthCheckRetries is how many further checks a connection may fail", function()
    for _, retries in ipairs { 0, 1 } do
      local pool <close> = here:pool { minConnections = 0, healthCheckInterval = 20, healthCheckRetries = retries }
      here.faults:clear()
      release(pool, lease(pool, 1))
      here:reset()
      here.faults:set { { type = "status", code = 500, path = "/livez" } }
      eventually(LONG, "the unhealthy connection to go", function() return pool:getStats().removed.unhealthy == 1 end)
      assert.equal(retries + 1, here:requests "GET /livez")
    end
  end)

  it("enableWarmup = false makes no connection before one is needed", function()
    local before = here:accepted()
    local pool <close> = here:pool { enableWarmup = false }
    moonpool.sleep(200)
    assert.equal(0, pool:getStats().total)
    assert.equal(before, here:accepted())
    release(pool, lease(pool, 1))
    eventually(LONG, "minConnections", function() return pool:getStats().idle == 2 end)
  end)

  it("maxLifetime retires connections, whether used or not, and replaces them", function()
    local pool <close> = here:pool { minConnections = 2, maxLifetime = 100 }
    eventually(LONG, "old connections to go", function() return pool:getStats().removed.lifetime >= 2 end)
    eventually(LONG, "new ones", function() return pool:getStats().idle == 2 end)
    local connection
    eventually(LONG, "a connection", function()
      connection = pool:acquire()
      return connection
    end)
    local count = pool:getStats().removed.lifetime
    moonpool.sleep(150)
    assert.is_true(connection.age >= 100) -- a lease is left alone
    pool:release(connection)
    eventually(LONG, "connections", function() return pool:getStats().removed.lifetime > count end)
  end)

  it("connectTimeout is how long a connection may take to be established", function()
    here.faults:set { { type = "stall" } }
    local pool <close> = here:pool { minConnections = 0, connectTimeout = 100 }
    local took, none, err = timed(pool.acquire, pool)
    assert.is_nil(none)
    assert.equal("timeout", err.kind)
    assert.matches("not connected within %d+ ms", err.message)
    assert.is_true(took >= 100 and took < 5000)
  end)

  it("healthCheckTimeout is how long a check may take", function()
    local pool <close> = here:pool { minConnections = 1, healthCheckInterval = 50, healthCheckTimeout = 60 }
    local told
    pool:on("connectionUnhealthy", function(_, text) told = told or text end)
    eventually(LONG, "connections", function() return pool:getStats().idle == 1 end)
    here.faults:set { { type = "hang", path = "/livez" } }
    eventually(LONG, "a check to fail", function() return pool:getStats().removed.unhealthy == 1 end)
    -- The words, not the clock: on a busy machine 60 ms may look like more.
    assert.is_true(tonumber(told:match "/livez: no answer within (%d+) ms") < 2500)
  end)

  it("maxConnecting is how many are being established at once, 2 unless said", function()
    here.faults:set { { type = "stall" } }
    for _, most in ipairs { 4, 1, 2 } do
      local pool <close> = here:pool { minConnections = 0, connectTimeout = 60000, maxConnecting = most ~= 2 and most or nil }
      local tasks = {}
      for i = 1, 6 do tasks[i] = moonpool.spawn(pool.acquire, pool) end
      eventually(LONG, most .. " attempts at once", function() return pool:getStats().connecting == most end)
      moonpool.sleep(50)
      assert.equal(most, pool:getStats().connecting)
      assert.equal(6, pool:getStats().waitQueueLength)
      for _, task in ipairs(tasks) do task:cancel() end
    end
  end)

  --- Makes `count` calls at once; gives how many of them were under way at the same time.
  local function together(client, count)
    local tasks = {}
    for i = 1, count do tasks[i] = moonpool.spawn(client.core.listNamespace) end
    local most = 0
    eventually(LONG, "the calls", function()
      local stats = client:getPoolStats()
      most = math.max(most, stats.acquired - stats.released)
      return stats.released == count
    end)
    for _, task in ipairs(tasks) do assert(task:join()) end
    return most
  end

  it("maxStreamsPerConnection is how many calls share a connection of HTTP/2", function()
    local clusters <close> = sim.start { clusters = 2, pods = 0 }
    local proxy = nghttpx.start(clusters, "sim-1")
    finally(function() proxy:stop() end)
    clusters:faults("sim-1", { { type = "latency", ms = 500, path = "/api*" } })
    for _, most in ipairs { 3, 100 } do
      local client <close> = assert(moonpool.KubernetesClient { kubeConfigPath = proxy.kubeconfig, context = proxy.context,
        connectionPoolConfig = { minConnections = 1, maxConnections = 1, maxStreamsPerConnection = most ~= 100 and most or nil } })
      eventually(LONG, "warm-up", function() return client:getPoolStats().idle == 1 end)
      assert.equal(most, together(client, most + 5))
    end
  end)

  it("maxStreamsPerConnection is 1 over HTTP/1.1, whatever it says", function()
    here.faults:set { { type = "latency", ms = 100, path = "/api*" } }
    local client <close> = here:client { connectionPoolConfig = { minConnections = 1, maxConnections = 1,
      maxStreamsPerConnection = 50 } }
    eventually(LONG, "warm-up", function() return client:getPoolStats().idle == 1 end)
    assert.equal(1, together(client, 4))
  end)

  it("leakDetectionThreshold tells of leases held too long, with the line that took them", function()
    local logged = {}
    local logger = { warn = function(_, text) logged[#logged + 1] = text end }
    for _, level in ipairs { "debug", "info", "error" } do logger[level] = function() end end
    local client <close> = here:client { logger = logger } -- luacheck: ignore client
    local pool <close> = here:pool { leakDetectionThreshold = 50 }
    local leaks = {}
    pool:on("connectionLeaked", function(connection, place) leaks[#leaks + 1] = { connection.id, place } end)
    local line = debug.getinfo(1, "l").currentline + 1
    local connection <close> = assert(pool:acquire())
    eventually(LONG, "the leak to be told", function() return #leaks > 0 and #logged > 0 end)
    local place = ("spec/pool_options_spec.lua:%d"):format(line)
    assert.matches(place, leaks[1][2], 1, true)
    assert.equal(connection.id, leaks[1][1])
    assert.matches(place, logged[1], 1, true)
    moonpool.sleep(120)
    assert.equal(1, #leaks) -- once for each lease
    assert.equal(1, pool:getStats().leaked)
  end)

  it("leakDetectionThreshold is off unless said", function()
    local pool <close> = here:pool { leakDetectionThreshold = nil }
    local connection <close> = assert(pool:acquire()) -- luacheck: ignore connection
    moonpool.sleep(100)
    assert.equal(0, pool:getStats().leaked)
  end)

  it("is refused when it is unknown, of a wrong type, out of range, or contradicts another", function()
    local function refused(options, message)
      assert.error_matches(function() here:pool(options) end, message)
    end
    refused({ maxConnection = 1 }, "pool options: there is no option 'maxConnection'; did you mean 'maxConnections'%?$")
    refused({ max_connections = 1 }, "did you mean 'maxConnections'%?$")
    refused({ maxConnections = "10" }, "pool options: maxConnections: expected a whole number, got string$")
    refused({ maxConnections = 1.5 }, "pool options: maxConnections: expected a whole number, got 1.5$")
    refused({ maxIdleTime = true }, "pool options: maxIdleTime: expected a whole number of milliseconds, got boolean$")
    refused({ enableWarmup = 1 }, "pool options: enableWarmup: expected true or false, got number$")
    refused({ maxConnections = 0 }, "pool options: maxConnections is 0, expected 1 to 100000$")
    refused({ acquireTimeout = -1 }, "pool options: acquireTimeout is %-1, expected")
    refused({ minConnections = 11 }, "minConnections %(11%) is greater than maxConnections %(10%)$")
    refused({ "maxConnections" }, "pool options: expected names of options as keys, got a number$")
    for _, name in ipairs { "maxConnections", "minConnections", "maxIdleTime", "acquireTimeout", "healthCheckInterval",
      "healthCheckRetries", "maxLifetime", "connectTimeout", "healthCheckTimeout", "maxStreamsPerConnection", "maxConnecting",
      "leakDetectionThreshold" } do
      refused({ [name] = "1" }, name .. ": expected a whole number")
    end
  end)
end)

describe("the client option", function()
  local here

  lazy_setup(function() here = oneCluster.start() end)
  lazy_teardown(function() here:stop() end)
  before_each(function() here:reset() end)

  it("enableConnectionPooling = false opens and closes a connection per call", function()
    local before = here:accepted()
    local client <close> = here:client { enableConnectionPooling = false }
    local removed = {}
    client:on("connectionRemoved", function(conn, reason) removed[#removed + 1] = reason .. conn.useCount end)
    for _ = 1, 3 do assert(client.core.listNamespace()) end
    eventually(LONG, "connections to close", function() return #removed == 3 end)
    assert.same({ "closed1", "closed1", "closed1" }, removed)
    assert.equal(3, here:accepted() - before)
    assert.equal(0, client:getPoolStats().total)
  end)

  it("enableConnectionPooling is true unless said", function()
    local client <close> = here:client { connectionPoolConfig = { minConnections = 1 } }
    eventually(LONG, "connections", function() return client:getPoolStats().idle == 1 end)
    local before = here:accepted()
    for _ = 1, 5 do assert(client.core.listNamespace()) end
    assert.equal(before, here:accepted())
  end)

  it("connectionPoolConfig takes the pool's options", function()
    local client <close> = here:client { connectionPoolConfig = { minConnections = 5 } }
    eventually(LONG, "connections", function() return client:getPoolStats().idle == 5 end)
    assert.error_matches(function() here:client { connectionPoolConfig = { minConnection = 5 } } end, "did you mean 'minConnections'%?$")
  end)
end)
