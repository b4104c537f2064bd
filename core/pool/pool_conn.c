/* pool_conn.c: the life of one connection record: its state, the list that goes with it, its users, its end.
 *
 * Runs with the pool's lock held, on any thread. conn_set_state is the only place that changes a state or moves a
 * record from list to list, so the two cannot disagree, and the only one that counts. A record is freed when the
 * network side has said closed and every user has given it back, whichever comes last. */
#include "pool/pool_state.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"

/* The first uses of a pool are all timed exactly, later ones in part: a clock that is read twice costs more than the
 * rest of taking and giving back together. */
enum { USES_ALL_TIMED = 1000, USES_TIMED_EVERY = 16 };

static moon_list *conn_list(moon_conn *conn) {
  moon_pool *pool = conn->pool;
  if (conn->state != CONN_IN_USE || conn->leased) return &pool->lists[conn->state];
  if (conn->reserved) return &pool->reserved;
  if (conn->users >= conn->max_streams) return &pool->full;
  if (conn->users < pool->fewest) pool->fewest = conn->users;
  return &pool->shared[conn->users];
}

/* Most recently used first. One that comes back from a check goes to where it was: near the end, so look from there. */
static void file_idle(moon_pool *pool, moon_conn *conn) {
  moon_list *idle = &pool->lists[CONN_IDLE], *place = idle->next;
  if (place != idle && MOON_ENTRY(place, moon_conn, node)->idle_sequence > conn->idle_sequence) {
    place = idle;
    while (MOON_ENTRY(place->prev, moon_conn, node)->idle_sequence < conn->idle_sequence) place = place->prev;
  }
  moon_list_insert_before(place, &conn->node);
}

void conn_set_state(moon_conn *conn, conn_state state) {
  moon_pool *pool = conn->pool;
  if (conn->state != state) {
    pool->count[conn->state]--;
    pool->count[state]++;
    if (conn->state == CONN_CONNECTING && conn->warmup) pool->warming--;
    if (state == CONN_CLOSING) {
      pool->total--;
      moon_timers_stop(&pool->timers, &conn->timer);
    }
    if (state != CONN_IN_USE && conn->reserved) {
      conn->reserved = false;
      pool->held--;
    }
    conn->state = state;
  }
  moon_list_remove(&conn->node);
  if (state == CONN_IDLE)
    file_idle(pool, conn);
  else
    moon_list_push_front(conn_list(conn), &conn->node);
}

moon_conn *conn_new(moon_pool *pool) {
  moon_conn *conn = moon_zalloc(sizeof *conn);
  conn->pool = pool;
  conn->id = ++(pool->is_lane ? pool->owner : pool)->last_id;
  conn->state = CONN_CONNECTING;
  conn->generation = pool->generation;
  conn->attempt = pool->attempt;
  conn->expires_ms = INT64_MAX;
  moon_list_init(&conn->net_node);
  moon_timer_init(&conn->timer, conn_timer_fired);
  moon_list_push_back(&pool->lists[CONN_CONNECTING], &conn->node);
  moon_list_push_back(&pool->all, &conn->all_node);
  pool->count[CONN_CONNECTING]++;
  pool->total++;
  if (pool->owed) pool->owed--;
  pool->open++;
  pool->refs++;
  pool_want_net(conn, NET_CONNECT);
  return conn;
}

void conn_limit(moon_conn *conn, int max_streams) {
  const moon_pool_options *options = &conn->pool->options;
  int most = options->single_use ? 1 : options->max_streams_per_connection;
  conn->max_streams = max_streams < 1 ? 1 : max_streams < most ? max_streams : most;
}

void conn_established(moon_conn *conn, int max_streams) {
  moon_pool *pool = conn->pool;
  const moon_pool_options *options = &pool->options;
  int64_t now = moon_clock_now_ms();
  conn_limit(conn, max_streams);
  conn->created_ms = conn->idle_since_ms = conn->checked_ms = now;
  if (options->max_lifetime_ms) conn->expires_ms = now + moon_random_jitter(options->max_lifetime_ms, 10);
  conn->check_interval_ms = moon_random_jitter(options->health_check_interval_ms, 10);
  conn->established = true;
  pool->created++;
  pool_tell(pool, MOON_EVENT_CONNECTION_CREATED, conn, NULL);
  conn->idle_sequence = ++pool->idle_sequence;
  conn_set_state(conn, CONN_IDLE);
  arm_conn(conn, now);
}

void conn_check(moon_conn *conn) {
  conn->check_running = true;
  if (conn->state == CONN_IDLE) conn_set_state(conn, CONN_CHECKING);
  pool_want_net(conn, NET_CHECK);
}

static bool timed_exactly(moon_pool *pool) {
  uint64_t use = pool->uses++;
  return use < USES_ALL_TIMED || use % USES_TIMED_EVERY == 0;
}

void conn_begin_use(moon_conn *conn, moon_use use, const char *origin, int64_t coarse_ms) {
  moon_pool *pool = conn->pool;
  if (conn->users++ == 0) {
    conn->busy_since_ms = coarse_ms;
    conn->busy_since_ns = timed_exactly(pool) ? moon_clock_now_ns() : 0;
  }
  if (use == MOON_USE_LEASE) {
    conn->leased = true;
    if (pool->options.leak_detection_threshold_ms) {
      conn->leak_told = false;
      snprintf(conn->origin, sizeof conn->origin, "%s", origin ? origin : "(unknown)");
    }
  }
  conn_set_state(conn, CONN_IN_USE);
  atomic_store_explicit(&conn->use_count, conn->use_count + 1, memory_order_relaxed);
  pool->acquired++;
  pool_tell(pool, MOON_EVENT_CONNECTION_ACQUIRED, conn, NULL);
}

/* Its last user has left. */
static void note_use(moon_conn *conn, int64_t coarse_ms) {
  moon_histogram *use_us = &conn->pool->use_us;
  int64_t about_us = (coarse_ms - conn->busy_since_ms) * 1000;
  if (conn->busy_since_ns)
    moon_histogram_record(use_us, (moon_clock_now_ns() - conn->busy_since_ns) / 1000);
  else if (about_us > use_us->max)
    use_us->max = about_us;
}

void conn_end_use(moon_conn *conn) {
  moon_pool *pool = conn->pool;
  conn->users--;
  conn->leased = false;
  pool->released++;
  pool_tell(pool, MOON_EVENT_CONNECTION_RELEASED, conn, NULL);
  if (conn->users) {
    conn_set_state(conn, conn->state);
    return;
  }
  int64_t now = moon_clock_coarse_ms();
  note_use(conn, now);
  if (conn->state == CONN_DRAINING || conn->state == CONN_CLOSING) {
    conn_remove(conn, conn->reason);
  } else if (pool->closed || pool->options.single_use) {
    conn_remove(conn, MOON_REMOVED_CLOSED);
  } else if (now >= conn->expires_ms) {
    conn_remove(conn, MOON_REMOVED_LIFETIME);
  } else {
    conn->idle_since_ms = now;
    conn->idle_sequence = ++pool->idle_sequence;
    conn_set_state(conn, CONN_IDLE);
  }
}

void conn_reserve(moon_conn *conn, bool reserved) {
  conn->reserved = reserved;
  conn->pool->held += reserved ? 1 : -1;
  conn_set_state(conn, CONN_IN_USE);
}

void conn_drain(moon_conn *conn, moon_remove_reason reason) {
  switch (conn->state) {
  case CONN_CONNECTING:
    conn->leaving = true;
    conn->reason = reason;
    break;
  case CONN_IDLE:
  case CONN_CHECKING:
  case CONN_UNHEALTHY:
    conn_remove(conn, reason);
    break;
  case CONN_IN_USE:
    conn->reason = reason;
    conn_set_state(conn, CONN_DRAINING);
    break;
  default: /* on its way already, for a reason of its own */
    break;
  }
}

void conn_remove(moon_conn *conn, moon_remove_reason reason) {
  moon_pool *pool = conn->pool;
  conn->reason = reason;
  conn_set_state(conn, CONN_CLOSING);
  if (conn->users) return; /* a lost one: conn_end_use comes back here with the last of them */
  if (conn->established) {
    pool->removed[reason]++;
    pool_tell(pool, MOON_EVENT_CONNECTION_REMOVED, conn, NULL);
  }
  pool_want_net(conn, NET_CLOSE);
}

void conn_cut(moon_conn *conn, moon_remove_reason reason) {
  moon_pool *pool = conn->pool;
  if (conn->state == CONN_DRAINING || conn->state == CONN_CLOSING) reason = conn->reason;
  for (; conn->users; conn->users--) {
    conn->revoked++;
    pool->released++;
    pool_tell(pool, MOON_EVENT_CONNECTION_RELEASED, conn, NULL);
  }
  conn->leased = false;
  conn_remove(conn, reason);
}

void conn_finish(moon_conn *conn) {
  moon_pool *pool = conn->pool;
  if (conn->state != CONN_CLOSING || !conn->net_closed || conn->users) return;
  if (!conn->gone) {
    conn->gone = true;
    pool->open--;
    pool->count[CONN_CLOSING]--;
    moon_list_remove(&conn->node);
    moon_list_remove(&conn->all_node);
  }
  if (conn->revoked) return;
  conn->next_freed = pool->work->freed;
  pool->work->freed = conn;
}

int pool_alive(const moon_pool *pool) {
  return pool->count[CONN_IDLE] + pool->count[CONN_IN_USE] + pool->count[CONN_CHECKING];
}
