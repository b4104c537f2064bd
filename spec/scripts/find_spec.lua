-- find_spec.lua: objects anywhere.
local scripts = require "spec.support.scripts"

describe("moonpool run find", function()
  local clusters = scripts.clusters(setup, teardown, after_each)

  it("finds by part of a name, or by a glob for all of it", function()
    local document = clusters:json("find", "web")
    assert.same({ ["sim-1"] = 1, ["sim-2"] = 1, ["sim-3"] = 1 }, scripts.tally(document.items, "cluster"))
    assert.equal("Secret", document.items[1].kind)
    assert.equal(9, #clusters:json("find", "*-tls").items)
    assert.equal(0, #clusters:json("find", "tls-*").items)
  end)

  it("finds by image, whatever runs it", function()
    local rows = clusters:json("find", "--image", "registry.example/printer:*").items
    assert.same({ Pod = 3 }, scripts.tally(rows, "kind"))
    local kinds = scripts.tally(clusters:json("find", "--image", "frontend").items, "kind")
    assert.is_true(kinds.Pod >= 5 and kinds.Deployment >= 1)
    assert.is_nil(kinds.Service)
  end)

  it("finds by label, kind and namespace", function()
    assert.equal(12, #clusters:json("find", "-l", "trouble=true").items)
    assert.equal(0, #clusters:json("find", "-l", "trouble=true", "-n", "core").items)
    assert.same({ Node = 9 }, scripts.tally(clusters:json("find", "--kind", "no").items, "kind"))
  end)

  it("prints names to go on with", function()
    local out = clusters:script("find", "web-tls", "-o", "name").out
    assert.equal("sim-1/shop/secret/web-tls\nsim-2/shop/secret/web-tls\nsim-3/shop/secret/web-tls\n", out)
  end)

  it("goes on without a cluster that is down", function()
    clusters.fleet:fault("sim-1", { type = "die" })
    local document, result = clusters:json("find", "web-tls")
    assert.equal(2, #document.items)
    assert.equal(3, result.code)
    assert.matches("^1 of 3 clusters failed:\n  sim%-1: ", result.err)
  end)

  it("says that nothing is there", function()
    local result = clusters:script("find", "no-such-thing")
    assert.same({ 0, "", "nothing found in 3 clusters\n" }, { result.code, result.out, result.err })
  end)
end)
