/* coroutine.c: coroutines that waits pass through, and that can be stopped.
 *
 * The functions of the global table `coroutine` are replaced by versions that behave the same for scripts, and besides
 *   - pass a wait up: a function of the runtime that waits, called inside a script's own coroutine, yields the
 * sentinel. Whoever resumed that coroutine through these functions does not return to the script but yields the
 * sentinel further, up to the scheduler. The way back resumes each coroutine in turn. So a generator that calls an API
 * still yields its own values to its own consumer;
 *   - record who runs: the activations are a list through the C frames of all resumes, so Ctrl-C can reach the
 *     coroutine that runs, and a wait knows whether the way up to the task is free.
 *
 * A coroutine that waits holds the sentinel on top of its stack. Its resumer is, as far as the script can see, still in
 * coroutine.resume; so such a coroutine counts as "normal". A guard, to be closed, in the resumer's frame closes it
 * when the task is ended meanwhile.
 *
 * A hook looks at the time of guests, in all coroutines that run for them, and ends those that hold the thread for too
 * long. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/wakeup.h"
#include "binding/scheduler.h"

const char moon_wait_sentinel;
static const char guard_key; /* registry: metatable of guards */

/* --- who runs, and stopping it --- */

/* Instructions that a script may still run after it caught the first interruption, to tidy up. */
enum { GRACE_INSTRUCTIONS = 100000 };

static void arm(moon_runtime *runtime, lua_State *co);

void moon_runtime_note_stop(moon_runtime *runtime, lua_State *L, const char *text) {
  if (runtime->stopped_at) return;
  luaL_traceback(L, L, text, 0);
  runtime->stopped_at = moon_strdup(lua_tostring(L, -1));
  lua_pop(L, 1);
}

static void stop_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  moon_runtime *runtime = moon_runtime_of(L);
  if (!runtime->stopping) {
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  runtime->stop_count++;
  arm(runtime, L);
  luaL_where(L, 0);
  lua_pushliteral(L, "interrupted");
  lua_concat(L, 2);
  moon_runtime_note_stop(runtime, L, lua_tostring(L, -1));
  lua_error(L);
}

/* First at once; after a grace; from then on at every instruction, so that no loop around pcall can go on. */
static void arm(moon_runtime *runtime, lua_State *co) {
  lua_sethook(co, stop_hook, LUA_MASKCOUNT, runtime->stop_count == 1 ? GRACE_INSTRUCTIONS : 1);
}

/* --- guests that do not wait --- */

enum { LOOK_AFTER = 10000 }; /* instructions */

static void guest_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  const moon_activation *top = moon_runtime_of(L)->top;
  moon_script_task *task = top && top->co == L ? top->task : NULL;
  if (!task || !task->limit_ns) { /* a coroutine that a guest has made, and the program runs */
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  if (task->overruns == 0 && moon_clock_thread_ns() - task->since_ns < task->limit_ns) return;
  task->overruns++;
  lua_sethook(L, guest_hook, LUA_MASKCOUNT, task->overruns == 1 ? GRACE_INSTRUCTIONS : 1);
  luaL_error(L, "ended: it held the whole program for more than %d ms, without waiting",
             (int)(task->limit_ns / 1000000));
}

/* A hook that is not ours stays: that of a strategy looks at the time as well. */
static void watch_guest(lua_State *co, const moon_script_task *task) {
  lua_Hook hook = lua_gethook(co);
  if (task && task->limit_ns) {
    if (!hook || hook == guest_hook) lua_sethook(co, guest_hook, LUA_MASKCOUNT, task->overruns > 1 ? 1 : LOOK_AFTER);
  } else if (hook == guest_hook) {
    lua_sethook(co, NULL, 0, 0);
  }
}

static void set_running(moon_runtime *runtime, moon_activation *activation) {
  runtime->top = activation;
  lua_State *co = activation ? activation->co : NULL;
  atomic_store_explicit(&runtime->running, co, memory_order_relaxed);
  atomic_signal_fence(memory_order_seq_cst); /* the handler sees the new coroutine, or we see its flag */
  if (!co) return;
  if (runtime->stopping && runtime->closing == 0)
    arm(runtime, co);
  else if (lua_gethook(co) == stop_hook)
    lua_sethook(co, NULL, 0, 0);
  if (!runtime->stopping) watch_guest(co, activation->task);
}

void moon_runtime_stop(moon_runtime *runtime) {
  runtime->stopping = 1;
  atomic_signal_fence(memory_order_seq_cst);
  lua_State *co = atomic_load_explicit(&runtime->running, memory_order_relaxed);
  if (co) arm(runtime, co);
  moon_wakeup_send(runtime->wake_fd);
}

void moon_runtime_resume_after_stop(moon_runtime *runtime) {
  runtime->stopping = 0;
  runtime->stop_count = 0;
  free(runtime->stopped_at);
  runtime->stopped_at = NULL;
}

bool moon_coroutine_can_suspend(const moon_runtime *runtime, lua_State *L) {
  const moon_activation *top = runtime->top;
  return top && top->co == L && top->passes && lua_isyieldable(L);
}

int moon_coroutine_resume(moon_runtime *runtime, lua_State *co, lua_State *from, int nargs, int *nresults,
                          bool is_task) {
  moon_activation activation = {.below = runtime->top, .co = co, .task = runtime->current, .is_task = is_task};
  activation.passes = is_task || moon_coroutine_can_suspend(runtime, from);
  if (runtime->selecting) moon_strategy_watch(co);
  set_running(runtime, &activation);
  int status = lua_resume(co, from, nargs, nresults);
  set_running(runtime, activation.below);
  return status;
}

int moon_coroutine_close(moon_runtime *runtime, lua_State *co) {
  moon_activation activation = {.below = runtime->top, .co = co, .task = runtime->current};
  runtime->closing++;
  set_running(runtime, &activation);
  int status = lua_resetthread(co);
  runtime->closing--;
  set_running(runtime, activation.below);
  return status;
}

/* --- the library --- */

typedef enum co_status { RUNNING, DEAD, SUSPENDED, NORMAL } co_status;
static const char *const status_names[] = {"running", "dead", "suspended", "normal"};

static bool is_waiting(lua_State *co) {
  return lua_status(co) == LUA_YIELD && lua_touserdata(co, -1) == &moon_wait_sentinel;
}

static co_status status_of(lua_State *L, lua_State *co) {
  if (L == co) return RUNNING;
  switch (lua_status(co)) {
  case LUA_YIELD:
    return is_waiting(co) ? NORMAL : SUSPENDED;
  case LUA_OK: {
    lua_Debug ar;
    if (lua_getstack(co, 0, &ar)) return NORMAL;
    return lua_gettop(co) == 0 ? DEAD : SUSPENDED;
  }
  default:
    return DEAD;
  }
}

static lua_State *check_coroutine(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "coroutine");
  return co;
}

static int guard_close(lua_State *L) {
  lua_State **guard = lua_touserdata(L, 1);
  lua_State *co = *guard;
  *guard = NULL;
  if (co && is_waiting(co)) moon_coroutine_close(moon_runtime_of(L), co);
  return 0;
}

/* The frame of a resume: the coroutine, or, for a wrap, its place; then the guard, once the first wait passed. */
enum { GUARD_INDEX = 2 };

static void push_guard(lua_State *L, lua_State *co) {
  if (lua_gettop(L) < GUARD_INDEX) {
    lua_State **guard = lua_newuserdatauv(L, sizeof *guard, 0);
    *guard = NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &guard_key);
    lua_setmetatable(L, -2);
    lua_toclose(L, GUARD_INDEX);
    *guard = co;
  }
}

static int after_wait(lua_State *L, int status, lua_KContext ctx);

/* Resumes the coroutine at index 1 and delivers what comes: `is_wrap` as the function of a wrap does, else as
 * coroutine.resume. */
static int resume_step(lua_State *L, int nargs, bool is_wrap) {
  lua_State *co = lua_tothread(L, 1);
  moon_runtime *runtime = moon_runtime_of(L);
  int nresults = 0;
  int status = moon_coroutine_resume(runtime, co, L, nargs, &nresults, false);
  if (status == LUA_YIELD && nresults == 1 && is_waiting(co)) {
    push_guard(L, co);
    lua_pushlightuserdata(L, (void *)&moon_wait_sentinel);
    return lua_yieldk(L, 1, is_wrap, after_wait);
  }
  bool ok = status == LUA_OK || status == LUA_YIELD;
  if (ok && !lua_checkstack(L, nresults + 1)) {
    lua_pop(co, nresults);
    ok = false;
    lua_pushliteral(L, "too many results to resume");
  } else if (ok) {
    if (!is_wrap) lua_pushboolean(L, 1);
    lua_xmove(co, L, nresults);
    return nresults + !is_wrap;
  } else if (is_wrap) {
    status = moon_coroutine_close(runtime, co); /* its to-be-closed variables; may change the error */
    lua_xmove(co, L, 1);
  } else {
    lua_xmove(co, L, 1);
  }
  if (is_wrap) {
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) { /* add where it was called, as Lua does */
      luaL_where(L, 1);
      lua_insert(L, -2);
      lua_concat(L, 2);
    }
    return lua_error(L);
  }
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

static int after_wait(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  lua_State *co = lua_tothread(L, 1);
  lua_pop(co, 1); /* the sentinel */
  return resume_step(L, 0, ctx != 0);
}

static int resume_first(lua_State *L, lua_State *co, int nargs, bool is_wrap) {
  co_status status = status_of(L, co);
  const char *problem = NULL;
  if (status != SUSPENDED)
    problem = status == DEAD ? "cannot resume dead coroutine" : "cannot resume non-suspended coroutine";
  else if (!lua_checkstack(co, nargs))
    problem = "too many arguments to resume";
  if (problem && is_wrap) return luaL_error(L, "%s", problem);
  if (problem) {
    lua_pushboolean(L, 0);
    lua_pushstring(L, problem);
    return 2;
  }
  lua_xmove(L, co, nargs);
  return resume_step(L, nargs, is_wrap);
}

static int coroutine_resume(lua_State *L) {
  return resume_first(L, check_coroutine(L), lua_gettop(L) - 1, false);
}

static int wrap_call(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int nargs = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  return resume_first(L, co, nargs, true);
}

static int coroutine_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, wrap_call, 1);
  return 1;
}

static int coroutine_yield(lua_State *L) {
  const moon_activation *top = moon_runtime_of(L)->top;
  if (top && top->co == L && top->is_task)
    return luaL_error(L, "attempt to yield from outside a coroutine (a task yields to nobody; see moonpool.sleep)");
  return lua_yield(L, lua_gettop(L));
}

static int coroutine_isyieldable(lua_State *L) {
  lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
  const moon_activation *top = moon_runtime_of(L)->top;
  bool task = top && top->co == co && top->is_task;
  lua_pushboolean(L, !task && lua_isyieldable(co));
  return 1;
}

static int coroutine_status(lua_State *L) {
  lua_pushstring(L, status_names[status_of(L, check_coroutine(L))]);
  return 1;
}

static int coroutine_close(lua_State *L) {
  lua_State *co = check_coroutine(L);
  co_status status = status_of(L, co);
  if (status != DEAD && status != SUSPENDED) return luaL_error(L, "cannot close a %s coroutine", status_names[status]);
  if (moon_coroutine_close(moon_runtime_of(L), co) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

int moon_coroutine_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"resume", coroutine_resume},
      {"wrap", coroutine_wrap},
      {"yield", coroutine_yield},
      {"isyieldable", coroutine_isyieldable},
      {"status", coroutine_status},
      {"close", coroutine_close},
      {NULL, NULL},
  };
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, guard_close);
  lua_setfield(L, -2, "__close");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &guard_key);
  lua_getglobal(L, "coroutine");
  if (lua_istable(L, -1)) luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
  return 0;
}
