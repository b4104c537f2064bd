-- reference_markdown.lua: the reference as Markdown, for people.
local commands = require "moonpool.repl.commands"
local config = require "moonpool.config"
local core = require "moonpool.core"

--- What links to headings look like; the second one of a name gets a number.
local function anchorsOf(subjects, model)
  local count, anchors = {}, {}
  local function add(key, title)
    local anchor = title:lower():gsub("[^%w%-_ ]", ""):gsub(" ", "-")
    anchors[key] = "#" .. anchor .. (count[anchor] and "-" .. count[anchor] or "")
    count[anchor] = (count[anchor] or 0) + 1
  end
  add("title", "Reference")
  for _, subject in ipairs(subjects) do
    local there = {}
    for _, name in ipairs(subject.classes or {}) do
      if model.classes[name] or model.lists[name] then there[#there + 1] = name end
    end
    if #there > 0 or subject.name then add(subject.title, subject.title) end
    for _, name in ipairs(there) do add(name, (name:gsub("^moonpool%.", ""))) end
  end
  return anchors
end

local function cell(text) return (text:gsub("|", "\\|"):gsub("\n+", " ")) end

local function code(text) return "`" .. text .. "`" end

--- Text in which "<" is none of HTML's.
local function prose(text)
  local out, fenced = {}, false
  for part, mark in (text .. "`"):gmatch "([^`]*)(`)" do
    out[#out + 1] = (fenced and part or part:gsub("<", "&lt;")) .. mark
    fenced = not fenced
  end
  return table.concat(out):sub(1, -2)
end

--- The name of a class without "moonpool.", as headings have it.
local function short(name) return (name:gsub("^moonpool%.", "")) end

return function(model, subjects, program, readable)
  local out, anchors = {}, anchorsOf(subjects, model)
  local function line(...) out[#out + 1] = table.concat { ... } end
  local function paragraph(text)
    if text ~= "" then line(prose(text), "\n") end
  end

  --- A type, with links to the classes in it.
  local function type(text)
    local first = text:match "moonpool%.[%w_%.]*%w"
    local links = {}
    for name in text:gmatch "moonpool%.[%w_%.]*%w" do
      if (model.classes[name] or model.lists[name]) and not links[name] then
        links[name] = true
        links[#links + 1] = ("[%s](%s)"):format(short(name), anchors[name])
      end
    end
    if first and #links == 1 and text:gsub("%?$", "") == first then return links[1] .. (text:find "%?$" and "?" or "") end
    return code(text) .. (#links > 0 and " (" .. table.concat(links, ", ") .. ")" or "")
  end

  local function fields(class)
    local hasDefaults, hasTexts = false, false
    for _, field in ipairs(class.fields) do
      hasDefaults = hasDefaults or field.default ~= nil
      hasTexts = hasTexts or field.text ~= ""
    end
    if #class.fields == 0 then return end -- all of them its parents'
    local what = class.isOptions and "option" or "field"
    line("| ", what, " | type |", hasDefaults and " default |" or "", hasTexts and " |" or "")
    line("|---|---|", hasDefaults and "---|" or "", hasTexts and "---|" or "")
    for _, field in ipairs(class.fields) do
      local kind = type(class.isOptions and field.type:gsub("%?$", "") or field.type)
      local default = field.default or ""
      line("| ", code(field.name), " | ", cell(kind), " |", hasDefaults and (" %s |"):format(default) or "",
        hasTexts and (" %s |"):format(cell(prose(field.text))) or "")
    end
    line ""
  end

  local function fn(one)
    line("**`", one.call, "`**\n")
    paragraph(one.text)
    for _, parameter in ipairs(one.parameters) do
      line("- `", parameter.name, "` ", type(parameter.type), parameter.text ~= "" and ": " .. prose(parameter.text) or "")
    end
    for index, value in ipairs(one.returns) do
      line("- ", index == 1 and "returns " or "and ", value.name and "`" .. value.name .. "` " or "", type(value.type),
        value.text ~= "" and ": " .. prose(value.text) or "")
    end
    line ""
  end

  local function class(one)
    line("### ", short(one.name), "\n")
    paragraph(one.text)
    local parents = {}
    for _, parent in ipairs(one.parents) do
      if model.classes[parent] then parents[#parents + 1] = ("[%s](%s)"):format(short(parent), anchors[parent]) end
    end
    local alone = #one.fields == 0
    if #parents > 0 then line(alone and "Those of " or "With those of ", table.concat(parents, " and "), alone and ".\n" or ":\n") end
    fields(one)
    for _, each in ipairs(one.otherDefaults) do
      line("`", each.name, "` that is not given is ", each.default, " here.\n")
    end
    for _, each in ipairs(one.functions) do fn(each) end
  end

  local function list(one)
    line("### ", short(one.name), "\n")
    paragraph(one.text)
    local rows = {}
    for _, value in ipairs(one.values) do
      local arguments, rest = value.text:match "^(%b()) ?(.*)$"
      rows[#rows + 1] = { value.value, arguments or "", arguments and rest or value.text }
    end
    local called = one.name:find "Event$"
    line(called and "| event | handler gets | |\n|---|---|---|" or "| kind | |\n|---|---|")
    for _, row in ipairs(rows) do
      line("| ", code(row[1]), " | ", called and (row[2] ~= "" and code(row[2]) or "") .. " | " or "", cell(prose(row[3])), " |")
    end
    line ""
  end

  local special = {}

  function special.prompt()
    line "`moonpool` on a terminal, or `moonpool attach PATH`. Lines that begin with `:` are commands; everything else is Lua.\n"
    line "| command | |\n|---|---|"
    for _, row in ipairs(commands.rows()) do line("| ", code(row.usage), " | ", prose(row.text), " |") end
    line "\n| name | |\n|---|---|"
    for _, row in ipairs(commands.globals) do line("| ", code(row[1]), " | ", prose(row[2]), " |") end
    line ""
  end

  local function helpOf(subcommand)
    local pipe <close> = assert(io.popen(("'%s' %s --help"):format(program, subcommand)))
    return (pipe:read "a":gsub("%s+$", ""))
  end

  function special.program()
    local described = core.describeProgram()
    line "`moonpool [options] [script [arguments]]`, or one of the subcommands. In scripts, `clusters` is a manager over the contexts that"
    line "are selected, and `arg` has the arguments.\n"
    line "| option | |\n|---|---|"
    for _, option in ipairs(described.options) do
      local names = { option.letter and "-" .. option.letter }
      names[#names + 1] = option.name and "--" .. option.name
      local called = table.concat(names, ", ") .. (option.argument and " " .. option.argument or "")
      line("| ", code(called), " | ", cell(prose(option.text)), " |")
    end
    line "\n| subcommand | |\n|---|---|"
    for _, one in ipairs(described.subcommands) do
      line("| ", code((one.name .. " " .. (one.arguments or "")):gsub("%s+$", "")), " | ", prose(one.text), " |")
    end
    line "\n| exit code | |\n|---|---|"
    for _, one in ipairs(described.exitCodes) do line("| ", tostring(one.code), " | ", prose(one.text), " |") end
    line ""
    for _, one in ipairs { "sim", "doctor" } do line("### moonpool ", one, "\n\n```\n", helpOf(one), "\n```\n") end
  end

  function special.configuration()
    line "The file `moonpool.yaml` in `$XDG_CONFIG_HOME/moonpool` (`~/.config/moonpool`), or the one that `--config` or `$MOONPOOL_CONFIG`"
    line "names. An option goes before a variable, a variable before the file, the file before the default.\n"
    line "| key | value | default | |\n|---|---|---|---|"
    for _, key in ipairs(config.keys) do
      local others = {}
      if key.option then others[1] = code("--" .. key.option) end
      if key.variable then others[#others + 1] = code("$" .. key.variable) end
      local default = key.default ~= nil and readable(key.default, key.type) or ""
      line("| ", code(key.name), " | ", cell(key.means), " | ", default, " | ", cell(prose(key.text)), #others > 0
        and ". Also " .. table.concat(others, ", ") or "", " |")
    end
    line "\n| variable | |\n|---|---|"
    for _, variable in ipairs(config.variables) do line("| ", code(variable.name), " | ", cell(prose(variable.text)), " |") end
    line ""
  end

  line "# Reference\n"
  line "Made from the code by `make reference`: do not edit. Times are in milliseconds where nothing else is said. `?` after a type: it may"
  line "be nil. The same texts come at the prompt: `help(clusters.addCluster)`, `help \"acquireTimeout\"`.\n"
  for _, subject in ipairs(subjects) do
    local has = subject.name ~= nil
    for _, name in ipairs(subject.classes or {}) do has = has or model.classes[name] ~= nil end
    if has then line("- [", subject.title, "](", anchors[subject.title], ")") end
  end
  line ""
  for _, subject in ipairs(subjects) do
    local parts = {}
    for _, name in ipairs(subject.classes or {}) do parts[#parts + 1] = model.classes[name] or model.lists[name] end
    if #parts > 0 or subject.name then
      line("## ", subject.title, "\n")
      paragraph(subject.text or "")
      for _, part in ipairs(parts) do
        if part.values then list(part) else class(part) end
      end
      if subject.name then special[subject.name]() end
    end
  end
  return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("%s+$", "") .. "\n")
end
