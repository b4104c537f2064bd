/* http.h: opens what the simulated clusters are built on: `core.http`, `core.pki`, `core.after`,
 * `core.base64`, `core.writePrivateFile` (see lua/meta/core.lua). */
#ifndef MOON_BINDING_HTTP_H
#define MOON_BINDING_HTTP_H

#include <lua.h>

int moon_http_open(lua_State *L);  /* pushes the table core.http */
int moon_pki_open(lua_State *L);   /* pushes the table core.pki */
int moon_after_open(lua_State *L); /* pushes the function core.after */

int moon_base64(lua_State *L); /* base64(text) -> text */
/* writePrivateFile(path, text) -> true | nil, problem */
int moon_write_private_file(lua_State *L);

#endif
