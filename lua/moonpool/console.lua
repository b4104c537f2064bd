-- console.lua: the console of a running program: a Unix socket to which `moonpool attach` connects. Each who is attached has a
-- session of its own (repl/session.lua), with the program's live state; who attaches edits the line, keeps the history and pages.
--
-- Whatever a peer does costs its own session only. Its statements run as guests: the program does not wait for them, and one that
-- does not wait for anything is ended after a while. A peer that does not read makes its own statements wait, and misses notices.
-- Nothing more is read from it while its statement before has not ended.
local core = require "moonpool.core"
local check = require "moonpool.check"
local public = require "moonpool.public"
local output = require "moonpool.repl.output"
local repl = require "moonpool.repl.session"
local scope = require "moonpool.repl.scope"
local wire = require "moonpool.repl.wire"

--- The prompt of a running program, for `moonpool attach`.
---@class moonpool.console
local console = {}
public.classes["moonpool.console"] = console

-- ----------------------------------------------------------------------------------------------------------- a terminal far away
---@class moonpool.console.Remote: moonpool.repl.Terminal  The terminal of who is attached.
---@field channel moonpool.core.Channel
---@field session moonpool.repl.Session
---@field columns integer?
---@field rows integer?
---@field dropped integer notices that there was no room for
---@field asked boolean? whether a question waits for its answer
---@field answer string|false|nil
local Remote = {}
Remote.__index = Remote

--- What the session's own statements show waits until there is room; what others have to say does not.
function Remote:send(message)
  if core.guest() == self.session then return self.channel:send(wire.encode(message)) end
  if self.dropped > 0 then
    local text = ("* %d notices were left out: they came faster than they were read\n"):format(self.dropped)
    if not self.channel:offer(wire.encode { show = "notice", text = text }) then
      self.dropped = self.dropped + 1
      return
    end
    self.dropped = 0
  end
  if not self.channel:offer(wire.encode(message)) then self.dropped = self.dropped + 1 end
end

function Remote:show(method, text)
  for part, more in wire.parts(text) do self:send { show = method, text = part, more = more or nil } end
end

function Remote:size() return self.columns, self.rows end
function Remote:notice(text) self:show("notice", text) end
function Remote:complain(text) self:show("complain", text) end
function Remote:write(text) self:show("write", text) end
function Remote:page(text) self:show("page", text) end
function Remote:keep(statement) self:show("keep", statement) end
function Remote:showHistory(count) self:send { show = "showHistory", count = count } end

function Remote:ask(text)
  while self.asked and not self.session.closed do core.sleep(20) end
  if self.session.closed then return nil end
  self.asked, self.answer = true, nil
  local _over <close> = setmetatable({}, { __close = function() self.asked = nil end })
  self:send { show = "ask", text = wire.valid(text) }
  while self.answer == nil and not self.session.closed do core.sleep(20) end -- a task of a statement's may outlive the session
  return self.answer or nil
end

-- ----------------------------------------------------------------------------------------------------------- who is attached
---@class moonpool.console.Attached
---@field console moonpool.Console
---@field session moonpool.repl.Session
---@field remote moonpool.console.Remote
---@field channel moonpool.core.Channel
---@field statement moonpool.Task? that runs
local Attached = {}
Attached.__index = Attached

-- What would not do at a terminal that is not the program's: reading its input holds all of it, and its end is nobody's wish.
local function notHere(what, instead)
  return function() error(("%s would %s"):format(what, instead), 2) end
end

local readsInput = "wait for the program's own input, and the whole program with it"

local function ownNames(session)
  return {
    print = function(...) session:say(output.line(...)) end,
    io = setmetatable({
      write = function(...)
        if not session.closed then session.terminal:write(table.concat { ... }) end
        return io.stdout
      end,
      read = notHere("io.read", readsInput),
      lines = function(name, ...)
        if name == nil then notHere("io.lines", readsInput)() end
        return io.lines(name, ...)
      end,
    }, { __index = io }),
    os = setmetatable({ exit = notHere("os.exit", "end the whole program: :quit leaves this session, _G.os.exit ends the program") },
      { __index = os }),
  }
end

--- Runs what was sent, in a task of its own.
function Attached:begin(id, work)
  if self.statement then self.statement:join() end
  self.statement = core.spawnGuest(self.session, 0, function()
    local ran, ok, leave = pcall(work)
    if not ran then self.session:complain(ok) end
    self.channel:send(wire.encode { over = id, ok = ran and ok, leave = leave, prompt = wire.valid(self.session:prompt()) })
  end)
end

-- What may be sent; each gets the message.
local handlers = {}

function handlers:line(message)
  self:begin(message.id, function() return true, self.session:take(message.line) == false end)
end

function handlers:script(message)
  self:begin(message.id, function() return self.session:runScript(message.script, tostring(message.name)) end)
end

function handlers:complete(message)
  local session = self.session
  local ok, insert = pcall(session.within, session, function() return session:complete(message.complete) end)
  self.channel:send(wire.encode { completed = message.id, insert = ok and insert and wire.valid(insert) or nil })
end

function handlers:forget() self.session:forget() end

function handlers:interrupt()
  if self.statement then self.statement:cancel() end
end

function handlers:answer(message)
  if self.remote.asked then self.remote.answer = message.answer end
end

local shapes = { line = "string", script = "string", complete = "string", forget = "boolean", interrupt = "boolean" }

--- False: it is none that there is.
function Attached:handle(message)
  if math.type(message.columns) == "integer" and math.type(message.rows) == "integer" then
    self.remote.columns, self.remote.rows = math.max(20, message.columns), math.max(2, message.rows)
  end
  for kind, handler in pairs(handlers) do
    local value = message[kind]
    if value ~= nil then
      local fits = kind == "answer" and (type(value) == "string" or value == false) or type(value) == shapes[kind]
      if fits then handler(self, message) end
      return fits
    end
  end
  return false
end

function Attached:close()
  if self.closed then return end
  self.closed = true
  self.console.all[self] = nil
  self.console.sessions = self.console.sessions - 1
  self.session:close()
  if self.statement then self.statement:cancel() end
  self.channel:close()
end

--- Until it leaves, or does what it should not.
function Attached:serve()
  local _closed <close> = setmetatable({}, { __close = function() self:close() end })
  local session, channel = self.session, self.channel
  channel:send(wire.encode { protocol = wire.protocol, version = core.version, name = wire.valid(self.console.name),
    sessions = self.console.sessions, prompt = wire.valid(session:prompt()) })
  while true do
    local line = channel:receive()
    if not line then return end -- gone, or cut off for a line that is too long
    local message = wire.decode(line)
    if not message or not self:handle(message) then
      channel:offer(wire.encode { refused = "that is no message of `moonpool attach`" })
      return
    end
    core.sleep(1) -- nobody types faster; who floods is slowed down
  end
end

-- ----------------------------------------------------------------------------------------------------------- consoles
---@class moonpool.ConsoleOptions
---@field globals table<string, any>? names that those who attach see besides the program's globals: { manager = manager }
---@field readOnly boolean? true: calls of theirs that would change something in a cluster fail
---@field limit integer? ms that a statement may use the processor without waiting for anything, while all else stands still: it is ended
---@field maxSessions integer? so many can be attached at the same time
local defaults = { readOnly = false, limit = 1000, maxSessions = 16 }
local consoleOptions = check.declare("moonpool.ConsoleOptions",
  { globals = "table", readOnly = "boolean", limit = "positive", maxSessions = "positive" }, defaults)

--- The console of this program, open until it is closed or the program ends. `<close>` closes it.
---@class moonpool.Console
---@field path string of its socket
---@field sessions integer how many are attached
local methods = {}
local Console = { __name = "moonpool.Console", __index = methods }
public.classes["moonpool.Console"] = methods

--- Closes the socket and removes its file; who is attached is cut off. Twice is fine.
function methods:close()
  if not self.listener then return end
  self.listener:close()
  self.listener = nil
  for attached in pairs(self.all) do attached:close() end
end
Console.__close = methods.close

function Console:__tostring()
  return ("moonpool.Console (%s, %s)"):format(self.path, self.listener and self.sessions .. " attached" or "closed")
end

local function admit(self, channel, options)
  local remote = setmetatable({ channel = channel, dropped = 0 }, Remote)
  local session = repl.new(remote, { scope = scope.ofProgram(self.name, options.globals or {}), globals = options.globals,
    limit = options.limit or defaults.limit, readOnly = options.readOnly })
  for name, value in pairs(ownNames(session)) do session.names.own[name] = value end
  remote.session = session
  local attached = setmetatable({ console = self, session = session, remote = remote, channel = channel }, Attached)
  self.all[attached] = true
  self.sessions = self.sessions + 1
  core.spawnGuest(session, 0, attached.serve, attached)
end

local function programName()
  local script = type(_G.arg) == "table" and _G.arg[0]
  return type(script) == "string" and script:match "[^/]+$" or "program"
end

--- Opens the console of this program: a Unix socket at this path, which its user (and root) alone can use, for
--- `moonpool attach PATH`. It does not keep the program alive, and is answered whenever the program waits for something.
---@param path string at most 107 bytes
---@param options moonpool.ConsoleOptions?
---@return moonpool.Console?
---@return moonpool.Error?
function console.listen(path, options)
  check.value("console.listen: argument 1 (path)", path, "string")
  options = options or {}
  check.options("console.listen", options, consoleOptions)
  local listener, err = core.console.listen(path)
  if not listener then return nil, err end
  output.install()
  local self = setmetatable({ listener = listener, path = listener:path(), sessions = 0, all = {}, name = programName() }, Console)
  local most = options.maxSessions or defaults.maxSessions
  core.spawnGuest(listener, 0, function() -- which keeps the console from being collected
    while true do
      local channel = listener:accept()
      if not channel then return end
      if self.sessions < most then
        admit(self, channel, options)
      else
        channel:offer(wire.encode { refused = ("%d are attached already, which is as many as there may be"):format(most) })
        channel:close()
      end
    end
  end)
  return self
end

return console
