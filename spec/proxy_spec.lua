-- Clusters that are reached through a proxy: tinyproxy, microsocks and an https proxy, as the kubeconfig or the environment says.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local forwardProxy = require "spec.support.forward_proxy"
local moonpool = require "moonpool"
local program = require "spec.support.program"
local sim = require "spec.support.sim"

describe("through a proxy", function()
  local clusters, certificate, key

  lazy_setup(function()
    clusters = sim.start { clusters = 1, endpoints = 2, pods = 20 }
    local file <close> = assert(io.open(clusters.credentials))
    local pair = assert(core.json.decode(file:read "a"))["sim-1"].server
    certificate, key = pair[1], pair[2]
  end)
  lazy_teardown(function() clusters:stop() end)

  local function withClient(proxyUrl, fn, options)
    local path = forwardProxy.kubeconfig(clusters.kubeconfig, proxyUrl)
    local all = { kubeConfigPath = path, context = "sim-1" }
    for name, value in pairs(options or {}) do all[name] = value end
    local client, err = moonpool.KubernetesClient(all)
    os.remove(path)
    local ok, why = pcall(fn, assert(client, err))
    client:dispose()
    if not ok then error(why, 0) end
  end

  -- The error of a call through it, which names the proxy and shows no password.
  local function failure(proxy, url)
    local failed
    withClient(url, function(client) failed = select(2, client.core.listNamespace()) end)
    assert(failed, "the call succeeded")
    assert.matches("the proxy " .. proxy.url, tostring(failed), 1, true)
    assert.is_nil(tostring(failed):find("sesame", 1, true))
    assert.equal("sim-1", failed.cluster)
    return failed
  end

  local kinds = {
    http = forwardProxy.http,
    https = function(options) return forwardProxy.https(certificate, key, options) end,
    socks5 = forwardProxy.socks5,
  }
  for _, scheme in ipairs { "http", "https", "socks5" } do
    local open = kinds[scheme]
    it("of the kind " .. scheme .. ", reads and writes, each connection by one tunnel", function()
      local proxy <close> = open { user = "me", password = "sesame" }
      withClient(proxy:urlFor("me", "sesame"), function(client)
        local tasks = {}
        for i = 1, 6 do
          tasks[i] = moonpool.spawn(function()
            for n = 1, 5 do
              local name = ("proxied-%s-%d-%d"):format(scheme, i, n)
              assert(client.core.createNamespacedConfigMap("default", { metadata = { name = name }, data = { n = tostring(n) } }))
              assert.equal(tostring(n), assert(client.core.readNamespacedConfigMap(name, "default")).data.n)
              assert(client.core.deleteNamespacedConfigMap(name, "default"))
            end
            return true
          end)
        end
        for _, task in ipairs(tasks) do assert(task:join()) end
        assert.equal(20, #assert(client.core.listPodForAllNamespaces()).items)
        eventually(10000, "connections that were begun", function() return client:getPoolStats().connecting == 0 end)
        local stats = client:getPoolStats()
        assert.is_true(stats.created <= 10 and stats.created >= 1)
        assert.equal(stats.created, proxy:tunnels())
      end)
    end)

    it("of the kind " .. scheme .. ", says that it wants a password, or another one", function()
      local proxy <close> = open { user = "me", password = "right" }
      local none = failure(proxy, proxy.url)
      assert.equal("credential", none.kind)
      assert.matches("wants a user name and a password, and was given none", tostring(none), 1, true)
      local wrong = failure(proxy, proxy:urlFor("me", "sesame"))
      assert.equal("credential", wrong.kind)
      assert.matches("does not accept the user name and password that it was given", tostring(wrong), 1, true)
      assert.matches("check proxy-url", tostring(wrong), 1, true)
    end)

    it("of the kind " .. scheme .. ", says that it is not there", function()
      local proxy = open()
      proxy:stop()
      local gone = failure(proxy, proxy.url)
      assert.equal("connect", gone.kind)
      assert.matches("connection refused", tostring(gone), 1, true)
    end)
  end

  it("asks it for plain http, and does not take its pages for the server's", function()
    local asked = {}
    local relay = assert(core.http.listen { address = "127.0.0.1", handler = function(exchange, method, target)
      asked[#asked + 1] = ("%s %s %s"):format(method, target, exchange:header "host")
      if target:find("livez", 1, true) then return 200, "ok", "text/plain" end
      if target:find("pods", 1, true) then return 200, '{"items": []}', "application/json" end
      return 502, "<html>Bad Gateway</html>", "text/html"
    end })
    local port = math.tointeger(relay:port())
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromString(([[
clusters: [{name: k, cluster: {server: "http://inside.invalid", proxy-url: "http://me:sesame@127.0.0.1:%d"}}]
contexts: [{name: c, context: {cluster: k}}]
current-context: c]]):format(port)))
    local client <close> = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig })
    assert.same({}, assert(client.core.listPodForAllNamespaces()).items)
    local list, err = client.core.listNamespace { retries = 0 }
    relay:close()
    assert.is_nil(list)
    assert.equal(502, err.status)
    assert.matches("this may be the answer of the proxy http://127.0.0.1:" .. port, tostring(err), 1, true)
    assert.is_nil(tostring(err):find("sesame", 1, true))
    for _, line in ipairs(asked) do assert.matches("^GET .* inside%.invalid$", line) end
  end)

  it("says that its rules forbid the server", function()
    local proxy <close> = forwardProxy.http { allow = "^allowed%.example$" }
    local forbidden = failure(proxy, proxy.url)
    assert.equal("connect", forbidden.kind)
    assert.matches("does not allow connections to it", tostring(forbidden), 1, true)
    assert.matches("HTTP 403", tostring(forbidden), 1, true)
  end)

  it("watches go on for longer than calls, and their connections are the pool's", function()
    local proxy <close> = forwardProxy.http()
    withClient(proxy.url, function(client)
      local seen = {}
      local watcher = moonpool.spawn(function()
        for event in client.resources.configmap.watch { namespace = "default", timeout = 10000 } do
          seen[#seen + 1] = event.object.metadata.name
          if event.object.metadata.name == "last" then break end
        end
      end)
      moonpool.sleep(100)
      for _, name in ipairs { "first", "last" } do
        assert(client.core.createNamespacedConfigMap("default", { metadata = { name = name } }))
      end
      watcher:join()
      assert.equal("last", seen[#seen])
      for _, name in ipairs { "first", "last" } do assert(client.core.deleteNamespacedConfigMap(name, "default")) end
    end)
  end)

  it("reaches the other endpoints of a cluster, for calls and for probes", function()
    local proxy <close> = forwardProxy.http()
    local path = forwardProxy.kubeconfig(clusters.kubeconfig, proxy.url)
    finally(function() os.remove(path) end)
    local manager <close> = moonpool.ConnectionManager { clusterHealthCheckInterval = 1000 }
    assert(manager:addCluster { name = "sim-1", kubeConfigPath = path, context = "sim-1",
      endpoints = clusters.clusters[1].endpoints })
    clusters:resetStats "sim-1"
    assert(manager:client().core.listNamespace())
    eventually(15000, "probes of both endpoints", function()
      local endpoints = clusters:stats("sim-1").endpoints
      return #(endpoints[1].probes.readyz or {}) > 0 and #(endpoints[2].probes.readyz or {}) > 0
    end)
    for _, url in ipairs(clusters.clusters[1].endpoints) do assert.is_true(proxy:tunnels(url:match "%d+$") > 0) end
  end)

  describe("that the environment names", function()
    -- No address of this machine goes through such a proxy, but this one, by which it is reached too, does not count as one.
    local function kubeconfig(server)
      local file <close> = assert(io.open(clusters.kubeconfig))
      return (file:read("a"):gsub("https://127%.0%.0%.1(:%d+)", server .. "%1\n    tls-server-name: localhost"))
    end

    local function call(variables, server)
      return program.withFile(kubeconfig(server or "https://0.0.0.0"), function(path)
        local code = ([[
          local moonpool = require "moonpool"
          local client <close> = assert(moonpool.KubernetesClient { kubeConfigPath = "%s", context = "sim-1" })
          local list, err = client.core.listNamespace()
          print(list and "listed" or err)]]):format(path)
        return program.shell(("env -u NO_PROXY -u no_proxy -u HTTPS_PROXY -u https_proxy %s %s -e '%s'"):format(
          variables, program.path, code))
      end)
    end

    it("goes through it", function()
      local proxy <close> = forwardProxy.http { user = "me", password = "sesame" }
      assert.matches("^listed", call("HTTPS_PROXY=" .. proxy:urlFor("me", "sesame")).out)
      local tunnels = proxy:tunnels()
      assert.is_true(tunnels > 0)
      assert.matches("^listed", call("https_proxy=" .. proxy:urlFor("me", "sesame"):gsub("^http://", "")).out)
      assert.is_true(proxy:tunnels() > tunnels)
    end)

    it("goes past it where NO_PROXY says so, and to this machine", function()
      local proxy <close> = forwardProxy.http()
      assert.matches("^listed", call(("HTTPS_PROXY=%s NO_PROXY=example.com,0.0.0.0/8"):format(proxy.url)).out)
      assert.matches("^listed", call("HTTPS_PROXY=" .. proxy.url, "https://localhost").out)
      assert.matches("^listed", call("HTTPS_PROXY=" .. proxy.url, "https://127.0.0.1").out)
      assert.matches("^listed", call(("HTTP_PROXY=%s ALL_PROXY=%s"):format(proxy.url, proxy.url)).out)
      assert.equal(0, proxy:tunnels())
    end)

    it("says which variable is wrong", function()
      local result = call "HTTPS_PROXY=ftp://me:sesame@example.com"
      assert.matches('the environment variable HTTPS_PROXY has the scheme "ftp"', result.err, 1, true)
      assert.is_nil((result.out .. result.err):find("sesame", 1, true))
    end)
  end)
end)
