-- restarts_spec.lua: the test of restarts.lua, with busted, on simulated clusters: in the folder that holds examples/,
--
--   moonpool sim --clusters 2 -- busted --lua=moonpool examples/testing          (--lua: which Lua runs the test; lua5.4 does too)
--
-- `moonpool sim -- COMMAND` starts clusters, runs the command with KUBECONFIG set to them, stops them, and exits as the command did. They
-- behave as API servers do, so what a test prepares, it makes with the same calls as the script: a pod, its status. A test that wants
-- something to go wrong starts a cluster of its own, in the same process, whose faults it sets.
local moonpool = require "moonpool"
local restarts = require "examples.testing.restarts"
local sim = require "moonpool.sim"

--- Makes a pod that was restarted so often.
local function makePod(client, name, count)
  assert(client.core.createNamespacedPod("default", {
    apiVersion = "v1", kind = "Pod", metadata = { name = name },
    spec = { containers = { { name = "main", image = "registry.example/" .. name .. ":1" } } },
  }))
  assert(client.core.patchNamespacedPodStatus(name, "default", { status = { containerStatuses = {
    { name = "main", image = "x", imageID = "x", ready = true, restartCount = count },
  } } }))
end

local function newManager(kubeConfig)
  local manager = moonpool.ConnectionManager {}
  for _, context in ipairs(kubeConfig:getContexts()) do
    assert(manager:addCluster { name = context.name, kubeConfig = kubeConfig, context = context.name })
  end
  return manager
end

describe("restarts", function()
  local manager

  setup(function()
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromDefault()) -- $KUBECONFIG: the clusters that the command was given
    manager = newManager(kubeConfig)
    makePod(assert(manager:client "sim-1"), "calm", 0)
    makePod(assert(manager:client "sim-1"), "nervous", 5000)
    makePod(assert(manager:client "sim-2"), "frantic", 9000)
  end)

  teardown(function() manager:dispose() end)

  it("finds the pods that were restarted often enough, the worst first", function()
    local client = manager:client "sim-1"
    local found = assert(restarts.of(client, 5000))
    assert.same({ { namespace = "default", name = "nervous", restarts = 5000 } }, found)
    local all = assert(restarts.of(client, 0))
    assert.equal("nervous", all[1].name)
    for i = 2, #all do assert.is_true(all[i - 1].restarts >= all[i].restarts) end
  end)

  it("looks in all clusters", function()
    assert.same({ "sim-1: default/nervous: 5000 restarts", "sim-2: default/frantic: 9000 restarts" },
      restarts.report(manager, 1000))
  end)

  it("says which cluster it could not look at, and why", function()
    local own = sim.start { clusters = 2, pods = 0, name = "own" }
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromString(own:kubeconfig()))
    local ofOwn = newManager(kubeConfig)
    makePod(assert(ofOwn:client "own-1"), "nervous", 5000)
    own.byName["own-2"].faults:set { { type = "status", code = 403 } }
    local lines = restarts.report(ofOwn, 1)
    ofOwn:dispose()
    own:stop()
    assert.equal(2, #lines)
    assert.equal("own-1: default/nervous: 5000 restarts", lines[1])
    assert.matches("^own%-2: failed: .*403", lines[2])
  end)
end)
