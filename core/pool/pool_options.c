/* pool_options.c: what a pool can be told, its defaults, and what makes no sense. */
#include "base/error.h"
#include "pool/pool.h"

const moon_pool_options moon_pool_default_options = MOON_POOL_DEFAULTS;

moon_error *moon_pool_options_check(const moon_pool_options *options) {
  const int64_t year_ms = INT64_C(366) * 24 * 3600 * 1000;
  const struct {
    const char *name;
    int64_t value, least, most;
  } ranges[] = {
      {"maxConnections", options->max_connections, 1, 100000},
      {"minConnections", options->min_connections, 0, 100000},
      {"maxIdleTime", options->max_idle_time_ms, 0, year_ms},
      {"acquireTimeout", options->acquire_timeout_ms, 1, year_ms},
      {"healthCheckInterval", options->health_check_interval_ms, 0, year_ms},
      {"healthCheckRetries", options->health_check_retries, 0, 1000},
      {"maxLifetime", options->max_lifetime_ms, 0, year_ms},
      {"connectTimeout", options->connect_timeout_ms, 1, year_ms},
      {"healthCheckTimeout", options->health_check_timeout_ms, 1, year_ms},
      {"maxStreamsPerConnection", options->max_streams_per_connection, 1, 10000},
      {"maxConnecting", options->max_connecting, 1, 100000},
      {"leakDetectionThreshold", options->leak_detection_threshold_ms, 0, year_ms},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (ranges[i].value < ranges[i].least || ranges[i].value > ranges[i].most)
      return moon_error_new(MOON_CONFIG, "%s is %lld, expected %lld to %lld", ranges[i].name,
                            (long long)ranges[i].value, (long long)ranges[i].least, (long long)ranges[i].most);
  if (options->min_connections > options->max_connections)
    return moon_error_new(MOON_CONFIG, "minConnections (%d) is greater than maxConnections (%d)",
                          options->min_connections, options->max_connections);
  return NULL;
}
