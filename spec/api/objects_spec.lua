local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"

local function deployment(name)
  return {
    apiVersion = "apps/v1", kind = "Deployment",
    metadata = { name = name, labels = { app = name } },
    spec = {
      replicas = 0,
      selector = { matchLabels = { app = name } },
      strategy = { type = "RollingUpdate", rollingUpdate = { maxSurge = "25%", maxUnavailable = 1 } },
      template = {
        metadata = { labels = { app = name } },
        spec = {
          volumes = { { name = "tmp", emptyDir = {} } },
          containers = { { name = "main", image = "web:1", command = moonpool.array {}, ports = { { containerPort = 80 } },
            livenessProbe = { httpGet = { path = "/", port = "http" } },
            readinessProbe = { httpGet = { path = "/", port = 8080 } },
            volumeMounts = { { name = "tmp", mountPath = "/tmp" } } } },
        },
      },
    },
  }
end

describe("objects", function()
  local client, namespace, config, deployments

  lazy_setup(function()
    clusters.start()
    client = clusters.client()
    namespace = clusters.namespace(client)
    config, deployments = client.resources.configMap, client.resources.deployment
  end)
  lazy_teardown(function()
    client.core.deleteNamespace(namespace)
    client:dispose()
    clusters.stop()
  end)

  local function fresh(data)
    local name = clusters.name "config"
    return assert(config.create({ metadata = { name = name }, data = data }, { namespace = namespace }))
  end

  local function failure(value, err)
    assert.is_nil(value)
    return err
  end

  it("are created, read, replaced and deleted", function()
    local object = fresh { a = "1" }
    assert.equal("ConfigMap", object.kind)
    assert.same({ a = "1" }, assert(config.get(object.metadata.name, { namespace = namespace })).data)
    object.data.b = "2"
    local replaced = assert(config.replace(object))
    assert.same({ a = "1", b = "2" }, replaced.data)
    assert.are_not.equal(object.metadata.resourceVersion, replaced.metadata.resourceVersion)
    assert(config.delete(object.metadata.name, { namespace = namespace }))
    local err = failure(config.get { name = object.metadata.name, namespace = namespace })
    assert.same({ "notFound", 404, "NotFound", object.metadata.name },
      { err.kind, err.status, err.reason, err.details.name })
  end)

  it("are reached by client-node's methods just the same", function()
    local name = clusters.name "config"
    assert(client.core.createNamespacedConfigMap(namespace, { metadata = { name = name }, data = { a = "1" } }))
    local object = assert(client.core.readNamespacedConfigMap(name, namespace))
    object.data.a = "2"
    assert(client.core.replaceNamespacedConfigMap(name, namespace, object))
    assert(client.core.patchNamespacedConfigMap(name, namespace, { data = { b = "3" } }))
    assert.same({ a = "2", b = "3" }, client.core.readNamespacedConfigMap(name, namespace).data)
    assert(client.core.deleteNamespacedConfigMap(name, namespace))
  end)

  it("that exist already cannot be created again", function()
    local object = fresh()
    local err = failure(config.create({ metadata = { name = object.metadata.name } }, { namespace = namespace }))
    assert.same({ "conflict", 409, "AlreadyExists" }, { err.kind, err.status, err.reason })
    assert.matches("already exists", err.message)
  end)

  it("that were changed meanwhile cannot be replaced", function()
    local object = fresh { a = "1" }
    assert(config.patch(object.metadata.name, { data = { a = "2" } }, { namespace = namespace }))
    object.data.a = "3"
    local err = failure(config.replace(object))
    assert.same({ "conflict", 409, "Conflict" }, { err.kind, err.status, err.reason })
    assert.matches("the object has been modified", err.message)
    assert.equal("2", config.get(object.metadata.name, { namespace = namespace }).data.a)
  end)

  it("that are not valid are refused with the causes", function()
    local err = failure(config.create({ metadata = { name = "Not A Name" } }, { namespace = namespace }))
    assert.same({ "invalid", 422, "Invalid" }, { err.kind, err.status, err.reason })
    assert.equal("metadata.name", err.details.causes[1].field)
  end)

  it("survive being read, changed and written back", function()
    local name = clusters.name "web"
    assert(deployments.create(deployment(name), { namespace = namespace }))
    local path = ("/apis/apps/v1/namespaces/%s/deployments/%s"):format(namespace, name)
    local text, object, after, again

    -- A controller writes the status meanwhile: whoever reads, changes and writes begins again on a conflict.
    local function untilWritten(change)
      while true do
        text = assert(client:request { path = path, raw = true })
        object = moonpool.json.decode(text)
        change(object)
        local written, err = deployments.replace(object)
        if written then return written end
        assert.equal("conflict", err.kind)
      end
    end
    after = untilWritten(function(one) one.metadata.labels.touched = "yes" end)
    again = untilWritten(function() end)
    assert.equal("25%", object.spec.strategy.rollingUpdate.maxSurge)
    assert.equal(1, object.spec.strategy.rollingUpdate.maxUnavailable)
    assert.equal("integer", math.type(object.spec.template.spec.containers[1].readinessProbe.httpGet.port))
    assert.equal("http", object.spec.template.spec.containers[1].livenessProbe.httpGet.port)
    for _, kept in ipairs { '"emptyDir":{}', ":null", "%[%]", "{}" } do
      assert.equal(select(2, text:gsub(kept, "")), select(2, moonpool.json.encode(object):gsub(kept, "")), kept)
    end
    assert.matches('"emptyDir":{}', text, 1, true)
    -- Writing it back as it was read changed nothing: there is not even a new generation.
    assert.equal(after.metadata.generation, again.metadata.generation)
    assert.same(object.spec, again.spec)
  end)

  it("keep integers beyond 2^53, any text, and empty maps and lists", function()
    local data = { text = 'quo"te\\ \n\t \u{1F600} \u{2028}', empty = "", long = ("x"):rep(100000) }
    local object = fresh(data)
    assert.same(data, config.get(object.metadata.name, { namespace = namespace }).data)
    local lease = assert(client.resources.lease.create({ metadata = { name = clusters.name "lease" },
      spec = { leaseTransitions = 2147483647, holderIdentity = "me", renewTime = "2024-01-02T03:04:05.123456Z" } },
      { namespace = namespace }))
    assert.equal(2147483647, lease.spec.leaseTransitions)
    assert.equal("2024-01-02T03:04:05.123456Z", lease.spec.renewTime)
  end)

  it("are patched: strategically by default, by merge, or by JSON patch", function()
    local name = clusters.name "web"
    assert(deployments.create(deployment(name), { namespace = namespace }))
    local options = { namespace = namespace }
    local function containers(object)
      local names = {}
      for _, container in ipairs(object.spec.template.spec.containers) do names[#names + 1] = container.name end
      table.sort(names)
      return names
    end
    local side = { spec = { template = { spec = { containers = { { name = "side", image = "log:1" } } } } } }
    assert.same({ "main", "side" }, containers(assert(deployments.patch(name, side, options))))
    assert.same({ "side" }, containers(assert(deployments.patch(name, side, { namespace = namespace, patchType = "merge" }))))
    local object = assert(deployments.patch(name, {
      { op = "test", path = "/spec/replicas", value = 0 },
      { op = "add", path = "/metadata/annotations", value = { a = "b" } },
      { op = "remove", path = "/metadata/labels/app" },
    }, options))
    assert.equal("b", object.metadata.annotations.a)
    assert.is_nil((object.metadata.labels or {}).app)
    local err = failure(deployments.patch(name, { { op = "test", path = "/spec/replicas", value = 7 } }, options))
    assert.equal("invalid", err.kind)
    -- A null in a merge patch removes the field.
    object = assert(deployments.patch(name, { metadata = { annotations = { a = moonpool.null } } }, options))
    assert.is_nil((object.metadata.annotations or {}).a)
  end)

  it("are scaled through their subresource", function()
    local name = clusters.name "web"
    assert(deployments.create(deployment(name), { namespace = namespace }))
    local scaled, conflict
    repeat -- the deployment controller, where there is one, writes to the same object
      local scale = assert(client.apps.readNamespacedDeploymentScale(name, namespace))
      assert.equal(0, scale.spec.replicas or 0)
      scale.spec.replicas = 2
      scaled, conflict = client.apps.replaceNamespacedDeploymentScale(name, namespace, scale)
    until scaled or conflict.kind ~= "conflict"
    assert.equal(2, assert(scaled, conflict).spec.replicas)
    assert(deployments.patch(name, { spec = { replicas = 1 } }, { namespace = namespace, subresource = "scale", patchType = "merge" }))
    assert.equal(1, deployments.get(name, { namespace = namespace }).spec.replicas)
    assert(deployments.delete(name, { namespace = namespace, propagationPolicy = "Foreground", gracePeriodSeconds = 0 }))
  end)

  it("are applied by their managers, who do not overwrite each other unless told so", function()
    local name = clusters.name "config"
    local function wish(value) return { metadata = { name = name, namespace = namespace }, data = { owner = value } } end
    local object, refused = config.apply(wish "first")
    if refused and refused.status == 415 then return pending("this server does not know server-side apply") end
    assert.is_nil(refused)
    assert.equal("first", object.data.owner)
    assert.equal("moonpool", object.metadata.managedFields[1].manager)
    assert.equal(object.metadata.resourceVersion, assert(config.apply(wish "first")).metadata.resourceVersion)
    local err = failure(config.apply(wish "second", { fieldManager = "other" }))
    assert.same({ "conflict", 409 }, { err.kind, err.status })
    assert.matches("moonpool", err.message)
    assert.equal("second", assert(config.apply(wish "second", { fieldManager = "other", force = true })).data.owner)
  end)

  it("can be tried without doing it", function()
    local name = clusters.name "config"
    assert(config.create({ metadata = { name = name } }, { namespace = namespace, dryRun = true }))
    assert.equal("notFound", failure(config.get(name, { namespace = namespace })).kind)
    local object = fresh { a = "1" }
    assert(config.delete(object.metadata.name, { namespace = namespace, dryRun = true }))
    assert(config.get(object.metadata.name, { namespace = namespace }))
  end)

  it("are only deleted when they are the ones that were meant", function()
    local object = fresh()
    local name = object.metadata.name
    local err = failure(config.delete(name, { namespace = namespace, preconditions = { uid = "other" } }))
    assert.equal("conflict", err.kind)
    assert(config.delete(name, { namespace = namespace, preconditions = { uid = object.metadata.uid } }))
  end)

  it("are deleted as a collection, by selector", function()
    for i = 1, 3 do
      assert(client.core.createNamespacedConfigMap(namespace,
        { metadata = { name = clusters.name "gone", labels = { gone = "yes", i = tostring(i) } } }))
    end
    assert(client.core.deleteCollectionNamespacedConfigMap(namespace, { labelSelector = { gone = "yes" } }))
    assert.same(0, #assert(config.list { namespace = namespace, labelSelector = "gone=yes" }).items)
  end)

  it("of a kind that the cluster serves in an older version are found there", function()
    local list = assert(client.batch.listCronJobForAllNamespaces())
    assert.matches("^batch/v1", list.apiVersion)
    assert.matches("^policy/v1", assert(client.resources.poddisruptionbudget.list()).apiVersion)
    assert.matches("^autoscaling/v", assert(client.autoscaling.listHorizontalPodAutoscalerForAllNamespaces()).apiVersion)
  end)

  it("take the context's namespace when none is named", function()
    local err = failure(config.get "certainly-not-there")
    assert.equal("notFound", err.kind)
    assert.error_matches(function() client.resources.node.get("n", { namespace = "x" }) end, "Node is not namespaced")
  end)
end)
