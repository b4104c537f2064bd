/* manager_state.h: what the files of the manager share. See manager.h for the rules.
 *
 *   manager.c            making and unmaking, members coming and going, what is set on them and asked about them
 *   manager_selection.c  who may be chosen, who is, and the error when nobody is left
 *   manager_health.c     changes of health, and whom they concern: events, waiters, movers
 *
 * `membership` is held by whoever lets members come, go, or be checked, so that one such thing happens at a time;
 * `lock` guards all the data. Lock order: membership, lock, event queue. */
#ifndef MOON_CLUSTER_MANAGER_STATE_H
#define MOON_CLUSTER_MANAGER_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cluster/manager.h"
#include "cluster/prober.h"

struct leaver;

struct member {
  moon_manager *manager;
  moon_cluster *cluster;
  moon_probing *probing;
  struct leaver *leaver; /* once it is taken out */
  uint64_t id;
  char *zone;
  moon_label *labels;
  size_t label_count;
  int priority, capacity;
  /* under the lock: */
  double weight;
  bool enabled;
  bool usable;            /* as it was when last looked at */
  moon_health_state told; /* the last event about it: UNKNOWN (none), HEALTHY or UNHEALTHY */
  double slot;            /* the strategy's */
  double credit;          /* slow start: thousandths of a selection that it has saved up */
  uint64_t selected;
};

/* A mover that is being told now. */
struct telling {
  moon_list node;
  moon_mover *mover;
};

struct moon_manager {
  atomic_int refs;
  uint64_t id;
  moon_manager_options options;
  moon_event_queue *events; /* or NULL */
  pthread_mutex_t membership;

  pthread_mutex_t lock;
  bool closed, events_on;
  struct member **members; /* in the order of addition */
  size_t count, room;
  uint64_t last_id;
  moon_strategy strategy;
  uint64_t fallback_id; /* whom round-robin, the fall-back, chose last */
  /* scratch of a selection, as long as `members`: */
  moon_candidate *candidates;
  struct member **chosen;

  moon_list movers, tellings;
  pthread_cond_t told; /* one of the tellings has ended */
};

/* --- manager.c --- */
struct member *manager_member(const moon_manager *manager, const char *name); /* lock held */
/* Errors that say which clusters there are. No lock held. */
moon_error *manager_no_such(moon_manager *manager, const char *name);
moon_error *manager_none_selected(moon_manager *manager);
moon_error *manager_closed_error(void);

/* --- manager_selection.c --- */
void member_rejoins(struct member *member); /* lock held: as if it had just come */

/* --- manager_health.c --- */
void member_changed(void *member);
moon_event manager_event(const moon_manager *manager, moon_event_kind kind, const char *cluster, const char *other,
                         const char *text); /* copies the texts */
/* Lock held. Copies the texts; true: wake the queue once the lock is given back. */
bool manager_tell(moon_manager *manager, moon_event_kind kind, const char *cluster, const char *other,
                  const char *text);

#endif
