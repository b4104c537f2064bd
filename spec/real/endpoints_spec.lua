-- One cluster with several API servers: the same objects behind each of them, and each can go without the others.
local clusters = require "spec.support.clusters"
local moonpool = require "moonpool"
local real = require "spec.support.real"

describe("a real cluster with two API servers", function()
  local path, context

  lazy_setup(function()
    local contexts
    path, contexts = clusters.start()
    for _, name in ipairs(contexts) do
      if #clusters.endpoints(name) == 2 then context = name end
    end
  end)
  lazy_teardown(clusters.stop)

  --- A client of one of its API servers.
  local function of(server)
    local file <close> = assert(io.open(path))
    local urls = clusters.endpoints(context)
    local kubeConfig = moonpool.KubeConfig()
    assert(kubeConfig:loadFromString((file:read "a":gsub(urls[1], urls[server], 1))))
    local options = { kubeConfig = kubeConfig, context = context, connectionPoolConfig = { connectTimeout = 1000 } }
    return assert(moonpool.KubernetesClient(options))
  end

  it("has the same objects behind both, whose certificate fits both", function()
    local first <close> = of(1)
    local second <close> = of(2)
    local name = clusters.name "shared"
    assert(first.core.createNamespace { metadata = { name = name } })
    assert.equal(name, assert(second.core.readNamespace(name)).metadata.name)
  end)

  it("answers by the one while the other is dead, and by both again when that is back", function()
    real.kill(context .. "/1")
    finally(function() real.restart(context) end)
    local second <close> = of(2)
    assert(second.core.readNamespace "default")
    do
      local first <close> = of(1)
      local _, err = first.core.readNamespace "default"
      assert.equal("connect", err.kind)
    end
    real.restart(context .. "/1")
    local first <close> = of(1)
    assert(first.core.readNamespace "default")
  end)

  it("answers by the one while the other is stopped", function()
    local first <close> = of(1)
    local second <close> = of(2)
    assert(first.core.readNamespace "default")
    real.stop(context .. "/2")
    finally(function() real.cont(context .. "/2") end)
    local _, err = second.core.readNamespace("default", { timeout = 500 })
    assert.is_true(err.kind == "timeout" or err.kind == "acquireTimeout", tostring(err)) -- on a connection, or waiting for one
    assert(first.core.readNamespace "default")
    real.cont(context .. "/2")
    assert(second.core.readNamespace "default")
  end)
end)
