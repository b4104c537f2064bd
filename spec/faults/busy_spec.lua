-- A script that burns the CPU stops nothing but itself.
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local sim = require "spec.support.sim"

describe("while a script computes for three seconds", function()
  it("connections are checked, and replaced when they are lost", function()
    local clusters = sim.start { clusters = 2, pods = 0 }
    local client = assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1",
      connectionPoolConfig = { minConnections = 2, healthCheckInterval = 300 } })
    eventually(3000, "warm-up", function() return client:getPoolStats().idle == 2 end)
    clusters:resetStats "sim-1"
    local accepted = clusters:stats("sim-1").connections.accepted
    -- Somebody else resets all connections in the meantime.
    os.execute(("(sleep 1.5; curl -sk -X POST -H 'Authorization: Bearer %s' '%s/_sim/drop?cluster=sim-1') >/dev/null 2>&1 &"):format(
      clusters.clusters[2].token, clusters.clusters[2].server))
    local start = os.clock()
    local x = 0
    while os.clock() - start < 3 do x = x + 1 end
    local stats = clusters:stats "sim-1" -- before the Lua thread let anything else happen
    -- Two connections, checked every 300 ms (10 % more or less), are checked 18 times in 3 s; new ones begin with one.
    assert.is_true(stats.requests["GET /livez"] >= 12, stats.requests["GET /livez"])
    assert.is_true(stats.connections.accepted >= accepted + 2, stats.connections.accepted)
    assert.equal(2, stats.connections.open)
    assert.equal(2, client:getPoolStats().idle)
    assert(client.core.listNamespace { retries = 0 })
    client:dispose()
    clusters:stop()
  end)
end)
