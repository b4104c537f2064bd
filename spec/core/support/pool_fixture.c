/* pool_fixture.c: see pool_fixture.h. */
#include "support/pool_fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"

static int answers;

moon_pool_options quiet_options(void) {
  moon_pool_options options = moon_pool_default_options;
  options.min_connections = 0;
  options.max_idle_time_ms = 0;
  options.health_check_interval_ms = 0;
  options.max_lifetime_ms = 0;
  return options;
}

static void begin_at(fixture *fix, const moon_pool_options *options, int64_t now_ms) {
  moon_error *err = moon_pool_options_check(options);
  if (err) fail_msg("%s", err->message);
  moon_clock_set_ms(now_ms);
  fake_net_init(&fix->fake);
  fix->events = moon_event_queue_new(10000, NULL, NULL);
  fix->pool = fake_net_pool(&fix->fake, options, fix->events);
}

void fixture_begin(fixture *fix, const moon_pool_options *options) {
  begin_at(fix, options, 1000000);
}

void fixture_start(fixture *fix, const moon_pool_options *options) {
  int64_t warm_up_ms = options->min_connections > 1 ? MOON_WARM_UP_PAUSE_MS : 0;
  begin_at(fix, options, 1000000 - warm_up_ms);
  fake_net_advance(&fix->fake, warm_up_ms);
}

void fixture_end(fixture *fix) {
  moon_pool_release(fix->pool);
  fake_net_run(&fix->fake);
  assert_true(fix->fake.disposed);
  assert_int_equal(fix->fake.open, 0);
  assert_int_equal(fix->fake.connects, fix->fake.closes);
  moon_event_queue_release(fix->events);
  fake_net_end(&fix->fake);
  moon_clock_run();
}

static void answered(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  asker *self = MOON_ENTRY(waiter, asker, waiter);
  self->answers++;
  self->order = ++answers;
  self->conn = conn;
  self->err = err;
}

void ask_within(fixture *fix, asker *self, moon_use use, int64_t timeout_ms) {
  *self = (asker){.waiter = {.use = use, .timeout_ms = timeout_ms, .origin = "script.lua:7", .done = answered}};
  moon_pool_acquire_async(fix->pool, &self->waiter);
}

void ask(fixture *fix, asker *self, moon_use use) {
  ask_within(fix, self, use, 0);
}

moon_conn *get(fixture *fix, moon_use use) {
  asker self;
  ask(fix, &self, use);
  fake_net_run(&fix->fake);
  if (self.answers != 1 || !self.conn) fail_msg("got no connection: %s", self.err ? self.err->message : "no answer");
  return self.conn;
}

void put(fixture *fix, moon_conn *conn) {
  moon_pool_give_back(fix->pool, conn);
}

moon_pool_stats stats_of(fixture *fix) {
  moon_pool_stats stats;
  moon_pool_get_stats(fix->pool, &stats);
  return stats;
}

static char *told(fixture *fix) {
  moon_buffer text = {0};
  moon_event event;
  while (moon_event_queue_take(fix->events, &event)) {
    const char *name = moon_event_name(event.kind);
    if (text.len) moon_buffer_add_text(&text, ", ");
    if (!strncmp(name, "connection", 10)) name += 10;
    moon_buffer_add_text(&text, name);
    if (event.conn_id) moon_buffer_addf(&text, " %llu", (unsigned long long)event.conn_id);
    if (event.kind == MOON_EVENT_CONNECTION_REMOVED)
      moon_buffer_addf(&text, " %s", moon_remove_reason_name(event.reason));
    if (event.text) moon_buffer_addf(&text, " (%s)", event.text);
    moon_event_clear(&event);
  }
  return moon_buffer_take(&text);
}

void expect_told(fixture *fix, const char *expected) {
  char *text = told(fix);
  assert_string_equal(text, expected);
  free(text);
}

void forget_events(fixture *fix) {
  free(told(fix));
}
