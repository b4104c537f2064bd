/* manager_health.c: changes of health, and whom they concern.
 *
 * News comes on any thread (a prober's, a reactor's), several at a time. What is told of it is decided under the lock
 * by the state as it is then, not as it was when the news began, so that events alternate and the last one is true.
 * Waiters and movers are told after the lock was given back. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/manager_state.h"
#include "cluster/network.h"

moon_event manager_event(const moon_manager *manager, moon_event_kind kind, const char *cluster, const char *other,
                         const char *text) {
  return (moon_event){.kind = kind,
                      .source = manager->id,
                      .at_ms = moon_clock_coarse_ms(),
                      .text = moon_strdup(text),
                      .cluster = moon_strdup(cluster),
                      .other = moon_strdup(other)};
}

bool manager_tell(moon_manager *manager, moon_event_kind kind, const char *cluster, const char *other,
                  const char *text) {
  if (!manager->events_on) return false;
  moon_event event = manager_event(manager, kind, cluster, other, text);
  return moon_event_queue_append(manager->events, &event);
}

static void tell(moon_manager *manager, moon_event_kind kind, const char *cluster, const char *other,
                 const char *text) {
  pthread_mutex_lock(&manager->lock);
  bool wake = manager_tell(manager, kind, cluster, other, text);
  pthread_mutex_unlock(&manager->lock);
  if (wake) moon_event_queue_wake(manager->events);
}

void moon_manager_note_failover(moon_manager *manager, const char *from, const char *to, const char *reason) {
  tell(manager, MOON_EVENT_FAILOVER, from, to, reason);
}

void moon_manager_note_strategy_error(moon_manager *manager, const char *message) {
  tell(manager, MOON_EVENT_STRATEGY_ERROR, NULL, NULL, message);
}

/* --- movers --- */

void moon_manager_add_mover(moon_manager *manager, moon_mover *mover, moon_cluster *cluster) {
  mover->cluster = cluster;
  pthread_mutex_lock(&manager->lock);
  moon_list_push_back(&manager->movers, &mover->node);
  pthread_mutex_unlock(&manager->lock);
}

static bool is_told(const moon_manager *manager, const moon_mover *mover) {
  for (moon_list *node = manager->tellings.next; node != &manager->tellings; node = node->next)
    if (MOON_ENTRY(node, struct telling, node)->mover == mover) return true;
  return false;
}

void moon_manager_remove_mover(moon_manager *manager, moon_mover *mover) {
  pthread_mutex_lock(&manager->lock);
  moon_list_remove(&mover->node);
  while (is_told(manager, mover)) pthread_cond_wait(&manager->told, &manager->lock);
  pthread_mutex_unlock(&manager->lock);
}

/* Those on `movers` are on nobody else's list, but may still be removed, under the lock. */
static void abandon_all(moon_manager *manager, moon_list *movers, const moon_error *cause) {
  pthread_mutex_lock(&manager->lock);
  moon_list *node;
  while ((node = moon_list_pop_front(movers))) {
    struct telling telling = {.mover = MOON_ENTRY(node, moon_mover, node)};
    moon_list_push_back(&manager->tellings, &telling.node);
    pthread_mutex_unlock(&manager->lock);
    telling.mover->abandon(telling.mover, cause);
    pthread_mutex_lock(&manager->lock);
    moon_list_remove(&telling.node);
    pthread_cond_broadcast(&manager->told);
  }
  pthread_mutex_unlock(&manager->lock);
}

/* Lock held. */
static void pick_movers(moon_manager *manager, const moon_cluster *cluster, moon_list *out) {
  for (moon_list *node = manager->movers.next, *next; node != &manager->movers; node = next) {
    next = node->next;
    if (MOON_ENTRY(node, moon_mover, node)->cluster != cluster) continue;
    moon_list_remove(node);
    moon_list_push_back(out, node);
  }
}

/* --- changes --- */

/* What a change asks for, once the lock is given back. */
struct consequences {
  bool wake, left;
  moon_list movers;
};

/* Lock held. */
static void take_in(struct member *member, moon_health_state state, const moon_error *cause, struct consequences *out) {
  moon_manager *manager = member->manager;
  const char *name = moon_cluster_name(member->cluster);
  bool usable = moon_health_usable(state);
  if (usable && !member->usable) member_rejoins(member);
  if (!usable && member->usable) {
    out->left = true;
    pick_movers(manager, member->cluster, &out->movers);
  }
  member->usable = usable;
  if (state == MOON_HEALTH_HEALTHY && member->told != MOON_HEALTH_HEALTHY) {
    member->told = MOON_HEALTH_HEALTHY;
    out->wake = manager_tell(manager, MOON_EVENT_CLUSTER_HEALTHY, name, NULL, NULL);
  } else if (!usable && member->told != MOON_HEALTH_UNHEALTHY) {
    member->told = MOON_HEALTH_UNHEALTHY;
    out->wake = manager_tell(manager, MOON_EVENT_CLUSTER_UNHEALTHY, name, NULL, cause->message);
  }
}

/* Why it is not usable; asked for without the manager's lock, because the endpoints have one of their own. */
static moon_error *cause_of(const struct member *member) {
  moon_error *cause = moon_endpoints_error(moon_cluster_endpoints(member->cluster));
  if (!cause) cause = moon_error_new(MOON_CONNECT, "no API server of the cluster is healthy");
  moon_error_set(&cause->cluster, moon_cluster_name(member->cluster));
  return cause;
}

void member_changed(void *ctx) {
  struct member *member = ctx;
  moon_manager *manager = member->manager;
  moon_endpoints *endpoints = moon_cluster_endpoints(member->cluster);
  struct consequences consequences = {0};
  moon_list_init(&consequences.movers);
  moon_error *cause = NULL;
  pthread_mutex_lock(&manager->lock);
  moon_health_state state = moon_endpoints_state(endpoints);
  while (!moon_health_usable(state) && !cause) {
    pthread_mutex_unlock(&manager->lock);
    cause = cause_of(member);
    pthread_mutex_lock(&manager->lock);
    state = moon_endpoints_state(endpoints);
  }
  take_in(member, state, cause, &consequences);
  pthread_mutex_unlock(&manager->lock);

  moon_network_rebalance(moon_cluster_pool(member->cluster));
  if (consequences.wake) moon_event_queue_wake(manager->events);
  if (consequences.left) {
    moon_pool_fail_waiters(moon_cluster_pool(member->cluster), cause);
    abandon_all(manager, &consequences.movers, cause);
  }
  moon_error_free(cause);
}

/* --- checks by hand --- */

struct check {
  atomic_size_t open;
  void (*done)(void *ctx);
  void *ctx;
};

static void check_done(void *ctx) {
  struct check *check = ctx;
  if (atomic_fetch_sub(&check->open, 1) != 1) return;
  check->done(check->ctx);
  free(check);
}

moon_error *moon_manager_check_async(moon_manager *manager, const char *name, void (*done)(void *ctx), void *ctx) {
  struct check *check = moon_alloc(sizeof *check);
  *check = (struct check){1, done, ctx};
  bool found = !name;
  pthread_mutex_lock(&manager->membership);
  for (size_t i = 0; i < manager->count; i++) {
    struct member *member = manager->members[i];
    if (name && strcmp(name, moon_cluster_name(member->cluster))) continue;
    found = true;
    atomic_fetch_add(&check->open, 1);
    moon_probing_check(member->probing, check_done, check);
  }
  pthread_mutex_unlock(&manager->membership);
  if (!found) {
    free(check);
    return manager_no_such(manager, name);
  }
  check_done(check);
  return NULL;
}
