-- forward_proxy.lua: proxies as companies have them, as child processes on free ports of 127.0.0.1: Debian's tinyproxy and squid (http),
-- microsocks (socks5), and nghttpx as an https proxy in front of a tinyproxy.
--
--   local proxy <close> = forwardProxy.http { user = "me", password = "sesame" }     -- or .squid, .socks5
--   local proxy <close> = forwardProxy.https(certificate, key, { user = ... })       -- PEM
--   proxy.url                                     -- "http://127.0.0.1:20123": without user and password
--   proxy:urlFor("me", "sesame")                  -- with them
--   proxy:tunnels(), proxy:tunnels "6443"         -- how many connections to servers it has been asked for; squid: that have ended
--   proxy:stop()                                  -- by its process id
local core = require "moonpool.core"
local process = require "spec.support.process"

local forwardProxy = {}

local Proxy = {}
Proxy.__index = Proxy
Proxy.__close = function(self) self:stop() end

local function run(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "a"
end

-- Whether the kernel has a listener on the port: a connection to try it would be counted by the proxy.
local function listening(port)
  return assert(process.readAll "/proc/net/tcp"):find((": 0100007F:%04X 00000000:0000 0A"):format(port), 1, true) ~= nil
end

-- `commandFor(port, base)` gives a command that stays in the foreground; what it prints goes to the file `base`.
local function start(scheme, commandFor)
  local base = os.tmpname()
  local self = setmetatable({ base = base, scheme = scheme }, Proxy)
  for _ = 1, 10 do
    self.port = math.tointeger(tonumber(run "scripts/dev/free-ports 1"))
    self.pid = run(("%s >%s 2>&1 & echo $!"):format(commandFor(self.port, base), base)):match "%d+"
    process.waitUntil(function() return listening(self.port) or not process.running(self.pid) end, "a proxy")
    if process.running(self.pid) then break end
  end
  assert(process.running(self.pid), process.readAll(base))
  self.url = ("%s://127.0.0.1:%d"):format(scheme, self.port)
  return self
end

---@param options { user: string?, password: string?, allow: string? }? allow: a pattern that hosts must match
function forwardProxy.http(options)
  options = options or {}
  return start("http", function(port, base)
    local lines = { "Port " .. port, "Listen 127.0.0.1", "Timeout 600", "MaxClients 200", "LogLevel Connect", "DisableViaHeader Yes" }
    if options.user then lines[#lines + 1] = ("BasicAuth %s %s"):format(options.user, options.password) end
    if options.allow then
      assert(core.writePrivateFile(base .. ".filter", options.allow .. "\n"))
      lines[#lines + 1] = ('Filter "%s.filter"\nFilterDefaultDeny Yes'):format(base)
    end
    assert(core.writePrivateFile(base .. ".conf", table.concat(lines, "\n") .. "\n"))
    return ("tinyproxy -d -c %s.conf"):format(base)
  end)
end

---@param options { user: string?, password: string? }?
function forwardProxy.socks5(options)
  options = options or {}
  local login = options.user and (" -u %s -P %s"):format(options.user, options.password) or ""
  return start("socks5", function(port) return ("microsocks -i 127.0.0.1 -p %d%s"):format(port, login) end)
end

-- Keeps nothing, and nothing outside its folder, into which it writes as nobody where root starts it.
local SQUID = [[
http_port 127.0.0.1:%d
pid_filename none
cache_log %s.d/cache.log
access_log stdio:%s.d/access.log
coredump_dir %s.d
cache deny all
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname localhost
cache_effective_user nobody
%s
http_access deny all
]]

---@param options { user: string?, password: string? }?
function forwardProxy.squid(options)
  options = options or {}
  local self = start("http", function(port, base)
    local access = "http_access allow all"
    assert(os.execute(("mkdir -p -m 777 %s.d && chmod 777 %s.d"):format(base, base)))
    if options.user then
      local users = io.open(base .. ".d/users", "w")
      users:write(options.user, ":", run(("openssl passwd -apr1 '%s'"):format(options.password)))
      users:close()
      access = ("auth_param basic program /usr/lib/squid/basic_ncsa_auth %s.d/users\nauth_param basic children 2 startup=1\n"
        .. "acl known proxy_auth REQUIRED\nhttp_access allow known"):format(base)
    end
    assert(core.writePrivateFile(base .. ".conf", SQUID:format(port, base, base, base, access)))
    return ("PATH=$PATH:/usr/sbin squid -N -n moonpool%d -f %s.conf"):format(port, base) -- its shared memory has the name
  end)
  self.tunnelLog, self.tunnelWords = self.base .. ".d/access.log", "CONNECT "
  return self
end

---@param certificate string for 127.0.0.1
---@param key string
---@param options table? as those of http
function forwardProxy.https(certificate, key, options)
  local behind = forwardProxy.http(options)
  local self = start("https", function(port, base)
    assert(core.writePrivateFile(base .. ".crt", certificate))
    assert(core.writePrivateFile(base .. ".key", key))
    return ("nghttpx --conf=/dev/null --http2-proxy --single-process --workers=1 -L FATAL --accesslog-file=/dev/null "
      .. "--backend=127.0.0.1,%d --frontend=127.0.0.1,%d %s.key %s.crt"):format(behind.port, port, base, base)
  end)
  self.behind = behind
  return self
end

---@param user string
---@param password string
function Proxy:urlFor(user, password) return ("%s://%s:%s@127.0.0.1:%d"):format(self.scheme, user, password, self.port) end

---@param port string? to this port only
function Proxy:tunnels(port)
  if self.behind then return self.behind:tunnels(port) end
  local words = self.tunnelWords or self.scheme == "http" and "Request %(file descriptor %d+%): CONNECT " or "connected to "
  local _, count = (process.readAll(self.tunnelLog or self.base) or ""):gsub(words .. "[^%s]*:" .. (port or "%d+"), "")
  return count
end

function Proxy:stop()
  if self.stopped then return end
  self.stopped = true
  os.execute(("kill -TERM %s 2>/dev/null"):format(self.pid))
  process.waitUntil(function() return not process.running(self.pid) end, "a proxy to end")
  os.execute(("rm -rf %s.d"):format(self.base))
  for _, ending in ipairs { "", ".conf", ".filter", ".crt", ".key" } do os.remove(self.base .. ending) end
  if self.behind then self.behind:stop() end
end

--- A copy of a kubeconfig in which every cluster has this proxy-url; removed by whoever asked for it.
---@param path string
---@param proxyUrl string
---@return string path
function forwardProxy.kubeconfig(path, proxyUrl)
  local copy = os.tmpname()
  local field = ("proxy-url: %s"):format((proxyUrl:gsub("%%", "%%%%")))
  local text, lines = assert(process.readAll(path)):gsub("(\n%s+)server: ", "%1" .. field .. "%1server: ")
  local flows
  text, flows = text:gsub("{server: ", "{" .. field .. ", server: ")
  assert(lines + flows > 0, "no server in " .. path)
  assert(core.writePrivateFile(copy, text))
  return copy
end

return forwardProxy
