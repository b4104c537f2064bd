/* strategy.h: the strategies that come with moonpool, behind the interface of moonpool.h (moon_strategy).
 *
 *   round-robin        evenly, in the order in which the clusters were added; weights are ignored
 *   least-connections  the fewest places taken (moon_candidate.active); ties in turn; weights are ignored
 *   weighted           in proportion to the weights (fractions too), smoothly interleaved (7 and 3: never more than
 *                      three of the first in a row); weight 0: evenly among those, when nothing else is left
 *   random             evenly, each choice by itself
 *   peak-ewma          the lowest latency * (active + 1) / weight; one whose latency is unknown is tried first, and
 *                      counts as slow (1 s) until its first answer; weight 0 as above, by places taken
 *   rendezvous         the key decides (highest random weight): the same key goes to the same cluster, in every
 *                      process, and when a cluster comes or goes only the keys that it gains or had move; likewise when
 *                      a weight changes; without a key as round-robin
 *   priority           the lowest `priority` number that is not full (active < capacity); within it fewest active, ties
 *                      in turn; when all are full, the fewest active of the first
 *
 * Round-robin and weighted are exact: while the candidates and their weights stay the same, each window of a full
 * period holds each cluster as often as its weight says. In the first period after a change one may be a turn off.
 *
 * A selection takes time in proportion to the number of candidates and allocates nothing. */
#ifndef MOON_CLUSTER_STRATEGY_H
#define MOON_CLUSTER_STRATEGY_H

#include "moonpool.h"

/* Makes a built-in strategy; false when there is none of that name. The owner ends with strategy->free(strategy->ctx).
 * A strategy's slots are its own: they begin at 0 with it, and a second one over the same clusters (a fall-back) has
 * others. */
bool moon_strategy_make(const char *name, moon_strategy *out);
/* Their names, NULL-terminated. */
const char *const *moon_strategy_names(void);

#endif
