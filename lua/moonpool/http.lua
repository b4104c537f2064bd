-- http.lua: a small HTTP server for scripts: metrics, a health page, a page to look at. Each request is a task of its own, so that its
-- handler may do what any script may; so many at a time, others are turned away.
local core = require "moonpool.core"
local check = require "moonpool.check"
local errors = require "moonpool.errors"
local log = require "moonpool.log"
local public = require "moonpool.public"

--- HTTP servers of scripts.
---@class moonpool.http
local http = {}
public.classes["moonpool.http"] = http

local busiest = 256 -- requests whose handlers run at a time

local defaults = { address = "127.0.0.1", port = 0, maxBodySize = 1048576 }

---@class moonpool.HttpOptions
---@field handler fun(request: moonpool.HttpRequest): integer, string|table|nil, string?, table<string, string>? returns the status; the
--- body: a text, or a table, which is written as JSON; its content type, "text/plain; charset=utf-8" when none is given; and headers.
--- It may wait
---@field address string? an IPv4 or IPv6 address of this machine; "0.0.0.0": all of them. There is neither TLS nor a password
---@field port integer? 0: any free one
---@field maxBodySize integer? bytes; requests with more get 413
local known = check.declare("moonpool.HttpOptions",
  { handler = "function", address = "string", port = "count", maxBodySize = "count" }, defaults)

--- What a client asks.
---@class moonpool.HttpRequest
---@field method string
---@field path string decoded, without the query
---@field query table<string, string> decoded; of a name that comes again, the last
---@field headers table<string, string> names in lower case, the values of repeated ones joined with ", "
---@field body string "" when there is none

--- An HTTP server that listens.
---@class moonpool.HttpServer
---@field address string
---@field port integer
---@field url string "http://127.0.0.1:9464"
local HttpServer = {}
HttpServer.__index = HttpServer
public.classes["moonpool.HttpServer"] = HttpServer
HttpServer.__name = "moonpool.HttpServer"

--- Stops listening, and cuts off the clients that are there. Twice is fine; also at the end of a scope (`<close>`).
function HttpServer:close()
  check.self(self, HttpServer, "server:close()")
  self.listener:close()
end

HttpServer.__close = HttpServer.close
HttpServer.__tostring = function(self) return "moonpool.HttpServer: " .. self.url end

-- ---------------------------------------------------------------------------------------------------- a request

local function decode(text) return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)) end

local function requestOf(exchange, method, target, body)
  local path, query = target:match "^([^?]*)%??(.*)$"
  local request = { method = method, path = decode(path), query = {}, headers = {}, body = body }
  for word in query:gmatch "[^&]+" do
    local name, value = word:gsub("%+", " "):match "^([^=]*)=?(.*)$"
    request.query[decode(name)] = decode(value)
  end
  for name, values in pairs(exchange:headers()) do request.headers[name] = table.concat(values, ", ") end
  return request
end

--- Answers with what the handler returned; raises what is wrong with it.
local function answer(exchange, status, body, contentType, headers)
  if math.type(status) ~= "integer" or status < 200 or status > 599 then
    error(("the handler returned %s as the status: expected an integer from 200 to 599"):format(check.describe(status)), 0)
  end
  if type(body) == "table" then
    local text, err = core.json.encode(body)
    if not text then error(err, 0) end
    body, contentType = text, contentType or "application/json"
  elseif body ~= nil and type(body) ~= "string" then
    error(("the handler returned %s as the body: expected a string or a table"):format(check.describe(body)), 0)
  end
  exchange:answer(status, body or "", contentType or "text/plain; charset=utf-8", headers)
end

local function place(raised) return type(raised) == "string" and debug.traceback(raised, 2) or raised end

local function serve(handler, exchange, request)
  local results = table.pack(xpcall(handler, place, request))
  local served, problem = results[1], results[2]
  if served then served, problem = pcall(answer, exchange, table.unpack(results, 2, results.n)) end
  if served then return end
  log.error(("http: %s %s: %s"):format(request.method, request.path, tostring(problem)))
  exchange:answer(500, "the handler failed\n", "text/plain; charset=utf-8")
end

-- ---------------------------------------------------------------------------------------------------- listening

--- Listens for HTTP/1.1 and calls `handler` for every request, in a task of its own. Keeps the program alive until it is closed. Fails,
--- with an error of kind "config", where it cannot listen.
---
--- ```lua
--- local server <close> = assert(moonpool.http.listen { port = 9464, handler = function(request)
---   if request.path ~= "/metrics" then return 404, "try /metrics\n" end
---   return 200, "up 1\n"
--- end })
--- ```
---@param options moonpool.HttpOptions
---@return moonpool.HttpServer?
---@return moonpool.Error?
function http.listen(options)
  check.options("http.listen", options, known)
  check.value("http.listen: option handler", options.handler, "function")
  local address, port = options.address or defaults.address, options.port or defaults.port
  if port > 65535 then check.misuse("http.listen: option port: expected at most 65535, got %d", port) end
  local handler, running = options.handler, 0
  local listener, problem = core.http.listen {
    address = address, port = port, maxBody = options.maxBodySize or defaults.maxBodySize,
    handler = function(exchange, method, target, body)
      if not body then return 413, "the body is too large\n", "text/plain; charset=utf-8" end
      if running >= busiest then return 503, "too many requests at a time\n", "text/plain; charset=utf-8", { ["Retry-After"] = "1" } end
      running = running + 1
      core.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() running = running - 1 end })
        serve(handler, exchange, requestOf(exchange, method, target, body))
      end)
    end,
  }
  if not listener then return nil, errors.new("config", "http.listen: " .. problem) end
  port = listener:port()
  local host = address:find(":", 1, true) and ("[%s]"):format(address) or address
  return setmetatable({ listener = listener, address = address, port = port, url = ("http://%s:%d"):format(host, port) }, HttpServer)
end

return http
