-- events_spec.lua: what happened lately, across clusters.
local core = require "moonpool.core"
local process = require "spec.support.process"
local program = require "spec.support.program"
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

  it("goes on with what happens when it is to follow", function()
    clusters.fleet:fault("sim-2", { type = "die" })
    local events = process.start(("%s --kubeconfig %s run events -c 'sim-?' -n core --follow -o json"):format(program.path,
      clusters.fleet.kubeconfig))
    process.waitUntil(function() return events:text():find "1 of 3 clusters failed:\n  sim%-2: [^\n]+\n" end, "the list")
    for number, cluster in ipairs { "sim-1", "sim-3", "sim-1" } do
      local client <close> = clusters:client(cluster)
      assert(client.resources.event.create { metadata = { name = "n-" .. number, namespace = "core" }, type = "Normal", reason = "Tried",
        message = "number " .. number, lastTimestamp = os.date "!%Y-%m-%dT%H:%M:%SZ",
        involvedObject = { kind = "Pod", name = "one", namespace = "core" } })
      process.waitUntil(function() return events:text():find('"number ' .. number, 1, true) end, "an event")
    end
    assert.equal(130, events:stop())
    local seen = {}
    for line in events.last:gmatch "{[^\n]+}" do
      local row = assert(core.json.decode(line))
      seen[#seen + 1] = ("%s %s"):format(row.cluster, row.message)
    end
    assert.same({ "sim-1 number 1", "sim-3 number 2", "sim-1 number 3" }, seen)
  end)

  it("goes on without a cluster that is down", function()
    clusters.fleet:fault("sim-2", { type = "die" })
    local document, result = clusters:json("events", "-n", "shop")
    assert.equal(8, #document.items)
    assert.equal(3, result.code)
    assert.matches("\n  sim%-2: ", result.err)
  end)
end)
