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

local DEFAULTS = { clusters = 3, pods = 50, nodes = 3, namespaces = 4, seed = 1, port = 0, name = "sim" }

---@class moonpool.sim.Group
---@field clusters moonpool.sim.Cluster[]
---@field byName table<string, moonpool.sim.Cluster>
local Group = {}
Group.__index = Group

--- So many random bytes in hexadecimal: from the kernel, not from the seed, since it is for secrets.
---@param bytes integer
---@return string
function sim.randomHex(bytes)
  local file <close> = assert(io.open("/dev/urandom", "rb"))
  return (file:read(bytes):gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

local function startOne(group, name, options, index)
  local authority = core.pki.authority(name .. "-ca")
  local names = { commonName = "kube-apiserver", usage = "server",
    altNames = { "127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", name } }
  local one = cluster.new({ name = name, seed = options.seed * 1000 + index, pods = options.pods, nodes = options.nodes,
    namespaces = options.namespaces })
  local adminToken, plainToken = sim.randomHex(16), sim.randomHex(16)
  one.authority = authority
  one.users = {
    admin = { authority:issue({ commonName = name .. "-admin", organizations = { "system:masters" }, usage = "client" }) },
    adminToken = adminToken,
    plainToken = plainToken,
  }
  server.start(one, {
    port = options.port > 0 and options.port + index - 1 or 0, group = group, authority = authority:certificate(),
    certificate = { authority:issue(names) }, badCertificate = function() return { group:strangersAuthority():issue(names) } end,
    tokens = {
      [adminToken] = { name = name .. "-token-admin", groups = { "system:masters" } },
      [plainToken] = { name = name .. "-nobody", groups = { "nobodies" } },
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

--- Starts simulated clusters, each a TLS server on a port of its own on 127.0.0.1.
---@class moonpool.sim.Options
---@field clusters integer? default 3
---@field pods integer? in each cluster; default 50
---@field nodes integer? default 3
---@field namespaces integer? with pods; default 4
---@field seed integer? the same seed gives the same clusters; default 1
---@field port integer? of the first cluster, the others follow; default 0: any free ones
---@field name string? contexts are NAME-1, NAME-2, ...; default "sim"

---@param given moonpool.sim.Options?
---@return moonpool.sim.Group
function sim.start(given)
  local options = checkOptions(given)
  local group = setmetatable({ clusters = {}, byName = {} }, Group)
  for index = 1, options.clusters do
    local name = ("%s-%d"):format(options.name, index)
    local ok, one = pcall(startOne, group, name, options, index)
    if not ok then
      group:stop()
      error(one, 2)
    end
    group.clusters[index] = one
    group.byName[name] = one
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
