/* manager.h: several clusters behind one: which are there, which may be chosen now, and who is chosen. The public part
 * is in moonpool.h (moon_manager_...); here is what the floors above need beyond it.
 *
 * Two locks per manager, taken in this order, and the event queue's last. `membership` lets clusters come, go and be
 * checked one at a time; whoever holds it may wait for a probe to end, and selections never need it. `lock` guards the
 * list of members, the rotation and the strategy, which is called under it, for as long as a selection takes: pools,
 * endpoint sets and waiters are called after it was given back. Nobody's callback is called under either.
 *
 * Events of a cluster come in this order: clusterAdded before anything that its pool tells, clusterHealthy and
 * clusterUnhealthy in turn, clusterRemoved after the last of it (poolDrained). One of the same name that is added while
 * the old one still drains may be told of before that.
 *
 * Rules of a selection
 *   - Candidates are enabled, usable (health.h), match the selector, and were not tried yet. While some of them have
 * been probed (healthy or suspect), those that are UNKNOWN are left out.
 *   - One in slow start gets its share (health.h) of the even part, or of the part that its weight gives it where that
 * is less, evenly spread and whatever the strategy; unless it is the only candidate.
 *   - A preferred cluster that is usable is chosen without asking the strategy. When it is not usable: with
 * enableFailover another one is chosen as if nobody was preferred (and a `failover` event tells); without, its own
 * error is returned.
 *   - A strategy's answer that is out of range, and a panic of a C host's own strategy (SIZE_MAX), is the fall-back's
 *     turn: round-robin.
 *   - No candidate: MOON_NO_HEALTHY_CLUSTER, naming every cluster with its cause: its last error, "disabled", "failed
 * for this request already (...)". No cluster at all: the same kind, and it says so. Without enableFailover, and where
 * one cluster is concerned: that cluster's own error.
 *   - A preferred name that is not there: MOON_CONFIG with the nearest name. */
#ifndef MOON_CLUSTER_MANAGER_H
#define MOON_CLUSTER_MANAGER_H

#include "cluster/cluster.h"
#include "cluster/selector.h"

/* As moon_manager_new, with the queue that events go to (its own and its pools'); `events` may be NULL. */
moon_error *moon_manager_create(const moon_manager_options *options, moon_event_queue *events, moon_manager **out);
/* A reference for those who go on needing it (calls, leasings); given back with moon_manager_drop. The owner's own goes
 * with moon_manager_release, which closes the manager as well. */
moon_manager *moon_manager_retain(moon_manager *manager);
void moon_manager_drop(moon_manager *manager);
const moon_manager_options *moon_manager_get_options(const moon_manager *manager);
uint64_t moon_manager_id(const moon_manager *manager); /* the source of its events; drawn with those of pools */
void moon_manager_set_events_enabled(moon_manager *manager, bool enabled); /* its own, and those of its pools */

/* As moon_manager_add_cluster, with the target instead of kubeconfig and context. */
moon_error *moon_manager_add(moon_manager *manager, const moon_cluster_options *options, moon_target *target);
/* Takes the cluster out: waiters get MOON_CLOSED, leases and calls have grace_ms. Who has a reference to the cluster
 * can see its pool drain. */
moon_error *moon_manager_take_out(moon_manager *manager, const char *name, int64_t grace_ms);

/* What a cluster is chosen for. Texts live as long as the call or waiter that it is for. */
typedef struct moon_selection {
  const char *preferred;     /* a name, or NULL */
  moon_selector *among;      /* or NULL: all */
  const char *key;           /* for rendezvous, and for strategies in Lua; or NULL */
  const char *method, *path; /* of the request; NULL for a lease */
  const uint64_t *tried;     /* moon_candidate.id of those that have failed for this */
  size_t tried_count;
  const char *const *tried_errors; /* what each failed with, for the error when nothing is left; or NULL */
} moon_selection;

/* Chooses, and takes a place (moon_cluster_enter) in *out. `id` may be NULL: gets the candidate's id. An error that is
 * about one cluster has that one's name in `cluster`; one that is about all has none. */
moon_error *moon_manager_select(moon_manager *manager, const moon_selection *selection, moon_cluster **out,
                                uint64_t *id);
/* Why the named cluster would not be chosen although it is preferred: it is disabled, or unhealthy. NULL: it would be,
 * or there is none of that name. The caller's. */
moon_error *moon_manager_absence(moon_manager *manager, const char *name);
/* For strategies that cannot run under the lock: the candidates as they are now, without slots (NULL). Counts as a
 * selection for slow start. At most `room`; returns how many there are. The texts in them belong to the clusters: they
 * stay valid until the caller's thread has taken out or let go of the cluster itself, or, where other threads do that,
 * for no longer than this call. */
size_t moon_manager_candidates(moon_manager *manager, const moon_selection *selection, moon_candidate *out,
                               size_t room);
/* Takes a place in the candidate with that id if it may still be chosen; else NULL. */
moon_cluster *moon_manager_enter(moon_manager *manager, uint64_t id);
/* The id of a member as a candidate; 0 when it is no longer there. */
uint64_t moon_manager_candidate_id(moon_manager *manager, const moon_cluster *cluster);
/* The named cluster, retained; NULL: there is none (then *err, which may be NULL, says so and names the nearest). */
moon_cluster *moon_manager_find(moon_manager *manager, const char *name, moon_error **err);
/* Names of the members that the selector (NULL: all) matches, in the order of addition; texts and array are the
 * caller's. Disabled ones only where the selector names exactly them. */
size_t moon_manager_names(moon_manager *manager, const moon_selector *selector, char ***names);

/* A request or lease has left `from` for `to` (NULL: nowhere was left), because of `reason`. Tells the event. */
void moon_manager_note_failover(moon_manager *manager, const char *from, const char *to, const char *reason);
void moon_manager_note_strategy_error(moon_manager *manager, const char *message);

/* A call that may move to another cluster is running in this one: it is told (`abandon`, on any thread, without a lock)
 * when the cluster turns unhealthy, at most once for each time it was added. Who has added itself looks at
 * moon_cluster_down afterwards: the news may have come before. */
typedef struct moon_mover {
  moon_list node;
  moon_cluster *cluster;
  void (*abandon)(struct moon_mover *mover, const moon_error *cause);
} moon_mover;
void moon_manager_add_mover(moon_manager *manager, moon_mover *mover, moon_cluster *cluster);
/* After this `abandon` does not begin, and none is under way on another thread. Never from inside `abandon`. */
void moon_manager_remove_mover(moon_manager *manager, moon_mover *mover);

/* checkHealth: probes the named cluster (NULL: all) now; `done(ctx)` on a health thread when all have answered. */
moon_error *moon_manager_check_async(moon_manager *manager, const char *name, void (*done)(void *ctx), void *ctx);

/* Closes everything: as take_out of every cluster; no cluster can be added or chosen any more (MOON_CLOSED). */
void moon_manager_close(moon_manager *manager, int64_t grace_ms);

#endif
