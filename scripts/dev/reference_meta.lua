-- reference_meta.lua: the reference as declarations for editors (LuaLS).
local api = require "moonpool.api"
local kinds = require "moonpool.kinds"
local request = require "moonpool.request"

local resultOf = { list = "table?, moonpool.Error?", watch = "moonpool.Watcher?, moonpool.Error?",
  log = "string|moonpool.Lines|nil, moonpool.Error?", connect = "any, moonpool.Error?" }
local typeOf = { name = "string", namespace = "string", body = "table|string", path = "string" }

local function optional(name, kind) return kind:find "%?$" and name .. "?" or name, (kind:gsub("%?$", "")) end

return function(model, subjects)
  local out = {}
  local function line(...) out[#out + 1] = table.concat { ... } end
  local function text(words, prefix)
    if words == "" then return end
    for each in (words .. "\n"):gmatch "(.-)\n" do line("---", prefix or " ", each) end
  end
  local function inLine(words) return (words:gsub("%s*\n%s*", " ")) end

  local function fn(variable, one)
    text(one.text)
    local arguments = {}
    for _, parameter in ipairs(one.parameters) do
      local name, kind = optional(parameter.name, parameter.type)
      arguments[#arguments + 1] = parameter.name
      line("---@param ", name, " ", kind, parameter.text ~= "" and " " .. inLine(parameter.text) or "")
    end
    for _, value in ipairs(one.returns) do
      line("---@return ", value.type, value.name and " " .. value.name or "",
        value.text ~= "" and (value.name and " " or " # ") .. inLine(value.text) or "")
    end
    local separator = one.call:find("^[^(]*:") and ":" or "."
    line("function ", variable, separator, one.name, "(", table.concat(arguments, ", "), ") end\n")
  end

  local function class(one)
    text(one.text)
    line("---@class ", one.name, #one.parents > 0 and ": " .. table.concat(one.parents, ", ") or "")
    local there = {}
    for _, field in ipairs(one.fields) do there[field.name] = true end
    for _, each in ipairs(kinds.groups) do
      local name = each.class .. each.version:gsub("^v", "V") .. "Api"
      if one.name == "moonpool" and not there[name] then line("---@field ", name, " moonpool.ApiClass") end
      if one.name == "moonpool.KubernetesClient" and not there[each.alias] then line("---@field ", each.alias, " moonpool.", name) end
    end
    for _, field in ipairs(one.fields) do
      local words = { field.text ~= "" and inLine(field.text) or nil }
      words[#words + 1] = field.default and "default " .. field.default
      line("---@field ", field.name, " ", field.type, #words > 0 and " " .. table.concat(words, "; ") or "")
    end
    local variable = one.name == "moonpool" and "moonpool" or one.name:gsub("^moonpool%.", ""):gsub("%.", "")
    if #one.functions > 0 then
      line("local ", variable, " = {}\n")
      for _, each in ipairs(one.functions) do fn(variable, each) end
    else
      line ""
    end
  end

  local function list(one)
    text(one.text)
    line("---@alias ", one.name)
    for _, value in ipairs(one.values) do line('---| "', value.value, '" # ', inLine(value.text)) end
    line ""
  end

  --- The methods of a group of Kubernetes' own.
  local function group(one)
    line(("---@class moonpool.%s%sApi: moonpool.Api"):format(one.class, one.version:gsub("^v", "V")))
    local names = api.namesIn(one)
    table.sort(names)
    for _, name in ipairs(names) do
      local described = api.describeIn(one, name)
      local arguments = {}
      for _, argument in ipairs(described.arguments) do arguments[#arguments + 1] = ("%s: %s"):format(argument, typeOf[argument]) end
      arguments[#arguments + 1] = ("options: %s?"):format(request.optionsClass(described.verb))
      line(("---@field %s fun(%s): %s"):format(name, table.concat(arguments, ", "),
        resultOf[described.verb] or "table?, moonpool.Error?"))
    end
    line ""
  end

  line "---@meta moonpool"
  line "-- What `require \"moonpool\"` gives, for editors (LuaLS). Made from the code by `make reference`: do not edit.\n"
  for _, subject in ipairs(subjects) do
    for _, name in ipairs(subject.classes or {}) do
      if model.classes[name] then class(model.classes[name]) elseif model.lists[name] then list(model.lists[name]) end
    end
  end
  for _, one in ipairs(kinds.groups) do group(one) end
  line "--- In the program: a manager over the contexts that --context selects, made when it is first used."
  line "---@type moonpool.ConnectionManager\nclusters = nil\n"
  line "--- At the prompt: a client of `clusters`."
  line "---@type moonpool.KubernetesClient\nclient = nil\n"
  line "return moonpool"
  return table.concat(out, "\n") .. "\n"
end
