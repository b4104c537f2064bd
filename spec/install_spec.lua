-- install_spec.lua: an installed tree, used as somebody does who has nothing else of moonpool.
local fleet = require "spec.support.fleet"
local program = require "spec.support.program"

local PREFIX = "/opt/pool"

local C_PROGRAM = [[
#include <moonpool.h>
#include <stdio.h>

int main(void) {
  moon_client_options options = {.pool = moon_pool_default_options};
  moon_call_options call = {.path = "/version"};
  moon_client *client = NULL;
  moon_answer *answer = NULL;
  moon_error *err = NULL;
  if (!moon_client_new(&options, &client, &err) && !moon_client_call(client, &call, &answer, &err))
    printf("%s %d\n", moon_version(), answer->status);
  if (err) puts(err->message);
  moon_error_free(err);
  moon_answer_free(answer);
  moon_client_release(client);
  return 0;
}
]]

describe("an installed tree", function()
  local build, root

  local function shell(command, input)
    local result = program.shell(command, input)
    assert(result.code == 0, result.err .. result.out)
    return result.out
  end

  --- Puts all there, or takes it away.
  local function install(settings, action)
    return program.shell(("DESTDIR=%s PREFIX=%s %s scripts/dev/install %s %s %s"):format(root, PREFIX, settings or "", action or "", build,
      require("moonpool.core").version))
  end

  local function files() return shell(("cd %s && find . -type f -o -type l"):format(root)) end

  setup(function()
    build = program.path:match "^(.*)/[^/]*$"
    root = shell("mktemp -d"):gsub("\n", "")
    assert.equal("", install().err)
  end)
  teardown(function() program.shell("rm -rf " .. root) end)

  it("has a program that needs nothing else of it", function()
    local moonpool = root .. PREFIX .. "/bin/moonpool"
    assert.matches("^moonpool " .. require("moonpool.core").version, shell(("cd / && %s version"):format(moonpool)))
    assert.matches("\n  inventory ", shell(("cd / && %s run"):format(moonpool)))
  end)

  it("has what pkg-config tells a C program", function()
    if not program.libraries then return end
    local clusters <close> = fleet.start { clusters = 1 }
    local folder = root .. "/c"
    shell(("mkdir %s && cat >%s/main.c"):format(folder, folder), C_PROGRAM)
    local out = shell(([[cd %s && export PKG_CONFIG_PATH=%s%s/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=%s
      cc -std=c11 -Wall -Wextra -Werror main.c $(pkg-config --cflags --libs moonpool) -o main
      pkg-config --modversion moonpool
      LD_LIBRARY_PATH=%s%s/lib KUBECONFIG=%s ./main]]):format(folder, root, PREFIX, root, root, PREFIX, clusters.kubeconfig))
    shell("rm -r " .. folder)
    local version = require("moonpool.core").version
    assert.equal(("%s\n%s 200\n"):format(version, version), out)
  end)

  it("has the module for stock Lua", function()
    if not program.libraries then return end
    local out = shell(([[cd / && LUA_CPATH='%s%s/lib/lua/5.4/?.so' lua5.4 -e 'print(require("moonpool").version)']]):format(root, PREFIX))
    assert.equal(require("moonpool.core").version .. "\n", out)
  end)

  it("has the manual page, completion for three shells, declarations for editors, documents, scripts and examples", function()
    local all = files()
    for _, path in ipairs { "share/man/man1/moonpool.1", "share/bash-completion/completions/moonpool", "share/zsh/site-functions/_moonpool",
      "share/fish/vendor_completions.d/moonpool.fish", "share/moonpool/meta/moonpool.lua", "share/moonpool/scripts/stuck.lua",
      "share/doc/moonpool/README.md", "share/doc/moonpool/docs/guide.md", "share/doc/moonpool/CHANGELOG.md",
      "share/doc/moonpool/examples/strategies/cost.lua" } do
      assert.matches("." .. PREFIX .. "/" .. path .. "\n", all, 1, true)
    end
    local page = shell(("mandoc -T ascii %s%s/share/man/man1/moonpool.1"):format(root, PREFIX)):gsub(".\b", "")
    assert.matches("%-%-kubeconfig FILE", page)
    assert.equal("", shell(("mandoc -T lint -W warning %s%s/share/man/man1/moonpool.1"):format(root, PREFIX)))
    shell(("bash -n %s%s/share/bash-completion/completions/moonpool"):format(root, PREFIX))
    shell(("for file in %s%s/share/moonpool/*/*.lua; do luac5.4 -p $file || exit 1; done"):format(root, PREFIX))
  end)

  it("can be read by everybody, whoever installed it", function()
    assert.equal("", shell(("find %s%s -type f ! -perm -444 -o -type d ! -perm -555"):format(root, PREFIX)))
  end)

  it("takes other folders for libraries and documents", function()
    finally(function() program.shell(("rm -rf %s/other"):format(root)) end)
    assert.equal(0, install("PREFIX=/other/usr LIBDIR=/other/usr/lib/x").code)
    assert.matches("\nlibdir=/other/usr/lib/x\n", shell(("cat %s/other/usr/lib/x/pkgconfig/moonpool.pc"):format(root)))
    assert.matches("/other/usr/lib/x/lua/5.4/moonpool.so\n", files(), 1, true)
  end)

  it("goes away again, and leaves what others have put there", function()
    shell(("touch %s%s/bin/mine"):format(root, PREFIX))
    assert.same({ code = 0, out = "", err = "" }, install("", "--remove"))
    assert.equal(("." .. PREFIX .. "/bin/mine\n"), files())
    assert.equal("", shell(("find %s -name '*moonpool*'"):format(root)))
    assert.equal(0, install("", "--remove").code)
  end)

  it("is somewhere definite", function()
    local result = install "PREFIX=local"
    assert.equal(2, result.code)
    assert.matches("expected an absolute path, got 'local'", result.err)
  end)
end)
