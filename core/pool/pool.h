/* pool.h: a bounded set of live connections to one cluster, and the queue of those who wait for one.
 *
 * Words
 *   - connection: one transport (TCP + TLS, usually HTTP/2) with an id, an age and a use count. The pool keeps its
 *     record; the network side (moon_pool_net) keeps the socket.
 *   - lease: exclusive use of a connection: nobody else's requests run on it until it is released.
 *   - stream: shared use: one request's place on a connection that nobody has leased. A connection carries up to
 *     `max_streams` of them (1 on HTTP/1.1).
 *   - waiter: someone who asked for a lease or a stream that was not there at once.
 *   - lane: a second set of connections beside the pool's own, for streams that last (watches, followed logs), so that
 *     they never use up the others. Itself a moon_pool, which streams are asked of like of any other.
 *
 * States, each with the list it is on; conn_set_state() in pool_conn.c is the only place that changes either:
 *   CONNECTING  being established; counts into the total
 *   IDLE        no user; most recently used first
 *   IN_USE      leased, or at least one stream
 *   CHECKING    idle, with a health check under way; is not handed out
 *   UNHEALTHY   failed a check, is being retried; is not handed out
 *   DRAINING    takes no new users (GOAWAY, lifetime, stale); closes when the last one leaves
 *   CLOSING     lost, or told to close; gone when the network side says so; counts into nothing
 *
 * Threads: every function may be called from any thread. State is kept under one lock per pool. Work that calls out (a
 * waiter's `done`, the network side, waking a listener) is collected under the lock and run after it is given back, on
 * the thread that caused it (the network side: on one that is calling it anyway, so that it is called by one at a time
 * and hears things in the order in which they were decided). Nothing else is called while the lock is held, and nothing
 * allocates on the way of an acquire that finds an idle connection, nor on its release.
 *
 * Rules
 *   - total (connecting + idle + in use + checking + unhealthy + draining) never exceeds max_connections.
 *   - A waiter's `done` is called exactly once, unless moon_pool_cancel said true. Leases are served in order of
 *     arrival, streams too, and an idle connection goes to whoever of both came first.
 *   - A lease wants an idle connection, else a new one, else the least loaded shared one, which then takes no new
 *     streams until it is free. Other connections go on sharing. Whoever has waited longest gets the first that is
 *     free.
 *   - A stream wants an idle connection, else a new one while fewer than max_connections exist and fewer than
 *     max_connecting are being made, else a place on the connection with the fewest streams. While it waits for a
 *     new one it takes whatever comes free first, and after 50 ms any place there is.
 *   - A connection being made outlives the waiter who caused it.
 *   - A connect that fails while no connection is alive fails the head waiter with the network's own error. The next
 *     attempt (one at a time now) follows a back-off of 100 ms, doubling, +/- 20 %, to at most 5 s, or 1 s while
 *     nothing is alive or min_connections are missing: a server that comes back is noticed within 1.2 s. When that
 *     fails too the server is down: all who wait get the error, and those who ask during the following back-offs get
 *     the last one at once; who asks after a back-off causes the next attempt. While other connections are alive a
 *     failed connect fails nobody. Never a spin.
 *   - The warm-up (enable_warmup) makes one connection at once, and the rest of min_connections together 20 ms after
 *     that one is there: the first request does not share the way with handshakes that nobody waits for, the later ones
 *     can resume its TLS session, and a program of one request never makes them. Without warm-up min_connections are
 *     made in the background from the first wait on.
 *   - An idle connection is checked after health_check_interval_ms (+/- 10 %) without use or check. The first
 *     failure makes it UNHEALTHY; health_check_retries further checks follow, 1 s (+/- 10 %) apart; then it is
 *     removed. One that is lost while it is checked is removed as unhealthy at once. A check that succeeds puts it back
 *     in its place among the idle ones.
 *   - A connection's lifetime (+/- 10 %) is looked at when it is handed out, released, and while idle. Shared ones that
 *     outlive it take no new streams; in a full pool that happens to one at a time, so that long calls cannot close it
 *     to everybody else.
 *   - Events per connection: created, (acquired, released)*, removed; removed exactly once, and only for those
 *     created. One that is lost while in use leaves the total, and is replaced, at once; `removed` follows the last
 *     release. One that is cut when its pool closes has its uses ended (`released`) by the pool; giving it back
 *     later is harmless and tells nothing.
 *   - A lane is governed by its pool. It is opened, closed, made stale and listened to with it, tells its events under
 *     the pool's id, and draws the ids of its connections from the same counter; only its statistics are its own. The
 *     pool is drained when both are. Its streams end by no release: closing cuts them at once.
 *   - A lane makes a connection when no other has room (on HTTP/1.1 for each stream), keeps none in reserve, and drops
 *     one that was idle for 5 s (or max_idle_time_ms, if that is less).
 */
#ifndef MOON_POOL_POOL_H
#define MOON_POOL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timers.h"
#include "moonpool.h"
#include "pool/events.h"

typedef struct moon_pool moon_pool;

/* What moon_pool_default_options holds, for other constants that hold it too. */
#define MOON_POOL_DEFAULTS                                                                                             \
  {                                                                                                                    \
    .max_connections = 10, .min_connections = 2, .max_idle_time_ms = 300000, .acquire_timeout_ms = 30000,              \
    .health_check_interval_ms = 60000, .health_check_retries = 3, .enable_warmup = true, .max_lifetime_ms = 1800000,   \
    .connect_timeout_ms = 10000, .health_check_timeout_ms = 3000, .max_streams_per_connection = 100,                   \
    .max_connecting = 2, .leak_detection_threshold_ms = 0, .single_use = false,                                        \
  }

/* Checks ranges and contradictions; the message names the option as scripts write it (minConnections, ...). */
moon_error *moon_pool_options_check(const moon_pool_options *options);

/* How a pool reaches the network. Each function starts something and returns at once, never calls back into the pool
 * before it returns, and may be called from any thread, one at a time, without a lock held. Tests put a fake here. */
typedef struct moon_pool_net {
  void *ctx;
  /* Establish. Answered by moon_conn_connected or moon_conn_connect_failed, exactly once, unless close comes first
   * (harmless after it). */
  void (*connect)(void *ctx, moon_conn *conn, int64_t timeout_ms);
  /* Ask the server for life over this very connection. Answered by moon_conn_checked, exactly once, unless close comes
   * first. */
  void (*check)(void *ctx, moon_conn *conn, int64_t timeout_ms);
  /* Close, in whatever state it is; follows every connect exactly once, a failed one too. Called when its users are
   * gone, save where a closed pool cuts it: streams still running on it end with an error first, and a lease's holder
   * still has the record. Answered by moon_conn_closed, exactly once, as the last thing told about it. */
  void (*close)(void *ctx, moon_conn *conn);
  /* Call moon_pool_tick at `at_ms` (base/clock) or soon after; replaces the time set before; -1: not at all. */
  void (*wake_at)(void *ctx, int64_t at_ms);
  /* The pool is closed, empty, and its last reference is gone; no call comes after it. The network side makes sure that
   * it will not tick any more, then calls moon_pool_disposed (from inside this call if it likes) and may free ctx. */
  void (*dispose)(void *ctx);
} moon_pool_net;

/* Makes a pool and starts its warm-up; waits for nothing. `name` is used in messages. `events` may be NULL; else it is
 * retained. `options` must have passed the check. */
moon_pool *moon_pool_new(const char *name, const moon_pool_options *options, const moon_pool_net *net,
                         moon_event_queue *events);
/* Gives a pool that nobody else knows yet its lane, with a network side of its own. Returns the lane: not a new
 * reference. */
moon_pool *moon_pool_add_lane(moon_pool *pool, const moon_pool_net *net);
moon_pool *moon_pool_lane(const moon_pool *pool); /* not a new reference; NULL: it has none */
moon_pool *moon_pool_retain(moon_pool *pool);
void moon_pool_release(moon_pool *pool);      /* the last reference closes it (grace 0) if nobody did */
uint64_t moon_pool_id(const moon_pool *pool); /* of a lane: its pool's */
const char *moon_pool_name(const moon_pool *pool);
const moon_pool_options *moon_pool_get_options(const moon_pool *pool);
void *moon_pool_net_ctx(const moon_pool *pool); /* moon_pool_net's ctx */

/* Turns events on or off: while nobody listens none is made. On from the start when `events` was given. */
void moon_pool_set_events_enabled(moon_pool *pool, bool enabled);

enum { MOON_WARM_UP_PAUSE_MS = 20 };

typedef enum moon_use { MOON_USE_LEASE, MOON_USE_STREAM } moon_use;

/* Someone who wants a connection. The caller owns the memory and keeps it until `done` was called or the cancel said
 * true. */
typedef struct moon_waiter {
  moon_use use;
  int64_t timeout_ms; /* 0: the pool's acquire_timeout_ms */
  const char *origin; /* where in the script; may be NULL. Copied with the hand-out when leak detection is on, else
                         never looked at; keep it as long as the waiter */
  /* Exactly one of conn and err is not NULL; err is the callee's to free. Called on any thread, without a lock, perhaps
   * before moon_pool_acquire_async returns. Must not wait for anything. What it does to pools may answer further
   * waiters: their `done` is called after this one has returned, never inside it. */
  void (*done)(struct moon_waiter *waiter, moon_conn *conn, moon_error *err);
  /* the pool's: */
  moon_pool *pool;
  moon_list node;
  moon_timer timer;
  uint64_t sequence;
  int64_t since_ns, deadline_ms;
  moon_conn *conn;
  moon_error *err;
  int state;
  bool patient;
} moon_waiter;

void moon_pool_acquire_async(moon_pool *pool, moon_waiter *waiter);
/* True: `done` will not be called any more. False: it was, or is being called now. */
bool moon_pool_cancel(moon_pool *pool, moon_waiter *waiter);
/* The same at once or not at all: NULL when nothing is free now. Does not overtake waiters. */
moon_conn *moon_pool_try_acquire(moon_pool *pool, moon_use use, const char *origin);
/* Waits on the calling thread. */
moon_error *moon_pool_acquire(moon_pool *pool, moon_use use, int64_t timeout_ms, const char *origin, moon_conn **out);

/* Gives back a lease or one stream. The caller must not touch the connection afterwards. */
void moon_pool_give_back(moon_pool *pool, moon_conn *conn);

/* Closes the pool: waiters fail with MOON_CLOSED, idle connections close, those in use have `grace_ms` to come back and
 * are cut then; those of its lane at once. Returns at once; harmless when repeated. */
void moon_pool_close(moon_pool *pool, int64_t grace_ms);
bool moon_pool_is_closed(const moon_pool *pool);  /* close was called */
bool moon_pool_is_drained(const moon_pool *pool); /* closed, and no connection is left */
/* What is to happen when it is drained; told once, before it is closed. `last` (its texts are taken over; or NULL)
 * follows poolDrained in the queue at once, whether or not events are on. Then `drained(ctx)` is called, on any thread,
 * without a lock. */
void moon_pool_on_drained(moon_pool *pool, const moon_event *last, void (*drained)(void *ctx), void *ctx);
/* Waits until it is drained, at most timeout_ms; false when it was not. */
bool moon_pool_wait_drained(moon_pool *pool, int64_t timeout_ms);

/* Whether idle connections are handed out least recently used first. Not so from the start: the one used last is handed
 * out next, and those that are not needed grow old and are dropped. Where connections lead to several servers that
 * would leave all the work of a quiet pool to one of them. */
void moon_pool_rotate(moon_pool *pool, bool rotate);

/* Credentials changed: every connection made before is `stale`; idle ones close now, the others when they are released.
 */
void moon_pool_make_stale(moon_pool *pool);

/* All who wait get a copy of `err`, now: nobody should wait for this server any more. */
void moon_pool_fail_waiters(moon_pool *pool, const moon_error *err);

/* How busy it is; cheap. */
typedef struct moon_pool_load {
  int idle, in_use, waiting;
} moon_pool_load;
void moon_pool_get_load(const moon_pool *pool, moon_pool_load *out);

/* Does what is due: timeouts, health checks, idle eviction, lifetime, refill, back-off, leak detection. Called by the
 * network side (see wake_at), or by a test. */
void moon_pool_tick(moon_pool *pool);
/* The answer to `dispose`: frees the pool. */
void moon_pool_disposed(moon_pool *pool);

/* --- what the network side tells; from any thread --- */
/* Established. `max_streams`: 1 for HTTP/1.1, and for HTTP/2 until the server's limit is known; the pool never uses
 * more than its own limit. */
void moon_conn_connected(moon_conn *conn, int max_streams);
void moon_conn_connect_failed(moon_conn *conn, moon_error *err); /* takes over err; `close` follows */
void moon_conn_checked(moon_conn *conn, moon_error *err);        /* NULL: alive; takes over err */
/* The server turned out to allow more, or fewer, streams on it than was thought. */
void moon_conn_limit(moon_conn *conn, int max_streams);
/* No new users, please (GOAWAY, Connection: close): closes when those on it are done. Reason: lifetime. */
void moon_conn_drain(moon_conn *conn);
/* The same, and another connection is made in its place as soon as there is room for it: it is wanted elsewhere
 * (another address). A lane makes none: there they come with the streams. False: nothing was done, because it is
 * leaving already, because it is in use and `idle_only`, or because another one drains in a full pool. */
bool moon_conn_replace(moon_conn *conn, bool idle_only);
/* The transport is dead: it leaves the pool before anybody learns of the error. Users still hold it until they give it
 * back; then `close` follows. Before it was established: moon_conn_connect_failed instead. */
void moon_conn_lost(moon_conn *conn);
void moon_conn_closed(moon_conn *conn);

/* --- a connection's facts; any thread --- */
moon_pool *moon_conn_pool(const moon_conn *conn);
int64_t moon_conn_created_ms(const moon_conn *conn);
void moon_conn_set_link(moon_conn *conn,
                        void *link);         /* the network side's own pointer: set before `connect` answers, */
void *moon_conn_link(const moon_conn *conn); /* read by whoever holds the connection */

void moon_pool_get_stats(const moon_pool *pool, moon_pool_stats *out);

#endif
