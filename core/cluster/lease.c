/* lease.c: see lease.h.
 *
 * Where a connection is free at once, the caller's own thread takes it and nothing else happens. Otherwise a leasing is
 * in one state at a time:
 *   COMING   it has just begun, or moved to another cluster: a task will ask that one's pool
 *   WAITING  the pool has its waiter
 *   OVER     it has its result, or was cancelled
 * States change on the thread of the reactor that its route is on, and only there; answers, news of the cluster's
 * health and cancelling come on any thread and post a task. `decided` is what cancelling and the result race for:
 * whoever sets it first wins, so that a cancel knows at once that `done` will not be called. The leasing holds a
 * reference to itself until it is over, and one for each posted cancel or news. */
#include "cluster/lease.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/route.h"

enum leasing_state { COMING, WAITING, OVER };

struct moon_leasing {
  atomic_int refs;
  moon_route route;
  char *origin;
  moon_leased done;
  void *ctx;
  int64_t deadline_ms;
  atomic_bool decided;

  enum leasing_state state;
  moon_waiter waiter;
  moon_conn *conn; /* the pool's answer, on its way */
  moon_error *err;
  moon_task ask_task, answer_task, cancel_task, abandon_task;
  atomic_bool abandon_posted;
};

/* --- the end --- */

/* The result; when nobody wants it any more, it goes back where it came from. */
static void finish(moon_leasing *leasing, moon_conn *conn, moon_error *err) {
  moon_cluster *cluster = leasing->route.cluster;
  leasing->state = OVER;
  bool wanted = !atomic_exchange(&leasing->decided, true);
  if (wanted && conn) {
    moon_route_end_in_place(&leasing->route);
    leasing->done(leasing->ctx, moon_cluster_retain(cluster), conn, NULL);
  } else {
    if (conn) moon_pool_give_back(leasing->route.pool, conn);
    moon_route_end(&leasing->route);
    if (wanted && !err->cluster && cluster) moon_error_set(&err->cluster, moon_cluster_name(cluster));
    if (wanted)
      leasing->done(leasing->ctx, NULL, NULL, err);
    else
      moon_error_free(err);
  }
  moon_leasing_release(leasing);
}

/* --- asking, here and elsewhere --- */

/* `down`: not the asking has failed, the cluster is unhealthy. */
static void failed(moon_leasing *leasing, bool down, moon_error *err) {
  bool no_reason = err->kind == MOON_ACQUIRE_TIMEOUT || err->kind == MOON_CLOSED;
  bool in_time = moon_clock_now_ms() < leasing->deadline_ms;
  moon_error *nowhere = NULL;
  if (leasing->route.may_move && in_time && (down || !no_reason) && !atomic_load(&leasing->decided)) {
    nowhere = moon_route_move(&leasing->route, err);
    if (!nowhere) {
      moon_error_free(err);
      leasing->state = COMING;
      moon_route_post(&leasing->route, &leasing->ask_task);
      return;
    }
  }
  finish(leasing, NULL, moon_route_conclude(nowhere, err));
}

static void answer_now(moon_task *task) {
  moon_leasing *leasing = MOON_ENTRY(task, moon_leasing, answer_task);
  moon_error *err = leasing->err;
  leasing->err = NULL;
  if (!err) {
    finish(leasing, leasing->conn, NULL);
    return;
  }
  bool no_server = err->kind == MOON_CONNECT || err->kind == MOON_TLS || err->kind == MOON_TIMEOUT;
  if (no_server) moon_cluster_note(leasing->route.cluster, err, -1); /* its endpoints have heard of it */
  failed(leasing, false, err);
}

static void answered(moon_waiter *waiter, moon_conn *conn, moon_error *err) {
  moon_leasing *leasing = MOON_ENTRY(waiter, moon_leasing, waiter);
  leasing->conn = conn;
  leasing->err = err;
  moon_route_post(&leasing->route, &leasing->answer_task);
}

static void ask_now(moon_task *task) {
  moon_leasing *leasing = MOON_ENTRY(task, moon_leasing, ask_task);
  moon_route_watch(&leasing->route);
  moon_error *down = moon_cluster_down(leasing->route.cluster);
  if (down || atomic_load(&leasing->decided)) {
    if (down)
      failed(leasing, true, down);
    else
      finish(leasing, NULL, NULL);
    return;
  }
  int64_t left_ms = leasing->deadline_ms - moon_clock_now_ms();
  leasing->state = WAITING;
  leasing->waiter = (moon_waiter){
      .use = MOON_USE_LEASE, .timeout_ms = left_ms > 1 ? left_ms : 1, .origin = leasing->origin, .done = answered};
  moon_pool_acquire_async(leasing->route.pool, &leasing->waiter);
}

/* --- from outside --- */

/* False: the answer is on its way; answer_now will see that the leasing was cancelled, and what the pool gave to one
 * whose cluster has just turned unhealthy is as good as what it gave a moment before. */
static bool withdraw(moon_leasing *leasing) {
  return leasing->state == WAITING && moon_pool_cancel(leasing->route.pool, &leasing->waiter);
}

static void cancel_now(moon_task *task) {
  moon_leasing *leasing = MOON_ENTRY(task, moon_leasing, cancel_task);
  if (!moon_route_is_here(&leasing->route, task)) return;
  if (withdraw(leasing)) finish(leasing, NULL, NULL);
  moon_leasing_release(leasing);
}

static void abandon_now(moon_task *task) {
  moon_leasing *leasing = MOON_ENTRY(task, moon_leasing, abandon_task);
  if (!moon_route_is_here(&leasing->route, task)) return;
  atomic_store(&leasing->abandon_posted, false);
  moon_error *cause = moon_route_take_cause(&leasing->route);
  if (cause && withdraw(leasing))
    failed(leasing, true, cause);
  else
    moon_error_free(cause);
  moon_leasing_release(leasing);
}

static void abandoned(moon_route *route) {
  moon_leasing *leasing = MOON_ENTRY(route, moon_leasing, route);
  if (atomic_exchange(&leasing->abandon_posted, true)) return;
  atomic_fetch_add(&leasing->refs, 1);
  moon_route_post(route, &leasing->abandon_task);
}

bool moon_leasing_cancel(moon_leasing *leasing) {
  if (atomic_exchange(&leasing->decided, true)) return false;
  atomic_fetch_add(&leasing->refs, 1);
  moon_route_post(&leasing->route, &leasing->cancel_task);
  return true;
}

/* --- beginning --- */

moon_leasing *moon_leasing_start(moon_manager *manager, const moon_selection *selection, moon_cluster *chosen,
                                 const char *origin, moon_leased done, void *ctx) {
  moon_leasing *leasing = moon_zalloc(sizeof *leasing);
  leasing->refs = 2; /* the caller's, and its own until it is over */
  leasing->route.abandoned = abandoned;
  leasing->done = done;
  leasing->ctx = ctx;
  leasing->ask_task.run = ask_now;
  leasing->answer_task.run = answer_now;
  leasing->cancel_task.run = cancel_now;
  leasing->abandon_task.run = abandon_now;
  moon_error *err = moon_route_begin(&leasing->route, manager, selection, chosen, true, false);
  moon_conn *conn = err ? NULL : moon_pool_try_acquire(leasing->route.pool, MOON_USE_LEASE, origin);
  if (err || conn) {
    finish(leasing, conn, err);
    return leasing;
  }
  leasing->origin = moon_strdup(origin);
  leasing->deadline_ms = moon_clock_now_ms() + moon_pool_get_options(leasing->route.pool)->acquire_timeout_ms;
  moon_route_post(&leasing->route, &leasing->ask_task);
  return leasing;
}

void moon_leasing_release(moon_leasing *leasing) {
  if (!leasing || atomic_fetch_sub(&leasing->refs, 1) != 1) return;
  moon_route_clear(&leasing->route);
  free(leasing->origin);
  free(leasing);
}
