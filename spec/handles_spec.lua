-- handles_spec.lua: pools, leases, calls and streams as the C module gives them, on a small server whose answers we choose.
local core = require "moonpool.core"
local program = require "spec.support.program"

local answers = {} -- path -> function(exchange) or { status, body, content type, headers }

local function handler(exchange, _, target)
  local answer = answers[target]
  if type(answer) == "function" then return answer(exchange) end
  if answer then return table.unpack(answer, 1, 4) end
  return 200, "ok", "text/plain"
end

local server, config

local function open(options)
  return assert(core.pool("here", config, nil, options or { minConnections = 0 }))
end

setup(function()
  server = assert(core.http.listen { address = "127.0.0.1", handler = handler })
  config = core.KubeConfig()
  assert(config:loadFromString(([[
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:%d"}}]
users: [{name: me, user: {}}]
]]):format(server:port())))
end)
teardown(function() server:close() end)

describe("a call", function()
  it("gives the decoded body, the status and the headers", function()
    local pool <close> = open()
    answers["/json"] = { 201, '{"kind":"Pod","n":9007199254740993,"list":[]}', "application/json", { ["X-One"] = "1" } }
    local body, status, headers = pool:call { method = "POST", path = "/json", body = "{}" }
    assert.equal(9007199254740993, body.n)
    assert.equal(201, status)
    assert.equal("1", headers["x-one"])
    assert.matches("application/json", headers["content-type"])
  end)

  it("gives other texts, and raw ones, as they are", function()
    local pool <close> = open()
    answers["/json"] = { 200, '{"a":1}', "application/json" }
    assert.equal("ok", (pool:call { path = "/livez" }))
    assert.equal('{"a":1}', (pool:call { path = "/json", raw = true }))
  end)

  it("gives nil for an empty body", function()
    local pool <close> = open()
    answers["/empty"] = { 200, "", "application/json" }
    local body, status = pool:call { path = "/empty" }
    assert.is_nil(body)
    assert.equal(200, status)
  end)

  it("decodes a body of many pieces", function()
    local pool <close> = open()
    local items = {}
    for i = 1, 20000 do items[i] = ('{"metadata":{"name":"pod-%d"}}'):format(i) end
    answers["/big"] = { 200, '{"items":[' .. table.concat(items, ",") .. "]}", "application/json" }
    local body = assert(pool:call { path = "/big" })
    assert.equal(20000, #body.items)
    assert.equal("pod-20000", body.items[20000].metadata.name)
  end)

  it("says so when the answer is not the JSON that it claims to be", function()
    local pool <close> = open()
    for text, pattern in pairs {
      ["<html>\n<body>Bad gateway"] = "not: line 1, column 1: .*; the answer begins: .*Bad gateway$",
      ['{"items": ['] = "not: line 1, .*; the answer begins: {\"items\": %[",
    } do
      answers["/wrong"] = { 200, text, "application/json" }
      local body, err = pool:call { path = "/wrong" }
      assert.is_nil(body)
      assert.equal("protocol", err.kind)
      assert.equal(200, err.status)
      assert.equal("here", err.cluster)
      assert.matches("^GET /wrong: the server says that it sent JSON, but it is " .. pattern, err.message)
    end
  end)

  it("says so when a web page comes instead", function()
    local pool <close> = open()
    answers["/page"] = { 200, "<h1>Please log in</h1>", "text/html" }
    local _, err = pool:call { path = "/page" }
    assert.equal("protocol", err.kind)
    assert.matches("expected JSON, got a web page; the answer begins: .*Please log in", err.message)
    assert.equal("<h1>Please log in</h1>", (pool:call { path = "/page", raw = true }))
  end)

  it("gives what a Status object says", function()
    local pool <close> = open()
    answers["/conflict"] = { 409, [[{"kind":"Status","status":"Failure","message":"it is there","reason":"AlreadyExists",
      "details":{"name":"x","kind":"pods"},"code":409}]], "application/json" }
    local _, err = pool:call { method = "POST", path = "/conflict", body = "{}" }
    assert.equal("conflict AlreadyExists 409 x", table.concat({ err.kind, err.reason, err.status, err.details.name }, " "))
    assert.equal("here: it is there (conflict, HTTP 409)", tostring(err))
    local all = core.newError { kind = "noHealthyCluster", cluster = "b", message = 'no healthy cluster: "a": refused; "b": gone' }
    assert.equal('no healthy cluster: "a": refused; "b": gone (noHealthyCluster)', tostring(all))
  end)

  it("is cancelled with its task, and leaves the pool whole", function()
    local pool <close> = open { minConnections = 0, maxConnections = 1 }
    answers["/never"] = function() end
    local task = core.spawn(pool.call, pool, { path = "/never" })
    repeat core.sleep(5) until pool:getStats().inUse == 1
    task:cancel()
    assert.equal("ok", (pool:call { path = "/livez" }))
    repeat core.sleep(1) until pool:getStats().inUse == 0
  end)

  it("is refused when the request makes no sense", function()
    local pool <close> = open()
    for pattern, request in pairs {
      ["request: path: expected a path that starts with '/'"] = { path = "api" },
      ["request: path: spaces"] = { path = "/a b" },
      ["request: timeout: expected a whole number, 0 or more, got string"] = { path = "/", timeout = "1s" },
      ["request: headers: 'A: b' cannot be a header"] = { path = "/", headers = { ["A: b"] = "c" } },
      ["request: body: expected a string, got table"] = { path = "/", body = {} },
    } do
      local ok, problem = pcall(pool.call, pool, request)
      assert.is_false(ok)
      assert.matches(pattern, problem, 1, true)
    end
  end)
end)

describe("a lease", function()
  it("is over when it was released, whoever has the connection next", function()
    local pool <close> = open { minConnections = 0, maxConnections = 1 }
    local first = assert(pool:acquire())
    first:release()
    local second <close> = assert(pool:acquire())
    assert.equal(first.id, second.id)
    assert.error_matches(function() pool:release(first) end, "connection 1 was already released")
    assert.error_matches(function() return first.useCount end, "connection 1 was already released")
    assert.equal(2, second.useCount)
    assert.matches("^moonpool.Connection: 1 of here, used 2 times$", tostring(second))
    assert.matches("released$", tostring(first))
  end)

  it("names both pools when it is given to the wrong one", function()
    local mine <close> = open()
    local other <close> = assert(core.pool("there", config))
    local lease <close> = assert(mine:acquire())
    assert.error_matches(function() other:release(lease) end, "connection 1 belongs to the pool of 'here', not to that of 'there'")
  end)

  it("stays with a call over it until that is over", function()
    local pool <close> = open { minConnections = 0, maxConnections = 1 }
    local exchange
    answers["/slow"] = function(it) exchange = it end
    local lease = assert(pool:acquire())
    local task = core.spawn(lease.call, lease, { path = "/slow" })
    repeat core.sleep(1) until exchange
    lease:release()
    assert.equal(1, pool:getStats().inUse)
    exchange:answer(200, "done", "text/plain")
    assert.equal("done", (task:join()))
    repeat core.sleep(1) until pool:getStats().inUse == 0
  end)

  it("that is forgotten goes back with a warning when it is collected", function()
    local pool <close> = open { minConnections = 0, maxConnections = 1, leakDetectionThreshold = 60000 }
    local lines = {}
    core.setLogger(function(_, text) lines[#lines + 1] = text end)
    assert(pool:acquire())
    collectgarbage()
    collectgarbage()
    core.sleep(1)
    core.setLogger(nil)
    assert.equal(0, pool:getStats().inUse)
    assert.matches("^here: connection 1 was collected without having been released; acquired at .*handles_spec.lua:%d+$", lines[1])
  end)

  it("goes back when the task that waits for it is cancelled, at whatever moment", function()
    local pool <close> = open { minConnections = 0, maxConnections = 2 }
    local tasks = {}
    for i = 1, 200 do
      tasks[i] = core.spawn(function()
        local _lease <close> = assert(pool:acquire())
        core.sleep(0)
      end)
    end
    for i = 1, 200, 2 do
      core.sleep(0)
      tasks[i]:cancel()
    end
    for i = 1, 200 do tasks[i]:join() end
    local stats = pool:getStats()
    assert.same({ 0, 0 }, { stats.inUse, stats.waitQueueLength })
  end)
end)

describe("a stream", function()
  it("gives bytes as they come, and nil at the end", function()
    local pool <close> = open()
    local exchange
    answers["/watch"] = function(it) exchange = it it:stream(200, "one", "application/json") end
    local stream <close> = assert(pool:stream { path = "/watch" })
    assert.equal("one", stream:read())
    local task = core.spawn(stream.read, stream)
    core.sleep(5)
    assert.equal("running", task:status())
    exchange:write("two")
    assert.equal("two", task:join())
    exchange:finish()
    assert.is_nil(stream:read())
  end)

  it("ends the read of another task when it is closed", function()
    local pool <close> = open()
    answers["/watch"] = function(it) it:stream(200, "", "application/json") end
    local stream = assert(pool:stream { path = "/watch" })
    local task = core.spawn(stream.read, stream)
    core.sleep(5)
    assert.error_matches(function() stream:read() end, "being read by another task")
    stream:close()
    local bytes, err = task:join()
    assert.is_nil(bytes)
    assert.equal("closed", err.kind)
  end)

  it("fails as a call does when the server refuses it", function()
    local pool <close> = open()
    answers["/watch"] = { 410, '{"kind":"Status","message":"too old","reason":"Expired","code":410}', "application/json" }
    local stream, err = pool:stream { path = "/watch" }
    assert.is_nil(stream)
    assert.equal("gone", err.kind)
  end)
end)

describe("a pool", function()
  it("ends its waiters with 'closed' when it is disposed, twice if need be", function()
    local pool = open { minConnections = 0, maxConnections = 1 }
    local lease = assert(pool:acquire())
    local waiter = core.spawn(pool.acquire, pool)
    core.sleep(1)
    local first, second = core.spawn(pool.dispose, pool), core.spawn(pool.dispose, pool)
    assert.equal("closed", select(2, waiter:join()).kind)
    assert.equal("running", first:status())
    lease:release()
    first:join()
    second:join()
    assert.is_true(pool:isDisposed())
    assert.error_matches(function() pool:acquire() end, "the pool of 'here' was disposed")
  end)

  it("tells a listener what happened before it, as long as nobody waited", function()
    local pool <close> = open { minConnections = 1 }
    os.execute("sleep 0.1")
    local names = {}
    pool:setListener(function(name, connection) names[#names + 1] = name .. (connection and connection.id or "") end)
    core.sleep(20)
    assert.same({ "connectionCreated1", "poolReady" }, names)
  end)

  it("may be left open with everything under way when the program ends", function()
    local text = ("{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], users: [{name: a, user: {}}], "
      .. "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:%d'}}]}"):format(server:port())
    local result = program.run("-e", ([[
      local core = require "moonpool.core"
      local config = core.KubeConfig()
      assert(config:loadFromString(%q))
      local pool = assert(core.pool(nil, config, nil, { minConnections = 1, maxConnections = 2 }))
      for _ = 1, 5 do
        core.spawn(function() local lease = pool:acquire() core.sleep(1e9) return lease end)
        core.spawn(function() pool:call { path = "/never" } end)
      end
      core.sleep(20)
      os.exit(3)]]):format(text))
    assert.equal("", (result.err:gsub("moonpool: warn: [^\n]*\n", "")))
    assert.equal(3, result.code)
  end)
end)
