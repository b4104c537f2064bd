-- endpoints_spec.lua: one cluster with several API servers, as a script sees it: they die, freeze, return, and the script reads on.
local eventually = require "spec.support.eventually"
local fleet = require "spec.support.fleet"
local moonpool = require "moonpool"

local START_MS, READERS = 15000, 4

---@param manager moonpool.ConnectionManager
---@return integer[] # connections of the pool to each endpoint of sim-1
local function spread(manager)
  local counts = {}
  for i, endpoint in ipairs(manager:getStats()["sim-1"].endpoints) do counts[i] = endpoint.connections end
  return counts
end

local function hasSpread(manager, expected)
  return function() return table.concat(spread(manager), " ") == expected end
end

---@param clusters spec.Fleet
---@param options table of the manager
---@param size integer connections
local function managerOf(clusters, options, size)
  options.defaultPoolConfig = { minConnections = size, maxConnections = size, maxConnecting = size, connectTimeout = 2000 }
  local manager = moonpool.ConnectionManager(options)
  assert(manager:addCluster { name = "sim-1", kubeConfigPath = clusters:path "sim-1", endpoints = clusters:endpoints "sim-1" })
  return manager
end

--- Reads without a pause until told to stop.
---@return fun(): integer, string[] stop # how many reads there were, and the errors of those that failed
local function readOn(manager)
  local client = manager:client()
  local going, reads, failures, tasks = true, 0, {}, {}
  for i = 1, READERS do
    tasks[i] = moonpool.spawn(function()
      while going do
        local list, err = client.core.listNamespace { timeout = 20000 }
        if not list then failures[#failures + 1] = tostring(err) end
        reads = reads + 1
      end
      return true
    end)
  end
  return function()
    going = false
    for _, task in ipairs(tasks) do assert(task:join()) end
    return reads, failures
  end
end

describe("a cluster with several endpoints", function()
  it("spreads connections and requests over them", function()
    local clusters <close> = fleet.start { clusters = 1, endpoints = 3 }
    local manager <close> = managerOf(clusters, { clusterHealthCheckInterval = 1000 }, 6)
    eventually(START_MS, "two connections to each", hasSpread(manager, "2 2 2"))
    clusters:resetStats()
    local client = manager:client()
    for _ = 1, 30 do assert(client.core.listNamespace()) end
    for i, endpoint in ipairs(clusters:stats("sim-1").endpoints) do
      assert.is_true(endpoint.total >= 10, ("endpoint %d got %d requests"):format(i, endpoint.total))
    end
  end)

  it("loses no read when one is killed, and spreads evenly again when it is back", function()
    local clusters <close> = fleet.start { clusters = 1, endpoints = 2 }
    local manager <close> = managerOf(clusters, { clusterHealthCheckInterval = 500 }, 8)
    local told = {}
    for _, event in ipairs { "clusterUnhealthy", "failover" } do manager:on(event, function() told[#told + 1] = event end) end
    eventually(START_MS, "four connections to each", hasSpread(manager, "4 4"))
    local stop = readOn(manager)
    moonpool.sleep(200)
    clusters:kill "sim-1/1"
    eventually(START_MS, "all connections to the second", hasSpread(manager, "0 8"))
    eventually(START_MS, "the first to be unhealthy", function()
      return manager:getStats()["sim-1"].endpoints[1].state == "unhealthy"
    end)
    assert.equal("healthy", manager:getStats()["sim-1"].state)
    clusters:restart "sim-1/1"
    eventually(START_MS, "four connections to each again", hasSpread(manager, "4 4"))
    moonpool.sleep(200)
    local reads, failures = stop()
    assert.same({}, failures)
    assert.is_true(reads > 100, reads)
    assert.same({}, told)
  end)

  it("loses no read when one freezes", function()
    local clusters <close> = fleet.start { clusters = 1, endpoints = 2 }
    local manager <close> = managerOf(clusters, { clusterHealthCheckInterval = 500 }, 4)
    eventually(START_MS, "two connections to each", hasSpread(manager, "2 2"))
    local stop = readOn(manager)
    clusters:stop "sim-1/1"
    eventually(30000, "all connections to the second", hasSpread(manager, "0 4"))
    clusters:cont "sim-1/1"
    manager:checkHealth()
    manager:checkHealth()
    eventually(START_MS, "two connections to each again", hasSpread(manager, "2 2"))
    local _, failures = stop()
    assert.same({}, failures)
  end)

  it("names all of them when none can be connected to", function()
    local clusters <close> = fleet.start { clusters = 1, endpoints = 2 }
    local urls = clusters:endpoints "sim-1"
    clusters:kill "sim-1/1"
    clusters:kill "sim-1/2"
    local manager <close> = managerOf(clusters, { clusterHealthCheckInterval = 0, enableFailover = false }, 2)
    local list, err = manager:client().core.listNamespace()
    assert.is_nil(list)
    assert.equal("connect", err.kind)
    for _, url in ipairs(urls) do assert.is_truthy(err.message:find(url, 1, true), err.message) end
  end)
end)
