-- pool_events.lua: a pool of connections by itself, and what happens to each connection.
--
--   moonpool examples/pool_events.lua [KUBECONFIG [CONTEXT]]
--
-- Without arguments: $KUBECONFIG, else ~/.kube/config, else the pod's own service account; and the current context.
local moonpool = require "moonpool"

local kubeConfigPath, context = ...

-- The pool calls it when it is made, and again when credentials must be read again.
local function kubeConfigFactory()
  local kubeConfig = moonpool.KubeConfig()
  if kubeConfigPath then
    assert(kubeConfig:loadFromFile(kubeConfigPath))
  else
    assert(kubeConfig:loadFromDefault())
  end
  return kubeConfig
end

context = context or assert(kubeConfigFactory():getCurrentContext(), "the kubeconfig sets no current-context: name one")

local pool = assert(moonpool.ConnectionPool(context, kubeConfigFactory, {
  minConnections = 2,
  maxConnections = 10,
}))

pool:on("connectionCreated", function(conn)
  print(("New connection created: %d"):format(conn.id))
end)

pool:on("connectionAcquired", function(conn)
  print(("Connection acquired: %d (use count: %d)"):format(conn.id, conn.useCount))
end)

pool:on("connectionReleased", function(conn)
  print(("Connection released: %d"):format(conn.id))
end)

pool:on("connectionRemoved", function(conn, reason)
  print(("Connection removed: %d (lifetime uses: %d): %s"):format(conn.id, conn.useCount, reason))
end)

-- A lease: nobody else uses this connection until it is released. `<close>` releases it at the end of the block, also when
-- something in it fails; `pool:release(conn)` does it by hand.
for _ = 1, 3 do
  local conn <close> = assert(pool:acquire())
  local api = conn:makeApiClient(moonpool.CoreV1Api)
  local pods = assert(api.listPodForAllNamespaces { limit = 500 })
  print(("%d pods, listed over connection %d"):format(#pods.items, conn.id))
end

pool:dispose()
moonpool.run() -- lets the last events be handled; the program does the same when a script ends
