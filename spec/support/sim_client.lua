-- sim_client.lua: simulated clusters in this process, and requests to them as short as a spec wants them.

local core = require("moonpool.core")
local sim = require("moonpool.sim")

local client = {}

local Client = {}
Client.__index = Client

--- Starts clusters; requests go to the first, as its administrator.
---@param options moonpool.sim.Options?
function client.start(options)
  local wanted = { clusters = 1, pods = 0, users = true }
  for name, value in pairs(options or {}) do wanted[name] = value end
  local self = setmetatable({ group = sim.start(wanted), pools = {} }, Client)
  self.kubeConfig = core.KubeConfig()
  assert(self.kubeConfig:loadFromString(self.group:kubeconfig()))
  self.cluster = self.group.clusters[1]
  return self
end

local function poolOf(self, context)
  self.pools[context] = self.pools[context] or assert(core.pool(context, self.kubeConfig, context, { enableWarmup = false }))
  return self.pools[context]
end

--- One request: the decoded body and the status, or nil and the error. `more` may hold context, contentType, accept, raw.
function Client:request(method, path, body, more)
  more = more or {}
  local text = type(body) == "table" and assert(core.json.encode(body)) or body
  return poolOf(self, more.context or self.cluster.name):call({ method = method, path = path, body = text, retries = 0,
    contentType = text and (more.contentType or "application/json"), accept = more.accept, raw = more.raw })
end

function Client:get(path, more) return self:request("GET", path, nil, more) end
function Client:create(path, body, more) return self:request("POST", path, body, more) end
function Client:replace(path, body, more) return self:request("PUT", path, body, more) end
function Client:delete(path, body, more) return self:request("DELETE", path, body, more) end

--- kind: "merge", "json", "strategic", "apply".
function Client:patch(path, kind, body)
  local type = kind == "apply" and "apply-patch+yaml" or kind .. (kind == "strategic" and "-merge" or "") .. "-patch+json"
  return self:request("PATCH", path, body, { contentType = "application/" .. type })
end

--- The events of a watch that ends after so many seconds: "TYPE name" each.
function Client:watch(path, seconds)
  local separator = path:find("?", 1, true) and "&" or "?"
  local text = assert(self:get(("%s%swatch=1&timeoutSeconds=%d"):format(path, separator, seconds), { raw = true }))
  local events = {}
  for line in text:gmatch("[^\n]+") do
    local event = assert(core.json.decode(line))
    events[#events + 1] = event.type .. " " .. tostring(event.object.metadata.name or event.object.reason or "")
  end
  return events
end

function Client:stop()
  for _, pool in pairs(self.pools) do pool:dispose() end
  self.group:stop()
end

return client
