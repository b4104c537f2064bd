/* log.h: what the runtime has to say to a person, level by level, to one sink for the process.
 *
 * A line never holds a secret. The default sink writes "moonpool: <level>: <text>" to standard error. A sink is called
 * on whichever thread logs, must be thread safe and must not log. */
#ifndef MOON_BASE_LOG_H
#define MOON_BASE_LOG_H

#include <stdbool.h>

typedef enum moon_log_level {
  MOON_LOG_DEBUG,
  MOON_LOG_INFO,
  MOON_LOG_WARN,
  MOON_LOG_ERROR,
  MOON_LOG_OFF
} moon_log_level;

typedef void moon_log_sink(void *ctx, moon_log_level level, const char *text);

__attribute__((format(printf, 2, 3))) void moon_log(moon_log_level level, const char *format, ...);
bool moon_log_enabled(moon_log_level level);
void moon_log_set_level(moon_log_level level); /* default MOON_LOG_WARN */
moon_log_level moon_log_get_level(void);
void moon_log_set_sink(moon_log_sink *sink, void *ctx); /* NULL: the default sink */
const char *moon_log_level_name(moon_log_level level);  /* "debug" ... "off" */

#endif
