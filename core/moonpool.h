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
} moon_answer;

/* Runs the call over any connection of the client and waits for the whole answer. The caller frees *out with
 * moon_answer_free. */
moon_status moon_client_call(moon_client *client, const moon_call_options *options, moon_answer **out,
                             moon_error **err);
/* The same over a connection that the caller has leased. */
moon_status moon_conn_call(moon_conn *conn, const moon_call_options *options, moon_answer **out, moon_error **err);
void moon_answer_free(moon_answer *answer);

#ifdef __cplusplus
}
#endif
#endif
