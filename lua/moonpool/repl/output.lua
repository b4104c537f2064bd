-- output.lua: where `print` and `io.write` go while there are sessions: what a session's statement writes goes to its terminal, also
-- from functions of the program; what the program itself writes goes where it went before, or above the line that is being typed
-- on this process's own terminal.
local core = require "moonpool.core"

local output = {}

---@type moonpool.repl.Session? of this process's own terminal, when what the program writes is to go there
output.own = nil

--- The session on whose behalf the code runs.
---@return moonpool.repl.Session?
function output.session()
  local guest = core.guest()
  return guest and guest.isSession and guest or nil
end

--- What print(...) shows.
---@return string
function output.line(...)
  local texts = table.pack(...)
  for i = 1, texts.n do texts[i] = tostring(texts[i]) end
  return table.concat(texts, "\t") .. "\n"
end

local installed = false

--- Puts itself in the place of print and io.write.
function output.install()
  if installed then return end
  installed = true
  local plainPrint, plainWrite = print, io.write
  rawset(_G, "print", function(...)
    local session = output.session() or output.own
    if not session then return plainPrint(...) end
    session:say(output.line(...))
  end)
  rawset(io, "write", function(...)
    local session = output.session() or output.own
    if not session or io.output() ~= io.stdout then return plainWrite(...) end
    session.terminal:write(table.concat { ... })
    return io.stdout
  end)
end

return output
