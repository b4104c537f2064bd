/* log.c: the log's lines, from whichever thread, given to a Lua function on the Lua thread.
 *
 * One universe at a time has the log: the last that set a logger. The sink appends a copy of each line to a queue (at
 * most QUEUE_LIMIT, the newest are dropped beyond and counted) and posts one completion for a whole batch. A logger
 * that raises is told about once and replaced by standard error. */
#include "binding/log.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "binding/runtime.h"

enum { QUEUE_LIMIT = 10000 };

typedef struct line {
  moon_list node;
  moon_log_level level;
  char *text;
} line;

static const char logger_key; /* registry: the function */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static moon_list lines = {&lines, &lines};
static size_t line_count, dropped;
static moon_runtime *owner; /* a reference; NULL: nobody has the log */
static bool posted;
static moon_completion delivery;

static void print_line(moon_log_level level, const char *text) {
  fprintf(stderr, "moonpool: %s: %s\n", moon_log_level_name(level), text);
}

static void sink(void *ctx, moon_log_level level, const char *text) {
  (void)ctx;
  pthread_mutex_lock(&lock);
  moon_runtime *wake = NULL;
  bool direct = !owner;
  if (owner && line_count >= QUEUE_LIMIT) {
    dropped++;
  } else if (owner) {
    line *added = moon_alloc(sizeof *added);
    *added = (line){.level = level, .text = moon_strdup(text)};
    moon_list_push_back(&lines, &added->node);
    line_count++;
    if (!posted) wake = moon_runtime_retain(owner);
    posted = true;
  }
  pthread_mutex_unlock(&lock);
  if (direct) print_line(level, text);
  if (wake) {
    moon_runtime_post(wake, &delivery);
    moon_runtime_release(wake);
  }
}

static line *take_line(void) {
  pthread_mutex_lock(&lock);
  moon_list *node = moon_list_pop_front(&lines);
  if (node) line_count--;
  pthread_mutex_unlock(&lock);
  return node ? MOON_ENTRY(node, line, node) : NULL;
}

static void free_line(line *old) {
  free(old->text);
  free(old);
}

static void print_waiting_lines(void) {
  for (line *next; (next = take_line());) {
    print_line(next->level, next->text);
    free_line(next);
  }
}

static void set_owner(moon_runtime *runtime) {
  pthread_mutex_lock(&lock);
  moon_runtime *before = owner;
  owner = runtime ? moon_runtime_retain(runtime) : NULL;
  pthread_mutex_unlock(&lock);
  if (before) moon_runtime_release(before);
  moon_log_set_sink(runtime ? sink : NULL, NULL);
}

static bool is_owner(const moon_runtime *runtime) {
  pthread_mutex_lock(&lock);
  bool is = owner == runtime;
  pthread_mutex_unlock(&lock);
  return is;
}

static bool call_logger(lua_State *L, const char *level, const char *text) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &logger_key) != LUA_TFUNCTION) {
    lua_pop(L, 1);
    return false;
  }
  lua_pushstring(L, level);
  lua_pushstring(L, text);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return true;
  const char *problem = luaL_tolstring(L, -1, NULL);
  fprintf(stderr, "moonpool: error: the logger raised and is replaced by standard error: %s\n", problem);
  lua_pop(L, 2);
  return false;
}

static void deliver(moon_completion *completion, lua_State *L) {
  (void)completion;
  pthread_mutex_lock(&lock);
  posted = false;
  size_t lost = dropped;
  dropped = 0;
  pthread_mutex_unlock(&lock);
  bool works = L != NULL;
  for (line *next; works && (next = take_line());) {
    works = call_logger(L, moon_log_level_name(next->level), next->text);
    if (!works) print_line(next->level, next->text);
    free_line(next);
  }
  if (works && lost > 0) {
    char text[96];
    snprintf(text, sizeof text, "%zu log lines were dropped: the logger is too slow", lost);
    works = call_logger(L, "warn", text);
  }
  if (works) return;
  set_owner(NULL);
  print_waiting_lines();
}

void moon_log_detach(lua_State *L) {
  if (!is_owner(moon_runtime_of(L))) return;
  set_owner(NULL);
  print_waiting_lines();
}

static int core_set_logger(lua_State *L) {
  moon_runtime *runtime = moon_runtime_of(L);
  if (lua_isnoneornil(L, 1)) {
    moon_log_detach(L);
    return 0;
  }
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &logger_key);
  delivery.run = deliver;
  if (!is_owner(runtime)) set_owner(runtime);
  return 0;
}

static const char *const level_names[] = {"debug", "info", "warn", "error", "off", NULL};

/* Returns what it was. */
static int core_set_log_level(lua_State *L) {
  int level = luaL_checkoption(L, 1, NULL, level_names);
  lua_pushstring(L, moon_log_level_name(moon_log_get_level()));
  moon_log_set_level((moon_log_level)level);
  return 1;
}

static int core_log(lua_State *L) {
  int level = luaL_checkoption(L, 1, NULL, level_names);
  const char *text = luaL_checkstring(L, 2);
  luaL_argcheck(L, level != MOON_LOG_OFF, 1, "expected a level of a line");
  moon_log((moon_log_level)level, "%s", text);
  return 0;
}

/* Detaches when the universe is closed. */
static int guard_gc(lua_State *L) {
  moon_log_detach(L);
  return 0;
}

int moon_log_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"setLogger", core_set_logger}, {"setLogLevel", core_set_log_level}, {"log", core_log}, {NULL, NULL}};
  static const char guard_key;
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, guard_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &guard_key);
  luaL_setfuncs(L, functions, 0);
  return 0;
}
