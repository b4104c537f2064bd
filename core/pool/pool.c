/* pool.c: the public face of a pool, and its lock.
 *
 * Every operation is: pool_lock; change state, leaving what calls out on the `work`, the queue for the network side, or
 * the timers; pool_unlock, which gives the lock back and then does it. The network side is called by one thread at a
 * time in the order in which things were decided, so that it never hears of a close before the connect. A `done` that
 * uses pools itself may answer further waiters: those are called when it has returned (a queue per thread), so that a
 * long chain of hand-offs needs no deep stack.
 *
 * References: users hold `handles`; each record and each thread that runs work outside the lock holds the memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "pool/pool_state.h"

/* --- lock, change, unlock, run --- */

void pool_lock(moon_pool *pool, struct work *work) {
  moon_list_init(&work->answered);
  work->freed = NULL;
  work->log = (moon_buffer){0};
  work->owner = NULL;
  work->wake_events = work->drained = false;
  pthread_mutex_lock(&pool->lock);
  pool->work = work;
}

void pool_tell(moon_pool *pool, moon_event_kind kind, const moon_conn *conn, char *text) {
  if (!pool->events_on) {
    free(text);
    return;
  }
  moon_event event = {.kind = kind, .source = pool->id, .at_ms = moon_clock_coarse_ms(), .text = text};
  if (conn) {
    event.conn_id = conn->id;
    event.use_count = moon_conn_use_count(conn);
    event.created_ms = moon_conn_created_ms(conn);
    if (kind == MOON_EVENT_CONNECTION_REMOVED) event.reason = conn->reason;
  }
  if (moon_event_queue_append(pool->events, &event)) pool->work->wake_events = true;
}

void pool_want_net(moon_conn *conn, int what) {
  conn->net_wanted |= what;
  moon_list_remove(&conn->net_node);
  moon_list_push_back(&conn->pool->net_queue, &conn->net_node);
}

static bool wake_outdated(const moon_pool *pool) {
  int64_t next = moon_timers_next_ms(&pool->timers);
  if (next < 0) return pool->wake_at_ms >= 0;
  return pool->wake_at_ms < 0 || next < pool->wake_at_ms;
}

/* Calls the network side about one connection. After the last call the record may be gone. */
static void call_net(moon_pool *pool, moon_conn *conn, int wanted) {
  const moon_pool_net *net = &pool->net;
  if (wanted & NET_CONNECT) net->connect(net->ctx, conn, pool->options.connect_timeout_ms);
  if (wanted & NET_CHECK && !(wanted & NET_CLOSE)) net->check(net->ctx, conn, pool->options.health_check_timeout_ms);
  if (wanted & NET_CLOSE) net->close(net->ctx, conn);
}

/* Lock held on entry and on return, not while calling. */
static void run_net(moon_pool *pool) {
  if (pool->net_busy) return; /* whoever is at it does ours as well */
  pool->net_busy = true;
  for (;;) {
    moon_list *node = moon_list_pop_front(&pool->net_queue);
    if (node) {
      moon_conn *conn = MOON_ENTRY(node, moon_conn, net_node);
      int wanted = conn->net_wanted;
      conn->net_wanted = 0;
      pthread_mutex_unlock(&pool->lock);
      call_net(pool, conn, wanted);
    } else if (wake_outdated(pool)) {
      int64_t next = pool->wake_at_ms = moon_timers_next_ms(&pool->timers);
      pthread_mutex_unlock(&pool->lock);
      pool->net.wake_at(pool->net.ctx, next);
    } else {
      break;
    }
    pthread_mutex_lock(&pool->lock);
  }
  pool->net_busy = false;
}

static void run_answers(moon_list *answered) {
  static _Thread_local moon_list queue;
  static _Thread_local bool running;
  if (moon_list_empty(answered)) return;
  if (!running) moon_list_init(&queue);
  moon_list_append_all(&queue, answered);
  if (running) return;
  running = true;
  moon_list *node;
  while ((node = moon_list_pop_front(&queue))) {
    moon_waiter *waiter = MOON_ENTRY(node, moon_waiter, node);
    waiter->done(waiter, waiter->conn, waiter->err);
  }
  running = false;
}

static void run_log(moon_buffer *log) {
  char *rest = log->data, *line;
  while (rest && (line = strsep(&rest, "\n")) && *line) moon_log(MOON_LOG_WARN, "%s", line);
  moon_buffer_free(log);
}

/* Returns how many records it freed. */
static int run_freed(moon_conn *freed) {
  int count = 0;
  for (moon_conn *conn = freed, *next; conn; conn = next, count++) {
    next = conn->next_freed;
    free(conn);
  }
  return count;
}

static void note_drained(moon_pool *pool) {
  pool->drained = pool->work->drained = true;
  moon_timers_stop(&pool->timers, &pool->grace_timer);
  pool->work->owner = pool->owner;
  pool->owner = NULL;
  if (!pool->is_lane) pool_tell(pool, MOON_EVENT_POOL_DRAINED, NULL, NULL);
  if (pool->has_last_event && moon_event_queue_append(pool->events, &pool->last_event)) pool->work->wake_events = true;
  pthread_cond_broadcast(&pool->drained_cond);
}

static void pool_unlock_and_run(moon_pool *pool, struct work *work) {
  pool->refs++;
  run_net(pool);
  pthread_mutex_unlock(&pool->lock);

  int refs = 1 + run_freed(work->freed);
  if (work->wake_events) moon_event_queue_wake(pool->events);
  run_log(&work->log);
  run_answers(&work->answered);
  if (work->owner) lane_drained(work->owner);
  if (work->drained && pool->on_drained) pool->on_drained(pool->on_drained_ctx);

  pthread_mutex_lock(&pool->lock);
  pool->refs -= refs;
  bool last = pool->refs == 0 && !pool->disposing;
  if (last) pool->disposing = true;
  pthread_mutex_unlock(&pool->lock);
  if (last) pool->net.dispose(pool->net.ctx);
}

void pool_unlock(moon_pool *pool) {
  struct work *work = pool->work;
  if (pool->closed && !pool->drained && !pool->open) note_drained(pool);
  bool nothing = moon_list_empty(&work->answered) && !work->freed && !work->wake_events && !work->log.len &&
                 !work->owner && !work->drained && moon_list_empty(&pool->net_queue) && !wake_outdated(pool) &&
                 pool->refs;
  if (nothing)
    pthread_mutex_unlock(&pool->lock);
  else
    pool_unlock_and_run(pool, work);
}

/* --- making and unmaking --- */

static void grace_timer_fired(moon_timer *timer);

moon_pool *pool_new(const char *name, const moon_pool_options *options, const moon_pool_net *net,
                    moon_event_queue *events, moon_pool *owner) {
  moon_pool *pool = moon_zalloc(sizeof *pool);
  pool->owner = owner;
  pool->is_lane = pool->ready = owner != NULL; /* that the pool is ready is the owner's to tell */
  pool->id = owner ? owner->id : moon_event_new_source();
  pool->name = moon_strdup(name);
  pool->options = *options;
  pool->net = *net;
  pool->handles = pool->refs = 1;
  pool->wake_at_ms = -1;
  pool->fewest = 1;
  if (events) pool->events = moon_event_queue_retain(events);
  pool->events_on = events != NULL;

  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&pool->drained_cond, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&pool->lock, NULL);

  for (int i = 0; i < CONN_STATES; i++) moon_list_init(&pool->lists[i]);
  pool->shared = moon_alloc((size_t)options->max_streams_per_connection * sizeof *pool->shared);
  for (int i = 0; i < options->max_streams_per_connection; i++) moon_list_init(&pool->shared[i]);
  moon_list_init(&pool->full);
  moon_list_init(&pool->reserved);
  moon_list_init(&pool->all);
  moon_list_init(&pool->waiting[MOON_USE_LEASE]);
  moon_list_init(&pool->waiting[MOON_USE_STREAM]);
  moon_list_init(&pool->net_queue);
  moon_timer_init(&pool->retry_timer, retry_timer_fired);
  moon_timer_init(&pool->grace_timer, grace_timer_fired);
  moon_timer_init(&pool->warm_up_timer, warm_up_timer_fired);

  struct work work;
  pool_lock(pool, &work);
  pool->filling = options->enable_warmup && !options->single_use;
  if (pool->filling && options->min_connections > 0) {
    pool->pathfinding = options->min_connections > 1;
    warm_up(pool, 1);
  } else {
    note_ready(pool, NULL);
  }
  pool_unlock(pool);
  return pool;
}

moon_pool *moon_pool_new(const char *name, const moon_pool_options *options, const moon_pool_net *net,
                         moon_event_queue *events) {
  return pool_new(name, options, net, events, NULL);
}

void moon_pool_disposed(moon_pool *pool) {
  moon_event_queue_release(pool->events);
  moon_timers_free(&pool->timers);
  moon_error_free(pool->last_error);
  pthread_cond_destroy(&pool->drained_cond);
  pthread_mutex_destroy(&pool->lock);
  free(pool->shared);
  free(pool->name);
  free(pool);
}

moon_pool *moon_pool_retain(moon_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  pool->handles++;
  pool->refs++;
  pthread_mutex_unlock(&pool->lock);
  return pool;
}

static void cut_all(moon_pool *pool) {
  for (moon_list *node = pool->all.next, *next; node != &pool->all; node = next) {
    next = node->next;
    moon_conn *conn = MOON_ENTRY(node, moon_conn, all_node);
    if (conn->users) conn_cut(conn, MOON_REMOVED_CLOSED);
  }
}

static void grace_timer_fired(moon_timer *timer) {
  cut_all(MOON_ENTRY(timer, moon_pool, grace_timer));
}

static void close_pool(moon_pool *pool, int64_t grace_ms) {
  if (pool->closed) return;
  pool->closed = true;
  moon_timers_stop(&pool->timers, &pool->retry_timer);
  moon_timers_stop(&pool->timers, &pool->warm_up_timer);
  moon_waiter *waiter;
  while ((waiter = oldest_waiter(pool)))
    answer_waiter(pool, waiter, NULL, moon_error_new(MOON_CLOSED, "pool %s is closed", pool->name));
  for (moon_list *node = pool->all.next, *next; node != &pool->all; node = next) {
    next = node->next;
    moon_conn *conn = MOON_ENTRY(node, moon_conn, all_node);
    if (!conn->users && conn->state != CONN_CLOSING) conn_remove(conn, MOON_REMOVED_CLOSED);
  }
  if (grace_ms > 0)
    moon_timers_set(&pool->timers, &pool->grace_timer, moon_clock_now_ms() + grace_ms);
  else
    cut_all(pool);
}

void moon_pool_close(moon_pool *pool, int64_t grace_ms) {
  struct work work;
  pool_lock(pool, &work);
  close_pool(pool, grace_ms);
  pool_unlock(pool);
  if (pool->lane) moon_pool_close(pool->lane, 0);
}

void moon_pool_release(moon_pool *pool) {
  if (!pool) return;
  struct work work;
  pool_lock(pool, &work);
  pool->refs--;
  bool last = --pool->handles == 0;
  moon_pool *lane = last ? pool->lane : NULL;
  if (last) close_pool(pool, 0);
  pool_unlock(pool);
  if (!lane) return;
  moon_pool_close(lane, 0);
  moon_pool_release(lane);
}

void moon_pool_on_drained(moon_pool *pool, const moon_event *last, void (*drained)(void *ctx), void *ctx) {
  pthread_mutex_lock(&pool->lock);
  if ((pool->has_last_event = last != NULL)) pool->last_event = *last;
  pool->on_drained = drained;
  pool->on_drained_ctx = ctx;
  pthread_mutex_unlock(&pool->lock);
}

bool moon_pool_is_closed(const moon_pool *pool) {
  moon_pool *locked = (moon_pool *)pool;
  pthread_mutex_lock(&locked->lock);
  bool closed = pool->closed;
  pthread_mutex_unlock(&locked->lock);
  return closed;
}

bool moon_pool_is_drained(const moon_pool *pool) {
  moon_pool *locked = (moon_pool *)pool;
  pthread_mutex_lock(&locked->lock);
  bool drained = pool->drained;
  pthread_mutex_unlock(&locked->lock);
  return drained;
}

bool moon_pool_wait_drained(moon_pool *pool, int64_t timeout_ms) {
  struct timespec until = moon_clock_deadline(timeout_ms);
  pthread_mutex_lock(&pool->lock);
  int waited = 0;
  while (!pool->drained && !waited) waited = pthread_cond_timedwait(&pool->drained_cond, &pool->lock, &until);
  bool drained = pool->drained;
  pthread_mutex_unlock(&pool->lock);
  return drained;
}

/* --- asking, getting, giving back --- */

void moon_pool_acquire_async(moon_pool *pool, moon_waiter *waiter) {
  struct work work;
  waiter->state = WAITER_NEW;
  waiter->pool = pool;
  pool_lock(pool, &work);
  moon_conn *conn;
  if (pool->closed) {
    answer_waiter(pool, waiter, NULL, moon_error_new(MOON_CLOSED, "pool %s is closed", pool->name));
  } else if ((conn = hand_out(pool, waiter->use, waiter->origin))) {
    answer_waiter(pool, waiter, conn, NULL);
  } else if (pool_is_down(pool)) {
    answer_waiter(pool, waiter, NULL, moon_error_copy(pool->last_error));
  } else {
    enqueue_waiter(pool, waiter);
    serve_waiters(pool);
  }
  pool_unlock(pool);
}

bool moon_pool_cancel(moon_pool *pool, moon_waiter *waiter) {
  struct work work;
  pool_lock(pool, &work);
  bool waiting = waiter->state == WAITER_WAITING;
  if (waiting) {
    forget_waiter(pool, waiter);
    waiter->state = WAITER_ANSWERED;
    serve_waiters(pool);
  }
  pool_unlock(pool);
  return waiting;
}

moon_conn *moon_pool_try_acquire(moon_pool *pool, moon_use use, const char *origin) {
  struct work work;
  pool_lock(pool, &work);
  moon_conn *conn = pool->closed ? NULL : hand_out(pool, use, origin);
  pool_unlock(pool);
  return conn;
}

/* A thread that waits for its connection. */
struct blocked {
  moon_waiter waiter;
  pthread_mutex_t lock;
  pthread_cond_t answered_cond;
  bool answered;
  moon_conn *conn;
  moon_error *err;
};

static void unblock(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  struct blocked *blocked = MOON_ENTRY(waiter, struct blocked, waiter);
  pthread_mutex_lock(&blocked->lock);
  blocked->answered = true;
  blocked->conn = conn;
  blocked->err = err;
  pthread_cond_signal(&blocked->answered_cond);
  pthread_mutex_unlock(&blocked->lock);
}

/* The thread keeps its own deadline too: a network side that wakes the pool late must not hold it up. */
static void expire_if_due(moon_pool *pool, moon_waiter *waiter) {
  struct work work;
  pool_lock(pool, &work);
  int64_t now = moon_clock_now_ms();
  if (waiter->state == WAITER_WAITING && now >= waiter->deadline_ms) expire_waiter(pool, waiter, now);
  pool_unlock(pool);
}

static moon_error *acquire_waiting(moon_pool *pool, moon_use use, int64_t timeout_ms, const char *origin,
                                   moon_conn **out) {
  struct blocked blocked = {.waiter = {.use = use, .timeout_ms = timeout_ms, .origin = origin, .done = unblock}};
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&blocked.answered_cond, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&blocked.lock, NULL);

  int64_t limit_ms = timeout_ms > 0 ? timeout_ms : pool->options.acquire_timeout_ms;
  moon_pool_acquire_async(pool, &blocked.waiter);
  pthread_mutex_lock(&blocked.lock);
  struct timespec until = moon_clock_deadline(limit_ms);
  while (!blocked.answered) {
    if (pthread_cond_timedwait(&blocked.answered_cond, &blocked.lock, &until) != ETIMEDOUT) continue;
    pthread_mutex_unlock(&blocked.lock);
    expire_if_due(pool, &blocked.waiter);
    pthread_mutex_lock(&blocked.lock);
    until = moon_clock_deadline(10); /* a clock that a test has frozen: look again now and then */
  }
  pthread_mutex_unlock(&blocked.lock);
  pthread_cond_destroy(&blocked.answered_cond);
  pthread_mutex_destroy(&blocked.lock);
  *out = blocked.conn;
  return blocked.err;
}

moon_error *moon_pool_acquire(moon_pool *pool, moon_use use, int64_t timeout_ms, const char *origin, moon_conn **out) {
  *out = moon_pool_try_acquire(pool, use, origin);
  return *out ? NULL : acquire_waiting(pool, use, timeout_ms, origin, out);
}

void moon_pool_give_back(moon_pool *pool, moon_conn *conn) {
  struct work work;
  pool_lock(pool, &work);
  if (conn->revoked) {
    conn->revoked--;
    conn_finish(conn);
  } else {
    conn_end_use(conn);
    if (conn->state == CONN_CLOSING || pool_waiting(pool)) serve_waiters(pool);
  }
  pool_unlock(pool);
}

/* --- the rest --- */

void moon_pool_rotate(moon_pool *pool, bool rotate) {
  pthread_mutex_lock(&pool->lock);
  pool->rotate = rotate;
  pthread_mutex_unlock(&pool->lock);
}

void moon_pool_make_stale(moon_pool *pool) {
  struct work work;
  pool_lock(pool, &work);
  pool->generation++;
  for (moon_list *node = pool->all.next, *next; node != &pool->all; node = next) {
    next = node->next;
    moon_conn *conn = MOON_ENTRY(node, moon_conn, all_node);
    if (conn->state != CONN_CONNECTING) conn_drain(conn, MOON_REMOVED_STALE);
  }
  serve_waiters(pool);
  pool_unlock(pool);
  if (pool->lane) moon_pool_make_stale(pool->lane);
}

void moon_pool_fail_waiters(moon_pool *pool, const moon_error *err) {
  struct work work;
  pool_lock(pool, &work);
  moon_waiter *waiter;
  while ((waiter = oldest_waiter(pool))) answer_waiter(pool, waiter, NULL, moon_error_copy(err));
  serve_waiters(pool);
  pool_unlock(pool);
  if (pool->lane) moon_pool_fail_waiters(pool->lane, err);
}

void moon_pool_tick(moon_pool *pool) {
  struct work work;
  pool_lock(pool, &work);
  if (!pool->disposing) {
    pool->wake_at_ms = -1;
    pool->now_ms = moon_clock_now_ms();
    moon_timers_run(&pool->timers, pool->now_ms);
  }
  pool_unlock(pool);
}

void moon_pool_set_events_enabled(moon_pool *pool, bool enabled) {
  pthread_mutex_lock(&pool->lock);
  pool->events_on = enabled && pool->events;
  pthread_mutex_unlock(&pool->lock);
  if (pool->lane) moon_pool_set_events_enabled(pool->lane, enabled);
}

uint64_t moon_pool_id(const moon_pool *pool) {
  return pool->id;
}

const char *moon_pool_name(const moon_pool *pool) {
  return pool->name;
}

const moon_pool_options *moon_pool_get_options(const moon_pool *pool) {
  return &pool->options;
}

void *moon_pool_net_ctx(const moon_pool *pool) {
  return pool->net.ctx;
}

moon_pool *moon_conn_pool(const moon_conn *conn) {
  return conn->pool;
}

uint64_t moon_conn_id(const moon_conn *conn) {
  return conn->id;
}

int64_t moon_conn_created_ms(const moon_conn *conn) {
  return atomic_load_explicit(&conn->created_ms, memory_order_relaxed);
}

uint64_t moon_conn_use_count(const moon_conn *conn) {
  return atomic_load_explicit(&conn->use_count, memory_order_relaxed);
}

void moon_conn_set_link(moon_conn *conn, void *link) {
  conn->link = link;
}

void *moon_conn_link(const moon_conn *conn) {
  return conn->link;
}

static moon_duration_stats durations(const moon_histogram *histogram, uint64_t count) {
  return (moon_duration_stats){
      .p50_us = moon_histogram_percentile(histogram, 50),
      .p99_us = moon_histogram_percentile(histogram, 99),
      .max_us = histogram->max,
      .count = count,
  };
}

void moon_pool_get_load(const moon_pool *pool, moon_pool_load *out) {
  moon_pool *locked = (moon_pool *)pool;
  pthread_mutex_lock(&locked->lock);
  const int *count = pool->count;
  *out = (moon_pool_load){
      .idle = count[CONN_IDLE] + count[CONN_CHECKING],
      .in_use = count[CONN_IN_USE] + count[CONN_DRAINING],
      .waiting = pool_waiting(pool),
  };
  pthread_mutex_unlock(&locked->lock);
}

void moon_pool_get_stats(const moon_pool *pool, moon_pool_stats *out) {
  moon_pool *locked = (moon_pool *)pool;
  pthread_mutex_lock(&locked->lock);
  const int *count = pool->count;
  *out = (moon_pool_stats){
      .total = pool->total - count[CONN_CONNECTING],
      .idle = count[CONN_IDLE] + count[CONN_CHECKING],
      .in_use = count[CONN_IN_USE] + count[CONN_DRAINING],
      .unhealthy = count[CONN_UNHEALTHY],
      .connecting = count[CONN_CONNECTING],
      .wait_queue_length = pool_waiting(pool),
      .created = pool->created,
      .acquired = pool->acquired,
      .released = pool->released,
      .timeouts = pool->timeouts,
      .leaked = pool->leaked,
      .wait_time = durations(&pool->wait_us, pool->wait_us.samples),
      .use_time = durations(&pool->use_us, pool->uses),
  };
  memcpy(out->removed, pool->removed, sizeof out->removed);
  pthread_mutex_unlock(&locked->lock);
}
