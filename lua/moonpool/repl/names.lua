-- names.lua: names of objects for completion: asked of the cluster in the background, remembered for a while. Who completes waits a
-- moment at most; what comes later is there at the next Tab.
local core = require "moonpool.core"
local kinds = require "moonpool.kinds"

local patience = 100 -- ms that a key may wait
local freshFor = 10000 -- ms that an answer is good
local limit = 500 -- objects that are looked at

-- Without their contents, where the server can do that.
local metadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

local names = {}

---@class moonpool.repl.Answer
---@field names string[]
---@field at integer? when it came; nil: never yet
---@field task moonpool.Task? that asks
local answersOf = setmetatable({}, { __mode = "k" }) ---@type table<moonpool.repl.Scope, table<string, moonpool.repl.Answer>>

local function namesIn(list)
  local found, seen = {}, {}
  for _, item in ipairs(type(list) == "table" and type(list.items) == "table" and list.items or {}) do
    local name = type(item.metadata) == "table" and item.metadata.name
    if type(name) == "string" and not seen[name] then
      seen[name] = true
      found[#found + 1] = name
    end
  end
  return found
end

--- What is remembered for a key; asks in the background when that is old, and waits a moment for it.
local function remembered(scope, key, ask)
  local answers = answersOf[scope] or {}
  answersOf[scope] = answers
  local answer = answers[key] or { names = {} }
  answers[key] = answer
  local fresh = answer.at and core.now() - answer.at < freshFor
  if not fresh and not (answer.task and answer.task:status() == "running") then
    answer.task = core.spawn(function()
      local ok, list = pcall(ask)
      if ok and list then answer.names, answer.at = namesIn(list), core.now() end
    end)
  end
  local task = answer.task
  local untilMs = core.now() + patience
  while not fresh and task and task:status() == "running" and core.now() < untilMs do core.sleep(5) end
  return answer.names
end

--- The names of the objects of a kind.
---@param scope moonpool.repl.Scope where
---@param kind string as client.resources takes it
---@param entry moonpool.Kind? what is known of it
---@param namespace string? nil: in all namespaces
---@return string[]
function names.objects(scope, kind, entry, namespace)
  return remembered(scope, ("%s %s %s"):format(scope:label(), kind, namespace or ""), function()
    local client = assert(scope:client())
    if not entry then return client.resources[kind].list { namespace = namespace, limit = limit, timeout = 5000 } end
    local path = kinds.basePath(entry.group, entry.version)
    if namespace and entry.namespaced then path = path .. "/namespaces/" .. namespace end
    return client:request { path = path .. "/" .. entry.plural, accept = metadataOnly, query = { limit = limit }, timeout = 5000 }
  end)
end

---@param scope moonpool.repl.Scope
---@return string[]
function names.namespaces(scope) return names.objects(scope, "namespaces", kinds.named "namespaces") end

return names
