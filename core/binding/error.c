/* error.c: see error.h. */
#include "binding/error.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <string.h>

#include "base/nearest.h"
#include "binding/fields.h"
#include "binding/json.h"

static const char meta_key; /* registry: the metatable of error objects */
static const char last_key; /* registry: the last error object that a call returned */

/* The `details` of a Status object, decoded; a text that is not JSON is left out. */
static void set_details(lua_State *L, const char *text) {
  if (!text) return;
  moon_json_reader *reader = moon_json_reader_push(L);
  bool ok = moon_json_reader_feed(L, reader, text, strlen(text)) && moon_json_reader_finish(L, reader);
  if (ok) lua_setfield(L, -3, "details");
  lua_pop(L, 1);
}

/* The error is copied into Lua in a protected call, so that it is freed even when memory runs out. */
static int build(lua_State *L) {
  const moon_error *err = lua_touserdata(L, 1);
  lua_createtable(L, 0, 8);
  set_text(L, "kind", moon_strerror(err->kind));
  set_text(L, "message", err->message);
  set_text(L, "reason", err->reason);
  set_text(L, "cluster", err->cluster);
  set_text(L, "endpoint", err->endpoint);
  set_text(L, "continue", err->continue_token);
  set_details(L, err->details);
  if (err->http_status) set_integer(L, "status", err->http_status);
  if (err->attempts) set_integer(L, "attempts", err->attempts);
  if (err->outcome_unknown) {
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "outcomeUnknown");
  }
  if (err->retry_after_ms >= 0) set_integer(L, "retryAfter", err->retry_after_ms);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
  lua_setmetatable(L, -2);
  return 1;
}

void moon_push_error_object(lua_State *L, moon_error *err) {
  lua_pushcfunction(L, build);
  lua_pushlightuserdata(L, err);
  int status = lua_pcall(L, 1, 1, 0);
  moon_error_free(err);
  if (status != LUA_OK) lua_error(L);
}

static int text_of(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

const char *moon_push_text(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_pushcfunction(L, text_of);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lua_pop(L, 1);
    lua_pushliteral(L, "an error whose __tostring raises");
  }
  return lua_tostring(L, -1);
}

static void copy_text(lua_State *L, const char *field, char **out) {
  if (lua_getfield(L, 1, field) == LUA_TSTRING) moon_error_set(out, lua_tostring(L, -1));
  lua_pop(L, 1);
}

static lua_Integer integer_field(lua_State *L, const char *field, lua_Integer otherwise) {
  lua_getfield(L, 1, field);
  lua_Integer value = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : otherwise;
  lua_pop(L, 1);
  return value;
}

/* Whether the value at 1 has our metatable, which is then on the stack. */
static bool is_error_object(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
  return lua_getmetatable(L, 1) && lua_rawequal(L, -1, -2);
}

static moon_status status_named(const char *name) {
  for (moon_status status = MOON_CONNECT; status < MOON_SCRIPT; status++)
    if (strcmp(name, moon_strerror(status)) == 0) return status;
  return MOON_SCRIPT;
}

/* What build does, the other way round: the value at 1 into the error at 2. */
static int unbuild(lua_State *L) {
  moon_error *err = lua_touserdata(L, 2);
  if (!is_error_object(L)) {
    moon_error_set(&err->message, moon_push_text(L, 1));
    return 0;
  }
  lua_settop(L, 1);
  if (lua_getfield(L, 1, "kind") == LUA_TSTRING) err->kind = status_named(lua_tostring(L, -1));
  copy_text(L, "message", &err->message);
  copy_text(L, "reason", &err->reason);
  copy_text(L, "cluster", &err->cluster);
  copy_text(L, "endpoint", &err->endpoint);
  copy_text(L, "continue", &err->continue_token);
  err->http_status = (int)integer_field(L, "status", 0);
  err->attempts = (int)integer_field(L, "attempts", 0);
  err->retry_after_ms = integer_field(L, "retryAfter", -1);
  lua_getfield(L, 1, "outcomeUnknown");
  err->outcome_unknown = lua_toboolean(L, -1);
  if (lua_getfield(L, 1, "details") == LUA_TTABLE) {
    moon_buffer *text = moon_json_push_buffer(L);
    if (moon_json_write(L, -2, 0, text)) moon_error_set(&err->details, text->data);
  }
  return 0;
}

moon_error *moon_error_at(lua_State *L, int index) {
  moon_error *err = moon_error_new(MOON_SCRIPT, "an error without a text");
  lua_pushvalue(L, index);
  lua_pushcfunction(L, unbuild);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, err);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1); /* out of memory, or a field of a script's own: keep the rest */
  return err;
}

/* Remembers the error object on top, for whoever ends with "a nil value" because it did not look. */
static void keep_last(lua_State *L) {
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &last_key);
}

int moon_push_error(lua_State *L, moon_error *err) {
  lua_pushnil(L);
  moon_push_error_object(L, err);
  keep_last(L);
  return 2;
}

bool moon_push_last_error(lua_State *L) {
  return lua_rawgetp(L, LUA_REGISTRYINDEX, &last_key) != LUA_TNIL;
}

/* True where the message says of itself which cluster it is about. The name alone says nothing: users, and words, may
 * be called the same. */
static bool names_cluster(const char *message, const char *cluster) {
  static const char *const leads[] = {"pool ", "cluster \"", "context \""};
  for (const char *found = strstr(message, cluster); found; found = strstr(found + 1, cluster)) {
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
      size_t len = strlen(leads[i]);
      if ((size_t)(found - message) >= len && !strncmp(found - len, leads[i], len)) return true;
    }
  }
  return false;
}

/* "production: pods "x" not found (notFound, HTTP 404, 2 attempts)", in one line. */
static int error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_getfield(L, 1, "cluster");
  lua_getfield(L, 1, "message");
  lua_getfield(L, 1, "kind");
  lua_getfield(L, 1, "status");
  lua_getfield(L, 1, "attempts");
  const char *cluster = lua_tostring(L, 2);
  const char *message = luaL_tolstring(L, 3, NULL);
  const char *kind = luaL_tolstring(L, 4, NULL);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  bool names_all = strcmp(kind, moon_strerror(MOON_NO_HEALTHY_CLUSTER)) == 0;
  if (cluster && *cluster && !names_all && !names_cluster(message, cluster)) {
    luaL_addstring(&b, cluster);
    luaL_addstring(&b, ": ");
  }
  for (const char *p = message; *p; p++) luaL_addchar(&b, *p == '\n' || *p == '\r' ? ' ' : *p);
  luaL_addstring(&b, " (");
  luaL_addstring(&b, kind);
  if (lua_isinteger(L, 5)) {
    lua_pushfstring(L, ", HTTP %d", (int)lua_tointeger(L, 5));
    luaL_addvalue(&b);
  }
  if (lua_tointeger(L, 6) > 1) {
    lua_pushfstring(L, ", %d attempts", (int)lua_tointeger(L, 6));
    luaL_addvalue(&b);
  }
  luaL_addchar(&b, ')');
  luaL_pushresult(&b);
  return 1;
}

void moon_push_place(lua_State *L) {
  lua_Debug ar;
  int level = 1;
  while (lua_getstack(L, level, &ar) && lua_getinfo(L, "S", &ar) &&
         (*ar.what == 'C' || strncmp(ar.source, "@moonpool/", strlen("@moonpool/")) == 0))
    level++;
  luaL_where(L, level);
}

int moon_misuse(lua_State *L, const char *format, ...) {
  moon_push_place(L);
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  return lua_error(L);
}

static int core_new_error(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (lua_getfield(L, 1, "kind") != LUA_TSTRING) return luaL_error(L, "an error object needs a kind");
  if (lua_getfield(L, 1, "message") != LUA_TSTRING) return luaL_error(L, "an error object needs a message");
  lua_settop(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
  lua_setmetatable(L, 1);
  keep_last(L);
  return 1;
}

/* core.nearest(word, candidates) */
static int core_nearest(lua_State *L) {
  const char *word = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t count = lua_rawlen(L, 2);
  const char **names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);
  for (size_t i = 0; i < count; i++) {
    if (lua_rawgeti(L, 2, (lua_Integer)i + 1) != LUA_TSTRING) return luaL_error(L, "candidates are texts");
    names[i] = lua_tostring(L, -1); /* the table keeps it */
    lua_pop(L, 1);
  }
  lua_pushstring(L, moon_nearest(word, names, count));
  return 1;
}

static int core_last_error(lua_State *L) {
  moon_push_last_error(L);
  return 1;
}

int moon_error_open(lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "moonpool.Error");
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
  lua_setfield(L, -2, "errorMeta");
  lua_pushcfunction(L, core_new_error);
  lua_setfield(L, -2, "newError");
  lua_pushcfunction(L, core_last_error);
  lua_setfield(L, -2, "lastError");
  lua_pushcfunction(L, core_nearest);
  lua_setfield(L, -2, "nearest");
  lua_createtable(L, MOON_CLOSED, 0);
  for (int kind = MOON_OK + 1; kind <= MOON_CLOSED; kind++) {
    lua_pushstring(L, moon_strerror((moon_status)kind));
    lua_rawseti(L, -2, kind);
  }
  lua_setfield(L, -2, "errorKinds");
  return 0;
}
