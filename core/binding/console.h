/* console.h: core.console: lines over a Unix socket, for the console of a running program (see lua/meta/core.lua). */
#ifndef MOON_BINDING_CONSOLE_H
#define MOON_BINDING_CONSOLE_H

#include <lua.h>

/* Adds `console` to the table on top. */
int moon_console_open(lua_State *L);

#endif
