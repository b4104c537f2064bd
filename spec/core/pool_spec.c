/* pool_spec.c: taking and giving back: order, hand-off, time limits, cancelling, statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "support/pool_fixture.h"

static void a_lease_gets_a_new_connection_and_gives_it_back(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  assert_int_equal(moon_conn_id(conn), 1);
  assert_int_equal(moon_conn_use_count(conn), 1);
  assert_ptr_equal(moon_conn_pool(conn), fix.pool);
  assert_int_equal(moon_conn_created_ms(conn), 1000000);
  assert_int_equal(stats_of(&fix).in_use, 1);
  put(&fix, conn);
  assert_int_equal(stats_of(&fix).idle, 1);
  assert_ptr_equal(get(&fix, MOON_USE_LEASE), conn);
  assert_int_equal(moon_conn_use_count(conn), 2);
  put(&fix, conn);
  assert_int_equal(fix.fake.connects, 1);
  fixture_end(&fix);
}

static void the_most_recently_used_connection_is_handed_out_first(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *a = get(&fix, MOON_USE_LEASE), *b = get(&fix, MOON_USE_LEASE), *c = get(&fix, MOON_USE_LEASE);
  put(&fix, b);
  put(&fix, c);
  put(&fix, a);
  assert_ptr_equal(get(&fix, MOON_USE_LEASE), a);
  assert_ptr_equal(get(&fix, MOON_USE_LEASE), c);
  assert_ptr_equal(get(&fix, MOON_USE_LEASE), b);
  put(&fix, a);
  put(&fix, b);
  put(&fix, c);
  fixture_end(&fix);
}

/* Invariant 12. */
static void a_freed_connection_goes_to_the_longest_waiter(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker askers[4];
  for (int i = 0; i < 4; i++) ask(&fix, &askers[i], i % 2 ? MOON_USE_STREAM : MOON_USE_LEASE);
  assert_int_equal(stats_of(&fix).wait_queue_length, 4);
  for (int i = 0; i < 4; i++) {
    put(&fix, conn);
    assert_ptr_equal(askers[i].conn, conn);
    for (int later = i + 1; later < 4; later++) assert_int_equal(askers[later].answers, 0);
  }
  put(&fix, conn);
  fixture_end(&fix);
}

/* Invariant 1, the simple case; the stress test has the others. */
static void there_are_never_more_than_max_connections(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 3;
  options.max_connecting = 10;
  fixture_start(&fix, &options);
  asker askers[8];
  for (int i = 0; i < 8; i++) ask(&fix, &askers[i], MOON_USE_LEASE);
  assert_int_equal(fake_net_pending(&fix.fake, FAKE_CONNECT), 3);
  fake_net_run(&fix.fake);
  assert_int_equal(stats_of(&fix).total, 3);
  assert_int_equal(stats_of(&fix).wait_queue_length, 5);
  for (int i = 0; i < 8; i++) put(&fix, askers[i].conn);
  assert_int_equal(fix.fake.connects, 3);
  fixture_end(&fix);
}

static void no_more_than_max_connecting_are_being_made_at_once(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connecting = 3;
  fixture_start(&fix, &options);
  asker askers[8];
  for (int i = 0; i < 8; i++) ask(&fix, &askers[i], MOON_USE_LEASE);
  for (int made = 0; made < 5; made++) {
    assert_int_equal(stats_of(&fix).connecting, 3);
    fake_net_answer_one(&fix.fake, FAKE_CONNECT);
  }
  assert_int_equal(stats_of(&fix).connecting, 3);
  fake_net_run(&fix.fake);
  assert_int_equal(fix.fake.connects, 8);
  for (int i = 0; i < 8; i++) put(&fix, askers[i].conn);
  fixture_end(&fix);
}

/* Invariant 2: timed out once, and what comes free later goes to somebody who still waits. */
static void a_waiter_times_out_once_and_never_gets_a_connection_later(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  options.acquire_timeout_ms = 500;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker first, second;
  ask(&fix, &first, MOON_USE_LEASE);
  ask_within(&fix, &second, MOON_USE_LEASE, 2000);
  fake_net_advance(&fix.fake, 499);
  assert_int_equal(first.answers, 0);
  fake_net_advance(&fix.fake, 1);
  assert_int_equal(first.answers, 1);
  assert_int_equal(first.err->kind, MOON_ACQUIRE_TIMEOUT);
  assert_string_equal(first.err->message,
                      "pool test: no connection became free in 500 ms (total 1 of at most 1: 1 in use, 0 idle, 0 "
                      "unhealthy, 0 connecting; 2 waiting); raise maxConnections or release connections sooner");
  assert_false(moon_pool_cancel(fix.pool, &first.waiter));
  put(&fix, conn);
  assert_int_equal(first.answers, 1);
  assert_ptr_equal(second.conn, conn);
  assert_int_equal(stats_of(&fix).timeouts, 1);
  put(&fix, conn);
  moon_error_free(first.err);
  fixture_end(&fix);
}

static void time_limits_of_their_own_end_waiters_out_of_order(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker patient, hasty;
  ask(&fix, &patient, MOON_USE_LEASE);
  ask_within(&fix, &hasty, MOON_USE_LEASE, 10);
  fake_net_advance(&fix.fake, 10);
  assert_int_equal(hasty.answers, 1);
  assert_int_equal(patient.answers, 0);
  moon_error_free(hasty.err);
  fake_net_advance(&fix.fake, 29990); /* the default of 30 s */
  assert_int_equal(patient.answers, 1);
  moon_error_free(patient.err);
  put(&fix, conn);
  fixture_end(&fix);
}

/* Invariant 2: whoever is cancelled first is out; whoever was served first must give back, and the next one gets it. */
static void a_cancelled_waiter_is_passed_over(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker gone, next;
  ask(&fix, &gone, MOON_USE_LEASE);
  ask(&fix, &next, MOON_USE_LEASE);
  assert_true(moon_pool_cancel(fix.pool, &gone.waiter));
  assert_false(moon_pool_cancel(fix.pool, &gone.waiter));
  put(&fix, conn);
  assert_int_equal(gone.answers, 0);
  assert_ptr_equal(next.conn, conn);
  assert_false(moon_pool_cancel(fix.pool, &next.waiter));
  put(&fix, conn);
  fixture_end(&fix);
}

struct racing_pair {
  asker served, next;
  fixture *fix;
  bool cancelled;
};

/* Runs at the instant of the hand-off: the waiter is cancelled while it is being told. */
static void cancel_while_told(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  asker *served = MOON_ENTRY(waiter, asker, waiter);
  struct racing_pair *pair = MOON_ENTRY(served, struct racing_pair, served);
  served->answers++;
  pair->cancelled = moon_pool_cancel(pair->fix->pool, waiter);
  moon_pool_give_back(pair->fix->pool, conn);
}

static void a_waiter_cancelled_in_the_instant_of_its_hand_off_passes_it_on(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  struct racing_pair pair = {.fix = &fix, .served = {.waiter = {.use = MOON_USE_LEASE, .done = cancel_while_told}}};
  moon_pool_acquire_async(fix.pool, &pair.served.waiter);
  ask(&fix, &pair.next, MOON_USE_LEASE);
  put(&fix, conn);
  assert_int_equal(pair.served.answers, 1);
  assert_false(pair.cancelled);
  assert_ptr_equal(pair.next.conn, conn);
  put(&fix, conn);
  fixture_end(&fix);
}

/* Invariant 5. */
static void a_connection_being_made_outlives_the_waiter_who_caused_it(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  asker gone;
  ask(&fix, &gone, MOON_USE_LEASE);
  assert_true(moon_pool_cancel(fix.pool, &gone.waiter));
  fake_net_run(&fix.fake);
  assert_int_equal(stats_of(&fix).idle, 1);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  assert_int_equal(fix.fake.connects, 1);
  put(&fix, conn);
  fixture_end(&fix);
}

static void a_waiter_for_a_new_connection_takes_one_that_comes_free_first(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker waiting;
  ask(&fix, &waiting, MOON_USE_LEASE);
  assert_int_equal(fake_net_pending(&fix.fake, FAKE_CONNECT), 1);
  put(&fix, conn);
  assert_ptr_equal(waiting.conn, conn);
  fake_net_run(&fix.fake);
  assert_int_equal(stats_of(&fix).idle, 1);
  put(&fix, conn);
  fixture_end(&fix);
}

static void trying_neither_waits_nor_connects(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  assert_null(moon_pool_try_acquire(fix.pool, MOON_USE_LEASE, NULL));
  assert_null(moon_pool_try_acquire(fix.pool, MOON_USE_STREAM, NULL));
  assert_int_equal(fix.fake.connects, 0);
  put(&fix, get(&fix, MOON_USE_LEASE));
  moon_conn *conn = moon_pool_try_acquire(fix.pool, MOON_USE_LEASE, NULL);
  assert_non_null(conn);
  put(&fix, conn);
  fixture_end(&fix);
}

static void trying_does_not_overtake_waiters(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  options.max_streams_per_connection = 2;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  asker lease;
  ask(&fix, &lease, MOON_USE_LEASE);
  assert_null(moon_pool_try_acquire(fix.pool, MOON_USE_STREAM, NULL));
  put(&fix, conn);
  assert_ptr_equal(lease.conn, conn);
  put(&fix, conn);
  fixture_end(&fix);
}

struct blocked_call {
  fixture *fix;
  int64_t timeout_ms;
  moon_conn *conn;
  moon_error *err;
};

static void *blocked_acquire(void *arg) {
  struct blocked_call *call = arg;
  call->err = moon_pool_acquire(call->fix->pool, MOON_USE_LEASE, call->timeout_ms, NULL, &call->conn);
  return NULL;
}

static void wait_for_queue(fixture *fix, int length) {
  while (stats_of(fix).wait_queue_length != length) {
    const struct timespec moment = {0, 1000000};
    nanosleep(&moment, NULL);
  }
}

static void a_blocked_thread_gets_the_connection_that_comes_free(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  struct blocked_call call = {&fix, 0, NULL, NULL};
  pthread_t thread;
  pthread_create(&thread, NULL, blocked_acquire, &call);
  wait_for_queue(&fix, 1);
  put(&fix, conn);
  pthread_join(thread, NULL);
  assert_null(call.err);
  assert_ptr_equal(call.conn, conn);
  put(&fix, conn);
  fixture_end(&fix);
}

static void a_blocked_thread_times_out_with_the_settable_clock(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  struct blocked_call call = {&fix, 60000, NULL, NULL};
  pthread_t thread;
  pthread_create(&thread, NULL, blocked_acquire, &call);
  wait_for_queue(&fix, 1);
  fake_net_advance(&fix.fake, 60000);
  pthread_join(thread, NULL);
  assert_int_equal(call.err->kind, MOON_ACQUIRE_TIMEOUT);
  moon_error_free(call.err);
  put(&fix, conn);
  fixture_end(&fix);
}

static void a_blocked_thread_times_out_by_itself_when_nobody_ticks(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_clock_run();
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  struct blocked_call call = {&fix, 30, NULL, NULL};
  int64_t begin = moon_clock_now_ms();
  blocked_acquire(&call);
  assert_in_range(moon_clock_now_ms() - begin, 30, 5000);
  assert_int_equal(call.err->kind, MOON_ACQUIRE_TIMEOUT);
  moon_error_free(call.err);
  put(&fix, conn);
  fixture_end(&fix);
}

/* Invariant 11, as far as one can see it from outside: in any callback the pool's lock is free. */
static void ask_for_stats(void *ctx) {
  moon_pool_stats stats;
  moon_pool_get_stats(((fixture *)ctx)->pool, &stats);
}

static void use_the_pool_while_told(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  asker *self = MOON_ENTRY(waiter, asker, waiter);
  moon_pool_stats stats;
  moon_pool_get_stats(moon_conn_pool(conn), &stats);
  self->answers++;
  moon_pool_give_back(moon_conn_pool(conn), conn);
}

static void callbacks_run_without_the_lock(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_event_queue *queue = moon_event_queue_new(100, ask_for_stats, &fix);
  fake_net other;
  fake_net_init(&other);
  moon_pool *quiet = fix.pool;
  fix.pool = fake_net_pool(&other, &options, queue);
  asker self = {.waiter = {.use = MOON_USE_STREAM, .done = use_the_pool_while_told}};
  moon_pool_acquire_async(fix.pool, &self.waiter);
  fake_net_run(&other);
  assert_int_equal(self.answers, 1);
  moon_pool_release(fix.pool);
  fix.pool = quiet; /* the queue's last events wake nobody's stale pointer */
  fake_net_run(&other);
  assert_true(other.disposed);
  fake_net_end(&other);
  moon_event_queue_release(queue);
  fixture_end(&fix);
}

/* Each answer gives back at once, which answers the next one: as a loop, not as a recursion. */
static void a_long_chain_of_hand_offs_needs_no_deep_stack(void **state) {
  enum { CHAIN = 200000 };
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker *chain = moon_zalloc(CHAIN * sizeof *chain);
  for (int i = 0; i < CHAIN; i++) {
    chain[i].waiter = (moon_waiter){.use = MOON_USE_LEASE, .done = use_the_pool_while_told};
    moon_pool_acquire_async(fix.pool, &chain[i].waiter);
  }
  put(&fix, conn);
  for (int i = 0; i < CHAIN; i++) assert_int_equal(chain[i].answers, 1);
  free(chain);
  fixture_end(&fix);
}

static void statistics_count_and_time_what_happened(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  options.max_connections = 1;
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  asker waiting;
  ask(&fix, &waiting, MOON_USE_LEASE);
  fake_net_advance(&fix.fake, 40);
  put(&fix, conn);
  fake_net_advance(&fix.fake, 8);
  put(&fix, conn);
  moon_pool_stats stats = stats_of(&fix);
  assert_int_equal(stats.created, 1);
  assert_int_equal(stats.acquired, 2);
  assert_int_equal(stats.released, 2);
  assert_int_equal(stats.wait_time.count, 2);
  assert_int_equal(stats.wait_time.max_us, 40000);
  assert_int_equal(stats.use_time.count, 2);
  assert_in_range(stats.use_time.p50_us, 8000, 9000);
  assert_in_range(stats.use_time.p99_us, 40000, 45000);
  assert_int_equal(stats.use_time.max_us, 40000);
  put(&fix, get(&fix, MOON_USE_LEASE)); /* at once */
  assert_int_equal(stats_of(&fix).wait_time.count, 3);
  assert_int_equal(stats_of(&fix).wait_time.p50_us, 0);
  fixture_end(&fix);
}

static void the_longest_use_is_seen_also_when_most_are_not_timed(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  for (int i = 0; i < 1001; i++) put(&fix, get(&fix, MOON_USE_STREAM));
  moon_conn *conn = get(&fix, MOON_USE_STREAM);
  fake_net_advance(&fix.fake, 700);
  put(&fix, conn);
  assert_int_equal(stats_of(&fix).use_time.max_us, 700000);
  assert_int_equal(stats_of(&fix).use_time.count, 1002);
  fixture_end(&fix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lease_gets_a_new_connection_and_gives_it_back),
      cmocka_unit_test(the_most_recently_used_connection_is_handed_out_first),
      cmocka_unit_test(a_freed_connection_goes_to_the_longest_waiter),
      cmocka_unit_test(there_are_never_more_than_max_connections),
      cmocka_unit_test(no_more_than_max_connecting_are_being_made_at_once),
      cmocka_unit_test(a_waiter_times_out_once_and_never_gets_a_connection_later),
      cmocka_unit_test(time_limits_of_their_own_end_waiters_out_of_order),
      cmocka_unit_test(a_cancelled_waiter_is_passed_over),
      cmocka_unit_test(a_waiter_cancelled_in_the_instant_of_its_hand_off_passes_it_on),
      cmocka_unit_test(a_connection_being_made_outlives_the_waiter_who_caused_it),
      cmocka_unit_test(a_waiter_for_a_new_connection_takes_one_that_comes_free_first),
      cmocka_unit_test(trying_neither_waits_nor_connects),
      cmocka_unit_test(trying_does_not_overtake_waiters),
      cmocka_unit_test(a_blocked_thread_gets_the_connection_that_comes_free),
      cmocka_unit_test(a_blocked_thread_times_out_with_the_settable_clock),
      cmocka_unit_test(a_blocked_thread_times_out_by_itself_when_nobody_ticks),
      cmocka_unit_test(callbacks_run_without_the_lock),
      cmocka_unit_test(a_long_chain_of_hand_offs_needs_no_deep_stack),
      cmocka_unit_test(statistics_count_and_time_what_happened),
      cmocka_unit_test(the_longest_use_is_seen_also_when_most_are_not_timed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
