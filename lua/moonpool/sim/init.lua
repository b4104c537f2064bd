-- moonpool.sim: simulated Kubernetes clusters in this process, for trying and testing scripts.
--
--   local sim = require("moonpool.sim").start{ clusters = 3, pods = 50, endpoints = 2 }
--   sim:kubeconfig()                        -- text; sim:writeKubeconfig(path) writes it, for the owner only
--   sim.clusters[1].faults:add{ type = "latency", ms = 200 }
--   sim.byName["sim-2"].faults:set{ { type = "refuse" } }
--   sim.clusters[1].endpoints[2].faults:add{ type = "die", forMs = 5000 }
--   sim.clusters[1].urls                    -- of its endpoints; the kubeconfig names the first
--   sim:stop()

local core = require("moonpool.core")
local cluster = require("moonpool.sim.cluster")
local server = require("moonpool.sim.server")
local kubeconfig = require("moonpool.sim.kubeconfig")

local sim = {}

local DEFAULTS = { clusters = 3, endpoints = 1, loopbacks = false, pods = 50, nodes = 3, namespaces = 4, seed = 1, troubles = false,
  port = 0, control = false, users = false, name = "sim", first = 1, credentials = "" }
local MAX_LOOPBACKS = 9

---@class moonpool.sim.Group
---@field clusters moonpool.sim.Cluster[]
---@field byName table<string, moonpool.sim.Cluster>
---@field credentials table<string, table> by cluster
---@field control moonpool.sim.Endpoint? where control pages are out of the reach of faults
local Group = {}
Group.__index = Group

--- So many random bytes in hexadecimal: from the kernel, not from the seed, since it is for secrets.
---@param bytes integer
---@return string
function sim.randomHex(bytes)
  local file <close> = assert(io.open("/dev/urandom", "rb"))
  return (file:read(bytes):gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

local function serverNames(name)
  local names = { "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", name }
  for number = 1, MAX_LOOPBACKS do names[#names + 1] = "127.0.0." .. number end
  return { commonName = "kube-apiserver", usage = "server", altNames = names }
end

--- Everything by which a cluster and its users prove who they are.
local function makeCredentials(name)
  local authority = core.pki.authority(name .. "-ca")
  return {
    authority = authority:certificate(),
    server = { authority:issue(serverNames(name)) },
    admin = { authority:issue({ commonName = name .. "-admin", organizations = { "system:masters" }, usage = "client" }) },
    adminToken = "t" .. sim.randomHex(16), -- digits alone would be a number in YAML
    plainToken = "t" .. sim.randomHex(16),
  }
end

--- Those that the file keeps, and new ones for clusters that it does not know.
local function loadCredentials(path)
  local file <close> = io.open(path, "rb")
  if not file then return {} end
  local kept, err = core.json.decode(file:read("a"))
  if type(kept) ~= "table" then
    error(("moonpool.sim: option credentials: %s is not a file that was written for this: %s"):format(path,
      err and err.message or "expected a JSON object"), 4)
  end
  return kept
end

--- The addresses of a cluster's endpoints.
local function addresses(options)
  local list = {}
  for number = 1, options.endpoints do list[number] = "127.0.0." .. (options.loopbacks and number or 1) end
  return list
end

--- How many ports a cluster has.
local function portsOf(options) return options.loopbacks and 1 or options.endpoints end

local function startOne(group, name, options, index)
  local one = cluster.new({ name = name, seed = options.seed * 1000 + options.first + index - 1, pods = options.pods, nodes = options.nodes,
    namespaces = options.namespaces, troubles = options.troubles })
  local credentials = group.credentials[name] or makeCredentials(name)
  group.credentials[name], one.credentials = credentials, credentials
  local ok, problem = pcall(server.start, one, {
    addresses = addresses(options), onePort = options.loopbacks, group = group, authority = credentials.authority,
    port = options.port > 0 and options.port + (index - 1) * portsOf(options) or 0,
    certificate = credentials.server, badCertificate = function() return { group:strangersAuthority():issue(serverNames(name)) } end,
    tokens = {
      [credentials.adminToken] = { name = name .. "-token-admin", groups = { "system:masters" } },
      [credentials.plainToken] = { name = name .. "-nobody", groups = { "nobodies" } },
    },
  })
  if ok then return one end
  one:stop()
  error(problem, 0)
end

--- A listener for control pages alone, on the port after those of the clusters.
local function startControl(group, options)
  local one = group.clusters[1]
  if not one then error("moonpool.sim: control pages need at least one cluster", 0) end
  group.control = server.control(one, { certificate = one.credentials.server, authority = one.credentials.authority,
    port = options.port > 0 and options.port + #group.clusters * portsOf(options) or 0 })
end

--- What the clusters are called: as the list says, or numbered.
local function namesOf(options)
  local names = {}
  if options.name:find(",", 1, true) then
    for name in options.name:gmatch "[^,%s]+" do
      if names[name] then error(("moonpool.sim: option name: two clusters cannot both be called %s"):format(name), 4) end
      names[#names + 1], names[name] = name, true
    end
  else
    for index = 1, options.clusters do names[index] = ("%s-%d"):format(options.name, options.first + index - 1) end
  end
  return names
end

local function checkOptions(given)
  local options = {}
  for name, value in pairs(DEFAULTS) do options[name] = value end
  for name, value in pairs(given or {}) do
    if DEFAULTS[name] == nil then error(("moonpool.sim: unknown option %s"):format(tostring(name)), 3) end
    local want = math.type(DEFAULTS[name]) or type(DEFAULTS[name])
    if (math.type(value) or type(value)) ~= want or (want == "integer" and value < 0) then
      error(("moonpool.sim: option %s: expected %s"):format(name, want == "integer" and "an integer from 0 up" or "a " .. want), 3)
    end
    options[name] = value
  end
  options.names = namesOf(options)
  if options.endpoints == 0 then error("moonpool.sim: option endpoints: expected an integer from 1 up", 3) end
  if options.loopbacks and options.endpoints > MAX_LOOPBACKS then
    error(("moonpool.sim: option endpoints: at most %d with loopbacks"):format(MAX_LOOPBACKS), 3)
  end
  if options.pods > 0 and (options.namespaces == 0 or options.nodes == 0) then
    error("moonpool.sim: pods need at least one namespace and one node", 3)
  end
  return options
end

---@class moonpool.sim.Options
---@field clusters integer? default 3, or as many as `name` lists
---@field endpoints integer? API servers of each cluster, all with the same objects; default 1
---@field loopbacks boolean? a cluster's endpoints listen on one port of 127.0.0.1, 127.0.0.2, ..., as the addresses of one host name do,
--- instead of on ports of 127.0.0.1; at most 9
---@field pods integer? in each cluster; default 50
---@field nodes integer? default 3
---@field namespaces integer? with pods; default 4
---@field troubles boolean? also stuck pods, their events, and secrets with certificates that end, in the first namespace
---@field seed integer? the same seed gives the same clusters; default 1
---@field port integer? of the first endpoint of the first cluster, the others follow; default 0: any free ones
---@field control boolean? also listen, on a port of its own (after the others), for control pages alone, out of the reach of faults
---@field users boolean? the kubeconfig also has contexts of other users of each cluster: NAME-token and NAME-nobody
---@field name string? contexts are NAME-1, NAME-2, ...; default "sim"; a list such as "eu,us" names each
---@field first integer? the number of the first cluster, for several groups of one name; default 1
---@field credentials string? a file that keeps certificates and tokens: clusters started with it again are the same to their
--- clients, who may know them from a kubeconfig of before; default: new ones each time

--- Starts simulated clusters, each of one or more TLS servers on ports of their own on 127.0.0.1.
---@param given moonpool.sim.Options?
---@return moonpool.sim.Group
function sim.start(given)
  local options = checkOptions(given)
  local keeps = options.credentials ~= ""
  local credentials = keeps and loadCredentials(options.credentials) or {}
  local group = setmetatable({ clusters = {}, byName = {}, users = options.users, credentials = credentials }, Group)
  for index, name in ipairs(options.names) do
    local ok, one = pcall(startOne, group, name, options, index)
    if not ok then
      group:stop()
      error(("moonpool.sim: cannot start %s: %s"):format(name, (tostring(one):gsub("^[^%s:]+:%d+: ", ""))), 0)
    end
    group.clusters[index] = one
    group.byName[name] = one
  end
  local ok, problem = true, nil
  if options.control then
    ok, problem = pcall(startControl, group, options)
    if not ok then
      group:stop()
      error(("moonpool.sim: cannot listen for control pages: %s"):format((tostring(problem):gsub("^[^%s:]+:%d+: ", ""))), 0)
    end
  end
  if keeps then ok, problem = core.writePrivateFile(options.credentials, assert(core.json.encode(group.credentials))) end
  if not ok then
    group:stop()
    error("moonpool.sim: option credentials: " .. problem, 2)
  end
  return group
end

--- The kubeconfig as text: for every cluster a context of its name (administrator with a certificate), and with the option `users`
--- NAME-token (administrator with a token) and NAME-nobody (a user without rights).
---@return string
function Group:kubeconfig() return kubeconfig.text(self.clusters, self.users) end

---@param path string
---@return true? ok
---@return string? problem
function Group:writeKubeconfig(path) return kubeconfig.write(path, self:kubeconfig()) end

--- An authority that no kubeconfig of ours knows.
function Group:strangersAuthority()
  self.stranger = self.stranger or core.pki.authority("stranger")
  return self.stranger
end

function Group:stop()
  for _, one in ipairs(self.clusters) do one:stop() end
  if self.control then self.control.listener:close() end
end

return sim
