-- program_spec.lua: the command line, exit codes, and Ctrl-C.
local program = require "spec.support.program"

describe("the program", function()
  it("runs a script with its arguments", function()
    local result = program.withFile("print(#arg, arg[1], arg[0] ~= nil, arg[-1] ~= nil, ...)", function(path)
      return program.run(path, "first", "--second")
    end)
    assert.equal("2\tfirst\ttrue\ttrue\tfirst\t--second\n", result.out)
    assert.equal(0, result.code)
  end)

  it("runs a script whose first line is for the shell", function()
    local script = ("#!%s\nprint('ran', ...)"):format(program.shell("readlink -f " .. program.path).out:gsub("\n", ""))
    local result = program.withFile(script, function(path)
      return program.shell(("chmod +x %s && %s here"):format(path, path))
    end)
    assert.equal("ran\there\n", result.out)
  end)

  it("runs standard input for '-', and without a script when that is no terminal", function()
    assert.equal("in\ta\n", program.shell(program.path .. " - a", "print('in', ...)").out)
    assert.equal("in\n", program.shell(program.path, "print('in')").out)
  end)

  it("runs -e and -l in order, before the script", function()
    local result = program.withFile("print(x, type(core.spawn))", function(path)
      return program.run("-e", "x = 1", "-ex = x + 1", "-l", "core=moonpool.core", path)
    end)
    assert.equal("2\ttable\n", (result.out:gsub("function", "table")))
  end)

  it("goes on until the last task is done", function()
    local result = program.run("-e", [[
      local core = require "moonpool.core"
      core.spawn(function() core.sleep(20) print("task") end)
      print("script")]])
    assert.equal("script\ntask\n", result.out)
    assert.equal(0, result.code)
  end)

  it("ends at once when the script raises, with a traceback into it and code 1", function()
    local result = program.run("-e", [[
      local core = require "moonpool.core"
      core.spawn(function() core.sleep(1e9) end)
      local function culprit()
        error("no good")
      end
      culprit()]])
    assert.equal(1, result.code)
    assert.matches("^moonpool: %(command line%):4: no good\nstack traceback:", result.err)
    assert.matches("%(command line%):4: in upvalue 'culprit'", (result.err:gsub("in local 'culprit'", "in upvalue 'culprit'")))
  end)

  it("says what an error object says", function()
    local result = program.run("-e", 'error(require "moonpool.core".newError { kind = "notFound", message = "it is gone" })')
    assert.equal(1, result.code)
    assert.matches("^moonpool: it is gone %(notFound%)\n", result.err)
  end)

  it("says where a syntax error is, with code 1", function()
    local result = program.run("-e", "x = = 1")
    assert.equal(1, result.code)
    assert.matches("command line%):1: unexpected symbol near '='", result.err)
  end)

  it("refuses what it does not know, with code 2", function()
    for _, arguments in ipairs { { "--frobnicate" }, { "-x" }, { "-e" }, { "--log-level", "loud" }, { "no-such-script" },
      { "--kubeconfig", "/no/such/file" } } do
      local result = program.run(table.unpack(arguments))
      assert.equal(2, result.code)
      assert.matches("^moonpool: ", result.err)
    end
    local noScript = program.run("no-such-script").err
    assert.matches("cannot open no%-such%-script.* no subcommand of that name %(there are: run, doctor, attach, sim", noScript)
    assert.matches("did you mean '%-%-log%-level'", program.run("--loglevel", "info").err)
    assert.matches("one of: debug info warn error off; not 'loud'", program.run("--log-level=loud").err)
    assert.matches("a value is missing after '%-%-context='", program.run("--context=").err)
    assert.matches("there is no value in '%-%-read%-only=no'", program.run("--read-only=no").err)
    assert.matches("unknown option '%-iv'", program.run("-iv").err)
  end)

  it("knows what it was given, and what it might be given", function()
    local code = [[local core = require "moonpool.core"
      local given = core.givenOptions
      print(given["log-level"], given["read-only"], #given.e, given.context)
      for _, one in ipairs(core.describeProgram().options) do print(one.letter or "", one.name or "", one.argument or "") end]]
    local result = program.run("--log-level=info", "--log-level", "error", "--read-only", "-e", "", "-e", code)
    assert.matches("^error\ttrue\t2\tnil\n", result.out)
    assert.matches("\n\tlog%-level\tLEVEL\n", result.out)
    local help = program.run("--help").out
    for letter, name in result.out:gmatch "\n(%l?)\t([%l-]*)\t" do
      if letter ~= "" then assert.matches("  -" .. letter, help, 1, true) end
      if name ~= "" then assert.matches(" --" .. name .. " ", help, 1, true) end
    end
  end)

  it("takes --kubeconfig for one file, whatever its name, and --context for what scripts name none of", function()
    local function config(name) return ("{clusters: [{name: %s, cluster: {server: 'https://127.0.0.1:1'}}], \
      contexts: [{name: %s, context: {cluster: %s}}, {name: other, context: {cluster: %s}}], \
      current-context: %s}"):format(name, name, name, name, name) end
    local code = [[local kc = require("moonpool").KubeConfig() assert(kc:loadFromDefault()) print(kc:getCurrentContext())
      print(assert(require("moonpool").KubernetesClient()):info().context)]]
    local base = os.tmpname()
    local names = { base, base .. "a", base .. ":b" }
    for i, name in ipairs(names) do
      local file <close> = assert(io.open(name, "w"))
      file:write(config("cluster-" .. i))
    end
    finally(function() for _, name in ipairs(names) do os.remove(name) end end)
    assert.equal("cluster-3\ncluster-3\n", program.run("--kubeconfig", names[3], "-e", code).out)
    assert.equal("cluster-2\nother\n", program.run("--kubeconfig=" .. names[2], "--context", "other", "-e", code).out)
    -- What other programs are told stays as it was.
    local result = program.shell(("KUBECONFIG=/x %s --kubeconfig %s -e 'print(os.getenv(\"KUBECONFIG\"))'"):format(program.path, base))
    assert.equal("/x\n", result.out)
    -- A file that goes between the program's look and the script's is an error, too.
    local gone = program.run("--kubeconfig", base, "-e", ("os.remove(%q) %s"):format(base, code))
    assert.equal(1, gone.code)
    assert.matches("cannot read the kubeconfig " .. base, gone.err, 1, true)
  end)

  it("says its version and how it is used", function()
    local version = require("moonpool.core").version
    assert.matches("moonpool " .. version, program.run("version").out, 1, true)
    assert.matches("moonpool " .. version, program.run("-v").out, 1, true)
    assert.matches("usage: moonpool", program.run("--help").out)
  end)

  it("ends with the code of os.exit, closing what tasks hold", function()
    local result = program.run("-e", [[
      local core = require "moonpool.core"
      core.spawn(function()
        local _r <close> = setmetatable({}, { __close = function() print("closed") end })
        core.sleep(1e9)
      end)
      core.sleep(1)
      coroutine.wrap(os.exit)(7)]])
    assert.equal("closed\n", result.out)
    assert.equal(7, result.code)
    assert.equal(1, program.run("-e", "os.exit(false)").code)
    assert.equal(0, program.run("-e", "os.exit(true)").code)
  end)

  it("ends like others when nobody reads its output any more", function()
    local result = program.shell(program.path .. " -e 'while true do print(1) end' | head -1")
    assert.equal("1\n", result.out)
  end)
end)

-- ThreadSanitizer keeps signals back until the program calls libc, which a bare loop never does.
local runs = program.path:find("sanitize-thread", 1, true) and pending or it

describe("Ctrl-C", function()
  local function interrupted(code, ...) return program.interrupt("io.stdout:setvbuf('no') " .. code, "INT", ...) end

  runs("stops code that runs, in the script and in any coroutine, and says where", function()
    for _, code in ipairs {
      "print(1) while true do end",
      "print(1) coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()",
      "local co = coroutine.create(function() print(1) while true do end end) coroutine.resume(co)",
      "require 'moonpool.core'.spawn(function() print(1) while true do end end):join()",
    } do
      local result = interrupted(code)
      assert.equal(130, result.code)
      assert.matches("%(command line%):1: interrupted", result.err)
    end
  end)

  runs("cannot be swallowed by a loop around pcall", function()
    local result = interrupted("print(1) while true do pcall(function() while true do end end) end")
    assert.equal(130, result.code)
  end)

  runs("leaves a script that catches it the time to tidy up", function()
    local result = interrupted("print(1) pcall(function() while true do end end) for i = 1, 1000 do end print('tidy')")
    assert.equal("1\ntidy\n", result.out)
    assert.equal(130, result.code)
  end)

  it("ends all tasks that wait, closes what they hold, and says where they were", function()
    local result = interrupted([[
      local core = require "moonpool.core"
      for name = 1, 2 do
        core.spawn(function()
          local _r <close> = setmetatable({}, { __close = function() core.sleep(1) print("closed " .. name) end })
          coroutine.wrap(function() core.sleep(1e9) end)()
        end)
      end
      core.sleep(1)
      print("ready")
      core.sleep(1e9)]])
    assert.equal("ready\nclosed 2\nclosed 1\n", result.out) -- the newest first
    assert.equal(130, result.code)
    assert.matches("interrupted a task that was waiting", result.err)
    assert.matches("%(command line%):5: in function", result.err)
    assert.matches("%(command line%):10: in main chunk", result.err)
  end)

  it("reaches a wait where Lua cannot yield", function()
    local result = interrupted("print(1) table.sort({1, 2}, function() require 'moonpool.core'.sleep(1e9) end)")
    assert.equal(130, result.code)
    assert.matches("interrupted\nstack traceback:.*in function 'table.sort'", result.err)
  end)

  runs("ends at once when it comes again while variables are being closed", function()
    local result = interrupted([[
      local _r <close> = setmetatable({}, { __close = function() while true do end end })
      print(1)
      while true do end]], 2)
    assert.equal(130, result.code)
  end)

  it("has a brother: SIGTERM ends the same way with code 143", function()
    local result = program.interrupt([[io.stdout:setvbuf('no')
      local _r <close> = setmetatable({}, { __close = function() print("closed") end })
      print(1)
      require "moonpool.core".sleep(1e9)]], "TERM")
    assert.equal("1\nclosed\n", result.out)
    assert.equal(143, result.code)
  end)
end)
