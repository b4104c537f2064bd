local resources = require("moonpool.sim.resources")
local store = require("moonpool.sim.store")

describe("the store of a simulated cluster", function()
  local pods = resources.builtins()[9]
  local all

  local function put(key) return all:put(pods, key, { metadata = { name = key } }).rv end

  before_each(function() all = store.new() end)

  local function keysAt(rv) return table.concat(assert(all:collection(pods):at(rv)), " ") end

  it("keeps keys sorted", function()
    for _, key in ipairs({ "b/1", "a/2", "a/1", "c/1" }) do put(key) end
    assert.are.equal("a/1 a/2 b/1 c/1", table.concat(all:collection(pods).keys, " "))
    assert.are.same({ 1, 2 }, { all:collection(pods):range("a/") })
    assert.are.same({ 1, 4 }, { all:collection(pods):range("") })
  end)

  it("counts one version for all resources", function()
    local first = put("a/1")
    all:put(resources.builtins()[1], "a/1", { metadata = {} })
    assert.are.equal(first + 2, put("a/2"))
  end)

  it("can still tell what was there at an earlier version", function()
    put("a/1")
    local rv = put("a/2")
    local before = all:get(pods, "a/2")
    put("a/3")
    put("a/2")
    all:remove(pods, "a/1")
    put("a/0")
    assert.are.equal("a/1 a/2", keysAt(rv))
    local _, records = all:collection(pods):at(rv)
    assert.are.equal(before, records["a/2"])
    assert.are.equal("a/0 a/2 a/3", keysAt(all.rv))
  end)

  it("forgets what is compacted", function()
    local rv = put("a/1")
    put("a/2")
    all:compact()
    assert.is_nil(all:collection(pods):at(rv))
    assert.is_false(all:collection(pods):eachSince(rv, error))
    assert.are.equal("a/1 a/2", keysAt(all.rv))
  end)

  it("tells of changes in order, and gives the last state of what is removed a version of its own", function()
    local seen = {}
    local start = put("a/1")
    put("a/1")
    all:remove(pods, "a/1")
    all:collection(pods):eachSince(start, function(event)
      seen[#seen + 1] = event.type .. " " .. event.record.object.metadata.resourceVersion
    end)
    assert.are.same({ "MODIFIED " .. start + 1, "DELETED " .. start + 2 }, seen)
  end)

  it("writes an object alone with its kind, and in a list without", function()
    put("a/1")
    local record = all:get(pods, "a/1")
    assert.are.equal('{"metadata":{"name":"a/1","resourceVersion":"2"}}', record:json())
    assert.are.equal('{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a/1","resourceVersion":"2"}}', record:fullJson())
  end)
end)
