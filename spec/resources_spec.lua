local fake = require "spec.support.fake_cluster"
local log = require "moonpool.log"
local moonpool = require "moonpool"
local resources = require "moonpool.resources"
local watch = require "moonpool.watch"

local function pod(name, version, uid)
  return { metadata = { name = name, namespace = "a", uid = uid or name, resourceVersion = tostring(version) } }
end

local function page(names, continue, version)
  local items = {}
  for index, name in ipairs(names) do items[index] = pod(name, version or 10) end
  return { kind = "PodList", apiVersion = "v1", metadata = { continue = continue, resourceVersion = tostring(version or 10) },
    items = items }
end

local function names(iterator)
  local list = {}
  local ok, err = pcall(function()
    for object in iterator do list[#list + 1] = object.metadata.name end
  end)
  return list, not ok and err or nil
end

-- Answers requests in order; functions are asked.
local function script(answers)
  return fake.session(function(request)
    local answer = table.remove(answers, 1)
    if type(answer) == "function" then answer = answer(request) end
    if answer == nil then error("an unexpected request: " .. request.path) end
    if answer.kind and answer.message then return nil, answer end
    return answer, 200, {}
  end)
end

local function silenced(fn)
  local lines = {}
  local function keep(_, message) lines[#lines + 1] = message end
  local logger = { debug = keep, info = keep, warn = keep, error = keep }
  log.attach(logger)
  local ok, err = pcall(fn)
  log.detach(logger)
  if not ok then error(err, 0) end
  return lines
end

describe("a resource", function()
  it("goes by any of its names", function()
    local session, handle = fake.session()
    local all = resources.new(session)
    for _, case in ipairs {
      { "pod", "/api/v1/pods" }, { "Pods", "/api/v1/pods" }, { "po", "/api/v1/pods" }, { "configMap", "/api/v1/configmaps" },
      { "cm", "/api/v1/configmaps" }, { "deployment", "/apis/apps/v1/deployments" }, { "sts", "/apis/apps/v1/statefulsets" },
      { "ingress", "/apis/networking.k8s.io/v1/ingresses" }, { "event", "/api/v1/events" }, { "node", "/api/v1/nodes" },
      { "networkPolicy", "/apis/networking.k8s.io/v1/networkpolicies" }, { "hpa", "/apis/autoscaling/v2/horizontalpodautoscalers" },
      { "crd", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions" }, { "lease", "/apis/coordination.k8s.io/v1/leases" },
      { "endpoints", "/api/v1/endpoints" }, { "componentstatus", "/api/v1/componentstatuses" },
    } do
      all[case[1]].list()
      assert.equal(case[2], handle.requests[#handle.requests].path)
    end
  end)

  it("takes one object's namespace from the options, the object, or the context", function()
    local session, handle = fake.session()
    local pods = resources.new(session).pod
    local function path() return handle.requests[#handle.requests].path end
    pods.get("p")
    assert.equal("/api/v1/namespaces/team/pods/p", path())
    pods.get("p", { namespace = "a" })
    assert.equal("/api/v1/namespaces/a/pods/p", path())
    pods.replace(pod("p", 1))
    assert.equal("/api/v1/namespaces/a/pods/p", path())
    pods.create(pod("p", 1), { namespace = "b" })
    assert.equal("/api/v1/namespaces/b/pods", path())
    pods.list()
    assert.equal("/api/v1/pods", path())
    pods.delete { name = "p", namespace = "a" }
    assert.equal("/api/v1/namespaces/a/pods/p", path())
    pods.get("p", { namespace = "a", subresource = "status" })
    assert.equal("/api/v1/namespaces/a/pods/p/status", path())
    pods.create({ metadata = { name = "p" } }, { namespace = "a", subresource = "eviction" })
    assert.equal("/api/v1/namespaces/a/pods/p/eviction", path())
    resources.new(session).node.get("n")
    assert.equal("/api/v1/nodes/n", path())
  end)

  it("names what is wrong with arguments and options", function()
    local pods = resources.new((fake.session())).pod
    assert.error_matches(function() pods.get() end, "pod.get: argument 1 %(name%): expected a string, got nil$")
    assert.error_matches(function() pods.replace {} end, "pod.replace: argument 1 %(object%): it has no metadata.name$")
    assert.error_matches(function() pods.list { namespce = "a" } end, 'unknown option "namespce"; did you mean "namespace"%?$')
    assert.error_matches(function() pods.wait("p", 1) end, "argument 2 %(condition%): expected a string, got number 1$")
    assert.error_matches(function() pods.apply(pod("p", 1), { patchType = "merge" }) end, "does not go with apply$")
  end)
end)

describe("reading a list page by page", function()
  it("goes on through empty pages, and asks each page the same", function()
    local session, handle = script { page({ "a" }, "1"), page({}, "2"), page { "b" } }
    assert.same({ "a", "b" }, (names(resources.new(session).pod.each { limit = 1, resourceVersion = "5", labelSelector = "x" })))
    assert.same({ "/api/v1/pods?labelSelector=x&limit=1&resourceVersion=5", "/api/v1/pods?continue=1&labelSelector=x&limit=1",
      "/api/v1/pods?continue=2&labelSelector=x&limit=1" },
      { handle.requests[1].path, handle.requests[2].path, handle.requests[3].path })
  end)

  it("takes a list without items for an empty one", function()
    local session = script { { kind = "PodList", metadata = {}, items = moonpool.null } }
    local seen, err = names(resources.new(session).pod.each())
    assert.same({}, seen)
    assert.is_nil(err)
  end)

  it("ends with an error when the list is too old to go on", function()
    local session = script { page({ "a" }, "1"), fake.failure("gone", 410) }
    local seen, err = names(resources.new(session).pod.each())
    assert.same({ "a" }, seen)
    assert.equal("gone", err.kind)
  end)

  it("goes on with the rest as it is now when the server offers that, and says so", function()
    local session, handle = script { page({ "a" }, "1"), fake.failure("gone", 410, { continue = "fresh" }), page { "b" } }
    local seen, err
    local lines = silenced(function() seen, err = names(resources.new(session).pod.each()) end)
    assert.same({ "a", "b" }, seen)
    assert.is_nil(err)
    assert.equal("/api/v1/pods?continue=fresh&limit=500", handle.requests[3].path)
    assert.matches("too old", lines[1])
  end)
end)

describe("a kind that the cluster serves in another version", function()
  local function cluster(lists)
    return fake.session(function(request)
      local body = lists[request.method .. " " .. request.path]
      if body then return body, 200, {} end
      return nil, fake.failure("notFound", 404)
    end)
  end

  it("is found by discovery after the first 404, and remembered", function()
    local session, handle = cluster {
      ["GET /apis"] = { kind = "APIGroupList", groups = { { name = "batch", preferredVersion = { version = "v1" },
        versions = { { version = "v1" }, { version = "v1beta1" } } } } },
      ["GET /apis/batch/v1"] = { resources = { { name = "jobs", kind = "Job", namespaced = true } } },
      ["GET /apis/batch/v1beta1"] = { resources = { { name = "cronjobs", kind = "CronJob", namespaced = true } } },
      ["GET /apis/batch/v1beta1/cronjobs"] = page { "old" },
    }
    local cronJobs = resources.new(session).cronjob
    assert.equal("old", assert(cronJobs.list()).items[1].metadata.name)
    local asked = #handle.requests
    assert(cronJobs.list())
    assert.equal(asked + 1, #handle.requests)
  end)

  it("is found again when its definition moves on to another version", function()
    local lists = {
      ["GET /apis"] = { kind = "APIGroupList", groups = { { name = "example.com", preferredVersion = { version = "v1" },
        versions = { { version = "v1" } } } } },
      ["GET /apis/example.com/v1"] = { resources = { { name = "widgets", kind = "Widget", namespaced = true } } },
      ["GET /apis/example.com/v1/widgets"] = page { "first" },
    }
    local session = cluster(lists)
    local widgets, group = resources.new(session).widget, require("moonpool.api").classOfGroup "example.com"
    local methods = require("moonpool.api").new(group, session)
    assert.equal("first", assert(widgets.list()).items[1].metadata.name)
    assert.equal("first", assert(methods.listWidgetForAllNamespaces()).items[1].metadata.name)
    lists["GET /apis"].groups[1] = { name = "example.com", preferredVersion = { version = "v2" }, versions = { { version = "v2" } } }
    lists["GET /apis/example.com/v2"], lists["GET /apis/example.com/v1"] = lists["GET /apis/example.com/v1"], nil
    lists["GET /apis/example.com/v2/widgets"], lists["GET /apis/example.com/v1/widgets"] = page { "second" }, nil
    assert.equal("second", assert(widgets.list()).items[1].metadata.name)
    assert.equal("second", assert(methods.listWidgetForAllNamespaces()).items[1].metadata.name)
  end)

  it("is looked for once when the cluster does not have it at all", function()
    local session, handle = cluster { ["GET /apis"] = { kind = "APIGroupList", groups = {} } }
    local cronJobs = resources.new(session).cronjob
    assert.equal("notFound", select(2, cronJobs.list()).kind)
    local asked = #handle.requests
    assert.equal("notFound", select(2, cronJobs.list()).kind)
    assert.equal(asked + 1, #handle.requests)
  end)

  it("is not looked for when it is an object that is missing", function()
    local session, handle = fake.session(function()
      return nil, fake.failure("notFound", 404, { details = { name = "p", kind = "pods" } })
    end)
    local _, err = resources.new(session).pod.get("p")
    assert.equal("notFound", err.kind)
    assert.equal(1, #handle.requests)
  end)
end)

describe("discovery", function()
  local function group(name, version, ...)
    local list = {}
    for _, item in ipairs { ... } do
      list[#list + 1] = { resource = item[1], responseKind = { kind = item[2] }, scope = item[3] or "Namespaced",
        shortNames = item[4], subresources = item[5] }
    end
    return { metadata = { name = name }, versions = { { version = version, freshness = "Current", resources = list } } }
  end

  it("learns everything in two answers from a server that aggregates", function()
    local session, handle = fake.session {
      ["GET /apis"] = { kind = "APIGroupDiscoveryList", items = {
        group("example.com", "v2", { "widgets", "Widget", "Namespaced", { "wg" }, { { subresource = "status" } } }) } },
      ["GET /api"] = { kind = "APIGroupDiscoveryList", items = { group("", "v1", { "pods", "Pod" }) } },
      ["GET /apis/example.com/v2/widgets"] = page { "w" },
      ["GET /apis/example.com/v2/namespaces/a/widgets/w/status"] = pod("w", 1),
    }
    assert(resources.new(session).wg.list())
    assert(require("moonpool.api").new(require("moonpool.api").classOfGroup "example.com", session)
      .readNamespacedWidgetStatus("w", "a"))
    assert.equal(4, #handle.requests)
    assert.matches("apidiscovery.k8s.io", handle.requests[1].accept, 1, true)
  end)

  it("is asked once more for what was not there before", function()
    local lists = { ["GET /apis"] = { kind = "APIGroupDiscoveryList", items = {} },
      ["GET /api"] = { kind = "APIGroupDiscoveryList", items = {} } }
    local session = fake.session(lists)
    local _, err = resources.new(session).widget.list()
    assert.equal("notFound", err.kind)
    lists["GET /apis"].items[1] = group("example.com", "v1", { "widgets", "Widget" })
    lists["GET /apis/example.com/v1/widgets"] = page { "w" }
    assert(resources.new(session).widget.list())
  end)

  it("does without a group that is down, and names it when something is not found", function()
    local session = fake.session(function(request)
      if request.path == "/apis" then
        return { kind = "APIGroupList", groups = {
          { name = "metrics.k8s.io", preferredVersion = { version = "v1" }, versions = { { version = "v1" } } },
          { name = "example.com", preferredVersion = { version = "v1" }, versions = { { version = "v1" } } } } }, 200, {}
      elseif request.path:find "metrics" then
        return nil, fake.failure("server", 503)
      elseif request.path == "/apis/example.com/v1" then
        return { resources = { { name = "widgets", kind = "Widget", namespaced = true } } }, 200, {}
      end
      return page {}, 200, {}
    end)
    assert(resources.new(session).widget.list())
    local _, err = resources.new(session).nodemetrics.list()
    assert.equal("notFound", err.kind)
    assert.matches("metrics.k8s.io/v1: made up for this test", err.message, 1, true)
  end)

  it("passes on why it could not ask", function()
    local session = fake.session(function() return nil, fake.failure("forbidden", 403) end)
    local list, err = resources.new(session).widget.list()
    assert.is_nil(list)
    assert.equal("forbidden", err.kind)
  end)
end)

describe("a watch over broken streams", function()
  local function line(kind, object) return moonpool.json.encode { type = kind, object = object } .. "\n" end

  local function events(watcher, count)
    local list = {}
    for _ = 1, count do
      local event, err = watcher:next()
      if not event then return list, err end
      list[#list + 1] = ("%s %s %s"):format(event.type, event.object.metadata.name, event.object.metadata.resourceVersion or "-")
    end
    return list
  end

  local function open(session, options)
    return (watch.open(session, { label = "test", verb = "watch", entry = require("moonpool.kinds").named "pod",
      options = options }))
  end

  it("puts events together however their bytes come", function()
    local text = line("ADDED", pod("a", 11)) .. line("MODIFIED", pod("a", 12)) .. line("DELETED", pod("a", 13))
    for size = 1, 40, 3 do
      local session, handle = script { page {} }
      local chunks = {}
      for at = 1, #text, size do chunks[#chunks + 1] = text:sub(at, at + size - 1) end
      handle.streams = { chunks }
      assert.same({ "ADDED a 11", "MODIFIED a 12", "DELETED a 13" }, (events(open(session), 3)))
    end
  end)

  it("goes on from the last version, bookmarks included, and keeps bookmarks to itself", function()
    local session, handle = script { page { "a" } }
    handle.streams = {
      { line("BOOKMARK", { metadata = { resourceVersion = "20" } }) },
      { line("ADDED", pod("b", 21)) },
    }
    assert.same({ "ADDED a 10", "ADDED b 21" }, (events(open(session), 2)))
    assert.matches("resourceVersion=10&", handle.requests[2].path)
    assert.matches("allowWatchBookmarks=true&resourceVersion=20&timeoutSeconds=%d+&watch=true$", handle.requests[3].path)
    assert.equal(1, handle.closed)
  end)

  it("reports the differences when the server has forgotten its version", function()
    local session, handle = script { page { "a", "b" }, { metadata = { resourceVersion = "30" }, kind = "PodList",
      apiVersion = "v1", items = { pod("a", 10), pod("c", 29), pod("b", 28, "another b") } } }
    handle.streams = {
      { line("ERROR", { kind = "Status", code = 410, reason = "Expired", message = "too old" }) },
      { line("ADDED", pod("d", 31)) },
    }
    assert.same({ "ADDED a 10", "ADDED b 10", "ADDED c 29", "ADDED b 28", "DELETED b -", "ADDED d 31" },
      (events(open(session), 6)))
  end)

  it("begins a list again that went stale on the way, without repeating itself", function()
    local session = script { page({ "a" }, "next"), fake.failure("gone", 410), page { "a", "b" } }
    assert.same({ "ADDED a 10", "ADDED b 10" }, (events(open(session), 2)))
  end)

  it("outlives a broken connection", function()
    local session, handle = script { page { "a" } }
    handle.streams = {
      { line("ADDED", pod("b", 11)), line("ADDED", pod("x", 12)):sub(1, 20), fake.failure("connect") },
      { line("ADDED", pod("x", 12)) },
    }
    assert.same({ "ADDED a 10", "ADDED b 11", "ADDED x 12" }, (events(open(session), 3)))
    assert.matches("resourceVersion=11&", handle.requests[3].path)
  end)

  it("gives up on what does not pass", function()
    local session, handle = script { page { "a" } }
    handle.streams = { { line("ERROR", { kind = "Status", code = 403, reason = "Forbidden", message = "no more" }) } }
    local list, err = events(open(session), 2)
    assert.same({ "ADDED a 10" }, list)
    assert.same({ "forbidden", "no more" }, { err.kind, err.message })
    session = script { fake.failure("connect") }
    list, err = events(open(session), 1)
    assert.same({}, list)
    assert.equal("connect", err.kind) -- it never began
  end)

  it("checks its options at once", function()
    assert.error_matches(function() open((fake.session()), { limit = 1 }) end, 'unknown option "limit"')
  end)
end)
