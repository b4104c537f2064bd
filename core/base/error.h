/* error.h: making and passing errors inside the core.
 *
 * Convention: an internal function that can fail returns `moon_error *`, NULL for success; whoever receives it frees it
 * or passes it on. A message is one line: what was tried, on what, what came back, what to do. It never holds a secret.
 */
#ifndef MOON_BASE_ERROR_H
#define MOON_BASE_ERROR_H

#include "moonpool.h"

/* A new error with a formatted message; http_status 0, attempts 0, retry_after_ms -1. */
__attribute__((format(printf, 2, 3))) moon_error *moon_error_new(moon_status kind, const char *format, ...);

moon_error *moon_error_copy(const moon_error *err); /* NULL gives NULL */

/* Replaces a text field (reason, cluster, endpoint, details) by a copy of `value`. */
void moon_error_set(char **field, const char *value);

/* Hands `err` to a public caller: stores it in *out, or frees it when out is NULL. Returns its kind; MOON_OK for NULL.
 */
moon_status moon_error_give(moon_error *err, moon_error **out);

#endif
