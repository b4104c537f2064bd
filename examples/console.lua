-- console.lua: a script that runs for long, with a prompt that others can open in it meanwhile: to look at its pools, to change a
-- weight, to take a cluster out, while it goes on.
--
--   moonpool --context '*' examples/console.lua [PATH]         until Ctrl-C; PATH: the socket, default
--                                                              $XDG_RUNTIME_DIR/moonpool-console.sock (or in /tmp)
--   moonpool attach PATH                                       from another terminal, as the same user:
--
--   > :clusters                               -- the clusters, and which of them are well
--   > clusters:setWeight("sim-2", 0)          -- no new reads there: see the script's lines change
--   > pace = 10                               -- a read every 10 ms: `pace` is a global of the script
--   > reads                                   -- a local, which the script gave to the console
--   > return clusters:getStats()
local moonpool = require "moonpool"

local path = ... or ("%s/moonpool-console.sock"):format(os.getenv "XDG_RUNTIME_DIR" or "/tmp")
local manager = clusters
manager:setStrategy "weighted"

pace = 50 -- ms between two reads

local reads = {} -- answered, by cluster, since the last line; "failed": not
local client = assert(manager:client())

moonpool.spawn(function()
  while true do
    moonpool.spawn(function()
      local namespaces, err, answer = client.core.listNamespace { limit = 1 }
      local where = namespaces and answer.cluster or "failed"
      reads[where] = (reads[where] or 0) + 1
      if err then moonpool.log.warn("read failed: " .. tostring(err)) end
    end)
    moonpool.sleep(pace)
  end
end)

moonpool.every(1000, function()
  local parts = {}
  for _, name in ipairs(manager:clusters()) do parts[#parts + 1] = ("%s %d"):format(name, reads[name] or 0) end
  print(os.date "%X", table.concat(parts, "   "), ("%d failed"):format(reads.failed or 0))
  for name in pairs(reads) do reads[name] = nil end
end)

local console <close> = assert(moonpool.console.listen(path, { globals = { reads = reads } }))
print(("moonpool attach %s"):format(console.path))
io.stdout:flush()
moonpool.run() -- for ever: until Ctrl-C, which also removes the socket
