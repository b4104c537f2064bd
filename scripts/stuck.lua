-- stuck.lua: pods that do not get anywhere, each with its likely cause
--
--   moonpool run stuck --clusters '*'
--   moonpool run stuck --clusters 'prod-*' --older 15m --check     # exit code 1 when a pod is stuck
local script = require "moonpool.script"
local convert = require("moonpool.arguments").convert

local run = script.new("stuck", "Pods that do not get anywhere (not scheduled, image not to be had, crashing, out of memory, not ready, "
  .. "not going away), each with its likely cause.", { namespaced = true, check = "a pod is stuck" })
run.parser:option("--older", "Only pods that were made longer ago than this: 90s, 15m, 2h."):argname("DURATION"):default("5m")
  :convert(convert.duration)
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
local function fromConditions(pod)
  for _, condition in ipairs(pod.status.conditions or {}) do
    if condition.type == "PodScheduled" and condition.status == "False" then
      return condition.reason or "Unschedulable", "no node takes it: " .. (condition.message or "no reason given")
    end
  end
  for _, condition in ipairs(pod.status.conditions or {}) do
    if condition.type == "Ready" and condition.status == "False" and pod.status.phase == "Running" then
      return "NotReady", condition.message or "its readiness probe fails"
    end
  end
  if pod.status.phase == "Pending" then return "Pending", "its containers are being made: see its events (moonpool run events)" end
  if pod.status.phase == "Failed" then return pod.status.reason or "Failed", pod.status.message or "its containers have ended" end
end

local function diagnose(pod, now)
  local leaving = script.seconds(pod.metadata.deletionTimestamp)
  if leaving and now - leaving >= options.older // 1000 then
    local finalizers = table.concat(pod.metadata.finalizers or {}, ", ")
    return "Terminating", finalizers ~= "" and "waits for its finalizers: " .. finalizers or "its node does not answer: is it gone?", 0
  end
  local status, cause, restarts = fromContainers(pod)
  if not status then status, cause = fromConditions(pod) end
  return status, cause, restarts
end

local now = os.time()

run:collect(function(client, add)
  for pod in client.resources.pod.each(run:scope { fieldSelector = "status.phase!=Succeeded" }) do
    local made = script.seconds(pod.metadata.creationTimestamp) or now
    local status, cause, restarts = diagnose(pod, now)
    if status and now - made >= options.older // 1000 then
      add { namespace = pod.metadata.namespace, kind = "Pod", name = pod.metadata.name, status = status, restarts = restarts,
        age = script.age(now - made), node = pod.spec.nodeName, cause = cause }
    end
  end
end)

run:show({ "cluster", "namespace", "name", "status", "restarts", "age", "cause" }, "no pod is stuck")
