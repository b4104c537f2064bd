-- reference_subjects.lua: the order in which the reference tells of things, and how their functions are written. What is in no
-- subject is not public; reference.lua fails when something public refers to it.

local subjects = {}

--- What stands before the functions of a class.
subjects.words = {
  moonpool = "moonpool", ["moonpool.KubernetesClient"] = "client", ["moonpool.ConnectionPool"] = "pool",
  ["moonpool.Connection"] = "connection", ["moonpool.ConnectionManager"] = "manager", ["moonpool.Lease"] = "lease",
  ["moonpool.Task"] = "task", ["moonpool.Timer"] = "timer", ["moonpool.Watcher"] = "watcher", ["moonpool.Lines"] = "lines",
  ["moonpool.KubeConfig"] = "kubeConfig", ["moonpool.Resource"] = "client.resources.<kind>", ["moonpool.json"] = "moonpool.json",
  ["moonpool.yaml"] = "moonpool.yaml", ["moonpool.log"] = "moonpool.log", ["moonpool.strategies"] = "moonpool.strategies",
  ["moonpool.http"] = "moonpool.http", ["moonpool.HttpServer"] = "server",
  ["moonpool.console"] = "moonpool.console", ["moonpool.Console"] = "console",
  ["moonpool.script"] = "script", ["moonpool.Script"] = "run", ["moonpool.tables"] = "tables",
  ["moonpool.CoreV1Api"] = "client.core", ["moonpool.AppsV1Api"] = "client.apps", ["moonpool.BatchV1Api"] = "client.batch",
}

--- Those whose functions are called otherwise than they are declared.
subjects.separators = { ["moonpool.Resource"] = "." }

subjects.list = {
  { title = "The module", classes = { "moonpool" } },
  { title = "Clients", text = "A client talks to one cluster; one that a manager made chooses among several.",
    classes = { "moonpool.KubernetesClient", "moonpool.ClientOptions", "moonpool.ClientInfo", "moonpool.RawRequest" } },
  { title = "API calls", text = [[
Every call returns its result, or nil and an error. Results are plain tables; what is read and written back is what the server sent.

```lua
local pods, err = client.core.listNamespacedPod("default", { labelSelector = "app=web" })
local same = client.core.listNamespacedPod { namespace = "default", labelSelector = { app = "web" } }
local again = client.resources.pods.list { namespace = "default", labelSelector = "app=web" }
```]],
    classes = { "moonpool.Api", "moonpool.Resources", "moonpool.Resource", "moonpool.CustomObjectsApi", "moonpool.ApiClass",
      "moonpool.CallOptions", "moonpool.ApiOptions", "moonpool.ResourceOptions", "moonpool.ListOptions", "moonpool.ReadOptions",
      "moonpool.LogOptions", "moonpool.WriteOptions", "moonpool.PatchOptions", "moonpool.DeleteOptions",
      "moonpool.DeleteCollectionOptions", "moonpool.WatchOptions", "moonpool.ConnectOptions", "moonpool.WaitOptions" } },
  { title = "Watches and logs", classes = { "moonpool.Watcher", "moonpool.WatchEvent", "moonpool.Lines" } },
  { title = "Pools and connections", classes = { "moonpool.ConnectionPool", "moonpool.PoolOptions", "moonpool.PoolEvent",
    "moonpool.Connection", "moonpool.PoolStats", "moonpool.Durations", "moonpool.Subscription" } },
  { title = "Several clusters", classes = { "moonpool.ConnectionManager", "moonpool.ManagerOptions", "moonpool.ClusterOptions",
    "moonpool.ManagerEvent", "moonpool.AcquireOptions", "moonpool.Lease", "moonpool.EachOptions", "moonpool.EachResults",
    "moonpool.EachResult", "moonpool.ClusterStats", "moonpool.EndpointStats" } },
  { title = "Strategies", classes = { "moonpool.LoadBalancingStrategy", "moonpool.strategies", "moonpool.Strategy",
    "moonpool.Candidate", "moonpool.StrategyRequest", "moonpool.StrategyOutcome" } },
  { title = "Credentials", classes = { "moonpool.KubeConfig" } },
  { title = "Errors", text = [[
What can go wrong at run time returns nil and an error object. Misuse (a wrong type, an unknown option, a closed pool) raises a text that
names the argument and what was expected.]], classes = { "moonpool.Error", "moonpool.ErrorKind" } },
  { title = "Tasks and timers", classes = { "moonpool.Task", "moonpool.Timer", "moonpool.MapOptions" } },
  { title = "JSON and YAML", classes = { "moonpool.json", "moonpool.JsonOptions", "moonpool.yaml" } },
  { title = "Log", classes = { "moonpool.log", "moonpool.Logger" } },
  { title = "A prompt in a running program", optional = true,
    classes = { "moonpool.console", "moonpool.Console", "moonpool.ConsoleOptions" } },
  { title = "Serving HTTP", optional = true, classes = { "moonpool.http", "moonpool.HttpServer", "moonpool.HttpOptions",
    "moonpool.HttpRequest" } },
  { title = "Scripts", text = [[
`require "moonpool.script"` and `require "moonpool.tables"` are what the shipped scripts are made with.]],
    classes = { "moonpool.script", "moonpool.Script", "moonpool.ScriptFeatures", "moonpool.tables", "moonpool.TableOptions",
      "moonpool.Column" } },
  { title = "At the prompt", name = "prompt" },
  { title = "The program", name = "program" },
  { title = "Its configuration", name = "configuration" },
}

return subjects
