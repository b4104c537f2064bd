-- socket_relay.lua: another door to a server on a port of 127.0.0.1: a Unix socket, or a port of another address. A child process.
--
--   local relay <close> = Relay.unix(port)         -- relay.url: "unix:///tmp/..."; relay.path
--   local relay <close> = Relay.address("::1", port)  -- relay.url: "https://[::1]:20123"
--   relay:stop()                                   -- by its process id
local process = require "spec.support.process"

local Relay = {}
Relay.__index = Relay
Relay.__close = function(self) self:stop() end

-- Arguments: the port that it leads to; the path of the socket, or an address. Prints the port that it listens on, 0 for a path.
local PROGRAM = [[
import os, socket, sys, threading
target, place = int(sys.argv[1]), sys.argv[2]
if place.startswith("/"):
    door = socket.socket(socket.AF_UNIX)
    door.bind(place)
else:
    door = socket.socket(socket.AF_INET6 if ":" in place else socket.AF_INET)
    door.bind((place, 0))
door.listen(64)
print(0 if place.startswith("/") else door.getsockname()[1], flush=True)
def pass_on(source, sink):
    try:
        while True:
            data = source.recv(65536)
            if not data: break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try: end.shutdown(socket.SHUT_RDWR)
            except OSError: pass
while True:
    client, _ = door.accept()
    server = socket.create_connection(("127.0.0.1", target))
    for pair in ((client, server), (server, client)):
        threading.Thread(target=pass_on, args=pair, daemon=True).start()
]]

local function start(port, place)
  local base = os.tmpname()
  local self = setmetatable({ base = base }, Relay)
  do
    local file <close> = assert(io.open(base .. ".py", "wb"))
    file:write(PROGRAM)
  end
  local pipe <close> = assert(io.popen(("exec python3 %s.py %d %s >%s 2>&1 & echo $!"):format(base, port, place, base)))
  self.pid = pipe:read "l"
  process.waitUntil(function() return process.readAll(base):match "%d+\n" or not process.running(self.pid) end, "a relay")
  self.port = assert(process.readAll(base):match "^(%d+)\n$", process.readAll(base))
  return self
end

---@param port integer
---@param path string? a free one otherwise
function Relay.unix(port, path)
  if not path then
    path = os.tmpname()
    os.remove(path)
  end
  local self = start(port, path)
  self.path, self.url = path, "unix://" .. path
  return self
end

---@param address string
---@param port integer
function Relay.address(address, port)
  local self = start(port, address)
  self.url = (address:find(":", 1, true) and "https://[%s]:%s" or "https://%s:%s"):format(address, self.port)
  return self
end

function Relay:stop()
  if self.stopped then return end
  self.stopped = true
  os.execute(("kill -KILL %s 2>/dev/null"):format(self.pid))
  process.waitUntil(function() return not process.running(self.pid) end, "a relay to end")
  for _, name in ipairs { self.base, self.base .. ".py", self.path } do os.remove(name) end
end

return Relay
