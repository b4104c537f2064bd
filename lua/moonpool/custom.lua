-- custom.lua: `client.custom`: client-node's CustomObjectsApi, for scripts that name group, version and plural themselves:
-- listNamespacedCustomObject(group, version, namespace, plural), getClusterCustomObject(group, version, plural, name), ...
local check = require "moonpool.check"
local public = require "moonpool.public"

--- Methods named <verb>Namespaced|ClusterCustomObject[Status|Scale], the verb one of list, get, create, replace, patch, delete,
--- deleteCollection. Arguments: group, version, namespace (of namespaced ones), plural, name (of one object), body, options.
---@class moonpool.CustomObjectsApi
local custom = {}

local verbs = { list = "list", get = "read", create = "create", replace = "replace", patch = "patch", delete = "delete",
  deleteCollection = "deleteCollection" }
local hasName = { get = true, replace = true, patch = true, delete = true }
local hasBody = { create = true, replace = true, patch = true }

local function newMethod(session, label)
  local verb, scope, subresource = label:match("^(%l%a-)(%u%l+)CustomObject(%u?%l*)$")
  local namespaced = scope == "Namespaced"
  if not verbs[verb] or not (namespaced or scope == "Cluster") then
    check.misuse('CustomObjectsApi has no method "%s": a method is <verb>Namespaced|ClusterCustomObject[Status|Scale], the '
      .. "verb one of list, get, create, replace, patch, delete, deleteCollection", label)
  end
  local signature = { "group", "version" }
  if namespaced then signature[#signature + 1] = "namespace" end
  signature[#signature + 1] = "plural"
  if hasName[verb] then signature[#signature + 1] = "name" end
  if hasBody[verb] then signature[#signature + 1] = "body" end

  return function(...)
    local values = {}
    for position, name in ipairs(signature) do
      values[name] = (select(position, ...))
      check.value(("%s: argument %d (%s)"):format(label, position, name), values[name], name == "body" and "body" or "string")
    end
    local options = (select(#signature + 1, ...))
    if options ~= nil then check.value(("%s: argument %d (options)"):format(label, #signature + 1), options, "table") end
    -- The caller names the path; the kind is not known and stands in the body.
    local entry = { group = values.group, version = values.version, plural = values.plural, namespaced = namespaced,
      shortNames = {}, subresources = {}, builtin = false }
    return session:perform { label = label, verb = verbs[verb], entry = entry, name = values.name, body = values.body,
      namespace = values.namespace, subresource = subresource ~= "" and subresource:lower() or nil, options = options }
  end
end

--- The methods over a session, each made on first use.
---@param session moonpool.Session
---@return moonpool.CustomObjectsApi
---@private
function custom.new(session)
  return setmetatable({}, {
    __name = "moonpool.CustomObjectsApi",
    __index = function(self, name)
      if type(name) ~= "string" or name:find("^_") then return nil end
      local method = newMethod(session, name)
      public.standsFor[method] = name
      rawset(self, name, method)
      return method
    end,
  })
end

return custom
