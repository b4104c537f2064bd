/* call_outcome.c: what the end of an attempt means: for what is believed of the server, for the person who reads the
 * error, and for whether, when and where to try again. Decisions only; runs on the call's reactor. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "cluster/call_state.h"
#include "cluster/status.h"

enum {
  DEFAULT_RETRIES_AFTER = 9, /* when the server says how long to wait */
  FREE_MOVES = 10,           /* refused by a connection before anything was sent: on to the next, at once */
  MOST_DENIALS = 10,         /* attempts put off for want of room in the budget */
  FIRST_BACKOFF_MS = 100,
  MAX_BACKOFF_MS = 10000,
};

/* --- for the caller --- */

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
    moon_error *trouble = moon_credential_trouble(moon_dialer_credential(dialer));
    message =
        moon_sprintf("%s; the server does not accept the credentials of user \"%s\" (%s%s)", err->message, target->user,
                     trouble ? "and they could not be renewed: " : "expired, or of another cluster?",
                     trouble ? trouble->message : "");
    moon_error_free(trouble);
  }
  if (!message) return;
  free(err->message);
  err->message = message;
}

/* The page of a proxy that could not pass the request on looks like an answer of the server. */
static void mention_proxy(moon_error *err, const moon_proxy *proxy) {
  int status = err->http_status;
  if (!proxy || !moon_proxy_relays(proxy) || (status != 403 && (status < 502 || status > 504))) return;
  char *message = moon_sprintf("%s; this may be the answer of the proxy %s, which requests to this server go through",
                               err->message, moon_proxy_url(proxy));
  free(err->message);
  err->message = message;
}

moon_error *call_status_error(const moon_call *call) {
  const moon_dialer *dialer = moon_endpoint_dialer(call->endpoint);
  moon_error *err = moon_status_error(call->request, &call->response, moon_dialer_endpoint(dialer));
  if (!err) return NULL;
  moon_error_set(&err->endpoint, moon_dialer_endpoint(dialer));
  explain_refusal(err, dialer);
  mention_proxy(err, moon_dialer_proxy(dialer));
  return err;
}

void call_log_attempt(const moon_call *call, const moon_error *err) {
  const moon_exchange *exchange = &call->exchange;
  enum { MOST_FIELDS = 10 };
  moon_log_field fields[MOST_FIELDS];
  size_t count = 0;
  fields[count++] = moon_log_text("cluster", moon_cluster_name(call->route.cluster));
  fields[count++] = moon_log_integer("connection", (int64_t)moon_conn_id(call->conn));
  fields[count++] = moon_log_text("endpoint", moon_dialer_endpoint(moon_endpoint_dialer(call->endpoint)));
  fields[count++] = moon_log_text("method", call->request->method);
  fields[count++] = moon_log_text("path", call->request->path);
  if (call->response.status) fields[count++] = moon_log_integer("status", call->response.status);
  fields[count++] = moon_log_integer("attempt", call->attempts_before + call->attempts);
  fields[count++] = moon_log_number("duration", (double)((moon_clock_now_ns() - exchange->begun_ns) / 1000) / 1000);
  fields[count++] = moon_log_integer("bytes", (int64_t)exchange->received);
  if (err) fields[count++] = moon_log_text("error", err->message);
  moon_log_request(fields, count);
}

/* --- for the server's health --- */

/* Whether a path is served by the API server itself. What an aggregated API (under /apis/) answers may be the fault of
 * the server behind it. */
static bool is_core_api(const char *path) {
  static const char *const prefixes[] = {"/api/", "/livez", "/readyz", "/version"};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    if (!strncmp(path, prefixes[i], strlen(prefixes[i]))) return true;
  }
  return false;
}

void call_note_outcome(moon_call *call, const moon_error *err) {
  const moon_exchange *exchange = &call->exchange;
  int status = call->response.status;
  bool turned_away = exchange->refused && !exchange->sent;
  bool lost = err && !turned_away && !call->abandoned &&
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
  moon_cluster_note(call->route.cluster, failure, first_byte_us);
  moon_error_free(failure);
}

/* --- for trying again --- */

void call_note_refusal(moon_call *call) {
  uint64_t number = call->exchange.identity->number;
  if (call->refused) return;
  call->refused = number;
  call->renews = moon_credential_refused(moon_dialer_credential(moon_endpoint_dialer(call->endpoint)), number);
}

/* The connection takes no more requests, and this one was not sent: that is no failure of the server. */
static bool was_turned_away(const moon_call *call) {
  return call->exchange.refused && !call->exchange.sent && call->free_moves < FREE_MOVES;
}

bool call_may_move(const moon_call *call) {
  const moon_request *request = call->request;
  if (!call->route.may_move || call->headed) return false;
  if (call->delivered && (request->streaming || !call->handler.restart)) return false;
  if (request->retries == 0 && call->attempts_before + call->attempts > 0) return false;
  return !call->outcome_unknown || moon_request_is_idempotent(request);
}

bool call_wants_to_move(const moon_call *call, call_failure failure, const moon_error *err) {
  if (!call_may_move(call)) return false;
  if (failure == CALL_DOWN) return true;
  if (failure == CALL_NO_CONNECTION) return err->kind != MOON_ACQUIRE_TIMEOUT && err->kind != MOON_CLOSED;
  if (err->http_status == 503) return true; /* the server has not done it; of 502 and 504 nobody knows */
  if (err->http_status) {
    return (err->http_status == 502 || err->http_status == 504) && moon_request_is_idempotent(call->request);
  }
  if (err->kind != MOON_CONNECT || was_turned_away(call)) return false;
  bool only_elsewhere = call->exchange.sent && !moon_request_is_read(call->request);
  bool no_time = call->deadline_ms && moon_clock_now_ms() + 2 * FIRST_BACKOFF_MS >= call->deadline_ms;
  return call->attempts > 1 || only_elsewhere || no_time; /* for waiting and trying once more here */
}

static int64_t backoff_ms(int times) {
  int64_t wait_ms = FIRST_BACKOFF_MS;
  for (int i = 1; i < times && wait_ms < MAX_BACKOFF_MS; i++) wait_ms *= 2;
  return moon_random_jitter(wait_ms < MAX_BACKOFF_MS ? wait_ms : MAX_BACKOFF_MS, 50);
}

int64_t call_retry_in_ms(moon_call *call, call_failure failure, const moon_error *err) {
  const moon_request *request = call->request;
  if (failure != CALL_FAILED) return -1;
  bool server_asks = err->http_status == 429 || (err->http_status == 503 && err->retry_after_ms >= 0);
  bool lost = err->kind == MOON_CONNECT && !err->http_status;
  bool harmless = !call->exchange.sent || moon_request_is_read(request);
  if (call->leased && lost) return -1;
  if (call->delivered && (request->streaming || !call->handler.restart)) return -1;
  bool turned_away = lost && was_turned_away(call);
  call->spends = !turned_away && !call->renews;
  if (turned_away) {
    call->free_moves++;
    call->attempts--; /* it never began */
    return 0;
  }
  if (call->renews) return 0; /* whatever the number of retries: nothing was done with the request */
  int retries = request->retries;
  if (retries < 0) retries = server_asks && err->retry_after_ms >= 0 ? DEFAULT_RETRIES_AFTER : MOON_DEFAULT_RETRIES;
  if (call->attempts - (call->refused ? 1 : 0) > retries) return -1;
  if (server_asks && err->retry_after_ms >= 0) { /* not all of those who were told so at the same instant */
    return err->retry_after_ms + (int64_t)moon_random_below((uint64_t)err->retry_after_ms / 5 + 1);
  }
  return server_asks || (lost && harmless) ? backoff_ms(call->attempts) : -1;
}

int64_t call_put_off_ms(moon_call *call) {
  return call->denials++ < MOST_DENIALS ? backoff_ms(call->denials) : -1;
}
