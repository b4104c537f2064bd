-- clusters.lua: the clusters that the API specs run against: those that MOONPOOL_TEST_KUBECONFIG and MOONPOOL_TEST_CONTEXTS
-- name (real API servers), else three simulated ones in this process. Every context NAME has a sibling NAME-nobody, a user
-- without any rights. The second cluster has two endpoints.
local moonpool = require "moonpool"

local clusters = {}

local group, path, users = nil, nil, 0

--- Starts what is needed; every start wants its stop. Gives the kubeconfig's path and the contexts.
---@return string path
---@return string[] contexts
function clusters.start()
  local given = os.getenv "MOONPOOL_TEST_KUBECONFIG"
  local contexts = {}
  if given then
    for name in (os.getenv "MOONPOOL_TEST_CONTEXTS" or ""):gmatch "%S+" do contexts[#contexts + 1] = name end
    assert(#contexts > 0, "MOONPOOL_TEST_CONTEXTS names no context")
    return given, contexts
  end
  users = users + 1
  if not group then
    group = require("moonpool.sim").start { clusters = 3, endpoints = 2, pods = 0, users = true }
    path = os.tmpname()
    group:writeKubeconfig(path)
  end
  return path, { "sim-1", "sim-2", "sim-3" }
end

--- The URLs of a context's API servers, that of the kubeconfig first.
---@param context string
---@return string[]
function clusters.endpoints(context)
  if group then return group.byName[context].urls end
  local urls = {}
  for line in io.lines(assert(os.getenv "MOONPOOL_TEST_CLUSTERS") .. "/endpoints") do
    if line:match "^%S+" == context then
      for url in line:gmatch " (%S+)" do urls[#urls + 1] = url end
    end
  end
  return urls
end

function clusters.stop()
  if not group then return end
  users = users - 1
  if users > 0 then return end
  group:stop()
  os.remove(path)
  group, path = nil, nil
end

--- A client of the first cluster, with options besides kubeConfigPath and context.
---@param options table?
---@param context string?
---@return moonpool.KubernetesClient
function clusters.client(options, context)
  local kubeConfigPath, contexts = clusters.start()
  clusters.stop() -- whoever asks for a client has started them
  local all = { kubeConfigPath = kubeConfigPath, context = context or contexts[1] }
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(moonpool.KubernetesClient(all))
end

--- A name that nobody else uses.
---@param prefix string
---@return string
function clusters.name(prefix)
  return ("%s-%x"):format(prefix, math.random(0, 0x7fffffff))
end

--- A namespace of the spec's own, ready for pods (where a controller makes service accounts, it has made this one's).
---@param client moonpool.KubernetesClient
---@return string
function clusters.namespace(client)
  local name = clusters.name "spec"
  assert(client.core.createNamespace { metadata = { name = name } })
  return name
end

math.randomseed()
return clusters
