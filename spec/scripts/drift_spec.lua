-- drift_spec.lua: in what an object differs between clusters.
local core = require "moonpool.core"
local scripts = require "spec.support.scripts"

describe("moonpool run drift", function()
  local clusters = scripts.clusters(setup, teardown, after_each, { pods = 0, troubles = false })

  --- The same config map everywhere, but for what is said.
  local function put(kind, name, contents, changes)
    for _, cluster in ipairs(clusters.fleet.names) do
      local client <close> = clusters:client(cluster)
      client.resources[kind].delete(name, { namespace = "shop" })
      local object = { apiVersion = "v1", metadata = { name = name, namespace = "shop" } }
      for key, value in pairs(contents) do object[key] = value end
      for key, value in pairs(changes and changes[cluster] or {}) do object[key] = value end
      if not (changes and changes[cluster] == false) then assert(client.resources[kind].create(object)) end
    end
  end

  it("finds none where only what clusters write themselves differs", function()
    put("configmap", "flags", { data = { a = "1" } })
    local result = clusters:script("drift", "configmap/flags", "-n", "shop", "--check")
    assert.same({ 0, "", "no difference in 3 clusters\n" }, { result.code, result.out, result.err })
  end)

  it("shows each field with both values", function()
    put("configmap", "flags", { data = { a = "1", b = "2" } }, { ["sim-2"] = { data = { a = "9", c = "3" } } })
    local rows = clusters:json("drift", "cm/flags", "-n", "shop").items
    local function short(row) return ("%s %s %s %s"):format(row.cluster, row.field, row.value, row.baseValue) end
    assert.same({ "sim-2 data.a 9 1", "sim-2 data.b - 2", "sim-2 data.c 3 -" }, { short(rows[1]), short(rows[2]), short(rows[3]) })
    assert.equal(1, clusters:script("drift", "cm/flags", "-n", "shop", "--check").code)
    assert.equal(0, clusters:script("drift", "cm/flags", "-n", "shop", "--check", "--ignore", "data").code)
  end)

  it("shows of long values where they differ, in the table", function()
    local long = ("0123456789"):rep(30)
    put("configmap", "flags", { data = { a = long .. "one ü" } }, { ["sim-2"] = { data = { a = long .. "two ü" } } })
    local result = clusters:script("drift", "cm/flags", "-n", "shop")
    assert.matches("\nsim%-2 +data%.a +…567890123456789two ü +sim%-1 +…567890123456789one ü\n$", result.out)
    assert.equal(long .. "two ü", clusters:json("drift", "cm/flags", "-n", "shop").items[1].value)
  end)

  it("compares with the cluster that is named", function()
    put("configmap", "flags", { data = { a = "1" } }, { ["sim-2"] = { data = { a = "9" } } })
    local rows = clusters:json("drift", "cm/flags", "-n", "shop", "--base", "sim-2").items
    assert.same({ ["sim-1"] = 1, ["sim-3"] = 1 }, scripts.tally(rows, "cluster"))
    assert.equal("sim-2", rows[1].base)
    local result = clusters:script("drift", "cm/flags", "-n", "shop", "--base", "sim-9")
    assert.same({ 1, "moonpool run drift: --base sim-9: it is not among the clusters that answered\n" }, { result.code, result.err })
  end)

  it("shows where the object is not", function()
    put("configmap", "flags", { data = { a = "1" } }, { ["sim-3"] = false })
    local rows = clusters:json("drift", "cm/flags", "-n", "shop").items
    assert.same({ 1, "sim-3", "not there" }, { #rows, rows[1].cluster, rows[1].value })
  end)

  it("fails where there is nothing to compare", function()
    local result = clusters:script("drift", "cm/nowhere", "-n", "shop")
    assert.same({ 1, "", "moonpool run drift: no cluster that answered has cm/nowhere in the namespace shop\n" },
      { result.code, result.out, result.err })
    result = clusters:script("drift", "flag/web", "-n", "shop")
    assert.equal(4, result.code)
    assert.matches('sim%-1: cluster "sim%-1" has no resource "flag"', result.err)
    clusters.fleet:fault("sim-3", { type = "die" })
    result = clusters:script("drift", "cm/nowhere", "-n", "shop")
    assert.matches("^1 of 3 clusters failed:\n  sim%-3: [^\n]+\nmoonpool run drift: no cluster that answered has", result.err)
  end)

  it("shows of a secret only that it differs", function()
    put("secret", "login", { data = { password = core.base64 "blue" } }, { ["sim-2"] = { data = { password = core.base64 "green" } } })
    local result = clusters:script("drift", "secret/login", "-n", "shop", "-o", "json")
    assert.matches("data.password", result.out, 1, true)
    assert.is_nil(result.out:find(core.base64 "blue", 1, true))
    assert.is_nil(result.out:find(core.base64 "green", 1, true))
  end)

  it("goes on without a cluster that is down", function()
    put("configmap", "flags", { data = { a = "1" } }, { ["sim-2"] = { data = { a = "9" } } })
    clusters.fleet:fault("sim-1", { type = "die" })
    local document, result = clusters:json("drift", "cm/flags", "-n", "shop")
    assert.same({ 1, "sim-3", "sim-2" }, { #document.items, document.items[1].cluster, document.items[1].base })
    assert.equal(3, result.code)
  end)
end)
