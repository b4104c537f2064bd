/* pool_state.h: the inside of a pool, shared by the files of this folder and nobody else.
 *
 *   pool.c          the public functions: lock, change, unlock and run what came of it; closing; statistics
 *   pool_conn.c     a connection's states, lists and users: the only file that changes them
 *   pool_waiters.c  who gets what: hand-out, places for streams, reservations for leases, new connections
 *   pool_upkeep.c   what time brings: checks, eviction, lifetime, leaks, deadlines, the network's good and bad news
 *   pool_lane.c     a pool and its lane: what joins the two
 *
 * Every function declared here runs with the pool's lock held, between pool_lock and pool_unlock; what must be done
 * without it is put on the pool's `work`, `net_queue` or timers and done by pool_unlock. All waiting for time goes
 * through one heap of timers, whose first due time is what the network side is asked to wake us at. A connection has
 * one timer, set to the earliest moment at which it could need attention: taking and giving back do not move it. */
#ifndef MOON_POOL_STATE_H
#define MOON_POOL_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/histogram.h"
#include "base/timers.h"
#include "pool/pool.h"

#pragma GCC visibility push(hidden)

typedef enum conn_state {
  CONN_CONNECTING,
  CONN_IDLE,
  CONN_IN_USE,
  CONN_CHECKING,
  CONN_UNHEALTHY,
  CONN_DRAINING,
  CONN_CLOSING,
  CONN_STATES
} conn_state;

enum { NET_CONNECT = 1, NET_CHECK = 2, NET_CLOSE = 4 };

struct moon_conn {
  moon_pool *pool;
  uint64_t id;
  void *link;
  _Atomic int64_t created_ms;
  _Atomic uint64_t use_count;

  conn_state state;
  moon_list node;     /* on the list that its state says: see conn_list */
  moon_list all_node; /* on pool->all, until it is gone */
  int users;          /* streams, or 1 for a lease */
  int max_streams;
  bool leased;
  bool reserved;             /* shared, takes no new streams: a lease is waiting for it */
  moon_remove_reason reason; /* why it is draining or closing */
  bool leaving;              /* asked to drain before it was established */
  bool warmup;               /* being made for the warm-up: does not count against max_connecting */
  bool established;          /* `created` was told, so `removed` will be */
  bool net_closed;           /* the network side has said closed */
  bool gone;                 /* counts no more in pool->open */
  int revoked;               /* users whose use was ended by force; their give_back only lets the record go */

  uint64_t generation;
  uint64_t attempt; /* pool->attempt when its connecting began */
  uint64_t idle_sequence;
  int64_t idle_since_ms, busy_since_ms, busy_since_ns; /* ns: 0 when this use is not measured exactly */
  int64_t expires_ms;                                  /* INT64_MAX: never */
  int64_t checked_ms, check_interval_ms;               /* the last check; this round's jittered interval */
  int64_t retry_ms;                                    /* UNHEALTHY: when to check again */
  int failed_checks;
  bool check_running;
  bool leak_told;
  char origin[160]; /* of the lease, while leak detection is on */
  moon_timer timer;

  moon_list net_node; /* on pool->net_queue, while net_wanted is not 0 */
  int net_wanted;
  moon_conn *next_freed;
};

/* What an operation leaves to be done without the lock. Lives on the stack of whoever holds it. */
struct work {
  moon_list answered; /* waiters whose `done` is to be called */
  moon_conn *freed;   /* records that nobody holds any more */
  moon_buffer log;    /* warnings, a line each */
  moon_pool *owner;   /* of a lane that is drained now: it is waiting for that */
  bool wake_events;
  bool drained; /* now */
};

struct moon_pool {
  pthread_mutex_t lock;
  struct work *work; /* of the holder of the lock */

  /* connections */
  moon_list lists[CONN_STATES]; /* IN_USE: leased ones; those shared are on the three below */
  moon_list *shared;            /* [n]: with n streams and room for more */
  moon_list full;               /* shared, no room */
  moon_list reserved;           /* shared, for a lease */
  int fewest;                   /* shared[n] is empty for all n below it */
  moon_list all;
  int count[CONN_STATES];
  int total;                /* all but CLOSING */
  int warming;              /* warm-up connections being made */
  bool pathfinding;         /* the first of them is, or is new: the others follow MOON_WARM_UP_PAUSE_MS after it */
  int held;                 /* reserved connections */
  int owed;                 /* connections to be made in the place of others that were asked to leave */
  bool rotate;              /* the idle one that was not used for longest is handed out */
  int open;                 /* records not gone: the pool is drained when it is closed and this is 0 */
  _Atomic uint64_t last_id; /* of connections; a lane counts on its owner's */
  uint64_t generation, idle_sequence;

  /* waiters */
  moon_list waiting[2]; /* by moon_use, oldest first */
  int waiting_count[2];
  uint64_t waiter_sequence;

  /* connecting */
  bool filling;     /* min_connections are wanted: from the start, or (no warm-up) from the first use on */
  int failures;     /* attempts in a row that failed */
  uint64_t attempt; /* rises with each failure: connects begun before it tell nothing new */
  int64_t retry_at_ms;
  moon_error *last_error;
  moon_timer retry_timer;

  moon_timers timers;
  int64_t now_ms; /* while the timers run */

  /* the network side: one thread at a time calls it, in the order of decision */
  moon_pool_net net;
  moon_list net_queue;
  bool net_busy;
  int64_t wake_at_ms; /* what it was told last; -1: nothing */

  /* life */
  moon_pool *lane;  /* or NULL; set before anybody else knows the pool. One of our handles is on it; while it is not
                       drained it counts among our open records */
  moon_pool *owner; /* of a lane that is not drained: whose lane it is */
  bool is_lane;
  uint64_t id;
  char *name;
  moon_pool_options options;
  int handles; /* references of users */
  int refs;    /* handles + records + threads that are running work */
  bool closed, drained, disposing, ready;
  moon_timer grace_timer;
  moon_timer warm_up_timer;
  pthread_cond_t drained_cond;
  void (*on_drained)(void *ctx); /* or NULL */
  void *on_drained_ctx;
  moon_event last_event; /* told when it is drained, if has_last_event */
  bool has_last_event;

  /* what is told */
  moon_event_queue *events;
  bool events_on;
  uint64_t created, acquired, released, timeouts, leaked, uses;
  uint64_t removed[MOON_REMOVED_REASONS];
  moon_histogram wait_us, use_us;
};

/* --- pool.c --- */
moon_pool *pool_new(const char *name, const moon_pool_options *options, const moon_pool_net *net,
                    moon_event_queue *events, moon_pool *owner); /* owner NULL: not a lane */
void pool_lock(moon_pool *pool, struct work *work);
void pool_unlock(moon_pool *pool); /* gives the lock back, then does what the work says */
void pool_tell(moon_pool *pool, moon_event_kind kind, const moon_conn *conn, char *text); /* takes over text */
void pool_want_net(moon_conn *conn, int what);

/* --- pool_conn.c --- */
moon_conn *conn_new(moon_pool *pool);                    /* CONNECTING; asks the network side to connect */
void conn_set_state(moon_conn *conn, conn_state state);  /* also files it anew after `users` etc. changed */
void conn_established(moon_conn *conn, int max_streams); /* CONNECTING -> IDLE */
void conn_limit(moon_conn *conn, int max_streams);       /* as far as the options allow; conn_set_state must follow */
void conn_check(moon_conn *conn);                        /* IDLE -> CHECKING, or a further try of an UNHEALTHY one */
void conn_begin_use(moon_conn *conn, moon_use use, const char *origin, int64_t coarse_ms);
void conn_end_use(moon_conn *conn);                           /* IN_USE -> IN_USE, IDLE or CLOSING */
void conn_drain(moon_conn *conn, moon_remove_reason reason);  /* no new users; closes when it has none */
void conn_remove(moon_conn *conn, moon_remove_reason reason); /* leaves the total; closes when it has no users */
void conn_cut(moon_conn *conn, moon_remove_reason reason);    /* ends its uses by force and closes */
void conn_reserve(moon_conn *conn, bool reserved);
void conn_finish(moon_conn *conn); /* frees the record when nobody needs it any more */
int pool_alive(const moon_pool *pool);

/* --- pool_waiters.c --- */
moon_conn *hand_out(moon_pool *pool, moon_use use, const char *origin); /* what is free now, or NULL */
void enqueue_waiter(moon_pool *pool, moon_waiter *waiter);
void warm_up(moon_pool *pool, int total); /* makes connections until there are so many */
void serve_waiters(moon_pool *pool); /* after anything that may have freed a place or made a new connection possible */
void answer_waiter(moon_pool *pool, moon_waiter *waiter, moon_conn *conn, moon_error *err);
void forget_waiter(moon_pool *pool, moon_waiter *waiter); /* takes it off its queue */
moon_waiter *oldest_waiter(const moon_pool *pool);
int pool_waiting(const moon_pool *pool);
bool pool_is_down(const moon_pool *pool); /* no hope before the next attempt: callers get last_error at once */
enum { WAITER_NEW, WAITER_WAITING, WAITER_ANSWERED };

/* --- pool_upkeep.c --- */
void arm_conn(moon_conn *conn, int64_t now_ms); /* sets its timer */
void conn_timer_fired(moon_timer *timer);
void waiter_timer_fired(moon_timer *timer);
void retry_timer_fired(moon_timer *timer);
void warm_up_timer_fired(moon_timer *timer);
void expire_waiter(moon_pool *pool, moon_waiter *waiter, int64_t now_ms);
void note_ready(moon_pool *pool, const moon_error *err);

/* --- pool_lane.c --- */
void lane_drained(moon_pool *owner); /* the one function here that takes the lock (the owner's) itself */

#pragma GCC visibility pop

#endif
