-- podlist.lua FOLDER COUNT PAGE: writes FOLDER/pods.json, a PodList as a kube-apiserver sends it (about 6 KB a pod), and
-- the same in pages of PAGE pods as FOLDER/page-0.json, page-500.json, ..., each naming the next in its `continue`.

local folder, count, pageSize = arg[1], math.tointeger(arg[2]), math.tointeger(arg[3])

-- Line breaks and indentation are removed; $word is replaced, per pod.
local template = [[
{"metadata":{"name":"$app-$hash-$suffix","generateName":"$app-$hash-","namespace":"$namespace",
 "uid":"$uid","resourceVersion":"$version","creationTimestamp":"2024-05-14T09:26:53Z",
 "labels":{"app.kubernetes.io/name":"$app","app.kubernetes.io/instance":"$app-$namespace","pod-template-hash":"$hash","team":"team-$team"},
 "annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"9102","checksum/config":"$checksum"},
 "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"$app-$hash","uid":"$owner","controller":true,"blockOwnerDeletion":true}],
 "managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2024-05-14T09:26:53Z",
  "fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:checksum/config":{},"f:prometheus.io/port":{},
  "f:prometheus.io/scrape":{}},"f:generateName":{},"f:labels":{".":{},"f:app.kubernetes.io/name":{},"f:pod-template-hash":{},"f:team":{}},
  "f:ownerReferences":{".":{},"k:{\"uid\":\"$owner\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"$app\"}":{".":{},"f:env":{".":{}},
  "f:image":{},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:name":{}}}},
  "k:{\"name\":\"metrics\"}":{".":{},"f:image":{},"f:name":{}}},"f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{}}}},
  {"manager":"kubelet","operation":"Update","apiVersion":"v1","time":"2024-05-14T09:27:08Z","fieldsType":"FieldsV1",
  "fieldsV1":{"f:status":{"f:conditions":{"k:{\"type\":\"ContainersReady\"}":{".":{},"f:lastProbeTime":{},"f:status":{},"f:type":{}},
  "k:{\"type\":\"Ready\"}":{".":{},"f:lastProbeTime":{},"f:status":{},"f:type":{}}},"f:containerStatuses":{},"f:hostIP":{},"f:phase":{},
  "f:podIP":{},"f:startTime":{}}}}]},
"spec":{"volumes":[{"name":"config","configMap":{"name":"$app-config","defaultMode":420}},{"name":"cache","emptyDir":{}},
 {"name":"kube-api-access-$suffix","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},
 {"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},
 {"downwardAPI":{"items":[{"path":"namespace","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}],"defaultMode":420}}],
 "containers":[{"name":"$app","image":"registry.example.com/shop/$app:2.41.7","command":["/usr/bin/$app"],
 "args":["--listen=:8080","--config=/etc/$app/config.yaml","--shutdown-delay=10s"],
 "ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],
 "env":[{"name":"LOG_LEVEL","value":"info"},{"name":"GOMAXPROCS","value":"2"},
 {"name":"POD_NAME","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}},
 {"name":"DATABASE_PASSWORD","valueFrom":{"secretKeyRef":{"name":"$app-database","key":"password"}}}],
 "resources":{"limits":{"memory":"512Mi"},"requests":{"cpu":"250m","memory":"256Mi"}},
 "volumeMounts":[{"name":"config","readOnly":true,"mountPath":"/etc/$app"},{"name":"cache","mountPath":"/var/cache/$app"},
 {"name":"kube-api-access-$suffix","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],
 "livenessProbe":{"httpGet":{"path":"/healthz","port":"http","scheme":"HTTP"},"initialDelaySeconds":10,"timeoutSeconds":1,"periodSeconds":10,
 "successThreshold":1,"failureThreshold":3},"terminationMessagePath":"/dev/termination-log",
 "terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent","securityContext":{"runAsNonRoot":true,"allowPrivilegeEscalation":false}},
 {"name":"metrics","image":"registry.example.com/platform/metrics:1.9.0","ports":[{"name":"metrics","containerPort":9102,"protocol":"TCP"}],
 "resources":{"limits":{"memory":"64Mi"},"requests":{"cpu":"20m","memory":"32Mi"}},"terminationMessagePath":"/dev/termination-log",
 "terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],
 "restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","nodeSelector":{"kubernetes.io/os":"linux"},
 "serviceAccountName":"$app","serviceAccount":"$app","nodeName":"node-$node","securityContext":{"fsGroup":1000},"schedulerName":"default-scheduler",
 "tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},
 {"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],
 "priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"},
"status":{"phase":"Running","conditions":[
 {"type":"Initialized","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-05-14T09:26:53Z"},
 {"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-05-14T09:27:08Z"},
 {"type":"ContainersReady","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-05-14T09:27:08Z"},
 {"type":"PodScheduled","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-05-14T09:26:53Z"}],
 "hostIP":"10.1.0.$node","podIP":"10.$team.$node.$team","podIPs":[{"ip":"10.$team.$node.$team"}],"startTime":"2024-05-14T09:26:53Z",
 "containerStatuses":[{"name":"$app","state":{"running":{"startedAt":"2024-05-14T09:26:58Z"}},"lastState":{},"ready":true,"restartCount":$restarts,
 "image":"registry.example.com/shop/$app:2.41.7","imageID":"registry.example.com/shop/$app@sha256:$checksum","containerID":"containerd://$checksum",
 "started":true},{"name":"metrics","state":{"running":{"startedAt":"2024-05-14T09:26:59Z"}},"lastState":{},"ready":true,"restartCount":0,
 "image":"registry.example.com/platform/metrics:1.9.0","imageID":"registry.example.com/platform/metrics@sha256:$checksum",
 "containerID":"containerd://$checksum","started":true}],"qosClass":"Burstable"}}]]
template = template:gsub("\n%s*", "")

math.randomseed(7)
local function hex(length)
  return (("x"):rep(length):gsub("x", function() return ("%x"):format(math.random(0, 15)) end))
end
local function uid() return ("%s-%s-4%s-a%s-%s"):format(hex(8), hex(4), hex(3), hex(3), hex(12)) end

local apps = { "checkout", "catalogue", "payments", "search", "frontend", "mailer", "inventory", "reviews" }

local function pod(index)
  local deployment = index // 10
  local values = {
    app = apps[deployment % #apps + 1], hash = ("%010x"):format(deployment * 7919 + 4294967296), suffix = ("%05d"):format(index),
    namespace = "ns-" .. deployment % 10, team = deployment % 7, node = index % 40, version = 100000 + index,
    uid = uid(), owner = uid(), checksum = hex(64), restarts = index % 3,
  }
  return (template:gsub("%$(%a+)", values))
end

local function writeList(name, pods, first, last, continue)
  local file <close> = assert(io.open(folder .. "/" .. name, "wb"))
  local metadata = continue and ('{"resourceVersion":"200000","continue":"%d","remainingItemCount":%d}'):format(last, #pods - last)
    or '{"resourceVersion":"200000"}'
  file:write('{"kind":"PodList","apiVersion":"v1","metadata":', metadata, ',"items":[', table.concat(pods, ",", first, last), "]}\n")
end

local pods = {}
for index = 1, count do pods[index] = pod(index) end
writeList("pods.json", pods, 1, count)
for first = 1, count, pageSize do
  local last = math.min(first + pageSize - 1, count)
  writeList(("page-%d.json"):format(first - 1), pods, first, last, last < count)
end
