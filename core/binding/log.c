/* log.c: the log's lines, and those of requests, from whichever thread, given to Lua functions on the Lua thread.
 *
 * Two feeds: the log itself, for a logger that takes the place of standard error; and the requests, for whoever follows
 * them beside it. One universe at a time has a feed: the last that set its function. A feed's sink appends a copy of
 * each line to a queue (at most QUEUE_LIMIT, the newest are dropped beyond and counted) and posts one completion for a
 * whole batch. A function that raises is told about once and not called any more; the log's lines go to standard error
 * then. */
#include "binding/log.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "binding/error.h"
#include "binding/runtime.h"

enum { QUEUE_LIMIT = 10000 };

typedef struct waiting_line {
  moon_list node;
  moon_log_line *line;
} waiting_line;

typedef struct feed {
  const char *what; /* of the function, for messages; its address is the function's key in the registry */
  void (*set_sink)(moon_log_sink *sink, void *ctx);
  bool prints; /* what nobody takes goes to standard error */

  moon_list lines; /* guarded by the lock, as all below */
  size_t count, dropped;
  moon_runtime *owner; /* a reference; NULL: nobody has it */
  bool posted;
  moon_completion delivery;
} feed;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static feed logged = {
    .what = "logger", .set_sink = moon_log_set_sink, .prints = true, .lines = {&logged.lines, &logged.lines}};
static feed followed = {
    .what = "follower of requests", .set_sink = moon_log_set_follower, .lines = {&followed.lines, &followed.lines}};

static void sink(void *ctx, const moon_log_line *line) {
  feed *self = ctx;
  pthread_mutex_lock(&lock);
  moon_runtime *wake = NULL;
  bool direct = !self->owner;
  if (self->owner && self->count >= QUEUE_LIMIT) {
    self->dropped++;
  } else if (self->owner) {
    waiting_line *added = moon_alloc(sizeof *added);
    added->line = moon_log_line_copy(line);
    moon_list_push_back(&self->lines, &added->node);
    self->count++;
    if (!self->posted) wake = moon_runtime_retain(self->owner);
    self->posted = true;
  }
  pthread_mutex_unlock(&lock);
  if (direct && self->prints) moon_log_print(line);
  if (wake) {
    moon_runtime_post(wake, &self->delivery);
    moon_runtime_release(wake);
  }
}

/* The next line, the caller's to free; NULL: there is none. */
static moon_log_line *take_line(feed *self) {
  pthread_mutex_lock(&lock);
  moon_list *node = moon_list_pop_front(&self->lines);
  if (node) self->count--;
  pthread_mutex_unlock(&lock);
  if (!node) return NULL;
  waiting_line *waiting = MOON_ENTRY(node, waiting_line, node);
  moon_log_line *line = waiting->line;
  free(waiting);
  return line;
}

static void let_go_of_lines(feed *self) {
  for (moon_log_line *line; (line = take_line(self)); free(line))
    if (self->prints) moon_log_print(line);
}

static void set_owner(feed *self, moon_runtime *runtime) {
  pthread_mutex_lock(&lock);
  moon_runtime *before = self->owner;
  self->owner = runtime ? moon_runtime_retain(runtime) : NULL;
  pthread_mutex_unlock(&lock);
  if (before) moon_runtime_release(before);
  self->set_sink(runtime ? sink : NULL, self);
}

static bool is_owner(feed *self, const moon_runtime *runtime) {
  pthread_mutex_lock(&lock);
  bool is = self->owner == runtime;
  pthread_mutex_unlock(&lock);
  return is;
}

/* A table; nil: the line has none. */
static void push_fields(lua_State *L, const moon_log_line *line) {
  if (line->field_count == 0) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, (int)line->field_count);
  for (size_t i = 0; i < line->field_count; i++) {
    const moon_log_field *field = &line->fields[i];
    switch (field->type) {
    case MOON_FIELD_TEXT:
      lua_pushstring(L, field->value.text);
      break;
    case MOON_FIELD_INTEGER:
      lua_pushinteger(L, (lua_Integer)field->value.integer);
      break;
    case MOON_FIELD_NUMBER:
      lua_pushnumber(L, field->value.number);
      break;
    case MOON_FIELD_BOOLEAN:
      lua_pushboolean(L, field->value.boolean);
      break;
    }
    lua_setfield(L, -2, field->name);
  }
}

static bool call_function(lua_State *L, feed *self, const moon_log_line *line) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &self->what) != LUA_TFUNCTION) {
    lua_pop(L, 1);
    return false;
  }
  lua_pushstring(L, moon_log_level_name(line->level));
  lua_pushstring(L, line->message);
  push_fields(L, line);
  if (lua_pcall(L, 3, 0, 0) == LUA_OK) return true;
  const char *problem = moon_push_text(L, -1);
  char *text = moon_sprintf("the %s raised, and %s: %s", self->what,
                            self->prints ? "is replaced by standard error" : "is not called any more", problem);
  moon_log_print(&(moon_log_line){.level = MOON_LOG_ERROR, .wall_ms = line->wall_ms, .message = text});
  free(text);
  lua_pop(L, 2);
  return false;
}

static void deliver(feed *self, lua_State *L) {
  pthread_mutex_lock(&lock);
  self->posted = false;
  size_t lost = self->dropped;
  self->dropped = 0;
  pthread_mutex_unlock(&lock);
  bool works = L != NULL;
  moon_log_line late = {.level = MOON_LOG_WARN};
  for (moon_log_line *next; works && (next = take_line(self)); free(next)) {
    works = call_function(L, self, next);
    if (!works && self->prints) moon_log_print(next);
    late.wall_ms = next->wall_ms;
  }
  if (works && lost > 0) {
    char *text = moon_sprintf("%zu log lines were dropped: the %s is too slow", lost, self->what);
    late.message = text;
    works = call_function(L, self, &late);
    free(text);
  }
  if (works) return;
  set_owner(self, NULL);
  let_go_of_lines(self);
}

static void deliver_logged(moon_completion *completion, lua_State *L) {
  (void)completion;
  deliver(&logged, L);
}

static void deliver_followed(moon_completion *completion, lua_State *L) {
  (void)completion;
  deliver(&followed, L);
}

static void detach(lua_State *L, feed *self) {
  if (!is_owner(self, moon_runtime_of(L))) return;
  set_owner(self, NULL);
  let_go_of_lines(self);
}

void moon_log_detach(lua_State *L) {
  detach(L, &logged);
  detach(L, &followed);
}

static int set_function(lua_State *L, feed *self, void (*run)(moon_completion *, lua_State *)) {
  moon_runtime *runtime = moon_runtime_of(L);
  if (lua_isnoneornil(L, 1)) {
    detach(L, self);
    return 0;
  }
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &self->what);
  self->delivery.run = run;
  if (!is_owner(self, runtime)) set_owner(self, runtime);
  return 0;
}

static int core_set_logger(lua_State *L) {
  return set_function(L, &logged, deliver_logged);
}

static int core_follow_requests(lua_State *L) {
  return set_function(L, &followed, deliver_followed);
}

static const char *const level_names[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const format_names[] = {[MOON_LOG_TEXT] = "text", [MOON_LOG_JSON] = "json", NULL};

/* Returns what it was. */
static int core_set_log_level(lua_State *L) {
  int level = luaL_checkoption(L, 1, NULL, level_names);
  lua_pushstring(L, moon_log_level_name(moon_log_get_level()));
  moon_log_set_level((moon_log_level)level);
  return 1;
}

/* Returns what it was. */
static int core_set_log_format(lua_State *L) {
  int format = luaL_checkoption(L, 1, NULL, format_names);
  lua_pushstring(L, moon_log_format_name(moon_log_get_format()));
  moon_log_set_format((moon_log_format)format);
  return 1;
}

static moon_log_level check_level(lua_State *L) {
  int level = luaL_checkoption(L, 1, NULL, level_names);
  luaL_argcheck(L, level != MOON_LOG_OFF, 1, "expected a level of a line");
  return (moon_log_level)level;
}

static int core_is_logged(lua_State *L) {
  lua_pushboolean(L, moon_log_enabled(check_level(L)));
  return 1;
}

/* The value at that place, which a text takes if it is none of the values that a field may have. */
static moon_log_field field_at(lua_State *L, int index) {
  const char *name = luaL_checkstring(L, index);
  switch (lua_type(L, index + 1)) {
  case LUA_TBOOLEAN:
    return moon_log_boolean(name, lua_toboolean(L, index + 1));
  case LUA_TNUMBER:
    return lua_isinteger(L, index + 1) ? moon_log_integer(name, lua_tointeger(L, index + 1))
                                       : moon_log_number(name, lua_tonumber(L, index + 1));
  case LUA_TSTRING:
    return moon_log_text(name, lua_tostring(L, index + 1));
  default:
    luaL_tolstring(L, index + 1, NULL);
    lua_replace(L, index + 1);
    return moon_log_text(name, lua_tostring(L, index + 1));
  }
}

/* log(level, message, name, value, name, value ...) */
static int core_log(lua_State *L) {
  moon_log_level level = check_level(L);
  const char *text = luaL_checkstring(L, 2);
  int count = (lua_gettop(L) - 2) / 2;
  if (!moon_log_enabled(level)) return 0;
  moon_log_field *fields = count > 0 ? lua_newuserdatauv(L, (size_t)count * sizeof *fields, 0) : NULL;
  for (int i = 0; i < count; i++) fields[i] = field_at(L, 3 + 2 * i);
  moon_log_with(level, text, fields, (size_t)count);
  return 0;
}

/* Detaches when the universe is closed. */
static int guard_gc(lua_State *L) {
  moon_log_detach(L);
  return 0;
}

int moon_log_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"setLogger", core_set_logger},
      {"followRequests", core_follow_requests},
      {"setLogLevel", core_set_log_level},
      {"setLogFormat", core_set_log_format},
      {"isLogged", core_is_logged},
      {"log", core_log},
      {NULL, NULL},
  };
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
