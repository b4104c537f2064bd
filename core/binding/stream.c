/* stream.c: see stream.h. A stream has one reader at a time: who waits for the headers, then who waits in read. Closing
 * it while another task reads ends that read. Runs on the Lua thread. */
#include "binding/stream.h"

#include <lauxlib.h>

#include "base/alloc.h"
#include "binding/error.h"
#include "binding/request.h"
#include "binding/runtime.h"

#define STREAM_TYPE "moonpool.Stream"

static const char read_key; /* registry: metatable of a pending read */

typedef struct stream {
  moon_feed *feed;       /* NULL: closed */
  moon_request *request; /* until the start */
  moon_runtime *runtime;
  moon_wait *reader; /* who waits, if somebody does */
  bool unread;       /* the feed's news were taken and not looked at yet */
} stream;

static stream *check_stream(lua_State *L) {
  return luaL_checkudata(L, 1, STREAM_TYPE);
}

static void wake_reader(stream *self) {
  if (self->reader) moon_wait_ready(self->runtime, self->reader);
  self->reader = NULL;
}

static void close_stream(stream *self) {
  moon_feed_drop(self->feed);
  moon_request_free(self->request);
  self->feed = NULL;
  self->request = NULL;
}

static int stream_close(lua_State *L) {
  stream *self = check_stream(L);
  close_stream(self);
  wake_reader(self);
  return 0;
}

static int stream_gc(lua_State *L) {
  close_stream(check_stream(L));
  return 0;
}

static void tell(void *ctx, lua_State *L) {
  (void)L;
  wake_reader(ctx);
}

/* --- a pending read: a userdata in the waiting frame; user value: the stream --- */

typedef struct pending_read {
  moon_wait wait;
  stream *stream;
  bool opening; /* nobody else has the stream yet */
} pending_read;

static int read_close(lua_State *L) {
  pending_read *self = lua_touserdata(L, 1);
  if (self->stream && self->stream->reader == &self->wait) self->stream->reader = NULL;
  if (self->stream && self->opening) close_stream(self->stream); /* the task was cancelled */
  self->stream = NULL;
  return 0;
}

static int await(lua_State *L, stream *self, int index, bool opening, lua_KFunction k) {
  if (self->reader) return moon_misuse(L, "the stream is being read by another task");
  pending_read *read = lua_newuserdatauv(L, sizeof *read, 1);
  *read = (pending_read){0};
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &read_key);
  lua_setmetatable(L, -2);
  lua_toclose(L, -1);
  read->stream = self;
  read->opening = opening;
  self->reader = &read->wait;
  return moon_runtime_wait(L, &read->wait, 0, k);
}

static int closed_error(lua_State *L) {
  return moon_push_error(L, moon_error_new(MOON_CLOSED, "the stream was closed"));
}

/* --- read --- */

static bool push_news(lua_State *L, moon_news *news, int *count) {
  if (news->bytes.len > 0) {
    lua_pushlstring(L, news->bytes.data, news->bytes.len);
    *count = 1;
    return true;
  }
  if (!news->over) return false;
  moon_error *err = news->err;
  news->err = NULL;
  if (err) {
    *count = moon_push_error(L, err);
  } else {
    lua_pushnil(L);
    *count = 1;
  }
  return true;
}

/* Pushes what there is; false when there is nothing yet. What came since the news with the headers were taken was told
 * when nobody read: it must be looked for. */
static bool push_next(lua_State *L, stream *self, int *count) {
  bool unread = self->unread;
  self->unread = false;
  if (unread && push_news(L, moon_feed_news(self->feed), count)) return true;
  return push_news(L, moon_feed_take(self->feed), count);
}

static int read_on(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  stream *self = lua_touserdata(L, 1);
  int count;
  if (!self->feed) return closed_error(L);
  if (push_next(L, self, &count)) return count;
  if (lua_gettop(L) > 1) { /* the pending read that is over */
    lua_closeslot(L, 2);
    lua_settop(L, 1);
  }
  return await(L, self, 1, false, read_on);
}

static int stream_read(lua_State *L) {
  check_stream(L);
  lua_settop(L, 1);
  return read_on(L, LUA_OK, 0);
}

/* --- opening --- */

/* The frame: the handle, the request table, what else the script gave, the stream, the pending read. */
enum { STREAM_INDEX = 4 };

static int headers_came(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  stream *self = lua_touserdata(L, STREAM_INDEX);
  ((pending_read *)lua_touserdata(L, STREAM_INDEX + 1))->opening = false;
  if (!self->feed) return closed_error(L);
  moon_news *news = moon_feed_take(self->feed);
  self->unread = true;
  if (news->err) {
    moon_error *err = news->err;
    news->err = NULL;
    close_stream(self);
    return moon_push_error(L, err);
  }
  lua_pushvalue(L, STREAM_INDEX);
  lua_pushnil(L);
  lua_pushstring(L, news->cluster ? moon_cluster_name(news->cluster) : NULL);
  return 3;
}

int moon_stream_from_lua(lua_State *L, moon_callee_find find) {
  lua_settop(L, STREAM_INDEX - 1);
  stream *self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (stream){.runtime = moon_runtime_of(L)};
  luaL_setmetatable(L, STREAM_TYPE);
  self->request = moon_zalloc(sizeof *self->request);
  moon_request_read(L, 2, self->request, 0);
  moon_error *refusal = moon_request_refusal(L, self->request);
  if (refusal) return moon_push_error(L, refusal);
  self->request->streaming = true;
  moon_callee callee = {0};
  find(L, self->request, &callee);
  self->feed = moon_feed_new(self->runtime, 0, tell, self);
  moon_request *request = self->request;
  self->request = NULL;
  moon_feed_start(self->feed, &callee, request);
  return await(L, self, STREAM_INDEX, true, headers_came);
}

static int stream_tostring(lua_State *L) {
  stream *self = check_stream(L);
  lua_pushfstring(L, STREAM_TYPE ": %s", self->feed ? moon_feed_request(self->feed)->path : "closed");
  return 1;
}

void moon_stream_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"read", stream_read}, {"close", stream_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__tostring", stream_tostring}, {"__close", stream_close}, {"__gc", stream_gc}, {NULL, NULL}};
  luaL_newmetatable(L, STREAM_TYPE);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  moon_op_meta(L, &read_key, read_close);
}
