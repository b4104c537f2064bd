-- status.lua: the failures of a simulated API server, as Kubernetes' Status objects.
--
-- Every function makes a failure: a table that the code below a request raises with `error` and that server.lua turns into the
-- answer. The words are those of a real API server, because scripts and people match on them.

local core = require("moonpool.core")

local status = {}

---@class moonpool.sim.Failure
---@field code integer HTTP status
---@field body table the Status object
---@field headers table<string, string>?
local Failure = {}
Failure.__index = Failure
Failure.__tostring = function(failure) return failure.body.message end

---@return boolean
function status.isFailure(value) return getmetatable(value) == Failure end

---@param code integer
---@param reason string?
---@param message string
---@param details table?
---@param headers table<string, string>?
---@return moonpool.sim.Failure
function status.failure(code, reason, message, details, headers)
  local body = {
    kind = "Status", apiVersion = "v1", metadata = {}, status = "Failure",
    message = message, reason = reason, details = details, code = code,
  }
  return setmetatable({ code = code, body = body, headers = headers }, Failure)
end

--- "pods", "deployments.apps": how messages name a resource; likewise for a kind.
local function qualified(name, resource)
  return resource.group == "" and name or name .. "." .. resource.group
end

local function detailsOf(resource, name, kind)
  return { name = name ~= "" and name or nil, group = resource.group ~= "" and resource.group or nil, kind = kind or resource.plural }
end

function status.notFound(resource, name)
  return status.failure(404, "NotFound", ('%s "%s" not found'):format(qualified(resource.plural, resource), name),
    detailsOf(resource, name))
end

function status.alreadyExists(resource, name, isBeingDeleted)
  return status.failure(409, "AlreadyExists", ('%s%s "%s" already exists'):format(
    isBeingDeleted and "object is being deleted: " or "", qualified(resource.plural, resource), name), detailsOf(resource, name))
end

function status.conflict(resource, name, why)
  why = why or "the object has been modified; please apply your changes to the latest version and try again"
  return status.failure(409, "Conflict",
    ('Operation cannot be fulfilled on %s "%s": %s'):format(qualified(resource.plural, resource), name, why),
    detailsOf(resource, name))
end

function status.badRequest(message) return status.failure(400, "BadRequest", message) end

function status.noRoute()
  return status.failure(404, "NotFound", "the server could not find the requested resource", {})
end

function status.methodNotAllowed()
  return status.failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})
end

function status.notAcceptable()
  return status.failure(406, "NotAcceptable",
    "only the following media types are accepted: application/json", {})
end

---@param accepted string[]
function status.unsupportedMediaType(accepted)
  return status.failure(415, "UnsupportedMediaType",
    "the body of the request was in an unknown format - accepted media types include: " .. table.concat(accepted, ", "))
end

function status.tooLarge(limit)
  return status.failure(413, "RequestEntityTooLarge", ("Request entity too large: limit is %d"):format(limit))
end

function status.unauthorized() return status.failure(401, "Unauthorized", "Unauthorized") end

---@param user string
---@param request moonpool.sim.RequestInfo
---@param verb string
function status.forbidden(user, request, verb)
  local resource = request.resource
  if not resource then
    return status.failure(403, "Forbidden", ('forbidden: User "%s" cannot %s path "%s"'):format(user, verb, request.path), {})
  end
  local what = resource.plural .. (request.subresource and "/" .. request.subresource or "")
  local where = request.namespace and ('in the namespace "%s"'):format(request.namespace) or "at the cluster scope"
  return status.failure(403, "Forbidden", ('%s%s is forbidden: User "%s" cannot %s resource "%s" in API group "%s" %s'):format(
    qualified(resource.plural, resource), request.name and (' "%s"'):format(request.name) or "", user, verb, what, resource.group, where),
    detailsOf(resource, request.name))
end

function status.mayNotImpersonate(user, name)
  return status.failure(403, "Forbidden",
    ('users "%s" is forbidden: User "%s" cannot impersonate resource "users" in API group "" at the cluster scope'):format(name, user),
    { name = name, kind = "users" })
end

function status.namespaceTerminating(resource, name, namespace)
  local details = detailsOf(resource, name)
  details.causes = { { reason = "NamespaceTerminating", message = ("namespace %s is being terminated"):format(namespace),
    field = "metadata.namespace" } }
  return status.failure(403, "Forbidden",
    ('%s "%s" is forbidden: unable to create new content in namespace %s because it is being terminated'):format(
      qualified(resource.plural, resource), name, namespace), details)
end

function status.expired(message, continue)
  local failure = status.failure(410, "Expired", message)
  if continue then failure.body.metadata.continue = continue end
  return failure
end

--- One thing that is wrong with a field of an object.
---@param field string
---@param reason string "Required" | "Invalid" | "Forbidden" | "NotSupported" | "Duplicate"
---@param message string
---@return table cause
function status.cause(field, reason, message)
  return { field = field, reason = "FieldValue" .. reason, message = message }
end

function status.required(field, hint)
  return status.cause(field, "Required", "Required value" .. (hint and ": " .. hint or ""))
end

function status.invalidValue(field, value, why)
  local shown = type(value) == "table" and core.json.encode(value) or type(value) == "string" and ('"%s"'):format(value)
    or tostring(value)
  return status.cause(field, "Invalid", ("Invalid value: %s: %s"):format(shown, why))
end

---@param resource moonpool.sim.Resource|{ group: string, kind: string }
---@param name string
---@param causes table[]
function status.invalid(resource, name, causes)
  local texts = {}
  for index, cause in ipairs(causes) do texts[index] = cause.field .. ": " .. cause.message end
  local all = table.concat(texts, ", ")
  if #causes > 1 then all = "[" .. all .. "]" end
  local details = detailsOf(resource, name, resource.kind)
  details.causes = causes
  return status.failure(422, "Invalid", ('%s "%s" is invalid: %s'):format(qualified(resource.kind, resource), name, all), details)
end

--- What is wrong with the query of a request ("ListOptions", "CreateOptions", ...).
function status.invalidOptions(kind, cause)
  return status.invalid({ group = "meta.k8s.io", kind = kind }, "", { cause })
end

--- The answer to a deletion that took the object away.
function status.deleted(resource, object)
  local details = detailsOf(resource, object.metadata.name)
  details.uid = object.metadata.uid
  return { kind = "Status", apiVersion = "v1", metadata = {}, status = "Success", details = details }
end

return status
