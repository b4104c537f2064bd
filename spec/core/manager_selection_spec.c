/* manager_selection_spec.c: who may be chosen, who is, and what the error says when nobody is left. The clock stands
 * still unless a spec moves it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/strategy.h"
#include "support/allocations.h"
#include "support/manager_fixture.h"
#include "support/net_fixture.h"

static const moon_selection any = {0};

static moon_selector *selector_of(const char *pattern, const char *labels) {
  moon_selector *selector = NULL;
  assert_null(moon_selector_new(&pattern, pattern ? 1 : 0, labels, NULL, 0, &selector));
  return selector;
}

static void goes_round_evenly_while_clusters_come_and_go(void **state) {
  moon_manager *manager = manager_of("a b c");
  expect_choices(manager, &any, "abca");
  assert_null(moon_manager_take_out(manager, "b", 0));
  expect_choices(manager, &any, "caca");
  add_cluster(manager, "b");
  moon_buffer seen = {0};
  for (int i = 0; i < 3; i++) moon_buffer_add_text(&seen, choice(manager, &any));
  assert_non_null(strchr(seen.data, 'a'));
  assert_non_null(strchr(seen.data, 'b'));
  assert_non_null(strchr(seen.data, 'c'));
  moon_buffer_free(&seen);
  moon_manager_release(manager);
}

/* --- who may be chosen --- */

static void an_unhealthy_cluster_leaves_at_once_and_comes_back_by_itself(void **state) {
  moon_manager *manager = manager_of("a b");
  probe_cluster(manager, "a", MOON_PROBE_FAILED); /* suspect */
  expect_choices(manager, &any, "abab");
  probe_cluster(manager, "a", MOON_PROBE_FAILED);
  expect_choices(manager, &any, "ab");
  probe_cluster(manager, "a", MOON_PROBE_FAILED);
  expect_choices(manager, &any, "bbbb");
  probe_cluster(manager, "a", MOON_PROBE_GOOD); /* one is not enough */
  expect_choices(manager, &any, "bb");
  probe_cluster(manager, "a", MOON_PROBE_GOOD);
  moon_clock_advance_ms(60000);
  assert_string_equal(choice(manager, &any), "a");
  moon_manager_release(manager);
}

static void a_disabled_cluster_is_not_chosen_and_an_enabled_one_is_again(void **state) {
  moon_manager *manager = manager_of("a b");
  assert_int_equal(moon_manager_set_enabled(manager, "a", false, NULL), MOON_OK);
  expect_choices(manager, &any, "bbb");
  assert_int_equal(moon_manager_set_enabled(manager, "a", true, NULL), MOON_OK);
  uint64_t before = selected(manager, "a");
  for (int i = 0; i < 10; i++) choice(manager, &any);
  assert_in_range(selected(manager, "a") - before, 4, 6);
  moon_manager_release(manager);
}

static void unknown_clusters_are_left_out_while_a_probed_one_is_there(void **state) {
  moon_manager_options options = quiet_manager_options();
  options.cluster_health_check_interval_ms = 30000; /* the first probes go out, and stay without an answer */
  moon_manager *manager = manager_with(&options, NULL);
  add_cluster(manager, "a");
  add_cluster(manager, "b");
  add_cluster(manager, "c");
  expect_choices(manager, &any, "abc"); /* nobody knows better */
  probe_cluster(manager, "b", MOON_PROBE_GOOD);
  expect_choices(manager, &any, "bbb");
  assert_string_equal(choice(manager, &(moon_selection){.preferred = "c"}), "c"); /* who asks for it gets it */
  probe_cluster(manager, "b", MOON_PROBE_FAILED); /* a suspect one has been probed too */
  expect_choices(manager, &any, "bb");
  uint64_t tried = id_of(manager, "b");
  const char *second = choice(manager, &(moon_selection){.tried = &tried, .tried_count = 1});
  assert_true(!strcmp(second, "a") || !strcmp(second, "c"));
  fail_cluster(manager, "b");
  second = choice(manager, &any);
  assert_true(!strcmp(second, "a") || !strcmp(second, "c"));
  moon_manager_release(manager);
}

static void chooses_among_those_selected_and_not_tried(void **state) {
  moon_manager *manager = manager_of("a1 a2 b1");
  moon_selector *only_a = selector_of("a*", NULL);
  moon_selection selection = {.among = only_a};
  for (int i = 0; i < 6; i++) assert_int_equal(*choice(manager, &selection), 'a');
  uint64_t tried[] = {id_of(manager, "a1"), id_of(manager, "b1")};
  selection.tried = tried;
  selection.tried_count = 1;
  for (int i = 0; i < 3; i++) assert_string_equal(choice(manager, &selection), "a2");
  selection = (moon_selection){.tried = tried, .tried_count = 2};
  for (int i = 0; i < 3; i++) assert_string_equal(choice(manager, &selection), "a2");
  moon_selector_release(only_a);
  moon_manager_release(manager);
}

static void labels_select_too(void **state) {
  moon_manager *manager = manager_of("a");
  const moon_label labels[] = {{"env", "prod"}};
  add_with(manager, &(moon_cluster_options){.name = "b", .weight = 1, .labels = labels, .label_count = 1});
  moon_selector *prod = selector_of(NULL, "env=prod");
  expect_choices(manager, &(moon_selection){.among = prod}, "bbb");
  moon_selector_release(prod);
  moon_manager_release(manager);
}

/* --- slow start --- */

static void a_recovered_cluster_gets_its_share_of_the_even_part_evenly_spread(void **state) {
  moon_manager *manager = manager_of("a b");
  assert_int_equal(moon_manager_use_strategy(manager, "least-connections", NULL), MOON_OK);
  moon_cluster *busy = NULL;
  assert_null(moon_manager_select(manager, &(moon_selection){.preferred = "b"}, &busy, NULL));
  fail_cluster(manager, "a");
  recover_cluster(manager, "a");
  /* b is busier: a is chosen whenever it takes part. A tenth of the half that will be its own is every twentieth. */
  expect_choices(manager, &any, "bbbbbbbbbbbbbbbbbbbabbbbbbbbbbbbbbbbbbba");
  moon_clock_advance_ms(15000);
  moon_cluster_stats stats;
  assert_int_equal(moon_manager_get_stats(manager, "a", &stats, NULL), MOON_OK);
  assert_true(stats.share > 0.549 && stats.share < 0.551);
  uint64_t before = stats.selected;
  for (int i = 0; i < 1000; i++) choice(manager, &any);
  assert_int_equal(selected(manager, "a") - before, 275);
  moon_clock_advance_ms(15000);
  expect_choices(manager, &any, "aaaaaaaaaa");
  moon_cluster_leave(busy);
  moon_manager_release(manager);
}

static void it_does_so_with_every_strategy(void **state) {
  for (const char *const *name = moon_strategy_names(); *name; name++) {
    moon_manager *manager = manager_of("a b c d");
    assert_int_equal(moon_manager_use_strategy(manager, *name, NULL), MOON_OK);
    fail_cluster(manager, "a");
    recover_cluster(manager, "a");
    moon_clock_advance_ms(10000); /* share 0.4 */
    uint64_t before = selected(manager, "a");
    for (int i = 0; i < 1000; i++) {
      char key[16];
      snprintf(key, sizeof key, "key-%d", i);
      choice(manager, &(moon_selection){.key = key});
    }
    uint64_t got = selected(manager, "a") - before;
    if (got < 80 || got > 101) fail_msg("%s: a got %d of 1000, and its due is 100", *name, (int)got);
    moon_manager_release(manager);
  }
}

static void the_only_candidate_always_takes_part(void **state) {
  moon_manager *manager = manager_of("a b");
  fail_cluster(manager, "a");
  recover_cluster(manager, "a");
  moon_manager_set_enabled(manager, "b", false, NULL);
  expect_choices(manager, &any, "aaaaa");
  moon_manager_release(manager);
}

static void clusters_that_all_came_back_just_now_share_all_selections(void **state) {
  moon_manager *manager = manager_of("a b");
  fail_cluster(manager, "a");
  fail_cluster(manager, "b");
  recover_cluster(manager, "a");
  recover_cluster(manager, "b");
  uint64_t a = selected(manager, "a"), b = selected(manager, "b");
  for (int i = 0; i < 100; i++) choice(manager, &any);
  assert_int_equal(selected(manager, "a") - a, 50);
  assert_int_equal(selected(manager, "b") - b, 50);
  moon_manager_release(manager);
}

/* --- strategies --- */

struct fancy {
  size_t answer;
  int calls, freed;
  double slots[8];
  char names[64];
};

static size_t fancy_select(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  struct fancy *fancy = ctx;
  fancy->calls++;
  *fancy->names = '\0';
  for (size_t i = 0; i < count; i++) {
    fancy->slots[i] = *candidates[i].slot;
    *candidates[i].slot = 7;
    strcat(fancy->names, candidates[i].name);
  }
  return fancy->answer;
}

static void fancy_free(void *ctx) {
  ((struct fancy *)ctx)->freed++;
}

static void set_fancy(moon_manager *manager, struct fancy *fancy) {
  moon_manager_set_strategy(manager, &(moon_strategy){"fancy", fancy, fancy_select, fancy_free});
}

static void an_answer_out_of_range_is_the_turn_of_round_robin(void **state) {
  moon_manager *manager = manager_of("a b c");
  struct fancy fancy = {.answer = 1};
  set_fancy(manager, &fancy);
  expect_choices(manager, &any, "bbb");
  fancy.answer = 3;
  expect_choices(manager, &any, "abcabc");
  fancy.answer = SIZE_MAX;
  expect_choices(manager, &any, "ab");
  fail_cluster(manager, "c");
  expect_choices(manager, &any, "aba");
  assert_int_equal(fancy.calls, 14);
  moon_manager_release(manager);
  assert_int_equal(fancy.freed, 1);
}

static void a_slot_is_zero_for_who_joins_and_who_comes_back(void **state) {
  moon_manager *manager = manager_of("a b");
  struct fancy fancy = {.answer = 0}, other = {.answer = 0};
  set_fancy(manager, &fancy);
  choice(manager, &any);
  choice(manager, &any);
  assert_true(fancy.slots[0] == 7 && fancy.slots[1] == 7);
  add_cluster(manager, "c");
  choice(manager, &any);
  assert_true(fancy.slots[0] == 7 && fancy.slots[1] == 7 && fancy.slots[2] == 0);

  fail_cluster(manager, "b");
  choice(manager, &any);
  assert_string_equal(fancy.names, "ac");
  recover_cluster(manager, "b");
  moon_clock_advance_ms(60000);
  choice(manager, &any);
  assert_string_equal(fancy.names, "abc");
  assert_true(fancy.slots[0] == 7 && fancy.slots[1] == 0 && fancy.slots[2] == 7);

  moon_manager_set_enabled(manager, "a", false, NULL);
  choice(manager, &any);
  moon_manager_set_enabled(manager, "a", true, NULL);
  moon_manager_set_enabled(manager, "b", true, NULL); /* it was: nothing changes */
  choice(manager, &any);
  assert_true(fancy.slots[0] == 0 && fancy.slots[1] == 7 && fancy.slots[2] == 7);

  set_fancy(manager, &other);
  assert_int_equal(fancy.freed, 1);
  choice(manager, &any);
  assert_true(other.slots[0] == 0 && other.slots[1] == 0 && other.slots[2] == 0);
  moon_manager_release(manager);
}

static void an_unknown_strategy_names_the_nearest(void **state) {
  moon_manager *manager = manager_of("a");
  moon_error *err = NULL;
  assert_int_equal(moon_manager_use_strategy(manager, "least-connection", &err), MOON_CONFIG);
  assert_non_null(strstr(err->message, "there is no strategy \"least-connection\"; did you mean "
                                       "\"least-connections\"? There are: round-robin, least-connections, "));
  moon_error_free(err);
  assert_int_equal(moon_manager_use_strategy(manager, "tombola", &err), MOON_CONFIG);
  assert_non_null(strstr(err->message, "there is no strategy \"tombola\"; there are: round-robin, "));
  moon_error_free(err);
  moon_manager_release(manager);
}

static void a_strategy_sees_what_was_said_about_each_cluster(void **state) {
  moon_manager *manager = manager_of("a");
  const moon_label labels[] = {{"env", "prod"}};
  moon_pool_options pool = moon_pool_default_options;
  pool.max_connections = 3;
  pool.min_connections = 0;
  pool.enable_warmup = false;
  add_with(
      manager,
      &(moon_cluster_options){
          .name = "b", .weight = 2.5, .priority = 4, .zone = "eu", .labels = labels, .label_count = 1, .pool = &pool});
  moon_manager_set_weight(manager, "a", 0.5, NULL);
  moon_cluster *place = moon_manager_enter(manager, id_of(manager, "b"));
  moon_candidate seen[4];
  assert_int_equal(moon_manager_candidates(manager, &any, seen, 4), 2);
  assert_string_equal(seen[0].name, "a");
  assert_string_equal(seen[0].zone, "");
  assert_true(seen[0].weight == 0.5 && seen[0].capacity == 10 && seen[0].active == 0 && !seen[0].label_count);
  assert_string_equal(seen[1].name, "b");
  assert_string_equal(seen[1].zone, "eu");
  assert_true(seen[1].weight == 2.5 && seen[1].priority == 4 && seen[1].capacity == 3 && seen[1].active == 1);
  assert_int_equal(seen[1].label_count, 1);
  assert_string_equal(seen[1].labels[0].value, "prod");
  assert_true(seen[0].id < seen[1].id);
  assert_null(seen[1].slot);
  assert_int_equal(moon_manager_candidates(manager, &any, seen, 1), 2); /* there is one more than room */
  moon_cluster_leave(place);
  moon_manager_release(manager);
}

static void enters_a_candidate_only_while_it_may_be_chosen(void **state) {
  moon_manager *manager = manager_of("a b");
  uint64_t a = id_of(manager, "a"), b = id_of(manager, "b"), before = selected(manager, "a");
  moon_cluster *cluster = moon_manager_enter(manager, a);
  assert_string_equal(moon_cluster_name(cluster), "a");
  assert_int_equal(moon_cluster_active(cluster), 1);
  assert_int_equal(selected(manager, "a") - before, 1);
  assert_int_equal(moon_manager_candidate_id(manager, cluster), a);
  moon_cluster_leave(cluster);
  fail_cluster(manager, "a");
  assert_null(moon_manager_enter(manager, a));
  moon_manager_set_enabled(manager, "b", false, NULL);
  assert_null(moon_manager_enter(manager, b));
  assert_null(moon_manager_enter(manager, b + 1));
  assert_null(moon_manager_take_out(manager, "b", 0));
  add_cluster(manager, "b"); /* another one */
  assert_null(moon_manager_enter(manager, b));
  moon_manager_release(manager);
}

/* --- preferred ones --- */

static void a_preferred_cluster_is_chosen_without_asking_the_strategy(void **state) {
  moon_manager *manager = manager_of("a b");
  struct fancy fancy = {.answer = 0};
  set_fancy(manager, &fancy);
  expect_choices(manager, &(moon_selection){.preferred = "b"}, "bbb");
  assert_int_equal(fancy.calls, 0);
  probe_cluster(manager, "b", MOON_PROBE_FAILED); /* suspect */
  expect_choices(manager, &(moon_selection){.preferred = "b"}, "b");
  moon_manager_release(manager);
}

static void another_one_steps_in_for_a_preferred_one_and_an_event_tells(void **state) {
  moon_manager_options options = quiet_manager_options();
  moon_event_queue *events = moon_event_queue_new(1000, NULL, NULL);
  moon_manager *manager = manager_with(&options, events);
  add_cluster(manager, "a");
  add_cluster(manager, "b");
  uint64_t a = id_of(manager, "a");
  fail_cluster(manager, "a");
  expect_events(events, "clusterAdded a, poolReady, clusterAdded b, poolReady, clusterUnhealthy a (a refused)");
  moon_selection selection = {.preferred = "a"};
  expect_choices(manager, &selection, "b");
  expect_events(events, "failover a b (a refused)");
  recover_cluster(manager, "a");
  expect_choices(manager, &selection, "aaa"); /* also while it starts slowly */
  expect_events(events, "clusterHealthy a");
  moon_manager_set_enabled(manager, "a", false, NULL);
  expect_choices(manager, &selection, "b");
  expect_events(events, "failover a b (cluster \"a\": disabled)");
  /* Who has tried already tells of the move, and does it once. */
  moon_manager_set_enabled(manager, "a", true, NULL);
  selection.tried = &a;
  selection.tried_count = 1;
  expect_choices(manager, &selection, "b");
  expect_events(events, "");
  moon_manager_release(manager);
  moon_event_queue_release(events);
}

static void without_failover_a_preferred_one_fails_with_its_own_error(void **state) {
  moon_manager_options options = quiet_manager_options();
  options.enable_failover = false;
  moon_event_queue *events = moon_event_queue_new(1000, NULL, NULL);
  moon_manager *manager = manager_with(&options, events);
  add_cluster(manager, "a");
  add_cluster(manager, "b");
  fail_cluster(manager, "a");
  expect_events(events, "clusterAdded a, poolReady, clusterAdded b, poolReady, clusterUnhealthy a (a refused)");
  moon_cluster *cluster = NULL;
  moon_error *err = moon_manager_select(manager, &(moon_selection){.preferred = "a"}, &cluster, NULL);
  assert_non_null(err);
  assert_int_equal(err->kind, MOON_CONNECT);
  assert_string_equal(err->message, "a refused");
  assert_string_equal(err->cluster, "a");
  moon_error_free(err);
  moon_manager_set_enabled(manager, "a", false, NULL);
  expect_refusal(manager, &(moon_selection){.preferred = "a"}, MOON_NO_HEALTHY_CLUSTER, "cluster \"a\": disabled");
  expect_choices(manager, &any, "bb"); /* choosing well is no fail-over */
  expect_events(events, "");
  moon_manager_release(manager);
  moon_event_queue_release(events);
}

static void a_preferred_name_that_is_not_there_is_misspelt(void **state) {
  moon_manager *manager = manager_of("prod-eu prod-us");
  expect_refusal(manager, &(moon_selection){.preferred = "prod-ue"}, MOON_CONFIG,
                 "there is no cluster \"prod-ue\"; did you mean \"prod-eu\"? There are: prod-eu, prod-us");
  moon_manager_release(manager);
}

/* --- nobody --- */

static void the_error_names_every_cluster_with_its_cause(void **state) {
  moon_manager *manager = manager_of("a b c d");
  uint64_t tried[] = {id_of(manager, "c"), id_of(manager, "d")};
  const char *const errors[] = {"connection reset", NULL};
  fail_cluster(manager, "a");
  moon_manager_set_enabled(manager, "b", false, NULL);
  moon_selection selection = {.tried = tried, .tried_count = 2, .tried_errors = errors};
  expect_refusal(manager, &selection, MOON_NO_HEALTHY_CLUSTER,
                 "no healthy cluster: \"a\": a refused; \"b\": disabled; \"c\": failed for this request already "
                 "(connection reset); \"d\": failed for this request already");
  moon_selector *some = selector_of("/[ab]/", NULL);
  selection.among = some;
  expect_refusal(manager, &selection, MOON_NO_HEALTHY_CLUSTER, "no healthy cluster: \"a\": a refused; \"b\": disabled");
  moon_selector_release(some);
  moon_manager_release(manager);
}

static void where_one_cluster_is_concerned_the_error_is_its_own(void **state) {
  moon_manager *manager = manager_of("a b");
  fail_cluster(manager, "a");
  moon_selector *only = selector_of("a", NULL);
  expect_refusal(manager, &(moon_selection){.among = only}, MOON_CONNECT, "a refused");
  assert_null(moon_manager_take_out(manager, "b", 0));
  expect_refusal(manager, &any, MOON_CONNECT, "a refused");
  moon_selector_release(only);
  moon_manager_release(manager);
}

static void says_so_when_there_is_no_cluster_at_all(void **state) {
  moon_manager_options options = quiet_manager_options();
  moon_manager *manager = manager_with(&options, NULL);
  expect_refusal(manager, &any, MOON_NO_HEALTHY_CLUSTER, "no healthy cluster: none was added");
  add_cluster(manager, "a");
  moon_selector *prod = selector_of("prod-*", NULL);
  expect_refusal(manager, &(moon_selection){.among = prod}, MOON_NO_HEALTHY_CLUSTER,
                 "no healthy cluster: none is selected; there are: a");
  expect_refusal(manager, &(moon_selection){.among = prod, .preferred = "b"}, MOON_CONFIG,
                 "there is no cluster \"b\"; there are: a");
  moon_selector_release(prod);
  moon_manager_close(manager, 0);
  expect_refusal(manager, &any, MOON_CLOSED, "the connection manager is closed");
  moon_manager_release(manager);
}

/* --- many threads --- */

enum { THREADS = 8, TURNS = 3000 };

struct crowd {
  moon_manager *manager;
  int turns;
  bool stay; /* keeps its places: `places` */
  moon_cluster *places[TURNS];
};

static void *choose_often(void *arg) {
  struct crowd *crowd = arg;
  for (int i = 0; i < crowd->turns; i++) {
    moon_error *err = moon_manager_select(crowd->manager, &any, &crowd->places[i], NULL);
    if (err) abort();
    if (!crowd->stay) moon_cluster_leave(crowd->places[i]);
  }
  return NULL;
}

/* Eight threads choose; `meanwhile` runs beside them. */
static void crowd_chooses(moon_manager *manager, int turns, bool stay, void (*meanwhile)(moon_manager *manager)) {
  static struct crowd crowd[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    crowd[i] = (struct crowd){.manager = manager, .turns = turns, .stay = stay};
    assert_int_equal(pthread_create(&threads[i], NULL, choose_often, &crowd[i]), 0);
  }
  if (meanwhile) meanwhile(manager);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; stay && i < THREADS; i++)
    for (int j = 0; j < turns; j++) moon_cluster_leave(crowd[i].places[j]);
}

static void eight_threads_share_round_robin_exactly(void **state) {
  moon_manager *manager = manager_of("a b c");
  crowd_chooses(manager, TURNS, false, NULL);
  assert_int_equal(selected(manager, "a"), 8000);
  assert_int_equal(selected(manager, "b"), 8000);
  assert_int_equal(selected(manager, "c"), 8000);
  moon_manager_release(manager);
}

static void eight_threads_share_weights_of_7_and_3_exactly(void **state) {
  moon_manager *manager = manager_of("a b");
  assert_int_equal(moon_manager_use_strategy(manager, "weighted", NULL), MOON_OK);
  assert_int_equal(moon_manager_set_weight(manager, "a", 7, NULL), MOON_OK);
  assert_int_equal(moon_manager_set_weight(manager, "b", 3, NULL), MOON_OK);
  crowd_chooses(manager, TURNS, false, NULL);
  assert_int_equal(selected(manager, "a"), 16800);
  assert_int_equal(selected(manager, "b"), 7200);
  moon_manager_release(manager);
}

static void eight_threads_fill_clusters_evenly_by_least_connections(void **state) {
  moon_manager *manager = manager_of("a b c d");
  assert_int_equal(moon_manager_use_strategy(manager, "least-connections", NULL), MOON_OK);
  crowd_chooses(manager, 500, true, NULL);
  const char *const names[] = {"a", "b", "c", "d"};
  for (int i = 0; i < 4; i++) {
    moon_cluster_stats stats;
    assert_int_equal(moon_manager_get_stats(manager, names[i], &stats, NULL), MOON_OK);
    assert_int_equal(stats.selected, 1000);
    assert_int_equal(stats.active, 0);
  }
  moon_manager_release(manager);
}

static void a_leaves_and_returns(moon_manager *manager) {
  for (int i = 0; i < 100; i++) {
    moon_manager_set_enabled(manager, "a", i % 2, NULL);
    fail_cluster(manager, "d");
    recover_cluster(manager, "d");
    assert_null(moon_manager_take_out(manager, "e", 0));
    add_cluster(manager, "e");
  }
}

static void those_that_stay_share_exactly_while_others_leave_and_return(void **state) {
  moon_manager *manager = manager_of("a b c d e");
  crowd_chooses(manager, TURNS, false, a_leaves_and_returns);
  assert_in_range(selected(manager, "b") - selected(manager, "c") + 1, 0, 2); /* never more than one apart */
  assert_in_range(selected(manager, "b"), 24000 / 5, 24000 / 2);
  moon_manager_release(manager);
}

static void a_selection_among_100_clusters_allocates_nothing(void **state) {
  if (!allocations_are_counted()) skip();
  moon_manager_options options = quiet_manager_options();
  moon_manager *manager = manager_with(&options, NULL);
  size_t before = allocations;
  for (int i = 0; i < 100; i++) {
    char name[16];
    snprintf(name, sizeof name, "c%d", i);
    add_cluster(manager, name);
  }
  assert_true(allocations > before); /* adding one allocates, and is seen */
  fail_cluster(manager, "c1");
  fail_cluster(manager, "c2");
  recover_cluster(manager, "c2");
  uint64_t tried = id_of(manager, "c3");
  moon_selection selection = {.key = "a key", .tried = &tried, .tried_count = 1};
  for (const char *const *name = (const char *const[]){"round-robin", "least-connections", "weighted", "random",
                                                       "peak-ewma", "rendezvous", "priority", NULL};
       *name; name++) {
    assert_int_equal(moon_manager_use_strategy(manager, *name, NULL), MOON_OK);
    before = allocations;
    for (int turn = 0; turn < 300; turn++) choice(manager, turn % 2 ? &selection : &any);
    assert_int_equal(allocations - before, 0);
  }
  moon_manager_release(manager);
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
      STILL(goes_round_evenly_while_clusters_come_and_go),
      STILL(an_unhealthy_cluster_leaves_at_once_and_comes_back_by_itself),
      STILL(a_disabled_cluster_is_not_chosen_and_an_enabled_one_is_again),
      STILL(unknown_clusters_are_left_out_while_a_probed_one_is_there),
      STILL(chooses_among_those_selected_and_not_tried),
      STILL(labels_select_too),
      STILL(a_recovered_cluster_gets_its_share_of_the_even_part_evenly_spread),
      STILL(it_does_so_with_every_strategy),
      STILL(the_only_candidate_always_takes_part),
      STILL(clusters_that_all_came_back_just_now_share_all_selections),
      STILL(an_answer_out_of_range_is_the_turn_of_round_robin),
      STILL(a_slot_is_zero_for_who_joins_and_who_comes_back),
      STILL(an_unknown_strategy_names_the_nearest),
      STILL(a_strategy_sees_what_was_said_about_each_cluster),
      STILL(enters_a_candidate_only_while_it_may_be_chosen),
      STILL(a_preferred_cluster_is_chosen_without_asking_the_strategy),
      STILL(another_one_steps_in_for_a_preferred_one_and_an_event_tells),
      STILL(without_failover_a_preferred_one_fails_with_its_own_error),
      STILL(a_preferred_name_that_is_not_there_is_misspelt),
      STILL(the_error_names_every_cluster_with_its_cause),
      STILL(where_one_cluster_is_concerned_the_error_is_its_own),
      STILL(says_so_when_there_is_no_cluster_at_all),
      STILL(eight_threads_share_round_robin_exactly),
      STILL(eight_threads_share_weights_of_7_and_3_exactly),
      STILL(eight_threads_fill_clusters_evenly_by_least_connections),
      STILL(those_that_stay_share_exactly_while_others_leave_and_return),
      STILL(a_selection_among_100_clusters_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, keep_threads, end_threads);
}
