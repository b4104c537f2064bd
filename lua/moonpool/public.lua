-- public.lua: what is public, by its name, while it runs: for help(), and for the reference to be checked with.

local public = {}

--- The functions of each class of the reference.
public.classes = {} ---@type table<string, table<string, function>>

--- What functions stand for that are made for one object: the function that they call, or the name of an API method.
public.standsFor = setmetatable({}, { __mode = "k" }) ---@type table<function, function|string>

return public
