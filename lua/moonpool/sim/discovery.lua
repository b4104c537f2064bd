-- discovery.lua: what a cluster says about itself: its API groups and resources, its version.

local core = require("moonpool.core")
local resources = require("moonpool.sim.resources")
local values = require("moonpool.sim.values")

local sortedKeys = values.sortedKeys

local discovery = {}

local VERSION = {
  major = "1", minor = "28", gitVersion = "v1.28.0+moonpool.sim", gitCommit = "0000000000000000000000000000000000000000",
  gitTreeState = "clean", buildDate = "2024-01-01T00:00:00Z", goVersion = "none", compiler = "none", platform = "linux/amd64",
}

--- "v2" before "v1" before "v1beta1", as Kubernetes prefers versions.
local function versionRank(version)
  local major, stage, minor = version:match("^v(%d+)(%a*)(%d*)$")
  if not major then return 0 end
  local stages = { [""] = 2, beta = 1 }
  return (stages[stage] or 0) * 1000000 + tonumber(major) * 1000 + (tonumber(minor) or 0)
end

local function sortedVersions(versions)
  local names = sortedKeys(versions)
  table.sort(names, function(a, b)
    local rankA, rankB = versionRank(a), versionRank(b)
    if rankA ~= rankB then return rankA > rankB end
    return a < b
  end)
  return names
end

local function groupEntry(name, versions)
  local list = {}
  for index, version in ipairs(sortedVersions(versions)) do
    list[index] = { groupVersion = name .. "/" .. version, version = version }
  end
  return { name = name, versions = list, preferredVersion = list[1] }
end

local function groups(cluster)
  local list = {}
  for _, name in ipairs(sortedKeys(cluster.router.groups)) do
    if name ~= "" then list[#list + 1] = groupEntry(name, cluster.router.groups[name]) end
  end
  return { kind = "APIGroupList", apiVersion = "v1", groups = list }
end

local function resourceList(cluster, info)
  local byName, list = cluster.router.groups[info.group][info.version], {}
  for _, plural in ipairs(sortedKeys(byName)) do
    local resource = byName[plural]
    list[#list + 1] = { name = plural, singularName = resource.singular, namespaced = resource.namespaced, kind = resource.kind,
      verbs = resources.verbs(resource), shortNames = resource.shortNames, categories = resource.categories }
    for _, subresource in ipairs(sortedKeys(resource.subresources)) do
      local isScale = subresource == "scale"
      list[#list + 1] = { name = plural .. "/" .. subresource, singularName = "", namespaced = resource.namespaced,
        kind = isScale and "Scale" or resource.kind, group = isScale and "autoscaling" or nil, version = isScale and "v1" or nil,
        verbs = resources.verbs(resource, subresource) }
    end
  end
  local groupVersion = info.group == "" and info.version or info.group .. "/" .. info.version
  return { kind = "APIResourceList", apiVersion = "v1", groupVersion = groupVersion, resources = list }
end

-- ---------------------------------------------------------------------------------------------------- aggregated

local function aggregatedResources(byName)
  local list = {}
  for _, plural in ipairs(sortedKeys(byName)) do
    local resource = byName[plural]
    local entry = { resource = plural, singularResource = resource.singular, scope = resource.namespaced and "Namespaced" or "Cluster",
      responseKind = { group = resource.group, version = resource.version, kind = resource.kind }, verbs = resources.verbs(resource),
      shortNames = resource.shortNames, categories = resource.categories }
    for _, name in ipairs(sortedKeys(resource.subresources)) do
      entry.subresources = entry.subresources or {}
      local kind = name == "scale" and { group = "autoscaling", version = "v1", kind = "Scale" } or entry.responseKind
      table.insert(entry.subresources, { subresource = name, responseKind = kind, verbs = resources.verbs(resource, name) })
    end
    list[#list + 1] = entry
  end
  return list
end

local function aggregated(cluster, isCore)
  local items = values.array()
  for _, name in ipairs(sortedKeys(cluster.router.groups)) do
    if (name == "") == isCore then
      local versions = {}
      for index, version in ipairs(sortedVersions(cluster.router.groups[name])) do
        local byName = cluster.router.groups[name][version]
        versions[index] = { version = version, resources = aggregatedResources(byName), freshness = "Current" }
      end
      items[#items + 1] = { metadata = { name = name ~= "" and name or nil, creationTimestamp = core.null }, versions = versions }
    end
  end
  return { kind = "APIGroupDiscoveryList", apiVersion = "apidiscovery.k8s.io/v2", metadata = {}, items = items }
end

local AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

local function wantsAggregated(accept)
  return accept ~= nil and accept:gsub("%s", ""):find(AGGREGATED_TYPE, 1, true) ~= nil
end

-- ---------------------------------------------------------------------------------------------------- pages

local function paths(cluster)
  local list = { "/api", "/api/v1", "/apis" }
  for _, name in ipairs(sortedKeys(cluster.router.groups)) do
    if name ~= "" then
      list[#list + 1] = "/apis/" .. name
      for _, version in ipairs(sortedVersions(cluster.router.groups[name])) do list[#list + 1] = "/apis/" .. name .. "/" .. version end
    end
  end
  for _, name in ipairs({ "/healthz", "/livez", "/readyz", "/version" }) do list[#list + 1] = name end
  return { paths = list }
end

local pages = {
  api = function(cluster, _, _, accept)
    if wantsAggregated(accept) then return aggregated(cluster, true), AGGREGATED_TYPE end
    return { kind = "APIVersions", versions = { "v1" },
      serverAddressByClientCIDRs = { { clientCIDR = "0.0.0.0/0", serverAddress = cluster.endpoints[1].address } } }
  end,
  apis = function(cluster, _, _, accept)
    if wantsAggregated(accept) then return aggregated(cluster, false), AGGREGATED_TYPE end
    return groups(cluster)
  end,
  group = function(cluster, info)
    local versions = info.group ~= "" and cluster.router.groups[info.group]
    if not versions then return nil end
    local entry = groupEntry(info.group, versions)
    entry.kind, entry.apiVersion = "APIGroup", "v1"
    return entry
  end,
  groupVersion = resourceList,
  version = function() return VERSION end,
  root = paths,
}

--- Answers a page that is no resource.
---@return integer status
---@return string body
---@return string contentType
function discovery.page(cluster, info, query, accept)
  local value, type = pages[info.page](cluster, info, query, accept)
  if not value then return 404, "404 page not found\n", "text/plain; charset=utf-8" end
  return 200, assert(core.json.encode(value)) .. "\n", type or "application/json"
end

return discovery
