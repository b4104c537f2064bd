-- candidates.lua: what may stand at the end of a command line of the program: options, subcommands, shipped scripts, and values:
-- contexts out of the kubeconfig, strategies, words that an option takes, files. Reads files, and never asks a cluster.
local core = require "moonpool.core"
local config = require "moonpool.config"

local candidates = {}

---@class moonpool.Candidates
---@field files boolean files fit as well: shells know them better
---@field [integer] { value: string, text: string }

local TEXT_WIDTH = 70

--- What an option does, in a few words.
local function brief(text)
  text = (text or ""):gsub("%s+", " "):gsub("%. .*$", ""):gsub("%.$", "")
  if utf8.len(text) and utf8.len(text) > TEXT_WIDTH then text = text:sub(1, utf8.offset(text, TEXT_WIDTH - 2) - 1) .. "..." end
  return text
end

-- ---------------------------------------------------------------------------------------------------- values

local values = {} ---@type table<string, fun(state: table, add: fun(value: string, text: string?))>

--- As a shell would have replaced it, had the line been run.
local function expand(path)
  local home = os.getenv "HOME" or ""
  return (path:gsub("^~/", home .. "/"):gsub("^%$HOME/", home .. "/"):gsub("^%${HOME}/", home .. "/"))
end

function values.context(state, add)
  local given = {}
  for _, name in ipairs { "config", "kubeconfig" } do given[name] = state.given[name] and expand(state.given[name]) end
  local negation = state.word:sub(1, 1) == "^" and "^" or ""
  local settings = config.load(given)
  for _, name in ipairs(config.groupNames()) do add(negation .. name, "a group") end
  local kubeConfig, path = core.KubeConfig(), settings and config.kubeConfigPath(settings)
  local ok
  if path then ok = kubeConfig:loadFromFile(path) else ok = kubeConfig:loadFromDefault() end
  if not ok then return end
  for _, context in ipairs(kubeConfig:getContexts()) do add(negation .. context.name, context.cluster) end
end

function values.strategy(_, add)
  for _, name in ipairs(require("moonpool.strategies").names()) do add(name) end
end

function values.file(state) state.found.files = true end

--- What may follow "--" alone.
function values.command(state) state.found.files = state.onlyPositionals or false end

function values.subcommandOrFile(state, add)
  for _, one in ipairs(core.describeProgram().subcommands) do add(one.name, brief(one.text)) end
  state.found.files = true
end

function values.script(_, add)
  for _, one in ipairs(require "moonpool.scripts") do add(one.name, brief(one.summary)) end
end

--- What fits where a value of an option or a positional is expected.
local function addValues(state, subject, prefix)
  local function add(value, text) state.found[#state.found + 1] = { value = prefix .. value, text = text or "" } end
  for _, word in ipairs(subject.words or {}) do add(word) end
  if subject.kind and values[subject.kind] then values[subject.kind](state, add) end
end

-- ---------------------------------------------------------------------------------------------------- where the line is

--- The command line of the program, of a subcommand, or of a shipped script: what may follow. enter(word): the command line that
--- goes on after a positional, if that is another one.
local function programLine()
  local line = { options = core.describeProgram().options, positionals = { { kind = "subcommandOrFile" } } }
  local subcommands = {}
  for _, one in ipairs(core.describeProgram().subcommands) do subcommands[one.name] = true end
  function line.enter(word)
    local cli = require "moonpool.cli"
    if word == "run" then
      return { options = {}, positionals = { { kind = "script" } }, enter = function(name) return cli.describe("run", name) end }
    end
    if word == "sim" then
      return { options = cli.describe(word).options, positionals = { { kind = "command", repeats = true } } }
    end
    return subcommands[word] and cli.describe(word) or { options = {}, positionals = { { kind = "file", repeats = true } } }
  end
  return line
end

local function findOption(line, letter, name)
  for _, option in ipairs(line.options) do
    if (name and option.name == name) or (letter and option.letter == letter) then return option end
  end
end

--- Takes in a word that is complete.
local function take(state, word)
  local line = state.line
  if state.expecting then
    state.given[state.expecting.name or state.expecting.letter] = word
    state.expecting = nil
  elseif word == "--" and not state.onlyPositionals then
    state.onlyPositionals = true
  elseif word:find "^%-." and not state.onlyPositionals then
    local name, value = word:match "^%-%-([^=]+)=?(.*)$"
    local letter, rest = word:match "^%-([^-])(.*)$"
    local option = findOption(line, letter, name)
    if not option then return end
    local glued = name and word:find("=", 1, true) or letter and rest ~= ""
    state.used[option] = true
    if not option.argument then return end
    if glued then state.given[option.name or option.letter] = name and value or rest else state.expecting = option end
  else
    local next = line.enter and line.enter(word)
    if next then
      state.line, state.position, state.onlyPositionals = next, 1, false
    else
      state.position = state.position + 1
    end
  end
end

local function addOptions(state)
  for _, option in ipairs(state.line.options) do
    if option.repeats or not state.used[option] then
      local spelling = option.name and "--" .. option.name or "-" .. option.letter
      state.found[#state.found + 1] = { value = spelling, text = brief(option.text) }
    end
  end
end

--- What may stand where the last of the words is, whatever that begins with.
---@param words string[] after the program's name; the last is the one that is being typed, "" at its beginning
---@return moonpool.Candidates
function candidates.find(words)
  local word = words[#words] or ""
  local state = { line = programLine(), position = 1, given = {}, used = {}, word = word, found = { files = false } }
  for index = 1, #words - 1 do take(state, words[index]) end
  local name, value = word:match "^%-%-([^=]+)=(.*)$"
  if state.expecting then
    addValues(state, state.expecting, "")
  elseif name and not state.onlyPositionals then
    local option = findOption(state.line, nil, name)
    state.word = value
    if option and option.argument then addValues(state, option, "--" .. name .. "=") end
  elseif word:find "^%-" and not state.onlyPositionals then
    addOptions(state)
  else
    local positionals = state.line.positionals
    local last = positionals[#positionals]
    local subject = positionals[state.position] or last and last.repeats and last
    if subject then addValues(state, subject, "") end
  end
  return state.found
end

return candidates
