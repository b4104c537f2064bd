/* manager_lease.c: leases of a manager's connections (see manager_handle.h).
 *
 * Acquiring takes two ways, as in pool.c: a connection that is free in the chosen cluster is handed out at once;
 * otherwise a leasing of the core waits, in an operation that its Lua frame and the core share. Whoever is last frees
 * it. Runs on the Lua thread, except `leased`. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "binding/connection.h"
#include "binding/error.h"
#include "binding/manager_handle.h"
#include "binding/pool.h"
#include "binding/runtime.h"
#include "cluster/lease.h"

static const char lease_key; /* registry: metatable of the operation */

typedef struct lease_op {
  moon_completion completion;
  moon_wait wait;
  moon_runtime *runtime;
  moon_leasing *leasing;
  moon_cluster *cluster; /* a reference and a place */
  moon_conn *conn;
  moon_error *err;
  char *origin;
  bool answered;  /* the completion has run */
  bool abandoned; /* the frame is gone: the completion frees */
} lease_op;

static void free_lease(lease_op *op) {
  if (op->conn) {
    moon_cluster_give_back(op->cluster, op->conn);
    moon_cluster_release(op->cluster);
  }
  moon_error_free(op->err);
  moon_leasing_release(op->leasing);
  moon_runtime_release(op->runtime);
  free(op->origin);
  free(op);
}

static void lease_answered(moon_completion *completion, lua_State *L) {
  lease_op *op = MOON_ENTRY(completion, lease_op, completion);
  if (op->abandoned || !L) {
    free_lease(op);
    return;
  }
  op->answered = true;
  moon_wait_ready(op->runtime, &op->wait);
}

/* Any thread. */
static void leased(void *ctx, moon_cluster *cluster, moon_conn *conn, moon_error *err) {
  lease_op *op = ctx;
  op->cluster = cluster;
  op->conn = conn;
  op->err = err;
  moon_runtime_post(op->runtime, &op->completion);
}

static int lease_close(lua_State *L) {
  lease_op **box = lua_touserdata(L, 1);
  lease_op *op = *box;
  *box = NULL;
  if (!op) return 0;
  if (op->answered || moon_leasing_cancel(op->leasing))
    free_lease(op);
  else
    op->abandoned = true;
  return 0;
}

/* The frame: the handle, the preferred cluster, the key, the operation. */
enum { LEASE_INDEX = 4 };

static int lease_finished(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  lease_op *op = *(lease_op **)lua_touserdata(L, LEASE_INDEX);
  if (op->err) {
    moon_error *err = op->err;
    op->err = NULL;
    return moon_push_error(L, err);
  }
  manager_push_pool(L, op->cluster);
  lua_pushstring(L, moon_cluster_name(op->cluster));
  moon_connection *connection = moon_connection_push(L, -2);
  moon_connection_set(connection, op->cluster, op->conn, op->origin);
  moon_cluster_release(op->cluster); /* the place holds one as well */
  op->conn = NULL;
  op->origin = NULL;
  return 2;
}

static int acquire_slowly(lua_State *L, manager_handle *self, const moon_selection *selection, moon_cluster *chosen,
                          char *origin) {
  lua_settop(L, LEASE_INDEX - 1);
  lease_op *op = moon_zalloc(sizeof *op);
  op->completion.run = lease_answered;
  op->runtime = moon_runtime_retain(moon_runtime_of(L));
  op->origin = origin;
  lease_op **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &lease_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, LEASE_INDEX);
  *box = op;
  op->leasing = moon_leasing_start(self->manager, selection, chosen, origin, leased, op);
  return moon_runtime_wait(L, &op->wait, 0, lease_finished);
}

/* Manager:acquire(preferred, key) */
int manager_acquire(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  lua_settop(L, 3);
  moon_selection selection = {.preferred = luaL_optstring(L, 2, NULL), .key = luaL_optstring(L, 3, NULL)};
  moon_cluster *chosen = manager_choose(L, self, &selection, "lease");
  moon_error *err = chosen ? NULL : moon_manager_select(self->manager, &selection, &chosen, NULL);
  if (err) return moon_push_error(L, err);
  moon_pool *pool = moon_cluster_pool(chosen);
  char *origin = moon_call_origin(L, pool);
  moon_conn *conn = moon_pool_try_acquire(pool, MOON_USE_LEASE, origin);
  if (!conn) return acquire_slowly(L, self, &selection, chosen, origin);
  manager_push_pool(L, chosen);
  lua_pushstring(L, moon_cluster_name(chosen));
  moon_connection_set(moon_connection_push(L, -2), chosen, conn, origin);
  return 2;
}

/* Manager:release(name, connection) */
int manager_release(lua_State *L) {
  manager_check(L);
  const char *name = luaL_checkstring(L, 2);
  lua_settop(L, 3);
  const moon_cluster *cluster = moon_connection_check(L, 3);
  const char *own = moon_cluster_name(cluster);
  bool mine = moon_pool_push_manager(L, -1) && lua_rawequal(L, -1, 1);
  lua_getfield(L, 3, "id");
  LUAI_UACINT id = (LUAI_UACINT)lua_tointeger(L, -1);
  if (!mine) return moon_misuse(L, "connection %I of '%s' was not acquired from this manager", id, own);
  if (strcmp(name, own) != 0) return moon_misuse(L, "connection %I belongs to '%s', not to '%s'", id, own, name);
  moon_connection_release(L, 3, NULL);
  return 0;
}

void manager_lease_open(lua_State *L) {
  moon_op_meta(L, &lease_key, lease_close);
}
