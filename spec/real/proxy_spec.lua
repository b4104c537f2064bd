-- Real API servers behind tinyproxy, squid, microsocks and an https proxy, with and without a user name and a password.
local clusters = require "spec.support.clusters"
local forwardProxy = require "spec.support.forward_proxy"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local real = require "spec.support.real"

describe("a real API server behind a proxy", function()
  local kubeconfig, context

  lazy_setup(function()
    local path, contexts = clusters.start()
    kubeconfig, context = path, contexts[1]
  end)
  lazy_teardown(clusters.stop)

  local function readAll(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
  end

  -- Runs fn with a client that goes through the proxy.
  local function through(url, fn, options)
    local path = forwardProxy.kubeconfig(kubeconfig, url)
    options = options or {}
    options.kubeConfigPath, options.context = path, options.context or context
    local client = moonpool.KubernetesClient(options)
    os.remove(path)
    local ok, err = pcall(fn, assert(client))
    client:dispose()
    if not ok then error(err, 0) end
  end

  local function settled(client)
    repeat moonpool.sleep(10) until client:getPoolStats().connecting == 0
    return client:getPoolStats()
  end

  local pki = ("%s/%s/pki/"):format(os.getenv "MOONPOOL_TEST_CLUSTERS" or "", "1")
  local kinds = {
    http = forwardProxy.http,
    squid = forwardProxy.squid,
    https = function(options) return forwardProxy.https(readAll(pki .. "server.crt"), readAll(pki .. "server.key"), options) end,
    socks5 = forwardProxy.socks5,
  }

  for _, scheme in ipairs { "http", "squid", "https", "socks5" } do
    for _, login in ipairs { false, { user = "me", password = "sesame" } } do
      it(("of the kind %s, %s a password: 500 calls and a watch, one tunnel for each connection"):format(scheme,
        login and "with" or "without"), function()
        local proxy <close> = kinds[scheme](login or nil)
        local created
        through(login and proxy:urlFor(login.user, login.password) or proxy.url, function(client)
          local namespace = clusters.namespace(client)
          local seen
          local watcher = moonpool.spawn(function()
            for event in client.resources.configmap.watch { namespace = namespace, labelSelector = "app=proxied", timeout = 20000 } do
              seen = event.object.metadata.name
              if seen == "last" then return true end
            end
          end)
          local tasks = {}
          for i = 1, 10 do
            tasks[i] = moonpool.spawn(function()
              for _ = 1, 50 do assert(client.core.readNamespace(namespace)) end
              return true
            end)
          end
          for _, task in ipairs(tasks) do assert(task:join()) end
          assert(client.core.createNamespacedConfigMap(namespace, { metadata = { name = "last", labels = { app = "proxied" } } }))
          assert(watcher:join())
          assert.equal("last", seen)
          assert(client.core.deleteNamespace(namespace))
          created = settled(client).created
          local _, straight = real.connections(real.port(context))
          assert.equal(0, straight)
        end, { connectionPoolConfig = { minConnections = 2, maxConnections = 4 } })
        eventually(5000, "the tunnels", function() return proxy:tunnels() >= created + 1 end)
        assert.equal(created + 1, proxy:tunnels()) -- the watch has one of its own
      end)
    end

    it(("of the kind %s is not reached with a wrong password, or with none"):format(scheme), function()
      local proxy <close> = kinds[scheme] { user = "me", password = "right" }
      for _, url in ipairs { proxy.url, proxy:urlFor("me", "sesame") } do
        through(url, function(client)
          local list, err = client.core.listNamespace()
          assert.is_nil(list)
          assert.equal("credential", err.kind)
          assert.equal(context, err.cluster)
          assert.matches("the proxy " .. proxy.url, tostring(err), 1, true)
          assert.is_nil(tostring(err):find("sesame", 1, true))
        end)
      end
    end)
  end

  it("answers 403 itself to a user without rights, who is not taken for the proxy's", function()
    local proxy <close> = forwardProxy.http()
    through(proxy.url, function(client)
      local list, err = client.core.listNamespace()
      assert.is_nil(list)
      assert.equal(403, err.status)
      assert.is_nil(tostring(err):find("proxy", 1, true))
    end, { context = context .. "-nobody" })
  end)

  it("is found dead and alive again through it", function()
    local proxy <close> = forwardProxy.http()
    through(proxy.url, function(client)
      assert(client.core.listNamespace())
      real.kill(context)
      local list, err = client.core.listNamespace()
      assert.is_nil(list)
      assert.equal("connect", err.kind)
      assert.matches("the proxy " .. proxy.url .. " cannot reach it", tostring(err), 1, true)
      real.restart(context)
      assert(client.core.listNamespace { timeout = 20000 })
    end, { connectionPoolConfig = { minConnections = 1 } })
  end)
end)
