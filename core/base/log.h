/* log.h: what the runtime has to say to a person or to a log's reader, line by line: a level, a message, and fields
 * (names with values), which stay data until a sink writes them.
 *
 * A line never holds a secret. There is one sink for the process: standard error, as text ("moonpool: warn: message
 * name=value") or as JSON (an object a line), unless another one is set. Beside it there may be one that follows the
 * requests, whatever the level. A sink is called on whichever thread logs, must be thread safe and must not log; the
 * line is its own only until it returns.
 *
 * What is below the level costs one comparison: whoever has fields to gather asks first. */
#ifndef MOON_BASE_LOG_H
#define MOON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef enum moon_log_level {
  MOON_LOG_DEBUG,
  MOON_LOG_INFO,
  MOON_LOG_WARN,
  MOON_LOG_ERROR,
  MOON_LOG_OFF
} moon_log_level;

typedef enum moon_log_format { MOON_LOG_TEXT, MOON_LOG_JSON } moon_log_format;

typedef enum moon_log_type { MOON_FIELD_TEXT, MOON_FIELD_INTEGER, MOON_FIELD_NUMBER, MOON_FIELD_BOOLEAN } moon_log_type;

typedef struct moon_log_field {
  const char *name;
  moon_log_type type;
  union {
    const char *text;
    int64_t integer;
    double number;
    bool boolean;
  } value;
} moon_log_field;

moon_log_field moon_log_text(const char *name, const char *text);
moon_log_field moon_log_integer(const char *name, int64_t integer);
moon_log_field moon_log_number(const char *name, double number);
moon_log_field moon_log_boolean(const char *name, bool boolean);

typedef struct moon_log_line {
  moon_log_level level;
  int64_t wall_ms; /* since 1970, UTC */
  const char *message;
  const moon_log_field *fields;
  size_t field_count;
} moon_log_line;

typedef void moon_log_sink(void *ctx, const moon_log_line *line);

__attribute__((format(printf, 2, 3))) void moon_log(moon_log_level level, const char *format, ...);
void moon_log_with(moon_log_level level, const char *message, const moon_log_field *fields, size_t count);
bool moon_log_enabled(moon_log_level level);

/* A request is over: a line of level debug, which goes to the follower of requests too. */
void moon_log_request(const moon_log_field *fields, size_t count);
bool moon_log_wants_requests(void); /* somebody would see it */

void moon_log_set_level(moon_log_level level); /* default MOON_LOG_WARN */
moon_log_level moon_log_get_level(void);
void moon_log_set_format(moon_log_format format); /* of standard error; default MOON_LOG_TEXT */
moon_log_format moon_log_get_format(void);
void moon_log_set_sink(moon_log_sink *sink, void *ctx);     /* NULL: standard error */
void moon_log_set_follower(moon_log_sink *sink, void *ctx); /* of requests; NULL: none */

const char *moon_log_level_name(moon_log_level level);    /* "debug" ... "off" */
const char *moon_log_format_name(moon_log_format format); /* "text", "json" */

/* --- for sinks (log_line.c) --- */

void moon_log_print(const moon_log_line *line); /* to standard error, in the format that is set */
/* Adds the line as it is printed, with its end. */
void moon_log_write(const moon_log_line *line, moon_log_format format, moon_buffer *out);
/* A copy that lasts: one piece of memory, to be freed. */
moon_log_line *moon_log_line_copy(const moon_log_line *line);

#endif
