/* endpoint.h: the addresses of one cluster: its API servers, behind which all data is the same.
 *
 * A cluster has one endpoint (the server of its kubeconfig) unless it was given several URLs, or a name was to be taken
 * as all of its addresses. Each has a dialer, a health of its own, counts and a latency. The set spreads connections: a
 * new one goes to the usable endpoint with the fewest (one that is SUSPECT has to wait for its next probe), dead ones
 * are avoided, and tried again when their health or, after a failed connect, a back-off (1 s doubling to 30 s, then one
 * connection tries it) says so.
 *
 * Any thread. One lock per set; nothing is called under it. An endpoint lives as long as its set or somebody's
 * reference. State changes are told to one observer, after the lock was given back, on the thread that brought the
 * news. */
#ifndef MOON_CLUSTER_ENDPOINT_H
#define MOON_CLUSTER_ENDPOINT_H

#include "cluster/health.h"
#include "net/dialer.h"

typedef struct moon_endpoint moon_endpoint;
typedef struct moon_endpoints moon_endpoints;

/* Which connections of a cluster: those of its pool, or of the pool's lane. Each kind is spread by itself. */
typedef enum moon_conn_kind { MOON_CONNS_POOL, MOON_CONNS_LANE, MOON_CONN_KINDS } moon_conn_kind;

/* `urls`: NULL-terminated "https://host[:port]" (the path prefix of the target's server is kept), or NULL: the target's
 * server. Fails with MOON_CONFIG or MOON_CREDENTIAL. */
moon_error *moon_endpoints_new(const char *cluster, moon_target *target, const char *const *urls, bool resolve,
                               int64_t probe_interval_ms, moon_endpoints **out);
moon_endpoints *moon_endpoints_retain(moon_endpoints *endpoints);
void moon_endpoints_release(moon_endpoints *endpoints);

/* Called after a state has changed or a probe has become urgent; which, is for the observer to look up. NULL: nobody.
 * When this returns, no call of the observer before begins any more, and none is under way on another thread; so never
 * call it from an observer. */
void moon_endpoints_observe(moon_endpoints *endpoints, void (*changed)(void *ctx), void *ctx);

/* The cluster's state: that of its best endpoint (healthy, then suspect, unknown, probing, unhealthy). Cheap: no lock.
 */
moon_health_state moon_endpoints_state(const moon_endpoints *endpoints);
/* Slow start of the cluster as a whole: 1 unless it has recovered within the last 30 s. Cheap: no lock. */
double moon_endpoints_share(const moon_endpoints *endpoints, int64_t now_ms);
/* Why the cluster is not healthy: a copy of the last error, with every endpoint named where there are several; NULL
 * when there is none. */
moon_error *moon_endpoints_error(const moon_endpoints *endpoints);
bool moon_endpoints_unauthorized(const moon_endpoints *endpoints); /* reachable, and the last probe got 401 or 403 */
bool moon_endpoints_overloaded(const moon_endpoints *endpoints);   /* ... 429 */

/* --- for those that make connections --- */
/* The endpoint for a new connection: the usable one with the fewest of that kind (in turn where they are equal), else
 * one whose turn to be tried it is; never one of `tried`. Counts the connection; a new reference. NULL: all were tried.
 */
moon_endpoint *moon_endpoints_pick(moon_endpoints *endpoints, moon_conn_kind kind, moon_endpoint *const *tried,
                                   size_t tried_count);
size_t moon_endpoints_count(const moon_endpoints *endpoints);
size_t moon_endpoints_usable(const moon_endpoints *endpoints); /* how many of them are */
void moon_endpoint_connected(moon_endpoint *endpoint);
void moon_endpoint_connect_failed(moon_endpoint *endpoint, const moon_error *err); /* counts as a failed request too */
void moon_endpoint_closed(moon_endpoint *endpoint, moon_conn_kind kind);           /* the connection counts no more */
moon_health_state moon_endpoint_state(const moon_endpoint *endpoint);
/* When it is unhealthy because it does not answer at all: an error for those who wait for its answers. Else NULL. */
moon_error *moon_endpoint_unreachable(const moon_endpoint *endpoint);
moon_endpoint *moon_endpoint_retain(moon_endpoint *endpoint);
void moon_endpoint_release(moon_endpoint *endpoint);
/* How many connections of that kind it has beyond its even part, now that all usable endpoints are considered: > 0
 * means that some should move. An endpoint that is retired (its address has left the name) keeps none, nor does one
 * that is not usable while another is. */
int moon_endpoint_surplus(const moon_endpoint *endpoint, moon_conn_kind kind);
/* When the first back-off after a failed connect ends, so that connections may move there again; -1: there is none. */
int64_t moon_endpoints_retry_at_ms(const moon_endpoints *endpoints);
/* What to say when a connect has failed everywhere: the error itself where there was one endpoint, else one that names
 * them all. Takes over the errors. */
moon_error *moon_endpoints_all_failed(moon_endpoint *const *tried, moon_error *const *errors, size_t count);

moon_dialer *moon_endpoint_dialer(const moon_endpoint *endpoint); /* not a new reference */

/* --- for those that run requests --- */
/* A request has ended on it. `err`: NULL, or the failure as it counts for health (the caller decides). first_byte_us:
 * of a good answer; 0 for one whose time says nothing (a stream); -1 when there was none. Without an error and without
 * an answer (cancelled, the caller's time was over) the request tells nothing of the server. */
void moon_endpoint_request_began(moon_endpoint *endpoint);
void moon_endpoint_request_ended(moon_endpoint *endpoint, const moon_error *err, int64_t first_byte_us);

/* --- for the prober --- */
/* All endpoints, retained; the caller releases each and frees the array. */
moon_endpoint **moon_endpoints_list(const moon_endpoints *endpoints, size_t *count);
void moon_endpoint_probed(moon_endpoint *endpoint, moon_verdict verdict, moon_error *err); /* takes over err */
int64_t moon_endpoint_pause_ms(const moon_endpoint *endpoint);                             /* moon_health_pause_ms */
/* True once after requests have made a probe due at once. */
bool moon_endpoint_take_urgent(moon_endpoint *endpoint);
/* The names that are to be looked up (host, port), for sets made with `resolve`; and the addresses that came of it. */
bool moon_endpoints_resolves(const moon_endpoints *endpoints);
size_t moon_endpoints_names(const moon_endpoints *endpoints, char ***hosts); /* the caller frees texts and array */
/* New addresses become endpoints, gone ones are retired (their connections are drained); an empty list changes nothing.
 */
void moon_endpoints_resolved(moon_endpoints *endpoints, const char *host, char *const *addresses, size_t count);

typedef struct moon_endpoint_stats {
  char *url;     /* "https://10.0.0.1:6443" */
  char *address; /* the address, where a name was looked up; or NULL */
  moon_health_state state;
  int connections, streams; /* of the pool, of the lane; without those that are leaving */
  int in_flight;
  int64_t latency_us; /* peak EWMA of the time to the first byte; 0: unknown */
  unsigned failures;  /* failed checks in a row */
  char *last_error;   /* or NULL */
} moon_endpoint_stats;
/* The caller frees with moon_endpoint_stats_free. */
moon_endpoint_stats *moon_endpoints_stats(const moon_endpoints *endpoints, size_t *count);
void moon_endpoint_stats_free(moon_endpoint_stats *stats, size_t count);

#endif
