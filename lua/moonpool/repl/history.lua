-- history.lua: what was typed before, in $XDG_STATE_HOME/moonpool/history (default ~/.local/state), which only its owner may read.
-- A line each. Lines in which a secret seems to stand are not kept.
local core = require "moonpool.core"

local kept, most = 1000, 3000 -- lines that a start keeps, and the number at which it drops older ones

local history = {}

local path ---@type string? nil: nothing is kept

local names = { "password", "passwd", "passphrase", "secret", "token", "bearer", "apikey", "api_key", "api%-key", "credential",
  "stringdata", "authorization", "private" }

-- A name of something secret, and behind it a text that could be it: not `getSecret("name")`.
local function givesSecret(line)
  local lower = line:lower()
  for _, name in ipairs(names) do
    local from = 1
    while true do
      local _, last = lower:find(name, from)
      if not last then break end
      local rest = line:sub(last + 1, last + 40)
      if rest:find "^[%w_]*[\"']?%]?%s*[=:]%s*[%[{\"'(]" or rest:find "^[%w_]*[\"']%s*,%s*[\"'%[]"
        or rest:find "^%s+[%w%-._~+/]*%d[%w%-._~+/]*" and (name == "bearer" or name == "authorization") then
        return true
      end
      from = last + 1
    end
  end
  return false
end

--- Whether a secret seems to stand in a line.
---@param line string
---@return boolean
function history.looksSecret(line)
  if line:find "eyJ[%w_-]+%.[%w_-]+" or line:find "%-%-%-%-%-BEGIN" or givesSecret(line) then return true end
  for word in line:gmatch "[%w+/=_-]+" do -- keys and hashes: long, and of all kinds of characters
    if #word >= 32 and word:find "%d" and word:find "%u" and word:find "%l" then return true end
  end
  return false
end

--- A statement of several lines as one that can be brought back, or nil when that would change its meaning.
---@param text string
---@return string?
function history.oneLine(text)
  if not text:find "\n" then return text end
  if text:find "%-%-" or text:find "%[=*%[" or text:find "\\\n" then return nil end
  return (text:gsub("\n%s*", " "))
end

local function location()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:sub(1, 1) == "/" then return state .. "/moonpool" end
  return home and home ~= "" and home .. "/.local/state/moonpool" or nil
end

local function readLines(name)
  local file <close> = io.open(name)
  local lines = {}
  for line in file and file:lines() or function() end do lines[#lines + 1] = line end
  return lines, file ~= nil
end

--- Brings back what earlier prompts kept.
---@param terminal moonpool.repl.Terminal
---@return string? problem why nothing is kept
function history.open(terminal)
  local folder = location()
  if not folder then return "neither XDG_STATE_HOME nor HOME is set" end
  local ok, problem = terminal.makeFolder(folder)
  if not ok then return problem end
  local name = folder .. "/history"
  local lines, exists = readLines(name)
  local first = math.max(1, #lines - kept + 1)
  for i = first, #lines do terminal.remember(lines[i]) end
  if not exists or #lines > most then
    local text = table.concat(lines, "\n", first) .. (#lines > 0 and "\n" or "")
    ok, problem = core.writePrivateFile(name, text)
    if not ok then return problem end
  end
  path = name
end

--- Keeps a statement, unless a secret seems to stand in it.
---@param terminal moonpool.repl.Terminal
---@param text string
function history.add(terminal, text)
  local whole = history.oneLine(text)
  for line in (whole or text):gmatch "[^\n]+" do
    terminal.remember(line)
    if path and not history.looksSecret(text) then
      local file <close> = io.open(path, "a")
      if file then file:write(line, "\n") end
    end
  end
end

--- The last lines that are kept.
---@param count integer
---@return string[]
function history.last(count)
  local lines = path and readLines(path) or {}
  return table.move(lines, math.max(1, #lines - count + 1), #lines, 1, {})
end

return history
