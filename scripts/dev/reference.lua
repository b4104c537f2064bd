-- reference.lua: makes the reference from the code: `moonpool scripts/dev/reference.lua` writes
--
--   docs/reference.md            for people
--   lua/meta/moonpool.lua        for editors (LuaLS)
--   lua/moonpool/reference.lua   for help() at the prompt
--
-- and with --check it only says what differs. Texts come from the annotations; defaults, events, error kinds, options of the program
-- and commands of the prompt from the program that runs this, as they are. Whatever is public and has no text ends it with 1.
package.path = "scripts/dev/?.lua;" .. package.path

local annotations = require "annotations"
local check = require "moonpool.check"
local core = require "moonpool.core"
local moonpool = require "moonpool"
local public = require "moonpool.public"
local subjects = require "reference_subjects"

local mistakes = {}
local function mistake(format, ...) mistakes[#mistakes + 1] = format:format(...) end

-- ---------------------------------------------------------------------------------------------------- what the sources say
local function sources()
  local paths = { "lua/meta/core.lua" } -- first: it names the methods of handles
  local pipe <close> = assert(io.popen "find lua/moonpool -name '*.lua' -not -path '*/sim/*' | LC_ALL=C sort")
  for path in pipe:lines() do
    if path ~= "lua/moonpool/reference.lua" then paths[#paths + 1] = path end
  end
  return paths
end

--- Options and classes are known once their modules are loaded.
local function loadModules(paths)
  for _, path in ipairs(paths) do
    local file <close> = assert(io.open(path))
    local module, text = path:match "^lua/(moonpool/.*)%.lua$", file:read "a"
    if module and (text:find("check.declare(", 1, true) or text:find("public.classes[", 1, true)) then
      require((module:gsub("/", "."):gsub("%.init$", "")))
    end
  end
end

local paths = sources()
loadModules(paths)
local found = annotations.read(paths)

--- The function that a field of the module is set to.
local function functionOf(expression)
  return found.functions[expression] or found.functions[expression:gsub("^core%.", "")]
end

--- What `require "moonpool"` loads when it is used, as init.lua says it.
local function onDemand()
  local fields = {}
  for line in io.lines "lua/moonpool/init.lua" do
    local name, module, field = line:match '^  (%w+) = function%(%) return require ?%(?"moonpool%.(%w+)"%)?%.?(%w*) end,'
    if name then
      local class = found.classes["moonpool." .. name] and "moonpool." .. name or nil
      fields[#fields + 1] = { name = name, type = class, text = "", expression = ("%s.%s"):format(module, field) }
    end
  end
  return fields
end

-- ---------------------------------------------------------------------------------------------------- the model
---@class Reference.Function
---@field call string as it is written: "pool:acquire()"
---@field name string
---@field text string
---@field parameters { name: string, type: string, text: string }[]
---@field returns { type: string, name: string?, text: string }[]

---@class Reference.Field
---@field name string
---@field type string
---@field text string
---@field default string?

---@class Reference.Class
---@field name string
---@field word string? what stands before its functions
---@field text string
---@field parents string[]
---@field isOptions boolean
---@field otherDefaults { name: string, default: string }[] of options that its parents have, where they are others
---@field fields Reference.Field[]
---@field functions Reference.Function[]

local function inCode(value)
  if math.type(value) == "float" and value == math.floor(value) then value = math.tointeger(value) end
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

local units = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "min" }, { 1000, "s" } }

--- "300000" as "300000 (5 min)", where the text says that it is a time; a size likewise.
local function readable(default, text)
  local number = math.tointeger(tonumber(default))
  if not number or number == 0 then return default end
  if text:find "^bytes" then
    if number % (1 << 30) == 0 then return ("%s (%d GiB)"):format(default, number >> 30) end
  elseif text:find "^ms" then
    for _, unit in ipairs(units) do
      if number % unit[1] == 0 then return ("%s (%d %s)"):format(default, number // unit[1], unit[2]) end
    end
  end
  return default
end

--- The same of a key of the configuration.
local function readableKey(default, type) return readable(inCode(default), type == "milliseconds" and "ms" or "") end

local function publicFunction(word, separator, fn)
  local parameters, names = {}, {}
  for _, name in ipairs(fn.arguments) do
    if not (name == "state" and word and word:find "^client%.resources") then -- given by the resource itself
      local documented = fn.parameters[name]
      if not documented then mistake("%s: %s: the argument %s has no @param", fn.place, fn.name, name) end
      names[#names + 1] = name
      documented = documented or { type = "any", text = "" }
      parameters[#parameters + 1] = { name = name, type = documented.type, text = documented.text }
    end
  end
  local call = ("%s%s(%s)"):format(word and word .. separator or "", fn.name, table.concat(names, ", "))
  if fn.text == "" then mistake("%s: the public function %s has no text", fn.place, call) end
  for example in fn.text:gmatch "```lua\n(.-)\n```" do
    local ok, problem = load(example)
    if not ok then mistake("%s: the example of %s: %s", fn.place, call, problem) end
  end
  return { call = call, name = fn.name, text = fn.text, parameters = parameters, returns = fn.returns }
end

local function publicField(field, defaults)
  local default = defaults[field.name]
  local type = field.type and field.type:gsub("|nil$", "?")
  return { name = field.name, type = type, text = field.text, default = default ~= nil and readable(inCode(default), field.text) or nil }
end

--- Each option that the code takes has a text, and the other way round.
local function compareOptions(class, declared)
  local documented = {}
  local function collect(one)
    for _, field in ipairs(one.fields) do documented[field.name] = true end
    for _, parent in ipairs(one.parents) do collect(found.classes[parent]) end
  end
  collect(class)
  for _, name in ipairs(check.keys(declared.known)) do
    if not documented[name] then mistake("%s: the option %s has no @field", class.name, name) end
    documented[name] = nil
  end
  for _, name in ipairs(check.keys(documented)) do mistake("%s: there is no option %s", class.name, name) end
end

--- Defaults of options that a class has from its parents.
local function otherDefaults(class, declared)
  local all, own = {}, {}
  for _, field in ipairs(class.fields) do own[field.name] = true end
  for _, name in ipairs(check.keys(declared and declared.defaults or {})) do
    local same = own[name]
    local function look(parents)
      for _, parent in ipairs(parents) do
        local other = check.optionTables[parent]
        same = same or other and other.defaults[name] == declared.defaults[name]
        if found.classes[parent] then look(found.classes[parent].parents) end
      end
    end
    look(class.parents)
    if not same then
      all[#all + 1] = { name = name, default = readable(inCode(declared.defaults[name]), name:find "[tT]imeout$" and "ms" or "") }
    end
  end
  return all
end

local function makeClass(name)
  local class = found.classes[name]
  if not class then
    mistake("there is no class %s", name)
    return nil
  end
  local word = subjects.words[name]
  local declared = check.optionTables[name]
  local out = { name = name, word = word, text = class.text, parents = class.parents, fields = {}, functions = {},
    otherDefaults = otherDefaults(class, declared), isOptions = declared ~= nil or name:find "Options$" ~= nil }
  if declared then compareOptions(class, declared) end
  local fields = class.fields
  if name == "moonpool" then
    fields = { table.unpack(fields) }
    for _, field in ipairs(onDemand()) do fields[#fields + 1] = field end
  end
  for _, field in ipairs(fields) do
    local fn = field.expression and functionOf(field.expression)
    if fn then
      local described = publicFunction(word, ".", fn)
      described.name = field.name
      described.call = ("%s.%s%s"):format(word, field.name, described.call:match "%(.*$")
      out.functions[#out.functions + 1] = described
    else
      local described = publicField(field, declared and declared.defaults or {})
      local of = found.classes[field.type or ""]
      if described.text == "" and of and name == "moonpool" then described.text = of.text:match "^[^\n]*" end
      if not described.type then
        mistake("%s: the field %s has no type", name, field.name)
        described.type = "any"
      end
      if described.text == "" and (out.isOptions or name == "moonpool") and not field.type:find "ApiClass" then
        mistake("%s: %s has no text", name, field.name)
      end
      out.fields[#out.fields + 1] = described
    end
  end
  for _, fn in ipairs(class.functions) do
    if not fn.name:find "^__" then
      out.functions[#out.functions + 1] = publicFunction(word, subjects.separators[name] or fn.separator, fn)
    end
  end
  if out.text == "" and not out.isOptions and #out.functions > 0 then mistake("the class %s has no text", name) end
  return out
end

local model = { classes = {}, lists = {}, order = {} }
for _, subject in ipairs(subjects.list) do
  for _, name in ipairs(subject.classes or {}) do
    if found.aliases[name] then
      model.lists[name] = found.aliases[name]
    elseif found.classes[name] or not subject.optional then
      model.classes[name] = makeClass(name)
    end
  end
end

-- ---------------------------------------------------------------------------------------------------- is it all?
local function set(list)
  local all = {}
  for _, name in ipairs(list) do all[name] = true end
  return all
end

--- What the program has beside what is written down, and the other way round.
local function compare(what, there, written)
  for name in pairs(there) do
    if not written[name] then mistake("%s: %s has no text", what, name) end
  end
  for name in pairs(written) do
    if not there[name] then mistake("%s: there is no %s", what, name) end
  end
end

local function valuesOf(list)
  local all = {}
  for _, value in ipairs(model.lists[list].values) do
    all[value.value] = true
    if value.text == "" then mistake("%s: %s has no text", list, value.value) end
  end
  return all
end

local function membersOf(class)
  local all = {}
  for _, kind in ipairs { "fields", "functions" } do
    for _, member in ipairs(model.classes[class][kind]) do all[member.name] = true end
  end
  return all
end

local function functionsIn(t)
  local all = {}
  for name, value in pairs(t) do
    if type(value) == "function" and not name:find "^__" then all[name] = true end
  end
  return all
end

local manager, pool = require "moonpool.manager", require "moonpool.pool"
local own = {}
for _, name in ipairs(manager.eventNames) do own[name] = true end
for _, name in ipairs(pool.eventNames) do own[name] = nil end
local poolEvents = set(pool.eventNames)
poolEvents.error = true -- every emitter's
compare("events of pools", poolEvents, valuesOf "moonpool.PoolEvent")
compare("events of managers", own, valuesOf "moonpool.ManagerEvent")
local errorKinds = set(core.errorKinds)
errorKinds.script = true -- of fan-outs
compare("error kinds", errorKinds, valuesOf "moonpool.ErrorKind")

local names = {}
for _, name in ipairs(getmetatable(moonpool).__names()) do
  if not name:find "Api$" then names[name] = true end
end
local written = membersOf "moonpool"
for name in pairs(written) do
  if name:find "Api$" then written[name] = nil end
end
compare("moonpool", names, written)

for name, class in pairs(model.classes) do
  if #class.functions > 0 and not public.classes[name] then mistake("%s: its functions are not in public.classes", name) end
end
for class, methods in pairs(public.classes) do
  local documented = {}
  for _, name in ipairs(found.private[class] or {}) do documented[name] = methods[name] ~= nil end
  for _, fn in ipairs(model.classes[class].functions) do documented[fn.name] = true end
  for _, field in ipairs(model.classes[class].fields) do
    if field.type:find "^fun" then documented[field.name] = true end
  end
  if class ~= "moonpool" then compare(class, functionsIn(methods), documented) end
end
compare("moonpool.LoadBalancingStrategy", (function()
  local all = {}
  for name in pairs(moonpool.LoadBalancingStrategy) do all[name] = true end
  return all
end)(), membersOf "moonpool.LoadBalancingStrategy")

--- Every statistic has a field.
local function compareStatistics(class, statistics)
  local fields = membersOf(class)
  for _, name in ipairs(check.keys(statistics)) do
    if not fields[name] then mistake("%s: %s has no @field", class, name) end
  end
end
local kubeConfig = moonpool.KubeConfig()
assert(kubeConfig:loadFromString [[
current-context: nowhere
contexts: [{ name: nowhere, context: { cluster: nowhere, user: nobody } }]
clusters: [{ name: nowhere, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: nobody, user: {} }]
]])
do
  local fleet <close> = moonpool.ConnectionManager { defaultPoolConfig = { minConnections = 0 } }
  assert(fleet:addCluster { name = "nowhere", kubeConfig = kubeConfig })
  local statistics = fleet:getStats().nowhere
  compareStatistics("moonpool.ClusterStats", statistics)
  compareStatistics("moonpool.EndpointStats", statistics.endpoints[1])
  compareStatistics("moonpool.PoolStats", statistics.poolStats)
end

--- Every class of options is written down, and every class that something written down names.
for _, name in ipairs(check.keys(check.optionTables)) do
  if not model.classes[name] then mistake("%s: these options are not in the reference", name) end
end
local function checkType(where, type)
  for name in type:gmatch "moonpool%.[%w_%.]+" do
    if not (model.classes[name] or model.lists[name] or subjects.words[name]) then
      mistake("%s: %s is not in the reference", where, name)
    end
  end
end
for name, class in pairs(model.classes) do
  for _, field in ipairs(class.fields) do checkType(name .. ": " .. field.name, field.type) end
  for _, fn in ipairs(class.functions) do
    for _, parameter in ipairs(fn.parameters) do checkType(fn.call, parameter.type) end
    for _, value in ipairs(fn.returns) do checkType(fn.call, value.type) end
  end
end

if #mistakes > 0 then
  table.sort(mistakes)
  io.stderr:write("reference: ", table.concat(mistakes, "\nreference: "), "\n")
  os.exit(1)
end

-- ---------------------------------------------------------------------------------------------------- writing
local program = arg[-1] or "moonpool"
local outputs = {
  { path = "docs/reference.md", text = require "reference_markdown"(model, subjects.list, program, readableKey) },
  { path = "lua/meta/moonpool.lua", text = require "reference_meta"(model, subjects.list) },
  { path = "lua/moonpool/reference.lua", text = require "reference_data"(model) },
}

local function contentOf(path)
  local file <close> = io.open(path)
  return file and file:read "a"
end

local different = 0
for _, output in ipairs(outputs) do
  if contentOf(output.path) ~= output.text then
    different = different + 1
    if arg[1] == "--check" then
      io.stderr:write(("reference: %s is not what the code says: run `make reference`\n"):format(output.path))
    else
      local file <close> = assert(io.open(output.path, "w"))
      file:write(output.text)
      print("wrote " .. output.path)
    end
  end
end
os.exit(arg[1] == "--check" and different > 0 and 1 or 0)
