-- What the connections of a pool are on a real API server: TLS sessions that the kernel knows, HTTP/2, reused.
local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"
local real = require "spec.support.real"

describe("connections to a real API server", function()
  local contexts, port

  lazy_setup(function()
    contexts = select(2, clusters.start())
    port = real.port(contexts[1])
  end)
  lazy_teardown(clusters.stop)

  local function counting(client)
    local created, removed = {}, {}
    client:on("connectionCreated", function(connection) created[#created + 1] = connection.id end)
    client:on("connectionRemoved", function(connection) removed[#removed + 1] = connection.id end)
    return created, removed
  end

  it("are as many as were told of, and 1,000 calls one after the other open no further one", function()
    local client <close> = clusters.client { connectionPoolConfig = { minConnections = 2, maxConnections = 10 } }
    local created, removed = counting(client)
    assert(client.core.listNamespace())
    repeat moonpool.sleep(10) until client:getPoolStats().idle == 2
    local before, count = real.connections(port)
    assert.equal(2, count)
    for _ = 1, 1000 do assert(client.core.readNamespace "default") end
    assert.same(before, real.connections(port))
    assert.equal(2, #created)
    assert.equal(0, #removed)
    assert.equal(1001, client:getPoolStats().acquired)
  end)

  it("grow to maxConnections with what is asked at once, and no further", function()
    local client <close> = clusters.client { connectionPoolConfig = { minConnections = 1, maxConnections = 4 } }
    local created = counting(client)
    local calls = {}
    for i = 1, 200 do calls[i] = i end
    moonpool.map(calls, function() return assert(client.core.listConfigMapForAllNamespaces()) end, { concurrency = 50 })
    local _, count = real.connections(port)
    assert.equal(4, count)
    assert.equal(4, #created)
    assert.equal(4, client:getPoolStats().total)
  end)

  it("are opened and closed for each call without pooling", function()
    local client <close> = clusters.client { enableConnectionPooling = false }
    local created, removed = counting(client)
    for _ = 1, 5 do assert(client.core.readNamespace "default") end
    moonpool.sleep(100)
    assert.equal(5, #created)
    assert.equal(5, #removed)
    assert.equal(0, select(2, real.connections(port)))
  end)

  it("are gone after dispose", function()
    local client = clusters.client()
    assert(client.core.listNamespace())
    client:dispose()
    assert.equal(0, select(2, real.connections(port)))
  end)
end)
