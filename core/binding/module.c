/* module.c: see module.h. The Lua modules come compiled from the table of embedded.h; their chunk names
 * ("@moonpool/client.lua") are what tracebacks show. */
#include "binding/module.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "binding/call.h"
#include "binding/command.h"
#include "binding/console.h"
#include "binding/embedded.h"
#include "binding/error.h"
#include "binding/http.h"
#include "binding/json.h"
#include "binding/kubeconfig.h"
#include "binding/log.h"
#include "binding/manager.h"
#include "binding/options.h"
#include "binding/pool.h"
#include "binding/request.h"
#include "binding/scheduler.h"
#include "binding/selector.h"
#include "binding/stream.h"
#include "binding/terminal.h"
#include "binding/yaml.h"
#include "moonpool.h"

static int loaded(lua_State *L, int status, lua_KContext ctx) {
  return 1;
}

/* Loads a module that is built in and calls it, as the loader of a file would. It may wait, where its caller may.
 * Upvalue: its place in the table. */
static int load_embedded(lua_State *L) {
  const moon_embedded_module *module = lua_touserdata(L, lua_upvalueindex(1));
  if (luaL_loadbufferx(L, (const char *)module->code, module->size, module->name, "b") != LUA_OK) return lua_error(L);
  lua_pushstring(L, module->name);
  lua_pushliteral(L, ":moonpool:");
  lua_callk(L, 2, 1, 0, loaded);
  return loaded(L, LUA_OK, 0);
}

void moon_modules_preload(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (const moon_embedded_module *module = moon_embedded_modules; module->name; module++) {
    if (strcmp(module->name, "moonpool") == 0) continue; /* luaopen_moonpool loads it */
    lua_pushlightuserdata(L, (void *)module);
    lua_pushcclosure(L, load_embedded, 1);
    lua_setfield(L, -2, module->name);
  }
  lua_pushcfunction(L, luaopen_moonpool_core);
  lua_setfield(L, -2, "moonpool.core");
  lua_pop(L, 1);
}

int luaopen_moonpool_core(lua_State *L) {
  luaL_checkversion(L);
  moon_runtime_of(L);
  lua_createtable(L, 0, 32);
  lua_pushstring(L, moon_version());
  lua_setfield(L, -2, "version");
  moon_error_open(L);
  moon_coroutine_open(L);
  moon_scheduler_open(L);
  moon_log_open(L);
  moon_json_open(L);
  lua_getfield(L, -1, "null");
  lua_setfield(L, -3, "null");
  lua_setfield(L, -2, "json");
  moon_kubeconfig_open(L);
  moon_examination_open(L);
  moon_yaml_open(L);
  lua_setfield(L, -2, "yaml");
  moon_http_open(L);
  moon_options_open(L);
  moon_request_open(L);
  moon_call_open(L);
  moon_stream_open(L);
  moon_pool_open(L);
  moon_selector_open(L);
  moon_manager_open(L);
  moon_terminal_open(L);
  moon_command_open(L);
  moon_console_open(L);
  return 1;
}

int luaopen_moonpool(lua_State *L) {
  moon_modules_preload(L);
  for (const moon_embedded_module *module = moon_embedded_modules; module->name; module++) {
    if (strcmp(module->name, "moonpool") != 0) continue;
    lua_pushlightuserdata(L, (void *)module);
    lua_pushcclosure(L, load_embedded, 1);
    lua_call(L, 0, 1);
    return 1;
  }
  return luaL_error(L, "the module 'moonpool' is not built in");
}

void moon_universe_open(lua_State *L) {
  luaL_openlibs(L);
  luaL_requiref(L, "moonpool.core", luaopen_moonpool_core, 0);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_moonpool);
  lua_setfield(L, -2, "moonpool");
  lua_pop(L, 2);
  moon_modules_preload(L);
}
