/* certificates.c: core.pki.read and core.unbase64: what stands in certificates, as Lua tables: for reports of what
 * expires when. Keys are not looked at. Runs on the Lua thread. */
#include <arpa/inet.h>
#include <lauxlib.h>
#include <limits.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "binding/http.h"
#include "kube/base64.h"

static void set_time(lua_State *L, const char *field, const ASN1_TIME *time) {
  struct tm at;
  if (!ASN1_TIME_to_tm(time, &at)) return;
  lua_pushinteger(L, (lua_Integer)timegm(&at));
  lua_setfield(L, -2, field);
}

/* The common name; where there is none, all of the name. */
static void set_name(lua_State *L, const char *field, X509_NAME *name) {
  unsigned char *text = NULL;
  int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  int len = at < 0 ? -1 : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (len >= 0) {
    lua_pushlstring(L, (const char *)text, (size_t)len);
    OPENSSL_free(text);
  } else {
    char line[256];
    lua_pushstring(L, X509_NAME_oneline(name, line, sizeof line));
  }
  lua_setfield(L, -2, field);
}

static bool push_alternative(lua_State *L, const GENERAL_NAME *name) {
  if (name->type == GEN_DNS) {
    const ASN1_STRING *text = name->d.dNSName;
    lua_pushlstring(L, (const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    return true;
  }
  if (name->type != GEN_IPADD) return false;
  char text[INET6_ADDRSTRLEN];
  const ASN1_OCTET_STRING *address = name->d.iPAddress;
  int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(address) != 16) return false;
  lua_pushstring(L, inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text));
  return true;
}

/* The host names and addresses that it is for. */
static void set_alternatives(lua_State *L, X509 *certificate) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  lua_newtable(L);
  for (int i = 0, count = 0; i < sk_GENERAL_NAME_num(names); i++)
    if (push_alternative(L, sk_GENERAL_NAME_value(names, i))) lua_rawseti(L, -2, ++count);
  lua_setfield(L, -2, "names");
  GENERAL_NAMES_free(names);
}

/* read(pem) -> the certificates in it, in order; what else is in it is passed over. */
int moon_pki_read(lua_State *L) {
  size_t len;
  const char *pem = luaL_checklstring(L, 1, &len);
  luaL_argcheck(L, len < INT_MAX, 1, "the text is too long");
  lua_newtable(L);
  BIO *bio = BIO_new_mem_buf(pem, (int)len);
  X509 *certificate;
  for (int count = 0; (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)); X509_free(certificate)) {
    lua_createtable(L, 0, 5);
    set_name(L, "subject", X509_get_subject_name(certificate));
    set_name(L, "issuer", X509_get_issuer_name(certificate));
    set_time(L, "notBefore", X509_get0_notBefore(certificate));
    set_time(L, "notAfter", X509_get0_notAfter(certificate));
    set_alternatives(L, certificate);
    lua_rawseti(L, -2, ++count);
  }
  BIO_free(bio);
  ERR_clear_error();
  return 1;
}

/* unbase64(text) -> text; nil when it is not base64. */
int moon_unbase64(lua_State *L) {
  size_t len, wrong_at;
  const char *text = luaL_checklstring(L, 1, &len);
  moon_bytes bytes = {0};
  if (!moon_base64_decode(text, len, &bytes, &wrong_at)) return 0;
  lua_pushlstring(L, bytes.data ? bytes.data : "", bytes.len);
  moon_bytes_wipe(&bytes);
  return 1;
}
