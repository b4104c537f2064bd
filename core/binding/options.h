/* options.h: the options that scripts give a pool, from a Lua table. Lua thread only. */
#ifndef MOON_BINDING_OPTIONS_H
#define MOON_BINDING_OPTIONS_H

#include <lua.h>

#include "pool/pool.h"

/* Fills `out` from the table at `index` (nil: the defaults). Raises for unknown options, naming the nearest known one,
 * for wrong types, and for values that make no sense. */
void moon_options_read(lua_State *L, int index, moon_pool_options *out);

#endif
