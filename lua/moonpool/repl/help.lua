-- help.lua: help(x): what a value is, what it has, and how API methods and verbs on kinds are called.
local api = require "moonpool.api"
local check = require "moonpool.check"
local complete = require "moonpool.repl.complete"
local kinds = require "moonpool.kinds"
local request = require "moonpool.request"
local show = require "moonpool.repl.show"

local help = {}

local about = {
  ["moonpool.ConnectionManager"] = "Several clusters behind one. Methods are called with a colon: clusters:getStats().",
  ["moonpool.KubernetesClient"] = "A client: API groups as fields (client.core, client.apps), kinds in client.resources,\n"
    .. 'any group by its name (client["example.com"]). Its own methods are called with a colon: client:info().',
  ["moonpool.Api"] = "Methods named <verb>[Namespaced]<Kind>[ForAllNamespaces][<Subresource>], called with a dot; their arguments\n"
    .. "in the order name, namespace, body, and options last in a table. A failed call returns nil and an error.\n"
    .. 'help("readNamespacedPod") says more of one.',
  ["moonpool.Resources"] = "Kinds by any of their names: client.resources.pods, .po, .deployment, [\"widgets.example.com\"].",
  ["moonpool.Resource"] = "The verbs on a kind, called with a dot: list(options), get(name, options), create(object),\n"
    .. "replace(object), patch(name, patch), apply(object), delete(name), wait(name, condition),\n"
    .. "for object in each(options), for event in watch(options).",
}

local function sorted(names)
  local seen, list = {}, {}
  for _, name in ipairs(names) do
    if not seen[name] then
      seen[name] = true
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

-- In lines of words.
local function filled(words, width)
  local lines, line = {}, "  "
  for _, word in ipairs(words) do
    if #line + #word + 2 > width and line ~= "  " then
      lines[#lines + 1] = line
      line = "  "
    end
    line = line .. (line == "  " and "" or "  ") .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

--- A method of the API by its name.
local function method(name)
  for _, group in ipairs(kinds.groups) do
    local described = api.describeIn(group, name)
    if described and described.entry then
      local arguments = { table.unpack(described.arguments) }
      arguments[#arguments + 1] = "options"
      return ("client.%s.%s(%s)\n%s of %s, %s\noptions:\n%s"):format(group.alias, name, table.concat(arguments, ", "), described.verb,
        described.entry.kind, kinds.apiVersion(described.entry), filled(check.keys(request.knownOptions[described.verb]), 80))
    end
  end
end

--- What is to be said of a value, or of the name of a method or a command.
---@param what any
---@return string
function help.text(what)
  if what == nil then return require("moonpool.repl.commands").help() end
  if type(what) == "string" then
    local text = method(what)
    if text then return text end
    local entry = kinds.named(what)
    if not entry then return show.cleanLines(('no method or kind "%s" is known here; help(x) says what a value has'):format(what)) end
    return ("%s (%s, %s%s)\nclient.resources.%s, client.%s.list%s%s"):format(entry.kind, kinds.apiVersion(entry),
      entry.namespaced and "namespaced" or "not namespaced",
      #entry.shortNames > 0 and ", short: " .. table.concat(entry.shortNames, ", ") or "", entry.plural,
      kinds.byGroupName[entry.group].alias, entry.namespaced and "Namespaced" or "", entry.kind)
  end
  local meta = getmetatable(what)
  local name = type(meta) == "table" and type(meta.__name) == "string" and meta.__name or nil
  local lines = { name or type(what), name and about[name] }
  local fields = sorted(complete.fieldsOf(what))
  if #fields > 0 then lines[#lines + 1] = filled(fields, 100) end
  return show.cleanLines(table.concat(lines, "\n"))
end

return help
