-- What is tried again, and what never is: counted where it arrives.
local core = require "moonpool.core"
local moonpool = require "moonpool"
local sim = require "spec.support.sim"

describe("a call that fails", function()
  local clusters, client
  local LIST = "GET /api/v1/namespaces"

  local function arrived(what) return clusters:stats("sim-1").requests[what] or 0 end

  local function faults(...)
    clusters:resetStats "sim-1"
    clusters:faults("sim-1", { ... })
  end

  local function timed(call, ...)
    local start = core.now()
    local result, err = call(...)
    return core.now() - start, result, err
  end

  lazy_setup(function()
    clusters = sim.start { clusters = 2, pods = 0 }
    client = assert(moonpool.KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-1" })
    assert(client.core.listNamespace())
  end)
  lazy_teardown(function()
    client:dispose()
    clusters:stop()
  end)
  before_each(function() faults() end)

  describe("because the connection was reset", function()
    it("in the middle of the answer is repeated when it reads", function()
      faults { type = "reset", afterBytes = 40, count = 2, path = "/api/v1/namespaces" }
      local list = assert(client.core.listNamespace())
      assert.equal("NamespaceList", list.kind)
      assert.equal(3, arrived(LIST))
    end)

    it("is given up after four attempts, and says so", function()
      faults { type = "reset", afterBytes = 40, path = "/api/v1/namespaces" }
      local none, err = client.core.listNamespace()
      assert.is_nil(none)
      assert.same({ "connect", 4 }, { err.kind, err.attempts })
      assert.matches("^GET https://127%.0%.0%.1:%d+/api/v1/namespaces: the connection was lost in the middle of the answer, "
        .. "after 40 bytes: ", err.message)
      assert.equal(4, arrived(LIST))
    end)

    it("is repeated as often as `retries` says, and never with 0", function()
      faults { type = "reset", afterBytes = 40, path = "/api/v1/namespaces" }
      local _, err = client.core.listNamespace { retries = 0 }
      assert.same({ 1, 1 }, { err.attempts, arrived(LIST) })
      _, err = client.core.listNamespace { retries = 1 }
      assert.same({ 2, 3 }, { err.attempts, arrived(LIST) })
    end)

    it("is not repeated when it writes: it arrives once, and the error says that the outcome is unknown", function()
      faults { type = "reset", method = "POST", afterBytes = 10 }
      local none, err = client.core.createNamespace { metadata = { name = "once" } }
      assert.is_nil(none)
      assert.same({ "connect", 1 }, { err.kind, err.attempts })
      assert.matches("; the outcome is unknown: the server may have carried it out$", err.message)
      faults()
      assert(client.core.readNamespace "once") -- as it had been
      faults { type = "reset", method = "DELETE", afterBytes = 0 }
      none, err = client.core.deleteNamespace "once"
      assert.is_nil(none)
      assert.matches("; the outcome is unknown", err.message, 1, true)
      assert.equal(1, arrived "DELETE /api/v1/namespaces/once")
      faults { type = "reset", method = "PATCH", afterBytes = 0 }
      assert.is_nil((client.core.patchNamespace("default", { metadata = { labels = { a = "b" } } })))
      assert.equal(1, arrived "PATCH /api/v1/namespaces/default")
    end)

    it("is not repeated on a connection that somebody has leased", function()
      faults { type = "reset", afterBytes = 40, count = 1, path = "/api/v1/namespaces" }
      local pool <close> = assert(moonpool.ConnectionPool("sim-1", function()
        local kubeConfig = moonpool.KubeConfig()
        assert(kubeConfig:loadFromFile(clusters.kubeconfig))
        return kubeConfig
      end))
      local lease <close> = assert(pool:acquire())
      local _, err = lease:makeApiClient(moonpool.CoreV1Api).listNamespace()
      assert.same({ "connect", 1 }, { err.kind, err.attempts })
      assert.equal(1, arrived(LIST))
    end)
  end)

  it("because its connection was closed while idle is hardly noticed by a write, which never arrives twice", function()
    local count = 0
    for round = 1, 10 do
      clusters:control("sim-1", "POST", "drop")
      local name = "after-drop-" .. round
      local made, err = client.core.createNamespace { metadata = { name = name } }
      if made then count = count + 1 else assert.equal("connect", err.kind) end -- cut under it, or while a new one was made
    end
    local times = arrived "POST /api/v1/namespaces"
    assert.is_true(times >= count and times <= 10, ("%d made, %d arrived"):format(count, times))
  end)

  describe("with 429", function()
    it("waits as long as Retry-After says, whatever the method", function()
      for _, method in ipairs { "GET", "POST", "DELETE" } do
        faults { type = "status", code = 429, retryAfter = 1, count = 1, method = method, path = "/api/v1/namespaces*" }
        local took, result
        if method == "GET" then
          took, result = timed(client.core.listNamespace)
        elseif method == "POST" then
          took, result = timed(client.core.createNamespace, { metadata = { name = "patient" } })
        else
          took, result = timed(client.core.deleteNamespace, "patient")
        end
        assert.is_table(result)
        assert.is_true(took >= 990 and took < 1600, ("%s came after %d ms"):format(method, took))
      end
    end)

    it("is repeated soon where the server says nothing about when", function()
      faults { type = "status", code = 429, count = 2, path = "/api/v1/namespaces" }
      local took, result = timed(client.core.listNamespace)
      assert.is_table(result)
      assert.is_true(took >= 100 and took < 900, took)
      assert.equal(3, arrived(LIST))
    end)

    it("ends at once where the wait would outlast the deadline, and says how long it would be", function()
      faults { type = "status", code = 429, retryAfter = 30, path = "/api/v1/namespaces" }
      local took, none, err = timed(client.core.listNamespace, { timeout = 2000 })
      assert.is_nil(none)
      assert.is_true(took < 500)
      assert.same({ "tooManyRequests", 429, 30000, 1 }, { err.kind, err.status, err.retryAfter, err.attempts })
      assert.equal("sim-1: Too many requests, please try again later. (tooManyRequests, HTTP 429)", tostring(err))
    end)

    it("is final with retries = 0", function()
      faults { type = "status", code = 429, retryAfter = 0, path = "/api/v1/namespaces" }
      local _, err = client.core.listNamespace { retries = 0 }
      assert.same({ "tooManyRequests", 1, 1 }, { err.kind, err.attempts, arrived(LIST) })
    end)

    it("is repeated nine times where the server says when", function()
      faults { type = "status", code = 429, retryAfter = 0, path = "/api/v1/namespaces" }
      local _, err = client.core.listNamespace()
      assert.same({ "tooManyRequests", 10, 10 }, { err.kind, err.attempts, arrived(LIST) })
    end)
  end)

  describe("with 503", function()
    it("and Retry-After is repeated then, a write too", function()
      faults { type = "status", code = 503, retryAfter = 1, count = 1, method = "POST" }
      local took, made = timed(client.core.createNamespace, { metadata = { name = "later" } })
      assert.is_table(made)
      assert.is_true(took >= 990 and took < 1600, took)
      assert.equal(2, arrived "POST /api/v1/namespaces")
    end)

    it("alone is final", function()
      faults { type = "status", code = 503, path = "/api/v1/namespaces" }
      local _, err = client.core.listNamespace()
      assert.same({ "server", 503, 1, 1 }, { err.kind, err.status, err.attempts, arrived(LIST) })
    end)
  end)

  it("with another 5xx is final", function()
    for _, code in ipairs { 500, 502, 504 } do
      faults { type = "status", code = code, path = "/api/v1/namespaces" }
      local _, err = client.core.listNamespace()
      assert.same({ "server", code, 1, 1 }, { err.kind, err.status, err.attempts, arrived(LIST) })
    end
  end)

  it("for lack of an answer ends at its timeout, whether it reads or writes", function()
    faults { type = "hang", path = "/api/v1/namespaces" }
    local took, _, err = timed(client.core.listNamespace, { timeout = 200 })
    assert.is_true(took >= 190 and took < 600, took)
    assert.equal("timeout", err.kind)
    took, _, err = timed(client.core.createNamespace, { metadata = { name = "hung" } }, { timeout = 200 })
    assert.is_true(took >= 190 and took < 600, took)
    assert.equal("timeout", err.kind)
    assert.matches("no answer within %d+ ms; the outcome is unknown: the server may have carried it out$", err.message)
  end)
end)
