-- Attaching to a program that works on two real clusters.
local clusters = require "spec.support.clusters"
local serving = require "spec.support.serving"

describe("on real API servers", function()
  it("a program follows who is attached: a weight, a cluster drained, a strategy; no read fails", function()
    local path, contexts = clusters.start()
    finally(clusters.stop)
    local one, two = contexts[1], contexts[2]
    local server <close> = serving.start(path, { one, two })
    local shares = server:shares(100)
    assert.is_true(shares[one] > 30 and shares[two] > 30)

    server:value(("manager:setWeight('%s', 9)"):format(one))
    shares = server:shares(100)
    assert.is_true(shares[one] > 4 * shares[two])

    server:value(("manager:disableCluster('%s') while manager:getStats()['%s'].inFlight > 0 do moonpool.sleep(5) end"):format(one, one))
    shares = server:shares(100)
    assert.equal(0, shares[one])

    server:value(("manager:enableCluster('%s') manager:setStrategy(function() return '%s' end)"):format(one, one))
    shares = server:shares(100)
    assert.equal(0, shares[two])

    assert.matches("\n" .. one:gsub("%-", "%%-") .. " +healthy", server:value ":clusters")
    server:goesOn()
    assert.matches("failed: 0\n$", server:finish())
  end)
end)
