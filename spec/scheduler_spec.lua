-- scheduler_spec.lua: tasks: spawn, join, cancel, sleep, run.
local core = require "moonpool.core"
local program = require "spec.support.program"

--- A value whose __close calls fn.
local function onClose(fn) return setmetatable({}, { __close = fn }) end

describe("a task", function()
  it("gets the arguments of spawn and gives its results to join", function()
    local task = core.spawn(function(...) return select("#", ...), ... end, 1, nil, "three", nil)
    local results = table.pack(task:join())
    assert.same({ n = 5, 4, 1, nil, "three", nil }, results)
  end)

  it("does not run before its maker waits", function()
    local ran = false
    local task = core.spawn(function() ran = true end)
    assert.is_false(ran)
    task:join()
    assert.is_true(ran)
  end)

  it("takes turns with others, in the order of spawning", function()
    local order = {}
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = core.spawn(function()
        for turn = 1, 2 do
          order[#order + 1] = i .. "/" .. turn
          core.sleep(0)
        end
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    assert.equal("1/1 2/1 3/1 1/2 2/2 3/2", table.concat(order, " "))
  end)

  it("can be joined by several, and again after its end", function()
    local task = core.spawn(function() core.sleep(5) return "it" end)
    local other = core.spawn(function() return task:join() end)
    assert.equal("it", task:join())
    assert.equal("it", other:join())
    assert.equal("it", task:join())
    assert.equal("done", task:status())
  end)

  it("raises in join what it raised", function()
    local problem = { "a table" }
    local task = core.spawn(function() core.sleep(0) error(problem) end)
    local ok, raised = pcall(task.join, task)
    assert.is_false(ok)
    assert.equal(problem, raised)
    assert.equal("failed", task:status())
  end)

  it("closes its variables when it raises", function()
    local closed = false
    local task = core.spawn(function()
      local _resource <close> = onClose(function() core.sleep(1) closed = true end)
      core.sleep(0)
      error("no")
    end)
    pcall(task.join, task)
    assert.is_true(closed)
  end)

  it("cannot join itself", function()
    local task
    task = core.spawn(function() return pcall(task.join, task) end)
    local ok, problem = task:join()
    assert.is_false(ok)
    assert.matches("cannot join itself", problem)
  end)

  it("is the current task while it runs, also in coroutines of its own", function()
    local task = core.spawn(function() return core.currentTask(), coroutine.wrap(core.currentTask)() end)
    local direct, inCoroutine = task:join()
    assert.equal(task, direct)
    assert.equal(task, inCoroutine)
  end)
end)

describe("cancelling a task", function()
  it("ends its wait, closes its variables, innermost first, and tells who joins", function()
    local closed = {}
    local task = core.spawn(function()
      local _outer <close> = onClose(function() core.sleep(1) closed[#closed + 1] = "outer" end)
      coroutine.wrap(function()
        local _inner <close> = onClose(function() closed[#closed + 1] = "inner" end)
        core.sleep(1e9)
      end)()
    end)
    core.sleep(0)
    assert.is_true(task:cancel())
    assert.same({ "inner", "outer" }, closed)
    assert.equal("cancelled", task:status())
    local result, err = task:join()
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
  end)

  it("says false when it was over", function()
    local task = core.spawn(function() end)
    task:join()
    assert.is_false(task:cancel())
  end)

  it("works before it has run", function()
    local ran = false
    local task = core.spawn(function() ran = true end)
    assert.is_true(task:cancel())
    core.sleep(1)
    assert.is_false(ran)
  end)

  it("wakes those who join it", function()
    local task = core.spawn(core.sleep, 1e9)
    local waiter = core.spawn(function() return select(2, task:join()).kind end)
    core.sleep(0)
    task:cancel()
    assert.equal("cancelled", waiter:join())
  end)

  it("does not disturb others that wait for the same task", function()
    local slow = core.spawn(function() core.sleep(10) return "slow" end)
    local impatient = core.spawn(function() return slow:join() end)
    local patient = core.spawn(function() return slow:join() end)
    core.sleep(0)
    impatient:cancel()
    assert.equal("slow", patient:join())
  end)

  it("ends a task that cancels itself", function()
    local after = false
    local task = core.spawn(function()
      core.currentTask():cancel()
      after = true
    end)
    assert.equal("cancelled", select(2, task:join()).kind)
    assert.is_false(after)
  end)

  it("ends a task that blocks where Lua cannot yield, once it has control again", function()
    local task = core.spawn(function()
      table.sort({ 1, 2 }, function() core.sleep(1e9) end)
    end)
    core.sleep(0)
    assert.is_true(task:cancel())
    assert.equal("cancelled", select(2, task:join()).kind)
  end)
end)

describe("sleep", function()
  it("waits about as long as it was told, and no shorter", function()
    local start = core.now()
    core.sleep(30)
    local took = core.now() - start
    assert.is_true(took >= 30 and took < 500, ("slept %d ms"):format(took))
  end)

  it("wakes sleepers in the order of their times", function()
    local order, tasks = {}, {}
    for _, ms in ipairs { 30, 10, 20 } do
      tasks[#tasks + 1] = core.spawn(function() core.sleep(ms) order[#order + 1] = ms end)
    end
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ 10, 20, 30 }, order)
  end)

  it("refuses what is no time", function()
    assert.has_error(function() core.sleep("soon") end)
    assert.has_error(function() core.sleep(-1) end)
  end)
end)

describe("run", function()
  it("waits for all other tasks, not for those that wait in run", function()
    local count = 0
    for _ = 1, 3 do core.spawn(function() core.sleep(5) count = count + 1 end) end
    local other = core.spawn(core.run)
    core.run()
    assert.equal(3, count)
    other:join()
  end)
end)

describe("a wait where Lua cannot yield", function()
  it("blocks there while other tasks go on", function()
    local ticks, list = 0, { 3, 1, 2 }
    local ticker = core.spawn(function()
      while true do
        core.sleep(1)
        ticks = ticks + 1
      end
    end)
    table.sort(list, function(a, b)
      local before = ticks
      repeat core.sleep(1) until ticks > before
      return a < b
    end)
    ticker:cancel()
    assert.same({ 1, 2, 3 }, list)
  end)

  it("may be nested in tasks that block in the same way", function()
    local function blocking() return (("x"):gsub("x", function() core.sleep(2) return "y" end)) end
    local tasks = {}
    for i = 1, 40 do tasks[i] = core.spawn(blocking) end
    for _, task in ipairs(tasks) do assert.equal("y", task:join()) end
  end)
end)

describe("a failure that nobody joins", function()
  it("is told with its place, and makes the exit code 1", function()
    local result = program.run("-e", 'require "moonpool.core".spawn(function()\n error("lost") end)')
    assert.equal(1, result.code)
    assert.matches("nobody joined it: %(command line%):2: lost", result.err)
    assert.matches("stack traceback", result.err)
  end)

  it("is told after a second while others run on", function()
    local result = program.run("-e", [[
      local core = require "moonpool.core"
      core.setLogger(function(level, text) print(level, core.now() - begun > 900, text:match("lost")) end)
      begun = core.now()
      kept = core.spawn(error, "lost")
      core.sleep(1200)
      core.setLogger(nil)]])
    assert.equal("error\ttrue\tlost\n", result.out)
    assert.equal(1, result.code)
  end)

  it("is not told when somebody joins in time", function()
    local result = program.run("-e", [[
      local core = require "moonpool.core"
      local task = core.spawn(error, "lost")
      core.sleep(20)
      assert(not pcall(task.join, task))]])
    assert.equal("", result.err)
    assert.equal(0, result.code)
  end)
end)

describe("a logger", function()
  it("gets lines on the Lua thread, and is replaced when it raises", function()
    local result = program.run("-e", [[
      local core = require "moonpool.core"
      core.setLogger(function(level, text) print(level, text) if text == "two" then error("broken") end end)
      core.log("warn", "one") core.log("error", "two") core.log("error", "three")
      core.log("debug", "not shown")
      core.sleep(1)
      core.log("error", "four")]])
    assert.equal("warn\tone\nerror\ttwo\n", result.out)
    assert.matches("the logger raised, and is replaced by standard error: .-broken", result.err)
    assert.matches("error: two\n.*error: three\n.*error: four\n", result.err)
    assert.not_matches("not shown", result.err)
  end)
end)
