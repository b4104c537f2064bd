local core = require("moonpool.core")
local client = require("spec.support.sim_client")

local CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
local PODS = "/api/v1/namespaces/default/pods"
local CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

describe("a simulated cluster", function()
  local api

  before_each(function() api = client.start({ clusters = 2, pods = 0 }) end)
  after_each(function() api:stop() end)

  local function configMap(name, data) return { metadata = { name = name }, data = data } end

  --- The error of a request that must fail.
  local function failing(result, err)
    assert.is_nil(result)
    return err
  end

  it("creates, reads, replaces and deletes", function()
    local made, code = assert(api:create(CONFIGMAPS, configMap("a", { x = "1" })))
    assert.are.equal(201, code)
    assert.are.equal("ConfigMap", made.kind)
    assert.are.equal("default", made.metadata.namespace)
    made.data.x = "2"
    local changed = assert(api:replace(CONFIGMAPS .. "/a", made))
    assert.are.equal("2", assert(api:get(CONFIGMAPS .. "/a")).data.x)
    assert.is_true(math.tointeger(changed.metadata.resourceVersion) > math.tointeger(made.metadata.resourceVersion))
    assert.are.equal(made.metadata.uid, changed.metadata.uid)
    assert.are.equal("Success", assert(api:delete(CONFIGMAPS .. "/a")).status)
    assert.are.equal("NotFound", failing(api:get(CONFIGMAPS .. "/a")).reason)
  end)

  it("refuses stale versions, names that are taken, and namespaces that are not there", function()
    local made = assert(api:create(CONFIGMAPS, configMap("a")))
    assert(api:patch(CONFIGMAPS .. "/a", "merge", { data = { x = "1" } }))
    assert.are.equal("Conflict", failing(api:replace(CONFIGMAPS .. "/a", made)).reason)
    assert.are.equal("AlreadyExists", failing(api:create(CONFIGMAPS, configMap("a"))).reason)
    local err = failing(api:create("/api/v1/namespaces/nope/configmaps", configMap("a")))
    assert.are.equal(404, err.status)
    assert.truthy(err.message:find('namespaces "nope" not found', 1, true))
  end)

  it("does not count a change that changes nothing", function()
    local made = assert(api:create(CONFIGMAPS, configMap("a", { x = "1" })))
    local same = assert(api:patch(CONFIGMAPS .. "/a", "merge", { data = { x = "1" } }))
    assert.are.equal(made.metadata.resourceVersion, same.metadata.resourceVersion)
  end)

  it("names every cause of an invalid object", function()
    local err = failing(api:create("/apis/apps/v1/namespaces/default/deployments", { metadata = { name = "A" }, spec = {} }))
    assert.are.equal(422, err.status)
    local fields = {}
    for _, cause in ipairs(err.details.causes) do fields[#fields + 1] = cause.field end
    assert.are.same({ "metadata.name", "spec.selector", "spec.template.metadata.labels", "spec.template.spec.containers" }, fields)
  end)

  it("tells broken, unknown and unacceptable bodies apart", function()
    assert.are.equal(400, failing(api:create(CONFIGMAPS, "{")).status)
    assert.are.equal(415, failing(api:create(CONFIGMAPS, "{}", { contentType = "text/plain" })).status)
    assert.are.equal(406, failing(api:get(CONFIGMAPS, { accept = "text/html" })).status)
    assert.are.equal(405, failing(api:replace(CONFIGMAPS, {})).status)
    assert.are.equal(413, failing(api:create(CONFIGMAPS, configMap("a", { x = ("x"):rep(3200000) }))).status)
  end)

  it("fills in what a real server fills in", function()
    local pod = assert(api:create(PODS, { metadata = { generateName = "web-" }, spec = { containers = { { name = "c", image = "i" } } } }))
    assert.truthy(pod.metadata.name:find("^web%-%w%w%w%w%w$"))
    assert.are.equal("Always", pod.spec.restartPolicy)
    assert.are.equal("Pending", pod.status.phase)
    assert.are.equal("Always", pod.spec.containers[1].imagePullPolicy)
  end)

  it("keeps spec and status apart, and counts generations of the spec", function()
    local path = "/apis/apps/v1/namespaces/default/deployments"
    local template = { metadata = { labels = { a = "b" } }, spec = { containers = { { name = "c", image = "i" } } } }
    local made = assert(api:create(path, { metadata = { name = "d" }, status = { replicas = 7 },
      spec = { selector = { matchLabels = { a = "b" } }, template = template } }))
    assert.is_nil(made.status.replicas)
    local status = assert(api:patch(path .. "/d/status", "merge", { status = { replicas = 1 }, spec = { replicas = 9 } }))
    assert.are.same({ 1, 1, 1 }, { status.status.replicas, status.spec.replicas, status.metadata.generation })
    local scale = assert(api:patch(path .. "/d/scale", "merge", { spec = { replicas = 4 } }))
    assert.are.equal("a=b", scale.status.selector)
    local now = assert(api:get(path .. "/d"))
    assert.are.same({ 4, 2 }, { now.spec.replicas, now.metadata.generation })
  end)

  it("does nothing in a dry run", function()
    local made = assert(api:create(CONFIGMAPS .. "?dryRun=All", configMap("a")))
    assert.is_nil(made.metadata.resourceVersion)
    assert.are.equal(404, failing(api:get(CONFIGMAPS .. "/a")).status)
  end)

  it("lets finalizers hold back a deletion", function()
    assert(api:create(CONFIGMAPS, { metadata = { name = "a", finalizers = { "x/y" } } }))
    assert.truthy(assert(api:delete(CONFIGMAPS .. "/a")).metadata.deletionTimestamp)
    assert(api:get(CONFIGMAPS .. "/a"))
    assert(api:patch(CONFIGMAPS .. "/a", "json", { { op = "remove", path = "/metadata/finalizers" } }))
    assert.are.equal(404, failing(api:get(CONFIGMAPS .. "/a")).status)
  end)

  it("empties a deleted namespace, and takes nothing new meanwhile", function()
    assert(api:create("/api/v1/namespaces", { metadata = { name = "n" } }))
    assert(api:create("/api/v1/namespaces/n/configmaps", { metadata = { name = "a", finalizers = { "x/y" } } }))
    assert.are.equal("Terminating", assert(api:delete("/api/v1/namespaces/n")).status.phase)
    assert.are.equal(403, failing(api:create("/api/v1/namespaces/n/configmaps", configMap("b"))).status)
    core.sleep(60)
    assert(api:get("/api/v1/namespaces/n"))
    assert(api:patch("/api/v1/namespaces/n/configmaps/a", "merge", { metadata = { finalizers = core.null } }))
    assert.are.equal(404, failing(api:get("/api/v1/namespaces/n")).status)
  end)

  it("deletes what a selector chooses", function()
    for index = 1, 4 do
      assert(api:create(CONFIGMAPS, { metadata = { name = "a" .. index, labels = { odd = tostring(index % 2 == 1) } } }))
    end
    assert.are.equal(2, #assert(api:delete(CONFIGMAPS .. "?labelSelector=odd%3Dtrue")).items)
    local left = assert(api:get(CONFIGMAPS)).items
    assert.are.same({ "a2", "a4" }, { left[1].metadata.name, left[2].metadata.name })
  end)

  it("pages through a list as it was when the first page was read", function()
    for index = 1, 5 do assert(api:create(CONFIGMAPS, configMap("a" .. index))) end
    local first = assert(api:get(CONFIGMAPS .. "?limit=2"))
    assert.are.equal(3, first.metadata.remainingItemCount)
    assert(api:delete(CONFIGMAPS .. "/a3"))
    assert(api:create(CONFIGMAPS, configMap("a6")))
    local rest = assert(api:get(CONFIGMAPS .. "?limit=10&continue=" .. first.metadata.continue))
    local names = {}
    for _, item in ipairs(rest.items) do names[#names + 1] = item.metadata.name end
    assert.are.same({ "a3", "a4", "a5" }, names)
    assert.are.equal(first.metadata.resourceVersion, rest.metadata.resourceVersion)
    assert.is_nil(rest.metadata.continue)
  end)

  it("expires continue tokens, and offers one to go on with", function()
    for index = 1, 3 do assert(api:create(CONFIGMAPS, configMap("a" .. index))) end
    local token = assert(api:get(CONFIGMAPS .. "?limit=1")).metadata.continue
    assert(api:create(CONFIGMAPS, configMap("a4")))
    api.cluster.store:compact()
    local err = failing(api:get(CONFIGMAPS .. "?limit=1&continue=" .. token))
    assert.are.same({ 410, "Expired" }, { err.status, err.reason })
  end)

  it("compresses large answers for those who can read them", function()
    for index = 1, 3 do assert(api:create(CONFIGMAPS, configMap("a" .. index, { x = ("x"):rep(100000) }))) end
    local command = "curl -sk -D - -o /dev/null -H 'Authorization: Bearer %s' %s %s" .. CONFIGMAPS
    local function headers(option)
      local pipe <close> = io.popen(command:format(api.cluster.credentials.adminToken, option, api.cluster.urls[1]) .. " & wait")
      core.sleep(300) -- the server is us
      return pipe:read("a")
    end
    assert.truthy(headers("-H 'Accept-Encoding: gzip'"):find("Content-Encoding: gzip", 1, true))
    assert.falsy(headers(""):find("Content-Encoding", 1, true))
  end)

  describe("with custom resources", function()
    local GADGETS = "/apis/example.com/v1/namespaces/default/gadgets"
    local definition = { metadata = { name = "gadgets.example.com" }, spec = {
      group = "example.com", scope = "Namespaced", names = { plural = "gadgets", kind = "Gadget" },
      versions = { { name = "v1", served = true, storage = true, schema = { openAPIV3Schema = { type = "object", properties = {
        spec = { type = "object", required = { "size" }, properties = { size = { type = "integer" } } } } } } } },
    } }
    local function gadget(spec)
      return { apiVersion = "example.com/v1", kind = "Gadget", metadata = { name = "g" }, spec = spec }
    end

    before_each(function() assert(api:create(CRDS, definition)) end)

    it("serves what is defined, and says so", function()
      local made = assert(api:create(GADGETS, gadget({ size = 1, unknown = true })))
      assert.are.same({ size = 1 }, made.spec)
      assert.are.equal("GadgetList", assert(api:get("/apis/example.com/v1/gadgets")).kind)
      local resources = assert(api:get("/apis/example.com/v1")).resources
      assert.are.equal("gadgets", resources[1].name)
      core.sleep(10)
      local conditions = assert(api:get(CRDS .. "/gadgets.example.com")).status.conditions
      assert.are.same({ "Established", "True" }, { conditions[2].type, conditions[2].status })
    end)

    it("checks them against their schema", function()
      assert.are.equal(422, failing(api:create(GADGETS, gadget({ size = "x" }))).status)
      assert.are.equal(422, failing(api:create(GADGETS, gadget({}))).status)
      assert.are.equal(400, failing(api:create(GADGETS, { metadata = { name = "g" }, spec = { size = 1 } })).status)
    end)

    it("has no strategic patch for them, and wants a version in an update", function()
      assert(api:create(GADGETS, gadget({ size = 1 })))
      assert.are.equal(415, failing(api:patch(GADGETS .. "/g", "strategic", { spec = { size = 2 } })).status)
      assert.are.equal(422, failing(api:replace(GADGETS .. "/g", gadget({ size = 2 }))).status)
    end)

    it("forgets them with their definition", function()
      assert(api:create(GADGETS, gadget({ size = 1 })))
      assert(api:delete(CRDS .. "/gadgets.example.com"))
      core.sleep(20)
      assert.are.equal(404, failing(api:get(GADGETS)).status)
      assert(api:create(CRDS, definition))
      assert.are.equal(0, #assert(api:get(GADGETS)).items)
    end)
  end)

  describe("knows its users", function()
    it("by certificate and by token", function()
      assert(api:get("/api/v1/nodes"))
      assert(api:get("/api/v1/nodes", { context = "sim-1-token" }))
    end)

    it("and refuses the one without rights as a real server does", function()
      local err = failing(api:get("/api/v1/pods", { context = "sim-1-nobody" }))
      assert.are.equal(403, err.status)
      assert.truthy(err.message:find('pods is forbidden: User "sim-1-nobody" cannot list resource "pods" in API group "" at the cluster '
        .. "scope", 1, true))
      assert(api:get("/apis", { context = "sim-1-nobody" }))
      assert.are.equal("ok", api:get("/readyz", { context = "sim-1-nobody", raw = true }))
    end)

    it("and not those of another cluster", function()
      local other = api.group.clusters[2]
      local text = api.group:kubeconfig():gsub("token: " .. api.cluster.credentials.adminToken, "token: " .. other.credentials.adminToken)
      local kubeConfig = core.KubeConfig()
      assert(kubeConfig:loadFromString(text))
      local pool = assert(core.pool("x", kubeConfig, "sim-1-token", { enableWarmup = false }))
      local err = failing(pool:call({ method = "GET", path = "/version", retries = 0 }))
      pool:dispose()
      assert.are.equal(401, err.status)
    end)
  end)

  it("is the same cluster for the same seed", function()
    local function names(seed)
      local other = client.start({ clusters = 1, pods = 20, seed = seed })
      local list = {}
      for _, pod in ipairs(assert(other:get("/api/v1/pods")).items) do list[#list + 1] = pod.metadata.uid .. pod.metadata.name end
      other:stop()
      return table.concat(list, " ")
    end
    assert.are.equal(names(3), names(3))
    assert.are_not.equal(names(3), names(4))
  end)
end)
