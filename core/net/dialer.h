/* dialer.h: all that new connections to one API server have in common, made once.
 *
 * From a target it takes the address (with tls-server-name: another name in the URL, the real address behind it, and
 * the original in the Host header; with a proxy where one is named: see proxy.h), the credential, and the headers that
 * every request carries but for the Authorization, which may change from one request to the next.
 *
 * What TLS connections are made with now (authorities, client certificate, a cache of sessions so that later
 * connections resume) stands in a setup of its own: a new one takes its place when the CA file or the client
 * certificate has changed. Sessions are not shared more widely, because a resumed one carries the identity of the
 * certificate it began with.
 *
 * Shared by reference count between threads; but for the setup immutable. Credentials are used over https only. */
#ifndef MOON_NET_DIALER_H
#define MOON_NET_DIALER_H

#include <curl/curl.h>

#include "kube/target.h"
#include "moonpool.h"
#include "net/credential.h"
#include "net/proxy.h"

typedef struct moon_dialer moon_dialer;
typedef struct moon_tls_setup moon_tls_setup;

/* Fails with MOON_CREDENTIAL for an unusable certificate or key, MOON_CONFIG for what cannot be reached yet. `cluster`
 * names it in errors. `server`: another URL than the target's ("https://host[:port]"; the target's path prefix is put
 * behind it; unix:///path where the target's is one too); NULL: the target's. `address`: connect to this IP address,
 * whatever the URL's name resolves to (name and certificate check stay the URL's); NULL: look the name up. Keeps a
 * reference of the target. */
moon_error *moon_dialer_new(const char *cluster, moon_target *target, const char *server, const char *address,
                            moon_dialer **out);
moon_credential *moon_dialer_credential(const moon_dialer *dialer); /* not a new reference */
/* When the client certificate expires, seconds since 1970; 0: there is none. */
int64_t moon_dialer_certificate_expiry_s(const moon_dialer *dialer);
moon_dialer *moon_dialer_retain(moon_dialer *dialer);
void moon_dialer_release(moon_dialer *dialer);

const char *moon_dialer_cluster(const moon_dialer *dialer);
/* "https://host:port", for messages; with an address of its own "https://host:port (10.0.0.1)"; or "unix:///path". */
const char *moon_dialer_endpoint(const moon_dialer *dialer);
const moon_target *moon_dialer_target(const moon_dialer *dialer);
bool moon_dialer_has_credentials(const moon_dialer *dialer); /* something that says who asks is sent */
bool moon_dialer_needs_lookup(
    const moon_dialer *dialer); /* to connect, a name is looked up: the proxy's or the server's */
bool moon_dialer_may_resolve(const moon_dialer *dialer); /* the server is a name, and no proxy looks it up for us */
const moon_proxy *moon_dialer_proxy(const moon_dialer *dialer); /* NULL: straight to the server */
const char *moon_dialer_base_url(const moon_dialer *dialer);    /* what request paths are put behind */
struct curl_slist *moon_dialer_headers(const moon_dialer *dialer);
bool moon_dialer_may_compress(const moon_dialer *dialer);

/* What a connection made now for this identity is made with; a new reference. Looks whether the CA file has changed, at
 * most every 10 s. */
moon_tls_setup *moon_dialer_setup(moon_dialer *dialer, const moon_identity *identity);
/* Whether that is what a connection was made with. */
bool moon_dialer_is_current(moon_dialer *dialer, const moon_identity *identity, const moon_tls_setup *setup);
void moon_tls_setup_release(moon_tls_setup *setup);

/* Sets on an easy handle all that decides which connection it may use, and how that is made. The setup must outlive the
 * handle and its multi. */
void moon_dialer_prepare(moon_dialer *dialer, moon_tls_setup *setup, CURL *easy);

/* Why a handshake failed. `verify` is OpenSSL's verification result, `detail` libcurl's text. */
typedef enum moon_tls_fault {
  MOON_TLS_HANDSHAKE, /* none of those below */
  MOON_TLS_AUTHORITY, /* signed by nobody whom we trust */
  MOON_TLS_EXPIRED,
  MOON_TLS_NOT_YET_VALID,
  MOON_TLS_UNVERIFIED, /* something else about the certificate */
  MOON_TLS_OTHER_NAME,
  MOON_TLS_NOT_SPOKEN, /* plain http, perhaps */
} moon_tls_fault;

moon_tls_fault moon_tls_fault_of(long verify, const char *detail);
/* The same for a person; and why there is no TCP connection. */
moon_error *moon_dialer_tls_error(const moon_dialer *dialer, long verify, const char *detail);
moon_error *moon_dialer_connect_error(const moon_dialer *dialer, CURL *easy, const char *detail);

#endif
