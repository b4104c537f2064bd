-- One clear sentence for each thing that goes wrong, and nobody's secret in it.
local core = require "moonpool.core"
local moonpool = require "moonpool"
local sim = require "spec.support.sim"

local TOKEN = "token-that-nobody-may-see"

describe("an error tells in one sentence", function()
  local authority, servers, clients

  local function kubeconfig(url, user, trusted)
    return ([[
apiVersion: v1
kind: Config
clusters: [{name: made, cluster: {server: "%s", certificate-authority-data: %s}}]
users: [{name: somebody, user: {%s}}]
contexts: [{name: here, context: {cluster: made, user: somebody}}]
current-context: here
]]):format(url, core.base64((trusted or authority):certificate()), user or ("token: " .. TOKEN))
  end

  local function client(text, pool)
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromString(text))
    local made = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig,
      connectionPoolConfig = pool or { minConnections = 0, connectTimeout = 400 } })
    clients[#clients + 1] = made
    return made
  end

  -- A server of the spec's own that gives every question the same answer; its certificate as `wish` has it.
  local function serve(status, body, contentType, wish)
    local request = { commonName = "kube-apiserver", usage = "server", altNames = { "127.0.0.1" } }
    for name, value in pairs(wish or {}) do request[name] = value end
    local certificate, key = authority:issue(request)
    local server = assert(core.http.listen { address = "127.0.0.1", certificate = certificate, key = key,
      handler = function(_, _, target)
        if target == "/livez" then return 200, "ok", "text/plain" end
        return status, body, contentType
      end })
    servers[#servers + 1] = server
    return "https://127.0.0.1:" .. server:port(), server
  end

  local function checkError(kind, pattern, err)
    assert.equal(kind, err.kind)
    assert.equal("here", err.cluster)
    assert.matches(pattern, tostring(err))
    assert.is_nil(tostring(err):find("\n"))
    assert.is_nil(tostring(err):find(TOKEN, 1, true))
    return err
  end

  local function check(kind, pattern, made)
    local value, err = made.core.listNamespace()
    assert.is_nil(value)
    return checkError(kind, pattern, err)
  end

  lazy_setup(function() authority = core.pki.authority "the-authority" end)
  before_each(function() servers, clients = {}, {} end)
  after_each(function()
    for _, made in ipairs(clients) do made:dispose() end
    for _, server in ipairs(servers) do server:close() end
  end)

  describe("who is not to be trusted:", function()
    it("a server of another authority", function()
      check("tls", "^here: https://127%.0%.0%.1:%d+: the server's certificate is not signed by the cluster's certificate authority %(.+%); "
        .. "check certificate%-authority in the kubeconfig %(tls%)$",
        client(kubeconfig(serve(200, "{}", "application/json"), nil, core.pki.authority "another")))
    end)

    it("a certificate that has expired", function()
      check("tls", "^here: https://127%.0%.0%.1:%d+: the server's certificate has expired; it must be renewed on the server %(tls%)$",
        client(kubeconfig((serve(200, "{}", "application/json", { notBefore = -7200, notAfter = -3600 })))))
    end)

    it("a certificate that is not valid yet", function()
      check("tls", "the server's certificate is not valid yet; check the clocks of both machines %(tls%)$",
        client(kubeconfig((serve(200, "{}", "application/json", { notBefore = 3600, notAfter = 7200 })))))
    end)

    it("a certificate for another name", function()
      check("tls", "the server's certificate is for another name %(.+%); tls%-server%-name in the kubeconfig says which to expect %(tls%)$",
        client(kubeconfig((serve(200, "{}", "application/json", { altNames = { "example.com" } })))))
    end)
  end)

  describe("who is not there:", function()
    it("a port that nobody listens on", function()
      local url, server = serve(200, "{}", "application/json")
      server:close()
      check("connect", "^here: https://127%.0%.0%.1:%d+: connection refused %(nothing listens on that port%) %(connect%)$",
        client(kubeconfig(url)))
    end)

    it("a server that takes connections and says nothing", function()
      local url, server = serve(200, "{}", "application/json")
      server:setListening "stall"
      local start = core.now()
      check("timeout", "not connected within 400 ms: TCP connected, but the TLS handshake was not answered %(timeout%)$",
        client(kubeconfig(url)))
      assert.is_true(core.now() - start < 1200)
    end)

    it("a name that is not known", function()
      check("connect", "^here: https://no%-such%-host%.invalid:6443: the name cannot be resolved %(connect%)$",
        client(kubeconfig "https://no-such-host.invalid:6443", { minConnections = 0 }))
    end)

    it("TLS on a port of plain http", function()
      local plain = assert(core.http.listen { address = "127.0.0.1", handler = function() return 200, "{}", "application/json" end })
      servers[1] = plain
      local namespaces, err
      for _ = 1, 10 do -- what an HTTP server makes of the random bytes of a handshake varies: some it just hangs up on
        namespaces, err = client(kubeconfig("https://127.0.0.1:" .. plain:port())).core.listNamespace()
        assert.is_nil(namespaces)
        if err.kind == "tls" then break end
      end
      checkError("tls", "the server does not speak TLS on this port %(.+%); is it plain http%? %(tls%)$", err)
    end)
  end)

  describe("what is not an answer:", function()
    it("a web page instead of JSON", function()
      check("protocol", "^here: GET /api/v1/namespaces: expected JSON, got a web page; the answer begins: "
        .. "Please log in %(protocol, HTTP 200%)$",
        client(kubeconfig((serve(200, "<html><body>Please log in</body></html>", "text/html")))))
    end)

    it("a proxy's page with its error", function()
      check("server", "^here: GET https://127%.0%.0%.1:%d+/api/v1/namespaces: HTTP 502, not from an API server %(text/html%): "
        .. "Bad gateway %(server, HTTP 502%)$",
        client(kubeconfig((serve(502, "<html><body>Bad\ngateway</body></html>", "text/html")))))
    end)

    it("JSON that ends too early", function()
      check("protocol", "the server says that it sent JSON, but it is not: line 1, column %d+: .+; the answer begins: "
        .. '{"kind":"NamespaceList","items":%[{"meta %(protocol, HTTP 200%)$',
        client(kubeconfig((serve(200, '{"kind":"NamespaceList","items":[{"meta', "application/json")))))
    end)

    it("a redirection", function()
      check("protocol", "HTTP 302, which is not an answer of an API server %(redirects are not followed%) %(protocol, HTTP 302%)$",
        client(kubeconfig((serve(302, "", "text/html")))))
    end)

    it("a server that has nothing to say about its error", function()
      check("server", "^here: GET https://127%.0%.0%.1:%d+/api/v1/namespaces: HTTP 500 %(server, HTTP 500%)$",
        client(kubeconfig((serve(500, "", "text/plain")))))
    end)
  end)

  describe("who may not:", function()
    local clusters
    lazy_setup(function() clusters = sim.start { clusters = 1, pods = 0 } end)
    lazy_teardown(function() clusters:stop() end)

    local function of(context)
      local made = assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = context })
      clients[#clients + 1] = made
      local _, err = made.core.listNamespace()
      return err
    end

    -- The simulated cluster, with other credentials.
    local function as(user)
      local kubeConfig = moonpool.KubeConfig()
      assert(kubeConfig:loadFromFile(clusters.kubeconfig))
      local text = assert(io.open(clusters.kubeconfig)):read "a"
      text = text:gsub("(name: sim%-1%-token\n  user:\n)    token: %S+", "%1    " .. user)
      assert(kubeConfig:loadFromString(text))
      local made = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig, context = "sim-1-token" })
      clients[#clients + 1] = made
      local _, err = made.core.listNamespace()
      return err
    end

    it("a user without the right", function()
      local err = of "sim-1-nobody"
      assert.same({ "forbidden", 403, "Forbidden" }, { err.kind, err.status, err.reason })
      assert.matches('^sim%-1%-nobody: namespaces is forbidden: User "sim%-1%-nobody" cannot list resource "namespaces" in API group "" '
        .. "at the cluster scope %(forbidden, HTTP 403%)$", tostring(err))
    end)

    it("credentials that the server does not know", function()
      local err = as("token: " .. TOKEN)
      assert.same({ "unauthorized", 401 }, { err.kind, err.status })
      assert.equal('sim-1-token: Unauthorized; the server does not accept the credentials of user "sim-1-token" '
        .. "(expired, or of another cluster?) (unauthorized, HTTP 401)", tostring(err))
    end)

    it("a user without credentials", function()
      local err = as "{}"
      assert.equal('sim-1-token: Unauthorized; user "sim-1-token" has no credentials in the kubeconfig (unauthorized, HTTP 401)',
        tostring(err))
    end)
  end)
end)

describe("misuse is told in one sentence, which names what was expected:", function()
  local text = [[
clusters: [{name: made, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: somebody, user: {token: ]] .. TOKEN .. [[}}]
contexts: [{name: here, context: {cluster: made, user: somebody}}]
current-context: here
]]

  local function config()
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromString(text))
    return kubeConfig
  end

  local function make(pool, options)
    local all = { kubeConfig = config(), connectionPoolConfig = pool }
    for name, value in pairs(options or {}) do all[name] = value end
    return moonpool.KubernetesClient(all)
  end

  local function raises(sentence, fn, ...)
    local ok, problem = pcall(fn, ...)
    assert.is_false(ok)
    assert.matches(sentence .. "$", tostring(problem))
    assert.matches("sentences_spec.lua:%d+: ", tostring(problem)) -- points into the script
    assert.is_nil(tostring(problem):find(TOKEN, 1, true))
  end

  it("options that do not exist", function()
    raises('KubernetesClient: unknown option "contxt"; did you mean "context"%?', function() make({}, { contxt = "x" }) end)
    raises("pool options: there is no option 'maxConections'; did you mean 'maxConnections'%?", function() make { maxConections = 3 } end)
    local client <close> = assert(make { minConnections = 0 })
    raises('listNamespace: unknown option "limt"; did you mean "limit"%?', function() client.core.listNamespace { limt = 3 } end)
    raises('KubernetesClient has no field "cor"; did you mean "core"%?.*', function() return client.cor end)
  end)

  it("wrong types and values", function()
    raises("pool options: maxConnections: expected a whole number, got string", function() make { maxConnections = "3" } end)
    raises("pool options: maxConnections is 0, expected 1 to %d+", function() make { maxConnections = 0 } end)
    raises("pool options: acquireTimeout: expected a whole number of milliseconds, got 1.5", function() make { acquireTimeout = 1.5 } end)
    raises("pool options: minConnections %(3%) is greater than maxConnections %(1%)",
      function() make { minConnections = 3, maxConnections = 1 } end)
    raises("KubernetesClient: option context: expected a string, got number 3", function() make({}, { context = 3 }) end)
    raises('KubernetesClient: expected a table of options, such as { kubeConfigPath = "x" }, got a string',
      function() moonpool.KubernetesClient "x" end)
    local client <close> = assert(make { minConnections = 0 })
    raises("listNamespace: option timeout: expected milliseconds, an integer of 0 or more, got number %-1",
      function() client.core.listNamespace { timeout = -1 } end)
    raises("readNamespacedPod: argument 1 %(name%): expected a string, got nil", function() client.core.readNamespacedPod() end)
  end)

  it("use after dispose", function()
    local client = assert(make { minConnections = 0 })
    local core1 = client.core
    client:dispose()
    for _, use in ipairs {
      function() core1.listNamespace() end, function() client.apps.listNamespacedDeployment "x" end,
      function() client:request { path = "/version" } end, function() client:on("connectionCreated", print) end,
      function() client.resources.pod.list() end,
    } do raises("KubernetesClient here was disposed", use) end
    client:dispose() -- twice is fine
    assert.equal(0, client:getPoolStats().total)
    local pool = assert(moonpool.ConnectionPool("here", config, { minConnections = 0 }))
    pool:dispose()
    raises("ConnectionPool here was disposed", function() pool:acquire() end)
  end)

  it("a context that is not there", function()
    local client, err = make({}, { context = "ther" })
    assert.is_nil(client)
    assert.same({ "config", 'context "ther" is not defined; did you mean "here"? There are: here' }, { err.kind, err.message })
  end)

  it("a kubeconfig that cannot be read", function()
    local client, err = moonpool.KubernetesClient { kubeConfigPath = "/nowhere/config" }
    assert.is_nil(client)
    assert.same({ "config", "cannot read the kubeconfig /nowhere/config: No such file or directory" }, { err.kind, err.message })
    client, err = moonpool.KubernetesClient { kubeConfigPath = "/" }
    assert.is_nil(client)
    assert.same({ "config", "cannot read the kubeconfig /: Is a directory" }, { err.kind, err.message })
    local ok
    ok, err = moonpool.KubeConfig():loadFromString("users: [{name: x, user: {token: " .. TOKEN .. "}")
    assert.is_nil(ok)
    assert.matches("^<string>:%d+: this is not YAML: ", err.message)
    assert.is_nil(tostring(err):find(TOKEN, 1, true))
  end)
end)
