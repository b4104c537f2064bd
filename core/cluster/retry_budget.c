/* retry_budget.c: see retry_budget.h. */
#include "cluster/retry_budget.h"

enum { AT_LEAST = 3, ACTIVE_PER_RETRY = 5 };

bool moon_retry_budget_enter(moon_retry_budget *budget, int active) {
  int limit = active / ACTIVE_PER_RETRY;
  if (limit < AT_LEAST) limit = AT_LEAST;
  int running = atomic_load(&budget->running);
  while (running < limit) {
    if (!atomic_compare_exchange_weak(&budget->running, &running, running + 1)) continue;
    atomic_fetch_add(&budget->begun, 1);
    return true;
  }
  atomic_fetch_add(&budget->denied, 1);
  return false;
}

void moon_retry_budget_leave(moon_retry_budget *budget) {
  atomic_fetch_sub(&budget->running, 1);
}
