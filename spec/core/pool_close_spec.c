/* pool_close_spec.c: closing a pool, pooling off, references, and the order of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "support/pool_fixture.h"

static void expect_closed(asker *self) {
  assert_int_equal(self->answers, 1);
  assert_int_equal(self->err->kind, MOON_CLOSED);
  assert_string_equal(self->err->message, "pool test is closed");
  moon_error_free(self->err);
}

/* Invariant 10. */
static void closing_fails_waiters_and_closes_idle_connections(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 2;
  fixture_start(&fix, &options);
  moon_conn *leased = get(&fix, MOON_USE_LEASE);
  put(&fix, get(&fix, MOON_USE_LEASE));
  moon_conn *shared = get(&fix, MOON_USE_STREAM);
  asker first, second, late;
  ask(&fix, &first, MOON_USE_LEASE);
  ask(&fix, &second, MOON_USE_LEASE);
  put(&fix, shared);
  assert_int_equal(first.answers, 1);
  put(&fix, first.conn);
  put(&fix, second.conn);
  ask(&fix, &first, MOON_USE_LEASE);
  ask(&fix, &second, MOON_USE_LEASE);
  forget_events(&fix);
  moon_pool_close(fix.pool, 5000);
  assert_true(moon_pool_is_closed(fix.pool));
  expect_closed(&second);
  put(&fix, first.conn);
  ask(&fix, &late, MOON_USE_STREAM);
  expect_closed(&late);
  moon_conn *conn = NULL;
  moon_error *err = moon_pool_acquire(fix.pool, MOON_USE_LEASE, 0, NULL, &conn);
  assert_int_equal(err->kind, MOON_CLOSED);
  moon_error_free(err);
  assert_null(moon_pool_try_acquire(fix.pool, MOON_USE_LEASE, NULL));
  fake_net_run(&fix.fake);
  assert_false(moon_pool_is_drained(fix.pool));
  put(&fix, leased);
  fake_net_run(&fix.fake);
  assert_true(moon_pool_is_drained(fix.pool));
  assert_int_equal(stats_of(&fix).removed[MOON_REMOVED_CLOSED], 2);
  expect_told(&fix, "Released 2, Removed 2 closed, Released 1, Removed 1 closed, poolDrained");
  fixture_end(&fix);
}

/* Invariants 6 and 10. */
static void leases_that_do_not_come_back_in_time_are_cut(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *early = get(&fix, MOON_USE_LEASE), *never = get(&fix, MOON_USE_LEASE);
  moon_conn *shared = get(&fix, MOON_USE_STREAM);
  forget_events(&fix);
  moon_pool_close(fix.pool, 5000);
  moon_pool_close(fix.pool, 1); /* again: changes nothing */
  fake_net_advance(&fix.fake, 3000);
  put(&fix, early);
  fake_net_advance(&fix.fake, 1999);
  assert_int_equal(fix.fake.closes, 1);
  fake_net_advance(&fix.fake, 1);
  assert_int_equal(fix.fake.closes, 3);
  assert_true(moon_pool_is_drained(fix.pool));
  expect_told(&fix, "Released 1, Removed 1 closed, Released 2, Removed 2 closed, Released 3, Removed 3 closed, "
                    "poolDrained");
  put(&fix, never); /* late, harmless, untold */
  put(&fix, shared);
  expect_told(&fix, "");
  assert_int_equal(stats_of(&fix).released, 3);
  fixture_end(&fix);
}

static void a_cut_connection_of_many_streams_lives_until_the_last_was_given_back(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  for (int i = 0; i < 2; i++) get(&fix, MOON_USE_STREAM);
  moon_pool_close(fix.pool, 0);
  put(&fix, conn); /* one comes back before the network has closed it, two after */
  fake_net_run(&fix.fake);
  assert_true(moon_pool_is_drained(fix.pool));
  assert_int_equal(moon_conn_use_count(conn), 3);
  put(&fix, conn);
  assert_int_equal(moon_conn_id(conn), 1);
  put(&fix, conn);
  fixture_end(&fix);
}

static void connections_being_made_are_closed_too(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.min_connections = 2;
  fixture_begin(&fix, &options);
  asker askers[2];
  for (int i = 0; i < 2; i++) ask(&fix, &askers[i], MOON_USE_LEASE);
  fake_ask slow, slower;
  assert_true(fake_net_take(&fix.fake, FAKE_CONNECT, &slow));
  assert_true(fake_net_take(&fix.fake, FAKE_CONNECT, &slower));
  moon_pool_close(fix.pool, 5000);
  moon_conn_connected(slow.conn, 100); /* answers that cross the close */
  fix.fake.refuse = "connection refused";
  fake_net_answer(&fix.fake, &slower);
  assert_false(moon_pool_is_drained(fix.pool));
  fake_net_run(&fix.fake);
  assert_true(moon_pool_is_drained(fix.pool));
  expect_told(&fix, "poolDrained"); /* what was never created is not removed */
  for (int i = 0; i < 2; i++) {
    assert_int_equal(askers[i].err->kind, MOON_CLOSED);
    moon_error_free(askers[i].err);
  }
  fixture_end(&fix);
}

static void a_lost_connection_that_nobody_gives_back_does_not_hold_up_the_end(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  moon_conn_lost(conn);
  forget_events(&fix);
  moon_pool_close(fix.pool, 100);
  fake_net_advance(&fix.fake, 99);
  assert_false(moon_pool_is_drained(fix.pool));
  fake_net_advance(&fix.fake, 1);
  expect_told(&fix, "Released 1, Removed 1 error, poolDrained");
  put(&fix, conn);
  fixture_end(&fix);
}

struct drain_wait {
  moon_pool *pool;
  int64_t timeout_ms;
  bool drained;
};

static void *wait_drained(void *arg) {
  struct drain_wait *wait = arg;
  wait->drained = moon_pool_wait_drained(wait->pool, wait->timeout_ms);
  return NULL;
}

static void a_thread_can_wait_for_the_end(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  moon_pool_close(fix.pool, 60000);
  struct drain_wait wait = {fix.pool, 20, true};
  wait_drained(&wait);
  assert_false(wait.drained);
  wait.timeout_ms = 20000;
  pthread_t thread;
  pthread_create(&thread, NULL, wait_drained, &wait);
  put(&fix, conn);
  fake_net_run(&fix.fake);
  pthread_join(thread, NULL);
  assert_true(wait.drained);
  fixture_end(&fix);
}

static void the_last_reference_closes_the_pool_and_a_lease_keeps_its_memory(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  moon_pool *pool = moon_pool_retain(fix.pool);
  moon_pool_release(fix.pool);
  fake_net_run(&fix.fake);
  assert_int_equal(fix.fake.closes, 0);
  moon_pool_release(pool);
  fake_net_run(&fix.fake);
  assert_int_equal(fix.fake.closes, 1);
  assert_false(fix.fake.disposed);
  moon_pool_give_back(moon_conn_pool(conn), conn);
  assert_true(fix.fake.disposed);
  moon_event_queue_release(fix.events);
  fake_net_end(&fix.fake);
}

static void with_pooling_off_each_connection_serves_one_user(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.single_use = true;
  options.min_connections = 2;
  options.max_connections = 3;
  options.max_connecting = 3;
  fixture_start(&fix, &options);
  expect_told(&fix, "poolReady");
  assert_int_equal(fix.fake.connects, 0);
  moon_conn *a = get(&fix, MOON_USE_STREAM), *b = get(&fix, MOON_USE_STREAM);
  assert_ptr_not_equal(a, b);
  put(&fix, a);
  expect_told(&fix, "Created 1, Acquired 1, Created 2, Acquired 2, Released 1, Removed 1 closed");
  put(&fix, b);
  asker askers[4];
  for (int i = 0; i < 4; i++) ask(&fix, &askers[i], MOON_USE_STREAM);
  assert_true(moon_pool_cancel(fix.pool, &askers[0].waiter));
  fake_net_run(&fix.fake);
  for (int i = 1; i < 4; i++) put(&fix, askers[i].conn);
  ask(&fix, &askers[0], MOON_USE_LEASE);
  assert_true(moon_pool_cancel(fix.pool, &askers[0].waiter));
  fake_net_run(&fix.fake); /* made, wanted by nobody: closed */
  assert_int_equal(stats_of(&fix).total, 0);
  fake_net_advance(&fix.fake, 60000);
  assert_int_equal(fix.fake.open, 0);
  fixture_end(&fix);
}

/* Invariant 9. */
static void each_connection_tells_its_life_in_order(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  put(&fix, conn);
  moon_event event;
  const moon_event_kind kinds[] = {MOON_EVENT_POOL_READY, MOON_EVENT_CONNECTION_CREATED, MOON_EVENT_CONNECTION_ACQUIRED,
                                   MOON_EVENT_CONNECTION_RELEASED};
  const uint64_t use_counts[] = {0, 0, 1, 1};
  for (int i = 0; i < 4; i++) {
    assert_true(moon_event_queue_take(fix.events, &event));
    assert_int_equal(event.kind, kinds[i]);
    assert_int_equal(event.source, moon_pool_id(fix.pool));
    assert_int_equal(event.conn_id, i ? 1 : 0);
    assert_int_equal(event.use_count, use_counts[i]);
    assert_int_equal(event.created_ms, i ? 1000000 : 0);
    assert_int_equal(event.at_ms, 1000000);
  }
  assert_false(moon_event_queue_take(fix.events, &event));
  fixture_end(&fix);
}

static void while_nobody_listens_no_event_is_made(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  forget_events(&fix);
  moon_pool_set_events_enabled(fix.pool, false);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  expect_told(&fix, "");
  moon_pool_set_events_enabled(fix.pool, true);
  put(&fix, conn);
  expect_told(&fix, "Released 1");
  fixture_end(&fix);
}

static void an_acquire_that_times_out_is_told(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.acquire_timeout_ms = 5;
  fixture_start(&fix, &options);
  asker self;
  ask(&fix, &self, MOON_USE_LEASE);
  forget_events(&fix);
  fake_net_advance_silent(&fix.fake, 5);
  moon_error_free(self.err);
  expect_told(&fix, "acquireTimeout (pool test: no connection became free in 5 ms (total 1 of at most 10: 0 in use, 0 "
                    "idle, 0 unhealthy, 1 connecting; 1 waiting); the server is slow to take connections, or a "
                    "credential plugin to answer)");
  fixture_end(&fix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(closing_fails_waiters_and_closes_idle_connections),
      cmocka_unit_test(leases_that_do_not_come_back_in_time_are_cut),
      cmocka_unit_test(a_cut_connection_of_many_streams_lives_until_the_last_was_given_back),
      cmocka_unit_test(connections_being_made_are_closed_too),
      cmocka_unit_test(a_lost_connection_that_nobody_gives_back_does_not_hold_up_the_end),
      cmocka_unit_test(a_thread_can_wait_for_the_end),
      cmocka_unit_test(the_last_reference_closes_the_pool_and_a_lease_keeps_its_memory),
      cmocka_unit_test(with_pooling_off_each_connection_serves_one_user),
      cmocka_unit_test(each_connection_tells_its_life_in_order),
      cmocka_unit_test(while_nobody_listens_no_event_is_made),
      cmocka_unit_test(an_acquire_that_times_out_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
