/* exchange.c: one request on a connection: what libcurl is told, what it hands back, time limits, and what an end
 * means.
 *
 * Easy handles are set up once per connection and kept in a small stock; a handle whose request failed is thrown away,
 * because libcurl counts its own retries in it. Header lines are a chain: those of this request first (the
 * Authorization among them is the identity's), then the dialer's, shared by all. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/transport_internal.h"

enum {
  MAX_HEADERS = 256 << 10, /* libcurl bounds a header line, not in all its versions their number */
  MAX_RETRY_AFTER_S = 86400,
  SILENT_MS = 3000,
};

/* --- what libcurl hands back --- */

static void heard(moon_exchange *exchange) {
  int64_t now_ms = moon_clock_now_ms();
  bool first = !exchange->heard_ms;
  if (first) exchange->first_byte_us = (moon_clock_now_ns() - exchange->begun_ns) / 1000;
  exchange->heard_ms = exchange->transport->heard_ms = now_ms;
  /* The limit on the first byte gives way to the one on silence: the timer may have to come sooner. */
  int64_t idle_ms = exchange->request->idle_timeout_ms;
  if (first && idle_ms && (!moon_timer_active(&exchange->timer) || exchange->timer.due_ms > now_ms + idle_ms)) {
    moon_reactor_set_timer(exchange->transport->reactor, &exchange->timer, now_ms + idle_ms);
  }
}

static bool header_value(const char *line, size_t len, const char *name, const char **value, size_t *value_len) {
  size_t name_len = strlen(name);
  if (len <= name_len || strncasecmp(line, name, name_len) || line[name_len] != ':') return false;
  const char *start = line + name_len + 1, *end = line + len;
  while (start < end && isspace((unsigned char)*start)) start++;
  while (end > start && isspace((unsigned char)end[-1])) end--;
  *value = start;
  *value_len = (size_t)(end - start);
  return true;
}

static size_t got_header(char *line, size_t size, size_t count, void *arg) {
  moon_exchange *exchange = arg;
  moon_response *response = exchange->response;
  size_t len = size * count;
  heard(exchange);
  if (len > 5 && !memcmp(line, "HTTP/", 5)) { /* a new answer: what came before was an interim one */
    moon_response_clear(response);
    response->http2 = line[5] == '2';
    const char *space = memchr(line, ' ', len);
    response->status = space ? atoi(space + 1) : 0;
    return len;
  }
  const char *value;
  size_t value_len;
  if (header_value(line, len, "content-type", &value, &value_len)) {
    const char *parameters = memchr(value, ';', value_len);
    if (parameters) value_len = (size_t)(parameters - value);
    free(response->content_type);
    response->content_type = moon_strndup(value, value_len);
    for (char *c = response->content_type; *c; c++) *c = (char)tolower((unsigned char)*c);
  } else if (header_value(line, len, "retry-after", &value, &value_len) && value_len &&
             isdigit((unsigned char)*value)) {
    long long seconds = strtoll(value, NULL, 10);
    response->retry_after_ms = 1000 * (seconds < MAX_RETRY_AFTER_S ? seconds : MAX_RETRY_AFTER_S);
  }
  if (response->headers.len + len > MAX_HEADERS) {
    exchange->headers_too_large = true;
    return 0;
  }
  size_t text_len = len;
  while (text_len && (line[text_len - 1] == '\r' || line[text_len - 1] == '\n')) text_len--;
  if (text_len) {
    moon_buffer_add(&response->headers, line, text_len);
    moon_buffer_add_char(&response->headers, '\n');
  } else if (response->status >= 200 && exchange->handler->headers) {
    exchange->handler->headers(exchange);
  }
  return len;
}

static size_t got_data(char *bytes, size_t size, size_t count, void *arg) {
  moon_exchange *exchange = arg;
  size_t len = size * count, limit = exchange->request->max_body ? exchange->request->max_body : MOON_DEFAULT_MAX_BODY;
  heard(exchange);
  if (exchange->paused) return CURL_WRITEFUNC_PAUSE; /* libcurl forgets a pause that came before the answer began */
  exchange->received += len;
  if (exchange->received > limit) {
    exchange->too_large = true;
    return 0;
  }
  int status = exchange->response->status;
  if (!exchange->handler->data || status < 200 || status > 299) {
    moon_buffer_add(&exchange->response->body, bytes, len);
  } else if (!exchange->handler->data(exchange, bytes, len)) {
    exchange->cut = true;
    return 0;
  }
  return len;
}

static int about_to_send(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port) {
  moon_exchange *exchange = arg;
  exchange->sent = true;
  moon_transport_seal(exchange->transport, exchange->easy, local_port);
  return CURL_PREREQFUNC_OK;
}

/* --- beginning --- */

static CURL *take_easy(moon_transport *t) {
  if (t->spare_count) return t->spare[--t->spare_count];
  CURL *easy = curl_easy_init();
  if (!easy) abort(); /* out of memory: see alloc.h */
  moon_dialer_prepare(t->dialer, t->setup, easy);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, moon_transport_open_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, moon_transport_close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, t);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, got_header);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, got_data);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
  return easy;
}

/* True for methods that say how long their body is even when there is none: servers may insist on it. */
static bool carries_body(const moon_request *request) {
  return request->body || !strcmp(request->method, "POST") || !strcmp(request->method, "PUT") ||
         !strcmp(request->method, "PATCH");
}

static struct curl_slist *header_lines(const moon_exchange *exchange, struct curl_slist *shared) {
  const moon_request *request = exchange->request;
  char *lines[3];
  size_t count = 0, further = 0;
  lines[count++] = moon_sprintf("Accept: %s", request->accept ? request->accept : "application/json");
  if (request->body) {
    lines[count++] =
        moon_sprintf("Content-Type: %s", request->content_type ? request->content_type : "application/json");
  } else if (carries_body(request)) {
    lines[count++] = moon_strdup("Content-Type:"); /* else libcurl calls nothing a web form */
  }
  if (exchange->identity->authorization) lines[count++] = exchange->identity->authorization;
  while (request->headers && request->headers[further]) further++;
  /* One block of nodes; the last leads on to the shared ones. */
  struct curl_slist *nodes = moon_alloc((count + further) * sizeof *nodes);
  for (size_t i = 0; i < count + further; i++) {
    nodes[i].data = i < count ? lines[i] : moon_strdup(request->headers[i - count]);
    nodes[i].next = i + 1 < count + further ? &nodes[i + 1] : shared;
  }
  return nodes;
}

static void free_header_lines(moon_exchange *exchange) {
  struct curl_slist *nodes = exchange->header_nodes, *shared = moon_dialer_headers(exchange->transport->dialer);
  if (!nodes) return;
  for (struct curl_slist *node = nodes; node != shared; node = node->next)
    if (node->data != exchange->identity->authorization) free(node->data);
  free(nodes);
  exchange->header_nodes = NULL;
}

static void set_method(CURL *easy, const moon_request *request) {
  bool get = !strcmp(request->method, "GET"), head = !strcmp(request->method, "HEAD");
  curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  if (head) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (carries_body(request)) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(request->body ? request->body_len : 0));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, get || head ? NULL : request->method);
}

static int64_t due_ms(const moon_exchange *exchange) {
  const moon_request *request = exchange->request;
  int64_t due = exchange->deadline_ms ? exchange->deadline_ms : INT64_MAX;
  int64_t limit = exchange->heard_ms ? request->idle_timeout_ms : request->first_byte_timeout_ms;
  if (exchange->paused || !exchange->easy) limit = 0; /* then the silence is ours */
  /* The time for a connection is not that of a plugin, which has a limit of its own. */
  if (!exchange->easy && exchange == exchange->transport->first) return INT64_MAX;
  int64_t since = exchange->heard_ms ? exchange->heard_ms : exchange->started_ms;
  if (limit && since + limit < due) due = since + limit;
  return due;
}

static void set_timer(moon_exchange *exchange, int64_t due) {
  if (due != INT64_MAX)
    moon_reactor_set_timer(exchange->transport->reactor, &exchange->timer, due);
  else
    moon_reactor_stop_timer(exchange->transport->reactor, &exchange->timer);
}

static moon_error *timeout_error(const moon_exchange *exchange, int64_t now_ms);

static void timer_due(moon_timer *timer) {
  moon_exchange *exchange = MOON_ENTRY(timer, moon_exchange, timer);
  moon_transport *t = exchange->transport;
  int64_t now_ms = moon_clock_now_ms(), due = due_ms(exchange);
  if (now_ms < due) {
    set_timer(exchange, due);
    return;
  }
  /* Nothing at all has come over this connection for a while, since before this request: it is not to be trusted with
   * more. */
  exchange->silent =
      exchange->easy && t->heard_ms <= exchange->started_ms && now_ms - exchange->started_ms >= SILENT_MS;
  moon_error *err = timeout_error(exchange, now_ms);
  if (exchange->silent && t->established) moon_transport_suspect(t);
  moon_transport_abort(exchange, err);
}

void moon_exchange_prepare(moon_transport *t, moon_exchange *exchange) {
  exchange->transport = t;
  exchange->easy = NULL;
  exchange->identity = NULL;
  exchange->admission = NULL;
  exchange->sent = exchange->refused = exchange->silent = exchange->paused = false;
  exchange->first_byte_us = -1;
  exchange->too_large = exchange->headers_too_large = exchange->cut = exchange->postponed = false;
  exchange->received = 0;
  exchange->heard_ms = 0;
  exchange->result = CURLE_OK;
  exchange->header_nodes = NULL;
  exchange->begun_ns = moon_clock_now_ns();
  exchange->started_ms = exchange->begun_ns / 1000000;
  exchange->detail[0] = '\0';
  moon_response_clear(exchange->response);
  moon_timer_init(&exchange->timer, timer_due);
}

/* It does not begin at once: until it does, its deadline is looked after. */
void moon_exchange_postpone(moon_exchange *exchange) {
  exchange->postponed = true;
  set_timer(exchange, due_ms(exchange));
}

/* The time for which it had to wait for its credentials was not the server's. */
static void restart_clock(moon_exchange *exchange) {
  int64_t now_ns = moon_clock_now_ns(), now_ms = now_ns / 1000000;
  if (exchange == exchange->transport->first && exchange->deadline_ms)
    exchange->deadline_ms += now_ms - exchange->started_ms;
  exchange->begun_ns = now_ns;
  exchange->started_ms = now_ms;
}

void moon_exchange_begin(moon_exchange *exchange, moon_identity *identity) {
  moon_transport *t = exchange->transport;
  const moon_request *request = exchange->request;
  if (exchange->postponed) restart_clock(exchange);
  exchange->identity = identity;
  CURL *easy = exchange->easy = take_easy(t);
  moon_buffer url = {0};
  moon_buffer_add_text(&url, moon_dialer_base_url(t->dialer));
  moon_buffer_add_text(&url, request->path);
  curl_easy_setopt(easy, CURLOPT_URL, url.data);
  moon_buffer_free(&url);
  set_method(easy, request);
  exchange->header_nodes = header_lines(exchange, moon_dialer_headers(t->dialer));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->header_nodes);
  bool compress = request->compression >= 0 ? request->compression : !t->near && moon_dialer_may_compress(t->dialer);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, compress ? "gzip" : NULL);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->detail);
  set_timer(exchange, due_ms(exchange));
}

bool moon_exchange_is_silent(const moon_exchange *exchange, int64_t now_ms) {
  int64_t since_ms = exchange->heard_ms ? exchange->heard_ms : exchange->started_ms;
  return !exchange->paused && now_ms - since_ms >= SILENT_MS;
}

void moon_exchange_pause(moon_exchange *exchange, bool paused) {
  if (exchange->paused == paused) return;
  exchange->paused = paused;
  /* After a pause the server has its whole time again. */
  int64_t now_ms = moon_clock_now_ms();
  if (!paused && exchange->heard_ms) exchange->heard_ms = now_ms;
  if (!paused && !exchange->heard_ms) exchange->started_ms = now_ms;
  set_timer(exchange, due_ms(exchange));
  if (exchange->easy) curl_easy_pause(exchange->easy, paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

/* --- ending --- */

static void put_easy_back(moon_exchange *exchange, bool reusable) {
  moon_transport *t = exchange->transport;
  if (!exchange->easy) return; /* it was not admitted */
  if (reusable && t->spare_count < MAX_SPARE && !t->gone)
    t->spare[t->spare_count++] = exchange->easy;
  else
    curl_easy_cleanup(exchange->easy);
  exchange->easy = NULL;
}

static void conclude(moon_exchange *exchange, moon_error *err, bool reusable) {
  moon_reactor_stop_timer(exchange->transport->reactor, &exchange->timer);
  if (err) {
    if (!err->cluster) moon_error_set(&err->cluster, moon_dialer_cluster(exchange->transport->dialer));
    if (!err->endpoint) moon_error_set(&err->endpoint, moon_dialer_endpoint(exchange->transport->dialer));
  }
  put_easy_back(exchange, reusable);
  free_header_lines(exchange);
  moon_transport *t = exchange->transport;
  moon_identity *identity = exchange->identity;
  exchange->transport = NULL;
  if (exchange == t->first) moon_transport_first_over(t, exchange->result, !err);
  exchange->handler->done(exchange, err);
  moon_identity_release(identity);
}

void moon_exchange_finish(moon_exchange *exchange, moon_error *err) {
  conclude(exchange, err, false);
}

/* How far establishing came, for a person who waits. libcurl's own times are set too late to tell. */
static char *stage(const moon_transport *t) {
  bool tried = false;
  const moon_proxy *proxy = moon_dialer_proxy(t->dialer);
  for (size_t i = 0; i < MAX_SOCKETS; i++) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    if (!t->sockets[i]) continue;
    tried = true;
    if (getpeername(t->sockets[i]->fd, (struct sockaddr *)&peer, &len)) continue;
    if (proxy && !t->sealed && !moon_proxy_passed(proxy, t->first->easy))
      return moon_sprintf("the proxy %s is connected, but it has not reached the server", moon_proxy_url(proxy));
    return t->sealed ? moon_sprintf("connected, but GET %s was not answered", t->first->request->path)
                     : moon_strdup("TCP connected, but the TLS handshake was not answered");
  }
  if (proxy)
    return moon_sprintf(tried ? "no TCP connection to the proxy %s came about"
                              : "the name of the proxy %s was not resolved",
                        moon_proxy_url(proxy));
  return moon_strdup(tried ? "no TCP connection came about (packets dropped by a firewall, or the host is down?)"
                           : "the name was not resolved (is the name server down?)");
}

static moon_error *timeout_error(const moon_exchange *exchange, int64_t now_ms) {
  const moon_transport *t = exchange->transport;
  const moon_request *request = exchange->request;
  const char *endpoint = moon_dialer_endpoint(t->dialer);
  if (!exchange->easy) {
    char *source = moon_credential_source(moon_dialer_credential(t->dialer));
    moon_error *err =
        moon_error_new(MOON_TIMEOUT, "%s %s%s: not sent within %lld ms: %s has not answered yet", request->method,
                       endpoint, request->path, (long long)(now_ms - exchange->started_ms), source);
    free(source);
    return err;
  }
  if (exchange == t->first) {
    char *reached = stage(t);
    moon_error *err = moon_error_new(MOON_TIMEOUT, "%s: not connected within %lld ms: %s", endpoint,
                                     (long long)t->connect_timeout_ms, reached);
    free(reached);
    return err;
  }
  if (!exchange->heard_ms) {
    return moon_error_new(MOON_TIMEOUT, "%s %s%s: no answer within %lld ms", request->method, endpoint, request->path,
                          (long long)(now_ms - exchange->started_ms));
  }
  if (exchange->deadline_ms && now_ms >= exchange->deadline_ms) {
    return moon_error_new(MOON_TIMEOUT, "%s %s%s: the answer was not complete within %lld ms (%zu bytes came)",
                          request->method, endpoint, request->path, (long long)(now_ms - exchange->started_ms),
                          exchange->received);
  }
  return moon_error_new(MOON_TIMEOUT, "%s %s%s: the answer stopped for %lld ms after %zu bytes", request->method,
                        endpoint, request->path, (long long)request->idle_timeout_ms, exchange->received);
}

static bool certificate_refused(const char *detail) {
  return strstr(detail, "alert") &&
         (strstr(detail, "certificate") || strstr(detail, "unknown ca") || strstr(detail, "access denied"));
}

/* The socket's end, not TLS, is what went wrong. */
static bool cut_in_handshake(const char *detail) {
  return strstr(detail, "SSL_connect: ") || strstr(detail, "Recv failure: ") || strstr(detail, "Send failure: ") ||
         strstr(detail, "unexpected eof");
}

static moon_error *failure(const moon_exchange *exchange) {
  const moon_transport *t = exchange->transport;
  const moon_request *request = exchange->request;
  const char *endpoint = moon_dialer_endpoint(t->dialer);
  const char *detail = exchange->detail[0] ? exchange->detail : curl_easy_strerror(exchange->result);
  long verify = 0;
  if (exchange->too_large) {
    return moon_error_new(MOON_PROTOCOL, "%s %s%s: the answer is larger than the limit of %zu bytes (maxBodySize)",
                          request->method, endpoint, request->path,
                          request->max_body ? request->max_body : (size_t)MOON_DEFAULT_MAX_BODY);
  }
  if (exchange->headers_too_large) {
    return moon_error_new(MOON_PROTOCOL, "%s %s%s: the headers of the answer are larger than %d bytes", request->method,
                          endpoint, request->path, MAX_HEADERS);
  }
  if (exchange->cut)
    return moon_error_new(MOON_CANCELLED, "%s %s%s: cancelled", request->method, endpoint, request->path);
  if (exchange->refused && !exchange->sent) {
    return moon_error_new(MOON_CONNECT, "%s: the connection takes no more requests", endpoint);
  }
  const moon_proxy *proxy = t->sealed ? NULL : moon_dialer_proxy(t->dialer);
  if (proxy) {
    moon_error *err = moon_proxy_failure(proxy, exchange->easy, exchange->result, detail, endpoint);
    if (err) return err;
  }
  if (certificate_refused(detail)) {
    return moon_error_new(MOON_TLS, "%s: the server refused our client certificate: %s", endpoint, detail);
  }
  switch (exchange->result) {
  case CURLE_URL_MALFORMAT: /* not repeated here: it may hold line ends */
    return moon_error_new(MOON_INVALID, "%s %s: the path is not one that can be sent (is it percent-encoded?)",
                          request->method, endpoint);
  case CURLE_COULDNT_RESOLVE_HOST:
    return moon_error_new(MOON_CONNECT, "%s: the name cannot be resolved", endpoint);
  case CURLE_COULDNT_CONNECT:
    if (!exchange->refused) return moon_dialer_connect_error(t->dialer, exchange->easy, exchange->detail);
    break;
  case CURLE_SSL_CONNECT_ERROR:
    /* libcurl's words for a socket that failed under the handshake; a fault of TLS itself is told without them */
    if (strstr(detail, "Send failure: ") || strstr(detail, "Recv failure: ") || strstr(detail, " in connection to "))
      break;
    /* fall through */
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_USE_SSL_FAILED:
    if (cut_in_handshake(detail)) break;
    curl_easy_getinfo(exchange->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
    return moon_dialer_tls_error(t->dialer, t->sealed ? 0 : verify, detail);
  case CURLE_BAD_CONTENT_ENCODING:
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_WEIRD_SERVER_REPLY:
    return moon_error_new(MOON_PROTOCOL, "%s: the answer is not HTTP as it should be: %s", endpoint, detail);
  default:
    break;
  }
  if (strstr(detail, "getpeername() failed")) detail = "it was reset as soon as it was accepted";
  if (exchange == t->first) {
    return moon_error_new(MOON_CONNECT, "%s: the connection was lost while it was being made: %s", endpoint, detail);
  }
  if (exchange->heard_ms && exchange->response->status) {
    return moon_error_new(MOON_CONNECT,
                          "%s %s%s: the connection was lost in the middle of the answer, after %zu bytes: %s",
                          request->method, endpoint, request->path, exchange->received, detail);
  }
  return moon_error_new(MOON_CONNECT, "%s %s%s: the connection was lost before an answer came: %s", request->method,
                        endpoint, request->path, detail);
}

void moon_exchange_end(moon_exchange *exchange) {
  const moon_proxy *proxy = moon_dialer_proxy(exchange->transport->dialer);
  if (exchange->result == CURLE_OK && exchange->response->status == 407 && proxy && moon_proxy_relays(proxy))
    conclude(exchange, moon_proxy_wants_credentials(proxy, 407), false);
  else if (exchange->result == CURLE_OK)
    conclude(exchange, NULL, true);
  else
    conclude(exchange, failure(exchange), false);
}
