/* kubeconfig_yaml_spec.c: what kubeconfigs may look like: YAML, base64, and whatever else a file may hold. What the
 * cases expect was compared with kubectl 1.32 when they were written; where we differ on purpose, the case says so.
 * Whole files are compared in spec/kubeconfig_table_spec.lua. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/random.h"
#include "kube/base64.h"
#include "support/kubeconfig_fixture.h"

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
    {"x: 1\ny: *q\n" TOKEN("t"), NULL, "f:2: an alias whose anchor does not come before it"},

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
      cmocka_unit_test(survives_every_prefix),
      cmocka_unit_test(survives_random_changes),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
