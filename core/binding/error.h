/* error.h: errors of the core as Lua values: tables with fields (see moonpool.Error in lua/meta/core.lua) and a
 * metatable whose __tostring gives one line. Lua thread only; raises for lack of memory only, where nothing else is
 * said.
 */
#ifndef MOON_BINDING_ERROR_H
#define MOON_BINDING_ERROR_H

#include <lua.h>
#include <stdbool.h>

#include "base/error.h"

/* Pushes the error object. Takes over err. */
void moon_push_error_object(lua_State *L, moon_error *err);
/* Pushes nil and the error object; returns 2, so that a function can end with it. Takes over err. */
int moon_push_error(lua_State *L, moon_error *err);
/* As luaL_tolstring, but a __tostring that raises, or gives no text, is told of in its place. */
const char *moon_push_text(lua_State *L, int index);
/* The error that the value at `index` is: an error object with its fields; anything else is MOON_SCRIPT, with its text.
 */
moon_error *moon_error_at(lua_State *L, int index);
/* Pushes the last error object that a call has returned so far; false: nil, there was none. */
bool moon_push_last_error(lua_State *L);
/* Pushes "script.lua:12: ", the innermost place in the script (not in the Lua that ships); "" when there is none. */
void moon_push_place(lua_State *L);
/* Raises an error of misuse, with the place in the script (not in the Lua that ships) before it. Does not return. */
int moon_misuse(lua_State *L, const char *format, ...);
/* Adds errorMeta, newError and lastError to the table on top. */
int moon_error_open(lua_State *L);

#endif
