/* probe.h: one probe of one API server: a new connection, GET /readyz on it (GET /version where that is not there), and
 * what the answer says of the server.
 *
 *   2xx                        good
 *   401, 403                   reachable; the credentials are not accepted, or may not ask this
 *   no credentials to be had   counts as that: nothing is known against the server
 *   429                        reachable, and it turns requests away
 *   no answer, all the rest    failed; the error of a 500 names the checks that /readyz said have failed
 *
 * On the reactor's thread. */
#ifndef MOON_CLUSTER_PROBE_H
#define MOON_CLUSTER_PROBE_H

#include "cluster/health.h"
#include "net/dialer.h"
#include "net/reactor.h"

typedef struct moon_probe moon_probe;

/* Everything, name lookup, TCP and TLS included, must be over within timeout_ms. `done` is called later, from a task,
 * after the connection was closed; err (the callee's) is set where the verdict is FAILED. */
moon_probe *moon_probe_start(moon_reactor *reactor, moon_dialer *dialer, int64_t timeout_ms,
                             void (*done)(void *ctx, moon_verdict verdict, moon_error *err), void *ctx);
/* Ends it without `done`; when this returns, its connection is closed. From a task or a timer, not from what a
 * transport calls. */
void moon_probe_cancel(moon_probe *probe);

#endif
