/* prober.h: the health threads. Each runs a loop of its own with connections of its own, so that neither a busy script
 * nor bulk traffic delays a probe.
 *
 * A probe (probe.h) opens a connection to one endpoint, asks GET /readyz within 3 s, and closes: it proves that new
 * connections can be made and that the server is ready. The first comes at once, the next ones when the endpoint's
 * health says so (health.h), counted from the beginning of the one before, and one at once when requests have made it
 * urgent. Where the interval is 0 only those are probed that requests have found failing, and by hand. At most 64 run
 * at once per thread; the rest wait for a place in the order in which they fell due. A server that hangs keeps its
 * place until its 3 s are over.
 *
 * For sets made with `resolve` the names are looked up, at once and every 30 s (5 s after a lookup that failed).
 *
 * There is one thread for every 250 clusters, at most as many as there are cores; they begin with the first cluster and
 * end with the last. */
#ifndef MOON_CLUSTER_PROBER_H
#define MOON_CLUSTER_PROBER_H

#include "cluster/endpoint.h"

typedef struct moon_probing moon_probing;

/* Begins to probe the endpoints, whose observer it becomes. `changed(ctx)` is called, on whichever thread brought the
 * news, without a lock, after the state of an endpoint may have changed; it must not wait. */
moon_probing *moon_probing_start(moon_endpoints *endpoints, void (*changed)(void *ctx), void *ctx);
/* Probes every endpoint now (one that is being probed is not probed twice); `done(ctx)` is called on a health thread
 * when all have answered or timed out, also when probing is stopped meanwhile. It must not wait. */
void moon_probing_check(moon_probing *probing, void (*done)(void *ctx), void *ctx);
/* Ends it: after this no `changed` begins, and one that is under way on another thread has returned. Never call it from
 * `changed` or `done`, nor on a health thread. */
void moon_probing_stop(moon_probing *probing);

#endif
