/* tls_server.c: see tls_server.h. Blocking I/O; `lock` guards the lists, and each connection's descriptor, so that the
 * end of the server and the end of a connection do not meet on a descriptor that is somebody else's by now. */
#include "support/tls_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"

enum { MAX_CONNECTIONS = 4096 };

typedef struct connection {
  tls_server *server;
  int index;
  int fd; /* -1: closed */
  SSL *ssl;
  pthread_t thread;
  moon_buffer unread;
  server_connection seen;
} connection;

struct tls_server {
  tls_server_options options;
  SSL_CTX *ctx;
  int fd, port;
  pthread_t acceptor;
  pthread_mutex_t lock;
  bool stopping;
  connection *connections[MAX_CONNECTIONS];
  int connection_count;
  int readyz_status;
  const char *readyz_body;
  const char *api;
  server_request **requests;
  size_t request_count;
};

/* --- bytes --- */

static bool stopping(tls_server *server) {
  pthread_mutex_lock(&server->lock);
  bool yes = server->stopping;
  pthread_mutex_unlock(&server->lock);
  return yes;
}

static int get_bytes(connection *c, char *bytes, size_t len) {
  return c->ssl ? SSL_read(c->ssl, bytes, (int)len) : (int)recv(c->fd, bytes, len, 0);
}

static bool put(connection *c, const char *bytes, size_t len) {
  while (len) {
    int n = c->ssl ? SSL_write(c->ssl, bytes, (int)len) : (int)send(c->fd, bytes, len, MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes += n;
    len -= (size_t)n;
  }
  return true;
}

static bool put_text(connection *c, const char *text) {
  return put(c, text, strlen(text));
}

static void pause_ms(long ms) {
  struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&wait, NULL);
}

static void close_connection(connection *c, bool reset) {
  pthread_mutex_lock(&c->server->lock);
  if (c->fd >= 0) {
    struct linger now = {1, 0};
    if (reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(c->fd);
    c->fd = -1;
  }
  pthread_mutex_unlock(&c->server->lock);
}

/* Until the client or the server goes away. */
static void hang(connection *c) {
  struct pollfd gone = {.fd = c->fd, .events = POLLRDHUP};
  while (!stopping(c->server) && poll(&gone, 1, 20) == 0) continue;
}

/* --- answers: false ends the connection --- */

static long number(const char *path, const char *name, long otherwise) {
  char *key = moon_sprintf("%s=", name);
  const char *query = strchr(path, '?'), *found = query ? strstr(query, key) : NULL;
  long value = found ? strtol(found + strlen(key), NULL, 10) : otherwise;
  free(key);
  return value;
}

static char *alphabet(size_t len) {
  char *bytes = moon_alloc(len + 1);
  for (size_t i = 0; i < len && i < 26; i++) bytes[i] = (char)('a' + i);
  for (size_t done = 26; done < len; done *= 2) memcpy(bytes + done, bytes, len - done < done ? len - done : done);
  bytes[len] = '\0';
  return bytes;
}

static bool answer(connection *c, const server_request *request, int status, const char *headers, const char *body,
                   size_t len) {
  moon_buffer out = {0};
  moon_buffer_addf(&out, "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n", status, len, headers);
  if (strcmp(request->method, "HEAD")) moon_buffer_add(&out, body, len);
  bool sent = put(c, out.data, out.len);
  moon_buffer_free(&out);
  return sent;
}

static bool answer_ok(connection *c, const server_request *request) {
  return answer(c, request, 200, "Content-Type: text/plain\r\n", "ok", 2);
}

static bool do_livez(connection *c, const server_request *request) {
  const tls_server_options *options = &c->server->options;
  if (options->livez_hangs) hang(c);
  bool sent = answer(c, request, options->livez_status ? options->livez_status : 200,
                     options->livez_closes ? "Connection: close\r\n" : "", "ok", 2);
  return sent && !options->livez_closes;
}

static bool do_readyz(connection *c, const server_request *request) {
  pthread_mutex_lock(&c->server->lock);
  int status = c->server->readyz_status;
  const char *body = c->server->readyz_body;
  pthread_mutex_unlock(&c->server->lock);
  if (status == NEVER_ANSWERED) {
    hang(c);
    return false;
  }
  return answer(c, request, status, "Content-Type: text/plain\r\n", body, strlen(body));
}

static bool do_version(connection *c, const server_request *request) {
  return answer(c, request, 200, "Content-Type: application/json\r\n", "{}", 2);
}

static bool do_echo(connection *c, const server_request *request) {
  moon_buffer body = {0};
  moon_buffer_addf(&body, "%s ", request->method);
  moon_buffer_add(&body, request->body, request->body_len);
  bool sent = answer(c, request, 200, "Content-Type: Text/Plain; charset=utf-8\r\n", body.data, body.len);
  moon_buffer_free(&body);
  return sent;
}

static bool do_bytes(connection *c, const server_request *request) {
  size_t len = (size_t)number(request->path, "n", 10);
  char *bytes = alphabet(len);
  bool sent = answer(c, request, 200, "", bytes, len);
  free(bytes);
  return sent;
}

static bool do_chunked(connection *c, const server_request *request) {
  size_t len = (size_t)number(request->path, "n", 10), piece = 7000;
  char *bytes = alphabet(len);
  bool sent = put_text(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
  for (size_t at = 0; sent && at < len; at += piece) {
    size_t now = len - at < piece ? len - at : piece;
    char *head = moon_sprintf("%zx\r\n", now);
    sent = put_text(c, head) && put(c, bytes + at, now) && put_text(c, "\r\n");
    free(head);
  }
  free(bytes);
  return sent && put_text(c, "0\r\nX-Sum: 42\r\n\r\n");
}

static bool do_gzip(connection *c, const server_request *request) {
  static const char packed[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcb\x48\xcd\xc9\xc9\xd7\x51\x48\xce\xcf"
                               "\x2d\x28\x4a\x2d\x2e\x4e\x4d\x01\x00\x12\x7e\x19\x78\x11\x00\x00\x00";
  return answer(c, request, 200, "Content-Encoding: gzip\r\n", packed, sizeof packed - 1);
}

static bool do_bad_gzip(connection *c, const server_request *request) {
  return answer(c, request, 200, "Content-Encoding: gzip\r\n", "this is not gzip", 16);
}

static bool do_status(connection *c, const server_request *request) {
  const char *after = strstr(request->path, "after=");
  char *header = after ? moon_sprintf("Retry-After: %s\r\n", after + 6) : moon_strdup("");
  bool sent = answer(c, request, (int)number(request->path, "code", 200), header, "{}", 2);
  free(header);
  return sent;
}

static bool do_interim(connection *c, const server_request *request) {
  return put_text(c, "HTTP/1.1 103 Early Hints\r\nRetry-After: 7\r\nX-Early: yes\r\n\r\n") && answer_ok(c, request);
}

static bool do_headers(connection *c, const server_request *request) {
  bool sent = put_text(c, "HTTP/1.1 200 OK\r\n");
  char *value = alphabet(992);
  char *line = moon_sprintf("X-Fill: %s\r\n", value);
  for (long n = number(request->path, "n", 1); sent && n > 0; n--) sent = put_text(c, line);
  free(line);
  free(value);
  return sent && put_text(c, "Content-Length: 2\r\n\r\nok");
}

static bool do_last(connection *c, const server_request *request) {
  answer(c, request, 200, "Connection: close\r\n", "ok", 2);
  return false;
}

/* Carries bytes both ways until one side is at its end. */
static void relay(connection *c, int fd) {
  char bytes[16384];
  for (int n = 1; n > 0 && !stopping(c->server);) {
    struct pollfd sides[] = {{.fd = c->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    if (!(c->ssl && SSL_pending(c->ssl)) && poll(sides, 2, 20) == 0) continue;
    if ((sides[0].revents || (c->ssl && SSL_pending(c->ssl))) && (n = get_bytes(c, bytes, sizeof bytes)) > 0)
      n = (int)send(fd, bytes, (size_t)n, MSG_NOSIGNAL);
    if (n > 0 && sides[1].revents && (n = (int)recv(fd, bytes, sizeof bytes, 0)) > 0) n = put(c, bytes, (size_t)n);
  }
}

static bool do_connect(connection *c, const server_request *request) {
  const char *colon = strrchr(request->path, ':');
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)(colon ? atoi(colon + 1) : 0))};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address))
    answer(c, request, 502, "", "", 0);
  else if (put_text(c, "HTTP/1.1 200 Connected\r\n\r\n"))
    relay(c, fd);
  close(fd);
  return false;
}

static bool do_close(connection *c, const server_request *request) {
  return false;
}

static bool do_reset(connection *c, const server_request *request) {
  close_connection(c, true);
  return false;
}

static bool do_then_close(connection *c, const server_request *request) {
  answer_ok(c, request);
  pause_ms(number(request->path, "ms", 0));
  return false;
}

static bool do_then_bye(connection *c, const server_request *request) {
  answer_ok(c, request);
  pause_ms(number(request->path, "ms", 0));
  SSL_shutdown(c->ssl);
  return false;
}

static bool do_then_reset(connection *c, const server_request *request) {
  answer_ok(c, request);
  pause_ms(number(request->path, "ms", 0));
  return do_reset(c, request);
}

static bool do_then_junk(connection *c, const server_request *request) {
  answer_ok(c, request);
  pause_ms(number(request->path, "ms", 0));
  return put_text(c, "nobody asked for this\r\n");
}

static bool do_part(connection *c, size_t len) {
  char *bytes = alphabet(len);
  bool sent = put_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") && put(c, bytes, len);
  free(bytes);
  return sent;
}

static bool do_truncated(connection *c, const server_request *request) {
  do_part(c, 400);
  return false;
}

static bool do_cut(connection *c, const server_request *request) {
  do_part(c, 400);
  pause_ms(50); /* a reset overtakes what was not read yet */
  return do_reset(c, request);
}

static bool do_hang(connection *c, const server_request *request) {
  hang(c);
  return false;
}

static bool do_stall(connection *c, const server_request *request) {
  do_part(c, 100);
  hang(c);
  return false;
}

static bool do_drip(connection *c, const server_request *request) {
  long count = number(request->path, "n", 10);
  char *head = moon_sprintf("HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", count);
  bool sent = put_text(c, head);
  free(head);
  for (; sent && count > 0 && !stopping(c->server); count--) {
    pause_ms(number(request->path, "ms", 10));
    sent = put(c, "x", 1);
  }
  return sent;
}

static bool do_not_http(connection *c, const server_request *request) {
  put_text(c, "220 mail.example.org at your service\r\n");
  return false;
}

static const struct {
  const char *path;
  bool (*answer)(connection *c, const server_request *request);
} behaviours[] = {
    {"/livez", do_livez},
    {"/readyz", do_readyz},
    {"/version", do_version},
    {"/echo", do_echo},
    {"/bytes", do_bytes},
    {"/chunked", do_chunked},
    {"/gzip", do_gzip},
    {"/bad-gzip", do_bad_gzip},
    {"/status", do_status},
    {"/interim", do_interim},
    {"/headers", do_headers},
    {"/last", do_last},
    {"/close", do_close},
    {"/reset", do_reset},
    {"/then-close", do_then_close},
    {"/then-bye", do_then_bye},
    {"/then-reset", do_then_reset},
    {"/then-junk", do_then_junk},
    {"/truncated", do_truncated},
    {"/cut", do_cut},
    {"/hang", do_hang},
    {"/stall", do_stall},
    {"/drip", do_drip},
    {"/not-http", do_not_http},
};

static const char *api_of(tls_server *server) {
  pthread_mutex_lock(&server->lock);
  const char *api = server->api;
  pthread_mutex_unlock(&server->lock);
  return api;
}

static bool behave(connection *c, const server_request *request) {
  server_request instead = *request;
  if (!strcmp(request->method, "CONNECT")) {
    if (!c->server->options.connect) return do_connect(c, request);
    instead.path = (char *)c->server->options.connect;
    request = &instead;
  }
  if (!strncmp(request->path, "http://", 7)) {
    instead.path += 7 + strcspn(request->path + 7, "/");
    request = &instead;
  }
  if (!strncmp(request->path, "/api/", 5)) {
    const char *api = api_of(c->server);
    if (!api) return answer_ok(c, request);
    instead.path = (char *)api;
    request = &instead;
  }
  size_t len = strcspn(request->path, "?");
  for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++) {
    const char *path = behaviours[i].path;
    if (strlen(path) == len && !strncmp(path, request->path, len)) return behaviours[i].answer(c, request);
  }
  return answer(c, request, 404, "", "", 0);
}

/* --- requests --- */

static bool read_more(connection *c) {
  char bytes[16384];
  int n = get_bytes(c, bytes, sizeof bytes);
  if (n > 0) moon_buffer_add(&c->unread, bytes, (size_t)n);
  return n > 0;
}

/* A last answer to something that is no request. What the client sends meanwhile is read, because a socket closed with
 * unread bytes is reset, and the reset may overtake the answer. */
static void say_goodbye(connection *c, const char *answer) {
  char rest[4096];
  if (answer) send(c->fd, answer, strlen(answer), MSG_NOSIGNAL);
  shutdown(c->fd, SHUT_WR);
  while (recv(c->fd, rest, sizeof rest, 0) > 0) continue;
}

/* The next request on the connection; NULL: there is none. */
static server_request *read_request(connection *c) {
  const char *end;
  while (!c->unread.len || !(end = strstr(c->unread.data, "\r\n\r\n"))) {
    if (!read_more(c)) return NULL;
    if (c->unread.data[0] == 22) { /* a TLS handshake, where plain http is spoken */
      say_goodbye(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      return NULL;
    }
  }
  size_t head_len = (size_t)(end - c->unread.data) + 4;
  const char *line_end = strstr(c->unread.data, "\r\n") + 2;
  server_request *request = moon_zalloc(sizeof *request);
  request->connection = c->index;
  request->at_ms = moon_clock_now_ms();
  char *line = moon_strndup(c->unread.data, (size_t)(line_end - c->unread.data)), *rest = line;
  request->method = moon_strdup(strsep(&rest, " "));
  request->path = moon_strdup(rest ? strsep(&rest, " ") : "");
  free(line);
  request->headers = moon_strndup(line_end, head_len - (size_t)(line_end - c->unread.data));
  const char *length = strcasestr(request->headers, "content-length:");
  request->body_len = length ? strtoul(length + 15, NULL, 10) : 0;
  while (c->unread.len < head_len + request->body_len && read_more(c)) continue;
  if (c->unread.len < head_len + request->body_len) request->body_len = c->unread.len - head_len;
  request->body = moon_strndup(c->unread.data + head_len, request->body_len);
  size_t used = head_len + request->body_len;
  memmove(c->unread.data, c->unread.data + used, c->unread.len - used + 1);
  c->unread.len -= used;
  tls_server *server = c->server;
  pthread_mutex_lock(&server->lock);
  server->requests = moon_realloc(server->requests, (server->request_count + 1) * sizeof(server_request *));
  server->requests[server->request_count++] = request;
  pthread_mutex_unlock(&server->lock);
  return request;
}

/* --- connections --- */

static bool handshake(connection *c) {
  tls_server *server = c->server;
  pthread_mutex_lock(&server->lock);
  bool ignored = server->options.never_handshakes;
  pthread_mutex_unlock(&server->lock);
  if (ignored) {
    hang(c);
    return false;
  }
  if (!server->ctx) return true;
  c->ssl = SSL_new(server->ctx);
  SSL_set_fd(c->ssl, c->fd);
  if (SSL_accept(c->ssl) != 1) {
    unsigned long code = ERR_peek_error();
    SSL_free(c->ssl);
    c->ssl = NULL;
    bool http = ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
    say_goodbye(c, http ? "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n" : NULL);
    ERR_clear_error();
    return false;
  }
  const char *name = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
  X509 *client = SSL_get0_peer_certificate(c->ssl);
  char subject[256];
  bool has_subject =
      client && X509_NAME_get_text_by_NID(X509_get_subject_name(client), NID_commonName, subject, sizeof subject) > 0;
  pthread_mutex_lock(&server->lock);
  c->seen = (server_connection){moon_strdup(name), moon_strdup(has_subject ? subject : NULL),
                                SSL_session_reused(c->ssl) == 1};
  pthread_mutex_unlock(&server->lock);
  return true;
}

static void *serve(void *arg) {
  connection *c = arg;
  if (handshake(c)) {
    for (server_request *request; (request = read_request(c)) && behave(c, request);) continue;
  }
  ERR_clear_error();
  SSL_free(c->ssl);
  c->ssl = NULL;
  close_connection(c, false);
  return NULL;
}

static void *accept_all(void *arg) {
  tls_server *server = arg;
  for (int fd; (fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
    pthread_mutex_lock(&server->lock);
    if (server->stopping || server->connection_count == MAX_CONNECTIONS) {
      close(fd);
    } else {
      connection *c = moon_zalloc(sizeof *c);
      c->server = server;
      c->fd = fd;
      c->index = server->connection_count;
      server->connections[server->connection_count++] = c;
      pthread_create(&c->thread, NULL, serve, c);
    }
    pthread_mutex_unlock(&server->lock);
  }
  return NULL;
}

/* --- life --- */

static SSL_CTX *new_context(const tls_server_options *options) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"spec", 4);
  BIO *bio = BIO_new_mem_buf(options->certificate, -1);
  X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  SSL_CTX_use_certificate(ctx, certificate);
  X509_free(certificate);
  for (X509 *issuer; (issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL));) SSL_CTX_add0_chain_cert(ctx, issuer);
  BIO_free(bio);
  bio = BIO_new_mem_buf(options->key, -1);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  BIO_free(bio);
  if (!SSL_CTX_use_PrivateKey(ctx, key)) abort();
  EVP_PKEY_free(key);
  if (options->client_ca) {
    bio = BIO_new_mem_buf(options->client_ca, -1);
    X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca);
    X509_free(ca);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  ERR_clear_error();
  return ctx;
}

tls_server *tls_server_start(const tls_server_options *options) {
  tls_server *server = moon_zalloc(sizeof *server);
  server->options = *options;
  if (options->certificate) server->ctx = new_context(options);
  pthread_mutex_init(&server->lock, NULL);
  tls_server_set_readyz(server, 200, "ok");
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  bool is_v6 = options->address && inet_pton(AF_INET6, options->address, &v6.sin6_addr) == 1;
  if (options->address && !is_v6) inet_pton(AF_INET, options->address, &v4.sin_addr);
  v4.sin_port = v6.sin6_port = htons((uint16_t)options->port);
  struct sockaddr *address = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
  socklen_t len = is_v6 ? sizeof v6 : sizeof v4;
  int again = 1; /* the port of one that was stopped, whose connections the system still remembers */
  server->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
  if (bind(server->fd, address, len) || listen(server->fd, 128) || getsockname(server->fd, address, &len)) {
    perror("tls_server");
    abort();
  }
  server->port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
  sigset_t pipe, before; /* inherited by all its threads: TLS writes to a closed connection are part of the game */
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  pthread_create(&server->acceptor, NULL, accept_all, server);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return server;
}

void tls_server_stop(tls_server *server) {
  pthread_mutex_lock(&server->lock);
  server->stopping = true;
  shutdown(server->fd, SHUT_RDWR);
  for (int i = 0; i < server->connection_count; i++) {
    if (server->connections[i]->fd >= 0) shutdown(server->connections[i]->fd, SHUT_RDWR);
  }
  pthread_mutex_unlock(&server->lock);
  pthread_join(server->acceptor, NULL);
  close(server->fd);
  for (int i = 0; i < server->connection_count; i++) {
    connection *c = server->connections[i];
    pthread_join(c->thread, NULL);
    moon_buffer_free(&c->unread);
    free(c->seen.server_name);
    free(c->seen.client_subject);
    free(c);
  }
  for (size_t i = 0; i < server->request_count; i++) {
    server_request *request = server->requests[i];
    free(request->method);
    free(request->path);
    free(request->headers);
    free(request->body);
    free(request);
  }
  free(server->requests);
  SSL_CTX_free(server->ctx);
  pthread_mutex_destroy(&server->lock);
  free(server);
}

void tls_server_set_readyz(tls_server *server, int status, const char *body) {
  pthread_mutex_lock(&server->lock);
  server->readyz_status = status;
  server->readyz_body = body;
  pthread_mutex_unlock(&server->lock);
}

void tls_server_ignore_new(tls_server *server) {
  pthread_mutex_lock(&server->lock);
  server->options.never_handshakes = true;
  pthread_mutex_unlock(&server->lock);
}

/* --- what it saw --- */

int tls_server_port(const tls_server *server) {
  return server->port;
}

void tls_server_set_api(tls_server *server, const char *path) {
  pthread_mutex_lock(&server->lock);
  server->api = path;
  pthread_mutex_unlock(&server->lock);
}

int tls_server_connections(tls_server *server) {
  pthread_mutex_lock(&server->lock);
  int count = server->connection_count;
  pthread_mutex_unlock(&server->lock);
  return count;
}

int tls_server_open(tls_server *server) {
  int count = 0;
  pthread_mutex_lock(&server->lock);
  for (int i = 0; i < server->connection_count; i++) count += server->connections[i]->fd >= 0;
  pthread_mutex_unlock(&server->lock);
  return count;
}

const server_connection *tls_server_connection(tls_server *server, int index) {
  pthread_mutex_lock(&server->lock);
  const server_connection *seen = index < server->connection_count ? &server->connections[index]->seen : NULL;
  pthread_mutex_unlock(&server->lock);
  return seen;
}

static const server_request *find(tls_server *server, const char *path, int *count) {
  const server_request *last = NULL;
  pthread_mutex_lock(&server->lock);
  for (size_t i = 0; i < server->request_count; i++) {
    if (strcmp(server->requests[i]->path, path)) continue;
    last = server->requests[i];
    ++*count;
  }
  pthread_mutex_unlock(&server->lock);
  return last;
}

int tls_server_count(tls_server *server, const char *path) {
  int count = 0;
  find(server, path, &count);
  return count;
}

const server_request *tls_server_find(tls_server *server, const char *path) {
  int count = 0;
  return find(server, path, &count);
}

bool server_request_has(const server_request *request, const char *header_line) {
  size_t len = strlen(header_line);
  for (const char *line = request->headers; *line; line = strstr(line, "\r\n") + 2) {
    if (!strncasecmp(line, header_line, len) && line[len] == '\r') return true;
  }
  return false;
}
