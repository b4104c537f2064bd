-- The examples on real API servers: two clusters.
local clusters = require "spec.support.clusters"
local embedding = require "spec.support.embedding"
local process = require "spec.support.process"
local program = require "spec.support.program"

local runners = { { "by moonpool", program.run } }
if program.libraries then runners[2] = { "by stock Lua", program.stock } end

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

describe("on real API servers, the example", function()
  local path, first, second

  lazy_setup(function()
    local contexts
    path, contexts = clusters.start()
    first, second = contexts[1], contexts[2]
  end)
  lazy_teardown(clusters.stop)

  --- A word in a pattern.
  local function literal(word) return (word:gsub("%-", "%%-")) end

  local function selected(...) return program.run("--kubeconfig", path, "--context", first, "--context", second, ...) end

  for _, runner in ipairs(runners) do
    local function example(name, ...)
      local result = runner[2](("examples/%s.lua"):format(name), path, ...)
      assert.equal(0, result.code, result.err)
      return result.out
    end

    it("single_cluster lists what is there " .. runner[1], function()
      local out = example("single_cluster", first)
      assert.matches("namespaces", out)
      assert.matches("\n  kube%-system\n", out)
    end)

    it("pool_events tells of each connection's life " .. runner[1], function()
      local out = example("pool_events", first)
      assert.is_true(count(out, "New connection created: %d+") >= 1)
      assert.equal(count(out, "New connection created: %d+"), count(out, "Connection removed: %d+"))
      assert.equal(3, count(out, "Connection acquired: %d+"))
      assert.equal(3, count(out, "Connection released: %d+"))
    end)

    it("multi_cluster counts the pods of both " .. runner[1], function()
      local out = example("multi_cluster", first, second)
      assert.equal(1, count(out, "cluster%-" .. literal(first) .. ": %d+ pods\n"))
      assert.equal(1, count(out, "cluster%-" .. literal(second) .. ": %d+ pods\n"))
    end)

    it("stock_lua asks both " .. runner[1], function()
      assert.matches(("^%s: %%d+ pods, over %%d+ connections\n%s: %%d+ pods, over %%d+ connections\n$"):format(literal(first),
        literal(second)), example("stock_lua", first, second))
    end)
  end

  it("demo shows both", function()
    local result = program.run("--kubeconfig", path, "examples/demo.lua", first, second)
    assert.same({ 0, "" }, { result.code, result.err })
    for _, name in ipairs { first, second } do
      assert.matches("\n=== " .. literal(name) .. "  https://[^\n]+\n\n  Namespaces %(%d+%)\n", result.out)
    end
  end)

  it("try_strategy spreads its reads", function()
    for _, name in ipairs { "examples.strategies.cost", "examples.strategies.latency", "examples.strategies.sticky", "weighted" } do
      local result = selected("--strategy", name, "examples/try_strategy.lua", "50")
      assert.same({ 0, "" }, { result.code, result.err })
      local reads = 0
      for number in result.out:gmatch "\n%S+ +(%d+) +%d+ %%" do reads = reads + tonumber(number) end
      assert.equal(50, reads)
    end
  end)

  it("event_log tells of both", function()
    local result = selected("examples/event_log.lua", "2")
    assert.same({ 0, "" }, { result.code, result.err })
    for _, name in ipairs { first, second } do
      assert.matches(('{"cluster":"%s","event":"clusterHealthy",'):format(literal(name)), result.out)
    end
  end)

  it("failover reads from both, until its time is over", function()
    local result = program.shell(("SECONDS=2 %s examples/failover.lua %s %s %s"):format(program.path, path, first, second))
    assert.same({ 0, "" }, { result.code, result.err })
    assert.equal(2, count(result.out, ", 0 failed\n"))
  end)

  it("testing's script reports on both", function()
    local result = selected("examples/testing/restarts.lua", "0")
    assert.same({ 0, "" }, { result.code, result.err })
  end)

  --- Runs an example that goes on, and check(started) meanwhile; then ends it as Ctrl-C does.
  local function whileRunning(arguments, check)
    local started = process.start(("%s --kubeconfig %s --context %s --context %s %s"):format(program.path, path, first, second, arguments))
    local fine, problem = pcall(check, started)
    local code = started:stop()
    assert(fine, ("%s\nit wrote: %s"):format(problem, started.last))
    assert.equal(130, code)
  end

  it("metrics_exporter has both in its page", function()
    whileRunning("examples/metrics_exporter.lua 0", function(started)
      process.waitUntil(function() return started:text():find("/metrics\n", 1, true) end, "the exporter")
      local page = program.shell("curl -s " .. started:text():match "(http://%S+)").out
      for _, name in ipairs { first, second } do
        assert.is_truthy(page:find(('moonpool_scrape_failed{cluster="%s"} 0\n'):format(name), 1, true), page)
        assert.matches(('moonpool_nodes{cluster="%s"} %%d+\n'):format(literal(name)), page)
      end
    end)
  end)

  it("console can be attached to, and obeys", function()
    local socket = os.tmpname()
    os.remove(socket)
    whileRunning("examples/console.lua " .. socket, function(started)
      process.waitUntil(function() return started:text():find("moonpool attach", 1, true) end, "the console")
      assert.equal(0, program.run("attach", socket, "-e", ("clusters:setWeight(%q, 0) pace = 5"):format(first)).code)
      process.waitUntil(function()
        return started:text():find(("%s 0   %s %%d%%d+\t0 failed"):format(literal(first), literal(second)))
      end, "the traffic to follow")
    end)
  end)

  local embeds = program.libraries and it or pending -- an instrumented library cannot be loaded by a program that is not
  embeds("embedding looks at both", function()
    local built = embedding.build()
    local _ <close> = setmetatable({}, { __close = function() built:remove() end })
    local result = program.shell(built:command(path, ("rules.lua '/^(%s|%s)$/' %s/socket 1"):format(first, second, built.folder)))
    assert.same({ 0, "" }, { result.code, result.err })
    assert.matches(("\nbroken%%.%s %%d+   broken%%.%s %%d+   clusters%%.failed 0\n"):format(literal(first), literal(second)), result.out)
  end)
end)
