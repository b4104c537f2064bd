/* credential_spec.c: where identities come from, how long they last, and how often anybody is asked for them. The clock
 * stands still but where a spec moves it; what plugins say of time is real time, and off by less than two seconds. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/pki.h"
#include "net/credential.h"
#include "net/redact.h"
#include "support/net_fixture.h"
#include "support/plugin.h"

/* --- asking --- */

typedef struct asker {
  moon_credential_waiter waiter;
  moon_identity *identity;
  moon_error *err;
  int answers;
} asker;

static void answered(moon_credential_waiter *waiter, moon_identity *identity, moon_error *err) {
  asker *a = MOON_ENTRY(waiter, asker, waiter);
  a->identity = identity;
  a->err = err;
  count_up(&a->answers);
}

/* True: the answer is there already. */
static bool ask(asker *a, moon_credential *credential, uint64_t after) {
  *a = (asker){.waiter.done = answered};
  moon_error *err = NULL;
  moon_identity *identity = moon_credential_get(credential, after, &a->waiter, &err);
  if (!identity && !err) return false;
  a->identity = identity;
  a->err = err;
  return true;
}

static void forget(asker *a) {
  moon_identity_release(a->identity);
  moon_error_free(a->err);
}

static void expect_token(const asker *a, const char *token) {
  if (a->err) fail_msg("%s", a->err->message);
  assert_non_null(a->identity);
  char *expected = moon_sprintf("Authorization: Bearer %s", token);
  assert_string_equal(a->identity->authorization, expected);
  free(expected);
}

static void waits_for_token(moon_credential *credential, uint64_t after, const char *token) {
  asker a;
  assert_false(ask(&a, credential, after));
  assert_true(becomes(&a.answers, 1));
  expect_token(&a, token);
  forget(&a);
}

static void has_token(moon_credential *credential, const char *token) {
  asker a;
  assert_true(ask(&a, credential, 0));
  expect_token(&a, token);
  forget(&a);
}

static void waits_for_failure(moon_credential *credential, const char *text) {
  asker a;
  assert_false(ask(&a, credential, 0));
  assert_true(becomes(&a.answers, 1));
  assert_non_null(a.err);
  assert_int_equal(a.err->kind, MOON_CREDENTIAL);
  if (!strstr(a.err->message, text)) fail_msg("%s", a.err->message);
  forget(&a);
}

static void fails_at_once(moon_credential *credential) {
  asker a;
  assert_true(ask(&a, credential, 0));
  assert_non_null(a.err);
  forget(&a);
}

/* Takes the target. */
static moon_credential *credential_of(moon_target *target) {
  moon_credential *credential = NULL;
  moon_error *err = moon_credential_new(target, true, &credential);
  if (err) fail_msg("%s", err->message);
  moon_target_release(target);
  return credential;
}

static moon_credential *credential_of_plugin(const char *name, char *body) {
  plugin_write(name, body);
  free(body);
  return credential_of(plugin_target(name));
}

static int stand_still(void **state) {
  moon_clock_set_ms(1000000);
  return 0;
}

static int run_again(void **state) {
  moon_clock_run();
  return 0;
}

/* --- one run for all --- */

static void all_who_wait_get_what_one_run_gave(void **state) {
  moon_credential *c =
      credential_of_plugin("slow", moon_sprintf("sleep 0.1\n%s", "echo '{\"kind\": \"ExecCredential\", "
                                                                 "\"apiVersion\": \"client.authentication.k8s.io/v1\", "
                                                                 "\"status\": {\"token\": \"t-'$n'\"}}'"));
  asker askers[100];
  for (int i = 0; i < 100; i++) assert_false(ask(&askers[i], c, 0));
  for (int i = 0; i < 100; i++) {
    assert_true(becomes(&askers[i].answers, 1));
    expect_token(&askers[i], "t-1");
    forget(&askers[i]);
  }
  has_token(c, "t-1");
  assert_int_equal(plugin_runs("slow"), 1);
  moon_credential_release(c);
}

static void *ask_often(void *arg) {
  moon_target *target = plugin_target("shared");
  for (int i = 0; i < 50; i++) {
    moon_credential *c = NULL;
    asker a;
    if (moon_credential_new(target, true, &c)) abort();
    if (!ask(&a, c, 0) && !(i % 3 == 0 && moon_credential_cancel(c, &a.waiter)) && !becomes(&a.answers, 1)) abort();
    forget(&a);
    moon_credential_release(c);
  }
  moon_target_release(target);
  return NULL;
}

static void threads_that_ask_for_the_same_cause_one_run(void **state) {
  moon_credential *c = credential_of_plugin("shared", plugin_prints_token(3600));
  pthread_t threads[6];
  for (int i = 0; i < 6; i++) pthread_create(&threads[i], NULL, ask_often, NULL);
  for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
  has_token(c, "t-1");
  assert_int_equal(plugin_runs("shared"), 1);
  moon_credential_release(c);
}

static void it_is_shared_by_all_that_say_the_same_of_a_plugin(void **state) {
  char *args[] = {"--cluster", "one", NULL}, *fewer[] = {"--cluster", NULL};
  moon_credential *plain = credential_of(plugin_target("p"));
  moon_target *target = plugin_target("p");
  free(target->cluster);
  free(target->server);
  target->cluster = moon_strdup("another");
  target->server = moon_strdup("https://another.test");
  moon_credential *elsewhere = credential_of(target);
  target = plugin_target("p");
  target->exec->args = moon_text_list_copy(args);
  moon_credential *with_args = credential_of(target);
  target = plugin_target("p");
  target->exec->args = moon_text_list_copy(fewer);
  moon_credential *with_fewer = credential_of(target);
  target = plugin_target("p");
  target->exec->env = moon_text_list_copy(args); /* the same texts in another place */
  free(target->exec->env[0]);
  target->exec->env[0] = moon_strdup("--cluster=");
  moon_credential *with_env = credential_of(target);
  assert_ptr_equal(plain, elsewhere);
  assert_ptr_not_equal(plain, with_args);
  assert_ptr_not_equal(with_args, with_fewer);
  assert_ptr_not_equal(plain, with_env);
  moon_credential_release(plain);
  moon_credential_release(elsewhere);
  moon_credential_release(with_args);
  moon_credential_release(with_fewer);
  moon_credential_release(with_env);
}

static void a_plugin_that_is_told_the_cluster_is_asked_for_each(void **state) {
  moon_target *one = plugin_target("p"), *other = plugin_target("p"), *same = plugin_target("p");
  one->exec->provide_cluster_info = other->exec->provide_cluster_info = same->exec->provide_cluster_info = true;
  free(other->server);
  other->server = moon_strdup("https://other.test");
  moon_credential *first = credential_of(one), *second = credential_of(other), *third = credential_of(same);
  assert_ptr_not_equal(first, second);
  assert_ptr_equal(first, third);
  moon_credential_release(first);
  moon_credential_release(second);
  moon_credential_release(third);
}

/* --- its life --- */

static void it_is_renewed_ahead_of_its_end_and_used_meanwhile(void **state) {
  moon_credential *c = credential_of_plugin("hour", plugin_prints_token(3600));
  waits_for_token(c, 0, "t-1");
  moon_clock_advance_ms(3600000 - 60000 - 3000); /* 60 s, which is less than a tenth, and the plugin's inaccuracy */
  has_token(c, "t-1");
  sleep_ms(50);
  assert_int_equal(plugin_runs("hour"), 1);
  moon_clock_advance_ms(6000);
  has_token(c, "t-1"); /* and has begun to ask */
  asker a;
  for (int i = 0; i < 1000; i++) {
    assert_true(ask(&a, c, 0));
    bool renewed = a.identity->number == 2;
    forget(&a);
    if (renewed) break;
    sleep_ms(5);
  }
  has_token(c, "t-2");
  assert_int_equal(plugin_runs("hour"), 2);
  moon_credential_release(c);
}

static void who_comes_after_its_end_waits_for_the_next(void **state) {
  moon_credential *c = credential_of_plugin("minute", plugin_prints_token(60));
  waits_for_token(c, 0, "t-1");
  moon_clock_advance_ms(61000);
  waits_for_token(c, 0, "t-2");
  moon_credential_release(c);
}

static void one_without_an_end_lasts(void **state) {
  moon_credential *c = credential_of_plugin("endless", plugin_prints_token(0));
  waits_for_token(c, 0, "t-1");
  moon_clock_advance_ms(INT64_C(365) * 86400000);
  has_token(c, "t-1");
  assert_int_equal(plugin_runs("endless"), 1);
  moon_credential_release(c);
}

/* --- failure --- */

static void a_plugin_that_fails_is_asked_again_later_and_later(void **state) {
  static const int waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
  moon_credential *c = credential_of_plugin("fails", moon_strdup("echo 'no session' >&2; exit 7"));
  for (int i = 0; i < 8; i++) {
    waits_for_failure(c, "failed with exit status 7; it says: no session");
    fails_at_once(c);
    moon_clock_advance_ms(waits_s[i] * 1000 - 1);
    fails_at_once(c);
    assert_int_equal(plugin_runs("fails"), i + 1);
    moon_clock_advance_ms(1);
  }
  moon_credential_release(c);
}

static void one_that_is_well_again_is_forgiven(void **state) {
  char *prints = plugin_prints_token(60);
  moon_credential *c = credential_of_plugin("twice", moon_sprintf("[ $n -gt 2 ] || exit 1\n%s", prints));
  free(prints);
  waits_for_failure(c, "exit status 1");
  moon_clock_advance_ms(1000);
  waits_for_failure(c, "exit status 1");
  moon_clock_advance_ms(2000);
  waits_for_token(c, 0, "t-3");
  moon_clock_advance_ms(61000);
  waits_for_token(c, 0, "t-4");
  moon_credential_release(c);
}

static void a_renewal_that_fails_leaves_the_old_one_while_it_lasts(void **state) {
  moon_log_set_level(MOON_LOG_OFF);
  char *prints = plugin_prints_token(100);
  moon_credential *c = credential_of_plugin("once", moon_sprintf("[ $n = 1 ] || exit 1\n%s", prints));
  free(prints);
  waits_for_token(c, 0, "t-1");
  moon_clock_advance_ms(95000);
  has_token(c, "t-1");
  for (int i = 0; i < 1000 && plugin_runs("once") < 2; i++) sleep_ms(5);
  sleep_ms(50);
  has_token(c, "t-1");
  moon_clock_advance_ms(10000);
  waits_for_failure(c, "exit status 1");
  moon_credential_release(c);
  moon_log_set_level(MOON_LOG_WARN);
}

static void it_fails_for_answers_that_cannot_be_used(void **state) {
  static const struct {
    const char *body, *text;
  } cases[] = {
      {"echo rubbish", "it is not JSON"},
      {"echo '[]'", "it is not a JSON object"},
      {"echo '{\"kind\": \"Status\"}'", "its kind is not ExecCredential"},
      {"echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1alpha1\"}'",
       "its apiVersion is another one"},
      {"echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\"}'",
       "it has no status"},
      {"echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\", \"status\": {}}'",
       "neither a token nor a client certificate"},
      {"echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\", \"status\": "
       "{\"clientKeyData\": \"k\"}}'",
       "a client key without its certificate"},
      {"echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\", \"status\": "
       "{\"clientKeyData\": \"k\", \"clientCertificateData\": \"c\"}}'",
       "status: client-certificate is not a certificate"},
      {"kill -9 $$", "was ended by signal 9"},
      {"yes | head -c 2000000", "printed more than 1048576 bytes"},
      {"yes >&2 & exec sleep 600", "did not end within 200 ms and was killed"},
  };
  moon_clock_run(); /* the limit is one of the real time */
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    setenv("MOONPOOL_EXEC_TIMEOUT", strstr(cases[i].text, "200 ms") ? "200" : "20000", 1);
    moon_credential *c = credential_of_plugin("bad", moon_strdup(cases[i].body));
    waits_for_failure(c, cases[i].text);
    moon_credential_release(c);
  }
  unsetenv("MOONPOOL_EXEC_TIMEOUT");
}

static void it_reads_times_with_fractions_and_zones(void **state) {
  static const char *const good[] = {"2099-01-01T00:00:00Z", "2099-01-01T00:00:00.123456789Z",
                                     "2099-01-01T00:00:00+02:00", "2099-01-01T00:00:00.5-11:30"};
  static const char *const bad[] = {"2099-01-01",
                                    "2099-01-01T00:00:00",
                                    "2099-13-01T00:00:00Z",
                                    "2099-01-01T00:00:00.Z",
                                    "2099-01-01T00:00:00+2:00",
                                    "2099-01-01T00:00:00Z!"};
  for (size_t i = 0; i < 10; i++) {
    const char *time = i < 4 ? good[i] : bad[i - 4];
    moon_credential *c = credential_of_plugin(
        "times",
        moon_sprintf("echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\", "
                     "\"status\": {\"token\": \"t-'$n'\", \"expirationTimestamp\": \"%s\"}}'",
                     time));
    if (i < 4)
      waits_for_token(c, 0, "t-1");
    else
      waits_for_failure(c, "status.expirationTimestamp is not a time");
    moon_credential_release(c);
  }
}

/* --- refusal --- */

static void what_a_server_refused_is_renewed_once_and_then_with_pauses(void **state) {
  moon_credential *c = credential_of_plugin("refused", plugin_prints_token(0));
  waits_for_token(c, 0, "t-1");
  assert_true(moon_credential_refused(c, 1));
  has_token(c, "t-1"); /* for those who know nothing against it */
  waits_for_token(c, 1, "t-2");
  assert_true(moon_credential_refused(c, 1)); /* an answer that was on its way: there is a newer one already */
  assert_int_equal(plugin_runs("refused"), 2);
  assert_false(moon_credential_refused(c, 2));
  moon_clock_advance_ms(1000);
  assert_true(moon_credential_refused(c, 2));
  waits_for_token(c, 2, "t-3");
  moon_clock_advance_ms(1999);
  assert_false(moon_credential_refused(c, 3));
  moon_clock_advance_ms(120001); /* long since it came: this has nothing to do with those */
  assert_true(moon_credential_refused(c, 3));
  waits_for_token(c, 3, "t-4");
  moon_credential_release(c);
}

static void a_renewal_after_a_refusal_that_fails_gives_back_the_old_one(void **state) {
  moon_log_set_level(MOON_LOG_OFF);
  char *prints = plugin_prints_token(0);
  moon_credential *c = credential_of_plugin("first", moon_sprintf("[ $n = 1 ] || exit 1\n%s", prints));
  free(prints);
  waits_for_token(c, 0, "t-1");
  assert_true(moon_credential_refused(c, 1));
  waits_for_token(c, 1, "t-1");
  assert_false(moon_credential_refused(c, 1));
  moon_credential_release(c);
  moon_log_set_level(MOON_LOG_WARN);
}

static void nothing_newer_comes_of_what_stands_in_the_kubeconfig(void **state) {
  moon_target *target = moon_target_new();
  target->token = moon_strdup("fixed");
  moon_credential *c = credential_of(target);
  has_token(c, "fixed");
  assert_false(moon_credential_refused(c, 1));
  moon_credential_release(c);
}

static void nothing_goes_over_plain_http(void **state) {
  moon_target *target = moon_target_new();
  moon_credential *c;
  asker a;
  target->token = moon_strdup("fixed");
  assert_null(moon_credential_new(target, false, &c));
  assert_true(ask(&a, c, 0));
  assert_null(a.identity->authorization);
  forget(&a);
  moon_credential_release(c);
  moon_target_release(target);
}

/* --- giving up --- */

static void who_has_cancelled_is_not_answered(void **state) {
  moon_credential *c = credential_of_plugin("late", moon_strdup("sleep 0.1; echo"));
  asker leaves, stays;
  assert_false(ask(&leaves, c, 0));
  assert_false(ask(&stays, c, 0));
  assert_true(moon_credential_cancel(c, &leaves.waiter));
  assert_false(moon_credential_cancel(c, &leaves.waiter));
  assert_true(becomes(&stays.answers, 1));
  assert_false(moon_credential_cancel(c, &stays.waiter));
  assert_int_equal(count_of(&leaves.answers), 0);
  forget(&stays);
  moon_credential_release(c);
}

static void the_plugin_ends_with_the_last_who_could_want_its_answer(void **state) {
  scratch_remove("pid");
  char *pid_file = scratch_path("pid");
  moon_credential *c = credential_of_plugin("forever", moon_sprintf("echo $$ > %s; exec sleep 600", pid_file));
  asker a;
  assert_false(ask(&a, c, 0));
  for (int i = 0; i < 1000 && !scratch_lines("pid"); i++) sleep_ms(5);
  FILE *file = fopen(pid_file, "re");
  int pid = 0;
  assert_int_equal(fscanf(file, "%d", &pid), 1);
  fclose(file);
  free(pid_file);
  assert_true(moon_credential_cancel(c, &a.waiter));
  moon_credential_release(c);
  int gone = 0;
  for (int i = 0; i < 1000 && !gone; i++) {
    gone = kill(pid, 0);
    sleep_ms(5);
  }
  assert_int_equal(gone, -1);
}

/* --- files --- */

static moon_credential *credential_of_token_file(const char *content) {
  scratch_write("token", content);
  moon_target *target = moon_target_new();
  target->user = moon_strdup("u");
  target->token = moon_strdup("first");
  target->token_file = scratch_path("token");
  return credential_of(target);
}

static void a_token_file_is_read_again_after_a_minute(void **state) {
  moon_credential *c = credential_of_token_file("first");
  has_token(c, "first");
  scratch_write("token", "  second\n");
  moon_clock_advance_ms(59999);
  has_token(c, "first");
  moon_clock_advance_ms(1);
  has_token(c, "second");
  moon_credential_release(c);
}

static void a_token_file_that_cannot_be_used_leaves_the_old_token(void **state) {
  moon_log_set_level(MOON_LOG_OFF);
  moon_credential *c = credential_of_token_file("first");
  static const char *const contents[] = {"", " \n", "two\nlines\n"};
  for (int i = 0; i < 4; i++) {
    if (i < 3)
      scratch_write("token", contents[i]);
    else
      scratch_remove("token");
    moon_clock_advance_ms(60000);
    has_token(c, "first");
  }
  scratch_write("token", "second");
  moon_clock_advance_ms(60000);
  has_token(c, "second");
  moon_credential_release(c);
  moon_log_set_level(MOON_LOG_WARN);
}

static void a_token_file_is_read_at_once_after_a_refusal(void **state) {
  moon_credential *c = credential_of_token_file("first");
  assert_false(moon_credential_refused(c, 1)); /* it still says the same */
  scratch_write("token", "second");
  assert_false(moon_credential_refused(c, 1)); /* looked a moment ago */
  moon_clock_advance_ms(1000);
  assert_true(moon_credential_refused(c, 1));
  has_token(c, "second");
  moon_credential_release(c);
}

static moon_pki_pair issue(const char *name) {
  moon_pki_request request = {
      .common_name = name, .usage = MOON_PKI_CLIENT, .not_before_s = -3600, .not_after_s = 86400};
  moon_pki_pair pair;
  assert_int_equal(moon_pki_issue(pki_authority(), &request, &pair, NULL), MOON_OK);
  return pair;
}

static const moon_certificate *certificate_now(moon_credential *c) {
  asker a;
  assert_true(ask(&a, c, 0));
  const moon_certificate *certificate = a.identity->certificate;
  forget(&a);
  return certificate;
}

static void certificate_files_are_followed_when_both_fit(void **state) {
  moon_log_set_level(MOON_LOG_OFF);
  moon_pki_pair one = issue("one"), two = issue("two");
  moon_target *target = moon_target_new();
  target->user = moon_strdup("u");
  set_pem(&target->client_cert, one.certificate);
  set_pem(&target->client_key, one.key);
  target->client_cert_file = scratch_path("client.crt");
  target->client_key_file = scratch_path("client.key");
  scratch_write("client.crt", one.certificate);
  scratch_write("client.key", one.key);
  moon_credential *c = credential_of(target);
  const moon_certificate *first = certificate_now(c);
  scratch_write("client.crt", one.certificate); /* written anew, and no other */
  moon_clock_advance_ms(10000);
  assert_ptr_equal(certificate_now(c), first);
  scratch_write("client.crt", two.certificate);
  moon_clock_advance_ms(10000);
  assert_ptr_equal(certificate_now(c), first); /* the key is still the old one */
  scratch_write("client.key", two.key);
  moon_clock_advance_ms(9999);
  assert_ptr_equal(certificate_now(c), first);
  moon_clock_advance_ms(1);
  assert_ptr_not_equal(certificate_now(c), first);
  moon_credential_release(c);
  moon_pki_pair_clear(&one);
  moon_pki_pair_clear(&two);
  moon_log_set_level(MOON_LOG_WARN);
}

/* --- what is shown --- */

static void what_could_be_a_secret_is_not_shown(void **state) {
  static const char *const secrets[] = {"sesame-42", "abc", NULL};
  static const struct {
    const char *text, *shown;
  } cases[] = {
      {"", NULL},
      {"\n \n", NULL},
      {"one\ntwo\r\n\nthree\nfour\n", "two; three; four"},
      {"the session is over: run `aws sso login`", "the session is over: run `aws sso login`"},
      {"opened with sesame-42, abc", "opened with [hidden], abc"},
      {"xsesame-42y", "x[hidden]y"},
      {"token: abcd", "token: [hidden]"},
      {"id_token=abcd&x=1", "id_token=[hidden]"},
      {"{\"accessToken\": \"abcd\", \"n\": 1}", "{\"accessToken\": \"[hidden]\", \"n\": 1}"},
      {"Authorization: Bearer abcd", "Authorization: Bearer [hidden]"},
      {"the token has expired", "the token has expired"},
      {"got eyJhbGciOiJub25lIn0.e30.", "got [hidden]"},
      {"cannot read /home/me/.kube/cache/0123456789abcdef", "cannot read /home/me/.kube/cache/0123456789abcdef"},
      {"a\tb\033[1m", "a b [1m"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *shown = moon_redact_last_lines(cases[i].text, strlen(cases[i].text), secrets);
    if (cases[i].shown)
      assert_string_equal(shown, cases[i].shown);
    else
      assert_null(shown);
    free(shown);
  }
  char *much = moon_zalloc(10001);
  memset(much, 'x', 10000);
  char *shown = moon_redact_last_lines(much, 10000, NULL);
  assert_true(strlen(shown) < 500);
  free(shown);
  free(much);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(all_who_wait_get_what_one_run_gave, stand_still, run_again),
      cmocka_unit_test_setup_teardown(threads_that_ask_for_the_same_cause_one_run, stand_still, run_again),
      cmocka_unit_test_setup_teardown(it_is_shared_by_all_that_say_the_same_of_a_plugin, stand_still, run_again),
      cmocka_unit_test_setup_teardown(a_plugin_that_is_told_the_cluster_is_asked_for_each, stand_still, run_again),
      cmocka_unit_test_setup_teardown(it_is_renewed_ahead_of_its_end_and_used_meanwhile, stand_still, run_again),
      cmocka_unit_test_setup_teardown(who_comes_after_its_end_waits_for_the_next, stand_still, run_again),
      cmocka_unit_test_setup_teardown(one_without_an_end_lasts, stand_still, run_again),
      cmocka_unit_test_setup_teardown(a_plugin_that_fails_is_asked_again_later_and_later, stand_still, run_again),
      cmocka_unit_test_setup_teardown(one_that_is_well_again_is_forgiven, stand_still, run_again),
      cmocka_unit_test_setup_teardown(a_renewal_that_fails_leaves_the_old_one_while_it_lasts, stand_still, run_again),
      cmocka_unit_test_setup_teardown(it_fails_for_answers_that_cannot_be_used, stand_still, run_again),
      cmocka_unit_test_setup_teardown(it_reads_times_with_fractions_and_zones, stand_still, run_again),
      cmocka_unit_test_setup_teardown(what_a_server_refused_is_renewed_once_and_then_with_pauses, stand_still,
                                      run_again),
      cmocka_unit_test_setup_teardown(a_renewal_after_a_refusal_that_fails_gives_back_the_old_one, stand_still,
                                      run_again),
      cmocka_unit_test_setup_teardown(nothing_newer_comes_of_what_stands_in_the_kubeconfig, stand_still, run_again),
      cmocka_unit_test_setup_teardown(nothing_goes_over_plain_http, stand_still, run_again),
      cmocka_unit_test_setup_teardown(who_has_cancelled_is_not_answered, stand_still, run_again),
      cmocka_unit_test_setup_teardown(the_plugin_ends_with_the_last_who_could_want_its_answer, stand_still, run_again),
      cmocka_unit_test_setup_teardown(a_token_file_is_read_again_after_a_minute, stand_still, run_again),
      cmocka_unit_test_setup_teardown(a_token_file_that_cannot_be_used_leaves_the_old_token, stand_still, run_again),
      cmocka_unit_test_setup_teardown(a_token_file_is_read_at_once_after_a_refusal, stand_still, run_again),
      cmocka_unit_test_setup_teardown(certificate_files_are_followed_when_both_fit, stand_still, run_again),
      cmocka_unit_test(what_could_be_a_secret_is_not_shown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
