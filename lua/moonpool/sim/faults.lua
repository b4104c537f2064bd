-- faults.lua: what goes wrong on purpose, switchable while the cluster runs.
--
-- A fault is a table: type, what it needs, and to which requests it applies:
--   latency         ms, jitter          the answer takes that much longer
--   hang                                the request is never answered
--   reset           afterBytes          the connection is reset after so many bytes of the body
--   status          code, retryAfter    this status instead of an answer
--   notReady                            /readyz fails
--   refuse, stall, badCertificate       for new connections: refused; accepted and never answered; a certificate of an unknown authority
-- The first five look at method and path (a glob: * is any text), probability (0..1) and count (so many requests, then over).
-- Every fault may end by itself: forMs.

local core = require("moonpool.core")
local status = require("moonpool.sim.status")

local faults = {}

local KINDS = {
  latency = { ms = "number", jitter = "number" }, hang = {}, reset = { afterBytes = "number" },
  status = { code = "number", retryAfter = "number" }, notReady = {}, refuse = {}, stall = {}, badCertificate = {},
}
local COMMON = { type = "string", method = "string", path = "string", probability = "number", count = "number", forMs = "number" }
local OF_CONNECTIONS = { refuse = true, stall = true, badCertificate = true }

---@class moonpool.sim.Faults
---@field list table[]
---@field onChange fun() called after every change
local Faults = {}
Faults.__index = Faults

---@param random fun(n: integer): integer
---@param onChange fun()
---@return moonpool.sim.Faults
function faults.new(random, onChange) return setmetatable({ list = {}, random = random, onChange = onChange }, Faults) end

local function known(fields)
  local names = {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

local function glob(pattern)
  return "^" .. pattern:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
end

--- Reads one fault; raises a failure (400) that says what is wrong with it.
local function check(fault)
  local kind = type(fault) == "table" and fault.type
  if not KINDS[kind] then
    error(status.badRequest(("fault: unknown type %s (known: %s)"):format(tostring(kind), known(KINDS))), 0)
  end
  local result = {}
  for name, value in pairs(fault) do
    local want = KINDS[fault.type][name] or COMMON[name]
    if not want or (OF_CONNECTIONS[fault.type] and COMMON[name] and name ~= "type" and name ~= "forMs") then
      error(status.badRequest(("fault %s: unknown field %s"):format(fault.type, name)), 0)
    elseif type(value) ~= want or (want == "number" and value < 0) then
      error(status.badRequest(("fault %s: %s: expected a %s"):format(fault.type, name, want == "number" and "number from 0 up" or want)), 0)
    end
    result[name] = value
  end
  if fault.type == "latency" and not fault.ms then error(status.badRequest("fault latency: ms is missing"), 0) end
  if fault.type == "status" then
    local code = fault.code
    if math.type(code) ~= "integer" or code < 400 or code > 599 then
      error(status.badRequest("fault status: code: expected an integer from 400 to 599"), 0)
    end
  end
  return result
end

--- Replaces all faults.
---@param list table[]
function Faults:set(list)
  if type(list) ~= "table" then error(status.badRequest("faults: expected a list"), 0) end
  local checked = {}
  for index, fault in ipairs(list) do checked[index] = check(fault) end
  for _, fault in ipairs(self.list) do
    if fault.timer then fault.timer:cancel() end
  end
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
  fault.pattern = fault.path and glob(fault.path)
  self.list[#self.list + 1] = fault
  if fault.forMs then fault.timer = core.after(math.floor(fault.forMs), function() self:drop(fault) end) end
end

function Faults:drop(fault)
  for index, other in ipairs(self.list) do
    if other == fault then table.remove(self.list, index) end
  end
  if fault.timer then fault.timer:cancel() end
  self.onChange()
end

--- The faults as they were given, with what is left of their counts.
function Faults:describe()
  local list = core.json.array({})
  for index, fault in ipairs(self.list) do
    local shown = {}
    for name in pairs(fault) do
      if KINDS[fault.type][name] or COMMON[name] then shown[name] = fault[name] end
    end
    list[index] = shown
  end
  return list
end

function Faults:has(type)
  for _, fault in ipairs(self.list) do
    if fault.type == type then return true end
  end
  return false
end

---@return boolean
function Faults:isReady() return not self:has("notReady") end

local function applies(self, fault, method, path)
  return not OF_CONNECTIONS[fault.type] and fault.type ~= "notReady"
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
