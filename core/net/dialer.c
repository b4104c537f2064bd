/* dialer.c: see dialer.h. */
#include "net/dialer.h"

#include <ctype.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <openssl/x509_vfy.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"

struct moon_dialer {
  atomic_int refs;
  moon_target *target;
  char *cluster, *endpoint, *base_url;
  moon_proxy *proxy; /* NULL: straight */
  bool server_is_name;
  struct curl_slist *headers;    /* Authorization is in here: wiped when freed */
  struct curl_slist *connect_to; /* with tls-server-name only */
  X509_STORE *store;             /* NULL: nothing is verified */
  X509 *certificate;
  STACK_OF(X509) * chain;
  EVP_PKEY *key;
  CURLSH *sessions;
  pthread_mutex_t sessions_lock;
};

/* --- certificates --- */

static const char *openssl_reason(void) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  ERR_clear_error();
  return reason ? reason : "no PEM block found";
}

static int no_passphrase(char *buffer, int size, int writing, void *unused) {
  return -1;
}

static BIO *open_pem(const moon_bytes *pem) {
  ERR_clear_error();
  return BIO_new_mem_buf(pem->data, (int)pem->len);
}

/* The next certificate; NULL: there is none, or it cannot be read. What OpenSSL works out about one at its first use is
 * there already: reactors and health threads share it, and only read. */
static X509 *read_certificate(BIO *bio) {
  X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
  if (certificate) X509_check_purpose(certificate, -1, 0);
  return certificate;
}

static X509_STORE *system_store;
static pthread_once_t system_store_once = PTHREAD_ONCE_INIT;

static void load_system_store(void) {
  system_store = X509_STORE_new();
  if (system_store) X509_STORE_set_default_paths(system_store);
}

static moon_error *load_ca(moon_dialer *dialer) {
  const moon_target *target = dialer->target;
  if (target->insecure_skip_tls_verify) return NULL;
  if (!target->ca.data) {
    pthread_once(&system_store_once, load_system_store);
    X509_STORE_up_ref(system_store);
    dialer->store = system_store;
    return NULL;
  }
  BIO *bio = open_pem(&target->ca);
  dialer->store = X509_STORE_new();
  int count = 0;
  const char *broken = NULL; /* what is wrong with the first one that cannot be read */
  for (bool more = true; more;) {
    X509 *ca = read_certificate(bio);
    if (ca) {
      X509_check_purpose(ca, -1, 0); /* OpenSSL notes what it holds now, not when several threads first look */
      X509_STORE_add_cert(dialer->store, ca);
      X509_free(ca);
      count++;
    } else if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
      more = false; /* the end of the text */
    } else {
      const char *reason = openssl_reason();
      if (!broken) broken = reason;
    }
  }
  ERR_clear_error();
  BIO_free(bio);
  if (!count) {
    return moon_error_new(MOON_CREDENTIAL,
                          "cluster \"%s\": certificate-authority holds no certificate in PEM form (%s)",
                          target->cluster, broken ? broken : "no PEM block found");
  }
  if (broken) {
    moon_log(MOON_LOG_WARN,
             "cluster \"%s\": a certificate in certificate-authority is left out, it cannot be read (%s)",
             target->cluster, broken);
  }
  return NULL;
}

static moon_error *load_client_certificate(moon_dialer *dialer) {
  const moon_target *target = dialer->target;
  if (!target->client_cert.data) return NULL;
  const char *user = target->user ? target->user : "";
  BIO *bio = open_pem(&target->client_cert);
  dialer->certificate = read_certificate(bio);
  dialer->chain = sk_X509_new_null();
  for (X509 *issuer; dialer->certificate && (issuer = read_certificate(bio));) sk_X509_push(dialer->chain, issuer);
  BIO_free(bio);
  if (!dialer->certificate) {
    return moon_error_new(MOON_CREDENTIAL, "user \"%s\": client-certificate is not a certificate in PEM form (%s)",
                          user, openssl_reason());
  }
  bio = open_pem(&target->client_key);
  dialer->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
  BIO_free(bio);
  if (!dialer->key) {
    return moon_error_new(MOON_CREDENTIAL,
                          "user \"%s\": client-key is not a private key in PEM form (%s); a key with a passphrase "
                          "cannot be used",
                          user, openssl_reason());
  }
  if (X509_check_private_key(dialer->certificate, dialer->key) != 1) {
    ERR_clear_error();
    return moon_error_new(MOON_CREDENTIAL, "user \"%s\": client-key does not belong to client-certificate", user);
  }
  ERR_clear_error();
  return NULL;
}

static CURLcode set_up_context(CURL *easy, void *ssl_ctx, void *arg) {
  moon_dialer *dialer = arg;
  SSL_CTX *ctx = ssl_ctx;
  if (moon_proxy_shakes_hands(dialer->proxy, easy))
    moon_proxy_trust(ctx, dialer->store);
  else if (dialer->store)
    SSL_CTX_set1_cert_store(ctx, dialer->store);
  if (dialer->certificate) {
    if (SSL_CTX_use_certificate(ctx, dialer->certificate) != 1 || SSL_CTX_set1_chain(ctx, dialer->chain) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, dialer->key) != 1) {
      return CURLE_SSL_CERTPROBLEM;
    }
  }
  return CURLE_OK;
}

moon_error *moon_dialer_tls_error(const moon_dialer *dialer, long verify, const char *detail) {
  const char *endpoint = dialer->endpoint;
  switch (verify) {
  case X509_V_OK:
  case X509_V_ERR_UNSPECIFIED: /* libcurl's value before any verification */
    break;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    return moon_error_new(
        MOON_TLS,
        "%s: the server's certificate is not signed by the cluster's certificate authority (%s); check "
        "certificate-authority in the kubeconfig",
        endpoint, X509_verify_cert_error_string(verify));
  case X509_V_ERR_CERT_HAS_EXPIRED:
    return moon_error_new(MOON_TLS, "%s: the server's certificate has expired; it must be renewed on the server",
                          endpoint);
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return moon_error_new(MOON_TLS, "%s: the server's certificate is not valid yet; check the clocks of both machines",
                          endpoint);
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    break;
  default:
    return moon_error_new(MOON_TLS, "%s: the server's certificate cannot be verified: %s", endpoint,
                          X509_verify_cert_error_string(verify));
  }
  if (strstr(detail, "does not match") || strstr(detail, "no alternative certificate subject name")) {
    return moon_error_new(
        MOON_TLS,
        "%s: the server's certificate is for another name (%s); tls-server-name in the kubeconfig says "
        "which to expect",
        endpoint, detail);
  }
  if (strstr(detail, "wrong version number")) {
    return moon_error_new(MOON_TLS, "%s: the server does not speak TLS on this port (%s); is it plain http?", endpoint,
                          detail);
  }
  return moon_error_new(MOON_TLS, "%s: TLS handshake failed: %s", endpoint, detail);
}

/* --- addresses and headers --- */

static void add_header(moon_dialer *dialer, char *line) {
  struct curl_slist *node = moon_alloc(sizeof *node);
  *node = (struct curl_slist){.data = line, .next = dialer->headers};
  dialer->headers = node;
}

static char *basic_credentials(const moon_target *target) {
  char *pair = moon_sprintf("%s:%s", target->username, target->password ? target->password : "");
  size_t len = strlen(pair);
  char *encoded = moon_zalloc(4 * ((len + 2) / 3) + 1);
  EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)pair, (int)len);
  char *line = moon_sprintf("Authorization: Basic %s", encoded);
  moon_free_secret_text(pair);
  moon_free_secret_text(encoded);
  return line;
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

static void add_credentials(moon_dialer *dialer) {
  const moon_target *target = dialer->target;
  if (target->token)
    add_header(dialer, moon_sprintf("Authorization: Bearer %s", target->token));
  else if (target->username)
    add_header(dialer, basic_credentials(target));
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

static moon_error *set_address(moon_dialer *dialer, const char *server, const char *address) {
  const moon_target *target = dialer->target;
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
  if (secure) add_credentials(dialer);
out:
  free_parts(&own);
  free_parts(&given);
  return err;
}

/* What a target asks for that is not there: better said than ignored. */
static moon_error *refuse_unsupported(const moon_target *target) {
  const char *what = target->exec ? "a credential plugin (exec)" : NULL;
  if (!what) return NULL;
  return moon_error_new(MOON_CONFIG, "context \"%s\" needs %s, which this version of moonpool does not support",
                        target->context, what);
}

/* --- life --- */

static void lock_sessions(CURL *easy, curl_lock_data data, curl_lock_access access, void *arg) {
  pthread_mutex_lock(&((moon_dialer *)arg)->sessions_lock);
}

static void unlock_sessions(CURL *easy, curl_lock_data data, void *arg) {
  pthread_mutex_unlock(&((moon_dialer *)arg)->sessions_lock);
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void start_curl(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

moon_error *moon_dialer_new(const char *cluster, moon_target *target, const char *server, const char *address,
                            moon_dialer **out) {
  pthread_once(&curl_once, start_curl);
  moon_error *err = refuse_unsupported(target);
  if (err) return err;
  moon_dialer *dialer = moon_zalloc(sizeof *dialer);
  dialer->refs = 1;
  dialer->target = moon_target_retain(target);
  dialer->cluster = moon_strdup(cluster);
  pthread_mutex_init(&dialer->sessions_lock, NULL);
  dialer->sessions = curl_share_init();
  curl_share_setopt(dialer->sessions, CURLSHOPT_LOCKFUNC, lock_sessions);
  curl_share_setopt(dialer->sessions, CURLSHOPT_UNLOCKFUNC, unlock_sessions);
  curl_share_setopt(dialer->sessions, CURLSHOPT_USERDATA, dialer);
  curl_share_setopt(dialer->sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  err = set_address(dialer, server, address);
  if (!err) err = load_ca(dialer);
  if (!err) err = load_client_certificate(dialer);
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
  for (struct curl_slist *node = dialer->headers, *next; node; node = next) {
    next = node->next;
    moon_free_secret_text(node->data);
    free(node);
  }
  curl_slist_free_all(dialer->connect_to);
  curl_share_cleanup(dialer->sessions);
  pthread_mutex_destroy(&dialer->sessions_lock);
  moon_proxy_free(dialer->proxy);
  X509_STORE_free(dialer->store);
  X509_free(dialer->certificate);
  sk_X509_pop_free(dialer->chain, X509_free);
  EVP_PKEY_free(dialer->key);
  free(dialer->cluster);
  free(dialer->endpoint);
  free(dialer->base_url);
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
  return target->token || target->username || dialer->certificate;
}

int64_t moon_dialer_certificate_expiry_s(const moon_dialer *dialer) {
  struct tm at;
  if (!dialer->certificate || !ASN1_TIME_to_tm(X509_get0_notAfter(dialer->certificate), &at)) return 0;
  return (int64_t)timegm(&at);
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

/* A peer that vanished is noticed by the kernel within 15 s while data is on its way, within 30 s on an idle
 * connection. */
static int tune_socket(void *unused, curl_socket_t fd, curlsocktype purpose) {
  int probes = 3, unacknowledged_ms = 15000;
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
  return CURL_SOCKOPT_OK;
}

void moon_dialer_prepare(moon_dialer *dialer, CURL *easy) {
  long verify = dialer->store ? 1 : 0;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver thread */
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "moonpool/" MOON_VERSION);
  moon_proxy_prepare(dialer->proxy, dialer->store != NULL, easy);
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, dialer->connect_to);
  curl_easy_setopt(easy, CURLOPT_SHARE, dialer->sessions);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 86400L * 365); /* the pool decides, not libcurl's 118 s */
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 86400000L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, tune_socket);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the system's authorities are added to the cluster's own */
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_up_context);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, dialer);
}
