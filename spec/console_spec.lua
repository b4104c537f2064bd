-- console_spec.lua: attaching to a running program: one that serves reads all the while, and must not notice.
local background = require "spec.support.background"
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local fleet = require "spec.support.fleet"
local process = require "spec.support.process"
local program = require "spec.support.program"
local serving = require "spec.support.serving"
local terminal = require "spec.support.terminal"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function newPath()
  local path = os.tmpname()
  os.remove(path)
  return path
end

-- A console in a program of its own, which does nothing else: code runs before it listens.
local function idle(path, code)
  local script = ([[%s local moonpool = require "moonpool"
    local console = assert(moonpool.console.listen(%q)) print "ready" moonpool.sleep(30000)]]):format(code or "", path)
  local running = background.start(("exec %s -e %s"):format(program.path, quote(script)))
  running:waitFor "ready"
  return running
end

local attach = serving.attach

local instrumented = program.path:find("sanitize", 1, true) ~= nil

describe("a program that serves 200 reads a second", function()
  local clusters, server, path

  setup(function()
    clusters = fleet.start { clusters = 3 }
    server = serving.start(clusters.kubeconfig, clusters.names)
    path = server.path
  end)
  teardown(function()
    server:close()
    clusters:close()
  end)

  local function value(code) return server:value(code) end

  it("runs code of who is attached in its own state, and says how that ended", function()
    assert.equal("3", value "#manager:clusters()")
    assert.equal("true", value "served == stats")
    value "noted = 7"
    assert.equal("7", value "noted")
    assert.equal("reads\tall well\nin parts", value "report()")
    local result = attach(path, "error 'no good'")
    assert.same({ 1, "", "error: (command line):1: no good\n" }, { result.code, result.out, result.err })
    result = attach(path, "manager:client('none')")
    assert.equal(1, result.code)
    assert.matches("error: .*none", result.err)
    result = attach(path, "1 +")
    assert.equal(1, result.code)
    assert.matches("error: %(command line%):1: .*near <eof>", result.err)
  end)

  it("runs a script from a pipe as a whole", function()
    local result = program.shell(("%s attach %s"):format(program.path, path), "local a = 20\nlocal b = 1\nprint(2 * (a + b))\n")
    assert.same({ 0, "42\n", "" }, { result.code, result.out, result.err })
    result = program.shell(("%s attach %s"):format(program.path, path), ":clusters\n")
    assert.equal(0, result.code)
    assert.matches("CLUSTER +STATE.*\nsim%-1 +healthy", result.out)
  end)

  it("keeps its own output, and its own standard output free of what others write", function()
    assert.is_nil(value("moonpool.sleep(150) return 'mine'"):find "own line")
    value "print 'of the session'"
    assert.is_nil(server.process:out():find "of the session")
  end)

  it("shares names that are assigned, and keeps the results of each session apart", function()
    local one <close> = terminal.start { arguments = "attach " .. path }
    local other <close> = terminal.start { arguments = "attach " .. path }
    other:waitFor "^2 are attached"
    one:line "shared = 'from one'"
    one:line "40 + 2"
    one:waitFor "^42$"
    other:line "'other ' .. shared"
    other:waitFor "^other from one$"
    one:line "_ + 1"
    one:waitFor "^43$"
    other:line "_ .. '!'"
    other:waitFor "^other from one!$"
    other:line "client = 'own'"
    one:line "type(client)"
    one:waitFor "^table$"
    one:key "C-d"
    one:waitFor "^ended with 0$"
    other:line ":quit"
    other:waitFor "^ended with 0$"
    process.waitUntil(function() return value "shared" == "from one" end, "the program")
  end)

  it("follows one who is attached: a weight, a cluster drained and removed, a strategy; no read fails", function()
    local term <close> = terminal.start { arguments = "attach " .. path, columns = 110 }
    local shares = server:shares(90)
    for _, name in ipairs(clusters.names) do assert.is_true(shares[name] > 15) end

    term:line "manager:setWeight('sim-1', 8)"
    term:waitFor "^true$"
    shares = server:shares(100)
    assert.is_true(shares["sim-1"] > 3 * shares["sim-2"])

    term:line "manager:disableCluster('sim-1') while manager:getStats()['sim-1'].inFlight > 0 do moonpool.sleep(5) end print 'drained'"
    term:waitFor "^drained$"
    shares = server:shares(60)
    assert.equal(0, shares["sim-1"])
    assert.is_true(shares["sim-2"] > 10 and shares["sim-3"] > 10)
    term:key "C-l"
    term:line "manager:removeCluster('sim-1')"
    term:waitFor "^true$"

    term:line "manager:setStrategy(function(candidates) return 'sim-3' end) print 'set'"
    term:waitFor "^set$"
    shares = server:shares(60)
    assert.same({ ["sim-1"] = 0, ["sim-2"] = 0, ["sim-3"] = shares["sim-3"] }, shares)
    assert.is_true(shares["sim-3"] >= 60)

    term:key "C-l"
    term:line ":clusters"
    term:waitFor "^sim%-3 +healthy"
    assert.is_nil(term:screen():find "sim%-1 +healthy")
    term:line ":pools"
    term:waitFor "^CLUSTER +CONNECTIONS"
    value [[assert(manager:addCluster { name = "sim-1", kubeConfigPath = arg[2], context = "sim-1" }) manager:setStrategy "weighted"]]
    assert.equal(0, server:number "stats.failed")
  end)

  it("ends a statement that does not let it go on", function()
    for _, code in ipairs { "while true do end", "while true do pcall(function() while true do end end) end",
      "coroutine.wrap(function() while true do end end)()", "moonpool.spawn(function() while true do end end):join()",
      "setmetatable({}, { __tostring = function() while true do end end })",
      "local _ <close> = setmetatable({}, { __close = function() while true do end end }) error 'x'" } do
      local result = attach(path, code)
      assert.equal(1, result.code, code)
      assert.matches(("ended: it held the whole program for more than %d ms, without waiting"):format(serving.limit), result.err)
    end
    server:goesOn()
  end)

  it("ends what runs at Ctrl-C, with what it holds, and that alone", function()
    local term <close> = terminal.start { arguments = "attach " .. path }
    term:line "local l <close> = setmetatable({}, { __close = function() closed = true end }) waits = true moonpool.sleep(1e9)"
    process.waitUntil(function() return value "waits" == "true" end, "the statement")
    term:key "C-c"
    term:waitFor "^interrupted$"
    term:line "moonpool.sleep(10) return closed"
    term:waitFor "^true$"
    term:line "function unfinished()"
    term:waitFor "^>>$"
    term:key "C-c"
    term:waitUntil("a new prompt", function() return term:last():find "%w> *$" end)
    term:line "'still ' .. 'here'"
    term:waitFor "^still here$"
    server:goesOn()
  end)

  it("completes, keeps the history of who is attached, and pages there", function()
    local term <close> = terminal.start { arguments = "attach " .. path }
    term:type "manag"
    term:key "Tab"
    term:type ":setW"
    term:key "Tab"
    term:waitFor "> manager:setWeight$"
    term:key "C-u"
    term:type "manager:client('sim-2').resources.names"
    term:key("Tab", "C-u")
    term:type "client.resources.namespaces.get('kube-"
    term:waitUntil("the namespaces", function() -- a Tab waits for the cluster a moment only
      term:key "Tab"
      return term:screen():find "kube%-node%-lease +kube%-public +kube%-system"
    end)
    term:key "C-u"
    term:line "help(manager.setWeight)"
    term:waitFor "setWeight%(name, weight%)"
    term:line "1 +"
    term:line "1"
    term:waitFor "^2$"
    term:key("Up", "Enter")
    term:waitUntil("it again", function() return select(2, term:screen():gsub("%f[^\n]2%f[\n]", "")) == 2 end)
    assert.equal("help(manager.setWeight)\n1 + 1\n1 + 1\n", process.readAll(term:historyPath()))
    term:key "C-l"
    term:line "(('row\\n'):rep(100))"
    term:waitUntil("the pager", function() return term:last() == ":" end)
    term:type "q"
    term:waitUntil("the prompt", function() return term:last():find "lua%S*> *$" end)
    term:line ":history 2"
    term:waitFor "^%(%('row"
  end)

  it("works on the clusters that who is attached chooses, in that session alone", function()
    local term <close> = terminal.start { arguments = "attach " .. path }
    term:line ":use sim-2"
    term:waitFor "^1 cluster: sim%-2$"
    term:waitUntil("the prompt", function() return term:last():find "lua%S* sim%-2> *$" end)
    term:line "client"
    term:waitFor "^moonpool%.KubernetesClient %(sim%-2, "
    term:line ":use none-*"
    term:waitFor "^error: no cluster matches 'none%-%*'; there are: sim%-"
    term:line ":ns default"
    term:waitFor "^error: a running program's calls keep their namespaces"
    assert.equal("moonpool.KubernetesClient (all clusters)", value "tostring(client)")
  end)

  it("asks who is attached before writes to several clusters, and refuses them where nobody can be asked", function()
    local write = "manager:each(function(c) return c.resources.configmaps.create{metadata={name='made',namespace='default'}} end)"
    assert.matches("not sent: .*there is no terminal", value(("tostring(%s['sim-1'].err)"):format(write)))
    local term <close> = terminal.start { arguments = "attach " .. path, columns = 120 }
    term:line(write)
    term:waitFor "^and the like, in 3 clusters%. Go on%? %[y/N%]"
    term:line "y"
    term:waitFor "^sim%-2 +default +made"
    assert.equal(0, server:number "stats.failed")
  end)

  it("tells who is attached what happens to its clusters, and to requests, above the line that is typed", function()
    local term <close> = terminal.start { arguments = "attach " .. path, columns = 140 }
    term:type "'typed mean"
    clusters:kill "sim-2"
    value "manager:checkHealth() manager:checkHealth() manager:checkHealth()"
    term:waitFor "^%* sim%-2 is unhealthy: "
    clusters:restart "sim-2"
    value "for i = 1, 200 do if manager:checkHealth('sim-2') then break end moonpool.sleep(20) end"
    term:waitFor "^%* sim%-2 is healthy again$"
    term:line "while'"
    term:waitFor "^typed meanwhile$"
    term:line ":trace on"
    term:waitFor "^trace: GET /api/v1/namespaces%?limit=1: cluster sim%-%d, connection %d+, attempt 1: 200, "
    term:line ":trace off"
    assert.equal(0, server:number "stats.failed")
  end)

  -- ---------------------------------------------------------------------------------------------- peers that misbehave
  local function connect()
    local channel = assert(core.console.connect(path))
    assert.matches('"protocol"', (channel:receive(10000)))
    return channel
  end

  local function bounded(what)
    local before = server.process:memory()
    what()
    server:goesOn()
    if instrumented then return end -- which keeps much of what was freed
    assert.is_true(server.process:memory() - before < 64 * 1024, ("%d KiB more"):format(server.process:memory() - before))
  end

  it("is not harmed by a peer that sends 100 MB without an end of line", function()
    local channel = connect()
    bounded(function()
      channel:send(("x"):rep((instrumented and 8 or 100) << 20)) -- cut off while it is sent, or after
      eventually(20000, "the end", function() return select(2, channel:receive(10)) == "closed" end)
    end)
    channel:close()
  end)

  it("is not harmed by one that sends rubbish, or dies in the middle of a line", function()
    for _, line in ipairs { "rubbish", "[]", "17", '{"line":1}', '{"run":"x"}', '{"columns":"wide"}', "\0\255", '{"line":"\255"}' } do
      local channel = connect()
      channel:send(line)
      assert.matches("that is no message", channel:receive(10000) or "")
      assert.equal("closed", select(2, channel:receive(10000)))
      channel:close()
    end
    local died = program.shell(("python3 -c %s"):format(quote(([[
import socket
s = socket.socket(socket.AF_UNIX)
s.connect(%q)
s.recv(10)
s.send(b'{"line":"half = true')
]]):format(path))))
    assert.equal(0, died.code)
    server:goesOn()
    assert.equal("", value "half")
  end)

  it("is not harmed by one that floods, or never reads", function()
    bounded(function()
      local flooding, silent = connect(), connect()
      local tasks = {
        core.spawn(function()
          while true do flooding:send '{"forget":true}' end
        end),
        core.spawn(function()
          for id = 1, math.huge do silent:send(('{"line":"(\'x\'):rep(100000)","id":%d}'):format(id)) end
        end),
      }
      core.sleep(200)
      server:goesOn()
      for _, task in ipairs(tasks) do
        assert.equal("running", task:status()) -- made to wait
        task:cancel()
      end
      silent:close()
      flooding:close()
    end)
  end)

  it("ends the statement of one that dies, with what it holds", function()
    local client <close> = background.start(("exec %s attach %s -e %s"):format(program.path, path,
      quote "local l <close> = assert(manager:lease 'sim-3') held = true moonpool.sleep(1e9)"))
    process.waitUntil(function() return value "held" == "true" end, "the lease")
    value "for i = 1, 200 do if manager:getStats()['sim-3'].inFlight > 0 then break end moonpool.sleep(5) end"
    client:signal "KILL"
    assert.equal("returned", value [[
      for i = 1, 400 do
        local s = manager:getStats()["sim-3"].poolStats
        if s.exclusive == 0 or s.inUse == 0 then return "returned" end
        moonpool.sleep(5)
      end]])
    server:goesOn()
  end)

  it("asks one that dies nothing any more, also for tasks that its statement has begun", function()
    local channel = connect()
    channel:send(core.json.encode { id = 1, line = [[moonpool.spawn(function()
      for _, name in ipairs { "sim-1", "sim-2" } do
        local _, err = manager:client(name).resources.configmaps.create { metadata = { name = "asked", namespace = "default" } }
        refused = err and err.message
      end
    end) moonpool.sleep(1e9)]] })
    repeat local line = assert(channel:receive(10000)) until line:find '"ask"'
    channel:close()
    assert.matches("not sent: .*there is no terminal", value [[
      for i = 1, 400 do
        if refused then return refused end
        moonpool.sleep(5)
      end]])
  end)

  it("has served all reads when it ends, tells who is attached, and removes its socket", function()
    local term <close> = terminal.start { arguments = "attach " .. path }
    term:type "'unfinished"
    assert.matches("failed: 0\n$", server:finish())
    term:waitFor "^moonpool: the program has closed the connection$"
    term:waitFor "^ended with 1$"
    assert.is_false(terminal.exists(path))
  end)
end)

describe("a console's socket", function()
  it("is its user's alone, whatever the umask, and turns others away", function()
    local path = newPath()
    local script = ([[local moonpool = require "moonpool"
      local console = assert(moonpool.console.listen(%q)) print "ready" moonpool.sleep(30000)]]):format(path)
    local running <close> = background.start(("sh -c %s"):format(quote(("umask 0; exec %s -e %s"):format(program.path, quote(script)))))
    running:waitFor "ready"
    assert.equal("600\n", program.shell("stat -c %a " .. path).out)
    if program.shell("id -u").out ~= "0\n" then return pending "only root can become another user" end
    local copy = newPath()
    finally(function() os.remove(copy) end)
    assert.equal(0, program.shell(("cp %s %s && chmod 755 %s"):format(program.path, copy, copy)).code)
    local function asNobody() -- who may not be able to read what ThreadSanitizer is to suppress
      return program.shell(("timeout 20 env -u TSAN_OPTIONS setpriv --reuid 65534 --regid 65534 --clear-groups %s attach %s -e 1"):format(
        copy, path))
    end
    local refused = asNobody()
    assert.same({ 1, "" }, { refused.code, refused.out })
    assert.matches("not allowed: it is another user's", refused.err)
    -- Even where the file's mode lets them in.
    assert.equal(0, program.shell("chmod 666 " .. path).code)
    refused = asNobody()
    assert.same({ 1, "" }, { refused.code, refused.out })
    assert.matches("the program has closed the connection", refused.err)
    local turnedAway = program.shell(("timeout 20 setpriv --reuid 65534 --regid 65534 --clear-groups perl -MIO::Socket::UNIX -e %s"):format(
      quote(("my $s = IO::Socket::UNIX->new(Peer => %q) or die; my $l = <$s>; print defined $l ? $l : 'nothing'"):format(path))))
    assert.equal("nothing", turnedAway.out)
    assert.matches("console .*: user 65534 was turned away", running:err())
    assert.equal("1\n", attach(path, "1").out)
  end)

  it("takes the place of one that nobody listens on any more, and of nothing else", function()
    local path = newPath()
    do
      local dead <close> = idle(path)
      local second = program.run("-e", ("print(require 'moonpool'.console.listen(%q))"):format(path))
      assert.matches("another program listens there", second.out)
      dead:signal "KILL"
      dead:wait()
    end
    assert.is_true(program.shell("test -S " .. path).code == 0)
    local running <close> = idle(path)
    assert.equal("2\n", attach(path, "1 + 1").out)
    running:signal "TERM"
    running:wait()
    assert.is_false(program.shell("test -e " .. path).code == 0)
    program.withFile("kept", function(file)
      local result = program.run("-e", ("print(require 'moonpool'.console.listen(%q))"):format(file))
      assert.matches("there is something that is no socket; it stays", result.out)
      assert.equal("kept", process.readAll(file))
    end)
  end)

  it("says what is wrong with its path", function()
    local moonpool = require "moonpool"
    for path, text in pairs { [("/tmp/x"):rep(30)] = "the path has 180 bytes, a socket's can have 107 at most",
      ["/no/such/folder/socket"] = "No such file or directory" } do
      local console, err = moonpool.console.listen(path)
      assert.is_nil(console)
      assert.equal("config", err.kind)
      assert.matches(text, err.message, 1, true)
    end
    assert.has_error(function() moonpool.console.listen() end)
    assert.error_matches(function() moonpool.console.listen("/tmp/x", { maxSession = 1 }) end,
      'unknown option "maxSession"; did you mean "maxSessions"?', 1, true)
  end)

  it("is gone after close, and those who are attached are cut off", function()
    local moonpool = require "moonpool"
    local path = newPath()
    local console <close> = assert(moonpool.console.listen(path, { maxSessions = 1 }))
    assert.equal(path, console.path)
    local channel = assert(core.console.connect(path))
    assert.matches('"protocol"', (channel:receive(5000)))
    assert.equal(1, console.sessions)
    local further = assert(core.console.connect(path))
    assert.matches("1 are attached already", (further:receive(5000)))
    console:close()
    console:close()
    assert.equal("closed", select(2, channel:receive(5000)))
    assert.equal(0, console.sessions)
    local none, err = core.console.connect(path)
    assert.is_nil(none)
    assert.matches("there is no such socket", err.message)
  end)

  it("refuses writes where it is read-only, whichever way they go", function()
    local clusters <close> = fleet.start { clusters = 1 }
    local path = newPath()
    local running <close> = background.start(("KUBECONFIG=%s exec %s -e %s"):format(clusters.kubeconfig, program.path, quote(([[
      local moonpool = require "moonpool"
      kube = assert(moonpool.KubernetesClient())
      pool = assert(moonpool.ConnectionPool("sim-1", function() local k = moonpool.KubeConfig() k:loadFromDefault() return k end))
      assert(moonpool.console.listen(%q, { readOnly = true }))
      print "ready"
      moonpool.sleep(30000)]]):format(path))))
    running:waitFor "ready"
    for _, code in ipairs { "kube.resources.configmaps.delete('x')",
      "kube:request { method = 'POST', path = '/api/v1/namespaces', body = {} }",
      "moonpool.map({ 1 }, function() return kube.resources.configmaps.delete('x') end)",
      "local c <close> = pool:acquire() return c:call { method = 'DELETE', path = '/api/v1/namespaces/x' }" } do
      local result = attach(path, code)
      assert.matches("not sent: the console is read%-only", result.out .. result.err, code)
    end
    assert.matches("default", attach(path, "kube.resources.namespaces.list()").out)
    for request in pairs(clusters:stats("sim-1").requests) do assert.matches("^GET ", request) end
  end)
end)

describe("attaching", function()
  it("says what is wrong: no socket, nobody there, a program that is stopped", function()
    local path = newPath()
    local result = attach(path, "1")
    assert.equal(1, result.code)
    assert.matches("there is no such socket", result.err)
    local running <close> = idle(path)
    running:signal "STOP"
    result = attach(path, "1")
    assert.equal(1, result.code)
    assert.matches("the program does not answer: it is stopped, or busy", result.err)
    running:signal "KILL"
    running:wait()
    result = attach(path, "1")
    assert.matches("nobody listens there: the program has ended", result.err)
    os.remove(path)
    assert.equal(2, program.run("attach").code)
    assert.equal(2, program.run("attach", path, "--fast").code)
  end)

  it("shows every manager and pool that the program has, by the name that it has there", function()
    local path = newPath()
    local running <close> = idle(path, [[
      local moonpool = require "moonpool"
      east, hidden = moonpool.ConnectionManager(), { moonpool.ConnectionManager() }
      gone = moonpool.ConnectionManager()
      gone:dispose()
      local kube = moonpool.KubeConfig()
      kube:loadFromString "{contexts: [{name: c, context: {cluster: k}}], clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}]}"
      for name, manager in pairs { one = east, two = hidden[1] } do manager:addCluster { name = name, kubeConfig = kube, context = "c" } end
      pool = moonpool.ConnectionPool("c", function() return kube end, { minConnections = 0 })
    ]])
    local result = attach(path, ":clusters")
    assert.matches("^east\nCLUSTER .*\none +.*\n\nmanager 2\nCLUSTER .*\ntwo ", result.out)
    assert.is_nil(result.out:find "manager 3")
    assert.matches("\n1 ConnectionPool c +0 +0 +0", attach(path, ":pools").out)
    assert.matches("error: the program has 2 managers: east, manager 2; `:use CLUSTER` chooses", attach(path, "client").err)
    assert.is_true(running:runs())
  end)

  it("does not keep a program alive, nor does what is run there", function()
    local path = newPath()
    local running <close> = background.start(("exec %s -e %s"):format(program.path, quote(([[
      local moonpool = require "moonpool"
      assert(moonpool.console.listen(%q))
      print "ready"
      while not ends do moonpool.sleep(5) end
      print "ends"]]):format(path))))
    running:waitFor "ready"
    local channel = assert(core.console.connect(path))
    channel:send '{"line":"moonpool.every(10, function() end) ends = true moonpool.sleep(1e9)","id":1}'
    assert.equal(0, running:wait())
    assert.matches("ends\n$", running:out())
    assert.is_false(terminal.exists(path))
    channel:close()
  end)

  it("works with stock lua5.4, while it waits", function()
    if not program.libraries then return pending "the module is instrumented: it cannot be loaded there" end
    local path = newPath()
    local code = ([[
      local moonpool = require "moonpool"
      state = "live"
      local console = assert(moonpool.console.listen(%q))
      print "ready" io.stdout:flush()
      while not finish do moonpool.poll(20) end
      os.exit(3)]]):format(path)
    program.withFile(code, function(file)
      local running <close> = background.start(("LUA_CPATH='%s' exec lua5.4 %s"):format(program.libraries, file))
      running:waitFor "ready"
      assert.equal("live\n", attach(path, "state").out)
      assert.equal("true\n", attach(path, "moonpool.sleep(10) return clusters == nil").out)
      attach(path, "finish = true")
      assert.equal(3, running:wait())
      assert.is_false(terminal.exists(path)) -- an os.exit that closes nothing
    end)
  end)
end)
