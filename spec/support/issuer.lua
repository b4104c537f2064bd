-- issuer.lua: an OpenID Connect identity provider in this process, as far as clients of Kubernetes need one: a discovery document, its
-- keys, and new tokens for refresh tokens.
--
--   local issuer <close> = Issuer.start { life = 3600 }
--   issuer.url, issuer.ca                          -- https://127.0.0.1:PORT/realm; its authority, PEM
--   issuer:token { sub = "me" }                    -- an id-token with these claims and an end (`life` seconds from now)
--   issuer.refreshTokens["r-1"] = { sub = "me" }   -- for which it gives such tokens
--   issuer.asked                                   -- the forms it was sent: { grant_type =, refresh_token =, ..., authorization = header }
--   issuer.discoveries                             -- how often its discovery document was read
-- Set while it runs: rotate (each refresh token is good once, and replaced by "<token>+"), refuse (an answer, { status, body }),
-- silent (the next refreshes are not answered), methods (token_endpoint_auth_methods_supported).
local core = require "moonpool.core"

local Issuer = {}
Issuer.__index = Issuer
Issuer.__close = function(self) self.listener:close() end
function Issuer:close() self.listener:close() end

local function base64url(text) return (core.base64(text):gsub("+", "-"):gsub("/", "_"):gsub("=", "")) end

local function unescaped(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function form(body)
  local fields = {}
  for name, value in body:gmatch "([^&=]+)=([^&]*)" do fields[name] = unescaped(value) end
  return fields
end

---@param claims table
---@return string
function Issuer:token(claims)
  local all = { iss = self.url, aud = "moonpool", exp = os.time() + self.life, iat = os.time(), n = self.given }
  self.given = self.given + 1
  for name, value in pairs(claims) do all[name] = value end
  local head = base64url(core.json.encode { alg = "RS256", typ = "JWT", kid = "k" }) .. "." .. base64url(core.json.encode(all))
  return head .. "." .. base64url(self.sign and self.sign(head) or "unsigned")
end

local function discovery(self, exchange)
  self.discoveries = self.discoveries + 1
  exchange:answer(200, core.json.encode { issuer = self.url, token_endpoint = self.url .. "/token?tenant=a",
    jwks_uri = self.url .. "/keys", authorization_endpoint = self.url .. "/auth", response_types_supported = { "id_token" },
    subject_types_supported = { "public" }, id_token_signing_alg_values_supported = { "RS256" },
    token_endpoint_auth_methods_supported = self.methods }, "application/json")
end

local function refresh(self, exchange, body)
  local fields = form(body)
  fields.authorization = exchange:header "Authorization"
  self.asked[#self.asked + 1] = fields
  if self.silent then return end
  if self.refuse then return exchange:answer(self.refuse[1], self.refuse[2], "application/json") end
  local claims = self.refreshTokens[fields.refresh_token]
  if not claims then
    return exchange:answer(400, '{"error": "invalid_grant", "error_description": "the session of ' .. fields.refresh_token
      .. ' has ended"}', "application/json")
  end
  local again = fields.refresh_token
  if self.rotate then
    self.refreshTokens[again] = nil
    again = again .. "+"
    self.refreshTokens[again] = claims
  end
  local token = self:token(claims)
  if self.onToken then self.onToken(token) end
  exchange:answer(200, core.json.encode { access_token = "access", token_type = "Bearer", expires_in = self.life, id_token = token,
    refresh_token = again }, "application/json")
end

---@param options { life: integer?, sign: (fun(text: string): string)?, keys: string?, onToken: fun(token: string)? }?
function Issuer.start(options)
  options = options or {}
  local authority = core.pki.authority "identity provider"
  local certificate, key = authority:issue { commonName = "127.0.0.1", usage = "server", altNames = { "127.0.0.1", "localhost" } }
  local self = setmetatable({ life = options.life or 3600, sign = options.sign, onToken = options.onToken, asked = {}, discoveries = 0,
    given = 0, refreshTokens = {}, ca = authority:certificate() }, Issuer)
  self.listener = assert(core.http.listen { address = "127.0.0.1", port = 0, certificate = certificate, key = key,
    handler = function(exchange, _, target, body)
      local path = target:match "^/realm(/[^?]*)"
      if path == "/.well-known/openid-configuration" then return discovery(self, exchange) end
      if path == "/keys" and options.keys then return exchange:answer(200, options.keys, "application/json") end
      if path == "/token" then return refresh(self, exchange, body) end
      exchange:answer(404, "nothing here", "text/plain")
    end })
  self.url = ("https://127.0.0.1:%d/realm"):format(self.listener:port())
  return self
end

--- The user's fields in a kubeconfig that sign in here, with these further settings.
---@param settings table<string, string>
---@return string
function Issuer:user(settings)
  local all = { ["idp-issuer-url"] = self.url .. "/", ["client-id"] = "moonpool",
    ["idp-certificate-authority-data"] = core.base64(self.ca) }
  for name, value in pairs(settings) do all[name] = value end
  local fields = {}
  for name, value in pairs(all) do fields[#fields + 1] = ("%s: '%s'"):format(name, value) end
  return ("auth-provider: {name: oidc, config: {%s}}"):format(table.concat(fields, ", "))
end

return Issuer
