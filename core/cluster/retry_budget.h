/* retry_budget.h: how many further attempts may run in a cluster at once: one for every five calls that are active
 * there (20 %), and three in any case.
 *
 * While a server is well the few retries that there are never meet this limit. When it fails many calls at once, what
 * is tried again is a small part of what it has to bear anyway, so that retries cannot keep it down. Whoever is denied
 * has sent nothing: it may come again later. Counters only, without a lock; any thread. */
#ifndef MOON_CLUSTER_RETRY_BUDGET_H
#define MOON_CLUSTER_RETRY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct moon_retry_budget {
  atomic_int running;
  _Atomic uint64_t begun, denied; /* so far */
} moon_retry_budget;

/* Before a further attempt, while `active` calls are under way (it is one of them). True: it may run, and
 * moon_retry_budget_leave follows. */
bool moon_retry_budget_enter(moon_retry_budget *budget, int active);
void moon_retry_budget_leave(moon_retry_budget *budget);

#endif
