-- main.lua: the subcommand `moonpool sim`: simulated clusters until somebody interrupts it.

local argparse = require("argparse")
local core = require("moonpool.core")
local sim = require("moonpool.sim")

local function integer(text)
  local number = math.tointeger(tonumber(text))
  if not number or number < 0 then return nil, ("'%s' is not an integer from 0 up"):format(text) end
  return number
end

--- "sim-2:latency,ms=200" -> "sim-2", { type = "latency", ms = 200 }
local function fault(text)
  local cluster, type, rest = text:match("^([^:]+):([^,]+),?(.*)$")
  if not cluster then return nil, ("'%s': expected CLUSTER:TYPE[,field=value...]"):format(text) end
  local result = { type = type }
  for field in rest:gmatch("[^,]+") do
    local name, value = field:match("^([^=]+)=(.*)$")
    if not name then return nil, ("'%s': expected field=value, got '%s'"):format(text, field) end
    result[name] = math.tointeger(tonumber(value)) or tonumber(value) or value
  end
  return { cluster = cluster, fault = result }
end

local function options(arguments)
  local parser = argparse("moonpool sim", "Simulated Kubernetes clusters, on 127.0.0.1, until interrupted.",
    "Faults can be changed at run time: PUT /_sim/faults with the administrator's credentials.")
  parser:option("--clusters", "How many clusters.", 3, integer)
  parser:option("--pods", "Pods in each cluster.", 50, integer)
  parser:option("--nodes", "Nodes in each cluster.", 3, integer)
  parser:option("--namespaces", "Namespaces with pods in each cluster.", 4, integer)
  parser:option("--seed", "The same seed gives the same clusters.", 1, integer)
  parser:option("--port", "First port; the others follow. 0: any free ones.", 0, integer)
  parser:option("--name", "Contexts are called NAME-1, NAME-2, ...", "sim")
  parser:option("--kubeconfig", "Where to write the kubeconfig. It is removed at the end.")
  parser:option("--credentials", "Keep certificates and tokens in this file: with it, and the same --port, clusters that are "
    .. "started again are the same ones to their clients.", "")
  parser:option("--fault", "A fault from the start, as CLUSTER:TYPE[,field=value...]; for example sim-2:latency,ms=200."):count("*")
    :convert(fault)
  return parser:parse(arguments)
end

local function temporaryPath()
  local directory = os.getenv("XDG_RUNTIME_DIR") or os.getenv("TMPDIR") or "/tmp"
  return ("%s/moonpool-sim-%s.kubeconfig"):format(directory, sim.randomHex(4))
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
  local started, group = pcall(sim.start, { clusters = given.clusters, pods = given.pods, nodes = given.nodes,
    namespaces = given.namespaces, seed = given.seed, port = given.port, name = given.name, credentials = given.credentials })
  if not started then return fail(1, group) end
  for _, entry in ipairs(given.fault) do
    local cluster = group.byName[entry.cluster]
    if not cluster then return fail(2, ("--fault: there is no cluster '%s'"):format(entry.cluster)) end
    local fine, problem = pcall(cluster.faults.add, cluster.faults, entry.fault)
    if not fine then return fail(2, "--fault: " .. tostring(problem)) end
  end
  local path = given.kubeconfig or temporaryPath()
  local ok, problem = group:writeKubeconfig(path)
  if not ok then return fail(1, problem) end
  -- Runs when the program ends, however that comes about.
  group.cleanup = setmetatable({}, { __gc = function() os.remove(path) end })
  local first, last = group.clusters[1], group.clusters[#group.clusters]
  print(("%d simulated cluster%s: %s"):format(#group.clusters, #group.clusters == 1 and "" or "s",
    first and (first == last and first.name or first.name .. " ... " .. last.name) or "none"))
  print(("export KUBECONFIG=%s"):format(path))
  print("Interrupt (Ctrl-C) to stop them.")
  io.stdout:flush()
  return 0
end
