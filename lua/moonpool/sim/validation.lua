-- validation.lua: what may be stored: names and labels, the fields that a kind cannot do without, what must not change, and the
-- schemas of custom resources (types, required members, enumerations, and pruning of what they do not mention).

local status = require("moonpool.sim.status")
local values = require("moonpool.sim.values")

local validation = {}

local at, sortedKeys = values.at, values.sortedKeys

local SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
  .. "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
  .. "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
local LABEL = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
  .. "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
local LABEL_KEY = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
  .. "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
local LABEL_VALUE = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "
  .. "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
  .. "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
local CONFIG_KEY = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
  .. "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

local function isLabel(text) return text:find("^[a-z0-9][-a-z0-9]*$") ~= nil and text:sub(-1) ~= "-" end

local function isSubdomain(text)
  for part in (text .. "."):gmatch("([^.]*)%.") do
    if not isLabel(part) then return false end
  end
  return true
end

local function isQualified(text) return text:find("^%w$") ~= nil or text:find("^%w[-%w_.]*%w$") ~= nil end

local function checkName(resource, name, causes)
  if type(name) ~= "string" or name == "" then
    causes[#causes + 1] = status.required("metadata.name", "name or generateName is required")
    return
  end
  local limit = resource.label and 63 or 253
  if #name > limit then
    causes[#causes + 1] = status.invalidValue("metadata.name", name, ("must be no more than %d characters"):format(limit))
  end
  if resource.group == "rbac.authorization.k8s.io" then return end
  if resource.label and not isLabel(name) then
    causes[#causes + 1] = status.invalidValue("metadata.name", name, LABEL)
  elseif not resource.label and not isSubdomain(name) then
    causes[#causes + 1] = status.invalidValue("metadata.name", name, SUBDOMAIN)
  end
end

local function checkLabels(labels, field, causes)
  for _, key in ipairs(sortedKeys(labels)) do
    local prefix, name = key:match("^(.-)/(.*)$")
    if not isQualified(name or key) or #(name or key) > 63 then
      causes[#causes + 1] = status.invalidValue(field, key, LABEL_KEY)
    elseif prefix and not isSubdomain(prefix) then
      causes[#causes + 1] = status.invalidValue(field, key, "prefix part " .. SUBDOMAIN)
    end
    local value = labels[key]
    if value ~= "" and not isQualified(value) then
      causes[#causes + 1] = status.invalidValue(field, value, LABEL_VALUE)
    elseif #value > 63 then
      causes[#causes + 1] = status.invalidValue(field, value, "must be no more than 63 characters")
    end
  end
end

local function checkPodSpec(spec, field, causes)
  local containers = at(spec, "containers")
  if not containers or #containers == 0 then
    causes[#causes + 1] = status.required(field .. ".containers")
    return
  end
  local seen = {}
  for index, container in ipairs(containers) do
    local here = ("%s.containers[%d]"):format(field, index - 1)
    if not at(container, "name") then
      causes[#causes + 1] = status.required(here .. ".name")
    elseif seen[container.name] then
      causes[#causes + 1] = status.cause(here .. ".name", "Duplicate", ('Duplicate value: "%s"'):format(container.name))
    else
      seen[container.name] = true
    end
    if not at(container, "image") or container.image == "" then causes[#causes + 1] = status.required(here .. ".image") end
  end
end

local function selects(selector, labels)
  for key, value in pairs(at(selector, "matchLabels") or {}) do
    if not labels or labels[key] ~= value then return false end
  end
  return true
end

--- A map of texts as a real server shows it in messages.
local function goMap(map)
  if not map then return "map[string]string(nil)" end
  local members = {}
  for index, key in ipairs(sortedKeys(map)) do members[index] = ('"%s":"%s"'):format(key, map[key]) end
  return "map[string]string{" .. table.concat(members, ", ") .. "}"
end

local function checkWorkload(object, causes)
  local selector, labels = at(object, "spec", "selector"), at(object, "spec", "template", "metadata", "labels")
  if not selector then causes[#causes + 1] = status.required("spec.selector") end
  if not selector or not selects(selector, labels) then
    causes[#causes + 1] = status.cause("spec.template.metadata.labels", "Invalid",
      ("Invalid value: %s: `selector` does not match template `labels`"):format(goMap(labels)))
  end
  local replicas = at(object, "spec", "replicas")
  if replicas and replicas < 0 then
    causes[#causes + 1] = status.invalidValue("spec.replicas", replicas, "must be greater than or equal to 0")
  end
  checkPodSpec(at(object, "spec", "template", "spec"), "spec.template.spec", causes)
end

local function checkDefinition(object, causes)
  local spec = object.spec or {}
  local names = spec.names or {}
  if object.metadata.name ~= tostring(names.plural) .. "." .. tostring(spec.group) then
    causes[#causes + 1] = status.invalidValue("metadata.name", object.metadata.name, 'must be spec.names.plural+"."+spec.group')
  end
  if not spec.scope then
    causes[#causes + 1] = status.required("spec.scope")
  elseif spec.scope ~= "Namespaced" and spec.scope ~= "Cluster" then
    causes[#causes + 1] = status.cause("spec.scope", "NotSupported",
      ('Unsupported value: "%s": supported values: "Cluster", "Namespaced"'):format(spec.scope))
  end
  local stored = 0
  for index, version in ipairs(spec.versions or {}) do
    if version.storage then stored = stored + 1 end
    if not at(version, "schema", "openAPIV3Schema") then
      causes[#causes + 1] = status.required(("spec.versions[%d].schema.openAPIV3Schema"):format(index - 1), "schemas are required")
    end
  end
  if stored ~= 1 then
    causes[#causes + 1] = status.invalidValue("spec.versions", "versions", "must have exactly one version marked as storage version")
  end
  for _, name in ipairs({ "plural", "singular", "kind", "listKind" }) do
    if not names[name] then causes[#causes + 1] = status.required("spec.names." .. name) end
  end
end

local byKind = {
  Pod = function(object, causes) checkPodSpec(object.spec, "spec", causes) end,
  Deployment = checkWorkload,
  ReplicaSet = checkWorkload,
  StatefulSet = checkWorkload,
  DaemonSet = checkWorkload,
  Job = function(object, causes) checkPodSpec(at(object, "spec", "template", "spec"), "spec.template.spec", causes) end,
  ConfigMap = function(object, causes)
    for _, key in ipairs(sortedKeys(object.data or {})) do
      if not key:find("^[-._%w]+$") then
        causes[#causes + 1] = status.invalidValue(("data[%s]"):format(key), key, CONFIG_KEY)
      end
    end
  end,
  CustomResourceDefinition = checkDefinition,
}

-- ---------------------------------------------------------------------------------------------------- types of the common fields

--- Members that must be maps of texts, or texts, or lists of texts: what nearly every script writes.
local function checkTypes(resource, object)
  local function wrong(path, want)
    error(status.badRequest(("%s in version \"%s\" cannot be handled as a %s: %s: expected %s"):format(
      resource.kind, resource.version, resource.kind, path, want)), 0)
  end
  local function map(container, path, name)
    local value = container[name]
    if value == nil then return end
    if not values.isObject(value) then wrong(path .. name, "an object with texts as members") end
    for key, item in pairs(value) do
      if type(item) ~= "string" then wrong(path .. name .. "." .. key, "a text") end
    end
  end
  local metadata = object.metadata
  for _, name in ipairs({ "name", "namespace", "generateName", "resourceVersion", "uid" }) do
    if metadata[name] ~= nil and type(metadata[name]) ~= "string" then wrong("metadata." .. name, "a text") end
  end
  map(metadata, "metadata.", "labels")
  map(metadata, "metadata.", "annotations")
  if resource.custom then return end
  if resource.kind == "ConfigMap" or resource.kind == "Secret" then
    map(object, "", "data")
    map(object, "", "binaryData")
    map(object, "", "stringData")
  end
  for _, name in ipairs({ "spec", "status" }) do
    if object[name] ~= nil and not values.isObject(object[name]) then wrong(name, "an object") end
  end
  local replicas = at(object, "spec", "replicas")
  if replicas ~= nil and math.type(replicas) ~= "integer" then wrong("spec.replicas", "an integer") end
end

-- ---------------------------------------------------------------------------------------------------- schemas of custom resources

local function jsonType(value)
  if value == values.null then return "null" end
  if type(value) == "table" then return values.isArray(value) and "array" or "object" end
  return ({ string = "string", boolean = "boolean", number = math.type(value) == "integer" and "integer" or "number" })[type(value)]
end

local function checkSchema(schema, value, path, causes)
  if value == values.null and schema.nullable then return end
  local found = jsonType(value)
  local wanted = schema.type
  if schema["x-kubernetes-int-or-string"] then
    if found ~= "integer" and found ~= "string" then
      causes[#causes + 1] = status.invalidValue(path, found, ('%s in body must be of type integer,string: "%s"'):format(path, found))
    end
    return
  end
  -- An empty table that came from `{}` is an object; it is no array unless it says so.
  if wanted and found ~= wanted and not (wanted == "number" and found == "integer") then
    causes[#causes + 1] = status.invalidValue(path, found, ('%s in body must be of type %s: "%s"'):format(path, wanted, found))
    return
  end
  local here = path == "" and "" or path .. "."
  for _, name in ipairs(schema.required or {}) do
    if found == "object" and value[name] == nil then causes[#causes + 1] = status.required(here .. name) end
  end
  if schema.enum then
    local ok, texts = false, {}
    for index, allowed in ipairs(schema.enum) do
      ok = ok or values.equal(allowed, value)
      texts[index] = ('"%s"'):format(allowed)
    end
    if not ok then
      causes[#causes + 1] = status.cause(path, "NotSupported",
        ('Unsupported value: "%s": supported values: %s'):format(value, table.concat(texts, ", ")))
    end
  end
  if type(value) == "number" then
    if schema.minimum and value < schema.minimum then
      causes[#causes + 1] = status.invalidValue(path, value,
        ("%s in body should be greater than or equal to %s"):format(path, schema.minimum))
    elseif schema.maximum and value > schema.maximum then
      causes[#causes + 1] = status.invalidValue(path, value,
        ("%s in body should be less than or equal to %s"):format(path, schema.maximum))
    end
  end
  if found == "object" then
    for _, name in ipairs(sortedKeys(value)) do
      local inner = schema.properties and schema.properties[name]
      if not inner and type(schema.additionalProperties) == "table" then inner = schema.additionalProperties end
      if inner then checkSchema(inner, value[name], here .. name, causes) end
    end
  elseif found == "array" and schema.items then
    for index, item in ipairs(value) do checkSchema(schema.items, item, ("%s[%d]"):format(path, index - 1), causes) end
  end
end

local function prune(schema, value)
  if type(value) ~= "table" then return end
  if values.isArray(value) then
    for _, item in ipairs(value) do prune(schema.items or {}, item) end
    return
  end
  local extra = schema.additionalProperties
  for _, name in ipairs(sortedKeys(value)) do
    local inner = schema.properties and schema.properties[name] or (type(extra) == "table" and extra) or nil
    if inner then
      prune(inner, value[name])
    elseif not schema["x-kubernetes-preserve-unknown-fields"] and not extra then
      value[name] = nil
    end
  end
end

--- Takes away what the schema of a custom resource does not mention.
function validation.prune(resource, object)
  if not resource.schema then return end
  local properties = resource.schema.properties or {}
  local preserve = resource.schema["x-kubernetes-preserve-unknown-fields"]
  for _, name in ipairs(sortedKeys(object)) do
    if name ~= "metadata" and name ~= "kind" and name ~= "apiVersion" then
      if properties[name] then
        prune(properties[name], object[name])
      elseif not preserve then
        object[name] = nil
      end
    end
  end
end

-- ---------------------------------------------------------------------------------------------------- updates

local POD_MAY_CHANGE = "pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, "
  .. "`spec.activeDeadlineSeconds` or `spec.tolerations` (only additions to existing tolerations)"

--- What must not change in an update.
local function checkUpdate(resource, old, new, causes)
  local function fixed(...)
    if values.equal(at(old, ...), at(new, ...)) then return end
    local value = at(new, ...)
    causes[#causes + 1] = status.invalidValue(table.concat({ ... }, "."), value == nil and "null" or value, "field is immutable")
  end
  if resource.custom then return end
  if resource.kind == "Deployment" or resource.kind == "ReplicaSet" or resource.kind == "DaemonSet" then
    fixed("spec", "selector")
  elseif resource.kind == "Job" then
    fixed("spec", "selector")
    fixed("spec", "template")
    fixed("spec", "completions")
  elseif resource.kind == "Secret" then
    fixed("type")
  elseif resource.kind == "Pod" then
    local before, after = values.copy(old.spec), values.copy(new.spec)
    for _, spec in ipairs({ before, after }) do
      spec.tolerations, spec.activeDeadlineSeconds = nil, nil
      for _, list in ipairs({ spec.containers or {}, spec.initContainers or {} }) do
        for _, container in ipairs(list) do container.image = nil end
      end
    end
    if not values.equal(before, after) then
      causes[#causes + 1] = status.cause("spec", "Forbidden", "Forbidden: " .. POD_MAY_CHANGE)
    end
  end
  if (resource.kind == "ConfigMap" or resource.kind == "Secret") and old.immutable then
    if not new.immutable then
      causes[#causes + 1] = status.cause("immutable", "Forbidden", "Forbidden: field is immutable when `immutable` is set")
    elseif not values.equal(old.data, new.data) then
      causes[#causes + 1] = status.cause("data", "Forbidden", "Forbidden: field is immutable when `immutable` is set")
    end
  end
end

-- ---------------------------------------------------------------------------------------------------- the whole

--- The first look at an object, before defaults are filled in: raises a failure (400) when members have the wrong type.
validation.types = checkTypes

--- Raises a failure (422) with every cause, if there is one.
---@param resource moonpool.sim.Resource
---@param object table
---@param old table? what it is to replace
function validation.check(resource, object, old)
  local causes = {}
  checkName(resource, object.metadata.name, causes)
  if object.metadata.labels then checkLabels(object.metadata.labels, "metadata.labels", causes) end
  if resource.custom then
    if resource.schema then
      local properties = resource.schema.properties or {}
      for _, name in ipairs(sortedKeys(object)) do
        if properties[name] and name ~= "metadata" then checkSchema(properties[name], object[name], name, causes) end
      end
      for _, name in ipairs(resource.schema.required or {}) do
        if object[name] == nil then causes[#causes + 1] = status.required(name) end
      end
    end
  elseif byKind[resource.kind] then
    byKind[resource.kind](object, causes)
  end
  if old then checkUpdate(resource, old, object, causes) end
  if #causes > 0 then error(status.invalid(resource, object.metadata.name or "", causes), 0) end
end

return validation
