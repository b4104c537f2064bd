/* resolver.h: the addresses of a name, for those who treat each of them by itself.
 *
 * The system's resolver blocks, for up to half a minute where a name server swallows questions, and cannot be stopped.
 * So each lookup has a thread of its own, counted among the process's lookups (lookups.h), and one that is given up is
 * left alone: its thread ends when the resolver answers, and touches nothing of its owner's. */
#ifndef MOON_NET_RESOLVER_H
#define MOON_NET_RESOLVER_H

#include <stddef.h>

#include "moonpool.h"
#include "net/reactor.h"

typedef struct moon_resolving moon_resolving;

/* On the reactor's thread. `done` is called there later, with numeric addresses, each once (valid during the call), or
 * with why there are none (the callee's). NULL: too many lookups are unanswered, try later. */
moon_resolving *moon_resolve(moon_reactor *reactor, const char *host,
                             void (*done)(void *ctx, char *const *addresses, size_t count, moon_error *err), void *ctx);
/* On the reactor's thread, instead of `done`, which is not called any more. */
void moon_resolve_give_up(moon_resolving *resolving);

/* What looks names up: fills an array of texts, both from malloc, and returns 0, or a code of getaddrinfo's. Called on
 * threads of its own. NULL: the system's resolver. For tests, while no lookup runs. */
typedef int moon_resolver(const char *host, char ***addresses, size_t *count);
void moon_resolve_with(moon_resolver *resolver);

#endif
