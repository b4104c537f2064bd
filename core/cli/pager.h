/* pager.h: long texts through the user's pager, while everything else goes on. Lua thread. */
#ifndef MOON_CLI_PAGER_H
#define MOON_CLI_PAGER_H

#include <lua.h>

/* Once, before pager_open. */
void pager_init(lua_State *L);
/* A Lua function, openPager(command, text) -> exit code, or nil where it cannot be started: gives the shell command the
 * terminal and the text, and waits until it has ended. */
int pager_open(lua_State *L);

#endif
