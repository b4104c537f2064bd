/* pool_spec.c: taking and giving back: order, hand-off, time limits, cancelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "support/pool_fixture.h"

static void a_lease_gets_a_new_connection_and_gives_it_back(void **state) {
  fixture fix;
  moon_pool_options options = quiet_options();
  fixture_start(&fix, &options);
  moon_conn *conn = get(&fix, MOON_USE_LEASE);
  assert_int_equal(moon_conn_id(conn), 1);
  assert_int_equal(moon_conn_use_count(conn), 1);
  assert_int_equal(stats_of(&fix).in_use, 1);
  put(&fix, conn);
  assert_int_equal(stats_of(&fix).idle, 1);
  assert_ptr_equal(get(&fix, MOON_USE_LEASE), conn);
  put(&fix, conn);
  assert_int_equal(fix.fake.connects, 1);
  fixture_end(&fix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lease_gets_a_new_connection_and_gives_it_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
