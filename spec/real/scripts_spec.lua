-- scripts_spec.lua: the scripts that ship, and the doctor, on real clusters.
local core = require "moonpool.core"
local moonpool = require "moonpool"
local eventually = require "spec.support.eventually"
local process = require "spec.support.process"
local program = require "spec.support.program"

local path = os.getenv "MOONPOOL_TEST_KUBECONFIG"
local NAMESPACE = "moonpool-scripts"
local CONTEXTS = { "real-1", "real-2" }

describe("on real clusters", function()
  local function run(...) return program.run("--kubeconfig", path, "--context", CONTEXTS[1], "--context", CONTEXTS[2], ...) end

  local function items(...)
    local result = run(...)
    assert.equal("", result.err)
    return assert(core.json.decode(result.out)).items, result
  end

  local function eachCluster(fn)
    for _, context in ipairs(CONTEXTS) do
      local client <close> = assert(moonpool.KubernetesClient { kubeConfigPath = path, context = context })
      fn(client, context)
    end
  end

  setup(function()
    local certificate, key = core.pki.authority("spec"):issue { commonName = "web.example", usage = "server", notAfter = 5 * 86400 + 3600 }
    eachCluster(function(client, context)
      client.core.createNamespace { metadata = { name = NAMESPACE } }
      local function put(kind, object)
        object.metadata.namespace = NAMESPACE
        client.resources[kind].delete(object.metadata.name, { namespace = NAMESPACE })
        assert(client.resources[kind].create(object))
      end
      put("secret", { metadata = { name = "web-tls" }, type = "kubernetes.io/tls",
        data = { ["tls.crt"] = core.base64(certificate), ["tls.key"] = core.base64(key) } })
      put("configmap", { metadata = { name = "flags" }, data = { cluster = context } })
      put("event", { metadata = { name = "made-up" }, type = "Warning", reason = "MadeUp", message = "for a spec",
        lastTimestamp = os.date "!%Y-%m-%dT%H:%M:%SZ", involvedObject = { kind = "Pod", name = "web", namespace = NAMESPACE } })
      put("deployment", { metadata = { name = "web", labels = { app = "web" } }, spec = { replicas = 0,
        selector = { matchLabels = { app = "web" } }, template = { metadata = { labels = { app = "web" } },
          spec = { containers = { { name = "web", image = "example/web:1" } } } } } })
      assert(client.resources.deployment.wait("web", function(deployment)
        return deployment.status and deployment.status.observedGeneration == deployment.metadata.generation
      end, { namespace = NAMESPACE, timeout = 90000 })) -- a controller whose server was away comes back after up to a minute
    end)
  end)

  teardown(function()
    eachCluster(function(client) client.core.deleteNamespace(NAMESPACE) end)
  end)

  it("inventory counts", function()
    local rows = items("run", "inventory", "-o", "json")
    assert.same(CONTEXTS, { rows[1].cluster, rows[2].cluster })
    assert.matches("^v1%.", rows[1].version)
    assert.is_true(rows[1].namespaces >= 5)
  end)

  it("find finds", function()
    assert.equal("real-1/moonpool-scripts/deployment/web\nreal-2/moonpool-scripts/deployment/web\n",
      run("run", "find", "--image", "example/web:*", "-o", "name", "-k", "deployment").out)
  end)

  it("events tells", function()
    local rows = items("run", "events", "-n", NAMESPACE, "--warnings", "-o", "json")
    assert.same({ "MadeUp", "MadeUp", 2 }, { rows[1].reason, rows[2].reason, #rows })
  end)

  it("events goes on with what happens", function()
    local events = process.start(("%s --kubeconfig %s run events -c real-1 -c real-2 -n %s --follow -o name"):format(program.path, path,
      NAMESPACE))
    process.waitUntil(function() return events:text():find "real%-1/[^\n]+\n" and events:text():find "real%-2/[^\n]+\n" end, "the list")
    eachCluster(function(client, context)
      client.resources.event.delete("follow", { namespace = NAMESPACE })
      assert(client.resources.event.create { metadata = { name = "follow", namespace = NAMESPACE }, type = "Normal", reason = "Tried",
        lastTimestamp = os.date "!%Y-%m-%dT%H:%M:%SZ",
        involvedObject = { kind = "Pod", name = "seen-" .. context, namespace = NAMESPACE } })
      local line = ("%s/%s/pod/seen-%s\n"):format(context, NAMESPACE, context)
      process.waitUntil(function() return events:text():find(line, 1, true) end, line)
    end)
    assert.equal(130, events:stop())
  end)

  it("expiry sees what ends", function()
    local kinds = {}
    for _, row in ipairs(items("run", "expiry", "-n", NAMESPACE, "--within", "4000d", "-o", "json")) do kinds[row.kind] = true end
    assert.same({ Secret = true, Kubeconfig = true, Server = true }, kinds)
    local rows = items("run", "expiry", "-n", NAMESPACE, "--within", "10d", "-o", "json")
    assert.same({ 2, 5, "web.example" }, { #rows, rows[1].daysLeft, rows[2].subject })
  end)

  it("drift compares", function()
    local rows = items("run", "drift", "configmap/flags", "-n", NAMESPACE, "-o", "json")
    assert.same({ 1, "data.cluster", "real-2", "real-1" }, { #rows, rows[1].field, rows[1].value, rows[1].baseValue })
    assert.equal(0, #items("run", "drift", "secret/web-tls", "-n", NAMESPACE, "-o", "json"))
  end)

  it("rollout restarts and scales, and stuck finds the pods that no node takes", function()
    local rows = items("run", "rollout", "restart", "web", "-n", NAMESPACE, "-o", "json")
    assert.same({ "done", "done" }, { rows[1].result, rows[2].result })
    local failed = run("run", "rollout", "scale", "web", "--replicas", "1", "-n", NAMESPACE, "--timeout", "3s", "--max-failures", "2")
    assert.equal(4, failed.code)
    assert.matches("0 of 1 replicas are available", failed.err)
    local stuck
    eventually(20000, "a pod in each cluster", function() -- a controller makes them, when it comes to it
      stuck = items("run", "stuck", "-n", NAMESPACE, "--older", "0s", "-o", "json")
      return #stuck == 2
    end)
    assert.equal("Pending", stuck[1].status)
    assert.equal(0, run("run", "rollout", "scale", "web", "--replicas", "0", "-n", NAMESPACE, "--force").code)
  end)

  it("doctor is content with good contexts, and names what is wrong with others", function()
    assert.equal(0, run("doctor").code)
    local nobody = program.run("--kubeconfig", path, "doctor", "-o", "json", "real-1-nobody")
    assert.equal(4, nobody.code)
    local causes = {}
    for _, step in ipairs(assert(core.json.decode(nobody.out)).items[1].steps) do causes[#causes + 1] = step.cause end
    assert.same({ "forbidden" }, causes)
    local wrong = io.open(path):read("a"):gsub("token: [^}]+", "token: wrong")
    local refused = program.withFile(wrong, function(name) return program.run("--kubeconfig", name, "doctor", "real-1-token") end)
    assert.matches("credentials: unauthorized", refused.out)
    local plain = io.open(path):read("a"):gsub("server: 'https", "server: 'http"):gsub(", certificate%-authority%-data: [^}]+", "")
    local http = program.withFile(plain, function(name) return program.run("--kubeconfig", name, "doctor", "real-1") end)
    assert.matches("answer: plainHttp", http.out)
  end)
end)
