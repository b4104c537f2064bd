/* credential_use_spec.c: what becomes of credentials on connections: what requests carry, what they wait for, and which
 * connections are left when we say by another certificate who we are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "http/pki.h"
#include "support/net_fixture.h"
#include "support/plugin.h"

static moon_reactor *reactor;
static tls_server *server;

static char *descriptors_before;
static void list_descriptors(void);

static int set_up(void **state) {
  list_descriptors();
  reactor = moon_reactor_new();
  server = start_server();
  return 0;
}

static int tear_down(void **state) {
  tls_server_stop(server);
  moon_reactor_release(reactor);
  free(descriptors_before);
  return 0;
}

static int stand_still(void **state) {
  moon_clock_set_ms(moon_clock_now_ms());
  return 0;
}

static int run_again(void **state) {
  moon_clock_run();
  return 0;
}

static void nothing(void *arg) {}

/* Moves the clock, and lets the reactor see it. */
static void advance(int64_t ms) {
  moon_clock_advance_ms(ms);
  on_reactor(reactor, nothing, NULL);
}

static moon_dialer *dialer_of_plugin(const char *name, char *body) {
  plugin_write(name, body);
  free(body);
  moon_target *target = target_of(server, "https", "127.0.0.1");
  plugin_use(target, name);
  return dialer_of(target);
}

static bool carries(const char *path, const char *token) {
  char *line_of_token = moon_sprintf("Authorization: Bearer %s", token);
  const server_request *request = tls_server_find(server, path);
  bool found = request && server_request_has(request, line_of_token);
  free(line_of_token);
  return found;
}

/* --- waiting --- */

static void a_connection_waits_for_its_plugin_and_its_time_begins_then(void **state) {
  char *prints = plugin_prints_token(0);
  moon_dialer *dialer = dialer_of_plugin("slow", moon_sprintf("sleep 2\n%s", prints));
  free(prints);
  line l;
  line_dial(&l, reactor, dialer, 1500); /* less than the plugin takes */
  assert_true(becomes(&l.established, 1));
  assert_true(carries("/livez", "t-1"));
  fetch_ok(&l, "/echo");
  assert_true(carries("/echo", "t-1"));
  line_close(&l);
  moon_dialer_release(dialer);
}

static void a_connection_without_credentials_fails_for_want_of_them(void **state) {
  moon_dialer *dialer = dialer_of_plugin("fails", moon_strdup("exit 4"));
  int before = tls_server_connections(server);
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_CREDENTIAL, "failed with exit status 4");
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_CREDENTIAL, "failed with exit status 4");
  assert_int_equal(plugin_runs("fails"), 1);
  assert_int_equal(tls_server_connections(server), before);
  moon_dialer_release(dialer);
}

/* A connection whose token has come to its end, and whose plugin takes its time with the next. */
static moon_dialer *open_and_outlive(line *l, const char *name) {
  char *prints = plugin_prints_token(60);
  moon_dialer *dialer = dialer_of_plugin(name, moon_sprintf("[ $n = 1 ] || sleep 0.3\n%s", prints));
  free(prints);
  line_open(l, reactor, dialer);
  advance(61000);
  return dialer;
}

static void a_request_after_the_end_of_a_token_carries_the_next(void **state) {
  line l;
  moon_dialer *dialer = open_and_outlive(&l, "next");
  attempt *read = attempt_new(&l, "GET", "/bytes?n=1"), *write = attempt_new(&l, "POST", "/echo");
  attempt_start(read);
  attempt_wait(read);
  expect_ok(read, 200);
  attempt_free(read);
  assert_true(carries("/bytes?n=1", "t-2"));
  attempt_start(write);
  expect_ok(write, 200);
  attempt_free(write);
  assert_int_equal(plugin_runs("next"), 2);
  line_close(&l);
  moon_dialer_release(dialer);
}

static void a_request_whose_time_is_over_before_says_what_it_waited_for(void **state) {
  line l;
  moon_dialer *dialer = open_and_outlive(&l, "waited");
  attempt *a = attempt_new(&l, "GET", "/echo");
  a->timeout_ms = 100;
  attempt_start(a);
  advance(100);
  attempt_wait(a);
  expect_error(a, MOON_TIMEOUT, "waited\" has not answered yet");
  assert_false(a->exchange.sent);
  assert_int_equal(count_of(&l.losses), 0); /* no fault of the connection */
  attempt_free(a);
  line_close(&l);
  moon_dialer_release(dialer);
}

static void a_request_that_waits_ends_when_it_is_aborted(void **state) {
  line l;
  moon_dialer *dialer = open_and_outlive(&l, "aborted");
  attempt *a = attempt_new(&l, "GET", "/echo"), *paused = attempt_new(&l, "GET", "/echo");
  a->start_aborted = true;
  paused->start_paused = true;
  attempt_start(a);
  attempt_start(paused);
  expect_error(a, MOON_CANCELLED, "by the spec");
  attempt_free(a);
  attempt_pause(paused, false);
  expect_ok(paused, 200);
  attempt_free(paused);
  line_close(&l);
  moon_dialer_release(dialer);
}

static void a_request_that_waits_ends_with_its_connection(void **state) {
  line l;
  moon_dialer *dialer = open_and_outlive(&l, "closed");
  attempt *a = attempt_new(&l, "GET", "/echo");
  attempt_start(a);
  line_close(&l);
  attempt_wait(a);
  expect_error(a, MOON_CLOSED, "closed before the request began");
  attempt_free(a);
  moon_dialer_release(dialer);
}

static void one_after_a_refusal_waits_and_others_do_not(void **state) {
  char *prints = plugin_prints_token(0);
  moon_dialer *dialer = dialer_of_plugin("again", moon_sprintf("[ $n = 1 ] || sleep 0.3\n%s", prints));
  free(prints);
  line l;
  line_open(&l, reactor, dialer);
  assert_true(moon_credential_refused(moon_dialer_credential(dialer), 1));
  attempt *again = attempt_new(&l, "GET", "/chunked?n=1");
  again->after = 1;
  attempt *other = fetch(&l, "/bytes?n=2");
  expect_ok(other, 200);
  attempt_free(other);
  assert_true(carries("/bytes?n=2", "t-1"));
  attempt_start(again);
  expect_ok(again, 200);
  attempt_free(again);
  assert_true(carries("/chunked?n=1", "t-2"));
  line_close(&l);
  moon_dialer_release(dialer);
}

/* --- certificates --- */

static moon_pki_pair issue(const char *name) {
  moon_pki_request request = {
      .common_name = name, .usage = MOON_PKI_CLIENT, .not_before_s = -3600, .not_after_s = 86400};
  moon_pki_pair pair;
  assert_int_equal(moon_pki_issue(pki_authority(), &request, &pair, NULL), MOON_OK);
  return pair;
}

static void write_client(const moon_pki_pair *pair) {
  scratch_write("client.crt", pair->certificate);
  scratch_write("client.key", pair->key);
}

static const char *subject(const tls_server *asking, int connection) {
  return tls_server_connection((tls_server *)asking, connection)->client_subject;
}

/* A server that asks for a certificate, and a dialer that has that of `one` in files. */
static moon_dialer *dialer_with_files(tls_server **asking, const moon_pki_pair *one) {
  *asking = tls_server_start(
      &(tls_server_options){.certificate = pki_server_certificate(), .key = pki_server_key(), .client_ca = pki_ca()});
  write_client(one);
  moon_target *target = target_of(*asking, "https", "127.0.0.1");
  set_pem(&target->client_cert, one->certificate);
  set_pem(&target->client_key, one->key);
  target->client_cert_file = scratch_path("client.crt");
  target->client_key_file = scratch_path("client.key");
  return dialer_of(target);
}

static void a_connection_with_the_certificate_before_takes_no_more_requests(void **state) {
  moon_pki_pair one = issue("one"), two = issue("two");
  tls_server *asking;
  moon_dialer *dialer = dialer_with_files(&asking, &one);
  line old, second, fresh, last;
  line_open(&old, reactor, dialer);
  line_open(&second, reactor, dialer);
  assert_true(tls_server_connection(asking, 1)->resumed);
  write_client(&two);
  advance(10000);
  for (int i = 0; i < 2; i++) {
    attempt *a = fetch(&old, "/echo");
    expect_error(a, MOON_CONNECT, "not the current ones");
    assert_true(a->exchange.refused && !a->exchange.sent);
    attempt_free(a);
  }
  assert_int_equal(count_of(&old.stales), 1);
  assert_int_equal(count_of(&second.stales), 0); /* nobody has asked it for anything */

  attempt *bound = attempt_new(&second, "GET", "/echo");
  bound->bound = true;
  attempt_start(bound);
  expect_ok(bound, 200);
  attempt_free(bound);

  line_open(&fresh, reactor, dialer);
  fetch_ok(&fresh, "/echo");
  line_open(&last, reactor, dialer);
  assert_string_equal(subject(asking, 0), "one");
  assert_string_equal(subject(asking, 2), "two");
  assert_false(tls_server_connection(asking, 2)->resumed); /* that would have been as "one" */
  assert_string_equal(subject(asking, 3), "two");
  assert_true(tls_server_connection(asking, 3)->resumed);
  line_close(&old);
  line_close(&second);
  line_close(&fresh);
  line_close(&last);
  moon_dialer_release(dialer);
  tls_server_stop(asking);
  moon_pki_pair_clear(&one);
  moon_pki_pair_clear(&two);
}

/* What a plugin prints for a certificate, as files that it can cat. */
static void write_answer(const char *name, const moon_pki_pair *pair) {
  char *texts[2] = {moon_strdup(pair->certificate), moon_strdup(pair->key)}, *escaped[2];
  for (int i = 0; i < 2; i++) {
    moon_buffer out = {0};
    for (char *c = texts[i]; *c; c++)
      if (*c == '\n')
        moon_buffer_add_text(&out, "\\n");
      else
        moon_buffer_add_char(&out, *c);
    escaped[i] = moon_buffer_take(&out);
    free(texts[i]);
  }
  char *answer = moon_sprintf("{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\", "
                              "\"status\": {\"clientCertificateData\": \"%s\", \"clientKeyData\": \"%s\", "
                              "\"expirationTimestamp\": \"2099-01-01T00:00:00Z\"}}",
                              escaped[0], escaped[1]);
  scratch_write(name, answer);
  free(answer);
  free(escaped[0]);
  free(escaped[1]);
}

static void a_certificate_of_a_plugin_is_shown_and_replaced(void **state) {
  moon_pki_pair one = issue("one"), two = issue("two");
  write_answer("answer-1", &one);
  write_answer("answer-2", &two);
  tls_server *asking = tls_server_start(
      &(tls_server_options){.certificate = pki_server_certificate(), .key = pki_server_key(), .client_ca = pki_ca()});
  char *body = moon_sprintf("cat %s/answer-$n", scratch_folder());
  plugin_write("certifies", body);
  free(body);
  moon_target *target = target_of(asking, "https", "127.0.0.1");
  plugin_use(target, "certifies");
  moon_dialer *dialer = dialer_of(target);
  line old, fresh;
  line_open(&old, reactor, dialer);
  assert_true(moon_credential_refused(moon_dialer_credential(dialer), 1));
  attempt *a = attempt_new(&old, "GET", "/echo");
  a->after = 1;
  attempt_start(a);
  attempt_wait(a);
  assert_true(a->exchange.refused);
  attempt_free(a);
  assert_int_equal(count_of(&old.stales), 1);
  line_open(&fresh, reactor, dialer);
  assert_string_equal(subject(asking, 0), "one");
  assert_string_equal(subject(asking, 1), "two");
  line_close(&old);
  line_close(&fresh);
  moon_dialer_release(dialer);
  tls_server_stop(asking);
  moon_pki_pair_clear(&one);
  moon_pki_pair_clear(&two);
}

static void new_authorities_are_trusted_when_their_file_changes(void **state) {
  moon_pki_authority *stranger = moon_pki_authority_new("stranger", NULL);
  scratch_write("ca.crt", pki_ca());
  moon_target *target = target_of(server, "https", "127.0.0.1");
  target->ca_file = scratch_path("ca.crt");
  moon_dialer *dialer = dialer_of(target);
  line old, back;
  line_open(&old, reactor, dialer);
  scratch_write("ca.crt", moon_pki_authority_certificate(stranger));
  advance(9999);
  fetch_ok(&old, "/echo");
  advance(1);
  expect_failure(reactor, dialer, PATIENCE_MS, MOON_TLS, "not signed by the cluster's certificate authority");
  attempt *a = fetch(&old, "/echo");
  expect_error(a, MOON_CONNECT, "not the current ones");
  attempt_free(a);
  assert_int_equal(count_of(&old.stales), 1);
  scratch_write("ca.crt", pki_ca());
  advance(10000);
  line_open(&back, reactor, dialer);
  line_close(&old);
  line_close(&back);
  moon_dialer_release(dialer);
  moon_pki_authority_free(stranger);
}

/* --- what a plugin is given --- */

/* A plugin that lists its descriptors. */
static void write_lister(void) {
  char *prints = plugin_prints_token(0), *list = scratch_path("descriptors");
  char *body = moon_sprintf("ls /proc/self/fd | tr '\\n' ' ' > %s\n%s", list, prints);
  plugin_write("lists", body);
  free(body);
  free(prints);
  free(list);
}

static char *descriptors(void) {
  char *path = scratch_path("descriptors"), *text = moon_zalloc(500);
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  assert_true(fread(text, 1, 499, file) > 0);
  fclose(file);
  free(path);
  return text;
}

/* Before there is anything of ours: whoever started us may have left us some. */
static void list_descriptors(void) {
  write_lister();
  char *path = scratch_path("lists"), *command = moon_sprintf("%s > /dev/null", path);
  assert_int_equal(system(command), 0);
  descriptors_before = descriptors();
  free(command);
  free(path);
}

static void a_plugin_inherits_nothing_of_ours(void **state) {
  line idle, l;
  moon_dialer *other = https_dialer(server);
  line_open(&idle, reactor, other);
  write_lister();
  moon_target *target = target_of(server, "https", "127.0.0.1");
  plugin_use(target, "lists");
  moon_dialer *dialer = dialer_of(target);
  line_open(&l, reactor, dialer);
  char *now = descriptors();
  assert_string_equal(now, descriptors_before);
  free(now);
  line_close(&l);
  line_close(&idle);
  moon_dialer_release(dialer);
  moon_dialer_release(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_connection_waits_for_its_plugin_and_its_time_begins_then),
      cmocka_unit_test(a_connection_without_credentials_fails_for_want_of_them),
      cmocka_unit_test_setup_teardown(a_request_after_the_end_of_a_token_carries_the_next, stand_still, run_again),
      cmocka_unit_test_setup_teardown(a_request_whose_time_is_over_before_says_what_it_waited_for, stand_still,
                                      run_again),
      cmocka_unit_test_setup_teardown(a_request_that_waits_ends_when_it_is_aborted, stand_still, run_again),
      cmocka_unit_test_setup_teardown(a_request_that_waits_ends_with_its_connection, stand_still, run_again),
      cmocka_unit_test(one_after_a_refusal_waits_and_others_do_not),
      cmocka_unit_test_setup_teardown(a_connection_with_the_certificate_before_takes_no_more_requests, stand_still,
                                      run_again),
      cmocka_unit_test(a_certificate_of_a_plugin_is_shown_and_replaced),
      cmocka_unit_test_setup_teardown(new_authorities_are_trusted_when_their_file_changes, stand_still, run_again),
      cmocka_unit_test(a_plugin_inherits_nothing_of_ours),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
