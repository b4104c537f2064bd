/* feed.c: see feed.h. A feed is shared by the Lua side, the call (until `done`), and its completion while it is posted;
 * whoever is last frees it. The lock guards `shared`; pausing and resuming are decided under it, so that the last word
 * of the two threads is the right one (the call's side only notes it and posts a task). */
#include "binding/feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"

/* Bytes that may wait for the Lua thread. */
enum { PAUSE_ABOVE = 4 << 20 };

struct moon_feed {
  atomic_int refs;
  moon_runtime *runtime;
  moon_completion completion;
  size_t batch;

  /* the Lua thread's */
  void (*tell)(void *ctx, lua_State *L);
  void *ctx; /* NULL: dropped */
  const moon_request *request;
  moon_news news;

  pthread_mutex_t lock;
  moon_news shared;
  moon_call *call; /* a reference */
  moon_lease *lease;
  bool posted, paused;
};

static void clear_news(moon_news *news) {
  moon_buffer_free(&news->bytes);
  moon_buffer_free(&news->headers);
  free(news->content_type);
  moon_error_free(news->err);
  moon_cluster_release(news->cluster);
}

static void release_feed(moon_feed *feed) {
  if (atomic_fetch_sub(&feed->refs, 1) != 1) return;
  moon_call_release(feed->call);
  moon_lease_release(feed->lease);
  clear_news(&feed->news);
  clear_news(&feed->shared);
  pthread_mutex_destroy(&feed->lock);
  moon_runtime_release(feed->runtime);
  free(feed);
}

static void run_completion(moon_completion *completion, lua_State *L) {
  moon_feed *feed = MOON_ENTRY(completion, moon_feed, completion);
  pthread_mutex_lock(&feed->lock);
  feed->posted = false;
  pthread_mutex_unlock(&feed->lock);
  if (L && feed->ctx) feed->tell(feed->ctx, L);
  release_feed(feed);
}

/* Ends a change of `shared`: unlocks, and wakes the Lua thread if it is worth it. */
static void unlock_and_tell(moon_feed *feed, bool worth) {
  bool post = worth && !feed->posted;
  if (post) {
    feed->posted = true;
    atomic_fetch_add(&feed->refs, 1);
  }
  pthread_mutex_unlock(&feed->lock);
  if (post) moon_runtime_post(feed->runtime, &feed->completion);
}

/* --- the call's callbacks: any thread --- */

static void set_cluster(moon_news *news, moon_cluster *cluster) {
  moon_cluster_release(news->cluster);
  news->cluster = cluster ? moon_cluster_retain(cluster) : NULL;
}

static void on_headers(void *ctx, moon_cluster *cluster, const moon_response *response) {
  moon_feed *feed = ctx;
  pthread_mutex_lock(&feed->lock);
  feed->shared.has_headers = true;
  set_cluster(&feed->shared, cluster);
  feed->shared.status = response->status;
  free(feed->shared.content_type);
  feed->shared.content_type = moon_strdup(response->content_type);
  unlock_and_tell(feed, feed->batch == 0);
}

static void on_data(void *ctx, const char *bytes, size_t len) {
  moon_feed *feed = ctx;
  pthread_mutex_lock(&feed->lock);
  moon_buffer_add(&feed->shared.bytes, bytes, len);
  if (feed->shared.bytes.len > PAUSE_ABOVE && !feed->paused && feed->call) {
    feed->paused = true;
    moon_call_pause(feed->call, true);
  }
  unlock_and_tell(feed, feed->shared.bytes.len >= feed->batch);
}

static void on_restart(void *ctx) {
  moon_feed *feed = ctx;
  pthread_mutex_lock(&feed->lock);
  moon_buffer_clear(&feed->shared.bytes);
  feed->shared.restarted = true;
  unlock_and_tell(feed, false);
}

static void on_done(void *ctx, moon_cluster *cluster, moon_response *response, moon_error *err) {
  moon_feed *feed = ctx;
  moon_lease_release(feed->lease); /* first: whoever is told, and gives the connection back, finds it free at once */
  feed->lease = NULL;
  pthread_mutex_lock(&feed->lock);
  feed->shared.over = true;
  feed->shared.err = err;
  set_cluster(&feed->shared, cluster);
  feed->shared.status = response->status;
  feed->shared.headers = response->headers; /* taken from the response */
  response->headers = (moon_buffer){0};
  unlock_and_tell(feed, true);
  release_feed(feed);
}

/* --- the Lua thread --- */

moon_feed *moon_feed_new(moon_runtime *runtime, size_t batch, void (*tell)(void *ctx, lua_State *L), void *ctx) {
  moon_feed *feed = moon_zalloc(sizeof *feed);
  atomic_init(&feed->refs, 1);
  feed->runtime = moon_runtime_retain(runtime);
  feed->completion.run = run_completion;
  feed->batch = batch;
  feed->tell = tell;
  feed->ctx = ctx;
  pthread_mutex_init(&feed->lock, NULL);
  return feed;
}

static moon_call *start(const moon_callee *callee, moon_request *request, const moon_call_handler *handler) {
  if (callee->conn) return moon_call_start_on(callee->conn, request, handler);
  if (callee->cluster) return moon_call_start(callee->cluster, request, handler);
  return moon_call_start_among(callee->manager, &callee->selection, callee->chosen, request, handler);
}

void moon_feed_start(moon_feed *feed, const moon_callee *callee, moon_request *request) {
  moon_call_handler handler = {
      .ctx = feed, .headers = on_headers, .data = on_data, .restart = on_restart, .done = on_done};
  if (request->streaming) handler.restart = NULL; /* bytes that were handed out cannot be taken back */
  feed->lease = callee->lease;
  feed->request = request;
  atomic_fetch_add(&feed->refs, 1); /* the call's, until `done` */
  moon_call *call = start(callee, request, &handler);
  pthread_mutex_lock(&feed->lock);
  feed->call = call;
  pthread_mutex_unlock(&feed->lock);
}

moon_news *moon_feed_take(moon_feed *feed) {
  moon_news *news = &feed->news, *shared = &feed->shared;
  pthread_mutex_lock(&feed->lock);
  moon_buffer bytes = news->bytes; /* swapped, so that both keep their memory */
  news->bytes = shared->bytes;
  shared->bytes = bytes;
  moon_buffer_clear(&shared->bytes);
  news->restarted = shared->restarted;
  shared->restarted = false;
  news->status = shared->status;
  if (shared->has_headers) {
    news->has_headers = true;
    free(news->content_type);
    news->content_type = shared->content_type;
    shared->content_type = NULL;
    shared->has_headers = false;
    set_cluster(news, shared->cluster);
  }
  if (shared->over && !news->over) {
    news->over = true;
    news->headers = shared->headers;
    news->err = shared->err;
    set_cluster(news, shared->cluster);
    shared->headers = (moon_buffer){0};
    shared->err = NULL;
  }
  if (feed->paused) moon_call_pause(feed->call, false);
  feed->paused = false;
  pthread_mutex_unlock(&feed->lock);
  return news;
}

moon_news *moon_feed_news(moon_feed *feed) {
  return &feed->news;
}

const moon_request *moon_feed_request(const moon_feed *feed) {
  return feed->request;
}

void moon_feed_drop(moon_feed *feed) {
  if (!feed) return;
  feed->ctx = NULL;
  if (feed->call && !feed->news.over) moon_call_cancel(feed->call);
  release_feed(feed);
}
