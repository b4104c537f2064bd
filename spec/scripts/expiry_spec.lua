-- expiry_spec.lua: certificates and tokens that end.
local core = require "moonpool.core"
local scripts = require "spec.support.scripts"

describe("moonpool run expiry", function()
  local clusters = scripts.clusters(setup, teardown, after_each)

  it("shows what has ended and what will soon, the first to end first", function()
    local rows = clusters:json("expiry").items
    assert.equal(6, #rows)
    assert.same({ ["mail-tls"] = 3, ["web-tls"] = 3 }, scripts.tally(rows, "name"))
    assert.same({ "sim-1", "shop", "tls.crt", "mail.example", -3 },
      { rows[1].cluster, rows[1].namespace, rows[1].entry, rows[1].subject, rows[1].daysLeft })
    assert.same({ "web-tls", 10 }, { rows[6].name, rows[6].daysLeft })
  end)

  it("looks as far ahead as it is told, also at the certificate of the kubeconfig", function()
    assert.equal(3, #clusters:json("expiry", "--within", "1d").items)
    local kinds = scripts.tally(clusters:json("expiry", "--within", "400d").items, "kind")
    assert.same({ Secret = 9, Kubeconfig = 3, Server = 3 }, kinds)
  end)

  it("sees the end of a bootstrap token", function()
    local client <close> = clusters:client "sim-2"
    assert(client.resources.secret.create { metadata = { name = "bootstrap", namespace = "core" },
      type = "bootstrap.kubernetes.io/token", data = { expiration = core.base64(os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + 7200)) } })
    local rows = clusters:json("expiry", "-n", "core").items
    assert.same({ "sim-2", "bootstrap token", 0 }, { rows[1].cluster, rows[1].subject, rows[1].daysLeft })
  end)

  it("sees the end of a token that says it", function()
    local client <close> = clusters:client "sim-1"
    local function part(value) return (core.base64(core.json.encode(value)):gsub("+", "-"):gsub("/", "_"):gsub("=", "")) end
    local token = ("%s.%s.c2lnbmF0dXJl"):format(part { alg = "RS256" },
      part { exp = os.time() + 3 * 86400 + 60, sub = "system:serviceaccount:core:\u{fb}?\u{fb}>" })
    assert(client.resources.secret.create { metadata = { name = "token", namespace = "core" }, type = "Opaque",
      data = { token = core.base64(token), other = core.base64 "eyJub3RoaW5n.eyJub3RoaW5n.x" } })
    local rows, result = clusters:json("expiry", "-n", "core", "-c", "^sim-2")
    assert.same({ 1, "sim-1", "token", "token of system:serviceaccount:core:\u{fb}?\u{fb}>", 3 },
      { #rows.items, rows.items[1].cluster, rows.items[1].entry, rows.items[1].subject, rows.items[1].daysLeft })
    assert.is_nil(result.out:find(token, 1, true))
  end)

  it("ends with 1 for --check, and with 3 where a cluster is down", function()
    assert.equal(1, clusters:script("expiry", "--check").code)
    assert.equal(0, clusters:script("expiry", "--check", "-n", "growth").code)
    clusters.fleet:fault("sim-2", { type = "die" })
    local document, result = clusters:json("expiry", "--check", "-n", "shop")
    assert.equal(4, #document.items)
    assert.equal(3, result.code)
    assert.matches("\n  sim%-2: ", result.err)
  end)

  it("shows no key", function()
    local out = clusters:script("expiry", "-o", "yaml").out
    assert.is_nil(out:find("tls.key", 1, true))
    assert.is_nil(out:find("BEGIN", 1, true))
  end)
end)
