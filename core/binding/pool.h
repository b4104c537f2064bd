/* pool.h: the Lua handle of a pool (see moonpool.core.Pool in lua/meta/core.lua). Lua thread only. */
#ifndef MOON_BINDING_POOL_H
#define MOON_BINDING_POOL_H

#include <lua.h>

#include "cluster/cluster.h"

/* Pushes the facts of a cluster as a table: name, context, cluster, namespace, server, user. Returns 1. */
int moon_push_info(lua_State *L, const moon_cluster *cluster);
/* Adds pool and connectionMethods to the table on top. */
int moon_pool_open(lua_State *L);

#endif
