/* endpoint.c: see endpoint.h. */
#include "cluster/endpoint.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

struct moon_endpoint {
  atomic_int refs;
  moon_endpoints *set; /* the set outlives what its connections do here: they hold the network, that holds the set */
  moon_dialer *dialer;
  int connections[MOON_CONN_KINDS];
  int in_flight;
};

struct moon_endpoints {
  atomic_int refs;
  pthread_mutex_t lock;
  moon_endpoint **items;
  size_t count;
};

static moon_endpoint *endpoint_new(moon_endpoints *set, moon_dialer *dialer) {
  moon_endpoint *endpoint = moon_zalloc(sizeof *endpoint);
  endpoint->refs = 1;
  endpoint->set = set;
  endpoint->dialer = dialer;
  return endpoint;
}

moon_error *moon_endpoints_new(const char *cluster, moon_target *target, const char *const *urls, bool resolve,
                               int64_t probe_interval_ms, moon_endpoints **out) {
  moon_dialer *dialer;
  moon_error *err = moon_dialer_new(cluster, target, NULL, NULL, &dialer);
  if (err) return err;
  moon_endpoints *set = moon_zalloc(sizeof *set);
  set->refs = 1;
  pthread_mutex_init(&set->lock, NULL);
  set->items = moon_alloc(sizeof(moon_endpoint *));
  set->items[set->count++] = endpoint_new(set, dialer);
  *out = set;
  return NULL;
}

moon_endpoints *moon_endpoints_retain(moon_endpoints *endpoints) {
  atomic_fetch_add(&endpoints->refs, 1);
  return endpoints;
}

void moon_endpoints_release(moon_endpoints *endpoints) {
  if (!endpoints || atomic_fetch_sub(&endpoints->refs, 1) != 1) return;
  for (size_t i = 0; i < endpoints->count; i++) moon_endpoint_release(endpoints->items[i]);
  free(endpoints->items);
  pthread_mutex_destroy(&endpoints->lock);
  free(endpoints);
}

moon_endpoint *moon_endpoint_retain(moon_endpoint *endpoint) {
  atomic_fetch_add(&endpoint->refs, 1);
  return endpoint;
}

void moon_endpoint_release(moon_endpoint *endpoint) {
  if (!endpoint || atomic_fetch_sub(&endpoint->refs, 1) != 1) return;
  moon_dialer_release(endpoint->dialer);
  free(endpoint);
}

moon_health_state moon_endpoints_state(const moon_endpoints *endpoints) {
  return MOON_HEALTH_UNKNOWN;
}

moon_endpoint *moon_endpoints_pick(moon_endpoints *endpoints, moon_conn_kind kind, moon_endpoint *const *tried,
                                   size_t tried_count) {
  pthread_mutex_lock(&endpoints->lock);
  moon_endpoint *endpoint = moon_endpoint_retain(endpoints->items[0]);
  endpoint->connections[kind]++;
  pthread_mutex_unlock(&endpoints->lock);
  return endpoint;
}

void moon_endpoint_connected(moon_endpoint *endpoint) {}

void moon_endpoint_connect_failed(moon_endpoint *endpoint, const moon_error *err) {}

void moon_endpoint_closed(moon_endpoint *endpoint, moon_conn_kind kind) {
  pthread_mutex_lock(&endpoint->set->lock);
  endpoint->connections[kind]--;
  pthread_mutex_unlock(&endpoint->set->lock);
}

void moon_endpoint_request_began(moon_endpoint *endpoint) {
  pthread_mutex_lock(&endpoint->set->lock);
  endpoint->in_flight++;
  pthread_mutex_unlock(&endpoint->set->lock);
}

void moon_endpoint_request_ended(moon_endpoint *endpoint, const moon_error *err, int64_t first_byte_us) {
  pthread_mutex_lock(&endpoint->set->lock);
  endpoint->in_flight--;
  pthread_mutex_unlock(&endpoint->set->lock);
}

moon_dialer *moon_endpoint_dialer(const moon_endpoint *endpoint) {
  return endpoint->dialer;
}
