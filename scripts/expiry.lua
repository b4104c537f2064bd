-- expiry.lua: certificates and tokens in secrets, and those of the kubeconfig, that end soon or have ended
--
--   moonpool run expiry --clusters '*' --within 30d
--   moonpool run expiry --clusters 'prod-*' --within 14d --check     # exit code 1 when something ends soon
local script = require "moonpool.script"
local core = require "moonpool.core"
local convert = require("moonpool.arguments").convert

local run = script.new("expiry", "Certificates in secrets, bootstrap tokens, and the client certificate with which each cluster is "
  .. "reached, that end soon or have ended.", { namespaced = true, check = "something ends soon" })
run.parser:option("--within", "What ends within this time: 12h, 30d."):argname("DURATION"):default("30d"):convert(convert.duration)
local options = run:parse()
local now = os.time()

--- The end of a secret's bootstrap token.
local function tokenEnd(secret)
  if secret.type ~= "bootstrap.kubernetes.io/token" then return nil end
  return script.seconds(core.unbase64(secret.data and secret.data.expiration or ""))
end

run:collect(function(client, add, cluster)
  local function report(row, ends)
    if ends - now > options.within // 1000 then return end
    row.expires, row.daysLeft = os.date("!%Y-%m-%d", ends), (ends - now) // 86400
    add(row)
  end
  for secret in client.resources.secret.each(run:scope()) do
    local function found(entry, subject, ends)
      report({ namespace = secret.metadata.namespace, kind = "Secret", name = secret.metadata.name, entry = entry,
        subject = subject }, ends)
    end
    for key, value in pairs(secret.data or {}) do
      local text = not key:find "key$" and core.unbase64(value)
      for _, certificate in ipairs(text and text:find("-----BEGIN CERTIFICATE", 1, true) and core.pki.read(text) or {}) do
        found(key, certificate.subject, certificate.notAfter)
      end
    end
    local ends = tokenEnd(secret)
    if ends then found("expiration", "bootstrap token", ends) end
  end
  local own = rawget(_G, "clusters"):getStats()[cluster].certificateExpiry
  if own then report({ kind = "Kubeconfig", name = cluster, entry = "client-certificate", subject = client:info().user }, own) end
end)

table.sort(run.rows, function(a, b)
  if a.daysLeft ~= b.daysLeft then return a.daysLeft < b.daysLeft end
  return a.cluster .. "/" .. a.name < b.cluster .. "/" .. b.name
end)
run:show({ "cluster", "namespace", "name", "entry", "subject", "expires", "daysLeft" }, "nothing ends soon")
