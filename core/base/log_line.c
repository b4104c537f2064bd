/* log_line.c: see log.h. How a line looks, and copies of it. What is printed has no control characters but the ends of
 * lines and tabs of a message in text, and is UTF-8 in JSON, whatever came from a server or a script. Any thread. */
#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/utf8.h"

moon_log_field moon_log_text(const char *name, const char *text) {
  return (moon_log_field){.name = name, .type = MOON_FIELD_TEXT, .value.text = text ? text : ""};
}

moon_log_field moon_log_integer(const char *name, int64_t integer) {
  return (moon_log_field){.name = name, .type = MOON_FIELD_INTEGER, .value.integer = integer};
}

moon_log_field moon_log_number(const char *name, double number) {
  return (moon_log_field){.name = name, .type = MOON_FIELD_NUMBER, .value.number = number};
}

moon_log_field moon_log_boolean(const char *name, bool boolean) {
  return (moon_log_field){.name = name, .type = MOON_FIELD_BOOLEAN, .value.boolean = boolean};
}

/* --- as text --- */

static bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}

static void add_escape(moon_buffer *out, unsigned char c) {
  static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
  const char *found = c ? strchr(named, c) : NULL;
  if (found)
    moon_buffer_addf(out, "\\%c", c < 0x20 ? found[1] : c);
  else
    moon_buffer_addf(out, "\\u%04x", c);
}

static void add_message(moon_buffer *out, const char *text) {
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (is_control(*c) && *c != '\n' && *c != '\t')
      add_escape(out, *c);
    else
      moon_buffer_add_char(out, (char)*c);
  }
}

static void add_quoted(moon_buffer *out, const char *text) {
  const char *end = text + strlen(text);
  moon_buffer_add_char(out, '"');
  while (text < end) {
    const char *bad = moon_utf8_check(text, end);
    for (; text < bad; text++) {
      unsigned char c = (unsigned char)*text;
      if (is_control(c) || c == '"' || c == '\\')
        add_escape(out, c);
      else
        moon_buffer_add_char(out, *text);
    }
    if (bad < end) {
      moon_buffer_add_text(out, "\xef\xbf\xbd"); /* U+FFFD: here was something else */
      text = bad + 1;
    }
  }
  moon_buffer_add_char(out, '"');
}

/* A word that can be told from what is around it. */
static bool is_plain(const char *text) {
  if (!*text) return false;
  for (const unsigned char *c = (const unsigned char *)text; *c; c++)
    if (is_control(*c) || strchr(" \"=\\", *c)) return false;
  const char *end = text + strlen(text);
  return moon_utf8_check(text, end) == end;
}

static void add_value(moon_buffer *out, const moon_log_field *field, bool quoted) {
  switch (field->type) {
  case MOON_FIELD_TEXT:
    if (!quoted && is_plain(field->value.text))
      moon_buffer_add_text(out, field->value.text);
    else
      add_quoted(out, field->value.text);
    break;
  case MOON_FIELD_INTEGER:
    moon_buffer_addf(out, "%lld", (long long)field->value.integer);
    break;
  case MOON_FIELD_NUMBER:
    if (isfinite(field->value.number) || !quoted)
      moon_buffer_addf(out, "%.14g", field->value.number);
    else
      moon_buffer_add_text(out, "null"); /* JSON has no other word for it */
    break;
  case MOON_FIELD_BOOLEAN:
    moon_buffer_add_text(out, field->value.boolean ? "true" : "false");
    break;
  }
}

static void write_text(const moon_log_line *line, moon_buffer *out) {
  moon_buffer_addf(out, "moonpool: %s: ", moon_log_level_name(line->level));
  add_message(out, line->message);
  for (size_t i = 0; i < line->field_count; i++) {
    moon_buffer_addf(out, " %s=", line->fields[i].name);
    add_value(out, &line->fields[i], false);
  }
}

/* --- as JSON --- */

/* RFC 3339, in UTC, with milliseconds. */
static void add_time(moon_buffer *out, int64_t wall_ms) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm utc;
  char text[32];
  gmtime_r(&seconds, &utc);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  moon_buffer_addf(out, "%s.%03dZ", text, (int)(wall_ms % 1000));
}

static void write_json(const moon_log_line *line, moon_buffer *out) {
  moon_buffer_add_text(out, "{\"time\":\"");
  add_time(out, line->wall_ms);
  moon_buffer_addf(out, "\",\"level\":\"%s\",\"message\":", moon_log_level_name(line->level));
  add_quoted(out, line->message);
  if (line->field_count > 0) moon_buffer_add_text(out, ",\"fields\":{");
  for (size_t i = 0; i < line->field_count; i++) {
    if (i > 0) moon_buffer_add_char(out, ',');
    add_quoted(out, line->fields[i].name);
    moon_buffer_add_char(out, ':');
    add_value(out, &line->fields[i], true);
  }
  moon_buffer_add_text(out, line->field_count > 0 ? "}}" : "}");
}

void moon_log_write(const moon_log_line *line, moon_log_format format, moon_buffer *out) {
  (format == MOON_LOG_JSON ? write_json : write_text)(line, out);
  moon_buffer_add_char(out, '\n');
}

/* In one piece, so that the lines of several threads and processes do not get into each other. */
void moon_log_print(const moon_log_line *line) {
  moon_buffer text = {0};
  moon_log_write(line, moon_log_get_format(), &text);
  fwrite(text.data, 1, text.len, stderr);
  moon_buffer_free(&text);
}

/* --- copies --- */

static size_t texts_size(const moon_log_line *line) {
  size_t size = strlen(line->message) + 1;
  for (size_t i = 0; i < line->field_count; i++) {
    const moon_log_field *field = &line->fields[i];
    size += strlen(field->name) + 1;
    if (field->type == MOON_FIELD_TEXT) size += strlen(field->value.text) + 1;
  }
  return size;
}

/* Copies a text to the place, which moves behind it. */
static const char *put_text(char **to, const char *text) {
  char *copy = *to;
  size_t size = strlen(text) + 1;
  *to += size;
  return memcpy(copy, text, size);
}

moon_log_line *moon_log_line_copy(const moon_log_line *line) {
  size_t fields_size = line->field_count * sizeof *line->fields;
  moon_log_line *copy = moon_alloc(sizeof *copy + fields_size + texts_size(line));
  moon_log_field *fields = (moon_log_field *)(copy + 1);
  char *texts = (char *)(fields + line->field_count);
  *copy = *line;
  copy->fields = fields;
  copy->message = put_text(&texts, line->message);
  for (size_t i = 0; i < line->field_count; i++) {
    fields[i] = line->fields[i];
    fields[i].name = put_text(&texts, fields[i].name);
    if (fields[i].type == MOON_FIELD_TEXT) fields[i].value.text = put_text(&texts, fields[i].value.text);
  }
  return copy;
}
