/* endpoint_set.h: the inside of a set of endpoints, shared by endpoint.c and endpoint_names.c and nobody else. */
#ifndef MOON_CLUSTER_ENDPOINT_SET_H
#define MOON_CLUSTER_ENDPOINT_SET_H

#include <pthread.h>
#include <stdatomic.h>

#include "cluster/endpoint.h"
#include "cluster/latency.h"

#pragma GCC visibility push(hidden)

struct moon_endpoint {
  atomic_int refs; /* one is the set's, until it is retired */
  moon_endpoints *set;
  size_t source; /* which of the set's it is an address of */
  char *address; /* NULL: whatever the name resolves to when a connection is made */
  moon_dialer *dialer;

  /* guarded by the set's lock */
  moon_health health;
  moon_latency latency;
  int connections[MOON_CONN_KINDS];
  int in_flight;
  int connect_failures; /* in a row; those of connects that began together count once */
  int64_t retry_at_ms;  /* while connects fail: when the next one may be tried */
  bool on_trial;        /* ... which is under way */
  bool retired, urgent;
  uint64_t picked; /* the set's count of picks when it was picked last */
};

/* What was configured: a URL (NULL: the target's server). */
typedef struct endpoint_source {
  char *url, *host;
  bool is_name;
} endpoint_source;

struct moon_endpoints {
  atomic_int refs;
  char *cluster;
  moon_target *target;
  endpoint_source *sources;
  size_t source_count;
  bool resolve;
  int64_t interval_ms;

  pthread_mutex_t lock; /* guards what follows */
  moon_endpoint **items;
  atomic_size_t count;
  uint64_t picks;
  atomic_int state;
  _Atomic int64_t ramp_ms; /* when the cluster as a whole became usable again; 0: no slow start */
  void (*changed)(void *ctx);
  void *ctx;
  int telling; /* calls of `changed` under way */
  pthread_cond_t told;
};

moon_endpoints *endpoints_lock(const moon_endpoints *set);
void endpoints_unlock(moon_endpoints *set);
/* Gives the lock back; where there is news sums it up before and tells the observer after. */
void endpoints_unlock_and_tell(moon_endpoints *set, bool news);

/* `from`: index of its source; `address` may be NULL. It is not on the list yet. */
moon_error *endpoint_new(moon_endpoints *set, size_t from, const char *address, moon_endpoint **out);
/* Lets go of the set's own reference, which holds no reference on the set. */
void endpoint_drop(moon_endpoint *endpoint);

#pragma GCC visibility pop

#endif
