local moonpool = require "moonpool"

local function upTo(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

describe("moonpool.map", function()
  it("gives results in the order of the list, whatever finishes first", function()
    local results, errors = moonpool.map(upTo(20), function(i)
      moonpool.sleep((20 - i) % 5)
      return i * i
    end)
    assert.equal(20, results.n)
    for i = 1, 20 do assert.equal(i * i, results[i]) end
    assert.is_nil(errors)
  end)

  it("runs at most `concurrency` at a time, 16 by default", function()
    for _, case in ipairs { { nil, 16 }, { { concurrency = 3 }, 3 }, { { concurrency = 100 }, 40 } } do
      local now, most = 0, 0
      moonpool.map(upTo(40), function()
        now = now + 1
        most = math.max(most, now)
        moonpool.sleep(1)
        now = now - 1
      end, case[1])
      assert.equal(case[2], most)
    end
  end)

  it("collects what came with nil, by index", function()
    local results, errors = moonpool.map(upTo(4), function(i)
      if i % 2 == 0 then return nil, "even " .. i end
      return i
    end)
    assert.same({ n = 4, [1] = 1, [3] = 3 }, results)
    assert.same({ [2] = "even 2", [4] = "even 4" }, errors)
  end)

  it("begins nothing more, cancels what runs, and raises again when fn raises", function()
    local begun, closed = 0, 0
    local ok, err = pcall(moonpool.map, upTo(50), function(i)
      begun = begun + 1
      local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
      if i == 3 then
        moonpool.sleep(5)
        error({ code = 42 })
      end
      moonpool.sleep(1000)
    end, { concurrency = 4 })
    assert.is_false(ok)
    assert.equal(42, err.code)
    assert.equal(4, begun)
    assert.equal(4, closed)
  end)

  it("is cancelled with the task that called it", function()
    local ended = 0
    local task = moonpool.spawn(function()
      moonpool.map(upTo(3), function()
        local _ <close> = setmetatable({}, { __close = function() ended = ended + 1 end })
        moonpool.sleep(10000)
      end)
    end)
    moonpool.sleep(5)
    task:cancel()
    moonpool.sleep(5)
    assert.equal(3, ended)
  end)

  it("does nothing for an empty list", function()
    assert.same({ n = 0 }, moonpool.map({}, error))
  end)

  it("names what is wrong with its arguments", function()
    assert.error_matches(function() moonpool.map(nil, print) end, "map: argument 1 %(list%): expected a table, got nil$")
    assert.error_matches(function() moonpool.map({}, 1) end, "map: argument 2 %(fn%): expected a function, got number 1$")
    assert.error_matches(function() moonpool.map({}, print, { concurency = 2 }) end, 'did you mean "concurrency"%?$')
    assert.error_matches(function() moonpool.map({}, print, { concurrency = 0 }) end, "an integer of 1 or more, got number 0$")
  end)
end)

describe("moonpool.every", function()
  it("calls the function until it is stopped", function()
    local calls = 0
    local timer = moonpool.every(10, function() calls = calls + 1 end)
    moonpool.sleep(55)
    assert.is_true(timer:stop())
    assert.is_false(timer:stop())
    local then_ = calls
    assert.is_true(calls >= 3 and calls <= 5, calls .. " calls")
    moonpool.sleep(30)
    assert.equal(then_, calls)
  end)

  it("can be stopped from inside, and never overlaps itself", function()
    local calls, inside, overlaps, timer = 0, 0, 0, nil
    timer = moonpool.every(5, function()
      inside = inside + 1
      if inside > 1 then overlaps = overlaps + 1 end
      calls = calls + 1
      moonpool.sleep(12)
      inside = inside - 1
      if calls == 2 then timer:stop() end
    end)
    moonpool.sleep(80)
    assert.same({ 2, 0 }, { calls, overlaps })
  end)

  it("goes on after an error, which is logged", function()
    local lines, calls = {}, 0
    local function keep(_, message) lines[#lines + 1] = message end
    local logger = { debug = keep, info = keep, warn = keep, error = keep }
    require("moonpool.log").attach(logger)
    local timer <close> = moonpool.every(5, function() -- luacheck: ignore timer
      calls = calls + 1
      if calls == 1 then error("once") end
    end)
    moonpool.sleep(40)
    require("moonpool.log").detach(logger)
    assert.is_true(calls > 1)
    assert.equal(1, #lines)
    assert.matches("the function raised an error: .*once", lines[1])
  end)
end)
