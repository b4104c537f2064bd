/* transport.h: one connection to an API server: one TCP + TLS session, HTTP/2 where the server offers it.
 *
 * It is a libcurl multi handle that can ever hold one socket: once the session is established, the open-socket callback
 * refuses every further one, so libcurl can neither queue, nor reconnect, nor send a request a second time behind our
 * back. A refusal means that the connection takes no more requests (GOAWAY, stream limit, or it died): the transport
 * drains.
 *
 * Everything here runs on the transport's reactor thread, except moon_transport_new. Events are never called from
 * inside libcurl. Order: (established | failed) first; later limited (with HTTP/2: once its settings are
 * known, and once more where a request is refused), stale, drain and lost at most once each. After moon_transport_close
 * no event comes. It must not be called from an event or from a request's `done`: the transport still looks at itself
 * after those. Post a task that calls it. */
#ifndef MOON_NET_TRANSPORT_H
#define MOON_NET_TRANSPORT_H

#include "net/dialer.h"
#include "net/exchange.h"
#include "net/reactor.h"

typedef struct moon_transport moon_transport;

typedef struct moon_transport_events {
  void (*established)(void *owner,
                      int max_streams);          /* 1: HTTP/1.1, or HTTP/2 and the server's settings are not known */
  void (*failed)(void *owner, moon_error *err);  /* not established; err is the callee's */
  void (*limited)(void *owner, int max_streams); /* so many at once; INT_MAX where HTTP/2 leaves it to the pool */
  void (*drain)(void *owner);                    /* takes no more requests; those that run go on */
  void (*lost)(void *owner);                     /* dead; told before the requests on it end with their errors */
  void (*stale)(void *owner);                    /* it was made with a client certificate, or authorities, that are not
                                                    those of new connections any more; may be NULL */
} moon_transport_events;

/* For an owner who wants nothing but the answer to the request that establishes it. */
extern const moon_transport_events moon_transport_no_events;

/* Keeps references of reactor and dialer. */
moon_transport *moon_transport_new(moon_reactor *reactor, moon_dialer *dialer, const moon_transport_events *events,
                                   void *owner);
/* Establishes: name resolution, TCP, TLS, and a GET /livez (a connection without a request would not be kept by
 * libcurl). The time limit begins when the credentials are there. */
void moon_transport_connect(moon_transport *transport, int64_t timeout_ms);
/* The same with a request of the caller's own in the place of GET /livez, for which its deadline is the time limit.
 * (and is moved by as long as the credentials let it wait). How it ends is told to its `done` instead of to `failed`,
 * and any answer will do, also one after which the server closes the connection. `done` comes from inside this when the
 * process looks up too many names already. */
void moon_transport_connect_with(moon_transport *transport, moon_exchange *first);
/* Runs a request on it, with the credentials of now: it waits while those are being renewed and have run out. A
 * connection that is stale refuses it, unless it is `bound`. `done` is called later, never from inside this. */
void moon_transport_run(moon_transport *transport, moon_exchange *exchange);
/* Ends a running request now with `err`, which its `done` gets (from inside this); nothing when it does not run. On
 * HTTP/1.1 this costs the connection. */
void moon_transport_abort(moon_exchange *exchange, moon_error *err);
void moon_transport_pause(moon_exchange *exchange, bool paused);
/* The server is believed to be gone: ends those requests that only read, and for which nothing has come for 3 s, with
 * copies of `why`. True: other reads run on, and may be silent later. Not from inside an event of this transport. */
bool moon_transport_give_up_reads(moon_transport *transport, const moon_error *why);
/* Ends all requests with MOON_CLOSED, closes the socket, frees the transport. Never from an event or a `done`. */
void moon_transport_close(moon_transport *transport);

#endif
