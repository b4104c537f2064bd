/* tls_spec.c: whom a connection trusts, as whom it comes, and what it says when the two do not agree. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "http/pki.h"
#include "support/net_fixture.h"

static moon_reactor *reactor;

static char system_authorities[] = "/tmp/moonpool-tls-XXXXXX";

static int start_reactor(void **state) {
  int fd = mkstemp(system_authorities);
  ssize_t len = (ssize_t)strlen(pki_ca());
  assert_true(fd >= 0 && write(fd, pki_ca(), (size_t)len) == len);
  close(fd);
  setenv("SSL_CERT_FILE", system_authorities, 1);
  reactor = moon_reactor_new();
  return 0;
}

static int end_reactor(void **state) {
  moon_reactor_release(reactor);
  unlink(system_authorities);
  return 0;
}

static moon_pki_pair issue(moon_pki_authority *authority, const char *name, moon_pki_usage usage, int64_t from_s,
                           int64_t until_s) {
  const char *names[] = {name, NULL};
  moon_pki_request request = {.common_name = name,
                              .alt_names = usage == MOON_PKI_SERVER ? names : NULL,
                              .usage = usage,
                              .not_before_s = from_s,
                              .not_after_s = until_s};
  moon_pki_pair pair;
  assert_int_equal(moon_pki_issue(authority, &request, &pair, NULL), MOON_OK);
  return pair;
}

static tls_server *serve(const moon_pki_pair *pair) {
  return tls_server_start(&(tls_server_options){.certificate = pair->certificate, .key = pair->key});
}

static X509 *read_certificate(const char *pem) {
  BIO *bio = BIO_new_mem_buf(pem, -1);
  X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  BIO_free(bio);
  return certificate;
}

static EVP_PKEY *read_key(const char *pem) {
  BIO *bio = BIO_new_mem_buf(pem, -1);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  BIO_free(bio);
  return key;
}

static char *take_text(BIO *bio) {
  char *text;
  long len = BIO_get_mem_data(bio, &text);
  char *copy = moon_strndup(text, (size_t)len);
  BIO_free(bio);
  return copy;
}

/* --- the server's certificate --- */

/* A server with a certificate of `authority`, expected under 127.0.0.1 by a client that trusts pki_ca(). */
static void check_refused_server(moon_pki_authority *authority, const char *name, int64_t from_s, int64_t until_s,
                                 const char *text) {
  moon_pki_pair pair = issue(authority, name, MOON_PKI_SERVER, from_s, until_s);
  tls_server *server = serve(&pair);
  moon_dialer *dialer = https_dialer(server);
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_TLS, text);
  assert_int_equal(tls_server_count(server, "/livez"), 0);
  moon_dialer_release(dialer);
  tls_server_stop(server);
  moon_pki_pair_clear(&pair);
}

static void refuses_a_server_of_another_authority(void **state) {
  moon_pki_authority *other = moon_pki_authority_new("other CA", NULL);
  check_refused_server(other, "127.0.0.1", -3600, 3600, "is not signed by the cluster's certificate authority");
  moon_pki_authority_free(other);
}

static void refuses_a_certificate_that_has_expired(void **state) {
  check_refused_server(pki_authority(), "127.0.0.1", -7200, -3600, "certificate has expired");
}

static void refuses_a_certificate_that_is_not_valid_yet(void **state) {
  check_refused_server(pki_authority(), "127.0.0.1", 3600, 7200, "is not valid yet");
}

static void refuses_a_certificate_for_another_name(void **state) {
  check_refused_server(pki_authority(), "elsewhere.test", -3600, 3600, "certificate is for another name");
  check_refused_server(pki_authority(), "127.0.0.2", -3600, 3600, "certificate is for another name");
}

/* The certificate of `pair`, signed with its own key instead. */
static char *sign_with_own_key(const moon_pki_pair *pair) {
  X509 *certificate = read_certificate(pair->certificate);
  EVP_PKEY *key = read_key(pair->key);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
  BIO *bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return take_text(bio);
}

static void refuses_a_self_signed_certificate_unless_it_is_the_one_named(void **state) {
  moon_pki_pair pair = issue(pki_authority(), "127.0.0.1", MOON_PKI_SERVER, -3600, 3600);
  char *self_signed = sign_with_own_key(&pair);
  tls_server *server = tls_server_start(&(tls_server_options){.certificate = self_signed, .key = pair.key});
  moon_dialer *dialer = https_dialer(server);
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_TLS, "is not signed by the cluster's certificate authority");
  moon_dialer_release(dialer);

  moon_target *target = target_of(server, "https", "127.0.0.1");
  set_pem(&target->ca, self_signed);
  dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
  free(self_signed);
  moon_pki_pair_clear(&pair);
}

static void trusts_what_the_kubeconfig_names_even_if_it_is_no_root(void **state) {
  moon_pki_pair pair = issue(pki_authority(), "127.0.0.1", MOON_PKI_SERVER, -3600, 3600);
  tls_server *server = serve(&pair);
  moon_target *target = target_of(server, "https", "127.0.0.1");
  set_pem(&target->ca, pair.certificate); /* signed by an authority that is not in the list */
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
  moon_pki_pair_clear(&pair);
}

static void verifies_nothing_when_the_kubeconfig_says_so(void **state) {
  moon_pki_authority *other = moon_pki_authority_new("other CA", NULL);
  moon_pki_pair pair = issue(other, "elsewhere.test", MOON_PKI_SERVER, -7200, -3600);
  tls_server *server = serve(&pair);
  moon_target *target = target_of(server, "https", "127.0.0.1");
  target->insecure_skip_tls_verify = true;
  moon_bytes_wipe(&target->ca);
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
  moon_pki_pair_clear(&pair);
  moon_pki_authority_free(other);
}

/* The system's authorities are, for this program, pki_ca() alone: see start_reactor. */
static void trusts_the_system_s_authorities_only_without_one_of_its_own(void **state) {
  tls_server *server = start_server();
  moon_target *target = target_of(server, "https", "127.0.0.1");
  moon_bytes_wipe(&target->ca);
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  line_close(&l);
  moon_dialer_release(dialer);

  moon_pki_authority *other = moon_pki_authority_new("other CA", NULL);
  target = target_of(server, "https", "127.0.0.1");
  set_pem(&target->ca, moon_pki_authority_certificate(other));
  dialer = dialer_of(target);
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_TLS, "is not signed by the cluster's certificate authority");
  moon_dialer_release(dialer);
  moon_pki_authority_free(other);
  tls_server_stop(server);
}

/* OpenSSL's ways to read authorities, counted. libcurl would use one for each connection if it were left to it. */
static atomic_int authorities_read;

int X509_STORE_load_path(X509_STORE *store, const char *path) {
  authorities_read++;
  return 1;
}

int X509_STORE_load_file(X509_STORE *store, const char *file) {
  authorities_read++;
  return 1;
}

int X509_STORE_load_locations(X509_STORE *store, const char *file, const char *path) {
  authorities_read++;
  return 1;
}

int X509_STORE_add_cert(X509_STORE *store, X509 *certificate) {
  authorities_read++;
  int (*real)(X509_STORE *, X509 *);
  *(void **)&real = dlsym(RTLD_NEXT, "X509_STORE_add_cert");
  return real(store, certificate);
}

static void reads_authorities_once_for_all_connections(void **state) {
  tls_server *server = start_server();
  int before = authorities_read;
  moon_dialer *dialer = https_dialer(server);
  assert_int_equal(authorities_read, before + 1);
  line lines[3];
  for (int i = 0; i < 3; i++) line_open(&lines[i], reactor, dialer);
  assert_int_equal(authorities_read, before + 1);
  for (int i = 0; i < 3; i++) line_close(&lines[i]);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void says_that_a_port_speaks_plain_http(void **state) {
  tls_server *server = start_plain_server();
  moon_dialer *dialer = https_dialer(server);
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_TLS, "does not speak TLS on this port");
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

static void says_that_a_port_speaks_tls(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = dialer_of(target_of(server, "http", "127.0.0.1"));
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_PROTOCOL, "should it be https?");
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

/* --- names --- */

static void asks_for_the_tls_server_name_and_verifies_it(void **state) {
  moon_pki_pair pair = issue(pki_authority(), "inner.test", MOON_PKI_SERVER, -3600, 3600);
  tls_server *server = serve(&pair);
  moon_target *target = target_of(server, "https", "127.0.0.1");
  target->tls_server_name = moon_strdup("inner.test");
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  assert_string_equal(tls_server_connection(server, 0)->server_name, "inner.test");
  char *host = moon_sprintf("Host: 127.0.0.1:%d", tls_server_port(server));
  assert_true(server_request_has(tls_server_find(server, "/livez"), host));
  free(host);
  line_close(&l);
  moon_dialer_release(dialer);

  target = target_of(server, "https", "127.0.0.1");
  target->tls_server_name = moon_strdup("other.test");
  dialer = dialer_of(target);
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_TLS, "tls-server-name");
  moon_dialer_release(dialer);
  tls_server_stop(server);
  moon_pki_pair_clear(&pair);
}

static void puts_requests_behind_the_path_of_the_server(void **state) {
  tls_server *server = start_server();
  moon_target *target = target_of(server, "https", "localhost");
  char *with_prefix = moon_sprintf("%s/k8s/clusters/c-1/", target->server);
  free(target->server);
  target->server = with_prefix;
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  assert_int_equal(tls_server_count(server, "/k8s/clusters/c-1/livez"), 1);
  assert_string_equal(tls_server_connection(server, 0)->server_name, "localhost");
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

/* --- sessions --- */

static bool resumes(tls_server *server, moon_dialer *dialer) {
  line l;
  line_open(&l, reactor, dialer);
  fetch_ok(&l, "/echo"); /* the ticket comes with the first answer */
  bool resumed = tls_server_connection(server, tls_server_connections(server) - 1)->resumed;
  line_close(&l);
  return resumed;
}

static void resumes_sessions_of_its_own_dialer_only(void **state) {
  tls_server *server = start_server();
  moon_dialer *dialer = https_dialer(server), *other = https_dialer(server);
  assert_false(resumes(server, dialer));
  assert_true(resumes(server, dialer));
  assert_true(resumes(server, dialer));
  assert_false(resumes(server, other));
  assert_true(resumes(server, other));
  moon_dialer_release(dialer);
  moon_dialer_release(other);
  tls_server_stop(server);
}

/* --- the client's certificate --- */

static moon_target *target_with_certificate(const tls_server *server, const moon_pki_pair *client) {
  moon_target *target = target_of(server, "https", "127.0.0.1");
  set_pem(&target->client_cert, client->certificate);
  set_pem(&target->client_key, client->key);
  return target;
}

static tls_server *start_server_that_asks(const moon_pki_pair *pair) {
  return tls_server_start(
      &(tls_server_options){.certificate = pair->certificate, .key = pair->key, .client_ca = pki_ca()});
}

static void shows_its_certificate(void **state) {
  moon_pki_pair pair = issue(pki_authority(), "127.0.0.1", MOON_PKI_SERVER, -3600, 3600);
  moon_pki_pair client = issue(pki_authority(), "alice", MOON_PKI_CLIENT, -3600, 3600);
  tls_server *server = start_server_that_asks(&pair);
  moon_dialer *dialer = dialer_of(target_with_certificate(server, &client));
  line l;
  line_open(&l, reactor, dialer);
  assert_string_equal(tls_server_connection(server, 0)->client_subject, "alice");
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
  moon_pki_pair_clear(&pair);
  moon_pki_pair_clear(&client);
}

static void says_that_its_certificate_was_refused(void **state) {
  moon_pki_authority *other = moon_pki_authority_new("other CA", NULL);
  moon_pki_pair pair = issue(pki_authority(), "127.0.0.1", MOON_PKI_SERVER, -3600, 3600);
  moon_pki_pair stranger = issue(other, "mallory", MOON_PKI_CLIENT, -3600, 3600);
  moon_pki_pair expired = issue(pki_authority(), "alice", MOON_PKI_CLIENT, -7200, -3600);
  tls_server *server = start_server_that_asks(&pair);
  moon_dialer *dialers[] = {https_dialer(server), dialer_of(target_with_certificate(server, &stranger)),
                            dialer_of(target_with_certificate(server, &expired))};
  for (size_t i = 0; i < 3; i++) {
    expect_failure(reactor, dialers[i], PATIENCE_MS, MOON_TLS, "the server refused our client certificate");
    moon_dialer_release(dialers[i]);
  }
  tls_server_stop(server);
  moon_pki_pair_clear(&pair);
  moon_pki_pair_clear(&stranger);
  moon_pki_pair_clear(&expired);
  moon_pki_authority_free(other);
}

/* --- material that cannot be used --- */

static void expect_no_dialer(moon_target *target, moon_status kind, const char *text) {
  moon_dialer *dialer = NULL;
  moon_error *err = moon_dialer_new("spec", target, NULL, NULL, &dialer);
  assert_null(dialer);
  assert_non_null(err);
  assert_int_equal(err->kind, kind);
  if (!strstr(err->message, text)) fail_msg("expected \"%s\", got \"%s\"", text, err->message);
  assert_string_equal(err->cluster, "spec");
  moon_error_free(err);
  moon_target_release(target);
}

static char *encrypt_key(const char *pem) {
  EVP_PKEY *key = read_key(pem);
  BIO *bio = BIO_new(BIO_s_mem());
  assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
  EVP_PKEY_free(key);
  return take_text(bio);
}

static void refuses_certificates_and_keys_that_cannot_be_used(void **state) {
  tls_server *server = start_plain_server();
  moon_pki_pair alice = issue(pki_authority(), "alice", MOON_PKI_CLIENT, -3600, 3600);
  moon_pki_pair bob = issue(pki_authority(), "bob", MOON_PKI_CLIENT, -3600, 3600);
  const char *broken = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n";
  char *encrypted = encrypt_key(alice.key);

  const char *authorities[] = {"", "garbage", broken, alice.key};
  for (size_t i = 0; i < sizeof authorities / sizeof *authorities; i++) {
    moon_target *target = target_of(server, "https", "127.0.0.1");
    set_pem(&target->ca, authorities[i]);
    expect_no_dialer(target, MOON_CREDENTIAL,
                     "cluster \"spec-cluster\": certificate-authority holds no certificate in PEM form");
  }
  const struct {
    const char *certificate, *key, *text;
  } cases[] = {
      {"garbage", alice.key, "user \"spec-user\": client-certificate is not a certificate in PEM form"},
      {broken, alice.key, "user \"spec-user\": client-certificate is not a certificate in PEM form"},
      {alice.certificate, "garbage", "user \"spec-user\": client-key is not a private key in PEM form"},
      {alice.certificate, alice.certificate, "user \"spec-user\": client-key is not a private key in PEM form"},
      {alice.certificate, bob.key, "user \"spec-user\": client-key does not belong to client-certificate"},
      {alice.certificate, encrypted, "a key with a passphrase cannot be used"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    moon_target *target = target_of(server, "https", "127.0.0.1");
    set_pem(&target->client_cert, cases[i].certificate);
    set_pem(&target->client_key, cases[i].key);
    expect_no_dialer(target, MOON_CREDENTIAL, cases[i].text);
  }
  free(encrypted);
  moon_pki_pair_clear(&alice);
  moon_pki_pair_clear(&bob);
  tls_server_stop(server);
}

static void keep_log(void *ctx, const moon_log_line *said) {
  moon_log_write(said, MOON_LOG_TEXT, ctx);
}

static void uses_the_good_certificates_of_a_list_and_says_so(void **state) {
  tls_server *server = start_server();
  moon_target *target = target_of(server, "https", "127.0.0.1");
  char *list =
      moon_sprintf("# first\n-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n%s", pki_ca());
  set_pem(&target->ca, list);
  free(list);
  moon_buffer log = {0};
  moon_log_set_sink(keep_log, &log);
  moon_dialer *dialer = dialer_of(target);
  moon_log_set_sink(NULL, NULL);
  assert_non_null(
      strstr(log.data, "warn: cluster \"spec-cluster\": a certificate in certificate-authority is left out"));
  moon_buffer_free(&log);
  line l;
  line_open(&l, reactor, dialer);
  line_close(&l);
  moon_dialer_release(dialer);
  tls_server_stop(server);
}

/* --- tokens and passwords --- */

static void check_authorization(tls_server *server, const char *scheme, const char *token, const char *username,
                                const char *password, const char *expected) {
  moon_target *target = target_of(server, scheme, "127.0.0.1");
  target->token = moon_strdup(token);
  target->username = moon_strdup(username);
  target->password = moon_strdup(password);
  target->impersonate_user = moon_strdup("carol");
  moon_dialer *dialer = dialer_of(target);
  line l;
  line_open(&l, reactor, dialer);
  const server_request *seen = tls_server_find(server, "/livez");
  if (expected) {
    assert_true(server_request_has(seen, expected));
    assert_true(server_request_has(seen, "Impersonate-User: carol"));
  } else {
    assert_null(strcasestr(seen->headers, "authorization"));
    assert_null(strcasestr(seen->headers, "impersonate"));
  }
  line_close(&l);
  moon_dialer_release(dialer);
}

static void sends_credentials_over_https_and_never_over_http(void **state) {
  tls_server *secure = start_server(), *open = start_plain_server();
  check_authorization(secure, "https", "t0ken", NULL, NULL, "Authorization: Bearer t0ken");
  check_authorization(secure, "https", NULL, "Aladdin", "open sesame",
                      "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  check_authorization(open, "http", "t0ken", NULL, NULL, NULL);
  check_authorization(open, "http", NULL, "Aladdin", "open sesame", NULL);
  tls_server_stop(secure);
  tls_server_stop(open);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_a_server_of_another_authority),
      cmocka_unit_test(refuses_a_certificate_that_has_expired),
      cmocka_unit_test(refuses_a_certificate_that_is_not_valid_yet),
      cmocka_unit_test(refuses_a_certificate_for_another_name),
      cmocka_unit_test(refuses_a_self_signed_certificate_unless_it_is_the_one_named),
      cmocka_unit_test(trusts_what_the_kubeconfig_names_even_if_it_is_no_root),
      cmocka_unit_test(verifies_nothing_when_the_kubeconfig_says_so),
      cmocka_unit_test(trusts_the_system_s_authorities_only_without_one_of_its_own),
      cmocka_unit_test(reads_authorities_once_for_all_connections),
      cmocka_unit_test(says_that_a_port_speaks_plain_http),
      cmocka_unit_test(says_that_a_port_speaks_tls),
      cmocka_unit_test(asks_for_the_tls_server_name_and_verifies_it),
      cmocka_unit_test(puts_requests_behind_the_path_of_the_server),
      cmocka_unit_test(resumes_sessions_of_its_own_dialer_only),
      cmocka_unit_test(shows_its_certificate),
      cmocka_unit_test(says_that_its_certificate_was_refused),
      cmocka_unit_test(refuses_certificates_and_keys_that_cannot_be_used),
      cmocka_unit_test(uses_the_good_certificates_of_a_list_and_says_so),
      cmocka_unit_test(sends_credentials_over_https_and_never_over_http),
  };
  return cmocka_run_group_tests(tests, start_reactor, end_reactor);
}
