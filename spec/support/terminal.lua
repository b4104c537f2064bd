-- terminal.lua: the program's prompt, or another command's, on a real terminal (tmux's), which a spec types on and reads.
--
--   local term <close> = terminal.start { arguments = "--context 'sim-*'", kubeconfig = path, columns = 80, rows = 24 }
--   term:line "1 + 1"            -- typed, with Enter
--   term:waitFor "^2$"           -- until a line of the screen matches
--   term:key("C-c", "Up")        -- as tmux names keys
local program = require "spec.support.program"

local terminal = {}

local Terminal = {}
Terminal.__index = Terminal

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

local function exists(path)
  local file <close> = io.open(path)
  return file ~= nil
end
terminal.exists = exists

function Terminal:tmux(arguments)
  local result = program.shell(("tmux -u -S %s.tmux %s"):format(self.base, arguments))
  assert(result.code == 0, result.err)
  return result.out
end

--- Types text as it is.
function Terminal:type(text) self:tmux("send-keys -t repl -l -- " .. quote(text)) end

function Terminal:key(...)
  for _, name in ipairs { ... } do self:tmux("send-keys -t repl " .. name) end
end

function Terminal:line(text)
  self:type(text)
  self:key "Enter"
end

--- The lines that are to be seen, without empty ones at the end.
---@return string[]
function Terminal:lines()
  local lines = {}
  for line in self:tmux("capture-pane -p -t repl"):gmatch "([^\n]*)\n" do lines[#lines + 1] = (line:gsub("%s+$", "")) end
  while lines[#lines] == "" do lines[#lines] = nil end
  return lines
end

function Terminal:screen() return table.concat(self:lines(), "\n") end

--- The line that the cursor is on.
function Terminal:last()
  local lines = self:lines()
  return lines[#lines] or ""
end

--- Waits until condition(self) is true.
function Terminal:waitUntil(what, condition)
  for _ = 1, 400 do
    if condition(self) then return end
    os.execute "sleep 0.05"
  end
  error(("waited 20 s for %s; the screen:\n%s"):format(what, self:screen()), 2)
end

--- Waits until a line matches; returns it.
function Terminal:waitFor(pattern)
  local found
  self:waitUntil(pattern, function()
    for _, line in ipairs(self:lines()) do
      if line:find(pattern) then
        found = line
        return true
      end
    end
  end)
  return found
end

function Terminal:resize(columns, rows)
  self:tmux(("resize-window -t repl -x %d -y %d"):format(columns, rows))
end

function Terminal:historyPath() return self.base .. ".state/moonpool/history" end

function Terminal:close()
  program.shell(("tmux -S %s.tmux kill-server; rm -rf %s %s.*"):format(self.base, self.base, self.base))
end
Terminal.__close = Terminal.close

--- A terminal of its own, on which a shell runs a command.
local function open(command, columns, rows)
  local self = setmetatable({ base = os.tmpname() }, Terminal)
  self:tmux(("-f /dev/null new-session -d -s repl -x %d -y %d %s"):format(columns or 80, rows or 24, quote(command(self.base))))
  return self
end

---@class spec.TerminalOptions
---@field command string? is run instead of the program; it has to show "> ", too
---@field arguments string?
---@field kubeconfig string?
---@field columns integer?
---@field rows integer?
---@field state string?
---@field environment string?

--- How the shell starts the program.
local function commandLine(options)
  return function(base)
    -- A pager that is there when it is not expected must not take what is typed for commands of its own that write files.
    local settings = ("LESSSECURE=1 PAGER= HOME=%s.home XDG_STATE_HOME=%s KUBECONFIG=%s %s"):format(base,
      options.state or base .. ".state", options.kubeconfig or "/dev/null", options.environment or "")
    return ("%s %s %s; echo ended with $?; sleep 60"):format(settings, options.command or program.path, options.arguments or "")
  end
end

--- Starts the program on a terminal of its own and waits for its prompt.
---@param options spec.TerminalOptions?
function terminal.start(options)
  options = options or {}
  local self = open(commandLine(options), options.columns, options.rows)
  self:waitFor "> *$"
  return self
end

--- A terminal on which the program is about to be started: once the function is called.
function terminal.gated()
  local gate = os.tmpname()
  os.remove(gate)
  local command = commandLine {}
  local self = open(function(base)
    return ("echo waits; until [ -e %s ]; do sleep 0.02; done; %s"):format(gate, command(base))
  end)
  self:waitFor "^waits$"
  return self, function()
    assert(io.open(gate, "w")):close()
    self:waitFor "moonpool [%d.]+"
    os.remove(gate)
  end
end

return terminal
