/* network.c: see network.h.
 *
 * The pool's requests (connect, check, close) come on any thread and become tasks of the reactor; what the transport
 * tells comes on the reactor's thread and goes straight to the pool. A wire stands between one connection's record and
 * its transport; it is made by connect, freed by close, and touched on the reactor's thread only.
 *
 * Where there are several endpoints a wire may meet several of them before it is established: a transport for each.
 * Once it is, it stays. Whatever may have changed who should have how many connections (one established, one closed,
 * news of an endpoint, the end of a back-off) ends in look_over, which moves one that is beyond its endpoint's part and
 * comes back later for the next.
 *
 * The pool's memory is freed by end_now, on the reactor's thread, after the timers were stopped: they never find it
 * gone.
 */
#include "cluster/network.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

enum {
  MOVE_EVERY_MS = 250,
  DEAD_EVERY_MS = 1000,   /* while reads may become silent on connections to a server that is down */
  LEAST_CONNECT_MS = 100, /* for the last of many endpoints, when those before took longer than they should */
};

struct moon_network {
  moon_reactor *reactor;
  moon_endpoints *endpoints;
  moon_conn_kind kind;
  struct moon_cluster *cluster;
  moon_timer timer;    /* the pool's next duty; reactor thread */
  moon_task wake_task; /* sets the timer */
  moon_task end_task;
  moon_list wires;       /* reactor thread */
  moon_timer look_timer; /* likewise */
  moon_task look_task;
  int64_t moved_ms;        /* when a connection was moved last */
  int64_t stale_before_ms; /* connections begun before this are stale, and the pool knows */
  atomic_bool look_posted;

  pthread_mutex_t lock; /* guards what follows */
  moon_pool *pool;      /* set once, when moon_pool_new has returned */
  int64_t wake_at_ms;   /* -1: not set */
  bool wake_posted;
};

typedef struct wire {
  atomic_int refs; /* until it is closed, and one for each check or further try on its way to the reactor */
  moon_network *network;
  moon_conn *conn;
  moon_list node; /* on the network's wires */
  moon_endpoint *endpoint;
  moon_transport *transport;
  moon_endpoint **tried; /* could not be connected to, */
  moon_error **errors;   /* and why */
  size_t tried_count;
  int64_t connect_timeout_ms, connect_until_ms, check_timeout_ms;
  moon_task connect_task, next_task, check_task, close_task;
  moon_exchange check;
  moon_response check_response;
  int64_t begun_ms;
  bool asks_version; /* /livez is not there: an old server, or a proxy that hides it */
  bool checking;
  bool lost; /* while checking: told when the check is done */
  bool established;
  bool leaving; /* takes no new users; its endpoint counts it no more */
  bool closing;
} wire;

static void look_over(moon_network *network);
static void post_look(moon_network *network);

/* --- what the transport tells --- */

static void forget_tries(wire *w) {
  for (size_t i = 0; i < w->tried_count; i++) {
    moon_endpoint_release(w->tried[i]);
    moon_error_free(w->errors[i]);
  }
  free(w->tried);
  free(w->errors);
  w->tried = NULL;
  w->errors = NULL;
  w->tried_count = 0;
}

static void on_established(void *owner, int max_streams) {
  wire *w = owner;
  w->established = true;
  forget_tries(w);
  moon_endpoint_connected(w->endpoint);
  moon_conn_connected(w->conn, max_streams);
  post_look(w->network);
}

/* On to the next endpoint; from a task, because the transport cannot be closed here. */
static void on_failed(void *owner, moon_error *err) {
  wire *w = owner;
  if (err->kind != MOON_CREDENTIAL) moon_endpoint_connect_failed(w->endpoint, err); /* it was not even asked */
  moon_endpoint_closed(w->endpoint, w->network->kind);
  w->tried = moon_realloc(w->tried, (w->tried_count + 1) * sizeof(moon_endpoint *));
  w->errors = moon_realloc(w->errors, (w->tried_count + 1) * sizeof(moon_error *));
  w->tried[w->tried_count] = w->endpoint;
  w->errors[w->tried_count++] = err;
  w->endpoint = NULL;
  atomic_fetch_add(&w->refs, 1);
  moon_reactor_post(w->network->reactor, &w->next_task);
}

static void on_limited(void *owner, int max_streams) {
  moon_conn_limit(((wire *)owner)->conn, max_streams);
}

static void count_no_more(wire *w) {
  if (!w->leaving) moon_endpoint_closed(w->endpoint, w->network->kind);
  w->leaving = true;
}

static void on_drain(void *owner) {
  wire *w = owner;
  count_no_more(w);
  moon_conn_drain(w->conn);
}

/* A check without an answer ends an HTTP/1.1 connection: that it was the check is told first. */
static void on_lost(void *owner) {
  wire *w = owner;
  count_no_more(w);
  if (w->checking)
    w->lost = true;
  else
    moon_conn_lost(w->conn);
}

/* We say by another certificate who we are, or trust others. The pool is told once: those made since then are not
 * meant.
 */
static void on_stale(void *owner) {
  wire *w = owner;
  moon_network *network = w->network;
  if (w->begun_ms < network->stale_before_ms) return;
  network->stale_before_ms = moon_clock_now_ms();
  moon_pool_make_stale(moon_conn_pool(w->conn));
}

static const moon_transport_events transport_events = {on_established, on_failed, on_limited,
                                                       on_drain,       on_lost,   on_stale};

/* --- checks --- */

static const moon_request livez = {.method = "GET", .path = "/livez", .compression = 0};
static const moon_request version = {.method = "GET", .path = "/version", .compression = 0};

static void run_check(wire *w);

/* Any answer proves that the connection works, refusals (401, 403, 429) included; a 5xx says that the server does not.
 */
static void check_done(moon_exchange *exchange, moon_error *err) {
  wire *w = MOON_ENTRY(exchange, wire, check);
  int status = w->check_response.status;
  moon_response_clear(&w->check_response);
  w->checking = false;
  if (w->closing) {
    moon_error_free(err);
    return;
  }
  if (!err && status == 404 && !w->asks_version && !w->lost) {
    w->asks_version = true;
    run_check(w);
    return;
  }
  if (err && err->kind == MOON_CREDENTIAL) { /* it was not asked: that says nothing against it */
    moon_error_free(err);
    err = NULL;
  }
  if (!err && status >= 500) {
    err = moon_error_new(MOON_SERVER, "%s: the health check answered HTTP %d",
                         moon_dialer_endpoint(moon_endpoint_dialer(w->endpoint)), status);
  }
  moon_conn_checked(w->conn, err);
  if (w->lost) moon_conn_lost(w->conn);
}

static const moon_exchange_handler check_handler = {.done = check_done};

static void run_check(wire *w) {
  w->checking = true;
  w->check = (moon_exchange){
      .handler = &check_handler,
      .request = w->asks_version ? &version : &livez,
      .response = &w->check_response,
      .deadline_ms = moon_clock_now_ms() + w->check_timeout_ms,
  };
  moon_transport_run(w->transport, &w->check);
}

/* --- the pool's requests, as tasks --- */

static void release_wire(wire *w) {
  if (atomic_fetch_sub(&w->refs, 1) != 1) return;
  forget_tries(w);
  moon_endpoint_release(w->endpoint);
  free(w);
}

/* Begins to connect to the next endpoint; false when all were tried. */
static bool dial(wire *w) {
  moon_network *network = w->network;
  w->begun_ms = moon_clock_now_ms();
  w->endpoint = moon_endpoints_pick(network->endpoints, network->kind, w->tried, w->tried_count);
  if (!w->endpoint) return false;
  size_t count = moon_endpoints_count(network->endpoints);
  int64_t shares = count > w->tried_count ? (int64_t)(count - w->tried_count) : 1;
  int64_t timeout_ms = (w->connect_until_ms - moon_clock_now_ms()) / shares;
  w->transport = moon_transport_new(network->reactor, moon_endpoint_dialer(w->endpoint), &transport_events, w);
  if (timeout_ms < LEAST_CONNECT_MS) timeout_ms = LEAST_CONNECT_MS;
  moon_transport_connect(w->transport, timeout_ms < w->connect_timeout_ms ? timeout_ms : w->connect_timeout_ms);
  return true;
}

static void connect_now(moon_task *task) {
  wire *w = MOON_ENTRY(task, wire, connect_task);
  moon_list_push_back(&w->network->wires, &w->node);
  w->connect_until_ms = moon_clock_now_ms() + w->connect_timeout_ms;
  dial(w);
}

static void connect_next(moon_task *task) {
  wire *w = MOON_ENTRY(task, wire, next_task);
  if (!w->closing) {
    moon_transport_close(w->transport);
    w->transport = NULL;
    look_over(w->network); /* a back-off has begun */
    if (!dial(w)) {
      moon_error *err = moon_endpoints_all_failed(w->tried, w->errors, w->tried_count);
      for (size_t i = 0; i < w->tried_count; i++) w->errors[i] = NULL;
      moon_conn_connect_failed(w->conn, err);
    }
  }
  release_wire(w);
}

static void check_now(moon_task *task) {
  wire *w = MOON_ENTRY(task, wire, check_task);
  if (!w->closing) run_check(w);
  release_wire(w);
}

static void close_now(moon_task *task) {
  wire *w = MOON_ENTRY(task, wire, close_task);
  moon_conn *conn = w->conn;
  w->closing = true;
  moon_conn_set_link(conn, NULL);
  moon_list_remove(&w->node);
  if (w->transport) moon_transport_close(w->transport);
  if (w->endpoint) count_no_more(w);
  look_over(w->network);
  release_wire(w);
  moon_conn_closed(conn);
}

static void net_connect(void *ctx, moon_conn *conn, int64_t timeout_ms) {
  wire *w = moon_zalloc(sizeof *w);
  w->refs = 1;
  w->network = ctx;
  w->conn = conn;
  w->connect_timeout_ms = timeout_ms;
  w->connect_task.run = connect_now;
  w->next_task.run = connect_next;
  w->check_task.run = check_now;
  w->close_task.run = close_now;
  w->check_response.retry_after_ms = -1;
  moon_conn_set_link(conn, w);
  moon_reactor_post(w->network->reactor, &w->connect_task);
}

static void net_check(void *ctx, moon_conn *conn, int64_t timeout_ms) {
  wire *w = moon_conn_link(conn);
  w->check_timeout_ms = timeout_ms;
  atomic_fetch_add(&w->refs, 1);
  moon_reactor_post(w->network->reactor, &w->check_task);
}

static void net_close(void *ctx, moon_conn *conn) {
  wire *w = moon_conn_link(conn);
  moon_reactor_post(w->network->reactor, &w->close_task);
}

/* --- moving connections between endpoints --- */

static bool has_one_server(const moon_network *network) {
  return moon_endpoints_count(network->endpoints) == 1 && !moon_endpoints_resolves(network->endpoints);
}

static bool is_surplus(const wire *w) {
  return w->established && !w->leaving && moon_endpoint_surplus(w->endpoint, w->network->kind) > 0;
}

/* A server that is down, while there is another one: no new users for its connections; and when it does not answer at
 * all, nobody waits for what it was asked to read: that is asked of another one. True: look again soon. */
static bool leave_the_dead(moon_network *network) {
  bool again = false;
  for (moon_list *node = network->wires.next; node != &network->wires; node = node->next) {
    wire *w = MOON_ENTRY(node, wire, node);
    if (!w->established || moon_health_usable(moon_endpoint_state(w->endpoint))) continue;
    if (is_surplus(w)) {
      count_no_more(w);
      moon_conn_drain(w->conn);
    }
    moon_error *why = w->leaving ? moon_endpoint_unreachable(w->endpoint) : NULL;
    if (why && moon_transport_give_up_reads(w->transport, why)) again = true;
    moon_error_free(why);
  }
  return again;
}

static bool move_one(moon_network *network, bool idle_only) {
  for (moon_list *node = network->wires.next; node != &network->wires; node = node->next) {
    wire *w = MOON_ENTRY(node, wire, node);
    if (!is_surplus(w) || !moon_conn_replace(w->conn, idle_only)) continue;
    count_no_more(w);
    return true;
  }
  return false;
}

static void look_over(moon_network *network) {
  if (has_one_server(network)) return;
  pthread_mutex_lock(&network->lock);
  moon_pool *pool = network->pool;
  pthread_mutex_unlock(&network->lock);
  if (!pool) return; /* it is being made: set_pool looks again */
  moon_pool_rotate(pool, moon_endpoints_count(network->endpoints) > 1);
  bool again = leave_the_dead(network);
  int64_t now_ms = moon_clock_now_ms(), next_ms = -1;
  if (moon_timer_active(&network->look_timer) && network->moved_ms + MOVE_EVERY_MS > now_ms) return;
  if (move_one(network, true) || move_one(network, false)) {
    network->moved_ms = now_ms;
    next_ms = now_ms + MOVE_EVERY_MS;
  } else {
    next_ms = moon_endpoints_retry_at_ms(network->endpoints);
    if (again && (next_ms < 0 || next_ms > now_ms + DEAD_EVERY_MS)) next_ms = now_ms + DEAD_EVERY_MS;
  }
  if (next_ms >= 0)
    moon_reactor_set_timer(network->reactor, &network->look_timer, next_ms);
  else
    moon_reactor_stop_timer(network->reactor, &network->look_timer);
}

static void look_due(moon_timer *timer) {
  look_over(MOON_ENTRY(timer, moon_network, look_timer));
}

static void look_now(moon_task *task) {
  moon_network *network = MOON_ENTRY(task, moon_network, look_task);
  atomic_store(&network->look_posted, false);
  look_over(network);
}

static void post_look(moon_network *network) {
  if (has_one_server(network) || atomic_exchange(&network->look_posted, true)) return;
  moon_reactor_post(network->reactor, &network->look_task);
}

void moon_network_rebalance(moon_pool *pool) {
  post_look(moon_network_of(pool));
  post_look(moon_network_of(moon_pool_lane(pool)));
}

/* --- the pool's clock --- */

static void timer_due(moon_timer *timer) {
  moon_network *network = MOON_ENTRY(timer, moon_network, timer);
  pthread_mutex_lock(&network->lock);
  network->wake_at_ms = -1;
  moon_pool *pool = network->pool;
  pthread_mutex_unlock(&network->lock);
  moon_pool_tick(pool); /* asks for the next time */
}

static void set_timer(moon_task *task) {
  moon_network *network = MOON_ENTRY(task, moon_network, wake_task);
  pthread_mutex_lock(&network->lock);
  int64_t at_ms = network->wake_at_ms;
  network->wake_posted = false;
  pthread_mutex_unlock(&network->lock);
  if (at_ms >= 0) moon_reactor_set_timer(network->reactor, &network->timer, at_ms);
}

/* Only an earlier time is acted on: one that moves back finds nothing due when the timer rings, and asks again. */
static void net_wake_at(void *ctx, int64_t at_ms) {
  moon_network *network = ctx;
  pthread_mutex_lock(&network->lock);
  bool earlier = at_ms >= 0 && (network->wake_at_ms < 0 || at_ms < network->wake_at_ms);
  bool post = false;
  if (earlier) {
    network->wake_at_ms = at_ms;
    post = network->pool && !network->wake_posted;
    if (post) network->wake_posted = true;
  }
  pthread_mutex_unlock(&network->lock);
  if (post) moon_reactor_post(network->reactor, &network->wake_task);
}

static void end_now(moon_task *task) {
  moon_network *network = MOON_ENTRY(task, moon_network, end_task);
  moon_reactor_stop_timer(network->reactor, &network->timer);
  moon_reactor_stop_timer(network->reactor, &network->look_timer);
  moon_reactor *reactor = network->reactor;
  moon_pool_disposed(network->pool);
  moon_endpoints_release(network->endpoints);
  pthread_mutex_destroy(&network->lock);
  free(network);
  moon_reactor_release(reactor);
}

static void net_dispose(void *ctx) {
  moon_network *network = ctx;
  moon_reactor_post(network->reactor, &network->end_task);
}

/* --- making it --- */

/* Takes over the reference of the reactor. */
static moon_network *network_new(moon_reactor *reactor, moon_endpoints *endpoints, moon_conn_kind kind) {
  moon_network *network = moon_zalloc(sizeof *network);
  network->reactor = reactor;
  network->endpoints = moon_endpoints_retain(endpoints);
  network->kind = kind;
  network->wake_at_ms = -1;
  network->wake_task.run = set_timer;
  network->end_task.run = end_now;
  network->look_task.run = look_now;
  moon_list_init(&network->wires);
  moon_timer_init(&network->look_timer, look_due);
  moon_timer_init(&network->timer, timer_due);
  pthread_mutex_init(&network->lock, NULL);
  return network;
}

static moon_pool_net functions(moon_network *network) {
  return (moon_pool_net){network, net_connect, net_check, net_close, net_wake_at, net_dispose};
}

static void set_pool(moon_network *network, moon_pool *pool) {
  pthread_mutex_lock(&network->lock);
  network->pool = pool;
  int64_t wanted_ms = network->wake_at_ms;
  network->wake_at_ms = -1;
  pthread_mutex_unlock(&network->lock);
  net_wake_at(network, wanted_ms); /* what was asked for before the pool was known */
  post_look(network);
}

moon_pool *moon_network_pool(const char *name, const moon_pool_options *options, moon_endpoints *endpoints,
                             moon_event_queue *events) {
  moon_network *network = network_new(moon_reactor_shared(), endpoints, MOON_CONNS_POOL);
  moon_pool_net net = functions(network);
  moon_pool *pool = moon_pool_new(name, options, &net, events);
  set_pool(network, pool);

  moon_network *lane_network = network_new(moon_reactor_retain(network->reactor), endpoints, MOON_CONNS_LANE);
  net = functions(lane_network);
  set_pool(lane_network, moon_pool_add_lane(pool, &net));
  return pool;
}

moon_network *moon_network_of(const moon_pool *pool) {
  return moon_pool_net_ctx(pool);
}

moon_reactor *moon_network_reactor(const moon_network *network) {
  return network->reactor;
}

void moon_network_set_cluster(moon_pool *pool, struct moon_cluster *cluster) {
  moon_network_of(pool)->cluster = cluster;
  moon_network_of(moon_pool_lane(pool))->cluster = cluster;
}

struct moon_cluster *moon_network_cluster(const moon_network *network) {
  return network->cluster;
}

moon_transport *moon_network_transport(const moon_conn *conn) {
  const wire *w = moon_conn_link(conn);
  return w ? w->transport : NULL;
}

moon_endpoint *moon_network_endpoint(const moon_conn *conn) {
  const wire *w = moon_conn_link(conn);
  return w ? w->endpoint : NULL;
}
