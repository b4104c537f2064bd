/* timers.h: a heap of timers, ordered by due time, then by the order in which they were set.
 *
 * The heap does not wait: its owner (a reactor, a scheduler, a test) asks when the next one is due and runs those that
 * are. A timer lives inside the thing it belongs to and must be stopped before that is freed. Not thread safe. */
#ifndef MOON_BASE_TIMERS_H
#define MOON_BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct moon_timer {
  void (*fire)(struct moon_timer *timer); /* called with the timer stopped; may set it again, or free its owner */
  int64_t due_ms;
  uint64_t sequence;
  size_t place; /* 1-based position in the heap; 0 when not set */
} moon_timer;

typedef struct moon_timers {
  moon_timer **heap;
  size_t count, capacity;
  uint64_t sequence;
} moon_timers;

void moon_timer_init(moon_timer *timer, void (*fire)(moon_timer *));
static inline bool moon_timer_active(const moon_timer *timer) {
  return timer->place != 0;
}

void moon_timers_set(moon_timers *timers, moon_timer *timer, int64_t due_ms); /* sets or moves */
void moon_timers_stop(moon_timers *timers, moon_timer *timer);                /* harmless when not set */
int64_t moon_timers_next_ms(const moon_timers *timers);                       /* due time of the first; -1: none */
void moon_timers_run(moon_timers *timers, int64_t now_ms);                    /* fires all that are due at now_ms */
void moon_timers_free(moon_timers *timers);                                   /* frees the heap, not the timers */

#endif
