-- embedding.lua: examples/embedding/host.c, built against an installation of its own, as a reader of it would do.
local program = require "spec.support.program"

local embedding = {}

---@class spec.Embedding
---@field folder string where moonpool is installed, and what host.c became

--- Needs program.libraries.
---@return spec.Embedding
function embedding.build()
  local folder = os.tmpname()
  os.remove(folder)
  local built = program.shell(([[
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s install PREFIX=%s >/dev/null &&
    export PKG_CONFIG_PATH=%s/lib/pkgconfig &&
    cc -Wall -Wextra -Werror examples/embedding/host.c $(pkg-config --cflags --libs moonpool lua5.4) -o %s/host]]):format(folder, folder,
    folder))
  assert(built.code == 0, built.err)
  return setmetatable({ folder = folder }, { __index = embedding })
end

--- The command that runs the host with a script of examples/embedding.
---@param kubeconfig string
---@param arguments string beginning with the script's name
---@return string
function embedding:command(kubeconfig, arguments)
  return ("env KUBECONFIG=%s LD_LIBRARY_PATH=%s/lib %s/host examples/embedding/%s"):format(kubeconfig, self.folder, self.folder, arguments)
end

function embedding:remove() os.execute("rm -rf " .. self.folder) end

return embedding
