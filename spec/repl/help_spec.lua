-- help_spec.lua: help(x) knows everything public, by its name and by its value.
local api = require "moonpool.api"
local check = require "moonpool.check"
local help = require "moonpool.repl.help"
local moonpool = require "moonpool"
local public = require "moonpool.public"
local reference = require "moonpool.reference"

local kubeConfig = moonpool.KubeConfig()
assert(kubeConfig:loadFromString [[
clusters: [{ name: nowhere, cluster: { server: "http://127.0.0.1:1" } }]
contexts: [{ name: nowhere, context: { cluster: nowhere } }]
current-context: nowhere
]])

local function eachFunction(fn)
  for _, name in ipairs(check.keys(reference.classes)) do
    for _, one in ipairs(reference.classes[name].functions) do fn(one, name) end
  end
end

describe("help", function()
  local client, manager
  setup(function()
    client = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig, connectionPoolConfig = { minConnections = 0 } })
    manager = moonpool.ConnectionManager()
  end)
  teardown(function()
    client:dispose()
    manager:dispose()
  end)

  local function says(what, ...)
    local text = help.text(what)
    for _, part in ipairs { ... } do assert.truthy(text:find(part, 1, true), ("%q lacks %q"):format(text, part)) end
    return text
  end

  it("knows every public function by its name", function()
    local count = 0
    eachFunction(function(one)
      count = count + 1
      says(one.call:match "^[^(]*", one.call, one.text:match "^%S+")
    end)
    assert.is_true(count > 60)
  end)

  it("knows every public function by its value", function()
    help.text "moonpool" -- loads what is loaded on demand
    local count = 0
    for _, class in ipairs(check.keys(public.classes)) do
      for _, one in ipairs(reference.classes[class].functions) do
        local value = class == "moonpool" and moonpool[one.name] or rawget(public.classes[class], one.name)
        assert.is_function(value, one.call)
        assert.truthy(help.text(value):find "^%S+%(", one.call)
        count = count + 1
      end
    end
    assert.is_true(count > 60)
  end)

  it("knows every class, option, event and error kind by its name", function()
    for _, name in ipairs(check.keys(reference.classes)) do
      says(name, name)
      for _, field in ipairs(reference.classes[name].fields) do
        if not field.name:find "^%[" then says(field.name, field.name, name) end
      end
    end
    for _, name in ipairs(check.keys(reference.lists)) do
      for _, value in ipairs(reference.lists[name].values) do says(value.value, value.value .. ", an ") end
    end
  end)

  it("gives the options of a call with their defaults and units", function()
    says(manager.addCluster, "manager:addCluster(options)", "weight  ", "number, default 1", "resolveEndpoints")
    says(moonpool.ConnectionPool, "acquireTimeout  ", "integer, default 30000 (30 s): ms")
    says(manager.each, "concurrency  ", "default 25", "timeout  ", "default 10000 (10 s)")
    says("acquireTimeout", "an option of moonpool.PoolOptions", "an error kind", "an event of pools")
  end)

  it("gives the events where handlers are registered", function()
    says(manager.on, "failover", "(from, to, reason)", "connectionRemoved")
  end)

  it("knows methods of the API and verbs on kinds, of one object or by name", function()
    says(client.core.listNamespacedPod, "client.core.listNamespacedPod(namespace, options)", "list of Pod, v1", "labelSelector")
    says("patchNamespacedDeployment", "client.apps.patchNamespacedDeployment(name, namespace, body, options)", "patchType")
    says(client.resources.pods.wait, "client.resources.<kind>.wait(name, condition, options)", "default 60000 (1 min)")
    says(client.resources.pods.watch, "idleTimeout", "default 90000")
    says("deploy", "Deployment (apps/v1, namespaced, short: deploy)")
    for _, group in ipairs(require("moonpool.kinds").groups) do
      for _, name in ipairs(api.namesIn(group)) do says(name, name .. "(") end
    end
  end)

  it("says of an object what it is and has", function()
    says(manager, "moonpool.ConnectionManager", "manager:addCluster(options)", "Adds a cluster.")
    says(client, "moonpool.KubernetesClient", "client:request(fields)")
    says(client.core, "moonpool.Api", "listNamespacedPod")
    says(moonpool, "moonpool.spawn(fn, ...)", "LoadBalancingStrategy")
    says(moonpool.spawn(function() end), "moonpool.Task", "task:join()")
    says(kubeConfig, "moonpool.KubeConfig", "kubeConfig:loadFromFile(path)")
    says({ answer = 42 }, "table", "answer")
  end)

  it("says of an error what its kind means and what is in it", function()
    local _, err = client.core.listNamespace { timeout = 1000 }
    says(err, "connection refused", "connect: name resolution", "endpoint  http://127.0.0.1:1")
  end)

  it("knows the commands and the options of the program", function()
    says(":watch", ":watch EXPR [SECONDS]")
    says("--context", "--context PATTERN", "an option of the program")
    says(nil, ":use PATTERN", "help(x)")
  end)

  it("knows the keys of the configuration and the variables of the environment", function()
    local config = require "moonpool.config"
    for _, key in ipairs(config.keys) do says(key.name, key.name .. ", a key of moonpool.yaml") end
    for _, variable in ipairs(config.variables) do says(variable.name:match "[%w_]+", variable.name .. ", in the environment") end
    says("MOONPOOL_STRATEGY", "strategy, a key of moonpool.yaml", "default round-robin")
  end)

  it("names the nearest for what it does not know", function()
    says("maxConections", 'did you mean "maxConnections"?')
    says("aquire", 'did you mean "acquire"?')
    says("xyzzy", 'nothing is known of "xyzzy"')
  end)

  it("keeps within the width that there is", function()
    for line in help.text(manager.addCluster, 60):gmatch "[^\n]+" do assert.is_true(#line <= 60, line) end
  end)
end)
