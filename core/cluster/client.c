/* client.c: the public C interface to one cluster (core/moonpool.h): a cluster, its pool, and calls that wait.
 *
 * Waiting happens on the caller's thread, which is never a reactor. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cluster/call.h"
#include "cluster/cluster.h"
#include "kube/kubeconfig.h"

enum { DEFAULT_TIMEOUT_MS = 60000, RELEASE_GRACE_MS = 5000 };

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

typedef struct waiting_call {
  pthread_mutex_t lock;
  pthread_cond_t over;
  bool done;
  moon_answer *answer;
  moon_error *err;
} waiting_call;

static void call_done(void *ctx, moon_cluster *cluster, moon_response *response, moon_error *err) {
  waiting_call *waiting = ctx;
  moon_answer *answer = NULL;
  if (!err) {
    answer = moon_alloc(sizeof *answer);
    *answer = (moon_answer){.status = response->status,
                            .content_type = moon_strdup(response->content_type),
                            .body_len = response->body.len,
                            .cluster = moon_strdup(moon_cluster_name(cluster))};
    answer->body = moon_buffer_take(&response->body);
  }
  pthread_mutex_lock(&waiting->lock);
  waiting->answer = answer;
  waiting->err = err;
  waiting->done = true;
  pthread_cond_signal(&waiting->over);
  pthread_mutex_unlock(&waiting->lock);
}

static moon_request *make_request(const moon_call_options *options) {
  moon_request *request = moon_zalloc(sizeof *request);
  request->method = moon_strdup(options->method ? options->method : "GET");
  request->path = moon_strdup(options->path);
  request->content_type = moon_strdup(options->content_type);
  request->accept = moon_strdup(options->accept);
  if (options->body) {
    request->body = moon_alloc(options->body_len);
    memcpy(request->body, options->body, options->body_len);
    request->body_len = options->body_len;
  }
  request->timeout_ms = options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
  request->max_body = options->max_body;
  request->retries = options->no_retries ? 0 : -1;
  request->compression = -1;
  return request;
}

static moon_status call_and_wait(moon_cluster *cluster, moon_conn *conn, const moon_call_options *options,
                                 moon_answer **out, moon_error **err) {
  if (!options->path || options->path[0] != '/') {
    return moon_error_give(moon_error_new(MOON_INVALID, "path: expected a text that starts with '/', got \"%s\"",
                                          options->path ? options->path : "(null)"),
                           err);
  }
  waiting_call waiting = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL, NULL};
  moon_call_handler handler = {.ctx = &waiting, .done = call_done};
  moon_request *request = make_request(options);
  moon_call_release(conn ? moon_call_start_on(conn, request, &handler) : moon_call_start(cluster, request, &handler));
  pthread_mutex_lock(&waiting.lock);
  while (!waiting.done) pthread_cond_wait(&waiting.over, &waiting.lock);
  pthread_mutex_unlock(&waiting.lock);
  pthread_cond_destroy(&waiting.over);
  pthread_mutex_destroy(&waiting.lock);
  if (!waiting.err) *out = waiting.answer;
  return moon_error_give(waiting.err, err);
}

moon_status moon_client_call(moon_client *client, const moon_call_options *options, moon_answer **out,
                             moon_error **err) {
  return call_and_wait(client->cluster, NULL, options, out, err);
}

moon_status moon_conn_call(moon_conn *conn, const moon_call_options *options, moon_answer **out, moon_error **err) {
  return call_and_wait(NULL, conn, options, out, err);
}

void moon_answer_free(moon_answer *answer) {
  if (!answer) return;
  free(answer->content_type);
  free(answer->body);
  free(answer->cluster);
  free(answer);
}
