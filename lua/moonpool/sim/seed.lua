-- seed.lua: what is in a simulated cluster from the start: nodes, namespaces, deployments with their replica sets and pods, each with the
-- status that controllers and kubelets would have written. The same seed gives the same cluster (but for the time of day). On request also
-- what scripts look for: stuck pods, with events, and secrets with certificates that end.

local core = require("moonpool.core")
local rest = require("moonpool.sim.rest")
local defaults = require("moonpool.sim.defaults")

local seed = {}

local APPS = { "frontend", "checkout", "cart", "payments", "search", "catalog", "users", "mailer", "reports", "gateway", "billing",
  "images", "ledger", "notifier", "sessions", "pricing" }
local TEAMS = { "shop", "core", "data", "growth" }
local TIERS = { "web", "api", "worker" }
local REPLICAS = 5 -- pods of a deployment, as long as there are enough

local SYSTEM_NAMESPACES = { "default", "kube-node-lease", "kube-public", "kube-system" }

--- How many seconds ago things were made.
local AGE = { cluster = 40 * 86400, deployment = 9 * 86400, pod = 2 * 86400 }

local function letters(cluster, count)
  local alphabet, result = "bcdfghjklmnpqrstvwxz2456789", {}
  for index = 1, count do
    local choice = cluster.random(#alphabet)
    result[index] = alphabet:sub(choice, choice)
  end
  return table.concat(result)
end

local function put(cluster, group, plural, object)
  local resource = cluster:resource(group, plural)
  object.metadata.uid = object.metadata.uid or cluster.uid()
  defaults.apply(resource, object)
  return cluster.store:put(resource, rest.keyOf(resource, object.metadata.namespace, object.metadata.name), object).object
end

local function addNamespace(cluster, name, labels)
  put(cluster, "", "namespaces", { metadata = { name = name, labels = labels, creationTimestamp = cluster.timestamp(-AGE.cluster) } })
end

local function condition(type, when, reason, message, value)
  return { type = type, status = value or "True", lastTransitionTime = when, reason = reason, message = message }
end

local function addNode(cluster, index)
  local made, name = cluster.timestamp(-AGE.cluster), ("node-%d"):format(index)
  local beat = cluster.timestamp(-cluster.random(60))
  local function nodeCondition(type, value, reason, message)
    return { type = type, status = value, lastHeartbeatTime = beat, lastTransitionTime = made, reason = reason, message = message }
  end
  local resources = { cpu = "16", memory = "65840724Ki", pods = "110", ["ephemeral-storage"] = "203070420Ki", ["hugepages-2Mi"] = "0" }
  put(cluster, "", "nodes", {
    metadata = { name = name, creationTimestamp = made, annotations = { ["node.alpha.kubernetes.io/ttl"] = "0" }, labels = {
      ["kubernetes.io/hostname"] = name, ["kubernetes.io/os"] = "linux", ["kubernetes.io/arch"] = "amd64",
      ["topology.kubernetes.io/zone"] = ("zone-%s"):format(("abc"):sub(index % 3 + 1, index % 3 + 1)),
      ["node.kubernetes.io/instance-type"] = "m5.4xlarge",
    } },
    spec = { podCIDR = ("10.244.%d.0/24"):format(index % 256), providerID = "sim:///" .. name },
    status = {
      capacity = resources, allocatable = resources,
      addresses = {
        { type = "InternalIP", address = ("10.0.%d.%d"):format(index // 250, index % 250 + 1) }, { type = "Hostname", address = name },
      },
      conditions = {
        nodeCondition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        nodeCondition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        nodeCondition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        nodeCondition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
      },
      nodeInfo = { kubeletVersion = "v1.28.0", kubeProxyVersion = "v1.28.0", osImage = "Debian GNU/Linux 12 (bookworm)",
        kernelVersion = "6.1.0-18-amd64", containerRuntimeVersion = "containerd://1.7.2", operatingSystem = "linux", architecture = "amd64",
        machineID = cluster.uid():gsub("-", ""), systemUUID = cluster.uid(), bootID = cluster.uid() },
    },
  })
  put(cluster, "coordination.k8s.io", "leases", {
    metadata = { name = name, namespace = "kube-node-lease", creationTimestamp = made },
    spec = { holderIdentity = name, leaseDurationSeconds = 40, renewTime = beat:gsub("Z$", ".000000Z") },
  })
end

local function podSpec(app, tier, image)
  return {
    serviceAccountName = "default", securityContext = { runAsNonRoot = true, runAsUser = 10001 },
    volumes = {
      { name = "config", configMap = { name = app .. "-config", defaultMode = 420 } },
      { name = "tmp", emptyDir = { sizeLimit = "1Gi" } },
    },
    containers = { {
      name = app, image = image, args = { "--listen=:8080", "--log-format=json", "--tier=" .. tier },
      ports = { { name = "http", containerPort = 8080, protocol = "TCP" }, { name = "metrics", containerPort = 9090, protocol = "TCP" } },
      env = {
        { name = "APP_NAME", value = app }, { name = "LOG_LEVEL", value = "info" },
        { name = "POD_NAME", valueFrom = { fieldRef = { apiVersion = "v1", fieldPath = "metadata.name" } } },
        { name = "POD_IP", valueFrom = { fieldRef = { apiVersion = "v1", fieldPath = "status.podIP" } } },
        { name = "DB_PASSWORD", valueFrom = { secretKeyRef = { name = app .. "-db", key = "password" } } },
      },
      resources = { requests = { cpu = "250m", memory = "256Mi" }, limits = { cpu = "1", memory = "512Mi" } },
      volumeMounts = { { name = "config", mountPath = "/etc/" .. app, readOnly = true }, { name = "tmp", mountPath = "/tmp" } },
      livenessProbe = { httpGet = { path = "/livez", port = "http", scheme = "HTTP" }, periodSeconds = 10, timeoutSeconds = 1,
        successThreshold = 1, failureThreshold = 3 },
      readinessProbe = { httpGet = { path = "/readyz", port = "http", scheme = "HTTP" }, periodSeconds = 5, timeoutSeconds = 1,
        successThreshold = 1, failureThreshold = 3 },
    } },
  }
end

--- One in thirty pods waits for a node, one in forty has crashed lately.
local function podStatus(cluster, app, image, node, made)
  if not node then
    return { phase = "Pending", conditions = { condition("PodScheduled", made, "Unschedulable",
      "0/3 nodes are available: insufficient cpu.", "False") } }
  end
  local crashed = cluster.random(40) == 1
  local ip = ("10.244.%d.%d"):format(cluster.random(250), cluster.random(250))
  return {
    phase = "Running", podIP = ip, podIPs = { { ip = ip } }, hostIP = "10.0.0." .. cluster.random(250), startTime = made,
    conditions = { condition("Initialized", made), condition("Ready", made, nil, nil, crashed and "False" or "True"),
      condition("ContainersReady", made, nil, nil, crashed and "False" or "True"), condition("PodScheduled", made) },
    containerStatuses = { {
      name = app, image = image, imageID = image .. "@sha256:" .. cluster.uid():gsub("-", ""):rep(2),
      started = not crashed, ready = not crashed,
      containerID = "containerd://" .. cluster.uid():gsub("-", ""):rep(2), restartCount = crashed and cluster.random(50) or 0,
      state = crashed and { waiting = { reason = "CrashLoopBackOff",
        message = ("back-off 5m0s restarting failed container=%s"):format(app) } } or { running = { startedAt = made } },
      lastState = {},
    } },
  }
end

local function owner(kind, apiVersion, object)
  return { { apiVersion = apiVersion, kind = kind, name = object.metadata.name, uid = object.metadata.uid, controller = true,
    blockOwnerDeletion = true } }
end

local function addDeployment(cluster, namespace, index, pods, nodes)
  local base = APPS[(index - 1) % #APPS + 1]
  local name = index > #APPS and ("%s-%d"):format(base, (index - 1) // #APPS + 1) or base
  local tier, team = TIERS[cluster.random(#TIERS)], TEAMS[cluster.random(#TEAMS)]
  local image = ("registry.example/%s:v1.%d.%d"):format(base, cluster.random(20), cluster.random(9))
  local made = cluster.timestamp(-AGE.deployment + cluster.random(86400))
  local labels = { app = name, tier = tier, team = team }
  local selector = { app = name }
  local spec = podSpec(name, tier, image)
  local function template(more)
    local all = { app = name, tier = tier, team = team }
    for key, value in pairs(more or {}) do all[key] = value end
    return { metadata = { labels = all }, spec = spec }
  end
  local available = 0
  local deployment = {
    metadata = { name = name, namespace = namespace, labels = labels, creationTimestamp = made, generation = 1, uid = cluster.uid(),
      annotations = { ["deployment.kubernetes.io/revision"] = "1" } },
  }
  local hash = letters(cluster, 10)
  local replicaSet = {
    metadata = { name = name .. "-" .. hash, namespace = namespace, creationTimestamp = made, generation = 1, uid = cluster.uid(),
      labels = { app = name, tier = tier, team = team, ["pod-template-hash"] = hash },
      ownerReferences = owner("Deployment", "apps/v1", deployment) },
  }
  for _ = 1, pods do
    local node = cluster.random(30) > 1 and ("node-%d"):format(cluster.random(nodes)) or nil
    local started = cluster.timestamp(-cluster.random(AGE.pod))
    local own = podSpec(name, tier, image)
    own.nodeName = node
    local pod = put(cluster, "", "pods", {
      metadata = {
        name = ("%s-%s"):format(replicaSet.metadata.name, letters(cluster, 5)), generateName = replicaSet.metadata.name .. "-",
        namespace = namespace, creationTimestamp = started, ownerReferences = owner("ReplicaSet", "apps/v1", replicaSet),
        labels = { app = name, tier = tier, team = team, ["pod-template-hash"] = hash },
        annotations = { ["prometheus.io/scrape"] = "true", ["prometheus.io/port"] = "9090" },
      },
      spec = own, status = podStatus(cluster, name, image, node, started),
    })
    local ready = pod.status.containerStatuses and pod.status.containerStatuses[1].ready
    available = available + (ready and 1 or 0)
  end
  local function workloadStatus(object)
    object.status = { observedGeneration = 1, replicas = pods, readyReplicas = available, availableReplicas = available }
    return object.status
  end
  replicaSet.spec = { replicas = pods, selector = { matchLabels = { app = name, ["pod-template-hash"] = hash } },
    template = template({ ["pod-template-hash"] = hash }) }
  workloadStatus(replicaSet).fullyLabeledReplicas = pods
  put(cluster, "apps", "replicasets", replicaSet)
  deployment.spec = { replicas = pods, selector = { matchLabels = selector }, template = template() }
  local status = workloadStatus(deployment)
  status.updatedReplicas = pods
  if available < pods then status.unavailableReplicas = pods - available end
  status.conditions = {
    condition("Available", made, available == pods and "MinimumReplicasAvailable" or "MinimumReplicasUnavailable",
      available == pods and "Deployment has minimum availability." or "Deployment does not have minimum availability.",
      available == pods and "True" or "False"),
    condition("Progressing", made, "NewReplicaSetAvailable",
      ('ReplicaSet "%s" has successfully progressed.'):format(replicaSet.metadata.name)),
  }
  put(cluster, "apps", "deployments", deployment)
  put(cluster, "", "configmaps", {
    metadata = { name = name .. "-config", namespace = namespace, labels = labels, creationTimestamp = made },
    data = { ["app.yaml"] = ("name: %s\ntier: %s\nlisten: :8080\n"):format(name, tier) } })
  put(cluster, "", "services", { metadata = { name = name, namespace = namespace, labels = labels, creationTimestamp = made },
    spec = { selector = selector, ports = { { name = "http", port = 80, targetPort = "http", protocol = "TCP" } } } })
end

--- Pods that get nowhere: what their containers' statuses say, and the events about them.
local STUCK = {
  { app = "printer", phase = "Pending", restarts = 0, state = { waiting = { reason = "ImagePullBackOff",
      message = 'Back-off pulling image "registry.example/printer:v9"' } },
    event = { "Failed", 'Failed to pull image "registry.example/printer:v9": manifest unknown' } },
  { app = "indexer", phase = "Running", restarts = 17, state = { waiting = { reason = "CrashLoopBackOff",
      message = "back-off 5m0s restarting failed container=indexer" } },
    lastState = { terminated = { reason = "Error", exitCode = 3 } }, event = { "BackOff", "Back-off restarting failed container" } },
  { app = "resizer", phase = "Running", restarts = 6, state = { waiting = { reason = "CrashLoopBackOff",
      message = "back-off 2m40s restarting failed container=resizer" } },
    lastState = { terminated = { reason = "OOMKilled", exitCode = 137 } }, event = { "BackOff", "Back-off restarting failed container" } },
  { app = "trainer", phase = "Pending", event = { "FailedScheduling", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu." } },
}

local function addEvent(cluster, object, reason, message, count)
  local when = cluster.timestamp(-cluster.random(600))
  put(cluster, "", "events", {
    metadata = { name = ("%s.%s"):format(object.metadata.name, letters(cluster, 10)), namespace = object.metadata.namespace,
      creationTimestamp = when },
    type = "Warning", reason = reason, message = message, count = count, firstTimestamp = when, lastTimestamp = when,
    involvedObject = { kind = "Pod", apiVersion = "v1", name = object.metadata.name, namespace = object.metadata.namespace,
      uid = object.metadata.uid },
    source = { component = reason == "FailedScheduling" and "default-scheduler" or "kubelet" },
  })
end

local function addStuckPod(cluster, namespace, stuck)
  local made, image = cluster.timestamp(-AGE.pod), ("registry.example/%s:v9"):format(stuck.app)
  local spec = podSpec(stuck.app, "worker", image)
  spec.nodeName = stuck.state and "node-1" or nil
  local scheduled = condition("PodScheduled", made)
  if not stuck.state then scheduled = condition("PodScheduled", made, "Unschedulable", stuck.event[2], "False") end
  local pod = put(cluster, "", "pods", {
    metadata = { name = ("%s-%s"):format(stuck.app, letters(cluster, 5)), namespace = namespace, creationTimestamp = made,
      labels = { app = stuck.app, trouble = "true" } },
    spec = spec,
    status = { phase = stuck.phase, startTime = stuck.state and made or nil, conditions = { scheduled },
      containerStatuses = stuck.state and { { name = stuck.app, image = image, imageID = "", ready = false, started = false,
        restartCount = stuck.restarts, state = stuck.state, lastState = stuck.lastState or {} } } or nil },
  })
  addEvent(cluster, pod, stuck.event[1], stuck.event[2], math.max(1, stuck.restarts or 1))
end

--- Certificates in secrets, by how many days they still last.
local CERTIFICATES = { { "mail-tls", -3 }, { "web-tls", 10 }, { "api-tls", 200 } }

local function addCertificates(cluster, namespace)
  local authority = core.pki.authority("sim-ca")
  for _, entry in ipairs(CERTIFICATES) do
    local host = entry[1]:gsub("%-tls$", ".example")
    local certificate, key = authority:issue { commonName = host, altNames = { host }, usage = "server", notBefore = -90 * 86400,
      notAfter = entry[2] * 86400 + 3600 }
    put(cluster, "", "secrets", { type = "kubernetes.io/tls",
      metadata = { name = entry[1], namespace = namespace, creationTimestamp = cluster.timestamp(-90 * 86400) },
      data = { ["tls.crt"] = core.base64(certificate), ["tls.key"] = core.base64(key) } })
  end
end

--- Fills an empty cluster.
---@param cluster moonpool.sim.Cluster
---@param options { pods: integer, nodes: integer, namespaces: integer, troubles: boolean }
function seed.fill(cluster, options)
  for _, name in ipairs(SYSTEM_NAMESPACES) do addNamespace(cluster, name, { ["kubernetes.io/metadata.name"] = name }) end
  for index = 1, options.nodes do addNode(cluster, index) end
  local names = {}
  for index = 1, options.namespaces do
    local team = TEAMS[(index - 1) % #TEAMS + 1]
    names[index] = index > #TEAMS and ("%s-%d"):format(team, (index - 1) // #TEAMS + 1) or team
    addNamespace(cluster, names[index], { ["kubernetes.io/metadata.name"] = names[index], team = team })
  end
  for _, namespace in ipairs({ "default", table.unpack(names) }) do
    put(cluster, "", "serviceaccounts", { metadata = { name = "default", namespace = namespace,
      creationTimestamp = cluster.timestamp(-AGE.cluster) } })
  end
  local left, number = #names > 0 and options.pods or 0, 0
  while left > 0 do
    local pods = math.min(left, REPLICAS)
    addDeployment(cluster, names[number % #names + 1], number // #names + 1, pods, options.nodes)
    left, number = left - pods, number + 1
  end
  if options.troubles and names[1] then
    for _, stuck in ipairs(STUCK) do addStuckPod(cluster, names[1], stuck) end
    addCertificates(cluster, names[1])
  end
  cluster.store:compact()
end

return seed
