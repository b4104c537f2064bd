-- Users that sign in at an OpenID Connect identity provider (auth-provider "oidc"), with one in this process and simulated clusters that
-- accept the tokens it has given out.
local core = require "moonpool.core"
local Issuer = require "spec.support.issuer"
local moonpool = require "moonpool"
local sim = require "moonpool.sim"

local ADMIN = { name = "by-token", groups = { "system:masters" } }
local LIST = { method = "GET", path = "/api/v1/namespaces", retries = 0 }
local PAST = { exp = 1600000000 }

describe("an identity provider", function()
  local group, issuer, pools

  local function accept(token)
    for _, one in ipairs(group.clusters) do one.tokens[token] = ADMIN end
    return token
  end

  local function start(count, options)
    group = sim.start { clusters = count or 1, pods = 0 }
    options = options or {}
    options.onToken = accept
    issuer = Issuer.start(options)
    issuer.refreshTokens["r-1"] = { sub = "me" }
  end

  local function config(settings, index)
    local one = group.clusters[index or 1]
    local made = core.KubeConfig()
    assert(made:loadFromString(([[
clusters: [{name: c, cluster: {server: "%s", certificate-authority-data: %s}}]
users: [{name: u, user: {%s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
]]):format(one.urls[1], core.base64(one.credentials.authority), issuer:user(settings))))
    return made
  end

  local function pool(settings, options, index)
    local made = assert(core.pool("x", config(settings, index), "x", options or { enableWarmup = false }))
    pools[#pools + 1] = made
    return made
  end

  local function fails(one, kind, ...)
    local result, err = one:call(LIST)
    assert.is_nil(result)
    assert.equal(kind, err.kind)
    for _, text in ipairs { ... } do assert.truthy(err.message:find(text, 1, true), err.message) end
    assert.is_nil(err.message:find("s3cret", 1, true), err.message)
    return err
  end

  before_each(function() pools = {} end)
  after_each(function()
    for _, each in ipairs(pools) do each:dispose() end
    if issuer then issuer:close() end
    if group then group:stop() end
    issuer, group = nil, nil
  end)

  it("is not asked while the kubeconfig's id-token lasts", function()
    start()
    local one = pool { ["id-token"] = accept(issuer:token {}), ["refresh-token"] = "r-1" }
    for _ = 1, 3 do assert(one:call(LIST)) end
    assert.same({ 0, 0 }, { issuer.discoveries, #issuer.asked })
  end)

  it("is asked with the refresh token when the id-token has expired, and once only", function()
    start()
    local one = pool { ["id-token"] = issuer:token(PAST), ["refresh-token"] = "r-1", ["client-secret"] = "s3cret +/" }
    for _ = 1, 3 do assert(one:call(LIST)) end
    assert.equal(1, #issuer.asked)
    local asked = issuer.asked[1]
    assert.same({ "refresh_token", "r-1" }, { asked.grant_type, asked.refresh_token })
    assert.equal("Basic " .. core.base64 "moonpool:s3cret%20%2B%2F", asked.authorization)
    assert.is_nil(asked.client_secret)
  end)

  it("is asked where there is no id-token, or one that says no end", function()
    start()
    for index, given in ipairs { false, "opaque", issuer:token { exp = "soon" } } do
      issuer.refreshTokens["r-" .. index] = { sub = "me" }
      assert(pool({ ["id-token"] = given or nil, ["refresh-token"] = "r-" .. index }):call(LIST))
      assert.equal(index, #issuer.asked)
    end
  end)

  it("is given the secret in the way that it wants", function()
    start()
    issuer.methods = { "client_secret_post" }
    assert(pool({ ["refresh-token"] = "r-1", ["client-secret"] = "s3cret&" }):call(LIST))
    assert.same({ "moonpool", "s3cret&" }, { issuer.asked[1].client_id, issuer.asked[1].client_secret })
    assert.is_nil(issuer.asked[1].authorization)
  end)

  it("is told who asks where there is no secret", function()
    start()
    assert(pool({ ["refresh-token"] = "r-1" }):call(LIST))
    assert.equal("moonpool", issuer.asked[1].client_id)
    assert.is_nil(issuer.asked[1].client_secret)
  end)

  it("is asked once for twenty clusters that start at once", function()
    start(20)
    local all = {}
    for index = 1, 20 do all[index] = pool({ ["refresh-token"] = "r-1" }, { minConnections = 1 }, index) end
    for _, each in ipairs(all) do assert(each:call(LIST)) end
    assert.equal(1, #issuer.asked)
  end)

  it("gives a new token ahead of the end of the one before: no 401 in calls across it", function()
    start(1, { life = 2 })
    local one = pool { ["refresh-token"] = "r-1" }
    assert(one:call(LIST))
    local first = next(group.clusters[1].tokens, nil) and issuer.given
    issuer.life = 3600
    local since, calls = core.now(), 0
    while calls < 500 or core.now() - since < 2500 do
      assert(one:call(LIST))
      calls = calls + 1
      if calls > 400 then os.execute "sleep 0.01" end
    end
    assert.same({ 1, 2 }, { first, issuer.given })
  end)

  it("is asked once more when the server does not accept the token, and the call repeated", function()
    start()
    local stale = issuer:token {}
    local one = pool { ["id-token"] = stale, ["refresh-token"] = "r-1" }
    assert(one:call { method = "POST", path = "/api/v1/namespaces", body = '{"metadata": {"name": "made"}}', retries = 0,
      contentType = "application/json" })
    assert.equal(1, #issuer.asked)
  end)

  it("is not asked over and over when the server accepts none of its tokens", function()
    start()
    issuer.onToken = nil
    local one = pool { ["refresh-token"] = "r-1" }
    for _ = 1, 20 do fails(one, "unauthorized", 'does not accept the credentials of user "u"') end
    assert.truthy(#issuer.asked >= 2 and #issuer.asked <= 3, #issuer.asked)
  end)

  it("may replace the refresh token: the next one is used, by pools made later from the same kubeconfig too", function()
    start()
    issuer.rotate = true
    local settings = { ["refresh-token"] = "r-1" }
    assert(pool(settings):call(LIST))
    table.remove(pools):dispose()
    collectgarbage()
    collectgarbage()
    local one = pool(settings)
    assert(one:call(LIST)) -- the token of before lasts
    assert.equal(1, #issuer.asked)
    group.clusters[1].tokens = {}
    assert(one:call(LIST))
    assert.equal("r-1+", issuer.asked[2].refresh_token)
  end)

  it("that says no is named, with its reason and without what is secret", function()
    start()
    issuer.refreshTokens = {}
    fails(pool { ["refresh-token"] = "s3cret-token", ["client-secret"] = "s3cret" }, "credential",
      "the identity provider " .. issuer.url .. ":", "HTTP 400: invalid_grant", "has ended")
  end)

  it("that says no is not asked again at once", function()
    start()
    issuer.refreshTokens = {}
    local one = pool { ["refresh-token"] = "r-9" }
    for _ = 1, 10 do fails(one, "credential", "invalid_grant") end
    assert.truthy(#issuer.asked <= 2, #issuer.asked)
  end)

  it("that answers without a usable token is told so", function()
    start()
    for body, message in pairs {
      ['{"access_token": "s3cret"}'] = "no id_token",
      ["<html>s3cret</html>"] = "its answer is not JSON",
      [""] = "its answer is not JSON",
      ['{"id_token": "s3cret"}'] = "no JSON Web Token with an end",
      [core.json.encode { id_token = issuer:token(PAST) }] = "expired",
    } do
      issuer.refuse = { 200, body }
      issuer.refreshTokens[message] = {}
      fails(pool { ["refresh-token"] = message }, "credential", issuer.url, message)
    end
  end)

  it("that is not what its certificate should say is not asked", function()
    start()
    local other = core.pki.authority "somebody else"
    fails(pool { ["refresh-token"] = "r-1", ["idp-certificate-authority-data"] = core.base64(other:certificate()) }, "credential",
      issuer.url, "not signed by")
    assert.equal(0, issuer.discoveries)
  end)

  it("that is not there is named", function()
    start()
    local url = issuer.url
    issuer:close()
    fails(pool { ["refresh-token"] = "r-1" }, "credential", url, "connection refused")
    issuer = nil
  end)

  it("cannot renew a token that ends without a refresh token", function()
    start()
    fails(pool { ["id-token"] = issuer:token(PAST) }, "credential", "no refresh-token", issuer.url)
    fails(pool { ["id-token"] = issuer:token {} }, "unauthorized", "no refresh-token")
    assert.equal(0, issuer.discoveries)
  end)

  it("is not asked where the user has a token of its own", function()
    start()
    local one = group.clusters[1]
    local made = core.KubeConfig()
    assert(made:loadFromString(([[
clusters: [{name: c, cluster: {server: "%s", certificate-authority-data: %s}}]
users: [{name: u, user: {token: %s, %s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
]]):format(one.urls[1], core.base64(one.credentials.authority), one.credentials.adminToken, issuer:user { ["refresh-token"] = "r-1" })))
    local with = assert(core.pool("x", made, "x", { enableWarmup = false }))
    pools[#pools + 1] = with
    assert(with:call(LIST))
    assert.equal(0, issuer.discoveries)
  end)

  it("that does not answer leaves a pool that is disposed of quickly", function()
    start()
    issuer.silent = true
    local one = pool { ["refresh-token"] = "r-1" }
    local task = moonpool.spawn(function() return one:call(LIST) end)
    repeat moonpool.sleep(10) until #issuer.asked == 1
    local since = core.now()
    one:dispose()
    task:join()
    assert.is_true(core.now() - since < 4000)
  end)

  it("must be declared as a whole", function()
    start()
    local function refused(settings, ...)
      local made, err = core.pool("x", config(settings), "x", { enableWarmup = false })
      assert.is_nil(made)
      for _, text in ipairs { ... } do assert.truthy(err.message:find(text, 1, true), err.message) end
    end
    refused({ ["idp-issuer-url"] = "", ["refresh-token"] = "r" }, "no idp-issuer-url")
    refused({ ["idp-issuer-url"] = "http://127.0.0.1", ["refresh-token"] = "r" }, "does not start with https://")
    for _, url in ipairs { "https://", "https:///realm" } do
      refused({ ["idp-issuer-url"] = url, ["refresh-token"] = "r" }, "has an idp-issuer-url without a host")
    end
    refused({ ["client-id"] = "", ["refresh-token"] = "r" }, "no client-id")
    refused({}, "neither an id-token nor a refresh-token")
    refused({ ["refresh-token"] = "r", ["idp-certificate-authority-data"] = core.base64 "none" }, "not PEM")
  end)
end)
