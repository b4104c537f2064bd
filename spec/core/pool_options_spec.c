/* pool_options_spec.c: which options of pools are refused, and with what words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pool/pool.h"

static void expect_bad(const moon_pool_options *options, const char *message) {
  moon_error *err = moon_pool_options_check(options);
  assert_non_null(err);
  assert_int_equal(err->kind, MOON_CONFIG);
  assert_string_equal(err->message, message);
  moon_error_free(err);
}

static void the_default_options_are_good(void **state) {
  assert_null(moon_pool_options_check(&moon_pool_default_options));
}

static void options_out_of_range_are_named_as_scripts_write_them(void **state) {
  moon_pool_options options = moon_pool_default_options;
  options.max_connections = 0;
  expect_bad(&options, "maxConnections is 0, expected 1 to 100000");
  options = moon_pool_default_options;
  options.acquire_timeout_ms = 0;
  expect_bad(&options, "acquireTimeout is 0, expected 1 to 31622400000");
  options = moon_pool_default_options;
  options.max_idle_time_ms = -1;
  expect_bad(&options, "maxIdleTime is -1, expected 0 to 31622400000");
  options = moon_pool_default_options;
  options.max_streams_per_connection = 10001;
  expect_bad(&options, "maxStreamsPerConnection is 10001, expected 1 to 10000");
}

static void options_that_contradict_each_other_are_refused(void **state) {
  moon_pool_options options = moon_pool_default_options;
  options.min_connections = 11;
  expect_bad(&options, "minConnections (11) is greater than maxConnections (10)");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_default_options_are_good),
      cmocka_unit_test(options_out_of_range_are_named_as_scripts_write_them),
      cmocka_unit_test(options_that_contradict_each_other_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
