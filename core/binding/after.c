/* after.c: core.after: a function to be called once, later, on the Lua thread. Lighter than a task that sleeps, and it
 * does not keep the program alive. The function may not wait. An error in it is logged. */
#include <lauxlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "binding/error.h"
#include "binding/http.h"
#include "binding/runtime.h"

#define TIMER "moonpool.core.Timer"

typedef struct lua_timer {
  moon_timer timer;
  moon_runtime *runtime;
  lua_State *thread; /* where the function runs; kept alive, like the function, by the user values */
} lua_timer;

enum { FUNCTION = 1, THREAD = 2 };

/* A timer that is set is kept from collection by the registry, under its own address. */
static void keep(lua_State *L, lua_timer *self, int index) {
  lua_pushvalue(L, index);
  lua_rawsetp(L, LUA_REGISTRYINDEX, self);
}

static void forget(lua_State *L, lua_timer *self) {
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, self);
}

static void fire(moon_timer *timer) {
  lua_timer *self = MOON_ENTRY(timer, lua_timer, timer);
  lua_State *L = self->thread;
  int top = lua_gettop(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, self);
  forget(L, self);
  lua_getiuservalue(L, -1, FUNCTION);
  if (lua_pcall(L, 0, 0, 0)) moon_log(MOON_LOG_ERROR, "a timer failed: %s", moon_push_text(L, -1));
  lua_settop(L, top);
}

static int timer_cancel(lua_State *L) {
  lua_timer *self = luaL_checkudata(L, 1, TIMER);
  if (moon_timer_active(&self->timer)) forget(L, self);
  moon_runtime_stop_timer(self->runtime, &self->timer);
  return 0;
}

/* Only at the end of the Lua universe can it still be set. */
static int timer_gc(lua_State *L) {
  lua_timer *self = luaL_checkudata(L, 1, TIMER);
  if (moon_timer_active(&self->timer)) moon_runtime_stop_timer(self->runtime, &self->timer);
  return 0;
}

static int after(lua_State *L) {
  lua_Integer delay_ms = luaL_checkinteger(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_timer *self = lua_newuserdatauv(L, sizeof *self, 2);
  moon_timer_init(&self->timer, fire);
  self->runtime = moon_runtime_of(L);
  luaL_setmetatable(L, TIMER);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, FUNCTION);
  self->thread = lua_newthread(L);
  lua_setiuservalue(L, -2, THREAD);
  keep(L, self, -1);
  moon_runtime_set_timer(self->runtime, &self->timer, moon_clock_now_ms() + delay_ms);
  return 1;
}

static const luaL_Reg timer_methods[] = {{"cancel", timer_cancel}, {"__gc", timer_gc}, {NULL, NULL}};

int moon_after_open(lua_State *L) {
  luaL_newmetatable(L, TIMER);
  luaL_setfuncs(L, timer_methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, after);
  return 1;
}
