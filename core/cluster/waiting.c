/* waiting.c: see waiting.h. */
#include "cluster/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { DEFAULT_TIMEOUT_MS = 60000 };

void moon_waiting_begin(moon_waiting *waiting) {
  waiting->over = false;
  pthread_mutex_init(&waiting->lock, NULL);
  pthread_cond_init(&waiting->ended, NULL);
}

void moon_waiting_end(moon_waiting *waiting) {
  pthread_mutex_lock(&waiting->lock);
  waiting->over = true;
  pthread_cond_signal(&waiting->ended);
  pthread_mutex_unlock(&waiting->lock);
}

void moon_waiting_await(moon_waiting *waiting) {
  pthread_mutex_lock(&waiting->lock);
  while (!waiting->over) pthread_cond_wait(&waiting->ended, &waiting->lock);
  pthread_mutex_unlock(&waiting->lock);
  pthread_cond_destroy(&waiting->ended);
  pthread_mutex_destroy(&waiting->lock);
}

/* --- calls --- */

typedef struct waiting_call {
  moon_waiting waiting;
  moon_answer *answer;
  moon_error *err;
} waiting_call;

static void call_done(void *ctx, moon_cluster *cluster, moon_response *response, moon_error *err) {
  waiting_call *call = ctx;
  call->err = err;
  if (!err) {
    call->answer = moon_alloc(sizeof *call->answer);
    *call->answer = (moon_answer){.status = response->status,
                                  .content_type = moon_strdup(response->content_type),
                                  .body_len = response->body.len,
                                  .cluster = moon_strdup(moon_cluster_name(cluster))};
    call->answer->body = moon_buffer_take(&response->body);
  }
  moon_waiting_end(&call->waiting);
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

moon_status moon_call_and_wait(const moon_call_options *options,
                               moon_call *(*start)(void *ctx, moon_request *request, const moon_call_handler *handler),
                               void *ctx, moon_answer **out, moon_error **err) {
  if (!options->path || options->path[0] != '/') {
    return moon_error_give(moon_error_new(MOON_INVALID, "path: expected a text that starts with '/', got \"%s\"",
                                          options->path ? options->path : "(null)"),
                           err);
  }
  waiting_call call = {0};
  moon_waiting_begin(&call.waiting);
  moon_call_handler handler = {.ctx = &call, .done = call_done};
  moon_call_release(start(ctx, make_request(options), &handler));
  moon_waiting_await(&call.waiting);
  if (!call.err) *out = call.answer;
  return moon_error_give(call.err, err);
}

void moon_answer_free(moon_answer *answer) {
  if (!answer) return;
  free(answer->content_type);
  free(answer->body);
  free(answer->cluster);
  free(answer);
}
