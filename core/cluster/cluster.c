/* cluster.c: see cluster.h. */
#include "cluster/cluster.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "cluster/network.h"

struct moon_cluster {
  atomic_int refs;
  char *name;
  moon_target *target;
  moon_pool *pool;
};

moon_error *moon_cluster_new(const char *name, moon_target *target, const moon_pool_options *options,
                             moon_event_queue *events, moon_cluster **out) {
  moon_dialer *dialer = NULL;
  moon_error *err = moon_pool_options_check(options);
  if (!err) err = moon_dialer_new(name, target, &dialer);
  if (err) return err;
  moon_cluster *cluster = moon_zalloc(sizeof *cluster);
  cluster->refs = 1;
  cluster->name = moon_strdup(name);
  cluster->target = moon_target_retain(target);
  cluster->pool = moon_network_pool(name, options, dialer, events);
  moon_dialer_release(dialer);
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
  moon_target_release(cluster->target);
  free(cluster->name);
  free(cluster);
}

const char *moon_cluster_name(const moon_cluster *cluster) {
  return cluster->name;
}

moon_target *moon_cluster_target(const moon_cluster *cluster) {
  return cluster->target;
}

moon_pool *moon_cluster_pool(const moon_cluster *cluster) {
  return cluster->pool;
}
