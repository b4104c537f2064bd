-- The program's subcommands: each takes its arguments and returns the exit code, or a
-- function that opens the session of a prompt (core/cli/repl.c).

local cli = {}

--- Subcommands that have nothing to do with the user's clusters: "nothing": they do not even read the configuration; "settings": they
--- select no contexts.
---@type table<string, "nothing"|"settings">
cli.needs = { version = "nothing", sim = "nothing", completion = "nothing", attach = "settings" }

---@param ... string
---@return integer
function cli.version(...)
  require("moonpool.arguments").parser("moonpool version", "Says the version."):parse { ... }
  print(("moonpool %s (%s)"):format(require("moonpool.core").version, _VERSION))
  return 0
end

--- Simulated clusters to try scripts on.
---@param ... string
---@return integer
function cli.sim(...)
  return require("moonpool.sim.main")(...)
end

--- What is wrong with each context, and what to do.
---@param ... string
---@return integer
function cli.doctor(...)
  return require("moonpool.doctor.main")(...)
end

--- What a shell needs to complete command lines.
---@param ... string
---@return integer
function cli.completion(...)
  return require("moonpool.completion")(...)
end

--- The prompt of a running program.
---@param ... string
---@return integer|function
function cli.attach(...)
  return require("moonpool.attach").main(...)
end

local scriptModule = "moonpool.scripts."

local function listScripts()
  local scripts = require "moonpool.scripts"
  print("usage: moonpool run NAME [options]      (moonpool run NAME --help)\n")
  io.write(require("moonpool.tables").render(scripts, { { title = "name", key = "name" }, { title = "summary", key = "summary" } },
    { indent = 2, header = false }))
end

--- A script that ships, with `arg` as a script has it; without a name, the list of them.
---@param name string?
---@param ... string
---@return integer
function cli.run(name, ...)
  if not name or name == "--help" or name == "-h" then
    listScripts()
    return 0
  end
  local main = package.preload[scriptModule .. name]
  if main then
    _G.arg = { [0] = name, ... }
    main()
    return 0
  end
  local names = {}
  for index, one in ipairs(require "moonpool.scripts") do names[index] = one.name end
  io.stderr:write(("moonpool run: there is no script '%s'%s\n"):format(name, require("moonpool.check").hint(name, names)))
  return 2
end

--- What can be said to a subcommand, or to a script of `run`; nil: there is no such one.
---@param name string
---@param script string?
---@return moonpool.CommandLine?
function cli.describe(name, script)
  local describe = require("moonpool.arguments").describe
  if name ~= "run" then return cli[name] and describe(cli[name]) end
  if script then return package.preload[scriptModule .. script] and describe(package.preload[scriptModule .. script]) end
  local names = {}
  for index, one in ipairs(require "moonpool.scripts") do names[index] = one.name end
  return { text = "Runs a script that ships with it.", options = {}, positionals = { { argument = "NAME", words = names } } }
end

return cli
