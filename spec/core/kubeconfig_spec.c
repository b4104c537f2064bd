/* kubeconfig_spec.c: kubeconfigs as data. What the YAML cases expect was compared with kubectl 1.32 when they were
 * written; where we differ on purpose, the case says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/random.h"
#include "kube/base64.h"
#include "kube/entries.h"
#include "kube/kubeconfig.h"

/* ---------------------------------------------------------------------------------------------------------- support */

static char folder[] = "/tmp/moonpool-kubeconfig-XXXXXX"; /* made once, removed at the end */

static char *in_folder(const char *name) {
  return moon_sprintf("%s/%s", folder, name);
}

static void write_file(const char *name, const char *text) {
  char *path = in_folder(name), *slash = path + strlen(folder);
  while ((slash = strchr(slash + 1, '/'))) {
    *slash = '\0';
    mkdir(path, 0700);
    *slash = '/';
  }
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  free(path);
}

static moon_error *load(moon_kubeconfig *config, const char *text) {
  return moon_kubeconfig_load_text(config, text, strlen(text), "f", folder);
}

static moon_error *load_file(moon_kubeconfig *config, const char *name) {
  char *path = in_folder(name);
  moon_error *err = moon_kubeconfig_load_file(config, path);
  free(path);
  return err;
}

/* Fails with the message when there is an error. */
static void assert_ok(moon_error *err) {
  if (err) fail_msg("unexpected error: %s", err->message);
}

/* Frees the error after it was looked at. */
static void assert_error(moon_error *err, moon_status kind, const char *part) {
  if (!err) fail_msg("no error, but \"%s\" was expected", part);
  if (!strstr(err->message, part)) fail_msg("expected \"%s\" in the message \"%s\"", part, err->message);
  assert_int_equal(err->kind, kind);
  assert_null(strchr(err->message, '\n'));
  moon_error_free(err);
}

static moon_target *resolve(const char *text) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_target *target = NULL;
  assert_ok(load(config, text));
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  moon_kubeconfig_free(config);
  return target;
}

/* What reading and resolving a text fails with. */
static moon_error *resolve_error(const char *text) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_target *target = NULL;
  moon_error *err = load(config, text);
  if (!err) err = moon_kubeconfig_target(config, NULL, &target);
  if (!err) moon_target_release(target);
  moon_kubeconfig_free(config);
  return err;
}

#define HEAD "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
#define CLUSTER "clusters: [{name: k, cluster: {server: 'https://h:6443'}}]\n"
#define WITH_CLUSTER(fields) HEAD "clusters:\n- name: k\n  cluster: " fields "\nusers: [{name: u, user: {token: t}}]\n"
#define WITH_USER(fields) HEAD CLUSTER "users:\n- name: u\n  user: " fields "\n"

/* PEM whose content nobody parses here. */
#define PEM "-----BEGIN X-----\nQUJD\n-----END X-----\n"
#define PEM_64 "LS0tLS1CRUdJTiBYLS0tLS0KUVVKRAotLS0tLUVORCBYLS0tLS0K"

/* ------------------------------------------------------------------------------------------------------------- YAML */

typedef struct reading {
  const char *text;
  const char *server;         /* NULL: reading fails */
  const char *token_or_error; /* "-": no token */
} reading;

#define TOKEN(value) WITH_USER("{token: " value "}")
#define GOOD "https://h:6443"

static const reading readings[] = {
    /* Words and numbers are what YAML 1.1 makes of them; kubectl refuses them as text. */
    {TOKEN("abc"), GOOD, "abc"},
    {TOKEN("12345"), NULL, "f:6: users[0].user.token: expected a string, got a number (put it in quotes)"},
    {TOKEN("'12345'"), GOOD, "12345"},
    {TOKEN("1.5"), NULL, "got a number"},
    {TOKEN("1e5"), NULL, "got a number"},
    {TOKEN("1e"), GOOD, "1e"},
    {TOKEN("1."), NULL, "got a number"},
    {TOKEN(".5"), NULL, "got a number"},
    {TOKEN("."), GOOD, "."},
    {TOKEN("+1"), NULL, "got a number"},
    {TOKEN("-a"), GOOD, "-a"},
    {TOKEN("1.2.3"), GOOD, "1.2.3"},
    {TOKEN("0o17"), NULL, "got a number"},
    {TOKEN("0xff"), NULL, "got a number"},
    {TOKEN("0xffffffffffffffffff"), GOOD, "0xffffffffffffffffff"},
    {TOKEN("0b11"), NULL, "got a number"},
    {TOKEN("0b12"), GOOD, "0b12"},
    {TOKEN("0x1p-2"), GOOD, "0x1p-2"},
    {TOKEN("08"), NULL, "got a number"},
    {TOKEN("1_000"), NULL, "got a number"},
    {TOKEN("_"), GOOD, "_"},
    {TOKEN("99999999999999999999999"), NULL, "got a number"},
    {TOKEN(".inf"), NULL, "got a number"},
    {TOKEN("+.inf"), NULL, "got a number"},
    {TOKEN("Inf"), GOOD, "Inf"},
    {TOKEN("NaN"), GOOD, "NaN"},
    {TOKEN("2001-01-01"), GOOD, "2001-01-01"},
    {TOKEN("\"1:30\""), GOOD, "1:30"},
    {TOKEN("yes"), NULL, "got a boolean (in YAML this word means true or false; put it in quotes)"},
    {TOKEN("n"), NULL, "got a boolean"},
    {TOKEN("TrUe"), GOOD, "TrUe"},
    {TOKEN("~"), GOOD, "-"},
    {TOKEN("NULL"), GOOD, "-"},
    {TOKEN("~x"), GOOD, "~x"},
    {TOKEN(""), GOOD, "-"},
    {TOKEN("!!str 123"), GOOD, "123"},
    {TOKEN("! 12"), GOOD, "12"},
    {TOKEN("!foo 12"), GOOD, "12"},
    {TOKEN("!!int '12'"), NULL, "got a number"},
    {TOKEN("!!null ''"), GOOD, "-"},
    {TOKEN("!!bool 'yes'"), NULL, "got a boolean"},
    {TOKEN("!!str {a: b}"), NULL, "got a mapping"},
    {TOKEN("[a]"), NULL, "f:6: users[0].user.token: expected a string, got a list"},
    {TOKEN("a\\u00e9"), GOOD, "a\\u00e9"},
    {TOKEN("\"a\\u00e9\""), GOOD, "a\xc3\xa9"},
    {TOKEN("\"a\\0b\""), NULL, "users[0].user.token: holds a NUL character"},
    {WITH_CLUSTER("{server: [a]}"), NULL, "f:5: clusters[0].cluster.server: expected a string, got a list"},
    {WITH_CLUSTER("{server: {a: b}}"), NULL, "clusters[0].cluster.server: expected a string, got a mapping"},
    {WITH_CLUSTER("{server: https://h, insecure-skip-tls-verify: 'true'}"), NULL,
     "clusters[0].cluster.insecure-skip-tls-verify: expected true or false, got a string"},
    {WITH_CLUSTER("{server: https://h, insecure-skip-tls-verify: 1}"), NULL, "expected true or false, got a number"},
    {WITH_CLUSTER("{server: https://h, insecure-skip-tls-verify: }"), "https://h", "t"},

    /* Keys: the last of equals counts, merge keys count where they stand, anything but text is refused. */
    {WITH_USER("{token: a, token: b}"), GOOD, "b"},
    {HEAD CLUSTER "users: [{name: u, user: {token: a}}]\nusers: [{name: u, user: {token: b}}]\n", GOOD, "b"},
    {"x: &x {token: merged}\n" WITH_USER("{<<: *x, token: own}"), GOOD, "own"},
    {"x: &x {token: merged}\n" WITH_USER("{token: own, <<: *x}"), GOOD, "merged"},
    {"x: &x {token: one}\ny: &y {token: two}\n" WITH_USER("{<<: [*x, *y]}"), GOOD, "one"},
    {"x: &x {token: one}\ny: &y {token: two}\n" WITH_USER("{<<: *x, <<: *y}"), GOOD, "two"},
    {WITH_USER("{<<: {<<: {token: deep}}}"), GOOD, "deep"},
    {WITH_USER("{'<<': {token: quoted}}"), GOOD, "-"},
    {"<<: {users: [{name: u, user: {token: root}}]}\n" HEAD CLUSTER, GOOD, "root"},
    {WITH_USER("{<<: 12}"), NULL, "f:6: the merge key << expects a mapping or a list of mappings"},
    {WITH_USER("{<<: }"), NULL, "the merge key << expects"},
    {WITH_USER("{<<: [[{token: a}]]}"), NULL, "the merge key << expects"},
    {WITH_USER("{? [a] : b}"), NULL, "f:6: a mapping's key must be text, not a list"},
    {WITH_USER("{1: x, true: z, token: t}"), GOOD, "t"},
    {WITH_USER("{Token: t}"), GOOD, "-"},
    {WITH_USER("{\"token\\0\": t}"), GOOD, "-"},

    /* Anchors. */
    {"x: &s abc\n" TOKEN("*s"), GOOD, "abc"},
    {"x: &s abc\ny: &s def\n" TOKEN("*s"), GOOD, "def"},
    {"x: &x [*x]\n" TOKEN("t"), NULL, "f:1: the anchor &x contains itself"},
    {"x:\n  y: &x {a: {b: *x}}\n" TOKEN("t"), NULL, "f:2: the anchor &x contains itself"},
    {"x: 1\ny: *q\n" TOKEN("t"), NULL, "f:2: there is no anchor &q before *q"},

    /* Documents, encodings, styles. */
    {TOKEN("t") "---\nkind: [\n", GOOD, "t"},
    {TOKEN("t") "...\n[\n", GOOD, "t"},
    {"---\n" TOKEN("t"), GOOD, "t"},
    {"%YAML 1.1\n---\n" TOKEN("t"), GOOD, "t"},
    {"%YAML 3.0\n---\n" TOKEN("t"), NULL, "this is not YAML: found incompatible YAML document"},
    {"\xef\xbb\xbf" TOKEN("t"), GOOD, "t"},
    {"# c\r\ncurrent-context: c\r\ncontexts:\r\n- name: c\r\n  context:\r\n    cluster: k\r\n    user: "
     "u\r\nclusters:\r\n- "
     "cluster:\r\n    server: https://h:6443\r\n  name: k\r\nusers:\r\n- name: u\r\n  user:\r\n    token: t\r\n",
     GOOD, "t"},
    {"{\n\t\"kind\": \"Config\",\n\t\"apiVersion\":\"v1\", \"current-context\":\"c\",\n"
     "\t\"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"user\":\"u\"}}],\n"
     "\t\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"https:\\/\\/h:6443\"}}],\n"
     "\t\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"a\\u00e9\\n\\\"\"}}]}",
     NULL, "has a line break"},
    {"{\"current-context\":\"c\",\"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"user\":\"u\"}}],"
     "\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"https:\\/\\/h:6443\"}}]," /* kubectl refuses the \/ */
     "\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"a\\u00e9\"}}],\"preferences\":{}}",
     GOOD, "a\xc3\xa9"},
    {TOKEN("t") "users:\n\t- name: x\n", NULL, "f:8: this is not YAML: found character that cannot start any token"},
    {"a: \xff\xfe\n", NULL, "this is not YAML: "},
    {"a: b\nc: \x01\n", NULL, "f:2: this is not YAML: control characters are not allowed"},
    {"clusters: [\n", NULL, "this is not YAML: did not find expected node content"},

    /* Kinds, sections, entries. */
    {"kind: Config\napiVersion: v1\n" TOKEN("t"), GOOD, "t"},
    {"kind: Pod\n" TOKEN("t"), NULL, "f:1: kind: expected \"Config\", the kind of a kubeconfig, got \"Pod\""},
    {"apiVersion: v2\n" TOKEN("t"), NULL, "apiVersion: expected \"v1\""},
    {"kind: 1\n" TOKEN("t"), NULL, "f:1: kind: expected a string, got a number"},
    {"hello\n", NULL, "f:1: expected a kubeconfig (a mapping with clusters, users and contexts), got a string"},
    {"[]\n", NULL, "expected a kubeconfig"},
    {"clusters: {a: b}\n", NULL, "f:1: clusters: expected a list, got a mapping"},
    {"clusters:\n- x\n", NULL, "f:2: clusters[0]: expected a mapping with name and cluster, got a string"},
    {"users: [{name: [u]}]\n", NULL, "f:1: users[0].name: expected a string, got a list"},
    {"users: [{name: u, user: x}]\n", NULL, "users[0].user: expected a mapping, got a string"},
    {"current-context: 5\n", NULL, "f:1: current-context: expected a string, got a number"},
    {"contexts: [{name: c, context: {namespace: on}}]\n", NULL, "contexts[0].context.namespace: expected a string"},
    {"users:\n- {name: u}\n- {name: v}\n- {name: u}\n", NULL,
     "f:4: users[2].name: \"u\" is defined twice (first at f:2)"},
    {WITH_CLUSTER("{server: https://h, foo: {a: [1, {b: c}]}, extensions: [{name: x, extension: 1}]}"), "https://h",
     "t"},

    /* Members of users. */
    {WITH_USER("{as-groups: a}"), NULL, "users[0].user.as-groups: expected a list, got a string"},
    {WITH_USER("{as-groups: [a, [b]]}"), NULL, "users[0].user.as-groups[1]: expected a string, got a list"},
    {WITH_USER("{as-user-extra: {k: v}}"), NULL, "users[0].user.as-user-extra.k: expected a list, got a string"},
    {WITH_USER("{exec: {args: [a, 1]}}"), NULL, "users[0].user.exec.args[1]: expected a string, got a number"},
    {WITH_USER("{exec: {env: {A: b}}}"), NULL, "users[0].user.exec.env: expected a list, got a mapping"},
    {WITH_USER("{exec: {command: x, apiVersion: v, env: [{value: b}]}}"), NULL,
     "has an environment variable without a name"},
    {WITH_USER("{exec: {env: [x]}}"), NULL, "exec.env[0]: expected a mapping with name and value, got a string"},
    {WITH_USER("{exec: ~, token: t}"), GOOD, "t"},
    {WITH_USER("{auth-provider: {config: {}}}"), NULL, "signs in with auth-provider \"(no name)\""},
};

static void reads_yaml_as_kubectl_does(void **state) {
  for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
    const reading *one = &readings[i];
    if (!one->server) {
      moon_error *err = resolve_error(one->text);
      if (!err || !strstr(err->message, one->token_or_error))
        fail_msg("%s\nexpected the error: %s\ngot: %s", one->text, one->token_or_error, err ? err->message : "none");
      moon_error_free(err);
      continue;
    }
    moon_error *err = resolve_error(one->text);
    if (err) fail_msg("%s\nunexpected error: %s", one->text, err->message);
    moon_target *target = resolve(one->text);
    assert_string_equal(target->server, one->server);
    if (strcmp(target->token ? target->token : "-", one->token_or_error) != 0)
      fail_msg("%s\nexpected the token %s, got %s", one->text, one->token_or_error, target->token);
    moon_target_release(target);
  }
}

static void takes_an_empty_file_as_an_empty_config(void **state) {
  static const char *const texts[] = {"",
                                      "# nothing\n",
                                      "---\n",
                                      "~\n",
                                      "clusters:\nusers: ~\ncontexts: null\n",
                                      "clusters: [~]\nusers: [{user: {token: x}}]\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    moon_kubeconfig *config = moon_kubeconfig_new();
    assert_ok(load(config, texts[i]));
    assert_int_equal(moon_kubeconfig_cluster_count(config) + moon_kubeconfig_user_count(config), 0);
    assert_int_equal(moon_kubeconfig_context_count(config), 0);
    assert_null(moon_kubeconfig_current_context(config));
    moon_target *target;
    assert_error(moon_kubeconfig_target(config, NULL, &target), MOON_CONFIG, "the kubeconfig defines no context");
    moon_kubeconfig_free(config);
  }
}

static void reads_utf_16(void **state) {
  const char *text = TOKEN("t");
  moon_buffer wide = {0};
  moon_buffer_add(&wide, "\xff\xfe", 2);
  for (const char *c = text; *c; c++) moon_buffer_add(&wide, (char[]){*c, 0}, 2);
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(moon_kubeconfig_load_text(config, wide.data, wide.len, "f", NULL));
  assert_string_equal(moon_kubeconfig_current_context(config), "c");
  moon_kubeconfig_free(config);
  moon_buffer_free(&wide);
}

static void refuses_aliases_that_explode(void **state) {
  moon_buffer text = {0};
  moon_buffer_add_text(&text, "a0: &a0 [x]\n");
  for (int i = 1; i <= 30; i++)
    moon_buffer_addf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1);
  assert_error(resolve_error(text.data), MOON_CONFIG, "f:11: aliases expand to more than 1000000 values");
  moon_buffer_clear(&text);
  moon_buffer_add_text(&text, "a0: &a0 {x: y}\n");
  for (int i = 1; i <= 30; i++) moon_buffer_addf(&text, "a%d: &a%d {<<: [*a%d, *a%d]}\n", i, i, i - 1, i - 1);
  assert_error(resolve_error(text.data), MOON_CONFIG, "aliases expand to more than 1000000 values");
  moon_buffer_free(&text);
}

static void follows_a_long_chain_of_merges(void **state) {
  moon_buffer text = {0};
  moon_buffer_add_text(&text, "a0: &a0 {token: deep}\n");
  for (int i = 1; i <= 600; i++) moon_buffer_addf(&text, "a%d: &a%d {<<: *a%d}\n", i, i, i - 1);
  moon_buffer_add_text(&text, TOKEN("t, <<: *a600"));
  moon_target *target = resolve(text.data);
  assert_string_equal(target->token, "deep");
  moon_target_release(target);
  moon_buffer_free(&text);
}

static void refuses_nesting_without_end(void **state) {
  moon_buffer text = {0};
  for (int i = 0; i < 3000; i++) moon_buffer_add_text(&text, "[");
  moon_error *err = resolve_error(text.data);
  assert_non_null(err);
  moon_error_free(err);
  moon_buffer_clear(&text);
  for (int i = 0; i < 3000; i++) moon_buffer_add_text(&text, "- ");
  err = resolve_error(text.data);
  assert_non_null(err);
  moon_error_free(err);
  moon_buffer_free(&text);
}

/* ----------------------------------------------------------------------------------------------------------- base64 */

static void decodes_base64_as_go_does(void **state) {
  static const struct {
    const char *text, *plain; /* plain NULL: wrong, at that offset */
    size_t wrong_at;
  } cases[] = {{"", "", 0},
               {"aGVsbG8=", "hello", 0},
               {"aGVs\nbG8=\n", "hello", 0},
               {"aGVs\r\nbG8=", "hello", 0},
               {"aGVsbG9v", "helloo", 0},
               {"aA==", "h", 0},
               {"aA=\n=", "h", 0},
               {"aGVsbG9=", "hello", 0},
               {"aGVs bG8=", NULL, 4},
               {"aGVsbG8", NULL, 7},
               {"-_-_", NULL, 0},
               {"aGVsbG8=aGVs", NULL, 8},
               {"a", NULL, 1},
               {"a===", NULL, 1},
               {"aA=", NULL, 3},
               {"=", NULL, 0},
               {"aGVs=", NULL, 4},
               {"aA===", NULL, 4},
               {"aGVs\tbG8=", NULL, 4},
               {"aGVsbG8==", NULL, 8}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    moon_bytes out = {0};
    size_t wrong_at = 99;
    bool ok = moon_base64_decode(cases[i].text, strlen(cases[i].text), &out, &wrong_at);
    if (ok != (cases[i].plain != NULL)) fail_msg("\"%s\" was %s", cases[i].text, ok ? "taken" : "refused");
    if (ok) {
      assert_int_equal(out.len, strlen(cases[i].plain));
      assert_string_equal(out.data, cases[i].plain);
    } else {
      assert_int_equal(wrong_at, cases[i].wrong_at);
    }
    moon_bytes_wipe(&out);
  }
}

static void names_the_field_of_wrong_base64_but_not_its_value(void **state) {
  moon_error *err = resolve_error(WITH_USER("{client-key-data: 'c2VjcmV0 c2VjcmV0'}"));
  assert_non_null(err);
  assert_null(strstr(err->message, "c2Vj"));
  assert_error(err, MOON_CONFIG, "f:6: users[0].user.client-key-data: is not base64 (see character 9 of 17)");
  assert_error(resolve_error(WITH_CLUSTER("{server: https://h, certificate-authority-data: 1234}")), MOON_CONFIG,
               "clusters[0].cluster.certificate-authority-data: expected base64 text, got a number");
}

static void reads_data_fields_in_block_style(void **state) {
  moon_target *target = resolve(
      WITH_CLUSTER("\n    server: https://h\n    certificate-authority-data: |\n      LS0tLS1CRUdJTiBYLS0tLS0K\n"
                   "      UVVKRAotLS0tLUVORCBYLS0tLS0K\n"));
  assert_string_equal(target->ca.data, PEM);
  assert_int_equal(target->ca.len, strlen(PEM));
  moon_target_release(target);
}

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
      {"ftp://h", "!must start with https:// (or http://)"},
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

/* ---------------------------------------------------------------------------------------------------------- loading */

static void lets_the_first_definition_win_as_a_whole(void **state) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(load(config, "current-context: ''\nclusters: [{name: k, cluster: {server: 'https://a'}}]\n"
                         "contexts: [{name: c1, context: {cluster: k}}]\nusers: [{name: u, user: {username: a}}]\n"));
  assert_ok(load(config,
                 "current-context: c2\nclusters: [{name: k, cluster: {server: 'https://b', tls-server-name: b}}]\n"
                 "contexts: [{name: c1, context: {cluster: k, namespace: b}}, {name: c2, context: {cluster: k, user: "
                 "u}}]\nusers: [{name: u, user: {token: b}}]\n"));
  assert_ok(load(config, "current-context: c1\n"));
  moon_target *target;
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  assert_string_equal(target->context, "c2");
  assert_string_equal(target->server, "https://a");
  assert_null(target->tls_server_name);
  assert_null(target->token);
  assert_string_equal(target->username, "a");
  moon_target_release(target);
  assert_ok(moon_kubeconfig_target(config, "c1", &target));
  assert_string_equal(target->namespace_, "default");
  moon_target_release(target);
  moon_kubeconfig_free(config);
}

static void changes_nothing_when_a_load_fails(void **state) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_error_free(load(config, "current-context: c\nclusters: [{name: k}]\nusers: 1\n"));
  assert_int_equal(moon_kubeconfig_cluster_count(config), 0);
  assert_null(moon_kubeconfig_current_context(config));
  moon_kubeconfig_free(config);
}

static void says_which_file_cannot_be_read(void **state) {
  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_error(load_file(config, "no/such"), MOON_CONFIG, "no/such: No such file or directory");
  moon_target *target;
  assert_error(moon_kubeconfig_target(config, "c", &target), MOON_CONFIG,
               "context \"c\" is not defined: cannot read the kubeconfig");
  assert_error(moon_kubeconfig_target(config, NULL, &target), MOON_CONFIG, "no/such: No such file or directory");
  assert_error(moon_kubeconfig_load_file(config, folder), MOON_CONFIG, "Is a directory");
  write_file("broken", "clusters:\n- name: k\n  cluster: {server: [1]}\n");
  char *expected = in_folder("broken:3: clusters[0].cluster.server: expected a string, got a list");
  assert_error(load_file(config, "broken"), MOON_CONFIG, expected);
  free(expected);
  moon_kubeconfig_free(config);
}

/* load_default with an environment of its own. */
static moon_error *load_default(moon_kubeconfig *config, const char *list, const char *home) {
  list ? setenv("KUBECONFIG", list, 1) : unsetenv("KUBECONFIG");
  setenv("HOME", home, 1);
  return moon_kubeconfig_load_default(config);
}

static void finds_the_default_files(void **state) {
  unsetenv("KUBERNETES_SERVICE_HOST");
  write_file("d/.kube/config", "current-context: home\n");
  write_file("d/one", "current-context: ''\ncontexts: [{name: one, context: {cluster: a}}]\n");
  write_file("d/two", "current-context: two\ncontexts: [{name: one, context: {cluster: b}}, {name: two}]\n");
  write_file("d/bad", "contexts: 1\n");
  char *home = in_folder("d"), *empty_home = in_folder("r");
  char *list = moon_sprintf("%s/one:%s/missing::%s/two:%s/one", home, home, home, home);

  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(load_default(config, NULL, home));
  assert_string_equal(moon_kubeconfig_current_context(config), "home");
  moon_kubeconfig_free(config);

  config = moon_kubeconfig_new();
  assert_ok(load_default(config, list, home));
  assert_string_equal(moon_kubeconfig_current_context(config), "two");
  assert_int_equal(moon_kubeconfig_context_count(config), 2);
  moon_context_info context;
  moon_kubeconfig_context_at(config, 0, &context);
  assert_string_equal(context.cluster, "a");
  moon_kubeconfig_free(config);
  free(list);

  config = moon_kubeconfig_new();
  list = moon_sprintf("%s/two:%s/bad", home, home);
  assert_error(load_default(config, list, home), MOON_CONFIG, "/d/bad:1: contexts: expected a list");
  assert_int_equal(moon_kubeconfig_context_count(config), 0);
  free(list);

  list = moon_sprintf("%s/two/x", home); /* a file is not a folder: kubectl calls that an error, not a missing file */
  assert_error(load_default(config, list, home), MOON_CONFIG, "Not a directory");
  free(list);

  assert_ok(load_default(config, NULL, empty_home));
  moon_target *target;
  assert_error(moon_kubeconfig_target(config, NULL, &target), MOON_CONFIG, "/r/.kube/config ($KUBECONFIG is not set)");
  assert_error(moon_kubeconfig_target(config, "x", &target), MOON_CONFIG, "no kubeconfig was found at");
  assert_ok(load_default(config, "/no/such/file", empty_home));
  assert_error(moon_kubeconfig_target(config, NULL, &target), MOON_CONFIG,
               "no kubeconfig was found at /no/such/file (the list in $KUBECONFIG)");

  setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
  unsetenv("KUBERNETES_SERVICE_PORT");
  assert_error(load_default(config, NULL, empty_home), MOON_CONFIG, "not in a pod");
  assert_ok(load_default(config, NULL, home));
  unsetenv("KUBERNETES_SERVICE_HOST");
  moon_kubeconfig_free(config);
  free(home);
  free(empty_home);
}

static void ignore_log(void *ctx, moon_log_level level, const char *text) {
  ++*(int *)ctx;
}

static void loads_the_service_account_of_a_pod(void **state) {
  write_file("pod/token", "pod-token\n");
  write_file("pod/ca.crt", PEM);
  write_file("pod/namespace", "team\n");
  write_file("bare-pod/token", "t");
  char *pod = in_folder("pod"), *bare = in_folder("bare-pod"), *missing = in_folder("no-pod");

  moon_kubeconfig *config = moon_kubeconfig_new();
  assert_ok(moon_kubeconfig_load_service_account(config, "fd00::1", "443", pod));
  moon_target *target;
  assert_ok(moon_kubeconfig_target(config, NULL, &target));
  assert_string_equal(target->context, "in-cluster");
  assert_string_equal(target->server, "https://[fd00::1]:443");
  assert_string_equal(target->token, "pod-token");
  assert_string_equal(target->ca.data, PEM);
  assert_string_equal(target->namespace_, "team");
  moon_target_release(target);
  moon_kubeconfig_free(config);

  config = moon_kubeconfig_new();
  int warnings = 0;
  moon_log_set_sink(ignore_log, &warnings);
  assert_ok(moon_kubeconfig_load_service_account(config, "10.0.0.1", "6443", bare));
  moon_log_set_sink(NULL, NULL);
  assert_int_equal(warnings, 1);
  assert_ok(moon_kubeconfig_target(config, "in-cluster", &target));
  assert_string_equal(target->server, "https://10.0.0.1:6443");
  assert_string_equal(target->namespace_, "default");
  assert_null(target->ca.data);
  moon_target_release(target);
  assert_error(moon_kubeconfig_load_service_account(config, "h", "1", missing), MOON_CREDENTIAL, "no-pod/token");
  assert_error(moon_kubeconfig_load_service_account(config, NULL, "1", pod), MOON_CONFIG, "not in a pod");
  moon_kubeconfig_free(config);
  free(pod);
  free(bare);
  free(missing);
}

/* ------------------------------------------------------------------------------------------------------------- fuzz */

static const char *const seeds[] = {
    WITH_USER("{token: t, as: x, as-groups: [a, b], as-user-extra: {k: [v]}, exec: {apiVersion: a/v1, command: ./x, "
              "args: [a], env: [{name: A, value: b}], interactiveMode: Never}}"),
    "# block style\napiVersion: v1\nkind: Config\ncurrent-context: c\npreferences: {}\nx-base: &base\n  server: "
    "https://h\n  tls-server-name: &n \"na\\u00e9me\"\nclusters:\n- name: k\n  cluster:\n    <<: *base\n    "
    "certificate-authority-data: |\n      LS0tLS1CRUdJTiBYLS0tLS0K\n      UVVKRAotLS0tLUVORCBYLS0tLS0K\n- name: *n\n  "
    "cluster: {<<: [*base, {server: x}]}\ncontexts:\n- context:\n    cluster: k\n    user: u\n  name: c\nusers:\n- "
    "name: "
    "u\n  user:\n    client-certificate-data: " PEM_64 "\n    client-key-data: >-\n      " PEM_64
    "\n    auth-provider: {name: oidc, config: {a: b}}\n",
    "{\"kind\":\"Config\",\"apiVersion\":\"v1\",\"current-context\":\"c\",\"contexts\":[{\"name\":\"c\",\"context\":{"
    "\"cluster\":\"k\",\"user\":\"u\",\"namespace\":\"n\"}}],\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":"
    "\"https:\\/\\/[::1]:6443\\/p\",\"insecure-skip-tls-verify\":true}}],\"users\":[{\"name\":\"u\",\"user\":{"
    "\"username\":\"a\",\"password\":\"\\u0041\"}}]}",
};

/* The result does not matter, only that there is one: the sanitizers watch. */
static void survive(const char *text, size_t len) {
  char *exact = moon_alloc(len); /* so that reading past its end is seen */
  memcpy(exact, text, len);
  moon_kubeconfig *config = moon_kubeconfig_new();
  moon_error *err = moon_kubeconfig_load_text(config, exact, len, "f", folder);
  for (size_t i = 0; !err && i < moon_kubeconfig_context_count(config); i++) {
    moon_context_info context;
    moon_kubeconfig_context_at(config, i, &context);
    moon_target *target = NULL;
    moon_error *resolved = moon_kubeconfig_target(config, context.name, &target);
    if (resolved)
      moon_error_free(resolved);
    else
      moon_target_release(target);
  }
  if (err) assert_non_null(strstr(err->message, "f:"));
  moon_error_free(err);
  moon_kubeconfig_free(config);
  free(exact);
}

static void survives_every_prefix(void **state) {
  for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
    for (size_t len = 0; len <= strlen(seeds[i]); len++) survive(seeds[i], len);
}

static void survives_random_changes(void **state) {
  static const char spice[] = "{}[]:,-?&*!|>'\"%@`#~<\\ \t\r\n\xff\xef\0x";
  moon_random_seed(20240607);
  for (int round = 0; round < 6000; round++) {
    const char *seed = seeds[moon_random_below(sizeof seeds / sizeof *seeds)];
    moon_buffer text = {0};
    moon_buffer_add_text(&text, seed);
    for (uint64_t n = 1 + moon_random_below(6); n > 0; n--) {
      size_t at = moon_random_below(text.len), from = moon_random_below(text.len);
      size_t len = moon_random_below(40);
      switch (moon_random_below(4)) {
      case 0: /* another character */
        text.data[at] = spice[moon_random_below(sizeof spice)];
        break;
      case 1: /* any byte */
        text.data[at] = (char)moon_random();
        break;
      case 2: /* a piece copied over another place */
        if (at + len < text.len && from + len < text.len) memmove(text.data + at, text.data + from, len);
        break;
      default: /* a piece cut out */
        if (at + len < text.len) {
          memmove(text.data + at, text.data + at + len, text.len - at - len);
          text.len -= len;
        }
      }
    }
    survive(text.data, text.len);
    moon_buffer_free(&text);
  }
}

/* ---------------------------------------------------------------------------------------------------- did you mean */

static void finds_the_nearest_name(void **state) {
  static const char *const names[] = {"maxConnections", "minConnections", "maxIdleTime", "acquireTimeout"};
  assert_string_equal(moon_nearest("maxConections", names, 4), "maxConnections");
  assert_string_equal(moon_nearest("MINCONNECTIONS", names, 4), "minConnections");
  assert_string_equal(moon_nearest("aquireTimeout", names, 4), "acquireTimeout");
  assert_string_equal(moon_nearest("maxIdelTime", names, 4), "maxIdleTime");
  assert_null(moon_nearest("colour", names, 4));
  assert_null(moon_nearest("", names, 4));
  assert_null(moon_nearest("x", (const char *const[]){"y"}, 1));
  assert_null(moon_nearest("x", NULL, 0));
}

static int make_folder(void **state) {
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  char *command = moon_sprintf("rm -r '%s'", folder);
  int status = system(command);
  free(command);
  return status;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_yaml_as_kubectl_does),
      cmocka_unit_test(takes_an_empty_file_as_an_empty_config),
      cmocka_unit_test(reads_utf_16),
      cmocka_unit_test(refuses_aliases_that_explode),
      cmocka_unit_test(follows_a_long_chain_of_merges),
      cmocka_unit_test(refuses_nesting_without_end),
      cmocka_unit_test(decodes_base64_as_go_does),
      cmocka_unit_test(names_the_field_of_wrong_base64_but_not_its_value),
      cmocka_unit_test(reads_data_fields_in_block_style),
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
      cmocka_unit_test(lets_the_first_definition_win_as_a_whole),
      cmocka_unit_test(changes_nothing_when_a_load_fails),
      cmocka_unit_test(says_which_file_cannot_be_read),
      cmocka_unit_test(finds_the_default_files),
      cmocka_unit_test(loads_the_service_account_of_a_pod),
      cmocka_unit_test(survives_every_prefix),
      cmocka_unit_test(survives_random_changes),
      cmocka_unit_test(finds_the_nearest_name),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
