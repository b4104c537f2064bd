-- faults.lua: what goes wrong on purpose, in a cluster or at one of its endpoints, switchable while it runs.
--
-- A fault is a table: type, what it needs (TEXTS below), and to what it applies. Those of requests (latency, hang, reset, status) look at
-- method and path (a glob: * is any text), probability (0..1) and count (so many requests, then over).
-- Every fault may end by itself (forMs), and may flap: on for onMs, off for offMs, and again; after so many `times`, over.

local core = require("moonpool.core")
local health = require("moonpool.sim.health")
local status = require("moonpool.sim.status")
local values = require("moonpool.sim.values")

local faults = {}

local KINDS = {
  latency = { ms = "number", jitter = "number" }, hang = {}, reset = { afterBytes = "number" },
  status = { code = "number", retryAfter = "number" }, notReady = { check = "string" }, die = {}, freeze = {}, refuse = {}, stall = {},
  badCertificate = {},
}
-- For people: what each does, and what it can be told.
local TEXTS = {
  latency = "answers come ms=N later, and up to jitter=N more", hang = "requests are never answered",
  reset = "connections are reset in the middle of an answer, after afterBytes=N of it",
  status = "answers are code=503 (or another), with retryAfter=SECONDS",
  notReady = "/readyz fails, for its check=NAME", die = "the port is closed and connections are reset: a process that is gone",
  freeze = "all falls silent, connections that were made too: a stopped process",
  refuse = "new connections are refused", stall = "new connections are accepted and never answered",
  badCertificate = "new connections see the certificate of an unknown authority",
}
local OF_REQUESTS = { latency = true, hang = true, reset = true, status = true }
local WHICH = { method = "string", path = "string", probability = "number", count = "number" }
local WHEN = { type = "string", forMs = "number", onMs = "number", offMs = "number", times = "number" }

--- The type of a field of a fault; nil: it has none of that name.
local function expected(kind, name)
  return KINDS[kind][name] or WHEN[name] or OF_REQUESTS[kind] and WHICH[name] or nil
end

---@class moonpool.sim.Faults
---@field list table[]
---@field onChange fun() called after every change
local Faults = {}
Faults.__index = Faults

---@param random fun(n: integer): integer
---@param onChange fun()
---@return moonpool.sim.Faults
function faults.new(random, onChange) return setmetatable({ list = {}, random = random, onChange = onChange }, Faults) end

--- A fault that was laid: its timers are `ending` and `turn`; `off` while a flapping one is not on.
local Laid = {}
Laid.__index = Laid

function Laid:cancel()
  if self.ending then self.ending:cancel() end
  if self.turn then self.turn:cancel() end
end

--- The types that there are.
---@return string[]
function faults.types() return values.sortedKeys(KINDS) end

--- What a type does, for people.
---@param kind string
---@return string
function faults.text(kind) return TEXTS[kind] end

local function glob(pattern)
  return "^" .. pattern:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
end

--- Reads one fault; raises a failure (400) that says what is wrong with it.
local function check(fault)
  local kind = type(fault) == "table" and fault.type
  if not KINDS[kind] then
    error(status.badRequest(("fault: unknown type %s (known: %s)"):format(tostring(kind), table.concat(faults.types(), ", "))), 0)
  end
  local result = {}
  for name, value in pairs(fault) do
    local want = expected(kind, name)
    if not want then
      error(status.badRequest(("fault %s: unknown field %s"):format(kind, name)), 0)
    elseif type(value) ~= want or (want == "number" and not (value >= 0 and value < 2 ^ 53)) then
      error(status.badRequest(("fault %s: %s: expected a %s"):format(kind, name, want == "number" and "number from 0 up" or want)), 0)
    end
    result[name] = value
  end
  if kind == "latency" and not fault.ms then error(status.badRequest("fault latency: ms is missing"), 0) end
  local code = fault.code
  if kind == "status" and (math.type(code) ~= "integer" or code < 400 or code > 599) then
    error(status.badRequest("fault status: code: expected an integer from 400 to 599"), 0)
  end
  if kind == "notReady" and not health.isCheck("readyz", fault.check or "shutdown") then
    error(status.badRequest(("fault notReady: check: /readyz has no check %s"):format(fault.check)), 0)
  end
  if (fault.onMs ~= nil) ~= (fault.offMs ~= nil) or (fault.times and not fault.onMs) or fault.onMs == 0 or fault.times == 0 then
    error(status.badRequest(("fault %s: to flap it needs both onMs and offMs, and times, if given, from 1 up"):format(kind)), 0)
  end
  return result
end

--- Replaces all faults.
---@param list table[]
function Faults:set(list)
  if type(list) ~= "table" then error(status.badRequest("faults: expected a list"), 0) end
  local checked = {}
  for index, fault in ipairs(list) do checked[index] = check(fault) end
  for _, fault in ipairs(self.list) do fault:cancel() end
  self.list = {}
  for _, fault in ipairs(checked) do self:insert(fault) end
  self.onChange()
end

--- Adds one to those that there are.
---@param fault table
function Faults:add(fault)
  self:insert(check(fault))
  self.onChange()
end

function Faults:clear() self:set({}) end

function Faults:insert(fault)
  self.list[#self.list + 1] = setmetatable(fault, Laid)
  fault.pattern = fault.path and glob(fault.path)
  if fault.forMs then fault.ending = core.after(math.floor(fault.forMs), function() self:drop(fault) end) end
  if fault.onMs then self:flap(fault, fault.times or math.huge) end
end

--- Ends the phase of a flapping fault in which it is on, and begins it again, so many times.
function Faults:flap(fault, times)
  fault.turn = core.after(math.floor(fault.onMs), function()
    if times <= 1 then return self:drop(fault) end
    fault.off = true
    self.onChange()
    fault.turn = core.after(math.floor(fault.offMs), function()
      fault.off = nil
      self:flap(fault, times - 1)
      self.onChange()
    end)
  end)
end

function Faults:drop(fault)
  for index, other in ipairs(self.list) do
    if other == fault then table.remove(self.list, index) end
  end
  fault:cancel()
  self.onChange()
end

--- The faults as they were given, with what is left of their counts.
function Faults:describe()
  local list = core.json.array({})
  for index, fault in ipairs(self.list) do
    local shown = {}
    for name in pairs(fault) do
      if expected(fault.type, name) then shown[name] = fault[name] end
    end
    list[index] = shown
  end
  return list
end

--- Whether one of this type is on.
---@param type string
---@return boolean
function Faults:has(type)
  for _, fault in ipairs(self.list) do
    if fault.type == type and not fault.off then return true end
  end
  return false
end

--- Adds the checks of /readyz that fail to a set of names.
---@param names table<string, true>
function Faults:failingChecks(names)
  for _, fault in ipairs(self.list) do
    if fault.type == "notReady" and not fault.off then names[fault.check or "shutdown"] = true end
  end
end

local function applies(self, fault, method, path)
  return OF_REQUESTS[fault.type] and not fault.off
    and (not fault.method or fault.method:upper() == method)
    and (not fault.pattern or path:find(fault.pattern) ~= nil)
    and (not fault.probability or self.random(1000000) <= fault.probability * 1000000)
end

--- What happens to a request: a delay in ms, and the fault that takes the answer's place, if any.
---@return integer delayMs
---@return table? fault
function Faults:meet(method, path)
  local delay, met = 0, nil
  if #self.list == 0 then return 0 end
  local over = {}
  for _, fault in ipairs(self.list) do
    if not (met and fault.type ~= "latency") and applies(self, fault, method, path) then
      if fault.type == "latency" then
        delay = delay + fault.ms
        if fault.jitter then delay = delay + self.random(math.floor(fault.jitter) * 2 + 1) - 1 - math.floor(fault.jitter) end
      else
        met = fault
      end
      if fault.count then
        fault.count = fault.count - 1
        if fault.count <= 0 then over[#over + 1] = fault end
      end
    end
  end
  for _, fault in ipairs(over) do self:drop(fault) end
  return math.max(0, math.floor(delay)), met
end

return faults
