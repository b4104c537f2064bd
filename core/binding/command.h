/* command.h: another program, run until it ends (see core.command in lua/meta/core.lua). Lua thread only. */
#ifndef MOON_BINDING_COMMAND_H
#define MOON_BINDING_COMMAND_H

#include <lua.h>

/* Adds `command` to the table on top. */
void moon_command_open(lua_State *L);

#endif
