/* console.c: core.console: lines over a Unix socket (see lua/meta/core.lua, console_socket.h).
 *
 * Everything runs on the Lua thread, on the runtime's loop. What a peer does can cost its own channel only: what it
 * sends is read while nobody has a whole line yet (so at most one line and one read's worth are held), a line that is
 * too long ends it, and what it does not read makes its senders wait.
 *
 * A channel or listener lives until libuv has let go of its handle; the userdata points at it until it is closed. Who
 * waits is noted there, and woken when it is closed. */
#include "binding/console.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "binding/console_socket.h"
#include "binding/error.h"
#include "binding/runtime.h"

#define CHANNEL "moonpool.core.Channel"
#define LISTENER "moonpool.core.ConsoleListener"

enum { READ_SIZE = 64 << 10, LINE_LIMIT = 1 << 20, QUEUE_LIMIT = 1 << 20, RETRY_ACCEPT_MS = 100 };

/* Where lines come and go, or who listens for such. */
typedef struct endpoint {
  moon_runtime *runtime;
  uv_poll_t poll;
  int fd;
  moon_list receivers, senders; /* waits; a listener's receivers wait for a connection */

  /* a channel's */
  moon_buffer in, out;
  size_t taken, searched; /* of `in`: bytes that were handed out; bytes without a newline */
  size_t sent;            /* of `out` */
  bool ended;             /* nothing comes any more, or can be sent */
  bool overlong;          /* because of a line that is too long */
  pid_t pid;
  uid_t uid;

  console_socket *socket; /* a listener's */
} endpoint;

/* --- waiting --- */

static const char op_key; /* registry: metatable */

typedef struct op {
  moon_wait wait;
  moon_timer timer;
  moon_runtime *runtime;
} op;

static void op_due(moon_timer *timer) {
  op *self = MOON_ENTRY(timer, op, timer);
  moon_list_remove(&self->wait.node);
  moon_wait_ready(self->runtime, &self->wait);
}

static int op_close(lua_State *L) {
  op *self = lua_touserdata(L, 1);
  moon_runtime_stop_timer(self->runtime, &self->timer);
  moon_list_remove(&self->wait.node);
  return 0;
}

/* Waits until somebody wakes the list, for so many ms at most (negative: for ever). The wait is kept at OP_INDEX. */
enum { OP_INDEX = 3 };
static int wait_in(lua_State *L, moon_list *list, int64_t limit_ms, lua_KContext ctx, lua_KFunction k) {
  moon_runtime *runtime = moon_runtime_of(L);
  op *self = lua_touserdata(L, OP_INDEX);
  if (!self) {
    lua_settop(L, OP_INDEX - 1);
    self = lua_newuserdatauv(L, sizeof *self, 0);
    *self = (op){.runtime = runtime};
    moon_list_init(&self->wait.node);
    moon_timer_init(&self->timer, op_due);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &op_key);
    lua_setmetatable(L, -2);
    lua_toclose(L, OP_INDEX);
  }
  self->wait.ready = false;
  moon_list_push_back(list, &self->wait.node);
  if (limit_ms >= 0) moon_runtime_set_timer(runtime, &self->timer, moon_clock_now_ms() + limit_ms);
  return moon_runtime_wait(L, &self->wait, ctx, k);
}

static void wake(moon_runtime *runtime, moon_list *waits) {
  for (moon_list *node; (node = moon_list_pop_front(waits));)
    moon_wait_ready(runtime, MOON_ENTRY(node, moon_wait, node));
}

/* --- the life of an endpoint --- */

static endpoint *push_endpoint(lua_State *L, const char *type, int fd) {
  endpoint **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, type);
  endpoint *self = moon_zalloc(sizeof *self);
  self->runtime = moon_runtime_of(L);
  self->fd = fd;
  moon_list_init(&self->receivers);
  moon_list_init(&self->senders);
  uv_poll_init(moon_runtime_loop(self->runtime), &self->poll, fd);
  self->poll.data = self;
  *box = self;
  return self;
}

static void on_closed(uv_handle_t *handle) {
  endpoint *self = handle->data;
  moon_buffer_free(&self->in);
  moon_buffer_free(&self->out);
  free(self);
}

static int endpoint_close(lua_State *L) {
  endpoint **box = lua_touserdata(L, 1), *self = *box;
  *box = NULL;
  if (!self) return 0;
  uv_close((uv_handle_t *)&self->poll, on_closed); /* the descriptor is not looked at any more */
  if (self->socket)
    console_socket_remove(self->socket);
  else
    close(self->fd);
  wake(self->runtime, &self->receivers);
  wake(self->runtime, &self->senders);
  return 0;
}

/* --- channels: bytes --- */

static endpoint *channel_at(lua_State *L, int index) {
  return *(endpoint **)luaL_checkudata(L, index, CHANNEL);
}

static size_t queued(const endpoint *self) {
  return self->out.len - self->sent;
}

/* The first whole line that was not handed out yet; NULL: there is none. */
static const char *find_line(endpoint *self, size_t *len) {
  if (self->in.len == self->taken) return NULL;
  const char *begin = self->in.data + self->taken;
  size_t known = self->searched - self->taken, all = self->in.len - self->taken;
  const char *end = memchr(begin + known, '\n', all - known);
  self->searched = end ? self->taken + (size_t)(end - begin) : self->in.len;
  *len = end ? (size_t)(end - begin) : all;
  return end && *len <= LINE_LIMIT ? begin : NULL;
}

static void end(endpoint *self) {
  self->ended = true;
  moon_buffer_free(&self->out);
  self->sent = 0;
  wake(self->runtime, &self->receivers);
  wake(self->runtime, &self->senders);
}

static void look(endpoint *self);

static void on_news(uv_poll_t *poll, int status, int events) {
  endpoint *self = poll->data;
  if (status < 0) events = UV_READABLE | UV_WRITABLE; /* reading says what it is */
  if (events & UV_READABLE) {
    moon_buffer_reserve(&self->in, READ_SIZE);
    ssize_t count = recv(self->fd, self->in.data + self->in.len, READ_SIZE, 0);
    if (count > 0) {
      self->in.len += (size_t)count;
      self->in.data[self->in.len] = '\0';
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      end(self);
    }
    size_t len = 0;
    if (find_line(self, &len)) {
      wake(self->runtime, &self->receivers);
    } else if (len > LINE_LIMIT) {
      self->overlong = true;
      end(self);
    }
  }
  look(self);
}

/* What can go out goes out. */
static void flush(endpoint *self) {
  while (!self->ended && queued(self) > 0) {
    ssize_t count = send(self->fd, self->out.data + self->sent, queued(self), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno != EAGAIN) end(self);
      break;
    }
    self->sent += (size_t)count;
  }
  if (!self->ended && queued(self) == 0) {
    moon_buffer_free(&self->out);
    self->sent = 0;
  } else if (self->sent > QUEUE_LIMIT) {
    memmove(self->out.data, self->out.data + self->sent, queued(self) + 1);
    self->out.len -= self->sent;
    self->sent = 0;
  }
  if (queued(self) <= QUEUE_LIMIT / 2) wake(self->runtime, &self->senders);
}

/* Sends what waits, and waits for what is of interest now. */
static void look(endpoint *self) {
  size_t len;
  flush(self);
  int events = 0;
  if (!self->ended && !find_line(self, &len)) events |= UV_READABLE;
  if (!self->ended && queued(self) > 0) events |= UV_WRITABLE;
  if (events)
    uv_poll_start(&self->poll, events, on_news);
  else
    uv_poll_stop(&self->poll);
}

/* --- channels: lines --- */

static int received(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  endpoint *self = channel_at(L, 1);
  size_t len;
  const char *line = self ? find_line(self, &len) : NULL;
  if (!line) {
    lua_pushnil(L);
    lua_pushstring(L, !self || self->ended ? self && self->overlong ? "overlong" : "closed" : "timeout");
    return 2;
  }
  lua_pushlstring(L, line, len);
  self->taken += len + 1;
  self->searched = self->taken;
  if (self->taken == self->in.len || self->taken > READ_SIZE) {
    size_t left = self->in.len - self->taken;
    if (left > 0)
      memmove(self->in.data, self->in.data + self->taken, left + 1);
    else
      moon_buffer_free(&self->in);
    self->in.len = left;
    self->taken = self->searched = 0;
  }
  if (!self->ended) look(self);
  return 1;
}

/* receive(limitMs?) -> line, or nil and "closed", "overlong" or "timeout" */
static int channel_receive(lua_State *L) {
  endpoint *self = channel_at(L, 1);
  int64_t limit_ms = luaL_optinteger(L, 2, -1);
  size_t len;
  lua_settop(L, OP_INDEX - 1);
  if (!self || self->ended || find_line(self, &len)) return received(L, LUA_OK, 0);
  look(self);
  return wait_in(L, &self->receivers, limit_ms, 0, received);
}

static bool add_line(lua_State *L, endpoint *self) {
  if (!self || self->ended) return false;
  size_t len;
  const char *line = luaL_checklstring(L, 2, &len);
  moon_buffer_add(&self->out, line, len);
  moon_buffer_add_char(&self->out, '\n');
  look(self);
  return !self->ended;
}

static int send_when_possible(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  endpoint *self = channel_at(L, 1);
  if (self && !self->ended && queued(self) > QUEUE_LIMIT) return wait_in(L, &self->senders, -1, 0, send_when_possible);
  lua_pushboolean(L, add_line(L, self));
  return 1;
}

/* send(line) -> boolean: false: the other end is gone */
static int channel_send(lua_State *L) {
  luaL_checkstring(L, 2);
  lua_settop(L, OP_INDEX - 1);
  return send_when_possible(L, LUA_OK, 0);
}

/* offer(line) -> boolean: does not wait; false: there is no room, or the other end is gone */
static int channel_offer(lua_State *L) {
  endpoint *self = channel_at(L, 1);
  luaL_checkstring(L, 2);
  lua_pushboolean(L, self && queued(self) <= QUEUE_LIMIT && add_line(L, self));
  return 1;
}

static int channel_peer(lua_State *L) {
  endpoint *self = channel_at(L, 1);
  if (!self) return 0;
  lua_pushinteger(L, self->pid);
  lua_pushinteger(L, (lua_Integer)self->uid);
  return 2;
}

static void push_channel(lua_State *L, int fd, pid_t pid, uid_t uid) {
  endpoint *self = push_endpoint(L, CHANNEL, fd);
  self->pid = pid;
  self->uid = uid;
}

/* --- listeners --- */

static void on_connection(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  endpoint *self = poll->data;
  uv_poll_stop(poll);
  wake(self->runtime, &self->receivers);
}

static int accepted(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  endpoint *self = *(endpoint **)luaL_checkudata(L, 1, LISTENER);
  if (!self) return 0;
  int fd = accept4(self->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) {
    pid_t pid;
    uid_t uid = (uid_t)-1;
    if (console_socket_peer(fd, &pid, &uid)) {
      push_channel(L, fd, pid, uid);
      return 1;
    }
    moon_log(MOON_LOG_WARN, "console %s: user %ld was turned away", self->socket->path, (long)uid);
    close(fd);
  }
  bool nobody = fd >= 0 || errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
  if (nobody) uv_poll_start(&self->poll, UV_READABLE, on_connection);
  /* no descriptors: looking again at once would find the same */
  return wait_in(L, &self->receivers, nobody ? -1 : RETRY_ACCEPT_MS, 0, accepted);
}

/* accept() -> channel; nil: the listener is closed */
static int listener_accept(lua_State *L) {
  lua_settop(L, OP_INDEX - 1);
  return accepted(L, LUA_OK, 0);
}

static int listener_path(lua_State *L) {
  endpoint *self = *(endpoint **)luaL_checkudata(L, 1, LISTENER);
  lua_pushstring(L, self ? self->socket->path : NULL);
  return 1;
}

/* --- the library --- */

static int console_listen(lua_State *L) {
  moon_error *err;
  console_socket *listening = console_socket_listen(luaL_checkstring(L, 1), &err);
  if (!listening) return moon_push_error(L, err);
  push_endpoint(L, LISTENER, listening->fd)->socket = listening;
  return 1;
}

static int console_connect(lua_State *L) {
  moon_error *err;
  int fd = console_socket_connect(luaL_checkstring(L, 1), &err);
  if (fd < 0) return moon_push_error(L, err);
  pid_t pid = 0;
  uid_t uid = 0;
  console_socket_peer(fd, &pid, &uid);
  push_channel(L, fd, pid, uid);
  return 1;
}

static void make_type(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, endpoint_close);
  lua_setfield(L, -2, "__gc");
  lua_createtable(L, 0, 8);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static int close_channel(lua_State *L) {
  luaL_checkudata(L, 1, CHANNEL);
  return endpoint_close(L);
}

static int close_listener(lua_State *L) {
  luaL_checkudata(L, 1, LISTENER);
  return endpoint_close(L);
}

int moon_console_open(lua_State *L) {
  static const luaL_Reg channel_methods[] = {{"receive", channel_receive}, {"send", channel_send},
                                             {"offer", channel_offer},     {"peer", channel_peer},
                                             {"close", close_channel},     {NULL, NULL}};
  static const luaL_Reg listener_methods[] = {
      {"accept", listener_accept}, {"path", listener_path}, {"close", close_listener}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"listen", console_listen}, {"connect", console_connect}, {NULL, NULL}};
  make_type(L, CHANNEL, channel_methods);
  make_type(L, LISTENER, listener_methods);
  moon_op_meta(L, &op_key, op_close);
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "console");
  return 0;
}
