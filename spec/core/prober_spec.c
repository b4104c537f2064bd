/* prober_spec.c: what the health threads ask, when, and what they make of the answers. */
#include <arpa/inet.h>
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "support/probing_fixture.h"

/* --- what is asked, and what the answers mean --- */

static void finds_a_server_healthy_with_one_readyz_on_a_connection_of_its_own(void **state) {
  tls_server *server = start_server();
  watched w;
  watch(&w, target_of(server, "https", "127.0.0.1"), INTERVAL_MS);
  wait_for_state(&w, MOON_HEALTH_HEALTHY);
  wait_for_quiet(server); /* the connection is not kept */
  assert_int_equal(tls_server_count(server, "/readyz"), 1);
  assert_int_equal(tls_server_count(server, "/livez"), 0);
  assert_int_equal(tls_server_connections(server), 1);
  assert_int_equal(w.changes, 1);
  assert_null(moon_endpoints_error(w.endpoints));
  unwatch(&w);
  tls_server_stop(server);
}

static void asks_for_the_version_on_the_same_connection_where_there_is_no_readyz(void **state) {
  tls_server *server = start_plain_server();
  tls_server_set_readyz(server, 404, "404 page not found");
  watched w;
  watch(&w, plain(server), INTERVAL_MS);
  wait_for_state(&w, MOON_HEALTH_HEALTHY);
  assert_int_equal(tls_server_count(server, "/version"), 1);
  assert_int_equal(tls_server_connections(server), 1);
  unwatch(&w);
  tls_server_stop(server);
}

static void expect_error_text(const watched *w, moon_status kind, const char *text) {
  moon_error *err = moon_endpoints_error(w->endpoints);
  assert_non_null(err);
  if (err->kind != kind || !strstr(err->message, text) || strchr(err->message, '\n')) {
    fail_msg("expected %s, one line with \"%s\"; got %s, \"%s\"", moon_strerror(kind), text, moon_strerror(err->kind),
             err->message);
  }
  assert_string_equal(err->cluster, "spec");
  moon_error_free(err);
}

static void keeps_the_checks_that_readyz_said_have_failed(void **state) {
  tls_server *server = start_plain_server();
  tls_server_set_readyz(server, 500,
                        "[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\n"
                        "[-]poststarthook/rbac failed: reason withheld\nreadyz check failed\n");
  watched w;
  watch(&w, plain(server), INTERVAL_MS);
  wait_for_state(&w, MOON_HEALTH_SUSPECT);
  expect_error_text(&w, MOON_SERVER,
                    "not ready (HTTP 500): etcd failed: reason withheld; poststarthook/rbac failed: reason withheld");
  unwatch(&w);
  tls_server_stop(server);
}

static void takes_every_other_answer_for_a_failure_and_says_which(void **state) {
  static const struct {
    int status;
    const char *body, *text;
    moon_status kind;
  } answers[] = {
      {500, "oops", "HTTP 500", MOON_SERVER},
      {503, "<h1>Service\nunavailable</h1>", "HTTP 503", MOON_SERVER},
      {302, "", "HTTP 302", MOON_PROTOCOL},
      {400, "Client sent an HTTP request to an HTTPS server.", "HTTPS server", MOON_INVALID},
  };
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    tls_server *server = start_plain_server();
    tls_server_set_readyz(server, answers[i].status, answers[i].body);
    watched w;
    watch(&w, plain(server), INTERVAL_MS);
    wait_for_state(&w, MOON_HEALTH_SUSPECT);
    expect_error_text(&w, answers[i].kind, answers[i].text);
    unwatch(&w);
    tls_server_stop(server);
  }
  watched w;
  watch(&w, refusing(), INTERVAL_MS);
  wait_for_state(&w, MOON_HEALTH_SUSPECT);
  expect_error_text(&w, MOON_CONNECT, "connection refused");
  unwatch(&w);
}

static void finds_a_server_healthy_that_refuses_credentials_or_turns_requests_away(void **state) {
  static const struct {
    int status;
    bool unauthorized, overloaded;
  } answers[] = {{401, true, false}, {403, true, false}, {429, false, true}, {200, false, false}};
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    tls_server *server = start_plain_server();
    tls_server_set_readyz(server, answers[i].status, "");
    watched w;
    watch(&w, plain(server), INTERVAL_MS);
    wait_for_state(&w, MOON_HEALTH_HEALTHY);
    assert_int_equal(moon_endpoints_unauthorized(w.endpoints), answers[i].unauthorized);
    assert_int_equal(moon_endpoints_overloaded(w.endpoints), answers[i].overloaded);
    unwatch(&w);
    tls_server_stop(server);
  }
}

/* --- when --- */

static void with_endpoint(watched *w, void (*use)(moon_endpoint *endpoint)) {
  size_t count;
  moon_endpoint **all = moon_endpoints_list(w->endpoints, &count);
  assert_int_equal(count, 1);
  use(all[0]);
  moon_endpoint_release(all[0]);
  free(all);
}

static void answer_a_request(moon_endpoint *endpoint) {
  moon_endpoint_request_began(endpoint);
  moon_endpoint_request_ended(endpoint, NULL, 1000);
}

static void fail_5_requests(moon_endpoint *endpoint) {
  moon_error *err = moon_error_new(MOON_CONNECT, "lost");
  for (int i = 0; i < 5; i++) {
    moon_endpoint_request_began(endpoint);
    moon_endpoint_request_ended(endpoint, err, -1);
  }
  moon_error_free(err);
}

typedef struct busy {
  moon_task task;
  atomic_bool enough;
} busy;

static void stay_busy(moon_task *task) {
  busy *b = MOON_ENTRY(task, busy, task);
  while (!b->enough) continue;
}

static void probes_on_time_while_another_reactor_is_busy(void **state) {
  moon_reactor *reactor = moon_reactor_shared();
  busy b = {.task.run = stay_busy};
  moon_reactor_post(reactor, &b.task);
  stop_clock();
  tls_server *server = start_plain_server();
  watched w;
  watch(&w, plain(server), INTERVAL_MS);
  wait_for_probe(server, 1);
  for (int probes = 1; probes <= 10; probes++) {
    int64_t last_ms = tls_server_find(server, "/readyz")->at_ms;
    moon_clock_set_ms(last_ms + INTERVAL_MS * 8 / 10);
    wake_health_thread();
    sleep_ms(5); /* for one that comes too early to arrive */
    assert_int_equal(tls_server_count(server, "/readyz"), probes);
    moon_clock_set_ms(last_ms + INTERVAL_MS * 12 / 10);
    wake_health_thread();
    wait_for_probe(server, probes + 1);
    assert_int_equal(tls_server_count(server, "/readyz"), probes + 1);
  }
  b.enough = true;
  unwatch(&w);
  tls_server_stop(server);
  moon_reactor_release(reactor);
}

/* Time passes in steps until it is unhealthy. */
static void expect_unhealthy_within(watched *w, int64_t limit_ms) {
  int64_t since_ms = moon_clock_now_ms();
  while (moon_endpoints_state(w->endpoints) != MOON_HEALTH_UNHEALTHY && moon_clock_now_ms() - since_ms <= limit_ms) {
    pass_ms(250);
    sleep_ms(1);
  }
  assert_in_range(moon_clock_now_ms() - since_ms, 3 * TIMEOUT_MS - 500, limit_ms);
}

static void finds_a_server_unhealthy_that_stops_answering(void **state) {
  enum { SHORT_MS = 5000 };
  stop_clock();
  tls_server *server = start_server();
  watched w;
  watch(&w, target_of(server, "https", "127.0.0.1"), SHORT_MS);
  wait_for_state(&w, MOON_HEALTH_HEALTHY);
  wait_for_quiet(server);
  tls_server_set_readyz(server, NEVER_ANSWERED, "");
  expect_unhealthy_within(&w, 3 * (SHORT_MS + TIMEOUT_MS));
  unwatch(&w);
  tls_server_stop(server);
}

static void finds_a_server_unhealthy_that_does_not_even_accept(void **state) {
  stop_clock();
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(fd, 8), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  moon_target *target = target_of(NULL, "https", "127.0.0.1");
  free(target->server);
  target->server = moon_sprintf("https://127.0.0.1:%d", ntohs(address.sin_port));
  watched w;
  watch(&w, target, INTERVAL_MS);
  expect_unhealthy_within(&w, 3 * TIMEOUT_MS + 1000);
  expect_error_text(&w, MOON_TIMEOUT, "TLS handshake was not answered");
  unwatch(&w);
  close(fd);
}

static void needs_two_good_probes_to_bring_a_server_back(void **state) {
  stop_clock();
  tls_server *server = start_plain_server();
  tls_server_set_readyz(server, 503, "");
  watched w;
  watch(&w, plain(server), INTERVAL_MS);
  for (int probes = 1; probes <= 3; probes++) {
    wait_for_probe(server, probes);
    pass_ms(probes < 3 ? 1100 : 0);
  }
  assert_int_equal(moon_endpoints_state(w.endpoints), MOON_HEALTH_UNHEALTHY);
  tls_server_set_readyz(server, 200, "ok");
  pass_ms(4000);
  sleep_ms(5);
  assert_int_equal(tls_server_count(server, "/readyz"), 3); /* it is backing off */
  pass_ms(1500);
  wait_for_probe(server, 4);
  assert_int_equal(moon_endpoints_state(w.endpoints), MOON_HEALTH_PROBING);
  pass_ms(1100);
  wait_for_probe(server, 5);
  assert_int_equal(moon_endpoints_state(w.endpoints), MOON_HEALTH_HEALTHY);
  assert_int_equal(w.changes, 4);
  unwatch(&w);
  tls_server_stop(server);
}

static void probes_at_once_when_5_requests_have_failed(void **state) {
  stop_clock();
  tls_server *server = start_plain_server();
  watched w;
  watch(&w, plain(server), INTERVAL_MS);
  wait_for_probe(server, 1);
  tls_server_set_readyz(server, 503, "");
  with_endpoint(&w, fail_5_requests);
  wait_for_probe(server, 2);
  assert_int_equal(moon_endpoints_state(w.endpoints), MOON_HEALTH_SUSPECT);
  pass_ms(1100);
  wait_for_probe(server, 3);
  assert_int_equal(moon_endpoints_state(w.endpoints), MOON_HEALTH_UNHEALTHY); /* the requests were the first check */
  unwatch(&w);
  tls_server_stop(server);
}

static void probes_only_what_requests_have_found_failing_where_the_interval_is_0(void **state) {
  stop_clock();
  tls_server *server = start_plain_server();
  watched w;
  watch(&w, plain(server), 0);
  pass_ms(600000);
  sleep_ms(5);
  assert_int_equal(tls_server_connections(server), 0);
  with_endpoint(&w, fail_5_requests);
  wait_for_probe(server, 1);
  assert_int_equal(moon_endpoints_state(w.endpoints), MOON_HEALTH_HEALTHY);
  pass_ms(600000);
  sleep_ms(5);
  assert_int_equal(tls_server_connections(server), 1);
  unwatch(&w);
  tls_server_stop(server);
}

static void stops_probing_when_a_request_has_succeeded_where_the_interval_is_0(void **state) {
  stop_clock();
  tls_server *server = start_plain_server();
  tls_server_set_readyz(server, 503, "");
  watched w;
  watch(&w, plain(server), 0);
  with_endpoint(&w, fail_5_requests);
  wait_for_probe(server, 1);
  assert_int_equal(moon_endpoints_state(w.endpoints), MOON_HEALTH_SUSPECT);
  with_endpoint(&w, answer_a_request);
  assert_int_equal(moon_endpoints_state(w.endpoints), MOON_HEALTH_HEALTHY);
  pass_ms(600000);
  sleep_ms(5);
  assert_int_equal(tls_server_connections(server), 1);
  unwatch(&w);
  tls_server_stop(server);
}

/* --- many at once --- */

static void probes_64_at_once_and_the_others_in_turn(void **state) {
  enum { PLACES = 64, HUNG = 2 * PLACES + 6 };
  stop_clock();
  tls_server *hung = start_plain_server(), *good = start_plain_server();
  tls_server_set_readyz(hung, NEVER_ANSWERED, "");
  static watched all[HUNG], one, another;
  for (int i = 0; i < HUNG; i++) {
    if (i == PLACES) watch(&one, plain(good), INTERVAL_MS);
    watch(&all[i], plain(hung), INTERVAL_MS);
  }
  wait_for_requests(hung, "/readyz", PLACES);
  sleep_ms(20);
  assert_int_equal(tls_server_connections(hung), PLACES);
  assert_int_equal(tls_server_connections(good), 0);

  pass_ms(TIMEOUT_MS);
  int64_t since_ms = moon_clock_now_ms();
  wait_for_state(&one, MOON_HEALTH_HEALTHY); /* its turn has come, before those that came later and those due again */
  assert_true(moon_clock_now_ms() - since_ms < TIMEOUT_MS);

  wait_for_requests(hung, "/readyz", 2 * PLACES); /* all places are taken again */
  for (int i = 0; i < HUNG; i++) unwatch(&all[i]);
  watch(&another, plain(good), INTERVAL_MS);
  wait_for_state(&another, MOON_HEALTH_HEALTHY); /* and are free when nobody wants to know any more */
  unwatch(&one);
  unwatch(&another);
  tls_server_stop(hung);
  tls_server_stop(good);
}

static int entries(const char *folder) {
  int count = 0;
  DIR *dir = opendir(folder);
  while (readdir(dir)) count++;
  closedir(dir);
  return count;
}

static int threads_now(void) {
  return entries("/proc/self/task");
}

static void wait_for_threads(int count) {
  for (int64_t since_ms = now_ms(); threads_now() > count;) { /* a joined thread may be seen for a moment */
    if (!goes_on(since_ms)) fail_msg("%d threads, expected %d", threads_now(), count);
  }
}

static void uses_a_thread_for_250_clusters_and_at_most_one_for_a_core(void **state) {
  enum { MANY = 800 };
  static watched all[MANY];
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN), before = threads_now();
  for (int i = 0; i < MANY; i++) {
    all[i].endpoints = moon_endpoints_retain(nobody);
    all[i].probing = moon_probing_start(nobody, ignore, NULL);
    int wanted = i / 250 + 1;
    assert_int_equal(threads_now() - before, wanted < cores ? wanted : cores);
  }
  for (int i = 0; i < MANY; i++) unwatch(&all[i]);
  wait_for_threads(before);
}

static void leaves_nothing_behind_after_300_clusters_three_times_over(void **state) {
  if (under_valgrind()) skip();
  enum { MANY = 300, DOWN = 30, ROUNDS = 3 };
  static watched all[MANY];
  int descriptors = 0, threads = 0;
  size_t memory = 0;
  for (int round = 0; round <= ROUNDS; round++) { /* the first one is to fill what is kept for ever */
    tls_server *server = start_plain_server();
    for (int i = 0; i < MANY; i++) watch(&all[i], i < DOWN ? refusing() : plain(server), INTERVAL_MS);
    for (int i = 0; i < MANY; i++) wait_for_state(&all[i], i < DOWN ? MOON_HEALTH_SUSPECT : MOON_HEALTH_HEALTHY);
    assert_int_equal(tls_server_connections(server), MANY - DOWN);
    for (int i = 0; i < MANY; i++) unwatch(&all[i]);
    tls_server_stop(server);
    if (round == 0) {
      descriptors = entries("/proc/self/fd");
      threads = threads_now();
      memory = mallinfo2().uordblks;
    }
  }
  wait_for_threads(threads);
  assert_int_equal(entries("/proc/self/fd"), descriptors);
  assert_true(mallinfo2().uordblks < memory + (256 << 10)); /* less than 300 bytes for each of them */
}

/* --- checks by hand, and the end --- */

static void note_done(void *ctx) {
  ++*(atomic_int *)ctx;
}

static void checks_every_endpoint_when_asked_to(void **state) {
  stop_clock();
  tls_server *first = start_plain_server(), *second = start_plain_server();
  char *urls[] = {moon_sprintf("http://127.0.0.1:%d", tls_server_port(first)),
                  moon_sprintf("http://127.0.0.1:%d", tls_server_port(second)), NULL};
  watched w = {.endpoints = endpoints_of(plain(first), (const char *const *)urls, false, INTERVAL_MS)};
  w.probing = moon_probing_start(w.endpoints, note_change, &w);
  wait_for_probe(first, 1);
  wait_for_probe(second, 1);
  atomic_int done = 0;
  moon_probing_check(w.probing, note_done, &done);
  wait_for_count(&done, 1);
  assert_int_equal(tls_server_count(first, "/readyz"), 2);
  assert_int_equal(tls_server_count(second, "/readyz"), 2);
  unwatch(&w);
  free(urls[0]);
  free(urls[1]);
  tls_server_stop(first);
  tls_server_stop(second);
}

static void ends_a_check_when_a_hung_server_has_had_its_time(void **state) {
  stop_clock();
  tls_server *server = start_plain_server();
  tls_server_set_readyz(server, NEVER_ANSWERED, "");
  watched w;
  watch(&w, plain(server), 0);
  atomic_int done = 0;
  moon_probing_check(w.probing, note_done, &done);
  moon_probing_check(w.probing, note_done, &done); /* joins the same probe */
  wait_for_requests(server, "/readyz", 1);
  wake_health_thread();
  assert_int_equal(tls_server_connections(server), 1);
  assert_int_equal(done, 0);
  pass_ms(TIMEOUT_MS);
  wait_for_count(&done, 2);
  expect_error_text(&w, MOON_TIMEOUT, "GET /readyz was not answered");
  unwatch(&w);
  tls_server_stop(server);
}

static void ends_a_check_when_probing_ends(void **state) {
  tls_server *server = start_plain_server();
  tls_server_set_readyz(server, NEVER_ANSWERED, "");
  watched w;
  watch(&w, plain(server), INTERVAL_MS);
  wait_for_requests(server, "/readyz", 1);
  atomic_int done = 0;
  moon_probing_check(w.probing, note_done, &done);
  int64_t since_ms = now_ms();
  unwatch(&w);
  assert_int_equal(done, 1);
  assert_true(now_ms() - since_ms < TIMEOUT_MS - 500); /* the probe was not waited for */
  tls_server_stop(server);
}

typedef struct troublemaker {
  pthread_t thread;
  watched *watched;
  atomic_bool *enough;
} troublemaker;

static void *make_trouble(void *arg) {
  troublemaker *t = arg;
  size_t count;
  moon_endpoint **all = moon_endpoints_list(t->watched->endpoints, &count);
  moon_error *err = moon_error_new(MOON_CONNECT, "lost");
  for (int i = 0; !*t->enough; i++) {
    moon_endpoint_request_began(all[0]);
    moon_endpoint_request_ended(all[0], i % 20 < 19 ? err : NULL, i % 20 < 19 ? -1 : 1000);
    if (i % 20 == 0) sleep_ms(1);
  }
  moon_error_free(err);
  moon_endpoint_release(all[0]);
  free(all);
  return NULL;
}

/* What `changed` looks at is freed as soon as probing has been stopped. */
static void count_on_heap(void *ctx) {
  ++*(atomic_int *)ctx;
}

static void tells_nothing_after_it_was_stopped(void **state) {
  enum { THREADS = 3, ROUNDS = 60 };
  tls_server *server = start_plain_server();
  watched w = {.endpoints = endpoints_of(plain(server), NULL, false, 1)};
  atomic_bool enough = false;
  troublemaker all[THREADS];
  for (int i = 0; i < THREADS; i++) {
    all[i] = (troublemaker){.watched = &w, .enough = &enough};
    pthread_create(&all[i].thread, NULL, make_trouble, &all[i]);
  }
  int told = 0;
  for (int i = 0; i < ROUNDS; i++) {
    atomic_int *calls = moon_zalloc(sizeof *calls);
    moon_probing *probing = moon_probing_start(w.endpoints, count_on_heap, calls);
    sleep_ms(i % 6);
    moon_probing_stop(probing);
    told += *calls;
    free(calls);
  }
  enough = true;
  for (int i = 0; i < THREADS; i++) pthread_join(all[i].thread, NULL);
  assert_true(told > 0);
  moon_endpoints_release(w.endpoints);
  tls_server_stop(server);
}

#define SPEC(name) cmocka_unit_test_setup_teardown(name, start_probing_spec, end_probing_spec)

int main(void) {
  const struct CMUnitTest tests[] = {
      SPEC(finds_a_server_healthy_with_one_readyz_on_a_connection_of_its_own),
      SPEC(asks_for_the_version_on_the_same_connection_where_there_is_no_readyz),
      SPEC(keeps_the_checks_that_readyz_said_have_failed),
      SPEC(takes_every_other_answer_for_a_failure_and_says_which),
      SPEC(finds_a_server_healthy_that_refuses_credentials_or_turns_requests_away),
      SPEC(probes_on_time_while_another_reactor_is_busy),
      SPEC(finds_a_server_unhealthy_that_stops_answering),
      SPEC(finds_a_server_unhealthy_that_does_not_even_accept),
      SPEC(needs_two_good_probes_to_bring_a_server_back),
      SPEC(probes_at_once_when_5_requests_have_failed),
      SPEC(probes_only_what_requests_have_found_failing_where_the_interval_is_0),
      SPEC(stops_probing_when_a_request_has_succeeded_where_the_interval_is_0),
      SPEC(probes_64_at_once_and_the_others_in_turn),
      SPEC(uses_a_thread_for_250_clusters_and_at_most_one_for_a_core),
      SPEC(leaves_nothing_behind_after_300_clusters_three_times_over),
      SPEC(checks_every_endpoint_when_asked_to),
      SPEC(ends_a_check_when_a_hung_server_has_had_its_time),
      SPEC(ends_a_check_when_probing_ends),
      SPEC(tells_nothing_after_it_was_stopped),
  };
  return cmocka_run_group_tests(tests, NULL, await_threads);
}
