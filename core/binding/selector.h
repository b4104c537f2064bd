/* selector.h: the Lua handle of a selector: `core.selector` (see moonpool.core.Selector in lua/meta/core.lua). Lua
 * thread only. */
#ifndef MOON_BINDING_SELECTOR_H
#define MOON_BINDING_SELECTOR_H

#include <lua.h>

#include "cluster/selector.h"

/* The selector behind the handle at `index`; NULL for nil and none (all clusters); raises when it is something else. It
 * belongs to the handle. */
moon_selector *moon_opt_selector(lua_State *L, int index);
/* Adds `selector` to the table on top. */
int moon_selector_open(lua_State *L);

#endif
