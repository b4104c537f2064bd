local api = require "moonpool.api"
local fake = require "spec.support.fake_cluster"
local lines = require "moonpool.lines"
local moonpool = require "moonpool"

local function stream(chunks)
  return { read = function()
    local chunk = table.remove(chunks, 1)
    if type(chunk) == "table" then return nil, chunk end
    return chunk
  end, close = function() end }
end

local function all(iterator)
  local list = {}
  for line in iterator do list[#list + 1] = line end
  return list
end

describe("the lines of a stream", function()
  it("are the same however the bytes come", function()
    local text = "one\n\ntwo three\n" .. ("x"):rep(100) .. "\nlast"
    for size = 1, #text do
      local chunks = {}
      for at = 1, #text, size do chunks[#chunks + 1] = text:sub(at, at + size - 1) end
      assert.same({ "one", "", "two three", ("x"):rep(100), "last" }, all(lines.of(stream(chunks))))
    end
    assert.same({}, all(lines.of(stream {})))
    assert.same({ "" }, all(lines.of(stream { "\n" })))
  end)

  it("end with the stream's error, which a loop raises", function()
    local failure = fake.failure("connect")
    local reader = lines.of(stream { "one\nhal", failure })
    assert.equal("one", reader:read())
    local line, err = reader:read()
    assert.is_nil(line)
    assert.equal(failure, err)
    local ok, raised = pcall(all, lines.of(stream { "one\n", failure }))
    assert.is_false(ok)
    assert.equal(failure, raised)
  end)

  it("are what following a pod's log gives, with a limit on silence alone", function()
    local session, handle = fake.session()
    handle.streams = { { "a\nb", "\n" } }
    local core = api.new(moonpool.CoreV1Api, session)
    assert.same({ "a", "b" }, all(assert(core.readNamespacedPodLog("p", "a", { follow = true, tailLines = 2 }))))
    local request = handle.requests[1]
    assert.equal("/api/v1/namespaces/a/pods/p/log?follow=true&tailLines=2", request.path)
    assert.same({ 0, 600000 }, { request.timeout, request.idleTimeout })
    assert.is_nil(request.firstByteTimeout) -- it begins with the first line
    local none, err = core.readNamespacedPodLog("p", "a", { follow = true })
    assert.is_nil(none)
    assert.equal("closed", err.kind)
  end)
end)
