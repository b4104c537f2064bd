---@meta moonpool
-- What `require "moonpool"` gives, for editors (LuaLS). Made from the code by `make reference`: do not edit.

--- What `require "moonpool"` returns. Beside what is listed it has a class for each API group and version, for makeApiClient: CoreV1Api, AppsV1Api, BatchV1Api, NetworkingV1Api, ..., also other versions (BatchV1beta1Api) and the best one that the cluster serves (BatchApi).
---@class moonpool
---@field NetworkingV1Api moonpool.ApiClass
---@field RbacAuthorizationV1Api moonpool.ApiClass
---@field PolicyV1Api moonpool.ApiClass
---@field AutoscalingV2Api moonpool.ApiClass
---@field StorageV1Api moonpool.ApiClass
---@field CoordinationV1Api moonpool.ApiClass
---@field EventsV1Api moonpool.ApiClass
---@field ApiextensionsV1Api moonpool.ApiClass
---@field ApiregistrationV1Api moonpool.ApiClass
---@field AdmissionregistrationV1Api moonpool.ApiClass
---@field DiscoveryV1Api moonpool.ApiClass
---@field SchedulingV1Api moonpool.ApiClass
---@field CertificatesV1Api moonpool.ApiClass
---@field AuthenticationV1Api moonpool.ApiClass
---@field AuthorizationV1Api moonpool.ApiClass
---@field NodeV1Api moonpool.ApiClass
---@field FlowcontrolApiserverV1Api moonpool.ApiClass
---@field InternalApiserverV1alpha1Api moonpool.ApiClass
---@field ExtensionsV1beta1Api moonpool.ApiClass
---@field CoreV1Api moonpool.ApiClass Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.
---@field AppsV1Api moonpool.ApiClass Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.
---@field BatchV1Api moonpool.ApiClass Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.
---@field version string The version of moonpool.
---@field json moonpool.json Loses nothing: 64-bit integers, [] beside {}, null in lists.
---@field yaml moonpool.yaml YAML 1.1 as Kubernetes writes it, read into the same values as JSON.
---@field null userdata JSON's null, only needed where leaving a field out would mean something else.
---@field log moonpool.log Log lines of scripts and of the runtime: to standard error, or to loggers.
---@field LoadBalancingStrategy moonpool.LoadBalancingStrategy The strategies that are built in.
---@field strategies moonpool.strategies Strategies to choose by name.
---@field http moonpool.http HTTP servers of scripts.
---@field console moonpool.console The prompt of a running program, for `moonpool attach`.
local moonpool = {}

--- Makes a client. Reads the kubeconfig and starts the pool's warm-up; waits for no network.
--- 
--- ```lua
--- local client <close> = assert(moonpool.KubernetesClient {
---   context = "prod-eu", connectionPoolConfig = { maxConnections = 20 },
--- })
--- print(#assert(client.core.listNamespace()).items)
--- ```
---@param options? moonpool.ClientOptions
---@return moonpool.KubernetesClient?
---@return moonpool.Error?
function moonpool.KubernetesClient(options) end

--- A pool of connections to the cluster of one context. Starts warm-up; waits for no network.
---@param context string the context of the kubeconfig to use
---@param kubeConfigFactory fun(): moonpool.KubeConfig called once, here
---@param options? moonpool.PoolOptions
---@return moonpool.ConnectionPool?
---@return moonpool.Error?
function moonpool.ConnectionPool(context, kubeConfigFactory, options) end

--- An empty kubeconfig, to be loaded.
---@return moonpool.KubeConfig
function moonpool.KubeConfig() end

--- Marks a table as a list, so that it is written as [] when it is empty; returns it.
---@param t table
---@return table
function moonpool.array(t) end

--- Begins a task: fn(...) runs when the caller waits the next time.
--- 
--- ```lua
--- local task = moonpool.spawn(function() return client.core.listNode() end)
--- local nodes, err = task:join()
--- ```
---@param fn function
---@param ... any its arguments
---@return moonpool.Task
function moonpool.spawn(fn, ...) end

--- Waits so long; other tasks run meanwhile.
---@param ms integer
function moonpool.sleep(ms) end

--- Calls fn every `ms` milliseconds in a task of its own, for the first time after `ms`, until the timer is stopped. Calls never overlap: a call that takes longer makes the next ones due in between fall out. An error in fn is logged.
---@param ms integer
---@param fn fun()
---@return moonpool.Timer
function moonpool.every(ms, fn) end

--- Calls fn(item, index) for every item of a list, some at a time. Waits for all.
--- 
--- Results stand in the order of the list; `results.n` is its length. Where fn returned nil and something, that something is in `errors` under the same index; `errors` is nil when there was none. When fn raises, no further item is begun, the tasks under way are cancelled, and the first error is raised again.
--- 
--- ```lua
--- local counts = moonpool.map({ "default", "kube-system" }, function(namespace)
---   return #assert(client.resources.pods.list { namespace = namespace }).items
--- end)
--- ```
---@param list T[]
---@param fn fun(item: T, index: integer): R?, any
---@param options? moonpool.MapOptions
---@return R[] results
---@return table<integer, any>? errors
function moonpool.map(list, fn, options) end

--- Delivers what is ready (events, tasks, timers), for so many ms. For stock Lua; in a task the same as sleep.
---@param ms? integer default 0
function moonpool.poll(ms) end

--- Runs until no task and no timer is left. For stock Lua: the program does that by itself when the script's main part is over.
function moonpool.run() end

--- Several clusters behind one. Clusters are added afterwards.
--- 
--- ```lua
--- local manager <close> = moonpool.ConnectionManager {
---   loadBalancingStrategy = moonpool.LoadBalancingStrategy.LEAST_CONNECTIONS,
--- }
--- assert(manager:addCluster { name = "eu", context = "prod-eu", weight = 3, labels = { env = "prod" } })
--- ```
---@param options? moonpool.ManagerOptions
---@return moonpool.ConnectionManager
function moonpool.ConnectionManager(options) end

--- Calls to one cluster over a pool of connections; or, made by a manager, to several. API groups are fields: client.core, client.apps, client.batch, client.networking, ..., any other by its full name, as in client["example.com"] or client["example.com/v1"]. Its own methods are called with a colon; `<close>` disposes of it.
---@class moonpool.KubernetesClient
---@field networking moonpool.NetworkingV1Api
---@field rbac moonpool.RbacAuthorizationV1Api
---@field policy moonpool.PolicyV1Api
---@field autoscaling moonpool.AutoscalingV2Api
---@field storage moonpool.StorageV1Api
---@field coordination moonpool.CoordinationV1Api
---@field events moonpool.EventsV1Api
---@field apiextensions moonpool.ApiextensionsV1Api
---@field apiregistration moonpool.ApiregistrationV1Api
---@field admissionregistration moonpool.AdmissionregistrationV1Api
---@field discovery moonpool.DiscoveryV1Api
---@field scheduling moonpool.SchedulingV1Api
---@field certificates moonpool.CertificatesV1Api
---@field authentication moonpool.AuthenticationV1Api
---@field authorization moonpool.AuthorizationV1Api
---@field node moonpool.NodeV1Api
---@field flowcontrol moonpool.FlowcontrolApiserverV1Api
---@field internalApiserver moonpool.InternalApiserverV1alpha1Api
---@field extensions moonpool.ExtensionsV1beta1Api
---@field core moonpool.CoreV1Api the group without a name: pods, nodes, secrets, ...
---@field apps moonpool.AppsV1Api deployments, daemon sets, ...
---@field batch moonpool.BatchV1Api jobs and cron jobs
---@field resources moonpool.Resources kinds by their everyday names: client.resources.pods.list()
---@field custom moonpool.CustomObjectsApi for scripts that name group, version and plural themselves
local KubernetesClient = {}

--- How its pool is, as ConnectionPool:getStats. A client over several clusters has none: see ConnectionManager:getStats.
---@return moonpool.PoolStats
function KubernetesClient:getPoolStats() end

--- Whom it talks to, and as whom.
---@return moonpool.ClientInfo
function KubernetesClient:info() end

--- Events of its pool, as ConnectionPool:on. A manager's client has none: the manager has them.
---@param event moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function KubernetesClient:on(event, handler) end

--- The same for the next such event only.
---@param event moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function KubernetesClient:once(event, handler) end

--- Ends a subscription: its handler is not called any more, also not for what was queued.
---@param subscription moonpool.Subscription
---@return boolean # false: it was over already
function KubernetesClient:off(subscription) end

--- Any request: `client:request { path = "/version" }`. Waits.
---@param fields moonpool.RawRequest
---@return any body decoded, where it is JSON; nil on failure
---@return moonpool.Error? err
---@return { status: integer, headers: table<string, string> }? answer
function KubernetesClient:request(fields) end

--- Closes the pool (of a manager's client: only this client). Calls that wait for a connection get "closed", those under way have 5 s to end and leases to come back, watches and followed logs end. Waits until it is drained. Twice is fine.
function KubernetesClient:dispose() end

---@class moonpool.ClientOptions
---@field kubeConfigPath string? only this file; default: $KUBECONFIG, ~/.kube/config, in-cluster
---@field kubeConfig moonpool.KubeConfig? instead of a path
---@field context string? default: the current context
---@field enableConnectionPooling boolean? false: a connection per call; default true
---@field connectionPoolConfig moonpool.PoolOptions? of its pool
---@field logger moonpool.Logger? gets what the runtime would log to standard error

---@class moonpool.ClientInfo
---@field name string
---@field context string?
---@field cluster string? as the kubeconfig calls it
---@field namespace string? the context's: of calls on `resources` that name none
---@field server string?
---@field user string?
---@field clusters string[]? of a client over several: their names

--- What client:request takes.
---@class moonpool.RawRequest: moonpool.CallOptions
---@field path string with a leading "/", percent-encoded
---@field method string? default "GET"
---@field body table|string? a table, or its text
---@field contentType string? of the body; default "application/json"
---@field accept string? default "application/json"

--- The methods of one API group: <verb>[Namespaced]<Kind>[ForAllNamespaces][<Subresource>], the verb one of list, read, create, replace, patch, delete, deleteCollection, watch, connect<Method>. They are called with a dot; arguments come in the order name, namespace, body, and options last in one table; or all of them named in one table.
---@class moonpool.Api
---@field getAPIResources fun(options: moonpool.CallOptions?): table?, moonpool.Error? what kinds the group has, as the server says
---@field getAPIGroup fun(options: moonpool.CallOptions?): table?, moonpool.Error? what versions the group has
---@field getAPIVersions fun(options: moonpool.CallOptions?): table?, moonpool.Error? the same

--- Kinds by any of their names: client.resources.pods, .pod, .po, .deployment, ["widgets.example.com"].
---@class moonpool.Resources
---@field [string] moonpool.Resource

--- The verbs on a kind. They are called with a dot: client.resources.pods.list { namespace = "default" }.
---@class moonpool.Resource
local Resource = {}

--- All objects in one table, or a page of them (`limit`, `continue`). Waits.
---@param options moonpool.ListOptions|moonpool.ResourceOptions|nil
---@return table? list its `items` are the objects
---@return moonpool.Error?
function Resource.list(options) end

--- One object. Waits.
---@param name string|table the name, or all in one table
---@param options moonpool.ReadOptions|moonpool.ResourceOptions|nil
---@return table? object
---@return moonpool.Error?
function Resource.get(name, options) end

--- Makes an object. With `subresource` (eviction, binding, token) the object's metadata.name says of what. Waits.
---@param object table
---@param options moonpool.WriteOptions|moonpool.ResourceOptions|nil
---@return table? object as it is now
---@return moonpool.Error?
function Resource.create(object, options) end

--- Writes an object that was read and changed; fails with kind "conflict" when it was changed meanwhile. Waits.
---@param object table
---@param options moonpool.WriteOptions|moonpool.ResourceOptions|nil
---@return table? object as it is now
---@return moonpool.Error?
function Resource.replace(object, options) end

--- Changes part of an object. A list is a JSON patch, a table a strategic merge patch (custom resources: a merge patch); `patchType` = "json", "merge" or "strategic" says otherwise. Waits.
---@param name string
---@param patch table|string
---@param options moonpool.PatchOptions|moonpool.ResourceOptions|nil
---@return table? object as it is now
---@return moonpool.Error?
function Resource.patch(name, patch, options) end

--- Server-side apply: makes the object or brings its fields to these values, as `fieldManager` (default "moonpool"). Fields of another manager are a conflict unless `force`. Waits.
--- 
--- ```lua
--- assert(client.resources.configmaps.apply { metadata = { name = "motd", namespace = "default" }, data = { text = "hello" } })
--- ```
---@param object table
---@param options moonpool.PatchOptions|moonpool.ResourceOptions|nil
---@return table? object as it is now
---@return moonpool.Error?
function Resource.apply(object, options) end

--- Deletes one object; gives the object or the server's Status. Waits.
---@param name string|table the name, or all in one table
---@param options moonpool.DeleteOptions|moonpool.ResourceOptions|nil
---@return table? object
---@return moonpool.Error?
function Resource.delete(name, options) end

--- `for object in resource.each { labelSelector = "app=web" }`: page by page (`limit` objects each, default 500), in the memory of one page. Raises the error object when a page cannot be had, as io.lines does.
--- 
--- A list read this way is one consistent state of the cluster. When that takes so long that the server has forgotten it (410, after 5 minutes or more), the server may offer to go on with the rest as it is now: then that is done, with a warning in the log. Otherwise the loop ends with an error of kind "gone".
---@param options moonpool.ListOptions|moonpool.ResourceOptions|nil
---@return fun(): table? iterator
function Resource.each(options) end

--- `for event in resource.watch { namespace = "default" } do print(event.type, event.object.metadata.name) end`: what is there and then every change, without an end unless `timeout` (ms) is given. Raises the error object when it cannot go on.
---@param options moonpool.WatchOptions|moonpool.ResourceOptions|nil
---@return moonpool.Watcher
function Resource.watch(options) end

--- Waits until one object is as wished: a condition ("Available", "Ready=False"), "exists", "deleted", or a function that is given the object and returns true. Gives the object (true for "deleted"), or nil and an error of kind "timeout" that says what was last seen.
--- 
--- ```lua
--- assert(client.resources.deployments.wait("cart", "Available", { namespace = "shop", timeout = 120000 }))
--- ```
---@param name string
---@param condition? string|fun(object: table): boolean
---@param options? moonpool.WaitOptions
---@return table|true|nil object
---@return moonpool.Error?
function Resource.wait(name, condition, options) end

--- Methods named <verb>Namespaced|ClusterCustomObject[Status|Scale], the verb one of list, get, create, replace, patch, delete, deleteCollection. Arguments: group, version, namespace (of namespaced ones), plural, name (of one object), body, options.
---@class moonpool.CustomObjectsApi

--- Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.
---@class moonpool.ApiClass
---@field name string
---@field group string "": the one of pods and nodes
---@field version string? nil: the best version the cluster serves

--- Options of every API call that concern its way, not its meaning.
---@class moonpool.CallOptions
---@field timeout integer? ms for the whole call, waiting and retries included; 0: none. Watches and followed logs have none unless it is given. How long a connection may take to be made is the pool's connectTimeout; default 60000 (1 min)
---@field firstByteTimeout integer? ms from sending until the answer begins; 0: none
---@field idleTimeout integer? ms of silence while the answer comes; 0: none
---@field retries integer? further attempts where that is safe; when the server says how long to wait, 9 instead of the default; default 3
---@field maxBodySize integer? bytes; a larger answer is an error; default 1073741824 (1 GiB)
---@field gzip boolean? whether to ask for a compressed answer; default: unless the server is near
---@field raw boolean? the answer's text instead of a decoded table
---@field headers table<string, string>? further request headers
---@field query table<string, string|number|boolean>? further query parameters
---@field cluster string? of a client that chooses among several: in this one only
---@field key string? of a client that chooses among several: what its strategy goes by, where it does

--- Of every method of an API group and every verb on a kind.
---@class moonpool.ApiOptions: moonpool.CallOptions
---@field pretty boolean? the server is to indent its answer

--- Beside the options of the verb, every method on a kind takes these.
---@class moonpool.ResourceOptions
---@field namespace string? default: of list, each and watch all namespaces, else the object's own, else the context's
---@field subresource string? "status", "scale", "eviction", ...

---@class moonpool.ListOptions: moonpool.ApiOptions
---@field limit integer? a page of at most so many objects; 0: all
---@field continue string? the page after the one whose metadata.continue this is
---@field labelSelector string|table? "app=web,tier!=db", or a table: { app = "web", tier = { "a", "b" }, canary = false }
---@field fieldSelector string|table? "status.phase=Running", or a table
---@field resourceVersion string? not older than this; "0": whatever the server has at hand
---@field resourceVersionMatch string? "NotOlderThan" or "Exact"
---@field timeoutSeconds integer? s after which the server ends the call

---@class moonpool.ReadOptions: moonpool.ApiOptions
---@field resourceVersion string? not older than this

---@class moonpool.LogOptions: moonpool.ApiOptions
---@field container string? needed where the pod has several
---@field follow boolean? goes on with what is logged from now on: the call returns a moonpool.Lines, has no timeout unless it is given, and ends after 10 minutes of silence (idleTimeout)
---@field previous boolean? of the container before the last restart
---@field sinceSeconds integer? s: what is not older
---@field sinceTime string? what is not older than this moment (RFC 3339)
---@field tailLines integer? only the last so many lines
---@field timestamps boolean? each line with its time
---@field limitBytes integer? bytes
---@field insecureSkipTLSVerifyBackend boolean? the server is not to verify the kubelet's certificate
---@field stream string? "All", "Stdout" or "Stderr"

--- Of create and replace.
---@class moonpool.WriteOptions: moonpool.ApiOptions
---@field dryRun boolean|string? true (or "All"): the server checks everything and changes nothing
---@field fieldManager string? who changes, for server-side apply
---@field fieldValidation string? unknown fields: "Ignore", "Warn" or "Strict"

---@class moonpool.PatchOptions: moonpool.WriteOptions
---@field patchType string? "json", "merge", "strategic" or "apply"; default: by the patch (a list is a JSON patch) and the kind
---@field force boolean? with patchType = "apply": takes over fields of other managers

---@class moonpool.DeleteOptions: moonpool.ApiOptions
---@field gracePeriodSeconds integer? s; 0: at once
---@field propagationPolicy string? of what it owns: "Orphan", "Background" or "Foreground"
---@field orphanDependents boolean? the older form of propagationPolicy
---@field preconditions table? uid and resourceVersion that the object must have
---@field dryRun boolean|string? true (or "All"): the server checks everything and changes nothing

---@class moonpool.DeleteCollectionOptions: moonpool.ListOptions, moonpool.DeleteOptions

---@class moonpool.WatchOptions: moonpool.ApiOptions
---@field labelSelector string|table? as of a list
---@field fieldSelector string|table? as of a list
---@field resourceVersion string? from then on; default: what is there now comes first, as events of type "ADDED"
---@field resourceVersionMatch string? "NotOlderThan" or "Exact"
---@field timeoutSeconds integer? s after which the server ends it, and it is asked for again; default: 300 to 600
---@field allowWatchBookmarks boolean? the script wants to see events of type "BOOKMARK"
---@field sendInitialEvents boolean? the server sends what is there, in place of a list

---@class moonpool.ConnectOptions: moonpool.ApiOptions
---@field path string? below the proxied service
---@field command string|string[]? of exec
---@field container string? needed where the pod has several
---@field stdin boolean? connects the command's standard input
---@field stdout boolean? connects the command's standard output
---@field stderr boolean? connects the command's standard error
---@field tty boolean? gives the command a terminal
---@field ports integer|integer[]? of portforward
---@field body table|string? of a proxied POST, PUT or PATCH

---@class moonpool.WaitOptions
---@field namespace string? default: the context's
---@field timeout integer? ms; 0: for ever; default 60000 (1 min)
---@field cluster string? of a client that chooses among several: in this one only
---@field key string? of a client that chooses among several: what its strategy goes by, where it does

--- The changes of a set of objects: `for event in watcher do`. It outlives connections, servers that end it and forgotten versions. `close`, or leaving the loop, ends it.
---@class moonpool.Watcher
local Watcher = {}

--- The next event; nil when the watch has ended (closed, or its time is over); nil and an error when it cannot go on. Waits.
---@return moonpool.WatchEvent?
---@return moonpool.Error?
function Watcher:next() end

--- Ends the watch. Twice is fine.
function Watcher:close() end

---@class moonpool.WatchEvent
---@field type string "ADDED", "MODIFIED", "DELETED"; "BOOKMARK" when allowWatchBookmarks was asked for
---@field object table of a DELETED one sometimes only its metadata

--- A streaming answer as lines: `for line in lines do`. Closing it (also by `<close>`) ends the stream.
---@class moonpool.Lines
local Lines = {}

--- The next line without its newline; nil at the end, nil and an error when the stream broke. Waits.
---@return string?
---@return moonpool.Error?
function Lines:read() end

--- Ends the stream. Twice is fine.
function Lines:close() end

--- A pool of connections to one cluster. Methods are called with a colon; `<close>` disposes of it.
---@class moonpool.ConnectionPool
local ConnectionPool = {}

--- Leases a connection for exclusive use. Give it back with `release`, or declare it `local conn <close>`. Waits up to acquireTimeout.
---@return moonpool.Connection?
---@return moonpool.Error?
function ConnectionPool:acquire() end

--- Gives a lease back; raises when it was given back already or is another pool's.
---@param connection moonpool.Connection
function ConnectionPool:release(connection) end

--- How the pool is.
---@return moonpool.PoolStats
function ConnectionPool:getStats() end

--- Calls handler(...) for every event of that name, from now on. Handlers may do whatever a script may.
---@param event moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function ConnectionPool:on(event, handler) end

--- The same for the next such event only.
---@param event moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function ConnectionPool:once(event, handler) end

--- Ends a subscription: its handler is not called any more, also not for what was queued.
---@param subscription moonpool.Subscription
---@return boolean # false: it was over already
function ConnectionPool:off(subscription) end

--- Closes the pool: waiters get "closed", watches and followed logs end, leases have 5 s to come back. Waits until it is drained. Twice is fine.
function ConnectionPool:dispose() end

---@class moonpool.PoolOptions
---@field maxConnections integer? at most so many, 1 or more; watches and followed logs have further ones; default 10
---@field minConnections integer? at least so many, kept up in the background; at most maxConnections; default 2
---@field maxIdleTime integer? ms after which an idle connection is closed, never below minConnections; 0: off; default 300000 (5 min)
---@field acquireTimeout integer? ms that a caller waits for a connection; default 30000 (30 s)
---@field healthCheckInterval integer? ms between checks of an idle connection; 0: off. Keep it below the 90 s after which API servers close idle connections; default 60000 (1 min)
---@field healthCheckRetries integer? further checks after one that failed, before the connection is replaced; default 3
---@field enableWarmup boolean? minConnections are made when the pool is; false: when one is wanted first; default true
---@field maxLifetime integer? ms after which a connection is replaced, for each 10 % more or less; 0: off; default 1800000 (30 min)
---@field connectTimeout integer? ms for name resolution, TCP and TLS together; default 10000 (10 s)
---@field healthCheckTimeout integer? ms that a check may take; default 3000 (3 s)
---@field maxStreamsPerConnection integer? calls that share a connection at a time; on HTTP/1.1 always 1; default 100
---@field maxConnecting integer? how many connections are made at once, beyond warm-up; default 2
---@field leakDetectionThreshold integer? ms after which a lease that was not given back is told as connectionLeaked; 0: off; default 0

--- `connection` is a moonpool.Connection with the values of the moment of the event.
---@alias moonpool.PoolEvent
---| "connectionCreated" # (connection) one was established, TLS included
---| "connectionAcquired" # (connection) it was leased, or a call was put on it
---| "connectionReleased" # (connection) it was given back, or the call is over
---| "connectionRemoved" # (connection, reason) it was closed; reason: "idle", "lifetime", "unhealthy", "error", "stale", "closed"
---| "connectionUnhealthy" # (connection, text) a check failed; it is checked again, and not handed out meanwhile
---| "connectionLeaked" # (connection, place) a lease is out for longer than leakDetectionThreshold; place: the line that acquired it
---| "acquireTimeout" # (text) somebody waited acquireTimeout for nothing
---| "poolReady" # (text) warm-up is over; text: nil, or why there are fewer than minConnections
---| "poolDrained" # () the pool was disposed of, and its last connection is closed
---| "error" # (raised, event) a handler of that event raised an error

--- A leased connection: one session with one API server. `<close>` gives it back, if it was not before.
---@class moonpool.Connection
---@field id integer of its pool, counted from 1
---@field useCount integer leases and calls so far
---@field age integer ms
---@field createdAt integer ms since 1970
local Connection = {}

--- Whom it talks to, and as whom.
---@return moonpool.ClientInfo
function Connection:info() end

--- Gives it back to its pool; raises when it was given back already.
function Connection:release() end

--- The methods of an API group over this very connection.
---@param class moonpool.ApiClass moonpool.CoreV1Api, moonpool.AppsV1Api, ...
---@return moonpool.Api
function Connection:makeApiClient(class) end

---@class moonpool.PoolStats
---@field total integer connections: idle, inUse and unhealthy together
---@field idle integer
---@field inUse integer leased, or with a call on them
---@field unhealthy integer a check failed, and they are checked again
---@field connecting integer being made
---@field waitQueueLength integer callers that wait for one
---@field created integer so far
---@field removed table<string, integer> so far, by reason: idle, lifetime, unhealthy, error, stale, closed
---@field acquired integer so far
---@field released integer so far
---@field timeouts integer callers that waited acquireTimeout for nothing, so far
---@field leaked integer leases that were out for longer than leakDetectionThreshold, so far
---@field waitTime moonpool.Durations from asking for a connection to getting it
---@field useTime moonpool.Durations from getting it to giving it back; of a shared one from its first call to the last
---@field retries integer? further attempts of calls, so far
---@field retriesDenied integer? attempts that were put off, because a fifth of the calls under way were being tried again
---@field streams moonpool.PoolStats? the same of the connections for watches and followed logs, of which there are up to 1,000 beside maxConnections, each for as long as it is needed

---@class moonpool.Durations
---@field p50 number ms: half of them took no longer
---@field p99 number ms: 99 of 100 took no longer
---@field max number ms
---@field count integer

--- What `on` and `once` return, for `off`.
---@class moonpool.Subscription
---@field event string
---@field dropped integer events that were dropped because the handler did not keep up

--- Several clusters behind one: chooses one for every call and lease, watches their health, fails over. Methods are called with a colon; `<close>` disposes of it.
---@class moonpool.ConnectionManager
local ConnectionManager = {}

--- Adds a cluster. Reads its kubeconfig, starts its pool and its health checks; waits for no network.
---@param options moonpool.ClusterOptions
---@return true?
---@return moonpool.Error?
function ConnectionManager:addCluster(options) end

--- Takes a cluster out: who waits for it gets "closed", leases and calls have 5 s to end. Waits until nothing of it is left.
---@param name string
---@return true?
---@return moonpool.Error?
function ConnectionManager:removeCluster(name) end

--- Lets a cluster be chosen again.
---@param name string
---@return true?
---@return moonpool.Error?
function ConnectionManager:enableCluster(name) end

--- Lets a cluster not be chosen any more. It is still checked, and what runs on it goes on.
---@param name string
---@return true?
---@return moonpool.Error?
function ConnectionManager:disableCluster(name) end

--- Changes a cluster's weight, for what is chosen from then on.
---@param name string
---@param weight number 0 or more; 0: only while nothing else is left
---@return true?
---@return moonpool.Error?
function ConnectionManager:setWeight(name, weight) end

--- Changes the strategy, for what is chosen from then on: a LoadBalancingStrategy, a registered name, a function, or a table with select (see moonpool.Strategy).
--- 
--- ```lua
--- manager:setStrategy(function(clusters)
---   table.sort(clusters, function(a, b) return a.inFlight < b.inFlight end)
---   return clusters[1]
--- end)
--- ```
---@param strategy string|moonpool.Strategy|function
function ConnectionManager:setStrategy(strategy) end

--- The names of the clusters that match, in the order in which they were added. Disabled ones only when they are named.
---@param patterns string|string[]|nil names, globs, /regular expressions/, ^exclusions; nil: all
---@param labels string|table<string, string>|nil only those with these labels: "env=prod,tier!=db" or { env = "prod" }
---@return string[]?
---@return moonpool.Error?
function ConnectionManager:clusters(patterns, labels) end

--- Leases a connection of some cluster; the preferred one while it can be used. Give it back with release(cluster, connection). Waits up to the acquireTimeout of the cluster's pool.
---@param preferred string|moonpool.AcquireOptions|nil
---@return string? cluster
---@return moonpool.Connection|moonpool.Error connection
function ConnectionManager:acquire(preferred) end

--- Gives a lease back; raises when it was given back already, or when it is of another cluster.
---@param cluster string
---@param connection moonpool.Connection
function ConnectionManager:release(cluster, connection) end

--- As acquire, but in one value.
--- 
--- ```lua
--- local lease <close> = assert(manager:lease())
--- local api = lease.connection:makeApiClient(moonpool.CoreV1Api)
--- ```
---@param preferred string|moonpool.AcquireOptions|nil
---@return moonpool.Lease?
---@return moonpool.Error?
function ConnectionManager:lease(preferred) end

--- A KubernetesClient. Of one name: for that cluster only. Otherwise (a glob, a list of patterns, nothing: all clusters) it chooses a cluster for every call, with fail-over; its calls return a third value, { cluster = name, status = n }, and take the options cluster (that one only) and key.
---@param clusters string|string[]|nil
---@return moonpool.KubernetesClient?
---@return moonpool.Error?
function ConnectionManager:client(clusters) end

--- Calls fn(client, name) for many clusters at a time, each with a client for that cluster only. Waits for all. The results have an entry for every cluster that was selected: { ok = true, value } or { ok = false, err }, with duration (ms) and attempts. Nothing selected: nil and an error.
--- 
--- ```lua
--- local results = assert(manager:each(function(client)
---   return #assert(client.core.listNode()).items
--- end, { clusters = "prod-*" }))
--- for name, result in pairs(results) do print(name, result.ok and result.value or result.err) end
--- ```
---@param fn fun(client: moonpool.KubernetesClient, name: string): any, any
---@param options? moonpool.EachOptions
---@return moonpool.EachResults?
---@return moonpool.Error?
function ConnectionManager:each(fn, options) end

--- How each cluster is, by its name.
---@return table<string, moonpool.ClusterStats>
function ConnectionManager:getStats() end

--- Checks a cluster, or all, now, and waits for the answers. Of one: whether it counts as healthy then (a single bad answer, or a single good one of a cluster that was down, does not change that yet), and if not, why. Of all: a table of names, each with true or false.
---@param name? string
---@return boolean|table<string, boolean>|nil
---@return moonpool.Error?
function ConnectionManager:checkHealth(name) end

--- Calls handler(...) for every event of that name, from now on. Those of its pools have the cluster's name as a further last argument.
---@param event moonpool.ManagerEvent|moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function ConnectionManager:on(event, handler) end

--- The same for the next such event only.
---@param event moonpool.ManagerEvent|moonpool.PoolEvent
---@param handler fun(...)
---@return moonpool.Subscription
function ConnectionManager:once(event, handler) end

--- Ends a subscription: its handler is not called any more, also not for what was queued.
---@param subscription moonpool.Subscription
---@return boolean # false: it was over already
function ConnectionManager:off(subscription) end

--- Closes everything: as removeCluster of each cluster. Waits until it is drained. Twice is fine.
function ConnectionManager:dispose() end

---@class moonpool.ManagerOptions
---@field loadBalancingStrategy string|moonpool.Strategy|function? which cluster a call or lease gets: a member of LoadBalancingStrategy, a registered name, or a strategy of one's own
---@field enableFailover boolean? leases and reads go to another cluster when theirs fails; default true
---@field failoverWrites boolean? writes too, where that is safe; default false
---@field clusterHealthCheckInterval integer? ms between probes of a healthy cluster; 0: only clusters whose requests fail are probed; default 30000 (30 s)
---@field defaultPoolConfig moonpool.PoolOptions? for the pools of all clusters
---@field logger moonpool.Logger? gets what the runtime would log to standard error

---@class moonpool.ClusterOptions
---@field name string how everything calls it: unique in its manager
---@field kubeConfigFactory (fun(): moonpool.KubeConfig)? called once; or:
---@field kubeConfigPath string? only this file; or:
---@field kubeConfig moonpool.KubeConfig? or none of them: $KUBECONFIG, ~/.kube/config, in-cluster
---@field context string? default: the current context
---@field endpoints string[]? URLs of its API servers; default: the kubeconfig's server
---@field resolveEndpoints boolean? true: every address of a name is an API server of its own; looked up again every 30 s; default false
---@field weight number? its share under the weighted and some other strategies, 0 or more; 0: only while nothing else is left; default 1
---@field labels table<string, string>? to select by, and for strategies
---@field zone string? for strategies
---@field priority integer? lower numbers first, under the priority strategy; default 0
---@field poolConfig moonpool.PoolOptions? of its pool, over defaultPoolConfig

--- Beside these, a manager tells of each event of its pools, with the cluster's name as a further last argument.
---@alias moonpool.ManagerEvent
---| "clusterAdded" # (name) addCluster has added one
---| "clusterRemoved" # (name) removeCluster has taken one out, and nothing of it is left
---| "clusterHealthy" # (name) it is back in the rotation
---| "clusterUnhealthy" # (name, reason) it left the rotation
---| "failover" # (from, to, reason) a call or a lease goes on in another cluster
---| "strategyError" # (message) a strategy of the script's raised, took too long or returned no candidate; the fall-back chose

---@class moonpool.AcquireOptions
---@field cluster string? the preferred one
---@field key string? what the strategy goes by, where it does

--- Declare it `local lease <close>`: released at the end of its block, if it was not before.
---@class moonpool.Lease
---@field cluster string its cluster's name
---@field connection moonpool.Connection
local Lease = {}

--- Gives it back; raises when it was given back already.
function Lease:release() end

---@class moonpool.EachOptions
---@field clusters string|string[]? name, glob, /regular expression/, ^exclusion, or a list of them; default: all
---@field labels string|table<string, string>? only those with these labels: "env=prod,tier!=db" or { env = "prod" }
---@field concurrency integer? how many at a time; default 25
---@field timeout integer? ms for each cluster, retries included; 0: none; default 10000 (10 s)
---@field failFast boolean? the first failure cancels the others; default false
---@field retries integer? calls fn again after a failure that may pass: then fn must be able to run twice; default 0
---@field waves true|(integer|string)[]? sizes such as { 1, "10%", "rest" } (that is what true means); the last one is used again until all had their turn
---@field abortThreshold integer|string? with more failed clusters than this (or "10%" of all) no further wave begins; default 0
---@field wavePause integer? ms between waves; default 0
---@field progress boolean? a line on standard error while that is a terminal; default: in the program

--- One entry for every cluster, by its name; `pairs` gives them in the order of the clusters. tostring is a line with the names of those that failed.
---@class moonpool.EachResults: { [string]: moonpool.EachResult }
---@field partial boolean some failed
---@field failed string[] their names
---@field succeeded string[] the names of the others
---@field total integer how many clusters there were

--- What came of one cluster.
---@class moonpool.EachResult
---@field ok boolean
---@field value any what fn returned, when ok
---@field err moonpool.Error? otherwise
---@field duration integer ms
---@field attempts integer how often fn was called

---@class moonpool.ClusterStats
---@field healthy boolean its state is "healthy" or "suspect"
---@field state string "unknown" (never probed), "healthy", "suspect", "unhealthy", "probing"
---@field enabled boolean
---@field unauthorized boolean it answers, but not to these credentials
---@field overloaded boolean it answered a probe with 429
---@field weight number as given
---@field share number how much of its usual load it gets, 0.1 to 1: less than 1 in the 30 s after a recovery
---@field priority integer
---@field zone string?
---@field labels table<string, string>
---@field inFlight integer leases and calls, those that wait included
---@field latency number ms until an answer begins (peak EWMA); 0: not known
---@field failures integer requests in a row that failed
---@field selected integer how often it was chosen
---@field lastError string? why the last probe or request failed
---@field certificateExpiry integer? of the client certificate, seconds since 1970
---@field poolStats moonpool.PoolStats
---@field endpoints moonpool.EndpointStats[]

--- One API server of a cluster.
---@class moonpool.EndpointStats
---@field url string
---@field address string? where the name was looked up (resolveEndpoints)
---@field state string "unknown", "healthy", "suspect", "unhealthy", "probing"
---@field connections integer of the pool
---@field streams integer connections for watches and followed logs
---@field inFlight integer calls that are under way there
---@field latency number ms until an answer begins; 0: not known
---@field failures integer probes in a row that failed
---@field lastError string?

--- The strategies that are built in.
---@class moonpool.LoadBalancingStrategy
---@field ROUND_ROBIN string in sequence, evenly; weights are ignored
---@field LEAST_CONNECTIONS string the fewest leases and calls under way; ties in turn
---@field WEIGHTED string by weight, smoothly interleaved
---@field RANDOM string
---@field PEAK_EWMA string the lowest latency of late, by what is under way there
---@field RENDEZVOUS string the same cluster for the same key
---@field PRIORITY string the lowest priority number; ties in turn

--- Strategies to choose by name.
---@class moonpool.strategies
local strategies = {}

--- Makes a strategy usable by name. A second one of that name replaces the first, for managers that choose it from then on.
---@param name string
---@param strategy moonpool.Strategy|fun(clusters: moonpool.Candidate[], request: moonpool.StrategyRequest): moonpool.Candidate|string|nil
function strategies.register(name, strategy) end

--- The names that can be given instead of a strategy, sorted.
---@return string[]
function strategies.names() end

--- Healthy, enabled candidates only, in the order in which they were added. `select` returns one of them, its name, or nil: then round-robin chooses. It has 10 ms of the processor and cannot wait.
---@class moonpool.Strategy
---@field select fun(self: any, clusters: moonpool.Candidate[], request: moonpool.StrategyRequest): moonpool.Candidate|string?
---@field onResult fun(self: moonpool.Strategy, cluster: string, outcome: moonpool.StrategyOutcome)? after each call
---@field onClusterChange fun(self: moonpool.Strategy, cluster: string, change: string)? "added", "removed", "healthy", "unhealthy"

--- What a strategy chooses among. The same tables come for every selection; what a strategy changes in them is undone before the next.
---@class moonpool.Candidate
---@field name string
---@field weight number
---@field labels table<string, string> read only
---@field zone string? nil: none was given
---@field priority integer lower numbers first
---@field inUse integer connections that are leased or carry a call
---@field idle integer connections
---@field waiting integer callers that wait for a connection
---@field inFlight integer leases and calls, those that wait included
---@field latency number ms until an answer begins (peak EWMA); 0: not known
---@field failures integer requests in a row that failed
---@field endpoints integer API servers that can be used now

--- What it chooses for.
---@class moonpool.StrategyRequest
---@field kind string "lease", "read", "write", "watch"
---@field method string? nil for a lease
---@field path string?
---@field key string? as the script gave it
---@field cluster string? the preferred cluster, which cannot be used now

---@class moonpool.StrategyOutcome
---@field ok boolean
---@field err moonpool.Error?
---@field duration number ms
---@field method string
---@field path string with its query

--- Who to talk to, and as whom. Loading replaces what it held, when it succeeds. tostring shows no secret.
---@class moonpool.KubeConfig
local KubeConfig = {}

--- Reads a file. Certificates and tokens that it names by relative paths are looked for beside it.
---@param path string
---@return true?
---@return moonpool.Error?
function KubeConfig:loadFromFile(path) end

--- Reads a text.
---@param text string YAML
---@return true?
---@return moonpool.Error?
function KubeConfig:loadFromString(text) end

--- Reads what kubectl would: the files of $KUBECONFIG together, else ~/.kube/config; else as loadFromCluster.
---@return true?
---@return moonpool.Error?
function KubeConfig:loadFromDefault() end

--- Takes what a pod finds: the API server from the environment, the service account's token and authority.
---@return true?
---@return moonpool.Error?
function KubeConfig:loadFromCluster() end

--- Chooses the context of whatever names none.
---@param name string
---@return true?
---@return moonpool.Error?
function KubeConfig:setCurrentContext(name) end

--- The name of the current context.
---@return string?
function KubeConfig:getCurrentContext() end

--- Its contexts.
---@return { name: string, cluster: string, user: string?, namespace: string? }[]
function KubeConfig:getContexts() end

--- Its clusters.
---@return { name: string, server: string?, tlsServerName: string?, caFile: string?, proxyUrl: string?, skipTLSVerify: boolean, hasCaData: boolean }[]
function KubeConfig:getClusters() end

--- Its users, secrets left out: whether there is one, not which.
---@return { name: string, username: string?, certFile: string?, tokenFile: string?, execCommand: string?, authProvider: string?, hasToken: boolean, hasPassword: boolean, hasClientCertificate: boolean }[]
function KubeConfig:getUsers() end

--- An API object over a pool of its own, for the current context. The pool lives as long as the object.
---@param class moonpool.ApiClass
---@return moonpool.Api?
---@return moonpool.Error?
function KubeConfig:makeApiClient(class) end

--- What went wrong: the second thing that a failed call returns. tostring(err) is one line that a person can act on.
---@class moonpool.Error
---@field kind moonpool.ErrorKind
---@field message string what was tried, on what, and what came back
---@field status integer? HTTP status
---@field reason string? Kubernetes' reason: "AlreadyExists", "Expired", ...
---@field cluster string? that was chosen
---@field endpoint string? URL of the API server that was asked
---@field attempts integer? how many times it was tried
---@field retryAfter integer? ms that the server wants to be left alone
---@field outcomeUnknown boolean? true: a write was sent and no answer came; the server may have carried it out
---@field details table? the Status object's details, decoded
---@field continue string? of kind "gone": where a list may go on, though not in the state that it began with
---@field value any of kind "script": what was raised or returned, where that was no text
---@field cause moonpool.Error? of kind "script": the failed call whose nil was used

---@alias moonpool.ErrorKind
---| "connect" # name resolution, TCP, a proxy, or a connection that was lost under way
---| "tls" # the handshake failed, or the server's certificate cannot be trusted
---| "timeout" # a time limit of the call passed
---| "unauthorized" # HTTP 401: the credentials are not accepted
---| "forbidden" # HTTP 403, or the program does not let the script write there
---| "notFound" # HTTP 404
---| "conflict" # HTTP 409: it exists already, or was changed meanwhile; see `reason`
---| "invalid" # HTTP 400, 405, 406, 413, 415, 422, or not JSON: it cannot succeed as it is
---| "gone" # HTTP 410: a resourceVersion or a page's token is too old
---| "tooManyRequests" # HTTP 429: the server is overloaded
---| "server" # HTTP 5xx
---| "protocol" # the answer is not what the protocol allows: not JSON, cut off, too large
---| "config" # the kubeconfig, the configuration or an option
---| "credential" # a certificate, key, token or plugin cannot be used
---| "noHealthyCluster" # every cluster is down; the message names each with its cause
---| "acquireTimeout" # no connection became free within acquireTimeout
---| "cancelled" # the task was cancelled, or Ctrl-C
---| "closed" # the pool, client or connection was closed meanwhile
---| "script" # a function that `each` called raised, or returned nil and something

--- A function that runs beside others, until it waits or ends.
---@class moonpool.Task
local Task = {}

--- Waits for its end. Returns what fn returned; raises what fn raised; of a cancelled task: nil and an error of kind "cancelled".
---@return any ...
function Task:join() end

--- Ends the task: its pending call is cancelled, its to-be-closed variables are closed. False when it was over.
---@return boolean
function Task:cancel() end

--- How it is: "running", "done", "failed" or "cancelled".
---@return string
function Task:status() end

--- What `every` returns. `<close>` stops it.
---@class moonpool.Timer
local Timer = {}

--- Makes no further call; one under way goes on.
---@return boolean # false: it was stopped already
function Timer:stop() end

---@class moonpool.MapOptions
---@field concurrency integer? how many at a time; default 16

--- Loses nothing: 64-bit integers, [] beside {}, null in lists.
---@class moonpool.json
local json = {}

--- Reads a text. Of a key that comes twice the last one counts.
---@param text string
---@return any value
---@return moonpool.Error?
function json.decode(text) end

--- Writes a value.
---@param value any
---@param options? moonpool.JsonOptions
---@return string? text
---@return moonpool.Error?
function json.encode(value, options) end

--- Marks a table as a list, so that it is written as [] when it is empty; returns it.
---@param t table
---@return table
function json.array(t) end

---@class moonpool.JsonOptions
---@field indent integer? columns for each level, 0 to 16; default 0: in one line

--- YAML 1.1 as Kubernetes writes it, read into the same values as JSON.
---@class moonpool.yaml
local yaml = {}

--- Reads the only document of a text.
---@param text string
---@return any value
---@return moonpool.Error?
function yaml.decode(text) end

--- Reads the only document of a text, and in which lines its members begin: `lines[object].key` and `lines[list][index]`. What "<<" merged has no line. A key that an object has twice is an error.
---@param text string
---@return any value
---@return table<table, table<string|integer, integer>>|moonpool.Error? lines
function yaml.decodeWithLines(text) end

--- Reads every document of a text.
---@param text string
---@return any[]? values
---@return moonpool.Error?
function yaml.decodeAll(text) end

--- Writes a value.
---@param value any
---@return string? text
---@return moonpool.Error?
function yaml.encode(value) end

--- Log lines of scripts and of the runtime: to standard error, or to loggers.
---@class moonpool.log
---@field debug fun(message: string, fields: table?) a line of this level; `fields` are names and values
---@field info fun(message: string, fields: table?) a line of this level
---@field warn fun(message: string, fields: table?) a line of this level
---@field error fun(message: string, fields: table?) a line of this level
local log = {}

--- Lines below this level are not shown: "debug", "info", "warn" (the default), "error" or "off".
---@param level string
function log.setLevel(level) end

--- How lines look on standard error: "text" (the default), `moonpool: warn: message name=value`, or "json", an object a line: `{"time":"2026-01-31T08:30:00.123Z","level":"warn","message":"...","fields":{...}}`.
---@param format "text"|"json"
function log.setFormat(format) end

--- Fields as text, " name=value name=value"; "" when there are none.
---@param fields? table
---@return string
function log.fieldText(fields) end

--- Gives every line to this logger too. While one is attached, nothing goes to standard error.
---@param logger moonpool.Logger
function log.attach(logger) end

--- Takes back one attach.
---@param logger moonpool.Logger
function log.detach(logger) end

--- Calls fn after each attempt of a request, whatever the log's level, with the fields of its line in the log: cluster, connection, endpoint, method, path, status, attempt, duration (ms), bytes (of the answer's body), error.
---@param fn fun(fields: table)
function log.follow(fn) end

--- Does not call fn any more.
---@param fn fun(fields: table)
function log.unfollow(fn) end

--- Any table with these: where log lines go instead of standard error.
---@class moonpool.Logger
---@field debug fun(self: moonpool.Logger, message: string, fields: table?)
---@field info fun(self: moonpool.Logger, message: string, fields: table?)
---@field warn fun(self: moonpool.Logger, message: string, fields: table?)
---@field error fun(self: moonpool.Logger, message: string, fields: table?)

--- The prompt of a running program, for `moonpool attach`.
---@class moonpool.console
local console = {}

--- Opens the console of this program: a Unix socket at this path, which its user (and root) alone can use, for `moonpool attach PATH`. It does not keep the program alive, and is answered whenever the program waits for something.
---@param path string at most 107 bytes
---@param options? moonpool.ConsoleOptions
---@return moonpool.Console?
---@return moonpool.Error?
function console.listen(path, options) end

--- The console of this program, open until it is closed or the program ends. `<close>` closes it.
---@class moonpool.Console
---@field path string of its socket
---@field sessions integer how many are attached
local Console = {}

--- Closes the socket and removes its file; who is attached is cut off. Twice is fine.
function Console:close() end

---@class moonpool.ConsoleOptions
---@field globals table<string, any>? names that those who attach see besides the program's globals: { manager = manager }
---@field readOnly boolean? true: calls of theirs that would change something in a cluster fail; default false
---@field limit integer? ms that a statement may use the processor without waiting for anything, while all else stands still: it is ended; default 1000 (1 s)
---@field maxSessions integer? so many can be attached at the same time; default 16

--- HTTP servers of scripts.
---@class moonpool.http
local http = {}

--- Listens for HTTP/1.1 and calls `handler` for every request, in a task of its own. Keeps the program alive until it is closed. Fails, with an error of kind "config", where it cannot listen.
--- 
--- ```lua
--- local server <close> = assert(moonpool.http.listen { port = 9464, handler = function(request)
---   if request.path ~= "/metrics" then return 404, "try /metrics\n" end
---   return 200, "up 1\n"
--- end })
--- ```
---@param options moonpool.HttpOptions
---@return moonpool.HttpServer?
---@return moonpool.Error?
function http.listen(options) end

--- An HTTP server that listens.
---@class moonpool.HttpServer
---@field address string
---@field port integer
---@field url string "http://127.0.0.1:9464"
local HttpServer = {}

--- Stops listening, and cuts off the clients that are there. Twice is fine; also at the end of a scope (`<close>`).
function HttpServer:close() end

---@class moonpool.HttpOptions
---@field handler fun(request: moonpool.HttpRequest): integer, string|table|nil, string?, table<string, string>? returns the status; the body: a text, or a table, which is written as JSON; its content type, "text/plain; charset=utf-8" when none is given; and headers. It may wait
---@field address string? an IPv4 or IPv6 address of this machine; "0.0.0.0": all of them. There is neither TLS nor a password; default "127.0.0.1"
---@field port integer? 0: any free one; default 0
---@field maxBodySize integer? bytes; requests with more get 413; default 1048576

--- What a client asks.
---@class moonpool.HttpRequest
---@field method string
---@field path string decoded, without the query
---@field query table<string, string> decoded; of a name that comes again, the last
---@field headers table<string, string> names in lower case, the values of repeated ones joined with ", "
---@field body string "" when there is none

--- A command line with --help, the same work in every selected cluster, a table of what came of it, and an end that names every cluster that failed:
--- 
--- ```lua
--- local run = require("moonpool.script").new("pods", "Counts the pods of each cluster.")
--- run:parse()
--- run:collect(function(client, add) add { pods = #assert(client.core.listPodForAllNamespaces()).items } end)
--- run:show { "cluster", "pods" }
--- ```
---@class moonpool.script
local script = {}

--- A script of this name.
---@param name string
---@param description string
---@param features? moonpool.ScriptFeatures
---@return moonpool.Script
function script.new(name, description, features) end

--- Seconds since 1970 of a timestamp of Kubernetes; nil: it is none.
---@param text any
---@return integer?
function script.seconds(text) end

--- When an event was last seen, in seconds since 1970: the fields differ by who wrote it.
---@param event table
---@return integer
function script.eventTime(event) end

--- "45s", "12m", "5h", "3d": how long ago, or how long, in two or three characters.
---@param seconds? integer
---@return string
function script.age(seconds) end

--- Whether a text is as a glob says: * is any text, ? one character.
---@param text string
---@param glob string
---@return boolean
function script.like(text, glob) end

--- One script and its run.
---@class moonpool.Script
---@field name string
---@field writes boolean? it changes something
---@field parser table argparse's: for options of the script's own, before parse
---@field options table what was given; see Script:parse
---@field rows table[] what was collected
---@field clusters { name: string, err: moonpool.Error?, namespaceMissing: boolean? }[] those that were asked
local Script = {}

--- Ends the program for a mistake in how the script was called.
---@param message string
function Script:usage(message) end

--- Ends the program for what is wrong with the clusters or what is in them, after the clusters that failed.
---@param message string
function Script:fail(message) end

--- Reads the command line, and selects the clusters that it names. Ends the program when it is wrong.
---@return table options
function Script:parse() end

--- The namespace and the selector that were given, as options of an API call, with `more`.
---@param more? table
---@return table
function Script:scope(more) end

--- Calls fn(client, add, name) for every selected cluster, all at a time; add(row) adds a row, whose field `cluster` is set. What fn raises, or returns after nil, is why the cluster failed; rows that it had added stay. Rows about changes say in `result` how far each is.
---@param fn fun(client: moonpool.KubernetesClient, add: fun(row: table), name: string): any, any
---@param more? moonpool.EachOptions waves, for example
---@return table[] rows in the order of the clusters
function Script:collect(fn, more) end

--- Writes to standard output, at once; ends the program when that cannot be done (a full disk).
---@param text string
function Script:write(text) end

--- Writes the rows as --output says, and ends the program with 1 when --check is on and there are any, or when there is no such namespace as was asked for. The codes 3 and 4 follow by themselves from the clusters that failed.
---@param columns (string|moonpool.Column)[] keys of the rows, which titles are made from, for the table
---@param nothing? string what a table without rows means: "nothing is stuck"
function Script:show(columns, nothing) end

--- In place of show: writes the rows so far, and then those that fn(client, add, name) adds, at once. It is called for every cluster that has not failed before, and may go on for ever.
---@param lineOf fun(row: table): string a row as a line for people
---@param fn fun(client: moonpool.KubernetesClient, add: fun(row: table), name: string)
function Script:stream(lineOf, fn) end

---@class moonpool.ScriptFeatures
---@field namespaced boolean? has --namespace and --selector
---@field writes boolean? has --dry-run
---@field check string? has --check: exit code 1 when there are rows; says what they are: "something is stuck"
---@field timeout string? what --timeout is that is not given; default "30s"

--- Rows as a table for people on a terminal.
---@class moonpool.tables
local tables = {}

--- How many columns a text takes on a terminal.
---@param text string valid UTF-8
---@return integer
function tables.width(text) end

--- A value as one line of valid UTF-8 without control characters; nil and JSON's null as "".
---@param value any
---@return string
function tables.clean(value) end

--- The beginning of a text, with "…" where it was cut, in at most `width` columns.
---@param text string
---@param width integer
---@return string
function tables.cut(text, width) end

--- Rows as text, a line each, with a line of titles above; ends with a newline.
--- 
--- Rows are tables with a field per column, or lists in the order of the columns.
---@param rows table[]
---@param columns (string|moonpool.Column)[]
---@param options? moonpool.TableOptions
---@return string
function tables.render(rows, columns, options) end

---@class moonpool.TableOptions
---@field width integer? columns that the terminal has: longer cells are cut with "…"; default: no limit
---@field indent integer? columns before the first one; default 0
---@field header boolean? a line of titles; default true

---@class moonpool.Column
---@field title string what stands above it
---@field key string|integer? field of a row; default: the title, or for list rows the column's position
---@field value (fun(row: table): any)? in place of a key
---@field align string? "left" or "right"; default: right where all cells are numbers

---@class moonpool.CoreV1Api: moonpool.Api
---@field connectDeleteNamespacedPodProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectDeleteNamespacedServiceProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectDeleteNodeProxy fun(name: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectGetNamespacedPodProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectGetNamespacedServiceProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectGetNodeProxy fun(name: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPatchNamespacedPodProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPatchNamespacedServiceProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPatchNodeProxy fun(name: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPostNamespacedPodProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPostNamespacedServiceProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPostNodeProxy fun(name: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPutNamespacedPodProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPutNamespacedServiceProxy fun(name: string, namespace: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field connectPutNodeProxy fun(name: string, options: moonpool.ConnectOptions?): any, moonpool.Error?
---@field createComponentStatus fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespace fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedBinding fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedConfigMap fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedEndpoints fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedEvent fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedLimitRange fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedPersistentVolumeClaim fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedPod fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedPodBinding fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedPodEviction fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedPodTemplate fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedReplicationController fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedResourceQuota fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedSecret fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedService fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedServiceAccount fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedServiceAccountToken fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNode fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createPersistentVolume fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionComponentStatus fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespace fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedBinding fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedConfigMap fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedEndpoints fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedEvent fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedLimitRange fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedPersistentVolumeClaim fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedPod fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedPodTemplate fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedReplicationController fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedResourceQuota fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedSecret fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedService fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedServiceAccount fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNode fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionPersistentVolume fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteComponentStatus fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespace fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedBinding fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedConfigMap fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedEndpoints fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedEvent fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedLimitRange fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedPersistentVolumeClaim fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedPod fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedPodTemplate fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedReplicationController fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedResourceQuota fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedSecret fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedService fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedServiceAccount fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNode fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deletePersistentVolume fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listBindingForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listComponentStatus fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listConfigMapForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listEndpointsForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listEventForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listLimitRangeForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespace fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedBinding fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedConfigMap fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedEndpoints fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedEvent fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedLimitRange fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedPersistentVolumeClaim fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedPod fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedPodTemplate fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedReplicationController fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedResourceQuota fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedSecret fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedService fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedServiceAccount fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNode fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listPersistentVolume fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listPersistentVolumeClaimForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listPodForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listPodTemplateForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listReplicationControllerForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listResourceQuotaForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listSecretForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listServiceAccountForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listServiceForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchComponentStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespace fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespaceFinalize fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespaceStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedBinding fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedConfigMap fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedEndpoints fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedEvent fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedLimitRange fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedPersistentVolumeClaim fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedPersistentVolumeClaimStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedPod fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedPodEphemeralcontainers fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedPodResize fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedPodStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedPodTemplate fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedReplicationController fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedReplicationControllerScale fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedReplicationControllerStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedResourceQuota fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedResourceQuotaStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedSecret fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedService fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedServiceAccount fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedServiceStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNode fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNodeStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchPersistentVolume fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchPersistentVolumeStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readComponentStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespace fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespaceFinalize fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespaceStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedBinding fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedConfigMap fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedEndpoints fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedEvent fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedLimitRange fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedPersistentVolumeClaim fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedPersistentVolumeClaimStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedPod fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedPodEphemeralcontainers fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedPodLog fun(name: string, namespace: string, options: moonpool.LogOptions?): string|moonpool.Lines|nil, moonpool.Error?
---@field readNamespacedPodResize fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedPodStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedPodTemplate fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedReplicationController fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedReplicationControllerScale fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedReplicationControllerStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedResourceQuota fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedResourceQuotaStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedSecret fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedService fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedServiceAccount fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedServiceStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNode fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNodeStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readPersistentVolume fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readPersistentVolumeStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceComponentStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespace fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespaceFinalize fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespaceStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedBinding fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedConfigMap fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedEndpoints fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedEvent fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedLimitRange fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedPersistentVolumeClaim fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedPersistentVolumeClaimStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedPod fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedPodEphemeralcontainers fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedPodResize fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedPodStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedPodTemplate fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedReplicationController fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedReplicationControllerScale fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedReplicationControllerStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedResourceQuota fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedResourceQuotaStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedSecret fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedService fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedServiceAccount fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedServiceStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNode fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNodeStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replacePersistentVolume fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replacePersistentVolumeStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchComponentStatusList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespaceList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedBindingList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedConfigMapList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedEndpointsList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedEventList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedLimitRangeList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedPersistentVolumeClaimList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedPodList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedPodTemplateList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedReplicationControllerList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedResourceQuotaList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedSecretList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedServiceAccountList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedServiceList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNodeList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchPersistentVolumeList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.AppsV1Api: moonpool.Api
---@field createNamespacedControllerRevision fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedDaemonSet fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedDeployment fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedReplicaSet fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedStatefulSet fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedControllerRevision fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedDaemonSet fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedDeployment fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedReplicaSet fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedStatefulSet fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedControllerRevision fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedDaemonSet fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedDeployment fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedReplicaSet fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedStatefulSet fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listControllerRevisionForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listDaemonSetForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listDeploymentForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedControllerRevision fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedDaemonSet fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedDeployment fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedReplicaSet fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedStatefulSet fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listReplicaSetForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listStatefulSetForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedControllerRevision fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedDaemonSet fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedDaemonSetStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedDeployment fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedDeploymentScale fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedDeploymentStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedReplicaSet fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedReplicaSetScale fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedReplicaSetStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedStatefulSet fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedStatefulSetScale fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedStatefulSetStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedControllerRevision fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedDaemonSet fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedDaemonSetStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedDeployment fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedDeploymentScale fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedDeploymentStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedReplicaSet fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedReplicaSetScale fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedReplicaSetStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedStatefulSet fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedStatefulSetScale fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedStatefulSetStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedControllerRevision fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedDaemonSet fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedDaemonSetStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedDeployment fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedDeploymentScale fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedDeploymentStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedReplicaSet fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedReplicaSetScale fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedReplicaSetStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedStatefulSet fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedStatefulSetScale fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedStatefulSetStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedControllerRevisionList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedDaemonSetList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedDeploymentList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedReplicaSetList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedStatefulSetList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.BatchV1Api: moonpool.Api
---@field createNamespacedCronJob fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedJob fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedCronJob fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedJob fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedCronJob fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedJob fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listCronJobForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listJobForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedCronJob fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedJob fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedCronJob fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedCronJobStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedJob fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedJobStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedCronJob fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedCronJobStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedJob fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedJobStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedCronJob fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedCronJobStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedJob fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedJobStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedCronJobList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedJobList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.NetworkingV1Api: moonpool.Api
---@field createIPAddress fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createIngressClass fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedIngress fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedNetworkPolicy fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createServiceCIDR fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionIPAddress fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionIngressClass fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedIngress fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedNetworkPolicy fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionServiceCIDR fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteIPAddress fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteIngressClass fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedIngress fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedNetworkPolicy fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteServiceCIDR fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listIPAddress fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listIngressClass fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listIngressForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedIngress fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedNetworkPolicy fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNetworkPolicyForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listServiceCIDR fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchIPAddress fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchIngressClass fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedIngress fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedIngressStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedNetworkPolicy fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedNetworkPolicyStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchServiceCIDR fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchServiceCIDRStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readIPAddress fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readIngressClass fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedIngress fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedIngressStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedNetworkPolicy fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedNetworkPolicyStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readServiceCIDR fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readServiceCIDRStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceIPAddress fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceIngressClass fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedIngress fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedIngressStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedNetworkPolicy fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedNetworkPolicyStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceServiceCIDR fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceServiceCIDRStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchIPAddressList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchIngressClassList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedIngressList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedNetworkPolicyList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchServiceCIDRList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.RbacAuthorizationV1Api: moonpool.Api
---@field createClusterRole fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createClusterRoleBinding fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedRole fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedRoleBinding fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteClusterRole fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteClusterRoleBinding fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteCollectionClusterRole fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionClusterRoleBinding fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedRole fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedRoleBinding fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedRole fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteNamespacedRoleBinding fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listClusterRole fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listClusterRoleBinding fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedRole fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedRoleBinding fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listRoleBindingForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listRoleForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchClusterRole fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchClusterRoleBinding fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedRole fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedRoleBinding fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readClusterRole fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readClusterRoleBinding fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedRole fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedRoleBinding fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceClusterRole fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceClusterRoleBinding fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedRole fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedRoleBinding fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchClusterRoleBindingList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchClusterRoleList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedRoleBindingList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedRoleList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.PolicyV1Api: moonpool.Api
---@field createNamespacedPodDisruptionBudget fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createPodSecurityPolicy fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedPodDisruptionBudget fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionPodSecurityPolicy fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedPodDisruptionBudget fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deletePodSecurityPolicy fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listNamespacedPodDisruptionBudget fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listPodDisruptionBudgetForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listPodSecurityPolicy fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedPodDisruptionBudget fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedPodDisruptionBudgetStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchPodSecurityPolicy fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedPodDisruptionBudget fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedPodDisruptionBudgetStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readPodSecurityPolicy fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedPodDisruptionBudget fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedPodDisruptionBudgetStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replacePodSecurityPolicy fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedPodDisruptionBudgetList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchPodSecurityPolicyList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.AutoscalingV2Api: moonpool.Api
---@field createNamespacedHorizontalPodAutoscaler fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedHorizontalPodAutoscaler fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedHorizontalPodAutoscaler fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listHorizontalPodAutoscalerForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedHorizontalPodAutoscaler fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedHorizontalPodAutoscaler fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedHorizontalPodAutoscalerStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedHorizontalPodAutoscaler fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedHorizontalPodAutoscalerStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedHorizontalPodAutoscaler fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedHorizontalPodAutoscalerStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedHorizontalPodAutoscalerList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.StorageV1Api: moonpool.Api
---@field createCSIDriver fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createCSINode fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createNamespacedCSIStorageCapacity fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createStorageClass fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createVolumeAttachment fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCSIDriver fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteCSINode fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteCollectionCSIDriver fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionCSINode fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedCSIStorageCapacity fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionStorageClass fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionVolumeAttachment fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedCSIStorageCapacity fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteStorageClass fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteVolumeAttachment fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listCSIDriver fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listCSINode fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listCSIStorageCapacityForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedCSIStorageCapacity fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listStorageClass fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listVolumeAttachment fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchCSIDriver fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchCSINode fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedCSIStorageCapacity fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchStorageClass fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchVolumeAttachment fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchVolumeAttachmentStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readCSIDriver fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readCSINode fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedCSIStorageCapacity fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readStorageClass fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readVolumeAttachment fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readVolumeAttachmentStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceCSIDriver fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceCSINode fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedCSIStorageCapacity fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceStorageClass fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceVolumeAttachment fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceVolumeAttachmentStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchCSIDriverList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchCSINodeList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchNamespacedCSIStorageCapacityList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchStorageClassList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchVolumeAttachmentList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.CoordinationV1Api: moonpool.Api
---@field createNamespacedLease fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedLease fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedLease fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listLeaseForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedLease fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedLease fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedLease fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedLease fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedLeaseList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.EventsV1Api: moonpool.Api
---@field createNamespacedEvent fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedEvent fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedEvent fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listEventForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedEvent fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedEvent fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedEvent fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedEvent fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedEventList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.ApiextensionsV1Api: moonpool.Api
---@field createCustomResourceDefinition fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionCustomResourceDefinition fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCustomResourceDefinition fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listCustomResourceDefinition fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchCustomResourceDefinition fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchCustomResourceDefinitionStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readCustomResourceDefinition fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readCustomResourceDefinitionStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceCustomResourceDefinition fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceCustomResourceDefinitionStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchCustomResourceDefinitionList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.ApiregistrationV1Api: moonpool.Api
---@field createAPIService fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteAPIService fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteCollectionAPIService fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field listAPIService fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchAPIService fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchAPIServiceStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readAPIService fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readAPIServiceStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceAPIService fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceAPIServiceStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchAPIServiceList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.AdmissionregistrationV1Api: moonpool.Api
---@field createMutatingWebhookConfiguration fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createValidatingAdmissionPolicy fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createValidatingAdmissionPolicyBinding fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createValidatingWebhookConfiguration fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionMutatingWebhookConfiguration fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionValidatingAdmissionPolicy fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionValidatingAdmissionPolicyBinding fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionValidatingWebhookConfiguration fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteMutatingWebhookConfiguration fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteValidatingAdmissionPolicy fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteValidatingAdmissionPolicyBinding fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteValidatingWebhookConfiguration fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listMutatingWebhookConfiguration fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listValidatingAdmissionPolicy fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listValidatingAdmissionPolicyBinding fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listValidatingWebhookConfiguration fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchMutatingWebhookConfiguration fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchValidatingAdmissionPolicy fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchValidatingAdmissionPolicyBinding fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchValidatingAdmissionPolicyStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchValidatingWebhookConfiguration fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readMutatingWebhookConfiguration fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readValidatingAdmissionPolicy fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readValidatingAdmissionPolicyBinding fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readValidatingAdmissionPolicyStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readValidatingWebhookConfiguration fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceMutatingWebhookConfiguration fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceValidatingAdmissionPolicy fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceValidatingAdmissionPolicyBinding fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceValidatingAdmissionPolicyStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceValidatingWebhookConfiguration fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchMutatingWebhookConfigurationList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchValidatingAdmissionPolicyBindingList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchValidatingAdmissionPolicyList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchValidatingWebhookConfigurationList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.DiscoveryV1Api: moonpool.Api
---@field createNamespacedEndpointSlice fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedEndpointSlice fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedEndpointSlice fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listEndpointSliceForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedEndpointSlice fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedEndpointSlice fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedEndpointSlice fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedEndpointSlice fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedEndpointSliceList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.SchedulingV1Api: moonpool.Api
---@field createPriorityClass fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionPriorityClass fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deletePriorityClass fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listPriorityClass fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchPriorityClass fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readPriorityClass fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replacePriorityClass fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchPriorityClassList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.CertificatesV1Api: moonpool.Api
---@field createCertificateSigningRequest fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCertificateSigningRequest fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteCollectionCertificateSigningRequest fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field listCertificateSigningRequest fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchCertificateSigningRequest fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchCertificateSigningRequestApproval fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchCertificateSigningRequestStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readCertificateSigningRequest fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readCertificateSigningRequestApproval fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readCertificateSigningRequestStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceCertificateSigningRequest fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceCertificateSigningRequestApproval fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceCertificateSigningRequestStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchCertificateSigningRequestList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.AuthenticationV1Api: moonpool.Api
---@field createSelfSubjectReview fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createTokenReview fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionSelfSubjectReview fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionTokenReview fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteSelfSubjectReview fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteTokenReview fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listSelfSubjectReview fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listTokenReview fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchSelfSubjectReview fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchTokenReview fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readSelfSubjectReview fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readTokenReview fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceSelfSubjectReview fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceTokenReview fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchSelfSubjectReviewList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchTokenReviewList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.AuthorizationV1Api: moonpool.Api
---@field createNamespacedLocalSubjectAccessReview fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createSelfSubjectAccessReview fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createSelfSubjectRulesReview fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createSubjectAccessReview fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedLocalSubjectAccessReview fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionSelfSubjectAccessReview fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionSelfSubjectRulesReview fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionSubjectAccessReview fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedLocalSubjectAccessReview fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteSelfSubjectAccessReview fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteSelfSubjectRulesReview fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deleteSubjectAccessReview fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listLocalSubjectAccessReviewForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedLocalSubjectAccessReview fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listSelfSubjectAccessReview fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listSelfSubjectRulesReview fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listSubjectAccessReview fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedLocalSubjectAccessReview fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchSelfSubjectAccessReview fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchSelfSubjectRulesReview fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchSubjectAccessReview fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedLocalSubjectAccessReview fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readSelfSubjectAccessReview fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readSelfSubjectRulesReview fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readSubjectAccessReview fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedLocalSubjectAccessReview fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceSelfSubjectAccessReview fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceSelfSubjectRulesReview fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceSubjectAccessReview fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedLocalSubjectAccessReviewList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchSelfSubjectAccessReviewList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchSelfSubjectRulesReviewList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchSubjectAccessReviewList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.NodeV1Api: moonpool.Api
---@field createRuntimeClass fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionRuntimeClass fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteRuntimeClass fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listRuntimeClass fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchRuntimeClass fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readRuntimeClass fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceRuntimeClass fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchRuntimeClassList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.FlowcontrolApiserverV1Api: moonpool.Api
---@field createFlowSchema fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field createPriorityLevelConfiguration fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionFlowSchema fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteCollectionPriorityLevelConfiguration fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteFlowSchema fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field deletePriorityLevelConfiguration fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listFlowSchema fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listPriorityLevelConfiguration fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchFlowSchema fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchFlowSchemaStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchPriorityLevelConfiguration fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchPriorityLevelConfigurationStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readFlowSchema fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readFlowSchemaStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readPriorityLevelConfiguration fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readPriorityLevelConfigurationStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceFlowSchema fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceFlowSchemaStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replacePriorityLevelConfiguration fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replacePriorityLevelConfigurationStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchFlowSchemaList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?
---@field watchPriorityLevelConfigurationList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.InternalApiserverV1alpha1Api: moonpool.Api
---@field createStorageVersion fun(body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionStorageVersion fun(options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteStorageVersion fun(name: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listStorageVersion fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchStorageVersion fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchStorageVersionStatus fun(name: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readStorageVersion fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readStorageVersionStatus fun(name: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceStorageVersion fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceStorageVersionStatus fun(name: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchStorageVersionList fun(options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

---@class moonpool.ExtensionsV1beta1Api: moonpool.Api
---@field createNamespacedIngress fun(namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field deleteCollectionNamespacedIngress fun(namespace: string, options: moonpool.DeleteCollectionOptions?): table?, moonpool.Error?
---@field deleteNamespacedIngress fun(name: string, namespace: string, options: moonpool.DeleteOptions?): table?, moonpool.Error?
---@field listIngressForAllNamespaces fun(options: moonpool.ListOptions?): table?, moonpool.Error?
---@field listNamespacedIngress fun(namespace: string, options: moonpool.ListOptions?): table?, moonpool.Error?
---@field patchNamespacedIngress fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field patchNamespacedIngressStatus fun(name: string, namespace: string, body: table|string, options: moonpool.PatchOptions?): table?, moonpool.Error?
---@field readNamespacedIngress fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field readNamespacedIngressStatus fun(name: string, namespace: string, options: moonpool.ReadOptions?): table?, moonpool.Error?
---@field replaceNamespacedIngress fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field replaceNamespacedIngressStatus fun(name: string, namespace: string, body: table|string, options: moonpool.WriteOptions?): table?, moonpool.Error?
---@field watchNamespacedIngressList fun(namespace: string, options: moonpool.WatchOptions?): moonpool.Watcher?, moonpool.Error?

--- In the program: a manager over the contexts that --context selects, made when it is first used.
---@type moonpool.ConnectionManager
clusters = nil

--- At the prompt: a client of `clusters`.
---@type moonpool.KubernetesClient
client = nil

return moonpool
