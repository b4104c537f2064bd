local core = require "moonpool.core"
local log = require "moonpool.log"
local moonpool = require "moonpool"

local function recorder()
  local lines = {}
  local function keep(level) return function(_, message, fields) lines[#lines + 1] = { level, message, fields } end end
  return { debug = keep "debug", info = keep "info", warn = keep "warn", error = keep "error" }, lines
end

describe("the log", function()
  it("goes to the attached loggers, with its fields, each line once to each", function()
    local one, ones = recorder()
    local two, twos = recorder()
    log.attach(one)
    log.attach(one)
    log.attach(two)
    moonpool.log.info("hello", { n = 1 })
    log.detach(one)
    moonpool.log.warn("again")
    log.detach(one)
    moonpool.log.error("only two")
    log.detach(two)
    assert.same({ { "info", "hello", { n = 1 } }, { "warn", "again" } }, ones)
    assert.same({ { "info", "hello", { n = 1 } }, { "warn", "again" }, { "error", "only two" } }, twos)
  end)

  it("hands loggers what the core logs, too", function()
    local logger, lines = recorder()
    log.attach(logger)
    core.log("warn", "from below")
    moonpool.sleep(10)
    log.detach(logger)
    assert.same({ { "warn", "from below" } }, lines)
  end)

  it("reports a logger that raises once, to the others, and does without it", function()
    local bad = recorder()
    local good, lines = recorder()
    local calls = 0
    bad.info = function()
      calls = calls + 1
      error("full disk", 0)
    end
    log.attach(bad)
    log.attach(good)
    moonpool.log.info("one")
    moonpool.log.info("two")
    log.detach(good)
    assert.equal(1, calls)
    local messages = {}
    for i, line in ipairs(lines) do messages[i] = line[2] end
    table.sort(messages)
    assert.same({ "one", "the logger raised an error and is not used any more: full disk", "two" }, messages)
  end)

  it("says what is wrong with its arguments", function()
    assert.error_matches(function() moonpool.log.info(1) end, "log.info: argument 1 %(message%): expected a string, got number 1$")
    assert.error_matches(function() moonpool.log.info("x", 1) end, "log.info: argument 2 %(fields%): expected a table")
    assert.error_matches(function() moonpool.log.setLevel("loud") end, "expected debug, info, warn, error or off, got \"loud\"$")
  end)
end)
