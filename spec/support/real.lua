-- real.lua: the real clusters that `make test-real` starts: killing, stopping and restarting their API servers, and the TCP connections
-- that this process has to them, as the kernel knows them.
--
-- WHERE is a context ("real-2": all its API servers), or one of its API servers ("real-2/1", "real-2/2"): real-2 has two.
--
--   real.endpoints "real-2"                        -- URLs, that of the kubeconfig first
--   real.kill(WHERE); real.restart(WHERE)          -- kill -9; returns when it is ready again
--   real.stop(WHERE); real.cont(WHERE)             -- SIGSTOP, SIGCONT
--   real.flags(WHERE, { "--goaway-chance=0.02" })  -- kills them, and starts them with further flags; {}: without
--   real.audit "real-2"                            -- flags that make them write down each request that comes, and their reader
--   real.pids "real-2"                             -- of its API servers
--   real.connections(real.port "real-2")
local clusters = require "spec.support.clusters"
local core = require "moonpool.core"

local real = {}

local folder = os.getenv "MOONPOOL_TEST_CLUSTERS"

real.endpoints = clusters.endpoints

--- The port of a context's API server, the first if there are several.
---@param context string
---@return integer
function real.port(context) return math.tointeger(real.endpoints(context)[1]:match ":(%d+)$") end

local function run(command)
  assert(os.execute(command .. " >/dev/null 2>&1"), command)
end

--- The number of the cluster, and the names of the processes that WHERE is.
local function processes(where)
  local context, server = where:match "^(.*)/(%d+)$"
  local number = (context or where):match "%d+$"
  local names = {}
  for index = 1, #real.endpoints(context or where) do names[index] = index == 1 and "apiserver" or "apiserver-" .. index end
  return number, server and { (assert(names[tonumber(server)], "no API server " .. where)) } or names
end

--- Ends API servers at once, as a crash does.
---@param where string
function real.kill(where)
  local number, names = processes(where)
  for _, name in ipairs(names) do run(("SIGNAL=KILL scripts/dev/apiserver-down '%s' %s %s"):format(folder, number, name)) end
end

--- Starts what was killed, and waits until it is ready.
---@param where string
function real.restart(where)
  local number, names = processes(where)
  for _, name in ipairs(names) do run(("PROCESS=%s/%s scripts/dev/apiserver-up '%s'"):format(number, name, folder)) end
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

--- Lets API servers begin anew with these flags besides their usual ones.
---@param where string
---@param flags string[]
function real.flags(where, flags)
  write(("%s/%s/apiserver.flags"):format(folder, processes(where)), #flags > 0 and table.concat(flags, "\n") .. "\n" or "")
  real.kill(where)
  real.restart(where)
end

--- An audit log: the flags for it, and a function that gives an iterator over its entries, "METHOD path?query", so far.
---@param where string
---@return string[] flags
---@return fun(): fun(): string?
function real.audit(where)
  local base = ("%s/%s/audit"):format(folder, processes(where))
  os.remove(base .. ".log")
  write(base .. ".yaml", [[
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted, ResponseComplete, Panic]
rules: [{level: Metadata}]
]])
  return { ("--audit-policy-file=%s.yaml"):format(base), ("--audit-log-path=%s.log"):format(base) }, function()
    local nextLine = io.lines(base .. ".log")
    return function()
      local line = nextLine()
      if not line then return nil end
      local entry = assert(core.json.decode(line))
      return (({ create = "POST", get = "GET", list = "GET", update = "PUT", patch = "PATCH" })[entry.verb] or entry.verb)
        .. " " .. entry.requestURI
    end
  end
end

---@param where string
---@return integer[]
function real.pids(where)
  local number, names = processes(where)
  local pids = {}
  for index, name in ipairs(names) do
    local file <close> = assert(io.open(("%s/%s/%s.pid"):format(folder, number, name)))
    pids[index] = file:read "n"
  end
  return pids
end

--- Sends a signal to API servers.
---@param where string
---@param name string
function real.signal(where, name)
  for _, pid in ipairs(real.pids(where)) do run(("kill -%s %d"):format(name, pid)) end
end

---@param where string
function real.stop(where) real.signal(where, "STOP") end

---@param where string
function real.cont(where) real.signal(where, "CONT") end

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
