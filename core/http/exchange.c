/* exchange.c: connections and exchanges of a server: one request, its answer, and what may happen in between.
 *
 * libmicrohttpd calls moon_http_on_request several times for one request: once with the headers, for every piece of the
 * body, and at its end; the end is repeated after every resume until an answer was queued. An exchange that has nothing
 * to say is suspended. Invariant: `suspended` is true exactly while libmicrohttpd does not look at the connection, and
 * exactly then we watch the socket for a hang-up. */
#include "http/exchange.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"

#define STREAM_BLOCK 16384 /* one TLS record */

typedef struct connection {
  moon_http_exchange_host *host;
  struct MHD_Connection *mhd;
  int socket;
  uv_poll_t *watch; /* for a hang-up; made when first needed */
  moon_http_exchange *exchange;
  moon_http_identity identity;
  bool identified;
  moon_list node;
} connection;

struct moon_http_exchange {
  connection *connection;
  char *method, *target;
  moon_buffer body;
  bool begun, too_large; /* the headers were seen; the body is larger than allowed */
  bool handed_over;      /* `request` was called */
  bool in_callback;      /* libmicrohttpd is calling us: nothing to resume */
  bool suspended;
  bool lost; /* the connection is to end without a (further) answer */
  struct MHD_Response *response;
  unsigned status;
  /* A stream or a broken answer: bytes to send, how many of them were, and what comes after the last. */
  moon_buffer out;
  size_t sent;
  bool streaming, finished, reset_at_end;
  void *data;
};

void moon_http_exchange_host_init(moon_http_exchange_host *host, const moon_http_config *config) {
  *host = (moon_http_exchange_host){.loop = config->loop,
                                    .max_body = config->max_body,
                                    .ctx = config->ctx,
                                    .request = config->request,
                                    .closed = config->closed};
  moon_list_init(&host->connections);
}

/* --- suspending --------------------------------------------------------------------------------------------------- */

static void wake(moon_http_exchange *exchange) {
  connection *c = exchange->connection;
  if (!exchange->suspended) return;
  exchange->suspended = false;
  if (c->watch) uv_poll_stop(c->watch);
  MHD_resume_connection(c->mhd);
  c->host->woken(c->host, MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_DAEMON)->daemon);
}

static void on_hang_up(uv_poll_t *watch, int status, int events) {
  connection *c = watch->data;
  if (!c->exchange) return;
  c->exchange->lost = true;
  wake(c->exchange);
}

static void suspend(moon_http_exchange *exchange) {
  connection *c = exchange->connection;
  exchange->suspended = true;
  MHD_suspend_connection(c->mhd);
  if (!c->watch) {
    c->watch = moon_zalloc(sizeof *c->watch);
    c->watch->data = c;
    c->host->watches++;
    uv_poll_init(c->host->loop, c->watch, c->socket);
  }
  uv_poll_start(c->watch, UV_DISCONNECT, on_hang_up);
}

/* Sends a RST at once. (Closing with SO_LINGER 0 would come too late: libmicrohttpd shuts the connection down first.)
 */
static void reset_socket(connection *c) {
  struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  connect(c->socket, &nobody, sizeof nobody);
}

/* --- connections -------------------------------------------------------------------------------------------------- */

static void on_watch_closed(uv_handle_t *handle) {
  moon_http_exchange_host *host = handle->data;
  free(handle);
  if (--host->watches == 0 && host->idle) host->idle(host);
}

/* The only end of an exchange, however it came about. */
static void exchange_end(moon_http_exchange *exchange) {
  connection *c = exchange->connection;
  if (c->watch) uv_poll_stop(c->watch);
  exchange->suspended = false;
  exchange->lost = true;
  if (exchange->handed_over) c->host->closed(c->host->ctx, exchange);
  c->exchange = NULL;
  if (exchange->response) MHD_destroy_response(exchange->response);
  moon_buffer_free(&exchange->body);
  moon_buffer_free(&exchange->out);
  free(exchange->method);
  free(exchange->target);
  free(exchange);
}

void moon_http_on_connection(void *ctx, struct MHD_Connection *mhd, void **context,
                             enum MHD_ConnectionNotificationCode code) {
  moon_http_exchange_host *host = ctx;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    connection *c = moon_zalloc(sizeof *c);
    c->host = host;
    c->mhd = mhd;
    c->socket = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    moon_list_push_back(&host->connections, &c->node);
    host->open++;
    *context = c;
    return;
  }
  connection *c = *context;
  /* libmicrohttpd does not tell of the end of a request that it never asked about, nor of one that we refused. */
  if (c->exchange) exchange_end(c->exchange);
  if (c->watch) {
    c->watch->data = host;
    uv_close((uv_handle_t *)c->watch, on_watch_closed);
  }
  free(c->identity.common_name);
  for (char **name = c->identity.organizations; name && *name; name++) free(*name);
  free(c->identity.organizations);
  moon_list_remove(&c->node);
  host->open--;
  free(c);
}

static connection *connection_of(struct MHD_Connection *mhd) {
  return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void moon_http_connections_reset(moon_http_exchange_host *host) {
  for (moon_list *node = host->connections.next; node != &host->connections; node = node->next) {
    connection *c = MOON_ENTRY(node, connection, node);
    reset_socket(c);
    if (c->exchange) c->exchange->lost = true;
    if (c->exchange) wake(c->exchange);
  }
}

void moon_http_exchanges_release(moon_http_exchange_host *host) {
  for (moon_list *node = host->connections.next; node != &host->connections; node = node->next) {
    connection *c = MOON_ENTRY(node, connection, node);
    if (!c->exchange) continue;
    c->exchange->lost = true;
    wake(c->exchange);
  }
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

void *moon_http_on_target(void *host, const char *target, struct MHD_Connection *mhd) {
  moon_http_exchange *exchange = moon_zalloc(sizeof *exchange);
  exchange->connection = connection_of(mhd);
  exchange->connection->exchange = exchange;
  exchange->target = moon_strdup(target);
  return exchange;
}

enum MHD_Result moon_http_on_request(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
                                     const char *version, const char *data, size_t *data_len, void **state) {
  moon_http_exchange_host *host = ctx;
  moon_http_exchange *exchange = *state;
  if (!exchange->begun) {
    exchange->begun = true;
    exchange->method = moon_strdup(method);
    return MHD_YES;
  }
  if (*data_len) {
    exchange->too_large = exchange->too_large || exchange->body.len + *data_len > host->max_body;
    if (exchange->too_large)
      moon_buffer_free(&exchange->body);
    else
      moon_buffer_add(&exchange->body, data, *data_len);
    *data_len = 0;
    return MHD_YES;
  }
  if (!exchange->handed_over) {
    exchange->handed_over = true;
    exchange->in_callback = true;
    host->request(host->ctx, exchange);
    exchange->in_callback = false;
  }
  if (exchange->lost) return MHD_NO;
  if (exchange->response) return MHD_queue_response(mhd, exchange->status, exchange->response);
  suspend(exchange);
  return MHD_YES;
}

void moon_http_on_completed(void *ctx, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code) {
  moon_http_exchange_host *host = ctx;
  moon_http_exchange *exchange = *state;
  *state = NULL;
  if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK) host->unfinished = true;
  if (exchange) exchange_end(exchange);
}

const char *moon_http_exchange_method(const moon_http_exchange *exchange) {
  return exchange->method;
}

const char *moon_http_exchange_target(const moon_http_exchange *exchange) {
  return exchange->target;
}

const char *moon_http_exchange_header(const moon_http_exchange *exchange, const char *name) {
  return MHD_lookup_connection_value(exchange->connection->mhd, MHD_HEADER_KIND, name);
}

struct visit {
  void (*visit)(void *ctx, const char *name, const char *value);
  void *ctx;
};

static enum MHD_Result visit_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value) {
  const struct visit *visit = arg;
  visit->visit(visit->ctx, name, value ? value : "");
  return MHD_YES;
}

void moon_http_exchange_each_header(const moon_http_exchange *exchange,
                                    void (*visit)(void *ctx, const char *name, const char *value), void *ctx) {
  MHD_get_connection_values(exchange->connection->mhd, MHD_HEADER_KIND, visit_header, &(struct visit){visit, ctx});
}

const char *moon_http_exchange_body(const moon_http_exchange *exchange, size_t *len) {
  *len = exchange->body.len;
  if (exchange->too_large) return NULL;
  return exchange->body.data ? exchange->body.data : "";
}

void moon_http_exchange_set_data(moon_http_exchange *exchange, void *data) {
  exchange->data = data;
}

void *moon_http_exchange_data(const moon_http_exchange *exchange) {
  return exchange->data;
}

/* --- who asks ----------------------------------------------------------------------------------------------------- */

/* The index-th value of an attribute of the subject; NULL: there is none. */
static char *subject_part(gnutls_x509_crt_t certificate, const char *oid, unsigned index) {
  size_t size = 0;
  if (gnutls_x509_crt_get_dn_by_oid(certificate, oid, index, 0, NULL, &size) != GNUTLS_E_SHORT_MEMORY_BUFFER)
    return NULL;
  char *text = moon_zalloc(size + 1);
  if (gnutls_x509_crt_get_dn_by_oid(certificate, oid, index, 0, text, &size) == 0) return text;
  free(text);
  return NULL;
}

static void read_subject(moon_http_identity *identity, const gnutls_datum_t *der) {
  gnutls_x509_crt_t certificate;
  if (gnutls_x509_crt_init(&certificate) != 0) return;
  if (gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) == 0 &&
      (identity->common_name = subject_part(certificate, GNUTLS_OID_X520_COMMON_NAME, 0))) {
    identity->state = MOON_HTTP_VERIFIED;
    char *name;
    for (unsigned i = 0; (name = subject_part(certificate, GNUTLS_OID_X520_ORGANIZATION_NAME, i)); i++) {
      identity->organizations = moon_realloc(identity->organizations, (i + 2) * sizeof(char *));
      identity->organizations[i] = name;
      identity->organizations[i + 1] = NULL;
    }
  }
  gnutls_x509_crt_deinit(certificate);
}

static void identify(connection *c) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  unsigned count = 0, problems = 0;
  if (!info) return;
  const gnutls_datum_t *chain = gnutls_certificate_get_peers(info->tls_session, &count);
  if (!chain || !count) return;
  c->identity.state = MOON_HTTP_BAD_CERTIFICATE;
  gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (void *)GNUTLS_KP_TLS_WWW_CLIENT};
  if (gnutls_certificate_verify_peers(info->tls_session, &purpose, 1, &problems) == 0 && !problems)
    read_subject(&c->identity, chain);
}

const moon_http_identity *moon_http_exchange_identity(moon_http_exchange *exchange) {
  connection *c = exchange->connection;
  if (!c->identified) identify(c);
  c->identified = true;
  return &c->identity;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static ssize_t read_out(void *ctx, uint64_t position, char *into, size_t max) {
  moon_http_exchange *exchange = ctx;
  if (exchange->lost) return MHD_CONTENT_READER_END_WITH_ERROR;
  size_t left = exchange->out.len - exchange->sent;
  if (left) {
    size_t len = left < max ? left : max;
    memcpy(into, exchange->out.data + exchange->sent, len);
    exchange->sent += len;
    if (exchange->sent == exchange->out.len) {
      moon_buffer_free(&exchange->out);
      exchange->sent = 0;
    }
    return (ssize_t)len;
  }
  if (exchange->reset_at_end) {
    reset_socket(exchange->connection);
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  if (exchange->finished) return MHD_CONTENT_READER_END_OF_STREAM;
  suspend(exchange);
  return 0;
}

static void set_response(moon_http_exchange *exchange, const moon_http_answer *answer, struct MHD_Response *response) {
  for (size_t i = 0; i < answer->header_count; i++)
    if (MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value) != MHD_YES)
      moon_log(MOON_LOG_WARN, "http server: left out the header %s, it is not valid", answer->headers[i].name);
  exchange->status = answer->status;
  exchange->response = response;
  if (!exchange->in_callback) wake(exchange);
}

void moon_http_exchange_answer(moon_http_exchange *exchange, const moon_http_answer *answer) {
  if (exchange->response) return;
  struct MHD_Response *response;
  if (answer->broken) {
    size_t len = answer->cut_after < answer->body_len ? answer->cut_after : answer->body_len;
    moon_buffer_add(&exchange->out, answer->body, len);
    exchange->reset_at_end = true;
    response = MHD_create_response_from_callback(answer->body_len, STREAM_BLOCK, read_out, exchange, NULL);
  } else {
    response =
        MHD_create_response_from_buffer(answer->body_len, (void *)(uintptr_t)answer->body, MHD_RESPMEM_MUST_COPY);
  }
  set_response(exchange, answer, response);
}

void moon_http_exchange_stream(moon_http_exchange *exchange, const moon_http_answer *answer) {
  if (exchange->response) return;
  exchange->streaming = true;
  moon_buffer_add(&exchange->out, answer->body, answer->body_len);
  set_response(exchange, answer,
               MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_out, exchange, NULL));
}

void moon_http_exchange_write(moon_http_exchange *exchange, const char *bytes, size_t len) {
  if (!exchange->streaming || exchange->finished || exchange->lost) return;
  moon_buffer_add(&exchange->out, bytes, len);
  if (!exchange->in_callback) wake(exchange);
}

size_t moon_http_exchange_backlog(const moon_http_exchange *exchange) {
  return exchange->out.len - exchange->sent;
}

void moon_http_exchange_finish(moon_http_exchange *exchange) {
  exchange->finished = true;
  if (!exchange->in_callback) wake(exchange);
}

void moon_http_exchange_reset(moon_http_exchange *exchange) {
  reset_socket(exchange->connection);
  exchange->lost = true;
  if (!exchange->in_callback) wake(exchange);
}
