-- A real API server behind other doors than its port: the Unix socket of `kubectl proxy`, and an IPv6 address.
local clusters = require "spec.support.clusters"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local process = require "spec.support.process"
local real = require "spec.support.real"
local Relay = require "spec.support.socket_relay"

describe("a real API server", function()
  local kubeconfig, context

  lazy_setup(function()
    local path, contexts = clusters.start()
    kubeconfig, context = path, contexts[1]
  end)
  lazy_teardown(clusters.stop)

  local function use(client)
    local namespace = clusters.namespace(client)
    local seen
    local watcher = moonpool.spawn(function()
      for event in client.resources.configmap.watch { namespace = namespace, timeout = 20000 } do
        seen = event.object.metadata.name
        if seen == "last" then return true end
      end
    end)
    for _ = 1, 100 do assert(client.core.readNamespace(namespace)) end
    assert(client.core.createNamespacedConfigMap(namespace, { metadata = { name = "last" } }))
    assert(watcher:join())
    assert.equal("last", seen)
    assert(client.core.deleteNamespace(namespace))
  end

  it("is used through the Unix socket of kubectl proxy", function()
    local path = os.tmpname()
    os.remove(path)
    local pipe <close> = assert(io.popen(("exec kubectl --kubeconfig '%s' --context '%s' proxy --unix-socket=%s >/dev/null 2>&1 & echo $!")
      :format(kubeconfig, context, path)))
    local pid = pipe:read "l"
    finally(function()
      os.execute(("kill -TERM %s 2>/dev/null"):format(pid))
      process.waitUntil(function() return not process.running(pid) end, "kubectl to end")
      os.remove(path)
    end)
    local config = moonpool.KubeConfig()
    assert(config:loadFromString(([[
clusters: [{name: c, cluster: {server: "unix://%s"}}]
contexts: [{name: x, context: {cluster: c}}]
]]):format(path)))
    local client <close> = assert(moonpool.KubernetesClient { kubeConfig = config, context = "x" })
    eventually(10000, "kubectl's socket", function() return client.core.listNamespace { retries = 0 } ~= nil end)
    use(client)
  end)

  it("is used by an IPv6 address", function()
    local relay <close> = Relay.address("::1", real.port(context))
    local config = assert(moonpool.yaml.decode(assert(process.readAll(kubeconfig))))
    for _, entry in ipairs(config.clusters) do
      if entry.name == context then entry.cluster.server, entry.cluster["tls-server-name"] = relay.url, "localhost" end
    end
    local made = moonpool.KubeConfig()
    assert(made:loadFromString(assert(moonpool.json.encode(config))))
    local client <close> = assert(moonpool.KubernetesClient { kubeConfig = made, context = context })
    use(client)
    local _, straight = real.connections(real.port(context))
    assert.equal(0, straight)
  end)
end)
