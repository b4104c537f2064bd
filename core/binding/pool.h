/* pool.h: the Lua handle of a pool (see moonpool.core.Pool in lua/meta/core.lua). Lua thread only. */
#ifndef MOON_BINDING_POOL_H
#define MOON_BINDING_POOL_H

#include <lua.h>

#include "cluster/cluster.h"

/* Pushes the facts of a cluster as a table: name, context, cluster, namespace, server, user. Returns 1. */
int moon_push_info(lua_State *L, const moon_cluster *cluster);
/* Pushes a table of the statistics of a cluster's pool and calls, with those of the pool's lane as `streams`. */
void moon_pool_push_stats(lua_State *L, const moon_cluster *cluster);
/* Pushes a handle of a cluster that the manager whose handle is at index `manager` has. */
void moon_pool_push_managed(lua_State *L, moon_cluster *cluster, int manager);
/* Pushes the manager's handle that the pool's handle at `index` was pushed for; false: nil, there is none. */
bool moon_pool_push_manager(lua_State *L, int index);
/* Where the script called, for leak detection; NULL when that is off. The caller's. */
char *moon_call_origin(lua_State *L, const moon_pool *pool);
/* Adds pool and connectionMethods to the table on top. */
int moon_pool_open(lua_State *L);

#endif
