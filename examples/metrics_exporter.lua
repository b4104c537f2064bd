-- metrics_exporter.lua: what several clusters and the pools of connections to them are up to, for Prometheus: a page of metrics over
-- HTTP, made anew for each scrape.
--
--   moonpool --context '*' examples/metrics_exporter.lua [PORT [ADDRESS]]        default: 9100 on 127.0.0.1; until Ctrl-C
--   curl http://127.0.0.1:9100/metrics
--
-- A cluster that cannot be reached stays in the page: moonpool_cluster_healthy says 0 for it, moonpool_scrape_failed 1, and the
-- program's log says why.
local moonpool = require "moonpool"

local port, address = math.tointeger(tonumber((...)) or 9100), select(2, ...)
local manager = clusters
local deadline = 5000 -- ms that a scrape waits for a cluster

-- What stands in a page: families of metrics, each with its lines.
local Page = {}
Page.__index = Page

local function newPage() return setmetatable({ families = {}, byName = {} }, Page) end

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

--- One sample. `labels` is a list of names and values: { "cluster", "prod-eu", "state", "idle" }.
function Page:add(name, kind, help, labels, value)
  local family = self.byName[name]
  if not family then
    family = { ("# HELP %s %s\n# TYPE %s %s\n"):format(name, help, name, kind) }
    self.byName[name] = family
    self.families[#self.families + 1] = family
  end
  local parts = {}
  for i = 1, #labels, 2 do parts[#parts + 1] = ('%s="%s"'):format(labels[i], (labels[i + 1]:gsub('[\\"\n]', escapes))) end
  family[#family + 1] = ("%s{%s} %s\n"):format(name, table.concat(parts, ","), value)
end

function Page:text()
  local parts = {}
  for _, family in ipairs(self.families) do parts[#parts + 1] = table.concat(family) end
  return table.concat(parts)
end

--- What the manager knows without asking: health, and the pool.
local function addStatistics(page, cluster, stats)
  local function gauge(name, help, value) page:add(name, "gauge", help, { "cluster", cluster }, value) end
  local function counter(name, help, value) page:add(name, "counter", help, { "cluster", cluster }, value) end
  local pool = stats.poolStats
  gauge("moonpool_cluster_healthy", "1: the last health check was good.", stats.state == "healthy" and 1 or 0)
  gauge("moonpool_cluster_weight", "Its weight in the strategy.", stats.weight)
  gauge("moonpool_cluster_latency_seconds", "How long answers take lately.", stats.latency / 1000)
  if stats.certificateExpiry then
    gauge("moonpool_client_certificate_expiry_seconds", "When the client certificate ends, as a Unix time.", stats.certificateExpiry)
  end
  for _, state in ipairs { "idle", "inUse", "unhealthy", "connecting" } do
    page:add("moonpool_connections", "gauge", "Connections to the API servers, by state.", { "cluster", cluster, "state", state },
      pool[state])
  end
  gauge("moonpool_waiting", "Callers that wait for a connection.", pool.waitQueueLength)
  counter("moonpool_connections_created_total", "Connections made.", pool.created)
  counter("moonpool_connections_used_total", "Times that a connection was handed out.", pool.acquired)
  counter("moonpool_acquire_timeouts_total", "Callers that waited in vain.", pool.timeouts)
end

--- What has to be asked for: the nodes.
local function readyNodes(client)
  local ready, all = 0, 0
  for node in client.resources.node.each() do
    all = all + 1
    for _, condition in ipairs(node.status.conditions or {}) do
      if condition.type == "Ready" and condition.status == "True" then ready = ready + 1 end
    end
  end
  return { ready = ready, all = all }
end

local function sortedNames(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function scrape()
  local page = newPage()
  local answers = assert(manager:each(readyNodes, { timeout = deadline }))
  local statistics = manager:getStats()
  for _, cluster in ipairs(sortedNames(statistics)) do addStatistics(page, cluster, statistics[cluster]) end
  for _, cluster in ipairs(sortedNames(answers)) do
    local answer = answers[cluster]
    page:add("moonpool_scrape_failed", "gauge", "1: the cluster did not say what was asked for this page.", { "cluster", cluster },
      answer.ok and 0 or 1)
    if answer.ok then
      page:add("moonpool_nodes", "gauge", "Nodes of the cluster.", { "cluster", cluster }, answer.value.all)
      page:add("moonpool_nodes_ready", "gauge", "Of these, nodes that are ready.", { "cluster", cluster }, answer.value.ready)
    else
      moonpool.log.warn("scrape: " .. tostring(answer.err), { cluster = cluster })
    end
  end
  return page:text()
end

local server = assert(moonpool.http.listen {
  address = address, port = port,
  handler = function(request)
    if request.path ~= "/metrics" then return 404, "the metrics are at /metrics\n" end
    return 200, scrape(), "text/plain; version=0.0.4; charset=utf-8"
  end,
})
print(("metrics of %d clusters at %s/metrics"):format(#manager:clusters(), server.url))
