/* change.c: see change.h. */
#include "net/change.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "base/alloc.h"

enum { MAX_SEGMENTS = 64 };

/* A path as the server will see it: decoded, in its segments. */
typedef struct segments {
  char *text; /* what they point into */
  const char *at[MAX_SEGMENTS];
  size_t count; /* MAX_SEGMENTS: perhaps there are more */
} segments;

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++) {
    int high = *from == '%' ? hex_value(from[1]) : -1, low = high >= 0 ? hex_value(from[2]) : -1;
    if (low >= 0) {
      *to++ = (char)(high * 16 + low);
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = '\0';
}

static void split(const char *path, segments *out) {
  out->text = moon_strndup(path, strcspn(path, "?#"));
  out->count = 0;
  decode(out->text);
  char *rest = out->text;
  for (char *next; out->count < MAX_SEGMENTS && (next = strtok_r(rest, "/", &rest));) out->at[out->count++] = next;
}

static bool is_one_of(const char *word, const char *const *words) {
  for (; *words; words++)
    if (strcasecmp(word, *words) == 0) return true;
  return false;
}

/* What is done to something in the cluster, and not by its API: "pods/NAME/exec", "services/NAME/proxy/...". */
static bool leads_out(const segments *path, const char *const *subresources) {
  static const char *const kinds[] = {"pods", "services", "nodes", NULL};
  for (size_t i = 0; i + 2 < path->count; i++)
    if (is_one_of(path->at[i], kinds) && is_one_of(path->at[i + 2], subresources)) return true;
  return false;
}

/* A command in a container; behind a node's proxy, the node has names of its own for them. */
static bool is_command(const segments *path) {
  static const char *const commands[] = {"exec", "attach", "portforward", NULL}, *const proxy[] = {"proxy", NULL},
                           *const of_nodes[] = {"exec", "attach", "portforward", "run", "cri", NULL};
  if (leads_out(path, commands)) return true;
  for (size_t i = 0; leads_out(path, proxy) && i < path->count; i++)
    if (is_one_of(path->at[i], of_nodes)) return true;
  return false;
}

static bool begins_with(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

static bool is_review(const segments *path) {
  if (path->count < 4 || strcmp(path->at[0], "apis") != 0) return false;
  if (!begins_with(path->at[1], "authorization.") && !begins_with(path->at[1], "authentication.")) return false;
  const char *last = path->at[path->count - 1];
  size_t len = strlen(last), ending = strlen("reviews");
  return len >= ending && strcmp(last + len - ending, "reviews") == 0;
}

/* A parameter that is there as it is usually written. What follows a '#' is not sent. */
static bool query_has(const char *path, const char *wanted) {
  size_t len = strlen(wanted);
  const char *end = path + strcspn(path, "#");
  for (const char *at = strchr(path, '?'); at && at < end; at = strchr(at + 1, '&'))
    if (strncmp(at + 1, wanted, len) == 0 && strchr("&#", at[1 + len])) return true;
  return false;
}

static bool is_all(const cJSON *list) {
  if (!cJSON_IsArray(list) || !list->child) return false;
  for (const cJSON *item = list->child; item; item = item->next)
    if (!cJSON_IsString(item) || strcmp(item->valuestring, "All") != 0) return false;
  return true;
}

/* Of DeleteOptions. A key that is there twice is read differently by different readers. */
static bool body_is_dry(const moon_request *request) {
  if (request->content_type && !begins_with(request->content_type, "application/json")) return false;
  cJSON *body = cJSON_ParseWithLength(request->body, request->body_len);
  int dry = 0, other = 0;
  for (const cJSON *item = cJSON_IsObject(body) ? body->child : NULL; item; item = item->next) {
    if (strcasecmp(item->string, "dryRun") != 0) continue;
    if (strcmp(item->string, "dryRun") == 0 && is_all(item))
      dry++;
    else
      other++;
  }
  cJSON_Delete(body);
  return dry == 1 && other == 0;
}

static bool is_dry(const moon_request *request) {
  if (strcmp(request->method, "DELETE") == 0 && request->body_len > 0) return body_is_dry(request);
  return query_has(request->path, "dryRun=All");
}

static bool may_change(const moon_request *request, const segments *path) {
  static const char *const proxy[] = {"proxy", NULL};
  if (path->count == MAX_SEGMENTS) return true;
  if (is_command(path)) return true;
  if (moon_request_is_read(request)) return false;
  if (leads_out(path, proxy)) return true;
  if (strcmp(request->method, "POST") == 0 && is_review(path)) return false;
  return !is_dry(request);
}

bool moon_request_may_change(const moon_request *request) {
  segments path;
  split(request->path, &path);
  bool may = may_change(request, &path);
  free(path.text);
  return may;
}
