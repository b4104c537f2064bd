local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"

local function definition(group, plural, kind, scope)
  return {
    metadata = { name = plural .. "." .. group },
    spec = {
      group = group, scope = scope,
      names = { plural = plural, singular = kind:lower(), kind = kind, listKind = kind .. "List",
        shortNames = { "w" .. plural:sub(1, 2) } },
      versions = { {
        name = "v1", served = true, storage = true,
        subresources = { status = moonpool.json.decode "{}" },
        schema = { openAPIV3Schema = { type = "object", ["x-kubernetes-preserve-unknown-fields"] = true,
          properties = { spec = { type = "object", ["x-kubernetes-preserve-unknown-fields"] = true },
            status = { type = "object", ["x-kubernetes-preserve-unknown-fields"] = true } } } },
      } },
    },
  }
end

describe("custom resources", function()
  local client, namespace, definitions, group

  lazy_setup(function()
    clusters.start()
    client = clusters.client()
    namespace = clusters.namespace(client)
    definitions = client.resources.crd
    group = clusters.name "g" .. ".example.com"
    -- The client has learned what the cluster serves before the definitions are made.
    client.resources["things." .. group].list()
    assert(definitions.create(definition(group, "widgets", "Widget", "Namespaced")))
    assert(definitions.create(definition(group, "gadgets", "Gadget", "Cluster")))
    assert(definitions.wait("widgets." .. group, "Established", { timeout = 20000 }))
    assert(definitions.wait("gadgets." .. group, "Established", { timeout = 20000 }))
    -- Established is the definition's word; the server needs a moment more to serve it.
    for _ = 1, 100 do
      if client:request { path = ("/apis/%s/v1/widgets"):format(group) }
        and client:request { path = ("/apis/%s/v1/gadgets"):format(group) } then break end
      moonpool.sleep(100)
    end
  end)
  lazy_teardown(function()
    definitions.delete("widgets." .. group)
    definitions.delete("gadgets." .. group)
    client.core.deleteNamespace(namespace)
    client:dispose()
    clusters.stop()
  end)

  it("are found by name as soon as they are defined", function()
    local widgets = client.resources["widgets." .. group]
    local one = assert(widgets.create({ metadata = { name = "one" }, spec = { size = 3, nothing = {}, list = moonpool.array {} } },
      { namespace = namespace }))
    assert.same({ group .. "/v1", "Widget" }, { one.apiVersion, one.kind })
    one = assert(widgets.get("one", { namespace = namespace }))
    assert.equal('{"list":[],"nothing":{},"size":3}', moonpool.json.encode(one.spec))
    one.spec.size = 4
    assert.equal(4, assert(widgets.replace(one)).spec.size)
    assert.equal(5, assert(widgets.patch("one", { spec = { size = 5 } }, { namespace = namespace })).spec.size)
    assert.same({ ok = true }, assert(widgets.patch("one", { status = { ok = true } },
      { namespace = namespace, subresource = "status" })).status)
    local count = 0
    for widget in widgets.each { namespace = namespace } do
      assert.equal("one", widget.metadata.name)
      count = count + 1
    end
    assert.equal(1, count)
    assert(widgets.delete("one", { namespace = namespace }))
  end)

  it("are found by kind, singular and short name", function()
    for _, name in ipairs { "gadget", "Gadget", "gadgets", "wga", "gadgets." .. group, "gadgets.v1." .. group } do
      assert.equal("GadgetList", assert(client.resources[name].list()).kind)
    end
  end)

  it("are reached by method names of their group", function()
    local api = client[group]
    assert(api.createNamespacedWidget(namespace, { metadata = { name = "two" }, spec = { size = 1 } }))
    assert.equal(1, #assert(api.listNamespacedWidget(namespace)).items)
    assert.equal("two", assert(api.readNamespacedWidget("two", namespace)).metadata.name)
    assert.equal(2, assert(api.patchNamespacedWidget("two", namespace, { spec = { size = 2 } })).spec.size)
    assert(api.patchNamespacedWidgetStatus("two", namespace, { status = { ok = true } }))
    assert(api.listWidgetForAllNamespaces())
    assert(api.deleteNamespacedWidget("two", namespace))
    assert(client[group .. "/v1"].createGadget { metadata = { name = "g" } })
    assert(client[group .. "/v1"].deleteGadget("g"))
    assert.error_matches(function() api.listWidget() end, "Widget is namespaced: use listNamespacedWidget or")
  end)

  it("are reached by client-node's CustomObjectsApi", function()
    local custom = client.custom
    local object = { apiVersion = group .. "/v1", kind = "Widget", metadata = { name = "three" }, spec = { size = 1 } }
    assert(custom.createNamespacedCustomObject(group, "v1", namespace, "widgets", object))
    local read = assert(custom.getNamespacedCustomObject(group, "v1", namespace, "widgets", "three"))
    read.spec.size = 2
    assert(custom.replaceNamespacedCustomObject(group, "v1", namespace, "widgets", "three", read))
    assert(custom.patchNamespacedCustomObjectStatus(group, "v1", namespace, "widgets", "three", { status = { ok = true } }))
    assert.equal(1, #assert(custom.listNamespacedCustomObject(group, "v1", namespace, "widgets", { limit = 5 })).items)
    assert(custom.listClusterCustomObject(group, "v1", "widgets"))
    assert(custom.deleteNamespacedCustomObject(group, "v1", namespace, "widgets", "three"))
    assert.error_matches(function() return custom.readNamespacedCustomObject end, "CustomObjectsApi has no method")
    assert.error_matches(function() custom.getNamespacedCustomObject(group, "v1", namespace, "widgets") end,
      "argument 5 %(name%): expected a string, got nil$")
  end)

  it("that are not there are named with what is near", function()
    local list, err = client.resources["widgetz." .. group].list()
    assert.is_nil(list)
    assert.equal("notFound", err.kind)
    assert.matches('did you mean "widgets"?', err.message, 1, true)
    list, err = client[group].listNamespacedWidgett(namespace)
    assert.is_nil(list)
    assert.matches('did you mean "Widget"?', err.message, 1, true)
  end)
end)
