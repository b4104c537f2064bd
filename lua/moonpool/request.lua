-- request.lua: from a verb on a kind, its arguments and options, to the HTTP request that the core runs. No I/O.
--
-- Which options a verb takes, how each is checked, and whether it goes into the query, the body (DeleteOptions) or to the
-- transport, is decided by the tables here and nowhere else.
local core = require "moonpool.core"
local check = require "moonpool.check"
local kinds = require "moonpool.kinds"

local request = {}

local arrayMeta = getmetatable(core.json.array {})

--- Options of every API call that concern its way, not its meaning.
---@class moonpool.CallOptions
---@field timeout integer? ms for the whole call, waiting and retries included; 0: none. Watches and followed logs have none unless it
--- is given. How long a connection may take to be made is the pool's connectTimeout
---@field firstByteTimeout integer? ms from sending until the answer begins; 0: none
---@field idleTimeout integer? ms of silence while the answer comes; 0: none
---@field retries integer? further attempts where that is safe; when the server says how long to wait, 9 instead of the default
---@field maxBodySize integer? bytes; a larger answer is an error
---@field gzip boolean? whether to ask for a compressed answer; default: unless the server is near
---@field raw boolean? the answer's text instead of a decoded table
---@field headers table<string, string>? further request headers
---@field query table<string, string|number|boolean>? further query parameters
---@field cluster string? of a client that chooses among several: in this one only
---@field key string? of a client that chooses among several: what its strategy goes by, where it does
local transport = { timeout = "milliseconds", firstByteTimeout = "milliseconds", idleTimeout = "milliseconds",
  retries = "count", maxBodySize = "positive", gzip = "boolean", raw = "boolean", headers = "table",
  cluster = "string", key = "string" }
request.transportOptions = transport

---@class moonpool.ApiOptions: moonpool.CallOptions  Of every method of an API group and every verb on a kind.
---@field pretty boolean? the server is to indent its answer

---@class moonpool.ListOptions: moonpool.ApiOptions
---@field limit integer? a page of at most so many objects; 0: all
---@field continue string? the page after the one whose metadata.continue this is
---@field labelSelector string|table|nil "app=web,tier!=db", or a table: { app = "web", tier = { "a", "b" }, canary = false }
---@field fieldSelector string|table|nil "status.phase=Running", or a table
---@field resourceVersion string? not older than this; "0": whatever the server has at hand
---@field resourceVersionMatch string? "NotOlderThan" or "Exact"
---@field timeoutSeconds integer? s after which the server ends the call

---@class moonpool.ReadOptions: moonpool.ApiOptions
---@field resourceVersion string? not older than this

---@class moonpool.LogOptions: moonpool.ApiOptions
---@field container string? needed where the pod has several
---@field follow boolean? goes on with what is logged from now on: the call returns a moonpool.Lines, has no timeout unless it is given,
--- and ends after 10 minutes of silence (idleTimeout)
---@field previous boolean? of the container before the last restart
---@field sinceSeconds integer? s: what is not older
---@field sinceTime string? what is not older than this moment (RFC 3339)
---@field tailLines integer? only the last so many lines
---@field timestamps boolean? each line with its time
---@field limitBytes integer? bytes
---@field insecureSkipTLSVerifyBackend boolean? the server is not to verify the kubelet's certificate
---@field stream string? "All", "Stdout" or "Stderr"

---@class moonpool.WriteOptions: moonpool.ApiOptions  Of create and replace.
---@field dryRun boolean|string|nil true (or "All"): the server checks everything and changes nothing
---@field fieldManager string? who changes, for server-side apply
---@field fieldValidation string? unknown fields: "Ignore", "Warn" or "Strict"

---@class moonpool.PatchOptions: moonpool.WriteOptions
---@field patchType string? "json", "merge", "strategic" or "apply"; default: by the patch (a list is a JSON patch) and the kind
---@field force boolean? with patchType = "apply": takes over fields of other managers

---@class moonpool.DeleteOptions: moonpool.ApiOptions
---@field gracePeriodSeconds integer? s; 0: at once
---@field propagationPolicy string? of what it owns: "Orphan", "Background" or "Foreground"
---@field orphanDependents boolean? the older form of propagationPolicy
---@field preconditions table? uid and resourceVersion that the object must have
---@field dryRun boolean|string|nil true (or "All"): the server checks everything and changes nothing

---@class moonpool.DeleteCollectionOptions: moonpool.ListOptions, moonpool.DeleteOptions

---@class moonpool.WatchOptions: moonpool.ApiOptions
---@field labelSelector string|table|nil as of a list
---@field fieldSelector string|table|nil as of a list
---@field resourceVersion string? from then on; default: what is there now comes first, as events of type "ADDED"
---@field resourceVersionMatch string? "NotOlderThan" or "Exact"
---@field timeoutSeconds integer? s after which the server ends it, and it is asked for again; default: 300 to 600
---@field allowWatchBookmarks boolean? the script wants to see events of type "BOOKMARK"
---@field sendInitialEvents boolean? the server sends what is there, in place of a list

---@class moonpool.ConnectOptions: moonpool.ApiOptions
---@field path string? below the proxied service
---@field command string|string[]|nil of exec
---@field container string? needed where the pod has several
---@field stdin boolean? connects the command's standard input
---@field stdout boolean? connects the command's standard output
---@field stderr boolean? connects the command's standard error
---@field tty boolean? gives the command a terminal
---@field ports integer|integer[]|nil of portforward
---@field body table|string|nil of a proxied POST, PUT or PATCH

---@class moonpool.RawRequest: moonpool.CallOptions  What client:request takes.
---@field path string with a leading "/", percent-encoded
---@field method string? default "GET"
---@field body table|string|nil a table, or its text
---@field contentType string? of the body; default "application/json"
---@field accept string? default "application/json"

local list = { limit = "count", ["continue"] = "text", labelSelector = "selector", fieldSelector = "selector",
  resourceVersion = "text", resourceVersionMatch = "string", timeoutSeconds = "count" }
local write = { dryRun = "flag", fieldManager = "string", fieldValidation = "string" }
local deletion = { gracePeriodSeconds = "count", propagationPolicy = "string", orphanDependents = "boolean",
  preconditions = "table", dryRun = "flag" }
local log = { container = "string", follow = "boolean", previous = "boolean", sinceSeconds = "count", sinceTime = "string",
  tailLines = "count", timestamps = "boolean", limitBytes = "positive", insecureSkipTLSVerifyBackend = "boolean",
  stream = "string" }

-- Options that go into the query, by verb.
local queryOptions = {
  list = list,
  read = { resourceVersion = "text" },
  log = log,
  create = write,
  replace = write,
  patch = { dryRun = "flag", fieldManager = "string", fieldValidation = "string", force = "boolean" },
  delete = {},
  deleteCollection = list,
  watch = { labelSelector = "selector", fieldSelector = "selector", resourceVersion = "text",
    resourceVersionMatch = "string", timeoutSeconds = "count", allowWatchBookmarks = "boolean",
    sendInitialEvents = "boolean" },
  connect = { path = "string", command = "any", container = "string", stdin = "boolean", stdout = "boolean",
    stderr = "boolean", tty = "boolean", ports = "any", body = "body" },
}
local methods = { list = "GET", read = "GET", log = "GET", create = "POST", replace = "PUT", patch = "PATCH",
  delete = "DELETE", deleteCollection = "DELETE", watch = "GET" }
local patchTypes = {
  json = "application/json-patch+json",
  merge = "application/merge-patch+json",
  strategic = "application/strategic-merge-patch+json",
  apply = "application/apply-patch+yaml",
}

local function union(...)
  local all = {}
  for _, t in ipairs { ... } do
    for name, typeName in pairs(t) do all[name] = typeName end
  end
  return all
end

local apiOptions = check.declare("moonpool.ApiOptions", union(transport, { query = "table", pretty = "boolean" }), core.defaults.request)
local known = {} ---@type table<string, table<string, string>> all options of a verb
for verb, options in pairs(queryOptions) do
  known[verb] = union(apiOptions, options,
    (verb == "delete" or verb == "deleteCollection") and deletion or {}, verb == "patch" and { patchType = "string" } or {})
end
request.knownOptions = known

local classes = { list = "List", read = "Read", log = "Log", create = "Write", replace = "Write", patch = "Patch", delete = "Delete",
  deleteCollection = "DeleteCollection", watch = "Watch", connect = "Connect" }

--- The class of the options of a verb, as it is annotated.
---@param verb string
---@return string
function request.optionsClass(verb) return ("moonpool.%sOptions"):format(classes[verb]) end

--- What a watch has in place of those of other calls, ms. Servers send a bookmark every minute where nothing else happens.
request.watchDefaults = { firstByteTimeout = 30000, idleTimeout = 90000, retries = core.defaults.request.retries }

for verb in pairs(classes) do
  check.declare(request.optionsClass(verb), known[verb], verb == "watch" and request.watchDefaults or core.defaults.request)
end
local plainOptions = check.declare("moonpool.CallOptions", union(transport, { query = "table" }), core.defaults.request)

-- ------------------------------------------------------------------------------------------------------------- text
---@param text string
---@return string
function request.escape(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end
local escape = request.escape

local function sortedPairs(t)
  local keys, i = {}, 0
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return function()
    i = i + 1
    return keys[i], t[keys[i]]
  end
end

--- A selector as the server reads it. Tables: `{ app = "web", tier = { "a", "b" }, canary = false, owner = true }` is
--- "app=web,!canary,owner,tier in (a,b)"; entries without a key are taken as they are.
---@param where string
---@param selector string|table
---@param fields boolean? a field selector: only `key = text`, whose special characters are escaped
---@return string
function request.selector(where, selector, fields)
  if type(selector) == "string" then return selector end
  local terms = {}
  for _, term in ipairs(selector) do
    check.value(where, term, "string")
    terms[#terms + 1] = term
  end
  for key, value in sortedPairs(selector) do
    if type(key) == "string" then
      local kind = type(value)
      if kind == "string" or kind == "number" then
        local text = tostring(value)
        terms[#terms + 1] = key .. "=" .. (fields and text:gsub("[\\,=]", "\\%0") or text)
      elseif kind == "boolean" and not fields then
        terms[#terms + 1] = value and key or "!" .. key
      elseif kind == "table" and not fields and #value > 0 then
        terms[#terms + 1] = ("%s in (%s)"):format(key, table.concat(value, ","))
      else
        check.misuse("%s: %s: expected %s, got %s", where, key, fields and "a string"
          or "a string, a boolean or a list of strings", check.describe(value))
      end
    end
  end
  return table.concat(terms, ",")
end

local function queryText(where, name, value)
  if name == "labelSelector" or name == "fieldSelector" then
    return request.selector(where .. ": option " .. name, value, name == "fieldSelector")
  elseif name == "dryRun" then
    if value == true then return "All" end
    return value or nil
  end
  return tostring(value)
end

--- "?a=1&b=2" in sorted order, or "". A list as a value repeats its parameter.
---@param parameters table<string, string|number|boolean|string[]>
---@return string
function request.query(parameters)
  local parts = {}
  for name, value in sortedPairs(parameters) do
    for _, item in ipairs(type(value) == "table" and value or { value }) do
      parts[#parts + 1] = escape(name) .. "=" .. escape(item)
    end
  end
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

--- A name that can stand in a path; the server would read "/" and ".." as something else.
local function segment(where, text)
  check.value(where, text, "string")
  if text == "." or text == ".." or text:find("[/%%]") then
    check.misuse("%s: %q cannot be a name: it must not be . or .. or contain / or %%", where, text)
  end
  return escape(text)
end

-- ------------------------------------------------------------------------------------------------------------- path
---@class moonpool.Operation  What to do to what.
---@field anyVersion boolean? the script named no version: another entry may take this one's place
---@field label string how errors call it: "readNamespacedPod"
---@field verb string list, read, create, replace, patch, delete, deleteCollection, watch, connect
---@field entry moonpool.Kind
---@field subresource string?
---@field method string? HTTP method of a connect
---@field name string?
---@field namespace string? nil: cluster-scoped, or all namespaces
---@field path string? what follows a proxy's path
---@field body any
---@field options table?

---@param operation moonpool.Operation
---@return string
local function pathOf(operation)
  local entry, parts = operation.entry, { kinds.basePath(operation.entry.group, operation.entry.version) }
  if operation.namespace then
    parts[#parts + 1] = "namespaces/" .. segment(operation.label .. ": namespace", operation.namespace)
  end
  parts[#parts + 1] = entry.plural
  if operation.name then parts[#parts + 1] = segment(operation.label .. ": name", operation.name) end
  if operation.subresource then parts[#parts + 1] = operation.subresource end
  if operation.path then parts[#parts + 1] = (operation.path:gsub("^/", ""):gsub("[^/]+", escape)) end
  return table.concat(parts, "/")
end

-- ------------------------------------------------------------------------------------------------------------- body
local function encode(label, value)
  if type(value) == "string" then return value end
  local text, problem = core.json.encode(value)
  if not text then check.misuse("%s: the body %s", label, problem.message) end
  return text
end

-- An object may leave out what the method says already.
local function withKind(body, entry)
  if type(body) ~= "table" or (body.apiVersion and body.kind) then return body end
  local copy = {}
  for key, value in pairs(body) do copy[key] = value end
  copy.apiVersion = copy.apiVersion or kinds.apiVersion(entry)
  copy.kind = copy.kind or entry.kind
  return copy
end

local function isList(body)
  return type(body) == "table" and (#body > 0 or getmetatable(body) == arrayMeta)
end

--- The kind of patch when the script names none: a list is a JSON patch; a table is a strategic merge patch for the kinds of
--- Kubernetes' own groups (as kubectl does) and a merge patch for custom resources, which know no other.
local function patchType(operation, options)
  local chosen = options.patchType
  if not chosen then
    if isList(operation.body) then return "json" end
    return operation.entry.builtin and "strategic" or "merge"
  end
  if not patchTypes[chosen] then
    check.misuse('%s: option patchType: "%s" is none of apply, json, merge, strategic', operation.label, chosen)
  end
  return chosen
end

local function deleteOptions(options)
  local body = {}
  for name in pairs(deletion) do
    if options[name] ~= nil then body[name] = options[name] end
  end
  if body.dryRun ~= nil then
    body.dryRun = body.dryRun and core.json.array { body.dryRun == true and "All" or body.dryRun } or nil
  end
  if not next(body) then return nil end
  body.apiVersion, body.kind = "v1", "DeleteOptions"
  return body
end

--- The request of an operation; raises where an argument or option is wrong.
---@param operation moonpool.Operation
---@return moonpool.core.Request
function request.build(operation)
  local verb, label, options = operation.verb, operation.label, operation.options or {}
  if verb == "read" and operation.subresource == "log" then verb = "log" end
  check.options(label, options, known[verb])

  local out = { method = operation.method or methods[verb] }
  for name in pairs(transport) do out[name] = options[name] end
  if verb == "log" then out.raw = true end

  local parameters = {}
  for name in pairs(queryOptions[verb]) do
    if options[name] ~= nil then parameters[name] = queryText(label, name, options[name]) end
  end
  if verb == "connect" then
    parameters.command, parameters.ports, parameters.body = options.command, options.ports, nil
  end
  if options.pretty ~= nil then parameters.pretty = tostring(options.pretty) end
  for name, value in pairs(options.query or {}) do parameters[name] = value end
  if verb == "watch" then parameters.watch = "true" end

  local body = operation.body
  if verb == "connect" then body = options.body end
  if verb == "create" or verb == "replace" then
    if not operation.subresource then body = withKind(body, operation.entry) end
    out.contentType = "application/json"
  elseif verb == "patch" then
    local chosen = patchType(operation, options)
    out.contentType = patchTypes[chosen]
    if chosen == "apply" then
      parameters.fieldManager = parameters.fieldManager or "moonpool"
      body = withKind(body, operation.entry)
    elseif options.force ~= nil then
      check.misuse('%s: option force goes with patchType = "apply"', label)
    end
  elseif verb == "delete" or verb == "deleteCollection" then
    body = body or deleteOptions(options)
    out.contentType = body and "application/json"
  elseif body ~= nil then
    out.contentType = "application/json"
  end
  out.body = body ~= nil and encode(label, body) or nil
  out.path = pathOf(operation) .. request.query(parameters)
  return out
end

--- A GET of a path that is not a kind's.
---@param label string
---@param path string
---@param options moonpool.CallOptions?
---@return moonpool.core.Request
function request.plain(label, path, options)
  options = options or {}
  check.options(label, options, plainOptions)
  local out = { method = "GET", path = path .. request.query(options.query or {}) }
  for name in pairs(transport) do out[name] = options[name] end
  return out
end

local rawOptions = check.declare("moonpool.RawRequest", union(transport, { method = "string", path = "string", query = "table",
  body = "body", contentType = "string", accept = "string" }), core.defaults.request)

--- The raw form: `client:request { method = "POST", path = "/apis/...", query = {}, body = {}, ... }`.
---@param fields table
---@return moonpool.core.Request
function request.raw(fields)
  check.options("request", fields, rawOptions)
  check.value("request: path", fields.path, "string")
  if fields.path:sub(1, 1) ~= "/" then check.misuse('request: path: expected a path that starts with "/"') end
  local out = { method = (fields.method or "GET"):upper(), accept = fields.accept }
  for name in pairs(transport) do out[name] = fields[name] end
  local query = request.query(fields.query or {})
  if fields.path:find("?", 1, true) then query = query:gsub("^%?", "&") end
  out.path = fields.path .. query
  if fields.body ~= nil then
    out.body = encode("request", fields.body)
    out.contentType = fields.contentType or "application/json"
  end
  return out
end

return request
