-- A real API server that asks clients to move on, at random, and one that is killed: what it wrote down of the requests that came.
local clusters = require "spec.support.clusters"
local eventually = require "spec.support.eventually"
local moonpool = require "moonpool"
local real = require "spec.support.real"

local TASKS, READS, WRITES = 16, 18000, 2000

describe("an API server's audit log", function()
  local context, audit

  lazy_setup(function()
    local _, contexts = clusters.start()
    context = contexts[#contexts]
    local flags
    flags, audit = real.audit(context)
    table.insert(flags, "--goaway-chance=0.02")
    real.flags(context, flags)
  end)
  lazy_teardown(function()
    real.flags(context, {})
    clusters.stop()
  end)

  --- How often each write came, by the name that it went by.
  local function arrivals(prefix)
    local times = {}
    for entry in audit() do
      local name = entry:match("^POST .*fieldManager=(" .. prefix .. "%-%d+)")
      if name then times[name] = (times[name] or 0) + 1 end
    end
    return times
  end

  local function create(client, namespace, name)
    return client.core.createNamespacedConfigMap(namespace, { metadata = { name = name } }, { fieldManager = name })
  end

  it("has none of 2,000 writes twice, and none of 18,000 reads fails, while one request in fifty is answered with GOAWAY", function()
    local client <close> = clusters.client(nil, context)
    local namespace = clusters.namespace(client)
    local reads, writes, failures, unknown = 0, 0, {}, 0
    local function each(_, task)
      for i = task, READS + WRITES, TASKS do
        local ok, err
        if i <= WRITES * 10 and i % 10 == 0 then
          writes = writes + 1
          ok, err = create(client, namespace, "write-" .. i)
        else
          reads = reads + 1
          ok, err = client.core.readNamespace "default"
        end
        if not ok and err.outcomeUnknown then
          unknown = unknown + 1 -- a write that met the GOAWAY on its way: nobody can tell, so it is not sent again
        elseif not ok then
          failures[#failures + 1] = tostring(err)
        end
      end
    end
    local tasks = {}
    for task = 1, TASKS do tasks[task] = moonpool.spawn(each, nil, task) end
    for _, task in ipairs(tasks) do task:join() end
    assert.same({}, failures)
    assert.same({ READS, WRITES }, { reads, writes })
    local stats = client:getPoolStats()
    assert.is_true(stats.created > 50, stats.created) -- there were GOAWAYs
    assert.equal(0, stats.retriesDenied)
    local count = 0
    for name, times in pairs(arrivals "write") do
      count = count + 1
      assert.equal(1, times, name)
    end
    assert.is_true(unknown <= WRITES / 50, unknown)
    assert.is_true(count >= WRITES - unknown and count <= WRITES, count)
    assert(client.core.deleteNamespace(namespace))
  end)

  it("has no write twice when it is killed under them", function()
    local client <close> = clusters.client(nil, context)
    local namespace = clusters.namespace(client)
    local outcomes, number, made, over = {}, 0, 0, false
    local tasks = {}
    for task = 1, TASKS do
      tasks[task] = moonpool.spawn(function()
        while not over do
          number = number + 1
          local name = "kill-" .. number
          local object, err = create(client, namespace, name)
          outcomes[name] = object and "made" or err.status and "refused" or err.outcomeUnknown and "unknown" or "not sent"
          if object then made = made + 1 else moonpool.sleep(20) end
        end
      end)
    end
    for _ = 1, 3 do
      moonpool.sleep(300)
      real.kill(context)
      real.restart(context)
    end
    local before = made
    eventually(10000, "writes to go on", function() return made > before + 100 end)
    over = true
    for _, task in ipairs(tasks) do task:join() end
    local came = arrivals "kill"
    for name, outcome in pairs(outcomes) do
      local times = came[name] or 0
      assert.is_true(times <= 1, ("%s came %d times"):format(name, times))
      if outcome == "made" then assert.equal(1, times, name) end
      if outcome == "not sent" then assert.equal(0, times, name) end -- whoever is told so may rely on it
    end
    assert(client.core.deleteNamespace(namespace))
  end)
end)
