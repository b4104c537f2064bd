/* probing_fixture.c: see probing_fixture.h. */
#include "support/probing_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"

/* --- what is probed --- */

void note_change(void *ctx) {
  ((watched *)ctx)->changes++;
}

moon_endpoints *endpoints_of(moon_target *target, const char *const *urls, bool resolve, int64_t interval_ms) {
  moon_endpoints *endpoints;
  moon_error *err = moon_endpoints_new("spec", target, urls, resolve, interval_ms, &endpoints);
  if (err) fail_msg("no endpoints: %s", err->message);
  moon_target_release(target);
  return endpoints;
}

void watch(watched *w, moon_target *target, int64_t interval_ms) {
  w->changes = 0;
  w->endpoints = endpoints_of(target, NULL, false, interval_ms);
  w->probing = moon_probing_start(w->endpoints, note_change, w);
}

void unwatch(watched *w) {
  moon_probing_stop(w->probing);
  moon_endpoints_release(w->endpoints);
}

moon_target *plain(const tls_server *server) {
  return target_of(server, "http", "127.0.0.1");
}

moon_target *refusing(void) {
  tls_server *server = start_plain_server();
  moon_target *target = plain(server);
  tls_server_stop(server);
  return target;
}

/* --- time --- */

static bool clock_stands;
moon_endpoints *nobody;

void stop_clock(void) {
  clock_stands = true;
  moon_clock_set_ms(moon_clock_now_ms());
}

void ignore(void *ctx) {}

/* Two turns: in the first the reactor sees how late it is, in the second what was due has run. */
void wake_health_thread(void) {
  for (int i = 0; i < 2; i++) moon_probing_stop(moon_probing_start(nobody, ignore, NULL));
}

void pass_ms(int64_t ms) {
  moon_clock_advance_ms(ms);
  wake_health_thread();
}

bool goes_on(int64_t since_ms) {
  if (clock_stands) pass_ms(1);
  sleep_ms(2);
  return now_ms() - since_ms < PATIENCE_MS;
}

void wait_for_requests(tls_server *server, const char *path, int count) {
  for (int64_t since_ms = now_ms(); tls_server_count(server, path) < count;) {
    if (!goes_on(since_ms)) fail_msg("%d requests for %s, expected %d", tls_server_count(server, path), path, count);
  }
}

void wait_for_state(const watched *w, moon_health_state state) {
  for (int64_t since_ms = now_ms(); moon_endpoints_state(w->endpoints) != state;) {
    if (!goes_on(since_ms)) {
      fail_msg("it is %s, and should be %s", moon_health_state_name(moon_endpoints_state(w->endpoints)),
               moon_health_state_name(state));
    }
  }
}

void wait_for_count(atomic_int *counter, int count) {
  for (int64_t since_ms = now_ms(); *counter < count;) {
    if (!goes_on(since_ms)) fail_msg("%d times, expected %d", *counter, count);
  }
}

void wait_for_quiet(tls_server *server) {
  for (int64_t since_ms = now_ms(); tls_server_open(server);) {
    if (!goes_on(since_ms)) fail_msg("%d connections are still open", tls_server_open(server));
  }
  wake_health_thread();
}

void wait_for_probe(tls_server *server, int number) {
  wait_for_requests(server, "/readyz", number);
  wait_for_quiet(server);
}

int start_probing_spec(void **state) {
  nobody = endpoints_of(refusing(), NULL, false, 0);
  return 0;
}

int end_probing_spec(void **state) {
  moon_clock_run();
  clock_stands = false;
  moon_endpoints_release(nobody);
  return 0;
}
