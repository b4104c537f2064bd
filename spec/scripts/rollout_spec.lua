-- rollout_spec.lua: deployments restarted and scaled in waves.
local program = require "spec.support.program"
local scripts = require "spec.support.scripts"

describe("moonpool run rollout", function()
  local clusters = scripts.clusters(setup, teardown, after_each, { pods = 0, troubles = false })

  before_each(function() -- a complete deployment in each
    for _, cluster in ipairs(clusters.fleet.names) do
      local client <close> = clusters:client(cluster)
      client.resources.deployment.delete("web", { namespace = "shop" })
      assert(client.resources.deployment.create { metadata = { name = "web", namespace = "shop", labels = { app = "web" } }, spec = {
        replicas = 2, selector = { matchLabels = { app = "web" } }, template = { metadata = { labels = { app = "web" } },
          spec = { containers = { { name = "web", image = "web" } } } } } })
      assert(client.resources.deployment.wait("web", "Available", { namespace = "shop" }))
    end
  end)

  --- A field of the deployment in each cluster.
  local function each(read)
    local values = {}
    for index, cluster in ipairs(clusters.fleet.names) do
      local client <close> = clusters:client(cluster)
      values[index] = read(assert(client.resources.deployment.get("web", { namespace = "shop" }))) or false
    end
    return values
  end
  local function restarted(deployment)
    local annotations = deployment.spec.template.metadata.annotations
    return annotations and annotations["kubectl.kubernetes.io/restartedAt"] ~= nil
  end
  local function replicas(deployment) return deployment.spec.replicas end

  it("restarts everywhere, and waits until all is available again", function()
    local document, result = clusters:json("rollout", "restart", "-l", "app=web")
    assert.equal("", result.err)
    assert.equal(0, result.code)
    assert.same({ done = 3 }, scripts.tally(document.items, "result"))
    assert.same({ true, true, true }, each(restarted))
  end)

  it("scales what is named", function()
    local document = clusters:json("rollout", "scale", "web", "-n", "shop", "--replicas", "5")
    assert.same({ 2, 5, "done" }, { document.items[1].before, document.items[1].after, document.items[1].result })
    assert.same({ 5, 5, 5 }, each(replicas))
  end)

  it("changes nothing with --dry-run", function()
    local document, result = clusters:json("rollout", "scale", "web", "-n", "shop", "--replicas", "5", "--dry-run")
    assert.equal(0, result.code)
    assert.same({ ["would be done"] = 3 }, scripts.tally(document.items, "result"))
    assert.same({ 2, 2, 2 }, each(replicas))
  end)

  it("goes in waves of the sizes that are given", function()
    local document = clusters:json("rollout", "scale", "web", "-n", "shop", "--replicas", "400", "--timeout", "2s", "--waves", "2,rest")
    assert.equal(2, #document.items)
    assert.same({ 400, 400, 2 }, each(replicas))
    assert.matches("%-%-waves: expected sizes such as 1,10%%,rest, got '1,x'",
      clusters:script("rollout", "restart", "-l", "app=web", "--waves", "1,x").err)
  end)

  it("changes nothing anywhere when one of the clusters is protected", function()
    program.withFile("protected: [sim-3]\n", function(path)
      local function rollout(...)
        local words = { "--config", path, ... }
        for _, word in ipairs { "run", "rollout", "scale", "web", "-n", "shop", "--replicas", "3", "-c", "sim-?" } do
          words[#words + 1] = word
        end
        return clusters:run(table.unpack(words))
      end
      local result = rollout()
      assert.same({ 1, "" }, { result.code, result.out })
      assert.matches("^moonpool run rollout: nothing was changed: sim%-3 is protected; .* %-%-allow%-protected 'sim%-3' run rollout\n$",
        result.err)
      assert.same({ 2, 2, 2 }, each(replicas))
      assert.equal(0, rollout("--allow-protected", "sim-3").code)
      assert.same({ 3, 3, 3 }, each(replicas))
    end)
  end)

  it("stops after the first wave when that does not become available", function()
    local document, result = clusters:json("rollout", "scale", "web", "-n", "shop", "--replicas", "400", "--timeout", "2s")
    assert.equal(4, result.code)
    assert.same({ 1, "330 of 400 replicas are available" }, { #document.items, document.items[1].result })
    assert.matches("\n  sim%-1: shop/web: 330 of 400 replicas are available\n", result.err)
    assert.matches("\n  sim%-2, sim%-3: not started: wave 2 did not begin, because 1 of 1 clusters had failed\n$", result.err)
    assert.same({ 400, 2, 2 }, each(replicas))
  end)

  it("says after Ctrl-C how far it got", function()
    local moonpool = ("%s --kubeconfig %s"):format(program.path, clusters.fleet.kubeconfig)
    local result = program.shell(([[
      %s run rollout scale web -n shop --replicas 400 -c 'sim-?' & pid=$!
      tries=0
      until %s -e 'local web = assert(clusters:client("sim-1").apps.readNamespacedDeployment("web", "shop"))
          os.exit(web.status.replicas == 400)' || [ $tries -gt 200 ]; do
        sleep 0.05; tries=$((tries + 1))
      done
      kill -INT $pid; wait $pid]]):format(moonpool, moonpool))
    assert.equal(130, result.code)
    assert.matches("moonpool run rollout: interrupted, after this:\n  sim%-1/shop/deployment/web: [^\n]+\n$", result.err)
    assert.same({ 400, 2, 2 }, each(replicas))
  end)

  it("does not touch a cluster that is not ready, nor those after it", function()
    clusters.fleet:fault("sim-1", { type = "notReady", check = "etcd" })
    local result = clusters:script("rollout", "restart", "-l", "app=web")
    assert.equal(4, result.code)
    assert.same({ false, false, false }, each(restarted))
  end)

  it("goes on without a cluster that is down where that many may fail", function()
    clusters.fleet:fault("sim-1", { type = "die" })
    local document, result = clusters:json("rollout", "scale", "web", "-n", "shop", "--replicas", "3", "--max-failures", "1")
    assert.equal(3, result.code)
    assert.same({ done = 2 }, scripts.tally(document.items, "result"))
    clusters.fleet:clear()
    assert.same({ 2, 3, 3 }, each(replicas))
  end)

  it("does not begin where a deployment is not complete, unless it is forced", function()
    local client <close> = clusters:client "sim-1"
    assert(client.resources.deployment.patch("web", { status = { availableReplicas = 1 } }, { namespace = "shop", subresource = "status" }))
    local result = clusters:script("rollout", "restart", "-l", "app=web")
    assert.equal(4, result.code)
    assert.matches("sim%-1: nothing was changed: shop/web is not complete as it is: 1 of 2 replicas are available", result.err)
    assert.same({ false, false, false }, each(restarted))
    assert.equal(0, clusters:script("rollout", "restart", "-l", "app=web", "--force").code)
  end)
end)
