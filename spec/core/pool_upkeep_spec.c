/* pool_upkeep_spec.c: what time brings: health checks, idle eviction, lifetime, changed credentials, leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "support/pool_fixture.h"

/* --- health checks --- */

static void idle_connections_are_checked_once_per_interval(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 2;
  options.health_check_interval_ms = 1000;
  options.health_check_timeout_ms = 77;
  fixture_start(&fix, &options);
  fake_net_advance(&fix.fake, 899 - MOON_WARM_UP_PAUSE_MS); /* one of them is older by that */
  assert_int_equal(fix.fake.checks, 0);
  fake_net_advance(&fix.fake, 201 + MOON_WARM_UP_PAUSE_MS);
  assert_int_equal(fix.fake.checks, 2);
  assert_int_equal(fix.fake.last_timeout_ms, 77);
  fake_net_advance(&fix.fake, 100000);
  assert_in_range(fix.fake.checks, 180, 225);
  assert_int_equal(stats_of(&fix).idle, 2);
  fixture_end(&fix);
}

static void checks_touch_neither_use_count_nor_events_nor_order(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.health_check_interval_ms = 1000;
  options.max_idle_time_ms = 5000;
  fixture_start(&fix, &options);
  moon_conn *a = get(&fix, MOON_USE_LEASE), *b = get(&fix, MOON_USE_LEASE), *c = get(&fix, MOON_USE_LEASE);
  put(&fix, a);
  fake_net_advance(&fix.fake, 300); /* so that their checks come one by one */
  put(&fix, b);
  fake_net_advance(&fix.fake, 300);
  put(&fix, c);
  forget_events(&fix);
  for (int i = 0; i < 3500; i++) fake_net_advance(&fix.fake, 1);
  assert_in_range(fix.fake.checks, 9, 14);
  expect_told(&fix, "");
  assert_int_equal(moon_conn_use_count(a), 1);
  fake_net_advance(&fix.fake, 900); /* 5,000 after a was given back; b and c have 300 and 600 left */
  expect_told(&fix, "Removed 1 idle");
  assert_ptr_equal(get(&fix, MOON_USE_LEASE), c);
  assert_ptr_equal(get(&fix, MOON_USE_LEASE), b);
  put(&fix, b);
  put(&fix, c);
  fixture_end(&fix);
}

static void a_connection_in_use_is_not_checked_and_a_used_one_later(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.health_check_interval_ms = 1000;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  fake_net_advance(&fix.fake, 10000);
  put(&fix, conn);
  fake_net_advance(&fix.fake, 899); /* its use has proven it alive */
  assert_int_equal(fix.fake.checks, 0);
  fake_net_advance(&fix.fake, 201);
  assert_int_equal(fix.fake.checks, 1);
  fixture_end(&fix);
}

static void a_connection_under_check_is_not_handed_out_until_it_answers(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  options.health_check_interval_ms = 1000;
  fixture_start(&fix, &options);
  put(&fix, get(&fix, MOON_USE_LEASE));
  fake_net_advance_silent(&fix.fake, 1100);
  assert_int_equal(fake_net_pending(&fix.fake, FAKE_CHECK), 1);
  assert_int_equal(stats_of(&fix).idle, 1);
  asker waiting;
  ask(&fix, &waiting, MOON_USE_LEASE);
  assert_int_equal(waiting.answers, 0);
  fake_net_run(&fix.fake);
  assert_int_equal(moon_conn_id(waiting.conn), 1);
  put(&fix, waiting.conn);
  fixture_end(&fix);
}

static void a_failed_check_is_retried_and_then_the_connection_is_replaced(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 1;
  options.health_check_interval_ms = 10000;
  options.health_check_retries = 2;
  fixture_start(&fix, &options);
  forget_events(&fix);
  fix.fake.sick = "no answer in 3000 ms";
  fake_net_advance(&fix.fake, 9000);
  while (fix.fake.checks < 1) fake_net_advance(&fix.fake, 1);
  expect_told(&fix, "Unhealthy 1 (no answer in 3000 ms)");
  assert_int_equal(stats_of(&fix).unhealthy, 1);
  assert_int_equal(stats_of(&fix).total, 1);
  assert_null(moon_pool_try_acquire(fix.pool, MOON_USE_STREAM, NULL));
  fake_net_advance(&fix.fake, 899);
  assert_int_equal(fix.fake.checks, 1);
  fake_net_advance(&fix.fake, 201);
  assert_int_equal(fix.fake.checks, 2);
  assert_int_equal(stats_of(&fix).unhealthy, 1);
  fake_net_advance(&fix.fake, 1100); /* one check and two retries */
  assert_int_equal(fix.fake.checks, 3);
  expect_told(&fix, "Removed 1 unhealthy, Created 2");
  assert_int_equal(stats_of(&fix).removed[MOON_REMOVED_UNHEALTHY], 1);
  assert_int_equal(stats_of(&fix).idle, 1);
  fixture_end(&fix);
}

static void without_retries_the_first_failed_check_removes(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 1;
  options.health_check_interval_ms = 1000;
  options.health_check_retries = 0;
  fixture_start(&fix, &options);
  forget_events(&fix);
  fix.fake.sick = "HTTP 500";
  fake_net_advance(&fix.fake, 1100);
  expect_told(&fix, "Unhealthy 1 (HTTP 500), Removed 1 unhealthy, Created 2");
  fixture_end(&fix);
}

static void a_connection_that_recovers_is_handed_out_again(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 1;
  options.health_check_interval_ms = 1000;
  fixture_start(&fix, &options);
  fix.fake.sick = "HTTP 500";
  fake_net_advance(&fix.fake, 1100);
  assert_int_equal(stats_of(&fix).unhealthy, 1);
  forget_events(&fix);
  fix.fake.sick = NULL;
  fake_net_advance(&fix.fake, 1100);
  assert_int_equal(stats_of(&fix).unhealthy, 0);
  fix.fake.sick = "HTTP 500"; /* counted from the beginning again */
  fake_net_advance(&fix.fake, 1100);
  fake_net_advance(&fix.fake, 2200);
  assert_int_equal(stats_of(&fix).unhealthy, 1);
  fix.fake.sick = NULL;
  fake_net_advance(&fix.fake, 1100);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  assert_int_equal(moon_conn_id(conn), 1);
  put(&fix, conn);
  fixture_end(&fix);
}

static void a_transport_that_dies_under_its_check_goes_at_once(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 1;
  options.health_check_interval_ms = 1000;
  fixture_start(&fix, &options);
  forget_events(&fix);
  fake_net_advance_silent(&fix.fake, 1100);
  fake_ask check;
  assert_true(fake_net_take(&fix.fake, FAKE_CHECK, &check));
  moon_conn_lost(check.conn);
  fake_net_answer(&fix.fake, &check); /* an answer that comes too late */
  fake_net_run(&fix.fake);
  expect_told(&fix, "Removed 1 unhealthy, Created 2");
  fixture_end(&fix);
}

static void an_interval_of_0_checks_nothing(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 2;
  fixture_start(&fix, &options);
  int wakes = fix.fake.wakes;
  fake_net_advance(&fix.fake, 86400000);
  assert_int_equal(fix.fake.checks, 0);
  assert_int_equal(fix.fake.wakes, wakes); /* nothing to do is nothing to be woken for */
  fixture_end(&fix);
}

/* --- idle --- */

static void the_longest_idle_go_first_and_min_connections_stay(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 1;
  options.max_idle_time_ms = 5000;
  fixture_start(&fix, &options);
  moon_conn *conn[4];
  for (int i = 0; i < 4; i++) conn[i] = get(&fix, MOON_USE_LEASE);
  forget_events(&fix);
  const int order[] = {2, 0, 3, 1};
  for (int i = 0; i < 4; i++) {
    put(&fix, conn[order[i]]);
    fake_net_advance(&fix.fake, 1000);
  }
  forget_events(&fix);
  fake_net_advance(&fix.fake, 999);
  expect_told(&fix, "");
  fake_net_advance(&fix.fake, 1);
  expect_told(&fix, "Removed 3 idle");
  fake_net_advance(&fix.fake, 1000);
  expect_told(&fix, "Removed 1 idle");
  fake_net_advance(&fix.fake, 1000);
  expect_told(&fix, "Removed 4 idle");
  fake_net_advance(&fix.fake, 86400000);
  expect_told(&fix, "");
  assert_int_equal(stats_of(&fix).total, 1);
  assert_int_equal(stats_of(&fix).removed[MOON_REMOVED_IDLE], 3);
  fixture_end(&fix);
}

static void a_max_idle_time_of_0_evicts_nothing(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  put(&fix, get(&fix, MOON_USE_LEASE));
  fake_net_advance(&fix.fake, 86400000);
  assert_int_equal(stats_of(&fix).idle, 1);
  fixture_end(&fix);
}

static void a_long_use_is_not_idleness(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_idle_time_ms = 1000;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  fake_net_advance(&fix.fake, 5500);
  put(&fix, conn);
  fake_net_advance(&fix.fake, 999);
  assert_int_equal(stats_of(&fix).idle, 1);
  fake_net_advance(&fix.fake, 1);
  assert_int_equal(stats_of(&fix).idle, 0);
  fixture_end(&fix);
}

/* --- lifetime and credentials: invariants 7 and 8 --- */

static void a_lifetime_ends_while_idle_and_differs_by_connection(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 10;
  options.max_lifetime_ms = 100000;
  moon_random_seed(7);
  fixture_start(&fix, &options);
  forget_events(&fix);
  fake_net_advance(&fix.fake, 89999);
  expect_told(&fix, "");
  int most_at_once = 0, before = 0;
  for (int i = 0; i < 20001; i++) {
    fake_net_advance(&fix.fake, 1);
    int removed = (int)stats_of(&fix).removed[MOON_REMOVED_LIFETIME];
    if (removed - before > most_at_once) most_at_once = removed - before;
    before = removed;
    assert_int_equal(stats_of(&fix).total, 10); /* replaced at once */
  }
  assert_in_range(before, 10, 10);
  assert_in_range(most_at_once, 1, 3);
  fixture_end(&fix);
}

static void a_lifetime_that_ended_in_use_is_seen_at_release(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_lifetime_ms = 100000;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  moon_clock_advance_ms(110000); /* nobody ticks */
  forget_events(&fix);
  put(&fix, conn);
  expect_told(&fix, "Released 1, Removed 1 lifetime");
  fixture_end(&fix);
}

static void a_lifetime_that_ended_is_seen_at_hand_out(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_lifetime_ms = 100000;
  fixture_start(&fix, &options);
  put(&fix, get(&fix, MOON_USE_LEASE));
  moon_clock_advance_ms(110000); /* nobody ticks */
  assert_null(moon_pool_try_acquire(fix.pool, MOON_USE_LEASE, NULL));
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  assert_int_equal(moon_conn_id(conn), 2);
  assert_int_equal(stats_of(&fix).removed[MOON_REMOVED_LIFETIME], 1);
  put(&fix, conn);
  fixture_end(&fix);
}

static void a_shared_connection_past_its_lifetime_drains(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_lifetime_ms = 100000;
  fixture_start(&fix, &options);
  moon_conn *old = get(&fix, MOON_USE_STREAM);
  fake_net_advance(&fix.fake, 110000);
  assert_int_equal(stats_of(&fix).in_use, 1);
  moon_conn *young = get(&fix, MOON_USE_STREAM);
  assert_ptr_not_equal(young, old);
  forget_events(&fix);
  put(&fix, old);
  expect_told(&fix, "Released 1, Removed 1 lifetime");
  put(&fix, young);
  fixture_end(&fix);
}

static void in_a_full_pool_old_shared_connections_drain_one_at_a_time(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 3;
  options.max_lifetime_ms = 100000;
  fixture_start(&fix, &options);
  moon_conn *watch[3];
  for (int i = 0; i < 3; i++) watch[i] = get(&fix, MOON_USE_STREAM);
  fake_net_advance(&fix.fake, 200000);
  moon_conn *conn[2];
  for (int i = 0; i < 2; i++) { /* the two that do not drain */
    conn[i] = get(&fix, MOON_USE_STREAM);
    assert_int_equal(moon_conn_use_count(conn[i]), 2);
  }
  for (int i = 0; i < 2; i++) put(&fix, conn[i]);
  for (int i = 0; i < 3; i++)
    if (watch[i] != conn[0] && watch[i] != conn[1]) put(&fix, watch[i]);
  assert_int_equal(stats_of(&fix).total, 2);
  fake_net_advance(&fix.fake, 1000);
  moon_conn *young = get(&fix, MOON_USE_STREAM); /* room again: both others drain */
  assert_int_equal(moon_conn_id(young), 4);
  for (int i = 0; i < 2; i++) put(&fix, conn[i]);
  assert_int_equal(stats_of(&fix).removed[MOON_REMOVED_LIFETIME], 3);
  put(&fix, young);
  fixture_end(&fix);
}

static void a_lifetime_of_0_never_ends(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 1;
  fixture_start(&fix, &options);
  fake_net_advance(&fix.fake, INT64_C(365) * 86400000);
  assert_int_equal(fix.fake.connects, 1);
  fixture_end(&fix);
}

static void new_credentials_make_all_older_connections_stale(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 3;
  fixture_start(&fix, &options);
  moon_conn *leased = get(&fix, MOON_USE_LEASE), *shared = get(&fix, MOON_USE_STREAM);
  asker late;
  forget_events(&fix);
  moon_pool_make_stale(fix.pool);
  expect_told(&fix, "Removed 1 stale"); /* the idle one; the others when they come back */
  put(&fix, shared);
  put(&fix, leased);
  expect_told(&fix, "Released 2, Removed 2 stale, Released 3, Removed 3 stale");
  moon_pool_make_stale(fix.pool); /* meets those that are being made */
  ask(&fix, &late, MOON_USE_LEASE);
  fake_net_run(&fix.fake);
  assert_non_null(late.conn);
  assert_int_equal(stats_of(&fix).total, 3);
  put(&fix, late.conn);
  fake_net_advance(&fix.fake, 60000);
  assert_int_equal(stats_of(&fix).idle, 3);
  fixture_end(&fix);
}

static void a_connection_made_with_the_old_credentials_is_not_handed_out(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  forget_events(&fix);
  asker self;
  ask(&fix, &self, MOON_USE_LEASE);
  moon_pool_make_stale(fix.pool);
  fake_net_run(&fix.fake);
  expect_told(&fix, "Created 1, Removed 1 stale, Created 2, Acquired 2");
  put(&fix, self.conn);
  fixture_end(&fix);
}

static void a_connection_that_the_server_drains_takes_no_new_users(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  moon_conn_drain(conn);
  moon_conn_drain(conn);
  moon_conn *other = get(&fix, MOON_USE_STREAM);
  assert_ptr_not_equal(other, conn);
  assert_int_equal(stats_of(&fix).in_use, 2);
  put(&fix, other);
  forget_events(&fix);
  moon_conn_drain(other);
  put(&fix, conn);
  expect_told(&fix, "Removed 2 lifetime, Released 1, Removed 1 lifetime");
  fixture_end(&fix);
}

static void a_connection_drained_before_it_was_established_serves_nobody(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  forget_events(&fix);
  asker self;
  ask(&fix, &self, MOON_USE_LEASE);
  fake_ask connect;
  assert_true(fake_net_take(&fix.fake, FAKE_CONNECT, &connect));
  moon_conn_drain(connect.conn);
  fake_net_answer(&fix.fake, &connect);
  fake_net_run(&fix.fake);
  expect_told(&fix, "Created 1, Removed 1 lifetime, Created 2, Acquired 2");
  put(&fix, self.conn);
  fixture_end(&fix);
}

/* --- leaks --- */

struct log_lines {
  char *last;
  int count;
};

static void keep_line(void *ctx, const moon_log_line *line) {
  struct log_lines *lines = ctx;
  free(lines->last);
  lines->last = moon_strdup(line->message);
  lines->count++;
}

static void a_forgotten_lease_is_reported_once_with_its_origin(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.leak_detection_threshold_ms = 2000;
  struct log_lines lines = {0};
  moon_log_set_sink(keep_line, &lines);
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE), *shared = get(&fix, MOON_USE_STREAM);
  forget_events(&fix);
  fake_net_advance(&fix.fake, 1999);
  expect_told(&fix, "");
  fake_net_advance(&fix.fake, 1);
  expect_told(&fix, "Leaked 1 (script.lua:7)");
  fake_net_advance(&fix.fake, 100000);
  expect_told(&fix, "");
  assert_int_equal(stats_of(&fix).leaked, 1);
  assert_int_equal(lines.count, 1);
  assert_string_equal(lines.last, "pool test: connection 1 has been leased for 2000 ms and may have been forgotten; "
                                  "acquired at script.lua:7");
  put(&fix, conn);
  assert_ptr_equal(get(&fix, MOON_USE_LEASE), conn); /* another lease of the same connection is another case */
  fake_net_advance(&fix.fake, 2000);
  assert_int_equal(stats_of(&fix).leaked, 2);
  put(&fix, conn);
  put(&fix, shared);
  fixture_end(&fix);
  moon_log_set_sink(NULL, NULL);
  free(lines.last);
}

static void without_a_threshold_no_lease_is_too_long(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  fake_net_advance(&fix.fake, 86400000);
  assert_int_equal(stats_of(&fix).leaked, 0);
  put(&fix, conn);
  fixture_end(&fix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(idle_connections_are_checked_once_per_interval),
      cmocka_unit_test(checks_touch_neither_use_count_nor_events_nor_order),
      cmocka_unit_test(a_connection_in_use_is_not_checked_and_a_used_one_later),
      cmocka_unit_test(a_connection_under_check_is_not_handed_out_until_it_answers),
      cmocka_unit_test(a_failed_check_is_retried_and_then_the_connection_is_replaced),
      cmocka_unit_test(without_retries_the_first_failed_check_removes),
      cmocka_unit_test(a_connection_that_recovers_is_handed_out_again),
      cmocka_unit_test(a_transport_that_dies_under_its_check_goes_at_once),
      cmocka_unit_test(an_interval_of_0_checks_nothing),
      cmocka_unit_test(the_longest_idle_go_first_and_min_connections_stay),
      cmocka_unit_test(a_max_idle_time_of_0_evicts_nothing),
      cmocka_unit_test(a_long_use_is_not_idleness),
      cmocka_unit_test(a_lifetime_ends_while_idle_and_differs_by_connection),
      cmocka_unit_test(a_lifetime_that_ended_in_use_is_seen_at_release),
      cmocka_unit_test(a_lifetime_that_ended_is_seen_at_hand_out),
      cmocka_unit_test(a_shared_connection_past_its_lifetime_drains),
      cmocka_unit_test(in_a_full_pool_old_shared_connections_drain_one_at_a_time),
      cmocka_unit_test(a_lifetime_of_0_never_ends),
      cmocka_unit_test(new_credentials_make_all_older_connections_stale),
      cmocka_unit_test(a_connection_made_with_the_old_credentials_is_not_handed_out),
      cmocka_unit_test(a_connection_that_the_server_drains_takes_no_new_users),
      cmocka_unit_test(a_connection_drained_before_it_was_established_serves_nobody),
      cmocka_unit_test(a_forgotten_lease_is_reported_once_with_its_origin),
      cmocka_unit_test(without_a_threshold_no_lease_is_too_long),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
