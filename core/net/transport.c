/* transport.c: see transport.h. Sockets, timers and life of the libcurl multi; what happens to a single request is in
 * exchange.c, and before it begins in admission.c.
 *
 * libcurl is entered in three ways only: a socket is ready, its timer is due, a request is added. After each, settle()
 * looks at what became of it: requests that ended are taken out first, then the fate of the connection is told, then
 * the requests' owners are. */
#include "net/transport.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/lookups.h"
#include "net/transport_internal.h"

enum {
  NEAR_US = 1000, /* a round trip below this makes compression a loss */
  NUDGE_MS = 10,
};

/* --- sockets --- */

/* libcurl closes a socket that never became a connection without a word. Its watch goes when its place is needed, at
 * the latest with the seal, before its number can be taken for that of somebody else's socket. */
static void forget_closed_sockets(moon_transport *t, int reused) {
  for (size_t i = 0; i < MAX_SOCKETS; i++) {
    if (!t->sockets[i]) continue;
    int fd = t->sockets[i]->fd;
    bool in_use = fd >= 0 && fd != reused && fcntl(fd, F_GETFD) >= 0;
    if (in_use) continue;
    moon_watch_free(t->sockets[i]);
    t->sockets[i] = NULL;
  }
}

static int local_port(int fd) {
  struct sockaddr_storage address = {0};
  socklen_t len = sizeof address;
  if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &len)) return -1;
  if (address.ss_family == AF_UNIX) return 0; /* and so it is for libcurl */
  return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                             : ((struct sockaddr_in *)&address)->sin_port);
}

static void keep_socket_of_port(moon_transport *t, int port) {
  for (size_t i = 0; i < MAX_SOCKETS; i++) {
    if (!t->sockets[i] || local_port(t->sockets[i]->fd) == port) continue;
    moon_watch_free(t->sockets[i]);
    t->sockets[i] = NULL;
  }
}

static moon_watch **find_socket(moon_transport *t, int fd) {
  for (size_t i = 0; i < MAX_SOCKETS; i++) {
    if (t->sockets[i] && t->sockets[i]->fd == fd) return &t->sockets[i];
  }
  return NULL;
}

/* libcurl makes socket pairs for itself, without close-on-exec: one with each multi, one with each name that it
 * resolves. They take the lowest descriptors that were free before; a few more are looked at, because other threads
 * take descriptors too. Theirs are left alone: only pairs that this process has with itself count. */
enum { FREE_SLOTS = 4 };

static void find_free_slots(moon_transport *t, int slots[FREE_SLOTS]) {
  int from = 0;
  for (size_t i = 0; i < FREE_SLOTS; i++) {
    slots[i] = fcntl(uv_backend_fd(moon_reactor_loop(t->reactor)), F_DUPFD_CLOEXEC, from);
    if (slots[i] < 0) continue;
    close(slots[i]);
    from = slots[i] + 1;
  }
}

static void close_pairs_on_exec(const int slots[FREE_SLOTS]) {
  for (size_t i = 0; i < FREE_SLOTS; i++) {
    int flags = slots[i] < 0 ? -1 : fcntl(slots[i], F_GETFD), domain = 0;
    socklen_t len = sizeof domain;
    if (flags < 0 || (flags & FD_CLOEXEC)) continue;
    if (getsockopt(slots[i], SOL_SOCKET, SO_DOMAIN, &domain, &len) || domain != AF_UNIX) continue;
    struct ucred peer;
    socklen_t peer_len = sizeof peer;
    if (getsockopt(slots[i], SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) || peer.pid != getpid()) continue;
    fcntl(slots[i], F_SETFD, flags | FD_CLOEXEC);
  }
}

static CURLM *new_multi(moon_transport *t) {
  int slots[FREE_SLOTS];
  find_free_slots(t, slots);
  CURLM *multi = curl_multi_init();
  close_pairs_on_exec(slots);
  return multi;
}

static void settle(moon_transport *t);

static void socket_ready(moon_watch *watch, int events) {
  moon_transport *t = watch->owner;
  if (t->idle) { /* nobody reads an idle connection: whatever woke us, the other side is gone */
    /* With something to say before it left (GOAWAY, TLS close) it closed in order; a crash leaves nothing to read. */
    char byte;
    t->broken = recv(watch->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
    moon_watch_set(watch, 0);
    t->gone = true;
    settle(t);
    return;
  }
  /* An error is not told as such: libcurl would not read what came before it, which may be the whole answer. */
  int bits = events < 0 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : 0;
  if (events > 0 && (events & UV_READABLE)) bits |= CURL_CSELECT_IN;
  if (events > 0 && (events & UV_WRITABLE)) bits |= CURL_CSELECT_OUT;
  int running;
  curl_multi_socket_action(t->multi, watch->fd, bits, &running);
  settle(t);
}

curl_socket_t moon_transport_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
  moon_exchange *exchange = arg;
  moon_transport *t = exchange->transport;
  if (!t || t->sealed) {
    exchange->refused = true;
    return CURL_SOCKET_BAD;
  }
  if (t->lookup >= 0) moon_lookup_end(t->lookup);
  t->lookup = -1;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  /* The number may be that of a socket which libcurl has just closed and still believes to be watched. */
  moon_watch **before = find_socket(t, fd);
  int events = before ? (*before)->events : 0;
  forget_closed_sockets(t, fd);
  for (size_t i = 0; i < MAX_SOCKETS; i++) {
    if (t->sockets[i]) continue;
    t->sockets[i] = moon_watch_new(t->reactor, fd, socket_ready, t);
    moon_watch_set(t->sockets[i], events);
    return fd;
  }
  close(fd);
  return CURL_SOCKET_BAD;
}

int moon_transport_close_socket(void *arg, curl_socket_t fd) {
  moon_transport *t = arg;
  moon_watch **slot = find_socket(t, fd);
  if (slot) {
    moon_watch_free(*slot);
    *slot = NULL;
    if (t->sealed) t->gone = true;
  }
  return close(fd);
}

/* Stops watching. Before libcurl closes descriptors on its own account, without a word: an instant later their numbers
 * may belong to another thread. */
static void let_go_of_sockets(moon_transport *t) {
  t->blind = true;
  for (size_t i = 0; i < MAX_SOCKETS; i++) {
    moon_watch_free(t->sockets[i]);
    t->sockets[i] = NULL;
  }
  for (moon_list *node; (node = moon_list_pop_front(&t->helpers));) {
    helper_watch *helper = MOON_ENTRY(node, helper_watch, node);
    moon_watch_free(helper->watch);
    free(helper);
  }
}

static void helper_ready(moon_watch *watch, int events) {
  moon_transport *t = ((helper_watch *)watch->owner)->transport;
  int running;
  curl_multi_socket_action(t->multi, watch->fd, events < 0 ? CURL_CSELECT_ERR : CURL_CSELECT_IN, &running);
  settle(t);
}

/* A descriptor that libcurl made for itself: its resolver thread's answer comes through it. */
static moon_watch *watch_helper(moon_transport *t, int fd) {
  helper_watch *helper = moon_zalloc(sizeof *helper);
  helper->transport = t;
  helper->watch = moon_watch_new(t->reactor, fd, helper_ready, helper);
  moon_list_push_back(&t->helpers, &helper->node);
  curl_multi_assign(t->multi, fd, helper->watch);
  return helper->watch;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned) {
  moon_transport *t = arg;
  if (t->blind) return 0;
  moon_watch **slot = find_socket(t, fd);
  moon_watch *watch = slot ? *slot : assigned;
  if (what == CURL_POLL_REMOVE) {
    if (slot)
      moon_watch_set(watch, 0);
    else if (watch) {
      moon_list_remove(&((helper_watch *)watch->owner)->node);
      free(watch->owner);
      moon_watch_free(watch);
      curl_multi_assign(t->multi, fd, NULL);
    }
    return 0;
  }
  if (!watch) watch = watch_helper(t, fd);
  moon_watch_set(watch, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
  return 0;
}

/* --- libcurl's timer --- */

static int want_timer(CURLM *multi, long timeout_ms, void *arg) {
  moon_transport *t = arg;
  if (timeout_ms < 0)
    moon_reactor_stop_timer(t->reactor, &t->timer);
  else
    moon_reactor_set_timer(t->reactor, &t->timer, moon_clock_now_ms() + timeout_ms);
  return 0;
}

static void kick(moon_transport *t) {
  int running, slots[FREE_SLOTS];
  bool may_resolve = !t->sealed;
  if (may_resolve) find_free_slots(t, slots);
  curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  if (may_resolve) close_pairs_on_exec(slots);
  settle(t);
}

static void timer_due(moon_timer *timer) {
  kick(MOON_ENTRY(timer, moon_transport, timer));
}

/* libcurl 7.88 can forget to go on to the next address of a name when those before have failed: it then waits for no
 * socket, no resolver and no time. A pause that is taken back at once makes it look again. */
static bool waits_for_nothing(const moon_transport *t) {
  if (t->sealed || moon_list_empty(&t->running) || !moon_list_empty(&t->helpers)) return false;
  for (size_t i = 0; i < MAX_SOCKETS; i++) {
    if (t->sockets[i] && t->sockets[i]->events) return false;
  }
  return true;
}

static void nudge_due(moon_timer *timer) {
  moon_transport *t = MOON_ENTRY(timer, moon_transport, nudge);
  if (!waits_for_nothing(t)) return;
  CURL *easy = MOON_ENTRY(t->running.next, moon_exchange, node)->easy;
  curl_easy_pause(easy, CURLPAUSE_RECV);
  curl_easy_pause(easy, CURLPAUSE_CONT);
  kick(t);
}

/* --- what became of it --- */

static void tell_established(moon_transport *t) {
  t->established = true;
  t->events->established(t->owner, 1);
}

/* A request beyond the server's limit would be reset, and libcurl tells that in the same way as a connection that died
 * under the request: a write could not be sent again. So there is one request at a time until the limit is known. */
static void tell_answered(moon_transport *t) {
  t->answered = true;
  if (!t->limited) t->events->limited(t->owner, INT_MAX);
}

static void tell_lost(moon_transport *t) {
  if (t->lost) return;
  t->lost = true;
  if (t->established) t->events->lost(t->owner);
}

static void tell_drain(moon_transport *t) {
  if (t->draining || t->lost) return;
  t->draining = true;
  if (t->established) t->events->drain(t->owner);
}

/* It refused a request. What runs on it now is all that it takes, if that is a limit. */
static void tell_refusal(moon_transport *t) {
  int running = 0;
  for (moon_list *node = t->running.next; node != &t->running; node = node->next) running++;
  if (t->limited || !running || !t->established) {
    tell_drain(t);
    return;
  }
  t->limited = true;
  t->events->limited(t->owner, running);
}

/* A result after which the session cannot be used: everything except what ends a single stream. */
static bool ends_connection(const moon_exchange *exchange) {
  switch (exchange->result) {
  case CURLE_OK:
  case CURLE_HTTP2_STREAM:
  case CURLE_WRITE_ERROR:
  case CURLE_BAD_CONTENT_ENCODING:
  case CURLE_URL_MALFORMAT:
    return false;
  default:
    return !exchange->refused || exchange->sent;
  }
}

void moon_transport_outdated(moon_transport *t) {
  if (t->stale || !t->established || t->lost) return;
  t->stale = true;
  if (t->events->stale) t->events->stale(t->owner);
}

static void settle(moon_transport *t) {
  if (t->settling || !t->multi) return; /* a `done` below ran something: the loop here sees to it */
  t->settling = true;
  moon_list ended;
  moon_list_init(&ended);
  bool refused = false;
  int left;
  for (CURLMsg *message; (message = curl_multi_info_read(t->multi, &left));) {
    if (message->msg != CURLMSG_DONE) continue;
    moon_exchange *exchange;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
    exchange->result = message->data.result;
    moon_list_remove(&exchange->node);
    moon_list_push_back(&ended, &exchange->node);
    curl_multi_remove_handle(t->multi, exchange->easy);
    if (ends_connection(exchange)) t->gone = t->broken = true;
    refused = refused || (exchange->refused && exchange != &t->question);
  }
  if (t->sealed && t->http2 && !t->established) tell_established(t);
  if (t->http2 && t->heard_ms && !t->answered && !t->gone) tell_answered(t);
  if (refused && !t->gone) tell_refusal(t);
  if (t->gone && t->established) {
    if (t->broken)
      tell_lost(t);
    else
      tell_drain(t); /* also after an answer with Connection: close */
  }
  for (moon_list *node; (node = moon_list_pop_front(&ended));) {
    moon_exchange_end(MOON_ENTRY(node, moon_exchange, node));
  }
  t->settling = false;
  if (waits_for_nothing(t)) moon_reactor_set_timer(t->reactor, &t->nudge, moon_clock_now_ms() + NUDGE_MS);
  t->idle = moon_list_empty(&t->running);
  if (t->idle && t->sealed && !t->gone) {
    for (size_t i = 0; i < MAX_SOCKETS; i++) {
      if (t->sockets[i]) moon_watch_set(t->sockets[i], UV_DISCONNECT);
    }
  }
}

/* --- establishing --- */

static moon_error *located(const moon_transport *t, moon_error *err) {
  moon_error_set(&err->cluster, moon_dialer_cluster(t->dialer));
  moon_error_set(&err->endpoint, moon_dialer_endpoint(t->dialer));
  return err;
}

static moon_error *no_lookup_error(const moon_transport *t) {
  return located(t,
                 moon_error_new(MOON_CONNECT,
                                "%s: the name is not looked up, because %d lookups are unanswered (is the name server "
                                "down?)",
                                moon_dialer_endpoint(t->dialer), MOON_MAX_LOOKUPS));
}

static moon_error *no_keepalive_error(const moon_transport *t, int status) {
  const char *endpoint = moon_dialer_endpoint(t->dialer);
  moon_error *err;
  const moon_proxy *proxy = moon_dialer_proxy(t->dialer);
  if (proxy && moon_proxy_relays(proxy)) {
    err = moon_error_new(MOON_CONNECT,
                         "%s: the proxy %s closes the connection after each answer (HTTP %d): it can be used for https "
                         "servers only",
                         endpoint, moon_proxy_url(proxy), status);
  } else if (status == 400 && !strncmp(endpoint, "http:", 5)) {
    err = moon_error_new(MOON_PROTOCOL,
                         "%s: the server does not accept plain http here (HTTP 400); should it be https?", endpoint);
  } else {
    err = moon_error_new(MOON_CONNECT, "%s: the server answers (HTTP %d), but closes the connection after each answer",
                         endpoint, status);
  }
  return located(t, err);
}

/* The request that establishes it is over; its `done` comes next. */
void moon_transport_first_over(moon_transport *t, CURLcode result, bool answered) {
  t->first = NULL;
  if (t->lookup >= 0) {
    if (result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_COULDNT_RESOLVE_PROXY)
      moon_lookup_end(t->lookup);
    else
      moon_lookup_give_up(t->lookup);
    t->lookup = -1;
  }
  if (answered && !t->gone && !t->established) tell_established(t);
}

static void hello_done(moon_exchange *exchange, moon_error *err) {
  moon_transport *t = MOON_ENTRY(exchange, moon_transport, hello);
  int status = t->hello_response.status;
  moon_response_clear(&t->hello_response);
  if (t->established) {
    if (err) tell_lost(t);
    moon_error_free(err);
    return;
  }
  t->lost = true;
  t->events->failed(t->owner, err ? err : no_keepalive_error(t, status));
}

static const moon_exchange_handler hello_handler = {.done = hello_done};
static const moon_request hello_request = {.method = "GET", .path = "/livez", .retries = 0, .compression = 0};

void moon_transport_connect(moon_transport *t, int64_t timeout_ms) {
  t->hello = (moon_exchange){
      .handler = &hello_handler,
      .request = &hello_request,
      .response = &t->hello_response,
      .deadline_ms = moon_clock_now_ms() + timeout_ms,
  };
  moon_transport_connect_with(t, &t->hello);
}

void moon_transport_connect_with(moon_transport *t, moon_exchange *first) {
  t->connect_timeout_ms = first->deadline_ms - moon_clock_now_ms();
  t->first = first;
  moon_transport_run(t, first);
}

/* Just before the first request is sent: the session is there. From now on no further socket. */
void moon_transport_seal(moon_transport *t, CURL *easy, int port) {
  if (t->sealed) return;
  t->sealed = true;
  keep_socket_of_port(t, port);
  struct curl_tlssessioninfo *tls = NULL;
  const unsigned char *protocol = NULL;
  unsigned protocol_len = 0;
  if (!curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) && tls && tls->backend == CURLSSLBACKEND_OPENSSL &&
      tls->internals) {
    SSL_get0_alpn_selected(tls->internals, &protocol, &protocol_len);
  }
  t->http2 = protocol_len == 2 && !memcmp(protocol, "h2", 2);
  curl_off_t resolved = 0, connected = 0;
  curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
  curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
  t->near = !moon_dialer_proxy(t->dialer) && connected - resolved < NEAR_US;
}

/* --- life --- */

static void ignore(void *owner) {}

static void ignore_streams(void *owner, int max_streams) {}

static void ignore_failure(void *owner, moon_error *err) {
  moon_error_free(err);
}

const moon_transport_events moon_transport_no_events = {
    .established = ignore_streams,
    .failed = ignore_failure,
    .limited = ignore_streams,
    .drain = ignore,
    .lost = ignore,
};

moon_transport *moon_transport_new(moon_reactor *reactor, moon_dialer *dialer, const moon_transport_events *events,
                                   void *owner) {
  moon_transport *t = moon_zalloc(sizeof *t);
  t->lookup = -1;
  t->reactor = moon_reactor_retain(reactor);
  t->dialer = moon_dialer_retain(dialer);
  t->events = events;
  t->owner = owner;
  moon_list_init(&t->running);
  moon_list_init(&t->pending);
  moon_list_init(&t->helpers);
  moon_timer_init(&t->timer, timer_due);
  moon_timer_init(&t->nudge, nudge_due);
  moon_silence_init(t);
  t->hello_response.retry_after_ms = -1;
  return t;
}

static void start_multi(moon_transport *t) {
  t->multi = new_multi(t);
  if (!t->multi) abort(); /* out of memory or of descriptors for its wake-up pair: see alloc.h */
  curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
  curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
  curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, want_timer);
  curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
  curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, 8L); /* of which the socket callback allows one */
}

void moon_transport_run(moon_transport *t, moon_exchange *exchange) {
  moon_exchange_prepare(t, exchange);
  moon_list_push_back(&t->pending, &exchange->node);
  moon_admission_ask(exchange);
}

void moon_transport_begin(moon_exchange *exchange, moon_identity *identity) {
  moon_transport *t = exchange->transport;
  moon_list_remove(&exchange->node);
  if (exchange == t->first) {
    t->setup = moon_dialer_setup(t->dialer, identity);
    if (moon_dialer_needs_lookup(t->dialer) && (t->lookup = moon_lookup_begin()) < 0) {
      moon_identity_release(identity);
      moon_exchange_finish(exchange, no_lookup_error(t));
      return;
    }
  }
  if (!t->multi) start_multi(t);
  t->idle = false;
  moon_exchange_begin(exchange, identity);
  moon_list_push_back(&t->running, &exchange->node);
  curl_multi_add_handle(t->multi, exchange->easy);
  moon_silence_watch(t);
  if (exchange->paused) curl_easy_pause(exchange->easy, CURLPAUSE_RECV);
  /* libcurl has set its timer to now; it is run from the loop, so that `done` never comes from inside here */
}

void moon_transport_abort(moon_exchange *exchange, moon_error *err) {
  moon_transport *t = exchange->transport;
  if (!t) {
    moon_error_free(err);
    return;
  }
  moon_list_remove(&exchange->node);
  moon_admission_forget(exchange);
  if (!t->sealed) let_go_of_sockets(t); /* it was being made, and will not be */
  if (exchange->easy) curl_multi_remove_handle(t->multi, exchange->easy);
  if (t->gone && t->established) tell_lost(t);
  moon_exchange_finish(exchange, err);
  settle(t);
}

static moon_exchange *first_silent_read(const moon_transport *t, int64_t now_ms, bool *others) {
  *others = false;
  for (moon_list *node = t->running.next; node != &t->running; node = node->next) {
    moon_exchange *exchange = MOON_ENTRY(node, moon_exchange, node);
    if (!moon_request_is_read(exchange->request)) continue;
    if (moon_exchange_is_silent(exchange, now_ms)) return exchange;
    *others = true;
  }
  return NULL;
}

bool moon_transport_give_up_reads(moon_transport *t, const moon_error *why) {
  int64_t now_ms = moon_clock_now_ms();
  bool others;
  for (moon_exchange *exchange; (exchange = first_silent_read(t, now_ms, &others));)
    moon_transport_abort(exchange, moon_error_copy(why));
  return others;
}

void moon_transport_pause(moon_exchange *exchange, bool paused) {
  moon_transport *t = exchange->transport;
  if (!t) return;
  moon_exchange_pause(exchange, paused);
  settle(t);
}

void moon_transport_suspect(moon_transport *t) {
  tell_lost(t);
}

void moon_transport_close(moon_transport *t) {
  t->lost = t->draining = t->settling = true; /* no event any more */
  t->established = true;                      /* nor `failed` */
  let_go_of_sockets(t);
  moon_silence_end(t);
  for (moon_list *node; (node = moon_list_pop_front(&t->running));) {
    moon_exchange *exchange = MOON_ENTRY(node, moon_exchange, node);
    curl_multi_remove_handle(t->multi, exchange->easy);
    moon_exchange_finish(exchange, moon_error_new(MOON_CLOSED, "%s: the connection was closed under the request",
                                                  moon_dialer_endpoint(t->dialer)));
  }
  for (moon_list *node; (node = moon_list_pop_front(&t->pending));) {
    moon_exchange *exchange = MOON_ENTRY(node, moon_exchange, node);
    moon_admission_forget(exchange);
    moon_exchange_finish(exchange, moon_error_new(MOON_CLOSED, "%s: the connection was closed before the request began",
                                                  moon_dialer_endpoint(t->dialer)));
  }
  for (size_t i = 0; i < t->spare_count; i++) curl_easy_cleanup(t->spare[i]);
  if (t->multi) curl_multi_cleanup(t->multi);
  moon_tls_setup_release(t->setup);
  moon_reactor_stop_timer(t->reactor, &t->timer);
  moon_reactor_stop_timer(t->reactor, &t->nudge);
  moon_reactor_stop_timer(t->reactor, &t->silence);
  moon_dialer_release(t->dialer);
  moon_reactor *reactor = t->reactor;
  free(t);
  moon_reactor_release(reactor);
}
