local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"

local count = 1200 -- more than two pages of 500

describe("lists", function()
  local client, namespace, config

  lazy_setup(function()
    clusters.start()
    client = clusters.client()
    namespace = clusters.namespace(client)
    config = client.resources.configmap
    local numbers = {}
    for i = 1, count do numbers[i] = i end
    moonpool.map(numbers, function(i)
      assert(client.core.createNamespacedConfigMap(namespace, {
        metadata = { name = ("c-%04d"):format(i), labels = { parity = i % 2 == 0 and "even" or "odd", rest = "r" .. i % 10 } },
      }))
    end)
  end)
  lazy_teardown(function()
    client.core.deleteNamespace(namespace)
    client:dispose()
    clusters.stop()
  end)

  -- Clusters put a config map of their own into a new namespace.
  local function mine(options)
    options = options or {}
    options.namespace = namespace
    options.labelSelector = options.labelSelector or "parity"
    return options
  end

  it("come whole", function()
    assert.equal(count, #assert(config.list(mine())).items)
  end)

  it("come in pages that belong together", function()
    local names, continue, pages = {}, nil, 0
    repeat
      local page = assert(config.list(mine { limit = 250, continue = continue }))
      for _, item in ipairs(page.items) do names[#names + 1] = item.metadata.name end
      continue, pages = page.metadata.continue, pages + 1
    until not continue or continue == ""
    assert.equal(count, #names)
    assert.is_true(pages >= 5)
    for i = 1, count do assert.equal(("c-%04d"):format(i), names[i]) end
  end)

  it("come one by one, page by page", function()
    local seen, before = 0, client:getPoolStats().acquired
    for object in config.each(mine()) do
      seen = seen + 1
      assert.equal(("c-%04d"):format(seen), object.metadata.name)
      assert.same({ "v1", "ConfigMap" }, { object.apiVersion, object.kind })
    end
    assert.equal(count, seen)
    assert.equal(3, client:getPoolStats().acquired - before)
    seen = 0
    for _ in config.each(mine { limit = 7, labelSelector = { parity = "even", rest = { "r2", "r4" } } }) do seen = seen + 1 end
    assert.equal(count // 5, seen)
  end)

  it("can be left in the middle", function()
    for object in config.each(mine { limit = 10 }) do
      if object.metadata.name == "c-0015" then break end
    end
  end)

  it("are selected by labels and fields", function()
    local function total(options) return #assert(config.list(mine(options))).items end
    assert.equal(count // 2, total { labelSelector = "parity=even" })
    assert.equal(count // 2, total { labelSelector = { parity = "odd" } })
    assert.equal(count // 5, total { labelSelector = { rest = { "r1", "r2" } } })
    assert.equal(count, total { labelSelector = { parity = true, nothing = false } })
    assert.equal(1, total { fieldSelector = { ["metadata.name"] = "c-0007" } })
    local list, err = config.list { namespace = namespace, labelSelector = "a in b" }
    assert.is_nil(list)
    assert.same({ "invalid", 400 }, { err.kind, err.status })
    list, err = config.list { namespace = namespace, fieldSelector = "spec.nothing=1" }
    assert.is_nil(list)
    assert.equal("invalid", err.kind)
  end)

  it("that went stale end with an error that says so, not with a part of the list", function()
    local page, err = config.list(mine { limit = 10, continue = "bm9uc2Vuc2U" })
    assert.is_nil(page)
    assert.is_true(err.kind == "gone" or err.kind == "invalid", err.kind)
    assert.error(function()
      for _ in config.each(mine { continue = "bm9uc2Vuc2U" }) do error("an item") end
    end)
  end)

  it("of all namespaces contain those of each", function()
    local seen = 0
    for object in config.each { labelSelector = "parity" } do
      if object.metadata.namespace == namespace then seen = seen + 1 end
    end
    assert.equal(count, seen)
  end)
end)
