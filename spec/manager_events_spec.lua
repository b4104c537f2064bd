-- manager_events_spec.lua: what a manager tells: every event of its pools with the cluster's name, its own, in the order in which
-- things happened.
local eventually = require "spec.support.eventually"
local managed = require "spec.support.managed"
local moonpool = require "moonpool"

local LONG = 10000 -- ms for what should take a moment: machines are busy

local all = { "connectionCreated", "connectionAcquired", "connectionReleased", "connectionRemoved", "connectionUnhealthy",
  "connectionLeaked", "acquireTimeout", "poolReady", "poolDrained", "clusterAdded", "clusterRemoved", "clusterHealthy",
  "clusterUnhealthy", "failover", "strategyError", "error" }

describe("a manager's events", function()
  local here

  lazy_setup(function() here = managed.start() end)
  lazy_teardown(function() here:stop() end)
  after_each(function() here:clear() end)

  --- A manager without clusters that keeps what it tells: lists of the name and the arguments.
  local function listening(options)
    local wanted = { clusterHealthCheckInterval = 100, defaultPoolConfig = { minConnections = 1 } }
    for key, value in pairs(options or {}) do wanted[key] = value end
    local manager, told = moonpool.ConnectionManager(wanted), {}
    for _, event in ipairs(all) do
      manager:on(event, function(...) told[#told + 1] = table.pack(event, ...) end)
    end
    return manager, told
  end

  local function count(told, event)
    local found = 0
    for _, one in ipairs(told) do found = found + (one[1] == event and 1 or 0) end
    return found
  end

  local function await(told, event, times)
    eventually(LONG, event, function() return count(told, event) >= (times or 1) end)
  end

  it("come with the cluster's name as further argument, in order, from the first to the last", function()
    local manager, told = listening()
    assert(manager:addCluster(here:cluster "sim-1"))
    await(told, "clusterHealthy")
    await(told, "poolReady")
    local cluster, connection = assert(manager:acquire())
    manager:release(cluster, connection)
    assert.is_true(manager:removeCluster "sim-1")
    -- By now everything was told; nothing is waited for.
    local names, healthy = {}, nil
    for index, one in ipairs(told) do
      if one[1] == "clusterHealthy" then healthy = index else names[#names + 1] = one[1] end
    end
    assert.same({ "clusterAdded", "connectionCreated", "poolReady", "connectionAcquired", "connectionReleased", "connectionRemoved",
      "poolDrained", "clusterRemoved" }, names)
    assert.same({ "clusterHealthy", "sim-1" }, { table.unpack(told[healthy]) })
    table.remove(told, healthy)
    assert.same({ "clusterAdded", "sim-1", n = 2 }, told[1])
    for place, useCount in pairs { [2] = 0, [4] = 1, [5] = 1 } do
      assert.equal(3, told[place].n)
      assert.same({ 1, useCount, "sim-1" }, { told[place][2].id, told[place][2].useCount, told[place][3] })
    end
    assert.same({ "poolReady", [3] = "sim-1", n = 3 }, told[3]) -- no error: nil
    assert.same({ 4, 1, "closed", "sim-1" }, { told[6].n, told[6][2].id, told[6][3], told[6][4] })
    assert.same({ "poolDrained", "sim-1", n = 2 }, told[7])
    assert.same({ "clusterRemoved", "sim-1", n = 2 }, told[8])
    manager:dispose()
    assert.equal(9 - 1, #told)
  end)

  it("of several pools keep the order of what happened", function()
    local manager, told = listening()
    for _, name in ipairs(here.names) do assert(manager:addCluster(here:cluster(name))) end
    here.settled(manager)
    moonpool.poll(20)
    for i = #told, 1, -1 do told[i] = nil end
    local expected = {}
    for i = 1, 12 do
      local lease <close> = assert(manager:lease("sim-" .. i % 3 + 1))
      expected[#expected + 1] = "connectionAcquired " .. lease.cluster
      expected[#expected + 1] = "connectionReleased " .. lease.cluster
    end
    moonpool.poll(20)
    local seen = {}
    for _, one in ipairs(told) do seen[#seen + 1] = one[1] .. " " .. one[one.n] end
    assert.same(expected, seen)
    manager:dispose()
    -- Each cluster's end is complete, and its last event is that it was removed.
    for _, name in ipairs(here.names) do
      local last
      for _, one in ipairs(told) do
        if one[one.n] == name then last = one[1] end
      end
      assert.equal("clusterRemoved", last)
    end
  end)

  it("tell of a cluster that fails and comes back, and why", function()
    local manager <close>, told = listening()
    for _, name in ipairs { "sim-1", "sim-2" } do assert(manager:addCluster(here:cluster(name))) end
    here.settled(manager)
    moonpool.poll(20)
    here:down(manager, "sim-2")
    await(told, "clusterUnhealthy")
    local lease <close> = assert(manager:lease "sim-2") -- luacheck: ignore lease
    await(told, "failover")
    here:clear()
    manager:checkHealth "sim-2"
    manager:checkHealth "sim-2"
    await(told, "clusterHealthy", 3)
    local own = {}
    for _, one in ipairs(told) do
      if one[1]:find "^cluster" and one[2] == "sim-2" or one[1] == "failover" then own[#own + 1] = one end
    end
    local names = {}
    for index, one in ipairs(own) do names[index] = one[1] end
    assert.same({ "clusterAdded", "clusterHealthy", "clusterUnhealthy", "failover", "clusterHealthy" }, names)
    assert.same({ 3, "sim-2" }, { own[3].n, own[3][2] })
    assert.matches("connection refused", own[3][3])
    assert.same({ "failover", "sim-2", "sim-1" }, { own[4][1], own[4][2], own[4][3] })
    assert.matches("connection refused", own[4][4])
  end)

  it("tell of a call that went to another cluster", function()
    local manager <close>, told = listening { clusterHealthCheckInterval = 30000 }
    for _, name in ipairs { "sim-1", "sim-2" } do assert(manager:addCluster(here:cluster(name))) end
    here.settled(manager)
    here.byName["sim-1"].faults:set { { type = "status", code = 503, path = "/api*" } }
    local client = assert(manager:client())
    for _ = 1, 2 do
      local list, err, answer = client.core.listNamespace()
      assert(list, err)
      assert.equal("sim-2", answer.cluster)
    end
    await(told, "failover")
    for _, one in ipairs(told) do
      if one[1] == "failover" then
        assert.same({ "sim-1", "sim-2" }, { one[2], one[3] })
        assert.matches("503", one[4])
      end
    end
  end)

  it("tell of trouble with a pool, with its text and its cluster", function()
    local manager <close>, told = listening { defaultPoolConfig = { minConnections = 1, maxConnections = 1, acquireTimeout = 50,
      healthCheckInterval = 50, leakDetectionThreshold = 30 } }
    assert(manager:addCluster(here:cluster "sim-3"))
    here.settled(manager)
    local lease = assert(manager:lease())
    moonpool.log.setLevel "error" -- the leak is a line of the log as well
    assert.is_nil((manager:acquire()))
    await(told, "acquireTimeout")
    await(told, "connectionLeaked")
    moonpool.log.setLevel "warn"
    lease:release()
    here.byName["sim-3"].faults:set { { type = "status", code = 500, path = "/livez" } }
    await(told, "connectionUnhealthy")
    local found = {}
    for _, one in ipairs(told) do found[one[1]] = one end
    assert.same({ 3, "sim-3" }, { found.acquireTimeout.n, found.acquireTimeout[3] })
    assert.matches("no connection became free in %d+ ms", found.acquireTimeout[2])
    assert.same({ 4, 1, "sim-3" }, { found.connectionLeaked.n, found.connectionLeaked[2].id, found.connectionLeaked[4] })
    assert.matches("spec/manager_events_spec.lua:%d+", found.connectionLeaked[3])
    assert.same({ 4, "sim-3" }, { found.connectionUnhealthy.n, found.connectionUnhealthy[4] })
    assert.matches("500", found.connectionUnhealthy[3])
  end)

  it("reach who listens once once, and who has stopped listening not", function()
    local manager <close> = here:manager()
    local once, off = 0, 0
    manager:once("connectionAcquired", function() once = once + 1 end)
    local subscription = manager:on("connectionAcquired", function() off = off + 1 end)
    for _ = 1, 2 do assert(manager:lease()):release() end
    moonpool.poll(20)
    assert.same({ 1, 2 }, { once, off })
    assert.is_true(manager:off(subscription))
    assert.is_false(manager:off(subscription))
    assert(manager:lease()):release()
    moonpool.poll(20)
    assert.same({ 1, 2 }, { once, off })
    assert.error_matches(function() manager:on("clusterAded", print) end, 'there is no event "clusterAded"; did you mean "clusterAdded"%?')
  end)

  it("go on after a handler that raised, which is an event too", function()
    local manager <close> = here:manager()
    local seen, problems = 0, {}
    moonpool.log.setLevel "off"
    manager:on("connectionAcquired", function() error("oops", 0) end)
    manager:on("connectionAcquired", function() seen = seen + 1 end)
    manager:on("error", function(problem, event) problems[#problems + 1] = problem .. " in " .. event end)
    assert(manager:lease()):release()
    moonpool.poll(20)
    moonpool.log.setLevel "warn"
    assert.same({ 1, { "oops in connectionAcquired" } }, { seen, problems })
  end)

  it("may be handled by what uses the manager", function()
    local manager <close> = here:manager()
    local answered = {}
    manager:on("clusterUnhealthy", function(name)
      assert(manager:setWeight(name, 0))
      local list = assert(manager:client().core.listNamespace())
      answered[#answered + 1] = { name, list.kind }
    end)
    here:down(manager, "sim-2")
    eventually(LONG, "the handler", function() return #answered == 1 end)
    assert.same({ { "sim-2", "NamespaceList" } }, answered)
    assert.equal(0, manager:getStats()["sim-2"].weight)
  end)

  it("may be handled by what takes the cluster, or the manager, away", function()
    local manager = here:manager()
    local told = {}
    local function note(text) told[#told + 1] = text end
    manager:once("connectionAcquired", function(_, name)
      note("acquired " .. name)
      note("removed " .. tostring(manager:removeCluster(name)))
      do
        local other <close> = assert(manager:lease "sim-1")
        note("leased " .. other.cluster)
      end
      manager:dispose()
      note "disposed"
    end)
    manager:on("clusterRemoved", function(name) note("event of " .. name) end)
    local lease = assert(manager:lease "sim-2")
    moonpool.sleep(50)
    assert.same({ "acquired sim-2" }, told) -- the lease has its time
    lease:release()
    eventually(LONG, "the disposal", function() return #told == 7 end)
    assert.same({ "acquired sim-2", "event of sim-2", "removed true", "leased sim-1" }, table.move(told, 1, 4, 1, {}))
    assert.error_matches(function() manager:acquire() end, "ConnectionManager was disposed")
  end)

  it("are those of one manager, although another one has clusters of the same names", function()
    local one <close> = here:manager()
    local other <close> = here:manager()
    local told = {}
    one:on("connectionAcquired", function(_, name) told[#told + 1] = "one " .. name end)
    other:on("connectionAcquired", function(_, name) told[#told + 1] = "other " .. name end)
    local mine, theirs = assert(one:lease "sim-1"), assert(other:lease "sim-2")
    assert.error_matches(function() one:release("sim-2", theirs.connection) end, "was not acquired from this manager")
    mine:release()
    theirs:release()
    one:dispose()
    assert(other:lease "sim-1"):release()
    moonpool.poll(20)
    assert.same({ "one sim-1", "other sim-2", "other sim-1" }, told)
  end)
end)
