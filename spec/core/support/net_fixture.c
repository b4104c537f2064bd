/* net_fixture.c: see net_fixture.h. One lock for everything that the reactor's threads write and the specs read. */
#include "support/net_fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/pki.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

int64_t now_ms(void) {
  return moon_clock_wall_ms();
}

void sleep_ms(int64_t ms) {
  struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&wait, NULL);
}

int count_of(const int *counter) {
  pthread_mutex_lock(&lock);
  int value = *counter;
  pthread_mutex_unlock(&lock);
  return value;
}

bool becomes(const int *counter, int value) {
  int64_t until_ms = now_ms() + PATIENCE_MS;
  struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
  pthread_mutex_lock(&lock);
  int failed = 0;
  while (*counter != value && !failed) failed = pthread_cond_timedwait(&changed, &lock, &until);
  bool reached = *counter == value;
  pthread_mutex_unlock(&lock);
  return reached;
}

void count_up(int *counter) {
  pthread_mutex_lock(&lock);
  ++*counter;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* --- the end of a program --- */

static int thread_count(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  if (!tasks) return 0;
  for (struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

int await_threads(void **state) {
  for (int i = 0; i < 200 && thread_count() > 1; i++) sleep_ms(10);
  return 0;
}

bool under_valgrind(void) {
  const char *preloaded = getenv("LD_PRELOAD");
  return preloaded && strstr(preloaded, "vgpreload");
}

/* --- on the reactor --- */

typedef struct errand {
  moon_task task;
  void (*run)(void *);
  void *arg;
  int runs;
} errand;

static void run_errand(moon_task *task) {
  errand *e = MOON_ENTRY(task, errand, task);
  e->run(e->arg);
  count_up(&e->runs);
}

void on_reactor(moon_reactor *reactor, void (*run)(void *), void *arg) {
  errand e = {.task.run = run_errand, .run = run, .arg = arg};
  moon_reactor_post(reactor, &e.task);
  if (!becomes(&e.runs, 1)) abort(); /* the reactor is stuck, and has our stack */
}

/* --- certificates, targets --- */

static moon_pki_authority *authority;
static moon_pki_pair server_pair;

static void forget_pki(void) {
  moon_pki_pair_clear(&server_pair);
  moon_pki_authority_free(authority);
}

moon_pki_authority *pki_authority(void) {
  if (authority) return authority;
  static const char *const names[] = {"127.0.0.1", "localhost", "api.test", NULL};
  moon_pki_request request = {.common_name = "server", .alt_names = names, .not_before_s = -3600, .not_after_s = 86400};
  if (!(authority = moon_pki_authority_new("spec CA", NULL)) ||
      moon_pki_issue(authority, &request, &server_pair, NULL)) {
    abort();
  }
  atexit(forget_pki);
  return authority;
}

const char *pki_ca(void) {
  return moon_pki_authority_certificate(pki_authority());
}

const char *pki_server_certificate(void) {
  pki_authority();
  return server_pair.certificate;
}

const char *pki_server_key(void) {
  pki_authority();
  return server_pair.key;
}

tls_server *start_server(void) {
  pki_authority();
  return tls_server_start(&(tls_server_options){.certificate = server_pair.certificate, .key = server_pair.key});
}

tls_server *start_plain_server(void) {
  return tls_server_start(&(tls_server_options){0});
}

void set_pem(moon_bytes *bytes, const char *pem) {
  free(bytes->data);
  bytes->data = moon_strdup(pem);
  bytes->len = strlen(pem);
}

moon_target *target_of(const tls_server *server, const char *scheme, const char *host) {
  moon_target *target = moon_target_new();
  target->context = moon_strdup("spec-context");
  target->cluster = moon_strdup("spec-cluster");
  target->user = moon_strdup("spec-user");
  target->namespace_ = moon_strdup("default");
  target->server = moon_sprintf("%s://%s:%d", scheme, host, server ? tls_server_port(server) : 443);
  if (!strcmp(scheme, "https")) set_pem(&target->ca, pki_ca());
  return target;
}

moon_dialer *dialer_of(moon_target *target) {
  moon_dialer *dialer = NULL;
  moon_error *err = moon_dialer_new("spec", target, NULL, NULL, &dialer);
  if (err) fail_msg("no dialer: %s", err->message);
  moon_target_release(target);
  return dialer;
}

moon_dialer *https_dialer(const tls_server *server) {
  return dialer_of(target_of(server, "https", "127.0.0.1"));
}

/* --- lines --- */

static void told(line *l, int *counter) {
  pthread_mutex_lock(&lock);
  l->told_ms = now_ms();
  pthread_mutex_unlock(&lock);
  count_up(counter);
}

static void on_established(void *owner, int max_streams) {
  line *l = owner;
  l->max_streams = max_streams;
  told(l, &l->established);
}

static void on_failed(void *owner, moon_error *err) {
  line *l = owner;
  l->error = err;
  told(l, &l->failures);
}

static void on_limited(void *owner, int max_streams) {
  line *l = owner;
  l->max_streams = max_streams;
  told(l, &l->limits);
}

static void on_drain(void *owner) {
  told(owner, &((line *)owner)->drains);
}

static void on_lost(void *owner) {
  told(owner, &((line *)owner)->losses);
}

static void on_stale(void *owner) {
  told(owner, &((line *)owner)->stales);
}

static const moon_transport_events events = {on_established, on_failed, on_limited, on_drain, on_lost, on_stale};

typedef struct dial_order {
  line *line;
  moon_dialer *dialer;
  int64_t timeout_ms;
} dial_order;

static void dial_now(void *arg) {
  dial_order *order = arg;
  line *l = order->line;
  l->transport = moon_transport_new(l->reactor, order->dialer, &events, l);
  moon_transport_connect(l->transport, order->timeout_ms);
}

void line_dial(line *l, moon_reactor *reactor, moon_dialer *dialer, int64_t timeout_ms) {
  *l = (line){.reactor = moon_reactor_retain(reactor)};
  on_reactor(reactor, dial_now, &(dial_order){l, dialer, timeout_ms});
}

static void prepare_exchange(attempt *a);

typedef struct first_order {
  attempt *first;
  moon_dialer *dialer;
} first_order;

static void dial_with_now(void *arg) {
  first_order *order = arg;
  line *l = order->first->line;
  l->transport = moon_transport_new(l->reactor, order->dialer, &events, l);
  prepare_exchange(order->first);
  moon_transport_connect_with(l->transport, &order->first->exchange);
}

void line_dial_with(line *l, moon_reactor *reactor, moon_dialer *dialer, attempt *first) {
  *l = (line){.reactor = moon_reactor_retain(reactor)};
  on_reactor(reactor, dial_with_now, &(first_order){first, dialer});
}

static bool settled(line *l) {
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms; sleep_ms(2)) {
    if (count_of(&l->established) || count_of(&l->failures)) return true;
  }
  return false;
}

void line_open(line *l, moon_reactor *reactor, moon_dialer *dialer) {
  line_dial(l, reactor, dialer, PATIENCE_MS);
  if (!settled(l)) fail_msg("the connection was neither established nor did it fail");
  if (l->error) fail_msg("not connected: %s", l->error->message);
}

static void close_now(void *arg) {
  moon_transport_close(((line *)arg)->transport);
}

void line_close(line *l) {
  on_reactor(l->reactor, close_now, l);
  moon_error_free(l->error);
  moon_reactor_release(l->reactor);
}

static void check_error(const moon_error *err, moon_status kind, const char *text) {
  if (!err) fail_msg("no error; expected \"%s\"", text);
  if (err->kind != kind || !strstr(err->message, text) || strchr(err->message, '\n')) {
    fail_msg("expected %s, one line with \"%s\"; got %s, \"%s\"", moon_strerror(kind), text, moon_strerror(err->kind),
             err->message);
  }
}

void expect_failure(moon_reactor *reactor, moon_dialer *dialer, int64_t timeout_ms, moon_status kind,
                    const char *text) {
  line l;
  line_dial(&l, reactor, dialer, timeout_ms);
  if (!settled(&l)) fail_msg("the connection was neither established nor did it fail");
  assert_int_equal(count_of(&l.established), 0);
  check_error(l.error, kind, text);
  assert_string_equal(l.error->cluster, "spec");
  assert_string_equal(l.error->endpoint, moon_dialer_endpoint(dialer));
  line_close(&l);
  assert_int_equal(l.failures, 1);
  assert_int_equal(l.drains + l.losses, 0);
}

/* --- attempts --- */

static void on_headers(moon_exchange *exchange) {
  count_up(&MOON_ENTRY(exchange, attempt, exchange)->header_calls);
}

static bool on_data(moon_exchange *exchange, const char *bytes, size_t len) {
  attempt *a = MOON_ENTRY(exchange, attempt, exchange);
  pthread_mutex_lock(&lock);
  moon_buffer_add(&a->streamed, bytes, len);
  bool more = !a->stop_after || a->streamed.len < a->stop_after;
  pthread_mutex_unlock(&lock);
  return more;
}

static void on_done(moon_exchange *exchange, moon_error *err) {
  attempt *a = MOON_ENTRY(exchange, attempt, exchange);
  a->err = err;
  a->ended_ms = now_ms();
  count_up(&a->ends);
}

static const moon_exchange_handler gathers = {on_headers, NULL, on_done};
static const moon_exchange_handler streams = {on_headers, on_data, on_done};

attempt *attempt_new(line *l, const char *method, const char *path) {
  attempt *a = moon_zalloc(sizeof *a);
  a->line = l;
  a->request.method = (char *)method;
  a->request.path = (char *)path;
  a->response.retry_after_ms = -1;
  return a;
}

static void abort_now(void *arg) {
  moon_transport_abort(&((attempt *)arg)->exchange, moon_error_new(MOON_CANCELLED, "cancelled by the spec"));
}

static void prepare_exchange(attempt *a) {
  a->exchange = (moon_exchange){
      .handler = a->stream ? &streams : &gathers,
      .request = &a->request,
      .response = &a->response,
      .deadline_ms = a->timeout_ms ? moon_clock_now_ms() + a->timeout_ms : 0,
      .after = a->after,
      .bound = a->bound,
  };
}

static void start_now(void *arg) {
  attempt *a = arg;
  prepare_exchange(a);
  moon_transport_run(a->line->transport, &a->exchange);
  if (a->start_paused) moon_transport_pause(&a->exchange, true);
  if (a->start_aborted) abort_now(a);
}

void attempt_start(attempt *a) {
  a->started_ms = now_ms();
  on_reactor(a->line->reactor, start_now, a);
}

typedef struct batch {
  attempt *const *attempts;
  size_t count;
} batch;

static void start_batch(void *arg) {
  batch *b = arg;
  for (size_t i = 0; i < b->count; i++) start_now(b->attempts[i]);
}

void attempt_start_all(attempt *const *attempts, size_t count) {
  on_reactor(attempts[0]->line->reactor, start_batch, &(batch){attempts, count});
}

void attempt_wait(attempt *a) {
  if (!becomes(&a->ends, 1)) fail_msg("%s %s ended %d times", a->request.method, a->request.path, count_of(&a->ends));
}

void attempt_abort(attempt *a) {
  on_reactor(a->line->reactor, abort_now, a);
}

static void pause_now(void *arg) {
  moon_transport_pause(&((attempt *)arg)->exchange, true);
}

static void resume_now(void *arg) {
  moon_transport_pause(&((attempt *)arg)->exchange, false);
}

void attempt_pause(attempt *a, bool paused) {
  on_reactor(a->line->reactor, paused ? pause_now : resume_now, a);
}

size_t attempt_streamed(const attempt *a) {
  pthread_mutex_lock(&lock);
  size_t len = a->streamed.len;
  pthread_mutex_unlock(&lock);
  return len;
}

void attempt_free(attempt *a) {
  assert_int_equal(count_of(&a->ends), 1); /* no more and no less */
  moon_error_free(a->err);
  moon_response_clear(&a->response);
  moon_buffer_free(&a->streamed);
  free(a);
}

attempt *fetch(line *l, const char *path) {
  attempt *a = attempt_new(l, "GET", path);
  attempt_start(a);
  attempt_wait(a);
  return a;
}

void expect_ok(attempt *a, int status) {
  attempt_wait(a);
  if (a->err) fail_msg("%s %s: %s", a->request.method, a->request.path, a->err->message);
  assert_int_equal(a->response.status, status);
}

void expect_error(const attempt *a, moon_status kind, const char *text) {
  check_error(a->err, kind, text);
}

void fetch_ok(line *l, const char *path) {
  attempt *a = fetch(l, path);
  expect_ok(a, 200);
  attempt_free(a);
}
