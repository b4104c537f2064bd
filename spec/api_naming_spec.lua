local api = require "moonpool.api"
local moonpool = require "moonpool"
local fake = require "spec.support.fake_cluster"

local pod = { metadata = { name = "web" } }

-- class, method, arguments, HTTP method, path with query
local cases = {
  { "CoreV1Api", "listNamespace", {}, "GET", "/api/v1/namespaces" },
  { "CoreV1Api", "listNamespace", { { limit = 5 } }, "GET", "/api/v1/namespaces?limit=5" },
  { "CoreV1Api", "readNamespace", { "x" }, "GET", "/api/v1/namespaces/x" },
  { "CoreV1Api", "createNamespace", { pod }, "POST", "/api/v1/namespaces" },
  { "CoreV1Api", "replaceNamespaceFinalize", { "x", pod }, "PUT", "/api/v1/namespaces/x/finalize" },
  { "CoreV1Api", "patchNamespaceStatus", { "x", pod }, "PATCH", "/api/v1/namespaces/x/status" },
  { "CoreV1Api", "listNode", {}, "GET", "/api/v1/nodes" },
  { "CoreV1Api", "readNodeStatus", { "n" }, "GET", "/api/v1/nodes/n/status" },
  { "CoreV1Api", "deleteNode", { "n" }, "DELETE", "/api/v1/nodes/n" },
  { "CoreV1Api", "deleteCollectionNode", {}, "DELETE", "/api/v1/nodes" },
  { "CoreV1Api", "listNamespacedPod", { "a" }, "GET", "/api/v1/namespaces/a/pods" },
  { "CoreV1Api", "listPodForAllNamespaces", {}, "GET", "/api/v1/pods" },
  { "CoreV1Api", "listPodForAllNamespaces", { { limit = 500, continue = "a=b&" } }, "GET",
    "/api/v1/pods?continue=a%3Db%26&limit=500" },
  { "CoreV1Api", "readNamespacedPod", { "p", "a" }, "GET", "/api/v1/namespaces/a/pods/p" },
  { "CoreV1Api", "readNamespacedPod", { { name = "p", namespace = "a" } }, "GET", "/api/v1/namespaces/a/pods/p" },
  { "CoreV1Api", "readNamespacedPodStatus", { "p", "a" }, "GET", "/api/v1/namespaces/a/pods/p/status" },
  { "CoreV1Api", "readNamespacedPodLog", { "p", "a", { tailLines = 10, container = "c", previous = true } }, "GET",
    "/api/v1/namespaces/a/pods/p/log?container=c&previous=true&tailLines=10" },
  { "CoreV1Api", "readNamespacedPodEphemeralcontainers", { "p", "a" }, "GET",
    "/api/v1/namespaces/a/pods/p/ephemeralcontainers" },
  { "CoreV1Api", "createNamespacedPod", { "a", pod }, "POST", "/api/v1/namespaces/a/pods" },
  { "CoreV1Api", "createNamespacedPod", { "a", pod, { dryRun = true } }, "POST", "/api/v1/namespaces/a/pods?dryRun=All" },
  { "CoreV1Api", "createNamespacedPod", { { namespace = "a", body = pod, dryRun = "All" } }, "POST",
    "/api/v1/namespaces/a/pods?dryRun=All" },
  { "CoreV1Api", "createNamespacedPodBinding", { "p", "a", {} }, "POST", "/api/v1/namespaces/a/pods/p/binding" },
  { "CoreV1Api", "createNamespacedPodEviction", { "p", "a", {} }, "POST", "/api/v1/namespaces/a/pods/p/eviction" },
  { "CoreV1Api", "createNamespacedBinding", { "a", {} }, "POST", "/api/v1/namespaces/a/bindings" },
  { "CoreV1Api", "createNamespacedServiceAccountToken", { "s", "a", {} }, "POST",
    "/api/v1/namespaces/a/serviceaccounts/s/token" },
  { "CoreV1Api", "replaceNamespacedPod", { "p", "a", pod }, "PUT", "/api/v1/namespaces/a/pods/p" },
  { "CoreV1Api", "patchNamespacedPod", { "p", "a", pod, { fieldManager = "m" } }, "PATCH",
    "/api/v1/namespaces/a/pods/p?fieldManager=m" },
  { "CoreV1Api", "deleteNamespacedPod", { "p", "a" }, "DELETE", "/api/v1/namespaces/a/pods/p" },
  { "CoreV1Api", "deleteCollectionNamespacedPod", { "a", { labelSelector = { app = "web" } } }, "DELETE",
    "/api/v1/namespaces/a/pods?labelSelector=app%3Dweb" },
  { "CoreV1Api", "listNamespacedPodTemplate", { "a" }, "GET", "/api/v1/namespaces/a/podtemplates" },
  { "CoreV1Api", "listNamespacedEndpoints", { "a" }, "GET", "/api/v1/namespaces/a/endpoints" },
  { "CoreV1Api", "readNamespacedResourceQuotaStatus", { "q", "a" }, "GET",
    "/api/v1/namespaces/a/resourcequotas/q/status" },
  { "CoreV1Api", "listComponentStatus", {}, "GET", "/api/v1/componentstatuses" },
  { "CoreV1Api", "listPersistentVolumeClaimForAllNamespaces", {}, "GET", "/api/v1/persistentvolumeclaims" },
  { "CoreV1Api", "connectGetNamespacedServiceProxyWithPath", { "s:http", "a", "/metrics/a b" }, "GET",
    "/api/v1/namespaces/a/services/s%3Ahttp/proxy/metrics/a%20b" },
  { "CoreV1Api", "connectPostNodeProxy", { "n", { body = { a = 1 } } }, "POST", "/api/v1/nodes/n/proxy" },
  { "CoreV1Api", "getAPIResources", {}, "GET", "/api/v1" },
  { "CoreApi", "getAPIVersions", {}, "GET", "/api" },
  { "AppsV1Api", "listNamespacedDeployment", { "default" }, "GET", "/apis/apps/v1/namespaces/default/deployments" },
  { "AppsV1Api", "readNamespacedDeploymentScale", { "d", "a" }, "GET",
    "/apis/apps/v1/namespaces/a/deployments/d/scale" },
  { "AppsV1Api", "patchNamespacedDeploymentScale", { "d", "a", { spec = { replicas = 3 } } }, "PATCH",
    "/apis/apps/v1/namespaces/a/deployments/d/scale" },
  { "AppsV1Api", "replaceNamespacedStatefulSetStatus", { "d", "a", pod }, "PUT",
    "/apis/apps/v1/namespaces/a/statefulsets/d/status" },
  { "AppsV1Api", "listReplicaSetForAllNamespaces", { { labelSelector = "a in (b,c)" } }, "GET",
    "/apis/apps/v1/replicasets?labelSelector=a%20in%20%28b%2Cc%29" },
  { "AppsV1Api", "getAPIResources", {}, "GET", "/apis/apps/v1" },
  { "AppsApi", "getAPIGroup", {}, "GET", "/apis/apps" },
  { "BatchV1Api", "listNamespacedJob", { "a" }, "GET", "/apis/batch/v1/namespaces/a/jobs" },
  { "BatchV1Api", "createNamespacedCronJob", { "a", pod }, "POST", "/apis/batch/v1/namespaces/a/cronjobs" },
  { "BatchV1beta1Api", "listCronJobForAllNamespaces", {}, "GET", "/apis/batch/v1beta1/cronjobs" },
  { "NetworkingV1Api", "listNamespacedNetworkPolicy", { "a" }, "GET",
    "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies" },
  { "NetworkingV1Api", "readIngressClass", { "nginx" }, "GET", "/apis/networking.k8s.io/v1/ingressclasses/nginx" },
  { "RbacAuthorizationV1Api", "readClusterRole", { "system:node" }, "GET",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode" },
  { "RbacAuthorizationV1Api", "listRoleBindingForAllNamespaces", {}, "GET",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings" },
  { "PolicyV1Api", "listNamespacedPodDisruptionBudget", { "a" }, "GET",
    "/apis/policy/v1/namespaces/a/poddisruptionbudgets" },
  { "AutoscalingV2Api", "readNamespacedHorizontalPodAutoscaler", { "h", "a" }, "GET",
    "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers/h" },
  { "AutoscalingV1Api", "readNamespacedHorizontalPodAutoscaler", { "h", "a" }, "GET",
    "/apis/autoscaling/v1/namespaces/a/horizontalpodautoscalers/h" },
  { "StorageV1Api", "listStorageClass", {}, "GET", "/apis/storage.k8s.io/v1/storageclasses" },
  { "StorageV1Api", "readCSINode", { "n" }, "GET", "/apis/storage.k8s.io/v1/csinodes/n" },
  { "CoordinationV1Api", "replaceNamespacedLease", { "l", "a", pod }, "PUT",
    "/apis/coordination.k8s.io/v1/namespaces/a/leases/l" },
  { "EventsV1Api", "listEventForAllNamespaces", {}, "GET", "/apis/events.k8s.io/v1/events" },
  { "ApiextensionsV1Api", "listCustomResourceDefinition", {}, "GET",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions" },
  { "ApiregistrationV1Api", "readAPIServiceStatus", { "v1.apps" }, "GET",
    "/apis/apiregistration.k8s.io/v1/apiservices/v1.apps/status" },
  { "AdmissionregistrationV1Api", "deleteValidatingWebhookConfiguration", { "w" }, "DELETE",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/w" },
  { "DiscoveryV1Api", "listNamespacedEndpointSlice", { "a" }, "GET",
    "/apis/discovery.k8s.io/v1/namespaces/a/endpointslices" },
  { "SchedulingV1Api", "createPriorityClass", { pod }, "POST", "/apis/scheduling.k8s.io/v1/priorityclasses" },
  { "CertificatesV1Api", "replaceCertificateSigningRequestApproval", { "c", pod }, "PUT",
    "/apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval" },
  { "AuthorizationV1Api", "createSelfSubjectAccessReview", { {} }, "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" },
  { "AuthorizationV1Api", "createNamespacedLocalSubjectAccessReview", { "a", {} }, "POST",
    "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews" },
}

describe("API method names", function()
  for _, case in ipairs(cases) do
    local class, method, arguments, verb, path = table.unpack(case)
    it(("%s.%s is %s %s"):format(class, method, verb, path), function()
      local session, handle = fake.session()
      assert(api.new(moonpool[class], session)[method](table.unpack(arguments)))
      assert.equal(1, #handle.requests)
      assert.equal(verb, handle.requests[1].method)
      assert.equal(path, handle.requests[1].path)
    end)
  end
end)

describe("an API method's arguments", function()
  local session, handle, core, apps

  before_each(function()
    session, handle = fake.session()
    core, apps = api.new(moonpool.CoreV1Api, session), api.new(moonpool.AppsV1Api, session)
  end)

  local function message(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    return err
  end

  it("are named with their position when they have the wrong type", function()
    assert.matches("readNamespacedPod: argument 2 %(namespace%): expected a string, got nil$",
      message(core.readNamespacedPod, "web"))
    assert.matches("readNamespacedPod: argument 1 %(name%): expected a string, got an empty string$",
      message(core.readNamespacedPod, "", "default"))
    assert.matches("createNamespacedPod: argument 2 %(body%): expected a table %(or its text%), got nil$",
      message(core.createNamespacedPod, "default"))
    assert.matches("listNamespacedPod: argument 2 %(options%): expected a table, got string$",
      message(core.listNamespacedPod, "default", "app=web"))
    assert.matches("readNamespacedPod: namespace: expected a string, got nil$", message(core.readNamespacedPod, { name = "x" }))
    assert.equal(0, #handle.requests)
  end)

  it("are reported at the script's own line", function()
    assert.matches("^spec/api_naming_spec.lua:", message(function() core.readNamespacedPod("web") end))
    assert.matches("^spec/api_naming_spec.lua:", message(function() return core.getPods end))
  end)

  it("cannot be more than there are", function()
    assert.matches("listNamespacedPod: expected at most 2 arguments %(namespace, options%), got 3$",
      message(core.listNamespacedPod, "a", {}, {}))
  end)

  it("cannot put anything else into the path", function()
    for _, name in ipairs { "..", ".", "a/b", "a%2fb" } do
      assert.matches("cannot be a name", message(core.readNamespacedPod, name, "default"))
      assert.matches("cannot be a name", message(core.readNamespacedPod, "web", name))
    end
    assert(core.readNamespacedPod("a b?c#d&e", "default"))
    assert.equal("/api/v1/namespaces/default/pods/a%20b%3Fc%23d%26e", handle.requests[1].path)
  end)

  it("know each verb's options, and name the nearest to an unknown one", function()
    assert.matches('listNamespacedPod: unknown option "labelselector"; did you mean "labelSelector"%?$',
      message(core.listNamespacedPod, "a", { labelselector = "x" }))
    assert.matches('readNamespacedPod: unknown option "limit"', message(core.readNamespacedPod, "p", "a", { limit = 1 }))
    assert.matches("option limit: expected an integer of 0 or more, got number 1.5$",
      message(core.listNamespacedPod, "a", { limit = 1.5 }))
    assert.matches("option timeout: expected milliseconds, an integer of 0 or more, got string$",
      message(core.listNamespacedPod, "a", { timeout = "5s" }))
  end)

  it("reach the transport where they concern it", function()
    core.listNamespacedPod("a", { timeout = 5, retries = 0, raw = true, gzip = false, maxBodySize = 10, firstByteTimeout = 7,
      idleTimeout = 8, headers = { A = "b" }, query = { x = { "1", "2" } } })
    local request = handle.requests[1]
    assert.same({ 5, 0, true, false, 10, 7, 8, "b" }, { request.timeout, request.retries, request.raw, request.gzip,
      request.maxBodySize, request.firstByteTimeout, request.idleTimeout, request.headers.A })
    assert.equal("/api/v1/namespaces/a/pods?x=1&x=2", request.path)
  end)

  it("take selectors as text or table", function()
    local function selector(options)
      core.listNamespacedPod("a", options)
      return handle.requests[#handle.requests].path:match("=(.*)$"):gsub("%%(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
      end)
    end
    assert.equal("app=web", (selector { labelSelector = "app=web" }))
    assert.equal("app=web,!canary,owner,tier in (a,b)",
      (selector { labelSelector = { app = "web", tier = { "a", "b" }, canary = false, owner = true } }))
    assert.equal("a!=b,app=web", (selector { labelSelector = { "a!=b", app = "web" } }))
    assert.equal("metadata.name=a\\,b,spec.nodeName=n",
      (selector { fieldSelector = { ["metadata.name"] = "a,b", ["spec.nodeName"] = "n" } }))
    assert.matches("labelSelector: app: expected a string, a boolean or a list of strings, got function$",
      message(core.listNamespacedPod, "a", { labelSelector = { app = print } }))
  end)

  it("choose the patch's content type: list, built-in kind, or as said", function()
    local function contentType(...)
      apps.patchNamespacedDeployment("d", "a", ...)
      return handle.requests[#handle.requests].contentType
    end
    assert.equal("application/json-patch+json", contentType { { op = "remove", path = "/spec" } })
    assert.equal("application/json-patch+json", contentType(moonpool.array {}))
    assert.equal("application/strategic-merge-patch+json", contentType { spec = {} })
    assert.equal("application/merge-patch+json", contentType({ spec = {} }, { patchType = "merge" }))
    assert.equal("application/apply-patch+yaml", contentType({ spec = {} }, { patchType = "apply", force = true }))
    assert.equal("/apis/apps/v1/namespaces/a/deployments/d?fieldManager=moonpool&force=true", handle.requests[5].path)
    assert.matches('"fancy" is none of apply, json, merge, strategic$',
      message(apps.patchNamespacedDeployment, "d", "a", {}, { patchType = "fancy" }))
    assert.matches('option force goes with patchType = "apply"$',
      message(apps.patchNamespacedDeployment, "d", "a", {}, { force = true }))
  end)

  it("send the options of a delete as its body", function()
    core.deleteNamespacedPod("p", "a", { gracePeriodSeconds = 0, propagationPolicy = "Foreground", dryRun = true,
      preconditions = { uid = "u" } })
    assert.same({ apiVersion = "v1", kind = "DeleteOptions", gracePeriodSeconds = 0, propagationPolicy = "Foreground",
      dryRun = { "All" }, preconditions = { uid = "u" } }, moonpool.json.decode(handle.requests[1].body))
    core.deleteNamespacedPod("p", "a")
    assert.is_nil(handle.requests[2].body)
  end)

  it("fill in a body's apiVersion and kind, and leave the script's table alone", function()
    local object = { metadata = { name = "d" } }
    apps.createNamespacedDeployment("a", object)
    assert.same({ apiVersion = "apps/v1", kind = "Deployment", metadata = { name = "d" } },
      moonpool.json.decode(handle.requests[1].body))
    assert.is_nil(object.kind)
    core.createNamespacedPodEviction("p", "a", { kind = "Eviction" })
    assert.same({ kind = "Eviction" }, moonpool.json.decode(handle.requests[2].body))
  end)

  it("give a body that is text as it is", function()
    apps.patchNamespacedDeployment("d", "a", "spec:\n  replicas: 3\n", { patchType = "apply" })
    assert.equal("spec:\n  replicas: 3\n", handle.requests[1].body)
  end)
end)

describe("a method name that is wrong", function()
  local session = fake.session()
  local core = api.new(moonpool.CoreV1Api, session)

  local function message(name)
    local ok, err = pcall(function() return core[name] end)
    assert.is_false(ok)
    return err
  end

  it("is told how it would be right", function()
    assert.matches("listPod: Pod is namespaced: use listNamespacedPod or listPodForAllNamespaces$", message("listPod"))
    assert.matches("readPod: Pod is namespaced: use readNamespacedPod$", message("readPod"))
    assert.matches("readPodLog: Pod is namespaced: use readNamespacedPodLog$", message("readPodLog"))
    assert.matches("listNamespacedNode: Node is not namespaced: use listNode$", message("listNamespacedNode"))
    assert.matches("connectGetPodProxy: Pod is namespaced: use connectGetNamespacedPodProxy$", message("connectGetPodProxy"))
    assert.matches('CoreV1Api has no method "getPods"; did you mean "listNamespacedPod"%?$', message("getPods"))
    assert.matches('did you mean "readNamespacedPod"%?$', message("getNamespacedPod"))
    assert.matches('did you mean "replaceNode"%?$', message("updateNode"))
    assert.matches('did you mean "deleteNamespacedWidget"%?$', message("removeNamespacedWidget"))
    assert.matches('CoreV1Api has no method "podList": a method is <verb>', message("podList"))
  end)

  it("is asked of the cluster when the kind is not known, and the nearest kinds are named", function()
    local lists = { ["GET /api/v1"] = { resources = {
      { name = "pods", kind = "Pod", namespaced = true }, { name = "pods/status", kind = "Pod" } } } }
    local asked, handle = fake.session(lists)
    local result, err = api.new(moonpool.CoreV1Api, asked).listNamespacedPood("default")
    assert.is_nil(result)
    assert.equal("notFound", err.kind)
    assert.equal('cluster "fake" has no kind "Pood" in core/v1; did you mean "Pod"?', err.message)
    assert.equal("GET /api/v1", handle.requests[1].method .. " " .. handle.requests[1].path)
  end)
end)
