/* feed.h: a call whose bytes come to the Lua thread in batches, and what a call is made to.
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
  bool restarted;        /* forget all bytes before */
  moon_buffer bytes;     /* valid until the next take */
  bool has_headers;      /* the next three are there */
  moon_cluster *cluster; /* whose answer it is; a reference */
  int status;
  char *content_type; /* NULL when the server sent none */
  bool over;          /* and then: */
  moon_buffer headers;
  moon_error *err; /* or NULL; then the cluster is where it ended, or NULL: none was chosen */
} moon_news;

/* What a call is made to: a leased connection, a cluster, or whichever cluster a manager chooses. */
typedef struct moon_callee {
  moon_conn *conn; /* with its lease, which the feed takes over */
  moon_lease *lease;
  moon_cluster *cluster;
  moon_manager *manager;
  moon_selection selection; /* its texts must live until the start */
  moon_cluster *chosen;     /* NULL, or a place that the feed takes over */
} moon_callee;

/* Finds what the handle at index 1 makes calls to. The request table is at index 2, what else the script gave at index
 * 3. Raises where the handle cannot be used; owns nothing then. */
typedef void (*moon_callee_find)(lua_State *L, const moon_request *request, moon_callee *out);

typedef struct moon_feed moon_feed;

/* `tell(ctx, L)` is called on the Lua thread when there is something to take: at least `batch` bytes (0: any), a
 * restart, or the end. It may not raise. */
moon_feed *moon_feed_new(moon_runtime *runtime, size_t batch, void (*tell)(void *ctx, lua_State *L), void *ctx);
/* Starts the call. Takes over the request. */
void moon_feed_start(moon_feed *feed, const moon_callee *callee, moon_request *request);
/* Moves what came into feed's news. */
moon_news *moon_feed_take(moon_feed *feed);
/* The news as they were at the last take. */
moon_news *moon_feed_news(moon_feed *feed);
const moon_request *moon_feed_request(const moon_feed *feed); /* after the start */
/* Nobody is interested any more: cancels the call unless it is over; `tell` is not called again. The feed is gone for
 * the caller. NULL is fine. */
void moon_feed_drop(moon_feed *feed);

#endif
