/* random.c: see random.h. The generator is xorshift64*. */
#include "base/random.h"

#include <sys/random.h>

#include "base/clock.h"

static _Thread_local uint64_t state;

void moon_random_seed(uint64_t seed) {
  state = seed ? seed : 1;
}

uint64_t moon_random(void) {
  if (!state) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = (uint64_t)moon_clock_wall_ms();
    moon_random_seed(seed);
  }
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * UINT64_C(2685821657736338717);
}

uint64_t moon_random_below(uint64_t limit) {
  return moon_random() % limit;
}

int64_t moon_random_jitter(int64_t value, int percent) {
  int64_t span = value / 100 * percent + value % 100 * percent / 100;
  return span > 0 ? value - span + (int64_t)moon_random_below(2 * (uint64_t)span + 1) : value;
}
