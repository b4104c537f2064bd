/* certificate.c: see certificate.h. */
#include "net/certificate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "base/log.h"

struct moon_certificate {
  atomic_int refs;
  X509 *certificate;
  STACK_OF(X509) * chain;
  EVP_PKEY *key;
};

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

/* --- a client certificate --- */

static moon_error *load(moon_certificate *out, const char *owner, const moon_bytes *cert, const moon_bytes *key) {
  BIO *bio = open_pem(cert);
  out->certificate = read_certificate(bio);
  out->chain = sk_X509_new_null();
  for (X509 *issuer; out->certificate && (issuer = read_certificate(bio));) sk_X509_push(out->chain, issuer);
  BIO_free(bio);
  if (!out->certificate) {
    return moon_error_new(MOON_CREDENTIAL, "%s: client-certificate is not a certificate in PEM form (%s)", owner,
                          openssl_reason());
  }
  bio = open_pem(key);
  out->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
  BIO_free(bio);
  if (!out->key) {
    return moon_error_new(MOON_CREDENTIAL,
                          "%s: client-key is not a private key in PEM form (%s); a key with a passphrase cannot be "
                          "used",
                          owner, openssl_reason());
  }
  if (X509_check_private_key(out->certificate, out->key) != 1) {
    ERR_clear_error();
    return moon_error_new(MOON_CREDENTIAL, "%s: client-key does not belong to client-certificate", owner);
  }
  ERR_clear_error();
  return NULL;
}

moon_error *moon_certificate_new(const char *owner, const moon_bytes *cert, const moon_bytes *key,
                                 moon_certificate **out) {
  moon_certificate *certificate = moon_zalloc(sizeof *certificate);
  certificate->refs = 1;
  moon_error *err = load(certificate, owner, cert, key);
  if (err)
    moon_certificate_release(certificate);
  else
    *out = certificate;
  return err;
}

moon_certificate *moon_certificate_retain(moon_certificate *certificate) {
  if (certificate) atomic_fetch_add(&certificate->refs, 1);
  return certificate;
}

void moon_certificate_release(moon_certificate *certificate) {
  if (!certificate || atomic_fetch_sub(&certificate->refs, 1) != 1) return;
  X509_free(certificate->certificate);
  sk_X509_pop_free(certificate->chain, X509_free);
  EVP_PKEY_free(certificate->key);
  free(certificate);
}

bool moon_certificate_same(const moon_certificate *a, const moon_certificate *b) {
  if (a == b) return true;
  if (!a || !b || X509_cmp(a->certificate, b->certificate) || sk_X509_num(a->chain) != sk_X509_num(b->chain))
    return false;
  for (int i = 0; i < sk_X509_num(a->chain); i++)
    if (X509_cmp(sk_X509_value(a->chain, i), sk_X509_value(b->chain, i))) return false;
  return true;
}

int64_t moon_certificate_expiry_s(const moon_certificate *certificate) {
  struct tm at;
  if (!certificate || !ASN1_TIME_to_tm(X509_get0_notAfter(certificate->certificate), &at)) return 0;
  return (int64_t)timegm(&at);
}

bool moon_certificate_use(const moon_certificate *certificate, SSL_CTX *ctx) {
  return !certificate ||
         (SSL_CTX_use_certificate(ctx, certificate->certificate) == 1 &&
          SSL_CTX_set1_chain(ctx, certificate->chain) == 1 && SSL_CTX_use_PrivateKey(ctx, certificate->key) == 1);
}

/* --- authorities --- */

static X509_STORE *system_store;
static pthread_once_t system_store_once = PTHREAD_ONCE_INIT;

static void load_system_store(void) {
  system_store = X509_STORE_new();
  if (system_store) X509_STORE_set_default_paths(system_store);
}

moon_error *moon_authorities_new(const char *cluster, const moon_bytes *pem, X509_STORE **out) {
  if (!pem->data) {
    pthread_once(&system_store_once, load_system_store);
    X509_STORE_up_ref(system_store);
    *out = system_store;
    return NULL;
  }
  BIO *bio = open_pem(pem);
  X509_STORE *store = X509_STORE_new();
  int count = 0;
  const char *broken = NULL; /* what is wrong with the first one that cannot be read */
  for (bool more = true; more;) {
    X509 *ca = read_certificate(bio);
    if (ca) {
      X509_STORE_add_cert(store, ca);
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
    X509_STORE_free(store);
    return moon_error_new(MOON_CREDENTIAL,
                          "cluster \"%s\": certificate-authority holds no certificate in PEM form (%s)", cluster,
                          broken ? broken : "no PEM block found");
  }
  if (broken) {
    moon_log(MOON_LOG_WARN,
             "cluster \"%s\": a certificate in certificate-authority is left out, it cannot be read (%s)", cluster,
             broken);
  }
  *out = store;
  return NULL;
}
