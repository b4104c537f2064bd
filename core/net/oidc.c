/* oidc.c: see oidc.h.
 *
 * A refresh is touched on the renewals' thread only. A transport must not be closed from what it calls, so the end of
 * each request only posts a task, which closes the connection and goes on. */
#include "net/oidc.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/oidc_message.h"
#include "net/transport.h"

enum {
  LIMIT_MS = 30000,
  MAX_BODY = 1 << 20,
  FIRST_BODY = 4096,
};

typedef struct oidc_refresh {
  moon_renewal renewal;
  char *refresh_token;
  int64_t deadline_ms;
  moon_oidc_place place; /* known from the first answer on */
  bool cancelled;

  /* The request that is under way. */
  moon_transport *transport;
  moon_exchange exchange;
  moon_request *request;
  moon_response response;
  char *body; /* of a good answer: it holds secrets, so it grows by hand */
  size_t body_len, body_capacity;
  moon_error *err;
  moon_task over_task;
} oidc_refresh;

static const moon_oidc_spec *spec_of(const oidc_refresh *refresh) {
  return refresh->renewal.target->oidc;
}

/* Takes over the error: the same, said of the identity provider. */
static moon_error *told(const oidc_refresh *refresh, moon_error *err) {
  moon_error *said = moon_error_new(MOON_CREDENTIAL, "the id-token cannot be renewed at the identity provider %s: %s",
                                    spec_of(refresh)->issuer, err->message);
  moon_error_free(err);
  return said;
}

static void finish(oidc_refresh *refresh, moon_renewed *answer, moon_error *err) {
  moon_renewal_finish(&refresh->renewal, answer, err ? told(refresh, err) : NULL);
}

static void fail(oidc_refresh *refresh, moon_error *err) {
  moon_renewed nothing = {.life_ms = -1};
  finish(refresh, &nothing, err);
}

/* --- one request --- */

static bool got_data(moon_exchange *exchange, const char *bytes, size_t len) {
  oidc_refresh *refresh = MOON_ENTRY(exchange, oidc_refresh, exchange);
  if (refresh->body_len + len > refresh->body_capacity) {
    size_t capacity = 2 * (refresh->body_len + len) + FIRST_BODY;
    char *larger = moon_alloc(capacity);
    if (refresh->body_len) memcpy(larger, refresh->body, refresh->body_len);
    moon_free_secret(refresh->body, refresh->body_capacity);
    refresh->body = larger;
    refresh->body_capacity = capacity;
  }
  memcpy(refresh->body + refresh->body_len, bytes, len);
  refresh->body_len += len;
  return true;
}

static void request_over(moon_exchange *exchange, moon_error *err) {
  oidc_refresh *refresh = MOON_ENTRY(exchange, oidc_refresh, exchange);
  refresh->err = err;
  moon_reactor_post(refresh->renewal.runner, &refresh->over_task);
}

/* Takes over the request; the answer comes to `over`. */
static void ask(oidc_refresh *refresh, const char *server, moon_request *request, void (*over)(moon_task *task)) {
  static const moon_exchange_handler handler = {.data = got_data, .done = request_over};
  const moon_oidc_spec *spec = spec_of(refresh);
  moon_target *target = moon_target_new();
  target->cluster = moon_strdup(spec->issuer);
  target->server = moon_strdup(server);
  target->ca = moon_bytes_copy(spec->ca);
  moon_dialer *dialer = NULL;
  request->max_body = MAX_BODY;
  refresh->request = request;
  moon_error *err = moon_dialer_new(spec->issuer, target, NULL, NULL, &dialer);
  moon_target_release(target);
  if (err) {
    fail(refresh, err);
    return;
  }
  refresh->over_task.run = over;
  refresh->response.retry_after_ms = -1;
  refresh->exchange = (moon_exchange){
      .handler = &handler, .request = request, .response = &refresh->response, .deadline_ms = refresh->deadline_ms};
  refresh->transport = moon_transport_new(refresh->renewal.runner, dialer, &moon_transport_no_events, refresh);
  moon_dialer_release(dialer);
  moon_transport_connect_with(refresh->transport, &refresh->exchange);
}

static void forget_request(oidc_refresh *refresh) {
  moon_oidc_request_free(refresh->request);
  refresh->request = NULL;
  moon_response_clear(&refresh->response);
  moon_free_secret(refresh->body, refresh->body_capacity);
  refresh->body = NULL;
  refresh->body_len = refresh->body_capacity = 0;
}

/* The connection is closed. What went wrong with the request for `what`, or NULL. */
static moon_error *end_request(oidc_refresh *refresh, const char *what) {
  moon_transport_close(refresh->transport);
  refresh->transport = NULL;
  moon_error *err = refresh->err;
  refresh->err = NULL;
  if (refresh->cancelled && !err) err = moon_error_new(MOON_CANCELLED, "cancelled");
  int status = refresh->response.status;
  if (err || status == 200) return err;
  char *said = moon_oidc_refusal(spec_of(refresh), refresh->refresh_token, status, refresh->response.body.data,
                                 refresh->response.body.len);
  err = moon_error_new(MOON_CREDENTIAL, "%s was answered with %s", what, said);
  free(said);
  return err;
}

/* --- the two of them --- */

static void token_over(moon_task *task) {
  oidc_refresh *refresh = MOON_ENTRY(task, oidc_refresh, over_task);
  moon_renewed answer = {.life_ms = -1};
  moon_error *err = end_request(refresh, "the refresh token");
  if (!err) err = moon_oidc_answer_read(refresh->body, refresh->body_len, &answer);
  forget_request(refresh);
  finish(refresh, &answer, err);
}

static void discovery_over(moon_task *task) {
  oidc_refresh *refresh = MOON_ENTRY(task, oidc_refresh, over_task);
  moon_error *err = end_request(refresh, "its discovery document");
  if (!err) err = moon_oidc_place_read(spec_of(refresh), refresh->body, refresh->body_len, &refresh->place);
  forget_request(refresh);
  if (err) {
    fail(refresh, err);
    return;
  }
  moon_request *request = moon_oidc_request_new(spec_of(refresh), refresh->refresh_token, &refresh->place);
  ask(refresh, refresh->place.server, request, token_over);
}

static void start(moon_renewal *renewal) {
  oidc_refresh *refresh = MOON_ENTRY(renewal, oidc_refresh, renewal);
  refresh->deadline_ms = moon_clock_now_ms() + LIMIT_MS;
  moon_request *request = moon_zalloc(sizeof *request);
  request->method = moon_strdup("GET");
  request->path = moon_strdup("/.well-known/openid-configuration");
  ask(refresh, spec_of(refresh)->issuer, request, discovery_over);
}

static void cancel(moon_renewal *renewal) {
  oidc_refresh *refresh = MOON_ENTRY(renewal, oidc_refresh, renewal);
  refresh->cancelled = true; /* also when the request has ended, and its task is on its way */
  moon_transport_abort(&refresh->exchange, moon_error_new(MOON_CANCELLED, "cancelled"));
}

static void free_refresh(moon_renewal *renewal) {
  oidc_refresh *refresh = MOON_ENTRY(renewal, oidc_refresh, renewal);
  forget_request(refresh);
  moon_oidc_place_clear(&refresh->place);
  moon_free_secret_text(refresh->refresh_token);
  free(refresh);
}

moon_renewal *moon_oidc_refresh_new(moon_target *target, const char *refresh_token, moon_renewal_done *done,
                                    void *ctx) {
  static const struct moon_renewal_kind kind = {.start = start, .cancel = cancel, .free = free_refresh};
  oidc_refresh *refresh = moon_zalloc(sizeof *refresh);
  moon_renewal_init(&refresh->renewal, &kind, target, done, ctx);
  refresh->refresh_token = moon_strdup(refresh_token);
  return &refresh->renewal;
}
