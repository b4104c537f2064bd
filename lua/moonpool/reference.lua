-- reference.lua: what help() says. Made from the code by `make reference`: do not edit.
-- luacheck: ignore 631
return {
 ["classes"]={
  ["moonpool"]={
   ["fields"]={
    {
     ["name"]="CoreV1Api",
     ["text"]="Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.",
     ["type"]="moonpool.ApiClass",},
    {
     ["name"]="AppsV1Api",
     ["text"]="Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.",
     ["type"]="moonpool.ApiClass",},
    {
     ["name"]="BatchV1Api",
     ["text"]="Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.",
     ["type"]="moonpool.ApiClass",},
    {
     ["name"]="version",
     ["text"]="The version of moonpool.",
     ["type"]="string",},
    {
     ["name"]="json",
     ["text"]="Loses nothing: 64-bit integers, [] beside {}, null in lists.",
     ["type"]="moonpool.json",},
    {
     ["name"]="yaml",
     ["text"]="YAML 1.1 as Kubernetes writes it, read into the same values as JSON.",
     ["type"]="moonpool.yaml",},
    {
     ["name"]="null",
     ["text"]="JSON's null, only needed where leaving a field out would mean something else.",
     ["type"]="userdata",},
    {
     ["name"]="log",
     ["text"]="Log lines of scripts and of the runtime: to standard error, or to loggers.",
     ["type"]="moonpool.log",},
    {
     ["name"]="LoadBalancingStrategy",
     ["text"]="The strategies that are built in.",
     ["type"]="moonpool.LoadBalancingStrategy",},
    {
     ["name"]="strategies",
     ["text"]="Strategies to choose by name.",
     ["type"]="moonpool.strategies",},
    {
     ["name"]="http",
     ["text"]="HTTP servers of scripts.",
     ["type"]="moonpool.http",},
    {
     ["name"]="console",
     ["text"]="The prompt of a running program, for `moonpool attach`.",
     ["type"]="moonpool.console",},},
   ["functions"]={
    {
     ["call"]="moonpool.KubernetesClient(options)",
     ["name"]="KubernetesClient",
     ["parameters"]={
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.ClientOptions?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.KubernetesClient?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Makes a client. Reads the kubeconfig and starts the pool's warm-up; waits for no network.\n\n```lua\nlocal client <close> = assert(moonpool.KubernetesClient {\n  context = \"prod-eu\", connectionPoolConfig = { maxConnections = 20 },\n})\nprint(#assert(client.core.listNamespace()).items)\n```",},
    {
     ["call"]="moonpool.ConnectionPool(context, kubeConfigFactory, options)",
     ["name"]="ConnectionPool",
     ["parameters"]={
      {
       ["name"]="context",
       ["text"]="the context of the kubeconfig to use",
       ["type"]="string",},
      {
       ["name"]="kubeConfigFactory",
       ["text"]="called once, here",
       ["type"]="fun(): moonpool.KubeConfig",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.PoolOptions?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.ConnectionPool?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="A pool of connections to the cluster of one context. Starts warm-up; waits for no network.",},
    {
     ["call"]="moonpool.KubeConfig()",
     ["name"]="KubeConfig",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.KubeConfig",},},
     ["text"]="An empty kubeconfig, to be loaded.",},
    {
     ["call"]="moonpool.array(t)",
     ["name"]="array",
     ["parameters"]={
      {
       ["name"]="t",
       ["text"]="",
       ["type"]="table",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="table",},},
     ["text"]="Marks a table as a list, so that it is written as [] when it is empty; returns it.",},
    {
     ["call"]="moonpool.spawn(fn, ...)",
     ["name"]="spawn",
     ["parameters"]={
      {
       ["name"]="fn",
       ["text"]="",
       ["type"]="function",},
      {
       ["name"]="...",
       ["text"]="its arguments",
       ["type"]="any",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Task",},},
     ["text"]="Begins a task: fn(...) runs when the caller waits the next time.\n\n```lua\nlocal task = moonpool.spawn(function() return client.core.listNode() end)\nlocal nodes, err = task:join()\n```",},
    {
     ["call"]="moonpool.sleep(ms)",
     ["name"]="sleep",
     ["parameters"]={
      {
       ["name"]="ms",
       ["text"]="",
       ["type"]="integer",},},
     ["returns"]={},
     ["text"]="Waits so long; other tasks run meanwhile.",},
    {
     ["call"]="moonpool.every(ms, fn)",
     ["name"]="every",
     ["parameters"]={
      {
       ["name"]="ms",
       ["text"]="",
       ["type"]="integer",},
      {
       ["name"]="fn",
       ["text"]="",
       ["type"]="fun()",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Timer",},},
     ["text"]="Calls fn every `ms` milliseconds in a task of its own, for the first time after `ms`, until the timer is stopped. Calls never overlap: a call that takes longer makes the next ones due in between fall out. An error in fn is logged.",},
    {
     ["call"]="moonpool.map(list, fn, options)",
     ["name"]="map",
     ["parameters"]={
      {
       ["name"]="list",
       ["text"]="",
       ["type"]="T[]",},
      {
       ["name"]="fn",
       ["text"]="",
       ["type"]="fun(item: T, index: integer): R?, any",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.MapOptions?",},},
     ["returns"]={
      {
       ["name"]="results",
       ["text"]="",
       ["type"]="R[]",},
      {
       ["name"]="errors",
       ["text"]="",
       ["type"]="table<integer, any>?",},},
     ["text"]="Calls fn(item, index) for every item of a list, some at a time. Waits for all.\n\nResults stand in the order of the list; `results.n` is its length. Where fn returned nil and something, that something is in `errors` under the same index; `errors` is nil when there was none. When fn raises, no further item is begun, the tasks under way are cancelled, and the first error is raised again.\n\n```lua\nlocal counts = moonpool.map({ \"default\", \"kube-system\" }, function(namespace)\n  return #assert(client.resources.pods.list { namespace = namespace }).items\nend)\n```",},
    {
     ["call"]="moonpool.poll(ms)",
     ["name"]="poll",
     ["parameters"]={
      {
       ["name"]="ms",
       ["text"]="default 0",
       ["type"]="integer?",},},
     ["returns"]={},
     ["text"]="Delivers what is ready (events, tasks, timers), for so many ms. For stock Lua; in a task the same as sleep.",},
    {
     ["call"]="moonpool.run()",
     ["name"]="run",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Runs until no task and no timer is left. For stock Lua: the program does that by itself when the script's main part is over.",},
    {
     ["call"]="moonpool.ConnectionManager(options)",
     ["name"]="ConnectionManager",
     ["parameters"]={
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.ManagerOptions?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.ConnectionManager",},},
     ["text"]="Several clusters behind one. Clusters are added afterwards.\n\n```lua\nlocal manager <close> = moonpool.ConnectionManager {\n  loadBalancingStrategy = moonpool.LoadBalancingStrategy.LEAST_CONNECTIONS,\n}\nassert(manager:addCluster { name = \"eu\", context = \"prod-eu\", weight = 3, labels = { env = \"prod\" } })\n```",},},
   ["parents"]={},
   ["text"]="What `require \"moonpool\"` returns. Beside what is listed it has a class for each API group and version, for makeApiClient: CoreV1Api, AppsV1Api, BatchV1Api, NetworkingV1Api, ..., also other versions (BatchV1beta1Api) and the best one that the cluster serves (BatchApi).",
   ["word"]="moonpool",},
  ["moonpool.AcquireOptions"]={
   ["fields"]={
    {
     ["name"]="cluster",
     ["text"]="the preferred one",
     ["type"]="string?",},
    {
     ["name"]="key",
     ["text"]="what the strategy goes by, where it does",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.Api"]={
   ["fields"]={
    {
     ["name"]="getAPIResources",
     ["text"]="what kinds the group has, as the server says",
     ["type"]="fun(options: moonpool.CallOptions?): table?, moonpool.Error?",},
    {
     ["name"]="getAPIGroup",
     ["text"]="what versions the group has",
     ["type"]="fun(options: moonpool.CallOptions?): table?, moonpool.Error?",},
    {
     ["name"]="getAPIVersions",
     ["text"]="the same",
     ["type"]="fun(options: moonpool.CallOptions?): table?, moonpool.Error?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="The methods of one API group: <verb>[Namespaced]<Kind>[ForAllNamespaces][<Subresource>], the verb one of list, read, create, replace, patch, delete, deleteCollection, watch, connect<Method>. They are called with a dot; arguments come in the order name, namespace, body, and options last in one table; or all of them named in one table.",},
  ["moonpool.ApiClass"]={
   ["fields"]={
    {
     ["name"]="name",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="group",
     ["text"]="\"\": the one of pods and nodes",
     ["type"]="string",},
    {
     ["name"]="version",
     ["text"]="nil: the best version the cluster serves",
     ["type"]="string?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="Which group and version an API object speaks: moonpool.CoreV1Api, ..., for makeApiClient.",},
  ["moonpool.ApiOptions"]={
   ["fields"]={
    {
     ["name"]="pretty",
     ["text"]="the server is to indent its answer",
     ["type"]="boolean?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.CallOptions",},
   ["text"]="Of every method of an API group and every verb on a kind.",},
  ["moonpool.CallOptions"]={
   ["fields"]={
    {
     ["default"]="60000 (1 min)",
     ["name"]="timeout",
     ["text"]="ms for the whole call, waiting and retries included; 0: none. Watches and followed logs have none unless it is given. How long a connection may take to be made is the pool's connectTimeout",
     ["type"]="integer?",},
    {
     ["name"]="firstByteTimeout",
     ["text"]="ms from sending until the answer begins; 0: none",
     ["type"]="integer?",},
    {
     ["name"]="idleTimeout",
     ["text"]="ms of silence while the answer comes; 0: none",
     ["type"]="integer?",},
    {
     ["default"]="3",
     ["name"]="retries",
     ["text"]="further attempts where that is safe; when the server says how long to wait, 9 instead of the default",
     ["type"]="integer?",},
    {
     ["default"]="1073741824 (1 GiB)",
     ["name"]="maxBodySize",
     ["text"]="bytes; a larger answer is an error",
     ["type"]="integer?",},
    {
     ["name"]="gzip",
     ["text"]="whether to ask for a compressed answer; default: unless the server is near",
     ["type"]="boolean?",},
    {
     ["name"]="raw",
     ["text"]="the answer's text instead of a decoded table",
     ["type"]="boolean?",},
    {
     ["name"]="headers",
     ["text"]="further request headers",
     ["type"]="table<string, string>?",},
    {
     ["name"]="query",
     ["text"]="further query parameters",
     ["type"]="table<string, string|number|boolean>?",},
    {
     ["name"]="cluster",
     ["text"]="of a client that chooses among several: in this one only",
     ["type"]="string?",},
    {
     ["name"]="key",
     ["text"]="of a client that chooses among several: what its strategy goes by, where it does",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="Options of every API call that concern its way, not its meaning.",},
  ["moonpool.Candidate"]={
   ["fields"]={
    {
     ["name"]="name",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="weight",
     ["text"]="",
     ["type"]="number",},
    {
     ["name"]="labels",
     ["text"]="read only",
     ["type"]="table<string, string>",},
    {
     ["name"]="zone",
     ["text"]="nil: none was given",
     ["type"]="string?",},
    {
     ["name"]="priority",
     ["text"]="lower numbers first",
     ["type"]="integer",},
    {
     ["name"]="inUse",
     ["text"]="connections that are leased or carry a call",
     ["type"]="integer",},
    {
     ["name"]="idle",
     ["text"]="connections",
     ["type"]="integer",},
    {
     ["name"]="waiting",
     ["text"]="callers that wait for a connection",
     ["type"]="integer",},
    {
     ["name"]="inFlight",
     ["text"]="leases and calls, those that wait included",
     ["type"]="integer",},
    {
     ["name"]="latency",
     ["text"]="ms until an answer begins (peak EWMA); 0: not known",
     ["type"]="number",},
    {
     ["name"]="failures",
     ["text"]="requests in a row that failed",
     ["type"]="integer",},
    {
     ["name"]="endpoints",
     ["text"]="API servers that can be used now",
     ["type"]="integer",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="What a strategy chooses among. The same tables come for every selection; what a strategy changes in them is undone before the next.",},
  ["moonpool.ClientInfo"]={
   ["fields"]={
    {
     ["name"]="name",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="context",
     ["text"]="",
     ["type"]="string?",},
    {
     ["name"]="cluster",
     ["text"]="as the kubeconfig calls it",
     ["type"]="string?",},
    {
     ["name"]="namespace",
     ["text"]="the context's: of calls on `resources` that name none",
     ["type"]="string?",},
    {
     ["name"]="server",
     ["text"]="",
     ["type"]="string?",},
    {
     ["name"]="user",
     ["text"]="",
     ["type"]="string?",},
    {
     ["name"]="clusters",
     ["text"]="of a client over several: their names",
     ["type"]="string[]?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="",},
  ["moonpool.ClientOptions"]={
   ["fields"]={
    {
     ["name"]="kubeConfigPath",
     ["text"]="only this file; default: $KUBECONFIG, ~/.kube/config, in-cluster",
     ["type"]="string?",},
    {
     ["name"]="kubeConfig",
     ["text"]="instead of a path",
     ["type"]="moonpool.KubeConfig?",},
    {
     ["name"]="context",
     ["text"]="default: the current context",
     ["type"]="string?",},
    {
     ["default"]="true",
     ["name"]="enableConnectionPooling",
     ["text"]="false: a connection per call",
     ["type"]="boolean?",},
    {
     ["name"]="connectionPoolConfig",
     ["text"]="of its pool",
     ["type"]="moonpool.PoolOptions?",},
    {
     ["name"]="logger",
     ["text"]="gets what the runtime would log to standard error",
     ["type"]="moonpool.Logger?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.ClusterOptions"]={
   ["fields"]={
    {
     ["name"]="name",
     ["text"]="how everything calls it: unique in its manager",
     ["type"]="string",},
    {
     ["name"]="kubeConfigFactory",
     ["text"]="called once; or:",
     ["type"]="(fun(): moonpool.KubeConfig)?",},
    {
     ["name"]="kubeConfigPath",
     ["text"]="only this file; or:",
     ["type"]="string?",},
    {
     ["name"]="kubeConfig",
     ["text"]="or none of them: $KUBECONFIG, ~/.kube/config, in-cluster",
     ["type"]="moonpool.KubeConfig?",},
    {
     ["name"]="context",
     ["text"]="default: the current context",
     ["type"]="string?",},
    {
     ["name"]="endpoints",
     ["text"]="URLs of its API servers; default: the kubeconfig's server",
     ["type"]="string[]?",},
    {
     ["default"]="false",
     ["name"]="resolveEndpoints",
     ["text"]="true: every address of a name is an API server of its own; looked up again every 30 s",
     ["type"]="boolean?",},
    {
     ["default"]="1",
     ["name"]="weight",
     ["text"]="its share under the weighted and some other strategies, 0 or more; 0: only while nothing else is left",
     ["type"]="number?",},
    {
     ["name"]="labels",
     ["text"]="to select by, and for strategies",
     ["type"]="table<string, string>?",},
    {
     ["name"]="zone",
     ["text"]="for strategies",
     ["type"]="string?",},
    {
     ["default"]="0",
     ["name"]="priority",
     ["text"]="lower numbers first, under the priority strategy",
     ["type"]="integer?",},
    {
     ["name"]="poolConfig",
     ["text"]="of its pool, over defaultPoolConfig",
     ["type"]="moonpool.PoolOptions?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.ClusterStats"]={
   ["fields"]={
    {
     ["name"]="healthy",
     ["text"]="its state is \"healthy\" or \"suspect\"",
     ["type"]="boolean",},
    {
     ["name"]="state",
     ["text"]="\"unknown\" (never probed), \"healthy\", \"suspect\", \"unhealthy\", \"probing\"",
     ["type"]="string",},
    {
     ["name"]="enabled",
     ["text"]="",
     ["type"]="boolean",},
    {
     ["name"]="unauthorized",
     ["text"]="it answers, but not to these credentials",
     ["type"]="boolean",},
    {
     ["name"]="overloaded",
     ["text"]="it answered a probe with 429",
     ["type"]="boolean",},
    {
     ["name"]="weight",
     ["text"]="as given",
     ["type"]="number",},
    {
     ["name"]="share",
     ["text"]="how much of its usual load it gets, 0.1 to 1: less than 1 in the 30 s after a recovery",
     ["type"]="number",},
    {
     ["name"]="priority",
     ["text"]="",
     ["type"]="integer",},
    {
     ["name"]="zone",
     ["text"]="",
     ["type"]="string?",},
    {
     ["name"]="labels",
     ["text"]="",
     ["type"]="table<string, string>",},
    {
     ["name"]="inFlight",
     ["text"]="leases and calls, those that wait included",
     ["type"]="integer",},
    {
     ["name"]="latency",
     ["text"]="ms until an answer begins (peak EWMA); 0: not known",
     ["type"]="number",},
    {
     ["name"]="failures",
     ["text"]="requests in a row that failed",
     ["type"]="integer",},
    {
     ["name"]="selected",
     ["text"]="how often it was chosen",
     ["type"]="integer",},
    {
     ["name"]="lastError",
     ["text"]="why the last probe or request failed",
     ["type"]="string?",},
    {
     ["name"]="certificateExpiry",
     ["text"]="of the client certificate, seconds since 1970",
     ["type"]="integer?",},
    {
     ["name"]="poolStats",
     ["text"]="",
     ["type"]="moonpool.PoolStats",},
    {
     ["name"]="endpoints",
     ["text"]="",
     ["type"]="moonpool.EndpointStats[]",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="",},
  ["moonpool.Column"]={
   ["fields"]={
    {
     ["name"]="title",
     ["text"]="what stands above it",
     ["type"]="string",},
    {
     ["name"]="key",
     ["text"]="field of a row; default: the title, or for list rows the column's position",
     ["type"]="string|integer?",},
    {
     ["name"]="value",
     ["text"]="in place of a key",
     ["type"]="(fun(row: table): any)?",},
    {
     ["name"]="align",
     ["text"]="\"left\" or \"right\"; default: right where all cells are numbers",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.ConnectOptions"]={
   ["fields"]={
    {
     ["name"]="path",
     ["text"]="below the proxied service",
     ["type"]="string?",},
    {
     ["name"]="command",
     ["text"]="of exec",
     ["type"]="string|string[]?",},
    {
     ["name"]="container",
     ["text"]="needed where the pod has several",
     ["type"]="string?",},
    {
     ["name"]="stdin",
     ["text"]="connects the command's standard input",
     ["type"]="boolean?",},
    {
     ["name"]="stdout",
     ["text"]="connects the command's standard output",
     ["type"]="boolean?",},
    {
     ["name"]="stderr",
     ["text"]="connects the command's standard error",
     ["type"]="boolean?",},
    {
     ["name"]="tty",
     ["text"]="gives the command a terminal",
     ["type"]="boolean?",},
    {
     ["name"]="ports",
     ["text"]="of portforward",
     ["type"]="integer|integer[]?",},
    {
     ["name"]="body",
     ["text"]="of a proxied POST, PUT or PATCH",
     ["type"]="table|string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.ApiOptions",},
   ["text"]="",},
  ["moonpool.Connection"]={
   ["fields"]={
    {
     ["name"]="id",
     ["text"]="of its pool, counted from 1",
     ["type"]="integer",},
    {
     ["name"]="useCount",
     ["text"]="leases and calls so far",
     ["type"]="integer",},
    {
     ["name"]="age",
     ["text"]="ms",
     ["type"]="integer",},
    {
     ["name"]="createdAt",
     ["text"]="ms since 1970",
     ["type"]="integer",},},
   ["functions"]={
    {
     ["call"]="connection:info()",
     ["name"]="info",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.ClientInfo",},},
     ["text"]="Whom it talks to, and as whom.",},
    {
     ["call"]="connection:release()",
     ["name"]="release",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Gives it back to its pool; raises when it was given back already.",},
    {
     ["call"]="connection:makeApiClient(class)",
     ["name"]="makeApiClient",
     ["parameters"]={
      {
       ["name"]="class",
       ["text"]="moonpool.CoreV1Api, moonpool.AppsV1Api, ...",
       ["type"]="moonpool.ApiClass",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Api",},},
     ["text"]="The methods of an API group over this very connection.",},},
   ["parents"]={},
   ["text"]="A leased connection: one session with one API server. `<close>` gives it back, if it was not before.",
   ["word"]="connection",},
  ["moonpool.ConnectionManager"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="manager:addCluster(options)",
     ["name"]="addCluster",
     ["parameters"]={
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.ClusterOptions",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Adds a cluster. Reads its kubeconfig, starts its pool and its health checks; waits for no network.",},
    {
     ["call"]="manager:removeCluster(name)",
     ["name"]="removeCluster",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Takes a cluster out: who waits for it gets \"closed\", leases and calls have 5 s to end. Waits until nothing of it is left.",},
    {
     ["call"]="manager:enableCluster(name)",
     ["name"]="enableCluster",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Lets a cluster be chosen again.",},
    {
     ["call"]="manager:disableCluster(name)",
     ["name"]="disableCluster",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Lets a cluster not be chosen any more. It is still checked, and what runs on it goes on.",},
    {
     ["call"]="manager:setWeight(name, weight)",
     ["name"]="setWeight",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="weight",
       ["text"]="0 or more; 0: only while nothing else is left",
       ["type"]="number",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Changes a cluster's weight, for what is chosen from then on.",},
    {
     ["call"]="manager:setStrategy(strategy)",
     ["name"]="setStrategy",
     ["parameters"]={
      {
       ["name"]="strategy",
       ["text"]="",
       ["type"]="string|moonpool.Strategy|function",},},
     ["returns"]={},
     ["text"]="Changes the strategy, for what is chosen from then on: a LoadBalancingStrategy, a registered name, a function, or a table with select (see moonpool.Strategy).\n\n```lua\nmanager:setStrategy(function(clusters)\n  table.sort(clusters, function(a, b) return a.inFlight < b.inFlight end)\n  return clusters[1]\nend)\n```",},
    {
     ["call"]="manager:clusters(patterns, labels)",
     ["name"]="clusters",
     ["parameters"]={
      {
       ["name"]="patterns",
       ["text"]="names, globs, /regular expressions/, ^exclusions; nil: all",
       ["type"]="string|string[]|nil",},
      {
       ["name"]="labels",
       ["text"]="only those with these labels: \"env=prod,tier!=db\" or { env = \"prod\" }",
       ["type"]="string|table<string, string>|nil",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string[]?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="The names of the clusters that match, in the order in which they were added. Disabled ones only when they are named.",},
    {
     ["call"]="manager:acquire(preferred)",
     ["name"]="acquire",
     ["parameters"]={
      {
       ["name"]="preferred",
       ["text"]="",
       ["type"]="string|moonpool.AcquireOptions|nil",},},
     ["returns"]={
      {
       ["name"]="cluster",
       ["text"]="",
       ["type"]="string?",},
      {
       ["name"]="connection",
       ["text"]="",
       ["type"]="moonpool.Connection|moonpool.Error",},},
     ["text"]="Leases a connection of some cluster; the preferred one while it can be used. Give it back with release(cluster, connection). Waits up to the acquireTimeout of the cluster's pool.",},
    {
     ["call"]="manager:release(cluster, connection)",
     ["name"]="release",
     ["parameters"]={
      {
       ["name"]="cluster",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="connection",
       ["text"]="",
       ["type"]="moonpool.Connection",},},
     ["returns"]={},
     ["text"]="Gives a lease back; raises when it was given back already, or when it is of another cluster.",},
    {
     ["call"]="manager:lease(preferred)",
     ["name"]="lease",
     ["parameters"]={
      {
       ["name"]="preferred",
       ["text"]="",
       ["type"]="string|moonpool.AcquireOptions|nil",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Lease?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="As acquire, but in one value.\n\n```lua\nlocal lease <close> = assert(manager:lease())\nlocal api = lease.connection:makeApiClient(moonpool.CoreV1Api)\n```",},
    {
     ["call"]="manager:client(clusters)",
     ["name"]="client",
     ["parameters"]={
      {
       ["name"]="clusters",
       ["text"]="",
       ["type"]="string|string[]|nil",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.KubernetesClient?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="A KubernetesClient. Of one name: for that cluster only. Otherwise (a glob, a list of patterns, nothing: all clusters) it chooses a cluster for every call, with fail-over; its calls return a third value, { cluster = name, status = n }, and take the options cluster (that one only) and key.",},
    {
     ["call"]="manager:each(fn, options)",
     ["name"]="each",
     ["parameters"]={
      {
       ["name"]="fn",
       ["text"]="",
       ["type"]="fun(client: moonpool.KubernetesClient, name: string): any, any",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.EachOptions?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.EachResults?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Calls fn(client, name) for many clusters at a time, each with a client for that cluster only. Waits for all. The results have an entry for every cluster that was selected: { ok = true, value } or { ok = false, err }, with duration (ms) and attempts. Nothing selected: nil and an error.\n\n```lua\nlocal results = assert(manager:each(function(client)\n  return #assert(client.core.listNode()).items\nend, { clusters = \"prod-*\" }))\nfor name, result in pairs(results) do print(name, result.ok and result.value or result.err) end\n```",},
    {
     ["call"]="manager:getStats()",
     ["name"]="getStats",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="table<string, moonpool.ClusterStats>",},},
     ["text"]="How each cluster is, by its name.",},
    {
     ["call"]="manager:checkHealth(name)",
     ["name"]="checkHealth",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="boolean|table<string, boolean>|nil",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Checks a cluster, or all, now, and waits for the answers. Of one: whether it counts as healthy then (a single bad answer, or a single good one of a cluster that was down, does not change that yet), and if not, why. Of all: a table of names, each with true or false.",},
    {
     ["call"]="manager:on(event, handler)",
     ["name"]="on",
     ["parameters"]={
      {
       ["name"]="event",
       ["text"]="",
       ["type"]="moonpool.ManagerEvent|moonpool.PoolEvent",},
      {
       ["name"]="handler",
       ["text"]="",
       ["type"]="fun(...)",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["text"]="Calls handler(...) for every event of that name, from now on. Those of its pools have the cluster's name as a further last argument.",},
    {
     ["call"]="manager:once(event, handler)",
     ["name"]="once",
     ["parameters"]={
      {
       ["name"]="event",
       ["text"]="",
       ["type"]="moonpool.ManagerEvent|moonpool.PoolEvent",},
      {
       ["name"]="handler",
       ["text"]="",
       ["type"]="fun(...)",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["text"]="The same for the next such event only.",},
    {
     ["call"]="manager:off(subscription)",
     ["name"]="off",
     ["parameters"]={
      {
       ["name"]="subscription",
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["returns"]={
      {
       ["text"]="false: it was over already",
       ["type"]="boolean",},},
     ["text"]="Ends a subscription: its handler is not called any more, also not for what was queued.",},
    {
     ["call"]="manager:dispose()",
     ["name"]="dispose",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Closes everything: as removeCluster of each cluster. Waits until it is drained. Twice is fine.",},},
   ["parents"]={},
   ["text"]="Several clusters behind one: chooses one for every call and lease, watches their health, fails over. Methods are called with a colon; `<close>` disposes of it.",
   ["word"]="manager",},
  ["moonpool.ConnectionPool"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="pool:acquire()",
     ["name"]="acquire",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Connection?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Leases a connection for exclusive use. Give it back with `release`, or declare it `local conn <close>`. Waits up to acquireTimeout.",},
    {
     ["call"]="pool:release(connection)",
     ["name"]="release",
     ["parameters"]={
      {
       ["name"]="connection",
       ["text"]="",
       ["type"]="moonpool.Connection",},},
     ["returns"]={},
     ["text"]="Gives a lease back; raises when it was given back already or is another pool's.",},
    {
     ["call"]="pool:getStats()",
     ["name"]="getStats",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.PoolStats",},},
     ["text"]="How the pool is.",},
    {
     ["call"]="pool:on(event, handler)",
     ["name"]="on",
     ["parameters"]={
      {
       ["name"]="event",
       ["text"]="",
       ["type"]="moonpool.PoolEvent",},
      {
       ["name"]="handler",
       ["text"]="",
       ["type"]="fun(...)",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["text"]="Calls handler(...) for every event of that name, from now on. Handlers may do whatever a script may.",},
    {
     ["call"]="pool:once(event, handler)",
     ["name"]="once",
     ["parameters"]={
      {
       ["name"]="event",
       ["text"]="",
       ["type"]="moonpool.PoolEvent",},
      {
       ["name"]="handler",
       ["text"]="",
       ["type"]="fun(...)",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["text"]="The same for the next such event only.",},
    {
     ["call"]="pool:off(subscription)",
     ["name"]="off",
     ["parameters"]={
      {
       ["name"]="subscription",
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["returns"]={
      {
       ["text"]="false: it was over already",
       ["type"]="boolean",},},
     ["text"]="Ends a subscription: its handler is not called any more, also not for what was queued.",},
    {
     ["call"]="pool:dispose()",
     ["name"]="dispose",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Closes the pool: waiters get \"closed\", watches and followed logs end, leases have 5 s to come back. Waits until it is drained. Twice is fine.",},},
   ["parents"]={},
   ["text"]="A pool of connections to one cluster. Methods are called with a colon; `<close>` disposes of it.",
   ["word"]="pool",},
  ["moonpool.Console"]={
   ["fields"]={
    {
     ["name"]="path",
     ["text"]="of its socket",
     ["type"]="string",},
    {
     ["name"]="sessions",
     ["text"]="how many are attached",
     ["type"]="integer",},},
   ["functions"]={
    {
     ["call"]="console:close()",
     ["name"]="close",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Closes the socket and removes its file; who is attached is cut off. Twice is fine.",},},
   ["parents"]={},
   ["text"]="The console of this program, open until it is closed or the program ends. `<close>` closes it.",
   ["word"]="console",},
  ["moonpool.ConsoleOptions"]={
   ["fields"]={
    {
     ["name"]="globals",
     ["text"]="names that those who attach see besides the program's globals: { manager = manager }",
     ["type"]="table<string, any>?",},
    {
     ["default"]="false",
     ["name"]="readOnly",
     ["text"]="true: calls of theirs that would change something in a cluster fail",
     ["type"]="boolean?",},
    {
     ["default"]="1000 (1 s)",
     ["name"]="limit",
     ["text"]="ms that a statement may use the processor without waiting for anything, while all else stands still: it is ended",
     ["type"]="integer?",},
    {
     ["default"]="16",
     ["name"]="maxSessions",
     ["text"]="so many can be attached at the same time",
     ["type"]="integer?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.CustomObjectsApi"]={
   ["fields"]={},
   ["functions"]={},
   ["parents"]={},
   ["text"]="Methods named <verb>Namespaced|ClusterCustomObject[Status|Scale], the verb one of list, get, create, replace, patch, delete, deleteCollection. Arguments: group, version, namespace (of namespaced ones), plural, name (of one object), body, options.",},
  ["moonpool.DeleteCollectionOptions"]={
   ["fields"]={},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.ListOptions",
    "moonpool.DeleteOptions",},
   ["text"]="",},
  ["moonpool.DeleteOptions"]={
   ["fields"]={
    {
     ["name"]="gracePeriodSeconds",
     ["text"]="s; 0: at once",
     ["type"]="integer?",},
    {
     ["name"]="propagationPolicy",
     ["text"]="of what it owns: \"Orphan\", \"Background\" or \"Foreground\"",
     ["type"]="string?",},
    {
     ["name"]="orphanDependents",
     ["text"]="the older form of propagationPolicy",
     ["type"]="boolean?",},
    {
     ["name"]="preconditions",
     ["text"]="uid and resourceVersion that the object must have",
     ["type"]="table?",},
    {
     ["name"]="dryRun",
     ["text"]="true (or \"All\"): the server checks everything and changes nothing",
     ["type"]="boolean|string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.ApiOptions",},
   ["text"]="",},
  ["moonpool.Durations"]={
   ["fields"]={
    {
     ["name"]="p50",
     ["text"]="ms: half of them took no longer",
     ["type"]="number",},
    {
     ["name"]="p99",
     ["text"]="ms: 99 of 100 took no longer",
     ["type"]="number",},
    {
     ["name"]="max",
     ["text"]="ms",
     ["type"]="number",},
    {
     ["name"]="count",
     ["text"]="",
     ["type"]="integer",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="",},
  ["moonpool.EachOptions"]={
   ["fields"]={
    {
     ["name"]="clusters",
     ["text"]="name, glob, /regular expression/, ^exclusion, or a list of them; default: all",
     ["type"]="string|string[]?",},
    {
     ["name"]="labels",
     ["text"]="only those with these labels: \"env=prod,tier!=db\" or { env = \"prod\" }",
     ["type"]="string|table<string, string>?",},
    {
     ["default"]="25",
     ["name"]="concurrency",
     ["text"]="how many at a time",
     ["type"]="integer?",},
    {
     ["default"]="10000 (10 s)",
     ["name"]="timeout",
     ["text"]="ms for each cluster, retries included; 0: none",
     ["type"]="integer?",},
    {
     ["default"]="false",
     ["name"]="failFast",
     ["text"]="the first failure cancels the others",
     ["type"]="boolean?",},
    {
     ["default"]="0",
     ["name"]="retries",
     ["text"]="calls fn again after a failure that may pass: then fn must be able to run twice",
     ["type"]="integer?",},
    {
     ["name"]="waves",
     ["text"]="sizes such as { 1, \"10%\", \"rest\" } (that is what true means); the last one is used again until all had their turn",
     ["type"]="true|(integer|string)[]?",},
    {
     ["default"]="0",
     ["name"]="abortThreshold",
     ["text"]="with more failed clusters than this (or \"10%\" of all) no further wave begins",
     ["type"]="integer|string?",},
    {
     ["default"]="0",
     ["name"]="wavePause",
     ["text"]="ms between waves",
     ["type"]="integer?",},
    {
     ["name"]="progress",
     ["text"]="a line on standard error while that is a terminal; default: in the program",
     ["type"]="boolean?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.EachResult"]={
   ["fields"]={
    {
     ["name"]="ok",
     ["text"]="",
     ["type"]="boolean",},
    {
     ["name"]="value",
     ["text"]="what fn returned, when ok",
     ["type"]="any",},
    {
     ["name"]="err",
     ["text"]="otherwise",
     ["type"]="moonpool.Error?",},
    {
     ["name"]="duration",
     ["text"]="ms",
     ["type"]="integer",},
    {
     ["name"]="attempts",
     ["text"]="how often fn was called",
     ["type"]="integer",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="What came of one cluster.",},
  ["moonpool.EachResults"]={
   ["fields"]={
    {
     ["name"]="partial",
     ["text"]="some failed",
     ["type"]="boolean",},
    {
     ["name"]="failed",
     ["text"]="their names",
     ["type"]="string[]",},
    {
     ["name"]="succeeded",
     ["text"]="the names of the others",
     ["type"]="string[]",},
    {
     ["name"]="total",
     ["text"]="how many clusters there were",
     ["type"]="integer",},},
   ["functions"]={},
   ["parents"]={
    "{ [string]: moonpool.EachResult }",},
   ["text"]="One entry for every cluster, by its name; `pairs` gives them in the order of the clusters. tostring is a line with the names of those that failed.",},
  ["moonpool.EndpointStats"]={
   ["fields"]={
    {
     ["name"]="url",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="address",
     ["text"]="where the name was looked up (resolveEndpoints)",
     ["type"]="string?",},
    {
     ["name"]="state",
     ["text"]="\"unknown\", \"healthy\", \"suspect\", \"unhealthy\", \"probing\"",
     ["type"]="string",},
    {
     ["name"]="connections",
     ["text"]="of the pool",
     ["type"]="integer",},
    {
     ["name"]="streams",
     ["text"]="connections for watches and followed logs",
     ["type"]="integer",},
    {
     ["name"]="inFlight",
     ["text"]="calls that are under way there",
     ["type"]="integer",},
    {
     ["name"]="latency",
     ["text"]="ms until an answer begins; 0: not known",
     ["type"]="number",},
    {
     ["name"]="failures",
     ["text"]="probes in a row that failed",
     ["type"]="integer",},
    {
     ["name"]="lastError",
     ["text"]="",
     ["type"]="string?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="One API server of a cluster.",},
  ["moonpool.Error"]={
   ["fields"]={
    {
     ["name"]="kind",
     ["text"]="",
     ["type"]="moonpool.ErrorKind",},
    {
     ["name"]="message",
     ["text"]="what was tried, on what, and what came back",
     ["type"]="string",},
    {
     ["name"]="status",
     ["text"]="HTTP status",
     ["type"]="integer?",},
    {
     ["name"]="reason",
     ["text"]="Kubernetes' reason: \"AlreadyExists\", \"Expired\", ...",
     ["type"]="string?",},
    {
     ["name"]="cluster",
     ["text"]="that was chosen",
     ["type"]="string?",},
    {
     ["name"]="endpoint",
     ["text"]="URL of the API server that was asked",
     ["type"]="string?",},
    {
     ["name"]="attempts",
     ["text"]="how many times it was tried",
     ["type"]="integer?",},
    {
     ["name"]="retryAfter",
     ["text"]="ms that the server wants to be left alone",
     ["type"]="integer?",},
    {
     ["name"]="outcomeUnknown",
     ["text"]="true: a write was sent and no answer came; the server may have carried it out",
     ["type"]="boolean?",},
    {
     ["name"]="details",
     ["text"]="the Status object's details, decoded",
     ["type"]="table?",},
    {
     ["name"]="continue",
     ["text"]="of kind \"gone\": where a list may go on, though not in the state that it began with",
     ["type"]="string?",},
    {
     ["name"]="value",
     ["text"]="of kind \"script\": what was raised or returned, where that was no text",
     ["type"]="any",},
    {
     ["name"]="cause",
     ["text"]="of kind \"script\": the failed call whose nil was used",
     ["type"]="moonpool.Error?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="What went wrong: the second thing that a failed call returns. tostring(err) is one line that a person can act on.",},
  ["moonpool.HttpOptions"]={
   ["fields"]={
    {
     ["name"]="handler",
     ["text"]="returns the status; the body: a text, or a table, which is written as JSON; its content type, \"text/plain; charset=utf-8\" when none is given; and headers. It may wait",
     ["type"]="fun(request: moonpool.HttpRequest): integer, string|table|nil, string?, table<string, string>?",},
    {
     ["default"]="\"127.0.0.1\"",
     ["name"]="address",
     ["text"]="an IPv4 or IPv6 address of this machine; \"0.0.0.0\": all of them. There is neither TLS nor a password",
     ["type"]="string?",},
    {
     ["default"]="0",
     ["name"]="port",
     ["text"]="0: any free one",
     ["type"]="integer?",},
    {
     ["default"]="1048576",
     ["name"]="maxBodySize",
     ["text"]="bytes; requests with more get 413",
     ["type"]="integer?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.HttpRequest"]={
   ["fields"]={
    {
     ["name"]="method",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="path",
     ["text"]="decoded, without the query",
     ["type"]="string",},
    {
     ["name"]="query",
     ["text"]="decoded; of a name that comes again, the last",
     ["type"]="table<string, string>",},
    {
     ["name"]="headers",
     ["text"]="names in lower case, the values of repeated ones joined with \", \"",
     ["type"]="table<string, string>",},
    {
     ["name"]="body",
     ["text"]="\"\" when there is none",
     ["type"]="string",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="What a client asks.",},
  ["moonpool.HttpServer"]={
   ["fields"]={
    {
     ["name"]="address",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="port",
     ["text"]="",
     ["type"]="integer",},
    {
     ["name"]="url",
     ["text"]="\"http://127.0.0.1:9464\"",
     ["type"]="string",},},
   ["functions"]={
    {
     ["call"]="server:close()",
     ["name"]="close",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Stops listening, and cuts off the clients that are there. Twice is fine; also at the end of a scope (`<close>`).",},},
   ["parents"]={},
   ["text"]="An HTTP server that listens.",
   ["word"]="server",},
  ["moonpool.JsonOptions"]={
   ["fields"]={
    {
     ["name"]="indent",
     ["text"]="columns for each level, 0 to 16; default 0: in one line",
     ["type"]="integer?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.KubeConfig"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="kubeConfig:loadFromFile(path)",
     ["name"]="loadFromFile",
     ["parameters"]={
      {
       ["name"]="path",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Reads a file. Certificates and tokens that it names by relative paths are looked for beside it.",},
    {
     ["call"]="kubeConfig:loadFromString(text)",
     ["name"]="loadFromString",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="YAML",
       ["type"]="string",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Reads a text.",},
    {
     ["call"]="kubeConfig:loadFromDefault()",
     ["name"]="loadFromDefault",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Reads what kubectl would: the files of $KUBECONFIG together, else ~/.kube/config; else as loadFromCluster.",},
    {
     ["call"]="kubeConfig:loadFromCluster()",
     ["name"]="loadFromCluster",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Takes what a pod finds: the API server from the environment, the service account's token and authority.",},
    {
     ["call"]="kubeConfig:setCurrentContext(name)",
     ["name"]="setCurrentContext",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="true?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Chooses the context of whatever names none.",},
    {
     ["call"]="kubeConfig:getCurrentContext()",
     ["name"]="getCurrentContext",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string?",},},
     ["text"]="The name of the current context.",},
    {
     ["call"]="kubeConfig:getContexts()",
     ["name"]="getContexts",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="{ name: string, cluster: string, user: string?, namespace: string? }[]",},},
     ["text"]="Its contexts.",},
    {
     ["call"]="kubeConfig:getClusters()",
     ["name"]="getClusters",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="{ name: string, server: string?, tlsServerName: string?, caFile: string?, proxyUrl: string?, skipTLSVerify: boolean, hasCaData: boolean }[]",},},
     ["text"]="Its clusters.",},
    {
     ["call"]="kubeConfig:getUsers()",
     ["name"]="getUsers",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="{ name: string, username: string?, certFile: string?, tokenFile: string?, execCommand: string?, authProvider: string?, hasToken: boolean, hasPassword: boolean, hasClientCertificate: boolean }[]",},},
     ["text"]="Its users, secrets left out: whether there is one, not which.",},
    {
     ["call"]="kubeConfig:makeApiClient(class)",
     ["name"]="makeApiClient",
     ["parameters"]={
      {
       ["name"]="class",
       ["text"]="",
       ["type"]="moonpool.ApiClass",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Api?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="An API object over a pool of its own, for the current context. The pool lives as long as the object.",},},
   ["parents"]={},
   ["text"]="Who to talk to, and as whom. Loading replaces what it held, when it succeeds. tostring shows no secret.",
   ["word"]="kubeConfig",},
  ["moonpool.KubernetesClient"]={
   ["fields"]={
    {
     ["name"]="core",
     ["text"]="the group without a name: pods, nodes, secrets, ...",
     ["type"]="moonpool.CoreV1Api",},
    {
     ["name"]="apps",
     ["text"]="deployments, daemon sets, ...",
     ["type"]="moonpool.AppsV1Api",},
    {
     ["name"]="batch",
     ["text"]="jobs and cron jobs",
     ["type"]="moonpool.BatchV1Api",},
    {
     ["name"]="resources",
     ["text"]="kinds by their everyday names: client.resources.pods.list()",
     ["type"]="moonpool.Resources",},
    {
     ["name"]="custom",
     ["text"]="for scripts that name group, version and plural themselves",
     ["type"]="moonpool.CustomObjectsApi",},},
   ["functions"]={
    {
     ["call"]="client:getPoolStats()",
     ["name"]="getPoolStats",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.PoolStats",},},
     ["text"]="How its pool is, as ConnectionPool:getStats. A client over several clusters has none: see ConnectionManager:getStats.",},
    {
     ["call"]="client:info()",
     ["name"]="info",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.ClientInfo",},},
     ["text"]="Whom it talks to, and as whom.",},
    {
     ["call"]="client:on(event, handler)",
     ["name"]="on",
     ["parameters"]={
      {
       ["name"]="event",
       ["text"]="",
       ["type"]="moonpool.PoolEvent",},
      {
       ["name"]="handler",
       ["text"]="",
       ["type"]="fun(...)",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["text"]="Events of its pool, as ConnectionPool:on. A manager's client has none: the manager has them.",},
    {
     ["call"]="client:once(event, handler)",
     ["name"]="once",
     ["parameters"]={
      {
       ["name"]="event",
       ["text"]="",
       ["type"]="moonpool.PoolEvent",},
      {
       ["name"]="handler",
       ["text"]="",
       ["type"]="fun(...)",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["text"]="The same for the next such event only.",},
    {
     ["call"]="client:off(subscription)",
     ["name"]="off",
     ["parameters"]={
      {
       ["name"]="subscription",
       ["text"]="",
       ["type"]="moonpool.Subscription",},},
     ["returns"]={
      {
       ["text"]="false: it was over already",
       ["type"]="boolean",},},
     ["text"]="Ends a subscription: its handler is not called any more, also not for what was queued.",},
    {
     ["call"]="client:request(fields)",
     ["name"]="request",
     ["parameters"]={
      {
       ["name"]="fields",
       ["text"]="",
       ["type"]="moonpool.RawRequest",},},
     ["returns"]={
      {
       ["name"]="body",
       ["text"]="decoded, where it is JSON; nil on failure",
       ["type"]="any",},
      {
       ["name"]="err",
       ["text"]="",
       ["type"]="moonpool.Error?",},
      {
       ["name"]="answer",
       ["text"]="",
       ["type"]="{ status: integer, headers: table<string, string> }?",},},
     ["text"]="Any request: `client:request { path = \"/version\" }`. Waits.",},
    {
     ["call"]="client:dispose()",
     ["name"]="dispose",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Closes the pool (of a manager's client: only this client). Calls that wait for a connection get \"closed\", those under way have 5 s to end and leases to come back, watches and followed logs end. Waits until it is drained. Twice is fine.",},},
   ["parents"]={},
   ["text"]="Calls to one cluster over a pool of connections; or, made by a manager, to several. API groups are fields: client.core, client.apps, client.batch, client.networking, ..., any other by its full name, as in client[\"example.com\"] or client[\"example.com/v1\"]. Its own methods are called with a colon; `<close>` disposes of it.",
   ["word"]="client",},
  ["moonpool.Lease"]={
   ["fields"]={
    {
     ["name"]="cluster",
     ["text"]="its cluster's name",
     ["type"]="string",},
    {
     ["name"]="connection",
     ["text"]="",
     ["type"]="moonpool.Connection",},},
   ["functions"]={
    {
     ["call"]="lease:release()",
     ["name"]="release",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Gives it back; raises when it was given back already.",},},
   ["parents"]={},
   ["text"]="Declare it `local lease <close>`: released at the end of its block, if it was not before.",
   ["word"]="lease",},
  ["moonpool.Lines"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="lines:read()",
     ["name"]="read",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="The next line without its newline; nil at the end, nil and an error when the stream broke. Waits.",},
    {
     ["call"]="lines:close()",
     ["name"]="close",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Ends the stream. Twice is fine.",},},
   ["parents"]={},
   ["text"]="A streaming answer as lines: `for line in lines do`. Closing it (also by `<close>`) ends the stream.",
   ["word"]="lines",},
  ["moonpool.ListOptions"]={
   ["fields"]={
    {
     ["name"]="limit",
     ["text"]="a page of at most so many objects; 0: all",
     ["type"]="integer?",},
    {
     ["name"]="continue",
     ["text"]="the page after the one whose metadata.continue this is",
     ["type"]="string?",},
    {
     ["name"]="labelSelector",
     ["text"]="\"app=web,tier!=db\", or a table: { app = \"web\", tier = { \"a\", \"b\" }, canary = false }",
     ["type"]="string|table?",},
    {
     ["name"]="fieldSelector",
     ["text"]="\"status.phase=Running\", or a table",
     ["type"]="string|table?",},
    {
     ["name"]="resourceVersion",
     ["text"]="not older than this; \"0\": whatever the server has at hand",
     ["type"]="string?",},
    {
     ["name"]="resourceVersionMatch",
     ["text"]="\"NotOlderThan\" or \"Exact\"",
     ["type"]="string?",},
    {
     ["name"]="timeoutSeconds",
     ["text"]="s after which the server ends the call",
     ["type"]="integer?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.ApiOptions",},
   ["text"]="",},
  ["moonpool.LoadBalancingStrategy"]={
   ["fields"]={
    {
     ["name"]="ROUND_ROBIN",
     ["text"]="in sequence, evenly; weights are ignored",
     ["type"]="string",},
    {
     ["name"]="LEAST_CONNECTIONS",
     ["text"]="the fewest leases and calls under way; ties in turn",
     ["type"]="string",},
    {
     ["name"]="WEIGHTED",
     ["text"]="by weight, smoothly interleaved",
     ["type"]="string",},
    {
     ["name"]="RANDOM",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="PEAK_EWMA",
     ["text"]="the lowest latency of late, by what is under way there",
     ["type"]="string",},
    {
     ["name"]="RENDEZVOUS",
     ["text"]="the same cluster for the same key",
     ["type"]="string",},
    {
     ["name"]="PRIORITY",
     ["text"]="the lowest priority number; ties in turn",
     ["type"]="string",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="The strategies that are built in.",},
  ["moonpool.LogOptions"]={
   ["fields"]={
    {
     ["name"]="container",
     ["text"]="needed where the pod has several",
     ["type"]="string?",},
    {
     ["name"]="follow",
     ["text"]="goes on with what is logged from now on: the call returns a moonpool.Lines, has no timeout unless it is given, and ends after 10 minutes of silence (idleTimeout)",
     ["type"]="boolean?",},
    {
     ["name"]="previous",
     ["text"]="of the container before the last restart",
     ["type"]="boolean?",},
    {
     ["name"]="sinceSeconds",
     ["text"]="s: what is not older",
     ["type"]="integer?",},
    {
     ["name"]="sinceTime",
     ["text"]="what is not older than this moment (RFC 3339)",
     ["type"]="string?",},
    {
     ["name"]="tailLines",
     ["text"]="only the last so many lines",
     ["type"]="integer?",},
    {
     ["name"]="timestamps",
     ["text"]="each line with its time",
     ["type"]="boolean?",},
    {
     ["name"]="limitBytes",
     ["text"]="bytes",
     ["type"]="integer?",},
    {
     ["name"]="insecureSkipTLSVerifyBackend",
     ["text"]="the server is not to verify the kubelet's certificate",
     ["type"]="boolean?",},
    {
     ["name"]="stream",
     ["text"]="\"All\", \"Stdout\" or \"Stderr\"",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.ApiOptions",},
   ["text"]="",},
  ["moonpool.Logger"]={
   ["fields"]={
    {
     ["name"]="debug",
     ["text"]="",
     ["type"]="fun(self: moonpool.Logger, message: string, fields: table?)",},
    {
     ["name"]="info",
     ["text"]="",
     ["type"]="fun(self: moonpool.Logger, message: string, fields: table?)",},
    {
     ["name"]="warn",
     ["text"]="",
     ["type"]="fun(self: moonpool.Logger, message: string, fields: table?)",},
    {
     ["name"]="error",
     ["text"]="",
     ["type"]="fun(self: moonpool.Logger, message: string, fields: table?)",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="Any table with these: where log lines go instead of standard error.",},
  ["moonpool.ManagerOptions"]={
   ["fields"]={
    {
     ["name"]="loadBalancingStrategy",
     ["text"]="which cluster a call or lease gets: a member of LoadBalancingStrategy, a registered name, or a strategy of one's own",
     ["type"]="string|moonpool.Strategy|function?",},
    {
     ["default"]="true",
     ["name"]="enableFailover",
     ["text"]="leases and reads go to another cluster when theirs fails",
     ["type"]="boolean?",},
    {
     ["default"]="false",
     ["name"]="failoverWrites",
     ["text"]="writes too, where that is safe",
     ["type"]="boolean?",},
    {
     ["default"]="30000 (30 s)",
     ["name"]="clusterHealthCheckInterval",
     ["text"]="ms between probes of a healthy cluster; 0: only clusters whose requests fail are probed",
     ["type"]="integer?",},
    {
     ["name"]="defaultPoolConfig",
     ["text"]="for the pools of all clusters",
     ["type"]="moonpool.PoolOptions?",},
    {
     ["name"]="logger",
     ["text"]="gets what the runtime would log to standard error",
     ["type"]="moonpool.Logger?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.MapOptions"]={
   ["fields"]={
    {
     ["default"]="16",
     ["name"]="concurrency",
     ["text"]="how many at a time",
     ["type"]="integer?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.PatchOptions"]={
   ["fields"]={
    {
     ["name"]="patchType",
     ["text"]="\"json\", \"merge\", \"strategic\" or \"apply\"; default: by the patch (a list is a JSON patch) and the kind",
     ["type"]="string?",},
    {
     ["name"]="force",
     ["text"]="with patchType = \"apply\": takes over fields of other managers",
     ["type"]="boolean?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.WriteOptions",},
   ["text"]="",},
  ["moonpool.PoolOptions"]={
   ["fields"]={
    {
     ["default"]="10",
     ["name"]="maxConnections",
     ["text"]="at most so many, 1 or more; watches and followed logs have further ones",
     ["type"]="integer?",},
    {
     ["default"]="2",
     ["name"]="minConnections",
     ["text"]="at least so many, kept up in the background; at most maxConnections",
     ["type"]="integer?",},
    {
     ["default"]="300000 (5 min)",
     ["name"]="maxIdleTime",
     ["text"]="ms after which an idle connection is closed, never below minConnections; 0: off",
     ["type"]="integer?",},
    {
     ["default"]="30000 (30 s)",
     ["name"]="acquireTimeout",
     ["text"]="ms that a caller waits for a connection",
     ["type"]="integer?",},
    {
     ["default"]="60000 (1 min)",
     ["name"]="healthCheckInterval",
     ["text"]="ms between checks of an idle connection; 0: off. Keep it below the 90 s after which API servers close idle connections",
     ["type"]="integer?",},
    {
     ["default"]="3",
     ["name"]="healthCheckRetries",
     ["text"]="further checks after one that failed, before the connection is replaced",
     ["type"]="integer?",},
    {
     ["default"]="true",
     ["name"]="enableWarmup",
     ["text"]="minConnections are made when the pool is; false: when one is wanted first",
     ["type"]="boolean?",},
    {
     ["default"]="1800000 (30 min)",
     ["name"]="maxLifetime",
     ["text"]="ms after which a connection is replaced, for each 10 % more or less; 0: off",
     ["type"]="integer?",},
    {
     ["default"]="10000 (10 s)",
     ["name"]="connectTimeout",
     ["text"]="ms for name resolution, TCP and TLS together",
     ["type"]="integer?",},
    {
     ["default"]="3000 (3 s)",
     ["name"]="healthCheckTimeout",
     ["text"]="ms that a check may take",
     ["type"]="integer?",},
    {
     ["default"]="100",
     ["name"]="maxStreamsPerConnection",
     ["text"]="calls that share a connection at a time; on HTTP/1.1 always 1",
     ["type"]="integer?",},
    {
     ["default"]="2",
     ["name"]="maxConnecting",
     ["text"]="how many connections are made at once, beyond warm-up",
     ["type"]="integer?",},
    {
     ["default"]="0",
     ["name"]="leakDetectionThreshold",
     ["text"]="ms after which a lease that was not given back is told as connectionLeaked; 0: off",
     ["type"]="integer?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.PoolStats"]={
   ["fields"]={
    {
     ["name"]="total",
     ["text"]="connections: idle, inUse and unhealthy together",
     ["type"]="integer",},
    {
     ["name"]="idle",
     ["text"]="",
     ["type"]="integer",},
    {
     ["name"]="inUse",
     ["text"]="leased, or with a call on them",
     ["type"]="integer",},
    {
     ["name"]="unhealthy",
     ["text"]="a check failed, and they are checked again",
     ["type"]="integer",},
    {
     ["name"]="connecting",
     ["text"]="being made",
     ["type"]="integer",},
    {
     ["name"]="waitQueueLength",
     ["text"]="callers that wait for one",
     ["type"]="integer",},
    {
     ["name"]="created",
     ["text"]="so far",
     ["type"]="integer",},
    {
     ["name"]="removed",
     ["text"]="so far, by reason: idle, lifetime, unhealthy, error, stale, closed",
     ["type"]="table<string, integer>",},
    {
     ["name"]="acquired",
     ["text"]="so far",
     ["type"]="integer",},
    {
     ["name"]="released",
     ["text"]="so far",
     ["type"]="integer",},
    {
     ["name"]="timeouts",
     ["text"]="callers that waited acquireTimeout for nothing, so far",
     ["type"]="integer",},
    {
     ["name"]="leaked",
     ["text"]="leases that were out for longer than leakDetectionThreshold, so far",
     ["type"]="integer",},
    {
     ["name"]="waitTime",
     ["text"]="from asking for a connection to getting it",
     ["type"]="moonpool.Durations",},
    {
     ["name"]="useTime",
     ["text"]="from getting it to giving it back; of a shared one from its first call to the last",
     ["type"]="moonpool.Durations",},
    {
     ["name"]="retries",
     ["text"]="further attempts of calls, so far",
     ["type"]="integer?",},
    {
     ["name"]="retriesDenied",
     ["text"]="attempts that were put off, because a fifth of the calls under way were being tried again",
     ["type"]="integer?",},
    {
     ["name"]="streams",
     ["text"]="the same of the connections for watches and followed logs, of which there are up to 1,000 beside maxConnections, each for as long as it is needed",
     ["type"]="moonpool.PoolStats?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="",},
  ["moonpool.RawRequest"]={
   ["fields"]={
    {
     ["name"]="path",
     ["text"]="with a leading \"/\", percent-encoded",
     ["type"]="string",},
    {
     ["name"]="method",
     ["text"]="default \"GET\"",
     ["type"]="string?",},
    {
     ["name"]="body",
     ["text"]="a table, or its text",
     ["type"]="table|string?",},
    {
     ["name"]="contentType",
     ["text"]="of the body; default \"application/json\"",
     ["type"]="string?",},
    {
     ["name"]="accept",
     ["text"]="default \"application/json\"",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.CallOptions",},
   ["text"]="What client:request takes.",},
  ["moonpool.ReadOptions"]={
   ["fields"]={
    {
     ["name"]="resourceVersion",
     ["text"]="not older than this",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.ApiOptions",},
   ["text"]="",},
  ["moonpool.Resource"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="client.resources.<kind>.list(options)",
     ["name"]="list",
     ["parameters"]={
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.ListOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["name"]="list",
       ["text"]="its `items` are the objects",
       ["type"]="table?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="All objects in one table, or a page of them (`limit`, `continue`). Waits.",},
    {
     ["call"]="client.resources.<kind>.get(name, options)",
     ["name"]="get",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="the name, or all in one table",
       ["type"]="string|table",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.ReadOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["name"]="object",
       ["text"]="",
       ["type"]="table?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="One object. Waits.",},
    {
     ["call"]="client.resources.<kind>.create(object, options)",
     ["name"]="create",
     ["parameters"]={
      {
       ["name"]="object",
       ["text"]="",
       ["type"]="table",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.WriteOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["name"]="object",
       ["text"]="as it is now",
       ["type"]="table?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Makes an object. With `subresource` (eviction, binding, token) the object's metadata.name says of what. Waits.",},
    {
     ["call"]="client.resources.<kind>.replace(object, options)",
     ["name"]="replace",
     ["parameters"]={
      {
       ["name"]="object",
       ["text"]="",
       ["type"]="table",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.WriteOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["name"]="object",
       ["text"]="as it is now",
       ["type"]="table?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Writes an object that was read and changed; fails with kind \"conflict\" when it was changed meanwhile. Waits.",},
    {
     ["call"]="client.resources.<kind>.patch(name, patch, options)",
     ["name"]="patch",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="patch",
       ["text"]="",
       ["type"]="table|string",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.PatchOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["name"]="object",
       ["text"]="as it is now",
       ["type"]="table?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Changes part of an object. A list is a JSON patch, a table a strategic merge patch (custom resources: a merge patch); `patchType` = \"json\", \"merge\" or \"strategic\" says otherwise. Waits.",},
    {
     ["call"]="client.resources.<kind>.apply(object, options)",
     ["name"]="apply",
     ["parameters"]={
      {
       ["name"]="object",
       ["text"]="",
       ["type"]="table",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.PatchOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["name"]="object",
       ["text"]="as it is now",
       ["type"]="table?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Server-side apply: makes the object or brings its fields to these values, as `fieldManager` (default \"moonpool\"). Fields of another manager are a conflict unless `force`. Waits.\n\n```lua\nassert(client.resources.configmaps.apply { metadata = { name = \"motd\", namespace = \"default\" }, data = { text = \"hello\" } })\n```",},
    {
     ["call"]="client.resources.<kind>.delete(name, options)",
     ["name"]="delete",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="the name, or all in one table",
       ["type"]="string|table",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.DeleteOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["name"]="object",
       ["text"]="",
       ["type"]="table?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Deletes one object; gives the object or the server's Status. Waits.",},
    {
     ["call"]="client.resources.<kind>.each(options)",
     ["name"]="each",
     ["parameters"]={
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.ListOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["name"]="iterator",
       ["text"]="",
       ["type"]="fun(): table?",},},
     ["text"]="`for object in resource.each { labelSelector = \"app=web\" }`: page by page (`limit` objects each, default 500), in the memory of one page. Raises the error object when a page cannot be had, as io.lines does.\n\nA list read this way is one consistent state of the cluster. When that takes so long that the server has forgotten it (410, after 5 minutes or more), the server may offer to go on with the rest as it is now: then that is done, with a warning in the log. Otherwise the loop ends with an error of kind \"gone\".",},
    {
     ["call"]="client.resources.<kind>.watch(options)",
     ["name"]="watch",
     ["parameters"]={
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.WatchOptions|moonpool.ResourceOptions|nil",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Watcher",},},
     ["text"]="`for event in resource.watch { namespace = \"default\" } do print(event.type, event.object.metadata.name) end`: what is there and then every change, without an end unless `timeout` (ms) is given. Raises the error object when it cannot go on.",},
    {
     ["call"]="client.resources.<kind>.wait(name, condition, options)",
     ["name"]="wait",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="condition",
       ["text"]="",
       ["type"]="string|fun(object: table): boolean?",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.WaitOptions?",},},
     ["returns"]={
      {
       ["name"]="object",
       ["text"]="",
       ["type"]="table|true|nil",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Waits until one object is as wished: a condition (\"Available\", \"Ready=False\"), \"exists\", \"deleted\", or a function that is given the object and returns true. Gives the object (true for \"deleted\"), or nil and an error of kind \"timeout\" that says what was last seen.\n\n```lua\nassert(client.resources.deployments.wait(\"cart\", \"Available\", { namespace = \"shop\", timeout = 120000 }))\n```",},},
   ["parents"]={},
   ["text"]="The verbs on a kind. They are called with a dot: client.resources.pods.list { namespace = \"default\" }.",
   ["word"]="client.resources.<kind>",},
  ["moonpool.ResourceOptions"]={
   ["fields"]={
    {
     ["name"]="namespace",
     ["text"]="default: of list, each and watch all namespaces, else the object's own, else the context's",
     ["type"]="string?",},
    {
     ["name"]="subresource",
     ["text"]="\"status\", \"scale\", \"eviction\", ...",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="Beside the options of the verb, every method on a kind takes these.",},
  ["moonpool.Resources"]={
   ["fields"]={
    {
     ["name"]="[string]",
     ["text"]="",
     ["type"]="moonpool.Resource",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="Kinds by any of their names: client.resources.pods, .pod, .po, .deployment, [\"widgets.example.com\"].",},
  ["moonpool.Script"]={
   ["fields"]={
    {
     ["name"]="name",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="writes",
     ["text"]="it changes something",
     ["type"]="boolean?",},
    {
     ["name"]="parser",
     ["text"]="argparse's: for options of the script's own, before parse",
     ["type"]="table",},
    {
     ["name"]="options",
     ["text"]="what was given; see Script:parse",
     ["type"]="table",},
    {
     ["name"]="rows",
     ["text"]="what was collected",
     ["type"]="table[]",},
    {
     ["name"]="clusters",
     ["text"]="those that were asked",
     ["type"]="{ name: string, err: moonpool.Error?, namespaceMissing: boolean? }[]",},},
   ["functions"]={
    {
     ["call"]="run:usage(message)",
     ["name"]="usage",
     ["parameters"]={
      {
       ["name"]="message",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={},
     ["text"]="Ends the program for a mistake in how the script was called.",},
    {
     ["call"]="run:fail(message)",
     ["name"]="fail",
     ["parameters"]={
      {
       ["name"]="message",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={},
     ["text"]="Ends the program for what is wrong with the clusters or what is in them, after the clusters that failed.",},
    {
     ["call"]="run:parse()",
     ["name"]="parse",
     ["parameters"]={},
     ["returns"]={
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="table",},},
     ["text"]="Reads the command line, and selects the clusters that it names. Ends the program when it is wrong.",},
    {
     ["call"]="run:scope(more)",
     ["name"]="scope",
     ["parameters"]={
      {
       ["name"]="more",
       ["text"]="",
       ["type"]="table?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="table",},},
     ["text"]="The namespace and the selector that were given, as options of an API call, with `more`.",},
    {
     ["call"]="run:collect(fn, more)",
     ["name"]="collect",
     ["parameters"]={
      {
       ["name"]="fn",
       ["text"]="",
       ["type"]="fun(client: moonpool.KubernetesClient, add: fun(row: table), name: string): any, any",},
      {
       ["name"]="more",
       ["text"]="waves, for example",
       ["type"]="moonpool.EachOptions?",},},
     ["returns"]={
      {
       ["name"]="rows",
       ["text"]="in the order of the clusters",
       ["type"]="table[]",},},
     ["text"]="Calls fn(client, add, name) for every selected cluster, all at a time; add(row) adds a row, whose field `cluster` is set. What fn raises, or returns after nil, is why the cluster failed; rows that it had added stay. Rows about changes say in `result` how far each is.",},
    {
     ["call"]="run:write(text)",
     ["name"]="write",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={},
     ["text"]="Writes to standard output, at once; ends the program when that cannot be done (a full disk).",},
    {
     ["call"]="run:show(columns, nothing)",
     ["name"]="show",
     ["parameters"]={
      {
       ["name"]="columns",
       ["text"]="keys of the rows, which titles are made from, for the table",
       ["type"]="(string|moonpool.Column)[]",},
      {
       ["name"]="nothing",
       ["text"]="what a table without rows means: \"nothing is stuck\"",
       ["type"]="string?",},},
     ["returns"]={},
     ["text"]="Writes the rows as --output says, and ends the program with 1 when --check is on and there are any, or when there is no such namespace as was asked for. The codes 3 and 4 follow by themselves from the clusters that failed.",},
    {
     ["call"]="run:stream(lineOf, fn)",
     ["name"]="stream",
     ["parameters"]={
      {
       ["name"]="lineOf",
       ["text"]="a row as a line for people",
       ["type"]="fun(row: table): string",},
      {
       ["name"]="fn",
       ["text"]="",
       ["type"]="fun(client: moonpool.KubernetesClient, add: fun(row: table), name: string)",},},
     ["returns"]={},
     ["text"]="In place of show: writes the rows so far, and then those that fn(client, add, name) adds, at once. It is called for every cluster that has not failed before, and may go on for ever.",},},
   ["parents"]={},
   ["text"]="One script and its run.",
   ["word"]="run",},
  ["moonpool.ScriptFeatures"]={
   ["fields"]={
    {
     ["name"]="namespaced",
     ["text"]="has --namespace and --selector",
     ["type"]="boolean?",},
    {
     ["name"]="writes",
     ["text"]="has --dry-run",
     ["type"]="boolean?",},
    {
     ["name"]="check",
     ["text"]="has --check: exit code 1 when there are rows; says what they are: \"something is stuck\"",
     ["type"]="string?",},
    {
     ["name"]="timeout",
     ["text"]="what --timeout is that is not given; default \"30s\"",
     ["type"]="string?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="",},
  ["moonpool.Strategy"]={
   ["fields"]={
    {
     ["name"]="select",
     ["text"]="",
     ["type"]="fun(self: any, clusters: moonpool.Candidate[], request: moonpool.StrategyRequest): moonpool.Candidate|string?",},
    {
     ["name"]="onResult",
     ["text"]="after each call",
     ["type"]="fun(self: moonpool.Strategy, cluster: string, outcome: moonpool.StrategyOutcome)?",},
    {
     ["name"]="onClusterChange",
     ["text"]="\"added\", \"removed\", \"healthy\", \"unhealthy\"",
     ["type"]="fun(self: moonpool.Strategy, cluster: string, change: string)?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="Healthy, enabled candidates only, in the order in which they were added. `select` returns one of them, its name, or nil: then round-robin chooses. It has 10 ms of the processor and cannot wait.",},
  ["moonpool.StrategyOutcome"]={
   ["fields"]={
    {
     ["name"]="ok",
     ["text"]="",
     ["type"]="boolean",},
    {
     ["name"]="err",
     ["text"]="",
     ["type"]="moonpool.Error?",},
    {
     ["name"]="duration",
     ["text"]="ms",
     ["type"]="number",},
    {
     ["name"]="method",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="path",
     ["text"]="with its query",
     ["type"]="string",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="",},
  ["moonpool.StrategyRequest"]={
   ["fields"]={
    {
     ["name"]="kind",
     ["text"]="\"lease\", \"read\", \"write\", \"watch\"",
     ["type"]="string",},
    {
     ["name"]="method",
     ["text"]="nil for a lease",
     ["type"]="string?",},
    {
     ["name"]="path",
     ["text"]="",
     ["type"]="string?",},
    {
     ["name"]="key",
     ["text"]="as the script gave it",
     ["type"]="string?",},
    {
     ["name"]="cluster",
     ["text"]="the preferred cluster, which cannot be used now",
     ["type"]="string?",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="What it chooses for.",},
  ["moonpool.Subscription"]={
   ["fields"]={
    {
     ["name"]="event",
     ["text"]="",
     ["type"]="string",},
    {
     ["name"]="dropped",
     ["text"]="events that were dropped because the handler did not keep up",
     ["type"]="integer",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="What `on` and `once` return, for `off`.",},
  ["moonpool.TableOptions"]={
   ["fields"]={
    {
     ["name"]="width",
     ["text"]="columns that the terminal has: longer cells are cut with \"…\"; default: no limit",
     ["type"]="integer?",},
    {
     ["default"]="0",
     ["name"]="indent",
     ["text"]="columns before the first one",
     ["type"]="integer?",},
    {
     ["default"]="true",
     ["name"]="header",
     ["text"]="a line of titles",
     ["type"]="boolean?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.Task"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="task:join()",
     ["name"]="join",
     ["parameters"]={},
     ["returns"]={
      {
       ["name"]="...",
       ["text"]="",
       ["type"]="any",},},
     ["text"]="Waits for its end. Returns what fn returned; raises what fn raised; of a cancelled task: nil and an error of kind \"cancelled\".",},
    {
     ["call"]="task:cancel()",
     ["name"]="cancel",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="boolean",},},
     ["text"]="Ends the task: its pending call is cancelled, its to-be-closed variables are closed. False when it was over.",},
    {
     ["call"]="task:status()",
     ["name"]="status",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string",},},
     ["text"]="How it is: \"running\", \"done\", \"failed\" or \"cancelled\".",},},
   ["parents"]={},
   ["text"]="A function that runs beside others, until it waits or ends.",
   ["word"]="task",},
  ["moonpool.Timer"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="timer:stop()",
     ["name"]="stop",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="false: it was stopped already",
       ["type"]="boolean",},},
     ["text"]="Makes no further call; one under way goes on.",},},
   ["parents"]={},
   ["text"]="What `every` returns. `<close>` stops it.",
   ["word"]="timer",},
  ["moonpool.WaitOptions"]={
   ["fields"]={
    {
     ["name"]="namespace",
     ["text"]="default: the context's",
     ["type"]="string?",},
    {
     ["default"]="60000 (1 min)",
     ["name"]="timeout",
     ["text"]="ms; 0: for ever",
     ["type"]="integer?",},
    {
     ["name"]="cluster",
     ["text"]="of a client that chooses among several: in this one only",
     ["type"]="string?",},
    {
     ["name"]="key",
     ["text"]="of a client that chooses among several: what its strategy goes by, where it does",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={},
   ["text"]="",},
  ["moonpool.WatchEvent"]={
   ["fields"]={
    {
     ["name"]="type",
     ["text"]="\"ADDED\", \"MODIFIED\", \"DELETED\"; \"BOOKMARK\" when allowWatchBookmarks was asked for",
     ["type"]="string",},
    {
     ["name"]="object",
     ["text"]="of a DELETED one sometimes only its metadata",
     ["type"]="table",},},
   ["functions"]={},
   ["parents"]={},
   ["text"]="",},
  ["moonpool.WatchOptions"]={
   ["fields"]={
    {
     ["name"]="labelSelector",
     ["text"]="as of a list",
     ["type"]="string|table?",},
    {
     ["name"]="fieldSelector",
     ["text"]="as of a list",
     ["type"]="string|table?",},
    {
     ["name"]="resourceVersion",
     ["text"]="from then on; default: what is there now comes first, as events of type \"ADDED\"",
     ["type"]="string?",},
    {
     ["name"]="resourceVersionMatch",
     ["text"]="\"NotOlderThan\" or \"Exact\"",
     ["type"]="string?",},
    {
     ["name"]="timeoutSeconds",
     ["text"]="s after which the server ends it, and it is asked for again; default: 300 to 600",
     ["type"]="integer?",},
    {
     ["name"]="allowWatchBookmarks",
     ["text"]="the script wants to see events of type \"BOOKMARK\"",
     ["type"]="boolean?",},
    {
     ["name"]="sendInitialEvents",
     ["text"]="the server sends what is there, in place of a list",
     ["type"]="boolean?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["otherDefaults"]={
    {
     ["default"]="30000 (30 s)",
     ["name"]="firstByteTimeout",},
    {
     ["default"]="90000 (90 s)",
     ["name"]="idleTimeout",},},
   ["parents"]={
    "moonpool.ApiOptions",},
   ["text"]="",},
  ["moonpool.Watcher"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="watcher:next()",
     ["name"]="next",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.WatchEvent?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="The next event; nil when the watch has ended (closed, or its time is over); nil and an error when it cannot go on. Waits.",},
    {
     ["call"]="watcher:close()",
     ["name"]="close",
     ["parameters"]={},
     ["returns"]={},
     ["text"]="Ends the watch. Twice is fine.",},},
   ["parents"]={},
   ["text"]="The changes of a set of objects: `for event in watcher do`. It outlives connections, servers that end it and forgotten versions. `close`, or leaving the loop, ends it.",
   ["word"]="watcher",},
  ["moonpool.WriteOptions"]={
   ["fields"]={
    {
     ["name"]="dryRun",
     ["text"]="true (or \"All\"): the server checks everything and changes nothing",
     ["type"]="boolean|string?",},
    {
     ["name"]="fieldManager",
     ["text"]="who changes, for server-side apply",
     ["type"]="string?",},
    {
     ["name"]="fieldValidation",
     ["text"]="unknown fields: \"Ignore\", \"Warn\" or \"Strict\"",
     ["type"]="string?",},},
   ["functions"]={},
   ["isOptions"]=true,
   ["parents"]={
    "moonpool.ApiOptions",},
   ["text"]="Of create and replace.",},
  ["moonpool.console"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="moonpool.console.listen(path, options)",
     ["name"]="listen",
     ["parameters"]={
      {
       ["name"]="path",
       ["text"]="at most 107 bytes",
       ["type"]="string",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.ConsoleOptions?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Console?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Opens the console of this program: a Unix socket at this path, which its user (and root) alone can use, for `moonpool attach PATH`. It does not keep the program alive, and is answered whenever the program waits for something.",},},
   ["parents"]={},
   ["text"]="The prompt of a running program, for `moonpool attach`.",
   ["word"]="moonpool.console",},
  ["moonpool.http"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="moonpool.http.listen(options)",
     ["name"]="listen",
     ["parameters"]={
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.HttpOptions",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.HttpServer?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Listens for HTTP/1.1 and calls `handler` for every request, in a task of its own. Keeps the program alive until it is closed. Fails, with an error of kind \"config\", where it cannot listen.\n\n```lua\nlocal server <close> = assert(moonpool.http.listen { port = 9464, handler = function(request)\n  if request.path ~= \"/metrics\" then return 404, \"try /metrics\\n\" end\n  return 200, \"up 1\\n\"\nend })\n```",},},
   ["parents"]={},
   ["text"]="HTTP servers of scripts.",
   ["word"]="moonpool.http",},
  ["moonpool.json"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="moonpool.json.decode(text)",
     ["name"]="decode",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["name"]="value",
       ["text"]="",
       ["type"]="any",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Reads a text. Of a key that comes twice the last one counts.",},
    {
     ["call"]="moonpool.json.encode(value, options)",
     ["name"]="encode",
     ["parameters"]={
      {
       ["name"]="value",
       ["text"]="",
       ["type"]="any",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.JsonOptions?",},},
     ["returns"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Writes a value.",},
    {
     ["call"]="moonpool.json.array(t)",
     ["name"]="array",
     ["parameters"]={
      {
       ["name"]="t",
       ["text"]="",
       ["type"]="table",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="table",},},
     ["text"]="Marks a table as a list, so that it is written as [] when it is empty; returns it.",},},
   ["parents"]={},
   ["text"]="Loses nothing: 64-bit integers, [] beside {}, null in lists.",
   ["word"]="moonpool.json",},
  ["moonpool.log"]={
   ["fields"]={
    {
     ["name"]="debug",
     ["text"]="a line of this level; `fields` are names and values",
     ["type"]="fun(message: string, fields: table?)",},
    {
     ["name"]="info",
     ["text"]="a line of this level",
     ["type"]="fun(message: string, fields: table?)",},
    {
     ["name"]="warn",
     ["text"]="a line of this level",
     ["type"]="fun(message: string, fields: table?)",},
    {
     ["name"]="error",
     ["text"]="a line of this level",
     ["type"]="fun(message: string, fields: table?)",},},
   ["functions"]={
    {
     ["call"]="moonpool.log.setLevel(level)",
     ["name"]="setLevel",
     ["parameters"]={
      {
       ["name"]="level",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={},
     ["text"]="Lines below this level are not shown: \"debug\", \"info\", \"warn\" (the default), \"error\" or \"off\".",},
    {
     ["call"]="moonpool.log.setFormat(format)",
     ["name"]="setFormat",
     ["parameters"]={
      {
       ["name"]="format",
       ["text"]="",
       ["type"]="\"text\"|\"json\"",},},
     ["returns"]={},
     ["text"]="How lines look on standard error: \"text\" (the default), `moonpool: warn: message name=value`, or \"json\", an object a line: `{\"time\":\"2026-01-31T08:30:00.123Z\",\"level\":\"warn\",\"message\":\"...\",\"fields\":{...}}`.",},
    {
     ["call"]="moonpool.log.fieldText(fields)",
     ["name"]="fieldText",
     ["parameters"]={
      {
       ["name"]="fields",
       ["text"]="",
       ["type"]="table?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string",},},
     ["text"]="Fields as text, \" name=value name=value\"; \"\" when there are none.",},
    {
     ["call"]="moonpool.log.attach(logger)",
     ["name"]="attach",
     ["parameters"]={
      {
       ["name"]="logger",
       ["text"]="",
       ["type"]="moonpool.Logger",},},
     ["returns"]={},
     ["text"]="Gives every line to this logger too. While one is attached, nothing goes to standard error.",},
    {
     ["call"]="moonpool.log.detach(logger)",
     ["name"]="detach",
     ["parameters"]={
      {
       ["name"]="logger",
       ["text"]="",
       ["type"]="moonpool.Logger",},},
     ["returns"]={},
     ["text"]="Takes back one attach.",},
    {
     ["call"]="moonpool.log.follow(fn)",
     ["name"]="follow",
     ["parameters"]={
      {
       ["name"]="fn",
       ["text"]="",
       ["type"]="fun(fields: table)",},},
     ["returns"]={},
     ["text"]="Calls fn after each attempt of a request, whatever the log's level, with the fields of its line in the log: cluster, connection, endpoint, method, path, status, attempt, duration (ms), bytes (of the answer's body), error.",},
    {
     ["call"]="moonpool.log.unfollow(fn)",
     ["name"]="unfollow",
     ["parameters"]={
      {
       ["name"]="fn",
       ["text"]="",
       ["type"]="fun(fields: table)",},},
     ["returns"]={},
     ["text"]="Does not call fn any more.",},},
   ["parents"]={},
   ["text"]="Log lines of scripts and of the runtime: to standard error, or to loggers.",
   ["word"]="moonpool.log",},
  ["moonpool.script"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="script.new(name, description, features)",
     ["name"]="new",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="description",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="features",
       ["text"]="",
       ["type"]="moonpool.ScriptFeatures?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="moonpool.Script",},},
     ["text"]="A script of this name.",},
    {
     ["call"]="script.seconds(text)",
     ["name"]="seconds",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="any",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="integer?",},},
     ["text"]="Seconds since 1970 of a timestamp of Kubernetes; nil: it is none.",},
    {
     ["call"]="script.eventTime(event)",
     ["name"]="eventTime",
     ["parameters"]={
      {
       ["name"]="event",
       ["text"]="",
       ["type"]="table",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="integer",},},
     ["text"]="When an event was last seen, in seconds since 1970: the fields differ by who wrote it.",},
    {
     ["call"]="script.age(seconds)",
     ["name"]="age",
     ["parameters"]={
      {
       ["name"]="seconds",
       ["text"]="",
       ["type"]="integer?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string",},},
     ["text"]="\"45s\", \"12m\", \"5h\", \"3d\": how long ago, or how long, in two or three characters.",},
    {
     ["call"]="script.like(text, glob)",
     ["name"]="like",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="glob",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="boolean",},},
     ["text"]="Whether a text is as a glob says: * is any text, ? one character.",},},
   ["parents"]={},
   ["text"]="A command line with --help, the same work in every selected cluster, a table of what came of it, and an end that names every cluster that failed:\n\n```lua\nlocal run = require(\"moonpool.script\").new(\"pods\", \"Counts the pods of each cluster.\")\nrun:parse()\nrun:collect(function(client, add) add { pods = #assert(client.core.listPodForAllNamespaces()).items } end)\nrun:show { \"cluster\", \"pods\" }\n```",
   ["word"]="script",},
  ["moonpool.strategies"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="moonpool.strategies.register(name, strategy)",
     ["name"]="register",
     ["parameters"]={
      {
       ["name"]="name",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="strategy",
       ["text"]="",
       ["type"]="moonpool.Strategy|fun(clusters: moonpool.Candidate[], request: moonpool.StrategyRequest): moonpool.Candidate|string|nil",},},
     ["returns"]={},
     ["text"]="Makes a strategy usable by name. A second one of that name replaces the first, for managers that choose it from then on.",},
    {
     ["call"]="moonpool.strategies.names()",
     ["name"]="names",
     ["parameters"]={},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string[]",},},
     ["text"]="The names that can be given instead of a strategy, sorted.",},},
   ["parents"]={},
   ["text"]="Strategies to choose by name.",
   ["word"]="moonpool.strategies",},
  ["moonpool.tables"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="tables.width(text)",
     ["name"]="width",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="valid UTF-8",
       ["type"]="string",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="integer",},},
     ["text"]="How many columns a text takes on a terminal.",},
    {
     ["call"]="tables.clean(value)",
     ["name"]="clean",
     ["parameters"]={
      {
       ["name"]="value",
       ["text"]="",
       ["type"]="any",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string",},},
     ["text"]="A value as one line of valid UTF-8 without control characters; nil and JSON's null as \"\".",},
    {
     ["call"]="tables.cut(text, width)",
     ["name"]="cut",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string",},
      {
       ["name"]="width",
       ["text"]="",
       ["type"]="integer",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string",},},
     ["text"]="The beginning of a text, with \"…\" where it was cut, in at most `width` columns.",},
    {
     ["call"]="tables.render(rows, columns, options)",
     ["name"]="render",
     ["parameters"]={
      {
       ["name"]="rows",
       ["text"]="",
       ["type"]="table[]",},
      {
       ["name"]="columns",
       ["text"]="",
       ["type"]="(string|moonpool.Column)[]",},
      {
       ["name"]="options",
       ["text"]="",
       ["type"]="moonpool.TableOptions?",},},
     ["returns"]={
      {
       ["text"]="",
       ["type"]="string",},},
     ["text"]="Rows as text, a line each, with a line of titles above; ends with a newline.\n\nRows are tables with a field per column, or lists in the order of the columns.",},},
   ["parents"]={},
   ["text"]="Rows as a table for people on a terminal.",
   ["word"]="tables",},
  ["moonpool.yaml"]={
   ["fields"]={},
   ["functions"]={
    {
     ["call"]="moonpool.yaml.decode(text)",
     ["name"]="decode",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["name"]="value",
       ["text"]="",
       ["type"]="any",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Reads the only document of a text.",},
    {
     ["call"]="moonpool.yaml.decodeWithLines(text)",
     ["name"]="decodeWithLines",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["name"]="value",
       ["text"]="",
       ["type"]="any",},
      {
       ["name"]="lines",
       ["text"]="",
       ["type"]="table<table, table<string|integer, integer>>|moonpool.Error?",},},
     ["text"]="Reads the only document of a text, and in which lines its members begin: `lines[object].key` and `lines[list][index]`. What \"<<\" merged has no line. A key that an object has twice is an error.",},
    {
     ["call"]="moonpool.yaml.decodeAll(text)",
     ["name"]="decodeAll",
     ["parameters"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string",},},
     ["returns"]={
      {
       ["name"]="values",
       ["text"]="",
       ["type"]="any[]?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Reads every document of a text.",},
    {
     ["call"]="moonpool.yaml.encode(value)",
     ["name"]="encode",
     ["parameters"]={
      {
       ["name"]="value",
       ["text"]="",
       ["type"]="any",},},
     ["returns"]={
      {
       ["name"]="text",
       ["text"]="",
       ["type"]="string?",},
      {
       ["text"]="",
       ["type"]="moonpool.Error?",},},
     ["text"]="Writes a value.",},},
   ["parents"]={},
   ["text"]="YAML 1.1 as Kubernetes writes it, read into the same values as JSON.",
   ["word"]="moonpool.yaml",},},
 ["lists"]={
  ["moonpool.ErrorKind"]={
   ["text"]="",
   ["values"]={
    {
     ["text"]="name resolution, TCP, a proxy, or a connection that was lost under way",
     ["value"]="connect",},
    {
     ["text"]="the handshake failed, or the server's certificate cannot be trusted",
     ["value"]="tls",},
    {
     ["text"]="a time limit of the call passed",
     ["value"]="timeout",},
    {
     ["text"]="HTTP 401: the credentials are not accepted",
     ["value"]="unauthorized",},
    {
     ["text"]="HTTP 403, or the program does not let the script write there",
     ["value"]="forbidden",},
    {
     ["text"]="HTTP 404",
     ["value"]="notFound",},
    {
     ["text"]="HTTP 409: it exists already, or was changed meanwhile; see `reason`",
     ["value"]="conflict",},
    {
     ["text"]="HTTP 400, 405, 406, 413, 415, 422, or not JSON: it cannot succeed as it is",
     ["value"]="invalid",},
    {
     ["text"]="HTTP 410: a resourceVersion or a page's token is too old",
     ["value"]="gone",},
    {
     ["text"]="HTTP 429: the server is overloaded",
     ["value"]="tooManyRequests",},
    {
     ["text"]="HTTP 5xx",
     ["value"]="server",},
    {
     ["text"]="the answer is not what the protocol allows: not JSON, cut off, too large",
     ["value"]="protocol",},
    {
     ["text"]="the kubeconfig, the configuration or an option",
     ["value"]="config",},
    {
     ["text"]="a certificate, key, token or plugin cannot be used",
     ["value"]="credential",},
    {
     ["text"]="every cluster is down; the message names each with its cause",
     ["value"]="noHealthyCluster",},
    {
     ["text"]="no connection became free within acquireTimeout",
     ["value"]="acquireTimeout",},
    {
     ["text"]="the task was cancelled, or Ctrl-C",
     ["value"]="cancelled",},
    {
     ["text"]="the pool, client or connection was closed meanwhile",
     ["value"]="closed",},
    {
     ["text"]="a function that `each` called raised, or returned nil and something",
     ["value"]="script",},},},
  ["moonpool.ManagerEvent"]={
   ["text"]="Beside these, a manager tells of each event of its pools, with the cluster's name as a further last argument.",
   ["values"]={
    {
     ["text"]="(name) addCluster has added one",
     ["value"]="clusterAdded",},
    {
     ["text"]="(name) removeCluster has taken one out, and nothing of it is left",
     ["value"]="clusterRemoved",},
    {
     ["text"]="(name) it is back in the rotation",
     ["value"]="clusterHealthy",},
    {
     ["text"]="(name, reason) it left the rotation",
     ["value"]="clusterUnhealthy",},
    {
     ["text"]="(from, to, reason) a call or a lease goes on in another cluster",
     ["value"]="failover",},
    {
     ["text"]="(message) a strategy of the script's raised, took too long or returned no candidate; the fall-back chose",
     ["value"]="strategyError",},},},
  ["moonpool.PoolEvent"]={
   ["text"]="`connection` is a moonpool.Connection with the values of the moment of the event.",
   ["values"]={
    {
     ["text"]="(connection) one was established, TLS included",
     ["value"]="connectionCreated",},
    {
     ["text"]="(connection) it was leased, or a call was put on it",
     ["value"]="connectionAcquired",},
    {
     ["text"]="(connection) it was given back, or the call is over",
     ["value"]="connectionReleased",},
    {
     ["text"]="(connection, reason) it was closed; reason: \"idle\", \"lifetime\", \"unhealthy\", \"error\", \"stale\", \"closed\"",
     ["value"]="connectionRemoved",},
    {
     ["text"]="(connection, text) a check failed; it is checked again, and not handed out meanwhile",
     ["value"]="connectionUnhealthy",},
    {
     ["text"]="(connection, place) a lease is out for longer than leakDetectionThreshold; place: the line that acquired it",
     ["value"]="connectionLeaked",},
    {
     ["text"]="(text) somebody waited acquireTimeout for nothing",
     ["value"]="acquireTimeout",},
    {
     ["text"]="(text) warm-up is over; text: nil, or why there are fewer than minConnections",
     ["value"]="poolReady",},
    {
     ["text"]="() the pool was disposed of, and its last connection is closed",
     ["value"]="poolDrained",},
    {
     ["text"]="(raised, event) a handler of that event raised an error",
     ["value"]="error",},},},},}
