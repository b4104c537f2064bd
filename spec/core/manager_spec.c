/* manager_spec.c: clusters that come, go, fail and recover: what is told of it, to whom, and in which order. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/pki.h"
#include "support/manager_fixture.h"
#include "support/net_fixture.h"

struct listened {
  moon_event_queue *events;
  moon_manager *manager;
};

static struct listened listened_with(const moon_manager_options *options) {
  struct listened l = {.events = moon_event_queue_new(1000, NULL, NULL)};
  l.manager = manager_with(options, l.events);
  return l;
}

static struct listened listened(void) {
  moon_manager_options options = quiet_manager_options();
  return listened_with(&options);
}

static void release(struct listened *l) {
  moon_manager_release(l->manager);
  moon_event_queue_release(l->events);
}

/* --- coming and going --- */

static void expect_no_add(moon_manager *manager, const moon_cluster_options *options, moon_status kind,
                          const char *message) {
  moon_target *target = silent_target();
  moon_error *err = moon_manager_add(manager, options, target);
  moon_target_release(target);
  assert_non_null(err);
  assert_string_equal(err->message, message);
  assert_int_equal(err->kind, kind);
  moon_error_free(err);
}

static void refuses_clusters_that_make_no_sense(void **state) {
  struct listened l = listened();
  add_cluster(l.manager, "a");
  expect_events(l.events, "clusterAdded a, poolReady");
  expect_no_add(l.manager, &(moon_cluster_options){.weight = 1}, MOON_CONFIG, "a cluster must have a name");
  expect_no_add(l.manager, &(moon_cluster_options){.name = "", .weight = 1}, MOON_CONFIG, "a cluster must have a name");
  expect_no_add(l.manager, &(moon_cluster_options){.name = "b", .weight = -1}, MOON_CONFIG,
                "cluster \"b\": weight is -1, expected 0 or more");
  expect_no_add(l.manager, &(moon_cluster_options){.name = "a", .weight = 1}, MOON_CONFIG,
                "there is a cluster \"a\" already");
  const moon_label labels[] = {{"env", "prod"}, {"zone", NULL}};
  expect_no_add(l.manager, &(moon_cluster_options){.name = "b", .weight = 1, .labels = labels, .label_count = 2},
                MOON_CONFIG, "cluster \"b\": label 2 has no value");
  moon_pool_options pool = moon_pool_default_options;
  pool.max_connections = 0;
  expect_no_add(l.manager, &(moon_cluster_options){.name = "b", .weight = 1, .pool = &pool}, MOON_CONFIG,
                "maxConnections is 0, expected 1 to 100000");
  expect_events(l.events, ""); /* nothing was added, not even for a moment */
  moon_manager_close(l.manager, 0);
  expect_no_add(l.manager, &(moon_cluster_options){.name = "b", .weight = 1}, MOON_CLOSED,
                "the connection manager is closed");
  release(&l);
}

static void refuses_options_out_of_range(void **state) {
  moon_manager_options options = quiet_manager_options();
  moon_manager *manager = NULL;
  moon_error *err = NULL;
  options.cluster_health_check_interval_ms = -1;
  assert_int_equal(moon_manager_new(&options, &manager, &err), MOON_CONFIG);
  assert_string_equal(err->message, "clusterHealthCheckInterval is -1, expected 0 to 31622400000");
  moon_error_free(err);
  options.cluster_health_check_interval_ms = 0;
  options.default_pool.acquire_timeout_ms = 0;
  assert_int_equal(moon_manager_new(&options, &manager, &err), MOON_CONFIG);
  assert_string_equal(err->message, "acquireTimeout is 0, expected 1 to 31622400000");
  moon_error_free(err);
  assert_null(manager);
}

static void what_is_asked_of_a_cluster_that_is_not_there_names_the_nearest(void **state) {
  moon_manager *manager = manager_of("prod stage");
  const char *expected = "there is no cluster \"prd\"; did you mean \"prod\"? There are: prod, stage";
  moon_error *errors[6] = {0};
  moon_cluster_stats stats;
  moon_manager_remove_cluster(manager, "prd", &errors[0]);
  moon_manager_set_enabled(manager, "prd", true, &errors[1]);
  moon_manager_set_weight(manager, "prd", 2, &errors[2]);
  moon_manager_get_stats(manager, "prd", &stats, &errors[3]);
  assert_null(moon_manager_find(manager, "prd", &errors[4]));
  errors[5] = moon_manager_check_async(manager, "prd", NULL, NULL);
  for (int i = 0; i < 6; i++) {
    assert_non_null(errors[i]);
    assert_string_equal(errors[i]->message, expected);
    assert_int_equal(errors[i]->kind, MOON_CONFIG);
    moon_error_free(errors[i]);
  }
  assert_null(moon_manager_find(manager, "prd", NULL));
  moon_error *err = NULL;
  assert_int_equal(moon_manager_set_weight(manager, "prod", -2, &err), MOON_CONFIG);
  assert_string_equal(err->message, "cluster \"prod\": weight is -2, expected 0 or more");
  moon_error_free(err);
  moon_manager_release(manager);
}

static void names_come_in_the_order_of_addition_disabled_ones_only_when_named(void **state) {
  moon_manager *manager = manager_of("b a c");
  moon_manager_set_enabled(manager, "a", false, NULL);
  char **names;
  assert_int_equal(moon_manager_names(manager, NULL, &names), 2);
  assert_string_equal(names[0], "b");
  assert_string_equal(names[1], "c");
  free(names[0]);
  free(names[1]);
  free(names);
  const struct {
    const char *pattern;
    size_t count;
  } cases[] = {{"a", 1}, {"a*", 0}, {"[ab]", 1}, {"x", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    moon_selector *selector = NULL;
    assert_null(moon_selector_new(&cases[i].pattern, 1, NULL, NULL, 0, &selector));
    assert_int_equal(moon_manager_names(manager, selector, &names), cases[i].count);
    for (size_t j = 0; j < cases[i].count; j++) free(names[j]);
    free(names);
    moon_selector_release(selector);
  }
  moon_manager_release(manager);
}

/* A pool that makes its connections at once, to a server that answers. */
static void add_live(moon_manager *manager, const char *name, const tls_server *server) {
  moon_pool_options pool = moon_pool_default_options;
  pool.min_connections = 1;
  pool.max_connections = 1;
  moon_target *target = target_of(server, "http", "127.0.0.1");
  assert_null(moon_manager_add(manager, &(moon_cluster_options){.name = name, .weight = 1, .pool = &pool}, target));
  moon_target_release(target);
}

static void a_clusters_addition_is_told_first_and_its_removal_last(void **state) {
  tls_server *server = start_plain_server();
  struct listened l = listened();
  moon_buffer before = {0};
  add_live(l.manager, "a", server);
  moon_cluster *cluster = moon_manager_find(l.manager, "a", NULL);
  moon_conn *conn = NULL;
  moon_answer *answer = NULL;
  assert_null(moon_pool_acquire(moon_cluster_pool(cluster), MOON_USE_LEASE, PATIENCE_MS, NULL, &conn));
  moon_cluster_enter(cluster);
  assert_null(moon_manager_take_out(l.manager, "a", 60000));
  assert_false(moon_pool_is_drained(moon_cluster_pool(cluster)));
  assert_int_equal(moon_conn_call(conn, &(moon_call_options){.path = "/livez"}, &answer, NULL), MOON_OK);
  moon_answer_free(answer); /* it has a minute to come back */
  moon_cluster_give_back(cluster, conn);
  wait_for_event(l.events, MOON_EVENT_CLUSTER_REMOVED, "a", &before);
  const char *last = "connectionReleased, connectionRemoved, poolDrained";
  assert_ptr_equal(strstr(before.data, "clusterAdded a, connectionCreated, "), before.data);
  assert_string_equal(before.data + before.len - strlen(last), last);
  assert_true(moon_pool_is_drained(moon_cluster_pool(cluster)));
  expect_events(l.events, "");
  moon_cluster_release(cluster);
  moon_buffer_free(&before);
  release(&l);
  tls_server_stop(server);
}

static void once_a_pool_is_drained_the_removal_was_told(void **state) {
  struct listened l = listened();
  add_cluster(l.manager, "a");
  moon_cluster *cluster = moon_manager_find(l.manager, "a", NULL);
  assert_null(moon_manager_take_out(l.manager, "a", 0));
  assert_true(moon_pool_wait_drained(moon_cluster_pool(cluster), PATIENCE_MS));
  expect_events(l.events, "clusterAdded a, poolReady, poolDrained, clusterRemoved a");
  moon_cluster_release(cluster);
  release(&l);
}

static void a_name_can_be_used_again_right_after(void **state) {
  tls_server *server = start_plain_server();
  moon_manager_options options = quiet_manager_options();
  moon_manager *manager = manager_with(&options, NULL);
  for (int i = 0; i < 50; i++) {
    add_live(manager, "a", server);
    assert_int_equal(moon_manager_remove_cluster(manager, "a", NULL), MOON_OK);
  }
  add_live(manager, "a", server);
  moon_conn *conn = NULL;
  assert_int_equal(moon_manager_acquire(manager, "a", &conn, NULL), MOON_OK);
  moon_manager_give_back(manager, conn);
  moon_manager_release(manager);
  tls_server_stop(server);
}

static void closing_takes_out_every_cluster_and_is_over_when_all_are_drained(void **state) {
  tls_server *server = start_plain_server();
  struct listened l = listened();
  add_live(l.manager, "a", server);
  add_cluster(l.manager, "b");
  moon_cluster *cluster = moon_manager_find(l.manager, "a", NULL);
  moon_conn *conn = NULL;
  assert_int_equal(moon_manager_acquire(l.manager, "a", &conn, NULL), MOON_OK);
  moon_manager_close(l.manager, 60000);
  moon_manager_close(l.manager, 60000);
  wait_for_event(l.events, MOON_EVENT_CLUSTER_REMOVED, "b", NULL);
  assert_false(moon_pool_is_drained(moon_cluster_pool(cluster))); /* a connection is still leased */
  moon_manager_give_back(l.manager, conn);
  wait_for_event(l.events, MOON_EVENT_CLUSTER_REMOVED, "a", NULL);
  assert_true(moon_pool_wait_drained(moon_cluster_pool(cluster), PATIENCE_MS));
  moon_cluster_release(cluster);
  release(&l);
  tls_server_stop(server);
}

/* --- events --- */

static void tells_each_change_of_health_once(void **state) {
  struct listened l = listened();
  add_cluster(l.manager, "a");
  expect_events(l.events, "clusterAdded a, poolReady");
  probe_cluster(l.manager, "a", MOON_PROBE_GOOD);
  probe_cluster(l.manager, "a", MOON_PROBE_GOOD);
  probe_cluster(l.manager, "a", MOON_PROBE_FAILED);
  probe_cluster(l.manager, "a", MOON_PROBE_FAILED);
  expect_events(l.events, ""); /* suspect: still in the rotation */
  probe_cluster(l.manager, "a", MOON_PROBE_FAILED);
  expect_events(l.events, "clusterUnhealthy a (a refused)");
  probe_cluster(l.manager, "a", MOON_PROBE_FAILED);
  probe_cluster(l.manager, "a", MOON_PROBE_GOOD);
  probe_cluster(l.manager, "a", MOON_PROBE_FAILED); /* one good probe is not enough */
  probe_cluster(l.manager, "a", MOON_PROBE_GOOD);
  expect_events(l.events, "");
  probe_cluster(l.manager, "a", MOON_PROBE_GOOD);
  expect_events(l.events, "clusterHealthy a");
  probe_cluster(l.manager, "a", MOON_PROBE_FAILED);
  probe_cluster(l.manager, "a", MOON_PROBE_GOOD);
  expect_events(l.events, "");
  release(&l);
}

static void the_first_good_probe_is_told_and_so_is_a_cluster_that_never_had_one(void **state) {
  moon_manager_options options = quiet_manager_options();
  options.cluster_health_check_interval_ms = 30000;
  struct listened l = listened_with(&options);
  add_cluster(l.manager, "a");
  add_cluster(l.manager, "b");
  expect_events(l.events, "clusterAdded a, poolReady, clusterAdded b, poolReady");
  probe_cluster(l.manager, "a", MOON_PROBE_GOOD);
  fail_cluster(l.manager, "b");
  expect_events(l.events, "clusterHealthy a, clusterUnhealthy b (b refused)");
  release(&l);
}

static void refused_credentials_are_no_reason_to_leave_the_rotation(void **state) {
  struct listened l = listened();
  add_cluster(l.manager, "a");
  expect_events(l.events, "clusterAdded a, poolReady");
  moon_cluster_stats stats;
  for (int i = 0; i < 5; i++) probe_cluster(l.manager, "a", MOON_PROBE_UNAUTHORIZED);
  assert_int_equal(moon_manager_get_stats(l.manager, "a", &stats, NULL), MOON_OK);
  assert_true(stats.healthy && stats.unauthorized && !stats.overloaded);
  for (int i = 0; i < 5; i++) probe_cluster(l.manager, "a", MOON_PROBE_OVERLOADED);
  assert_int_equal(moon_manager_get_stats(l.manager, "a", &stats, NULL), MOON_OK);
  assert_true(stats.healthy && !stats.unauthorized && stats.overloaded);
  expect_events(l.events, "");
  release(&l);
}

static void disabled_clusters_are_told_of_too(void **state) {
  struct listened l = listened();
  add_cluster(l.manager, "a");
  moon_manager_set_enabled(l.manager, "a", false, NULL);
  fail_cluster(l.manager, "a");
  recover_cluster(l.manager, "a");
  expect_events(l.events, "clusterAdded a, poolReady, clusterUnhealthy a (a refused), clusterHealthy a");
  release(&l);
}

static void makes_no_events_while_nobody_listens(void **state) {
  struct listened l = listened();
  moon_manager_set_events_enabled(l.manager, false);
  add_cluster(l.manager, "a");
  add_cluster(l.manager, "b");
  fail_cluster(l.manager, "a");
  assert_null(moon_manager_take_out(l.manager, "b", 0));
  moon_manager_note_failover(l.manager, "a", "b", "why");
  moon_manager_note_strategy_error(l.manager, "what");
  moon_event event;
  while (moon_event_queue_take(l.events, &event)) { /* the pool may have been ready before it was told to be silent */
    assert_int_equal(event.kind, MOON_EVENT_POOL_READY);
    moon_event_clear(&event);
  }
  moon_manager_set_events_enabled(l.manager, true);
  recover_cluster(l.manager, "a");
  moon_manager_note_failover(l.manager, "a", NULL, "why");
  moon_manager_note_strategy_error(l.manager, "what");
  expect_events(l.events, "clusterHealthy a, failover a (why), strategyError (what)");
  moon_manager_set_events_enabled(l.manager, false);
  release(&l);
}

static void events_carry_the_managers_id(void **state) {
  struct listened l = listened();
  add_cluster(l.manager, "a");
  moon_event event;
  assert_true(moon_event_queue_take(l.events, &event));
  assert_int_equal(event.source, moon_manager_id(l.manager));
  moon_event_clear(&event);
  release(&l);
}

/* --- those who wait for a cluster, or run in it --- */

typedef struct waiting {
  moon_waiter waiter;
  atomic_int answers;
  moon_error *err;
} waiting;

static void on_answer(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  waiting *w = (waiting *)waiter;
  if (conn) abort(); /* its server never answers */
  w->err = err;
  atomic_fetch_add(&w->answers, 1);
}

static void wait_for(moon_manager *manager, const char *name, waiting *w) {
  moon_cluster *cluster = moon_manager_find(manager, name, NULL);
  *w = (waiting){.waiter = {.use = MOON_USE_LEASE, .done = on_answer}};
  moon_pool_acquire_async(moon_cluster_pool(cluster), &w->waiter);
  moon_cluster_release(cluster);
}

static void those_who_wait_for_an_unhealthy_cluster_fail_at_once_with_its_cause(void **state) {
  moon_manager *manager = manager_of("a b");
  waiting in_a, in_b;
  wait_for(manager, "a", &in_a);
  wait_for(manager, "b", &in_b);
  probe_cluster(manager, "a", MOON_PROBE_FAILED);
  probe_cluster(manager, "a", MOON_PROBE_FAILED);
  assert_int_equal(in_a.answers, 0);
  probe_cluster(manager, "a", MOON_PROBE_FAILED);
  assert_int_equal(in_a.answers, 1);
  assert_int_equal(in_a.err->kind, MOON_CONNECT);
  assert_string_equal(in_a.err->message, "a refused");
  assert_string_equal(in_a.err->cluster, "a");
  moon_error_free(in_a.err);
  assert_int_equal(in_b.answers, 0);
  moon_manager_release(manager);
  assert_int_equal(in_b.answers, 1);
  moon_error_free(in_b.err);
}

static void a_cluster_that_is_taken_out_fails_those_who_wait_for_it(void **state) {
  moon_manager *manager = manager_of("a");
  waiting w;
  wait_for(manager, "a", &w);
  assert_int_equal(moon_manager_remove_cluster(manager, "a", NULL), MOON_OK);
  assert_int_equal(w.answers, 1);
  assert_int_equal(w.err->kind, MOON_CLOSED);
  moon_error_free(w.err);
  moon_manager_release(manager);
}

struct traveller {
  moon_mover mover;
  int abandoned;
  char cause[64];
};

static void note_abandoned(moon_mover *mover, const moon_error *cause) {
  struct traveller *traveller = (struct traveller *)mover;
  traveller->abandoned++;
  strncpy(traveller->cause, cause->message, sizeof traveller->cause - 1);
}

static void travel(moon_manager *manager, struct traveller *traveller, const char *name) {
  moon_cluster *cluster = moon_manager_find(manager, name, NULL);
  traveller->mover.abandon = note_abandoned;
  moon_manager_add_mover(manager, &traveller->mover, cluster);
  moon_cluster_release(cluster); /* the member keeps it */
}

static void movers_in_an_unhealthy_cluster_are_told_once(void **state) {
  moon_manager *manager = manager_of("a b");
  struct traveller in_a = {0}, left_a = {0}, in_b = {0};
  travel(manager, &in_a, "a");
  travel(manager, &left_a, "a");
  travel(manager, &in_b, "b");
  moon_manager_remove_mover(manager, &left_a.mover);
  fail_cluster(manager, "a");
  assert_int_equal(in_a.abandoned, 1);
  assert_string_equal(in_a.cause, "a refused");
  assert_int_equal(left_a.abandoned, 0);
  assert_int_equal(in_b.abandoned, 0);
  recover_cluster(manager, "a");
  fail_cluster(manager, "a");
  assert_int_equal(in_a.abandoned, 1); /* it has not added itself again */
  moon_manager_remove_mover(manager, &in_a.mover);
  travel(manager, &in_a, "b");
  fail_cluster(manager, "b");
  assert_int_equal(in_a.abandoned, 2);
  assert_int_equal(in_b.abandoned, 1);
  moon_manager_remove_mover(manager, &in_a.mover);
  moon_manager_remove_mover(manager, &in_b.mover);
  moon_manager_release(manager);
}

/* One whose `abandon` takes its time, and who is removed meanwhile. */
struct slow {
  moon_mover mover;
  moon_manager *manager;
  atomic_bool inside, go_on, left, removed;
};

static void take_time(moon_mover *mover, const moon_error *cause) {
  struct slow *slow = (struct slow *)mover;
  atomic_store(&slow->inside, true);
  while (!atomic_load(&slow->go_on)) sleep_ms(1);
  sleep_ms(20); /* room for a remove_mover that does not wait to return first */
  if (atomic_load(&slow->removed)) abort();
  atomic_store(&slow->left, true);
}

static void *fail_a(void *arg) {
  fail_cluster(arg, "a");
  return NULL;
}

static void who_removes_a_mover_waits_until_it_has_been_told(void **state) {
  moon_manager *manager = manager_of("a");
  struct slow slow = {.mover.abandon = take_time, .manager = manager};
  moon_cluster *cluster = moon_manager_find(manager, "a", NULL);
  moon_manager_add_mover(manager, &slow.mover, cluster);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, fail_a, manager), 0);
  while (!atomic_load(&slow.inside)) sleep_ms(1);
  atomic_store(&slow.go_on, true);
  moon_manager_remove_mover(manager, &slow.mover);
  assert_true(atomic_load(&slow.left));
  atomic_store(&slow.removed, true);
  pthread_join(thread, NULL);
  moon_cluster_release(cluster);
  moon_manager_release(manager);
}

/* --- statistics, checks by hand --- */

static void statistics_say_how_a_cluster_is(void **state) {
  moon_manager *manager = manager_of("a");
  moon_cluster_stats stats;
  moon_manager_set_weight(manager, "a", 2.5, NULL);
  moon_cluster *place = moon_manager_enter(manager, 1);
  moon_cluster_note(place, NULL, 1500);
  assert_int_equal(moon_manager_get_stats(manager, "a", &stats, NULL), MOON_OK);
  assert_true(stats.enabled && stats.healthy && stats.state == MOON_HEALTH_HEALTHY);
  assert_true(stats.weight == 2.5 && stats.share == 1 && stats.latency_us == 1500);
  assert_int_equal(stats.active, 1);
  assert_int_equal(stats.selected, 1);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stats.certificate_expiry_s, 0);
  moon_error *err = moon_error_new(MOON_CONNECT, "lost");
  moon_cluster_note(place, err, -1);
  moon_error_free(err);
  moon_cluster_leave(place);
  moon_manager_set_enabled(manager, "a", false, NULL);
  fail_cluster(manager, "a");
  assert_int_equal(moon_manager_get_stats(manager, "a", &stats, NULL), MOON_OK);
  assert_true(!stats.enabled && !stats.healthy && stats.state == MOON_HEALTH_UNHEALTHY);
  assert_int_equal(stats.failures, 1);
  assert_int_equal(stats.active, 0);
  moon_manager_release(manager);
}

static void statistics_say_when_the_client_certificate_expires(void **state) {
  moon_manager_options options = quiet_manager_options();
  moon_manager *manager = manager_with(&options, NULL);
  moon_pki_request request = {.common_name = "someone", .not_before_s = -3600, .not_after_s = 86400};
  moon_pki_pair pair;
  assert_null(moon_pki_issue(pki_authority(), &request, &pair, NULL));
  moon_target *target = target_of(NULL, "https", "127.0.0.1");
  set_pem(&target->client_cert, pair.certificate);
  set_pem(&target->client_key, pair.key);
  assert_null(moon_manager_add(manager, &(moon_cluster_options){.name = "a", .weight = 1}, target));
  moon_target_release(target);
  moon_pki_pair_clear(&pair);
  moon_cluster_stats stats;
  assert_int_equal(moon_manager_get_stats(manager, "a", &stats, NULL), MOON_OK);
  int64_t now_s = moon_clock_wall_ms() / 1000;
  assert_in_range(stats.certificate_expiry_s, now_s + 86400 - 60, now_s + 86400);
  moon_manager_release(manager);
}

static void count_done(void *ctx) {
  atomic_fetch_add((atomic_int *)ctx, 1);
}

static void expect_done(atomic_int *done, int count) {
  for (int64_t until_ms = now_ms() + PATIENCE_MS; atomic_load(done) < count; sleep_ms(1))
    assert_true(now_ms() < until_ms);
  assert_int_equal(atomic_load(done), count);
}

static void a_check_by_hand_is_over_when_every_cluster_has_answered(void **state) {
  tls_server *server = start_plain_server();
  struct listened l = listened();
  atomic_int done = 0;
  assert_null(moon_manager_check_async(l.manager, NULL, count_done, &done)); /* of none */
  expect_done(&done, 1);
  moon_cluster_stats stats;
  const char *const names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; i++) add_live(l.manager, names[i], server);
  for (int i = 0; i < 3; i++) fail_cluster(l.manager, names[i]);
  assert_null(moon_manager_check_async(l.manager, NULL, count_done, &done));
  expect_done(&done, 2);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(moon_manager_get_stats(l.manager, names[i], &stats, NULL), MOON_OK);
    assert_in_set(stats.state, ((const LargestIntegralType[]){MOON_HEALTH_PROBING, MOON_HEALTH_HEALTHY}), 2);
  }
  assert_null(moon_manager_check_async(l.manager, "b", count_done, &done));
  expect_done(&done, 3);
  assert_int_equal(moon_manager_get_stats(l.manager, "b", &stats, NULL), MOON_OK);
  assert_int_equal(stats.state, MOON_HEALTH_HEALTHY);
  release(&l);
  tls_server_stop(server);
}

static int freeze(void **state) {
  moon_clock_set_ms(1000000);
  return 0;
}

static int thaw(void **state) {
  moon_clock_run();
  return 0;
}

#define STILL(test) cmocka_unit_test_setup_teardown(test, freeze, thaw)

int main(void) {
  const struct CMUnitTest tests[] = {
      STILL(refuses_clusters_that_make_no_sense),
      STILL(refuses_options_out_of_range),
      STILL(what_is_asked_of_a_cluster_that_is_not_there_names_the_nearest),
      STILL(names_come_in_the_order_of_addition_disabled_ones_only_when_named),
      cmocka_unit_test(a_clusters_addition_is_told_first_and_its_removal_last),
      cmocka_unit_test(once_a_pool_is_drained_the_removal_was_told),
      cmocka_unit_test(a_name_can_be_used_again_right_after),
      cmocka_unit_test(closing_takes_out_every_cluster_and_is_over_when_all_are_drained),
      STILL(tells_each_change_of_health_once),
      STILL(the_first_good_probe_is_told_and_so_is_a_cluster_that_never_had_one),
      STILL(refused_credentials_are_no_reason_to_leave_the_rotation),
      STILL(disabled_clusters_are_told_of_too),
      STILL(makes_no_events_while_nobody_listens),
      STILL(events_carry_the_managers_id),
      STILL(those_who_wait_for_an_unhealthy_cluster_fail_at_once_with_its_cause),
      STILL(a_cluster_that_is_taken_out_fails_those_who_wait_for_it),
      STILL(movers_in_an_unhealthy_cluster_are_told_once),
      STILL(who_removes_a_mover_waits_until_it_has_been_told),
      STILL(statistics_say_how_a_cluster_is),
      STILL(statistics_say_when_the_client_certificate_expires),
      cmocka_unit_test(a_check_by_hand_is_over_when_every_cluster_has_answered),
  };
  return cmocka_run_group_tests(tests, keep_threads, end_threads);
}
