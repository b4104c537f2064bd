local client = require("spec.support.sim_client")

local CONFIGMAP = "/api/v1/namespaces/default/configmaps/a"
local DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/d"

describe("server-side apply on a simulated cluster", function()
  local api

  before_each(function() api = client.start({ clusters = 1, pods = 0 }) end)
  after_each(function() api:stop() end)

  local function apply(manager, data, more)
    return api:patch(CONFIGMAP .. "?fieldManager=" .. manager .. (more or ""), "apply",
      { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "a" }, data = data })
  end

  local function containers(manager, list)
    local template = { metadata = { labels = { a = "b" } }, spec = { containers = list } }
    return api:patch(DEPLOYMENT .. "?fieldManager=" .. manager, "apply", { apiVersion = "apps/v1", kind = "Deployment",
      metadata = { name = "d" }, spec = { selector = { matchLabels = { a = "b" } }, template = template } })
  end

  it("creates what is not there, and wants to know who applies", function()
    local made, code = assert(apply("one", { x = "1" }))
    assert.are.equal(201, code)
    assert.are.same({ "one", "Apply" }, { made.metadata.managedFields[1].manager, made.metadata.managedFields[1].operation })
    local result, err = api:patch(CONFIGMAP, "apply", { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "a" } })
    assert.is_nil(result)
    assert.are.equal(422, err.status)
  end)

  it("conflicts with what others own and want otherwise, unless it is forced", function()
    assert(apply("one", { x = "1", y = "1" }))
    local result, err = apply("two", { x = "2" })
    assert.is_nil(result)
    assert.are.same({ 409, ".data.x" }, { err.status, err.details.causes[1].field })
    assert.are.same({ x = "2", y = "1" }, assert(apply("two", { x = "2" }, "&force=true")).data)
    assert.are.same({ x = "2" }, assert(apply("one", { x = "2" })).data)
  end)

  it("takes away what its manager no longer applies, but not what others own", function()
    assert(apply("one", { x = "1", y = "1" }))
    assert(apply("two", { y = "1" }))
    assert.are.same({ y = "1", z = "1" }, assert(apply("one", { z = "1" })).data)
  end)

  it("conflicts with plain writes too", function()
    assert(apply("one", { x = "1" }))
    assert(api:patch(CONFIGMAP .. "?fieldManager=editor", "merge", { data = { x = "2" } }))
    local result, err = apply("one", { x = "1" })
    assert.is_nil(result)
    assert.truthy(err.message:find('conflict with "editor" using v1: .data.x', 1, true))
  end)

  it("merges containers by name", function()
    assert(containers("one", { { name = "x", image = "i:1" }, { name = "y", image = "i:1" } }))
    assert(containers("two", { { name = "x", image = "i:1", env = { { name = "A", value = "1" } } } }))
    local list = assert(containers("one", { { name = "x", image = "i:1" } })).spec.template.spec.containers
    assert.are.equal(1, #list)
    assert.are.same({ "x", "i:1", "A" }, { list[1].name, list[1].image, list[1].env[1].name })
  end)

  it("changes nothing when nothing is to change", function()
    local first = assert(apply("one", { x = "1" }))
    assert.are.equal(first.metadata.resourceVersion, assert(apply("one", { x = "1" })).metadata.resourceVersion)
  end)
end)
