/* manager_calls.c: what the public C interface (core/moonpool.h) lets a host do through a manager: leases, calls and
 * checks that wait, on the caller's thread. */
#include "base/error.h"
#include "cluster/lease.h"
#include "cluster/waiting.h"

/* --- leases --- */

typedef struct waiting_lease {
  moon_waiting waiting;
  moon_conn *conn;
  moon_error *err;
} waiting_lease;

static void leased(void *ctx, moon_cluster *cluster, moon_conn *conn, moon_error *err) {
  waiting_lease *lease = ctx;
  lease->conn = conn;
  lease->err = err;
  moon_cluster_release(cluster); /* the place holds it */
  moon_waiting_end(&lease->waiting);
}

moon_status moon_manager_acquire(moon_manager *manager, const char *preferred, moon_conn **out, moon_error **err) {
  waiting_lease lease = {0};
  moon_waiting_begin(&lease.waiting);
  moon_selection selection = {.preferred = preferred};
  moon_leasing_release(moon_leasing_start(manager, &selection, NULL, NULL, leased, &lease));
  moon_waiting_await(&lease.waiting);
  if (!lease.err) *out = lease.conn;
  return moon_error_give(lease.err, err);
}

const char *moon_conn_cluster(const moon_conn *conn) {
  return moon_cluster_name(moon_cluster_of(conn));
}

void moon_manager_give_back(moon_manager *manager, moon_conn *conn) {
  moon_cluster_give_back(moon_cluster_of(conn), conn);
}

/* --- calls --- */

struct order {
  moon_manager *manager;
  const char *preferred;
};

static moon_call *start_call(void *ctx, moon_request *request, const moon_call_handler *handler) {
  const struct order *order = ctx;
  moon_selection selection = {.preferred = order->preferred};
  return moon_call_start_among(order->manager, &selection, NULL, request, handler);
}

moon_status moon_manager_call(moon_manager *manager, const char *preferred, const moon_call_options *options,
                              moon_answer **out, moon_error **err) {
  return moon_call_and_wait(options, start_call, &(struct order){manager, preferred}, out, err);
}

/* --- health --- */

static void checked(void *ctx) {
  moon_waiting_end(ctx);
}

moon_status moon_manager_check_health(moon_manager *manager, const char *name, moon_error **err) {
  moon_waiting waiting;
  moon_waiting_begin(&waiting);
  moon_error *failed = moon_manager_check_async(manager, name, checked, &waiting);
  if (failed) moon_waiting_end(&waiting);
  moon_waiting_await(&waiting);
  return moon_error_give(failed, err);
}
