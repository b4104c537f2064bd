/* client_spec.c: the public C interface (core/moonpool.h) as a host program uses it: nothing else is included from
 * core/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonpool.h"
#include "support/net_fixture.h"

static tls_server *server;
/* Lives through all specs, and the reactor's thread with it: libuv closes its descriptors behind ThreadSanitizer's
 * back, which would take the next use of a number, by a later reactor, for a race. */
static moon_client *client;
static char kubeconfig[] = "/tmp/moonpool-client-XXXXXX";

static moon_client *client_with(const char *context, int64_t acquire_timeout_ms) {
  moon_client_options options = {.kubeconfig = kubeconfig, .context = context, .pool = moon_pool_default_options};
  options.pool.max_connections = 1;
  options.pool.min_connections = 0;
  options.pool.acquire_timeout_ms = acquire_timeout_ms;
  moon_client *made = NULL;
  assert_int_equal(moon_client_new(&options, &made, NULL), MOON_OK);
  return made;
}

static int start(void **state) {
  server = tls_server_start(&(tls_server_options){0});
  int fd = mkstemp(kubeconfig);
  assert_true(fd >= 0);
  dprintf(fd,
          "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%d'}},\n"
          "           {name: dead, cluster: {server: 'http://127.0.0.1:1'}}]\n"
          "contexts: [{name: plain, context: {cluster: c}}, {name: shop, context: {cluster: c, namespace: shop}},\n"
          "           {name: dead, context: {cluster: dead}}]\n"
          "current-context: plain\n",
          tls_server_port(server));
  close(fd);
  client = client_with("plain", 30000);
  return 0;
}

static int end(void **state) {
  moon_client_release(client);
  unlink(kubeconfig);
  tls_server_stop(server);
  return await_threads(state);
}

static void knows_context_and_namespace(void **state) {
  moon_client *made = client_with(NULL, 30000);
  assert_string_equal(moon_client_context(made), "plain");
  assert_string_equal(moon_client_namespace(made), "default");
  moon_client_release(made);
  made = client_with("shop", 30000);
  assert_string_equal(moon_client_context(made), "shop");
  assert_string_equal(moon_client_namespace(made), "shop");
  moon_client_release(made);
  moon_client_release(NULL);
}

static void says_which_kubeconfig_it_cannot_read(void **state) {
  moon_client_options options = {.kubeconfig = "/nowhere/kubeconfig", .pool = moon_pool_default_options};
  moon_client *made = NULL;
  moon_error *err = NULL;
  assert_int_equal(moon_client_new(&options, &made, &err), MOON_CONFIG);
  assert_null(made);
  assert_int_equal(err->kind, MOON_CONFIG);
  assert_non_null(strstr(err->message, "/nowhere/kubeconfig"));
  moon_error_free(err);
  assert_int_equal(moon_client_new(&options, &made, NULL), MOON_CONFIG);
}

static void gets_and_posts(void **state) {
  moon_answer *answer = NULL;
  assert_int_equal(moon_client_call(client, &(moon_call_options){.path = "/bytes?n=30"}, &answer, NULL), MOON_OK);
  assert_int_equal(answer->status, 200);
  assert_int_equal(answer->body_len, 30);
  assert_string_equal(answer->body, "abcdefghijklmnopqrstuvwxyzabcd");
  moon_answer_free(answer);

  moon_call_options post = {.method = "POST", .path = "/echo", .body = "{}", .body_len = 2};
  assert_int_equal(moon_client_call(client, &post, &answer, NULL), MOON_OK);
  assert_string_equal(answer->body, "POST {}");
  moon_answer_free(answer);
  const server_request *seen = tls_server_find(server, "/echo");
  assert_true(server_request_has(seen, "Content-Type: application/json"));
  assert_true(server_request_has(seen, "Accept: application/json"));
}

static void reports_what_the_server_refused(void **state) {
  moon_answer *answer = NULL;
  moon_error *err = NULL;
  assert_int_equal(moon_client_call(client, &(moon_call_options){.path = "/status?code=404"}, &answer, &err),
                   MOON_NOT_FOUND);
  assert_null(answer);
  assert_int_equal(err->http_status, 404);
  assert_int_equal(err->attempts, 1);
  assert_string_equal(err->cluster, "plain");
  moon_error_free(err);

  assert_int_equal(moon_client_call(client, &(moon_call_options){.path = "echo"}, &answer, &err), MOON_INVALID);
  assert_string_equal(err->message, "path: expected a text that starts with '/', got \"echo\"");
  moon_error_free(err);

  moon_call_options late = {.path = "/hang", .timeout_ms = 50};
  assert_int_equal(moon_client_call(client, &late, &answer, NULL), MOON_TIMEOUT);
  assert_null(answer);
}

static void leases_a_connection_for_one_user(void **state) {
  moon_client *made = client_with(NULL, 1000);
  moon_conn *conn = NULL, *other = NULL;
  assert_int_equal(moon_client_acquire(made, &conn, NULL), MOON_OK);
  assert_int_equal(moon_conn_id(conn), 1);
  assert_int_equal(moon_conn_use_count(conn), 1);
  moon_answer *answer = NULL;
  assert_int_equal(moon_conn_call(conn, &(moon_call_options){.path = "/echo"}, &answer, NULL), MOON_OK);
  assert_string_equal(answer->body, "GET ");
  moon_answer_free(answer);

  moon_error *err = NULL;
  assert_int_equal(moon_client_acquire(made, &other, &err), MOON_ACQUIRE_TIMEOUT);
  assert_null(other);
  moon_error_free(err);
  moon_pool_stats stats;
  moon_client_get_stats(made, &stats);
  assert_int_equal(stats.in_use, 1);
  assert_int_equal(stats.timeouts, 1);

  moon_client_give_back(made, conn);
  assert_int_equal(moon_client_acquire(made, &conn, NULL), MOON_OK);
  assert_int_equal(moon_conn_id(conn), 1);
  assert_int_equal(moon_conn_use_count(conn), 2);
  moon_client_give_back(made, conn);
  moon_client_get_stats(made, &stats);
  assert_int_equal(stats.created, 1);
  assert_int_equal(stats.idle, 1);
  moon_client_release(made);
}

/* --- several clusters --- */

static moon_manager *manager_of(const char *const *contexts, size_t count) {
  moon_manager_options options = moon_manager_default_options;
  options.cluster_health_check_interval_ms = 0;
  options.default_pool.max_connections = 1;
  options.default_pool.min_connections = 0;
  moon_manager *made = NULL;
  assert_int_equal(moon_manager_new(&options, &made, NULL), MOON_OK);
  for (size_t i = 0; i < count; i++) {
    moon_cluster_options cluster = moon_cluster_default_options;
    cluster.name = cluster.context = contexts[i];
    cluster.kubeconfig = kubeconfig;
    assert_int_equal(moon_manager_add_cluster(made, &cluster, NULL), MOON_OK);
  }
  return made;
}

static void calls_whichever_cluster_works(void **state) {
  moon_manager *manager = manager_of((const char *const[]){"dead", "plain"}, 2);
  moon_answer *answer = NULL;
  for (int i = 0; i < 4; i++) {
    assert_int_equal(moon_manager_call(manager, "dead", &(moon_call_options){.path = "/echo"}, &answer, NULL), MOON_OK);
    assert_string_equal(answer->cluster, "plain");
    assert_string_equal(answer->body, "GET ");
    moon_answer_free(answer);
  }
  moon_error *err = NULL;
  moon_call_options post = {.method = "POST", .path = "/echo"};
  assert_int_equal(moon_manager_call(manager, "dead", &post, &answer, &err), MOON_CONNECT);
  assert_string_equal(err->cluster, "dead");
  assert_false(err->outcome_unknown);
  moon_error_free(err);
  assert_int_equal(moon_manager_call(manager, "daed", &post, &answer, &err), MOON_CONFIG);
  assert_non_null(strstr(err->message, "did you mean \"dead\"?"));
  moon_error_free(err);
  assert_int_equal(moon_manager_call(manager, NULL, &(moon_call_options){.path = "x"}, &answer, NULL), MOON_INVALID);
  moon_manager_release(manager);
}

static void leases_from_whichever_cluster_works(void **state) {
  moon_manager *manager = manager_of((const char *const[]){"dead", "plain"}, 2);
  moon_conn *conn = NULL;
  assert_int_equal(moon_manager_acquire(manager, "dead", &conn, NULL), MOON_OK);
  assert_string_equal(moon_conn_cluster(conn), "plain");
  moon_answer *answer = NULL;
  assert_int_equal(moon_conn_call(conn, &(moon_call_options){.path = "/echo"}, &answer, NULL), MOON_OK);
  assert_string_equal(answer->cluster, "plain");
  moon_answer_free(answer);
  moon_cluster_stats stats;
  assert_int_equal(moon_manager_get_stats(manager, "plain", &stats, NULL), MOON_OK);
  assert_int_equal(stats.active, 1);
  assert_int_equal(stats.pool.in_use, 1);
  moon_manager_give_back(manager, conn);
  assert_int_equal(moon_manager_get_stats(manager, "plain", &stats, NULL), MOON_OK);
  assert_int_equal(stats.active, 0);
  assert_int_equal(stats.pool.idle, 1);
  moon_manager_release(manager);
}

static void says_why_no_cluster_works(void **state) {
  moon_manager *none = manager_of(NULL, 0);
  moon_answer *answer = NULL;
  moon_conn *conn = NULL;
  moon_error *err = NULL;
  assert_int_equal(moon_manager_call(none, NULL, &(moon_call_options){.path = "/echo"}, &answer, NULL),
                   MOON_NO_HEALTHY_CLUSTER);
  assert_int_equal(moon_manager_acquire(none, NULL, &conn, NULL), MOON_NO_HEALTHY_CLUSTER);
  moon_manager_release(none);
  moon_manager *manager = manager_of((const char *const[]){"dead"}, 1);
  assert_int_equal(moon_manager_acquire(manager, NULL, &conn, &err), MOON_CONNECT);
  assert_string_equal(err->cluster, "dead");
  assert_non_null(strstr(err->message, "connection refused"));
  moon_error_free(err);
  assert_null(conn);
  moon_manager_release(manager);
}

static void checks_health_by_hand(void **state) {
  moon_manager *manager = manager_of((const char *const[]){"dead", "plain"}, 2);
  moon_cluster_stats stats;
  assert_int_equal(moon_manager_check_health(manager, "plain", NULL), MOON_OK);
  assert_int_equal(moon_manager_check_health(manager, NULL, NULL), MOON_OK);
  assert_int_equal(moon_manager_get_stats(manager, "dead", &stats, NULL), MOON_OK);
  assert_int_equal(stats.state, MOON_HEALTH_SUSPECT);
  assert_int_equal(moon_manager_get_stats(manager, "plain", &stats, NULL), MOON_OK);
  assert_int_equal(stats.state, MOON_HEALTH_HEALTHY);
  assert_int_equal(moon_manager_check_health(manager, "plan", NULL), MOON_CONFIG);
  moon_manager_release(manager);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_context_and_namespace),
      cmocka_unit_test(says_which_kubeconfig_it_cannot_read),
      cmocka_unit_test(gets_and_posts),
      cmocka_unit_test(reports_what_the_server_refused),
      cmocka_unit_test(leases_a_connection_for_one_user),
      cmocka_unit_test(calls_whichever_cluster_works),
      cmocka_unit_test(leases_from_whichever_cluster_works),
      cmocka_unit_test(says_why_no_cluster_works),
      cmocka_unit_test(checks_health_by_hand),
  };
  return cmocka_run_group_tests(tests, start, end);
}
