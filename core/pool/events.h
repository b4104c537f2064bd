/* events.h: what happened in pools, in the order in which it happened, for one listener to collect.
 *
 * Pools append under their own lock, from any thread; the listener takes events out on its thread. One queue may serve
 * any number of pools: the order over all of them is kept. The queue holds at most `limit` events: past that the oldest
 * are dropped and counted. Lock order: pool, then queue; nothing is called under the queue's lock. */
#ifndef MOON_POOL_EVENTS_H
#define MOON_POOL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonpool.h"

typedef enum moon_event_kind {
  MOON_EVENT_CONNECTION_CREATED,
  MOON_EVENT_CONNECTION_ACQUIRED,
  MOON_EVENT_CONNECTION_RELEASED,
  MOON_EVENT_CONNECTION_REMOVED,   /* reason */
  MOON_EVENT_CONNECTION_UNHEALTHY, /* text: what the check answered */
  MOON_EVENT_CONNECTION_LEAKED,    /* text: where it was acquired */
  MOON_EVENT_ACQUIRE_TIMEOUT,      /* text: the error's message */
  MOON_EVENT_POOL_READY,           /* warm-up ended: minConnections are there, or the first attempt failed (text) */
  MOON_EVENT_POOL_DRAINED,         /* closed, and its last connection is gone */
  MOON_EVENT_CLUSTER_ADDED,        /* these are told by managers; cluster: which */
  MOON_EVENT_CLUSTER_REMOVED,
  MOON_EVENT_CLUSTER_HEALTHY,   /* also the first time */
  MOON_EVENT_CLUSTER_UNHEALTHY, /* text: why */
  MOON_EVENT_FAILOVER,          /* cluster: from where; other: to where; text: why */
  MOON_EVENT_STRATEGY_ERROR,    /* text: what it did; cluster: NULL */
} moon_event_kind;

/* "connectionCreated", ... : the names that scripts listen to. */
const char *moon_event_name(moon_event_kind kind);

const char *moon_remove_reason_name(moon_remove_reason reason); /* "idle", "lifetime", ... */

typedef struct moon_event {
  moon_event_kind kind;
  moon_remove_reason reason; /* REMOVED */
  uint64_t source;           /* moon_pool_id of the pool, moon_manager_id of the manager */
  uint64_t conn_id;          /* 0 where no connection is concerned */
  uint64_t use_count;        /* at the moment of the event */
  int64_t created_ms;        /* the connection's; base/clock */
  int64_t at_ms;             /* base/clock */
  char *text;                /* or NULL; the taker of the event clears it */
  char *cluster, *other;     /* of a manager's event; or NULL */
} moon_event;

void moon_event_clear(moon_event *event); /* frees its texts */
uint64_t moon_event_new_source(void);     /* from 1, rising */

typedef struct moon_event_queue moon_event_queue;

/* `wake(ctx)` is called, without a lock, after the queue turns from empty to not empty. */
moon_event_queue *moon_event_queue_new(size_t limit, void (*wake)(void *ctx), void *ctx);
moon_event_queue *moon_event_queue_retain(moon_event_queue *queue);
void moon_event_queue_release(moon_event_queue *queue);

/* Appends; takes over the event's texts. True when the caller must call moon_event_queue_wake once it holds no lock. */
bool moon_event_queue_append(moon_event_queue *queue, const moon_event *event);
void moon_event_queue_wake(moon_event_queue *queue);

/* Takes the oldest event; false when there is none. */
bool moon_event_queue_take(moon_event_queue *queue, moon_event *out);
uint64_t moon_event_queue_dropped(moon_event_queue *queue); /* in all, since it was made */
/* After this nothing is woken any more and appends are ignored; what was appended can still be taken. Waits for a
 * `wake` that is under way, so `wake` itself must not call it. */
void moon_event_queue_close(moon_event_queue *queue);

#endif
