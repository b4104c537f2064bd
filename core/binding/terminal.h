/* terminal.h: who watches standard error (see terminalColumns in lua/meta/core.lua). Lua thread only. */
#ifndef MOON_BINDING_TERMINAL_H
#define MOON_BINDING_TERMINAL_H

#include <lua.h>

/* Adds `terminalColumns` and `isTerminal` to the table on top. */
int moon_terminal_open(lua_State *L);

#endif
