/* pki.c: see pki.h. OpenSSL does the work; its X509_NAME and extension calls are wrapped here once, so that the rest
 * reads as "who, for what, how long". Every certificate gets a random 127-bit serial number: clients refuse two
 * certificates of one issuer with the same one. */
#include "http/pki.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"

#define TEN_YEARS_S (10LL * 365 * 24 * 3600)

struct moon_pki_authority {
  X509 *certificate;
  EVP_PKEY *key;
  char *pem;
};

static moon_error *crypto_error(const char *what) {
  char text[160];
  unsigned long code = ERR_get_error();
  ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return moon_error_new(MOON_TLS, "cannot make %s: %s", what, code ? text : "OpenSSL gives no reason");
}

static char *take_text(BIO *bio) {
  char *data;
  long len = BIO_get_mem_data(bio, &data);
  return moon_strndup(data, (size_t)len);
}

static char *certificate_text(X509 *certificate) {
  BIO *bio = BIO_new(BIO_s_mem());
  char *text = bio && PEM_write_bio_X509(bio, certificate) ? take_text(bio) : NULL;
  BIO_free(bio);
  return text;
}

static char *key_text(EVP_PKEY *key) {
  BIO *bio = BIO_new(BIO_s_secmem());
  char *text = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) ? take_text(bio) : NULL;
  BIO_free(bio);
  return text;
}

static bool set_serial(X509 *certificate) {
  BIGNUM *number = BN_new();
  bool ok = number && BN_rand(number, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  return ok;
}

static bool add_name(X509_NAME *name, const char *field, const char *text) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0);
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  bool ok = extension && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return ok;
}

static bool add_alt_names(X509 *certificate, X509 *issuer, const char *const *names) {
  if (!names || !*names) return true;
  moon_buffer text = {0};
  for (; *names; names++) {
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(*names);
    moon_buffer_addf(&text, "%s%s:%s", text.len ? "," : "", address ? "IP" : "DNS", *names);
    ASN1_OCTET_STRING_free(address);
  }
  ERR_clear_error(); /* a2i_IPADDRESS leaves one for every DNS name */
  bool ok = add_extension(certificate, issuer, NID_subject_alt_name, text.data);
  moon_buffer_free(&text);
  return ok;
}

/* A certificate with a serial number, its time, its key and its common name; nothing signed yet. */
static X509 *blank_certificate(EVP_PKEY *key, const char *common_name, int64_t not_before_s, int64_t not_after_s) {
  X509 *certificate = X509_new();
  if (certificate && X509_set_version(certificate, 2) && set_serial(certificate) &&
      X509_gmtime_adj(X509_getm_notBefore(certificate), (long)not_before_s) &&
      X509_gmtime_adj(X509_getm_notAfter(certificate), (long)not_after_s) && X509_set_pubkey(certificate, key) &&
      add_name(X509_get_subject_name(certificate), "CN", common_name))
    return certificate;
  X509_free(certificate);
  return NULL;
}

moon_pki_authority *moon_pki_authority_new(const char *common_name, moon_error **err) {
  moon_pki_authority *authority = moon_zalloc(sizeof *authority);
  authority->key = EVP_EC_gen("P-256");
  X509 *certificate = authority->key ? blank_certificate(authority->key, common_name, -3600, TEN_YEARS_S) : NULL;
  authority->certificate = certificate;
  if (certificate && X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) &&
      add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE") &&
      add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,digitalSignature") &&
      add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
      X509_sign(certificate, authority->key, EVP_sha256()) && (authority->pem = certificate_text(certificate)))
    return authority;
  moon_pki_authority_free(authority);
  moon_error_give(crypto_error("a certificate authority"), err);
  return NULL;
}

void moon_pki_authority_free(moon_pki_authority *authority) {
  if (!authority) return;
  X509_free(authority->certificate);
  EVP_PKEY_free(authority->key);
  free(authority->pem);
  free(authority);
}

const char *moon_pki_authority_certificate(const moon_pki_authority *authority) {
  return authority->pem;
}

static bool add_organizations(X509 *certificate, const char *const *names) {
  for (; names && *names; names++)
    if (!add_name(X509_get_subject_name(certificate), "O", *names)) return false;
  return true;
}

moon_status moon_pki_issue(moon_pki_authority *authority, const moon_pki_request *request, moon_pki_pair *out,
                           moon_error **err) {
  X509 *issuer = authority->certificate;
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate =
      key ? blank_certificate(key, request->common_name, request->not_before_s, request->not_after_s) : NULL;
  const char *purpose = request->usage == MOON_PKI_SERVER ? "serverAuth" : "clientAuth";
  *out = (moon_pki_pair){0};
  if (certificate && add_organizations(certificate, request->organizations) &&
      X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) &&
      add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
      add_extension(certificate, issuer, NID_ext_key_usage, purpose) &&
      add_extension(certificate, issuer, NID_authority_key_identifier, "keyid") &&
      add_alt_names(certificate, issuer, request->alt_names) && X509_sign(certificate, authority->key, EVP_sha256())) {
    out->certificate = certificate_text(certificate);
    out->key = key_text(key);
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (out->certificate && out->key) return MOON_OK;
  moon_pki_pair_clear(out);
  return moon_error_give(crypto_error("a certificate"), err);
}

void moon_pki_pair_clear(moon_pki_pair *pair) {
  free(pair->certificate);
  moon_free_secret_text(pair->key);
  *pair = (moon_pki_pair){0};
}
