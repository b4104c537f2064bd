/* probing_fixture.h: what the specs of the health threads begin with: endpoints that are probed, and a clock that
 * stands still until the spec moves it.
 *
 * While the clock stands, a probe is due when the spec says that the time has come, however busy the machine is. What
 * is waited for may take as long as it needs; the clock creeps on meanwhile, because what is on its way may need a
 * timer. */
#ifndef SPEC_PROBING_FIXTURE_H
#define SPEC_PROBING_FIXTURE_H

#include <stdatomic.h>

#include "cluster/prober.h"
#include "support/net_fixture.h"

enum { INTERVAL_MS = 30000, TIMEOUT_MS = 3000 };

typedef struct watched {
  moon_endpoints *endpoints;
  moon_probing *probing;
  atomic_int changes; /* calls of `changed` */
} watched;

/* Both take the target. */
moon_endpoints *endpoints_of(moon_target *target, const char *const *urls, bool resolve, int64_t interval_ms);
void watch(watched *watched, moon_target *target, int64_t interval_ms); /* starts probing it */
void unwatch(watched *watched);
void note_change(void *watched); /* for those that start it themselves */
void ignore(void *ctx);

moon_target *plain(const tls_server *server); /* over http */
moon_target *refusing(void);                  /* a port on which nobody listens */

/* Setup and teardown of each spec; the clock runs again after it. */
int start_probing_spec(void **state);
int end_probing_spec(void **state);
extern moon_endpoints *nobody; /* never probed; there during each spec */

void stop_clock(void);
void pass_ms(int64_t ms);      /* moves it, and lets the health thread see to what is due */
void wake_health_thread(void); /* returns when it has had a turn, so that it knows what time it is */

/* A moment's wait for something that has not come about; false when there is no hope left. */
bool goes_on(int64_t since_ms);
void wait_for_requests(tls_server *server, const char *path, int count); /* at least so many in all */
void wait_for_state(const watched *watched, moon_health_state state);
void wait_for_count(atomic_int *counter, int count);
void wait_for_quiet(tls_server *server);             /* all probes have ended, and the health thread has taken note */
void wait_for_probe(tls_server *server, int number); /* that one has come and gone */

#endif
