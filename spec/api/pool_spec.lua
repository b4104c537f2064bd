local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"

describe("a connection pool in a script", function()
  local path, contexts

  local function factory()
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromFile(path))
    return kubeConfig
  end

  local function open(options)
    return assert(moonpool.ConnectionPool(contexts[1], factory, options))
  end

  lazy_setup(function() path, contexts = clusters.start() end)
  lazy_teardown(clusters.stop)

  it("leases connections that make API clients", function()
    local pool <close> = open { minConnections = 1, maxConnections = 2 }
    local connection = assert(pool:acquire())
    assert.equal("integer", math.type(connection.id))
    assert.equal(1, connection.useCount)
    local core = connection:makeApiClient(moonpool.CoreV1Api)
    assert.equal("NamespaceList", assert(core.listNamespace()).kind)
    assert.equal("DeploymentList", assert(connection:makeApiClient(moonpool.AppsV1Api).listDeploymentForAllNamespaces()).kind)
    assert.equal(1, pool:getStats().inUse)
    pool:release(connection)
    assert.equal(0, pool:getStats().inUse)
  end)

  it("gives each lease back once", function()
    local pool <close> = open()
    local connection = assert(pool:acquire())
    pool:release(connection)
    assert.error(function() pool:release(connection) end)
    do
      local lease <close> = assert(pool:acquire()) -- luacheck: ignore lease
    end
    assert.equal(0, pool:getStats().inUse)
    local other <close> = open()
    local foreign <close> = assert(other:acquire())
    assert.error(function() pool:release(foreign) end)
    assert.error_matches(function() pool:release(nil) end, "release: argument 1: expected a connection, got nil$")
  end)

  it("lets nothing be done over a connection that was given back", function()
    local pool <close> = open()
    local connection = assert(pool:acquire())
    local core = connection:makeApiClient(moonpool.CoreV1Api)
    pool:release(connection)
    assert.error(function() core.listNamespace() end)
  end)

  it("tells its events with the connection as it was then", function()
    local pool = open { minConnections = 0, maxConnections = 1 }
    local seen = {}
    pool:on("connectionCreated", function(connection) seen[#seen + 1] = "created " .. connection.useCount end)
    pool:on("connectionAcquired", function(connection) seen[#seen + 1] = "acquired " .. connection.useCount end)
    pool:on("connectionReleased", function(connection) seen[#seen + 1] = "released " .. connection.useCount end)
    pool:on("connectionRemoved", function(connection, reason) seen[#seen + 1] = ("removed %d %s"):format(connection.useCount, reason) end)
    pool:once("poolDrained", function() seen[#seen + 1] = "drained" end)
    assert.error_matches(function() pool:on("connectionMade", print) end, 'there is no event "connectionMade"')
    pool:release(assert(pool:acquire()))
    pool:release(assert(pool:acquire()))
    pool:dispose()
    moonpool.sleep(20)
    assert.same({ "created 0", "acquired 1", "released 1", "acquired 2", "released 2", "removed 2 closed", "drained" }, seen)
  end)

  it("lets a handler use the pool itself", function()
    local pool <close> = open { minConnections = 1, maxConnections = 2 }
    local count
    pool:once("connectionReleased", function()
      local connection <close> = assert(pool:acquire())
      count = #assert(connection:makeApiClient(moonpool.CoreV1Api).listNamespace()).items
    end)
    pool:release(assert(pool:acquire()))
    for _ = 1, 100 do
      if count then break end
      moonpool.sleep(20)
    end
    assert.is_true(count >= 3)
  end)

  it("makes callers wait, and tells them when it took too long", function()
    local pool <close> = open { maxConnections = 1, minConnections = 0, acquireTimeout = 50 }
    local connection = assert(pool:acquire())
    local timeouts = 0
    pool:on("acquireTimeout", function() timeouts = timeouts + 1 end)
    local none, err = pool:acquire()
    assert.is_nil(none)
    assert.equal("acquireTimeout", err.kind)
    pool:release(connection)
    moonpool.sleep(20)
    assert.equal(1, timeouts)
    assert.equal(1, pool:getStats().timeouts)
  end)

  it("reports what its factory did wrong", function()
    local pool, err = moonpool.ConnectionPool("x", function() error("no file today", 0) end)
    assert.is_nil(pool)
    assert.same({ "config", "x" }, { err.kind, err.cluster })
    assert.equal("x: the kubeConfigFactory failed: no file today (config)", tostring(err))
    pool, err = moonpool.ConnectionPool("x", function()
      local kubeConfig = moonpool.KubeConfig()
      local ok, problem = kubeConfig:loadFromFile("/nowhere")
      if not ok then return nil, problem end
      return kubeConfig
    end)
    assert.is_nil(pool)
    assert.matches("/nowhere", err.message, 1, true)
    assert.error_matches(function() moonpool.ConnectionPool("x", function() return {} end) end,
      "the kubeConfigFactory returned table; expected a moonpool.KubeConfig$")
    pool, err = moonpool.ConnectionPool("no-such-context", factory)
    assert.is_nil(pool)
    assert.matches("no-such-context", err.message, 1, true)
  end)

  it("checks its arguments", function()
    assert.error_matches(function() moonpool.ConnectionPool(nil, factory) end, "argument 1 %(context%): expected a string, got nil$")
    assert.error_matches(function() moonpool.ConnectionPool("x") end, "argument 2 %(kubeConfigFactory%): expected a function")
    assert.error_matches(function() open { maxConnection = 3 } end, "maxConnections")
    local pool <close> = open()
    local connection <close> = assert(pool:acquire())
    assert.error_matches(function() connection:makeApiClient("core") end, "expected an API class such as moonpool.CoreV1Api, got string$")
  end)
end)
