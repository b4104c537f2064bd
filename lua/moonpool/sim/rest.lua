-- rest.lua: what can be done with objects: get, list, create, update, patch, delete, with the semantics of a real API server.
--
-- Every function takes the cluster, what the path means, the query, and a request (header, body), and returns an HTTP status and a
-- JSON text; failures are raised (see status.lua). Nothing here waits.

local core = require("moonpool.core")
local apply = require("moonpool.sim.apply")
local continuation = require("moonpool.sim.continuation")
local defaults = require("moonpool.sim.defaults")
local patch = require("moonpool.sim.patch")
local selectors = require("moonpool.sim.selectors")
local status = require("moonpool.sim.status")
local validation = require("moonpool.sim.validation")
local values = require("moonpool.sim.values")

local rest = {}

local at, copy = values.at, values.copy

local GENERATED = "bcdfghjklmnpqrstvwxz2456789" -- what a real server makes names of
local POD_STOPS_AFTER_MS = 1000                 -- how long our kubelet takes to end a pod

---@class moonpool.sim.Request
---@field header fun(name: string): string?
---@field body string

-- ---------------------------------------------------------------------------------------------------- bodies

local function mediaType(request)
  local type = request.header("Content-Type")
  return type and type:match("^%s*([^;%s]+)"):lower() or "application/json"
end

local function excerpt(text)
  if text == "" then return "<empty>" end
  return #text > 200 and text:sub(1, 200) .. "..." or text
end

local function decodeText(text, type, kind)
  local value, err
  if type == "application/yaml" and not text:find("^%s*{") then
    value, err = core.yaml.decode(text)
  else
    value, err = core.json.decode(text)
  end
  if not values.isObject(value) then
    error(status.badRequest(("the object provided is unrecognized (must be of type %s): couldn't get version/kind; %s parse error: %s (%s)")
      :format(kind, type:match("%w+$"), err and tostring(err) or "expected an object", excerpt(text))), 0)
  end
  return value
end

local BODY_TYPES = { "application/json", "application/yaml" }

--- The object in a request's body.
local function readObject(request, kind)
  local type = mediaType(request)
  if type ~= "application/json" and type ~= "application/yaml" then error(status.unsupportedMediaType(BODY_TYPES), 0) end
  return decodeText(request.body, type, kind)
end

--- Members of metadata that are left out when they are empty.
local EMPTY_IS_NOTHING = { "labels", "annotations", "finalizers", "ownerReferences" }

--- Checks that the object is of the resource's kind and takes kind and apiVersion off, where they are not stored.
local function normalise(resource, object)
  local kind, apiVersion = object.kind, object.apiVersion
  if resource.custom and (not kind or not apiVersion) then
    error(status.badRequest(("%s in version \"%s\" cannot be handled as a %s: Object '%s' is missing"):format(
      resource.kind, resource.version, resource.kind, kind and "apiVersion" or "Kind")), 0)
  end
  if (kind and kind ~= resource.kind) or (apiVersion and apiVersion ~= resource.groupVersion) then
    error(status.badRequest(("%s in version \"%s\" cannot be handled as a %s: no kind \"%s\" is registered for version \"%s\""):format(
      kind or resource.kind, resource.version, resource.kind, kind or resource.kind, apiVersion or resource.groupVersion)), 0)
  end
  if not values.isObject(object.metadata) then
    if object.metadata ~= nil and object.metadata ~= values.null then error(status.badRequest("metadata: expected an object"), 0) end
    object.metadata = {}
  end
  if not resource.custom then
    object.kind, object.apiVersion = nil, nil
    values.dropNulls(object)
  else
    values.dropNulls(object.metadata)
    validation.prune(resource, object)
  end
  for _, name in ipairs(EMPTY_IS_NOTHING) do
    local value = object.metadata[name]
    if type(value) == "table" and next(value) == nil then object.metadata[name] = nil end
  end
  validation.types(resource, object)
  return object
end

--- The object with kind and apiVersion, as clients and patches see it.
local function complete(resource, object)
  local result = copy(object)
  result.kind, result.apiVersion = resource.kind, resource.groupVersion
  return result
end

local function render(resource, object)
  if resource.custom then return assert(core.json.encode(object)) end
  return resource.jsonHead .. assert(core.json.encode(object)):sub(2)
end

-- ---------------------------------------------------------------------------------------------------- options

local optionKinds = { create = "CreateOptions", update = "UpdateOptions", patch = "PatchOptions", delete = "DeleteOptions" }

--- Whether the request only wants to know what would happen.
local function isDryRun(query, verb, given)
  local value = given or query.dryRun
  if value == nil or value == "" then return false end
  if value == "All" then return true end
  error(status.invalidOptions(optionKinds[verb], status.cause("dryRun", "NotSupported",
    ('Unsupported value: []string{"%s"}: supported values: "All"'):format(value))), 0)
end

--- The resourceVersion of a query as a number; nil when there is none.
local function versionOf(query, cluster)
  local text = query.resourceVersion
  if not text or text == "" then return nil end
  local number = text:find("^%d+$") and math.tointeger(tonumber(text))
  if not number then
    error(status.failure(500, nil,
      ('resourceVersion: Invalid value: "%s": strconv.ParseUint: parsing "%s": invalid syntax'):format(text, text)), 0)
  end
  if number > cluster.store.rv then
    error(status.failure(504, "Timeout", ("Timeout: Too large resource version: %d, current: %d"):format(number, cluster.store.rv), {
      causes = { { reason = "ResourceVersionTooLarge", message = "Too large resource version" } }, retryAfterSeconds = 1,
    }), 0)
  end
  return number
end
rest.versionOf = versionOf

--- A number in a query.
local function numberOf(query, name)
  local text = query[name]
  return text and (text:find("^-?%d+$") and math.tointeger(tonumber(text))
    or error(status.badRequest(('strconv.ParseInt: parsing "%s": invalid syntax'):format(text)), 0))
end
rest.numberOf = numberOf

local function checkMatch(query)
  local match = query.resourceVersionMatch
  if not match or match == "" then return end
  local function refuse(why)
    error(status.invalidOptions("ListOptions", status.cause("resourceVersionMatch", "Forbidden", "Forbidden: " .. why)), 0)
  end
  if match ~= "Exact" and match ~= "NotOlderThan" then
    error(status.invalidOptions("ListOptions", status.cause("resourceVersionMatch", "NotSupported",
      ('Unsupported value: "%s": supported values: "Exact", "NotOlderThan", ""'):format(match))), 0)
  end
  if (query.resourceVersion or "") == "" then refuse("resourceVersionMatch is forbidden unless resourceVersion is provided") end
  if (query.continue or "") ~= "" then refuse("resourceVersionMatch is forbidden when continue is provided") end
  if match == "Exact" and query.resourceVersion == "0" then refuse('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"') end
end

-- ---------------------------------------------------------------------------------------------------- keys

local function keyOf(resource, namespace, name)
  return resource.namespaced and namespace .. "/" .. name or name
end
rest.keyOf = keyOf

local function prefixOf(info) return info.resource.namespaced and info.namespace and info.namespace .. "/" or "" end
rest.prefixOf = prefixOf

local function existing(cluster, info)
  return cluster.store:get(info.resource, keyOf(info.resource, info.namespace, info.name))
    or error(status.notFound(info.resource, info.name), 0)
end

-- ---------------------------------------------------------------------------------------------------- get and list

function rest.get(cluster, info, query)
  local record = existing(cluster, info)
  versionOf(query, cluster)
  if info.subresource == "scale" then return 200, assert(core.json.encode(rest.scaleOf(info.resource, record.object))) end
  return 200, record:fullJson()
end

local function listText(resource, metadata, items)
  return ('{"kind":"%s","apiVersion":"%s","metadata":%s,"items":[%s]}\n'):format(resource.listKind, resource.groupVersion,
    assert(core.json.encode(metadata)), items)
end

--- The whole list, from the collection's cache of encoded lists when nothing has changed.
local function wholeList(info, collection, keys, records, query)
  local current = records == collection.records
  local cacheKey = prefixOf(info) .. "\0" .. (query.labelSelector or "") .. "\0" .. (query.fieldSelector or "")
  if current and collection.lists[cacheKey] then return collection.lists[cacheKey] end
  local accepts = selectors.fromQuery(query, info.resource)
  local texts, first, last = {}, collection:range(prefixOf(info), keys)
  for index = first, last do
    local record = records[keys[index]]
    if not accepts or accepts(record.object) then texts[#texts + 1] = record:json() end
  end
  local items = table.concat(texts, ",")
  if current then collection.lists[cacheKey] = items end
  return items
end

--- One page, and the token for the next.
local function page(info, collection, keys, records, query, rv, start, limit)
  local accepts = selectors.fromQuery(query, info.resource)
  local prefix = prefixOf(info)
  local first, last = collection:range(prefix, keys)
  if start then first = collection.after(keys, prefix .. start) end
  local texts, index = {}, first
  while index <= last and #texts < limit do
    local record = records[keys[index]]
    if not accepts or accepts(record.object) then texts[#texts + 1] = record:json() end
    index = index + 1
  end
  local metadata = { resourceVersion = tostring(rv) }
  if index <= last then
    metadata.continue = continuation.encode(rv, keys[index - 1]:sub(#prefix + 1))
    if not accepts then metadata.remainingItemCount = last - index + 1 end
  end
  return metadata, table.concat(texts, ",")
end

function rest.list(cluster, info, query)
  local resource = info.resource
  local collection = cluster.store:collection(resource)
  local limit = numberOf(query, "limit") or 0
  numberOf(query, "timeoutSeconds")
  checkMatch(query)
  local wanted = versionOf(query, cluster)
  local rv, start = cluster.store.rv, nil
  if (query.continue or "") ~= "" then
    if wanted and wanted ~= 0 then
      error(status.badRequest("specifying resource version is not allowed when using continue"), 0)
    end
    rv, start = continuation.decode(query.continue)
    if rv < 0 then rv = cluster.store.rv end
  elseif wanted and wanted > 0 then
    local match = query.resourceVersionMatch or ""
    if match == "Exact" or (match == "" and limit > 0) then rv = wanted end
  end
  local keys, records = collection:at(rv)
  if not keys then
    if not start then error(status.expired("The resourceVersion for the provided list is too old."), 0) end
    error(status.expired("The provided continue parameter is too old to display a consistent list result. You can start a new list "
      .. "without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing "
      .. "with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the "
      .. "first chunk was returned and now may show up in the list.", continuation.encode(-1, start)), 0)
  end
  if start or (limit > 0 and wanted ~= 0) then
    local metadata, items = page(info, collection, keys, records, query, rv, start, limit > 0 and limit or math.huge)
    return 200, listText(resource, metadata, items)
  end
  return 200, listText(resource, { resourceVersion = tostring(rv) }, wholeList(info, collection, keys, records, query))
end

-- ---------------------------------------------------------------------------------------------------- create

local function checkNamespace(cluster, info, object)
  local resource, metadata = info.resource, object.metadata
  if not resource.namespaced then
    if metadata.namespace and metadata.namespace ~= "" then
      error(status.badRequest("the namespace of the provided object does not match the namespace sent on the request"), 0)
    end
    metadata.namespace = nil
    return
  end
  if metadata.namespace and metadata.namespace ~= "" and metadata.namespace ~= info.namespace then
    error(status.badRequest("the namespace of the provided object does not match the namespace sent on the request"), 0)
  end
  metadata.namespace = info.namespace
  local namespace = cluster:namespace(info.namespace)
  if not namespace then error(status.notFound({ group = "", plural = "namespaces" }, info.namespace), 0) end
  if namespace.object.metadata.deletionTimestamp then
    error(status.namespaceTerminating(resource, metadata.name or "", info.namespace), 0)
  end
end

local function generateName(cluster, metadata)
  if (metadata.name or "") ~= "" or (metadata.generateName or "") == "" then return end
  local suffix = {}
  for index = 1, 5 do
    local choice = cluster.random(#GENERATED)
    suffix[index] = GENERATED:sub(choice, choice)
  end
  metadata.name = metadata.generateName:sub(1, 58) .. table.concat(suffix)
end

--- Whose writes these are, for managedFields.
local function managerOf(query, request)
  if (query.fieldManager or "") ~= "" then return query.fieldManager end
  return (request.header("User-Agent") or ""):match("^[^/%s]+") or "unknown"
end

--- Stores a new object, or says what would be stored. `manager` is nil when the object says already who owns its fields.
function rest.createObject(cluster, info, object, dryRun, manager)
  local resource, metadata = info.resource, object.metadata
  checkNamespace(cluster, info, object)
  generateName(cluster, metadata)
  if (metadata.resourceVersion or "") ~= "" then
    error(status.failure(500, nil, "resourceVersion should not be set on objects to be created"), 0)
  end
  metadata.resourceVersion, metadata.deletionTimestamp, metadata.deletionGracePeriodSeconds, metadata.selfLink = nil, nil, nil, nil
  metadata.uid = cluster.uid()
  metadata.creationTimestamp = cluster.timestamp()
  metadata.generation = resource.generation and 1 or nil
  if resource.subresources.status and resource.kind ~= "Node" then object.status = nil end
  defaults.apply(resource, object)
  validation.check(resource, object)
  if manager then apply.track(resource, nil, object, manager, metadata.creationTimestamp) end
  local key = keyOf(resource, metadata.namespace, metadata.name)
  local there = cluster.store:get(resource, key)
  if there then error(status.alreadyExists(resource, metadata.name, there.object.metadata.deletionTimestamp ~= nil), 0) end
  if dryRun then return render(resource, object) end
  local record = cluster.store:put(resource, key, object)
  cluster:created(resource, record)
  return record:fullJson()
end

function rest.create(cluster, info, query, request)
  local object = normalise(info.resource, readObject(request, info.resource.kind))
  return 201, rest.createObject(cluster, info, object, isDryRun(query, "create"), managerOf(query, request))
end

-- ---------------------------------------------------------------------------------------------------- update

--- Members of the metadata that a client cannot change.
local KEPT = { "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName", "selfLink",
  "namespace" }

local function checkIdentity(info, object)
  local metadata = object.metadata
  if (metadata.name or "") == "" then
    error(status.badRequest(("the name of the object (%s based on URL) was undeterminable: name must be provided"):format(info.name)), 0)
  elseif metadata.name ~= info.name then
    error(status.badRequest(("the name of the object (%s) does not match the name on the URL (%s)"):format(metadata.name, info.name)), 0)
  elseif info.resource.namespaced and (metadata.namespace or "") ~= "" and metadata.namespace ~= info.namespace then
    error(status.badRequest(("the namespace of the object (%s) does not match the namespace on the request (%s)"):format(
      metadata.namespace, info.namespace)), 0)
  end
end

local function checkVersion(info, old, metadata)
  local resource, wanted = info.resource, metadata.resourceVersion or ""
  if wanted == "" then
    if resource.mustGiveVersion then
      error(status.invalid({ group = resource.group, kind = resource.plural }, info.name,
        { status.cause("metadata.resourceVersion", "Invalid", "Invalid value: 0x0: must be specified for an update") }), 0)
    end
  elseif not wanted:find("^%d+$") then
    error(status.failure(500, nil, ('strconv.ParseUint: parsing "%s": invalid syntax'):format(wanted)), 0)
  elseif wanted ~= old.metadata.resourceVersion then
    error(status.conflict(resource, info.name), 0)
  end
  if (metadata.uid or "") ~= "" and metadata.uid ~= old.metadata.uid then
    error(status.conflict(resource, info.name, ("Precondition failed: UID in precondition: %s, UID in object meta: %s"):format(
      metadata.uid, old.metadata.uid)), 0)
  end
end

local function specChanged(resource, old, new)
  if not resource.custom then return not values.equal(old.spec, new.spec) end
  for _, objects in ipairs({ { old, new }, { new, old } }) do
    for name, value in pairs(objects[1]) do
      local counts = name ~= "metadata" and not (name == "status" and resource.subresources.status)
      if counts and not values.equal(value, objects[2][name]) then return true end
    end
  end
  return false
end

--- Stores a changed object over the one that is there; ends one whose last finalizer went.
function rest.replace(cluster, info, record, object, dryRun, manager)
  local resource, old = info.resource, record.object
  checkIdentity(info, object)
  checkVersion(info, old, object.metadata)
  if info.subresource == "status" then
    local changed = copy(old)
    changed.status = object.status
    object = changed
  elseif info.subresource == "finalize" then
    local changed = copy(old)
    changed.spec = object.spec
    object = changed
  elseif resource.subresources.status then
    object.status = copy(old.status)
  end
  local metadata = object.metadata
  for _, name in ipairs(KEPT) do metadata[name] = old.metadata[name] end
  if manager then metadata.managedFields = old.metadata.managedFields end
  metadata.resourceVersion = old.metadata.resourceVersion
  if resource.kind == "Service" and old.spec and object.spec then
    object.spec.clusterIP = object.spec.clusterIP or old.spec.clusterIP
    object.spec.clusterIPs = object.spec.clusterIPs or old.spec.clusterIPs
  end
  defaults.apply(resource, object)
  if not info.subresource then
    validation.check(resource, object, old)
    if resource.generation and specChanged(resource, old, object) then metadata.generation = (old.metadata.generation or 0) + 1 end
  end
  if metadata.deletionTimestamp and #(metadata.finalizers or {}) == 0 and not cluster:mustWait(resource, object) then
    if not dryRun then cluster:remove(resource, record.key) end
    return render(resource, object)
  end
  if values.equal(old, object) then return record:fullJson() end
  if manager then apply.track(resource, old, object, manager, cluster.timestamp()) end
  if dryRun then return render(resource, object) end
  local new = cluster.store:put(resource, record.key, object)
  cluster:updated(resource, new, record)
  return new:fullJson()
end

function rest.update(cluster, info, query, request)
  if info.subresource == "scale" then
    local scale = readObject(request, "Scale")
    return rest.setScale(cluster, info, scale, isDryRun(query, "update"), managerOf(query, request))
  end
  local object = normalise(info.resource, readObject(request, info.resource.kind))
  checkIdentity(info, object)
  return 200, rest.replace(cluster, info, existing(cluster, info), object, isDryRun(query, "update"), managerOf(query, request))
end

-- ---------------------------------------------------------------------------------------------------- patch

local PATCH_TYPES = { "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
  "application/apply-patch+yaml" }
local CUSTOM_PATCH_TYPES = { PATCH_TYPES[1], PATCH_TYPES[2], PATCH_TYPES[4] }

local function readPatch(request)
  local change, err = core.json.decode(request.body)
  if change == nil then error(status.badRequest("error decoding patch: " .. tostring(err)), 0) end
  return change
end

local patchers = {
  ["application/json-patch+json"] = function(_, document, request) return patch.json(document, readPatch(request)) end,
  ["application/merge-patch+json"] = function(_, document, request) return patch.merge(document, readPatch(request)) end,
  ["application/strategic-merge-patch+json"] = function(resource, document, request)
    return patch.strategic(resource, document, readPatch(request))
  end,
}

--- What a patch makes of an object may be no such object any more: that is the patch's fault.
local function normalisePatched(resource, object)
  local ok, result = pcall(function()
    return values.isObject(object) and normalise(resource, object) or error(status.badRequest("expected an object"), 0)
  end)
  if ok then return result end
  if not status.isFailure(result) or result.code ~= 400 then error(result, 0) end
  error(status.invalid({ group = "", kind = "" }, "", { status.cause("patch", "Invalid", "Invalid value: " .. result.body.message) }), 0)
end

function rest.patch(cluster, info, query, request)
  local resource, type = info.resource, mediaType(request)
  local dryRun = isDryRun(query, "patch")
  if type == "application/apply-patch+yaml" then
    local there = cluster.store:get(resource, keyOf(resource, info.namespace, info.name))
    return apply.handle(cluster, info, query, decodeText(request.body, "application/yaml", resource.kind), there, {
      create = function(object)
        object = normalise(resource, object)
        object.metadata.name = object.metadata.name or info.name
        checkIdentity(info, object)
        return 201, rest.createObject(cluster, info, object, dryRun)
      end,
      replace = function(record, object) return 200, rest.replace(cluster, info, record, normalise(resource, object), dryRun) end,
    })
  end
  local patcher = patchers[type]
  if not patcher or (resource.custom and type == "application/strategic-merge-patch+json") then
    error(status.unsupportedMediaType(resource.custom and CUSTOM_PATCH_TYPES or PATCH_TYPES), 0)
  end
  local record = existing(cluster, info)
  if info.subresource == "scale" then
    local scale = patcher({}, rest.scaleOf(resource, record.object), request)
    return rest.setScale(cluster, info, scale, dryRun, managerOf(query, request))
  end
  local object = patcher(resource, complete(resource, record.object), request)
  object = normalisePatched(resource, object)
  checkIdentity(info, object)
  if object.metadata.uid ~= record.object.metadata.uid then
    error(status.invalid(resource, info.name,
      { status.invalidValue("metadata.uid", object.metadata.uid or "", "field is immutable") }), 0)
  end
  return 200, rest.replace(cluster, info, record, object, dryRun, managerOf(query, request))
end

-- ---------------------------------------------------------------------------------------------------- scale

local function selectorText(selector)
  local terms = {}
  for key, value in pairs(at(selector, "matchLabels") or {}) do terms[#terms + 1] = key .. "=" .. value end
  table.sort(terms)
  return #terms > 0 and table.concat(terms, ",") or nil
end

--- The value at ".spec.replicas" of an object, for the scale subresource of custom resources.
local function atPath(object, path)
  local parts = {}
  for part in (path or ""):gmatch("[^.]+") do parts[#parts + 1] = part end
  return #parts > 0 and at(object, table.unpack(parts)) or nil
end

function rest.scaleOf(resource, object)
  local metadata, paths = object.metadata, resource.scalePaths
  local kept = { name = metadata.name, namespace = metadata.namespace, uid = metadata.uid, resourceVersion = metadata.resourceVersion,
    creationTimestamp = metadata.creationTimestamp }
  local selector
  if paths then selector = atPath(object, paths.labelSelectorPath) else selector = selectorText(at(object, "spec", "selector")) end
  return {
    kind = "Scale", apiVersion = "autoscaling/v1", metadata = kept,
    spec = { replicas = paths and atPath(object, paths.specReplicasPath) or at(object, "spec", "replicas") or 0 },
    status = {
      replicas = paths and atPath(object, paths.statusReplicasPath) or at(object, "status", "replicas") or 0,
      selector = selector,
    },
  }
end

function rest.setScale(cluster, info, scale, dryRun, manager)
  local record = existing(cluster, info)
  local replicas = at(scale, "spec", "replicas") or 0
  if math.type(replicas) ~= "integer" or replicas < 0 then
    error(status.invalid({ group = "autoscaling", kind = "Scale" }, info.name,
      { status.invalidValue("spec.replicas", replicas, "must be greater than or equal to 0") }), 0)
  end
  local object = copy(record.object)
  local path = info.resource.scalePaths and info.resource.scalePaths.specReplicasPath or ".spec.replicas"
  local target, last = object, nil
  for part in path:gmatch("[^.]+") do
    if last then
      target[last] = target[last] or {}
      target = target[last]
    end
    last = part
  end
  target[last] = replicas
  local metadata = at(scale, "metadata") or {}
  object.metadata.resourceVersion = metadata.resourceVersion or record.object.metadata.resourceVersion
  local whole = setmetatable({ subresource = false }, { __index = info })
  rest.replace(cluster, whole, record, object, dryRun, manager)
  local now = dryRun and object or existing(cluster, info).object
  return 200, assert(core.json.encode(rest.scaleOf(info.resource, now)))
end

-- ---------------------------------------------------------------------------------------------------- delete

local PROPAGATION = { Foreground = true, Background = true, Orphan = true }

local function deleteOptions(query, request)
  local options = request.body ~= "" and readObject(request, "DeleteOptions") or {}
  options.propagationPolicy = options.propagationPolicy or query.propagationPolicy
  options.gracePeriodSeconds = options.gracePeriodSeconds or math.tointeger(tonumber(query.gracePeriodSeconds))
  if options.propagationPolicy and not PROPAGATION[options.propagationPolicy] then
    error(status.invalidOptions("DeleteOptions", status.cause("propagationPolicy", "NotSupported",
      ('Unsupported value: "%s": supported values: "Foreground", "Background", "Orphan", "nil"'):format(options.propagationPolicy))), 0)
  end
  options.isDryRun = isDryRun(query, "delete", options.dryRun and options.dryRun[1])
  return options
end

local function checkPreconditions(resource, object, preconditions)
  local kind = { group = resource.group, plural = resource.kind }
  local metadata = object.metadata
  if at(preconditions, "uid") and preconditions.uid ~= metadata.uid then
    error(status.conflict(kind, metadata.name, ("the UID in the precondition (%s) does not match the UID in record (%s). The object might "
      .. "have been deleted and then recreated"):format(preconditions.uid, metadata.uid)), 0)
  elseif at(preconditions, "resourceVersion") and preconditions.resourceVersion ~= metadata.resourceVersion then
    error(status.conflict(kind, metadata.name, ("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record "
      .. "(%s). The object might have been modified"):format(preconditions.resourceVersion, metadata.resourceVersion)), 0)
  end
end

--- Marks an object as being deleted.
local function mark(cluster, resource, record, graceSeconds)
  local object = copy(record.object)
  object.metadata.deletionTimestamp = cluster.timestamp(graceSeconds)
  object.metadata.deletionGracePeriodSeconds = resource.kind ~= "Namespace" and graceSeconds or nil
  if object.metadata.generation then object.metadata.generation = object.metadata.generation + 1 end
  if resource.kind == "Namespace" then object.status.phase = "Terminating" end
  return object
end

--- Deletes one object: at once, or by marking it when something must happen first.
---@return moonpool.sim.Record? left what is still there, marked
---@return table? gone the last state
local function deleteRecord(cluster, resource, record, options)
  local object = record.object
  local grace = 0
  if resource.kind == "Pod" and at(object, "spec", "nodeName") and at(object, "status", "phase") ~= "Succeeded"
    and at(object, "status", "phase") ~= "Failed" then
    grace = options.gracePeriodSeconds or at(object, "spec", "terminationGracePeriodSeconds") or 30
  end
  local waits = grace > 0 or #(object.metadata.finalizers or {}) > 0 or cluster:mustWait(resource, object)
  if not waits then
    if options.isDryRun then return nil, object end
    local gone = copy(cluster:remove(resource, record.key).object)
    if resource.kind == "Pod" then
      gone.metadata.deletionTimestamp, gone.metadata.deletionGracePeriodSeconds = cluster.timestamp(), 0
    end
    return nil, gone
  end
  if object.metadata.deletionTimestamp then return record end
  local marked = mark(cluster, resource, record, grace)
  if options.isDryRun then return { object = marked } end
  local new = cluster.store:put(resource, record.key, marked)
  if resource.kind == "Namespace" then
    cluster:emptyNamespace(object.metadata.name)
  elseif grace > 0 then
    cluster:later(math.min(grace * 1000, POD_STOPS_AFTER_MS), function()
      cluster:finishDeletion(resource, record.key, object.metadata.uid)
    end)
  elseif resource.kind == "CustomResourceDefinition" then
    cluster:later(0, function() cluster:finishDeletion(resource, record.key, object.metadata.uid) end)
  end
  return new
end
rest.deleteRecord = deleteRecord

function rest.delete(cluster, info, query, request)
  local resource = info.resource
  local options = deleteOptions(query, request)
  local record = existing(cluster, info)
  checkPreconditions(resource, record.object, options.preconditions)
  local left, gone = deleteRecord(cluster, resource, record, options)
  if left then return 200, render(resource, left.object) end
  if resource.returnsDeleted then return 200, render(resource, gone) end
  return 200, assert(core.json.encode(status.deleted(resource, gone)))
end

function rest.deletecollection(cluster, info, query, request)
  local resource = info.resource
  local options = deleteOptions(query, request)
  local accepts = selectors.fromQuery(query, resource)
  local collection = cluster.store:collection(resource)
  local chosen, texts = {}, {}
  local first, last = collection:range(prefixOf(info))
  for index = first, last do
    local record = collection.records[collection.keys[index]]
    if not accepts or accepts(record.object) then chosen[#chosen + 1] = record end
  end
  local rv = cluster.store.rv
  for index, record in ipairs(chosen) do
    texts[index] = record:json()
    deleteRecord(cluster, resource, record, options)
  end
  return 200, listText(resource, { resourceVersion = tostring(rv) }, table.concat(texts, ","))
end

return rest
