-- namespaces.lua: the shortest useful script: connect, list, print, exit.

local moonpool = require "moonpool"

local client = assert(moonpool.KubernetesClient())
for _, namespace in ipairs(assert(client.core.listNamespace()).items) do print(namespace.metadata.name) end
