-- secrets_spec.lua: a program that uses every kind of credential, well and badly, prints none of them, whatever is shown; nor does
-- it hand them to other programs.
local core = require "moonpool.core"
local program = require "spec.support.program"

describe("a secret of a kubeconfig", function()
  local MARK = "s3cr3t-" -- every secret begins with it
  local folder, result

  local function read(path)
    local file <close> = assert(io.open(path, "rb"), path)
    return file:read "a"
  end

  lazy_setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir -m 700 " .. folder))
    result = program.run("--log-level", "debug", "spec/support/every_secret.lua", folder, MARK)
  end)
  lazy_teardown(function() os.execute("rm -rf " .. folder) end)

  --- No line has the text; says where, without all the rest.
  local function lacks(text, what)
    local from = text:find(what, 1, true)
    if from then error(("found %s: ...%s..."):format(what, text:sub(math.max(1, from - 200), from + 60)), 2) end
  end

  it("is used: the calls whose credentials are right succeed", function()
    assert.equal(0, result.code, result.err)
    assert.equal("worked: 5", result.out:match "worked: %d+") -- by token, token file, certificate, plugin and identity provider
    assert.matches("begins", result.err)
  end)

  it("is in nothing that the program prints: results, errors, tables, names of handles, log", function()
    assert.is_true(#result.out > 50000)
    lacks(result.out, MARK)
    lacks(result.err, MARK)
    lacks(result.out .. result.err, core.base64(MARK):sub(1, 9))
    lacks(result.out .. result.err, core.base64("me:" .. MARK):sub(1, 12))
    assert.matches("request = table: ", result.out) -- those of requests, too
    assert.matches(" request cluster=", result.err)
  end)

  it("is not there either when it is a key, as PEM or encoded once more", function()
    local key = read(folder .. "/key")
    assert.matches("PRIVATE KEY", key)
    for line in key:gmatch "[^\n]+" do
      if not line:find("-----", 1, true) and #line > 20 then lacks(result.out .. result.err, line:sub(1, 20)) end
    end
    lacks(result.out .. result.err, core.base64(key):sub(60, 100))
  end)

  it("is not in the arguments and environments of what is started, but for those that the kubeconfig gives to a plugin", function()
    local seen = read(folder .. "/good.seen"):gsub(MARK:gsub("%-", "%%-") .. "%z", "")
    assert.matches("every_secret.lua", seen) -- the program's own
    assert.matches("KUBERNETES_EXEC_INFO", seen, 1, true)
    lacks(seen, MARK)
    local given = read(folder .. "/loud.seen")
    assert.matches("PASSWORD=" .. MARK .. "to-plugin", given, 1, true)
    lacks(given:gsub("PASSWORD=" .. MARK:gsub("%-", "%%-") .. "to%-plugin", ""), MARK)
  end)
end)
