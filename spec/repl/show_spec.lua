-- show_spec.lua: how the prompt shows values.
local core = require "moonpool.core"
local show = require "moonpool.repl.show"

local now = 1700000000 -- 2023-11-14T22:13:20Z

local function text(value, view)
  view = view or {}
  view.now, view.width = now, view.width or 80
  return show.text(value, view)
end

local function object(kind, name, more)
  local one = { kind = kind, apiVersion = "v1", metadata = { name = name, creationTimestamp = "2023-11-14T22:12:50Z" } }
  for key, value in pairs(more or {}) do one[key] = value end
  return one
end

local function list(kind, ...) return { kind = kind .. "List", apiVersion = "v1", metadata = {}, items = core.json.array { ... } } end

describe("the prompt shows", function()
  it("a list as a table with what is asked of its kind", function()
    assert.equal("NAME      STATUS   AGE\ndefault   Active   30s", text(list("Namespace", object("Namespace", "default",
      { status = { phase = "Active" } }))))
    local pod = object("Pod", "web-1", { spec = { containers = { {}, {} }, nodeName = "node-1" }, status = { phase = "Running",
      containerStatuses = { { ready = true, restartCount = 2 }, { ready = false, restartCount = 1,
        state = { waiting = { reason = "CrashLoopBackOff" } } } } } })
    pod.metadata.namespace = "shop"
    assert.equal("NAMESPACE   NAME    READY   STATUS             RESTARTS   NODE     AGE\n"
      .. "shop        web-1   1/2     CrashLoopBackOff          3   node-1   30s", text(list("Pod", pod)))
    assert.equal("no Pod found", text(list("Pod")))
  end)

  it("what several clusters answered as one table, and their failures below", function()
    local failure = core.newError { kind = "timeout", message = "too slow", cluster = "c" }
    local function answer(name)
      return { ok = true, attempts = 1, duration = 3.7, value = list("Namespace", object("Namespace", name)) }
    end
    assert.equal("CLUSTER   NAME     STATUS   AGE\na         from-a            30s\nb         from-b            30s\n\n"
      .. "CLUSTER   OK   MS   RESULT\nc         no   12   c: too slow (timeout)",
      text { a = answer "from-a", b = answer "from-b", c = { ok = false, attempts = 1, duration = 12.5, err = failure } })
    assert.equal("CLUSTER   OK    MS   RESULT\na         yes    1   { n = 1 }\nb         yes    1   7",
      text { a = { ok = true, attempts = 1, duration = 1, value = { n = 1 } }, b = { ok = true, attempts = 1, duration = 1, value = 7 } })
  end)

  it("lists of Lua with a table too when they hold objects, with the kind when that differs", function()
    assert.equal("KIND     NAME   AGE\nSecret   s      30s\nWidget   w      30s", text { object("Secret", "s"), object("Widget", "w") })
  end)

  it("an object without what nobody reads", function()
    local one = object("ConfigMap", "settings", { data = { colour = "blue" } })
    one.metadata.managedFields, one.metadata.uid = { { manager = "x" } }, "1234"
    assert.equal([[ConfigMap settings {
  data = { colour = "blue" },
  metadata = { creationTimestamp = "2023-11-14T22:12:50Z", name = "settings" }
}]], text(one))
  end)

  it("other tables as Lua writes them, no deeper and no wider than can be read", function()
    assert.equal('{ 1, 2, "x\\n", ["a b"] = null, on = true }', text { 1, 2, "x\n", on = true, ["a b"] = core.null })
    assert.equal("{}", text {})
    assert.equal("{ 1, 2 }", text(core.json.array { 1, 2 }))
    local deep = { a = { b = { c = { d = { e = { f = { g = 1 } } } } } } }
    assert.matches("e = { 1 fields }", text(deep, { width = 200 }), 1, true)
    local loop = {}
    loop.self = loop
    assert.equal("{ self = { see above } }", text(loop))
    for line in text({ long = ("x"):rep(500), other = { ("y"):rep(300) } }, { width = 40 }):gmatch "[^\n]+" do
      assert.is_true(utf8.len(line) <= 41, line)
    end
  end)

  it("tables that fit the window", function()
    local nodes = {}
    for i = 1, 3 do nodes[i] = object("Event", "e" .. i, { message = ("long "):rep(60), reason = "Failed", type = "Warning" }) end
    for line in text(list("Event", table.unpack(nodes)), { width = 70 }):gmatch "[^\n]+" do
      assert.is_true(utf8.len(line) <= 70, line)
    end
  end)

  it("nothing that could talk to the terminal", function()
    assert.equal("a?[2Jb", text "a\27[2Jb")
    assert.equal('{ "?[31m" }', text { "\27[31m" })
    assert.is_nil(text(list("Pod", object("Pod", "evil\27]0;x\7"))):find "[\27\7]")
    assert.equal("one\ntwo", text "one\ntwo")
  end)

  it("json, yaml and names where those are wanted", function()
    local namespaces = list("Namespace", object("Namespace", "a"), object("Namespace", "b"))
    assert.equal("a\nb", text(namespaces, { output = "name" }))
    assert.equal('{\n  "a": [\n    1\n  ]\n}', text({ a = { 1 } }, { output = "json" }))
    assert.equal("a:\n- 1", (text({ a = { 1 } }, { output = "yaml" }):gsub("%- +1", "- 1"):gsub("\n +", "\n")))
    assert.equal("x", text("x", { output = "json" }))
  end)

  it("ages as one number", function()
    local function age(time) return show.age(time, now) end
    assert.equal("30s", age "2023-11-14T22:12:50Z")
    assert.equal("13m", age "2023-11-14T22:00:00Z")
    assert.equal("22h", age "2023-11-14T00:00:00Z")
    assert.equal("13d", age "2023-11-01T00:00:00Z")
    assert.equal("0s", age "2023-11-15T00:00:00Z")
    assert.is_nil(age(nil))
  end)
end)
