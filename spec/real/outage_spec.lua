-- What a pool does when a real API server crashes, hangs and comes back.
local clusters = require "spec.support.clusters"
local core = require "moonpool.core"
local moonpool = require "moonpool"
local real = require "spec.support.real"

describe("a pool whose API server fails", function()
  local context

  lazy_setup(function()
    local _, contexts = clusters.start()
    context = contexts[#contexts]
  end)
  lazy_teardown(clusters.stop)

  local function consistent(stats)
    local removed = 0
    for _, count in pairs(stats.removed) do removed = removed + count end
    assert.equal(stats.total, stats.created - removed)
    assert.equal(stats.total, stats.idle + stats.inUse + stats.unhealthy)
  end

  it("fails calls at once while the port is refused, and has minConnections again within 2 s of the restart", function()
    local client <close> = clusters.client({ connectionPoolConfig = { minConnections = 3 } }, context)
    assert(client.core.readNamespace "default")
    repeat moonpool.sleep(10) until client:getPoolStats().idle == 3

    real.kill(context)
    local began = core.now()
    local namespace, err = client.core.readNamespace "default"
    assert.is_nil(namespace)
    assert.equal("connect", err.kind)
    assert.equal(context, err.cluster)
    local text = tostring(err) -- a connection that was on its way at that moment is reset
    assert.is_truthy(text:find("connection refused", 1, true) or text:find("Connection reset by peer", 1, true), text)
    assert.is_true(core.now() - began < 5000)
    assert.equal(0, client:getPoolStats().total)
    consistent(client:getPoolStats())

    real.restart(context)
    local ready = core.now()
    repeat moonpool.sleep(20) until client:getPoolStats().idle >= 3 or core.now() - ready > 10000
    assert.is_true(core.now() - ready <= 2000, ("took %d ms"):format(core.now() - ready))
    assert(client.core.readNamespace "default")
    consistent(client:getPoolStats())
  end)

  it("fails calls within their time limit while the server hangs, and goes on when it does", function()
    local client <close> = clusters.client({ connectionPoolConfig = { connectTimeout = 1000 } }, context)
    assert(client.core.readNamespace "default")
    real.signal(context, "STOP")
    finally(function() real.signal(context, "CONT") end)
    local began = core.now()
    local namespace, err = client.core.readNamespace("default", { timeout = 1500 })
    local took = core.now() - began
    assert.is_nil(namespace)
    assert.equal("timeout", err.kind)
    assert.matches("no answer within", tostring(err))
    assert.is_true(took >= 1400 and took < 4000, ("took %d ms"):format(took))
    real.signal(context, "CONT")
    assert(client.core.readNamespace "default")
    consistent(client:getPoolStats())
  end)

  it("loses no read to a crash that is over soon enough, and sends no write twice", function()
    local client <close> = clusters.client(nil, context)
    local namespace = clusters.namespace(client)
    local reads, failures, writes, unknown = 0, {}, 0, 0
    local stop = false
    local tasks = {}
    for i = 1, 8 do
      tasks[i] = moonpool.spawn(function()
        while not stop do
          local ok, err = client.core.readNamespace "default"
          if ok then reads = reads + 1 else failures[#failures + 1] = err end
          moonpool.sleep(1)
        end
      end)
    end
    local writer = moonpool.spawn(function()
      while not stop do
        local ok, err = client.core.createNamespacedConfigMap(namespace, { metadata = { generateName = "write-" } })
        if ok then writes = writes + 1 end
        if err and tostring(err):find("outcome is unknown", 1, true) then unknown = unknown + 1 end
        moonpool.sleep(1)
      end
    end)
    moonpool.sleep(500)
    real.kill(context)
    real.restart(context)
    moonpool.sleep(500)
    stop = true
    for _, task in ipairs(tasks) do task:join() end
    writer:join()
    assert.is_true(reads > 100)
    for _, err in ipairs(failures) do assert.equal("connect", err.kind, tostring(err)) end -- refused: it was down for seconds
    local made = assert(client.core.listNamespacedConfigMap(namespace)).items
    local count = 0
    for _, map in ipairs(made) do
      if map.metadata.name:find "^write%-" then count = count + 1 end
    end
    assert.is_true(count >= writes and count <= writes + unknown, ("%d made, %d told, %d unknown"):format(count, writes, unknown))
    assert(client.core.deleteNamespace(namespace))
    consistent(client:getPoolStats())
  end)
end)
