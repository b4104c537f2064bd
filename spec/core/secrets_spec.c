/* secrets_spec.c: memory that held a secret is overwritten before it is given back: from the text of a kubeconfig to
 * the header of a request. Sent bytes are libcurl's and OpenSSL's, and not looked at here; neither are the pieces of a
 * text that libyaml and cJSON drop where they give up in the middle of it: what they allocate cannot be reached.
 *
 * This program's own free and realloc look at what they are given. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "kube/kubeconfig.h"
#include "net/credential.h"
#include "net/dialer.h"
#include "net/oidc_message.h"
#include "support/net_fixture.h"
#include "support/plugin.h"

#define MARK "s3cr3t-mark-of-all"

static atomic_bool watching;
static atomic_int found;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

/* Theirs move whatever grows, also what is libyaml's, and do not tell that from giving back: they look for what they
 * know best. */
enum { LOOKS = false };

#else

enum { LOOKS = true };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static void look(const void *block, size_t size) {
  if (watching && block && memmem(block, size, MARK, strlen(MARK))) found++;
}

/* Those that go with it, for whoever else replaces what libc has (valgrind). */
void *malloc(size_t size) {
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  return __libc_calloc(count, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}

void free(void *block) {
  if (watching && block) look(block, malloc_usable_size(block));
  __libc_free(block);
}

/* One that moves leaves its old place as it was. */
void *realloc(void *block, size_t size) {
  bool holds = watching && block && memmem(block, malloc_usable_size(block), MARK, strlen(MARK));
  void *moved = __libc_realloc(block, size);
  if (holds && moved != block) found++;
  return moved;
}

#endif

static void begin(void) {
  found = 0;
  watching = true;
}

static void end(void) {
  watching = false;
  assert_int_equal(found, 0);
}

static void sees_what_is_left_behind(void **state) {
  if (!LOOKS || under_valgrind()) skip();
  begin();
  char *careless = moon_strdup("a " MARK " b"), *careful = moon_strdup("a " MARK " b");
  moon_free_secret_text(careful);
  assert_int_equal(found, 0);
  free(careless);
  watching = false;
  assert_int_equal(found, 1);
}

static void check_user(const char *user, bool dials) {
  moon_buffer text = {0};
  moon_buffer_addf(&text,
                   "clusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\n"
                   "users: [{name: u, user: {%s}}]\n"
                   "contexts: [{name: x, context: {cluster: c, user: u}}]\n",
                   user);
  begin();
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_error *err = moon_kubeconfig_load_text(config, text.data, text.len, "f", NULL);
  moon_target *target = NULL;
  moon_dialer *dialer = NULL;
  if (!err) err = moon_kubeconfig_target(config, "x", &target);
  if (!err && dials) err = moon_dialer_new("c", target, NULL, NULL, &dialer);
  if (err) assert_null(strstr(err->message, MARK));
  assert_true(!dials || dialer);
  moon_error_free(err);
  moon_dialer_release(dialer);
  moon_target_release(target);
  moon_kubeconfig_free(config);
  end();
  moon_buffer_free(&text);
}

static void of_a_kubeconfig_are_overwritten(void **state) {
  check_user("token: " MARK, true);
  check_user("token: \"" MARK "\\u00e4\", as: x", true);
  check_user("username: me, password: " MARK, true);
  check_user("exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Never, args: [a], "
             "env: [{name: A, value: " MARK "}]}",
             true);
  check_user(
      "auth-provider: {name: oidc, config: {idp-issuer-url: 'https://127.0.0.1:1', client-id: c, client-secret: " MARK
      ", refresh-token: " MARK ", id-token: " MARK "}}",
      true);
}

static void of_one_that_is_refused_are_overwritten_too(void **state) {
  check_user("token: [" MARK "]", false);
  check_user("token: *" MARK, false);
  check_user("token: " MARK ", username: u, password: " MARK ", exec: 5", false);
  check_user("client-key-data: '" MARK " !'", false);
}

static void in_files_are_overwritten(void **state) {
  scratch_write("token", MARK "\n");
  scratch_write("key", "-----BEGIN PRIVATE KEY-----\n" MARK "\n-----END PRIVATE KEY-----\n");
  char *token = scratch_path("token"), *key = scratch_path("key");
  char *user = moon_sprintf("tokenFile: %s", token);
  check_user(user, true);
  free(user);
  user = moon_sprintf("client-certificate: %s, client-key: %s", key, key);
  check_user(user, false);
  free(user);
  free(token);
  free(key);
}

/* --- what a plugin gives --- */

typedef struct asked {
  moon_credential_waiter waiter;
  moon_identity *identity;
  int answers;
} asked;

static void answered(moon_credential_waiter *waiter, moon_identity *identity, moon_error *err) {
  asked *a = (asked *)((char *)waiter - offsetof(asked, waiter));
  a->identity = identity;
  moon_error_free(err);
  count_up(&a->answers);
}

static void ask_plugin(const char *body, bool succeeds) {
  plugin_write("p", body);
  moon_target *target = plugin_target("p");
  begin();
  moon_credential *credential = NULL;
  moon_error *err = moon_credential_new(target, true, &credential);
  assert_null(err);
  asked a = {.waiter.done = answered};
  assert_null(moon_credential_get(credential, 0, &a.waiter, &err));
  assert_null(err);
  assert_true(becomes(&a.answers, 1));
  if (succeeds) {
    assert_non_null(a.identity);
    assert_non_null(strstr(a.identity->authorization, MARK));
    moon_identity_release(a.identity);
  } else {
    assert_null(a.identity);
  }
  moon_credential_release(credential);
  moon_target_release(target);
  sleep_ms(100); /* what the plugin's thread still gives back */
  end();
}

static void of_a_plugin_are_overwritten(void **state) {
  ask_plugin("echo '{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \"status\": "
             "{\"token\": \"" MARK "\"}}'",
             true);
  ask_plugin("echo '{\"kind\": \"ExecCredential\", \"token\": \"" MARK "\"}'", false);
  ask_plugin("echo '{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \"status\": "
             "{\"token\": \"" MARK "\"}}'; echo 'token=" MARK "' >&2; exit 1",
             false);
}

/* --- what goes to an identity provider, and comes from it --- */

static void of_an_identity_provider_are_overwritten(void **state) {
  /* {"exp": 4000000000, "a": "s3cr3t-mark-of-all"} */
  static const char answer[] = "{\"id_token\": \"h.eyJleHAiOiA0MDAwMDAwMDAwLCAiYSI6ICJzM2NyM3QtbWFyay1vZi1hbGwifQ." MARK
                               "\", \"refresh_token\": \"" MARK "\"}";
  static const char refusal[] = "{\"error\": \"" MARK "\", \"error_description\": \"not " MARK " again\"}";
  moon_oidc_spec spec = {.issuer = "https://i", .client_id = "c", .client_secret = MARK};
  moon_oidc_place places[2] = {{.server = "https://i", .path = "/t"}, {"https://i", "/t", .secret_in_form = true}};
  begin();
  for (size_t i = 0; i < 2; i++) moon_oidc_request_free(moon_oidc_request_new(&spec, MARK, &places[i]));
  moon_renewed renewed;
  moon_error *err = moon_oidc_answer_read(answer, sizeof answer - 1, &renewed);
  assert_null(err);
  assert_string_equal(renewed.refresh_token, MARK);
  moon_renewed_clear(&renewed);
  err = moon_oidc_answer_read(refusal, sizeof refusal - 1, &renewed);
  assert_non_null(err);
  moon_error_free(err);
  char *said = moon_oidc_refusal(&spec, MARK, 400, refusal, sizeof refusal - 1);
  assert_null(strstr(said, MARK));
  free(said);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sees_what_is_left_behind),
      cmocka_unit_test(of_a_kubeconfig_are_overwritten),
      cmocka_unit_test(of_one_that_is_refused_are_overwritten_too),
      cmocka_unit_test(in_files_are_overwritten),
      cmocka_unit_test(of_a_plugin_are_overwritten),
      cmocka_unit_test(of_an_identity_provider_are_overwritten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
