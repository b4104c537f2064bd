-- completion_spec.lua: command lines completed in bash, zsh and fish, as somebody types them.
local program = require "spec.support.program"
local terminal = require "spec.support.terminal"
local line = require "moonpool.completion.line"

local BREAKS = " \t\n\"'@><=;|&(:" -- bash's own
local NAMES = { "prod-eu", "prod-us", "arn:aws:eks:eu", "arn:aws:eks:us", "admin@stage", "two words" }

local function kubeconfig()
  local contexts = {}
  for index, name in ipairs(NAMES) do contexts[index] = ('{name: "%s", context: {cluster: c}}'):format(name) end
  return ("{current-context: prod-eu, contexts: [%s], clusters: [{name: c, cluster: {server: 'https://192.0.2.1'}}]}"):format(
    table.concat(contexts, ", "))
end

describe("completion", function()
  local path, folder

  setup(function()
    path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(kubeconfig())
    folder = program.shell(("readlink -f %s | xargs dirname"):format(program.path)).out:gsub("\n", "")
  end)
  teardown(function() os.remove(path) end)

  --- The values for the last of the words, as a set and a list, and whether files fit.
  local function words(...)
    local result = program.shell(("KUBECONFIG=%s %s completion words %s"):format(path, program.path,
      (("'%s' "):rep(select("#", ...))):format(...)))
    assert.equal(0, result.code)
    assert.equal("", result.err)
    local first, rest = result.out:match "^([^\n]*)\n(.*)$"
    local values = {}
    for value in rest:gmatch "([^\t\n]+)\t[^\n]*\n" do
      values[#values + 1] = value
      values[value] = true
    end
    return values, first == "files"
  end

  describe("knows", function()
    it("subcommands, and that a script may stand there", function()
      local values, files = words ""
      assert.is_true(values.doctor and values.run and values.completion and values.version)
      assert.is_true(files)
      values, files = words("mine.lua", "")
      assert.equal(0, #values)
      assert.is_true(files)
    end)

    it("the options of the program, of subcommands and of shipped scripts, each once unless it may come again", function()
      assert.is_true(words "-"["--log-level"])
      local values = words("--log-level", "debug", "--context=prod-eu", "-")
      assert.is_nil(values["--log-level"])
      assert.is_true(values["--context"] and values["-e"])
      assert.is_true(words("sim", "-")["--endpoints"])
      assert.is_true(words("--read-only", "run", "find", "web", "--i")["--image"])
      assert.is_nil(words("run", "find", "--", "-")["--image"])
    end)

    it("the values of options: words, strategies, contexts, files", function()
      assert.same({ "debug", "info", "warn", "error", "off" }, { table.unpack((words("--log-level", ""))) })
      assert.is_true(words("--log-level=d")["--log-level=debug"])
      assert.is_true(words("--strategy", "")["peak-ewma"])
      assert.same(NAMES, { table.unpack((words("--context", "x"))) })
      assert.same(NAMES, { table.unpack((words("run", "inventory", "-c", ""))) })
      assert.is_true(words("doctor", "^")["^prod-us"])
      assert.is_true(words("run", "find", "-o", "").json)
      assert.is_true(words("run", "").rollout)
      assert.is_true(words("completion", "").fish)
      assert.is_true(select(2, words("--kubeconfig", "")))
      assert.is_true(select(2, words("sim", "--kubeconfig=")))
      assert.equal(0, #words("-e", ""))
    end)

    it("that a command follows the -- of sim", function()
      assert.is_false(select(2, words("sim", "")))
      assert.is_true(select(2, words("sim", "--clusters", "2", "--", "busted", "-")))
    end)

    it("the contexts of the kubeconfig that the line names", function()
      local result = program.withFile(kubeconfig():gsub("prod", "other"), function(other)
        return words("--kubeconfig", other, "--context", "")
      end)
      assert.is_true(result["other-eu"])
      assert.is_nil(result["prod-eu"])
    end)

    it("nothing, and says nothing, where the kubeconfig is none", function()
      local result = program.shell(("KUBECONFIG=%s %s completion words --context ''"):format(program.path, program.path))
      assert.same({ code = 0, out = "\n", err = "" }, result)
      assert.equal(0, #words("nope", "--x=", "--", "-", "--context"))
    end)
  end)

  describe("of a line for bash", function()
    local function insert(text) return line.insertions(text, BREAKS, NAMES) end

    it("splits as the shell does", function()
      assert.same({ "moonpool", "--context", "a b", "c d\\", 'e"f' }, (line.split [[moonpool --context 'a b' "c d\\" e\"f]]))
      assert.same({ "moonpool", "" }, (line.split "moonpool "))
      assert.same({ { "x", "a b" }, [['a b]], "'" }, { line.split "x 'a b" })
    end)

    it("leaves out what readline takes for words before", function()
      assert.same({ "prod-eu", "prod-us" }, insert "moonpool --context prod")
      assert.same({ "eu", "us" }, insert "moonpool --context arn:aws:eks:")
      assert.same({ "eks:eu", "eks:us" }, insert "moonpool --context arn:aws:e")
      assert.same({ "stage" }, insert "moonpool --context admin@")
    end)

    it("quotes what needs it, and not where a quotation mark is open", function()
      assert.same({ "two\\ words" }, insert "moonpool --context tw")
      assert.same({ "two words" }, insert "moonpool --context 'two w")
      assert.same({ "arn:aws:eks:eu", "arn:aws:eks:us" }, insert 'moonpool --context "arn:aws')
    end)
  end)

  --- Types each line with a Tab in the shell and expects the line as given.
  local function types(term, lines)
    for _, pair in ipairs(lines) do
      term:type("moonpool " .. pair[1])
      term:key "Tab"
      local wanted = "> moonpool " .. pair[2]
      term:waitUntil(wanted, function() return term:last() == wanted end)
      term:key("C-c")
      term:waitUntil("an empty line", function() return term:last() == ">" end)
    end
  end

  local lines = {
    { "--cont", "--context" },
    { "doct", "doctor" },
    { "--context prod", "--context prod-" },
    { "--context prod-e", "--context prod-eu" },
    { "--context=adm", "--context=admin@stage" },
    { "--context arn:aws:eks:e", "--context arn:aws:eks:eu" },
    { "--context 'two w", "--context 'two words'" },
    { "--context tw", "--context two\\ words" },
    { "--log-level de", "--log-level debug" },
    { "run inv", "run inventory" },
    { "run find --ima", "run find --image" },
  }

  local function withFile()
    local all = table.move(lines, 1, #lines, 1, {})
    all[#all + 1] = { "--kubeconfig " .. path:sub(1, -2), "--kubeconfig " .. path }
    all[#all + 1] = { "--kubeconfig=" .. path:sub(1, -2), "--kubeconfig=" .. path }
    all[#all + 1] = { "-i " .. path:sub(1, -2), "-i " .. path }
    return all
  end

  it("works in bash", function()
    local term <close> = terminal.start { command = "PS1='> ' bash --norc --noprofile -i", kubeconfig = path, columns = 100,
      environment = ("PATH=%s:$PATH"):format(folder) }
    term:line 'cd /; eval "$(moonpool completion bash)"; bind "set bell-style none"; clear'
    term:waitUntil("an empty screen", function() return #term:lines() == 1 and term:last() == ">" end)
    types(term, withFile())
    term:type "moonpool --log-level "
    term:key("Tab", "Tab")
    term:waitFor "^debug +error +info +off +warn$"
  end)

  it("works in zsh", function()
    local term <close> = terminal.start { command = "PS1='> ' zsh -f -i", kubeconfig = path, columns = 100,
      environment = ("PATH=%s:$PATH"):format(folder) }
    term:line "cd / && autoload -U compinit && compinit -u -D && source <(moonpool completion zsh) && unsetopt beep && PS1='> ' && clear"
    term:waitUntil("an empty screen", function() return #term:lines() == 1 and term:last() == ">" end)
    types(term, withFile())
    term:type "moonpool run "
    term:key "Tab"
    term:waitFor "^stuck +%-%- pods that do not get anywhere"
  end)

  it("works in fish", function()
    local home = program.shell("mktemp -d").out:gsub("\n", "")
    finally(function() program.shell("rm -rf " .. home) end)
    local function complete(text)
      local result = program.shell(("HOME=%s PATH=%s:$PATH KUBECONFIG=%s fish --no-config"):format(home, folder, path),
        ('moonpool completion fish | source; complete -C "moonpool %s"'):format(text))
      assert.equal("", result.err)
      return result.out
    end
    assert.matches("^%-%-context\twork on these contexts", complete "--cont")
    assert.equal("prod-eu\tc\nprod-us\tc\n", complete "--context prod")
    assert.equal("--context=admin@stage\tc\n", complete "--context=adm")
    assert.equal("two words\tc\n", complete "--context 'two w")
    assert.matches("^inventory\t", complete "run inv")
    assert.matches("^%-%-image\t", complete "run find --ima")
    assert.equal(path .. "\n", complete("--kubeconfig " .. path:sub(1, -2)))
    assert.equal("--kubeconfig=" .. path .. "\n", complete("--kubeconfig=" .. path:sub(1, -2)))
    assert.equal(path .. "\n", complete("-i " .. path:sub(1, -2)))
  end)

  it("is printed for the three shells alone", function()
    local result = program.run("completion", "tcsh")
    assert.equal(2, result.code)
    assert.matches("expected bash, zsh or fish, got 'tcsh'", result.err)
    assert.equal(2, program.run("completion").code)
  end)
end)
