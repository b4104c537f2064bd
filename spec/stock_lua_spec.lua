-- stock_lua_spec.lua: the module in the plain lua5.4: calls that wait block.
local program = require "spec.support.program"

local function stock(code) return program.withFile(code, program.stock) end

describe("in stock lua5.4", function()
  if not program.libraries then
    pending("the module is instrumented: it cannot be loaded there")
    return
  end

  it("the module loads, and a sleep blocks", function()
    local result = stock [[
      local moonpool = require "moonpool"
      local start = os.time()
      moonpool.sleep(10)
      print(moonpool.version)]]
    assert.equal("", result.err)
    assert.equal(require("moonpool.core").version .. "\n", result.out)
  end)

  it("tasks run while the main script waits", function()
    local result = stock [[
      local moonpool = require "moonpool"
      local task = moonpool.spawn(function() moonpool.sleep(5) return "task" end)
      moonpool.spawn(function() moonpool.sleep(20) print("late") end)
      print(task:join())
      moonpool.run()
      moonpool.spawn(print, "polled")
      moonpool.poll(0)]]
    assert.equal("", result.err)
    assert.equal("task\nlate\npolled\n", result.out)
  end)

  it("waits in coroutines of the script block, and their own yields work", function()
    local result = stock [[
      local resume, create = coroutine.resume, coroutine.create -- from before the module came
      local moonpool = require "moonpool"
      local function body() moonpool.sleep(1) coroutine.yield("mine") moonpool.sleep(1) return "end" end
      local co = create(body)
      print(resume(co)) print(resume(co))
      local wrapped = coroutine.wrap(body)
      print(wrapped()) print(wrapped())]]
    assert.equal("", result.err)
    assert.equal("true\tmine\ntrue\tend\nmine\nend\n", result.out)
  end)

  it("the end of the program leaves tasks and their waits without a trace", function()
    local result = stock [[
      local moonpool = require "moonpool"
      for _ = 1, 10 do moonpool.spawn(function() moonpool.sleep(1e9) end) end
      moonpool.poll(1)]]
    assert.equal("", result.err)
    assert.equal(0, result.code)
  end)

  it("a manager works: calls, leases, a strategy, fail-over, a fan-out, events inside what waits, and an end without dispose", function()
    local fleet = require "spec.support.fleet"
    local clusters <close> = fleet.start { clusters = 3 }
    clusters:fault("sim-2", { type = "die" })
    local result = stock(([[
      local moonpool = require "moonpool"
      local manager = moonpool.ConnectionManager { clusterHealthCheckInterval = 100, defaultPoolConfig = { minConnections = 1 } }
      for i = 1, 3 do assert(manager:addCluster { name = "sim-" .. i, kubeConfigPath = %q, context = "sim-" .. i }) end
      local down
      manager:on("clusterUnhealthy", function(name) down = name end)
      for _ = 1, 1000 do if down then break end moonpool.poll(10) end
      print(down, manager:getStats()["sim-2"].healthy)
      manager:setStrategy(function(candidates) return candidates[#candidates] end)
      local one, other = assert(manager:lease()), assert(manager:lease "sim-2")
      print(one.cluster, other.cluster)
      one:release()
      other:release()
      print(select(3, manager:client("sim-[12]").core.listNamespace()).cluster)
      local results = assert(manager:each(function(client) return client.core.listNamespace() end))
      print(results["sim-1"].ok, results["sim-2"].ok, results["sim-3"].ok)]]):format(clusters.kubeconfig))
    assert.equal("", result.err)
    assert.equal("sim-2\tfalse\nsim-3\tsim-3\nsim-1\ntrue\tfalse\ttrue\n", result.out)
    assert.equal(0, result.code)
  end)

  it("ends cleanly while threads of a pool are still on their way out", function()
    for _ = 1, 10 do -- the module must stay in memory for them: without that, most of these crash
      local result = stock [[
        local moonpool = require "moonpool"
        local kubeConfig = moonpool.KubeConfig()
        assert(kubeConfig:loadFromString "{current-context: c, contexts: [{name: c, context: {cluster: k}}], \
          clusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}]}")
        local client = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig })
        client:on("connectionCreated", print)
        print(select(2, client.core.listNamespace()).kind)
        client:dispose()]]
      assert.equal("connect\n", result.out)
      assert.equal(0, result.code)
    end
  end)
end)
