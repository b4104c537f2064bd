-- The program's subcommands: each takes its arguments and returns the exit code.

local cli = {}

---@return integer
function cli.version()
  print(("moonpool %s (%s)"):format(require("moonpool.core").version, _VERSION))
  return 0
end

--- Simulated clusters to try scripts on.
---@param ... string
---@return integer
function cli.sim(...)
  return require("moonpool.sim.main")(...)
end

return cli
