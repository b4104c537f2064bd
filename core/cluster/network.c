/* network.c: see network.h.
 *
 * The pool's requests (connect, check, close) come on any thread and become tasks of the reactor; what the transport
 * tells comes on the reactor's thread and goes straight to the pool. A wire stands between one connection's record and
 * its transport; it is made by connect, freed by close, and touched on the reactor's thread only.
 *
 * The pool's memory is freed by end_now, on the reactor's thread, after the timer was stopped: the timer never finds it
 * gone. */
#include "cluster/network.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

struct moon_network {
  moon_reactor *reactor;
  moon_endpoints *endpoints;
  moon_conn_kind kind;
  struct moon_cluster *cluster;
  moon_timer timer;    /* the pool's next duty; reactor thread */
  moon_task wake_task; /* sets the timer */
  moon_task end_task;

  pthread_mutex_t lock; /* guards what follows */
  moon_pool *pool;      /* set once, when moon_pool_new has returned */
  int64_t wake_at_ms;   /* -1: not set */
  bool wake_posted;
};

typedef struct wire {
  atomic_int refs; /* until it is closed, and one for each check on its way to the reactor */
  moon_network *network;
  moon_conn *conn;
  moon_endpoint *endpoint;
  moon_transport *transport;
  int64_t connect_timeout_ms, check_timeout_ms;
  moon_task connect_task, check_task, close_task;
  moon_exchange check;
  moon_response check_response;
  bool asks_version; /* /livez is not there: an old server, or a proxy that hides it */
  bool checking;
  bool lost; /* while checking: told when the check is done */
  bool closing;
} wire;

/* --- what the transport tells --- */

static void on_established(void *owner, int max_streams) {
  wire *w = owner;
  moon_endpoint_connected(w->endpoint);
  moon_conn_connected(w->conn, max_streams);
}

static void on_failed(void *owner, moon_error *err) {
  wire *w = owner;
  moon_endpoint_connect_failed(w->endpoint, err);
  moon_conn_connect_failed(w->conn, err);
}

static void on_limited(void *owner, int max_streams) {
  moon_conn_limit(((wire *)owner)->conn, max_streams);
}

static void on_drain(void *owner) {
  moon_conn_drain(((wire *)owner)->conn);
}

/* A check without an answer ends an HTTP/1.1 connection: that it was the check is told first. */
static void on_lost(void *owner) {
  wire *w = owner;
  if (w->checking)
    w->lost = true;
  else
    moon_conn_lost(w->conn);
}

static const moon_transport_events transport_events = {on_established, on_failed, on_limited, on_drain, on_lost};

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

static void connect_now(moon_task *task) {
  wire *w = MOON_ENTRY(task, wire, connect_task);
  w->endpoint = moon_endpoints_pick(w->network->endpoints, w->network->kind, NULL, 0);
  w->transport = moon_transport_new(w->network->reactor, moon_endpoint_dialer(w->endpoint), &transport_events, w);
  moon_transport_connect(w->transport, w->connect_timeout_ms);
}

static void release_wire(wire *w) {
  if (atomic_fetch_sub(&w->refs, 1) != 1) return;
  moon_endpoint_release(w->endpoint);
  free(w);
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
  moon_transport_close(w->transport);
  moon_endpoint_closed(w->endpoint, w->network->kind);
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
