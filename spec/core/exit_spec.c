/* exit_spec.c: a program's end, while threads of the core still make connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include <cmocka.h>

#include "moonpool.h"

/* Runs after the handlers that were registered later, among which OpenSSL's own would be. */
static void connect_late(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_free(context);
  _exit(context ? 0 : 1);
}

static void openssl_outlives_exit(void **state) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    atexit(connect_late);
    SSL_CTX_free(SSL_CTX_new(TLS_client_method())); /* the first use */
    exit(moon_version() == NULL);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(openssl_outlives_exit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
