/* fields.h: sets a field of the table on top of the Lua stack. Functions for one line of C each, of this folder only:
 * hence without a prefix. */
#ifndef MOON_BINDING_FIELDS_H
#define MOON_BINDING_FIELDS_H

#include <lua.h>
#include <stdbool.h>

static inline void set_text(lua_State *L, const char *name, const char *text) { /* NULL: nil */
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static inline void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static inline void set_number(lua_State *L, const char *name, lua_Number value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, name);
}

static inline void set_flag(lua_State *L, const char *name, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

#endif
