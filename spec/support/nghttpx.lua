-- nghttpx.lua: HTTP/2 in front of a simulated cluster: Debian's nghttpx as a child process, with the cluster's own
-- certificate, on a free port. Client certificates do not get through a proxy: the kubeconfig's user has the token.
--
--   local proxy = nghttpx.start(clusters, "sim-1", "--frontend-http2-max-concurrent-streams=5")
--   proxy.kubeconfig, proxy.context                   -- a kubeconfig that leads through it
--   proxy:connections()                               -- how many TCP connections have carried requests
--   proxy:signal "HUP"                                -- a new worker takes over; the old one says GOAWAY and finishes
--   proxy:stop()
local core = require "moonpool.core"
local process = require "spec.support.process"

local nghttpx = {}

local Proxy = {}
Proxy.__index = Proxy

local function run(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "a"
end

local function listening(port)
  return run(("curl -sk -m 1 -o /dev/null -w '%%{http_code}' https://127.0.0.1:%d/livez"):format(port)) == "200"
end

function Proxy:launch()
  self.pid = run(self.command):match "%d+"
  process.waitUntil(function() return listening(self.port) or not process.running(self.pid) end, "nghttpx")
  return process.running(self.pid)
end

--- Starts nghttpx in front of one of the clusters (see sim.lua), with further options of its own.
---@param clusters table
---@param name string
---@param ... string
function nghttpx.start(clusters, name, ...)
  local base = os.tmpname()
  local self = setmetatable({ base = base, kubeconfig = base .. ".kubeconfig", context = name .. "-token" }, Proxy)
  local credentials = assert(core.json.decode(process.readAll(clusters.credentials)))[name]
  assert(core.writePrivateFile(base .. ".crt", credentials.server[1]))
  assert(core.writePrivateFile(base .. ".key", credentials.server[2]))
  local url
  for _, one in ipairs(clusters.clusters) do url = one.name == name and one.server or url end
  local backend = url:match ":(%d+)$"
  for _ = 1, 10 do
    self.port = tonumber(run "scripts/dev/free-ports 1")
    self.command = ("nghttpx --conf=/dev/null --workers=1 --worker-process-grace-shutdown-period=3 -L ERROR "
      .. "--accesslog-file=%s.log --accesslog-format='$remote_port' "
      .. "--backend='127.0.0.1,%s;;tls' --insecure --frontend='127.0.0.1,%d' %s %s.key %s.crt >%s 2>&1 & echo $!"):format(
      base, backend, self.port, table.concat({ ... }, " "), base, base, base)
    if self:launch() then break end
  end
  assert(process.running(self.pid), process.readAll(base))
  local text = process.readAll(clusters.kubeconfig):gsub("127%.0%.0%.1:" .. backend .. "\n", "127.0.0.1:" .. self.port .. "\n")
  assert(core.writePrivateFile(self.kubeconfig, text))
  return self
end

--- TCP connections over which a request has been answered.
function Proxy:connections()
  local seen, count = {}, 0
  for port in (process.readAll(self.base .. ".log") or ""):gmatch "%d+" do
    if not seen[port] then seen[port], count = true, count + 1 end
  end
  return count
end

---@param name string
function Proxy:signal(name) os.execute(("kill -%s %s 2>/dev/null"):format(name, self.pid)) end

--- Its workers, old and new, end after it does.
function Proxy:stop()
  local family = { self.pid }
  for pid in run("pgrep -P " .. self.pid):gmatch "%d+" do family[#family + 1] = pid end
  self:signal "TERM"
  process.waitUntil(function()
    for _, pid in ipairs(family) do
      if process.running(pid) then return false end
    end
    return true
  end, "nghttpx and its workers to end")
  for _, ending in ipairs { "", ".log", ".crt", ".key", ".kubeconfig" } do os.remove(self.base .. ending) end
end

return nghttpx
