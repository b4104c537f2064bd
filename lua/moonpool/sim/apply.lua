-- apply.lua: server-side apply.

local status = require("moonpool.sim.status")

local apply = {}

function apply.handle()
  error(status.unsupportedMediaType({ "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json" }), 0)
end

return apply
