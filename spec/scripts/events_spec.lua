-- events_spec.lua: what happened lately, across clusters.
local scripts = require "spec.support.scripts"

describe("moonpool run events", function()
  local clusters = scripts.clusters(setup, teardown, after_each)

  it("shows those of all clusters in the order in which they happened", function()
    local document = clusters:json "events"
    assert.same({ ["sim-1"] = 4, ["sim-2"] = 4, ["sim-3"] = 4 }, scripts.tally(document.items, "cluster"))
    assert.same({ Failed = 3, BackOff = 6, FailedScheduling = 3 }, scripts.tally(document.items, "reason"))
    for index = 2, #document.items do assert.is_true(document.items[index - 1].time <= document.items[index].time) end
  end)

  it("shows only those that are asked for", function()
    assert.equal(3, #clusters:json("events", "--about", "trainer").items)
    assert.equal(12, #clusters:json("events", "--warnings").items)
    assert.equal(0, #clusters:json("events", "-n", "core").items)
    local client <close> = clusters:client "sim-2"
    local old = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 7200)
    assert(client.resources.event.create { metadata = { name = "old", namespace = "core" }, type = "Normal", reason = "Started",
      message = "Started container", lastTimestamp = old, involvedObject = { kind = "Pod", name = "old", namespace = "core" } })
    assert.equal(0, #clusters:json("events", "-n", "core").items)
    assert.equal("Started", clusters:json("events", "-n", "core", "--since", "3h").items[1].reason)
    assert.equal(0, #clusters:json("events", "-n", "core", "--since", "3h", "--warnings").items)
  end)

  it("goes on without a cluster that is down", function()
    clusters.fleet:fault("sim-2", { type = "die" })
    local document, result = clusters:json "events"
    assert.equal(8, #document.items)
    assert.equal(3, result.code)
    assert.matches("\n  sim%-2: ", result.err)
  end)
end)
