-- routes.lua: what a request's path means: which resource, which namespace, which object, or which of the other pages.

local status = require("moonpool.sim.status")

local routes = {}

---@class moonpool.sim.RequestInfo
---@field path string
---@field page string? "api", "apis", "group", "groupVersion", "health", "version", "root", "sim": everything that is no resource
---@field group string?
---@field version string?
---@field resource moonpool.sim.Resource?
---@field namespace string?
---@field name string?
---@field subresource string?
---@field probe string? of a page of health: "livez", "readyz", "healthz"
---@field check string? the one check that is asked for
---@field exclude string[]? the checks that are to be left out

--- %41 -> A, and + -> space in queries.
local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- "a=1&b=2" -> { a = "1", b = "2" }; the first of several values counts.
---@param text string?
---@return table<string, string>
function routes.query(text)
  local query = {}
  for pair in (text or ""):gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = unescape((name:gsub("%+", " ")))
    if query[name] == nil then query[name] = unescape((value:gsub("%+", " "))) end
  end
  return query
end

--- Every value of one name in a query, in their order.
---@param text string?
---@param name string
---@return string[]
function routes.values(text, name)
  local values = {}
  for value in ("&" .. (text or "")):gmatch("&" .. name .. "=([^&]*)") do values[#values + 1] = unescape((value:gsub("%+", " "))) end
  return values
end

---@class moonpool.sim.Router
---@field groups table<string, table<string, table<string, moonpool.sim.Resource>>> group -> version -> plural -> resource
local Router = {}
Router.__index = Router

---@param resources moonpool.sim.Resource[]
function routes.new(resources)
  local router = setmetatable({ groups = {} }, Router)
  for _, resource in ipairs(resources) do router:add(resource) end
  return router
end

---@param resource moonpool.sim.Resource
function Router:add(resource)
  local versions = self.groups[resource.group] or {}
  self.groups[resource.group] = versions
  versions[resource.version] = versions[resource.version] or {}
  versions[resource.version][resource.plural] = resource
end

---@param resource moonpool.sim.Resource
function Router:remove(resource)
  local versions = self.groups[resource.group]
  local version = versions and versions[resource.version]
  if not version or version[resource.plural] ~= resource then return end
  version[resource.plural] = nil
  if not next(version) then versions[resource.version] = nil end
  if not next(versions) then self.groups[resource.group] = nil end
end

--- Whether a group is one of those that every cluster has.
---@return boolean
function Router:isBuiltin(group)
  local _, byName = next(self.groups[group] or {})
  local _, resource = next(byName or {})
  return resource ~= nil and not resource.custom
end

---@return moonpool.sim.Resource?
function Router:find(group, version, plural)
  local versions = self.groups[group]
  return versions and versions[version] and versions[version][plural]
end

local health = { healthz = true, livez = true, readyz = true }

local function page(path, parts)
  local first = parts[1]
  if health[first] then
    return { path = path, page = "health", probe = first, check = #parts > 1 and table.concat(parts, "/", 2) or nil }
  end
  if first == "version" and #parts == 1 then return { path = path, page = "version" } end
  if first == "_sim" then return { path = path, page = "sim", name = parts[2] } end
  if #parts == 0 then return { path = path, page = "root" } end
  if first == "api" and #parts == 1 then return { path = path, page = "api" } end
  if first == "apis" and #parts == 1 then return { path = path, page = "apis" } end
  if first == "apis" and #parts == 2 then return { path = path, page = "group", group = parts[2] } end
end

--- Reads a path. Nil when it leads nowhere.
---@param path string without the query, as it was sent
---@return moonpool.sim.RequestInfo?
function Router:parse(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do parts[#parts + 1] = unescape(part) end
  local info = page(path, parts)
  if info then return info end
  local group, version, position
  if parts[1] == "api" then
    group, version, position = "", parts[2], 3
  elseif parts[1] == "apis" then
    group, version, position = parts[2], parts[3], 4
  else
    return nil
  end
  local versions = self.groups[group]
  if not versions or not versions[version] then return nil end
  if #parts < position then return { path = path, page = "groupVersion", group = group, version = version } end

  info = { path = path, group = group, version = version }
  local isNamespaceItself = group == "" and parts[position] == "namespaces"
    and (#parts <= position + 1 or (#parts == position + 2 and (parts[position + 2] == "status" or parts[position + 2] == "finalize")))
  if parts[position] == "namespaces" and not isNamespaceItself then
    info.namespace = parts[position + 1]
    position = position + 2
  end
  info.resource = self:find(group, version, parts[position])
  info.name, info.subresource = parts[position + 1], parts[position + 2]
  local resource = info.resource
  if not resource or #parts > position + 2 or (info.namespace and not resource.namespaced)
    or (info.subresource and not resource.subresources[info.subresource])
    or (info.name and resource.namespaced and not info.namespace) then
    return nil
  end
  if isNamespaceItself and info.name then info.namespace = info.name end
  return info
end

local verbs = { GET = "get", HEAD = "get", POST = "create", PUT = "update", PATCH = "patch", DELETE = "delete" }

--- What a request wants to do with a resource. Raises a failure (405) when the method does not fit the path.
---@param info moonpool.sim.RequestInfo
---@param method string
---@param query table<string, string>
---@return string verb
function Router.verb(info, method, query)
  local verb = verbs[method]
  if not info.resource then
    return verb or method:lower()
  end
  if info.name then
    if verb == "create" or (info.subresource and verb == "delete") or (info.subresource == "finalize" and verb ~= "update") then
      verb = nil
    end
  elseif verb == "get" then
    verb = (query.watch == "1" or query.watch == "true") and "watch" or "list"
  elseif verb == "delete" then
    verb = not info.resource.noCollectionDelete and (info.namespace or not info.resource.namespaced) and "deletecollection" or nil
  elseif verb ~= "create" or (info.resource.namespaced and not info.namespace) then
    verb = nil
  end
  return verb or error(status.methodNotAllowed(), 0)
end

return routes
