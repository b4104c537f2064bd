-- health.lua: the pages /livez, /readyz and /healthz: one line for each check, as kube-apiserver writes them. A check may be asked for
-- alone (/readyz/etcd) or left out (?exclude=etcd, any number of them); ?verbose shows them all.

local status = require("moonpool.sim.status")

local health = {}

local TEXT = "text/plain; charset=utf-8"
local CHECKS = { "ping", "log", "etcd", "informer-sync", "poststarthook/generic-apiserver-start-informers" }
local READY_CHECKS = table.move(CHECKS, 1, #CHECKS, 1, {})
READY_CHECKS[#READY_CHECKS + 1] = "shutdown"

local function checksOf(probe) return probe == "readyz" and READY_CHECKS or CHECKS end

---@param probe string "livez", "readyz", "healthz"
---@param name string
---@return boolean
function health.isCheck(probe, name)
  for _, known in ipairs(checksOf(probe)) do
    if known == name then return true end
  end
  return false
end

--- What is said of excluded checks that there are none of.
local function warning(excluded)
  local names = {}
  for name in pairs(excluded) do names[#names + 1] = ('"%s"'):format(name) end
  table.sort(names)
  return #names > 0 and ("warn: some health checks cannot be excluded: no matches for %s\n"):format(table.concat(names, ",")) or ""
end

--- Answers such a page. Only readiness has checks that can fail.
---@param info moonpool.sim.RequestInfo
---@param query table<string, string>
---@param failing table<string, true> the checks of readiness that fail
---@return integer status
---@return string body
---@return string contentType
function health.page(info, query, failing)
  if info.check and not health.isCheck(info.probe, info.check) then error(status.noRoute(), 0) end
  local excluded, lines, failed = {}, {}, false
  for _, name in ipairs(info.exclude) do excluded[name] = true end
  for _, name in ipairs(info.check and { info.check } or checksOf(info.probe)) do
    local line = "[+]%s ok"
    if excluded[name] then
      line, excluded[name] = "[+]%s excluded: ok", nil
    elseif info.probe == "readyz" and failing[name] then
      line, failed = "[-]%s failed: reason withheld", true
    end
    lines[#lines + 1] = line:format(name)
  end
  if not failed and query.verbose == nil then return 200, "ok", TEXT end
  lines = table.concat(lines, "\n") .. "\n" .. warning(excluded)
  return failed and 500 or 200, ("%s%s check %s\n"):format(lines, info.probe, failed and "failed" or "passed"), TEXT
end

return health
