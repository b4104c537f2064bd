-- pods.lua whole|pages: reads all pods, in one list or page by page, and looks at every container. Prints what it found and
-- the peak memory of this process.

local moonpool = require "moonpool"

local client = assert(moonpool.KubernetesClient { connectionPoolConfig = { minConnections = 0 } })

local pods, containers, restarts = 0, 0, 0
local function look(pod)
  pods = pods + 1
  for _, container in ipairs(pod.spec.containers) do
    if container.image then containers = containers + 1 end
  end
  for _, status in ipairs(pod.status.containerStatuses or {}) do restarts = restarts + status.restartCount end
end

if arg[1] == "whole" then
  for _, pod in ipairs(assert(client.core.listPodForAllNamespaces()).items) do look(pod) end
else
  for pod in client.resources.pod.each { limit = 500 } do look(pod) end
end
assert(pods == 5000, "expected 5000 pods, found " .. pods)

print(pods .. " pods, " .. containers .. " containers, " .. restarts .. " restarts")
for line in io.lines("/proc/self/status") do
  local peak = line:match("^VmHWM:%s+(%d+) kB")
  if peak then print(("MiB %.1f"):format(peak / 1024)) end
end
