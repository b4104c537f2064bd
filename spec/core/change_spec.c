/* change_spec.c: which requests may change something in a cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/change.h"

static bool changes_with(const char *method, const char *path, const char *content_type, const char *body) {
  const moon_request request = {.method = (char *)method,
                                .path = (char *)path,
                                .content_type = (char *)content_type,
                                .body = (char *)body,
                                .body_len = body ? strlen(body) : 0};
  return moon_request_may_change(&request);
}

static bool changes(const char *method, const char *path) {
  return changes_with(method, path, NULL, NULL);
}

#define POD "/api/v1/namespaces/a/pods/p"

static void reads_change_nothing(void **state) {
  static const char *const methods[] = {"GET", "HEAD", "OPTIONS"};
  for (size_t i = 0; i < 3; i++) assert_false(changes(methods[i], POD "?watch=true"));
  assert_false(changes("GET", "/"));
  assert_false(changes("GET", "/api/v1/namespaces/a/configmaps/exec"));
  assert_false(changes("GET", "/api/v1/namespaces/a/services/web/proxy/index.html"));
  assert_false(changes("GET", "/api/v1/nodes/n/proxy/metrics"));
}

static void every_other_method_may(void **state) {
  static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "get", "CONNECT"};
  for (size_t i = 0; i < 6; i++) assert_true(changes(methods[i], POD));
}

static void a_way_into_a_container_may_however_it_is_written(void **state) {
  static const char *const paths[] = {POD "/exec?command=ls",
                                      POD "/attach",
                                      POD "/portforward",
                                      POD "/ex%65c",
                                      POD "/%65%78%65%63/",
                                      "//api/v1//namespaces/a/pods/p//exec",
                                      POD "%2Fexec",
                                      POD "/exec#",
                                      POD "/EXEC",
                                      "/api/v1/nodes/n/proxy/exec/a/p/c?command=ls",
                                      "/api/v1/nodes/n/proxy/run/a/p/c"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    assert_true(changes("GET", paths[i]));
    assert_true(changes("POST", paths[i]));
  }
  assert_true(changes("POST", POD "/exec?dryRun=All"));
}

static void reviews_change_nothing(void **state) {
  assert_false(changes("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"));
  assert_false(changes("POST", "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews?x=y"));
  assert_false(changes("POST", "/apis/authentication.k8s.io/v1/tokenreviews"));
  assert_true(changes("PUT", "/apis/authentication.k8s.io/v1/tokenreviews"));
  assert_true(changes("POST", "/apis/library.example.com/v1/namespaces/a/bookreviews"));
  assert_true(changes("POST", "/api/v1/namespaces/a/serviceaccounts/s/token"));
}

static void dry_runs_change_nothing(void **state) {
  static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
  for (size_t i = 0; i < 4; i++) {
    assert_false(changes(methods[i], POD "?dryRun=All"));
    assert_false(changes(methods[i], POD "?a=b&dryRun=All&c=d"));
    assert_true(changes(methods[i], POD "?dryRun=Al"));
    assert_true(changes(methods[i], POD "?dryRun=Alles"));
    assert_true(changes(methods[i], POD "?dryRun="));
    assert_true(changes(methods[i], POD "?xdryRun=All"));
    assert_true(changes(methods[i], POD "?a=b#&dryRun=All"));
    assert_true(changes(methods[i], POD "/dryRun=All"));
  }
}

static void a_proxied_request_knows_no_dry_run(void **state) {
  assert_true(changes("POST", "/api/v1/namespaces/a/services/web/proxy/orders?dryRun=All"));
  assert_true(changes("DELETE", POD "/proxy?dryRun=All"));
}

static void the_body_of_a_deletion_says_whether_it_is_dry(void **state) {
  const char *json = "application/json";
  assert_false(changes_with("DELETE", POD, json, "{\"kind\":\"DeleteOptions\",\"dryRun\":[\"All\"]}"));
  assert_false(changes_with("DELETE", POD, NULL, "{\"dryRun\":[\"All\"]}"));
  assert_true(changes_with("DELETE", POD "?dryRun=All", json, "{\"kind\":\"DeleteOptions\"}"));
  static const char *const bodies[] = {"{\"dryRun\":[]}",
                                       "{\"dryRun\":\"All\"}",
                                       "{\"dryRun\":[\"All\",\"None\"]}",
                                       "{\"dryrun\":[\"All\"]}",
                                       "{\"dryRun\":[\"All\"],\"dryRun\":[]}",
                                       "{\"dryRun\":[\"All\"]",
                                       "[\"All\"]",
                                       "null",
                                       "{\"spec\":{\"dryRun\":[\"All\"]}}",
                                       " "};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) assert_true(changes_with("DELETE", POD, json, bodies[i]));
  assert_true(changes_with("DELETE", POD, "application/yaml", "{\"dryRun\":[\"All\"]}"));
  assert_true(changes_with("PUT", POD, json, "{\"dryRun\":[\"All\"]}"));
}

static void a_path_of_no_end_may_change_anything(void **state) {
  char path[1024] = "";
  for (int i = 0; i < 200; i++) strcat(path, "/a");
  assert_true(changes("GET", path));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_change_nothing),
      cmocka_unit_test(every_other_method_may),
      cmocka_unit_test(a_way_into_a_container_may_however_it_is_written),
      cmocka_unit_test(reviews_change_nothing),
      cmocka_unit_test(dry_runs_change_nothing),
      cmocka_unit_test(a_proxied_request_knows_no_dry_run),
      cmocka_unit_test(the_body_of_a_deletion_says_whether_it_is_dry),
      cmocka_unit_test(a_path_of_no_end_may_change_anything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
