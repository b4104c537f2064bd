local core = require("moonpool.core")
local patch = require("moonpool.sim.patch")
local resources = require("moonpool.sim.resources")

local function decode(text) return assert(core.json.decode(text)) end
local function encode(value) return assert(core.json.encode(value)) end

local function json(document, steps) return encode(patch.json(decode(document), decode(steps))) end

describe("a JSON patch", function()
  it("adds, replaces and removes members and elements", function()
    assert.are.equal('{"a":[1,2,3],"b":1}',
      json('{"a":[1,3]}', '[{"op":"add","path":"/a/1","value":2},{"op":"add","path":"/b","value":1}]'))
    assert.are.equal('{"a":[1,9]}', json('{"a":[1]}', '[{"op":"add","path":"/a/-","value":9}]'))
    assert.are.equal('{"a":[]}', json('{"a":[1]}', '[{"op":"remove","path":"/a/0"}]'))
    assert.are.equal('{"a":{"b/c~":2}}', json('{"a":{"b/c~":1}}', '[{"op":"replace","path":"/a/b~1c~0","value":2}]'))
  end)

  it("moves and copies", function()
    assert.are.equal('{"b":{"x":1}}', json('{"a":{"x":1}}', '[{"op":"move","from":"/a","path":"/b"}]'))
    assert.are.equal('{"a":[1],"b":[1,2]}',
      json('{"a":[1]}', '[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/-","value":2}]'))
  end)

  it("is refused as a whole when a test fails or a place is missing", function()
    for _, steps in ipairs({ '[{"op":"test","path":"/a","value":2}]', '[{"op":"remove","path":"/b"}]',
      '[{"op":"add","path":"/b/c","value":1}]',
      '[{"op":"frob","path":"/a"}]', '[{"op":"remove","path":"/a/0"}]', '[{"op":"replace","path":"a","value":1}]' }) do
      local ok, failure = pcall(json, '{"a":1}', steps)
      assert.is_false(ok)
      assert.are.equal(422, failure.code)
    end
  end)

  it("leaves the document that it was given alone", function()
    local document = decode('{"a":[1]}')
    patch.json(document, decode('[{"op":"add","path":"/a/-","value":2}]'))
    assert.are.equal('{"a":[1]}', encode(document))
  end)
end)

describe("a merge patch", function()
  it("follows the examples of its RFC", function()
    local cases = {
      { '{"a":"b"}', '{"a":"c"}', '{"a":"c"}' }, { '{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}' }, { '{"a":"b"}', '{"a":null}', "{}" },
      { '{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}' }, { '{"a":["b"]}', '{"a":"c"}', '{"a":"c"}' },
      { '{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}' }, { '{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}' },
      { '{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}' }, { '["a","b"]', '["c","d"]', '["c","d"]' }, { '{"a":"b"}', '["c"]', '["c"]' },
      { '{"a":"foo"}', '"bar"', '"bar"' }, { '{"e":null}', '{"a":1}', '{"a":1,"e":null}' }, { "[1,2]", '{"a":"b","c":null}', '{"a":"b"}' },
      { "{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}' },
    }
    for _, case in ipairs(cases) do
      assert.are.equal(case[3], encode(patch.merge(decode(case[1]), decode(case[2]))))
    end
  end)
end)

describe("a strategic merge patch", function()
  local pods
  for _, resource in ipairs(resources.builtins()) do
    if resource.plural == "pods" then pods = resource end
  end
  local function strategic(document, change) return encode(patch.strategic(pods, decode(document), decode(change))) end

  it("merges containers by name and environment variables within them", function()
    assert.are.equal('{"containers":[{"env":[{"name":"A","value":"2"},{"name":"B"}],"name":"x"},{"name":"y"},{"name":"z"}]}',
      strategic('{"containers":[{"name":"x","env":[{"name":"A","value":"1"}]},{"name":"y"}]}',
        '{"containers":[{"name":"x","env":[{"name":"A","value":"2"},{"name":"B"}]},{"name":"z"}]}'))
  end)

  it("deletes and replaces where it is told to", function()
    assert.are.equal('{"containers":[{"name":"y"}]}',
      strategic('{"containers":[{"name":"x"},{"name":"y"}]}', '{"containers":[{"$patch":"delete","name":"x"}]}'))
    assert.are.equal('{"containers":[{"name":"z"}]}',
      strategic('{"containers":[{"name":"x"},{"name":"y"}]}', '{"containers":[{"$patch":"replace"},{"name":"z"}]}'))
    assert.are.equal('{"labels":{"a":"1"}}', strategic('{"labels":{"b":"2"}}', '{"labels":{"$patch":"replace","a":"1"}}'))
  end)

  it("adds to lists of plain values, takes from them, and orders by wish", function()
    assert.are.equal('{"finalizers":["a","b"]}', strategic('{"finalizers":["a"]}', '{"finalizers":["b","a"]}'))
    assert.are.equal('{"finalizers":["b"]}', strategic('{"finalizers":["a","b"]}', '{"$deleteFromPrimitiveList/finalizers":["a"]}'))
    assert.are.equal('{"containers":[{"name":"y"},{"name":"x"}]}', strategic('{"containers":[{"name":"x"},{"name":"y"}]}',
      '{"$setElementOrder/containers":[{"name":"y"},{"name":"x"}]}'))
  end)

  it("replaces lists that have no key, and removes what is null", function()
    assert.are.equal('{"args":["c"]}', strategic('{"args":["a","b"],"x":1}', '{"args":["c"],"x":null}'))
  end)

  it("refuses an element without its key", function()
    local ok, failure = pcall(strategic, '{"containers":[{"name":"x"}]}', '{"containers":[{"image":"y"}]}')
    assert.is_false(ok)
    assert.are.equal(500, failure.code)
  end)
end)
