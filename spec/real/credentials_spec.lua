-- Credentials that end while they are used, on a real API server: service-account tokens, a file of tokens that is rotated under a restart,
-- client certificates that are replaced.
local clusters = require "spec.support.clusters"
local core = require "moonpool.core"
local moonpool = require "moonpool"
local real = require "spec.support.real"

local CONTEXT = "real-1"

describe("credentials that end", function()
  local folder = os.getenv "MOONPOOL_TEST_CLUSTERS" .. "/1/"
  local admin, scratch, clients

  local function write(name, text)
    local file <close> = assert(io.open(scratch .. "/" .. name .. ".new", "wb"))
    file:write(text)
    file:close()
    assert(os.rename(scratch .. "/" .. name .. ".new", scratch .. "/" .. name))
    return scratch .. "/" .. name
  end

  local function read(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
  end

  --- A client whose user has these fields.
  local function client(user)
    local path = write("kubeconfig", ([[
clusters: [{name: c, cluster: {server: "%s", certificate-authority: %spki/ca.crt}}]
users: [{name: u, user: {%s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
]]):format(real.endpoints(CONTEXT)[1], folder, user))
    local made = assert(moonpool.KubernetesClient { kubeConfigPath = path, context = "x" })
    clients[#clients + 1] = made
    return made
  end

  --- Calls both until the server has forgotten the first one's credentials (it remembers good ones for 10 s); the second must not notice.
  local function outlives(left, follows)
    local since = core.now()
    while left.core.listNamespace() and core.now() - since < 30000 do
      assert(follows.core.listNamespace())
      moonpool.sleep(100)
    end
    local _, err = left.core.listNamespace()
    assert.equal("unauthorized", err and err.kind)
    for _ = 1, 20 do assert(follows.core.listNamespace()) end
  end

  lazy_setup(function()
    clusters.start()
    admin = clusters.client({}, CONTEXT)
    scratch = os.tmpname()
    os.remove(scratch)
    assert(os.execute("mkdir " .. scratch))
    clients = {}
  end)
  lazy_teardown(function()
    for _, each in ipairs(clients) do each:dispose() end
    admin:dispose()
    clusters.stop()
    os.execute("rm -rf " .. scratch)
  end)

  it("are followed in a token file, as a service account's are", function()
    local accounts, name = "/api/v1/namespaces/default/serviceaccounts", "robot"
    local binding = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    local function create(path, body) return assert(admin:request { method = "POST", path = path, body = body }) end
    local function token()
      create(accounts, { metadata = { name = name } })
      return create(("%s/%s/token"):format(accounts, name), { apiVersion = "authentication.k8s.io/v1", kind = "TokenRequest",
        spec = { expirationSeconds = 600 } }).status.token
    end
    finally(function()
      admin:request { method = "DELETE", path = accounts .. "/" .. name }
      admin:request { method = "DELETE", path = binding .. "/" .. name }
    end)
    create(binding, { metadata = { name = name }, roleRef = { apiGroup = "rbac.authorization.k8s.io", kind = "ClusterRole", name = "view" },
      subjects = { { kind = "ServiceAccount", name = name, namespace = "default" } } })
    local first = token()
    local follows, stays = client("tokenFile: " .. write("token", first .. "\n")), client("token: " .. first)
    assert(follows.core.listNamespace())
    assert(stays.core.listNamespace())
    assert(admin:request { method = "DELETE", path = accounts .. "/" .. name })
    write("token", token())
    outlives(stays, follows)
  end)

  it("are asked for again of a plugin, when the server was restarted with others", function()
    local tokens = folder .. "pki/tokens.csv"
    local before = read(tokens)
    local function serve(token)
      local file <close> = assert(io.open(tokens, "wb"))
      file:write(before, token and ('%s,rotated,3,"system:masters"\n'):format(token) or "")
      file:close()
      real.kill(CONTEXT)
      real.restart(CONTEXT)
    end
    finally(function() serve(nil) end)
    local plugin = write("plugin", ([[#!/bin/sh
echo run >> %s/runs
echo '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1", "status": {"token": "'$(cat %s/current)'"}}'
]]):format(scratch, scratch))
    assert(os.execute("chmod +x " .. plugin))
    write("current", "rotated-1")
    serve "rotated-1"
    local one = client(("exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: %s}"):format(plugin))
    assert(one.core.listNamespace())
    write("current", "rotated-2")
    serve "rotated-2"
    for _ = 1, 20 do assert(one.core.listNamespace()) end
    assert.equal("run\nrun\n", read(scratch .. "/runs"))
  end)

  it("are client certificates in files, whose connections are left when they are replaced", function()
    local function certify(name)
      assert(os.execute(([[
        cd %s && openssl req -newkey rsa:2048 -nodes -keyout new.key -subj "/CN=%s/O=system:masters" -out new.csr 2>/dev/null &&
        openssl x509 -req -in new.csr -CA %spki/ca.crt -CAkey %spki/ca.key -set_serial 0x$(openssl rand -hex 8) -days 1 -out new.crt 2>/dev/null &&
        mv new.crt client.crt && mv new.key client.key]]):format(scratch, name, folder, folder)))
    end
    certify "one"
    local one = client "client-certificate: client.crt, client-key: client.key"
    assert(one.core.listNamespace())
    certify "two"
    local since = core.now()
    repeat
      assert(one.core.listNamespace())
      moonpool.sleep(100)
    until one:getPoolStats().removed.stale > 0 or core.now() - since > 20000
    assert(one.core.listNamespace())
    assert.is_true(one:getPoolStats().removed.stale > 0)
  end)
end)
