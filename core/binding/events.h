/* events.h: what happens in pools, told to Lua; and the pools that are being closed. One hub per universe.
 * Lua thread only; what happens is queued by whichever thread it happens on (pool/events.h). */
#ifndef MOON_BINDING_EVENTS_H
#define MOON_BINDING_EVENTS_H

#include <lua.h>

#include "binding/runtime.h"
#include "cluster/cluster.h"

typedef struct moon_hub moon_hub;

/* The hub of this universe. */
moon_hub *moon_hub_of(lua_State *L);
/* The queue to make pools with: one for all, so that the order over pools is kept. */
moon_event_queue *moon_hub_queue(moon_hub *hub);

/* A new pool, made with the hub's queue. */
void moon_hub_add(lua_State *L, moon_hub *hub, moon_pool *pool);
/* The function on top of the stack (popped) gets every event of the pool from now on; nil: nobody does. It is called as
 * fn(name, connection, text) and must not wait. Events from before a pool's first listener are kept until the loop runs
 * next, so that a listener set right after the pool was made misses nothing. */
void moon_hub_listen(lua_State *L, moon_pool *pool);
/* The pool's handle is gone: forgets its listener, and closes the pool when nobody else uses it. Takes over the
 * reference. */
void moon_hub_let_go(lua_State *L, moon_hub *hub, moon_cluster *cluster);

/* Makes the wait ready when the pool is drained, once the events before that were delivered. The pool must be closed.
 * To take it back, remove wait->node from its list. */
typedef struct moon_drain_wait {
  moon_wait wait;
  moon_pool *pool;
} moon_drain_wait;
void moon_hub_await_drained(moon_hub *hub, moon_drain_wait *wait);

/* Makes the hub. Called once, before any pool is made. */
void moon_hub_open(lua_State *L);

#endif
