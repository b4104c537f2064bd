/* events.c: see events.h. A ring that grows up to the limit; a lock of its own, taken after a pool's.
 *
 * `waking` counts the threads that are inside `wake`: closing waits for them, so that the context of `wake` can go away
 * as soon as moon_event_queue_close has returned. */
#include "pool/events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"

struct moon_event_queue {
  _Atomic int references;
  void (*wake)(void *ctx);
  void *ctx;

  pthread_mutex_t lock;
  pthread_cond_t woken;
  int waking;
  bool closed;
  moon_event *ring;
  size_t capacity, first, count, limit;
  uint64_t dropped;
};

const char *moon_event_name(moon_event_kind kind) {
  switch (kind) {
  case MOON_EVENT_CONNECTION_CREATED:
    return "connectionCreated";
  case MOON_EVENT_CONNECTION_ACQUIRED:
    return "connectionAcquired";
  case MOON_EVENT_CONNECTION_RELEASED:
    return "connectionReleased";
  case MOON_EVENT_CONNECTION_REMOVED:
    return "connectionRemoved";
  case MOON_EVENT_CONNECTION_UNHEALTHY:
    return "connectionUnhealthy";
  case MOON_EVENT_CONNECTION_LEAKED:
    return "connectionLeaked";
  case MOON_EVENT_ACQUIRE_TIMEOUT:
    return "acquireTimeout";
  case MOON_EVENT_POOL_READY:
    return "poolReady";
  case MOON_EVENT_POOL_DRAINED:
    return "poolDrained";
  case MOON_EVENT_CLUSTER_ADDED:
    return "clusterAdded";
  case MOON_EVENT_CLUSTER_REMOVED:
    return "clusterRemoved";
  case MOON_EVENT_CLUSTER_HEALTHY:
    return "clusterHealthy";
  case MOON_EVENT_CLUSTER_UNHEALTHY:
    return "clusterUnhealthy";
  case MOON_EVENT_FAILOVER:
    return "failover";
  case MOON_EVENT_STRATEGY_ERROR:
    return "strategyError";
  }
  return "unknown";
}

const char *moon_remove_reason_name(moon_remove_reason reason) {
  static const char *const names[MOON_REMOVED_REASONS] = {"idle", "lifetime", "unhealthy", "error", "stale", "closed"};
  return reason < MOON_REMOVED_REASONS ? names[reason] : "unknown";
}

void moon_event_clear(moon_event *event) {
  free(event->text);
  free(event->cluster);
  free(event->other);
  event->text = event->cluster = event->other = NULL;
}

uint64_t moon_event_new_source(void) {
  static _Atomic uint64_t last;
  return ++last;
}

moon_event_queue *moon_event_queue_new(size_t limit, void (*wake)(void *ctx), void *ctx) {
  moon_event_queue *queue = moon_zalloc(sizeof *queue);
  queue->references = 1;
  queue->wake = wake;
  queue->ctx = ctx;
  queue->limit = limit ? limit : 1;
  pthread_mutex_init(&queue->lock, NULL);
  pthread_cond_init(&queue->woken, NULL);
  return queue;
}

moon_event_queue *moon_event_queue_retain(moon_event_queue *queue) {
  atomic_fetch_add(&queue->references, 1);
  return queue;
}

/* Takes the oldest event out; the lock is held, there is one. */
static moon_event take_first(moon_event_queue *queue) {
  moon_event event = queue->ring[queue->first];
  queue->first = (queue->first + 1) % queue->capacity;
  queue->count--;
  return event;
}

void moon_event_queue_release(moon_event_queue *queue) {
  if (!queue || atomic_fetch_sub(&queue->references, 1) != 1) return;
  while (queue->count) {
    moon_event event = take_first(queue);
    moon_event_clear(&event);
  }
  free(queue->ring);
  pthread_cond_destroy(&queue->woken);
  pthread_mutex_destroy(&queue->lock);
  free(queue);
}

static void grow(moon_event_queue *queue) {
  size_t capacity = queue->capacity ? 2 * queue->capacity : 64;
  if (capacity > queue->limit) capacity = queue->limit;
  moon_event *ring = moon_alloc(capacity * sizeof *ring);
  for (size_t i = 0; i < queue->count; i++) ring[i] = queue->ring[(queue->first + i) % queue->capacity];
  free(queue->ring);
  queue->ring = ring;
  queue->capacity = capacity;
  queue->first = 0;
}

bool moon_event_queue_append(moon_event_queue *queue, const moon_event *event) {
  moon_event unwanted = {0};
  pthread_mutex_lock(&queue->lock);
  bool was_empty = queue->count == 0 && !queue->closed;
  if (queue->closed) {
    unwanted = *event;
  } else {
    if (queue->count == queue->limit) {
      unwanted = take_first(queue);
      queue->dropped++;
    } else if (queue->count == queue->capacity) {
      grow(queue);
    }
    queue->ring[(queue->first + queue->count++) % queue->capacity] = *event;
  }
  pthread_mutex_unlock(&queue->lock);
  moon_event_clear(&unwanted);
  return was_empty;
}

void moon_event_queue_wake(moon_event_queue *queue) {
  if (!queue->wake) return;
  pthread_mutex_lock(&queue->lock);
  bool open = !queue->closed;
  if (open) queue->waking++;
  pthread_mutex_unlock(&queue->lock);
  if (!open) return;
  queue->wake(queue->ctx);
  pthread_mutex_lock(&queue->lock);
  if (--queue->waking == 0 && queue->closed) pthread_cond_broadcast(&queue->woken);
  pthread_mutex_unlock(&queue->lock);
}

bool moon_event_queue_take(moon_event_queue *queue, moon_event *out) {
  pthread_mutex_lock(&queue->lock);
  bool there = queue->count > 0;
  if (there) *out = take_first(queue);
  pthread_mutex_unlock(&queue->lock);
  return there;
}

uint64_t moon_event_queue_dropped(moon_event_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  uint64_t dropped = queue->dropped;
  pthread_mutex_unlock(&queue->lock);
  return dropped;
}

void moon_event_queue_close(moon_event_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->closed = true;
  while (queue->waking) pthread_cond_wait(&queue->woken, &queue->lock);
  pthread_mutex_unlock(&queue->lock);
}
