/* pool_fixture.h: what every spec of the pool begins with: a frozen clock, a fake network, an event queue, a pool.
 *
 * The clock starts at 1,000,000 ms. `fixture_start` makes the pool of the given options and answers its warm-up;
 * `fixture_end` closes it, takes what is still there and checks that nothing is left. */
#ifndef SPEC_POOL_FIXTURE_H
#define SPEC_POOL_FIXTURE_H

#include "support/fake_net.h"

typedef struct fixture {
  fake_net fake;
  moon_event_queue *events;
  moon_pool *pool;
} fixture;

/* A waiter that keeps its answer. */
typedef struct asker {
  moon_waiter waiter;
  int answers;
  int order; /* the how-many-eth answer this was since the process began */
  moon_conn *conn;
  moon_error *err;
} asker;

/* All defaults but: no warm-up, min_connections 0, no checks, no lifetime, no idle limit. Specs turn on what they are
 * about. */
moon_pool_options quiet_options(void);

void fixture_begin(fixture *fix, const moon_pool_options *options); /* of its warm-up nothing is answered yet */
void fixture_start(fixture *fix, const moon_pool_options *options);
void fixture_end(fixture *fix);

void ask(fixture *fix, asker *asker, moon_use use); /* with the pool's own time limit */
void ask_within(fixture *fix, asker *asker, moon_use use, int64_t timeout_ms);
moon_conn *get(fixture *fix, moon_use use); /* asks, lets the network answer; must succeed */
void put(fixture *fix, moon_conn *conn);    /* gives back */
moon_pool_stats stats_of(fixture *fix);
/* The events since the last look, as "Created 1, Acquired 1, Removed 1 idle, poolDrained". */
void expect_told(fixture *fix, const char *expected);
void forget_events(fixture *fix);

#endif
