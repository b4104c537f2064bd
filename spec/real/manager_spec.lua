-- Three real clusters behind one manager, one of which crashes and comes back while reads run.
local clusters = require "spec.support.clusters"
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local program = require "spec.support.program"
local real = require "spec.support.real"

describe("a manager of three real clusters", function()
  local kubeconfig, contexts

  lazy_setup(function() kubeconfig, contexts = clusters.start() end)
  lazy_teardown(clusters.stop)

  --- A manager of all three, each healthy, and what it told: "event cluster ..." in order.
  local function start(options)
    local manager = moonpool.ConnectionManager(options)
    local told = {}
    for _, event in ipairs { "clusterAdded", "clusterHealthy", "clusterUnhealthy", "failover", "clusterRemoved" } do
      manager:on(event, function(...) told[#told + 1] = { event = event, at = core.now(), ... } end)
    end
    for _, context in ipairs(contexts) do
      assert(manager:addCluster { name = context, kubeConfigPath = kubeconfig, context = context })
    end
    eventually(20000, "all clusters to be healthy", function()
      for _, stats in pairs(manager:getStats()) do if stats.state ~= "healthy" then return false end end
      return true
    end)
    return manager, told
  end

  local function indexOf(told, event, cluster, from)
    for i = from or 1, #told do
      if told[i].event == event and told[i][1] == cluster then return i end
    end
  end

  it("counts pods in each, as the example does", function()
    local result = program.shell(("ROUNDS=2 MONITOR_INTERVAL=500 %s examples/multi_cluster.lua %s %s"):format(program.path, kubeconfig,
      table.concat(contexts, " ")))
    assert.equal("", result.err)
    assert.equal(0, result.code)
    for _, context in ipairs(contexts) do
      assert.matches("cluster%-" .. context:gsub("%-", "%%-") .. ": %d+ pods\n", result.out)
      assert.matches("cluster%-" .. context:gsub("%-", "%%-") .. ": ✓ %(%d+/%d+%)\n", result.out)
    end
  end)

  it("fails no read while one is killed, tells of it in order, and lets its traffic return gently", function()
    local manager <close>, told = start { loadBalancingStrategy = moonpool.LoadBalancingStrategy.LEAST_CONNECTIONS,
      defaultPoolConfig = { minConnections = 3, maxConnections = 15 } }
    local client = assert(manager:client())
    local victim = contexts[1]
    local answers, failures, reads = {}, {}, 0
    -- 200 reads a second, whatever becomes of each.
    local running = 0
    local reader = moonpool.every(5, function()
      moonpool.spawn(function()
        running = running + 1
        local namespaces, err, answer = client.core.listNamespace { limit = 1 }
        running = running - 1
        reads = reads + 1
        if namespaces then answers[#answers + 1] = answer.cluster else failures[#failures + 1] = tostring(err) end
      end)
    end)
    local function share(from)
      local count = 0
      for i = from, #answers do if answers[i] == victim then count = count + 1 end end
      return count, #answers - from + 1
    end

    moonpool.sleep(1500)
    local before, all = share(1)
    assert.is_true(before > all / 5, ("%d of %d reads went to %s"):format(before, all, victim))

    real.kill(victim)
    eventually(20000, victim .. " to be unhealthy", function() return manager:getStats()[victim].state == "unhealthy" end)
    local out = #answers + 1
    moonpool.sleep(1000)
    assert.equal(0, (share(out + 5))) -- those that were under way are done
    real.restart(victim)
    eventually(90000, victim .. " to be healthy again", function() return manager:getStats()[victim].healthy end)

    local back = #answers + 1
    moonpool.sleep(3000)
    local first, total = share(back)
    assert.is_true(first > 0, "no read has returned to it")
    assert.is_true(first < total / 6, ("%d of the first %d reads went to it"):format(first, total))
    reader:stop()
    eventually(60000, "the last reads", function() return running == 0 end)
    assert.same({}, failures)
    assert.is_true(reads > 800, ("only %d reads"):format(reads))

    local well = indexOf(told, "clusterHealthy", victim)
    local moved = indexOf(told, "failover", victim)
    local ill = indexOf(told, "clusterUnhealthy", victim)
    local wellAgain = ill and indexOf(told, "clusterHealthy", victim, ill)
    assert.is_true(well and moved and ill and wellAgain and well < moved and moved < wellAgain and well < ill, "order of events")
    assert.is_nil(indexOf(told, "clusterUnhealthy", victim, ill + 1))
    assert.matches("refused", told[ill][2])
    for i = moved, #told do
      if told[i].event == "failover" then
        assert.equal(victim, told[i][1])
        assert.are_not.equal(victim, told[i][2])
        assert.is_true(i < wellAgain, "moved after it was well again")
      end
    end
  end)

  it("gives up a cluster that hangs, without holding up calls to the others", function()
    local manager <close> = start { clusterHealthCheckInterval = 1000 }
    local victim = contexts[3]
    local client = assert(manager:client())
    real.stop(victim)
    finally(function() real.cont(victim) end)
    local began = core.now()
    local slowest = 0
    while manager:getStats()[victim].state ~= "unhealthy" do
      local before = core.now()
      assert(assert(manager:client(contexts[2])).core.listNamespace { limit = 1 })
      slowest = math.max(slowest, core.now() - before)
      moonpool.sleep(50)
      assert.is_true(core.now() - began < 3 * (1000 + 3000) * 1.2 + 1000, "not unhealthy in time")
    end
    assert.is_true(slowest < 1000, ("a call to a healthy cluster took %d ms"):format(slowest))
    for _ = 1, 30 do assert(client.core.listNamespace { limit = 1 }) end
    real.cont(victim)
    eventually(90000, victim .. " to be healthy again", function() return manager:getStats()[victim].healthy end)
  end)

  it("names every cluster and its cause when none is left", function()
    local manager <close> = start { clusterHealthCheckInterval = 1000 }
    finally(function() for _, context in ipairs(contexts) do real.restart(context) end end)
    for _, context in ipairs(contexts) do real.kill(context) end
    local client = assert(manager:client())
    local namespaces, err = client.core.listNamespace()
    assert.is_nil(namespaces)
    assert.equal("noHealthyCluster", err.kind)
    for _, context in ipairs(contexts) do assert.matches(context:gsub("%-", "%%-"), err.message) end
    assert.matches("refused", err.message)
  end)
end)

describe("a cluster of two real API servers", function()
  local kubeconfig, contexts

  lazy_setup(function() kubeconfig, contexts = clusters.start() end)
  lazy_teardown(clusters.stop)

  it("spreads its connections, fails no read when one is killed, and is even again after it returned", function()
    local context = contexts[2]
    local manager <close> = moonpool.ConnectionManager { clusterHealthCheckInterval = 1000 }
    assert(manager:addCluster { name = "two", kubeConfigPath = kubeconfig, context = context, endpoints = real.endpoints(context),
      poolConfig = { minConnections = 8, maxConnections = 12 } })
    local client = assert(manager:client "two")
    local function spread()
      local counts = {}
      for _, endpoint in ipairs(manager:getStats().two.endpoints) do counts[#counts + 1] = endpoint.connections end
      return counts
    end
    local function even()
      local counts = spread()
      return counts[1] + counts[2] >= 8 and math.abs(counts[1] - counts[2]) <= 0.15 * (counts[1] + counts[2])
    end
    eventually(30000, "even connections", even)

    local failures, reads = {}, 0
    local reader = moonpool.every(10, function()
      moonpool.spawn(function()
        local namespaces, err = client.core.listNamespace { limit = 1 }
        reads = reads + 1
        if not namespaces then failures[#failures + 1] = tostring(err) end
      end)
    end)
    moonpool.sleep(500)
    real.kill(context .. "/2")
    finally(function() real.restart(context .. "/2") end)
    eventually(10000, "the connections to the dead one to go", function() return spread()[2] == 0 end)
    moonpool.sleep(500)
    real.restart(context .. "/2")
    eventually(30000, "even connections", even)
    reader:stop()
    moonpool.sleep(200)
    assert.same({}, failures)
    assert.is_true(reads > 100)
    assert.is_true(manager:getStats().two.healthy)
  end)
end)
