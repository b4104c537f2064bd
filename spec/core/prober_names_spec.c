/* prober_names_spec.c: a cluster whose API servers are all the addresses of a name. */
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "net/lookups.h"
#include "net/resolver.h"
#include "support/probing_fixture.h"

/* --- the resolver --- */

static pthread_mutex_t answer_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *answer[3]; /* addresses; none: the lookup fails */
static atomic_int lookups, lookups_ended;
static atomic_bool resolver_hangs;

static void set_answer(const char *first, const char *second) {
  pthread_mutex_lock(&answer_lock);
  answer[0] = first;
  answer[1] = second;
  pthread_mutex_unlock(&answer_lock);
}

static int spec_resolver(const char *host, char ***addresses, size_t *count) {
  lookups++;
  for (int i = 0; i < PATIENCE_MS && resolver_hangs; i++) sleep_ms(1);
  pthread_mutex_lock(&answer_lock);
  *addresses = moon_zalloc(sizeof answer);
  while (answer[*count]) {
    (*addresses)[*count] = moon_strdup(answer[*count]);
    ++*count;
  }
  pthread_mutex_unlock(&answer_lock);
  lookups_ended++;
  return *count ? 0 : EAI_AGAIN;
}

static void watch_name(watched *w, const tls_server *server) {
  lookups = lookups_ended = 0;
  w->changes = 0;
  w->endpoints = endpoints_of(target_of(server, "https", "localhost"), NULL, true, INTERVAL_MS);
  w->probing = moon_probing_start(w->endpoints, note_change, w);
}

static bool has_address(const watched *w, const char *address) {
  size_t count;
  bool found = false;
  moon_endpoint_stats *stats = moon_endpoints_stats(w->endpoints, &count);
  for (size_t i = 0; i < count; i++) found = found || (stats[i].address && !strcmp(stats[i].address, address));
  moon_endpoint_stats_free(stats, count);
  return found;
}

/* The addresses of the endpoints become these, in any order. */
static void wait_for_addresses(watched *w, const char *first, const char *second) {
  bool same = false;
  for (int64_t since_ms = now_ms(); !same;) {
    size_t count, found = 0;
    moon_endpoint_stats *stats = moon_endpoints_stats(w->endpoints, &count);
    for (size_t i = 0; i < count; i++) {
      const char *address = stats[i].address ? stats[i].address : "";
      found += !strcmp(address, first) || (second && !strcmp(address, second));
    }
    same = found == count && count == (second ? 2 : 1);
    moon_endpoint_stats_free(stats, count);
    if (!same && !goes_on(since_ms)) fail_msg("%zu endpoints, %zu of which are expected", count, found);
  }
}

static void looks_names_up_every_30_s_and_probes_what_it_finds(void **state) {
  stop_clock();
  tls_server *server = start_server();
  watched w;
  set_answer("127.0.0.1", NULL);
  watch_name(&w, server);
  wait_for_addresses(&w, "127.0.0.1", NULL);
  wait_for_state(&w, MOON_HEALTH_HEALTHY);
  assert_int_equal(lookups, 1);

  set_answer("127.0.0.1", "127.0.0.9");
  pass_ms(26000);
  sleep_ms(5);
  assert_int_equal(lookups, 1);
  pass_ms(7000);
  wait_for_addresses(&w, "127.0.0.1", "127.0.0.9");

  set_answer("127.0.0.9", NULL);
  pass_ms(33000);
  wait_for_addresses(&w, "127.0.0.9", NULL);
  wait_for_state(&w, MOON_HEALTH_SUSPECT); /* nobody listens there */
  wait_for_quiet(server);
  int before = tls_server_count(server, "/readyz");
  pass_ms(2 * INTERVAL_MS);
  sleep_ms(5);
  assert_int_equal(tls_server_count(server, "/readyz"), before); /* what has left the name is left alone */
  unwatch(&w);
  tls_server_stop(server);
}

static void keeps_the_addresses_when_a_lookup_fails_and_asks_again_soon(void **state) {
  stop_clock();
  tls_server *server = start_server();
  watched w;
  set_answer("127.0.0.1", NULL);
  watch_name(&w, server);
  wait_for_addresses(&w, "127.0.0.1", NULL);
  set_answer(NULL, NULL);
  pass_ms(33000);
  wait_for_count(&lookups_ended, 2);
  wake_health_thread();
  set_answer("127.0.0.1", "127.0.0.9");
  pass_ms(4000);
  sleep_ms(5);
  assert_int_equal(lookups, 2);
  wait_for_addresses(&w, "127.0.0.1", NULL);
  pass_ms(1600);
  wait_for_addresses(&w, "127.0.0.1", "127.0.0.9");
  unwatch(&w);
  tls_server_stop(server);
}

static void looks_names_up_for_as_long_as_it_lives(void **state) {
  stop_clock();
  tls_server *server = start_server();
  watched w;
  set_answer("127.0.0.1", NULL);
  watch_name(&w, server);
  wait_for_count(&lookups_ended, 1);
  for (int times = 2; times <= MOON_MAX_LOOKUPS + 6; times++) { /* more than can be under way at once */
    wake_health_thread();
    pass_ms(34000);
    wait_for_count(&lookups_ended, times);
  }
  unwatch(&w);
  tls_server_stop(server);
}

static void does_not_ask_a_slow_resolver_twice_at_a_time(void **state) {
  stop_clock();
  tls_server *server = start_server();
  watched w;
  set_answer("127.0.0.1", NULL);
  resolver_hangs = true;
  watch_name(&w, server);
  wait_for_count(&lookups, 1);
  for (int i = 0; i < 10; i++) pass_ms(34000);
  sleep_ms(5);
  assert_int_equal(lookups, 1);
  resolver_hangs = false;
  wait_for_addresses(&w, "127.0.0.1", NULL);
  pass_ms(6000);
  wait_for_count(&lookups, 2);
  unwatch(&w);
  tls_server_stop(server);
}

static void ends_without_waiting_for_a_resolver_that_hangs(void **state) {
  tls_server *server = start_server();
  watched w;
  set_answer("127.0.0.1", NULL);
  resolver_hangs = true;
  watch_name(&w, server);
  wait_for_count(&lookups, 1);
  unwatch(&w);
  assert_int_equal(lookups_ended, 0);
  resolver_hangs = false;
  wait_for_count(&lookups_ended, 1);
  tls_server_stop(server);
}

static void asks_the_systems_resolver_where_no_other_is_set(void **state) {
  moon_resolve_with(NULL);
  tls_server *server = start_server();
  watched w;
  watch_name(&w, server);
  for (int64_t since_ms = now_ms(); !has_address(&w, "127.0.0.1");) {
    if (!goes_on(since_ms)) fail_msg("localhost has no address 127.0.0.1");
  }
  wait_for_state(&w, MOON_HEALTH_HEALTHY);
  assert_int_equal(lookups, 0);
  unwatch(&w);
  tls_server_stop(server);
  moon_resolve_with(spec_resolver);
}

#define SPEC(name) cmocka_unit_test_setup_teardown(name, start_probing_spec, end_probing_spec)

int main(void) {
  moon_resolve_with(spec_resolver);
  const struct CMUnitTest tests[] = {
      SPEC(looks_names_up_every_30_s_and_probes_what_it_finds),
      SPEC(keeps_the_addresses_when_a_lookup_fails_and_asks_again_soon),
      SPEC(looks_names_up_for_as_long_as_it_lives),
      SPEC(does_not_ask_a_slow_resolver_twice_at_a_time),
      SPEC(ends_without_waiting_for_a_resolver_that_hangs),
      SPEC(asks_the_systems_resolver_where_no_other_is_set),
  };
  return cmocka_run_group_tests(tests, NULL, await_threads);
}
