-- time_limits_spec.lua: limits on silence belong to the kind of call: a watch goes on where it was, a followed log ends.
local api = require "moonpool.api"
local core = require "moonpool.core"
local fake = require "spec.support.fake_cluster"
local moonpool = require "moonpool"
local recorder = require "spec.support.recorder"

local function event(kind, name, version)
  return assert(core.json.encode { type = kind, object = { kind = "ConfigMap", apiVersion = "v1",
    metadata = { name = name, uid = name, resourceVersion = version } } }) .. "\n"
end

describe("a watch", function()
  local server

  before_each(function() server = recorder.start() end)
  after_each(function() server:stop() end)

  local function watches()
    local versions = {}
    for _, request in ipairs(server.requests) do
      if request.target:find("watch=true", 1, true) then versions[#versions + 1] = request.target:match "resourceVersion=(%d+)" end
    end
    return versions
  end

  --- Serves the streams one after the other: what each says before it falls silent.
  local function serve(...)
    local streams = { ... }
    server.answer = function(_, exchange)
      local texts = table.remove(streams, 1) or { "" }
      exchange:stream(200, texts[1], "application/json")
      for i = 2, #texts do core.after(100 * (i - 1), function() exchange:write(texts[i]) end) end
    end
  end

  it("that falls silent goes on from the last version seen, bookmarks included, at once", function()
    serve({ event("ADDED", "a", "5"), event("BOOKMARK", "", "9") }, { event("ADDED", "b", "12") }, { event("ADDED", "c", "15") })
    local names, began = {}, core.now()
    for one in server:client().resources.configmap.watch { resourceVersion = "3", idleTimeout = 300, timeout = 20000 } do
      names[#names + 1] = one.object.metadata.name
      if #names == 3 then break end
    end
    local took = core.now() - began
    assert.same({ "a", "b", "c" }, names)
    assert.same({ "3", "9", "12" }, watches())
    assert.is_true(took >= 690 and took < 2000, ("took %d ms"):format(took)) -- 100 + 300, 300; a back-off begins at 800
  end)

  it("is not cut while something comes in time", function()
    local texts = { "" }
    for i = 1, 10 do texts[#texts + 1] = event("ADDED", "o" .. i, tostring(10 + i)) end
    serve(texts)
    local count = 0
    for _ in server:client().resources.configmap.watch { resourceVersion = "3", idleTimeout = 600, timeout = 20000 } do
      count = count + 1
      if count == 10 then break end
    end
    assert.same({ "3" }, watches())
  end)

  it("that does not begin is asked for again", function()
    local asked = 0
    server.answer = function(_, exchange)
      asked = asked + 1
      if asked == 2 then return nil end -- never
      exchange:stream(200, asked == 1 and event("ADDED", "a", "5") or event("ADDED", "b", "6"), "application/json")
      if asked == 1 then exchange:finish() end
    end
    local names = {}
    local watcher <close> = server:client().resources.configmap.watch { resourceVersion = "3", firstByteTimeout = 200, timeout = 20000 }
    for _ = 1, 2 do names[#names + 1] = watcher().object.metadata.name end
    assert.same({ "a", "b" }, names)
    assert.same({ "3", "5", "5" }, watches())
  end)

  it("has no limit as a whole, unless the script says so, and 90 s of silence: more than the server's bookmarks leave", function()
    local session, handle = fake.session()
    handle.streams = { { event("ADDED", "a", "5") }, { event("ADDED", "a", "5") } }
    local configMaps = api.new(moonpool.CoreV1Api, session)
    for i, options in ipairs { { resourceVersion = "1" },
      { resourceVersion = "1", timeout = 5000, idleTimeout = 0, firstByteTimeout = 0 } } do
      local watcher <close> = configMaps.watchNamespacedConfigMapList("x", options)
      watcher()
      local request = handle.requests[i]
      if i == 1 then
        assert.same({ 0, 90000, 30000 }, { request.timeout, request.idleTimeout, request.firstByteTimeout })
      else
        assert.is_true(request.timeout > 0 and request.timeout <= 5000)
        assert.same({ 0, 0 }, { request.idleTimeout, request.firstByteTimeout })
      end
    end
  end)
end)

describe("a followed log", function()
  it("that falls silent ends with an error that says what that may mean", function()
    local server = recorder.start()
    finally(function() server:stop() end)
    server.answer = function(_, exchange) exchange:stream(200, "one\ntwo\n", "text/plain") end
    local log = assert(server:client().core.readNamespacedPodLog("p", "x", { follow = true, idleTimeout = 200 }))
    assert.same({ "one", "two" }, { log:read(), log:read() })
    local line, err = log:read()
    assert.is_nil(line)
    assert.same({ "timeout", "here" }, { err.kind, err.cluster })
    assert.matches("the answer stopped for 200 ms after 8 bytes; the container may have said nothing, or the connection is dead "
      .. "(idleTimeout is how long to wait, 0 for ever)", err.message, 1, true)
    assert.equal(1, #server.requests)
  end)
end)
