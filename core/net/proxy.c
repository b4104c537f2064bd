/* proxy.c: see proxy.h. */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

struct moon_proxy {
  enum { HTTP, HTTPS, SOCKS5 } kind;
  char *url;    /* scheme://host:port, for libcurl and for people */
  char *source; /* who named it: "proxy-url", "HTTPS_PROXY" */
  char *username, *password;
  bool named, relays;
};

/* --- addresses --- */

/* IPv4 as IPv6, so that there is one kind of comparison. */
typedef struct ip {
  struct in6_addr bytes;
  bool is_v4;
} ip;

static bool parse_ip(const char *text, ip *out) {
  struct in_addr v4;
  if (inet_pton(AF_INET, text, &v4) == 1) {
    memset(&out->bytes, 0, 10);
    memset(out->bytes.s6_addr + 10, 0xff, 2);
    memcpy(out->bytes.s6_addr + 12, &v4, 4);
  } else if (inet_pton(AF_INET6, text, &out->bytes) != 1) {
    return false;
  }
  out->is_v4 = IN6_IS_ADDR_V4MAPPED(&out->bytes);
  return true;
}

static bool is_loopback(const ip *address) {
  return address->is_v4 ? address->bytes.s6_addr[12] == 127 : IN6_IS_ADDR_LOOPBACK(&address->bytes);
}

static bool same_start(const ip *a, const ip *b, unsigned bits) {
  if (a->is_v4 != b->is_v4 || memcmp(&a->bytes, &b->bytes, bits / 8)) return false;
  unsigned rest = bits % 8, mask = 0xff00u >> rest & 0xff;
  return !rest || !((a->bytes.s6_addr[bits / 8] ^ b->bytes.s6_addr[bits / 8]) & mask);
}

/* "10.0.0.0/8": 1 when the address is in it, 0 when not, -1 when the text is no CIDR. */
static int in_cidr(char *text, const ip *address) {
  char *slash = strchr(text, '/');
  if (!slash) return -1;
  *slash = '\0';
  ip net;
  bool good = parse_ip(text, &net);
  bool short_form = good && !strchr(text, ':'); /* its prefix counts from the IPv4 part on */
  *slash = '/';
  size_t digits = strspn(slash + 1, "0123456789");
  if (!good || !digits || digits > 3 || slash[1 + digits]) return -1;
  unsigned bits = (unsigned)strtoul(slash + 1, NULL, 10);
  if (bits > (short_form ? 32 : 128)) return -1;
  return address && same_start(&net, address, short_form ? bits + 96 : bits);
}

/* --- NO_PROXY --- */

/* Splits "host:port" and "[v6]:port"; port stays NULL where there is none. False: more than a host, and not these. */
static void split_port(char **host, char **port) {
  char *colon = strrchr(*host, ':'), *bracket = strrchr(*host, ']');
  *port = NULL;
  if (!colon) return;
  if (**host == '[') {
    if (!bracket || bracket + 1 != colon) return;
    *bracket = '\0';
    ++*host;
  } else if (strchr(*host, ':') != colon) {
    return; /* an IPv6 address */
  }
  *colon = '\0';
  *port = colon + 1;
}

/* One item, in lower case; it is written into. */
static bool excludes(char *item, const char *host, const ip *address, const char *port) {
  if (!strcmp(item, "*")) return true;
  int inside = in_cidr(item, address);
  if (inside >= 0) return inside;
  char *item_port;
  split_port(&item, &item_port);
  if (!*item || (item_port && *item_port && strcmp(item_port, port))) return false;
  ip item_address;
  if (parse_ip(item, &item_address)) return address && same_start(&item_address, address, 128);
  if (!strncmp(item, "*.", 2)) item++;
  const char *suffix = *item == '.' ? item + 1 : item;
  size_t len = strlen(host), suffix_len = strlen(suffix);
  if (len == suffix_len) return *item != '.' && !strcmp(host, suffix);
  return len > suffix_len && host[len - suffix_len - 1] == '.' && !strcmp(host + len - suffix_len, suffix);
}

static char *lower(const char *text) {
  char *copy = moon_strdup(text);
  for (char *c = copy; *c; c++) *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
  return copy;
}

static bool is_excluded(const char *no_proxy, const char *host, const char *port) {
  ip address;
  bool is_address = parse_ip(host, &address);
  if (!strcmp(host, "localhost") || (is_address && is_loopback(&address))) return true;
  char *list = lower(no_proxy ? no_proxy : ""), *rest = list, *item;
  bool found = false;
  while (!found && (item = strsep(&rest, ","))) {
    item += strspn(item, " \t\r\n");
    size_t len = strlen(item);
    while (len && strchr(" \t\r\n", item[len - 1])) item[--len] = '\0';
    found = len && excludes(item, host, is_address ? &address : NULL, port);
  }
  free(list);
  return found;
}

/* --- a proxy's URL --- */

static moon_error *unusable(const char *source, const char *what) {
  return moon_error_new(MOON_CONFIG, "%s %s; expected http://, https:// or socks5:// and host:port", source, what);
}

static moon_error *parse(const char *text, const char *source, moon_proxy **out) {
  CURLU *url = curl_url();
  char *scheme = NULL, *host = NULL, *port = NULL, *username = NULL, *password = NULL;
  moon_proxy *proxy = moon_zalloc(sizeof *proxy);
  moon_error *err = NULL;
  if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) ||
      curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) || curl_url_get(url, CURLUPART_HOST, &host, 0) || !*host) {
    err = unusable(source, "is not a URL"); /* not repeated: it may hold a password */
    goto out;
  }
  const char *default_port = "80";
  if (!strcasecmp(scheme, "https")) {
    proxy->kind = HTTPS;
    default_port = "443";
  } else if (!strcasecmp(scheme, "socks5") || !strcasecmp(scheme, "socks5h")) {
    proxy->kind = SOCKS5;
    default_port = "1080";
  } else if (strcasecmp(scheme, "http")) {
    char *what = moon_sprintf("has the scheme \"%s\"", scheme);
    err = unusable(source, what);
    free(what);
    goto out;
  }
  curl_url_get(url, CURLUPART_PORT, &port, 0);
  curl_url_get(url, CURLUPART_USER, &username, CURLU_URLDECODE);
  curl_url_get(url, CURLUPART_PASSWORD, &password, CURLU_URLDECODE);
  static const char *const schemes[] = {[HTTP] = "http", [HTTPS] = "https", [SOCKS5] = "socks5"};
  proxy->url = moon_sprintf("%s://%s:%s", schemes[proxy->kind], host, port ? port : default_port);
  proxy->source = moon_strdup(source);
  proxy->username = moon_strdup(username);
  proxy->password = moon_strdup(username && !password ? "" : password);
  struct in_addr unused;
  proxy->named = *host != '[' && inet_pton(AF_INET, host, &unused) != 1;
out:
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  if (username) OPENSSL_cleanse(username, strlen(username));
  if (password) OPENSSL_cleanse(password, strlen(password));
  curl_free(username);
  curl_free(password);
  curl_url_cleanup(url);
  if (err)
    moon_proxy_free(proxy);
  else
    *out = proxy;
  return err;
}

/* Programs accept "proxy:3128" in the environment for "http://proxy:3128". */
static moon_error *parse_variable(const char *text, const char *source, moon_proxy **out) {
  if (strstr(text, "://")) return parse(text, source, out);
  char *url = moon_sprintf("http://%s", text);
  moon_error *err = parse(url, source, out);
  moon_free_secret_text(url);
  return err;
}

/* --- which one --- */

static const char *variable(const char *name, const char *lower_name) {
  const char *value = getenv(name);
  return value && *value ? value : getenv(lower_name);
}

moon_proxy_environment moon_proxy_environment_now(void) {
  return (moon_proxy_environment){
      .http_proxy = variable("HTTP_PROXY", "http_proxy"),
      .https_proxy = variable("HTTPS_PROXY", "https_proxy"),
      .no_proxy = variable("NO_PROXY", "no_proxy"),
  };
}

moon_error *moon_proxy_find(const char *proxy_url, const moon_proxy_environment *environment, const char *scheme,
                            const char *host, const char *port, moon_proxy **out) {
  bool secure = !strcasecmp(scheme, "https");
  moon_error *err = NULL;
  *out = NULL;
  if (proxy_url && *proxy_url) {
    err = parse(proxy_url, "proxy-url", out);
  } else {
    const char *text = secure ? environment->https_proxy : environment->http_proxy;
    if (!text || !*text) return NULL;
    char *bare = *host == '[' ? moon_strndup(host + 1, strcspn(host + 1, "]")) : lower(host);
    if (!is_excluded(environment->no_proxy, bare, port))
      err = parse_variable(
          text, secure ? "the environment variable HTTPS_PROXY" : "the environment variable HTTP_PROXY", out);
    free(bare);
  }
  if (*out) (*out)->relays = !secure && (*out)->kind != SOCKS5;
  return err;
}

void moon_proxy_free(moon_proxy *proxy) {
  if (!proxy) return;
  free(proxy->url);
  free(proxy->source);
  moon_free_secret_text(proxy->username);
  moon_free_secret_text(proxy->password);
  free(proxy);
}

const char *moon_proxy_url(const moon_proxy *proxy) {
  return proxy->url;
}

bool moon_proxy_is_named(const moon_proxy *proxy) {
  return proxy->named;
}

bool moon_proxy_relays(const moon_proxy *proxy) {
  return proxy->relays;
}

/* --- its use --- */

void moon_proxy_prepare(const moon_proxy *proxy, bool verify, CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); /* decided here; libcurl would ask the environment again */
  if (!proxy) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    return;
  }
  static const long types[] = {
      [HTTP] = CURLPROXY_HTTP, [HTTPS] = CURLPROXY_HTTPS, [SOCKS5] = CURLPROXY_SOCKS5_HOSTNAME};
  /* The type stands in the URL too, where it would beat the option and have socks5 look names up here. */
  curl_easy_setopt(easy, CURLOPT_PROXY, strstr(proxy->url, "://") + 3);
  curl_easy_setopt(easy, CURLOPT_PROXYTYPE, types[proxy->kind]);
  curl_easy_setopt(easy, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
  curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, proxy->username);
  curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, proxy->password);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* the proxy's answer is not the server's */
  curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, verify ? 2L : 0L);
  /* With TLS within TLS, what the outer session has read ahead wakes nobody: libcurl 7.88 leaves the answers to other
   * requests of an HTTP/2 connection lying there. */
  if (proxy->kind == HTTPS) curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
  curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
}

static long connect_code(CURL *easy) {
  long code = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &code);
  return code;
}

bool moon_proxy_passed(const moon_proxy *proxy, CURL *easy) {
  return connect_code(easy) / 100 == 2;
}

bool moon_proxy_shakes_hands(const moon_proxy *proxy, CURL *easy) {
  return proxy && proxy->kind == HTTPS && !connect_code(easy);
}

void moon_proxy_trust(SSL_CTX *ctx, X509_STORE *cluster) {
  if (!cluster) return;
  X509_STORE *store = X509_STORE_new();
  X509_STORE_set_default_paths(store);
  X509_STORE_lock(cluster);
  STACK_OF(X509_OBJECT) *known = X509_STORE_get0_objects(cluster);
  for (int i = 0; i < sk_X509_OBJECT_num(known); i++) {
    X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(known, i));
    if (authority) X509_STORE_add_cert(store, authority);
  }
  X509_STORE_unlock(cluster);
  SSL_CTX_set_cert_store(ctx, store);
}

/* --- what went wrong at it --- */

moon_error *moon_proxy_wants_credentials(const moon_proxy *proxy, long status) {
  char *answer = status ? moon_sprintf(" (HTTP %ld)", status) : moon_strdup("");
  moon_error *err = moon_error_new(MOON_CREDENTIAL, "the proxy %s %s%s; check %s", proxy->url,
                                   proxy->username ? "does not accept the user name and password that it was given"
                                                   : "wants a user name and a password, and was given none",
                                   answer, proxy->source);
  free(answer);
  return err;
}

static moon_error *refusal(const moon_proxy *proxy, long code, const char *endpoint) {
  const char *what = "did not connect us";
  if (code == 403) what = "does not allow connections to it, its rules must";
  if (code == 404 || code == 405 || code == 501) what = "does not connect to servers (CONNECT), is it a proxy?";
  if (code == 500 || code == 502 || code == 503) what = "cannot reach it";
  if (code == 504) what = "cannot reach it in time";
  return moon_error_new(MOON_CONNECT, "%s: the proxy %s %s (the proxy's answer to CONNECT was HTTP %ld)", endpoint,
                        proxy->url, what, code);
}

static moon_error *socks_failure(const moon_proxy *proxy, CURL *easy, const char *detail, const char *endpoint) {
  long reason = 0;
  curl_easy_getinfo(easy, CURLINFO_PROXY_ERROR, &reason);
  switch (reason) {
  case CURLPX_USER_REJECTED:
  case CURLPX_NO_AUTH:
    return moon_proxy_wants_credentials(proxy, 0);
  case CURLPX_REPLY_NOT_ALLOWED:
    return moon_error_new(MOON_CONNECT, "%s: the proxy %s does not allow connections to it, its rules must", endpoint,
                          proxy->url);
  case CURLPX_REPLY_CONNECTION_REFUSED:
  case CURLPX_REPLY_HOST_UNREACHABLE:
  case CURLPX_REPLY_NETWORK_UNREACHABLE:
  case CURLPX_REPLY_GENERAL_SERVER_FAILURE:
  case CURLPX_REPLY_TTL_EXPIRED:
    return moon_error_new(MOON_CONNECT, "%s: the proxy %s cannot reach it: %s", endpoint, proxy->url, detail);
  default:
    return moon_error_new(MOON_CONNECT, "%s: the proxy %s did not connect us: %s", endpoint, proxy->url, detail);
  }
}

static moon_error *tls_failure(const moon_proxy *proxy, CURL *easy, const char *detail) {
  long verify = 0;
  curl_easy_getinfo(easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &verify);
  if (verify > 0) detail = X509_verify_cert_error_string(verify);
  return moon_error_new(MOON_TLS,
                        "the proxy %s: TLS handshake failed: %s; its certificate must be good for its name and "
                        "of an authority that the system or the cluster trusts",
                        proxy->url, detail);
}

moon_error *moon_proxy_failure(const moon_proxy *proxy, CURL *easy, CURLcode result, const char *detail,
                               const char *endpoint) {
  if (moon_proxy_passed(proxy, easy)) return NULL;
  long code = connect_code(easy), os_error = 0;
  if (code == 407 || code == 401) /* tinyproxy says 401 to a wrong password */
    return moon_proxy_wants_credentials(proxy, code);
  if (code) return refusal(proxy, code, endpoint);
  switch (result) {
  case CURLE_COULDNT_RESOLVE_PROXY:
    return moon_error_new(MOON_CONNECT, "the name of the proxy %s cannot be resolved", proxy->url);
  case CURLE_COULDNT_CONNECT:
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    if (os_error == ECONNREFUSED)
      return moon_error_new(MOON_CONNECT, "the proxy %s: connection refused (nothing listens on that port)",
                            proxy->url);
    return moon_error_new(MOON_CONNECT, "the proxy %s: cannot connect: %s", proxy->url,
                          os_error ? strerror((int)os_error) : detail);
  case CURLE_PROXY:
    return socks_failure(proxy, easy, detail, endpoint);
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
    return proxy->kind == HTTPS ? tls_failure(proxy, easy, detail) : NULL;
  default: /* until CONNECT is answered there is nobody else on the line */
    if (proxy->kind == SOCKS5 || proxy->relays) return NULL;
    return moon_error_new(MOON_CONNECT, "%s: the proxy %s did not connect us: %s", endpoint, proxy->url, detail);
  }
}
