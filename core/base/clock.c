/* clock.c: see clock.h. A frozen time of 0 means that the clock runs. */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t frozen_ns;

int64_t moon_clock_now_ns(void) {
  int64_t frozen = atomic_load_explicit(&frozen_ns, memory_order_relaxed);
  if (frozen) return frozen;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t moon_clock_now_ms(void) {
  return moon_clock_now_ns() / 1000000;
}

int64_t moon_clock_coarse_ms(void) {
  int64_t frozen = atomic_load_explicit(&frozen_ns, memory_order_relaxed);
  if (frozen) return frozen / 1000000;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t moon_clock_wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t moon_clock_thread_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void moon_clock_set_ms(int64_t now_ms) {
  atomic_store(&frozen_ns, now_ms * 1000000);
}

void moon_clock_advance_ms(int64_t delta_ms) {
  atomic_fetch_add(&frozen_ns, delta_ms * 1000000);
}

void moon_clock_run(void) {
  atomic_store(&frozen_ns, 0);
}

struct timespec moon_clock_deadline(int64_t delay_ms) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec += delay_ms / 1000;
  at.tv_nsec += delay_ms % 1000 * 1000000;
  if (at.tv_nsec >= 1000000000) {
    at.tv_sec++;
    at.tv_nsec -= 1000000000;
  }
  return at;
}
