-- kubeconfig_spec.lua: kubeconfigs as scripts see them. What files may look like is the subject of
-- kubeconfig_table_spec.lua.
local moonpool = require "moonpool"

local TEXT = [[
current-context: blue
contexts:
- {name: blue, context: {cluster: east, user: someone, namespace: shop}}
- {name: green, context: {cluster: west}}
clusters:
- {name: east, cluster: {server: "https://east:6443", tls-server-name: api.east, proxy-url: "http://me:sesame@proxy:3128"}}
- {name: west, cluster: {server: "https://west:6443", insecure-skip-tls-verify: true}}
users:
- {name: someone, user: {token: sesame}}
- {name: other, user: {username: me, password: sesame, exec: {command: aws}}}
]]

--- All text in a value, keys and values.
local function allText(value)
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for key, item in pairs(value) do parts[#parts + 1] = allText(key) .. "=" .. allText(item) end
  return table.concat(parts, "\n")
end

describe("a KubeConfig", function()
  local kubeConfig
  before_each(function() kubeConfig = moonpool.KubeConfig() end)

  it("is empty at first", function()
    assert.is_nil(kubeConfig:getCurrentContext())
    assert.same({}, kubeConfig:getContexts())
    assert.equal("moonpool.KubeConfig (0 contexts, none is current)", tostring(kubeConfig))
  end)

  it("lists contexts, clusters and users", function()
    assert.is_true(kubeConfig:loadFromString(TEXT))
    assert.equal("blue", kubeConfig:getCurrentContext())
    assert.same({ { name = "blue", cluster = "east", user = "someone", namespace = "shop" },
      { name = "green", cluster = "west" } }, kubeConfig:getContexts())
    assert.same({ { name = "east", server = "https://east:6443", tlsServerName = "api.east", proxyUrl = "http://proxy:3128",
      skipTLSVerify = false, hasCaData = false },
      { name = "west", server = "https://west:6443", skipTLSVerify = true, hasCaData = false } }, kubeConfig:getClusters())
    assert.same({ name = "someone", hasToken = true, hasPassword = false, hasClientCertificate = false },
      kubeConfig:getUsers()[1])
    assert.equal("aws", kubeConfig:getUsers()[2].execCommand)
  end)

  it("shows no secret", function()
    assert.is_true(kubeConfig:loadFromString(TEXT))
    local shown = allText { kubeConfig:getContexts(), kubeConfig:getClusters(), kubeConfig:getUsers(), tostring(kubeConfig) }
    assert.is_nil(shown:find("sesame", 1, true))
  end)

  it("takes another current context, and names the nearest one when there is none", function()
    assert.is_true(kubeConfig:loadFromString(TEXT))
    assert.is_true(kubeConfig:setCurrentContext("green"))
    assert.equal("green", kubeConfig:getCurrentContext())
    local ok, err = kubeConfig:setCurrentContext("gren")
    assert.is_nil(ok)
    assert.equal("config", err.kind)
    assert.equal('context "gren" is not defined; did you mean "green"? There are: blue, green', err.message)
  end)

  it("is replaced by the next load, but not by one that fails", function()
    assert.is_true(kubeConfig:loadFromString(TEXT))
    local ok, err = kubeConfig:loadFromString("clusters: 1")
    assert.is_nil(ok)
    assert.equal("<string>:1: clusters: expected a list, got a number", err.message)
    assert.equal(2, #kubeConfig:getContexts())
    assert.is_true(kubeConfig:loadFromString("current-context: red"))
    assert.equal("red", kubeConfig:getCurrentContext())
    assert.same({}, kubeConfig:getContexts())
  end)

  it("reads a file, and says why it cannot", function()
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(TEXT)
    file:close()
    finally(function() os.remove(path) end)
    assert.is_true(kubeConfig:loadFromFile(path))
    assert.equal("blue", kubeConfig:getCurrentContext())
    local ok, err = moonpool.KubeConfig():loadFromFile("/no/such/file")
    assert.is_nil(ok)
    assert.equal("cannot read the kubeconfig /no/such/file: No such file or directory", err.message)
  end)

  it("repeats why it is empty when a script went on after a failed load", function()
    kubeConfig:loadFromFile("/no/such/file")
    local _, err = kubeConfig:setCurrentContext("blue")
    assert.matches("/no/such/file: No such file or directory", err.message, 1, true)
  end)

  it("raises when it is used wrongly", function()
    assert.error_matches(function() kubeConfig:loadFromFile() end, "string expected")
    assert.error_matches(function() kubeConfig.getContexts("x") end, "moonpool.KubeConfig expected")
    assert.error_matches(function() kubeConfig:setCurrentContext {} end, "string expected")
  end)
end)
