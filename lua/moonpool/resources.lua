-- resources.lua: `client.resources.<kind>`: the everyday verbs on a kind, found by any of its names: pod, pods, po,
-- configMap, deployment, widgets.example.com.
--
-- Namespaces: list, each and watch without one concern all namespaces; the verbs on one object take the object's own
-- metadata.namespace, else the context's.
local core = require "moonpool.core"
local check = require "moonpool.check"
local errors = require "moonpool.errors"
local kinds = require "moonpool.kinds"
local public = require "moonpool.public"
local request = require "moonpool.request"
local watch = require "moonpool.watch"

local resources = {}

---@class moonpool.ResourceState
---@field name string as the script called it
---@field session moonpool.Session
---@field entry moonpool.Kind?
---@field anyVersion boolean
local State = {}
State.__index = State

--- Kinds by any of their names: client.resources.pods, .pod, .po, .deployment, ["widgets.example.com"].
---@class moonpool.Resources
---@field [string] moonpool.Resource

--- The kind behind the name. Waits only for kinds that are not Kubernetes' own.
---@return moonpool.Kind?, moonpool.Error?
function State:resolve()
  if not self.entry then
    local err
    self.entry, err = self.session.discovery:find(self.name)
    if not self.entry then return nil, err end
  end
  return self.entry
end

-- ----------------------------------------------------------------------------------------------------------- operations
--- Beside the options of the verb, every method on a kind takes these.
---@class moonpool.ResourceOptions
---@field namespace string? default: of list, each and watch all namespaces, else the object's own, else the context's
---@field subresource string? "status", "scale", "eviction", ...
local own = check.declare("moonpool.ResourceOptions", { namespace = "string", subresource = "string" })
local knownOptions = {} ---@type table<string, table<string, string>>

local function optionsOf(verb)
  if not knownOptions[verb] then
    local all = {}
    for name, typeName in pairs(request.knownOptions[verb]) do all[name] = typeName end
    for name, typeName in pairs(own) do all[name] = typeName end
    knownOptions[verb] = all
  end
  return knownOptions[verb]
end

--- Makes the operation of a verb, options checked. `part` may hold name and body.
---@return moonpool.Operation?, moonpool.Error?
function State:operation(method, verb, options, part)
  local label = self.name .. "." .. method
  options = options or {}
  if type(options) == "string" then
    check.misuse("%s: expected a table of options, such as { namespace = %q }, got a string", label, options)
  end
  check.options(label, options, optionsOf(verb))
  local entry, err = self:resolve()
  if not entry then return nil, err end

  local rest = {}
  for name, value in pairs(options) do
    if not own[name] then rest[name] = value end
  end
  local namespace = options.namespace
  if not entry.namespaced then
    if namespace then check.misuse("%s: %s is not namespaced: leave option namespace out", label, entry.kind) end
  elseif not namespace and part.single then
    local meta = type(part.body) == "table" and part.body.metadata
    namespace = meta and meta.namespace or self.session.info.namespace
  end
  return { label = label, verb = verb, entry = entry, anyVersion = self.anyVersion, options = rest, namespace = namespace,
    name = part.name, body = part.body, subresource = options.subresource }
end

---@param session moonpool.Session? default: its own
function State:perform(method, verb, options, part, session)
  local operation, err = self:operation(method, verb, options, part)
  if not operation then return nil, err end
  return (session or self.session):perform(operation)
end

-- `name, options` or everything in one table.
function State:nameAndOptions(method, name, options)
  local label = self.name .. "." .. method
  if type(name) == "table" and options == nil then
    local rest = {}
    for key, value in pairs(name) do rest[key] = value end
    name, rest.name = rest.name, nil
    check.value(label .. ": name", name, "string")
    return name, rest
  end
  check.value(label .. ": argument 1 (name)", name, "string")
  return name, options
end

function State:objectName(method, object)
  local label = self.name .. "." .. method
  check.value(label .. ": argument 1 (object)", object, "table")
  local name = type(object.metadata) == "table" and object.metadata.name
  if type(name) ~= "string" then check.misuse("%s: argument 1 (object): it has no metadata.name", label) end
  return name
end

-- -------------------------------------------------------------------------------------------------------------- methods
--- The verbs on a kind. They are called with a dot: client.resources.pods.list { namespace = "default" }.
---@class moonpool.Resource
local methods = {}
public.classes["moonpool.Resource"] = methods

--- All objects in one table, or a page of them (`limit`, `continue`). Waits.
---@param options moonpool.ListOptions|moonpool.ResourceOptions|nil
---@return table? list its `items` are the objects
---@return moonpool.Error?
function methods.list(state, options)
  return state:perform("list", "list", options, {})
end

--- One object. Waits.
---@param name string|table the name, or all in one table
---@param options moonpool.ReadOptions|moonpool.ResourceOptions|nil
---@return table? object
---@return moonpool.Error?
function methods.get(state, name, options)
  name, options = state:nameAndOptions("get", name, options)
  return state:perform("get", "read", options, { name = name, single = true })
end

--- Makes an object. With `subresource` (eviction, binding, token) the object's metadata.name says of what. Waits.
---@param object table
---@param options moonpool.WriteOptions|moonpool.ResourceOptions|nil
---@return table? object as it is now
---@return moonpool.Error?
function methods.create(state, object, options)
  check.value(state.name .. ".create: argument 1 (object)", object, "table")
  local name = options and options.subresource and state:objectName("create", object) or nil
  return state:perform("create", "create", options, { name = name, body = object, single = true })
end

--- Writes an object that was read and changed; fails with kind "conflict" when it was changed meanwhile. Waits.
---@param object table
---@param options moonpool.WriteOptions|moonpool.ResourceOptions|nil
---@return table? object as it is now
---@return moonpool.Error?
function methods.replace(state, object, options)
  local name = state:objectName("replace", object)
  return state:perform("replace", "replace", options, { name = name, body = object, single = true })
end

--- Changes part of an object. A list is a JSON patch, a table a strategic merge patch (custom resources: a merge patch);
--- `patchType` = "json", "merge" or "strategic" says otherwise. Waits.
---@param name string
---@param patch table|string
---@param options moonpool.PatchOptions|moonpool.ResourceOptions|nil
---@return table? object as it is now
---@return moonpool.Error?
function methods.patch(state, name, patch, options)
  check.value(state.name .. ".patch: argument 1 (name)", name, "string")
  check.value(state.name .. ".patch: argument 2 (patch)", patch, "body")
  return state:perform("patch", "patch", options, { name = name, body = patch, single = true })
end

--- Server-side apply: makes the object or brings its fields to these values, as `fieldManager` (default "moonpool"). Fields of
--- another manager are a conflict unless `force`. Waits.
---
--- ```lua
--- assert(client.resources.configmaps.apply { metadata = { name = "motd", namespace = "default" }, data = { text = "hello" } })
--- ```
---@param object table
---@param options moonpool.PatchOptions|moonpool.ResourceOptions|nil
---@return table? object as it is now
---@return moonpool.Error?
function methods.apply(state, object, options)
  local name = state:objectName("apply", object)
  local all = {}
  for key, value in pairs(options or {}) do all[key] = value end
  if all.patchType then check.misuse("%s.apply: option patchType does not go with apply", state.name) end
  all.patchType = "apply"
  return state:perform("apply", "patch", all, { name = name, body = object, single = true })
end

--- Deletes one object; gives the object or the server's Status. Waits.
---@param name string|table the name, or all in one table
---@param options moonpool.DeleteOptions|moonpool.ResourceOptions|nil
---@return table? object
---@return moonpool.Error?
function methods.delete(state, name, options)
  name, options = state:nameAndOptions("delete", name, options)
  return state:perform("delete", "delete", options, { name = name, single = true })
end

--- `for object in resource.each { labelSelector = "app=web" }`: page by page (`limit` objects each, default 500), in the
--- memory of one page. Raises the error object when a page cannot be had, as io.lines does.
---
--- A list read this way is one consistent state of the cluster. When that takes so long that the server has forgotten it
--- (410, after 5 minutes or more), the server may offer to go on with the rest as it is now: then that is done, with a
--- warning in the log. Otherwise the loop ends with an error of kind "gone".
---@param options moonpool.ListOptions|moonpool.ResourceOptions|nil
---@return fun(): table? iterator
function methods.each(state, options)
  if options ~= nil then check.options(state.name .. ".each", options, optionsOf("list")) end
  local all = {}
  for key, value in pairs(options or {}) do all[key] = value end
  all.limit = all.limit or 500
  local items, index, over = {}, 0, false
  local session = state.session:pinned()
  return function()
    while true do
      index = index + 1
      local item = items[index]
      if item ~= nil then
        items[index] = nil
        return item
      end
      if over then return nil end
      local list, err = state:perform("each", "list", all, {}, session)
      if list then
        items, index = list.items ~= core.null and list.items or {}, 0
        all.continue = list.metadata.continue
        all.resourceVersion, all.resourceVersionMatch = nil, nil -- the continue token carries them
        over = all.continue == nil or all.continue == ""
        for _, one in ipairs(items) do
          one.apiVersion, one.kind = one.apiVersion or list.apiVersion, one.kind or (list.kind:gsub("List$", ""))
        end
      elseif err.kind == "gone" and all.continue and err.continue then
        require("moonpool.log").warn(("%s.each: the state being read is too old for the server; the rest is as it is now")
          :format(state.name))
        all.continue, items, index = err.continue, {}, 0
      else
        over = true
        error(err, 0)
      end
    end
  end
end

--- `for event in resource.watch { namespace = "default" } do print(event.type, event.object.metadata.name) end`: what is there
--- and then every change, without an end unless `timeout` (ms) is given. Raises the error object when it cannot go on.
---@param options moonpool.WatchOptions|moonpool.ResourceOptions|nil
---@return moonpool.Watcher
function methods.watch(state, options)
  local operation, err = state:operation("watch", "watch", options, {})
  if not operation then error(err, 0) end
  return watch.open(state.session, operation)
end

-- ---------------------------------------------------------------------------------------------------------------- wait
local function conditionOf(object, kind)
  local status = type(object.status) == "table" and object.status
  for _, condition in ipairs(type(status and status.conditions) == "table" and status.conditions or {}) do
    if type(condition.type) == "string" and condition.type:lower() == kind:lower() then return condition end
  end
end

-- From the script's wish: a test for an object, whether absence is wished, and how an error calls it.
local function wishOf(label, condition)
  if type(condition) == "function" then return condition, false, "the condition given" end
  check.value(label .. ": argument 2 (condition)", condition, "string")
  if condition == "deleted" then return function() return false end, true, "deleted" end
  if condition == "exists" then return function() return true end, false, "there" end
  local kind, value = condition:match("^([^=]+)=([^=]+)$")
  kind, value = kind or condition, value or "True"
  return function(object)
    local found = conditionOf(object, kind)
    return found ~= nil and tostring(found.status):lower() == value:lower()
  end, false, ("%s=%s"):format(kind, value)
end

local function lastSeen(object, condition)
  if not object then return "it is not there" end
  local found = type(condition) == "string" and conditionOf(object, condition:match("^[^=]+"))
  if found then
    return ("it has %s=%s%s%s"):format(found.type, found.status, found.reason and " (" .. found.reason .. ")" or "",
      found.message and ": " .. found.message or "")
  end
  return "it is there"
end

local waitDefaults = { timeout = 60000 }

---@class moonpool.WaitOptions
---@field namespace string? default: the context's
---@field timeout integer? ms; 0: for ever
---@field cluster string? of a client that chooses among several: in this one only
---@field key string? of a client that chooses among several: what its strategy goes by, where it does
local waitOptions = check.declare("moonpool.WaitOptions", { namespace = "string", timeout = "milliseconds", cluster = "string",
  key = "string" }, waitDefaults)

--- Waits until one object is as wished: a condition ("Available", "Ready=False"), "exists", "deleted", or a function that is
--- given the object and returns true. Gives the object (true for "deleted"), or
--- nil and an error of kind "timeout" that says what was last seen.
---
--- ```lua
--- assert(client.resources.deployments.wait("cart", "Available", { namespace = "shop", timeout = 120000 }))
--- ```
---@param name string
---@param condition string|fun(object: table): boolean?
---@param options moonpool.WaitOptions?
---@return table|true|nil object
---@return moonpool.Error?
function methods.wait(state, name, condition, options)
  local label = state.name .. ".wait"
  check.value(label .. ": argument 1 (name)", name, "string")
  options = options or {}
  check.options(label, options, waitOptions)
  local test, absent, wish = wishOf(label, condition)
  local limit = options.timeout or waitDefaults.timeout
  local operation, err = state:operation("wait", "watch", { timeout = limit, namespace = options.namespace,
    cluster = options.cluster, key = options.key }, { name = name, single = true })
  if not operation then return nil, err end

  local namespace = operation.namespace
  local watcher <close> = watch.open(state.session, operation, { marks = true })
  local object
  while true do
    local event
    event, err = watcher:next()
    if err then return nil, err end
    if not event then break end
    if event.type == "ADDED" or event.type == "MODIFIED" then
      object = event.object
      if test(object) then return object end
    else
      if event.type == "DELETED" then object = nil end
      if absent and not object then return true end
    end
  end
  return nil, errors.new("timeout", ("%s %s%s is not %s after %d ms: %s"):format(state.entry.kind,
    namespace and namespace .. "/" or "", name, wish, limit, lastSeen(object, condition)), watcher.session.info)
end

-- -------------------------------------------------------------------------------------------------------------- objects
local stateOf = setmetatable({}, { __mode = "k" }) ---@type table<moonpool.Resource, moonpool.ResourceState>
local Resource = { __name = "moonpool.Resource" }

function Resource.__index(self, name)
  local method, state = methods[name], stateOf[self]
  if not method then
    if type(name) ~= "string" or name:find("^_") then return nil end
    check.misuse('resources.%s has no method "%s"%s', state.name, name, check.hint(name, check.keys(methods)))
  end
  local function bound(...)
    if rawequal((...), self) then check.misuse("%s.%s is called with a dot, not with a colon", state.name, name) end
    return method(state, ...)
  end
  public.standsFor[bound] = method
  rawset(self, name, bound)
  return bound
end

---@return string[]
function Resource.__names() return check.keys(methods) end

local verbOf = { get = "read", apply = "patch", each = "list" }

--- What a method is about, for completion: its verb, its kind as far as that is known, its positional arguments, its options.
---@param object table a resource
---@param name string a method
---@return { verb: string, name: string, entry: moonpool.Kind?, arguments: string[], options: table<string, string> }?
function resources.describe(object, name)
  local state = getmetatable(object) == Resource and methods[name] and stateOf[object]
  if not state then return nil end
  local verb = verbOf[name] or name
  local first = (name == "get" or name == "delete" or name == "patch" or name == "wait") and "name" or nil
  return { verb = verb, name = state.name, entry = state.entry, arguments = { first },
    options = name == "wait" and waitOptions or optionsOf(verb) }
end

function Resource.__tostring(self)
  return ("moonpool.Resource (%s of %s)"):format(stateOf[self].name, stateOf[self].session.info.name)
end

local function newResource(session, name)
  local entry = kinds.named(name)
  local self = setmetatable({}, Resource)
  local anyVersion = not name:find("%.v%d%w*") -- "widgets.v1.example.com" means that version
  stateOf[self] = setmetatable({ name = name, session = session, entry = entry, anyVersion = anyVersion }, State)
  return self
end

--- `client.resources`: a resource by any of its names, made on first use.
---@param session moonpool.Session
---@return moonpool.Resources
function resources.new(session)
  return setmetatable({}, {
    __name = "moonpool.Resources",
    -- Kubernetes' own kinds, and what discovery remembers.
    __names = function()
      local names = {}
      for _, group in ipairs(kinds.groups) do
        for _, entry in pairs(kinds.ofGroup(group.name)) do names[#names + 1] = entry.plural end
      end
      for _, list in pairs(session.discovery.lists or {}) do
        for _, entry in pairs(list) do names[#names + 1] = entry.plural end
      end
      return names
    end,
    __index = function(self, name)
      if type(name) ~= "string" or name == "" or name:find("^_") then return nil end
      local resource = newResource(session, name)
      rawset(self, name, resource)
      return resource
    end,
  })
end

return resources
