-- manager_strategies_spec.lua: who is chosen: the seed's four strategies and the others, exactly; strategies of scripts, good ones and
-- all kinds of bad ones.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local managed = require "spec.support.managed"
local moonpool = require "moonpool"

local LONG = 10000 -- ms for what should take a moment: machines are busy
local Strategy = moonpool.LoadBalancingStrategy

describe("choosing a cluster", function()
  local here

  lazy_setup(function() here = managed.start() end)
  lazy_teardown(function() here:stop() end)
  after_each(function() here:clear() end)

  --- The clusters of so many leases, one after the other: counted, and in their order.
  local function chosen(manager, times, wanted)
    local counts, order = { ["sim-1"] = 0, ["sim-2"] = 0, ["sim-3"] = 0 }, {}
    for i = 1, times do
      local lease <close> = assert(manager:lease(wanted))
      counts[lease.cluster] = counts[lease.cluster] + 1
      order[i] = lease.cluster:sub(-1)
    end
    return counts, table.concat(order)
  end

  -- ------------------------------------------------------------------------------------------------------- built in
  it("goes round in sequence, evenly, whatever the weights", function()
    local manager <close> = here:manager({ loadBalancingStrategy = Strategy.ROUND_ROBIN }, { ["sim-1"] = { weight = 100 } })
    local counts, order = chosen(manager, 12)
    assert.same({ ["sim-1"] = 4, ["sim-2"] = 4, ["sim-3"] = 4 }, counts)
    assert.equal("123123123123", order)
  end)

  it("goes round when nothing else was said", function()
    local manager <close> = here:manager()
    assert.equal("123123", (select(2, chosen(manager, 6))))
  end)

  it("gives weights 7 and 3 exactly 70 and 30 of 100, smoothly interleaved", function()
    local manager <close> = here:manager({ loadBalancingStrategy = Strategy.WEIGHTED }, { ["sim-1"] = { weight = 7 },
      ["sim-2"] = { weight = 3 } })
    assert(manager:disableCluster "sim-3")
    local counts, order = chosen(manager, 100)
    assert.same({ ["sim-1"] = 70, ["sim-2"] = 30, ["sim-3"] = 0 }, counts)
    assert.is_nil(order:find("1111", 1, true))
    assert.is_nil(order:find("22", 1, true))
    for from = 1, 91, 10 do
      assert.equal(7, select(2, order:sub(from, from + 9):gsub("1", "")))
    end
  end)

  it("follows weights that are set while it runs", function()
    local manager <close> = here:manager { loadBalancingStrategy = Strategy.WEIGHTED }
    assert.same({ ["sim-1"] = 10, ["sim-2"] = 10, ["sim-3"] = 10 }, (chosen(manager, 30)))
    assert(manager:setWeight("sim-3", 8))
    chosen(manager, 10) -- a period to settle in
    assert.same({ ["sim-1"] = 10, ["sim-2"] = 10, ["sim-3"] = 80 }, (chosen(manager, 100)))
    assert(manager:setWeight("sim-3", 0))
    chosen(manager, 10)
    assert.same({ ["sim-1"] = 15, ["sim-2"] = 15, ["sim-3"] = 0 }, (chosen(manager, 30)))
  end)

  it("chooses the fewest active connections", function()
    local manager <close> = here:manager { loadBalancingStrategy = Strategy.LEAST_CONNECTIONS }
    local held = {}
    for i = 1, 4 do held[i] = assert(manager:lease "sim-1") end
    for i = 5, 6 do held[i] = assert(manager:lease "sim-3") end
    local order = {}
    for i = 1, 6 do
      held[6 + i] = assert(manager:lease())
      order[i] = held[6 + i].cluster
    end
    local sums = {}
    for _, name in ipairs(here.names) do sums[name] = manager:getStats()[name].inFlight end
    assert.same({ ["sim-1"] = 4, ["sim-2"] = 4, ["sim-3"] = 4 }, sums)
    assert.same({ "sim-2", "sim-2" }, { order[1], order[2] })
    for _, lease in ipairs(held) do lease:release() end
    assert.same({ ["sim-1"] = 4, ["sim-2"] = 4, ["sim-3"] = 4 }, (chosen(manager, 12))) -- ties in turn
  end)

  it("chooses at random evenly: each of three within 5 standard deviations of its third", function()
    local manager <close> = here:manager { loadBalancingStrategy = Strategy.RANDOM }
    local counts = chosen(manager, 3000)
    local bound = 5 * math.sqrt(3000 * (1 / 3) * (2 / 3)) -- 129 of 1,000
    for name, count in pairs(counts) do
      assert.is_true(math.abs(count - 1000) <= bound, ("%s: %d"):format(name, count))
    end
  end)

  it("sends the same key to the same cluster", function()
    local manager <close> = here:manager { loadBalancingStrategy = Strategy.RENDEZVOUS }
    local of, used = {}, {}
    for number = 1, 60 do
      local key = "tenant-" .. number
      local lease <close> = assert(manager:lease { key = key })
      of[key], used[lease.cluster] = lease.cluster, true
    end
    assert.same({ ["sim-1"] = true, ["sim-2"] = true, ["sim-3"] = true }, used)
    assert(manager:disableCluster "sim-2")
    for key, cluster in pairs(of) do
      local lease <close> = assert(manager:lease { key = key })
      if cluster ~= "sim-2" then assert.equal(cluster, lease.cluster) else assert.not_equal("sim-2", lease.cluster) end
    end
    assert(manager:enableCluster "sim-2")
    local client = assert(manager:client())
    for key, cluster in pairs(of) do
      local _, err, answer = client.core.listNamespace { key = key }
      assert.is_nil(err)
      assert.equal(cluster, answer.cluster)
    end
  end)

  it("fills the first priority before it spills over", function()
    local manager <close> = here:manager({ loadBalancingStrategy = Strategy.PRIORITY, defaultPoolConfig = { minConnections = 1,
      maxConnections = 2 } }, { ["sim-2"] = { priority = -1 } })
    local held = {}
    for i = 1, 4 do held[i] = assert(manager:lease()) end
    assert.same({ "sim-2", "sim-2" }, { held[1].cluster, held[2].cluster })
    assert.not_equal("sim-2", held[3].cluster)
    held[1]:release()
    local again <close> = assert(manager:lease())
    assert.equal("sim-2", again.cluster)
    for i = 2, 4 do held[i]:release() end
  end)

  it("leaves a slow cluster alone with peak-EWMA", function()
    local manager <close> = here:manager { loadBalancingStrategy = Strategy.PEAK_EWMA }
    here.byName["sim-2"].faults:set { { type = "latency", ms = 100, path = "/api*" } }
    local client, counts = assert(manager:client()), {}
    for _ = 1, 30 do
      local _, err, answer = client.core.listNamespace()
      assert.is_nil(err)
      counts[answer.cluster] = (counts[answer.cluster] or 0) + 1
    end
    assert.is_true((counts["sim-2"] or 0) <= 2, ("%d"):format(counts["sim-2"] or 0))
    assert.is_true(manager:getStats()["sim-2"].latency >= 50)
  end)

  describe("while many callers lease at once, and clusters leave and come back,", function()
    --- Where so many leases were that were begun at once, each held for a moment. There are too few connections for all: most wait.
    local function many(manager, times)
      local counts, tasks = { ["sim-1"] = 0, ["sim-2"] = 0, ["sim-3"] = 0 }, {}
      for i = 1, times do
        tasks[i] = moonpool.spawn(function()
          local one <close> = assert(manager:lease())
          counts[one.cluster] = counts[one.cluster] + 1
          moonpool.sleep(1)
        end)
      end
      for _, task in ipairs(tasks) do task:join() end
      return { counts["sim-1"], counts["sim-2"], counts["sim-3"] }
    end

    --- Calls check(counts, what there should be of each) for all three, without sim-2, and for all three again.
    local function through(strategy, times, expected, check)
      local weights = { ["sim-1"] = { weight = 5 }, ["sim-2"] = { weight = 3 }, ["sim-3"] = { weight = 2 } }
      local manager <close> = here:manager({ loadBalancingStrategy = strategy,
        defaultPoolConfig = { minConnections = 1, maxConnections = 5 } }, weights)
      check(many(manager, times), expected[1])
      assert(manager:removeCluster "sim-2")
      check(many(manager, times), expected[2])
      assert(manager:addCluster(here:cluster("sim-2", weights["sim-2"])))
      here.settled(manager)
      check(many(manager, times), expected[1])
    end

    --- Each within so many of what it should be: what a period that another change has cut in two may leave over.
    local function within(bound)
      return function(counts, expected)
        for i, count in ipairs(counts) do
          assert.is_true(math.abs(count - expected[i]) <= bound, ("%s, expected %s"):format(table.concat(counts, " "),
            table.concat(expected, " ")))
        end
      end
    end

    it("round-robin is exact", function()
      through(Strategy.ROUND_ROBIN, 60, { { 20, 20, 20 }, { 30, 0, 30 } }, within(1))
    end)

    it("weighted is exact", function()
      through(Strategy.WEIGHTED, 70, { { 35, 21, 14 }, { 50, 0, 20 } }, within(1))
    end)

    it("least-connections is even", function()
      through(Strategy.LEAST_CONNECTIONS, 60, { { 20, 20, 20 }, { 30, 0, 30 } }, within(1))
    end)

    it("random is even within 5 standard deviations", function()
      local three, two = 300 / 3, 300 / 2
      through(Strategy.RANDOM, 300, { { three, three, three }, { two, 0, two } }, within(5 * math.sqrt(300 / 4)))
    end)
  end)

  -- ------------------------------------------------------------------------------------------------------ in Lua, good
  it("asks a function of the script, which gets what is known of each cluster", function()
    local manager <close> = here:manager(nil, { ["sim-2"] = { weight = 2, labels = { cost = "1" }, zone = "eu", priority = 3 } })
    local held <close> = assert(manager:lease "sim-3") -- luacheck: ignore held
    local seen, fields, asked = {}, {}, nil
    manager:setStrategy(function(clusters, request)
      asked = { kind = request.kind, method = request.method, path = request.path, key = request.key, cluster = request.cluster }
      for index, candidate in ipairs(clusters) do
        seen[index] = { candidate.name, candidate.weight, candidate.zone, candidate.priority, candidate.labels.cost,
          candidate.inFlight, candidate.inUse, candidate.endpoints }
      end
      for field in pairs(clusters[2]) do fields[#fields + 1] = field end
      return clusters[2]
    end)
    local lease <close> = assert(manager:lease { key = "tenant-1" })
    assert.equal("sim-2", lease.cluster)
    assert.same({ kind = "lease", key = "tenant-1" }, asked)
    assert.same({
      { "sim-1", 1, nil, 0, nil, 0, 0, 1 }, { "sim-2", 2, "eu", 3, "1", 0, 0, 1 }, { "sim-3", 1, nil, 0, nil, 1, 1, 1 },
    }, seen)
    table.sort(fields)
    assert.same({ "endpoints", "failures", "idle", "inFlight", "inUse", "labels", "latency", "name", "priority", "waiting", "weight",
      "zone" }, fields)
    local client = assert(manager:client())
    local _, err, answer = client.core.listNamespace { limit = 1 }
    assert.is_nil(err)
    assert.equal("sim-2", answer.cluster)
    assert.same({ kind = "read", method = "GET", path = "/api/v1/namespaces?limit=1" }, asked)
    assert(client.core.createNamespace { metadata = { name = "made" } })
    assert.same({ "write", "POST" }, { asked.kind, asked.method })
    lease:release()
    assert.equal(0, manager:getStats()["sim-2"].inFlight)
  end)

  it("shows a strategy the numbers of the moment", function()
    local manager <close> = here:manager()
    local seen
    manager:setStrategy(function(clusters)
      local first = clusters[1]
      seen = { first.inFlight, first.inUse, first.idle, first.weight, first.failures, first.latency > 0 }
      return first
    end)
    local client = assert(manager:client("sim-*"))
    assert(manager:lease()):release()
    assert.same({ 0, 0, 1, 1.0, 0 }, { table.unpack(seen, 1, 5) })
    assert(client.core.listNamespace())
    local lease = assert(manager:lease())
    assert.same({ 0, 0, 1, 1.0, 0, true }, seen)
    assert(manager:setWeight("sim-1", 5))
    assert(manager:lease()):release()
    assert.same({ 1, 1, 0, 5.0, 0, true }, seen)
    lease:release()
    assert(manager:lease()):release()
    assert.equal(0, seen[1])
    assert.equal(0, seen[2])
  end)

  it("shows a strategy how many API servers of a cluster can be used", function()
    local pair = managed.start { clusters = 1, endpoints = 2 }
    local manager <close> = pair:manager(nil, { ["sim-1"] = { endpoints = pair.byName["sim-1"].urls } })
    local usable
    manager:setStrategy(function(clusters) usable = clusters[1].endpoints end)
    assert(manager:lease()):release()
    assert.equal(2, usable)
    pair.byName["sim-1"].endpoints[2].faults:set { { type = "die" } }
    eventually(LONG, "it to be noticed", function()
      assert(manager:lease()):release()
      return usable == 1
    end)
    manager:dispose()
    pair:stop()
  end)

  it("gives a strategy the same tables again, as they were: sorted back, and what it wrote undone", function()
    local manager <close> = here:manager()
    local lists, first, names = {}, {}, {}
    manager:setStrategy(function(clusters)
      lists[#lists + 1], first[#first + 1], names[#names + 1] = clusters, clusters[1], clusters[1].name .. clusters[3].name
      assert(clusters[1].score == nil and clusters[4] == nil and clusters[1].weight == 1)
      for index, candidate in ipairs(clusters) do candidate.score, candidate.weight, candidate.name = -index, 99, "other" end
      table.sort(clusters, function(a, b) return a.score < b.score end)
      clusters[4] = clusters[1]
      return clusters[1]
    end)
    for _ = 1, 3 do
      local lease <close> = assert(manager:lease())
      assert.equal("sim-3", lease.cluster)
    end
    assert.is_true(rawequal(lists[1], lists[3]) and rawequal(first[1], first[3]))
    assert.same({ "sim-1sim-3", "sim-1sim-3", "sim-1sim-3" }, names)
    assert.equal(1, manager:getStats()["sim-1"].weight)
    manager:setStrategy(function(clusters) clusters[1].labels.env = "changed" end)
    local problem
    manager:on("strategyError", function(message) problem = message end)
    moonpool.log.setLevel "error"
    assert(manager:lease()):release()
    moonpool.poll(20)
    moonpool.log.setLevel "warn"
    assert.matches("the labels of a cluster cannot be changed", problem)
  end)

  it("offers healthy, enabled candidates only, and those that the client is for", function()
    local manager <close> = here:manager()
    local seen
    manager:setStrategy(function(clusters)
      local names = {}
      for index, candidate in ipairs(clusters) do names[index] = candidate.name end
      seen = table.concat(names, " ")
    end)
    assert(manager:lease()):release()
    assert.equal("sim-1 sim-2 sim-3", seen)
    assert(manager:disableCluster "sim-1")
    assert(manager:lease()):release()
    assert.equal("sim-2 sim-3", seen)
    assert(manager:enableCluster "sim-1")
    assert(manager:client { "sim-*", "^sim-3" }.core.listNamespace())
    assert.equal("sim-1 sim-2", seen)
    here:down(manager, "sim-2")
    assert(manager:lease()):release()
    assert.equal("sim-1 sim-3", seen)
    assert(manager:removeCluster "sim-3")
    assert(manager:lease()):release()
    assert.equal("sim-1", seen)
    assert(manager:addCluster(here:cluster "sim-3", { weight = 2 }))
    here.awaitState(manager, "sim-3", "healthy")
    assert(manager:lease()):release()
    assert.equal("sim-1 sim-3", seen)
  end)

  it("takes a candidate, its name, or nothing for an answer", function()
    local manager <close> = here:manager()
    local answer
    manager:setStrategy(function(clusters) return answer(clusters) end)
    answer = function(clusters) return clusters[3] end
    assert.equal("333", (select(2, chosen(manager, 3))))
    answer = function() return "sim-2" end
    assert.equal("222", (select(2, chosen(manager, 3))))
    answer = function() end
    assert.same({ ["sim-1"] = 2, ["sim-2"] = 2, ["sim-3"] = 2 }, (chosen(manager, 6))) -- round-robin
  end)

  it("is not asked for a preferred cluster that can be had, but for its place when it cannot", function()
    local manager <close> = here:manager()
    local asked = 0
    manager:setStrategy(function(_, request)
      asked = asked + 1
      assert(request.cluster == "sim-2")
      return "sim-3"
    end)
    assert.equal("22", (select(2, chosen(manager, 2, "sim-2"))))
    assert.equal(0, asked)
    here:down(manager, "sim-2")
    local failover
    manager:on("failover", function(from, to) failover = from .. " to " .. to end)
    assert.equal("33", (select(2, chosen(manager, 2, "sim-2"))))
    assert.equal(2, asked)
    moonpool.poll(20)
    assert.equal("sim-2 to sim-3", failover)
  end)

  it("is asked for the place of a preferred cluster that is disabled", function()
    local manager <close> = here:manager()
    local failover
    manager:on("failover", function(from, to, reason) failover = from .. " to " .. to .. ": " .. reason end)
    manager:setStrategy(function(_, request) return request.cluster == "sim-2" and "sim-3" or nil end)
    assert(manager:disableCluster "sim-2")
    assert.equal("333", (select(2, chosen(manager, 3, "sim-2"))))
    moonpool.poll(20)
    assert.matches("^sim%-2 to sim%-3: .*disabled", failover)
  end)

  it("works with a table that has state, hears results and changes", function()
    local manager <close> = moonpool.ConnectionManager { clusterHealthCheckInterval = 100, defaultPoolConfig = { minConnections = 1 } }
    local changes, results = {}, {}
    local strategy = { picked = 0 }
    function strategy:select(clusters)
      self.picked = self.picked + 1
      return clusters[#clusters]
    end
    function strategy:onResult(cluster, outcome)
      assert(self == strategy)
      results[#results + 1] = { cluster, outcome.ok, outcome.method, outcome.path, outcome.err and outcome.err.kind }
      assert(outcome.duration > 0 and outcome.duration < LONG)
    end
    function strategy:onClusterChange(cluster, change)
      assert(self == strategy)
      changes[#changes + 1] = cluster .. " " .. change
    end
    manager:setStrategy(strategy)
    for _, name in ipairs(here.names) do assert(manager:addCluster(here:cluster(name))) end
    here.settled(manager)
    local client = assert(manager:client())
    assert(client.core.listNamespace())
    assert.is_nil((client.core.readNamespace "nowhere"))
    assert(manager:client("sim-1").core.listNamespace())
    assert.same({ { "sim-3", true, "GET", "/api/v1/namespaces" }, { "sim-3", false, "GET", "/api/v1/namespaces/nowhere", "notFound" },
      { "sim-1", true, "GET", "/api/v1/namespaces" } }, results)
    assert.equal(2, strategy.picked)
    here:down(manager, "sim-3")
    assert(manager:removeCluster "sim-3")
    moonpool.poll(20)
    local ofThird = {}
    for _, change in ipairs(changes) do
      if change:find "^sim%-3" then ofThird[#ofThird + 1] = change:sub(7) end
    end
    assert.same({ "added", "healthy", "unhealthy", "removed" }, ofThird)
    manager:setStrategy(Strategy.ROUND_ROBIN) -- hears no more
    assert(manager:removeCluster "sim-2")
    assert(client.core.listNamespace())
    moonpool.poll(20)
    assert.same({ 2, 3 }, { strategy.picked, #results })
    assert.not_equal("sim-2 removed", changes[#changes])
  end)

  it("finds registered strategies by name", function()
    moonpool.strategies.register("always-second", function() return "sim-2" end)
    local manager <close> = here:manager { loadBalancingStrategy = "always-second" }
    assert.equal("222", (select(2, chosen(manager, 3))))
    assert.matches('"always%-second"', tostring(manager))
    moonpool.strategies.register("always-second", { select = function(_, clusters) return clusters[3] end }) -- replaced
    assert.equal("2", (select(2, chosen(manager, 1))))
    manager:setStrategy "always-second"
    assert.equal("3", (select(2, chosen(manager, 1))))
    assert.error_matches(function() moonpool.strategies.register("random", function() end) end, '"random" is built in')
    assert.error_matches(function() moonpool.strategies.register("x", {}) end, "select: expected a function, got nil")
    assert.error_matches(function() manager:setStrategy "always-secnd" end, 'did you mean "always%-second"%?')
  end)

  -- ------------------------------------------------------------------------------------------------------- in Lua, bad
  describe("when a strategy of the script", function()
    local manager, told

    before_each(function()
      moonpool.log.setLevel "off"
      manager, told = here:manager(), {}
      manager:on("strategyError", function(message) told[#told + 1] = message end)
    end)
    after_each(function()
      manager:dispose()
      moonpool.log.setLevel "warn"
    end)

    --- Every lease is had, evenly from all, and each time an event says what was wrong.
    local function survives(strategy, pattern, among)
      manager:setStrategy(strategy)
      local counts = chosen(manager, 6)
      eventually(LONG, "six events", function() return #told >= 6 end)
      assert.equal(6, #told)
      for _, message in ipairs(told) do assert.matches(pattern, message) end
      assert.matches("^the strategy %(spec/manager_strategies_spec.lua:%d+%) ", told[1])
      for name, count in pairs(counts) do assert.equal(name == among and 0 or among and 3 or 2, count) end
      -- and a call is answered just as well
      assert(manager:client().core.listNamespace())
    end

    it("raises, round-robin chooses", function()
      survives(function(clusters) return clusters[1].nothing.here end,
        "raised an error: spec/manager_strategies_spec.lua:%d+: attempt to index a nil value %(field 'nothing'%)")
    end)

    it("raises something that is no text, round-robin chooses", function()
      survives(function() error({}) end, "raised an error: table: ")
    end)

    it("raises something whose text raises, round-robin chooses", function()
      survives(function() error(setmetatable({}, { __tostring = function() error "again" end })) end, "raised an error: ")
    end)

    it("returns nonsense, round-robin chooses", function()
      survives(function() return 42 end, "returned a number; expected a candidate, its name, or nil")
    end)

    it("returns a table of its own, round-robin chooses", function()
      survives(function() return { name = "sim-1" } end, "returned a table that is none of the candidates")
    end)

    it("names a cluster that there is not, round-robin chooses", function()
      survives(function() return "sim-4" end, 'returned "sim%-4": there is no cluster "sim%-4"; did you mean')
    end)

    it("chooses one that is disabled, round-robin chooses among the others", function()
      assert(manager:disableCluster "sim-2")
      survives(function() return "sim-2" end, 'returned "sim%-2", which cannot be chosen now: it is disabled', "sim-2")
    end)

    it("chooses one that is unhealthy, round-robin chooses among the others", function()
      local kept
      manager:setStrategy(function(clusters) kept = clusters[2] end)
      assert(manager:lease()):release()
      here:down(manager, "sim-2")
      survives(function() return kept end, "returned a table that is none of the candidates", "sim-2") -- another strategy's candidate
      told = {}
      manager:setStrategy(Strategy.ROUND_ROBIN)
      survives(function() return "sim-2" end, 'returned "sim%-2", which cannot be chosen now: .*connection refused', "sim-2")
    end)

    it("keeps a candidate and chooses it when it is no candidate any more, round-robin chooses", function()
      local kept
      manager:setStrategy(function(clusters)
        kept = kept or clusters[2]
        return kept
      end)
      assert.equal("2", (select(2, chosen(manager, 1))))
      assert(manager:disableCluster "sim-2")
      assert.equal(0, chosen(manager, 4)["sim-2"])
      moonpool.poll(20)
      assert.matches('returned "sim%-2", which cannot be chosen now: it is disabled', told[4])
      assert(manager:removeCluster "sim-2")
      chosen(manager, 1)
      moonpool.poll(20)
      assert.matches("returned a", told[5])
    end)

    it("never ends, it is stopped after 10 ms, and round-robin chooses", function()
      local start = core.clock()
      survives(function() while true do end end, "took more than 10 ms, at spec/manager_strategies_spec.lua:%d+")
      assert.is_true(core.clock() - start >= 60)
      told = {}
      manager:setStrategy(function(clusters) return clusters[2] end)
      assert.equal("22", (select(2, chosen(manager, 2)))) -- nothing is left of it
      assert.same({}, told)
    end)

    it("never ends and catches being stopped, it is stopped all the same", function()
      survives(function()
        while true do pcall(function() while true do end end) end
      end, "took more than 10 ms")
    end)

    it("never ends in a coroutine, it is stopped all the same", function()
      survives(function() coroutine.wrap(function() while true do end end)() end, "took more than 10 ms")
    end)

    it("never ends in a coroutine that was made before, it is stopped all the same", function()
      local inner = coroutine.wrap(function()
        coroutine.yield()
        while true do end
      end)
      inner()
      manager:setStrategy(function() inner() end)
      chosen(manager, 1)
      moonpool.poll(20)
      assert.matches("took more than 10 ms", told[1])
    end)

    it("tries to wait, it raises in it, and round-robin chooses", function()
      survives(function() moonpool.sleep(1) end, "raised an error: spec/manager_strategies_spec.lua:%d+: a strategy must not wait")
    end)

    it("tries to make a call, it raises in it, and round-robin chooses", function()
      local client = assert(manager:client "sim-1")
      survives(function() client.core.listNamespace() end, "a strategy must not wait")
    end)

    it("yields, it raises in it, and round-robin chooses", function()
      survives(function() coroutine.yield() end, "raised an error: attempt to yield")
    end)

    it("asks its own manager, that is answered without it", function()
      manager:setStrategy(function()
        local lease <close> = assert(manager:lease())
        return lease.cluster
      end)
      assert.equal(6, #select(2, chosen(manager, 6)))
      assert.same({}, told)
    end)

    it("replaces itself, the new one chooses from then on", function()
      manager:setStrategy(function()
        manager:setStrategy(function() return "sim-3" end)
        collectgarbage()
        return "sim-1"
      end)
      assert.equal("133", (select(2, chosen(manager, 3))))
    end)

    it("removes clusters, that is done, and the one that it chose is taken if it is still there", function()
      manager:setStrategy(function(clusters)
        local last = clusters[#clusters].name
        pcall(manager.removeCluster, manager, last) -- it cannot wait for the end of it
        return #clusters == 3 and last or clusters[1]
      end)
      local one <close> = assert(manager:lease())
      assert.not_equal("sim-3", one.cluster)
      local two <close> = assert(manager:lease())
      assert.equal("sim-1", two.cluster)
      assert.same({ "sim-1" }, manager:clusters())
    end)

    it("raises in onResult or onClusterChange, it is an event, and nothing else", function()
      manager:setStrategy { select = function() return "sim-1" end, onResult = function() error "no result" end,
        onClusterChange = function() error "no change" end }
      assert(manager:client().core.listNamespace())
      assert(manager:removeCluster "sim-3")
      eventually(LONG, "two events", function() return #told == 2 end)
      assert.matches("raised an error in onResult: .*no result", told[1])
      assert.matches("raised an error in onClusterChange: .*no change", told[2])
    end)
  end)

  it("lets work go on in tasks after a strategy was stopped: no hook stays behind", function()
    moonpool.log.setLevel "off"
    local manager <close> = here:manager()
    local kept = coroutine.create(function()
      local sum = 0
      for i = 1, 3000000 do sum = sum + i end
      return sum
    end)
    manager:setStrategy(function()
      if coroutine.status(kept) == "suspended" then coroutine.resume(kept) end
    end)
    local _, order = chosen(manager, 2)
    moonpool.log.setLevel "warn"
    assert.equal(2, #order)
    assert.is_nil(debug.gethook())
    local sum = moonpool.spawn(function()
      local total = 0
      for i = 1, 3000000 do total = total + i end
      return total
    end):join()
    assert.equal(4500001500000, sum)
  end)
end)
