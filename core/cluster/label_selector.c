/* label_selector.c: see label_selector.h. A reader that goes through the text once, from the left, and a list of
 * requirements that it leaves behind. "=" is "in" with one value and "!=" is "notin" with one. */
#include "cluster/label_selector.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"

enum operation { EXISTS, ABSENT, IN, NOT_IN };

struct requirement {
  char *key;
  enum operation operation;
  char **values; /* of IN and NOT_IN */
  size_t value_count;
};

struct moon_label_selector {
  struct requirement *requirements;
  size_t count;
};

/* --- reading --- */

struct reader {
  const char *text, *at;
};

static void skip_space(struct reader *reader) {
  reader->at += strspn(reader->at, " \t\r\n");
}

/* Takes `token` if it comes next. */
static bool take(struct reader *reader, const char *token) {
  skip_space(reader);
  size_t len = strlen(token);
  if (strncmp(reader->at, token, len) != 0) return false;
  reader->at += len;
  return true;
}

/* The word that comes next: everything up to a space or a sign of the syntax; may be empty. Returns its length. */
static size_t next_word(struct reader *reader) {
  skip_space(reader);
  return strcspn(reader->at, " \t\r\n,()=!");
}

static char *take_word(struct reader *reader) {
  size_t len = next_word(reader);
  char *word = moon_strndup(reader->at, len);
  reader->at += len;
  return word;
}

static bool take_keyword(struct reader *reader, const char *keyword) {
  size_t len = next_word(reader);
  return len == strlen(keyword) && take(reader, keyword);
}

static moon_error *expected(struct reader *reader, const char *what) {
  int len = (int)next_word(reader);
  if (!*reader->at)
    return moon_error_new(MOON_CONFIG, "label selector \"%s\": expected %s at its end", reader->text, what);
  return moon_error_new(MOON_CONFIG, "label selector \"%s\": expected %s at character %zu, found \"%.*s\"",
                        reader->text, what, moon_utf8_count(reader->text, reader->at) + 1, len ? len : 1, reader->at);
}

static void add_value(struct requirement *out, char *value) {
  out->values = moon_realloc(out->values, (out->value_count + 1) * sizeof *out->values);
  out->values[out->value_count++] = value;
}

static moon_error *read_values(struct reader *reader, struct requirement *out) {
  if (!take(reader, "(")) return expected(reader, "'(' and values");
  do {
    add_value(out, take_word(reader));
  } while (take(reader, ","));
  return take(reader, ")") ? NULL : expected(reader, "',' or ')'");
}

static moon_error *read_requirement(struct reader *reader, struct requirement *out) {
  bool negated = take(reader, "!");
  if (!next_word(reader)) return expected(reader, "a label's key");
  out->key = take_word(reader);
  if (negated) {
    out->operation = ABSENT;
  } else if (take(reader, "==") || take(reader, "=")) {
    out->operation = IN;
    add_value(out, take_word(reader));
  } else if (take(reader, "!=")) {
    out->operation = NOT_IN;
    add_value(out, take_word(reader));
  } else if (take_keyword(reader, "in")) {
    out->operation = IN;
    return read_values(reader, out);
  } else if (take_keyword(reader, "notin")) {
    out->operation = NOT_IN;
    return read_values(reader, out);
  } else {
    out->operation = EXISTS;
  }
  return NULL;
}

/* What may follow a requirement that is complete but for it. */
static const char *follow_up(const struct requirement *last) {
  return last->operation == EXISTS ? "',', '=', '!=', \"in\" or \"notin\"" : "','";
}

moon_error *moon_label_selector_new(const char *text, moon_label_selector **out) {
  moon_label_selector *selector = moon_zalloc(sizeof *selector);
  struct reader reader = {text, text};
  moon_error *err = NULL;
  skip_space(&reader);
  if (*reader.at) {
    do {
      selector->requirements =
          moon_realloc(selector->requirements, (selector->count + 1) * sizeof *selector->requirements);
      struct requirement *next = &selector->requirements[selector->count++];
      *next = (struct requirement){0};
      err = read_requirement(&reader, next);
      if (err) goto fail;
    } while (take(&reader, ","));
    skip_space(&reader);
    if (*reader.at) {
      err = expected(&reader, follow_up(&selector->requirements[selector->count - 1]));
      goto fail;
    }
  }
  *out = selector;
  return NULL;

fail:
  moon_label_selector_free(selector);
  return err;
}

void moon_label_selector_free(moon_label_selector *selector) {
  if (!selector) return;
  for (size_t i = 0; i < selector->count; i++) {
    struct requirement *requirement = &selector->requirements[i];
    for (size_t j = 0; j < requirement->value_count; j++) free(requirement->values[j]);
    free(requirement->values);
    free(requirement->key);
  }
  free(selector->requirements);
  free(selector);
}

/* --- asking --- */

static const char *value_of(const char *key, const moon_label *labels, size_t label_count) {
  for (size_t i = 0; i < label_count; i++)
    if (strcmp(labels[i].key, key) == 0) return labels[i].value;
  return NULL;
}

static bool is_among(const char *value, const struct requirement *requirement) {
  for (size_t i = 0; value && i < requirement->value_count; i++)
    if (strcmp(requirement->values[i], value) == 0) return true;
  return false;
}

static bool holds(const struct requirement *requirement, const char *value) {
  switch (requirement->operation) {
  case EXISTS:
    return value != NULL;
  case ABSENT:
    return value == NULL;
  case IN:
    return is_among(value, requirement);
  case NOT_IN:
    return !is_among(value, requirement);
  }
  return false;
}

bool moon_label_selector_matches(const moon_label_selector *selector, const moon_label *labels, size_t label_count) {
  for (size_t i = 0; i < selector->count; i++) {
    const struct requirement *requirement = &selector->requirements[i];
    if (!holds(requirement, value_of(requirement->key, labels, label_count))) return false;
  }
  return true;
}

bool moon_label_selector_is_empty(const moon_label_selector *selector) {
  return selector->count == 0;
}
