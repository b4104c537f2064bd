-- acquire.lua: prints the nanoseconds that a script pays to acquire a connection and give it back.

local moonpool = require "moonpool"

local function kubeConfig()
  local kc = moonpool.KubeConfig()
  assert(kc:loadFromDefault())
  return kc
end
local pool = assert(moonpool.ConnectionPool("bench", kubeConfig, { minConnections = 1 }))
pool:release(assert(pool:acquire()))

local rounds = 300000
local begin = os.clock()
for _ = 1, rounds do pool:release(pool:acquire()) end
print(("%.1f"):format((os.clock() - begin) / rounds * 1e9))
pool:dispose()
