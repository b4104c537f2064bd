/* log.c: see log.h. Where lines go. The lock keeps a sink and its context together; it is not held while a sink runs.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"

typedef struct outlet {
  moon_log_sink *sink;
  void *ctx;
} outlet;

static _Atomic int minimum = MOON_LOG_WARN, printed_format = MOON_LOG_TEXT;
static atomic_bool followed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static outlet lines_outlet, requests_outlet;

const char *moon_log_level_name(moon_log_level level) {
  static const char *const names[] = {"debug", "info", "warn", "error", "off"};
  return names[level];
}

const char *moon_log_format_name(moon_log_format format) {
  return format == MOON_LOG_JSON ? "json" : "text";
}

bool moon_log_enabled(moon_log_level level) {
  return (int)level >= atomic_load_explicit(&minimum, memory_order_relaxed);
}

void moon_log_set_level(moon_log_level level) {
  atomic_store(&minimum, (int)level);
}

moon_log_level moon_log_get_level(void) {
  return (moon_log_level)atomic_load(&minimum);
}

void moon_log_set_format(moon_log_format format) {
  atomic_store(&printed_format, (int)format);
}

moon_log_format moon_log_get_format(void) {
  return (moon_log_format)atomic_load(&printed_format);
}

static void set_outlet(outlet *where, moon_log_sink *sink, void *ctx) {
  pthread_mutex_lock(&lock);
  *where = (outlet){sink, ctx};
  pthread_mutex_unlock(&lock);
}

void moon_log_set_sink(moon_log_sink *sink, void *ctx) {
  set_outlet(&lines_outlet, sink, ctx);
}

void moon_log_set_follower(moon_log_sink *sink, void *ctx) {
  set_outlet(&requests_outlet, sink, ctx);
  atomic_store(&followed, sink != NULL);
}

static void give(const outlet *where, const moon_log_line *line) {
  pthread_mutex_lock(&lock);
  outlet now = *where;
  pthread_mutex_unlock(&lock);
  if (now.sink)
    now.sink(now.ctx, line);
  else if (where == &lines_outlet)
    moon_log_print(line);
}

void moon_log_with(moon_log_level level, const char *message, const moon_log_field *fields, size_t count) {
  if (!moon_log_enabled(level)) return;
  moon_log_line line = {level, moon_clock_wall_ms(), message, fields, count};
  give(&lines_outlet, &line);
}

void moon_log(moon_log_level level, const char *format, ...) {
  if (!moon_log_enabled(level)) return;
  char text[1024], *long_text = NULL;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(text, sizeof text, format, args);
  if (len >= (int)sizeof text) {
    long_text = moon_alloc((size_t)len + 1);
    vsnprintf(long_text, (size_t)len + 1, format, again);
  }
  va_end(again);
  va_end(args);
  moon_log_with(level, long_text ? long_text : text, NULL, 0);
  free(long_text);
}

bool moon_log_wants_requests(void) {
  return moon_log_enabled(MOON_LOG_DEBUG) || atomic_load_explicit(&followed, memory_order_relaxed);
}

void moon_log_request(const moon_log_field *fields, size_t count) {
  moon_log_line line = {MOON_LOG_DEBUG, moon_clock_wall_ms(), "request", fields, count};
  if (moon_log_enabled(line.level)) give(&lines_outlet, &line);
  if (atomic_load(&followed)) give(&requests_outlet, &line);
}
