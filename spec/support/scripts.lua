-- scripts.lua: shipped scripts on three simulated clusters with troubles, as somebody would run them.
--
--   local clusters = scripts.clusters(setup, teardown, after_each)   -- see fleet.lua; faults are lifted after each spec
--   local result = clusters:script("stuck", "--older", "1m")          -- over all of them: code, out, err
--   local document = clusters:json("stuck")                            -- what -o json prints, read
local core = require "moonpool.core"
local fleet = require "spec.support.fleet"
local program = require "spec.support.program"

local scripts = {}

local Clusters = {}
Clusters.__index = Clusters

--- With other options of moonpool's than a kubeconfig.
function Clusters:run(...) return program.run("--kubeconfig", self.fleet.kubeconfig, ...) end

function Clusters:script(name, ...) return self:run("run", name, "--clusters", "sim-?", ...) end

function Clusters:json(name, ...)
  local result = self:script(name, "-o", "json", ...)
  local document, problem = core.json.decode(result.out)
  if not document then error(("%s\n%s"):format(problem, result.err), 2) end
  return document, result
end

--- A client of one of them.
function Clusters:client(name)
  return assert(require("moonpool").KubernetesClient { kubeConfigPath = self.fleet.kubeconfig, context = name,
    connectionPoolConfig = { minConnections = 0 } })
end

---@param options table? of the clusters
function scripts.clusters(setup, teardown, after_each, options)
  local clusters = setmetatable({}, Clusters)
  setup(function()
    local wanted = { clusters = 3, pods = 20, troubles = true }
    for name, value in pairs(options or {}) do wanted[name] = value end
    clusters.fleet = fleet.start(wanted)
  end)
  teardown(function() clusters.fleet:close() end)
  after_each(function() clusters.fleet:clear() end)
  return clusters
end

--- The values of a field of rows, as a set of how often each is there.
function scripts.tally(rows, field)
  local counts = {}
  for _, row in ipairs(rows) do counts[row[field]] = (counts[row[field]] or 0) + 1 end
  return counts
end

return scripts
