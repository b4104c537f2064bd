local core = require("moonpool.core")
local program = require("spec.support.program")
local sim = require("spec.support.sim")

describe("the health pages of a simulated cluster", function()
  local clusters

  setup(function() clusters = sim.start({ clusters = 1, pods = 0, endpoints = 2 }) end)
  teardown(function() clusters:stop() end)
  after_each(function()
    clusters:faults("sim-1", {})
    clusters:faults("sim-1/2", {})
  end)

  --- Status and body, as anybody gets them; of the first endpoint unless another is named.
  local function get(path, endpoint)
    local url = clusters.clusters[1].endpoints[endpoint or 1] .. path
    local out = program.shell(("curl -sk -m 10 -w '%%{http_code}' '%s'"):format(url)).out
    return tonumber(out:sub(-3)), out:sub(1, -4)
  end

  local ALL = "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]informer-sync ok\n[+]poststarthook/generic-apiserver-start-informers ok\n"

  it("say ok, and what they checked when asked to be verbose", function()
    for _, probe in ipairs({ "livez", "healthz", "readyz" }) do
      assert.are.same({ 200, "ok" }, { get("/" .. probe) })
      local checks = ALL .. (probe == "readyz" and "[+]shutdown ok\n" or "")
      assert.are.same({ 200, checks .. probe .. " check passed\n" }, { get(("/%s?verbose"):format(probe)) })
    end
  end)

  it("answer for one check alone", function()
    assert.are.same({ 200, "ok" }, { get("/readyz/etcd") })
    assert.are.same({ 200, "ok" }, { get("/livez/poststarthook/generic-apiserver-start-informers") })
    assert.are.equal(404, (get("/readyz/nothing")))
    assert.are.equal(404, (get("/livez/shutdown")))
  end)

  it("list the checks when one fails, which only readiness does", function()
    clusters:faults("sim-1", { { type = "notReady", check = "etcd" } })
    local failed = ALL:gsub("%[%+%]etcd ok", "[-]etcd failed: reason withheld") .. "[+]shutdown ok\nreadyz check failed\n"
    assert.are.same({ 500, failed }, { get("/readyz") })
    assert.are.equal(500, (get("/readyz/etcd")))
    assert.are.same({ 200, "ok" }, { get("/readyz/ping") })
    assert.are.same({ 200, "ok" }, { get("/livez") })
    assert.are.equal(200, (get("/version")))
  end)

  it("fail at one endpoint alone", function()
    clusters:faults("sim-1/2", { { type = "notReady" } })
    assert.are.same({ 200, 500 }, { (get("/readyz")), (get("/readyz", 2)) })
  end)

  it("leave out the checks that are excluded, however many", function()
    clusters:faults("sim-1", { { type = "notReady", check = "etcd" }, { type = "notReady" } })
    assert.are.equal(500, (get("/readyz?exclude=etcd")))
    assert.are.same({ 200, "ok" }, { get("/readyz?exclude=etcd&exclude=shutdown") })
    local code, text = get("/readyz?verbose&exclude=etcd&exclude=shutdown&exclude=nothing")
    assert.are.same({ 200, ALL:gsub("etcd ok", "etcd excluded: ok") .. "[+]shutdown excluded: ok\n"
      .. 'warn: some health checks cannot be excluded: no matches for "nothing"\nreadyz check passed\n' }, { code, text })
  end)

  it("stand beside the version, which everybody may ask for", function()
    local code, text = get("/version")
    assert.are.equal(200, code)
    assert.matches("^v1%.%d+", assert(core.json.decode(text)).gitVersion)
  end)
end)
