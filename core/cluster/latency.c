/* latency.c: see latency.h. */
#include "cluster/latency.h"

#include <math.h>
#include <stdbool.h>

enum { FRESH_MS = 100 }; /* as good as now: selections ask often, and of clusters that are in use */
static const double time_constant_ms = 10000;

/* The part of it that is left after the time since the last sample. */
static double left(const moon_latency *latency, int64_t now_ms) {
  int64_t age_ms = now_ms - latency->at_ms;
  return age_ms > 0 ? exp(-(double)age_ms / time_constant_ms) : 1;
}

void moon_latency_add(moon_latency *latency, int64_t sample_us, int64_t now_ms) {
  double sample = sample_us > 0 ? (double)sample_us : 1;
  double part = left(latency, now_ms);
  latency->us = sample >= latency->us ? sample : latency->us * part + sample * (1 - part);
  latency->at_ms = now_ms;
}

double moon_latency_expected_us(const moon_latency *latency, int64_t now_ms) {
  bool fresh = now_ms - latency->at_ms < FRESH_MS;
  return fresh ? latency->us : latency->us * left(latency, now_ms);
}
