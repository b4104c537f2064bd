/* lease.h: leasing a connection through a manager: choosing a cluster, waiting for its pool, and going to another
 * cluster when the chosen one cannot be connected to or turns unhealthy meanwhile (enable_failover). A full pool is
 * waited for, up to its acquireTimeout; that time-out is no reason to move. All tries together take at most the first
 * cluster's acquireTimeout. */
#ifndef MOON_CLUSTER_LEASE_H
#define MOON_CLUSTER_LEASE_H

#include "cluster/manager.h"

typedef struct moon_leasing moon_leasing;

/* The result, once, on any thread, perhaps before moon_leasing_start returns; must not wait. Either a cluster (a
 * reference and a place, both the callee's) with a leased connection, to be given back with moon_cluster_give_back and
 * moon_cluster_release; or an error, the callee's. */
typedef void (*moon_leased)(void *ctx, moon_cluster *cluster, moon_conn *conn, moon_error *err);

/* `chosen`: as for moon_call_start_among. `origin`: see moon_waiter; copied. One reference for the caller. */
moon_leasing *moon_leasing_start(moon_manager *manager, const moon_selection *selection, moon_cluster *chosen,
                                 const char *origin, moon_leased done, void *ctx);
/* True: `done` will not be called any more. False: it was, or is being called now. */
bool moon_leasing_cancel(moon_leasing *leasing);
void moon_leasing_release(moon_leasing *leasing);

#endif
