-- command_spec.lua: `moonpool sim -- COMMAND`: a command that has simulated clusters while it runs.
local program = require "spec.support.program"

local function run(...) return program.run("sim", "--clusters", "2", "--pods", "5", "--", ...) end

describe("moonpool sim -- COMMAND", function()
  it("runs the command with the clusters as its KUBECONFIG, and removes that at the end", function()
    local result = run("sh", "-c", [[stat -c %a "$KUBECONFIG"; ]] .. program.path .. [[ --context '*' -e '
      for name, one in pairs(assert(clusters:each(function(client) return client.core.listPodForAllNamespaces() end))) do
        print(name, #one.value.items)
      end
      print(os.getenv "KUBECONFIG")']])
    assert.equal("", result.err)
    assert.equal(0, result.code)
    local path = result.out:match "^600\nsim%-1\t5\nsim%-2\t5\n(/%S+)\n$"
    assert.is_string(path, result.out)
    assert.is_nil(io.open(path))
  end)

  it("says nothing itself, and passes input, arguments and the environment", function()
    local result = program.shell(("WORD='a b' %s sim --clusters 1 -- sh -c 'cat; echo \"$WORD $1\"' sh 'c  d'"):format(program.path),
      "read\n")
    assert.same({ "read\na b c  d\n", "", 0 }, { result.out, result.err, result.code })
  end)

  it("exits with the command's code, or 128 and the signal that ended it", function()
    assert.equal(7, run("sh", "-c", "exit 7").code)
    assert.equal(137, run("sh", "-c", "kill -9 $$").code)
  end)

  it("has the options that it has without a command", function()
    local result = program.run("sim", "--clusters", "1", "--fault", "sim-1:status,code=503", "--", program.path, "-e", [[
      print(select(2, clusters:client().core.listNamespace(nil)).kind)]])
    assert.equal("server\n", result.out, result.err)
  end)

  it("logs as the program is told to", function()
    local result = program.run("--log-level", "debug", "--log-format", "json", "sim", "--clusters", "1", "--", "bash", "-c", [[
      trap "" PIPE
      port=$(sed -n 's|.*server: "*https://127.0.0.1:\([0-9]*\).*|\1|p' "$KUBECONFIG")
      exec 3<>/dev/tcp/127.0.0.1/$port && echo "no TLS" >&3
      timeout 5 cat <&3 >/dev/null; exit 0]])
    assert.equal(0, result.code, result.err)
    assert.matches('"level":"debug","message":"http server: ', result.err)
  end)

  it("says what it cannot run", function()
    local result = run("/nowhere/program")
    assert.same({ "", "moonpool sim: cannot run /nowhere/program: no such file or directory\n", 127 },
      { result.out, result.err, result.code })
    result = program.run("sim", "--")
    assert.same({ "", "moonpool sim: after --: expected a command to run\n", 2 }, { result.out, result.err, result.code })
  end)

  -- The child says that it is ready by a file, gets the signal, and chooses its own code.
  for _, signal in ipairs { "INT", "TERM", "HUP" } do
    it("passes SIG" .. signal .. " on, and waits for what the command makes of it", function()
      local ready = os.tmpname()
      os.remove(ready)
      local result = program.shell(([[
        %s sim --clusters 1 -- bash -c 'trap "echo tidy; exit 9" %s; echo $KUBECONFIG; >%s; while :; do sleep 0.02; done' & pid=$!
        tries=0; until [ -e %s ] || [ $tries -gt 500 ]; do sleep 0.02; tries=$((tries + 1)); done
        kill -%s $pid; wait $pid]]):format(program.path, signal, ready, ready, signal))
      os.remove(ready)
      assert.equal(9, result.code, result.err)
      local path = result.out:match "^(/%S+)\ntidy\n$"
      assert.is_string(path, result.out)
      assert.is_nil(io.open(path))
    end)
  end
end)
