-- protected_spec.lua: protected contexts: nothing is changed in them by accident, whatever makes the call, and who means it can.
local fleet = require "spec.support.fleet"
local program = require "spec.support.program"
local terminal = require "spec.support.terminal"

describe("a protected context", function()
  local clusters, file

  setup(function()
    clusters = fleet.start { clusters = 3, pods = 4, users = true }
    file = os.tmpname()
    local out <close> = assert(io.open(file, "wb"))
    out:write "groups: { careful: [sim-2, sim-2-token] }\nprotected: '@careful'\n"
  end)
  teardown(function()
    clusters:close()
    os.remove(file)
  end)

  local function run(...) return program.run("--config", file, "--kubeconfig", clusters.kubeconfig, ...) end

  --- How many requests a cluster has had that were no reads.
  local function writes(name)
    local count = 0
    for request, times in pairs(clusters:stats(name).requests) do
      if not request:find "^GET " then count = count + times end
    end
    return count
  end

  before_each(function() clusters:resetStats() end)

  local calls = [[
    local moonpool = require "moonpool"
    local core = require "moonpool.core"
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromDefault())
    local object = { metadata = { name = "x" } }
    local single = assert(moonpool.KubernetesClient { context = "sim-2" })
    local pool = assert(moonpool.ConnectionPool("sim-2", function() return kubeConfig end))
    local own = moonpool.ConnectionManager { failoverWrites = true }
    assert(own:addCluster { name = "another name", context = "sim-2-token" })
    local whole = moonpool.KubeConfig()
    assert(whole:loadFromDefault())
    assert(whole:setCurrentContext "sim-2")
    local request = { method = "POST", path = "/api/v1/namespaces", body = object }
    local asText = { method = "DELETE", path = "/api/v1/namespaces/x", contentType = "application/json", body = "{}" }
    local ways = {
      create = function() return single.core.createNamespace(object) end,
      delete = function() return single.resources.namespaces.delete("x") end,
      patch = function() return single.resources.namespaces.patch("x", { metadata = { labels = { a = "b" } } }) end,
      apply = function() return single.resources.namespaces.apply(object) end,
      collection = function() return single.core.deleteCollectionNamespacedConfigMap("default") end,
      exec = function() return single.core.connectGetNamespacedPodExec("p", "default", { command = "ls" }) end,
      raw = function() return single:request(request) end,
      strict = function() return clusters:client("sim-2"):request(request) end,
      among = function() return clusters:client("sim-[2]"):request(request) end,
      each = function()
        local result = assert(clusters:each(function(client) return client:request(request) end, { clusters = "sim-2" }))["sim-2"]
        return result.value, result.err
      end,
      named = function() return own:client("another name"):request(request) end,
      balanced = function() return own:client():request(request) end,
      kubeConfig = function() return assert(whole:makeApiClient(moonpool.CoreV1Api)).createNamespace(object) end,
      poolHandle = function()
        local connection <close> = assert(pool:acquire())
        return core.poolOf(connection):call(asText)
      end,
      connection = function()
        local connection <close> = assert(pool:acquire())
        return connection:call(asText)
      end,
      api = function()
        local connection <close> = assert(pool:acquire())
        return connection:makeApiClient(moonpool.CoreV1Api).createNamespace(object)
      end,
      lease = function()
        local lease <close> = assert(clusters:lease "sim-2")
        return lease.connection:makeApiClient(moonpool.CoreV1Api).createNamespace(object)
      end,
      stream = function()
        local connection <close> = assert(pool:acquire())
        return connection:stream(asText)
      end,
    }
  ]]

  it("gets no write from a script, whichever way it takes", function()
    local result = run("--context", "sim-2", "-e", calls .. [[
      for name, way in pairs(ways) do
        local value, err = way()
        assert(value == nil and err.kind == "forbidden", name .. ": " .. tostring(err))
        assert(err.message:find("is protected; to change something in it, start with: moonpool --allow-protected", 1, true), err.message)
      end
      assert(single.core.listNamespace())
      local _, review = single:request { method = "POST", path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body = {} }
      assert(review.kind == "notFound", tostring(review)) -- a question: simulated clusters do not know it]])
    assert.equal("", result.err)
    assert.equal(1, writes "sim-2") -- the review
  end)

  it("is refused by a call that chooses among several when it is chosen, and not when another is", function()
    local result = run("--context", "sim-?", "-e", [[
      local counts = {}
      clusters:checkHealth() -- those that are known to be healthy go before others
      for index = 1, 6 do
        local _, err, answer = clusters:client().core.createNamespace { metadata = { name = "among-" .. index } }
        local cluster = err and err.cluster .. ":" .. err.kind or answer.cluster
        counts[cluster] = (counts[cluster] or 0) + 1
      end
      print(counts["sim-1"], counts["sim-2:forbidden"], counts["sim-3"])]])
    assert.equal("2\t2\t2\n", result.out)
    assert.equal(0, writes "sim-2")
  end)

  it("takes dry runs", function()
    local result = run("--context", "sim-2", "-e", [[
      local client = clusters:client "sim-2"
      assert(client.core.createNamespace({ metadata = { name = "dry" } }, { dryRun = true }))
      assert(client.resources.namespaces.delete("default", { dryRun = true }))
      assert(client:request { method = "DELETE", path = "/api/v1/namespaces/default", query = { dryRun = "All" } })
      assert(client.resources.namespaces.get "default")
      local _, err = client.resources.namespaces.get "dry"
      print(err.kind)]])
    assert.equal("", result.err)
    assert.equal("notFound\n", result.out)
  end)

  it("takes writes where the program was told to let them through", function()
    local code = "print(select(2, clusters:client('sim-2').core.createNamespace { metadata = { name = '%s' } }))"
    assert.equal("nil\n", run("--context", "sim-2", "--allow-protected", "sim-2", "-e", code:format "one").out)
    assert.equal("nil\n", run("--context", "sim-2", "--allow-protected", "@careful", "-e", code:format "two").out)
    assert.matches("is protected", run("--context", "sim-2", "--allow-protected", "sim-1", "-e", code:format "three").out)
    local wrong = run("--allow-protected", "@nobody", "-e", "print 'ran'")
    assert.equal(2, wrong.code)
    assert.equal('moonpool: --allow-protected: cluster pattern "@nobody": there is no group of that name\n'
      .. "Try 'moonpool --help'.\n", wrong.err)
  end)

  it("takes none where the program is read-only, allowed or not; dry runs it takes", function()
    local result = run("--read-only", "--allow-protected", "*", "--context", "sim-2", "-e", [[
      local client = clusters:client "sim-2"
      print(select(2, client.core.createNamespace { metadata = { name = "x" } }).kind)
      print(client.resources.namespaces.delete("default", { dryRun = true }) ~= nil)]])
    assert.equal("forbidden\ntrue\n", result.out)
  end)

  it("fails in a shipped script that writes, which says why; --allow-protected and --dry-run let it run", function()
    clusters:resetStats()
    local client = assert(require("moonpool").KubernetesClient { kubeConfigPath = clusters.kubeconfig, context = "sim-2" })
    local deployment = assert(client.apps.listDeploymentForAllNamespaces()).items[1].metadata
    client:dispose()
    local function restart(...)
      return run("run", "rollout", "restart", deployment.name, "-n", deployment.namespace, "--clusters", "sim-2", "--timeout", "20s",
        "--force", ...)
    end
    local refused = restart()
    assert.equal(1, refused.code)
    assert.truthy(refused.err:find("nothing was changed: sim-2 is protected; to change something in it, start with: moonpool "
      .. "--allow-protected 'sim-2' run rollout", 1, true), refused.err)
    assert.equal(0, writes "sim-2")
    assert.equal(0, restart("--dry-run").code)
    assert.equal(0, restart("--allow-protected", "sim-2").code)
  end)

  it("asks at the prompt for its name to be typed, once for a statement", function()
    local term <close> = terminal.start { kubeconfig = clusters.kubeconfig, columns = 140, rows = 30,
      arguments = ("--config %s --context sim-2"):format(file) }
    term:line "client.core.createNamespace { metadata = { name = 'typed-1' } }"
    term:waitFor "changes something in sim%-2, which is protected. To go on, type its name: *$"
    term:line "y"
    term:waitFor "^error: .*not sent: sim%-2 is protected, and its name was not typed"
    assert.equal(0, writes "sim-2")
    term:line ":set confirm off"
    term:line "for i = 2, 3 do assert(client.core.createNamespace { metadata = { name = 'typed-' .. i } }) end print 'both'"
    term:waitUntil("the second question", function() return select(2, term:screen():gsub("type its name:", "")) == 2 end)
    term:line "sim-2"
    term:waitFor "^both$"
    assert.equal(2, writes "sim-2")
    term:line "client.core.createNamespace({ metadata = { name = 'typed-4' } }, { dryRun = true }).metadata.name"
    term:waitFor "^typed%-4$"
    term:line "require('moonpool.core').spawn(function() print(client.core.createNamespace { metadata = { name = 'typed-5' } }) end)"
    term:waitUntil("an answer, or a question", function()
      return term:screen():find("%-%-allow%-protected") or select(2, term:screen():gsub("type its name:", "")) == 3
    end)
    assert.equal(3, writes "sim-2") -- with the dry run
  end)

  it("asks for each name where a call may go to several, also in a fan-out", function()
    local term <close> = terminal.start { kubeconfig = clusters.kubeconfig, columns = 140, rows = 40,
      arguments = ("--config %s --context 'sim-[12]'"):format(file) }
    term:line "#clusters:each(function(c) return c.core.createNamespace { metadata = { name = 'fan' } } end).succeeded"
    term:waitFor "Go on%? %[y/N%] *$"
    term:line "y"
    term:waitFor "type its name: *$"
    term:line "sim-2"
    term:waitFor "^2$"
  end)
end)
