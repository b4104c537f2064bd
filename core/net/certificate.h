/* certificate.h: what a TLS connection is made with, parsed once: the authorities that are trusted, and the certificate
 * by which we prove who we are.
 *
 * Immutable and shared by reference count between threads. Keys are freed (OpenSSL wipes them) with the last. */
#ifndef MOON_NET_CERTIFICATE_H
#define MOON_NET_CERTIFICATE_H

#include <stdint.h>

#include <openssl/ssl.h>

#include "base/error.h"
#include "kube/target.h"

/* A client certificate, its chain and its key. */
typedef struct moon_certificate moon_certificate;

/* From PEM. Fails with MOON_CREDENTIAL; `owner` begins the message ("user \"x\""). */
moon_error *moon_certificate_new(const char *owner, const moon_bytes *cert, const moon_bytes *key,
                                 moon_certificate **out);
moon_certificate *moon_certificate_retain(moon_certificate *certificate); /* NULL is fine, here and below */
void moon_certificate_release(moon_certificate *certificate);
/* Whether both say the same to a server. */
bool moon_certificate_same(const moon_certificate *a, const moon_certificate *b);
/* When it expires, seconds since 1970; 0: unknown. */
int64_t moon_certificate_expiry_s(const moon_certificate *certificate);
/* False when OpenSSL refuses it. */
bool moon_certificate_use(const moon_certificate *certificate, SSL_CTX *ctx);

/* The authorities in a PEM text; the system's where `pem` is absent. The caller frees with X509_STORE_free. Fails with
 * MOON_CREDENTIAL when there is none in it; one that cannot be read is left out, and logged. */
moon_error *moon_authorities_new(const char *cluster, const moon_bytes *pem, X509_STORE **out);

#endif
