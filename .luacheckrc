-- What luacheck expects of our Lua. See `make lint`.
std = "lua54"
max_line_length = 140
max_string_line_length = false -- documents in long strings
codes = true
self = false
-- It does not know to-be-closed variables: `local lock <close> = ...` is used by being closed.
ignore = { "211/_.*" }

files["examples"] = { read_globals = { "clusters" } } -- the program's
files["examples/console.lua"] = { globals = { "pace" } }
files["examples/embedding"] = { read_globals = { "setGauge" } } -- the host's
files["examples/testing/restarts_spec.lua"] = { std = "lua54+busted" }
files["bench"] = files["examples"]
files["spec"] = { std = "lua54+busted" }
-- Declarations for editors, never run.
exclude_files = { "lua/meta" }
