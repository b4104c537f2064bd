/* exchange.h: what server.c and exchange.c share: connections and exchanges of one server, and the functions that
 * libmicrohttpd calls. Internal to http/. */
#ifndef MOON_HTTP_EXCHANGE_H
#define MOON_HTTP_EXCHANGE_H

#include <microhttpd.h>

#include "base/list.h"
#include "http/server.h"

/* A server, as its exchanges see it. */
typedef struct moon_http_exchange_host {
  uv_loop_t *loop;
  size_t max_body;
  void *ctx;
  void (*request)(void *ctx, moon_http_exchange *exchange);
  void (*closed)(void *ctx, moon_http_exchange *exchange);
  /* A connection of this daemon can go on: the daemon must be run. */
  void (*woken)(struct moon_http_exchange_host *host, struct MHD_Daemon *daemon);
  void (*idle)(struct moon_http_exchange_host *host); /* the last hang-up watch is closed */
  bool unfinished; /* libmicrohttpd gave up a connection, and closes it only when it is run once more */
  moon_list connections;
  size_t open;
  int watches; /* hang-up watches that the loop has not closed yet */
} moon_http_exchange_host;

void moon_http_exchange_host_init(moon_http_exchange_host *host, const moon_http_config *config);
/* Wakes every suspended exchange so that the daemons can be stopped. */
void moon_http_exchanges_release(moon_http_exchange_host *host);
void moon_http_connections_reset(moon_http_exchange_host *host);

/* For MHD_start_daemon; their first argument is the host. */
void *moon_http_on_target(void *host, const char *target, struct MHD_Connection *mhd);
enum MHD_Result moon_http_on_request(void *host, struct MHD_Connection *mhd, const char *url, const char *method,
                                     const char *version, const char *data, size_t *data_len, void **state);
void moon_http_on_completed(void *host, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code);
void moon_http_on_connection(void *host, struct MHD_Connection *mhd, void **context,
                             enum MHD_ConnectionNotificationCode code);

#endif
