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

enum { FULL_SHARE = 1000, MOST_CREDIT = 2 * FULL_SHARE };

void member_rejoins(struct member *member) {
  member->slot = 0;
  member->credit = 0;
}

/* --- who may be chosen (lock held) --- */

/* Those among whom a selection is made. */
struct crowd {
  size_t count;
  double weight; /* of all together */
  int64_t now_ms;
};

/* Whether a cluster is a candidate, and if it is not, why. */
enum standing { CANDIDATE, DISABLED, DOWN, TRIED, NOT_SELECTED };

/* The place among those tried; tried_count: it is not. */
static size_t place_among_tried(const struct member *member, const moon_selection *selection) {
  size_t i = 0;
  while (i < selection->tried_count && selection->tried[i] != member->id) i++;
  return i;
}

static bool is_among(const struct member *member, const moon_selection *selection) {
  return !selection->among || moon_selector_matches(selection->among, moon_cluster_name(member->cluster),
                                                    member->labels, member->label_count);
}

static moon_health_state state_of(const struct member *member) {
  return moon_endpoints_state(moon_cluster_endpoints(member->cluster));
}

static enum standing standing_of(const struct member *member, const moon_selection *selection) {
  if (!is_among(member, selection)) return NOT_SELECTED;
  if (!member->enabled) return DISABLED;
  if (place_among_tried(member, selection) < selection->tried_count) return TRIED;
  return moon_health_usable(state_of(member)) ? CANDIDATE : DOWN;
}

/* Whether it takes part in this selection: always, unless it has recovered only just. Then it saves up, with each
 * selection, the even part of one that is its due (less by its weight), times its share, and pays with a whole one when
 * it is chosen: so it gets its share of the usual load whatever the strategy is, also of one that would give everything
 * to whoever is idle. */
static bool takes_part(struct member *member, const struct crowd *crowd) {
  double part = moon_endpoints_share(moon_cluster_endpoints(member->cluster), crowd->now_ms);
  if (part >= 1) return true;
  long share = lround(FULL_SHARE * part); /* whole numbers add up exactly */
  double due = 1 / (double)crowd->count, by_weight = crowd->weight > 0 ? member->weight / crowd->weight : due;
  member->credit += (double)share * (by_weight < due ? by_weight : due);
  if (member->credit > MOST_CREDIT) member->credit = MOST_CREDIT;
  return member->credit >= FULL_SHARE;
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
static size_t narrow(moon_manager *manager, size_t count, bool (*keep)(struct member *, const struct crowd *)) {
  struct crowd crowd = {.count = count, .now_ms = moon_clock_coarse_ms()};
  for (size_t i = 0; i < count; i++) crowd.weight += manager->chosen[i]->weight;
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    struct member *member = manager->chosen[i];
    if (!keep(member, &crowd)) continue;
    manager->chosen[i] = manager->chosen[kept];
    manager->chosen[kept++] = member;
  }
  return kept ? kept : count;
}

static bool is_known(struct member *member, const struct crowd *crowd) {
  return state_of(member) != MOON_HEALTH_UNKNOWN;
}

/* Fills manager->chosen. */
static size_t find_candidates(moon_manager *manager, const moon_selection *selection) {
  size_t count = 0;
  for (size_t i = 0; i < manager->count; i++) {
    struct member *member = manager->members[i];
    if (standing_of(member, selection) == CANDIDATE) manager->chosen[count++] = member;
  }
  if (count < 2) return count;
  count = narrow(manager, count, is_known);
  if (count < 2) return count;
  return narrow(manager, count, takes_part);
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
  if (member->credit >= FULL_SHARE) member->credit -= FULL_SHARE;
  moon_cluster_enter(member->cluster);
  if (id) *id = member->id;
  return member->cluster;
}

/* --- nobody --- */

/* A cluster that is not to be had. */
struct absence {
  moon_cluster *cluster; /* retained */
  enum standing why;
  const char *tried_error; /* what it failed with, where that is known */
};

/* Lock held. */
static struct absence absence_of(const struct member *member, const moon_selection *selection) {
  struct absence absence = {moon_cluster_retain(member->cluster), standing_of(member, selection), NULL};
  if (absence.why == TRIED && selection->tried_errors)
    absence.tried_error = selection->tried_errors[place_among_tried(member, selection)];
  return absence;
}

/* Lock held. Those that the selection is about. */
static size_t note_absences(const moon_manager *manager, const moon_selection *selection, struct absence *out) {
  size_t count = 0;
  for (size_t i = 0; i < manager->count; i++)
    if (standing_of(manager->members[i], selection) != NOT_SELECTED)
      out[count++] = absence_of(manager->members[i], selection);
  return count;
}

/* Why it is not chosen, to be put behind its name; the caller's. */
static char *absence_text(const struct absence *absence) {
  if (absence->why == DISABLED) return moon_strdup("disabled");
  if (absence->why == NOT_SELECTED) return moon_strdup("not among those selected");
  if (absence->why == TRIED && absence->tried_error)
    return moon_sprintf("failed for this request already (%s)", absence->tried_error);
  if (absence->why == TRIED) return moon_strdup("failed for this request already");
  moon_error *down = moon_cluster_down(absence->cluster);
  char *text = moon_strdup(down ? down->message : "not healthy a moment ago");
  moon_error_free(down);
  return text;
}

/* The same as an error about that cluster: its own where it is down. */
static moon_error *absence_error(const struct absence *absence) {
  moon_error *err = absence->why == DOWN ? moon_cluster_down(absence->cluster) : NULL;
  if (err) return err;
  const char *name = moon_cluster_name(absence->cluster);
  char *text = absence_text(absence);
  err = moon_error_new(MOON_NO_HEALTHY_CLUSTER, "cluster \"%s\": %s", name, text);
  moon_error_set(&err->cluster, name);
  free(text);
  return err;
}

static moon_error *nobody_error(const struct absence *absences, size_t count) {
  if (count == 1) return absence_error(&absences[0]);
  moon_buffer all = {0};
  for (size_t i = 0; i < count; i++) {
    char *text = absence_text(&absences[i]);
    moon_buffer_addf(&all, "%s\"%s\": %s", i ? "; " : "", moon_cluster_name(absences[i].cluster), text);
    free(text);
  }
  moon_error *err = moon_error_new(MOON_NO_HEALTHY_CLUSTER, "no healthy cluster: %s", all.data);
  moon_buffer_free(&all);
  return err;
}

static void tell_failover(moon_manager *manager, const struct absence *preferred, const moon_cluster *instead) {
  moon_error *why = absence_error(preferred);
  moon_manager_note_failover(manager, moon_cluster_name(preferred->cluster), moon_cluster_name(instead), why->message);
  moon_error_free(why);
}

/* --- the functions of manager.h --- */

moon_error *moon_manager_select(moon_manager *manager, const moon_selection *selection, moon_cluster **out,
                                uint64_t *id) {
  const char *name = selection->preferred;
  struct absence preferred = {0}, *others = NULL;
  size_t other_count = 0;
  pthread_mutex_lock(&manager->lock);
  bool closed = manager->closed, alone = name && !manager->options.enable_failover;
  struct member *wanted = name ? manager_member(manager, name) : NULL, *found = NULL;
  if (wanted && standing_of(wanted, selection) == CANDIDATE) found = wanted;
  if (wanted && !found) preferred = absence_of(wanted, selection);
  if (!name || (wanted && !found && !alone)) found = choose(manager, selection);
  if (found) {
    *out = enter(found, id);
  } else if (!alone) {
    others = moon_alloc((manager->count + 1) * sizeof *others);
    other_count = note_absences(manager, selection, others);
  }
  pthread_mutex_unlock(&manager->lock);

  moon_error *err = NULL;
  if (found) {
    /* Once: who goes on after a first try tells of that. */
    if (preferred.cluster && !selection->tried_count) tell_failover(manager, &preferred, *out);
  } else if (closed) {
    err = manager_closed_error();
  } else if (name && !wanted) {
    err = manager_no_such(manager, name);
  } else if (alone) {
    err = absence_error(&preferred);
  } else if (other_count) {
    err = nobody_error(others, other_count);
  } else {
    err = manager_none_selected(manager);
  }
  for (size_t i = 0; i < other_count; i++) moon_cluster_release(others[i].cluster);
  free(others);
  moon_cluster_release(preferred.cluster);
  return err;
}

moon_error *moon_manager_absence(moon_manager *manager, const char *name) {
  const moon_selection selection = {0};
  struct absence absence = {0};
  pthread_mutex_lock(&manager->lock);
  const struct member *member = manager_member(manager, name);
  if (member && standing_of(member, &selection) != CANDIDATE) absence = absence_of(member, &selection);
  pthread_mutex_unlock(&manager->lock);
  moon_error *why = absence.cluster ? absence_error(&absence) : NULL;
  moon_cluster_release(absence.cluster);
  return why;
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
    if (member->id == id && member->enabled && moon_health_usable(state_of(member))) cluster = enter(member, NULL);
  }
  pthread_mutex_unlock(&manager->lock);
  return cluster;
}
