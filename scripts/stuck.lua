-- stuck.lua: pods that do not get anywhere, each with its likely cause
--
--   moonpool run stuck --clusters '*'
--   moonpool run stuck --clusters 'prod-*' --older 15m --check     # exit code 1 when a pod is stuck
local script = require "moonpool.script"
local convert = require("moonpool.arguments").convert

local run = script.new("stuck", "Pods that do not get anywhere (not scheduled, image not to be had, crashing, out of memory, not ready, "
  .. "not going away), each with its likely cause.", { namespaced = true, check = "a pod is stuck" })
run.parser:option("--older", "Only pods that were made, and were last ready, longer ago than this: 90s, 15m, 2h.")
  :argname("DURATION"):default("5m"):convert(convert.duration)
local options = run:parse()

local WAITING = {
  CrashLoopBackOff = "the container ends again and again: see its log (kubectl logs --previous)",
  ImagePullBackOff = "the image cannot be pulled: wrong name or tag, or no right to it",
  ErrImagePull = "the image cannot be pulled: wrong name or tag, or no right to it",
  InvalidImageName = "the image's name is not one",
  CreateContainerConfigError = "a config map, a secret or a key that the container needs is not there",
  CreateContainerError = "the container cannot be made",
  RunContainerError = "the container cannot be started: is the command there?",
}

--- Why its containers do not run: "status", "cause", how often it was started again; nil: nothing is wrong with them.
local function fromContainers(pod)
  local restarts, status, cause = 0, nil, nil
  for _, list in ipairs { pod.status.initContainerStatuses or {}, pod.status.containerStatuses or {} } do
    for _, container in ipairs(list) do
      restarts = restarts + (container.restartCount or 0)
      local waiting = container.state and container.state.waiting
      local ended = container.lastState and container.lastState.terminated or container.state and container.state.terminated
      local isStuck = waiting and WAITING[waiting.reason] or container.state and container.state.terminated and not container.ready
      if not status and ended and ended.reason == "OOMKilled" and not container.ready then
        status, cause = "OOMKilled", ("%s uses more memory than its limit: raise resources.limits.memory, or find the leak"):format(
          container.name)
      elseif not status and isStuck and pod.status.phase ~= "Succeeded" then
        status = waiting and waiting.reason or ended and ended.reason or "Terminated"
        local code = ended and ended.exitCode and ("; it ended with exit code %d"):format(ended.exitCode) or ""
        cause = ("%s: %s%s"):format(container.name, waiting and WAITING[waiting.reason] or "the container has ended",
          waiting and waiting.reason:find "Image" and waiting.message and "; " .. waiting.message or code)
      end
    end
  end
  return status, cause, restarts
end

--- Why it is not scheduled, or not ready.
local function fromConditions(pod, now)
  for _, condition in ipairs(pod.status.conditions or {}) do
    if condition.type == "PodScheduled" and condition.status == "False" then
      return condition.reason or "Unschedulable", "no node takes it: " .. (condition.message or "no reason given")
    end
  end
  for _, condition in ipairs(pod.status.conditions or {}) do
    local since = script.seconds(condition.lastTransitionTime) or 0 -- who was ready until now may be so again soon
    if condition.type == "Ready" and condition.status == "False" and pod.status.phase == "Running"
      and now - since >= options.older // 1000 then
      return "NotReady", condition.message or "its readiness probe fails, or its node does not answer"
    end
  end
  if pod.status.phase == "Pending" then return "Pending", "its containers are being made" end
  if pod.status.phase == "Failed" then return pod.status.reason or "Failed", pod.status.message or "its containers have ended" end
end

local function diagnose(pod, now)
  local leaving = script.seconds(pod.metadata.deletionTimestamp)
  if leaving and now - leaving >= options.older // 1000 then
    local finalizers = table.concat(pod.metadata.finalizers or {}, ", ")
    return "Terminating", finalizers ~= "" and "waits for its finalizers: " .. finalizers or "its containers do not end", 0
  end
  local status, cause, restarts = fromContainers(pod)
  if not status then status, cause = fromConditions(pod, now) end
  return status, cause, restarts
end

local now = os.time()

local VAGUE = { Pending = true, NotReady = true, Terminating = true } -- there is more to say than the pod does

--- What the latest warning about each pod says, by its uid.
local function warnings(client)
  local latest, times = {}, {}
  for event in client.resources.event.each { namespace = options.namespace, fieldSelector = "type=Warning" } do
    local uid, when = event.involvedObject and event.involvedObject.uid, script.eventTime(event)
    if uid and (not times[uid] or when >= times[uid]) then
      times[uid], latest[uid] = when, ("%s: %s"):format(event.reason, event.message)
    end
  end
  return latest
end

--- What is wrong with the nodes, by name; nodes that are well are true.
local function nodes(client)
  local states = {}
  for node in client.resources.node.each() do
    states[node.metadata.name] = true
    for _, condition in ipairs(node.status.conditions or {}) do
      if condition.type == "Ready" and condition.status ~= "True" then
        states[node.metadata.name] = ("its node %s is not ready: %s"):format(node.metadata.name, condition.message or condition.reason
          or "its kubelet does not report")
      end
    end
  end
  return states
end

--- Adds to a vague cause what nodes and events tell, as far as one may ask for them.
local function explain(client, vague)
  local nodesRead, states = pcall(nodes, client)
  local eventsRead, said = pcall(warnings, client)
  for row, pod in pairs(vague) do
    local node = pod.spec.nodeName
    local state = nodesRead and node and (states[node] or ("its node %s is gone"):format(node))
    if state and state ~= true then
      row.cause = state
    elseif eventsRead and said[pod.metadata.uid] then
      row.cause = ("%s; %s"):format(row.cause, said[pod.metadata.uid])
    end
  end
end

run:collect(function(client, add)
  local vague = {}
  for pod in client.resources.pod.each(run:scope { fieldSelector = "status.phase!=Succeeded" }) do
    local made = script.seconds(pod.metadata.creationTimestamp) or now
    local status, cause, restarts = diagnose(pod, now)
    if status and now - made >= options.older // 1000 then
      local row = { namespace = pod.metadata.namespace, kind = "Pod", name = pod.metadata.name, status = status, restarts = restarts,
        age = script.age(now - made), node = pod.spec.nodeName, cause = cause }
      add(row)
      if VAGUE[status] then vague[row] = pod end
    end
  end
  if next(vague) then explain(client, vague) end
end)

run:show({ "cluster", "namespace", "name", "status", "restarts", "age", "cause" }, "no pod is stuck")
