/* lease_spec.c: connections leased through a manager: from which cluster they come, when a lease goes to another one,
 * how long it waits, and what cancelling it leaves behind. Reactors: as in failover_spec.c. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cluster/lease.h"
#include "support/fleet.h"

static fleet f;
static moon_manager_options options;

#define START(...)                                                                                                     \
  fleet_start(&f, &options, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static int reset_options(void **state) {
  options = fleet_options();
  options.default_pool.max_connections = 1;
  return 0;
}

/* Someone who wants a lease. */
typedef struct asker {
  moon_leasing *leasing;
  int answers;
  moon_cluster *cluster;
  moon_conn *conn;
  moon_error *err;
} asker;

static void leased(void *ctx, moon_cluster *cluster, moon_conn *conn, moon_error *err) {
  asker *a = ctx;
  a->cluster = cluster;
  a->conn = conn;
  a->err = err;
  count_up(&a->answers);
}

static asker *ask(const char *preferred) {
  asker *a = moon_zalloc(sizeof *a);
  moon_selection selection = {.preferred = preferred};
  a->leasing = moon_leasing_start(f.manager, &selection, NULL, "spec:1", leased, a);
  return a;
}

static void done_with(asker *a) {
  if (a->conn) {
    moon_cluster_give_back(a->cluster, a->conn);
    moon_cluster_release(a->cluster);
  }
  moon_error_free(a->err);
  moon_leasing_release(a->leasing);
  free(a);
}

static void expect_lease(asker *a, const char *cluster) {
  if (!becomes(&a->answers, 1)) fail_msg("no answer");
  if (a->err) fail_msg("no lease: %s", a->err->message);
  assert_string_equal(moon_cluster_name(a->cluster), cluster);
  assert_ptr_equal(moon_cluster_of(a->conn), a->cluster);
}

static void expect_refusal(asker *a, moon_status kind, const char *cluster, const char *text) {
  if (!becomes(&a->answers, 1)) fail_msg("no answer");
  if (!a->err) fail_msg("expected an error with \"%s\", got a lease of %s", text, moon_cluster_name(a->cluster));
  if (a->err->kind != kind || !strstr(a->err->message, text))
    fail_msg("expected %s with \"%s\", got %s, \"%s\"", moon_strerror(kind), text, moon_strerror(a->err->kind),
             a->err->message);
  if (cluster) assert_string_equal(a->err->cluster, cluster);
}

static void wait_for_waiters(const char *cluster, int count) {
  moon_pool_load load = {0};
  while (load.waiting != count) moon_pool_get_load(moon_cluster_pool(fleet_cluster(&f, cluster)), &load);
}

static void expect_failovers(const char *expected) {
  char *told = fleet_failovers(&f);
  assert_string_equal(told, expected);
  free(told);
}

static void expect_place(const char *cluster, int active) {
  assert_int_equal(moon_cluster_active(fleet_cluster(&f, cluster)), active);
}

/* --- where leases come from --- */

static void a_lease_has_a_place_in_its_cluster_until_it_is_given_back(void **state) {
  START(NULL, NULL);
  asker *first = ask(NULL), *second = ask(NULL);
  expect_lease(first, "a");
  expect_lease(second, "b");
  expect_place("a", 1);
  expect_place("b", 1);
  done_with(first);
  expect_place("a", 0);
  asker *again = ask("a");
  assert_int_equal(count_of(&again->answers), 1); /* a free connection is there at once */
  expect_lease(again, "a");
  assert_false(moon_leasing_cancel(again->leasing));
  done_with(again);
  done_with(second);
  fleet_end(&f);
}

static void takes_over_the_place_of_a_cluster_that_was_chosen_before(void **state) {
  START(NULL, NULL);
  moon_cluster *chosen = moon_manager_enter(f.manager, 2);
  asker *a = moon_zalloc(sizeof *a);
  a->leasing = moon_leasing_start(f.manager, &(moon_selection){0}, chosen, NULL, leased, a);
  expect_lease(a, "b");
  expect_place("b", 1);
  done_with(a);
  fleet_end(&f);
}

static void an_unknown_preference_is_an_error(void **state) {
  START(NULL);
  asker *a = ask("aa");
  expect_refusal(a, MOON_CONFIG, NULL, "\"aa\"");
  assert_false(moon_leasing_cancel(a->leasing));
  done_with(a);
  fleet_end(&f);
}

/* --- going elsewhere --- */

static void a_lease_moves_when_nothing_can_be_connected(void **state) {
  START("refused", NULL);
  asker *a = ask("a");
  expect_lease(a, "b");
  expect_place("a", 0);
  expect_failovers("a>b: http://127.0.0.1:1: connection refused (nothing listens on that port)");
  done_with(a);
  fleet_end(&f);
}

static void without_failover_a_lease_gets_the_clusters_own_error(void **state) {
  options.enable_failover = false;
  START("refused", NULL);
  asker *a = ask("a");
  expect_refusal(a, MOON_CONNECT, "a", "connection refused");
  done_with(a);
  fleet_fell(&f, "a", "gone");
  a = ask("a");
  expect_refusal(a, MOON_CONNECT, "a", "gone");
  done_with(a);
  expect_failovers("");
  fleet_end(&f);
}

static void those_who_wait_move_when_the_cluster_turns_unhealthy(void **state) {
  options.default_pool.max_connections = 3;
  START(NULL, NULL);
  asker *holders[3], *waiting[3];
  for (int i = 0; i < 3; i++) {
    holders[i] = ask("a");
    expect_lease(holders[i], "a");
  }
  for (int i = 0; i < 3; i++) waiting[i] = ask("a");
  wait_for_waiters("a", 3);
  fleet_fell(&f, "a", "gone");
  for (int i = 0; i < 3; i++) expect_lease(waiting[i], "b");
  expect_failovers("a>b: gone | a>b: gone | a>b: gone");
  expect_place("a", 3);
  for (int i = 0; i < 3; i++) {
    done_with(holders[i]);
    done_with(waiting[i]);
  }
  fleet_end(&f);
}

static void without_failover_those_who_wait_fail_when_the_cluster_turns_unhealthy(void **state) {
  options.enable_failover = false;
  START(NULL, NULL);
  asker *holder = ask("a"), *a = ask("a");
  expect_lease(holder, "a");
  wait_for_waiters("a", 1);
  fleet_fell(&f, "a", "gone");
  expect_refusal(a, MOON_CONNECT, "a", "gone");
  done_with(a);
  done_with(holder);
  fleet_end(&f);
}

static void a_full_pool_is_waited_for_and_is_no_reason_to_move(void **state) {
  options.default_pool.acquire_timeout_ms = 100;
  START(NULL, NULL);
  asker *holder = ask("a");
  expect_lease(holder, "a");
  asker *a = ask("a");
  expect_refusal(a, MOON_ACQUIRE_TIMEOUT, "a", "pool a");
  done_with(a);
  a = ask("a");
  wait_for_waiters("a", 1);
  done_with(holder);
  expect_lease(a, "a");
  done_with(a);
  expect_failovers("");
  fleet_end(&f);
}

/* The time of the first cluster is the time of all: what b would give is not added. */
static void all_tries_together_take_no_longer_than_the_first_clusters_time(void **state) {
  options.default_pool.acquire_timeout_ms = 300;
  START("refused", NULL);
  asker *holder = ask("b");
  expect_lease(holder, "b");
  int64_t since_ms = now_ms();
  asker *a = ask("a"); /* waits for b in vain */
  expect_refusal(a, MOON_ACQUIRE_TIMEOUT, "b", "pool b");
  assert_in_range(now_ms() - since_ms, 250, 300 + PATIENCE_MS / 10);
  done_with(a);
  done_with(holder);
  fleet_end(&f);
}

static void a_cluster_that_is_taken_out_fails_those_who_wait_for_it(void **state) {
  START(NULL, NULL);
  asker *holder = ask("a"), *a = ask("a");
  expect_lease(holder, "a");
  wait_for_waiters("a", 1);
  assert_null(moon_manager_take_out(f.manager, "a", PATIENCE_MS));
  expect_refusal(a, MOON_CLOSED, "a", "closed");
  done_with(a);
  done_with(holder);
  fleet_end(&f);
}

static void when_nothing_is_left_one_error_names_every_cluster_and_why(void **state) {
  START("refused", "refused", NULL);
  fleet_fell(&f, "c", "its probes fail");
  asker *a = ask("b");
  expect_refusal(
      a, MOON_NO_HEALTHY_CLUSTER, "a",
      "\"a\": failed for this request already (http://127.0.0.1:1: connection refused (nothing listens on that port)); "
      "\"b\": failed for this request already (http://127.0.0.1:1: connection refused (nothing listens on that port)); "
      "\"c\": its probes fail");
  done_with(a);
  fleet_end(&f);
}

/* --- cancelling --- */

static void cancelling_one_that_waits_lets_the_next_one_have_it(void **state) {
  START(NULL, NULL);
  asker *holder = ask("a");
  expect_lease(holder, "a");
  asker *first = ask("a"), *second = ask("a");
  wait_for_waiters("a", 2);
  assert_true(moon_leasing_cancel(first->leasing));
  assert_false(moon_leasing_cancel(first->leasing));
  wait_for_waiters("a", 1);
  done_with(holder);
  expect_lease(second, "a");
  assert_int_equal(count_of(&first->answers), 0);
  done_with(first);
  done_with(second);
  fleet_end(&f);
}

static void can_be_cancelled_before_it_has_asked_and_on_its_way_elsewhere(void **state) {
  START("refused", NULL);
  for (int i = 0; i < 200; i++) {
    asker *a = ask("a");
    if (i % 4) sleep_ms(i % 4 - 1); /* a connect takes about a millisecond */
    bool taken_back = moon_leasing_cancel(a->leasing);
    if (taken_back)
      assert_int_equal(count_of(&a->answers), 0);
    else
      expect_lease(a, "b");
    done_with(a);
  }
  fleet_end(&f);
}

/* Leases are taken, cancelled and given back by several threads while the clusters come and go. */
enum { THREADS = 4, ROUNDS = 150 };

static void *lease_and_cancel(void *arg) {
  unsigned seed = (unsigned)(uintptr_t)arg;
  for (int i = 0; i < ROUNDS; i++) {
    asker *a = ask(NULL);
    bool impatient = rand_r(&seed) % 3 == 0;
    if (!impatient || !moon_leasing_cancel(a->leasing)) {
      if (!becomes(&a->answers, 1)) abort();
      if (a->err) abort(); /* one of the clusters is always well, and a full pool empties */
    }
    done_with(a);
  }
  return NULL;
}

static void every_lease_is_given_or_refused_once_whatever_happens(void **state) {
  START(NULL, NULL, NULL);
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, lease_and_cancel, (void *)(i + 1));
  for (int i = 0; i < 60; i++) {
    const char *fallen = i % 2 ? "a" : "b";
    fleet_fell(&f, fallen, "gone");
    sleep_ms(2);
    fleet_rose(&f, fallen);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  fleet_end(&f);
}

int main(void) {
  setenv("MOONPOOL_IO_THREADS", "2", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_lease_has_a_place_in_its_cluster_until_it_is_given_back, reset_options),
      cmocka_unit_test_setup(takes_over_the_place_of_a_cluster_that_was_chosen_before, reset_options),
      cmocka_unit_test_setup(an_unknown_preference_is_an_error, reset_options),
      cmocka_unit_test_setup(a_lease_moves_when_nothing_can_be_connected, reset_options),
      cmocka_unit_test_setup(without_failover_a_lease_gets_the_clusters_own_error, reset_options),
      cmocka_unit_test_setup(those_who_wait_move_when_the_cluster_turns_unhealthy, reset_options),
      cmocka_unit_test_setup(without_failover_those_who_wait_fail_when_the_cluster_turns_unhealthy, reset_options),
      cmocka_unit_test_setup(a_full_pool_is_waited_for_and_is_no_reason_to_move, reset_options),
      cmocka_unit_test_setup(all_tries_together_take_no_longer_than_the_first_clusters_time, reset_options),
      cmocka_unit_test_setup(a_cluster_that_is_taken_out_fails_those_who_wait_for_it, reset_options),
      cmocka_unit_test_setup(when_nothing_is_left_one_error_names_every_cluster_and_why, reset_options),
      cmocka_unit_test_setup(cancelling_one_that_waits_lets_the_next_one_have_it, reset_options),
      cmocka_unit_test_setup(can_be_cancelled_before_it_has_asked_and_on_its_way_elsewhere, reset_options),
      cmocka_unit_test_setup(every_lease_is_given_or_refused_once_whatever_happens, reset_options),
  };
  return cmocka_run_group_tests(tests, fleet_hold_threads, fleet_let_threads_go);
}
