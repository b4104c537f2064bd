/* run.h: running Lua as the program does: as a task of the runtime, until it ends or somebody presses Ctrl-C. */
#ifndef MOON_CLI_RUN_H
#define MOON_CLI_RUN_H

#include <lua.h>
#include <stdbool.h>

/* What the program's exit code can be; interrupted: 128 + the signal. */
enum { EXIT_OK = 0, EXIT_SCRIPT = 1, EXIT_USAGE = 2, EXIT_SOME_FAILED = 3, EXIT_ALL_FAILED = 4 };

/* Makes the universe: Lua's libraries, the coroutines of the runtime, `moonpool` for require, and an os.exit that ends
 * the tasks first. */
void run_open(lua_State *L);
/* Runs the function and `nargs` arguments on top of the stack as a task until it returns (whatever other tasks do),
 * with SIGINT and SIGTERM stopping it. Says on standard error what went wrong, or where it was interrupted. Returns the
 * exit code; when that is EXIT_OK, the results are on the stack, above where the function was. */
int run_chunk(lua_State *L, int nargs);

/* For the prompt, whose tasks outlive a Ctrl-C. From run_begin_prompt to the end of the program, signals do no more
 * than end run_until, or the task of run_call. */
void run_begin_prompt(lua_State *L);
/* Runs the loop until `over(ctx)`: 0; or until a signal: its number. What it stopped has been ended then. */
int run_until(lua_State *L, bool (*over)(void *ctx), void *ctx);
/* Runs the function and `nargs` arguments on top of the stack, which are dropped, as a task until it returns: EXIT_OK,
 * with its first result on the stack; EXIT_SCRIPT: it raised, and the message is there; or 128 + the signal that ended
 * it, and nil. */
int run_call(lua_State *L, int nargs);

/* Runs the tasks that are left until all are done. Returns the exit code. */
int run_rest(lua_State *L);
/* Ends all tasks, running what they want closed. */
void run_end(lua_State *L);

#endif
