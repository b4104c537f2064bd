/* pool_waiters.c: who gets what.
 *
 * Runs with the pool's lock held, on any thread. Waiters stand in two queues, leases and streams, each in order of
 * arrival; a number given on arrival says who of the two heads came first. What is true whenever the lock is free:
 *   - where there is an idle connection, nobody waits;
 *   - where streams wait although a shared connection has room, a new connection is being made for each of them, and
 *     none has waited longer than STREAM_PATIENCE_MS; in a lane, where connections are for filling, no stream waits
 *     while one has room;
 *   - a reservation belongs to no particular waiter: as many shared connections take no new streams as there are leases
 *     for whom no connection is being made, and whoever has waited longest gets the first one that becomes free.
 * Each step serves somebody, begins a connection or moves a reservation; nothing is searched. */
#include "pool/pool_state.h"

#include "base/clock.h"

/* How long a stream waits for a connection of its own while it could share one. Longer than a handshake nearby, shorter
 * than a person notices. */
enum { STREAM_PATIENCE_MS = 50 };

static moon_waiter *head(const moon_pool *pool, moon_use use) {
  const moon_list *queue = &pool->waiting[use];
  return moon_list_empty(queue) ? NULL : MOON_ENTRY(queue->next, moon_waiter, node);
}

moon_waiter *oldest_waiter(const moon_pool *pool) {
  moon_waiter *lease = head(pool, MOON_USE_LEASE), *stream = head(pool, MOON_USE_STREAM);
  if (!lease || !stream) return lease ? lease : stream;
  return lease->sequence < stream->sequence ? lease : stream;
}

int pool_waiting(const moon_pool *pool) {
  return pool->waiting_count[MOON_USE_LEASE] + pool->waiting_count[MOON_USE_STREAM];
}

void forget_waiter(moon_pool *pool, moon_waiter *waiter) {
  moon_list_remove(&waiter->node);
  pool->waiting_count[waiter->use]--;
  moon_timers_stop(&pool->timers, &waiter->timer);
}

void answer_waiter(moon_pool *pool, moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  if (waiter->state == WAITER_WAITING) forget_waiter(pool, waiter);
  waiter->state = WAITER_ANSWERED;
  waiter->conn = conn;
  waiter->err = err;
  moon_list_push_back(&pool->work->answered, &waiter->node);
}

/* --- what there is --- */

/* The idle connection whose turn it is, of those that are young enough: the most recently used, or (rotate) the least.
 */
static moon_conn *first_idle(moon_pool *pool, int64_t coarse_ms) {
  moon_list *idle = &pool->lists[CONN_IDLE];
  while (!moon_list_empty(idle)) {
    moon_conn *conn = MOON_ENTRY(pool->rotate ? idle->prev : idle->next, moon_conn, node);
    if (coarse_ms < conn->expires_ms) return conn;
    conn_remove(conn, MOON_REMOVED_LIFETIME);
  }
  return NULL;
}

/* The shared connection with the fewest streams among those with room. */
static moon_conn *least_loaded(moon_pool *pool) {
  for (; pool->fewest < pool->options.max_streams_per_connection; pool->fewest++) {
    moon_list *list = &pool->shared[pool->fewest];
    if (!moon_list_empty(list)) return MOON_ENTRY(list->next, moon_conn, node);
  }
  return NULL;
}

/* --- new connections --- */

static bool backing_off(const moon_pool *pool) {
  return pool->failures && moon_clock_now_ms() < pool->retry_at_ms;
}

/* After a failure one attempt at a time, until one succeeds. */
static bool may_connect(const moon_pool *pool) {
  if (pool->closed || pool->total >= pool->options.max_connections) return false;
  if (pool->failures) return !pool->count[CONN_CONNECTING] && !backing_off(pool);
  return pool->count[CONN_CONNECTING] - pool->warming < pool->options.max_connecting;
}

static bool wants_connection(const moon_pool *pool) {
  if (pool_waiting(pool) > pool->count[CONN_CONNECTING] || pool->owed) return true;
  return pool->filling && !pool->pathfinding &&
         pool->total - pool->count[CONN_DRAINING] < pool->options.min_connections;
}

void warm_up(moon_pool *pool, int total) {
  while (pool->total < total) {
    conn_new(pool)->warmup = true;
    pool->warming++;
  }
}

static void begin_connections(moon_pool *pool) {
  while (wants_connection(pool) && may_connect(pool)) conn_new(pool);
}

/* Wakes the pool when the back-off ends, where that is of use. */
static void arm_retry(moon_pool *pool) {
  bool of_use = backing_off(pool) && !pool->closed && !pool->count[CONN_CONNECTING] &&
                pool->total < pool->options.max_connections && wants_connection(pool);
  if (!of_use)
    moon_timers_stop(&pool->timers, &pool->retry_timer);
  else if (!moon_timer_active(&pool->retry_timer))
    moon_timers_set(&pool->timers, &pool->retry_timer, pool->retry_at_ms);
}

bool pool_is_down(const moon_pool *pool) {
  return pool->failures > 1 && !pool_alive(pool) && !pool->count[CONN_CONNECTING] && backing_off(pool);
}

/* --- bringing both together --- */

moon_conn *hand_out(moon_pool *pool, moon_use use, const char *origin) {
  int64_t coarse_ms = moon_clock_coarse_ms();
  int total = pool->total;
  moon_conn *conn = first_idle(pool, coarse_ms);
  if (pool->total != total) begin_connections(pool); /* some were too old: replace them */
  if (!conn && use == MOON_USE_STREAM && !pool->waiting_count[MOON_USE_STREAM] && (pool->is_lane || !may_connect(pool)))
    conn = least_loaded(pool);
  if (!conn) return NULL;
  conn_begin_use(conn, use, origin, coarse_ms);
  moon_histogram_record(&pool->wait_us, 0);
  return conn;
}

void enqueue_waiter(moon_pool *pool, moon_waiter *waiter) {
  pool->filling = !pool->options.single_use;
  waiter->state = WAITER_WAITING;
  waiter->sequence = ++pool->waiter_sequence;
  waiter->since_ns = moon_clock_now_ns();
  int64_t now = waiter->since_ns / 1000000;
  waiter->deadline_ms = now + (waiter->timeout_ms > 0 ? waiter->timeout_ms : pool->options.acquire_timeout_ms);
  waiter->patient = waiter->use == MOON_USE_STREAM && !pool->is_lane && now + STREAM_PATIENCE_MS < waiter->deadline_ms;
  moon_list_push_back(&pool->waiting[waiter->use], &waiter->node);
  pool->waiting_count[waiter->use]++;
  moon_timer_init(&waiter->timer, waiter_timer_fired);
  moon_timers_set(&pool->timers, &waiter->timer, waiter->patient ? now + STREAM_PATIENCE_MS : waiter->deadline_ms);
}

static void give(moon_pool *pool, moon_waiter *waiter, moon_conn *conn) {
  moon_histogram_record(&pool->wait_us, (moon_clock_now_ns() - waiter->since_ns) / 1000);
  conn_begin_use(conn, waiter->use, waiter->origin, moon_clock_coarse_ms());
  answer_waiter(pool, waiter, conn, NULL);
}

static void give_idle(moon_pool *pool) {
  moon_waiter *waiter;
  moon_conn *conn;
  while ((waiter = oldest_waiter(pool)) && (conn = first_idle(pool, moon_clock_coarse_ms()))) give(pool, waiter, conn);
}

static bool give_place(moon_pool *pool) {
  moon_waiter *waiter = head(pool, MOON_USE_STREAM);
  if (!waiter || (waiter->patient && pool_waiting(pool) <= pool->count[CONN_CONNECTING])) return false;
  moon_conn *conn = least_loaded(pool);
  if (!conn) return false;
  give(pool, waiter, conn);
  return true;
}

/* How many shared connections should be kept for leases. None while a stream waits that came before them: it is owed
 * the next place. */
static int wanted_reservations(const moon_pool *pool) {
  moon_waiter *oldest = oldest_waiter(pool);
  if (!oldest || oldest->use != MOON_USE_LEASE) return 0;
  return pool->waiting_count[MOON_USE_LEASE] - pool->count[CONN_CONNECTING];
}

static void settle_reservations(moon_pool *pool) {
  int wanted = wanted_reservations(pool);
  while (pool->held < wanted) {
    moon_conn *conn = least_loaded(pool);
    if (!conn && !moon_list_empty(&pool->full)) conn = MOON_ENTRY(pool->full.next, moon_conn, node);
    if (!conn) return;
    conn_reserve(conn, true);
  }
  while (pool->held > 0 && pool->held > wanted) conn_reserve(MOON_ENTRY(pool->reserved.next, moon_conn, node), false);
}

void serve_waiters(moon_pool *pool) {
  give_idle(pool);
  while (pool->is_lane && give_place(pool)) continue;
  begin_connections(pool);
  do settle_reservations(pool);
  while (give_place(pool));
  arm_retry(pool);
}
