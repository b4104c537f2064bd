-- session.lua: a prompt's mind: what a line means, what its results look like, what is said meanwhile. There is one for the terminal
-- of this process (init.lua), and one for each that is attached to it from elsewhere (moonpool.console).
--
-- A line is tried as an expression first, then as a statement; one that is not finished asks for more. Lines that begin with
-- ":" are commands (commands.lua). Who drives a session asks for the prompt, hands over each line (Session:take) in a task, and
-- Tabs (Session:complete).
local core = require "moonpool.core"
local alive = require "moonpool.alive"
local calls = require "moonpool.session"
local config = require "moonpool.config"
local environment = require "moonpool.repl.environment"
local errors = require "moonpool.errors"
local log = require "moonpool.log"
local output = require "moonpool.repl.output"
local program = require "moonpool.program"
local scope = require "moonpool.repl.scope"
local show = require "moonpool.repl.show"
local tables = require "moonpool.tables"

local session = {}

--- The one of this process's own terminal, where there is one.
---@type moonpool.repl.Session?
session.own = nil

---@class moonpool.repl.SessionOptions
---@field scope moonpool.repl.Scope? what it works on; default: the program's contexts
---@field globals table<string, any>? names that statements see, besides those of _G
---@field own table<string, any>? names that stand before all others
---@field limit integer? ms that a statement may go on without waiting
---@field readOnly boolean? writes to clusters are refused

---@class moonpool.repl.Session
---@field isSession true
---@field scope moonpool.repl.Scope
---@field limit integer?
---@field readOnly boolean?
---@field terminal moonpool.repl.Terminal
---@field names moonpool.repl.Names what its statements see
---@field environment table
---@field pending string? the lines of an unfinished statement
---@field output string "table", "json", "yaml" or "name"
---@field traceback string? of the last error
---@field took number? ms, of the last statement
---@field events boolean whether notices about clusters are shown
---@field confirm boolean whether writes to several clusters ask first
---@field statement moonpool.repl.Statement? the one that runs
---@field subscriptions table<moonpool.ConnectionManager, moonpool.Subscription[]>
---@field closed boolean?
---@field follower fun(fields: table)? while requests are traced
local Session = {}
Session.__index = Session

---@class moonpool.repl.Statement  What is known of its writes.
---@field cluster string? where the first one went
---@field answer boolean? what was said about the others
---@field approved table<string, boolean> protected clusters whose name was typed (or not, when it was asked for)
---@field asking boolean?

---@param terminal moonpool.repl.Terminal
---@param options moonpool.repl.SessionOptions?
---@return moonpool.repl.Session
function session.new(terminal, options)
  options = options or {}
  local self = setmetatable({ isSession = true, terminal = terminal, output = program.setting "output", events = true,
    confirm = program.setting "confirm", scope = options.scope or scope.own, limit = options.limit, readOnly = options.readOnly,
    subscriptions = setmetatable({}, { __mode = "k" }) }, Session)
  self.names = { own = options.own or {}, globals = options.globals or {}, lazy = {
    moonpool = function() return require "moonpool" end,
    help = function()
      return function(what) self:page(require("moonpool.repl.help").text(what, self:view().width)) end
    end,
    client = function()
      local made, problem = self.scope:client()
      return made or error(problem, 0)
    end,
  } }
  self.environment = environment.new(self.names)
  self.sources = self:makeSources()
  self.onManager = function(manager) self:listenTo(manager) end
  for _, entry in ipairs(alive.managers()) do self:listenTo(entry.object) end
  alive.watch(self.onManager)
  return self
end

--- Nothing is shown any more.
function Session:close()
  self.closed = true
  self:trace(false)
  alive.unwatch(self.onManager)
  for manager, subscriptions in pairs(self.subscriptions) do
    for _, subscription in ipairs(subscriptions) do pcall(manager.off, manager, subscription) end -- it may have been disposed of
  end
end

-- ----------------------------------------------------------------------------------------------------------- saying things
--- Shows lines, above the one that is being typed.
---@param text string
function Session:say(text)
  if not self.closed then self.terminal:notice(text) end
end

--- Shows lines that may be many.
---@param text string
function Session:page(text)
  if not self.closed then self.terminal:page(text) end
end

---@param problem any
function Session:complain(problem)
  if not self.closed then self.terminal:complain("error: " .. show.errorText(problem)) end
end

--- The window, as show.lua wants it.
---@return moonpool.repl.View
function Session:view()
  return { width = (self.terminal:size()) or 120, now = os.time(), output = self.output }
end

-- ----------------------------------------------------------------------------------------------------------- running
--- Ctrl-C reached the code: what ended it says so already.
local function isInterruption(problem)
  return type(problem) == "string" and problem:find "%f[%w]interrupted$" ~= nil
    or errors.is(problem) and problem.kind == "cancelled" and problem.message == "interrupted"
end

--- Runs code of the one who types, or what may call such, within its time.
function Session:within(fn)
  if not self.limit then return fn() end
  local task = core.spawnGuest(self, self.limit, fn)
  local _ended <close> = setmetatable({}, { __close = function() task:cancel() end })
  return task:join()
end

-- The results as text; nil: there is nothing to see.
local function resultText(results, view)
  local texts, last = {}, results.n
  while last > 1 and results[last] == nil do last = last - 1 end
  -- What balanced calls say besides is for scripts.
  if results.n == 3 and results[2] == nil and type(results[3]) == "table" and results[3].cluster then last = 1 end
  for i = 1, last do texts[i] = results[i] == nil and "nil" or show.text(results[i], view) end
  if last > 1 or results[1] ~= nil then return table.concat(texts, "\n") end
end

function Session:showResults(results)
  local first, second = results[1], results[2]
  if results.n > 1 and first == nil and errors.is(second) then -- how calls say that they failed
    self.traceback = tostring(second)
    self:complain(second)
    return false
  end
  if results.n > 0 then environment.remember(self.names, first) end
  local ok, text = pcall(self.within, self, function() return resultText(results, self:view()) end)
  if not ok then self:complain(text) elseif text and results.n > 0 then self:page(text) end
  return ok
end

--- Runs a chunk and shows what comes of it. Whether it went well.
---@param chunk function
---@return boolean
function Session:run(chunk)
  local start = core.clock()
  self.statement = { approved = {} }
  local results
  do
    local _over <close> = setmetatable({}, { __close = function() self.statement = nil end })
    results = table.pack(self:within(function()
      return xpcall(chunk, function(problem)
        self.traceback = debug.traceback(tostring(problem), 2)
        return problem
      end)
    end))
  end
  self.took = core.clock() - start
  if results[1] then return self:showResults(table.pack(table.unpack(results, 2, results.n))) end
  if not isInterruption(results[2]) then self:complain(results[2]) end
  return false
end

local function endsEarly(problem) return problem:find "near '?<eof>'?$" ~= nil end

--- As an expression, else as statements. Nil: what is wrong, and whether it is that the text ends too early.
local function loadEither(text, name, environmentOfIt)
  local chunk, ofExpression = load("return " .. text, "=" .. name, "t", environmentOfIt)
  if chunk then return chunk end
  local problem
  chunk, problem = load(text, "=" .. name, "t", environmentOfIt)
  if chunk then return chunk end
  -- What fails as a statement at its first word was meant as an expression.
  local near = problem:match "near '(.*)'$"
  local isExpression = near and text:match "^%s*(.*)$":sub(1, #near) == near
  return nil, isExpression and ofExpression or problem, endsEarly(problem) or endsEarly(ofExpression)
end

--- A function, or nil and what is wrong with the text; "more" when it is not finished.
---@param text string
---@return function?
---@return string? problem
function Session:compile(text)
  local chunk, problem, early = loadEither(text, "line", self.environment)
  return chunk, early and "more" or problem
end

--- Does what a line that was typed wants; in a task. False: it wants to leave.
---@param line string
---@return boolean
function Session:take(line)
  if not self.pending then
    if line:find "^%s*$" then return true end
    if line:find "^%s*:%a" then
      self.terminal:keep(line)
      return require("moonpool.repl.commands").run(line, self)
    end
  end
  local text = self.pending and self.pending .. "\n" .. line or line
  local chunk, problem = self:compile(text)
  self.pending = not chunk and problem == "more" and text or nil
  if self.pending then return true end
  self.terminal:keep(text)
  if chunk then self:run(chunk) else self:complain(problem) end
  return true
end

--- Runs a whole script, or a command. Whether it went well.
---@param text string
---@param name string as its errors call it
---@return boolean
function Session:runScript(text, name)
  if text:find "^%s*:%a[^\n]*\n*$" then return require("moonpool.repl.commands").run(text, self) end
  local chunk, problem = loadEither(text, name, self.environment)
  if chunk then return self:run(chunk) end
  self:complain(problem)
  return false
end

--- Ctrl-C: drops the lines so far.
function Session:forget() self.pending = nil end

--- The prompt ends.
---@return integer exit code
function Session:leave()
  self:close()
  return 0
end

--- Begins with what calls go to.
---@return string
function Session:prompt()
  if self.pending then return ">> " end
  local namespace = self.scope:namespace()
  return ("%s%s%s> "):format(tables.clean(self.scope:label()), namespace and "/" .. tables.clean(namespace) or "",
    (core.isReadOnly or self.readOnly) and " (read-only)" or "")
end

-- ----------------------------------------------------------------------------------------------------------- writes
local unasked = "writes to several clusters ask first, and %s; `:set confirm off` lets them go without"

local function refusal(cluster, message, why)
  local text = ("%s %s: not sent: %s"):format(message.method, message.path, why)
  return core.newError { kind = "forbidden", message = text, cluster = cluster }
end

--- Asks, one at a time for a statement; nil: nobody can be asked.
function Session:askDuring(statement, text)
  statement.asking = true
  local _done <close> = setmetatable({}, { __close = function() statement.asking = false end })
  -- One who is attached, and may never answer, holds up nobody else's.
  local _held <close> = not self.limit and require("moonpool.fanout").hold() or nil
  return self.terminal:ask(text)
end

--- One that is not for one cluster alone has to be allowed, once for a statement.
function Session:confirmSeveral(cluster, message)
  local statement, several = self.statement, require("moonpool.fanout").underWay()
  if several <= 1 and (not statement or statement.cluster == nil or statement.cluster == cluster) then
    if statement then statement.cluster = cluster end
    return nil
  end
  if not statement then return refusal(cluster, message, unasked:format "a task in the background cannot do that") end
  while statement.asking do core.sleep(20) end
  if statement.answer == nil then
    local where = several > 1 and several .. " clusters" or ("%s after %s"):format(cluster, statement.cluster)
    local answer = self:askDuring(statement, ("%s %s\nand the like, in %s. Go on? [y/N] "):format(message.method,
      tables.clean(message.path), where))
    if not answer then return refusal(cluster, message, unasked:format "there is no terminal to do that on") end
    statement.answer = answer:lower():find "^%s*y" ~= nil
  end
  return not statement.answer and refusal(cluster, message, "you said no") or nil
end

--- The name of a protected cluster has to be typed, once for a statement. Where nobody can be asked, the core refuses the write.
function Session:confirmProtected(statement, name, message)
  while statement.asking do core.sleep(20) end
  if statement.approved[name] == nil then
    local answer = self:askDuring(statement, ("%s %s\nchanges something in %s, which is protected. To go on, type its name: ")
      :format(message.method, tables.clean(message.path), tables.clean(name)))
    if not answer then return nil end
    statement.approved[name] = answer:match "^%s*(.-)%s*$" == name
  end
  if not statement.approved[name] then return refusal(name, message, ("%s is protected, and its name was not typed"):format(name)) end
end

--- Before a write: why it is not to be, or nil.
---@param cluster string
---@param message moonpool.core.Request
---@param protected string[] those of the clusters that it may go to
---@return moonpool.Error?
function Session:beforeWrite(cluster, message, protected)
  if core.isReadOnly or self.readOnly then return nil end -- the core refuses it
  local objection = self.confirm and self:confirmSeveral(cluster, message) or nil
  local statement, approved = self.statement, #protected > 0
  if objection or not statement then return objection end
  for _, name in ipairs(protected) do
    objection = self:confirmProtected(statement, name, message)
    if objection then return objection end
    approved = approved and statement.approved[name]
  end
  message.approved = approved or nil
end

-- ----------------------------------------------------------------------------------------------------------- completion
local shownCandidates = 120

local function withGroups(names)
  local groups = config.groupNames()
  return table.move(names, 1, #names, #groups + 1, groups)
end

--- Where completion finds names.
---@return moonpool.repl.Sources
function Session:makeSources()
  local where = self.scope
  return {
    objects = function(...) return require("moonpool.repl.names").objects(where, ...) end,
    namespaces = function() return require("moonpool.repl.names").namespaces(where) end,
    namespace = function()
      if where:namespace() then return where:namespace() end
      local ok, namespace = pcall(function() return assert(where:client()):info().namespace end)
      return ok and namespace or "default"
    end,
    clusters = function() return where:clusterNames() end,
    patterns = function() return withGroups(where:clusterNames()) end,
    choices = function() return withGroups(where:choices() or {}) end,
    events = function() return require("moonpool.manager").eventNames end,
  }
end

local function inColumns(words, width)
  local widest, hidden = 0, #words - shownCandidates
  for i = 1, math.min(#words, shownCandidates) do
    words[i] = tables.clean(words[i])
    widest = math.max(widest, tables.width(words[i]))
  end
  local columns = math.max(1, (width + 2) // (widest + 2))
  local lines, shown = {}, math.min(#words, shownCandidates)
  local rows = (shown + columns - 1) // columns
  for row = 1, rows do
    local line = {}
    for i = row, shown, rows do line[#line + 1] = words[i] .. (" "):rep(widest - tables.width(words[i])) end
    lines[row] = table.concat(line, "  "):gsub("%s+$", "")
  end
  if hidden > 0 then lines[#lines + 1] = ("... and %d more"):format(hidden) end
  return table.concat(lines, "\n")
end

--- A Tab: what to insert; nil: nothing fits. Where several words fit, they are shown.
---@param line string up to the cursor
---@return string?
function Session:complete(line)
  local complete = require "moonpool.repl.complete"
  local text = self.pending and self.pending .. "\n" .. line or line
  local words, partial, closing = complete.line(text, self.environment, self.sources)
  if #words == 0 then return nil end
  if #words == 1 then return words[1]:sub(#partial + 1) .. closing end
  local insert = complete.common(words):sub(#partial + 1)
  if insert == "" then self:say(inColumns(words, self:view().width)) end
  return insert
end

-- ----------------------------------------------------------------------------------------------------------- notices
local told = {
  clusterUnhealthy = function(wasDown, name, reason)
    wasDown[name] = true
    return ("%s is unhealthy: %s"):format(name, tostring(reason))
  end,
  clusterHealthy = function(wasDown, name) -- that it is so at first is no news
    local again = wasDown[name]
    wasDown[name] = nil
    return again and name .. " is healthy again" or nil
  end,
  failover = function(_, from, to, reason)
    return ("calls for %s go to %s: %s"):format(tostring(from), tostring(to), tostring(reason))
  end,
  strategyError = function(_, message) return message end,
}

local function traceLine(fields)
  local outcome = fields.error or tostring(fields.status)
  return ("trace: %s %s: cluster %s, connection %d, attempt %d: %s, %.1f ms"):format(fields.method, fields.path, fields.cluster,
    fields.connection, fields.attempt, outcome, fields.duration)
end

--- Whether this session shows each request of the program.
---@param on boolean
function Session:trace(on)
  if on == (self.follower ~= nil) then return end
  if on then
    self.follower = function(fields) self:say(show.cleanLines(traceLine(fields))) end
    log.follow(self.follower)
  else
    log.unfollow(self.follower)
    self.follower = nil
  end
end

--- Tells what happens to the clusters of a manager.
---@param manager moonpool.ConnectionManager
function Session:listenTo(manager)
  local wasDown, subscriptions = {}, {}
  for event, text in pairs(told) do
    subscriptions[#subscriptions + 1] = manager:on(event, function(...)
      local line = text(wasDown, ...)
      if line and self.events then self:say("* " .. show.errorText(line)) end
    end)
  end
  self.subscriptions[manager] = subscriptions
end

-- What a session's statement writes is for the session to judge; what the rest of the program writes, for the one of its own terminal.
function calls.beforeWrite(...)
  local judge = output.session() or session.own
  if judge then return judge:beforeWrite(...) end
end

return session
