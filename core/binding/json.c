/* json.c: the values that Lua lacks (null, arrays that may be empty, numbers beyond 64 bits), and the Lua module.
 *
 * Null, the array metatable and the number metatable live in the registry, one of each per Lua universe. */
#include "binding/json.h"

#include <lauxlib.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "binding/error.h"

#define NUMBER_META "moonpool.number"
#define BUFFER_META "moonpool.json.buffer"

static const char null_key, array_key; /* their addresses are the registry keys */

/* --- null --- */

static int null_tostring(lua_State *L) {
  lua_pushliteral(L, "null");
  return 1;
}

void moon_json_push_null(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key) == LUA_TUSERDATA) return;
  lua_pop(L, 1);
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, null_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "moonpool.null");
  lua_setfield(L, -2, "__name");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &null_key);
}

bool moon_json_is_null(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key);
  bool is_null = lua_type(L, -1) == LUA_TUSERDATA && lua_rawequal(L, index, -1);
  lua_pop(L, 1);
  return is_null;
}

/* --- arrays --- */

void moon_json_push_array_meta(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "moonpool.array");
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

void moon_json_mark_array(lua_State *L, int index) {
  index = lua_absindex(L, index);
  moon_json_push_array_meta(L);
  lua_setmetatable(L, index);
}

bool moon_json_is_array(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
  bool is_array = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_array;
}

/* --- number objects --- */

typedef struct number {
  lua_Number value;
  size_t len;
  char text[];
} number;

/* Puts floats in the place of number objects among the two operands. */
static void use_floats(lua_State *L) {
  lua_settop(L, 2);
  for (int i = 1; i <= 2; i++) {
    const number *n = luaL_testudata(L, i, NUMBER_META);
    if (!n) continue;
    lua_pushnumber(L, n->value);
    lua_replace(L, i);
  }
}

static int number_arithmetic(lua_State *L) {
  int op = (int)lua_tointeger(L, lua_upvalueindex(1));
  use_floats(L);
  if (op == LUA_OPUNM) lua_settop(L, 1);
  lua_arith(L, op);
  return 1;
}

static int number_compare(lua_State *L) {
  use_floats(L);
  lua_pushboolean(L, lua_compare(L, 1, 2, (int)lua_tointeger(L, lua_upvalueindex(1))));
  return 1;
}

/* Equal are two that are written the same: as floats, 2^64 and 2^64 + 1 would be. */
static int number_equal(lua_State *L) {
  const number *a = luaL_testudata(L, 1, NUMBER_META), *b = luaL_testudata(L, 2, NUMBER_META);
  lua_pushboolean(L, a && b && a->len == b->len && memcmp(a->text, b->text, a->len) == 0);
  return 1;
}

static int number_tostring(lua_State *L) {
  const number *n = luaL_checkudata(L, 1, NUMBER_META);
  lua_pushlstring(L, n->text, n->len);
  return 1;
}

static int number_concat(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  luaL_tolstring(L, 2, NULL);
  lua_concat(L, 2);
  return 1;
}

static void push_number_meta(lua_State *L) {
  static const struct {
    const char *name;
    lua_CFunction function;
    int op;
  } methods[] = {
      {"__add", number_arithmetic, LUA_OPADD},
      {"__sub", number_arithmetic, LUA_OPSUB},
      {"__mul", number_arithmetic, LUA_OPMUL},
      {"__div", number_arithmetic, LUA_OPDIV},
      {"__mod", number_arithmetic, LUA_OPMOD},
      {"__idiv", number_arithmetic, LUA_OPIDIV},
      {"__pow", number_arithmetic, LUA_OPPOW},
      {"__unm", number_arithmetic, LUA_OPUNM},
      {"__lt", number_compare, LUA_OPLT},
      {"__le", number_compare, LUA_OPLE},
      {"__eq", number_equal, 0},
      {"__tostring", number_tostring, 0},
      {"__concat", number_concat, 0},
  };
  if (!luaL_newmetatable(L, NUMBER_META)) return;
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    lua_pushinteger(L, methods[i].op);
    lua_pushcclosure(L, methods[i].function, 1);
    lua_setfield(L, -2, methods[i].name);
  }
}

void moon_json_push_number(lua_State *L, const char *text, size_t len) {
  number *n = lua_newuserdatauv(L, sizeof *n + len + 1, 0);
  n->len = len;
  memcpy(n->text, text, len);
  n->text[len] = '\0';
  n->value = strtod_l(n->text, NULL, newlocale(LC_ALL_MASK, "C", NULL)); /* that locale is static */
  push_number_meta(L);
  lua_setmetatable(L, -2);
}

const char *moon_json_number_text(lua_State *L, int index, size_t *len) {
  const number *n = luaL_testudata(L, index, NUMBER_META);
  if (!n) return NULL;
  *len = n->len;
  return n->text;
}

/* --- the module --- */

/* decode(text) -> value | nil, err */
static int json_decode(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  moon_json_reader *reader = moon_json_reader_push(L);
  moon_error *err = NULL;
  if (!moon_json_reader_feed(L, reader, text, len) || !moon_json_reader_finish(L, reader))
    err = moon_error_new(MOON_INVALID, "not JSON: %s", moon_json_reader_error(reader));
  moon_json_reader_close(reader);
  return err ? moon_push_error(L, err) : 1;
}

static int buffer_collect(lua_State *L) {
  moon_buffer_free(lua_touserdata(L, 1));
  return 0;
}

moon_buffer *moon_json_push_buffer(lua_State *L) {
  moon_buffer *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
  *buffer = (moon_buffer){0};
  if (luaL_newmetatable(L, BUFFER_META)) {
    lua_pushcfunction(L, buffer_collect);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return buffer;
}

/* encode(value [, {indent = n}]) -> text | nil, err */
static int json_encode(lua_State *L) {
  int indent = 0;
  luaL_checkany(L, 1);
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
      if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "indent") != 0)
        return luaL_argerror(L, 2, "the only option is indent");
      if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0 || lua_tointeger(L, -1) > 16)
        return luaL_argerror(L, 2, "indent must be an integer from 0 to 16");
      indent = (int)lua_tointeger(L, -1);
    }
  }
  moon_buffer *text = moon_json_push_buffer(L);
  if (!moon_json_write(L, 1, indent, text)) {
    moon_buffer_free(text);
    return moon_push_error(L, moon_error_new(MOON_INVALID, "%s", lua_tostring(L, -1)));
  }
  lua_pushlstring(L, text->data, text->len);
  moon_buffer_free(text);
  return 1;
}

/* array(t) -> t */
static int json_array(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  moon_json_mark_array(L, 1);
  return 1;
}

int moon_json_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"decode", json_decode}, {"encode", json_encode}, {"array", json_array}, {NULL, NULL}};
  luaL_newlib(L, functions);
  moon_json_push_null(L);
  lua_setfield(L, -2, "null");
  return 1;
}
