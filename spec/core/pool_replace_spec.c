/* pool_replace_spec.c: connections that are wanted elsewhere, and idle ones that are handed out in turn: what a pool
 * does for a cluster with several servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "support/pool_fixture.h"

static fixture fix;

/* A pool with so many idle connections, of so many it may have at most. */
static void start(int idle, int most, moon_conn **conns) {
  moon_pool_options options = quiet_options();
  options.max_connections = most;
  options.max_connecting = most;
  fixture_start(&fix, &options);
  for (int i = 0; i < idle; i++) conns[i] = get(&fix, MOON_USE_LEASE);
  for (int i = 0; i < idle; i++) put(&fix, conns[i]);
  forget_events(&fix);
}

static void expect_counts(int total, int idle, int in_use, int connecting) {
  moon_pool_stats stats = stats_of(&fix);
  assert_int_equal(stats.total, total);
  assert_int_equal(stats.idle, idle);
  assert_int_equal(stats.in_use, in_use);
  assert_int_equal(stats.connecting, connecting);
}

/* --- replacing --- */

static void an_idle_one_goes_and_another_comes(void **state) {
  moon_conn *conns[2];
  start(2, 2, conns);
  assert_true(moon_conn_replace(conns[0], true));
  expect_counts(1, 1, 0, 1);
  assert_int_equal(fix.fake.most_open, 3); /* the old one is only just being closed */
  fake_net_run(&fix.fake);
  expect_told(&fix, "Removed 1 lifetime, Created 3");
  expect_counts(2, 2, 0, 0);
  fixture_end(&fix);
}

static void one_in_use_is_left_alone_where_only_idle_ones_may_go(void **state) {
  moon_conn *conns[2];
  start(1, 2, conns);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  assert_false(moon_conn_replace(conn, true));
  expect_counts(1, 0, 1, 0);
  put(&fix, conn);
  expect_counts(1, 1, 0, 0);
  fixture_end(&fix);
}

static void one_in_use_ends_its_streams_while_another_is_made(void **state) {
  moon_conn *conns[2];
  start(1, 3, conns);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  assert_true(moon_conn_replace(conn, false));
  assert_false(moon_conn_replace(conn, false)); /* is leaving already */
  expect_counts(1, 0, 1, 1);
  fake_net_run(&fix.fake);
  expect_counts(2, 1, 1, 0);
  moon_conn *other = get(&fix, MOON_USE_STREAM); /* no new stream on the old one */
  assert_int_equal(moon_conn_id(other), 2);
  put(&fix, other);
  put(&fix, conn);
  fake_net_run(&fix.fake);
  expect_told(&fix, "Acquired 1, Created 2, Acquired 2, Released 2, Released 1, Removed 1 lifetime");
  expect_counts(1, 1, 0, 0);
  fixture_end(&fix);
}

static void in_a_full_pool_the_new_one_comes_when_the_old_one_has_gone(void **state) {
  moon_conn *conns[2];
  start(2, 2, conns);
  conns[0] = get(&fix, MOON_USE_STREAM);
  conns[1] = get(&fix, MOON_USE_STREAM);
  assert_true(moon_conn_replace(conns[0], false));
  expect_counts(2, 0, 2, 0);
  assert_false(moon_conn_replace(conns[1], false)); /* one at a time: the pool must not close to everybody */
  put(&fix, conns[0]);
  expect_counts(1, 0, 1, 1);
  fake_net_run(&fix.fake);
  expect_counts(2, 1, 1, 0);
  assert_true(moon_conn_replace(conns[1], false));
  put(&fix, conns[1]);
  fake_net_run(&fix.fake);
  expect_counts(2, 2, 0, 0);
  fixture_end(&fix);
}

static void whoever_waits_gets_the_new_one(void **state) {
  moon_conn *conns[2];
  start(1, 1, conns);
  conns[0] = get(&fix, MOON_USE_LEASE);
  asker waiting;
  ask(&fix, &waiting, MOON_USE_LEASE);
  assert_true(moon_conn_replace(conns[0], false));
  put(&fix, conns[0]);
  fake_net_run(&fix.fake);
  assert_int_equal(moon_conn_id(waiting.conn), 2);
  expect_counts(1, 0, 1, 0); /* and no third one besides */
  put(&fix, waiting.conn);
  fixture_end(&fix);
}

static void a_replacement_that_cannot_be_connected_is_not_tried_again_for_nobody(void **state) {
  moon_conn *conns[2];
  start(2, 4, conns);
  fix.fake.refuse = "connection refused";
  assert_true(moon_conn_replace(conns[0], true));
  fake_net_run(&fix.fake);
  expect_counts(1, 1, 0, 0);
  int connects = fix.fake.connects;
  fake_net_advance(&fix.fake, 20000);
  assert_int_equal(fix.fake.connects, connects);
  fixture_end(&fix);
}

static void a_closed_pool_replaces_nothing(void **state) {
  moon_conn *conns[1];
  start(1, 2, conns);
  conns[0] = get(&fix, MOON_USE_LEASE);
  moon_pool_close(fix.pool, 1000);
  assert_false(moon_conn_replace(conns[0], false));
  put(&fix, conns[0]);
  fixture_end(&fix);
}

/* --- rotation --- */

static void expect_order(const char *ids) {
  char got[16] = "";
  for (size_t i = 0; ids[i]; i++) {
    moon_conn *conn = get(&fix, MOON_USE_STREAM);
    got[i] = (char)('0' + moon_conn_id(conn));
    put(&fix, conn);
  }
  assert_string_equal(got, ids);
}

static void the_connection_used_last_is_handed_out_next(void **state) {
  moon_conn *conns[3];
  start(3, 3, conns);
  expect_order("3333");
  fixture_end(&fix);
}

static void a_pool_that_rotates_hands_out_all_in_turn(void **state) {
  moon_conn *conns[3];
  start(3, 3, conns);
  moon_pool_rotate(fix.pool, true);
  expect_order("1231231");
  moon_pool_rotate(fix.pool, false);
  expect_order("111");
  fixture_end(&fix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_idle_one_goes_and_another_comes),
      cmocka_unit_test(one_in_use_is_left_alone_where_only_idle_ones_may_go),
      cmocka_unit_test(one_in_use_ends_its_streams_while_another_is_made),
      cmocka_unit_test(in_a_full_pool_the_new_one_comes_when_the_old_one_has_gone),
      cmocka_unit_test(whoever_waits_gets_the_new_one),
      cmocka_unit_test(a_replacement_that_cannot_be_connected_is_not_tried_again_for_nobody),
      cmocka_unit_test(a_closed_pool_replaces_nothing),
      cmocka_unit_test(the_connection_used_last_is_handed_out_next),
      cmocka_unit_test(a_pool_that_rotates_hands_out_all_in_turn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
