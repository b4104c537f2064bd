/* connection.h: a leased connection, in C and as a Lua handle (see moonpool.Connection in lua/meta/core.lua). */
#ifndef MOON_BINDING_CONNECTION_H
#define MOON_BINDING_CONNECTION_H

#include <lua.h>

#include "cluster/cluster.h"

/* A lease that several hold: the handle, and each call over it. The last one gives the connection back. Any thread. */
typedef struct moon_lease moon_lease;
void moon_lease_release(moon_lease *lease); /* NULL is fine */

typedef struct moon_connection moon_connection;

/* Pushes a handle that holds nothing yet: first the handle, then the connection, so that none is lost when memory is.
 * The handle of the pool that it will be leased from is at index `pool`. */
moon_connection *moon_connection_push(lua_State *L, int pool);
/* The handle takes over the lease of `conn`, its place in the cluster, and `origin` (or NULL): where in the script it
 * was acquired. */
void moon_connection_set(moon_connection *connection, moon_cluster *cluster, moon_conn *conn, char *origin);
/* Raises unless the handle at `index` is a lease that was not given back; pushes the handle of its pool. */
const moon_cluster *moon_connection_check(lua_State *L, int index);
/* Gives back the lease at `index`, which must be of `pool` unless that is NULL. Raises when it cannot be. */
void moon_connection_release(lua_State *L, int index, const moon_pool *pool);

/* Adds connectionMethods to the table on top. */
int moon_connection_open(lua_State *L);

#endif
