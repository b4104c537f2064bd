-- wire.lua: what a console and who is attached to it say to each other: a JSON object a line, on a Unix socket.
--
-- The console begins: { protocol, version, name, sessions, prompt }, or { refused }. Then
--   attached: { line, id } | { script, name, id }   to be run; both with columns and rows, the window, where there is one
--             { complete, id }                       a Tab
--             { forget } | { interrupt }             Ctrl-C while a line is typed; while one runs
--             { answer }                             to a question; false: nobody can be asked
--   console:  { over = id, ok, leave, prompt }       what ran has ended
--             { completed = id, insert }
--             { show = <method of moonpool.repl.Terminal>, text | count, more }   more: the text goes on in the next one
local core = require "moonpool.core"

local wire = {}

wire.protocol = 1
wire.longest = 1 << 20 -- bytes that a line may have

--- Text without what JSON cannot carry.
local function valid(text)
  local parts, from = {}, 1
  while true do
    local ok, bad = utf8.len(text, from)
    if ok then break end
    parts[#parts + 1] = text:sub(from, bad - 1) .. "\u{FFFD}"
    from = bad + 1
  end
  return #parts > 0 and table.concat(parts) .. text:sub(from) or text
end
wire.valid = valid

wire.patience = 3000 -- ms until the console has begun

local piece = 32768 -- bytes of text in a message

--- The parts of a text, each for a message of its own.
---@param text string
---@return fun(): string?, boolean? part, and whether more follow
function wire.parts(text)
  text = valid(text)
  local from, done = 1, false
  return function()
    if done then return nil end
    local to = math.min(#text, from + piece - 1)
    while to < #text and text:byte(to + 1) & 0xC0 == 0x80 do to = to - 1 end -- not within a character
    local part = text:sub(from, to)
    from, done = to + 1, to == #text
    return part, not done
  end
end

---@param message table
---@return string
function wire.encode(message) return assert(core.json.encode(message)) end

--- Nil: the line is no message.
---@param line string
---@return table?
function wire.decode(line)
  local message = core.json.decode(line)
  return type(message) == "table" and message or nil
end

return wire
