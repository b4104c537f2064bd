/* probe.c: see probe.h. A transport cannot be closed from what it calls: the end of the request posts a task that does.
 */
#include "cluster/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/status.h"
#include "net/transport.h"

enum { MAX_ANSWER = 256 << 10 }; /* /readyz lists a line for each check */

struct moon_probe {
  moon_reactor *reactor;
  moon_dialer *dialer;
  moon_transport *transport;
  moon_exchange exchange;
  moon_response response;
  int64_t deadline_ms;
  void (*done)(void *ctx, moon_verdict verdict, moon_error *err);
  void *ctx;

  moon_task end_task;
  bool ended; /* the task is posted */
  bool cancelled;
  moon_verdict verdict;
  moon_error *err;
};

/* Any answer to the first request counts, whatever becomes of the connection. */
static void ignore_count(void *owner, int max_streams) {}

static void ignore(void *owner) {}

static const moon_transport_events no_events = {
    .established = ignore_count, .limited = ignore_count, .drain = ignore, .lost = ignore};

static const moon_request readyz = {.method = "GET", .path = "/readyz", .max_body = MAX_ANSWER, .compression = 0};
static const moon_request version = {.method = "GET", .path = "/version", .max_body = MAX_ANSWER, .compression = 0};

/* --- what an answer says --- */

static moon_error *refusal(const moon_probe *probe) {
  const moon_request *request = probe->exchange.request;
  const char *endpoint = moon_dialer_endpoint(probe->dialer);
  int status = probe->response.status;
  char *checks = status >= 500 ? moon_status_failed_checks(&probe->response) : NULL;
  moon_error *err;
  if (checks) {
    err = moon_error_new(MOON_SERVER, "%s: not ready (HTTP %d): %s", endpoint, status, checks);
    err->http_status = status;
  } else {
    err = moon_status_error(request, &probe->response, endpoint);
  }
  moon_error_set(&err->cluster, moon_dialer_cluster(probe->dialer));
  moon_error_set(&err->endpoint, endpoint);
  free(checks);
  return err;
}

static moon_verdict verdict_of(int status) {
  switch (status) {
  case 401:
  case 403:
    return MOON_PROBE_UNAUTHORIZED;
  case 429:
    return MOON_PROBE_OVERLOADED;
  default:
    return status >= 200 && status <= 299 ? MOON_PROBE_GOOD : MOON_PROBE_FAILED;
  }
}

/* --- its course --- */

static void exchange_done(moon_exchange *exchange, moon_error *err);
static const moon_exchange_handler handler = {.done = exchange_done};

static void ask(moon_probe *probe, const moon_request *request) {
  probe->exchange = (moon_exchange){
      .handler = &handler,
      .request = request,
      .response = &probe->response,
      .deadline_ms = probe->deadline_ms,
  };
}

static void exchange_done(moon_exchange *exchange, moon_error *err) {
  moon_probe *probe = MOON_ENTRY(exchange, moon_probe, exchange);
  if (probe->cancelled) {
    moon_error_free(err);
    return;
  }
  if (!err && probe->response.status == 404 && exchange->request == &readyz) {
    ask(probe, &version);
    moon_transport_run(probe->transport, &probe->exchange);
    return;
  }
  bool nobody = err && err->kind == MOON_CREDENTIAL; /* the fault is ours */
  probe->verdict = nobody ? MOON_PROBE_UNAUTHORIZED : err ? MOON_PROBE_FAILED : verdict_of(probe->response.status);
  if (nobody) moon_error_free(err);
  probe->err = nobody ? NULL : err || probe->verdict != MOON_PROBE_FAILED ? err : refusal(probe);
  probe->ended = true;
  moon_reactor_post(probe->reactor, &probe->end_task);
}

static void destroy(moon_probe *probe) {
  moon_response_clear(&probe->response);
  moon_error_free(probe->err);
  moon_dialer_release(probe->dialer);
  free(probe);
}

static void end_now(moon_task *task) {
  moon_probe *probe = MOON_ENTRY(task, moon_probe, end_task);
  if (!probe->cancelled) {
    moon_error *err = probe->err;
    moon_transport_close(probe->transport);
    probe->err = NULL;
    probe->done(probe->ctx, probe->verdict, err);
  }
  destroy(probe);
}

moon_probe *moon_probe_start(moon_reactor *reactor, moon_dialer *dialer, int64_t timeout_ms,
                             void (*done)(void *ctx, moon_verdict verdict, moon_error *err), void *ctx) {
  moon_probe *probe = moon_zalloc(sizeof *probe);
  probe->reactor = reactor;
  probe->dialer = moon_dialer_retain(dialer);
  probe->deadline_ms = moon_clock_now_ms() + timeout_ms;
  probe->done = done;
  probe->ctx = ctx;
  probe->end_task.run = end_now;
  probe->response.retry_after_ms = -1;
  probe->transport = moon_transport_new(reactor, dialer, &no_events, probe);
  ask(probe, &readyz);
  moon_transport_connect_with(probe->transport, &probe->exchange);
  return probe;
}

void moon_probe_cancel(moon_probe *probe) {
  probe->cancelled = true;
  moon_transport_close(probe->transport);
  if (!probe->ended) destroy(probe); /* else its task does */
}
