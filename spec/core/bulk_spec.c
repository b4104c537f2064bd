/* bulk_spec.c: health checks while a gigabyte comes in over the same cluster's connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/call.h"
#include "support/net_fixture.h"

enum { INTERVAL_MS = 1000, PROBES = 4, GIGABYTE = 1 << 30, A_LITTLE = 1 << 24 };

/* Instrumented programs take a hundred times as long for each byte. */
static bool is_slow(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

typedef struct bulk {
  atomic_llong bytes;
  atomic_int ends;
  moon_status kind;
} bulk;

static void count_bytes(void *ctx, const char *bytes, size_t len) {
  atomic_fetch_add(&((bulk *)ctx)->bytes, (long long)len);
}

static void note_restart(void *ctx) {}

static void note_end(void *ctx, moon_cluster *cluster, moon_response *response, moon_error *err) {
  bulk *b = ctx;
  b->kind = err ? err->kind : MOON_OK;
  moon_error_free(err);
  atomic_fetch_add(&b->ends, 1);
}

static void stream(moon_manager *manager, bulk *b, long size) {
  moon_request *request = moon_zalloc(sizeof *request);
  request->method = moon_strdup("GET");
  request->path = moon_sprintf("/bytes?n=%ld", size);
  request->retries = -1;
  request->compression = 0;
  moon_call_handler handler = {.ctx = b, .data = count_bytes, .restart = note_restart, .done = note_end};
  moon_call_release(moon_call_start_among(manager, &(moon_selection){0}, NULL, request, &handler));
}

static bool is_healthy(moon_manager *manager) {
  moon_cluster_stats stats;
  assert_int_equal(moon_manager_get_stats(manager, "c", &stats, NULL), MOON_OK);
  return stats.state == MOON_HEALTH_HEALTHY;
}

static void a_gigabyte_over_the_same_connections_delays_no_probe(void **state) {
  if (under_valgrind()) skip();
  tls_server *server = start_server();
  moon_manager_options options = moon_manager_default_options;
  options.cluster_health_check_interval_ms = INTERVAL_MS;
  moon_manager *manager;
  assert_int_equal(moon_manager_new(&options, &manager, NULL), MOON_OK);
  moon_cluster_options cluster = moon_cluster_default_options;
  cluster.name = "c";
  moon_target *target = target_of(server, "https", "127.0.0.1");
  assert_null(moon_manager_add(manager, &cluster, target));
  moon_target_release(target);
  int64_t began_ms = moon_clock_now_ms();
  while (!is_healthy(manager) && moon_clock_now_ms() - began_ms < PATIENCE_MS) sleep_ms(5);

  bulk b = {0};
  const long size = is_slow() ? A_LITTLE : GIGABYTE / 4;
  int started = 0, seen = tls_server_count(server, "/readyz"), probes = 0;
  int64_t last_ms = 0;
  began_ms = moon_clock_now_ms();
  while ((probes < PROBES || atomic_load(&b.bytes) < 4 * (long long)size) &&
         moon_clock_now_ms() - began_ms < 4 * PATIENCE_MS) {
    if (started == atomic_load(&b.ends)) {
      stream(manager, &b, size);
      started++;
    }
    int count = tls_server_count(server, "/readyz");
    if (count > seen) {
      int64_t at_ms = tls_server_find(server, "/readyz")->at_ms, period_ms = at_ms - last_ms;
      if (last_ms && (period_ms < INTERVAL_MS * 8 / 10 || period_ms > INTERVAL_MS * 12 / 10))
        fail_msg("%d ms between two probes, after %lld MiB", (int)period_ms, atomic_load(&b.bytes) >> 20);
      last_ms = at_ms;
      probes += count - seen;
      seen = count;
    }
    sleep_ms(5);
  }
  while (atomic_load(&b.ends) < started) sleep_ms(5);
  assert_int_equal(b.kind, MOON_OK);
  assert_true(probes >= PROBES);
  assert_true(atomic_load(&b.bytes) >= 4 * (long long)size);
  assert_true(is_healthy(manager));
  moon_manager_release(manager);
  tls_server_stop(server);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_gigabyte_over_the_same_connections_delays_no_probe)};
  return cmocka_run_group_tests(tests, NULL, await_threads);
}
