-- api.lua: the method names of the Kubernetes OpenAPI (client-node's), turned into operations by rule:
--
--   <verb>[Namespaced]<Kind>[ForAllNamespaces][<Subresource>]
--   verbs: list read create replace patch delete deleteCollection watch connect<HttpMethod>, and getAPIResources, getAPIGroup
--
-- Arguments come in client-node's order (name, namespace, body), options last in one table; or everything named in one
-- table. Kinds of kinds.lua are resolved without I/O, others through the cluster's discovery at the first call.
local check = require "moonpool.check"
local kinds = require "moonpool.kinds"
local lines = require "moonpool.lines"
local public = require "moonpool.public"
local request = require "moonpool.request"

local api = {}

-- ----------------------------------------------------------------------------------------------------------- classes
---@class moonpool.ApiClass  Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.
---@field name string
---@field group string "": the one of pods and nodes
---@field version string? nil: the best version the cluster serves
local ApiClass = { __name = "moonpool.ApiClass" }
function ApiClass.__tostring(self) return "moonpool." .. self.name end

local classes = {} ---@type table<string, moonpool.ApiClass>

--- The class of a name in client-node's style ("AppsV1Api", "BatchV1beta1Api", "AppsApi"); nil when it is none.
---@param name string
---@return moonpool.ApiClass?
function api.class(name)
  if classes[name] then return classes[name] end
  local prefix, version = name:match("^(%u%a-)(V%d+%l*%d*)Api$")
  if not prefix then prefix = name:match("^(%u%a+)Api$") end
  local group = prefix and kinds.byClass[prefix]
  if not group then return nil end
  classes[name] = setmetatable({ name = name, group = group.name, version = version and version:lower() }, ApiClass)
  return classes[name]
end

--- The class for a group by its full name, in a version or in the cluster's best one.
---@param groupName string
---@param version string?
---@return moonpool.ApiClass
function api.classOfGroup(groupName, version)
  local name = version and groupName .. "/" .. version or groupName
  local key = "group " .. name
  classes[key] = classes[key] or setmetatable({ name = name, group = groupName, version = version }, ApiClass)
  return classes[key]
end

---@return boolean
function api.isClass(value)
  return getmetatable(value) == ApiClass
end

-- -------------------------------------------------------------------------------------------------------------- names
-- What other tools call them.
local synonyms = { get = "read", fetch = "read", find = "list", update = "replace", put = "replace", edit = "patch", add = "create",
  post = "create", remove = "delete", destroy = "delete" }
local verbs = { "list", "read", "create", "replace", "patch", "delete", "watch" }

---@class moonpool.MethodName
---@field verb string
---@field method string? of a connect
---@field namespaced boolean the name says Namespaced
---@field all boolean the name says ForAllNamespaces
---@field collection boolean it concerns many objects
---@field rest string kind and subresource

---@param name string
---@return moonpool.MethodName?
local function parse(name)
  local parsed = { namespaced = false, all = false, collection = false }
  local method, rest = name:match("^connect(%u%l+)(%u.*)$")
  if method then
    parsed.verb, parsed.method = "connect", method:upper()
  else
    rest = name:match("^deleteCollection(%u.*)$")
    parsed.verb = rest and "deleteCollection"
    for _, verb in ipairs(rest and {} or verbs) do
      rest = name:match("^" .. verb .. "(%u.*)$")
      if rest then
        parsed.verb = verb
        break
      end
    end
  end
  if not rest then return nil end
  if rest:find("^Namespaced%u") then
    parsed.namespaced, rest = true, rest:sub(11)
  elseif rest:find(".ForAllNamespaces$") then
    parsed.all, rest = true, rest:sub(1, -17)
  end
  parsed.collection = parsed.verb == "list" or parsed.verb == "deleteCollection"
  if parsed.verb == "watch" and rest:find(".List$") then parsed.collection, rest = true, rest:sub(1, -5) end
  parsed.rest = rest
  return parsed
end

--- The kind whose name `rest` is, or begins with; what follows is then a subresource.
---@param rest string
---@param list table<string, moonpool.Kind>
---@return moonpool.Kind? entry
---@return string? subresource
---@return boolean? withPath
local function resolve(rest, list)
  if list[rest] then return list[rest] end
  for i = #rest, 2, -1 do
    local entry = rest:find("^%u", i) and list[rest:sub(1, i - 1)]
    if entry then
      local subresource, withPath = rest:sub(i), false
      if subresource:find(".WithPath$") then subresource, withPath = subresource:sub(1, -9), true end
      subresource = subresource:lower()
      if entry.subresources[subresource] then return entry, subresource, withPath end
    end
  end
end

-- Whether the name's form fits the kind; raises with the name that would.
local function checkForm(label, parsed, entry)
  local verb = label:match("^connect%u%l+") or label:match("^deleteCollection") or parsed.verb
  if parsed.namespaced and not entry.namespaced then
    check.misuse("%s: %s is not namespaced: use %s%s", label, entry.kind, verb, parsed.rest)
  elseif not parsed.namespaced and not parsed.all and entry.namespaced then
    check.misuse("%s: %s is namespaced: use %sNamespaced%s%s", label, entry.kind, verb, parsed.rest,
      parsed.verb == "list" and (" or list%sForAllNamespaces"):format(parsed.rest) or "")
  elseif parsed.all and not entry.namespaced then
    check.misuse("%s: %s is not namespaced: use %s%s", label, entry.kind, verb, parsed.rest)
  end
end

---@param parsed moonpool.MethodName
---@param subresource string?
---@param withPath boolean?
---@return string[] the positional arguments, in order
local function signatureOf(parsed, subresource, withPath)
  local names = {}
  if not parsed.collection and (parsed.verb ~= "create" or subresource) then names[1] = "name" end
  if parsed.namespaced then names[#names + 1] = "namespace" end
  if parsed.verb == "create" or parsed.verb == "replace" or parsed.verb == "patch" then names[#names + 1] = "body" end
  if withPath then names[#names + 1] = "path" end
  return names
end

local typeOf = { name = "string", namespace = "string", body = "body", path = "text" }

--- Sorts the arguments of a call: by position with options last, or all named in one table.
local function arguments(label, signature, ...)
  local count, first = select("#", ...), (...)
  local values = {}
  if count == 1 and type(first) == "table" and #signature > 0 and (signature[1] ~= "body" or first.body ~= nil) then
    local options = {}
    for name, value in pairs(first) do options[name] = value end
    for _, name in ipairs(signature) do
      values[name], options[name] = options[name], nil
      check.value(("%s: %s"):format(label, name), values[name], typeOf[name])
    end
    return values, options
  end
  for position, name in ipairs(signature) do
    local value = (select(position, ...))
    check.value(("%s: argument %d (%s)"):format(label, position, name), value, typeOf[name])
    values[name] = value
  end
  local options = (select(#signature + 1, ...))
  if options ~= nil then check.value(("%s: argument %d (options)"):format(label, #signature + 1), options, "table") end
  if count > #signature + 1 then
    check.misuse("%s: expected at most %d arguments (%s), got %d", label, #signature + 1,
      table.concat(signature, ", ") .. (#signature > 0 and ", " or "") .. "options", count)
  end
  return values, options
end

-- ------------------------------------------------------------------------------------------------------------ objects
-- What an API object keeps, apart from the methods made so far.
local state = setmetatable({}, { __mode = "k" }) ---@type table<table, { class: moonpool.ApiClass, session: moonpool.Session }>

local function builtinKinds(class)
  local list = kinds.ofGroup(class.group)
  if not class.version then return list end
  return setmetatable({}, { __index = function(_, kind)
    return list[kind] and kinds.inVersion(list[kind], class.version)
  end })
end

local function newMethod(self, name, parsed)
  local class, session = state[self].class, state[self].session
  local entry, subresource, withPath = resolve(parsed.rest, builtinKinds(class))
  local anyVersion = not class.version
  if entry then checkForm(name, parsed, entry) end

  return function(...)
    if rawequal((...), self) then check.misuse("%s is called with a dot, not with a colon", name) end
    if not entry then
      local found, err = session.discovery:kind(class.group, class.version, parsed.rest, function(list)
        return (resolve(parsed.rest, list))
      end)
      if not found then return nil, err end
      checkForm(name, parsed, found)
      local _
      _, subresource, withPath = resolve(parsed.rest, { [found.kind] = found })
      entry = found
    end
    local values, options = arguments(name, signatureOf(parsed, subresource, withPath), ...)
    local operation = { label = name, verb = parsed.verb, method = parsed.method, entry = entry, anyVersion = anyVersion,
      subresource = subresource, name = values.name, namespace = values.namespace, body = values.body, path = values.path,
      options = options }
    if parsed.verb == "watch" then
      return require("moonpool.watch").open(session, operation, { label = name })
    elseif subresource == "log" and options and options.follow then
      return lines.follow(session, request.build(operation))
    end
    return session:perform(operation)
  end
end

--- Our name for a method called as other tools call it: "getPods" is listNamespacedPod.
local function otherName(name)
  local verb, rest = name:match("^(%l+)(%u.*)$")
  local ours = synonyms[verb]
  if not ours then return nil end
  local bare = rest:gsub("^Namespaced", "")
  local entry = kinds.named(bare)
  if not entry then return ours .. rest end
  if ours == "read" and bare:lower() == entry.plural then ours = "list" end
  return ours .. (entry.namespaced and "Namespaced" or "") .. entry.kind
end

local function resourcesOf(self)
  return function(options)
    local class, session = state[self].class, state[self].session
    local version = class.version
    if not version then
      local versions, err = session.discovery:versionsOf(class.group)
      if not versions then return nil, err end
      version = versions[1] or "v1"
    end
    return session:call(request.plain("getAPIResources", kinds.basePath(class.group, version), options))
  end
end

local function groupOf(self)
  return function(options)
    local class = state[self].class
    local path = class.group == "" and "/api" or "/apis/" .. class.group
    return state[self].session:call(request.plain("getAPIGroup", path, options))
  end
end

local special = { getAPIResources = resourcesOf, getAPIGroup = groupOf, getAPIVersions = groupOf }

--- The methods of one API group: <verb>[Namespaced]<Kind>[ForAllNamespaces][<Subresource>], the verb one of list, read, create,
--- replace, patch, delete, deleteCollection, watch, connect<Method>. They are called with a dot; arguments come in the order name,
--- namespace, body, and options last in one table; or all of them named in one table.
---@class moonpool.Api
---@field getAPIResources fun(options: moonpool.CallOptions?): table?, moonpool.Error? what kinds the group has, as the server says
---@field getAPIGroup fun(options: moonpool.CallOptions?): table?, moonpool.Error? what versions the group has
---@field getAPIVersions fun(options: moonpool.CallOptions?): table?, moonpool.Error? the same
local Api = { __name = "moonpool.Api" }

function Api.__index(self, name)
  if type(name) ~= "string" or name:find("^_") then return nil end
  local make, parsed = special[name], nil
  if not make then
    parsed = parse(name)
    if not parsed then
      local other = otherName(name)
      if other then check.misuse('%s has no method "%s"; did you mean "%s"?', state[self].class.name, name, other) end
      check.misuse('%s has no method "%s": a method is <verb>[Namespaced]<Kind>[ForAllNamespaces][<Subresource>], '
        .. "the verb one of list, read, create, replace, patch, delete, deleteCollection, watch, connect<Method>",
        state[self].class.name, name)
    end
  end
  local method = make and make(self) or newMethod(self, name, parsed)
  public.standsFor[method] = name
  rawset(self, name, method)
  return method
end

-- The kinds of a class that are known without a question: Kubernetes' own, and what discovery remembers.
local function knownKinds(class, session)
  local all = {}
  for kind, entry in pairs(kinds.ofGroup(class.group)) do all[kind] = entry end
  for key, list in pairs(session.discovery.lists or {}) do
    local group, version = key:match "^(.*)/([^/]*)$"
    if group == class.group and (not class.version or class.version == version) then
      for kind, entry in pairs(list) do all[kind] = all[kind] or entry end
    end
  end
  return all
end

-- Those with fewer or other verbs than most. What is connected to is called connect<Method>.
local verbsOfSubresource = { log = { "read" }, eviction = { "create" }, binding = { "create" }, token = { "create" }, attach = {},
  exec = {}, portforward = {}, proxy = { "connectGet", "connectPost", "connectPut", "connectPatch", "connectDelete" } }

local function addNames(names, entry)
  local function add(...) names[#names + 1] = table.concat { ... } end
  local scope, kind = entry.namespaced and "Namespaced" or "", entry.kind
  for _, verb in ipairs { "list", "deleteCollection", "read", "create", "replace", "patch", "delete" } do add(verb, scope, kind) end
  if entry.namespaced then add("list", kind, "ForAllNamespaces") end
  add("watch", scope, kind, "List")
  for subresource in pairs(entry.subresources) do
    local word = subresource:gsub("^%l", string.upper)
    for _, verb in ipairs(verbsOfSubresource[subresource] or { "read", "replace", "patch" }) do add(verb, scope, kind, word) end
  end
end

--- The names of the methods there are, as far as that is known without asking the cluster.
---@return string[]
function Api.__names(self)
  local names = check.keys(special)
  for _, entry in pairs(knownKinds(state[self].class, state[self].session)) do addNames(names, entry) end
  return names
end

--- The names of the methods of a group of Kubernetes' own.
---@param group moonpool.Group
---@return string[]
function api.namesIn(group)
  local names = {}
  for _, entry in pairs(kinds.ofGroup(group.name)) do addNames(names, entry) end
  return names
end

local function describe(name, list)
  local parsed = parse(name)
  if not parsed then return nil end
  local entry, subresource, withPath = resolve(parsed.rest, list)
  return { verb = subresource == "log" and "log" or parsed.verb, entry = entry,
    arguments = signatureOf(parsed, subresource, withPath) }
end

---@class moonpool.MethodDescription  What a method is about, as far as that is known without asking a cluster.
---@field verb string
---@field entry moonpool.Kind?
---@field arguments string[] the positional ones

---@param object table an API object
---@param name string a method's
---@return moonpool.MethodDescription?
function api.describe(object, name)
  return getmetatable(object) == Api and describe(name, knownKinds(state[object].class, state[object].session)) or nil
end

--- The same for a group of Kubernetes' own.
---@param group moonpool.Group
---@param name string
---@return moonpool.MethodDescription?
function api.describeIn(group, name) return describe(name, kinds.ofGroup(group.name)) end

function Api.__tostring(self)
  return ("moonpool.Api (%s of %s)"):format(state[self].class.name, state[self].session.info.name)
end

--- The methods of one group (and version) over a session.
---@param class moonpool.ApiClass
---@param session moonpool.Session
---@return moonpool.Api
function api.new(class, session)
  local self = setmetatable({}, Api)
  state[self] = { class = class, session = session }
  return self
end

return api
