-- manager_spec.lua: the connection manager: clusters that come and go, leases, statistics, health by hand, and the end.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local managed = require "spec.support.managed"
local moonpool = require "moonpool"

local LONG = 10000 -- ms for what should take a moment: machines are busy

local function timed(fn, ...)
  local start = core.now()
  local results = table.pack(fn(...))
  return core.now() - start, table.unpack(results, 1, results.n)
end

local function failed(kind, pattern, value, err)
  assert.is_nil(value)
  assert.equal(kind, err.kind, tostring(err))
  assert.matches(pattern, tostring(err))
  return err
end

describe("the seed's second example", function()
  it("works, line by line", function()
    local here = managed.start { name = "region", pods = 6 }
    local path, printed = os.tmpname(), {}
    here.group:writeKubeconfig(path)
    local function setupMultiCluster()
      local manager = moonpool.ConnectionManager {
        loadBalancingStrategy = moonpool.LoadBalancingStrategy.LEAST_CONNECTIONS,
        enableFailover = true,
        clusterHealthCheckInterval = 30000,
        defaultPoolConfig = {
          minConnections = 3,
          maxConnections = 15,
        },
      }

      -- Add multiple clusters
      local clusters = { "region-1", "region-2", "region-3" }

      for _, region in ipairs(clusters) do
        assert(manager:addCluster {
          name = ("cluster-%s"):format(region),
          kubeConfigFactory = function()
            local kc = moonpool.KubeConfig()
            kc:loadFromFile(path)
            kc:setCurrentContext(region)
            return kc
          end,
        })
      end

      -- Perform operations across clusters
      local function listPodsAcrossClusters()
        local results = {}

        for _, region in ipairs(clusters) do
          local ok, problem = pcall(function()
            local cluster, connection = assert(manager:acquire(("cluster-%s"):format(region)))
            local api = connection:makeApiClient(moonpool.CoreV1Api)
            local pods = assert(api.listPodForAllNamespaces())
            results[cluster] = #pods.items
            manager:release(cluster, connection)
          end)
          if not ok then printed[#printed + 1] = ("Failed to list pods in %s: %s"):format(region, problem) end
        end

        return results
      end

      -- Monitor cluster health
      local timer = moonpool.every(50, function()
        for cluster, stat in pairs(manager:getStats()) do
          printed[cluster] = ("%s: %s (%d/%d)"):format(cluster, stat.healthy and "✓" or "✗", stat.poolStats.idle, stat.poolStats.total)
        end
      end)

      return manager, listPodsAcrossClusters, timer
    end

    local manager, listPodsAcrossClusters, timer = setupMultiCluster()
    assert.same({ ["cluster-region-1"] = 6, ["cluster-region-2"] = 6, ["cluster-region-3"] = 6 }, listPodsAcrossClusters())
    eventually(LONG, "three connections each", function()
      return printed["cluster-region-1"] == "cluster-region-1: ✓ (3/3)" and printed["cluster-region-3"] == "cluster-region-3: ✓ (3/3)"
    end)
    timer:stop()
    here.byName["region-2"].faults:set { { type = "die" } }
    eventually(LONG, "its connections to be lost", function() return manager:getStats()["cluster-region-2"].poolStats.total == 0 end)
    local results = listPodsAcrossClusters()
    assert.equal(6, results["cluster-region-1"])
    assert.is_nil(results["cluster-region-2"]) -- its place was taken by another one, or it was said to have failed
    manager:dispose()
    here:stop()
    os.remove(path)
  end)
end)

describe("a manager", function()
  local here

  lazy_setup(function() here = managed.start { clusters = 3, endpoints = 2 } end)
  lazy_teardown(function() here:stop() end)
  after_each(function() here:clear() end)

  -- --------------------------------------------------------------------------------------------------------- clusters
  it("is made, and is given clusters, without waiting for the network", function()
    for _, name in ipairs(here.names) do here.byName[name].faults:set { { type = "stall" } } end
    local took, manager = timed(moonpool.ConnectionManager)
    for _, name in ipairs(here.names) do took = took + timed(manager.addCluster, manager, here:cluster(name)) end
    assert.is_true(took < 1000)
    assert.equal("unknown", manager:getStats()["sim-1"].state)
    assert.is_false(manager:getStats()["sim-1"].healthy)
    manager:dispose()
  end)

  it("takes a cluster by path and context, by factory, by kubeconfig, and with all the rest", function()
    local path = os.tmpname()
    here.group:writeKubeconfig(path)
    local manager <close> = moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 0, maxConnections = 7 } }
    assert.is_true(manager:addCluster { name = "by-path", kubeConfigPath = path, context = "sim-2" })
    assert.is_true(manager:addCluster { name = "by-factory", kubeConfigFactory = function() return here:kubeConfig() end,
      context = "sim-3" })
    assert.is_true(manager:addCluster { name = "by-handle", kubeConfig = here:kubeConfig(), context = "sim-1",
      endpoints = here.byName["sim-1"].urls, weight = 2.5, labels = { env = "prod" }, zone = "eu", priority = -1,
      poolConfig = { minConnections = 1 } })
    os.remove(path)
    local stats = manager:getStats()
    assert.equal("sim-2", manager:client("by-path"):info().context)
    assert.equal("sim-3", manager:client("by-factory"):info().context)
    local rich = stats["by-handle"]
    assert.same({ 2.5, { env = "prod" }, "eu", -1, 2 }, { rich.weight, rich.labels, rich.zone, rich.priority, #rich.endpoints })
    assert.same({ "by-path", "by-factory", "by-handle" }, manager:clusters())
    assert.same({ "by-path", "by-factory" }, manager:clusters { "by-*", "^*handle" })
    assert.same({ "by-handle" }, manager:clusters(nil, { env = "prod" }))
    eventually(LONG, "the connection of its own poolConfig", function()
      return manager:getStats()["by-handle"].poolStats.idle == 1
    end)
    -- poolConfig is laid over defaultPoolConfig: the maximum holds still.
    local leases = {}
    for i = 1, 7 do leases[i] = assert(manager:lease("by-handle")) end
    assert.equal(7, manager:getStats()["by-handle"].poolStats.inUse)
    for _, lease in ipairs(leases) do lease:release() end
  end)

  it("says what is wrong with an option, and which was probably meant", function()
    local manager <close> = moonpool.ConnectionManager()
    local function told(pattern, fn, ...)
      local ok, problem = pcall(fn, ...)
      assert.is_false(ok)
      assert.matches("^spec/manager_spec.lua:%d+: " .. pattern, problem)
    end
    told('ConnectionManager: unknown option "enableFailOvr"; did you mean "enableFailover"%?', function()
      moonpool.ConnectionManager { enableFailOvr = true }
    end)
    told("ConnectionManager: failoverWrites = true contradicts enableFailover = false", function()
      moonpool.ConnectionManager { failoverWrites = true, enableFailover = false }
    end)
    told("pool options: .*minConnections.*maxConnections", function()
      moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 5, maxConnections = 3 } }
    end)
    told("pool options: there is no option 'maxConections'; did you mean 'maxConnections'%?", function()
      moonpool.ConnectionManager { defaultPoolConfig = { maxConections = 3 } }
    end)
    told('LoadBalancingStrategy has no member "ROUND_ROBBIN"; did you mean "ROUND_ROBIN"%?', function()
      return moonpool.LoadBalancingStrategy.ROUND_ROBBIN
    end)
    told('ConnectionManager: option loadBalancingStrategy: there is no strategy "rnd%-robin"; did you mean "round%-robin"%?',
      function() moonpool.ConnectionManager { loadBalancingStrategy = "rnd-robin" } end)
    told("setStrategy: expected a function, or a table with the function select, got number 3", function() manager:setStrategy(3) end)
    told("setStrategy: select: expected a function, got nil", function() manager:setStrategy { onResult = print } end)
    told('addCluster: unknown option "wieght"; did you mean "weight"%?', function()
      manager:addCluster { name = "x", wieght = 3 }
    end)
    told("addCluster: option name: expected a string, got nil", function() manager:addCluster {} end)
    told("addCluster x: kubeConfigFactory and kubeConfigPath exclude each other", function()
      manager:addCluster { name = "x", kubeConfigFactory = print, kubeConfigPath = "/x" }
    end)
    told("addCluster: option weight: expected a number of 0 or more, got number %-1", function()
      manager:addCluster { name = "x", weight = -1 }
    end)
    told("addCluster x: option endpoints: expected a list of URLs", function() manager:addCluster { name = "x", endpoints = {} } end)
    told("addCluster x: option labels: env: expected a string, got number 3", function()
      manager:addCluster { name = "x", labels = { env = 3 } }
    end)
    told('acquire: unknown option "clster"; did you mean "cluster"%?', function() manager:acquire { clster = "x" } end)
    told("setWeight: argument 2 %(weight%): expected a number of 0 or more, got nil", function() manager:setWeight "x" end)
    told('ConnectionManager has no method "aquire"; did you mean "acquire"%?', function() manager:aquire() end)
    told("manager:acquire%(%) is called with a colon, not with a dot", function() manager.acquire() end)
  end)

  it("gives a cluster's name with what is wrong with its configuration", function()
    local manager <close> = moonpool.ConnectionManager()
    assert(manager:addCluster(here:cluster "sim-1"))
    failed("config", 'there is a cluster "sim%-1" already', manager:addCluster(here:cluster "sim-1"))
    local function unlucky() error "no luck" end
    local err = failed("config", "^x: the kubeConfigFactory failed: .*no luck",
      manager:addCluster { name = "x", kubeConfigFactory = unlucky })
    assert.equal("x", err.cluster)
    err = failed("config", "/nowhere/at/all", manager:addCluster { name = "x", kubeConfigPath = "/nowhere/at/all" })
    assert.equal("x", err.cluster)
    failed("config", "nowhere", manager:addCluster(here:cluster("x", { context = "nowhere" })))
    assert.same({ "sim-1" }, manager:clusters())
    for _, call in ipairs {
      function() return manager:removeCluster "sim-4" end, function() return manager:enableCluster "sim-4" end,
      function() return manager:disableCluster "sim-4" end, function() return manager:setWeight("sim-4", 1) end,
      function() return manager:acquire "sim-4" end, function() return manager:checkHealth "sim-4" end,
      function() return manager:client "sim-4" end,
    } do
      failed("config", 'there is no cluster "sim%-4"; did you mean "sim%-1"%?', call())
    end
  end)

  it("does not choose a cluster that is disabled, and chooses it again once it is enabled", function()
    local manager <close> = here:manager()
    assert.is_true(manager:disableCluster "sim-2")
    assert.is_false(manager:getStats()["sim-2"].enabled)
    local seen = {}
    for _ = 1, 6 do
      local lease <close> = assert(manager:lease())
      seen[lease.cluster] = (seen[lease.cluster] or 0) + 1
    end
    assert.same({ ["sim-1"] = 3, ["sim-3"] = 3 }, seen)
    assert.same({ "sim-1", "sim-3" }, manager:clusters())
    assert.same({ "sim-2" }, manager:clusters "sim-2")
    assert.is_true(manager:enableCluster "sim-2")
    for _ = 1, 6 do
      local lease <close> = assert(manager:lease())
      seen[lease.cluster] = (seen[lease.cluster] or 0) + 1
    end
    assert.same({ ["sim-1"] = 5, ["sim-2"] = 2, ["sim-3"] = 5 }, seen)
  end)

  it("removes a cluster: who waits for it is told, leases come back, nothing is left", function()
    local manager <close> = here:manager { defaultPoolConfig = { minConnections = 1, maxConnections = 1 } }
    local cluster, connection = assert(manager:acquire "sim-2")
    local strict = assert(manager:client "sim-2")
    local waiter = moonpool.spawn(manager.acquire, manager, "sim-2")
    eventually(LONG, "a waiter", function() return manager:getStats()["sim-2"].poolStats.waitQueueLength == 1 end)
    local removal = moonpool.spawn(manager.removeCluster, manager, "sim-2")
    local err = failed("closed", "sim%-2", waiter:join())
    assert.equal("sim-2", err.cluster)
    assert.equal("running", removal:status())
    assert.is_nil(manager:getStats()["sim-2"])
    assert.same({ "sim-1", "sim-3" }, manager:clusters())
    assert.matches("%(2 clusters,", tostring(manager))
    assert(connection:makeApiClient(moonpool.CoreV1Api).listNamespace()) -- the lease still works
    manager:release(cluster, connection)
    assert.is_true(removal:join())
    eventually(LONG, "its connections to be closed", function() return here.byName["sim-2"]:stats().connections.open == 0 end)
    err = failed("closed", "sim%-2", strict.core.listNamespace())
    assert.equal("sim-2", err.cluster)
    failed("config", 'there is no cluster "sim%-2"', manager:acquire "sim-2")
    assert(manager:addCluster(here:cluster "sim-2")) -- and may come back
    local lease <close> = assert(manager:lease "sim-2")
    assert.equal("sim-2", lease.cluster)
  end)

  -- ----------------------------------------------------------------------------------------------------------- leases
  it("leases a connection of the preferred cluster, or of the one whose turn it is", function()
    local manager <close> = here:manager()
    local order = {}
    for i = 1, 6 do
      local cluster, connection = assert(manager:acquire(i % 2 == 0 and "sim-2" or nil))
      order[i] = cluster
      assert.equal(cluster, connection:info().name)
      assert.equal("NamespaceList", assert(connection:makeApiClient(moonpool.CoreV1Api).listNamespace()).kind)
      manager:release(cluster, connection)
    end
    assert.same({ "sim-1", "sim-2", "sim-2", "sim-2", "sim-3", "sim-2" }, order)
    local cluster, connection = assert(manager:acquire { cluster = "sim-3" })
    assert.equal("sim-3", cluster)
    manager:release(cluster, connection)
  end)

  it("takes a lease back once, for the cluster that it is of", function()
    local manager <close> = here:manager()
    local other <close> = here:manager()
    local cluster, connection = assert(manager:acquire "sim-1")
    assert.error_matches(function() manager:release("sim-2", connection) end, "connection 1 belongs to 'sim%-1', not to 'sim%-2'")
    assert.error_matches(function() other:release("sim-1", connection) end, "connection 1 of 'sim%-1' was not acquired from this manager")
    assert.error_matches(function() manager:release(connection) end, "release: argument 1 %(cluster%): expected a string, got userdata")
    assert.error_matches(function() manager:release "sim-1" end, "release: argument 2: expected a connection, got nil")
    assert.equal(1, manager:getStats()["sim-1"].poolStats.inUse)
    manager:release(cluster, connection)
    assert.error_matches(function() manager:release(cluster, connection) end, "connection 1 was already released")
    assert.equal(0, manager:getStats()["sim-1"].inFlight)
  end)

  it("takes a lease back at the end of its block, however it ends, unless that was done before", function()
    local manager <close> = here:manager()
    pcall(function()
      local lease <close> = assert(manager:lease "sim-1")
      assert.equal(1, manager:getStats()["sim-1"].poolStats.inUse)
      assert.equal("sim-1", lease.cluster)
      error "thrown"
    end)
    assert.equal(0, manager:getStats()["sim-1"].poolStats.inUse)
    do
      local lease <close> = assert(manager:lease "sim-1")
      manager:release(lease.cluster, lease.connection)
    end
    local lease = assert(manager:lease "sim-1")
    lease:release()
    assert.error_matches(function() lease:release() end, "already released")
    assert.equal(0, manager:getStats()["sim-1"].poolStats.inUse)
    assert.error_matches(function() lease.release() end, "lease:release%(%) is called with a colon")
  end)

  it("makes callers wait for the pool that was chosen, when it is full, up to its acquireTimeout", function()
    local manager <close> = here:manager { defaultPoolConfig = { minConnections = 1, maxConnections = 1, acquireTimeout = 200 } }
    local held <close> = assert(manager:lease "sim-1") -- luacheck: ignore held
    local took, cluster, err = timed(manager.acquire, manager, "sim-1")
    failed("acquireTimeout", "sim%-1", cluster, err)
    assert.equal("sim-1", err.cluster)
    assert.is_true(took >= 180)
    local waiter = moonpool.spawn(manager.acquire, manager, "sim-1")
    eventually(LONG, "a waiter", function() return manager:getStats()["sim-1"].poolStats.waitQueueLength == 1 end)
    held:release()
    local connection
    cluster, connection = waiter:join()
    assert.equal("sim-1", cluster)
    manager:release(cluster, connection)
  end)

  it("gives back what a cancelled task was about to get", function()
    local manager <close> = here:manager { defaultPoolConfig = { minConnections = 1, maxConnections = 1 } }
    local held = assert(manager:lease "sim-1")
    local waiter = moonpool.spawn(manager.acquire, manager, "sim-1")
    eventually(LONG, "a waiter", function() return manager:getStats()["sim-1"].poolStats.waitQueueLength == 1 end)
    waiter:cancel()
    held:release()
    eventually(LONG, "the connection to be idle", function()
      local stats = manager:getStats()["sim-1"]
      return stats.poolStats.idle == 1 and stats.poolStats.waitQueueLength == 0 and stats.inFlight == 0
    end)
  end)

  it("gives back what a task got that is cancelled before it hears of it", function()
    local manager <close> = here:manager { defaultPoolConfig = { minConnections = 1, maxConnections = 1 } }
    local held = assert(manager:lease "sim-1")
    local waiter = moonpool.spawn(manager.acquire, manager, "sim-1")
    eventually(LONG, "a waiter", function() return manager:getStats()["sim-1"].poolStats.waitQueueLength == 1 end)
    held:release()
    moonpool.spawn(waiter.cancel, waiter) -- has its turn before the waiter, which is ready once the answer was taken in
    local until_ = core.now() + 20
    while core.now() < until_ do end -- luacheck: ignore 542 (the answer comes meanwhile)
    moonpool.sleep(1)
    assert.equal("cancelled", waiter:status())
    eventually(LONG, "the connection to be idle", function()
      local stats = manager:getStats()["sim-1"]
      return stats.poolStats.idle == 1 and stats.poolStats.inUse == 0 and stats.inFlight == 0
    end)
  end)

  it("gives a cluster's pool the default options, but for those of its own", function()
    local manager <close> = here:manager({ defaultPoolConfig = { minConnections = 1, acquireTimeout = 50 } },
      { ["sim-1"] = { poolConfig = { maxConnections = 1 } } })
    local held <close> = assert(manager:lease "sim-1") -- luacheck: ignore held
    local took, cluster, err = timed(manager.acquire, manager, "sim-1")
    failed("acquireTimeout", "at most 1", cluster, err)
    assert.is_true(took < 5000)
  end)

  it("keeps its pool while a lease of it is held, and closes all once nobody can reach it", function()
    do
      local manager = here:manager()
      local lease = assert(manager:lease "sim-1")
      manager = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert(lease.connection:makeApiClient(moonpool.CoreV1Api).listNamespace())
      lease:release()
      lease = nil -- luacheck: ignore
    end
    eventually(LONG, "everything to be closed", function()
      collectgarbage()
      for _, name in ipairs(here.names) do
        if here.byName[name]:stats().connections.open > 0 then return false end
      end
      return true
    end)
  end)

  -- ------------------------------------------------------------------------------------------------------ health, failing
  it("prefers healthy clusters to those that were never probed, and uses these while there is nothing better", function()
    here.byName["sim-2"].faults:set { { type = "hang", path = "/readyz" } }
    local manager <close> = moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 0 } }
    assert(manager:addCluster(here:cluster "sim-2"))
    do
      local lease <close> = assert(manager:lease()) -- never probed, and the only one
      assert.same({ "sim-2", "unknown" }, { lease.cluster, manager:getStats()["sim-2"].state })
    end
    assert(manager:addCluster(here:cluster "sim-1"))
    here.awaitState(manager, "sim-1", "healthy")
    if manager:getStats()["sim-2"].state == "unknown" then
      for _ = 1, 4 do
        local lease <close> = assert(manager:lease())
        assert.equal("sim-1", lease.cluster)
      end
    end
  end)

  it("goes to another cluster when the preferred one is unhealthy, and says so", function()
    local manager <close> = here:manager()
    here:down(manager, "sim-2")
    local events = {}
    manager:on("failover", function(from, to, reason) events[#events + 1] = { from, to, reason } end)
    local lease <close> = assert(manager:lease "sim-2")
    assert.not_equal("sim-2", lease.cluster)
    moonpool.poll(20)
    assert.equal(1, #events)
    assert.same({ "sim-2", lease.cluster }, { events[1][1], events[1][2] })
    assert.matches("connection refused", events[1][3])
  end)

  it("gives the preferred cluster's own error without enableFailover", function()
    local manager <close> = here:manager { enableFailover = false }
    here:down(manager, "sim-2")
    local took, cluster, err = timed(manager.acquire, manager, "sim-2")
    failed("connect", "connection refused", cluster, err)
    assert.equal("sim-2", err.cluster)
    assert.is_true(took < 1000)
    for _ = 1, 4 do
      local lease <close> = assert(manager:lease())
      assert.not_equal("sim-2", lease.cluster)
    end
  end)

  it("takes a preferred cluster that is disabled for one that cannot be had", function()
    local manager <close> = here:manager()
    assert(manager:disableCluster "sim-2")
    local reason
    manager:on("failover", function(from, _, why) reason = from .. ": " .. why end)
    local lease <close> = assert(manager:lease "sim-2")
    assert.not_equal("sim-2", lease.cluster)
    moonpool.poll(20)
    assert.matches("^sim%-2: .*disabled", reason)
    local careful <close> = here:manager { enableFailover = false }
    assert(careful:disableCluster "sim-2")
    local err = failed("noHealthyCluster", "disabled", careful:acquire "sim-2")
    assert.equal("sim-2", err.cluster)
  end)

  it("fails at once and names every cluster and why when none is left", function()
    local manager <close> = here:manager()
    here:down(manager, "sim-1")
    here:down(manager, "sim-2")
    assert(manager:disableCluster "sim-3")
    local took, cluster, err = timed(manager.acquire, manager)
    assert.is_true(took < 1000)
    failed("noHealthyCluster", '"sim%-1": .*connection refused.*"sim%-2": .*connection refused.*"sim%-3": disabled', cluster, err)
    local _
    _, _, err = timed(manager:client().core.listNamespace)
    failed("noHealthyCluster", '"sim%-1".*"sim%-2".*"sim%-3"', nil, err)
    local empty <close> = moonpool.ConnectionManager()
    failed("noHealthyCluster", "none was added", empty:acquire())
  end)

  it("moves those who wait for a cluster that turns unhealthy", function()
    local manager <close> = here:manager { defaultPoolConfig = { minConnections = 1, maxConnections = 1 } }
    local held = assert(manager:lease "sim-2")
    local waiter = moonpool.spawn(manager.acquire, manager, "sim-2")
    eventually(LONG, "a waiter", function() return manager:getStats()["sim-2"].poolStats.waitQueueLength == 1 end)
    here:down(manager, "sim-2")
    local cluster, connection = waiter:join()
    assert.not_nil(cluster, tostring(connection))
    assert.not_equal("sim-2", cluster)
    manager:release(cluster, connection)
    held:release()
  end)

  it("probes when it is asked to, and tells what came of it", function()
    local manager <close> = here:manager { clusterHealthCheckInterval = 30000 }
    assert.is_true(manager:checkHealth "sim-2")
    here.byName["sim-2"].faults:set { { type = "notReady", check = "etcd" } }
    assert.is_true(manager:checkHealth "sim-2") -- one bad answer is not enough either
    assert.equal("suspect", manager:getStats()["sim-2"].state)
    for _ = 1, 2 do manager:checkHealth "sim-2" end
    local healthy, err = manager:checkHealth "sim-2"
    assert.is_false(healthy)
    assert.matches('^cluster "sim%-2" is unhealthy: .*etcd.* %(noHealthyCluster%)$', tostring(err))
    assert.equal("sim-2", err.cluster)
    assert.same({ ["sim-1"] = true, ["sim-2"] = false, ["sim-3"] = true }, manager:checkHealth())
    here:clear()
    healthy, err = manager:checkHealth "sim-2"
    assert.is_false(healthy) -- one good answer is not enough
    assert.equal('cluster "sim-2" is probing: it answers again, and is used again once it has answered well twice', err.message)
    assert.is_true(manager:checkHealth "sim-2")
    assert.is_true(manager:getStats()["sim-2"].share < 1) -- it begins gently
  end)

  -- ------------------------------------------------------------------------------------------------------- statistics
  it("shows of each cluster how it is doing", function()
    local manager <close> = here:manager(nil, { ["sim-1"] = { weight = 3, labels = { env = "prod" }, zone = "eu", priority = 2 } })
    for _ = 1, 3 do assert(manager:client("sim-*").core.listNamespace()) end
    local lease <close> = assert(manager:lease "sim-1") -- luacheck: ignore lease
    local stats = manager:getStats()["sim-1"]
    local simple = {}
    for key, value in pairs(stats) do
      if type(value) ~= "table" and key ~= "latency" and key ~= "certificateExpiry" then simple[key] = value end
    end
    assert.same({ healthy = true, state = "healthy", enabled = true, unauthorized = false, overloaded = false, weight = 3, share = 1,
      priority = 2, zone = "eu", inFlight = 1, failures = 0, selected = 2 }, simple)
    assert.is_true(stats.latency > 0 and stats.latency < LONG)
    assert.is_true(stats.certificateExpiry > os.time())
    assert.same({ env = "prod" }, stats.labels)
    assert.same({ 1, 0 }, { stats.poolStats.inUse, stats.poolStats.waitQueueLength })
    assert.equal(0, stats.poolStats.streams.total)
    local endpoint = stats.endpoints[1]
    assert.same({ here.byName["sim-1"].urls[1], "healthy", 0 }, { endpoint.url, endpoint.state, endpoint.failures })
    assert.is_true(endpoint.connections >= 1)
    here:down(manager, "sim-3")
    stats = manager:getStats()["sim-3"]
    assert.same({ false, "unhealthy" }, { stats.healthy, stats.state })
    assert.matches("connection refused", stats.lastError)
    assert.matches("connection refused", stats.endpoints[1].lastError)
  end)

  it("knows credentials that are not accepted from a server that is down", function()
    local manager <close> = here:manager { clusterHealthCheckInterval = 30000 } -- so that no probe is under way
    here.byName["sim-1"].faults:set { { type = "status", code = 401 } }
    here.byName["sim-2"].faults:set { { type = "status", code = 429, path = "/readyz" } }
    assert(manager:checkHealth())
    local stats = manager:getStats()
    assert.same({ true, true, false }, { stats["sim-1"].healthy, stats["sim-1"].unauthorized, stats["sim-1"].overloaded })
    assert.same({ true, false, true }, { stats["sim-2"].healthy, stats["sim-2"].unauthorized, stats["sim-2"].overloaded })
  end)

  it("says what it is", function()
    local manager = here:manager { loadBalancingStrategy = "weighted" }
    assert.equal("moonpool.ConnectionManager (3 clusters, 3 healthy, weighted)", tostring(manager))
    local lease = assert(manager:lease "sim-1")
    assert.matches("^moonpool.Lease %(sim%-1: moonpool.Connection: %d+ of sim%-1, used %d+ times%)$", tostring(lease))
    lease:release()
    manager:dispose()
    assert.equal("moonpool.ConnectionManager (disposed)", tostring(manager))
  end)

  -- ---------------------------------------------------------------------------------------------------------- the end
  it("is disposed once and for all, as often as one likes", function()
    local manager = here:manager { defaultPoolConfig = { minConnections = 1, maxConnections = 1 } }
    local cluster, connection = assert(manager:acquire "sim-1")
    local waiter = moonpool.spawn(manager.acquire, manager, "sim-1")
    eventually(LONG, "a waiter", function() return manager:getStats()["sim-1"].poolStats.waitQueueLength == 1 end)
    local disposal = moonpool.spawn(manager.dispose, manager)
    failed("closed", "", waiter:join())
    assert.equal("running", disposal:status())
    manager:release(cluster, connection)
    disposal:join()
    manager:dispose()
    assert.error_matches(function() manager:acquire() end, "^ConnectionManager was disposed$")
    assert.error_matches(function() manager:addCluster(here:cluster "sim-1") end, "ConnectionManager was disposed")
    assert.error_matches(function() manager:on("failover", print) end, "ConnectionManager was disposed")
    assert.same({}, manager:getStats())
    for _, name in ipairs(here.names) do
      eventually(LONG, "no connection", function() return here.byName[name]:stats().connections.open == 0 end)
    end
  end)

  it("gives its logger what the runtime would log, and lets it go at the end", function()
    local lines = {}
    local logger = {}
    for _, level in ipairs { "debug", "info", "warn", "error" } do
      logger[level] = function(_, message) lines[#lines + 1] = level .. ": " .. message end
    end
    local manager = here:manager { logger = logger, loadBalancingStrategy = function() error "no idea" end }
    local lease <close> = assert(manager:lease()) -- luacheck: ignore lease
    eventually(LONG, "the line", function() return #lines == 1 end)
    assert.matches("^warn: the strategy %(spec/manager_spec.lua:%d+%) raised an error: .*no idea; another cluster was chosen", lines[1])
    lease:release()
    moonpool.log.warn("of somebody else")
    assert.equal(2, #lines)
    manager:dispose()
    moonpool.log.setLevel "off" -- what goes to standard error instead
    moonpool.log.warn("too late")
    manager = moonpool.ConnectionManager { logger = logger }
    assert.matches("0 clusters", tostring(manager))
    manager = nil -- luacheck: ignore manager
    collectgarbage()
    collectgarbage()
    moonpool.log.error("too late")
    moonpool.log.setLevel "warn"
    assert.equal(2, #lines)
    assert.error_matches(function() moonpool.ConnectionManager { logger = {} } end, "option logger: expected a table with the functions")
  end)
end)
