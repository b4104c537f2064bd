-- Many calls fail at once: what their further attempts add to the load of the server, counted there.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local recorder = require "spec.support.recorder"

local CALLERS = 50

describe("fifty callers at once", function()
  local server, client

  before_each(function()
    server = recorder.start()
    client = server:client { pool = { minConnections = 0, maxConnections = CALLERS } }
  end)
  after_each(function() server:stop() end)

  --- Runs fn(i) in a task for each caller.
  local function callers(fn)
    local tasks = {}
    for i = 1, CALLERS do tasks[i] = moonpool.spawn(fn, i) end
    return tasks
  end

  --- Resets the first attempt of each caller as soon as all of them are there; holds the further ones back.
  local function failFirstAttempts()
    local first, held, seen, most = {}, {}, {}, 0
    server.answer = function(request, exchange)
      local who = request.target:match "limit=(%d+)"
      if seen[who] then
        held[#held + 1] = exchange
        most = math.max(most, #held)
        return
      end
      seen[who] = true
      first[#first + 1] = exchange
      if #first == CALLERS then for _, one in ipairs(first) do one:reset() end end
    end
    return held, function() return most end
  end

  it("whose connections are lost are tried again a few at a time, and all of them in the end", function()
    local held, most = failFirstAttempts()
    local tasks = callers(function(i) return client.core.listNamespace { limit = i } end)
    eventually(20000, "retries to be put off", function()
      return client:getPoolStats().retriesDenied >= CALLERS - 10 and #held == 10 -- a fifth of those that are active
    end)
    local over = false
    local feeder = moonpool.spawn(function()
      repeat
        for i = #held, 1, -1 do table.remove(held, i):answer(200, "{}", "application/json") end
        moonpool.sleep(2)
      until over
    end)
    for _, task in ipairs(tasks) do assert.is_table(task:join()) end
    over = true
    feeder:join()
    assert.equal(10, most())
    assert.equal(2 * CALLERS, #server.requests)
    assert.equal(CALLERS, client:getPoolStats().retries)
  end)

  it("end with what they failed with when their time is over before there is room", function()
    failFirstAttempts()
    local tasks = callers(function(i) return client.core.listNamespace { limit = i, timeout = 5000 } end)
    local unanswered, notTried = 0, 0
    for _, task in ipairs(tasks) do
      local list, err = task:join()
      assert.is_nil(list)
      if err.kind == "timeout" then
        unanswered = unanswered + 1
        assert.equal(2, err.attempts)
      else
        notTried = notTried + 1
        assert.same({ "connect", 1 }, { err.kind, err.attempts })
        assert.matches("; it was not tried again, because too many calls are being tried again$", err.message)
      end
    end
    assert.same({ 10, CALLERS - 10 }, { unanswered, notTried })
    assert.equal(CALLERS + 10, #server.requests)
  end)

  it("ask less, not more, while the server says that it is overloaded, and lose nothing", function()
    local over, failed = false, {}
    local tasks = callers(function()
      repeat
        local list, err = client.core.listNamespace()
        if not list then failed[#failed + 1] = tostring(err) end
      until over
    end)
    moonpool.sleep(1000)
    local calm = #server.requests
    local storm = 3
    server.answer = function() return 429, "{}", "application/json", { ["Retry-After"] = "1" } end
    local from, begun = #server.requests, core.now()
    moonpool.sleep(storm * 1000)
    local seconds = (core.now() - begun) / 1000
    local stormy = #server.requests - from
    server.answer = nil
    over = true
    for _, task in ipairs(tasks) do task:join() end
    assert.same({}, failed)
    assert.is_true(calm > 2 * CALLERS, calm) -- they did ask
    assert.is_true(stormy <= CALLERS * (seconds + 1), ("%d requests in %.1f s"):format(stormy, seconds))
  end)

  it("ask less while it says so without a word about when", function()
    local over, calls = false, 0
    server.answer = function() return 429, "{}", "application/json" end
    local began = core.now()
    local tasks = callers(function()
      repeat
        local list, err = client.core.listNamespace()
        assert.is_nil(list)
        assert.equal("tooManyRequests", err.kind)
        calls = calls + 1
      until over
    end)
    moonpool.sleep(2000)
    over = true
    for _, task in ipairs(tasks) do task:join() end
    -- Four attempts each, and 350 ms of waiting at least.
    local most = CALLERS * 4 * ((core.now() - began) / 350 + 1)
    assert.is_true(#server.requests <= most and #server.requests <= 4 * calls, #server.requests)
  end)
end)
