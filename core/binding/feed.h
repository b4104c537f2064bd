/* feed.h: a call whose bytes come to the Lua thread in batches.
 *
 * The reactor appends to the feed while the Lua thread works on what it took last. The Lua thread is woken once per
 * batch. When it falls behind, the call is paused, so that memory stays bounded. */
#ifndef MOON_BINDING_FEED_H
#define MOON_BINDING_FEED_H

#include <lua.h>

#include "binding/connection.h"
#include "binding/runtime.h"
#include "cluster/call.h"

/* What came since the last moon_feed_take. The Lua thread's. */
typedef struct moon_news {
  bool restarted;    /* forget all bytes before */
  moon_buffer bytes; /* valid until the next take */
  bool has_headers;  /* the next two are there */
  int status;
  char *content_type; /* NULL when the server sent none */
  bool over;          /* and then: */
  moon_buffer headers;
  moon_error *err; /* or NULL */
} moon_news;

typedef struct moon_feed moon_feed;

/* `tell(ctx, L)` is called on the Lua thread when there is something to take: at least `batch` bytes (0: any), a
 * restart, or the end. It may not raise. */
moon_feed *moon_feed_new(moon_runtime *runtime, size_t batch, void (*tell)(void *ctx, lua_State *L), void *ctx);
/* Starts the call: over `conn` and its lease (taken over), or any connection of the cluster when conn is NULL. Takes
 * over the request. */
void moon_feed_start(moon_feed *feed, moon_cluster *cluster, moon_conn *conn, moon_lease *lease, moon_request *request);
/* Moves what came into feed's news. */
moon_news *moon_feed_take(moon_feed *feed);
/* The news as they were at the last take. */
moon_news *moon_feed_news(moon_feed *feed);
const moon_request *moon_feed_request(const moon_feed *feed); /* after the start */
/* Nobody is interested any more: cancels the call unless it is over; `tell` is not called again. The feed is gone for
 * the caller. NULL is fine. */
void moon_feed_drop(moon_feed *feed);

#endif
