-- repl_spec.lua: the prompt, as somebody sees it who types on a terminal.
local core = require "moonpool.core"
local program = require "spec.support.program"
local sim = require "spec.support.sim"
local terminal = require "spec.support.terminal"

-- ThreadSanitizer keeps signals back until the program calls libc, which a bare loop never does.
local interrupts = program.path:find("sanitize-thread", 1, true) and pending or it

describe("the prompt", function()
  local term

  setup(function() term = terminal.start() end)
  teardown(function() term:close() end)
  before_each(function()
    term:key("C-a", "C-k", "C-l")
    term:waitUntil("an empty screen", function() return #term:lines() == 1 end)
  end)

  it("shows what an expression is, and runs what is none", function()
    term:line "x = 20 + 1"
    term:line "x * 2"
    term:waitFor "^42$"
    term:line "_ + 1"
    term:waitFor "^43$"
    term:line "_1 .. ' and ' .. _"
    term:waitFor "^42 and 43$"
    term:line "io.write('in ') io.write('one line\\n')"
    term:waitFor "^in one line$"
  end)

  it("asks for the rest of what is not finished", function()
    term:line "for i = 1, 2 do"
    term:waitFor "^>>$"
    term:line "print('row ' .. i)"
    term:line "end"
    term:waitFor "^row 2$"
    assert.matches("^moonpool>", term:last())
  end)

  it("brings the lines back, those of several as one", function()
    term:line "do"
    term:line "  first = 1"
    term:line "end"
    term:waitUntil("the prompt", function() return term:last():find "^moonpool>" end)
    term:key "Up"
    term:waitFor "^moonpool> do first = 1 end$"
  end)

  it("says in one line what went wrong, and where on demand", function()
    term:line "local function deep() error('no good') end deep()"
    term:waitFor "^error: line:1: no good$"
    term:line "1 +* 2"
    term:waitFor "^error: line:1: unexpected symbol near '%*'$"
    term:line "error('again')"
    term:waitFor "^error: line:1: again$"
    term:line ":traceback"
    term:waitFor "stack traceback:"
  end)

  it("takes characters of any width, before and behind the cursor", function()
    term:type "'日本 grün'"
    term:key("Left", "Left", "Left")
    term:type "ö"
    term:key "Enter"
    term:waitFor "^日本 gröün$"
    term:type "'日本x"
    term:key("BSpace", "BSpace")
    term:line "'"
    term:waitFor "^日$"
  end)

  it("keeps the line that is being typed below what others have to say", function()
    term:line "moonpool.spawn(function() moonpool.sleep(300) print('from a task') moonpool.log.warn('logged') io.write('written') end)"
    term:type "'typed mean"
    term:waitFor "^from a task$"
    term:waitFor "^warning: logged$"
    term:waitFor "^written$"
    term:waitUntil("the line", function() return term:last() == "moonpool> 'typed mean" end)
    term:line "while'"
    term:waitFor "^typed meanwhile$"
  end)

  interrupts("stops what runs at Ctrl-C, and that alone", function()
    term:line "ticks = 0 moonpool.spawn(function() while true do moonpool.sleep(10) ticks = ticks + 1 end end)"
    for _, code in ipairs { "while true do end", "moonpool.sleep(1e9)", "pcall(function() while true do end end)",
      "table.sort({1, 2}, function() moonpool.sleep(1e9) end)" } do
      term:key "C-l"
      term:line(code .. " print 'went on'")
      term:waitUntil("the line to run", function() return not term:screen():find "> *$" end)
      term:key "C-c"
      term:waitFor "^interrupted$"
      term:waitUntil("the prompt", function() return term:last():find "^moonpool>$" end)
    end
    term:line "before = ticks moonpool.sleep(100) print(ticks > before and 'the task goes on')"
    term:waitFor "^the task goes on$"
  end)

  it("forgets the line at Ctrl-C, and the lines before it", function()
    term:type "something wrong"
    term:key "C-c"
    term:waitUntil("a new prompt", function() return term:last():find "^moonpool>$" end)
    term:line "function unfinished()"
    term:waitFor "^>>$"
    term:key "C-c"
    term:waitUntil("a new prompt", function() return term:last():find "^moonpool>$" end)
    term:line "'still ' .. 'here'"
    term:waitFor "^still here$"
  end)

  it("goes on after the window has changed", function()
    term:type "'a line that is longer than forty columns, so that it has to go on' ..."
    term:resize(40, 24)
    term:key "BSpace"
    term:key "BSpace"
    term:key "BSpace"
    term:line ".. (' in %d columns'):format((require('moonpool.repl').session:view().width))"
    term:waitFor "40 columns$"
    term:resize(80, 24)
  end)
end)

describe("the prompt's history", function()
  it("is there the next time, readable by its owner alone, without what seems to be a secret", function()
    local state = os.tmpname()
    os.remove(state)
    finally(function() os.execute("rm -rf " .. state) end)
    do
      local term <close> = terminal.start { state = state }
      term:line "'remember this'"
      term:line "password = 'hunter2'"
      term:line "1"
      term:waitFor "^1$"
      term:key "C-d"
      term:waitFor "^ended with 0$"
    end
    assert.equal("600\n", program.shell(("stat -c %%a %s/moonpool/history"):format(state)).out)
    assert.equal("'remember this'\n1\n", program.shell(("cat %s/moonpool/history"):format(state)).out)
    local term <close> = terminal.start { state = state }
    term:key("Up", "Up")
    term:waitFor "> 'remember this'$"
    term:key "Enter"
    term:waitFor "^remember this$"
  end)
end)

describe("the prompt's end", function()
  it("comes with Ctrl-D, :quit, or os.exit", function()
    for how, code in pairs { ["C-d"] = 0, [":quit Enter"] = 0, ["'os.exit(7)' Enter"] = 7 } do
      local term <close> = terminal.start()
      term:tmux("send-keys -t repl " .. how)
      term:waitFor("^ended with " .. code .. "$")
    end
  end)

  it("comes with a Ctrl-D that was typed before the prompt was there, after the lines before it", function()
    local start, go = terminal.gated()
    local term <close> = start
    term:line "'typed ' .. 'early'"
    term:key "C-d"
    go()
    term:waitFor "^typed early$"
    term:waitFor "^ended with 0$"
  end)

  it("comes with a Ctrl-D that was typed while a statement ran", function()
    local term <close> = terminal.start()
    term:line "print 'runs' moonpool.sleep(200)"
    term:waitFor "^runs$"
    term:key "C-d"
    term:waitFor "^ended with 0$"
  end)

  it("comes with the end of what is no terminal, whose lines run as well", function()
    local result = program.shell(program.path .. " -i", "x = 1\nfor i = 1, 2 do\nprint('got', x + i)\nend\nx + 41\nerror('no')\n'on'")
    assert.equal(0, result.code)
    assert.matches("got\t2\ngot\t3\n42\nerror: line:1: no\non\n$", result.out)
  end)
end)

describe("the prompt over clusters", function()
  local clusters, term

  setup(function()
    clusters = sim.start { clusters = 2, pods = 10 }
    term = terminal.start { kubeconfig = clusters.kubeconfig, arguments = "--context sim-1 --context sim-2", columns = 110, rows = 60 }
  end)
  teardown(function()
    term:close()
    clusters:stop()
  end)

  it("shows lists as tables, with the cluster where there are several", function()
    term:line "client.resources.namespaces.list()"
    term:waitFor "^NAME +STATUS +AGE$"
    term:line "clusters:each(function(c) return c.resources.nodes.list() end)"
    term:waitFor "^CLUSTER +NAME +STATUS +VERSION +AGE$"
    term:waitFor "^sim%-1 +node%-1 +Ready"
    term:waitFor "^sim%-2 +node%-1 +Ready"
  end)

  it("shows in one line that a call failed", function()
    term:line "client.resources.pods.get('no-such-pod', { namespace = 'default' })"
    term:waitFor '^error: sim%-%d: pods "no%-such%-pod" not found'
  end)

  it("completes what is typed, up to names of objects", function()
    term:key "C-l"
    term:type "clu"
    term:key "Tab"
    term:type ":get"
    term:key "Tab"
    term:waitFor "> clusters:getStats$"
    term:key "C-u"
    term:type "client.core.listNamespacedPodT"
    term:key "Tab"
    term:waitFor "> client%.core%.listNamespacedPodTemplate$"
    term:key "C-u"
    term:type "client.resources.deployments.list{ na"
    term:key "Tab"
    term:type "'kube-s"
    term:key "Tab"
    term:waitFor "> client%.resources%.deployments%.list{ namespace = 'kube%-system'$"
    term:key "C-u"
    term:type "client.resources.namespaces.get('kube-"
    term:key "Tab"
    term:waitFor "^kube%-node%-lease +kube%-public +kube%-system$"
    term:waitUntil("the line below", function() return term:last():find "get%('kube%-$" end)
    term:key "C-u"
  end)

  it("asks before a statement writes to more than one cluster", function()
    local write = "clusters:each(function(c) return c.resources.configmaps.create{metadata={name='made',namespace='default'}} end)"
    for _, answer in ipairs { "no", "yes" } do
      term:key "C-l"
      term:line(write)
      term:waitFor "^and the like, in 2 clusters%. Go on%? %[y/N%]"
      term:line(answer)
      term:waitFor(answer == "no" and "^sim%-2 +no .*not sent: you said no" or "^sim%-2 +default +made +0 ")
    end
    term:key "C-l"
    term:line "for _, name in ipairs{'sim-1', 'sim-2'} do print(clusters:client(name).resources.configmaps.delete('made')) end"
    term:waitFor "^and the like, in sim%-2 after sim%-1%. Go on%?"
    term:line "y"
    term:waitUntil("the prompt", function() return term:last():find "sim%-2>$" end)
    term:key "C-l"
    term:line "moonpool.spawn(function() moonpool.sleep(50) print(clusters:each(function(c) return c.resources.pods.delete('x') end)) end)"
    term:waitFor "^0 of 2 clusters, 2 failed"
  end)

  it("gives whoever is asked all the time there is", function()
    term:key "C-l"
    term:line("clusters:each(function(c) return c.resources.configmaps.create({metadata={name='late',namespace='default'}}) end, "
      .. "{ timeout = 300 })")
    term:waitFor "Go on%? %[y/N%]"
    os.execute "sleep 0.5" -- longer than the clusters may take
    term:line "y"
    term:waitFor "^sim%-1 +default +late +0 "
    term:waitFor "^sim%-2 +default +late +0 "
  end)

  it("has commands for what is done all day", function()
    local function command(line, ...)
      term:key "C-l"
      term:line(line)
      for _, pattern in ipairs { ... } do term:waitFor(pattern) end
    end
    command(":pools", "^CLUSTER +CONNECTIONS", "^sim%-2 +%d")
    command(":clusters", "^CLUSTER +STATE", "^sim%-1 +healthy")
    command(":time moonpool.sleep(20)", "^2%d%.%d ms$")
    command(":set output name")
    command("client.resources.nodes.list()", "^node%-3$")
    command(":set output table")
    command(":set output poem", "^error: :set output: expected table, json, yaml, name, got poem$")
    command(":poools", "^error: there is no command :poools; did you mean \"pools\"%?$")
    command(":help", "^:watch EXPR %[SECONDS%]", "^help%(x%)")
    command(":history 2", "^:help$", "^:history 2$")
    command("help(client.batch)", "^moonpool%.Api$", "readNamespacedCronJob")
    command(":ns kube-system", "^sim%-1 sim%-2/kube%-system>$")
    command("client.resources.configmaps.get('nothing').x", "^error: ")
    command(":ns", "^sim%-1 sim%-2>$")
  end)

  it("traces requests: cluster, connection, attempt, status and time", function()
    term:key "C-l"
    term:line ":trace on"
    term:line "client.resources.pods.get('nothing', { cluster = 'sim-2' })"
    term:waitFor "^trace: GET /api/v1/namespaces/default/pods/nothing: cluster sim%-2, connection %d+, attempt 1: 404, %d+%.%d"
    term:line "require('moonpool.core').isLogged 'debug'" -- the log is what it was
    term:waitFor "^false$"
    term:line ":trace off"
    term:key "C-l"
    term:line "client.resources.nodes.list()"
    term:waitFor "^node%-1 "
    assert.is_nil(term:screen():find "trace: GET")
  end)

  it("watches an expression until Ctrl-C", function()
    term:key "C-l"
    term:line "count = 0"
    term:line ":watch (function() count = math.min(count + 1, 3) return 'seen ' .. count end)() 0.1"
    term:waitFor "^every 0%.1 s: "
    term:waitFor "^seen 3$"
    term:key "C-c"
    term:waitFor "^interrupted$"
    term:waitUntil("the prompt", function() return term:last():find "sim%-2>$" end)
  end)

  it("goes over to other contexts, and back", function()
    term:key "C-l"
    term:line ":use sim-2"
    term:waitFor "^1 context: sim%-2$"
    term:line "table.concat(clusters:clusters(), ' ')"
    term:waitFor "^sim%-2$"
    term:line ":use sim-1 sim-2"
    term:waitFor "^2 contexts: sim%-1, sim%-2$"
    term:line ":use prod-*"
    term:waitFor "^error: no context matches 'prod%-%*'"
  end)

  it("pages what is longer than the window, while tasks go on and notices wait", function()
    term:key "C-l"
    local path = os.tmpname()
    os.remove(path)
    finally(function() os.remove(path) end)
    term:line(("moonpool.spawn(function() moonpool.sleep(300) print 'told later' io.open('%s', 'w'):close() end)"):format(path))
    term:line "(('row '):rep(1) .. ('\\nrow'):rep(100))"
    term:waitUntil("the pager", function() return term:last() == ":" end)
    term:key "C-c" -- is the pager's
    term:waitUntil("the task", function() return terminal.exists(path) end)
    assert.is_nil(term:screen():find("told later", 1, true))
    term:type "q"
    term:waitFor "^told later$"
    term:waitUntil("the prompt", function() return term:last():find "sim%-2>$" end)
    term:line "'typed ' .. 'as ever'"
    term:waitFor "^typed as ever$"
  end)

  it("gives the terminal back as it was, whatever becomes of the pager", function()
    local own <close> = terminal.start { environment = "PAGER='stty raw -echo; kill -9 $$'" }
    own:line "(('row '):rep(1) .. ('\\nrow'):rep(100))"
    own:waitUntil("the prompt", function() return own:last():find "moonpool>$" end)
    own:line "moonpool.sleep(100) print('first\\nsecond')"
    own:waitFor "^first$"
    own:waitFor "^second$"
    own:line "os.execute 'stty -a | tr \" \" \"\\n\" | grep -x -e icanon -e echo -e opost | xargs echo modes'"
    own:waitFor "^modes opost icanon echo$"
  end)

  it("shows long texts itself where there is no pager", function()
    local own <close> = terminal.start { environment = "PAGER=no-such-pager" }
    own:line "(('row'):rep(1) .. ('\\nrow'):rep(100)) .. '\\nthe end'"
    own:waitFor "^the end$"
  end)

  it("goes on at once when the clusters are silent", function()
    clusters:signal "STOP"
    finally(function() clusters:signal "CONT" end)
    term:key "C-l"
    local code = [[
      slowest = 0
      for _, line in ipairs { "cl", "client.", "client.core.listN", "client.resources.", "help(client.apps.",
        "client.resources.pods.get('", "client.resources['widgets.example.com'].get('", "client['example.com'].",
        "client.core.readNamespacedPod('x', '", "client.resources.pods.list{ namespace = '", "clusters:client('", ":use ", ":ns " } do
        local began = require('moonpool.core').clock()
        require('moonpool.repl').session:complete(line)
        slowest = math.max(slowest, require('moonpool.core').clock() - began)
      end
      print(slowest < 1000 and 'quick' or slowest)]] -- 100 ms each; an answer would be waited for for 5 s
    term:line((code:gsub("%s+", " ")))
    term:waitFor "^quick$"
    term:key "C-l"
    term:type "client.resources.nodes.get('no"
    term:key "Tab"
    term:line "' .. 'thing typed since was lost')"
    term:waitFor "thing typed since was lost'%)$"
    term:key "C-c"
    term:waitFor "^interrupted$"
  end)

  it("says above the line that a cluster went down, and that it came back", function()
    term:line "clusters:checkHealth()['sim-1']"
    term:waitFor "^true$"
    term:line "moonpool.every(50, function() clusters:checkHealth() end)"
    term:type "'typed mean"
    clusters:faults("sim-1", { { type = "refuse" } })
    term:waitFor "^%* sim%-1 is unhealthy: "
    clusters:faults("sim-1", {})
    term:waitFor "^%* sim%-1 is healthy again$"
    assert.matches("> 'typed mean$", term:last())
    term:line "while'"
    term:waitFor "^typed meanwhile$"
  end)
end)

describe("--read-only", function()
  local clusters

  setup(function() clusters = sim.start { clusters = 1 } end)
  teardown(function() clusters:stop() end)

  local function run(code) return program.shell(("KUBECONFIG=%s %s --read-only - "):format(clusters.kubeconfig, program.path), code) end

  it("refuses what may change something, in scripts too, and sends nothing of it", function()
    local result = run [[
      local client = assert(require("moonpool").KubernetesClient())
      local object = { metadata = { name = "x", namespace = "default" } }
      local configMaps = client.resources.configmaps
      for name, call in pairs {
        create = function() return configMaps.create(object) end,
        replace = function() return configMaps.replace(object) end,
        patch = function() return configMaps.patch("x", { data = { a = "b" } }) end,
        apply = function() return configMaps.apply(object) end,
        delete = function() return configMaps.delete("x") end,
        deleteCollection = function() return client.core.deleteCollectionNamespacedConfigMap("default") end,
        raw = function() return client:request { method = "post", path = "/api/v1/namespaces/default/configmaps", body = object } end,
        exec = function() return client.core.connectGetNamespacedPodExec("p", "default", { command = "ls" }) end,
        cluster = function() return clusters:client().resources.configmaps.delete("x") end,
        connection = function()
          local _, connection <close> = clusters:acquire()
          return connection:call { method = "DELETE", path = "/api/v1/namespaces/default/configmaps/x" }
        end,
      } do
        local value, err = call()
        assert(value == nil and err.kind == "forbidden", name .. ": " .. tostring(err))
        assert(err.message:find("not sent: the program runs with --read-only", 1, true), name .. ": " .. err.message)
      end
      local reviewed = assert(client:request { path = "/version" })
      assert(client.resources.configmaps.create(object, { dryRun = true }))
      print(reviewed.major, #assert(client.resources.namespaces.list()).items > 0)]]
    assert.equal("", result.err)
    assert.matches("^1\ttrue\n$", result.out)
    for request in pairs(clusters:stats(clusters.clusters[1].name).requests) do
      assert.is_true(request:find "^GET " ~= nil or request:find "^POST .*configmaps$" ~= nil, request)
    end
  end)

  it("shows at the prompt", function()
    local term <close> = terminal.start { kubeconfig = clusters.kubeconfig, arguments = "--read-only", columns = 120 }
    term:waitFor "^sim%-1 %(read%-only%)>$"
    term:line "client.resources.pods.delete('x')"
    term:waitFor "^error: .*not sent: the program runs with %-%-read%-only"
  end)
end)

describe("the prompt with many contexts", function()
  --- 50 contexts: 10 of servers that nobody answers at, 40 of one that does.
  local function manyContexts(clusters)
    local file <close> = assert(io.open(clusters.kubeconfig))
    local config = assert(core.yaml.decode(file:read "a"))
    config.clusters[2] = { name = "dead", cluster = { server = "https://192.0.2.1:6443" } }
    local user = config.contexts[1].context.user
    config.contexts = {}
    for i = 1, 50 do
      local cluster = i <= 10 and "dead" or config.clusters[1].name
      config.contexts[i] = { name = "c" .. i, context = { cluster = cluster, user = user } }
    end
    config["current-context"] = "c1"
    return assert(core.yaml.encode(config))
  end

  it("is there at once, and connects to nothing before it is used", function()
    local clusters <close> = setmetatable({ sim = sim.start { clusters = 1 } }, { __close = function(self) self.sim:stop() end })
    local name = clusters.sim.clusters[1].name
    local function accepted() return clusters.sim:stats(name).connections.accepted end
    program.withFile(manyContexts(clusters.sim), function(path)
      local before = accepted()
      local term <close> = terminal.start { kubeconfig = path, arguments = "--context '*'", columns = 110, rows = 60 }
      term:line "tostring(clusters)"
      term:waitFor "not used yet"
      term:line ":use c1?"
      term:waitFor "^10 contexts: c10, c11"
      term:line ":clusters"
      term:waitFor "^no cluster was used yet"
      term:type "clusters:getSt"
      term:key "Tab"
      term:waitFor "> clusters:getStats$"
      term:key "C-u"
      term:line "tostring(clusters) .. '!'"
      term:waitFor "not used yet%)!$"
      assert.equal(before, accepted())
      term:line "#clusters:client('c11').core.listNamespace().items > 0"
      term:waitFor "^true$"
      assert.is_true(accepted() > before)
      -- What waits for those that are dead holds nobody up.
      term:line ":events off"
      term:line ":use *"
      term:waitFor "^50 contexts: c1, c2"
      term:line("moonpool.spawn(function() print(clusters:each(function(c) return c.core.listNamespace() end, "
        .. "{ concurrency = 50, timeout = 5000 })) end)")
      term:type "'typed mean"
      term:waitFor "^40 of 50 clusters, 10 failed: "
      term:waitUntil("the line", function() return term:last():find "> 'typed mean$" end)
      term:line "while'"
      term:waitFor "^typed meanwhile$"
    end)
  end)
end)
