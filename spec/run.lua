-- run.lua [busted's options] SPEC...: runs specs with busted inside the moonpool program, so that sanitizers see all of it.
-- A spec finds its helpers as modules: require "spec.support.name". Not standalone: after good specs the chunk ends here,
-- and the program with it, once no task or timer is left; after a failure busted ends the program with code 1.

package.path = "./?.lua;" .. package.path
require("busted.runner")({ standalone = false })
