/* cluster.h: one Kubernetes cluster as the floors above see it: a name, how to reach it, and its pool of connections.
 * Immutable but for its count of references; any thread. */
#ifndef MOON_CLUSTER_CLUSTER_H
#define MOON_CLUSTER_CLUSTER_H

#include "kube/target.h"
#include "pool/pool.h"

typedef struct moon_cluster moon_cluster;

/* Makes the pool (of `options`) for the target and starts its warm-up; waits for nothing. Reads the target's
 * certificates: an unusable one fails with MOON_CREDENTIAL. `events` may be NULL. Keeps a reference of the target. */
moon_error *moon_cluster_new(const char *name, moon_target *target, const moon_pool_options *options,
                             moon_event_queue *events, moon_cluster **out);
moon_cluster *moon_cluster_retain(moon_cluster *cluster);
void moon_cluster_release(moon_cluster *cluster); /* the last reference closes the pool */

const char *moon_cluster_name(const moon_cluster *cluster);
moon_target *moon_cluster_target(const moon_cluster *cluster); /* not a new reference */
moon_pool *moon_cluster_pool(const moon_cluster *cluster);     /* not a new reference */

#endif
