-- rollout.lua: restarts or scales deployments, cluster after cluster in waves, and stops where something goes wrong
--
--   moonpool run rollout restart -n shop -l app=cart --clusters 'prod-*' --dry-run
--   moonpool run rollout scale cart --replicas 8 -n shop --clusters 'prod-*'
local script = require "moonpool.script"
local convert = require("moonpool.arguments").convert

--- "1,10%,rest" as what manager:each takes.
local function waves(text)
  local list = {}
  for size in (text .. ","):gmatch "([^,]*)," do
    local count = math.tointeger(tonumber(size))
    if not (count and count > 0 or size:find "^%d+%%$" or size == "rest") then
      return nil, ("expected sizes such as 1,10%%,rest, got '%s'"):format(text)
    end
    list[#list + 1] = count or size
  end
  return list
end

local run = script.new("rollout", "Restarts or scales deployments: first in one cluster, then in 10 %, then in the rest. A cluster has to "
  .. "be ready, and the deployments complete, before it is touched; after each deployment, all of it has to be available again. "
  .. "Where that fails, no further wave begins.", { namespaced = true, writes = true, timeout = "10m" })
run.parser:argument("action", "restart or scale."):convert(convert.oneOf { "restart", "scale" })
run.parser:argument("names", "Deployments. Default: those that --selector selects."):args "*"
run.parser:option("--replicas", "For scale: how many."):argname("N"):convert(convert.integer(0))
run.parser:option("--waves", "In so many clusters at a time; the last size is used until all had their turn."):argname("SIZES")
  :default("1,10%,rest"):convert(waves)
run.parser:option("--wave-pause", "Between waves: 90s, 15m."):argname("DURATION"):default("0s"):convert(convert.duration)
run.parser:option("--max-failures", "So many clusters may fail before no further wave begins."):argname("N"):default("0")
  :convert(convert.integer(0))
run.parser:flag("--force", "Also where deployments are not complete before.")
local options = run:parse()
if #options.names == 0 and not options.selector then run:usage "say which: names of deployments, or --selector" end
if #options.names > 0 and not options.namespace then run:usage "names need a --namespace" end
if (options.action == "scale") ~= (options.replicas ~= nil) then run:usage "--replicas goes with scale, and scale needs it" end

local dryRun = options.dry_run and "All" or nil

--- The deployments that are meant. One that is named has to be there.
local function find(client)
  local found = {}
  for _, name in ipairs(options.names) do
    found[#found + 1] = assert(client.resources.deployment.get(name, { namespace = options.namespace }))
  end
  if #options.names > 0 then return found end
  for deployment in client.resources.deployment.each(run:scope()) do found[#found + 1] = deployment end
  return found
end

--- What is still missing until all replicas of the latest generation are available; nil: nothing.
local function missing(deployment)
  local wanted, status = deployment.spec.replicas or 1, deployment.status or {}
  if (status.observedGeneration or 0) < (deployment.metadata.generation or 0) then return "the change was not seen yet" end
  if (status.updatedReplicas or 0) < wanted then return ("%d of %d replicas are new"):format(status.updatedReplicas or 0, wanted) end
  if (status.replicas or 0) > wanted then return ("%d old replicas are left"):format(status.replicas - wanted) end
  if (status.availableReplicas or 0) < wanted then
    return ("%d of %d replicas are available"):format(status.availableReplicas or 0, wanted)
  end
end

local function titleOf(deployment) return deployment.metadata.namespace .. "/" .. deployment.metadata.name end

local function patchOf()
  if options.action == "scale" then return { spec = { replicas = options.replicas } } end
  local now = os.date "!%Y-%m-%dT%H:%M:%SZ"
  return { spec = { template = { metadata = { annotations = { ["kubectl.kubernetes.io/restartedAt"] = now } } } } }
end

run:collect(function(client, add)
  assert(client:request { path = "/readyz" })
  local deployments = find(client)
  for _, deployment in ipairs(deployments) do
    local problem = not options.force and missing(deployment)
    if problem then
      error(("nothing was changed: %s is not complete as it is: %s (--force: go on nevertheless)"):format(titleOf(deployment), problem), 0)
    end
  end
  for _, deployment in ipairs(deployments) do
    local namespace, name = deployment.metadata.namespace, deployment.metadata.name
    local row = { namespace = namespace, kind = "Deployment", name = name, action = options.action,
      before = deployment.spec.replicas, after = options.replicas or deployment.spec.replicas, result = "failed" }
    add(row)
    assert(client.resources.deployment.patch(name, patchOf(), { namespace = namespace, dryRun = dryRun }))
    if dryRun then
      row.result = "would be done"
    else
      row.result = "not complete"
      local began = os.time()
      local complete, err = client.resources.deployment.wait(name, function(now)
        row.result = missing(now) or "done"
        return row.result == "done"
      end, { namespace = namespace, timeout = math.max(1, options.timeout - 1000) })
      if not complete then error(err.kind == "timeout" and ("%s: %s"):format(titleOf(deployment), row.result) or err, 0) end
      row.seconds = os.time() - began
    end
  end
end, { waves = options.waves, abortThreshold = options.max_failures, wavePause = options.wave_pause })

run:show({ "cluster", "namespace", "name", "action", "before", "after", "result", "seconds" }, "no such deployment")
