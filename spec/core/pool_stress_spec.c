/* pool_stress_spec.c: everything at once, with the invariants watched all the time.
 *
 * Eight threads lease, stream, try, cancel, time out and hold; a thread plays the network: it answers late, refuses,
 * loses, drains and ticks; another one reads the events and checks each connection's life. At the end the pool is
 * closed under their hands and cuts what is still held. Runs for MOON_STRESS_MS (2,000) ms; MOON_STRESS_SEED repeats a
 * run's choices (not its timing). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "support/fake_net.h"

enum { WORKERS = 8, MOST_CONNS = 1 << 20, MAX_CONNECTIONS = 6, MAX_STREAMS = 4 };

/* What the users see of each connection, by id. */
static _Atomic signed char leases[MOST_CONNS], streams[MOST_CONNS];

struct stress {
  fake_net fake;
  moon_pool *pool;
  moon_event_queue *events;
  uint64_t seed;
  atomic_bool closing, quiet; /* quiet: all threads but the network's have ended */
  _Atomic uint64_t answered, cancelled, got, failed;

  /* the event reader's */
  unsigned char *life; /* 0 unknown, 1 created, 2 removed */
  int *uses;
  uint64_t created, removed;
  bool drained;
};

static void expect(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "invariant broken: %s\n", what);
  abort();
}

static bool one_in(uint64_t n) {
  return moon_random_below(n) == 0;
}

static void pause_us(uint64_t most) {
  const struct timespec moment = {0, (long)moon_random_below(most * 1000 + 1)};
  nanosleep(&moment, NULL);
}

/* --- users --- */

static void use_connection(struct stress *stress, moon_conn *conn, moon_use use) {
  uint64_t id = moon_conn_id(conn);
  if (use == MOON_USE_LEASE) {
    expect(atomic_fetch_add(&leases[id], 1) == 0, "a lease is exclusive");
    expect(streams[id] == 0, "a leased connection carries no streams");
  } else {
    expect(atomic_fetch_add(&streams[id], 1) < MAX_STREAMS, "a connection carries no more than its streams");
    expect(leases[id] == 0, "a stream is never put on a leased connection");
  }
  atomic_fetch_add(&stress->got, 1);
  if (one_in(4)) pause_us(stress->closing || one_in(50) ? 9000 : 200);
  expect(moon_conn_use_count(conn) > 0, "a used connection was used");
  atomic_fetch_sub(use == MOON_USE_LEASE ? &leases[id] : &streams[id], 1);
  moon_pool_give_back(stress->pool, conn);
}

static void take_error(struct stress *stress, moon_error *err) {
  expect(err->kind == MOON_ACQUIRE_TIMEOUT || err->kind == MOON_CONNECT || err->kind == MOON_CLOSED,
         "errors are those the pool can have");
  expect(err->kind != MOON_CLOSED || stress->closing, "only a closed pool says so");
  atomic_fetch_add(&stress->failed, 1);
  moon_error_free(err);
}

struct async {
  moon_waiter waiter;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int answers;
  moon_conn *conn;
  moon_error *err;
};

static void on_answer(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  struct async *async = MOON_ENTRY(waiter, struct async, waiter);
  expect(!conn != !err, "an answer is a connection or an error");
  pthread_mutex_lock(&async->lock);
  async->answers++;
  async->conn = conn;
  async->err = err;
  pthread_cond_signal(&async->changed);
  pthread_mutex_unlock(&async->lock);
}

static void acquire_async(struct stress *stress, moon_use use) {
  struct async async = {.waiter = {.use = use, .done = on_answer, .origin = "stress"}};
  async.waiter.timeout_ms = one_in(3) ? 1 + (int64_t)moon_random_below(5) : 0;
  pthread_mutex_init(&async.lock, NULL);
  pthread_cond_init(&async.changed, NULL);
  moon_pool_acquire_async(stress->pool, &async.waiter);
  bool cancelled = false;
  if (one_in(3)) {
    if (one_in(2)) pause_us(300);
    cancelled = moon_pool_cancel(stress->pool, &async.waiter);
  }
  pthread_mutex_lock(&async.lock);
  while (!cancelled && !async.answers) pthread_cond_wait(&async.changed, &async.lock);
  expect(async.answers == !cancelled, "a waiter is answered exactly once, or cancelled");
  pthread_mutex_unlock(&async.lock);
  atomic_fetch_add(cancelled ? &stress->cancelled : &stress->answered, 1);
  if (async.err) take_error(stress, async.err);
  if (async.conn) use_connection(stress, async.conn, use);
  pthread_cond_destroy(&async.changed);
  pthread_mutex_destroy(&async.lock);
}

static void acquire_blocking(struct stress *stress, moon_use use) {
  moon_conn *conn;
  moon_error *err =
      moon_pool_acquire(stress->pool, use, one_in(2) ? 1 + (int64_t)moon_random_below(20) : 0, NULL, &conn);
  if (err) take_error(stress, err);
  if (conn) use_connection(stress, conn, use);
}

static void look_at_stats(struct stress *stress) {
  moon_pool_stats stats;
  moon_pool_get_stats(stress->pool, &stats);
  expect(stats.total + stats.connecting <= MAX_CONNECTIONS, "never more than max_connections");
  expect(stats.total == stats.idle + stats.in_use + stats.unhealthy, "the total is the sum of its parts");
  expect(stats.idle >= 0 && stats.in_use >= 0 && stats.unhealthy >= 0 && stats.connecting >= 0, "no count is negative");
  expect(stats.wait_queue_length >= 0 && stats.wait_queue_length <= WORKERS, "a thread waits once");
  expect(stats.released <= stats.acquired, "nothing is released that was not acquired");
  uint64_t removed = 0;
  for (int i = 0; i < MOON_REMOVED_REASONS; i++) removed += stats.removed[i];
  expect(removed <= stats.created, "nothing is removed that was not created");
}

static void *work_hard(void *arg) {
  static _Atomic uint64_t number;
  struct stress *stress = arg;
  moon_random_seed(stress->seed + ++number);
  for (int after_closing = 0; after_closing < 20;) {
    if (stress->closing) after_closing++;
    moon_use use = one_in(3) ? MOON_USE_LEASE : MOON_USE_STREAM;
    switch (moon_random_below(8)) {
    case 0:
      look_at_stats(stress);
      break;
    case 1: {
      moon_conn *conn = moon_pool_try_acquire(stress->pool, use, "try");
      if (conn) use_connection(stress, conn, use);
      break;
    }
    case 2:
      if (one_in(300)) moon_pool_make_stale(stress->pool);
      break;
    case 3:
    case 4:
      acquire_blocking(stress, use);
      break;
    default:
      acquire_async(stress, use);
    }
  }
  return NULL;
}

/* --- the network --- */

static void answer(struct stress *stress, const fake_ask *ask, moon_conn **live, int *live_count) {
  switch (ask->kind) {
  case FAKE_CONNECT:
    if (one_in(12)) {
      moon_conn_connect_failed(ask->conn, moon_error_new(MOON_CONNECT, "connection refused"));
      break;
    }
    expect(moon_conn_id(ask->conn) < MOST_CONNS, "the test's tables are large enough");
    moon_conn_connected(ask->conn, one_in(10) ? 1 : MAX_STREAMS);
    live[(*live_count)++] = ask->conn;
    break;
  case FAKE_CHECK:
    moon_conn_checked(ask->conn, one_in(500) ? moon_error_new(MOON_TIMEOUT, "no answer") : NULL);
    break;
  case FAKE_CLOSE:
    for (int i = 0; i < *live_count; i++)
      if (live[i] == ask->conn) live[i--] = live[--*live_count];
    moon_conn_closed(ask->conn);
  }
}

static void *play_network(void *arg) {
  struct stress *stress = arg;
  fake_net *fake = &stress->fake;
  moon_random_seed(stress->seed);
  moon_conn **live = moon_alloc(FAKE_MOST * sizeof *live);
  int live_count = 0;
  for (bool disposed = false; !disposed;) {
    fake_ask ask;
    if (fake_net_take_any(fake, &ask))
      answer(stress, &ask, live, &live_count);
    else
      pause_us(50);
    if (one_in(5)) pause_us(100);
    if (live_count && one_in(40)) {
      moon_conn *conn = live[moon_random_below((uint64_t)live_count)];
      switch (moon_random_below(3)) {
      case 0:
        moon_conn_lost(conn);
        break;
      case 1:
        moon_conn_drain(conn);
        break;
      default:
        moon_conn_limit(conn, 1 + (int)moon_random_below(MAX_STREAMS));
      }
    }
    pthread_mutex_lock(&fake->lock);
    disposed = fake->disposed;
    bool due = fake->wake_at >= 0 && fake->wake_at <= moon_clock_now_ms();
    if (due) fake->wake_at = -1;
    pthread_mutex_unlock(&fake->lock);
    if (due && !disposed) moon_pool_tick(stress->pool);
  }
  moon_pool_disposed(stress->pool);
  free(live);
  return NULL;
}

/* --- the listener --- */

static void check_event(struct stress *stress, const moon_event *event) {
  uint64_t id = event->conn_id;
  expect(!stress->drained, "nothing happens after the pool is drained");
  switch (event->kind) {
  case MOON_EVENT_CONNECTION_CREATED:
    expect(stress->life[id] == 0, "created once");
    stress->life[id] = 1;
    stress->created++;
    break;
  case MOON_EVENT_CONNECTION_ACQUIRED:
    expect(stress->life[id] == 1, "acquired between created and removed");
    expect(++stress->uses[id] <= MAX_STREAMS, "no more users than streams");
    break;
  case MOON_EVENT_CONNECTION_RELEASED:
    expect(stress->life[id] == 1 && stress->uses[id]-- > 0, "released after acquired, before removed");
    break;
  case MOON_EVENT_CONNECTION_REMOVED:
    expect(stress->life[id] == 1 && stress->uses[id] == 0, "removed once, after the last release");
    stress->life[id] = 2;
    stress->removed++;
    break;
  case MOON_EVENT_POOL_DRAINED:
    stress->drained = true;
    break;
  default:
    break;
  }
  free(event->text);
}

static void *listen_to_events(void *arg) {
  struct stress *stress = arg;
  for (bool last = false; !last;) {
    last = stress->quiet;
    moon_event event;
    while (moon_event_queue_take(stress->events, &event)) check_event(stress, &event);
    const struct timespec moment = {0, 200000};
    nanosleep(&moment, NULL);
  }
  return NULL;
}

static int64_t from_environment(const char *name, int64_t otherwise) {
  const char *text = getenv(name);
  return text ? atoll(text) : otherwise;
}

static void the_invariants_hold_under_stress(void **state) {
  struct stress *stress = moon_zalloc(sizeof *stress);
  stress->seed = (uint64_t)from_environment("MOON_STRESS_SEED", moon_clock_wall_ms());
  stress->life = moon_zalloc(MOST_CONNS);
  stress->uses = moon_zalloc(MOST_CONNS * sizeof *stress->uses);
  moon_log_set_level(MOON_LOG_OFF);

  moon_pool_options options = moon_pool_default_options;
  options.max_connections = MAX_CONNECTIONS;
  options.max_streams_per_connection = MAX_STREAMS;
  options.acquire_timeout_ms = 40;
  options.max_idle_time_ms = 5;
  options.health_check_interval_ms = 3;
  options.health_check_retries = 1;
  options.max_lifetime_ms = 30;
  options.leak_detection_threshold_ms = 4;
  fake_net_init(&stress->fake);
  stress->fake.threaded = true;
  stress->events = moon_event_queue_new(1 << 22, NULL, NULL);
  stress->pool = fake_net_pool(&stress->fake, &options, stress->events);

  pthread_t network, listener, workers[WORKERS];
  assert_int_equal(pthread_create(&network, NULL, play_network, stress), 0);
  assert_int_equal(pthread_create(&listener, NULL, listen_to_events, stress), 0);
  for (int i = 0; i < WORKERS; i++) assert_int_equal(pthread_create(&workers[i], NULL, work_hard, stress), 0);

  int64_t ms = from_environment("MOON_STRESS_MS", 2000);
  const struct timespec duration = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&duration, NULL);
  stress->closing = true;
  moon_pool_close(stress->pool, 3);
  for (int i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
  assert_true(moon_pool_wait_drained(stress->pool, 10000));

  moon_pool_stats stats;
  moon_pool_get_stats(stress->pool, &stats);
  moon_pool_release(stress->pool);
  pthread_join(network, NULL);
  stress->quiet = true;
  pthread_join(listener, NULL);

  assert_true(stress->drained);
  assert_int_equal(moon_event_queue_dropped(stress->events), 0);
  assert_int_equal(stress->created, stress->removed);
  assert_int_equal(stats.created, stress->created);
  assert_int_equal(stats.acquired, stats.released);
  assert_int_equal(stats.acquired, stress->got);
  assert_int_equal(stats.total + stats.connecting + stats.wait_queue_length, 0);
  assert_int_equal(stress->fake.connects, stress->fake.closes);
  assert_int_equal(stress->fake.open, 0);
  print_message("seed %llu: %llu uses, %llu errors, %llu cancelled, %llu connections; leaks reported %llu; removed:",
                (unsigned long long)stress->seed, (unsigned long long)stress->got, (unsigned long long)stress->failed,
                (unsigned long long)stress->cancelled, (unsigned long long)stats.created,
                (unsigned long long)stats.leaked);
  for (int i = 0; i < MOON_REMOVED_REASONS; i++)
    print_message(" %s %llu", moon_remove_reason_name((moon_remove_reason)i), (unsigned long long)stats.removed[i]);
  print_message("\n");

  moon_event_queue_release(stress->events);
  fake_net_end(&stress->fake);
  free(stress->life);
  free(stress->uses);
  free(stress);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_invariants_hold_under_stress)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
