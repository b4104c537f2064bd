local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"

describe("a client of a cluster", function()
  local path, contexts, client

  lazy_setup(function()
    path, contexts = clusters.start()
    client = clusters.client()
  end)
  lazy_teardown(function()
    client:dispose()
    clusters.stop()
  end)

  it("lists namespaces, deployments and pods", function()
    local names = {}
    for _, namespace in ipairs(assert(client.core.listNamespace()).items) do names[namespace.metadata.name] = true end
    assert.is_true(names.default and names["kube-system"])
    assert.equal("DeploymentList", assert(client.apps.listNamespacedDeployment("default")).kind)
    assert.equal("PodList", assert(client.resources.pod.list { namespace = "default" }).kind)
  end)

  it("works on every context, and says which", function()
    for _, context in ipairs(contexts) do
      local other <close> = clusters.client({}, context) -- luacheck: ignore other
      assert.equal(context, other:info().context)
      assert.matches(context, tostring(other), 1, true)
      assert(other.core.readNamespace("default"))
    end
  end)

  it("keeps count of its connections", function()
    local mine = clusters.client { connectionPoolConfig = { minConnections = 1, maxConnections = 3 } }
    for _ = 1, 20 do assert(mine.core.listNamespace { limit = 1 }) end
    local stats = mine:getPoolStats()
    assert.is_true(stats.total >= 1 and stats.total <= 3)
    assert.same({ 0, 0, 0 }, { stats.inUse, stats.unhealthy, stats.waitQueueLength })
    assert.equal(stats.total, stats.idle)
    assert.is_true(stats.acquired >= 20)
    mine:dispose()
    assert.equal(0, mine:getPoolStats().total)
  end)

  it("tells of its connections' lives, in order", function()
    local mine = clusters.client { connectionPoolConfig = { minConnections = 0, maxConnections = 1 } }
    local lives = {}
    for _, event in ipairs { "connectionCreated", "connectionAcquired", "connectionReleased", "connectionRemoved" } do
      mine:on(event, function(connection, reason) lives[#lives + 1] = { event, connection.id, connection.useCount, reason } end)
    end
    assert(mine.core.listNamespace())
    assert(mine.core.listNamespace())
    mine:dispose()
    moonpool.sleep(20)
    assert.same({
      { "connectionCreated", 1, 0 },
      { "connectionAcquired", 1, 1 }, { "connectionReleased", 1, 1 },
      { "connectionAcquired", 1, 2 }, { "connectionReleased", 1, 2 },
      { "connectionRemoved", 1, 2, "closed" },
    }, lives)
  end)

  it("opens a connection per call when pooling is off", function()
    local mine = clusters.client { enableConnectionPooling = false }
    local created = 0
    mine:on("connectionCreated", function() created = created + 1 end)
    for _ = 1, 3 do assert(mine.core.listNamespace { limit = 1 }) end
    mine:dispose()
    moonpool.sleep(20)
    assert.equal(3, created)
  end)

  it("gives raw answers to raw requests", function()
    local version, err, answer = client:request { path = "/version" }
    assert.is_string(version.gitVersion)
    assert.is_nil(err)
    assert.equal(200, answer.status)
    assert.matches("^application/json", answer.headers["content-type"])
    local text = assert(client:request { path = "/api/v1/namespaces", query = { limit = 1 }, raw = true })
    assert.equal("NamespaceList", moonpool.json.decode(text).kind)
    assert.equal("ok", assert(client:request { path = "/livez", accept = "*/*" }))
  end)

  it("lists what a group offers", function()
    assert.equal("APIResourceList", assert(client.apps.getAPIResources()).kind)
    assert.equal("APIGroup", assert(client.apps.getAPIGroup()).kind)
    assert.equal("apps/v1", assert(client.apps.getAPIResources()).groupVersion)
  end)

  it("runs many calls at once over few connections", function()
    local mine <close> = clusters.client { connectionPoolConfig = { maxConnections = 2 } }
    local results = moonpool.map((function()
      local list = {}
      for i = 1, 200 do list[i] = i end
      return list
    end)(), function() return assert(mine.core.readNamespace("default")).metadata.name end, { concurrency = 50 })
    for i = 1, 200 do assert.equal("default", results[i]) end
    assert.is_true(mine:getPoolStats().total <= 2)
  end)

  it("lets a call be limited and taken back", function()
    local list, err = client.core.listNamespace { maxBodySize = 100 }
    assert.is_nil(list)
    assert.equal("protocol", err.kind)
    assert.matches("maxBodySize", err.message, 1, true)
    local task = moonpool.spawn(function()
      for _ in client.resources.node.watch { labelSelector = "no=such" } do error("an event") end
    end)
    moonpool.sleep(100)
    assert.is_true(task:cancel())
    assert.equal("cancelled", select(2, task:join()).kind)
    assert(client.core.listNamespace { gzip = true })
    assert.equal("string", type(client.core.listNamespace { raw = true }))
  end)

  it("is told what it may not do", function()
    local nobody <close> = clusters.client({}, contexts[1] .. "-nobody")
    local pods, err = nobody.core.listPodForAllNamespaces()
    assert.is_nil(pods)
    assert.same({ "forbidden", 403, "Forbidden" }, { err.kind, err.status, err.reason })
    assert.matches("cannot list resource \"pods\"", tostring(err), 1, true)
    assert.matches(contexts[1] .. "-nobody", tostring(err), 1, true)
  end)

  it("keeps working while the script's own coroutines yield around its calls", function()
    -- A generator of the script: its yields reach the loop, the calls' waits reach the scheduler.
    local function names()
      return coroutine.wrap(function()
        for _, namespace in ipairs(assert(client.core.listNamespace()).items) do
          assert(client.core.readNamespace(namespace.metadata.name))
          coroutine.yield(namespace.metadata.name)
        end
      end)
    end
    local seen = {}
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = moonpool.spawn(function()
        local count = 0
        for name in names() do
          assert.is_string(name)
          count = count + 1
        end
        seen[i] = count
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    for i = 1, 5 do assert.is_true(seen[i] >= 3) end
  end)

  it("waits in place where Lua cannot yield", function()
    local list = { 3, 1, 2 }
    table.sort(list, function(a, b)
      assert(client.core.readNamespace("default"))
      return a < b
    end)
    assert.same({ 1, 2, 3 }, list)
    assert.equal("default!", (("x"):gsub("x", function()
      return assert(client.core.readNamespace("default")).metadata.name .. "!"
    end)))
  end)

  it("cannot be used any more once it is disposed", function()
    local mine = clusters.client()
    local list = mine.core.listNamespace
    mine:dispose()
    mine:dispose()
    assert.error_matches(function() list() end, "KubernetesClient .* was disposed$")
    assert.error_matches(function() mine.resources.pod.list() end, "was disposed$")
    assert.matches("disposed", tostring(mine))
  end)

  it("is closed when nobody can reach it any more, also when its own handlers use it", function()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local mine = clusters.client()
      mine:on("connectionCreated", function() mine:getPoolStats() end)
      assert(mine.core.readNamespace("default"))
      weak[1] = mine
    end
    for _ = 1, 20 do
      collectgarbage()
      if not weak[1] then break end
      moonpool.sleep(20)
    end
    assert.is_nil(weak[1])
  end)

  it("gives its logger every line instead of standard error, and no longer when it is disposed", function()
    local lines = {}
    local function keep(level) return function(_, message, fields) lines[#lines + 1] = { level, message, fields } end end
    local logger = { debug = keep "debug", info = keep "info", warn = keep "warn", error = keep "error" }
    local mine = clusters.client { logger = logger }
    moonpool.log.warn("seen", { n = 1 })
    mine:dispose()
    local attached = #lines
    assert.same({ "warn", "seen", { n = 1 } }, lines[attached])
    moonpool.log.debug("not seen")
    assert.equal(attached, #lines)
  end)

  it("makes API clients from a kubeconfig, too", function()
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromFile(path))
    assert(kubeConfig:setCurrentContext(contexts[1]))
    local core = assert(kubeConfig:makeApiClient(moonpool.CoreV1Api))
    assert.equal("default", assert(core.readNamespace("default")).metadata.name)
  end)
end)

describe("a client's options", function()
  local path

  lazy_setup(function() path = clusters.start() end)
  lazy_teardown(clusters.stop)

  local function raises(pattern, options)
    assert.error_matches(function() moonpool.KubernetesClient(options) end, pattern)
  end

  it("are checked, and the nearest name is offered", function()
    raises('KubernetesClient: unknown option "kubeConfigpath"; did you mean "kubeConfigPath"%?$', { kubeConfigpath = "x" })
    raises("option context: expected a string, got number 1$", { context = 1 })
    raises("option logger: expected a table with the functions debug, info, warn and error; debug is nil$", { logger = {} })
    raises("minConnection", { kubeConfigPath = path, connectionPoolConfig = { minConnection = 1 } })
    raises("minConnections", { kubeConfigPath = path, connectionPoolConfig = { minConnections = 3, maxConnections = 2 } })
    raises("kubeConfig and kubeConfigPath exclude each other$", { kubeConfigPath = path, kubeConfig = moonpool.KubeConfig() })
    raises("option kubeConfig: expected a moonpool.KubeConfig, got string; a file's path goes into kubeConfigPath$", { kubeConfig = "x" })
  end)

  it("name a context that is not there, and the nearest one", function()
    local client, err = moonpool.KubernetesClient { kubeConfigPath = path, context = "no-such" }
    assert.is_nil(client)
    assert.equal("config", err.kind)
    assert.matches("no-such", err.message, 1, true)
  end)

  it("say which file could not be read", function()
    local client, err = moonpool.KubernetesClient { kubeConfigPath = "/nowhere/config" }
    assert.is_nil(client)
    assert.equal("config", err.kind)
    assert.matches("/nowhere/config", err.message, 1, true)
  end)

  it("do not hide a group's or method's misspelling", function()
    local client <close> = clusters.client()
    assert.error_matches(function() return client.aps end, 'KubernetesClient has no field "aps"; did you mean "apps"%?')
    assert.error_matches(function() client.x = 1 end, 'the field "x" cannot be set$')
    assert.error_matches(function() return client.resources.pod.lst end, 'resources.pod has no method "lst"; did you mean "list"%?$')
  end)
end)
