/* pool_lane.c: a pool and its lane, the second pool beside it that long streams ride.
 *
 * The lane is a pool like any other, with a lock, timers and a network side of its own; what the two share is its
 * owner's: the name, the id, the listener and the count of connection ids. The owner holds one of the lane's handles
 * until its own last one is given back. The lane counts as one open record of its owner, so that the owner is drained,
 * and its memory free to go, after the lane. The owner's functions call the lane's after they have given back their
 * lock, the lane calls the owner after it has given back its own: neither is ever held while the other is taken. */
#include "pool/pool_state.h"

enum {
  LANE_CONNECTIONS = 1000, /* on HTTP/1.1 as many watches; enough for any script, few enough for a server to bear */
  LANE_IDLE_MS = 5000,     /* a watch that the server has ended comes back sooner */
};

static moon_pool_options lane_options(const moon_pool_options *owner) {
  moon_pool_options options = *owner;
  options.max_connections = LANE_CONNECTIONS;
  options.min_connections = 0;
  if (!options.max_idle_time_ms || options.max_idle_time_ms > LANE_IDLE_MS) options.max_idle_time_ms = LANE_IDLE_MS;
  return options;
}

moon_pool *moon_pool_add_lane(moon_pool *pool, const moon_pool_net *net) {
  struct work work;
  pool_lock(pool, &work);
  pool->open++;
  pool->refs++;
  pool_unlock(pool);
  moon_pool_options options = lane_options(&pool->options);
  return pool->lane = pool_new(pool->name, &options, net, pool->events, pool);
}

moon_pool *moon_pool_lane(const moon_pool *pool) {
  return pool->lane;
}

void lane_drained(moon_pool *owner) {
  struct work work;
  pool_lock(owner, &work);
  owner->open--;
  owner->refs--;
  pool_unlock(owner);
}
