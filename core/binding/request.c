/* request.c: see request.h. */
#include "binding/request.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "binding/error.h"
#include "binding/scheduler.h"
#include "binding/selector.h"
#include "net/change.h"

static void wrong_type(lua_State *L, const char *field, const char *expected) {
  moon_misuse(L, "request: %s: expected %s, got %s", field, expected, luaL_typename(L, -1));
}

/* A copy of a text field; NULL when it is absent. */
static char *read_text(lua_State *L, int index, const char *field) {
  if (lua_getfield(L, index, field) != LUA_TNIL && lua_type(L, -1) != LUA_TSTRING) wrong_type(L, field, "a string");
  char *text = moon_strdup(lua_tostring(L, -1));
  lua_pop(L, 1);
  return text;
}

static int64_t read_integer(lua_State *L, int index, const char *field, int64_t when_absent) {
  int64_t value = when_absent;
  if (lua_getfield(L, index, field) != LUA_TNIL) {
    int is_integer;
    value = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || value < 0) wrong_type(L, field, "a whole number, 0 or more");
  }
  lua_pop(L, 1);
  return value;
}

static bool read_approval(lua_State *L, int index) {
  lua_getfield(L, index, "approved");
  bool approved = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return approved;
}

static void read_headers(lua_State *L, int index, moon_request *out) {
  if (lua_getfield(L, index, "headers") == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  if (!lua_istable(L, -1)) wrong_type(L, "headers", "a table of names and values");
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      moon_misuse(L, "request: headers: expected strings as names and values");
    const char *name = lua_tostring(L, -2), *value = lua_tostring(L, -1);
    if (!*name || strpbrk(name, ":\r\n \t") || strpbrk(value, "\r\n"))
      moon_misuse(L, "request: headers: '%s' cannot be a header", name);
    out->headers = moon_realloc(out->headers, (count + 2) * sizeof *out->headers);
    out->headers[count++] = moon_sprintf("%s: %s", name, value);
    out->headers[count] = NULL;
  }
  lua_pop(L, 1);
}

void moon_request_read(lua_State *L, int index, moon_request *out, int64_t default_timeout_ms) {
  if (!lua_istable(L, index)) moon_misuse(L, "request: expected a table, got %s", luaL_typename(L, index));
  out->method = read_text(L, index, "method");
  if (!out->method) out->method = moon_strdup("GET");
  out->path = read_text(L, index, "path");
  if (!out->path || *out->path != '/') moon_misuse(L, "request: path: expected a path that starts with '/'");
  for (const char *p = out->path; *p; p++)
    if ((unsigned char)*p <= ' ' || *p == 0x7f)
      moon_misuse(L, "request: path: spaces and control characters must be percent-encoded");
  out->content_type = read_text(L, index, "contentType");
  out->accept = read_text(L, index, "accept");
  read_headers(L, index, out);
  int type = lua_getfield(L, index, "body");
  if (type != LUA_TNIL && type != LUA_TSTRING) wrong_type(L, "body", "a string");
  if (type == LUA_TSTRING) {
    const char *body = lua_tolstring(L, -1, &out->body_len);
    out->body = moon_alloc(out->body_len + 1);
    memcpy(out->body, body, out->body_len + 1);
  }
  lua_pop(L, 1);
  out->timeout_ms = read_integer(L, index, "timeout", default_timeout_ms);
  out->first_byte_timeout_ms = read_integer(L, index, "firstByteTimeout", 0);
  out->idle_timeout_ms = read_integer(L, index, "idleTimeout", 0);
  out->max_body = (size_t)read_integer(L, index, "maxBodySize", 0);
  out->approved = read_approval(L, index);
  out->retries = (int)read_integer(L, index, "retries", -1);
  type = lua_getfield(L, index, "gzip");
  if (type != LUA_TNIL && type != LUA_TBOOLEAN) wrong_type(L, "gzip", "true or false");
  out->compression = type == LUA_TNIL ? -1 : lua_toboolean(L, -1);
  lua_pop(L, 1);
}

/* --- what must not be written --- */

static const char protected_key, allowed_key; /* registry: selectors */
static bool writes_refused;

moon_error *moon_request_refusal(lua_State *L, const moon_request *request) {
  bool of_task = moon_runtime_is_read_only(moon_runtime_of(L));
  if ((!writes_refused && !of_task) || !moon_request_may_change(request)) return NULL;
  return moon_error_new(MOON_FORBIDDEN, "%s %s: not sent: %s", request->method, request->path,
                        of_task ? "the console is read-only" : "the program runs with --read-only");
}

/* mayChange(request) -> boolean */
static int core_may_change(lua_State *L) {
  lua_settop(L, 1);
  lua_getfield(L, 1, "method");
  lua_getfield(L, 1, "path");
  lua_getfield(L, 1, "body");
  lua_getfield(L, 1, "contentType");
  moon_request request = {.method = (char *)luaL_optstring(L, 2, "GET"),
                          .path = (char *)luaL_checkstring(L, 3),
                          .content_type = (char *)luaL_optstring(L, 5, NULL)};
  request.body = (char *)luaL_optlstring(L, 4, "", &request.body_len);
  lua_pushboolean(L, moon_request_may_change(&request));
  return 1;
}

/* refuseWrites(): from now on, whatever makes them */
static int core_refuse_writes(lua_State *L) {
  (void)L;
  writes_refused = true;
  return 0;
}

/* protect(protected, allowed): selectors of the names (of clusters or contexts) whose clusters refuse writes when they
 * are made from now on, and of those among them that do not; nil: none */
static int core_protect(lua_State *L) {
  lua_settop(L, 2);
  moon_opt_selector(L, 1);
  moon_opt_selector(L, 2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &allowed_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &protected_key);
  return 0;
}

/* False where there is no selector. */
static bool selects(lua_State *L, const void *key, const char *name, const char *context) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, key);
  const moon_selector *selector = moon_opt_selector(L, -1);
  bool matches =
      selector && (moon_selector_matches(selector, name, NULL, 0) || moon_selector_matches(selector, context, NULL, 0));
  lua_pop(L, 1);
  return matches;
}

const char *moon_push_write_refusal(lua_State *L, const char *name, const char *context) {
  if (selects(L, &protected_key, name, context) && !selects(L, &allowed_key, name, context))
    lua_pushfstring(L, "\"%s\" is protected; to change something in it, start with: moonpool --allow-protected '%s'",
                    name, name);
  else
    lua_pushnil(L);
  return lua_tostring(L, -1);
}

void moon_request_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"mayChange", core_may_change}, {"refuseWrites", core_refuse_writes}, {"protect", core_protect}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}

void moon_headers_push(lua_State *L, const moon_buffer *lines) {
  lua_createtable(L, 0, 8);
  const char *end = lines->data + lines->len;
  for (const char *line = lines->data; line && line < end;) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    if (!stop) stop = end;
    const char *colon = memchr(line, ':', (size_t)(stop - line));
    if (colon) {
      luaL_Buffer name;
      char *place = luaL_buffinitsize(L, &name, (size_t)(colon - line));
      for (const char *p = line; p < colon; p++) *place++ = (char)tolower((unsigned char)*p);
      luaL_pushresultsize(&name, (size_t)(colon - line));
      const char *value = colon + 1, *value_end = stop;
      while (value < value_end && (*value == ' ' || *value == '\t')) value++;
      while (value_end > value && isspace((unsigned char)value_end[-1])) value_end--;
      lua_pushvalue(L, -1);
      if (lua_rawget(L, -3) == LUA_TSTRING) {
        lua_pushliteral(L, ", ");
        lua_pushlstring(L, value, (size_t)(value_end - value));
        lua_concat(L, 3);
      } else {
        lua_pop(L, 1);
        lua_pushlstring(L, value, (size_t)(value_end - value));
      }
      lua_rawset(L, -3);
    }
    line = stop + 1;
  }
}
