/* timers.c: see timers.h. A binary heap; heap[i] has place i + 1. */
#include "base/timers.h"

#include <stdlib.h>

#include "base/alloc.h"

static bool earlier(const moon_timer *a, const moon_timer *b) {
  return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->sequence < b->sequence;
}

static void put(moon_timers *timers, size_t index, moon_timer *timer) {
  timers->heap[index] = timer;
  timer->place = index + 1;
}

static void sift_up(moon_timers *timers, size_t index, moon_timer *timer) {
  while (index > 0) {
    size_t parent = (index - 1) / 2;
    if (!earlier(timer, timers->heap[parent])) break;
    put(timers, index, timers->heap[parent]);
    index = parent;
  }
  put(timers, index, timer);
}

static void sift_down(moon_timers *timers, size_t index, moon_timer *timer) {
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= timers->count) break;
    if (child + 1 < timers->count && earlier(timers->heap[child + 1], timers->heap[child])) child++;
    if (!earlier(timers->heap[child], timer)) break;
    put(timers, index, timers->heap[child]);
    index = child;
  }
  put(timers, index, timer);
}

void moon_timer_init(moon_timer *timer, void (*fire)(moon_timer *)) {
  *timer = (moon_timer){.fire = fire};
}

void moon_timers_set(moon_timers *timers, moon_timer *timer, int64_t due_ms) {
  moon_timers_stop(timers, timer);
  if (timers->count == timers->capacity) {
    timers->capacity = timers->capacity ? 2 * timers->capacity : 16;
    timers->heap = moon_realloc(timers->heap, timers->capacity * sizeof *timers->heap);
  }
  timer->due_ms = due_ms;
  timer->sequence = timers->sequence++;
  sift_up(timers, timers->count++, timer);
}

void moon_timers_stop(moon_timers *timers, moon_timer *timer) {
  if (!timer->place) return;
  size_t index = timer->place - 1;
  timer->place = 0;
  moon_timer *last = timers->heap[--timers->count];
  if (last == timer) return;
  if (index > 0 && earlier(last, timers->heap[(index - 1) / 2]))
    sift_up(timers, index, last);
  else
    sift_down(timers, index, last);
}

int64_t moon_timers_next_ms(const moon_timers *timers) {
  return timers->count ? timers->heap[0]->due_ms : -1;
}

void moon_timers_run(moon_timers *timers, int64_t now_ms) {
  /* A timer set by a callback, even for now, waits for the next run: a callback cannot keep this loop going. */
  uint64_t end = timers->sequence;
  while (timers->count && timers->heap[0]->due_ms <= now_ms && timers->heap[0]->sequence < end) {
    moon_timer *timer = timers->heap[0];
    moon_timers_stop(timers, timer);
    timer->fire(timer);
  }
}

void moon_timers_free(moon_timers *timers) {
  free(timers->heap);
  *timers = (moon_timers){0};
}
