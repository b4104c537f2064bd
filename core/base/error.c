/* error.c: see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

const char *moon_strerror(moon_status status) {
  switch (status) {
  case MOON_OK:
    return "ok";
  case MOON_CONNECT:
    return "connect";
  case MOON_TLS:
    return "tls";
  case MOON_TIMEOUT:
    return "timeout";
  case MOON_UNAUTHORIZED:
    return "unauthorized";
  case MOON_FORBIDDEN:
    return "forbidden";
  case MOON_NOT_FOUND:
    return "notFound";
  case MOON_CONFLICT:
    return "conflict";
  case MOON_INVALID:
    return "invalid";
  case MOON_GONE:
    return "gone";
  case MOON_TOO_MANY_REQUESTS:
    return "tooManyRequests";
  case MOON_SERVER:
    return "server";
  case MOON_PROTOCOL:
    return "protocol";
  case MOON_CONFIG:
    return "config";
  case MOON_CREDENTIAL:
    return "credential";
  case MOON_NO_HEALTHY_CLUSTER:
    return "noHealthyCluster";
  case MOON_ACQUIRE_TIMEOUT:
    return "acquireTimeout";
  case MOON_CANCELLED:
    return "cancelled";
  case MOON_CLOSED:
    return "closed";
  case MOON_SCRIPT:
    return "script";
  }
  return "unknown";
}

const char *moon_version(void) {
  return MOON_VERSION;
}

static char *format_text(const char *format, va_list args) {
  char *text = NULL;
  return vasprintf(&text, format, args) < 0 ? moon_strdup("(message lost: out of memory)") : text;
}

moon_error *moon_error_new(moon_status kind, const char *format, ...) {
  moon_error *err = moon_zalloc(sizeof *err);
  err->kind = kind;
  err->retry_after_ms = -1;
  va_list args;
  va_start(args, format);
  err->message = format_text(format, args);
  va_end(args);
  return err;
}

void moon_error_free(moon_error *err) {
  if (!err) return;
  free(err->message);
  free(err->reason);
  free(err->cluster);
  free(err->endpoint);
  free(err->details);
  free(err->continue_token);
  free(err->traceback);
  free(err);
}

moon_error *moon_error_copy(const moon_error *err) {
  if (!err) return NULL;
  moon_error *copy = moon_zalloc(sizeof *copy);
  *copy = *err;
  copy->message = moon_strdup(err->message);
  copy->reason = moon_strdup(err->reason);
  copy->cluster = moon_strdup(err->cluster);
  copy->endpoint = moon_strdup(err->endpoint);
  copy->details = moon_strdup(err->details);
  copy->continue_token = moon_strdup(err->continue_token);
  copy->traceback = moon_strdup(err->traceback);
  return copy;
}

void moon_error_set(char **field, const char *value) {
  char *copy = moon_strdup(value);
  free(*field);
  *field = copy;
}

moon_status moon_error_give(moon_error *err, moon_error **out) {
  if (!err) return MOON_OK;
  moon_status kind = err->kind;
  if (out)
    *out = err;
  else
    moon_error_free(err);
  return kind;
}
