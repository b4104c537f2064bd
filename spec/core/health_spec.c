/* health_spec.c: what probes and requests make of an API server's state, on a clock that the spec moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "cluster/health.h"

enum { INTERVAL_MS = 30000, START_MS = 1000000 };

static moon_health health;

static int set_clock(void **state) {
  moon_clock_set_ms(START_MS);
  moon_random_seed(7);
  moon_health_init(&health, INTERVAL_MS);
  return 0;
}

static int free_health(void **state) {
  moon_health_free(&health);
  moon_clock_run();
  return 0;
}

static void use_interval(int64_t interval_ms) {
  moon_health_free(&health);
  moon_health_init(&health, interval_ms);
}

static bool probe(moon_verdict verdict) {
  moon_error *err = verdict == MOON_PROBE_FAILED ? moon_error_new(MOON_CONNECT, "the probe failed") : NULL;
  return moon_health_probed(&health, verdict, err);
}

/* A failed request; whether it made a probe due. */
static bool request_fails(void) {
  moon_error *err = moon_error_new(MOON_SERVER, "the request failed");
  bool due = moon_health_request_ended(&health, err);
  moon_error_free(err);
  return due;
}

static void request_is_good(void) {
  assert_false(moon_health_request_ended(&health, NULL));
}

/* So many failed requests, of which only the last makes a probe due. */
static void row_of_failures(int count) {
  for (int i = 1; i < count; i++) assert_false(request_fails());
  assert_true(request_fails());
}

static void expect_state(moon_health_state state) {
  assert_string_equal(moon_health_state_name(health.state), moon_health_state_name(state));
}

static void make_unhealthy(void) {
  for (int i = 0; i < 3; i++) probe(MOON_PROBE_FAILED);
  expect_state(MOON_HEALTH_UNHEALTHY);
}

/* The pause is `ms`, with a jitter of 10 %: never beyond that, and on both sides of it. */
static void expect_pause(int64_t ms) {
  int64_t least = INT64_MAX, most = 0;
  for (int i = 0; i < 500; i++) {
    int64_t pause_ms = moon_health_pause_ms(&health);
    if (pause_ms < least) least = pause_ms;
    if (pause_ms > most) most = pause_ms;
  }
  assert_in_range(least, ms - ms / 10, ms - ms / 20);
  assert_in_range(most, ms + ms / 20, ms + ms / 10);
}

/* --- probes --- */

static void is_healthy_with_the_first_good_probe(void **state) {
  expect_state(MOON_HEALTH_UNKNOWN);
  assert_true(probe(MOON_PROBE_GOOD));
  expect_state(MOON_HEALTH_HEALTHY);
  assert_false(probe(MOON_PROBE_GOOD));
  expect_state(MOON_HEALTH_HEALTHY);
}

static void falls_with_the_third_failed_probe_in_a_row(void **state) {
  probe(MOON_PROBE_GOOD);
  assert_true(probe(MOON_PROBE_FAILED));
  expect_state(MOON_HEALTH_SUSPECT);
  assert_false(probe(MOON_PROBE_FAILED));
  expect_state(MOON_HEALTH_SUSPECT);
  assert_int_equal(health.failures, 2);
  assert_true(probe(MOON_PROBE_FAILED));
  expect_state(MOON_HEALTH_UNHEALTHY);
}

static void suspects_at_the_first_failed_probe_of_all(void **state) {
  assert_true(probe(MOON_PROBE_FAILED));
  expect_state(MOON_HEALTH_SUSPECT);
  probe(MOON_PROBE_FAILED);
  assert_true(probe(MOON_PROBE_FAILED));
  expect_state(MOON_HEALTH_UNHEALTHY);
}

static void counts_failed_probes_anew_after_a_good_one(void **state) {
  probe(MOON_PROBE_FAILED);
  probe(MOON_PROBE_FAILED);
  assert_true(probe(MOON_PROBE_GOOD));
  expect_state(MOON_HEALTH_HEALTHY);
  probe(MOON_PROBE_FAILED);
  probe(MOON_PROBE_FAILED);
  expect_state(MOON_HEALTH_SUSPECT);
}

static void rises_with_the_second_good_probe_in_a_row(void **state) {
  make_unhealthy();
  assert_true(probe(MOON_PROBE_GOOD));
  expect_state(MOON_HEALTH_PROBING);
  assert_true(probe(MOON_PROBE_FAILED));
  expect_state(MOON_HEALTH_UNHEALTHY);
  probe(MOON_PROBE_GOOD);
  expect_state(MOON_HEALTH_PROBING);
  assert_true(probe(MOON_PROBE_GOOD));
  expect_state(MOON_HEALTH_HEALTHY);
}

static void is_used_until_it_is_unhealthy_and_not_before_it_is_healthy_again(void **state) {
  assert_true(moon_health_usable(MOON_HEALTH_UNKNOWN));
  assert_true(moon_health_usable(MOON_HEALTH_HEALTHY));
  assert_true(moon_health_usable(MOON_HEALTH_SUSPECT));
  assert_false(moon_health_usable(MOON_HEALTH_UNHEALTHY));
  assert_false(moon_health_usable(MOON_HEALTH_PROBING));
}

static void keeps_the_last_error_until_a_good_probe(void **state) {
  assert_null(health.last_error);
  request_fails();
  assert_string_equal(health.last_error->message, "the request failed");
  probe(MOON_PROBE_FAILED);
  assert_string_equal(health.last_error->message, "the probe failed");
  request_is_good();
  assert_non_null(health.last_error);
  probe(MOON_PROBE_GOOD);
  assert_null(health.last_error);
}

static void takes_refused_credentials_as_a_good_probe_with_a_flag(void **state) {
  assert_true(probe(MOON_PROBE_UNAUTHORIZED));
  expect_state(MOON_HEALTH_HEALTHY);
  assert_true(health.unauthorized);
  probe(MOON_PROBE_FAILED);
  assert_false(health.unauthorized);
  probe(MOON_PROBE_UNAUTHORIZED);
  probe(MOON_PROBE_GOOD);
  assert_false(health.unauthorized || health.overloaded);
}

static void takes_too_many_requests_as_a_good_probe_with_a_flag(void **state) {
  make_unhealthy();
  probe(MOON_PROBE_OVERLOADED);
  expect_state(MOON_HEALTH_PROBING);
  assert_true(health.overloaded);
  probe(MOON_PROBE_UNAUTHORIZED);
  expect_state(MOON_HEALTH_HEALTHY);
  assert_false(health.overloaded);
  assert_true(health.unauthorized);
}

/* --- pauses --- */

static void pauses_for_the_interval_while_all_is_well(void **state) {
  expect_pause(INTERVAL_MS);
  probe(MOON_PROBE_GOOD);
  expect_pause(INTERVAL_MS);
}

static void is_probed_every_second_while_in_doubt(void **state) {
  probe(MOON_PROBE_FAILED);
  expect_pause(1000);
  make_unhealthy();
  probe(MOON_PROBE_GOOD);
  expect_state(MOON_HEALTH_PROBING);
  expect_pause(1000);
}

static void is_not_probed_less_often_while_in_doubt_than_when_all_is_well(void **state) {
  use_interval(200);
  probe(MOON_PROBE_FAILED);
  expect_pause(200);
}

static void backs_off_from_5_s_to_a_minute_while_it_is_down(void **state) {
  make_unhealthy();
  static const int64_t pauses_ms[] = {5000, 10000, 20000, 40000, 60000, 60000};
  for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
    expect_pause(pauses_ms[i]);
    moon_clock_advance_ms(pauses_ms[i]);
    probe(MOON_PROBE_FAILED);
  }
  probe(MOON_PROBE_GOOD);
  moon_clock_advance_ms(1000);
  probe(MOON_PROBE_FAILED); /* it was there for a moment */
  expect_pause(5000);
}

static void does_not_back_off_for_checks_between_the_probes(void **state) {
  make_unhealthy();
  for (int i = 0; i < 10; i++) probe(MOON_PROBE_FAILED);
  expect_pause(5000);
}

/* --- requests --- */

static void takes_5_failed_requests_in_a_row_as_a_failed_check_and_a_reason_to_probe(void **state) {
  probe(MOON_PROBE_GOOD);
  row_of_failures(5);
  expect_state(MOON_HEALTH_SUSPECT);
  assert_int_equal(health.failures, 1);
  assert_string_equal(health.last_error->message, "the request failed");
}

static void ends_a_row_of_failed_requests_with_a_good_one(void **state) {
  probe(MOON_PROBE_GOOD);
  for (int i = 0; i < 4; i++) request_fails();
  request_is_good();
  row_of_failures(5);
}

static void falls_with_the_third_row_of_failed_requests(void **state) {
  probe(MOON_PROBE_GOOD);
  row_of_failures(5);
  moon_clock_advance_ms(1000);
  row_of_failures(5);
  expect_state(MOON_HEALTH_SUSPECT);
  moon_clock_advance_ms(1000);
  row_of_failures(5);
  expect_state(MOON_HEALTH_UNHEALTHY);
}

static void takes_a_hundred_streams_that_die_together_as_one_failed_check(void **state) {
  probe(MOON_PROBE_GOOD);
  row_of_failures(5);
  for (int i = 5; i < 100; i++) assert_false(request_fails());
  moon_clock_advance_ms(999);
  assert_false(request_fails());
  assert_int_equal(health.failures, 1);
  moon_clock_advance_ms(1);
  row_of_failures(5);
}

static void listens_to_requests_again_when_the_probe_has_answered(void **state) {
  probe(MOON_PROBE_GOOD);
  row_of_failures(5);
  assert_false(request_fails());
  probe(MOON_PROBE_FAILED);
  row_of_failures(5);
  expect_state(MOON_HEALTH_UNHEALTHY);
}

static void becomes_no_healthier_by_a_good_request(void **state) {
  request_is_good();
  expect_state(MOON_HEALTH_UNKNOWN);
  probe(MOON_PROBE_FAILED);
  request_is_good();
  expect_state(MOON_HEALTH_SUSPECT);
  make_unhealthy();
  request_is_good();
  expect_state(MOON_HEALTH_UNHEALTHY);
  probe(MOON_PROBE_GOOD);
  request_is_good();
  expect_state(MOON_HEALTH_PROBING);
}

static void leaves_it_to_probes_when_it_is_not_used(void **state) {
  make_unhealthy();
  for (int i = 0; i < 50; i++) assert_false(request_fails());
  expect_pause(5000);
  probe(MOON_PROBE_GOOD);
  for (int i = 0; i < 50; i++) assert_false(request_fails());
  expect_state(MOON_HEALTH_PROBING);
  assert_true(probe(MOON_PROBE_GOOD));
  expect_state(MOON_HEALTH_HEALTHY);
}

/* --- without probes --- */

static void is_taken_as_healthy_and_not_probed_where_the_interval_is_0(void **state) {
  use_interval(0);
  expect_state(MOON_HEALTH_HEALTHY);
  assert_int_equal(moon_health_pause_ms(&health), -1);
}

static void is_made_suspect_and_no_worse_by_requests_where_the_interval_is_0(void **state) {
  use_interval(0);
  for (int row = 0; row < 20; row++) {
    row_of_failures(5);
    expect_state(MOON_HEALTH_SUSPECT);
    expect_pause(1000);
    moon_clock_advance_ms(1000);
  }
}

static void is_brought_back_by_a_request_where_the_interval_is_0(void **state) {
  use_interval(0);
  row_of_failures(5);
  request_is_good();
  expect_state(MOON_HEALTH_HEALTHY);
  assert_int_equal(moon_health_pause_ms(&health), -1);
  assert_null(health.last_error);
  assert_int_equal(health.failures, 0);
}

static void falls_and_rises_with_the_probes_that_requests_caused_where_the_interval_is_0(void **state) {
  use_interval(0);
  row_of_failures(5);
  probe(MOON_PROBE_FAILED);
  expect_state(MOON_HEALTH_SUSPECT);
  moon_clock_advance_ms(1000);
  probe(MOON_PROBE_FAILED);
  expect_state(MOON_HEALTH_UNHEALTHY);
  expect_pause(5000);
  request_is_good();
  expect_state(MOON_HEALTH_UNHEALTHY);
  probe(MOON_PROBE_GOOD);
  expect_pause(1000);
  probe(MOON_PROBE_GOOD);
  expect_state(MOON_HEALTH_HEALTHY);
  assert_int_equal(moon_health_pause_ms(&health), -1);
}

/* --- slow start --- */

static double share_after(int64_t ms) {
  return moon_health_share(&health, moon_clock_now_ms() + ms);
}

static void has_its_whole_share_from_the_start(void **state) {
  assert_true(share_after(0) == 1);
  probe(MOON_PROBE_GOOD);
  assert_true(share_after(0) == 1);
  probe(MOON_PROBE_FAILED);
  probe(MOON_PROBE_GOOD); /* it was in doubt, and never out of use */
  assert_true(share_after(0) == 1);
}

static void gets_its_share_back_within_30_s_of_a_recovery(void **state) {
  make_unhealthy();
  probe(MOON_PROBE_GOOD);
  probe(MOON_PROBE_GOOD);
  assert_float_equal(share_after(0), 0.1, 1e-9);
  assert_float_equal(share_after(10000), 0.4, 1e-9);
  assert_float_equal(share_after(20000), 0.7, 1e-9);
  assert_true(share_after(29999) < 1);
  assert_true(share_after(30000) == 1);
  assert_true(share_after(3600000) == 1);
}

static void starts_slowly_again_after_every_recovery(void **state) {
  for (int i = 0; i < 2; i++) {
    make_unhealthy();
    probe(MOON_PROBE_GOOD);
    probe(MOON_PROBE_GOOD);
    assert_float_equal(share_after(0), 0.1, 1e-9);
    moon_clock_advance_ms(15000);
    assert_float_equal(share_after(0), 0.55, 1e-9);
  }
}

/* --- names --- */

static void names_every_state(void **state) {
  assert_string_equal(moon_health_state_name(MOON_HEALTH_UNKNOWN), "unknown");
  assert_string_equal(moon_health_state_name(MOON_HEALTH_HEALTHY), "healthy");
  assert_string_equal(moon_health_state_name(MOON_HEALTH_SUSPECT), "suspect");
  assert_string_equal(moon_health_state_name(MOON_HEALTH_UNHEALTHY), "unhealthy");
  assert_string_equal(moon_health_state_name(MOON_HEALTH_PROBING), "probing");
  assert_string_equal(moon_health_state_name((moon_health_state)99), "unknown");
}

#define SPEC(name) cmocka_unit_test_setup_teardown(name, set_clock, free_health)

int main(void) {
  const struct CMUnitTest tests[] = {
      SPEC(is_healthy_with_the_first_good_probe),
      SPEC(falls_with_the_third_failed_probe_in_a_row),
      SPEC(suspects_at_the_first_failed_probe_of_all),
      SPEC(counts_failed_probes_anew_after_a_good_one),
      SPEC(rises_with_the_second_good_probe_in_a_row),
      SPEC(is_used_until_it_is_unhealthy_and_not_before_it_is_healthy_again),
      SPEC(keeps_the_last_error_until_a_good_probe),
      SPEC(takes_refused_credentials_as_a_good_probe_with_a_flag),
      SPEC(takes_too_many_requests_as_a_good_probe_with_a_flag),
      SPEC(pauses_for_the_interval_while_all_is_well),
      SPEC(is_probed_every_second_while_in_doubt),
      SPEC(is_not_probed_less_often_while_in_doubt_than_when_all_is_well),
      SPEC(backs_off_from_5_s_to_a_minute_while_it_is_down),
      SPEC(does_not_back_off_for_checks_between_the_probes),
      SPEC(takes_5_failed_requests_in_a_row_as_a_failed_check_and_a_reason_to_probe),
      SPEC(ends_a_row_of_failed_requests_with_a_good_one),
      SPEC(falls_with_the_third_row_of_failed_requests),
      SPEC(takes_a_hundred_streams_that_die_together_as_one_failed_check),
      SPEC(listens_to_requests_again_when_the_probe_has_answered),
      SPEC(becomes_no_healthier_by_a_good_request),
      SPEC(leaves_it_to_probes_when_it_is_not_used),
      SPEC(is_taken_as_healthy_and_not_probed_where_the_interval_is_0),
      SPEC(is_made_suspect_and_no_worse_by_requests_where_the_interval_is_0),
      SPEC(is_brought_back_by_a_request_where_the_interval_is_0),
      SPEC(falls_and_rises_with_the_probes_that_requests_caused_where_the_interval_is_0),
      SPEC(has_its_whole_share_from_the_start),
      SPEC(gets_its_share_back_within_30_s_of_a_recovery),
      SPEC(starts_slowly_again_after_every_recovery),
      SPEC(names_every_state),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
