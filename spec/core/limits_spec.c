/* limits_spec.c: nothing takes longer than it may: names that are not resolved, servers that do not answer, answers
 * that stop, and requests that are taken back.
 *
 * getaddrinfo and clock_gettime are this program's own here (libcurl finds them first), so that names resolve slowly or
 * to what a spec needs, and time passes at once. */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/lookups.h"
#include "support/net_fixture.h"

extern char **environ;

/* --- names and time, as the specs want them --- */

static atomic_int resolving;           /* threads inside getaddrinfo for hangs.test */
static atomic_bool resolver_answers;   /* lets them go */
static _Atomic(const char *) moved_to; /* the address of moves.test */
static atomic_int monotonic_offset_s;  /* added to the monotonic clocks */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  if (name && !strcmp(name, "hangs.test")) {
    resolving++;
    for (int i = 0; i < 600 && !resolver_answers; i++) sleep_ms(10);
    resolving--;
    return EAI_AGAIN;
  }
  if (name && !strcmp(name, "many.test")) { /* 127.0.0.8 to 127.0.0.2, where nobody listens, then 127.0.0.1 */
    *out = NULL;
    for (int last = 1; last <= 8; last++) {
      char address[16];
      struct addrinfo *one;
      snprintf(address, sizeof address, "127.0.0.%d", last);
      if (real(address, service, hints, &one)) return EAI_FAIL;
      one->ai_next = *out;
      *out = one;
    }
    return 0;
  }
  if (name && !strcmp(name, "moves.test")) name = moved_to;
  return real(name, service, hints, out);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*_Atomic real)(clockid_t, struct timespec *);
  int (*call)(clockid_t, struct timespec *) = real;
  if (!call) {
    *(void **)&call = dlsym(RTLD_NEXT, "clock_gettime");
    real = call;
  }
  int result = call(clock, now);
  if (clock != CLOCK_REALTIME) now->tv_sec += monotonic_offset_s;
  return result;
}

/* --- support --- */

static moon_reactor *reactor;
static tls_server *server;
static moon_dialer *dialer;

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
  resolver_answers = true;
  for (int i = 0; i < 1000 && resolving; i++) sleep_ms(10);
  sleep_ms(100); /* their way out of libcurl */
  return 0;
}

static void expect_within(int64_t since_ms, int64_t limit_ms) {
  int64_t took_ms = now_ms() - since_ms;
  if (took_ms > limit_ms) fail_msg("took %lld ms, expected %lld at most", (long long)took_ms, (long long)limit_ms);
}

static void nothing_to_do(void *unused) {}

/* --- connecting --- */

static void a_name_that_is_not_resolved_blocks_nothing(void **state) {
  moon_dialer *lost = dialer_of(target_of(server, "https", "hangs.test"));
  line works, l;
  line_open(&works, reactor, dialer);
  int64_t start_ms = now_ms();
  line_dial(&l, reactor, lost, 300);
  for (int i = 0; i < 20; i++) fetch_ok(&works, "/echo"); /* meanwhile, on the same reactor */
  assert_int_equal(count_of(&l.failures), 0);
  assert_true(becomes(&l.failures, 1));
  expect_within(start_ms, 3000); /* the resolver takes 6 s */
  assert_int_equal(l.error->kind, MOON_TIMEOUT);
  assert_non_null(strstr(l.error->message, "not connected within 300 ms: the name was not resolved"));
  line_close(&l);
  expect_within(start_ms, 3000);
  fetch_ok(&works, "/echo");
  assert_true(resolving > 0); /* it still hangs, alone */
  line_close(&works);
  moon_dialer_release(lost);
}

static void closing_does_not_wait_for_the_resolver(void **state) {
  moon_dialer *lost = dialer_of(target_of(server, "https", "hangs.test"));
  int64_t start_ms = now_ms();
  for (int i = 0; i < 5; i++) {
    line l;
    line_dial(&l, reactor, lost, PATIENCE_MS);
    sleep_ms(10);
    line_close(&l);
  }
  expect_within(start_ms, 3000);
  moon_dialer_release(lost);
}

/* The last spec: it leaves no place for another lookup. */
static void looks_up_only_so_many_names_at_once(void **state) {
  enum { TRIES = MOON_MAX_LOOKUPS + 6 };
  moon_dialer *lost = dialer_of(target_of(server, "https", "hangs.test"));
  line lines[TRIES], works;
  int refused = 0, before = resolving; /* other specs' may still be at it: their time has been moved on */
  for (int i = 0; i < TRIES; i++) line_dial(&lines[i], reactor, lost, 500);
  for (int i = 0; i < TRIES; i++) {
    assert_true(becomes(&lines[i].failures, 1));
    if (strstr(lines[i].error->message, "the name is not looked up, because 64 lookups are unanswered")) refused++;
    line_close(&lines[i]);
  }
  assert_true(refused >= TRIES - MOON_MAX_LOOKUPS);
  assert_true(resolving <= before + MOON_MAX_LOOKUPS);
  expect_failure(reactor, lost, 500, MOON_CONNECT, "the name is not looked up"); /* those given up count as well */
  line_open(&works, reactor, dialer);                                            /* an address needs none */
  fetch_ok(&works, "/echo");
  line_close(&works);
  moon_clock_set_ms(moon_clock_now_ms() + MOON_LOOKUP_LINGERS_MS + 1); /* by then the resolver has given up as well */
  line again;
  line_dial(&again, reactor, lost, 500);
  on_reactor(reactor, nothing_to_do, NULL);
  assert_int_equal(count_of(&again.failures), 0);
  line_close(&again);
  moon_clock_run();
  moon_dialer_release(lost);
}

/* In a process of its own: main() below, with an argument. */
static int end_while_resolving(void) {
  moon_reactor *own = moon_reactor_new();
  moon_target *target = moon_target_new();
  target->context = moon_strdup("");
  target->cluster = moon_strdup("");
  target->namespace_ = moon_strdup("default");
  target->server = moon_strdup("http://hangs.test:1");
  moon_dialer *lost = dialer_of(target);
  line l;
  line_dial(&l, own, lost, 100);
  bool in_time = becomes(&l.failures, 1) && resolving == 1;
  line_close(&l);
  moon_dialer_release(lost);
  moon_reactor_release(own);
  return in_time ? 0 : 1;
}

static void a_process_ends_while_a_name_is_being_resolved(void **state) {
  char self[4096] = "", *arguments[] = {self, "end-while-resolving", NULL};
  assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  int64_t start_ms = now_ms();
  pid_t child;
  int status;
  assert_int_equal(posix_spawn(&child, self, NULL, NULL, arguments, environ), 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  expect_within(start_ms, 5000);
}

static void tries_every_address_of_a_name(void **state) {
  moon_target *target = target_of(server, "https", "many.test");
  target->tls_server_name = moon_strdup("api.test");
  moon_dialer *many = dialer_of(target);
  line l;
  line_open(&l, reactor, many);
  fetch_ok(&l, "/echo");
  line_close(&l);
  moon_dialer_release(many);
}

static void looks_a_name_up_again_for_every_connection(void **state) {
  tls_server *other = tls_server_start(&(tls_server_options){.address = "127.0.0.2",
                                                             .port = tls_server_port(server),
                                                             .certificate = pki_server_certificate(),
                                                             .key = pki_server_key()});
  moon_target *target = target_of(server, "https", "moves.test");
  target->tls_server_name = moon_strdup("api.test");
  moon_dialer *moving = dialer_of(target);
  line before, after;
  moved_to = "127.0.0.1";
  line_open(&before, reactor, moving);
  moved_to = "127.0.0.2";
  line_open(&after, reactor, moving);
  fetch_ok(&before, "/bytes?n=41"); /* it stays where it is */
  fetch_ok(&after, "/bytes?n=42");
  assert_int_equal(tls_server_count(server, "/bytes?n=41"), 1);
  assert_int_equal(tls_server_count(server, "/bytes?n=42"), 0);
  assert_int_equal(tls_server_count(other, "/bytes?n=42"), 1);
  line_close(&before);
  line_close(&after);
  moon_dialer_release(moving);
  tls_server_stop(other);
}

static void says_that_no_tcp_connection_came_about(void **state) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fillers[4];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(listener, 0), 0);
  getsockname(listener, (struct sockaddr *)&address, &len);
  for (int i = 0; i < 4; i++) { /* nobody accepts: when its queue is full, further packets are dropped */
    fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(!connect(fillers[i], (struct sockaddr *)&address, len) || errno == EINPROGRESS);
  }
  moon_target *target = target_of(server, "https", "127.0.0.1");
  free(target->server);
  target->server = moon_sprintf("https://127.0.0.1:%d", ntohs(address.sin_port));
  moon_dialer *lost = dialer_of(target);
  expect_failure(reactor, lost, 300, MOON_TIMEOUT, "not connected within 300 ms: no TCP connection came about");
  moon_dialer_release(lost);
  for (int i = 0; i < 4; i++) close(fillers[i]);
  close(listener);
}

static void says_that_the_handshake_was_not_answered(void **state) {
  tls_server *deaf = tls_server_start(&(tls_server_options){.never_handshakes = true});
  moon_dialer *lost = https_dialer(deaf);
  expect_failure(reactor, lost, 300, MOON_TIMEOUT, "300 ms: TCP connected, but the TLS handshake was not answered");
  moon_dialer_release(lost);
  tls_server_stop(deaf);
}

static void says_that_livez_was_not_answered(void **state) {
  tls_server *deaf = tls_server_start(&(tls_server_options){.livez_hangs = true});
  moon_dialer *lost = dialer_of(target_of(deaf, "http", "127.0.0.1"));
  expect_failure(reactor, lost, 300, MOON_TIMEOUT, "300 ms: connected, but GET /livez was not answered");
  moon_dialer_release(lost);
  tls_server_stop(deaf);
}

static void check_cut(bool reset, bool after_hello) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(listener, 8), 0);
  getsockname(listener, (struct sockaddr *)&address, &len);
  moon_target *target = target_of(server, "https", "127.0.0.1");
  free(target->server);
  target->server = moon_sprintf("https://127.0.0.1:%d", ntohs(address.sin_port));
  moon_dialer *lost = dialer_of(target);
  line l;
  line_dial(&l, reactor, lost, PATIENCE_MS);
  int fd = accept(listener, NULL, NULL);
  char hello[4096];
  if (after_hello) assert_true(recv(fd, hello, sizeof hello, 0) > 0);
  struct linger now = {1, 0};
  if (reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
  assert_true(becomes(&l.failures, 1));
  if (l.error->kind != MOON_CONNECT) fail_msg("%s: %s", moon_strerror(l.error->kind), l.error->message);
  assert_true(strstr(l.error->message, "the connection was lost while it was being made") ||
              strstr(l.error->message, "cannot connect: Connection reset by peer"));
  assert_null(strstr(l.error->message, "getpeername")); /* libcurl's own way to say it */
  line_close(&l);
  moon_dialer_release(lost);
  close(listener);
}

static void says_that_a_connection_was_cut_while_it_was_being_made(void **state) {
  for (int i = 0; i < 4; i++) check_cut(i & 1, i & 2);
}

/* --- time limits of a request --- */

static attempt *fetch_within(line *l, const char *path, int64_t first_byte_ms, int64_t idle_ms, int64_t timeout_ms) {
  attempt *a = attempt_new(l, "GET", path);
  a->request.first_byte_timeout_ms = first_byte_ms;
  a->request.idle_timeout_ms = idle_ms;
  a->timeout_ms = timeout_ms;
  attempt_start(a);
  attempt_wait(a);
  return a;
}

static void check_timeout(const char *path, int64_t first_byte_ms, int64_t idle_ms, int64_t timeout_ms,
                          const char *text) {
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = fetch_within(&l, path, first_byte_ms, idle_ms, timeout_ms);
  expect_error(a, MOON_TIMEOUT, text);
  assert_true(a->exchange.sent);
  assert_true(a->ended_ms - a->started_ms >= 150);
  assert_true(becomes(&l.losses, 1)); /* HTTP/1.1: the answer may still come, and nobody would know whose it is */
  attempt_free(a);
  line_close(&l);
}

static void ends_a_request_whose_answer_does_not_begin(void **state) {
  check_timeout("/hang", 150, 0, 0, "no answer within");
  check_timeout("/hang", 150, 10000, 10000, "no answer within");
  check_timeout("/hang", 0, 150, 200, "no answer within");
}

static void ends_a_request_whose_answer_stops(void **state) {
  check_timeout("/stall", 0, 150, 0, "the answer stopped for 150 ms after 100 bytes");
  check_timeout("/stall", 10000, 150, 10000, "the answer stopped for 150 ms after 100 bytes");
}

static void ends_a_request_whose_answer_takes_too_long(void **state) {
  check_timeout("/stall", 0, 0, 150, "the answer was not complete within");
  check_timeout("/drip?n=1000&ms=10", 10000, 10000, 300, "bytes came)");
}

static void gives_a_slow_answer_its_time_as_long_as_it_comes(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = fetch_within(&l, "/drip?n=40&ms=20", 500, 500, 0); /* 800 ms in all */
  expect_ok(a, 200);
  assert_int_equal(a->response.body.len, 40);
  attempt_free(a);
  fetch_ok(&l, "/echo");
  line_close(&l);
}

static void takes_a_connection_that_is_silent_for_long_out_of_use(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  moon_clock_set_ms(moon_clock_now_ms());
  attempt *a = attempt_new(&l, "GET", "/hang");
  a->request.first_byte_timeout_ms = 3100;
  attempt_start(a);
  moon_clock_advance_ms(3000);
  on_reactor(reactor, nothing_to_do, NULL);
  sleep_ms(50);
  assert_int_equal(count_of(&a->ends), 0);
  moon_clock_advance_ms(200);
  on_reactor(reactor, nothing_to_do, NULL);
  attempt_wait(a);
  expect_error(a, MOON_TIMEOUT, "no answer within 3200 ms");
  assert_int_equal(count_of(&l.losses), 1);
  moon_clock_run();
  attempt_free(a);
  line_close(&l);
}

/* --- whether anybody is there --- */

static void pass(int64_t ms) {
  moon_clock_advance_ms(ms);
  on_reactor(reactor, nothing_to_do, NULL);
  sleep_ms(50); /* for what is now sent to arrive */
}

/* Another connection was made, asked, and closed again. */
static bool livez_comes_to(int count, int open) {
  for (int i = 0; i < PATIENCE_MS / 5 && tls_server_count(server, "/livez") < count; i++) sleep_ms(5);
  for (int i = 0; i < PATIENCE_MS / 5 && tls_server_open(server) > open; i++) sleep_ms(5);
  return tls_server_count(server, "/livez") == count && tls_server_open(server) == open;
}

static void asks_a_silent_server_over_another_connection_whether_it_is_there(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  moon_clock_set_ms(moon_clock_now_ms());
  int asked = tls_server_count(server, "/livez"), made = tls_server_connections(server);
  for (int i = 0; i < PATIENCE_MS / 5 && tls_server_open(server) > 1; i++) sleep_ms(5); /* of the specs before */
  attempt *call = attempt_new(&l, "GET", "/hang");
  attempt_start(call);
  pass(9900);
  assert_int_equal(tls_server_count(server, "/livez"), asked);
  for (int i = 1; i <= 3; i++) { /* it is, and takes its time */
    pass(10100);
    assert_true(livez_comes_to(asked + i, 1));
    on_reactor(reactor, nothing_to_do, NULL);
  }
  assert_int_equal(tls_server_connections(server), made + 3);
  assert_int_equal(count_of(&call->ends) + count_of(&l.losses), 0);
  attempt_abort(call);
  pass(100000); /* nothing waits: nothing is asked */
  assert_int_equal(tls_server_count(server, "/livez"), asked + 3);
  moon_clock_run();
  attempt_free(call);
  line_close(&l);
}

static void gives_up_a_connection_to_a_server_that_answers_nobody(void **state) {
  tls_server *stopped = start_server();
  moon_dialer *way = https_dialer(stopped);
  line read_line, write_line, stream_line;
  line_open(&read_line, reactor, way);
  line_open(&write_line, reactor, way);
  line_open(&stream_line, reactor, way);
  attempt *read = attempt_new(&read_line, "GET", "/hang"), *write = attempt_new(&write_line, "POST", "/hang"),
          *watch = attempt_new(&stream_line, "GET", "/stall");
  watch->request.streaming = true;
  attempt_start(watch);
  assert_true(becomes(&watch->header_calls, 1));
  sleep_ms(50);
  moon_clock_set_ms(moon_clock_now_ms());
  tls_server_ignore_new(stopped);
  attempt_start(read);
  attempt_start(write);
  pass(10100);
  assert_int_equal(count_of(&read->ends), 0);
  pass(4100); /* 14.2 s */
  attempt_wait(read);
  expect_error(read, MOON_CONNECT, "the connection was lost: nothing comes over it any more");
  assert_true(becomes(&read_line.losses, 1));
  assert_true(becomes(&write_line.losses, 1)); /* and takes no other request */
  assert_int_equal(count_of(&write->ends), 0); /* it may have been carried out */
  assert_int_equal(count_of(&watch->ends), 0); /* may be silent, as long as its own limit lets it */
  moon_clock_run();
  attempt_abort(write);
  attempt_abort(watch);
  attempt_free(read);
  attempt_free(write);
  attempt_free(watch);
  line_close(&read_line);
  line_close(&write_line);
  line_close(&stream_line);
  moon_dialer_release(way);
  tls_server_stop(stopped);
}

static void closes_while_it_asks(void **state) {
  tls_server *stopped = start_server();
  moon_dialer *way = https_dialer(stopped);
  line l;
  line_open(&l, reactor, way);
  moon_clock_set_ms(moon_clock_now_ms());
  tls_server_ignore_new(stopped);
  attempt *call = attempt_new(&l, "GET", "/hang");
  attempt_start(call);
  pass(10100);
  assert_int_equal(tls_server_connections(stopped), 2);
  moon_clock_run();
  line_close(&l);
  expect_error(call, MOON_CLOSED, "closed under the request");
  attempt_free(call);
  moon_dialer_release(way);
  tls_server_stop(stopped);
}

/* --- taking back --- */

static void check_abort(const char *path, int64_t after_ms) {
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = attempt_new(&l, "GET", path);
  attempt_start(a);
  sleep_ms(after_ms);
  attempt_abort(a);
  assert_int_equal(count_of(&a->ends), 1); /* at once */
  expect_error(a, MOON_CANCELLED, "cancelled by the spec");
  assert_true(becomes(&l.losses, 1));
  attempt_abort(a); /* nothing */
  attempt_free(a);
  line_close(&l);
}

static void takes_back_a_request_in_every_stage(void **state) {
  check_abort("/hang", 50);
  check_abort("/stall", 50);
  check_abort("/drip?n=1000&ms=5", 50);
  check_abort("/bytes?n=50000000", 0);
}

static void takes_back_a_request_that_was_not_sent_without_loss(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  attempt *a = attempt_new(&l, "POST", "/echo");
  a->start_aborted = true;
  attempt_start(a);
  expect_error(a, MOON_CANCELLED, "cancelled by the spec");
  assert_false(a->exchange.sent);
  attempt_free(a);
  fetch_ok(&l, "/bytes?n=1");
  assert_int_equal(count_of(&l.losses) + count_of(&l.drains), 0);
  line_close(&l);
}

/* --- time passes --- */

static void keeps_a_connection_that_was_idle_for_long(void **state) {
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo");
  int before = tls_server_connections(server);
  monotonic_offset_s = 200; /* libcurl's own limit is 118 s */
  fetch_ok(&l, "/echo");
  monotonic_offset_s = 100000;
  fetch_ok(&l, "/echo");
  assert_int_equal(tls_server_connections(server), before);
  assert_int_equal(count_of(&l.losses) + count_of(&l.drains), 0);
  line_close(&l);
}

int main(int count, char **arguments) {
  if (count > 1 && !strcmp(arguments[1], "end-while-resolving")) return end_while_resolving();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_that_is_not_resolved_blocks_nothing),
      cmocka_unit_test(closing_does_not_wait_for_the_resolver),
      cmocka_unit_test(a_process_ends_while_a_name_is_being_resolved),
      cmocka_unit_test(tries_every_address_of_a_name),
      cmocka_unit_test(looks_a_name_up_again_for_every_connection),
      cmocka_unit_test(says_that_no_tcp_connection_came_about),
      cmocka_unit_test(says_that_the_handshake_was_not_answered),
      cmocka_unit_test(says_that_livez_was_not_answered),
      cmocka_unit_test(says_that_a_connection_was_cut_while_it_was_being_made),
      cmocka_unit_test(ends_a_request_whose_answer_does_not_begin),
      cmocka_unit_test(ends_a_request_whose_answer_stops),
      cmocka_unit_test(ends_a_request_whose_answer_takes_too_long),
      cmocka_unit_test(gives_a_slow_answer_its_time_as_long_as_it_comes),
      cmocka_unit_test(takes_a_connection_that_is_silent_for_long_out_of_use),
      cmocka_unit_test(asks_a_silent_server_over_another_connection_whether_it_is_there),
      cmocka_unit_test(gives_up_a_connection_to_a_server_that_answers_nobody),
      cmocka_unit_test(closes_while_it_asks),
      cmocka_unit_test(takes_back_a_request_in_every_stage),
      cmocka_unit_test(takes_back_a_request_that_was_not_sent_without_loss),
      cmocka_unit_test(keeps_a_connection_that_was_idle_for_long),
      cmocka_unit_test(looks_up_only_so_many_names_at_once),
  };
  return cmocka_run_group_tests(tests, start_server_and_reactor, end_server_and_reactor);
}
