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
#include "support/tls_server.h"

static tls_server *server;
static char kubeconfig[] = "/tmp/moonpool-client-XXXXXX";

static int start(void **state) {
  server = tls_server_start(&(tls_server_options){0});
  int fd = mkstemp(kubeconfig);
  assert_true(fd >= 0);
  dprintf(fd,
          "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%d'}}]\n"
          "contexts: [{name: plain, context: {cluster: c}}, {name: shop, context: {cluster: c, namespace: shop}}]\n"
          "current-context: plain\n",
          tls_server_port(server));
  close(fd);
  return 0;
}

static int end(void **state) {
  unlink(kubeconfig);
  tls_server_stop(server);
  return 0;
}

static moon_client *client_with(const char *context, int max_connections) {
  moon_client_options options = {.kubeconfig = kubeconfig, .context = context, .pool = moon_pool_default_options};
  options.pool.max_connections = max_connections;
  options.pool.min_connections = 0;
  options.pool.acquire_timeout_ms = 50;
  moon_client *client = NULL;
  assert_int_equal(moon_client_new(&options, &client, NULL), MOON_OK);
  return client;
}

static void knows_context_and_namespace(void **state) {
  moon_client *client = client_with(NULL, 1);
  assert_string_equal(moon_client_context(client), "plain");
  assert_string_equal(moon_client_namespace(client), "default");
  moon_client_release(client);
  client = client_with("shop", 1);
  assert_string_equal(moon_client_context(client), "shop");
  assert_string_equal(moon_client_namespace(client), "shop");
  moon_client_release(client);
  moon_client_release(NULL);
}

static void says_which_kubeconfig_it_cannot_read(void **state) {
  moon_client_options options = {.kubeconfig = "/nowhere/kubeconfig", .pool = moon_pool_default_options};
  moon_client *client = NULL;
  moon_error *err = NULL;
  assert_int_equal(moon_client_new(&options, &client, &err), MOON_CONFIG);
  assert_null(client);
  assert_int_equal(err->kind, MOON_CONFIG);
  assert_non_null(strstr(err->message, "/nowhere/kubeconfig"));
  moon_error_free(err);
  assert_int_equal(moon_client_new(&options, &client, NULL), MOON_CONFIG);
}

static void gets_and_posts(void **state) {
  moon_client *client = client_with(NULL, 1);
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
  moon_client_release(client);
}

static void reports_what_the_server_refused(void **state) {
  moon_client *client = client_with(NULL, 1);
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
  moon_client_release(client);
}

static void leases_a_connection_for_one_user(void **state) {
  moon_client *client = client_with(NULL, 1);
  moon_conn *conn = NULL, *other = NULL;
  assert_int_equal(moon_client_acquire(client, &conn, NULL), MOON_OK);
  assert_int_equal(moon_conn_id(conn), 1);
  assert_int_equal(moon_conn_use_count(conn), 1);
  moon_answer *answer = NULL;
  assert_int_equal(moon_conn_call(conn, &(moon_call_options){.path = "/echo"}, &answer, NULL), MOON_OK);
  assert_string_equal(answer->body, "GET ");
  moon_answer_free(answer);

  moon_error *err = NULL;
  assert_int_equal(moon_client_acquire(client, &other, &err), MOON_ACQUIRE_TIMEOUT);
  assert_null(other);
  moon_error_free(err);
  moon_pool_stats stats;
  moon_client_get_stats(client, &stats);
  assert_int_equal(stats.in_use, 1);
  assert_int_equal(stats.timeouts, 1);

  moon_client_give_back(client, conn);
  assert_int_equal(moon_client_acquire(client, &conn, NULL), MOON_OK);
  assert_int_equal(moon_conn_id(conn), 1);
  assert_int_equal(moon_conn_use_count(conn), 2);
  moon_client_give_back(client, conn);
  moon_client_get_stats(client, &stats);
  assert_int_equal(stats.created, 1);
  assert_int_equal(stats.idle, 1);
  moon_client_release(client);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_context_and_namespace),
      cmocka_unit_test(says_which_kubeconfig_it_cannot_read),
      cmocka_unit_test(gets_and_posts),
      cmocka_unit_test(reports_what_the_server_refused),
      cmocka_unit_test(leases_a_connection_for_one_user),
  };
  return cmocka_run_group_tests(tests, start, end);
}
