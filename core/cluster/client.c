/* client.c: the public C interface to one cluster (core/moonpool.h): a cluster, its pool, and calls that wait.
 *
 * Waiting happens on the caller's thread, which is never a reactor. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cluster/waiting.h"
#include "kube/kubeconfig.h"

enum { RELEASE_GRACE_MS = 5000 };

struct moon_client {
  moon_cluster *cluster;
};

moon_status moon_client_new(const moon_client_options *options, moon_client **out, moon_error **err) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_target *target = NULL;
  moon_cluster *cluster = NULL;
  moon_error *failed = options->kubeconfig ? moon_kubeconfig_load_file(config, options->kubeconfig)
                                           : moon_kubeconfig_load_default(config);
  if (!failed) failed = moon_kubeconfig_target(config, options->context, &target);
  if (!failed) {
    moon_cluster_spec spec = {.name = target->context, .target = target, .pool = &options->pool};
    failed = moon_cluster_new(&spec, NULL, &cluster);
  }
  if (!failed) {
    *out = moon_alloc(sizeof **out);
    (*out)->cluster = cluster;
  }
  moon_target_release(target);
  moon_kubeconfig_free(config);
  return moon_error_give(failed, err);
}

void moon_client_release(moon_client *client) {
  if (!client) return;
  moon_pool_close(moon_cluster_pool(client->cluster), RELEASE_GRACE_MS);
  moon_cluster_release(client->cluster);
  free(client);
}

const char *moon_client_context(const moon_client *client) {
  return moon_cluster_target(client->cluster)->context;
}

const char *moon_client_namespace(const moon_client *client) {
  return moon_cluster_target(client->cluster)->namespace_;
}

void moon_client_get_stats(const moon_client *client, moon_pool_stats *out) {
  moon_pool_get_stats(moon_cluster_pool(client->cluster), out);
}

moon_status moon_client_acquire(moon_client *client, moon_conn **out, moon_error **err) {
  moon_pool *pool = moon_cluster_pool(client->cluster);
  moon_error *failed = moon_pool_acquire(pool, MOON_USE_LEASE, 0, NULL, out);
  if (!failed) moon_cluster_enter(client->cluster);
  return moon_error_give(failed, err);
}

void moon_client_give_back(moon_client *client, moon_conn *conn) {
  moon_cluster_give_back(client->cluster, conn);
}

/* --- calls --- */

static moon_call *start_in(void *cluster, moon_request *request, const moon_call_handler *handler) {
  return moon_call_start(cluster, request, handler);
}

static moon_call *start_on(void *conn, moon_request *request, const moon_call_handler *handler) {
  return moon_call_start_on(conn, request, handler);
}

moon_status moon_client_call(moon_client *client, const moon_call_options *options, moon_answer **out,
                             moon_error **err) {
  return moon_call_and_wait(options, start_in, client->cluster, out, err);
}

moon_status moon_conn_call(moon_conn *conn, const moon_call_options *options, moon_answer **out, moon_error **err) {
  return moon_call_and_wait(options, start_on, conn, out, err);
}
