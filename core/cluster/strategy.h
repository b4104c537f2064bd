/* strategy.h: the strategies that come with moonpool, behind the interface of moonpool.h (moon_strategy).
 *
 *   round-robin        in the order in which the clusters were added, evenly; weights are ignored
 *   least-connections  the fewest places taken (moon_candidate.active); ties in turn
 *   weighted           in proportion to the weights, smoothly interleaved (7 and 3: never more than three of the first
 * in a row); exact over every full period random             evenly, each choice by itself peak-ewma          the
 * lowest (latency * (active + 1) / weight); a cluster whose latency is unknown is tried first rendezvous         the
 * key decides (highest random weight): the same key goes to the same cluster, and when a cluster comes or goes only the
 * keys that it gains or had move; weights count; without a key in turn priority           the lowest `priority` number
 * that is not full (active < capacity); within it fewest active, ties in turn; when all are full, the fewest active of
 * the first
 *
 * Each selection looks at each candidate at most once and allocates nothing. */
#ifndef MOON_CLUSTER_STRATEGY_H
#define MOON_CLUSTER_STRATEGY_H

#include "moonpool.h"

/* Makes a built-in strategy; false when there is none of that name. The owner ends with strategy->free(strategy->ctx).
 */
bool moon_strategy_make(const char *name, moon_strategy *out);
/* Their names, NULL-terminated. */
const char *const *moon_strategy_names(void);

#endif
