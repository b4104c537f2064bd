/* clock.h: the only source of time in the core.
 *
 * Monotonic, integer, unit in the name. Tests set it: from then on it stands still until it is set or moved again, in
 * every thread. Wall-clock time is for certificates and logs only. */
#ifndef MOON_BASE_CLOCK_H
#define MOON_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t moon_clock_now_ms(void);
int64_t moon_clock_now_ns(void);
int64_t moon_clock_coarse_ms(void); /* up to 10 ms behind now_ms, at a quarter of its cost */
int64_t moon_clock_wall_ms(void);   /* since 1970, UTC; not settable */
int64_t moon_clock_thread_ns(void); /* what the calling thread has had of the processor; not settable */

void moon_clock_set_ms(int64_t now_ms);       /* freezes the clock at now_ms (> 0) */
void moon_clock_advance_ms(int64_t delta_ms); /* moves a frozen clock */
void moon_clock_run(void);                    /* back to real time */
/* The real CLOCK_MONOTONIC, whatever a test has set: until when a thread is to wait. */
struct timespec moon_clock_deadline(int64_t delay_ms);

#endif
