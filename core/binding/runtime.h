/* runtime.h: the Lua thread: its loop, its tasks, and how C operations make Lua wait.
 *
 * One moon_runtime belongs to one Lua universe (lua_State and its coroutines) and to the thread that runs it. It has a
 * libuv loop of its own, a queue that other threads append to, and the scheduler's tasks. Only this thread touches the
 * lua_State.
 *
 * How a C function waits: it makes its operation (usually a userdata marked to-be-closed, so that ending the coroutine
 * cancels it), starts it, and returns moon_runtime_wait(...). When the operation's completion has run on the Lua thread
 * and called moon_wait_ready, the continuation pushes the results. Inside a task the coroutine is suspended meanwhile
 * (through any number of the script's own coroutines); elsewhere the loop runs right here until the wait is ready. */
#ifndef MOON_BINDING_RUNTIME_H
#define MOON_BINDING_RUNTIME_H

#include <lua.h>
#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "base/timers.h"

typedef struct moon_runtime moon_runtime;

/* The runtime of this universe; made on first use (by luaopen_moonpool_core). Never NULL. */
moon_runtime *moon_runtime_of(lua_State *L);
uv_loop_t *moon_runtime_loop(moon_runtime *runtime);

/* Something that another thread finished. Lives inside its owner; `run` is called on the Lua thread, in the order of
 * posting, with the main lua_State; it may not raise (it wraps what can). */
typedef struct moon_completion {
  void (*run)(struct moon_completion *completion, lua_State *L);
  moon_list node;
} moon_completion;

/* Any thread; wakes the loop when it may sleep. After the runtime is closed, completions still run, on closing, with L
 * == NULL, so that owners can free what they hold. */
void moon_runtime_post(moon_runtime *runtime, moon_completion *completion);

/* Timers of the Lua thread (base/timers behind one loop timer). */
void moon_runtime_set_timer(moon_runtime *runtime, moon_timer *timer, int64_t due_ms);
void moon_runtime_stop_timer(moon_runtime *runtime, moon_timer *timer);

/* One thing that somebody waits for. Zeroed before use; lives in the operation. */
typedef struct moon_wait {
  bool ready;
  lua_State *waiting; /* the task's coroutine, while it is suspended for this wait */
  moon_list node;
} moon_wait;

/* Tail-call it: `return moon_runtime_wait(L, &op->wait, ctx, k)`. `k` is called once, when ready, with status LUA_OK or
 * LUA_YIELD, and returns its results as a C function does. May return at once when ready already. */
int moon_runtime_wait(lua_State *L, moon_wait *wait, lua_KContext ctx, lua_KFunction k);
/* Lua thread: the wait is over; its task runs again in the next turn of the scheduler. */
void moon_wait_ready(moon_runtime *runtime, moon_wait *wait);

/* Keeps the program alive (moon_runtime's run loop) while something outside tasks and timers may still call Lua: a
 * listening server. */
void moon_runtime_hold(moon_runtime *runtime, int delta);

#endif
