-- Credential plugins, token files and certificate files, with real programs as plugins and simulated clusters that accept what is to be
-- accepted at the time.
local core = require "moonpool.core"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local program = require "spec.support.program"
local sim = require "moonpool.sim"

local ADMIN = { name = "by-plugin", groups = { "system:masters" } }
local LIST = { method = "GET", path = "/api/v1/namespaces", retries = 0 }

describe("credentials", function()
  local folder, group, pools

  local function path(name) return folder .. "/" .. name end

  local function write(name, text)
    local file <close> = assert(io.open(path(name), "wb"))
    file:write(text)
    return path(name)
  end

  local function read(name)
    local file <close> = io.open(path(name), "rb")
    return file and file:read("a") or ""
  end

  --- Writes a plugin; each run of it adds a line to NAME.runs.
  local function plugin(name, body)
    write(name, ("#!/bin/sh\necho run >> %s.runs\n%s\n"):format(path(name), body))
    assert(os.execute("chmod +x " .. path(name)))
    return path(name)
  end

  local function runs(name) return select(2, read(name .. ".runs"):gsub("\n", "")) end

  --- Shell that prints an answer with these members of status.
  local function prints(status, version)
    return ("cat <<END\n{\"apiVersion\": \"client.authentication.k8s.io/%s\", \"kind\": \"ExecCredential\", \"status\": {%s}}\nEND")
      :format(version or "v1", status)
  end

  local function start(count)
    group = sim.start { clusters = count or 1, pods = 0 }
    return group.clusters[1]
  end

  local function accept(token, user)
    for _, one in ipairs(group.clusters) do one.tokens[token] = user end
  end

  --- What a kubeconfig says of a cluster whose user has these fields.
  local function kubeconfig(user, index, clusterFields)
    local one = group.clusters[index or 1]
    return ([[
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "%s", certificate-authority-data: %s%s}}]
users: [{name: u, user: {%s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
]]):format(one.urls[1], core.base64(one.credentials.authority), clusterFields or "", user)
  end

  --- The pool of such a cluster.
  local function pool(user, options, index, clusterFields)
    local config = core.KubeConfig()
    assert(config:loadFromString(kubeconfig(user, index, clusterFields)))
    local made, err = core.pool("x", config, "x", options or { enableWarmup = false })
    pools[#pools + 1] = made
    return made, err
  end

  local function exec(name, more, version)
    return ("exec: {apiVersion: client.authentication.k8s.io/%s, interactiveMode: IfAvailable, command: %s%s}"):format(version or "v1",
      path(name), more or "")
  end

  local function fails(one, kind, ...)
    local result, err = one:call(LIST)
    assert.is_nil(result)
    assert.equal(kind, err.kind)
    for _, text in ipairs { ... } do assert.truthy(err.message:find(text, 1, true), err.message) end
    return err
  end

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    pools = {}
  end)
  after_each(function()
    for _, each in ipairs(pools) do each:dispose() end
    if group then group:stop() end
    group = nil
    os.execute("rm -rf " .. folder)
  end)

  describe("of a plugin", function()
    it("are its token", function()
      start()
      accept("t-1", ADMIN)
      plugin("p", prints '"token": "t-1"')
      assert(pool(exec "p"):call(LIST))
      assert.equal(1, runs "p")
    end)

    it("are its token in the version before too", function()
      start()
      accept("t-1", ADMIN)
      plugin("p", prints('"token": "t-1"', "v1beta1"))
      assert(pool(exec("p", nil, "v1beta1")):call(LIST))
    end)

    it("are its client certificate", function()
      local cert, key = table.unpack(start().credentials.admin)
      write("answer", assert(core.json.encode { apiVersion = "client.authentication.k8s.io/v1", kind = "ExecCredential",
        status = { clientCertificateData = cert, clientKeyData = key } }))
      plugin("p", "cat " .. path "answer")
      assert(pool(exec "p"):call(LIST))
    end)

    it("come of one run for fifty clusters that start at once", function()
      start(50)
      accept("t-1", ADMIN)
      plugin("p", "sleep 0.3\n" .. prints '"token": "t-1"')
      local clients = {}
      for index = 1, 50 do clients[index] = pool(exec "p", { enableWarmup = true, minConnections = 1 }, index) end
      for _, each in ipairs(clients) do assert(each:call(LIST)) end
      assert.equal(1, runs "p")
    end)

    it("last over an expiry without a 401, with a second run", function()
      local one = start()
      accept("t-1", ADMIN)
      accept("t-2", ADMIN)
      plugin("p", ([[
n=$(wc -l < %s.runs)
[ "$n" = 1 ] && until=3 || until=3600
date -u -d "+$until seconds" +%%s >> %s.ends
token=t-$n until=$(date -u -d "+$until seconds" +%%Y-%%m-%%dT%%H:%%M:%%S.%%3NZ)
%s]]):format(path "p", path "p", prints '"token": "$token", "expirationTimestamp": "$until"'))
      local client = pool(exec "p")
      local calls, past = 0, false
      while calls < 1000 or not past do
        past = os.time() > tonumber(read("p.ends"):match("%d+") or math.huge)
        if past then one.tokens["t-1"] = nil end
        assert(client:call(LIST))
        calls = calls + 1
        if calls > 900 then os.execute "sleep 0.01" end
      end
      assert.equal(2, runs "p")
    end)

    it("are renewed once, and the call repeated, when the server does not know them any more", function()
      local one = start()
      accept("t-1", ADMIN)
      accept("t-2", ADMIN)
      plugin("p", ("token=t-$(wc -l < %s.runs)\n"):format(path "p") .. prints '"token": "$token"')
      local client = pool(exec "p")
      assert(client:call(LIST))
      one.tokens["t-1"] = nil
      assert(client:call { method = "POST", path = "/api/v1/namespaces", body = '{"metadata": {"name": "made"}}', retries = 0,
        contentType = "application/json" })
      assert.equal(2, runs "p")
    end)

    it("are renewed for a leased connection", function()
      local one = start()
      accept("t-1", ADMIN)
      accept("t-2", ADMIN)
      plugin("p", ("token=t-$(wc -l < %s.runs)\n"):format(path "p") .. prints '"token": "$token"')
      local lease = assert(pool(exec "p"):acquire())
      assert(lease:call(LIST))
      one.tokens["t-1"] = nil
      assert(lease:call(LIST))
      lease:release()
      assert.equal(2, runs "p")
    end)

    it("are not renewed over and over when the server accepts none", function()
      start()
      plugin("p", prints '"token": "stranger"')
      local client = pool(exec "p")
      for _ = 1, 20 do fails(client, "unauthorized", "does not accept the credentials of user") end
      assert.truthy(runs "p" >= 2 and runs "p" <= 3)
    end)

    it("are those before when they cannot be renewed, and the refusal says so", function()
      local one = start()
      accept("t-1", ADMIN)
      plugin("p", ("[ $(wc -l < %s.runs) = 1 ] || { echo 'no session' >&2; exit 1; }\n"):format(path "p") .. prints '"token": "t-1"')
      local client = pool(exec "p")
      assert(client:call(LIST))
      one.tokens["t-1"] = nil
      fails(client, "unauthorized", "they could not be renewed: credential plugin", "it says: no session")
      accept("t-1", ADMIN)
      assert(client:call(LIST))
    end)

    it("are not renewed because of a 403", function()
      start()
      accept("t-1", { name = "nobody", groups = {} })
      plugin("p", prints '"token": "t-1"')
      local client = pool(exec "p")
      for _ = 1, 5 do fails(client, "forbidden") end
      assert.equal(1, runs "p")
    end)

    it("come with new connections when there is another certificate than before", function()
      local one = start()
      accept("t-1", ADMIN)
      local cert, key = table.unpack(one.credentials.admin)
      write("answer", assert(core.json.encode { apiVersion = "client.authentication.k8s.io/v1", kind = "ExecCredential",
        status = { clientCertificateData = cert, clientKeyData = key } }))
      plugin("p", ("if [ $(wc -l < %s.runs) -gt 1 ]; then cat %s; exit; fi\n"):format(path "p", path "answer") .. prints '"token": "t-1"')
      local client = pool(exec "p", { minConnections = 3 })
      assert(client:call(LIST))
      eventually(5000, "the warm-up", function() return client:getStats().idle == 3 end)
      one.tokens["t-1"] = nil
      assert(client:call(LIST))
      eventually(5000, "new connections", function() return client:getStats().idle == 3 end)
      local stats = client:getStats()
      assert.same({ 6, 3 }, { stats.created, stats.removed.stale })
    end)

    it("are asked for with what the kubeconfig says", function()
      start()
      accept("t-1", ADMIN)
      plugin("p", ('printf "%%s\\n" "$@" "$ADDED" > %s\nprintf "%%s" "$KUBERNETES_EXEC_INFO" > %s\n'):format(path "said", path "info")
        .. prints '"token": "t-1"')
      local client = pool(exec("p", ", args: [get-token, a b], env: [{name: ADDED, value: yes-it-is}], provideClusterInfo: true"), nil, 1,
        ", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: me, n: 1}}]")
      assert(client:call(LIST))
      assert.equal("get-token\na b\nyes-it-is\n", read "said")
      local info = assert(core.json.decode(read "info"))
      assert.equal("ExecCredential", info.kind)
      assert.equal("client.authentication.k8s.io/v1", info.apiVersion)
      assert.is_false(info.spec.interactive)
      assert.equal(group.clusters[1].urls[1], info.spec.cluster.server)
      assert.equal(core.base64(group.clusters[1].credentials.authority), info.spec.cluster["certificate-authority-data"])
      assert.same({ audience = "me", n = 1 }, info.spec.cluster.config)
    end)

    it("are not asked for where the user has a token of its own", function()
      start()
      plugin("p", "exit 1")
      assert(pool(("token: %s, "):format(group.clusters[1].credentials.adminToken) .. exec "p"):call(LIST))
      assert.equal(0, runs "p")
    end)
  end)

  describe("that a plugin does not give", function()
    local function refused(body, ...)
      start()
      plugin("p", body)
      return fails(pool(exec "p"), "credential", ...)
    end

    it("are told with its exit status and its last words", function()
      refused("echo first >&2; echo 'session has ended: run sso login' >&2; exit 3", "failed with exit status 3",
        "session has ended: run sso login")
    end)
    it("are told when it prints rubbish", function() refused("echo '<html>'", "it is not JSON") end)
    it("are told when it prints nothing", function() refused("true", "it is empty") end)
    it("are told when it prints too much", function()
      refused("head -c 1100000 /dev/zero | tr '\\0' x", "printed more than 1048576 bytes")
    end)
    it("are told when it answers in another version", function()
      refused(prints('"token": "t-1"', "v1beta1"), "its apiVersion is client.authentication.k8s.io/v1beta1")
    end)
    it("are told when it has a certificate without its key", function()
      refused(prints '"clientCertificateData": "x"', "client certificate without its key")
    end)
    it("are told when they have expired already", function()
      refused(prints '"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"', "it expired", "clock")
    end)
    it("are told when their end is no time", function()
      refused(prints '"token": "t", "expirationTimestamp": "tomorrow"', "expirationTimestamp is not a time")
    end)
    it("are told with the way to install it when it is not there", function()
      start()
      fails(pool [[exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: no-such-plugin,
        installHint: "get it from example.org"}]], "credential", "there is no such program in PATH", "get it from example.org")
    end)
    it("are told when it insists on a person", function()
      start()
      local made, err = pool [[exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Always, command: ask}]]
      assert.is_nil(made)
      assert.truthy(err.message:find("interactiveMode: Always", 1, true))
    end)

    it("are not asked for again at once", function()
      start()
      plugin("p", "exit 1")
      local client = pool(exec "p")
      for _ = 1, 10 do fails(client, "credential", "exit status 1") end
      assert.truthy(runs "p" <= 2)
    end)

    it("do not make its cluster unhealthy; reads go to another one meanwhile", function()
      start(2)
      accept("t-2", ADMIN)
      plugin("fails", "exit 1")
      plugin("works", prints '"token": "t-2"')
      local manager <close> = moonpool.ConnectionManager { clusterHealthCheckInterval = 50, defaultPoolConfig = { minConnections = 1 } }
      for index, name in ipairs { "fails", "works" } do
        local config = moonpool.KubeConfig()
        assert(config:loadFromString(kubeconfig(exec(name), index)))
        assert(manager:addCluster { name = name, kubeConfig = config, context = "x" })
      end
      local client = assert(manager:client())
      for _ = 1, 20 do
        assert(client.core.listNamespace())
        moonpool.sleep(20)
      end
      local stats = manager:getStats()
      assert.same({ true, true }, { stats.fails.healthy, stats.fails.unauthorized })
      assert.same({ true, false }, { stats.works.healthy, stats.works.unauthorized })
      local _, err = manager:client("fails").core.listNamespace()
      assert.equal("credential", err.kind)
    end)

    it("are there when it has failed twice and then not", function()
      start()
      accept("t-1", ADMIN)
      plugin("p", ("[ $(wc -l < %s.runs) -gt 2 ] || exit 1\n"):format(path "p") .. prints '"token": "t-1"')
      local client = pool(exec "p")
      local result, err
      for _ = 1, 100 do
        result, err = client:call(LIST)
        if result then break end
        assert.equal("credential", err.kind)
        os.execute "sleep 0.1"
      end
      assert.truthy(result)
      assert.equal(3, runs "p")
    end)

    it("are given up after the time limit, with all that the plugin has started", function()
      plugin("p", ("sleep 300 &\necho $! > %s\nsleep 300"):format(path "child"))
      local script = write("script.lua", ([[
        local core, sim = require "moonpool.core", require "moonpool.sim"
        local group = sim.start { clusters = 1, pods = 0 }
        local config = core.KubeConfig()
        assert(config:loadFromString(("clusters: [{name: c, cluster: {server: '%%s', certificate-authority-data: %%s}}]\n"
          .. "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: %s}}}]\n"
          .. "contexts: [{name: x, context: {cluster: c, user: u}}]\n"):format(group.clusters[1].urls[1],
          core.base64(group.clusters[1].credentials.authority))))
        local pool = core.pool("x", config, "x", { enableWarmup = false })
        print(select(2, pool:call { method = "GET", path = "/api/v1/namespaces" }).message)
        pool:dispose()
        group:stop()
      ]]):format(path "p"))
      local result = program.shell(("MOONPOOL_EXEC_TIMEOUT=300 %s %s"):format(program.path, script))
      assert.truthy(result.out:find("did not end within 300 ms and was killed", 1, true), result.out .. result.err)
      eventually(5000, "the end of what the plugin has started", function()
        local stat <close> = io.open(("/proc/%s/stat"):format(read("child"):match "%d+"))
        return not stat or stat:read("a"):find "%) Z " ~= nil -- gone, or dead and not yet waited for
      end)
    end)
  end)

  it("of a token file are read again when the server does not know them any more", function()
    local one = start()
    accept("t-1", ADMIN)
    accept("t-2", ADMIN)
    local client = pool("tokenFile: " .. write("token", "t-1\n"))
    assert(client:call(LIST))
    write("token", "t-2\n")
    one.tokens["t-1"] = nil
    assert(client:call(LIST))
    write("token", "")
    one.tokens["t-2"] = nil
    fails(client, "unauthorized")
  end)

  it("are nowhere in what is printed", function()
    plugin("fails", [[echo "cannot use token: planted-token-1" >&2; echo "with $PLANTED and eyJhbGciOiJub25lIn0.planted5" >&2; exit 1]])
    plugin("odd", prints '"token": "planted\\tsecret-2"')
    plugin("half", prints '"clientCertificateData": "planted-cert-3"')
    plugin("wrong", prints '"token": "planted-token-4"')
    local script = write("script.lua", ([[
      local core, sim = require "moonpool.core", require "moonpool.sim"
      require("moonpool").log.setLevel("debug")
      local group = sim.start { clusters = 1, pods = 0 }
      for _, name in ipairs { "fails", "odd", "half", "wrong" } do
        local config = core.KubeConfig()
        assert(config:loadFromString(("clusters: [{name: c, cluster: {server: '%%s', certificate-authority-data: %%s}}]\n"
          .. "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: %s/%%s,\n"
          .. "  env: [{name: PLANTED, value: planted}]}}}]\n"
          .. "contexts: [{name: x, context: {cluster: c, user: u}}]\n"):format(group.clusters[1].urls[1],
          core.base64(group.clusters[1].credentials.authority), name)))
        local pool = core.pool("x", config, "x", { enableWarmup = false })
        local _, err = pool:call { method = "GET", path = "/api/v1/namespaces" }
        print(name, err.kind, err, err.message, tostring(pool))
        pool:dispose()
      end
      group:stop()
    ]]):format(folder))
    local result = program.shell(("%s %s"):format(program.path, script))
    local printed = result.out .. result.err
    assert.equal(0, result.code, printed)
    assert.truthy(printed:find("fails\tcredential", 1, true) and printed:find("wrong\tunauthorized", 1, true), printed)
    assert.is_nil(printed:find("planted", 1, true), printed)
  end)
end)
