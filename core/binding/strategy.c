/* strategy.c: see strategy.h.
 *
 * A strategy runs on a Lua thread of its own, on which a hook looks at the time. What it is given stands ready: for
 * each cluster a table of facts, of which only what has changed is written, and before that the candidate: an empty
 * table that shows the facts and catches what the script writes, so that undoing it is emptying a table that is empty.
 * While a strategy runs, runtime->selecting says so: who would wait raises instead. Runs on the Lua thread. */
#include "binding/strategy.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "binding/fields.h"
#include "binding/scheduler.h"

enum { LIMIT_MS = 10, LOOK_AFTER = 1000 /* instructions */ };

/* Upvalues of run(). CANDIDATES and FACTS are keyed by a candidate's id, IDS by candidates. */
enum { FUNCTION = 1, SELF, LIST, REQUEST, CANDIDATES, FACTS, IDS, UPVALUES = IDS };
enum { HANDLER = 1, RUN }; /* what stays on the strategy's stack */

static const char meta_key; /* registry: metatable */

/* What is known of a candidate, as its facts say. */
typedef struct record {
  uint64_t id;
  moon_cluster *cluster; /* a reference */
  double weight, latency_us;
  int active, usable;
  unsigned failures;
  moon_pool_load load;
  bool gone; /* taken out */
} record;

struct moon_script_strategy {
  moon_manager *manager;
  lua_State *thread;
  char *label;
  record *clusters; /* by id, rising */
  size_t count, room;
  bool any_gone;
  moon_candidate *candidates; /* scratch, as long as `clusters` at least */
  size_t candidate_room;
  bool running, told;

  /* the selection under way */
  const moon_selection *selection;
  const char *kind;
  size_t candidate_count;
  uint64_t chosen;     /* 0: none */
  int64_t since_ns;    /* processor time when the hook first looked; 0: it has not */
  char *late;          /* where it was when its time was over */
  moon_error *problem; /* what it returned cannot be */
};

/* --- the time limit --- */

static void look_at_time(lua_State *L, lua_Debug *ar) {
  (void)ar;
  moon_script_strategy *self = moon_runtime_of(L)->selecting;
  if (!self) { /* a coroutine that was made in a strategy, and is run elsewhere */
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  int64_t now_ns = moon_clock_thread_ns();
  if (!self->since_ns) self->since_ns = now_ns;
  if (now_ns - self->since_ns < LIMIT_MS * INT64_C(1000000)) return;
  if (!self->late) {
    luaL_where(L, 0);
    self->late = moon_strdup(lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_sethook(L, look_at_time, LUA_MASKCOUNT, 1); /* so that no loop around a pcall can go on */
  luaL_error(L, "a strategy has %d ms", LIMIT_MS);
}

void moon_strategy_watch(lua_State *co) {
  lua_sethook(co, look_at_time, LUA_MASKCOUNT, LOOK_AFTER);
}

/* --- candidates --- */

static int next_field(lua_State *L) {
  lua_settop(L, 2);
  if (lua_next(L, 1)) return 2;
  lua_pushnil(L);
  return 1;
}

/* pairs() of what shows another table, the upvalue. */
static int pairs_of(lua_State *L) {
  lua_pushcfunction(L, next_field);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushnil(L);
  return 3;
}

static int refuse_label(lua_State *L) {
  return luaL_error(L, "the labels of a cluster cannot be changed here");
}

/* Replaces the table on top by an empty one that shows it. */
static void show_through(lua_State *L, const char *type, bool read_only) {
  lua_createtable(L, 0, 0);
  lua_createtable(L, 0, 5);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, -3);
  lua_pushcclosure(L, pairs_of, 1);
  lua_setfield(L, -2, "__pairs");
  lua_pushstring(L, type);
  lua_setfield(L, -2, "__name");
  lua_pushstring(L, type);
  lua_setfield(L, -2, "__metatable");
  if (read_only) {
    lua_pushcfunction(L, refuse_label);
    lua_setfield(L, -2, "__newindex");
  }
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

/* Makes a candidate's tables; the facts that never change are written now. */
static void make_tables(lua_State *L, const moon_candidate *candidate) {
  lua_createtable(L, 0, 12);
  lua_pushstring(L, candidate->name);
  lua_setfield(L, -2, "name");
  if (*candidate->zone) {
    lua_pushstring(L, candidate->zone);
    lua_setfield(L, -2, "zone");
  }
  lua_pushinteger(L, candidate->priority);
  lua_setfield(L, -2, "priority");
  lua_createtable(L, 0, (int)candidate->label_count);
  for (size_t i = 0; i < candidate->label_count; i++) {
    lua_pushstring(L, candidate->labels[i].value);
    lua_setfield(L, -2, candidate->labels[i].key);
  }
  show_through(L, "moonpool.Labels", true);
  lua_setfield(L, -2, "labels");
  lua_pushvalue(L, -1);
  lua_rawseti(L, lua_upvalueindex(FACTS), (lua_Integer)candidate->id);
  show_through(L, "moonpool.Candidate", false);
  lua_pushvalue(L, -1);
  lua_rawseti(L, lua_upvalueindex(CANDIDATES), (lua_Integer)candidate->id);
  lua_pushinteger(L, (lua_Integer)candidate->id);
  lua_rawset(L, lua_upvalueindex(IDS));
}

/* Writes what has changed since it was last written; with `all`, everything. */
static void write_facts(lua_State *L, record *known, const moon_candidate *now, bool all) {
  moon_pool_load load;
  moon_pool_get_load(moon_cluster_pool(known->cluster), &load);
  int usable = (int)moon_endpoints_usable(moon_cluster_endpoints(known->cluster));
  if (!all && known->active == now->active && known->latency_us == now->latency_us &&
      known->failures == now->failures && known->weight == now->weight && known->usable == usable &&
      !memcmp(&known->load, &load, sizeof load))
    return;
  lua_rawgeti(L, lua_upvalueindex(FACTS), (lua_Integer)now->id);
  if (all || known->active != now->active) set_integer(L, "inFlight", now->active);
  if (all || known->load.in_use != load.in_use) set_integer(L, "inUse", load.in_use);
  if (all || known->load.idle != load.idle) set_integer(L, "idle", load.idle);
  if (all || known->load.waiting != load.waiting) set_integer(L, "waiting", load.waiting);
  if (all || known->latency_us != now->latency_us) set_number(L, "latency", now->latency_us / 1000);
  if (all || known->failures != now->failures) set_integer(L, "failures", now->failures);
  if (all || known->weight != now->weight) set_number(L, "weight", now->weight);
  if (all || known->usable != usable) set_integer(L, "endpoints", usable);
  lua_pop(L, 1);
  known->active = now->active;
  known->load = load;
  known->latency_us = now->latency_us;
  known->failures = now->failures;
  known->weight = now->weight;
  known->usable = usable;
}

/* Empties the table on top: undoes what a script wrote. */
static void empty(lua_State *L) {
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, -4);
  }
}

/* The record at `place`, where the candidate's is or belongs. NULL: the cluster was taken out meanwhile. */
static record *know(lua_State *L, moon_script_strategy *self, size_t place, const moon_candidate *candidate) {
  if (place < self->count && self->clusters[place].id == candidate->id) return &self->clusters[place];
  moon_cluster *cluster = moon_manager_find(self->manager, candidate->name, NULL);
  if (!cluster) return NULL;
  if (self->count == self->room) {
    self->room = self->room ? 2 * self->room : 8;
    self->clusters = moon_realloc(self->clusters, self->room * sizeof *self->clusters);
  }
  memmove(&self->clusters[place + 1], &self->clusters[place], (self->count - place) * sizeof *self->clusters);
  self->count++;
  record *known = &self->clusters[place];
  *known = (record){.id = candidate->id, .cluster = cluster};
  make_tables(L, candidate);
  write_facts(L, known, candidate, true);
  return known;
}

/* Brings the list and its candidates up to date. Both come by rising id. */
static void fill(lua_State *L, moon_script_strategy *self) {
  size_t place = 0;
  lua_Integer length = 0;
  for (size_t i = 0; i < self->candidate_count; i++) {
    const moon_candidate *candidate = &self->candidates[i];
    while (place < self->count && self->clusters[place].id < candidate->id) place++;
    record *known = know(L, self, place, candidate);
    if (!known) continue;
    write_facts(L, known, candidate, false);
    lua_rawgeti(L, lua_upvalueindex(CANDIDATES), (lua_Integer)candidate->id);
    empty(L);
    lua_rawseti(L, lua_upvalueindex(LIST), ++length);
  }
  while (lua_rawgeti(L, lua_upvalueindex(LIST), ++length) != LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_rawseti(L, lua_upvalueindex(LIST), length);
  }
  lua_pop(L, 1);
}

static void push_request(lua_State *L, const moon_script_strategy *self) {
  lua_pushvalue(L, lua_upvalueindex(REQUEST));
  set_text(L, "method", self->selection->method);
  set_text(L, "path", self->selection->path);
  set_text(L, "key", self->selection->key);
  set_text(L, "cluster", self->selection->preferred);
  set_text(L, "kind", self->kind);
}

/* Drops those that are gone. Not while the strategy runs: its thread's stack is in use. */
static void sweep(moon_script_strategy *self) {
  lua_State *thread = self->thread;
  size_t kept = 0;
  for (size_t i = 0; i < self->count; i++) {
    record *known = &self->clusters[i];
    if (!known->gone) {
      self->clusters[kept++] = *known;
      continue;
    }
    for (int table = CANDIDATES; table <= FACTS; table++) {
      lua_getupvalue(thread, RUN, table);
      lua_pushnil(thread);
      lua_rawseti(thread, -2, (lua_Integer)known->id);
      lua_pop(thread, 1);
    }
    moon_cluster_release(known->cluster);
  }
  self->count = kept;
  self->any_gone = false;
}

void moon_script_strategy_forget(moon_script_strategy *self, const moon_cluster *cluster) {
  for (size_t i = 0; i < self->count; i++)
    if (self->clusters[i].cluster == cluster) self->clusters[i].gone = self->any_gone = true;
  if (self->any_gone && !self->running) sweep(self);
}

/* --- its answer --- */

static const record *find_known(const moon_script_strategy *self, uint64_t id, const char *name) {
  for (size_t i = 0; i < self->count; i++) {
    const record *known = &self->clusters[i];
    if (name ? !strcmp(moon_cluster_name(known->cluster), name) : known->id == id) return known;
  }
  return NULL;
}

static bool is_candidate(const moon_script_strategy *self, uint64_t id) {
  for (size_t i = 0; i < self->candidate_count; i++)
    if (self->candidates[i].id == id) return true;
  return false;
}

/* Why a cluster that there is cannot be chosen. */
static moon_error *absence(const moon_script_strategy *self, const char *name, const moon_cluster *cluster) {
  moon_error *down = moon_cluster_down(cluster);
  moon_cluster_stats stats;
  const char *why = "it is no candidate for this request";
  if (down)
    why = down->message;
  else if (moon_manager_get_stats(self->manager, name, &stats, NULL) != MOON_OK)
    why = "it was removed";
  else if (!stats.enabled)
    why = "it is disabled";
  moon_error *problem = moon_error_new(MOON_CONFIG, "returned \"%s\", which cannot be chosen now: %s", name, why);
  moon_error_free(down);
  return problem;
}

static void judge_name(moon_script_strategy *self, const char *name) {
  const record *known = find_known(self, 0, name);
  if (known && is_candidate(self, known->id)) {
    self->chosen = known->id;
    return;
  }
  moon_error *unknown = NULL;
  moon_cluster *cluster = moon_manager_find(self->manager, name, &unknown);
  self->problem = cluster ? absence(self, name, cluster)
                          : moon_error_new(MOON_CONFIG, "returned \"%s\": %s", name, unknown->message);
  moon_error_free(unknown);
  moon_cluster_release(cluster);
}

/* The result is on top of the stack. */
static void judge(lua_State *L, moon_script_strategy *self) {
  switch (lua_type(L, -1)) {
  case LUA_TNIL:
    return;
  case LUA_TSTRING:
    judge_name(self, lua_tostring(L, -1));
    return;
  case LUA_TTABLE:
    if (lua_rawget(L, lua_upvalueindex(IDS)) == LUA_TNUMBER) {
      uint64_t id = (uint64_t)lua_tointeger(L, -1);
      const record *known = find_known(self, id, NULL);
      if (is_candidate(self, id))
        self->chosen = id;
      else if (known)
        self->problem = absence(self, moon_cluster_name(known->cluster), known->cluster);
      else
        self->problem = moon_error_new(MOON_CONFIG, "returned a cluster that was removed");
      return;
    }
    self->problem = moon_error_new(MOON_CONFIG, "returned a table that is none of the candidates");
    return;
  default:
    self->problem =
        moon_error_new(MOON_CONFIG, "returned a %s; expected a candidate, its name, or nil", luaL_typename(L, -1));
  }
}

/* --- running it --- */

static int run(lua_State *L) {
  moon_script_strategy *self = lua_touserdata(L, 1);
  fill(L, self);
  lua_pushvalue(L, lua_upvalueindex(FUNCTION));
  bool with_self = !lua_isnil(L, lua_upvalueindex(SELF));
  if (with_self) lua_pushvalue(L, lua_upvalueindex(SELF));
  lua_pushvalue(L, lua_upvalueindex(LIST));
  push_request(L, self);
  lua_call(L, with_self ? 3 : 2, 1);
  judge(L, self);
  return 0;
}

/* Makes a text of whatever was raised, while the time limit still holds. */
static int error_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

static void complain(moon_script_strategy *self, const char *what, const char *detail) {
  moon_error *text = moon_error_new(MOON_CONFIG, "the strategy %s %s%s", self->label, what, detail);
  moon_manager_note_strategy_error(self->manager, text->message);
  if (!self->told)
    moon_log(MOON_LOG_WARN, "%s; another cluster was chosen (further errors of it are strategyError events only)",
             text->message);
  self->told = true;
  moon_error_free(text);
}

static void report(moon_script_strategy *self, int status) {
  if (self->late) {
    size_t len = strlen(self->late);
    char *place = moon_strndup(self->late, len > 2 ? len - 2 : len); /* without ": " */
    char *what = moon_sprintf("took more than %d ms%s", LIMIT_MS, *place ? ", at " : "");
    complain(self, what, place);
    free(what);
    free(place);
  } else if (status != LUA_OK) {
    const char *text = lua_tostring(self->thread, -1);
    complain(self, "raised an error: ", text ? text : "(no text)");
  } else if (self->problem) {
    complain(self, "", self->problem->message);
  }
}

static void look_around(moon_script_strategy *self, const moon_selection *selection) {
  moon_selection others = *selection;
  others.preferred = NULL;
  size_t count;
  while ((count = moon_manager_candidates(self->manager, &others, self->candidates, self->candidate_room)) >
         self->candidate_room) {
    self->candidate_room = 2 * count;
    self->candidates = moon_realloc(self->candidates, self->candidate_room * sizeof *self->candidates);
  }
  self->candidate_count = count;
}

moon_cluster *moon_script_strategy_choose(lua_State *L, moon_script_strategy *self, const moon_selection *selection,
                                          const char *kind) {
  moon_runtime *runtime = moon_runtime_of(L);
  if (runtime->selecting) return NULL; /* a strategy that asks its manager for a cluster */
  look_around(self, selection);
  if (!self->candidate_count) return NULL;
  self->selection = selection;
  self->kind = kind;
  self->chosen = 0;
  self->since_ns = 0;
  runtime->selecting = self;
  self->running = true;
  lua_State *thread = self->thread;
  lua_pushvalue(thread, RUN);
  lua_pushlightuserdata(thread, self);
  int status = lua_pcall(thread, 1, 0, HANDLER);
  runtime->selecting = NULL;
  self->running = false;
  if (self->any_gone) sweep(self);
  if (status != LUA_OK || self->late || self->problem) {
    report(self, status);
    if (self->late) moon_strategy_watch(thread);
    free(self->late);
    self->late = NULL;
    moon_error_free(self->problem);
    self->problem = NULL;
    lua_settop(thread, RUN);
    return NULL;
  }
  return self->chosen ? moon_manager_enter(self->manager, self->chosen) : NULL;
}

/* --- making it --- */

static int strategy_gc(lua_State *L) {
  moon_script_strategy *self = lua_touserdata(L, 1);
  for (size_t i = 0; i < self->count; i++) moon_cluster_release(self->clusters[i].cluster);
  free(self->clusters);
  free(self->candidates);
  free(self->label);
  *self = (moon_script_strategy){0};
  return 0;
}

moon_script_strategy *moon_script_strategy_push(lua_State *L, moon_manager *manager, int fn, int own,
                                                const char *label) {
  fn = lua_absindex(L, fn);
  own = lua_absindex(L, own);
  moon_script_strategy *self = lua_newuserdatauv(L, sizeof *self, 1);
  *self = (moon_script_strategy){.manager = manager, .label = moon_strdup(label)};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
  lua_setmetatable(L, -2);
  lua_State *thread = self->thread = lua_newthread(L);
  lua_setiuservalue(L, -2, 1);
  lua_pushcfunction(L, error_text);
  lua_pushvalue(L, fn);
  lua_pushvalue(L, own);
  lua_newtable(L); /* LIST */
  lua_createtable(L, 0, 5);
  lua_newtable(L);
  lua_newtable(L);
  lua_createtable(L, 0, 1); /* IDS: its keys are weak, for those of clusters that went */
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushcclosure(L, run, UPVALUES);
  lua_xmove(L, thread, 2);
  moon_strategy_watch(thread);
  return self;
}

void moon_script_strategy_open(lua_State *L) {
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, strategy_gc);
  lua_setfield(L, -2, "__gc");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
}
