/* pager.c: see pager.h.
 *
 * The pager is a child of this process group, so that it may read the terminal's keys, and is given the text over a
 * pipe. Until it ends the terminal is its own (editor_lend): what others have to say waits, and a Ctrl-C is the pager's
 * business. The runtime's loop goes on meanwhile.
 *
 * A pager outlives whoever waits for it until its handles are closed; it is told to end when nobody waits any more. */
#include "cli/pager.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"
#include "binding/runtime.h"
#include "cli/editor.h"

typedef struct pager {
  moon_runtime *runtime;
  struct wait_op *op; /* NULL: nobody waits any more */
  uv_process_t process;
  uv_pipe_t input;
  uv_write_t write;
  char *text;
  int handles;                /* that are not closed yet; the last one frees it */
  struct sigaction interrupt; /* what Ctrl-C did before */
} pager;

/* A userdata in the waiting frame. */
typedef struct wait_op {
  moon_wait wait;
  pager *pager; /* NULL: it has ended */
  int code;
} wait_op;

static const char op_key; /* registry: metatable */
enum { OP_INDEX = 3 };

static void closed(uv_handle_t *handle) {
  pager *self = handle->data;
  if (--self->handles > 0) return;
  free(self->text);
  free(self);
}

static void close_input(pager *self) {
  if (!uv_is_closing((uv_handle_t *)&self->input)) uv_close((uv_handle_t *)&self->input, closed);
}

static void on_written(uv_write_t *write, int status) {
  (void)status; /* who leaves the pager early has seen enough */
  close_input(write->data);
}

static void take_terminal_back(pager *self) {
  sigaction(SIGINT, &self->interrupt, NULL);
  editor_take_back();
}

static void on_end(uv_process_t *process, int64_t code, int signal_number) {
  pager *self = process->data;
  wait_op *op = self->op;
  close_input(self);
  uv_close((uv_handle_t *)process, closed);
  if (!op) return;
  take_terminal_back(self);
  op->code = signal_number ? 128 + signal_number : (int)code;
  op->pager = NULL; /* gone before the one who waits has its turn */
  moon_wait_ready(self->runtime, &op->wait);
}

static int op_close(lua_State *L) {
  wait_op *op = lua_touserdata(L, 1);
  pager *self = op->pager;
  op->pager = NULL;
  if (!self) return 0;
  self->op = NULL;
  uv_process_kill(&self->process, SIGTERM);
  take_terminal_back(self);
  return 0;
}

static int ended(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  wait_op *op = lua_touserdata(L, OP_INDEX);
  lua_pushinteger(L, op->code);
  return 1;
}

/* Starts it with its standard input at the pipe's end. */
static bool spawn(pager *self, uv_loop_t *loop, const char *command, int input) {
  char *args[] = {"sh", "-c", (char *)command, NULL};
  uv_stdio_container_t stdio[] = {
      {.flags = UV_INHERIT_FD, .data.fd = input},
      {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
      {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
  };
  uv_process_options_t options = {.file = "/bin/sh", .args = args, .stdio = stdio, .stdio_count = 3, .exit_cb = on_end};
  self->process.data = self;
  return uv_spawn(loop, &self->process, &options) == 0;
}

static bool start(pager *self, const char *command, size_t len) {
  uv_loop_t *loop = moon_runtime_loop(self->runtime);
  uv_file ends[2];
  if (uv_pipe(ends, 0, UV_NONBLOCK_PIPE) != 0) return false;
  uv_pipe_init(loop, &self->input, 0);
  uv_pipe_open(&self->input, ends[1]);
  self->input.data = self->write.data = self;
  self->handles = 2;
  bool started = spawn(self, loop, command, ends[0]);
  close(ends[0]);
  if (!started) {
    close_input(self);
    uv_close((uv_handle_t *)&self->process, closed);
    return false;
  }
  uv_buf_t text = uv_buf_init(self->text, (unsigned)len);
  if (uv_write(&self->write, (uv_stream_t *)&self->input, &text, 1, on_written) != 0) close_input(self);
  return true;
}

int pager_open(lua_State *L) {
  const char *command = luaL_checkstring(L, 1);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  lua_settop(L, OP_INDEX - 1);
  wait_op *op = lua_newuserdatauv(L, sizeof *op, 0);
  *op = (wait_op){0};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &op_key);
  lua_setmetatable(L, -2);
  if (!editor_lend()) return 0;
  pager *self = moon_zalloc(sizeof *self);
  self->runtime = moon_runtime_of(L);
  self->text = memcpy(moon_alloc(len + 1), text, len);
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGINT, &ignore, &self->interrupt);
  if (!start(self, command, len)) {
    take_terminal_back(self);
    if (self->handles == 0) {
      free(self->text);
      free(self);
    }
    return 0;
  }
  self->op = op;
  op->pager = self;
  lua_toclose(L, OP_INDEX);
  return moon_runtime_wait(L, &op->wait, 0, ended);
}

void pager_init(lua_State *L) {
  moon_op_meta(L, &op_key, op_close);
}
