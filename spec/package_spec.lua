-- package_spec.lua: the rock and the Debian package, as far as that goes without installing them (scripts/dev/try-package does).
local process = require "spec.support.process"
local program = require "spec.support.program"

local version = require("moonpool.core").version
local build = program.path:match "^(.*)/[^/]*$"

local function shell(command)
  local result = program.shell(command)
  assert(result.code == 0, result.err .. result.out)
  return result.out
end

describe("the version", function()
  it("is the same in the changelog and the rockspec", function()
    assert.equal(version, process.readAll("CHANGELOG.md"):match "\n## (%d%S*) %- %d%d%d%d%-%d%d%-%d%d\n")
    local rockspec = {}
    assert(loadfile(("moonpool-%s-1.rockspec"):format(version), "t", rockspec))()
    assert.equal(version .. "-1", rockspec.version)
    assert.matches("moonpool-" .. version, rockspec.source.url, 1, true)
    assert.equal("moonpool-" .. version, rockspec.source.dir)
  end)
end)

if not program.libraries then return end

describe("the rock", function()
  it("is as luarocks wants it, and brings the module to stock Lua", function()
    local tree = shell("mktemp -d"):gsub("\n", "")
    finally(function() program.shell("rm -rf " .. tree) end)
    local rockspec = ("moonpool-%s-1.rockspec"):format(version)
    local luarocks = ("env -u MAKEFLAGS -u MAKELEVEL HOME=%s luarocks --lua-version 5.4"):format(tree)
    shell(("%s lint %s"):format(luarocks, rockspec))
    shell(("%s --tree %s/rocks make %s"):format(luarocks, tree, rockspec))
    local out = shell(([[cd / && LUA_CPATH='%s/rocks/lib/lua/5.4/?.so' lua5.4 -e 'print(require("moonpool").version)']]):format(tree))
    assert.equal(version .. "\n", out)
  end)
end)

describe("the Debian package", function()
  local deb, sum

  setup(function()
    deb = shell(("scripts/dev/deb %s %s"):format(build, version)):gsub("\n", "")
    sum = shell("sha256sum " .. deb)
  end)
  teardown(function() os.remove(deb) end)

  it("says what it is and what it needs", function()
    local control = shell("dpkg-deb --field " .. deb)
    assert.matches("\nVersion: " .. version .. "\n", control, 1, true)
    for _, library in ipairs { "libc6", "libcurl4", "liblua5.4-0", "libuv1", "libssl3", "libyaml-0-2", "libcjson1", "libmicrohttpd12",
      "libedit2" } do
      assert.matches("\nDepends: [^\n]*" .. library:gsub("[-.]", "%%%0"), control)
    end
  end)

  it("has files as Debian has them", function()
    local list = shell("dpkg-deb --contents " .. deb)
    for _, pattern in ipairs { "%-rwxr%-xr%-x root/root +%d+ [^\n]+ %./usr/bin/moonpool\n",
      "/lua/5%.4/moonpool%.so\n", "/man1/moonpool%.1%.gz\n", "/doc/moonpool/copyright\n", "/doc/moonpool/changelog%.gz\n",
      "/libmoonpool%.so%.0 %-> libmoonpool%.so%." } do
      assert.matches(pattern, list)
    end
    assert.is_nil(list:find "/usr/local")
    assert.equal("", shell(("f=$(mktemp -d) && dpkg-deb -R %s $f && cd $f && md5sum --quiet -c DEBIAN/md5sums && rm -r $f"):format(deb)))
  end)

  it("comes out the same a second time", function()
    shell(("scripts/dev/deb %s %s"):format(build, version))
    assert.equal(sum, shell("sha256sum " .. deb))
  end)
end)
