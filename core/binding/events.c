/* events.c: see events.h.
 *
 * Pools append to the queue on any thread; the first append after an empty queue posts one completion, which takes out
 * everything on the Lua thread and calls the listeners, in order. Listeners are in a registry table by pool id. A pool
 * that had no listener when its events were taken out makes none until it gets one.
 *
 * The hub is collected after all pool handles (it was made before them). It waits then, shortly, for the pools that are
 * still closing, and ends the reactors, so that no thread of ours runs while the process ends. */
#include "binding/events.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "binding/scheduler.h"
#include "cluster/network.h"

enum { QUEUE_LIMIT = 10000, LAST_WAIT_MS = 2000 };

static const char hub_key;       /* registry: the hub */
static const char listeners_key; /* registry: pool id -> function */
static const char pools_key;     /* registry: pool id -> light userdata of the pool, while its handle lives */

struct moon_hub {
  atomic_int refs; /* the universe's, and one for the completion while it is posted */
  moon_runtime *runtime;
  moon_event_queue *queue;
  moon_completion completion;
  atomic_bool posted;
  uint64_t told_dropped;  /* lost events that the log has been told of */
  moon_list draining;     /* moon_drain_wait.wait.node */
  moon_cluster **closing; /* let go, not drained yet */
  size_t closing_count;
  moon_reactor **reactors; /* references to those that the pools use */
  size_t reactor_count;
};

static void release_hub(moon_hub *hub) {
  if (atomic_fetch_sub(&hub->refs, 1) != 1) return;
  moon_runtime_release(hub->runtime);
  free(hub);
}

/* Any thread. */
static void wake(void *ctx) {
  moon_hub *hub = ctx;
  if (atomic_exchange(&hub->posted, true)) return;
  atomic_fetch_add(&hub->refs, 1);
  moon_runtime_post(hub->runtime, &hub->completion);
}

static void set_integer(lua_State *L, const char *name, int64_t value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

/* The connection as it was at the moment of the event; nil when the event concerns none. */
static void push_snapshot(lua_State *L, const moon_event *event) {
  if (!event->conn_id) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, 4);
  set_integer(L, "id", (int64_t)event->conn_id);
  set_integer(L, "useCount", (int64_t)event->use_count);
  set_integer(L, "age", event->created_ms ? event->at_ms - event->created_ms : 0);
  set_integer(L, "createdAt", event->created_ms ? moon_clock_wall_ms() - (moon_clock_now_ms() - event->created_ms) : 0);
}

/* fn(name, connection, text) */
static int call_listener(lua_State *L) {
  const moon_event *event = lua_touserdata(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &listeners_key);
  if (lua_rawgeti(L, -1, (lua_Integer)event->source) != LUA_TFUNCTION) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &pools_key);
    lua_rawgeti(L, -1, (lua_Integer)event->source);
    moon_pool *pool = lua_touserdata(L, -1);
    if (pool && !moon_pool_is_closed(pool)) moon_pool_set_events_enabled(pool, false);
    return 0;
  }
  lua_pushstring(L, moon_event_name(event->kind));
  push_snapshot(L, event);
  if (event->kind == MOON_EVENT_CONNECTION_REMOVED)
    lua_pushstring(L, moon_remove_reason_name(event->reason));
  else
    lua_pushstring(L, event->text);
  lua_call(L, 3, 0);
  return 0;
}

static void tell_dropped(moon_hub *hub) {
  uint64_t dropped = moon_event_queue_dropped(hub->queue), fresh = dropped - hub->told_dropped;
  if (!fresh) return;
  hub->told_dropped = dropped;
  moon_log(MOON_LOG_WARN, "the script let no events run while more than %d of them came: the oldest %llu were dropped",
           QUEUE_LIMIT, (unsigned long long)fresh);
}

static void deliver(moon_hub *hub, lua_State *L) {
  moon_event event;
  tell_dropped(hub);
  while (moon_event_queue_take(hub->queue, &event)) {
    lua_pushcfunction(L, call_listener);
    lua_pushlightuserdata(L, &event);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
      moon_log(MOON_LOG_ERROR, "a listener raised: %s", luaL_tolstring(L, -1, NULL));
      lua_pop(L, 2);
    }
    moon_event_clear(&event);
  }
  for (moon_list *node = hub->draining.next, *next; node != &hub->draining; node = next) {
    next = node->next;
    moon_drain_wait *wait = MOON_ENTRY(MOON_ENTRY(node, moon_wait, node), moon_drain_wait, wait);
    if (!moon_pool_is_drained(wait->pool)) continue;
    moon_list_remove(node);
    moon_wait_ready(hub->runtime, &wait->wait);
  }
}

static void run_delivery(moon_completion *completion, lua_State *L) {
  moon_hub *hub = MOON_ENTRY(completion, moon_hub, completion);
  atomic_store(&hub->posted, false);
  if (L) deliver(hub, L);
  release_hub(hub);
}

moon_hub *moon_hub_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hub_key);
  moon_hub **box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return *box;
}

moon_event_queue *moon_hub_queue(moon_hub *hub) {
  return hub->queue;
}

static void set_entry(lua_State *L, const void *table_key, uint64_t id) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, table_key);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)id);
  lua_pop(L, 1);
}

static void keep_reactor(moon_hub *hub, moon_reactor *reactor) {
  for (size_t i = 0; i < hub->reactor_count; i++)
    if (hub->reactors[i] == reactor) return;
  hub->reactors = moon_realloc(hub->reactors, (hub->reactor_count + 1) * sizeof(moon_reactor *));
  hub->reactors[hub->reactor_count++] = moon_reactor_retain(reactor);
}

void moon_hub_add(lua_State *L, moon_hub *hub, moon_pool *pool) {
  keep_reactor(hub, moon_network_reactor(moon_network_of(pool)));
  lua_pushlightuserdata(L, pool);
  set_entry(L, &pools_key, moon_pool_id(pool));
}

void moon_hub_listen(lua_State *L, moon_pool *pool) {
  bool wanted = !lua_isnil(L, -1);
  set_entry(L, &listeners_key, moon_pool_id(pool));
  moon_pool_set_events_enabled(pool, wanted || moon_pool_is_closed(pool));
}

static void forget_drained(moon_hub *hub) {
  size_t kept = 0;
  for (size_t i = 0; i < hub->closing_count; i++) {
    if (moon_pool_is_drained(moon_cluster_pool(hub->closing[i])))
      moon_cluster_release(hub->closing[i]);
    else
      hub->closing[kept++] = hub->closing[i];
  }
  hub->closing_count = kept;
}

void moon_hub_let_go(lua_State *L, moon_hub *hub, moon_cluster *cluster) {
  moon_pool *pool = moon_cluster_pool(cluster);
  lua_pushnil(L);
  set_entry(L, &listeners_key, moon_pool_id(pool));
  lua_pushnil(L);
  set_entry(L, &pools_key, moon_pool_id(pool));
  moon_pool_set_events_enabled(pool, false);
  moon_pool_close(pool, 0);
  forget_drained(hub);
  hub->closing = moon_realloc(hub->closing, (hub->closing_count + 1) * sizeof *hub->closing);
  hub->closing[hub->closing_count++] = cluster;
}

void moon_hub_await_drained(moon_hub *hub, moon_drain_wait *wait) {
  moon_list_push_back(&hub->draining, &wait->wait.node);
  wake(hub);
}

/* A task that tells that the reactor has done all that was before it. */
typedef struct barrier {
  moon_task task;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool passed;
} barrier;

static void pass(moon_task *task) {
  barrier *self = MOON_ENTRY(task, barrier, task);
  pthread_mutex_lock(&self->lock);
  self->passed = true;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->lock);
}

static void await_tasks(moon_reactor *reactor) {
  barrier self = {.task = {.run = pass}};
  moon_list_init(&self.task.node);
  pthread_mutex_init(&self.lock, NULL);
  pthread_cond_init(&self.changed, NULL);
  moon_reactor_post(reactor, &self.task);
  pthread_mutex_lock(&self.lock);
  while (!self.passed) pthread_cond_wait(&self.changed, &self.lock);
  pthread_mutex_unlock(&self.lock);
  pthread_cond_destroy(&self.changed);
  pthread_mutex_destroy(&self.lock);
}

/* What the reactor does now may give back a pool's last reference, which posts the task that ends the pool's network
 * side: two rounds later that is done, our reference is the last, and giving it back waits for the thread. */
static void end_reactor(moon_reactor *reactor) {
  await_tasks(reactor);
  await_tasks(reactor);
  moon_reactor_release(reactor);
}

static int hub_gc(lua_State *L) {
  moon_hub **box = lua_touserdata(L, 1);
  moon_hub *hub = *box;
  *box = NULL;
  moon_event_queue_close(hub->queue);
  moon_runtime_close(hub->runtime); /* what was answered too late gives back its connections */
  int64_t until_ms = moon_clock_now_ms() + LAST_WAIT_MS;
  for (size_t i = 0; i < hub->closing_count; i++) {
    int64_t left_ms = until_ms - moon_clock_now_ms();
    moon_pool_wait_drained(moon_cluster_pool(hub->closing[i]), left_ms > 0 ? left_ms : 0);
    moon_cluster_release(hub->closing[i]);
  }
  free(hub->closing);
  for (size_t i = 0; i < hub->reactor_count; i++) end_reactor(hub->reactors[i]);
  free(hub->reactors);
  moon_event_queue_release(hub->queue);
  release_hub(hub);
  return 0;
}

void moon_hub_open(lua_State *L) {
  moon_hub **box = lua_newuserdatauv(L, sizeof *box, 0);
  moon_hub *hub = moon_zalloc(sizeof *hub);
  atomic_init(&hub->refs, 1);
  hub->runtime = moon_runtime_retain(moon_runtime_of(L));
  hub->completion.run = run_delivery;
  moon_list_init(&hub->draining);
  hub->queue = moon_event_queue_new(QUEUE_LIMIT, wake, hub);
  *box = hub;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, hub_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &hub_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &listeners_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &pools_key);
}
