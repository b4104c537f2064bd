-- init.lua: the subcommand `moonpool completion`: prints what a shell needs (shells.lua), and answers what that asks:
--
--   moonpool completion words WORD...      each that may stand for the last one: "VALUE<tab>what it is"
--   moonpool completion line BREAKS LINE   what bash is to insert at the end of a line
--
-- The first line of an answer is "files" where files fit as well. An answer is quick, and empty where something is wrong: somebody is
-- typing.
local arguments = require "moonpool.arguments"

local function answer(words, write)
  local found, all = pcall(require("moonpool.completion.candidates").find, words)
  if not found then all = { files = true } end
  print(all.files and "files" or "")
  write(all)
end

local answers = {}

function answers.words(...)
  answer({ ... }, function(all)
    for _, one in ipairs(all) do
      if not one.value:find "[%c]" then print(one.value .. "\t" .. one.text) end
    end
  end)
end

function answers.line(breaks, text)
  local line = require "moonpool.completion.line"
  local words = line.split(text or "")
  answer(table.move(words, 2, #words, 1, {}), function(all)
    local values = {}
    for _, one in ipairs(all) do
      if not one.value:find "[%c]" then values[#values + 1] = one.value end
    end
    for _, insertion in ipairs(line.insertions(text or "", breaks, values)) do print(insertion) end
  end)
end

---@param what string?
---@param ... string
---@return integer exitCode
return function(what, ...)
  if what and answers[what] then
    answers[what](...)
    return 0
  end
  local parser = arguments.parser("moonpool completion", "Prints what a shell needs to complete command lines of moonpool. An installed "
    .. "moonpool brings it along; else: bash: eval \"$(moonpool completion bash)\" in ~/.bashrc, zsh: source <(moonpool completion zsh) "
    .. "in ~/.zshrc after compinit, fish: moonpool completion fish | source in ~/.config/fish/config.fish.")
  parser:argument("shell", "bash, zsh or fish."):argname("SHELL"):convert(arguments.convert.oneOf { "bash", "zsh", "fish" })
  io.write(require("moonpool.completion.shells")[parser:parse({ what, ... }).shell])
  return 0
end
