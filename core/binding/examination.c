/* examination.c: core.examine: how far a new connection to a context's server gets (see net/examination.h), as a Lua
 * function that waits. Each examination has a thread of its own, which nobody can stop: who gives up waiting leaves it
 * alone, and the last of both frees what they share. */
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "binding/error.h"
#include "binding/kubeconfig.h"
#include "binding/runtime.h"
#include "net/examination.h"

static const char op_key; /* registry: metatable */

struct op;

typedef struct job {
  atomic_int refs; /* the operation's, and the thread's, which its completion takes over */
  moon_runtime *runtime;
  moon_completion completion;
  moon_dialer *dialer;
  int64_t timeout_ms;
  moon_examination result;
  struct op *op; /* the Lua thread's; NULL: nobody waits any more */
} job;

/* A userdata in the waiting frame. */
typedef struct op {
  job *job;
  moon_wait wait;
} op;

enum { OP_INDEX = 4 };

static void release_job(job *self) {
  if (atomic_fetch_sub(&self->refs, 1) != 1) return;
  moon_examination_clear(&self->result);
  moon_dialer_release(self->dialer);
  moon_runtime_release(self->runtime);
  free(self);
}

static int op_close(lua_State *L) {
  op *self = lua_touserdata(L, 1);
  if (self->job) {
    self->job->op = NULL;
    release_job(self->job);
  }
  self->job = NULL;
  return 0;
}

static void over(moon_completion *completion, lua_State *L) {
  job *self = MOON_ENTRY(completion, job, completion);
  if (L && self->op) moon_wait_ready(self->runtime, &self->op->wait);
  release_job(self);
}

static void *examine(void *arg) {
  job *self = arg;
  moon_examine(self->dialer, self->timeout_ms, &self->result);
  moon_runtime_post(self->runtime, &self->completion);
  return NULL;
}

static int start_thread(job *self) {
  pthread_t thread;
  sigset_t all, before; /* signals are for the Lua thread */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread, NULL, examine, self);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failed) pthread_detach(thread);
  return failed;
}

static void set_text(lua_State *L, const char *field, const char *text) {
  lua_pushstring(L, text); /* NULL: nil */
  lua_setfield(L, -2, field);
}

static void set_ms(lua_State *L, const char *field, int64_t us) {
  if (!us) return;
  lua_pushnumber(L, (lua_Number)us / 1000);
  lua_setfield(L, -2, field);
}

static int finished(lua_State *L, int status, lua_KContext ctx) {
  job *self = ((op *)lua_touserdata(L, OP_INDEX))->job;
  moon_examination *result = &self->result;
  static const char *const reached[] = {[MOON_REACHED_NOTHING] = "nothing",
                                        [MOON_REACHED_ADDRESS] = "address",
                                        [MOON_REACHED_SERVER] = "server",
                                        [MOON_REACHED_SESSION] = "session"};
  const moon_proxy *proxy = moon_dialer_proxy(self->dialer);
  lua_createtable(L, 0, 10);
  set_text(L, "reached", reached[result->reached]);
  set_text(L, "cause", result->cause);
  set_text(L, "endpoint", moon_dialer_endpoint(self->dialer));
  set_text(L, "proxy", proxy ? moon_proxy_url(proxy) : NULL);
  set_text(L, "address", result->address);
  set_text(L, "chain", result->chain);
  set_ms(L, "nameTime", result->name_us);
  set_ms(L, "connectTime", result->connect_us);
  set_ms(L, "sessionTime", result->session_us);
  int64_t expiry_s = moon_dialer_certificate_expiry_s(self->dialer);
  if (expiry_s) {
    lua_pushinteger(L, expiry_s);
    lua_setfield(L, -2, "certificateExpiry");
  }
  if (result->err) {
    moon_push_error_object(L, result->err);
    lua_setfield(L, -2, "err");
    result->err = NULL;
  }
  return 1;
}

/* examine(kubeConfig, context, timeout) -> facts | nil, err */
static int examine_from_lua(lua_State *L) {
  const moon_kubeconfig *config = moon_check_kubeconfig(L, 1);
  const char *context = luaL_checkstring(L, 2);
  lua_Integer timeout_ms = luaL_checkinteger(L, 3);
  luaL_argcheck(L, timeout_ms > 0, 3, "expected milliseconds, an integer of 1 or more");
  lua_settop(L, OP_INDEX - 1);
  op *self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (op){0};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &op_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, OP_INDEX);
  moon_target *target = NULL;
  moon_dialer *dialer = NULL;
  moon_error *err = moon_kubeconfig_target(config, context, &target);
  if (!err) err = moon_dialer_new(context, target, NULL, NULL, &dialer);
  moon_target_release(target);
  if (err) return moon_push_error(L, err);
  job *made = self->job = moon_zalloc(sizeof *made);
  atomic_init(&made->refs, 2);
  made->runtime = moon_runtime_retain(moon_runtime_of(L));
  made->completion.run = over;
  made->dialer = dialer;
  made->timeout_ms = timeout_ms;
  made->op = self;
  if (start_thread(made)) {
    atomic_fetch_sub(&made->refs, 1);
    return moon_push_error(L, moon_error_new(MOON_CONNECT, "%s: no thread can be started", context));
  }
  return moon_runtime_wait(L, &self->wait, 0, finished);
}

int moon_examination_open(lua_State *L) {
  moon_op_meta(L, &op_key, op_close);
  lua_pushcfunction(L, examine_from_lua);
  lua_setfield(L, -2, "examine");
  return 0;
}
