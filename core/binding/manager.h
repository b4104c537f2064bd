/* manager.h: the Lua handle of a manager of clusters (see moonpool.core.Manager in lua/meta/core.lua). Lua thread only.
 */
#ifndef MOON_BINDING_MANAGER_H
#define MOON_BINDING_MANAGER_H

#include <lua.h>

/* Adds `manager` to the table on top. After moon_pool_open. */
int moon_manager_open(lua_State *L);

#endif
