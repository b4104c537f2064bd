-- examples_spec.lua: every example runs on simulated clusters, by the program and by stock Lua, and prints what it should.
local embedding = require "spec.support.embedding"
local process = require "spec.support.process"
local program = require "spec.support.program"
local sim = require "spec.support.sim"

local runners = { { "by moonpool", program.run } }
if program.libraries then runners[2] = { "by stock Lua", program.stock } end

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

describe("the examples", function()
  local clusters
  local described = {}

  lazy_setup(function() clusters = sim.start { clusters = 2, pods = 20 } end)
  lazy_teardown(function() clusters:stop() end)

  local function example(name, check)
    described[name .. ".lua"] = true
    for _, runner in ipairs(runners) do
      it(name .. " runs " .. runner[1], function()
        local path = "examples/" .. name .. ".lua"
        check(function(...)
          local result = runner[2](path, ...)
          assert.equal("", (result.err:gsub("%[info%][^\n]*\n", "")))
          assert.equal(0, result.code)
          return result
        end)
      end)
    end
  end

  example("single_cluster", function(run)
    local result = run(clusters.kubeconfig, "sim-1")
    assert.matches("^sim%-1: %d+ namespaces\n", result.out)
    assert.matches("\n  kube%-system\n", result.out)
    assert.matches("\n%d+ deployments and %d+ pods in the namespace default\n$", result.out)
    local stats = result.err:match "^%[info%] Pool stats: ({.*})\n$"
    stats = assert(require("moonpool").json.decode(stats))
    assert.equal(stats.total, stats.idle)
    assert.is_true(stats.total >= 1 and stats.total <= 3)
    assert.same({ 0, 0, 0 }, { stats.inUse, stats.unhealthy, stats.waitQueueLength })
  end)

  example("pool_events", function(run)
    local out = run(clusters.kubeconfig, "sim-2").out
    assert.equal(3, count(out, "Connection acquired: %d+ %(use count: %d+%)\n"))
    assert.equal(3, count(out, "Connection released: %d+\n"))
    assert.equal(3, count(out, "20 pods, listed over connection %d+\n"))
    assert.is_true(count(out, "New connection created: %d+\n") >= 1)
    assert.equal(count(out, "New connection created: "), count(out, "Connection removed: %d+ %(lifetime uses: %d+%): closed\n"))
  end)

  example("multi_cluster", function(run)
    local out = run(clusters.kubeconfig, "sim-1", "sim-2").out
    assert.equal(1, count(out, "cluster%-sim%-1: 20 pods\n"))
    assert.equal(1, count(out, "cluster%-sim%-2: 20 pods\n"))
  end)

  example("stock_lua", function(run)
    local out = run(clusters.kubeconfig, "sim-1", "sim-2").out
    assert.matches("^sim%-1: 20 pods, over %d connections\nsim%-2: 20 pods, over %d connections\n$", out)
  end)

  described["failover.lua"] = true
  it("failover shows a cluster die, and reads that go on", function()
    local result = program.shell(("SECONDS=7 %s examples/failover.lua"):format(program.path))
    assert.equal("", result.err)
    assert.equal(0, result.code)
    assert.matches("sim%-2 dies", result.out)
    assert.matches("✗\tsim%-2 is out of the rotation: [^\n]*refused", result.out)
    assert.equal(7, count(result.out, ", 0 failed\n"))
  end)

  described["event_log.lua"] = true
  it("event_log tells what happens as lines of JSON", function()
    local result = program.run("--kubeconfig", clusters.kubeconfig, "--context", "sim-?", "examples/event_log.lua", "2")
    assert.equal("", result.err)
    assert.equal(0, result.code)
    local seen = {}
    for line in result.out:gmatch "[^\n]+" do
      local event = assert(require("moonpool").json.decode(line))
      assert.matches("^%d+%-%d+%-%d+T", event.time)
      seen[event.event] = (seen[event.event] or 0) + 1
    end
    assert.equal(2, seen.clusterAdded)
    assert.equal(2, seen.clusterHealthy)
    assert.equal(2, seen.clusterRemoved)
    assert.is_true(seen.connectionAcquired >= 1)
    assert.equal(seen.connectionAcquired, seen.connectionReleased)
    assert.equal(seen.connectionCreated, seen.connectionRemoved)
  end)

  described["try_strategy.lua"], described["strategies"] = true, true
  for path in program.shell("ls examples/strategies").out:gmatch "(%S+)%.lua" do
    it("try_strategy reads with the strategy " .. path, function()
      local result = program.run("--kubeconfig", clusters.kubeconfig, "--context", "sim-?", "--strategy", "examples.strategies." .. path,
        "examples/try_strategy.lua", "100")
      assert.equal("", result.err)
      assert.equal(0, result.code)
      local first = tonumber(result.out:match "sim%-1 +(%d+)")
      local second = tonumber(result.out:match "sim%-2 +(%d+)")
      assert.equal(100, first + second)
    end)
  end

  described["demo.lua"] = true
  for _, runner in ipairs(runners) do
    it("demo runs " .. runner[1], function()
      -- The kubeconfig comes from the environment, as make demo's readers have it.
      local result = program.shell(("export KUBECONFIG=%s LUA_CPATH='%s'; %s examples/demo.lua sim-1 sim-2"):format(clusters.kubeconfig,
        program.libraries or "", runner[1] == "by moonpool" and program.path or "lua5.4"))
      assert.equal("", result.err)
      assert.equal(0, result.code)
      for _, name in ipairs { "sim-1", "sim-2" } do
        assert.matches("\n=== " .. name:gsub("%-", "%%-") .. "  https://127.0.0.1:%d+\n\n  Namespaces %(%d+%)\n", result.out)
        assert.matches("\n  " .. name:gsub("%-", "%%-") .. " +(%d+) +10 +%1 +%1 +0 +0 +0\n", result.out)
      end
      assert.equal(2, count(result.out, "\n  Pods %(20%)\n"))
      assert.is_true(count(result.out, "connection %d+ created") >= 2)
      assert.equal(count(result.out, "connection %d+ created"), count(result.out, "connection %d+ removed after %d+ uses %(closed%)"))
    end)
  end

  --- Runs a command that goes on until it is stopped: check(started) meanwhile. Returns its exit code and what it wrote.
  local function whileRunning(command, check)
    local started = process.start(command)
    local fine, problem = pcall(check, started)
    local code = started:stop()
    assert(fine, ("%s\nit wrote: %s"):format(problem, started.last))
    return code, started.last
  end

  --- What the metrics say after a scrape of both clusters.
  local function metrics()
    local page
    local code, log = whileRunning(("%s --kubeconfig %s --context 'sim-?' examples/metrics_exporter.lua 0"):format(program.path,
      clusters.kubeconfig), function(started)
      process.waitUntil(function() return started:text():find("/metrics\n", 1, true) end, "the exporter")
      local url = started:text():match "^metrics of 2 clusters at (http://127.0.0.1:%d+/)metrics\n"
      assert.equal("the metrics are at /metrics\n", program.shell("curl -s " .. url).out)
      page = program.shell(("curl -si %smetrics"):format(url)).out
    end)
    assert.equal(130, code)
    return page, log
  end

  described["metrics_exporter.lua"] = true
  it("metrics_exporter serves a page that Prometheus can read", function()
    local page = metrics()
    assert.matches("^HTTP/1.1 200 OK\r\n", page)
    assert.matches("\r\nContent%-Type: text/plain; version=0.0.4; charset=utf%-8\r\n", page)
    local body = page:match "\r\n\r\n(.*)$"
    local helped
    for line in body:gmatch "([^\n]*)\n" do -- a family's samples stand together, below what it is
      local help = line:match "^# HELP ([%w_]+) %S"
      local name = line:match "^# TYPE ([%w_]+) gauge$" or line:match "^# TYPE ([%w_]+_total) counter$"
        or line:match '^([%w_]+){cluster="sim%-[12]"[^}]*} %-?[%d.]+$'
      assert.is_true(help ~= nil or name == helped, line)
      helped = help or helped
    end
    for _, sample in ipairs { 'moonpool_cluster_healthy{cluster="sim-1"} 1', 'moonpool_nodes{cluster="sim-2"} 3',
      'moonpool_nodes_ready{cluster="sim-2"} 3', 'moonpool_scrape_failed{cluster="sim-1"} 0',
      'moonpool_connections{cluster="sim-1",state="idle"} 1', 'moonpool_connections_created_total{cluster="sim-2"} 1' } do
      assert.is_truthy(body:find(sample .. "\n", 1, true), sample .. " in " .. body)
    end
  end)

  described["console.lua"] = true
  it("console lets others look and change things while it reads", function()
    local path = os.tmpname()
    os.remove(path)
    local code, text = whileRunning(("%s --kubeconfig %s --context 'sim-?' examples/console.lua %s"):format(program.path,
      clusters.kubeconfig, path), function(started)
      process.waitUntil(function() return started:text():find("moonpool attach " .. path, 1, true) end, "the console")
      local function attached(statement) return program.run("attach", path, "-e", statement) end
      process.waitUntil(function() return tonumber(attached("return reads['sim-1']").out) end, "reads of both clusters")
      assert.equal("sim-1  sim-2\n", attached("return table.concat(clusters:clusters(), '  ')").out)
      assert.equal(0, attached("clusters:setWeight('sim-1', 0)").code)
      assert.equal(0, attached("pace = 5").code)
      process.waitUntil(function() return started:text():find "sim%-1 0   sim%-2 %d%d+" end, "the traffic to follow")
      assert.equal(1, attached("error 'mine'").code)
    end)
    assert.equal(130, code)
    assert.is_nil(text:find("[1-9]%d* failed"))
    assert.is_nil(io.open(path))
  end)

  --- Runs the test of the example, on so many clusters, with the program as busted's Lua.
  local function testing(count_of_clusters)
    return program.run("sim", "--clusters", tostring(count_of_clusters), "--", "busted", "--lua=" .. program.path, "--output=TAP",
      "examples/testing")
  end

  described["testing"] = true
  it("testing tests a script on simulated clusters, and fails where it should", function()
    local result = testing(2)
    assert.equal(0, result.code, result.out .. result.err)
    assert.equal(3, count(result.out, "ok %d+ "))
    result = testing(1) -- without the second cluster its preparations fail
    assert.not_equal(0, result.code)
    assert.matches('no cluster "sim%-2"', result.out .. result.err)
  end)

  it("testing: the script that is tested runs by itself too", function()
    local result = program.run("--kubeconfig", clusters.kubeconfig, "--context", "sim-?", "examples/testing/restarts.lua", "1")
    assert.same({ 0, "" }, { result.code, result.err })
    for line in result.out:gmatch "[^\n]+" do assert.matches("^sim%-[12]: [%w-]+/[%w-]+: [1-9]%d* restarts$", line) end
    assert.is_true(count(result.out, "\n") >= 1)
  end)

  described["embedding"] = true
  local embeds = program.libraries and it or pending -- an instrumented library cannot be loaded by a program that is not
  describe("embedding", function()
    local built

    lazy_setup(function() built = program.libraries and embedding.build() end)
    lazy_teardown(function() if built then built:remove() end end)

    local function host(arguments) return built:command(clusters.kubeconfig, arguments) end

    embeds("runs a script that calls it, for as long as it says", function()
      local result = program.shell(host("rules.lua 'sim-?' " .. built.folder .. "/socket 2"))
      assert.same({ 0, "" }, { result.code, result.err })
      assert.matches("^moonpool attach %S+\nbroken%.sim%-1 %d+   broken%.sim%-2 %d+   clusters%.failed 0\n", result.out)
      assert.equal(2, count(result.out, "clusters%.failed 0\n"))
    end)

    embeds("says which cluster is down, and goes on with the other", function()
      clusters:faults("sim-2", { { type = "die" } })
      local _ <close> = setmetatable({}, { __close = function() clusters:faults("sim-2", {}) end })
      local result = program.shell(host("rules.lua 'sim-?' " .. built.folder .. "/socket 1"))
      assert.equal(0, result.code)
      assert.matches("\nbroken%.sim%-1 %d+   clusters%.failed 1\n", result.out)
      assert.matches("warn: cannot look at sim%-2: https://127%.0%.0%.1:%d+: connection refused", result.err)
    end)

    embeds("says what went wrong", function()
      local function problem(arguments)
        local result = program.shell(host(arguments))
        assert.equal(1, result.code)
        return result.err
      end
      assert.equal("host: script: cannot open examples/embedding/nothing.lua: No such file or directory\n", problem "nothing.lua 'sim-?'")
      assert.matches("^host: config: contexts: no context matches 'eu'", problem "rules.lua eu")
      assert.matches("^host: config: .*/nowhere/socket", problem "rules.lua sim-1 /nowhere/socket")
    end)

    embeds("gives whoever attaches a prompt, and ends cleanly on Ctrl-C", function()
      local socket = built.folder .. "/socket"
      local code, text = whileRunning(host("rules.lua 'sim-?' " .. socket), function(started)
        process.waitUntil(function() return started:text():find("moonpool attach", 1, true) end, "the console")
        assert.equal(0, program.run("attach", socket, "-e", "setGauge('by.hand', 7)").code)
        process.waitUntil(function() return started:text():find "clusters%.failed 0   by%.hand 7\n" end, "the gauge")
      end)
      assert.equal(0, code)
      assert.is_nil(text:find "host:")
      assert.is_nil(io.open(socket))
    end)
  end)

  -- Each says what it could not do, and why, and does the rest.
  describe("with one cluster down", function()
    lazy_setup(function() clusters:faults("sim-2", { { type = "die" } }) end)
    lazy_teardown(function() clusters:faults("sim-2", {}) end)

    local refused = "https://127%.0%.0%.1:%d+: connection refused"

    local function selected(...) return program.run("--kubeconfig", clusters.kubeconfig, "--context", "sim-?", ...) end

    for _, runner in ipairs(runners) do
      it("multi_cluster says who answered instead " .. runner[1], function()
        local result = runner[2]("examples/multi_cluster.lua", clusters.kubeconfig, "sim-1", "sim-2")
        assert.same({ 0, "cluster-sim-1: 20 pods\n" }, { result.code, result.out })
        assert.equal("Failed to list pods in sim-2: it cannot be reached, cluster-sim-1 answered instead\n", result.err)
      end)

      it("stock_lua says which failed, and exits with 3 " .. runner[1], function()
        local result = runner[2]("examples/stock_lua.lua", clusters.kubeconfig, "sim-1", "sim-2")
        assert.same({ 3, "" }, { result.code, result.err })
        assert.matches("^sim%-1: 20 pods, over %d connections\nsim%-2: failed: " .. refused, result.out)
      end)

      it("those of one cluster end with its error " .. runner[1], function()
        for _, name in ipairs { "single_cluster", "pool_events" } do
          local result = runner[2](("examples/%s.lua"):format(name), clusters.kubeconfig, "sim-2")
          assert.equal(1, result.code)
          assert.matches(refused, result.err)
        end
      end)
    end

    it("demo shows the rest, and exits with 1", function()
      local result = program.run("--kubeconfig", clusters.kubeconfig, "examples/demo.lua", "sim-1", "sim-2")
      assert.equal(1, result.code)
      assert.matches("=== sim%-1  [^\n]+\n\n  Namespaces", result.out)
      assert.matches("=== sim%-2  [^\n]+\n\n  failed: sim%-2: " .. refused, result.out)
    end)

    it("event_log has lines about it", function()
      local result = selected("examples/event_log.lua", "3")
      assert.same({ 0, "" }, { result.code, result.err })
      assert.matches('"cluster":"sim%-2","event":"clusterUnhealthy","reason":"' .. refused, result.out)
      assert.is_nil(result.out:find("readFailed", 1, true))
    end)

    it("try_strategy has its answers from the other", function()
      local result = selected("--strategy", "examples.strategies.latency", "examples/try_strategy.lua", "50")
      assert.same({ 0, "" }, { result.code, result.err })
      assert.matches("\nsim%-1 +50 +100 %%", result.out)
      assert.matches("\nsim%-2 +0 +0 %% +[%d.]+ +%a*[sh]%a*\n", result.out)
    end)

    it("metrics_exporter keeps it in the page, and logs why", function()
      local page, log = metrics()
      for _, sample in ipairs { 'moonpool_cluster_healthy{cluster="sim-2"} 0', 'moonpool_scrape_failed{cluster="sim-2"} 1',
        'moonpool_scrape_failed{cluster="sim-1"} 0', 'moonpool_nodes{cluster="sim-1"} 3' } do
        assert.is_truthy(page:find(sample .. "\n", 1, true), sample .. " in " .. page)
      end
      assert.is_nil(page:find('moonpool_nodes{cluster="sim-2"}', 1, true))
      assert.matches("warn: scrape: sim%-2: " .. refused, log)
    end)

    it("console goes on with the other", function()
      local path = os.tmpname()
      os.remove(path)
      local code, text = whileRunning(("%s --kubeconfig %s --context 'sim-?' examples/console.lua %s"):format(program.path,
        clusters.kubeconfig, path), function(started)
        process.waitUntil(function() return started:text():find "sim%-1 [1-9]%d*   sim%-2 0\t0 failed" end, "reads")
      end)
      assert.equal(130, code)
      assert.is_nil(text:find("read failed", 1, true))
    end)

    it("testing: the script names it", function()
      local result = selected("examples/testing/restarts.lua", "1")
      assert.equal(3, result.code)
      assert.matches("\nsim%-1: [%w-]+/[%w-]+: %d+ restarts\n", "\n" .. result.out)
      assert.matches("\nsim%-2: failed: " .. refused, "\n" .. result.out)
    end)
  end)

  it("are all described here", function()
    described["moonpool.yaml"] = true -- by config_spec
    for path in program.shell("ls examples").out:gmatch "%S+" do
      assert.is_true(described[path] ~= nil, path)
    end
  end)

  it("say what is wrong when the context is not there", function()
    local result = program.run("examples/single_cluster.lua", clusters.kubeconfig, "sim-9")
    assert.equal(1, result.code)
    assert.matches('^moonpool: context "sim%-9" is not defined; did you mean "sim%-%d"', result.err)
  end)
end)
