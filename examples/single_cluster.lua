-- single_cluster.lua: one cluster through a pool of connections.
--
--   moonpool examples/single_cluster.lua [KUBECONFIG [CONTEXT]]
--
-- Without arguments: $KUBECONFIG, else ~/.kube/config, else the pod's own service account; and the current context.
local moonpool = require "moonpool"

local kubeConfigPath, context = ...

-- Any table with these four methods is a logger; what the runtime has to say goes to it too.
local logger = {}
for _, level in ipairs { "debug", "info", "warn", "error" } do
  logger[level] = function(_, message, fields)
    local details = fields and " " .. moonpool.json.encode(fields) or ""
    io.stderr:write(("[%s] %s%s\n"):format(level, message, details))
  end
end

local client = assert(moonpool.KubernetesClient {
  kubeConfigPath = kubeConfigPath,
  context = context,
  enableConnectionPooling = true,
  connectionPoolConfig = {
    minConnections = 2,
    maxConnections = 10,
    healthCheckInterval = 60000, -- ms
  },
  logger = logger,
})

-- Operations use pooled connections by themselves.
local namespaces = assert(client.core.listNamespace())
local deployments = assert(client.apps.listNamespacedDeployment("default"))
local pods = assert(client.resources.pod.list { namespace = "default" })

print(("%s: %d namespaces"):format(client:info().name, #namespaces.items))
for _, namespace in ipairs(namespaces.items) do print("  " .. namespace.metadata.name) end
print(("%d deployments and %d pods in the namespace default"):format(#deployments.items, #pods.items))

-- Three calls, but not three connections: they were reused.
local stats = client:getPoolStats()
logger:info("Pool stats:", stats)

client:dispose()
