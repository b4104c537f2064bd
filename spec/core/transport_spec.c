/* transport_spec.c: a connection is one socket, from its first request to its end, and says so in events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
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

/* --- establishing --- */

static void is_established_by_one_livez_on_one_connection(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  assert_int_equal(l.max_streams, 1);
  assert_int_equal(tls_server_connections(server), 1);
  assert_int_equal(tls_server_count(server, "/livez"), 1);
  line_close(&l);
  assert_int_equal(l.established, 1);
  assert_int_equal(l.drains + l.losses + l.failures, 0);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void takes_any_answer_to_livez_as_a_connection(void **state) {
  tls_server *server = tls_server_start(&(tls_server_options){.livez_status = 404});
  moon_dialer *dialer = dialer_of(target_of(server, "http", "127.0.0.1"));
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo");
  assert_int_equal(tls_server_connections(server), 1);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void does_not_call_a_server_that_always_closes_a_connection(void **state) {
  tls_server *server = tls_server_start(&(tls_server_options){.livez_closes = true});
  moon_dialer *dialer = dialer_of(target_of(server, "http", "127.0.0.1"));
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_CONNECT, "closes the connection after each answer");
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void says_that_a_port_is_refused(void **state) {
  tls_server *server = start_plain_server();
  moon_dialer *dialer = dialer_of(target_of(server, "http", "127.0.0.1"));
  tls_server_stop(server);
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_CONNECT, "connection refused");
  moon_dialer_release(dialer);
}

static void says_that_a_name_is_unknown(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = dialer_of(target_of(server, "https", "no-such-host.invalid"));
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_CONNECT, "the name cannot be resolved");
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void says_that_a_server_speaks_no_http(void **state) {
  tls_server *server = start_plain_server();
  moon_dialer *dialer = dialer_of(target_of(server, "http", "127.0.0.1"));
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = fetch(&l, "/not-http");
  expect_error(a, MOON_PROTOCOL, "is not HTTP");
  attempt_free(a);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

/* --- established by a request of the caller's own --- */

static attempt *dial_with(line *l, moon_dialer *dialer, const char *path) {
  attempt *first = attempt_new(l, "GET", path);
  first->timeout_ms = PATIENCE_MS;
  line_dial_with(l, reactor, dialer, first);
  attempt_wait(first);
  return first;
}

static void can_be_established_by_another_request_whose_answer_is_kept(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  attempt *first = dial_with(&l, dialer, "/status?code=503");
  expect_ok(first, 503);
  assert_string_equal(first->response.body.data, "{}");
  assert_int_equal(count_of(&l.established), 1);
  fetch_ok(&l, "/echo");
  assert_int_equal(tls_server_connections(server), 1);
  assert_int_equal(tls_server_count(server, "/livez"), 0);
  attempt_free(first);
  line_close(&l);
  assert_int_equal(l.established, 1);
  assert_int_equal(l.drains + l.losses + l.failures, 0);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void takes_the_answer_to_it_even_when_the_server_closes_after_it(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  attempt *first = dial_with(&l, dialer, "/last");
  expect_ok(first, 200);
  attempt_free(first);
  line_close(&l);
  assert_int_equal(l.established + l.failures, 0);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void tells_it_and_nobody_else_that_there_is_no_connection(void **state) {
  tls_server *server = start_plain_server();
  moon_dialer *dialer = dialer_of(target_of(server, "http", "127.0.0.1"));
  tls_server_stop(server);
  line l;
  attempt *first = dial_with(&l, dialer, "/echo");
  expect_error(first, MOON_CONNECT, "connection refused");
  attempt_free(first);
  line_close(&l);
  assert_int_equal(l.established + l.failures + l.losses, 0);
  moon_dialer_release(dialer);
}

/* --- one socket, no second sending --- */

static void refuses_a_second_request_at_once_instead_of_a_second_socket(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  attempt *both[] = {attempt_new(&l, "GET", "/drip?n=5"), attempt_new(&l, "POST", "/echo")};
  attempt_start_all(both, 2);
  attempt_wait(both[1]);
  expect_error(both[1], MOON_CONNECT, "takes no more requests");
  assert_true(both[1]->exchange.refused);
  assert_false(both[1]->exchange.sent);
  expect_ok(both[0], 200);
  assert_int_equal(tls_server_count(server, "/echo"), 0);
  assert_int_equal(tls_server_connections(server), 1);
  assert_int_equal(count_of(&l.limits), 1);
  assert_int_equal(l.max_streams, 1);
  assert_int_equal(count_of(&l.drains) + count_of(&l.losses), 0);
  attempt_free(both[0]);
  attempt_free(both[1]);
  fetch_ok(&l, "/bytes");
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

/* libcurl would send the request again on a new connection, as it was the first sign of life on a reused one. */
static void check_sent_once(const char *method, const char *path, char *body) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo");
  attempt *a = attempt_new(&l, method, path);
  a->request.body = body;
  a->request.body_len = body ? strlen(body) : 0;
  attempt_start(a);
  attempt_wait(a);
  expect_error(a, MOON_CONNECT, "the connection was lost before an answer came");
  assert_true(a->exchange.sent);
  assert_int_equal(tls_server_count(server, path), 1);
  assert_int_equal(tls_server_connections(server), 1);
  assert_true(becomes(&l.losses, 1));
  attempt_free(a);
  /* Nor does a further request bring it back to life. */
  a = fetch(&l, "/echo");
  assert_true(a->exchange.refused);
  assert_false(a->exchange.sent);
  assert_int_equal(tls_server_connections(server), 1);
  attempt_free(a);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void sends_a_post_once_when_the_server_closes(void **state) {
  check_sent_once("POST", "/close", "{\"a\":1}");
}

static void sends_a_post_once_when_the_server_resets(void **state) {
  check_sent_once("POST", "/reset", "{\"a\":1}");
}

static void sends_a_get_once_when_the_server_closes(void **state) {
  check_sent_once("GET", "/close", NULL);
}

static void sends_a_get_once_when_the_server_resets(void **state) {
  check_sent_once("GET", "/reset", NULL);
}

/* Answer and reset often come together here; then the socket's error must not keep the answer from being read. */
static void reads_an_answer_that_a_reset_follows_at_once(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  for (int i = 0; i < 100; i++) {
    line l;
    line_open(&l, reactor, dialer);
    attempt *a = attempt_new(&l, "POST", "/then-reset");
    attempt_start(a);
    attempt_wait(a);
    expect_ok(a, 200);
    attempt_free(a);
    line_close(&l);
  }
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void carries_thousands_of_requests_on_one_connection(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  for (int i = 0; i < 3000; i++) fetch_ok(&l, "/bytes?n=100");
  assert_int_equal(tls_server_connections(server), 1);
  assert_int_equal(tls_server_count(server, "/bytes?n=100"), 3000);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void drains_after_connection_close(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/last");
  assert_int_equal(count_of(&l.drains), 1);
  assert_int_equal(count_of(&l.losses), 0);
  attempt *a = fetch(&l, "/echo");
  assert_true(a->exchange.refused);
  assert_false(a->exchange.sent);
  attempt_free(a);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

/* --- an idle socket is watched --- */

/* The server acts 100 ms after its answer: what is told by then is told of an idle connection. */
static void check_idle_loss(const char *path) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = fetch(&l, path);
  expect_ok(a, 200);
  assert_true(becomes(&l.losses, 1));
  int64_t noticed_ms = l.told_ms - a->ended_ms;
  assert_true(noticed_ms < 2000); /* 100 here; a busy machine may be late */
  assert_int_equal(count_of(&l.drains), 0);
  attempt_free(a);
  line_close(&l);
  assert_int_equal(l.losses, 1);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void notices_that_an_idle_connection_was_closed(void **state) {
  check_idle_loss("/then-close?ms=100");
}

static void notices_that_an_idle_connection_was_reset(void **state) {
  check_idle_loss("/then-reset?ms=100");
}

static void takes_a_farewell_on_an_idle_connection_for_an_orderly_end(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/then-bye?ms=100");
  assert_true(becomes(&l.drains, 1));
  line_close(&l);
  assert_int_equal(l.losses, 0);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static int64_t cpu_ms(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void sleeps_while_unread_bytes_wait_on_an_idle_connection(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/then-junk?ms=20");
  sleep_ms(100);
  int64_t before_ms = cpu_ms();
  sleep_ms(500);
  int64_t used_ms = cpu_ms() - before_ms;
  assert_true(used_ms < 100);                                     /* a spinning loop would use all 500 */
  assert_int_equal(count_of(&l.losses) + count_of(&l.drains), 0); /* nor are bytes an end: TLS tickets come late too */
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

/* --- the end --- */

static void ends_every_running_request_once_when_it_is_closed(void **state) {
  enum { COUNT = 12 };
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line lines[COUNT];
  attempt *attempts[COUNT];
  const char *paths[] = {"/hang", "/stall", "/drip?n=1000", "/bytes?n=5000000"};
  for (int i = 0; i < COUNT; i++) {
    line_open(&lines[i], reactor, dialer);
    attempts[i] = attempt_new(&lines[i], "GET", paths[i % 4]);
    attempt_start(attempts[i]);
  }
  for (int i = 0; i < COUNT; i++) line_close(&lines[i]);
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(attempts[i]->ends, 1);
    if (i % 4 != 3) expect_error(attempts[i], MOON_CLOSED, "closed under the request");
    attempt_free(attempts[i]);
    assert_int_equal(lines[i].drains + lines[i].losses, 0);
  }
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void can_be_closed_while_it_is_being_made(void **state) {
  tls_server *server = tls_server_start(&(tls_server_options){.never_handshakes = true});
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_dial(&l, reactor, dialer, PATIENCE_MS);
  line_close(&l); /* in whatever stage it is */
  line_dial(&l, reactor, dialer, PATIENCE_MS);
  sleep_ms(50);
  line_close(&l); /* in the handshake */
  assert_int_equal(l.established + l.failures + l.drains + l.losses, 0);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void close_unused(void *arg) {
  moon_transport_close(moon_transport_new(reactor, arg, &(moon_transport_events){0}, NULL));
}

static void can_be_closed_before_it_connects(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  on_reactor(reactor, close_unused, dialer);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void a_request_that_cannot_be_written_does_not_cost_the_connection(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server);
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = fetch(&l, "/echo\r\nX-Smuggled: yes");
  expect_error(a, MOON_INVALID, "the path is not one that can be sent");
  assert_false(a->exchange.sent);
  attempt_free(a);
  fetch_ok(&l, "/echo");
  assert_int_equal(tls_server_connections(server), 1);
  assert_int_equal(count_of(&l.losses) + count_of(&l.drains), 0);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_established_by_one_livez_on_one_connection),
      cmocka_unit_test(takes_any_answer_to_livez_as_a_connection),
      cmocka_unit_test(does_not_call_a_server_that_always_closes_a_connection),
      cmocka_unit_test(says_that_a_port_is_refused),
      cmocka_unit_test(says_that_a_name_is_unknown),
      cmocka_unit_test(says_that_a_server_speaks_no_http),
      cmocka_unit_test(can_be_established_by_another_request_whose_answer_is_kept),
      cmocka_unit_test(takes_the_answer_to_it_even_when_the_server_closes_after_it),
      cmocka_unit_test(tells_it_and_nobody_else_that_there_is_no_connection),
      cmocka_unit_test(refuses_a_second_request_at_once_instead_of_a_second_socket),
      cmocka_unit_test(sends_a_post_once_when_the_server_closes),
      cmocka_unit_test(sends_a_post_once_when_the_server_resets),
      cmocka_unit_test(sends_a_get_once_when_the_server_closes),
      cmocka_unit_test(sends_a_get_once_when_the_server_resets),
      cmocka_unit_test(reads_an_answer_that_a_reset_follows_at_once),
      cmocka_unit_test(carries_thousands_of_requests_on_one_connection),
      cmocka_unit_test(drains_after_connection_close),
      cmocka_unit_test(notices_that_an_idle_connection_was_closed),
      cmocka_unit_test(notices_that_an_idle_connection_was_reset),
      cmocka_unit_test(takes_a_farewell_on_an_idle_connection_for_an_orderly_end),
      cmocka_unit_test(sleeps_while_unread_bytes_wait_on_an_idle_connection),
      cmocka_unit_test(ends_every_running_request_once_when_it_is_closed),
      cmocka_unit_test(can_be_closed_while_it_is_being_made),
      cmocka_unit_test(can_be_closed_before_it_connects),
      cmocka_unit_test(a_request_that_cannot_be_written_does_not_cost_the_connection),
  };
  return cmocka_run_group_tests(tests, start_reactor, end_reactor);
}
