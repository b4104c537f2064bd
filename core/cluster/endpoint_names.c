/* endpoint_names.c: names with several addresses: what is to be looked up, and what becomes of the answers.
 *
 * Addresses come from the health threads, one answer at a time per set. Endpoints are made for new ones before the lock
 * is taken; under it the list is changed; those that left it are let go after it was given back. */
#include "cluster/endpoint_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"

bool moon_endpoints_resolves(const moon_endpoints *endpoints) {
  return endpoints->resolve;
}

size_t moon_endpoints_names(const moon_endpoints *endpoints, char ***hosts) {
  size_t count = 0;
  *hosts = moon_alloc(endpoints->source_count * sizeof(char *));
  for (size_t i = 0; endpoints->resolve && i < endpoints->source_count; i++) {
    const endpoint_source *from = &endpoints->sources[i];
    bool told = !from->is_name;
    for (size_t k = 0; k < count && !told; k++) told = !strcmp((*hosts)[k], from->host);
    if (!told) (*hosts)[count++] = moon_strdup(from->host);
  }
  return count;
}

static moon_endpoint *find(moon_endpoint *const *list, size_t count, size_t from, const char *address) {
  for (size_t i = 0; i < count; i++) {
    const char *own = list[i]->address;
    if (list[i]->source == from && own && !strcmp(own, address)) return list[i];
  }
  return NULL;
}

static bool is_listed(const moon_endpoint *endpoint, char *const *addresses, size_t count) {
  for (size_t i = 0; endpoint->address && i < count; i++)
    if (!strcmp(endpoint->address, addresses[i])) return true;
  return false;
}

/* Endpoints for those addresses of a source that have none. Made without the lock: certificates are parsed. */
static size_t make_missing(moon_endpoints *set, size_t from, char *const *addresses, size_t count,
                           moon_endpoint **made) {
  size_t made_count = 0, old_count;
  moon_endpoint **old = moon_endpoints_list(set, &old_count);
  for (size_t i = 0; i < count; i++) {
    if (find(old, old_count, from, addresses[i]) || find(made, made_count, from, addresses[i])) continue;
    moon_error *err = endpoint_new(set, from, addresses[i], &made[made_count]);
    if (err)
      moon_log(MOON_LOG_WARN, "cluster %s: address %s of %s is left out: %s", set->cluster, addresses[i],
               set->sources[from].host, err->message);
    else
      made_count++;
    moon_error_free(err);
  }
  for (size_t i = 0; i < old_count; i++) moon_endpoint_release(old[i]);
  free(old);
  return made_count;
}

/* The list is changed under the lock; those that leave it end up in `gone`, which has room. Returns how many. */
static size_t exchange_addresses(moon_endpoints *set, size_t from, char *const *addresses, size_t count,
                                 moon_endpoint **made, size_t made_count, moon_endpoint **gone) {
  size_t kept = 0, gone_count = 0;
  bool stays = false, was_healthy = false;
  for (size_t i = 0; i < set->count; i++) {
    moon_endpoint *endpoint = set->items[i];
    bool leaves = endpoint->source == from && !is_listed(endpoint, addresses, count);
    if (endpoint->source == from) {
      stays = stays || !leaves;
      was_healthy = was_healthy || endpoint->health.state == MOON_HEALTH_HEALTHY;
    }
    if (leaves) {
      endpoint->retired = true;
      gone[gone_count++] = endpoint;
    } else {
      set->items[kept++] = endpoint;
    }
  }
  set->items = moon_realloc(set->items, (kept + made_count + 1) * sizeof(moon_endpoint *));
  for (size_t i = 0; i < made_count; i++) {
    /* A cluster that works is not unknown again because all of its addresses are new. */
    if (was_healthy && !stays) made[i]->health.state = MOON_HEALTH_HEALTHY;
    set->items[kept++] = made[i];
  }
  set->count = kept;
  return gone_count;
}

void moon_endpoints_resolved(moon_endpoints *endpoints, const char *host, char *const *addresses, size_t count) {
  if (!count) return;
  moon_endpoint **made = moon_alloc(count * sizeof(moon_endpoint *));
  for (size_t from = 0; from < endpoints->source_count; from++) {
    if (!endpoints->sources[from].is_name || strcmp(endpoints->sources[from].host, host)) continue;
    size_t made_count = make_missing(endpoints, from, addresses, count, made);
    endpoints_lock(endpoints);
    moon_endpoint **gone = moon_alloc((endpoints->count + 1) * sizeof(moon_endpoint *));
    size_t gone_count = exchange_addresses(endpoints, from, addresses, count, made, made_count, gone);
    endpoints_unlock_and_tell(endpoints, made_count || gone_count);
    for (size_t i = 0; i < gone_count; i++) endpoint_drop(gone[i]);
    free(gone);
  }
  free(made);
}
