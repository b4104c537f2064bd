/* cluster.c: see cluster.h. */
#include "cluster/cluster.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cluster/latency.h"
#include "cluster/network.h"

struct moon_cluster {
  atomic_int refs;
  atomic_int active;
  char *name;
  char *write_refusal;
  moon_target *target;
  moon_endpoints *endpoints;
  moon_pool *pool;
  pthread_mutex_t lock; /* for those that change the latency; read without it, by every selection */
  _Atomic double latency_us;
  _Atomic int64_t latency_at_ms;
  atomic_uint failures;
  moon_retry_budget retries;
};

moon_error *moon_cluster_new(const moon_cluster_spec *spec, moon_event_queue *events, moon_cluster **out) {
  moon_endpoints *endpoints = NULL;
  moon_error *err = moon_pool_options_check(spec->pool);
  if (!err)
    err = moon_endpoints_new(spec->name, spec->target, spec->endpoints, spec->resolve_endpoints,
                             spec->probe_interval_ms, &endpoints);
  if (err) return err;
  moon_cluster *cluster = moon_zalloc(sizeof *cluster);
  cluster->refs = 1;
  pthread_mutex_init(&cluster->lock, NULL);
  cluster->name = moon_strdup(spec->name);
  cluster->write_refusal = moon_strdup(spec->write_refusal);
  cluster->target = moon_target_retain(spec->target);
  cluster->endpoints = endpoints;
  if (spec->announce && moon_event_queue_append(events, spec->announce)) moon_event_queue_wake(events);
  cluster->pool = moon_network_pool(spec->name, spec->pool, endpoints, events);
  moon_network_set_cluster(cluster->pool, cluster);
  *out = cluster;
  return NULL;
}

moon_cluster *moon_cluster_retain(moon_cluster *cluster) {
  atomic_fetch_add(&cluster->refs, 1);
  return cluster;
}

void moon_cluster_release(moon_cluster *cluster) {
  if (!cluster || atomic_fetch_sub(&cluster->refs, 1) != 1) return;
  moon_pool_close(cluster->pool, 0);
  moon_pool_release(cluster->pool);
  moon_endpoints_release(cluster->endpoints);
  moon_target_release(cluster->target);
  pthread_mutex_destroy(&cluster->lock);
  free(cluster->name);
  free(cluster->write_refusal);
  free(cluster);
}

const char *moon_cluster_name(const moon_cluster *cluster) {
  return cluster->name;
}

const char *moon_cluster_write_refusal(const moon_cluster *cluster) {
  return cluster->write_refusal;
}

moon_target *moon_cluster_target(const moon_cluster *cluster) {
  return cluster->target;
}

moon_pool *moon_cluster_pool(const moon_cluster *cluster) {
  return cluster->pool;
}

moon_endpoints *moon_cluster_endpoints(const moon_cluster *cluster) {
  return cluster->endpoints;
}

moon_cluster *moon_cluster_of(const moon_conn *conn) {
  return moon_network_cluster(moon_network_of(moon_conn_pool(conn)));
}

/* --- places --- */

void moon_cluster_enter(moon_cluster *cluster) {
  moon_cluster_retain(cluster);
  atomic_fetch_add_explicit(&cluster->active, 1, memory_order_relaxed);
}

void moon_cluster_leave(moon_cluster *cluster) {
  atomic_fetch_sub_explicit(&cluster->active, 1, memory_order_relaxed);
  moon_cluster_release(cluster);
}

int moon_cluster_active(const moon_cluster *cluster) {
  return atomic_load_explicit(&cluster->active, memory_order_relaxed);
}

moon_conn *moon_cluster_try_acquire(moon_cluster *cluster, const char *origin) {
  moon_conn *conn = moon_pool_try_acquire(cluster->pool, MOON_USE_LEASE, origin);
  if (conn) moon_cluster_enter(cluster);
  return conn;
}

void moon_cluster_give_back(moon_cluster *cluster, moon_conn *conn) {
  moon_pool_give_back(cluster->pool, conn);
  moon_cluster_leave(cluster);
}

/* --- how it is doing --- */

moon_error *moon_cluster_down(const moon_cluster *cluster) {
  moon_health_state state = moon_endpoints_state(cluster->endpoints);
  if (moon_health_usable(state)) return NULL;
  moon_error *err = moon_endpoints_error(cluster->endpoints);
  if (!err)
    err = moon_error_new(MOON_CONNECT,
                         "cluster \"%s\" was down and is being probed: it is used again when a second "
                         "probe is good",
                         cluster->name);
  moon_error_set(&err->cluster, cluster->name);
  return err;
}

static moon_latency latency_of(const moon_cluster *cluster) {
  return (moon_latency){
      .us = atomic_load_explicit(&cluster->latency_us, memory_order_relaxed),
      .at_ms = atomic_load_explicit(&cluster->latency_at_ms, memory_order_relaxed),
  };
}

void moon_cluster_note(moon_cluster *cluster, const moon_error *err, int64_t first_byte_us) {
  if (err)
    atomic_fetch_add_explicit(&cluster->failures, 1, memory_order_relaxed);
  else if (first_byte_us >= 0)
    atomic_store_explicit(&cluster->failures, 0, memory_order_relaxed);
  if (err || first_byte_us <= 0) return;
  int64_t now_ms = moon_clock_now_ms();
  pthread_mutex_lock(&cluster->lock);
  moon_latency latency = latency_of(cluster);
  moon_latency_add(&latency, first_byte_us, now_ms);
  atomic_store_explicit(&cluster->latency_us, latency.us, memory_order_relaxed);
  atomic_store_explicit(&cluster->latency_at_ms, latency.at_ms, memory_order_relaxed);
  pthread_mutex_unlock(&cluster->lock);
}

double moon_cluster_latency_us(const moon_cluster *cluster) {
  return atomic_load_explicit(&cluster->latency_us, memory_order_relaxed);
}

double moon_cluster_expected_us(const moon_cluster *cluster) {
  moon_latency latency = latency_of(cluster);
  return latency.us > 0 ? moon_latency_expected_us(&latency, moon_clock_coarse_ms()) : 0;
}

unsigned moon_cluster_failures(const moon_cluster *cluster) {
  return atomic_load_explicit(&cluster->failures, memory_order_relaxed);
}

/* --- further attempts --- */

bool moon_cluster_begin_retry(moon_cluster *cluster) {
  return moon_retry_budget_enter(&cluster->retries, moon_cluster_active(cluster));
}

void moon_cluster_end_retry(moon_cluster *cluster) {
  moon_retry_budget_leave(&cluster->retries);
}

uint64_t moon_cluster_retries(const moon_cluster *cluster) {
  return atomic_load_explicit(&cluster->retries.begun, memory_order_relaxed);
}

uint64_t moon_cluster_retries_denied(const moon_cluster *cluster) {
  return atomic_load_explicit(&cluster->retries.denied, memory_order_relaxed);
}
