-- doctor: what is wrong with a context, step by step: its entry in the kubeconfig, the name, TCP, TLS, certificates, an answer, the
-- clock, the credentials, readiness. A step that fails ends the examination where the next ones cannot work without it; they are
-- "skipped". Each problem has a cause, in a word, and a hint.
local core = require "moonpool.core"
local hintFor = require "moonpool.doctor.hints"

local doctor = {}

local MAX_SKEW_S = 60
local SOON_S = 14 * 86400

---@class moonpool.DoctorStep
---@field step "context"|"name"|"tcp"|"tls"|"certificate"|"answer"|"clock"|"credentials"|"ready"
---@field status "ok"|"warning"|"failed"|"skipped"
---@field cause string? of a warning or a failure
---@field text string? what was found
---@field hint string? what to do

---@class moonpool.DoctorReport
---@field context string
---@field status "ok"|"warning"|"failed" the worst of its steps
---@field steps moonpool.DoctorStep[] all of them, in order
---@field server string?
---@field version string?
---@field latency number? ms of a request over a connection that stands
---@field serverExpiry integer? of the server's certificate, seconds since 1970
---@field clientExpiry integer? of ours
---@field clockSkew integer? seconds by which the server's clock is ahead

local STEPS = { "context", "name", "tcp", "tls", "certificate", "answer", "clock", "credentials", "ready" }

---@class moonpool.Examination
local Examination = {}
Examination.__index = Examination

function Examination:note(step, status, cause, text)
  self.found[step] = { step = step, status = status, cause = cause, text = text, hint = cause and hintFor(cause, self.facts) }
end

function Examination:good(step, text) self:note(step, "ok", nil, text) end

--- Notes a failure; returns false, for whoever goes on only after what went well.
function Examination:fail(step, cause, text)
  self:note(step, "failed", cause, text)
  return false
end

-- ---------------------------------------------------------------------------------------------------- up to TLS

--- The steps of the connection, by how far it got.
local STAGES = { nothing = "name", address = "tcp", server = "tls" }

local function ms(time) return time and ("%.1f ms"):format(time) or nil end

local function daysLeft(seconds) return (seconds - os.time()) // 86400 end

local function readChain(self, chain)
  local first = chain and core.pki.read(chain)[1]
  if not first then return end
  self.facts.issuer, self.facts.serverNames = first.issuer, first.names
  self.facts.serverExpiry = first.notAfter
  for _, certificate in ipairs(core.pki.read(chain)) do
    self.facts.serverExpiry = math.min(self.facts.serverExpiry, certificate.notAfter)
  end
end

function Examination:connect()
  local result, err = core.examine(self.kubeConfig, self.name, self.timeout)
  if not result then return self:fail("context", err.kind == "credential" and "credentials" or "context", err.message) end
  self.facts.server, self.facts.clientExpiry = result.endpoint, result.certificateExpiry
  readChain(self, result.chain)
  self:good("context", result.proxy and ("%s, through %s"):format(result.endpoint, result.proxy) or result.endpoint)
  local failedAt = result.err and STAGES[result.reached]
  if failedAt ~= "name" then self:good("name", ms(result.nameTime)) end
  if not failedAt or failedAt == "tls" then self:good("tcp", result.address) end
  if failedAt then return self:fail(failedAt, result.cause, result.err.message) end
  self:good("tls", result.endpoint:find "^https" and ms(result.sessionTime) or "plain http")
  return true
end

--- How long the certificates last. That ours has ended explains what comes after, but does not keep us from looking.
function Examination:certificates()
  local facts = self.facts
  local client, server = facts.clientExpiry, facts.serverExpiry
  local text = ("%s%s"):format(server and ("the server's: %d days"):format(daysLeft(server)) or "",
    client and ("%sours: %d days"):format(server and ", " or "", daysLeft(client)) or "")
  if client and client < os.time() then
    self:fail("certificate", "clientExpired", ("the client certificate ended on %s"):format(os.date("!%Y-%m-%d", client)))
  elseif server and server < os.time() + SOON_S then
    self:note("certificate", "warning", "expiresSoon", ("the server's certificate ends in %d days"):format(daysLeft(server)))
  elseif client and client < os.time() + SOON_S then
    self:note("certificate", "warning", "clientExpiresSoon", ("the client certificate ends in %d days"):format(daysLeft(client)))
  else
    self:good("certificate", text ~= "" and text or nil)
  end
end

-- ---------------------------------------------------------------------------------------------------- requests

local CAUSES = { unauthorized = "unauthorized", forbidden = "forbidden", timeout = "noAnswer", connect = "lost", tls = "handshake",
  tooManyRequests = "overloaded", credential = "credentials", notFound = "notAnApiServer", protocol = "notAnApiServer" }

--- The cause behind a request to that server that failed.
local function causeOf(err, server)
  local text = err.message
  if text:find("client certificate", 1, true) and err.kind == "tls" then return "clientRefused" end
  if text:find("web page", 1, true) or text:find("(text/html", 1, true) then return "webPage" end
  if server:find "^http:" and (err.status == 400 or text:find("does not accept plain http", 1, true)) then return "plainHttp" end
  return CAUSES[err.kind] or "server"
end

function Examination:get(path)
  return self.client:request { path = path, timeout = self.timeout, retries = 0 }
end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

--- Seconds since 1970 of a Date header.
local function secondsOf(date)
  local day, month, year, hour, minute, second = tostring(date):match "^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$"
  if not MONTHS[month] then return nil end
  return require("moonpool.script").seconds(("%s-%02d-%02dT%s:%s:%sZ"):format(year, MONTHS[month], tonumber(day), hour, minute, second))
end

--- By how much the clocks differ. Both are read to the second.
function Examination:clock(headers)
  local theirs = secondsOf(headers.date)
  if not theirs then return self:note("clock", "skipped", nil, "the server does not say what time it is") end
  local skew = theirs - os.time()
  self.facts.clockSkew = skew
  if math.abs(skew) <= MAX_SKEW_S then return self:good("clock", ("%d s"):format(skew)) end
  self:fail("clock", "clockSkew", ("the server's clock is %d s %s ours"):format(math.abs(skew), skew > 0 and "ahead of" or "behind"))
end

--- Whether an API server answers. Whoever may not even ask for the version is told so by the step of the credentials.
function Examination:answer()
  local version, err, answer = self:get "/version"
  if not version and (err.kind == "unauthorized" or err.kind == "forbidden") then
    self:good("answer", "an API server")
    return self:fail("credentials", causeOf(err, self.facts.server), err.message)
  end
  if not version then return self:fail("answer", causeOf(err, self.facts.server), err.message) end
  if type(version) ~= "table" or not version.gitVersion then
    return self:fail("answer", "notAnApiServer", "the answer to /version is not that of an API server")
  end
  self.facts.version = version.gitVersion
  self:clock(answer.headers)
  local began = core.clock()
  if self:get "/version" then self.facts.latency = core.clock() - began end
  self:good("answer", ("%s, %s"):format(version.gitVersion, ms(self.facts.latency) or "slow"))
  return true
end

--- Whether the server knows who asks, and whether they may do anything. What fails otherwise is laid to a server that is not ready.
function Examination:credentials()
  local _, err = self:get "/api"
  if err then return self:fail("credentials", causeOf(err, self.facts.server), err.message) end
  local namespace = self.client:info().namespace
  _, err = self:get "/api/v1/namespaces?limit=1"
  if err and err.kind == "forbidden" then _, err = self:get(("/api/v1/namespaces/%s/pods?limit=1"):format(namespace)) end
  if not err then return self:good("credentials", "accepted") end
  local refused = err.kind == "unauthorized" or err.kind == "forbidden"
  if not refused and self.found.ready.status == "failed" then
    return self:note("credentials", "skipped", nil, "accepted; what they allow cannot be seen: " .. err.message)
  end
  self:fail("credentials", causeOf(err, self.facts.server), err.message)
end

function Examination:readiness()
  local _, err = self:get "/readyz"
  if not err then return self:good "ready" end
  if err.kind == "forbidden" or err.kind == "unauthorized" or err.kind == "notFound" then
    return self:note("ready", "skipped", nil, err.message)
  end
  self:fail("ready", err.message:find("not ready", 1, true) and "notReady" or causeOf(err, self.facts.server), err.message)
end

function Examination:run()
  if not self:connect() then return end
  self:certificates()
  local client, err = require("moonpool").KubernetesClient { kubeConfig = self.kubeConfig, context = self.name,
    connectionPoolConfig = { minConnections = 0, connectTimeout = self.timeout, acquireTimeout = self.timeout } }
  if not client then return self:fail("credentials", "credentials", err.message) end
  local _ <close> = client
  self.client = client
  if not self:answer() then return end
  self:readiness()
  self:credentials()
end

local RANK = { ok = 0, skipped = 0, warning = 1, failed = 2 }

local function hasCredentials(kubeConfig, name)
  for _, context in ipairs(kubeConfig:getContexts()) do
    for _, user in ipairs(context.name == name and kubeConfig:getUsers() or {}) do
      if user.name == context.user then
        return user.hasToken or user.hasPassword or user.hasClientCertificate or user.execCommand ~= nil or user.tokenFile ~= nil
      end
    end
  end
  return false
end

--- Examines a context. Waits. Never fails: what is wrong is in the report.
---@param kubeConfig moonpool.KubeConfig
---@param name string of the context
---@param timeout integer ms for each step
---@return moonpool.DoctorReport
function doctor.examine(kubeConfig, name, timeout)
  local self = setmetatable({ kubeConfig = kubeConfig, name = name, timeout = timeout, found = {},
    facts = { hasCredentials = hasCredentials(kubeConfig, name) } }, Examination)
  self:run()
  local facts = self.facts
  local report = { context = name, status = "ok", steps = {}, server = facts.server, version = facts.version, latency = facts.latency,
    serverExpiry = facts.serverExpiry, clientExpiry = facts.clientExpiry, clockSkew = facts.clockSkew }
  for index, step in ipairs(STEPS) do
    local one = self.found[step] or { step = step, status = "skipped" }
    report.steps[index] = one
    if RANK[one.status] > RANK[report.status] then report.status = one.status end
  end
  return report
end

return doctor
