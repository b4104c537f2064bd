/* events.h: what happens in pools and managers, told to Lua; and those that are being closed. One hub per universe.
 * Lua thread only; what happens is queued by whichever thread it happens on (pool/events.h). */
#ifndef MOON_BINDING_EVENTS_H
#define MOON_BINDING_EVENTS_H

#include <lua.h>

#include "binding/runtime.h"
#include "cluster/manager.h"

typedef struct moon_hub moon_hub;

/* The hub of this universe. */
moon_hub *moon_hub_of(lua_State *L);
/* The queue to make pools with: one for all, so that the order over pools is kept. */
moon_event_queue *moon_hub_queue(moon_hub *hub);

/* A new pool, a new manager, a new cluster of a manager, made with the hub's queue. */
void moon_hub_add_pool(lua_State *L, moon_hub *hub, moon_pool *pool);
void moon_hub_add_manager(lua_State *L, moon_manager *manager);
void moon_hub_add_cluster(lua_State *L, moon_hub *hub, moon_manager *manager, const moon_cluster *cluster);
/* The function on top of the stack (popped) gets every event of the pool, or of the manager and all its pools, from now
 * on; nil: nobody does. It is called as fn(name, ...) with the arguments of api.md (a manager's: further, the name of
 * the cluster, where a pool tells it) and must not wait. Events from before the first listener are kept until the loop
 * runs next, so that a listener set right after the pool was made misses nothing. */
void moon_hub_listen_to_pool(lua_State *L, moon_pool *pool);
void moon_hub_listen_to_manager(lua_State *L, moon_manager *manager);
/* The handle is gone: forgets the listener, and closes the pool, or the manager with its clusters. Takes over the
 * references. */
void moon_hub_let_go(lua_State *L, moon_hub *hub, moon_cluster *cluster);
void moon_hub_let_go_manager(lua_State *L, moon_hub *hub, moon_manager *manager, moon_cluster *const *clusters,
                             size_t count);

/* Waits until over(ctx), which becomes true no later than an event is appended, and that event was delivered. What ctx
 * points to must live as long as the calling frame. To be tail-called; see moon_runtime_wait. */
int moon_hub_await(lua_State *L, bool (*over)(void *ctx), void *ctx, lua_KFunction k);

/* Makes the hub. Called once, before any pool is made. */
void moon_hub_open(lua_State *L);

#endif
