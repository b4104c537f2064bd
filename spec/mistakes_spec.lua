-- mistakes_spec.lua: what newcomers get wrong, and the sentence that tells them what to write instead.
local moonpool = require "moonpool"
local oneCluster = require "spec.support.one_cluster"
local program = require "spec.support.program"

describe("somebody who", function()
  local here, client, pool

  lazy_setup(function()
    here = oneCluster.start()
    client = here:client()
    pool = here:pool()
  end)
  lazy_teardown(function()
    client:dispose()
    pool:dispose()
    here:stop()
  end)

  local function told(message, fn)
    local ok, problem = pcall(fn)
    assert.is_false(ok)
    assert.equal("spec/mistakes_spec.lua:", problem:match "^[^:]*:", problem)
    assert.equal(message, (problem:gsub("^[^:]*:%d+: ", "")))
  end

  it("calls an API with a colon is told to use a dot", function()
    told("listNamespace is called with a dot, not with a colon", function() client.core:listNamespace() end)
    told("pods.list is called with a dot, not with a colon", function() client.resources.pods:list { namespace = "x" } end)
  end)

  it("calls a handle with a dot is told to use a colon", function()
    told("client:dispose() is called with a colon, not with a dot", function() client.dispose() end)
    told("client:getPoolStats() is called with a colon, not with a dot", function() client.getPoolStats() end)
    told("client:on() is called with a colon, not with a dot", function() client.on("connectionCreated", print) end)
    told("client:request() is called with a colon, not with a dot", function() client.request { path = "/" } end)
    told("pool:acquire() is called with a colon, not with a dot", function() pool.acquire() end)
    told("pool:getStats() is called with a colon, not with a dot", function() pool.getStats() end)
    told("pool:release() is called with a colon, not with a dot", function() pool.release(nil) end)
    local connection <close> = assert(pool:acquire())
    told("connection:makeApiClient() is called with a colon, not with a dot", function()
      connection.makeApiClient(moonpool.CoreV1Api)
    end)
  end)

  it("misspells a name is given the nearest, or what there is", function()
    told('moonpool has no "KubernetsClient"; did you mean "KubernetesClient"?', function() moonpool.KubernetsClient() end)
    told('ConnectionPool has no method "aquire"; did you mean "acquire"?', function() pool:aquire() end)
    told('ConnectionPool has no method "borrowOne"; known: acquire, dispose, getStats, off, on, once, release',
      function() pool:borrowOne() end)
    told('KubernetesClient has no field "resource"; did you mean "resources"?', function() return client.resource.pod end)
    told('KubernetesClient has no field "getStats"; it has the methods dispose, getPoolStats, info, off, on, once, request, the API '
      .. 'groups core, apps, batch and others, resources and custom; groups of custom resources go by their full name, as in '
      .. 'client["example.com"]', function() client:getStats() end)
  end)

  it("looks for a kind in the wrong group is told the right one", function()
    local list, err = client.apps.listNamespacedPod "default"
    assert.is_nil(list)
    assert.equal('cluster "sim-1" has no kind "Pod" in apps; Pod is in core', err.message)
    assert.equal('cluster "sim-1" has no kind "Pod" in apps; Pod is in core (notFound)', tostring(err))
  end)

  it("gives a namespace or a path where options are expected is shown how", function()
    told('pod.list: expected a table of options, such as { namespace = "default" }, got a string', function()
      client.resources.pod.list "default"
    end)
    told("pod.each: expected a table of options, got string", function() client.resources.pod.each "default" end)
    told('KubernetesClient: expected a table of options, such as { kubeConfigPath = "/my/config" }, got a string', function()
      moonpool.KubernetesClient "/my/config"
    end)
    told("KubernetesClient: option kubeConfig: expected a moonpool.KubeConfig, got string; a file's path goes into kubeConfigPath",
      function() moonpool.KubernetesClient { kubeConfig = "/my/config" } end)
  end)

  it("gives a pool no factory, or one that returns nothing, is told what it should return", function()
    told("ConnectionPool: argument 2 (kubeConfigFactory): expected a function that returns a moonpool.KubeConfig, got a "
      .. "moonpool.KubeConfig", function() moonpool.ConnectionPool("x", moonpool.KubeConfig()) end)
    told("ConnectionPool x: the kubeConfigFactory returned nil; expected a moonpool.KubeConfig (does it end with `return`?)",
      function() moonpool.ConnectionPool("x", function() moonpool.KubeConfig() end) end)
  end)

  it("forgot assert is told, at the end of the program, why there was nothing", function()
    local result = program.run("-e", [[
      local moonpool = require "moonpool"
      local client = moonpool.KubernetesClient { kubeConfigPath = "/no/such/file" }
      client.core.listNamespace()]])
    assert.equal(1, result.code)
    assert.matches("^moonpool: %(command line%):3: attempt to index a nil value %(local 'client'%)\n", result.err)
    assert.matches("moonpool: is it the nil of a call that failed%? The last one said: cannot read the kubeconfig /no/such/file: "
      .. "No such file or directory %(config%)\nmoonpool: local result = assert%(call%(%)%) ends the script there", result.err)
    -- No such guess where no call failed, or something else is wrong.
    assert.is_nil(program.run("-e", "local x x.y = 1").err:find("a call that failed", 1, true))
    assert.is_nil(program.run("-e", [[require "moonpool".KubernetesClient { kubeConfigPath = "/no/such/file" } error "x"]]).err
      :find("a call that failed", 1, true))
  end)
end)
