/* http.c: core.http: HTTP servers whose requests are answered by Lua functions (see lua/meta/core.lua, http/server.h).
 *
 * Everything runs on the Lua thread, between the turns of the runtime's loop. The Lua functions of a server are called
 * on a Lua thread of its own, protected, never on a coroutine of the script's; they may not wait.
 *
 * A listening server and an unanswered exchange are kept from collection by the registry. A userdata points at its C
 * object until that is gone, then at NULL: a late call on it does nothing, as the client might just have hung up. */
#include <ctype.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "binding/http.h"
#include "binding/runtime.h"
#include "http/server.h"

#define SERVER "moonpool.core.HttpServer"
#define EXCHANGE "moonpool.core.HttpExchange"
#define MAX_HEADERS 32

/* One listening server; freed when its last callback was made. */
typedef struct listener {
  moon_http_server *server;
  moon_completion run;
  moon_runtime *runtime;
  lua_State *thread; /* where its functions run; NULL when the Lua side is gone */
  int handler_ref, thread_ref, self_ref;
} listener;

static int traceback(lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

/* --- exchanges ---------------------------------------------------------------------------------------------------- */

static moon_http_exchange *exchange_at(lua_State *L, int index) {
  return *(moon_http_exchange **)luaL_checkudata(L, index, EXCHANGE);
}

/* Reads headers from the table at `index` (nil: none) into `headers`; their texts stay in the table. */
static size_t read_headers(lua_State *L, int index, moon_http_header *headers, size_t max) {
  size_t count = 0;
  if (lua_isnoneornil(L, index)) return 0;
  luaL_checktype(L, index, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "headers: expected names and values as strings");
    if (count == max) luaL_error(L, "headers: more than %d", (int)max);
    headers[count++] = (moon_http_header){lua_tostring(L, -2), lua_tostring(L, -1)};
  }
  return count;
}

/* Arguments from `first` on: status, body, content type, headers. */
static moon_http_answer read_answer(lua_State *L, int first, moon_http_header headers[MAX_HEADERS]) {
  moon_http_answer answer = {.status = (unsigned)luaL_checkinteger(L, first), .headers = headers};
  answer.body = luaL_optlstring(L, first + 1, "", &answer.body_len);
  const char *type = luaL_optstring(L, first + 2, NULL);
  if (type) headers[answer.header_count++] = (moon_http_header){"Content-Type", type};
  answer.header_count += read_headers(L, first + 3, headers + answer.header_count, MAX_HEADERS - answer.header_count);
  return answer;
}

static int exchange_answer(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  moon_http_header headers[MAX_HEADERS];
  moon_http_answer answer = read_answer(L, 2, headers);
  if (!lua_isnoneornil(L, 6)) {
    lua_Integer cut = luaL_checkinteger(L, 6);
    luaL_argcheck(L, cut >= 0, 6, "expected a number of bytes");
    answer.broken = true;
    answer.cut_after = (size_t)cut;
  }
  if (exchange) moon_http_exchange_answer(exchange, &answer);
  return 0;
}

static int exchange_stream(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  moon_http_header headers[MAX_HEADERS];
  moon_http_answer answer = read_answer(L, 2, headers);
  if (exchange) moon_http_exchange_stream(exchange, &answer);
  return 0;
}

static int exchange_write(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  if (exchange) moon_http_exchange_write(exchange, bytes, len);
  return 0;
}

static int exchange_backlog(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  lua_pushinteger(L, exchange ? (lua_Integer)moon_http_exchange_backlog(exchange) : 0);
  return 1;
}

static int exchange_finish(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  if (exchange) moon_http_exchange_finish(exchange);
  return 0;
}

static int exchange_reset(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  if (exchange) moon_http_exchange_reset(exchange);
  return 0;
}

static int exchange_header(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  const char *name = luaL_checkstring(L, 2);
  lua_pushstring(L, exchange ? moon_http_exchange_header(exchange, name) : NULL);
  return 1;
}

/* The table on top of the stack: lower-case name -> values. */
static void add_header(void *ctx, const char *name, const char *value) {
  lua_State *L = ctx;
  luaL_Buffer lower;
  luaL_buffinit(L, &lower);
  for (; *name; name++) luaL_addchar(&lower, (char)tolower((unsigned char)*name));
  luaL_pushresult(&lower);
  luaL_getsubtable(L, -2, lua_tostring(L, -1));
  lua_pushstring(L, value);
  lua_seti(L, -2, luaL_len(L, -2) + 1);
  lua_pop(L, 2);
}

static int exchange_headers(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  lua_newtable(L);
  if (exchange) moon_http_exchange_each_header(exchange, add_header, L);
  return 1;
}

static int exchange_identity(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 1);
  const moon_http_identity *identity = exchange ? moon_http_exchange_identity(exchange) : NULL;
  if (!identity || identity->state == MOON_HTTP_NO_CERTIFICATE) return 0;
  if (identity->state == MOON_HTTP_BAD_CERTIFICATE) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_pushstring(L, identity->common_name);
  lua_newtable(L);
  for (int i = 0; identity->organizations && identity->organizations[i]; i++) {
    lua_pushstring(L, identity->organizations[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}

static int exchange_is_open(lua_State *L) {
  lua_pushboolean(L, exchange_at(L, 1) != NULL);
  return 1;
}

static int exchange_on_close(lua_State *L) {
  exchange_at(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_setiuservalue(L, 1, 1);
  return 0;
}

/* --- callbacks of the server -------------------------------------------------------------------------------------- */

static void fail(moon_http_exchange *exchange, const char *what) {
  moon_http_header type = {"Content-Type", "text/plain; charset=utf-8"};
  const char *text = "the handler failed\n";
  moon_log(MOON_LOG_ERROR, "http server: the handler failed: %s", what);
  moon_http_exchange_answer(
      exchange,
      &(moon_http_answer){.status = 500, .headers = &type, .header_count = 1, .body = text, .body_len = strlen(text)});
}

/* With the listener's handler and the exchange's userdata on the stack: calls the one, and answers with what it returns
 * (nothing: it answers by itself). Protected, because the arguments and results are checked here too. */
static int handle(lua_State *L) {
  moon_http_exchange *exchange = exchange_at(L, 2);
  size_t len;
  const char *body = moon_http_exchange_body(exchange, &len);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushstring(L, moon_http_exchange_method(exchange));
  lua_pushstring(L, moon_http_exchange_target(exchange));
  if (body)
    lua_pushlstring(L, body, len);
  else
    lua_pushnil(L);
  lua_call(L, 4, 4);
  if (lua_isnil(L, 3)) return 0;
  moon_http_header headers[MAX_HEADERS];
  moon_http_answer answer = read_answer(L, 3, headers);
  moon_http_exchange_answer(exchange, &answer);
  return 0;
}

static void on_request(void *ctx, moon_http_exchange *exchange) {
  listener *l = ctx;
  lua_State *L = l->thread;
  if (!L) return;
  int top = lua_gettop(L);
  luaL_checkstack(L, 10, NULL);
  lua_pushcfunction(L, traceback);
  lua_pushcfunction(L, handle);
  lua_rawgeti(L, LUA_REGISTRYINDEX, l->handler_ref);
  moon_http_exchange **handle_data = lua_newuserdatauv(L, sizeof *handle_data, 1);
  *handle_data = exchange;
  luaL_setmetatable(L, EXCHANGE);
  moon_http_exchange_set_data(exchange, handle_data);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, exchange);
  if (lua_pcall(L, 2, 0, top + 1)) fail(exchange, lua_tostring(L, -1));
  lua_settop(L, top);
}

static void on_closed(void *ctx, moon_http_exchange *exchange) {
  listener *l = ctx;
  lua_State *L = l->thread;
  moon_http_exchange **handle_data = moon_http_exchange_data(exchange);
  if (!L || !handle_data) return;
  *handle_data = NULL;
  int top = lua_gettop(L);
  lua_pushcfunction(L, traceback);
  lua_rawgetp(L, LUA_REGISTRYINDEX, exchange);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, exchange);
  if (lua_getiuservalue(L, -1, 1) == LUA_TFUNCTION && lua_pcall(L, 0, 0, top + 1))
    moon_log(MOON_LOG_ERROR, "http server: a close handler failed: %s", lua_tostring(L, -1));
  lua_settop(L, top);
}

static void run_server(moon_completion *completion, lua_State *L) {
  listener *l = MOON_ENTRY(completion, listener, run);
  if (l->thread) moon_http_server_run(l->server);
}

static void on_ready(void *ctx) {
  listener *l = ctx;
  moon_runtime_post(l->runtime, &l->run);
}

static void on_stopped(void *ctx) {
  listener *l = ctx;
  if (l->thread) moon_runtime_hold(l->runtime, -1);
  free(l);
}

/* --- servers ------------------------------------------------------------------------------------------------------ */

static listener **server_at(lua_State *L, int index) {
  return luaL_checkudata(L, index, SERVER);
}

static listener *open_server_at(lua_State *L, int index) {
  listener *l = *server_at(L, index);
  if (!l) luaL_argerror(L, index, "the server is closed");
  return l;
}

static void close_listener(lua_State *L, listener **handle_data) {
  listener *l = *handle_data;
  *handle_data = NULL;
  if (!l) return;
  luaL_unref(L, LUA_REGISTRYINDEX, l->self_ref);
  moon_http_server_stop(l->server); /* frees l, at once or later */
}

static int server_close(lua_State *L) {
  close_listener(L, server_at(L, 1));
  return 0;
}

/* Only at the end of the Lua universe, since a listening server is not collected. */
static int server_gc(lua_State *L) {
  listener **handle_data = server_at(L, 1);
  listener *l = *handle_data;
  *handle_data = NULL;
  if (!l) return 0;
  l->thread = NULL;
  moon_http_server_stop(l->server);
  return 0;
}

/* The string field `name` of the options; NULL when it may be missing and is. */
static const char *text_option(lua_State *L, const char *name, bool needed) {
  int type = lua_getfield(L, 1, name);
  if (type != LUA_TSTRING && (needed || type != LUA_TNIL))
    luaL_error(L, "option %s: expected a string, got %s", name, luaL_typename(L, -1));
  return lua_tostring(L, -1); /* stays on the stack */
}

static lua_Integer number_option(lua_State *L, const char *name, lua_Integer otherwise) {
  if (lua_getfield(L, 1, name) == LUA_TNIL) return otherwise;
  if (!lua_isinteger(L, -1)) luaL_error(L, "option %s: expected an integer, got %s", name, luaL_typename(L, -1));
  return lua_tointeger(L, -1);
}

static int failure(lua_State *L, moon_error *err) {
  lua_pushnil(L);
  lua_pushstring(L, err->message);
  moon_error_free(err);
  return 2;
}

static int http_listen(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  moon_runtime *runtime = moon_runtime_of(L);
  moon_http_config config = {.loop = moon_runtime_loop(runtime),
                             .address = text_option(L, "address", true),
                             .port = (int)number_option(L, "port", 0),
                             .certificate = text_option(L, "certificate", false),
                             .key = text_option(L, "key", false),
                             .client_ca = text_option(L, "clientCa", false),
                             .max_body = (size_t)number_option(L, "maxBody", 3 << 20),
                             .idle_timeout_s = (unsigned)number_option(L, "idleTimeout", 90),
                             .ready = on_ready,
                             .request = on_request,
                             .closed = on_closed,
                             .stopped = on_stopped};
  if (lua_getfield(L, 1, "handler") != LUA_TFUNCTION) luaL_error(L, "option handler: expected a function");
  int handler = lua_gettop(L);
  listener **handle_data = lua_newuserdatauv(L, sizeof *handle_data, 2);
  *handle_data = NULL;
  luaL_setmetatable(L, SERVER);
  int self = lua_gettop(L);

  listener *l = moon_zalloc(sizeof *l);
  l->runtime = runtime;
  l->run.run = run_server;
  config.ctx = l;
  moon_error *err = NULL;
  if (moon_http_server_start(&config, &l->server, &err)) {
    free(l);
    return failure(L, err);
  }
  *handle_data = l;
  lua_pushvalue(L, handler);
  l->handler_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  l->thread = lua_newthread(L);
  lua_setiuservalue(L, self, 2);
  lua_pushvalue(L, self);
  l->self_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  moon_runtime_hold(runtime, 1);
  return 1;
}

static int server_port(lua_State *L) {
  lua_pushinteger(L, moon_http_server_port(open_server_at(L, 1)->server));
  return 1;
}

static int server_set_listening(lua_State *L) {
  listener *l = open_server_at(L, 1);
  const char *const ways[] = {[MOON_HTTP_ACCEPT] = "accept",
                              [MOON_HTTP_STALL] = "stall",
                              [MOON_HTTP_FREEZE] = "freeze",
                              [MOON_HTTP_REFUSE] = "refuse",
                              NULL};
  moon_error *err = NULL;
  if (moon_http_server_set_listening(l->server, (moon_http_listening)luaL_checkoption(L, 2, NULL, ways), &err))
    return failure(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int server_set_certificate(lua_State *L) {
  listener *l = open_server_at(L, 1);
  moon_error *err = NULL;
  if (moon_http_server_set_certificate(l->server, luaL_checkstring(L, 2), luaL_checkstring(L, 3), &err))
    return failure(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int server_drop_connections(lua_State *L) {
  moon_http_server_drop_connections(open_server_at(L, 1)->server);
  return 0;
}

static int server_stats(lua_State *L) {
  moon_http_stats stats = moon_http_server_stats(open_server_at(L, 1)->server);
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, (lua_Integer)stats.accepted);
  lua_setfield(L, -2, "accepted");
  lua_pushinteger(L, (lua_Integer)stats.open);
  lua_setfield(L, -2, "open");
  return 1;
}

/* The process may have as many descriptors as it can be given: for servers of many connections. */
static int http_raise_descriptor_limit(lua_State *L) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  lua_pushinteger(L, (lua_Integer)limit.rlim_cur);
  return 1;
}

/* gzip(text) -> text, at the level that API servers use (1). */
static int http_gzip(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  z_stream stream = {0};
  if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return luaL_error(L, "zlib cannot start");
  size_t bound = deflateBound(&stream, len);
  char *out = moon_alloc(bound);
  stream.next_in = (Bytef *)(uintptr_t)text;
  stream.avail_in = (uInt)len;
  stream.next_out = (Bytef *)out;
  stream.avail_out = (uInt)bound;
  int result = deflate(&stream, Z_FINISH);
  size_t size = bound - stream.avail_out;
  deflateEnd(&stream);
  if (result == Z_STREAM_END) lua_pushlstring(L, out, size);
  free(out);
  return result == Z_STREAM_END ? 1 : luaL_error(L, "zlib cannot compress %d bytes", (int)len);
}

static const luaL_Reg server_methods[] = {{"port", server_port},
                                          {"setListening", server_set_listening},
                                          {"setCertificate", server_set_certificate},
                                          {"dropConnections", server_drop_connections},
                                          {"stats", server_stats},
                                          {"close", server_close},
                                          {"__close", server_close},
                                          {"__gc", server_gc},
                                          {NULL, NULL}};

static const luaL_Reg exchange_methods[] = {
    {"header", exchange_header},   {"headers", exchange_headers},  {"identity", exchange_identity},
    {"answer", exchange_answer},   {"stream", exchange_stream},    {"write", exchange_write},
    {"backlog", exchange_backlog}, {"finish", exchange_finish},    {"reset", exchange_reset},
    {"isOpen", exchange_is_open},  {"onClose", exchange_on_close}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"listen", http_listen}, {"gzip", http_gzip}, {"raiseDescriptorLimit", http_raise_descriptor_limit}, {NULL, NULL}};

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void moon_http_open(lua_State *L) {
  new_class(L, SERVER, server_methods);
  new_class(L, EXCHANGE, exchange_methods);
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "http");
  moon_pki_open(L);
  lua_setfield(L, -2, "pki");
  moon_after_open(L);
  lua_setfield(L, -2, "after");
  lua_pushcfunction(L, moon_base64);
  lua_setfield(L, -2, "base64");
  lua_pushcfunction(L, moon_unbase64);
  lua_setfield(L, -2, "unbase64");
  lua_pushcfunction(L, moon_write_private_file);
  lua_setfield(L, -2, "writePrivateFile");
}
