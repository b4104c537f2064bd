/* call.c: see call.h. The body is decoded on the Lua thread while it arrives, batch by batch, so that the end of a big
 * list costs no more than its last batch. What cannot be JSON is kept as it is. Runs on the Lua thread. */
#include "binding/call.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "binding/error.h"
#include "binding/json.h"
#include "binding/request.h"
#include "cluster/status.h"

enum {
  BATCH = 32 << 10, /* bytes worth waking the Lua thread for before the end */
  SPARE_READERS = 16,
  SPARE_AFTER = 256 << 10, /* a reader that read more is not kept: it may hold much memory */
  EXCERPT = 600,           /* bytes of an answer that are kept for an error to show */
};

static const char op_key;      /* registry: metatable */
static const char readers_key; /* registry: a list of readers that wait for the next call */

typedef enum body_form { UNKNOWN, JSON, TEXT } body_form;

/* The frame: the handle, the request table, what else the script gave, the operation. */
enum { OP_INDEX = 4 };

/* The operation: a userdata in the waiting frame; its user value is the reader. */
typedef struct call_op {
  moon_feed *feed;
  moon_request *request; /* until the start */
  moon_runtime *runtime;
  moon_wait wait;
  bool raw;
  body_form form;
  moon_json_reader *reader;
  size_t received;
  moon_buffer text; /* TEXT: the body; JSON: how it begins */
  char *failed;     /* the reader raised */
} call_op;

static int op_close(lua_State *L) {
  call_op *op = lua_touserdata(L, 1);
  moon_feed_drop(op->feed);
  moon_request_free(op->request);
  moon_buffer_free(&op->text);
  free(op->failed);
  op->feed = NULL;
  op->request = NULL;
  op->failed = NULL;
  return 0;
}

/* Pushes a reader: a spare one, or a new one. */
static moon_json_reader *push_reader(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &readers_key);
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  if (count == 0) {
    lua_pop(L, 1);
    return moon_json_reader_push(L);
  }
  lua_rawgeti(L, -1, count);
  lua_pushnil(L);
  lua_rawseti(L, -3, count);
  lua_remove(L, -2);
  return lua_touserdata(L, -1);
}

/* The call is over: its reader may serve the next one. */
static void keep_reader(lua_State *L, call_op *op) {
  if (op->received > SPARE_AFTER || op->failed) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &readers_key);
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  if (count < SPARE_READERS) {
    moon_json_reader_reset(L, op->reader);
    lua_getiuservalue(L, OP_INDEX, 1);
    lua_rawseti(L, -2, count + 1);
  }
  lua_pop(L, 1);
}

static bool is_json(const char *content_type) {
  if (!content_type) return false;
  size_t len = strlen(content_type);
  return strcmp(content_type, "application/json") == 0 || (len > 5 && strcmp(content_type + len - 5, "+json") == 0);
}

/* In a protected call: works on what came. */
static int take_bytes(lua_State *L) {
  call_op *op = lua_touserdata(L, 1);
  const moon_news *news = moon_feed_news(op->feed);
  if (news->restarted) {
    moon_buffer_clear(&op->text);
    if (op->form == JSON) moon_json_reader_reset(L, op->reader);
    op->form = UNKNOWN;
  }
  if (news->bytes.len == 0) return 0;
  op->received += news->bytes.len;
  if (op->form == UNKNOWN) op->form = !op->raw && is_json(news->content_type) ? JSON : TEXT;
  if (op->form == TEXT) {
    moon_buffer_add(&op->text, news->bytes.data, news->bytes.len);
    return 0;
  }
  size_t room = EXCERPT - op->text.len;
  moon_buffer_add(&op->text, news->bytes.data, news->bytes.len < room ? news->bytes.len : room);
  moon_json_reader_feed(L, op->reader, news->bytes.data, news->bytes.len);
  return 0;
}

static void tell(void *ctx, lua_State *L) {
  call_op *op = ctx;
  const moon_news *news = moon_feed_take(op->feed);
  if (!op->failed) {
    lua_pushcfunction(L, take_bytes);
    lua_pushlightuserdata(L, op);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
      op->failed = moon_strdup(luaL_tolstring(L, -1, NULL));
      lua_pop(L, 2);
    }
  }
  if (news->over) moon_wait_ready(op->runtime, &op->wait);
}

/* The answer is not what it should be. */
static moon_error *protocol_error(const call_op *op, const char *what, const char *problem) {
  const moon_request *request = moon_feed_request(op->feed);
  char *begin = moon_status_excerpt(op->text.data, op->text.len);
  moon_error *err = moon_error_new(MOON_PROTOCOL, "%s %s: %s%s; the answer begins: %s", request->method, request->path,
                                   what, problem, begin);
  free(begin);
  const moon_news *news = moon_feed_news(op->feed);
  err->http_status = news->status;
  moon_error_set(&err->cluster, moon_cluster_name(news->cluster));
  moon_error_set(&err->endpoint, moon_cluster_target(news->cluster)->server);
  return err;
}

/* Pushes the body, or nothing and returns the error. */
static moon_error *push_body(lua_State *L, call_op *op) {
  const moon_news *news = moon_feed_news(op->feed);
  if (op->failed) return protocol_error(op, "the answer could not be read: ", op->failed);
  if (op->form == UNKNOWN) {
    lua_pushnil(L);
  } else if (op->form == JSON) {
    if (!moon_json_reader_finish(L, op->reader))
      return protocol_error(op,
                            "the server says that it sent JSON, but it is not: ", moon_json_reader_error(op->reader));
  } else if (!op->raw && news->content_type && strcmp(news->content_type, "text/html") == 0) {
    return protocol_error(op, "expected JSON, got a web page", "");
  } else {
    lua_pushlstring(L, op->text.len ? op->text.data : "", op->text.len);
  }
  return NULL;
}

static int finished(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  call_op *op = lua_touserdata(L, OP_INDEX);
  moon_news *news = moon_feed_news(op->feed);
  moon_error *err = news->err;
  news->err = NULL;
  if (!err) err = push_body(L, op);
  keep_reader(L, op);
  if (err) return moon_push_error(L, err);
  lua_pushinteger(L, news->status);
  moon_headers_push(L, &news->headers);
  lua_pushstring(L, moon_cluster_name(news->cluster));
  return 4;
}

int moon_call_from_lua(lua_State *L, moon_callee_find find) {
  lua_settop(L, OP_INDEX - 1);
  call_op *op = lua_newuserdatauv(L, sizeof *op, 1);
  *op = (call_op){.runtime = moon_runtime_of(L)};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &op_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, OP_INDEX);
  op->request = moon_zalloc(sizeof *op->request);
  moon_request_read(L, 2, op->request, MOON_DEFAULT_TIMEOUT_MS);
  moon_error *refusal = moon_request_refusal(L, op->request);
  if (refusal) return moon_push_error(L, refusal);
  lua_getfield(L, 2, "raw");
  op->raw = lua_toboolean(L, -1);
  lua_pop(L, 1);
  op->reader = push_reader(L);
  lua_setiuservalue(L, OP_INDEX, 1);
  moon_callee callee = {0};
  find(L, op->request, &callee);
  op->feed = moon_feed_new(op->runtime, BATCH, tell, op);
  moon_request *request = op->request;
  op->request = NULL;
  moon_feed_start(op->feed, &callee, request);
  return moon_runtime_wait(L, &op->wait, 0, finished);
}

void moon_call_open(lua_State *L) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &readers_key);
  moon_op_meta(L, &op_key, op_close);
}
