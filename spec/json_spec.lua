-- JSON to Lua and back: what is kept, what is refused, and with which words.

local moonpool = require("moonpool")
local json, null = moonpool.json, moonpool.null

--- A text as the name of a spec, in one line.
local function shown(text)
  return (("%q"):format(text):gsub("\\\n", "\\n"))
end

--- What is read and written again.
local function again(text)
  local value, err = json.decode(text)
  return assert(json.encode(assert(value ~= nil and { value }, err)[1]))
end

describe("moonpool.json", function()
  describe("reads and writes unchanged", function()
    for _, text in ipairs {
      "{}", "[]", "null", "true", "false", '""', "0", "-1", "[[]]", "[{}]", '{"a":{}}', '{"a":[]}', "[null]", '{"a":null}',
      "[1,null,2]", "[null,null]", '{"":1}', '{"a":{"b":{"c":[[[1]]]}}}',
      "9007199254740993", "9223372036854775807", "-9223372036854775808", -- exact where a double is not
      "9223372036854775808", "-9223372036854775809", "18446744073709551615", "123456789012345678901234567890",
      "1.0", "-0.0", "0.1", "1.5", "1e+300", "4.94065645841247e-324", "1.7976931348623157e+308", "0.30000000000000004", "1e400", "-1E400",
      [["a\u0000b"]], [["\u0001\u001f"]], [["\b\f\n\r\t\"\\"]], '"/"', '"\u{7f}"', '"é"', '"\u{20ac}"', '"\u{1f600}"',
      '"\u{2028}\u{2029}"', '"\u{feff}"',
    } do
      it(shown(text), function() assert.equal(text, again(text)) end)
    end
  end)

  describe("reads", function()
    for text, expected in pairs {
      [' \t\r\n{ "a" : [ 1 , 2 ] } \n'] = '{"a":[1,2]}',
      ['{"b":1,"a":2}'] = '{"a":2,"b":1}',
      ['{"a":1,"a":2}'] = '{"a":2}',
      ['{"a":1,"b":0,"a":null}'] = '{"a":null,"b":0}',
      ['{"a":[1],"a":{}}'] = '{"a":{}}',
      ["-0"] = "-0.0",
      ["1E2"] = "100.0",
      ["1.10"] = "1.1",
      ["1e-400"] = "0.0",
      ["0e999999999"] = "0.0",
      ["100000000000000000000.5"] = "1e+20",
      [ [["\u0041\/\u00e9\u20AC"]] ] = '"A/é€"',
      [ [["\ud83d\ude00"]] ] = '"\u{1f600}"',
      [ [["\ud800"]] ] = '"\u{fffd}"',
      [ [["\ud800x\udc00"]] ] = '"\u{fffd}x\u{fffd}"',
      [ [["\ud83d\ud83d\ude00"]] ] = '"\u{fffd}\u{1f600}"',
      [ [["\ud83d\u0041"]] ] = '"\u{fffd}A"',
      [ [["\ud83d\n"]] ] = '"\u{fffd}\\n"',
    } do
      it(shown(text) .. " as " .. expected, function() assert.equal(expected, again(text)) end)
    end
  end)

  describe("refuses", function()
    for text, expected in pairs {
      [""] = "line 1, column 1: expected a value, got the end of the text",
      ["  \n "] = "line 2, column 2: expected a value, got the end of the text",
      ["[1,2"] = "line 1, column 5: expected ',' or ']', got the end of the text",
      ["[1,]"] = "line 1, column 4: expected a value, got ']'",
      ["[,1]"] = "line 1, column 2: expected a value or ']', got ','",
      ["[1 2]"] = "line 1, column 4: expected ',' or ']', got '2'",
      ["[1}"] = "line 1, column 3: expected ',' or ']', got '}'",
      ['{"a":1]'] = "line 1, column 7: expected ',' or '}', got ']'",
      ['{"a":1,}'] = "line 1, column 8: expected a key in quotes, got '}'",
      ["{a:1}"] = "line 1, column 2: expected a key in quotes or '}', got 'a'",
      ["{1:1}"] = "line 1, column 2: expected a key in quotes or '}', got '1'",
      ['{"a"}'] = "line 1, column 5: expected ':', got '}'",
      ['{"a":}'] = "line 1, column 6: expected a value, got '}'",
      ['{"a"'] = "line 1, column 5: expected ':', got the end of the text",
      ['{\n "a": 1,\n "b": x\n}'] = "line 3, column 7: expected a value, got 'x'",
      ["1 2"] = "line 1, column 3: expected nothing after the value, got '2'",
      ["{}}"] = "line 1, column 3: expected nothing after the value, got '}'",
      ["<html>"] = "line 1, column 1: expected a value, got '<'",
      ["\u{feff}{}"] = "line 1, column 1: expected a value, got byte 0xef",
      ["01"] = "line 1, column 2: expected no digit after a leading 0, got '1'",
      ["-"] = "line 1, column 2: expected a digit, got the end of the text",
      ["-x"] = "line 1, column 2: expected a digit, got 'x'",
      ["+1"] = "line 1, column 1: expected a value, got '+'",
      [".5"] = "line 1, column 1: expected a value, got '.'",
      ["1."] = "line 1, column 3: expected a digit, got the end of the text",
      ["[1.]"] = "line 1, column 4: expected a digit, got ']'",
      ["1e"] = "line 1, column 3: expected a digit, got the end of the text",
      ["[1e+]"] = "line 1, column 5: expected a digit, got ']'",
      ["0x10"] = "line 1, column 2: expected nothing after the value, got 'x'",
      ["1-2"] = "line 1, column 2: expected nothing after the value, got '-'",
      ["NaN"] = "line 1, column 1: expected a value, got 'N'",
      ["tru"] = "line 1, column 4: expected 'true', got the end of the text",
      ["[nul]"] = "line 1, column 5: expected 'null', got ']'",
      ["True"] = "line 1, column 1: expected a value, got 'T'",
      ["truefalse"] = "line 1, column 5: expected nothing after the value, got 'f'",
      ['"abc'] = "line 1, column 1: the string that begins here does not end",
      ['["abc\\"]'] = "line 1, column 2: the string that begins here does not end",
      ['"a\nb"'] = "line 1, column 3: expected no control character in a string, got byte 0x0a",
      ['"a\0b"'] = "line 1, column 3: expected no control character in a string, got byte 0x00",
      ["'a'"] = "line 1, column 1: expected a value, got '''",
      [ [["\x"]] ] = "line 1, column 3: expected one of \" \\ / b f n r t u after a backslash, got 'x'",
      [ [["\u12"]] ] = "line 1, column 6: expected four hexadecimal digits after \\u, got '\"'",
      [ [["\u12g4"]] ] = "line 1, column 6: expected four hexadecimal digits after \\u, got 'g'",
      ['"\xff"'] = "line 1, column 2: expected UTF-8, got byte 0xff",
      ['"ab\xc3"'] = "line 1, column 4: expected UTF-8, got byte 0xc3",
      ['"\xc0\x80"'] = "line 1, column 2: expected UTF-8, got byte 0xc0",
      ['"\xed\xa0\x80"'] = "line 1, column 2: expected UTF-8, got byte 0xed",
      ['"\xf5\x80\x80\x80"'] = "line 1, column 2: expected UTF-8, got byte 0xf5",
      ['{"\xff":1}'] = "line 1, column 3: expected UTF-8, got byte 0xff",
    } do
      it(shown(text), function()
        local value, err = json.decode(text)
        assert.is_nil(value)
        assert.equal("not JSON: " .. expected, err.message)
      end)
    end
  end)

  it("reads 1,000 levels and refuses 1,001", function()
    local deep = ("["):rep(1000) .. ("]"):rep(1000)
    assert.equal(deep, again(deep))
    local objects = ('{"a":'):rep(1000) .. "1" .. ("}"):rep(1000)
    assert.equal(objects, again(objects))
    local value, err = json.decode("[" .. deep .. "]")
    assert.is_nil(value)
    assert.equal("not JSON: line 1, column 1001: nested deeper than 1000 levels", err.message)
  end)

  it("gives integers, floats and nulls their kinds", function()
    local read = json.decode('{"i":3,"f":3.0,"n":null,"big":18446744073709551616}')
    assert.equal("integer", math.type(read.i))
    assert.equal("float", math.type(read.f))
    assert.equal(null, read.n)
    assert.equal("null", tostring(null))
    assert.equal("18446744073709551616", tostring(read.big))
    assert.equal(2.0 ^ 64, read.big + 0)
    assert.is_true(read.big > 1 and read.big <= read.big and 1 < read.big)
    assert.is_true(read.big == json.decode("18446744073709551616"))
    assert.is_false(read.big == json.decode("18446744073709551617"))
    assert.equal("<18446744073709551616>", "<" .. read.big .. ">")
  end)

  it("keeps arrays arrays and objects objects when a script empties them", function()
    local read = json.decode('{"a":[1],"o":{"x":1}}')
    read.a[1], read.o.x = nil, nil
    assert.equal('{"a":[],"o":{}}', json.encode(read))
  end)

  it("reads an array longer than Lua's stack is high", function()
    local parts = {}
    for i = 1, 1200000 do parts[i] = tostring(i) end
    local text = "[" .. table.concat(parts, ",") .. "]"
    local read = json.decode(text)
    assert.equal(1200000, #read)
    assert.equal(1200000, read[1200000])
    assert.is_true(json.encode(read) == text)
  end)

  it("reads and writes an object with more members than Lua's stack has places, last of equal keys first", function()
    local parts = {}
    for i = 1, 600000 do parts[i] = ('"k%06d":%d'):format(i, i) end
    local text = "{" .. table.concat(parts, ",") .. "}"
    assert.is_true(again(text) == text)
    local read = json.decode(text:sub(1, -2) .. ',"k000001":"last"}')
    assert.equal("last", read.k000001)
  end)

  it("reads long arrays in deep levels", function()
    local inner = "[" .. ("1,"):rep(2000) .. "1]"
    local text = inner
    for _ = 1, 400 do text = "[" .. ("0,"):rep(500) .. text .. ',{"k":[]}]' end
    assert.is_true(again(text) == text)
  end)

  describe("writes", function()
    it("tables with keys 1 to n as arrays, with strings as objects with sorted keys, empty ones as objects", function()
      assert.equal('[1,"a",true]', json.encode { 1, "a", true })
      assert.equal('{"":0,"B":2,"a":1,"aa":3}', json.encode { a = 1, B = 2, aa = 3, [""] = 0 })
      assert.equal("{}", json.encode {})
      assert.equal('[{"a":{}}]', json.encode { { a = {} } })
    end)
    it("an empty table as an array when moonpool.array says so", function()
      assert.equal("[]", json.encode(moonpool.array {}))
      assert.equal('{"a":[]}', json.encode { a = json.array {} })
      local items = {}
      assert.equal(items, moonpool.array(items))
    end)
    it("more members than are sorted by insertion", function()
      local object, expected = {}, {}
      for i = 1, 40 do
        object[("k%02d"):format(i * 7 % 41)] = i
        expected[i] = ('"k%02d":'):format(i)
      end
      local at = 0
      for key in json.encode(object):gmatch('"k%d%d":') do
        at = at + 1
        assert.equal(expected[at], key)
      end
      assert.equal(40, at)
    end)
    it("with an indent when asked", function()
      assert.equal('{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}',
        json.encode({ b = moonpool.array {}, a = { 1, {} } }, { indent = 2 }))
    end)
    it("floats in the shortest way that reads the same, whatever the locale", function()
      local before = os.setlocale(nil, "numeric")
      finally(function() os.setlocale(before, "numeric") end)
      for _, locale in ipairs { "de_DE.UTF-8", "fr_FR.UTF-8", "C" } do
        if os.setlocale(locale, "numeric") then
          assert.equal("[0.1,1.5,100.0,3.3333333333333335]", again("[0.1,1.5,1e2,3.3333333333333335]"))
        end
      end
    end)
    it("a shared table twice", function()
      local shared = { 1 }
      assert.equal("[[1],[1]]", json.encode { shared, shared })
    end)
  end)

  describe("refuses to write", function()
    local cyclic = { spec = {} }
    cyclic.spec.self = { cyclic }
    local deep = {}
    for _ = 1, 1000 do deep = { deep } end
    for expected, value in pairs {
      [".spec.template is a function"] = { spec = { template = print } },
      ["the value is a function"] = print,
      [".a[2].b is a thread"] = { a = { 1, { b = coroutine.create(print) } } },
      ["[\"app.kubernetes.io/name\"] is a userdata"] = { ["app.kubernetes.io/name"] = io.stdout },
      ["the value is an array and has the key \"x\" too"] = { 1, x = 2 },
      [".list is an array and has the key \"x\" too"] = { list = moonpool.array { x = 2 } },
      [".list is an array with a hole: it has item 4 but no item 3"] = { list = { 1, 2, nil, 4 } },
      ["the value is an array with a hole: it has item 1000000000000 but no item 1"] = { [10 ^ 12 // 1 | 0] = 1 },
      ["the value has the key 0: keys are strings, or 1 to n in an array"] = { [0] = 1 },
      ["the value has the key 1.5: keys are strings, or 1 to n in an array"] = { [1.5] = 1 },
      ["the value has a boolean as a key: keys are strings, or 1 to n in an array"] = { [true] = 1 },
      [".spec.self[1] contains itself"] = cyclic,
      [".a[1] is not a number (nan)"] = { a = { 0 / 0 } },
      [".a is an infinite number"] = { a = math.huge },
      [".a is not UTF-8 from byte 3 on"] = { a = "ab\xff" },
      [".b (a key) goes on with bytes that are not UTF-8"] = { ["b\xff"] = 1 },
      [("[1]"):rep(1000) .. " is nested deeper than 1000 levels"] = deep,
    } do
      it(expected, function()
        local text, err = json.encode(value)
        assert.is_nil(text)
        assert.equal("cannot be written as JSON: " .. expected, err.message)
      end)
    end
    it("nil, and says what null is called", function()
      local text, err = json.encode(nil)
      assert.is_nil(text)
      assert.equal("cannot be written as JSON: the value is nil (null is moonpool.null)", err.message)
    end)
  end)

  it("raises when it is misused", function()
    assert.has_error(function() json.decode(nil) end)
    assert.has_error(function() json.decode({}) end)
    assert.has_error(function() json.encode() end)
    assert.has_error(function() json.encode({}, 2) end)
    assert.has_error(function() json.encode({}, { indent = -1 }) end)
    assert.has_error(function() json.encode({}, { ident = 2 }) end)
    assert.has_error(function() json.array(1) end)
  end)

  it("leaves a collector that was stopped stopped, and memory bounded when big texts follow each other", function()
    local part = '{"metadata":{"name":"web","labels":{"a":"b"}},"spec":{"list":[1,2,3,4,5,6,7,8]}}'
    local text = "[" .. (part .. ","):rep(40000) .. part .. "]"
    local highest = 0
    collectgarbage()
    local before = collectgarbage("count")
    json.decode(text)
    local one = collectgarbage("count") - before
    for _ = 1, 8 do
      json.decode(text)
      highest = math.max(highest, collectgarbage("count") - before)
    end
    assert.is_true(highest < 3 * one, ("%.0f KiB after one text, up to %.0f later"):format(one, highest))
    assert.is_true(collectgarbage("isrunning"))
    collectgarbage("stop")
    finally(function() collectgarbage("restart") end)
    json.decode(text)
    assert.is_false(collectgarbage("isrunning"))
  end)

  it("can be used by finalizers while it reads", function()
    local ran = 0
    local function plant()
      setmetatable({}, { __gc = function()
        ran = ran + 1
        assert(json.encode(json.decode('{"a":[1,2]}')) == '{"a":[1,2]}')
        if ran < 1000 then plant() end
      end })
    end
    for _ = 1, 100 do plant() end
    local text = "[" .. ('{"k":["v",{}]},'):rep(20000) .. "1]"
    assert.is_true(again(text) == text)
    collectgarbage()
    assert.is_true(ran >= 100)
  end)

  -- $PPID, in the shell, is the interpreter that runs this spec.
  describe("agrees with Python's json on 20,000 generated documents", function()
    for way, options in pairs { ["by way of JSON"] = "", ["by way of YAML"] = "--yaml" } do
      it(way, function()
        local pipe = assert(io.popen(('scripts/dev/json_compare.py 20000 %s -- "$(readlink /proc/$PPID/exe)" %s 2>&1'):format(
          options, "scripts/dev/json_again.lua")))
        local said = pipe:read("a")
        assert.is_true(pipe:close(), said)
      end)
    end
  end)
end)
