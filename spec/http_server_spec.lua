-- http_server_spec.lua: moonpool.http.listen: HTTP served by a script.
local moonpool = require "moonpool"
local program = require "spec.support.program"

--- What curl says of a URL, run beside the scheduler: the server is in this very process.
local function curl(url, arguments)
  local out = os.tmpname()
  local done = out .. ".done"
  os.execute(("(curl -s -m 20 -o - -w '\n%%{http_code} %%{content_type}' %s '%s' >%s; touch %s) &"):format(arguments or "", url, out, done))
  for _ = 1, 2000 do
    local file = io.open(done)
    if file then
      file:close()
      break
    end
    moonpool.sleep(10)
  end
  local file <close> = assert(io.open(out))
  local text = file:read "a"
  os.remove(out)
  os.remove(done)
  local body, code, contentType = text:match "^(.*)\n(%d+) ?([^\n]*)$"
  return { body = body, code = tonumber(code), contentType = contentType }
end

describe("moonpool.http.listen", function()
  local server
  after_each(function()
    if server then server:close() end
    server = nil
  end)

  local function listen(handler, options)
    options = options or {}
    options.handler = handler
    server = assert(moonpool.http.listen(options))
    return server
  end

  it("calls its handler with what was asked, and answers what that returns", function()
    local seen
    listen(function(request)
      seen = request
      return 201, "made\n", "text/x-made", { ["X-Of-Mine"] = "yes" }
    end)
    local answer = curl(server.url .. "/a%20b/c?name=x%26y&empty&plus=1+2&name=last", "-i -H 'X-Asked: one' -H 'X-Asked: two' -d body")
    assert.same({ 201, "text/x-made" }, { answer.code, answer.contentType })
    assert.matches("\r\nX%-Of%-Mine: yes\r\n", answer.body)
    assert.matches("\r\n\r\nmade\n$", answer.body)
    assert.same({ "POST", "/a b/c", "body", "one, two" }, { seen.method, seen.path, seen.body, seen.headers["x-asked"] })
    assert.same({ name = "last", empty = "", plus = "1 2" }, seen.query)
    assert.equal(("http://127.0.0.1:%d"):format(server.port), server.url)
    assert.equal("moonpool.HttpServer: " .. server.url, tostring(server))
  end)

  it("writes tables as JSON and texts as plain text", function()
    listen(function(request)
      if request.path == "/json" then return 200, { list = moonpool.array {}, n = 1 } end
      return 200, "text"
    end)
    assert.same({ body = '{"list":[],"n":1}', code = 200, contentType = "application/json" }, curl(server.url .. "/json"))
    assert.same({ body = "text", code = 200, contentType = "text/plain; charset=utf-8" }, curl(server.url))
  end)

  it("lets handlers wait, and serves others meanwhile", function()
    local order = {}
    local second = moonpool.spawn(function() end)
    listen(function(request)
      if request.path == "/slow" then
        while not order[1] do moonpool.sleep(1) end
        order[2] = "slow"
      else
        order[1] = "quick"
      end
      return 200, request.path
    end)
    second:join()
    local bodies = moonpool.map({ "/slow", "/quick" }, function(path)
      if path == "/quick" then moonpool.sleep(50) end
      return curl(server.url .. path).body
    end)
    assert.same({ "/slow", "/quick" }, { bodies[1], bodies[2] })
    assert.same({ "quick", "slow" }, order)
  end)

  it("answers 500 and logs the place when a handler raises, or returns what cannot be sent", function()
    local lines = {}
    local function ignore() end
    local logger = { debug = ignore, info = ignore, warn = ignore, error = function(_, text) lines[#lines + 1] = text end }
    moonpool.log.attach(logger)
    finally(function() moonpool.log.detach(logger) end)
    listen(function(request)
      if request.path == "/raise" then error "broken" end
      if request.path == "/status" then return "200" end
      if request.path == "/body" then return 200, 5 end
      return 200, { print }
    end)
    for _, path in ipairs { "raise", "status", "body", "json" } do
      local answer = curl(server.url .. "/" .. path)
      assert.same({ 500, "the handler failed\n" }, { answer.code, answer.body })
    end
    moonpool.poll(0)
    assert.matches("^http: GET /raise: .*http_server_spec%.lua:%d+: broken\nstack traceback", lines[1])
    assert.equal("http: GET /status: the handler returned string as the status: expected an integer from 200 to 599", lines[2])
    assert.equal("http: GET /body: the handler returned number 5 as the body: expected a string or a table", lines[3])
    assert.matches("^http: GET /json: cannot be written as JSON", lines[4])
  end)

  it("refuses bodies that are too large", function()
    listen(function(request) return 200, tostring(#request.body) end, { maxBodySize = 1000 })
    assert.equal("1000", curl(server.url, "-d " .. ("x"):rep(1000)).body)
    assert.equal(413, curl(server.url, "-d " .. ("x"):rep(1001)).code)
  end)

  it("turns requests away while 256 are being handled, and serves again afterwards", function()
    local open, waiting = false, 0
    listen(function()
      waiting = waiting + 1
      while not open do moonpool.sleep(1) end
      return 200, "ok"
    end)
    local done = os.tmpname()
    os.execute(("curl -s -m 20 -Z --parallel-immediate --parallel-max 256 -o /dev/null '%s/[1-256]' >%s 2>&1 &"):format(server.url, done))
    for _ = 1, 2000 do
      if waiting == 256 then break end
      moonpool.sleep(5)
    end
    assert.equal(256, waiting)
    assert.equal(503, curl(server.url).code)
    open = true
    assert.equal(200, curl(server.url).code)
    os.remove(done)
  end)

  it("says what is wrong with its options", function()
    local function problem(options) return (select(2, pcall(moonpool.http.listen, options))) end
    local function handler() end
    assert.matches('spec%.lua:%d+: http%.listen: unknown option "adress"; did you mean "address"%?$',
      problem { adress = "x", handler = handler })
    assert.matches("http%.listen: option handler: expected a function, got nil$", problem {})
    assert.matches("http%.listen: option port: expected at most 65535, got 70000$", problem { port = 70000, handler = handler })
    assert.matches("http%.listen: option port: expected an integer of 0 or more, got string$", problem { port = "80", handler = handler })
    assert.matches("http%.listen: expected a table of options, got nil$", problem())
    assert.matches("server:close%(%) is called with a colon, not with a dot$", select(2, pcall(listen(handler).close)))
  end)

  it("says why it cannot listen", function()
    listen(function() end)
    local other, err = moonpool.http.listen { port = server.port, handler = print }
    assert.is_nil(other)
    assert.equal(("http.listen: cannot listen on 127.0.0.1 port %d: Address already in use (config)"):format(server.port), tostring(err))
    other, err = moonpool.http.listen { address = "localhost", handler = print }
    assert.equal('http.listen: cannot listen on "localhost": expected an IPv4 or IPv6 address', err.message)
    assert.is_nil(other)
  end)

  it("keeps the program alive until it is closed, and listens on IPv6 too", function()
    local result = program.run("-e", [[
      local moonpool = require "moonpool"
      local server = assert(moonpool.http.listen { address = "::1", handler = function() end })
      print((server.url:gsub("%d+$", "port")))
      moonpool.spawn(function() moonpool.sleep(20) print "closing" server:close() server:close() end)]])
    assert.same({ "http://[::1]:port\nclosing\n", "", 0 }, { result.out, result.err, result.code })
  end)
end)
