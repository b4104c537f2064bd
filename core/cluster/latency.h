/* latency.h: the time to the first byte as a peak EWMA: a slower answer counts at once and in full, faster ones pull it
 * down with a time constant of 10 s. Plain data without a lock: its owner's guards it. */
#ifndef MOON_CLUSTER_LATENCY_H
#define MOON_CLUSTER_LATENCY_H

#include <stdint.h>

typedef struct moon_latency {
  double us; /* 0: unknown */
  int64_t at_ms;
} moon_latency;

void moon_latency_add(moon_latency *latency, int64_t sample_us, int64_t now_ms);
/* What to expect of the next request. It is forgotten, with the same time constant, while no answer brings news: who
 * chooses by it would never again try one that was slow once. */
double moon_latency_expected_us(const moon_latency *latency, int64_t now_ms);

#endif
