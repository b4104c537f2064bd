/* kubeconfig_load_spec.c: where kubeconfigs are found, and how several become one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/log.h"
#include "kube/entries.h"
#include "support/kubeconfig_fixture.h"

static void lets_the_first_definition_win_as_a_whole(void **state) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(load(config, "current-context: ''\nclusters: [{name: k, cluster: {server: 'https://a'}}]\n"
                         "contexts: [{name: c1, context: {cluster: k}}]\nusers: [{name: u, user: {username: a}}]\n"));
  assert_ok(load(config,
                 "current-context: c2\nclusters: [{name: k, cluster: {server: 'https://b', tls-server-name: b}}]\n"
                 "contexts: [{name: c1, context: {cluster: k, namespace: b}}, {name: c2, context: {cluster: k, user: "
                 "u}}]\nusers: [{name: u, user: {token: b}}]\n"));
  assert_ok(load(config, "current-context: c1\n"));
  moon_target *target;
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  assert_string_equal(target->context, "c2");
  assert_string_equal(target->server, "https://a");
  assert_null(target->tls_server_name);
  assert_null(target->token);
  assert_string_equal(target->username, "a");
  moon_target_release(target);
  assert_ok(moon_kubeconfig_target(config, "c1", &target));
  assert_string_equal(target->namespace_, "default");
  moon_target_release(target);
  moon_kubeconfig_free(config);
}

static void changes_nothing_when_a_load_fails(void **state) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_error_free(load(config, "current-context: c\nclusters: [{name: k}]\nusers: 1\n"));
  assert_int_equal(moon_kubeconfig_cluster_count(config), 0);
  assert_null(moon_kubeconfig_current_context(config));
  moon_kubeconfig_free(config);
}

static void says_which_file_cannot_be_read(void **state) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_error(load_file(config, "no/such"), MOON_CONFIG, "no/such: No such file or directory");
  moon_target *target;
  assert_error(moon_kubeconfig_target(config, "c", &target), MOON_CONFIG,
               "context \"c\" is not defined: cannot read the kubeconfig");
  assert_error(moon_kubeconfig_target(config, NULL, &target), MOON_CONFIG, "no/such: No such file or directory");
  assert_error(moon_kubeconfig_load_file(config, folder), MOON_CONFIG, "Is a directory");
  write_file("broken", "clusters:\n- name: k\n  cluster: {server: [1]}\n");
  char *expected = in_folder("broken:3: clusters[0].cluster.server: expected a string, got a list");
  assert_error(load_file(config, "broken"), MOON_CONFIG, expected);
  free(expected);
  moon_kubeconfig_free(config);
}

/* load_default with an environment of its own. */
static moon_error *load_default(moon_kubeconfig *config, const char *list, const char *home) {
  list ? setenv("KUBECONFIG", list, 1) : unsetenv("KUBECONFIG");
  setenv("HOME", home, 1);
  return moon_kubeconfig_load_default(config);
}

static void finds_the_default_files(void **state) {
  unsetenv("KUBERNETES_SERVICE_HOST");
  write_file("d/.kube/config", "current-context: home\n");
  write_file("d/one", "current-context: ''\ncontexts: [{name: one, context: {cluster: a}}]\n");
  write_file("d/two", "current-context: two\ncontexts: [{name: one, context: {cluster: b}}, {name: two}]\n");
  write_file("d/bad", "contexts: 1\n");
  char *home = in_folder("d"), *empty_home = in_folder("r");
  char *list = moon_sprintf("%s/one:%s/missing::%s/two:%s/one", home, home, home, home);

  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(load_default(config, NULL, home));
  assert_string_equal(moon_kubeconfig_current_context(config), "home");
  moon_kubeconfig_free(config);

  config = moon_kubeconfig_new();
  assert_ok(load_default(config, list, home));
  assert_string_equal(moon_kubeconfig_current_context(config), "two");
  assert_int_equal(moon_kubeconfig_context_count(config), 2);
  moon_context_info context;
  moon_kubeconfig_context_at(config, 0, &context);
  assert_string_equal(context.cluster, "a");
  moon_kubeconfig_free(config);
  free(list);

  config = moon_kubeconfig_new();
  list = moon_sprintf("%s/two:%s/bad", home, home);
  assert_error(load_default(config, list, home), MOON_CONFIG, "/d/bad:1: contexts: expected a list");
  assert_int_equal(moon_kubeconfig_context_count(config), 0);
  free(list);

  list = moon_sprintf("%s/two/x", home); /* a file is not a folder: kubectl calls that an error, not a missing file */
  assert_error(load_default(config, list, home), MOON_CONFIG, "Not a directory");
  free(list);

  assert_ok(load_default(config, NULL, empty_home));
  moon_target *target;
  assert_error(moon_kubeconfig_target(config, NULL, &target), MOON_CONFIG, "/r/.kube/config ($KUBECONFIG is not set)");
  assert_error(moon_kubeconfig_target(config, "x", &target), MOON_CONFIG, "no kubeconfig was found at");
  assert_ok(load_default(config, "/no/such/file", empty_home));
  assert_error(moon_kubeconfig_target(config, NULL, &target), MOON_CONFIG,
               "no kubeconfig was found at /no/such/file (the list in $KUBECONFIG)");

  setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
  unsetenv("KUBERNETES_SERVICE_PORT");
  assert_error(load_default(config, NULL, empty_home), MOON_CONFIG, "not in a pod");
  assert_ok(load_default(config, NULL, home));
  unsetenv("KUBERNETES_SERVICE_HOST");
  moon_kubeconfig_free(config);
  free(home);
  free(empty_home);
}

static void ignore_log(void *ctx, const moon_log_line *line) {
  ++*(int *)ctx;
}

static void loads_the_service_account_of_a_pod(void **state) {
  write_file("pod/token", "pod-token\n");
  write_file("pod/ca.crt", PEM);
  write_file("pod/namespace", "team\n");
  write_file("bare-pod/token", "t");
  char *pod = in_folder("pod"), *bare = in_folder("bare-pod"), *missing = in_folder("no-pod");

  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(moon_kubeconfig_load_service_account(config, "fd00::1", "443", pod));
  moon_target *target;
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  assert_string_equal(target->context, "in-cluster");
  assert_string_equal(target->server, "https://[fd00::1]:443");
  assert_string_equal(target->token, "pod-token");
  assert_string_equal(target->ca.data, PEM);
  assert_string_equal(target->namespace_, "team");
  moon_target_release(target);
  moon_kubeconfig_free(config);

  config = moon_kubeconfig_new();
  int warnings = 0;
  moon_log_set_sink(ignore_log, &warnings);
  assert_ok(moon_kubeconfig_load_service_account(config, "10.0.0.1", "6443", bare));
  moon_log_set_sink(NULL, NULL);
  assert_int_equal(warnings, 1);
  assert_ok(moon_kubeconfig_target(config, "in-cluster", &target));
  assert_string_equal(target->server, "https://10.0.0.1:6443");
  assert_string_equal(target->namespace_, "default");
  assert_null(target->ca.data);
  moon_target_release(target);
  assert_error(moon_kubeconfig_load_service_account(config, "h", "1", missing), MOON_CREDENTIAL, "no-pod/token");
  assert_error(moon_kubeconfig_load_service_account(config, NULL, "1", pod), MOON_CONFIG, "not in a pod");
  moon_kubeconfig_free(config);
  free(pod);
  free(bare);
  free(missing);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lets_the_first_definition_win_as_a_whole), cmocka_unit_test(changes_nothing_when_a_load_fails),
      cmocka_unit_test(says_which_file_cannot_be_read),           cmocka_unit_test(finds_the_default_files),
      cmocka_unit_test(loads_the_service_account_of_a_pod),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
