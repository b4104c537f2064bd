---@meta moonpool.core
-- The C module `moonpool.core`, as lua/moonpool/ sees it. Scripts use `moonpool`, not this: it is the seam between the C binding
-- (core/binding/, one file per handle) and the Lua that ships.
--
-- Calls marked "waits" suspend the calling coroutine when a task of the runtime runs it (directly, or through any number of
-- coroutines of the script's own), and block elsewhere: on the main thread of stock Lua, inside a sort comparator, gsub callback, ...
-- Misuse raises; what can go wrong at run time returns nil and an error object (see moonpool.errors).

local core = {}

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
core.errorMeta = {}
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
core.errorKinds = {} ---@type string[] all but "script", which Lua alone makes
--- Raises what is wrong with the options of a pool.
---@param options table
function core.checkPoolOptions(options) end
--- What options are that are not given, as the core has it.
---@type { pool: table, manager: table, cluster: table, request: table }
core.defaults = nil
--- Makes an error object from its fields.
---@param fields table
---@return moonpool.Error
function core.newError(fields) end
--- The error object that a call returned last, whichever task called: what a nil is about that was used just now.
---@return moonpool.Error?
function core.lastError() end
--- The candidate that was probably meant by a word; nil: none is near.
---@param word string
---@param candidates string[]
---@return string?
function core.nearest(word, candidates) end

---@class moonpool.core.Option
---@field letter string? "e"
---@field name string? "log-level"
---@field argument string? what its value is called; nil: it takes none
---@field kind string? what its value is, for completion: "file", "context", "strategy", "module"
---@field words string[]? all values there are
---@field repeats boolean it may be given several times
---@field text string
---@class moonpool.core.Program  what can be said on the program's command line
---@field options moonpool.core.Option[]
---@field subcommands { name: string, arguments: string, text: string }[]
---@field exitCodes { code: integer, text: string }[]
--- In the program only.
---@return moonpool.core.Program
function core.describeProgram() end

core.version = "0.1.0"
core.defaultKubeConfigPath = nil ---@type string? the program's --kubeconfig: the only file that KubeConfig:loadFromDefault reads, if it is set
core.defaultContext = nil ---@type string? the only context that the program's --context selects: what a nil `context` of core.pool means
core.selectedContexts = nil ---@type string[]? all that it selects; nil: there was no --context
core.isProgram = nil ---@type true? set by the program, not in stock Lua
core.isReadOnly = nil ---@type true? the program's --read-only: calls that write fail with "forbidden"
core.subcommand = nil ---@type string? of the program, when one is to run
core.givenOptions = nil ---@type table<string, string|string[]|true>? the program's options as given, by long name, else by letter: ["log-level"], context = { ... }, e = { ... }
core.null = nil ---@type userdata the one null
---@class moonpool.json  Loses nothing: 64-bit integers, [] beside {}, null in lists.
local json = {}
--- Reads a text. Of a key that comes twice the last one counts.
---@param text string
---@return any value
---@return moonpool.Error?
function json.decode(text) end
---@class moonpool.JsonOptions
---@field indent integer? columns for each level, 0 to 16; default 0: in one line

--- Writes a value.
---@param value any
---@param options moonpool.JsonOptions?
---@return string? text
---@return moonpool.Error?
function json.encode(value, options) end
--- Marks a table as a list, so that it is written as [] when it is empty; returns it.
---@param t table
---@return table
function json.array(t) end
json.null = nil ---@type userdata JSON's null
core.json = json
---@class moonpool.yaml  YAML 1.1 as Kubernetes writes it, read into the same values as JSON.
local yaml = {}
--- Reads the only document of a text.
---@param text string
---@return any value
---@return moonpool.Error?
function yaml.decode(text) end
--- Reads the only document of a text, and in which lines its members begin: `lines[object].key` and `lines[list][index]`. What "<<"
--- merged has no line. A key that an object has twice is an error.
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
core.yaml = yaml

-- ---------------------------------------------------------------------------------------------------- kubeconfig
---@class moonpool.KubeConfig  Who to talk to, and as whom. Loading replaces what it held, when it succeeds. tostring shows no secret.
local KubeConfig = {}
--- An empty kubeconfig, to be loaded.
---@return moonpool.KubeConfig
function core.KubeConfig() end
--- Reads a file. Certificates and tokens that it names by relative paths are looked for beside it.
---@param path string
---@return true?, moonpool.Error?
function KubeConfig:loadFromFile(path) end
--- Reads a text.
---@param text string YAML
---@return true?, moonpool.Error?
function KubeConfig:loadFromString(text) end
--- Reads what kubectl would: the files of $KUBECONFIG together, else ~/.kube/config; else as loadFromCluster.
---@return true?, moonpool.Error?
function KubeConfig:loadFromDefault() end
--- Takes what a pod finds: the API server from the environment, the service account's token and authority.
---@return true?, moonpool.Error?
function KubeConfig:loadFromCluster() end
--- Chooses the context of whatever names none.
---@param name string
---@return true?, moonpool.Error?
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
--- The methods of every KubeConfig (what its metatable's __index looks in): lua/moonpool/ adds makeApiClient here.
core.kubeConfigMethods = KubeConfig

---@class moonpool.core.Examination
---@field reached "nothing"|"address"|"server"|"session" how far the connection got: the name, TCP, TLS (or TCP, where it is plain http)
---@field err moonpool.Error? why no further
---@field cause string? of the error: "name", "nameSilent", "refused", "unreachable", "silent" (no TCP), "sessionSilent" (no TLS), "proxy",
--- "authority", "expired", "notYetValid", "otherName", "unverified", "notTls", "handshake"
---@field endpoint string
---@field proxy string?
---@field address string? that it was connected to
---@field chain string? PEM: the certificates that the server shows
---@field nameTime number? ms
---@field connectTime number? ms
---@field sessionTime number? ms
---@field certificateExpiry integer? of the client certificate, seconds since 1970

--- Makes a connection to the server of a context, as a pool would, but sends nothing over it. `timeout`: ms. Waits. Fails where the
--- context or its certificates cannot be used.
---@param kubeConfig moonpool.KubeConfig
---@param context string
---@param timeout integer
---@return moonpool.core.Examination?, moonpool.Error?
function core.examine(kubeConfig, context, timeout) end

-- ---------------------------------------------------------------------------------------------------- pool
---@class moonpool.core.Pool  A pool of connections to one cluster.
local Pool = {}
--- Resolves the context, reads its certificates, makes the pool, starts warm-up; waits for nothing.
---@param name string? the cluster's name in errors and events; nil: the context's name
---@param kubeConfig moonpool.KubeConfig
---@param context string? nil: the current context
---@param options table? pool options by their script names; unknown or contradictory ones raise
---@param pooling boolean? false: a connection per call
---@return moonpool.core.Pool?, moonpool.Error?
function core.pool(name, kubeConfig, context, options, pooling) end
--- Facts: name, context, cluster, namespace, server, user.
---@return table
function Pool:info() end
--- Leases a connection. Waits.
---@return moonpool.Connection?, moonpool.Error?
function Pool:acquire() end
--- Gives a lease back. Raises when it was given back already or belongs to another pool.
function Pool:release(connection) end
--- One API call over any connection. Waits.
---@param request moonpool.core.Request
---@return any body decoded JSON, or a string (raw, or not JSON); or nil
---@return integer|moonpool.Error status HTTP status; or the error
---@return table headers lower-case names; a repeated header's values joined with ", "
---@return string cluster
function Pool:call(request) end
--- Opens a streaming answer (watch, log), over a connection of the pool's lane: those are made when needed, up to 1,000 beside
--- maxConnections, and go when idle for 5 s. Waits for the headers.
---@return moonpool.core.Stream?
---@return moonpool.Error?
---@return string? cluster
function Pool:stream(request) end
--- `streams` is a table of the same fields about the lane; it leaves out itself, retries and retriesDenied.
---@return table total, idle, inUse, unhealthy, waitQueueLength, connecting, created, removed, acquired, released, timeouts, waitTime, useTime, leaked, retries, retriesDenied, streams
function Pool:getStats() end
--- Calls fn(name, ...) on the Lua thread for every event, with the arguments that handlers get, in order; nil: no more. One listener:
--- lua/moonpool/emitter.lua. Not of a manager's cluster.
---@param fn fun(name: string, ...)?
function Pool:setListener(fn) end
--- Closes: waiters get "closed", streams end, leases have 5 s to come back. Waits until it is drained. Twice is fine. Not of a manager's
--- cluster.
function Pool:dispose() end
--- Of a manager's cluster: whether it was taken out.
---@return boolean
function Pool:isDisposed() end

---@class moonpool.core.Request
---@field method string
---@field path string starts with "/", percent-encoded, query included
---@field body string?
---@field contentType string?
---@field accept string? default "application/json"
---@field headers table<string, string>?
---@field timeout integer? ms for the whole call; default 60000; 0: none
---@field firstByteTimeout integer? ms
---@field idleTimeout integer? ms
---@field retries integer? default 3
---@field maxBodySize integer? bytes; default 1 GiB
---@field gzip boolean? default: unless the server is near
---@field raw boolean? the body as a string, not decoded
---@field approved boolean? a person has said yes to it: it goes also to a cluster that refuses writes

--- Whether a request may change something in the cluster: neither a read, nor a review, nor a dry run.
---@param request moonpool.core.Request
---@return boolean
function core.mayChange(request) end
--- From now on requests that may change something are not sent, whatever makes them.
function core.refuseWrites() end
--- Clusters that are made from now on refuse writes, where their name or that of their context is among the protected and not among the
--- allowed ones.
---@param protected moonpool.core.Selector? nil: none
---@param allowed moonpool.core.Selector? nil: none
function core.protect(protected, allowed) end

---@class moonpool.Connection  A leased connection: one session with one API server. `<close>` gives it back, if it was not before.
---@field id integer of its pool, counted from 1
---@field useCount integer leases and calls so far
---@field age integer ms
---@field createdAt integer ms since 1970
local Connection = {}
--- As Pool:call, over this very connection.
---@private
function Connection:call(request) end
--- As Pool:stream, over this very connection.
---@private
function Connection:stream(request) end
--- Whom it talks to, and as whom.
---@return moonpool.ClientInfo
function Connection:info() end
--- Gives it back to its pool; raises when it was given back already.
function Connection:release() end
--- The methods of every Connection (looked in before the fields): lua/moonpool/ adds makeApiClient here.
core.connectionMethods = Connection
--- The pool that a connection was leased from, also after it was given back.
---@param connection moonpool.Connection
---@return moonpool.core.Pool
function core.poolOf(connection) end

---@class moonpool.core.Stream  Has __close and __gc.
local Stream = {}
--- The next bytes, as they came. Waits.
---@return string? bytes nil at the end
---@return moonpool.Error?
function Stream:read() end
function Stream:close() end

-- ---------------------------------------------------------------------------------------------------- several clusters
---@class moonpool.core.Manager  Several clusters behind one. Functions that take a name return nil and an error of kind "config" when
--- there is no such cluster.
local Manager = {}
---@param options { enableFailover: boolean?, failoverWrites: boolean?, clusterHealthCheckInterval: integer?, defaultPoolConfig: table? }
---@return moonpool.core.Manager
function core.manager(options) end
--- Waits for nothing.
---@param cluster { name: string, kubeConfig: moonpool.KubeConfig, context: string?, endpoints: string[]?, resolveEndpoints: boolean?, weight: number?, labels: table<string, string>?, zone: string?, priority: integer?, poolConfig: table? }
---@return true?, moonpool.Error?
function Manager:addCluster(cluster) end
--- Waits until it is drained, and its events were delivered.
---@return true?, moonpool.Error?
function Manager:removeCluster(name) end
---@return true?, moonpool.Error?
function Manager:setEnabled(name, enabled) end
---@return true?, moonpool.Error?
function Manager:setWeight(name, weight) end
--- A strategy that is built in; also what chooses where a script's cannot.
---@return true?, moonpool.Error?
function Manager:useStrategy(name) end
--- A strategy of the script's: fn(clusters, request), or fn(own, clusters, request) when `own` is not nil; see lua/moonpool/strategies.lua.
--- nil: none. `label`: how messages call it.
---@param fn function?
---@param own any
---@param label string?
function Manager:setSelect(fn, own, label) end
--- Tells the event.
---@param message string
function Manager:noteStrategyError(message) end
--- Leases a connection. Waits.
---@param preferred string?
---@param key string?
---@return string? cluster
---@return moonpool.Connection|moonpool.Error
function Manager:acquire(preferred, key) end
--- Raises unless it is a lease from that cluster of this manager, and was not given back.
function Manager:release(name, connection) end
--- As Pool:call, in whichever cluster is chosen among those that the selector matches.
---@param request moonpool.core.Request
---@param selection { among: moonpool.core.Selector?, key: string? }?
function Manager:call(request, selection) end
--- As Pool:stream, likewise.
function Manager:stream(request, selection) end
--- The way to one cluster, without any other. Fails at once while it is down, and with "closed" once it was taken out.
---@return moonpool.core.Pool?, moonpool.Error?
function Manager:cluster(name) end
--- In the order in which they were added. Disabled ones only when they are named.
---@param selector moonpool.core.Selector?
---@return string[]
function Manager:names(selector) end
---@return table? see moonpool.ConnectionManager:getStats, without labels and zone
---@return moonpool.Error?
function Manager:getStats(name) end
--- Probes a cluster, or all, and waits for the answers.
---@param name string?
---@return true?, moonpool.Error?
function Manager:checkHealth(name) end
--- As Pool:setListener, with the events of all its pools, which have the cluster's name as last argument.
function Manager:setListener(fn) end
--- Closes every cluster, as removeCluster does. Waits until all is drained. Twice is fine.
function Manager:dispose() end
---@return boolean
function Manager:isDisposed() end

---@class moonpool.core.Selector  Which clusters. Immutable.
local Selector = {}
--- Patterns: a name, a glob (* ? [abc]), a /regular expression/, @ and a group's name, each with ^ before it: not those. Labels: a text as in Kubernetes
--- ("env=prod,tier!=db"), or a table of what must be equal. Nothing at all: every cluster.
---@param patterns string|string[]|nil
---@param labels string|table<string, string>|nil
---@return moonpool.core.Selector?, moonpool.Error?
function core.selector(patterns, labels) end
--- What "@name" in patterns stands for from now on.
---@param name string
---@param selector moonpool.core.Selector
function core.defineGroup(name, selector) end
---@param name string
---@param labels table<string, string>?
---@return boolean
function Selector:matches(name, labels) end
--- The name, when it selects that one name and nothing else.
---@return string?
function Selector:single() end

-- ---------------------------------------------------------------------------------------------------- scheduler
---@class moonpool.Task  A function that runs beside others, until it waits or ends.
local Task = {}
core.taskMethods = Task
--- Begins a task: fn(...) runs when the caller waits the next time.
---
--- ```lua
--- local task = moonpool.spawn(function() return client.core.listNode() end)
--- local nodes, err = task:join()
--- ```
---@param fn function
---@param ... any its arguments
---@return moonpool.Task
function core.spawn(fn, ...) end
--- Waits for its end. Returns what fn returned; raises what fn raised; of a cancelled task: nil and an error of kind "cancelled".
---@return any ...
function Task:join() end
--- Ends the task: its pending call is cancelled, its to-be-closed variables are closed. False when it was over.
---@return boolean
function Task:cancel() end
--- How it is: "running", "done", "failed" or "cancelled".
---@return string
function Task:status() end
--- Waits so long; other tasks run meanwhile.
---@param ms integer
function core.sleep(ms) end
--- Runs until no task and no timer is left. For stock Lua: the program does that by itself when the script's main part is over.
function core.run() end
--- Delivers what is ready (events, tasks, timers), for so many ms. For stock Lua; in a task the same as sleep.
---@param ms integer? default 0
function core.poll(ms) end
---@return moonpool.Task? the task that runs now
function core.currentTask() end
--- Begins a task on behalf of somebody: the program does not wait for its end, and it is ended when it has used the processor for
--- limit ms (0: no limit) without waiting. What it starts is such a task as well. Where guest.readOnly, calls of it that may change
--- something in a cluster are refused.
---@param guest any
---@param limit integer
---@param fn function
---@param ... any its arguments
---@return moonpool.Task
function core.spawnGuest(guest, limit, fn, ...) end
--- On whose behalf the task runs that runs now; nil: the program's own.
---@return any
function core.guest() end
--- Monotonic ms.
---@return integer
function core.now() end
--- The same with its fraction.
---@return number
function core.clock() end

-- ---------------------------------------------------------------------------------------------------- servers (for moonpool.sim)
core.http = {}
core.pki = {}
---@class moonpool.core.HttpServer  Listens until closed; keeps the program alive meanwhile. Has __close.
local HttpServer = {}
--- Starts an HTTP/1.1 server. `handler(exchange, method, target, body)` is called for every request, when it has arrived as a whole; it may
--- not wait. A body that is larger than maxBody is nil. It returns status, body, content type and a table of headers, or nothing when the exchange is answered otherwise.
---@param options { address: string, port: integer?, certificate: string?, key: string?, clientCa: string?, maxBody: integer?, idleTimeout: integer?, handler: function }
---@return moonpool.core.HttpServer?, string? problem
function core.http.listen(options) end
---@param text string
---@return string
function core.http.gzip(text) end
--- Lets this process have as many descriptors as the system allows; returns how many.
---@return integer
function core.http.raiseDescriptorLimit() end
---@return integer
function HttpServer:port() end
--- What happens to new connections: "accept"; "stall": the TCP handshake and nothing else; "freeze": the same, and those that were made
--- fall silent too; "refuse": the port is closed.
---@return true?, string? problem
function HttpServer:setListening(how) end
--- For new connections. PEM.
---@return true?, string? problem
function HttpServer:setCertificate(certificate, key) end
--- Resets every connection.
function HttpServer:dropConnections() end
---@return { accepted: integer, open: integer }
function HttpServer:stats() end
function HttpServer:close() end

---@class moonpool.core.HttpExchange  A request and its answer. When the client is gone, its functions do nothing.
local HttpExchange = {}
---@return string?
function HttpExchange:header(name) end
--- All headers: lower-case names, and every value of each.
---@return table<string, string[]>
function HttpExchange:headers() end
--- The client's certificate: common name and organizations; false when it cannot be verified; nothing when there is none.
---@return string|false|nil, string[]?
function HttpExchange:identity() end
--- Answers, any time. With `cutAfter`, so many bytes of the body are sent, and the connection is reset.
function HttpExchange:answer(status, body, contentType, headers, cutAfter) end
--- Answers with a body that is written piece by piece; `body` is the first piece.
function HttpExchange:stream(status, body, contentType, headers) end
function HttpExchange:write(bytes) end
---@return integer bytes that were written and not sent yet
function HttpExchange:backlog() end
function HttpExchange:finish() end
--- Resets the connection.
function HttpExchange:reset() end
---@return boolean
function HttpExchange:isOpen() end
--- fn() is called when the exchange is over, answered or not.
function HttpExchange:onClose(fn) end

---@class moonpool.core.Certificate
---@field subject string its common name, or all of its name
---@field issuer string likewise
---@field notBefore integer seconds since 1970
---@field notAfter integer
---@field names string[] the host names and addresses that it is for

--- The certificates in a text, in order.
---@param pem string
---@return moonpool.core.Certificate[]
function core.pki.read(pem) end

---@class moonpool.core.Authority  A certificate authority in memory (ECDSA P-256).
local Authority = {}
---@param commonName string
---@return moonpool.core.Authority
function core.pki.authority(commonName) end
---@return string pem
function Authority:certificate() end
--- notBefore and notAfter are seconds from now.
---@param request { commonName: string, usage: "server"|"client", organizations: string[]?, altNames: string[]?, notBefore: integer?, notAfter: integer? }
---@return string certificate PEM
---@return string key PEM
function Authority:issue(request) end

--- Calls fn() once, in so many ms, on the Lua thread; fn may not wait. Does not keep the program alive.
---@return { cancel: fun(self) }
function core.after(ms, fn) end
---@param text string
---@return string
function core.base64(text) end
---@param text string
---@return string? nil: it is not base64
function core.unbase64(text) end
--- Writes a file that only its owner may read, as a whole or not at all.
---@return true?, string? problem
function core.writePrivateFile(path, text) end

--- Runs another program with our standard streams until it ends. The signals that would end this program go to that one meanwhile. One
--- at a time. Waits.
---@param words string[] the program (looked for in PATH) and its arguments
---@param environment table<string, string> what it has beside our own environment, or instead
---@return integer? code its exit code; 128 + the signal that ended it
---@return moonpool.Error? err it could not be started
function core.command(words, environment) end

-- ---------------------------------------------------------------------------------------------------- consoles
---@class moonpool.core.Channel  Lines over a Unix socket. Closed when it is collected.
local Channel = {}
---@class moonpool.core.ConsoleListener
local Listener = {}
core.console = {}
--- A socket for this user (and root) alone, in the place of one that nobody listens on any more. Its file goes when it is closed,
--- collected, or the process exits.
---@param path string
---@return moonpool.core.ConsoleListener?, moonpool.Error?
function core.console.listen(path) end
---@param path string
---@return moonpool.core.Channel?, moonpool.Error?
function core.console.connect(path) end
--- Waits for somebody to connect; others than this user and root are turned away. Nil: it is closed.
---@return moonpool.core.Channel?
function Listener:accept() end
---@return string? absolute; nil: it is closed
function Listener:path() end
function Listener:close() end
--- Waits for a line of at most 1 MiB. No more is read before somebody asks for it.
---@param limit integer? ms
---@return string?
---@return "closed"|"overlong"|"timeout"|nil
function Channel:receive(limit) end
--- Sends a line; waits while more than 1 MiB has not been read by the other end. False: that is gone.
---@param line string without a newline
---@return boolean
function Channel:send(line) end
--- The same without waiting: false where it would.
---@param line string
---@return boolean
function Channel:offer(line) end
---@return integer pid
---@return integer uid
function Channel:peer() end
function Channel:close() end

-- ---------------------------------------------------------------------------------------------------- log
--- How wide the terminal is that standard error goes to; nil: it goes elsewhere, or the terminal cannot redraw a line.
---@return integer?
function core.terminalColumns() end
---@param descriptor integer
---@return boolean
function core.isTerminal(descriptor) end
--- Sends log lines to fn(level, message, fields or nil) on the Lua thread; nil: standard error.
function core.setLogger(fn) end
--- Sends the lines of requests to fn(level, message, fields) besides, whatever the level; nil: to nobody.
function core.followRequests(fn) end
---@param level string "debug" | "info" | "warn" | "error" | "off"
---@return string before
function core.setLogLevel(level) end
---@param format string "text" | "json", of standard error
---@return string before
function core.setLogFormat(format) end
--- Whether lines of that level are shown.
---@return boolean
function core.isLogged(level) end
--- log(level, message, name, value, name, value ...)
function core.log(level, message, ...) end

return core
