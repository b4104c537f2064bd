/* http.h: what the simulated clusters are built on: HTTP servers, certificates, timers (see lua/meta/core.lua); and the
 * reading of certificates. Lua thread only. */
#ifndef MOON_BINDING_HTTP_H
#define MOON_BINDING_HTTP_H

#include <lua.h>

/* Adds http, pki, after, base64, unbase64 and writePrivateFile to the module's table on top of the stack. */
void moon_http_open(lua_State *L);

/* Its parts; each pushes what it is called after. */
int moon_pki_open(lua_State *L);
int moon_after_open(lua_State *L);
int moon_base64(lua_State *L);             /* base64(text) -> text */
int moon_unbase64(lua_State *L);           /* unbase64(text) -> text | nil */
int moon_pki_read(lua_State *L);           /* pki.read(pem) -> list of certificates */
int moon_write_private_file(lua_State *L); /* writePrivateFile(path, text) -> true | nil, problem */

#endif
