-- repl: the prompt on the terminal of this process. core/cli/repl.c reads lines there and hands them to the session that is opened here.
local core = require "moonpool.core"
local log = require "moonpool.log"
local output = require "moonpool.repl.output"
local program = require "moonpool.program"
local session = require "moonpool.repl.session"
local show = require "moonpool.repl.show"
local terminal = require "moonpool.repl.terminal"

local repl = {}

local levels = { debug = "debug", info = "info", warn = "warning", error = "error" }

local function makeLogger(self)
  local logger = {}
  for level, word in pairs(levels) do
    logger[level] = function(_, message, fields)
      self:say(word .. ": " .. show.cleanLines(message .. log.fieldText(fields)))
    end
  end
  return logger
end

--- The session of this process's own terminal, once it is open.
---@type moonpool.repl.Session?
repl.session = nil

--- Opens the session.
---@param native moonpool.repl.NativeTerminal
---@return moonpool.repl.Session
function repl.open(native)
  local self = session.new(terminal.new(native))
  repl.session, session.own = self, self
  if native.size() then
    log.attach(makeLogger(self))
    output.install()
    output.own = self
    self:say(("moonpool %s, %s. :help says what there is; Ctrl-D ends."):format(core.version, _VERSION))
    if program.setting "history" then self.terminal:openHistory() end
  end
  return self
end

return repl
