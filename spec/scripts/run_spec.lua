-- run_spec.lua: `moonpool run`, and what all shipped scripts have in common.
local core = require "moonpool.core"
local program = require "spec.support.program"
local scripts = require "spec.support.scripts"

describe("moonpool run", function()
  local clusters = scripts.clusters(setup, teardown, after_each)

  it("lists the scripts, a line each", function()
    local result = program.run "run"
    assert.equal(0, result.code)
    for path in program.shell("ls scripts/*.lua").out:gmatch "scripts/(%w+)%.lua" do
      assert.matches("\n  " .. path .. " +%l", result.out)
    end
    assert.equal(result.out, program.run("run", "--help").out)
  end)

  it("says which script was perhaps meant", function()
    local result = program.run("run", "inventroy")
    assert.equal(2, result.code)
    assert.equal("moonpool run: there is no script 'inventroy'; did you mean \"inventory\"?\n", result.err)
  end)

  it("needs no file, and is stronger than one of its name", function()
    local result = program.shell(("cd $(mktemp -d) && echo 'print \"mine\"' >run && %s run && %s ./run && rm run && rmdir $PWD"):format(
      program.shell("readlink -f " .. program.path).out:gsub("\n", ""), program.shell("readlink -f " .. program.path).out:gsub("\n", "")))
    assert.equal(0, result.code)
    assert.matches("^usage: moonpool run NAME.*\nmine\n$", result.out)
  end)

  it("runs a copy of a script as it runs the script", function()
    local one = clusters:run("scripts/inventory.lua", "--clusters", "sim-?")
    assert.equal(0, one.code)
    assert.equal(clusters:script("inventory").out, one.out)
  end)

  -- Something for each of them to do, in every cluster.
  local arguments = { drift = { "secret/web-tls", "-n", "shop" }, events = {}, expiry = {}, find = { "web-tls" }, inventory = {},
    rollout = { "restart", "-n", "shop", "-l", "app=frontend", "--dry-run", "--force" }, stuck = {} }

  for path in program.shell("ls scripts/*.lua").out:gmatch "scripts/(%w+)%.lua" do
    it(path .. " goes on without a cluster that is down, names it at the end, and ends with 3; with 4 when all are down", function()
      local words = assert(arguments[path], "nothing is said here about how to call it")
      local document, result = clusters:json(path, table.unpack(words))
      assert.same({ 0, "" }, { result.code, result.err })
      clusters.fleet:fault("sim-3", { type = "die" })
      local left
      left, result = clusters:json(path, table.unpack(words))
      assert.equal(3, result.code)
      assert.matches("^1 of 3 clusters failed:\n  sim%-3: [^\n]*refused[^\n]*\n$", result.err)
      local expected = scripts.tally(document.items, "cluster")
      expected["sim-3"] = nil
      assert.same(expected, scripts.tally(left.items, "cluster"))
      for _, name in ipairs { "sim-1", "sim-2" } do clusters.fleet:fault(name, { type = "die" }) end
      result = clusters:script(path, table.unpack(words))
      assert.same({ 4, "" }, { result.code, result.out })
      assert.matches("^3 of 3 clusters failed:\n", result.err)
    end)

    it(path .. " has --help, with its exit codes", function()
      local result = program.run("run", path, "--help")
      assert.equal(0, result.code)
      assert.matches("^Usage: moonpool run " .. path, result.out)
      assert.matches("%-%-clusters PATTERN", result.out)
      assert.matches("Exit code: 0 all well, 1 the script failed", result.out)
    end)
  end

  describe("a script", function()
    --- The clusters that a script works on.
    local function names(...)
      local result = clusters:run(...)
      assert.equal("", result.err)
      local found = {}
      for name in result.out:gmatch "([^\n]+)\n" do found[#found + 1] = name end
      return table.concat(found, " "), result
    end

    it("works on the current context, on those of --context, or on those of --clusters", function()
      assert.equal("sim-1", (names("run", "inventory", "-o", "name")))
      assert.equal("sim-2", (names("--context", "sim-2", "run", "inventory", "-o", "name")))
      assert.equal("sim-1 sim-3", (names("run", "inventory", "-o", "name", "-c", "sim-?", "-c", "^sim-2")))
      assert.equal("sim-2", (names("--context", "sim-?", "run", "inventory", "-o", "name", "-c", "*-2")))
    end)

    it("ends with 2 when it is called in a wrong way, and says how", function()
      local function wrong(pattern, ...)
        local result = clusters:run("run", ...)
        assert.equal(2, result.code)
        assert.equal("", result.out)
        assert.matches(pattern, result.err)
        assert.matches("\nTry 'moonpool run %l+ %-%-help'%.\n$", result.err)
      end
      wrong("no context matches 'sin%-1'; did you mean 'sim%-1'%?", "inventory", "--clusters", "sin-1")
      wrong("^moonpool run inventory: .*unknown option '%-%-nope'", "inventory", "--nope")
      wrong("expected table, json, yaml or name, got 'xml'", "inventory", "-o", "xml")
      wrong("expected a duration such as 90s, 15m, 2h or 7d, got 'soon'", "inventory", "--timeout", "soon")
      wrong("%-%-timeout: expected a duration", "inventory", "--timeout", "0")
      wrong("action: expected restart or scale, got 'stop'", "rollout", "stop", "web")
      wrong("no cluster matches .* the labels", "inventory", "--labels", "env=prod")
      wrong("say what to find", "find")
      wrong("expected KIND/NAME, such as deployment/web, got 'web'", "drift", "web")
      wrong("expected restart or scale, got 'stop'", "rollout", "stop", "web")
      wrong("say which", "rollout", "restart")
      wrong("scale needs it", "rollout", "scale", "web", "-n", "shop")
    end)

    it("does not take a namespace that is nowhere for an empty one", function()
      local result = clusters:script("stuck", "-n", "shpo", "--check")
      assert.same({ 1, "", 'moonpool run stuck: no cluster that answered has a namespace "shpo"\n' },
        { result.code, result.out, result.err })
      local client <close> = clusters:client "sim-2"
      assert(client.core.createNamespace { metadata = { name = "only-here" } })
      result = clusters:script("stuck", "-n", "only-here")
      assert.same({ 0, "", "no pod is stuck in 3 clusters\n" }, { result.code, result.out, result.err })
    end)

    it("says what it cannot write, and which kubeconfig has nothing", function()
      local result = program.shell(("%s --kubeconfig %s run find web >/dev/full"):format(program.path, clusters.fleet.kubeconfig))
      assert.same({ 1, "moonpool run find: cannot write: No space left on device\n" }, { result.code, result.err })
      result = program.shell(("KUBECONFIG=/no/such/file %s run stuck"):format(program.path))
      assert.equal(1, result.code)
      assert.equal("moonpool run stuck: there is no context to choose from in $KUBECONFIG (/no/such/file)\n", result.err)
    end)

    it("names each cluster that failed, and why, and ends with 3", function()
      clusters.fleet:fault("sim-2", { type = "die" })
      clusters.fleet:fault("sim-3", { type = "status", code = 403, path = "/version" })
      local result = clusters:script "inventory"
      assert.equal(3, result.code)
      assert.matches("^CLUSTER +VERSION [^\n]+\nsim%-1 [^\n]+\n$", result.out)
      assert.matches("^2 of 3 clusters failed:\n  sim%-2: [^\n]*refused[^\n]*\n  sim%-3: [^\n]*403[^\n]*\n$", result.err)
    end)

    it("ends with 4 when all failed, and says the same cause once", function()
      for _, name in ipairs(clusters.fleet.names) do clusters.fleet:fault(name, { type = "status", code = 403 }) end
      local result = clusters:script("stuck", "--check")
      assert.equal(4, result.code)
      assert.equal("", result.out)
      assert.equal("3 of 3 clusters failed:\n  sim-1, sim-2, sim-3: simulated fault: 403\n", result.err)
    end)

    it("writes as the program is told, unless it is told itself", function()
      local json = clusters:run("-o", "json", "run", "inventory")
      assert.equal("sim-1", assert(core.json.decode(json.out)).items[1].cluster)
      assert.equal("sim-1\n", clusters:run("-o", "json", "run", "inventory", "-o", "name").out)
      local doctor = program.shell(("MOONPOOL_OUTPUT=json %s --kubeconfig %s doctor"):format(program.path, clusters.fleet.kubeconfig))
      assert.equal("sim-1", assert(core.json.decode(doctor.out)).items[1].context)
    end)

    it("writes JSON and YAML that say the same, failed clusters too", function()
      clusters.fleet:fault("sim-3", { type = "die" })
      local document, result = clusters:json "inventory"
      assert.equal(3, result.code)
      assert.same({ "sim-1", "sim-2" }, { document.items[1].cluster, document.items[2].cluster })
      assert.same({ name = "sim-1", ok = true }, document.clusters[1])
      assert.equal("connect", document.clusters[3].kind)
      assert.is_false(document.clusters[3].ok)
      local yaml = assert(core.yaml.decode(clusters:script("inventory", "-o", "yaml").out))
      assert.same(document.items, yaml.items)
    end)

    it("gives up a cluster that does not answer in time", function()
      clusters.fleet:fault("sim-2", { type = "hang", path = "/api/*" })
      local result = clusters:script("inventory", "--timeout", "700ms")
      assert.equal(3, result.code)
      assert.matches("\n  sim%-2: gave up after 700 ms", result.err)
      assert.matches("\nsim%-3 ", result.out)
    end)
  end)
end)
