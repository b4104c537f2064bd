/* strategy.h: strategies in Lua: the functions of scripts that choose among a manager's clusters. Lua thread only.
 *
 * The function is called as fn(clusters, request), or fn(self, clusters, request), with tables that are used again for
 * every selection (see moonpool.Candidate in lua/moonpool/strategies.lua): candidates show what is known now, and what
 * a script has changed in them is undone before the next call. It returns a candidate, its name, or nil. It has 10 ms
 * of the processor and must not wait. What it does wrong is told as an event, and the manager's own strategy chooses.
 */
#ifndef MOON_BINDING_STRATEGY_H
#define MOON_BINDING_STRATEGY_H

#include <lua.h>

#include "cluster/manager.h"

typedef struct moon_script_strategy moon_script_strategy;

/* Pushes a userdata with the strategy: the function at index `fn`, its first argument at index `self` (nil: it takes
 * none), and how messages call it. The manager must outlive it. */
moon_script_strategy *moon_script_strategy_push(lua_State *L, moon_manager *manager, int fn, int self,
                                                const char *label);
/* Lets it choose, and takes a place in whom it chose; NULL: let the manager choose. `kind`: "lease", "read", "write",
 * "watch". Raises only when memory runs out. */
moon_cluster *moon_script_strategy_choose(lua_State *L, moon_script_strategy *strategy, const moon_selection *selection,
                                          const char *kind);
/* The cluster is no candidate any more. */
void moon_script_strategy_forget(moon_script_strategy *strategy, const moon_cluster *cluster);
/* Makes the metatables. */
void moon_script_strategy_open(lua_State *L);

#endif
