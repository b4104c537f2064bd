/* options.c: see options.h. One table says the script's name, the type and the place of each option. */
#include "binding/options.h"

#include <lauxlib.h>
#include <limits.h>
#include <string.h>

#include "base/nearest.h"
#include "binding/error.h"
#include "binding/fields.h"
#include "cluster/manager.h"
#include "net/message.h"

typedef enum option_type { COUNT, MILLISECONDS, FLAG } option_type;

static const struct option {
  const char *name;
  option_type type;
  size_t place;
} known[] = {
    {"maxConnections", COUNT, offsetof(moon_pool_options, max_connections)},
    {"minConnections", COUNT, offsetof(moon_pool_options, min_connections)},
    {"maxIdleTime", MILLISECONDS, offsetof(moon_pool_options, max_idle_time_ms)},
    {"acquireTimeout", MILLISECONDS, offsetof(moon_pool_options, acquire_timeout_ms)},
    {"healthCheckInterval", MILLISECONDS, offsetof(moon_pool_options, health_check_interval_ms)},
    {"healthCheckRetries", COUNT, offsetof(moon_pool_options, health_check_retries)},
    {"enableWarmup", FLAG, offsetof(moon_pool_options, enable_warmup)},
    {"maxLifetime", MILLISECONDS, offsetof(moon_pool_options, max_lifetime_ms)},
    {"connectTimeout", MILLISECONDS, offsetof(moon_pool_options, connect_timeout_ms)},
    {"healthCheckTimeout", MILLISECONDS, offsetof(moon_pool_options, health_check_timeout_ms)},
    {"maxStreamsPerConnection", COUNT, offsetof(moon_pool_options, max_streams_per_connection)},
    {"maxConnecting", COUNT, offsetof(moon_pool_options, max_connecting)},
    {"leakDetectionThreshold", MILLISECONDS, offsetof(moon_pool_options, leak_detection_threshold_ms)},
};
enum { KNOWN = sizeof known / sizeof *known };

static void refuse_unknown(lua_State *L, const char *name) {
  const char *names[KNOWN];
  luaL_Buffer list;
  for (int i = 0; i < KNOWN; i++) names[i] = known[i].name;
  const char *nearest = moon_nearest(name, names, KNOWN);
  if (nearest) moon_misuse(L, "pool options: there is no option '%s'; did you mean '%s'?", name, nearest);
  luaL_buffinit(L, &list);
  for (int i = 0; i < KNOWN; i++) {
    if (i > 0) luaL_addstring(&list, ", ");
    luaL_addstring(&list, names[i]);
  }
  luaL_pushresult(&list);
  moon_misuse(L, "pool options: there is no option '%s' (there are: %s)", name, lua_tostring(L, -1));
}

/* The value is on top of the stack. */
static void read_value(lua_State *L, const struct option *option, moon_pool_options *out) {
  void *place = (char *)out + option->place;
  if (option->type == FLAG) {
    if (!lua_isboolean(L, -1))
      moon_misuse(L, "pool options: %s: expected true or false, got %s", option->name, luaL_typename(L, -1));
    *(bool *)place = lua_toboolean(L, -1);
    return;
  }
  int is_integer;
  lua_Integer value = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &is_integer) : (is_integer = 0);
  const char *unit = option->type == MILLISECONDS ? " of milliseconds" : "";
  if (!is_integer) {
    const char *got = lua_type(L, -1) == LUA_TNUMBER ? lua_tostring(L, -1) : luaL_typename(L, -1);
    moon_misuse(L, "pool options: %s: expected a whole number%s, got %s", option->name, unit, got);
  }
  if (option->type == MILLISECONDS)
    *(int64_t *)place = value;
  else
    *(int *)place = value > INT_MAX ? INT_MAX : value < INT_MIN ? INT_MIN : (int)value;
}

void moon_options_read(lua_State *L, int index, moon_pool_options *out) {
  *out = moon_pool_default_options;
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) moon_misuse(L, "pool options: expected a table, got %s", luaL_typename(L, index));
  index = lua_absindex(L, index);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      moon_misuse(L, "pool options: expected names of options as keys, got a %s", luaL_typename(L, -2));
    const char *name = lua_tostring(L, -2);
    const struct option *found = NULL;
    for (int i = 0; i < KNOWN && !found; i++)
      if (strcmp(known[i].name, name) == 0) found = &known[i];
    if (!found)
      refuse_unknown(L, name);
    else
      read_value(L, found, out);
  }
  /* A pool that is made smaller than the default minimum says so by its maximum alone. */
  lua_getfield(L, index, "minConnections");
  if (lua_isnil(L, -1) && out->min_connections > out->max_connections && out->max_connections > 0)
    out->min_connections = out->max_connections;
  lua_pop(L, 1);
  moon_error *err = moon_pool_options_check(out);
  if (!err) return;
  lua_pushstring(L, err->message);
  moon_error_free(err);
  moon_misuse(L, "pool options: %s", lua_tostring(L, -1));
}

static void push_pool_defaults(lua_State *L) {
  lua_createtable(L, 0, KNOWN);
  for (int i = 0; i < KNOWN; i++) {
    const void *place = (const char *)&moon_pool_default_options + known[i].place;
    if (known[i].type == FLAG)
      set_flag(L, known[i].name, *(const bool *)place);
    else
      set_integer(L, known[i].name, known[i].type == MILLISECONDS ? *(const int64_t *)place : *(const int *)place);
  }
}

/* core.checkPoolOptions(options): raises what is wrong with them */
static int core_check_pool_options(lua_State *L) {
  moon_pool_options options;
  moon_options_read(L, 1, &options);
  return 0;
}

void moon_options_open(lua_State *L) {
  lua_pushcfunction(L, core_check_pool_options);
  lua_setfield(L, -2, "checkPoolOptions");
  lua_createtable(L, 0, 4);
  push_pool_defaults(L);
  lua_setfield(L, -2, "pool");

  const moon_manager_options *manager = &moon_manager_default_options;
  lua_createtable(L, 0, 3);
  set_flag(L, "enableFailover", manager->enable_failover);
  set_flag(L, "failoverWrites", manager->failover_writes);
  set_integer(L, "clusterHealthCheckInterval", manager->cluster_health_check_interval_ms);
  lua_setfield(L, -2, "manager");

  const moon_cluster_options *cluster = &moon_cluster_default_options;
  lua_createtable(L, 0, 3);
  set_number(L, "weight", cluster->weight);
  set_integer(L, "priority", cluster->priority);
  set_flag(L, "resolveEndpoints", cluster->resolve_endpoints);
  lua_setfield(L, -2, "cluster");

  lua_createtable(L, 0, 3);
  set_integer(L, "timeout", MOON_DEFAULT_TIMEOUT_MS);
  set_integer(L, "retries", MOON_DEFAULT_RETRIES);
  set_integer(L, "maxBodySize", MOON_DEFAULT_MAX_BODY);
  lua_setfield(L, -2, "request");

  lua_setfield(L, -2, "defaults");
}
