/* http2_spec.c: many requests on one connection: limits, cancelling, flow control, GOAWAY, and sudden ends. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "support/black_hole.h"
#include "support/http2_proxy.h"

static moon_reactor *reactor;
static tls_server *server;
static http2_proxy *proxy;
static moon_dialer *dialer;

static int set_up(void **state) {
  reactor = moon_reactor_new();
  server = start_plain_server();
  return 0;
}

static int tear_down(void **state) {
  tls_server_stop(server);
  moon_reactor_release(reactor);
  return 0;
}

static void start_proxy(int max_streams) {
  proxy = http2_proxy_start(server, max_streams);
  dialer = dialer_of(http2_proxy_target(proxy));
}

static int with_proxy(void **state) {
  start_proxy(0);
  return 0;
}

static int without_proxy(void **state) {
  moon_dialer_release(dialer);
  http2_proxy_stop(proxy);
  return 0;
}

static void expect_in_good_health(line *l) {
  attempt *a = fetch(l, "/echo");
  expect_ok(a, 200);
  assert_true(a->response.http2);
  attempt_free(a);
  assert_int_equal(count_of(&l->losses) + count_of(&l->drains), 0);
  /* The kernel's list may show a connection twice while others come and go. */
  for (int i = 0; i < 100 && http2_proxy_connections(proxy) != 1; i++) sleep_ms(5);
  assert_int_equal(http2_proxy_connections(proxy), 1);
}

static void speaks_http2_where_it_is_offered(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  expect_in_good_health(&l); /* from the first answer on the server's settings are known */
  assert_int_equal(l.max_streams, INT_MAX);
  const char *methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    attempt *a = attempt_new(&l, methods[i], "/echo");
    if (i > 0 && i < 5) {
      a->request.body = "{\"a\":1}";
      a->request.body_len = 7;
    }
    attempt_start(a);
    expect_ok(a, 200);
    char *expected = moon_sprintf("%s %s", methods[i], a->request.body ? a->request.body : "");
    if (strcmp(methods[i], "HEAD")) assert_string_equal(a->response.body.data, expected);
    assert_string_equal(a->response.content_type, "text/plain");
    free(expected);
    attempt_free(a);
  }
  expect_in_good_health(&l);
  line_close(&l);
}

static void names_the_original_host(void **state) {
  moon_target *target = http2_proxy_target(proxy);
  char *host = moon_sprintf("Host: %s", strstr(target->server, "127."));
  target->tls_server_name = moon_strdup("api.test");
  moon_dialer *renamed = dialer_of(target);
  line l;
  line_open(&l, reactor, renamed);
  fetch_ok(&l, "/bytes?n=77");
  assert_true(server_request_has(tls_server_find(server, "/bytes?n=77"), host));
  free(host);
  line_close(&l);
  moon_dialer_release(renamed);
}

static void carries_many_requests_at_once_on_one_connection(void **state) {
  enum { COUNT = 80 };
  line l;
  line_open(&l, reactor, dialer);
  attempt *all[COUNT];
  for (int i = 0; i < COUNT; i++) all[i] = attempt_new(&l, "GET", i % 2 ? "/drip?n=5&ms=20" : "/bytes?n=100000");
  attempt_start_all(all, COUNT);
  for (int i = 0; i < COUNT; i++) {
    expect_ok(all[i], 200);
    attempt_free(all[i]);
  }
  expect_in_good_health(&l);
  line_close(&l);
}

static void learns_the_server_s_stream_limit_from_a_refusal(void **state) {
  enum { COUNT = 6, LIMIT = 3 };
  start_proxy(LIMIT);
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo");
  attempt *all[COUNT];
  int refused = 0;
  for (int i = 0; i < COUNT; i++) all[i] = attempt_new(&l, "POST", "/drip?n=10&ms=20");
  attempt_start_all(all, COUNT);
  for (int i = 0; i < COUNT; i++) {
    attempt_wait(all[i]);
    if (!all[i]->err) continue;
    expect_error(all[i], MOON_CONNECT, "takes no more requests");
    assert_true(all[i]->exchange.refused && !all[i]->exchange.sent);
    refused++;
  }
  /* The request that established it may still have been running. */
  assert_true(refused == COUNT - LIMIT || refused == COUNT - LIMIT + 1);
  assert_int_equal(tls_server_count(server, "/drip?n=10&ms=20"), COUNT - refused); /* none was sent twice */
  assert_int_equal(count_of(&l.limits), 2);                                        /* none that we know of; this one */
  assert_int_equal(l.max_streams, LIMIT);
  for (int i = 0; i < COUNT; i++) attempt_free(all[i]);
  expect_in_good_health(&l);
  line_close(&l);
}

static void cancels_one_of_many_without_touching_the_others(void **state) {
  enum { WATCHES = 4, CANCELS = 300 };
  line l;
  line_open(&l, reactor, dialer);
  attempt *watches[WATCHES];
  for (int i = 0; i < WATCHES; i++) watches[i] = attempt_new(&l, "GET", "/drip?n=100&ms=10");
  attempt_start_all(watches, WATCHES);
  const char *paths[] = {"/hang", "/stall", "/bytes?n=500000"};
  for (int i = 0; i < CANCELS; i++) {
    attempt *a = attempt_new(&l, "GET", paths[i % 3]);
    attempt_start(a);
    if (i % 10 == 0) sleep_ms(5);
    attempt_abort(a);
    attempt_free(a);
  }
  for (int i = 0; i < WATCHES; i++) {
    expect_ok(watches[i], 200);
    assert_int_equal(watches[i]->response.body.len, 100);
    attempt_free(watches[i]);
  }
  fetch_ok(&l, "/bytes?n=5000000"); /* the cancelled ones gave back their share of the window */
  expect_in_good_health(&l);
  line_close(&l);
}

static void a_request_that_is_ended_early_costs_its_stream_only(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = attempt_new(&l, "GET", "/bytes?n=5000000");
  a->request.max_body = 1000;
  attempt_start(a);
  attempt_wait(a);
  expect_error(a, MOON_PROTOCOL, "larger than the limit of 1000 bytes");
  attempt_free(a);
  expect_in_good_health(&l);

  a = attempt_new(&l, "GET", "/bytes?n=5000000");
  a->stream = true;
  a->stop_after = 1;
  attempt_start(a);
  attempt_wait(a);
  expect_error(a, MOON_CANCELLED, "cancelled");
  attempt_free(a);
  expect_in_good_health(&l);

  a = attempt_new(&l, "GET", "/stall");
  a->request.idle_timeout_ms = 100;
  attempt_start(a);
  attempt_wait(a);
  expect_error(a, MOON_TIMEOUT, "the answer stopped for 100 ms");
  attempt_free(a);
  expect_in_good_health(&l);
  line_close(&l);
}

static void a_server_that_breaks_off_one_answer_keeps_the_connection(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = fetch(&l, "/truncated");
  expect_error(a, MOON_CONNECT, "HTTP/2 stream"); /* of which the proxy may have passed on nothing */
  assert_true(a->exchange.sent);
  attempt_free(a);
  expect_in_good_health(&l);
  line_close(&l);
}

static void a_paused_request_does_not_hold_up_the_others(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = attempt_new(&l, "GET", "/bytes?n=3000000");
  a->stream = a->start_paused = true;
  attempt_start(a);
  for (int i = 0; i < 20; i++) fetch_ok(&l, "/bytes?n=500000");
  assert_int_equal(attempt_streamed(a), 0);
  attempt_pause(a, false);
  expect_ok(a, 200);
  assert_int_equal(attempt_streamed(a), 3000000);
  attempt_free(a);
  expect_in_good_health(&l);
  line_close(&l);
}

static void nothing(void *unused) {}

/* As one whose host was stopped: its kernel still acknowledges what nobody answers. */
static void takes_a_connection_that_is_silent_for_long_out_of_use(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo"); /* and with it the answer to the first request, which would count as a sign of life */
  expect_in_good_health(&l);
  moon_clock_set_ms(moon_clock_now_ms());
  attempt *short_one = attempt_new(&l, "GET", "/hang"), *long_one = attempt_new(&l, "GET", "/hang");
  short_one->request.first_byte_timeout_ms = 2000;
  long_one->request.first_byte_timeout_ms = 3100;
  attempt_start(short_one);
  attempt_start(long_one);
  moon_clock_advance_ms(2100);
  on_reactor(reactor, nothing, NULL);
  attempt_wait(short_one);
  assert_int_equal(count_of(&l.losses), 0); /* too soon to tell */
  moon_clock_advance_ms(1100);
  on_reactor(reactor, nothing, NULL);
  attempt_wait(long_one);
  assert_int_equal(count_of(&l.losses), 1);
  moon_clock_run();
  attempt_free(short_one);
  attempt_free(long_one);
  line_close(&l);
}

/* Lets the time pass that the connection may be silent, on the reactor. */
static void pass(int64_t ms) {
  moon_clock_advance_ms(ms);
  on_reactor(reactor, nothing, NULL);
  sleep_ms(50); /* for what is now sent to arrive */
}

static void dig_black_hole(void) {
  moon_target *target = http2_proxy_target(proxy);
  assert_int_equal(black_hole_dig(atoi(strrchr(target->server, ':') + 1)), 1);
  moon_target_release(target);
}

static bool comes_to(const char *path, int count) {
  for (int i = 0; i < PATIENCE_MS / 5 && tls_server_count(server, path) < count; i++) sleep_ms(5);
  return tls_server_count(server, path) == count;
}

static void asks_a_silent_server_whether_it_is_there(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo");
  moon_clock_set_ms(moon_clock_now_ms());
  int asked = tls_server_count(server, "/livez");
  attempt *call = attempt_new(&l, "GET", "/hang");
  attempt_start(call);
  pass(8000); /* since a moment ago */
  assert_int_equal(tls_server_count(server, "/livez"), asked);
  for (int i = 1; i <= 3; i++) { /* it is, and takes its time */
    pass(10100);
    assert_true(comes_to("/livez", asked + i));
    sleep_ms(200); /* and the answer back */
  }
  assert_int_equal(count_of(&call->ends) + count_of(&l.losses), 0);
  attempt_abort(call);
  pass(100000); /* nothing waits: nothing is asked */
  assert_int_equal(tls_server_count(server, "/livez"), asked + 3);
  moon_clock_run();
  attempt_free(call);
  expect_in_good_health(&l);
  line_close(&l);
}

static void gives_up_a_connection_on_which_nobody_answers(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo");
  moon_clock_set_ms(moon_clock_now_ms());
  dig_black_hole();
  attempt *read = attempt_new(&l, "GET", "/hang"), *write = attempt_new(&l, "POST", "/hang");
  write->timeout_ms = 60000;
  attempt_start(read);
  attempt_start(write);
  pass(10100);
  assert_int_equal(count_of(&read->ends), 0);
  pass(4100); /* 14.2 s */
  attempt_wait(read);
  expect_error(read, MOON_CONNECT, "the connection was lost: nothing comes over it any more");
  assert_int_equal(count_of(&l.losses), 1);
  assert_int_equal(count_of(&write->ends), 0); /* it may have been carried out */
  pass(46000);
  attempt_wait(write);
  expect_error(write, MOON_TIMEOUT, "no answer within");
  moon_clock_run();
  attempt_free(read);
  attempt_free(write);
  line_close(&l);
}

static void lets_a_stream_be_silent_for_longer(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo");
  attempt *watch = attempt_new(&l, "GET", "/stall");
  watch->request.streaming = true;
  attempt_start(watch);
  assert_true(becomes(&watch->header_calls, 1));
  sleep_ms(200); /* its first bytes */
  moon_clock_set_ms(moon_clock_now_ms());
  int asked = tls_server_count(server, "/livez");
  pass(29000);
  assert_int_equal(tls_server_count(server, "/livez"), asked);
  pass(1100);
  assert_true(comes_to("/livez", asked + 1));
  sleep_ms(200);
  dig_black_hole();
  pass(30100);
  pass(4100); /* found within 45 s */
  attempt_wait(watch);
  expect_error(watch, MOON_CONNECT, "the connection was lost");
  moon_clock_run();
  attempt_free(watch);
  line_close(&l);
}

static void drains_after_goaway_and_finishes_what_runs(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  attempt *running = attempt_new(&l, "GET", "/drip?n=50&ms=20");
  attempt_start(running);
  while (!tls_server_count(server, "/drip?n=50&ms=20")) sleep_ms(5);
  http2_proxy_signal(proxy, SIGQUIT);
  /* From some moment on, requests are refused unsent; until then they are answered. */
  bool refused = false;
  for (int i = 0; i < 500 && !refused && !count_of(&running->ends); i++) {
    attempt *a = fetch(&l, "/bytes?n=3");
    if (a->err) {
      expect_error(a, MOON_CONNECT, "takes no more requests");
      assert_true(a->exchange.refused && !a->exchange.sent);
      refused = true;
    }
    attempt_free(a);
    sleep_ms(5);
  }
  assert_true(refused);
  expect_ok(running, 200);
  assert_int_equal(running->response.body.len, 50);
  attempt_free(running);
  assert_true(count_of(&l.drains) + count_of(&l.limits) + count_of(&l.losses) > 0);
  attempt *a = fetch(&l, "/bytes?n=3"); /* and with nothing running that could be a limit */
  assert_true(a->exchange.refused && !a->exchange.sent);
  attempt_free(a);
  assert_true(count_of(&l.drains) + count_of(&l.losses) > 0);
  line_close(&l);
}

static void notices_goaway_on_an_idle_connection(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo");
  http2_proxy_signal(proxy, SIGQUIT);
  assert_true(becomes(&l.drains, 1));
  line_close(&l);
}

static int seen_of(const char *const paths[3]) {
  return tls_server_count(server, paths[0]) + tls_server_count(server, paths[1]) + tls_server_count(server, paths[2]);
}

static void every_request_ends_once_when_the_server_is_killed(void **state) {
  enum { COUNT = 30 };
  line l;
  line_open(&l, reactor, dialer);
  attempt *all[COUNT];
  const char *paths[] = {"/hang", "/stall", "/drip?n=1000&ms=20"};
  for (int i = 0; i < COUNT; i++) all[i] = attempt_new(&l, i % 2 ? "POST" : "GET", paths[i % 3]);
  int before = seen_of(paths);
  attempt_start_all(all, COUNT);
  for (int i = 0; i < 1000 && seen_of(paths) < before + COUNT; i++) sleep_ms(10);
  http2_proxy_kill(proxy);
  for (int i = 0; i < COUNT; i++) {
    attempt_wait(all[i]);
    expect_error(all[i], MOON_CONNECT, "the connection was lost");
    assert_true(all[i]->exchange.sent);
    attempt_free(all[i]);
  }
  assert_int_equal(count_of(&l.losses), 1);
  line_close(&l);
}

static void every_request_ends_once_when_it_is_closed(void **state) {
  enum { COUNT = 30 };
  line l;
  line_open(&l, reactor, dialer);
  attempt *all[COUNT];
  const char *paths[] = {"/hang", "/stall", "/drip?n=1000&ms=20"};
  for (int i = 0; i < COUNT; i++) all[i] = attempt_new(&l, "GET", paths[i % 3]);
  attempt_start_all(all, COUNT);
  line_close(&l);
  for (int i = 0; i < COUNT; i++) {
    expect_error(all[i], MOON_CLOSED, "closed under the request");
    attempt_free(all[i]);
  }
}

int main(void) {
#define BEHIND_A_PROXY(test) cmocka_unit_test_setup_teardown(test, with_proxy, without_proxy)
  const struct CMUnitTest tests[] = {
      BEHIND_A_PROXY(speaks_http2_where_it_is_offered),
      BEHIND_A_PROXY(names_the_original_host),
      BEHIND_A_PROXY(carries_many_requests_at_once_on_one_connection),
      cmocka_unit_test_teardown(learns_the_server_s_stream_limit_from_a_refusal, without_proxy),
      BEHIND_A_PROXY(cancels_one_of_many_without_touching_the_others),
      BEHIND_A_PROXY(a_request_that_is_ended_early_costs_its_stream_only),
      BEHIND_A_PROXY(a_server_that_breaks_off_one_answer_keeps_the_connection),
      BEHIND_A_PROXY(a_paused_request_does_not_hold_up_the_others),
      BEHIND_A_PROXY(takes_a_connection_that_is_silent_for_long_out_of_use),
      BEHIND_A_PROXY(asks_a_silent_server_whether_it_is_there),
      BEHIND_A_PROXY(gives_up_a_connection_on_which_nobody_answers),
      BEHIND_A_PROXY(lets_a_stream_be_silent_for_longer),
      BEHIND_A_PROXY(drains_after_goaway_and_finishes_what_runs),
      BEHIND_A_PROXY(notices_goaway_on_an_idle_connection),
      BEHIND_A_PROXY(every_request_ends_once_when_the_server_is_killed),
      BEHIND_A_PROXY(every_request_ends_once_when_it_is_closed),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
