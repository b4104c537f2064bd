-- coroutine_spec.lua: a script's own coroutines keep working around calls that wait.
local core = require "moonpool.core"

describe("a coroutine of the script", function()
  it("may wait between its own yields", function()
    local seen = {}
    for value in coroutine.wrap(function()
      for i = 1, 3 do
        core.sleep(1)
        coroutine.yield(i)
      end
    end) do seen[#seen + 1] = value end
    assert.same({ 1, 2, 3 }, seen)
  end)

  it("lets other tasks run while it waits", function()
    local ran = false
    core.spawn(function() ran = true end)
    coroutine.wrap(function() core.sleep(1) end)()
    assert.is_true(ran)
  end)

  it("gets what resume passes, and resume what it yields and returns, across waits", function()
    local co = coroutine.create(function(a, b)
      core.sleep(0)
      local c = coroutine.yield(a + b)
      core.sleep(0)
      return c, nil, "end", nil
    end)
    assert.same({ n = 2, true, 3 }, table.pack(coroutine.resume(co, 1, 2)))
    assert.same({ n = 5, true, "c", nil, "end", nil }, table.pack(coroutine.resume(co, "c")))
    assert.same({ false, "cannot resume dead coroutine" }, { coroutine.resume(co) })
  end)

  it("may be nested at any depth", function()
    local function level(n)
      if n == 0 then
        core.sleep(1)
        coroutine.yield("deepest")
        core.sleep(1)
        return "end"
      end
      local inner = coroutine.wrap(level)
      coroutine.yield(inner(n - 1))
      return inner()
    end
    local outer = coroutine.wrap(level)
    assert.equal("deepest", outer(30))
    assert.equal("end", outer())
  end)

  it("raises through resume and wrap as ever", function()
    local co = coroutine.create(function() core.sleep(0) error({ "it" }) end)
    local ok, raised = coroutine.resume(co)
    assert.is_false(ok)
    assert.same({ "it" }, raised)
    assert.equal("dead", coroutine.status(co))
    local wrapped = coroutine.wrap(function() core.sleep(0) error("text", 0) end)
    local _, text = pcall(function() wrapped() end)
    assert.matches("coroutine_spec.lua:%d+: text", text)
  end)

  it("closes its variables when a wrapped function raises, and when it is closed", function()
    local closed = {}
    local function body()
      local _resource <close> = setmetatable({}, { __close = function() core.sleep(0) closed[#closed + 1] = true end })
      core.sleep(0)
      coroutine.yield()
      error("no")
    end
    local wrapped = coroutine.wrap(body)
    wrapped()
    assert.has_error(wrapped)
    local co = coroutine.create(body)
    coroutine.resume(co)
    assert.is_true(coroutine.close(co))
    assert.equal(2, #closed)
  end)

  it("counts as normal to others while it waits, and cannot be resumed or closed by them", function()
    local co = coroutine.create(function() core.sleep(20) return "done" end)
    local task = core.spawn(function() return coroutine.resume(co) end)
    core.sleep(0)
    assert.equal("normal", coroutine.status(co))
    assert.same({ false, "cannot resume non-suspended coroutine" }, { coroutine.resume(co) })
    assert.error_matches(function() coroutine.close(co) end, "cannot close a normal coroutine")
    assert.same({ true, "done" }, { task:join() })
  end)

  it("is yieldable; a task itself is not", function()
    assert.is_true(coroutine.wrap(coroutine.isyieldable)())
    assert.is_false(core.spawn(coroutine.isyieldable):join())
    local ok, problem = core.spawn(pcall, coroutine.yield, 1):join()
    assert.is_false(ok)
    assert.matches("attempt to yield from outside a coroutine", problem)
  end)

  it("may hold a wait inside pcall, metamethods, iterators and __close", function()
    local events = {}
    local object = setmetatable({}, {
      __index = function(_, key) core.sleep(1) return key end,
      __close = function() core.sleep(1) events[#events + 1] = "closed" end,
    })
    local function numbers(_, last)
      core.sleep(1)
      if last < 2 then return last + 1 end
    end
    local wrapped = coroutine.wrap(function()
      local _object <close> = object
      assert(pcall(function() events[#events + 1] = object.field end))
      for i in numbers, nil, 0 do coroutine.yield(i) end
    end)
    assert.equal(1, wrapped())
    assert.equal(2, wrapped())
    wrapped()
    assert.same({ "field", "closed" }, events)
  end)
end)
