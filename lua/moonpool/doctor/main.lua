-- main.lua: the subcommand `moonpool doctor`: what is wrong with each context, and what to do.
local core = require "moonpool.core"
local arguments = require "moonpool.arguments"
local concurrency = require "moonpool.concurrency"
local doctor = require "moonpool.doctor"
local program = require "moonpool.program"
local tables = require "moonpool.tables"

local AT_A_TIME = 25

local function parse(given)
  local parser = arguments.parser("moonpool doctor", "Looks for what is wrong with each context: the name, TCP, TLS and certificates, the "
    .. "clock, credentials, readiness. Says for each problem what to do.",
    "Exit code: 0 all well, 1 the kubeconfig cannot be read, 2 usage, 3 some contexts have a failure, 4 all of them have.")
  parser:argument("contexts", "Names, globs, '/regular expressions/', '^' before one of these: not those. Default: those of moonpool's own "
    .. "--context, else all."):argname("PATTERN"):args "*"
  local output = program.setting "output"
  parser:option("-o --output", "table, json or yaml."):argname("FORMAT"):default(output ~= "name" and output or "table")
    :convert(arguments.convert.oneOf { "table", "json", "yaml" })
  parser:option("--timeout", "For each step: 500ms, 5s."):argname("DURATION"):default("5s"):convert(arguments.convert.duration)
  parser:flag("-v --verbose", "Also what went well, step by step.")
  return parser:parse(given), parser
end

local function select(options, parser, kubeConfig)
  local patterns = #options.contexts > 0 and options.contexts or not core.selectedContexts and { "*" } or nil
  if not patterns then return core.selectedContexts end
  local all = kubeConfig:getContexts()
  if #all == 0 then return {} end
  local ok, problem = program.selectContexts(patterns, "contexts")
  if not ok then parser:error(problem) end
  return core.selectedContexts
end

local function days(seconds) return seconds and ("%dd"):format((seconds - os.time()) // 86400) or "" end

local COLUMNS = {
  { title = "CONTEXT", key = "context" }, { title = "STATUS", key = "status" }, { title = "VERSION", key = "version" },
  { title = "LATENCY", value = function(report) return report.latency and ("%.1f ms"):format(report.latency) or "" end },
  { title = "SERVER CERT", value = function(report) return days(report.serverExpiry) end },
  { title = "CLIENT CERT", value = function(report) return days(report.clientExpiry) end },
  { title = "CLOCK", value = function(report) return report.clockSkew and ("%+ds"):format(report.clockSkew) or "" end },
  { title = "PROBLEM", value = function(report)
    local causes = {}
    for _, step in ipairs(report.steps) do
      if step.cause then causes[#causes + 1] = ("%s: %s"):format(step.step, step.cause) end
    end
    return table.concat(causes, ", ")
  end },
}

local MARKS = { ok = "ok", warning = "warning", failed = "FAILED", skipped = "skipped" }

--- The problems, or all steps, of a context as lines.
local function details(report, verbose)
  local lines = {}
  for _, step in ipairs(report.steps) do
    if verbose or step.cause then
      lines[#lines + 1] = ("  %-12s %-8s %s"):format(step.step, MARKS[step.status], tables.clean(step.text)):gsub(" +$", "")
      if step.hint then lines[#lines + 1] = ("  %-12s %-8s -> %s"):format("", "", tables.clean(step.hint)) end
    end
  end
  return #lines > 0 and ("\n%s\n%s\n"):format(tables.clean(report.context), table.concat(lines, "\n")) or ""
end

local formats = {}

function formats.table(reports, options)
  local parts = { #reports > 0 and tables.render(reports, COLUMNS) or "" }
  for _, report in ipairs(reports) do parts[#parts + 1] = details(report, options.verbose) end
  return table.concat(parts)
end

function formats.json(reports) return assert(core.json.encode({ items = core.json.array(reports) }, { indent = 2 })) .. "\n" end

function formats.yaml(reports) return assert(core.yaml.encode { items = core.json.array(reports) }) end

---@param ... string
---@return integer exitCode
return function(...)
  local options, parser = parse { ... }
  local kubeConfig = core.KubeConfig()
  local ok, err = kubeConfig:loadFromDefault()
  local names = ok and select(options, parser, kubeConfig)
  if ok and #names == 0 then err = "there is no context: set KUBECONFIG, or give --kubeconfig" end
  if err then
    io.stderr:write(("moonpool doctor: %s\n"):format(tostring(err)))
    return 1
  end
  local reports = concurrency.map(names, function(name) return doctor.examine(kubeConfig, name, options.timeout) end,
    { concurrency = AT_A_TIME })
  reports.n = nil -- a plain list, to be written
  io.stdout:write(formats[options.output](reports, options))
  local failed = 0
  for _, report in ipairs(reports) do failed = failed + (report.status == "failed" and 1 or 0) end
  return failed == 0 and 0 or failed == #reports and 4 or 3
end
