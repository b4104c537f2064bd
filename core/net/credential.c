/* credential.c: see credential.h.
 *
 * A credential holds the first target that asked for it, which says where it comes from; what else it has is guarded by
 * its lock, except the files' stamps: they belong to whoever has `looking` set. The list of credentials has a lock of
 * its own, which guards the references too, so that nobody finds one that is on its way out. */
#include "net/credential.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/credential_files.h"
#include "net/exec_credential.h"
#include "net/exec_plugin.h"
#include "net/oidc.h"
#include "net/oidc_message.h"
#include "net/oidc_tokens.h"

enum {
  AHEAD_PERCENT = 10,
  MAX_AHEAD_MS = 60000,
  FIRST_BACKOFF_MS = 1000,
  MAX_BACKOFF_MS = 60000,
  FORGIVEN_MS = 120000, /* so long in use: that it is refused now has nothing to do with the time before */
  TOKEN_EVERY_MS = 60000,
  FILES_EVERY_MS = 10000,
  LEEWAY_MS = 10000, /* a token of the kubeconfig that ends so soon is not begun with */
  KEY_SIZE = MOON_OIDC_KEY_SIZE,
};

struct moon_credential {
  moon_list node; /* on the list of all, as is `refs` */
  int refs;
  unsigned char key[KEY_SIZE];
  moon_target *target;
  bool by_plugin, by_issuer, by_token_file, by_certificate_files;

  pthread_mutex_t lock;
  moon_identity *current; /* NULL: before the first answer of whoever is to give it */
  uint64_t numbers;
  char *refresh_token;   /* the issuer's latest; NULL: there is none */
  moon_reactor *runner;  /* from the first renewal on; set by the one that starts it, without the lock */
  moon_renewal *renewal; /* the plugin, or the issuer, is being asked */
  bool given_up;         /* nobody holds the credential any more; the renewal's end frees it */
  moon_list waiters;
  int failures;        /* of renewals, in a row */
  int64_t retry_at_ms; /* not before */
  moon_error *last_error;
  int refusals; /* renewals because of a refusal, in a row */
  bool looking; /* somebody reads files */
  int64_t look_at_token_ms, look_at_files_ms;
  int64_t look_again_ms; /* after a refusal, not before */
  moon_credential_files files;
};

/* --- identities --- */

moon_identity *moon_identity_retain(moon_identity *identity) {
  atomic_fetch_add_explicit(&identity->refs, 1, memory_order_relaxed);
  return identity;
}

void moon_identity_release(moon_identity *identity) {
  if (!identity || atomic_fetch_sub_explicit(&identity->refs, 1, memory_order_acq_rel) != 1) return;
  moon_free_secret_text(identity->authorization);
  moon_certificate_release(identity->certificate);
  free(identity);
}

static char *basic_authorization(const moon_target *target) {
  char *pair = moon_sprintf("%s:%s", target->username, target->password ? target->password : "");
  size_t len = strlen(pair);
  char *encoded = moon_zalloc(4 * ((len + 2) / 3) + 1);
  EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)pair, (int)len);
  char *line = moon_sprintf("Authorization: Basic %s", encoded);
  moon_free_secret_text(pair);
  moon_free_secret_text(encoded);
  return line;
}

/* Takes over the certificate; and the token, which it wipes. */
static moon_identity *identity_new(char *token, moon_certificate *certificate) {
  moon_identity *identity = moon_zalloc(sizeof *identity);
  identity->refs = 1;
  if (token) identity->authorization = moon_sprintf("Authorization: Bearer %s", token);
  moon_free_secret_text(token);
  identity->certificate = certificate;
  identity->since_ms = moon_clock_now_ms();
  identity->renew_ms = identity->expires_ms = INT64_MAX;
  return identity;
}

/* Takes what it needs of the answer. */
static moon_identity *identity_of(moon_renewed *answer) {
  moon_identity *identity = identity_new(answer->token, answer->certificate);
  answer->token = NULL;
  answer->certificate = NULL;
  if (answer->life_ms >= 0) {
    int64_t ahead_ms = answer->life_ms / 100 * AHEAD_PERCENT;
    identity->expires_ms = identity->since_ms + answer->life_ms;
    identity->renew_ms = identity->expires_ms - (ahead_ms < MAX_AHEAD_MS ? ahead_ms : MAX_AHEAD_MS);
  }
  return identity;
}

/* With the lock. Takes over the identity; returns the one before, to be released without the lock. */
static moon_identity *replace(moon_credential *c, moon_identity *identity) {
  moon_identity *before = c->current;
  identity->number = ++c->numbers;
  /* The same certificate again is no reason for new connections, and those go by the pointer. */
  if (before && before->certificate != identity->certificate &&
      moon_certificate_same(before->certificate, identity->certificate)) {
    moon_certificate_release(identity->certificate);
    identity->certificate = moon_certificate_retain(before->certificate);
  }
  c->current = identity;
  return before;
}

/* --- all credentials --- */

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static moon_list all = {&all, &all};

static void add_bytes(EVP_MD_CTX *digest, const void *bytes, size_t len) {
  EVP_DigestUpdate(digest, &len, sizeof len);
  EVP_DigestUpdate(digest, bytes, len);
}

static void add_text(EVP_MD_CTX *digest, const char *text) {
  add_bytes(digest, text ? text : "", text ? strlen(text) : 0);
}

static void add_list(EVP_MD_CTX *digest, char *const *list) {
  for (; list && *list; list++) add_text(digest, *list);
  EVP_DigestUpdate(digest, "]", 1);
}

/* Equal for targets whose credentials are the same: a digest, so that no secret is kept for comparing. */
static void make_key(const moon_target *target, bool secure, bool by_plugin, unsigned char key[KEY_SIZE]) {
  const moon_oidc_spec *oidc = secure ? target->oidc : NULL;
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
  EVP_DigestUpdate(digest, by_plugin ? "p" : oidc ? "i" : secure ? "s" : "o", 1);
  if (oidc) {
    add_text(digest, oidc->issuer);
    add_text(digest, oidc->client_id);
    add_text(digest, oidc->client_secret);
    add_text(digest, oidc->refresh_token);
    add_text(digest, oidc->id_token);
    add_bytes(digest, oidc->ca.data, oidc->ca.len);
  } else if (by_plugin) {
    char *info = moon_exec_info(target);
    add_text(digest, info);
    moon_free_secret_text(info);
    add_text(digest, target->exec->command);
    add_text(digest, target->exec->interactive_mode);
    add_list(digest, target->exec->args);
    add_list(digest, target->exec->env);
  } else if (secure) {
    add_text(digest, target->user);
    add_text(digest, target->token);
    add_text(digest, target->token_file);
    add_text(digest, target->username);
    add_text(digest, target->password);
    add_text(digest, target->client_cert_file);
    add_text(digest, target->client_key_file);
    add_bytes(digest, target->client_cert.data, target->client_cert.len);
    add_bytes(digest, target->client_key.data, target->client_key.len);
  }
  EVP_DigestFinal_ex(digest, key, NULL);
  EVP_MD_CTX_free(digest);
}

/* With all_lock. */
static moon_credential *find(const unsigned char key[KEY_SIZE]) {
  for (moon_list *node = all.next; node != &all; node = node->next) {
    moon_credential *c = MOON_ENTRY(node, moon_credential, node);
    if (memcmp(c->key, key, KEY_SIZE)) continue;
    c->refs++;
    return c;
  }
  return NULL;
}

static void destroy(moon_credential *c) {
  moon_renewal_release(c->renewal);
  moon_renewal_leave(c->runner);
  moon_identity_release(c->current);
  moon_free_secret_text(c->refresh_token);
  moon_error_free(c->last_error);
  moon_target_release(c->target);
  pthread_mutex_destroy(&c->lock);
  free(c);
}

/* The tokens of the kubeconfig, or those that were had for them since: the id-token serves as long as it lasts. */
static void first_tokens(moon_credential *c) {
  const moon_oidc_spec *oidc = c->target->oidc;
  char *id_token = NULL;
  if (!moon_oidc_tokens_find(c->key, &c->refresh_token, &id_token)) {
    c->refresh_token = moon_strdup(oidc->refresh_token);
    id_token = moon_strdup(oidc->id_token);
  }
  moon_renewed begun = {.token = id_token, .life_ms = -1};
  int64_t end_s = id_token ? moon_oidc_token_end_s(id_token) : -1;
  begun.life_ms = end_s * 1000 - moon_clock_wall_ms();
  if (end_s >= 0 && begun.life_ms > LEEWAY_MS) replace(c, identity_of(&begun));
  moon_renewed_clear(&begun);
  if (!c->refresh_token)
    c->last_error = moon_error_new(MOON_CREDENTIAL,
                                   "the id-token of user \"%s\" has expired or is not accepted, and the kubeconfig has "
                                   "no refresh-token to renew it with: sign in at %s again",
                                   c->target->user ? c->target->user : "", oidc->issuer);
}

static moon_error *first_identity(moon_credential *c, bool secure) {
  const moon_target *target = c->target;
  if (c->by_plugin) return moon_exec_check(target->exec);
  if (c->by_issuer) {
    first_tokens(c);
    return NULL;
  }
  moon_certificate *certificate = NULL;
  moon_error *err = NULL;
  if (secure && target->client_cert.data) {
    char *owner = moon_sprintf("user \"%s\"", target->user ? target->user : "");
    err = moon_certificate_new(owner, &target->client_cert, &target->client_key, &certificate);
    free(owner);
  }
  if (err) return err;
  moon_identity *identity = identity_new(secure ? moon_strdup(target->token) : NULL, certificate);
  if (secure && !target->token && target->username) identity->authorization = basic_authorization(target);
  replace(c, identity);
  return NULL;
}

moon_error *moon_credential_new(moon_target *target, bool secure, moon_credential **out) {
  /* As kubectl has it: a plugin is asked where there is nothing else. */
  bool by_plugin = secure && target->exec && !target->token && !target->username && !target->client_cert.data;
  unsigned char key[KEY_SIZE];
  make_key(target, secure, by_plugin, key);
  pthread_mutex_lock(&all_lock);
  *out = find(key);
  pthread_mutex_unlock(&all_lock);
  if (*out) return NULL;

  moon_credential *c = moon_zalloc(sizeof *c);
  c->refs = 1;
  memcpy(c->key, key, KEY_SIZE);
  c->target = moon_target_retain(target);
  c->by_plugin = by_plugin;
  c->by_issuer = secure && target->oidc;
  c->by_token_file = secure && target->token_file;
  c->by_certificate_files = secure && (target->client_cert_file || target->client_key_file);
  pthread_mutex_init(&c->lock, NULL);
  moon_list_init(&c->waiters);
  moon_credential_files_init(&c->files, target);
  c->look_at_token_ms = c->by_token_file ? moon_clock_now_ms() + TOKEN_EVERY_MS : INT64_MAX;
  c->look_at_files_ms = c->by_certificate_files ? moon_clock_now_ms() + FILES_EVERY_MS : INT64_MAX;
  moon_error *err = first_identity(c, secure);
  if (err) {
    destroy(c);
    return err;
  }
  pthread_mutex_lock(&all_lock);
  if (!(*out = find(key))) moon_list_push_back(&all, &c->node);
  pthread_mutex_unlock(&all_lock);
  if (*out)
    destroy(c); /* somebody was quicker */
  else
    *out = c;
  return NULL;
}

moon_credential *moon_credential_retain(moon_credential *c) {
  pthread_mutex_lock(&all_lock);
  c->refs++;
  pthread_mutex_unlock(&all_lock);
  return c;
}

void moon_credential_release(moon_credential *c) {
  if (!c) return;
  pthread_mutex_lock(&all_lock);
  bool last = --c->refs == 0;
  if (last) moon_list_remove(&c->node);
  pthread_mutex_unlock(&all_lock);
  if (!last) return;
  pthread_mutex_lock(&c->lock);
  c->given_up = true;
  moon_renewal *run = c->renewal ? moon_renewal_retain(c->renewal) : NULL;
  pthread_mutex_unlock(&c->lock);
  if (!run) {
    destroy(c);
    return;
  }
  moon_renewal_cancel(run);
  moon_renewal_release(run);
}

/* --- what a plugin, or an issuer, answers --- */

static int64_t pause_ms(int times) {
  return times > 6 ? MAX_BACKOFF_MS : times > 0 ? (int64_t)FIRST_BACKOFF_MS << (times - 1) : 0;
}

static bool is_good(const moon_identity *identity) {
  return identity && moon_clock_now_ms() < identity->expires_ms;
}

/* With the lock: the issuer has given another refresh token; the one before may be good for nothing now. Only this
 * process will know: a kubeconfig is never written. */
static void note_refresh_token(moon_credential *c, moon_renewed *answer) {
  if (!answer->refresh_token || (c->refresh_token && !strcmp(c->refresh_token, answer->refresh_token))) return;
  moon_oidc_tokens_keep(c->key, answer->refresh_token, answer->token);
  moon_free_secret_text(c->refresh_token);
  c->refresh_token = answer->refresh_token;
  answer->refresh_token = NULL;
}

/* With the lock: notes what was said. */
static moon_identity *note_answer(moon_credential *c, moon_identity *identity, moon_error *err) {
  moon_error_free(c->last_error);
  c->last_error = err;
  if (!err) {
    c->failures = 0;
    c->retry_at_ms = 0;
    return replace(c, identity);
  }
  int64_t wait_ms = pause_ms(++c->failures);
  c->retry_at_ms = moon_clock_now_ms() + (wait_ms < MAX_BACKOFF_MS ? wait_ms : MAX_BACKOFF_MS);
  return NULL;
}

static void answered(void *ctx, moon_renewed *answer, moon_error *err) {
  moon_credential *c = ctx;
  moon_list told;
  moon_list_init(&told);
  pthread_mutex_lock(&c->lock);
  note_refresh_token(c, answer);
  moon_identity *identity = err ? NULL : identity_of(answer);
  moon_renewal *run = c->renewal;
  moon_identity *before = note_answer(c, identity, err);
  bool fell_back = err && is_good(c->current), given_up = c->given_up;
  /* Everybody gets what came of this run, however short its life: asking again would be another run. */
  moon_identity *result = err && !fell_back ? NULL : moon_identity_retain(c->current);
  moon_list_append_all(&told, &c->waiters);
  for (moon_list *node = told.next; node != &told; node = node->next)
    MOON_ENTRY(node, moon_credential_waiter, node)->waiting = false;
  c->renewal = NULL;
  moon_error *failure = moon_error_copy(err);
  if (given_up) c->renewal = run;
  pthread_mutex_unlock(&c->lock);

  if (fell_back && !given_up) moon_log(MOON_LOG_WARN, "%s; the credentials before are used on", failure->message);
  for (moon_list *node; (node = moon_list_pop_front(&told));) {
    moon_credential_waiter *waiter = MOON_ENTRY(node, moon_credential_waiter, node);
    waiter->done(waiter, result ? moon_identity_retain(result) : NULL, result ? NULL : moon_error_copy(failure));
  }
  moon_error_free(failure);
  moon_identity_release(result);
  moon_identity_release(before);
  if (given_up)
    destroy(c);
  else
    moon_renewal_release(run);
}

static bool can_be_renewed(const moon_credential *c) {
  return c->by_plugin || (c->by_issuer && c->refresh_token);
}

/* With the lock: the renewal to be started without it, or NULL. */
static moon_renewal *prepare_renewal(moon_credential *c) {
  if (!can_be_renewed(c) || c->renewal || moon_clock_now_ms() < c->retry_at_ms) return NULL;
  c->renewal = c->by_plugin ? moon_exec_run_new(c->target, answered, c)
                            : moon_oidc_refresh_new(c->target, c->refresh_token, answered, c);
  return moon_renewal_retain(c->renewal);
}

/* There is one at a time. */
static void start(moon_credential *c, moon_renewal *renewal) {
  if (!renewal) return;
  if (!c->runner) c->runner = moon_renewal_join();
  moon_renewal_start(renewal, c->runner);
  moon_renewal_release(renewal);
}

/* --- files --- */

/* Reads what is due. */
static void look_at_files(moon_credential *c) {
  int64_t now_ms = moon_clock_now_ms();
  pthread_mutex_lock(&c->lock);
  bool token_due = now_ms >= c->look_at_token_ms, files_due = now_ms >= c->look_at_files_ms;
  bool look = !c->looking && (token_due || files_due);
  if (look) {
    c->looking = true;
    if (token_due) c->look_at_token_ms = now_ms + TOKEN_EVERY_MS;
    if (files_due) c->look_at_files_ms = now_ms + FILES_EVERY_MS;
  }
  moon_identity *before = look ? moon_identity_retain(c->current) : NULL;
  pthread_mutex_unlock(&c->lock);
  if (!look) return;

  char *token = token_due ? moon_credential_files_token(&c->files, c->target) : NULL;
  moon_certificate *certificate = files_due ? moon_credential_files_certificate(&c->files, c->target) : NULL;
  moon_identity *identity = identity_new(token, certificate), *replaced = NULL;
  const char *old = before->authorization;
  bool changed = certificate || (identity->authorization && (!old || strcmp(old, identity->authorization)));
  if (!identity->authorization) identity->authorization = moon_strdup(old);
  if (!certificate) identity->certificate = moon_certificate_retain(before->certificate);
  pthread_mutex_lock(&c->lock);
  c->looking = false;
  if (changed) replaced = replace(c, identity);
  pthread_mutex_unlock(&c->lock);
  if (!changed) moon_identity_release(identity);
  moon_identity_release(replaced);
  moon_identity_release(before);
}

/* --- for those who ask --- */

moon_identity *moon_credential_get(moon_credential *c, uint64_t after, moon_credential_waiter *waiter,
                                   moon_error **err) {
  int64_t now_ms = moon_clock_now_ms();
  pthread_mutex_lock(&c->lock);
  if (now_ms >= c->look_at_token_ms || now_ms >= c->look_at_files_ms) {
    pthread_mutex_unlock(&c->lock);
    look_at_files(c);
    pthread_mutex_lock(&c->lock);
  }
  moon_identity *current = c->current;
  bool good = is_good(current), new_enough = good && current->number > after;
  bool renew = !good || now_ms >= current->renew_ms;
  moon_renewal *renewal = renew ? prepare_renewal(c) : NULL;
  moon_identity *identity = NULL;
  if (new_enough || (good && !c->renewal)) {
    identity = moon_identity_retain(current);
  } else if (!c->renewal) {
    *err = moon_error_copy(c->last_error);
  } else if (waiter) {
    waiter->waiting = true;
    moon_list_push_back(&c->waiters, &waiter->node);
  }
  pthread_mutex_unlock(&c->lock);
  start(c, renewal);
  return identity;
}

bool moon_credential_cancel(moon_credential *c, moon_credential_waiter *waiter) {
  pthread_mutex_lock(&c->lock);
  bool cancelled = waiter->waiting;
  if (cancelled) moon_list_remove(&waiter->node);
  waiter->waiting = false;
  pthread_mutex_unlock(&c->lock);
  return cancelled;
}

/* With the lock, of what a server has just refused. */
static moon_renewal *ask_again(moon_credential *c) {
  int64_t age_ms = moon_clock_now_ms() - c->current->since_ms;
  if (age_ms > FORGIVEN_MS) c->refusals = 0;
  if (age_ms < pause_ms(c->refusals)) return NULL;
  moon_renewal *renewal = prepare_renewal(c);
  if (renewal) c->refusals++;
  return renewal;
}

bool moon_credential_refused(moon_credential *c, uint64_t number) {
  int64_t now_ms = moon_clock_now_ms();
  moon_renewal *renewal = NULL;
  bool look = false;
  pthread_mutex_lock(&c->lock);
  if (c->current && c->current->number == number && !c->renewal) {
    renewal = ask_again(c);
    look = (c->by_token_file || c->by_certificate_files) && now_ms >= c->look_again_ms;
    if (look) c->look_again_ms = now_ms + FIRST_BACKOFF_MS;
    if (look && c->by_token_file) c->look_at_token_ms = now_ms;
    if (look && c->by_certificate_files) c->look_at_files_ms = now_ms;
  }
  pthread_mutex_unlock(&c->lock);
  start(c, renewal);
  if (look) look_at_files(c);
  pthread_mutex_lock(&c->lock);
  bool newer = c->renewal || (c->current && c->current->number > number);
  pthread_mutex_unlock(&c->lock);
  return newer;
}

moon_identity *moon_credential_latest(moon_credential *c) {
  pthread_mutex_lock(&c->lock);
  moon_identity *latest = c->current ? moon_identity_retain(c->current) : NULL;
  pthread_mutex_unlock(&c->lock);
  return latest;
}

moon_error *moon_credential_trouble(moon_credential *c) {
  pthread_mutex_lock(&c->lock);
  moon_error *trouble = moon_error_copy(c->last_error);
  pthread_mutex_unlock(&c->lock);
  return trouble;
}

char *moon_credential_source(const moon_credential *c) {
  if (c->by_issuer) return moon_sprintf("the identity provider %s", c->target->oidc->issuer);
  return c->by_plugin ? moon_sprintf("credential plugin \"%s\"", c->target->exec->command)
                      : moon_sprintf("the credentials of user \"%s\"", c->target->user ? c->target->user : "");
}
