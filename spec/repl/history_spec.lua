-- history_spec.lua: which lines the prompt keeps.
local history = require "moonpool.repl.history"

describe("the history", function()
  it("takes lines for secrets that give one away", function()
    for _, line in ipairs {
      "password = 'x'", "local apiToken = \"abc\"", "headers = { Authorization = 'Basic eDp5' }", "x.client_secret='y'",
      "login(user, 'password', 'hunter2')", "t['token'] = 'abc'", "c.resources.secret.create { stringData = { a = 'b' } }",
      "curl -H 'Authorization: Bearer abc123def'", "k = 'eyJhbGciOi.eyJzdWIiOiIx.c2ln'", "x = '-----BEGIN RSA PRIVATE KEY-----'",
      "id = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIzNDU2'", "password = read('x')  password=('y')",
    } do
      assert.is_true(history.looksSecret(line), line)
    end
  end)

  it("keeps lines that only speak of secrets", function()
    for _, line in ipairs {
      "client.resources.secrets.list()", "client.core.readNamespacedSecret('name', 'default')", "print(tokens)",
      "client.resources['secrets'].get('db')", "clusters:each(function(c) return c.resources.pods.list() end)",
      "client.resources.serviceaccounts.create(o, { subresource = 'token' })",
      "client.apps.patchNamespacedDeploymentScale('web', 'default', { spec = { replicas = 3 } })",
    } do
      assert.is_false(history.looksSecret(line), line)
    end
  end)

  it("makes one line of several, where that means the same", function()
    assert.equal("for i = 1, 2 do print(i) end", history.oneLine "for i = 1, 2 do\n  print(i)\nend")
    assert.is_nil(history.oneLine "x = 1 -- one\ny = 2")
    assert.is_nil(history.oneLine "x = [[\n]]")
  end)
end)
