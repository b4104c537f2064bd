/* kubeconfig.c: kubeconfigs as Lua objects, with the method names of client-node's KubeConfig.
 *
 * A handle owns one moon_kubeconfig. Loading replaces it as a whole (as in client-node), and only when the load went
 * well; the files of $KUBECONFIG are merged inside one load. Nothing that is handed to Lua holds a secret: lists say
 * that there is a token, not which. Runs on the Lua thread. */
#include "binding/kubeconfig.h"

#include <lauxlib.h>
#include <string.h>

#include "binding/error.h"
#include "binding/fields.h"

#define KUBECONFIG_TYPE "moonpool.KubeConfig"

typedef struct handle {
  moon_kubeconfig *config;
} handle;

moon_kubeconfig *moon_check_kubeconfig(lua_State *L, int index) {
  handle *h = luaL_checkudata(L, index, KUBECONFIG_TYPE);
  luaL_argcheck(L, h->config, index, "the kubeconfig was collected");
  return h->config;
}

static int new_handle(lua_State *L) {
  handle *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->config = moon_kubeconfig_new();
  luaL_setmetatable(L, KUBECONFIG_TYPE);
  return 1;
}

static int handle_gc(lua_State *L) {
  handle *h = luaL_checkudata(L, 1, KUBECONFIG_TYPE);
  moon_kubeconfig_free(h->config);
  h->config = NULL;
  return 0;
}

static int handle_tostring(lua_State *L) {
  const moon_kubeconfig *config = moon_check_kubeconfig(L, 1);
  const char *current = moon_kubeconfig_current_context(config);
  int contexts = (int)moon_kubeconfig_context_count(config);
  lua_pushfstring(L, KUBECONFIG_TYPE " (%d context%s, %s%s)", contexts, contexts == 1 ? "" : "s",
                  current ? "current: " : "none is current", current ? current : "");
  return 1;
}

/* --- loading --- */

/* Ends every load: takes over `fresh` and `err`. A config that was empty is replaced by the failed one too: that one
 * knows why it is empty, and says so to a script that went on without looking at the result. */
static int finish_load(lua_State *L, moon_kubeconfig *fresh, moon_error *err) {
  handle *h = luaL_checkudata(L, 1, KUBECONFIG_TYPE);
  bool replace = !err || moon_kubeconfig_context_count(h->config) == 0;
  moon_kubeconfig_free(replace ? h->config : fresh);
  if (replace) h->config = fresh;
  if (err) return moon_push_error(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int load_from_file(lua_State *L) {
  moon_check_kubeconfig(L, 1);
  const char *path = luaL_checkstring(L, 2);
  moon_kubeconfig *fresh = moon_kubeconfig_new();
  return finish_load(L, fresh, moon_kubeconfig_load_file(fresh, path));
}

static int load_from_string(lua_State *L) {
  moon_check_kubeconfig(L, 1);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  moon_kubeconfig *fresh = moon_kubeconfig_new();
  return finish_load(L, fresh, moon_kubeconfig_load_text(fresh, text, len, "<string>", NULL));
}

/* Upvalue: the core's table, where the program leaves its --kubeconfig. */
static int load_from_default(lua_State *L) {
  moon_check_kubeconfig(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "defaultKubeConfigPath");
  const char *path = lua_tostring(L, -1);
  moon_kubeconfig *fresh = moon_kubeconfig_new();
  return finish_load(L, fresh, path ? moon_kubeconfig_load_file(fresh, path) : moon_kubeconfig_load_default(fresh));
}

static int load_from_cluster(lua_State *L) {
  moon_check_kubeconfig(L, 1);
  moon_kubeconfig *fresh = moon_kubeconfig_new();
  return finish_load(L, fresh, moon_kubeconfig_load_in_cluster(fresh));
}

/* --- contexts and lists --- */

static int set_current_context(lua_State *L) {
  moon_kubeconfig *config = moon_check_kubeconfig(L, 1);
  moon_error *err = moon_kubeconfig_set_current_context(config, luaL_checkstring(L, 2));
  if (err) return moon_push_error(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int get_current_context(lua_State *L) {
  lua_pushstring(L, moon_kubeconfig_current_context(moon_check_kubeconfig(L, 1)));
  return 1;
}

static int get_contexts(lua_State *L) {
  const moon_kubeconfig *config = moon_check_kubeconfig(L, 1);
  size_t count = moon_kubeconfig_context_count(config);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    moon_context_info info;
    moon_kubeconfig_context_at(config, i, &info);
    lua_createtable(L, 0, 4);
    set_text(L, "name", info.name);
    set_text(L, "cluster", info.cluster);
    set_text(L, "user", info.user);
    set_text(L, "namespace", info.namespace_);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int get_clusters(lua_State *L) {
  const moon_kubeconfig *config = moon_check_kubeconfig(L, 1);
  size_t count = moon_kubeconfig_cluster_count(config);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    moon_cluster_info info;
    moon_kubeconfig_cluster_at(config, i, &info);
    lua_createtable(L, 0, 7);
    set_text(L, "name", info.name);
    set_text(L, "server", info.server);
    set_text(L, "tlsServerName", info.tls_server_name);
    set_text(L, "caFile", info.certificate_authority);
    set_text(L, "proxyUrl", info.proxy_url);
    set_flag(L, "skipTLSVerify", info.insecure_skip_tls_verify);
    set_flag(L, "hasCaData", info.has_ca_data);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int get_users(lua_State *L) {
  const moon_kubeconfig *config = moon_check_kubeconfig(L, 1);
  size_t count = moon_kubeconfig_user_count(config);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    moon_user_info info;
    moon_kubeconfig_user_at(config, i, &info);
    lua_createtable(L, 0, 9);
    set_text(L, "name", info.name);
    set_text(L, "username", info.username);
    set_text(L, "certFile", info.client_certificate);
    set_text(L, "tokenFile", info.token_file);
    set_text(L, "execCommand", info.exec_command);
    set_text(L, "authProvider", info.auth_provider);
    set_flag(L, "hasToken", info.has_token);
    set_flag(L, "hasPassword", info.has_password);
    set_flag(L, "hasClientCertificate", info.has_client_certificate);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

int moon_kubeconfig_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"loadFromFile", load_from_file},
      {"loadFromString", load_from_string},
      {"loadFromCluster", load_from_cluster},
      {"setCurrentContext", set_current_context},
      {"getCurrentContext", get_current_context},
      {"getContexts", get_contexts},
      {"getClusters", get_clusters},
      {"getUsers", get_users},
      {NULL, NULL},
  };
  static const luaL_Reg meta[] = {{"__tostring", handle_tostring}, {"__gc", handle_gc}, {NULL, NULL}};
  luaL_newmetatable(L, KUBECONFIG_TYPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__index");
  lua_remove(L, -2);
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, load_from_default, 1);
  lua_setfield(L, -2, "loadFromDefault");
  lua_setfield(L, -2, "kubeConfigMethods");
  lua_pushcfunction(L, new_handle);
  lua_setfield(L, -2, "KubeConfig");
  return 0;
}
