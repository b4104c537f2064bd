-- repl_spec.lua: the prompt, as somebody sees it who types on a terminal.
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
    term:line ".. (' in %d columns'):format((require('moonpool.repl').view().width))"
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

  it("goes on at once when the clusters are silent", function()
    clusters:signal "STOP"
    finally(function() clusters:signal "CONT" end)
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
