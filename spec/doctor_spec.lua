-- doctor_spec.lua: `moonpool doctor` names the cause of what is wrong with a context, and what to do about it.
local core = require "moonpool.core"
local doctor = require "moonpool.doctor"
local fleet = require "spec.support.fleet"
local program = require "spec.support.program"

local DAY = 86400

describe("the doctor", function()
  local clusters, authority
  local listeners = {}
  setup(function()
    clusters = fleet.start { clusters = 3 }
    authority = core.pki.authority "spec-ca"
  end)
  teardown(function() clusters:close() end)
  after_each(function()
    clusters:clear()
    for _, listener in ipairs(listeners) do listener:close() end
    listeners = {}
  end)

  --- A kubeconfig with one context, "here".
  local function kubeConfig(server, user, cluster)
    local config = core.KubeConfig()
    assert(config:loadFromString(assert(core.yaml.encode {
      apiVersion = "v1", kind = "Config", ["current-context"] = "here",
      contexts = { { name = "here", context = { cluster = "here", user = "me" } } },
      clusters = { { name = "here", cluster = cluster or { server = server,
        ["certificate-authority-data"] = server:find "^https" and core.base64(authority:certificate()) or nil } } },
      users = { { name = "me", user = user or { token = "secret" } } },
    })))
    return config
  end

  --- The context of a simulated cluster.
  local function examine(name)
    local config = core.KubeConfig()
    assert(config:loadFromFile(clusters.kubeconfig))
    return doctor.examine(config, name, 1000)
  end

  local function examineServer(server, user, cluster) return doctor.examine(kubeConfig(server, user, cluster), "here", 1000) end

  --- A server of this process, with a certificate of our authority. `answer(target)` gives what a handler returns.
  local function serve(answer, certificate, scheme)
    local request = { commonName = "server", usage = "server", altNames = { "127.0.0.1" } }
    for name, value in pairs(certificate or {}) do request[name] = value end
    local pem, key
    if scheme ~= "http" then pem, key = authority:issue(request) end
    local listener = assert(core.http.listen { address = "127.0.0.1", certificate = pem, key = key,
      handler = function(_, _, target) return answer(target) end })
    listeners[#listeners + 1] = listener
    return listener:port()
  end

  --- A server in Python, which prints its port. Ends when it is closed.
  local function python(code)
    local pipe = assert(io.popen(("exec python3 -c '\nimport os, socket, struct, time\nprint(os.getpid())\n%s'"):format(code)))
    local pid, port = pipe:read "l", math.tointeger(tonumber(pipe:read "l"))
    return setmetatable({}, { __close = function()
      os.execute("kill " .. pid)
      pipe:close()
    end }), port
  end

  local function url(port, scheme) return ("%s://127.0.0.1:%d"):format(scheme or "https", port) end

  --- As an API server does.
  local function well(headers)
    return function(target)
      if target == "/version" then return 200, '{"gitVersion":"v1.99.0"}', "application/json", headers end
      if target == "/readyz" then return 200, "ok", "text/plain", headers end
      return 200, '{"kind":"List","items":[]}', "application/json", headers
    end
  end

  --- The step that has this cause. Every cause has a hint, and what comes after a broken connection is not looked at.
  local function finds(report, step, cause, status)
    local names = {}
    for _, one in ipairs(report.steps) do
      if one.cause then names[#names + 1] = one.step .. ": " .. one.cause end
    end
    assert.equal(("%s: %s"):format(step, cause), table.concat(names, ", "))
    assert.equal(status or "failed", report.status)
    for _, one in ipairs(report.steps) do
      if one.step == step then
        assert.equal(status or "failed", one.status)
        assert.is_true(#one.hint > 0)
        return one
      end
    end
  end

  it("finds nothing where all is well", function()
    local report = examine "sim-1"
    assert.equal("ok", report.status)
    for _, step in ipairs(report.steps) do assert.equal("ok", step.status, step.step) end
    assert.matches("^v1%.", report.version)
    assert.is_true(report.latency > 0 and report.latency < 1000)
    assert.is_true(report.serverExpiry > os.time() and report.clientExpiry > os.time())
    assert.is_true(math.abs(report.clockSkew) <= 1)
  end)

  describe("names, on the way to the server,", function()
    it("a host name that cannot be resolved", function()
      assert.matches("getent hosts no%-such%-host%.invalid", finds(examineServer "https://no-such-host.invalid:6443", "name", "name").hint)
    end)

    it("a name server that does not answer", function()
      -- In namespaces of its own, where it may say who the name server is.
      if program.shell("unshare -rmn true").code ~= 0 then return pending "no user namespaces here" end
      local config = assert(core.yaml.encode { apiVersion = "v1", kind = "Config", ["current-context"] = "here",
        contexts = { { name = "here", context = { cluster = "here" } } },
        clusters = { { name = "here", cluster = { server = "https://api.example:6443" } } } })
      local result = program.withFile(config, function(path)
        return program.shell(([[exec unshare -rmn python3 -c '
import fcntl, os, socket, struct, subprocess, sys
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(silent, 0x8914, struct.pack("16sh14x", b"lo", 1)) # SIOCSIFFLAGS: up
silent.bind(("127.0.0.1", 53)); silent.set_inheritable(True)
subprocess.run(["mount", "--bind", "/dev/stdin", "/etc/resolv.conf"], check=True)
os.execv(sys.argv[1], sys.argv[1:])' %s --kubeconfig %s doctor -o json --timeout 1s]]):format(program.path, path),
          "nameserver 127.0.0.1\n")
      end)
      assert.equal(4, result.code, result.err)
      finds(core.json.decode(result.out).items[1], "name", "nameSilent")
    end)

    it("a network that there is no way to", function()
      assert.matches("Network is unreachable", finds(examineServer "https://224.0.0.1:6443", "tcp", "unreachable").text)
    end)

    it("a port on which nobody listens", function()
      clusters:fault("sim-2", { type = "die" })
      assert.matches("connection refused", finds(examine "sim-2", "tcp", "refused").text)
    end)

    it("packets that are dropped", function()
      -- A queue of connections that is full: Linux drops what wants to come too.
      local _ <close>, port = python [[
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(0)
others = [socket.socket() for _ in range(4)]
for other in others:
  other.setblocking(False); other.connect_ex(s.getsockname())
print(s.getsockname()[1], flush=True); time.sleep(30)]]
      finds(examineServer(url(port)), "tcp", "silent")
    end)

    it("a server that takes connections and says nothing", function()
      clusters:fault("sim-2", { type = "stall" })
      finds(examine "sim-2", "tls", "sessionSilent")
    end)

    it("a proxy that is not there", function()
      local free = serve(well())
      local report = examineServer("", nil, { server = url(free), ["proxy-url"] = "http://127.0.0.1:1",
        ["certificate-authority-data"] = core.base64(authority:certificate()) })
      finds(report, "tcp", "proxy")
    end)

    it("another certificate authority", function()
      clusters:fault("sim-3", { type = "badCertificate" })
      assert.matches('issued by "stranger"', finds(examine "sim-3", "tls", "authority").hint)
    end)

    it("a certificate that has expired", function()
      local port = serve(well(), { notBefore = -9 * DAY, notAfter = -2 * DAY })
      local hint = finds(examineServer(url(port)), "tls", "expired").hint
      assert.matches("it ended on " .. os.date("!%Y%%-%m%%-%d", os.time() - 2 * DAY), hint)
    end)

    it("a certificate that is not valid yet", function()
      finds(examineServer(url(serve(well(), { notBefore = DAY, notAfter = 9 * DAY }))), "tls", "notYetValid")
    end)

    it("a certificate for another name", function()
      local port = serve(well(), { altNames = { "api.example", "10.0.0.1" } })
      assert.matches("it is for api%.example, 10%.0%.0%.1: ", finds(examineServer(url(port)), "tls", "otherName").hint)
    end)

    it("a port without TLS", function()
      finds(examineServer(url(serve(well(), nil, "http"))), "tls", "notTls")
    end)

    it("a port without TLS whose reset overtakes its answer, but not one that cuts TLS", function()
      -- Resets whatever does not begin with GET; to GET it says what is given, or resets too.
      local code = [[
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True)
while True:
  c = s.accept()[0]
  if c.recv(3) == b"GET" and "%s":
    c.recv(4000); c.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n")
  else:
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
  c.close()]]
      for answer, cause in pairs { ["200 OK"] = "notTls", ["400 Bad Request"] = "handshake", [""] = "handshake" } do
        local _ <close>, port = python(code:format(answer, answer))
        finds(examineServer(url(port)), "tls", cause)
      end
    end)

    it("a certificate of ours that cannot be used", function()
      finds(examineServer("https://127.0.0.1:1", { ["client-certificate-data"] = core.base64 "x", ["client-key-data"] = core.base64 "y" }),
        "context", "credentials")
    end)
  end)

  describe("names, of a server that is reached,", function()
    it("https that is asked for over http", function()
      local port = serve(function() return 400, "Client sent an HTTP request to an HTTPS server.\n", "text/plain" end, nil, "http")
      finds(examineServer(url(port, "http"), {}), "answer", "plainHttp")
    end)

    it("a web page of a proxy", function()
      local port = serve(function() return 200, "<html><body>Please log in</body></html>", "text/html" end)
      finds(examineServer(url(port)), "answer", "webPage")
      clusters:fault("sim-1", { type = "status", code = 502 })
      finds(examine "sim-1", "answer", "webPage")
    end)

    it("what is no API server", function()
      finds(examineServer(url(serve(function() return 200, '{"hello":"world"}', "application/json" end))), "answer", "notAnApiServer")
    end)

    it("requests that are not answered", function()
      clusters:fault("sim-1", { type = "hang", path = "/version" })
      finds(examine "sim-1", "answer", "noAnswer")
    end)

    it("a token that is wrong", function()
      local port = serve(function() return 401, '{"kind":"Status","message":"Unauthorized","code":401}', "application/json" end)
      assert.matches("log in again", finds(examineServer(url(port)), "credentials", "unauthorized").hint)
      assert.matches("has no credentials", finds(examineServer(url(port), {}), "credentials", "unauthorized").hint)
    end)

    it("a user who may do nothing", function()
      assert.matches("forbidden", finds(examine "sim-1-nobody", "credentials", "forbidden").text)
    end)

    it("a server that is not ready, with the checks that fail", function()
      clusters:fault("sim-2", { type = "notReady", check = "etcd" })
      assert.matches("not ready %(HTTP 500%): etcd failed", finds(examine "sim-2", "ready", "notReady").text)
      clusters:fault("sim-2", { type = "notReady", check = "etcd" }, { type = "hang", path = "/api/v1/*" })
      finds(examine "sim-2", "ready", "notReady") -- which explains the rest
    end)

    it("a clock that is wrong", function()
      local port = serve(well { Date = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 600) })
      local report = examineServer(url(port))
      assert.matches("6%d%d s ahead of ours", (finds(report, "clock", "clockSkew").text:gsub("59%d s", "600 s")))
      finds(examineServer(url(serve(well { Date = "Mon, 01 Jan 2024 00:00:00 GMT" }))), "clock", "clockSkew")
      assert.equal("ok", examineServer(url(serve(well()))).status)
    end)

    it("certificates that end soon, as a warning", function()
      local port = serve(well(), { notAfter = 5 * DAY + 3600 })
      assert.matches("ends in 5 days", finds(examineServer(url(port)), "certificate", "expiresSoon", "warning").text)
      local certificate, key = authority:issue { commonName = "me", usage = "client", notAfter = 3 * DAY + 3600 }
      local user = { ["client-certificate-data"] = core.base64(certificate), ["client-key-data"] = core.base64(key) }
      finds(examineServer(url(serve(well())), user), "certificate", "clientExpiresSoon", "warning")
    end)

    it("a client certificate that has expired", function()
      local certificate, key = authority:issue { commonName = "me", usage = "client", notBefore = -9 * DAY, notAfter = -DAY }
      local user = { ["client-certificate-data"] = core.base64(certificate), ["client-key-data"] = core.base64(key) }
      finds(examineServer(url(serve(well())), user), "certificate", "clientExpired")
    end)
  end)

  describe("as a program", function()
    local function run(...) return program.run("--kubeconfig", clusters.kubeconfig, ...) end

    it("ends with 0, 3 or 4, as none, some or all contexts have a failure", function()
      assert.equal(0, run("doctor", "sim-?").code)
      clusters:fault("sim-2", { type = "die" })
      local result = run("doctor", "sim-?")
      assert.equal(3, result.code)
      assert.matches("\nsim%-1 +ok +v1[^\n]+ms +364d +364d +[+-]%ds\n", result.out)
      assert.matches("\nsim%-2 +failed +364d +tcp: refused\n", result.out)
      assert.matches("\nsim%-2\n  tcp          FAILED   https://[^\n]*connection refused[^\n]*\n +%-> the host is up", result.out)
      assert.equal(4, run("doctor", "sim-2").code)
    end)

    it("looks at all contexts, unless some are chosen", function()
      local function contexts(...)
        local items = assert(core.json.decode(run(...).out)).items
        local names = {}
        for index, item in ipairs(items) do names[index] = item.context end
        return table.concat(names, " ")
      end
      assert.matches("^sim%-1 sim%-1%-token sim%-1%-nobody sim%-2 ", contexts("doctor", "-o", "json"))
      assert.equal("sim-3", contexts("--context", "sim-3", "doctor", "-o", "json"))
      assert.equal("sim-1 sim-2", contexts("doctor", "-o", "json", "sim-?", "^sim-3"))
    end)

    it("says step by step what it did", function()
      local result = run("doctor", "-v", "sim-1")
      for _, step in ipairs { "context", "name", "tcp", "tls", "certificate", "answer", "clock", "credentials", "ready" } do
        assert.matches("\n  " .. step .. " +ok", result.out)
      end
    end)

    it("writes YAML, and no secret", function()
      local result = run("doctor", "-o", "yaml", "sim-1-token")
      local report = assert(core.yaml.decode(result.out)).items[1]
      assert.equal("ok", report.status)
      assert.equal(9, #report.steps)
      local file <close> = assert(io.open(clusters.kubeconfig))
      assert.is_nil(result.out:find(file:read("a"):match "token: (%S+)", 1, true))
    end)

    it("says what is wrong with how it was called", function()
      local result = run("doctor", "sin-1")
      assert.equal(2, result.code)
      assert.matches("no context matches 'sin%-1'; did you mean 'sim%-1'%?", result.err)
      assert.equal(2, run("doctor", "--timeout", "never").code)
      local empty = program.run("--kubeconfig", "/dev/null", "doctor")
      assert.same({ 1, "moonpool doctor: there is no context: set KUBECONFIG, or give --kubeconfig\n" }, { empty.code, empty.err })
    end)
  end)
end)
