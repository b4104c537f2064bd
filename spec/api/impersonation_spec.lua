local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"

describe("a user who acts as another", function()
  local path, contexts

  local function clientAs(fields)
    local file <close> = assert(io.open(path, "rb"))
    local config = assert(moonpool.yaml.decode(file:read "a"))
    for _, entry in ipairs(config.users) do
      for name, value in pairs(fields) do entry.user[name] = value end
    end
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromString(assert(moonpool.json.encode(config))))
    return assert(moonpool.KubernetesClient { kubeConfig = kubeConfig, context = contexts[1] })
  end

  lazy_setup(function() path, contexts = clusters.start() end)
  lazy_teardown(clusters.stop)

  it("has the other's rights", function()
    local client <close> = clientAs { as = "jane" }
    local list, err = client.core.listNamespace()
    assert.is_nil(list)
    assert.equal("forbidden", err.kind)
    assert.matches('User "jane" cannot list resource "namespaces"', err.message, 1, true)
  end)

  it("has those of the groups that are named, of each of them", function()
    local client <close> = clientAs { as = "jane", ["as-groups"] = { "friends", "system:masters", "others" } }
    assert.equal("NamespaceList", assert(client.core.listNamespace()).kind)
  end)
end)
