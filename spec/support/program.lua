-- program.lua: runs other programs from specs, among them the moonpool program that runs the spec.
local program = {}

-- The program is what stands before everything else on the command line.
local first = 0
while arg[first - 1] do first = first - 1 end
program.path = arg[first]

local function readFile(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

--- Runs a shell command with standard input `input`.
---@param command string
---@param input string?
---@return { code: integer, out: string, err: string }
function program.shell(command, input)
  local base = os.tmpname()
  local names = { base, base .. ".in", base .. ".err" }
  do
    local file <close> = assert(io.open(names[2], "wb"))
    file:write(input or "")
  end
  local _, how, code = os.execute(("{ %s\n} <%s >%s 2>%s"):format(command, names[2], names[1], names[3]))
  local result = { code = how == "exit" and code or 128 + code, out = readFile(names[1]), err = readFile(names[3]) }
  for _, name in ipairs(names) do os.remove(name) end
  return result
end

--- Runs moonpool with these arguments.
---@param ... string
---@return { code: integer, out: string, err: string }
function program.run(...)
  local words = { quote(program.path) }
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  return program.shell(table.concat(words, " "))
end

--- Where stock Lua finds the module that was built beside the program. An instrumented one cannot be loaded by a program
--- that is not.
program.libraries = not program.path:find("sanitize", 1, true) and program.path:match("^(.*)/[^/]*$") .. "/lib/?.so" or nil

--- Runs a script in stock lua5.4 with the module that was built beside the program.
---@param path string
---@param ... string
---@return { code: integer, out: string, err: string }
function program.stock(path, ...)
  local words = { quote(path) }
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  return program.shell(("LUA_CPATH='%s' lua5.4 %s"):format(program.libraries, table.concat(words, " ")))
end

--- Runs moonpool with code, sends it `signal` once it has printed a line, and waits for its end.
---@param code string
---@param signal string "INT", "TERM"
---@param times integer? how often, 200 ms apart; default 1
---@return { code: integer, out: string, err: string }
function program.interrupt(code, signal, times)
  local out = os.tmpname()
  local kill = ("kill -%s $pid; sleep 0.2; "):format(signal):rep(times or 1)
  local result = program.shell(([[
    %s -e %s >%s & pid=$!
    tries=0; until [ -s %s ] || [ $tries -gt 500 ]; do sleep 0.02; tries=$((tries + 1)); done
    %s wait $pid]]):format(quote(program.path), quote(code), out, out, kill))
  result.out = readFile(out)
  os.remove(out)
  return result
end

--- Calls fn with the name of a file with this text, which is removed afterwards.
---@param text string
---@param fn fun(path: string): any
function program.withFile(text, fn)
  local path = os.tmpname()
  do
    local file <close> = assert(io.open(path, "wb"))
    file:write(text)
  end
  local result = fn(path)
  os.remove(path)
  return result
end

return program
