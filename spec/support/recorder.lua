-- recorder.lua: a server that keeps what it was asked, headers and all, and answers as it is told: for specs of what really
-- goes over the wire.
--
--   local server = recorder.start()
--   server.answer = function(request, exchange) return 200, "{}", "application/json" end
--   local client = server:client { user = "{token: t}" }
--   server.requests[1].headers.accept[1]
local core = require "moonpool.core"
local moonpool = require "moonpool"

local recorder = {}

---@class spec.Recorder
---@field requests { method: string, target: string, body: string, headers: table<string, string[]> }[] without the pool's own
---@field answer fun(request: table, exchange: moonpool.core.HttpExchange): integer?, string?, string?, table?
local Recorder = {}
Recorder.__index = Recorder

---@param options { plain: boolean? }? plain: http without TLS
---@return spec.Recorder
function recorder.start(options)
  local self = setmetatable({ requests = {}, clients = {} }, Recorder)
  self.authority = core.pki.authority "the-authority"
  local certificate, key
  if not (options and options.plain) then
    certificate, key = self.authority:issue { commonName = "kube-apiserver", usage = "server", altNames = { "127.0.0.1" } }
  end
  self.listener = assert(core.http.listen { address = "127.0.0.1", certificate = certificate, key = key,
    handler = function(exchange, method, target, body)
      if target == "/livez" then return 200, "ok", "text/plain" end
      local request = { method = method, target = target, body = body, headers = exchange:headers() }
      self.requests[#self.requests + 1] = request
      if self.answer then return self.answer(request, exchange) end
      return 200, "{}", "application/json"
    end })
  self.url = ("%s://127.0.0.1:%d"):format(certificate and "https" or "http", self.listener:port())
  return self
end

--- Forgets what it was asked, and how it should answer.
function Recorder:reset()
  self.requests, self.answer = {}, nil
end

--- A client of this server. `user`: YAML of the user's fields.
---@param options { user: string?, pool: moonpool.PoolOptions? }?
---@return moonpool.KubernetesClient
function Recorder:client(options)
  options = options or {}
  local kubeConfig = moonpool.KubeConfig()
  assert(kubeConfig:loadFromString(([[
clusters: [{name: made, cluster: {server: "%s", certificate-authority-data: %s}}]
users: [{name: somebody, user: %s}]
contexts: [{name: here, context: {cluster: made, user: somebody}}]
current-context: here
]]):format(self.url, core.base64(self.authority:certificate()), options.user or "{}")))
  local client = assert(moonpool.KubernetesClient { kubeConfig = kubeConfig, connectionPoolConfig = options.pool })
  self.clients[#self.clients + 1] = client
  return client
end

function Recorder:stop()
  for _, client in ipairs(self.clients) do client:dispose() end
  self.listener:close()
end

return recorder
