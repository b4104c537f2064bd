/* selector.c: see selector.h. Patterns and labels as scripts write them (a text or a table of texts each) become what
 * the core reads: an array of patterns, and one text of label requirements.
 *
 * A label table says what must be equal: { env = "prod" } is "env=prod". Runs on the Lua thread. */
#include "binding/selector.h"

#include <lauxlib.h>

#include "binding/error.h"

#define SELECTOR_TYPE "moonpool.Selector"

static const char groups_key; /* registry: name -> selector */

typedef struct handle {
  moon_selector *selector; /* NULL until it is made, and once it was collected */
} handle;

static moon_selector *check_selector(lua_State *L, int index) {
  handle *self = luaL_checkudata(L, index, SELECTOR_TYPE);
  luaL_argcheck(L, self->selector, index, "the selector was collected");
  return self->selector;
}

moon_selector *moon_opt_selector(lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? NULL : check_selector(L, index);
}

/* Pushes an array of texts, kept alive by the Lua values that they belong to: the pattern or list at `index`. */
static const char **push_patterns(lua_State *L, int index, size_t *count) {
  *count = 0;
  if (lua_isnoneornil(L, index)) return NULL;
  bool single = lua_type(L, index) == LUA_TSTRING;
  if (!single && !lua_istable(L, index))
    moon_misuse(L, "clusters: expected a pattern or a list of patterns, got %s", luaL_typename(L, index));
  size_t len = single ? 1 : lua_rawlen(L, index);
  const char **patterns = lua_newuserdatauv(L, (len + 1) * sizeof *patterns, 0);
  for (; *count < len; ++*count) {
    if (single)
      lua_pushvalue(L, index);
    else
      lua_rawgeti(L, index, (lua_Integer)*count + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      moon_misuse(L, "clusters: pattern %d: expected a string, got %s", (int)*count + 1, luaL_typename(L, -1));
    patterns[*count] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  if (!single && len == 0 && (lua_pushnil(L), lua_next(L, index)))
    moon_misuse(L, "clusters: expected a list of patterns, got a table with the key '%s'", luaL_tolstring(L, -2, NULL));
  return patterns;
}

/* Adds "key=value" of the label whose key and value are the two topmost, to the buffer's text below them. */
static void add_label(lua_State *L, int text) {
  if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
    moon_misuse(L, "labels: expected a table of names and values, all of them strings, such as { env = \"prod\" }");
  const char *before = lua_tostring(L, text);
  lua_pushfstring(L, "%s%s%s=%s", before, *before ? "," : "", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, text);
}

/* The requirements at `index` as one text, which stays on the stack; NULL: none. */
static const char *push_labels(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return NULL;
  if (lua_type(L, index) == LUA_TSTRING) return lua_tostring(L, index);
  if (!lua_istable(L, index))
    moon_misuse(L, "labels: expected a text such as \"env=prod\" or a table of labels, got %s",
                luaL_typename(L, index));
  lua_pushliteral(L, "");
  int text = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) add_label(L, text);
  return lua_tostring(L, text);
}

static bool is_group(const char *pattern) {
  return pattern[*pattern == '^'] == '@';
}

/* Pushes the groups that there are, if the patterns speak of any; they live as long as the frame. */
static const moon_group *push_groups(lua_State *L, const char **patterns, size_t pattern_count, size_t *count) {
  *count = 0;
  size_t first = 0;
  while (first < pattern_count && !is_group(patterns[first])) first++;
  if (first == pattern_count) return NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &groups_key);
  int all = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, all); lua_pop(L, 1)) ++*count;
  moon_group *groups = lua_newuserdatauv(L, (*count + 1) * sizeof *groups, 0);
  size_t i = 0;
  for (lua_pushnil(L); lua_next(L, all); lua_pop(L, 1))
    groups[i++] = (moon_group){lua_tostring(L, -2), check_selector(L, -1)};
  return groups;
}

/* core.selector(patterns, labels) */
static int core_selector(lua_State *L) {
  lua_settop(L, 2);
  size_t count, group_count;
  const char **patterns = push_patterns(L, 1, &count);
  const char *labels = push_labels(L, 2);
  const moon_group *groups = push_groups(L, patterns, count, &group_count);
  handle *self = lua_newuserdatauv(L, sizeof *self, 0);
  self->selector = NULL;
  luaL_setmetatable(L, SELECTOR_TYPE);
  moon_error *err = moon_selector_new(patterns, count, labels, groups, group_count, &self->selector);
  return err ? moon_push_error(L, err) : 1;
}

/* core.defineGroup(name, selector): what "@name" in patterns stands for from now on */
static int core_define_group(lua_State *L) {
  luaL_checkstring(L, 1);
  check_selector(L, 2);
  lua_settop(L, 2);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &groups_key);
  lua_insert(L, 1);
  lua_rawset(L, 1);
  return 0;
}

/* selector:matches(name, labels): labels is a table name -> value */
static int selector_matches(lua_State *L) {
  moon_selector *selector = check_selector(L, 1);
  const char *name = luaL_checkstring(L, 2);
  lua_settop(L, 3);
  size_t count = 0;
  moon_label *labels = NULL;
  if (!lua_isnil(L, 3)) {
    luaL_checktype(L, 3, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) count++;
    labels = lua_newuserdatauv(L, (count + 1) * sizeof *labels, 0);
    count = 0;
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
      bool are_texts = lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING;
      luaL_argcheck(L, are_texts, 3, "expected names and values that are strings");
      labels[count++] = (moon_label){lua_tostring(L, -2), lua_tostring(L, -1)};
    }
  }
  lua_pushboolean(L, moon_selector_matches(selector, name, labels, count));
  return 1;
}

static int selector_single(lua_State *L) {
  lua_pushstring(L, moon_selector_single(check_selector(L, 1)));
  return 1;
}

static int selector_gc(lua_State *L) {
  handle *self = luaL_checkudata(L, 1, SELECTOR_TYPE);
  if (self->selector) moon_selector_release(self->selector);
  self->selector = NULL;
  return 0;
}

int moon_selector_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"matches", selector_matches}, {"single", selector_single}, {"__gc", selector_gc}, {NULL, NULL}};
  luaL_newmetatable(L, SELECTOR_TYPE);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &groups_key);
  lua_pushcfunction(L, core_selector);
  lua_setfield(L, -2, "selector");
  lua_pushcfunction(L, core_define_group);
  lua_setfield(L, -2, "defineGroup");
  return 0;
}
