-- reference_data.lua: the model as a Lua table, for help().

local function serialize(out, value, indent)
  if type(value) ~= "table" then
    out[#out + 1] = type(value) == "string" and ("%q"):format(value):gsub("\\\n", "\\n") or tostring(value)
    return
  end
  local inner = indent .. " "
  out[#out + 1] = "{"
  for _, item in ipairs(value) do
    out[#out + 1] = "\n" .. inner
    serialize(out, item, inner)
    out[#out + 1] = ","
  end
  local keys = {}
  for key in pairs(value) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    out[#out + 1] = ("%s[%q]="):format(#value > 0 and "" or "\n" .. inner, key)
    serialize(out, value[key], inner)
    out[#out + 1] = ","
  end
  out[#out + 1] = "}"
end

return function(model)
  local out = { "-- reference.lua: what help() says. Made from the code by `make reference`: do not edit.\n",
    "-- luacheck: ignore 631\nreturn " }
  local classes, lists = {}, {}
  for name, class in pairs(model.classes) do
    classes[name] = { word = class.word, text = class.text, parents = class.parents, isOptions = class.isOptions or nil,
      fields = class.fields, functions = class.functions,
      otherDefaults = #class.otherDefaults > 0 and class.otherDefaults or nil }
  end
  for name, list in pairs(model.lists) do lists[name] = { text = list.text, values = list.values } end
  serialize(out, { classes = classes, lists = lists }, "")
  out[#out + 1] = "\n"
  return table.concat(out)
end
