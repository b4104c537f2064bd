/* message.h: one HTTP request and its answer, as the floors above net/ see them. Plain data without a lock: a request
 * stands still while it runs, a response belongs to the reactor's thread until the request is over. */
#ifndef MOON_NET_MESSAGE_H
#define MOON_NET_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "moonpool.h"

/* What a request that says nothing of them gets. */
enum {
  MOON_DEFAULT_TIMEOUT_MS = 60000, /* of a call of a script; a request of the core's own has none */
  MOON_DEFAULT_RETRIES = 3,
  MOON_DEFAULT_MAX_BODY = 1 << 30,
};

/* What to send. Plain data; whoever makes it keeps it unchanged until the request is over, and frees it. */
typedef struct moon_request {
  char *method; /* "GET" */
  char *path;   /* "/api/v1/pods?limit=500": starts with '/', query included, already percent-encoded; the target's path
                   prefix is put before it */
  char *content_type; /* of the body; NULL when there is none */
  char *accept;       /* NULL: application/json */
  char **headers;     /* further ones, "Name: value", NULL-terminated; or NULL */
  char *body;         /* or NULL */
  size_t body_len;

  /* Time limits in ms; 0 = off. */
  int64_t first_byte_timeout_ms; /* from sending until the first byte of the answer */
  int64_t idle_timeout_ms;       /* silence while the answer is coming */
  int64_t timeout_ms;            /* the whole call: waiting for a connection, retries and all */

  size_t max_body; /* an answer larger than this is an error (MOON_PROTOCOL); 0: the default */
  int retries;     /* further attempts where it is safe; -1: the default */
  int compression; /* 1: ask for gzip, 0: do not, -1: ask unless the server is near (round trip under 1 ms) */
  bool approved;   /* a person has said yes to it: goes also to a cluster that refuses writes */
  bool streaming;  /* it may last: a watch, a log that is followed. Never restarted once some of its body was handed out
                    */
} moon_request;

void moon_request_free(moon_request *request); /* the request and all it points at; NULL is fine */

/* True for methods that can be sent twice without harm: GET, HEAD, OPTIONS. */
bool moon_request_is_read(const moon_request *request);
/* True for those whose repetition leaves the server as the first did: reads, PUT, DELETE. */
bool moon_request_is_idempotent(const moon_request *request);

typedef struct moon_response {
  int status; /* HTTP status; 0: no answer came */
  bool http2;
  char *content_type;     /* without parameters, lower case; NULL when the server sent none */
  int64_t retry_after_ms; /* -1: none */
  moon_buffer headers;    /* all header lines as they came, "Name: value\n"... */
  moon_buffer body;       /* decoded; stays empty when streamed */
} moon_response;

void moon_response_clear(moon_response *response); /* frees what it holds, ready for the next */

#endif
