-- repl: the prompt's mind: what a line means, what its results look like, what is said meanwhile. The terminal itself is
-- core/cli/repl.c, which asks here for the prompt, hands over each line, and runs what it gets back as a task.
--
-- A line is tried as an expression first, then as a statement; one that is not finished asks for more. Lines that begin with
-- ":" are commands (commands.lua).
local core = require "moonpool.core"
local errors = require "moonpool.errors"
local log = require "moonpool.log"
local program = require "moonpool.program"
local progress = require "moonpool.progress"
local history = require "moonpool.repl.history"
local show = require "moonpool.repl.show"
local tables = require "moonpool.tables"

local repl = {}

local remembered = 9 -- results before the last one: _1 to _9

---@class moonpool.repl.Terminal  What core/cli/repl.c gives.
---@field notice fun(text: string) above the prompt while a line is being typed, else at once
---@field isTyping fun(): boolean whether a line is being typed
---@field size fun(): integer?, integer? columns and rows; nothing: no terminal
---@field remember fun(line: string) the arrow keys bring it back
---@field makeFolder fun(path: string): true?, string?
---@field ask fun(text: string): string? shows it and waits for a line; nil: nobody can be asked

---@class moonpool.repl.State
---@field terminal moonpool.repl.Terminal
---@field pending string? the lines of an unfinished statement
---@field output string
---@field traceback string? of the last error
---@field took number? ms, of the last statement
---@field events boolean
---@field confirm boolean whether writes to several clusters ask first
---@field statement moonpool.repl.Statement? the one that runs
---@field levelBefore string? the log's level before :trace on
local state = { output = "table", events = true, confirm = true }

---@class moonpool.repl.Statement  What is known of its writes.
---@field cluster string? where the first one went
---@field answer boolean? what was said about the others
---@field asking boolean?

-- ----------------------------------------------------------------------------------------------------------- saying things
local function say(text)
  progress.erase()
  state.terminal.notice(text)
end

--- The window, as show.lua wants it.
---@return moonpool.repl.View
local function view()
  return { width = (state.terminal.size()) or 120, now = os.time(), output = state.output }
end

--- Text that is longer than the window goes to the user's pager, and to the terminal where there is none.
local function page(text)
  local _, rows = state.terminal.size()
  local _, lines = text:gsub("\n", "")
  if not rows or lines + 2 < rows then return say(text) end
  local pager = os.getenv "PAGER"
  local pipe = io.popen(pager and pager ~= "" and pager or "less -R -F -X", "w")
  if not pipe then return say(text) end
  pipe:write(text, "\n")
  local _, _, code = pipe:close()
  if code == 126 or code == 127 then say(text) end -- there is no such program
end

-- ----------------------------------------------------------------------------------------------------------- running
local function remember(value)
  for i = remembered, 2, -1 do rawset(_G, "_" .. i, rawget(_G, "_" .. (i - 1))) end
  rawset(_G, "_1", rawget(_G, "_"))
  rawset(_G, "_", value)
end

--- Ctrl-C reached the code: what ended it says so already.
local function isInterruption(problem)
  return type(problem) == "string" and problem:find "%f[%w]interrupted$" ~= nil
    or errors.is(problem) and problem.kind == "cancelled" and problem.message == "interrupted"
end

local function withTraceback(problem)
  state.traceback = debug.traceback(tostring(problem), 2)
  return problem
end

local function showResults(results)
  if results.n == 0 then return end
  local first, second = results[1], results[2]
  if first == nil and errors.is(second) then -- how calls say that they failed
    state.traceback = tostring(second)
    return say("error: " .. show.errorText(second))
  end
  remember(first)
  local texts, last = {}, results.n
  while last > 1 and results[last] == nil do last = last - 1 end
  -- What balanced calls say besides is for scripts.
  if results.n == 3 and second == nil and type(results[3]) == "table" and results[3].cluster then last = 1 end
  for i = 1, last do texts[i] = results[i] == nil and "nil" or show.text(results[i], view()) end
  if last == 1 and first == nil then return end
  page(table.concat(texts, "\n"))
end

-- ----------------------------------------------------------------------------------------------------------- writes
local unasked = "writes to several clusters ask first, and %s; `:set confirm off` lets them go without"

local function refusal(cluster, message, why)
  local text = ("%s %s: not sent: %s"):format(message.method, message.path, why)
  return core.newError { kind = "forbidden", message = text, cluster = cluster }
end

--- Before a write: one that is not for one cluster alone has to be allowed, once for a statement.
local function beforeWrite(cluster, message)
  if not state.confirm then return nil end
  local statement, several = state.statement, require("moonpool.fanout").underWay()
  if several <= 1 and (not statement or statement.cluster == nil or statement.cluster == cluster) then
    if statement then statement.cluster = cluster end
    return nil
  end
  if not statement then return refusal(cluster, message, unasked:format "a task in the background cannot do that") end
  while statement.asking do core.sleep(20) end
  if statement.answer == nil then
    statement.asking = true
    local _done <close> = setmetatable({}, { __close = function() statement.asking = false end })
    local where = several > 1 and several .. " clusters" or ("%s after %s"):format(cluster, statement.cluster)
    local answer = progress.without(state.terminal.ask, ("%s %s\nand the like, in %s. Go on? [y/N] "):format(message.method,
      tables.clean(message.path), where))
    if not answer then return refusal(cluster, message, unasked:format "there is no terminal to do that on") end
    statement.answer = answer:lower():find "^%s*y" ~= nil
  end
  return not statement.answer and refusal(cluster, message, "you said no") or nil
end

local function run(chunk)
  local start = core.clock()
  state.statement = {}
  local results
  do
    local _over <close> = setmetatable({}, { __close = function() state.statement = nil end })
    results = table.pack(xpcall(chunk, withTraceback))
  end
  state.took = core.clock() - start
  if not results[1] then
    if not isInterruption(results[2]) then say("error: " .. show.errorText(results[2])) end
    return
  end
  showResults(table.pack(table.unpack(results, 2, results.n)))
end
repl.run = run

local function endsEarly(problem) return problem:find "near '?<eof>'?$" ~= nil end

--- A function, or nil and what is wrong with the text; "more" when it is not finished.
---@param text string
---@return function?
---@return string? problem
function repl.compile(text)
  local chunk, ofExpression = load("return " .. text, "=line", "t")
  if chunk then return chunk end
  local problem
  chunk, problem = load(text, "=line", "t")
  if chunk then return chunk end
  if endsEarly(problem) or endsEarly(ofExpression) then return nil, "more" end
  -- What fails as a statement at its first word was meant as an expression.
  local near = problem:match "near '(.*)'$"
  return nil, near and text:match "^%s*(.*)$":sub(1, #near) == near and ofExpression or problem
end

--- What to do with a line that was typed: a function is to be run, true: go on, false: leave.
---@param line string
---@return function|boolean
function repl.take(line)
  if not state.pending then
    if line:find "^%s*$" then return true end
    if line:find "^%s*:%a" then
      history.add(state.terminal, line)
      return require("moonpool.repl.commands").find(line, repl)
    end
  end
  local text = state.pending and state.pending .. "\n" .. line or line
  local chunk, problem = repl.compile(text)
  if not chunk and problem == "more" then
    state.pending = text
    return true
  end
  state.pending = nil
  history.add(state.terminal, text)
  if chunk then return function() run(chunk) end end
  say("error: " .. show.errorText(problem))
  return true
end

--- Ctrl-C: drops the lines so far.
function repl.forget() state.pending = nil end

--- Begins with what calls go to.
---@return string
function repl.prompt()
  if state.pending then return ">> " end
  local namespace = program.namespace()
  return ("%s%s%s> "):format(tables.clean(program.label()), namespace and "/" .. tables.clean(namespace) or "",
    core.isReadOnly and " (read-only)" or "")
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

local function inColumns(words)
  local width, widest = view().width, 0
  local hidden = #words - shownCandidates
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
function repl.complete(line)
  local complete = require "moonpool.repl.complete"
  local text = state.pending and state.pending .. "\n" .. line or line
  local words, partial, closing = complete.line(text, _G, sources)
  if #words == 0 then return nil end
  if #words == 1 then return words[1]:sub(#partial + 1) .. closing end
  local insert = complete.common(words):sub(#partial + 1)
  if insert == "" then say(inColumns(words)) end
  return insert
end

-- ----------------------------------------------------------------------------------------------------------- notices
local wasDown = {} ---@type table<string, boolean>

local told = {
  clusterUnhealthy = function(name, reason)
    wasDown[name] = true
    return ("%s is unhealthy: %s"):format(name, tostring(reason))
  end,
  clusterHealthy = function(name) -- that it is so at first is no news
    local again = wasDown[name]
    wasDown[name] = nil
    return again and name .. " is healthy again" or nil
  end,
  failover = function(from, to, reason) return ("calls for %s go to %s: %s"):format(tostring(from), tostring(to), tostring(reason)) end,
  strategyError = function(message) return message end,
}

local function listenTo(manager)
  for event, text in pairs(told) do
    manager:on(event, function(...)
      local line = text(...)
      if line and state.events then say("* " .. show.errorText(line)) end
    end)
  end
end

local levels = { debug = "debug", info = "info", warn = "warning", error = "error" }

local function makeLogger()
  local logger = {}
  for level, word in pairs(levels) do
    logger[level] = function(_, message) say(word .. ": " .. show.cleanLines(message)) end
  end
  return logger
end

local function printed(...)
  local texts = table.pack(...)
  for i = 1, texts.n do texts[i] = tostring(texts[i]) end
  say(table.concat(texts, "\t") .. "\n")
end

-- What a task writes while a line is being typed must not get into that line.
local function writer(plain)
  return function(...)
    if io.output() ~= io.stdout or not state.terminal.isTyping() then return plain(...) end
    say(table.concat { ... })
    return io.stdout
  end
end

-- ----------------------------------------------------------------------------------------------------------- the start
--- `client` is made when it is first used: a client of the clusters that are chosen.
local function lazyClient(_, name)
  if name ~= "client" then return nil end
  local made, problem = program.client()
  if not made then error(problem, 0) end
  rawset(_G, "client", made)
  return made
end

---@param terminal moonpool.repl.Terminal
function repl.start(terminal)
  state.terminal = terminal
  rawset(_G, "moonpool", require "moonpool")
  if not getmetatable(_G) then setmetatable(_G, { __index = lazyClient }) end
  rawset(_G, "help", function(what) page(require("moonpool.repl.help").text(what)) end)
  require("moonpool.session").beforeWrite = beforeWrite
  program.onOpen(listenTo)
  if terminal.size() then
    log.attach(makeLogger())
    rawset(_G, "print", printed)
    rawset(io, "write", writer(io.write))
    say(("moonpool %s, %s. :help says what there is; Ctrl-D ends."):format(core.version, _VERSION))
    local problem = history.open(terminal)
    if problem then say("warning: lines are not kept: " .. problem) end
  end
end

repl.state = state
repl.say = say
repl.page = page
repl.view = view

return repl
