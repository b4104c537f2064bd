/* pki.h: a certificate authority in memory, for servers that need TLS without anybody's files.
 *
 * All keys are ECDSA P-256. Everything is handed out as PEM text and nothing is ever written to disk. An authority is
 * immutable after it was made; any thread may use it, one at a time. */
#ifndef MOON_HTTP_PKI_H
#define MOON_HTTP_PKI_H

#include <stdint.h>

#include "moonpool.h"

typedef struct moon_pki_authority moon_pki_authority;

/* A certificate and its private key, as PEM. The holder frees both with moon_pki_pair_clear, which wipes the key. */
typedef struct moon_pki_pair {
  char *certificate;
  char *key;
} moon_pki_pair;

typedef enum moon_pki_usage { MOON_PKI_SERVER, MOON_PKI_CLIENT } moon_pki_usage;

/* What to certify. `not_before_s` and `not_after_s` are seconds from now, so a certificate that expired an hour ago has
 * -7200 and -3600. */
typedef struct moon_pki_request {
  const char *common_name;
  const char *const *organizations; /* NULL-terminated, or NULL */
  const char *const *alt_names;     /* NULL-terminated, or NULL: IP addresses and DNS names */
  moon_pki_usage usage;
  int64_t not_before_s, not_after_s;
} moon_pki_request;

/* Makes a self-signed authority that is valid from an hour ago for ten years. NULL with *err set on failure. */
moon_pki_authority *moon_pki_authority_new(const char *common_name, moon_error **err);
void moon_pki_authority_free(moon_pki_authority *authority);
/* The authority's own certificate, PEM; lives as long as it does. */
const char *moon_pki_authority_certificate(const moon_pki_authority *authority);

/* Makes a key and certifies it. */
moon_status moon_pki_issue(moon_pki_authority *authority, const moon_pki_request *request, moon_pki_pair *out,
                           moon_error **err);
void moon_pki_pair_clear(moon_pki_pair *pair);

#endif
