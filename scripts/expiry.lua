-- expiry.lua: certificates and tokens that end soon or have ended: of the API servers, the kubeconfig, and in secrets
--
--   moonpool run expiry --clusters '*' --within 30d
--   moonpool run expiry --clusters 'prod-*' --within 14d --check     # exit code 1 when something ends soon
local script = require "moonpool.script"
local core = require "moonpool.core"
local moonpool = require "moonpool"
local convert = require("moonpool.arguments").convert

local run = script.new("expiry", "What ends soon or has ended: certificates and tokens in secrets, the certificate of each cluster's API "
  .. "server, and the client certificate with which it is reached.", { namespaced = true, check = "something ends soon" })
run.parser:option("--within", "What ends within this time: 12h, 30d."):argname("DURATION"):default("30d"):convert(convert.duration)
local options = run:parse()
local now = os.time()
local kubeConfig = moonpool.KubeConfig()

--- What a token says about itself, if it is one that does (a JWT).
local function readToken(text)
  local claims = text:match "^eyJ[%w_-]+%.(eyJ[%w_-]+)%.[%w_-]+%s*$"
  if not claims then return {} end
  claims = claims:gsub("-", "+"):gsub("_", "/")
  local read = core.json.decode(core.unbase64(claims .. ("="):rep(-#claims % 4)) or "")
  return type(read) == "table" and read or {}
end

--- Calls found(key, subject, ends) for all in a secret that ends.
local function inspect(secret, found)
  local data = secret.data or {}
  for key, value in pairs(data) do
    local text = not key:find "key$" and core.unbase64(value) or ""
    for _, certificate in ipairs(text:find("-----BEGIN CERTIFICATE", 1, true) and core.pki.read(text) or {}) do
      found(key, certificate.subject, certificate.notAfter)
    end
    local token = readToken(text)
    if math.type(token.exp) == "integer" then found(key, "token of " .. tostring(token.sub or token.iss), token.exp) end
  end
  if secret.type == "bootstrap.kubernetes.io/token" then
    local ends = script.seconds(core.unbase64(data.expiration or ""))
    if ends then found("expiration", "bootstrap token", ends) end
  end
end

--- The certificate that the API server shows, or the one above it that ends first.
local function serverCertificate(cluster)
  local result = assert(core.examine(kubeConfig, cluster, options.timeout))
  if result.err then error(result.err, 0) end
  local first
  for _, certificate in ipairs(result.chain and core.pki.read(result.chain) or {}) do
    if not first or certificate.notAfter < first.notAfter then first = certificate end
  end
  return first
end

assert(kubeConfig:loadFromDefault())

run:collect(function(client, add, cluster)
  local function report(row, ends)
    if ends - now > options.within // 1000 then return end
    row.expires, row.daysLeft = os.date("!%Y-%m-%d", ends), (ends - now) // 86400
    add(row)
  end
  for secret in client.resources.secret.each(run:scope()) do
    inspect(secret, function(entry, subject, ends)
      report({ namespace = secret.metadata.namespace, kind = "Secret", name = secret.metadata.name, entry = entry,
        subject = subject }, ends)
    end)
  end
  local server = serverCertificate(cluster)
  if server then
    report({ kind = "Server", name = cluster, entry = "server-certificate", subject = server.subject }, server.notAfter)
  end
  local own = rawget(_G, "clusters"):getStats()[cluster].certificateExpiry
  if own then report({ kind = "Kubeconfig", name = cluster, entry = "client-certificate", subject = client:info().user }, own) end
end)

table.sort(run.rows, function(a, b)
  if a.daysLeft ~= b.daysLeft then return a.daysLeft < b.daysLeft end
  return a.cluster .. "/" .. a.name < b.cluster .. "/" .. b.name
end)
run:show({ "cluster", "namespace", "name", "entry", "subject", "expires", "daysLeft" }, "nothing ends soon")
