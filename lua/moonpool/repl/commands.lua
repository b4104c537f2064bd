-- commands.lua: the prompt's commands, which begin with ":".
local core = require "moonpool.core"
local check = require "moonpool.check"
local program = require "moonpool.program"
local history = require "moonpool.repl.history"
local show = require "moonpool.repl.show"
local tables = require "moonpool.tables"

local commands = {}

---@class moonpool.repl.Command
---@field usage string
---@field text string
---@field run fun(argument: string, repl: table): boolean?

commands.settings = { output = { "table", "json", "yaml", "name" }, confirm = { "on", "off" } }

local function oneOf(repl, what, word, words)
  for _, known in ipairs(words) do
    if word == known then return true end
  end
  repl.say(("error: %s: expected %s%s"):format(what, table.concat(words, ", "), word ~= "" and ", got " .. tables.clean(word) or ""))
  return false
end

local function statistics(repl)
  if not program.isOpen() then
    repl.say "no cluster was used yet: `clusters` and `client` open them"
    return nil
  end
  return _G.clusters:getStats()
end

---@type table<string, moonpool.repl.Command>
local all = {}

all.help = { usage = ":help", text = "this text", run = function(_, repl) repl.page(commands.help()) end }

all.quit = { usage = ":quit", text = "leaves, as Ctrl-D on an empty line" }

all.use = { usage = ":use PATTERN...", text = "works on these contexts: names, globs, /regular expressions/, ^exclusions",
  run = function(argument, repl)
    local patterns = {}
    for word in argument:gmatch "%S+" do patterns[#patterns + 1] = word end
    if #patterns == 0 then
      local names, problem = program.contexts()
      if not names then return repl.say("error: " .. show.errorText(problem)) end
      return repl.page(table.concat(names, "\n"))
    end
    local names, problem = program.use(patterns)
    if not names then return repl.say("error: " .. show.errorText(problem)) end
    rawset(_G, "client", nil)
    repl.say(("%d context%s: %s"):format(#names, #names == 1 and "" or "s",
      tables.cut(table.concat(names, ", "), math.max(20, repl.view().width - 16))))
  end }

all.ns = { usage = ":ns [NAME]", text = "the namespace of calls on resources that name none; without NAME: the context's own again",
  run = function(argument) program.setNamespace(argument ~= "" and argument or nil) end }

all.clusters = { usage = ":clusters", text = "the clusters that were opened, and how they are", run = function(_, repl)
  local stats = statistics(repl)
  if stats then repl.page((show.clusters(stats, repl.view()):gsub("\n$", ""))) end
end }

all.pools = { usage = ":pools", text = "their pools of connections", run = function(_, repl)
  local stats = statistics(repl)
  if stats then repl.page((show.pools(stats, repl.view()):gsub("\n$", ""))) end
end }

all.watch = { usage = ":watch EXPR [SECONDS]", text = "shows EXPR again and again (default: every 2 s), until Ctrl-C",
  run = function(argument, repl)
    local text, pause = argument:match "^(.*%S)%s+(%d+%.?%d*)$"
    local chunk, problem = repl.compile(text or argument)
    if not chunk and text then
      chunk, problem = repl.compile(argument)
      pause = nil
    end
    if argument == "" or not chunk then
      return repl.say("error: :watch wants an expression" .. (problem and problem ~= "more" and ": " .. show.errorText(problem) or ""))
    end
    while true do
      repl.say(("\27[2J\27[Hevery %s s: %s   %s (Ctrl-C ends)\n"):format(pause or "2", text or argument, os.date "%H:%M:%S"))
      repl.run(chunk)
      core.sleep(math.max(100, math.floor(tonumber(pause or 2) * 1000)))
    end
  end }

all.time = { usage = ":time [EXPR]", text = "how long EXPR takes, or how long the last statement took", run = function(argument, repl)
  if argument ~= "" then
    local chunk, problem = repl.compile(argument)
    if not chunk then return repl.say("error: " .. (problem == "more" and "not finished" or show.errorText(problem))) end
    repl.run(chunk)
  end
  if repl.state.took then repl.say(("%.1f ms"):format(repl.state.took)) end
end }

all.events = { usage = ":events on|off", text = "notices about clusters' health and fail-over", run = function(argument, repl)
  if oneOf(repl, ":events", argument, { "on", "off" }) then repl.state.events = argument == "on" end
end }

all.trace = { usage = ":trace on|off", text = "each request: cluster, connection, attempt, status, duration", run = function(argument, repl)
  if not oneOf(repl, ":trace", argument, { "on", "off" }) then return end
  local state = repl.state
  if argument == "on" and not state.levelBefore then
    state.levelBefore = core.setLogLevel "debug"
  elseif argument == "off" and state.levelBefore then
    core.setLogLevel(state.levelBefore)
    state.levelBefore = nil
  end
end }

all.traceback = { usage = ":traceback", text = "where the last error came from", run = function(_, repl)
  repl.page(show.cleanLines(repl.state.traceback or "there was no error yet"))
end }

all.set = { usage = ":set NAME VALUE", text = "output: table, json, yaml, name; confirm (writes to several clusters ask first): on, off",
  run = function(argument, repl)
    local name, value = argument:match "^(%S*)%s*=?%s*(.*)$"
    local values = commands.settings[name]
    if not values then return oneOf(repl, ":set", name, { "output", "confirm" }) end
    if not oneOf(repl, ":set " .. name, value, values) then return end
    if name == "output" then repl.state.output = value else repl.state.confirm = value == "on" end
  end }

all.history = { usage = ":history [N]", text = "the last lines that were kept (default 20)", run = function(argument, repl)
  repl.page(show.cleanLines(table.concat(history.last(math.tointeger(tonumber(argument)) or 20), "\n")))
end }

local order = { "use", "ns", "clusters", "pools", "watch", "time", "events", "trace", "set", "history", "traceback", "help", "quit" }
commands.names = order

--- What there is, as text.
---@return string
function commands.help()
  local rows = {}
  for _, name in ipairs(order) do rows[#rows + 1] = { all[name].usage, all[name].text } end
  return tables.render(rows, { { title = "", key = 1 }, { title = "", key = 2 } }, { header = false }) .. [[

clusters     the clusters that are chosen: a ConnectionManager (clusters:each, clusters:getStats, ...)
client       a client of them: client.resources.pods.list(), client.core.listNamespacedPod("default")
moonpool     the module
help(x)      what x is and has, such as help(client.core)
_ _1 ... _9  the last result, and those before

Tab completes; Ctrl-C stops what runs, or forgets the line; Ctrl-R looks in the lines typed before.
A local variable lives as long as its line: leave `local` out.]]
end

--- What to do for a command line, as moonpool.repl's take says it.
---@param line string
---@param repl table
---@return function|boolean
function commands.find(line, repl)
  local name, argument = line:match "^%s*:(%a+)%s*(.-)%s*$"
  if name == "quit" or name == "q" then return false end
  local command = all[name]
  if not command then
    repl.say(("error: there is no command :%s%s"):format(name, check.hint(name, check.keys(all))))
    return true
  end
  return function() command.run(argument, repl) end
end

return commands
