/* fake_net.c: see fake_net.h. */
#include "support/fake_net.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

typedef struct fake_link {
  bool connecting, closing;
} fake_link;

static void expect(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "the pool broke its contract with the network side: %s\n", what);
  abort();
}

static void begin_call(fake_net *fake) {
  pthread_mutex_lock(&fake->lock);
  expect(fake->calling++ == 0, "two calls at the same time");
  expect(!fake->disposed, "a call after dispose");
}

static void end_call(fake_net *fake) {
  fake->calling--;
  pthread_cond_broadcast(&fake->changed);
  pthread_mutex_unlock(&fake->lock);
}

static void add_ask(fake_net *fake, fake_kind kind, moon_conn *conn, int64_t timeout_ms) {
  expect(fake->count < FAKE_MOST, "too many questions");
  fake->asks[fake->count++] = (fake_ask){kind, conn, timeout_ms};
  if (timeout_ms) fake->last_timeout_ms = timeout_ms;
}

static void fake_connect(void *ctx, moon_conn *conn, int64_t timeout_ms) {
  fake_net *fake = ctx;
  begin_call(fake);
  expect(moon_conn_link(conn) == NULL, "a second connect");
  fake_link *link = moon_zalloc(sizeof *link);
  link->connecting = true;
  moon_conn_set_link(conn, link);
  fake->connects++;
  if (++fake->open > fake->most_open) fake->most_open = fake->open;
  add_ask(fake, FAKE_CONNECT, conn, timeout_ms);
  end_call(fake);
}

static void fake_check(void *ctx, moon_conn *conn, int64_t timeout_ms) {
  fake_net *fake = ctx;
  begin_call(fake);
  fake_link *link = moon_conn_link(conn);
  expect(link && !link->closing && !link->connecting, "a check of a connection that is not established");
  fake->checks++;
  add_ask(fake, FAKE_CHECK, conn, timeout_ms);
  end_call(fake);
}

static void fake_close(void *ctx, moon_conn *conn) {
  fake_net *fake = ctx;
  begin_call(fake);
  fake_link *link = moon_conn_link(conn);
  expect(link != NULL, "a close without a connect");
  expect(!link->closing, "a second close");
  link->closing = true;
  fake->closes++;
  int kept = 0; /* whatever was asked about it before needs no answer now */
  for (int i = 0; i < fake->count; i++)
    if (fake->asks[i].conn != conn) fake->asks[kept++] = fake->asks[i];
  fake->count = kept;
  add_ask(fake, FAKE_CLOSE, conn, 0);
  end_call(fake);
}

static void fake_wake_at(void *ctx, int64_t at_ms) {
  fake_net *fake = ctx;
  begin_call(fake);
  fake->wake_at = at_ms;
  fake->wakes++;
  end_call(fake);
}

static void fake_dispose(void *ctx) {
  fake_net *fake = ctx;
  begin_call(fake);
  fake->disposed = true;
  moon_pool *pool = fake->pool;
  if (!fake->threaded) fake->pool = NULL;
  end_call(fake);
  if (!fake->threaded) moon_pool_disposed(pool);
}

void fake_net_init(fake_net *fake) {
  *fake = (fake_net){.wake_at = -1, .max_streams = 100};
  pthread_mutex_init(&fake->lock, NULL);
  pthread_cond_init(&fake->changed, NULL);
}

void fake_net_end(fake_net *fake) {
  pthread_cond_destroy(&fake->changed);
  pthread_mutex_destroy(&fake->lock);
}

/* The functions to give to moon_pool_new. */
static moon_pool_net functions_of(fake_net *fake) {
  return (moon_pool_net){.ctx = fake,
                         .connect = fake_connect,
                         .check = fake_check,
                         .close = fake_close,
                         .wake_at = fake_wake_at,
                         .dispose = fake_dispose};
}

moon_pool *fake_net_pool(fake_net *fake, const moon_pool_options *options, moon_event_queue *events) {
  moon_pool_net net = functions_of(fake);
  return fake->pool = moon_pool_new("test", options, &net, events);
}

int fake_net_pending(fake_net *fake, fake_kind kind) {
  int count = 0;
  pthread_mutex_lock(&fake->lock);
  for (int i = 0; i < fake->count; i++) count += fake->asks[i].kind == kind;
  pthread_mutex_unlock(&fake->lock);
  return count;
}

moon_pool *fake_net_lane(fake_net *fake, moon_pool *pool) {
  moon_pool_net net = functions_of(fake);
  return fake->pool = moon_pool_add_lane(pool, &net);
}

static void remove_ask(fake_net *fake, int at, fake_ask *out) {
  *out = fake->asks[at];
  fake->count--;
  for (int i = at; i < fake->count; i++) fake->asks[i] = fake->asks[i + 1];
  fake_link *link = moon_conn_link(out->conn);
  link->connecting = false;
  if (out->kind != FAKE_CLOSE) return;
  fake->open--;
  moon_conn_set_link(out->conn, NULL);
  free(link);
}

bool fake_net_take(fake_net *fake, fake_kind kind, fake_ask *out) {
  bool found = false;
  pthread_mutex_lock(&fake->lock);
  for (int i = 0; i < fake->count && !found; i++) {
    if (fake->asks[i].kind != kind) continue;
    remove_ask(fake, i, out);
    found = true;
  }
  pthread_mutex_unlock(&fake->lock);
  return found;
}

bool fake_net_take_any(fake_net *fake, fake_ask *out) {
  pthread_mutex_lock(&fake->lock);
  bool found = fake->count > 0;
  if (found) remove_ask(fake, (int)moon_random_below((uint64_t)fake->count), out);
  pthread_mutex_unlock(&fake->lock);
  return found;
}

void fake_net_answer(fake_net *fake, const fake_ask *ask) {
  switch (ask->kind) {
  case FAKE_CONNECT:
    if (fake->refuse)
      moon_conn_connect_failed(ask->conn, moon_error_new(MOON_CONNECT, "%s", fake->refuse));
    else
      moon_conn_connected(ask->conn, fake->max_streams);
    break;
  case FAKE_CHECK:
    moon_conn_checked(ask->conn, fake->sick ? moon_error_new(MOON_TIMEOUT, "%s", fake->sick) : NULL);
    break;
  case FAKE_CLOSE:
    moon_conn_closed(ask->conn);
    break;
  }
}

void fake_net_answer_one(fake_net *fake, fake_kind kind) {
  fake_ask ask;
  expect(fake_net_take(fake, kind, &ask), "the test expected a question that was not asked");
  fake_net_answer(fake, &ask);
}

void fake_net_run(fake_net *fake) {
  fake_ask ask;
  while (fake_net_take(fake, FAKE_CONNECT, &ask) || fake_net_take(fake, FAKE_CHECK, &ask) ||
         fake_net_take(fake, FAKE_CLOSE, &ask))
    fake_net_answer(fake, &ask);
}

static void advance(fake_net *fake, int64_t ms, bool answering) {
  int64_t end = moon_clock_now_ms() + ms;
  for (int ticks = 0; fake->pool && fake->wake_at >= 0 && fake->wake_at <= end; ticks++) {
    expect(ticks < 100000, "it asks to be woken over and over");
    if (fake->wake_at > moon_clock_now_ms()) moon_clock_set_ms(fake->wake_at);
    fake->wake_at = -1;
    moon_pool_tick(fake->pool);
    if (answering) fake_net_run(fake);
  }
  moon_clock_set_ms(end);
  if (answering) fake_net_run(fake);
}

void fake_net_advance(fake_net *fake, int64_t ms) {
  fake_net_run(fake);
  advance(fake, ms, true);
}

void fake_net_advance_silent(fake_net *fake, int64_t ms) {
  advance(fake, ms, false);
}
