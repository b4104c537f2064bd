/* fleet.c: see fleet.h. */
#include "support/fleet.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"

static const char *const names[FLEET] = {"a", "b", "c"};

moon_manager_options fleet_options(void) {
  moon_manager_options options = moon_manager_default_options;
  options.cluster_health_check_interval_ms = 0;
  options.default_pool.enable_warmup = false;
  options.default_pool.min_connections = 0;
  options.default_pool.max_connections = 4;
  options.default_pool.health_check_interval_ms = 0;
  return options;
}

static void add(fleet *f, const char *name, tls_server *server) {
  moon_target *target = target_of(server, "http", "127.0.0.1");
  if (!server) {
    free(target->server);
    target->server = moon_strdup("http://127.0.0.1:1");
  }
  moon_cluster_options options = moon_cluster_default_options;
  options.name = name;
  moon_error *err = moon_manager_add(f->manager, &options, target);
  if (err) fail_msg("%s", err->message);
  moon_target_release(target);
}

static fleet holder;

int fleet_hold_threads(void **state) {
  moon_manager_options options = fleet_options();
  fleet_start(&holder, &options, 2, (const char *[]){"refused", "refused"});
  return 0;
}

int fleet_let_threads_go(void **state) {
  fleet_end(&holder);
  return await_threads(state);
}

void fleet_start(fleet *f, const moon_manager_options *options, size_t count, const char *const *api) {
  *f = (fleet){0};
  f->events = moon_event_queue_new(10000, NULL, NULL);
  moon_error *err = moon_manager_create(options, f->events, &f->manager);
  if (err) fail_msg("%s", err->message);
  for (size_t i = 0; i < count; i++) {
    if (!api[i] || strcmp(api[i], "refused")) {
      f->servers[i] = start_plain_server();
      tls_server_set_api(f->servers[i], api[i]);
      tls_server_set_readyz(f->servers[i], NEVER_ANSWERED, NULL); /* a cluster that a spec lets fall is probed */
    }
    add(f, names[i], f->servers[i]);
  }
}

static void drain(moon_event_queue *queue) {
  moon_event event;
  while (moon_event_queue_take(queue, &event)) moon_event_clear(&event);
}

static int left_in(moon_cluster *cluster) {
  moon_pool_stats stats, lane;
  moon_pool_get_stats(moon_cluster_pool(cluster), &stats);
  moon_pool_get_stats(moon_pool_lane(moon_cluster_pool(cluster)), &lane);
  return moon_cluster_active(cluster) + stats.in_use + lane.in_use + stats.wait_queue_length + lane.wait_queue_length;
}

void fleet_end(fleet *f) {
  for (size_t i = 0; i < FLEET; i++) {
    moon_cluster *cluster = moon_manager_find(f->manager, names[i], NULL);
    if (!cluster) continue;
    for (int64_t until_ms = now_ms() + PATIENCE_MS; left_in(cluster) && now_ms() < until_ms;) sleep_ms(1);
    assert_int_equal(left_in(cluster), 0);
    moon_cluster_release(cluster);
  }
  moon_manager_release(f->manager);
  for (size_t i = 0; i < FLEET; i++) {
    if (f->servers[i]) tls_server_stop(f->servers[i]);
  }
  drain(f->events);
  moon_event_queue_release(f->events);
}

moon_cluster *fleet_cluster(fleet *f, const char *name) {
  moon_cluster *cluster = moon_manager_find(f->manager, name, NULL);
  assert_non_null(cluster);
  moon_cluster_release(cluster); /* the manager has it */
  return cluster;
}

tls_server *fleet_server(fleet *f, const char *name) {
  return f->servers[name[0] - 'a'];
}

static void probe(fleet *f, const char *name, int times, moon_verdict verdict, const char *text) {
  size_t count;
  moon_endpoint **endpoints = moon_endpoints_list(moon_cluster_endpoints(fleet_cluster(f, name)), &count);
  for (size_t i = 0; i < count; i++) {
    for (int n = 0; n < times; n++)
      moon_endpoint_probed(endpoints[i], verdict, text ? moon_error_new(MOON_CONNECT, "%s", text) : NULL);
    moon_endpoint_release(endpoints[i]);
  }
  free(endpoints);
}

void fleet_fell(fleet *f, const char *name, const char *text) {
  probe(f, name, 3, MOON_PROBE_FAILED, text);
}

void fleet_rose(fleet *f, const char *name) {
  probe(f, name, 2, MOON_PROBE_GOOD, NULL);
}

char *fleet_failovers(fleet *f) {
  moon_buffer text = {0};
  moon_event event;
  while (moon_event_queue_take(f->events, &event)) {
    if (event.kind == MOON_EVENT_FAILOVER) {
      moon_buffer_addf(&text, "%s%s>%s: %s", text.len ? " | " : "", event.cluster, event.other, event.text);
      assert_null(strchr(event.text, '\n'));
    }
    moon_event_clear(&event);
  }
  return moon_buffer_take(&text);
}

/* --- calls --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for the bytes of all trips */

static void on_headers(void *ctx, moon_cluster *cluster, const moon_response *response) {
  count_up(&((trip *)ctx)->headers);
}

static void on_data(void *ctx, const char *bytes, size_t len) {
  trip *t = ctx;
  pthread_mutex_lock(&lock);
  moon_buffer_add(&t->body, bytes, len);
  t->received += len;
  pthread_mutex_unlock(&lock);
}

static void on_restart(void *ctx) {
  trip *t = ctx;
  moon_buffer_clear(&t->body);
  t->restarts++;
}

static void on_done(void *ctx, moon_cluster *cluster, moon_response *response, moon_error *err) {
  trip *t = ctx;
  if (cluster) strcpy(t->cluster, moon_cluster_name(cluster));
  if (response->body.len) moon_buffer_add(&t->body, response->body.data, response->body.len);
  t->err = err;
  count_up(&t->ends);
}

trip *trip_start(fleet *f, const char *method, const trip_options *options) {
  static const trip_options defaults;
  if (!options) options = &defaults;
  trip *t = moon_zalloc(sizeof *t);
  moon_request *request = moon_zalloc(sizeof *request);
  request->method = moon_strdup(method);
  request->path = moon_strdup("/api/x");
  request->timeout_ms = options->timeout_ms;
  request->retries = options->retries == 0 ? -1 : options->retries < 0 ? 0 : options->retries;
  request->streaming = options->streaming;
  moon_call_handler handler = {.ctx = t, .headers = on_headers, .done = on_done};
  if (!options->gathers) handler.data = on_data;
  if (!options->gathers && !options->streaming) handler.restart = on_restart;
  if (options->strictly) {
    t->call = moon_call_start(fleet_cluster(f, options->strictly), request, &handler);
  } else {
    moon_selection selection = {.preferred = options->preferred};
    t->call = moon_call_start_among(f->manager, &selection, NULL, request, &handler);
  }
  return t;
}

void trip_wait(trip *t) {
  if (!becomes(&t->ends, 1)) fail_msg("the call does not end");
}

void trip_until_received(trip *t, size_t bytes) {
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms; sleep_ms(1)) {
    pthread_mutex_lock(&lock);
    bool enough = t->received >= bytes;
    pthread_mutex_unlock(&lock);
    if (enough) return;
  }
  fail_msg("less than %zu bytes came", bytes);
}

void trip_free(trip *t) {
  assert_int_equal(count_of(&t->ends), 1);
  moon_call_release(t->call);
  moon_buffer_free(&t->body);
  moon_error_free(t->err);
  free(t);
}

void trip_expect(trip *t, const char *cluster, const char *body) {
  trip_wait(t);
  if (t->err) fail_msg("expected an answer, got: %s", t->err->message);
  assert_string_equal(t->cluster, cluster);
  if (body) assert_string_equal(t->body.data, body);
  trip_free(t);
}

void trip_expect_error(trip *t, moon_status kind, const char *cluster, const char *text) {
  trip_wait(t);
  if (!t->err) fail_msg("expected an error with \"%s\", got an answer of %s", text, t->cluster);
  if (t->err->kind != kind || !strstr(t->err->message, text) || strchr(t->err->message, '\n')) {
    fail_msg("expected %s, one line with \"%s\"; got %s, \"%s\"", moon_strerror(kind), text,
             moon_strerror(t->err->kind), t->err->message);
  }
  assert_string_equal(t->cluster, cluster);
  if (*cluster) assert_string_equal(t->err->cluster, cluster);
}

bool fleet_until(tls_server *server, int requests) {
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms; sleep_ms(1)) {
    if (tls_server_count(server, "/api/x") >= requests) return true;
  }
  return false;
}
