-- stock_lua_spec.lua: the module in the plain lua5.4: calls that wait block.
local program = require "spec.support.program"

local function stock(code) return program.withFile(code, program.stock) end

describe("in stock lua5.4", function()
  if not program.libraries then
    pending("the module is instrumented: it cannot be loaded there")
    return
  end

  it("the module loads, and a sleep blocks", function()
    local result = stock [[
      local moonpool = require "moonpool"
      local start = os.time()
      moonpool.sleep(10)
      print(moonpool.version)]]
    assert.equal("", result.err)
    assert.equal(require("moonpool.core").version .. "\n", result.out)
  end)

  it("tasks run while the main script waits", function()
    local result = stock [[
      local moonpool = require "moonpool"
      local task = moonpool.spawn(function() moonpool.sleep(5) return "task" end)
      moonpool.spawn(function() moonpool.sleep(20) print("late") end)
      print(task:join())
      moonpool.run()
      moonpool.spawn(print, "polled")
      moonpool.poll(0)]]
    assert.equal("", result.err)
    assert.equal("task\nlate\npolled\n", result.out)
  end)

  it("waits in coroutines of the script block, and their own yields work", function()
    local result = stock [[
      local resume, create = coroutine.resume, coroutine.create -- from before the module came
      local moonpool = require "moonpool"
      local function body() moonpool.sleep(1) coroutine.yield("mine") moonpool.sleep(1) return "end" end
      local co = create(body)
      print(resume(co)) print(resume(co))
      local wrapped = coroutine.wrap(body)
      print(wrapped()) print(wrapped())]]
    assert.equal("", result.err)
    assert.equal("true\tmine\ntrue\tend\nmine\nend\n", result.out)
  end)

  it("the end of the program leaves tasks and their waits without a trace", function()
    local result = stock [[
      local moonpool = require "moonpool"
      for _ = 1, 10 do moonpool.spawn(function() moonpool.sleep(1e9) end) end
      moonpool.poll(1)]]
    assert.equal("", result.err)
    assert.equal(0, result.code)
  end)

  it("ends cleanly while threads of a pool are still on their way out", function()
    for _ = 1, 10 do -- the module must stay in memory for them: without that, most of these crash
      local result = stock [[
        local moonpool = require "moonpool"
        local kubeConfig = moonpool.KubeConfig()
        assert(kubeConfig:loadFromString "{current-context: c, contexts: [{name: c, context: {cluster: k}}], \
          clusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}]}")
        local client = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig })
        client:on("connectionCreated", print)
        print(select(2, client.core.listNamespace()).kind)
        client:dispose()]]
      assert.equal("connect\n", result.out)
      assert.equal(0, result.code)
    end
  end)
end)
