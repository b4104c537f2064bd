/* waiting.h: how the public functions that wait do it: on the caller's thread, which is never one of ours, until
 * another thread has brought the result. */
#ifndef MOON_CLUSTER_WAITING_H
#define MOON_CLUSTER_WAITING_H

#include <pthread.h>

#include "cluster/call.h"

typedef struct moon_waiting {
  pthread_mutex_t lock;
  pthread_cond_t ended;
  bool over;
} moon_waiting;

void moon_waiting_begin(moon_waiting *waiting);
/* What was written before is there for the one who waits. The last that the other thread may do with it. */
void moon_waiting_end(moon_waiting *waiting);
void moon_waiting_await(moon_waiting *waiting); /* once; nothing is left of it afterwards */

/* Makes the request, has it started by `start`, and waits for the answer. */
moon_status moon_call_and_wait(const moon_call_options *options,
                               moon_call *(*start)(void *ctx, moon_request *request, const moon_call_handler *handler),
                               void *ctx, moon_answer **out, moon_error **err);

#endif
