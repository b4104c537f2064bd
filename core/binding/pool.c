/* pool.c: see pool.h.
 *
 * Acquiring takes two ways: an idle connection is handed out at once, with one lock and one small userdata; otherwise a
 * waiter is queued, in an operation that its Lua frame and the pool share. Whoever is last frees it: the frame may end
 * (the task was cancelled) in the very moment in which the pool hands out a connection, which then goes straight back.
 * Runs on the Lua thread, except `acquired`. */
#include "binding/pool.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "binding/call.h"
#include "binding/connection.h"
#include "binding/error.h"
#include "binding/events.h"
#include "binding/fields.h"
#include "binding/kubeconfig.h"
#include "binding/options.h"
#include "binding/request.h"
#include "binding/runtime.h"
#include "binding/stream.h"

#define POOL_TYPE "moonpool.Pool"
enum { DISPOSE_GRACE_MS = 5000 };

static const char type_tag; /* the first field of every handle: a check that costs less than comparing metatables */

typedef struct handle {
  const void *tag;
  moon_cluster *cluster; /* NULL until it is open */
  bool disposed;
  bool managed; /* of a cluster that a manager has: the handle is a way to it, no more; user value: the manager's handle
                 */
} handle;

static const char acquire_key; /* registry: metatable of the operation */

static handle *check_type(lua_State *L) {
  handle *self = lua_touserdata(L, 1);
  if (self && lua_rawlen(L, 1) == sizeof *self && self->tag == &type_tag) return self;
  luaL_typeerror(L, 1, POOL_TYPE);
  return NULL;
}

static handle *check_handle(lua_State *L) {
  handle *self = check_type(L);
  luaL_argcheck(L, self->cluster, 1, "the pool was collected");
  return self;
}

static moon_pool *check_usable(lua_State *L) {
  handle *self = check_handle(L);
  if (self->disposed) moon_misuse(L, "the pool of '%s' was disposed", moon_cluster_name(self->cluster));
  return moon_cluster_pool(self->cluster);
}

/* --- making it --- */

static handle *push_handle(lua_State *L) {
  handle *self = lua_newuserdatauv(L, sizeof *self, 1);
  *self = (handle){.tag = &type_tag};
  luaL_setmetatable(L, POOL_TYPE);
  return self;
}

void moon_pool_push_managed(lua_State *L, moon_cluster *cluster, int manager) {
  manager = lua_absindex(L, manager);
  handle *self = push_handle(L);
  self->managed = true;
  self->cluster = moon_cluster_retain(cluster);
  lua_pushvalue(L, manager);
  lua_setiuservalue(L, -2, 1);
}

bool moon_pool_push_manager(lua_State *L, int index) {
  lua_getiuservalue(L, index, 1);
  return !lua_isnil(L, -1);
}

/* core.pool(name, kubeConfig, context, options, pooling). Upvalue: the core's table. */
static int core_pool(lua_State *L) {
  lua_settop(L, 5);
  const char *name = luaL_optstring(L, 1, NULL);
  moon_kubeconfig *config = moon_check_kubeconfig(L, 2);
  if (lua_isnil(L, 3)) {
    lua_getfield(L, lua_upvalueindex(1), "defaultContext");
    lua_replace(L, 3);
  }
  const char *context = luaL_optstring(L, 3, NULL);
  moon_pool_options options;
  moon_options_read(L, 4, &options);
  options.single_use = lua_isboolean(L, 5) && !lua_toboolean(L, 5);

  handle *self = push_handle(L);
  moon_hub *hub = moon_hub_of(L);
  moon_target *target;
  moon_error *err = moon_kubeconfig_target(config, context, &target);
  if (err) return moon_push_error(L, err);
  const char *label = name ? name : *target->context ? target->context : target->cluster;
  moon_cluster_spec spec = {.name = label,
                            .target = target,
                            .pool = &options,
                            .write_refusal = moon_push_write_refusal(L, label, target->context)};
  lua_insert(L, -2); /* below the handle */
  err = moon_cluster_new(&spec, moon_hub_queue(hub), &self->cluster);
  if (err && !err->cluster) moon_error_set(&err->cluster, label);
  moon_target_release(target);
  if (err) return moon_push_error(L, err);
  moon_hub_add_pool(L, hub, moon_cluster_pool(self->cluster));
  return 1;
}

static int pool_gc(lua_State *L) {
  handle *self = check_type(L);
  moon_cluster *cluster = self->cluster;
  self->cluster = NULL;
  if (self->managed)
    moon_cluster_release(cluster);
  else if (cluster)
    moon_hub_let_go(L, moon_hub_of(L), cluster);
  return 0;
}

/* --- facts --- */

int moon_push_info(lua_State *L, const moon_cluster *cluster) {
  const moon_target *target = moon_cluster_target(cluster);
  lua_createtable(L, 0, 7);
  set_text(L, "name", moon_cluster_name(cluster));
  set_text(L, "context", target->context);
  set_text(L, "cluster", target->cluster);
  set_text(L, "namespace", target->namespace_);
  set_text(L, "server", target->server);
  set_text(L, "user", target->user);
  if (moon_cluster_write_refusal(cluster)) {
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "protected");
  }
  return 1;
}

static int pool_info(lua_State *L) {
  return moon_push_info(L, check_handle(L)->cluster);
}

/* Milliseconds, with their fraction. */
static void set_durations(lua_State *L, const char *name, const moon_duration_stats *stats) {
  lua_createtable(L, 0, 4);
  lua_pushnumber(L, (lua_Number)stats->p50_us / 1000);
  lua_setfield(L, -2, "p50");
  lua_pushnumber(L, (lua_Number)stats->p99_us / 1000);
  lua_setfield(L, -2, "p99");
  lua_pushnumber(L, (lua_Number)stats->max_us / 1000);
  lua_setfield(L, -2, "max");
  set_integer(L, "count", (int64_t)stats->count);
  lua_setfield(L, -2, name);
}

static void push_stats(lua_State *L, const moon_pool *pool) {
  moon_pool_stats stats;
  moon_pool_get_stats(pool, &stats);
  lua_createtable(L, 0, 15);
  set_integer(L, "total", stats.total);
  set_integer(L, "idle", stats.idle);
  set_integer(L, "inUse", stats.in_use);
  set_integer(L, "unhealthy", stats.unhealthy);
  set_integer(L, "connecting", stats.connecting);
  set_integer(L, "waitQueueLength", stats.wait_queue_length);
  set_integer(L, "created", (int64_t)stats.created);
  set_integer(L, "acquired", (int64_t)stats.acquired);
  set_integer(L, "released", (int64_t)stats.released);
  set_integer(L, "timeouts", (int64_t)stats.timeouts);
  set_integer(L, "leaked", (int64_t)stats.leaked);
  set_durations(L, "waitTime", &stats.wait_time);
  set_durations(L, "useTime", &stats.use_time);
  lua_createtable(L, 0, MOON_REMOVED_REASONS);
  for (int reason = 0; reason < MOON_REMOVED_REASONS; reason++)
    set_integer(L, moon_remove_reason_name((moon_remove_reason)reason), (int64_t)stats.removed[reason]);
  lua_setfield(L, -2, "removed");
}

void moon_pool_push_stats(lua_State *L, const moon_cluster *cluster) {
  const moon_pool *pool = moon_cluster_pool(cluster);
  push_stats(L, pool);
  set_integer(L, "retries", (int64_t)moon_cluster_retries(cluster));
  set_integer(L, "retriesDenied", (int64_t)moon_cluster_retries_denied(cluster));
  push_stats(L, moon_pool_lane(pool));
  lua_setfield(L, -2, "streams");
}

static int pool_get_stats(lua_State *L) {
  moon_pool_push_stats(L, check_handle(L)->cluster);
  return 1;
}

static int pool_tostring(lua_State *L) {
  handle *self = check_type(L);
  if (!self->cluster || self->disposed) {
    lua_pushfstring(L, POOL_TYPE ": %s, disposed", self->cluster ? moon_cluster_name(self->cluster) : "none");
    return 1;
  }
  moon_pool_stats stats;
  moon_pool_get_stats(moon_cluster_pool(self->cluster), &stats);
  lua_pushfstring(L, POOL_TYPE ": %s, %d connection%s", moon_cluster_name(self->cluster), stats.total,
                  stats.total == 1 ? "" : "s");
  return 1;
}

/* --- acquire --- */

typedef struct acquire_op {
  moon_waiter waiter;
  moon_completion completion;
  moon_wait wait;
  moon_runtime *runtime;
  moon_cluster *cluster; /* a place in it, until that is the lease's */
  moon_conn *conn;
  moon_error *err;
  char *origin;
  bool answered;  /* the completion has run */
  bool abandoned; /* the frame is gone: the completion frees */
} acquire_op;

static void free_acquire(acquire_op *op) {
  if (op->conn)
    moon_cluster_give_back(op->cluster, op->conn);
  else if (op->cluster)
    moon_cluster_leave(op->cluster);
  moon_error_free(op->err);
  moon_runtime_release(op->runtime);
  free(op->origin);
  free(op);
}

static void acquire_answered(moon_completion *completion, lua_State *L) {
  acquire_op *op = MOON_ENTRY(completion, acquire_op, completion);
  if (op->abandoned || !L) {
    free_acquire(op);
    return;
  }
  op->answered = true;
  moon_wait_ready(op->runtime, &op->wait);
}

/* Any thread. */
static void acquired(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  acquire_op *op = MOON_ENTRY(waiter, acquire_op, waiter);
  op->conn = conn;
  op->err = err;
  moon_runtime_post(op->runtime, &op->completion);
}

static int acquire_close(lua_State *L) {
  acquire_op **box = lua_touserdata(L, 1);
  acquire_op *op = *box;
  *box = NULL;
  if (!op) return 0;
  if (op->answered || moon_pool_cancel(moon_cluster_pool(op->cluster), &op->waiter))
    free_acquire(op);
  else
    op->abandoned = true;
  return 0;
}

/* The frame: pool, connection handle (still closed), operation. */
static int acquire_finished(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  handle *self = lua_touserdata(L, 1);
  acquire_op *op = *(acquire_op **)lua_touserdata(L, 3);
  if (op->err) {
    moon_error *err = op->err;
    op->err = NULL;
    if (!err->cluster) moon_error_set(&err->cluster, moon_cluster_name(self->cluster));
    return moon_push_error(L, err);
  }
  moon_connection_set(lua_touserdata(L, 2), op->cluster, op->conn, op->origin);
  op->cluster = NULL;
  op->conn = NULL;
  op->origin = NULL;
  lua_pushvalue(L, 2);
  return 1;
}

char *moon_call_origin(lua_State *L, const moon_pool *pool) {
  if (moon_pool_get_options(pool)->leak_detection_threshold_ms <= 0) return NULL;
  moon_push_place(L);
  const char *place = lua_tostring(L, -1);
  size_t len = strlen(place);
  char *origin = moon_strndup(place, len > 2 ? len - 2 : len); /* without ": " */
  lua_pop(L, 1);
  return origin;
}

static int pool_acquire(lua_State *L) {
  moon_pool *pool = check_usable(L);
  handle *self = lua_touserdata(L, 1);
  lua_settop(L, 1);
  moon_error *down = moon_cluster_down(self->cluster);
  if (down) return moon_push_error(L, down);
  moon_connection *connection = moon_connection_push(L, 1);
  char *origin = moon_call_origin(L, pool);
  moon_conn *conn = moon_cluster_try_acquire(self->cluster, origin);
  if (conn) {
    moon_connection_set(connection, self->cluster, conn, origin);
    return 1;
  }
  acquire_op **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &acquire_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, -1);
  acquire_op *op = moon_zalloc(sizeof *op);
  op->waiter = (moon_waiter){.use = MOON_USE_LEASE, .origin = origin, .done = acquired};
  op->origin = origin;
  op->completion.run = acquire_answered;
  op->runtime = moon_runtime_retain(moon_runtime_of(L));
  moon_cluster_enter(self->cluster);
  op->cluster = self->cluster;
  *box = op;
  moon_pool_acquire_async(pool, &op->waiter);
  return moon_runtime_wait(L, &op->wait, 0, acquire_finished);
}

static int pool_release(lua_State *L) {
  moon_connection_release(L, 2, moon_cluster_pool(check_handle(L)->cluster));
  return 0;
}

/* --- calls --- */

static void find_cluster(lua_State *L, const moon_request *request, moon_callee *out) {
  (void)request;
  check_usable(L);
  out->cluster = ((handle *)lua_touserdata(L, 1))->cluster;
}

static int pool_call(lua_State *L) {
  check_usable(L);
  return moon_call_from_lua(L, find_cluster);
}

static int pool_stream(lua_State *L) {
  check_usable(L);
  return moon_stream_from_lua(L, find_cluster);
}

/* --- events and the end --- */

/* Of a manager's cluster it is the manager who listens, and who closes. */
static handle *check_own(lua_State *L, const char *what) {
  handle *self = check_handle(L);
  if (self->managed) moon_misuse(L, "%s: the pool of '%s' is its manager's", what, moon_cluster_name(self->cluster));
  return self;
}

static int pool_set_listener(lua_State *L) {
  handle *self = check_own(L, "setListener");
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  moon_hub_listen_to_pool(L, moon_cluster_pool(self->cluster));
  return 0;
}

static bool pool_is_over(void *ctx) {
  return moon_pool_is_drained(ctx);
}

static int dispose_finished(lua_State *L, int status, lua_KContext ctx) {
  (void)L, (void)status, (void)ctx;
  return 0;
}

static int pool_dispose(lua_State *L) {
  handle *self = check_own(L, "dispose");
  moon_pool *pool = moon_cluster_pool(self->cluster);
  lua_settop(L, 1);
  if (!self->disposed) {
    self->disposed = true;
    moon_pool_set_events_enabled(pool, true); /* for the last event, which says that it is drained */
    moon_pool_close(pool, DISPOSE_GRACE_MS);
  }
  return moon_hub_await(L, pool_is_over, pool, dispose_finished);
}

static int pool_is_disposed(lua_State *L) {
  handle *self = check_handle(L);
  lua_pushboolean(L, self->disposed || (self->managed && moon_pool_is_closed(moon_cluster_pool(self->cluster))));
  return 1;
}

int moon_pool_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"info", pool_info},
      {"acquire", pool_acquire},
      {"release", pool_release},
      {"call", pool_call},
      {"stream", pool_stream},
      {"getStats", pool_get_stats},
      {"dispose", pool_dispose},
      {"setListener", pool_set_listener},
      {"isDisposed", pool_is_disposed},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {
      {"__tostring", pool_tostring}, {"__close", pool_dispose}, {"__gc", pool_gc}, {NULL, NULL}};
  moon_hub_open(L);
  moon_op_meta(L, &acquire_key, acquire_close);
  luaL_newmetatable(L, POOL_TYPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, core_pool, 1);
  lua_setfield(L, -2, "pool");
  return moon_connection_open(L);
}
