-- fanout.lua: one function called for many clusters at a time: manager:each. Every selected cluster has its entry in the
-- results, whether it answered, failed, timed out, or never had its turn.
--
-- A wave is worked off by workers, as many as may run at a time. A worker calls fn in a task of its own, which a watchdog
-- cancels when its time is over, and goes on with the next cluster. Whatever ends the caller ends all of these.
local core = require "moonpool.core"
local check = require "moonpool.check"
local errors = require "moonpool.errors"
local progress = require "moonpool.progress"
local session = require "moonpool.session"

local fanout = {}

--- What a fan-out needs of whoever keeps the clusters.
---@class moonpool.FanoutClusters
---@field names fun(selector: moonpool.core.Selector?): string[] in the order in which results list them
---@field client fun(name: string): moonpool.KubernetesClient?, moonpool.Error? strict: that cluster only

local defaults = { concurrency = 25, timeout = 10000, failFast = false, retries = 0, abortThreshold = 0, wavePause = 0 }

---@class moonpool.EachOptions
---@field clusters string|string[]|nil name, glob, /regular expression/, ^exclusion, or a list of them; default: all
---@field labels string|table<string, string>|nil only those with these labels: "env=prod,tier!=db" or { env = "prod" }
---@field concurrency integer? how many at a time
---@field timeout integer? ms for each cluster, retries included; 0: none
---@field failFast boolean? the first failure cancels the others
---@field retries integer? calls fn again after a failure that may pass: then fn must be able to run twice
---@field waves true|(integer|string)[]|nil sizes such as { 1, "10%", "rest" } (that is what true means); the last one is used again until
--- all had their turn
---@field abortThreshold integer|string|nil with more failed clusters than this (or "10%" of all) no further wave begins
---@field wavePause integer? ms between waves
---@field progress boolean? a line on standard error while that is a terminal; default: in the program
local known = check.declare("moonpool.EachOptions", { clusters = "selector", labels = "selector", concurrency = "positive",
  timeout = "milliseconds", failFast = "boolean", retries = "count", waves = "any", abortThreshold = "any",
  wavePause = "milliseconds", progress = "boolean" }, defaults)

--- What came of one cluster.
---@class moonpool.EachResult
---@field ok boolean
---@field value any what fn returned, when ok
---@field err moonpool.Error? otherwise
---@field duration integer ms
---@field attempts integer how often fn was called

local firstBackoff, maxBackoff = 200, 5000
local allNamed = 10 -- how many failed clusters one line names

-- ---------------------------------------------------------------------------------------------------- results

--- One entry for every cluster, by its name; `pairs` gives them in the order of the clusters. tostring is a line with the names of
--- those that failed.
---@class moonpool.EachResults: { [string]: moonpool.EachResult }
---@field partial boolean some failed
---@field failed string[] their names
---@field succeeded string[] the names of the others
---@field total integer how many clusters there were
local Results = { __name = "moonpool.EachResults" }

-- Beside the entries, which alone are the table's own: partial, failed, succeeded, total, and the order of the names.
local factsOf = setmetatable({}, { __mode = "k" })

function Results.__index(self, name)
  if name ~= "order" then return factsOf[self][name] end
end

--- In the order of the clusters.
function Results.__pairs(self)
  local order, position = factsOf[self].order, 0
  return function()
    position = position + 1
    local name = order[position]
    if name then return name, rawget(self, name) end
  end
end

local function some(names)
  if #names <= allNamed then return table.concat(names, ", ") end
  return ("%s and %d more"):format(table.concat(names, ", ", 1, allNamed), #names - allNamed)
end

--- "297 of 300 clusters, 3 failed: a, b, c"
function Results.__tostring(self)
  local facts = factsOf[self]
  local failed, cancelled = {}, 0
  for _, name in ipairs(facts.failed) do
    if rawget(self, name).err.kind == "cancelled" then cancelled = cancelled + 1 else failed[#failed + 1] = name end
  end
  return ("%d of %d cluster%s%s%s"):format(#facts.succeeded, facts.total, facts.total == 1 and "" or "s",
    #failed > 0 and (", %d failed: %s"):format(#failed, some(failed)) or "", cancelled > 0 and (", %d cancelled"):format(cancelled) or "")
end

local outcome = { total = 0, failed = 0 } -- of all fan-outs so far

local function makeResults(names, entries)
  local facts = { order = names, total = #names, failed = {}, succeeded = {} }
  for _, name in ipairs(names) do
    local list = entries[name].ok and facts.succeeded or facts.failed
    list[#list + 1] = name
  end
  facts.partial = #facts.failed > 0
  outcome.total, outcome.failed = outcome.total + facts.total, outcome.failed + #facts.failed
  factsOf[entries] = facts
  return setmetatable(entries, Results)
end

--- What all fan-outs together mean for the program's exit code: "none" failed, "some", or "all".
---@return "none"|"some"|"all"
function fanout.failures()
  if outcome.failed == 0 then return "none" end
  return outcome.failed == outcome.total and "all" or "some"
end

-- ---------------------------------------------------------------------------------------------------- selection

local function isPlainName(pattern) return not pattern:find "[%*%?%[\\]" and not pattern:find "^[%^/@]" end

--- The clusters that the patterns name one by one, and that are not there: they were meant.
local function missingNames(clusters, patterns, found)
  local there, missing = {}, {}
  for _, name in ipairs(found) do there[name] = true end
  local selector = core.selector(patterns)
  for _, pattern in ipairs(type(patterns) == "table" and patterns or { patterns }) do
    local wanted = isPlainName(pattern) and not there[pattern] and selector:matches(pattern)
    if wanted and #clusters.names((core.selector(pattern))) == 0 then
      there[pattern] = true
      missing[#missing + 1] = pattern
    end
  end
  return missing
end

--- "env=prod,tier!=db"
local function labelsText(labels)
  if type(labels) == "string" then return labels end
  local texts = {}
  for _, key in ipairs(check.keys(labels)) do texts[#texts + 1] = key .. "=" .. labels[key] end
  return table.concat(texts, ",")
end

local function nothingSelected(clusters, options)
  local all = clusters.names()
  if #all == 0 then return errors.new("config", "no cluster selected: there are none (manager:addCluster adds one)") end
  local patterns = options.clusters or {}
  local what = type(patterns) == "table" and table.concat(patterns, " ") or patterns
  local single = core.selector(patterns):single()
  local near = single and core.nearest(single, all)
  local wanted = {}
  if what ~= "" then wanted[1] = ('matches "%s"'):format(what) end
  if options.labels then wanted[#wanted + 1] = ('has the labels "%s"'):format(labelsText(options.labels)) end
  return errors.new("config", ("no cluster %s; %sthere %s: %s"):format(table.concat(wanted, " and "),
    near and ('did you mean "%s"? '):format(near) or "", #all == 1 and "is" or "are", some(all)))
end

--- The names, and a set of those that there is no cluster of.
---@return string[]? names
---@return moonpool.Error|table<string, boolean> missing
local function select(clusters, options)
  local selector, err = core.selector(options.clusters, options.labels)
  if not selector then return nil, err end
  local names, missing = clusters.names(selector), {}
  if #names == 0 then return nil, nothingSelected(clusters, options) end
  for _, name in ipairs(missingNames(clusters, options.clusters, names)) do
    names[#names + 1] = name
    missing[name] = true
  end
  return names, missing
end

-- ---------------------------------------------------------------------------------------------------- options that are more than a type

--- A number, or what a share such as "10%" of `total` is.
local function amount(where, value, total, least)
  if math.type(value) == "integer" and value >= least then return value end
  local percent = type(value) == "string" and tonumber(value:match "^(%d+%.?%d*)%%$")
  if percent and percent <= 100 then return percent * total / 100 end
  check.misuse('%s: expected an integer of %d or more or a share such as "10%%", got %s', where, least,
    type(value) == "string" and ('"%s"'):format(value) or check.describe(value))
end

local defaultWaves = { 1, "10%", "rest" }

--- The size of one wave.
local function waveSize(waves, index, total)
  if waves[index] == "rest" then return total end
  return math.max(1, math.ceil(amount(("each: option waves: wave %d"):format(index), waves[index], total, 1)))
end

--- The size of each wave: the last one that is given is used until all had their turn.
local function waveSizes(waves, total)
  if not waves then return { total } end
  if waves == true then waves = defaultWaves end
  local sizes, left = {}, total
  while left > 0 do
    local size = waveSize(waves, math.min(#sizes + 1, #waves), total)
    sizes[#sizes + 1] = math.min(size, left)
    left = left - size
  end
  return sizes
end

--- Wrong ones are refused before anything is selected.
local function checkOptions(options)
  check.options("each", options, known)
  local waves, threshold = options.waves, options.abortThreshold
  for _, name in ipairs { "abortThreshold", "wavePause" } do
    if options[name] ~= nil and not waves then check.misuse("each: option %s: it is for waves; give the option waves too", name) end
  end
  if waves and waves ~= true then
    if type(waves) ~= "table" or #waves == 0 then
      check.misuse('each: option waves: expected true or a list such as { 1, "10%%", "rest" }, got %s', check.describe(waves))
    end
    for index in ipairs(waves) do waveSize(waves, index, 1) end
  end
  if threshold then amount("each: option abortThreshold", threshold, 1, 0) end
end

-- ---------------------------------------------------------------------------------------------------- one cluster

--- What came out of fn as an error object.
local function asError(problem, name)
  if errors.is(problem) then return problem end
  local text = type(problem) == "string" and problem or "fn failed with " .. tostring(problem)
  -- The nil that a failed call returned, used without a look: no other task had a turn since.
  local cause = text:find(" a nil value", 1, true) and core.lastError() or nil
  if cause and cause.cluster ~= name then cause = nil end
  local err = errors.new("script", cause and ("%s; the call before it said: %s"):format(text, cause.message) or text, { name = name })
  if type(problem) ~= "string" then err.value = problem end
  err.cause = cause
  return err
end

-- Failures that may be gone at the next try.
local passing = { connect = true, timeout = true, server = true, tooManyRequests = true, noHealthyCluster = true, acquireTimeout = true }

--- True when not even a connection to the cluster has come about.
local function isUnconnected(client)
  local ok, stats = pcall(client.getPoolStats, client)
  return ok and stats.total == 0
end

--- What the run waits for, as far as that can be seen: ", waiting for GET /api/v1/pods (report.lua:12)", or "".
local function whatFor(run)
  local co, place, call = run.coroutine, nil, nil
  for level = 0, math.huge do
    local info = debug.getinfo(co, level, "Sl")
    if not info then break end
    if info.what ~= "C" and not info.source:find "^@moonpool/" then
      local callee = level > 0 and debug.getinfo(co, level - 1, "n")
      call, place = callee and callee.name, ("%s:%d"):format(info.short_src, info.currentline)
      break
    end
  end
  local message = session.underWay(co)
  if message then
    local connection = isUnconnected(run.client) and "a connection, to send " or ""
    return (", waiting for %s%s %s%s"):format(connection, message.method, message.path:match "^[^?]*",
      place and (" (%s)"):format(place) or "")
  end
  return place and (", waiting %s%s"):format(call and "in " .. call .. " at " or "at ", place) or ""
end

--- Calls fn until it succeeds, or there is no reason or no try left. Runs in the cluster's task.
local function attempt(state, run)
  run.coroutine = coroutine.running()
  local client, err = state.clusters.client(run.name)
  if not client then return { ok = false, err = err } end
  run.client = client
  for try = 0, state.retries do
    run.attempts = try + 1
    local fine, value, problem = pcall(state.fn, client, run.name)
    if fine and (value ~= nil or problem == nil) then return { ok = true, value = value } end
    if not fine then problem = value end
    run.lastError = asError(problem, run.name)
    local kind = (run.lastError.cause or run.lastError).kind
    if try < state.retries and passing[kind] and not run.overdue then
      local backoff = math.min(maxBackoff, firstBackoff << math.min(try, 10))
      core.sleep(math.max(math.random(backoff // 2, backoff), run.lastError.retryAfter or 0))
    else
      return { ok = false, err = run.lastError }
    end
  end
end

-- The time that nobody is to answer for: a person was being asked.
local held = { holders = 0, since = 0, total = 0 }

local function heldTime() return held.total + (held.holders > 0 and core.now() - held.since or 0) end

--- Until it is closed, no time goes off the limits of clusters: somebody is asked something that their calls wait for.
function fanout.hold()
  if held.holders == 0 then held.since = core.now() end
  held.holders = held.holders + 1
  return setmetatable({}, { __close = function()
    held.holders = held.holders - 1
    if held.holders == 0 then held.total = held.total + core.now() - held.since end
  end })
end

--- Cancels the run's task when its time is over.
local function watch(state, run)
  local before = heldTime()
  while true do
    local left = state.timeout - (core.now() - run.began - (heldTime() - before))
    if left <= 0 then break end
    core.sleep(held.holders > 0 and math.max(left, 20) or left)
  end
  run.overdue = ("gave up after %d ms%s%s"):format(state.timeout, whatFor(run),
    run.lastError and "; the attempt before failed: " .. tostring(run.lastError) or "")
  run.task:cancel()
end

--- Why a run ended that did not come to its own end.
local function endError(state, run)
  if run.overdue then return errors.new("timeout", run.overdue, { name = run.name }) end
  if state.stopped then return errors.new("cancelled", "cancelled: " .. state.stopped, { name = run.name }) end
  return errors.new("cancelled", "the task was cancelled", { name = run.name })
end

local function settle(state, run, entry)
  entry.duration, entry.attempts = run.began and core.now() - run.began or 0, run.attempts
  state.entries[run.name] = entry
  state.done = state.done + 1
  if entry.ok then return end
  state.failed = state.failed + 1
  state.firstFailed = state.firstFailed or { name = run.name, err = entry.err }
  if state.failFast and not state.stopped then
    state.stopped = ("%s failed first"):format(run.name)
    -- Others may end while one is being cancelled, and leave the list.
    for _, other in ipairs(table.move(state.running, 1, #state.running, 1, {})) do other.task:cancel() end
  end
end

local function runOne(state, name)
  local run = { name = name, began = core.now(), attempts = 0 }
  if state.missing[name] then
    run.began = nil
    local problem = ('there is no cluster "%s"%s'):format(name, check.hint(name, state.clusters.names()))
    return settle(state, run, { ok = false, err = errors.new("config", problem, { name = name }) })
  end
  run.task = core.spawn(attempt, state, run)
  if state.timeout > 0 then run.watchdog = core.spawn(watch, state, run) end
  state.running[#state.running + 1] = run
  local fine, entry = pcall(run.task.join, run.task)
  if run.watchdog then run.watchdog:cancel() end
  for index, other in ipairs(state.running) do
    if other == run then table.remove(state.running, index) break end
  end
  if not fine then -- what raised is not fn: the client could not be had
    entry = { ok = false, err = asError(entry, name) }
  elseif not entry or not entry.ok and (run.overdue or state.stopped and entry.err.kind == "cancelled") then
    entry = { ok = false, err = endError(state, run) }
  end
  settle(state, run, entry)
end

-- ---------------------------------------------------------------------------------------------------- all of them

--- Runs the clusters first..last of the list.
local function runWave(state, first, last)
  local nextIndex, workers = first, {}
  local function work()
    while nextIndex <= last and not state.stopped do
      nextIndex = nextIndex + 1
      runOne(state, state.names[nextIndex - 1])
    end
  end
  local _ <close> = setmetatable({}, { __close = function()
    for _, worker in ipairs(workers) do worker:cancel() end
    for _, run in ipairs(state.running) do
      if run.watchdog then run.watchdog:cancel() end
      run.task:cancel()
    end
  end })
  for index = 1, math.min(state.concurrency, last - first + 1) do workers[index] = core.spawn(work) end
  for _, worker in ipairs(workers) do worker:join() end
end

--- Why no further wave begins; nil: one may.
local function verdict(state, wave, begun, threshold)
  if state.stopped or state.failed <= threshold then return state.stopped end
  return ("wave %d did not begin, because %d of %d clusters had failed (first %s: %s)"):format(wave, state.failed, begun,
    state.firstFailed.name, state.firstFailed.err.message)
end

--- "37/300 done, 2 failed, 5 running, slowest prod-eu 3.1 s"
local function progressText(state)
  local text = ("%d/%d done, %d failed, %d running"):format(state.done, #state.names, state.failed, #state.running)
  local slowest = state.running[1] -- they stand in the order in which they began
  if not slowest then return text end
  return ("%s, slowest %s %.1f s"):format(text, slowest.name, (core.now() - slowest.began) / 1000)
end

local underWay = {} ---@type table<table, integer> the fan-outs that run, and how many clusters each is for

--- How many clusters the largest fan-out is for that runs now; 0: none does.
---@return integer
function fanout.underWay()
  local most = 0
  for _, count in pairs(underWay) do most = math.max(most, count) end
  return most
end

--- Calls fn(client, name) for every selected cluster, each in a task of its own. Waits for all.
---@param clusters moonpool.FanoutClusters
---@param fn fun(client: moonpool.KubernetesClient, name: string): any, any
---@param options moonpool.EachOptions?
---@return moonpool.EachResults?, moonpool.Error?
function fanout.each(clusters, fn, options)
  check.value("each: argument 1 (fn)", fn, "function")
  options = options or {}
  checkOptions(options)
  local names, missing = select(clusters, options)
  if not names then return nil, missing end
  local state = { clusters = clusters, fn = fn, names = names, missing = missing, entries = {}, running = {}, done = 0, failed = 0,
    concurrency = options.concurrency or defaults.concurrency, timeout = options.timeout or defaults.timeout,
    failFast = options.failFast, retries = options.retries or defaults.retries }
  underWay[state] = #names
  local _over <close> = setmetatable({}, { __close = function() underWay[state] = nil end })
  local show = options.progress
  if show == nil then show = core.isProgram end
  local _ <close> = show and progress.start(function() return progressText(state) end) or nil

  local threshold = options.abortThreshold and amount("", options.abortThreshold, #names, 0) or defaults.abortThreshold
  local begun = 0
  for wave, size in ipairs(waveSizes(options.waves, #names)) do
    if wave > 1 then state.stopped = verdict(state, wave, begun, threshold) end
    if state.stopped then break end
    if wave > 1 and options.wavePause then core.sleep(options.wavePause) end
    runWave(state, begun + 1, begun + size)
    begun = begun + size
  end
  for _, name in ipairs(names) do
    if not state.entries[name] then
      local err = errors.new("cancelled", "not started: " .. state.stopped, { name = name })
      settle(state, { name = name, attempts = 0 }, { ok = false, err = err })
    end
  end
  return makeResults(names, state.entries)
end

return fanout
