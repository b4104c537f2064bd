-- examples_spec.lua: every example runs on simulated clusters, by the program and by stock Lua, and prints what it should.
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
    assert.equal(count(out, "New connection created: "), count(out, "Connection removed: %d+ %(lifetime uses: %d+, reason: closed%)\n"))
  end)

  example("multi_cluster", function(run)
    local out = run(clusters.kubeconfig, "sim-1", "sim-2").out
    assert.equal(1, count(out, "cluster%-sim%-1: 20 pods\n"))
    assert.equal(1, count(out, "cluster%-sim%-2: 20 pods\n"))
  end)

  it("multi_cluster goes on without a cluster that cannot be reached, and says why", function()
    clusters:faults("sim-2", { { type = "die" } })
    finally(function() clusters:faults("sim-2", {}) end)
    local result = program.run("examples/multi_cluster.lua", clusters.kubeconfig, "sim-1", "sim-2")
    assert.equal(0, result.code)
    assert.equal(1, count(result.out, "cluster%-sim%-1: %d+ pods\n"))
    -- The preferred cluster is left for the other one: both counts are that one's.
    assert.equal(0, count(result.out, "cluster%-sim%-2: %d+ pods\n"))
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

  it("are all described here", function()
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
