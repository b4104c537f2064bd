/* scheduler.c: tasks: coroutines that run side by side on the Lua thread, taking turns when they wait.
 *
 * A task is RUNNING from spawn until its function returns, raises, or it is cancelled; it then keeps what came of it
 * for join. While it runs it is in exactly one place: on the ready list, suspended for a wait (task->wait), or active
 * on the C stack. A suspended task is ended by closing its coroutine, which closes what it holds, its pending operation
 * included. An active one cannot be closed: it ends at its next wait.
 *
 * A failure that nobody joins is told once: when the handle is collected, when the program ends, or after a second.
 *
 * A guest is a task that runs on behalf of somebody who is attached to the program. The program does not wait for it,
 * and one that does not wait for anything is ended after a while (see coroutine.c). What a guest starts is a guest. */
#include "binding/scheduler.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "binding/error.h"

#define TASK_TYPE "moonpool.Task"
enum { REPORT_AFTER_MS = 1000 };

static const char tasks_key; /* registry: task pointer -> handle, of the tasks that run */
static const char op_key;    /* registry: metatable of sleeps, joins and idle waits */

moon_script_task *moon_script_task_at(lua_State *L, int index) {
  return luaL_checkudata(L, index, TASK_TYPE);
}

/* --- the end of a task --- */

static void report(moon_script_task *task) {
  moon_timers_stop(&task->runtime->timers, &task->report);
  if (!task->traceback) return;
  moon_list_remove(&task->node);
  moon_log(MOON_LOG_ERROR, "a task raised, and nobody joined it: %s", task->traceback);
  free(task->traceback);
  task->traceback = NULL;
}

static void report_due(moon_timer *timer) {
  report(MOON_ENTRY(timer, moon_script_task, report));
}

void moon_script_task_join(moon_script_task *task) {
  if (task->joined || task->state != MOON_TASK_FAILED) return;
  task->joined = true;
  if (!task->guest) task->runtime->failed_unjoined--;
  moon_timers_stop(&task->runtime->timers, &task->report);
  moon_list_remove(&task->node);
  free(task->traceback);
  task->traceback = NULL;
}

static void finish(moon_script_task *task, lua_State *L, moon_task_state state) {
  moon_runtime *runtime = task->runtime;
  task->state = state;
  task->innermost = NULL;
  moon_list_remove(&task->all);
  if (!task->guest) runtime->task_count--;
  task->joined = !moon_list_empty(&task->joiners);
  if (state == MOON_TASK_FAILED && !task->joined) {
    if (!task->guest) runtime->failed_unjoined++;
    moon_list_push_back(&runtime->unjoined, &task->node);
    moon_runtime_set_timer(runtime, &task->report, moon_clock_now_ms() + REPORT_AFTER_MS);
  }
  for (moon_list *node; (node = moon_list_pop_front(&task->joiners));)
    moon_wait_ready(runtime, MOON_ENTRY(node, moon_wait, node));
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_pushnil(L);
  lua_rawsetp(L, -2, task);
  lua_pop(L, 1);
}

/* Where it happened, for the log: the error's text and the stack of the coroutine, before that is unwound. */
static void keep_traceback(moon_script_task *task, lua_State *L) {
  lua_State *co = task->co;
  const char *text = moon_push_text(co, -1);
  luaL_traceback(L, co, text, 0);
  lua_pop(co, 1);
  task->traceback = moon_strdup(lua_tostring(L, -1));
  lua_pop(L, 1);
}

/* Closes the coroutine: its to-be-closed variables run, as this task. */
static int close_coroutine(moon_script_task *task) {
  moon_runtime *runtime = task->runtime;
  moon_script_task *before = runtime->current;
  runtime->current = task;
  task->active = true;
  task->cancel_requested = false; /* what it holds may take a wait to give back */
  task->overruns = 0;
  moon_script_task_went_on(task);
  int status = moon_coroutine_close(runtime, task->co);
  task->active = false;
  runtime->current = before;
  return status;
}

static void fail(moon_script_task *task, lua_State *L) {
  bool cancelled = task->cancel_requested;
  if (!cancelled && moon_list_empty(&task->joiners)) keep_traceback(task, L);
  close_coroutine(task);
  finish(task, L, cancelled ? MOON_TASK_CANCELLED : MOON_TASK_FAILED);
}

/* Ends a task that is suspended, or that an interruption has unwound. */
static void end_suspended(moon_script_task *task, lua_State *L) {
  if (task->wait) {
    task->wait->task = NULL;
    task->wait = NULL;
  } else if (!moon_list_empty(&task->node)) {
    moon_list_remove(&task->node);
    task->runtime->ready_count--;
  }
  bool interrupted = lua_status(task->co) > LUA_YIELD;
  if (close_coroutine(task) != LUA_OK && !interrupted) {
    const char *text = moon_push_text(task->co, -1);
    moon_log(MOON_LOG_ERROR, "while a cancelled task was closed: %s", text);
  }
  lua_settop(task->co, 0);
  finish(task, L, MOON_TASK_CANCELLED);
}

/* --- running --- */

void moon_script_task_went_on(moon_script_task *task) {
  if (task->limit_ns) task->since_ns = moon_clock_thread_ns();
}

static void resume(moon_script_task *task, lua_State *L) {
  moon_runtime *runtime = task->runtime;
  lua_State *co = task->co;
  int nargs = task->nargs, nresults = 0;
  task->nargs = 0;
  if (lua_status(co) == LUA_YIELD) lua_pop(co, 1); /* the sentinel */
  moon_script_task *before = runtime->current;
  runtime->current = task;
  task->active = true;
  moon_script_task_went_on(task);
  int status = moon_coroutine_resume(runtime, co, L, nargs, &nresults, true);
  task->active = false;
  runtime->current = before;
  if (status == LUA_YIELD && task->wait) return;
  if (status == LUA_OK) {
    task->nresults = nresults;
    finish(task, L, MOON_TASK_DONE);
    return;
  }
  if (status == LUA_YIELD) { /* a yield of the script's own that came past our coroutine.yield */
    lua_settop(co, 0);
    lua_pushliteral(co, "attempt to yield from outside a coroutine");
  }
  if (!runtime->stopping) fail(task, L); /* else the host ends it, when its __close functions can run again */
}

void moon_scheduler_run_ready(moon_runtime *runtime, lua_State *L) {
  int top = lua_gettop(L);
  for (size_t count = runtime->ready_count; count > 0 && !runtime->stopping; count--) {
    moon_list *node = moon_list_pop_front(&runtime->ready);
    if (!node) break; /* a nested run took the others */
    runtime->ready_count--;
    moon_script_task *task = MOON_ENTRY(node, moon_script_task, node);
    /* The handle stays on the stack meanwhile: it is what keeps the task's memory. */
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
    lua_rawgetp(L, -1, task);
    resume(task, L);
    lua_settop(L, top);
  }
}

/* Ends a task that is not on the C stack, while its handle is kept. */
static void end_kept(moon_script_task *task, lua_State *L) {
  int top = lua_gettop(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_rawgetp(L, -1, task);
  end_suspended(task, L);
  lua_settop(L, top);
}

void moon_scheduler_cancel_all(moon_runtime *runtime, lua_State *L, void (*tell)(lua_State *L, moon_script_task *)) {
  lua_checkstack(L, LUA_MINSTACK);
  for (moon_list *node = runtime->tasks.next; node != &runtime->tasks && tell; node = node->next)
    tell(L, MOON_ENTRY(node, moon_script_task, all));
  /* The newest first: what an older one holds, and closes now, younger ones may be using. A closing task may start or
   * end others: begin again after each. */
  for (bool found = true; found;) {
    found = false;
    for (moon_list *node = runtime->tasks.prev; node != &runtime->tasks; node = node->prev) {
      moon_script_task *task = MOON_ENTRY(node, moon_script_task, all);
      if (task->active) continue;
      end_kept(task, L);
      found = true;
      break;
    }
  }
}

void moon_scheduler_end_stopped(moon_runtime *runtime, lua_State *L, const moon_script_task *also) {
  lua_checkstack(L, LUA_MINSTACK);
  for (bool found = true; found;) {
    found = false;
    for (moon_list *node = runtime->tasks.next; node != &runtime->tasks; node = node->next) {
      moon_script_task *task = MOON_ENTRY(node, moon_script_task, all);
      if (task->active || (task != also && lua_status(task->co) <= LUA_YIELD)) continue;
      end_kept(task, L);
      found = true;
      break;
    }
  }
}

void moon_scheduler_report_unjoined(moon_runtime *runtime) {
  while (!moon_list_empty(&runtime->unjoined)) report(MOON_ENTRY(runtime->unjoined.next, moon_script_task, node));
}

static bool task_over(void *ctx) {
  return ((const moon_script_task *)ctx)->state != MOON_TASK_RUNNING;
}

bool moon_script_task_drive(lua_State *L, moon_script_task *task) {
  return moon_runtime_drive(task->runtime, L, task_over, task);
}

int moon_script_task_take_results(lua_State *L, moon_script_task *task) {
  int count = task->nresults;
  luaL_checkstack(L, count, "too many results");
  lua_xmove(task->co, L, count);
  task->nresults = 0;
  return count;
}

static bool all_over(void *ctx) {
  return moon_runtime_is_idle(ctx);
}

bool moon_scheduler_drive_all(lua_State *L) {
  moon_runtime *runtime = moon_runtime_of(L);
  if (!moon_runtime_drive(runtime, L, all_over, runtime)) return false;
  lua_gc(L, LUA_GCCOLLECT); /* failed tasks that nobody can join any more report themselves */
  moon_scheduler_report_unjoined(runtime);
  return true;
}

enum { COROUTINE = 1, GUEST_OF = 2 }; /* user values of a handle */

/* Pushes the handle of a task that runs. */
static void push_handle(lua_State *L, const moon_script_task *task) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_rawgetp(L, -1, task);
  lua_remove(L, -2);
}

/* Makes a task that has not run yet a guest, on behalf of the value on top, which it takes; the handle is below it. */
static void make_guest(lua_State *L, moon_script_task *task, int64_t limit_ns) {
  lua_setiuservalue(L, -2, GUEST_OF);
  if (!task->guest) task->runtime->task_count--;
  task->guest = true;
  task->limit_ns = limit_ns;
}

void moon_runtime_spawn(lua_State *L, int nargs) {
  moon_runtime *runtime = moon_runtime_of(L);
  luaL_checkstack(L, 4, "too many arguments");
  moon_script_task *task = lua_newuserdatauv(L, sizeof *task, 2);
  *task = (moon_script_task){.runtime = runtime, .state = MOON_TASK_DONE, .nargs = nargs};
  moon_list_init(&task->all);
  moon_list_init(&task->node);
  moon_list_init(&task->joiners);
  moon_timer_init(&task->report, report_due);
  luaL_setmetatable(L, TASK_TYPE);
  task->co = lua_newthread(L);
  lua_setiuservalue(L, -2, COROUTINE);
  if (!lua_checkstack(task->co, nargs + 1)) luaL_error(L, "too many arguments");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, task);
  lua_pop(L, 1);
  /* Nothing raises from here on. */
  lua_insert(L, -(nargs + 2));
  lua_xmove(L, task->co, nargs + 1);
  task->state = MOON_TASK_RUNNING;
  moon_list_push_back(&runtime->tasks, &task->all);
  moon_list_push_back(&runtime->ready, &task->node);
  runtime->task_count++;
  runtime->ready_count++;
  const moon_script_task *parent = runtime->current;
  if (!parent || !parent->guest) return;
  push_handle(L, parent);
  lua_getiuservalue(L, -1, GUEST_OF);
  lua_remove(L, -2);
  make_guest(L, task, parent->limit_ns);
  task->read_only = parent->read_only;
}

bool moon_runtime_is_read_only(const moon_runtime *runtime) {
  return runtime->current && runtime->current->read_only;
}

/* --- what a task waits for: time, another task, or all others --- */

typedef struct op {
  moon_wait wait;
  moon_timer timer;
  moon_runtime *runtime;
  bool idle; /* counts in runtime->idle_waiting */
} op;

static void op_due(moon_timer *timer) {
  op *self = MOON_ENTRY(timer, op, timer);
  moon_wait_ready(self->runtime, &self->wait);
}

static op *push_op(lua_State *L) {
  op *self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (op){.runtime = moon_runtime_of(L)};
  moon_list_init(&self->wait.node);
  moon_timer_init(&self->timer, op_due);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &op_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, -1);
  return self;
}

static int op_close(lua_State *L) {
  op *self = lua_touserdata(L, 1);
  moon_runtime_stop_timer(self->runtime, &self->timer);
  moon_list_remove(&self->wait.node);
  if (self->idle) self->runtime->idle_waiting--;
  self->idle = false;
  return 0;
}

static int nothing(lua_State *L, int status, lua_KContext ctx) {
  (void)L, (void)status, (void)ctx;
  return 0;
}

static lua_Number check_ms(lua_State *L, int index) {
  lua_Number ms = luaL_checknumber(L, index);
  luaL_argcheck(L, ms >= 0 && ms <= 1e15, index, "expected milliseconds, 0 or more");
  return ms;
}

static int sleep_ms(lua_State *L, int64_t ms) {
  op *self = push_op(L);
  moon_runtime_set_timer(self->runtime, &self->timer, moon_clock_now_ms() + ms);
  return moon_runtime_wait(L, &self->wait, 0, nothing);
}

static int core_sleep(lua_State *L) {
  return sleep_ms(L, (int64_t)check_ms(L, 1));
}

static int core_poll(lua_State *L) {
  return sleep_ms(L, lua_isnoneornil(L, 1) ? 0 : (int64_t)check_ms(L, 1));
}

static int core_run(lua_State *L) {
  op *self = push_op(L);
  moon_runtime *runtime = self->runtime;
  if (runtime->current && !runtime->current->guest) {
    runtime->idle_waiting++;
    self->idle = true;
  }
  moon_list_push_back(&runtime->idle_waits, &self->wait.node);
  return moon_runtime_wait(L, &self->wait, 0, nothing);
}

static int core_clock(lua_State *L) {
  lua_pushnumber(L, (lua_Number)moon_clock_now_ns() / 1e6);
  return 1;
}

static int core_now(lua_State *L) {
  lua_pushinteger(L, moon_clock_now_ms());
  return 1;
}

static int core_spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  moon_runtime_spawn(L, lua_gettop(L) - 1);
  return 1;
}

/* spawnGuest(onBehalfOf, limitMs, fn, ...): where onBehalfOf.readOnly, it may not change anything in a cluster */
static int core_spawn_guest(lua_State *L) {
  enum { FUNCTION = 3 };
  luaL_checkany(L, 1);
  int64_t limit_ms = (int64_t)check_ms(L, 2);
  luaL_checktype(L, FUNCTION, LUA_TFUNCTION);
  moon_runtime_spawn(L, lua_gettop(L) - FUNCTION);
  moon_script_task *task = moon_script_task_at(L, -1);
  lua_pushvalue(L, 1);
  make_guest(L, task, limit_ms * 1000000);
  if (!lua_istable(L, 1)) return 1;
  lua_getfield(L, 1, "readOnly");
  task->read_only = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return 1;
}

/* guest() -> on whose behalf the task runs that runs now; nil: the program's own */
static int core_guest(lua_State *L) {
  const moon_script_task *task = moon_runtime_of(L)->current;
  if (!task || !task->guest) return 0;
  push_handle(L, task);
  lua_getiuservalue(L, -1, GUEST_OF);
  return 1;
}

static int core_current_task(lua_State *L) {
  const moon_script_task *task = moon_runtime_of(L)->current;
  if (!task) return 0;
  push_handle(L, task);
  return 1;
}

/* --- the handle --- */

static int task_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  moon_script_task *task = lua_touserdata(L, 1);
  lua_State *co = task->co;
  switch (task->state) {
  case MOON_TASK_DONE: {
    int count = task->nresults;
    if (!lua_checkstack(co, count)) return luaL_error(L, "too many results");
    luaL_checkstack(L, count, "too many results");
    for (int i = 0; i < count; i++) lua_pushvalue(co, -count);
    lua_xmove(co, L, count);
    return count;
  }
  case MOON_TASK_FAILED:
    lua_pushvalue(co, -1);
    lua_xmove(co, L, 1);
    return lua_error(L);
  default:
    return moon_push_error(L, moon_error_new(MOON_CANCELLED, "the task was cancelled"));
  }
}

static int task_join(lua_State *L) {
  moon_script_task *task = moon_script_task_at(L, 1);
  lua_settop(L, 1);
  if (task == task->runtime->current) return luaL_error(L, "a task cannot join itself");
  moon_script_task_join(task);
  if (task->state != MOON_TASK_RUNNING) return task_joined(L, LUA_OK, 0);
  if (task->runtime->depth >= MOON_NESTING_LIMIT && !moon_coroutine_can_suspend(task->runtime, L))
    return luaL_error(L, "too many waits nested in each other where Lua cannot yield");
  op *self = push_op(L);
  moon_list_push_back(&task->joiners, &self->wait.node);
  return moon_runtime_wait(L, &self->wait, 0, task_joined);
}

static int task_cancel(lua_State *L) {
  moon_script_task *task = moon_script_task_at(L, 1);
  bool running = task->state == MOON_TASK_RUNNING;
  if (running && task->active) {
    task->cancel_requested = true;
    if (task == task->runtime->current) {
      moon_push_error_object(L, moon_error_new(MOON_CANCELLED, "the task was cancelled"));
      return lua_error(L);
    }
  } else if (running) {
    end_suspended(task, L);
  }
  lua_pushboolean(L, running);
  return 1;
}

static const char *state_name(const moon_script_task *task) {
  static const char *const names[] = {"running", "done", "failed", "cancelled"};
  return names[task->state];
}

static int task_status(lua_State *L) {
  lua_pushstring(L, state_name(moon_script_task_at(L, 1)));
  return 1;
}

static int task_tostring(lua_State *L) {
  moon_script_task *task = moon_script_task_at(L, 1);
  lua_pushfstring(L, "moonpool.Task: %s, %p", state_name(task), (void *)task);
  return 1;
}

static int task_gc(lua_State *L) {
  moon_script_task *task = lua_touserdata(L, 1);
  report(task);
  moon_list_remove(&task->all);
  moon_list_remove(&task->node);
  return 0;
}

int moon_scheduler_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"join", task_join}, {"cancel", task_cancel}, {"status", task_status}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", task_tostring}, {"__gc", task_gc}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"spawn", core_spawn},
      {"spawnGuest", core_spawn_guest},
      {"guest", core_guest},
      {"sleep", core_sleep},
      {"run", core_run},
      {"poll", core_poll},
      {"now", core_now},
      {"clock", core_clock},
      {"currentTask", core_current_task},
      {NULL, NULL},
  };
  luaL_newmetatable(L, TASK_TYPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "taskMethods");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  moon_op_meta(L, &op_key, op_close);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tasks_key);
  luaL_setfuncs(L, functions, 0);
  return 0;
}
