/* histogram_spec.c: percentiles in fixed memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/histogram.h"

static void an_empty_one_answers_0(void **state) {
  moon_histogram histogram = {0};
  assert_int_equal(moon_histogram_percentile(&histogram, 50), 0);
}

static void small_values_are_exact(void **state) {
  moon_histogram histogram = {0};
  for (int value = 0; value < 16; value++) moon_histogram_record(&histogram, value);
  assert_int_equal(moon_histogram_percentile(&histogram, 50), 7);
  assert_int_equal(moon_histogram_percentile(&histogram, 100), 15);
  moon_histogram_record(&histogram, -5);
  assert_int_equal(moon_histogram_percentile(&histogram, 0), 0);
}

static void any_value_is_found_again_within_an_eighth(void **state) {
  for (int64_t value = 1; value < INT64_C(1) << 39; value += value / 7 + 1) {
    moon_histogram histogram = {0};
    moon_histogram_record(&histogram, value);
    moon_histogram_record(&histogram, INT64_C(1) << 40);
    int64_t found = moon_histogram_percentile(&histogram, 50);
    assert_in_range(found, value, value + value / 8);
  }
}

static void the_highest_answer_is_the_largest_value(void **state) {
  moon_histogram histogram = {0};
  for (int value = 1; value <= 1000; value++) moon_histogram_record(&histogram, value);
  assert_in_range(moon_histogram_percentile(&histogram, 50), 500, 563);
  assert_in_range(moon_histogram_percentile(&histogram, 99), 990, 1000);
  moon_histogram_record(&histogram, INT64_MAX);
  assert_int_equal(histogram.max, INT64_MAX);
  assert_int_equal(histogram.samples, 1001);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_one_answers_0),
      cmocka_unit_test(small_values_are_exact),
      cmocka_unit_test(any_value_is_found_again_within_an_eighth),
      cmocka_unit_test(the_highest_answer_is_the_largest_value),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
