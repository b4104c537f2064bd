/* exchange.h: one request and its answer on one connection.
 *
 * An exchange lives inside whatever needs it (a call, a health check) and is driven by the transport it runs on, on
 * that transport's reactor thread. Its callbacks run there too. `headers` and `data` run inside libcurl and must not
 * touch transport or exchange; `done` may, but must not close the transport. */
#ifndef MOON_NET_EXCHANGE_H
#define MOON_NET_EXCHANGE_H

#include <curl/curl.h>

#include "base/list.h"
#include "base/timers.h"
#include "net/credential.h"
#include "net/message.h"

typedef struct moon_exchange moon_exchange;

typedef struct moon_exchange_handler {
  /* The headers of the final answer are there, before any data. May be NULL. */
  void (*headers)(moon_exchange *exchange);
  /* A piece of the body of a 2xx answer; false: no more, end it (done gets MOON_CANCELLED). NULL: the body gathers in
   * the response, as that of every other answer does. */
  bool (*data)(moon_exchange *exchange, const char *bytes, size_t len);
  /* Over: an HTTP answer of whatever status (err NULL), or none (err is the callee's). Called once; the transport does
   * not touch the exchange afterwards. */
  void (*done)(moon_exchange *exchange, moon_error *err);
} moon_exchange_handler;

struct moon_exchange {
  /* Set by the owner before it runs. */
  const moon_exchange_handler *handler;
  const moon_request *request;
  moon_response *response; /* cleared; filled here */
  int64_t deadline_ms;     /* base/clock; 0: none */
  uint64_t after;          /* the number of an identity that was refused for this request; 0: none was */
  bool bound;              /* to this connection, even if it is stale */

  /* For the owner to read in `done`. */
  bool sent;               /* the server may have seen the request */
  bool refused;            /* the connection takes no more requests: this one is better sent on another */
  bool silent;             /* timed out, and nothing at all had come over the connection since before it began */
  moon_identity *identity; /* it was sent with; NULL: it was not */
  int64_t first_byte_us;   /* from its beginning to the first byte of the answer; -1: none came */

  /* The transport's. */
  struct moon_transport *transport; /* NULL when not running */
  CURL *easy;                       /* NULL: pending */
  struct moon_admission *admission; /* while it waits for one */
  moon_list node;
  moon_timer timer;
  int64_t begun_ns;
  int64_t started_ms, heard_ms;           /* heard_ms: last byte of the answer; 0: none yet */
  size_t received;                        /* bytes of the body, decoded */
  bool paused;                            /* by its owner */
  bool postponed;                         /* it could not begin at once */
  bool too_large, headers_too_large, cut; /* why a callback ended it */
  CURLcode result;
  struct curl_slist *header_nodes;
  char detail[CURL_ERROR_SIZE];
};

#endif
