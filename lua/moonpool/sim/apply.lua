-- apply.lua: who owns which fields (managedFields), and server-side apply.
--
-- Plain writes make their author the owner of what they change. An applied configuration is laid over the object: it conflicts with what
-- others own and want otherwise (unless forced), and what its author applied before and leaves out now goes, unless others own it too.

local fields = require("moonpool.sim.fields")
local status = require("moonpool.sim.status")
local values = require("moonpool.sim.values")

local apply = {}

local function entryOf(resource, manager, operation, now, set)
  return { manager = manager, operation = operation, apiVersion = resource.groupVersion, time = now, fieldsType = "FieldsV1",
    fieldsV1 = set }
end

local function find(entries, manager, operation)
  for index, entry in ipairs(entries) do
    if entry.manager == manager and entry.operation == operation then return index end
  end
end

--- Puts a manager's fields into the list; an empty set takes it off.
local function setEntry(entries, entry)
  local index = find(entries, entry.manager, entry.operation)
  if index and not next(entry.fieldsV1) then
    table.remove(entries, index)
  elseif next(entry.fieldsV1) then
    entries[index or #entries + 1] = entry
  end
end

local function copyEntries(object)
  local entries = {}
  for index, entry in ipairs(object and object.metadata.managedFields or {}) do
    entries[index] = {}
    for name, value in pairs(entry) do entries[index][name] = value end
  end
  return entries
end

local function differ(_, a, b) return not values.equal(a, b) end
local function same(_, a, b) return values.equal(a, b) end
local function isGone(_, _, new) return new == nil end

--- Notes in a new object who changed it from what it was.
---@param resource moonpool.sim.Resource
---@param old table?
---@param new table
---@param manager string
---@param now string
function apply.track(resource, old, new, manager, now)
  local present = fields.of(resource, new)
  local changed = old and fields.without(present, fields.of(resource, old), old, new, same) or present
  local entries = {}
  for _, entry in ipairs(copyEntries(old)) do
    local everything = fields.union(entry.fieldsV1, {})
    local left = fields.without(everything, everything, old, new, isGone)
    if not (entry.manager == manager and entry.operation == "Update") then left = fields.without(left, changed, old, new, differ) end
    entry.fieldsV1 = left
    if next(left) then entries[#entries + 1] = entry end
  end
  if next(changed) then
    local index = find(entries, manager, "Update")
    local own = index and fields.union(entries[index].fieldsV1, changed) or changed
    setEntry(entries, entryOf(resource, manager, "Update", now, own))
  end
  new.metadata.managedFields = #entries > 0 and entries or nil
end

local function conflictFailure(conflicts)
  local texts, causes = {}, {}
  for index, conflict in ipairs(conflicts) do
    local with = ('conflict with "%s"%s'):format(conflict.entry.manager,
      conflict.entry.operation == "Update" and " using " .. conflict.entry.apiVersion or "")
    texts[index] = ("%s: %s"):format(with, conflict.field)
    causes[index] = { reason = "FieldManagerConflict", message = with, field = conflict.field }
  end
  local message = #conflicts == 1 and "Apply failed with 1 conflict: " .. texts[1]
    or ("Apply failed with %d conflicts: %s"):format(#conflicts, table.concat(texts, ", "))
  return status.failure(409, "Conflict", message, { causes = causes })
end

local function check(info, query, object)
  if (query.fieldManager or "") == "" then
    error(status.invalidOptions("PatchOptions", status.required("fieldManager", "is required for apply patch")), 0)
  elseif object.apiVersion ~= info.resource.groupVersion then
    error(status.badRequest(("Incorrect version specified in apply patch. Specified patch version: %s, expected: %s"):format(
      object.apiVersion or "", info.resource.groupVersion)), 0)
  elseif values.at(object, "metadata", "managedFields") then
    error(status.badRequest("metadata.managedFields must be nil"), 0)
  end
end

--- What an applied configuration makes of an object.
local function merged(resource, live, applied, manager, force, now)
  local set, entries = fields.of(resource, applied), copyEntries(live)
  local conflicts, others = {}, {}
  for _, entry in ipairs(entries) do
    if not (entry.manager == manager and entry.operation == "Apply") then
      local found = {}
      fields.clashes(set, entry.fieldsV1, live, applied, "", found)
      table.sort(found)
      for _, field in ipairs(found) do conflicts[#conflicts + 1] = { entry = entry, field = field } end
      if #found > 0 and force then entry.fieldsV1 = fields.without(entry.fieldsV1, set, live, applied, differ) end
      others[#others + 1] = entry.fieldsV1
    end
  end
  if #conflicts > 0 and not force then error(conflictFailure(conflicts), 0) end
  local result = fields.merge(resource, live, applied)
  local index = find(entries, manager, "Apply")
  if index then fields.prune(result, entries[index].fieldsV1, set, others) end
  local unchanged = index and values.equal(entries[index].fieldsV1, set)
  setEntry(entries, entryOf(resource, manager, "Apply", unchanged and entries[index].time or now, set))
  for place = #entries, 1, -1 do
    if not next(entries[place].fieldsV1) then table.remove(entries, place) end
  end
  result.metadata.managedFields = entries
  return result
end

--- Applies a configuration: `act.create(object)` or `act.replace(record, object)` does the rest.
---@param cluster moonpool.sim.Cluster
---@param info moonpool.sim.RequestInfo
---@param query table<string, string>
---@param applied table
---@param record moonpool.sim.Record? what is there
---@param act { create: function, replace: function }
function apply.handle(cluster, info, query, applied, record, act)
  check(info, query, applied)
  local resource, manager, now = info.resource, query.fieldManager, cluster.timestamp()
  if not record then
    local set = fields.of(resource, applied)
    if not values.isObject(applied.metadata) then applied.metadata = {} end
    applied.metadata.managedFields = { entryOf(resource, manager, "Apply", now, set) }
    return act.create(applied)
  end
  local live = values.copy(record.object)
  live.kind, live.apiVersion = resource.kind, resource.groupVersion
  return act.replace(record, merged(resource, live, applied, manager, query.force == "true" or query.force == "1", now))
end

return apply
