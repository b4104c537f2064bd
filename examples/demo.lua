-- demo.lua: several clusters at once, each through a pool of connections: what is in them, what the connections went
-- through, and what the pools counted. `make demo` runs it on three simulated clusters.
--
--   moonpool [--kubeconfig FILE] examples/demo.lua [CONTEXT ...]
--
-- Without arguments: every context of the kubeconfig ($KUBECONFIG, else ~/.kube/config).
local moonpool = require "moonpool"
local tables = require "moonpool.tables"

local rowsShown = 8 -- of each table

local kubeConfig = moonpool.KubeConfig()
assert(kubeConfig:loadFromDefault())
local contexts = { ... }
if #contexts == 0 then
  for _, context in ipairs(kubeConfig:getContexts()) do contexts[#contexts + 1] = context.name end
end
assert(#contexts > 0, "the kubeconfig has no contexts")

local function printTable(title, rows, columns)
  print(("\n  %s (%d)"):format(title, #rows))
  local shown = table.move(rows, 1, math.min(#rows, rowsShown), 1, {})
  if #shown > 0 then io.write(tables.render(shown, columns, { indent = 4 })) end
  if #rows > #shown then print(("    ... and %d more"):format(#rows - #shown)) end
end

--- Keeps what happens to a client's connections, a line each.
local function recordEvents(client)
  local events = {}
  local function record(event, text)
    client:on(event, function(conn, reason) events[#events + 1] = text(conn, reason) end)
  end
  record("connectionCreated", function(conn) return ("connection %d created"):format(conn.id) end)
  record("connectionAcquired", function(conn) return ("connection %d acquired, use %d"):format(conn.id, conn.useCount) end)
  record("connectionReleased", function(conn) return ("connection %d released"):format(conn.id) end)
  record("connectionRemoved", function(conn, reason)
    return ("connection %d removed after %d uses (%s)"):format(conn.id, conn.useCount, reason)
  end)
  return events
end

--- Lists what is in a cluster: two calls at the same time, then one for the pods of each namespace, all over the few
--- connections of its pool.
local function look(client)
  local calls = { client.core.listNamespace, client.apps.listDeploymentForAllNamespaces }
  local lists, errors = moonpool.map(calls, function(call) return call() end)
  if errors then return nil, select(2, next(errors)) end
  local found = { namespaces = lists[1].items, deployments = lists[2].items, pods = {} }
  for _, namespace in ipairs(found.namespaces) do
    local pods, err = client.core.listNamespacedPod(namespace.metadata.name)
    if not pods then return nil, err end
    table.move(pods.items, 1, #pods.items, #found.pods + 1, found.pods)
  end
  return found
end

local function restarts(pod)
  local count = 0
  for _, container in ipairs(pod.status.containerStatuses or {}) do count = count + container.restartCount end
  return count
end

local function show(found)
  printTable("Namespaces", found.namespaces, {
    { title = "NAME", value = function(namespace) return namespace.metadata.name end },
    { title = "STATUS", value = function(namespace) return namespace.status and namespace.status.phase end },
  })
  printTable("Deployments", found.deployments, {
    { title = "NAMESPACE", value = function(deployment) return deployment.metadata.namespace end },
    { title = "NAME", value = function(deployment) return deployment.metadata.name end },
    { title = "READY", value = function(deployment)
      local status = deployment.status or {}
      return ("%d/%d"):format(status.readyReplicas or 0, deployment.spec.replicas or 1)
    end },
    { title = "IMAGE", value = function(deployment) return deployment.spec.template.spec.containers[1].image end },
  })
  printTable("Pods", found.pods, {
    { title = "NAMESPACE", value = function(pod) return pod.metadata.namespace end },
    { title = "NAME", value = function(pod) return pod.metadata.name end },
    { title = "STATUS", value = function(pod) return pod.status.phase end },
    { title = "RESTARTS", value = restarts },
    { title = "NODE", value = function(pod) return pod.spec.nodeName end },
  })
end

-- One client for each cluster; a pool opens its first connections at once, before anything is asked.
local clusters = {}
for i, context in ipairs(contexts) do
  local client = assert(moonpool.KubernetesClient {
    kubeConfig = kubeConfig, context = context, connectionPoolConfig = { minConnections = 2, maxConnections = 4 },
  })
  clusters[i] = { name = context, client = client, events = recordEvents(client) }
end

-- All clusters at the same time. One that fails has its error in its own place; the others are not held up.
moonpool.map(clusters, function(cluster)
  cluster.found, cluster.err = look(cluster.client)
end)

for _, cluster in ipairs(clusters) do
  print(("\n=== %s  %s"):format(cluster.name, cluster.client:info().server))
  if cluster.found then show(cluster.found) else print("\n  failed: " .. tostring(cluster.err)) end
end

-- The counters as they stand now; closing the clients removes the connections.
local statistics = {}
for i, cluster in ipairs(clusters) do
  local stats = cluster.client:getPoolStats()
  stats.cluster = cluster.name
  statistics[i] = stats
  cluster.client:dispose()
end
moonpool.poll(0) -- handlers run between other work: let those of the last events run now

print("\n=== What happened to the connections")
for _, cluster in ipairs(clusters) do
  print("\n  " .. cluster.name)
  for _, event in ipairs(cluster.events) do print("    " .. event) end
end

print("\n=== What the pools counted\n")
io.write(tables.render(statistics, {
  { title = "CLUSTER", key = "cluster" },
  { title = "OPENED", key = "created" }, -- connections: TCP and TLS
  { title = "USED", key = "acquired" },  -- times that one was handed out for a call
  { title = "OPEN", key = "total" },
  { title = "IDLE", key = "idle" },
  { title = "IN USE", key = "inUse" },
  { title = "UNHEALTHY", key = "unhealthy" },
  { title = "WAITING", key = "waitQueueLength" },
}, { indent = 2 }))
print("\n  OPENED counts connections, USED the calls they served: reuse is what a pool is for.")
for _, cluster in ipairs(clusters) do
  if cluster.err then os.exit(1, true) end
end
