/* health.h: what is believed of one API server address, from probes and from requests.
 *
 * A state machine without I/O and without a lock: its owner (endpoint.c) guards it, the prober asks it when to probe
 * next. All times are base/clock's.
 *
 *   UNKNOWN    never probed; may be used
 *   HEALTHY    the last probe was good
 *   SUSPECT    was healthy (or unknown), and 1 or 2 checks in a row failed; may be used, is probed every second
 *   UNHEALTHY  3 checks in a row failed; is not used; probed after 5 s, doubling to at most 60 s
 *   PROBING    was unhealthy, and the last probe was good; is not used until a second one, a second later, is good too
 *
 * UNKNOWN becomes HEALTHY with the first good probe, and SUSPECT with the first failed one. Every period has a jitter
 * of 10 %. An interval below a second holds while SUSPECT or PROBING too. The back-off goes by the time since it became
 * UNHEALTHY, so that checks by hand between the probes do not lengthen it.
 *
 * Requests count too: 5 in a row that failed (the connection, or 502, 503, 504 from the core API) are one failed check,
 * and cause a probe at once. What fails after that, until the probe has answered or for a second, belongs to the same
 * loss and is not counted: a hundred streams that die with one connection are one failed check. A good request ends the
 * row; it makes nothing healthy by itself. While UNHEALTHY or PROBING only probes count.
 *
 * With an interval of 0 there are no probes while requests succeed: it is HEALTHY from the start, 5 failed requests
 * make it SUSPECT, and requests alone make it no worse, because what is not used gets no request that could bring it
 * back. The probe that such a row causes, and those that follow until it is HEALTHY again, decide as above; where
 * nobody probes (a cluster without a manager), a good request makes it HEALTHY.
 *
 * 401 and 403 mean that the server is reachable and the credentials are not good: a good probe, with `unauthorized`
 * set. 429: a good probe with `overloaded` set.
 *
 * Slow start: for 30 s after it became HEALTHY again from UNHEALTHY (not the first time) its share rises from 0.1 to 1.
 */
#ifndef MOON_CLUSTER_HEALTH_H
#define MOON_CLUSTER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "moonpool.h"

typedef struct moon_health {
  moon_health_state state;
  int64_t interval_ms;   /* between probes while all is well; 0: none then */
  int failures;          /* failed checks in a row */
  int errors;            /* failed requests in a row */
  int64_t deaf_until_ms; /* until then failed requests belong to those that have counted as a check */
  int64_t since_ms;      /* when the state began */
  int64_t ramp_ms;       /* when slow start began; 0: there is none */
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
/* A request has ended. `err` NULL: good; else why it counts as failed (copied). True: a row of them has failed, so that
 * a probe is due now. The state may have changed either way. */
bool moon_health_request_ended(moon_health *health, const moon_error *err);

bool moon_health_usable(moon_health_state state); /* UNKNOWN, HEALTHY or SUSPECT */
/* How long after the beginning of the last probe the next one is due, jitter included; -1: none is. */
int64_t moon_health_pause_ms(const moon_health *health);
/* The part of the usual load that it should get now: 0.1 to 1. */
double moon_health_share(const moon_health *health, int64_t now_ms);

#endif
