/* credential.h: by what we say who we are to a server, now: renewed when it runs out, changes, or is not accepted.
 *
 * A target says where the credentials come from: it holds them, names files that hold them, or a plugin (exec) that
 * gives them. What came of that is an identity: an Authorization header, a client certificate, both or neither; it
 * never changes, a newer one takes its place. There is one credential in the process for all targets that say the same,
 * so that any number of clusters, pools and threads cause one run of a plugin.
 *
 *   - A plugin's identity is renewed ahead of its end: when a tenth of its life is left, at most 60 s ahead, by whoever
 *     asks then; until the new one is there the old one is used as long as it lasts. One without an end lasts until a
 *     server has refused it.
 *   - A plugin that fails is not asked again for 1 s, doubling to 60 s; who asks meanwhile gets its error, at once,
 *     unless the identity before is still good.
 *   - An identity provider (OpenID Connect) is asked like a plugin: the id-token of the kubeconfig serves as long as it
 *     lasts (but for its last 10 s), then the refresh token brings new ones, which are kept in memory only.
 *   - A token file is read again after 60 s, at the next use; one that cannot be read, or is empty, leaves the old
 *     token in use. Certificate and key files are looked at every 10 s, and read again when they have changed.
 *   - What a server refused (401) is renewed once; what comes of that and is refused too only after 1 s, doubling to
 *     60 s.
 *
 * Any thread. One lock per credential; nothing is called, read or started under it. */
#ifndef MOON_NET_CREDENTIAL_H
#define MOON_NET_CREDENTIAL_H

#include "base/list.h"
#include "net/certificate.h"

typedef struct moon_credential moon_credential;

typedef struct moon_identity {
  atomic_int refs;
  uint64_t number;               /* rises with each that a credential has had; from 1 */
  char *authorization;           /* "Authorization: Bearer ..." or NULL; wiped when freed */
  moon_certificate *certificate; /* or NULL */
  int64_t since_ms;              /* base/clock */
  int64_t renew_ms, expires_ms;  /* INT64_MAX: never */
} moon_identity;

moon_identity *moon_identity_retain(moon_identity *identity);
void moon_identity_release(moon_identity *identity);

/* The credential of a target; one with nothing in it where `secure` is false, since none goes over plain http. Reads
 * nothing and starts nothing. Fails with MOON_CREDENTIAL for a certificate or a plugin that cannot be used. Keeps a
 * reference of the target. */
moon_error *moon_credential_new(moon_target *target, bool secure, moon_credential **out);
moon_credential *moon_credential_retain(moon_credential *credential);
/* The last reference ends a plugin that still runs. */
void moon_credential_release(moon_credential *credential);

/* Somebody who waits for an identity. The memory is the caller's until `done` was called or the cancel said true. */
typedef struct moon_credential_waiter {
  /* Exactly one of both is given, and is the callee's. On any thread, without a lock; must not wait for anything. */
  void (*done)(struct moon_credential_waiter *waiter, moon_identity *identity, moon_error *err);
  moon_list node; /* the credential's */
  bool waiting;
} moon_credential_waiter;

/* The identity for a request that begins now, a new reference. `after`: the number of one that a server has refused for
 * this request already, so that a newer one is wanted, if there is one to be had; 0: none was. NULL with *err: there is
 * none, and no hope yet. NULL without: a plugin is being asked, and the waiter, if one is given, is told its answer. */
moon_identity *moon_credential_get(moon_credential *credential, uint64_t after, moon_credential_waiter *waiter,
                                   moon_error **err);
/* True: `done` will not be called any more. False: it was, or is being called now. */
bool moon_credential_cancel(moon_credential *credential, moon_credential_waiter *waiter);

/* A server has answered 401 to a request with the identity of this number. True: there is a newer one, or soon will be;
 * the request is worth another try with it. Never for other answers: a 403 says that the server knows who asks. */
bool moon_credential_refused(moon_credential *credential, uint64_t number);

/* The latest identity, a new reference; NULL when there was none yet. Renews nothing. */
moon_identity *moon_credential_latest(moon_credential *credential);
/* Why the last renewal failed; NULL: it did not. The caller's. */
moon_error *moon_credential_trouble(moon_credential *credential);
/* What is being waited for, for messages: "credential plugin \"aws\"". The caller's. */
char *moon_credential_source(const moon_credential *credential);

#endif
