-- commands.lua: the prompt's commands, which begin with ":".
local core = require "moonpool.core"
local alive = require "moonpool.alive"
local check = require "moonpool.check"
local scope = require "moonpool.repl.scope"
local show = require "moonpool.repl.show"
local tables = require "moonpool.tables"

local commands = {}

---@class moonpool.repl.Command
---@field usage string
---@field text string
---@field run fun(argument: string, session: moonpool.repl.Session): boolean? false: leave

commands.settings = { output = { "table", "json", "yaml", "name" }, confirm = { "on", "off" } }

local function oneOf(session, what, word, words)
  for _, known in ipairs(words) do
    if word == known then return true end
  end
  session:say(("error: %s: expected %s%s"):format(what, table.concat(words, ", "), word ~= "" and ", got " .. tables.clean(word) or ""))
  return false
end

-- What the managers of the process say, each under its name where there are several; then what its other pools say.
local function showAlive(session, ofManager, ofPools)
  local managers, texts = alive.managers(), {}
  for _, entry in ipairs(managers) do
    local text = ofManager(entry.object:getStats(), session:view()):gsub("\n$", "")
    texts[#texts + 1] = (#managers > 1 and scope.nameOf(entry, session.names.globals) .. "\n" or "") .. text
  end
  local stats = {}
  for _, entry in ipairs(ofPools and alive.pools() or {}) do
    stats[("%d %s"):format(entry.number, entry.object.label)] = { poolStats = entry.object:getStats() }
  end
  if next(stats) then texts[#texts + 1] = ofPools(stats, session:view()):gsub("\n$", "") end
  if #texts == 0 then return session:say "no cluster was used yet" end
  session:page(table.concat(texts, "\n\n"))
end

---@type table<string, moonpool.repl.Command>
local all = {}

all.help = { usage = ":help", text = "this text", run = function(_, session) session:page(commands.help()) end }

all.quit = { usage = ":quit", text = "leaves, as Ctrl-D on an empty line", run = function() return false end }
all.q = all.quit

all.use = { usage = ":use PATTERN...", text = "works on these contexts: names, globs, /regular expressions/, ^exclusions",
  run = function(argument, session)
    local patterns = {}
    for word in argument:gmatch "%S+" do patterns[#patterns + 1] = word end
    if #patterns == 0 then
      local names, problem = session.scope:choices()
      if not names then return session:say("error: " .. show.errorText(problem)) end
      return session:page(table.concat(names, "\n"))
    end
    local names, problem = session.scope:use(patterns)
    if not names then return session:say("error: " .. show.errorText(problem)) end
    session.names.own.client = nil
    session:say(("%d %s%s: %s"):format(#names, session.scope.what, #names == 1 and "" or "s",
      tables.cut(table.concat(names, ", "), math.max(20, session:view().width - 16))))
  end }

all.ns = { usage = ":ns [NAME]", text = "the namespace of calls on resources that name none; without NAME: the context's own again",
  run = function(argument, session)
    local ok, problem = session.scope:setNamespace(argument ~= "" and argument or nil)
    if not ok then session:complain(problem) end
  end }

all.clusters = { usage = ":clusters", text = "the clusters that were opened, and how they are",
  run = function(_, session) showAlive(session, show.clusters) end }

all.pools = { usage = ":pools", text = "the pools of connections",
  run = function(_, session) showAlive(session, show.pools, show.pools) end }

all.watch = { usage = ":watch EXPR [SECONDS]", text = "shows EXPR again and again (default: every 2 s), until Ctrl-C",
  run = function(argument, session)
    local text, pause = argument:match "^(.*%S)%s+(%d+%.?%d*)$"
    local chunk, problem = session:compile(text or argument)
    if not chunk and text then
      chunk, problem = session:compile(argument)
      pause = nil
    end
    if argument == "" or not chunk then
      return session:say("error: :watch wants an expression" .. (problem and problem ~= "more" and ": " .. show.errorText(problem) or ""))
    end
    while true do
      session:say(("\27[2J\27[Hevery %s s: %s   %s (Ctrl-C ends)\n"):format(pause or "2", text or argument, os.date "%H:%M:%S"))
      session:run(chunk)
      core.sleep(math.max(100, math.floor(tonumber(pause or 2) * 1000)))
    end
  end }

all.time = { usage = ":time [EXPR]", text = "how long EXPR takes, or how long the last statement took",
  run = function(argument, session)
    if argument ~= "" then
      local chunk, problem = session:compile(argument)
      if not chunk then return session:say("error: " .. (problem == "more" and "not finished" or show.errorText(problem))) end
      session:run(chunk)
    end
    if session.took then session:say(("%.1f ms"):format(session.took)) end
  end }

all.events = { usage = ":events on|off", text = "notices about clusters' health and fail-over", run = function(argument, session)
  if oneOf(session, ":events", argument, { "on", "off" }) then session.events = argument == "on" end
end }

all.trace = { usage = ":trace on|off", text = "each request: cluster, connection, attempt, status, duration",
  run = function(argument, session)
    if not oneOf(session, ":trace", argument, { "on", "off" }) then return end
    session:trace(argument == "on")
  end }

all.traceback = { usage = ":traceback", text = "where the last error came from", run = function(_, session)
  session:page(show.cleanLines(session.traceback or "there was no error yet"))
end }

all.set = { usage = ":set NAME VALUE", text = "output: table, json, yaml, name; confirm (writes to several clusters ask first): on, off",
  run = function(argument, session)
    local name, value = argument:match "^(%S*)%s*=?%s*(.*)$"
    local values = commands.settings[name]
    if not values then return oneOf(session, ":set", name, { "output", "confirm" }) end
    if not oneOf(session, ":set " .. name, value, values) then return end
    if name == "output" then session.output = value else session.confirm = value == "on" end
  end }

all.history = { usage = ":history [N]", text = "the last lines that were kept (default 20)", run = function(argument, session)
  session.terminal:showHistory(math.tointeger(tonumber(argument)) or 20)
end }

local order = { "use", "ns", "clusters", "pools", "watch", "time", "events", "trace", "set", "history", "traceback", "help", "quit" }
commands.names = order

--- The names that statements have beside Lua's own.
commands.globals = {
  { "clusters", "the clusters that are chosen: a ConnectionManager (clusters:each, clusters:getStats, ...)" },
  { "client", 'a client of them: client.resources.pods.list(), client.core.listNamespacedPod("default")' },
  { "moonpool", "the module" },
  { "help(x)", 'what x is and has, such as help(client.core), help(clusters.addCluster), help "acquireTimeout"' },
  { "_ _1 ... _9", "the last result, and those before" },
}

--- The commands, in their order.
---@return moonpool.repl.Command[]
function commands.rows()
  local rows = {}
  for index, name in ipairs(order) do rows[index] = all[name] end
  return rows
end

--- What there is, as text.
---@return string
function commands.help()
  local function render(rows, name, text)
    return tables.render(rows, { { title = "", key = name }, { title = "", key = text } }, { header = false })
  end
  return render(commands.rows(), "usage", "text") .. "\n" .. render(commands.globals, 1, 2) .. [[

Tab completes; Ctrl-C stops what runs, or forgets the line; Ctrl-R looks in the lines typed before.
A local variable lives as long as its line: leave `local` out.]]
end

--- Runs a command line. False: it wants to leave.
---@param line string
---@param session moonpool.repl.Session
---@return boolean
function commands.run(line, session)
  local name, argument = line:match "^%s*:(%a+)%s*(.-)%s*$"
  local command = all[name]
  if not command then
    session:say(("error: there is no command :%s%s"):format(name, check.hint(name, check.keys(all))))
    return true
  end
  return command.run(argument, session) ~= false
end

return commands
