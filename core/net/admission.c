/* admission.c: what a request needs before it can begin: the credentials of now, and a connection that was made with
 * them.
 *
 * Mostly both are there. Else the exchange stays on its transport's list of those that are pending, with an admission:
 * the credential's waiter and a task, in memory of its own, because the answer may be on its way from another thread
 * when the exchange has ended. Everything but `answered` runs on the reactor's thread. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "net/transport_internal.h"

typedef struct moon_admission {
  moon_credential_waiter waiter;
  moon_task task;
  moon_reactor *reactor;
  moon_credential *credential;
  moon_exchange *exchange; /* NULL: it has ended */
  moon_identity *identity;
  moon_error *err;
} moon_admission;

static void free_admission(moon_admission *admission) {
  moon_identity_release(admission->identity);
  moon_error_free(admission->err);
  moon_credential_release(admission->credential);
  moon_reactor_release(admission->reactor);
  free(admission);
}

static void answered(moon_credential_waiter *waiter, moon_identity *identity, moon_error *err) {
  moon_admission *admission = MOON_ENTRY(waiter, moon_admission, waiter);
  admission->identity = identity;
  admission->err = err;
  moon_reactor_post(admission->reactor, &admission->task);
}

static bool fits(const moon_exchange *exchange, const moon_identity *identity) {
  moon_transport *t = exchange->transport;
  return exchange->bound || !t->setup || moon_dialer_is_current(t->dialer, identity, t->setup);
}

/* This connection says that we are somebody else: another one, please. */
static void refuse(moon_exchange *exchange) {
  moon_transport *t = exchange->transport;
  moon_transport_outdated(t);
  moon_list_remove(&exchange->node);
  exchange->refused = true;
  moon_exchange_finish(exchange, moon_error_new(MOON_CONNECT,
                                                "%s: the connection was made with a client certificate, or "
                                                "authorities, that are not the current ones",
                                                moon_dialer_endpoint(t->dialer)));
}

static void admit(moon_task *task) {
  moon_admission *admission = MOON_ENTRY(task, moon_admission, task);
  moon_exchange *exchange = admission->exchange;
  moon_identity *identity = admission->identity;
  moon_error *err = admission->err;
  if (exchange) {
    admission->identity = NULL;
    admission->err = NULL;
    exchange->admission = NULL;
    if (err) {
      moon_list_remove(&exchange->node);
      moon_exchange_finish(exchange, err);
    } else if (fits(exchange, identity)) {
      moon_transport_begin(exchange, identity);
    } else {
      moon_identity_release(identity);
      refuse(exchange);
    }
  }
  free_admission(admission);
}

void moon_admission_ask(moon_exchange *exchange) {
  moon_transport *t = exchange->transport;
  moon_credential *credential = moon_dialer_credential(t->dialer);
  moon_error *err = NULL;
  moon_identity *identity = moon_credential_get(credential, exchange->after, NULL, &err);
  if (identity && fits(exchange, identity)) {
    moon_transport_begin(exchange, identity);
    return;
  }
  moon_admission *admission = moon_zalloc(sizeof *admission);
  admission->waiter.done = answered;
  admission->task.run = admit;
  admission->reactor = moon_reactor_retain(t->reactor);
  admission->credential = moon_credential_retain(credential);
  admission->exchange = exchange;
  exchange->admission = admission;
  moon_exchange_postpone(exchange);
  if (!identity && !err) identity = moon_credential_get(credential, exchange->after, &admission->waiter, &err);
  if (identity || err) answered(&admission->waiter, identity, err); /* but not from inside here */
}

void moon_admission_forget(moon_exchange *exchange) {
  moon_admission *admission = exchange->admission;
  if (!admission) return;
  exchange->admission = NULL;
  admission->exchange = NULL; /* an answer that is on its way frees it */
  if (moon_credential_cancel(admission->credential, &admission->waiter)) free_admission(admission);
}
