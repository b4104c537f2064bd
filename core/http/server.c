/* server.c: see server.h. The listening socket, the faces, and the loop.
 *
 * A face is one libmicrohttpd daemon: one certificate. A server has one, and one more for every other certificate it
 * was ever told to show; connections stay with the face that they were made with. Faces run without threads: their
 * epoll descriptor is polled by our loop, and a loop timer stands for the time-out they ask for.
 *
 * Invariants: no face is run while it runs, nor while the server is frozen, and none is stopped while any of the server
 * runs; a connection's socket is watched for a hang-up exactly while its exchange is suspended (see exchange.c),
 * because libmicrohttpd does not look at it then. */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "http/exchange.h"

#define BACKLOG 1024
#define ROUNDS_PER_RUN 16 /* then other servers get their turn */
#define MAX_CONNECTIONS_PER_FACE 100000u

typedef struct face {
  moon_http_server *server;
  struct MHD_Daemon *daemon;
  char *certificate; /* PEM, to find the face again; NULL for plain HTTP */
  uv_poll_t poll;
  uv_timer_t timer;
  bool wants_run;
  struct face *next;
} face;

struct moon_http_server {
  moon_http_exchange_host host; /* what exchange.c needs to know of us */
  uv_loop_t *loop;
  struct sockaddr_storage address;
  socklen_t address_len;
  int socket;          /* bound; it listens while there is a listener. -1: not had */
  uv_poll_t *listener; /* NULL while refusing */
  face *faces, *current;
  char *client_ca;
  unsigned idle_timeout_s;
  size_t accepted;
  bool announced; /* `ready` was called, and the run that it asks for is still to come */
  bool frozen;    /* faces are not run, and not polled */
  bool running, stopping;
  int handles; /* loop handles that are not closed yet */
  void (*ready)(void *ctx);
  void (*stopped)(void *ctx);
};

static void finish_stop(moon_http_server *server);

/* --- faces -------------------------------------------------------------------------------------------------------- */

static void want_run(face *f) {
  moon_http_server *server = f->server;
  f->wants_run = true;
  if (server->announced || server->stopping || server->frozen) return;
  server->announced = true;
  server->ready(server->host.ctx);
}

static void on_woken(moon_http_exchange_host *host, struct MHD_Daemon *daemon) {
  moon_http_server *server = (moon_http_server *)host; /* host is the first member */
  for (face *f = server->faces; f; f = f->next)
    if (f->daemon == daemon) want_run(f);
}

static void on_timer(uv_timer_t *timer) {
  want_run(timer->data);
}

static void on_face_readable(uv_poll_t *poll, int status, int events) {
  want_run(poll->data);
}

/* libmicrohttpd wants to be run again in so many ms, be there traffic or not. */
static void arm_timer(face *f) {
  MHD_UNSIGNED_LONG_LONG wait_ms;
  if (MHD_get_timeout(f->daemon, &wait_ms) != MHD_YES)
    uv_timer_stop(&f->timer);
  else if (!uv_is_active((uv_handle_t *)&f->timer) || uv_timer_get_due_in(&f->timer) > wait_ms)
    uv_timer_start(&f->timer, on_timer, wait_ms, 0);
}

/* Whether libmicrohttpd has more to do at once. */
static bool must_go_on(face *f) {
  MHD_UNSIGNED_LONG_LONG wait_ms;
  return f->server->host.unfinished || (MHD_get_timeout(f->daemon, &wait_ms) == MHD_YES && wait_ms == 0);
}

static void face_run(face *f) {
  moon_http_server *server = f->server;
  int rounds = 0;
  f->wants_run = false;
  do {
    server->host.unfinished = false;
    MHD_run(f->daemon);
  } while (!server->stopping && !server->frozen && ++rounds < ROUNDS_PER_RUN && must_go_on(f));
  if (!server->stopping && !server->frozen) arm_timer(f);
}

void moon_http_server_run(moon_http_server *server) {
  if (server->running) return;
  server->announced = false;
  server->running = true;
  for (face *f = server->faces; f && !server->stopping && !server->frozen; f = f->next)
    if (f->wants_run) face_run(f);
  server->running = false;
  if (server->stopping) finish_stop(server);
}

static void on_log(void *ctx, const char *format, va_list args) {
  char text[300];
  if (!moon_log_enabled(MOON_LOG_DEBUG)) return;
  int len = vsnprintf(text, sizeof text, format, args);
  if (len > 0 && (size_t)len < sizeof text && text[len - 1] == '\n') text[len - 1] = 0;
  moon_log(MOON_LOG_DEBUG, "http server: %s", text);
}

static face *face_new(moon_http_server *server, const char *certificate, const char *key) {
  unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  struct MHD_OptionItem tls[4];
  int count = 0;
  if (certificate) {
    flags |= MHD_USE_TLS;
    tls[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate};
    tls[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key};
    if (server->client_ca) tls[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, server->client_ca};
  }
  tls[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
  /* The logger comes first: it is used while the other options are read. */
  struct MHD_Daemon *daemon = MHD_start_daemon(
      flags, 0, NULL, NULL, moon_http_on_request, &server->host, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
      MHD_OPTION_ARRAY, tls, MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS_PER_FACE, MHD_OPTION_CONNECTION_TIMEOUT,
      server->idle_timeout_s, MHD_OPTION_URI_LOG_CALLBACK, moon_http_on_target, &server->host,
      MHD_OPTION_NOTIFY_CONNECTION, moon_http_on_connection, &server->host, MHD_OPTION_NOTIFY_COMPLETED,
      moon_http_on_completed, &server->host, MHD_OPTION_END);
  if (!daemon) return NULL;

  face *f = moon_zalloc(sizeof *f);
  *f = (face){.server = server, .daemon = daemon, .certificate = moon_strdup(certificate), .next = server->faces};
  server->faces = f;
  uv_poll_init(server->loop, &f->poll, MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
  uv_timer_init(server->loop, &f->timer);
  f->poll.data = f->timer.data = f;
  server->handles += 2;
  if (!server->frozen) uv_poll_start(&f->poll, UV_READABLE, on_face_readable);
  return f;
}

static void freeze(moon_http_server *server) {
  server->frozen = true;
  for (face *f = server->faces; f; f = f->next) {
    uv_poll_stop(&f->poll);
    uv_timer_stop(&f->timer);
  }
}

static void thaw(moon_http_server *server) {
  server->frozen = false;
  for (face *f = server->faces; f; f = f->next) {
    uv_poll_start(&f->poll, UV_READABLE, on_face_readable);
    want_run(f);
  }
}

moon_status moon_http_server_set_certificate(moon_http_server *server, const char *certificate, const char *key,
                                             moon_error **err) {
  face *f = server->faces;
  while (f && !(certificate ? f->certificate && !strcmp(f->certificate, certificate) : !f->certificate)) f = f->next;
  if (!f && !(f = face_new(server, certificate, key)))
    return moon_error_give(moon_error_new(MOON_TLS, "cannot start an HTTP server: %s",
                                          certificate ? "its certificate or key is not usable" : strerror(errno)),
                           err);
  server->current = f;
  return MOON_OK;
}

/* --- the listening socket ----------------------------------------------------------------------------------------- */

static void accept_all(uv_poll_t *poll, int status, int events) {
  moon_http_server *server = poll->data;
  face *f = server->current;
  for (int i = 0; i < BACKLOG; i++) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    int fd = accept4(server->socket, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN) moon_log(MOON_LOG_WARN, "http server: cannot accept: %s", strerror(errno));
      break;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    server->accepted++;
    /* On failure libmicrohttpd has closed the socket and said why in the log. */
    MHD_add_connection(f->daemon, fd, (struct sockaddr *)&peer, len);
  }
  want_run(f);
}

static void on_listener_closed(uv_handle_t *handle) {
  moon_http_server *server = handle->data;
  free(handle);
  server->handles--;
  if (server->stopping) finish_stop(server);
}

static void close_listener(moon_http_server *server) {
  if (server->listener) uv_close((uv_handle_t *)server->listener, on_listener_closed);
  server->listener = NULL;
  if (server->socket >= 0) close(server->socket);
  server->socket = -1;
}

/* A socket that has our address; -1 (errno): it cannot be had. */
static int bind_socket(moon_http_server *server) {
  int on = 1;
  int fd = socket(server->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      bind(fd, (struct sockaddr *)&server->address, server->address_len) == 0 &&
      getsockname(fd, (struct sockaddr *)&server->address, &server->address_len) == 0)
    return fd;
  int reason = errno;
  if (fd >= 0) close(fd);
  errno = reason;
  return -1;
}

static moon_status open_listener(moon_http_server *server, moon_error **err) {
  if (server->listener) return MOON_OK;
  if (server->socket < 0) server->socket = bind_socket(server);
  if (server->socket < 0 || listen(server->socket, BACKLOG) != 0) {
    int reason = errno;
    char address[INET6_ADDRSTRLEN] = "";
    uv_ip_name((struct sockaddr *)&server->address, address, sizeof address);
    return moon_error_give(moon_error_new(MOON_CONFIG, "cannot listen on %s port %d: %s", address,
                                          moon_http_server_port(server), strerror(reason)),
                           err);
  }
  server->listener = moon_zalloc(sizeof *server->listener);
  uv_poll_init(server->loop, server->listener, server->socket);
  server->listener->data = server;
  server->handles++;
  return MOON_OK;
}

moon_status moon_http_server_set_listening(moon_http_server *server, moon_http_listening how, moon_error **err) {
  if (server->frozen && how != MOON_HTTP_FREEZE) thaw(server);
  if (!server->frozen && how == MOON_HTTP_FREEZE) freeze(server);
  if (how == MOON_HTTP_REFUSE) {
    if (!server->listener) return MOON_OK;
    close_listener(server);
    server->socket =
        bind_socket(server); /* the port stays ours; should that fail, it is tried again when it is needed */
    return MOON_OK;
  }
  moon_status status = open_listener(server, err);
  if (status) return status;
  if (how == MOON_HTTP_ACCEPT)
    uv_poll_start(server->listener, UV_READABLE, accept_all);
  else
    uv_poll_stop(server->listener);
  return MOON_OK;
}

static bool parse_address(moon_http_server *server, const char *text, int port) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)&server->address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&server->address;
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    server->address_len = sizeof *v4;
  } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    server->address_len = sizeof *v6;
  } else
    return false;
  return true;
}

int moon_http_server_port(const moon_http_server *server) {
  if (server->address.ss_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)&server->address)->sin6_port);
  return ntohs(((const struct sockaddr_in *)&server->address)->sin_port);
}

static void on_host_idle(moon_http_exchange_host *host) {
  moon_http_server *server = (moon_http_server *)host;
  if (server->stopping) finish_stop(server);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

moon_status moon_http_server_start(const moon_http_config *config, moon_http_server **out, moon_error **err) {
  moon_http_server *server = moon_zalloc(sizeof *server);
  moon_http_exchange_host_init(&server->host, config);
  server->host.woken = on_woken;
  server->host.idle = on_host_idle;
  server->loop = config->loop;
  server->socket = -1;
  server->client_ca = moon_strdup(config->client_ca);
  server->idle_timeout_s = config->idle_timeout_s;
  server->ready = config->ready;
  moon_status status = MOON_OK;
  if (!parse_address(server, config->address, config->port))
    status = moon_error_give(
        moon_error_new(MOON_CONFIG, "cannot listen on \"%s\": expected an IPv4 or IPv6 address", config->address), err);
  if (!status) status = moon_http_server_set_certificate(server, config->certificate, config->key, err);
  if (!status) status = moon_http_server_set_listening(server, MOON_HTTP_ACCEPT, err);
  if (status) {
    moon_http_server_stop(server);
    return status;
  }
  server->stopped = config->stopped;
  *out = server;
  return MOON_OK;
}

static void on_face_handle_closed(uv_handle_t *handle) {
  face *f = handle->data;
  moon_http_server *server = f->server;
  server->handles--;
  finish_stop(server);
}

/* Runs when no face runs: first ends the daemons, then, when the loop has closed all handles, frees the server. */
static void finish_stop(moon_http_server *server) {
  for (face *f = server->faces; f; f = f->next) {
    if (!f->daemon) continue;
    struct MHD_Daemon *daemon = f->daemon;
    f->daemon = NULL;
    uv_close((uv_handle_t *)&f->poll, on_face_handle_closed);
    uv_close((uv_handle_t *)&f->timer, on_face_handle_closed);
    MHD_stop_daemon(daemon);
  }
  if (server->handles > 0 || server->host.watches > 0) return;
  while (server->faces) {
    face *f = server->faces;
    server->faces = f->next;
    free(f->certificate);
    free(f);
  }
  void (*stopped)(void *) = server->stopped;
  void *ctx = server->host.ctx;
  free(server->client_ca);
  free(server);
  if (stopped) stopped(ctx);
}

void moon_http_server_stop(moon_http_server *server) {
  if (server->stopping) return;
  server->stopping = true;
  close_listener(server);
  moon_http_exchanges_release(&server->host);
  if (!server->running) finish_stop(server);
}

void moon_http_server_drop_connections(moon_http_server *server) {
  moon_http_connections_reset(&server->host);
}

moon_http_stats moon_http_server_stats(const moon_http_server *server) {
  return (moon_http_stats){.accepted = server->accepted, .open = server->host.open};
}
