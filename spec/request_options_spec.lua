-- request_options_spec.lua: every option of an API call, by what arrives at the server or by what the caller gets back.
local core = require "moonpool.core"
local moonpool = require "moonpool"
local oneCluster = require "spec.support.one_cluster"
local recorder = require "spec.support.recorder"

local timed = oneCluster.timed

describe("the call option", function()
  local server, client

  lazy_setup(function()
    server = recorder.start()
    client = server:client()
  end)
  lazy_teardown(function() server:stop() end)
  before_each(function() server:reset() end)

  --- The query of the only request that came.
  local function query()
    assert.equal(1, #server.requests)
    return server.requests[1].target:match "%?(.*)$" or ""
  end

  it("limit, continue, labelSelector, fieldSelector and resourceVersion shape a list", function()
    assert(client.core.listNamespacedPod("x", { limit = 5, continue = "a/b=", labelSelector = "app=web,tier in (a,b)",
      fieldSelector = { ["spec.nodeName"] = "n,1" }, resourceVersion = "7", resourceVersionMatch = "NotOlderThan" }))
    assert.equal("continue=a%2Fb%3D&fieldSelector=spec.nodeName%3Dn%5C%2C1&labelSelector=app%3Dweb%2Ctier%20in%20%28a%2Cb%29"
      .. "&limit=5&resourceVersion=7&resourceVersionMatch=NotOlderThan", query())
  end)

  it("resourceVersion also shapes a read", function()
    assert(client.core.readNamespacedPod("p", "x", { resourceVersion = "0" }))
    assert.equal("resourceVersion=0", query())
  end)

  it("dryRun, fieldManager and fieldValidation shape what writes", function()
    local body = { metadata = { name = "c" } }
    local options = { dryRun = true, fieldManager = "me", fieldValidation = "Strict" }
    assert(client.core.createNamespacedConfigMap("x", body, options))
    assert(client.core.replaceNamespacedConfigMap("c", "x", body, options))
    assert(client.core.patchNamespacedConfigMap("c", "x", body, options))
    assert(client.resources.configMap.apply(body, options))
    for i, method in ipairs { "POST", "PUT", "PATCH", "PATCH" } do
      assert.equal(method, server.requests[i].method)
      assert.matches("?dryRun=All&fieldManager=me&fieldValidation=Strict", server.requests[i].target, 1, true)
    end
  end)

  it("dryRun and its like are told to a deletion in its body", function()
    assert(client.core.deleteNamespacedPod("p", "x", { dryRun = true, gracePeriodSeconds = 0, propagationPolicy = "Foreground" }))
    assert.same({ apiVersion = "v1", kind = "DeleteOptions", dryRun = { "All" }, gracePeriodSeconds = 0, propagationPolicy = "Foreground" },
      core.json.decode(server.requests[1].body))
  end)

  it("force goes with apply", function()
    assert(client.resources.configMap.apply({ metadata = { name = "c" } }, { force = true }))
    assert.equal("fieldManager=moonpool&force=true", query())
    assert.same({ "application/apply-patch+yaml" }, server.requests[1].headers["content-type"])
    assert.error_matches(function() client.core.patchNamespacedConfigMap("c", "x", {}, { force = true }) end,
      'option force goes with patchType = "apply"$')
  end)

  it("headers and query add what there is no option for", function()
    assert(client.core.listNamespace { headers = { ["X-Trace"] = "1" }, query = { pretty = true, list = { "a", "b" } } })
    assert.equal("list=a&list=b&pretty=true", query())
    assert.same({ "1" }, server.requests[1].headers["x-trace"])
  end)

  it("raw gives the answer's text", function()
    server.answer = function() return 200, '{ "a" : 1 }', "application/json" end
    assert.equal('{ "a" : 1 }', assert(client.core.listNamespace { raw = true }))
    assert.same({ a = 1 }, assert(client.core.listNamespace { raw = false }))
  end)

  it("gzip asks for compressed answers, which are unpacked, or forbids them", function()
    server.answer = function(request)
      local accepted = (request.headers["accept-encoding"] or {})[1]
      if accepted ~= "gzip" then return 200, '{"packed": false}', "application/json" end
      return 200, core.http.gzip '{"packed": true}', "application/json", { ["Content-Encoding"] = "gzip" }
    end
    assert.is_true(assert(client.core.listNamespace { gzip = true }).packed)
    assert.is_false(assert(client.core.listNamespace { gzip = false }).packed)
  end)

  it("maxBodySize bounds the answer, unpacked", function()
    local text = '{"a": "' .. ("x"):rep(5000) .. '"}'
    server.answer = function(request)
      if request.headers["accept-encoding"] then
        return 200, core.http.gzip(text), "application/json", { ["Content-Encoding"] = "gzip" }
      end
      return 200, text, "application/json"
    end
    assert(client.core.listNamespace { maxBodySize = #text })
    for _, gzip in ipairs { false, true } do
      local list, err = client.core.listNamespace { maxBodySize = #text - 1, gzip = gzip }
      assert.is_nil(list)
      assert.equal("protocol", err.kind)
      assert.matches("maxBodySize", err.message)
    end
  end)

  local function expectTimeout(limit, words, options)
    local took, list, err = timed(client.core.listNamespace, options)
    assert.is_nil(list)
    assert.equal("timeout", err.kind)
    assert.matches(words, err.message)
    assert.is_true(took >= limit and took < 5000, ("took %d ms"):format(took))
  end

  it("timeout limits the whole call", function()
    server.answer = function() end -- never
    expectTimeout(100, "no answer within %d+ ms", { timeout = 100 })
    assert.equal(1, #server.requests)
  end)

  it("timeout includes the waiting before further attempts", function()
    server.answer = function() return 429, "{}", "application/json", { ["Retry-After"] = "3" } end
    local took, list, err = timed(client.core.listNamespace, { timeout = 500 })
    assert.is_nil(list)
    assert.equal("tooManyRequests", err.kind)
    assert.equal(3000, err.retryAfter)
    assert.is_true(took < 3000)
  end)

  it("firstByteTimeout limits the time until the answer begins, and no longer", function()
    server.answer = function() end
    expectTimeout(100, "no answer within %d+ ms", { firstByteTimeout = 100, retries = 0 })
    server.answer = function(_, exchange)
      exchange:stream(200, '{"a":', "application/json")
      core.after(800, function()
        exchange:write "1}"
        exchange:finish()
      end)
    end
    assert.equal(1, assert(client.core.listNamespace { firstByteTimeout = 600, retries = 0 }).a)
  end)

  it("idleTimeout limits the silence in an answer", function()
    server.answer = function(_, exchange)
      exchange:stream(200, '{"a":', "application/json")
      core.after(150, function() exchange:write "1" end)
    end
    expectTimeout(250, "the answer stopped for %d+ ms after [56] bytes", { idleTimeout = 250, retries = 0 })
  end)

  it("retries is how often what failed is tried again, 3 times unless said", function()
    server.answer = function() return 429, "{}", "application/json", { ["Retry-After"] = "0" } end
    for _, retries in ipairs { 0, 2 } do
      server.requests = {}
      local list, err = client.core.listNamespace { retries = retries }
      assert.is_nil(list)
      assert.equal("tooManyRequests", err.kind)
      assert.equal(retries + 1, #server.requests)
      assert.equal(retries + 1, err.attempts)
    end
    server.requests = {}
    server.answer = function(_, exchange) exchange:reset() end
    local list, err = client.core.listNamespace()
    assert.is_nil(list)
    assert.equal("connect", err.kind)
    assert.equal(4, #server.requests)
  end)

  it("are not used for a write that was sent: its outcome is unknown, and the error says so", function()
    server.answer = function(_, exchange) exchange:reset() end
    local made, err = client.core.createNamespace { metadata = { name = "x" } }
    assert.is_nil(made)
    assert.equal("connect", err.kind)
    assert.is_true(err.outcomeUnknown)
    assert.matches("the outcome is unknown", err.message, 1, true)
    assert.equal(1, #server.requests)
    local _, lost = client.core.listNamespace { retries = 0 }
    assert.is_nil(lost.outcomeUnknown)
  end)

  it("is refused when it is unknown or of a wrong type, with the nearest name", function()
    local function refused(options, message)
      assert.error_matches(function() client.core.listNamespacedPod("x", options) end, message)
    end
    refused({ labelselector = "a" }, 'listNamespacedPod: unknown option "labelselector"; did you mean "labelSelector"%?$')
    refused({ limit = "5" }, "listNamespacedPod: option limit: expected an integer of 0 or more, got string$")
    refused({ timeout = 1.5 }, "option timeout: expected milliseconds, an integer of 0 or more, got number 1.5$")
    refused({ raw = 1 }, "option raw: expected a boolean, got number 1$")
    refused({ resourceVersion = 5 }, "option resourceVersion: expected a string, got number 5$")
    assert.equal(0, #server.requests)
  end)
end)

describe("a user of the kubeconfig", function()
  local server

  after_each(function() server:stop() end)

  local function headersOf(user, plain)
    server = recorder.start { plain = plain }
    assert(server:client { user = user }.core.listNamespace())
    return server.requests[1].headers
  end

  it("with a token or a password is named to the server", function()
    assert.same({ "Bearer t0ken" }, headersOf("{token: t0ken}").authorization)
    server:stop()
    assert.same({ "Basic " .. core.base64 "jane:pass:word" }, headersOf("{username: jane, password: 'pass:word'}").authorization)
  end)

  it("who acts as another says so, with uid, groups and extra", function()
    local headers = headersOf [[{token: t, as: jane, as-uid: "7", as-groups: [a, b c],
      as-user-extra: {scopes: [view, "list"], "acme.com/Team": [one]}}]]
    assert.same({ "jane" }, headers["impersonate-user"])
    assert.same({ "7" }, headers["impersonate-uid"])
    table.sort(headers["impersonate-group"])
    assert.same({ "a", "b c" }, headers["impersonate-group"])
    table.sort(headers["impersonate-extra-scopes"])
    assert.same({ "list", "view" }, headers["impersonate-extra-scopes"])
    assert.same({ "one" }, headers["impersonate-extra-acme.com%2fteam"])
    assert.same({ "Bearer t" }, headers.authorization)
  end)

  it("stays unknown to a server of plain http, and a refusal says why", function()
    local headers = headersOf("{token: secret-token, as: jane, as-groups: [a]}", true)
    for name in pairs(headers) do assert.is_nil(name:match "^authorization" or name:match "^impersonate") end
    for _, status in ipairs { 401, 403 } do
      server.answer = function() return status, "{}", "application/json" end
      local list, err = server.clients[1].core.listNamespace()
      assert.is_nil(list)
      assert.equal(status, err.status)
      assert.matches("the user's credentials were not sent, because the server is plain http", tostring(err))
      assert.is_nil(tostring(err):find("secret", 1, true))
    end
    server:stop()
    -- Who has nothing to withhold is not told of it.
    server = recorder.start { plain = true }
    server.answer = function() return 403, "{}", "application/json" end
    local _, err = server:client().core.listNamespace()
    assert.is_nil(tostring(err):find("not sent", 1, true))
  end)
end)

describe("a call", function()
  it("says who calls, and takes JSON", function()
    local server = recorder.start()
    finally(function() server:stop() end)
    assert(server:client().core.listNamespace())
    local headers = server.requests[1].headers
    assert.matches("^moonpool/" .. moonpool.version:gsub("%p", "%%%0"), headers["user-agent"][1])
    assert.same({ "application/json" }, headers.accept)
  end)
end)
