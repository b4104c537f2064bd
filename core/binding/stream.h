/* stream.h: streaming answers as Lua handles (see moonpool.core.Stream in lua/meta/core.lua). Lua thread only. */
#ifndef MOON_BINDING_STREAM_H
#define MOON_BINDING_STREAM_H

#include <lua.h>

#include "binding/feed.h"

/* As moon_call_from_lua, but the result is a stream, once the headers are there. */
int moon_stream_from_lua(lua_State *L, moon_callee_find find);
/* Makes the metatables. */
void moon_stream_open(lua_State *L);

#endif
