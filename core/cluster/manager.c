/* manager.c: see manager.h. Making and unmaking a manager, clusters coming and going, settings and statistics.
 *
 * A cluster's life in events: clusterAdded before anything its pool tells, clusterRemoved after the last of it. Its
 * probes end before its pool is closed, and both before its record is freed, so that whoever is told of a change finds
 * the record. The manager's memory outlives its last pool: each that is not drained yet holds a reference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/nearest.h"
#include "cluster/manager_state.h"
#include "cluster/network.h"
#include "cluster/strategy.h"
#include "kube/kubeconfig.h"

enum { RELEASE_GRACE_MS = 5000, NAMES_IN_ERROR = 10 };

const moon_manager_options moon_manager_default_options = {
    .enable_failover = true,
    .failover_writes = false,
    .cluster_health_check_interval_ms = 30000,
    .default_pool = MOON_POOL_DEFAULTS,
};

const moon_cluster_options moon_cluster_default_options = {.weight = 1};

/* --- making and unmaking --- */

moon_error *moon_manager_create(const moon_manager_options *options, moon_event_queue *events, moon_manager **out) {
  const int64_t year_ms = INT64_C(366) * 24 * 3600 * 1000;
  int64_t interval_ms = options->cluster_health_check_interval_ms;
  if (interval_ms < 0 || interval_ms > year_ms)
    return moon_error_new(MOON_CONFIG, "clusterHealthCheckInterval is %lld, expected 0 to %lld", (long long)interval_ms,
                          (long long)year_ms);
  moon_error *err = moon_pool_options_check(&options->default_pool);
  if (err) return err;
  moon_manager *manager = moon_zalloc(sizeof *manager);
  manager->refs = 1;
  manager->id = moon_event_new_source();
  manager->options = *options;
  if (events) manager->events = moon_event_queue_retain(events);
  manager->events_on = events != NULL;
  pthread_mutex_init(&manager->membership, NULL);
  pthread_mutex_init(&manager->lock, NULL);
  pthread_cond_init(&manager->told, NULL);
  moon_list_init(&manager->movers);
  moon_list_init(&manager->tellings);
  moon_strategy_make("round-robin", &manager->strategy);
  *out = manager;
  return NULL;
}

moon_status moon_manager_new(const moon_manager_options *options, moon_manager **out, moon_error **err) {
  return moon_error_give(moon_manager_create(options, NULL, out), err);
}

moon_manager *moon_manager_retain(moon_manager *manager) {
  atomic_fetch_add(&manager->refs, 1);
  return manager;
}

void moon_manager_drop(moon_manager *manager) {
  if (!manager || atomic_fetch_sub(&manager->refs, 1) != 1) return;
  if (manager->strategy.free) manager->strategy.free(manager->strategy.ctx);
  moon_event_queue_release(manager->events);
  pthread_cond_destroy(&manager->told);
  pthread_mutex_destroy(&manager->lock);
  pthread_mutex_destroy(&manager->membership);
  free(manager->members);
  free(manager->candidates);
  free(manager->chosen);
  free(manager);
}

void moon_manager_release(moon_manager *manager) {
  if (!manager) return;
  moon_manager_close(manager, RELEASE_GRACE_MS);
  moon_manager_drop(manager);
}

const moon_manager_options *moon_manager_get_options(const moon_manager *manager) {
  return &manager->options;
}

uint64_t moon_manager_id(const moon_manager *manager) {
  return manager->id;
}

void moon_manager_set_events_enabled(moon_manager *manager, bool enabled) {
  pthread_mutex_lock(&manager->membership);
  pthread_mutex_lock(&manager->lock);
  manager->events_on = enabled && manager->events;
  pthread_mutex_unlock(&manager->lock);
  for (size_t i = 0; i < manager->count; i++)
    moon_pool_set_events_enabled(moon_cluster_pool(manager->members[i]->cluster), enabled);
  pthread_mutex_unlock(&manager->membership);
}

/* --- a cluster comes --- */

static moon_error *check_options(const moon_cluster_options *options) {
  if (!options->name || !*options->name) return moon_error_new(MOON_CONFIG, "a cluster must have a name");
  if (!isfinite(options->weight) || options->weight < 0)
    return moon_error_new(MOON_CONFIG, "cluster \"%s\": weight is %g, expected 0 or more", options->name,
                          options->weight);
  for (size_t i = 0; i < options->label_count; i++)
    if (!options->labels[i].key || !*options->labels[i].key || !options->labels[i].value)
      return moon_error_new(MOON_CONFIG, "cluster \"%s\": label %zu has no %s", options->name, i + 1,
                            options->labels[i].value ? "key" : "value");
  return NULL;
}

static moon_label *copy_labels(const moon_label *labels, size_t count) {
  if (!count) return NULL;
  moon_label *copy = moon_alloc(count * sizeof *copy);
  for (size_t i = 0; i < count; i++) copy[i] = (moon_label){moon_strdup(labels[i].key), moon_strdup(labels[i].value)};
  return copy;
}

static void member_free(struct member *member) {
  for (size_t i = 0; i < member->label_count; i++) {
    free((char *)member->labels[i].key);
    free((char *)member->labels[i].value);
  }
  free(member->labels);
  free(member->zone);
  moon_cluster_release(member->cluster);
  free(member);
}

/* Lock held. Room for one more, here and in the scratch of selections, so that these need not allocate. */
static void make_room(moon_manager *manager) {
  if (manager->count < manager->room) return;
  manager->room = manager->room ? 2 * manager->room : 8;
  manager->members = moon_realloc(manager->members, manager->room * sizeof *manager->members);
  manager->candidates = moon_realloc(manager->candidates, manager->room * sizeof *manager->candidates);
  manager->chosen = moon_realloc(manager->chosen, manager->room * sizeof *manager->chosen);
}

struct member *manager_member(const moon_manager *manager, const char *name) {
  for (size_t i = 0; i < manager->count; i++)
    if (!strcmp(moon_cluster_name(manager->members[i]->cluster), name)) return manager->members[i];
  return NULL;
}

moon_error *manager_closed_error(void) {
  return moon_error_new(MOON_CLOSED, "the connection manager is closed");
}

/* Membership held. */
static moon_error *check_free(moon_manager *manager, const char *name) {
  pthread_mutex_lock(&manager->lock);
  bool closed = manager->closed, taken = manager_member(manager, name) != NULL;
  pthread_mutex_unlock(&manager->lock);
  if (closed) return manager_closed_error();
  if (taken) return moon_error_new(MOON_CONFIG, "there is a cluster \"%s\" already", name);
  return NULL;
}

static void join(moon_manager *manager, struct member *member) {
  pthread_mutex_lock(&manager->lock);
  make_room(manager);
  member->id = ++manager->last_id;
  manager->members[manager->count++] = member;
  pthread_mutex_unlock(&manager->lock);
  member->probing = moon_probing_start(moon_cluster_endpoints(member->cluster), member_changed, member);
}

moon_error *moon_manager_add(moon_manager *manager, const moon_cluster_options *options, moon_target *target) {
  moon_error *err = check_options(options);
  if (err) return err;
  const moon_pool_options *pool = options->pool ? options->pool : &manager->options.default_pool;
  moon_cluster_spec spec = {.name = options->name,
                            .target = target,
                            .pool = pool,
                            .endpoints = options->endpoints,
                            .resolve_endpoints = options->resolve_endpoints,
                            .write_refusal = options->write_refusal,
                            .probe_interval_ms = manager->options.cluster_health_check_interval_ms};
  pthread_mutex_lock(&manager->membership);
  moon_cluster *cluster = NULL;
  err = check_free(manager, options->name);
  moon_event added = manager_event(manager, MOON_EVENT_CLUSTER_ADDED, options->name, NULL, NULL);
  if (manager->events_on) spec.announce = &added;
  if (!err) err = moon_cluster_new(&spec, manager->events, &cluster);
  if (err || !spec.announce) moon_event_clear(&added);
  if (!err) {
    if (!manager->events_on) moon_pool_set_events_enabled(moon_cluster_pool(cluster), false);
    struct member *member = moon_zalloc(sizeof *member);
    member->manager = manager;
    member->cluster = cluster;
    member->zone = moon_strdup(options->zone ? options->zone : "");
    member->labels = copy_labels(options->labels, options->label_count);
    member->label_count = options->label_count;
    member->priority = options->priority;
    member->capacity = pool->max_connections;
    member->weight = options->weight;
    member->enabled = member->usable = true;
    join(manager, member);
  }
  pthread_mutex_unlock(&manager->membership);
  return err;
}

moon_status moon_manager_add_cluster(moon_manager *manager, const moon_cluster_options *options, moon_error **err) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_target *target = NULL;
  moon_error *failed = options->kubeconfig ? moon_kubeconfig_load_file(config, options->kubeconfig)
                                           : moon_kubeconfig_load_default(config);
  if (!failed) failed = moon_kubeconfig_target(config, options->context, &target);
  if (!failed) failed = moon_manager_add(manager, options, target);
  moon_target_release(target);
  moon_kubeconfig_free(config);
  return moon_error_give(failed, err);
}

/* --- a cluster goes --- */

/* The pool of a cluster that was taken out. */
struct leaver {
  moon_manager *manager;
  moon_pool *pool;
};

static void leaver_drained(void *ctx) {
  struct leaver *leaver = ctx;
  moon_pool_release(leaver->pool);
  moon_manager_drop(leaver->manager);
  free(leaver);
}

/* Lock held. Its probes go on, but nothing is told of them. */
static struct member *unlink_member(moon_manager *manager, size_t place) {
  struct member *member = manager->members[place];
  manager->count--;
  memmove(&manager->members[place], &manager->members[place + 1], (manager->count - place) * sizeof *manager->members);
  struct leaver *leaver = moon_alloc(sizeof *leaver);
  leaver->manager = moon_manager_retain(manager);
  leaver->pool = moon_pool_retain(moon_cluster_pool(member->cluster));
  member->leaver = leaver;
  return member;
}

/* No lock held. Its probes have ended. */
static void dismiss(moon_manager *manager, struct member *member, int64_t grace_ms) {
  moon_pool *pool = moon_cluster_pool(member->cluster);
  pthread_mutex_lock(&manager->lock);
  bool told = manager->events_on;
  pthread_mutex_unlock(&manager->lock);
  moon_event removed;
  if (told)
    removed = manager_event(manager, MOON_EVENT_CLUSTER_REMOVED, moon_cluster_name(member->cluster), NULL, NULL);
  moon_pool_on_drained(pool, told ? &removed : NULL, leaver_drained, member->leaver);
  moon_pool_close(pool, grace_ms);
  member_free(member);
}

moon_error *moon_manager_take_out(moon_manager *manager, const char *name, int64_t grace_ms) {
  struct member *found = NULL;
  pthread_mutex_lock(&manager->membership);
  pthread_mutex_lock(&manager->lock);
  for (size_t i = 0; i < manager->count && !found; i++)
    if (!strcmp(moon_cluster_name(manager->members[i]->cluster), name)) found = unlink_member(manager, i);
  pthread_mutex_unlock(&manager->lock);
  if (found) moon_probing_stop(found->probing);
  pthread_mutex_unlock(&manager->membership);
  if (!found) return manager_no_such(manager, name);
  dismiss(manager, found, grace_ms);
  return NULL;
}

moon_status moon_manager_remove_cluster(moon_manager *manager, const char *name, moon_error **err) {
  return moon_error_give(moon_manager_take_out(manager, name, RELEASE_GRACE_MS), err);
}

void moon_manager_close(moon_manager *manager, int64_t grace_ms) {
  pthread_mutex_lock(&manager->membership);
  pthread_mutex_lock(&manager->lock);
  size_t count = manager->count;
  struct member **gone = moon_alloc((count + 1) * sizeof *gone);
  for (size_t i = 0; i < count; i++) gone[i] = unlink_member(manager, 0);
  manager->closed = true;
  pthread_mutex_unlock(&manager->lock);
  for (size_t i = 0; i < count; i++) moon_probing_stop(gone[i]->probing);
  pthread_mutex_unlock(&manager->membership);
  for (size_t i = 0; i < count; i++) dismiss(manager, gone[i], grace_ms);
  free(gone);
}

/* --- finding --- */

size_t moon_manager_names(moon_manager *manager, const moon_selector *selector, char ***names) {
  const char *single = selector ? moon_selector_single(selector) : NULL;
  pthread_mutex_lock(&manager->lock);
  char **found = moon_alloc((manager->count + 1) * sizeof *found);
  size_t count = 0;
  for (size_t i = 0; i < manager->count; i++) {
    const struct member *member = manager->members[i];
    const char *name = moon_cluster_name(member->cluster);
    if (selector && !moon_selector_matches(selector, name, member->labels, member->label_count)) continue;
    if (member->enabled || (single && !strcmp(single, name))) found[count++] = moon_strdup(name);
  }
  pthread_mutex_unlock(&manager->lock);
  *names = found;
  return count;
}

static char **all_names(moon_manager *manager, size_t *count) {
  pthread_mutex_lock(&manager->lock);
  char **names = moon_alloc((manager->count + 1) * sizeof *names);
  *count = manager->count;
  for (size_t i = 0; i < manager->count; i++) names[i] = moon_strdup(moon_cluster_name(manager->members[i]->cluster));
  pthread_mutex_unlock(&manager->lock);
  return names;
}

/* Which clusters there are, and which of them may have been meant. */
static size_t add_names(moon_manager *manager, const char *wanted, moon_buffer *text) {
  size_t count;
  char **names = all_names(manager, &count);
  const char *nearest = wanted ? moon_nearest(wanted, (const char *const *)names, count) : NULL;
  if (nearest) moon_buffer_addf(text, "; did you mean \"%s\"?", nearest);
  moon_buffer_add_text(text, !count ? "; none was added" : nearest ? " There are: " : "; there are: ");
  for (size_t i = 0; i < count && i < NAMES_IN_ERROR; i++) moon_buffer_addf(text, "%s%s", i ? ", " : "", names[i]);
  if (count > NAMES_IN_ERROR) moon_buffer_addf(text, " and %zu more", count - NAMES_IN_ERROR);
  for (size_t i = 0; i < count; i++) free(names[i]);
  free(names);
  return count;
}

moon_error *manager_no_such(moon_manager *manager, const char *name) {
  moon_buffer text = {0};
  add_names(manager, name, &text);
  moon_error *err = moon_error_new(MOON_CONFIG, "there is no cluster \"%s\"%s", name, text.data);
  moon_buffer_free(&text);
  return err;
}

moon_error *manager_none_selected(moon_manager *manager) {
  moon_buffer text = {0};
  bool some = add_names(manager, NULL, &text) > 0;
  moon_error *err = moon_error_new(MOON_NO_HEALTHY_CLUSTER, "no healthy cluster: none %s%s",
                                   some ? "is selected" : "was added", some ? text.data : "");
  moon_buffer_free(&text);
  return err;
}

moon_cluster *moon_manager_find(moon_manager *manager, const char *name, moon_error **err) {
  pthread_mutex_lock(&manager->lock);
  struct member *member = manager_member(manager, name);
  moon_cluster *cluster = member ? moon_cluster_retain(member->cluster) : NULL;
  pthread_mutex_unlock(&manager->lock);
  if (!cluster && err) *err = manager_no_such(manager, name);
  return cluster;
}

uint64_t moon_manager_candidate_id(moon_manager *manager, const moon_cluster *cluster) {
  uint64_t id = 0;
  pthread_mutex_lock(&manager->lock);
  for (size_t i = 0; i < manager->count && !id; i++)
    if (manager->members[i]->cluster == cluster) id = manager->members[i]->id;
  pthread_mutex_unlock(&manager->lock);
  return id;
}

/* --- settings --- */

moon_status moon_manager_set_enabled(moon_manager *manager, const char *name, bool enabled, moon_error **err) {
  pthread_mutex_lock(&manager->lock);
  struct member *member = manager_member(manager, name);
  if (member && enabled && !member->enabled) member_rejoins(member);
  if (member) member->enabled = enabled;
  pthread_mutex_unlock(&manager->lock);
  return moon_error_give(member ? NULL : manager_no_such(manager, name), err);
}

moon_status moon_manager_set_weight(moon_manager *manager, const char *name, double weight, moon_error **err) {
  if (!isfinite(weight) || weight < 0)
    return moon_error_give(
        moon_error_new(MOON_CONFIG, "cluster \"%s\": weight is %g, expected 0 or more", name, weight), err);
  pthread_mutex_lock(&manager->lock);
  struct member *member = manager_member(manager, name);
  if (member) member->weight = weight;
  pthread_mutex_unlock(&manager->lock);
  return moon_error_give(member ? NULL : manager_no_such(manager, name), err);
}

void moon_manager_set_strategy(moon_manager *manager, const moon_strategy *strategy) {
  pthread_mutex_lock(&manager->lock);
  moon_strategy old = manager->strategy;
  manager->strategy = *strategy;
  for (size_t i = 0; i < manager->count; i++) manager->members[i]->slot = 0;
  pthread_mutex_unlock(&manager->lock);
  if (old.free) old.free(old.ctx);
}

moon_status moon_manager_use_strategy(moon_manager *manager, const char *name, moon_error **err) {
  moon_strategy strategy;
  if (moon_strategy_make(name, &strategy)) {
    moon_manager_set_strategy(manager, &strategy);
    return MOON_OK;
  }
  const char *const *names = moon_strategy_names();
  size_t count = 0;
  moon_buffer text = {0};
  while (names[count]) moon_buffer_addf(&text, "%s%s", count ? ", " : "", names[count]), count++;
  const char *nearest = moon_nearest(name, names, count);
  moon_error *failed = moon_error_new(MOON_CONFIG, "there is no strategy \"%s\"; %s%s%s%s", name,
                                      nearest ? "did you mean \"" : "there are: ", nearest ? nearest : "",
                                      nearest ? "\"? There are: " : "", text.data);
  moon_buffer_free(&text);
  return moon_error_give(failed, err);
}

/* --- statistics --- */

static int64_t certificate_expiry_s(const moon_endpoints *endpoints) {
  size_t count;
  moon_endpoint **list = moon_endpoints_list(endpoints, &count);
  int64_t expiry_s = count ? moon_dialer_certificate_expiry_s(moon_endpoint_dialer(list[0])) : 0;
  for (size_t i = 0; i < count; i++) moon_endpoint_release(list[i]);
  free(list);
  return expiry_s;
}

moon_status moon_manager_get_stats(moon_manager *manager, const char *name, moon_cluster_stats *out, moon_error **err) {
  moon_cluster_stats stats = {0};
  moon_cluster *cluster = NULL;
  pthread_mutex_lock(&manager->lock);
  const struct member *member = manager_member(manager, name);
  if (member) {
    cluster = moon_cluster_retain(member->cluster);
    stats.enabled = member->enabled;
    stats.weight = member->weight;
    stats.priority = member->priority;
    stats.selected = member->selected;
  }
  pthread_mutex_unlock(&manager->lock);
  if (!cluster) return moon_error_give(manager_no_such(manager, name), err);
  const moon_endpoints *endpoints = moon_cluster_endpoints(cluster);
  stats.state = moon_endpoints_state(endpoints);
  stats.healthy = stats.state == MOON_HEALTH_HEALTHY || stats.state == MOON_HEALTH_SUSPECT;
  stats.unauthorized = moon_endpoints_unauthorized(endpoints);
  stats.overloaded = moon_endpoints_overloaded(endpoints);
  stats.share = moon_endpoints_share(endpoints, moon_clock_now_ms());
  stats.active = moon_cluster_active(cluster);
  stats.latency_us = moon_cluster_latency_us(cluster);
  stats.failures = moon_cluster_failures(cluster);
  stats.retries = moon_cluster_retries(cluster);
  stats.retries_denied = moon_cluster_retries_denied(cluster);
  stats.certificate_expiry_s = certificate_expiry_s(endpoints);
  moon_pool_get_stats(moon_cluster_pool(cluster), &stats.pool);
  moon_cluster_release(cluster);
  *out = stats;
  return MOON_OK;
}
