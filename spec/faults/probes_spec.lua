-- Health checks as the servers see them, while this process is busy with something else.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local fleet = require "spec.support.fleet"
local moonpool = require "moonpool"

describe("health checks of clusters", function()
  local interval = 1000
  local clusters

  lazy_setup(function() clusters = fleet.start { clusters = 2, apart = true, pods = 200 } end)
  lazy_teardown(function() clusters:close() end)

  local function start()
    local manager = moonpool.ConnectionManager { clusterHealthCheckInterval = interval }
    for _, name in ipairs(clusters.names) do
      assert(manager:addCluster { name = name, kubeConfigPath = clusters:path(name) })
    end
    eventually(10000, "healthy clusters", function()
      for _, stats in pairs(manager:getStats()) do if stats.state ~= "healthy" then return false end end
      return true
    end)
    return manager
  end

  -- The period has a jitter of 10 %; the rest is for a busy machine.
  local function assertOnSchedule(name, from, to)
    local times = {}
    for _, at in ipairs(clusters:probes(name)) do
      if at >= from and at <= to then times[#times + 1] = at end
    end
    assert.is_true(#times >= (to - from) // (1.2 * interval), ("%d probes of %s in %d ms"):format(#times, name, to - from))
    for i = 2, #times do
      local period = times[i] - times[i - 1]
      assert.is_true(period >= 0.8 * interval and period <= 1.2 * interval, ("%s: %d ms between two probes"):format(name, period))
    end
  end

  it("keep their schedule while a script spins for 3 s", function()
    local manager <close> = start()
    local from = core.now()
    local spins = 0
    while core.now() - from < 3000 do spins = spins + 1 end
    for _, name in ipairs(clusters.names) do assertOnSchedule(name, from, from + 3000) end
    for _, stats in pairs(manager:getStats()) do assert.equal("healthy", stats.state) end
  end)

  it("keep it while bulk streams through the reactor of the pool", function()
    local manager <close> = start()
    local client = assert(manager:client(clusters.names[1]))
    local from, bytes = core.now(), 0
    while core.now() - from < 3000 do
      local lists = moonpool.map({ 1, 2, 3, 4 }, function() return assert(client:request { path = "/api/v1/pods", raw = true }) end)
      for _, text in ipairs(lists) do bytes = bytes + #text end
    end
    assert.is_true(bytes > 1 << 20, bytes)
    for _, name in ipairs(clusters.names) do assertOnSchedule(name, from, from + 3000) end
  end)

  it("find a stopped cluster unhealthy within fall x (interval + timeout), while calls to another one go on at once", function()
    local manager <close> = start()
    local hung, other = clusters.names[1], assert(manager:client(clusters.names[2]))
    assert(other.core.listNamespace { limit = 1 })
    clusters:stop(hung)
    finally(function() clusters:cont(hung) end)
    local from, slowest = core.now(), 0
    while manager:getStats()[hung].state ~= "unhealthy" do
      local before = core.now()
      assert(other.core.listNamespace { limit = 1 })
      slowest = math.max(slowest, core.now() - before)
      moonpool.sleep(20)
      assert.is_true(core.now() - from < 3 * (1.1 * interval + 3000) + 500, "not found out in time")
    end
    assert.is_true(slowest < 1000, ("a call to the other cluster took %d ms"):format(slowest))
    local _, err = assert(manager:client(hung)).core.listNamespace()
    assert.equal(hung, err.cluster)
    clusters:cont(hung)
    eventually(30000, "its recovery", function() return manager:getStats()[hung].healthy end)
  end)
end)
