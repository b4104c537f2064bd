/* embed.c: a runtime in a C host: the functions moon_runtime_* of moonpool.h.
 *
 * Each that runs the runtime enters it first: one thread at a time, and not from within itself. What a run does happens
 * in one protected Lua call, so that no error of Lua's passes through the host.
 *
 * An interruption comes from another thread as a signal to the thread that runs: only there can the code that runs be
 * stopped (moon_runtime_stop arms its hook). The signal says "look": what was asked for is a flag of the runtime's,
 * which the end of a run takes back, so that a late signal stops nothing. */
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "binding/error.h"
#include "binding/module.h"
#include "binding/scheduler.h"
#include "moonpool.h"

/* --- interruptions --- */

enum { INTERRUPT_SIGNAL = SIGURG }; /* harmless by default, and hardly ever anybody's own */

static struct sigaction before_ours;
/* What this thread runs, the innermost. Reached from a signal handler: no call may stand behind it. */
static _Thread_local moon_runtime *here __attribute__((tls_model("initial-exec")));

static void on_interrupt(int signal_number, siginfo_t *info, void *context) {
  int error_before = errno;
  for (moon_runtime *runtime = here; runtime; runtime = runtime->below)
    if (atomic_exchange(&runtime->interrupt, false)) moon_runtime_stop(runtime);
  if (before_ours.sa_flags & SA_SIGINFO)
    before_ours.sa_sigaction(signal_number, info, context);
  else if (before_ours.sa_handler != SIG_DFL && before_ours.sa_handler != SIG_IGN)
    before_ours.sa_handler(signal_number);
  errno = error_before;
}

static void install_handler(void) {
  struct sigaction ours = {.sa_sigaction = on_interrupt, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
  sigaction(INTERRUPT_SIGNAL, &ours, &before_ours);
}

void moon_runtime_interrupt(moon_runtime *runtime) {
  pthread_mutex_lock(&runtime->lock);
  if (runtime->entered) { /* and cannot be left, so the thread lives */
    atomic_store(&runtime->interrupt, true);
    pthread_kill(runtime->thread, INTERRUPT_SIGNAL);
  }
  pthread_mutex_unlock(&runtime->lock);
}

/* --- entering and leaving --- */

static moon_error *enter(moon_runtime *runtime) {
  pthread_mutex_lock(&runtime->lock);
  bool taken = runtime->entered;
  if (!taken) {
    runtime->entered = true;
    runtime->thread = pthread_self();
    runtime->below = here;
  }
  pthread_mutex_unlock(&runtime->lock);
  if (taken)
    return moon_error_new(MOON_INVALID, "the runtime runs already: one thread at a time may run it, and no C function "
                                        "that its Lua code calls");
  here = runtime;
  sigset_t interrupts, blocked;
  sigemptyset(&interrupts);
  sigaddset(&interrupts, INTERRUPT_SIGNAL);
  pthread_sigmask(SIG_UNBLOCK, &interrupts, &blocked);
  runtime->unblocked = sigismember(&blocked, INTERRUPT_SIGNAL);
  return NULL;
}

static void leave(moon_runtime *runtime) {
  if (runtime->unblocked) {
    sigset_t interrupts;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, INTERRUPT_SIGNAL);
    pthread_sigmask(SIG_BLOCK, &interrupts, NULL);
  }
  here = runtime->below;
  pthread_mutex_lock(&runtime->lock);
  runtime->entered = false;
  atomic_store(&runtime->interrupt, false);
  pthread_mutex_unlock(&runtime->lock);
  if (runtime->stopping) moon_runtime_resume_after_stop(runtime); /* it came when all was done */
}

/* What a run is given, and what becomes of it. */
typedef struct run {
  moon_runtime *runtime;
  moon_error *err;
  const moon_runtime_options *options;
  const char *text; /* path or code */
  const char *name; /* of the code */
  int argc;
  const char *const *argv;
  int64_t ms;
} run;

/* Calls body(run), with `nargs` values from the top of the stack before it, protected; leaves `nresults`, or nothing
 * when it failed. */
static moon_error *protect(run *self, lua_CFunction body, int nargs, int nresults) {
  lua_State *L = self->runtime->host;
  int base = lua_gettop(L) - nargs;
  if (!lua_checkstack(L, LUA_MINSTACK)) return moon_error_new(MOON_SCRIPT, "Lua's stack is full");
  lua_pushcfunction(L, body);
  lua_insert(L, base + 1);
  lua_pushlightuserdata(L, self);
  bool raised = lua_pcall(L, nargs + 1, nresults, 0) != LUA_OK;
  if (raised && !self->err) self->err = moon_error_at(L, -1);
  if (self->err) lua_settop(L, base);
  return self->err;
}

static moon_status run_protected(run *self, lua_CFunction body, int nargs, int nresults, moon_error **err) {
  moon_error *failure = enter(self->runtime);
  if (!failure) {
    failure = protect(self, body, nargs, nresults);
    leave(self->runtime);
  } else if (nargs) {
    lua_pop(self->runtime->host, nargs);
  }
  return moon_error_give(failure, err);
}

/* The run, which the caller has pushed last. */
static run *pop_run(lua_State *L) {
  run *self = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return self;
}

/* --- what a run does --- */

/* Where the task waits, if it does. */
static void push_place_of(lua_State *L, const moon_script_task *task) {
  lua_State *co = task && task->innermost ? task->innermost : NULL;
  if (co)
    luaL_traceback(L, co, "interrupted", 0);
  else
    lua_pushliteral(L, "interrupted");
}

/* Ends what was stopped, and the task (may be NULL). */
static moon_error *interruption(lua_State *L, const moon_script_task *task) {
  moon_runtime *runtime = moon_runtime_of(L);
  if (runtime->stopped_at)
    lua_pushstring(L, runtime->stopped_at);
  else
    push_place_of(L, task);
  const char *place = lua_tostring(L, -1);
  moon_error *err = moon_error_new(MOON_CANCELLED, "%.*s", (int)strcspn(place, "\n"), place);
  err->traceback = moon_strdup(place);
  lua_pop(L, 1);
  moon_runtime_resume_after_stop(runtime);
  moon_scheduler_end_stopped(runtime, L, task);
  return err;
}

/* The error that a task raised; a cancelled one has none. */
static moon_error *failure_of(moon_script_task *task) {
  if (task->state == MOON_TASK_CANCELLED) return moon_error_new(MOON_CANCELLED, "the script cancelled its own task");
  moon_error *err = moon_error_at(task->co, -1);
  err->traceback = moon_strdup(task->traceback);
  moon_script_task_join(task);
  return err;
}

/* Runs the function at 1 with the arguments above it as a task; returns its results. */
static int run_task(lua_State *L, run *self) {
  moon_runtime_spawn(L, lua_gettop(L) - 1);
  moon_script_task *task = moon_script_task_at(L, -1);
  if (!moon_script_task_drive(L, task))
    self->err = interruption(L, task);
  else if (task->state != MOON_TASK_DONE)
    self->err = failure_of(task);
  else
    return moon_script_task_take_results(L, task);
  return 0;
}

static int do_call(lua_State *L) {
  run *self = pop_run(L);
  return run_task(L, self);
}

/* The global `arg`, and the arguments themselves above the function. */
static void push_arguments(lua_State *L, const run *self) {
  luaL_checkstack(L, self->argc + 3, "too many arguments");
  lua_createtable(L, self->argc, 1);
  lua_pushstring(L, self->text);
  lua_rawseti(L, -2, 0);
  for (int i = 0; i < self->argc; i++) {
    lua_pushstring(L, self->argv[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setglobal(L, "arg");
  for (int i = 0; i < self->argc; i++) lua_pushstring(L, self->argv[i]);
}

static int do_file(lua_State *L) {
  run *self = pop_run(L);
  if (luaL_loadfile(L, self->text) != LUA_OK) return lua_error(L);
  push_arguments(L, self);
  run_task(L, self);
  return 0;
}

static int do_string(lua_State *L) {
  run *self = pop_run(L);
  const char *name = self->name ? lua_pushfstring(L, "=%s", self->name) : self->text;
  if (luaL_loadbufferx(L, self->text, strlen(self->text), name, "t") != LUA_OK) return lua_error(L);
  lua_insert(L, 1);
  lua_settop(L, 1);
  run_task(L, self);
  return 0;
}

static int do_run(lua_State *L) {
  run *self = pop_run(L);
  moon_runtime *runtime = self->runtime;
  if (!moon_scheduler_drive_all(L)) {
    self->err = interruption(L, NULL);
    return 0;
  }
  size_t failed = runtime->failed_unjoined, told = runtime->failures_told;
  runtime->failures_told = failed;
  if (failed > told)
    self->err = moon_error_new(MOON_SCRIPT, "%zu task%s raised, and nobody joined %s: the log has the errors",
                               failed - told, failed - told == 1 ? "" : "s", failed - told == 1 ? "it" : "them");
  return 0;
}

static bool timer_over(void *ctx) {
  return !moon_timer_active(ctx);
}

static void timer_due(moon_timer *timer) {
  (void)timer; /* that it is not set any more is what was waited for */
}

static int do_poll(lua_State *L) {
  run *self = pop_run(L);
  moon_timer limit;
  moon_timer_init(&limit, timer_due);
  moon_runtime_look(self->runtime);
  moon_runtime_set_timer(self->runtime, &limit, moon_clock_now_ms() + self->ms);
  bool stopped = !moon_runtime_drive(self->runtime, L, timer_over, &limit);
  moon_runtime_stop_timer(self->runtime, &limit);
  if (stopped) self->err = interruption(L, NULL);
  return 0;
}

/* Upvalue: the path. The console lives, as the registry's, until the universe ends. */
static int listen_console(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpool.console");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "listen");
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_call(L, 1, 2);
  if (lua_isnil(L, -2)) return lua_error(L);
  lua_pop(L, 1);
  luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static int do_console(lua_State *L) {
  run *self = pop_run(L);
  lua_pushstring(L, self->text);
  lua_pushcclosure(L, listen_console, 1);
  run_task(L, self);
  return 0;
}

/* --- the public functions --- */

moon_status moon_runtime_dofile(moon_runtime *runtime, const char *path, int argc, const char *const *argv,
                                moon_error **err) {
  run self = {.runtime = runtime, .text = path, .argc = argc, .argv = argv};
  return run_protected(&self, do_file, 0, 0, err);
}

moon_status moon_runtime_dostring(moon_runtime *runtime, const char *code, const char *name, moon_error **err) {
  run self = {.runtime = runtime, .text = code, .name = name};
  return run_protected(&self, do_string, 0, 0, err);
}

moon_status moon_runtime_call(moon_runtime *runtime, int nargs, int nresults, moon_error **err) {
  run self = {.runtime = runtime};
  return run_protected(&self, do_call, nargs + 1, nresults, err);
}

moon_status moon_runtime_console(moon_runtime *runtime, const char *path, moon_error **err) {
  run self = {.runtime = runtime, .text = path};
  return run_protected(&self, do_console, 0, 0, err);
}

moon_status moon_runtime_run(moon_runtime *runtime, moon_error **err) {
  run self = {.runtime = runtime};
  return run_protected(&self, do_run, 0, 0, err);
}

moon_status moon_runtime_poll(moon_runtime *runtime, int64_t ms, moon_error **err) {
  run self = {.runtime = runtime, .ms = ms};
  return run_protected(&self, do_poll, 0, 0, err);
}

void moon_runtime_next(moon_runtime *runtime, int *fd, int64_t *timeout_ms) {
  *fd = uv_backend_fd(&runtime->loop);
  *timeout_ms = moon_runtime_prepare_sleep(runtime);
}

lua_State *moon_runtime_lua(moon_runtime *runtime) {
  return runtime->host;
}

void moon_runtime_register(moon_runtime *runtime, const char *name, lua_CFunction function) {
  lua_register(runtime->host, name, function);
}

/* --- beginning and end --- */

static int refuse_exit(lua_State *L) {
  return luaL_error(L, "os.exit is not for scripts inside a C host, which decides when the process ends: use return or "
                       "error");
}

/* Makes `clusters` of the contexts, as the program does. */
static int select_contexts(lua_State *L) {
  const moon_runtime_options *options = lua_touserdata(L, 1);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpool.program");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "clusters");
  lua_setglobal(L, "clusters");
  lua_getfield(L, -1, "selectContexts");
  lua_newtable(L);
  for (int i = 0; options->contexts[i]; i++) {
    lua_pushstring(L, options->contexts[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushliteral(L, "contexts");
  lua_call(L, 2, 2);
  if (lua_toboolean(L, -2)) return 0;
  moon_push_error_object(L, moon_error_new(MOON_CONFIG, "%s", luaL_tolstring(L, -1, NULL)));
  return lua_error(L);
}

static int do_open(lua_State *L) {
  const moon_runtime_options *options = lua_touserdata(L, 1);
  moon_universe_open(L);
  lua_getglobal(L, "os");
  lua_pushcfunction(L, refuse_exit);
  lua_setfield(L, -2, "exit");
  if (options->kubeconfig) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "moonpool.core");
    lua_pushstring(L, options->kubeconfig);
    lua_setfield(L, -2, "defaultKubeConfigPath");
  }
  if (options->contexts) {
    lua_pushcfunction(L, select_contexts);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
  }
  return 0;
}

static int do_close(lua_State *L) {
  moon_runtime *runtime = moon_runtime_of(L);
  moon_scheduler_cancel_all(runtime, L, NULL);
  moon_scheduler_report_unjoined(runtime);
  return 0;
}

moon_status moon_runtime_new(const moon_runtime_options *options, moon_runtime **out, moon_error **err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install_handler);
  static const moon_runtime_options none;
  lua_State *L = luaL_newstate();
  if (!L) abort();
  lua_pushcfunction(L, do_open);
  lua_pushlightuserdata(L, (void *)(options ? options : &none));
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    moon_error *failure = moon_error_at(L, -1);
    lua_close(L);
    return moon_error_give(failure, err);
  }
  moon_runtime *runtime = moon_runtime_of(L);
  runtime->host = L;
  *out = runtime;
  return MOON_OK;
}

void moon_runtime_free(moon_runtime *runtime) {
  if (!runtime) return;
  lua_State *L = runtime->host;
  lua_settop(L, 0);
  lua_pushcfunction(L, do_close);
  lua_pcall(L, 0, 0, 0);
  lua_close(L);
}
