-- concurrency.lua: doing many things at once with the scheduler's tasks: a bounded map, a repeating timer.
local core = require "moonpool.core"
local check = require "moonpool.check"
local public = require "moonpool.public"

local concurrency = {}

local mapDefaults = { concurrency = 16 }

---@class moonpool.MapOptions
---@field concurrency integer? how many at a time
local mapOptions = check.declare("moonpool.MapOptions", { concurrency = "positive" }, mapDefaults)

--- Calls fn(item, index) for every item of a list, some at a time. Waits for all.
---
--- Results stand in the order of the list; `results.n` is its length. Where fn returned nil and something, that something
--- is in `errors` under the same index; `errors` is nil when there was none. When fn raises, no further item is begun, the
--- tasks under way are cancelled, and the first error is raised again.
---
--- ```lua
--- local counts = moonpool.map({ "default", "kube-system" }, function(namespace)
---   return #assert(client.resources.pods.list { namespace = namespace }).items
--- end)
--- ```
---@generic T, R
---@param list T[]
---@param fn fun(item: T, index: integer): R?, any
---@param options moonpool.MapOptions?
---@return R[] results
---@return table<integer, any>? errors
function concurrency.map(list, fn, options)
  check.value("map: argument 1 (list)", list, "table")
  check.value("map: argument 2 (fn)", fn, "function")
  options = options or {}
  check.options("map", options, mapOptions)

  local results, errors, raised = { n = #list }, nil, nil
  local nextIndex, tasks = 1, {}
  local function cancelOthers()
    local mine = core.currentTask()
    for _, task in ipairs(tasks) do
      if task ~= mine then task:cancel() end
    end
  end
  local function work()
    while not raised and nextIndex <= #list do
      local index = nextIndex
      nextIndex = index + 1
      local ok, value, problem = pcall(fn, list[index], index)
      if not ok then
        raised = raised or { value }
        cancelOthers()
      elseif value ~= nil then
        results[index] = value
      elseif problem ~= nil then
        errors = errors or {}
        errors[index] = problem
      end
    end
  end

  -- Ending the caller ends its workers too.
  local _ <close> = setmetatable({}, { __close = cancelOthers })
  for i = 1, math.min(options.concurrency or mapDefaults.concurrency, #list) do tasks[i] = core.spawn(work) end
  for _, task in ipairs(tasks) do
    if raised then break end
    task:join()
  end
  if raised then error(raised[1], 0) end
  return results, errors
end

---@class moonpool.Timer  What `every` returns. `<close>` stops it.
local Timer = { __name = "moonpool.Timer" }
Timer.__index = Timer
public.classes["moonpool.Timer"] = Timer

--- Makes no further call; one under way goes on.
---@return boolean # false: it was stopped already
function Timer:stop()
  if self.stopped then return false end
  self.stopped = true
  -- A call under way is left to finish; a task that only sleeps would keep the program alive for nothing.
  if self.sleeping then self.task:cancel() end
  return true
end
Timer.__close = Timer.stop

--- Calls fn every `ms` milliseconds in a task of its own, for the first time after `ms`, until the timer is stopped. Calls
--- never overlap: a call that takes longer makes the next ones due in between fall out. An error in fn is logged.
---@param ms integer
---@param fn fun()
---@return moonpool.Timer
function concurrency.every(ms, fn)
  check.value("every: argument 1 (ms)", ms, "positive")
  check.value("every: argument 2 (fn)", fn, "function")
  local timer = setmetatable({ stopped = false, sleeping = false }, Timer)
  timer.task = core.spawn(function()
    local due = core.now() + ms
    while not timer.stopped do
      timer.sleeping = true
      core.sleep(math.max(0, due - core.now()))
      timer.sleeping = false
      if timer.stopped then return end
      local ok, problem = xpcall(fn, debug.traceback)
      if not ok then
        require("moonpool.log").error(("every(%d): the function raised an error: %s"):format(ms, tostring(problem)))
      end
      due = due + ms
      if due < core.now() then due = due + (core.now() - due) // ms * ms + ms end
    end
  end)
  return timer
end

return concurrency
