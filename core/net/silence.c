/* silence.c: whether anybody is still at the other end of an HTTP/2 connection over which requests wait and nothing
 * comes.
 *
 * Where packets are lost the kernel notices (see tune_socket in dialer.c), but what answers for a server that is
 * stopped, or gone, may be its own kernel or a load balancer. So after a while of silence the server is asked something
 * that it answers at once, beside the requests that wait. When that is not answered either, nobody is there: the
 * connection is lost, and what was to be read over it can be asked for elsewhere. Writes wait for their own end; they
 * may have been carried out. On HTTP/1.1 nothing can be asked while an answer is awaited: there the limits of the
 * requests decide.
 *
 * On the transport's reactor thread. */
#include "base/clock.h"
#include "base/error.h"
#include "net/transport_internal.h"

enum {
  CALL_MS = 10000,   /* of silence, for requests whose answers should come */
  STREAM_MS = 30000, /* for watches and the like, which may have nothing to say */
  ANSWER_MS = 4000,
  LARGE_BODY = 65536, /* the question would wait behind it */
};

static const moon_request question = {.method = "GET", .path = "/livez", .retries = 0, .compression = 0};

/* When to ask, if nothing comes until then. INT64_MAX: nothing is waited for. */
static int64_t ask_at_ms(const moon_transport *t) {
  int64_t since_ms = INT64_MAX, limit_ms = STREAM_MS;
  for (const moon_list *node = t->running.next; node != &t->running; node = node->next) {
    const moon_exchange *exchange = MOON_ENTRY(node, moon_exchange, node);
    if (exchange->started_ms < since_ms) since_ms = exchange->started_ms;
    if (!exchange->request->streaming || !exchange->heard_ms) limit_ms = CALL_MS;
  }
  return since_ms == INT64_MAX ? INT64_MAX : (t->heard_ms > since_ms ? t->heard_ms : since_ms) + limit_ms;
}

/* The silence may be our own doing: an answer that we do not take, a body that is still on its way. */
static bool is_our_own(const moon_transport *t) {
  for (const moon_list *node = t->running.next; node != &t->running; node = node->next) {
    const moon_exchange *exchange = MOON_ENTRY(node, moon_exchange, node);
    if (exchange->paused || (exchange->request->body_len > LARGE_BODY && !exchange->heard_ms)) return true;
  }
  return false;
}

void moon_silence_watch(moon_transport *t) {
  if (!t->http2 || !t->established || t->gone || t->draining || t->lost || t->question.transport) return;
  if (moon_list_empty(&t->running)) return;
  /* The timer may ring for nothing, never late: while calls come it is seldom set. */
  int64_t latest_ms = MOON_ENTRY(t->running.prev, moon_exchange, node)->started_ms;
  if (moon_timer_active(&t->silence) && t->silence.due_ms <= latest_ms + CALL_MS) return;
  moon_reactor_set_timer(t->reactor, &t->silence, ask_at_ms(t));
}

static void answered(moon_exchange *exchange, moon_error *err) {
  moon_transport *t = MOON_ENTRY(exchange, moon_transport, question);
  moon_response_clear(&t->question_response);
  moon_error_free(err);
  if (!exchange->silent) { /* in whatever way it ended: the connection is there, or is known not to be */
    moon_silence_watch(t);
    return;
  }
  moon_error *why = moon_error_new(MOON_CONNECT, "%s: the connection was lost: nothing comes over it any more",
                                   moon_dialer_endpoint(t->dialer));
  moon_transport_give_up_reads(t, why);
  moon_error_free(why);
}

static const moon_exchange_handler handler = {.done = answered};

static void due(moon_timer *timer) {
  moon_transport *t = MOON_ENTRY(timer, moon_transport, silence);
  int64_t now_ms = moon_clock_now_ms();
  if (ask_at_ms(t) > now_ms) {
    moon_silence_watch(t);
  } else if (is_our_own(t)) {
    moon_reactor_set_timer(t->reactor, &t->silence, now_ms + CALL_MS);
  } else if (!t->gone && !t->draining && !t->lost) {
    t->question = (moon_exchange){
        .handler = &handler,
        .request = &question,
        .response = &t->question_response,
        .deadline_ms = now_ms + ANSWER_MS,
    };
    moon_transport_run(t, &t->question);
  }
}

void moon_silence_init(moon_transport *t) {
  moon_timer_init(&t->silence, due);
  t->question_response.retry_after_ms = -1;
}
