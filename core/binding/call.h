/* call.h: API calls as Lua functions that wait. Lua thread only. */
#ifndef MOON_BINDING_CALL_H
#define MOON_BINDING_CALL_H

#include <lua.h>

#include "binding/feed.h"

/* Makes the request table at index 2 a call to what `find` finds, and waits: body, status, headers, name of the
 * cluster; or nil and an error. To be tail-called by a C function. */
int moon_call_from_lua(lua_State *L, moon_callee_find find);
/* Makes the metatable of the operation. */
void moon_call_open(lua_State *L);

#endif
