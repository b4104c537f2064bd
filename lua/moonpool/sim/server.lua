-- server.lua: the HTTP side of a simulated cluster: TLS, who asks and what they may, faults, the request's way to rest.lua, watch.lua and
-- discovery.lua and back, the log of requests, and the control pages under /_sim.

local core = require("moonpool.core")
local discovery = require("moonpool.sim.discovery")
local rest = require("moonpool.sim.rest")
local routes = require("moonpool.sim.routes")
local status = require("moonpool.sim.status")
local values = require("moonpool.sim.values")
local watch = require("moonpool.sim.watch")

local server = {}

local GZIP_FROM = 128 * 1024
local MAX_BODY = 3 * 1024 * 1024
local MAX_TARGETS = 4096       -- parsed request targets that are remembered
local MAX_COUNTED_PATHS = 1000 -- paths that the request log tells apart

-- ---------------------------------------------------------------------------------------------------- who asks

local ANONYMOUS_PAGES = { health = true, version = true }

local function isAdmin(groups)
  for _, group in ipairs(groups) do
    if group == "system:masters" then return true end
  end
  return false
end

--- The user behind a request's credentials; nil: nobody said. Raises a failure (401) for credentials that are wrong.
local function identify(cluster, exchange)
  local name, groups = exchange:identity()
  if name then return name, isAdmin(groups) end
  if name == false then error(status.unauthorized(), 0) end
  local header = exchange:header("Authorization")
  if not header then return nil, false end
  local token = header:match("^[Bb]earer%s+(%S+)%s*$")
  local user = token and cluster.tokens[token]
  if not user then error(status.unauthorized(), 0) end
  return user.name, isAdmin(user.groups)
end

--- Who asks: administrators may do it as somebody else. Raises a failure (403) when others try.
local function authenticate(cluster, exchange)
  local user, admin = identify(cluster, exchange)
  local name = user and exchange:header("Impersonate-User")
  if not name then return user, admin end
  if not admin then error(status.mayNotImpersonate(user, name), 0) end
  return name, isAdmin(exchange:headers()["impersonate-group"] or {})
end

--- Two kinds of users: administrators, and those who may look at the pages that everybody may.
local function authorize(info, verb, user, admin)
  if admin or ANONYMOUS_PAGES[info.page] then return end
  if not user then error(status.unauthorized(), 0) end
  if info.page and info.page ~= "sim" then return end
  error(status.forbidden(user, info, verb), 0)
end

-- ---------------------------------------------------------------------------------------------------- control pages

local function forCluster(cluster, query)
  if not query.cluster then return cluster end
  local found = cluster.group.byName[query.cluster]
  return found or error(status.failure(404, "NotFound", ('no simulated cluster "%s"'):format(query.cluster)), 0)
end

local function readControl(body)
  local value = core.json.decode(body)
  if not values.isObject(value) then error(status.badRequest("expected a JSON object, such as {\"faults\": []}"), 0) end
  return value
end

local controls = {
  ["GET faults"] = function(cluster) return { faults = cluster.faults:describe() } end,
  ["PUT faults"] = function(cluster, body)
    cluster.faults:set(readControl(body).faults)
    return { faults = cluster.faults:describe() }
  end,
  ["POST faults"] = function(cluster, body)
    cluster.faults:add(readControl(body))
    return { faults = cluster.faults:describe() }
  end,
  ["GET stats"] = function(cluster) return cluster:stats() end,
  ["DELETE stats"] = function(cluster)
    cluster:resetStats()
    return cluster:stats()
  end,
  ["POST drop"] = function(cluster)
    cluster:later(0, function() cluster.listener:dropConnections() end)
    return { dropped = cluster.listener:stats().open }
  end,
  ["POST compact"] = function(cluster)
    cluster.store:compact()
    return { resourceVersion = tostring(cluster.store.rv) }
  end,
  ["POST endWatches"] = function(cluster)
    watch.endAll(cluster)
    return {}
  end,
}

local function control(cluster, info, method, query, body)
  local action = controls[method .. " " .. tostring(info.name)]
  if not action then error(status.noRoute(), 0) end
  local target = forCluster(cluster, query)
  target:fill()
  return 200, assert(core.json.encode(action(target, body)))
end

-- ---------------------------------------------------------------------------------------------------- a request

local function acceptsJson(accept)
  if not accept then return true end
  for range in accept:gmatch("[^,]+") do
    local type, parameters = range:match("^%s*([^;%s]+)%s*(.*)$")
    if type == "*/*" or type == "application/*" or (type == "application/json" and not parameters:find("as=Table", 1, true)
      and not parameters:find("as=PartialObject", 1, true)) then
      return true
    end
  end
  return false
end

--- What a request target means: remembered, since clients ask for the same things again and again.
local function parse(cluster, target)
  local targets = cluster.targets
  if not targets or cluster.targetCount > MAX_TARGETS then
    targets = {}
    cluster.targets, cluster.targetCount = targets, 0
  end
  local parsed = targets[target]
  if not parsed then
    local path, queryText = target:match("^([^?]*)%??(.*)$")
    parsed = { path = path, info = cluster.router:parse(path), query = routes.query(queryText) }
    targets[target] = parsed
    cluster.targetCount = cluster.targetCount + 1
  end
  return parsed
end

--- Answers a request: status, body, content type; nothing when the exchange is being answered otherwise (a watch).
local function answer(cluster, exchange, method, parsed, body)
  local info, query = parsed.info, parsed.query
  local user, admin = authenticate(cluster, exchange)
  if not info then
    authorize({ path = parsed.path }, method:lower(), user, admin)
    local group = parsed.path:match("^/apis/([^/]*)")
    if group and not cluster.router:isBuiltin(group) then
      return 404, "404 page not found\n", "text/plain; charset=utf-8"
    end
    error(status.noRoute(), 0)
  end
  local verb = cluster.router.verb(info, method, query)
  authorize(info, verb, user, admin)
  if not body then error(status.tooLarge(MAX_BODY), 0) end
  if info.page == "sim" then return control(cluster, info, method, query, body) end
  local accept = exchange:header("Accept")
  if info.page ~= "health" and not acceptsJson(accept) then error(status.notAcceptable(), 0) end
  if info.page then
    if verb ~= "get" then error(status.methodNotAllowed(), 0) end
    return discovery.page(cluster, info, query, accept)
  end
  if verb == "watch" then return watch.start(cluster, info, query, exchange) end
  local request = { header = function(name) return exchange:header(name) end, body = body }
  local code, text = rest[verb](cluster, info, query, request)
  return code, text, "application/json"
end

local function failureText(failure)
  return failure.code, assert(core.json.encode(failure.body)) .. "\n", "application/json", failure.headers
end

--- As answer, but failures are answers too.
local function answerAny(cluster, exchange, method, parsed, body)
  local ok, code, text, type = xpcall(answer, function(problem)
    return status.isFailure(problem) and problem or debug.traceback(tostring(problem))
  end, cluster, exchange, method, parsed, body)
  if not ok then
    local failure = code
    if not status.isFailure(failure) then
      core.log("error", ("simulated cluster %s: %s %s: %s"):format(cluster.name, method, parsed.path, failure))
      failure = status.failure(500, "InternalError", "the simulated cluster failed: " .. tostring(failure):match("^[^\n]*"))
    end
    return failureText(failure)
  end
  if text and #text > GZIP_FROM and method == "GET" and (exchange:header("Accept-Encoding") or ""):find("gzip", 1, true) then
    return code, core.http.gzip(text), type, { ["Content-Encoding"] = "gzip", Vary = "Accept-Encoding" }
  end
  return code, text, type
end

-- ---------------------------------------------------------------------------------------------------- faults

local REASONS = { [429] = "TooManyRequests", [500] = "InternalError", [503] = "ServiceUnavailable", [504] = "Timeout" }

local function faultStatus(fault)
  local headers, details
  if fault.retryAfter then
    local seconds = math.floor(fault.retryAfter)
    headers, details = { ["Retry-After"] = tostring(seconds) }, { retryAfterSeconds = seconds }
  end
  local message = fault.code == 429 and "Too many requests, please try again later." or ("simulated fault: %d"):format(fault.code)
  return status.failure(fault.code, REASONS[fault.code], message, details, headers)
end

local function answerFaulty(cluster, exchange, method, parsed, body, fault)
  if fault and fault.type == "hang" then return end
  if fault and fault.type == "status" then return exchange:answer(failureText(faultStatus(fault))) end
  local code, text, type, headers = answerAny(cluster, exchange, method, parsed, body)
  if not code then return end
  exchange:answer(code, text, type, headers, fault and math.floor(fault.afterBytes or #text // 2) or nil)
end

local function count(cluster, method, path)
  local log = cluster.requests
  cluster.requestCount = cluster.requestCount + 1
  local key = method .. " " .. path
  local seen = log[key]
  if not seen then
    if cluster.pathCount >= MAX_COUNTED_PATHS then return end
    cluster.pathCount = cluster.pathCount + 1
  end
  log[key] = (seen or 0) + 1
end

--- The handler of a cluster's listener.
local function handle(cluster, exchange, method, target, body)
  local parsed = parse(cluster, target)
  local info = parsed.info
  if info and info.page == "sim" then return answerAny(cluster, exchange, method, parsed, body) end
  if not cluster.filled and not (info and info.page) then cluster:fill() end
  count(cluster, method, parsed.path)
  local delay, fault = cluster.faults:meet(method, parsed.path)
  if delay == 0 and not fault then return answerAny(cluster, exchange, method, parsed, body) end
  if delay == 0 then return answerFaulty(cluster, exchange, method, parsed, body, fault) end
  core.after(delay, function()
    if exchange:isOpen() and not cluster.stopped then answerFaulty(cluster, exchange, method, parse(cluster, target), body, fault) end
  end)
end

-- ---------------------------------------------------------------------------------------------------- life

--- Applies the faults that concern new connections.
local function applyToListener(cluster)
  local how = cluster.faults:has("refuse") and "refuse" or cluster.faults:has("stall") and "stall" or "accept"
  local certificate = cluster.certificate
  if cluster.faults:has("badCertificate") then
    cluster.strangersCertificate = cluster.strangersCertificate or cluster.makeStrangersCertificate()
    certificate = cluster.strangersCertificate
  end
  if how ~= cluster.listening then
    local ok, err = cluster.listener:setListening(how)
    if not ok then core.log("error", ("simulated cluster %s: %s"):format(cluster.name, err)) end
    cluster.listening = ok and how
  end
  if certificate ~= cluster.shown then
    assert(cluster.listener:setCertificate(certificate[1], certificate[2]))
    cluster.shown = certificate
  end
end

--- Starts to listen for a cluster. Raises when the port cannot be had.
---@param cluster moonpool.sim.Cluster
---@param options { port: integer, certificate: string[], badCertificate: function, authority: string, tokens: table, group: table }
function server.start(cluster, options)
  cluster.certificate, cluster.shown, cluster.makeStrangersCertificate = options.certificate, options.certificate, options.badCertificate
  cluster.tokens, cluster.group, cluster.listening = options.tokens, options.group, "accept"
  cluster.listener = assert(core.http.listen({
    address = "127.0.0.1", port = options.port, certificate = options.certificate[1], key = options.certificate[2],
    clientCa = options.authority, maxBody = MAX_BODY, idleTimeout = 90,
    handler = function(exchange, method, target, body) return handle(cluster, exchange, method, target, body) end,
  }))
  cluster.address = "127.0.0.1:" .. cluster.listener:port()
  cluster.url = "https://" .. cluster.address
  cluster.onFaults = function() applyToListener(cluster) end
  function cluster:stats()
    return { connections = self.listener:stats(), requests = next(self.requests) and self.requests or {}, total = self.requestCount }
  end
  function cluster:resetStats() self.requests, self.requestCount, self.pathCount = {}, 0, 0 end
  function cluster:stop()
    if self.stopped then return end
    self.stopped = true
    self.listener:close()
  end
  cluster:resetStats()
end

return server
