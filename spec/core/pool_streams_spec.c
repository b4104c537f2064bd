/* pool_streams_spec.c: many streams on one connection, and how they live beside leases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "support/pool_fixture.h"

static void streams_share_when_no_further_connection_is_allowed(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 2;
  fixture_start(&fix, &options);
  moon_conn *a = get(&fix, MOON_USE_STREAM), *b = get(&fix, MOON_USE_STREAM);
  assert_ptr_not_equal(a, b);
  for (int i = 0; i < 6; i++) get(&fix, MOON_USE_STREAM);
  assert_int_equal(fix.fake.connects, 2);
  assert_int_equal(moon_conn_use_count(a), 4); /* evenly: the fewest streams first */
  assert_int_equal(moon_conn_use_count(b), 4);
  assert_int_equal(stats_of(&fix).in_use, 2);
  for (int i = 0; i < 4; i++) put(&fix, a), put(&fix, b);
  assert_int_equal(stats_of(&fix).idle, 2);
  fixture_end(&fix);
}

static void an_idle_connection_is_used_before_one_is_shared(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *a = get(&fix, MOON_USE_LEASE), *b = get(&fix, MOON_USE_LEASE);
  put(&fix, a);
  put(&fix, b);
  assert_ptr_equal(get(&fix, MOON_USE_STREAM), b);
  assert_ptr_equal(get(&fix, MOON_USE_STREAM), a);
  put(&fix, a);
  put(&fix, b);
  fixture_end(&fix);
}

static void the_connection_with_the_fewest_streams_is_chosen(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 3;
  fixture_start(&fix, &options);
  moon_conn *conn[9];
  for (int i = 0; i < 9; i++) conn[i] = get(&fix, MOON_USE_STREAM);
  moon_conn *chosen = conn[4];
  put(&fix, chosen);
  put(&fix, chosen);
  assert_ptr_equal(get(&fix, MOON_USE_STREAM), chosen);
  assert_ptr_equal(get(&fix, MOON_USE_STREAM), chosen);
  for (int i = 0; i < 9; i++) put(&fix, conn[i]);
  fixture_end(&fix);
}

static void a_connection_carries_no_more_than_max_streams_per_connection(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  options.max_streams_per_connection = 3;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  get(&fix, MOON_USE_STREAM);
  get(&fix, MOON_USE_STREAM);
  asker fourth;
  ask(&fix, &fourth, MOON_USE_STREAM);
  assert_int_equal(fourth.answers, 0);
  put(&fix, conn);
  assert_ptr_equal(fourth.conn, conn);
  for (int i = 0; i < 3; i++) put(&fix, conn);
  fixture_end(&fix);
}

static void a_server_that_speaks_http1_gets_one_request_at_a_time(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  fix.fake.max_streams = 1;
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  asker second;
  ask(&fix, &second, MOON_USE_STREAM);
  assert_int_equal(second.answers, 0);
  put(&fix, conn);
  assert_ptr_equal(second.conn, conn);
  put(&fix, conn);
  fixture_end(&fix);
}

static void a_limit_learned_later_holds_from_then_on(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  for (int i = 0; i < 3; i++) get(&fix, MOON_USE_STREAM);
  moon_conn_limit(conn, 3);
  asker fifth;
  ask(&fix, &fifth, MOON_USE_STREAM);
  put(&fix, conn);
  assert_int_equal(fifth.answers, 0);
  put(&fix, conn);
  assert_int_equal(fifth.answers, 1);
  for (int i = 0; i < 3; i++) put(&fix, conn);
  fixture_end(&fix);
}

static void a_stream_prefers_a_new_connection_but_waits_for_it_only_50_ms(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *busy = get(&fix, MOON_USE_STREAM);
  asker second;
  ask(&fix, &second, MOON_USE_STREAM);
  assert_int_equal(fake_net_pending(&fix.fake, FAKE_CONNECT), 1);
  fake_net_advance_silent(&fix.fake, 49);
  assert_int_equal(second.answers, 0);
  fake_net_advance_silent(&fix.fake, 1);
  assert_ptr_equal(second.conn, busy);
  fake_net_run(&fix.fake);
  assert_int_equal(stats_of(&fix).idle, 1);
  put(&fix, busy);
  put(&fix, busy);
  fixture_end(&fix);
}

static void streams_beyond_those_a_connection_is_made_for_share_at_once(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *busy = get(&fix, MOON_USE_STREAM);
  asker askers[5];
  for (int i = 0; i < 5; i++) ask(&fix, &askers[i], MOON_USE_STREAM);
  assert_int_equal(stats_of(&fix).connecting, 2);
  for (int i = 0; i < 3; i++) assert_ptr_equal(askers[i].conn, busy); /* the oldest */
  for (int i = 3; i < 5; i++) assert_int_equal(askers[i].answers, 0);
  fake_net_run(&fix.fake);
  for (int i = 3; i < 5; i++) assert_ptr_not_equal(askers[i].conn, busy);
  for (int i = 0; i < 5; i++) put(&fix, askers[i].conn);
  put(&fix, busy);
  fixture_end(&fix);
}

static void without_a_live_connection_streams_wait_for_the_first(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 4;
  fixture_begin(&fix, &options);
  asker askers[6];
  for (int i = 0; i < 6; i++) ask(&fix, &askers[i], MOON_USE_STREAM);
  assert_int_equal(fix.fake.connects, 3); /* the first of the warm-up, and two beyond it */
  fake_net_answer_one(&fix.fake, FAKE_CONNECT);
  assert_int_equal(askers[0].answers, 1);
  fake_net_run(&fix.fake);
  for (int i = 0; i < 6; i++) {
    assert_int_equal(askers[i].answers, 1);
    put(&fix, askers[i].conn);
  }
  fixture_end(&fix);
}

static void nobody_shares_a_leased_connection(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker stream;
  ask(&fix, &stream, MOON_USE_STREAM);
  assert_int_equal(stream.answers, 0);
  put(&fix, conn);
  assert_int_equal(stream.answers, 1);
  put(&fix, conn);
  fixture_end(&fix);
}

static void a_lease_gets_the_least_loaded_connection_once_it_is_free(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 2;
  fixture_start(&fix, &options);
  moon_conn *a = get(&fix, MOON_USE_STREAM), *b = get(&fix, MOON_USE_STREAM), *third = get(&fix, MOON_USE_STREAM);
  moon_conn *loaded = third == a ? a : b, *least = third == a ? b : a;
  asker lease;
  ask(&fix, &lease, MOON_USE_LEASE);
  /* Streams go on, on the other one. */
  for (int i = 0; i < 5; i++) assert_ptr_equal(get(&fix, MOON_USE_STREAM), loaded);
  put(&fix, least);
  assert_ptr_equal(lease.conn, least);
  put(&fix, least);
  for (int i = 0; i < 7; i++) put(&fix, loaded);
  fixture_end(&fix);
}

static void a_lease_that_gives_up_lets_streams_back_in(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  asker lease, stream;
  ask(&fix, &lease, MOON_USE_LEASE);
  ask(&fix, &stream, MOON_USE_STREAM);
  assert_int_equal(stream.answers, 0);
  assert_true(moon_pool_cancel(fix.pool, &lease.waiter));
  assert_ptr_equal(stream.conn, conn);
  ask_within(&fix, &lease, MOON_USE_LEASE, 100);
  ask(&fix, &stream, MOON_USE_STREAM);
  fake_net_advance(&fix.fake, 100);
  assert_int_equal(lease.answers, 1);
  moon_error_free(lease.err);
  assert_ptr_equal(stream.conn, conn);
  for (int i = 0; i < 3; i++) put(&fix, conn);
  fixture_end(&fix);
}

static void a_stream_that_came_before_a_lease_gets_the_next_place(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  options.max_streams_per_connection = 2;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  get(&fix, MOON_USE_STREAM);
  asker stream, lease;
  ask(&fix, &stream, MOON_USE_STREAM);
  ask(&fix, &lease, MOON_USE_LEASE);
  put(&fix, conn);
  assert_int_equal(stream.answers, 1);
  put(&fix, conn);
  assert_int_equal(lease.answers, 0);
  put(&fix, conn);
  assert_ptr_equal(lease.conn, conn);
  put(&fix, conn);
  fixture_end(&fix);
}

static void leases_of_full_connections_are_served_in_turn(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 2;
  options.max_streams_per_connection = 1;
  fixture_start(&fix, &options);
  moon_conn *a = get(&fix, MOON_USE_STREAM), *b = get(&fix, MOON_USE_STREAM);
  asker first, second;
  ask(&fix, &first, MOON_USE_LEASE);
  ask(&fix, &second, MOON_USE_LEASE);
  put(&fix, b);
  assert_ptr_equal(first.conn, b);
  put(&fix, a);
  assert_ptr_equal(second.conn, a);
  put(&fix, a);
  put(&fix, b);
  fixture_end(&fix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(streams_share_when_no_further_connection_is_allowed),
      cmocka_unit_test(an_idle_connection_is_used_before_one_is_shared),
      cmocka_unit_test(the_connection_with_the_fewest_streams_is_chosen),
      cmocka_unit_test(a_connection_carries_no_more_than_max_streams_per_connection),
      cmocka_unit_test(a_server_that_speaks_http1_gets_one_request_at_a_time),
      cmocka_unit_test(a_limit_learned_later_holds_from_then_on),
      cmocka_unit_test(a_stream_prefers_a_new_connection_but_waits_for_it_only_50_ms),
      cmocka_unit_test(streams_beyond_those_a_connection_is_made_for_share_at_once),
      cmocka_unit_test(without_a_live_connection_streams_wait_for_the_first),
      cmocka_unit_test(nobody_shares_a_leased_connection),
      cmocka_unit_test(a_lease_gets_the_least_loaded_connection_once_it_is_free),
      cmocka_unit_test(a_lease_that_gives_up_lets_streams_back_in),
      cmocka_unit_test(a_stream_that_came_before_a_lease_gets_the_next_place),
      cmocka_unit_test(leases_of_full_connections_are_served_in_turn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
