/* resolver.c: see resolver.h.
 *
 * A lookup is shared by its owner, on the reactor's thread, and the thread that waits for the resolver. The lock
 * decides who lets go first: the owner (then the thread frees it) or the thread (then the task that it has posted
 * does). The thread uses the reactor under the lock only, while the owner is there, and with the owner the reactor. */
#include "net/resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/error.h"
#include "net/lookups.h"

struct moon_resolving {
  moon_reactor *reactor;
  char *host;
  void (*done)(void *ctx, char *const *addresses, size_t count, moon_error *err);
  void *ctx;
  int place; /* among the process's lookups */
  moon_task answer_task;

  char **addresses; /* the thread's, then the task's */
  size_t count;
  int code;

  pthread_mutex_t lock; /* guards what follows */
  bool given_up;
};

static void destroy(moon_resolving *r) {
  for (size_t i = 0; i < r->count; i++) free(r->addresses[i]);
  free(r->addresses);
  free(r->host);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

static void add_once(char ***addresses, size_t *count, const char *address) {
  for (size_t i = 0; i < *count; i++) {
    if (!strcmp((*addresses)[i], address)) return;
  }
  *addresses = moon_realloc(*addresses, (*count + 1) * sizeof **addresses);
  (*addresses)[(*count)++] = moon_strdup(address);
}

static int ask_system(const char *host, char ***addresses, size_t *count) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  struct addrinfo *found = NULL;
  int code = getaddrinfo(host, NULL, &hints, &found);
  if (code) return code;
  for (struct addrinfo *one = found; one; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (!getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST)) {
      add_once(addresses, count, text);
    }
  }
  freeaddrinfo(found);
  return 0;
}

static moon_resolver *_Atomic ask = ask_system;

void moon_resolve_with(moon_resolver *resolver) {
  ask = resolver ? resolver : ask_system;
}

static void answer_now(moon_task *task) {
  moon_resolving *r = MOON_ENTRY(task, moon_resolving, answer_task);
  pthread_mutex_lock(&r->lock); /* and so the thread is through with it */
  bool wanted = !r->given_up;
  pthread_mutex_unlock(&r->lock);
  if (wanted) {
    moon_error *err = NULL;
    if (!r->count) {
      err = moon_error_new(MOON_CONNECT, "the name \"%s\" cannot be resolved: %s", r->host,
                           r->code ? gai_strerror(r->code) : "it has no address");
    }
    r->done(r->ctx, r->addresses, r->count, err);
  }
  destroy(r);
}

static void *ask_and_answer(void *arg) {
  moon_resolving *r = arg;
  moon_resolver *resolver = ask;
  r->code = resolver(r->host, &r->addresses, &r->count);
  moon_lookup_end(r->place);
  pthread_mutex_lock(&r->lock);
  bool wanted = !r->given_up;
  if (wanted) moon_reactor_post(r->reactor, &r->answer_task);
  pthread_mutex_unlock(&r->lock);
  if (!wanted) destroy(r);
  return NULL;
}

static int start_thread(moon_resolving *r) {
  enum { STACK = 256 << 10 }; /* the resolver's modules use more than the least */
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK);
  sigset_t all, before; /* signals are for the host's threads */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread, &attributes, ask_and_answer, r);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return failed;
}

moon_resolving *moon_resolve(moon_reactor *reactor, const char *host,
                             void (*done)(void *ctx, char *const *addresses, size_t count, moon_error *err),
                             void *ctx) {
  int place = moon_lookup_begin();
  if (place < 0) return NULL;
  moon_resolving *r = moon_zalloc(sizeof *r);
  r->reactor = reactor;
  r->host = moon_strdup(host);
  r->done = done;
  r->ctx = ctx;
  r->place = place;
  r->answer_task.run = answer_now;
  pthread_mutex_init(&r->lock, NULL);
  if (start_thread(r)) { /* no thread to be had: as if there were too many */
    moon_lookup_end(place);
    destroy(r);
    return NULL;
  }
  return r;
}

void moon_resolve_give_up(moon_resolving *r) {
  pthread_mutex_lock(&r->lock);
  r->given_up = true;
  pthread_mutex_unlock(&r->lock);
}
