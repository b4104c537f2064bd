/* call_state.h: what the files of a call share. See call.h for the rules.
 *
 *   call.c          the machine: asking, running, pausing, moving; callbacks, cancelling
 *   call_outcome.c  what the end of an attempt means: for the server's health, for the caller, for trying again */
#ifndef MOON_CLUSTER_CALL_STATE_H
#define MOON_CLUSTER_CALL_STATE_H

#include "cluster/call.h"
#include "cluster/route.h"
#include "net/exchange.h"

enum call_state { CALL_COMING, CALL_ASKING, CALL_RUNNING, CALL_PAUSING, CALL_OVER };

struct moon_call {
  atomic_int refs;
  moon_route route;
  moon_request *request;
  moon_response response;
  moon_call_handler handler;

  moon_waiter waiter;
  moon_conn *conn;         /* held now; a lease stays for the whole call */
  moon_endpoint *endpoint; /* RUNNING: behind it; a reference, for the connection may be closed under the call */
  bool leased;
  moon_exchange exchange;
  moon_error *acquire_error;

  enum call_state state;
  int attempts;         /* in this cluster */
  int attempts_before;  /* in others */
  int free_moves;       /* refusals by connections of this cluster that were not counted as attempts */
  bool spends;          /* PAUSING: the next attempt needs room in the budget of its cluster */
  int denials;          /* how often there was none */
  bool retrying;        /* it has that room */
  moon_error *last;     /* PAUSING: what the attempt before failed with */
  int64_t deadline_ms;  /* 0: none */
  bool headed;          /* a streaming request's headers were handed out */
  bool delivered;       /* `data` was called in this attempt */
  uint64_t refused;     /* the number of the identity that this cluster has answered 401; 0: none was */
  bool renews;          /* this attempt was, and another one with newer credentials is worth it */
  bool abandoned;       /* this attempt was ended because the cluster turned unhealthy */
  bool outcome_unknown; /* a write was sent, and no answer came, in some attempt */
  moon_timer pause;     /* before the next attempt */
  moon_task ask_task, run_task, cancel_task, flow_task, abandon_task;
  atomic_bool cancelled, cancel_posted, flow_paused, flow_posted, abandon_posted;
};

/* Tells endpoint and cluster what an attempt's end (err NULL: the response) says about the server. */
void call_note_outcome(moon_call *call, const moon_error *err);
/* The server does not accept who we say we are: has the credentials renewed, the first time. */
void call_note_refusal(moon_call *call);
/* The line of an attempt in the log: what was asked where, over which connection, and how that ended. `duration` is
 * in ms, `bytes` those of the answer's body. */
void call_log_attempt(const moon_call *call, const moon_error *err);
/* The error that the response stands for, with what a person should know; NULL for 2xx. */
moon_error *call_status_error(const moon_call *call);

/* An attempt, or the asking for a connection, has failed. */
typedef enum call_failure {
  CALL_NO_CONNECTION, /* none could be had; nothing was sent this time */
  CALL_FAILED,        /* the exchange ended with an error, or with an answer that is one */
  CALL_DOWN,          /* the cluster is unhealthy */
} call_failure;

/* Whether the call may leave for another cluster: nothing of what has happened so far forbids it. */
bool call_may_move(const moon_call *call);
/* Whether it should, after this failure, before it tries again here. */
bool call_wants_to_move(const moon_call *call, call_failure failure, const moon_error *err);
/* Milliseconds to wait before another attempt in the same cluster; -1: there is none. */
int64_t call_retry_in_ms(moon_call *call, call_failure failure, const moon_error *err);
/* The same when the next attempt is due, but there is no room for it in the budget. */
int64_t call_put_off_ms(moon_call *call);

#endif
