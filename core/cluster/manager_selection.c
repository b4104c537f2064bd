/* manager_selection.c: who may be chosen, who is, and the error when nobody is left.
 *
 * A selection runs under the manager's lock and allocates nothing: it fills the scratch that make_room() keeps as long
 * as the list of members. Health, counts and latencies are read without anybody's lock. The error of a selection that
 * found nobody is put together after the lock was given back, from references to the clusters that it is about. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/manager_state.h"

enum { FULL_SHARE = 1000 };

void member_rejoins(struct member *member) {
  member->slot = 0;
  member->credit = 0;
}

/* --- who may be chosen (lock held) --- */

/* The place among those tried; tried_count: it is not. */
static size_t place_among_tried(const struct member *member, const moon_selection *selection) {
  size_t i = 0;
  while (i < selection->tried_count && selection->tried[i] != member->id) i++;
  return i;
}

static bool is_tried(const struct member *member, const moon_selection *selection) {
  return place_among_tried(member, selection) < selection->tried_count;
}

static bool is_among(const struct member *member, const moon_selection *selection) {
  return !selection->among || moon_selector_matches(selection->among, moon_cluster_name(member->cluster),
                                                    member->labels, member->label_count);
}

static bool is_usable(const struct member *member) {
  return member->enabled && moon_health_usable(moon_endpoints_state(moon_cluster_endpoints(member->cluster)));
}

/* Whether it takes part in this selection: always, unless it has recovered only just; then in its share of them,
 * evenly spread. */
static bool takes_part(struct member *member, int64_t now_ms) {
  int share = (int)lround(FULL_SHARE * moon_endpoints_share(moon_cluster_endpoints(member->cluster), now_ms));
  if (share >= FULL_SHARE) return true;
  member->credit += share;
  if (member->credit < FULL_SHARE) return false;
  member->credit -= FULL_SHARE;
  return true;
}

static void describe(struct member *member, moon_candidate *out) {
  const moon_cluster *cluster = member->cluster;
  *out = (moon_candidate){
      .id = member->id,
      .name = moon_cluster_name(cluster),
      .zone = member->zone,
      .labels = member->labels,
      .label_count = member->label_count,
      .weight = member->weight,
      .priority = member->priority,
      .active = moon_cluster_active(cluster),
      .capacity = member->capacity,
      .latency_us = moon_cluster_expected_us(cluster),
      .failures = moon_cluster_failures(cluster),
      .slot = &member->slot,
  };
}

/* Keeps of manager->chosen those that `keep` says, if it says so of any. */
static size_t narrow(moon_manager *manager, size_t count, bool (*keep)(struct member *member, int64_t now_ms),
                     int64_t now_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    struct member *member = manager->chosen[i];
    if (!keep(member, now_ms)) continue;
    manager->chosen[i] = manager->chosen[kept];
    manager->chosen[kept++] = member;
  }
  return kept ? kept : count;
}

static bool is_known(struct member *member, int64_t now_ms) {
  return moon_endpoints_state(moon_cluster_endpoints(member->cluster)) != MOON_HEALTH_UNKNOWN;
}

/* Fills manager->chosen. */
static size_t find_candidates(moon_manager *manager, const moon_selection *selection) {
  size_t count = 0;
  for (size_t i = 0; i < manager->count; i++) {
    struct member *member = manager->members[i];
    if (is_usable(member) && !is_tried(member, selection) && is_among(member, selection))
      manager->chosen[count++] = member;
  }
  if (count < 2) return count;
  count = narrow(manager, count, is_known, 0);
  if (count < 2) return count;
  return narrow(manager, count, takes_part, moon_clock_now_ms());
}

/* --- who is (lock held) --- */

/* Round-robin by id: keeps going round evenly while clusters come and go. */
static size_t fall_back(const moon_manager *manager, size_t count) {
  size_t next = 0;
  while (next < count && manager->chosen[next]->id <= manager->fallback_id) next++;
  return next < count ? next : 0;
}

static struct member *choose(moon_manager *manager, const moon_selection *selection) {
  size_t count = find_candidates(manager, selection);
  if (!count) return NULL;
  for (size_t i = 0; i < count; i++) describe(manager->chosen[i], &manager->candidates[i]);
  const moon_strategy *strategy = &manager->strategy;
  size_t place = strategy->select(strategy->ctx, manager->candidates, count, selection->key);
  if (place >= count) {
    place = fall_back(manager, count);
    manager->fallback_id = manager->chosen[place]->id;
  }
  return manager->chosen[place];
}

static moon_cluster *enter(struct member *member, uint64_t *id) {
  member->selected++;
  moon_cluster_enter(member->cluster);
  if (id) *id = member->id;
  return member->cluster;
}

/* --- nobody --- */

/* What there is to say about a cluster that is not to be had. */
struct absence {
  moon_cluster *cluster; /* retained */
  bool disabled, tried;
  const char *tried_error; /* what it failed with, where that is known */
};

static struct absence absence_of(const struct member *member, const moon_selection *selection) {
  size_t place = place_among_tried(member, selection);
  bool tried = place < selection->tried_count;
  return (struct absence){
      .cluster = moon_cluster_retain(member->cluster),
      .disabled = !member->enabled,
      .tried = tried,
      .tried_error = tried && selection->tried_errors ? selection->tried_errors[place] : NULL,
  };
}

static size_t note_absences(const moon_manager *manager, const moon_selection *selection, struct absence **out) {
  struct absence *absences = moon_alloc((manager->count + 1) * sizeof *absences);
  size_t count = 0;
  for (size_t i = 0; i < manager->count; i++) {
    const struct member *member = manager->members[i];
    if (is_among(member, selection)) absences[count++] = absence_of(member, selection);
  }
  *out = absences;
  return count;
}

/* Why it is not chosen: its own error. */
static moon_error *absence_error(const struct absence *absence) {
  const char *name = moon_cluster_name(absence->cluster);
  moon_error *err = NULL;
  if (absence->disabled)
    err = moon_error_new(MOON_NO_HEALTHY_CLUSTER, "cluster \"%s\" is disabled", name);
  else if (!absence->tried)
    err = moon_cluster_down(absence->cluster);
  if (!err)
    err = moon_error_new(MOON_NO_HEALTHY_CLUSTER, "cluster \"%s\" %s", name,
                         absence->tried ? "failed for this request already" : "is not healthy");
  moon_error_set(&err->cluster, name);
  return err;
}

static moon_error *nobody_error(const struct absence *absences, size_t count) {
  moon_buffer text = {0};
  for (size_t i = 0; i < count; i++) {
    const struct absence *absence = &absences[i];
    moon_error *down = absence->disabled || absence->tried ? NULL : absence_error(absence);
    const char *cause = down                   ? down->message
                        : absence->tried_error ? absence->tried_error
                        : absence->tried       ? "failed for this request already"
                                               : "disabled";
    moon_buffer_addf(&text, "%s\"%s\": %s", i ? "; " : "", moon_cluster_name(absence->cluster), cause);
    moon_error_free(down);
  }
  moon_error *err = moon_error_new(MOON_NO_HEALTHY_CLUSTER, "no healthy cluster: %s", text.data);
  moon_buffer_free(&text);
  return err;
}

/* --- the functions of manager.h --- */

moon_error *moon_manager_select(moon_manager *manager, const moon_selection *selection, moon_cluster **out,
                                uint64_t *id) {
  const char *name = selection->preferred;
  struct absence preferred = {0}, *absences = NULL;
  size_t absent = 0;
  pthread_mutex_lock(&manager->lock);
  bool closed = manager->closed, any = manager->count > 0, alone = name && !manager->options.enable_failover;
  struct member *wanted = name ? manager_member(manager, name) : NULL, *found = NULL;
  if (wanted && is_usable(wanted) && !is_tried(wanted, selection) && is_among(wanted, selection)) {
    found = wanted;
  } else if (wanted) {
    preferred = absence_of(wanted, selection);
  }
  if (!found && !alone && (!name || wanted)) found = choose(manager, selection);
  if (found)
    *out = enter(found, id);
  else if (!alone)
    absent = note_absences(manager, selection, &absences);
  pthread_mutex_unlock(&manager->lock);

  moon_error *err = NULL;
  if (found) {
    if (preferred.cluster && !preferred.tried) {
      moon_error *why = absence_error(&preferred);
      moon_manager_note_failover(manager, name, moon_cluster_name(*out), why->message);
      moon_error_free(why);
    }
  } else if (closed) {
    err = moon_error_new(MOON_CLOSED, "the connection manager is closed");
  } else if (name && !wanted) {
    err = manager_no_such(manager, name);
  } else if (alone) {
    err = absence_error(&preferred);
  } else if (absent == 1) {
    err = absence_error(&absences[0]);
  } else if (absent) {
    err = nobody_error(absences, absent);
  } else {
    err = moon_error_new(MOON_NO_HEALTHY_CLUSTER,
                         any ? "no healthy cluster: none is selected" : "no healthy cluster: none was added");
  }
  for (size_t i = 0; i < absent; i++) moon_cluster_release(absences[i].cluster);
  free(absences);
  moon_cluster_release(preferred.cluster);
  return err;
}

size_t moon_manager_candidates(moon_manager *manager, const moon_selection *selection, moon_candidate *out,
                               size_t room) {
  pthread_mutex_lock(&manager->lock);
  size_t count = find_candidates(manager, selection);
  for (size_t i = 0; i < count && i < room; i++) {
    describe(manager->chosen[i], &out[i]);
    out[i].slot = NULL;
  }
  pthread_mutex_unlock(&manager->lock);
  return count;
}

moon_cluster *moon_manager_enter(moon_manager *manager, uint64_t id) {
  moon_cluster *cluster = NULL;
  pthread_mutex_lock(&manager->lock);
  for (size_t i = 0; i < manager->count && !cluster; i++) {
    struct member *member = manager->members[i];
    if (member->id == id && is_usable(member)) cluster = enter(member, NULL);
  }
  pthread_mutex_unlock(&manager->lock);
  return cluster;
}
