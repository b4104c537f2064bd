-- server.lua: the HTTP side of a simulated cluster: who asks and what they may, faults, the request's way to rest.lua, watch.lua,
-- discovery.lua and health.lua and back, and the control pages under /_sim.
--
-- Control pages are for administrators, at any endpoint of any cluster, and at the group's control listener, which no fault touches:
--   GET clusters                                  the names of the clusters, their endpoints and URLs
--   GET, PUT faults    { faults = { ... } }       those that there are; instead of those that there are
--   POST faults        { type = ..., ... }        one more
--   POST clear                                    no fault any more, in all clusters and at all endpoints
--   GET, DELETE stats                             what was counted; from zero again
--   PUT token          { token =, name =, groups = { ... } }   accepted from now on, as this user (default: an administrator)
--   DELETE token       { token = ... }            not accepted any more
--   POST drop, endWatches, compact                resets connections; ends watches; forgets the history of changes
-- ?cluster=NAME is the cluster that they are about, else the one that is asked. &endpoint=NUMBER is one of its endpoints: faults, stats,
-- drop and endWatches then concern that one alone.

local core = require("moonpool.core")
local discovery = require("moonpool.sim.discovery")
local endpoints = require("moonpool.sim.endpoint")
local health = require("moonpool.sim.health")
local rest = require("moonpool.sim.rest")
local routes = require("moonpool.sim.routes")
local status = require("moonpool.sim.status")
local values = require("moonpool.sim.values")
local watch = require("moonpool.sim.watch")

local server = {}

local GZIP_FROM = 128 * 1024
local MAX_TARGETS = 4096 -- parsed request targets that are remembered

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

--- The cluster and, if one is named, the endpoint that a control page is about.
local function subjects(asked, query)
  local cluster = query.cluster and asked.group.byName[query.cluster] or asked
  if query.cluster and cluster.name ~= query.cluster then
    error(status.failure(404, "NotFound", ('no simulated cluster "%s"'):format(query.cluster)), 0)
  end
  local endpoint = query.endpoint and cluster.endpoints[math.tointeger(tonumber(query.endpoint))]
  if query.endpoint and not endpoint then
    error(status.failure(404, "NotFound",
      ('%s has endpoints 1 to %d, not "%s"'):format(cluster.name, #cluster.endpoints, query.endpoint)), 0)
  end
  return cluster, endpoint
end

local function readControl(body)
  local value = core.json.decode(body)
  if not values.isObject(value) then error(status.badRequest("expected a JSON object, such as {\"faults\": []}"), 0) end
  return value
end

local function readToken(body)
  local given = readControl(body)
  if type(given.token) ~= "string" or given.token == "" or given.token:find "%s" then
    error(status.badRequest("token: expected a text without spaces"), 0)
  end
  if given.groups ~= nil and not values.isArray(given.groups) then error(status.badRequest("groups: expected a list of names"), 0) end
  return given
end

-- Each is given the subject (the endpoint, if one is named, else the cluster), the body, the cluster, and the endpoint if one is named.
local controls = {
  ["GET clusters"] = function(_, _, cluster)
    local list = values.array()
    for index, each in ipairs(cluster.group.clusters) do list[index] = { name = each.name, endpoints = each.urls } end
    return { clusters = list }
  end,
  ["GET faults"] = function(subject) return { faults = subject.faults:describe() } end,
  ["PUT faults"] = function(subject, body)
    subject.faults:set(readControl(body).faults)
    return { faults = subject.faults:describe() }
  end,
  ["POST faults"] = function(subject, body)
    subject.faults:add(readControl(body))
    return { faults = subject.faults:describe() }
  end,
  ["POST clear"] = function(_, _, cluster)
    for _, each in ipairs(cluster.group.clusters) do each:clearFaults() end
    return {}
  end,
  ["GET stats"] = function(subject) return subject:stats() end,
  ["DELETE stats"] = function(subject)
    subject:resetStats()
    return subject:stats()
  end,
  ["PUT token"] = function(_, body, cluster)
    local given = readToken(body)
    local groups = given.groups or { "system:masters" }
    cluster.tokens[given.token] = { name = given.name or "by-token", groups = groups }
    return {}
  end,
  ["DELETE token"] = function(_, body, cluster)
    cluster.tokens[readToken(body).token] = nil
    return {}
  end,
  ["POST drop"] = function(subject, _, cluster)
    cluster:later(0, function() subject:dropConnections() end)
    return { dropped = subject:stats().connections.open }
  end,
  ["POST compact"] = function(_, _, cluster)
    cluster.store:compact()
    return { resourceVersion = tostring(cluster.store.rv) }
  end,
  ["POST endWatches"] = function(_, _, cluster, endpoint)
    watch.endAll(cluster, endpoint)
    return {}
  end,
}

local function control(asked, info, method, query, body)
  local action = controls[method .. " " .. tostring(info.name)]
  if not action then error(status.noRoute(), 0) end
  local about, endpoint = subjects(asked.cluster, query)
  about:fill()
  -- A fault that ends the connection which this answer takes has to wait until it is sent.
  about.answering = not asked.isControl and about == asked.cluster
  local ok, result = pcall(action, endpoint or about, body, about, endpoint)
  about.answering = false
  if not ok then error(result, 0) end
  return 200, assert(core.json.encode(result))
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
    if parsed.info and parsed.info.page == "health" then parsed.info.exclude = routes.values(queryText, "exclude") end
    targets[target] = parsed
    cluster.targetCount = cluster.targetCount + 1
  end
  return parsed
end

--- Answers a request: status, body, content type; nothing when the exchange is being answered otherwise (a watch).
local function answer(endpoint, exchange, method, parsed, body)
  local cluster, info, query = endpoint.cluster, parsed.info, parsed.query
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
  if not body then error(status.tooLarge(endpoints.MAX_BODY), 0) end
  if info.page == "sim" then return control(endpoint, info, method, query, body) end
  local accept = exchange:header("Accept")
  if info.page ~= "health" and not acceptsJson(accept) then error(status.notAcceptable(), 0) end
  if info.page then
    if verb ~= "get" then error(status.methodNotAllowed(), 0) end
    if info.page == "health" then return health.page(info, query, endpoint:failingChecks()) end
    return discovery.page(cluster, info, query, accept)
  end
  if verb == "watch" then return watch.start(cluster, info, query, exchange, endpoint) end
  local request = { header = function(name) return exchange:header(name) end, body = body }
  local code, text = rest[verb](cluster, info, query, request)
  return code, text, "application/json"
end

local function failureText(failure)
  return failure.code, assert(core.json.encode(failure.body)) .. "\n", "application/json", failure.headers
end

--- As answer, but failures are answers too.
local function answerAny(endpoint, exchange, method, parsed, body)
  local ok, code, text, type = xpcall(answer, function(problem)
    return status.isFailure(problem) and problem or debug.traceback(tostring(problem))
  end, endpoint, exchange, method, parsed, body)
  if not ok then
    local failure = code
    if not status.isFailure(failure) then
      core.log("error", ("simulated cluster %s: %s %s: %s"):format(endpoint.name, method, parsed.path, failure))
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

local REASONS = { [401] = "Unauthorized", [403] = "Forbidden", [429] = "TooManyRequests", [500] = "InternalError",
  [503] = "ServiceUnavailable", [504] = "Timeout" }
local MESSAGES = { [401] = "Unauthorized", [429] = "Too many requests, please try again later." }
local BAD_GATEWAY = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1></body>\n</html>\n"

--- The answer that a status fault gives. 502 comes from what stands in front of API servers, and is no Status object.
local function faultAnswer(fault)
  local headers, details
  if fault.retryAfter then
    local seconds = math.floor(fault.retryAfter)
    headers, details = { ["Retry-After"] = tostring(seconds) }, { retryAfterSeconds = seconds }
  end
  if fault.code == 502 then return 502, BAD_GATEWAY, "text/html", headers end
  local message = MESSAGES[fault.code] or ("simulated fault: %d"):format(fault.code)
  return failureText(status.failure(fault.code, REASONS[fault.code], message, details, headers))
end

local function answerFaulty(endpoint, exchange, method, parsed, body, fault)
  if fault and fault.type == "hang" then return end
  if fault and fault.type == "status" then return exchange:answer(faultAnswer(fault)) end
  local code, text, type, headers = answerAny(endpoint, exchange, method, parsed, body)
  if not code then return end
  exchange:answer(code, text, type, headers, fault and math.floor(fault.afterBytes or #text // 2) or nil)
end

-- ---------------------------------------------------------------------------------------------------- listeners

--- The handler of an endpoint.
local function handle(endpoint, exchange, method, target, body)
  local cluster = endpoint.cluster
  local parsed = parse(cluster, target)
  local info = parsed.info
  if info and info.page == "sim" then return answerAny(endpoint, exchange, method, parsed, body) end
  if endpoint.dead then return exchange:reset() end -- it had been read before its connection was cut
  if not cluster.filled and not (info and info.page) then cluster:fill() end
  endpoint:count(method, parsed.path, info and info.probe)
  local delay, fault = endpoint:meet(method, parsed.path)
  if delay == 0 and not fault then return answerAny(endpoint, exchange, method, parsed, body) end
  if delay == 0 then return answerFaulty(endpoint, exchange, method, parsed, body, fault) end
  core.after(delay, function()
    if not exchange:isOpen() or cluster.stopped or endpoint.dead then return end
    answerFaulty(endpoint, exchange, method, parse(cluster, target), body, fault)
  end)
end

--- The handler of a control listener: nothing but control pages.
local function handleControl(endpoint, exchange, method, target, body)
  local parsed = parse(endpoint.cluster, target)
  if parsed.info and parsed.info.page == "sim" then return answerAny(endpoint, exchange, method, parsed, body) end
  return failureText(status.noRoute())
end

---@class moonpool.sim.ServerOptions
---@field addresses string[] of the endpoints
---@field port integer of the first endpoint, and the others follow; 0: any free ones
---@field onePort boolean all on the port of the first, their addresses differ
---@field certificate string[] certificate and key
---@field badCertificate fun(): string[]
---@field authority string
---@field tokens table
---@field group moonpool.sim.Group

--- Starts to listen for a cluster. Raises when a port cannot be had.
---@param cluster moonpool.sim.Cluster
---@param options moonpool.sim.ServerOptions
function server.start(cluster, options)
  cluster.tokens, cluster.group = options.tokens, options.group
  local strangers
  local function badCertificate()
    strangers = strangers or options.badCertificate()
    return strangers
  end
  local port = options.port
  for number, address in ipairs(options.addresses) do
    local one = endpoints.new(cluster, number, { address = address, port = port, certificate = options.certificate,
      badCertificate = badCertificate, authority = options.authority, handler = handle })
    cluster.endpoints[number], cluster.urls[number] = one, one.url
    port = options.onePort and one.port or port > 0 and port + 1 or 0
  end
end

--- Starts a control listener, with the certificates and users of a cluster. Raises when the port cannot be had.
---@param cluster moonpool.sim.Cluster
---@param options { port: integer, certificate: string[], authority: string }
---@return moonpool.sim.Endpoint
function server.control(cluster, options)
  local one = endpoints.new(cluster, 0, { address = "127.0.0.1", port = options.port, certificate = options.certificate,
    authority = options.authority, handler = handleControl })
  one.isControl = true
  return one
end

return server
