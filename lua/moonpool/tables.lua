-- tables.lua: rows as a table for people on a terminal: aligned columns, by what characters occupy on screen.
--
-- What stands in cells often comes from a cluster: control characters are shown as "?", so that a name can neither break the
-- table nor talk to the terminal.
local core = require "moonpool.core"
local check = require "moonpool.check"
local public = require "moonpool.public"

--- Rows as a table for people on a terminal.
---@class moonpool.tables
local tables = {}
public.classes["moonpool.tables"] = tables

-- First and last code point of what takes two columns, and of what takes none.
local wide = { { 0x1100, 0x115F }, { 0x2E80, 0x303E }, { 0x3041, 0x33FF }, { 0x3400, 0x4DBF }, { 0x4E00, 0x9FFF },
  { 0xA000, 0xA4CF }, { 0xA960, 0xA97C }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 },
  { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1F64F }, { 0x1F680, 0x1F6FF }, { 0x1F900, 0x1F9FF }, { 0x20000, 0x3FFFD } }
local none = { { 0x0300, 0x036F }, { 0x0483, 0x0489 }, { 0x0591, 0x05BD }, { 0x0610, 0x061A }, { 0x064B, 0x065F },
  { 0x0900, 0x0902 }, { 0x1AB0, 0x1AFF }, { 0x1DC0, 0x1DFF }, { 0x200B, 0x200F }, { 0x202A, 0x202E }, { 0x2060, 0x2064 },
  { 0x20D0, 0x20FF }, { 0xFE00, 0xFE0F }, { 0xFE20, 0xFE2F }, { 0xE0100, 0xE01EF } }

local function within(ranges, code)
  for _, range in ipairs(ranges) do
    if code < range[1] then return false end
    if code <= range[2] then return true end
  end
  return false
end

local function columnsOf(code)
  if code < 0x300 then return 1 end
  return within(none, code) and 0 or within(wide, code) and 2 or 1
end

--- How many columns a text takes on a terminal.
---@param text string valid UTF-8
---@return integer
function tables.width(text)
  if not text:find("[\x80-\xff]") then return #text end
  local width = 0
  for _, code in utf8.codes(text) do width = width + columnsOf(code) end
  return width
end

--- A value as one line of valid UTF-8 without control characters; nil and JSON's null as "".
---@param value any
---@return string
function tables.clean(value)
  if value == nil or value == core.null then return "" end
  local text = tostring(value)
  if math.type(value) == "float" then text = ("%.10g"):format(value) end
  text = text:gsub("[\r\n\t]+", " ")
  local parts, from = {}, 1
  while true do -- bytes that are not UTF-8
    local ok, bad = utf8.len(text, from)
    if ok then break end
    parts[#parts + 1] = text:sub(from, bad - 1) .. "?"
    from = bad + 1
  end
  text = table.concat(parts) .. text:sub(from)
  -- C0 and DEL, C1 (U+0080 to U+009F), and the marks that change the writing direction.
  return (text:gsub("[%z\1-\31\127]", "?"):gsub("\xc2[\x80-\x9f]", "?"):gsub("\xe2\x80[\xaa-\xae]", "?")
    :gsub("\xe2\x81[\xa6-\xa9]", "?"))
end

--- The beginning of a text, with "…" where it was cut, in at most `width` columns.
---@param text string
---@param width integer
---@return string
function tables.cut(text, width)
  if tables.width(text) <= width then return text end
  local used = 0
  for position, code in utf8.codes(text) do
    used = used + columnsOf(code)
    if used > width - 1 then return text:sub(1, position - 1) .. "…" end
  end
  return text
end

---@class moonpool.Column
---@field title string what stands above it
---@field key string|integer|nil field of a row; default: the title, or for list rows the column's position
---@field value (fun(row: table): any)? in place of a key
---@field align string? "left" or "right"; default: right where all cells are numbers

local columnOptions = check.declare("moonpool.Column", { title = "text", key = "any", value = "function", align = "string" })

local function readColumns(columns)
  local list = {}
  for index, column in ipairs(columns) do
    if type(column) == "string" then column = { title = column } end
    check.options(("tables.render: column %d"):format(index), column, columnOptions)
    check.value(("tables.render: column %d: title"):format(index), column.title, "text")
    list[index] = column
  end
  return list
end

local function cellOf(row, column, index)
  if column.value then return column.value(row) end
  if column.key ~= nil then return row[column.key] end
  local value = row[column.title]
  if value == nil then return row[index] end
  return value
end

-- Takes from the widest columns until the line fits; a column keeps at least 8, or its title.
local function shrink(widths, titles, gap, limit)
  local total = gap * (#widths - 1)
  for _, width in ipairs(widths) do total = total + width end
  while total > limit do
    local widest
    for index, width in ipairs(widths) do
      local least = math.max(8, tables.width(titles[index]))
      if width > least and (not widest or width > widths[widest]) then widest = index end
    end
    if not widest then return end
    widths[widest] = widths[widest] - 1
    total = total - 1
  end
end

---@class moonpool.TableOptions
---@field width integer? columns that the terminal has: longer cells are cut with "…"; default: no limit
---@field indent integer? columns before the first one
---@field header boolean? a line of titles
local renderOptions = check.declare("moonpool.TableOptions", { width = "positive", indent = "count", header = "boolean" },
  { indent = 0, header = true })

--- Rows as text, a line each, with a line of titles above; ends with a newline.
---
--- Rows are tables with a field per column, or lists in the order of the columns.
---@param rows table[]
---@param columns (string|moonpool.Column)[]
---@param options moonpool.TableOptions?
---@return string
function tables.render(rows, columns, options)
  check.value("tables.render: argument 1 (rows)", rows, "table")
  check.value("tables.render: argument 2 (columns)", columns, "table")
  options = options or {}
  check.options("tables.render", options, renderOptions)
  columns = readColumns(columns)

  local lines, widths, right, titles = {}, {}, {}, {}
  for index, column in ipairs(columns) do
    titles[index] = tables.clean(column.title)
    widths[index] = options.header == false and 0 or tables.width(titles[index])
    right[index] = column.align == "right" or (column.align == nil and #rows > 0)
  end
  for number, row in ipairs(rows) do
    local cells = {}
    for index, column in ipairs(columns) do
      local value = cellOf(row, column, index)
      if column.align == nil and value ~= nil and type(value) ~= "number" then right[index] = false end
      cells[index] = tables.clean(value)
      widths[index] = math.max(widths[index], tables.width(cells[index]))
    end
    lines[number] = cells
  end
  if options.header ~= false then table.insert(lines, 1, titles) end

  local gap, indent = 3, options.indent or 0
  if options.width then shrink(widths, titles, gap, options.width - indent) end
  local out = {}
  for _, cells in ipairs(lines) do
    local parts = {}
    for index, cell in ipairs(cells) do
      cell = tables.cut(cell, widths[index])
      local fill = (" "):rep(widths[index] - tables.width(cell))
      parts[index] = right[index] and fill .. cell or cell .. fill
    end
    out[#out + 1] = (" "):rep(indent) .. table.concat(parts, (" "):rep(gap)):gsub(" +$", "") .. "\n"
  end
  return table.concat(out)
end

return tables
