/* renewal.h: one attempt at new credentials: a run of a plugin (exec_plugin.h), or a refresh at an identity provider
 * (oidc.h).
 *
 * Both live on the loop of a thread of their own, the renewals' thread, which those who may want further ones keep, and
 * end in one answer, or one error. */
#ifndef MOON_NET_RENEWAL_H
#define MOON_NET_RENEWAL_H

#include <stdatomic.h>

#include "net/certificate.h"
#include "net/reactor.h"

typedef struct moon_renewed {
  char *token;                   /* or NULL */
  char *refresh_token;           /* the one to ask with next time; NULL: the same as this time, or none */
  moon_certificate *certificate; /* or NULL */
  int64_t life_ms;               /* from now; -1: it says nothing */
} moon_renewed;

void moon_renewed_clear(moon_renewed *answer); /* wipes what is secret */

/* Exactly once, on the renewals' thread, without a lock: an answer, to be taken or cleared, or an error (the callee's).
 */
typedef void moon_renewal_done(void *ctx, moon_renewed *answer, moon_error *err);

typedef struct moon_renewal moon_renewal;

/* The first member of what is of a certain kind. */
struct moon_renewal {
  const struct moon_renewal_kind {
    void (*start)(moon_renewal *renewal);  /* on the thread */
    void (*cancel)(moon_renewal *renewal); /* on the thread, while it is not over: to be over soon */
    void (*free)(moon_renewal *renewal);   /* the kind's own fields, and the memory */
  } * kind;
  moon_target *target;
  moon_reactor *runner; /* from the start on */

  atomic_int refs;
  moon_renewal_done *done;
  void *ctx;
  moon_task start_task, cancel_task;
  atomic_bool cancel_posted;
  bool over;
};

/* The renewals' thread: started by the first who joins, ended by the last who leaves it. */
moon_reactor *moon_renewal_join(void);
void moon_renewal_leave(moon_reactor *runner);

/* Once, by whoever made it, who must hold a reference until it returns. */
void moon_renewal_start(moon_renewal *renewal, moon_reactor *runner);
moon_renewal *moon_renewal_retain(moon_renewal *renewal);
void moon_renewal_release(moon_renewal *renewal); /* does not end it */
/* Ends it; `done` comes all the same. Any thread, after start has returned. */
void moon_renewal_cancel(moon_renewal *renewal);

/* For the kinds. The first keeps a reference of the target, and does nothing else: no thread, no I/O. The second tells
 * the end and gives back the reference that the start took. */
void moon_renewal_init(moon_renewal *renewal, const struct moon_renewal_kind *kind, moon_target *target,
                       moon_renewal_done *done, void *ctx);
void moon_renewal_finish(moon_renewal *renewal, moon_renewed *answer, moon_error *err);

#endif
