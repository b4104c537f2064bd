/* options.h: the options that scripts give a pool, from a Lua table; and what all options are that are not given. Lua
 * thread only. */
#ifndef MOON_BINDING_OPTIONS_H
#define MOON_BINDING_OPTIONS_H

#include <lua.h>

#include "pool/pool.h"

/* Fills `out` from the table at `index` (nil: the defaults). Raises for unknown options, naming the nearest known one,
 * for wrong types, and for values that make no sense. */
void moon_options_read(lua_State *L, int index, moon_pool_options *out);

/* Sets core.checkPoolOptions, and core.defaults in the table on top: pool, manager, cluster, request, each a table of
 * options. */
void moon_options_open(lua_State *L);

#endif
