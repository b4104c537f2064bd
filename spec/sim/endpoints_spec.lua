local core = require("moonpool.core")
local eventually = require("spec.support.eventually")
local program = require("spec.support.program")
local sim = require("moonpool.sim")

local CONFIGMAPS = "/api/v1/namespaces/default/configmaps"

describe("a simulated cluster with several endpoints", function()
  local group, cluster, pools

  local function start(options)
    group = sim.start(options)
    cluster = group.clusters[1]
  end

  --- A pool of the connections to one of the endpoints.
  local function to(number)
    if not pools[number] then
      local kubeConfig = core.KubeConfig()
      assert(kubeConfig:loadFromString((group:kubeconfig():gsub(cluster.urls[1]:gsub("%p", "%%%0") .. "\n", cluster.urls[number] .. "\n"))))
      pools[number] = assert(core.pool(cluster.name, kubeConfig, cluster.name, { enableWarmup = false, minConnections = 0,
        connectTimeout = 1000 }))
    end
    return pools[number]
  end

  local function get(number, path, timeout)
    return to(number):call({ method = "GET", path = path, retries = 0, timeout = timeout or 2000 })
  end

  local function failing(number, path, timeout)
    local body, err = get(number, path, timeout)
    assert.is_nil(body)
    return err.kind
  end

  local function create(number, name)
    return to(number):call({ method = "POST", path = CONFIGMAPS, contentType = "application/json", retries = 0,
      body = ('{"metadata":{"name":"%s"}}'):format(name) })
  end

  local function open(number) return cluster.endpoints[number]:stats().connections.open end

  before_each(function()
    pools = {}
    start({ clusters = 1, endpoints = 3, pods = 0 })
  end)
  after_each(function()
    for _, pool in pairs(pools) do pool:dispose() end
    group:stop()
  end)

  it("has a URL for each, and a kubeconfig that names the first", function()
    assert.are.equal(3, #cluster.urls)
    for number, endpoint in ipairs(cluster.endpoints) do
      assert.are.same({ cluster.urls[number], "sim-1/" .. number }, { endpoint.url, endpoint.name })
    end
    assert.truthy(group:kubeconfig():find("server: " .. cluster.urls[1] .. "\n", 1, true))
    assert.falsy(group:kubeconfig():find(cluster.urls[2], 1, true))
  end)

  it("has the same objects behind all", function()
    assert(create(1, "a"))
    assert.are.equal("a", assert(get(2, CONFIGMAPS .. "/a")).metadata.name)
    assert.are.equal(assert(get(1, CONFIGMAPS)).metadata.resourceVersion, assert(get(3, CONFIGMAPS)).metadata.resourceVersion)
  end)

  it("tells a watch over one of them what was changed over another", function()
    local stream = assert(to(2):stream({ method = "GET", path = CONFIGMAPS .. "?watch=1" }))
    assert(create(1, "a"))
    assert.matches('^{"type":"ADDED",.*"name":"a"', stream:read())
    stream:close()
  end)

  it("counts for each of them, and in sum", function()
    cluster:resetStats()
    for _ = 1, 3 do assert(get(1, "/version")) end
    assert(get(2, "/version"))
    local stats = cluster:stats()
    assert.are.equal(4, stats.requests["GET /version"])
    local each = {}
    for number, endpoint in ipairs(stats.endpoints) do
      each[number] = { endpoint.requests["GET /version"] or 0, endpoint.connections.open, endpoint.url == cluster.urls[number] }
    end
    assert.are.same({ { 3, 1, true }, { 1, 1, true }, { 0, 0, true } }, each)
    assert.are.same({ accepted = 2, open = 2 }, stats.connections)
  end)

  it("knows when it was probed: the latest thousand times, on the clock that everybody has", function()
    local before = core.now()
    for _ = 1, 3 do assert(get(2, "/readyz?verbose")) end
    local times = cluster:stats().endpoints[2].probes.readyz
    assert.are.equal(3, #times)
    assert.is_true(before <= times[1] and times[1] <= times[2] and times[2] <= times[3] and times[3] <= core.now())
    assert.is_nil(cluster:stats().endpoints[1].probes.readyz)
    local endpoint = cluster.endpoints[3]
    for _ = 1, 1500 do endpoint:count("GET", "/readyz", "readyz") end
    assert.are.equal(1000, #endpoint:stats().probes.readyz)
  end)

  it("loses one of them while the others go on, and gets it back on the same port", function()
    for number = 1, 3 do assert(get(number, "/version")) end
    cluster.endpoints[2].faults:set({ { type = "die" } })
    eventually(1000, "the connections to be reset", function() return open(2) == 0 end)
    assert.are.equal("connect", failing(2, "/version"))
    assert(get(1, "/version"))
    assert(get(3, "/version"))
    assert.are.same({ 1, 1 }, { open(1), open(3) })
    cluster.endpoints[2].faults:clear()
    assert(get(2, "/version"))
  end)

  it("does not do what it was about to do when it died", function()
    cluster.faults:set({ { type = "latency", ms = 50, method = "POST" } })
    local task = core.spawn(function() return create(1, "late") end)
    eventually(1000, "the request", function() return cluster:stats().requests["POST " .. CONFIGMAPS] == 1 end)
    cluster.endpoints[1].faults:set({ { type = "die" } })
    local _, err = task:join()
    assert.are.equal("connect", err.kind)
    cluster:clearFaults()
    core.sleep(80) -- its time has come and gone
    assert.are.equal("notFound", failing(2, CONFIGMAPS .. "/late"))
  end)

  it("falls silent at one of them while the others go on", function()
    for number = 1, 2 do assert(get(number, "/version")) end
    cluster.endpoints[1].faults:set({ { type = "freeze" } })
    assert.are.equal("timeout", failing(1, "/version", 200))
    assert(get(2, "/version"))
    cluster.endpoints[1].faults:clear()
    assert(get(1, "/version"))
  end)

  it("adds the faults of the cluster to those of an endpoint", function()
    for number = 1, 2 do assert(get(number, "/version")) end
    cluster.faults:set({ { type = "latency", ms = 60, path = "/version" } })
    cluster.endpoints[2].faults:set({ { type = "latency", ms = 60, path = "/version" } })
    local took = {}
    for number = 1, 2 do
      local begin = core.now()
      assert(get(number, "/version"))
      took[number] = core.now() - begin
    end
    assert.is_true(took[1] >= 59 and took[2] >= 119, table.concat(took, " "))
  end)

  it("ends the watches of one of them alone", function()
    local streams = {}
    for number = 1, 2 do streams[number] = assert(to(number):stream({ method = "GET", path = CONFIGMAPS .. "?watch=1" })) end
    require("moonpool.sim.watch").endAll(cluster, cluster.endpoints[1])
    assert.is_nil((streams[1]:read()))
    assert(create(1, "a"))
    assert.matches("ADDED", streams[2]:read())
    for _, stream in ipairs(streams) do stream:close() end
  end)

  it("may have them on one port of several addresses, as the addresses of a name", function()
    group:stop()
    start({ clusters = 2, endpoints = 3, pods = 0, loopbacks = true })
    local port = cluster.endpoints[1].port
    assert.are.same({ "https://127.0.0.1:" .. port, "https://127.0.0.2:" .. port, "https://127.0.0.3:" .. port }, cluster.urls)
    assert.are_not.equal(port, group.clusters[2].endpoints[1].port)
    for number = 1, 3 do assert(get(number, "/version")) end
  end)

  it("is refused when it makes no sense", function()
    local function problem(options) return select(2, pcall(sim.start, options)) end
    assert.matches("option endpoints: expected an integer from 1 up$", problem({ endpoints = 0 }))
    assert.matches("option endpoints: at most 9 with loopbacks$", problem({ endpoints = 10, loopbacks = true }))
    assert.matches("option loopbacks: expected a boolean$", problem({ loopbacks = 2 }))
    assert.matches("control pages need at least one cluster$", problem({ clusters = 0, control = true }))
    local result = program.run("sim", "--clusters", "2", "--fault", "sim-2/2:die")
    assert.are.same({ 2, "moonpool sim: --fault: there is no endpoint 'sim-2/2'; endpoints of sim-2: 1\n" }, { result.code, result.err })
  end)
end)
