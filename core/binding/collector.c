/* collector.c: see collector.h.
 *
 * The debt is an int in a userdata that only a weak table in the registry holds: once the collector has gone round, it
 * is gone, and with it the debt. */
#include "binding/collector.h"

static const char debt_key; /* registry: the weak table; its item 1 is the debt */

static int *push_debt(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &debt_key) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_createtable(L, 1, 0);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &debt_key);
  }
  if (lua_rawgeti(L, -1, 1) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    int *debt = lua_newuserdatauv(L, sizeof *debt, 0);
    *debt = 0;
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, 1);
  }
  lua_remove(L, -2);
  return lua_touserdata(L, -1);
}

bool moon_collector_borrow(lua_State *L, moon_collector_loan *loan, int kib, bool first) {
  if (lua_gc(L, LUA_GCISRUNNING) != 1) return false;
  loan->debt = push_debt(L);
  if (first && *loan->debt > 0) {
    lua_gc(L, LUA_GCSTEP, *loan->debt);
    *loan->debt = 0;
  }
  loan->kib_before = lua_gc(L, LUA_GCCOUNT);
  loan->granted = kib;
  lua_gc(L, LUA_GCSTEP, -kib);
  return true;
}

int moon_collector_settle(lua_State *L, moon_collector_loan *loan) {
  int made = lua_gc(L, LUA_GCCOUNT) - loan->kib_before;
  if (made < 0) made = 0; /* it went round all the same */
  if (made != loan->granted) lua_gc(L, LUA_GCSTEP, loan->granted - made);
  *loan->debt += made;
  lua_pop(L, 1);
  return made;
}
