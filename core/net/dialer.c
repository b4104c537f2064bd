/* dialer.c: see dialer.h. */
#include "net/dialer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/x509_vfy.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kube/files.h"
#include "net/credential_files.h"

enum { FILES_EVERY_MS = 10000 };

struct moon_tls_setup {
  atomic_int refs;
  const moon_proxy *proxy; /* the dialer's, which lives longer */
  X509_STORE *store;       /* NULL: nothing is verified */
  moon_certificate *certificate;
  CURLSH *sessions;
  pthread_mutex_t sessions_lock;
};

struct moon_dialer {
  atomic_int refs;
  moon_target *target;
  moon_credential *credential;
  char *cluster, *endpoint, *base_url;
  moon_proxy *proxy; /* NULL: straight */
  bool server_is_name;
  struct curl_slist *headers;
  struct curl_slist *connect_to; /* with tls-server-name only */
  char *socket_path;             /* a Unix socket leads there; or NULL */

  pthread_mutex_t lock;  /* guards what follows, but for the stamp, which belongs to whoever has `looking` set */
  moon_tls_setup *setup; /* of connections that are made now */
  _Atomic int64_t look_at_ca_ms;
  bool looking;
  moon_file_stamp ca_stamp;
};

/* --- what connections are made with --- */

static void lock_sessions(CURL *easy, curl_lock_data data, curl_lock_access access, void *arg) {
  pthread_mutex_lock(&((moon_tls_setup *)arg)->sessions_lock);
}

static void unlock_sessions(CURL *easy, curl_lock_data data, void *arg) {
  pthread_mutex_unlock(&((moon_tls_setup *)arg)->sessions_lock);
}

/* Takes over the reference of the store. */
static moon_tls_setup *setup_new(const moon_proxy *proxy, X509_STORE *store, moon_certificate *certificate) {
  moon_tls_setup *setup = moon_zalloc(sizeof *setup);
  setup->refs = 1;
  setup->proxy = proxy;
  setup->store = store;
  setup->certificate = moon_certificate_retain(certificate);
  pthread_mutex_init(&setup->sessions_lock, NULL);
  setup->sessions = curl_share_init();
  curl_share_setopt(setup->sessions, CURLSHOPT_LOCKFUNC, lock_sessions);
  curl_share_setopt(setup->sessions, CURLSHOPT_UNLOCKFUNC, unlock_sessions);
  curl_share_setopt(setup->sessions, CURLSHOPT_USERDATA, setup);
  curl_share_setopt(setup->sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  return setup;
}

void moon_tls_setup_release(moon_tls_setup *setup) {
  if (!setup || atomic_fetch_sub(&setup->refs, 1) != 1) return;
  curl_share_cleanup(setup->sessions);
  pthread_mutex_destroy(&setup->sessions_lock);
  X509_STORE_free(setup->store);
  moon_certificate_release(setup->certificate);
  free(setup);
}

/* The authorities as the CA file has them now, when it has changed and can be used; else NULL. */
static X509_STORE *look_at_ca(moon_dialer *dialer) {
  const moon_target *target = dialer->target;
  moon_file_stamp stamp = moon_file_look(target->ca_file);
  if (moon_file_same(&stamp, &dialer->ca_stamp)) return NULL;
  dialer->ca_stamp = stamp;
  moon_bytes pem = {0};
  X509_STORE *store = NULL;
  moon_error *err = NULL;
  if (moon_file_read(target->ca_file, &pem))
    err = moon_authorities_new(target->cluster, &pem, &store);
  else
    err = moon_error_new(MOON_CREDENTIAL, "cluster \"%s\": cannot read %s: %s", target->cluster, target->ca_file,
                         strerror(errno));
  if (err) moon_log(MOON_LOG_WARN, "%s; the authorities before are trusted on", err->message);
  moon_error_free(err);
  moon_bytes_wipe(&pem);
  return store;
}

/* With the lock. Returns the setup before, to be released without it. */
static moon_tls_setup *replace_setup(moon_dialer *dialer, X509_STORE *store, moon_certificate *certificate) {
  moon_tls_setup *before = dialer->setup;
  dialer->setup = setup_new(dialer->proxy, store, certificate);
  return before;
}

/* Whoever finds it due looks; one at a time, since the next time is set first. */
static void follow_ca(moon_dialer *dialer) {
  int64_t now_ms = moon_clock_now_ms();
  if (now_ms < atomic_load(&dialer->look_at_ca_ms)) return;
  pthread_mutex_lock(&dialer->lock);
  bool look = now_ms >= dialer->look_at_ca_ms && !dialer->looking;
  if (look) {
    dialer->look_at_ca_ms = now_ms + FILES_EVERY_MS;
    dialer->looking = true;
  }
  pthread_mutex_unlock(&dialer->lock);
  X509_STORE *store = look ? look_at_ca(dialer) : NULL;
  if (!look) return;
  pthread_mutex_lock(&dialer->lock);
  dialer->looking = false;
  moon_tls_setup *before = store ? replace_setup(dialer, store, dialer->setup->certificate) : NULL;
  pthread_mutex_unlock(&dialer->lock);
  moon_tls_setup_release(before);
}

moon_tls_setup *moon_dialer_setup(moon_dialer *dialer, const moon_identity *identity) {
  moon_tls_setup *before = NULL;
  follow_ca(dialer);
  pthread_mutex_lock(&dialer->lock);
  if (dialer->setup->certificate != identity->certificate) {
    X509_STORE *store = dialer->setup->store;
    if (store) X509_STORE_up_ref(store);
    before = replace_setup(dialer, store, identity->certificate);
  }
  moon_tls_setup *setup = dialer->setup;
  atomic_fetch_add(&setup->refs, 1);
  pthread_mutex_unlock(&dialer->lock);
  moon_tls_setup_release(before);
  return setup;
}

bool moon_dialer_is_current(moon_dialer *dialer, const moon_identity *identity, const moon_tls_setup *setup) {
  follow_ca(dialer);
  pthread_mutex_lock(&dialer->lock);
  bool current = dialer->setup->store == setup->store && setup->certificate == identity->certificate;
  pthread_mutex_unlock(&dialer->lock);
  return current;
}

static CURLcode set_up_context(CURL *easy, void *ssl_ctx, void *arg) {
  const moon_tls_setup *setup = arg;
  if (moon_proxy_shakes_hands(setup->proxy, easy))
    moon_proxy_trust(ssl_ctx, setup->store);
  else if (setup->store)
    SSL_CTX_set1_cert_store(ssl_ctx, setup->store);
  return moon_certificate_use(setup->certificate, ssl_ctx) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

moon_tls_fault moon_tls_fault_of(long verify, const char *detail) {
  switch (verify) {
  case X509_V_OK:
  case X509_V_ERR_UNSPECIFIED: /* libcurl's value before any verification */
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    break;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    return MOON_TLS_AUTHORITY;
  case X509_V_ERR_CERT_HAS_EXPIRED:
    return MOON_TLS_EXPIRED;
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return MOON_TLS_NOT_YET_VALID;
  default:
    return MOON_TLS_UNVERIFIED;
  }
  if (strstr(detail, "does not match") || strstr(detail, "no alternative certificate subject name"))
    return MOON_TLS_OTHER_NAME;
  return strstr(detail, "wrong version number") ? MOON_TLS_NOT_SPOKEN : MOON_TLS_HANDSHAKE;
}

moon_error *moon_dialer_tls_error(const moon_dialer *dialer, long verify, const char *detail) {
  const char *endpoint = dialer->endpoint;
  switch (moon_tls_fault_of(verify, detail)) {
  case MOON_TLS_AUTHORITY:
    return moon_error_new(
        MOON_TLS,
        "%s: the server's certificate is not signed by the cluster's certificate authority (%s); check "
        "certificate-authority in the kubeconfig",
        endpoint, X509_verify_cert_error_string(verify));
  case MOON_TLS_EXPIRED:
    return moon_error_new(MOON_TLS, "%s: the server's certificate has expired; it must be renewed on the server",
                          endpoint);
  case MOON_TLS_NOT_YET_VALID:
    return moon_error_new(MOON_TLS, "%s: the server's certificate is not valid yet; check the clocks of both machines",
                          endpoint);
  case MOON_TLS_UNVERIFIED:
    return moon_error_new(MOON_TLS, "%s: the server's certificate cannot be verified: %s", endpoint,
                          X509_verify_cert_error_string(verify));
  case MOON_TLS_OTHER_NAME:
    return moon_error_new(
        MOON_TLS,
        "%s: the server's certificate is for another name (%s); tls-server-name in the kubeconfig says "
        "which to expect",
        endpoint, detail);
  case MOON_TLS_NOT_SPOKEN:
    return moon_error_new(MOON_TLS, "%s: the server does not speak TLS on this port (%s); is it plain http?", endpoint,
                          detail);
  default:
    return moon_error_new(MOON_TLS, "%s: TLS handshake failed: %s", endpoint, detail);
  }
}

moon_error *moon_dialer_connect_error(const moon_dialer *dialer, CURL *easy, const char *detail) {
  long os_error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
  if (dialer->socket_path) {
    return moon_error_new(MOON_CONNECT, "%s: cannot connect: %s", dialer->endpoint,
                          os_error == ECONNREFUSED ? "connection refused (nothing listens on that socket)"
                          : os_error               ? strerror((int)os_error)
                                                   : detail);
  }
  if (os_error == ECONNREFUSED) {
    return moon_error_new(MOON_CONNECT, "%s: connection refused (nothing listens on that port)", dialer->endpoint);
  }
  return moon_error_new(MOON_CONNECT, "%s: cannot connect: %s", dialer->endpoint,
                        os_error ? strerror((int)os_error) : detail);
}

/* --- addresses and headers --- */

static void add_header(moon_dialer *dialer, char *line) {
  struct curl_slist *node = moon_alloc(sizeof *node);
  *node = (struct curl_slist){.data = line, .next = dialer->headers};
  dialer->headers = node;
}

/* "Impersonate-Extra-<key>: <value>" for each value; what cannot stand in a header's name is percent-encoded in the
 * key. */
static void add_extra(moon_dialer *dialer, const moon_impersonate_extra *extra) {
  moon_buffer name = {0};
  moon_buffer_add_text(&name, "Impersonate-Extra-");
  for (const unsigned char *c = (const unsigned char *)extra->key; *c; c++) {
    bool plain = *c < 0x80 && (isalnum(*c) || strchr("!#$&'*+-.^_`|~", *c));
    moon_buffer_addf(&name, plain ? "%c" : "%%%02X", *c);
  }
  for (char **value = extra->values; *value; value++) add_header(dialer, moon_sprintf("%s: %s", name.data, *value));
  moon_buffer_free(&name);
}

static void add_impersonation(moon_dialer *dialer) {
  const moon_target *target = dialer->target;
  if (target->impersonate_user) add_header(dialer, moon_sprintf("Impersonate-User: %s", target->impersonate_user));
  if (target->impersonate_uid) add_header(dialer, moon_sprintf("Impersonate-Uid: %s", target->impersonate_uid));
  for (char **group = target->impersonate_groups; group && *group; group++) {
    add_header(dialer, moon_sprintf("Impersonate-Group: %s", *group));
  }
  for (size_t i = 0; i < target->impersonate_extra_count; i++) add_extra(dialer, &target->impersonate_extra[i]);
}

/* A URL's parts, "https://host:port/path"; the path without the slash at its end. */
typedef struct url_parts {
  char *scheme, *host, *port, *path; /* libcurl's to free */
} url_parts;

static void free_parts(url_parts *parts) {
  curl_free(parts->scheme);
  curl_free(parts->host);
  curl_free(parts->port);
  curl_free(parts->path);
}

static moon_error *split_url(const moon_target *target, const char *text, url_parts *parts) {
  CURLU *url = curl_url();
  bool good = !curl_url_set(url, CURLUPART_URL, text, 0) && !curl_url_get(url, CURLUPART_SCHEME, &parts->scheme, 0) &&
              !curl_url_get(url, CURLUPART_HOST, &parts->host, 0) &&
              !curl_url_get(url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) &&
              !curl_url_get(url, CURLUPART_PATH, &parts->path, 0);
  curl_url_cleanup(url);
  if (!good)
    return moon_error_new(MOON_CONFIG, "cluster \"%s\": server \"%s\" is not a URL that can be reached",
                          target->cluster, text);
  size_t len = strlen(parts->path);
  while (len && parts->path[len - 1] == '/') parts->path[--len] = '\0';
  return NULL;
}

static moon_error *set_proxy(moon_dialer *dialer, const url_parts *parts) {
  const moon_target *target = dialer->target;
  moon_proxy_environment environment = moon_proxy_environment_now();
  moon_error *err =
      moon_proxy_find(target->proxy_url, &environment, parts->scheme, parts->host, parts->port, &dialer->proxy);
  if (!err) return NULL;
  char *message = moon_sprintf("cluster \"%s\": %s", target->cluster, err->message);
  free(err->message);
  err->message = message;
  return err;
}

/* "name:port:address:port", as libcurl wants it. */
static void connect_elsewhere(moon_dialer *dialer, const char *name, const char *port, const char *address) {
  bool bare_v6 = strchr(address, ':') && *address != '[';
  char *route = moon_sprintf(bare_v6 ? "%s:%s:[%s]:%s" : "%s:%s:%s:%s", name, port, address, port);
  dialer->connect_to = curl_slist_append(NULL, route);
  free(route);
}

/* Names, ports and proxies have nothing to do with a socket. */
static moon_error *set_socket(moon_dialer *dialer, const char *server) {
  dialer->socket_path = moon_strdup(server + strlen("unix://"));
  dialer->endpoint = moon_strdup(server);
  dialer->base_url = moon_strdup("http://localhost");
  add_header(dialer, moon_strdup("Expect:"));
  return moon_credential_new(dialer->target, false, &dialer->credential);
}

static moon_error *set_address(moon_dialer *dialer, const char *server, const char *address) {
  const moon_target *target = dialer->target;
  if (!strncmp(target->server, "unix://", 7)) return set_socket(dialer, server ? server : target->server);
  url_parts own = {0}, given = {0};
  moon_error *err = split_url(target, target->server, &own);
  if (!err && server) err = split_url(target, server, &given);
  if (err) goto out;
  const url_parts *parts = server ? &given : &own;
  if ((err = set_proxy(dialer, parts))) goto out;
  dialer->endpoint = moon_sprintf("%s://%s:%s", parts->scheme, parts->host, parts->port);
  struct in_addr unused;
  dialer->server_is_name = !address && parts->host[0] != '[' && inet_pton(AF_INET, parts->host, &unused) != 1;
  bool secure = !strcasecmp(parts->scheme, "https");
  if (secure && target->tls_server_name && *target->tls_server_name) {
    connect_elsewhere(dialer, target->tls_server_name, parts->port, address ? address : parts->host);
    dialer->base_url = moon_sprintf("%s://%s:%s%s", parts->scheme, target->tls_server_name, parts->port, own.path);
    add_header(dialer, moon_sprintf("Host: %s:%s", parts->host, parts->port));
  } else {
    if (address) connect_elsewhere(dialer, parts->host, parts->port, address);
    dialer->base_url = moon_sprintf("%s%s", dialer->endpoint, own.path);
  }
  if (address) { /* one of several that the name has: messages say which */
    char *url = dialer->endpoint;
    dialer->endpoint = moon_sprintf("%s (%s)", url, address);
    free(url);
  }
  add_header(dialer, moon_strdup("Expect:")); /* no pause before large bodies */
  if (secure) add_impersonation(dialer);
  err = moon_credential_new(dialer->target, secure, &dialer->credential);
out:
  free_parts(&own);
  free_parts(&given);
  return err;
}

/* --- life --- */

/* A program may return from main while connections are still being closed, or even made: OpenSSL must not take itself
 * down under the threads that do so. This has to be said before anything else of it is used. */
__attribute__((constructor)) static void keep_openssl_at_exit(void) {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void start_curl(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

moon_error *moon_dialer_new(const char *cluster, moon_target *target, const char *server, const char *address,
                            moon_dialer **out) {
  pthread_once(&curl_once, start_curl);
  moon_dialer *dialer = moon_zalloc(sizeof *dialer);
  dialer->refs = 1;
  dialer->target = moon_target_retain(target);
  dialer->cluster = moon_strdup(cluster);
  pthread_mutex_init(&dialer->lock, NULL);
  dialer->ca_stamp = moon_file_look(target->ca_file);
  dialer->look_at_ca_ms = target->ca_file ? moon_clock_now_ms() + FILES_EVERY_MS : INT64_MAX;
  X509_STORE *store = NULL;
  moon_error *err = set_address(dialer, server, address);
  if (!err && !target->insecure_skip_tls_verify) err = moon_authorities_new(target->cluster, &target->ca, &store);
  if (!err) dialer->setup = setup_new(dialer->proxy, store, NULL);
  if (err) {
    moon_error_set(&err->cluster, cluster);
    moon_dialer_release(dialer);
    return err;
  }
  *out = dialer;
  return NULL;
}

moon_dialer *moon_dialer_retain(moon_dialer *dialer) {
  atomic_fetch_add(&dialer->refs, 1);
  return dialer;
}

void moon_dialer_release(moon_dialer *dialer) {
  if (!dialer || atomic_fetch_sub(&dialer->refs, 1) != 1) return;
  curl_slist_free_all(dialer->headers);
  curl_slist_free_all(dialer->connect_to);
  moon_credential_release(dialer->credential);
  moon_tls_setup_release(dialer->setup);
  moon_proxy_free(dialer->proxy);
  pthread_mutex_destroy(&dialer->lock);
  free(dialer->cluster);
  free(dialer->endpoint);
  free(dialer->base_url);
  free(dialer->socket_path);
  moon_target_release(dialer->target);
  free(dialer);
}

const char *moon_dialer_cluster(const moon_dialer *dialer) {
  return dialer->cluster;
}

const char *moon_dialer_endpoint(const moon_dialer *dialer) {
  return dialer->endpoint;
}

const moon_target *moon_dialer_target(const moon_dialer *dialer) {
  return dialer->target;
}

bool moon_dialer_has_credentials(const moon_dialer *dialer) {
  const moon_target *target = dialer->target;
  return target->token || target->username || target->client_cert.data || target->exec || target->oidc;
}

moon_credential *moon_dialer_credential(const moon_dialer *dialer) {
  return dialer->credential;
}

int64_t moon_dialer_certificate_expiry_s(const moon_dialer *dialer) {
  moon_identity *identity = moon_credential_latest(dialer->credential);
  int64_t expiry_s = identity ? moon_certificate_expiry_s(identity->certificate) : 0;
  moon_identity_release(identity);
  return expiry_s;
}

bool moon_dialer_needs_lookup(const moon_dialer *dialer) {
  return dialer->proxy ? moon_proxy_is_named(dialer->proxy) : dialer->server_is_name;
}

bool moon_dialer_may_resolve(const moon_dialer *dialer) {
  return !dialer->proxy && dialer->server_is_name;
}

const moon_proxy *moon_dialer_proxy(const moon_dialer *dialer) {
  return dialer->proxy;
}

const char *moon_dialer_base_url(const moon_dialer *dialer) {
  return dialer->base_url;
}

struct curl_slist *moon_dialer_headers(const moon_dialer *dialer) {
  return dialer->headers;
}

bool moon_dialer_may_compress(const moon_dialer *dialer) {
  return !dialer->target->disable_compression;
}

/* A peer that vanished is noticed by the kernel 15 s after its last packet, be data on its way or not: keepalive asks
 * after 10 s, and TCP_USER_TIMEOUT says when silence is the end. */
static int tune_socket(void *unused, curl_socket_t fd, curlsocktype purpose) {
  int probes = 3, unacknowledged_ms = 15000;
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
  return CURL_SOCKOPT_OK;
}

void moon_dialer_prepare(moon_dialer *dialer, moon_tls_setup *setup, CURL *easy) {
  long verify = setup->store ? 1 : 0;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver thread */
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "moonpool/" MOON_VERSION);
  moon_proxy_prepare(dialer->proxy, setup->store != NULL, easy);
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, dialer->connect_to);
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, dialer->socket_path);
  curl_easy_setopt(easy, CURLOPT_SHARE, setup->sessions);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 86400L * 365); /* the pool decides, not libcurl's 118 s */
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 86400000L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 10L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, tune_socket);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the system's authorities are added to the cluster's own */
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_up_context);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, setup);
}
