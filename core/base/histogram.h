/* histogram.h: a distribution of durations in fixed memory.
 *
 * Log-linear: values below 16 are counted exactly, larger ones in 8 steps per power of two, so a percentile is at most
 * 12.5 % above the truth. Recording costs a few nanoseconds and never allocates. A zeroed moon_histogram is an empty
 * one. The unit is the caller's. Not thread safe. */
#ifndef MOON_BASE_HISTOGRAM_H
#define MOON_BASE_HISTOGRAM_H

#include <stdint.h>

enum { MOON_HISTOGRAM_BUCKETS = 16 + 8 * 36 }; /* up to 2^40: 12 days in microseconds */

typedef struct moon_histogram {
  uint64_t samples; /* sum of all counts */
  int64_t max;
  uint64_t counts[MOON_HISTOGRAM_BUCKETS];
} moon_histogram;

void moon_histogram_record(moon_histogram *histogram, int64_t value); /* negative counts as 0 */
/* The value that `percent` of the samples do not exceed; 0 when there is none. */
int64_t moon_histogram_percentile(const moon_histogram *histogram, double percent);

#endif
