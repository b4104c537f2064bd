/* tls_server.h: an HTTP/1.1 server that behaves badly on request, and remembers what it saw.
 *
 * It listens on a free port of 127.0.0.1 (if the options name no other), with TLS or without, and gives each connection
 * a thread of its own. What happens to a request follows from its path, so that a test reads as what it is about:
 *
 *   /livez                    "ok", or what the options say
 *   /readyz                   "ok", or what was set with tls_server_set_readyz
 *   /version                  an empty object
 *   /echo                     the method, a space, and the body that came
 *   /bytes?n=N                N bytes, "abc...zabc...", with a Content-Length; /chunked?n=N the same in chunks,
 *                             with a trailer
 *   /gzip, /bad-gzip          "hello, compressed" as gzip; something that only claims to be gzip
 *   /status?code=C&after=T    an empty object with status C, and with Retry-After: T
 *   /interim                  a 103 first, then 200
 *   /headers?n=N              200 with N header lines of 1000 bytes
 *   /last                     200 with Connection: close
 *   /close, /reset            no answer: FIN, RST
 *   /then-close, /then-reset  an answer, and ?ms=N later FIN, RST
 *   /then-bye, /then-junk     an answer, then TLS's own farewell and FIN; then bytes that nobody asked for
 *   /truncated, /cut          400 of 1000 bytes, then FIN, RST
 *   /hang, /stall             never an answer; 100 of 1000 bytes and no more
 *   /drip?n=N&ms=M            N bytes, one every M ms
 *   /not-http                 text that is no HTTP
 *   /api/...                  what was set with tls_server_set_api: one of these; else "ok"
 *
 * It is a proxy too: CONNECT name:PORT leads to that port of 127.0.0.1 whatever the name is, and GET http://name/path
 * is taken for GET /path.
 *
 * Everything else is a 404. Records are complete when the client has the answer; they live until the server ends. */
#ifndef SPEC_TLS_SERVER_H
#define SPEC_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tls_server tls_server;

typedef struct tls_server_options {
  const char *address;           /* NULL: 127.0.0.1 */
  int port;                      /* 0: a free one */
  const char *certificate, *key; /* PEM; NULL: plain http */
  const char *client_ca;         /* PEM: clients must show a certificate of this authority; NULL: none is asked for */
  int livez_status;              /* 0: 200 */
  bool livez_closes;             /* /livez answers with Connection: close */
  bool livez_hangs;              /* /livez is never answered */
  bool never_handshakes;         /* connections are accepted and then ignored */
  const char *connect;           /* what is done with CONNECT: one of the paths above; NULL: see there */
} tls_server_options;

typedef struct server_request {
  int connection; /* index of the connection that it came on */
  int64_t at_ms;  /* base/clock, which a spec may have set */
  char *method, *path;
  char *headers; /* the lines as they came, CRLF included */
  char *body;
  size_t body_len;
} server_request;

typedef struct server_connection {
  char *server_name;    /* SNI; NULL: none */
  char *client_subject; /* common name of the client's certificate; NULL: none */
  bool resumed;         /* the TLS session is an earlier one */
} server_connection;

tls_server *tls_server_start(const tls_server_options *options);
void tls_server_stop(tls_server *server); /* cuts all connections, waits for their threads, frees */
int tls_server_port(const tls_server *server);

enum { NEVER_ANSWERED = -1 };
void tls_server_set_readyz(tls_server *server, int status, const char *body); /* from now on; body is not copied */
void tls_server_ignore_new(tls_server *server); /* connections are accepted and then ignored, from now on */
void tls_server_set_api(tls_server *server, const char *path); /* from now on; not copied */

int tls_server_connections(tls_server *server); /* TCP connections so far */
int tls_server_open(tls_server *server);        /* those that are open now */
const server_connection *tls_server_connection(tls_server *server, int index);
int tls_server_count(tls_server *server, const char *path);                      /* requests for exactly this path */
const server_request *tls_server_find(tls_server *server, const char *path);     /* the last of them; NULL: none */
bool server_request_has(const server_request *request, const char *header_line); /* "Host: x", without CRLF */

#endif
