local resources = require("moonpool.sim.resources")
local selectors = require("moonpool.sim.selectors")

local function accepts(selector, labels) return selectors.labels(selector)(labels) end

local function failureOf(fn, ...)
  local ok, failure = pcall(fn, ...)
  assert.is_false(ok)
  return failure.body
end

describe("a label selector", function()
  it("compares with =, == and !=", function()
    assert.is_true(accepts("app=web", { app = "web" }))
    assert.is_false(accepts("app==web", { app = "db" }))
    assert.is_true(accepts("app!=web", {}))
    assert.is_true(accepts("app=", { app = "" }))
    assert.is_false(accepts("app=", {}))
  end)

  it("knows sets, presence and absence, all at once", function()
    local selector = "app in (web, db),tier notin (test),!old, team"
    assert.is_true(accepts(selector, { app = "db", team = "a" }))
    assert.is_false(accepts(selector, { app = "db", team = "a", old = "" }))
    assert.is_false(accepts(selector, { app = "db", team = "a", tier = "test" }))
    assert.is_false(accepts(selector, { app = "api", team = "a" }))
    assert.is_false(accepts(selector, { app = "db" }))
  end)

  it("compares integers with < and >", function()
    assert.is_true(accepts("rank>3", { rank = "10" }))
    assert.is_false(accepts("rank<3", { rank = "10" }))
    assert.is_false(accepts("rank>3", { rank = "high" }))
  end)

  it("reads keys with a prefix", function()
    assert.is_true(accepts("kubernetes.io/os=linux", { ["kubernetes.io/os"] = "linux" }))
  end)

  it("is nothing when it is empty", function()
    assert.is_nil(selectors.labels(""))
    assert.is_nil(selectors.labels("  "))
    assert.is_nil(selectors.labels(nil))
  end)

  it("says what is wrong as a real server does", function()
    local cases = {
      ["a in"] = "unable to parse requirement: found '' expected: '('",
      ["a==b,,"] = "found ',', expected: identifier after ','",
      ["a foo b"] = "unable to parse requirement: found 'foo', expected: '=', '!=', '==', 'in', notin'",
      ["("] = "found '(', expected: !, identifier, or 'end of string'",
    }
    for selector, message in pairs(cases) do
      local body = failureOf(selectors.labels, selector)
      assert.are.equal(message, body.message)
      assert.are.equal(400, body.code)
    end
  end)
end)

describe("a field selector", function()
  local pods, configMaps
  for _, resource in ipairs(resources.builtins()) do
    if resource.plural == "pods" then pods = resource end
    if resource.plural == "configmaps" then configMaps = resource end
  end
  local pod = { metadata = { name = "a", namespace = "ns" }, spec = { nodeName = "n1" }, status = { phase = "Running" } }

  it("reads the fields that the kind offers", function()
    assert.is_true(selectors.fields("status.phase=Running,spec.nodeName!=n2", pods)(pod))
    assert.is_false(selectors.fields("spec.nodeName=", pods)(pod))
    assert.is_true(selectors.fields("metadata.namespace==ns", configMaps)(pod))
  end)

  it("refuses other fields", function()
    assert.are.equal("field label not supported: spec.foo", failureOf(selectors.fields, "spec.foo=1", pods).message)
    assert.are.equal('"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
      failureOf(selectors.fields, "data.x=1", configMaps).message)
    assert.are.equal("invalid selector: 'foo'; can't understand 'foo'", failureOf(selectors.fields, "foo", pods).message)
  end)

  it("takes a protected comma as part of the value", function()
    assert.is_true(selectors.fields("metadata.name=a\\,b", pods)({ metadata = { name = "a,b" } }))
  end)
end)
