/* manager_spec.c: clusters behind a manager: who is there, who may be chosen, who is, what is told.
 *
 * The clusters' servers refuse connections, so that nothing but the specs decides about health. The clock stands still.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/manager.h"
#include "support/net_fixture.h"

static moon_manager_options quiet_options(void) {
  moon_manager_options options = moon_manager_default_options;
  options.cluster_health_check_interval_ms = 0;
  options.default_pool.enable_warmup = false;
  options.default_pool.min_connections = 0;
  return options;
}

static moon_manager *manager_with(const moon_manager_options *options, moon_event_queue *events) {
  moon_manager *manager = NULL;
  assert_null(moon_manager_create(options, events, &manager));
  return manager;
}

static moon_target *refused_target(void) {
  moon_target *target = target_of(NULL, "http", "127.0.0.1");
  free(target->server);
  target->server = moon_strdup("http://127.0.0.1:1");
  return target;
}

static void add(moon_manager *manager, const char *name) {
  moon_cluster_options options = moon_cluster_default_options;
  options.name = name;
  moon_target *target = refused_target();
  moon_error *err = moon_manager_add(manager, &options, target);
  if (err) fail_msg("%s", err->message);
  moon_target_release(target);
}

/* Who is chosen; leaves at once. */
static const char *choice(moon_manager *manager, const moon_selection *selection) {
  static char name[64];
  moon_cluster *cluster = NULL;
  moon_error *err = moon_manager_select(manager, selection, &cluster, NULL);
  if (err) fail_msg("%s", err->message);
  strcpy(name, moon_cluster_name(cluster));
  moon_cluster_leave(cluster);
  return name;
}

static void goes_round_while_clusters_come_and_go(void **state) {
  moon_manager_options options = quiet_options();
  moon_manager *manager = manager_with(&options, NULL);
  add(manager, "a");
  add(manager, "b");
  add(manager, "c");
  moon_selection any = {0};
  assert_string_equal(choice(manager, &any), "a");
  assert_string_equal(choice(manager, &any), "b");
  assert_string_equal(choice(manager, &any), "c");
  assert_string_equal(choice(manager, &any), "a");
  assert_null(moon_manager_take_out(manager, "b", 0, NULL));
  assert_string_equal(choice(manager, &any), "c");
  assert_string_equal(choice(manager, &any), "a");
  add(manager, "b");
  char **names;
  assert_int_equal(moon_manager_names(manager, NULL, &names), 3);
  assert_string_equal(names[2], "b");
  for (int i = 0; i < 3; i++) free(names[i]);
  free(names);
  moon_manager_release(manager);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(goes_round_while_clusters_come_and_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
