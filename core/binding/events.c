/* events.c: see events.h.
 *
 * Pools and managers append to the queue on any thread; the first append after an empty queue posts one completion,
 * which takes out everything on the Lua thread and calls the listeners, in order. Who may tell events is known by its
 * source: a userdata in a registry table. One that had no listener when its events were taken out makes none until it
 * gets one.
 *
 * The hub is collected after all handles of pools and managers (it was made before them). It waits then, shortly, for
 * the pools that are still closing, and ends the reactors, so that no thread of ours runs while the process ends. */
#include "binding/events.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "binding/error.h"
#include "binding/fields.h"
#include "binding/scheduler.h"
#include "cluster/network.h"

enum { QUEUE_LIMIT = 10000, LAST_WAIT_MS = 2000, ENDING_MS = 500 };

static const char hub_key;     /* registry: the hub */
static const char sources_key; /* registry: source of events -> source */
static const char await_key;   /* registry: metatable of those who wait for what is being closed */

/* Who tells events. User value LISTENER: the function, or nil; of a manager's pool, the manager's source. User value
 * NAME: of a manager's pool, the cluster's. */
typedef struct source {
  moon_pool *pool;       /* of a handle of its own; or NULL */
  moon_manager *manager; /* or NULL: of a manager's pool */
} source;
enum { LISTENER = 1, NAME = 2 };

struct moon_hub {
  atomic_int refs; /* the universe's, and one for the completion while it is posted */
  moon_runtime *runtime;
  moon_event_queue *queue;
  moon_completion completion;
  atomic_bool posted;
  uint64_t told_dropped;  /* lost events that the log has been told of */
  moon_list awaiting;     /* awaiting.wait.node */
  moon_cluster **closing; /* let go, not drained yet */
  size_t closing_count;
  moon_reactor **reactors; /* references to those that the pools use */
  size_t reactor_count;
};

/* Somebody who waits until something is closed. */
typedef struct awaiting {
  moon_wait wait;
  bool (*over)(void *ctx);
  void *ctx;
  bool is_over; /* found so, before the events were delivered that belong to it */
} awaiting;

static atomic_int hubs; /* universes that are open */

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

/* Pushes the source with that id, or nil. */
static source *push_source(lua_State *L, uint64_t id) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sources_key);
  lua_rawgeti(L, -1, (lua_Integer)id);
  lua_remove(L, -2);
  return lua_touserdata(L, -1);
}

static void forget_source(lua_State *L, uint64_t id) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sources_key);
  lua_pushnil(L);
  lua_rawseti(L, -2, (lua_Integer)id);
  lua_pop(L, 1);
}

/* Nobody listens: no more of these events. */
static void silence(const source *from) {
  if (from->manager) moon_manager_set_events_enabled(from->manager, false);
  if (from->pool && !moon_pool_is_closed(from->pool)) moon_pool_set_events_enabled(from->pool, false);
}

/* Pushes what a listener gets after the event's name and before the cluster's; returns how many values. */
static int push_details(lua_State *L, const moon_event *event) {
  switch (event->kind) {
  case MOON_EVENT_CONNECTION_CREATED:
  case MOON_EVENT_CONNECTION_ACQUIRED:
  case MOON_EVENT_CONNECTION_RELEASED:
    push_snapshot(L, event);
    return 1;
  case MOON_EVENT_CONNECTION_REMOVED:
    push_snapshot(L, event);
    lua_pushstring(L, moon_remove_reason_name(event->reason));
    return 2;
  case MOON_EVENT_CONNECTION_UNHEALTHY:
  case MOON_EVENT_CONNECTION_LEAKED:
    push_snapshot(L, event);
    lua_pushstring(L, event->text);
    return 2;
  case MOON_EVENT_ACQUIRE_TIMEOUT:
  case MOON_EVENT_POOL_READY:
  case MOON_EVENT_STRATEGY_ERROR:
    lua_pushstring(L, event->text);
    return 1;
  case MOON_EVENT_POOL_DRAINED:
    return 0;
  case MOON_EVENT_CLUSTER_ADDED:
  case MOON_EVENT_CLUSTER_REMOVED:
  case MOON_EVENT_CLUSTER_HEALTHY:
    lua_pushstring(L, event->cluster);
    return 1;
  case MOON_EVENT_CLUSTER_UNHEALTHY:
    lua_pushstring(L, event->cluster);
    lua_pushstring(L, event->text);
    return 2;
  case MOON_EVENT_FAILOVER:
    lua_pushstring(L, event->cluster);
    lua_pushstring(L, event->other);
    lua_pushstring(L, event->text);
    return 3;
  }
  return 0;
}

/* fn(name, ...), with the arguments of api.md */
static int call_listener(lua_State *L) {
  const moon_event *event = lua_touserdata(L, 1);
  const source *from = push_source(L, event->source);
  if (!from) return 0; /* it was let go */
  bool managed = !from->pool && !from->manager;
  lua_getiuservalue(L, 2, NAME);
  lua_getiuservalue(L, 2, LISTENER);
  if (managed) {
    from = lua_touserdata(L, -1);
    lua_getiuservalue(L, -1, LISTENER);
    if (event->kind == MOON_EVENT_POOL_DRAINED) forget_source(L, event->source);
  }
  if (lua_isnil(L, -1)) {
    silence(from);
    return 0;
  }
  lua_pushstring(L, moon_event_name(event->kind));
  int count = 1 + push_details(L, event);
  if (managed) {
    lua_pushvalue(L, 3);
    count++;
  }
  lua_call(L, count, 0);
  return 0;
}

static void tell_dropped(moon_hub *hub) {
  uint64_t dropped = moon_event_queue_dropped(hub->queue), fresh = dropped - hub->told_dropped;
  if (!fresh) return;
  hub->told_dropped = dropped;
  moon_log(MOON_LOG_WARN, "the script let no events run while more than %d of them came: the oldest %llu were dropped",
           QUEUE_LIMIT, (unsigned long long)fresh);
}

static void deliver_queued(moon_hub *hub, lua_State *L) {
  moon_event event;
  while (moon_event_queue_take(hub->queue, &event)) {
    lua_pushcfunction(L, call_listener);
    lua_pushlightuserdata(L, &event);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
      moon_log(MOON_LOG_ERROR, "a listener raised: %s", moon_push_text(L, -1));
      lua_pop(L, 2);
    }
    moon_event_clear(&event);
  }
}

/* Whether something that is waited for is over; with `release`, those are released that were when this was asked last.
 */
static bool look_at_waits(moon_hub *hub, bool release) {
  bool any = false;
  for (moon_list *node = hub->awaiting.next, *next; node != &hub->awaiting; node = next) {
    next = node->next;
    awaiting *one = MOON_ENTRY(MOON_ENTRY(node, moon_wait, node), awaiting, wait);
    if (one->is_over && release) {
      moon_list_remove(node);
      moon_wait_ready(hub->runtime, &one->wait);
    } else if (one->over(one->ctx)) {
      any = one->is_over = true;
    }
  }
  return any;
}

/* What is over has its last events in the queue: these are delivered before anybody hears that it is. */
static void deliver(moon_hub *hub, lua_State *L) {
  tell_dropped(hub);
  look_at_waits(hub, false);
  do deliver_queued(hub, L);
  while (look_at_waits(hub, true));
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

static void keep_reactor(moon_hub *hub, moon_reactor *reactor) {
  for (size_t i = 0; i < hub->reactor_count; i++)
    if (hub->reactors[i] == reactor) return;
  hub->reactors = moon_realloc(hub->reactors, (hub->reactor_count + 1) * sizeof(moon_reactor *));
  hub->reactors[hub->reactor_count++] = moon_reactor_retain(reactor);
}

/* Pushes a new source. */
static void add_source(lua_State *L, uint64_t id, moon_pool *pool, moon_manager *manager) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sources_key);
  source *self = lua_newuserdatauv(L, sizeof *self, 2);
  *self = (source){.pool = pool, .manager = manager};
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, (lua_Integer)id);
  lua_remove(L, -2);
}

static void keep_reactor_of(moon_hub *hub, const moon_pool *pool) {
  keep_reactor(hub, moon_network_reactor(moon_network_of(pool)));
}

void moon_hub_add_pool(lua_State *L, moon_hub *hub, moon_pool *pool) {
  keep_reactor_of(hub, pool);
  add_source(L, moon_pool_id(pool), pool, NULL);
  lua_pop(L, 1);
}

void moon_hub_add_manager(lua_State *L, moon_manager *manager) {
  add_source(L, moon_manager_id(manager), NULL, manager);
  lua_pop(L, 1);
}

void moon_hub_add_cluster(lua_State *L, moon_hub *hub, moon_manager *manager, const moon_cluster *cluster) {
  const moon_pool *pool = moon_cluster_pool(cluster);
  keep_reactor_of(hub, pool);
  add_source(L, moon_pool_id(pool), NULL, NULL);
  push_source(L, moon_manager_id(manager));
  lua_setiuservalue(L, -2, LISTENER);
  lua_pushstring(L, moon_cluster_name(cluster));
  lua_setiuservalue(L, -2, NAME);
  lua_pop(L, 1);
}

/* The function is on top of the stack; popped. */
static bool set_listener(lua_State *L, uint64_t id) {
  bool wanted = !lua_isnil(L, -1);
  push_source(L, id);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, LISTENER);
  lua_pop(L, 1);
  return wanted;
}

void moon_hub_listen_to_pool(lua_State *L, moon_pool *pool) {
  bool wanted = set_listener(L, moon_pool_id(pool));
  moon_pool_set_events_enabled(pool, wanted || moon_pool_is_closed(pool));
}

void moon_hub_listen_to_manager(lua_State *L, moon_manager *manager) {
  moon_manager_set_events_enabled(manager, set_listener(L, moon_manager_id(manager)));
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

/* Takes over the reference. */
static void close_later(moon_hub *hub, moon_cluster *cluster) {
  forget_drained(hub);
  hub->closing = moon_realloc(hub->closing, (hub->closing_count + 1) * sizeof(moon_cluster *));
  hub->closing[hub->closing_count++] = cluster;
}

void moon_hub_let_go(lua_State *L, moon_hub *hub, moon_cluster *cluster) {
  moon_pool *pool = moon_cluster_pool(cluster);
  forget_source(L, moon_pool_id(pool));
  moon_pool_set_events_enabled(pool, false);
  moon_pool_close(pool, 0);
  close_later(hub, cluster);
}

void moon_hub_let_go_manager(lua_State *L, moon_hub *hub, moon_manager *manager, moon_cluster *const *clusters,
                             size_t count) {
  forget_source(L, moon_manager_id(manager));
  moon_manager_set_events_enabled(manager, false);
  for (size_t i = 0; i < count; i++) {
    forget_source(L, moon_pool_id(moon_cluster_pool(clusters[i])));
    close_later(hub, clusters[i]);
  }
  moon_manager_close(manager, 0);
  moon_manager_release(manager);
}

static int await_close(lua_State *L) {
  awaiting *self = lua_touserdata(L, 1);
  moon_list_remove(&self->wait.node);
  return 0;
}

int moon_hub_await(lua_State *L, bool (*over)(void *ctx), void *ctx, lua_KFunction k) {
  moon_hub *hub = moon_hub_of(L);
  awaiting *self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (awaiting){.over = over, .ctx = ctx};
  moon_list_init(&self->wait.node);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &await_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, -1);
  moon_list_push_back(&hub->awaiting, &self->wait.node);
  wake(hub);
  return moon_runtime_wait(L, &self->wait, 0, k);
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
  bool last = atomic_fetch_sub(&hubs, 1) == 1;
  /* The process is about to end: those of plugins and probes first. A C host goes on, and may have its own. */
  if (last && !hub->runtime->host) moon_reactors_await_end(ENDING_MS);
  moon_event_queue_release(hub->queue);
  release_hub(hub);
  return 0;
}

void moon_hub_open(lua_State *L) {
  moon_hub **box = lua_newuserdatauv(L, sizeof *box, 0);
  moon_hub *hub = moon_zalloc(sizeof *hub);
  atomic_init(&hub->refs, 1);
  atomic_fetch_add(&hubs, 1);
  hub->runtime = moon_runtime_retain(moon_runtime_of(L));
  hub->completion.run = run_delivery;
  moon_list_init(&hub->awaiting);
  hub->queue = moon_event_queue_new(QUEUE_LIMIT, wake, hub);
  *box = hub;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, hub_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &hub_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sources_key);
  moon_op_meta(L, &await_key, await_close);
}
