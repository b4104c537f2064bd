-- discovery.lua: what one cluster serves, asked when a script names something that kinds.lua does not know, and remembered.
--
-- Asked as little as possible: the aggregated form (two answers for everything) where the server has it, else the list of
-- groups and then only the lists of resources that are needed. What was not found in remembered answers is asked once more,
-- so that a CustomResourceDefinition made a moment ago is found.
local check = require "moonpool.check"
local concurrency = require "moonpool.concurrency"
local errors = require "moonpool.errors"
local kinds = require "moonpool.kinds"

local aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"

---@class moonpool.Discovery
---@field session moonpool.Session
---@field groups { name: string, versions: string[] }[]? the preferred version first; nil: not asked yet
---@field lists table<string, table<string, moonpool.Kind>> "group/version" -> kind -> entry
---@field failures table<string, moonpool.Error> "group/version" -> why its list is not there
---@field served table<string, moonpool.Kind|false> "group/kind" -> what a built-in guess had to give way to; false: nothing
local Discovery = {}
Discovery.__index = Discovery

local discovery = {}

---@param session moonpool.Session
---@return moonpool.Discovery
function discovery.new(session)
  local self = setmetatable({ session = session, served = {} }, Discovery)
  self:forget()
  return self
end

--- Forgets the answers; the next question asks the cluster again.
function Discovery:forget()
  self.groups, self.lists, self.failures = nil, {}, {}
end

function Discovery:fetch(path, accept)
  local body, err = self.session:call { method = "GET", path = path, accept = accept }
  if not body then return nil, err end
  if type(body) ~= "table" then
    return nil, errors.new("protocol", ("GET %s: expected a list of what the server offers, got text"):format(path),
      self.session.info)
  end
  return body
end

local function strings(list)
  return type(list) == "table" and list or {}
end

local function newEntry(group, version, kind, plural, namespaced, shortNames)
  return { group = group, version = version, kind = kind, plural = plural, namespaced = namespaced,
    shortNames = strings(shortNames), subresources = {}, builtin = kinds.byGroupName[group] ~= nil }
end

-- One APIResourceList: subresources are entries of their own, "pods/status".
local function readResourceList(group, version, body)
  local byKind, byPlural = {}, {}
  for _, resource in ipairs(strings(body.resources)) do
    if not resource.name:find("/", 1, true) then
      local entry = newEntry(group, version, resource.kind, resource.name, resource.namespaced == true, resource.shortNames)
      byKind[resource.kind], byPlural[resource.name] = byKind[resource.kind] or entry, entry
    end
  end
  for _, resource in ipairs(strings(body.resources)) do
    local plural, subresource = resource.name:match("^([^/]+)/(.+)$")
    if plural and byPlural[plural] then byPlural[plural].subresources[subresource] = true end
  end
  return byKind
end

-- One APIGroupDiscoveryList: groups with their versions (best first) and all their resources.
function Discovery:readAggregated(body)
  for _, item in ipairs(strings(body.items)) do
    local group = { name = item.metadata and item.metadata.name or "", versions = {} }
    for _, version in ipairs(strings(item.versions)) do
      local byKind = {}
      for _, resource in ipairs(strings(version.resources)) do
        local kind = resource.responseKind and resource.responseKind.kind
        if kind and kind ~= "" then
          local entry = newEntry(group.name, version.version, kind, resource.resource, resource.scope == "Namespaced",
            resource.shortNames)
          for _, sub in ipairs(strings(resource.subresources)) do entry.subresources[sub.subresource] = true end
          byKind[kind] = byKind[kind] or entry
        end
      end
      group.versions[#group.versions + 1] = version.version
      -- A stale version's list may be incomplete: it is asked for by itself when it is needed.
      if version.freshness ~= "Stale" then self.lists[group.name .. "/" .. version.version] = byKind end
    end
    self.groups[#self.groups + 1] = group
  end
end

---@return true?, moonpool.Error?
function Discovery:loadGroups()
  if self.groups then return true end
  local body, err = self:fetch("/apis", aggregated)
  if not body then return nil, err end
  self.groups = {}
  if body.kind == "APIGroupDiscoveryList" then
    self:readAggregated(body)
    local coreBody = self:fetch("/api", aggregated)
    if coreBody and coreBody.kind == "APIGroupDiscoveryList" then
      self:readAggregated(coreBody)
      return true
    end
  else
    for _, item in ipairs(strings(body.groups)) do
      local preferred = item.preferredVersion and item.preferredVersion.version
      local group = { name = item.name, versions = { preferred } }
      for _, version in ipairs(strings(item.versions)) do
        if version.version ~= preferred then group.versions[#group.versions + 1] = version.version end
      end
      self.groups[#self.groups + 1] = group
    end
  end
  table.insert(self.groups, 1, { name = "", versions = { "v1" } })
  return true
end

---@return table<string, moonpool.Kind>?, moonpool.Error?
function Discovery:list(group, version)
  local key = group .. "/" .. version
  local known = self.lists[key]
  if known then return known end
  if self.failures[key] then return nil, self.failures[key] end
  local body, err = self:fetch(kinds.basePath(group, version))
  if not body then
    -- A version that the server does not have is a fact about it, to be remembered; a broken connection is not.
    if err.kind == "notFound" then
      self.lists[key] = {}
      return self.lists[key]
    end
    if err.kind == "server" then self.failures[key] = err end
    return nil, err
  end
  self.lists[key] = readResourceList(group, version, body)
  return self.lists[key]
end

-- The versions to look into, best first.
function Discovery:versionsOf(groupName)
  local ok, err = self:loadGroups()
  if not ok then return nil, err end
  for _, group in ipairs(self.groups) do
    if group.name == groupName then return group.versions end
  end
  return {}
end

-- `pick` chooses from one version's kinds.
function Discovery:lookUp(groupName, version, pick)
  local versions = { version }
  if not version then
    local err
    versions, err = self:versionsOf(groupName)
    if not versions then return nil, err end
  end
  for _, candidate in ipairs(versions) do
    local list, problem = self:list(groupName, candidate)
    if not list then return nil, problem end
    local entry = pick(list)
    if entry then return entry end
  end
end

-- Runs a look-up on what is remembered, and once more on fresh answers when that found nothing.
function Discovery:withRefresh(lookUp)
  local remembered = self.groups ~= nil or next(self.lists) ~= nil
  local entry, err = lookUp()
  if entry or err or not remembered then return entry, err end
  self:forget()
  return lookUp()
end

local function displayGroup(groupName, version)
  local shown = groupName == "" and "core" or groupName
  return version and shown .. "/" .. version or shown
end

--- A kind of a group, in a version or (nil) in the group's best version that has it. Waits.
---@param groupName string
---@param version string?
---@param kind string how an error calls it
---@param pick (fun(list: table<string, moonpool.Kind>): moonpool.Kind?)? default: the kind of that name
---@return moonpool.Kind?
---@return moonpool.Error?
function Discovery:kind(groupName, version, kind, pick)
  pick = pick or function(list) return list[kind] end
  local entry, err = self:withRefresh(function() return self:lookUp(groupName, version, pick) end)
  if entry or err then return entry, err end
  local names = {}
  for key, list in pairs(self.lists) do
    if key:match("^(.*)/[^/]*$") == groupName then
      for name in pairs(list) do names[#names + 1] = name end
    end
  end
  local known = kinds.named(kind:lower())
  if known and known.group ~= groupName then
    return nil, errors.new("notFound", ('cluster "%s" has no kind "%s" in %s; %s is in %s'):format(self.session.info.name, kind,
      displayGroup(groupName, version), known.kind, displayGroup(known.group)), self.session.info)
  end
  local hint = #names == 0 and ": it does not serve that group at all" or check.hint(kind, names)
  return nil, errors.new("notFound", ('cluster "%s" has no kind "%s" in %s%s'):format(self.session.info.name, kind,
    displayGroup(groupName, version), hint), self.session.info)
end

local function matches(entry, name)
  if entry.plural == name or entry.kind:lower() == name then return true end
  for _, short in ipairs(entry.shortNames) do
    if short == name then return true end
  end
  return false
end

-- Loads every list of the groups that `wanted` accepts, several at a time.
function Discovery:loadLists(wanted)
  local ok, err = self:loadGroups()
  if not ok then return nil, err end
  local missing = {}
  for _, group in ipairs(self.groups) do
    for _, version in ipairs(group.versions) do
      if wanted(group.name, version) and not self.lists[group.name .. "/" .. version] then
        missing[#missing + 1] = { group.name, version }
      end
    end
  end
  local _, problems = concurrency.map(missing, function(item) return self:list(item[1], item[2]) end, { concurrency = 8 })
  for _, problem in pairs(problems or {}) do
    -- One aggregated API that is down must not hide all other kinds; anything else concerns the whole cluster.
    if problem.kind ~= "server" then return nil, problem end
  end
  return true
end

function Discovery:findOnce(name, wanted)
  local ok, err = self:loadLists(wanted)
  if not ok then return nil, err end
  for _, group in ipairs(self.groups) do
    for _, version in ipairs(group.versions) do
      if wanted(group.name, version) then
        for _, entry in pairs(self.lists[group.name .. "/" .. version] or {}) do
          if matches(entry, name) then return entry end
        end
      end
    end
  end
end

--- A kind by any of its names: "widget", "widgets", "wg", "widgets.example.com", "widgets.v1.example.com". Waits.
---@param name string
---@return moonpool.Kind?
---@return moonpool.Error?
function Discovery:find(name)
  local short, rest = name:lower(), nil
  if name:find(".", 1, true) then short, rest = name:lower():match("^([^.]+)%.(.+)$") end
  local restVersion, restGroup = (rest or ""):match("^(v%d[%w]*)%.?(.*)$")
  local function wanted(group, version)
    return not rest or group == rest or (restVersion == version and restGroup == group)
  end
  local entry, err = self:withRefresh(function() return self:findOnce(short, wanted) end)
  if entry or err then return entry, err end

  local names, trouble = {}, {}
  for _, list in pairs(self.lists) do
    for _, known in pairs(list) do names[#names + 1] = known.plural end
  end
  for key, failure in pairs(self.failures) do trouble[#trouble + 1] = (" (%s: %s)"):format(key, failure.message) end
  return nil, errors.new("notFound", ('cluster "%s" has no resource "%s"%s%s'):format(self.session.info.name, name,
    check.hint(short, names), table.concat(trouble)), self.session.info)
end

--- The entry to use in place of another: itself, unless the cluster was found to serve a different one.
---@param entry moonpool.Kind
---@return moonpool.Kind
function Discovery:current(entry)
  return self.served[entry.group .. "/" .. entry.kind] or entry
end

--- After a 404 to an entry's path (a built-in guess, or what was discovered long ago): the entry that the cluster serves
--- now, if that is another one. Waits.
---@param entry moonpool.Kind
---@return moonpool.Kind?
function Discovery:replacementFor(entry)
  local key = entry.group .. "/" .. entry.kind
  if self.served[key] == false then return nil end
  self:forget()
  local found = self:kind(entry.group, nil, entry.kind)
  if found and found.version == entry.version and found.plural == entry.plural then found = nil end
  -- Kubernetes' own kinds do not come while a cluster runs; custom ones do.
  if found then
    self.served[key] = found
  elseif entry.builtin then
    self.served[key] = false
  end
  return found
end

return discovery
