/* runtime.h: the Lua thread: its loop, its tasks, and how C operations make Lua wait.
 *
 * One moon_runtime belongs to one Lua universe (lua_State and its coroutines) and to the thread that runs it: the
 * program's, stock Lua's, or the one that a C host has made (moon_runtime_new of moonpool.h; embed.c). It has a libuv
 * loop of its own, a queue that other threads append to, and the scheduler's tasks. Only this thread touches the
 * lua_State.
 *
 * How a C function waits: it makes its operation (usually a userdata marked to-be-closed, so that ending the coroutine
 * cancels it), starts it, and returns moon_runtime_wait(...). When the operation's completion has run on the Lua thread
 * and called moon_wait_ready, the continuation pushes the results. Inside a task the coroutine is suspended meanwhile
 * (through any number of the script's own coroutines); elsewhere the loop runs right here until the wait is ready.
 *
 * Callbacks of libuv never call Lua: the loop may be running inside a wait, and libuv's loop cannot be entered twice.
 * They note what happened and post a completion (moon_runtime_post), or make a wait ready. */
#ifndef MOON_BINDING_RUNTIME_H
#define MOON_BINDING_RUNTIME_H

#include <lua.h>
#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "base/timers.h"
#include "moonpool.h"

/* The runtime of this universe; made on first use (by luaopen_moonpool_core). Never NULL. */
moon_runtime *moon_runtime_of(lua_State *L);
uv_loop_t *moon_runtime_loop(moon_runtime *runtime);

/* Whoever may post after the universe was closed (an operation in flight on another thread) holds a reference. */
moon_runtime *moon_runtime_retain(moon_runtime *runtime);
void moon_runtime_release(moon_runtime *runtime);

/* Something that another thread finished. Lives inside its owner; `run` is called on the Lua thread, in the order of
 * posting, with a lua_State to work on (the one that runs the loop; at least LUA_MINSTACK free slots; what it leaves on
 * the stack is dropped). It may not raise (it wraps what can). */
typedef struct moon_completion {
  void (*run)(struct moon_completion *completion, lua_State *L);
  moon_list node;
} moon_completion;

/* Any thread; wakes the loop when it sleeps. Once the universe is closed, completions run with L == NULL (those still
 * queued when it closes, later ones at once on the posting thread), so that owners can free what they hold. */
void moon_runtime_post(moon_runtime *runtime, moon_completion *completion);

/* Timers of the Lua thread (base/timers behind one loop timer). They do not keep the program alive; tasks do. */
void moon_runtime_set_timer(moon_runtime *runtime, moon_timer *timer, int64_t due_ms);
void moon_runtime_stop_timer(moon_runtime *runtime, moon_timer *timer);

/* One thing that somebody waits for. Zeroed before use; lives in the operation. */
typedef struct moon_wait {
  bool ready;
  struct moon_script_task *task; /* the task that is suspended for this wait, if one is */
  moon_list node;                /* for whoever makes it ready */
} moon_wait;

/* Tail-call it: `return moon_runtime_wait(L, &op->wait, ctx, k)`. `k` is called once, when ready, with status LUA_OK or
 * LUA_YIELD, and returns its results as a C function does. May return at once when ready already. Raises instead when
 * the task was cancelled or the program interrupted while it blocked. */
int moon_runtime_wait(lua_State *L, moon_wait *wait, lua_KContext ctx, lua_KFunction k);
/* Makes the metatable of operations, registry[key]: `close` is called when one is closed, or collected without. */
void moon_op_meta(lua_State *L, const void *key, lua_CFunction close);
/* Lua thread: the wait is over; its task runs again in the next turn of the scheduler. */
void moon_wait_ready(moon_runtime *runtime, moon_wait *wait);

/* Keeps the program alive (moon_runtime's run loop) while something outside tasks may still call Lua: a listening
 * server. */
void moon_runtime_hold(moon_runtime *runtime, int delta);

/* Starts a task of the function and `nargs` arguments on top of the stack; they are replaced by the task's handle. It
 * first runs in the next turn. */
void moon_runtime_spawn(lua_State *L, int nargs);

#endif
