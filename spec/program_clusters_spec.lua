-- program_clusters_spec.lua: the program over several clusters: --context, --strategy, the global `clusters`, exit codes, and what
-- a terminal shows.
local fleet = require "spec.support.fleet"
local program = require "spec.support.program"

describe("the program over several clusters", function()
  local clusters

  setup(function() clusters = fleet.start { clusters = 3 } end)
  teardown(function() clusters:close() end)
  after_each(function() clusters:clear() end)

  local function run(...) return program.run("--kubeconfig", clusters.kubeconfig, ...) end

  local ask = [[
    local function ask(client)
      local list, err = client.core.listNamespace()
      return list and #list.items > 0, err
    end
    local function each(options)
      local results = assert(clusters:each(ask, options))
      for name, result in pairs(results) do print(name, result.ok and result.value or result.err.kind) end
      return results
    end
  ]]

  describe("--context", function()
    --- The names of the clusters that a script has with these options.
    local function names(...)
      local words = { ... }
      words[#words + 1] = "-e"
      words[#words + 1] = "print(table.concat(clusters:clusters(), ' '))"
      local result = run(table.unpack(words))
      assert.equal("", result.err)
      assert.equal(0, result.code)
      return result.out
    end

    it("is the current one unless it is given", function()
      assert.equal("sim-1\n", names())
    end)

    it("selects names, globs, regular expressions and all but exclusions, as often as it is given", function()
      assert.equal("sim-2\n", names("--context", "sim-2"))
      assert.equal("sim-1 sim-3\n", names("--context=sim-3", "--context", "sim-1"))
      assert.equal("sim-1 sim-2 sim-3\n", names("--context", "sim-?"))
      assert.equal("sim-2 sim-3\n", names("--context", "/^sim-[0-9]$/", "--context", "^sim-1"))
      assert.equal("sim-1 sim-2 sim-3\n", names("--context", "^*-token", "--context", "^*-nobody"))
    end)

    it("is the context of clients that name none, where it selects one", function()
      local code = "print(assert(require 'moonpool'.KubernetesClient()):info().context)"
      assert.equal("sim-2\n", run("--context", "sim-2", "-e", code).out)
      assert.equal("sim-3\n", run("--context", "*-3", "-e", code).out)
      local several = run("--context", "sim-?", "-e", code)
      assert.equal(1, several.code)
      assert.matches('KubernetesClient: --context selects 3 contexts: name one of them (context = "sim-1"), or use `clusters`',
        several.err, 1, true)
      assert.equal("sim-2\n", run("--context", "sim-?", "-e", (code:gsub("Client%(%)", "Client { context = 'sim-2' }"))).out)
    end)

    it("is refused when it selects nothing", function()
      local function refused(...)
        local result = run(...)
        assert.equal(2, result.code)
        assert.equal("", result.out)
        return result.err
      end
      assert.matches("^moonpool: %-%-context: no context matches 'sin%-2'; did you mean 'sim%-2'%?; there are: sim%-1, .*sim%-3",
        refused("--context", "sin-2", "-e", "print(1)"))
      assert.matches("no context matches 'prod-*'; there are: sim-1", refused("--context", "sim-1", "--context", "prod-*"), 1, true)
      assert.matches("'sim-1' '^sim-*' leaves no context", refused("--context", "sim-1", "--context", "^sim-*"), 1, true)
      assert.matches("the '[' at character 5 is never closed", refused("--context", "sim-[", "-e", "print(1)"), 1, true)
      local broken = program.withFile("{", function(path) return program.run("--kubeconfig", path, "--context", "a", "-e", "print(1)") end)
      assert.equal(2, broken.code)
      assert.matches("^moonpool: %-%-context: ", broken.err)
    end)
  end)

  describe("`clusters`", function()
    it("is a manager, whichever way it is used", function()
      local result = run("--context", "sim-?", "-e", [[
        print(tostring(clusters):match "moonpool.ConnectionManager")
        local mine = clusters
        print(mine:client("sim-2"):info().name)
        local name, connection = assert(mine:acquire("sim-3"))
        print(name, connection.id ~= nil)
        mine:release(name, connection)
        local lease <close> = assert(clusters:lease())
        print(clusters:getStats()["sim-3"].poolStats.total, clusters == mine, tostring(clusters) == tostring(mine))]])
      assert.equal("", result.err)
      assert.equal("moonpool.ConnectionManager\nsim-2\nsim-3\ttrue\n1\ttrue\ttrue\n", result.out)
    end)

    it("costs nothing until it is used, and may be replaced", function()
      local result = program.run("--kubeconfig", "/dev/null", "-e", "print(type(clusters)) clusters = 3 print(clusters)")
      assert.equal("table\n3\n", result.out)
      assert.equal(0, result.code)
    end)

    it("connects to no cluster before a request goes there: probes have connections of their own", function()
      local result = run("--context", "sim-?", "-e", [[
        clusters:checkHealth()
        assert(clusters:client("sim-2").core.listNamespace())
        for _, name in ipairs(clusters:clusters()) do print(name, clusters:getStats()[name].poolStats.created) end]])
      assert.equal("", result.err)
      assert.equal("sim-1\t0\nsim-2\t1\nsim-3\t0\n", result.out)
    end)

    it("says what is wrong with the kubeconfig when it is used", function()
      local result = program.withFile("{}", function(path) return program.run("--kubeconfig", path, "-e", "clusters:each(print)") end)
      assert.equal(1, result.code)
      assert.matches("^moonpool: there is no context to choose from in /[^\n]+ %(config%)\n", result.err)
      result = program.withFile("contexts: [{ name: one, context: { cluster: one } }]", function(path)
        return program.run("--kubeconfig", path, "-e", "clusters:each(print)")
      end)
      assert.equal(1, result.code)
      assert.matches("no current context", result.err)
    end)

    it("has contexts that cannot be used fail, each for its own reason", function()
      local text = io.open(clusters.kubeconfig):read "a"
      -- The second cluster's authority is in a file that does not exist.
      local position = text:find("- name: sim-2\n", 1, true)
      local before, rest = text:sub(1, position - 1), text:sub(position)
      rest = rest:gsub("certificate%-authority%-data: [^\n]+", "certificate-authority: /no/such/file", 1)
      local result = program.withFile(before .. rest, function(path)
        return program.run("--kubeconfig", path, "--context", "sim-?", "-e", ask .. "print(each())")
      end)
      assert.equal("sim-1\ttrue\nsim-3\ttrue\nsim-2\tcredential\n2 of 3 clusters, 1 failed: sim-2\n", result.out)
      assert.matches("warn: clusters: .*/no/such/file", result.err)
      assert.equal(3, result.code)
    end)
  end)

  describe("ends with", function()
    local function code(script, ...)
      local result = run("--context", "sim-?", "-e", ask .. script, ...)
      return result.code, result
    end

    it("0 when no cluster failed", function()
      local exit, result = code "each()"
      assert.equal("sim-1\ttrue\nsim-2\ttrue\nsim-3\ttrue\n", result.out)
      assert.equal("", result.err)
      assert.equal(0, exit)
    end)

    it("3 when some did, also where all of one fan-out failed", function()
      clusters:fault("sim-2", { type = "die" })
      local exit, result = code "each()"
      assert.equal("sim-1\ttrue\nsim-2\tconnect\nsim-3\ttrue\n", result.out)
      assert.equal(3, exit)
      assert.equal(3, (code "each { clusters = 'sim-2' } each { clusters = 'sim-1' }"))
    end)

    it("4 when all did", function()
      for _, name in ipairs(clusters.names) do clusters:fault(name, { type = "status", code = 403 }) end
      assert.equal(4, (code "each() each()"))
      assert.equal(4, (code "require('moonpool').spawn(each)"))
    end)

    it("1 when the script fails, and what os.exit is told", function()
      clusters:fault("sim-2", { type = "die" })
      assert.equal(1, (code "each() error('no')"))
      assert.equal(0, (code "each() os.exit(0)"))
      assert.equal(7, (code "each() os.exit(7)"))
    end)
  end)

  it("says after Ctrl-C where the script was for each cluster, and nothing of what ships", function()
    local result = program.interrupt(([[
      local moonpool = require "moonpool"
      local manager = moonpool.ConnectionManager()
      for _, name in ipairs { "sim-1", "sim-2" } do
        assert(manager:addCluster { name = name, kubeConfigPath = %q, context = name })
      end
      manager:each(function(_, name)
        io.stdout:write(name, "\n"):flush()
        moonpool.sleep(60000)
      end)]]):format(clusters.kubeconfig), "INT")
    assert.equal(130, result.code)
    local _, told = result.err:gsub("interrupted a task", "")
    assert.equal(3, told)
    local _, places = result.err:gsub("%(command line%):8: in function", "")
    assert.equal(2, places)
    assert.matches("%(command line%):6: in main chunk", result.err)
    assert.not_matches("moonpool/", result.err)
  end)

  it("ends at Ctrl-C who uses a manager before the manager: nobody meets one that is closed", function()
    local result = program.interrupt(([[
      local moonpool = require "moonpool"
      local manager <close> = moonpool.ConnectionManager()
      assert(manager:addCluster { name = "sim-1", kubeConfigPath = %q, context = "sim-1" })
      local client = manager:client()
      local function work()
        while true do
          assert(client.core.listNamespace())
          io.stdout:write("."):flush()
        end
      end
      for _ = 1, 4 do moonpool.spawn(work) end
      moonpool.sleep(60000)]]):format(clusters.kubeconfig), "INT")
    assert.equal(130, result.code)
    assert.not_matches("closed", result.err)
    assert.not_matches("nobody joined", result.err)
  end)

  describe("--strategy", function()
    --- Which clusters four leases are of.
    local code = [[
      assert(clusters:checkHealth()) -- while some are known to be healthy, the others are left out
      for _ = 1, 4 do
        local name, connection = assert(clusters:acquire())
        io.write(name, " ")
        clusters:release(name, connection)
      end]]

    --- Runs moonpool beside a module `spread` with this text.
    local function withModule(text, ...)
      local base = os.tmpname()
      finally(function()
        os.remove(base .. "/spread.lua")
        os.remove(base)
      end)
      os.remove(base)
      assert(os.execute("mkdir " .. base))
      local file <close> = assert(io.open(base .. "/spread.lua", "w"))
      file:write(text)
      file:close()
      local words = {}
      for index, word in ipairs { "--kubeconfig", clusters.kubeconfig, "--context", "sim-?", ... } do
        words[index] = ("'%s'"):format(word)
      end
      return program.shell(("LUA_PATH='%s/?.lua;;' %s %s"):format(base, program.path, table.concat(words, " ")))
    end
    local last = "function(candidates) return candidates[#candidates] end"

    it("takes a built-in one", function()
      local result = run("--context", "sim-?", "--strategy", "round-robin", "-e", code)
      assert.equal("", result.err)
      assert.equal("sim-1 sim-2 sim-3 sim-1 ", result.out)
    end)

    it("takes a module that returns one", function()
      for _, text in ipairs { "return " .. last, "return { select = function(_, candidates) return candidates[3] end }" } do
        local result = withModule(text, "--strategy", "spread", "-e", code)
        assert.equal("", result.err)
        assert.equal("sim-3 sim-3 sim-3 sim-3 ", result.out)
      end
    end)

    it("takes one that a module registers, by its own name or the module's", function()
      local text = "require('moonpool').strategies.register('%s', " .. last .. ")"
      for _, result in ipairs {
        withModule(text:format "spread", "--strategy", "spread", "-e", code),
        withModule(text:format "other", "-l", "spread", "--strategy", "other", "-e", code),
      } do
        assert.equal("", result.err)
        assert.equal("sim-3 sim-3 sim-3 sim-3 ", result.out)
      end
    end)

    it("is refused when there is no such thing", function()
      local result = run("--strategy", "round-robbin", "-e", "print(1)")
      assert.equal(2, result.code)
      assert.equal("", result.out)
      assert.matches('^moonpool: %-%-strategy: there is no strategy "round%-robbin", and no module of that name; '
        .. 'did you mean "round%-robin"', result.err)
      local empty = withModule("return { selct = 3 }", "--strategy", "spread", "-e", "print(1)")
      assert.equal(2, empty.code)
      assert.matches("the module spread is no strategy: it returns a table without the function select, and registers none", empty.err)
      local typo = withModule("return = 3", "--strategy", "spread", "-e", "print(1)")
      assert.matches("^moonpool: %-%-strategy: error loading module [^\n]*spread.lua:1: unexpected symbol[^\n]*\nTry ", typo.err)
      local broken = withModule("error('broken here')", "--strategy", "spread", "-e", "print(1)")
      assert.equal(2, broken.code)
      assert.matches("spread.lua:1: broken here", broken.err)
    end)
  end)

  describe("while it works on many clusters", function()
    local code = ask .. [[
      local results = clusters:each(function() require("moonpool").sleep(350) return true end)
      print(results)]]

    --- What a terminal gets to see, standard output left out.
    local function onTerminal(script, environment)
      return program.withFile(script, function(path)
        local command = ("%s --kubeconfig %s --context sim-? %s >/dev/null"):format(program.path, clusters.kubeconfig, path)
        return program.shell(("%s script -qec '%s' /dev/null"):format(environment or "TERM=xterm", command)).out
      end)
    end

    it("shows how far it is on a terminal, and takes that away", function()
      local seen = onTerminal(code)
      assert.matches("^\r0/3 done, 0 failed, 3 running, slowest sim%-1 0%.%d s\27%[K", seen)
      assert.matches("\r\27%[K$", seen)
      local _, drawn = seen:gsub("done", "")
      assert.is_true(drawn >= 2)
      assert.equal("", onTerminal(code:gsub("350%) return true end", "%0, { progress = false }")))
      assert.equal("", onTerminal(code, "TERM=dumb"))
    end)

    it("shows nothing elsewhere", function()
      local result = run("--context", "sim-?", "-e", code)
      assert.equal("3 of 3 clusters\n", result.out)
      assert.equal("", result.err)
    end)

    it("keeps what is printed meanwhile apart", function()
      local script = "clusters:each(function(_, name) require('moonpool').sleep(250) print('from ' .. name) end)"
      local seen = program.withFile(script, function(path)
        local command = ("%s --kubeconfig %s --context sim-? %s"):format(program.path, clusters.kubeconfig, path)
        return program.shell(("TERM=xterm script -qec '%s' /dev/null"):format(command)).out
      end)
      assert.equal("from sim-1\r\nfrom sim-2\r\nfrom sim-3\r\n", (seen:gsub("\r[^\n]-\27%[K", "")))
      assert.matches("done[^\n]*\r\27%[Kfrom sim%-1\r\n", seen)
    end)
  end)
end)
