/* body_spec.c: what is sent and what comes back: methods, headers, bodies of every kind and size, flow control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "support/net_fixture.h"

static moon_reactor *reactor;
static tls_server *server;
static moon_dialer *dialer;
static line the_line; /* each spec has a connection of its own */

static int start_server_and_reactor(void **state) {
  reactor = moon_reactor_new();
  server = start_server();
  dialer = https_dialer(server);
  return 0;
}

static int end_server_and_reactor(void **state) {
  moon_dialer_release(dialer);
  tls_server_stop(server);
  moon_reactor_release(reactor);
  return 0;
}

static int connect_line(void **state) {
  line_open(&the_line, reactor, dialer);
  return 0;
}

static int close_line(void **state) {
  line_close(&the_line);
  return 0;
}

static attempt *send_body(const char *method, const char *path, const char *content_type, const char *body) {
  attempt *a = attempt_new(&the_line, method, path);
  a->request.content_type = (char *)content_type;
  a->request.body = (char *)body;
  a->request.body_len = body ? strlen(body) : 0;
  attempt_start(a);
  expect_ok(a, 200);
  return a;
}

static bool is_alphabet(const moon_buffer *buffer, size_t len) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
  if (buffer->len != len || memcmp(buffer->data, letters, len < 26 ? len : 26)) return false;
  return len < 26 || !memcmp(buffer->data, buffer->data + 26, len - 26); /* each letter is that of 26 before */
}

static void expect_still_usable(void) {
  int before = tls_server_connections(server);
  fetch_ok(&the_line, "/echo");
  assert_int_equal(tls_server_connections(server), before);
  assert_int_equal(count_of(&the_line.losses) + count_of(&the_line.drains), 0);
}

/* --- sending --- */

static void sends_every_method_with_and_without_a_body(void **state) {
  const struct {
    const char *method, *body;
  } cases[] = {{"GET", NULL},          {"POST", "{\"a\":1}"}, {"PUT", "{\"b\":2}"}, {"GET", NULL},
               {"PATCH", "{\"c\":3}"}, {"DELETE", NULL},      {"DELETE", "{}"},     {"POST", NULL},
               {"POST", ""},           {"OPTIONS", NULL},     {"PUT", ""},          {"PATCH", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    attempt *a = send_body(cases[i].method, "/echo", NULL, cases[i].body);
    char *expected = moon_sprintf("%s %s", cases[i].method, cases[i].body ? cases[i].body : "");
    assert_string_equal(a->response.body.data, expected);
    free(expected);
    attempt_free(a);
  }
  expect_still_usable();
}

static void says_how_long_a_missing_body_of_a_post_is(void **state) {
  attempt_free(send_body("POST", "/echo", NULL, NULL));
  const server_request *seen = tls_server_find(server, "/echo");
  assert_true(server_request_has(seen, "Content-Length: 0"));
  assert_null(strcasestr(seen->headers, "content-type"));
}

static void names_the_content_type_of_what_it_sends(void **state) {
  attempt_free(send_body("PATCH", "/echo", "application/merge-patch+json", "{}"));
  const server_request *seen = tls_server_find(server, "/echo");
  assert_true(server_request_has(seen, "Content-Type: application/merge-patch+json"));
  assert_true(server_request_has(seen, "Content-Length: 2"));
  attempt_free(send_body("POST", "/echo", NULL, "{}"));
  assert_true(server_request_has(tls_server_find(server, "/echo"), "Content-Type: application/json"));
}

static void sends_its_own_headers(void **state) {
  fetch_ok(&the_line, "/echo");
  const server_request *seen = tls_server_find(server, "/echo");
  assert_true(server_request_has(seen, "User-Agent: moonpool/" MOON_VERSION));
  assert_true(server_request_has(seen, "Accept: application/json"));
  assert_null(strcasestr(seen->headers, "expect:"));

  char *headers[] = {"X-One: 1", "X-Two: zwei", NULL};
  attempt *a = attempt_new(&the_line, "GET", "/echo");
  a->request.accept = "text/plain";
  a->request.headers = headers;
  attempt_start(a);
  expect_ok(a, 200);
  attempt_free(a);
  seen = tls_server_find(server, "/echo");
  assert_true(server_request_has(seen, "X-One: 1") && server_request_has(seen, "X-Two: zwei"));
  assert_true(server_request_has(seen, "Accept: text/plain"));
  assert_false(server_request_has(seen, "Accept: application/json"));

  fetch_ok(&the_line, "/echo"); /* they were that request's only */
  assert_false(server_request_has(tls_server_find(server, "/echo"), "X-One: 1"));
}

static void sends_a_large_body_at_once(void **state) {
  size_t len = 5000000;
  char *body = moon_alloc(len + 1);
  memset(body, 'x', len);
  body[len] = '\0';
  attempt *a = send_body("POST", "/echo", NULL, body);
  assert_int_equal(a->response.body.len, len + 5);
  attempt_free(a);
  free(body);
  assert_null(strcasestr(tls_server_find(server, "/echo")->headers, "expect:"));
}

/* --- receiving --- */

static void receives_thirty_megabytes_whole(void **state) {
  attempt *a = fetch(&the_line, "/bytes?n=30000000");
  expect_ok(a, 200);
  assert_true(is_alphabet(&a->response.body, 30000000));
  attempt_free(a);
  expect_still_usable();
}

static void receives_an_empty_body(void **state) {
  attempt *a = fetch(&the_line, "/bytes?n=0");
  expect_ok(a, 200);
  assert_int_equal(a->response.body.len, 0);
  attempt_free(a);
  expect_still_usable();
}

static void receives_chunks_and_ignores_their_trailer(void **state) {
  attempt *a = fetch(&the_line, "/chunked?n=100000");
  expect_ok(a, 200);
  assert_true(is_alphabet(&a->response.body, 100000));
  assert_int_equal(a->header_calls, 1);
  attempt_free(a);
  expect_still_usable();
}

static void receives_no_body_for_head(void **state) {
  attempt *a = attempt_new(&the_line, "HEAD", "/bytes?n=1000");
  attempt_start(a);
  expect_ok(a, 200);
  assert_int_equal(a->response.body.len, 0);
  assert_non_null(strstr(a->response.headers.data, "Content-Length: 1000\n"));
  attempt_free(a);
  expect_still_usable();
}

static attempt *get_with_compression(const char *path, int compression) {
  attempt *a = attempt_new(&the_line, "GET", path);
  a->request.compression = compression;
  attempt_start(a);
  attempt_wait(a);
  return a;
}

static void unpacks_gzip_when_it_asked_for_it(void **state) {
  attempt *a = get_with_compression("/gzip", 1);
  expect_ok(a, 200);
  assert_string_equal(a->response.body.data, "hello, compressed");
  assert_true(server_request_has(tls_server_find(server, "/gzip"), "Accept-Encoding: gzip"));
  attempt_free(a);
  a = get_with_compression("/gzip", 0);
  expect_ok(a, 200);
  assert_memory_equal(a->response.body.data, "\x1f\x8b", 2); /* as it came */
  assert_null(strcasestr(tls_server_find(server, "/gzip")->headers, "accept-encoding"));
  attempt_free(a);
  expect_still_usable();
}

static void says_that_an_answer_is_not_the_gzip_it_claims_to_be(void **state) {
  attempt *a = get_with_compression("/bad-gzip", 1);
  expect_error(a, MOON_PROTOCOL, "is not HTTP as it should be");
  attempt_free(a);
}

static void reads_status_content_type_and_retry_after(void **state) {
  attempt *a = fetch(&the_line, "/echo");
  expect_ok(a, 200);
  assert_false(a->response.http2);
  assert_string_equal(a->response.content_type, "text/plain");
  assert_int_equal(a->response.retry_after_ms, -1);
  attempt_free(a);
  const struct {
    const char *path;
    int status;
    int64_t retry_after_ms;
  } cases[] = {
      {"/status?code=429&after=7", 429, 7000}, {"/status?code=503&after=0", 503, 0},
      {"/status?code=503&after=-1", 503, -1},  {"/status?code=503&after=Fri,-01-Jan-2027-00:00:00-GMT", 503, -1},
      {"/status?code=500", 500, -1},           {"/nowhere", 404, -1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    a = fetch(&the_line, cases[i].path);
    expect_ok(a, cases[i].status);
    assert_int_equal(a->response.retry_after_ms, cases[i].retry_after_ms);
    assert_null(a->response.content_type);
    attempt_free(a);
  }
  a = fetch(&the_line, "/status?code=429&after=99999999999999999999");
  expect_ok(a, 429);
  assert_true(a->response.retry_after_ms > 0);
  attempt_free(a);
  expect_still_usable();
}

static void passes_over_interim_answers(void **state) {
  attempt *a = fetch(&the_line, "/interim");
  expect_ok(a, 200);
  assert_string_equal(a->response.body.data, "ok");
  assert_int_equal(a->response.retry_after_ms, -1);
  assert_null(strstr(a->response.headers.data, "X-Early"));
  assert_int_equal(a->header_calls, 1);
  attempt_free(a);
  expect_still_usable();
}

/* --- limits --- */

static void ends_an_answer_that_is_larger_than_its_limit(void **state) {
  attempt *a = attempt_new(&the_line, "GET", "/bytes?n=1000000");
  a->request.max_body = 1000;
  attempt_start(a);
  attempt_wait(a);
  expect_error(a, MOON_PROTOCOL, "larger than the limit of 1000 bytes");
  assert_true(a->response.body.len <= 1000);
  assert_true(becomes(&the_line.drains, 1)); /* HTTP/1.1: what is left of it cannot be skipped */
  attempt_free(a);
}

static void takes_an_answer_as_large_as_its_limit(void **state) {
  attempt *a = attempt_new(&the_line, "GET", "/bytes?n=1000");
  a->request.max_body = 1000;
  attempt_start(a);
  expect_ok(a, 200);
  attempt_free(a);
  expect_still_usable();
}

static void ends_an_answer_with_headers_without_end(void **state) {
  attempt *a = fetch(&the_line, "/headers?n=200");
  expect_ok(a, 200);
  assert_true(a->response.headers.len > 190000);
  attempt_free(a);
  a = fetch(&the_line, "/headers?n=3000");
  expect_error(a, MOON_PROTOCOL, "headers");
  assert_true(a->response.headers.len < 1500000);
  attempt_free(a);
}

static void says_how_much_came_when_the_answer_was_cut_off(void **state) {
  attempt *a = fetch(&the_line, "/truncated");
  expect_error(a, MOON_CONNECT, "the connection was lost in the middle of the answer, after 400 bytes");
  assert_true(a->exchange.sent);
  assert_true(becomes(&the_line.losses, 1));
  attempt_free(a);
  assert_int_equal(tls_server_count(server, "/truncated"), 1);
}

static void says_how_much_came_when_the_answer_was_reset(void **state) {
  attempt *a = fetch(&the_line, "/cut");
  expect_error(a, MOON_CONNECT, "the connection was lost in the middle of the answer, after 400 bytes");
  assert_true(becomes(&the_line.losses, 1));
  attempt_free(a);
  assert_int_equal(tls_server_count(server, "/cut"), 1);
}

/* --- piece by piece --- */

static attempt *stream(const char *path) {
  attempt *a = attempt_new(&the_line, "GET", path);
  a->stream = true;
  return a;
}

static void hands_out_the_body_of_a_good_answer_only(void **state) {
  attempt *a = stream("/bytes?n=300000");
  attempt_start(a);
  expect_ok(a, 200);
  assert_true(is_alphabet(&a->streamed, 300000));
  assert_int_equal(a->response.body.len, 0);
  attempt_free(a);
  a = stream("/status?code=500");
  attempt_start(a);
  expect_ok(a, 500);
  assert_int_equal(a->streamed.len, 0);
  assert_string_equal(a->response.body.data, "{}");
  attempt_free(a);
  expect_still_usable();
}

static void ends_a_request_whose_reader_has_enough(void **state) {
  attempt *a = stream("/bytes?n=10000000");
  a->stop_after = 1000;
  attempt_start(a);
  attempt_wait(a);
  expect_error(a, MOON_CANCELLED, "cancelled");
  assert_true(a->streamed.len < 10000000);
  attempt_free(a);
}

static attempt *stream_paused(const char *path) {
  attempt *a = stream(path);
  a->start_paused = true;
  return a;
}

static void delivers_nothing_while_paused(void **state) {
  attempt *a = stream_paused("/bytes?n=20000000");
  attempt_start(a);
  sleep_ms(100);
  assert_int_equal(attempt_streamed(a), 0);
  attempt_pause(a, false);
  while (!attempt_streamed(a)) sleep_ms(1);
  attempt_pause(a, true);
  int before = attempt_streamed(a);
  sleep_ms(100);
  assert_int_equal(attempt_streamed(a), before);
  attempt_pause(a, false);
  expect_ok(a, 200);
  assert_true(is_alphabet(&a->streamed, 20000000));
  attempt_free(a);
  expect_still_usable();
}

static void nothing(void *unused) {}

static void does_not_take_its_own_pause_for_the_server_s_silence(void **state) {
  moon_clock_set_ms(moon_clock_now_ms());
  attempt *a = stream_paused("/bytes?n=1000000");
  a->request.first_byte_timeout_ms = a->request.idle_timeout_ms = 5000;
  attempt_start(a);
  moon_clock_advance_ms(60000);
  on_reactor(reactor, nothing, NULL);
  sleep_ms(50);
  assert_int_equal(count_of(&a->ends), 0);
  attempt_pause(a, false);
  expect_ok(a, 200);
  assert_true(is_alphabet(&a->streamed, 1000000));
  attempt_free(a);
  moon_clock_run();
}

static void keeps_the_deadline_while_paused(void **state) {
  attempt *a = stream_paused("/bytes?n=1000000");
  a->timeout_ms = 200;
  attempt_start(a);
  attempt_wait(a);
  assert_non_null(a->err);
  assert_int_equal(a->err->kind, MOON_TIMEOUT);
  attempt_free(a);
}

int main(void) {
#define ON_A_CONNECTION(test) cmocka_unit_test_setup_teardown(test, connect_line, close_line)
  const struct CMUnitTest tests[] = {
      ON_A_CONNECTION(sends_every_method_with_and_without_a_body),
      ON_A_CONNECTION(says_how_long_a_missing_body_of_a_post_is),
      ON_A_CONNECTION(names_the_content_type_of_what_it_sends),
      ON_A_CONNECTION(sends_its_own_headers),
      ON_A_CONNECTION(sends_a_large_body_at_once),
      ON_A_CONNECTION(receives_thirty_megabytes_whole),
      ON_A_CONNECTION(receives_an_empty_body),
      ON_A_CONNECTION(receives_chunks_and_ignores_their_trailer),
      ON_A_CONNECTION(receives_no_body_for_head),
      ON_A_CONNECTION(unpacks_gzip_when_it_asked_for_it),
      ON_A_CONNECTION(says_that_an_answer_is_not_the_gzip_it_claims_to_be),
      ON_A_CONNECTION(reads_status_content_type_and_retry_after),
      ON_A_CONNECTION(passes_over_interim_answers),
      ON_A_CONNECTION(ends_an_answer_that_is_larger_than_its_limit),
      ON_A_CONNECTION(takes_an_answer_as_large_as_its_limit),
      ON_A_CONNECTION(ends_an_answer_with_headers_without_end),
      ON_A_CONNECTION(says_how_much_came_when_the_answer_was_cut_off),
      ON_A_CONNECTION(says_how_much_came_when_the_answer_was_reset),
      ON_A_CONNECTION(hands_out_the_body_of_a_good_answer_only),
      ON_A_CONNECTION(ends_a_request_whose_reader_has_enough),
      ON_A_CONNECTION(delivers_nothing_while_paused),
      ON_A_CONNECTION(does_not_take_its_own_pause_for_the_server_s_silence),
      ON_A_CONNECTION(keeps_the_deadline_while_paused),
  };
  return cmocka_run_group_tests(tests, start_server_and_reactor, end_server_and_reactor);
}
