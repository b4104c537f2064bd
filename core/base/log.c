/* log.c: see log.h. The lock keeps sink and context together; it is not held while the sink runs. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic int minimum = MOON_LOG_WARN;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static moon_log_sink *current_sink;
static void *current_ctx;

const char *moon_log_level_name(moon_log_level level) {
  static const char *const names[] = {"debug", "info", "warn", "error", "off"};
  return names[level];
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

void moon_log_set_sink(moon_log_sink *sink, void *ctx) {
  pthread_mutex_lock(&lock);
  current_sink = sink;
  current_ctx = ctx;
  pthread_mutex_unlock(&lock);
}

void moon_log(moon_log_level level, const char *format, ...) {
  if (!moon_log_enabled(level)) return;
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  pthread_mutex_lock(&lock);
  moon_log_sink *sink = current_sink;
  void *ctx = current_ctx;
  pthread_mutex_unlock(&lock);
  if (sink)
    sink(ctx, level, text);
  else
    fprintf(stderr, "moonpool: %s: %s\n", moon_log_level_name(level), text);
}
