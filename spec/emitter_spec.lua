local core = require "moonpool.core"
local emitter = require "moonpool.emitter"
local log = require "moonpool.log"

local function silent(lines)
  local function keep(_, message) lines[#lines + 1] = message end
  return { debug = keep, info = keep, warn = keep, error = keep }
end

-- Lets every task that can run do so.
local function settle()
  for _ = 1, 5 do core.sleep(0) end
end

describe("event handlers", function()
  local events, seen

  before_each(function()
    events, seen = emitter.new("test", { "a", "b" }), {}
  end)

  local function record(name)
    return function(value) seen[#seen + 1] = name .. tostring(value) end
  end

  it("run in the order in which things happened, across subscriptions", function()
    events:on("a", record "a")
    events:on("b", record "b")
    events:on("a", record "A")
    for i = 1, 3 do
      events:emit("a", i)
      events:emit("b", i)
    end
    assert.same({}, seen) -- never inside emit
    settle()
    assert.same({ "a1", "A1", "b1", "a2", "A2", "b2", "a3", "A3", "b3" }, seen)
  end)

  it("get every argument, nil included", function()
    local got
    events:on("a", function(...) got = table.pack(...) end)
    events:emit("a", nil, 2, nil)
    settle()
    assert.same({ n = 3, [2] = 2 }, got)
  end)

  it("delay only their own next event when they wait", function()
    events:on("a", function(i)
      record "slow"(i)
      core.sleep(20)
      record "awake"(i)
    end)
    events:on("b", record "b")
    for i = 1, 2 do
      events:emit("a", i)
      events:emit("b", i)
    end
    settle()
    assert.same({ "slow1", "b1", "b2" }, seen)
    core.sleep(70)
    assert.same({ "slow1", "b1", "b2", "awake1", "slow2", "awake2" }, seen)
  end)

  it("run in a task of their own", function()
    local mine, theirs = core.currentTask(), nil
    events:on("a", function() theirs = core.currentTask() end)
    events:emit("a")
    settle()
    assert.is_not_nil(theirs)
    assert.are_not.equal(mine, theirs)
  end)

  it("are called once by `once`, and no more after `off`", function()
    events:once("a", record "once")
    local subscription = events:on("a", record "on")
    events:emit("a", 1)
    events:emit("a", 2)
    settle()
    assert.same({ "once1", "on1", "on2" }, seen)
    events:emit("a", 3)
    assert.is_true(events:off(subscription))
    assert.is_false(events:off(subscription))
    settle()
    assert.equal(3, #seen)
  end)

  it("that raise are logged, reach `error` listeners, and leave the others running", function()
    local lines, failure = {}, nil
    local logger = silent(lines)
    log.attach(logger)
    events:on("a", function() error("broken", 0) end)
    events:on("a", record "a")
    events:on("error", function(err, event) failure = { err, event } end)
    events:emit("a", 1)
    settle()
    log.detach(logger)
    assert.same({ "a1" }, seen)
    assert.same({ "broken", "a" }, failure)
    assert.equal(1, #lines)
    assert.matches("^test: a handler of a raised an error: broken", lines[1])
  end)

  it("that do not keep up lose the oldest events, counted and logged once", function()
    local lines = {}
    local logger = silent(lines)
    log.attach(logger)
    local subscription = events:on("a", function(i)
      seen[#seen + 1] = i
      if i == 1 then core.sleep(10) end
    end)
    events:emit("a", 1)
    settle()
    for i = 2, 10501 do events:emit("a", i) end
    core.sleep(50)
    log.detach(logger)
    assert.equal(500, subscription.dropped)
    assert.equal(10001, #seen)
    assert.same({ 1, 502, 10501 }, { seen[1], seen[2], seen[#seen] })
    assert.equal(1, #lines)
    assert.matches("the oldest are dropped", lines[1])
  end)

  it("can subscribe and unsubscribe while they run", function()
    local first
    first = events:on("a", function(i)
      record "first"(i)
      events:off(first)
      events:on("a", record "later")
    end)
    events:emit("a", 1)
    settle()
    events:emit("a", 2)
    settle()
    assert.same({ "first1", "later2" }, seen)
  end)

  it("tell the source when somebody begins and when nobody goes on to listen", function()
    local wanted = {}
    events.onInterest = function(value) wanted[#wanted + 1] = value end
    local one, two = events:on("a", print), events:on("b", print)
    events:off(one)
    assert.same({ true }, wanted)
    events:off(two)
    assert.same({ true, false }, wanted)
  end)

  it("name what is wrong with a subscription", function()
    assert.has_error(function() events:on("c", print) end, 'on: there is no event "c"; known: a, b, error')
    assert.error_matches(function() events:on("a") end, "on: argument 2 %(handler%): expected a function, got nil$")
    assert.error_matches(function() events:off("a") end, "off: argument 1: expected what `on` returned, got string$")
    local other = emitter.new("other", { "a" }):on("a", print)
    assert.error_matches(function() events:off(other) end, "this subscription belongs to another object$")
  end)
end)
