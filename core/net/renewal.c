/* renewal.c: see renewal.h. A renewal is touched on the renewals' thread only, but for its references. */
#include "net/renewal.h"

#include <pthread.h>

#include "base/alloc.h"

void moon_renewed_clear(moon_renewed *answer) {
  moon_free_secret_text(answer->token);
  moon_free_secret_text(answer->refresh_token);
  moon_certificate_release(answer->certificate);
  *answer = (moon_renewed){.life_ms = -1};
}

/* --- the thread --- */

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static moon_reactor *shared;
static int members;

moon_reactor *moon_renewal_join(void) {
  pthread_mutex_lock(&shared_lock);
  if (!members++) shared = moon_reactor_new();
  moon_reactor *runner = shared;
  pthread_mutex_unlock(&shared_lock);
  return runner;
}

void moon_renewal_leave(moon_reactor *runner) {
  if (!runner) return;
  pthread_mutex_lock(&shared_lock);
  bool last = --members == 0;
  if (last) shared = NULL;
  pthread_mutex_unlock(&shared_lock);
  if (last) moon_reactor_release(runner);
}

/* --- one of them --- */

static void start_now(moon_task *task) {
  moon_renewal *renewal = MOON_ENTRY(task, moon_renewal, start_task);
  renewal->kind->start(renewal);
}

static void cancel_now(moon_task *task) {
  moon_renewal *renewal = MOON_ENTRY(task, moon_renewal, cancel_task);
  if (!renewal->over) renewal->kind->cancel(renewal);
  moon_renewal_release(renewal);
}

void moon_renewal_init(moon_renewal *renewal, const struct moon_renewal_kind *kind, moon_target *target,
                       moon_renewal_done *done, void *ctx) {
  renewal->kind = kind;
  renewal->target = moon_target_retain(target);
  renewal->refs = 1;
  renewal->done = done;
  renewal->ctx = ctx;
  renewal->start_task.run = start_now;
  renewal->cancel_task.run = cancel_now;
}

void moon_renewal_start(moon_renewal *renewal, moon_reactor *runner) {
  moon_renewal_retain(renewal); /* its own, until it is over */
  renewal->runner = moon_reactor_retain(runner);
  moon_reactor_post(renewal->runner, &renewal->start_task);
}

void moon_renewal_finish(moon_renewal *renewal, moon_renewed *answer, moon_error *err) {
  renewal->over = true;
  renewal->done(renewal->ctx, answer, err);
  moon_renewed_clear(answer);
  moon_renewal_release(renewal);
}

moon_renewal *moon_renewal_retain(moon_renewal *renewal) {
  atomic_fetch_add(&renewal->refs, 1);
  return renewal;
}

void moon_renewal_release(moon_renewal *renewal) {
  if (!renewal || atomic_fetch_sub(&renewal->refs, 1) != 1) return;
  moon_target_release(renewal->target);
  moon_reactor_release(renewal->runner);
  renewal->kind->free(renewal);
}

void moon_renewal_cancel(moon_renewal *renewal) {
  if (atomic_exchange(&renewal->cancel_posted, true)) return;
  moon_renewal_retain(renewal);
  moon_reactor_post(renewal->runner, &renewal->cancel_task);
}
