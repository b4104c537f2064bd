/* run.c: see run.h. The signal handler stops the code that runs (moon_runtime_stop); everything else about an
 * interruption happens here, once the loop has handed control back. */
#include "cli/run.h"

#include <lauxlib.h>
#include <lualib.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "binding/error.h"
#include "binding/module.h"
#include "binding/scheduler.h"

/* How many waiting tasks an interruption tells about; how many signals end a script, and the prompt, whatever they do.
 */
enum { TOLD_TASKS = 10, SCRIPT_PATIENCE = 1, PROMPT_PATIENCE = 4 };

static moon_runtime *interrupted_runtime;
static pthread_t lua_thread;
static volatile sig_atomic_t interrupted_by; /* the signal; 0: none */
static volatile sig_atomic_t patience;       /* how many more signals are waited through */

/* Who sends further ones means it: the program ends at once. */
static void on_interrupt(int signal_number) {
  if (!pthread_equal(pthread_self(), lua_thread)) {
    pthread_kill(lua_thread, signal_number);
    return;
  }
  if (patience-- == 0) _exit(128 + signal_number);
  interrupted_by = signal_number;
  moon_runtime_stop(interrupted_runtime);
}

/* Whoever reads our output is gone: end as any program does. A peer that closed its socket is no reason. */
static void on_broken_pipe(int signal_number) {
  struct pollfd out = {.fd = STDOUT_FILENO};
  if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR)) _exit(128 + signal_number);
}

static void handle(int signal_number, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler};
  sigaction(signal_number, &action, NULL);
}

static void catch_signals(lua_State *L, int how_many) {
  interrupted_runtime = moon_runtime_of(L);
  lua_thread = pthread_self();
  interrupted_by = 0;
  patience = how_many;
  handle(SIGINT, on_interrupt);
  handle(SIGTERM, on_interrupt);
}

static void leave_signals(void) {
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
}

static int told;

/* True when code of the script is on the coroutine's stack, and not only Lua that ships. */
static bool is_in_script(lua_State *co) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(co, level, &ar) && lua_getinfo(co, "S", &ar); level++)
    if (*ar.what != 'C' && strncmp(ar.source, "@moonpool/", strlen("@moonpool/")) != 0) return true;
  return false;
}

/* Takes the lines out of a traceback that are about Lua that ships: the script is to find its own place. */
static void leave_out_shipped(char *traceback) {
  char *to = traceback;
  for (char *line = traceback, *next; *line; line = next) {
    next = strchr(line, '\n');
    next = next ? next + 1 : line + strlen(line);
    if (!strncmp(line, "\tmoonpool/", strlen("\tmoonpool/"))) continue;
    memmove(to, line, (size_t)(next - line));
    to += next - line;
  }
  while (to > traceback && to[-1] == '\n') to--;
  *to = '\0';
}

static void tell_where(lua_State *L, moon_script_task *task) {
  if (lua_status(task->co) > LUA_YIELD) return; /* it ran, and the interruption ended it: told already */
  lua_State *innermost = task->innermost ? task->innermost : task->co;
  if (!is_in_script(innermost) && !is_in_script(task->co)) return;
  if (++told > TOLD_TASKS) return;
  luaL_traceback(L, innermost, "interrupted a task that was waiting", 0);
  char *text = moon_strdup(lua_tostring(L, -1));
  leave_out_shipped(text);
  fprintf(stderr, "moonpool: %s\n", text);
  free(text);
  lua_pop(L, 1);
}

/* A call that fails returns nil and an error; who goes on with the nil is told what the error was. */
static void explain_nil(lua_State *L, const char *traceback) {
  const char *nil = strstr(traceback, " a nil value"), *line_end = strchr(traceback, '\n');
  if (!nil || (line_end && nil > line_end)) return;
  if (moon_push_last_error(L)) {
    fprintf(stderr,
            "moonpool: is it the nil of a call that failed? The last one said: %s\n"
            "moonpool: local result = assert(call()) ends the script there, with what the call says\n",
            moon_push_text(L, -1));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static int after_interruption(lua_State *L) {
  moon_runtime *runtime = moon_runtime_of(L);
  int signal_number = interrupted_by;
  if (isatty(STDERR_FILENO)) fputc('\n', stderr); /* after the terminal's ^C, or a line that shows progress */
  if (runtime->stopped_at) fprintf(stderr, "moonpool: %s\n", runtime->stopped_at);
  moon_runtime_resume_after_stop(runtime);
  told = 0;
  moon_scheduler_cancel_all(runtime, L, tell_where);
  if (told > TOLD_TASKS) fprintf(stderr, "moonpool: ... and %d more tasks\n", told - TOLD_TASKS);
  leave_signals();
  return 128 + signal_number;
}

int run_chunk(lua_State *L, int nargs) {
  catch_signals(L, SCRIPT_PATIENCE);
  moon_runtime_spawn(L, nargs);
  moon_script_task *task = moon_script_task_at(L, -1);
  if (!moon_script_task_drive(L, task)) {
    lua_pop(L, 1);
    return after_interruption(L);
  }
  leave_signals();
  if (task->state != MOON_TASK_DONE) {
    fprintf(stderr, "moonpool: %s\n", task->traceback ? task->traceback : "the script was cancelled");
    if (task->traceback) explain_nil(L, task->traceback);
    moon_script_task_join(task);
    lua_pop(L, 1);
    return EXIT_SCRIPT;
  }
  int handle_index = lua_gettop(L);
  moon_script_task_take_results(L, task);
  lua_remove(L, handle_index);
  return EXIT_OK;
}

void run_begin_prompt(lua_State *L) {
  catch_signals(L, PROMPT_PATIENCE);
}

/* Returns the signal. */
static int end_stopped(lua_State *L, const moon_script_task *task) {
  moon_runtime *runtime = moon_runtime_of(L);
  int signal_number = interrupted_by;
  moon_runtime_resume_after_stop(runtime);
  moon_scheduler_end_stopped(runtime, L, task);
  interrupted_by = 0;
  patience = PROMPT_PATIENCE;
  return signal_number;
}

int run_until(lua_State *L, bool (*over)(void *ctx), void *ctx) {
  return moon_runtime_drive(moon_runtime_of(L), L, over, ctx) ? 0 : end_stopped(L, NULL);
}

int run_call(lua_State *L, int nargs) {
  moon_runtime_spawn(L, nargs);
  moon_script_task *task = moon_script_task_at(L, -1);
  int signal_number = moon_script_task_drive(L, task) ? 0 : end_stopped(L, task);
  moon_script_task_join(task);
  int code = signal_number ? 128 + signal_number : task->state == MOON_TASK_DONE ? EXIT_OK : EXIT_SCRIPT;
  if (code == EXIT_SCRIPT && task->state == MOON_TASK_FAILED) {
    lua_pushstring(L, moon_push_text(task->co, -1));
  } else if (code == EXIT_OK && task->nresults > 0) {
    lua_settop(task->co, -task->nresults); /* the first result */
    task->nresults = 0;
    lua_xmove(task->co, L, 1);
  } else {
    lua_pushnil(L);
  }
  lua_remove(L, -2); /* the handle */
  return code;
}

int run_rest(lua_State *L) {
  catch_signals(L, SCRIPT_PATIENCE);
  if (!moon_scheduler_drive_all(L)) return after_interruption(L);
  leave_signals();
  return moon_runtime_of(L)->failed_unjoined > 0 ? EXIT_SCRIPT : EXIT_OK;
}

void run_end(lua_State *L) {
  moon_runtime *runtime = moon_runtime_of(L);
  moon_scheduler_cancel_all(runtime, L, NULL);
  moon_scheduler_report_unjoined(runtime);
}

/* os.exit([code]): ends the other tasks, closes the universe (connections, threads), then the process. */
static int os_exit(lua_State *L) {
  int code = lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? EXIT_OK : EXIT_SCRIPT) : (int)luaL_optinteger(L, 1, EXIT_OK);
  run_end(L);
  leave_signals();
  lua_close(L);
  exit(code);
}

void run_open(lua_State *L) {
  handle(SIGPIPE, on_broken_pipe);
  moon_universe_open(L);
  lua_getglobal(L, "os");
  lua_pushcfunction(L, os_exit);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
}
