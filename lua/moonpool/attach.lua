-- attach.lua: `moonpool attach PATH`: the prompt of another program, over its console's socket (moonpool.console). What is typed runs
-- there; the line is edited here, and the history and the pager are this user's.
--
-- Whoever waits for something reads the channel: the call that waits for its answer, or, while a line is being typed, a task.
local arguments = require "moonpool.arguments"
local core = require "moonpool.core"
local terminal = require "moonpool.repl.terminal"
local wire = require "moonpool.repl.wire"

local attach = {}

---@class moonpool.attach.Session  As core/cli/repl.c drives it: the same as moonpool.repl.Session there.
---@field channel moonpool.core.Channel
---@field greeting table
---@field terminal moonpool.repl.Terminal
---@field nextPrompt string
---@field firstPrompt string where nothing unfinished waits for its rest
---@field texts table<string, string[]> the parts of what is not whole yet
---@field lastId integer
---@field listener moonpool.Task?
---@field lost string? why there is nobody at the other end any more
local Session = {}
Session.__index = Session

--- Connects to the console at a path.
---@param path string
---@return moonpool.attach.Session?
---@return string? problem
local function connect(path)
  local channel, err = core.console.connect(path)
  if not channel then return nil, err.message end
  local line, why = channel:receive(wire.patience)
  local greeting = line and wire.decode(line)
  if not greeting then
    channel:close()
    return nil, ("console %s: %s"):format(path, why == "timeout" and "the program does not answer: it is stopped, or busy"
      or line and "that is no console" or "the program has closed the connection")
  end
  if greeting.refused or greeting.protocol ~= wire.protocol then
    channel:close()
    return nil, ("console %s: %s"):format(path, greeting.refused
      or ("the program runs moonpool %s, this is %s: they do not understand each other"):format(greeting.version, core.version))
  end
  return setmetatable({ channel = channel, greeting = greeting, nextPrompt = greeting.prompt, firstPrompt = greeting.prompt,
    texts = {}, lastId = 0 }, Session)
end

-- ----------------------------------------------------------------------------------------------------------- messages
function Session:send(message)
  message.columns, message.rows = self.terminal:size()
  if not self.channel:send(wire.encode(message)) then self.lost = self.lost or "the program has closed the connection" end
end

--- Shows what the other end wants shown.
function Session:show(message)
  local method = message.show
  if method == "ask" then return self:send { answer = self.terminal:ask(message.text) or false } end
  if method == "showHistory" then return self.terminal:showHistory(message.count) end
  local parts = self.texts[method] or {}
  self.texts[method] = parts
  parts[#parts + 1] = message.text
  if message.more then return end
  self.texts[method] = nil
  self.terminal[method](self.terminal, table.concat(parts))
end

local shown = { notice = "string", complain = "string", write = "string", page = "string", keep = "string", ask = "string",
  showHistory = "number" }

--- Reads messages, shows what is to be shown, and returns the first that isWanted; nil: it took longer, or nobody is there any more.
---@param isWanted fun(message: table): boolean?
---@param limit integer? ms without anything
function Session:read(isWanted, limit)
  while not self.lost do
    local line, why = self.channel:receive(limit)
    local message = line and wire.decode(line)
    if line and not message or why == "overlong" then
      self.lost = "what comes from the program is no console's"
    elseif not line then
      if why == "timeout" then return nil end
      self.lost = "the program has closed the connection"
    elseif message.refused then
      self.lost = "the program has closed the connection: " .. message.refused
    elseif message.show then
      if type(message.text or message.count) == shown[message.show] then self:show(message) end
    elseif isWanted(message) then
      return message
    end
  end
end

--- While nobody waits for an answer: shows notices.
function Session:listen()
  self.listener = core.spawn(function()
    self:read(function() return false end)
    self.terminal.native.leave()
  end)
end

--- Sends a message and waits for its answer.
---@param message table
---@param answers string the field by which the answer names it
---@param limit integer?
---@return table?
function Session:request(message, answers, limit)
  self.lastId = self.lastId + 1
  local id = self.lastId
  message.id = id
  if self.listener then self.listener:cancel() end
  local _again <close> = setmetatable({}, { __close = function()
    if self.listener then self:listen() end
  end })
  self:send(message)
  return self:read(function(answer) return answer[answers] == id end, limit)
end

-- ----------------------------------------------------------------------------------------------------------- as the prompt wants it
function Session:take(line)
  local interrupted = true
  local _interrupt <close> = setmetatable({}, { __close = function()
    if interrupted then self:send { interrupt = true } end
  end })
  local over = self:request({ line = line }, "over")
  interrupted = false
  if not over then return false end
  self.nextPrompt = over.prompt
  if over.prompt ~= ">> " then self.firstPrompt = over.prompt end
  return not over.leave
end

--- More than the names that the other end waits for: it may be busy.
local completionLimit = 500

function Session:complete(line)
  local answer = self:request({ complete = line }, "completed", completionLimit)
  return answer and answer.insert
end

function Session:forget()
  self.nextPrompt = self.firstPrompt
  self:send { forget = true }
end

function Session:prompt() return self.nextPrompt end

function Session:leave()
  self.channel:close()
  if not self.lost then return 0 end
  io.stderr:write("moonpool: ", self.lost, "\n")
  return 1
end

-- ----------------------------------------------------------------------------------------------------------- without a terminal
-- Where the statement's output goes to standard output, and what went wrong to standard error.
local Plain = {}
Plain.__index = Plain

function Plain:size() return nil end
function Plain:notice(text) io.write(text, text:find "\n$" and "" or "\n") end
Plain.page = Plain.notice
function Plain:write(text) io.write(text) end
function Plain:complain(text) io.stderr:write((text:gsub("\n*$", "\n"))) end
function Plain:ask() return nil end
function Plain:keep() end
function Plain:showHistory() end

--- Runs scripts there, one after the other. Returns the exit code.
local function runScripts(self, scripts)
  self.terminal = setmetatable({}, Plain)
  local code = 0
  for _, script in ipairs(scripts) do
    if #script.text * 2 > wire.longest then
      io.stderr:write(("moonpool attach: %s: longer than the %d bytes that can be sent\n"):format(script.name, wire.longest // 2))
      code = 2
      break
    end
    local over = self:request({ script = wire.valid(script.text), name = script.name }, "over")
    code = over and over.ok and 0 or 1
    if code ~= 0 then break end
  end
  io.stdout:flush()
  local lost = self:leave()
  return code ~= 0 and code or lost
end

-- ----------------------------------------------------------------------------------------------------------- the command
local function parse(given)
  local parser = arguments.parser("moonpool attach", "The prompt of a running program, which has opened it with "
    .. "moonpool.console.listen(PATH): the same commands, completion and `help(x)`, in the live state of the program, while that goes on. "
    .. "Several can be attached. Ctrl-C ends what was typed here alone, Ctrl-D leaves. Without a terminal, standard input is run there "
    .. "as a script.", "Exit code: 0 all well, 1 the code raised or ended with nil and an error, or nobody listens, 2 usage.")
  parser:argument("path", "The console's socket."):argname "PATH"
  parser:option("-e", "Run CODE there and leave. May be given several times."):argname("CODE"):count("*"):target "codes"
  return parser:parse(given)
end

--- The subcommand. Returns the exit code, or a function that opens the session for the prompt.
---@param ... string
---@return integer|fun(native: moonpool.repl.NativeTerminal): moonpool.attach.Session
function attach.main(...)
  local options = parse { ... }
  local scripts = {}
  for index, code in ipairs(options.codes) do scripts[index] = { text = code, name = "(command line)" } end
  local isPrompt = #scripts == 0 and core.isTerminal(0)
  if #scripts == 0 and not isPrompt then scripts[1] = { text = io.read "a", name = "stdin" } end
  local self, problem = connect(options.path)
  if not self then
    io.stderr:write("moonpool attach: ", problem, "\n")
    return 1
  end
  if not isPrompt then return runScripts(self, scripts) end
  return function(native)
    local greeting = self.greeting
    self.terminal = terminal.new(native)
    self.terminal:notice(("attached to %s (pid %d, moonpool %s). :help says what there is; Ctrl-D leaves."):format(greeting.name,
      (self.channel:peer()), greeting.version))
    if greeting.sessions > 1 then
      self.terminal:notice(("%d are attached: what you assign, they all see"):format(greeting.sessions))
    end
    if require("moonpool.program").setting "history" then self.terminal:openHistory() end
    self:listen()
    return self
  end
end

return attach
