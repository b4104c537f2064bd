/* route.c: see route.h. */
#include "cluster/route.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cluster/network.h"

/* --- where it is --- */

static void follow_pool(moon_route *route) {
  moon_reactor *reactor = moon_network_reactor(moon_network_of(route->pool));
  moon_reactor *before = atomic_load(&route->reactor);
  if (reactor == before) return;
  if (before) {
    route->earlier = moon_realloc(route->earlier, (route->earlier_count + 1) * sizeof(moon_reactor *));
    route->earlier[route->earlier_count++] = before;
  }
  atomic_store(&route->reactor, moon_reactor_retain(reactor));
}

/* Takes over a place in the cluster. */
static void arrive(moon_route *route, moon_cluster *cluster) {
  route->cluster = moon_cluster_retain(cluster);
  route->has_place = true;
  route->is_tried = false;
  moon_pool *pool = moon_cluster_pool(cluster);
  route->pool = route->lane ? moon_pool_lane(pool) : pool;
  follow_pool(route);
}

void moon_route_begin_in(moon_route *route, moon_cluster *cluster, bool lane) {
  route->lane = lane;
  moon_cluster_enter(cluster);
  arrive(route, cluster);
}

void moon_route_begin_on(moon_route *route, moon_conn *conn) {
  route->cluster = moon_cluster_retain(moon_cluster_of(conn));
  route->pool = moon_conn_pool(conn);
  follow_pool(route);
}

/* --- health --- */

/* On any thread. */
static void abandon(moon_mover *mover, const moon_error *cause) {
  moon_route *route = MOON_ENTRY(mover, moon_route, mover);
  moon_error_free(atomic_exchange(&route->cause, moon_error_copy(cause)));
  route->abandoned(route);
}

void moon_route_watch(moon_route *route) {
  if (!route->may_move || route->watched) return;
  route->watched = true;
  route->mover.abandon = abandon;
  moon_manager_add_mover(route->manager, &route->mover, route->cluster);
}

static void stop_watching(moon_route *route) {
  if (route->watched) moon_manager_remove_mover(route->manager, &route->mover);
  route->watched = false;
  moon_error_free(moon_route_take_cause(route));
}

moon_error *moon_route_take_cause(moon_route *route) {
  return atomic_exchange(&route->cause, NULL);
}

/* --- where it goes --- */

moon_error *moon_route_begin(moon_route *route, moon_manager *manager, const moon_selection *selection,
                             moon_cluster *chosen, bool may_move, bool lane) {
  const moon_manager_options *options = moon_manager_get_options(manager);
  route->manager = moon_manager_retain(manager);
  route->may_move = may_move && options->enable_failover;
  route->lane = lane;
  route->selection = (moon_selection){
      .preferred = moon_strdup(selection->preferred),
      .among = selection->among ? moon_selector_retain(selection->among) : NULL,
      .key = moon_strdup(selection->key),
      .method = selection->method,
      .path = selection->path,
  };
  moon_error *err = chosen ? NULL : moon_manager_select(manager, &route->selection, &chosen, NULL);
  if (!err) arrive(route, chosen);
  return err;
}

/* Notes that the cluster has failed for this, and with what; with something else than the last time, perhaps. */
static void note_tried(moon_route *route, const moon_error *why) {
  moon_selection *selection = &route->selection;
  uint64_t *tried = (uint64_t *)selection->tried;
  char **errors = (char **)selection->tried_errors;
  if (!route->is_tried) {
    size_t count = ++selection->tried_count;
    selection->tried = tried = moon_realloc(tried, count * sizeof *tried);
    errors = moon_realloc(errors, count * sizeof *errors);
    selection->tried_errors = (const char *const *)errors;
    tried[count - 1] = moon_manager_candidate_id(route->manager, route->cluster);
    errors[count - 1] = NULL;
    route->is_tried = true;
  }
  moon_error_set(&errors[selection->tried_count - 1], why->message);
  free((char *)selection->preferred); /* it has had its chance */
  selection->preferred = NULL;
}

moon_error *moon_route_move(moon_route *route, const moon_error *why) {
  moon_cluster *next = NULL;
  note_tried(route, why);
  moon_error *none = moon_manager_select(route->manager, &route->selection, &next, NULL);
  if (none) return none;
  moon_cluster *left = route->cluster;
  moon_manager_note_failover(route->manager, moon_cluster_name(left), moon_cluster_name(next), why->message);
  moon_route_end(route);
  arrive(route, next);
  moon_cluster_release(left);
  return NULL;
}

moon_error *moon_route_conclude(moon_error *nowhere, moon_error *last) {
  bool names_all = nowhere && nowhere->kind == MOON_NO_HEALTHY_CLUSTER && !nowhere->cluster;
  moon_error_free(names_all ? last : nowhere);
  return names_all ? nowhere : last;
}

/* --- tasks --- */

void moon_route_post(moon_route *route, moon_task *task) {
  moon_reactor_post(atomic_load(&route->reactor), task);
}

bool moon_route_is_here(moon_route *route, moon_task *task) {
  moon_reactor *reactor = atomic_load(&route->reactor);
  if (moon_reactor_is_current(reactor)) return true;
  moon_reactor_post(reactor, task);
  return false;
}

/* --- the end --- */

void moon_route_end_in_place(moon_route *route) {
  stop_watching(route);
  route->has_place = false;
}

void moon_route_end(moon_route *route) {
  bool had_place = route->has_place;
  moon_route_end_in_place(route);
  if (had_place) moon_cluster_leave(route->cluster);
}

void moon_route_clear(moon_route *route) {
  moon_cluster_release(route->cluster);
  const moon_selection *selection = &route->selection;
  for (size_t i = 0; i < selection->tried_count; i++) free((char *)selection->tried_errors[i]);
  free((void *)selection->tried_errors);
  free((uint64_t *)selection->tried);
  free((char *)selection->preferred);
  free((char *)selection->key);
  moon_selector_release(selection->among);
  moon_manager_drop(route->manager);
  for (size_t i = 0; i < route->earlier_count; i++) moon_reactor_release(route->earlier[i]);
  free(route->earlier);
  moon_reactor_release(atomic_load(&route->reactor));
}
