-- documents_spec.lua: every command and every piece of a program in the documents runs, as printed. See spec/support/documents.lua for
-- what becomes of a block, and in whose place it runs.
local documents = require "spec.support.documents"
local process = require "spec.support.process"
local program = require "spec.support.program"
local sim = require "spec.support.sim"

-- What is tried here is the documents. An instrumented library cannot be loaded by the C programs among them.
local testing = program.libraries and it or pending

--- The contexts of other users than the administrator are left out: 'prod-*' is for clusters.
local function writeKubeconfig(clusters)
  local path = os.tmpname()
  local text = process.readAll(clusters.kubeconfig):gsub("\n%- name: %S+%-(%a+)\n  context:\n    cluster: %S+\n    user: %S+\n"
    .. "    namespace: default", function(user) return (user == "token" or user == "nobody") and "" or nil end)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
  return path
end

local function titleOf(block)
  local text = table.concat(block.lines, " "):gsub("%s+", " ")
  return ("line %d, %s: %s"):format(block.line, block.language, #text > 60 and text:sub(1, 57) .. "..." or text)
end

describe("what is printed in", function()
  local clusters, kubeconfig

  lazy_setup(function()
    if not program.libraries then return end
    clusters = sim.start { name = "prod-eu,prod-us", troubles = true }
    kubeconfig = writeKubeconfig(clusters)
  end)
  lazy_teardown(function()
    if not clusters then return end
    clusters:stop()
    os.remove(kubeconfig)
  end)

  local function runAll(path, read)
    local blocks = read(assert(process.readAll(path), path))
    assert(#blocks > 0, path .. " shows nothing to run")
    describe(path, function()
      local document
      lazy_setup(function() document = program.libraries and documents.open(kubeconfig) end)
      for _, block in ipairs(blocks) do
        testing(titleOf(block):gsub("#", " "), function() document:run(block) end)
      end
      testing("leaves nothing over", function() assert.same({}, document:close()) end)
    end)
  end

  describe("a document", function()
    local document
    before_each(function() document = program.libraries and documents.open(kubeconfig) end)
    after_each(function() return document and document:close() end)

    --- What is wrong with a block in this language.
    local function problem(language, text)
      local fine, what = pcall(document.run, document, documents.fenced(("```%s\n%s\n```\n"):format(language, text))[1])
      return not fine and tostring(what) or nil
    end

    testing("has to end each command as it says", function()
      assert.is_nil(problem("sh", "export WORD=one\ncd ..; cd work\ntest $WORD = one\nfor i in 1 2; do\n  true\ndone"))
      assert.is_nil(problem("sh", "false   # exit code 1, since it is false"))
      assert.matches("^test %$WORD = two\nended with 1, not with 0:\n", problem("sh", "test $WORD = two"))
      assert.matches("ended with 0, not with 3", problem("sh", "true   # exit code 3 when all is lost"))
      assert.matches("an unfinished command:\necho 'a", problem("sh", "echo 'a"))
    end)

    testing("has to be right in every language", function()
      assert.matches("a block in no language: expected sh, ", problem("", "ls"))
      assert.matches("a block in perl: ", problem("perl", "print 1"))
      assert.is_nil(problem("lua", "local pods = assert(client.core.listPodForAllNamespaces())\nprint(#pods.items, manager, pool)"))
      assert.matches("ended with 1", problem("lua", "error 'no good'"))
      assert.matches("ended with 1", problem("c", "int main(void) { return nothing; }"))
      assert.is_string(problem("yaml", "a: [1"))
      assert.is_string(problem("json", "{"))
      assert.is_nil(problem("sh", "printf 'one two\\nthree\\n'"))
      assert.is_nil(problem("text", "one ...\nthree"))
      assert.matches("^expected the line\nfour\n", problem("text", "one\nfour"))
    end)

    testing("has to tell the truth about the prompt", function()
      assert.is_nil(problem("console", "$ moonpool\n> 20 + 1   -- a sum\n21\n> do\n>> print('row ' .. 1)\n>> end\nrow ..."))
      assert.matches("^expected the line\n22\n", problem("console", "$ moonpool\n> 20 + 1\n22"))
      assert.matches("error: ", problem("console", "$ moonpool\n> error 'no good'"))
    end)

    local stubborn = "import signal, time; signal.signal(2, lambda *_: exit(7)); print(1, flush=True); time.sleep(60)"

    testing("has to use its files, and to end what it starts", function()
      assert.is_nil(problem("lua", "-- unused.lua: of no use"))
      assert.is_nil(problem("sh", "python3 -c '" .. stubborn .. "'   # until Ctrl-C"))
      local problems = document:close()
      document = nil
      assert.equal(2, #problems)
      assert.matches("ended with 7 after Ctrl%-C", problems[1])
      assert.equal("no command uses unused.lua", problems[2])
    end)
  end)

  runAll("README.md", documents.fenced)
  runAll("docs/guide.md", documents.fenced)
  runAll("docs/reference.md", function(text) -- what else is fenced there is what --help says
    local pieces = {}
    for _, block in ipairs(documents.fenced(text)) do
      if block.language == "lua" then pieces[#pieces + 1] = block end
    end
    return pieces
  end)
  for path in program.shell("ls scripts/*.lua").out:gmatch "%S+" do runAll(path, documents.commands) end
end)
