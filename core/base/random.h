/* random.h: jitter and choices. Not for keys: those come from OpenSSL. Each thread has its own generator, seeded from
 * the kernel; tests seed it. */
#ifndef MOON_BASE_RANDOM_H
#define MOON_BASE_RANDOM_H

#include <stdint.h>

uint64_t moon_random(void);
uint64_t moon_random_below(uint64_t limit);             /* 0 .. limit - 1; limit > 0 */
int64_t moon_random_jitter(int64_t value, int percent); /* value +/- percent, evenly */
void moon_random_seed(uint64_t seed);                   /* this thread's generator */

#endif
