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

--- Starts the program on a terminal of its own and waits for its prompt.
--- A `command` is run instead of the program; it has to show "> ", too.
---@param options { command: string?, arguments: string?, kubeconfig: string?, columns: integer?, rows: integer?, state: string?,
---  environment: string? }?
function terminal.start(options)
  options = options or {}
  local self = setmetatable({ base = os.tmpname() }, Terminal)
  -- A pager that is there when it is not expected must not take what is typed for commands of its own that write files.
  local settings = ("LESSSECURE=1 PAGER= HOME=%s.home XDG_STATE_HOME=%s KUBECONFIG=%s %s"):format(self.base,
    options.state or self.base .. ".state", options.kubeconfig or "/dev/null", options.environment or "")
  local command = ("%s %s %s; echo ended with $?; sleep 60"):format(settings, options.command or program.path, options.arguments or "")
  self:tmux(("-f /dev/null new-session -d -s repl -x %d -y %d %s"):format(options.columns or 80, options.rows or 24, quote(command)))
  self:waitFor "> *$"
  return self
end

return terminal
