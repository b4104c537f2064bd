local tables = require "moonpool.tables"
local moonpool = require "moonpool"

describe("a table for a terminal", function()
  it("aligns columns by what characters occupy, numbers to the right", function()
    assert.equal(table.concat({
      "NAME       READY   WHERE\n",
      "web-1          3   Zürich\n",
      "日本語        12   東京\n",
      "e\u{301}te\u{301}            1\n",
    }), tables.render({ { "web-1", 3, "Zürich" }, { "日本語", 12, "東京" }, { "e\u{301}te\u{301}", 1 } },
      { "NAME    ", "READY", "WHERE" }):gsub("NAME    ", "NAME    ", 1))
  end)

  it("takes cells by key, by function, by title or by position", function()
    local rows = { { metadata = { name = "a" }, phase = "Running", NODE = "n1" } }
    assert.equal("NAME   PHASE     NODE\na      Running   n1\n", tables.render(rows, {
      { title = "NAME", value = function(row) return row.metadata.name end }, { title = "PHASE", key = "phase" }, "NODE" }))
    assert.equal("a   1\n", tables.render({ { "a", 1 } }, { "X", "N" }, { header = false }))
  end)

  it("shows nothing for nil and null, and keeps lines free of trailing blanks", function()
    assert.equal("A   B   C\n1       x\n2\n", tables.render({ { 1, moonpool.null, "x" }, { 2 } }, { "A", "B", "C" }))
  end)

  it("cuts the widest cells to fit the terminal", function()
    local text = tables.render({ { "a-very-long-name-indeed", "short", "日本語日本語日本語日本語" } }, { "NAME", "X", "TEXT" },
      { width = 36 })
    for line in text:gmatch("[^\n]+") do assert.is_true(tables.width(line) <= 36, line) end
    assert.matches("^[^\n]*\na%-very%-l[^ ]*…", text)
    assert.is_not_nil(utf8.len(text))
  end)

  it("lets no cell talk to the terminal or break the line", function()
    local text = tables.render({ { "a\27[2Jb\nc\td\r\0\x9be\u{9b}f\xff\u{202e}g" } }, { "X" })
    assert.equal("X\na?[2Jb c d ??e?f??g\n", text)
  end)

  it("survives any bytes", function()
    math.randomseed(7)
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, math.random(0, 12) do bytes[i] = string.char(math.random(0, 255)) end
      local cell = tables.clean(table.concat(bytes))
      assert.is_not_nil(utf8.len(cell))
      assert.is_nil(cell:find("%c"))
    end
  end)

  it("refuses unknown column options", function()
    assert.error_matches(function() tables.render({}, { { title = "A", algn = "left" } }) end,
      'column 1: unknown option "algn"; did you mean "align"%?')
  end)
end)
