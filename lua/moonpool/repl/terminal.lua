-- terminal.lua: the terminal of this process, as a prompt's session uses it: what core/cli/repl.c gives, the user's pager, and the
-- history, which stay here also where the session lives in another program.
local history = require "moonpool.repl.history"
local progress = require "moonpool.progress"
local show = require "moonpool.repl.show"

local terminal = {}

---@class moonpool.repl.NativeTerminal  What core/cli/repl.c gives.
---@field notice fun(text: string) above the prompt while a line is being typed, else at once
---@field isTyping fun(): boolean whether a line is being typed, or a pager is open
---@field size fun(): integer?, integer? columns and rows; nothing: no terminal
---@field remember fun(line: string) the arrow keys bring it back
---@field makeFolder fun(path: string): true?, string?
---@field leave fun() ends the prompt, as Ctrl-D would
---@field ask fun(text: string): string? shows it and waits for a line; nil: nobody can be asked
---@field openPager fun(command: string, text: string): integer? waits until it has ended; its exit code, nil: there can be none now

---@class moonpool.repl.Terminal  Where a session shows things. Another program's is lua/moonpool/console.lua's.
---@field native moonpool.repl.NativeTerminal
local Terminal = {}
Terminal.__index = Terminal

---@param native moonpool.repl.NativeTerminal
---@return moonpool.repl.Terminal
function terminal.new(native) return setmetatable({ native = native, plainWrite = io.write }, Terminal) end

--- Columns and rows; nothing: no terminal.
---@return integer?, integer?
function Terminal:size() return self.native.size() end

--- One or more whole lines: above the line that is being typed.
---@param text string
function Terminal:notice(text)
  progress.erase()
  self.native.notice(text)
end

--- As notice: what went wrong.
---@param text string
function Terminal:complain(text) self:notice(text) end

--- Text as it is, which may be a part of a line.
---@param text string
function Terminal:write(text)
  if self.native.isTyping() then self:notice(text) else self.plainWrite(text) end
end

--- Text that is longer than the window goes to the user's pager, and to the terminal where there is none.
---@param text string
function Terminal:page(text)
  local _, rows = self:size()
  local _, lines = text:gsub("\n", "")
  if not rows or lines + 2 < rows then return self:notice(text) end
  local pager = os.getenv "PAGER"
  local code = progress.without(self.native.openPager, pager and pager ~= "" and pager or "less -R -F -X", text .. "\n")
  if not code or code == 126 or code == 127 then self:notice(text) end -- there is no such program
end

--- Shows a question and waits for a line; nil: nobody can be asked.
---@param text string
---@return string?
function Terminal:ask(text) return progress.without(self.native.ask, text) end

--- A statement that was typed: the arrow keys bring it back, and so does the next prompt, unless a secret seems to stand in it.
---@param statement string
function Terminal:keep(statement) history.add(self.native, statement) end

--- Shows the last statements that were kept.
---@param count integer
function Terminal:showHistory(count) self:page(show.cleanLines(table.concat(history.last(count), "\n"))) end

--- Brings back what earlier prompts kept.
function Terminal:openHistory()
  local problem = history.open(self.native)
  if problem then self:notice("warning: lines are not kept: " .. problem) end
end

return terminal
