/* transport_internal.h: what transport.c (the connection), exchange.c (a request on it) and admission.c (what a request
 * needs before it can begin) know of each other. */
#ifndef MOON_NET_TRANSPORT_INTERNAL_H
#define MOON_NET_TRANSPORT_INTERNAL_H

#include "net/transport.h"

enum { MAX_SOCKETS = 4, MAX_SPARE = 16 };

typedef struct helper_watch {
  moon_list node;
  moon_transport *transport;
  moon_watch *watch;
} helper_watch;

struct moon_transport {
  moon_reactor *reactor;
  moon_dialer *dialer;
  const moon_transport_events *events;
  void *owner;

  moon_tls_setup *setup; /* what it is made with; NULL before its first request was admitted */
  CURLM *multi;
  moon_watch *sockets[MAX_SOCKETS]; /* several while address families race; then one */
  moon_list helpers;                /* descriptors that libcurl made for itself */
  moon_timer timer;                 /* libcurl's */
  moon_timer nudge;                 /* when it has forgotten to set one */
  moon_list running;                /* exchanges */
  moon_list pending;                /* exchanges that are not admitted yet */
  CURL *spare[MAX_SPARE];           /* prepared easy handles for the next requests */
  size_t spare_count;

  moon_timer silence;     /* when to ask whether anybody is there, */
  moon_exchange question; /* and the asking: on HTTP/2 over this connection */
  moon_response question_response;
  struct moon_inquiry *inquiry; /* on HTTP/1.1 over another one; NULL: none is under way */

  moon_exchange *first; /* the request that establishes it, while it runs: mostly `hello` */
  moon_exchange hello;
  moon_response hello_response;
  int64_t connect_timeout_ms;
  int lookup;         /* its place among the process's lookups; -1: it has none */
  int64_t heard_ms;   /* last byte of any answer */
  int64_t vouched_ms; /* somebody was there, as another connection has found */

  bool sealed; /* the session exists; no further socket may be opened */
  bool http2, near;
  bool established;                    /* told so */
  bool blind;                          /* no socket is watched any more: it is being closed, or was not made in time */
  bool gone;                           /* libcurl closed the socket, or the other side did */
  bool broken;                         /* ... and not in good order */
  bool idle;                           /* no request runs: the socket is watched for its end only */
  bool answered;                       /* HTTP/2: something was, and the server's settings came before that: told so */
  bool limited, stale, draining, lost; /* told so */
  bool settling;
};

/* transport.c */
void moon_transport_begin(moon_exchange *exchange, moon_identity *identity); /* takes over the identity */
void moon_transport_outdated(moon_transport *transport);                     /* tells that it is stale */
void moon_transport_seal(moon_transport *transport, CURL *easy, int local_port);
void moon_transport_first_over(moon_transport *transport, CURLcode result, bool answered);
void moon_transport_suspect(moon_transport *transport); /* silent for too long: out of the pool with it */
curl_socket_t moon_transport_open_socket(void *exchange, curlsocktype purpose, struct curl_sockaddr *address);
int moon_transport_close_socket(void *transport, curl_socket_t fd);

/* admission.c: finds the credentials for an exchange that is pending, and has it begun, or finished. */
void moon_admission_ask(moon_exchange *exchange);
void moon_admission_forget(moon_exchange *exchange); /* it ends otherwise */

/* silence.c */
void moon_silence_init(moon_transport *transport);
void moon_silence_watch(moon_transport *transport); /* a request has begun, or one has been answered */
void moon_silence_end(moon_transport *transport);   /* it is being closed */

/* exchange.c */
void moon_exchange_prepare(moon_transport *transport, moon_exchange *exchange); /* its time begins */
void moon_exchange_begin(moon_exchange *exchange, moon_identity *identity);     /* takes or makes the easy handle */
void moon_exchange_postpone(moon_exchange *exchange);
bool moon_exchange_is_silent(const moon_exchange *exchange, int64_t now_ms); /* for a while, and not because of us */
void moon_exchange_pause(moon_exchange *exchange, bool paused);
void moon_exchange_end(moon_exchange *exchange);                     /* libcurl says it is over: exchange->result */
void moon_exchange_finish(moon_exchange *exchange, moon_error *err); /* over for another reason */

#endif
