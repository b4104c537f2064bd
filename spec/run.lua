-- run.lua [busted's options] SPEC...: runs specs with busted inside the moonpool program, so that sanitizers see all of it.
-- A spec finds its helpers as modules: require "spec.support.name". Not standalone: after good specs the chunk ends here,
-- and the program with it, once no task or timer is left; after a failure busted ends the program with code 1.

-- Lua's own knows no TMPDIR.
local folder, makeName = os.getenv "TMPDIR", os.tmpname
if folder then
  function os.tmpname() -- luacheck: ignore 122
    local made = makeName()
    os.remove(made)
    local name = folder .. made:match "/[^/]*$"
    assert(io.open(name, "w")):close()
    return name
  end
end

package.path = "./?.lua;" .. package.path
require("busted.runner")({ standalone = false })
