/* command.c: core.command: another program, run in place of this one's script until it ends (`moonpool sim --
 * COMMAND`).
 *
 * It has our standard streams and our terminal. While it runs the signals that would end us are its business: they are
 * passed on, except those that the terminal sends, which it gets by itself, being in the same process group. So there
 * is one such program at a time in a process. The operation lives in a userdata; what libuv needs lives on until the
 * handle is closed. */
#include <errno.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "binding/command.h"
#include "binding/error.h"
#include "binding/runtime.h"

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { PASSED_ON = sizeof passed_on / sizeof *passed_on };

typedef struct command {
  moon_wait wait;
  uv_process_t *process; /* freed when its handle is closed */
  moon_runtime *runtime;
  int code;
  struct sigaction before[PASSED_ON];
} command;

static const char op_key;           /* registry: the metatable of operations */
static volatile sig_atomic_t child; /* 0: none */

static void pass_on(int signal_number, siginfo_t *info, void *context) {
  (void)context;
  int error_before = errno;
  bool by_terminal = info->si_code == SI_KERNEL;
  if (child && !by_terminal) kill((pid_t)child, signal_number);
  errno = error_before;
}

static void take_signals(command *self) {
  struct sigaction ours = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
  for (int i = 0; i < PASSED_ON; i++) sigaction(passed_on[i], &ours, &self->before[i]);
}

/* Held back while it is not known yet whom to pass them to. */
static void hold_signals(int how) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < PASSED_ON; i++) sigaddset(&set, passed_on[i]);
  pthread_sigmask(how, &set, NULL);
}

static void give_signals_back(const command *self) {
  for (int i = 0; i < PASSED_ON; i++) sigaction(passed_on[i], &self->before[i], NULL);
}

static void free_handle(uv_handle_t *handle) {
  free(handle);
}

/* The program has ended, or nobody waits for it any more. */
static void let_go(command *self) {
  if (!self->process) return;
  child = 0;
  give_signals_back(self);
  uv_close((uv_handle_t *)self->process, free_handle);
  self->process = NULL;
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal_number) {
  command *self = process->data;
  self->code = signal_number ? 128 + signal_number : (int)status;
  let_go(self);
  moon_wait_ready(self->runtime, &self->wait);
}

static int op_close(lua_State *L) {
  command *self = lua_touserdata(L, 1);
  if (self->process) uv_process_kill(self->process, SIGTERM);
  let_go(self);
  return 0;
}

static int ended(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  lua_pushinteger(L, ((command *)ctx)->code);
  return 1;
}

/* The strings of the list at `index`, NULL-terminated, in a userdata that is pushed. The list keeps them. */
static char **push_words(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  size_t count = lua_rawlen(L, index);
  luaL_argcheck(L, count > 0, index, "expected a program and its arguments");
  char **words = lua_newuserdatauv(L, (count + 1) * sizeof *words, 0);
  for (size_t i = 0; i < count; i++) {
    if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TSTRING) luaL_argerror(L, index, "expected strings");
    words[i] = (char *)lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  words[count] = NULL;
  return words;
}

/* Our environment, in which the table at `index` replaces and adds; NULL-terminated, in a userdata that is pushed. */
static char **push_environment(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  size_t room = 1;
  for (char **variable = environ; *variable; variable++) room++;
  lua_newtable(L); /* keeps "NAME=value" */
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, index, "expected strings");
    lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
    lua_rawseti(L, -4, luaL_len(L, -4) + 1);
    room++;
  }
  char **environment = lua_newuserdatauv(L, room * sizeof *environment, 1);
  lua_insert(L, -2);
  size_t added = 0;
  for (size_t i = 1; i <= lua_rawlen(L, -1); i++) {
    lua_rawgeti(L, -1, (lua_Integer)i);
    environment[added++] = (char *)lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  lua_setiuservalue(L, -2, 1);
  size_t ours = added;
  for (char **variable = environ; *variable; variable++) {
    size_t name_len = strcspn(*variable, "=") + 1;
    bool replaced = false;
    for (size_t i = 0; i < ours && !replaced; i++) replaced = strncmp(environment[i], *variable, name_len) == 0;
    if (!replaced) environment[added++] = *variable;
  }
  environment[added] = NULL;
  return environment;
}

/* command(words, environment) -> exit code | nil, err */
static int core_command(lua_State *L) {
  char **words = push_words(L, 1), **environment = push_environment(L, 2);
  if (child) return luaL_error(L, "a command runs already");
  command *self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (command){.runtime = moon_runtime_of(L)};
  moon_list_init(&self->wait.node);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &op_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, -1);

  uv_stdio_container_t streams[] = {{.flags = UV_INHERIT_FD, .data.fd = STDIN_FILENO},
                                    {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
                                    {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO}};
  uv_process_options_t options = {
      .file = words[0], .args = words, .env = environment, .stdio = streams, .stdio_count = 3, .exit_cb = on_exit_of};
  self->process = moon_zalloc(sizeof *self->process);
  self->process->data = self;
  hold_signals(SIG_BLOCK);
  take_signals(self);
  int failed = uv_spawn(moon_runtime_loop(self->runtime), self->process, &options);
  if (!failed) child = (sig_atomic_t)self->process->pid;
  hold_signals(SIG_UNBLOCK);
  if (failed) {
    let_go(self);
    return moon_push_error(L, moon_error_new(MOON_CONFIG, "cannot run %s: %s", words[0], uv_strerror(failed)));
  }
  return moon_runtime_wait(L, &self->wait, (lua_KContext)self, ended);
}

void moon_command_open(lua_State *L) {
  moon_op_meta(L, &op_key, op_close);
  lua_pushcfunction(L, core_command);
  lua_setfield(L, -2, "command");
}
