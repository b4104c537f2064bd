/* health.h: what is believed of one API server address, from probes and from requests.
 *
 * A state machine without I/O and without a lock: its owner (endpoint.c) guards it, the prober asks it when to probe
 * next. All times are base/clock's.
 *
 *   UNKNOWN    never probed; may be used
 *   HEALTHY    the last probe was good
 *   SUSPECT    was healthy (or unknown), and 1 or 2 probes in a row failed; may be used, is probed every second
 *   UNHEALTHY  3 probes in a row failed; is not used; probed after 5 s, doubling to at most 60 s
 *   PROBING    was unhealthy, and the last probe was good; is not used until a second one, a second later, is good too
 *
 * UNKNOWN becomes HEALTHY with the first good probe, and SUSPECT with the first failed one. Every period has a jitter
 * of 10 %.
 *
 * Requests count too: 5 in a row that failed (the connection, or 502, 503, 504 from the core API) are one failed check,
 * and cause a probe at once. A good request ends the row; it makes nothing healthy by itself.
 *
 * 401 and 403 mean that the server is reachable and the credentials are not good: a good probe, with `unauthorized`
 * set. 429: a good probe with `overloaded` set.
 *
 * Slow start: for 30 s after it became HEALTHY again (not the first time) its share rises from 0.1 to 1. */
#ifndef MOON_CLUSTER_HEALTH_H
#define MOON_CLUSTER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "moonpool.h"

typedef struct moon_health {
  moon_health_state state;
  int64_t interval_ms; /* between probes while all is well */
  int failures;        /* failed checks in a row */
  int successes;       /* good probes in a row, while not healthy */
  int errors;          /* failed requests in a row */
  int64_t backoff_ms;  /* while UNHEALTHY */
  int64_t since_ms;    /* when the state began */
  int64_t ramp_ms;     /* when slow start began; 0: there is none */
  bool unauthorized, overloaded;
  moon_error *last_error; /* of the last failed probe or request; NULL after a good probe */
} moon_health;

typedef enum moon_verdict {
  MOON_PROBE_GOOD,
  MOON_PROBE_UNAUTHORIZED,
  MOON_PROBE_OVERLOADED,
  MOON_PROBE_FAILED
} moon_verdict;

void moon_health_init(moon_health *health, int64_t interval_ms);
void moon_health_free(moon_health *health);

/* A probe has ended. Takes over `err` (NULL unless it FAILED). True: the state has changed. */
bool moon_health_probed(moon_health *health, moon_verdict verdict, moon_error *err);
/* A request has ended. `err` NULL: good; else why it counts as failed (copied). True: a check failed by this, so that a
 * probe is due now (and the state may have changed). */
bool moon_health_request_ended(moon_health *health, const moon_error *err);

bool moon_health_usable(moon_health_state state); /* UNKNOWN, HEALTHY or SUSPECT */
/* How long to wait until the next probe, jitter included. */
int64_t moon_health_pause_ms(const moon_health *health);
/* The part of the usual load that it should get now: 0.1 to 1. */
double moon_health_share(const moon_health *health, int64_t now_ms);

#endif
