-- progress.lua: one line about how far something is, on standard error, redrawn while it goes on and gone afterwards. Only a
-- terminal gets it.
local core = require "moonpool.core"

local redrawMs = 100

local progress = {}

local shown = nil ---@type moonpool.Progress? one at a time: what runs inside something that shows its progress shows none

---@class moonpool.Progress
---@field text fun(): string
local Progress = {}
Progress.__index = Progress

local function write(text)
  io.stderr:write(text)
  io.stderr:flush()
end

function Progress:draw()
  local columns = core.terminalColumns()
  local text = self.text()
  -- A line that is wider than the terminal would stay when the next one is drawn. In the last column some wrap already.
  if columns and not self.held and text ~= self.drawn then
    self.drawn = text
    write("\r" .. text:sub(1, columns - 1) .. "\27[K")
  end
  self.timer = core.after(redrawMs, function() self:draw() end)
end

function Progress:erase()
  if self.drawn then write "\r\27[K" end
  self.drawn = nil
end

--- Takes the line away.
function Progress:stop()
  if shown ~= self then return end
  shown = nil
  self.timer:cancel()
  self:erase()
  if _G.print == self.print then rawset(_G, "print", self.before) end
end
Progress.__close = Progress.stop

--- What is printed meanwhile gets a line of its own.
function Progress:wrapPrint()
  self.before = print
  function self.print(...)
    self:erase()
    self.before(...)
    io.stdout:flush()
  end
  rawset(_G, "print", self.print)
end

--- Takes the line away, until it is drawn the next time.
function progress.erase()
  if shown then shown:erase() end
end

--- Calls fn(...) without a line to be seen meanwhile.
---@return any ... what fn returns
function progress.without(fn, ...)
  local held = shown
  if not held then return fn(...) end
  held:erase()
  held.held = true
  local _back <close> = setmetatable({}, { __close = function() held.held = false end })
  return fn(...)
end

--- Begins to show what text() says, ten times a second at most. Nil: nobody would see it.
---@param text fun(): string
---@return moonpool.Progress?
function progress.start(text)
  if shown or core.guest() or not core.terminalColumns() then return nil end
  shown = setmetatable({ text = text }, Progress)
  shown:wrapPrint()
  -- What is over before anybody could read it shows nothing.
  shown.timer = core.after(redrawMs, function() shown:draw() end)
  return shown
end

return progress
