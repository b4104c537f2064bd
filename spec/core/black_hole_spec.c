/* black_hole_spec.c: connections whose packets are lost, and what is set on their sockets so that the kernel notices.
 *
 * The kernel's clock cannot be set: this program takes as long as people would wait. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/black_hole.h"
#include "support/net_fixture.h"

static moon_reactor *reactor;
static tls_server *server;
static moon_dialer *dialer;

static int set_up(void **state) {
  reactor = moon_reactor_new();
  server = start_server();
  dialer = https_dialer(server);
  return 0;
}

static int tear_down(void **state) {
  moon_dialer_release(dialer);
  tls_server_stop(server);
  moon_reactor_release(reactor);
  return 0;
}

static int option(int fd, int level, int name) {
  int value = -1;
  socklen_t len = sizeof value;
  assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
  return value;
}

static void expect_options(int fd) {
  assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 15000);
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
}

static void sockets_have_keepalive_and_a_limit_on_what_is_not_acknowledged(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  assert_int_equal(each_connection_to(tls_server_port(server), expect_options), 1);
  line_close(&l);
}

static void expect_between(int64_t since_ms, int64_t told_ms, int64_t least_ms, int64_t most_ms) {
  int64_t took_ms = told_ms - since_ms;
  if (took_ms < least_ms || took_ms > most_ms) fail_msg("took %lld ms", (long long)took_ms);
}

static bool comes(const int *counter, int64_t limit_ms) {
  for (int64_t until_ms = now_ms() + limit_ms; !count_of(counter) && now_ms() < until_ms;) sleep_ms(20);
  return count_of(counter) > 0;
}

static void a_connection_whose_packets_are_lost_is_found_in_time(void **state) {
  line idle, asked_before, asked_after;
  line_open(&idle, reactor, dialer);
  line_open(&asked_before, reactor, dialer);
  line_open(&asked_after, reactor, dialer);
  fetch_ok(&idle, "/echo");
  fetch_ok(&asked_after, "/echo");
  attempt *before = attempt_new(&asked_before, "GET", "/hang");
  attempt_start(before);
  for (int i = 0; i < 1000 && !tls_server_count(server, "/hang"); i++) sleep_ms(5);
  sleep_ms(200); /* its acknowledgement */

  int64_t dug_ms = now_ms();
  assert_int_equal(black_hole_dig(tls_server_port(server)), 3);
  attempt *after = attempt_new(&asked_after, "POST", "/echo");
  attempt_start(after);

  /* With a request that waits in 15 s, idle in 45; and the kernel's timers are coarse. */
  assert_true(comes(&before->ends, 20000));
  assert_true(comes(&after->ends, 20000));
  assert_true(comes(&idle.losses, 45000));
  expect_between(dug_ms, before->ended_ms, 5000, 17500);
  expect_between(dug_ms, after->ended_ms, 5000, 17500);
  expect_between(dug_ms, idle.told_ms, 5000, 45000);
  expect_error(before, MOON_CONNECT, "the connection was lost");
  expect_error(after, MOON_CONNECT, "the connection was lost");
  assert_true(after->exchange.sent);
  assert_int_equal(count_of(&asked_before.losses) + count_of(&asked_after.losses), 2);
  attempt_free(before);
  attempt_free(after);
  line_close(&idle);
  line_close(&asked_before);
  line_close(&asked_after);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sockets_have_keepalive_and_a_limit_on_what_is_not_acknowledged),
      cmocka_unit_test(a_connection_whose_packets_are_lost_is_found_in_time),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
