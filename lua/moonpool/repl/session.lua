-- session.lua: a prompt's mind: what a line means, what its results look like, what is said meanwhile. There is one for the terminal
-- of this process (init.lua), and one for each that is attached to it from elsewhere (moonpool.console).
--
-- A line is tried as an expression first, then as a statement; one that is not finished asks for more. Lines that begin with
-- ":" are commands (commands.lua). Who drives a session asks for the prompt, hands over each line (Session:take) in a task, and
-- Tabs (Session:complete).
local core = require "moonpool.core"
local environment = require "moonpool.repl.environment"
local errors = require "moonpool.errors"
local log = require "moonpool.log"
local program = require "moonpool.program"
local show = require "moonpool.repl.show"
local tables = require "moonpool.tables"

local session = {}

---@class moonpool.repl.Session
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
---@field follower fun(fields: table)? while requests are traced
local Session = {}
Session.__index = Session

---@class moonpool.repl.Statement  What is known of its writes.
---@field cluster string? where the first one went
---@field answer boolean? what was said about the others
---@field asking boolean?

---@param terminal moonpool.repl.Terminal
---@return moonpool.repl.Session
function session.new(terminal)
  local self = setmetatable({ terminal = terminal, output = "table", events = true, confirm = true }, Session)
  self.names = { own = {}, globals = {}, lazy = {
    moonpool = function() return require "moonpool" end,
    help = function()
      return function(what) self:page(require("moonpool.repl.help").text(what, self:view().width)) end
    end,
    client = function()
      local made, problem = program.client()
      return made or error(problem, 0)
    end,
  } }
  self.environment = environment.new(self.names)
  return self
end

-- ----------------------------------------------------------------------------------------------------------- saying things
--- Shows lines, above the one that is being typed.
---@param text string
function Session:say(text) self.terminal:notice(text) end

--- Shows lines that may be many.
---@param text string
function Session:page(text) self.terminal:page(text) end

---@param problem any
function Session:complain(problem) self:say("error: " .. show.errorText(problem)) end

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

function Session:showResults(results)
  if results.n == 0 then return end
  local first, second = results[1], results[2]
  if first == nil and errors.is(second) then -- how calls say that they failed
    self.traceback = tostring(second)
    return self:complain(second)
  end
  environment.remember(self.names, first)
  local texts, last = {}, results.n
  while last > 1 and results[last] == nil do last = last - 1 end
  -- What balanced calls say besides is for scripts.
  if results.n == 3 and second == nil and type(results[3]) == "table" and results[3].cluster then last = 1 end
  for i = 1, last do texts[i] = results[i] == nil and "nil" or show.text(results[i], self:view()) end
  if last == 1 and first == nil then return end
  self:page(table.concat(texts, "\n"))
end

--- Runs a chunk and shows what comes of it.
---@param chunk function
function Session:run(chunk)
  local start = core.clock()
  self.statement = {}
  local results
  do
    local _over <close> = setmetatable({}, { __close = function() self.statement = nil end })
    results = table.pack(xpcall(chunk, function(problem)
      self.traceback = debug.traceback(tostring(problem), 2)
      return problem
    end))
  end
  self.took = core.clock() - start
  if results[1] then
    self:showResults(table.pack(table.unpack(results, 2, results.n)))
  elseif not isInterruption(results[2]) then
    self:complain(results[2])
  end
end

local function endsEarly(problem) return problem:find "near '?<eof>'?$" ~= nil end

--- A function, or nil and what is wrong with the text; "more" when it is not finished.
---@param text string
---@return function?
---@return string? problem
function Session:compile(text)
  local chunk, ofExpression = load("return " .. text, "=line", "t", self.environment)
  if chunk then return chunk end
  local problem
  chunk, problem = load(text, "=line", "t", self.environment)
  if chunk then return chunk end
  if endsEarly(problem) or endsEarly(ofExpression) then return nil, "more" end
  -- What fails as a statement at its first word was meant as an expression.
  local near = problem:match "near '(.*)'$"
  return nil, near and text:match "^%s*(.*)$":sub(1, #near) == near and ofExpression or problem
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

--- Ctrl-C: drops the lines so far.
function Session:forget() self.pending = nil end

--- Begins with what calls go to.
---@return string
function Session:prompt()
  if self.pending then return ">> " end
  local namespace = program.namespace()
  return ("%s%s%s> "):format(tables.clean(program.label()), namespace and "/" .. tables.clean(namespace) or "",
    core.isReadOnly and " (read-only)" or "")
end

-- ----------------------------------------------------------------------------------------------------------- writes
local unasked = "writes to several clusters ask first, and %s; `:set confirm off` lets them go without"

local function refusal(cluster, message, why)
  local text = ("%s %s: not sent: %s"):format(message.method, message.path, why)
  return core.newError { kind = "forbidden", message = text, cluster = cluster }
end

--- Before a write: one that is not for one cluster alone has to be allowed, once for a statement. Why it is not to be, or nil.
---@param cluster string
---@param message moonpool.core.Request
---@return moonpool.Error?
function Session:beforeWrite(cluster, message)
  if not self.confirm then return nil end
  local statement, several = self.statement, require("moonpool.fanout").underWay()
  if several <= 1 and (not statement or statement.cluster == nil or statement.cluster == cluster) then
    if statement then statement.cluster = cluster end
    return nil
  end
  if not statement then return refusal(cluster, message, unasked:format "a task in the background cannot do that") end
  while statement.asking do core.sleep(20) end
  if statement.answer == nil then
    statement.asking = true
    local _done <close> = setmetatable({}, { __close = function() statement.asking = false end })
    local _held <close> = require("moonpool.fanout").hold()
    local where = several > 1 and several .. " clusters" or ("%s after %s"):format(cluster, statement.cluster)
    local answer = self.terminal:ask(("%s %s\nand the like, in %s. Go on? [y/N] "):format(message.method,
      tables.clean(message.path), where))
    if not answer then return refusal(cluster, message, unasked:format "there is no terminal to do that on") end
    statement.answer = answer:lower():find "^%s*y" ~= nil
  end
  return not statement.answer and refusal(cluster, message, "you said no") or nil
end

-- ----------------------------------------------------------------------------------------------------------- completion
local shownCandidates = 120

---@type moonpool.repl.Sources
local sources = {
  objects = function(...) return require("moonpool.repl.names").objects(...) end,
  namespaces = function() return require("moonpool.repl.names").namespaces() end,
  namespace = function()
    if program.namespace() then return program.namespace() end
    local ok, namespace = pcall(function() return assert(program.client()):info().namespace end)
    return ok and namespace or "default"
  end,
  clusters = program.clusterNames,
  contexts = function() return program.contexts() or {} end,
  events = function() return require("moonpool.manager").eventNames end,
}

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
  local words, partial, closing = complete.line(text, self.environment, sources)
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
  local wasDown = {}
  for event, text in pairs(told) do
    manager:on(event, function(...)
      local line = text(wasDown, ...)
      if line and self.events then self:say("* " .. show.errorText(line)) end
    end)
  end
end

return session
