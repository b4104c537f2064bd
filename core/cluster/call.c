/* call.c: see call.h.
 *
 * A call is in one state at a time:
 *   COMING   it has just begun, or moved to another cluster: a task will ask for a connection there
 *   ASKING   the pool has its waiter
 *   RUNNING  its exchange runs on a connection, or is about to
 *   PAUSING  it waits before the next attempt in the same cluster
 *   OVER     `done` is being, or was, called
 * After the start, states change on the thread of the reactor that its route is on, and only there. The waiter's answer
 * may come on any thread, as do cancelling, pausing, and the news that the cluster is unhealthy: they just post a task.
 * The call holds a reference to itself from the start until it is over, and one for each posted cancel, pause or news.
 */
#include "cluster/call.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cluster/call_state.h"
#include "cluster/network.h"
#include "net/change.h"

static void ask(moon_call *call);

/* --- the end --- */

static void explain_unknown_outcome(moon_error *err) {
  char *message = moon_sprintf("%s; the outcome is unknown: the server may have carried it out", err->message);
  free(err->message);
  err->message = message;
  err->outcome_unknown = true;
}

static void end_retry(moon_call *call) {
  if (call->retrying) moon_cluster_end_retry(call->route.cluster);
  call->retrying = false;
}

static void finish(moon_call *call, moon_error *err) {
  moon_cluster *cluster = call->route.cluster;
  end_retry(call);
  call->state = CALL_OVER;
  moon_route_end(&call->route);
  if (err) {
    err->attempts = call->attempts_before + call->attempts;
    if (!err->cluster && cluster) moon_error_set(&err->cluster, moon_cluster_name(cluster));
    if (call->outcome_unknown) explain_unknown_outcome(err);
  }
  call->handler.done(call->handler.ctx, cluster, &call->response, err);
  moon_call_release(call);
}

static moon_error *cancelled_error(const moon_call *call) {
  return moon_error_new(MOON_CANCELLED, "%s %s: cancelled", call->request->method, call->request->path);
}

/* --- trying again --- */

static bool is_in_time(const moon_call *call, int64_t wait_ms) {
  return !call->deadline_ms || moon_clock_now_ms() + wait_ms < call->deadline_ms;
}

static void forget_answer(moon_call *call) {
  if (call->delivered) call->handler.restart(call->handler.ctx);
  call->delivered = false;
}

static void pause_for(moon_call *call, int64_t wait_ms) {
  call->state = CALL_PAUSING;
  moon_reactor_set_timer(atomic_load(&call->route.reactor), &call->pause, moon_clock_now_ms() + wait_ms);
}

static moon_error *take_last(moon_call *call) {
  moon_error *err = call->last;
  call->last = NULL;
  return err;
}

/* As many as may be are trying again already. */
static void put_off(moon_call *call) {
  int64_t wait_ms = call_put_off_ms(call);
  if (wait_ms >= 0 && is_in_time(call, wait_ms)) {
    pause_for(call, wait_ms);
    return;
  }
  moon_error *err = take_last(call);
  char *message =
      moon_sprintf("%s; it was not tried again, because too many calls are being tried again", err->message);
  free(err->message);
  err->message = message;
  finish(call, err);
}

static void try_again(moon_timer *timer) {
  moon_call *call = MOON_ENTRY(timer, moon_call, pause);
  call->retrying = call->spends && moon_cluster_begin_retry(call->route.cluster);
  if (call->spends && !call->retrying) {
    put_off(call);
    return;
  }
  moon_error_free(take_last(call));
  ask(call);
}

/* Goes to another cluster, tries again here, or ends. */
static void failed(moon_call *call, call_failure failure, moon_error *err) {
  moon_error *nowhere = NULL;
  end_retry(call);
  bool on = !atomic_load(&call->cancelled) && is_in_time(call, 0);
  if (on && call_wants_to_move(call, failure, err)) {
    nowhere = moon_route_move(&call->route, err);
    if (!nowhere) {
      moon_error_free(err);
      forget_answer(call);
      call->attempts_before += call->attempts;
      call->attempts = call->free_moves = 0;
      call->refused = 0;
      call->state = CALL_COMING;
      moon_route_post(&call->route, &call->ask_task);
      return;
    }
  }
  int64_t wait_ms = on ? call_retry_in_ms(call, failure, err) : -1;
  if (wait_ms >= 0 && is_in_time(call, wait_ms)) {
    moon_error_free(nowhere);
    moon_error_free(take_last(call));
    call->last = err;
    forget_answer(call);
    pause_for(call, wait_ms);
    return;
  }
  finish(call, moon_route_conclude(nowhere, err));
}

/* --- one attempt --- */

static void exchange_headers(moon_exchange *exchange) {
  moon_call *call = MOON_ENTRY(exchange, moon_call, exchange);
  int status = call->response.status;
  if (status < 200 || status > 299 || !call->handler.headers) return;
  call->headed = call->request->streaming;
  call->handler.headers(call->handler.ctx, call->route.cluster, &call->response);
}

static bool exchange_data(moon_exchange *exchange, const char *bytes, size_t len) {
  moon_call *call = MOON_ENTRY(exchange, moon_call, exchange);
  call->delivered = true;
  call->handler.data(call->handler.ctx, bytes, len);
  return true;
}

static void put_connection_back(moon_call *call) {
  if (call->leased) return;
  moon_pool_give_back(call->route.pool, call->conn);
  call->conn = NULL;
}

/* A write that was sent, and no answer came. */
static bool is_outcome_unknown(const moon_call *call, const moon_error *err) {
  if (err->http_status || !call->exchange.sent || moon_request_is_read(call->request)) return false;
  return call->abandoned || err->kind == MOON_CONNECT || err->kind == MOON_TIMEOUT || err->kind == MOON_CLOSED;
}

static void exchange_done(moon_exchange *exchange, moon_error *err) {
  moon_call *call = MOON_ENTRY(exchange, moon_call, exchange);
  if (moon_log_wants_requests()) call_log_attempt(call, err);
  call_note_outcome(call, err);
  if (err && is_outcome_unknown(call, err)) call->outcome_unknown = true;
  if (!err && call->response.status == 401) call_note_refusal(call);
  if (!err) err = call_status_error(call);
  put_connection_back(call);
  moon_endpoint_release(call->endpoint);
  call->endpoint = NULL;
  if (err)
    failed(call, call->abandoned ? CALL_DOWN : CALL_FAILED, err);
  else
    finish(call, NULL);
}

static const moon_exchange_handler gathering = {.headers = exchange_headers, .done = exchange_done};
static const moon_exchange_handler passing_on = {
    .headers = exchange_headers, .data = exchange_data, .done = exchange_done};

/* It has a connection. */
static void run(moon_call *call) {
  moon_transport *transport = moon_network_transport(call->conn);
  if (!transport) {
    put_connection_back(call);
    finish(call,
           moon_error_new(MOON_CLOSED, "%s %s: the connection is closed", call->request->method, call->request->path));
    return;
  }
  call->state = CALL_RUNNING;
  call->abandoned = call->renews = false;
  call->attempts++;
  call->endpoint = moon_endpoint_retain(moon_network_endpoint(call->conn));
  moon_endpoint_request_began(call->endpoint);
  call->exchange = (moon_exchange){
      .handler = call->handler.data ? &passing_on : &gathering,
      .request = call->request,
      .response = &call->response,
      .deadline_ms = call->deadline_ms,
      .after = call->refused,
      .bound = call->leased,
  };
  moon_transport_run(transport, &call->exchange);
  if (atomic_load(&call->flow_paused)) moon_transport_pause(&call->exchange, true);
}

/* --- a connection for it --- */

/* The pool has answered: with a connection, or with why there is none. Meanwhile the call may be no longer wanted, or
 * the cluster no longer fit. */
static void run_now(moon_task *task) {
  moon_call *call = MOON_ENTRY(task, moon_call, run_task);
  moon_error *err = call->acquire_error;
  call->acquire_error = NULL;
  if (err) {
    bool no_server = err->kind == MOON_CONNECT || err->kind == MOON_TLS || err->kind == MOON_TIMEOUT;
    if (no_server) moon_cluster_note(call->route.cluster, err, -1); /* its endpoints have heard of it */
    failed(call, CALL_NO_CONNECTION, err);
  } else if (atomic_load(&call->cancelled)) {
    put_connection_back(call);
    finish(call, cancelled_error(call));
  } else if ((err = moon_cluster_down(call->route.cluster))) {
    put_connection_back(call);
    failed(call, CALL_DOWN, err);
  } else {
    run(call);
  }
}

static void acquired(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  moon_call *call = MOON_ENTRY(waiter, moon_call, waiter);
  call->conn = conn;
  call->acquire_error = err;
  moon_route_post(&call->route, &call->run_task);
}

static void wait_for_connection(moon_call *call) {
  int64_t timeout_ms = moon_pool_get_options(call->route.pool)->acquire_timeout_ms;
  if (call->deadline_ms) {
    int64_t left_ms = call->deadline_ms - moon_clock_now_ms();
    if (left_ms < timeout_ms) timeout_ms = left_ms > 1 ? left_ms : 1;
  }
  call->state = CALL_ASKING;
  call->waiter = (moon_waiter){.use = MOON_USE_STREAM, .timeout_ms = timeout_ms, .done = acquired};
  moon_pool_acquire_async(call->route.pool, &call->waiter);
}

/* NULL, or that the cluster refuses it. */
static moon_error *refusal(const moon_call *call) {
  const char *why = moon_cluster_write_refusal(call->route.cluster);
  const moon_request *request = call->request;
  if (!why || request->approved || !moon_request_may_change(request)) return NULL;
  return moon_error_new(MOON_FORBIDDEN, "%s %s: not sent: %s", request->method, request->path, why);
}

/* Every attempt, in whichever cluster, comes through here. */
static void ask(moon_call *call) {
  moon_error *down, *refused;
  if (atomic_load(&call->cancelled)) {
    finish(call, cancelled_error(call));
  } else if ((refused = refusal(call))) {
    finish(call, refused);
  } else if (call->leased) {
    run(call);
  } else {
    moon_route_watch(&call->route);
    if ((down = moon_cluster_down(call->route.cluster)))
      failed(call, CALL_DOWN, down);
    else if ((call->conn = moon_pool_try_acquire(call->route.pool, MOON_USE_STREAM, NULL)))
      run(call);
    else
      wait_for_connection(call);
  }
}

static void ask_now(moon_task *task) {
  ask(MOON_ENTRY(task, moon_call, ask_task));
}

/* --- from outside --- */

static void cancel_now(moon_task *task) {
  moon_call *call = MOON_ENTRY(task, moon_call, cancel_task);
  if (!moon_route_is_here(&call->route, task)) return;
  switch (call->state) {
  case CALL_COMING: /* it will see for itself */
    break;
  case CALL_ASKING: /* false: the answer is on its way, and run_now will see that it is not wanted */
    if (moon_pool_cancel(call->route.pool, &call->waiter)) finish(call, cancelled_error(call));
    break;
  case CALL_RUNNING:
    moon_transport_abort(&call->exchange, cancelled_error(call));
    break;
  case CALL_PAUSING:
    moon_reactor_stop_timer(atomic_load(&call->route.reactor), &call->pause);
    finish(call, cancelled_error(call));
    break;
  case CALL_OVER:
    break;
  }
  moon_call_release(call);
}

/* The cluster has turned unhealthy. A request that was sent and may not be sent twice waits for its own end. */
static void leave(moon_call *call, moon_error *cause) {
  bool sent = call->state == CALL_RUNNING && call->exchange.sent;
  bool bound = sent && !moon_request_is_idempotent(call->request);
  if (bound || !call_may_move(call)) {
    moon_error_free(cause);
    return;
  }
  switch (call->state) {
  case CALL_ASKING: /* false: the answer is on its way, and run_now will see */
    if (!moon_pool_cancel(call->route.pool, &call->waiter)) break;
    failed(call, CALL_DOWN, cause);
    return;
  case CALL_RUNNING:
    call->abandoned = true;
    moon_transport_abort(&call->exchange, cause);
    return;
  case CALL_PAUSING:
    moon_reactor_stop_timer(atomic_load(&call->route.reactor), &call->pause);
    failed(call, CALL_DOWN, cause);
    return;
  case CALL_COMING:
  case CALL_OVER:
    break;
  }
  moon_error_free(cause);
}

static void abandon_now(moon_task *task) {
  moon_call *call = MOON_ENTRY(task, moon_call, abandon_task);
  if (!moon_route_is_here(&call->route, task)) return;
  atomic_store(&call->abandon_posted, false);
  moon_error *cause = moon_route_take_cause(&call->route);
  if (cause) leave(call, cause);
  moon_call_release(call);
}

static void flow_now(moon_task *task) {
  moon_call *call = MOON_ENTRY(task, moon_call, flow_task);
  if (!moon_route_is_here(&call->route, task)) return;
  atomic_store(&call->flow_posted, false);
  if (call->state == CALL_RUNNING) moon_transport_pause(&call->exchange, atomic_load(&call->flow_paused));
  moon_call_release(call);
}

/* One task at a time: whoever finds it posted already relies on that it has not looked yet. */
static void post_once(moon_call *call, moon_task *task, atomic_bool *posted) {
  if (atomic_exchange(posted, true)) return;
  atomic_fetch_add(&call->refs, 1);
  moon_route_post(&call->route, task);
}

static void abandoned(moon_route *route) {
  moon_call *call = MOON_ENTRY(route, moon_call, route);
  post_once(call, &call->abandon_task, &call->abandon_posted);
}

void moon_call_cancel(moon_call *call) {
  atomic_store(&call->cancelled, true);
  if (atomic_load(&call->route.reactor)) post_once(call, &call->cancel_task, &call->cancel_posted);
}

void moon_call_pause(moon_call *call, bool paused) {
  atomic_store(&call->flow_paused, paused);
  if (atomic_load(&call->route.reactor)) post_once(call, &call->flow_task, &call->flow_posted);
}

/* --- beginning --- */

static moon_call *call_new(moon_request *request, const moon_call_handler *handler) {
  moon_call *call = moon_zalloc(sizeof *call);
  call->refs = 2; /* the caller's, and its own until it is over */
  call->route.abandoned = abandoned;
  call->request = request;
  call->handler = *handler;
  call->response.retry_after_ms = -1;
  call->ask_task.run = ask_now;
  call->run_task.run = run_now;
  call->cancel_task.run = cancel_now;
  call->flow_task.run = flow_now;
  call->abandon_task.run = abandon_now;
  moon_timer_init(&call->pause, try_again);
  if (request->timeout_ms > 0) call->deadline_ms = moon_clock_now_ms() + request->timeout_ms;
  return call;
}

moon_call *moon_call_start(moon_cluster *cluster, moon_request *request, const moon_call_handler *handler) {
  moon_call *call = call_new(request, handler);
  moon_route_begin_in(&call->route, cluster, request->streaming);
  moon_route_post(&call->route, &call->ask_task);
  return call;
}

moon_call *moon_call_start_among(moon_manager *manager, const moon_selection *selection, moon_cluster *chosen,
                                 moon_request *request, const moon_call_handler *handler) {
  moon_call *call = call_new(request, handler);
  moon_selection own = *selection;
  own.method = request->method;
  own.path = request->path;
  bool may_move = moon_request_is_read(request) || moon_manager_get_options(manager)->failover_writes;
  moon_error *err = moon_route_begin(&call->route, manager, &own, chosen, may_move, request->streaming);
  if (err)
    finish(call, err);
  else
    moon_route_post(&call->route, &call->ask_task);
  return call;
}

moon_call *moon_call_start_on(moon_conn *conn, moon_request *request, const moon_call_handler *handler) {
  moon_call *call = call_new(request, handler);
  call->conn = conn;
  call->leased = true;
  moon_route_begin_on(&call->route, conn);
  moon_route_post(&call->route, &call->ask_task);
  return call;
}

void moon_call_release(moon_call *call) {
  if (!call || atomic_fetch_sub(&call->refs, 1) != 1) return;
  moon_error_free(call->last);
  moon_request_free(call->request);
  moon_response_clear(&call->response);
  moon_route_clear(&call->route);
  free(call);
}
