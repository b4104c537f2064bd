-- Who a real API server takes us for: the service account of a pod, whose token is replaced while it is used; a user who acts as another;
-- a user whom an OpenID Connect provider vouches for.
local clusters = require "spec.support.clusters"
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local Issuer = require "spec.support.issuer"
local moonpool = require "moonpool"
local process = require "spec.support.process"
local program = require "spec.support.program"
local real = require "spec.support.real"

local CONTEXT = "real-1"
local RBAC = "/apis/rbac.authorization.k8s.io/v1/"

describe("a real API server knows", function()
  local folder = os.getenv "MOONPOOL_TEST_CLUSTERS" .. "/1/"
  local admin, scratch, made, namespace

  local function write(name, text)
    local path = scratch .. "/" .. name
    local file <close> = assert(io.open(path .. ".new", "wb"))
    file:write(text)
    file:close()
    assert(os.rename(path .. ".new", path))
    return path
  end

  --- Creates an object, which is deleted in the end.
  local function create(path, body)
    local object = assert(admin:request { method = "POST", path = path, body = body })
    made[#made + 1] = path .. "/" .. body.metadata.name
    return object
  end

  --- Gives subjects a cluster role: its name, or the rules of one to be made.
  local function bind(role, subjects)
    local name = clusters.name "spec"
    if type(role) == "table" then
      create(RBAC .. "clusterroles", { metadata = { name = name }, rules = role })
      role = name
    end
    create(RBAC .. "clusterrolebindings", { metadata = { name = name }, subjects = subjects,
      roleRef = { apiGroup = "rbac.authorization.k8s.io", kind = "ClusterRole", name = role } })
  end

  local function client(user)
    local config = moonpool.KubeConfig()
    assert(config:loadFromString(([[
clusters: [{name: c, cluster: {server: "%s", certificate-authority: %spki/ca.crt}}]
users: [{name: u, user: {%s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
]]):format(real.endpoints(CONTEXT)[1], folder, user)))
    return assert(moonpool.KubernetesClient { kubeConfig = config, context = "x" })
  end

  lazy_setup(function()
    clusters.start()
    admin, made = clusters.client({}, CONTEXT), {}
    namespace = clusters.namespace(admin)
    scratch = os.tmpname()
    os.remove(scratch)
    assert(os.execute("mkdir " .. scratch))
  end)
  lazy_teardown(function()
    for index = #made, 1, -1 do admin:request { method = "DELETE", path = made[index] } end
    admin.core.deleteNamespace(namespace)
    admin:dispose()
    os.execute("rm -rf " .. scratch)
    clusters.stop()
  end)

  -- What runs in the pod: lists the pods of its namespace over and over, a line for each answer, until it is told to stop.
  local POD = [[
local moonpool = require "moonpool"
local config = moonpool.KubeConfig()
assert(config:loadFromCluster())
assert(config:getCurrentContext() == "in-cluster")
local one = assert(moonpool.KubernetesClient())
local namespace = config:getContexts()[1].namespace
io.stdout:setvbuf "line"
repeat
  local list, err = one.core.listNamespacedPod(namespace)
  print(list and "ok" or tostring(err))
  moonpool.sleep(50)
  local stop = io.open(arg[1])
until stop
]]

  local mayUnshare = os.execute "unshare -rm true 2>/dev/null"
  local inPod = mayUnshare and it or pending -- not everywhere may a process have a view of the file system of its own

  inPod("the service account of a pod, over a change of its token", function()
    local accounts = ("/api/v1/namespaces/%s/serviceaccounts"):format(namespace)
    local function token()
      assert(admin:request { method = "POST", path = accounts, body = { metadata = { name = "robot" } } })
      return assert(admin:request { method = "POST", path = accounts .. "/robot/token", body = {
        apiVersion = "authentication.k8s.io/v1", kind = "TokenRequest", spec = { expirationSeconds = 600 } } }).status.token
    end
    bind("view", { { kind = "ServiceAccount", name = "robot", namespace = namespace } })
    assert(os.execute(("mkdir %s/account && cp %spki/ca.crt %s/account/"):format(scratch, folder, scratch)))
    local first = token()
    write("account/token", first)
    write("account/namespace", namespace)
    local script, said, stop = write("pod.lua", POD), scratch .. "/said", scratch .. "/stop"
    -- A view of the file system in which the pod's folder is where it must be.
    assert(os.execute(([[
      address=%s program=$(readlink -f '%s')
      KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=${address##*:} KUBECONFIG= HOME=%s unshare -rm sh -c '
        mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io && ln -s %s/account /run/secrets/kubernetes.io/serviceaccount &&
        exec "$0" %s %s' "$program" >%s 2>&1 & echo $! >%s/pid]]):format(
      real.endpoints(CONTEXT)[1], program.path, scratch, scratch, script, stop, said, scratch)))
    local function answers() return select(2, (process.readAll(said) or ""):gsub("[^\n]*\n", "")) end
    eventually(20000, "the pod's first answers", function() return answers() >= 5 end)

    assert(admin:request { method = "DELETE", path = accounts .. "/robot" })
    write("account/token", token())
    local old <close> = client("token: " .. first)
    eventually(30000, "the end of the token of before", function() return old.core.listNamespacedPod(namespace) == nil end)
    local before = answers()
    eventually(10000, "further answers", function() return answers() >= before + 20 end)
    write("stop", "")
    local pid = process.readAll(scratch .. "/pid"):match "%d+"
    eventually(10000, "the pod to end", function() return not process.running(pid) end)
    assert.equal("", (process.readAll(said):gsub("ok\n", "")))
  end)

  it("in whose place a user acts, if that user may", function()
    local nobody = process.readAll(folder .. "pki/tokens.csv"):match "\n([^,]+),nobody"
    local user = "token: " .. nobody .. ", as: jane, as-groups: [friends, strangers], as-user-extra: {reason: [audit]}"
    bind("view", { { kind = "Group", name = "friends", apiGroup = "rbac.authorization.k8s.io" } })
    local function refused(text, what)
      local one <close> = client(text)
      local _, err = one.core.listNamespacedPod(namespace)
      assert.equal("forbidden", err and err.kind)
      assert.matches(what, err.message, 1, true)
    end
    refused(user, 'User "nobody" cannot impersonate')
    local function may(resource, names)
      return { apiGroups = { resource:find "/" and "authentication.k8s.io" or "" }, resources = { resource }, verbs = { "impersonate" },
        resourceNames = names }
    end
    bind({ may("users", { "jane" }), may("groups", { "friends", "strangers" }), may("userextras/reason", { "audit" }) },
      { { kind = "User", name = "nobody", apiGroup = "rbac.authorization.k8s.io" } })
    local one <close> = client(user)
    eventually(10000, "the rights", function() return (one.core.listNamespacedPod(namespace)) ~= nil end)
    local _, err = one.core.deleteNamespacedPod("none", namespace)
    assert.matches('User "jane" cannot delete resource "pods"', err.message, 1, true)
    -- Each name and value comes to the server: another one is refused.
    refused(user:gsub("jane", "joe"), 'cannot impersonate resource "users"')
    refused(user:gsub("strangers", "system:masters"), 'cannot impersonate resource "groups"')
    refused(user:gsub("audit", "fun"), 'cannot impersonate resource "userextras/reason"')
  end)

  it("whom an identity provider vouches for, over the end of tokens", function()
    local key = scratch .. "/issuer.key"
    assert(os.execute("openssl genrsa -out " .. key .. " 2048 2>/dev/null"))
    local function bytes(command, input)
      local result = program.shell(command, input)
      assert.equal(0, result.code, result.err)
      return result.out
    end
    local function base64url(text) return (core.base64(text):gsub("+", "-"):gsub("/", "_"):gsub("=", "")) end
    local modulus = bytes("openssl rsa -in " .. key .. " -noout -modulus"):match("=(%x+)"):gsub("%x%x", function(digits)
      return string.char(tonumber(digits, 16))
    end)
    local issuer <close> = Issuer.start {
      keys = core.json.encode { keys = { { kty = "RSA", alg = "RS256", use = "sig", kid = "k", n = base64url(modulus), e = "AQAB" } } },
      sign = function(text) return bytes("openssl dgst -sha256 -sign " .. key, text) end,
    }
    finally(function() real.flags(CONTEXT, {}) end)
    real.flags(CONTEXT, { "--oidc-issuer-url=" .. issuer.url, "--oidc-client-id=moonpool", "--oidc-ca-file=" .. write("ca.crt", issuer.ca),
      "--oidc-username-prefix=oidc:", "--oidc-groups-claim=groups", "--oidc-groups-prefix=oidc:" })
    bind("view", { { kind = "Group", name = "oidc:readers", apiGroup = "rbac.authorization.k8s.io" } })
    issuer.refreshTokens["r-1"] = { sub = "me", groups = { "readers" } }
    issuer.rotate, issuer.life = true, 3
    local one <close> = client(issuer:user { ["refresh-token"] = "r-1", ["client-secret"] = "s3cret",
      ["id-token"] = issuer:token { sub = "me", exp = os.time() - 5 } })
    -- The server looks for the issuer's keys every 10 s, and cannot while it is waited for its start.
    eventually(30000, "the server to know the issuer", function()
      local list, err = one.core.listNamespacedPod(namespace)
      assert.truthy(list or err.kind == "unauthorized", tostring(err))
      return list ~= nil
    end)
    local asked, since = #issuer.asked, core.now()
    repeat
      assert(one.core.listNamespacedPod(namespace))
      moonpool.sleep(20)
    until core.now() - since > 6000
    local renewals = #issuer.asked - asked
    assert.truthy(renewals >= 2 and renewals <= 4, renewals)
    local _, err = one.core.deleteNamespacedPod("none", namespace)
    assert.matches('User "oidc:me" cannot delete', err.message, 1, true)
  end)
end)
