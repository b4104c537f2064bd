-- embed.lua FILE...: writes C source with the Lua modules given, and argparse, as a table (see core/binding/embedded.h).
-- A file lua/a/b.lua is module "a.b"; lua/a/init.lua is "a"; the script scripts/c.lua is "moonpool.scripts.c". They are compiled here,
-- since Lua would need longer for that than for all else that the program does before its first request; names and lines stay in them,
-- for tracebacks. Module "moonpool.scripts" is the list of the scripts, each with what its first line says.

local function scriptName(path) return path:match("^scripts/(.*)%.lua$") end

local function moduleName(path)
  if scriptName(path) then return "moonpool.scripts." .. scriptName(path) end
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

local function readFile(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

local function writeBytes(code)
  for start = 1, #code, 64 do
    io.write(table.concat({ code:byte(start, math.min(start + 63, #code)) }, ","), ",\n")
  end
end

-- As tracebacks call it.
local function chunkName(name)
  return name == "moonpool" and "@moonpool/init.lua" or ("@%s.lua"):format(name:gsub("%.", "/"))
end

local modules = {}
local function add(name, source)
  modules[#modules + 1] = { name = name, code = string.dump(assert(load(source, chunkName(name), "t"))) }
end

local scripts = {}
for _, path in ipairs(arg) do
  local name, source = scriptName(path), readFile(path)
  add(moduleName(path), source)
  if name then
    local summary = assert(source:match("^%-%- " .. name .. "%.lua: ([^\n]+)\n"), path .. ": its first line does not say what it is")
    scripts[#scripts + 1] = ("  { name = %q, summary = %q },\n"):format(name, summary)
  end
end
add("moonpool.scripts", "return {\n" .. table.concat(scripts) .. "}\n")
local argparse = assert(package.searchpath("argparse", package.path), "argparse is not installed (package lua-argparse)")
add("argparse", readFile(argparse))

print('/* Made by scripts/dev/embed.lua; do not edit. */\n#include "binding/embedded.h"\n')
for index, module in ipairs(modules) do
  print(("static const unsigned char module%d[] = {"):format(index))
  writeBytes(module.code)
  print("0};")
end
print("\nconst moon_embedded_module moon_embedded_modules[] = {")
for index, module in ipairs(modules) do
  print(('    {"%s", module%d, %d},'):format(module.name, index, #module.code))
end
print("    {0, 0, 0},\n};")
