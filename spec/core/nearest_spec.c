/* nearest_spec.c: the name that was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/nearest.h"

static void finds_the_nearest_name(void **state) {
  static const char *const names[] = {"maxConnections", "minConnections", "maxIdleTime", "acquireTimeout"};
  assert_string_equal(moon_nearest("maxConections", names, 4), "maxConnections");
  assert_string_equal(moon_nearest("MINCONNECTIONS", names, 4), "minConnections");
  assert_string_equal(moon_nearest("aquireTimeout", names, 4), "acquireTimeout");
  assert_string_equal(moon_nearest("maxIdelTime", names, 4), "maxIdleTime");
  assert_null(moon_nearest("colour", names, 4));
  assert_null(moon_nearest("", names, 4));
  assert_null(moon_nearest("x", (const char *const[]){"y"}, 1));
  assert_null(moon_nearest("x", NULL, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_nearest_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
