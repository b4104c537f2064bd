/* strategy_spec.c: whom the built-in strategies choose: exactly where they promise exactness, within a stated bound
 * where chance decides, also while clusters leave and return. A fleet stands for the manager: it offers those that are
 * there, and sets the slot of one that returns to 0. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "cluster/strategy.h"
#include "support/allocations.h"

enum { MOST = 100 };

struct fleet {
  moon_strategy strategy;
  size_t count;
  moon_candidate clusters[MOST];
  double slots[MOST];
  char names[MOST][32];
  bool away[MOST];
};

static void fleet_init(struct fleet *fleet, const char *strategy, size_t count, const double *weights) {
  memset(fleet, 0, sizeof *fleet);
  assert_true(moon_strategy_make(strategy, &fleet->strategy));
  fleet->count = count;
  for (size_t i = 0; i < count; i++) {
    snprintf(fleet->names[i], sizeof fleet->names[i], "cluster-%zu", i);
    fleet->clusters[i] = (moon_candidate){.id = i + 1,
                                          .name = fleet->names[i],
                                          .zone = "",
                                          .weight = weights ? weights[i] : 1,
                                          .capacity = 10,
                                          .slot = &fleet->slots[i]};
  }
}

static void fleet_free(struct fleet *fleet) {
  fleet->strategy.free(fleet->strategy.ctx);
}

static size_t choose_for(struct fleet *fleet, const char *key) {
  moon_candidate offered[MOST];
  size_t count = 0;
  for (size_t i = 0; i < fleet->count; i++)
    if (!fleet->away[i]) offered[count++] = fleet->clusters[i];
  size_t chosen = fleet->strategy.select(fleet->strategy.ctx, offered, count, key);
  assert_in_range(chosen, 0, count - 1);
  return offered[chosen].id - 1;
}

static size_t choose(struct fleet *fleet) {
  return choose_for(fleet, NULL);
}

static void leave(struct fleet *fleet, size_t cluster) {
  fleet->away[cluster] = true;
}

static void come_back(struct fleet *fleet, size_t cluster) {
  fleet->away[cluster] = false;
  fleet->slots[cluster] = 0;
}

static void only(struct fleet *fleet, size_t from, size_t to) {
  for (size_t i = 0; i < fleet->count; i++) fleet->away[i] = i < from || i >= to;
}

/* Chooses `turns` times among those that are there. Their weights (whole numbers) make a period; every window of one
 * that begins after `settled` turns holds each as often as its weight says, those before may be one off. */
static void assert_exact(struct fleet *fleet, const int *weights, size_t turns, size_t settled) {
  size_t period = 0;
  for (size_t i = 0; i < fleet->count; i++) period += fleet->away[i] ? 0 : (size_t)weights[i];
  size_t *chosen = test_malloc(turns * sizeof *chosen);
  int counts[MOST] = {0};
  for (size_t turn = 0; turn < turns; turn++) {
    chosen[turn] = choose(fleet);
    counts[chosen[turn]]++;
    if (turn >= period) counts[chosen[turn - period]]--;
    if (turn + 1 < period) continue;
    int slack = turn + 1 - period < settled ? 1 : 0;
    for (size_t i = 0; i < fleet->count; i++)
      if (!fleet->away[i] && abs(counts[i] - weights[i]) > slack)
        fail_msg("turns %zu to %zu: cluster %zu was chosen %d times, not %d", turn + 1 - period, turn, i, counts[i],
                 weights[i]);
  }
  test_free(chosen);
}

static void assert_counts(struct fleet *fleet, size_t turns, const int *expected) {
  int counts[MOST] = {0};
  for (size_t turn = 0; turn < turns; turn++) counts[choose(fleet)]++;
  for (size_t i = 0; i < fleet->count; i++) assert_int_equal(counts[i], expected[i]);
}

/* The sum of squared deviations over expectations. */
static double chi_square(const int *counts, const double *expected, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += pow(counts[i] - expected[i], 2) / expected[i];
  return sum;
}

/* --- by name --- */

static void each_name_makes_its_strategy(void **state) {
  static const char *const expected[] = {"round-robin", "least-connections", "weighted", "random",
                                         "peak-ewma",   "rendezvous",        "priority"};
  const char *const *names = moon_strategy_names();
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    moon_strategy strategy;
    assert_string_equal(names[i], expected[i]);
    assert_true(moon_strategy_make(names[i], &strategy));
    assert_string_equal(strategy.name, expected[i]);
    strategy.free(strategy.ctx);
  }
  assert_null(names[sizeof expected / sizeof *expected]);
  moon_strategy strategy;
  assert_false(moon_strategy_make("round", &strategy));
}

/* --- round-robin --- */

static void round_robin_goes_in_the_order_of_addition_whatever_the_weights(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "round-robin", 5, (double[]){1, 90, 0, 2, 0.5});
  for (size_t turn = 0; turn < 100; turn++) assert_int_equal(choose(&fleet), turn % 5);
  fleet_free(&fleet);
}

static void round_robin_goes_on_evenly_when_a_cluster_leaves_or_returns(void **state) {
  const int weights[] = {1, 1, 1};
  for (size_t before = 0; before < 6; before++) {
    struct fleet fleet;
    fleet_init(&fleet, "round-robin", 3, NULL);
    for (size_t turn = 0; turn < before; turn++) choose(&fleet);
    leave(&fleet, 1);
    assert_exact(&fleet, weights, 7, 0);
    come_back(&fleet, 1);
    assert_exact(&fleet, weights, 30, 0);
    fleet_free(&fleet);
  }
}

static void two_selectors_in_turn_do_not_always_meet_the_same_clusters(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "round-robin", 4, NULL);
  int counts[4] = {0};
  for (size_t turn = 0; turn < 40; turn++) {
    size_t from = turn % 2 ? 2 : 0;
    only(&fleet, from, from + 2);
    counts[choose(&fleet)]++;
  }
  for (size_t i = 0; i < 4; i++) assert_int_equal(counts[i], 10);
  fleet_free(&fleet);
}

static void who_takes_part_in_a_tenth_of_the_selections_gets_a_tenth_of_its_share(void **state) {
  const char *const strategies[] = {"round-robin", "weighted"};
  for (size_t i = 0; i < 2; i++) {
    struct fleet fleet;
    fleet_init(&fleet, strategies[i], 4, NULL);
    int counts[4] = {0};
    for (size_t turn = 0; turn < 4000; turn++) {
      fleet.away[3] = turn % 10 != 0;
      counts[choose(&fleet)]++;
    }
    assert_in_range(counts[3], 99, 101);
    for (size_t other = 0; other < 3; other++) assert_in_range(counts[other], 1299, 1301);
    fleet_free(&fleet);
  }
}

/* --- weighted --- */

static void weights_7_and_3_give_70_and_30_and_never_more_than_3_in_a_row(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "weighted", 2, (double[]){7, 3});
  assert_counts(&fleet, 100, (int[]){70, 30});
  int in_a_row = 0;
  for (size_t turn = 0; turn < 1000; turn++) {
    in_a_row = choose(&fleet) == 0 ? in_a_row + 1 : 0;
    assert_in_range(in_a_row, 0, 3);
  }
  assert_exact(&fleet, (int[]){7, 3}, 1000, 0);
  fleet_free(&fleet);
}

static void one_heavy_cluster_is_interleaved_with_many_light_ones(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "weighted", 11, (double[]){10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  bool heavy = false;
  int in_a_row = 0;
  for (size_t turn = 0; turn < 200; turn++) {
    bool again = heavy == (choose(&fleet) == 0);
    in_a_row = again ? in_a_row + 1 : 1;
    heavy = again ? heavy : !heavy;
    assert_in_range(in_a_row, 1, 2);
  }
  fleet_free(&fleet);
}

static void fractions_are_as_exact_as_whole_numbers(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "weighted", 3, (double[]){0.7, 0.2, 0.1});
  assert_exact(&fleet, (int[]){7, 2, 1}, 1000000, 0);
  fleet_free(&fleet);
  fleet_init(&fleet, "weighted", 3, (double[]){1.0 / 3, 1.0 / 3, 2.0 / 3});
  assert_exact(&fleet, (int[]){1, 1, 2}, 1000000, 0);
  fleet_free(&fleet);
}

static void every_window_of_a_period_is_exact_for_any_weights(void **state) {
  moon_random_seed(1);
  for (int round = 0; round < 300; round++) {
    double weights[MOST];
    int whole[MOST];
    size_t count = 1 + moon_random_below(12);
    for (size_t i = 0; i < count; i++) weights[i] = whole[i] = (int)moon_random_below(20);
    weights[0] = ++whole[0];
    struct fleet fleet;
    fleet_init(&fleet, "weighted", count, weights);
    assert_exact(&fleet, whole, 2000, 0);
    fleet_free(&fleet);
  }
}

static void it_stays_exact_while_clusters_leave_and_return(void **state) {
  moon_random_seed(2);
  for (int round = 0; round < 1000; round++) {
    double weights[MOST];
    int whole[MOST];
    size_t count = 2 + moon_random_below(6), there = count;
    for (size_t i = 0; i < count; i++) weights[i] = whole[i] = 1 + (int)moon_random_below(round % 2 ? 10 : 60);
    struct fleet fleet;
    fleet_init(&fleet, round % 3 ? "weighted" : "round-robin", count, weights);
    if (round % 3 == 0)
      for (size_t i = 0; i < count; i++) whole[i] = 1;
    for (int change = 0; change < 10; change++) {
      size_t period = 0;
      for (size_t i = 0; i < count; i++) period += fleet.away[i] ? 0 : (size_t)whole[i];
      assert_exact(&fleet, whole, moon_random_below(4 * period), change ? period : 0);
      size_t changed = moon_random_below(count);
      if (fleet.away[changed]) {
        come_back(&fleet, changed);
        there++;
      } else if (there > 1) {
        leave(&fleet, changed);
        there--;
      }
    }
    fleet_free(&fleet);
  }
}

static void when_a_heavy_cluster_leaves_the_light_ones_share_evenly_at_once(void **state) {
  for (size_t before = 0; before < 1002; before += 3) {
    struct fleet fleet;
    fleet_init(&fleet, "weighted", 3, (double[]){1000, 1, 1});
    for (size_t turn = 0; turn < before; turn++) choose(&fleet);
    leave(&fleet, 0);
    assert_exact(&fleet, (int[]){1000, 1, 1}, 20, 0);
    fleet_free(&fleet);
  }
}

static void a_cluster_that_was_long_not_offered_has_nothing_to_catch_up_on(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "weighted", 3, (double[]){2, 1, 1});
  only(&fleet, 0, 2);
  for (size_t turn = 0; turn < 3000; turn++) choose(&fleet);
  only(&fleet, 0, 3);
  assert_exact(&fleet, (int[]){2, 1, 1}, 100, 4);
  fleet_free(&fleet);
}

static void one_that_flaps_whenever_it_was_chosen_does_not_upset_the_others(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "weighted", 3, (double[]){5, 3, 2});
  int counts[3] = {0};
  for (size_t turn = 0; turn < 10000; turn++) {
    size_t chosen = choose(&fleet);
    counts[chosen]++;
    if (chosen == 2) come_back(&fleet, 2);
  }
  assert_in_range(counts[0] * 3, counts[1] * 5 - 15, counts[1] * 5 + 15);
  assert_exact(&fleet, (int[]){5, 3, 2}, 1000, 10);
  fleet_free(&fleet);
}

static void weight_0_is_chosen_only_when_nothing_else_is_left(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "weighted", 4, (double[]){0, 2, 0, 1});
  assert_counts(&fleet, 300, (int[]){0, 200, 0, 100});
  leave(&fleet, 1);
  leave(&fleet, 3);
  assert_counts(&fleet, 300, (int[]){150, 0, 150, 0});
  come_back(&fleet, 3);
  assert_counts(&fleet, 10, (int[]){0, 0, 0, 10});
  fleet_free(&fleet);
}

static void a_new_weight_counts_from_the_next_selection_on(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "weighted", 2, (double[]){700, 300});
  for (size_t turn = 0; turn < 7; turn++) choose(&fleet);
  fleet.clusters[0].weight = 1;
  fleet.clusters[1].weight = 3;
  assert_exact(&fleet, (int[]){1, 3}, 100, 4);
  fleet_free(&fleet);
}

static void a_weight_set_to_0_ends_what_was_owed(void **state) {
  for (size_t before = 0; before < 10; before++) {
    struct fleet fleet;
    fleet_init(&fleet, "weighted", 3, (double[]){5, 3, 2});
    for (size_t turn = 0; turn < before; turn++) choose(&fleet);
    fleet.clusters[1].weight = 0;
    for (size_t turn = 0; turn < 20; turn++) assert_int_not_equal(choose(&fleet), 1);
    fleet.clusters[1].weight = 3;
    assert_exact(&fleet, (int[]){5, 3, 2}, 100, 10);
    fleet_free(&fleet);
  }
}

/* --- least-connections --- */

static void take_place(struct fleet *fleet, size_t cluster) {
  int fewest = INT32_MAX;
  for (size_t i = 0; i < fleet->count; i++)
    if (!fleet->away[i] && fleet->clusters[i].active < fewest) fewest = fleet->clusters[i].active;
  assert_int_equal(fleet->clusters[cluster].active, fewest);
  fleet->clusters[cluster].active++;
}

static void least_connections_fills_the_clusters_evenly_and_ties_go_in_turn(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "least-connections", 3, (double[]){1, 50, 0});
  for (size_t turn = 0; turn < 300; turn++) {
    size_t chosen = choose(&fleet);
    assert_int_equal(chosen, turn % 3);
    take_place(&fleet, chosen);
  }
  for (size_t i = 0; i < 3; i++) fleet.clusters[i].active = 0;
  assert_counts(&fleet, 300, (int[]){100, 100, 100}); /* each left again before the next comes */
  fleet_free(&fleet);
}

static void least_connections_takes_the_fewest_while_places_and_clusters_come_and_go(void **state) {
  moon_random_seed(3);
  struct fleet fleet;
  fleet_init(&fleet, "least-connections", 7, NULL);
  size_t places[4000], taken = 0;
  for (size_t turn = 0; turn < 4000; turn++) {
    places[taken] = choose(&fleet);
    take_place(&fleet, places[taken++]);
    while (taken && moon_random_below(taken + 30) >= 30) {
      size_t left = moon_random_below(taken);
      fleet.clusters[places[left]].active--;
      places[left] = places[--taken];
    }
    size_t changed = 1 + moon_random_below(6);
    if (turn % 50 == 0) fleet.away[changed] ? come_back(&fleet, changed) : leave(&fleet, changed);
  }
  fleet_free(&fleet);
}

struct crowd {
  pthread_mutex_t lock;
  struct fleet *fleet;
  int wrong;
};

/* Takes a place under the lock, as the manager does, and leaves it 1,000 times; then takes 100 for good. */
static void *come_and_go(void *arg) {
  struct crowd *crowd = arg;
  struct fleet *fleet = crowd->fleet;
  for (int turn = 0; turn < 1100; turn++) {
    pthread_mutex_lock(&crowd->lock);
    size_t chosen = fleet->strategy.select(fleet->strategy.ctx, fleet->clusters, fleet->count, NULL);
    for (size_t i = 0; i < fleet->count; i++)
      if (fleet->clusters[i].active < fleet->clusters[chosen].active) crowd->wrong++;
    fleet->clusters[chosen].active++;
    pthread_mutex_unlock(&crowd->lock);
    if (turn >= 1000) continue;
    pthread_mutex_lock(&crowd->lock);
    fleet->clusters[chosen].active--;
    pthread_mutex_unlock(&crowd->lock);
  }
  return NULL;
}

static void eight_threads_fill_the_clusters_evenly(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "least-connections", 4, NULL);
  struct crowd crowd = {PTHREAD_MUTEX_INITIALIZER, &fleet, 0};
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  assert_int_equal(crowd.wrong, 0);
  /* 100 places were taken after the last was left: enough to level whatever that left uneven. */
  for (size_t i = 0; i < 4; i++) assert_int_equal(fleet.clusters[i].active, 200);
  fleet_free(&fleet);
}

/* --- random --- */

static void random_is_even_and_each_choice_is_by_itself(void **state) {
  moon_random_seed(4);
  struct fleet fleet;
  fleet_init(&fleet, "random", 8, (double[]){1, 2, 3, 4, 5, 6, 7, 0});
  int counts[8] = {0}, pairs[64] = {0};
  double expected[64];
  for (size_t turn = 0; turn < 64000; turn++) {
    size_t first = choose(&fleet), second = choose(&fleet);
    counts[first]++;
    counts[second]++;
    pairs[first * 8 + second]++;
  }
  /* Chance alone exceeds each bound once in 1,000 seeds. */
  for (size_t i = 0; i < 8; i++) expected[i] = 16000;
  assert_true(chi_square(counts, expected, 8) < 24.32);
  for (size_t i = 0; i < 64; i++) expected[i] = 1000;
  assert_true(chi_square(pairs, expected, 64) < 103.44);
  fleet_free(&fleet);
}

/* --- rendezvous --- */

enum { KEYS = 20000 };

/* Who gets each of many keys that are alike: the hard case for a hash. */
static void place_keys(struct fleet *fleet, size_t *owners) {
  for (int key = 0; key < KEYS; key++) {
    char text[32];
    snprintf(text, sizeof text, "tenant-%d", key);
    owners[key] = choose_for(fleet, text);
  }
}

static double keys_chi_square(const struct fleet *fleet, const size_t *owners) {
  int counts[MOST] = {0};
  double expected[MOST], weights = 0;
  for (int key = 0; key < KEYS; key++) counts[owners[key]]++;
  for (size_t i = 0; i < fleet->count; i++) weights += fleet->clusters[i].weight;
  for (size_t i = 0; i < fleet->count; i++) expected[i] = KEYS * fleet->clusters[i].weight / weights;
  return chi_square(counts, expected, fleet->count);
}

static void a_key_goes_to_the_same_cluster_in_any_process_and_order(void **state) {
  struct fleet fleet, backwards;
  fleet_init(&fleet, "rendezvous", 10, NULL);
  fleet_init(&backwards, "rendezvous", 10, NULL);
  for (size_t i = 0; i < 10; i++) backwards.clusters[i].name = fleet.names[9 - i];
  size_t owners[KEYS], others[KEYS];
  place_keys(&fleet, owners);
  place_keys(&backwards, others);
  for (int key = 0; key < KEYS; key++) assert_int_equal(owners[key], 9 - others[key]);
  const size_t pinned[] = {4, 7, 1, 1, 2, 4, 6, 9, 2, 3, 1, 2}; /* a change here moves everybody's keys */
  for (size_t key = 0; key < sizeof pinned / sizeof *pinned; key++) assert_int_equal(owners[key], pinned[key]);
  fleet_free(&fleet);
  fleet_free(&backwards);
}

static void keys_spread_by_weight(void **state) {
  size_t owners[KEYS];
  struct fleet fleet;
  fleet_init(&fleet, "rendezvous", 10, NULL);
  place_keys(&fleet, owners);
  assert_true(keys_chi_square(&fleet, owners) < 27.88); /* 9 degrees of freedom: once in 1,000 */
  fleet_free(&fleet);
  fleet_init(&fleet, "rendezvous", 4, (double[]){1, 3, 0.5, 5.5});
  place_keys(&fleet, owners);
  assert_true(keys_chi_square(&fleet, owners) < 16.27); /* 3 degrees */
  fleet_free(&fleet);
}

static void only_the_keys_of_the_cluster_that_comes_or_goes_move(void **state) {
  size_t all[KEYS], fewer[KEYS], again[KEYS];
  struct fleet fleet;
  fleet_init(&fleet, "rendezvous", 10, NULL);
  place_keys(&fleet, all);
  leave(&fleet, 4);
  place_keys(&fleet, fewer);
  int moved = 0, inherited[10] = {0};
  for (int key = 0; key < KEYS; key++) {
    if (all[key] == 4) {
      moved++;
      inherited[fewer[key]]++;
    } else {
      assert_int_equal(fewer[key], all[key]);
    }
  }
  assert_in_range(moved, 1830, 2170); /* 2,000 and 4 standard deviations */
  for (size_t i = 0; i < 10; i++)     /* they go to all the others: 222 each and 4 standard deviations */
    if (i != 4) assert_in_range(inherited[i], 165, 280);
  come_back(&fleet, 4);
  place_keys(&fleet, again);
  assert_memory_equal(again, all, sizeof all);
  fleet_free(&fleet);
}

static void a_heavier_cluster_gains_keys_and_no_others_move(void **state) {
  size_t before[KEYS], after[KEYS];
  struct fleet fleet;
  fleet_init(&fleet, "rendezvous", 5, NULL);
  place_keys(&fleet, before);
  fleet.clusters[2].weight = 2;
  place_keys(&fleet, after);
  int gained = 0;
  for (int key = 0; key < KEYS; key++) {
    if (after[key] == before[key]) continue;
    assert_int_equal(after[key], 2);
    gained++;
  }
  assert_in_range(gained, 2400, 2940); /* 1/3 - 1/5 of the keys, and 5 standard deviations */
  fleet_free(&fleet);
}

static void a_key_goes_to_weight_0_only_when_nothing_else_is_left(void **state) {
  size_t owners[KEYS];
  struct fleet fleet;
  fleet_init(&fleet, "rendezvous", 3, (double[]){0, 1e-6, 0});
  place_keys(&fleet, owners);
  for (int key = 0; key < KEYS; key++) assert_int_equal(owners[key], 1);
  leave(&fleet, 1);
  place_keys(&fleet, owners);
  int first = 0;
  for (int key = 0; key < KEYS; key++) first += owners[key] == 0;
  assert_in_range(first, 9700, 10300);
  fleet_free(&fleet);
}

static void without_a_key_the_clusters_are_chosen_in_turn(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "rendezvous", 3, NULL);
  for (size_t turn = 0; turn < 30; turn++) {
    assert_int_equal(choose(&fleet), turn % 3);
    choose_for(&fleet, "tenant-1"); /* one with a key takes nobody's turn */
  }
  fleet_free(&fleet);
}

/* --- peak-ewma --- */

static void the_lowest_latency_per_place_and_weight_is_chosen(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "peak-ewma", 3, NULL);
  for (size_t i = 0; i < 3; i++) fleet.clusters[i].latency_us = 1000 * (double)(i + 1);
  assert_int_equal(choose(&fleet), 0);
  fleet.clusters[0].active = 2; /* 3,000 beside 2,000 */
  assert_int_equal(choose(&fleet), 1);
  fleet.clusters[2].weight = 4; /* 750 */
  assert_int_equal(choose(&fleet), 2);
  fleet.clusters[2].weight = 0;
  assert_int_equal(choose(&fleet), 1);
  fleet.clusters[2].latency_us = 0; /* unknown, but it is not to be tried */
  assert_int_equal(choose(&fleet), 1);
  leave(&fleet, 0);
  leave(&fleet, 1);
  assert_int_equal(choose(&fleet), 2);
  fleet_free(&fleet);
}

static void places_follow_the_inverse_of_the_latency(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "peak-ewma", 3, NULL);
  for (size_t i = 0; i < 3; i++) fleet.clusters[i].latency_us = (double[]){1000, 2000, 4000}[i];
  for (size_t turn = 0; turn < 70; turn++) fleet.clusters[choose(&fleet)].active++;
  assert_int_equal(fleet.clusters[0].active, 40);
  assert_int_equal(fleet.clusters[1].active, 20);
  assert_int_equal(fleet.clusters[2].active, 10);
  fleet_free(&fleet);
}

static void an_unknown_latency_is_tried_first_but_not_by_everybody(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "peak-ewma", 3, NULL);
  fleet.clusters[0].latency_us = 20000;
  assert_int_equal(choose(&fleet), 1);
  fleet.clusters[1].active++;
  assert_int_equal(choose(&fleet), 2);
  fleet.clusters[2].active++;
  for (int i = 0; i < 20; i++) { /* none of them has answered yet */
    assert_int_equal(choose(&fleet), 0);
    fleet.clusters[0].active++;
  }
  fleet_free(&fleet);

  fleet_init(&fleet, "peak-ewma", 3, NULL); /* nothing is known of anybody: evenly */
  for (size_t turn = 0; turn < 30; turn++) fleet.clusters[choose(&fleet)].active++;
  for (size_t i = 0; i < 3; i++) assert_int_equal(fleet.clusters[i].active, 10);
  fleet_free(&fleet);
}

/* --- priority --- */

static void the_first_priority_spills_over_when_it_is_full(void **state) {
  struct fleet fleet;
  fleet_init(&fleet, "priority", 5, NULL);
  for (size_t i = 0; i < 5; i++) fleet.clusters[i].priority = (int[]){5, -1, 5, -1, 7}[i];
  for (size_t turn = 0; turn < 50; turn++) {
    size_t chosen = choose(&fleet);
    const size_t expected[] = {turn % 2 ? 3 : 1, turn % 2 ? 2 : 0, 4};
    assert_int_equal(chosen, expected[turn / 20]);
    fleet.clusters[chosen].active++;
  }
  assert_int_equal(choose(&fleet), 1); /* all are full: the first again */
  fleet.clusters[1].active++;
  assert_int_equal(choose(&fleet), 3);
  fleet.clusters[4].active--;
  assert_int_equal(choose(&fleet), 4);
  leave(&fleet, 1);
  leave(&fleet, 3);
  fleet.clusters[0].active = 3;
  assert_int_equal(choose(&fleet), 0);
  fleet_free(&fleet);
}

/* --- what it costs --- */

static void a_selection_among_100_clusters_allocates_nothing(void **state) {
  if (!allocations_are_counted()) skip();
  for (const char *const *name = moon_strategy_names(); *name; name++) {
    struct fleet fleet;
    size_t before = allocations;
    fleet_init(&fleet, *name, 100, NULL);
    assert_true(allocations > before); /* making one allocates, and is seen */
    before = allocations;
    for (size_t turn = 0; turn < 1000; turn++) {
      fleet.clusters[turn % 100].weight = (double)(turn % 7);
      fleet.strategy.select(fleet.strategy.ctx, fleet.clusters, 100, turn % 2 ? "a key" : NULL);
    }
    assert_int_equal(allocations - before, 0);
    fleet_free(&fleet);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_name_makes_its_strategy),
      cmocka_unit_test(round_robin_goes_in_the_order_of_addition_whatever_the_weights),
      cmocka_unit_test(round_robin_goes_on_evenly_when_a_cluster_leaves_or_returns),
      cmocka_unit_test(two_selectors_in_turn_do_not_always_meet_the_same_clusters),
      cmocka_unit_test(who_takes_part_in_a_tenth_of_the_selections_gets_a_tenth_of_its_share),
      cmocka_unit_test(weights_7_and_3_give_70_and_30_and_never_more_than_3_in_a_row),
      cmocka_unit_test(one_heavy_cluster_is_interleaved_with_many_light_ones),
      cmocka_unit_test(fractions_are_as_exact_as_whole_numbers),
      cmocka_unit_test(every_window_of_a_period_is_exact_for_any_weights),
      cmocka_unit_test(it_stays_exact_while_clusters_leave_and_return),
      cmocka_unit_test(when_a_heavy_cluster_leaves_the_light_ones_share_evenly_at_once),
      cmocka_unit_test(a_cluster_that_was_long_not_offered_has_nothing_to_catch_up_on),
      cmocka_unit_test(one_that_flaps_whenever_it_was_chosen_does_not_upset_the_others),
      cmocka_unit_test(weight_0_is_chosen_only_when_nothing_else_is_left),
      cmocka_unit_test(a_new_weight_counts_from_the_next_selection_on),
      cmocka_unit_test(a_weight_set_to_0_ends_what_was_owed),
      cmocka_unit_test(least_connections_fills_the_clusters_evenly_and_ties_go_in_turn),
      cmocka_unit_test(least_connections_takes_the_fewest_while_places_and_clusters_come_and_go),
      cmocka_unit_test(eight_threads_fill_the_clusters_evenly),
      cmocka_unit_test(random_is_even_and_each_choice_is_by_itself),
      cmocka_unit_test(a_key_goes_to_the_same_cluster_in_any_process_and_order),
      cmocka_unit_test(keys_spread_by_weight),
      cmocka_unit_test(only_the_keys_of_the_cluster_that_comes_or_goes_move),
      cmocka_unit_test(a_heavier_cluster_gains_keys_and_no_others_move),
      cmocka_unit_test(a_key_goes_to_weight_0_only_when_nothing_else_is_left),
      cmocka_unit_test(without_a_key_the_clusters_are_chosen_in_turn),
      cmocka_unit_test(the_lowest_latency_per_place_and_weight_is_chosen),
      cmocka_unit_test(places_follow_the_inverse_of_the_latency),
      cmocka_unit_test(an_unknown_latency_is_tried_first_but_not_by_everybody),
      cmocka_unit_test(the_first_priority_spills_over_when_it_is_full),
      cmocka_unit_test(a_selection_among_100_clusters_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
