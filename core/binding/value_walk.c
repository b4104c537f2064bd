/* value_walk.c: see value_walk.h.
 *
 * Everything runs in one protected call, so that a lack of memory comes out as an error like any other. From the first
 * look at a table to the last, nothing here gives the collector an occasion to run: no finalizer can change a table
 * that is being written, and keys need no anchor while they are sorted. Values that wait for their turn lie in one
 * scratch table, used as a stack; the Lua stack would be too small for an object of a million members. */
#include "binding/value_walk.h"

#include <lauxlib.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/utf8.h"
#include "binding/json.h"

enum { VALUE_PLACE = 1, SCRATCH_PLACE = 3, SHORT_SORT = 12 };

typedef struct member {
  const char *key;
  size_t len;
  lua_Integer place; /* of the value, in the scratch table */
} member;

/* The table that is being written, and how it was reached. */
typedef struct level {
  const struct level *parent;
  const void *table;
  const char *key; /* of the item being written; NULL: an array's, `index` */
  size_t len;
  lua_Integer index;
} level;

typedef struct walk {
  lua_State *L;
  const moon_value_writer *writer;
  void *ctx;
  const char *format;
  lua_Integer scratch_top;
  member *members; /* of all open objects, innermost last */
  size_t count, capacity;
  int depth;
  moon_buffer error;
} walk;

/* --- errors --- */

static bool is_name(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    char c = text[i], lower = (char)(c | 0x20);
    if (!(lower >= 'a' && lower <= 'z') && c != '_' && !(i > 0 && c >= '0' && c <= '9')) return false;
  }
  return len > 0;
}

static void add_path(moon_buffer *out, const level *in) {
  if (!in) return;
  add_path(out, in->parent);
  if (!in->key) {
    moon_buffer_addf(out, "[%lld]", (long long)in->index);
  } else if (is_name(in->key, in->len)) {
    moon_buffer_add_char(out, '.');
    moon_buffer_add(out, in->key, in->len);
  } else {
    moon_buffer_addf(out, "[\"%.*s\"]", (int)(in->len < 200 ? in->len : 200), in->key);
  }
}

/* "cannot be written as JSON: .spec.template is a function". Returns false. */
__attribute__((format(printf, 3, 4))) static bool refuse(walk *w, const level *at, const char *format, ...) {
  char text[160];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  moon_buffer_addf(&w->error, "cannot be written as %s: ", w->format);
  if (at) {
    add_path(&w->error, at);
  } else {
    moon_buffer_add_text(&w->error, "the value");
  }
  moon_buffer_addf(&w->error, " %s", text);
  return false;
}

/* --- scalars --- */

static size_t integer_text(lua_Integer value, char *text) { /* text: 24 bytes; faster than printf */
  char digits[24], *d = digits, *to = text;
  lua_Unsigned rest = value < 0 ? 0 - (lua_Unsigned)value : (lua_Unsigned)value;
  do *d++ = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0) *to++ = '-';
  while (d > digits) *to++ = *--d;
  return (size_t)(to - text);
}

/* The shortest text that gives the same float, and that is read as a float again. */
static size_t float_text(lua_Number value, char text[40]) {
  locale_t c_locale = newlocale(LC_ALL_MASK, "C", NULL), before = uselocale(c_locale); /* that locale is static */
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(text, 40, "%.*g", precision, value);
    if (strtod(text, NULL) == value) break;
  }
  uselocale(before);
  if (!strpbrk(text, ".e")) strcat(text, ".0");
  return strlen(text);
}

static bool write_number(walk *w, const level *at) {
  char text[40];
  if (lua_isinteger(w->L, -1)) {
    w->writer->word(w->ctx, text, integer_text(lua_tointeger(w->L, -1), text));
    return true;
  }
  lua_Number value = lua_tonumber(w->L, -1);
  if (isnan(value)) return refuse(w, at, "is not a number (nan)");
  if (isinf(value)) return refuse(w, at, "is an infinite number");
  w->writer->word(w->ctx, text, float_text(value, text));
  return true;
}

static bool write_userdata(walk *w, const level *at) {
  size_t len;
  const char *text = moon_json_number_text(w->L, -1, &len);
  if (text) {
    w->writer->word(w->ctx, text, len);
  } else if (moon_json_is_null(w->L, -1)) {
    w->writer->word(w->ctx, "null", 4);
  } else {
    return refuse(w, at, "is a userdata");
  }
  return true;
}

/* --- tables --- */

static bool write_value(walk *w, const level *at);

static bool write_array(walk *w, level *here, int table, lua_Integer count) {
  w->writer->open(w->ctx, true, (size_t)count);
  for (here->index = 1; here->index <= count; here->index++) {
    lua_rawgeti(w->L, table, here->index);
    if (!write_value(w, here)) return false;
    lua_pop(w->L, 1);
  }
  w->writer->close(w->ctx, true, (size_t)count);
  return true;
}

static int compare_members(const void *a, const void *b) {
  const member *x = a, *y = b;
  int order = memcmp(x->key, y->key, x->len < y->len ? x->len : y->len);
  return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void sort_members(member *members, size_t count) {
  if (count > SHORT_SORT) {
    qsort(members, count, sizeof *members, compare_members);
    return;
  }
  for (size_t i = 1; i < count; i++) {
    member moving = members[i];
    size_t to = i;
    for (; to > 0 && compare_members(&moving, &members[to - 1]) < 0; to--) members[to] = members[to - 1];
    members[to] = moving;
  }
}

/* Takes the member (key, value on top of the stack) to be written later; leaves the key. */
static void take_member(walk *w) {
  if (w->count == w->capacity) {
    w->capacity = w->capacity ? 2 * w->capacity : 64;
    w->members = moon_realloc(w->members, w->capacity * sizeof *w->members);
  }
  member *m = &w->members[w->count++];
  m->place = ++w->scratch_top;
  lua_rawseti(w->L, SCRATCH_PLACE, m->place);
  m->key = lua_tolstring(w->L, -1, &m->len);
}

/* Writes the members that were taken from `first` on. */
static bool write_object(walk *w, level *here, size_t first) {
  size_t count = w->count - first;
  sort_members(w->members + first, count);
  w->writer->open(w->ctx, false, count);
  for (size_t i = first; i < first + count; i++) {
    member m = w->members[i]; /* the array may move */
    here->key = m.key;
    here->len = m.len;
    const char *bad = moon_utf8_check(m.key, m.key + m.len);
    if (bad != m.key + m.len) {
      here->len = (size_t)(bad - m.key);
      return refuse(w, here, "(a key) goes on with bytes that are not UTF-8");
    }
    w->writer->key(w->ctx, m.key, m.len);
    lua_rawgeti(w->L, SCRATCH_PLACE, m.place);
    if (!write_value(w, here)) return false;
    lua_pop(w->L, 1);
  }
  w->writer->close(w->ctx, false, count);
  w->count = first;
  w->scratch_top -= (lua_Integer)count;
  return true;
}

static bool write_table(walk *w, const level *at) {
  lua_State *L = w->L;
  level here = {.parent = at, .table = lua_topointer(L, -1)};
  int table = lua_gettop(L);
  for (const level *outer = at; outer; outer = outer->parent) {
    if (outer->table == here.table) return refuse(w, at, "contains itself");
  }
  if (w->depth == MOON_JSON_MAX_DEPTH) return refuse(w, at, "is nested deeper than %d levels", MOON_JSON_MAX_DEPTH);
  if (!lua_checkstack(L, 8)) return refuse(w, at, "does not fit Lua's stack");

  size_t first = w->count;
  lua_Integer items = 0, highest = 0;
  bool marked = moon_json_is_array(L, table);
  for (lua_pushnil(L); lua_next(L, table);) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      take_member(w);
    } else if (lua_isinteger(L, -2) && lua_tointeger(L, -2) > 0) {
      items++;
      if (lua_tointeger(L, -2) > highest) highest = lua_tointeger(L, -2);
      lua_pop(L, 1);
    } else if (lua_type(L, -2) == LUA_TNUMBER) {
      return refuse(w, at, "has the key %g: keys are strings, or 1 to n in an array", (double)lua_tonumber(L, -2));
    } else {
      return refuse(w, at, "has a %s as a key: keys are strings, or 1 to n in an array", luaL_typename(L, -2));
    }
  }
  size_t named = w->count - first;
  if (named > 0 && (items > 0 || marked)) {
    const member *m = &w->members[first];
    return refuse(w, at, "is an array and has the key \"%.*s\" too", (int)(m->len < 80 ? m->len : 80), m->key);
  }
  if (highest != items) {
    lua_Integer hole = 1;
    while (lua_rawgeti(L, table, hole) != LUA_TNIL) {
      lua_pop(L, 1);
      hole++;
    }
    return refuse(w, at, "is an array with a hole: it has item %lld but no item %lld", (long long)highest,
                  (long long)hole);
  }
  w->depth++;
  bool ok = items > 0 || marked ? write_array(w, &here, table, items) : write_object(w, &here, first);
  w->depth--;
  return ok;
}

/* Writes the value on top of the stack and leaves it there. */
static bool write_value(walk *w, const level *at) {
  lua_State *L = w->L;
  switch (lua_type(L, -1)) {
  case LUA_TNIL:
    return refuse(w, at, "is nil (null is moonpool.null)");
  case LUA_TBOOLEAN:
    w->writer->word(w->ctx, lua_toboolean(L, -1) ? "true" : "false", 5 - lua_toboolean(L, -1));
    break;
  case LUA_TNUMBER:
    return write_number(w, at);
  case LUA_TSTRING: {
    size_t len;
    const char *text = lua_tolstring(L, -1, &len), *bad = moon_utf8_check(text, text + len);
    if (bad != text + len) return refuse(w, at, "is not UTF-8 from byte %zu on", (size_t)(bad - text) + 1);
    w->writer->string(w->ctx, text, len);
    break;
  }
  case LUA_TTABLE:
    return write_table(w, at);
  case LUA_TUSERDATA:
    return write_userdata(w, at);
  default:
    return refuse(w, at, "is a %s", luaL_typename(L, -1));
  }
  return true;
}

/* Lua: (value, walk). Returns nothing, or why not. */
static int walk_protected(lua_State *L) {
  walk *w = lua_touserdata(L, 2);
  lua_newtable(L);
  lua_pushvalue(L, VALUE_PLACE);
  if (write_value(w, NULL)) return 0;
  lua_pushlstring(L, w->error.data, w->error.len);
  return 1;
}

bool moon_value_walk(lua_State *L, int index, const char *format, const moon_value_writer *writer, void *ctx) {
  index = lua_absindex(L, index);
  walk w = {.L = L, .writer = writer, .ctx = ctx, .format = format};
  int base = lua_gettop(L);
  lua_pushcfunction(L, walk_protected);
  lua_pushvalue(L, index);
  lua_pushlightuserdata(L, &w);
  lua_pcall(L, 2, LUA_MULTRET, 0); /* either way: what is left on the stack is why not */
  free(w.members);
  moon_buffer_free(&w.error);
  return lua_gettop(L) == base;
}
