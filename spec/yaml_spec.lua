-- YAML to Lua and back, as kubectl reads it.

local moonpool = require("moonpool")
local json, yaml = moonpool.json, moonpool.yaml

--- The beginning of a text as the name of a spec, in one line.
local function shown(text)
  return (("%q"):format(text:sub(1, 60)):gsub("\\\n", "\\n"))
end

--- What YAML says, as JSON.
local function read(text)
  return assert(json.encode((assert(yaml.decode(text)))))
end

describe("moonpool.yaml", function()
  describe("reads the plain scalar", function()
    for expected, scalars in pairs {
      ["true"] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y" },
      ["false"] = { "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N" },
      ["null"] = { "null", "Null", "NULL", "~", "" },
      ["8"] = { "8", "+8", "010", "0o10", "0b1000", "0x8", "0_8", "8.0", "08", "8e0" },
      ["-3"] = { "-3", "-0b11", "-0x3", "-03", "-3.0" },
      ["1000"] = { "1000", "1_000", "1e3", "1E3", "1e+3", "1000." },
      ["0.5"] = { ".5", "0.5", "+.5", "5e-1" },
      ["0"] = { "0", "-0", "0.0", "00" },
      ["9223372036854775807"] = { "9223372036854775807", "0x7fffffffffffffff" },
      ["18446744073709551615"] = { "18446744073709551615", "0xFFFFFFFFFFFFFFFF" },
      ["18446744073709551616"] = { "18446744073709551616", "+18446744073709551616" },
      ["1e+30"] = { "1e30", "1e3_0" },
      ["1e400"] = { "1e400" },
    } do
      for _, scalar in ipairs(scalars) do
        it(("%q as %s"):format(scalar, expected), function()
          assert.equal('{"a":' .. expected .. "}", read("a: " .. scalar))
        end)
      end
    end
    for _, scalar in ipairs {
      "yEs", "tRue", "nULL", "1:30", "12:30:45", "2001-01-01", "2001-12-14T21:59:43Z", "0x", "0b12", "0o8", "1e", "1.2.3", "_1",
      "1 000", "10.0.0.1", "=", "0xFFFFFFFFFFFFFFFFFF", "--1", "+", "-x", ".", "..", "1e3.5", "v1", "0.5s", "100m", "Infinity",
      "nan", ".e1",
    } do
      it(("%q as a string"):format(scalar), function()
        assert.equal(json.encode { a = scalar }, read("a: " .. scalar))
      end)
    end
    it(".inf and .nan as floats", function()
      local value = yaml.decode("[.inf, -.Inf, +.INF, .nan]")
      assert.same({ math.huge, -math.huge, math.huge }, { value[1], value[2], value[3] })
      assert.is_true(value[4] ~= value[4])
    end)
  end)

  describe("reads", function()
    for text, expected in pairs {
      ["a: 'yes'\nb: \"1\"\nc: '~'\nd: |\n  1\n"] = '{"a":"yes","b":"1","c":"~","d":"1\\n"}',
      ["a: []\nb: {}\nc:\n"] = '{"a":[],"b":{},"c":null}',
      ["- 1\n- - 2\n  - 3\n"] = "[1,[2,3]]",
      ['{"a": [1, 2.5, null, "\\u00e9\\0"]}'] = '{"a":[1,2.5,null,"é\\u0000"]}',
      ["\u{feff}a: 1\r\nb: 2\r\n"] = '{"a":1,"b":2}',
      ["a: >-\n  folded\n  text\n\n  two\n"] = '{"a":"folded text\\ntwo"}',
      ["a: |+\n  kept\n\n"] = '{"a":"kept\\n\\n"}',
      ["1: a\nyes: b\n1.5: c\n010: d\non: e\n1e30: f\n"] = '{"1":"a","1.5":"c","1e+30":"f","8":"d","true":"e"}',
      ["a: 1\na: 2\n"] = '{"a":2}',
      ["base: &b {x: 1, z: 2}\nm: *b\n"] = '{"base":{"x":1,"z":2},"m":{"x":1,"z":2}}',
      ["b: &b {x: 1, z: 2}\nm: {<<: *b, x: 9}\n"] = '{"b":{"x":1,"z":2},"m":{"x":9,"z":2}}',
      ["b: &b {x: 1, z: 2}\nm: {x: 9, <<: *b}\n"] = '{"b":{"x":1,"z":2},"m":{"x":1,"z":2}}',
      ["b: &b {x: 1}\nm: {<<: [*b, {x: 5, z: 3}]}\n"] = '{"b":{"x":1},"m":{"x":1,"z":3}}',
      ["b: &b {x: 1}\nm: {'<<': *b}\n"] = '{"b":{"x":1},"m":{"<<":{"x":1}}}',
      ["a: &x 1\nb: *x\nc: &x 2\nd: *x\n"] = '{"a":1,"b":1,"c":2,"d":2}',
      ["&k key: 1\nb: *k\n"] = '{"b":"key","key":1}',
      ["a: &f false\nb: *f\n"] = '{"a":false,"b":false}',
      ["[!!str 1, !!int '1', !!float 1, !!bool 'yes', !Foo bar, !!null '', !!binary aGVsbG8=, !!timestamp 2001-01-01]"] =
        '["1",1,1,true,"bar",null,"hello","2001-01-01"]',
      ["# nothing but a comment\n"] = "null",
      ["# c\n---\n---\na: 1\n...\n"] = '{"a":1}',
    } do
      it(shown(text), function() assert.equal(expected, read(text)) end)
    end
  end)

  it("reads all documents of a text, leaving out those without content", function()
    local documents = assert(yaml.decodeAll("a: 1\n---\n---\n# c\n---\n- 2\n---\n''\n"))
    assert.equal('[{"a":1},[2],""]', json.encode(documents))
    assert.equal("[]", json.encode(assert(yaml.decodeAll(""))))
  end)

  it("gives each alias a value of its own", function()
    local value = yaml.decode("a: &x {l: [1]}\nb: *x\n")
    value.b.l[1] = 2
    assert.equal('{"a":{"l":[1]},"b":{"l":[2]}}', json.encode(value))
  end)

  describe("refuses", function()
    local bomb = { "a: &a [x,x,x,x,x,x,x,x,x,x]\n" }
    for i = 1, 9 do
      local name, inner = string.char(97 + i), string.char(96 + i)
      bomb[#bomb + 1] = ("%s: &%s [%s]\n"):format(name, name, ("*" .. inner .. ","):rep(10))
    end
    local deep = { "- &a0 [x]\n" }
    for i = 1, 1100 do deep[#deep + 1] = ("- &a%d [*a%d]\n"):format(i, i - 1) end
    for text, expected in pairs {
      ["a: [1\n"] = "line 2, column 1: while parsing a flow sequence did not find expected ',' or ']'",
      ["a: b: c"] = "line 1, column 5: mapping values are not allowed in this context",
      ["a: *x"] = "line 1, column 4: an alias without an anchor of that name before it",
      ["a: &x 1\n---\nb: *x"] = "line 3, column 4: an alias without an anchor of that name before it",
      ["a: &a [*a]"] = "line 1, column 8: an alias inside the value that it stands for",
      ["a: !!int abc"] = "line 1, column 4: a value that is no !!int",
      ["a: !!int 1.5"] = "line 1, column 4: a value that is no !!int",
      ["a: !!binary '*'"] = "line 1, column 4: !!binary that is not base64",
      ["<<: 1"] = "line 1, column 5: expected an object, or an array of objects, to merge",
      ["<<: [1]"] = "line 1, column 5: expected an object, or an array of objects, to merge",
      ["~: 1"] = "line 1, column 1: a key that is neither a string nor a number nor a boolean",
      ["? [a]\n: 1"] = "line 1, column 3: a key that is neither a string nor a number nor a boolean",
      [".inf: 1"] = "line 1, column 1: a key that is not a finite number",
      ["a: \"\xff\""] = "byte 5: invalid leading UTF-8 octet",
      [table.concat(bomb)] = "line 6, column 29: aliases make the text too big",
      [table.concat(deep)] = "line 1000, column 10: aliases make the text too deep",
      [("["):rep(1001)] = "line 1, column 1001: nested deeper than 1000 levels",
    } do
      it(shown(text), function()
        local value, err = yaml.decode(text)
        assert.is_nil(value)
        assert.equal("not YAML: " .. expected, err.message)
      end)
    end
    it("several documents where one is expected", function()
      local value, err = yaml.decode("a: 1\n---\nb: 2\n")
      assert.is_nil(value)
      assert.equal("2 documents in one text: decodeAll reads them all", err.message)
    end)
  end)

  describe("writes so that the same string is read back:", function()
    for _, text in ipairs {
      "", " ", "yes", "No", "ON", "y", "n", "true", "null", "Null", "~", "1", "-1", "+1", "1e3", "0x10", "010", "0o7", "1_000", ".5",
      "1.0", ".inf", ".nan", "1:30", "2001-01-01", "10.0.0.1", "=", "<<", "-", "--", "---", "...", "- x", "? x", ":", "a: b", "a:",
      ":a", "#", "# c", "a #b", "a#b", "[a", "{a", "]", "}", ",", "a, b", "*x", "&x", "!x", "|", ">", "> x", "%x", "@x", "`x",
      "'q'", '"dq"', "it's", "hello world", " lead", "trail ", "\tx", "x\t", "a\tb", "a\nb", "a\nb\n", "a\nb\n\n", "\n", "\n\n", "\na",
      " a\nb",
      "a \nb", "a\n \nb", "a\n\nb", "a\n  b\n", "# c\nb", "- a\n- b\n", "a: b\nc: d\n", "---\na", "a\n---\nb\n", "...\nb",
      "tab\there\nline", "a\r\nb", "\r",
      "nul\0x", "\1", "\127", "é", "é\nß", "\u{85}", "a\u{85}\nb", "\u{2028}", "a\u{2029}\nb", "\u{feff}x", "\u{1f600}", "\u{1f600}\nx",
      "\u{fffd}", "\\", "\\n", ("long "):rep(60), ("x"):rep(300), ("line\n"):rep(50), "%YAML 1.1", "!!str x", "key: |\n  text\n",
    } do
      it(shown(text), function()
        local value = { text, { [text] = text, plain = { text } } }
        local written = assert(yaml.encode(value))
        assert.same(value, (assert(yaml.decode(written))))
        assert.equal(text, (assert(yaml.decode((assert(yaml.encode(text)))))))
      end)
    end
  end)

  it("writes what JSON holds: null, empty arrays and objects, big numbers", function()
    local text = '{"a":[],"b":{},"c":null,"d":[1,-9223372036854775808,18446744073709551616,0.1,1e+300,true,[[],{}]]}'
    assert.equal(text, read(assert(yaml.encode(json.decode(text)))))
  end)

  it("writes as people do", function()
    assert.equal([[
apiVersion: v1
data:
  config: |
    one
    two
  enabled: "yes"
  port: "80"
  url: https://example.com/?a=b
kind: ConfigMap
metadata:
  labels: {}
  name: web
  ownerReferences: []
]], yaml.encode {
      apiVersion = "v1",
      kind = "ConfigMap",
      metadata = { name = "web", labels = {}, ownerReferences = moonpool.array {} },
      data = { config = "one\ntwo\n", enabled = "yes", port = "80", url = "https://example.com/?a=b" },
    })
    assert.equal("- 1\n- a\n- - true\n", yaml.encode { 1, "a", { true } })
  end)

  it("refuses to write what JSON refuses", function()
    local text, err = yaml.encode { spec = { template = print } }
    assert.is_nil(text)
    assert.equal("cannot be written as YAML: .spec.template is a function", err.message)
    assert.equal("cannot be written as YAML: .a is an infinite number", select(2, yaml.encode { a = math.huge }).message)
  end)

  it("says in which line members begin, also in copies, and minds keys that are there twice", function()
    local value, lines = yaml.decodeWithLines "a: 1\nb:\n  - x\n  - c: 2\nd: &d\n  e: {f: 1}\ng: *d\nh:\n  <<: *d\n  i: 1\n"
    assert.same({ a = 1, b = 2, d = 5, g = 7, h = 8 }, lines[value])
    assert.same({ 3, 4 }, lines[value.b])
    assert.same({ e = 6 }, lines[value.g])
    assert.same({ i = 10 }, lines[value.h]) -- what was merged has no line of its own
    assert.same({ f = 6 }, lines[value.h.e])
    local nothing, err = yaml.decodeWithLines "a: 1\nb: {c: 1,\n c: 2}\n"
    assert.is_nil(nothing)
    assert.equal('not YAML: line 3, column 2: the key "c" was there before, in line 2', err.message)
  end)
end)
