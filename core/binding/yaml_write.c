/* yaml_write.c: YAML text from what value_walk tells, through libyaml's emitter; and the Lua module. See yaml.h. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "binding/error.h"
#include "binding/json.h"
#include "binding/value_walk.h"
#include "binding/yaml.h"

/* --- writing --- */

static int add_output(void *out, unsigned char *bytes, size_t len) {
  moon_buffer_add(out, bytes, len);
  return 1;
}

static void out_of_memory(void) {
  fputs("moonpool: out of memory\n", stderr);
  abort();
}

/* The emitter takes the event over. It fails for lack of memory only: events come in order, and texts are UTF-8. */
static void emit(yaml_emitter_t *emitter, yaml_event_t *event, int initialized) {
  if (!initialized || !yaml_emitter_emit(emitter, event)) out_of_memory();
}

static void emit_scalar(void *emitter, const char *text, size_t len, yaml_scalar_style_t style) {
  yaml_event_t event;
  int plain = style == YAML_PLAIN_SCALAR_STYLE;
  emit(emitter, &event,
       yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)len, plain, 1, style));
}

static void write_open(void *emitter, bool array, size_t count) {
  yaml_event_t event;
  emit(emitter, &event,
       array ? yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE)
             : yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
}

static void write_close(void *emitter, bool array, size_t count) {
  yaml_event_t event;
  emit(emitter, &event, array ? yaml_sequence_end_event_initialize(&event) : yaml_mapping_end_event_initialize(&event));
}

/* Text that can stand without quotes or in a literal block (|): visible characters, and what all readers take for
 * lines. */
static bool is_visible(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) return false;
    if (c < 0x80) continue;
    unsigned char next = (unsigned char)text[i + 1]; /* Lua strings end in a NUL, and this is UTF-8 */
    if (c == 0xc2 && next < 0xa0) return false;      /* C1 controls, U+0085 (next line) among them */
    if (c == 0xe2 && next == 0x80 && ((unsigned char)text[i + 2] | 1) == 0xa9) return false; /* U+2028, U+2029 */
    if (c == 0xef && next == 0xbb) return false;                                             /* byte order mark */
  }
  return true;
}

/* A block's indentation is told by its first line, and blanks at the end of lines are easily lost by people. */
static bool fits_block(const char *text, size_t len) {
  if (*text == ' ' || *text == '\n' || *text == '\t') return false;
  for (const char *line_end = text; (line_end = memchr(line_end, '\n', (size_t)(text + len - line_end))); line_end++) {
    if (line_end[-1] == ' ' || line_end[-1] == '\t') return false;
  }
  return true;
}

static void write_text(yaml_emitter_t *emitter, const char *text, size_t len, bool may_be_block) {
  yaml_scalar_style_t style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
  if (!is_visible(text, len)) {
    /* escapes need double quotes */
  } else if (memchr(text, '\n', len)) {
    if (may_be_block && fits_block(text, len)) style = YAML_LITERAL_SCALAR_STYLE;
  } else if (moon_yaml_is_plain_string(text, len)) {
    style = YAML_PLAIN_SCALAR_STYLE; /* or in single quotes, as the emitter sees fit */
  }
  emit_scalar(emitter, text, len, style);
}

static void write_string(void *emitter, const char *text, size_t len) {
  write_text(emitter, text, len, true);
}

static void write_key(void *emitter, const char *text, size_t len) {
  write_text(emitter, text, len, false);
}

static void write_word(void *emitter, const char *text, size_t len) {
  emit_scalar(emitter, text, len, YAML_PLAIN_SCALAR_STYLE);
}

bool moon_yaml_write(lua_State *L, int index, moon_buffer *out) {
  static const moon_value_writer writer = {write_open, write_close, write_key, write_string, write_word};
  yaml_emitter_t emitter;
  yaml_event_t event;
  size_t before = out->len;
  if (!yaml_emitter_initialize(&emitter)) out_of_memory();
  yaml_emitter_set_output(&emitter, add_output, out);
  yaml_emitter_set_encoding(&emitter, YAML_UTF8_ENCODING);
  yaml_emitter_set_unicode(&emitter, 1);
  yaml_emitter_set_width(&emitter, -1);
  emit(&emitter, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
  emit(&emitter, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
  bool written = moon_value_walk(L, index, "YAML", &writer, &emitter);
  if (written) {
    emit(&emitter, &event, yaml_document_end_event_initialize(&event, 1));
    emit(&emitter, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_flush(&emitter);
  }
  yaml_emitter_delete(&emitter);
  if (written) return true;
  out->len = before;
  if (out->data) out->data[before] = '\0';
  return false;
}

/* --- the module --- */

/* Reads the text that is the only argument and pushes its documents, and the lines of what is in them. False: pushes
 * nil and an error object. */
static bool read_argument(lua_State *L, bool lines) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  lua_settop(L, 1);
  if (moon_yaml_read(L, text, len, lines)) return true;
  moon_push_error(L, moon_error_new(MOON_INVALID, "not YAML: %s", lua_tostring(L, -1)));
  return false;
}

/* Replaces the documents at index 2 by the only one of them. */
static bool only_document(lua_State *L) {
  size_t count = lua_rawlen(L, 2);
  if (count > 1) {
    moon_push_error(L, moon_error_new(MOON_INVALID, "%zu documents in one text: decodeAll reads them all", count));
    return false;
  }
  if (count == 0)
    moon_json_push_null(L);
  else
    lua_rawgeti(L, 2, 1);
  lua_replace(L, 2);
  return true;
}

/* decode(text) -> value | nil, err */
static int yaml_decode(lua_State *L) {
  return read_argument(L, false) && only_document(L) ? 1 : 2;
}

/* decodeWithLines(text) -> value, lines | nil, err */
static int yaml_decode_with_lines(lua_State *L) {
  if (read_argument(L, true)) only_document(L);
  return 2;
}

/* decodeAll(text) -> array | nil, err */
static int yaml_decode_all(lua_State *L) {
  return read_argument(L, false) ? 1 : 2;
}

/* encode(value) -> text | nil, err */
static int yaml_encode(lua_State *L) {
  luaL_checkany(L, 1);
  moon_buffer *text = moon_json_push_buffer(L);
  if (!moon_yaml_write(L, 1, text)) {
    moon_buffer_free(text);
    return moon_push_error(L, moon_error_new(MOON_INVALID, "%s", lua_tostring(L, -1)));
  }
  lua_pushlstring(L, text->data, text->len);
  moon_buffer_free(text);
  return 1;
}

int moon_yaml_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"decode", yaml_decode},
                                       {"decodeWithLines", yaml_decode_with_lines},
                                       {"decodeAll", yaml_decode_all},
                                       {"encode", yaml_encode},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
