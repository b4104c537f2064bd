local core = require("moonpool.core")
local program = require("spec.support.program")

describe("the HTTP server", function()
  local authority, server, handler, pools

  before_each(function()
    authority = core.pki.authority("test-ca")
    pools = {}
    local certificate, key = authority:issue({ commonName = "server", usage = "server", altNames = { "127.0.0.1" } })
    server = assert(core.http.listen({ address = "127.0.0.1", certificate = certificate, key = key, clientCa = authority:certificate(),
      handler = function(exchange, method, target, body)
        if target == "/livez" then return 200, "ok", "text/plain" end -- how pools establish a connection
        return handler(exchange, method, target, body)
      end }))
  end)
  after_each(function()
    for _, pool in ipairs(pools) do pool:dispose() end
    server:close()
  end)

  --- A pool to the server; as the user of a certificate, if there is one.
  local function connect(certificate, key)
    local user = certificate and ("    client-certificate-data: %s\n    client-key-data: %s\n"):format(core.base64(certificate),
      core.base64(key)) or "    token: t\n"
    local kubeConfig = core.KubeConfig()
    assert(kubeConfig:loadFromString(([[
apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: { server: "https://127.0.0.1:%d", certificate-authority-data: %s }
users:
- name: u
  user:
%scontexts:
- name: c
  context: { cluster: c, user: u }
current-context: c
]]):format(server:port(), core.base64(authority:certificate()), user)))
    local pool = assert(core.pool("c", kubeConfig, "c", { enableWarmup = false, minConnections = 0 }))
    pools[#pools + 1] = pool
    return pool
  end

  local function ask(pool, more)
    local request = { method = "GET", path = "/x?y=1", retries = 0, raw = true, timeout = 3000 }
    for name, value in pairs(more or {}) do request[name] = value end
    return pool:call(request)
  end

  it("hands a request over as a whole, and answers what the handler returns", function()
    local seen
    handler = function(exchange, method, target, body)
      seen = { method, target, #body, exchange:header("content-type"), exchange:header("X-None") }
      return 201, "made", "text/plain", { ["X-More"] = "yes" }
    end
    local body, code, headers = ask(connect(), { method = "POST", body = ("b"):rep(200000), contentType = "text/x" })
    assert.are.same({ "POST", "/x?y=1", 200000, "text/x" }, seen)
    assert.are.same({ "made", 201, "yes" }, { body, code, headers["x-more"] })
  end)

  it("waits for an answer that comes later, and streams one that comes in pieces", function()
    handler = function(exchange)
      core.after(20, function()
        exchange:stream(200, "one ", "text/plain")
        core.after(20, function()
          exchange:write("two ")
          exchange:write("three")
          exchange:finish()
        end)
      end)
    end
    assert.are.equal("one two three", (ask(connect())))
  end)

  it("answers 500 for a handler that fails, and goes on", function()
    core.setLogLevel("off")
    handler = function() error("oops") end
    local pool = connect()
    local body, err = ask(pool)
    core.setLogLevel("warn")
    assert.is_nil(body)
    assert.are.equal(500, err.status)
    handler = function() return 200, "fine", "text/plain" end
    assert.are.equal("fine", (ask(pool)))
  end)

  it("tells when an exchange is over, and forgives late answers", function()
    local closed, kept = 0, nil
    handler = function(exchange)
      kept = exchange
      exchange:onClose(function() closed = closed + 1 end)
    end
    assert.is_nil((ask(connect(), { timeout = 300 })))
    for _ = 1, 100 do
      if closed > 0 then break end
      core.sleep(10)
    end
    assert.are.equal(1, closed)
    assert.is_false(kept:isOpen())
    kept:answer(200, "late", "text/plain")
  end)

  describe("knows a client", function()
    local function identity(certificate, key)
      handler = function(exchange)
        local name, organizations = exchange:identity()
        return 200, tostring(name) .. " " .. table.concat(organizations or {}, ","), "text/plain"
      end
      return (ask(connect(certificate, key)))
    end

    it("by a certificate of its authority", function()
      assert.are.equal("jane a,b", identity(authority:issue({ commonName = "jane", organizations = { "a", "b" }, usage = "client" })))
    end)

    it("not when the certificate expired, is for a server, or is somebody else's", function()
      assert.are.equal("false ", identity(authority:issue({ commonName = "jane", usage = "client", notBefore = -7200, notAfter = -3600 })))
      assert.are.equal("false ", identity(authority:issue({ commonName = "jane", usage = "server" })))
      assert.are.equal("false ", identity(core.pki.authority("other"):issue({ commonName = "jane", usage = "client" })))
    end)

    it("not when there is none", function()
      assert.are.equal("nil ", identity())
    end)
  end)

  it("counts connections, and can reset them all", function()
    handler = function() return 200, "", "text/plain" end
    local pool = connect()
    for _ = 1, 3 do ask(pool) end
    assert.are.same({ accepted = 1, open = 1 }, server:stats())
    server:dropConnections()
    core.sleep(30)
    assert.are.same({ accepted = 1, open = 0 }, server:stats())
  end)

  describe("when it is frozen", function()
    before_each(function()
      handler = function() return 200, "fine", "text/plain" end
    end)

    it("answers nothing, neither over connections that it has nor over new ones, and all of it when it goes on", function()
      local pool, answers = connect(), {}
      assert.are.equal("fine", (ask(pool)))
      assert(server:setListening("freeze"))
      local other = connect()
      local tasks = {}
      for _, each in ipairs({ pool, other }) do
        tasks[#tasks + 1] = core.spawn(function()
          local answer = ask(each)
          answers[#answers + 1] = answer
        end)
      end
      core.sleep(100)
      assert.are.same({ {}, 1 }, { answers, server:stats().accepted })
      assert(server:setListening("accept"))
      for _, task in ipairs(tasks) do task:join() end
      assert.are.same({ "fine", "fine" }, answers)
    end)

    it("can be frozen by the handler, shown another certificate, cut its connections, and close", function()
      handler = function()
        assert(server:setListening("freeze"))
        return 200, "late", "text/plain"
      end
      local pool = connect()
      local task = core.spawn(function() return ask(pool) end)
      core.sleep(50)
      local certificate, key = authority:issue({ commonName = "server", usage = "server", altNames = { "127.0.0.1" } })
      assert(server:setCertificate(certificate, key))
      assert(server:setListening("stall"))
      assert.are.equal("late", (task:join()))
      assert(server:setListening("freeze"))
      server:dropConnections()
      assert(server:setListening("refuse"))
      core.sleep(30)
      assert.are.same({ 1, 0 }, { server:stats().accepted, server:stats().open })
      assert(server:setListening("freeze"))
    end)
  end)

  it("keeps its port while it refuses connections", function()
    handler = function() return 200, "fine", "text/plain" end
    local pool = connect()
    assert(server:setListening("refuse"))
    local _, err = ask(pool)
    assert.matches("connection refused", err.message)
    local bound = program.shell(("python3 -c 'import socket; socket.socket().bind((\"127.0.0.1\", %d))'"):format(server:port()))
    assert.matches("Address already in use", bound.err)
    assert(server:setListening("accept"))
    assert.are.equal("fine", (ask(pool)))
  end)

  it("says why it cannot listen", function()
    local certificate, key = authority:issue({ commonName = "server", usage = "server" })
    local result, problem = core.http.listen({ address = "127.0.0.1", port = server:port(), certificate = certificate, key = key,
      handler = print })
    assert.is_nil(result)
    assert.are.equal(("cannot listen on 127.0.0.1 port %d: Address already in use"):format(server:port()), problem)
    result, problem = core.http.listen({ address = "here", handler = print })
    assert.is_nil(result)
    assert.are.equal('cannot listen on "here": expected an IPv4 or IPv6 address', problem)
    result, problem = core.http.listen({ address = "127.0.0.1", certificate = "x", key = "y", handler = print })
    assert.is_nil(result)
    assert.are.equal("cannot start an HTTP server: its certificate or key is not usable", problem)
  end)
end)
