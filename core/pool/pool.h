/* pool.h: a bounded set of live connections to one API server address, and the queue of those who wait for one.
 *
 * Words
 *   connection  one transport (TCP + TLS, usually HTTP/2) with an id, an age and a use count. The pool keeps its
 * record; the network side (moon_pool_net) keeps the socket. lease       exclusive use of a connection: nobody else's
 * requests run on it until it is released. stream      shared use: one request's place on a connection that nobody has
 * leased. A connection carries up to `max_streams` of them (1 on HTTP/1.1). waiter      someone who asked for a lease
 * or a stream that was not there at once.
 *
 * States, each with the list it is on; conn_set_state() in pool.c is the only place that changes either:
 *   CONNECTING  being established; counts into the total
 *   IDLE        no user; most recently used first
 *   IN_USE      leased, or at least one stream
 *   CHECKING    idle, with a health check under way; is not handed out
 *   UNHEALTHY   failed a check, is being retried; is not handed out
 *   DRAINING    takes no new users (GOAWAY, lifetime, stale); closes when the last one leaves
 *   CLOSING     told to close; gone when the network side says so; counts into nothing
 *
 * Threads: every function may be called from any thread. State is kept under one lock per pool. Work that calls out (a
 * waiter's `done`, the network side, waking a listener) is collected under the lock and run after it is given back, on
 * the thread that caused it. Nothing else is called while the lock is held, and nothing allocates on the way of an
 * acquire that finds an idle connection, nor on its release.
 *
 * Rules
 *   - total (connecting + idle + in use + checking + unhealthy + draining) never exceeds max_connections.
 *   - Waiters are served in order of arrival. A waiter's `done` is called exactly once, unless moon_pool_cancel said
 * true.
 *   - A lease wants an idle connection, else a new one, else the least loaded shared one, which then takes no new
 * streams until it is free. A stream wants an idle connection, else a new one while fewer than max_connections exist
 * and fewer than max_connecting are being made, else a place on the connection with the fewest streams. A waiter who is
 * waiting for a new connection takes whatever comes free first.
 *   - A connection being made outlives the waiter who caused it.
 *   - A failed connect fails the head waiter with the network's own error when no connection is alive; otherwise (and
 * for background refill) it is tried again after a back-off of 100 ms doubling to 5 s, jittered. Never a spin.
 *   - Events per connection: created, (acquired, released)*, removed; removed exactly once, and only for those created.
 */
#ifndef MOON_POOL_POOL_H
#define MOON_POOL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "moonpool.h"
#include "pool/events.h"

typedef struct moon_pool moon_pool;
typedef struct moon_conn moon_conn;

/* Options; the defaults are the seed's where the seed has them. Times in ms, 0 = off where it says so. */
typedef struct moon_pool_options {
  int max_connections;                 /* 10; at least 1 */
  int min_connections;                 /* 2; at most max_connections */
  int64_t max_idle_time_ms;            /* 300000; 0 = off; never shrinks below min_connections */
  int64_t acquire_timeout_ms;          /* 30000; at least 1 */
  int64_t health_check_interval_ms;    /* 60000; 0 = off. kube-apiserver closes a connection that was idle for 90 s; the
                                          check    resets that, so keep this below 90000 to keep min_connections alive */
  int health_check_retries;            /* 3 further checks after the first failed one */
  bool enable_warmup;                  /* true: min_connections are made when the pool is */
  int64_t max_lifetime_ms;             /* 1800000, each connection's own +/- 10 %; 0 = off */
  int64_t connect_timeout_ms;          /* 10000; name resolution, TCP and TLS together */
  int64_t health_check_timeout_ms;     /* 3000 */
  int max_streams_per_connection;      /* 100 */
  int max_connecting;                  /* 2 at once beyond warm-up */
  int64_t leak_detection_threshold_ms; /* 0 = off */
  bool single_use; /* false; true (pooling off): each connection serves one user and is closed, no warm-up,
                      no refill */
} moon_pool_options;

extern const moon_pool_options moon_pool_default_options;
/* Checks ranges and contradictions; the message names the option as scripts write it (minConnections, ...). */
moon_error *moon_pool_options_check(const moon_pool_options *options);

/* How a pool reaches the network. Each function starts something and returns at once, never calls back into the pool
 * before it returns, and may be called from any thread without a lock held. Tests put a fake here. */
typedef struct moon_pool_net {
  void *ctx;
  /* Establish. Answered by moon_conn_connected or moon_conn_connect_failed, exactly once, unless close comes first.
   * Every connect is followed, sooner or later, by exactly one close of that connection: also after a failed one. */
  void (*connect)(void *ctx, moon_conn *conn, int64_t timeout_ms);
  /* Ask the server for life over this very connection. Answered by moon_conn_checked, exactly once, unless close comes
   * first. */
  void (*check)(void *ctx, moon_conn *conn, int64_t timeout_ms);
  /* Close, in whatever state it is. Answered by moon_conn_closed, exactly once; after it the record is freed. Streams
   * still running on it end with an error first. */
  void (*close)(void *ctx, moon_conn *conn);
  /* Call moon_pool_tick at `at_ms` (base/clock) or soon after; replaces the time set before; -1: not at all. */
  void (*wake_at)(void *ctx, int64_t at_ms);
  /* The pool is closed, empty, and its last reference is gone: ctx may be freed. No call comes after it. */
  void (*dispose)(void *ctx);
} moon_pool_net;

/* Makes a pool and starts its warm-up; waits for nothing. `name` is used in messages. `events` may be NULL; else it is
 * retained. `options` must have passed the check. */
moon_pool *moon_pool_new(const char *name, const moon_pool_options *options, const moon_pool_net *net,
                         moon_event_queue *events);
moon_pool *moon_pool_retain(moon_pool *pool);
void moon_pool_release(moon_pool *pool); /* the last reference closes it (grace 0) if nobody did */
uint64_t moon_pool_id(const moon_pool *pool);
const char *moon_pool_name(const moon_pool *pool);
const moon_pool_options *moon_pool_get_options(const moon_pool *pool);
void *moon_pool_net_ctx(const moon_pool *pool); /* moon_pool_net's ctx */

/* Turns events on or off: while nobody listens none is made. On from the start when `events` was given. */
void moon_pool_set_events_enabled(moon_pool *pool, bool enabled);

typedef enum moon_use { MOON_USE_LEASE, MOON_USE_STREAM } moon_use;

/* Someone who wants a connection. The caller owns the memory and keeps it until `done` was called or the cancel said
 * true. */
typedef struct moon_waiter {
  moon_use use;
  int64_t timeout_ms; /* 0: the pool's acquire_timeout_ms */
  const char *origin; /* where in the script; kept only for leak detection; may be NULL; must live until the release */
  /* Exactly one of conn and err is not NULL; err is the callee's to free. Called on any thread, without a lock, perhaps
   * before moon_pool_acquire_async returns. */
  void (*done)(struct moon_waiter *waiter, moon_conn *conn, moon_error *err);
  /* the pool's: */
  moon_list node;
  int64_t since_ms, deadline_ms;
  moon_conn *reserved;
  int state;
} moon_waiter;

void moon_pool_acquire_async(moon_pool *pool, moon_waiter *waiter);
/* True: `done` will not be called any more. False: it was, or is being called now. */
bool moon_pool_cancel(moon_pool *pool, moon_waiter *waiter);
/* The same at once or not at all: NULL when nothing is free now. Does not overtake waiters. */
moon_conn *moon_pool_try_acquire(moon_pool *pool, moon_use use, const char *origin);
/* Waits on the calling thread. */
moon_error *moon_pool_acquire(moon_pool *pool, moon_use use, int64_t timeout_ms, const char *origin, moon_conn **out);

/* Gives back a lease or one stream. The caller must not use the connection for it afterwards. */
void moon_pool_give_back(moon_pool *pool, moon_conn *conn);

/* Closes the pool: waiters fail with MOON_CLOSED, idle connections close, those in use have `grace_ms` to come back and
 * are cut then. Returns at once; harmless when repeated. */
void moon_pool_close(moon_pool *pool, int64_t grace_ms);
bool moon_pool_is_closed(const moon_pool *pool);  /* close was called */
bool moon_pool_is_drained(const moon_pool *pool); /* closed, and no connection is left */
/* Waits until it is drained, at most timeout_ms; false when it was not. */
bool moon_pool_wait_drained(moon_pool *pool, int64_t timeout_ms);

/* Credentials changed: every connection made before is `stale`; idle ones close now, the others when they are released.
 */
void moon_pool_make_stale(moon_pool *pool);

/* Does what is due: timeouts, health checks, idle eviction, lifetime, refill, back-off, leak detection. Called by the
 * network side (see wake_at), or by a test. */
void moon_pool_tick(moon_pool *pool);

/* --- what the network side tells; from any thread --- */
/* Established. `max_streams`: 1 for HTTP/1.1; the pool never uses more than its own limit. */
void moon_conn_connected(moon_conn *conn, int max_streams);
void moon_conn_connect_failed(moon_conn *conn, moon_error *err); /* takes over err */
void moon_conn_checked(moon_conn *conn, moon_error *err);        /* NULL: alive; takes over err */
/* The server turned out to allow fewer streams on it than was thought. */
void moon_conn_limit(moon_conn *conn, int max_streams);
/* No new users, please (GOAWAY, Connection: close): closes when those on it are done. Reason: lifetime. */
void moon_conn_drain(moon_conn *conn);
/* The transport is dead: it leaves the pool before anybody learns of the error. Users still hold it until they give it
 * back. */
void moon_conn_lost(moon_conn *conn);
void moon_conn_closed(moon_conn *conn);

/* --- a connection's facts; any thread --- */
moon_pool *moon_conn_pool(const moon_conn *conn);
uint64_t moon_conn_id(const moon_conn *conn); /* from 1, rising, unique in its pool */
int64_t moon_conn_created_ms(const moon_conn *conn);
uint64_t moon_conn_use_count(const moon_conn *conn);
void moon_conn_set_link(moon_conn *conn,
                        void *link);         /* the network side's own pointer: set before `connect` answers, */
void *moon_conn_link(const moon_conn *conn); /* read by whoever holds the connection */

typedef struct moon_duration_stats {
  int64_t p50_us, p99_us, max_us; /* 0 when there is no sample */
  uint64_t count;
} moon_duration_stats;

typedef struct moon_pool_stats {
  int total; /* idle + in_use + unhealthy (+ checking, counted as idle; + draining, counted as in use) */
  int idle, in_use, unhealthy, connecting;
  int wait_queue_length;
  uint64_t created, acquired, released, timeouts, leaked;
  uint64_t removed[MOON_REMOVED_REASONS];
  moon_duration_stats wait_time; /* from asking to getting */
  moon_duration_stats use_time;  /* from getting to giving back; leases only for shared connections per stream */
} moon_pool_stats;

void moon_pool_get_stats(const moon_pool *pool, moon_pool_stats *out);

#endif
