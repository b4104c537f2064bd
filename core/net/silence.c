/* silence.c: whether anybody is still at the other end of a connection over which requests wait and nothing comes.
 *
 * Where packets are lost the kernel notices (see tune_socket in dialer.c), but what answers for a server that is
 * stopped, or gone, may be its own kernel or a load balancer. So after a while of silence the server is asked something
 * that it answers at once, beside the requests that wait. When that is not answered either, nobody is there: the
 * connection is lost, and what was to be read over it can be asked for elsewhere. Writes wait for their own end; they
 * may have been carried out.
 *
 * On HTTP/1.1 nothing can be asked over a connection while an answer is awaited on it: there the question goes over one
 * of its own. Not for streams that have begun, which may be silent for long, and are many: their limits decide.
 *
 * On the transport's reactor thread. */
#include <stdlib.h>

#include "base/alloc.h"
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
    bool flows = exchange->request->streaming && exchange->heard_ms;
    if (flows && !t->http2) continue;
    if (exchange->started_ms < since_ms) since_ms = exchange->started_ms;
    if (!flows) limit_ms = CALL_MS;
  }
  if (since_ms == INT64_MAX) return since_ms;
  if (t->heard_ms > since_ms) since_ms = t->heard_ms;
  return (t->vouched_ms > since_ms ? t->vouched_ms : since_ms) + limit_ms;
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
  if (!t->established || t->gone || t->draining || t->lost || t->question.transport || t->inquiry) return;
  if (moon_list_empty(&t->running)) return;
  /* The timer may ring for nothing, never late: while calls come it is seldom set. */
  int64_t latest_ms = MOON_ENTRY(t->running.prev, moon_exchange, node)->started_ms;
  if (moon_timer_active(&t->silence) && t->silence.due_ms <= latest_ms + CALL_MS) return;
  int64_t at_ms = ask_at_ms(t);
  if (at_ms != INT64_MAX) moon_reactor_set_timer(t->reactor, &t->silence, at_ms);
}

static void give_up(moon_transport *t) {
  moon_error *why = moon_error_new(MOON_CONNECT, "%s: the connection was lost: nothing comes over it any more",
                                   moon_dialer_endpoint(t->dialer));
  moon_transport_give_up_reads(t, why);
  moon_error_free(why);
}

/* --- over the connection itself --- */

static void answered(moon_exchange *exchange, moon_error *err) {
  moon_transport *t = MOON_ENTRY(exchange, moon_transport, question);
  moon_response_clear(&t->question_response);
  moon_error_free(err);
  if (exchange->silent)
    give_up(t);
  else /* in whatever way it ended: the connection is there, or is known not to be */
    moon_silence_watch(t);
}

static void ask(moon_transport *t) {
  static const moon_exchange_handler handler = {.done = answered};
  t->question = (moon_exchange){
      .handler = &handler,
      .request = &question,
      .response = &t->question_response,
      .deadline_ms = moon_clock_now_ms() + ANSWER_MS,
  };
  moon_transport_run(t, &t->question);
}

/* --- over another one --- */

/* In memory of its own: its end may be on its way when the connection that it is about is closed. */
typedef struct moon_inquiry {
  moon_transport *about; /* NULL: it is not wanted any more */
  moon_transport *asker; /* NULL: closed */
  moon_reactor *reactor;
  moon_exchange exchange;
  moon_response response;
  bool nobody;
  moon_task over;
} moon_inquiry;

static void inquiry_over(moon_task *task) {
  moon_inquiry *inquiry = MOON_ENTRY(task, moon_inquiry, over);
  moon_transport *t = inquiry->about;
  if (inquiry->asker) moon_transport_close(inquiry->asker);
  moon_response_clear(&inquiry->response);
  moon_reactor_release(inquiry->reactor);
  bool nobody = inquiry->nobody;
  free(inquiry);
  if (!t) return;
  t->inquiry = NULL;
  /* What came meanwhile, or is asked for by others now, says that somebody is there, or says nothing yet. */
  if (nobody && !moon_list_empty(&t->running) && ask_at_ms(t) <= moon_clock_now_ms()) {
    moon_transport_suspect(t);
    give_up(t);
  } else {
    t->vouched_ms = moon_clock_now_ms();
    moon_silence_watch(t);
  }
}

static void inquiry_answered(moon_exchange *exchange, moon_error *err) {
  moon_inquiry *inquiry = MOON_ENTRY(exchange, moon_inquiry, exchange);
  inquiry->nobody = err && (err->kind == MOON_TIMEOUT || err->kind == MOON_CONNECT);
  moon_error_free(err);
  moon_reactor_post(inquiry->reactor, &inquiry->over); /* from inside of what is to be closed */
}

static void inquire(moon_transport *t) {
  static const moon_exchange_handler handler = {.done = inquiry_answered};
  moon_inquiry *inquiry = t->inquiry = moon_zalloc(sizeof *inquiry);
  inquiry->about = t;
  inquiry->reactor = moon_reactor_retain(t->reactor);
  inquiry->response.retry_after_ms = -1;
  inquiry->over.run = inquiry_over;
  inquiry->exchange = (moon_exchange){
      .handler = &handler,
      .request = &question,
      .response = &inquiry->response,
      .deadline_ms = moon_clock_now_ms() + ANSWER_MS,
  };
  inquiry->asker = moon_transport_new(t->reactor, t->dialer, &moon_transport_no_events, inquiry);
  moon_transport_connect_with(inquiry->asker, &inquiry->exchange);
}

void moon_silence_end(moon_transport *t) {
  moon_inquiry *inquiry = t->inquiry;
  if (!inquiry) return;
  moon_transport *asker = inquiry->asker;
  inquiry->about = inquiry->asker = NULL;
  t->inquiry = NULL;
  moon_transport_close(asker); /* which ends the question, if it has not ended already */
}

/* --- when --- */

static void due(moon_timer *timer) {
  moon_transport *t = MOON_ENTRY(timer, moon_transport, silence);
  int64_t now_ms = moon_clock_now_ms();
  if (ask_at_ms(t) > now_ms) {
    moon_silence_watch(t);
  } else if (is_our_own(t)) {
    moon_reactor_set_timer(t->reactor, &t->silence, now_ms + CALL_MS);
  } else if (!t->gone && !t->draining && !t->lost && t->http2) {
    ask(t);
  } else if (!t->gone && !t->draining && !t->lost) {
    inquire(t);
  }
}

void moon_silence_init(moon_transport *t) {
  moon_timer_init(&t->silence, due);
  t->question_response.retry_after_ms = -1;
}
