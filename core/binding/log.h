/* log.h: log lines to Lua functions. Lua thread only; the lines come from any. */
#ifndef MOON_BINDING_LOG_H
#define MOON_BINDING_LOG_H

#include <lua.h>

#include "binding/runtime.h"

/* Adds setLogger, followRequests, setLogLevel, setLogFormat, isLogged and log to the table on top. */
int moon_log_open(lua_State *L);
/* The universe ends: lines that wait, and those to come, go to standard error. */
void moon_log_detach(lua_State *L);

#endif
