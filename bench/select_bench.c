/* select_bench.c: what it costs to choose among 100 clusters under a lock, beside a lock and one look at each of them.
 *
 * Prints "name nanoseconds" lines, one for each built-in strategy and one for the floor, and how many allocations all
 * of those selections made. Rounds alternate, and the best of each counts, so that whatever else the machine does hits
 * none alone. A second thread is alive all the time: see pool_bench.c. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../spec/core/support/allocations.h"
#include "base/clock.h"
#include "cluster/strategy.h"

enum { ROUNDS = 9, TURNS = 20000, CLUSTERS = 100, MOST_STRATEGIES = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static moon_candidate clusters[CLUSTERS];
static double slots[MOST_STRATEGIES][CLUSTERS]; /* each strategy has its own */
static char names[CLUSTERS][32];

static void make_clusters(void) {
  for (int i = 0; i < CLUSTERS; i++) {
    snprintf(names[i], sizeof names[i], "prod-eu-%d", i);
    clusters[i] = (moon_candidate){.id = (uint64_t)i + 1,
                                   .name = names[i],
                                   .zone = "",
                                   .weight = 1 + i % 5,
                                   .priority = i % 3,
                                   .active = i * 7 % 11,
                                   .capacity = 10,
                                   .latency_us = 1000 + i * 37 % 500};
  }
}

static size_t look_at_each(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  size_t fewest = 0;
  int least = candidates[0].active;
  for (size_t i = 1; i < count; i++)
    if (candidates[i].active < least) least = candidates[fewest = i].active;
  return fewest;
}

/* Nanoseconds per selection. Each takes a place, and the one before leaves its own, so that there is something new to
 * see. */
static double measure(const moon_strategy *strategy, double *slot) {
  size_t before = 0;
  for (int i = 0; i < CLUSTERS; i++) clusters[i].slot = &slot[i];
  clusters[before].active++;
  int64_t begin = moon_clock_now_ns();
  for (int turn = 0; turn < TURNS; turn++) {
    pthread_mutex_lock(&lock);
    size_t chosen = strategy->select(strategy->ctx, clusters, CLUSTERS, "tenant-1");
    clusters[chosen].active++;
    clusters[before].active--;
    before = chosen;
    pthread_mutex_unlock(&lock);
  }
  int64_t end = moon_clock_now_ns();
  clusters[before].active--;
  return (double)(end - begin) / TURNS;
}

static void *be_there(void *gate) {
  pthread_mutex_lock(gate);
  pthread_mutex_unlock(gate);
  return NULL;
}

int main(void) {
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&gate);
  pthread_t company;
  if (pthread_create(&company, NULL, be_there, &gate)) return 1;

  make_clusters();
  moon_strategy strategies[MOST_STRATEGIES] = {{"floor", NULL, look_at_each, NULL}};
  size_t count = 1;
  for (const char *const *name = moon_strategy_names(); *name && count < MOST_STRATEGIES; name++)
    moon_strategy_make(*name, &strategies[count++]);

  double best[MOST_STRATEGIES];
  size_t before = allocations;
  for (int round = 0; round < ROUNDS; round++)
    for (size_t i = 0; i < count; i++) {
      double now = measure(&strategies[i], slots[i]);
      if (round == 0 || now < best[i]) best[i] = now;
    }
  size_t made = allocations - before;
  for (size_t i = 0; i < count; i++) printf("select.%s %.1f\n", strategies[i].name, best[i]);
  printf("select.allocations %zu\n", made);

  for (size_t i = 1; i < count; i++) strategies[i].free(strategies[i].ctx);
  pthread_mutex_unlock(&gate);
  pthread_join(company, NULL);
  return 0;
}
