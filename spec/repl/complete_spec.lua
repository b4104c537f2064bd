-- complete_spec.lua: what the prompt offers at a Tab.
local complete = require "moonpool.repl.complete"
local moonpool = require "moonpool"

local kubeConfig = moonpool.KubeConfig()
assert(kubeConfig:loadFromString [[
clusters: [{ name: nowhere, cluster: { server: "http://127.0.0.1:1" } }]
contexts: [{ name: nowhere, context: { cluster: nowhere } }]
current-context: nowhere
]])

describe("completion offers", function()
  local globals, asked
  local sources = {
    objects = function(kind, entry, namespace)
      asked = ("%s %s %s"):format(kind, entry and entry.plural, tostring(namespace))
      return { "web-1", "web-2", "db" }
    end,
    namespaces = function() return { "default", "kube-system" } end,
    namespace = function() return "shop" end,
    clusters = function() return { "prod-eu", "prod-us" } end,
    patterns = function() return { "@eu", "prod-eu", "prod-us" } end,
    choices = function() return { "@eu", "prod-eu", "stage" } end,
    events = function() return { "failover" } end,
  }

  setup(function()
    globals = { print = print, item = { metadata = { name = "x", namespace = "y" } }, list = { items = { { spec = { a = 1 } } } } }
    globals.moonpool = moonpool
    globals.clusters = moonpool.ConnectionManager()
    globals.client = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig, connectionPoolConfig = { minConnections = 0 } })
  end)
  teardown(function()
    globals.clusters:dispose()
    globals.client:dispose()
  end)

  local function offered(line)
    local words, partial, closing = complete.line(line, globals, sources)
    return table.concat(words, " "), partial, closing
  end

  local function has(line, word)
    local words = complete.line(line, globals, sources)
    for _, one in ipairs(words) do if one == word then return true end end
    return false
  end

  it("globals and keywords", function()
    assert.equal("print", (offered "pri"))
    assert.equal("while", (offered "x = 1 whi"))
    assert.equal("clusters", (offered "print(clus"))
    assert.equal("print", (offered "'a' .. pri"))
  end)

  it("fields, also of elements", function()
    assert.equal("name namespace", (offered "item.metadata.na"))
    assert.equal("spec", (offered "print(list.items[1].sp"))
    assert.equal("metadata", (offered "item['me"))
    assert.equal("", (offered "print().na"))
    assert.equal("", (offered "nothing.na"))
  end)

  it("methods of managers and clients, and what the module has", function()
    assert.equal("getStats", (offered "clusters:getS"))
    assert.equal("ConnectionManager ConnectionPool", (offered "moonpool.Conn"))
    assert.is_true(has("client.", "apps"))
    assert.is_true(has("client.", "getPoolStats"))
  end)

  it("API methods by their rule", function()
    assert.equal("readNamespacedPodLog", (offered "client.core.readNamespacedPodL"))
    assert.equal("listDeploymentForAllNamespaces", (offered "client.apps.listDeploymentF"))
    assert.is_true(has("client.apps.", "patchNamespacedDeploymentScale"))
    assert.is_true(has("client.core.", "deleteCollectionNamespacedPod"))
    for _, name in ipairs(complete.fieldsOf(globals.client.core)) do
      assert.is_function(globals.client.core[name], name) -- each can be called as it is
    end
  end)

  it("kinds and the verbs on them", function()
    assert.equal("deployments", (offered "client.resources.deploy"))
    assert.equal("watch", (offered "client.resources.pods.wat"))
  end)

  it("options where a table of them begins", function()
    assert.equal("labelSelector = ", (offered "client.resources.pods.list{ lab"))
    assert.equal("labelSelector = ", (offered "client.resources.pods.list({ limit = 1, lab"))
    assert.equal("dryRun = ", (offered "client.core.createNamespacedPod('default', pod, { dry"))
    assert.equal("print", (offered "client.resources.pods.list{ limit = pri"))
  end)

  it("options of everything else that takes some, also in tables inside of tables", function()
    assert.equal("concurrency = ", (offered "clusters:each(print, { conc"))
    assert.equal("failFast = ", (offered "clusters:each(function(c, name) return f(c, name) end, { concurrency = 2, fail"))
    assert.equal("labels = ", (offered "clusters:addCluster{ lab"))
    assert.equal("maxConnections = ", (offered "clusters:addCluster { name = 'x', poolConfig = { minConnections = 1, maxConnections"))
    assert.equal("defaultPoolConfig = ", (offered "moonpool.ConnectionManager { defau"))
    assert.equal("maxConnections = ", (offered "moonpool.KubernetesClient({ context = 'x', connectionPoolConfig = { maxConnections"))
    assert.equal("maxConnections = ", (offered "moonpool.ConnectionPool('x', factory, { maxConnections"))
    assert.equal("concurrency = ", (offered "moonpool.map(list, print, { co"))
    assert.equal("query = ", (offered "client:request { method = 'GET', que"))
    assert.equal("timeout = ", (offered "client:request { path = '/', timeo")) -- of every call
    assert.equal("print", (offered "clusters:each(pri"))
    assert.equal("", (offered "clusters:setWeight('x', { conc"))
    assert.equal("print", (offered "f { pri"))
  end)

  it("names of objects of the kind, in the namespace that is meant", function()
    assert.equal("web-1 web-2", (offered "client.resources.pods.get('we"))
    assert.equal("pods pods shop", asked)
    assert.equal("db", (offered 'client.core.readNamespacedPod("d'))
    assert.equal("pods pods nil", asked)
    assert.equal("web-1 web-2", (offered "client.resources['widgets.example.com'].delete('we"))
    assert.equal("widgets.example.com nil shop", asked)
    assert.equal("", (offered "client.resources.pods.create('we"))
  end)

  it("namespaces, clusters and events", function()
    local words, partial, closing = offered "client.core.listNamespacedPod('kube"
    assert.same({ "kube-system", "kube", "'" }, { words, partial, closing })
    assert.equal("kube-system", (offered 'client.resources.pods.list{ namespace = "k'))
    assert.equal("default", (offered "client.core.readNamespacedPod('x', 'd"))
    assert.equal("prod-eu", (offered "clusters:client('prod-e"))
    assert.equal("prod-us", (offered "clusters:client({ 'prod-eu', 'prod-u"))
    assert.equal("prod-us", (offered "client.resources.pods.list{ cluster = 'prod-u"))
    assert.equal("failover", (offered "clusters:on('fail"))
    assert.equal("", (offered "print('prod-"))
  end)

  it("commands and their arguments", function()
    assert.equal("pools", (offered ":poo"))
    assert.equal("stage", (offered ":use prod-eu st"))
    assert.equal("default", (offered ":ns de"))
    assert.equal("off", (offered ":events of"))
    assert.equal("yaml", (offered ":set output y"))
    assert.equal("getStats", (offered ":watch clusters:getS"))
  end)

  it("what words have in common", function()
    assert.equal("web-", complete.common { "web-1", "web-2" })
    assert.equal("日", complete.common { "日本", "日曜" })
    assert.equal("", complete.common {})
  end)
end)
