-- documents.lua: runs what documents tell their readers to type: the fenced blocks of Markdown, and the commands in the head
-- comments of shipped scripts (what those of the examples say are patterns of usage, and spec/examples_spec.lua runs them). A
-- document's blocks run from top to bottom in a folder of their own, as somebody would type them who follows it:
--
--   sh       each command, in one shell session per document; it has to end with 0, or with the code that its comment names ("exit code 1
--            when ..."). One whose comment says "until Ctrl-C" runs beside the others, in another terminal as it were, until the end.
--   lua      the first line "-- name.lua: ..." makes it that file, which a later command has to use; any other is run at once, by
--            `moonpool --context 'prod-*'`, with the names that pieces of scripts take for granted (see spec/support/fragment.lua)
--   console  "$ moonpool ..." and lines that are typed at its prompt, "> ..."; other lines have to be on the screen after that
--   c        the first line "/* name.c: ... */" makes it that file, for a later command; any other is compiled and run
--   yaml, json   the first line "# path: ..." makes it that file; any is read
--   text     what the command before has written
--
-- Where "..." stands in a line of text or of a console's answer, anything may be.
local core = require "moonpool.core"
local process = require "spec.support.process"
local program = require "spec.support.program"
local terminal = require "spec.support.terminal"

local documents = {}

--- Commands that CI runs by itself, or that are no concern of the document's.
local ELSEWHERE = {
  { "^make ", "CI's own steps" },
  { "^sudo ", "changes the machine: CI's own step for the package" },
  { "^git clone ", "where the reader got this from" },
}

---@class spec.Block
---@field language string
---@field lines string[]
---@field line integer where it begins

local function linesOf(text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n?" do lines[#lines + 1] = line end
  return lines
end

--- The fenced blocks of a Markdown text.
---@param text string
---@return spec.Block[]
function documents.fenced(text)
  local blocks, block, indent = {}, nil, ""
  for number, line in ipairs(linesOf(text)) do
    local before, language = line:match "^(%s*)```(%S*)"
    if before and not block then
      indent, block = before, { language = language, lines = {}, line = number + 1 }
    elseif before then
      blocks[#blocks + 1] = block
      block = nil
    elseif block then
      block.lines[#block.lines + 1] = line:sub(1, #indent):find "%S" and line or line:sub(#indent + 1)
    end
  end
  assert(not block, "a fence is not closed")
  return blocks
end

--- The commands that a script's head comment shows.
---@param text string
---@return spec.Block[]
function documents.commands(text)
  local block = { language = "sh", lines = {}, line = 1 }
  for line in text:gmatch "([^\n]*)\n" do
    if line:sub(1, 2) ~= "--" and line:sub(1, 2) ~= "#!" then break end
    local command = line:match "^%-%-%s%s%s+([%w=/_ ]*moonpool .*)"
    if command then block.lines[#block.lines + 1] = command end
  end
  return #block.lines > 0 and { block } or {}
end

-- ---------------------------------------------------------------------------------------------------- a document's place

---@class spec.Document
---@field folder string
---@field said string what the last command wrote
---@field unused table<string, boolean> files that no command has used yet
---@field background { command: string, process: table }[] see process.start
local Document = {}
Document.__index = Document

local function readAll(path) return process.readAll(path) or error("cannot read " .. path, 2) end

local function writeAll(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

local build = program.path:match "^(.*)/[^/]*$"

--- A place for one document: a home with a kubeconfig, the program on the PATH, and the folders that documents speak of.
---@param kubeconfig string a file
---@return spec.Document
function documents.open(kubeconfig)
  local here = program.shell("pwd").out:gsub("\n", "")
  if not build:find "^/" then build = here .. "/" .. build end
  local base = program.shell("mktemp -d").out:gsub("\n", "")
  local self = setmetatable({ base = base, folder = base .. "/work", said = "", unused = {}, background = {} }, Document)
  assert(program.shell(([[
    cd %s && mkdir -p work home/.kube bin pkgconfig && cp %s home/.kube/config && ln -s %s/moonpool bin/moonpool && ln -s %s work/build
    for name in examples scripts docs core spec; do [ ! -e %s/$name ] || ln -s %s/$name work/$name; done]]):format(base, quote(kubeconfig),
      build, build, here, here)).code == 0)
  local pc = readAll("core/moonpool.pc.in"):gsub("@PREFIX@", build):gsub("@VERSION@", core.version)
    :gsub("\nincludedir=[^\n]*", "\nincludedir=" .. here .. "/core")
  writeAll(base .. "/pkgconfig/moonpool.pc", pc)
  writeAll(base .. "/session", ([[
cd %s; export HOME=%s/home PATH=%s/bin:$PATH PKG_CONFIG_PATH=%s/pkgconfig LD_LIBRARY_PATH=%s/lib LUA_CPATH='%s/lib/?.so;;'
unset KUBECONFIG XDG_CONFIG_HOME XDG_STATE_HOME
]]):format(self.folder, base, base, base, build, build))
  return self
end

--- Runs a command in the document's session: what it exports, and where it goes, holds for the next ones. (The specs' own
--- MOONPOOL_CONFIG would hide the configuration that documents write.)
function Document:shell(command)
  local session = self.base .. "/session"
  return program.shell("timeout -k 2 30 bash -c " .. quote((
    "unset MOONPOOL_CONFIG; . %s\n%s\ncode=$?\n{ export -p; echo cd \"$PWD\"; } > %s\nexit $code"):format(
    session, command, session)))
end

local function check(result, wanted, command)
  if result.code == wanted then return end
  error(("%s\nended with %d, not with %d:\n%s%s"):format(command, result.code, wanted, result.out, result.err), 0)
end

function Document:inBackground(command)
  local one = process.start(("bash -c %s"):format(quote(("unset MOONPOOL_CONFIG; . %s/session; exec %s"):format(self.base, command))))
  self.background[#self.background + 1] = { command = command, process = one }
  process.waitUntil(function() return one:text() ~= "" or not process.running(one.pid) end, command)
  assert(process.running(one.pid), command .. "\nended:\n" .. one:text())
  self.said = one:text()
end

--- Marks the files that a command speaks of as used.
function Document:uses(command)
  for name in pairs(self.unused) do
    local stem = name:gsub("%.%w+$", "")
    if command:find(name, 1, true) or command:find(stem, 1, true) then self.unused[name] = nil end
  end
end

function Document:command(command)
  for _, one in ipairs(ELSEWHERE) do
    if command:find(one[1]) then return end
  end
  local comment = command:match "%s#%s(.*)$" or ""
  self:uses(command)
  if comment:find "until Ctrl%-C" then return self:inBackground((command:gsub("%s+#%s.*$", ""))) end
  local result = self:shell(command)
  check(result, tonumber(comment:match "exit code (%d+)") or 0, command)
  self.said = result.out .. result.err
end

-- ---------------------------------------------------------------------------------------------------- blocks by language

local languages = {}

function languages.sh(document, block)
  local command
  for _, line in ipairs(block.lines) do
    command = command and command .. "\n" .. line or line
    local isWhole = not line:find "\\$" and program.shell(("bash -n -c %s"):format(quote(command))).code == 0
    if isWhole then
      if command:find "^%s*[^%s#]" then document:command(command) end
      command = nil
    end
  end
  assert(not command, "an unfinished command:\n" .. tostring(command))
end

--- The file that a block's first line makes it, if it does.
local function fileOf(document, block, comment)
  local name = block.lines[1] and block.lines[1]:match(comment .. "%s*([%w_.~/-]+%.%w+):%s")
  if not name then return nil end
  local path = name:gsub("^~", document.base .. "/home")
  if not path:find "^/" then path = document.folder .. "/" .. path end
  assert(program.shell("mkdir -p " .. quote(path:match "^(.*)/")).code == 0)
  writeAll(path, table.concat(block.lines, "\n") .. "\n")
  return name, path
end

function languages.lua(document, block)
  local name, path = fileOf(document, block, "^%-%-")
  if name then
    assert(loadfile(path))
    document.unused[name] = true
    return
  end
  path = document.base .. "/fragment.lua"
  writeAll(path, table.concat(block.lines, "\n") .. "\n")
  local command = ("moonpool --context 'prod-*' spec/support/fragment.lua %s"):format(path)
  if table.concat(block.lines, "\n"):find "until Ctrl%-C" then return document:inBackground(command) end
  local result = document:shell(command)
  check(result, 0, table.concat(block.lines, "\n"))
  document.said = result.out .. result.err
end

function languages.c(document, block)
  local name = fileOf(document, block, "^/%*")
  if name then
    document.unused[name] = true
    return
  end
  writeAll(document.base .. "/block.c", table.concat(block.lines, "\n") .. "\n")
  local binary = document.base .. "/block"
  local result = document:shell(("cc -std=c11 -Wall -Wextra -Werror %s.c $(pkg-config --cflags --libs moonpool) -o %s && %s"):format(
    binary, binary, binary))
  check(result, 0, "a C block")
  document.said = result.out .. result.err
end

function languages.yaml(document, block)
  local _, path = fileOf(document, block, "^#")
  local text = table.concat(block.lines, "\n") .. "\n"
  assert(core.yaml.decodeAll(text))
  if path and path:find "moonpool%.yaml$" then check(document:shell("moonpool --config " .. path .. " -e ''"), 0, text) end
end

function languages.json(_, block) assert(core.json.decode(table.concat(block.lines, "\n"))) end

--- Fails unless the lines stand in the text, in their order.
local function expect(lines, text, where)
  local from = 1
  for _, line in ipairs(lines) do
    if line:find "%S" then
      local pattern = line:gsub("%s+$", ""):gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")
        :gsub("%%%.%%%.%%%.", ".-"):gsub("%s+", "%%s+")
      local _, last = text:find(pattern, from)
      if not last then error(("expected the line\n%s\nin %s:\n%s"):format(line, where, text), 0) end
      from = last + 1
    end
  end
end

function languages.text(document, block) expect(block.lines, document.said, "what the command wrote") end

local function isPrompt(line) return line:find "^%S*> *$" end

function languages.console(document, block)
  local arguments = block.lines[1]:match "^%$ moonpool ?(.*)" or error("a console begins with '$ moonpool ...'", 0)
  document:uses(arguments)
  local exported = document:shell("export -p").out
  local kubeconfig = exported:match '\ndeclare %-x KUBECONFIG="([^"]*)"' or document.base .. "/home/.kube/config"
  local term <close> = terminal.start { arguments = arguments, kubeconfig = kubeconfig, columns = 200, rows = 100,
    environment = ("env -C %s HOME=%s/home"):format(document.folder, document.base) }
  local typed, answers = "", {}
  local function finish()
    local screen = term:screen()
    local _, last = screen:reverse():find(typed:reverse(), 1, true) -- the last time that it stands there
    local said = last and screen:sub(-last) or screen
    if said:find "\nerror: " then error(said, 0) end
    expect(answers, said, "what the prompt answered")
    answers = {}
  end
  for index = 2, #block.lines do
    local line = block.lines[index]
    local text = line:match "^%S*>>? (.*)" or line:match "^%S*>>?$" and ""
    if text then
      finish()
      typed = text:gsub("%s+%-%- .*$", "") -- the document's comment is not for typing
      term:type(typed)
      term:waitUntil("what was typed", function() return term:last():find(typed, 1, true) end)
      term:key "Enter"
      term:waitUntil("an answer to " .. typed, function() return isPrompt(term:last()) or term:last():find "^%S*>> *$" end)
    elseif line:find "%S" then
      answers[#answers + 1] = line
    end
  end
  finish()
end

--- Runs a block; raises what is wrong with it.
---@param block spec.Block
function Document:run(block)
  local run = languages[block.language]
  if not run then
    error(("a block in %s: expected sh, lua, console, c, yaml, json or text"):format(
      block.language == "" and "no language" or block.language), 0)
  end
  run(self, block)
end

--- Ends what runs in the background, as Ctrl-C does, and says what was wrong: a command that did not take it well, a file that
--- nothing used.
---@return string[] problems
function Document:close()
  local problems = {}
  for _, one in ipairs(self.background) do
    local code = one.process:stop()
    if code ~= 0 and code ~= 130 then
      problems[#problems + 1] = ("%s\nended with %s after Ctrl-C:\n%s"):format(one.command, code, one.process.last)
    end
  end
  for name in pairs(self.unused) do problems[#problems + 1] = "no command uses " .. name end
  program.shell("rm -rf " .. quote(self.base))
  return problems
end

return documents
