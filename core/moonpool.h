/* moonpool.h: the public C interface of moonpool.
 *
 * moonpool keeps pools of live connections to the API servers of Kubernetes clusters. A C host includes this
 * header and links with `pkg-config --cflags --libs moonpool`.
 *
 * Rules that hold for every function here, unless its comment says otherwise:
 *  - Handles are opaque and reference counted; `moon_x_new` gives one reference, `moon_x_release` gives it back.
 *    Releasing NULL does nothing.
 *  - Text passed in is copied. Text handed out belongs to the handle and lives as long as it does.
 *  - Times are integers in milliseconds, sizes are size_t in bytes.
 *  - A function that can fail returns a moon_status. Its last parameter, `moon_error **err`, may be NULL; on failure
 *    it receives an error that the caller frees with moon_error_free. On success it is not touched.
 *  - Functions may be called from any thread. Those that wait say so, and never wait on a thread that
 *    moonpool owns (a callback must not call them).
 *  - When memory runs out the process is ended with a message: no function reports it.
 */
#ifndef MOONPOOL_H
#define MOONPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOON_VERSION "0.1.0"

/* What went wrong, as a kind that a program can branch on. moon_strerror gives the name that Lua scripts see. */
typedef enum moon_status {
  MOON_OK = 0,
  MOON_CONNECT,            /* name resolution, TCP, or a connection lost under way */
  MOON_TLS,                /* handshake or certificate verification */
  MOON_TIMEOUT,            /* a time limit of the request passed */
  MOON_UNAUTHORIZED,       /* HTTP 401 */
  MOON_FORBIDDEN,          /* HTTP 403 */
  MOON_NOT_FOUND,          /* HTTP 404 */
  MOON_CONFLICT,           /* HTTP 409: AlreadyExists or Conflict, see the reason */
  MOON_INVALID,            /* HTTP 400, 405, 406, 413, 415, 422: the request cannot succeed as it is */
  MOON_GONE,               /* HTTP 410: a resourceVersion or continue token expired */
  MOON_TOO_MANY_REQUESTS,  /* HTTP 429 */
  MOON_SERVER,             /* HTTP 5xx */
  MOON_PROTOCOL,           /* the answer is not what the protocol allows: not JSON, truncated, too large */
  MOON_CONFIG,             /* kubeconfig or options */
  MOON_CREDENTIAL,         /* a certificate, key, token or plugin is unusable */
  MOON_NO_HEALTHY_CLUSTER, /* every cluster is down; the message names each with its cause */
  MOON_ACQUIRE_TIMEOUT,    /* no connection became free within acquireTimeout */
  MOON_CANCELLED,          /* the caller took the call back */
  MOON_CLOSED,             /* the pool, client or connection is closed */
  MOON_SCRIPT,             /* a Lua script is not Lua, or raised an error that is none of these */
} moon_status;

/* The name of a status as scripts see it: "connect", "notFound", ... "ok" for MOON_OK. Never NULL. */
const char *moon_strerror(moon_status status);

/* An error. Read the fields; do not write them. Texts may be NULL where nothing is known, except `message`. */
typedef struct moon_error {
  moon_status kind;
  int http_status;        /* 0 when no HTTP answer came */
  int attempts;           /* how many times the request was tried; 0 when it was never sent */
  int64_t retry_after_ms; /* what the server asked for; -1 when it did not */
  char *message;          /* one line that a person can act on; holds no secret */
  char *reason;           /* Kubernetes' reason ("AlreadyExists"), from the Status object */
  char *cluster;          /* name of the cluster that was chosen */
  char *endpoint;         /* scheme, host and port of the API server that was asked */
  char *details;          /* JSON text of the Status object's `details` */
  char *continue_token;   /* with MOON_GONE: where a list may go on, though not in the state that it began with */
  bool outcome_unknown;   /* a write was sent and no answer came: the server may have carried it out */
  char *traceback;        /* of a Lua script: where it was, in several lines that begin with the message */
} moon_error;

void moon_error_free(moon_error *err);

/* Version of the library, as MOON_VERSION was when it was built. */
const char *moon_version(void);

/* What a pool can be told, with the defaults. Times in ms, 0 = off where it says so. Options that contradict each other
 * or are out of range fail with MOON_CONFIG. */
typedef struct moon_pool_options {
  int max_connections;              /* 10; at least 1 */
  int min_connections;              /* 2; at most max_connections */
  int64_t max_idle_time_ms;         /* 300000; 0 = off; never shrinks below min_connections */
  int64_t acquire_timeout_ms;       /* 30000; at least 1 */
  int64_t health_check_interval_ms; /* 60000; 0 = off. kube-apiserver closes a connection that was idle for 90 s; a
                                       check resets that, so keep this below 80000 to keep min_connections alive */
  int health_check_retries;         /* 3 further checks after the first failed one */
  bool enable_warmup;               /* true: min_connections are made when the pool is; else from the first wait on */
  int64_t max_lifetime_ms;          /* 1800000, each connection's own +/- 10 %; 0 = off */
  int64_t connect_timeout_ms;       /* 10000; name resolution, TCP and TLS together */
  int64_t health_check_timeout_ms;  /* 3000 */
  int max_streams_per_connection;   /* 100 */
  int max_connecting;               /* 2 at once beyond warm-up */
  int64_t leak_detection_threshold_ms; /* 0 = off */
  bool single_use; /* false; true (pooling off): each connection serves one user and is closed, no warm-up,
                      no refill */
} moon_pool_options;

extern const moon_pool_options moon_pool_default_options;

/* Why a connection left its pool. */
typedef enum moon_remove_reason {
  MOON_REMOVED_IDLE,      /* idle longer than maxIdleTime */
  MOON_REMOVED_LIFETIME,  /* older than maxLifetime, or the server asked to go (GOAWAY, Connection: close) */
  MOON_REMOVED_UNHEALTHY, /* the health check and its retries failed */
  MOON_REMOVED_ERROR,     /* the transport failed */
  MOON_REMOVED_STALE,     /* made with credentials that have changed since */
  MOON_REMOVED_CLOSED,    /* the pool was closed, or the connection was used once (pooling off) */
  MOON_REMOVED_REASONS
} moon_remove_reason;

typedef struct moon_duration_stats {
  int64_t p50_us, p99_us, max_us; /* 0 when there is no sample */
  uint64_t count;
} moon_duration_stats;

typedef struct moon_pool_stats {
  int total; /* idle + in_use + unhealthy (+ checking, counted as idle; + draining, counted as in use) */
  int idle, in_use, unhealthy, connecting;
  int wait_queue_length;
  uint64_t created, acquired, released, timeouts, leaked;
  uint64_t removed[MOON_REMOVED_REASONS];
  moon_duration_stats wait_time; /* from asking to getting */
  /* From getting to giving back; of a shared connection from its first stream to the last. After the first 1,000 uses
   * percentiles are taken from every 16th use, and the max is known to 10 ms. */
  moon_duration_stats use_time;
} moon_pool_stats;

/* --- a client: one cluster, its pool, and calls to it --- */

typedef struct moon_client moon_client;
typedef struct moon_conn moon_conn; /* a live connection, leased */

typedef struct moon_client_options {
  const char *kubeconfig; /* path; NULL: $KUBECONFIG, ~/.kube/config, in-cluster */
  const char *context;    /* NULL: the current one */
  moon_pool_options pool; /* start from moon_pool_default_options */
} moon_client_options;

/* Reads kubeconfig and certificates and starts the pool; waits for no network. Fails with MOON_CONFIG or
 * MOON_CREDENTIAL. */
moon_status moon_client_new(const moon_client_options *options, moon_client **out, moon_error **err);
/* Closes the pool, and gives the client up: give back every lease first, and let nobody be waiting for one. Calls that
 * are under way on other threads have 5 s to end. Does not wait. NULL is fine. */
void moon_client_release(moon_client *client);
const char *moon_client_context(const moon_client *client);
const char *moon_client_namespace(const moon_client *client); /* of the context; "default" where it names none */
void moon_client_get_stats(const moon_client *client, moon_pool_stats *out);

/* Leases a connection: exclusive until it is given back, exactly once. Waits up to acquire_timeout_ms, then fails with
 * MOON_ACQUIRE_TIMEOUT; while no connection can be made, with the error of that. */
moon_status moon_client_acquire(moon_client *client, moon_conn **out, moon_error **err);
void moon_client_give_back(moon_client *client, moon_conn *conn);
uint64_t moon_conn_id(const moon_conn *conn); /* from 1, rising, unique in its pool */
uint64_t moon_conn_use_count(const moon_conn *conn);

/* One API call. Zero means the default everywhere. */
typedef struct moon_call_options {
  const char *method; /* NULL: "GET" */
  const char *path;   /* "/api/v1/pods?limit=500", percent-encoded; must begin with '/', else MOON_INVALID */
  const void *body;   /* NULL: none */
  size_t body_len;
  const char *content_type; /* of the body; NULL: application/json */
  const char *accept;       /* NULL: application/json */
  int64_t timeout_ms;       /* the whole call, retries included; 0: 60000; -1: none */
  size_t max_body;          /* bytes; 0: 1 GiB */
  bool no_retries;          /* false: up to 3 further attempts where that is safe */
} moon_call_options;

typedef struct moon_answer {
  int status;         /* 2xx: everything else is an error */
  char *content_type; /* lower case, without parameters; NULL when the server sent none */
  char *body;         /* NUL-terminated as well; never NULL */
  size_t body_len;
  char *cluster; /* the name of the cluster that answered */
} moon_answer;

/* Runs the call over any connection of the client and waits for the whole answer. The caller frees *out with
 * moon_answer_free. */
moon_status moon_client_call(moon_client *client, const moon_call_options *options, moon_answer **out,
                             moon_error **err);
/* The same over a connection that the caller has leased. */
moon_status moon_conn_call(moon_conn *conn, const moon_call_options *options, moon_answer **out, moon_error **err);
void moon_answer_free(moon_answer *answer);

/* --- a manager: several clusters behind one --- */

typedef struct moon_manager moon_manager;

/* What is believed of a cluster, or of one of its API servers. */
typedef enum moon_health_state {
  MOON_HEALTH_UNKNOWN, /* never probed; may be chosen while nothing better is there */
  MOON_HEALTH_HEALTHY,
  MOON_HEALTH_SUSPECT,   /* the last probe failed, or the last two; may be chosen */
  MOON_HEALTH_UNHEALTHY, /* three probes in a row failed: out of the rotation */
  MOON_HEALTH_PROBING,   /* was unhealthy, and the last probe was good; comes back with the second good one */
} moon_health_state;

/* "unknown", "healthy", "suspect", "unhealthy", "probing". Never NULL. */
const char *moon_health_state_name(moon_health_state state);

typedef struct moon_label {
  const char *key, *value;
} moon_label;

/* --- strategies --- */

/* A cluster that may be chosen. Read only, except `slot`. */
typedef struct moon_candidate {
  uint64_t id;             /* from 1, rising in the order of addition; unique in its manager */
  const char *name, *zone; /* zone: "" where none was given */
  const moon_label *labels;
  size_t label_count;
  double weight;
  int priority;
  int active;        /* places taken: leases and calls, those that wait for a connection included */
  int capacity;      /* maxConnections of its pool */
  double latency_us; /* peak EWMA of the time to the first byte, forgotten (1/e every 10 s) while no answer brings news;
                        0: unknown */
  unsigned failures; /* requests in a row that failed */
  double *slot;      /* the strategy's own number about it; 0 for a new strategy, when the cluster joins, and when it
                        comes back into the rotation */
} moon_candidate;

/* Chooses among clusters. `select` is called for every request and lease, by one thread at a time per manager, with a
 * lock held: it must be quick, must not wait and must not call moonpool. It returns an index below `count` (at least
 * 1), or anything else where it has no opinion: then round-robin chooses. Candidates come in the order of addition. */
typedef struct moon_strategy {
  const char *name; /* for messages; static */
  void *ctx;
  size_t (*select)(void *ctx, const moon_candidate *candidates, size_t count, const char *key /* or NULL */);
  void (*free)(void *ctx); /* called once, when the strategy is replaced or the manager goes; may be NULL */
} moon_strategy;

typedef struct moon_manager_options {
  bool enable_failover; /* true */
  bool failover_writes; /* false: only reads (GET, HEAD, OPTIONS) and leases move to another cluster */
  int64_t cluster_health_check_interval_ms; /* 30000; 0 = probes only after requests have failed */
  moon_pool_options default_pool;
} moon_manager_options;

extern const moon_manager_options moon_manager_default_options;

typedef struct moon_cluster_options {
  const char *name;       /* must be given; unique in its manager */
  const char *kubeconfig; /* as in moon_client_options */
  const char *context;
  const char *const *endpoints; /* URLs of its API servers, NULL-terminated; NULL: the kubeconfig's server */
  bool resolve_endpoints;       /* false; true: every address of a name counts as an endpoint, looked up every 30 s */
  double weight;    /* start from moon_cluster_default_options: 1; from 0 (only when nothing else is left) */
  int priority;     /* 0; lower numbers first */
  const char *zone; /* NULL: none */
  const moon_label *labels;
  size_t label_count;
  const moon_pool_options *pool; /* NULL: the manager's default_pool */
  const char *write_refusal; /* NULL; else requests that may change something end with MOON_FORBIDDEN and this text */
} moon_cluster_options;

extern const moon_cluster_options moon_cluster_default_options;

/* Fails with MOON_CONFIG for options out of range. */
moon_status moon_manager_new(const moon_manager_options *options, moon_manager **out, moon_error **err);
/* Closes everything: as moon_client_release for each cluster. */
void moon_manager_release(moon_manager *manager);

/* Reads kubeconfig and certificates, starts the pool and the probes; waits for no network. Fails with MOON_CONFIG (also
 * when there is a cluster of that name) or MOON_CREDENTIAL. */
moon_status moon_manager_add_cluster(moon_manager *manager, const moon_cluster_options *options, moon_error **err);
/* Takes a cluster out: those who wait for it get MOON_CLOSED, leases and calls have 5 s to end, then its connections
 * are cut. Does not wait. MOON_CONFIG when there is none of that name, as in all that follows. */
moon_status moon_manager_remove_cluster(moon_manager *manager, const char *name, moon_error **err);
/* A disabled cluster is not chosen; it is probed, and what runs on it goes on. */
moon_status moon_manager_set_enabled(moon_manager *manager, const char *name, bool enabled, moon_error **err);
moon_status moon_manager_set_weight(moon_manager *manager, const char *name, double weight, moon_error **err);
/* A built-in strategy: "round-robin" (the default), "least-connections", "weighted", "random", "peak-ewma",
 * "rendezvous", "priority". MOON_CONFIG, naming the nearest, for others. */
moon_status moon_manager_use_strategy(moon_manager *manager, const char *name, moon_error **err);
/* One of your own; the struct is copied. */
void moon_manager_set_strategy(moon_manager *manager, const moon_strategy *strategy);

/* Leases a connection of some cluster; `preferred` (or NULL) names the one to take while it can be used. Waits as
 * moon_client_acquire; a cluster that cannot be connected to is left for another one (enable_failover). */
moon_status moon_manager_acquire(moon_manager *manager, const char *preferred, moon_conn **out, moon_error **err);
const char *moon_conn_cluster(const moon_conn *conn); /* name; lives as long as the lease */
void moon_manager_give_back(moon_manager *manager, moon_conn *conn);

/* Runs the call in some cluster and waits for the whole answer; `preferred` as above. A read that fails for want of a
 * working server (no connection, 502, 503, 504) is retried in other clusters within its time. */
moon_status moon_manager_call(moon_manager *manager, const char *preferred, const moon_call_options *options,
                              moon_answer **out, moon_error **err);

/* Probes a cluster (NULL: all) now, and waits until every API server has answered or timed out (3 s). */
moon_status moon_manager_check_health(moon_manager *manager, const char *name, moon_error **err);

typedef struct moon_cluster_stats {
  moon_health_state state;
  bool healthy; /* state is HEALTHY or SUSPECT */
  bool enabled;
  bool unauthorized; /* reachable, but the credentials are not accepted (401, 403) */
  bool overloaded;   /* reachable, but it turns requests away (429) */
  double weight;
  double share; /* slow start: the part of its usual load that it gets, 0.1 to 1 */
  int priority;
  int active;
  double latency_us;
  unsigned failures;
  uint64_t retries, retries_denied; /* further attempts of calls; how often there was no room for one in the budget */
  int64_t certificate_expiry_s;     /* when the client certificate expires, seconds since 1970; 0: there is none */
  uint64_t selected;                /* how often it was chosen */
  moon_pool_stats pool;
} moon_cluster_stats;
moon_status moon_manager_get_stats(moon_manager *manager, const char *name, moon_cluster_stats *out, moon_error **err);

/* --- a runtime: Lua with everything that scripts of the program have, inside a C host ---
 *
 * A runtime is one Lua state with Lua's own libraries, `require "moonpool"`, and what makes tasks, timers, events and
 * waits go on: its loop. Everything of it happens inside the functions below that are said to run it, on the thread
 * that calls them; between them nothing of it moves, except connections and health checks, which have threads of their
 * own. A host may have as many runtimes as it likes, on one thread or on several.
 *
 * One thread at a time uses a runtime; it need not always be the same. The exception is moon_runtime_interrupt. A
 * function that runs a runtime, called while it runs already (by another thread, or by a C function that Lua called),
 * fails with MOON_INVALID.
 *
 * Scripts are trusted as the host's own code is: they have all of Lua's libraries. Only os.exit is not for them: it
 * raises, since the host decides when the process ends. */

typedef struct moon_runtime moon_runtime;
struct lua_State; /* of <lua.h>; whoever uses it links with Lua too: `pkg-config --cflags --libs moonpool lua5.4` */

typedef struct moon_runtime_options {
  const char *kubeconfig; /* what scripts read that name no kubeconfig; NULL: $KUBECONFIG, ~/.kube/config, in-cluster */
  /* Names and patterns of contexts, as the program's --context takes them, NULL-terminated: scripts have them as
   * `clusters`, a manager over them. NULL: there is no `clusters`. */
  const char *const *contexts;
} moon_runtime_options;

/* Makes a runtime; `options` may be NULL. Waits for nothing. Fails with MOON_CONFIG: the kubeconfig cannot be read
 * (which is looked at only where contexts are given), or a pattern selects none of its contexts. */
moon_status moon_runtime_new(const moon_runtime_options *options, moon_runtime **out, moon_error **err);
/* Ends the tasks that are left, which closes what they hold, and everything else of the runtime; what it made in C
 * (consoles, servers, pools) is closed. NULL is fine. Not while it runs. */
void moon_runtime_free(moon_runtime *runtime);

/* The state, for all that Lua's own interface can do: globals, tables, results. For the thread that uses the runtime,
 * while it does not run. Leave its stack as it was. */
struct lua_State *moon_runtime_lua(moon_runtime *runtime);

/* Makes a C function a global of the Lua scripts. It is a lua_CFunction like any other: it runs on the thread that runs
 * the runtime, with a state of its caller's, and may do what <lua.h> allows, raise errors and call back into Lua
 * included. What it calls back may wait: other tasks run meanwhile. While it blocks by itself (a read of its own,
 * moon_client_call) the whole runtime stands still. It must not call functions that run this runtime. */
void moon_runtime_register(moon_runtime *runtime, const char *name, int (*function)(struct lua_State *L));

/* These four run a task until it has ended, and the other tasks meanwhile, which are left as they are afterwards. An
 * error that a call raised with assert (or error) keeps its kind and its fields; other errors of scripts, and files
 * that cannot be read or are not Lua, are MOON_SCRIPT, with the place in the message. MOON_CANCELLED: interrupted. */

/* Runs a file, with `argc` arguments as `...` and in the global `arg`, as the program does. */
moon_status moon_runtime_dofile(moon_runtime *runtime, const char *path, int argc, const char *const *argv,
                                moon_error **err);
/* Runs a text; `name` is what messages call it (NULL: they show its beginning). */
moon_status moon_runtime_dostring(moon_runtime *runtime, const char *code, const char *name, moon_error **err);
/* Calls the function that stands on top of the state's stack below `nargs` arguments, and replaces all of them by
 * `nresults` results (-1: as many as there are); by nothing when it fails. */
moon_status moon_runtime_call(moon_runtime *runtime, int nargs, int nresults, moon_error **err);
/* Opens the prompt for others: `moonpool attach PATH` gives it to the same user of this machine, in the state of this
 * runtime, while the runtime runs. As moonpool.console.listen(path): fails with MOON_CONFIG where the path cannot be
 * used. Does not keep moon_runtime_run going; closed by moon_runtime_free. */
moon_status moon_runtime_console(moon_runtime *runtime, const char *path, moon_error **err);

/* Runs until no task is left and nothing else keeps it going (a server that listens). MOON_SCRIPT: tasks have raised
 * since the last time, and nobody has joined them; the log has their errors. MOON_CANCELLED: interrupted. */
moon_status moon_runtime_run(moon_runtime *runtime, moon_error **err);
/* Runs for so many ms, whatever there is to do; 0: does what is ready now. MOON_CANCELLED: interrupted. */
moon_status moon_runtime_poll(moon_runtime *runtime, int64_t ms, moon_error **err);
/* For a host with a loop of its own: wait until `*fd` can be read, but no longer than `*timeout_ms` (-1: no limit),
 * then call moon_runtime_poll(runtime, 0, ...), and ask again. The descriptor is the runtime's, and the same always.
 * For the thread that uses the runtime, while it does not run. */
void moon_runtime_next(moon_runtime *runtime, int *fd, int64_t *timeout_ms);

/* From any thread: ends what runs the runtime now with MOON_CANCELLED. The Lua code that runs is stopped wherever it
 * is, also in an endless loop, and with it the task that the call is for (what these hold is closed first, which is not
 * stopped); tasks that wait stay, and go on when the runtime runs again. When nothing runs it, nothing happens: a host
 * that means to end has a flag of its own beside it. The host sees to it that the runtime is not freed meanwhile. The
 * thread that runs is reached by the signal SIGURG, whose handler moonpool installs with the first runtime; the handler
 * that was there before is called too. */
void moon_runtime_interrupt(moon_runtime *runtime);

#ifdef __cplusplus
}
#endif
#endif
