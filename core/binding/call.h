/* call.h: API calls as Lua functions that wait. Lua thread only. */
#ifndef MOON_BINDING_CALL_H
#define MOON_BINDING_CALL_H

#include <lua.h>

#include "binding/connection.h"

/* Makes the request table at index 2 a call over any connection of the cluster, or, when that is NULL, over the leased
 * connection at index 1, and waits: body, status, headers; or nil and an error. To be tail-called by a C function. */
int moon_call_from_lua(lua_State *L, moon_cluster *cluster);
/* Makes the metatable of the operation. */
void moon_call_open(lua_State *L);

#endif
