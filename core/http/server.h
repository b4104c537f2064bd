/* server.h: a small HTTP/1.1 server, plain or TLS, on a libuv loop. The simulated clusters are made of it.
 *
 * A server is one listening socket on one address. libmicrohttpd speaks HTTP and TLS (through GnuTLS); this file owns
 * the sockets and the order of things: it accepts, it can stop accepting in two ways, it can change its certificate
 * under way, cut connections, and break answers on purpose, which is what a simulated cluster is for.
 *
 * A request arrives whole (body included) at `request`, as a moon_http_exchange. It may be answered there and then, or
 * any time later, or never; or with a stream that is written piece by piece. `closed` is called exactly once for every
 * exchange that `request` got, when it was answered or its connection is gone; afterwards the exchange is freed.
 *
 * Everything happens on the loop's thread. The loop's callbacks only note that there is something to do: the owner runs
 * the server when it likes (`ready`, moon_http_server_run), so that handlers never run inside libuv. No descriptor
 * number is too large: nothing here uses select. */
#ifndef MOON_HTTP_SERVER_H
#define MOON_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "moonpool.h"

typedef struct moon_http_server moon_http_server;
typedef struct moon_http_exchange moon_http_exchange;

typedef struct moon_http_config {
  uv_loop_t *loop;
  const char *address;     /* IPv4 or IPv6 address to listen on */
  int port;                /* 0: any free one */
  const char *certificate; /* PEM; NULL: plain HTTP */
  const char *key;
  const char *client_ca; /* PEM; clients are asked for a certificate but need not show one. NULL: they are not asked */
  size_t max_body;       /* bytes; larger requests get 413 */
  unsigned idle_timeout_s; /* a connection without traffic is closed after this; exchanges under way are not touched */
  void *ctx;
  void (*ready)(void *ctx); /* something arrived: call moon_http_server_run soon, outside of libuv's callbacks */
  void (*request)(void *ctx, moon_http_exchange *exchange); /* from moon_http_server_run */
  void (*closed)(void *ctx, moon_http_exchange *exchange);  /* from moon_http_server_run or _stop */
  void (*stopped)(void *ctx); /* after moon_http_server_stop: the last call; the server is gone */
} moon_http_config;

/* What the listening socket does with new connections. */
typedef enum moon_http_listening {
  MOON_HTTP_ACCEPT,
  MOON_HTTP_STALL,  /* the kernel completes the TCP handshake and nobody ever answers */
  MOON_HTTP_FREEZE, /* the same, and connections that were made fall silent too, until another of these is set */
  MOON_HTTP_REFUSE  /* connection refused, though the port stays ours */
} moon_http_listening;

typedef struct moon_http_stats {
  size_t accepted; /* TCP connections since the start */
  size_t open;     /* of these, not closed yet */
} moon_http_stats;

/* Who a client proved to be. Texts live as long as the connection. */
typedef struct moon_http_identity {
  enum { MOON_HTTP_NO_CERTIFICATE, MOON_HTTP_BAD_CERTIFICATE, MOON_HTTP_VERIFIED } state;
  char *common_name;
  char **organizations; /* NULL-terminated */
} moon_http_identity;

typedef struct moon_http_header {
  const char *name, *value;
} moon_http_header;

typedef struct moon_http_answer {
  unsigned status;
  const moon_http_header *headers;
  size_t header_count;
  const char *body; /* copied */
  size_t body_len;
  bool broken;      /* send only `cut_after` bytes of the body, then reset the connection */
  size_t cut_after; /* bytes */
} moon_http_answer;

/* Copies what it needs from `config`. */
moon_status moon_http_server_start(const moon_http_config *config, moon_http_server **out, moon_error **err);
/* Does what there is to do. Harmless at any time, except within itself, where it does nothing. */
void moon_http_server_run(moon_http_server *server);
/* Ends everything, at once or as soon as the running callback has returned; exchanges get their `closed`. */
void moon_http_server_stop(moon_http_server *server);

int moon_http_server_port(const moon_http_server *server);
moon_status moon_http_server_set_listening(moon_http_server *server, moon_http_listening how, moon_error **err);
/* For connections made from now on. */
moon_status moon_http_server_set_certificate(moon_http_server *server, const char *certificate, const char *key,
                                             moon_error **err);
/* Resets every open connection. */
void moon_http_server_drop_connections(moon_http_server *server);
moon_http_stats moon_http_server_stats(const moon_http_server *server);

/* The request. Texts live as long as the exchange. */
const char *moon_http_exchange_method(const moon_http_exchange *exchange);
const char *moon_http_exchange_target(const moon_http_exchange *exchange); /* path and query, as they were sent */
const char *moon_http_exchange_header(const moon_http_exchange *exchange, const char *name); /* NULL: not there */
/* Every header in the order in which they came; a name may come again. */
void moon_http_exchange_each_header(const moon_http_exchange *exchange,
                                    void (*visit)(void *ctx, const char *name, const char *value), void *ctx);
/* NULL: it was too large. */
const char *moon_http_exchange_body(const moon_http_exchange *exchange, size_t *len);
const moon_http_identity *moon_http_exchange_identity(moon_http_exchange *exchange);

/* What the caller keeps with the exchange. */
void moon_http_exchange_set_data(moon_http_exchange *exchange, void *data);
void *moon_http_exchange_data(const moon_http_exchange *exchange);

/* The answer: one of these, once. */
void moon_http_exchange_answer(moon_http_exchange *exchange, const moon_http_answer *answer);
/* Headers now, body in pieces. `answer->body` may hold the first piece. */
void moon_http_exchange_stream(moon_http_exchange *exchange, const moon_http_answer *answer);
void moon_http_exchange_write(moon_http_exchange *exchange, const char *bytes, size_t len);
size_t moon_http_exchange_backlog(const moon_http_exchange *exchange); /* bytes written and not sent yet */
void moon_http_exchange_finish(moon_http_exchange *exchange);
/* Resets the connection, answered or not. */
void moon_http_exchange_reset(moon_http_exchange *exchange);

#endif
