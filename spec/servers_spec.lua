-- Servers that are not a name and a port: Unix sockets, as `kubectl proxy --unix-socket` makes them, and IPv6 addresses.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local process = require "spec.support.process"
local program = require "spec.support.program"
local Relay = require "spec.support.socket_relay"
local sim = require "moonpool.sim"

local LIST = '{"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": [{"metadata": {"name": "default"}}]}'

local function config(fields, user)
  local made = core.KubeConfig()
  assert(made:loadFromString(([[
clusters: [{name: c, cluster: {%s}}]
users: [{name: u, user: {%s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
]]):format(fields, user or "")))
  return made
end

describe("a server behind a Unix socket", function()
  local server, relay, seen, status

  before_each(function()
    seen, status = {}, 200
    server = assert(core.http.listen { address = "127.0.0.1", port = 0, handler = function(exchange, method, target)
      seen[#seen + 1] = { line = method .. " " .. target, headers = exchange:headers() }
      exchange:answer(status, target:find "namespaces" and LIST or "ok", "application/json")
    end })
    relay = Relay.unix(server:port())
  end)
  after_each(function()
    relay:stop()
    server:close()
  end)

  local function client(user, options)
    options = options or {}
    options.kubeConfig, options.context = config("server: '" .. relay.url .. "'", user), "x"
    return moonpool.KubernetesClient(options)
  end

  it("answers calls, over as many connections as the pool may have", function()
    local one <close> = assert(client(nil, { connectionPoolConfig = { minConnections = 1, maxConnections = 3 } }))
    local tasks = {}
    for i = 1, 6 do
      tasks[i] = moonpool.spawn(function()
        for _ = 1, 50 do assert.equal("default", assert(one.core.listNamespace()).items[1].metadata.name) end
        return true
      end)
    end
    for _, task in ipairs(tasks) do assert(task:join()) end
    assert.truthy(one:getPoolStats().created <= 3)
  end)

  it("is not told who asks, and its 401 says why", function()
    local one <close> = assert(client "token: s3cret, as: me")
    assert(one.core.listNamespace())
    for _, request in ipairs(seen) do
      assert.is_nil(request.headers.authorization)
      assert.is_nil(request.headers["impersonate-user"])
      assert.same({ "localhost" }, request.headers.host)
    end
    status = 401
    local _, err = one.core.listNamespace()
    assert.equal("unauthorized", err.kind)
    assert.matches("plain http", err.message, 1, true)
  end)

  it("that ends is noticed, and used again when it is back", function()
    local one <close> = assert(client())
    assert(one.core.listNamespace())
    relay:stop()
    eventually(5000, "its connections to go", function() return one:getPoolStats().idle == 0 end)
    eventually(5000, "the reason", function() -- one attempt may have met the relay's end
      local _, err = one.core.listNamespace { retries = 0 }
      assert.equal("connect", err.kind)
      return err.message:find(relay.url .. ": cannot connect: No such file", 1, true) ~= nil
    end)
    relay = Relay.unix(server:port(), relay.path)
    eventually(5000, "an answer", function() return (one.core.listNamespace()) end)
  end)

  it("where nothing listens is told so", function()
    os.execute("kill -KILL " .. relay.pid)
    process.waitUntil(function() return not process.running(relay.pid) end, "the relay to end")
    local one <close> = assert(client())
    eventually(5000, "the reason", function()
      local _, err = one.core.listNamespace { retries = 0 }
      return err.message:find("nothing listens on that socket", 1, true) ~= nil
    end)
  end)

  it("may be one of several", function()
    local other <close> = Relay.unix(server:port())
    local manager <close> = moonpool.ConnectionManager {}
    assert(manager:addCluster { name = "local", kubeConfig = config("server: '" .. relay.url .. "'"), context = "x",
      endpoints = { relay.url, other.url } })
    local one = assert(manager:client "local")
    assert(one.core.listNamespace())
    relay:stop()
    for _ = 1, 5 do assert(one.core.listNamespace()) end
    local added, err = manager:addCluster { name = "mixed", kubeConfig = config("server: '" .. relay.url .. "'"), context = "x",
      endpoints = { "https://127.0.0.1:1" } }
    assert.is_nil(added)
    assert.matches("expected unix:///path, as its server", err.message, 1, true)
  end)

  it("is a case for the doctor when it is not there", function()
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "wb"))
    file:write("clusters: [{name: c, cluster: {server: 'unix:///nowhere/api.sock'}}]\ncontexts: [{name: x, context: {cluster: c}}]\n")
    file:close()
    local result = program.run("--kubeconfig", path, "doctor")
    os.remove(path)
    assert.matches("unix:///nowhere/api.sock: cannot connect: No such file", result.out, 1, true)
    assert.matches("is the program that makes this socket", result.out, 1, true)
  end)

  it("needs a whole path", function()
    for url, message in pairs { ["unix://run/x"] = "needs the whole path", ["unix:/run/x"] = "no scheme",
      ["unix:///" .. ("x"):rep(200)] = "too long" } do
      local made, err = core.pool("x", config("server: '" .. url .. "'"), "x")
      assert.is_nil(made)
      assert.matches(message, err.message, 1, true)
    end
  end)
end)

describe("a server with an IPv6 address", function()
  it("is reached by it, and checked by the name that its certificate has", function()
    local group = sim.start { clusters = 1, pods = 0 }
    finally(function() group:stop() end)
    local one = group.clusters[1]
    local relay <close> = Relay.address("::1", math.tointeger(tonumber(one.urls[1]:match ":(%d+)$")))
    local fields = ("server: '%s', certificate-authority-data: %s"):format(relay.url, core.base64(one.credentials.authority))
    local user = "token: " .. one.credentials.adminToken
    local client <close> = assert(moonpool.KubernetesClient { kubeConfig = config(fields .. ", tls-server-name: localhost", user) })
    for _ = 1, 20 do assert(client.core.listNamespace()) end
    local wrong <close> = assert(moonpool.KubernetesClient { kubeConfig = config(fields, user) })
    local _, err = wrong.core.listNamespace { retries = 0 }
    assert.equal("tls", err.kind)
    assert.matches(relay.url, err.message, 1, true)
  end)
end)
