-- every_secret.lua: a script for spec/secrets_spec.lua. Uses every kind of credential, well and badly, and prints all that a script
-- can get hold of. Arguments: a folder for its files, and a text that every secret in it begins with.
local core = require "moonpool.core"
local Issuer = require "spec.support.issuer"
local moonpool = require "moonpool"
local sim = require "moonpool.sim"

local folder, mark = arg[1], arg[2]
local function secret(name) return mark .. name end

local function write(name, text)
  local path = folder .. "/" .. name
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
  return path
end

-- ------------------------------------------------------------------------------------------------ showing everything
local seen = {}

local function show(label, value, depth)
  depth = depth or 0
  print(("  "):rep(depth) .. tostring(label) .. " = " .. tostring(value))
  if type(value) == "string" then print(("%q"):format(value)) end
  if depth > 12 or seen[value] then return end
  if type(value) == "table" then
    seen[value] = true
    for key, item in next, value do
      if type(key) == "table" then show("key", key, depth + 1) end
      show(key, item, depth + 1)
    end
    show("metatable", getmetatable(value), depth + 1)
  elseif type(value) == "function" then
    seen[value] = true
    for i = 1, 60 do
      local name, up = debug.getupvalue(value, i)
      if not name then break end
      local hidden = name == "mark" or name == "group" or name == "issuer" or up == _G or up == package.loaded or up == secret
      if not hidden then show(name, up, depth + 1) end
    end
  elseif type(value) == "userdata" then
    seen[value] = true
    for i = 1, 4 do show("user value", (debug.getuservalue(value, i)), depth + 1) end
    show("metatable", debug.getmetatable(value), depth + 1)
  end
end

-- ------------------------------------------------------------------------------------------------------- the clusters
local group = sim.start { clusters = 1, pods = 3 }
local cluster = group.clusters[1]
local admin = { name = "somebody", groups = { "system:masters" } }
for _, name in ipairs { "token", "file", "plugin", "env" } do cluster.tokens[secret(name)] = admin end
local certificate, key = table.unpack(cluster.credentials.admin)
local keyFile = io.open(folder .. "/key") or write("key", key)
if io.type(keyFile) == "file" then keyFile:close() end

local function plugin(name, body)
  local path = write(name, "#!/bin/sh\n" .. body)
  assert(os.execute("chmod +x " .. path))
  return path
end
local answer = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}'
local function exec(path, more)
  return ("exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: %s%s}"):format(path, more or "")
end

local tokenFile = write("token", secret "file" .. "\n")
local processes = "cat /proc/$$/environ /proc/$$/cmdline /proc/$PPID/cmdline /proc/$PPID/environ"
local good = plugin("good", ("%s > %s/good.seen\necho '%s'"):format(processes, folder, answer:format(secret "plugin")))
local bad = plugin("bad", ("echo 'token=%s, or %s, is no good; as is %s' >&2\necho '%s'\nexit 1"):format(secret "stderr",
  secret "0123456789abcdef0123456789ABCDEF", secret "stdout0123456789abcdefghij", answer:format(secret "stdout0123456789abcdefghij")))
local rubbish = plugin("rubbish", ("echo '{\"kind\": \"ExecCredential\", \"token\": \"%s\"'"):format(secret "rubbish"))
local loud = plugin("loud", ("cat /proc/$$/environ /proc/$$/cmdline > %s/loud.seen; echo \"$PASSWORD\" >&2; exit 3"):format(folder))

local issuer = Issuer.start { onToken = function(token) cluster.tokens[token] = admin end }
issuer.rotate = true
issuer.refreshTokens[secret "refresh-1"] = { note = secret "claim" }

-- What a user of the kubeconfig may be; the fields of the cluster besides server and authority.
local users = {
  { ("token: %s"):format(secret "token") },
  { ("token: %s"):format(secret "unknown") },
  { ("token: %s, as: jane, as-groups: [a]"):format(secret "token") },
  { ("tokenFile: %s"):format(tokenFile) },
  { ("username: me, password: %s"):format(secret "password") },
  { ("client-certificate-data: %s, client-key-data: %s"):format(core.base64(certificate), core.base64(key)) },
  { ("client-certificate-data: %s, client-key-data: %s"):format(core.base64(certificate), core.base64(secret "no-key")) },
  { ("client-certificate-data: %s, client-key: %s/key"):format(core.base64(secret "no-certificate"), folder) },
  { exec(good) }, { exec(bad) }, { exec(rubbish) },
  { exec(loud, (", env: [{name: PASSWORD, value: %s}], args: [x]"):format(secret "to-plugin")) },
  { exec(folder .. "/missing", (", args: ['--password=%s'], env: [{name: A, value: %s}]"):format(secret "arg", secret "missing-env")) },
  { "token: t", (", proxy-url: 'http://me:%s@127.0.0.1:1'"):format(secret "proxy") },
  { "token: t", (", proxy-url: 'socks5://me:%s@127.0.0.1:1'"):format(secret "socks") },
  { "token: t", (", proxy-url: 'ftp://me:%s@127.0.0.1'"):format(secret "ftp") },
  { "token: t", (", proxy-url: 'http://me:%s@host:port'"):format(secret "proxy-port") },
  { "token: t", (", proxy-url: 'http://me:%s@%s'"):format(secret "as-proxy", cluster.urls[1]:match "//(.*)$") },
  { ("token: %s"):format(secret "plain"), nil, "http://127.0.0.1:1" },
  { "token: t", nil, ("https://me:%s@127.0.0.1:1"):format(secret "server") },
  { ("token: %s"):format(secret "refused"), nil, "https://127.0.0.1:1" },
  { ("auth-provider: {name: oidc, config: {id-token: %s, refresh-token: %s, client-secret: %s, client-id: c}}"):format(
    secret "id", secret "refresh", secret "client") },
  { issuer:user { ["refresh-token"] = secret "refresh-1", ["client-secret"] = secret "client-1" } },
  { issuer:user { ["refresh-token"] = secret "refresh-2", ["client-secret"] = secret "client-2", ["id-token"] = secret "id-2" } },
  { ("token: [%s]"):format(secret "list") },
  { ("password: {a: %s}, username: u"):format(secret "map") },
  { ("client-key-data: '%s !'"):format(secret "base64") },
  { ('token: "%s'):format(secret "unterminated") },
  { ("token: &%s x"):format(secret "anchor") },
  { ("token: *%s"):format(secret "alias") },
  { ("token: \"%s\\n\\x07\""):format(secret "control") },
  { ("tokne: %s, Password: %s"):format(secret "typo", secret "case") },
}

local function kubeconfig(index)
  local user, more, server = table.unpack(users[index], 1, 3)
  return ([[
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "%s"%s%s}}]
users: [{name: u%d, user: {%s}}]
contexts: [{name: x%d, context: {cluster: c, user: u%d}}]
current-context: x%d
]]):format(server or cluster.urls[1], server and "" or ", certificate-authority-data: " .. core.base64(cluster.credentials.authority),
    more or "", index, user, index, index, index)
end

moonpool.log.debug "begins"
moonpool.log.follow(function(fields) show("request", fields) end)
local worked = 0

local function try(index)
  print("---- user " .. index)
  local kubeConfig = moonpool.KubeConfig()
  show("load", table.pack(kubeConfig:loadFromString(kubeconfig(index))))
  show("kubeConfig", kubeConfig)
  show("users", kubeConfig:getUsers())
  show("clusters", kubeConfig:getClusters())
  show("contexts", kubeConfig:getContexts())
  local client, err = moonpool.KubernetesClient { kubeConfig = kubeConfig,
    connectionPoolConfig = { minConnections = 1, acquireTimeout = 3000 },
    logger = index % 2 == 0 and { debug = print, info = print, warn = print, error = print } or nil }
  show("client", table.pack(client, err))
  if not client then return end
  for _, event in ipairs { "connectionCreated", "connectionRemoved", "connectionUnhealthy", "poolReady", "acquireTimeout" } do
    client:on(event, function(...) show(event, table.pack(...)) end)
  end
  local result, failure = client.core.listNamespace { timeout = 5000 }
  if result then worked = worked + 1 end
  show("failure", failure)
  show("stream", table.pack(client.core.readNamespacedPodLog("none", "default", { follow = true, timeout = 3000 })))
  show("write", table.pack(client.core.createNamespacedConfigMap("default", { metadata = { name = "n" .. index } }, { timeout = 3000 })))
  show("statistics", client:getPoolStats())
  show("misuse", table.pack(pcall(client.core.listNamespace, { token = 1 })))
  local manager = moonpool.ConnectionManager {}
  for _, event in ipairs { "clusterHealthy", "clusterUnhealthy", "failover" } do
    manager:on(event, function(...) show(event, table.pack(...)) end)
  end
  show("added", table.pack(manager:addCluster { name = "one", kubeConfig = kubeConfig }))
  show("checked", table.pack(pcall(manager.checkHealth, manager)))
  local one, lease = manager:acquire()
  show("acquired", table.pack(one, lease))
  if one then manager:release(one, lease) end
  show("manager", table.pack(manager, manager:getStats()))
  manager:dispose()
  client:dispose()
end

for index = 1, #users do
  local ok, problem = pcall(try, index)
  if not ok then show("raised", problem) end
end
for _, name in ipairs { "cmdline", "environ" } do -- of this process, and what it was started with
  for bytes in io.lines("/proc/self/" .. name, 4096) do print((bytes:gsub("%z", "\n"):gsub(mark:gsub("%-", "%%-") .. "\n", ""))) end
end
print("worked: " .. worked)
issuer:close()
group:stop()
