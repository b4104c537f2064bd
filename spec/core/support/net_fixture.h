/* net_fixture.h: what every spec of the network floor begins with: certificates, a dialer, a connection whose events
 * are counted, requests that can be waited for.
 *
 * Specs run on the main thread. All that touches a transport is done on its reactor through these functions; counters
 * are read through count_of and becomes, because the reactor's thread writes them. */
#ifndef SPEC_NET_FIXTURE_H
#define SPEC_NET_FIXTURE_H

#include <curl/curl.h>

#include "net/transport.h"
#include "support/tls_server.h"

enum { PATIENCE_MS = 15000 }; /* for things that happen at once on an idle machine */

/* One authority for the whole program, and a certificate of it for 127.0.0.1, localhost and api.test. */
const char *pki_ca(void);
struct moon_pki_authority *pki_authority(void);
const char *pki_server_certificate(void);
const char *pki_server_key(void);
tls_server *start_server(void);       /* https, that certificate */
tls_server *start_plain_server(void); /* http */

/* What a kubeconfig would say: the server under the host, which trusts pki_ca() when https. Fields can be set before it
 * is used. */
moon_target *target_of(const tls_server *server, const char *scheme, const char *host);
void set_pem(moon_bytes *bytes, const char *pem);
moon_dialer *dialer_of(moon_target *target); /* takes the target; must succeed */
moon_dialer *https_dialer(const tls_server *server);

void on_reactor(moon_reactor *reactor, void (*run)(void *), void *arg); /* returns when it has run */

/* A transport and what it told. */
typedef struct line {
  moon_reactor *reactor;
  moon_transport *transport;
  int established, failures, limits, drains, losses, stales;
  int max_streams;
  int64_t told_ms;   /* when the last event came */
  moon_error *error; /* of `failed` */
} line;

void line_dial(line *line, moon_reactor *reactor, moon_dialer *dialer, int64_t timeout_ms); /* begins to connect */
void line_open(line *line, moon_reactor *reactor, moon_dialer *dialer); /* must become established */
void line_close(line *line);
/* Dials, expects failure, closes; compares the error's kind and looks for a text in its message. */
void expect_failure(moon_reactor *reactor, moon_dialer *dialer, int64_t timeout_ms, moon_status kind, const char *text);

/* A request and how it ended. */
typedef struct attempt {
  moon_exchange exchange;
  moon_request request;
  moon_response response;
  line *line;
  int ends, header_calls;
  moon_error *err;
  moon_buffer streamed;
  int64_t started_ms, ended_ms;
  int64_t timeout_ms;               /* its deadline; 0: none */
  bool start_paused, start_aborted; /* in the turn of the loop in which it starts */
  uint64_t after;                   /* and whether it stays with a stale connection: see exchange.h */
  bool bound;
  bool stream;       /* takes the body piece by piece, into `streamed` */
  size_t stop_after; /* ... and ends the request after so many bytes; 0: never */
} attempt;

attempt *attempt_new(line *line, const char *method, const char *path); /* texts are not copied */
/* As line_dial, with the attempt as the request that establishes the connection. Its timeout_ms must be set. */
void line_dial_with(line *line, moon_reactor *reactor, moon_dialer *dialer, attempt *first);
void attempt_start(attempt *attempt);
void attempt_start_all(attempt *const *attempts, size_t count); /* in one turn of the loop */
void attempt_wait(attempt *attempt);
void attempt_abort(attempt *attempt); /* with MOON_CANCELLED */
void attempt_pause(attempt *attempt, bool paused);
size_t attempt_streamed(const attempt *attempt); /* bytes so far */
void attempt_free(attempt *attempt);
attempt *fetch(line *line, const char *path);                                  /* starts a GET and waits */
void expect_ok(attempt *attempt, int status);                                  /* an answer, no error */
void expect_error(const attempt *attempt, moon_status kind, const char *text); /* as expect_failure */
void fetch_ok(line *line, const char *path);                                   /* gets, expects 200, frees */

void count_up(int *counter); /* any thread; what it wrote before can be read by who saw the count */
int count_of(const int *counter);
bool becomes(const int *counter, int value); /* false when it did not within PATIENCE_MS */
int64_t now_ms(void);                        /* CLOCK_REALTIME: specs move the monotonic one */
void sleep_ms(int64_t ms);
/* The end of a program's specs: a thread that gave back its own reactor ends by itself, and with it goes what OpenSSL
 * keeps for it. A look for leaks before that would see some. Waits 2 s at most (ThreadSanitizer has a thread). */
int await_threads(void **state);
/* Its malloc is not the program's, a block is not used again soon, and one thread runs at a time. */
bool under_valgrind(void);

#endif
