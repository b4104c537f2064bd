/* manager_fixture.c: see manager_fixture.h. */
#include "support/manager_fixture.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "support/net_fixture.h"

moon_manager_options quiet_manager_options(void) {
  moon_manager_options options = moon_manager_default_options;
  options.cluster_health_check_interval_ms = 0;
  options.default_pool.enable_warmup = false;
  options.default_pool.min_connections = 0;
  return options;
}

moon_manager *manager_with(const moon_manager_options *options, moon_event_queue *events) {
  moon_manager *manager = NULL;
  assert_null(moon_manager_create(options, events, &manager));
  return manager;
}

moon_manager *manager_of(const char *names) {
  moon_manager_options options = quiet_manager_options();
  moon_manager *manager = manager_with(&options, NULL);
  char *copy = moon_strdup(names), *rest = copy, *name;
  while ((name = strsep(&rest, " "))) add_cluster(manager, name);
  free(copy);
  return manager;
}

/* Listens as long as the program runs. */
static int silent_port(void) {
  static struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  if (address.sin_port) return ntohs(address.sin_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
  assert_int_equal(listen(fd, 500), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  return ntohs(address.sin_port);
}

moon_target *silent_target(void) {
  moon_target *target = target_of(NULL, "http", "127.0.0.1");
  free(target->server);
  target->server = moon_sprintf("http://127.0.0.1:%d", silent_port());
  return target;
}

void add_with(moon_manager *manager, const moon_cluster_options *options) {
  moon_target *target = silent_target();
  moon_error *err = moon_manager_add(manager, options, target);
  if (err) fail_msg("%s", err->message);
  moon_target_release(target);
}

void add_cluster(moon_manager *manager, const char *name) {
  moon_cluster_options options = moon_cluster_default_options;
  options.name = name;
  add_with(manager, &options);
}

static moon_manager *kept;

int keep_threads(void **state) {
  kept = manager_of("kept");
  return 0;
}

int end_threads(void **state) {
  moon_manager_release(kept);
  return await_threads(state);
}

void probe_cluster(moon_manager *manager, const char *name, moon_verdict verdict) {
  moon_cluster *cluster = moon_manager_find(manager, name, NULL);
  if (!cluster) return; /* gone meanwhile */
  size_t count;
  moon_endpoint **list = moon_endpoints_list(moon_cluster_endpoints(cluster), &count);
  for (size_t i = 0; i < count; i++) {
    moon_error *err = verdict == MOON_PROBE_FAILED ? moon_error_new(MOON_CONNECT, "%s refused", name) : NULL;
    moon_endpoint_probed(list[i], verdict, err);
    moon_endpoint_release(list[i]);
  }
  free(list);
  moon_cluster_release(cluster);
}

void fail_cluster(moon_manager *manager, const char *name) {
  for (int i = 0; i < 3; i++) probe_cluster(manager, name, MOON_PROBE_FAILED);
}

void recover_cluster(moon_manager *manager, const char *name) {
  for (int i = 0; i < 2; i++) probe_cluster(manager, name, MOON_PROBE_GOOD);
}

const char *choice(moon_manager *manager, const moon_selection *selection) {
  static _Thread_local char name[64];
  moon_cluster *cluster = NULL;
  moon_error *err = moon_manager_select(manager, selection, &cluster, NULL);
  if (err) fail_msg("%s", err->message);
  strncpy(name, moon_cluster_name(cluster), sizeof name - 1);
  moon_cluster_leave(cluster);
  return name;
}

void expect_choices(moon_manager *manager, const moon_selection *selection, const char *expected) {
  moon_buffer got = {0};
  for (size_t i = 0; i < strlen(expected); i++) moon_buffer_add_char(&got, *choice(manager, selection));
  assert_string_equal(got.data, expected);
  moon_buffer_free(&got);
}

void expect_refusal(moon_manager *manager, const moon_selection *selection, moon_status kind, const char *message) {
  moon_cluster *cluster = NULL;
  moon_error *err = moon_manager_select(manager, selection, &cluster, NULL);
  if (!err) fail_msg("%s was chosen", moon_cluster_name(cluster));
  assert_string_equal(err->message, message);
  assert_string_equal(moon_strerror(err->kind), moon_strerror(kind));
  moon_error_free(err);
}

uint64_t id_of(moon_manager *manager, const char *name) {
  moon_cluster *cluster = NULL;
  uint64_t id = 0;
  assert_null(moon_manager_select(manager, &(moon_selection){.preferred = name}, &cluster, &id));
  assert_string_equal(moon_cluster_name(cluster), name);
  moon_cluster_leave(cluster);
  return id;
}

uint64_t selected(moon_manager *manager, const char *name) {
  moon_cluster_stats stats;
  assert_int_equal(moon_manager_get_stats(manager, name, &stats, NULL), MOON_OK);
  return stats.selected;
}

static void describe(moon_buffer *out, const moon_event *event) {
  moon_buffer_addf(out, "%s%s", out->len ? ", " : "", moon_event_name(event->kind));
  if (event->cluster) moon_buffer_addf(out, " %s", event->cluster);
  if (event->other) moon_buffer_addf(out, " %s", event->other);
  if (event->text) moon_buffer_addf(out, " (%s)", event->text);
}

void expect_events(moon_event_queue *events, const char *expected) {
  moon_buffer got = {0};
  moon_event event;
  while (moon_event_queue_take(events, &event)) {
    describe(&got, &event);
    moon_event_clear(&event);
  }
  assert_string_equal(got.data ? got.data : "", expected);
  moon_buffer_free(&got);
}

void wait_for_event(moon_event_queue *events, moon_event_kind kind, const char *cluster, moon_buffer *before) {
  int64_t until_ms = now_ms() + PATIENCE_MS;
  moon_event event;
  for (bool found = false; !found;) {
    if (!moon_event_queue_take(events, &event)) {
      if (now_ms() > until_ms) fail_msg("no %s came", moon_event_name(kind));
      sleep_ms(1);
      continue;
    }
    found = event.kind == kind && event.cluster && !strcmp(event.cluster, cluster);
    if (!found && before) describe(before, &event);
    moon_event_clear(&event);
  }
}
