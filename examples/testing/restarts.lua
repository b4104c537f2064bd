-- restarts.lua: the pods that were restarted often, in all clusters: a script as anybody writes them, and beside it, in
-- restarts_spec.lua, how it is tested without a cluster.
--
--   moonpool --context '*' examples/testing/restarts.lua [LEAST]        LEAST: how often at least, default 1
--
-- What it does is in functions, which the test calls; at the end it runs them where it was started as a script.
local restarts = {}

--- The pods of one cluster that were restarted at least so often, the worst first.
---@return { namespace: string, name: string, restarts: integer }[]?
---@return moonpool.Error?
function restarts.of(client, least)
  local pods, err = client.core.listPodForAllNamespaces()
  if not pods then return nil, err end
  local found = {}
  for _, pod in ipairs(pods.items) do
    local count = 0
    for _, container in ipairs(pod.status.containerStatuses or {}) do count = count + container.restartCount end
    if count >= least then found[#found + 1] = { namespace = pod.metadata.namespace, name = pod.metadata.name, restarts = count } end
  end
  table.sort(found, function(a, b)
    if a.restarts ~= b.restarts then return a.restarts > b.restarts end
    return a.name < b.name
  end)
  return found
end

--- The same in all clusters of a manager, as lines to print. Clusters that cannot answer have a line too.
---@return string[] lines
function restarts.report(manager, least)
  local lines = {}
  local results = assert(manager:each(function(client) return restarts.of(client, least) end, { timeout = 10000 }))
  for name, result in pairs(results) do
    if not result.ok then lines[#lines + 1] = ("%s: failed: %s"):format(name, result.err.message) end
    for _, pod in ipairs(result.ok and result.value or {}) do
      lines[#lines + 1] = ("%s: %s/%s: %d restarts"):format(name, pod.namespace, pod.name, pod.restarts)
    end
  end
  return lines
end

if arg and arg[0]:find "restarts%.lua$" then
  for _, line in ipairs(restarts.report(clusters, tonumber((...)) or 1)) do print(line) end
end

return restarts
