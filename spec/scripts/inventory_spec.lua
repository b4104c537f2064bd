-- inventory_spec.lua: what each cluster is and has.
local scripts = require "spec.support.scripts"

describe("moonpool run inventory", function()
  local clusters = scripts.clusters(setup, teardown, after_each, { troubles = false, nodes = 2 })

  it("counts what there is", function()
    local rows = clusters:json("inventory").items
    assert.equal(3, #rows)
    local client <close> = clusters:client "sim-2"
    local running = 0
    for pod in client.resources.pod.each() do running = running + (pod.status.phase == "Running" and 1 or 0) end
    local row = rows[2]
    assert.matches("^v1%.", row.version)
    assert.same({ "sim-2", "2/2", 32, 126, 8, 20, 20 - running },
      { row.cluster, row.nodes, row.cpu, row.memoryGi, row.namespaces, row.pods, row.notRunning })
    assert.matches("^%d/4$", row.deployments)
  end)

  it("sees a node that is not ready", function()
    local client <close> = clusters:client "sim-3"
    assert(client.resources.node.patch("node-1", { status = { conditions = { { type = "Ready", status = "False" } } } },
      { subresource = "status" }))
    assert.equal("1/2", clusters:json("inventory").items[3].nodes)
  end)
end)
