-- stock_lua.lua: moonpool as a module of the plain Lua interpreter, without the moonpool program: the same calls, pools and events,
-- and tasks that run while something waits.
--
--   lua5.4 examples/stock_lua.lua [KUBECONFIG [CONTEXT ...]]                        after make install
--   LUA_CPATH='build/lib/?.so;;' lua5.4 examples/stock_lua.lua [KUBECONFIG ...]     from the source folder
--
-- Without arguments: the default kubeconfig and all of its contexts. Shows how many pods each cluster has, and what became of the
-- connections that were needed for it.
local moonpool = require "moonpool"

local path = ...
local kubeConfig = moonpool.KubeConfig()
assert(path and kubeConfig:loadFromFile(path) or kubeConfig:loadFromDefault())

local contexts = { select(2, ...) }
if #contexts == 0 then
  for _, context in ipairs(kubeConfig:getContexts()) do contexts[#contexts + 1] = context.name end
end

local manager = moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 1 } }
for _, context in ipairs(contexts) do assert(manager:addCluster { name = context, kubeConfig = kubeConfig, context = context }) end

local opened = {} -- connections, by cluster
manager:on("connectionCreated", function(_, cluster) opened[cluster] = (opened[cluster] or 0) + 1 end)

-- In the program a script is a task, and so is what it spawns. Here there is no such task: calls block until they are done, and
-- tasks and handlers run while something blocks. `each` waits for all clusters at the same time.
local results = assert(manager:each(function(client)
  local pods, err = client.core.listPodForAllNamespaces()
  if not pods then return nil, err end
  return #pods.items
end, { timeout = 10000 }))

moonpool.poll(0) -- lets the handlers of the last events run
local failed = 0
for _, name in ipairs(contexts) do
  local result = results[name]
  if result.ok then
    print(("%s: %d pods, over %d connections"):format(name, result.value, opened[name]))
  else
    failed = failed + 1
    print(("%s: failed: %s"):format(name, result.err.message))
  end
end

manager:dispose()
moonpool.run() -- until no task and no timer is left
os.exit(failed == 0 and 0 or failed < #contexts and 3 or 4, true)
