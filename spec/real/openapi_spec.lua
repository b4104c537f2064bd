-- Every operation of the server's own OpenAPI document, called by its name, must become its method and path. For real servers:
-- simulated ones publish none. What the calls would send goes to a recorder, not to the server.
local api = require "moonpool.api"
local clusters = require "spec.support.clusters"
local fake = require "spec.support.fake_cluster"
local moonpool = require "moonpool"

-- "readCoreV1NamespacedPod" of tag "core_v1" is method readNamespacedPod of CoreV1Api.
local function methodOf(operation)
  local tag = operation.tags and operation.tags[1]
  if not tag then return nil end
  local part = tag:gsub("^%l", string.upper):gsub("_v", "V")
  local from, to = operation.operationId:find(part, 1, true)
  if not from then return nil end
  return part .. "Api", operation.operationId:sub(1, from - 1) .. operation.operationId:sub(to + 1)
end

local function argumentsOf(path, name)
  local arguments = {}
  if path:find("{name}", 1, true) then arguments[1] = "NAME" end
  if path:find("{namespace}", 1, true) then arguments[#arguments + 1] = "SPACE" end
  if name:find("^create") or name:find("^replace") or name:find("^patch") then arguments[#arguments + 1] = { a = 1 } end
  if path:find("{path}", 1, true) then arguments[#arguments + 1] = "a/b" end
  return arguments
end

describe("the server's OpenAPI document", function()
  local client

  lazy_setup(function()
    clusters.start()
    client = clusters.client()
  end)
  lazy_teardown(function()
    client:dispose()
    clusters.stop()
  end)

  it("names no operation that scripts cannot call", function()
    local text = assert(client:request { path = "/openapi/v2", raw = true })
    local document = moonpool.json.decode(text)
    local session, handle = fake.session()
    local checked, wrong = 0, {}
    for path, operations in pairs(document.paths) do
      for verb, operation in pairs(operations) do
        local className, name = methodOf(type(operation) == "table" and operation.operationId and operation or {})
        local known, class = pcall(function() return className and moonpool[className] end) -- a name like VersionApi raises
        -- /api/v1/watch/... is the old form of ?watch=true, which the watch methods use.
        if known and class and not path:find("/watch/", 1, true) then
          checked = checked + 1
          local ok, err = pcall(function() return api.new(class, session)[name](table.unpack(argumentsOf(path, name))) end)
          local request = handle.requests[#handle.requests]
          handle.requests = {}
          local wanted = path:gsub("{name}", "NAME"):gsub("{namespace}", "SPACE"):gsub("{path}", "a/b"):gsub("/$", "")
          if not ok then
            wrong[#wrong + 1] = ("%s.%s: %s"):format(className, name, tostring(err))
          elseif not request or request.method ~= verb:upper() or request.path:gsub("%?.*", "") ~= wanted then
            wrong[#wrong + 1] = ("%s.%s: %s %s, not %s %s"):format(className, name, request and request.method,
              request and request.path, verb:upper(), wanted)
          end
        end
      end
    end
    assert.same({}, wrong)
    assert.is_true(checked > 500, checked .. " operations")
  end)
end)
