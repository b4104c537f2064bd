-- fanout_spec.lua: manager:each on simulated clusters: who is selected, what of each is in the results, and what ends early.
local moonpool = require "moonpool"
local core = require "moonpool.core"

describe("manager:each", function()
  local group, kubeConfig, manager

  -- sim-1 ... sim-8: the odd ones are of env=prod, the even ones of env=test; sim-1 to sim-4 are in zone eu.
  local labelsOf = {}
  for i = 1, 8 do labelsOf["sim-" .. i] = { env = i % 2 == 1 and "prod" or "test", zone = i <= 4 and "eu" or "us" } end

  local function add(name)
    assert(manager:addCluster { name = name, kubeConfig = kubeConfig, context = name, labels = labelsOf[name] })
  end

  setup(function()
    group = require("moonpool.sim").start { clusters = 8, pods = 0 }
    kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromString(group:kubeconfig()))
  end)
  teardown(function() group:stop() end)
  before_each(function()
    manager = moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 0 }, clusterHealthCheckInterval = 0 }
    for i = 1, 8 do add("sim-" .. i) end
  end)
  after_each(function()
    manager:dispose()
    for _, cluster in ipairs(group.clusters) do cluster.faults:clear() end
  end)

  local function faulty(name, fault) group.byName[name].faults:add(fault) end

  --- How many namespaces the cluster has. (busted's assert does not pass on error objects.)
  local function namespaces(client)
    local list, err = client.core.listNamespace()
    if not list then error(err, 0) end
    return #list.items
  end

  --- The names of the results, in their order.
  local function namesOf(results)
    local names = {}
    for name in pairs(results) do names[#names + 1] = name:match "%d+" end
    return table.concat(names, " ")
  end

  local function selected(options)
    options.concurrency = 1
    return namesOf(assert(manager:each(function(_, name) return name end, options)))
  end

  describe("selects", function()
    it("all clusters, in the order of their addition", function()
      assert.equal("1 2 3 4 5 6 7 8", selected {})
    end)

    it("names, globs, regular expressions, and what exclusions leave", function()
      assert.equal("3", selected { clusters = "sim-3" })
      assert.equal("2 5", selected { clusters = { "sim-5", "sim-2" } })
      assert.equal("1 2 3", selected { clusters = "sim-[1-3]" })
      assert.equal("2 4 8", selected { clusters = "/-[248]$/" })
      assert.equal("1 2 8", selected { clusters = { "^sim-[3-5]", "^/[67]/" } })
      assert.equal("1 3", selected { clusters = { "sim-[1-3]", "^sim-2" } })
    end)

    it("labels", function()
      assert.equal("1 3 5 7", selected { labels = "env=prod" })
      assert.equal("2 4", selected { labels = { env = "test", zone = "eu" } })
      assert.equal("5 7", selected { labels = "env=prod,zone notin (eu)" })
      assert.equal("1 3", selected { clusters = "sim-[1-4]", labels = { env = "prod" } })
    end)

    it("nothing, with an error that names what there is", function()
      local function refused(options)
        local results, err = manager:each(namespaces, options)
        assert.is_nil(results)
        assert.equal("config", err.kind)
        return err.message
      end
      assert.equal('no cluster matches "prod-*"; there are: sim-1, sim-2, sim-3, sim-4, sim-5, sim-6, sim-7, sim-8',
        refused { clusters = "prod-*" })
      assert.matches('no cluster matches "sin-4"; did you mean "sim-4"?', refused { clusters = "sin-4" }, 1, true)
      assert.matches('no cluster has the labels "env=none"; there are: sim-1', refused { labels = "env=none" }, 1, true)
      assert.matches('no cluster matches "sim-1" and has the labels "env=test,tier=x";',
        refused { clusters = "sim-1", labels = { tier = "x", env = "test" } }, 1, true)
      assert.matches('cluster pattern "[a"', refused { clusters = "[a" }, 1, true)
      for i = 1, 8 do assert(manager:removeCluster("sim-" .. i)) end
      assert.matches("there are none", refused {})
    end)

    it("a name that is not there among others that are: it has failed", function()
      local results = assert(manager:each(namespaces, { clusters = { "sim-2", "sim-33", "^sim-44", "sim-44" } }))
      assert.equal("2 33", namesOf(results))
      assert.is_true(results["sim-2"].ok)
      assert.equal("config", results["sim-33"].err.kind)
      assert.matches('there is no cluster "sim-33"; did you mean "sim-3"?', results["sim-33"].err.message, 1, true)
    end)
  end)

  describe("has in its results", function()
    it("what fn returned for each cluster, and how long that took", function()
      local results = assert(manager:each(function(client, name)
        return { name, client:info().name, namespaces(client) }
      end, { clusters = "sim-[12]" }))
      for name, result in pairs(results) do
        assert.is_true(result.ok)
        assert.same({ name, name, namespaces(manager:client(name)) }, result.value)
        assert.is_nil(result.err)
        assert.equal("integer", math.type(result.duration))
        assert.equal(1, result.attempts)
      end
      assert.is_false(results.partial)
      assert.equal(2, results.total)
      assert.same({ "sim-1", "sim-2" }, results.succeeded)
      assert.same({}, results.failed)
      assert.equal("2 of 2 clusters", tostring(results))
    end)

    it("success where fn returned nothing, or false", function()
      local results = assert(manager:each(function(_, name)
        if name == "sim-2" then return false, "no" end
      end, { clusters = "sim-[12]" }))
      assert.same({ ok = true, duration = results["sim-1"].duration, attempts = 1 }, results["sim-1"])
      assert.is_false(results["sim-2"].value)
    end)

    it("why fn failed: what it returned, raised, or broke at", function()
      faulty("sim-2", { type = "status", code = 403, path = "/api/*" })
      local results = assert(manager:each(function(client, name)
        if name == "sim-1" then return client.core.readNamespace("no-such") end
        if name == "sim-2" then return namespaces(client) end
        if name == "sim-3" then return nil, "just so" end
        if name == "sim-4" then return #client.nothing end
        if name == "sim-5" then return nil, { code = 7 } end
        if name == "sim-7" then return #client.core.readNamespace("missing").metadata end
        if name == "sim-8" then
          moonpool.sleep(100) -- the others' calls have failed meanwhile
          return client:info().nothing.at.all
        end
        return name
      end))
      assert.equal("notFound", results["sim-1"].err.kind)
      assert.equal("forbidden", results["sim-2"].err.kind)
      assert.equal("sim-2", results["sim-2"].err.cluster)
      assert.equal("sim-3: just so (script)", tostring(results["sim-3"].err))
      assert.matches('^[^:]*_spec.lua:%d+: .*no field "nothing"', results["sim-4"].err.message)
      assert.equal(7, results["sim-5"].err.value.code)
      assert.matches('_spec.lua:%d+: attempt to index a nil value; the call before it said: namespaces "missing" not found',
        results["sim-7"].err.message)
      assert.equal("notFound", results["sim-7"].err.cause.kind)
      assert.is_nil(results["sim-8"].err.cause)
      assert.is_true(results["sim-6"].ok)
      assert.is_true(results.partial)
      assert.same({ "sim-6" }, results.succeeded)
      assert.equal("1 of 8 clusters, 7 failed: sim-1, sim-2, sim-3, sim-4, sim-5, sim-7, sim-8", tostring(results))
    end)

    it("every cluster that is down, with its own cause, beside those that are not", function()
      faulty("sim-3", { type = "die" })
      faulty("sim-4", { type = "status", code = 503 })
      faulty("sim-5", { type = "badCertificate" })
      local results = assert(manager:each(namespaces))
      assert.equal(8, results.total)
      assert.same({ "sim-3", "sim-4", "sim-5" }, results.failed)
      assert.equal("connect", results["sim-3"].err.kind)
      assert.equal("server", results["sim-4"].err.kind)
      assert.equal("tls", results["sim-5"].err.kind)
      for _, name in ipairs(results.failed) do assert.equal(name, results[name].err.cluster) end
    end)

    it("a cluster that is known to be down, at once", function()
      local faults = group.byName["sim-3"].faults
      faults:set { { type = "die" } }
      while manager:getStats()["sim-3"].state ~= "unhealthy" do manager:checkHealth("sim-3") end
      faults:set { { type = "freeze" } } -- who tried it now would wait
      local results = assert(manager:each(namespaces, { clusters = "sim-[34]", timeout = 0 }))
      assert.same({ "sim-3" }, results.failed)
      assert.matches("sim%-3.*refused", tostring(results["sim-3"].err))
    end)

    it("a cluster that is called as one of its fields", function()
      assert(manager:addCluster { name = "failed", kubeConfig = kubeConfig, context = "sim-1" })
      local results = assert(manager:each(namespaces, { clusters = { "failed", "sim-1" } }))
      assert.is_true(results.failed.ok)
    end)

    it("a cluster that was removed before its turn, or in the middle of it", function()
      faulty("sim-2", { type = "hang", path = "/api/*" })
      local results = assert(manager:each(function(client, name)
        if name == "sim-1" then
          assert(manager:removeCluster("sim-3"))
          moonpool.spawn(function() manager:removeCluster("sim-2") end)
        end
        return namespaces(client)
      end, { clusters = "sim-[1-4]", concurrency = 2 }))
      assert.equal("1 2 3 4", namesOf(results))
      assert.same({ "sim-2", "sim-3" }, results.failed)
      assert.equal("closed", results["sim-2"].err.kind)
      assert.matches("sim%-3", tostring(results["sim-3"].err))
    end)
  end)

  it("runs at most `concurrency` at a time, 25 where nothing was said", function()
    for i = 1, 20 do assert(manager:addCluster { name = "again-" .. i, kubeConfig = kubeConfig, context = "sim-1" }) end
    for _, case in ipairs { { nil, 25 }, { 3, 3 } } do
      local now, most = 0, 0
      assert(manager:each(function()
        now = now + 1
        most = math.max(most, now)
        moonpool.sleep(2)
        now = now - 1
      end, { concurrency = case[1] }))
      assert.equal(case[2], most)
    end
  end)

  it("may be used inside itself", function()
    local results = assert(manager:each(function()
      return assert(manager:each(function(_, name) return name end)).total
    end, { clusters = "sim-[12]" }))
    assert.equal(8, results["sim-2"].value)
  end)

  describe("gives up on a cluster after `timeout`", function()
    it("says for how long and for what it waited, and closes what fn held", function()
      faulty("sim-1", { type = "hang", path = "/api/*" })
      faulty("sim-4", { type = "freeze" })
      local closed
      local results = assert(manager:each(function(client, name)
        if name ~= "sim-2" then return client.core.listNamespace() end
        local _ <close> = setmetatable({}, { __close = function() closed = true end })
        moonpool.sleep(60000)
      end, { clusters = "sim-[1-4]", timeout = 300 }))
      assert.same({ "sim-1", "sim-2", "sim-4" }, results.failed)
      local err = results["sim-1"].err
      assert.equal("timeout", err.kind)
      assert.equal("sim-1: gave up after 300 ms, waiting for GET /api/v1/namespaces (timeout)", tostring(err))
      assert.matches("^gave up after 300 ms, waiting in sleep at .*_spec.lua:%d+$", results["sim-2"].err.message)
      assert.equal("gave up after 300 ms, waiting for a connection, to send GET /api/v1/namespaces", results["sim-4"].err.message)
      assert.is_true(closed)
      assert.is_true(results["sim-1"].duration >= 300)
    end)

    it("also where fn catches what ends it", function()
      local results = assert(manager:each(function()
        pcall(table.sort, { 2, 1 }, function() moonpool.sleep(60000) end)
        return "went on"
      end, { clusters = "sim-1", timeout = 50 }))
      assert.is_true(results["sim-1"].ok or results["sim-1"].err.kind == "timeout")
    end)

    it("counts retries in, and says what the last one failed with", function()
      faulty("sim-1", { type = "status", code = 500, path = "/api/*" })
      local results = assert(manager:each(function(client)
        return client:request { path = "/api/v1/namespaces", retries = 0 }
      end, { clusters = "sim-1", timeout = 400, retries = 1000 }))
      local result = results["sim-1"]
      assert.equal("timeout", result.err.kind)
      assert.matches("gave up after 400 ms.*; the attempt before failed: sim%-1: .*HTTP 500", result.err.message)
      assert.is_true(result.attempts >= 2)
    end)
  end)

  describe("with `retries`", function()
    it("calls fn again for what may pass", function()
      faulty("sim-1", { type = "status", code = 503, path = "/api/*", count = 2 })
      faulty("sim-3", { type = "status", code = 500, path = "/api/*", count = 1 })
      local results = assert(manager:each(function(client, name)
        local list, err = client:request { path = "/api/v1/namespaces", retries = 0 }
        if name == "sim-3" then return #list.items end
        return list, err
      end, { clusters = "sim-[123]", retries = 2 }))
      assert.equal(3, results["sim-1"].attempts)
      assert.is_true(results["sim-1"].ok)
      assert.equal(1, results["sim-2"].attempts)
      assert.equal(2, results["sim-3"].attempts)
    end)

    it("waits as long as the server says", function()
      faulty("sim-1", { type = "status", code = 429, retryAfter = 1, path = "/api/*", count = 1 })
      local results = assert(manager:each(function(client)
        return client:request { path = "/api/v1/namespaces", retries = 0 }
      end, { clusters = "sim-[12]", retries = 1 }))
      assert.is_true(results["sim-1"].ok)
      assert.equal(2, results["sim-1"].attempts)
      assert.is_true(results["sim-1"].duration >= 1000)
      assert.is_true(results["sim-2"].duration < 1000)
    end)

    it("gives up with the last error, and does not repeat what would fail again", function()
      faulty("sim-1", { type = "status", code = 500, path = "/api/*" })
      local results = assert(manager:each(function(client, name)
        if name == "sim-3" then error("no") end
        return client:request { path = name == "sim-1" and "/api/v1/namespaces" or "/no/such/path", retries = 0 }
      end, { clusters = "sim-[123]", retries = 1 }))
      assert.is_true(results.partial) -- although none succeeded
      assert.equal("0 of 3 clusters, 3 failed: sim-1, sim-2, sim-3", tostring(results))
      assert.equal(2, results["sim-1"].attempts)
      assert.equal(500, results["sim-1"].err.status)
      assert.equal(1, results["sim-2"].attempts)
      assert.equal("notFound", results["sim-2"].err.kind)
      assert.equal(1, results["sim-3"].attempts)
    end)
  end)

  it("with `failFast` ends the others at the first failure", function()
    local closed = 0
    local results = assert(manager:each(function(_, name)
      local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
      if name == "sim-1" then return "early" end
      moonpool.sleep(name == "sim-3" and 20 or 60000)
      return nil, "broken"
    end, { concurrency = 3, failFast = true }))
    assert.equal("1 2 3 4 5 6 7 8", namesOf(results))
    assert.is_true(results["sim-1"].ok)
    assert.equal("broken", results["sim-3"].err.message)
    assert.equal("sim-2: cancelled: sim-3 failed first (cancelled)", tostring(results["sim-2"].err))
    assert.equal("sim-5: not started: sim-3 failed first (cancelled)", tostring(results["sim-5"].err))
    assert.equal(1, results["sim-4"].attempts)
    assert.equal(0, results["sim-5"].attempts)
    assert.equal(4, closed)
    assert.equal("1 of 8 clusters, 1 failed: sim-3, 6 cancelled", tostring(results))
  end)

  describe("in waves", function()
    --- Who ran together, as "1|2|3 4 ...": a bar stands where nobody was running.
    local function waves(options)
      local order, now, idle = {}, 0, true
      local results = assert(manager:each(function(_, name)
        if now == 0 and not idle then order[#order + 1] = "|" end
        idle, now = false, now + 1
        order[#order + 1] = name:match "%d+"
        moonpool.sleep(5)
        now = now - 1
        if options.failing and options.failing[name] then return nil, "broken" end
      end, { waves = options.waves, abortThreshold = options.abortThreshold, wavePause = options.wavePause,
        concurrency = options.concurrency }))
      return table.concat(order), results
    end

    it("of numbers, shares, and the rest", function()
      assert.equal("1|2|345678", (waves { waves = true }))
      assert.equal("12|3456|78", (waves { waves = { 2, "50%", "rest" } }))
    end)

    it("the last of which is used until all had their turn", function()
      assert.equal("1|234|567|8", (waves { waves = { 1, 3 } }))
      assert.equal("12|34|56|78", (waves { waves = { "25%" } }))
      assert.equal("12345678", (waves { waves = { 100, 3 } }))
    end)

    it("no further one begins after a failure", function()
      local order, results = waves { waves = { 2, 2, "rest" }, failing = { ["sim-2"] = true, ["sim-3"] = true } }
      assert.equal("12", order)
      assert.equal("1 2 3 4 5 6 7 8", namesOf(results))
      assert.same({ "sim-1" }, results.succeeded)
      assert.equal("cancelled", results["sim-8"].err.kind)
      assert.equal("not started: wave 2 did not begin, because 1 of 2 clusters had failed (first sim-2: broken)",
        results["sim-8"].err.message)
    end)

    it("unless no more failed than `abortThreshold`", function()
      local failing = { ["sim-1"] = true, ["sim-2"] = true, ["sim-3"] = true }
      assert.equal("1|2|3", (waves { waves = { 1 }, abortThreshold = 2, failing = failing }))
      assert.equal("1|2|3", (waves { waves = { 1 }, abortThreshold = "25%", failing = failing }))
      assert.equal("1|2345678", (waves { waves = { 1, "rest" }, abortThreshold = "100%", failing = failing }))
    end)

    it("with a pause between them", function()
      local began = {}
      assert(manager:each(function(_, name) began[name] = core.now() end, { clusters = "sim-[12]", waves = { 1 }, wavePause = 60 }))
      assert.is_true(began["sim-2"] - began["sim-1"] >= 60)
    end)
  end)

  it("ends with the task that called it, and leaves nothing running", function()
    faulty("sim-2", { type = "hang", path = "/api/*" })
    local begun, closed = 0, 0
    local task = moonpool.spawn(function()
      manager:each(function(client)
        local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
        begun = begun + 1
        namespaces(client)
        moonpool.sleep(60000)
      end, { concurrency = 3 })
    end)
    moonpool.sleep(30)
    task:cancel()
    assert.equal(3, begun)
    moonpool.sleep(30)
    assert.equal(3, begun)
    assert.equal(3, closed)
    for name, stats in pairs(manager:getStats()) do assert.equal(0, stats.poolStats.inUse, name) end
  end)

  it("refuses what makes no sense", function()
    local function refuses(pattern, ...)
      local ok, problem = pcall(manager.each, manager, ...)
      assert.is_false(ok)
      assert.matches(pattern, problem)
    end
    refuses("each: argument 1 %(fn%): expected a function", nil)
    refuses('unknown option "concurency"; did you mean "concurrency"', print, { concurency = 3 })
    refuses("concurrency: expected an integer of 1 or more", print, { concurrency = 0 })
    refuses("timeout: expected milliseconds", print, { timeout = "1s" })
    refuses("abortThreshold: it is for waves", print, { abortThreshold = 1 })
    refuses("wavePause: it is for waves", print, { wavePause = 1 })
    refuses('waves: expected true or a list', print, { waves = 3 })
    refuses('waves: wave 2: expected an integer of 1 or more or a share such as "10%%", got "some"', print, { waves = { 1, "some" } })
    refuses('wave 1: .* got "101%%"', print, { waves = { "101%" } })
    refuses('abortThreshold: expected an integer of 0 or more or a share', print, { waves = true, abortThreshold = -1 })
    refuses("_spec.lua:%d+: ", print, { failFast = 1 })
  end)
end)
