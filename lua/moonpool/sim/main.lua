-- main.lua: the subcommand `moonpool sim`: simulated clusters until somebody interrupts it, or while a command runs on them.

local arguments = require("moonpool.arguments")
local core = require("moonpool.core")
local faults = require("moonpool.sim.faults")
local sim = require("moonpool.sim")

--- A converter for an option that takes an integer from `least` up; 0 where none is given.
local function integer(option, least)
  local convert = arguments.convert.integer(least or 0)
  return function(text)
    local number, problem = convert(text)
    return number, problem and ("%s: %s"):format(option, problem)
  end
end

--- An option that takes an integer.
local function counted(parser, option, text, default, least)
  parser:option(option, ("%s (default: %d)"):format(text, default), default, integer(option, least)):argname "N"
end

--- "sim-2:latency,ms=200" -> "sim-2", nil, { type = "latency", ms = 200 }; "sim-2/1:die" -> "sim-2", 1, { type = "die" }
local function fault(text)
  local where, type, rest = text:match("^([^:]+):([^,]+),?(.*)$")
  if not where then return nil, ("'%s': expected CLUSTER:TYPE[,field=value...] or CLUSTER/ENDPOINT:TYPE..."):format(text) end
  local result = { type = type }
  for field in rest:gmatch("[^,]+") do
    local name, value = field:match("^([^=]+)=(.*)$")
    if not name then return nil, ("'%s': expected field=value, got '%s'"):format(text, field) end
    result[name] = math.tointeger(tonumber(value)) or tonumber(value) or value
  end
  local cluster, endpoint = where:match("^(.*)/(%d+)$")
  return { cluster = cluster or where, endpoint = math.tointeger(tonumber(endpoint)), where = where, fault = result }
end

--- What the help says about faults.
local function faultsText()
  local lines = { "Faults:" }
  for _, kind in ipairs(faults.types()) do lines[#lines + 1] = ("   %-15s %s"):format(kind, faults.text(kind)) end
  lines[#lines + 1] = "With forMs=N a fault ends by itself; with onMs=N,offMs=N it comes and goes; those of requests may have "
    .. "path=GLOB, method=NAME, probability=0.1 or count=N. While the clusters run: PUT "
    .. "/_sim/faults?cluster=NAME&endpoint=NUMBER as an administrator."
  return table.concat(lines, "\n")
end

local function options(given)
  local parser = arguments.parser("moonpool sim", "Simulated Kubernetes clusters, on 127.0.0.1: until interrupted, or, after --, "
    .. "while COMMAND runs with KUBECONFIG set to them; the exit code is the command's then.",
    faultsText())
  counted(parser, "--clusters", "How many clusters.", 3, 1)
  counted(parser, "--endpoints", "API servers of each cluster: several URLs, the same objects. The kubeconfig names the first.", 1, 1)
  parser:flag("--loopbacks", "A cluster's endpoints listen on one port of 127.0.0.1, 127.0.0.2, ..., as the addresses of one "
    .. "host name do.")
  counted(parser, "--pods", "Pods in each cluster.", 50)
  counted(parser, "--nodes", "Nodes in each cluster.", 3)
  counted(parser, "--namespaces", "Namespaces with pods in each cluster.", 4)
  parser:flag("--troubles", "Also pods that are stuck, events about them, and secrets with certificates that end.")
  counted(parser, "--seed", "The same seed gives the same clusters.", 1)
  counted(parser, "--port", "First port; the others follow. 0: any free ones.", 0)
  parser:flag("--control", "Also listen, on the port after the others, for control pages alone, out of the reach of faults.")
  parser:option("--name", "Contexts are called NAME-1, NAME-2, ...; a list names each cluster: 'prod-eu,prod-us'.", "sim"):argname "NAME"
  parser:flag("--users", "Also contexts of other users: NAME-token (an administrator by token), NAME-nobody (without rights).")
  counted(parser, "--first", "Number of the first cluster, to start several groups of one name.", 1)
  parser:option("--kubeconfig", "Where to write the kubeconfig, which is removed at the end. (default: a file of its own in "
    .. "$XDG_RUNTIME_DIR, $TMPDIR or /tmp)"):argname "FILE"
  parser:option("--credentials", "Keep certificates and tokens in this file: with it, and the same --port, clusters that are "
    .. "started again are the same ones to their clients."):argname "FILE"
  parser:option("--fault", "A fault from the start, in a cluster or at one of its endpoints: sim-2:die, sim-1:latency,ms=200, "
    .. "sim-2/1:refuse. May be given several times."):argname "CLUSTER[/ENDPOINT]:TYPE[,FIELD=VALUE...]":count("*"):convert(fault)
  parser:usage "Usage: moonpool sim [options] [-- COMMAND [argument ...]]"
  return parser:parse(given)
end

--- What stands before "--", and the command after it; nil: there is none.
local function splitCommand(words)
  for index, word in ipairs(words) do
    if word == "--" then return table.move(words, 1, index - 1, 1, {}), table.move(words, index + 1, #words, 1, {}) end
  end
  return words, nil
end

local function temporaryPath()
  local directory = "/tmp"
  for _, variable in ipairs { "TMPDIR", "XDG_RUNTIME_DIR" } do -- the later goes first; an empty one says nothing
    local value = os.getenv(variable)
    if value and value ~= "" then directory = value end
  end
  return ("%s/moonpool-sim-%s.kubeconfig"):format(directory, sim.randomHex(4))
end

--- "sim-1, sim-2, sim-3", "sim-1 ... sim-40"
local function namesText(clusters)
  local names = {}
  for index, one in ipairs(clusters) do names[index] = one.name end
  if #names > 5 then return names[1] .. " ... " .. names[#names] end
  return #names > 0 and table.concat(names, ", ") or "none"
end

local function fail(code, problem)
  local text = tostring(problem):gsub("^[^%s:]+:%d+: ", ""):gsub("^moonpool%.sim: ", "")
  io.stderr:write("moonpool sim: ", text, "\n")
  return code
end

--- Runs the command on the clusters, which end with it.
local function run(command, group, path)
  local _ <close> = setmetatable({}, { __close = function() group:stop() end })
  local code, err = core.command(command, { KUBECONFIG = path })
  if code then return code end
  return fail(127, err.message)
end

--- Says what there is.
local function announce(group, endpoints, path)
  print(("%d simulated cluster%s: %s"):format(#group.clusters, #group.clusters == 1 and "" or "s",
    namesText(group.clusters)))
  if endpoints > 1 then
    for _, one in ipairs(group.clusters) do print(("%s: %s"):format(one.name, table.concat(one.urls, " "))) end
  end
  if group.control then print(("control pages: %s/_sim/"):format(group.control.url)) end
  print(("export KUBECONFIG=%s"):format(path))
  print("Interrupt (Ctrl-C) to stop them.")
  io.stdout:flush()
end

---@param ... string
---@return integer exitCode
return function(...)
  local words, command = splitCommand { ... }
  local given = options(words)
  if command and #command == 0 then return fail(2, "after --: expected a command to run") end
  core.http.raiseDescriptorLimit()
  local wanted = {}
  for name, value in pairs(given) do wanted[name] = value end
  wanted.kubeconfig, wanted.fault = nil, nil
  local started, group = pcall(sim.start, wanted)
  if not started then return fail(1, group) end
  for _, entry in ipairs(given.fault) do
    local cluster = group.byName[entry.cluster]
    local subject = entry.endpoint and cluster and cluster.endpoints[entry.endpoint] or not entry.endpoint and cluster
    if not subject and cluster then
      return fail(2, ("--fault: there is no endpoint '%s'; endpoints of %s: %d"):format(entry.where, cluster.name, #cluster.endpoints))
    elseif not subject then
      return fail(2, ("--fault: there is no cluster '%s'; there are: %s"):format(entry.where, namesText(group.clusters)))
    end
    local fine, problem = pcall(subject.faults.add, subject.faults, entry.fault)
    if not fine then return fail(2, "--fault: " .. tostring(problem)) end
  end
  local path = given.kubeconfig or temporaryPath()
  local ok, problem = group:writeKubeconfig(path)
  if not ok then return fail(1, problem) end
  -- Runs when the program ends, however that comes about.
  group.cleanup = setmetatable({}, { __gc = function() os.remove(path) end })
  local absolute = path:find "^/" and path or ("%s/%s"):format(os.getenv "PWD" or ".", path)
  if command then return run(command, group, absolute) end
  announce(group, given.endpoints, absolute)
  return 0
end
