/* pool_events_spec.c: the queue of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "pool/events.h"

static void count_wake(void *ctx) {
  ++*(int *)ctx;
}

static bool append(moon_event_queue *queue, uint64_t conn_id) {
  const moon_event event = {.conn_id = conn_id, .text = moon_strdup("text")};
  bool wake = moon_event_queue_append(queue, &event);
  if (wake) moon_event_queue_wake(queue);
  return wake;
}

static void events_come_out_in_order_and_wake_once_per_batch(void **state) {
  int wakes = 0;
  moon_event_queue *queue = moon_event_queue_new(1000, count_wake, &wakes);
  moon_event event;
  for (uint64_t round = 0; round < 3; round++) {
    for (uint64_t i = 1; i <= 200; i++) assert_int_equal(append(queue, i), i == 1);
    assert_int_equal(wakes, round + 1);
    for (uint64_t i = 1; i <= 200; i++) {
      assert_true(moon_event_queue_take(queue, &event));
      assert_int_equal(event.conn_id, i);
      moon_event_clear(&event);
    }
    assert_false(moon_event_queue_take(queue, &event));
  }
  assert_int_equal(moon_event_queue_dropped(queue), 0);
  moon_event_queue_release(queue);
}

static void past_the_limit_the_oldest_are_dropped_and_counted(void **state) {
  moon_event_queue *queue = moon_event_queue_new(100, NULL, NULL);
  for (uint64_t i = 1; i <= 250; i++) append(queue, i);
  assert_int_equal(moon_event_queue_dropped(queue), 150);
  moon_event event;
  for (uint64_t i = 151; i <= 250; i++) {
    assert_true(moon_event_queue_take(queue, &event));
    assert_int_equal(event.conn_id, i);
    moon_event_clear(&event);
  }
  assert_false(moon_event_queue_take(queue, &event));
  moon_event_queue_release(queue);
}

static void a_closed_queue_takes_nothing_and_wakes_nobody(void **state) {
  int wakes = 0;
  moon_event_queue *queue = moon_event_queue_new(100, count_wake, &wakes);
  append(queue, 1);
  moon_event_queue_close(queue);
  assert_false(append(queue, 2));
  moon_event_queue_wake(queue);
  assert_int_equal(wakes, 1);
  moon_event event;
  assert_true(moon_event_queue_take(queue, &event));
  moon_event_clear(&event);
  assert_false(moon_event_queue_take(queue, &event));
  moon_event_queue_release(queue);
}

static void events_have_the_names_that_scripts_listen_to(void **state) {
  const char *const names[] = {"connectionCreated", "connectionAcquired",  "connectionReleased",
                               "connectionRemoved", "connectionUnhealthy", "connectionLeaked",
                               "acquireTimeout",    "poolReady",           "poolDrained"};
  for (int kind = 0; kind < 9; kind++) assert_string_equal(moon_event_name((moon_event_kind)kind), names[kind]);
  const char *const reasons[] = {"idle", "lifetime", "unhealthy", "error", "stale", "closed"};
  for (int i = 0; i < MOON_REMOVED_REASONS; i++)
    assert_string_equal(moon_remove_reason_name((moon_remove_reason)i), reasons[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_come_out_in_order_and_wake_once_per_batch),
      cmocka_unit_test(past_the_limit_the_oldest_are_dropped_and_counted),
      cmocka_unit_test(a_closed_queue_takes_nothing_and_wakes_nobody),
      cmocka_unit_test(events_have_the_names_that_scripts_listen_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
