-- drift.lua: in what an object differs from one cluster to the next
--
--   moonpool run drift deployment/cart -n shop --clusters 'prod-*'
--   moonpool run drift configmap/cart-config -n shop --clusters 'prod-*' --base prod-eu --ignore metadata.labels
local script = require "moonpool.script"
local json = require("moonpool").json
local tables = require "moonpool.tables"

local run = script.new("drift", "In what an object differs from one cluster to the next. What clusters write themselves (status, uid, "
  .. "versions, addresses) does not count; of a Secret is shown only where it differs.", { check = "there is a difference" })
run.parser:argument("object", "KIND/NAME, the kind by any of its names."):argname "KIND/NAME"
run.parser:option("-n --namespace", "Default: the context's."):argname "NAME"
run.parser:option("--base", "The cluster that the others are compared with. Default: the first that has the object."):argname "CLUSTER"
run.parser:option("--ignore", "Leave out fields whose path begins with this: 'spec.replicas'. May be given several times.")
  :argname("PATH"):count "*"
local options = run:parse()
local kind, name = options.object:match "^([^/]+)/([^/]+)$"
if not kind then run:usage(("expected KIND/NAME, such as deployment/web, got '%s'"):format(options.object)) end

local ignored = { "status", "kind", "apiVersion", "metadata.uid", "metadata.resourceVersion", "metadata.generation",
  "metadata.creationTimestamp", "metadata.managedFields", "metadata.selfLink", "metadata.ownerReferences",
  "metadata.annotations[deployment.kubernetes.io/revision]", "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
  "spec.clusterIP", "spec.clusterIPs" }
table.move(options.ignore, 1, #options.ignore, #ignored + 1, ignored)

local function isIgnored(path)
  for _, prefix in ipairs(ignored) do
    local after = path:sub(#prefix + 1, #prefix + 1)
    if path:sub(1, #prefix) == prefix and (after == "" or after == "." or after == "[") then return true end
  end
  return false
end

--- What tells the entries of a list apart, so that another order of containers or variables is no difference.
local function keyOf(item, index)
  return type(item) == "table" and type(item.name) == "string" and item.name or index
end

--- Adds every leaf below a value, by its path, as text.
local function flatten(value, path, leaves)
  if isIgnored(path) then return leaves end
  if type(value) ~= "table" or next(value) == nil then
    leaves[path] = type(value) == "string" and value or assert(json.encode(value))
    return leaves
  end
  for key, item in pairs(value) do
    local step = math.type(key) and ("[%s]"):format(keyOf(item, key))
      or key:find "^[%w_-]+$" and (path == "" and key or "." .. key) or ("[%s]"):format(key)
    flatten(item, path .. step, leaves)
  end
  return leaves
end

local leavesOf, isSecret = {}, false

run:collect(function(client, _, cluster)
  local object, err = client.resources[kind].get(name, { namespace = options.namespace })
  if not object and err.status ~= 404 then return nil, err end
  if object and object.kind == "Secret" then isSecret = true end
  leavesOf[cluster] = object and flatten(object, "", {})
end)

--- The cluster to compare with, if it has the object.
local base
for _, cluster in ipairs(run.clusters) do
  if not base and leavesOf[cluster.name] and (not options.base or options.base == cluster.name) then base = cluster.name end
end
if options.base and not base then
  for _, cluster in ipairs(run.clusters) do
    if cluster.name == options.base and not cluster.err then run:fail(("%s has no %s"):format(options.base, options.object)) end
  end
  run:fail(("--base %s: it is not among the clusters that answered"):format(options.base))
end

local answered = 0
for _, cluster in ipairs(run.clusters) do answered = answered + (cluster.err and 0 or 1) end
if not base and answered > 0 then
  run:fail(("no cluster that answered has %s %s"):format(options.object, options.namespace and "in the namespace " .. options.namespace
    or "(without --namespace: in the namespace of its context)"))
end

local function shown(value, path)
  if value == nil then return "-" end
  return isSecret and path:find "^data" and "(not shown)" or value
end

local function compare(cluster, ours, theirs)
  local paths = {}
  for path in pairs(ours) do paths[#paths + 1] = path end
  for path in pairs(theirs) do
    if ours[path] == nil then paths[#paths + 1] = path end
  end
  table.sort(paths)
  for _, path in ipairs(paths) do
    if ours[path] ~= theirs[path] then
      run.rows[#run.rows + 1] = { cluster = cluster, kind = kind, name = name, field = path, value = shown(theirs[path], path),
        base = base, baseValue = shown(ours[path], path) }
    end
  end
end

for _, cluster in ipairs(run.clusters) do
  if not cluster.err and not leavesOf[cluster.name] then
    run.rows[#run.rows + 1] = { cluster = cluster.name, kind = kind, name = name, field = "(the object)", value = "not there", base = base,
      baseValue = "there" }
  elseif not cluster.err and cluster.name ~= base then
    compare(cluster.name, leavesOf[base], leavesOf[cluster.name])
  end
end

local WIDTH, BEFORE = 60, 15 -- of values in the table, and what they show before the first difference

--- A value, or where it begins to differ from another one, when it is long.
local function excerpt(value, other)
  local text = tables.clean(value)
  if tables.width(text) <= WIDTH then return text end
  other = tables.clean(other)
  local first = 1
  while first <= #text and text:byte(first) == other:byte(first) do first = first + 1 end
  first = math.max(1, first - BEFORE)
  while first > 1 and text:find("^[\x80-\xbf]", first) do first = first - 1 end -- in the middle of a character
  return tables.cut((first > 1 and "…" or "") .. text:sub(first), WIDTH)
end

run:show({ "cluster", "field", { title = "VALUE", value = function(row) return excerpt(row.value, row.baseValue) end }, "base",
  { title = "BASE VALUE", value = function(row) return excerpt(row.baseValue, row.value) end } }, "no difference")
