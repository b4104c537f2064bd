/* kubeconfig.h: the Lua handle of a kubeconfig: `moonpool.KubeConfig` (see lua/meta/core.lua). Lua thread only. */
#ifndef MOON_BINDING_KUBECONFIG_H
#define MOON_BINDING_KUBECONFIG_H

#include <lua.h>

#include "kube/kubeconfig.h"

/* The kubeconfig behind the handle at `index`; raises when it is something else. It belongs to the handle and may be
 * replaced by any of its methods: resolve what is needed before Lua runs again. */
moon_kubeconfig *moon_check_kubeconfig(lua_State *L, int index);
/* Adds examine to the table on top (see lua/meta/core.lua). */
int moon_examination_open(lua_State *L);
/* Adds KubeConfig and kubeConfigMethods to the table on top. */
int moon_kubeconfig_open(lua_State *L);

#endif
