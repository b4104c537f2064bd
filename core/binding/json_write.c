/* json_write.c: JSON text from what value_walk tells. See json.h. */
#include "binding/json.h"

#include <stdint.h>
#include <string.h>

#include "binding/value_walk.h"

typedef struct json_text {
  moon_buffer *out;
  size_t indent, depth;
  bool after_value; /* the next key or item needs a comma before it */
  bool after_key;
} json_text;

static void new_line(json_text *t) {
  if (!t->indent) return;
  size_t spaces = t->indent * t->depth;
  moon_buffer_add_char(t->out, '\n');
  moon_buffer_reserve(t->out, spaces);
  memset(t->out->data + t->out->len, ' ', spaces);
  t->out->len += spaces;
  t->out->data[t->out->len] = '\0';
}

/* What stands before a value: nothing after a key, else a comma or a line of its own. */
static void separate(json_text *t) {
  if (t->after_key) {
    t->after_key = false;
  } else if (t->depth > 0) {
    if (t->after_value) moon_buffer_add_char(t->out, ',');
    new_line(t);
  }
  t->after_value = true;
}

static bool needs_escape(unsigned char c) {
  return c < 0x20 || c == '"' || c == '\\';
}

static size_t plain_length(const char *text, size_t len) {
  const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
  size_t at = 0;
  for (; at + 8 <= len; at += 8) { /* eight bytes at a time; a false alarm only ends this loop early */
    uint64_t word, quote, backslash;
    memcpy(&word, text + at, sizeof word);
    quote = word ^ ones * '"';
    backslash = word ^ ones * '\\';
    if (((word - ones * 0x20) | (quote - ones) | (backslash - ones)) & ~word & highs) break;
  }
  while (at < len && !needs_escape((unsigned char)text[at])) at++;
  return at;
}

static void add_quoted(moon_buffer *out, const char *text, size_t len) {
  moon_buffer_reserve(out, len + 2);
  moon_buffer_add_char(out, '"');
  for (;;) {
    size_t plain = plain_length(text, len);
    moon_buffer_add(out, text, plain);
    if (plain == len) break;
    unsigned char c = (unsigned char)text[plain];
    const char *named = strchr("\"\\\bb\ff\nn\rr\tt", c); /* the letter after a control character is its name */
    if (c && named) {
      moon_buffer_add_char(out, '\\');
      moon_buffer_add_char(out, c < 0x20 ? named[1] : (char)c);
    } else {
      moon_buffer_addf(out, "\\u%04x", c);
    }
    text += plain + 1;
    len -= plain + 1;
  }
  moon_buffer_add_char(out, '"');
}

static void write_open(void *ctx, bool array, size_t count) {
  json_text *t = ctx;
  separate(t);
  moon_buffer_add_char(t->out, array ? '[' : '{');
  t->depth++;
  t->after_value = false;
}

static void write_close(void *ctx, bool array, size_t count) {
  json_text *t = ctx;
  t->depth--;
  if (count) new_line(t);
  moon_buffer_add_char(t->out, array ? ']' : '}');
  t->after_value = true;
}

static void write_key(void *ctx, const char *text, size_t len) {
  json_text *t = ctx;
  separate(t);
  add_quoted(t->out, text, len);
  moon_buffer_add(t->out, ": ", t->indent ? 2 : 1);
  t->after_key = true;
}

static void write_string(void *ctx, const char *text, size_t len) {
  json_text *t = ctx;
  separate(t);
  add_quoted(t->out, text, len);
}

static void write_word(void *ctx, const char *text, size_t len) {
  json_text *t = ctx;
  separate(t);
  moon_buffer_add(t->out, text, len);
}

bool moon_json_write(lua_State *L, int index, int indent, moon_buffer *out) {
  static const moon_value_writer writer = {write_open, write_close, write_key, write_string, write_word};
  json_text text = {.out = out, .indent = indent > 0 ? (size_t)indent : 0};
  size_t before = out->len;
  if (moon_value_walk(L, index, "JSON", &writer, &text)) return true;
  out->len = before;
  if (out->data) out->data[before] = '\0';
  return false;
}
