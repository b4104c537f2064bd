/* request.h: a request from its Lua table (see moonpool.core.Request in lua/meta/core.lua). Lua thread only. */
#ifndef MOON_BINDING_REQUEST_H
#define MOON_BINDING_REQUEST_H

#include <lua.h>

#include "base/error.h"
#include "net/message.h"

/* Fills the zeroed request from the table at `index`. Raises for what is missing or of a wrong type; what is filled by
 * then stays the caller's to free. `default_timeout_ms` applies when the table says nothing. */
void moon_request_read(lua_State *L, int index, moon_request *out, int64_t default_timeout_ms);
/* NULL, or why the request is sent nowhere (the program, or the console, is read-only); the caller's. */
moon_error *moon_request_refusal(lua_State *L, const moon_request *request);
/* Pushes why a cluster of this name that is made from this context refuses writes; nil, and NULL: it does not. */
const char *moon_push_write_refusal(lua_State *L, const char *name, const char *context);
/* Adds mayChange, refuseWrites and protect to the table on top. */
void moon_request_open(lua_State *L);
/* Pushes header lines as a table: lower-case names, the values of repeated ones joined with ", ". */
void moon_headers_push(lua_State *L, const moon_buffer *lines);

#endif
