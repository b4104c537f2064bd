local core = require "moonpool.core"
local log = require "moonpool.log"
local moonpool = require "moonpool"
local oneCluster = require "spec.support.one_cluster"
local program = require "spec.support.program"

local function recorder()
  local lines = {}
  local function keep(level) return function(_, message, fields) lines[#lines + 1] = { level, message, fields } end end
  return { debug = keep "debug", info = keep "info", warn = keep "warn", error = keep "error" }, lines
end

describe("the log", function()
  before_each(function() log.setLevel "info" end)
  after_each(function() log.setLevel "warn" end)

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

  it("shows nothing below its level, to nobody", function()
    local logger, lines = recorder()
    log.attach(logger)
    log.setLevel "error"
    moonpool.log.warn "not this"
    core.log("warn", "nor this", "n", setmetatable({}, { __tostring = function() error "is not even asked for" end }))
    moonpool.log.error "this"
    log.setLevel "off"
    moonpool.log.error "nor that"
    moonpool.sleep(1)
    log.detach(logger)
    assert.same({ { "error", "this" } }, lines)
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

  it("does without a logger whose error cannot even be told", function()
    local result = program.run("-e", [[
      local core = require "moonpool.core"
      local function raise(self) error(self) end
      core.setLogger(function() error(setmetatable({}, { __tostring = raise })) end)
      core.log("warn", "one")
      core.sleep(10)
      core.log("warn", "two")
      print "goes on"]])
    assert.same({ 0, "goes on\n" }, { result.code, result.out })
    assert.matches("the logger raised, and is replaced by standard error: .*moonpool: warn: one\n.*moonpool: warn: two\n", result.err)
  end)

  it("says what is wrong with its arguments", function()
    assert.error_matches(function() moonpool.log.info(1) end, "log.info: argument 1 %(message%): expected a string, got number 1$")
    assert.error_matches(function() moonpool.log.info("x", 1) end, "log.info: argument 2 %(fields%): expected a table")
    assert.error_matches(function() moonpool.log.setLevel("loud") end, "expected debug, info, warn, error or off, got \"loud\"$")
    assert.error_matches(function() moonpool.log.setFormat("xml") end, "log.setFormat: expected text or json, got \"xml\"$")
  end)
end)

describe("standard error", function()
  local function printed(code, ...)
    return program.run("--log-level", "info", "-e", 'local log = require "moonpool".log ' .. code, ...).err
  end

  it("gets lines as text, whose fields can be told apart and whose control characters do nothing", function()
    assert.equal('moonpool: warn: two words: a=1 b=true c="with space" d="" e="x\\"y" f=1.5 g="\u{fffd}"\n',
      printed [[log.warn("two words:", { a = 1, b = true, c = "with space", d = "", e = 'x"y', f = 1.5, g = "\255" })]])
    assert.equal('moonpool: info: \\u001b[31mred\\u001b[0m\n\tnext="no" x="\\u001b[31m\\n"\n',
      printed [[log.info('\27[31mred\27[0m\n\tnext="no"', { x = "\27[31m\n" })]])
  end)

  it("gets lines as JSON, an object each, with the time in UTC", function()
    local begun = os.time()
    local text = printed [[
      log.setFormat "json"
      log.warn("two\n\27lines", { a = math.maxinteger, b = false, c = 'x"\\', f = 1.5, g = "\255\u{20ac}", h = 0/0, i = {} })
      log.error(("long "):rep(1000))
      log.info "none"
      log.debug "not this"]]
    local lines = {}
    for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = assert(core.json.decode(line)) end
    assert.equal(3, #lines)
    local time = lines[1].time
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", time)
    local seconds = require("moonpool.script").seconds((time:gsub("%.%d+", "")))
    assert.is_true(seconds >= begun and seconds <= os.time())
    assert.equal("warn", lines[1].level)
    assert.equal("two\n\27lines", lines[1].message)
    local fields = lines[1].fields
    assert.matches("^table: ", fields.i)
    fields.i = nil
    assert.same({ a = math.maxinteger, b = false, c = 'x"\\', f = 1.5, g = "\u{fffd}\u{20ac}", h = core.null }, fields)
    assert.same({ "error", 5000 }, { lines[2].level, #lines[2].message })
    assert.same({ "info", "none" }, { lines[3].level, lines[3].message })
    assert.is_nil(lines[3].fields)
  end)

  it("gets JSON from the first line on with --log-format json", function()
    local result = program.run("--log-format", "json", "-e", "require('moonpool').log.warn('x', { y = 1 })")
    assert.matches('^{"time":"[^"]+","level":"warn","message":"x","fields":{"y":1}}\n$', result.err)
    assert.matches("one of: text json; not 'xml'", program.run("--log-format", "xml").err)
  end)
end)

describe("requests in the log", function()
  local here, client
  setup(function()
    here = oneCluster.start()
    client = here:client()
  end)
  teardown(function()
    client:dispose()
    here:stop()
  end)
  before_each(function() here:reset() end)

  --- The fields of the requests that fn makes, from `attach` on.
  local function requestsOf(fn)
    local lines = {}
    local function follow(fields) lines[#lines + 1] = fields end
    log.follow(follow)
    fn()
    moonpool.sleep(10)
    log.unfollow(follow)
    fn()
    moonpool.sleep(10)
    return lines
  end

  it("are lines of level debug, one for each attempt", function()
    local logger, lines = recorder()
    log.attach(logger)
    client.core.listNamespace()
    moonpool.sleep(10)
    assert.equal(0, #lines)
    log.setLevel "debug"
    client.core.listNamespace()
    moonpool.sleep(10)
    log.setLevel "warn"
    log.detach(logger)
    local requests = {}
    for _, line in ipairs(lines) do
      if line[2] == "request" then requests[#requests + 1] = line end
    end
    assert.equal(1, #requests)
    assert.equal("debug", requests[1][1])
    assert.equal("/api/v1/namespaces", requests[1][3].path)
  end)

  it("tell cluster, connection, endpoint, method, path, status, attempt, duration and bytes, also to who follows them alone", function()
    local lines = requestsOf(function() client.core.listNamespace { limit = 2 } end)
    assert.equal(1, #lines)
    local fields = lines[1]
    assert.is_true(fields.duration > 0 and fields.duration < 5000)
    assert.is_true(math.type(fields.connection) == "integer" and fields.bytes > 100)
    assert.same({ here.cluster.name, here.cluster.urls[1], "GET", "/api/v1/namespaces?limit=2", 200, 1 },
      { fields.cluster, fields.endpoint, fields.method, fields.path, fields.status, fields.attempt })
    assert.is_nil(fields.error)
  end)

  it("tell what an attempt failed with, and count the attempts", function()
    here.faults:set { { type = "status", code = 503, retryAfter = 0, count = 1, path = "/api/*" } }
    local lines = requestsOf(function() client.core.listNamespace() end)
    assert.same({ 503, 1, 200, 2 }, { lines[1].status, lines[1].attempt, lines[2].status, lines[2].attempt })
    here.faults:set { { type = "hang" } }
    lines = requestsOf(function() client.core.listNamespace { timeout = 100, retries = 0 } end)
    assert.is_nil(lines[1].status)
    assert.matches("no answer within %d+ ms", lines[1].error)
  end)

  it("do without a follower that raises, and say so once", function()
    local result = program.run("-e", [[
      local log, moonpool = require "moonpool.log", require "moonpool"
      local group = require("moonpool.sim").start { clusters = 1, pods = 0 }
      local kubeConfig = moonpool.KubeConfig()
      assert(kubeConfig:loadFromString(group:kubeconfig()))
      local calls = 0
      log.follow(function() error("full disk", 0) end)
      log.follow(function() calls = calls + 1 end)
      local client = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig })
      for _ = 1, 3 do
        assert(client.core.listNamespace())
        moonpool.sleep(10)
      end
      print(calls)
      client:dispose()
      group:stop()]])
    assert.equal("3\n", result.out)
    assert.equal("moonpool: error: a follower of requests raised an error and is not called any more: full disk\n", result.err)
  end)
end)
