/* route.h: the way of one call or lease through the clusters of a manager: where it is, where it was and what it failed
 * with there, and where it goes next.
 *
 * A route has a place in one cluster at a time. Its owner lives on the reactor of that cluster's pool: once it has
 * begun, everything that happens to it is a task there, and only those tasks change it. A move may change the reactor;
 * a task that still comes to an earlier one finds that it is not "here", and was sent on.
 *
 * While it is watched, the owner hears, on any thread, that the cluster turned unhealthy (`abandoned`), and posts a
 * task in which it looks at the cause. */
#ifndef MOON_CLUSTER_ROUTE_H
#define MOON_CLUSTER_ROUTE_H

#include <stdatomic.h>

#include "cluster/manager.h"
#include "net/reactor.h"

typedef struct moon_route {
  moon_cluster *cluster; /* where it is, or ended; a reference; NULL: nowhere yet */
  moon_pool *pool;       /* that cluster's, or its lane; lives as long as the cluster */
  bool has_place;

  moon_manager *manager; /* a reference; NULL: it belongs to one cluster */
  bool may_move;
  bool lane;
  moon_selection selection; /* what it points at is its own, but for method and path */
  bool is_tried;            /* this cluster is among selection.tried */

  _Atomic(moon_reactor *) reactor; /* a reference; NULL: nowhere yet */
  moon_reactor **earlier;          /* those that it has left; kept, for somebody may be about to post to one */
  size_t earlier_count;

  moon_mover mover;
  bool watched;
  void (*abandoned)(struct moon_route *route);
  _Atomic(moon_error *) cause; /* of being abandoned, until it is looked at */
} moon_route;

/* For something that stays in one cluster: with a place there, or, `conn` given, on that leased connection. */
void moon_route_begin_in(moon_route *route, moon_cluster *cluster, bool lane);
void moon_route_begin_on(moon_route *route, moon_conn *conn);
/* In whichever cluster the manager chooses, or in `chosen`, whose place it takes over. `abandoned` must be set before.
 * Fails as moon_manager_select. */
moon_error *moon_route_begin(moon_route *route, moon_manager *manager, const moon_selection *selection,
                             moon_cluster *chosen, bool may_move, bool lane);

/* Leaves for another cluster, because of `why`, and tells the event. NULL: it moved. When there is none it
 * stays where it is; the error of moon_manager_select. */
moon_error *moon_route_move(moon_route *route, const moon_error *why);
/* What to end with when it could not move (`nowhere`, or NULL) after `last`: the one that says more. Takes over both.
 */
moon_error *moon_route_conclude(moon_error *nowhere, moon_error *last);
/* Begins to watch the cluster's health, if it may move; harmless when repeated. */
void moon_route_watch(moon_route *route);
/* Why the cluster was abandoned since it came here; NULL: it was not, or that was looked at already. The caller's. */
moon_error *moon_route_take_cause(moon_route *route);

/* Posts a task to the reactor that it is on. Any thread. */
void moon_route_post(moon_route *route, moon_task *task);
/* In a task: whether this is the reactor that the route is on; else it has sent the task there. */
bool moon_route_is_here(moon_route *route, moon_task *task);

/* Gives up the place; `cluster` stays known until it is cleared. */
void moon_route_end(moon_route *route);
/* The same, but for the place, which now belongs to the caller. */
void moon_route_end_in_place(moon_route *route);
void moon_route_clear(moon_route *route); /* frees what it holds */

#endif
