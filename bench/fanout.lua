-- fanout.lua: the names of all namespaces of all clusters: `moonpool --context '*' bench/fanout.lua`.

local results = assert(clusters:each(function(client) return client.core.listNamespace() end))
for cluster, result in pairs(results) do
  for _, namespace in ipairs(result.value.items) do print(cluster, namespace.metadata.name) end
end
