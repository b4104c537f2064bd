local core = require("moonpool.core")
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

  it("tell when to try again", function()
    clusters:faults("sim-1", { { type = "status", code = 429, retryAfter = 7 } })
    local err = failing("/api/v1/nodes")
    assert.are.same({ "tooManyRequests", 7000 }, { err.kind, err.retryAfter })
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
    core.sleep(400)
    assert(get("/version"))
  end)

  it("show a certificate of an authority that nobody knows", function()
    clusters:faults("sim-1", { { type = "badCertificate" } })
    assert.are.equal("tls", failing("/version").kind)
  end)

  it("drop connections that are open", function()
    assert(get("/version"))
    assert.are.equal(1, clusters:stats("sim-1").connections.open)
    clusters:control("sim-1", "POST", "drop")
    core.sleep(50)
    assert.are.equal(0, clusters:stats("sim-1").connections.open)
  end)

  it("are refused when they make no sense", function()
    local ok, message = pcall(clusters.faults, clusters, "sim-1", { { type = "latency", ms = "x" } })
    assert.is_false(ok)
    assert.truthy(tostring(message):find("fault latency: ms: expected a number from 0 up", 1, true))
  end)

  it("do not disturb the count of requests and connections", function()
    clusters:resetStats("sim-1")
    local before = clusters:stats("sim-1").connections.accepted
    for _ = 1, 5 do assert(get("/version")) end
    local stats = clusters:stats("sim-1")
    assert.are.same({ 5, 1 }, { stats.requests["GET /version"], stats.connections.accepted - before })
  end)
end)
