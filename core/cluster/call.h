/* call.h: one API call, from choosing a cluster to the last byte, retries and fail-over included.
 *
 * A call is for one cluster, for a leased connection, or for a manager, which chooses the cluster. It takes a stream's
 * place on a connection of the cluster's pool, runs the request there, gives the place back, and decides whether to try
 * again:
 *   - a read whose connection was lost, or any request that was never sent: another connection, after a back-off
 *     (100 ms doubling, jittered, at most 10 s; the first try after a connection refused a stream comes at once);
 *   - 429, and 503 with Retry-After: any method, after the time the server asked for;
 *   - with a manager and enable_failover, a read that failed for want of a working server goes to another cluster: at
 *     once when nothing could be connected, when the cluster turned unhealthy meanwhile (also in the middle of the
 *     request), and for 502, 503 and 504; after one more try in the same cluster (if there is time) when the connection
 * was lost. A full pool and a cluster that was taken out are no reasons. A streaming request moves only while none of
 * its answer was handed out. Writes move only with failover_writes; those that are not idempotent (POST, PATCH) never
 * once they were sent, unless the answer was 503. One with retries 0 moves only while nothing was sent. When no other
 * cluster is left, the rules above decide whether it is tried again in this one. The numbers of attempts are per
 * cluster. Nothing moves with a request that belongs to one cluster: the callers pass those without a manager.
 *   - 401: any method, once, at once, with newer credentials (credential.h) where those can be had; this comes on top
 * of the other attempts, also when there is to be none.
 *   - further attempts in one cluster fit into its retry_budget.h: one for which there is no room is put off, for a
 * back-off each time, until its deadline or ten times; then the call ends with what it had failed with. Going to
 * another cluster, or on from a connection that refused the request, and newer credentials need no room;
 *   - anything else: no. A write that was sent and whose connection was lost ends with outcome_unknown in its
 *     error; so does one that went on elsewhere and failed there too.
 * A cluster that refuses writes (write_refusal) gets none but those that are `approved`: the call ends there.
 * When several clusters have failed, or are not fit, one error (MOON_NO_HEALTHY_CLUSTER) names each with its cause.
 * The deadline (request->timeout_ms) always wins. An HTTP status of 400 or more ends as an error made from the Status
 * object in the body, or, where there is none (a proxy's page), from at most the first 2 KiB of the text.
 *
 * Callbacks run on a reactor thread, or on the thread that started or cancelled the call, without a lock. They must not
 * block. */
#ifndef MOON_CLUSTER_CALL_H
#define MOON_CLUSTER_CALL_H

#include "cluster/manager.h"
#include "net/message.h"

typedef struct moon_call moon_call;

typedef struct moon_call_handler {
  void *ctx;
  /* A piece of the body of a 2xx answer. Called for every request, while the bytes arrive; when it is NULL the body is
   * gathered in response->body. Bytes are valid during the call only. */
  void (*data)(void *ctx, const char *bytes, size_t len);
  /* The headers of a 2xx answer of this cluster are there (before the first data). May be NULL. */
  void (*headers)(void *ctx, moon_cluster *cluster, const moon_response *response);
  /* A retry begins after `data` was called: forget those bytes. May be NULL when data is. */
  void (*restart)(void *ctx);
  /* Over, exactly once, and the last callback. err NULL: a 2xx answer; else the callee's to free. The response belongs
   * to the call, as does `cluster`: where it ended; NULL when none was chosen. */
  void (*done)(void *ctx, moon_cluster *cluster, moon_response *response, moon_error *err);
} moon_call_handler;

/* Starts a call in one cluster, over any connection of its pool; one whose request is `streaming`, over any of the
 * pool's lane. Fails at once while the cluster is known to be down. Takes over `request`. One reference for the caller;
 * the call holds its own until done has returned. */
moon_call *moon_call_start(moon_cluster *cluster, moon_request *request, const moon_call_handler *handler);
/* The same in whichever cluster the manager chooses for the selection (copied; its method and path are set from the
 * request). `chosen`: a place that the caller has taken already (moon_manager_enter), which the call takes over; NULL:
 * none.
 */
moon_call *moon_call_start_among(moon_manager *manager, const moon_selection *selection, moon_cluster *chosen,
                                 moon_request *request, const moon_call_handler *handler);
/* The same over a connection that the caller has leased. There is no retry on another connection, but one on
 * this after a 401. */
moon_call *moon_call_start_on(moon_conn *conn, moon_request *request, const moon_call_handler *handler);
/* Ends it with MOON_CANCELLED, unless it is over; `done` is still called once. Any thread. */
void moon_call_cancel(moon_call *call);
/* Slow reader: no further data callbacks until resumed (the connection's flow control holds the server back). Any
 * thread. */
void moon_call_pause(moon_call *call, bool paused);
void moon_call_release(moon_call *call);

#endif
