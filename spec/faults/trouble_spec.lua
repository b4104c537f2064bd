-- Scripts that cancel, dispose, forget, raise and exit in the middle of things: nobody else is harmed, and all comes back.
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local program = require "spec.support.program"
local sim = require "spec.support.sim"

describe("in the middle of calls", function()
  local clusters

  local function open(pool)
    return assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1", connectionPoolConfig = pool })
  end

  local function factory()
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromFile(clusters.kubeconfig))
    return kubeConfig
  end

  local function allBack(what, of)
    eventually(2000, what, function()
      local stats = of()
      return stats.inUse == 0 and stats.waitQueueLength == 0
    end)
  end

  lazy_setup(function() clusters = sim.start { clusters = 1, pods = 1200 } end)
  lazy_teardown(function() clusters:stop() end)

  it("cancelled tasks give back what they held or waited for, wherever they were", function()
    local client <close> = open { maxConnections = 2 }
    local pool <close> = assert(moonpool.ConnectionPool("sim-1", factory, { maxConnections = 2 }))
    local works = {
      call = function() while true do client.core.listNamespace() end end,
      pages = function() for _ in client.resources.pod.each {} do end end, -- luacheck: ignore 542
      watch = function() for _ in client.resources.namespace.watch() do end end, -- luacheck: ignore 542
      lease = function()
        while true do
          local lease <close> = assert(pool:acquire())
          lease:makeApiClient(moonpool.CoreV1Api).listNamespace()
        end
      end,
      hold = function()
        local lease <close> = assert(pool:acquire()) -- luacheck: ignore
        moonpool.sleep(60000)
      end,
    }
    for name, work in pairs(works) do
      local tasks = {}
      for i = 1, 120 do
        tasks[i] = moonpool.spawn(work)
        if i % 3 == 0 then moonpool.sleep(i % 7) end
        if i % 2 == 0 then tasks[i]:cancel() end
        if i % 5 == 0 then tasks[i // 5]:cancel() end
      end
      for _, task in ipairs(tasks) do task:cancel() end
      for _, task in ipairs(tasks) do
        local status = task:status()
        assert.is_true(status == "cancelled" or (status == "done" and name == "pages"), name .. ": " .. status)
      end
      allBack(name, function() return client:getPoolStats() end)
      allBack(name, function() return pool:getStats() end)
    end
    assert(client.core.listNamespace())
    local lease <close> = assert(pool:acquire()) -- luacheck: ignore
  end)

  it("dispose ends them all, and those that begin later raise", function()
    local over = 0 -- in all rounds: in one of them every call may just have ended
    for round = 1, 10 do
      local client = open { maxConnections = 3 }
      local tasks = {}
      for i = 1, 20 do
        tasks[i] = moonpool.spawn(function()
          while true do
            local ok, err = client.core.listNamespace()
            if not ok then
              over = over + 1
              return err
            end
          end
        end)
      end
      moonpool.sleep(round)
      client:dispose()
      for _, task in ipairs(tasks) do
        local ok, ended = pcall(task.join, task)
        assert.matches(ok and "closed" or "KubernetesClient sim%-1 was disposed$", ok and ended.kind or ended)
      end
      local stats = client:getPoolStats()
      assert.same({ 0, 0, 0 }, { stats.total, stats.inUse, stats.waitQueueLength })
    end
    assert.is_true(over > 0)
  end)

  it("handlers that raise, sleep and call disturb nobody", function()
    local lines = {}
    local function collect(_, text) lines[#lines + 1] = text end
    local client = assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1",
      logger = { debug = collect, info = collect, warn = collect, error = collect } })
    local told, called = 0, 0
    client:on("connectionAcquired", function() error "raised by the spec" end)
    client:on("connectionReleased", function() moonpool.sleep(1) error(nil) end)
    client:once("connectionReleased", function()
      called = #assert(client.core.listNamespace()).items
    end)
    client:on("error", function() told = told + 1 error {} end)
    for _ = 1, 50 do assert(client.core.readNamespace "default") end
    eventually(2000, "the handlers", function() return told == 102 and called > 0 end) -- two of each of 51 calls
    assert.matches("a handler of connectionAcquired raised an error: .*raised by the spec", table.concat(lines, "\n"))
    client:dispose()
  end)

  it("2,000 tasks share four connections", function()
    local client <close> = open { maxConnections = 4 }
    local done = 0
    local tasks = {}
    for i = 1, 2000 do
      tasks[i] = moonpool.spawn(function()
        assert(client.core.readNamespace "default")
        done = done + 1
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    assert.equal(2000, done)
    assert.is_true(client:getPoolStats().created <= 4)
  end)

  local function script(work)
    return ([[
      local moonpool = require "moonpool"
      local client = assert(moonpool.KubernetesClient { kubeConfigPath = "%s", connectionPoolConfig = { maxConnections = 3 } })
      for _ = 1, 20 do
        moonpool.spawn(function() while true do client.core.listNamespace() end end)
      end
      moonpool.spawn(function() for _ in client.resources.namespace.watch() do end end)
      client:on("connectionReleased", function() end)
      moonpool.sleep(50)
      print "under way"
      io.stdout:flush()
      %s]]):format(clusters.kubeconfig, work)
  end

  it("os.exit ends the program with its code and no further word", function()
    for _, how in ipairs { "os.exit(7)", "os.exit(7, true)" } do
      local result = program.run("-e", script(how))
      assert.same({ code = 7, out = "under way\n", err = "" }, result)
    end
  end)

  it("Ctrl-C ends the program, whatever it does", function()
    local works = { -- those that compute make garbage: ThreadSanitizer hands over signals only where memory or the system is asked
      sleeping = "moonpool.sleep(60000)",
      computing = "while true do local _ = {} end",
      computingInACoroutine = "coroutine.wrap(function() while true do local _ = {} end end)()",
      calling = "while true do client.core.listNamespace() end",
      readingMuch = "while true do client.core.listPodForAllNamespaces() end",
      watching = "for _ in client.resources.pod.watch() do end",
      disposing = [[
        local pool = assert(moonpool.ConnectionPool("sim-1", function()
          local kubeConfig = moonpool.KubeConfig()
          assert(kubeConfig:loadFromFile("]] .. clusters.kubeconfig .. [["))
          return kubeConfig
        end))
        local lease = pool:acquire()
        pool:dispose() -- 5 s for the lease
        moonpool.sleep(60000)]],
      waiting = "moonpool.run()",
    }
    for name, work in pairs(works) do
      local result = program.interrupt(script(work), "INT")
      assert.equal(130, result.code, name)
      assert.equal("under way\n", result.out, name)
      assert.matches("interrupted", result.err, name)
    end
  end)
end)
