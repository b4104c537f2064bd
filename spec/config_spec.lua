-- config_spec.lua: moonpool.yaml and the variables beside it: each key by what it changes, each mistake by its place, and who goes before
-- whom.
local fleet = require "spec.support.fleet"
local program = require "spec.support.program"
local terminal = require "spec.support.terminal"

describe("moonpool.yaml", function()
  local clusters, folder, file

  setup(function()
    clusters = fleet.start { clusters = 3, pods = 4 }
    folder = program.shell("mktemp -d").out:gsub("\n", "")
    file = folder .. "/moonpool.yaml"
  end)
  teardown(function()
    clusters:close()
    program.shell("rm -rf " .. folder)
  end)

  local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

  local function write(text, path)
    local out <close> = assert(io.open(path or file, "wb"))
    out:write(text)
  end

  --- Runs the program with this configuration in an environment of its own.
  local function runIn(environment, ...)
    local words = { "env -u MOONPOOL_CONFIG", "HOME=" .. folder, "KUBECONFIG=" .. clusters.kubeconfig, environment, program.path }
    for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
    return program.shell(table.concat(words, " "))
  end

  local function run(text, ...)
    write(text)
    return runIn("", "--config", file, ...)
  end

  --- What the code prints.
  local function output(text, code, ...)
    local words = { ... }
    table.move({ "-e", code }, 1, 2, #words + 1, words)
    local result = run(text, table.unpack(words))
    assert.equal("", result.err)
    return result.out
  end

  local names = "print(table.concat(clusters:clusters(), ' '))"

  describe("has the key", function()
    it("kubeconfig, of which a path begins at its folder, and before which $KUBECONFIG goes", function()
      write(assert(io.open(clusters:path "sim-2")):read "a", folder .. "/other")
      write "kubeconfig: other\n"
      assert.equal("sim-2\n", runIn("KUBECONFIG=", "--config", file, "-e", names).out)
      assert.equal("sim-1\n", runIn("", "--config", file, "-e", names).out)
      assert.equal("sim-3\n", runIn("KUBECONFIG=", "--config", file, "--kubeconfig", clusters:path "sim-3", "-e", names).out)
      write "kubeconfig: ~/other\n"
      assert.equal("sim-2\n", runIn("KUBECONFIG=", "--config", file, "-e", names).out)
      write "kubeconfig: nowhere\n"
      local missing = runIn("KUBECONFIG=", "--config", file, "-e", names)
      assert.equal(2, missing.code)
      assert.equal(("moonpool: %s:1: kubeconfig: cannot read '%s/nowhere': No such file or directory\n"):format(file, folder), missing.err)
    end)

    it("contexts", function()
      assert.equal("sim-2 sim-3\n", output("contexts: [sim-3, 'sim-?', '^sim-1']", names))
      assert.equal("sim-2\n", output("contexts: sim-2", names))
    end)

    it("groups, which stand for their patterns wherever patterns are taken", function()
      local groups = "groups:\n  south: [sim-1, '@east']\n  east: sim-2\n  none: [other-*]\n"
      assert.equal("sim-1 sim-2\n", output(groups, names, "--context", "@south"))
      assert.equal("sim-3\n", output(groups, names, "--context", "sim-?", "--context", "^@south"))
      assert.equal("sim-1 sim-2\n", output(groups .. "contexts: '@south'", names))
      assert.equal("3: sim-1 sim-2 2 1\n", output(groups, [[
        local all = assert(clusters:each(function(client) return client:request { path = "/version" } end))
        local some = assert(clusters:each(function(client) return client:request { path = "/version" } end, { clusters = "@south" }))
        local client = clusters:client "@east"
        print(("%d: %s %d %d"):format(all.total, table.concat(clusters:clusters "@south", " "), some.total, #client:info().clusters))]],
        "--context", "sim-?"))
      local script = run(groups, "run", "inventory", "--clusters", "@south", "-o", "json")
      assert.equal(0, script.code)
      assert.truthy(script.out:find '"sim%-2"')
      assert.falsy(script.out:find '"sim%-3"')
      local nothing = run(groups, "--context", "@none", "-e", names)
      assert.equal(2, nothing.code)
      assert.matches("^moonpool: %-%-context: no context matches '@none'", nothing.err)
    end)

    it("clusters, of which the very name goes before later patterns, and those before earlier ones", function()
      assert.equal("sim-1 5 eu a b\nsim-2 2 eu nil b\nsim-3 2 nil nil b\n", output([[
contexts: sim-?
clusters:
  sim-1: { weight: 5, labels: { tier: a } }
  "*": { weight: 1, labels: { env: b } }
  "sim-[123]": { weight: 2, priority: 3 }
  "@near": { zone: eu }
groups: { near: [sim-1, sim-2] }
]], [[
        local stats = clusters:getStats()
        for _, name in ipairs(clusters:clusters()) do
          local one = stats[name]
          print(("%s %d %s %s %s"):format(name, one.weight, one.zone, one.labels.tier, one.labels.env))
          assert(one.priority == 3)
        end]]))
    end)

    it("clusters.*.endpoints and resolveEndpoints", function()
      local port = clusters:endpoints("sim-1")[1]:match ":(%d+)$"
      assert.equal(("https://localhost:%s 127.0.0.1\n"):format(port), output(([[
clusters:
  sim-1:
    endpoints: ["https://localhost:%s"]
    resolveEndpoints: true
]]):format(port), [[
        local moonpool, endpoint = require "moonpool", nil
        for _ = 1, 200 do
          endpoint = clusters:getStats()["sim-1"].endpoints[1]
          if endpoint.address then break end
          moonpool.sleep(20)
        end
        print(endpoint.url, endpoint.address)]]):gsub("\t", " "))
    end)

    it("pool, and clusters.*.pool over it", function()
      assert.equal("2 1\n", output([[
contexts: [sim-1, sim-2]
pool: { maxConnections: 2, acquireTimeout: 50 }
clusters: { sim-2: { pool: { maxConnections: 1 } } }
]], [[
        local counts = {}
        for _, name in ipairs { "sim-1", "sim-2" } do
          local leases, one, err = { assert(clusters:lease(name)).connection }, nil, nil
          local pool = require("moonpool.core").poolOf(leases[1])
          repeat
            one, err = pool:acquire()
            leases[#leases + 1] = one
          until not one
          assert(err.kind == "acquireTimeout", tostring(err))
          counts[#counts + 1] = #leases
          for _, lease in ipairs(leases) do lease:release() end
        end
        print(table.concat(counts, " "))]]))
    end)

    it("strategy", function()
      assert.equal("random\n", output("strategy: random", "clusters:clusters() print(tostring(clusters):match '(%a+)%)')"))
    end)

    it("enableFailover, failoverWrites and clusterHealthCheckInterval", function()
      local code = [[
        local options = require("moonpool.core").manager
        require("moonpool.core").manager = function(given)
          print(given.enableFailover, given.failoverWrites, given.clusterHealthCheckInterval)
          return options(given)
        end
        tostring(clusters:clusters())]]
      assert.equal("false\tfalse\t5\n", output("enableFailover: false\nclusterHealthCheckInterval: 5", code))
      assert.equal("true\ttrue\t30000\n", output("failoverWrites: true", code))
    end)

    it("output, of the shipped scripts", function()
      assert.equal("{", run("output: json", "run", "inventory").out:sub(1, 1))
      assert.matches("^clusters:", run("output: json", "-o", "yaml", "run", "inventory").out)
      assert.matches("^CLUSTER", run("output: json", "run", "inventory", "-o", "table").out)
      assert.equal("{", run("output: json", "doctor", "sim-1").out:sub(1, 1))
    end)

    it("readOnly", function()
      local code = "print(select(2, clusters:client().core.createNamespace { metadata = { name = 'x' } }).kind)"
      assert.equal("forbidden\n", output("readOnly: true", code))
    end)

    it("log.level and log.format", function()
      local code = "require('moonpool').log.info('hello')"
      assert.equal("", run("{}", "-e", code).err)
      assert.equal("moonpool: info: hello\n", run("log: { level: info }", "-e", code).err)
      assert.matches('^{.*"message":"hello".*}\n$', run("log: { level: info, format: json }", "-e", code).err)
    end)

    it("output, confirm and history, of the prompt", function()
      write("output: json\nconfirm: false\nhistory: false\ncontexts: [sim-1, sim-2]\ngroups: { near: [sim-1] }\n")
      local term <close> = terminal.start { kubeconfig = clusters.kubeconfig, arguments = "--config " .. file, columns = 120 }
      term:line "{ 'answer', 42 }"
      term:waitFor "^ *42$"
      term:line "clusters:each(function(c) return c.core.createNamespace { metadata = { name = 'unasked' } } end).total"
      term:waitFor "^2$"
      term:type ":use @"
      term:key "Tab"
      term:waitFor "> :use @near$"
      term:key "Enter"
      term:waitFor "^@near> *$"
      assert.is_false(terminal.exists(term:historyPath()))
    end)
  end)

  describe("tells the place of", function()
    for text, problem in pairs {
      ["protectd: [a]"] = '1: unknown key "protectd"; did you mean "protected"?',
      ["strategi: a\nprotectd: [a]"] = '1: unknown key "strategi"; did you mean "strategy"?', -- the first of them
      ["log:\n  lvl: info"] = '2: log: unknown key "lvl"; did you mean "level"?',
      ["clusters:\n  a:\n    weigth: 3"] = '3: clusters: a: unknown key "weigth"; did you mean "weight"?',
      ["pool:\n  maxConection: 3"] = '2: pool: unknown key "maxConection"; did you mean "maxConnections"?',
      ["contexts: 3"] = "1: contexts: expected a pattern, or a list of patterns, got number 3",
      ["contexts: [a, {b: c}]"] = "1: contexts: expected a pattern, got an object",
      ["contexts:\n- a\n- 'b['"] = '3: contexts: cluster pattern "b[": the \'[\' at character 2 is never closed',
      ["contexts: nope"] = "1: contexts: no context matches 'nope'; there are: ",
      ["protected: '@nix'"] = '1: protected: cluster pattern "@nix": there is no group of that name',
      ["groups: [a]"] = "1: groups: expected an object of names and patterns, got a list",
      ["groups: {a: []}"] = "1: groups: a: a group needs at least one pattern",
      ["groups: {'a b': c}"] = "1: groups: a b: a group's name has letters, digits, '_', '-' and '.' only",
      ["groups:\n  a: '@b'\n  b: ['@a']"] = '2: groups: the group "a" is part of itself',
      ["clusters: [a]"] = "1: clusters: expected an object of patterns and what holds for them, got a list",
      ["clusters:\n  a: 3"] = "2: clusters: a: expected an object, got number 3",
      ["clusters:\n  a:\n    weight: -1"] = "3: clusters: a: weight: expected a number of 0 or more, got number -1",
      ["clusters:\n  a: {labels: {k: 3}}"] = '2: clusters: a: labels: k: a label is a text: write "3", in quotes',
      ["clusters:\n  a: {labels: x}"] = '2: clusters: a: labels: expected an object of labels, got "x"',
      ["clusters:\n  a: {zone: 3}"] = "2: clusters: a: zone: expected a text, got number 3",
      ["clusters:\n  a: {priority: high}"] = '2: clusters: a: priority: expected a whole number, got "high"',
      ["clusters:\n  a: {endpoints: [x]}"] = '2: clusters: a: endpoints: expected a URL such as "https://10.0.0.1:6443", got "x"',
      ["clusters:\n  a: {resolveEndpoints: 1}"] = "2: clusters: a: resolveEndpoints: expected true or false, got number 1",
      ["clusters:\n  a:\n    pool: {minConnections: 20}"] = "3: clusters: a: pool: minConnections (20) is greater than maxConnections (10)",
      ["pool: {maxConnections: 2}\nclusters:\n  a:\n    pool: {minConnections: 3}"] =
        "3: clusters: a: minConnections (3) is greater than maxConnections (2)",
      ["pool:\n  maxIdleTime: long"] = "2: pool: maxIdleTime: expected a whole number of milliseconds, got string",
      ["pool: 3"] = "1: pool: expected an object of pool options, got number 3",
      ["strategy: [random]"] = "1: strategy: expected a text, got a list",
      ["\n\nstrategy: randon"] = '3: strategy: there is no strategy "randon", and no module of that name; did you mean "random"?',
      ["enableFailover: 'yes'"] = '1: enableFailover: expected true or false, got "yes"',
      ["enableFailover: false\nfailoverWrites: true"] = "2: failoverWrites: true contradicts enableFailover: false",
      ["clusterHealthCheckInterval: -5"] =
        "1: clusterHealthCheckInterval: expected milliseconds, a whole number of 0 or more, got number -5",
      ["output: jsn"] = '1: output: expected table, json, yaml, name (did you mean "json"?), got "jsn"',
      ["log:\n  level: wran"] = '2: log: level: expected debug, info, warn, error, off (did you mean "warn"?), got "wran"',
      ["log: debug"] = '1: log: expected an object, got "debug"',
      ["kubeconfig: 3"] = "1: kubeconfig: expected a path, got number 3",
      ["- a"] = "1: expected an object, got a list",
      ["readOnly: true\nreadOnly: false"] = '2: column 1: the key "readOnly" was there before, in line 1',
      ["a: [\n"] = "2: column 1: while parsing a flow node did not find expected node content",
      ["groups: &x {a: b}\npool:\n  <<: *x\n"] = '2: pool: unknown key "a"',
    } do
      it(("%q"):format(text):gsub("\\?\n", " "):sub(1, 70), function()
        local result = run(text, "-e", "print 'ran'")
        assert.equal("", result.out)
        assert.equal(2, result.code)
        assert.equal(("moonpool: %s:%s"):format(file, problem), result.err:sub(1, #("moonpool: " .. file .. ":" .. problem)))
      end)
    end
  end)

  describe("may be", function()
    local ran = "print 'ran'"

    it("empty, a comment, or keys with nothing behind them", function()
      for _, text in ipairs { "", "# nothing\n", "{}", "contexts:\npool:\nlog:\nprotected:\n" } do
        assert.equal("ran\n", output(text, ran))
      end
    end)

    it("of a megabyte", function()
      local lines = { "groups:" }
      for i = 1, 20000 do lines[#lines + 1] = ("  g%d: [sim-%d, 'other-*', x%d]"):format(i, i, i) end
      lines[#lines + 1] = ("# %s"):format(("x"):rep(600000))
      assert.equal("sim-2\n", output(table.concat(lines, "\n"), names, "--context", "@g2"))
    end)

    it("written with anchors, whose mistakes are told where they stand", function()
      assert.equal("2 2\n", output([[
contexts: [sim-1, sim-2]
clusters:
  sim-1: &base
    weight: 2
    labels: { env: a }
  sim-2:
    <<: *base
    zone: eu
]], "local s = clusters:getStats() print(('%d %d'):format(s['sim-1'].weight, s['sim-2'].weight))"))
      local wrong = run("clusters:\n  a: &base\n    labels:\n      k: 3\n  b:\n    labels: {x: y}\n  c: *base\n", "-e", ran)
      assert.matches(":4: clusters: [ac]: labels: k: a label is a text", wrong.err)
    end)

    it("missing where it was not asked for, and must be there where it was", function()
      assert.equal("ran\n", runIn("XDG_CONFIG_HOME=" .. folder .. "/nothing", "-e", ran).out)
      assert.equal("ran\n", runIn("XDG_CONFIG_HOME=" .. file .. "/nothing", "-e", ran).out)
      assert.equal("ran\n", runIn("XDG_CONFIG_HOME=relative", "-e", ran).out)
      local option = runIn("", "--config", folder .. "/nothing", "-e", ran)
      assert.equal(2, option.code)
      assert.equal(("moonpool: --config: %s/nothing: No such file or directory\nTry 'moonpool --help'.\n"):format(folder), option.err)
      local variable = runIn("MOONPOOL_CONFIG=" .. folder .. "/nothing", "-e", ran)
      assert.equal(("moonpool: MOONPOOL_CONFIG: %s/nothing: No such file or directory\n"):format(folder), variable.err)
    end)

    it("no folder, nothing that may not be read, and nothing without an end", function()
      assert.equal(("moonpool: --config: %s: Is a directory\nTry 'moonpool --help'.\n"):format(folder),
        runIn("", "--config", folder, "-e", ran).err)
      assert.matches("%-%-config: /dev/zero: larger than 4 MiB", runIn("", "--config", "/dev/zero", "-e", ran).err)
      write "output: json\n"
      program.shell("chmod 000 " .. file)
      local result = runIn("", "--config", file, "-e", ran)
      program.shell("chmod 600 " .. file)
      if program.shell("id -u").out ~= "0\n" then
        assert.matches("Permission denied", result.err)
      else
        assert.equal("ran\n", result.out) -- root may read everything
      end
    end)

    it("wrong for what has nothing to do with clusters", function()
      write "nonsense: true\n"
      for _, arguments in ipairs { "version", "--version", "--help", "sim --help", "completion bash" } do
        local result = program.shell(("MOONPOOL_CONFIG=%s %s %s"):format(file, program.path, arguments))
        assert.equal(0, result.code)
      end
    end)
  end)

  describe("stands", function()
    it("in $XDG_CONFIG_HOME/moonpool, else in ~/.config/moonpool, unless $MOONPOOL_CONFIG or --config names another", function()
      local code = "print(require('moonpool.program').setting 'output')"
      program.shell(("mkdir -p %s/.config/moonpool %s/xdg/moonpool"):format(folder, folder))
      write("output: yaml\n", folder .. "/.config/moonpool/moonpool.yaml")
      write("output: json\n", folder .. "/xdg/moonpool/moonpool.yaml")
      write("output: name\n")
      assert.equal("yaml\n", runIn("XDG_CONFIG_HOME=", "-e", code).out)
      assert.equal("json\n", runIn("XDG_CONFIG_HOME=" .. folder .. "/xdg", "-e", code).out)
      assert.equal("name\n", runIn(("XDG_CONFIG_HOME=%s/xdg MOONPOOL_CONFIG=%s"):format(folder, file), "-e", code).out)
      assert.equal("table\n", runIn("MOONPOOL_CONFIG=" .. file, "--config", "/dev/null", "-e", code).out)
    end)

    it("behind the environment, and that behind the options", function()
      local function value(name, environment, ...)
        local words = { ... }
        table.move({ "-e", ("print(require('moonpool.program').setting '%s')"):format(name) }, 1, 2, #words + 1, words)
        return (runIn(environment, "--config", file, table.unpack(words)).out:gsub("\n", ""))
      end
      write "output: json\nstrategy: random\nreadOnly: true\nlog: { level: error, format: json }\ncontexts: sim-1\n"
      assert.equal("json", value("output", ""))
      assert.equal("yaml", value("output", "MOONPOOL_OUTPUT=yaml"))
      assert.equal("name", value("output", "MOONPOOL_OUTPUT=yaml", "-o", "name"))
      assert.equal("json", value("output", "MOONPOOL_OUTPUT="))
      assert.equal("priority", value("strategy", "MOONPOOL_STRATEGY=priority"))
      assert.equal("weighted", value("strategy", "MOONPOOL_STRATEGY=priority", "--strategy", "weighted"))
      assert.equal("false", value("readOnly", "MOONPOOL_READ_ONLY=no"))
      assert.equal("true", value("readOnly", "MOONPOOL_READ_ONLY=0", "--read-only"))
      assert.equal("debug", value("log.level", "MOONPOOL_LOG_LEVEL=debug"))
      assert.equal("off", value("log.level", "MOONPOOL_LOG_LEVEL=debug", "--log-level", "off"))
      assert.equal("text", value("log.format", "MOONPOOL_LOG_FORMAT=text"))
      assert.equal("sim-2 sim-3\n", runIn("MOONPOOL_CONTEXT='sim-3, sim-2'", "--config", file, "-e", names).out)
      assert.equal("sim-3\n", runIn("MOONPOOL_CONTEXT=sim-2", "--config", file, "--context", "sim-3", "-e", names).out)
    end)

    it("apart from what is wrong in a variable, which is called by its name", function()
      for environment, problem in pairs {
        ["MOONPOOL_OUTPUT=jsn"] = 'MOONPOOL_OUTPUT: expected table, json, yaml, name (did you mean "json"?), got "jsn"',
        ["MOONPOOL_READ_ONLY=maybe"] = 'MOONPOOL_READ_ONLY: expected true or false, got "maybe"',
        ["MOONPOOL_CONTEXT=sim-9x,sim-1"] = "MOONPOOL_CONTEXT: no context matches 'sim-9x'; did you mean ",
        ["MOONPOOL_STRATEGY=randon"] = 'MOONPOOL_STRATEGY: there is no strategy "randon"',
        ["MOONPOOL_LOG_LEVEL=loud"] = 'MOONPOOL_LOG_LEVEL: expected debug, info, warn, error, off, got "loud"',
      } do
        local result = runIn(environment, "-e", "print 'ran'")
        assert.equal(2, result.code)
        assert.equal("moonpool: " .. problem, result.err:sub(1, #problem + 10))
      end
    end)
  end)

  it("is shown with every key in examples/moonpool.yaml, which is right", function()
    local sample = assert(io.open "examples/moonpool.yaml"):read "a"
    local result = program.shell(("KUBECONFIG=/dev/null %s --config examples/moonpool.yaml -e 'print \"ran\"'"):format(program.path))
    assert.equal("", result.err)
    assert.equal("ran\n", result.out)
    for _, key in ipairs(require("moonpool.config").keys) do
      local last = key.name:match "[^.]+$"
      assert.truthy(("\n" .. sample):find("[%s{]" .. last .. ":"), key.name)
    end
  end)

  it("has a text, a type and a place for every key", function()
    local config = require "moonpool.config"
    for _, key in ipairs(config.keys) do
      assert.is_true(#key.text > 5 and #key.means > 3, key.name)
      assert.is_nil(key.text:find "%.$", key.name)
    end
  end)
end)
