/* yaml_read.c: Lua values from libyaml's events. See yaml.h.
 *
 * Everything that can raise runs in one protected call; parser and event belong to the frame outside it. Recursion is
 * bounded by MOON_JSON_MAX_DEPTH. Anchored values are kept in a table by name (false while the value is being read) and
 * copied for each alias, because a script that changes one place of a document must not change another.
 *
 * Lines, where they are wanted, are kept beside the values: table -> { [key or index] = line }. What "<<" merged has
 * the line of no member; a copy has the lines of what it is copied from. */
#include <lauxlib.h>
#include <string.h>
#include <yaml.h>

#include "binding/json.h"
#include "binding/yaml.h"
#include "kube/base64.h"

enum { LINES_PLACE = 2, DOCUMENTS_PLACE, ANCHORS_PLACE };

typedef struct yaml_reader {
  lua_State *L;
  yaml_parser_t parser;
  yaml_event_t event; /* the one being looked at; all zero: none */
  moon_bytes binary;  /* of the scalar being read */
  int copies;
  bool lines; /* are kept, and a key that is there twice is an error */
} yaml_reader;

/* --- errors --- */

static int fail_at(yaml_reader *y, yaml_mark_t mark, const char *what) {
  return luaL_error(y->L, "line %d, column %d: %s", (int)mark.line + 1, (int)mark.column + 1, what);
}

static int fail(yaml_reader *y, const char *what) {
  return fail_at(y, y->event.start_mark, what);
}

/* Goes on to the next event. */
static void advance(yaml_reader *y) {
  yaml_event_delete(&y->event);
  if (yaml_parser_parse(&y->parser, &y->event)) return;
  const yaml_parser_t *p = &y->parser;
  const char *problem = p->problem ? p->problem : "not enough memory";
  if (p->error == YAML_READER_ERROR) {
    luaL_error(y->L, "byte %d: %s", (int)p->problem_offset + 1, problem);
  } else if (p->context) {
    fail_at(y, p->problem_mark, lua_pushfstring(y->L, "%s %s", p->context, problem));
  } else {
    fail_at(y, p->problem_mark, problem);
  }
}

/* --- lines --- */

/* Begins the lines of the table on top of the stack. */
static void begin_lines(yaml_reader *y) {
  if (!y->lines) return;
  lua_pushvalue(y->L, -1);
  lua_newtable(y->L);
  lua_rawset(y->L, LINES_PLACE);
}

/* Keeps the line of the member whose key is on top of the stack, above its table. */
static void keep_line(yaml_reader *y, yaml_mark_t mark) {
  lua_State *L = y->L;
  if (!y->lines) return;
  lua_pushvalue(L, -2);
  lua_rawget(L, LINES_PLACE); /* table, key, lines */
  lua_pushvalue(L, -2);
  if (lua_rawget(L, -2) != LUA_TNIL) {
    int before = (int)lua_tointeger(L, -1);
    const char *key = luaL_tolstring(L, -3, NULL);
    fail_at(y, mark, lua_pushfstring(L, "the key \"%s\" was there before, in line %d", key, before));
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -2);
  lua_pushinteger(L, (lua_Integer)mark.line + 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* The table on top is a copy of the one at `index`. */
static void share_lines(yaml_reader *y, int index) {
  if (!y->lines) return;
  lua_pushvalue(y->L, -1);
  lua_pushvalue(y->L, index);
  lua_rawget(y->L, LINES_PLACE);
  lua_rawset(y->L, LINES_PLACE);
}

/* --- anchors and aliases --- */

/* Pushes a copy of the value at `index`, which would stand `depth` levels deep. */
static void push_copy(yaml_reader *y, int index, int depth) {
  lua_State *L = y->L;
  if (++y->copies > MOON_YAML_MAX_COPIES) fail(y, "aliases make the text too big");
  if (lua_type(L, index) != LUA_TTABLE) {
    lua_pushvalue(L, index);
    return;
  }
  if (depth >= MOON_JSON_MAX_DEPTH) fail(y, "aliases make the text too deep");
  luaL_checkstack(L, 8, "YAML");
  index = lua_absindex(L, index);
  lua_newtable(L);
  share_lines(y, index);
  for (lua_pushnil(L); lua_next(L, index);) { /* table, key, value */
    push_copy(y, -1, depth + 1);
    lua_replace(L, -2);
    lua_pushvalue(L, -2);
    lua_insert(L, -2); /* table, key, key, copy */
    lua_rawset(L, -4);
  }
  if (moon_json_is_array(L, index)) moon_json_mark_array(L, -1);
}

static void push_alias(yaml_reader *y, int depth) {
  const char *name = (const char *)y->event.data.alias.anchor;
  lua_getfield(y->L, ANCHORS_PLACE, name);
  if (lua_isnil(y->L, -1)) fail(y, "an alias without an anchor of that name before it");
  if (lua_isboolean(y->L, -1) && !lua_toboolean(y->L, -1)) {
    fail(y, "an alias inside the value that it stands for");
  }
  lua_rawgeti(y->L, -1, 1); /* anchors hold a box, so that false itself can have one */
  push_copy(y, -1, depth);
  lua_replace(y->L, -3);
  lua_pop(y->L, 1);
}

/* Says that the anchor's value is being read; `name` may be NULL. Pushes the name (or nil) for keep_anchor. */
static void begin_anchor(yaml_reader *y, const yaml_char_t *name) {
  lua_pushstring(y->L, (const char *)name);
  if (!name) return;
  lua_pushvalue(y->L, -1);
  lua_pushboolean(y->L, 0);
  lua_rawset(y->L, ANCHORS_PLACE);
}

/* Takes the name that is below the value on top off the stack and files the value under it. */
static void keep_anchor(yaml_reader *y) {
  lua_State *L = y->L;
  if (lua_type(L, -2) == LUA_TSTRING) {
    lua_pushvalue(L, -2);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, 1);
    lua_rawset(L, ANCHORS_PLACE);
  }
  lua_remove(L, -2);
}

/* --- scalars --- */

/* Pushes what base64 text stands for. */
static void push_binary(yaml_reader *y, const char *text, size_t len) {
  size_t wrong_at;
  if (!moon_base64_decode(text, len, &y->binary, &wrong_at)) fail(y, "!!binary that is not base64");
  lua_pushlstring(y->L, (const char *)y->binary.data, y->binary.len);
  moon_bytes_wipe(&y->binary);
}

/* Pushes a scalar with an explicit tag. */
static void push_tagged(yaml_reader *y, const char *tag, const char *text, size_t len) {
  static const char standard[] = "tag:yaml.org,2002:";
  const char *name = strncmp(tag, standard, sizeof standard - 1) == 0 ? tag + sizeof standard - 1 : "str";
  if (strcmp(name, "binary") == 0) {
    push_binary(y, text, len);
    return;
  }
  bool null = strcmp(name, "null") == 0, boolean = strcmp(name, "bool") == 0, integer = strcmp(name, "int") == 0,
       is_float = strcmp(name, "float") == 0;
  if (!null && !boolean && !integer && !is_float) { /* a string, and so is every kind that we do not know */
    lua_pushlstring(y->L, text, len);
    return;
  }
  moon_yaml_kind kind = moon_yaml_push_plain(y->L, text, len);
  if (!((null && kind == MOON_YAML_NULL) || (boolean && kind == MOON_YAML_BOOLEAN) ||
        (integer && kind == MOON_YAML_INTEGER) ||
        (is_float && (kind == MOON_YAML_FLOAT || kind == MOON_YAML_INTEGER)))) {
    fail(y, lua_pushfstring(y->L, "a value that is no !!%s", name));
  }
}

/* Pushes the scalar of the event. */
static moon_yaml_kind push_scalar(yaml_reader *y) {
  const char *text = (const char *)y->event.data.scalar.value, *tag = (const char *)y->event.data.scalar.tag;
  size_t len = y->event.data.scalar.length;
  if (tag && strcmp(tag, "!") != 0) {
    push_tagged(y, tag, text, len);
  } else if (y->event.data.scalar.plain_implicit && y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
    return moon_yaml_push_plain(y->L, text, len);
  } else {
    lua_pushlstring(y->L, text, len);
  }
  return MOON_YAML_STRING;
}

/* --- collections --- */

static moon_yaml_kind push_node(yaml_reader *y, int depth);

/* Makes a string of the key on top of the stack: Kubernetes has no other keys. */
static void make_key(yaml_reader *y, yaml_mark_t mark) {
  lua_State *L = y->L;
  size_t len;
  const char *digits = moon_json_number_text(L, -1, &len);
  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    return;
  case LUA_TBOOLEAN:
    lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
    break;
  case LUA_TNUMBER: {
    moon_buffer text = {0};
    bool written = moon_json_write(L, -1, 0, &text);
    if (!written) lua_pop(L, 1);
    lua_pushlstring(L, written ? text.data : "", text.len);
    moon_buffer_free(&text);
    if (!written) fail_at(y, mark, "a key that is not a finite number");
    break;
  }
  default:
    if (!digits) fail_at(y, mark, "a key that is neither a string nor a number nor a boolean");
    lua_pushlstring(L, digits, len);
  }
  lua_replace(L, -2);
}

/* Puts the members of the object on top of the stack into the one below, and takes it off. */
static void merge_object(yaml_reader *y, yaml_mark_t mark) {
  lua_State *L = y->L;
  if (lua_type(L, -1) != LUA_TTABLE || moon_json_is_array(L, -1)) {
    fail_at(y, mark, "expected an object, or an array of objects, to merge");
  }
  for (lua_pushnil(L); lua_next(L, -2);) { /* to, from, key, value */
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
}

/* The same for what stands behind "<<": an object, or an array of them, of which earlier ones count more. */
static void merge(yaml_reader *y, yaml_mark_t mark) {
  lua_State *L = y->L;
  if (lua_type(L, -1) != LUA_TTABLE || !moon_json_is_array(L, -1)) {
    merge_object(y, mark);
    return;
  }
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i > 0; i--) {
    lua_pushvalue(L, -2); /* to, array, to, from */
    lua_rawgeti(L, -2, i);
    merge_object(y, mark);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void push_object(yaml_reader *y, int depth) {
  lua_State *L = y->L;
  lua_newtable(L);
  begin_lines(y);
  advance(y);
  while (y->event.type != YAML_MAPPING_END_EVENT) {
    yaml_mark_t mark = y->event.start_mark;
    if (push_node(y, depth) == MOON_YAML_MERGE) {
      lua_pop(L, 1);
      mark = y->event.start_mark;
      push_node(y, depth);
      merge(y, mark);
    } else {
      make_key(y, mark);
      keep_line(y, mark);
      push_node(y, depth);
      lua_rawset(L, -3);
    }
  }
}

static void push_array(yaml_reader *y, int depth) {
  lua_newtable(y->L);
  moon_json_mark_array(y->L, -1);
  begin_lines(y);
  advance(y);
  for (lua_Integer i = 1; y->event.type != YAML_SEQUENCE_END_EVENT; i++) {
    lua_pushinteger(y->L, i);
    keep_line(y, y->event.start_mark);
    lua_pop(y->L, 1);
    push_node(y, depth);
    lua_rawseti(y->L, -2, i);
  }
}

/* Pushes the value that begins with the event and goes past it. Returns what a scalar is. */
static moon_yaml_kind push_node(yaml_reader *y, int depth) {
  moon_yaml_kind kind = MOON_YAML_STRING;
  luaL_checkstack(y->L, 12, "YAML");
  if (y->event.type == YAML_ALIAS_EVENT) {
    push_alias(y, depth);
  } else if (y->event.type == YAML_SCALAR_EVENT) {
    begin_anchor(y, y->event.data.scalar.anchor);
    kind = push_scalar(y);
    keep_anchor(y);
  } else {
    if (depth >= MOON_JSON_MAX_DEPTH) fail(y, lua_pushfstring(y->L, "nested deeper than %d levels", depth));
    if (y->event.type == YAML_MAPPING_START_EVENT) {
      begin_anchor(y, y->event.data.mapping_start.anchor);
      push_object(y, depth + 1);
    } else {
      begin_anchor(y, y->event.data.sequence_start.anchor);
      push_array(y, depth + 1);
    }
    keep_anchor(y);
  }
  advance(y);
  return kind;
}

/* --- documents --- */

static bool is_nothing(const yaml_event_t *event) {
  return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 && event->data.scalar.plain_implicit &&
         !event->data.scalar.tag;
}

/* Lua: (reader) -> documents, lines */
static int read_protected(lua_State *L) {
  yaml_reader *y = lua_touserdata(L, 1);
  lua_newtable(L); /* lines */
  lua_newtable(L);
  moon_json_mark_array(L, -1);
  lua_Integer count = 0;
  for (advance(y); y->event.type != YAML_STREAM_END_EVENT; advance(y)) {
    if (y->event.type != YAML_DOCUMENT_START_EVENT) continue;
    lua_settop(L, DOCUMENTS_PLACE);
    lua_newtable(L); /* anchors do not outlive their document */
    advance(y);
    if (is_nothing(&y->event)) continue;
    push_node(y, 0);
    lua_rawseti(L, DOCUMENTS_PLACE, ++count);
  }
  lua_settop(L, DOCUMENTS_PLACE);
  lua_pushvalue(L, LINES_PLACE);
  return 2;
}

bool moon_yaml_read(lua_State *L, const char *text, size_t len, bool lines) {
  yaml_reader y = {.L = L, .lines = lines};
  if (!yaml_parser_initialize(&y.parser)) {
    lua_pushliteral(L, "not enough memory");
    return false;
  }
  yaml_parser_set_input_string(&y.parser, (const unsigned char *)text, len);
  lua_pushcfunction(L, read_protected);
  lua_pushlightuserdata(L, &y);
  int status = lua_pcall(L, 1, 2, 0);
  moon_bytes_wipe(&y.binary);
  yaml_event_delete(&y.event);
  yaml_parser_delete(&y.parser);
  if (status == LUA_OK && !lines) lua_pop(L, 1);
  return status == LUA_OK;
}
