-- The examples on real API servers.
local clusters = require "spec.support.clusters"
local program = require "spec.support.program"

describe("on a real API server", function()
  local path, contexts

  lazy_setup(function() path, contexts = clusters.start() end)
  lazy_teardown(clusters.stop)

  local function example(name)
    return program.run(("examples/%s.lua"):format(name), path, contexts[1])
  end

  it("the example of a single cluster lists what is there", function()
    local result = example "single_cluster"
    assert.equal(0, result.code, result.err)
    assert.matches("namespaces", result.out)
    assert.matches("\n  kube%-system\n", result.out)
  end)

  it("the example of a pool's events tells of each connection's life", function()
    local result = example "pool_events"
    assert.equal(0, result.code, result.err)
    local created = select(2, result.out:gsub("New connection created: %d+", ""))
    local removed = select(2, result.out:gsub("Connection removed: %d+", ""))
    assert.is_true(created >= 2)
    assert.equal(created, removed)
    assert.equal(3, select(2, result.out:gsub("Connection acquired: %d+", "")))
    assert.equal(3, select(2, result.out:gsub("Connection released: %d+", "")))
  end)
end)
