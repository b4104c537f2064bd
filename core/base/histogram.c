/* histogram.c: see histogram.h. Bucket 16 + 8 * (e - 4) + s holds the values whose highest bit is e and whose next
 * three bits are s. */
#include "base/histogram.h"

static int bucket_of(int64_t value) {
  if (value < 16) return (int)value;
  int exponent = 63 - __builtin_clzll((unsigned long long)value);
  int bucket = 16 + 8 * (exponent - 4) + (int)(value >> (exponent - 3) & 7);
  return bucket < MOON_HISTOGRAM_BUCKETS ? bucket : MOON_HISTOGRAM_BUCKETS - 1;
}

/* The largest value of a bucket. */
static int64_t bucket_top(int bucket) {
  if (bucket < 16) return bucket;
  int shift = (bucket - 16) / 8 + 1;
  return ((int64_t)(8 + (bucket - 16) % 8 + 1) << shift) - 1;
}

void moon_histogram_record(moon_histogram *histogram, int64_t value) {
  if (value < 0) value = 0;
  if (value > histogram->max) histogram->max = value;
  histogram->counts[bucket_of(value)]++;
  histogram->samples++;
}

int64_t moon_histogram_percentile(const moon_histogram *histogram, double percent) {
  if (!histogram->samples) return 0;
  double wanted = (double)histogram->samples * percent / 100;
  uint64_t seen = 0;
  for (int bucket = 0; bucket < MOON_HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (!seen || (double)seen < wanted) continue;
    int64_t top = bucket_top(bucket);
    return top < histogram->max ? top : histogram->max;
  }
  return histogram->max;
}
