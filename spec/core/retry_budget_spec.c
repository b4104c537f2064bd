/* retry_budget_spec.c: how many further attempts may run at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/retry_budget.h"

static int enter_all(moon_retry_budget *budget, int active) {
  int entered = 0;
  while (entered < 1000 && moon_retry_budget_enter(budget, active)) entered++;
  return entered;
}

static void allows_a_fifth_of_what_is_active_and_three_at_least(void **state) {
  static const int expected[][2] = {{1, 3}, {3, 3}, {15, 3}, {19, 3}, {20, 4}, {100, 20}, {1004, 200}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    moon_retry_budget budget = {0};
    assert_int_equal(enter_all(&budget, expected[i][0]), expected[i][1]);
    assert_int_equal(budget.begun, expected[i][1]);
    assert_int_equal(budget.denied, 1);
  }
}

static void has_room_again_when_one_leaves(void **state) {
  moon_retry_budget budget = {0};
  assert_int_equal(enter_all(&budget, 1), 3);
  moon_retry_budget_leave(&budget);
  assert_true(moon_retry_budget_enter(&budget, 1));
  assert_false(moon_retry_budget_enter(&budget, 1));
  assert_true(moon_retry_budget_enter(&budget, 20)); /* more is going on */
  assert_false(moon_retry_budget_enter(&budget, 10));
}

static moon_retry_budget shared;
static atomic_int most;

static void *come_and_go(void *unused) {
  for (int i = 0; i < 20000; i++) {
    if (!moon_retry_budget_enter(&shared, 20)) continue;
    int running = shared.running, seen = most;
    while (running > seen && !atomic_compare_exchange_weak(&most, &seen, running)) continue;
    moon_retry_budget_leave(&shared);
  }
  return NULL;
}

static void is_never_exceeded_by_threads_that_come_at_once(void **state) {
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, come_and_go, NULL);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  assert_true(most >= 1 && most <= 4);
  assert_int_equal(shared.running, 0);
  assert_int_equal(shared.begun + shared.denied, 8 * 20000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allows_a_fifth_of_what_is_active_and_three_at_least),
      cmocka_unit_test(has_room_again_when_one_leaves),
      cmocka_unit_test(is_never_exceeded_by_threads_that_come_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
