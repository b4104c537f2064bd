/* pool_lane_spec.c: the lane of long streams beside a pool's own connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/pool_fixture.h"

/* A pool, and its lane as a fixture of its own, with the pool's events. */
typedef struct pair {
  fixture main, lane;
} pair;

static void start(pair *both, const moon_pool_options *options) {
  fixture_start(&both->main, options);
  fake_net_init(&both->lane.fake);
  both->lane.events = both->main.events;
  both->lane.pool = fake_net_lane(&both->lane.fake, both->main.pool);
  fake_net_run(&both->lane.fake);
}

static void advance(pair *both, int64_t ms) {
  for (; ms > 0; ms--) {
    fake_net_advance(&both->main.fake, 1);
    fake_net_advance(&both->lane.fake, 0);
  }
}

static void expect_lane_gone(pair *both) {
  fake_net *fake = &both->lane.fake;
  fake_net_run(fake);
  assert_true(fake->disposed);
  assert_int_equal(fake->connects, fake->closes);
  fake_net_end(fake);
}

static void end(pair *both) {
  fixture_end(&both->main);
  expect_lane_gone(both);
}

/* Both network sides answer everything, then the pool is let go. The lane ends first: its pool waits for it. */
static void close_and_end(pair *both) {
  moon_pool_close(both->main.pool, 0);
  fake_net_run(&both->lane.fake);
  end(both);
}

static void long_streams_leave_the_pools_own_connections_alone(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  start(&both, &options);
  both.lane.fake.max_streams = both.main.fake.max_streams = 1; /* HTTP/1.1 */
  moon_conn *watches[8];
  for (int i = 0; i < 8; i++) watches[i] = get(&both.lane, MOON_USE_STREAM);
  for (int i = 0; i < 3; i++) put(&both.main, get(&both.main, MOON_USE_STREAM));
  moon_pool_stats own = stats_of(&both.main), lane = stats_of(&both.lane);
  assert_int_equal(own.total, 1);
  assert_int_equal(own.created, 1);
  assert_int_equal(own.idle, 1);
  assert_int_equal(lane.total, 8);
  assert_int_equal(lane.in_use, 8);
  for (int i = 0; i < 8; i++) put(&both.lane, watches[i]);
  close_and_end(&both);
}

static void ids_are_unique_over_both_and_events_are_told_as_one_pools(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  start(&both, &options);
  assert_int_equal(moon_pool_id(both.lane.pool), moon_pool_id(both.main.pool));
  moon_conn *call = get(&both.main, MOON_USE_STREAM), *watch = get(&both.lane, MOON_USE_STREAM);
  moon_conn *lease = get(&both.main, MOON_USE_LEASE);
  put(&both.lane, watch);
  put(&both.main, call);
  put(&both.main, lease);
  expect_told(&both.main, "poolReady, Created 1, Acquired 1, Created 2, Acquired 2, Created 3, Acquired 3, Released 2, "
                          "Released 1, Released 3");
  moon_pool_set_events_enabled(both.main.pool, false);
  put(&both.lane, get(&both.lane, MOON_USE_STREAM));
  expect_told(&both.main, "");
  close_and_end(&both);
}

static void streams_fill_a_connection_before_another_is_made(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  options.max_streams_per_connection = 3;
  start(&both, &options);
  moon_conn *watches[7];
  for (int i = 0; i < 7; i++) watches[i] = get(&both.lane, MOON_USE_STREAM);
  assert_int_equal(both.lane.fake.connects, 3);
  for (int i = 0; i < 7; i++) put(&both.lane, watches[i]);
  close_and_end(&both);
}

static void streams_that_wait_take_their_places_when_the_servers_limit_is_known(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  options.max_connecting = 1;
  start(&both, &options);
  both.lane.fake.max_streams = 1; /* HTTP/2, so far */
  asker watches[8];
  for (int i = 0; i < 8; i++) ask(&both.lane, &watches[i], MOON_USE_STREAM);
  fake_net_answer_one(&both.lane.fake, FAKE_CONNECT);
  assert_int_equal(watches[0].answers, 1);
  assert_int_equal(watches[1].answers, 0);
  moon_conn_limit(watches[0].conn, 100);
  for (int i = 1; i < 8; i++) assert_ptr_equal(watches[i].conn, watches[0].conn);
  fake_net_run(&both.lane.fake);
  assert_int_equal(both.lane.fake.connects, 2); /* the second was on its way */
  for (int i = 0; i < 8; i++) put(&both.lane, watches[i].conn);
  close_and_end(&both);
}

static void it_keeps_nothing_ready_and_its_connections_go_after_5_s_without_a_stream(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  options.min_connections = 2;
  start(&both, &options);
  assert_int_equal(both.main.fake.connects, 2);
  assert_int_equal(both.lane.fake.connects, 0);
  put(&both.lane, get(&both.lane, MOON_USE_STREAM));
  forget_events(&both.main);
  advance(&both, 4999);
  assert_int_equal(stats_of(&both.lane).idle, 1);
  advance(&both, 1);
  assert_int_equal(stats_of(&both.lane).total, 0);
  assert_int_equal(stats_of(&both.main).idle, 2);
  expect_told(&both.main, "Removed 3 idle");
  close_and_end(&both);
}

static void a_shorter_idle_time_of_the_pool_holds_for_it_too(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  options.max_idle_time_ms = 300;
  start(&both, &options);
  put(&both.lane, get(&both.lane, MOON_USE_STREAM));
  advance(&both, 300);
  assert_int_equal(stats_of(&both.lane).total, 0);
  close_and_end(&both);
}

static void closing_cuts_long_streams_at_once_and_drains_the_pool_after_both(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  start(&both, &options);
  moon_conn *lease = get(&both.main, MOON_USE_LEASE), *watch = get(&both.lane, MOON_USE_STREAM);
  asker late;
  forget_events(&both.main);
  moon_pool_close(both.main.pool, 5000);
  expect_told(&both.main, "Released 2, Removed 2 closed");
  ask(&both.lane, &late, MOON_USE_STREAM);
  assert_int_equal(late.err->kind, MOON_CLOSED);
  moon_error_free(late.err);
  put(&both.lane, watch); /* its call learns of it, and gives it back */
  put(&both.main, lease);
  fake_net_run(&both.main.fake);
  assert_false(moon_pool_is_drained(both.main.pool)); /* the watch's socket is still open */
  expect_told(&both.main, "Released 1, Removed 1 closed");
  fake_net_run(&both.lane.fake);
  assert_true(moon_pool_is_drained(both.main.pool));
  expect_told(&both.main, "poolDrained");
  end(&both);
}

static void a_pool_that_is_let_go_closes_its_lane_whoever_still_holds_that(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  start(&both, &options);
  moon_pool_retain(both.lane.pool); /* as a call does */
  moon_conn *watch = get(&both.lane, MOON_USE_STREAM);
  moon_pool_release(both.main.pool);
  assert_false(both.main.fake.disposed); /* it waits for the lane's connection */
  fake_net_run(&both.lane.fake);
  assert_true(both.main.fake.disposed);
  assert_int_equal(both.lane.fake.open, 0);
  assert_false(both.lane.fake.disposed);
  put(&both.lane, watch); /* after its pool is gone */
  moon_pool_release(both.lane.pool);
  expect_lane_gone(&both);
  expect_told(&both.main, "poolReady, Created 1, Acquired 1, Released 1, Removed 1 closed, poolDrained");
  moon_event_queue_release(both.main.events);
  fake_net_end(&both.main.fake);
}

static void changed_credentials_make_its_connections_stale(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  start(&both, &options);
  moon_conn *watch = get(&both.lane, MOON_USE_STREAM);
  put(&both.main, get(&both.main, MOON_USE_STREAM));
  forget_events(&both.main);
  moon_pool_make_stale(both.main.pool);
  put(&both.lane, watch);
  expect_told(&both.main, "Removed 2 stale, Released 1, Removed 1 stale");
  close_and_end(&both);
}

static void without_pooling_a_stream_has_a_connection_of_its_own_and_closes_it(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  options.single_use = true;
  options.max_connections = 1;
  start(&both, &options);
  moon_conn *one = get(&both.lane, MOON_USE_STREAM), *two = get(&both.lane, MOON_USE_STREAM);
  assert_ptr_not_equal(one, two);
  put(&both.main, get(&both.main, MOON_USE_STREAM));
  put(&both.lane, one);
  put(&both.lane, two);
  fake_net_run(&both.lane.fake);
  assert_int_equal(both.lane.fake.closes, 2);
  close_and_end(&both);
}

static void a_full_lane_says_what_to_do(void **state) {
  pair both;
  moon_pool_options options = quiet_options();
  start(&both, &options);
  both.lane.fake.max_streams = 1;
  static moon_conn *watches[1000];
  for (int i = 0; i < 1000; i++) watches[i] = get(&both.lane, MOON_USE_STREAM);
  asker late;
  ask_within(&both.lane, &late, MOON_USE_STREAM, 10);
  advance(&both, 10);
  assert_int_equal(late.answers, 1);
  assert_string_equal(late.err->message,
                      "pool test: no connection for a watch or another long stream became free in 10 ms (total 1000 of "
                      "at most 1000: 1000 in use, 0 idle, 0 unhealthy, 0 connecting; 1 waiting); end watches and logs "
                      "that are followed for nothing");
  moon_error_free(late.err);
  for (int i = 0; i < 1000; i++) put(&both.lane, watches[i]);
  close_and_end(&both);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(long_streams_leave_the_pools_own_connections_alone),
      cmocka_unit_test(ids_are_unique_over_both_and_events_are_told_as_one_pools),
      cmocka_unit_test(streams_fill_a_connection_before_another_is_made),
      cmocka_unit_test(streams_that_wait_take_their_places_when_the_servers_limit_is_known),
      cmocka_unit_test(it_keeps_nothing_ready_and_its_connections_go_after_5_s_without_a_stream),
      cmocka_unit_test(a_shorter_idle_time_of_the_pool_holds_for_it_too),
      cmocka_unit_test(closing_cuts_long_streams_at_once_and_drains_the_pool_after_both),
      cmocka_unit_test(a_pool_that_is_let_go_closes_its_lane_whoever_still_holds_that),
      cmocka_unit_test(changed_credentials_make_its_connections_stale),
      cmocka_unit_test(without_pooling_a_stream_has_a_connection_of_its_own_and_closes_it),
      cmocka_unit_test(a_full_lane_says_what_to_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
