/* endpoint_spec.c: the endpoints of a cluster: who gets the next connection, what is believed of each, and what comes
 * of the addresses of a name. A settable clock, no network. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/endpoint.h"
#include "cluster/latency.h"
#include "kube/target.h"

enum { START_MS = 1000000, INTERVAL_MS = 30000 };

static const char *const three[] = {"https://10.0.0.1:6443", "https://10.0.0.2:6443", "https://10.0.0.3:6443", NULL};
static const char *const named[] = {"https://api.test:6443", NULL};

static moon_error *try_to_make(const char *const *urls, bool resolve, int64_t interval_ms, moon_endpoints **set) {
  moon_target *target = moon_target_new();
  target->context = moon_strdup("spec-context");
  target->cluster = moon_strdup("spec-cluster");
  target->namespace_ = moon_strdup("default");
  target->server = moon_strdup("https://lb.test:6443");
  target->insecure_skip_tls_verify = true;
  moon_clock_set_ms(START_MS);
  moon_error *err = moon_endpoints_new("prod", target, urls, resolve, interval_ms, set);
  moon_target_release(target);
  return err;
}

static moon_endpoints *make(const char *const *urls, bool resolve, int64_t interval_ms) {
  moon_endpoints *set = NULL;
  moon_error *err = try_to_make(urls, resolve, interval_ms, &set);
  if (err) fail_msg("no endpoints: %s", err->message);
  return set;
}

/* The n-th, from 0; the set keeps it alive. */
static moon_endpoint *nth(moon_endpoints *set, size_t n) {
  size_t count;
  moon_endpoint **list = moon_endpoints_list(set, &count);
  assert_true(n < count);
  moon_endpoint *endpoint = list[n];
  for (size_t i = 0; i < count; i++) moon_endpoint_release(list[i]);
  free(list);
  return endpoint;
}

/* The last digit of the address that gets the next connection. */
static char next(moon_endpoints *set, moon_conn_kind kind) {
  moon_endpoint *endpoint = moon_endpoints_pick(set, kind, NULL, 0);
  const char *name = moon_dialer_endpoint(moon_endpoint_dialer(endpoint));
  char digit = strrchr(name, '.')[1];
  moon_endpoint_release(endpoint);
  return digit;
}

static void expect_next(moon_endpoints *set, const char *digits) {
  char got[32] = "";
  for (size_t i = 0; digits[i]; i++) got[i] = next(set, MOON_CONNS_POOL);
  assert_string_equal(got, digits);
}

static moon_error *an_error(const char *text) {
  return moon_error_new(MOON_CONNECT, "%s", text);
}

static void probe(moon_endpoint *endpoint, const char *failure) {
  moon_endpoint_probed(endpoint, failure ? MOON_PROBE_FAILED : MOON_PROBE_GOOD, failure ? an_error(failure) : NULL);
}

static void all_good(moon_endpoints *set) {
  for (size_t i = 0; i < moon_endpoints_count(set); i++) probe(nth(set, i), NULL);
}

static void refuse(moon_endpoint *endpoint) {
  moon_error *err = an_error("connection refused");
  moon_endpoint_connect_failed(endpoint, err);
  moon_error_free(err);
}

static void fall(moon_endpoint *endpoint) {
  for (int i = 0; i < 3; i++) probe(endpoint, "connection refused");
}

/* --- configuration --- */

static void without_urls_the_kubeconfigs_server_is_the_endpoint(void **state) {
  moon_endpoints *set = make(NULL, false, INTERVAL_MS);
  assert_int_equal(moon_endpoints_count(set), 1);
  assert_string_equal(moon_dialer_endpoint(moon_endpoint_dialer(nth(set, 0))), "https://lb.test:6443");
  moon_endpoints_release(set);
}

static void refuses_urls_that_are_none(void **state) {
  static const struct {
    const char *url, *text;
  } cases[] = {
      {"10.0.0.1:6443", "cluster \"prod\": endpoint \"10.0.0.1:6443\": expected https://host:port, as its server"},
      {"http://10.0.0.1:6443", "expected https://host:port"}, /* credentials do not go over plain http */
      {"https://", "expected https://host:port"},
      {"https:///x", "expected https://host:port"},
      {"https://10.0.0.1:6443/prefix", "expected https://host:port"},
      {"https://10.0.0.1:6443?x", "expected https://host:port"},
      {"https://me:secret@10.0.0.1:6443", "endpoint \"(with a user name)\": expected"},
      {"https://10.0.0.1:port", "is not a URL that can be reached"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *const urls[] = {"https://10.0.0.9", cases[i].url, NULL};
    moon_endpoints *set = NULL;
    moon_error *err = try_to_make(urls, false, INTERVAL_MS, &set);
    if (!err) fail_msg("%s was accepted", cases[i].url);
    assert_int_equal(err->kind, MOON_CONFIG);
    assert_string_equal(err->cluster, "prod");
    if (!strstr(err->message, cases[i].text)) fail_msg("%s", err->message);
    assert_null(strstr(err->message, "secret"));
    moon_error_free(err);
  }
}

static void refuses_a_server_that_is_there_twice(void **state) {
  const char *const urls[] = {"https://10.0.0.1", "https://10.0.0.1:443/", NULL};
  moon_endpoints *set = NULL;
  moon_error *err = try_to_make(urls, false, INTERVAL_MS, &set);
  assert_non_null(err);
  assert_string_equal(err->message, "cluster \"prod\": endpoint \"https://10.0.0.1:443/\" is there twice");
  moon_error_free(err);
}

/* --- spreading --- */

static void a_new_connection_goes_where_the_fewest_are(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  expect_next(set, "123123");
  moon_endpoint_closed(nth(set, 1), MOON_CONNS_POOL);
  moon_endpoint_closed(nth(set, 1), MOON_CONNS_POOL);
  expect_next(set, "22132");
  moon_endpoints_release(set);
}

static void the_pool_and_its_lane_are_spread_each_by_itself(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  expect_next(set, "12");
  assert_int_equal(next(set, MOON_CONNS_LANE), '3'); /* equal there, so in turn */
  assert_int_equal(next(set, MOON_CONNS_LANE), '1');
  expect_next(set, "3");
  size_t count;
  moon_endpoint_stats *stats = moon_endpoints_stats(set, &count);
  assert_int_equal(count, 3);
  assert_int_equal(stats[0].connections, 1);
  assert_int_equal(stats[0].streams, 1);
  assert_int_equal(stats[1].streams, 0);
  moon_endpoint_stats_free(stats, count);
  moon_endpoints_release(set);
}

static void what_was_tried_is_not_picked_again(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  moon_endpoint *tried[3];
  for (size_t i = 0; i < 3; i++) {
    tried[i] = moon_endpoints_pick(set, MOON_CONNS_POOL, tried, i);
    refuse(tried[i]);
    moon_endpoint_closed(tried[i], MOON_CONNS_POOL);
  }
  assert_true(tried[0] != tried[1] && tried[1] != tried[2] && tried[0] != tried[2]);
  assert_null(moon_endpoints_pick(set, MOON_CONNS_POOL, tried, 3));
  for (size_t i = 0; i < 3; i++) moon_endpoint_release(tried[i]);
  moon_endpoints_release(set);
}

/* --- avoiding the dead --- */

static void after_a_failed_connect_it_is_left_alone_for_a_while(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  refuse(nth(set, 0));
  expect_next(set, "2323");
  int64_t at_ms = moon_endpoints_retry_at_ms(set);
  assert_in_range(at_ms, START_MS + 800, START_MS + 1200);
  moon_clock_set_ms(at_ms);
  assert_int_equal(moon_endpoints_retry_at_ms(set), -1);
  expect_next(set, "1");
  moon_endpoints_release(set);
}

static void one_connection_tries_it_again_and_the_others_wait_for_the_outcome(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  refuse(nth(set, 0));
  moon_clock_advance_ms(1200);
  expect_next(set, "12323");
  refuse(nth(set, 0)); /* the trial has failed: now twice as long */
  moon_endpoint_closed(nth(set, 0), MOON_CONNS_POOL);
  int64_t wait_ms = moon_endpoints_retry_at_ms(set) - moon_clock_now_ms();
  assert_in_range(wait_ms, 1600, 2400);
  moon_clock_advance_ms(2400);
  expect_next(set, "1");
  moon_endpoint_connected(nth(set, 0));
  expect_next(set, "1");
  moon_endpoints_release(set);
}

static void connects_that_fail_together_lengthen_the_back_off_once(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  for (int i = 0; i < 4; i++) refuse(nth(set, 0));
  assert_in_range(moon_endpoints_retry_at_ms(set), START_MS + 800, START_MS + 1200);
  moon_endpoints_release(set);
}

static void the_back_off_ends_at_30_s(void **state) {
  moon_endpoints *set = make(three, false, 0);
  for (int i = 0; i < 12; i++) {
    refuse(nth(set, 0));
    int64_t wait_ms = moon_endpoints_retry_at_ms(set) - moon_clock_now_ms();
    assert_in_range(wait_ms, 800, 36000);
    if (i > 5) assert_in_range(wait_ms, 24000, 36000);
    moon_clock_advance_ms(wait_ms);
  }
  moon_endpoints_release(set);
}

static void an_unhealthy_one_gets_nothing_while_another_is_there(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  fall(nth(set, 0));
  fall(nth(set, 1));
  expect_next(set, "3333");
  probe(nth(set, 0), NULL); /* probing: not yet */
  expect_next(set, "3");
  probe(nth(set, 0), NULL);
  expect_next(set, "1111131");
  moon_endpoints_release(set);
}

static void a_doubtful_one_waits_for_its_next_probe(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  probe(nth(set, 0), "timed out");
  expect_next(set, "2323");
  probe(nth(set, 0), NULL);
  expect_next(set, "11");
  moon_endpoints_release(set);
}

static void when_all_are_dead_they_are_tried_in_turn(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  for (size_t i = 0; i < 3; i++) fall(nth(set, i));
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_UNHEALTHY);
  expect_next(set, "123123");
  moon_endpoints_release(set);
}

static void where_nobody_probes_a_connection_brings_it_back(void **state) {
  moon_endpoints *set = make(three, false, 0);
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_HEALTHY);
  for (int i = 0; i < 5; i++) {
    refuse(nth(set, 0));
    moon_clock_advance_ms(40000);
  }
  assert_int_equal(moon_endpoint_state(nth(set, 0)), MOON_HEALTH_SUSPECT);
  expect_next(set, "1"); /* it is tried all the same */
  moon_endpoint_connected(nth(set, 0));
  assert_int_equal(moon_endpoint_state(nth(set, 0)), MOON_HEALTH_HEALTHY);
  moon_endpoints_release(set);
}

/* --- moving --- */

static void expect_surplus(moon_endpoints *set, int first, int second, int third) {
  assert_int_equal(moon_endpoint_surplus(nth(set, 0), MOON_CONNS_POOL), first);
  assert_int_equal(moon_endpoint_surplus(nth(set, 1), MOON_CONNS_POOL), second);
  assert_int_equal(moon_endpoint_surplus(nth(set, 2), MOON_CONNS_POOL), third);
}

static void those_beyond_an_even_part_are_a_surplus(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  expect_next(set, "12312");
  expect_surplus(set, 0, 0, 0); /* 2, 2, 1: as even as can be */
  moon_endpoint_closed(nth(set, 2), MOON_CONNS_POOL);
  expect_surplus(set, 1, 1, 0); /* 2, 2, 0: either may give one */
  moon_endpoints_release(set);
}

static void a_returned_one_is_due_its_part(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  fall(nth(set, 2));
  expect_next(set, "1212121212");
  expect_surplus(set, 0, 0, 0);
  probe(nth(set, 2), NULL);
  probe(nth(set, 2), NULL);
  expect_surplus(set, 1, 1, 0); /* 5, 5, 0 */
  moon_endpoint_closed(nth(set, 0), MOON_CONNS_POOL);
  expect_next(set, "3");
  expect_surplus(set, 1, 1, 0); /* 4, 5, 1 */
  moon_endpoint_closed(nth(set, 1), MOON_CONNS_POOL);
  expect_next(set, "3");
  expect_surplus(set, 1, 1, 0); /* 4, 4, 2: two apart */
  moon_endpoint_closed(nth(set, 0), MOON_CONNS_POOL);
  expect_next(set, "3");
  expect_surplus(set, 0, 0, 0); /* 3, 4, 3 */
  moon_endpoints_release(set);
}

static void an_unusable_one_keeps_nothing_unless_all_are(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  expect_next(set, "123123");
  fall(nth(set, 0));
  expect_surplus(set, 2, 0, 0);
  probe(nth(set, 1), "timed out");
  expect_surplus(set, 2, 0, 0); /* one in doubt keeps its own */
  fall(nth(set, 1));
  fall(nth(set, 2));
  expect_surplus(set, 0, 0, 0);
  moon_endpoints_release(set);
}

/* --- what is believed --- */

static void a_cluster_is_as_good_as_its_best_endpoint(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_UNKNOWN);
  fall(nth(set, 0));
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_UNKNOWN);
  probe(nth(set, 1), NULL);
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_HEALTHY);
  fall(nth(set, 2));
  probe(nth(set, 1), "timed out");
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_SUSPECT);
  probe(nth(set, 1), "timed out");
  probe(nth(set, 1), "timed out");
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_UNHEALTHY);
  probe(nth(set, 0), NULL);
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_PROBING);
  probe(nth(set, 0), NULL);
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_HEALTHY);
  moon_endpoints_release(set);
}

static void starts_slowly_only_when_the_whole_cluster_was_down(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  fall(nth(set, 0));
  probe(nth(set, 0), NULL);
  probe(nth(set, 0), NULL);
  assert_true(moon_endpoints_share(set, moon_clock_now_ms()) == 1); /* the others carried on */
  for (size_t i = 0; i < 3; i++) fall(nth(set, i));
  probe(nth(set, 1), NULL);
  probe(nth(set, 1), NULL);
  int64_t now_ms = moon_clock_now_ms();
  assert_true(moon_endpoints_share(set, now_ms) < 0.11);
  assert_true(moon_endpoints_share(set, now_ms + 15000) > 0.5);
  assert_true(moon_endpoints_share(set, now_ms + 30000) == 1);
  moon_clock_advance_ms(20000);
  probe(nth(set, 0), NULL); /* another one comes back: no new start */
  probe(nth(set, 0), NULL);
  assert_true(moon_endpoints_share(set, now_ms + 20000) > 0.6);
  moon_endpoints_release(set);
}

static void the_error_of_several_names_each(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  assert_null(moon_endpoints_error(set));
  fall(nth(set, 0));
  probe(nth(set, 1), NULL);
  probe(nth(set, 2), "GET https://10.0.0.3:6443/readyz: no answer within 3000 ms");
  moon_error *err = moon_endpoints_error(set);
  assert_string_equal(err->message, "https://10.0.0.1:6443: connection refused; https://10.0.0.2:6443: healthy; GET "
                                    "https://10.0.0.3:6443/readyz: no answer within 3000 ms");
  moon_error_free(err);
  moon_endpoints_release(set);

  set = make(NULL, false, INTERVAL_MS);
  probe(nth(set, 0), "connection refused");
  err = moon_endpoints_error(set);
  assert_string_equal(err->message, "connection refused"); /* of a single one: as it came */
  moon_error_free(err);
  moon_endpoints_release(set);
}

static void says_that_credentials_are_not_accepted_and_that_it_is_overloaded(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  assert_false(moon_endpoints_unauthorized(set));
  moon_endpoint_probed(nth(set, 1), MOON_PROBE_UNAUTHORIZED, NULL);
  assert_true(moon_endpoints_unauthorized(set));
  assert_false(moon_endpoints_overloaded(set));
  moon_endpoint_probed(nth(set, 1), MOON_PROBE_OVERLOADED, NULL);
  assert_false(moon_endpoints_unauthorized(set));
  assert_true(moon_endpoints_overloaded(set));
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_HEALTHY);
  moon_endpoints_release(set);
}

static void a_request(moon_endpoint *endpoint, const char *failure, int64_t first_byte_us) {
  moon_error *err = failure ? an_error(failure) : NULL;
  moon_endpoint_request_began(endpoint);
  moon_endpoint_request_ended(endpoint, err, first_byte_us);
  moon_error_free(err);
}

static void a_row_of_failed_requests_makes_a_probe_urgent(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  all_good(set);
  moon_endpoint *endpoint = nth(set, 0);
  for (int i = 0; i < 4; i++) a_request(endpoint, "the connection was lost", -1);
  a_request(endpoint, NULL, 0); /* the head of a stream: it works */
  for (int i = 0; i < 4; i++) a_request(endpoint, "the connection was lost", -1);
  a_request(endpoint, NULL, -1); /* cancelled: says nothing */
  assert_false(moon_endpoint_take_urgent(endpoint));
  assert_int_equal(moon_endpoint_state(endpoint), MOON_HEALTH_HEALTHY);
  a_request(endpoint, "the connection was lost", -1);
  assert_true(moon_endpoint_take_urgent(endpoint));
  assert_false(moon_endpoint_take_urgent(endpoint));
  assert_int_equal(moon_endpoint_state(endpoint), MOON_HEALTH_SUSPECT);
  assert_false(moon_endpoint_take_urgent(nth(set, 1)));
  moon_endpoints_release(set);
}

static moon_endpoint_stats stats_of(moon_endpoints *set, size_t n) {
  size_t count;
  moon_endpoint_stats *all = moon_endpoints_stats(set, &count), one = all[n];
  one.url = one.address = one.last_error = NULL;
  moon_endpoint_stats_free(all, count);
  return one;
}

static void latency_rises_at_once_and_falls_with_time(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  moon_endpoint *endpoint = nth(set, 0);
  assert_int_equal(stats_of(set, 0).latency_us, 0);
  a_request(endpoint, NULL, 2000);
  assert_int_equal(stats_of(set, 0).latency_us, 2000);
  a_request(endpoint, NULL, 9000);
  assert_int_equal(stats_of(set, 0).latency_us, 9000);
  moon_clock_advance_ms(10000); /* the time constant: 1/e of the way is left */
  a_request(endpoint, NULL, 1000);
  assert_in_range(stats_of(set, 0).latency_us, 3900, 3960);
  a_request(endpoint, NULL, 0);
  a_request(endpoint, NULL, -1);
  assert_in_range(stats_of(set, 0).latency_us, 3900, 3960);
  assert_int_equal(stats_of(set, 1).latency_us, 0);
  moon_endpoint_request_began(endpoint);
  assert_int_equal(stats_of(set, 0).in_flight, 1);
  moon_endpoint_request_ended(endpoint, NULL, -1);
  assert_int_equal(stats_of(set, 0).in_flight, 0);
  moon_endpoints_release(set);
}

static void a_latency_is_forgotten_while_there_is_no_news(void **state) {
  moon_latency latency = {0};
  assert_true(moon_latency_expected_us(&latency, START_MS) == 0);
  moon_latency_add(&latency, 8000, START_MS);
  assert_true(moon_latency_expected_us(&latency, START_MS + 99) == 8000);
  assert_in_range(moon_latency_expected_us(&latency, START_MS + 10000), 2900, 2960);
  assert_true(moon_latency_expected_us(&latency, START_MS + 200000) < 1);
  assert_true(latency.us == 8000);
}

static void tell(void *ctx) {
  int *times = ctx;
  ++*times;
}

/* An observer asks the set what has happened: it must not be locked. */
typedef struct listener {
  moon_endpoints *set;
  int times;
  moon_health_state seen;
} listener;

static void look(void *ctx) {
  listener *l = ctx;
  l->times++;
  l->seen = moon_endpoint_state(nth(l->set, 0));
}

static void tells_its_observer_of_changes_without_the_lock(void **state) {
  moon_endpoints *set = make(three, false, INTERVAL_MS);
  listener l = {.set = set};
  moon_endpoints_observe(set, look, &l);
  probe(nth(set, 0), NULL);
  assert_int_equal(l.times, 1);
  assert_int_equal(l.seen, MOON_HEALTH_HEALTHY);
  probe(nth(set, 0), NULL);
  a_request(nth(set, 0), NULL, 10);
  refuse(nth(set, 0));
  assert_int_equal(l.times, 1);
  for (int i = 0; i < 4; i++) a_request(nth(set, 0), "lost", -1);
  assert_int_equal(l.times, 2); /* suspect, and a probe is urgent */
  int others = 0;
  moon_endpoints_observe(set, tell, &others);
  probe(nth(set, 0), NULL);
  assert_int_equal(l.times, 2);
  assert_int_equal(others, 1);
  moon_endpoints_observe(set, NULL, NULL);
  fall(nth(set, 0));
  assert_int_equal(others, 1);
  moon_endpoints_release(set);
}

/* --- names --- */

static char addresses[4][12] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};

static void resolve(moon_endpoints *set, size_t from, size_t count) {
  char *list[4];
  for (size_t i = 0; i < count; i++) list[i] = addresses[from + i];
  moon_endpoints_resolved(set, "api.test", list, count);
}

static void lists_the_names_to_look_up(void **state) {
  const char *const urls[] = {"https://api.test:6443", "https://10.0.0.1:6443", "https://api.test:7443",
                              "https://other.test", NULL};
  moon_endpoints *set = make(urls, true, INTERVAL_MS);
  char **hosts;
  size_t count = moon_endpoints_names(set, &hosts);
  assert_true(moon_endpoints_resolves(set));
  assert_int_equal(count, 2);
  assert_string_equal(hosts[0], "api.test");
  assert_string_equal(hosts[1], "other.test");
  for (size_t i = 0; i < count; i++) free(hosts[i]);
  free(hosts);
  moon_endpoints_release(set);

  set = make(named, false, INTERVAL_MS);
  assert_false(moon_endpoints_resolves(set));
  assert_int_equal(moon_endpoints_names(set, &hosts), 0);
  free(hosts);
  moon_endpoints_release(set);
}

static void every_address_of_a_name_becomes_an_endpoint(void **state) {
  const char *const urls[] = {"https://api.test:6443", "https://api.test:7443", "https://10.0.0.9:6443", NULL};
  moon_endpoints *set = make(urls, true, INTERVAL_MS);
  int told = 0;
  moon_endpoints_observe(set, tell, &told);
  resolve(set, 0, 2);
  assert_int_equal(told, 2); /* a change for each URL with that name */
  assert_int_equal(moon_endpoints_count(set), 5);
  size_t count;
  moon_endpoint_stats *stats = moon_endpoints_stats(set, &count);
  assert_string_equal(stats[0].url, "https://10.0.0.9:6443");
  assert_null(stats[0].address);
  assert_string_equal(stats[1].url, "https://api.test:6443");
  assert_string_equal(stats[1].address, "10.0.0.1");
  assert_string_equal(stats[4].url, "https://api.test:7443");
  assert_string_equal(stats[4].address, "10.0.0.2");
  moon_endpoint_stats_free(stats, count);
  assert_string_equal(moon_dialer_endpoint(moon_endpoint_dialer(nth(set, 1))), "https://api.test:6443 (10.0.0.1)");
  resolve(set, 0, 2);
  assert_int_equal(told, 2); /* nothing new */
  moon_endpoints_resolved(set, "other.test", (char *[]){addresses[3]}, 1);
  assert_int_equal(moon_endpoints_count(set), 5);
  moon_endpoints_release(set);
}

static void an_address_that_has_gone_is_retired_with_its_connections(void **state) {
  moon_endpoints *set = make(named, true, INTERVAL_MS);
  resolve(set, 0, 2);
  moon_endpoint *first = moon_endpoints_pick(set, MOON_CONNS_POOL, NULL, 0);
  expect_next(set, "2");
  resolve(set, 1, 2); /* .2, .3 */
  assert_int_equal(moon_endpoints_count(set), 2);
  assert_int_equal(moon_endpoint_surplus(first, MOON_CONNS_POOL), 1);
  expect_next(set, "323");
  moon_endpoint_closed(first, MOON_CONNS_POOL);
  assert_int_equal(moon_endpoint_surplus(first, MOON_CONNS_POOL), 0);
  moon_endpoint_release(first);
  resolve(set, 0, 0); /* no answer, no change */
  assert_int_equal(moon_endpoints_count(set), 2);
  moon_endpoints_release(set);
}

static void one_that_is_held_outlives_its_set(void **state) {
  moon_endpoints *set = make(named, true, INTERVAL_MS);
  moon_endpoint *endpoint = moon_endpoint_retain(nth(set, 0));
  resolve(set, 0, 1);
  moon_endpoints_release(set);
  probe(endpoint, NULL);
  assert_int_equal(moon_endpoint_state(endpoint), MOON_HEALTH_HEALTHY);
  moon_endpoint_release(endpoint);
}

static void a_cluster_that_works_stays_healthy_when_its_name_is_looked_up(void **state) {
  moon_endpoints *set = make(named, true, INTERVAL_MS);
  probe(nth(set, 0), NULL);
  resolve(set, 0, 2);
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_HEALTHY);
  resolve(set, 0, 3);
  assert_int_equal(moon_endpoint_state(nth(set, 1)), MOON_HEALTH_HEALTHY);
  assert_int_equal(moon_endpoint_state(nth(set, 2)), MOON_HEALTH_UNKNOWN); /* the others vouch for the cluster */
  for (size_t i = 0; i < 3; i++) fall(nth(set, i));
  resolve(set, 3, 1);
  assert_int_equal(moon_endpoints_state(set), MOON_HEALTH_UNKNOWN);
  moon_endpoints_release(set);
}

/* --- threads --- */

typedef struct crowd {
  moon_endpoints *set;
  atomic_bool stop;
  atomic_int told, rounds;
} crowd;

static void *use_endpoints(void *arg) {
  crowd *c = arg;
  for (int i = 0; i < 1000 || c->rounds < 50; i++) {
    moon_endpoint *endpoint = moon_endpoints_pick(c->set, MOON_CONNS_POOL, NULL, 0);
    if (i % 7 == 0)
      refuse(endpoint);
    else
      moon_endpoint_connected(endpoint);
    a_request(endpoint, i % 5 ? NULL : "lost", i % 5 ? i : -1);
    assert_true(moon_endpoint_surplus(endpoint, MOON_CONNS_POOL) >= 0);
    moon_endpoint_closed(endpoint, MOON_CONNS_POOL);
    moon_endpoint_release(endpoint);
  }
  return NULL;
}

static void note(void *ctx) {
  crowd *c = ctx;
  c->told++;
  moon_endpoints_state(c->set);
  moon_error_free(moon_endpoints_error(c->set));
}

static void *watch_endpoints(void *arg) {
  crowd *c = arg;
  for (size_t i = 0; !c->stop; i++) {
    moon_endpoints_observe(c->set, i % 3 ? note : NULL, c);
    resolve(c->set, i % 3, 1 + i % 2);
    size_t count;
    moon_endpoint **list = moon_endpoints_list(c->set, &count);
    for (size_t k = 0; k < count; k++) {
      probe(list[k], (i + k) % 4 ? NULL : "timed out");
      moon_endpoint_release(list[k]);
    }
    free(list);
    moon_endpoint_stats_free(moon_endpoints_stats(c->set, &count), count);
    moon_endpoints_share(c->set, START_MS);
    c->rounds++;
  }
  return NULL;
}

static void many_threads_use_it_while_addresses_come_and_go(void **state) {
  crowd c = {.set = make(named, true, INTERVAL_MS)};
  pthread_t users[3], watcher;
  pthread_create(&watcher, NULL, watch_endpoints, &c);
  for (size_t i = 0; i < 3; i++) pthread_create(&users[i], NULL, use_endpoints, &c);
  for (size_t i = 0; i < 3; i++) pthread_join(users[i], NULL);
  c.stop = true;
  pthread_join(watcher, NULL);
  moon_endpoints_observe(c.set, NULL, NULL);
  assert_true(c.told > 0);
  size_t count;
  moon_endpoint_stats *stats = moon_endpoints_stats(c.set, &count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(stats[i].connections, 0);
    assert_int_equal(stats[i].in_flight, 0);
  }
  moon_endpoint_stats_free(stats, count);
  moon_endpoints_release(c.set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_urls_the_kubeconfigs_server_is_the_endpoint),
      cmocka_unit_test(refuses_urls_that_are_none),
      cmocka_unit_test(refuses_a_server_that_is_there_twice),
      cmocka_unit_test(a_new_connection_goes_where_the_fewest_are),
      cmocka_unit_test(the_pool_and_its_lane_are_spread_each_by_itself),
      cmocka_unit_test(what_was_tried_is_not_picked_again),
      cmocka_unit_test(after_a_failed_connect_it_is_left_alone_for_a_while),
      cmocka_unit_test(one_connection_tries_it_again_and_the_others_wait_for_the_outcome),
      cmocka_unit_test(connects_that_fail_together_lengthen_the_back_off_once),
      cmocka_unit_test(the_back_off_ends_at_30_s),
      cmocka_unit_test(an_unhealthy_one_gets_nothing_while_another_is_there),
      cmocka_unit_test(a_doubtful_one_waits_for_its_next_probe),
      cmocka_unit_test(when_all_are_dead_they_are_tried_in_turn),
      cmocka_unit_test(where_nobody_probes_a_connection_brings_it_back),
      cmocka_unit_test(those_beyond_an_even_part_are_a_surplus),
      cmocka_unit_test(a_returned_one_is_due_its_part),
      cmocka_unit_test(an_unusable_one_keeps_nothing_unless_all_are),
      cmocka_unit_test(a_cluster_is_as_good_as_its_best_endpoint),
      cmocka_unit_test(starts_slowly_only_when_the_whole_cluster_was_down),
      cmocka_unit_test(the_error_of_several_names_each),
      cmocka_unit_test(says_that_credentials_are_not_accepted_and_that_it_is_overloaded),
      cmocka_unit_test(a_row_of_failed_requests_makes_a_probe_urgent),
      cmocka_unit_test(latency_rises_at_once_and_falls_with_time),
      cmocka_unit_test(a_latency_is_forgotten_while_there_is_no_news),
      cmocka_unit_test(tells_its_observer_of_changes_without_the_lock),
      cmocka_unit_test(lists_the_names_to_look_up),
      cmocka_unit_test(every_address_of_a_name_becomes_an_endpoint),
      cmocka_unit_test(an_address_that_has_gone_is_retired_with_its_connections),
      cmocka_unit_test(one_that_is_held_outlives_its_set),
      cmocka_unit_test(many_threads_use_it_while_addresses_come_and_go),
      cmocka_unit_test(a_cluster_that_works_stays_healthy_when_its_name_is_looked_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
