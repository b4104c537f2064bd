-- emitter.lua: hands events to the handlers that scripts registered.
--
-- Handlers run in tasks of their own, never on the coroutine that registered them, in the order in which things happened;
-- those of one subscription one at a time. A handler that waits delays only its own next event. Each subscription holds at
-- most 10,000 events that were not handled yet; past that the oldest are dropped and counted in `subscription.dropped`.
--
-- How the order is kept: `turns` holds one entry per queued event, naming its subscription. A worker task takes turns from
-- the front and runs the handlers itself. Before it enters one, it makes sure that a relief stands ready: should the
-- handler wait, the scheduler runs the relief, which goes on with the turns; otherwise the relief finds nothing and ends.
local core = require "moonpool.core"
local check = require "moonpool.check"
local log = require "moonpool.log"

local queueLimit = 10000

---@class moonpool.Subscription  What `on` and `once` return, for `off`.
---@field event string
---@field dropped integer events that were dropped because the handler did not keep up
local Subscription = { __name = "moonpool.Subscription" }
Subscription.__index = Subscription
function Subscription.__tostring(self) return ("moonpool.Subscription (%s)"):format(self.event) end

---@class moonpool.Emitter
---@field owner string as log lines call it
---@field events table<string, boolean> the events there are
---@field subscriptions table<string, moonpool.Subscription[]>
---@field onInterest (fun(wanted: boolean))? called when the first subscription comes and when the last one goes
local Emitter = {}
Emitter.__index = Emitter

local emitter = {}

---@param owner string
---@param events string[]
---@param onInterest (fun(wanted: boolean))?
---@return moonpool.Emitter
function emitter.new(owner, events, onInterest)
  local self = setmetatable({ owner = owner, events = { error = true }, subscriptions = {}, count = 0, onInterest = onInterest,
    turns = {}, firstTurn = 1, lastTurn = 0, reliefReady = false }, Emitter)
  for _, event in ipairs(events) do self.events[event] = true end
  return self
end

function Emitter:subscribe(method, event, handler, once)
  check.value(method .. ": argument 1 (event)", event, "string")
  if not self.events[event] then
    check.misuse('%s: there is no event "%s"%s', method, event, check.hint(event, check.keys(self.events)))
  end
  check.value(method .. ": argument 2 (handler)", handler, "function")
  local subscription = setmetatable({ event = event, handler = handler, once = once, dropped = 0, queue = {}, first = 1,
    last = 0, busy = false, owed = 0, emitter = self }, Subscription)
  local list = self.subscriptions[event] or {}
  self.subscriptions[event] = list
  list[#list + 1] = subscription
  self.count = self.count + 1
  if self.count == 1 and self.onInterest then self.onInterest(true) end
  return subscription
end

--- Calls handler(...) for every such event from now on.
---@param event string
---@param handler fun(...)
---@return moonpool.Subscription
function Emitter:on(event, handler) return self:subscribe("on", event, handler, false) end

--- Calls handler(...) for the next such event only.
---@param event string
---@param handler fun(...)
---@return moonpool.Subscription
function Emitter:once(event, handler) return self:subscribe("once", event, handler, true) end

-- Takes it from the list; events already queued for a `once` still reach it.
function Emitter:remove(subscription)
  local list = self.subscriptions[subscription.event]
  for i, known in ipairs(list) do
    if known == subscription then
      table.remove(list, i)
      self.count = self.count - 1
      return true
    end
  end
  return false
end

--- Ends a subscription: its handler is not called any more, also not for what was queued. False when it was over already.
---@param subscription moonpool.Subscription
---@return boolean
function Emitter:off(subscription)
  if getmetatable(subscription) ~= Subscription then
    check.misuse("off: argument 1: expected what `on` returned, got %s", check.describe(subscription))
  elseif subscription.emitter ~= self then
    check.misuse("off: argument 1: this subscription belongs to another object")
  end
  local removed = self:remove(subscription)
  subscription.queue, subscription.first, subscription.last = {}, 1, 0
  if removed and self.count == 0 and self.onInterest then self.onInterest(false) end
  return removed
end

local function takeEvent(subscription)
  local first = subscription.first
  local event = subscription.queue[first]
  if not event then return nil end
  subscription.queue[first] = nil
  subscription.first = first + 1
  return event
end

function Emitter:run(subscription, event)
  local ok, problem = xpcall(subscription.handler, function(raised)
    return { raised = raised, trace = type(raised) == "string" and debug.traceback(raised, 2) or tostring(raised) }
  end, table.unpack(event, 1, event.n))
  if ok then return end
  log.error(("%s: a handler of %s raised an error: %s"):format(self.owner, subscription.event, problem.trace))
  if subscription.event ~= "error" then self:emit("error", problem.raised, subscription.event) end
end

function Emitter:work()
  self.reliefReady = false
  while self.firstTurn <= self.lastTurn do
    local subscription = self.turns[self.firstTurn]
    self.turns[self.firstTurn] = nil
    self.firstTurn = self.firstTurn + 1
    if subscription.busy then
      subscription.owed = subscription.owed + 1 -- left to the task that is in its handler
    else
      subscription.busy, subscription.owed = true, 1
      while subscription.owed > 0 do
        subscription.owed = subscription.owed - 1
        local event = takeEvent(subscription)
        if event then
          self:summonRelief()
          self:run(subscription, event)
        end
      end
      subscription.busy = false
    end
  end
end

function Emitter:summonRelief()
  if self.reliefReady then return end
  self.reliefReady = true
  core.spawn(self.work, self)
end

--- Tells every subscription of the event. Lua thread; does not wait, runs no handler.
---@param event string
function Emitter:emit(event, ...)
  local list = self.subscriptions[event]
  if not list or #list == 0 then return end
  local arguments = table.pack(...)
  for _, subscription in ipairs { table.unpack(list) } do
    subscription.last = subscription.last + 1
    subscription.queue[subscription.last] = arguments
    if subscription.last - subscription.first >= queueLimit then
      takeEvent(subscription)
      subscription.dropped = subscription.dropped + 1
      if subscription.dropped == 1 then
        log.warn(("%s: a handler of %s does not keep up: more than %d events wait, the oldest are dropped"):format(
          self.owner, event, queueLimit))
      end
    else
      self.lastTurn = self.lastTurn + 1
      self.turns[self.lastTurn] = subscription
    end
    if subscription.once then self:remove(subscription) end
  end
  self:summonRelief()
end

--- A function that emits what it is called with, for the core to hold. It does not hold the emitter, whose handlers often hold the
--- pool that the events are about: one that nobody can reach any more is collected, and closed by that.
---@return fun(event: string, ...)
function Emitter:listener()
  local weak = setmetatable({ emitter = self }, { __mode = "v" })
  return function(event, ...)
    if weak.emitter then weak.emitter:emit(event, ...) end
  end
end

return emitter
