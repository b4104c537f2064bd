/* manager_stats.c: what a script can know of a manager's clusters (see manager_handle.h). Lua thread only. */
#include <lauxlib.h>

#include "base/error.h"
#include "binding/error.h"
#include "binding/fields.h"
#include "binding/manager_handle.h"
#include "binding/pool.h"

static void push_endpoint(lua_State *L, const moon_endpoint_stats *stats) {
  lua_createtable(L, 0, 9);
  set_text(L, "url", stats->url);
  set_text(L, "address", stats->address);
  set_text(L, "state", moon_health_state_name(stats->state));
  set_integer(L, "connections", stats->connections);
  set_integer(L, "streams", stats->streams);
  set_integer(L, "inFlight", stats->in_flight);
  set_number(L, "latency", (double)stats->latency_us / 1000);
  set_integer(L, "failures", stats->failures);
  set_text(L, "lastError", stats->last_error);
}

static void push_endpoints(lua_State *L, const moon_endpoints *endpoints) {
  size_t count;
  moon_endpoint_stats *stats = moon_endpoints_stats(endpoints, &count);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    push_endpoint(L, &stats[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  moon_endpoint_stats_free(stats, count);
}

int manager_get_stats(lua_State *L) {
  manager_handle *self = manager_check(L);
  const char *name = luaL_checkstring(L, 2);
  moon_error *err = NULL;
  moon_cluster_stats stats;
  moon_cluster *cluster = moon_manager_find(self->manager, name, &err);
  if (!cluster) return moon_push_error(L, err);
  if (moon_manager_get_stats(self->manager, name, &stats, &err) != MOON_OK) {
    moon_cluster_release(cluster);
    return moon_push_error(L, err);
  }
  manager_push_pool(L, cluster); /* it keeps the cluster */
  moon_cluster_release(cluster);
  lua_createtable(L, 0, 20);
  set_flag(L, "healthy", stats.healthy);
  set_text(L, "state", moon_health_state_name(stats.state));
  set_flag(L, "enabled", stats.enabled);
  set_flag(L, "unauthorized", stats.unauthorized);
  set_flag(L, "overloaded", stats.overloaded);
  set_number(L, "weight", stats.weight);
  set_number(L, "share", stats.share);
  set_integer(L, "priority", stats.priority);
  set_integer(L, "inFlight", stats.active);
  set_number(L, "latency", stats.latency_us / 1000);
  set_integer(L, "failures", stats.failures);
  set_integer(L, "selected", (int64_t)stats.selected);
  if (stats.certificate_expiry_s) set_integer(L, "certificateExpiry", stats.certificate_expiry_s);
  moon_error *last = moon_endpoints_error(moon_cluster_endpoints(cluster));
  if (last) set_text(L, "lastError", last->message);
  moon_error_free(last);
  moon_pool_push_stats(L, cluster);
  lua_setfield(L, -2, "poolStats");
  push_endpoints(L, moon_cluster_endpoints(cluster));
  lua_setfield(L, -2, "endpoints");
  return 1;
}
