/* examination.c: see examination.h. Runs on the caller's thread, with a libcurl handle of its own that only connects.
 */
#include "net/examination.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "net/lookups.h"

/* The sockets of one attempt: libcurl does not tell whether TCP was connected where something failed later. */
enum { MAX_SOCKETS = 16 };
typedef struct attempt_sockets {
  int fds[MAX_SOCKETS];
  size_t count;
  bool connected; /* one of those that are closed was */
} attempt_sockets;

static bool is_connected(int fd) {
  struct sockaddr_storage peer;
  socklen_t len = sizeof peer;
  return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
  attempt_sockets *sockets = arg;
  if (sockets->count == MAX_SOCKETS) return CURL_SOCKET_BAD;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  sockets->fds[sockets->count++] = fd;
  return fd;
}

static int close_socket(void *arg, curl_socket_t fd) {
  attempt_sockets *sockets = arg;
  sockets->connected = sockets->connected || is_connected(fd);
  for (size_t i = 0; i < sockets->count; i++)
    if (sockets->fds[i] == fd) sockets->fds[i] = sockets->fds[--sockets->count];
  return close(fd);
}

static void use_sockets(CURL *easy, attempt_sockets *sockets) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets);
}

static bool was_connected(const attempt_sockets *sockets) {
  for (size_t i = 0; i < sockets->count; i++)
    if (is_connected(sockets->fds[i])) return true;
  return sockets->connected;
}

/* A socket that was reset does not tell any more, but the failure does. */
static bool is_later_failure(CURLcode code) {
  switch (code) {
  case CURLE_OPERATION_TIMEDOUT:
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_CONNECT:
  case CURLE_PROXY:
    return false;
  default:
    return code != CURLE_OK;
  }
}

static const char *const tls_causes[] = {
    [MOON_TLS_HANDSHAKE] = "handshake",       [MOON_TLS_AUTHORITY] = "authority",   [MOON_TLS_EXPIRED] = "expired",
    [MOON_TLS_NOT_YET_VALID] = "notYetValid", [MOON_TLS_UNVERIFIED] = "unverified", [MOON_TLS_OTHER_NAME] = "otherName",
    [MOON_TLS_NOT_SPOKEN] = "notTls",
};

static int64_t time_of(CURL *easy, CURLINFO what) {
  curl_off_t us = 0;
  curl_easy_getinfo(easy, what, &us);
  return us;
}

/* How long each step took, and with it which steps there were. */
static void note_steps(moon_examination *out, CURL *easy, CURLcode code, const attempt_sockets *sockets) {
  int64_t name = time_of(easy, CURLINFO_NAMELOOKUP_TIME_T), connected = time_of(easy, CURLINFO_CONNECT_TIME_T),
          secured = time_of(easy, CURLINFO_APPCONNECT_TIME_T);
  char *address = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
  out->reached = code == CURLE_OK                                   ? MOON_REACHED_SESSION
                 : was_connected(sockets) || is_later_failure(code) ? MOON_REACHED_SERVER
                 : name                                             ? MOON_REACHED_ADDRESS
                                                                    : MOON_REACHED_NOTHING;
  out->name_us = name;
  out->connect_us = connected ? connected - name : 0;
  out->session_us = secured ? secured - connected : 0;
  if (connected && address && *address) out->address = moon_strdup(address);
}

static char *chain_of(CURL *easy) {
  struct curl_certinfo *info = NULL;
  moon_buffer chain = {0};
  if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) || !info) return NULL;
  for (int i = 0; i < info->num_of_certs; i++) {
    for (const struct curl_slist *line = info->certinfo[i]; line; line = line->next) {
      if (!strncmp(line->data, "Cert:", 5)) moon_buffer_addf(&chain, "%s\n", line->data + 5);
    }
  }
  return chain.len ? moon_buffer_take(&chain) : NULL;
}

static moon_error *silence(const moon_examination *out, const char *endpoint, const char **cause) {
  switch (out->reached) {
  case MOON_REACHED_NOTHING:
    *cause = "nameSilent";
    return moon_error_new(MOON_TIMEOUT, "%s: the name was not resolved in time", endpoint);
  case MOON_REACHED_ADDRESS:
    *cause = "silent";
    return moon_error_new(MOON_TIMEOUT, "%s: no TCP connection came about in time: nothing answered", endpoint);
  default:
    *cause = "sessionSilent";
    return moon_error_new(MOON_TIMEOUT, "%s: TCP connected, but the TLS handshake was not answered in time", endpoint);
  }
}

static void explain(moon_examination *out, const moon_dialer *dialer, CURL *easy, CURLcode code, const char *detail) {
  const char *endpoint = moon_dialer_endpoint(dialer);
  const moon_proxy *proxy = moon_dialer_proxy(dialer);
  long verify = 0, os_error = 0;
  if (proxy && (out->err = moon_proxy_failure(proxy, easy, code, detail, endpoint))) {
    out->cause = "proxy";
    return;
  }
  switch (code) {
  case CURLE_OPERATION_TIMEDOUT:
    out->err = silence(out, endpoint, &out->cause);
    break;
  case CURLE_COULDNT_RESOLVE_HOST:
    out->cause = "name";
    out->err = moon_error_new(MOON_CONNECT, "%s: the name cannot be resolved", endpoint);
    break;
  case CURLE_COULDNT_CONNECT:
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    out->cause = os_error == ECONNREFUSED ? "refused" : "unreachable";
    out->err = moon_dialer_connect_error(dialer, easy, detail);
    break;
  default:
    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify);
    out->cause = tls_causes[moon_tls_fault_of(verify, detail)];
    out->err = moon_dialer_tls_error(dialer, verify, detail);
    break;
  }
}

static size_t ignore(char *data, size_t size, size_t count, void *arg) {
  return size * count;
}

/* Whether what broke a handshake off without a word answers plain http. A server that does not speak TLS may close
 * before it has read all that we sent: then its reset overtakes its answer, and the handshake alone does not tell. 400
 * is what servers that do speak TLS say to plain http. */
static bool speaks_plain_http(moon_dialer *dialer, int64_t timeout_ms, attempt_sockets *sockets) {
  static const char secure[] = "https";
  const char *url = moon_dialer_base_url(dialer);
  if (strncmp(url, secure, sizeof secure - 1) != 0) return false;
  moon_identity nobody = {0};
  moon_tls_setup *setup = moon_dialer_setup(dialer, &nobody);
  CURL *easy = curl_easy_init();
  char *plain = moon_sprintf("http%s/version", url + sizeof secure - 1);
  long status = 0;
  moon_dialer_prepare(dialer, setup, easy);
  use_sockets(easy, sockets);
  curl_easy_setopt(easy, CURLOPT_URL, plain);
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L); /* the server is asked, not what a proxy says of it */
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
  curl_easy_perform(easy);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
  curl_easy_cleanup(easy);
  moon_tls_setup_release(setup);
  free(plain);
  return status != 0 && status != 400;
}

/* One connection. `verify` false: whatever the certificate is. */
static CURLcode attempt(moon_dialer *dialer, const moon_identity *identity, int64_t timeout_ms, bool verify, CURL *easy,
                        attempt_sockets *sockets, char detail[CURL_ERROR_SIZE]) {
  moon_tls_setup *setup = moon_dialer_setup(dialer, identity);
  moon_dialer_prepare(dialer, setup, easy);
  use_sockets(easy, sockets);
  curl_easy_setopt(easy, CURLOPT_URL, moon_dialer_base_url(dialer));
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
  if (!verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  int place = moon_dialer_needs_lookup(dialer) ? moon_lookup_begin() : -1;
  CURLcode code = curl_easy_perform(easy);
  if (place >= 0 && time_of(easy, CURLINFO_NAMELOOKUP_TIME_T) == 0 && code == CURLE_OPERATION_TIMEDOUT)
    moon_lookup_give_up(place);
  else if (place >= 0)
    moon_lookup_end(place);
  curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
  moon_tls_setup_release(setup);
  return code;
}

void moon_examine(moon_dialer *dialer, int64_t timeout_ms, moon_examination *out) {
  *out = (moon_examination){0};
  char detail[CURL_ERROR_SIZE] = "";
  moon_identity nobody = {0}, *own = NULL;
  const moon_target *target = moon_dialer_target(dialer);
  if (!target->exec && !target->oidc) { /* no plugin and no issuer is asked for this */
    moon_error *err = NULL;
    own = moon_credential_get(moon_dialer_credential(dialer), 0, NULL, &err);
    moon_error_free(err); /* a request will tell */
  }
  attempt_sockets sockets = {0};
  CURL *easy = curl_easy_init();
  CURLcode code = attempt(dialer, own ? own : &nobody, timeout_ms, true, easy, &sockets, detail);
  note_steps(out, easy, code, &sockets);
  if (code != CURLE_OK) explain(out, dialer, easy, code, detail[0] ? detail : curl_easy_strerror(code));
  out->chain = chain_of(easy);
  bool broken = out->cause == tls_causes[MOON_TLS_HANDSHAKE] && !strstr(detail, "alert");
  if (broken && speaks_plain_http(dialer, timeout_ms, &sockets)) {
    moon_error_free(out->err);
    out->cause = tls_causes[MOON_TLS_NOT_SPOKEN];
    out->err = moon_error_new(MOON_TLS, "%s: the server does not speak TLS on this port: it answers plain http",
                              moon_dialer_endpoint(dialer));
  }
  bool unseen = code == CURLE_PEER_FAILED_VERIFICATION && !out->chain;
  curl_easy_cleanup(easy);
  if (unseen) {
    easy = curl_easy_init();
    attempt(dialer, &nobody, timeout_ms, false, easy, &sockets, detail);
    out->chain = chain_of(easy);
    curl_easy_cleanup(easy);
  }
  moon_identity_release(own);
}

void moon_examination_clear(moon_examination *examination) {
  moon_error_free(examination->err);
  free(examination->address);
  free(examination->chain);
  *examination = (moon_examination){0};
}
