/* fleet.h: clusters a, b and c behind a manager, each a plain test server that does with /api/... what a spec wants;
 * and calls through the manager that can be waited for.
 *
 * The pools of clusters added one after another live on different reactors where the program has set
 * MOONPOOL_IO_THREADS=2. Probes tell nothing: a spec says itself what is believed of a cluster. */
#ifndef SPEC_FLEET_H
#define SPEC_FLEET_H

#include "cluster/call.h"
#include "cluster/manager.h"
#include "support/net_fixture.h"

enum { FLEET = 3 };

typedef struct fleet {
  moon_manager *manager;
  moon_event_queue *events;
  tls_server *servers[FLEET];
} fleet;

/* Around all specs of a program: keep moonpool's threads. libuv closes its descriptors behind ThreadSanitizer's back,
 * which would take the next use of a number, by a later thread, for a race. */
int fleet_hold_threads(void **state);
int fleet_let_threads_go(void **state);

moon_manager_options fleet_options(void); /* no probes; pools without warm-up and upkeep */
/* What the server of each does with /api/...; NULL: "ok"; "refused": there is none. */
void fleet_start(fleet *f, const moon_manager_options *options, size_t count, const char *const *api);
void fleet_end(fleet *f); /* closes; soon nothing may be left: no place, no connection in use */
moon_cluster *fleet_cluster(fleet *f, const char *name); /* not a new reference */
tls_server *fleet_server(fleet *f, const char *name);
/* Three failed probes with that error; or two good ones. */
void fleet_fell(fleet *f, const char *name, const char *text);
void fleet_rose(fleet *f, const char *name);
/* All failovers told since the last look, as "a>b: reason" lines joined by " | ". The caller's. */
char *fleet_failovers(fleet *f);

/* A call and how it ended. */
typedef struct trip {
  moon_call *call;
  int ends, restarts, headers;
  moon_buffer body;
  size_t received;  /* bytes handed out so far, restarts not considered */
  char cluster[16]; /* where it ended */
  moon_error *err;
} trip;

typedef struct trip_options {
  int64_t timeout_ms; /* 0: none */
  int retries;        /* 0: the default; < 0: none */
  bool streaming, gathers;
  const char *strictly; /* in this cluster alone; else: */
  const char *preferred;
} trip_options;

trip *trip_start(fleet *f, const char *method, const trip_options *options); /* of /api/x */
void trip_wait(trip *t);
void trip_until_received(trip *t, size_t bytes);
void trip_free(trip *t);
void trip_expect(trip *t, const char *cluster, const char *body); /* waits; it succeeded; frees */
void trip_expect_error(trip *t, moon_status kind, const char *cluster, const char *text); /* waits; does not free */
bool fleet_until(tls_server *server, int requests); /* that many requests to /api/x have come */

#endif
