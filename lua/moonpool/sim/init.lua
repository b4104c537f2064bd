-- moonpool.sim: simulated Kubernetes clusters in this process, for trying and testing scripts.
--
--   local sim = require("moonpool.sim").start{ clusters = 3, pods = 50 }
--   sim:kubeconfig()                        -- text; sim:writeKubeconfig(path) writes it, for the owner only
--   sim.clusters[1].faults:add{ type = "latency", ms = 200 }
--   sim.byName["sim-2"].faults:set{ { type = "refuse" } }
--   sim:stop()

local core = require("moonpool.core")
local cluster = require("moonpool.sim.cluster")
local server = require("moonpool.sim.server")
local kubeconfig = require("moonpool.sim.kubeconfig")

local sim = {}

local DEFAULTS = { clusters = 3, pods = 50, nodes = 3, namespaces = 4, seed = 1, port = 0, name = "sim", credentials = "" }

---@class moonpool.sim.Group
---@field clusters moonpool.sim.Cluster[]
---@field byName table<string, moonpool.sim.Cluster>
---@field credentials table<string, table> by cluster
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
  return { commonName = "kube-apiserver", usage = "server",
    altNames = { "127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", name } }
end

--- Everything by which a cluster and its users prove who they are.
local function makeCredentials(name)
  local authority = core.pki.authority(name .. "-ca")
  return {
    authority = authority:certificate(),
    server = { authority:issue(serverNames(name)) },
    admin = { authority:issue({ commonName = name .. "-admin", organizations = { "system:masters" }, usage = "client" }) },
    adminToken = sim.randomHex(16),
    plainToken = sim.randomHex(16),
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

local function startOne(group, name, options, index)
  local one = cluster.new({ name = name, seed = options.seed * 1000 + index, pods = options.pods, nodes = options.nodes,
    namespaces = options.namespaces })
  local credentials = group.credentials[name] or makeCredentials(name)
  group.credentials[name], one.credentials = credentials, credentials
  server.start(one, {
    port = options.port > 0 and options.port + index - 1 or 0, group = group, authority = credentials.authority,
    certificate = credentials.server, badCertificate = function() return { group:strangersAuthority():issue(serverNames(name)) } end,
    tokens = {
      [credentials.adminToken] = { name = name .. "-token-admin", groups = { "system:masters" } },
      [credentials.plainToken] = { name = name .. "-nobody", groups = { "nobodies" } },
    },
  })
  return one
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
  if options.pods > 0 and (options.namespaces == 0 or options.nodes == 0) then
    error("moonpool.sim: pods need at least one namespace and one node", 3)
  end
  return options
end

---@class moonpool.sim.Options
---@field clusters integer? default 3
---@field pods integer? in each cluster; default 50
---@field nodes integer? default 3
---@field namespaces integer? with pods; default 4
---@field seed integer? the same seed gives the same clusters; default 1
---@field port integer? of the first cluster, the others follow; default 0: any free ones
---@field name string? contexts are NAME-1, NAME-2, ...; default "sim"
---@field credentials string? a file that keeps certificates and tokens: clusters started with it again are the same to their
--- clients, who may know them from a kubeconfig of before; default: new ones each time

--- Starts simulated clusters, each a TLS server on a port of its own on 127.0.0.1.
---@param given moonpool.sim.Options?
---@return moonpool.sim.Group
function sim.start(given)
  local options = checkOptions(given)
  local keeps = options.credentials ~= ""
  local group = setmetatable({ clusters = {}, byName = {}, credentials = keeps and loadCredentials(options.credentials) or {} }, Group)
  for index = 1, options.clusters do
    local name = ("%s-%d"):format(options.name, index)
    local ok, one = pcall(startOne, group, name, options, index)
    if not ok then
      group:stop()
      error(("moonpool.sim: cannot start %s: %s"):format(name, (tostring(one):gsub("^[^%s:]+:%d+: ", ""))), 0)
    end
    group.clusters[index] = one
    group.byName[name] = one
  end
  local ok, problem = true, nil
  if keeps then ok, problem = core.writePrivateFile(options.credentials, assert(core.json.encode(group.credentials))) end
  if not ok then
    group:stop()
    error("moonpool.sim: option credentials: " .. problem, 2)
  end
  return group
end

--- The kubeconfig as text: for every cluster a context of its name (administrator with a certificate), NAME-token (administrator with a
--- token) and NAME-nobody (a user without rights).
---@return string
function Group:kubeconfig() return kubeconfig.text(self.clusters) end

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
end

return sim
