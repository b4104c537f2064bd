/* lookups.c: see lookups.h. */
#include "net/lookups.h"

#include <pthread.h>
#include <stdint.h>

#include "base/clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t taken_until_ms[MOON_MAX_LOOKUPS];

int moon_lookup_begin(void) {
  int64_t now_ms = moon_clock_now_ms();
  int place = MOON_MAX_LOOKUPS - 1;
  pthread_mutex_lock(&lock);
  while (place >= 0 && taken_until_ms[place] > now_ms) place--;
  if (place >= 0) taken_until_ms[place] = INT64_MAX;
  pthread_mutex_unlock(&lock);
  return place;
}

static void take_until(int place, int64_t until_ms) {
  pthread_mutex_lock(&lock);
  taken_until_ms[place] = until_ms;
  pthread_mutex_unlock(&lock);
}

void moon_lookup_end(int place) {
  take_until(place, 0);
}

void moon_lookup_give_up(int place) {
  take_until(place, moon_clock_now_ms() + MOON_LOOKUP_LINGERS_MS);
}
