/* cluster.h: one Kubernetes cluster as the floors above see it: a name, how to reach it, its pool of connections, and
 * how it is doing.
 *
 * Who uses a cluster has a place in it, from the moment at which it was chosen (waiting included) to the end of the
 * call or lease: `active` counts places, and least-connections goes by it. Immutable but for counts and health; any
 * thread. */
#ifndef MOON_CLUSTER_CLUSTER_H
#define MOON_CLUSTER_CLUSTER_H

#include "cluster/endpoint.h"
#include "cluster/retry_budget.h"
#include "kube/target.h"
#include "pool/pool.h"

typedef struct moon_cluster moon_cluster;

typedef struct moon_cluster_spec {
  const char *name;
  moon_target *target;           /* a reference is kept */
  const moon_pool_options *pool; /* checked here */
  const char *const *endpoints;  /* URLs, NULL-terminated; NULL: the target's server */
  bool resolve_endpoints;        /* every address of a name is an endpoint */
  const char *write_refusal;     /* as in moon_cluster_options */
  int64_t probe_interval_ms;     /* for its endpoints' health; 0 where nobody probes */
  const moon_event *announce; /* appended, its texts taken over, before the pool's events, unless this fails; or NULL */
} moon_cluster_spec;

/* Makes the pool and starts its warm-up; waits for nothing. Reads the target's certificates: an unusable one fails with
 * MOON_CREDENTIAL. `events` may be NULL. */
moon_error *moon_cluster_new(const moon_cluster_spec *spec, moon_event_queue *events, moon_cluster **out);
moon_cluster *moon_cluster_retain(moon_cluster *cluster);
void moon_cluster_release(moon_cluster *cluster); /* the last reference closes the pool */

const char *moon_cluster_name(const moon_cluster *cluster);
moon_target *moon_cluster_target(const moon_cluster *cluster);       /* not a new reference */
moon_pool *moon_cluster_pool(const moon_cluster *cluster);           /* not a new reference */
moon_endpoints *moon_cluster_endpoints(const moon_cluster *cluster); /* not a new reference */
const char *moon_cluster_write_refusal(const moon_cluster *cluster); /* NULL: writes are fine */
moon_cluster *moon_cluster_of(const moon_conn *conn);                /* whose connection it is; not a new reference */

/* Takes a place, and a reference with it. */
void moon_cluster_enter(moon_cluster *cluster);
void moon_cluster_leave(moon_cluster *cluster);
int moon_cluster_active(const moon_cluster *cluster);

/* A lease at once or not at all; a place with it. See moon_pool_try_acquire. */
moon_conn *moon_cluster_try_acquire(moon_cluster *cluster, const char *origin);
/* Gives back a lease, and its place. */
void moon_cluster_give_back(moon_cluster *cluster, moon_conn *conn);

/* NULL, or why nobody should wait for this cluster now: it is unhealthy. The caller's. */
moon_error *moon_cluster_down(const moon_cluster *cluster);

/* A request to it has ended, also one that got no connection; the arguments are those of moon_endpoint_request_ended.
 */
void moon_cluster_note(moon_cluster *cluster, const moon_error *err, int64_t first_byte_us);
double moon_cluster_latency_us(const moon_cluster *cluster); /* peak EWMA of the time to the first byte; 0: unknown */
/* The same for those who choose by it: forgotten with time while there is no news (latency.h). */
double moon_cluster_expected_us(const moon_cluster *cluster);
unsigned moon_cluster_failures(const moon_cluster *cluster); /* requests in a row that failed */

/* Before a further attempt of a call: whether it fits into the budget for those; if so, end_retry after it. */
bool moon_cluster_begin_retry(moon_cluster *cluster);
void moon_cluster_end_retry(moon_cluster *cluster);
uint64_t moon_cluster_retries(const moon_cluster *cluster);        /* so far */
uint64_t moon_cluster_retries_denied(const moon_cluster *cluster); /* likewise: put off for want of room */

#endif
