/* pool_connect_spec.c: warm-up, failed connects, back-off, and the way back to min_connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "support/pool_fixture.h"

static void expect_refused(asker *self) {
  assert_int_equal(self->answers, 1);
  assert_non_null(self->err);
  assert_int_equal(self->err->kind, MOON_CONNECT);
  assert_string_equal(self->err->message, "connection refused");
  moon_error_free(self->err);
}

static void warm_up_makes_min_connections_at_once(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 4;
  options.max_connecting = 1; /* does not hold for the warm-up */
  fixture_start(&fix, &options);
  assert_int_equal(fix.fake.connects, 4);
  assert_int_equal(fix.fake.most_open, 4);
  assert_int_equal(stats_of(&fix).idle, 4);
  expect_told(&fix, "Created 1, Created 2, Created 3, Created 4, poolReady");
  fixture_end(&fix);
}

static void warm_up_sends_one_connection_ahead(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 4;
  fixture_begin(&fix, &options);
  asker first;
  ask(&fix, &first, MOON_USE_STREAM);
  assert_int_equal(fix.fake.connects, 1); /* nothing competes with what somebody waits for */
  fake_net_answer_one(&fix.fake, FAKE_CONNECT);
  assert_int_equal(first.answers, 1);
  assert_int_equal(fix.fake.connects, 1);
  fake_net_advance(&fix.fake, MOON_WARM_UP_PAUSE_MS);
  assert_int_equal(fix.fake.connects, 4);
  put(&fix, first.conn);
  assert_int_equal(stats_of(&fix).idle, 4);
  fixture_end(&fix);
}

static void without_warm_up_nothing_is_made_before_somebody_asks(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 3;
  options.enable_warmup = false;
  fixture_start(&fix, &options);
  fake_net_advance(&fix.fake, 3600000);
  assert_int_equal(fix.fake.connects, 0);
  put(&fix, get(&fix, MOON_USE_LEASE));
  assert_int_equal(stats_of(&fix).idle, 3); /* now the others follow in the background */
  fixture_end(&fix);
}

static void the_time_limit_for_connecting_reaches_the_network(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.connect_timeout_ms = 1234;
  fixture_start(&fix, &options);
  put(&fix, get(&fix, MOON_USE_LEASE));
  assert_int_equal(fix.fake.last_timeout_ms, 1234);
  fixture_end(&fix);
}

/* Invariant 4. */
static void a_refused_connect_fails_the_head_waiter_with_its_own_error(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connecting = 1;
  fixture_start(&fix, &options);
  fix.fake.refuse = "connection refused";
  asker first, second;
  ask(&fix, &first, MOON_USE_LEASE);
  ask(&fix, &second, MOON_USE_STREAM);
  fake_net_run(&fix.fake);
  expect_refused(&first);
  assert_int_equal(second.answers, 0);
  fix.fake.refuse = NULL; /* a server that is back with the next attempt loses nobody */
  fake_net_advance(&fix.fake, 120);
  assert_non_null(second.conn);
  put(&fix, second.conn);
  fixture_end(&fix);
}

static void when_the_next_attempt_fails_too_everybody_gets_the_error(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connecting = 1;
  fixture_start(&fix, &options);
  fix.fake.refuse = "connection refused";
  asker askers[20];
  for (int i = 0; i < 20; i++) ask(&fix, &askers[i], i % 3 ? MOON_USE_STREAM : MOON_USE_LEASE);
  fake_net_run(&fix.fake);
  assert_int_equal(stats_of(&fix).wait_queue_length, 19);
  fake_net_advance(&fix.fake, 120);
  assert_int_equal(fix.fake.connects, 2);
  for (int i = 0; i < 20; i++) expect_refused(&askers[i]);
  fixture_end(&fix);
}

static void while_the_server_is_down_callers_get_the_last_error_at_once_until_the_next_attempt(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  fix.fake.refuse = "connection refused";
  asker self;
  ask(&fix, &self, MOON_USE_LEASE);
  fake_net_run(&fix.fake);
  expect_refused(&self);
  fake_net_advance(&fix.fake, 120);
  ask(&fix, &self, MOON_USE_LEASE);
  fake_net_run(&fix.fake);
  expect_refused(&self);
  assert_int_equal(fix.fake.connects, 2);
  ask(&fix, &self, MOON_USE_LEASE); /* within the back-off of 200 ms */
  expect_refused(&self);
  assert_int_equal(fix.fake.connects, 2);
  fix.fake.refuse = NULL;
  fake_net_advance(&fix.fake, 240); /* after it */
  put(&fix, get(&fix, MOON_USE_LEASE));
  fixture_end(&fix);
}

static void after_any_number_of_failures_a_recovered_server_is_found_within_1200_ms(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  fix.fake.refuse = "connection refused";
  for (int i = 0; i < 30; i++) {
    asker self;
    ask(&fix, &self, MOON_USE_STREAM);
    fake_net_advance(&fix.fake, 1200);
    expect_refused(&self);
  }
  fix.fake.refuse = NULL;
  fake_net_advance(&fix.fake, 1200);
  put(&fix, get(&fix, MOON_USE_STREAM));
  fixture_end(&fix);
}

static void while_others_are_alive_a_failed_connect_fails_nobody(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  fix.fake.refuse = "connection refused";
  asker lease;
  ask_within(&fix, &lease, MOON_USE_LEASE, 200000);
  fake_net_advance(&fix.fake, 120000);
  assert_int_equal(lease.answers, 0);
  assert_in_range(fix.fake.connects, 25, 37); /* after 100, 200, 400, ... 3200, 5000, 5000, ... ms, +/- 20 % */
  put(&fix, conn);
  assert_ptr_equal(lease.conn, conn);
  put(&fix, conn);
  fixture_end(&fix);
}

static void a_timeout_tells_why_no_connection_could_be_made(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  fix.fake.refuse = "connection refused";
  asker lease;
  ask(&fix, &lease, MOON_USE_LEASE);
  fake_net_advance(&fix.fake, 30000);
  assert_int_equal(lease.err->kind, MOON_ACQUIRE_TIMEOUT);
  assert_non_null(strstr(lease.err->message, "; the last attempt to connect failed: connection refused"));
  moon_error_free(lease.err);
  put(&fix, conn);
  fixture_end(&fix);
}

static void two_attempts_that_fail_together_count_as_one(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  fix.fake.refuse = "connection refused";
  asker askers[3];
  for (int i = 0; i < 3; i++) ask(&fix, &askers[i], MOON_USE_LEASE);
  assert_int_equal(fake_net_pending(&fix.fake, FAKE_CONNECT), 2);
  fake_net_run(&fix.fake);
  expect_refused(&askers[0]);
  expect_refused(&askers[1]);
  fix.fake.refuse = NULL;
  fake_net_advance(&fix.fake, 120);
  assert_non_null(askers[2].conn);
  put(&fix, askers[2].conn);
  fixture_end(&fix);
}

static void a_failed_warm_up_says_so_and_goes_on_trying(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 2;
  fixture_begin(&fix, &options);
  fix.fake.refuse = "connection refused";
  fake_net_run(&fix.fake);
  expect_told(&fix, "poolReady (connection refused)");
  fake_net_advance(&fix.fake, 60000);
  assert_in_range(fix.fake.connects, 50, 80); /* once a second: no spin, no storm */
  fix.fake.refuse = NULL;
  fake_net_advance(&fix.fake, 1200);
  assert_int_equal(stats_of(&fix).idle, 2);
  fixture_end(&fix);
}

static void min_connections_are_back_within_two_seconds_of_the_servers_return(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 5;
  fixture_start(&fix, &options);
  moon_conn *conn[5];
  for (int i = 0; i < 5; i++) conn[i] = get(&fix, MOON_USE_LEASE);
  fix.fake.refuse = "connection refused";
  for (int i = 0; i < 5; i++) {
    moon_conn_lost(conn[i]);
    put(&fix, conn[i]);
  }
  fake_net_advance(&fix.fake, 300000);
  assert_int_equal(stats_of(&fix).total, 0);
  fix.fake.refuse = NULL;
  fake_net_advance(&fix.fake, 1200);
  assert_int_equal(stats_of(&fix).idle, 5);
  fixture_end(&fix);
}

/* Invariant 3. */
static void a_lost_connection_frees_its_slot_for_the_head_waiter(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker waiting;
  ask(&fix, &waiting, MOON_USE_LEASE);
  forget_events(&fix);
  moon_conn_lost(conn);
  fake_net_run(&fix.fake);
  assert_int_equal(waiting.answers, 1);
  assert_int_equal(moon_conn_id(waiting.conn), 2);
  put(&fix, conn); /* whoever had it gives it back when it learns of it */
  expect_told(&fix, "Created 2, Acquired 2, Released 1, Removed 1 error");
  assert_int_equal(stats_of(&fix).total, 1);
  assert_int_equal(stats_of(&fix).removed[MOON_REMOVED_ERROR], 1);
  put(&fix, waiting.conn);
  fixture_end(&fix);
}

static void an_idle_connection_that_is_lost_goes_at_once(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  put(&fix, conn);
  forget_events(&fix);
  moon_conn_lost(conn);
  moon_conn_lost(conn);
  assert_int_equal(stats_of(&fix).total, 0);
  expect_told(&fix, "Removed 1 error");
  fixture_end(&fix);
}

static void a_lost_shared_connection_is_told_removed_after_its_last_stream(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  get(&fix, MOON_USE_STREAM);
  forget_events(&fix);
  moon_conn_lost(conn);
  assert_int_equal(stats_of(&fix).total, 0);
  assert_int_equal(fix.fake.closes, 0);
  put(&fix, conn);
  expect_told(&fix, "Released 1");
  put(&fix, conn);
  expect_told(&fix, "Released 1, Removed 1 error");
  assert_int_equal(fix.fake.closes, 1);
  fixture_end(&fix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(warm_up_makes_min_connections_at_once),
      cmocka_unit_test(warm_up_sends_one_connection_ahead),
      cmocka_unit_test(without_warm_up_nothing_is_made_before_somebody_asks),
      cmocka_unit_test(the_time_limit_for_connecting_reaches_the_network),
      cmocka_unit_test(a_refused_connect_fails_the_head_waiter_with_its_own_error),
      cmocka_unit_test(when_the_next_attempt_fails_too_everybody_gets_the_error),
      cmocka_unit_test(while_the_server_is_down_callers_get_the_last_error_at_once_until_the_next_attempt),
      cmocka_unit_test(after_any_number_of_failures_a_recovered_server_is_found_within_1200_ms),
      cmocka_unit_test(while_others_are_alive_a_failed_connect_fails_nobody),
      cmocka_unit_test(a_timeout_tells_why_no_connection_could_be_made),
      cmocka_unit_test(two_attempts_that_fail_together_count_as_one),
      cmocka_unit_test(a_failed_warm_up_says_so_and_goes_on_trying),
      cmocka_unit_test(min_connections_are_back_within_two_seconds_of_the_servers_return),
      cmocka_unit_test(a_lost_connection_frees_its_slot_for_the_head_waiter),
      cmocka_unit_test(an_idle_connection_that_is_lost_goes_at_once),
      cmocka_unit_test(a_lost_shared_connection_is_told_removed_after_its_last_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
