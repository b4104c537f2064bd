-- luacheck: ignore 512 (a loop over a watch that is left at its first event)
local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"

describe("a watch", function()
  local client, namespace, config

  lazy_setup(function()
    clusters.start()
    client = clusters.client()
    namespace = clusters.namespace(client)
    config = client.resources.configmap
  end)
  lazy_teardown(function()
    client.core.deleteNamespace(namespace)
    client:dispose()
    clusters.stop()
  end)

  local function create(name, labels)
    return assert(config.create({ metadata = { name = name, labels = labels or { app = "watched" } } }, { namespace = namespace }))
  end

  it("tells what is there, and then what changes", function()
    local first = clusters.name "first"
    create(first)
    local events = {}
    local task = moonpool.spawn(function()
      for event in config.watch { namespace = namespace, labelSelector = "app=watched", timeout = 10000 } do
        events[#events + 1] = event.type .. " " .. event.object.metadata.name
        assert.equal("ConfigMap", event.object.kind)
        if event.type == "DELETED" then break end
      end
    end)
    moonpool.sleep(100)
    local second = clusters.name "second"
    create(second)
    assert(config.patch(first, { data = { a = "1" } }, { namespace = namespace }))
    assert(config.delete(second, { namespace = namespace }))
    task:join()
    assert.same({ "ADDED " .. first, "ADDED " .. second, "MODIFIED " .. first, "DELETED " .. second }, events)
    assert(config.delete(first, { namespace = namespace }))
  end)

  it("begins where it is told to", function()
    local name = clusters.name "resumed"
    local version = create(name, { app = "resumed" }).metadata.resourceVersion
    assert(config.patch(name, { data = { a = "1" } }, { namespace = namespace }))
    for event in config.watch { namespace = namespace, labelSelector = "app=resumed", resourceVersion = version, timeout = 5000 } do
      assert.same({ "MODIFIED", "1" }, { event.type, event.object.data.a })
      break
    end
  end)

  it("goes on when the server ends it", function()
    local name = clusters.name "long"
    create(name, { app = "long" })
    local versions = {}
    local task = moonpool.spawn(function()
      local options = { namespace = namespace, labelSelector = "app=long", timeoutSeconds = 1, timeout = 10000 }
      for event in config.watch(options) do
        versions[#versions + 1] = event.object.data and event.object.data.n or "0"
        if #versions == 3 then break end
      end
    end)
    moonpool.sleep(1300)
    assert(config.patch(name, { data = { n = "1" } }, { namespace = namespace }))
    moonpool.sleep(1300)
    assert(config.patch(name, { data = { n = "2" } }, { namespace = namespace }))
    task:join()
    assert.same({ "0", "1", "2" }, versions)
  end)

  it("lists again when the server has forgotten where it was", function()
    local name = clusters.name "old"
    create(name, { app = "old" })
    local seen
    for event in config.watch { namespace = namespace, labelSelector = "app=old", resourceVersion = "1", timeout = 5000 } do
      seen = event
      break
    end
    assert.equal(name, seen.object.metadata.name)
  end)

  it("ends when its time is over, and gives its connection back", function()
    local begin = os.time()
    for _ in config.watch { namespace = namespace, labelSelector = "app=nothing", timeout = 300 } do error("an event") end
    assert.is_true(os.time() - begin <= 2)
    moonpool.sleep(50)
    assert.equal(0, client:getPoolStats().streams.inUse)
  end)

  it("leaves room for calls, and for others like it", function()
    -- On HTTP/1.1 every watch takes a connection of its own; on HTTP/2 they share some; neither are those of the calls.
    local mine <close> = clusters.client { connectionPoolConfig = { minConnections = 0, maxConnections = 2, acquireTimeout = 2000 } }
    local tasks = {}
    for i = 1, 8 do
      tasks[i] = moonpool.spawn(function()
        for _ in mine.resources.configmap.watch { namespace = namespace, labelSelector = "app=nothing", timeout = 30000 } do
          error("an event")
        end
      end)
    end
    moonpool.sleep(300)
    for _ = 1, 5 do assert(mine.core.readNamespace("default")) end
    local stats = mine:getPoolStats()
    assert.is_true(stats.total <= 2 and stats.inUse == 0 and stats.streams.inUse >= 1)
    for _, task in ipairs(tasks) do assert.is_true(task:cancel()) end
    moonpool.sleep(50)
    assert.equal(0, mine:getPoolStats().streams.inUse)
  end)

  it("raises what cannot be mended", function()
    local _, contexts = clusters.start()
    clusters.stop()
    local nobody <close> = clusters.client({}, contexts[1] .. "-nobody")
    local ok, err = pcall(function()
      for _ in nobody.resources.pod.watch { timeout = 5000 } do error("an event") end
    end)
    assert.is_false(ok)
    assert.equal("forbidden", err.kind)
  end)

  it("is what OpenAPI's watch methods give, too", function()
    local name = clusters.name "named"
    create(name, { app = "named" })
    for event in client.core.watchNamespacedConfigMap(name, namespace, { timeout = 5000 }) do
      assert.equal(name, event.object.metadata.name)
      break
    end
  end)
end)

describe("waiting for an object", function()
  local client, namespace, config

  lazy_setup(function()
    clusters.start()
    client = clusters.client()
    namespace = clusters.namespace(client)
    config = client.resources.configmap
  end)
  lazy_teardown(function()
    client.core.deleteNamespace(namespace)
    client:dispose()
    clusters.stop()
  end)

  local function later(fn)
    moonpool.spawn(function()
      moonpool.sleep(100)
      fn()
    end)
  end

  it("ends when it exists, when it is as wished, and when it is gone", function()
    local name = clusters.name "awaited"
    later(function() assert(config.create({ metadata = { name = name } }, { namespace = namespace })) end)
    assert.equal(name, assert(config.wait(name, "exists", { namespace = namespace, timeout = 5000 })).metadata.name)
    later(function() assert(config.patch(name, { data = { ready = "yes" } }, { namespace = namespace })) end)
    local object = assert(config.wait(name, function(one) return one.data and one.data.ready == "yes" end,
      { namespace = namespace, timeout = 5000 }))
    assert.equal("yes", object.data.ready)
    later(function() assert(config.delete(name, { namespace = namespace })) end)
    assert.is_true(config.wait(name, "deleted", { namespace = namespace, timeout = 5000 }))
    assert.is_true(config.wait(name, "deleted", { namespace = namespace, timeout = 5000 }))
  end)

  it("understands conditions", function()
    local name = clusters.name "pod"
    local pod = assert(client.core.createNamespacedPod(namespace, { metadata = { name = name },
      spec = { containers = { { name = "c", image = "i" } }, automountServiceAccountToken = false } }))
    later(function()
      pod.status = { conditions = { { type = "Ready", status = "True" } } }
      pod.metadata.resourceVersion = nil
      assert(client.core.patchNamespacedPodStatus(name, namespace, { status = pod.status }))
    end)
    assert(client.resources.pod.wait(name, "Ready", { namespace = namespace, timeout = 5000 }))
    local value, err = client.resources.pod.wait(name, "condition=None", { namespace = namespace, timeout = 100 })
    assert.is_nil(value)
    assert.equal("timeout", err.kind)
    value, err = client.resources.pod.wait(name, "Ready=False", { namespace = namespace, timeout = 100 })
    assert.is_nil(value)
    assert.equal(("Pod %s/%s is not Ready=False after 100 ms: it has Ready=True"):format(namespace, name), err.message)
  end)

  it("says when it never came", function()
    local value, err = config.wait("never", "exists", { namespace = namespace, timeout = 100 })
    assert.is_nil(value)
    assert.equal("timeout", err.kind)
    assert.matches("it is not there$", err.message)
  end)
end)
