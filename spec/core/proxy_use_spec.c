/* proxy_use_spec.c: connections through proxies: what goes over them, whose names are looked up and checked where, and
 * what is said of a proxy that does not do its part. The test server is both proxy and API server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "net/lookups.h"
#include "support/http2_proxy.h"
#include "support/net_fixture.h"

static moon_reactor *reactor;

static int start_reactor(void **state) {
  reactor = moon_reactor_new();
  return 0;
}

static int end_reactor(void **state) {
  moon_reactor_release(reactor);
  return 0;
}

static tls_server *start_proxy(const char *connect) {
  tls_server_options options = {.connect = connect};
  return tls_server_start(&options);
}

static moon_target *through(moon_target *target, const char *scheme, const tls_server *proxy) {
  target->proxy_url = moon_sprintf("%s://127.0.0.1:%d", scheme, tls_server_port(proxy));
  return target;
}

/* The path of a CONNECT to the target's server under a name. */
static char *connect_path(const char *name, const tls_server *server) {
  return moon_sprintf("%s:%d", name, tls_server_port(server));
}

static void carries_tls_to_the_server_through_an_http_proxy(void **state) {
  tls_server *server = start_server(), *proxy = start_proxy(NULL);
  moon_target *target = through(target_of(server, "https", "127.0.0.1"), "http", proxy);
  target->token = moon_strdup("t0ken");
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/version");
  fetch_ok(&l, "/version");
  assert_int_equal(tls_server_connections(proxy), 1);
  assert_int_equal(tls_server_connections(server), 1);
  char *path = connect_path("127.0.0.1", server);
  const server_request *seen = tls_server_find(proxy, path);
  assert_non_null(seen);
  assert_string_equal(seen->method, "CONNECT");
  assert_null(strcasestr(seen->headers, "authorization"));
  assert_null(tls_server_find(proxy, "/version"));
  assert_true(server_request_has(tls_server_find(server, "/version"), "Authorization: Bearer t0ken"));
  assert_null(strcasestr(tls_server_find(server, "/version")->headers, "proxy-"));
  free(path);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
  tls_server_stop(proxy);
}

/* The name exists behind the proxy only; the certificate is for another one, which tls-server-name says. */
static void lets_the_proxy_look_names_up(void **state) {
  tls_server *server = start_server(), *proxy = start_proxy(NULL);
  moon_target *target = through(target_of(server, "https", "inside.invalid"), "http", proxy);
  target->tls_server_name = moon_strdup("api.test");
  moon_dialer *dialer = dialer_of(target);
  assert_false(moon_dialer_needs_lookup(dialer));
  assert_false(moon_dialer_may_resolve(dialer));
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/version");
  char *path = connect_path("inside.invalid", server), *host = moon_sprintf("Host: %s", path);
  assert_int_equal(tls_server_count(proxy, path), 1);
  assert_true(server_request_has(tls_server_find(server, "/version"), host));
  assert_string_equal(tls_server_connection(server, 0)->server_name, "api.test");
  free(path);
  free(host);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
  tls_server_stop(proxy);
}

static void reaches_other_urls_and_addresses_of_the_cluster_through_it(void **state) {
  tls_server *server = start_server(), *proxy = start_proxy(NULL);
  char *url = moon_sprintf("https://localhost:%d", tls_server_port(server));
  static const char *const addresses[] = {NULL, "127.0.0.7", "::1"};
  static const char *const expected[] = {"localhost", "127.0.0.7", "[::1]"};
  moon_target *target = through(target_of(server, "https", "10.255.255.1"), "http", proxy);
  for (size_t i = 0; i < 3; i++) {
    moon_dialer *dialer = NULL;
    assert_null(moon_dialer_new("spec", target, url, addresses[i], &dialer));
    line l;
    line_open(&l, reactor, dialer);
    line_close(&l);
    char *path = connect_path(expected[i], server);
    assert_int_equal(tls_server_count(proxy, path), 1);
    free(path);
    moon_dialer_release(dialer);
  }
  moon_target_release(target);
  free(url);
  tls_server_stop(server);
  tls_server_stop(proxy);
}

static void speaks_http2_through_a_proxy(void **state) {
  tls_server *server = start_plain_server(), *proxy = start_proxy(NULL);
  http2_proxy *front = http2_proxy_start(server, 0);
  moon_dialer *dialer = dialer_of(through(http2_proxy_target(front), "http", proxy));
  line l;
  line_open(&l, reactor, dialer);
  attempt *attempts[8];
  for (int i = 0; i < 8; i++) attempts[i] = attempt_new(&l, "GET", "/version");
  attempt_start_all(attempts, 8);
  for (int i = 0; i < 8; i++) {
    attempt_wait(attempts[i]);
    expect_ok(attempts[i], 200);
    assert_true(attempts[i]->response.http2);
    attempt_free(attempts[i]);
  }
  assert_int_equal(tls_server_connections(proxy), 1);
  line_close(&l);
  moon_dialer_release(dialer);
  http2_proxy_stop(front);
  tls_server_stop(server);
  tls_server_stop(proxy);
}

static void speaks_tls_with_an_https_proxy_and_http_1_behind_it(void **state) {
  tls_server *server = start_plain_server(), *proxy = start_server();
  http2_proxy *front = http2_proxy_start(server, 0);
  moon_dialer *dialer = dialer_of(through(http2_proxy_target(front), "https", proxy));
  line l;
  line_open(&l, reactor, dialer);
  attempt *one = fetch(&l, "/version");
  expect_ok(one, 200);
  assert_false(one->response.http2);
  attempt_free(one);
  assert_int_equal(tls_server_connections(proxy), 1);
  line_close(&l);
  moon_dialer_release(dialer);
  http2_proxy_stop(front);
  tls_server_stop(server);
  tls_server_stop(proxy);
}

static void checks_the_certificate_of_an_https_proxy(void **state) {
  tls_server *server = start_server();
  tls_server_options elsewhere = {
      .address = "127.0.0.9", .certificate = pki_server_certificate(), .key = pki_server_key()};
  tls_server *proxy = tls_server_start(&elsewhere);
  moon_target *target = target_of(server, "https", "127.0.0.1");
  target->proxy_url = moon_sprintf("https://127.0.0.9:%d", tls_server_port(proxy));
  moon_dialer *dialer = dialer_of(target);
  expect_failure(reactor, dialer, 5000, MOON_TLS, "the proxy https://127.0.0.9:");
  moon_dialer_release(dialer);

  target = target_of(server, "https", "127.0.0.1");
  target->proxy_url = moon_sprintf("https://127.0.0.9:%d", tls_server_port(proxy));
  moon_bytes_wipe(&target->ca);
  target->insecure_skip_tls_verify = true;
  dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(proxy);
  tls_server_stop(server);
}

/* The server's own handshake fails: it must not look like the proxy's. */
static void tells_the_server_s_certificate_from_the_proxy_s(void **state) {
  tls_server *server = start_server(), *proxy = start_server();
  moon_dialer *dialer = dialer_of(through(target_of(server, "https", "other.test"), "https", proxy));
  expect_failure(reactor, dialer, 5000, MOON_TLS, "the server's certificate is for another name");
  moon_dialer_release(dialer);
  tls_server_stop(server);
  tls_server_stop(proxy);
}

static void resumes_sessions_with_the_server_behind_an_https_proxy(void **state) {
  tls_server *server = start_server(), *proxy = start_server();
  moon_dialer *dialer = dialer_of(through(target_of(server, "https", "127.0.0.1"), "https", proxy));
  for (int i = 0; i < 2; i++) {
    line l;
    line_open(&l, reactor, dialer);
    fetch_ok(&l, "/version");
    line_close(&l);
  }
  assert_false(tls_server_connection(server, 0)->resumed);
  assert_true(tls_server_connection(server, 1)->resumed);
  moon_dialer_release(dialer);
  tls_server_stop(server);
  tls_server_stop(proxy);
}

static void asks_an_http_proxy_for_plain_http(void **state) {
  tls_server *proxy = start_proxy(NULL);
  moon_target *target = through(target_of(proxy, "http", "127.0.0.1"), "http", proxy);
  free(target->server);
  target->server = moon_strdup("http://inside.invalid:8080");
  free(target->proxy_url);
  target->proxy_url = moon_sprintf("http://me:s%%40same@127.0.0.1:%d", tls_server_port(proxy));
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/version");
  const server_request *seen = tls_server_find(proxy, "http://inside.invalid:8080/version");
  assert_non_null(seen);
  assert_true(server_request_has(seen, "Host: inside.invalid:8080"));
  assert_true(server_request_has(seen, "Proxy-Authorization: Basic bWU6c0BzYW1l"));
  assert_int_equal(tls_server_connections(proxy), 1);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(proxy);
}

static void says_what_an_http_proxy_does_to_plain_http(void **state) {
  static const struct {
    tls_server_options options;
    moon_status kind;
    const char *text;
  } ways[] = {
      {{.livez_status = 407}, MOON_CREDENTIAL, "wants a user name and a password"},
      {{.livez_closes = true}, MOON_CONNECT, "closes the connection after each answer"},
      {{.livez_hangs = true}, MOON_TIMEOUT, "GET /livez was not answered"},
  };
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    tls_server *proxy = tls_server_start(&ways[i].options);
    moon_target *target = through(target_of(proxy, "http", "10.255.255.1"), "http", proxy);
    moon_dialer *dialer = dialer_of(target);
    expect_failure(reactor, dialer, ways[i].kind == MOON_TIMEOUT ? 200 : 5000, ways[i].kind, ways[i].text);
    moon_dialer_release(dialer);
    tls_server_stop(proxy);
  }
}

static void says_what_a_proxy_answered(void **state) {
  static const struct {
    const char *connect;
    moon_status kind;
    const char *text;
  } answers[] = {
      {"/status?code=407", MOON_CREDENTIAL, "does not accept the user name and password that it was given (HTTP 407)"},
      {"/status?code=403", MOON_CONNECT, "does not allow connections to it, its rules must"},
      {"/status?code=404", MOON_CONNECT, "is it a proxy?"},
      {"/status?code=405", MOON_CONNECT, "is it a proxy?"},
      {"/status?code=502", MOON_CONNECT, "cannot reach it (the proxy's answer to CONNECT was HTTP 502)"},
      {"/status?code=503", MOON_CONNECT, "cannot reach it"},
      {"/status?code=504", MOON_CONNECT, "in time"},
      {"/status?code=418", MOON_CONNECT, "did not connect us (the proxy's answer to CONNECT was HTTP 418)"},
      {"/close", MOON_CONNECT, "did not connect us: "},
      {"/reset", MOON_CONNECT, "did not connect us: "},
      {"/not-http", MOON_CONNECT, "did not connect us: "},
      {"/hang", MOON_TIMEOUT, "is connected, but it has not reached the server"},
  };
  tls_server *server = start_server();
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    tls_server *proxy = start_proxy(answers[i].connect);
    moon_target *target = target_of(server, "https", "127.0.0.1");
    target->proxy_url = moon_sprintf("http://me:sesame@127.0.0.1:%d", tls_server_port(proxy));
    moon_dialer *dialer = dialer_of(target);
    line l;
    line_dial(&l, reactor, dialer, answers[i].kind == MOON_TIMEOUT ? 200 : 5000);
    assert_true(becomes(&l.failures, 1));
    char *named = moon_sprintf("the proxy http://127.0.0.1:%d", tls_server_port(proxy));
    if (l.error->kind != answers[i].kind || !strstr(l.error->message, answers[i].text) ||
        !strstr(l.error->message, named) || strstr(l.error->message, "sesame"))
      fail_msg("%s: kind %d, %s", answers[i].connect, l.error->kind, l.error->message);
    free(named);
    line_close(&l);
    assert_int_equal(tls_server_connections(server), 0);
    assert_int_equal(tls_server_connections(proxy), 1); /* never asked twice */
    moon_dialer_release(dialer);
    tls_server_stop(proxy);
  }
  tls_server_stop(server);
}

static void says_that_a_proxy_is_not_there(void **state) {
  tls_server *server = start_server(), *gone = start_proxy(NULL);
  int port = tls_server_port(gone);
  tls_server_stop(gone);
  static const char *const schemes[] = {"http", "https", "socks5"};
  for (size_t i = 0; i < 3; i++) {
    moon_target *target = target_of(server, "https", "127.0.0.1");
    target->proxy_url = moon_sprintf("%s://127.0.0.1:%d", schemes[i], port);
    moon_dialer *dialer = dialer_of(target);
    char *text = moon_sprintf("the proxy %s://127.0.0.1:%d: connection refused", schemes[i], port);
    expect_failure(reactor, dialer, 5000, MOON_CONNECT, text);
    free(text);
    moon_dialer_release(dialer);
  }
  moon_target *target = target_of(server, "https", "127.0.0.1");
  target->proxy_url = moon_strdup("http://no-such-proxy.invalid:3128");
  moon_dialer *dialer = dialer_of(target);
  assert_true(moon_dialer_needs_lookup(dialer));
  expect_failure(reactor, dialer, 15000, MOON_CONNECT,
                 "the name of the proxy http://no-such-proxy.invalid:3128 cannot be resolved");
  int places[MOON_MAX_LOOKUPS]; /* the lookup is over: all are free */
  for (int i = 0; i < MOON_MAX_LOOKUPS; i++) assert_true((places[i] = moon_lookup_begin()) >= 0);
  for (int i = 0; i < MOON_MAX_LOOKUPS; i++) moon_lookup_end(places[i]);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void refuses_a_proxy_url_without_showing_it(void **state) {
  moon_target *target = target_of(NULL, "https", "127.0.0.1");
  target->proxy_url = moon_strdup("ftp://me:sesame@proxy.test:3128");
  moon_dialer *dialer = NULL;
  moon_error *err = moon_dialer_new("spec", target, NULL, NULL, &dialer);
  assert_non_null(err);
  assert_int_equal(err->kind, MOON_CONFIG);
  assert_non_null(strstr(err->message, "proxy-url has the scheme \"ftp\""));
  assert_null(strstr(err->message, "sesame"));
  moon_error_free(err);
  moon_target_release(target);
}

static void reaches_ipv6_servers(void **state) {
  tls_server_options options = {.address = "::1", .certificate = pki_server_certificate(), .key = pki_server_key()};
  tls_server *server = tls_server_start(&options);
  moon_target *target = target_of(server, "https", "[::1]");
  target->tls_server_name = moon_strdup("localhost");
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/version");
  char *host = moon_sprintf("Host: [::1]:%d", tls_server_port(server));
  assert_true(server_request_has(tls_server_find(server, "/version"), host));
  free(host);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(carries_tls_to_the_server_through_an_http_proxy),
      cmocka_unit_test(lets_the_proxy_look_names_up),
      cmocka_unit_test(reaches_other_urls_and_addresses_of_the_cluster_through_it),
      cmocka_unit_test(speaks_http2_through_a_proxy),
      cmocka_unit_test(speaks_tls_with_an_https_proxy_and_http_1_behind_it),
      cmocka_unit_test(checks_the_certificate_of_an_https_proxy),
      cmocka_unit_test(tells_the_server_s_certificate_from_the_proxy_s),
      cmocka_unit_test(resumes_sessions_with_the_server_behind_an_https_proxy),
      cmocka_unit_test(asks_an_http_proxy_for_plain_http),
      cmocka_unit_test(says_what_an_http_proxy_does_to_plain_http),
      cmocka_unit_test(says_what_a_proxy_answered),
      cmocka_unit_test(says_that_a_proxy_is_not_there),
      cmocka_unit_test(refuses_a_proxy_url_without_showing_it),
      cmocka_unit_test(reaches_ipv6_servers),
  };
  return cmocka_run_group_tests(tests, start_reactor, end_reactor);
}
