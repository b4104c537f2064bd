/* pool_upkeep.c: what time brings to a pool, and what the network side tells it.
 *
 * Runs on whichever thread ticks or tells. A connection's timer fires at the first moment at which it might need
 * something and is then set anew; since taking and giving back do not touch it, it may fire for nothing, never late.
 * Checks: an idle connection is asked after health_check_interval_ms (+/- 10 %) without use or check; one that fails is
 * UNHEALTHY and is asked again after RECHECK_MS, health_check_retries times, before it is removed. */
#include "pool/pool_state.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

enum {
  RECHECK_MS = 1000, /* also of an old connection that could not be drained */
  BACKOFF_FIRST_MS = 100,
  BACKOFF_CAP_MS = 5000,
  BACKOFF_CAP_SHORT_MS = 1000, /* while connections are missing that should be there */
  BACKOFF_JITTER = 20,         /* percent */
};

static int64_t earlier(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* --- a connection's timer --- */

static int64_t leak_due(const moon_conn *conn, int64_t now_ms) {
  int64_t threshold = conn->pool->options.leak_detection_threshold_ms;
  if (!threshold) return INT64_MAX;
  return conn->leased && !conn->leak_told ? conn->busy_since_ms + threshold : now_ms + threshold;
}

static int64_t idle_due(const moon_conn *conn, int64_t now_ms) {
  int64_t max_idle = conn->pool->options.max_idle_time_ms;
  if (!max_idle) return INT64_MAX;
  int64_t due = conn->state == CONN_IDLE ? conn->idle_since_ms + max_idle : INT64_MAX;
  return due > now_ms ? earlier(due, now_ms + max_idle) : now_ms + max_idle; /* past: kept for min_connections */
}

static int64_t check_due(const moon_conn *conn, int64_t now_ms) {
  if (conn->state == CONN_UNHEALTHY) return conn->check_running ? INT64_MAX : conn->retry_ms;
  if (!conn->pool->options.health_check_interval_ms) return INT64_MAX;
  if (conn->state != CONN_IDLE) return now_ms + conn->check_interval_ms;
  int64_t proven_ms = conn->checked_ms > conn->idle_since_ms ? conn->checked_ms : conn->idle_since_ms;
  return proven_ms + conn->check_interval_ms;
}

static int64_t expiry_due(const moon_conn *conn, int64_t now_ms) {
  if (conn->leased || conn->state == CONN_DRAINING) return INT64_MAX; /* its release looks */
  return conn->expires_ms > now_ms ? conn->expires_ms : now_ms + RECHECK_MS;
}

void arm_conn(moon_conn *conn, int64_t now_ms) {
  if (conn->state == CONN_CLOSING) return;
  int64_t due = earlier(leak_due(conn, now_ms), check_due(conn, now_ms));
  due = earlier(due, idle_due(conn, now_ms));
  due = earlier(due, expiry_due(conn, now_ms));
  if (due != INT64_MAX) moon_timers_set(&conn->pool->timers, &conn->timer, due);
}

/* Longest idle first. */
static void evict_idle(moon_pool *pool, int64_t now_ms) {
  int64_t max_idle = pool->options.max_idle_time_ms;
  moon_list *idle = &pool->lists[CONN_IDLE];
  while (max_idle && !moon_list_empty(idle) && pool_alive(pool) > pool->options.min_connections) {
    moon_conn *conn = MOON_ENTRY(idle->prev, moon_conn, node);
    if (now_ms - conn->idle_since_ms < max_idle) return;
    conn_remove(conn, MOON_REMOVED_IDLE);
  }
}

static void report_leak(moon_conn *conn, int64_t now_ms) {
  moon_pool *pool = conn->pool;
  conn->leak_told = true;
  pool->leaked++;
  pool_tell(pool, MOON_EVENT_CONNECTION_LEAKED, conn, moon_strdup(conn->origin));
  moon_buffer_addf(&pool->work->log,
                   "pool %s: connection %llu has been leased for %lld ms and may have been forgotten; acquired at %s\n",
                   pool->name, (unsigned long long)conn->id, (long long)(now_ms - conn->busy_since_ms), conn->origin);
}

/* A connection in use that is too old takes no new streams. Where there is no room to make another one this is done to
 * one at a time: calls may take long, and must not close the pool to everybody else. */
static void expire(moon_conn *conn) {
  moon_pool *pool = conn->pool;
  if (conn->leased) return;
  if (conn->users && pool->total == pool->options.max_connections && pool->count[CONN_DRAINING]) return;
  conn_drain(conn, MOON_REMOVED_LIFETIME);
}

void conn_timer_fired(moon_timer *timer) {
  moon_conn *conn = MOON_ENTRY(timer, moon_conn, timer);
  moon_pool *pool = conn->pool;
  int64_t now = pool->now_ms;
  if (conn->leased && !conn->leak_told && now >= leak_due(conn, now)) report_leak(conn, now);
  if (now >= conn->expires_ms) expire(conn);
  if (conn->state == CONN_IDLE) evict_idle(pool, now);
  if ((conn->state == CONN_IDLE || conn->state == CONN_UNHEALTHY) && now >= check_due(conn, now)) conn_check(conn);
  arm_conn(conn, now);
  serve_waiters(pool);
}

/* --- waiters' time --- */

void expire_waiter(moon_pool *pool, moon_waiter *waiter, int64_t now_ms) {
  const int *count = pool->count;
  const int most = pool->options.max_connections, in_use = count[CONN_IN_USE] + count[CONN_DRAINING];
  const char *cause = "", *detail = "";
  if (pool->failures) {
    cause = "; the last attempt to connect failed: ";
    detail = pool->last_error->message;
  } else if (in_use == most) {
    cause = pool->is_lane ? "; end watches and logs that are followed for nothing"
                          : "; raise maxConnections or release connections sooner";
  } else if (count[CONN_CONNECTING]) {
    cause = "; the server is slow to take connections, or a credential plugin to answer";
  }
  moon_error *err = moon_error_new(MOON_ACQUIRE_TIMEOUT,
                                   "pool %s: no connection%s became free in %lld ms (total %d of at most %d: %d in "
                                   "use, %d idle, %d unhealthy, %d connecting; %d waiting)%s%s",
                                   pool->name, pool->is_lane ? " for a watch or another long stream" : "",
                                   (long long)(now_ms - waiter->since_ns / 1000000), pool->total, most, in_use,
                                   count[CONN_IDLE] + count[CONN_CHECKING], count[CONN_UNHEALTHY],
                                   count[CONN_CONNECTING], pool_waiting(pool), cause, detail);
  pool->timeouts++;
  pool_tell(pool, MOON_EVENT_ACQUIRE_TIMEOUT, NULL, moon_strdup(err->message));
  answer_waiter(pool, waiter, NULL, err);
  serve_waiters(pool);
}

void waiter_timer_fired(moon_timer *timer) {
  moon_waiter *waiter = MOON_ENTRY(timer, moon_waiter, timer);
  moon_pool *pool = waiter->pool;
  if (waiter->patient) {
    waiter->patient = false;
    moon_timers_set(&pool->timers, &waiter->timer, waiter->deadline_ms);
    serve_waiters(pool);
  } else {
    expire_waiter(pool, waiter, pool->now_ms);
  }
}

/* --- connecting --- */

void note_ready(moon_pool *pool, const moon_error *err) {
  if (pool->ready || pool->closed) return;
  pool->ready = true;
  pool_tell(pool, MOON_EVENT_POOL_READY, NULL, err ? moon_strdup(err->message) : NULL);
}

void retry_timer_fired(moon_timer *timer) {
  serve_waiters(MOON_ENTRY(timer, moon_pool, retry_timer));
}

void warm_up_timer_fired(moon_timer *timer) {
  moon_pool *pool = MOON_ENTRY(timer, moon_pool, warm_up_timer);
  if (pool->pathfinding) warm_up(pool, pool->options.min_connections);
  pool->pathfinding = false;
}

static void back_off(moon_pool *pool) {
  bool missing = !pool_alive(pool) || pool->total < pool->options.min_connections;
  int64_t cap = missing ? BACKOFF_CAP_SHORT_MS : BACKOFF_CAP_MS;
  int64_t delay = pool->failures < 10 ? (int64_t)BACKOFF_FIRST_MS << pool->failures : cap;
  pool->failures++;
  pool->attempt++;
  pool->retry_at_ms = moon_clock_now_ms() + moon_random_jitter(earlier(delay, cap), BACKOFF_JITTER);
  moon_timers_stop(&pool->timers, &pool->retry_timer);
}

/* One attempt that failed is one waiter's answer. When the next one fails as well the server is down, and everybody
 * gets to know. */
static void fail_waiters(moon_pool *pool, const moon_error *err) {
  moon_waiter *waiter;
  bool all = pool->failures > 1 && !pool->count[CONN_CONNECTING];
  do {
    if (!(waiter = oldest_waiter(pool))) return;
    answer_waiter(pool, waiter, NULL, moon_error_copy(err));
  } while (all);
}

void moon_conn_connect_failed(moon_conn *conn, moon_error *err) {
  moon_pool *pool = conn->pool;
  struct work work;
  pool_lock(pool, &work);
  if (conn->state != CONN_CONNECTING) { /* closed meanwhile */
    pool_unlock(pool);
    moon_error_free(err);
    return;
  }
  pool->pathfinding = false;
  conn_remove(conn, MOON_REMOVED_ERROR);
  if (conn->attempt == pool->attempt) back_off(pool);
  moon_error *old = pool->last_error;
  pool->last_error = err;
  note_ready(pool, err);
  if (!pool_alive(pool)) fail_waiters(pool, err);
  serve_waiters(pool);
  pool_unlock(pool);
  moon_error_free(old);
}

void moon_conn_connected(moon_conn *conn, int max_streams) {
  moon_pool *pool = conn->pool;
  struct work work;
  pool_lock(pool, &work);
  if (conn->state == CONN_CONNECTING) {
    pool->failures = 0;
    conn_established(conn, max_streams);
    if (pool->pathfinding && !moon_timer_active(&pool->warm_up_timer))
      moon_timers_set(&pool->timers, &pool->warm_up_timer, moon_clock_now_ms() + MOON_WARM_UP_PAUSE_MS);
    if (conn->generation != pool->generation)
      conn_remove(conn, MOON_REMOVED_STALE);
    else if (conn->leaving)
      conn_remove(conn, conn->reason);
    serve_waiters(pool);
    if (conn->state == CONN_IDLE && pool->options.single_use) conn_remove(conn, MOON_REMOVED_CLOSED);
    if (pool_alive(pool) >= pool->options.min_connections) note_ready(pool, NULL);
  }
  pool_unlock(pool);
}

/* --- the rest of what the network side tells --- */

void moon_conn_checked(moon_conn *conn, moon_error *err) {
  moon_pool *pool = conn->pool;
  struct work work;
  pool_lock(pool, &work);
  if (conn->check_running && (conn->state == CONN_CHECKING || conn->state == CONN_UNHEALTHY)) {
    int64_t now = moon_clock_now_ms();
    conn->check_running = false;
    conn->checked_ms = now;
    conn->check_interval_ms = moon_random_jitter(pool->options.health_check_interval_ms, 10);
    if (!err) {
      conn->failed_checks = 0;
      conn_set_state(conn, CONN_IDLE);
    } else if (conn->failed_checks++ < pool->options.health_check_retries) {
      conn->retry_ms = now + moon_random_jitter(RECHECK_MS, 10);
      conn_set_state(conn, CONN_UNHEALTHY);
    }
    if (conn->failed_checks == 1) pool_tell(pool, MOON_EVENT_CONNECTION_UNHEALTHY, conn, moon_strdup(err->message));
    if (conn->failed_checks > pool->options.health_check_retries) conn_remove(conn, MOON_REMOVED_UNHEALTHY);
    arm_conn(conn, now);
    serve_waiters(pool);
  }
  pool_unlock(pool);
  moon_error_free(err);
}

void moon_conn_limit(moon_conn *conn, int max_streams) {
  moon_pool *pool = conn->pool;
  struct work work;
  pool_lock(pool, &work);
  if (conn->state != CONN_CONNECTING && conn->state != CONN_CLOSING) {
    conn_limit(conn, max_streams);
    conn_set_state(conn, conn->state);
    serve_waiters(pool);
  }
  pool_unlock(pool);
}

void moon_conn_drain(moon_conn *conn) {
  moon_pool *pool = conn->pool;
  struct work work;
  pool_lock(pool, &work);
  conn_drain(conn, MOON_REMOVED_LIFETIME);
  serve_waiters(pool);
  pool_unlock(pool);
}

/* In a full pool one at a time, as with old connections: see expire. */
static bool may_leave(const moon_conn *conn, bool idle_only) {
  const moon_pool *pool = conn->pool;
  switch (conn->state) {
  case CONN_IDLE:
  case CONN_CHECKING:
  case CONN_UNHEALTHY:
    return true;
  case CONN_IN_USE:
    return !idle_only && !(pool->total == pool->options.max_connections && pool->count[CONN_DRAINING]);
  default:
    return false;
  }
}

bool moon_conn_replace(moon_conn *conn, bool idle_only) {
  moon_pool *pool = conn->pool;
  struct work work;
  pool_lock(pool, &work);
  bool leaves = !pool->closed && may_leave(conn, idle_only);
  if (leaves) {
    conn_drain(conn, MOON_REMOVED_LIFETIME);
    if (!pool->is_lane && !pool->options.single_use) pool->owed++;
    serve_waiters(pool);
  }
  pool_unlock(pool);
  return leaves;
}

void moon_conn_lost(moon_conn *conn) {
  moon_pool *pool = conn->pool;
  struct work work;
  pool_lock(pool, &work);
  /* A check without an answer ends an HTTP/1.1 connection, which has only one stream: then there is nothing to retry
   * on.
   */
  bool failed_check = conn->state == CONN_CHECKING || conn->state == CONN_UNHEALTHY;
  if (conn->state != CONN_CLOSING && conn->state != CONN_CONNECTING)
    conn_remove(conn, failed_check ? MOON_REMOVED_UNHEALTHY : MOON_REMOVED_ERROR);
  serve_waiters(pool);
  pool_unlock(pool);
}

void moon_conn_closed(moon_conn *conn) {
  moon_pool *pool = conn->pool;
  struct work work;
  pool_lock(pool, &work);
  conn->net_closed = true;
  conn_finish(conn);
  pool_unlock(pool);
}
