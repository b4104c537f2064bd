/* proxy.h: which proxy leads to a server, if any, and what went wrong at it.
 *
 * The rules are kubectl's. The cluster's proxy-url (http, https or socks5) is for every address of that cluster,
 * whatever the environment says. Without one the environment decides as for Go programs: HTTPS_PROXY for https servers,
 * HTTP_PROXY for http servers (then the same in lower case), but not for localhost, loopback addresses and what
 * NO_PROXY names: "*", names (with their subdomains; with a dot before them the subdomains only), addresses, CIDRs,
 * each but the last with a port where only that is meant. ALL_PROXY is not looked at.
 *
 * Names of servers are looked up by the proxy, not here. https servers are reached with CONNECT, http servers behind an
 * http proxy by asking the proxy. An https proxy must have a certificate of the system's or of the cluster's
 * authorities, and HTTP/1.1 is spoken through it. A proxy is immutable; its user name and password are in no text made
 * here, and wiped when it is freed.
 */
#ifndef MOON_NET_PROXY_H
#define MOON_NET_PROXY_H

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/error.h"

typedef struct moon_proxy moon_proxy;

typedef struct moon_proxy_environment {
  const char *http_proxy, *https_proxy, *no_proxy; /* NULL or empty: not set */
} moon_proxy_environment;

moon_proxy_environment moon_proxy_environment_now(void); /* valid until the environment changes */

/* The way to scheme://host:port (an IPv6 host in brackets); *out NULL: straight. `proxy_url`: the cluster's, or NULL.
 * Fails with MOON_CONFIG where the proxy that it would be is not usable. */
moon_error *moon_proxy_find(const char *proxy_url, const moon_proxy_environment *environment, const char *scheme,
                            const char *host, const char *port, moon_proxy **out);
void moon_proxy_free(moon_proxy *proxy); /* NULL: nothing */

const char *moon_proxy_url(const moon_proxy *proxy); /* "http://proxy:3128", without user name and password */
bool moon_proxy_is_named(const moon_proxy *proxy);   /* its host is a name, not an address */
bool moon_proxy_relays(const moon_proxy *proxy); /* an http proxy before an http server: it sees and answers requests */

/* Sets it on an easy handle; NULL: no proxy, also none of the environment's that libcurl would look for itself.
 * `verify`: an https proxy's certificate. */
void moon_proxy_prepare(const moon_proxy *proxy, bool verify, CURL *easy);

/* In libcurl's SSL_CTX callback: whether this session is one with the proxy itself; and what it may be signed by. */
bool moon_proxy_shakes_hands(const moon_proxy *proxy, CURL *easy);
void moon_proxy_trust(SSL_CTX *ctx, X509_STORE *cluster); /* cluster: NULL: nothing is verified */

/* What failed is the way through the proxy: why, for a person. NULL: something else. `result` and `detail` are
 * libcurl's for a request that made a connection to `endpoint`. */
moon_error *moon_proxy_failure(const moon_proxy *proxy, CURL *easy, CURLcode result, const char *detail,
                               const char *endpoint);
moon_error *moon_proxy_wants_credentials(const moon_proxy *proxy, long status); /* that it answered with */
bool moon_proxy_passed(const moon_proxy *proxy, CURL *easy); /* it has let us through to the server */

#endif
