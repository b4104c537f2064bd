/* pki.c: core.pki: certificate authorities as Lua handles. Runs on the Lua thread; see http/pki.h for what it does. */
#include <lauxlib.h>
#include <limits.h>
#include <openssl/evp.h>

#include "binding/http.h"
#include "http/pki.h"

#define AUTHORITY "moonpool.core.Authority"

static int raise(lua_State *L, moon_error *err) {
  lua_pushstring(L, err->message);
  moon_error_free(err);
  return lua_error(L);
}

static moon_pki_authority **authority_at(lua_State *L, int index) {
  return luaL_checkudata(L, index, AUTHORITY);
}

static int authority_new(lua_State *L) {
  const char *common_name = luaL_checkstring(L, 1);
  moon_pki_authority **handle = lua_newuserdatauv(L, sizeof *handle, 0);
  *handle = NULL;
  luaL_setmetatable(L, AUTHORITY);
  moon_error *err = NULL;
  *handle = moon_pki_authority_new(common_name, &err);
  return *handle ? 1 : raise(L, err);
}

static int authority_gc(lua_State *L) {
  moon_pki_authority **handle = authority_at(L, 1);
  moon_pki_authority_free(*handle);
  *handle = NULL;
  return 0;
}

static int authority_certificate(lua_State *L) {
  lua_pushstring(L, moon_pki_authority_certificate(*authority_at(L, 1)));
  return 1;
}

/* The strings of the array `field` of the table at `index`, NULL-terminated, in a userdata that is left on the stack
 * together with the strings' table. */
static const char *const *strings_field(lua_State *L, int index, const char *field) {
  if (lua_getfield(L, index, field) == LUA_TNIL) return NULL;
  luaL_checktype(L, -1, LUA_TTABLE);
  int table = lua_gettop(L);
  size_t count = (size_t)luaL_len(L, table);
  const char **list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
  for (size_t i = 0; i < count; i++) {
    if (lua_geti(L, table, (lua_Integer)i + 1) != LUA_TSTRING)
      luaL_error(L, "%s[%d]: expected a string, got %s", field, (int)i + 1, luaL_typename(L, -1));
    list[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  list[count] = NULL;
  return list;
}

static int64_t seconds_field(lua_State *L, int index, const char *field, int64_t otherwise) {
  lua_getfield(L, index, field);
  int64_t value = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

static int authority_issue(lua_State *L) {
  moon_pki_authority *authority = *authority_at(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  moon_pki_request request = {.not_before_s = seconds_field(L, 2, "notBefore", -3600),
                              .not_after_s = seconds_field(L, 2, "notAfter", 365 * 24 * 3600)};
  lua_getfield(L, 2, "commonName");
  request.common_name = luaL_checkstring(L, -1);
  lua_getfield(L, 2, "usage");
  const char *const usages[] = {"server", "client", NULL};
  request.usage = luaL_checkoption(L, -1, NULL, usages) == 0 ? MOON_PKI_SERVER : MOON_PKI_CLIENT;
  request.organizations = strings_field(L, 2, "organizations");
  request.alt_names = strings_field(L, 2, "altNames");
  moon_pki_pair pair;
  moon_error *err = NULL;
  if (moon_pki_issue(authority, &request, &pair, &err)) return raise(L, err);
  lua_pushstring(L, pair.certificate);
  lua_pushstring(L, pair.key);
  moon_pki_pair_clear(&pair);
  return 2;
}

static const luaL_Reg authority_methods[] = {
    {"certificate", authority_certificate}, {"issue", authority_issue}, {"__gc", authority_gc}, {NULL, NULL}};

/* base64(text) -> text, as kubeconfigs and Secrets hold it. */
int moon_base64(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  luaL_argcheck(L, len < INT_MAX / 2, 1, "the text is too long");
  luaL_Buffer out;
  char *into = luaL_buffinitsize(L, &out, (len + 2) / 3 * 4 + 1);
  int written = EVP_EncodeBlock((unsigned char *)into, (const unsigned char *)text, (int)len);
  luaL_pushresultsize(&out, (size_t)written);
  return 1;
}

static const luaL_Reg functions[] = {{"authority", authority_new}, {"read", moon_pki_read}, {NULL, NULL}};

int moon_pki_open(lua_State *L) {
  luaL_newmetatable(L, AUTHORITY);
  luaL_setfuncs(L, authority_methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
