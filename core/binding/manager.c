/* manager.c: see manager.h and manager_handle.h.
 *
 * Who makes a call or a lease chooses here, on the Lua thread, when the manager's strategy is a script's; otherwise the
 * core chooses. What happens later (retries, another cluster) is the core's. The handle keeps a reference of each of
 * its clusters until it is drained, so that the universe's end can wait for them. Runs on the Lua thread, except
 * `checked`. */
#include "binding/manager.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "binding/call.h"
#include "binding/error.h"
#include "binding/events.h"
#include "binding/kubeconfig.h"
#include "binding/manager_handle.h"
#include "binding/options.h"
#include "binding/pool.h"
#include "binding/request.h"
#include "binding/selector.h"
#include "binding/stream.h"

#define MANAGER_TYPE "moonpool.Manager"
enum { GRACE_MS = 5000 };

static const char type_tag;  /* the first field of every handle, as in pool.c */
static const char check_key; /* registry: metatable of the operation */

enum { POOLS = 1, STRATEGY = 2, USER_VALUES = STRATEGY }; /* POOLS: cluster -> its pool's handle, weak */

static manager_handle *check_type(lua_State *L) {
  manager_handle *self = lua_touserdata(L, 1);
  if (self && lua_rawlen(L, 1) == sizeof *self && self->tag == &type_tag) return self;
  luaL_typeerror(L, 1, MANAGER_TYPE);
  return NULL;
}

manager_handle *manager_check(lua_State *L) {
  manager_handle *self = check_type(L);
  luaL_argcheck(L, self->manager, 1, "the manager was collected");
  return self;
}

manager_handle *manager_check_usable(lua_State *L) {
  manager_handle *self = manager_check(L);
  if (self->disposed) moon_misuse(L, "ConnectionManager was disposed");
  return self;
}

/* true, or nil and the error */
static int outcome(lua_State *L, moon_error *err) {
  if (err) return moon_push_error(L, err);
  lua_pushboolean(L, true);
  return 1;
}

/* --- making it --- */

static void read_flag(lua_State *L, int index, const char *name, bool *out) {
  if (lua_getfield(L, index, name) != LUA_TNIL) *out = lua_toboolean(L, -1);
  lua_pop(L, 1);
}

/* core.manager(options). Upvalue: the metatable of POOLS. */
static int core_manager(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  moon_manager_options options = moon_manager_default_options;
  read_flag(L, 1, "enableFailover", &options.enable_failover);
  read_flag(L, 1, "failoverWrites", &options.failover_writes);
  if (lua_getfield(L, 1, "clusterHealthCheckInterval") != LUA_TNIL)
    options.cluster_health_check_interval_ms = luaL_checkinteger(L, -1);
  lua_getfield(L, 1, "defaultPoolConfig");
  moon_options_read(L, -1, &options.default_pool);
  manager_handle *self = lua_newuserdatauv(L, sizeof *self, USER_VALUES);
  *self = (manager_handle){.tag = &type_tag};
  luaL_setmetatable(L, MANAGER_TYPE);
  lua_newtable(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, -2);
  lua_setiuservalue(L, -2, POOLS);
  moon_error *err = moon_manager_create(&options, moon_hub_queue(moon_hub_of(L)), &self->manager);
  if (err) {
    lua_pushstring(L, err->message);
    moon_error_free(err);
    return moon_misuse(L, "ConnectionManager: %s", lua_tostring(L, -1));
  }
  moon_hub_add_manager(L, self->manager);
  return 1;
}

static void forget_drained(manager_handle *self) {
  size_t kept = 0;
  for (size_t i = 0; i < self->cluster_count; i++) {
    if (moon_pool_is_drained(moon_cluster_pool(self->clusters[i])))
      moon_cluster_release(self->clusters[i]);
    else
      self->clusters[kept++] = self->clusters[i];
  }
  self->cluster_count = kept;
}

static int manager_gc(lua_State *L) {
  manager_handle *self = check_type(L);
  moon_manager *manager = self->manager;
  self->manager = NULL;
  if (!manager) return 0;
  forget_drained(self);
  moon_hub_let_go_manager(L, moon_hub_of(L), manager, self->clusters, self->cluster_count);
  free(self->clusters);
  return 0;
}

/* --- clusters --- */

/* Pushes an array of texts that ends with NULL, from the list on top; they live as long as it. */
static const char **push_texts(lua_State *L) {
  size_t count = lua_rawlen(L, -1);
  const char **texts = lua_newuserdatauv(L, (count + 1) * sizeof *texts, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1);
    texts[i] = luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  texts[count] = NULL;
  return texts;
}

/* The same of the labels in the table on top. */
static moon_label *push_labels(lua_State *L, size_t *count) {
  int from = lua_gettop(L);
  *count = 0;
  for (lua_pushnil(L); lua_next(L, from); lua_pop(L, 1)) ++*count;
  moon_label *labels = lua_newuserdatauv(L, (*count + 1) * sizeof *labels, 0);
  size_t i = 0;
  for (lua_pushnil(L); lua_next(L, from); lua_pop(L, 1))
    labels[i++] = (moon_label){luaL_checkstring(L, -2), luaL_checkstring(L, -1)};
  return labels;
}

/* Fills from the table at index 2 what is its own; the texts live as long as the frame. */
static void read_cluster(lua_State *L, moon_cluster_options *out) {
  lua_getfield(L, 2, "name");
  out->name = luaL_checkstring(L, -1);
  lua_getfield(L, 2, "context");
  out->context = luaL_optstring(L, -1, NULL);
  lua_getfield(L, 2, "zone");
  out->zone = luaL_optstring(L, -1, NULL);
  lua_getfield(L, 2, "weight");
  out->weight = luaL_optnumber(L, -1, out->weight);
  lua_getfield(L, 2, "priority");
  out->priority = (int)luaL_optinteger(L, -1, 0);
  read_flag(L, 2, "resolveEndpoints", &out->resolve_endpoints);
  if (lua_getfield(L, 2, "endpoints") != LUA_TNIL) out->endpoints = push_texts(L);
  if (lua_getfield(L, 2, "labels") != LUA_TNIL) out->labels = push_labels(L, &out->label_count);
}

static int manager_add_cluster(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  moon_cluster_options options = moon_cluster_default_options;
  read_cluster(L, &options);
  moon_pool_options pool;
  if (lua_getfield(L, 2, "poolConfig") != LUA_TNIL) {
    moon_options_read(L, -1, &pool);
    options.pool = &pool;
  }
  lua_getfield(L, 2, "kubeConfig");
  moon_kubeconfig *config = moon_check_kubeconfig(L, -1);
  moon_target *target = NULL;
  moon_error *err = moon_kubeconfig_target(config, options.context, &target);
  if (!err) {
    options.write_refusal = moon_push_write_refusal(L, options.name, target->context);
    err = moon_manager_add(self->manager, &options, target);
  }
  moon_target_release(target);
  if (err && !err->cluster) moon_error_set(&err->cluster, options.name);
  if (err) return moon_push_error(L, err);
  forget_drained(self);
  self->clusters = moon_realloc(self->clusters, (self->cluster_count + 1) * sizeof(moon_cluster *));
  moon_cluster *cluster = moon_manager_find(self->manager, options.name, NULL);
  self->clusters[self->cluster_count++] = cluster;
  moon_hub_add_cluster(L, moon_hub_of(L), self->manager, cluster);
  return outcome(L, NULL);
}

void manager_push_pool(lua_State *L, moon_cluster *cluster) {
  lua_getiuservalue(L, 1, POOLS);
  if (lua_rawgetp(L, -1, cluster) == LUA_TNIL) {
    lua_pop(L, 1);
    moon_pool_push_managed(L, cluster, 1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, -3, cluster);
  }
  lua_remove(L, -2);
}

static int manager_cluster(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  moon_error *err = NULL;
  moon_cluster *cluster = moon_manager_find(self->manager, luaL_checkstring(L, 2), &err);
  if (!cluster) return moon_push_error(L, err);
  manager_push_pool(L, cluster);
  moon_cluster_release(cluster);
  return 1;
}

static bool pool_is_over(void *ctx) {
  return moon_pool_is_drained(ctx);
}

static int removed(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return outcome(L, NULL);
}

static int manager_remove_cluster(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  const char *name = luaL_checkstring(L, 2);
  lua_settop(L, 2);
  moon_error *err = NULL;
  moon_cluster *cluster = moon_manager_find(self->manager, name, &err);
  if (!cluster) return moon_push_error(L, err);
  manager_push_pool(L, cluster); /* it keeps the cluster while this waits */
  moon_cluster_release(cluster);
  moon_pool *pool = moon_cluster_pool(cluster);
  moon_pool_set_events_enabled(pool, true); /* for the last event, which says that it is drained */
  err = moon_manager_take_out(self->manager, name, GRACE_MS);
  if (err) return moon_push_error(L, err);
  if (self->strategy) moon_script_strategy_forget(self->strategy, cluster);
  return moon_hub_await(L, pool_is_over, pool, removed);
}

static int manager_set_enabled(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  moon_error *err = NULL;
  moon_manager_set_enabled(self->manager, luaL_checkstring(L, 2), lua_toboolean(L, 3), &err);
  return outcome(L, err);
}

static int manager_set_weight(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  moon_error *err = NULL;
  moon_manager_set_weight(self->manager, luaL_checkstring(L, 2), luaL_checknumber(L, 3), &err);
  return outcome(L, err);
}

static int manager_names(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  const moon_selector *selector = moon_opt_selector(L, 2);
  char **names;
  size_t count = moon_manager_names(self->manager, selector, &names);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushstring(L, names[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
    free(names[i]);
  }
  free(names);
  return 1;
}

/* --- strategies --- */

static int manager_use_strategy(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  moon_error *err = NULL;
  moon_manager_use_strategy(self->manager, luaL_checkstring(L, 2), &err);
  return outcome(L, err);
}

static int manager_set_select(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  lua_settop(L, 4);
  if (lua_isnil(L, 2)) {
    self->strategy = NULL;
    lua_pushnil(L);
  } else {
    self->strategy = moon_script_strategy_push(L, self->manager, 2, 3, luaL_checkstring(L, 4));
  }
  lua_setiuservalue(L, 1, STRATEGY);
  return 0;
}

static int manager_note_strategy_error(lua_State *L) {
  manager_handle *self = manager_check(L);
  moon_manager_note_strategy_error(self->manager, luaL_checkstring(L, 2));
  return 0;
}

moon_cluster *manager_choose(lua_State *L, manager_handle *self, const moon_selection *selection, const char *kind) {
  if (!self->strategy) return NULL;
  moon_error *absence = NULL;
  if (selection->preferred) {
    if (!moon_manager_get_options(self->manager)->enable_failover) return NULL;
    absence = moon_manager_absence(self->manager, selection->preferred);
    if (!absence) return NULL;
  }
  lua_getiuservalue(L, 1, STRATEGY); /* stays, should the script set another one now */
  moon_cluster *chosen = moon_script_strategy_choose(L, self->strategy, selection, kind);
  lua_pop(L, 1);
  if (chosen && absence)
    moon_manager_note_failover(self->manager, selection->preferred, moon_cluster_name(chosen), absence->message);
  moon_error_free(absence);
  return chosen;
}

/* --- calls --- */

/* At index 3: nil, or a table: `among`, a selector, and `key`. */
static void find_among(lua_State *L, const moon_request *request, moon_callee *out) {
  manager_handle *self = manager_check_usable(L);
  moon_selection *selection = &out->selection;
  out->manager = self->manager;
  selection->method = request->method;
  selection->path = request->path;
  if (!lua_isnil(L, 3)) {
    lua_getfield(L, 3, "among");
    selection->among = moon_opt_selector(L, -1);
    lua_getfield(L, 3, "key");
    selection->key = luaL_optstring(L, -1, NULL);
    lua_pop(L, 2); /* the table keeps both */
  }
  const char *kind = request->streaming ? "watch" : moon_request_is_read(request) ? "read" : "write";
  out->chosen = manager_choose(L, self, selection, kind);
}

static int manager_call(lua_State *L) {
  manager_check_usable(L);
  return moon_call_from_lua(L, find_among);
}

static int manager_stream(lua_State *L) {
  manager_check_usable(L);
  return moon_stream_from_lua(L, find_among);
}

static int manager_tostring(lua_State *L) {
  manager_handle *self = check_type(L);
  lua_pushfstring(L, MANAGER_TYPE ": %p%s", (void *)self, !self->manager || self->disposed ? ", disposed" : "");
  return 1;
}

/* --- health --- */

typedef struct check_op {
  moon_completion completion;
  moon_wait wait;
  moon_runtime *runtime;
  bool answered;  /* the completion has run */
  bool abandoned; /* the frame is gone: the completion frees */
} check_op;

static void free_check(check_op *op) {
  moon_runtime_release(op->runtime);
  free(op);
}

static void check_answered(moon_completion *completion, lua_State *L) {
  check_op *op = MOON_ENTRY(completion, check_op, completion);
  if (op->abandoned || !L) {
    free_check(op);
    return;
  }
  op->answered = true;
  moon_wait_ready(op->runtime, &op->wait);
}

/* Any thread. */
static void checked(void *ctx) {
  check_op *op = ctx;
  moon_runtime_post(op->runtime, &op->completion);
}

static int check_close(lua_State *L) {
  check_op **box = lua_touserdata(L, 1);
  check_op *op = *box;
  *box = NULL;
  if (op && op->answered)
    free_check(op);
  else if (op)
    op->abandoned = true;
  return 0;
}

static int check_finished(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return outcome(L, NULL);
}

static int manager_check_health(lua_State *L) {
  manager_handle *self = manager_check_usable(L);
  const char *name = luaL_optstring(L, 2, NULL);
  lua_settop(L, 2);
  check_op **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &check_key);
  lua_setmetatable(L, -2);
  check_op *op = moon_zalloc(sizeof *op);
  op->completion.run = check_answered;
  op->runtime = moon_runtime_retain(moon_runtime_of(L));
  moon_error *err = moon_manager_check_async(self->manager, name, checked, op);
  if (err) {
    free_check(op);
    return moon_push_error(L, err);
  }
  *box = op;
  lua_toclose(L, 3);
  return moon_runtime_wait(L, &op->wait, 0, check_finished);
}

/* --- events and the end --- */

static int manager_set_listener(lua_State *L) {
  manager_handle *self = manager_check(L);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  moon_hub_listen_to_manager(L, self->manager);
  return 0;
}

static bool manager_is_over(void *ctx) {
  manager_handle *self = ctx;
  forget_drained(self);
  return self->cluster_count == 0;
}

static int disposed(lua_State *L, int status, lua_KContext ctx) {
  (void)L, (void)status, (void)ctx;
  return 0;
}

static int manager_dispose(lua_State *L) {
  manager_handle *self = manager_check(L);
  lua_settop(L, 1);
  if (!self->disposed) {
    self->disposed = true;
    moon_manager_set_events_enabled(self->manager, true); /* for the last ones, which say that all is drained */
    moon_manager_close(self->manager, GRACE_MS);
  }
  return moon_hub_await(L, manager_is_over, self, disposed);
}

static int manager_is_disposed(lua_State *L) {
  lua_pushboolean(L, manager_check(L)->disposed);
  return 1;
}

int moon_manager_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"addCluster", manager_add_cluster},
      {"removeCluster", manager_remove_cluster},
      {"setEnabled", manager_set_enabled},
      {"setWeight", manager_set_weight},
      {"useStrategy", manager_use_strategy},
      {"setSelect", manager_set_select},
      {"noteStrategyError", manager_note_strategy_error},
      {"acquire", manager_acquire},
      {"release", manager_release},
      {"call", manager_call},
      {"stream", manager_stream},
      {"cluster", manager_cluster},
      {"names", manager_names},
      {"getStats", manager_get_stats},
      {"checkHealth", manager_check_health},
      {"setListener", manager_set_listener},
      {"dispose", manager_dispose},
      {"isDisposed", manager_is_disposed},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {
      {"__tostring", manager_tostring}, {"__close", manager_dispose}, {"__gc", manager_gc}, {NULL, NULL}};
  moon_script_strategy_open(L);
  manager_lease_open(L);
  moon_op_meta(L, &check_key, check_close);
  luaL_newmetatable(L, MANAGER_TYPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_pushcclosure(L, core_manager, 1);
  lua_setfield(L, -2, "manager");
  return 0;
}
