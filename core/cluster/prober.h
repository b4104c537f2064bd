/* prober.h: the health threads. Each runs a loop of its own with connections of its own, so that neither a busy script
 * nor bulk traffic delays a probe.
 *
 * A probe opens a connection to one endpoint, asks GET /readyz (where that is not there: /version) within 3 s, name
 * lookup, TCP and TLS included, and closes: it proves that new connections can be made and that the server is ready. At
 * most 64 run at once per thread. The first comes at once, the next ones when the endpoint's health says so. There is
 * one thread for every 250 clusters, at most as many as there are cores; they begin with the first cluster and end with
 * the last. */
#ifndef MOON_CLUSTER_PROBER_H
#define MOON_CLUSTER_PROBER_H

#include "cluster/endpoint.h"

typedef struct moon_probing moon_probing;

/* Begins to probe the endpoints, whose observer it becomes. `changed(ctx)` is called, on whichever thread brought the
 * news, without a lock, after the state of an endpoint has changed; it must not wait. */
moon_probing *moon_probing_start(moon_endpoints *endpoints, void (*changed)(void *ctx), void *ctx);
/* Probes every endpoint now; `done(ctx)` is called on a health thread when all have answered or timed out (also when
 * probing is stopped meanwhile). */
void moon_probing_check(moon_probing *probing, void (*done)(void *ctx), void *ctx);
/* Ends it: after this no `changed` begins, and one that is under way on another thread has returned. Never call it from
 * `changed` or `done`. */
void moon_probing_stop(moon_probing *probing);

#endif
