/* strategy.c: see strategy.h. Runs on whichever thread selects, under its manager's lock.
 *
 * Two ideas carry all of it.
 *
 *   Shares (round-robin, weighted): with every selection each candidate is owed its share of one turn, and the one to
 *   which most is owed takes the turn. What is owed lives in the candidate's slot, in turns. It adds up to the same
 *   before and after, so who is not among the candidates of a selection (another selector, a retry, slow start) neither
 *   gains nor loses by it, and whatever the weights were before, nobody is ever far from its share: a cluster that
 *   returns starts at 0, and there is nothing to catch up on.
 *
 *   Ranks (least-connections, peak-ewma, priority): the lowest rank wins, and of equals the one that was chosen longest
 *   ago. The slot holds the number of the selection in which that was, 0 for never. */
#include "cluster/strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"

/* --- shares --- */

/* Nearer than this, what is owed to two candidates counts as the same: sums of fractions are not exact, and a tie must
 * fall the same way in each period. */
static const double SAME_TURNS = 1e-6;

static double equal_weight(const moon_candidate *candidate) {
  return 1;
}

static double own_weight(const moon_candidate *candidate) {
  return candidate->weight;
}

/* `total`: the sum of the weights. */
static inline size_t choose_most_owed(const moon_candidate *candidates, size_t count, double total,
                                      double (*weight_of)(const moon_candidate *)) {
  size_t best = 0;
  double bar = -INFINITY, turns_per_weight = 1 / total;
  for (size_t i = 0; i < count; i++) {
    double weight = weight_of(&candidates[i]);
    if (weight <= 0) continue;
    double owed = *candidates[i].slot += weight * turns_per_weight;
    if (owed > bar) {
      best = i;
      bar = owed + SAME_TURNS;
    }
  }
  *candidates[best].slot -= 1;
  return best;
}

static size_t select_round_robin(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  return choose_most_owed(candidates, count, (double)count, equal_weight);
}

static size_t select_weighted(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  double total = 0;
  for (size_t i = 0; i < count; i++) total += candidates[i].weight;
  if (total <= 0) return select_round_robin(ctx, candidates, count, key); /* nothing but weight 0 is left */
  return choose_most_owed(candidates, count, total, own_weight);
}

/* --- ranks --- */

struct rank {
  int64_t group; /* the lower group always wins */
  double load;   /* within it, the lower load */
};

static inline size_t choose_lowest(uint64_t *selections, const moon_candidate *candidates, size_t count,
                                   struct rank (*rank_of)(const moon_candidate *)) {
  size_t best = 0;
  struct rank lowest = rank_of(&candidates[0]);
  double longest_ago = *candidates[0].slot;
  for (size_t i = 1; i < count; i++) {
    struct rank here = rank_of(&candidates[i]);
    double chosen = *candidates[i].slot;
    if (here.group > lowest.group) continue;
    if (here.group == lowest.group) {
      if (here.load > lowest.load) continue;
      if (here.load == lowest.load && chosen >= longest_ago) continue;
    }
    best = i;
    lowest = here;
    longest_ago = chosen;
  }
  *candidates[best].slot = (double)++*selections;
  return best;
}

static struct rank by_places(const moon_candidate *candidate) {
  return (struct rank){0, candidate->active};
}

static size_t select_least_connections(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  return choose_lowest(ctx, candidates, count, by_places);
}

static struct rank by_priority(const moon_candidate *candidate) {
  bool full = candidate->active >= candidate->capacity;
  return (struct rank){candidate->priority + (full ? INT64_C(1) << 32 : 0), candidate->active};
}

static size_t select_priority(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  return choose_lowest(ctx, candidates, count, by_priority);
}

static struct rank by_latency(const moon_candidate *candidate) {
  /* While a first answer is awaited it may be taken to be slow: else everything would go there until it comes. */
  const double awaited_us = 1e6;
  if (candidate->weight <= 0) return (struct rank){1, candidate->active};
  if (candidate->latency_us <= 0 && !candidate->active) return (struct rank){0, 0};
  double latency = candidate->latency_us > 0 ? candidate->latency_us : awaited_us;
  return (struct rank){0, latency * (candidate->active + 1) / candidate->weight};
}

static size_t select_peak_ewma(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  return choose_lowest(ctx, candidates, count, by_latency);
}

/* --- chance, and the key --- */

static size_t select_random(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  return (size_t)moon_random_below(count);
}

/* FNV-1a, to be finished with `mix`: by itself it leaves the high bits of short texts alike. The result is the same in
 * every process and on every machine, so that several instances send a key to the same cluster. */
static uint64_t hash_text(uint64_t hash, const char *text) {
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  return hash;
}

/* The finaliser of SplitMix64: every bit of the input moves every bit of the output. */
static uint64_t mix(uint64_t hash) {
  hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
  return hash ^ hash >> 31;
}

/* Evenly in (0, 1): the cluster's own number for the key. */
static double draw(uint64_t key_hash, const moon_candidate *candidate) {
  return ((double)(mix(hash_text(key_hash, candidate->name)) >> 11) + 0.5) * 0x1p-53;
}

/* The highest score wins, and weight / -ln(u) makes winning as likely as the weight's part of the sum. Below 0 for
 * weight 0: these are chosen only among themselves. */
static size_t select_rendezvous(void *ctx, const moon_candidate *candidates, size_t count, const char *key) {
  if (!key) return select_round_robin(ctx, candidates, count, key);
  uint64_t key_hash = mix(hash_text(UINT64_C(0xcbf29ce484222325), key));
  size_t best = 0;
  double highest = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    double weight = candidates[i].weight, u = draw(key_hash, &candidates[i]);
    if (weight <= highest * (1 - u)) continue; /* -ln(u) is at least 1 - u: saves most logarithms */
    double score = weight > 0 ? weight / -log(u) : log(u);
    if (score > highest) {
      best = i;
      highest = score;
    }
  }
  return best;
}

/* --- by name --- */

static const char *const names[] = {"round-robin", "least-connections", "weighted", "random",
                                    "peak-ewma",   "rendezvous",        "priority", NULL};

static size_t (*const selects[])(void *, const moon_candidate *, size_t, const char *) = {
    select_round_robin, select_least_connections, select_weighted, select_random,
    select_peak_ewma,   select_rendezvous,        select_priority};

_Static_assert(sizeof names / sizeof *names == sizeof selects / sizeof *selects + 1, "each name has its function");

bool moon_strategy_make(const char *name, moon_strategy *out) {
  for (size_t i = 0; names[i]; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    *out = (moon_strategy){names[i], moon_zalloc(sizeof(uint64_t)), selects[i], free}; /* ctx: selections so far */
    return true;
  }
  return false;
}

const char *const *moon_strategy_names(void) {
  return names;
}
