-- real.lua: the real clusters that `make test-real` starts: stopping and restarting their processes, and the TCP connections that
-- this process has to them, as the kernel knows them.
local clusters = require "spec.support.clusters"

local real = {}

local folder = os.getenv "MOONPOOL_TEST_CLUSTERS"

--- The port of a context's API server.
---@param context string
---@return integer
function real.port(context)
  local client <close> = clusters.client(nil, context)
  return math.tointeger(client:info().server:match ":(%d+)")
end

local function number(context) return context:match "%d+$" end

local function run(command)
  assert(os.execute(command .. " >/dev/null 2>&1"), command)
end

--- Ends a context's API server at once, as a crash does.
function real.kill(context)
  run(("SIGNAL=KILL scripts/dev/apiserver-down '%s' %s apiserver"):format(folder, number(context)))
end

--- Starts what was stopped, and waits until it is ready.
function real.restart(context)
  run(("scripts/dev/apiserver-up '%s' %s"):format(folder, #select(2, clusters.start())))
  clusters.stop()
  local client <close> = clusters.client(nil, context)
  assert(client:request { path = "/readyz" })
end

--- Sends a signal (STOP, CONT) to a context's API server.
function real.signal(context, name)
  run(("kill -%s \"$(cat '%s/%s/apiserver.pid')\""):format(name, folder, number(context)))
end

--- The TCP connections that are established to a port by this process, as their server has them: a set of client ports.
---@param port integer
---@return table<integer, true> ports
---@return integer count
function real.connections(port)
  local ours = {}
  local listing <close> = assert(io.popen "ls -l /proc/$PPID/fd")
  for inode in listing:read("a"):gmatch "socket:%[(%d+)%]" do ours[inode] = true end
  local clients, servers = {}, {}
  for line in io.lines "/proc/net/tcp" do
    local localPort, remotePort, state, inode = line:match "^%s*%d+: %x+:(%x+) %x+:(%x+) (%x+) %S+ %S+ %S+ +%d+ +%d+ (%d+)"
    if state == "01" then
      localPort, remotePort = tonumber(localPort, 16), tonumber(remotePort, 16)
      if remotePort == port and ours[inode] then clients[localPort] = true end
      if localPort == port then servers[remotePort] = true end
    end
  end
  local both, count = {}, 0
  for client in pairs(clients) do
    if servers[client] then both[client], count = true, count + 1 end
  end
  return both, count
end

return real
