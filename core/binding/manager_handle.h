/* manager_handle.h: what the files of a manager's Lua handle share. Lua thread only.
 *
 *   manager.c        making and unmaking; clusters, strategies, calls, checks, events
 *   manager_lease.c  leases
 *   manager_stats.c  statistics */
#ifndef MOON_BINDING_MANAGER_HANDLE_H
#define MOON_BINDING_MANAGER_HANDLE_H

#include <lua.h>

#include "binding/strategy.h"
#include "cluster/manager.h"

typedef struct manager_handle {
  const void *tag;
  moon_manager *manager; /* NULL until it is open */
  bool disposed;
  moon_script_strategy *strategy; /* a user value of the handle; or NULL */
  moon_cluster **clusters;        /* added, and not seen drained since */
  size_t cluster_count;
} manager_handle;

/* --- manager.c --- */
/* The handle at index 1; raises where there is none, or, of the second, where it was disposed. */
manager_handle *manager_check(lua_State *L);
manager_handle *manager_check_usable(lua_State *L);
/* Pushes the handle of a cluster's pool. The manager's handle is at index 1. */
void manager_push_pool(lua_State *L, moon_cluster *cluster);
/* The script's choice, with a place in it; NULL: the core is to choose. A preferred cluster that can be had is taken
 * unasked; one that cannot is replaced by the strategy's choice. */
moon_cluster *manager_choose(lua_State *L, manager_handle *self, const moon_selection *selection, const char *kind);

/* --- manager_lease.c --- */
int manager_acquire(lua_State *L);
int manager_release(lua_State *L);
void manager_lease_open(lua_State *L); /* makes the metatable of its operation */

/* --- manager_stats.c --- */
int manager_get_stats(lua_State *L);

#endif
