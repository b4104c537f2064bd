local core = require("moonpool.core")
local client = require("spec.support.sim_client")

local CONFIGMAPS = "/api/v1/namespaces/default/configmaps"

describe("a watch of a simulated cluster", function()
  local api

  before_each(function() api = client.start({ clusters = 1, pods = 0 }) end)
  after_each(function() api:stop() end)

  local function configMap(name, labels) return { metadata = { name = name, labels = labels } } end

  --- Watches for a second while fn changes things.
  local function watchWhile(path, fn)
    local task = core.spawn(function()
      core.sleep(100)
      fn()
    end)
    local events = api:watch(path, 1)
    task:join()
    return events
  end

  it("tells what is there, and then what changes", function()
    assert(api:create(CONFIGMAPS, configMap("a")))
    assert.are.same({ "ADDED a", "ADDED b", "MODIFIED b", "DELETED a" }, watchWhile(CONFIGMAPS, function()
      assert(api:create(CONFIGMAPS, configMap("b")))
      assert(api:patch(CONFIGMAPS .. "/b", "merge", { data = { x = "1" } }))
      assert(api:delete(CONFIGMAPS .. "/a"))
      assert(api:create("/api/v1/namespaces/kube-system/configmaps", configMap("elsewhere")))
    end))
  end)

  it("goes on from a version", function()
    local rv = assert(api:create(CONFIGMAPS, configMap("a"))).metadata.resourceVersion
    assert(api:create(CONFIGMAPS, configMap("b")))
    assert(api:delete(CONFIGMAPS .. "/a"))
    assert.are.same({ "ADDED b", "DELETED a" }, api:watch(CONFIGMAPS .. "?resourceVersion=" .. rv, 1))
  end)

  it("shows an object as added and deleted when it enters and leaves what is selected", function()
    assert(api:create(CONFIGMAPS, configMap("a", { on = "no" })))
    assert.are.same({ "ADDED a", "MODIFIED a", "DELETED a" }, watchWhile(CONFIGMAPS .. "?labelSelector=on%3Dyes", function()
      assert(api:patch(CONFIGMAPS .. "/a", "merge", { metadata = { labels = { on = "yes" } } }))
      assert(api:patch(CONFIGMAPS .. "/a", "merge", { data = { x = "1" } }))
      assert(api:patch(CONFIGMAPS .. "/a", "merge", { metadata = { labels = { on = "no" } } }))
      assert(api:patch(CONFIGMAPS .. "/a", "merge", { data = { x = "2" } }))
    end))
  end)

  it("says inside the stream that a version is gone", function()
    local rv = assert(api:create(CONFIGMAPS, configMap("a"))).metadata.resourceVersion
    assert(api:create(CONFIGMAPS, configMap("b")))
    api.cluster.store:compact()
    assert.are.same({ "ERROR Expired" }, api:watch(CONFIGMAPS .. "?resourceVersion=" .. rv, 1))
  end)

  it("sends bookmarks to those who want them", function()
    assert.are.same({ "BOOKMARK " }, api:watch(CONFIGMAPS .. "?allowWatchBookmarks=true", 2))
  end)

  it("reaches a script that reads it only after the change", function()
    local pool <close> = setmetatable({ pool = assert(core.pool("x", api.kubeConfig, "sim-1", { enableWarmup = false })) },
      { __close = function(self) self.pool:dispose() end })
    local stream <close> = assert(pool.pool:stream({ method = "GET", path = CONFIGMAPS .. "?watch=1&timeoutSeconds=5" }))
    assert(api:create(CONFIGMAPS, configMap("a")))
    core.sleep(20)
    local begin = core.now()
    assert.truthy(assert(stream:read()):find('"ADDED"', 1, true))
    assert.is_true(core.now() - begin < 1000)
  end)

  it("is forgotten when the client hangs up", function()
    local stream = assert(core.pool("x", api.kubeConfig, "sim-1", { enableWarmup = false }):stream({ method = "GET",
      path = CONFIGMAPS .. "?watch=1" }))
    assert.is_not_nil(next(api.cluster.watchers.configmaps))
    stream:close()
    for _ = 1, 100 do
      if not next(api.cluster.watchers.configmaps) then break end
      core.sleep(10)
    end
    assert.is_nil(next(api.cluster.watchers.configmaps))
  end)
end)
