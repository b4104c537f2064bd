/* pool_bench.c: what it costs to take a connection from a pool and give it back, beside a bare mutex and list.
 *
 * Prints "name nanoseconds" lines, for one caller and for two threads at once; the ratio goes to standard error. Rounds
 * of both alternate, and the best of each counts, so that whatever else the machine does hits neither alone. A second
 * thread is alive all the time, as in the program: glibc's mutexes are cheaper in a process that has only one. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "pool/pool.h"

enum { ROUNDS = 9, TURNS = 300000, CONNECTIONS = 10 };

/* --- the floor: a mutex and a list of ten --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static moon_list resources, resource[CONNECTIONS];

static void floor_turns(void *ctx) {
  for (int i = 0; i < TURNS; i++) {
    pthread_mutex_lock(&lock);
    moon_list *taken = moon_list_pop_front(&resources);
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&lock);
    moon_list_push_front(&resources, taken);
    pthread_mutex_unlock(&lock);
  }
}

/* --- the pool, on a network that answers when it is asked to --- */

static moon_conn *connecting[CONNECTIONS], *closing[CONNECTIONS];
static int connects, closes;

static void on_connect(void *ctx, moon_conn *conn, int64_t timeout_ms) {
  connecting[connects++] = conn;
}

static void on_close(void *ctx, moon_conn *conn) {
  closing[closes++] = conn;
}

static void on_check(void *ctx, moon_conn *conn, int64_t timeout_ms) {}

static void on_wake_at(void *ctx, int64_t at_ms) {}

static void on_dispose(void *ctx) {
  moon_pool_disposed(*(moon_pool **)ctx);
}

static void pool_turns(void *ctx) {
  moon_pool *pool = ctx;
  for (int i = 0; i < TURNS; i++) {
    moon_conn *conn = NULL;
    if (moon_pool_acquire(pool, MOON_USE_LEASE, 0, NULL, &conn)) abort();
    moon_pool_give_back(pool, conn);
  }
}

/* --- measuring --- */

struct job {
  void (*turns)(void *ctx);
  void *ctx;
};

static void *run_job(void *job) {
  ((struct job *)job)->turns(((struct job *)job)->ctx);
  return NULL;
}

/* Nanoseconds per turn of `threads` threads together. */
static double measure(struct job job, int threads) {
  pthread_t other;
  int64_t begin = moon_clock_now_ns();
  if (threads == 2 && pthread_create(&other, NULL, run_job, &job)) abort();
  run_job(&job);
  if (threads == 2) pthread_join(other, NULL);
  return (double)(moon_clock_now_ns() - begin) / TURNS / threads;
}

static void *be_there(void *gate) {
  pthread_mutex_lock(gate);
  pthread_mutex_unlock(gate);
  return NULL;
}

int main(void) {
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&gate);
  pthread_t company;
  if (pthread_create(&company, NULL, be_there, &gate)) return 1;

  moon_list_init(&resources);
  for (int i = 0; i < CONNECTIONS; i++) moon_list_push_front(&resources, &resource[i]);
  moon_pool_options options = moon_pool_default_options;
  options.min_connections = options.max_connections = CONNECTIONS;
  moon_pool *pool;
  moon_pool_net net = {&pool, on_connect, on_check, on_close, on_wake_at, on_dispose};
  pool = moon_pool_new("bench", &options, &net, NULL);
  for (int i = 0; i < CONNECTIONS; i++) { /* the first goes ahead */
    while (connects == i) moon_pool_tick(pool);
    moon_conn_connected(connecting[i], 100);
  }

  const struct job bare = {floor_turns, NULL}, ours = {pool_turns, pool};
  for (int threads = 1; threads <= 2; threads++) {
    double floor = 1e9, cost = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
      double floor_now = measure(bare, threads), cost_now = measure(ours, threads);
      if (floor_now < floor) floor = floor_now;
      if (cost_now < cost) cost = cost_now;
    }
    const char *suffix = threads == 2 ? "2" : "";
    printf("acquire%s.c %.1f\nacquire%s.floor %.1f\n", suffix, cost, suffix, floor);
    fprintf(stderr, "%d caller%s: %.2f x a bare mutex and list\n", threads, threads == 1 ? "" : "s", cost / floor);
  }

  moon_pool_release(pool);
  for (int i = 0; i < closes; i++) moon_conn_closed(closing[i]);
  pthread_mutex_unlock(&gate);
  pthread_join(company, NULL);
  return 0;
}
