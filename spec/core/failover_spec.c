/* failover_spec.c: calls that a manager places: when they go to another cluster, when they must not, and what is told.
 *
 * Two reactors where the machine has two cores: neighbours of the fleet are on different ones, so that a move is a move
 * between threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/network.h"
#include "support/fleet.h"

static fleet f;
static moon_manager_options options;

#define START(...)                                                                                                     \
  fleet_start(&f, &options, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static int reset_options(void **state) {
  options = fleet_options();
  return 0;
}

static void expect_failovers(const char *expected) {
  char *told = fleet_failovers(&f);
  if (strcmp(told, expected)) fail_msg("expected the failovers \"%s\", got \"%s\"", expected, told);
  free(told);
}

/* One failover, whose reason contains the text. */
static void expect_failover(const char *way, const char *reason) {
  char *told = fleet_failovers(&f);
  size_t len = strlen(way);
  if (strncmp(told, way, len) || told[len] != ':' || !strstr(told, reason) || strstr(told, " | "))
    fail_msg("expected one failover %s with \"%s\", got \"%s\"", way, reason, told);
  free(told);
}

static void wait_for_requests(const char *cluster, int count) {
  if (!fleet_until(fleet_server(&f, cluster), count)) fail_msg("cluster %s was not asked %d times", cluster, count);
}

static void expect_requests(const char *cluster, int count) {
  assert_int_equal(tls_server_count(fleet_server(&f, cluster), "/api/x"), count);
}

static const trip_options to_a = {.preferred = "a"};

/* --- reads --- */

static void a_read_moves_when_nothing_can_be_connected(void **state) {
  START("refused", NULL);
  trip_expect(trip_start(&f, "GET", &to_a), "b", "ok");
  expect_failover("a>b", "connection refused");
  fleet_end(&f);
}

static void a_read_moves_at_once_from_502_503_and_504(void **state) {
  static const char *const answers[] = {"/status?code=502", "/status?code=503", "/status?code=504",
                                        "/status?code=503&after=60"};
  START(NULL, NULL);
  for (int i = 0; i < 4; i++) {
    tls_server_set_api(fleet_server(&f, "a"), answers[i]);
    trip_expect(trip_start(&f, "GET", &to_a), "b", "ok");
    expect_requests("a", i + 1);
    expect_failover("a>b", "HTTP 50");
  }
  fleet_end(&f);
}

static void a_read_stays_with_other_answers(void **state) {
  START("/status?code=500", NULL);
  trip *t = trip_start(&f, "GET", &to_a);
  trip_expect_error(t, MOON_SERVER, "a", "HTTP 500");
  trip_free(t);
  tls_server_set_api(fleet_server(&f, "a"), "/status?code=404");
  t = trip_start(&f, "GET", &to_a);
  trip_expect_error(t, MOON_NOT_FOUND, "a", "HTTP 404");
  trip_free(t);
  expect_requests("b", 0);
  expect_failovers("");
  fleet_end(&f);
}

static void a_read_whose_connection_was_lost_is_tried_once_more_before_it_moves(void **state) {
  START("/reset", NULL);
  trip_expect(trip_start(&f, "GET", &to_a), "b", "ok");
  expect_requests("a", 2);
  expect_failover("a>b", "the connection was lost");
  fleet_end(&f);
}

static void a_lost_read_without_time_to_wait_moves_at_once(void **state) {
  START("/reset", NULL);
  trip_expect(trip_start(&f, "GET", &(trip_options){.preferred = "a", .timeout_ms = 190}), "b", "ok");
  expect_requests("a", 1);
  fleet_end(&f);
}

static void a_read_under_way_moves_when_its_cluster_turns_unhealthy(void **state) {
  START("/hang", NULL);
  trip *t = trip_start(&f, "GET", &to_a);
  wait_for_requests("a", 1);
  fleet_fell(&f, "a", "the probe was not answered");
  trip_expect(t, "b", "ok");
  expect_failovers("a>b: the probe was not answered");
  fleet_end(&f);
}

static void a_read_that_waits_for_a_connection_moves_when_the_cluster_turns_unhealthy(void **state) {
  options.default_pool.max_connections = 1;
  START("/hang", NULL);
  trip *holder = trip_start(&f, "GET", &(trip_options){.strictly = "a"});
  wait_for_requests("a", 1);
  trip *t = trip_start(&f, "GET", &to_a);
  moon_pool_load load = {0};
  while (!load.waiting) moon_pool_get_load(moon_cluster_pool(fleet_cluster(&f, "a")), &load);
  fleet_fell(&f, "a", "gone");
  trip_expect(t, "b", "ok");
  expect_failovers("a>b: gone");
  moon_call_cancel(holder->call);
  trip_expect_error(holder, MOON_CANCELLED, "a", "cancelled");
  trip_free(holder);
  fleet_end(&f);
}

static void a_read_that_pauses_moves_when_the_cluster_turns_unhealthy(void **state) {
  START("/status?code=429&after=600", NULL);
  trip *t = trip_start(&f, "GET", &to_a);
  wait_for_requests("a", 1);
  sleep_ms(50); /* the answer has come by then; if not, the same is asked of a request under way */
  fleet_fell(&f, "a", "gone");
  trip_expect(t, "b", "ok");
  expect_failovers("a>b: gone");
  fleet_end(&f);
}

static void what_was_handed_out_is_taken_back_before_a_read_begins_again(void **state) {
  START("/stall", "/bytes?n=30");
  trip *t = trip_start(&f, "GET", &to_a);
  trip_until_received(t, 100);
  fleet_fell(&f, "a", "gone");
  trip_wait(t);
  assert_int_equal(t->restarts, 1);
  trip_expect(t, "b", "abcdefghijklmnopqrstuvwxyzabcd");
  fleet_end(&f);
}

static void a_gathered_answer_begins_again_by_itself(void **state) {
  START("/cut", "/bytes?n=3");
  trip_expect(trip_start(&f, "GET", &(trip_options){.preferred = "a", .gathers = true}), "b", "abc");
  expect_requests("a", 2);
  fleet_end(&f);
}

static void goes_on_until_a_cluster_answers(void **state) {
  START("refused", "/status?code=503", NULL);
  trip_expect(trip_start(&f, "GET", &to_a), "c", "ok");
  char *told = fleet_failovers(&f);
  const char *first = strstr(told, "a>b: "), *second = strstr(told, " | b>c: ");
  assert_ptr_equal(first, told);
  assert_non_null(second);
  assert_null(strstr(second + 1, " | "));
  free(told);
  fleet_end(&f);
}

static void neighbours_are_on_different_reactors(void **state) {
  START(NULL, NULL);
  const moon_network *a = moon_network_of(moon_cluster_pool(fleet_cluster(&f, "a")));
  const moon_network *b = moon_network_of(moon_cluster_pool(fleet_cluster(&f, "b")));
  if (sysconf(_SC_NPROCESSORS_ONLN) > 1) assert_ptr_not_equal(moon_network_reactor(a), moon_network_reactor(b));
  fleet_end(&f);
}

/* --- streams --- */

static void a_stream_moves_while_nothing_was_handed_out(void **state) {
  START("/hang", "/bytes?n=3");
  trip *t = trip_start(&f, "GET", &(trip_options){.preferred = "a", .streaming = true});
  wait_for_requests("a", 1);
  fleet_fell(&f, "a", "gone");
  trip_expect(t, "b", "abc");
  fleet_end(&f);
}

static void a_stream_stays_once_its_headers_were_handed_out(void **state) {
  START("/stall", "/bytes?n=3");
  trip *t = trip_start(&f, "GET", &(trip_options){.preferred = "a", .streaming = true});
  trip_until_received(t, 100);
  fleet_fell(&f, "a", "gone");
  sleep_ms(50);
  assert_int_equal(count_of(&t->ends), 0);
  expect_requests("b", 0);
  moon_call_cancel(t->call);
  trip_expect_error(t, MOON_CANCELLED, "a", "cancelled");
  trip_free(t);
  expect_failovers("");
  fleet_end(&f);
}

static void a_stream_stays_although_nothing_but_its_headers_has_come(void **state) {
  START("/drip?n=1&ms=300", "/bytes?n=3");
  trip *t = trip_start(&f, "GET", &(trip_options){.preferred = "a", .streaming = true});
  if (!becomes(&t->headers, 1)) fail_msg("no headers");
  fleet_fell(&f, "a", "gone");
  trip_expect(t, "a", "x");
  fleet_end(&f);
}

/* --- writes --- */

static void expect_stays(const char *method, moon_status kind, const char *text, bool unknown) {
  trip *t = trip_start(&f, method, &to_a);
  trip_expect_error(t, kind, "a", text);
  assert_int_equal(t->err->outcome_unknown, unknown);
  assert_int_equal(strstr(t->err->message, "the outcome is unknown") != NULL, unknown);
  trip_free(t);
}

static void writes_stay_where_they_are(void **state) {
  static const char *const methods[] = {"POST", "PATCH", "PUT", "DELETE"};
  START("/status?code=503", NULL);
  for (int i = 0; i < 4; i++) expect_stays(methods[i], MOON_SERVER, "HTTP 503", false);
  tls_server_set_api(fleet_server(&f, "a"), "/reset");
  for (int i = 0; i < 4; i++) expect_stays(methods[i], MOON_CONNECT, "the connection was lost", true);
  fleet_end(&f);
  START("refused", NULL);
  for (int i = 0; i < 4; i++) expect_stays(methods[i], MOON_CONNECT, "connection refused", false);
  expect_requests("b", 0);
  expect_failovers("");
  fleet_end(&f);
}

static void writes_move_where_that_was_asked_for_and_they_were_not_carried_out(void **state) {
  static const char *const methods[] = {"POST", "PATCH", "PUT", "DELETE"};
  options.failover_writes = true;
  START("/status?code=503", NULL);
  for (int i = 0; i < 4; i++) trip_expect(trip_start(&f, methods[i], &to_a), "b", "ok");
  fleet_end(&f);
  START("refused", NULL);
  for (int i = 0; i < 4; i++) trip_expect(trip_start(&f, methods[i], &to_a), "b", "ok");
  fleet_end(&f);
}

static void a_write_that_was_lost_moves_only_when_it_may_happen_twice(void **state) {
  options.failover_writes = true;
  START("/reset", NULL);
  expect_stays("POST", MOON_CONNECT, "the connection was lost", true);
  expect_stays("PATCH", MOON_CONNECT, "the connection was lost", true);
  expect_requests("b", 0);
  expect_requests("a", 2);
  trip_expect(trip_start(&f, "PUT", &to_a), "b", "ok");
  trip_expect(trip_start(&f, "DELETE", &to_a), "b", "ok");
  expect_requests("a", 4);
  fleet_end(&f);
}

static void nobody_knows_whether_a_gateway_has_carried_out_a_write(void **state) {
  options.failover_writes = true;
  START("/status?code=502", NULL);
  expect_stays("POST", MOON_SERVER, "HTTP 502", false);
  tls_server_set_api(fleet_server(&f, "a"), "/status?code=504");
  expect_stays("PATCH", MOON_SERVER, "HTTP 504", false);
  trip_expect(trip_start(&f, "DELETE", &to_a), "b", "ok");
  fleet_end(&f);
}

static void a_write_that_was_lost_and_failed_elsewhere_too_says_that_its_outcome_is_unknown(void **state) {
  options.failover_writes = true;
  START("/reset", "/status?code=404");
  trip *t = trip_start(&f, "PUT", &to_a);
  trip_expect_error(t, MOON_NOT_FOUND, "b", "the outcome is unknown");
  assert_true(t->err->outcome_unknown);
  assert_int_equal(t->err->attempts, 2);
  trip_free(t);
  fleet_end(&f);
}

static void a_write_under_way_waits_for_its_own_end_when_it_must_not_happen_twice(void **state) {
  options.failover_writes = true;
  START("/drip?n=1&ms=200", NULL);
  trip *post = trip_start(&f, "POST", &to_a), *put = trip_start(&f, "PUT", &to_a);
  wait_for_requests("a", 2);
  fleet_fell(&f, "a", "gone");
  trip_expect(put, "b", "ok");
  trip_expect(post, "a", "x");
  expect_failovers("a>b: gone");
  fleet_end(&f);
}

/* --- limits --- */

static void without_failover_the_chosen_clusters_own_error_counts(void **state) {
  options.enable_failover = false;
  START("/status?code=503", NULL);
  trip *t = trip_start(&f, "GET", &to_a);
  trip_expect_error(t, MOON_SERVER, "a", "HTTP 503");
  trip_free(t);
  fleet_fell(&f, "a", "gone");
  t = trip_start(&f, "GET", &to_a);
  trip_expect_error(t, MOON_CONNECT, "", "gone");
  assert_string_equal(t->err->cluster, "a");
  trip_free(t);
  expect_requests("b", 0);
  expect_failovers("");
  fleet_end(&f);
}

static void without_failover_a_request_under_way_is_not_touched(void **state) {
  options.enable_failover = false;
  START("/drip?n=1&ms=200", NULL);
  trip *t = trip_start(&f, "GET", &to_a);
  wait_for_requests("a", 1);
  fleet_fell(&f, "a", "gone");
  trip_expect(t, "a", "x");
  fleet_end(&f);
}

static void the_deadline_wins_over_further_clusters(void **state) {
  START("/hang", NULL);
  trip *t = trip_start(&f, "GET", &(trip_options){.preferred = "a", .timeout_ms = 100});
  trip_expect_error(t, MOON_TIMEOUT, "a", "no answer within");
  trip_free(t);
  expect_requests("b", 0);
  expect_failovers("");
  fleet_end(&f);
}

/* The clock is moved behind the reactor's back: it looks when the news of the cluster wakes it. */
static void a_read_whose_time_is_over_goes_nowhere(void **state) {
  START("/hang", NULL);
  moon_clock_set_ms(moon_clock_now_ms());
  trip *t = trip_start(&f, "GET", &(trip_options){.preferred = "a", .timeout_ms = 5000});
  wait_for_requests("a", 1);
  moon_clock_advance_ms(5001);
  fleet_fell(&f, "a", "gone");
  trip_wait(t);
  assert_non_null(t->err);
  assert_string_equal(t->cluster, "a");
  trip_free(t);
  expect_requests("b", 0);
  expect_failovers("");
  moon_clock_run();
  fleet_end(&f);
}

static void one_without_retries_moves_only_while_nothing_was_sent(void **state) {
  START("/status?code=503", NULL);
  trip *t = trip_start(&f, "GET", &(trip_options){.preferred = "a", .retries = -1});
  trip_expect_error(t, MOON_SERVER, "a", "HTTP 503");
  trip_free(t);
  fleet_end(&f);
  START("refused", NULL);
  trip_expect(trip_start(&f, "GET", &(trip_options){.preferred = "a", .retries = -1}), "b", "ok");
  fleet_end(&f);
}

static void a_full_pool_is_waited_for(void **state) {
  options.default_pool.max_connections = 1;
  options.default_pool.acquire_timeout_ms = 100;
  START("/hang", NULL);
  trip *holder = trip_start(&f, "GET", &(trip_options){.strictly = "a"});
  wait_for_requests("a", 1);
  trip *t = trip_start(&f, "GET", &to_a);
  trip_expect_error(t, MOON_ACQUIRE_TIMEOUT, "a", "pool a");
  trip_free(t);
  expect_requests("b", 0);
  moon_call_cancel(holder->call);
  trip_wait(holder);
  trip_free(holder);
  fleet_end(&f);
}

static void a_cluster_that_is_taken_out_fails_those_who_wait_for_it(void **state) {
  options.default_pool.max_connections = 1;
  START("/hang", NULL);
  trip *holder = trip_start(&f, "GET", &to_a);
  wait_for_requests("a", 1);
  trip *t = trip_start(&f, "GET", &to_a);
  moon_pool_load load = {0};
  while (!load.waiting) moon_pool_get_load(moon_cluster_pool(fleet_cluster(&f, "a")), &load);
  assert_null(moon_manager_take_out(f.manager, "a", 0));
  trip_expect_error(t, MOON_CLOSED, "a", "closed");
  trip_free(t);
  trip_expect_error(holder, MOON_CLOSED, "a", "closed");
  trip_free(holder);
  trip_expect(trip_start(&f, "GET", NULL), "b", "ok");
  fleet_end(&f);
}

static void closing_the_manager_ends_what_is_under_way(void **state) {
  START("/hang", NULL);
  trip *t = trip_start(&f, "GET", &to_a);
  wait_for_requests("a", 1);
  moon_manager_close(f.manager, 0);
  trip_expect_error(t, MOON_CLOSED, "a", "closed");
  trip_free(t);
  t = trip_start(&f, "GET", &to_a);
  moon_call_cancel(t->call); /* over before it began */
  moon_call_pause(t->call, true);
  trip_expect_error(t, MOON_CLOSED, "", "closed");
  trip_free(t);
  fleet_end(&f);
}

/* --- nothing is left --- */

static void when_nothing_is_left_one_error_names_every_cluster_and_why(void **state) {
  START("refused", "/status?code=503", NULL);
  fleet_fell(&f, "c", "its probes fail");
  trip *t = trip_start(&f, "GET", &to_a);
  trip_expect_error(t, MOON_NO_HEALTHY_CLUSTER, "b", "\"c\": its probes fail");
  assert_non_null(
      strstr(t->err->message, "\"a\": failed for this request already (http://127.0.0.1:1: connection refused"));
  assert_non_null(strstr(t->err->message, "\"b\": failed for this request already (GET "));
  assert_non_null(strstr(t->err->message, "HTTP 503"));
  assert_int_equal(t->err->attempts, 1);
  trip_free(t);
  expect_failover("a>b", "connection refused");
  fleet_end(&f);
}

static void attempts_are_summed_over_all_clusters(void **state) {
  START("/reset", "/status?code=502", "/status?code=503");
  trip *t = trip_start(&f, "GET", &to_a);
  trip_expect_error(t, MOON_NO_HEALTHY_CLUSTER, "c", "\"a\": ");
  assert_int_equal(t->err->attempts, 4);
  trip_free(t);
  fleet_end(&f);
}

static void when_every_cluster_is_unhealthy_a_request_fails_at_once(void **state) {
  START("/hang", NULL);
  trip *under_way = trip_start(&f, "GET", &to_a);
  wait_for_requests("a", 1);
  fleet_fell(&f, "b", "b is down");
  fleet_fell(&f, "a", "a is down");
  trip_expect_error(under_way, MOON_NO_HEALTHY_CLUSTER, "a",
                    "\"a\": failed for this request already (a is down); \"b\": b is down");
  trip_free(under_way);
  trip *t = trip_start(&f, "GET", NULL);
  trip_expect_error(t, MOON_NO_HEALTHY_CLUSTER, "", "\"a\": a is down; \"b\": b is down");
  assert_int_equal(t->err->attempts, 0);
  trip_free(t);
  fleet_end(&f);
}

static void the_last_cluster_is_tried_again_as_a_single_one_is(void **state) {
  START("refused", "/status?code=503&after=0");
  trip *t = trip_start(&f, "GET", &(trip_options){.preferred = "a", .retries = 2});
  trip_expect_error(t, MOON_NO_HEALTHY_CLUSTER, "b", "\"b\": failed for this request already (GET ");
  assert_int_equal(t->err->attempts, 3);
  trip_free(t);
  expect_requests("b", 3);
  fleet_end(&f);
}

static void the_error_says_what_a_cluster_failed_with_last(void **state) {
  START("refused", "/reset");
  trip *t = trip_start(&f, "GET", &to_a);
  wait_for_requests("b", 2); /* two tries, then there is nowhere to go, and so a third */
  tls_server_set_api(fleet_server(&f, "b"), "/status?code=503");
  trip_expect_error(t, MOON_NO_HEALTHY_CLUSTER, "b", "HTTP 503");
  assert_null(strstr(t->err->message, "lost"));
  trip_free(t);
  fleet_end(&f);
}

static void a_single_cluster_fails_with_its_own_error(void **state) {
  START("/status?code=502");
  trip *t = trip_start(&f, "GET", NULL);
  trip_expect_error(t, MOON_SERVER, "a", "HTTP 502");
  assert_int_equal(t->err->http_status, 502);
  trip_free(t);
  fleet_fell(&f, "a", "a is down");
  t = trip_start(&f, "GET", NULL);
  trip_expect_error(t, MOON_CONNECT, "", "a is down");
  trip_free(t);
  fleet_end(&f);
}

static void a_call_for_one_cluster_fails_at_once_while_that_is_down(void **state) {
  options.default_pool.max_connections = 1;
  START("/hang", NULL);
  trip_options only_a = {.strictly = "a"};
  trip *under_way = trip_start(&f, "GET", &only_a);
  wait_for_requests("a", 1);
  trip *waiting = trip_start(&f, "GET", &only_a);
  moon_pool_load load = {0};
  while (!load.waiting) moon_pool_get_load(moon_cluster_pool(fleet_cluster(&f, "a")), &load);
  fleet_fell(&f, "a", "a is down");
  trip_expect_error(waiting, MOON_CONNECT, "a", "a is down");
  trip_free(waiting);
  trip *later = trip_start(&f, "GET", &only_a);
  trip_expect_error(later, MOON_CONNECT, "a", "a is down");
  trip_free(later);
  assert_int_equal(count_of(&under_way->ends), 0); /* its own end is its own */
  moon_call_cancel(under_way->call);
  trip_wait(under_way);
  trip_free(under_way);
  expect_failovers("");
  fleet_end(&f);
}

/* --- cancelling --- */

static void can_be_cancelled_in_every_state(void **state) {
  options.default_pool.max_connections = 1;
  START("/hang", "/status?code=429&after=600");
  trip *coming = trip_start(&f, "GET", &to_a);
  moon_call_cancel(coming->call);
  trip_expect_error(coming, MOON_CANCELLED, "a", "cancelled");
  trip_free(coming);

  trip *running = trip_start(&f, "GET", &to_a);
  wait_for_requests("a", 1);
  trip *asking = trip_start(&f, "GET", &to_a);
  sleep_ms(20);
  moon_call_cancel(asking->call);
  trip_expect_error(asking, MOON_CANCELLED, "a", "cancelled");
  trip_free(asking);

  fleet_fell(&f, "a", "gone"); /* moves to another reactor, and pauses there */
  wait_for_requests("b", 1);
  sleep_ms(20);
  moon_call_cancel(running->call);
  moon_call_cancel(running->call);
  trip_expect_error(running, MOON_CANCELLED, "b", "cancelled");
  trip_free(running);
  fleet_end(&f);
}

static void a_paused_reader_stays_paused_where_its_call_goes(void **state) {
  START("/hang", "/bytes?n=3");
  trip *t = trip_start(&f, "GET", &to_a);
  moon_call_pause(t->call, true);
  wait_for_requests("a", 1);
  fleet_fell(&f, "a", "gone");
  wait_for_requests("b", 1);
  sleep_ms(50);
  assert_int_equal(count_of(&t->ends), 0);
  moon_call_pause(t->call, false);
  trip_expect(t, "b", "abc");
  fleet_end(&f);
}

/* Calls are cancelled, paused and moved at the same time, between reactors, while the clusters come and go. */
static void every_call_ends_once_whatever_happens(void **state) {
  enum { ROUNDS = 40, CALLS = 24 };
  START(NULL, "/drip?n=3&ms=1", NULL);
  for (int round = 0; round < ROUNDS; round++) {
    trip *trips[CALLS];
    const char *fallen = round % 3 == 0 ? "a" : round % 3 == 1 ? "b" : "c";
    for (int i = 0; i < CALLS; i++) trips[i] = trip_start(&f, "GET", &(trip_options){.streaming = i % 4 == 3});
    for (int i = 0; i < CALLS; i += 5) moon_call_pause(trips[i]->call, true);
    fleet_fell(&f, fallen, "gone");
    for (int i = 0; i < CALLS; i += 3) moon_call_cancel(trips[i]->call);
    for (int i = 0; i < CALLS; i += 5) moon_call_pause(trips[i]->call, false);
    for (int i = 0; i < CALLS; i++) {
      trip_wait(trips[i]);
      bool cancelled = i % 3 == 0, stays = i % 4 == 3;
      if (trips[i]->err && !cancelled && !stays) fail_msg("%s", trips[i]->err->message);
    }
    fleet_rose(&f, fallen);
    for (int i = 0; i < CALLS; i++) trip_free(trips[i]);
  }
  fleet_end(&f);
}

int main(void) {
  setenv("MOONPOOL_IO_THREADS", "2", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(neighbours_are_on_different_reactors, reset_options),
      cmocka_unit_test_setup(a_read_moves_when_nothing_can_be_connected, reset_options),
      cmocka_unit_test_setup(a_read_moves_at_once_from_502_503_and_504, reset_options),
      cmocka_unit_test_setup(a_read_stays_with_other_answers, reset_options),
      cmocka_unit_test_setup(a_read_whose_connection_was_lost_is_tried_once_more_before_it_moves, reset_options),
      cmocka_unit_test_setup(a_lost_read_without_time_to_wait_moves_at_once, reset_options),
      cmocka_unit_test_setup(a_read_under_way_moves_when_its_cluster_turns_unhealthy, reset_options),
      cmocka_unit_test_setup(a_read_that_waits_for_a_connection_moves_when_the_cluster_turns_unhealthy, reset_options),
      cmocka_unit_test_setup(a_read_that_pauses_moves_when_the_cluster_turns_unhealthy, reset_options),
      cmocka_unit_test_setup(what_was_handed_out_is_taken_back_before_a_read_begins_again, reset_options),
      cmocka_unit_test_setup(a_gathered_answer_begins_again_by_itself, reset_options),
      cmocka_unit_test_setup(goes_on_until_a_cluster_answers, reset_options),
      cmocka_unit_test_setup(a_stream_moves_while_nothing_was_handed_out, reset_options),
      cmocka_unit_test_setup(a_stream_stays_once_its_headers_were_handed_out, reset_options),
      cmocka_unit_test_setup(a_stream_stays_although_nothing_but_its_headers_has_come, reset_options),
      cmocka_unit_test_setup(writes_stay_where_they_are, reset_options),
      cmocka_unit_test_setup(writes_move_where_that_was_asked_for_and_they_were_not_carried_out, reset_options),
      cmocka_unit_test_setup(a_write_that_was_lost_moves_only_when_it_may_happen_twice, reset_options),
      cmocka_unit_test_setup(nobody_knows_whether_a_gateway_has_carried_out_a_write, reset_options),
      cmocka_unit_test_setup(a_write_that_was_lost_and_failed_elsewhere_too_says_that_its_outcome_is_unknown,
                             reset_options),
      cmocka_unit_test_setup(a_write_under_way_waits_for_its_own_end_when_it_must_not_happen_twice, reset_options),
      cmocka_unit_test_setup(without_failover_the_chosen_clusters_own_error_counts, reset_options),
      cmocka_unit_test_setup(without_failover_a_request_under_way_is_not_touched, reset_options),
      cmocka_unit_test_setup(the_deadline_wins_over_further_clusters, reset_options),
      cmocka_unit_test_setup(a_read_whose_time_is_over_goes_nowhere, reset_options),
      cmocka_unit_test_setup(one_without_retries_moves_only_while_nothing_was_sent, reset_options),
      cmocka_unit_test_setup(a_full_pool_is_waited_for, reset_options),
      cmocka_unit_test_setup(a_cluster_that_is_taken_out_fails_those_who_wait_for_it, reset_options),
      cmocka_unit_test_setup(closing_the_manager_ends_what_is_under_way, reset_options),
      cmocka_unit_test_setup(when_nothing_is_left_one_error_names_every_cluster_and_why, reset_options),
      cmocka_unit_test_setup(attempts_are_summed_over_all_clusters, reset_options),
      cmocka_unit_test_setup(when_every_cluster_is_unhealthy_a_request_fails_at_once, reset_options),
      cmocka_unit_test_setup(the_last_cluster_is_tried_again_as_a_single_one_is, reset_options),
      cmocka_unit_test_setup(the_error_says_what_a_cluster_failed_with_last, reset_options),
      cmocka_unit_test_setup(a_single_cluster_fails_with_its_own_error, reset_options),
      cmocka_unit_test_setup(a_call_for_one_cluster_fails_at_once_while_that_is_down, reset_options),
      cmocka_unit_test_setup(can_be_cancelled_in_every_state, reset_options),
      cmocka_unit_test_setup(a_paused_reader_stays_paused_where_its_call_goes, reset_options),
      cmocka_unit_test_setup(every_call_ends_once_whatever_happens, reset_options),
  };
  return cmocka_run_group_tests(tests, fleet_hold_threads, fleet_let_threads_go);
}
