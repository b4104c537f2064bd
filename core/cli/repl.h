/* repl.h: the interactive prompt. */
#ifndef MOON_CLI_REPL_H
#define MOON_CLI_REPL_H

#include <lua.h>

/* Reads and runs lines until the input ends. Returns the exit code. */
int repl_run(lua_State *L);

#endif
