-- doctor_spec.lua: the doctor names what is wrong on the way to real API servers, and with them.
local core = require "moonpool.core"
local doctor = require "moonpool.doctor"
local eventually = require "spec.support.eventually"
local program = require "spec.support.program"
local real = require "spec.support.real"

local path = os.getenv "MOONPOOL_TEST_KUBECONFIG"
local folder = os.getenv "MOONPOOL_TEST_CLUSTERS"
local CONTEXT = "real-1"

describe("the doctor, of a real API server,", function()
  local authority = core.pki.authority "another-ca"
  local others = ("%s/doctor"):format(folder)

  lazy_setup(function() assert(os.execute(("mkdir -p '%s'"):format(others))) end)

  local function write(name, text)
    local file <close> = assert(io.open(others .. "/" .. name, "w"))
    file:write(text)
    return others .. "/" .. name
  end

  local function named(list, name)
    for _, one in ipairs(list) do
      if one.name == name then return one end
    end
  end

  --- The report on a context, whose cluster and user `change` may have changed.
  local function examine(context, change)
    local file <close> = assert(io.open(path))
    local text = assert(core.yaml.decode(file:read "a"))
    local entry = named(text.contexts, context).context
    if change then change(named(text.clusters, entry.cluster).cluster, named(text.users, entry.user).user) end
    local config = core.KubeConfig()
    assert(config:loadFromString(assert(core.yaml.encode(text))))
    return doctor.examine(config, context, 3000)
  end

  --- "step: cause, ..." of a report, and the first step that has a cause.
  local function problems(report)
    local found, first = {}, nil
    for _, step in ipairs(report.steps) do
      if step.cause then found[#found + 1], first = ("%s: %s"):format(step.step, step.cause), first or step end
    end
    return table.concat(found, ", "), first
  end

  local function finds(expected, context, change)
    local found, step = problems(examine(context, change))
    assert.equal(expected, found)
    assert.is_true(#step.hint > 0)
    return step
  end

  local function port(name)
    for line in io.lines(("%s/%s/ports"):format(folder, CONTEXT:match "%d+$")) do
      local found = line:match("^" .. name .. " (%d+)$")
      if found then return found end
    end
  end

  it("finds nothing where all is well", function()
    assert.equal("", problems(examine(CONTEXT)))
    assert.equal("", problems(examine(CONTEXT .. "-token")))
  end)

  it("names what is wrong on the way", function()
    local function server(url) return function(cluster) cluster.server = url end end
    finds("name: name", CONTEXT, server "https://no-such-host.invalid:6443")
    finds("tcp: refused", CONTEXT, server "https://127.0.0.1:1")
    finds("tcp: unreachable", CONTEXT, server "https://224.0.0.1:6443")
    finds("tls: notTls", CONTEXT, server("https://127.0.0.1:" .. port "etcd")) -- which speaks plain http
    finds("answer: plainHttp", CONTEXT, function(cluster)
      cluster.server, cluster["certificate-authority-data"] = cluster.server:gsub("^https", "http"), nil
    end)
  end)

  it("names what is wrong with its certificate", function()
    finds("tls: authority", CONTEXT, function(cluster)
      cluster["certificate-authority-data"] = core.base64(authority:certificate())
    end)
    local hint = finds("tls: otherName", CONTEXT, function(cluster) cluster["tls-server-name"] = "other.example" end).hint
    assert.matches("it is for .*kubernetes%.default", hint)
  end)

  it("names a certificate that has expired", function()
    local certificate, key = authority:issue { commonName = "server", usage = "server", altNames = { "expired.example" },
      notBefore = -9 * 86400, notAfter = -2 * 86400 }
    -- It keeps the flag: no other spec asks for that name.
    local files = write("expired.crt", certificate) .. "," .. write("expired.key", key)
    real.flags(CONTEXT, { ("--tls-sni-cert-key=%s:expired.example"):format(files) })
    finds("tls: expired", CONTEXT, function(cluster)
      cluster["tls-server-name"] = "expired.example"
      cluster["certificate-authority-data"] = core.base64(authority:certificate())
    end)
  end)

  it("names what is wrong with who asks", function()
    finds("credentials: unauthorized", CONTEXT .. "-token", function(_, user) user.token = "wrong" end)
    finds("credentials: forbidden", CONTEXT .. "-nobody")
  end)

  it("names a process that is stopped, and one whose etcd is", function()
    finally(function() real.cont(CONTEXT) end)
    real.stop(CONTEXT)
    finds("tls: sessionSilent", CONTEXT)
    real.cont(CONTEXT)
    eventually(20000, "a healthy server", function() return problems(examine(CONTEXT)) == "" end)
    local pid = program.shell(("cat '%s/%s/etcd.pid'"):format(folder, CONTEXT:match "%d+$")).out:match "%d+"
    finally(function() os.execute("kill -CONT " .. pid) end)
    os.execute("kill -STOP " .. pid)
    local step = finds("ready: notReady", CONTEXT)
    assert.matches("etcd", step.text)
    os.execute("kill -CONT " .. pid)
    eventually(20000, "a healthy server", function() return problems(examine(CONTEXT)) == "" end)
  end)
end)
