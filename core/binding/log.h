/* log.h: log lines to a Lua function. Lua thread only; the lines come from any. */
#ifndef MOON_BINDING_LOG_H
#define MOON_BINDING_LOG_H

#include <lua.h>

#include "binding/runtime.h"

/* Adds setLogger, setLogLevel and log to the table on top. */
int moon_log_open(lua_State *L);
/* The universe ends: lines that wait, and those to come, go to standard error. */
void moon_log_detach(lua_State *L);

#endif
