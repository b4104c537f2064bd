/* module.h: the Lua modules `moonpool` and `moonpool.core`. */
#ifndef MOON_BINDING_MODULE_H
#define MOON_BINDING_MODULE_H

#include <lua.h>

/* `require "moonpool"` of stock Lua, and the program, start here: makes the runtime, puts the Lua modules that are
 * built in where require finds them, and loads `moonpool`. */
int luaopen_moonpool(lua_State *L);
/* The C module alone (see lua/meta/core.lua). */
int luaopen_moonpool_core(lua_State *L);
/* Makes a universe of a fresh state, as the program and C hosts have it: Lua's libraries, the coroutines of the
 * runtime, `moonpool` for require. */
void moon_universe_open(lua_State *L);
/* Puts the modules that are built in into package.preload. */
void moon_modules_preload(lua_State *L);

#endif
