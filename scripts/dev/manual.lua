-- manual.lua: writes the manual page (docs/moonpool.1), out of what the program itself goes by: its options, subcommands and exit codes
-- (core/cli/options.c), the command lines of subcommands and shipped scripts, the keys of moonpool.yaml and the variables
-- (lua/moonpool/config.lua). With --check it writes nothing, and fails where the page is not what it would write. Runs in the program:
-- moonpool scripts/dev/manual.lua [--check]
local core = require "moonpool.core"
local cli = require "moonpool.cli"
local config = require "moonpool.config"

local PATH = "docs/moonpool.1"

local program = core.describeProgram()
local page = {}

local function write(line) page[#page + 1] = line:gsub(" +$", "") .. "\n" end

--- The day of the newest release that the changelog tells of.
local function releaseDate()
  for text in io.lines "CHANGELOG.md" do
    local date = text:match "^## %S+ %- (%d%d%d%d%-%d%d%-%d%d)$"
    if date then return date end
  end
  error "CHANGELOG.md: no line is '## VERSION - YYYY-MM-DD'"
end

-- ---------------------------------------------------------------------------------------------------- roff

local ROFF = { ["\\"] = "\\e", ["-"] = "\\-", ["'"] = "\\(aq", ["`"] = "\\(ga", ["~"] = "\\(ti", ["^"] = "\\(ha" }
local WIDTH = 78

local function escape(text) return (text:gsub("[\\'`~^-]", ROFF)) end

--- A text as roff wants it, where a sentence ends its line; `code` of it in bold.
local function paragraph(text)
  local line = ""
  local function flush()
    if line ~= "" then write((line:gsub("^%.", "\\&."))) end
    line = ""
  end
  for word in escape(text):gsub("\\%(ga(.-)\\%(ga", "\\fB%1\\fP"):gmatch "%S+" do
    if line ~= "" and #line + 1 + #word > WIDTH then flush() end
    line = line == "" and word or line .. " " .. word
    if word:find "[.?!]$" then flush() end
  end
  flush()
end

--- A text of several lines: those that are indented stay as they are.
local function lines(text)
  local plain, keeps = {}, false
  local function flush()
    paragraph(table.concat(plain, " "))
    plain = {}
  end
  for line in text:gmatch "[^\n]+" do
    local isKept = line:find "^%s" ~= nil
    if isKept ~= keeps then
      flush()
      write(isKept and ".PP\n.nf" or ".fi\n.PP")
    end
    keeps = isKept
    if isKept then write(escape(line)) else plain[#plain + 1] = line end
  end
  flush()
  if keeps then write ".fi" end
end

local function section(title) write(".SH " .. title:upper()) end

local function bold(text) return "\\fB" .. escape(text) .. "\\fP" end
local function italic(text) return "\\fI" .. escape(text) .. "\\fP" end

local function entry(title, text)
  write ".TP"
  write(title)
  paragraph(text)
end

--- As a sentence. One that begins with a word that is to be typed (`words` has it) keeps that as it is.
local function sentence(text, words)
  local first = text:match "^%w+"
  for _, word in ipairs(words or {}) do
    if word == first then first = nil end
  end
  if first then text = text:gsub("^%l", string.upper) end
  return text:find "[.?!:)]$" and text or text .. "."
end

-- ---------------------------------------------------------------------------------------------------- command lines

local function optionTitle(option)
  local spellings = {}
  if option.letter then spellings[1] = bold("-" .. option.letter) end
  if option.name then spellings[#spellings + 1] = bold("--" .. option.name) end
  return table.concat(spellings, ", ") .. (option.argument and " " .. italic(option.argument) or "")
end

local function optionEntry(option)
  local default = option.default and not option.text:find "[Dd]efault" and (" Default: %s."):format(option.default)
  entry(optionTitle(option), sentence(option.text, option.words) .. (default or ""))
end

--- "PATH [-e CODE]": what is to be typed as it is in bold, what stands for something else in italics.
local function usage(text)
  return (text:gsub("%-*%a+", function(word) return (word:find "^%-" and bold or italic)(word) end))
end

local function synopsisOf(commandLine)
  if commandLine.usage then return usage(commandLine.usage) end
  local words = {} -- one option is --help
  if #commandLine.options > 1 then words[1] = "[" .. italic "options" .. "]" end
  for _, one in ipairs(commandLine.positionals) do
    local text = italic(one.argument) .. (one.repeats and " ..." or "")
    words[#words + 1] = one.optional and "[" .. text .. "]" or text
  end
  return table.concat(words, " ")
end

local scripts = {}
for index, one in ipairs(require "moonpool.scripts") do
  scripts[index] = { name = one.name, commandLine = assert(cli.describe("run", one.name)) }
end

--- The options that all scripts have alike.
local function common()
  local counts, shared = {}, {}
  local function keyOf(option) return (option.name or option.letter) .. "\n" .. option.text end
  for _, script in ipairs(scripts) do
    for _, option in ipairs(script.commandLine.options) do counts[keyOf(option)] = (counts[keyOf(option)] or 0) + 1 end
  end
  for _, option in ipairs(scripts[1].commandLine.options) do shared[#shared + 1] = counts[keyOf(option)] == #scripts and option or nil end
  return shared, function(option) return counts[keyOf(option)] == #scripts end
end

-- ---------------------------------------------------------------------------------------------------- the page

write '.\\" Made by scripts/dev/manual.lua; do not edit.'
write((".TH MOONPOOL 1 %s \"moonpool %s\" \"User Commands\""):format(releaseDate(), core.version))
section "Name"
write "moonpool \\- work on many Kubernetes clusters from Lua, over pools of live connections"
section "Synopsis"
write(".B moonpool")
write("[\\fIoptions\\fP] [\\fIscript\\fP [\\fIargument\\fP ...]]")
for _, one in ipairs(program.subcommands) do
  write ".br"
  write(".B moonpool " .. escape(one.name))
  if one.arguments ~= "" then write(usage(one.arguments)) end
end
section "Description"
paragraph("moonpool runs Lua scripts that work on Kubernetes clusters. It keeps pools of live connections to their API servers, watches "
  .. "their health on threads of its own, and chooses the cluster for each request. Scripts see it as one module, `moonpool`.")
write ".PP"
paragraph("Without a script it is a prompt, where standard input is a terminal; else the script comes from standard input, as it does "
  .. "for the script -. Options end at the script, or at --.")
section "Options"
for _, option in ipairs(program.options) do optionEntry(option) end

section "Commands"
for _, one in ipairs(program.subcommands) do
  local commandLine = assert(cli.describe(one.name), one.name)
  write((".SS moonpool %s %s"):format(escape(one.name), synopsisOf(commandLine)))
  paragraph(sentence(commandLine.text))
  for _, positional in ipairs(commandLine.positionals) do
    if positional.text then entry(italic(positional.argument), sentence(positional.text, positional.words)) end
  end
  for _, option in ipairs(commandLine.options) do
    if option.name ~= "help" then optionEntry(option) end
  end
  if commandLine.epilog then
    write ".PP"
    lines(commandLine.epilog)
  end
end

section "Scripts"
paragraph "These come with moonpool, and are run by `moonpool run`. All of them take:"
local shared, isShared = common()
for _, option in ipairs(shared) do optionEntry(option) end
for _, script in ipairs(scripts) do
  write((".SS moonpool run %s %s"):format(escape(script.name), synopsisOf(script.commandLine)))
  paragraph(script.commandLine.text)
  for _, positional in ipairs(script.commandLine.positionals) do
    entry(italic(positional.argument), sentence(positional.text, positional.words))
  end
  for _, option in ipairs(script.commandLine.options) do
    if not isShared(option) then optionEntry(option) end
  end
end

local function textOf(value) return type(value) == "number" and ("%.14g"):format(value) or tostring(value) end

section "Configuration"
paragraph("moonpool.yaml may hold what follows. Where a value is given several times, the option goes before the variable, the variable "
  .. "before the file, and the file before the default. A key that is not known is an error.")
for _, key in ipairs(config.keys) do
  local more = {}
  if key.default ~= nil then more[#more + 1] = (" Default: %s."):format(textOf(key.default)) end
  if key.option then more[#more + 1] = (" Option: --%s."):format(key.option) end
  if key.variable then more[#more + 1] = (" Variable: %s."):format(key.variable) end
  entry(("%s (%s)"):format(bold(key.name), escape(key.means)), sentence(key.text) .. table.concat(more))
end

section "Environment"
for _, key in ipairs(config.keys) do
  if key.variable then entry(bold(key.variable), ("In place of the key `%s`."):format(key.name)) end
end
for _, variable in ipairs(config.variables) do entry(bold(variable.name), sentence(variable.text)) end

section "Files"
entry(italic "~/.config/moonpool/moonpool.yaml", "The configuration.")
entry(italic "~/.local/state/moonpool/history", "What was typed at the prompt; without secrets.")
entry(italic "~/.editrc", "Keys of the prompt, see editrc(5).")

section "Exit status"
for _, one in ipairs(program.exitCodes) do entry(bold(tostring(one.code)), sentence(one.text)) end

section "See also"
paragraph "lua(1), kubectl(1). `help()` and `:help` at the prompt."

-- ---------------------------------------------------------------------------------------------------- out

local text = table.concat(page)
if arg[1] == "--check" then
  local file <close> = io.open(PATH)
  if not file or file:read "a" ~= text then
    io.stderr:write(PATH, " is not up to date: make reference\n")
    os.exit(1)
  end
else
  local file <close> = assert(io.open(PATH, "w"))
  assert(file:write(text))
end
