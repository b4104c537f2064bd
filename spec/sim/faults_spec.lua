local core = require("moonpool.core")
local eventually = require("spec.support.eventually")
local sim = require("spec.support.sim")

describe("the faults of a simulated cluster", function()
  local clusters, pool

  setup(function() clusters = sim.start({ clusters = 2, pods = 20 }) end)
  teardown(function() clusters:stop() end)

  before_each(function()
    local kubeConfig = core.KubeConfig()
    assert(kubeConfig:loadFromFile(clusters.kubeconfig))
    pool = assert(core.pool("sim-1", kubeConfig, "sim-1", { enableWarmup = false, minConnections = 0, acquireTimeout = 2000 }))
  end)
  after_each(function()
    pool:dispose()
    clusters:faults("sim-1", {})
  end)

  local function get(path, timeout)
    local begin = core.now()
    local body, problem = pool:call({ method = "GET", path = path, retries = 0, timeout = timeout or 2000 })
    return body, problem, core.now() - begin
  end

  local function failing(path, timeout)
    local body, err = get(path, timeout)
    assert.is_nil(body)
    return err
  end

  it("delay answers", function()
    assert(get("/version"))
    clusters:faults("sim-1", { { type = "latency", ms = 150, jitter = 10, path = "/version" } })
    local _, _, slow = get("/version")
    local _, _, fast = get("/livez")
    assert.is_true(slow >= 140, "took " .. slow)
    assert.is_true(fast < 100, "took " .. fast)
  end)

  it("end after so many requests, and concern only the method and the path that they name", function()
    clusters:faults("sim-1", { { type = "status", code = 503, count = 2, path = "/api/v1/*", method = "GET" } })
    assert(get("/version"))
    assert.are.equal(503, failing("/api/v1/nodes").status)
    assert.are.equal(503, failing("/api/v1/pods").status)
    assert(get("/api/v1/nodes"))
    assert.are.equal(0, #clusters:control("sim-1", "GET", "faults").faults)
  end)

  it("may be in its tokens: one is accepted no more, another one is, as the user that it is given to", function()
    local function list(token)
      local kubeConfig = core.KubeConfig()
      local server = clusters.clusters[1].server
      assert(kubeConfig:loadFromString(([[
clusters: [{name: c, cluster: {server: "%s", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: %s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
]]):format(server, token)))
      local one = assert(core.pool("x", kubeConfig, "x", { enableWarmup = false, minConnections = 0 }))
      local body, err = one:call({ method = "GET", path = "/api/v1/nodes", retries = 0 })
      one:dispose()
      return body and 200 or err.status
    end
    assert.are.equal(401, list "new")
    clusters:control("sim-1", "PUT", "token", { token = "new" })
    assert.are.equal(200, list "new")
    clusters:control("sim-1", "PUT", "token", { token = "new", name = "jane", groups = core.json.array {} })
    assert.are.equal(403, list "new")
    clusters:control("sim-1", "DELETE", "token", { token = "new" })
    assert.are.equal(401, list "new")
    assert.has_error(function() clusters:control("sim-1", "PUT", "token", { token = "a b" }) end)
  end)

  it("tell when to try again", function()
    clusters:faults("sim-1", { { type = "status", code = 429, retryAfter = 7 } })
    local err = failing("/api/v1/nodes")
    assert.are.same({ "tooManyRequests", 7000 }, { err.kind, err.retryAfter })
  end)

  it("answer with any status that says that something is wrong", function()
    local kinds = {}
    for _, code in ipairs({ 401, 403, 500, 502, 503, 504 }) do
      assert(get("/version")) -- a connection
      clusters:faults("sim-1", { { type = "status", code = code, path = "/api/*" } })
      local err = failing("/api/v1/nodes")
      assert.are.equal(code, err.status)
      kinds[#kinds + 1] = tostring(err.reason)
    end
    assert.are.same({ "Unauthorized", "Forbidden", "InternalError", "nil", "ServiceUnavailable", "Timeout" }, kinds)
  end)

  it("never answer", function()
    clusters:faults("sim-1", { { type = "hang", path = "/api/v1/nodes" } })
    assert.are.equal("timeout", failing("/api/v1/nodes", 200).kind)
    assert(get("/version"))
  end)

  it("cut an answer", function()
    clusters:faults("sim-1", { { type = "reset", afterBytes = 5000, path = "/api/v1/pods" } })
    local err = failing("/api/v1/pods")
    assert.is_true(err.kind == "connect" or err.kind == "protocol", err.kind)
  end)

  it("make the cluster not ready, though alive", function()
    clusters:faults("sim-1", { { type = "notReady" } })
    assert.are.equal(500, failing("/readyz").status)
    assert(get("/livez"))
  end)

  it("refuse connections, for as long as it is said", function()
    clusters:faults("sim-1", { { type = "refuse", forMs = 300 } })
    assert.are.equal("connect", failing("/version").kind)
    eventually(3000, "its end", function() return get("/version") ~= nil end)
  end)

  it("show a certificate of an authority that nobody knows", function()
    clusters:faults("sim-1", { { type = "badCertificate" } })
    assert.are.equal("tls", failing("/version").kind)
  end)

  it("drop connections that are open", function()
    assert(get("/version"))
    assert.are.equal(1, clusters:stats("sim-1").connections.open)
    clusters:control("sim-1", "POST", "drop")
    eventually(1000, "the reset", function() return clusters:stats("sim-1").connections.open == 0 end)
  end)

  it("end a cluster at once: its port is closed, its connections are reset", function()
    assert(get("/version"))
    clusters:faults("sim-1", { { type = "die" } })
    eventually(1000, "the pool to notice", function() return pool:getStats().total == 0 end)
    local err = failing("/version")
    assert.are.equal("connect", err.kind)
    assert.matches("nothing listens on that port", err.message)
    assert.are.equal(0, clusters:stats("sim-1").connections.open)
    clusters:faults("sim-1", {})
    assert(get("/version"))
  end)

  it("make a cluster silent, on connections that are open too, until it goes on where it was", function()
    local path = "/api/v1/namespaces?watch=1&resourceVersion=" .. assert(get("/api/v1/namespaces")).metadata.resourceVersion
    local watch = assert(pool:stream({ method = "GET", path = path }))
    local lease = assert(pool:acquire())
    local accepted = clusters:stats("sim-1").connections.accepted
    clusters:faults("sim-1", { { type = "freeze" } })
    local _, err = lease:call({ method = "GET", path = "/version", timeout = 150, retries = 0 })
    assert.are.equal("timeout", err.kind)
    assert.are.equal("acquireTimeout", failing("/version", 150).kind) -- no connection is made, though the port takes them
    assert.are.equal(accepted, clusters:stats("sim-1").connections.accepted)
    local late = core.spawn(function() -- asked while it is silent, answered when it goes on
      return assert(pool:call({ method = "POST", path = "/api/v1/namespaces", contentType = "application/json", retries = 0,
        body = '{"metadata":{"name":"late"}}' }))
    end)
    clusters:faults("sim-1", {})
    local object = late:join()
    assert.are.equal("late", object.metadata.name)
    assert.matches('^{"type":"ADDED",.*"name":"late"', watch:read())
    watch:close()
    lease:release()
  end)

  it("flap", function()
    assert(get("/version"))
    clusters:faults("sim-1", { { type = "status", code = 503, path = "/version", onMs = 100, offMs = 100 } })
    local function becomes(ok)
      eventually(3000, ok and "an answer" or "a failure", function() return (get("/version") ~= nil) == ok end)
    end
    for _ = 1, 3 do
      becomes(false)
      becomes(true)
    end
    clusters:faults("sim-1", { { type = "die", onMs = 20, offMs = 20, times = 3 } })
    eventually(3000, "the end", function() return #clusters:control("sim-1", "GET", "faults").faults == 0 end)
    assert(get("/version"))
  end)

  it("can be laid and lifted at the cluster itself, unless that is dead", function()
    clusters:control("sim-1", "PUT", "faults", { faults = { { type = "notReady" } } })
    local one = clusters.clusters[1]
    local function ask(method, body)
      local pipe <close> = assert(io.popen(("curl -sk -m 5 -X %s -H 'Authorization: Bearer %s' %s/_sim/faults -d '%s'"):format(method,
        one.token, one.server, body)))
      return pipe:read("a")
    end
    local laid = ask("PUT", '{"faults":[{"type":"die"}]}')
    assert.are.same({ faults = { { type = "die" } } }, core.json.decode(laid))
    eventually(1000, "its end", function() return ask("GET", "") == "" end)
    assert.are.same({ { type = "die" } }, clusters:control("sim-1", "GET", "faults").faults)
  end)

  it("are refused when they make no sense", function()
    local function problem(fault)
      local ok, message = pcall(clusters.faults, clusters, "sim-1", { fault })
      assert.is_false(ok)
      return (tostring(message):gsub("^[^%s:]+:%d+: ", ""))
    end
    assert.are.equal("fault latency: ms: expected a number from 0 up", problem({ type = "latency", ms = "x" }))
    assert.are.equal("fault latency: ms is missing", problem({ type = "latency" }))
    assert.are.equal("fault status: code: expected an integer from 400 to 599", problem({ type = "status", code = 200 }))
    assert.are.equal("fault die: unknown field path", problem({ type = "die", path = "/version" }))
    assert.are.equal("fault notReady: check: /readyz has no check mood", problem({ type = "notReady", check = "mood" }))
    for _, fault in ipairs({ { onMs = 1 }, { offMs = 1 }, { times = 2 }, { onMs = 0, offMs = 1 }, { onMs = 1, offMs = 1, times = 0 } }) do
      fault.type = "die"
      assert.are.equal("fault die: to flap it needs both onMs and offMs, and times, if given, from 1 up", problem(fault))
    end
    assert.are.equal("fault: unknown type dye (known: badCertificate, die, freeze, hang, latency, notReady, refuse, reset, stall, status)",
      problem({ type = "dye" }))
    assert.are.same({}, clusters:control("sim-1", "GET", "faults").faults)
  end)

  it("do not disturb the count of requests and connections", function()
    clusters:resetStats("sim-1")
    local before = clusters:stats("sim-1").connections.accepted
    for _ = 1, 5 do assert(get("/version")) end
    local stats = clusters:stats("sim-1")
    assert.are.same({ 5, 1 }, { stats.requests["GET /version"], stats.connections.accepted - before })
  end)
end)
