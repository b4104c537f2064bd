/* inheritance_spec.c: a child process gets none of our sockets, and keeps those of the host that are meant for it. */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/net_fixture.h"

static atomic_bool resolver_answers;
static atomic_int resolving;

/* libcurl's resolver finds this one first: hangs.test is on its way until the specs are over. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  if (!name || strcmp(name, "hangs.test")) return real(name, service, hints, out);
  resolving++;
  while (!resolver_answers) sleep_ms(10);
  resolving--;
  return EAI_AGAIN;
}

/* The sockets that a child sees among its descriptors. */
static int inherited_sockets(void) {
  char entry[512];
  int count = 0;
  FILE *list = popen("exec ls -l /proc/self/fd", "r");
  assert_non_null(list);
  while (fgets(entry, sizeof entry, list)) count += strstr(entry, "socket:") != NULL;
  assert_int_equal(pclose(list), 0);
  return count;
}

static moon_reactor *reactor;
static tls_server *server;
static moon_dialer *dialer, *unresolved;
static int before; /* whoever started us may have left us some */

static int set_up(void **state) {
  before = inherited_sockets();
  reactor = moon_reactor_new();
  server = start_server();
  dialer = https_dialer(server);
  unresolved = dialer_of(target_of(server, "https", "hangs.test"));
  return 0;
}

static int tear_down(void **state) {
  moon_dialer_release(dialer);
  moon_dialer_release(unresolved);
  tls_server_stop(server);
  moon_reactor_release(reactor);
  resolver_answers = true;
  for (int i = 0; i < 1000 && resolving; i++) sleep_ms(10);
  sleep_ms(100); /* their way out of libcurl */
  return 0;
}

static void a_child_inherits_no_socket_in_any_stage_of_a_connection(void **state) {
  tls_server *deaf = tls_server_start(&(tls_server_options){.never_handshakes = true});
  moon_dialer *unanswered = https_dialer(deaf);
  line idle, busy, resolves, connects;
  line_open(&idle, reactor, dialer);
  line_open(&busy, reactor, dialer);
  attempt *a = attempt_new(&busy, "GET", "/hang");
  attempt_start(a);
  line_dial(&resolves, reactor, unresolved, PATIENCE_MS);
  line_dial(&connects, reactor, unanswered, PATIENCE_MS);
  for (int i = 0; i < 1000 && (!resolving || !tls_server_connections(deaf)); i++) sleep_ms(5);
  assert_int_equal(resolving, 1);
  sleep_ms(20); /* what libcurl makes for the resolver is marked just after it was made */
  assert_int_equal(inherited_sockets(), before);
  line_close(&idle);
  line_close(&busy);
  line_close(&resolves);
  line_close(&connects);
  attempt_free(a);
  moon_dialer_release(unanswered);
  tls_server_stop(deaf);
}

/* Free descriptors that are far apart: libcurl's pairs do not lie side by side. */
static void a_child_inherits_no_socket_when_descriptors_are_scattered(void **state) {
  int held[120];
  for (int i = 0; i < 120; i++) held[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  for (int i = 10; i < 120; i += 25) {
    close(held[i]);
    held[i] = -1;
  }
  line idle, resolves;
  line_open(&idle, reactor, dialer);
  line_dial(&resolves, reactor, unresolved, PATIENCE_MS);
  for (int i = 0; i < 1000 && !resolving; i++) sleep_ms(5);
  sleep_ms(20);
  assert_int_equal(inherited_sockets(), before);
  line_close(&idle);
  line_close(&resolves);
  for (int i = 0; i < 120; i++) {
    if (held[i] >= 0) close(held[i]);
  }
}

static void a_host_s_own_pair_stays_for_its_child(void **state) {
  int gap = open("/dev/null", O_RDONLY | O_CLOEXEC), pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  close(gap); /* so that libcurl's descriptors are around the host's */
  line l;
  line_open(&l, reactor, dialer);
  assert_int_equal(inherited_sockets(), before + 2);
  line_close(&l);
  close(pair[0]);
  close(pair[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_child_inherits_no_socket_in_any_stage_of_a_connection),
      cmocka_unit_test(a_child_inherits_no_socket_when_descriptors_are_scattered),
      cmocka_unit_test(a_host_s_own_pair_stays_for_its_child),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
