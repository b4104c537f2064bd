-- corners_spec.lua: the rules for the corners, as far as they concern one cluster.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local oneCluster = require "spec.support.one_cluster"
local program = require "spec.support.program"
local sim = require "spec.support.sim"

local LONG = 10000 -- ms for what should take a moment: machines are busy
local timed = oneCluster.timed

describe("a pool", function()
  local here

  before_each(function() here = oneCluster.start() end)
  after_each(function() here:stop() end)

  local function acquired(pool)
    local connection
    eventually(LONG, "a connection", function()
      connection = pool:acquire()
      return connection
    end)
    return connection
  end

  it("is made without waiting for the network", function()
    for _, fault in ipairs { "stall", "refuse" } do
      here.faults:set { { type = fault } }
      local took, client = timed(here.client, here)
      assert.is_true(took < 1000)
      local pool
      took, pool = timed(here.pool, here)
      assert.is_true(took < 1000)
      assert.equal(0, pool:getStats().idle + client:getPoolStats().idle)
      took = timed(client.dispose, client) + timed(pool.dispose, pool)
      assert.is_true(took < 2000)
    end
  end)

  it("whose server refuses fails its first waiter at once when it has no live connection", function()
    here.faults:set { { type = "refuse" } }
    local pool <close> = here:pool()
    local took, connection, err = timed(pool.acquire, pool)
    assert.is_nil(connection)
    assert.equal("connect", err.kind)
    assert.matches("connection refused", err.message)
    assert.is_true(took < 5000) -- not acquireTimeout's 30,000
  end)

  it("whose server refuses lets its waiters wait while it has a live connection", function()
    local pool <close> = here:pool { minConnections = 0 }
    local first <close> = acquired(pool) -- luacheck: ignore first
    here.faults:set { { type = "refuse" } }
    local waiter = moonpool.spawn(pool.acquire, pool)
    moonpool.sleep(400)
    assert.equal("running", waiter:status())
    here.faults:clear()
    pool:release(assert(waiter:join()))
  end)

  it("makes callers wait in it when it is full, in order", function()
    local pool <close> = here:pool { minConnections = 0, maxConnections = 1 }
    local held, order = acquired(pool), {}
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = moonpool.spawn(function()
        local connection <close> = assert(pool:acquire()) -- luacheck: ignore connection
        order[#order + 1] = i
      end)
    end
    eventually(LONG, "waiters", function() return pool:getStats().waitQueueLength == 5 end)
    pool:release(held)
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("counts calls through a client as uses, and tells of them", function()
    local client <close> = here:client { connectionPoolConfig = { minConnections = 1, maxConnections = 1 } }
    local seen = {}
    client:on("connectionAcquired", function(connection) seen[#seen + 1] = "acquired " .. connection.useCount end)
    client:on("connectionReleased", function(connection) seen[#seen + 1] = "released " .. connection.useCount end)
    for _ = 1, 2 do assert(client.core.listNamespace()) end
    eventually(LONG, "events", function() return #seen == 4 end)
    assert.same({ "acquired 1", "released 1", "acquired 2", "released 2" }, seen)
    assert.equal(2, client:getPoolStats().acquired)
  end)

  it("counts as inUse what carries a call or is leased", function()
    here.faults:set { { type = "latency", ms = 300, path = "/api*" } }
    local client <close> = here:client { connectionPoolConfig = { minConnections = 2, maxConnections = 3 } }
    eventually(LONG, "warm-up", function() return client:getPoolStats().idle == 2 end)
    local task = moonpool.spawn(client.core.listNamespace)
    eventually(LONG, "the call", function() return client:getPoolStats().inUse == 1 end)
    assert.equal(1, client:getPoolStats().idle)
    assert(task:join())
    assert.equal(0, client:getPoolStats().inUse)
  end)

  it("counts as unhealthy what failed a check and is being retried, and hands it out no more", function()
    local pool <close> = here:pool { minConnections = 1, maxConnections = 1, healthCheckInterval = 30, acquireTimeout = 100 }
    eventually(LONG, "warm-up", function() return pool:getStats().idle == 1 end)
    here.faults:set { { type = "status", code = 500, path = "/livez" } }
    eventually(LONG, "a failed check", function() return pool:getStats().unhealthy == 1 end)
    assert.equal(0, pool:getStats().idle)
    assert.equal(1, pool:getStats().total)
    local connection, err = pool:acquire()
    assert.is_nil(connection)
    assert.matches("1 unhealthy", err.message)
    here.faults:clear()
    eventually(LONG, "a good check", function() return pool:getStats().idle == 1 end)
    assert.equal(0, pool:getStats().unhealthy)
    assert.equal(1, pool:getStats().created)
  end)

  it("has minConnections again within 2 s of the server's return", function()
    local pool <close> = here:pool { minConnections = 3 }
    eventually(LONG, "warm-up", function() return pool:getStats().idle == 3 end)
    here.faults:set { { type = "refuse" } }
    here.cluster:dropConnections()
    moonpool.sleep(1500) -- some back-offs
    assert.equal(0, pool:getStats().idle)
    here.faults:clear()
    eventually(2000, "new connections", function() return pool:getStats().idle == 3 end)
  end)

  it("needs its factory and its kubeconfig no more once it is made", function()
    local calls, path = 0, os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(here.kubeconfig)
    file:close()
    local pool <close> = assert(moonpool.ConnectionPool("sim-1", function()
      calls = calls + 1
      local kubeConfig = moonpool.KubeConfig()
      assert(kubeConfig:loadFromFile(path))
      return kubeConfig
    end, { minConnections = 0, maxIdleTime = 20 }))
    os.remove(path)
    for _ = 1, 2 do
      pool:release(acquired(pool))
      eventually(LONG, "the connection to go", function() return pool:getStats().total == 0 end)
    end
    assert.equal(2, pool:getStats().created)
    assert.equal(1, calls)
  end)

  it("says which cluster failed, whatever failed", function()
    local client <close> = here:client { connectionPoolConfig = { minConnections = 0, maxConnections = 1, acquireTimeout = 500 } }
    local function failed(kind, value, err)
      assert.is_nil(value)
      assert.same({ kind, "sim-1" }, { err.kind, err.cluster })
    end
    assert(client.core.listNamespace())
    failed("notFound", client.core.readNamespace "nowhere")
    here.faults:set { { type = "status", code = 500 } }
    failed("server", client.core.listNamespace())
    here.faults:set { { type = "hang", path = "/api*" } }
    failed("timeout", client.core.listNamespace { timeout = 50 })
    here.faults:set { { type = "reset" } }
    failed("connect", client.core.listNamespace { retries = 0 })
    here.faults:set { { type = "hang", path = "/api*" } }
    local slow = moonpool.spawn(client.core.listNamespace)
    eventually(LONG, "a call", function() return client:getPoolStats().inUse == 1 end)
    failed("acquireTimeout", client.core.listNamespace())
    local task = moonpool.spawn(client.core.listNamespace)
    eventually(LONG, "a waiter", function() return client:getPoolStats().waitQueueLength == 1 end)
    task:cancel()
    slow:cancel()
    here.faults:set { { type = "refuse" } }
    eventually(LONG, "no connection", function() return client:getPoolStats().total == 0 end)
    failed("connect", client.core.listNamespace { retries = 0 })
    here.faults:set { { type = "badCertificate" } }
    moonpool.sleep(200)
    eventually(LONG, "another attempt", function() return select(2, client.core.listNamespace()).kind == "tls" end)
    failed("tls", client.core.listNamespace())
    local pool = here:pool { minConnections = 0, maxConnections = 1 }
    local waiter = moonpool.spawn(pool.acquire, pool)
    moonpool.sleep(1)
    pool:dispose()
    local value, err = waiter:join()
    assert.is_nil(value)
    assert.equal("sim-1", err.cluster)
  end)
end)

describe("the slow rules", function()
  -- All at the same time, each with a cluster of its own.
  it("healthCheckRetries = 3 is one check and three retries; a lease has 5 s to come back to a pool that is disposed", function()
    local checked, drained = oneCluster.start(), oneCluster.start()
    finally(function()
      checked:stop()
      drained:stop()
    end)
    local retries = moonpool.spawn(function()
      local pool <close> = checked:pool { minConnections = 0, healthCheckInterval = 100 }
      pool:release(assert(pool:acquire()))
      checked:reset()
      checked.faults:set { { type = "status", code = 500, path = "/livez" } }
      eventually(LONG, "the connection to go", function() return pool:getStats().removed.unhealthy == 1 end)
      return checked:requests "GET /livez"
    end)
    local pool = drained:pool { minConnections = 2, maxConnections = 2 }
    local waiter
    local first, forgotten = assert(pool:acquire()), assert(pool:acquire())
    local removed = {}
    pool:on("connectionRemoved", function(_, reason) removed[#removed + 1] = reason end)
    waiter = moonpool.spawn(pool.acquire, pool)
    moonpool.sleep(20)
    local start = core.now()
    local disposal = moonpool.spawn(pool.dispose, pool)
    local again = moonpool.spawn(function()
      moonpool.sleep(100)
      pool:dispose()
      return core.now() - start
    end)
    local connection, err = waiter:join()
    assert.is_nil(connection)
    assert.equal("closed", err.kind)
    moonpool.sleep(200)
    -- Its calls still work, and it can be given back.
    assert.equal("NamespaceList", assert(first:makeApiClient(moonpool.CoreV1Api).listNamespace()).kind)
    pool:release(first)
    assert.equal("running", disposal:status())
    disposal:join()
    local took = core.now() - start
    assert.is_true(took >= 4900 and took < 9000, ("cut after %d ms"):format(took))
    assert.is_true(again:join() >= 4900) -- the second dispose waits like the first
    local list
    list, err = forgotten:makeApiClient(moonpool.CoreV1Api).listNamespace()
    assert.is_nil(list)
    assert.equal("closed", err.kind)
    forgotten:release() -- harmless
    eventually(LONG, "events", function() return #removed == 2 end)
    assert.same({ "closed", "closed" }, removed)
    assert.equal(0, (timed(pool.dispose, pool)) // 1000)
    assert.error_matches(function() pool:acquire() end, "ConnectionPool sim%-1 was disposed$")

    assert.equal(4, retries:join())
  end)
end)

describe("a lease", function()
  local here

  lazy_setup(function() here = oneCluster.start() end)
  lazy_teardown(function() here:stop() end)

  it("that was released is closed without any effect, at the end of its block or when it is collected", function()
    local pool <close> = here:pool { minConnections = 1, maxConnections = 2 }
    local other
    do
      local connection <close> = assert(pool:acquire())
      pool:release(connection)
      other = assert(pool:acquire()) -- the same connection, now somebody else's
      assert.equal(connection.id, other.id)
    end
    assert.equal(1, pool:getStats().inUse)
    pool:release(other)
    assert.equal(2, pool:getStats().released)
  end)

  it("is released once, to the pool that it came from", function()
    local pool <close> = here:pool()
    local connection = assert(pool:acquire())
    pool:release(connection)
    assert.error_matches(function() pool:release(connection) end, "already released")
    assert.error_matches(function() connection:release() end, "already released")
    local foreign <close> = here:pool()
    local lease <close> = assert(pool:acquire())
    assert.error_matches(function() foreign:release(lease) end, "connection %d+ belongs to another pool of 'sim%-1'$")
    assert.equal(1, pool:getStats().inUse)
  end)
end)

describe("a handler", function()
  local here

  lazy_setup(function() here = oneCluster.start() end)
  lazy_teardown(function() here:stop() end)

  it("of a pool's events that waits delays only its own next event", function()
    local pool <close> = here:pool { minConnections = 1, maxConnections = 1 }
    eventually(LONG, "warm-up", function() return pool:getStats().idle == 1 end)
    local slow, quick, running = {}, {}, 0
    pool:on("connectionAcquired", function(connection)
      running = running + 1
      assert.equal(1, running)
      moonpool.sleep(30)
      slow[#slow + 1] = connection.useCount
      running = running - 1
    end)
    pool:on("connectionAcquired", function(connection) quick[#quick + 1] = connection.useCount end)
    for _ = 1, 5 do pool:release(assert(pool:acquire())) end
    eventually(LONG, "the quick ones", function() return #quick == 5 end)
    assert.is_true(#slow < 5)
    eventually(LONG, "the slow ones", function() return #slow == 5 end)
    assert.same({ 1, 2, 3, 4, 5 }, slow)
    assert.same(slow, quick)
  end)

  it("runs whatever else its script waits for", function()
    local pool <close> = here:pool { minConnections = 1 }
    local seen = 0
    pool:on("connectionAcquired", function() seen = seen + 1 end)
    local connection <close> = assert(pool:acquire())
    assert(connection:makeApiClient(moonpool.CoreV1Api).listNamespace())
    assert.equal(1, seen)
  end)

  it("loses the oldest events, counted, when its script lets none of more than 10,000 run", function()
    local lines = {}
    local logger = { warn = function(_, text) lines[#lines + 1] = text end }
    for _, level in ipairs { "debug", "info", "error" } do logger[level] = function() end end
    moonpool.log.attach(logger)
    finally(function() moonpool.log.detach(logger) end)
    local pool <close> = here:pool { minConnections = 1, maxConnections = 1 }
    eventually(LONG, "warm-up", function() return pool:getStats().idle == 1 end)
    local count, last = 0, nil
    pool:on("connectionReleased", function(connection)
      count = count + 1
      last = connection.useCount
    end)
    for _ = 1, 7000 do pool:release(assert(pool:acquire())) end -- an idle connection: no wait
    eventually(LONG, "the last one", function() return last == 7000 end)
    assert.equal(5000, count)
    eventually(LONG, "the warning", function() return #lines > 0 end)
    assert.equal(1, #lines)
    assert.matches("the script let no events run while more than 10000 of them came: the oldest 400%d were dropped$", lines[1])
  end)
end)

describe("the program", function()
  it("prefers a subcommand to a script of the same name, which is ./NAME", function()
    local folder = program.shell("mktemp -d").out:gsub("\n", "")
    finally(function() os.execute("rm -r " .. folder) end)
    program.shell(("echo 'print(1234)' >%s/version"):format(folder))
    local path = program.shell("readlink -f " .. program.path).out:gsub("\n", "")
    assert.matches("^moonpool ", program.shell(("cd %s && %s version"):format(folder, path)).out)
    assert.equal("1234\n", program.shell(("cd %s && %s ./version"):format(folder, path)).out)
  end)

  it("reports a logger that raises once, and then uses standard error", function()
    local clusters <close> = sim.start { clusters = 1, pods = 0 }
    local result = program.run("--kubeconfig", clusters.kubeconfig, "-e", [[
      local moonpool = require "moonpool"
      local logger, calls = {}, 0
      for _, level in ipairs { "debug", "info", "warn", "error" } do
        logger[level] = function() calls = calls + 1 error("disk full", 0) end
      end
      local client = assert(moonpool.KubernetesClient { logger = logger })
      moonpool.log.warn("first")
      moonpool.log.warn("second")
      assert(client.core.listNamespace())
      client:dispose()
      print(calls)]])
    assert.equal("1\n", result.out)
    assert.equal("moonpool: error: the logger raised an error and is not used any more: disk full\n"
      .. "moonpool: warn: first\nmoonpool: warn: second\n", result.err)
  end)
end)

describe("in stock Lua", function()
  if not program.libraries then
    pending("the module is instrumented: it cannot be loaded there")
    return
  end

  it("events run in any call that waits, in poll, and in run", function()
    local clusters <close> = sim.start { clusters = 1, pods = 0 }
    local result = program.withFile([[
      local moonpool = require "moonpool"
      local client = assert(moonpool.KubernetesClient { kubeConfigPath = (...),
        connectionPoolConfig = { minConnections = 1, maxConnections = 1 } })
      local seen = {}
      local function count(event) client:on(event, function() seen[event] = (seen[event] or 0) + 1 end) end
      count "connectionCreated" count "connectionAcquired" count "connectionRemoved" count "poolDrained"
      assert(client.core.listNamespace())
      assert(client.core.listNamespace())
      print("call", seen.connectionCreated, (seen.connectionAcquired or 0) >= 1)
      moonpool.poll(0)
      print("poll", seen.connectionAcquired)
      client:dispose()
      moonpool.run()
      print("run", seen.connectionRemoved, seen.poolDrained)]], function(path)
      return program.stock(path, clusters.kubeconfig)
    end)
    assert.equal("", result.err)
    assert.equal("call\t1\ttrue\npoll\t2\nrun\t1\t1\n", result.out)
  end)
end)
