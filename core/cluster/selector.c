/* selector.c: see selector.h. The patterns that names are held against; the labels' half is in label_selector.c.
 *
 * A selector is complete when moon_selector_new returns and never changes afterwards but for its count of references:
 * any thread may ask it (regexec takes care of itself). */
#include "cluster/selector.h"

#include <fnmatch.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "cluster/label_selector.h"

enum kind { NAME, GLOB, REGEX, GROUP };

struct pattern {
  enum kind kind;
  bool excludes;
  char *text;    /* the name or the glob */
  regex_t regex; /* of a REGEX */
  moon_selector *group;
};

struct moon_selector {
  atomic_uint refs;
  struct pattern *patterns;
  size_t count;
  bool includes; /* one of the patterns is an inclusion */
  moon_label_selector *labels;
};

/* --- reading patterns --- */

/* The first '[' that nothing closes, or NULL. */
static const char *open_bracket(const char *glob) {
  for (const char *at = glob; *at; at++) {
    if (*at == '\\' && at[1]) {
      at++;
    } else if (*at == '[') {
      const char *set = at + 1;
      if (*set == '!' || *set == '^') set++;
      const char *end = *set ? strchr(set + 1, ']') : NULL; /* a ']' at the beginning stands for itself */
      if (!end) return at;
      at = end;
    }
  }
  return NULL;
}

/* `whole` is the pattern as it was given, `body` what stands between its slashes. */
static moon_error *read_regex(const char *whole, const char *body, struct pattern *out) {
  size_t len = strlen(body);
  if (len < 2 || body[len - 1] != '/')
    return moon_error_new(MOON_CONFIG,
                          "cluster pattern \"%s\": a regular expression begins and ends with '/'; for names that begin "
                          "with one write \"[/]...\"",
                          whole);
  if (len == 2)
    return moon_error_new(MOON_CONFIG, "cluster pattern \"%s\": there is nothing between the slashes", whole);
  char *expression = moon_strndup(body + 1, len - 2);
  int failed = regcomp(&out->regex, expression, REG_EXTENDED | REG_NOSUB);
  free(expression);
  if (failed) {
    char reason[128];
    regerror(failed, &out->regex, reason, sizeof reason);
    return moon_error_new(MOON_CONFIG, "cluster pattern \"%s\": not a regular expression: %s", whole, reason);
  }
  out->kind = REGEX;
  return NULL;
}

static moon_error *read_group(const char *whole, const char *name, const moon_group *groups, size_t count,
                              struct pattern *out) {
  const char **names = moon_zalloc((count + 1) * sizeof *names);
  for (size_t i = 0; i < count && !out->group; i++) {
    names[i] = groups[i].name;
    if (strcmp(name, groups[i].name) == 0) out->group = moon_selector_retain(groups[i].selector);
  }
  out->kind = GROUP;
  moon_error *err = NULL;
  if (!out->group) {
    const char *near = moon_nearest(name, names, count);
    err = moon_error_new(MOON_CONFIG, "cluster pattern \"%s\": there is no group of that name%s%s%s", whole,
                         near ? "; did you mean \"@" : "", near ? near : "", near ? "\"?" : "");
  }
  free(names);
  return err;
}

static moon_error *read_pattern(const char *whole, const moon_group *groups, size_t group_count, struct pattern *out) {
  out->excludes = *whole == '^';
  const char *body = whole + out->excludes;
  if (!*body || *body == '^')
    return moon_error_new(MOON_CONFIG,
                          "cluster pattern \"%s\": expected a name, a glob (\"prod-*\"), a regular expression "
                          "(\"/eu-[0-9]/\") or a group (\"@eu\")%s",
                          whole, out->excludes ? " after the '^', which excludes" : "");
  if (*body == '/') return read_regex(whole, body, out);
  if (*body == '@') return read_group(whole, body + 1, groups, group_count, out);

  const char *comma = strchr(body, ',');
  if (comma)
    return moon_error_new(MOON_CONFIG,
                          "cluster pattern \"%s\": a comma at character %zu; several patterns are given one by one, as "
                          "a list",
                          whole, moon_utf8_count(whole, comma) + 1);
  if (strpbrk(body, "*?[\\")) {
    const char *bracket = open_bracket(body);
    if (bracket)
      return moon_error_new(MOON_CONFIG, "cluster pattern \"%s\": the '[' at character %zu is never closed", whole,
                            moon_utf8_count(whole, bracket) + 1);
    out->kind = GLOB;
  }
  out->text = moon_strdup(body);
  return NULL;
}

/* --- the selector --- */

moon_error *moon_selector_new(const char *const *patterns, size_t count, const char *labels, const moon_group *groups,
                              size_t group_count, moon_selector **out) {
  moon_selector *selector = moon_zalloc(sizeof *selector);
  selector->refs = 1;
  selector->patterns = moon_zalloc(count * sizeof *selector->patterns);
  moon_error *err = NULL;
  for (size_t i = 0; i < count; i++) {
    struct pattern *pattern = &selector->patterns[i];
    err = read_pattern(patterns[i], groups, group_count, pattern);
    if (err) goto fail;
    selector->count++;
    if (!pattern->excludes) selector->includes = true;
  }
  err = moon_label_selector_new(labels ? labels : "", &selector->labels);
  if (err) goto fail;
  *out = selector;
  return NULL;

fail:
  moon_selector_release(selector);
  return err;
}

moon_selector *moon_selector_retain(moon_selector *selector) {
  atomic_fetch_add(&selector->refs, 1);
  return selector;
}

void moon_selector_release(moon_selector *selector) {
  if (!selector || atomic_fetch_sub(&selector->refs, 1) > 1) return;
  for (size_t i = 0; i < selector->count; i++) {
    struct pattern *pattern = &selector->patterns[i];
    if (pattern->kind == REGEX) regfree(&pattern->regex);
    moon_selector_release(pattern->group);
    free(pattern->text);
  }
  free(selector->patterns);
  moon_label_selector_free(selector->labels);
  free(selector);
}

static bool fits(const struct pattern *pattern, const char *name) {
  switch (pattern->kind) {
  case NAME:
    return strcmp(pattern->text, name) == 0;
  case GLOB:
    return fnmatch(pattern->text, name, 0) == 0;
  case REGEX:
    return regexec(&pattern->regex, name, 0, NULL, 0) == 0;
  case GROUP:
    return moon_selector_matches(pattern->group, name, NULL, 0);
  }
  return false;
}

bool moon_selector_matches(const moon_selector *selector, const char *name, const moon_label *labels,
                           size_t label_count) {
  bool included = !selector->includes;
  for (size_t i = 0; i < selector->count; i++) {
    const struct pattern *pattern = &selector->patterns[i];
    if (included && !pattern->excludes) continue;
    if (!fits(pattern, name)) continue;
    if (pattern->excludes) return false;
    included = true;
  }
  return included && moon_label_selector_matches(selector->labels, labels, label_count);
}

const char *moon_selector_single(const moon_selector *selector) {
  if (selector->count != 1 || !moon_label_selector_is_empty(selector->labels)) return NULL;
  const struct pattern *only = &selector->patterns[0];
  return only->kind == NAME && !only->excludes ? only->text : NULL;
}
