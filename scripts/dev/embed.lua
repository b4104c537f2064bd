-- embed.lua FILE...: writes C source with the Lua modules given, and argparse, as a table (see core/binding/embedded.h).
-- A file lua/a/b.lua is module "a.b"; lua/a/init.lua is "a"; the script scripts/c.lua is "moonpool.scripts.c". The sources stay readable
-- text, so that tracebacks do too. Module "moonpool.scripts" is the list of the scripts, each with what its first line says.

local function scriptName(path) return path:match("^scripts/(.*)%.lua$") end

local function moduleName(path)
  if scriptName(path) then return "moonpool.scripts." .. scriptName(path) end
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

local function readFile(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

local function writeBytes(source)
  for start = 1, #source, 64 do
    io.write(table.concat({ source:byte(start, math.min(start + 63, #source)) }, ","), ",\n")
  end
end

local modules = {}
local scripts = {}
for _, path in ipairs(arg) do
  local name, source = scriptName(path), readFile(path)
  modules[#modules + 1] = { name = moduleName(path), source = source }
  if name then
    local summary = assert(source:match("^%-%- " .. name .. "%.lua: ([^\n]+)\n"), path .. ": its first line does not say what it is")
    scripts[#scripts + 1] = ("  { name = %q, summary = %q },\n"):format(name, summary)
  end
end
modules[#modules + 1] = { name = "moonpool.scripts", source = "return {\n" .. table.concat(scripts) .. "}\n" }
local argparse = assert(package.searchpath("argparse", package.path), "argparse is not installed (package lua-argparse)")
modules[#modules + 1] = { name = "argparse", source = readFile(argparse) }

print('/* Made by scripts/dev/embed.lua; do not edit. */\n#include "binding/embedded.h"\n')
for index, module in ipairs(modules) do
  print(("static const unsigned char module%d[] = {"):format(index))
  writeBytes(module.source)
  print("0};")
end
print("\nconst moon_embedded_module moon_embedded_modules[] = {")
for index, module in ipairs(modules) do
  print(('    {"%s", module%d, %d},'):format(module.name, index, #module.source))
end
print("    {0, 0, 0},\n};")
