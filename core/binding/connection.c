/* connection.c: see connection.h.
 *
 * A handle stands for one lease, not for one connection: after it was given back the handle stays dead, whoever leases
 * the connection next. It keeps the cluster, and with it the pool, open. A call over the connection shares the lease,
 * so that a connection is never given back under a call. Runs on the Lua thread; moon_lease also on reactors. */
#include "binding/connection.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "binding/call.h"
#include "binding/error.h"
#include "binding/pool.h"
#include "binding/stream.h"

#define CONNECTION_TYPE "moonpool.Connection"

static const char type_tag; /* the first field of every handle: a check that costs less than comparing metatables */
static const char live_key; /* registry: the metatable */
static const char
    dead_key; /* registry: the one of handles that were given back: it has no __gc to be called for nothing */

struct moon_lease {
  atomic_int refs;
  moon_cluster *cluster; /* a place */
  moon_conn *conn;
  char *origin;
};

struct moon_connection {
  const void *tag;
  moon_cluster *cluster; /* a place in it; NULL: given back, or never leased */
  moon_conn *conn;
  moon_lease *shared; /* made for the first call: then that has the place, and gives the connection back */
  char *origin;
  uint64_t id; /* for messages, also afterwards */
};

void moon_lease_release(moon_lease *lease) {
  if (!lease || atomic_fetch_sub(&lease->refs, 1) != 1) return;
  moon_cluster_give_back(lease->cluster, lease->conn);
  free(lease->origin);
  free(lease);
}

moon_connection *moon_connection_push(lua_State *L, int pool) {
  pool = lua_absindex(L, pool);
  moon_connection *connection = lua_newuserdatauv(L, sizeof *connection, 1);
  *connection = (moon_connection){.tag = &type_tag};
  lua_pushvalue(L, pool);
  lua_setiuservalue(L, -2, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_key);
  lua_setmetatable(L, -2);
  return connection;
}

static moon_connection *check_connection(lua_State *L, int index) {
  moon_connection *connection = lua_touserdata(L, index);
  if (connection && lua_rawlen(L, index) == sizeof *connection && connection->tag == &type_tag) return connection;
  luaL_typeerror(L, index, CONNECTION_TYPE);
  return NULL;
}

void moon_connection_set(moon_connection *connection, moon_cluster *cluster, moon_conn *conn, char *origin) {
  connection->cluster = cluster;
  connection->conn = conn;
  connection->origin = origin;
  connection->id = moon_conn_id(conn);
}

static void give_back(lua_State *L, int index, moon_connection *connection) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &dead_key);
  lua_setmetatable(L, index);
  moon_cluster *cluster = connection->cluster;
  connection->cluster = NULL;
  if (connection->shared) {
    moon_lease_release(connection->shared);
    connection->shared = NULL;
  } else {
    moon_cluster_give_back(cluster, connection->conn);
    free(connection->origin);
  }
  connection->conn = NULL;
  connection->origin = NULL;
}

/* The handle at `index`, still leased. */
static moon_connection *check_leased(lua_State *L, int index) {
  moon_connection *connection = check_connection(L, index);
  if (!connection->cluster) moon_misuse(L, "connection %I was already released", (LUAI_UACINT)connection->id);
  return connection;
}

/* The leased connection, for a call, which shares the lease. */
static void find_connection(lua_State *L, const moon_request *request, moon_callee *out) {
  (void)request;
  moon_connection *connection = check_leased(L, 1);
  if (!connection->shared) {
    moon_lease *shared = moon_zalloc(sizeof *shared);
    atomic_init(&shared->refs, 1);
    shared->cluster = connection->cluster;
    shared->conn = connection->conn;
    shared->origin = connection->origin;
    connection->origin = NULL;
    connection->shared = shared;
  }
  atomic_fetch_add(&connection->shared->refs, 1);
  out->lease = connection->shared;
  out->conn = connection->conn;
}

const moon_cluster *moon_connection_check(lua_State *L, int index) {
  moon_connection *connection = check_leased(L, index);
  lua_getiuservalue(L, index, 1);
  return connection->cluster;
}

void moon_connection_release(lua_State *L, int index, const moon_pool *pool) {
  moon_connection *connection = check_leased(L, index);
  if (pool && moon_cluster_pool(connection->cluster) != pool) {
    const char *own = moon_cluster_name(connection->cluster), *other = moon_pool_name(pool);
    LUAI_UACINT id = (LUAI_UACINT)connection->id;
    if (strcmp(own, other) == 0) moon_misuse(L, "connection %I belongs to another pool of '%s'", id, own);
    moon_misuse(L, "connection %I belongs to the pool of '%s', not to that of '%s'", id, own, other);
  }
  give_back(L, index, connection);
}

/* --- the handle --- */

static int connection_release(lua_State *L) {
  moon_connection_release(L, 1, NULL);
  return 0;
}

static int connection_close(lua_State *L) {
  moon_connection *connection = check_connection(L, 1);
  if (connection->cluster) give_back(L, 1, connection);
  return 0;
}

static int connection_gc(lua_State *L) {
  moon_connection *connection = check_connection(L, 1);
  if (!connection->cluster) return 0;
  const char *origin = connection->shared ? connection->shared->origin : connection->origin;
  moon_log(MOON_LOG_WARN, "%s: connection %llu was collected without having been released%s%s",
           moon_cluster_name(connection->cluster), (unsigned long long)connection->id, origin ? "; acquired at " : "",
           origin ? origin : "");
  give_back(L, 1, connection);
  return 0;
}

static int connection_tostring(lua_State *L) {
  moon_connection *connection = check_connection(L, 1);
  if (connection->cluster)
    lua_pushfstring(L, CONNECTION_TYPE ": %I of %s, used %I times", (LUAI_UACINT)connection->id,
                    moon_cluster_name(connection->cluster), (LUAI_UACINT)moon_conn_use_count(connection->conn));
  else
    lua_pushfstring(L, CONNECTION_TYPE ": %I, released", (LUAI_UACINT)connection->id);
  return 1;
}

/* Methods first (upvalue), then the facts. */
static int connection_index(lua_State *L) {
  moon_connection *connection = check_connection(L, 1);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  if (lua_type(L, 2) != LUA_TSTRING) return 1;
  const char *name = lua_tostring(L, 2);
  if (strcmp(name, "id") == 0) {
    lua_pushinteger(L, (lua_Integer)connection->id);
    return 1;
  }
  bool is_use_count = strcmp(name, "useCount") == 0, is_age = strcmp(name, "age") == 0;
  if (!is_use_count && !is_age && strcmp(name, "createdAt") != 0) return 1;
  const moon_conn *conn = check_leased(L, 1)->conn;
  int64_t age_ms = moon_clock_now_ms() - moon_conn_created_ms(conn);
  lua_pushinteger(L, is_use_count ? (lua_Integer)moon_conn_use_count(conn)
                     : is_age     ? age_ms
                                  : moon_clock_wall_ms() - age_ms);
  return 1;
}

static int connection_call(lua_State *L) {
  check_leased(L, 1);
  return moon_call_from_lua(L, find_connection);
}

static int connection_stream(lua_State *L) {
  check_leased(L, 1);
  return moon_stream_from_lua(L, find_connection);
}

static int connection_info(lua_State *L) {
  return moon_push_info(L, check_leased(L, 1)->cluster);
}

/* The function for __index is on top of the stack. */
static int core_pool_of(lua_State *L) {
  check_connection(L, 1);
  lua_getiuservalue(L, 1, 1);
  return 1;
}

static void make_metatable(lua_State *L, const void *key) {
  static const luaL_Reg meta[] = {{"__tostring", connection_tostring}, {"__close", connection_close}, {NULL, NULL}};
  lua_createtable(L, 0, 5);
  luaL_setfuncs(L, meta, 0);
  lua_pushliteral(L, CONNECTION_TYPE);
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "__index");
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

int moon_connection_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"call", connection_call},
                                     {"stream", connection_stream},
                                     {"info", connection_info},
                                     {"release", connection_release},
                                     {NULL, NULL}};
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "connectionMethods");
  lua_pushcfunction(L, core_pool_of);
  lua_setfield(L, -3, "poolOf");
  lua_pushcclosure(L, connection_index, 1);
  make_metatable(L, &live_key);
  make_metatable(L, &dead_key);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &live_key);
  lua_pushcfunction(L, connection_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 2);
  return 0;
}
