local core = require("moonpool.core")
local fleet = require("spec.support.fleet")

for _, apart in ipairs({ false, true }) do
  describe(apart and "simulated clusters in processes of their own" or "simulated clusters in one process", function()
    local clusters

    setup(function() clusters = fleet.start({ clusters = 3, endpoints = 2, apart = apart }) end)
    teardown(function() clusters:close() end)
    after_each(function() clusters:clear() end)

    --- A request to a cluster as its kubeconfig has it, on a connection of its own: the status, or the kind of error.
    local function ask(path, name, timeout)
      local kubeConfig = core.KubeConfig()
      assert(kubeConfig:loadFromFile(path))
      local pool = assert(core.pool(name, kubeConfig, name, { enableWarmup = false, minConnections = 0, connectTimeout = timeout or 3000,
        acquireTimeout = timeout or 3000 }))
      local body, code = pool:call({ method = "GET", path = "/api/v1/nodes", retries = 0, timeout = timeout or 3000 })
      pool:dispose()
      return body and code or code.kind
    end

    local function all(timeout)
      local results = {}
      for index, name in ipairs(clusters.names) do results[index] = ask(clusters.kubeconfig, name, timeout) end
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
      assert.are.same({ 200, 200, "timeout" }, all(300))
      clusters:cont("sim-3")
      assert.are.same({ 200, 200, 200 }, all())
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
