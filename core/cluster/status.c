/* status.c: see status.h. */
#include "cluster/status.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/error.h"

enum { MAX_EXCERPT = 200 }; /* of a body that is not a Status */

static moon_status kind_of(int status) {
  switch (status) {
  case 401:
    return MOON_UNAUTHORIZED;
  case 403:
    return MOON_FORBIDDEN;
  case 404:
    return MOON_NOT_FOUND;
  case 409:
    return MOON_CONFLICT;
  case 410:
    return MOON_GONE;
  case 429:
    return MOON_TOO_MANY_REQUESTS;
  default:
    break;
  }
  if (status >= 500) return MOON_SERVER;
  return status >= 400 ? MOON_INVALID : MOON_PROTOCOL;
}

static const char *string_in(const cJSON *object, const char *name) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  return text && *text ? text : NULL;
}

static moon_error *from_status_object(const moon_response *response) {
  cJSON *status = cJSON_ParseWithLength(response->body.data, response->body.len);
  const char *kind = string_in(status, "kind");
  moon_error *err = NULL;
  if (kind && !strcmp(kind, "Status")) {
    const char *message = string_in(status, "message"), *reason = string_in(status, "reason");
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(status, "details");
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(status, "metadata");
    const cJSON *retry = cJSON_GetObjectItemCaseSensitive(details, "retryAfterSeconds");
    err = moon_error_new(kind_of(response->status), "%s", message ? message : reason ? reason : "no reason given");
    moon_error_set(&err->reason, reason);
    moon_error_set(&err->continue_token, string_in(metadata, "continue"));
    if (cJSON_IsObject(details)) err->details = cJSON_PrintUnformatted(details);
    if (cJSON_IsNumber(retry) && retry->valuedouble > 0 && retry->valuedouble < 86400) {
      err->retry_after_ms = (int64_t)retry->valuedouble * 1000;
    }
  }
  cJSON_Delete(status);
  return err;
}

char *moon_status_excerpt(const char *bytes, size_t len) {
  moon_buffer line = {0};
  bool markup = false;
  size_t i = 0;
  for (; i < len && (line.len < MAX_EXCERPT || ((unsigned char)bytes[i] & 0xc0) == 0x80); i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (c == '<') markup = true;
    bool visible = !markup && !isspace(c) && c >= 0x20 && c != 0x7f;
    if (c == '>') markup = false;
    if (visible) {
      moon_buffer_add_char(&line, (char)c);
    } else if (line.len && line.data[line.len - 1] != ' ') {
      moon_buffer_add_char(&line, ' ');
    }
  }
  while (line.len && line.data[line.len - 1] == ' ') line.data[--line.len] = '\0';
  if (i < len) moon_buffer_add_text(&line, "...");
  return moon_buffer_take(&line);
}

char *moon_status_failed_checks(const moon_response *response) {
  moon_buffer list = {0};
  for (const char *line = response->body.data; line && *line;) {
    size_t len = strcspn(line, "\r\n");
    if (len > 3 && !strncmp(line, "[-]", 3)) {
      if (list.len) moon_buffer_add_text(&list, "; ");
      moon_buffer_add(&list, line + 3, len - 3);
    }
    line += len + strspn(line + len, "\r\n");
  }
  char *text = list.len ? moon_status_excerpt(list.data, list.len) : NULL;
  moon_buffer_free(&list);
  return text;
}

moon_error *moon_status_error(const moon_request *request, const moon_response *response, const char *endpoint) {
  int status = response->status;
  if (status >= 200 && status <= 299) return NULL;
  moon_error *err = response->body.len ? from_status_object(response) : NULL;
  if (!err && status < 400) {
    err = moon_error_new(MOON_PROTOCOL,
                         "%s %s%s: HTTP %d, which is not an answer of an API server (redirects are not followed)",
                         request->method, endpoint, request->path, status);
  }
  char *checks = !err && status >= 500 ? moon_status_failed_checks(response) : NULL;
  if (checks) {
    err = moon_error_new(MOON_SERVER, "%s %s%s: not ready (HTTP %d): %s", request->method, endpoint, request->path,
                         status, checks);
    free(checks);
  }
  if (!err) {
    char *text = moon_status_excerpt(response->body.data, response->body.len);
    err = moon_error_new(kind_of(status), "%s %s%s: HTTP %d%s%s%s%s", request->method, endpoint, request->path, status,
                         *text ? ", not from an API server (" : "",
                         *text ? (response->content_type ? response->content_type : "no content type") : "",
                         *text ? "): " : "", text);
    free(text);
  }
  err->http_status = status;
  if (response->retry_after_ms >= 0) err->retry_after_ms = response->retry_after_ms;
  return err;
}
