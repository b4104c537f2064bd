-- main.lua: the subcommand `moonpool sim`: simulated clusters until somebody interrupts it.

local arguments = require("moonpool.arguments")
local core = require("moonpool.core")
local faults = require("moonpool.sim.faults")
local sim = require("moonpool.sim")

local integer = arguments.convert.integer(0)

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

local function options(given)
  local parser = arguments.parser("moonpool sim", "Simulated Kubernetes clusters, on 127.0.0.1, until interrupted.",
    "Faults can be changed at run time: PUT /_sim/faults?cluster=NAME&endpoint=NUMBER with the administrator's credentials.")
  parser:option("--clusters", "How many clusters.", 3, integer)
  parser:option("--endpoints", "API servers of each cluster: several URLs, the same objects. The kubeconfig names the first.", 1, integer)
  parser:flag("--loopbacks", "A cluster's endpoints listen on one port of 127.0.0.1, 127.0.0.2, ..., as the addresses of one host name do.")
  parser:option("--pods", "Pods in each cluster.", 50, integer)
  parser:option("--nodes", "Nodes in each cluster.", 3, integer)
  parser:option("--namespaces", "Namespaces with pods in each cluster.", 4, integer)
  parser:flag("--troubles", "Also pods that are stuck, events about them, and secrets with certificates that end.")
  parser:option("--seed", "The same seed gives the same clusters.", 1, integer)
  parser:option("--port", "First port; the others follow. 0: any free ones.", 0, integer)
  parser:flag("--control", "Also listen, on the port after the others, for control pages alone, out of the reach of faults.")
  parser:option("--name", "Contexts are called NAME-1, NAME-2, ...; a list names each cluster: 'prod-eu,prod-us'.", "sim")
  parser:flag("--users", "Also contexts of other users: NAME-token (an administrator by token), NAME-nobody (without rights).")
  parser:option("--first", "Number of the first cluster, to start several groups of one name.", 1, integer)
  parser:option("--kubeconfig", "Where to write the kubeconfig. It is removed at the end."):argname "FILE"
  parser:option("--credentials", "Keep certificates and tokens in this file: with it, and the same --port, clusters that are "
    .. "started again are the same ones to their clients.", ""):argname "FILE"
  parser:option("--fault", "A fault from the start, as CLUSTER:TYPE[,field=value...], for example sim-2:latency,ms=200, or "
    .. "sim-2/1:die for the first endpoint alone. Types: " .. table.concat(faults.types(), ", ") .. "."):count("*")
    :convert(fault)
  return parser:parse(given)
end

local function temporaryPath()
  local directory = os.getenv("XDG_RUNTIME_DIR") or os.getenv("TMPDIR") or "/tmp"
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

---@param ... string
---@return integer exitCode
return function(...)
  local given = options({ ... })
  core.http.raiseDescriptorLimit()
  local wanted = {}
  for name, value in pairs(given) do wanted[name] = value end
  wanted.kubeconfig, wanted.fault = nil, nil
  local started, group = pcall(sim.start, wanted)
  if not started then return fail(1, group) end
  for _, entry in ipairs(given.fault) do
    local cluster = group.byName[entry.cluster]
    local subject = entry.endpoint and cluster and cluster.endpoints[entry.endpoint] or not entry.endpoint and cluster
    if not subject then return fail(2, ("--fault: there is no %s '%s'"):format(cluster and "endpoint" or "cluster", entry.where)) end
    local fine, problem = pcall(subject.faults.add, subject.faults, entry.fault)
    if not fine then return fail(2, "--fault: " .. tostring(problem)) end
  end
  local path = given.kubeconfig or temporaryPath()
  local ok, problem = group:writeKubeconfig(path)
  if not ok then return fail(1, problem) end
  -- Runs when the program ends, however that comes about.
  group.cleanup = setmetatable({}, { __gc = function() os.remove(path) end })
  print(("%d simulated cluster%s: %s"):format(#group.clusters, #group.clusters == 1 and "" or "s",
    namesText(group.clusters)))
  if given.endpoints > 1 then
    for _, one in ipairs(group.clusters) do print(("%s: %s"):format(one.name, table.concat(one.urls, " "))) end
  end
  if group.control then print(("control pages: %s/_sim/"):format(group.control.url)) end
  print(("export KUBECONFIG=%s"):format(path:find "^/" and path or ("%s/%s"):format(os.getenv "PWD" or ".", path)))
  print("Interrupt (Ctrl-C) to stop them.")
  io.stdout:flush()
  return 0
end
