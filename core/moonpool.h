/* moonpool.h: the public C interface of moonpool.
 *
 * moonpool keeps pools of live connections to the API servers of Kubernetes clusters. A C host includes this
 * header and links with `pkg-config --cflags --libs moonpool`.
 *
 * Rules that hold for every function here, unless its comment says otherwise:
 *  - Handles are opaque and reference counted; `moon_x_new` gives one reference, `moon_x_release` gives it back.
 *    Releasing NULL does nothing.
 *  - Text passed in is copied. Text handed out belongs to the handle and lives as long as it does.
 *  - Times are integers in milliseconds, sizes are size_t in bytes.
 *  - A function that can fail returns a moon_status. Its last parameter, `moon_error **err`, may be NULL; on failure
 *    it receives an error that the caller frees with moon_error_free. On success it is not touched.
 *  - Functions may be called from any thread. Those that wait say so, and never wait on a thread that
 *    moonpool owns (a callback must not call them).
 *  - When memory runs out the process is ended with a message: no function reports it.
 */
#ifndef MOONPOOL_H
#define MOONPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOON_VERSION "0.1.0"

/* What went wrong, as a kind that a program can branch on. moon_strerror gives the name that Lua scripts see. */
typedef enum moon_status {
  MOON_OK = 0,
  MOON_CONNECT,            /* name resolution, TCP, or a connection lost under way */
  MOON_TLS,                /* handshake or certificate verification */
  MOON_TIMEOUT,            /* a time limit of the request passed */
  MOON_UNAUTHORIZED,       /* HTTP 401 */
  MOON_FORBIDDEN,          /* HTTP 403 */
  MOON_NOT_FOUND,          /* HTTP 404 */
  MOON_CONFLICT,           /* HTTP 409: AlreadyExists or Conflict, see the reason */
  MOON_INVALID,            /* HTTP 400, 405, 406, 413, 415, 422: the request cannot succeed as it is */
  MOON_GONE,               /* HTTP 410: a resourceVersion or continue token expired */
  MOON_TOO_MANY_REQUESTS,  /* HTTP 429 */
  MOON_SERVER,             /* HTTP 5xx */
  MOON_PROTOCOL,           /* the answer is not what the protocol allows: not JSON, truncated, too large */
  MOON_CONFIG,             /* kubeconfig or options */
  MOON_CREDENTIAL,         /* a certificate, key, token or plugin is unusable */
  MOON_NO_HEALTHY_CLUSTER, /* every cluster is down; the message names each with its cause */
  MOON_ACQUIRE_TIMEOUT,    /* no connection became free within acquireTimeout */
  MOON_CANCELLED,          /* the caller took the call back */
  MOON_CLOSED,             /* the pool, client or connection is closed */
} moon_status;

/* The name of a status as scripts see it: "connect", "notFound", ... "ok" for MOON_OK. Never NULL. */
const char *moon_strerror(moon_status status);

/* An error. Read the fields; do not write them. Texts may be NULL where nothing is known, except `message`. */
typedef struct moon_error {
  moon_status kind;
  int http_status;        /* 0 when no HTTP answer came */
  int attempts;           /* how many times the request was tried; 0 when it was never sent */
  int64_t retry_after_ms; /* what the server asked for; -1 when it did not */
  char *message;          /* one line that a person can act on; holds no secret */
  char *reason;           /* Kubernetes' reason ("AlreadyExists"), from the Status object */
  char *cluster;          /* name of the cluster that was chosen */
  char *endpoint;         /* scheme, host and port of the API server that was asked */
  char *details;          /* JSON text of the Status object's `details` */
  char *continue_token;   /* with MOON_GONE: where a list may go on, though not in the state that it began with */
} moon_error;

void moon_error_free(moon_error *err);

/* Version of the library, as MOON_VERSION was when it was built. */
const char *moon_version(void);

#ifdef __cplusplus
}
#endif
#endif
