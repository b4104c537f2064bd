/* call.c: see call.h.
 *
 * A call is in one state at a time:
 *   ASKING   the pool has its waiter
 *   RUNNING  its exchange runs on a connection, or is about to
 *   PAUSING  it waits before the next attempt
 *   OVER     `done` is being, or was, called
 * After the start, states change on the reactor's thread only. The waiter's callback may come on any thread: it just
 * posts a task. A cancel is a task too. The call holds a reference to itself from the start until it is over, and one
 * for each posted cancel or pause. */
#include "cluster/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "cluster/network.h"
#include "cluster/status.h"

enum {
  DEFAULT_RETRIES = 3,
  DEFAULT_RETRIES_AFTER = 9, /* when the server says how long to wait */
  FREE_MOVES = 10,           /* refused by a connection before anything was sent: on to the next, at once */
  FIRST_BACKOFF_MS = 100,
  MAX_BACKOFF_MS = 10000,
};

enum state { ASKING, RUNNING, PAUSING, OVER };

struct moon_call {
  atomic_int refs;
  moon_cluster *cluster; /* a reference; and, unless leased, a place in it until it is over */
  moon_pool *pool;
  moon_reactor *reactor;
  moon_request *request;
  moon_response response;
  moon_call_handler handler;

  moon_waiter waiter;
  moon_conn *conn;         /* held now; a lease stays for the whole call */
  moon_endpoint *endpoint; /* RUNNING: behind it; a reference, for the connection may be closed under the call */
  bool leased;
  moon_exchange exchange;
  moon_error *acquire_error;

  enum state state;
  int attempts, moves;
  int64_t deadline_ms; /* 0: none */
  bool delivered;      /* `data` was called in this attempt */
  moon_timer pause;    /* before the next attempt */
  moon_task run_task, cancel_task, flow_task;
  atomic_bool cancelled, cancel_posted, flow_paused, flow_posted;
};

static void ask(moon_call *call);

/* --- the end --- */

static void finish(moon_call *call, moon_error *err) {
  call->state = OVER;
  if (err) {
    err->attempts = call->attempts;
    if (!err->cluster) moon_error_set(&err->cluster, moon_pool_name(call->pool));
  }
  if (!call->leased) moon_cluster_leave(call->cluster);
  call->handler.done(call->handler.ctx, call->cluster, &call->response, err);
  moon_call_release(call);
}

static moon_error *cancelled_error(const moon_call *call) {
  return moon_error_new(MOON_CANCELLED, "%s %s: cancelled", call->request->method, call->request->path);
}

/* --- whether and when to try again --- */

static int64_t backoff_ms(const moon_call *call) {
  int64_t wait_ms = FIRST_BACKOFF_MS;
  for (int i = 1; i < call->attempts && wait_ms < MAX_BACKOFF_MS; i++) wait_ms *= 2;
  return moon_random_jitter(wait_ms < MAX_BACKOFF_MS ? wait_ms : MAX_BACKOFF_MS, 50);
}

/* Milliseconds to wait before another attempt; -1: there is none. */
static int64_t retry_in_ms(moon_call *call, const moon_error *err) {
  const moon_request *request = call->request;
  bool server_asks = err->http_status == 429 || (err->http_status == 503 && err->retry_after_ms >= 0);
  bool lost = err->kind == MOON_CONNECT && !err->http_status;
  bool harmless = !call->exchange.sent || moon_request_is_read(request);
  if (call->leased && lost) return -1;
  if (call->delivered && (request->streaming || !call->handler.restart)) return -1;
  if (lost && call->exchange.refused && !call->exchange.sent && call->moves < FREE_MOVES) {
    call->moves++;
    call->attempts--; /* it never began */
    return 0;
  }
  int retries = request->retries;
  if (retries < 0) retries = server_asks && err->retry_after_ms >= 0 ? DEFAULT_RETRIES_AFTER : DEFAULT_RETRIES;
  if (call->attempts > retries) return -1;
  if (server_asks) return err->retry_after_ms >= 0 ? err->retry_after_ms : backoff_ms(call);
  return lost && harmless ? backoff_ms(call) : -1;
}

static void try_again(moon_timer *timer) {
  moon_call *call = MOON_ENTRY(timer, moon_call, pause);
  ask(call);
}

static void ended(moon_call *call, moon_error *err) {
  if (!err) {
    finish(call, NULL);
    return;
  }
  bool lost = !err->http_status && (err->kind == MOON_CONNECT || err->kind == MOON_TIMEOUT);
  int64_t wait_ms = atomic_load(&call->cancelled) ? -1 : retry_in_ms(call, err);
  if (wait_ms >= 0 && (!call->deadline_ms || moon_clock_now_ms() + wait_ms < call->deadline_ms)) {
    moon_error_free(err);
    if (call->delivered) call->handler.restart(call->handler.ctx);
    call->delivered = false;
    call->state = PAUSING;
    moon_reactor_set_timer(call->reactor, &call->pause, moon_clock_now_ms() + wait_ms);
    return;
  }
  if (lost && call->exchange.sent && !moon_request_is_read(call->request)) {
    char *message = moon_sprintf("%s; the outcome is unknown: the server may have carried it out", err->message);
    free(err->message);
    err->message = message;
  }
  finish(call, err);
}

/* --- one attempt --- */

static void exchange_headers(moon_exchange *exchange) {
  moon_call *call = MOON_ENTRY(exchange, moon_call, exchange);
  int status = call->response.status;
  if (status >= 200 && status <= 299 && call->handler.headers)
    call->handler.headers(call->handler.ctx, &call->response);
}

static bool exchange_data(moon_exchange *exchange, const char *bytes, size_t len) {
  moon_call *call = MOON_ENTRY(exchange, moon_call, exchange);
  call->delivered = true;
  call->handler.data(call->handler.ctx, bytes, len);
  return true;
}

/* "Unauthorized" alone helps nobody: says what was sent on whose behalf. */
static void explain_refusal(moon_error *err, const moon_dialer *dialer) {
  if (err->http_status != 401 && err->http_status != 403) return;
  const moon_target *target = moon_dialer_target(dialer);
  char *message = NULL;
  if (target->credentials_withheld) {
    message = moon_sprintf("%s; the user's credentials were not sent, because the server is plain http", err->message);
  } else if (err->http_status == 401 && !target->user) {
    message =
        moon_sprintf("%s; context \"%s\" names no user, so no credentials were sent", err->message, target->context);
  } else if (err->http_status == 401 && !moon_dialer_has_credentials(dialer)) {
    message = moon_sprintf("%s; user \"%s\" has no credentials in the kubeconfig", err->message, target->user);
  } else if (err->http_status == 401) {
    message =
        moon_sprintf("%s; the server does not accept the credentials of user \"%s\" (expired, or of another cluster?)",
                     err->message, target->user);
  }
  if (!message) return;
  free(err->message);
  err->message = message;
}

/* Whether a path is served by the API server itself. What an aggregated API (under /apis/) answers may be the fault of
 * the server behind it. */
static bool is_core_api(const char *path) {
  static const char *const prefixes[] = {"/api/", "/livez", "/readyz", "/version"};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    if (!strncmp(path, prefixes[i], strlen(prefixes[i]))) return true;
  }
  return false;
}

/* What the end of an attempt says about the server. */
static void note_outcome(moon_call *call, const moon_error *err) {
  const moon_exchange *exchange = &call->exchange;
  int status = call->response.status;
  bool turned_away = exchange->refused && !exchange->sent;
  bool lost = err && !turned_away &&
              (err->kind == MOON_CONNECT || err->kind == MOON_TLS || (err->kind == MOON_TIMEOUT && exchange->silent));
  bool unavailable = !err && status >= 502 && status <= 504;
  moon_error *failure = NULL;
  int64_t first_byte_us = -1;
  if (lost)
    failure = moon_error_copy(err);
  else if (unavailable && is_core_api(call->request->path))
    failure =
        moon_status_error(call->request, &call->response, moon_dialer_endpoint(moon_endpoint_dialer(call->endpoint)));
  else if (!err && !unavailable)
    first_byte_us = call->request->streaming ? 0 : exchange->first_byte_us;
  moon_endpoint_request_ended(call->endpoint, failure, first_byte_us);
  moon_cluster_note(call->cluster, failure, first_byte_us);
  moon_error_free(failure);
}

static void exchange_done(moon_exchange *exchange, moon_error *err) {
  moon_call *call = MOON_ENTRY(exchange, moon_call, exchange);
  note_outcome(call, err);
  moon_endpoint *server = call->endpoint;
  const moon_dialer *dialer = moon_endpoint_dialer(server);
  const char *endpoint = moon_dialer_endpoint(dialer);
  if (!err) {
    err = moon_status_error(call->request, &call->response, endpoint);
    if (err) {
      moon_error_set(&err->endpoint, endpoint);
      explain_refusal(err, dialer);
    }
  }
  if (!call->leased) {
    moon_pool_give_back(call->pool, call->conn);
    call->conn = NULL;
  }
  call->endpoint = NULL;
  moon_endpoint_release(server);
  ended(call, err);
}

static const moon_exchange_handler gathering = {.headers = exchange_headers, .done = exchange_done};
static const moon_exchange_handler passing_on = {
    .headers = exchange_headers, .data = exchange_data, .done = exchange_done};

/* The pool has answered: with a connection, or with why there is none. */
static void run_now(moon_task *task) {
  moon_call *call = MOON_ENTRY(task, moon_call, run_task);
  call->state = RUNNING;
  if (call->acquire_error) {
    moon_error *err = call->acquire_error;
    call->acquire_error = NULL;
    bool no_server = err->kind == MOON_CONNECT || err->kind == MOON_TLS || err->kind == MOON_TIMEOUT;
    if (no_server) moon_cluster_note(call->cluster, err, -1); /* its endpoints have heard of it */
    finish(call, err);
    return;
  }
  moon_transport *transport = moon_network_transport(call->conn);
  if (!transport || atomic_load(&call->cancelled)) {
    if (!call->leased) {
      moon_pool_give_back(call->pool, call->conn);
      call->conn = NULL;
    }
    finish(call, atomic_load(&call->cancelled) ? cancelled_error(call)
                                               : moon_error_new(MOON_CLOSED, "%s %s: the connection is closed",
                                                                call->request->method, call->request->path));
    return;
  }
  call->attempts++;
  call->endpoint = moon_endpoint_retain(moon_network_endpoint(call->conn));
  moon_endpoint_request_began(call->endpoint);
  call->exchange = (moon_exchange){
      .handler = call->handler.data ? &passing_on : &gathering,
      .request = call->request,
      .response = &call->response,
      .deadline_ms = call->deadline_ms,
  };
  moon_transport_run(transport, &call->exchange);
  if (atomic_load(&call->flow_paused)) moon_transport_pause(&call->exchange, true);
}

static void acquired(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  moon_call *call = MOON_ENTRY(waiter, moon_call, waiter);
  call->conn = conn;
  call->acquire_error = err;
  moon_reactor_post(call->reactor, &call->run_task);
}

static void ask(moon_call *call) {
  if (call->leased) {
    moon_reactor_post(call->reactor, &call->run_task);
    return;
  }
  call->state = ASKING;
  int64_t timeout_ms = moon_pool_get_options(call->pool)->acquire_timeout_ms;
  if (call->deadline_ms) {
    int64_t left_ms = call->deadline_ms - moon_clock_now_ms();
    if (left_ms < timeout_ms) timeout_ms = left_ms > 1 ? left_ms : 1;
  }
  call->waiter = (moon_waiter){.use = MOON_USE_STREAM, .timeout_ms = timeout_ms, .done = acquired};
  moon_pool_acquire_async(call->pool, &call->waiter);
}

/* --- from outside --- */

static void cancel_now(moon_task *task) {
  moon_call *call = MOON_ENTRY(task, moon_call, cancel_task);
  switch (call->state) {
  case ASKING: /* false: the answer is on its way, and run_now will see that it is not wanted */
    if (moon_pool_cancel(call->pool, &call->waiter)) finish(call, cancelled_error(call));
    break;
  case RUNNING:
    moon_transport_abort(&call->exchange, cancelled_error(call));
    break;
  case PAUSING:
    moon_reactor_stop_timer(call->reactor, &call->pause);
    finish(call, cancelled_error(call));
    break;
  case OVER:
    break;
  }
  moon_call_release(call);
}

static void flow_now(moon_task *task) {
  moon_call *call = MOON_ENTRY(task, moon_call, flow_task);
  atomic_store(&call->flow_posted, false);
  if (call->state == RUNNING) moon_transport_pause(&call->exchange, atomic_load(&call->flow_paused));
  moon_call_release(call);
}

void moon_call_cancel(moon_call *call) {
  atomic_store(&call->cancelled, true);
  if (atomic_exchange(&call->cancel_posted, true)) return;
  atomic_fetch_add(&call->refs, 1);
  moon_reactor_post(call->reactor, &call->cancel_task);
}

void moon_call_pause(moon_call *call, bool paused) {
  atomic_store(&call->flow_paused, paused);
  if (atomic_exchange(&call->flow_posted, true)) return;
  atomic_fetch_add(&call->refs, 1);
  moon_reactor_post(call->reactor, &call->flow_task);
}

/* Takes over the place, if it needs one: without a lease. */
static moon_call *start(moon_cluster *cluster, moon_pool *pool, moon_conn *conn, moon_request *request,
                        const moon_call_handler *handler) {
  moon_call *call = moon_zalloc(sizeof *call);
  call->refs = 2; /* the caller's, and its own until it is over */
  call->cluster = moon_cluster_retain(cluster);
  call->pool = moon_pool_retain(pool);
  call->reactor = moon_reactor_retain(moon_network_reactor(moon_network_of(pool)));
  call->conn = conn;
  call->leased = conn != NULL;
  call->request = request;
  call->handler = *handler;
  call->response.retry_after_ms = -1;
  call->run_task.run = run_now;
  call->cancel_task.run = cancel_now;
  call->flow_task.run = flow_now;
  moon_timer_init(&call->pause, try_again);
  if (request->timeout_ms > 0) call->deadline_ms = moon_clock_now_ms() + request->timeout_ms;
  ask(call);
  return call;
}

static moon_call *start_in(moon_cluster *cluster, moon_request *request, const moon_call_handler *handler) {
  moon_pool *pool = moon_cluster_pool(cluster);
  return start(cluster, request->streaming ? moon_pool_lane(pool) : pool, NULL, request, handler);
}

moon_call *moon_call_start(moon_cluster *cluster, moon_request *request, const moon_call_handler *handler) {
  moon_cluster_enter(cluster);
  return start_in(cluster, request, handler);
}

moon_call *moon_call_start_on(moon_conn *conn, moon_request *request, const moon_call_handler *handler) {
  return start(moon_cluster_of(conn), moon_conn_pool(conn), conn, request, handler);
}

void moon_call_release(moon_call *call) {
  if (!call || atomic_fetch_sub(&call->refs, 1) != 1) return;
  moon_request_free(call->request);
  moon_response_clear(&call->response);
  moon_pool_release(call->pool);
  moon_cluster_release(call->cluster);
  moon_reactor *reactor = call->reactor;
  free(call);
  moon_reactor_release(reactor);
}
