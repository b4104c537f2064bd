/* repl.h: the interactive prompt. */
#ifndef MOON_CLI_REPL_H
#define MOON_CLI_REPL_H

#include <lua.h>

/* Reads and runs lines until the input ends. The function on top of the stack, which is taken, opens the session: it
 * gets the terminal (moonpool.repl.NativeTerminal) and returns it. Returns the exit code. */
int repl_run(lua_State *L);
/* The same with the session of this process. */
int repl_run_own(lua_State *L);

#endif
