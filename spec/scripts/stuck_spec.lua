-- stuck_spec.lua: pods that do not get anywhere.
local scripts = require "spec.support.scripts"

describe("moonpool run stuck", function()
  local clusters = scripts.clusters(setup, teardown, after_each, { pods = 0 })

  local function causes(rows, cluster)
    local found = {}
    for _, row in ipairs(rows) do
      if row.cluster == cluster then found[row.name:match "^%a+"] = row.status .. ": " .. row.cause end
    end
    return found
  end

  it("names the likely cause of each", function()
    local document, result = clusters:json "stuck"
    assert.equal(0, result.code)
    assert.equal(12, #document.items)
    local found = causes(document.items, "sim-2")
    assert.matches("^ImagePullBackOff: printer: the image cannot be pulled: .*registry%.example/printer:v9", found.printer)
    assert.matches("^CrashLoopBackOff: indexer: the container ends again and again: .*exit code 3$", found.indexer)
    assert.matches("^OOMKilled: resizer uses more memory than its limit", found.resizer)
    assert.matches("^Unschedulable: no node takes it: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu", found.trainer)
  end)

  it("leaves young pods, and those that are well, alone", function()
    assert.equal(0, #clusters:json("stuck", "--older", "3d").items)
    assert.equal(0, #clusters:json("stuck", "-n", "core").items)
  end)

  it("ends with 1 for --check", function()
    assert.equal(1, clusters:script("stuck", "--check").code)
    assert.equal(0, clusters:script("stuck", "--check", "-n", "core").code)
  end)

  it("ends with 3 rather, where a cluster is down", function()
    clusters.fleet:fault("sim-3", { type = "die" })
    local document, result = clusters:json("stuck", "--check")
    assert.equal(8, #document.items)
    assert.equal(3, result.code)
    assert.matches("\n  sim%-3: ", result.err)
  end)

  it("sees pods that do not go away, and those that are not ready", function()
    local client <close> = clusters:client "sim-1"
    local function make(name, finalizers, node)
      assert(client.resources.pod.create { metadata = { name = name, namespace = "growth", finalizers = finalizers },
        spec = { nodeName = node, containers = { { name = "main", image = "main" } } } })
      assert(client.resources.pod.patch(name, { status = { phase = "Running", conditions = { { type = "Ready", status = "False",
        message = "containers with unready status: [main]" } }, containerStatuses = { { name = "main", image = "main", imageID = "",
        ready = false, restartCount = 0, state = { running = {} }, lastState = {} } } } },
        { namespace = "growth", subresource = "status" }))
    end
    make "late"
    make("stays", { "example.com/hold" })
    assert(client.resources.pod.delete("stays", { namespace = "growth", gracePeriodSeconds = 0 }))
    local rows = clusters:json("stuck", "-n", "growth", "--older", "0s").items
    assert.same({ "NotReady", "containers with unready status: [main]" }, { rows[1].status, rows[1].cause })
    local function put(kind, object)
      object.metadata.namespace = kind == "event" and "growth" or nil
      assert(client.resources[kind].create(object))
    end
    local pod = assert(client.resources.pod.get("late", { namespace = "growth" }))
    for minute, message in ipairs { "an older one", "Readiness probe failed: HTTP 503" } do
      put("event", { metadata = { name = "late." .. minute }, type = "Warning", reason = "Unhealthy", message = message,
        lastTimestamp = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 600 + 60 * minute),
        involvedObject = { kind = "Pod", name = "late", namespace = "growth", uid = pod.metadata.uid } })
    end
    local explained = clusters:json("stuck", "-n", "growth", "--older", "0s").items[1].cause
    assert.equal("containers with unready status: [main]; Unhealthy: Readiness probe failed: HTTP 503", explained)
    make("on-lost", nil, "lost")
    local function strayCause() return clusters:json("stuck", "-n", "growth", "--older", "0s").items[2].cause end
    assert.equal("its node lost is gone", strayCause())
    put("node", { metadata = { name = "lost" } })
    assert(client.resources.node.patch("lost", { status = { conditions = { { type = "Ready", status = "Unknown",
      reason = "NodeStatusUnknown", message = "Kubelet stopped posting node status." } } } }, { subresource = "status" }))
    assert.equal("its node lost is not ready: Kubelet stopped posting node status.", strayCause())
    assert.same({ "Terminating", "waits for its finalizers: example.com/hold" }, { rows[2].status, rows[2].cause })
  end)

  it("gives a pod that was ready some time", function()
    local client <close> = clusters:client "sim-3"
    local name = assert(client.resources.pod.list { namespace = "shop", labelSelector = "app=indexer" }).items[1].metadata.name
    local function status(ago)
      assert(client.resources.pod.patch(name, { status = { phase = "Running", containerStatuses = { { name = "indexer", image = "i",
        imageID = "", ready = false, restartCount = 0, state = { running = {} }, lastState = {} } },
        conditions = { { type = "Ready", status = "False", lastTransitionTime = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - ago) } } } },
        { namespace = "shop", subresource = "status", patchType = "merge" }))
      return causes(clusters:json("stuck", "-n", "shop").items, "sim-3").indexer
    end
    assert.is_nil(status(60))
    assert.matches("^NotReady: its readiness probe fails", status(600))
  end)
end)
