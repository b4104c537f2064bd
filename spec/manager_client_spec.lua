-- manager_client_spec.lua: clients of a manager: of one cluster, and of several, where what belongs to one cluster stays there.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local managed = require "spec.support.managed"
local moonpool = require "moonpool"

local LONG = 10000 -- ms for what should take a moment: machines are busy

describe("a client of a manager", function()
  local here, manager

  lazy_setup(function() here = managed.start { clusters = 3, pods = 9 } end)
  lazy_teardown(function() here:stop() end)
  before_each(function() manager = here:manager() end)
  after_each(function()
    manager:dispose()
    here:clear()
  end)

  local function configMap(name) return { metadata = { name = name, namespace = "default" }, data = { of = name } } end

  local function failed(kind, pattern, value, err)
    assert.is_nil(value)
    assert.equal(kind, err.kind, tostring(err))
    assert.matches(pattern, tostring(err))
    return err
  end

  local function misused(pattern, fn)
    local ok, problem = pcall(fn)
    assert.is_false(ok)
    assert.matches("^spec/manager_client_spec.lua:%d+: " .. pattern, problem)
  end

  -- ------------------------------------------------------------------------------------------------------ one cluster
  it("for one name talks to that cluster only, and gives its own errors", function()
    local client = assert(manager:client "sim-2")
    for _ = 1, 3 do assert(client.core.listNamespace()) end
    assert(client.resources.configMap.create(configMap "only-here"))
    assert(here.byName["sim-2"]:stats().requests["POST /api/v1/namespaces/default/configmaps"] >= 1)
    local err = failed("notFound", "nowhere", client.core.readNamespace "nowhere")
    assert.equal("sim-2", err.cluster)
    assert.same({ "sim-2", "sim-2" }, { client:info().name, client:info().context })
    assert.equal(1, client:getPoolStats().total)
    assert.matches("^moonpool.KubernetesClient %(sim%-2, https://127.0.0.1:%d+%)$", tostring(client))
    assert.equal(1, select("#", client:request { path = "/version" }) - 2) -- body, nil, answer: as any client's
    here:down(manager, "sim-2")
    local start = core.now()
    err = failed("connect", "connection refused", client.core.listNamespace())
    assert.equal("sim-2", err.cluster)
    assert.is_true(core.now() - start < 1000)
    local lease, problem = manager:client("sim-2").core.listNamespace()
    failed("connect", "connection refused", lease, problem)
  end)

  it("for one name refuses what is for several", function()
    local client = assert(manager:client "sim-2")
    assert(client.core.listNamespace { cluster = "sim-2" })
    misused('option cluster: this client is for the cluster "sim%-2", not for "sim%-1"', function()
      client.core.listNamespace { cluster = "sim-1" }
    end)
    misused("option key goes with a client that chooses among several clusters", function() client.core.listNamespace { key = "a" } end)
  end)

  -- -------------------------------------------------------------------------------------------------- several clusters
  it("for several chooses for every call, and says whom", function()
    local client = assert(manager:client())
    local order = {}
    for i = 1, 6 do
      local list, err, answer = client.core.listNamespace()
      assert(list, err)
      assert.equal(200, answer.status)
      order[i] = answer.cluster
    end
    assert.same({ "sim-1", "sim-2", "sim-3", "sim-1", "sim-2", "sim-3" }, order)
    local pod, err, answer = client.resources.pod.list { namespace = "default" }
    assert(pod, err)
    assert.equal("sim-1", answer.cluster)
    local version
    version, err, answer = client:request { path = "/version" }
    assert(version, err)
    assert.same({ "sim-2", 200, "application/json" }, { answer.cluster, answer.status, answer.headers["content-type"] })
    err = select(2, client.core.readNamespace "nowhere")
    assert.equal("sim-3", err.cluster)
    assert.same({ name = "all clusters", clusters = { "sim-1", "sim-2", "sim-3" } }, client:info())
    assert.equal("moonpool.KubernetesClient (all clusters)", tostring(client))
  end)

  it("for a pattern chooses among the clusters that match when it is called", function()
    local client = assert(manager:client { "sim-*", "^/[13]$/" })
    for _ = 1, 3 do assert.equal("sim-2", select(3, client.core.listNamespace()).cluster) end
    assert.equal("moonpool.KubernetesClient (clusters sim-*, ^/[13]$/)", tostring(client))
    local none = assert(manager:client "prod-*")
    failed("noHealthyCluster", "none is selected", none.core.listNamespace())
    assert(manager:addCluster(here:cluster("prod-1", { context = "sim-1" })))
    assert.equal("prod-1", select(3, none.core.listNamespace()).cluster)
    failed("config", "prod%-%[", manager:client "/prod-[/")
  end)

  it("can name the cluster of a call, which is then asked and no other", function()
    local client = assert(manager:client "sim-*")
    for _ = 1, 3 do
      local list, err, answer = client.core.listNamespace { cluster = "sim-3" }
      assert(list, err)
      assert.same({ "sim-3", 200 }, { answer.cluster, answer.status })
    end
    assert.equal("sim-3", select(3, client:request { path = "/version", cluster = "sim-3" }).cluster)
    failed("config", 'there is no cluster "sim%-9"', client.core.listNamespace { cluster = "sim-9" })
    assert(manager:addCluster(here:cluster("other", { context = "sim-1" })))
    failed("config", 'the cluster "other" is none of clusters sim%-%*', client.core.listNamespace { cluster = "other" })
    here:down(manager, "sim-3")
    failed("connect", "connection refused", client.core.listNamespace { cluster = "sim-3" })
  end)

  it("reads from another cluster when one fails, also in the middle of it", function()
    local client = assert(manager:client())
    here.byName["sim-1"].faults:set { { type = "status", code = 503, path = "/api*" } }
    here.byName["sim-2"].faults:set { { type = "reset", path = "/api*" } }
    for _ = 1, 6 do
      local list, err, answer = client.core.listNamespace()
      assert(list, err)
      assert.equal("sim-3", answer.cluster)
    end
  end)

  it("does not write to another cluster, unless the script opted in", function()
    here.byName["sim-1"].faults:set { { type = "status", code = 503, path = "/api*" } }
    local client = assert(manager:client { "sim-1", "sim-2" })
    local outcomes = {}
    for i = 1, 2 do
      local made, err, answer = client.resources.configMap.create(configMap("write-" .. i))
      outcomes[made and answer.cluster or err.cluster] = made and "made" or err.kind
    end
    assert.same({ ["sim-1"] = "server", ["sim-2"] = "made" }, outcomes)
    local daring <close> = here:manager { failoverWrites = true, clusterHealthCheckInterval = 30000 }
    client = assert(daring:client { "sim-1", "sim-2" })
    for i = 3, 6 do
      local made, err, answer = client.resources.configMap.create(configMap("write-" .. i))
      assert(made, err)
      assert.equal("sim-2", answer.cluster)
    end
  end)

  it("gives the chosen cluster's own error without enableFailover", function()
    local careful <close> = here:manager { enableFailover = false, clusterHealthCheckInterval = 30000 }
    here.byName["sim-1"].faults:set { { type = "status", code = 502, path = "/api*" } }
    local client, outcomes = assert(careful:client()), {}
    for _ = 1, 3 do
      local list, err, answer = client.core.listNamespace { retries = 0 }
      outcomes[list and answer.cluster or err.cluster] = list and "list" or err.kind
    end
    assert.same({ ["sim-1"] = "server", ["sim-2"] = "list", ["sim-3"] = "list" }, outcomes)
  end)

  -- ------------------------------------------------------------------------------------------- what belongs to one cluster
  it("reads a list page by page from one cluster", function()
    local client = assert(manager:client())
    for _, name in ipairs(here.names) do here.byName[name]:resetStats() end
    local count = 0
    for pod in client.resources.pod.each { limit = 2 } do
      assert.equal("Pod", pod.kind)
      count = count + 1
      if count == 3 then assert(client.core.listNamespace()) end -- others go on choosing
    end
    assert.equal(9, count)
    local pages = {}
    for _, name in ipairs(here.names) do pages[#pages + 1] = here.byName[name]:stats().requests["GET /api/v1/pods"] end
    assert.same({ 5 }, pages) -- one cluster, all of them
  end)

  it("ends a list that was begun with the error of its cluster, never with another's rest", function()
    local client = assert(manager:client())
    local each = client.resources.pod.each { limit = 2 }
    for _ = 1, 2 do each() end
    local begun
    for _, name in ipairs(here.names) do
      if here.byName[name]:stats().requests["GET /api/v1/pods"] then begun = begun or name end
    end
    for _, name in ipairs(here.names) do here.byName[name].faults:set { { type = "status", code = 500, path = "/api/v1/pods*" } } end
    local ok, err = pcall(each)
    assert.is_false(ok)
    assert.equal("server", err.kind)
    assert.not_nil(begun)
  end)

  it("watches and waits in one cluster", function()
    local client, name = assert(manager:client()), "watched"
    local events, watcher = {}, nil
    local task = moonpool.spawn(function()
      watcher = client.resources.configMap.watch { namespace = "default", fieldSelector = "metadata.name=" .. name }
      for event in watcher do events[#events + 1] = event.type end
    end)
    eventually(LONG, "a watch", function()
      for _, one in ipairs(here.names) do
        if manager:getStats()[one].poolStats.streams.inUse > 0 then return true end
      end
    end)
    local at
    for _, one in ipairs(here.names) do
      if manager:getStats()[one].poolStats.streams.inUse > 0 then at = one end
    end
    for _, one in ipairs(here.names) do assert(manager:client(one).resources.configMap.create(configMap(name))) end
    eventually(LONG, "an event", function() return #events > 0 end)
    assert(manager:client(at).resources.configMap.delete(name))
    eventually(LONG, "the last event", function() return events[#events] == "DELETED" end)
    assert.same({ "ADDED", "DELETED" }, events) -- of one cluster
    watcher:close()
    task:join()
    assert(client.resources.configMap.wait(name, "exists", { timeout = LONG, cluster = at == "sim-1" and "sim-2" or "sim-1" }))
    local missing, err = client.resources.configMap.wait(name, "exists", { timeout = 100, cluster = at })
    failed("timeout", "ConfigMap default/watched is not there after 100 ms", missing, err)
    assert.equal(at, err.cluster)
  end)

  it("refuses a place in one cluster's history without its name", function()
    local client = assert(manager:client())
    local page, _, answer = client.core.listPodForAllNamespaces { limit = 2 }
    local token = page.metadata.continue
    misused("continue goes on with the list of one cluster: name that", function()
      client.core.listPodForAllNamespaces { limit = 2, continue = token }
    end)
    local more, err, where = client.core.listPodForAllNamespaces { limit = 2, continue = token, cluster = answer.cluster }
    assert(more, err)
    assert.equal(answer.cluster, where.cluster)
    local version = page.metadata.resourceVersion
    misused("a resourceVersion means something in one cluster only", function()
      client.core.listPodForAllNamespaces { resourceVersion = version }
    end)
    misused("a resourceVersion means", function() client.core.readNamespace("default", { resourceVersion = version }) end)
    misused("continue goes on", function() client:request { path = "/api/v1/pods?limit=2&continue=" .. token } end)
    misused("a resourceVersion means", function() client:request { path = "/api/v1/pods", query = { resourceVersion = version } } end)
    local ok, problem = pcall(function()
      for _ in client.resources.pod.watch { resourceVersion = version } do error "unreachable" end
    end)
    assert.is_false(ok)
    assert.matches("a resourceVersion means", problem)
    assert(client.core.listNamespace { resourceVersion = "" })
    assert(client.core.listNamespace { resourceVersion = "0" })
    -- An object that was read carries one, too: it cannot be written back anywhere.
    local namespace
    namespace, err, answer = client.core.readNamespace "default"
    assert(namespace, err)
    misused("a resourceVersion means", function() client.core.replaceNamespace("default", namespace) end)
    misused("a resourceVersion means", function() client.resources.namespace.replace(namespace) end)
    misused("a resourceVersion means", function()
      client:request { method = "PUT", path = "/api/v1/namespaces/default", body = namespace }
    end)
    assert(client.resources.namespace.replace(namespace, { cluster = answer.cluster }))
  end)

  it("takes the namespace of the contexts where they agree, and asks for it where they do not", function()
    local client = assert(manager:client())
    assert(client.resources.configMap.create { metadata = { name = "anywhere" } })
    local text = here.text:gsub("(user: sim%-2%-admin\n    namespace:) default", "%1 elsewhere")
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromString(text))
    assert(manager:addCluster { name = "moved", kubeConfig = kubeConfig, context = "sim-2" })
    assert.equal("elsewhere", manager:client("moved"):info().namespace)
    misused('name the namespace: the context of "sim%-1" has "default", that of "moved" has "elsewhere"', function()
      client.resources.configMap.get "anywhere"
    end)
    local _, err = client.resources.configMap.get("anywhere", { namespace = "default" })
    assert.is_true(err == nil or err.kind == "notFound")
  end)

  it("finds a kind that one of the clusters has", function()
    assert(manager:client("sim-3").resources["customresourcedefinitions"].create {
      metadata = { name = "widgets.example.com" },
      spec = { group = "example.com", scope = "Namespaced", names = { plural = "widgets", kind = "Widget", singular = "widget" },
        versions = { { name = "v1", served = true, storage = true, schema = { openAPIV3Schema = { type = "object" } } } } } })
    local client = assert(manager:client())
    local found, kinds = nil, {}
    for _ = 1, 3 do
      local list, err, answer = client.resources.widgets.list()
      if list then found = answer.cluster else kinds[#kinds + 1] = err.kind end
    end
    assert.equal("sim-3", found)
    assert.same({ "notFound", "notFound" }, kinds) -- the others, by their own answer
    local list = assert(client["example.com"].listWidgetForAllNamespaces { cluster = "sim-3" })
    assert.equal("WidgetList", list.kind)
    failed("notFound", 'has no resource "gadgets"', client.resources.gadgets.list())
  end)

  it("asks each cluster for a kind in the version that it has", function()
    for name, version in pairs { ["sim-1"] = "v1", ["sim-2"] = "v2" } do
      assert(manager:client(name).resources["customresourcedefinitions"].create {
        metadata = { name = "sprockets.sample.com" },
        spec = { group = "sample.com", scope = "Namespaced", names = { plural = "sprockets", kind = "Sprocket", singular = "sprocket" },
          versions = { { name = version, served = true, storage = true, schema = { openAPIV3Schema = { type = "object" } } } } } })
    end
    local client, versions = assert(manager:client "sim-[12]"), {}
    for _ = 1, 4 do
      local list, err, answer = client.resources.sprockets.list { namespace = "default" }
      assert.is_nil(err)
      versions[answer.cluster] = list.apiVersion
    end
    assert.same({ ["sim-1"] = "sample.com/v1", ["sim-2"] = "sample.com/v2" }, versions)
  end)

  -- --------------------------------------------------------------------------------------------------------- the rest
  it("has no pool, no events and no end of the clusters of its own", function()
    local client = assert(manager:client())
    misused("getPoolStats: this client is for several clusters; see getStats%(%) of its manager", function() client:getPoolStats() end)
    for _, method in ipairs { "on", "once" } do
      misused(method .. ": a client of a manager has no events of its own", function() client[method](client, "poolReady", print) end)
    end
    client:dispose()
    misused("KubernetesClient all clusters was disposed", function() client.core.listNamespace() end)
    assert(manager:client().core.listNamespace())
    local other = assert(manager:client "sim-1")
    manager:dispose()
    misused("ConnectionManager was disposed", function() other.core.listNamespace() end)
  end)

  it("keeps its manager alive", function()
    local client
    do
      local own = here:manager()
      client = assert(own:client())
    end
    for _ = 1, 3 do collectgarbage() end
    assert(client.core.listNamespace())
  end)

  it("runs many calls at once", function()
    local client, counts = assert(manager:client()), {}
    local _, errors = moonpool.map(setmetatable({}, { __len = function() return 90 end, __index = function(_, i) return i end }), function()
      local list, err, answer = client.core.listNamespace()
      if list then counts[answer.cluster] = (counts[answer.cluster] or 0) + 1 end
      return list, err
    end, { concurrency = 30 })
    assert.is_nil(errors)
    assert.same({ ["sim-1"] = 30, ["sim-2"] = 30, ["sim-3"] = 30 }, counts)
  end)
end)
