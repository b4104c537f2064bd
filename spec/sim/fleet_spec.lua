local core = require("moonpool.core")
local fleet = require("spec.support.fleet")
local program = require("spec.support.program")

for _, apart in ipairs({ false, true }) do
  describe(apart and "simulated clusters in processes of their own" or "simulated clusters in one process", function()
    local clusters

    setup(function() clusters = fleet.start({ clusters = 3, endpoints = 2, apart = apart }) end)
    teardown(function() clusters:close() end)
    after_each(function() clusters:clear() end)

    --- A request to a cluster as its kubeconfig has it, on a connection of its own: the status, or the kind of error.
    local function ask(path, name, connectTimeout)
      local kubeConfig = core.KubeConfig()
      assert(kubeConfig:loadFromFile(path))
      local pool = assert(core.pool(name, kubeConfig, name, { enableWarmup = false, minConnections = 0,
        connectTimeout = connectTimeout or 10000, acquireTimeout = 20000 }))
      local body, code = pool:call({ method = "GET", path = "/api/v1/nodes", retries = 0, timeout = 20000 })
      pool:dispose()
      return body and code or code.kind
    end

    --- What each of them answers; of one it is known that it is silent.
    local function all(silent)
      local results = {}
      for index, name in ipairs(clusters.names) do results[index] = ask(clusters.kubeconfig, name, name == silent and 200 or nil) end
      return results
    end

    it("have a kubeconfig together and one each", function()
      assert.are.same({ "sim-1", "sim-2", "sim-3" }, clusters.names)
      assert.are.same({ 200, 200, 200 }, all())
      for _, name in ipairs(clusters.names) do
        assert.are.equal(200, ask(clusters:path(name), name))
        local kubeConfig = core.KubeConfig()
        assert(kubeConfig:loadFromFile(clusters:path(name)))
        assert.are.equal(name, kubeConfig:getCurrentContext())
        assert.are.equal(clusters:endpoints(name)[1], kubeConfig:getClusters()[1].server)
      end
    end)

    it("die alone and come back where they were", function()
      clusters:kill("sim-2")
      assert.are.same({ 200, "connect", 200 }, all())
      clusters:restart("sim-2")
      assert.are.same({ 200, 200, 200 }, all())
    end)

    it("stop alone and go on", function()
      clusters:stop("sim-3")
      assert.are.same({ 200, 200, "timeout" }, all("sim-3"))
      clusters:cont("sim-3")
      assert.are.same({ 200, 200, 200 }, all())
    end)

    it("lose one of the endpoints of one of them", function()
      clusters:kill("sim-1/1")
      clusters:stop("sim-2/1")
      assert.are.same({ "connect", "timeout", 200 }, all("sim-2"))
      clusters:restart("sim-1/1")
      clusters:cont("sim-2/1")
      assert.are.same({ 200, 200, 200 }, all())
    end)

    it("have counts of their own, and know when they were probed", function()
      clusters:resetStats()
      local before = core.now()
      for _ = 1, 2 do
        for number, url in ipairs(clusters:endpoints("sim-2")) do
          assert.are.equal("ok", program.shell(("curl -sk %s/readyz"):format(url)).out, number)
        end
      end
      local times = clusters:probes("sim-2")
      assert.are.equal(4, #times)
      for index, ms in ipairs(times) do assert.is_true((times[index - 1] or before) <= ms and ms <= core.now()) end
      assert.are.same({}, clusters:probes("sim-1"))
      assert.are.same({ 2, 2 }, { #clusters:probes("sim-2/1"), #clusters:probes("sim-2/2") })
      assert.are.equal(4, clusters:stats("sim-2").requests["GET /readyz"])
    end)

    it("are known by their names alone", function()
      for _, where in ipairs({ "sim-4", "sim-1/3", "sim" }) do
        local ok, problem = pcall(clusters.kill, clusters, where)
        assert.is_false(ok)
        assert.matches(("no cluster or endpoint %s: there are sim-1, sim-2, sim-3"):format(where), problem, 1, true)
      end
    end)

    it("have faults of their own, which are out of the way when they are cleared", function()
      clusters:fault("sim-1", { type = "status", code = 503 })
      clusters:fault("sim-2/1", { type = "refuse" })
      assert.are.same({ "server", "connect", 200 }, all())
      clusters:clear()
      assert.are.same({ 200, 200, 200 }, all())
    end)
  end)
end
