/* kubeconfig_target_spec.c: from a context to whom to talk to, and as whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/kubeconfig_fixture.h"

/* ---------------------------------------------------------------------------------------------------------- servers */

static void normalises_and_checks_servers(void **state) {
  static const struct {
    const char *server, *expected; /* expected starts with "!": part of the error */
  } cases[] = {
      {"https://h", "https://h"},
      {"HTTPS://Example.COM:0443/Pre/fix/", "https://example.com:443/Pre/fix"},
      {"https://h/a//", "https://h/a"},
      {"https://h:", "https://h"},
      {"https://[::1]:6443/p/", "https://[::1]:6443/p"},
      {"https://[FE80::1%25eth0]", "https://[fe80::1%25eth0]"},
      {"https://h/a%20b", "https://h/a%20b"},
      {"http://h:8080", "http://h:8080"},
      {"https://b\xc3\xbc.de", "https://b\xc3\xbc.de"},
      {"10.0.0.1:6443", "!has no scheme; write https:// before it, got \"10.0.0.1:6443\""},
      {"localhost", "!has no scheme"},
      {"ftp://h", "!must start with https:// (or http://, or unix://"},
      {"unix:///run/Api.sock", "unix:///run/Api.sock"},
      {"UNIX:///run/a b", "unix:///run/a b"},
      {"unix://run/api.sock", "!needs the whole path"},
      {"unix://", "!needs the whole path"},
      {"unix:/run/api.sock", "!has no scheme"},
      {"https://", "!names no host"},
      {"https:///p", "!names no host"},
      {"https://:6443", "!names no host"},
      {"https://h:0", "!needs a port between 1 and 65535"},
      {"https://h:65536", "!needs a port between 1 and 65535"},
      {"https://h:99999999999999999999", "!needs a port"},
      {"https://h:abc", "!needs a port"},
      {"https://h:6443x", "!needs a port"},
      {"https://::1", "!an IPv6 address needs brackets: [::1]"},
      {"https://[::1", "!has brackets without an IPv6 address"},
      {"https://[::1]x", "!has something other than a port"},
      {"https://[h]", "!has brackets without an IPv6 address"},
      {"https://[::1%eth0]", "!has brackets without an IPv6 address"},
      {"https://[1:2:3:4:5:6:7:8:9]", "!has brackets without an IPv6 address"},
      {"https://h?x=1", "!must end with its path"},
      {"https://h/p#f", "!must end with its path"},
      {"https://h ", "!has a character that host names cannot have"},
      {" https://h", "!must start with https://"},
      {"https://exa mple", "!has a character that host names cannot have"},
      {"https://h/a b", "!has a space or a control character in its path"},
      {"https://h/%zz", "!has a \"%\" in its path"},
      {"https://h/%4", "!has a \"%\" in its path"},
      {"", "!cluster \"k\" (f:4) has no server"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = moon_sprintf(WITH_CLUSTER("{server: \"%s\"}"), cases[i].server);
    if (*cases[i].expected == '!') {
      assert_error(resolve_error(text), MOON_CONFIG, cases[i].expected + 1);
    } else {
      moon_target *target = resolve(text);
      assert_string_equal(target->server, cases[i].expected);
      moon_target_release(target);
    }
    free(text);
  }
}

static void keeps_passwords_in_urls_to_itself(void **state) {
  moon_error *err = resolve_error(WITH_CLUSTER("{server: 'https://u:sesame@h'}"));
  assert_non_null(err);
  assert_null(strstr(err->message, "sesame"));
  assert_error(err, MOON_CONFIG, "must not hold a user name or password");

  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(load(config, WITH_CLUSTER("{server: https://h, proxy-url: 'http://u:ses@me@proxy:3128'}")));
  moon_cluster_info info;
  moon_kubeconfig_cluster_at(config, 0, &info);
  assert_string_equal(info.proxy_url, "http://proxy:3128");
  moon_target *target;
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  assert_string_equal(target->proxy_url, "http://u:ses@me@proxy:3128");
  moon_target_release(target);
  moon_kubeconfig_free(config);
}

/* -------------------------------------------------------------------------------------------------------- resolving */

static void resolves_everything_a_target_has(void **state) {
  write_file("r/ca.pem", PEM);
  write_file("r/sub/cert.pem", PEM "cert");
  write_file("r/sub/key.pem", PEM "key");
  write_file("r/config",
             "current-context: c\n"
             "contexts: [{name: c, context: {cluster: k, user: u, namespace: ns}}]\n"
             "clusters: [{name: k, cluster: {server: 'https://h', certificate-authority: ca.pem, tls-server-name: name,"
             " proxy-url: 'socks5://p', disable-compression: true}}]\n"
             "users: [{name: u, user: {client-certificate: sub/cert.pem, client-key: ./sub/key.pem, as: x, as-uid: '7',"
             " as-groups: [a, b], as-user-extra: {k: [v, w], l: ~}, exec: {apiVersion: "
             "client.authentication.k8s.io/v1, command: bin/plugin, args: [a, b], env: [{name: A, value: b}], "
             "interactiveMode: Never, provideClusterInfo: true, installHint: get it}}}]\n");
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(load_file(config, "r/config"));
  moon_target *target;
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  moon_kubeconfig_free(config);

  assert_string_equal(target->context, "c");
  assert_string_equal(target->cluster, "k");
  assert_string_equal(target->user, "u");
  assert_string_equal(target->namespace_, "ns");
  assert_string_equal(target->server, "https://h");
  assert_string_equal(target->tls_server_name, "name");
  assert_string_equal(target->proxy_url, "socks5://p");
  assert_true(target->disable_compression);
  assert_false(target->insecure_skip_tls_verify);
  assert_string_equal(target->ca.data, PEM);
  assert_string_equal(target->client_cert.data, PEM "cert");
  assert_string_equal(target->client_key.data, PEM "key");
  assert_string_equal(target->impersonate_user, "x");
  assert_string_equal(target->impersonate_uid, "7");
  assert_string_equal(target->impersonate_groups[1], "b");
  assert_null(target->impersonate_groups[2]);
  assert_int_equal(target->impersonate_extra_count, 2);
  assert_string_equal(target->impersonate_extra[0].key, "k");
  assert_string_equal(target->impersonate_extra[0].values[1], "w");
  assert_string_equal(target->impersonate_extra[1].key, "l");
  assert_null(target->impersonate_extra[1].values[0]);
  char *plugin = in_folder("r/bin/plugin");
  assert_string_equal(target->exec->command, plugin);
  free(plugin);
  assert_string_equal(target->exec->args[1], "b");
  assert_string_equal(target->exec->env[0], "A=b");
  assert_string_equal(target->exec->interactive_mode, "Never");
  assert_string_equal(target->exec->install_hint, "get it");
  assert_true(target->exec->provide_cluster_info);
  assert_false(target->credentials_withheld);
  moon_target_release(moon_target_retain(target));
  moon_target_release(target);
}

static void keeps_paths_when_the_program_changes_its_folder(void **state) {
  write_file("here/config", WITH_USER("{tokenFile: ../token}"));
  write_file("token", "from-file");
  char *before = getcwd(NULL, 0);
  assert_int_equal(chdir(folder), 0);
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(moon_kubeconfig_load_file(config, "here/config"));
  assert_int_equal(chdir("/"), 0);
  moon_target *target;
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  char *path = in_folder("here/../token");
  assert_string_equal(target->token_file, path);
  free(path);
  moon_target_release(target);
  moon_kubeconfig_free(config);
  assert_int_equal(chdir(before), 0);
  free(before);
}

static void leaves_an_exec_command_without_a_slash_to_the_path(void **state) {
  moon_target *target = resolve(WITH_USER("{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: aws}}"));
  assert_string_equal(target->exec->command, "aws");
  moon_target_release(target);
}

static void defaults_the_namespace_and_needs_no_user(void **state) {
  moon_target *target = resolve("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n" CLUSTER);
  assert_string_equal(target->namespace_, "default");
  assert_null(target->user);
  assert_null(target->token);
  moon_target_release(target);
}

static void lets_data_win_over_files(void **state) {
  moon_target *target = resolve(WITH_CLUSTER("{server: https://h, certificate-authority: missing, "
                                             "certificate-authority-data: " PEM_64 "}"));
  assert_string_equal(target->ca.data, PEM);
  moon_target_release(target);
}

static void lets_the_token_file_win_over_the_token(void **state) {
  write_file("token", "  from-file\r\n\n");
  write_file("empty", " \n");
  write_file("two-lines", "a\nb\n");
  moon_target *target = resolve(WITH_USER("{token: inline, tokenFile: token}"));
  assert_string_equal(target->token, "from-file");
  char *path = in_folder("token");
  assert_string_equal(target->token_file, path);
  free(path);
  moon_target_release(target);

  target = resolve(WITH_USER("{token: inline, tokenFile: missing}"));
  assert_string_equal(target->token, "inline");
  assert_non_null(target->token_file);
  moon_target_release(target);

  assert_error(resolve_error(WITH_USER("{tokenFile: missing}")), MOON_CREDENTIAL, "No such file or directory");
  assert_error(resolve_error(WITH_USER("{tokenFile: empty}")), MOON_CREDENTIAL, "it is empty");
  assert_error(resolve_error(WITH_USER("{tokenFile: two-lines}")), MOON_CREDENTIAL, "it holds more than one line");
}

static void sends_no_credentials_over_plain_http(void **state) {
  moon_target *target = resolve(HEAD "clusters: [{name: k, cluster: {server: 'http://h'}}]\n"
                                     "users: [{name: u, user: {token: t, as: x, client-certificate: missing}}]\n");
  assert_null(target->token);
  assert_null(target->impersonate_user);
  assert_true(target->credentials_withheld);
  moon_target_release(target);
  target = resolve(HEAD "clusters: [{name: k, cluster: {server: 'http://h'}}]\nusers: [{name: u}]\n");
  assert_false(target->credentials_withheld);
  moon_target_release(target);
}

static void refuses_contradictions(void **state) {
  write_file("pem", PEM);
  write_file("not-pem", "hello");
  static const struct {
    const char *text;
    moon_status kind;
    const char *part;
  } cases[] = {
      {WITH_CLUSTER("{server: https://h, insecure-skip-tls-verify: true, certificate-authority-data: " PEM_64 "}"),
       MOON_CONFIG, "cluster \"k\" (f:4) has a certificate authority and insecure-skip-tls-verify"},
      {WITH_CLUSTER("{server: https://h, certificate-authority: missing}"), MOON_CREDENTIAL,
       "cannot read the certificate-authority of \"k\" (f:4)"},
      {WITH_CLUSTER("{server: https://h, certificate-authority: not-pem}"), MOON_CREDENTIAL, "is not PEM"},
      {WITH_CLUSTER("{server: https://h, certificate-authority-data: aGk=}"), MOON_CREDENTIAL,
       "is not PEM: no line -----BEGIN ...----- in the decoded data"},
      {WITH_CLUSTER("{server: https://h, certificate-authority: .}"), MOON_CREDENTIAL, "Is a directory"},
      {WITH_CLUSTER("{server: https://h, tls-server-name: 'a/b'}"), MOON_CONFIG, "is not a host name"},
      {WITH_USER("{client-certificate: pem}"), MOON_CONFIG,
       "user \"u\" (f:5) has a client certificate without its key"},
      {WITH_USER("{client-key: pem}"), MOON_CONFIG, "has a client key without its certificate"},
      {WITH_USER("{client-key: missing, client-certificate: pem}"), MOON_CREDENTIAL, "cannot read the client-key"},
      {WITH_USER("{token: a, username: b, password: c}"), MOON_CONFIG, "has a token and a user name or password"},
      {WITH_USER("{as-groups: [a]}"), MOON_CONFIG, "impersonates a uid, groups or extra without a user"},
      {WITH_USER("{auth-provider: {name: gcp}}"), MOON_CREDENTIAL, "signs in with auth-provider \"gcp\""},
      {WITH_USER("{auth-provider: {name: oidc}, exec: {}}"), MOON_CONFIG, "an exec plugin and an auth-provider"},
      {WITH_USER("{exec: {}}"), MOON_CONFIG, "the exec plugin of user \"u\" (f:5) has no command"},
      {WITH_USER("{exec: {command: x}}"), MOON_CONFIG, "has no apiVersion"},
      {WITH_USER("{exec: {command: x, apiVersion: client.authentication.k8s.io/v1}}"), MOON_CONFIG,
       "has no interactiveMode"},
      {WITH_USER("{exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: x}}"), MOON_CONFIG,
       "has an interactiveMode other than"},
      {WITH_USER("{token: \"sesame\\r\\nX: y\"}"), MOON_CREDENTIAL, "the token of user \"u\" (f:5) has a line break"},
      {WITH_USER("{token: x, as: \"a\\nb\"}"), MOON_CREDENTIAL, "the as of user"},
      {HEAD, MOON_CONFIG, "context \"c\" (f:2) refers to cluster \"k\", which is not defined; none is"},
      {HEAD "clusters: [{name: kk}, {name: other}]\n", MOON_CONFIG,
       "refers to cluster \"k\", which is not defined; there are: kk, other"},
      {HEAD CLUSTER "users: [{name: admin}]\n", MOON_CONFIG,
       "context \"c\" (f:2) refers to user \"u\", which is not defined; there are: admin"},
      {"current-context: c\ncontexts: [{name: c}]\n", MOON_CONFIG, "context \"c\" (f:2) names no cluster"},
      {"contexts: [{name: c}, {name: d}]\n", MOON_CONFIG,
       "sets no current-context: name the one to use; there are: c, d"},
      {"current-context: production\ncontexts: [{name: prodution-eu}, {name: prodution}]\n", MOON_CONFIG,
       "context \"production\" is not defined; did you mean \"prodution\"? There are: prodution-eu, prodution"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    moon_error *err = resolve_error(cases[i].text);
    if (err) assert_null(strstr(err->message, "sesame"));
    assert_error(err, cases[i].kind, cases[i].part);
  }
}

static void uses_the_other_credentials_of_a_user_with_an_auth_provider(void **state) {
  moon_target *target = resolve(WITH_USER("{token: t, auth-provider: {name: oidc, config: {a: b}}}"));
  assert_string_equal(target->token, "t");
  moon_target_release(target);
}

static void sets_the_current_context(void **state) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(load(config, "contexts: [{name: a, context: {cluster: k}}, {name: b, context: {cluster: k}}]\n" CLUSTER));
  assert_ok(moon_kubeconfig_set_current_context(config, "b"));
  assert_ok(moon_kubeconfig_set_current_context(config, moon_kubeconfig_current_context(config)));
  assert_error(moon_kubeconfig_set_current_context(config, "x"), MOON_CONFIG,
               "context \"x\" is not defined; there are: a, b");
  moon_target *target;
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  assert_string_equal(target->context, "b");
  moon_target_release(target);
  assert_ok(moon_kubeconfig_target(config, "a", &target));
  assert_string_equal(target->context, "a");
  moon_target_release(target);
  moon_kubeconfig_free(config);
}

static void lists_what_it_holds_without_secrets(void **state) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(load(config, HEAD "clusters: [{name: k, cluster: {server: https://h, certificate-authority-data: " PEM_64
                              "}}]\nusers: [{name: u, user: {token: t, username: nn, client-certificate: cert.pem}},"
                              "{name: v, user: {exec: {command: aws}, password: p, tokenFile: /t}}]\n"));
  moon_context_info context;
  moon_kubeconfig_context_at(config, 0, &context);
  assert_string_equal(context.name, "c");
  assert_string_equal(context.cluster, "k");
  assert_string_equal(context.user, "u");
  assert_null(context.namespace_);
  moon_cluster_info cluster;
  moon_kubeconfig_cluster_at(config, 0, &cluster);
  assert_string_equal(cluster.server, "https://h");
  assert_true(cluster.has_ca_data);
  assert_null(cluster.certificate_authority);
  moon_user_info user;
  moon_kubeconfig_user_at(config, 0, &user);
  assert_true(user.has_token && user.has_client_certificate && !user.has_password);
  assert_string_equal(user.username, "nn");
  char *path = in_folder("cert.pem");
  assert_string_equal(user.client_certificate, path);
  free(path);
  moon_kubeconfig_user_at(config, 1, &user);
  assert_true(!user.has_token && user.has_password);
  assert_string_equal(user.exec_command, "aws");
  assert_string_equal(user.token_file, "/t");
  moon_kubeconfig_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normalises_and_checks_servers),
      cmocka_unit_test(keeps_passwords_in_urls_to_itself),
      cmocka_unit_test(resolves_everything_a_target_has),
      cmocka_unit_test(keeps_paths_when_the_program_changes_its_folder),
      cmocka_unit_test(leaves_an_exec_command_without_a_slash_to_the_path),
      cmocka_unit_test(defaults_the_namespace_and_needs_no_user),
      cmocka_unit_test(lets_data_win_over_files),
      cmocka_unit_test(lets_the_token_file_win_over_the_token),
      cmocka_unit_test(sends_no_credentials_over_plain_http),
      cmocka_unit_test(refuses_contradictions),
      cmocka_unit_test(uses_the_other_credentials_of_a_user_with_an_auth_provider),
      cmocka_unit_test(sets_the_current_context),
      cmocka_unit_test(lists_what_it_holds_without_secrets),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
