/* network_spec.c: a cluster with several API servers on the network: they die, hang, come back, and move behind their
 * name. Nobody probes here, where a spec does not say so: what is learned comes from connecting and from requests. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cluster/call.h"
#include "cluster/cluster.h"
#include "cluster/network.h"
#include "support/net_fixture.h"

enum { MOST = 3 };

/* Lives through all specs: see client_spec.c. */
static moon_reactor *reactor;

static tls_server *servers[MOST];
static char *urls[MOST + 1];
static moon_cluster *cluster;

/* --- servers --- */

static void start_at(int n, const tls_server_options *options) {
  servers[n] = tls_server_start(options);
  free(urls[n]);
  urls[n] = moon_sprintf("http://127.0.0.1:%d", tls_server_port(servers[n]));
}

static void kill_server(int n) {
  tls_server_stop(servers[n]);
  servers[n] = NULL;
}

static int port_of(int n) {
  return atoi(strrchr(urls[n], ':') + 1);
}

static void restart(int n) {
  start_at(n, &(tls_server_options){.port = port_of(n)});
}

static void start_servers(int count) {
  for (int i = 0; i < count; i++) start_at(i, &(tls_server_options){0});
}

/* --- the cluster --- */

static moon_pool_options pool_of(int least, int most) {
  moon_pool_options options = moon_pool_default_options;
  options.min_connections = least;
  options.max_connections = most;
  options.max_connecting = most;
  return options;
}

static void make_cluster_of(moon_target *target, const char *const *endpoints, bool resolve, moon_pool_options pool,
                            int64_t interval_ms) {
  moon_cluster_spec spec = {.name = "prod",
                            .target = target,
                            .pool = &pool,
                            .endpoints = endpoints,
                            .resolve_endpoints = resolve,
                            .probe_interval_ms = interval_ms};
  moon_error *err = moon_cluster_new(&spec, NULL, &cluster);
  moon_target_release(target);
  if (err) fail_msg("no cluster: %s", err->message);
}

static void make_cluster(moon_pool_options pool) {
  make_cluster_of(target_of(servers[0], "http", "127.0.0.1"), (const char *const *)urls, false, pool, 0);
}

static moon_pool_stats pool_stats(void) {
  moon_pool_stats stats;
  moon_pool_get_stats(moon_cluster_pool(cluster), &stats);
  return stats;
}

static int end(void **state) {
  if (cluster) {
    moon_pool *pool = moon_pool_retain(moon_cluster_pool(cluster));
    moon_cluster_release(cluster);
    moon_pool_wait_drained(pool, PATIENCE_MS);
    moon_pool_release(pool);
  }
  cluster = NULL;
  for (int i = 0; i < MOST; i++) {
    if (servers[i]) tls_server_stop(servers[i]);
    servers[i] = NULL;
    free(urls[i]);
    urls[i] = NULL;
  }
  return 0;
}

/* "4 4": connections of the pool to each endpoint, in their order. */
static char *spread_now(void) {
  size_t count;
  moon_endpoint_stats *stats = moon_endpoints_stats(moon_cluster_endpoints(cluster), &count);
  moon_buffer text = {0};
  for (size_t i = 0; i < count; i++) moon_buffer_addf(&text, i ? " %d" : "%d", stats[i].connections);
  moon_endpoint_stats_free(stats, count);
  return moon_buffer_take(&text);
}

static void expect_spread(const char *expected) {
  char *spread = NULL;
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms; sleep_ms(10)) {
    free(spread);
    spread = spread_now();
    moon_pool_stats stats = pool_stats();
    if (!strcmp(spread, expected) && !stats.connecting) break;
  }
  assert_string_equal(spread, expected);
  free(spread);
}

static moon_endpoint *nth(size_t n) {
  size_t count;
  moon_endpoint **list = moon_endpoints_list(moon_cluster_endpoints(cluster), &count);
  moon_endpoint *endpoint = list[n];
  for (size_t i = 0; i < count; i++) moon_endpoint_release(list[i]);
  free(list);
  return endpoint;
}

static void probe(size_t n, const char *failure) {
  moon_endpoint_probed(nth(n), failure ? MOON_PROBE_FAILED : MOON_PROBE_GOOD,
                       failure ? moon_error_new(MOON_CONNECT, "%s", failure) : NULL);
}

/* --- calls --- */

typedef struct result {
  pthread_mutex_t lock;
  pthread_cond_t over;
  bool done;
  moon_error *err;
} result;

static void call_done(void *ctx, moon_cluster *where, moon_response *response, moon_error *err) {
  result *r = ctx;
  pthread_mutex_lock(&r->lock);
  r->done = true;
  r->err = err;
  pthread_cond_signal(&r->over);
  pthread_mutex_unlock(&r->lock);
}

static moon_request *new_request(const char *path, int64_t timeout_ms, int retries) {
  moon_request *request = moon_zalloc(sizeof *request);
  request->method = moon_strdup("GET");
  request->path = moon_strdup(path);
  request->timeout_ms = timeout_ms;
  request->retries = retries;
  return request;
}

static moon_error *call(const char *path, int64_t timeout_ms, int retries) {
  result r = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL};
  moon_call_handler handler = {.ctx = &r, .done = call_done};
  moon_call_release(moon_call_start(cluster, new_request(path, timeout_ms, retries), &handler));
  pthread_mutex_lock(&r.lock);
  while (!r.done) pthread_cond_wait(&r.over, &r.lock);
  pthread_mutex_unlock(&r.lock);
  pthread_cond_destroy(&r.over);
  pthread_mutex_destroy(&r.lock);
  return r.err;
}

static void expect_call(const char *path) {
  moon_error *err = call(path, 30000, -1);
  if (err) fail_msg("%s", err->message);
}

static char *failure_of(const char *path, int64_t timeout_ms) {
  moon_error *err = call(path, timeout_ms, 0);
  assert_non_null(err);
  char *message = moon_strdup(err->message);
  moon_error_free(err);
  return message;
}

static void cancel_and_wait(moon_call *made, result *r) {
  moon_call_cancel(made);
  moon_call_release(made);
  pthread_mutex_lock(&r->lock);
  while (!r->done) pthread_cond_wait(&r->over, &r->lock);
  pthread_mutex_unlock(&r->lock);
  assert_int_equal(r->err->kind, MOON_CANCELLED);
  moon_error_free(r->err);
}

/* Reads without a pause, on threads of their own. */
typedef struct readers {
  pthread_t threads[3];
  atomic_bool stop;
  atomic_int reads, failed;
} readers;

static void *read_on(void *arg) {
  readers *r = arg;
  while (!atomic_load(&r->stop)) {
    moon_error *err = call("/echo", 30000, -1);
    if (err && atomic_fetch_add(&r->failed, 1) == 0) print_error("a read failed: %s\n", err->message);
    moon_error_free(err);
    atomic_fetch_add(&r->reads, 1);
  }
  return NULL;
}

static void start_reading(readers *r) {
  *r = (readers){.stop = false};
  for (size_t i = 0; i < 3; i++) pthread_create(&r->threads[i], NULL, read_on, r);
}

static void expect_more_reads(readers *r, int more) {
  int until = atomic_load(&r->reads) + more;
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms && atomic_load(&r->reads) < until;) sleep_ms(5);
  assert_true(atomic_load(&r->reads) >= until);
}

static void stop_reading(readers *r) {
  atomic_store(&r->stop, true);
  for (size_t i = 0; i < 3; i++) pthread_join(r->threads[i], NULL);
}

/* --- spreading --- */

static void connections_are_spread_evenly(void **state) {
  start_servers(3);
  make_cluster(pool_of(6, 6));
  expect_spread("2 2 2");
}

static void calls_go_to_all_servers_in_turn(void **state) {
  start_servers(2);
  make_cluster(pool_of(4, 4));
  expect_spread("2 2");
  for (int i = 0; i < 20; i++) expect_call("/echo");
  assert_int_equal(tls_server_count(servers[0], "/echo"), 10);
  assert_int_equal(tls_server_count(servers[1], "/echo"), 10);
}

static void long_streams_are_spread_by_themselves(void **state) {
  start_servers(2);
  make_cluster(pool_of(0, 2));
  moon_call *calls[4];
  result r[4];
  for (int i = 0; i < 4; i++) {
    r[i] = (result){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL};
    moon_call_handler handler = {.ctx = &r[i], .done = call_done};
    moon_request *request = new_request("/hang", 0, 0);
    request->streaming = true;
    calls[i] = moon_call_start(cluster, request, &handler);
  }
  bool even = false;
  for (int64_t until_ms = now_ms() + PATIENCE_MS; !even && now_ms() < until_ms; sleep_ms(10)) {
    size_t count;
    moon_endpoint_stats *stats = moon_endpoints_stats(moon_cluster_endpoints(cluster), &count);
    even = stats[0].streams == 2 && stats[1].streams == 2 && stats[0].in_flight == 2 && stats[1].in_flight == 2;
    moon_endpoint_stats_free(stats, count);
  }
  assert_true(even);
  for (int i = 0; i < 4; i++) cancel_and_wait(calls[i], &r[i]);
}

/* --- dead ones --- */

static void a_connect_that_fails_goes_on_with_the_next_server(void **state) {
  start_servers(3);
  kill_server(0);
  kill_server(1);
  make_cluster_of(target_of(servers[2], "http", "127.0.0.1"), (const char *const *)urls, false, pool_of(0, 3), 0);
  moon_error *err = call("/echo", 5000, 0); /* the very first one, without a second try */
  if (err) fail_msg("%s", err->message);
  expect_spread("0 0 1");
}

static void when_all_are_dead_the_error_names_each(void **state) {
  start_servers(2);
  kill_server(0);
  make_cluster_of(target_of(servers[1], "http", "127.0.0.1"), (const char *const *)urls, false, pool_of(0, 2), 0);
  kill_server(1);
  char *message = failure_of("/echo", 5000);
  assert_non_null(strstr(message, "none of 2 API servers can be connected to: "));
  for (int i = 0; i < 2; i++) {
    char *part = moon_sprintf("%s: connection refused", urls[i]);
    if (!strstr(message, part)) fail_msg("%s is not in: %s", part, message);
    free(part);
  }
  free(message);
}

static void the_error_of_a_single_server_is_its_own(void **state) {
  start_servers(1);
  make_cluster(pool_of(0, 2));
  kill_server(0);
  char *message = failure_of("/echo", 5000);
  char *expected = moon_sprintf("%s: connection refused (nothing listens on that port)", urls[0]);
  assert_string_equal(message, expected);
  free(expected);
  free(message);
}

static void a_server_that_hangs_costs_its_part_of_the_connect_timeout(void **state) {
  start_servers(2);
  kill_server(0);
  servers[0] = tls_server_start(&(tls_server_options){.port = port_of(0), .never_handshakes = true});
  moon_pool_options pool = pool_of(0, 2);
  pool.connect_timeout_ms = 1000;
  make_cluster(pool);
  int64_t began_ms = now_ms();
  expect_call("/echo");
  assert_in_range(now_ms() - began_ms, 490, 990);
  began_ms = now_ms();
  for (int i = 0; i < 5; i++) expect_call("/echo"); /* it is known by now */
  assert_in_range(now_ms() - began_ms, 0, 480);
  expect_spread("0 1");
}

static void a_server_killed_and_brought_back_costs_no_read_and_gets_its_part_again(void **state) {
  start_servers(2);
  make_cluster(pool_of(8, 8));
  expect_spread("4 4");
  readers r;
  start_reading(&r);
  expect_more_reads(&r, 50);
  kill_server(0);
  expect_more_reads(&r, 50);
  expect_spread("0 8");
  restart(0);
  expect_spread("4 4");
  expect_more_reads(&r, 50);
  stop_reading(&r);
  assert_int_equal(atomic_load(&r.failed), 0);
  assert_true(tls_server_count(servers[0], "/echo") > 0);
}

static void leases_stay_where_they_are_while_others_move(void **state) {
  start_servers(2);
  make_cluster(pool_of(0, 4));
  kill_server(0);
  moon_conn *leases[4];
  for (int i = 0; i < 4; i++)
    assert_null(moon_pool_acquire(moon_cluster_pool(cluster), MOON_USE_LEASE, 0, NULL, &leases[i]));
  expect_spread("0 4");
  restart(0);
  expect_spread("0 3"); /* one is to go when it is given back; in a full pool one at a time */
  assert_int_equal(pool_stats().in_use, 4);
  for (int i = 0; i < 4; i++) moon_pool_give_back(moon_cluster_pool(cluster), leases[i]);
  expect_spread("2 2");
  assert_int_equal(pool_stats().removed[MOON_REMOVED_ERROR], 0);
}

/* --- where somebody probes --- */

static void an_unhealthy_server_is_left_and_returned_to(void **state) {
  start_servers(2);
  make_cluster_of(target_of(servers[0], "http", "127.0.0.1"), (const char *const *)urls, false, pool_of(4, 6), 30000);
  expect_spread("2 2");
  for (size_t n = 0; n < 2; n++) probe(n, NULL);
  for (int i = 0; i < 3; i++) probe(0, "GET /readyz: HTTP 500");
  moon_network_rebalance(moon_cluster_pool(cluster));
  expect_spread("0 4"); /* refilled, elsewhere */
  assert_null(moon_cluster_down(cluster));
  for (int i = 0; i < 2; i++) probe(0, NULL);
  moon_network_rebalance(moon_cluster_pool(cluster));
  expect_spread("2 2");
}

/* Starts a request that no server will answer, on the first server. */
static moon_call *stuck(const char *method, result *r) {
  *r = (result){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL};
  int before = tls_server_count(servers[0], "/hang");
  moon_call_handler handler = {.ctx = r, .done = call_done};
  moon_request *request = new_request("/hang", 0, -1);
  free(request->method);
  request->method = moon_strdup(method);
  moon_call *made = moon_call_start(cluster, request, &handler);
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms; sleep_ms(5))
    if (tls_server_count(servers[0], "/hang") > before) break;
  assert_int_equal(tls_server_count(servers[0], "/hang"), before + 1);
  return made;
}

static void reads_that_hang_on_a_server_that_is_down_are_asked_of_another(void **state) {
  start_servers(2);
  make_cluster_of(target_of(servers[0], "http", "127.0.0.1"), (const char *const *)urls, false, pool_of(0, 4), 30000);
  for (size_t n = 0; n < 2; n++) probe(n, NULL);
  for (int i = 0; i < 3; i++) probe(1, "timed out"); /* so that both requests go to the other one */
  result read, write;
  moon_call *reading = stuck("GET", &read), *writing = stuck("POST", &write);
  for (int i = 0; i < 2; i++) probe(1, NULL);
  for (int i = 0; i < 3; i++) probe(0, "timed out");
  moon_network_rebalance(moon_cluster_pool(cluster));
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms; sleep_ms(20))
    if (tls_server_count(servers[1], "/hang")) break;
  const server_request *moved = tls_server_find(servers[1], "/hang");
  assert_non_null(moved);
  assert_string_equal(moved->method, "GET");
  cancel_and_wait(reading, &read);
  cancel_and_wait(writing, &write);
  assert_int_equal(tls_server_count(servers[1], "/hang"), 1); /* a write is not sent twice */
}

static void a_cluster_whose_servers_are_all_unhealthy_is_down(void **state) {
  start_servers(2);
  make_cluster_of(target_of(servers[0], "http", "127.0.0.1"), (const char *const *)urls, false, pool_of(2, 2), 30000);
  expect_spread("1 1");
  for (int i = 0; i < 3; i++) probe(0, "GET /readyz: HTTP 500");
  assert_null(moon_cluster_down(cluster));
  for (int i = 0; i < 3; i++) probe(1, "timed out");
  moon_error *err = moon_cluster_down(cluster);
  assert_non_null(err);
  assert_string_equal(err->cluster, "prod");
  char *expected = moon_sprintf("%s: GET /readyz: HTTP 500; %s: timed out", urls[0], urls[1]);
  assert_string_equal(err->message, expected);
  free(expected);
  moon_error_free(err);
  expect_spread("1 1"); /* there is nowhere to go */
  probe(1, NULL);
  moon_error_free(err = moon_cluster_down(cluster));
  assert_non_null(err); /* one good probe is not enough */
  probe(1, NULL);
  assert_null(moon_cluster_down(cluster));
}

static void a_manager_sees_one_server_die_and_return_while_its_cluster_stays_healthy(void **state) {
  start_servers(2);
  moon_manager_options options = moon_manager_default_options;
  options.cluster_health_check_interval_ms = 200;
  moon_manager *manager = NULL;
  assert_int_equal(moon_manager_new(&options, &manager, NULL), MOON_OK);
  moon_cluster_options added = moon_cluster_default_options;
  moon_pool_options pool = pool_of(6, 6);
  added.name = "prod";
  added.endpoints = (const char *const *)urls;
  added.pool = &pool;
  moon_target *target = target_of(servers[0], "http", "127.0.0.1");
  assert_null(moon_manager_add(manager, &added, target));
  moon_target_release(target);
  cluster = moon_manager_find(manager, "prod", NULL);
  expect_spread("3 3");
  readers r;
  start_reading(&r);
  expect_more_reads(&r, 50);
  kill_server(0);
  expect_spread("0 6");
  for (int64_t until_ms = now_ms() + PATIENCE_MS; now_ms() < until_ms; sleep_ms(10))
    if (moon_endpoint_state(nth(0)) == MOON_HEALTH_UNHEALTHY) break;
  assert_int_equal(moon_endpoint_state(nth(0)), MOON_HEALTH_UNHEALTHY);
  moon_cluster_stats stats;
  assert_int_equal(moon_manager_get_stats(manager, "prod", &stats, NULL), MOON_OK);
  assert_int_equal(stats.state, MOON_HEALTH_HEALTHY);
  restart(0);
  for (int i = 0; i < 2; i++) assert_int_equal(moon_manager_check_health(manager, NULL, NULL), MOON_OK);
  expect_spread("3 3");
  expect_more_reads(&r, 50);
  stop_reading(&r);
  assert_int_equal(atomic_load(&r.failed), 0);
  moon_manager_release(manager);
}

/* --- a name with several addresses --- */

static void every_address_of_a_name_is_used_and_left_when_it_goes(void **state) {
  pki_authority();
  tls_server_options options = {.certificate = pki_server_certificate(), .key = pki_server_key()};
  start_at(0, &options);
  options.address = "127.0.0.2";
  options.port = port_of(0);
  start_at(1, &options);
  make_cluster_of(target_of(servers[0], "https", "api.test"), NULL, true, pool_of(0, 4), 30000);
  char first[] = "127.0.0.1", second[] = "127.0.0.2";
  moon_endpoints *set = moon_cluster_endpoints(cluster);
  moon_endpoints_resolved(set, "api.test", (char *[]){first, second}, 2);
  moon_network_rebalance(moon_cluster_pool(cluster));
  moon_conn *leases[4];
  for (int i = 0; i < 4; i++) {
    moon_error *err = moon_pool_acquire(moon_cluster_pool(cluster), MOON_USE_LEASE, 0, NULL, &leases[i]);
    if (err) fail_msg("%s", err->message); /* "api.test" itself resolves to nothing; the certificate is for it */
  }
  for (int i = 0; i < 4; i++) moon_pool_give_back(moon_cluster_pool(cluster), leases[i]);
  expect_spread("2 2");
  for (int n = 0; n < 2; n++) {
    assert_int_equal(tls_server_open(servers[n]), 2);
    assert_string_equal(tls_server_connection(servers[n], 0)->server_name, "api.test");
  }
  moon_endpoints_resolved(set, "api.test", (char *[]){second}, 1);
  moon_network_rebalance(moon_cluster_pool(cluster));
  expect_spread("4");
  expect_call("/echo");
  assert_int_equal(tls_server_open(servers[1]), 4);
  kill_server(1);
  char *message = failure_of("/echo", 5000), *expected = moon_sprintf("https://api.test:%d (127.0.0.2): ", port_of(0));
  if (!strstr(message, expected)) fail_msg("%s is not in: %s", expected, message);
  free(expected);
  free(message);
}

/* --- what requests tell --- */

static void counts_failures_and_learns_latencies(void **state) {
  start_servers(1);
  make_cluster(pool_of(1, 4));
  assert_true(moon_cluster_latency_us(cluster) == 0);
  expect_call("/drip?n=2&ms=30"); /* the first byte of the head comes at once */
  double latency_us = moon_cluster_latency_us(cluster);
  assert_true(latency_us > 0 && latency_us < 1e6);
  assert_true(moon_cluster_expected_us(cluster) <= latency_us);

  tls_server_set_readyz(servers[0], 503, "etcd is down");
  for (int i = 1; i <= 3; i++) {
    free(failure_of("/readyz", 5000));
    assert_int_equal(moon_cluster_failures(cluster), i);
  }
  free(failure_of("/status?code=503", 5000)); /* an aggregated API's own trouble */
  free(failure_of("/hang", 50));              /* the caller's time was short */
  assert_int_equal(moon_cluster_failures(cluster), 3);
  free(failure_of("/close", 5000));
  assert_int_equal(moon_cluster_failures(cluster), 4);
  free(failure_of("/status?code=500", 5000)); /* an answer: the server works */
  assert_int_equal(moon_cluster_failures(cluster), 0);
  kill_server(0);
  for (int i = 0; i < 2; i++) free(failure_of("/echo", 5000));
  assert_true(moon_cluster_failures(cluster) >= 2);
}

static int begin(void **state) {
  reactor = moon_reactor_shared();
  return 0;
}

static int finish(void **state) {
  moon_reactor_release(reactor);
  return await_threads(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(connections_are_spread_evenly, end),
      cmocka_unit_test_teardown(calls_go_to_all_servers_in_turn, end),
      cmocka_unit_test_teardown(long_streams_are_spread_by_themselves, end),
      cmocka_unit_test_teardown(a_connect_that_fails_goes_on_with_the_next_server, end),
      cmocka_unit_test_teardown(when_all_are_dead_the_error_names_each, end),
      cmocka_unit_test_teardown(the_error_of_a_single_server_is_its_own, end),
      cmocka_unit_test_teardown(a_server_that_hangs_costs_its_part_of_the_connect_timeout, end),
      cmocka_unit_test_teardown(a_server_killed_and_brought_back_costs_no_read_and_gets_its_part_again, end),
      cmocka_unit_test_teardown(leases_stay_where_they_are_while_others_move, end),
      cmocka_unit_test_teardown(an_unhealthy_server_is_left_and_returned_to, end),
      cmocka_unit_test_teardown(reads_that_hang_on_a_server_that_is_down_are_asked_of_another, end),
      cmocka_unit_test_teardown(a_cluster_whose_servers_are_all_unhealthy_is_down, end),
      cmocka_unit_test_teardown(a_manager_sees_one_server_die_and_return_while_its_cluster_stays_healthy, end),
      cmocka_unit_test_teardown(every_address_of_a_name_is_used_and_left_when_it_goes, end),
      cmocka_unit_test_teardown(counts_failures_and_learns_latencies, end),
  };
  return cmocka_run_group_tests(tests, begin, finish);
}
